/* model/problem.h - what the files that work on a problem share. */
#ifndef ESPALIER_MODEL_PROBLEM_H
#define ESPALIER_MODEL_PROBLEM_H
#include "espalier/rnn.h"
#include "kernels.h"

/* Which rows problem->row holds, by node unless it says otherwise. */
enum {
  RATE_OF_PARENT, /* rate of the node one step earlier                                              */
  DRIVE_OF_NODE,  /* W_in u                                                                         */
  CHILD_SUM,      /* the adjoint of its only child, or the row where several are added up           */
  STATE,          /* what the readout reads, the rate or a                                          */
  DY,             /* dE/dy                                                                          */
  REST,           /* zeros                                                                          */
  INPUT,          /* by drive: the input itself, padded                                             */
};

/* What the exact curvature needs besides, all along one direction p; a prime is the derivative in that direction. */
struct esp_rnn_tangent {
  esp_rnn_weights direction; /* p, as weights P_in, P_rec, P_out                       */
  double *drive;             /* P_in u                                [n_drives, ld]   */
  double *start;             /* P_in u + P_rec r of the parent        [n_nodes, ld]    */
  double *a, *rate;          /* a' (latent readout only), r'          [n_nodes, ld]    */
  double *bend;              /* -r a'^2                               [n_nodes, ld]    */
  double *product;           /* P_rec r' of the parent                [n_nodes, ld]    */
  double *y[3];              /* W_out r', P_out r, P_out r'           [n_nodes, n_out] */
  const double **drive_of_node, **start_of_node, **rate_of_parent, **state; /* rows, by node */
};

static inline esp_levels esp_rnn_levels(const esp_rnn_problem *p)
{
  return (esp_levels){.n_levels = p->tree->n_steps, .first = p->tree->level, .n = p->shape.n_hid, .ld = p->ld};
}

/** Row of a node in a state array. */
static inline double *esp_rnn_row(const esp_rnn_problem *p, double *states, int node)
{
  return states + (size_t)node * (size_t)p->ld;
}

/** Copy weights w [n_weights] into the orientations that products want. */
void esp_rnn_set_weights(const esp_rnn_shape *shape, const double *w, esp_rnn_weights *weights);

/** y = W_out state, by node; the bias aside. states [n_nodes, ld], with their rows by node; y_padded is scratch. */
void esp_rnn_read_out(const esp_rnn_problem *p, const esp_rnn_weights *weights, const double *states, const double *const *rows,
                      double *y);

#endif
