/* espalier/tree.h - a training set as a tree of input histories. Pure, local.
 *
 * The state of a network at step k is a function of its inputs up to k, so trials whose inputs are equal so far share one
 * node; they differ in their targets only, and
 *     sum over the n trials of a node of (y - t)^2 = n (y - mean t)^2 + sum (t - mean t)^2,
 * where the second sum is a constant of the set. Exact. The 20 trials x 58 steps of the DMS set become 142 nodes; with noise
 * on the inputs every trial is its own branch and nothing is shared. */
#ifndef ESPALIER_TREE_H
#define ESPALIER_TREE_H
#include <stddef.h>

#include "espalier/error.h"
#include "espalier/workspace.h"

/** A set of trials as a task makes it; borrowed. */
typedef struct {
  int n_trials, n_steps, n_in, n_out;
  double *input;  /* [trial, step, input]  */
  double *target; /* [trial, step, output] */
} esp_trials;

/** Take room for a set of trials and set its sizes. @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_trials_take(int n_trials, int n_steps, int n_in, int n_out, esp_workspace *ws, esp_trials *trials);

typedef struct {
  int n_trials, n_steps, n_in, n_out;
  int n_nodes;          /* distinct histories over all steps                                          */
  int n_drives;         /* distinct input vectors (of a noisy set one may be listed more than once)   */
  int *level;           /* first node of each step, and n_nodes              [n_steps + 1]            */
  int *parent;          /* node one step earlier, -1 at the first step       [n_nodes]                */
  int *drive;           /* input of a node                                   [n_nodes]                */
  int *node;            /* node of a trial at a step                         [trial, step]            */
  double *weight;       /* trials that pass through a node                   [n_nodes]                */
  double *target;       /* mean target of those trials                       [n_nodes, output]        */
  int ld_in;            /* n_in padded to a multiple of 8                                             */
  double *drive_input;  /* the distinct inputs, padded with zeros            [n_drives, ld_in]        */
  double constant;      /* sum over nodes of sum (t - mean t)^2                                       */
} esp_tree;

/** Build the tree. Histories are equal if all their input bits are (0.0 and -0.0 count as equal).
 *  @param input_lag  0: u(k) drives step k (published code); 1: u(k-1) does, u(0) = 0 (paper, Eq. 1)
 *  @param ws         borrowed by the tree until rewound; scratch beyond that is given back
 *  @return ESP_OK, ESP_ERR_ARG, ESP_ERR_NOMEM. */
esp_err esp_tree_build(const esp_trials *trials, int input_lag, esp_workspace *ws, esp_tree *tree);

#endif
