/* espalier/trajectory.h - what a finished network does on given trials: hidden states and outputs. Pure, local.
 *
 * The recursion is that of rnn.h; here its states are laid out trial by trial for the analyses. Dimensionless; one step is
 * one bin. Trials, steps and units are indexed from 0 in arrays; bins named in arguments count from 1, as in the paper. */
#ifndef ESPALIER_TRAJECTORY_H
#define ESPALIER_TRAJECTORY_H
#include "espalier/error.h"
#include "espalier/rnn.h"
#include "espalier/tree.h"
#include "espalier/workspace.h"

typedef struct {
  int n_trials, n_steps, n_hid, n_out;
  double *a; /* hidden state a(k) [trial, step, unit]   */
  double *y; /* output            [trial, step, output] */
} esp_trajectories;

/** Take room for the trajectories of that many trials; stays taken until the caller rewinds ws.
 *  @return ESP_OK, ESP_ERR_NOMEM. */
esp_err esp_trajectories_take(const esp_rnn_shape *shape, int n_trials, int n_steps, esp_workspace *ws, esp_trajectories *t);

/** Run the network with weights w [n_weights] through the trials; targets are not looked at but must be there.
 *  @param input_lag  as in esp_tree_build
 *  @param t          taken for these sizes
 *  @param ws         scratch, given back on return
 *  @return ESP_OK, ESP_ERR_ARG, ESP_ERR_NOMEM, or ESP_ERR_DIVERGED if a state or an output is not finite (t is filled). */
esp_err esp_trajectories_run(const esp_rnn_shape *shape, const double *w, const esp_trials *trials, int input_lag,
                             const esp_trajectories *t, esp_workspace *ws);

/** State a of a trial (from 0) at a bin (from 1) [unit]; the following bins lie behind it: [bin, unit]. */
const double *esp_trajectory_state(const esp_trajectories *t, int trial, int bin);

/** Output of a trial (from 0) at a bin (from 1) [output]; the following bins lie behind it. */
const double *esp_trajectory_output(const esp_trajectories *t, int trial, int bin);

#endif
