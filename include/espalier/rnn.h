/* espalier/rnn.h - hidden-state recursion of one network and its exact gradient (paper, Eqs. 1-3). Pure numerics, local.
 *
 *   a(k) = W_rec r(k-1) + W_in u(k),   r = tanh(a),   r(0) = 0,   y(k) = W_out r(k) + b
 *   E = sum over trials, steps, outputs of (y - target)^2 / (n_trials n_steps);   dE/dw by backpropagation through time
 *
 * As in the published code; the printed Eq. 1 has u(k-1) (input_lag 1, see tree.h) and Eq. 3 reads a instead of r (readout
 * latent). The bias b is the last column of W_out where the shape has one, otherwise absent. All quantities are
 * dimensionless; one step is one bin of about 50 ms.
 *
 * All trials of a set are run at once on their tree of input histories (tree.h): trials with equal inputs so far share one
 * trajectory. Every sum has a fixed order, so equal calls give equal bits, with AVX2 and AVX-512 alike, whatever ranks and
 * restarts there were. */
#ifndef ESPALIER_RNN_H
#define ESPALIER_RNN_H
#include <stdbool.h>
#include <stddef.h>

#include "espalier/error.h"
#include "espalier/objective.h"
#include "espalier/tree.h"
#include "espalier/workspace.h"

typedef enum { ESP_READOUT_RATE, ESP_READOUT_LATENT } esp_readout;

typedef struct {
  int n_hid, n_in, n_out; /* hidden units, input channels, outputs       */
  bool bias;              /* W_out has a last column for the output bias */
  esp_readout readout;
} esp_rnn_shape;

/** Number of weights: n_hid n_in + n_hid^2 + n_out (n_hid + bias). */
size_t esp_rnn_n_weights(const esp_rnn_shape *shape);

/** Where the three matrices lie in a vector of weights: W_in [post, input], then W_rec [post, pre], then
 *  W_out [output, unit]; row-major. */
size_t esp_rnn_w_rec_offset(const esp_rnn_shape *shape);
size_t esp_rnn_w_out_offset(const esp_rnn_shape *shape);

/** A vector of weights in the orientations that products want, padded with zeros. */
typedef struct {
  double *in_t;           /* W_in transposed                                    [n_in, ld]           */
  double *rec_t, *rec;    /* W_rec transposed; W_rec                            [ld, ld]             */
  double *out, *bias;     /* W_out and its bias column                          [n_out, ld], [n_out] */
  double *out_t;          /* for several outputs: W_out transposed              [n_hid, n_out padded] */
} esp_rnn_weights;

#define ESP_RNN_ROWS 7

/** A network on a set of trials, ready to be evaluated; arrays are borrowed from the workspace it was made in. Rows
 *  are padded to ld with zeros. */
typedef struct {
  esp_rnn_shape shape;
  const esp_tree *tree;
  int ld;
  esp_rnn_weights weights; /* of the last loss()                                                     */
  double *drive;         /* W_in u of each distinct input                       [n_drives, ld]       */
  double *a, *rate;      /* a(k); tanh(a(k))                                    [n_nodes, ld]        */
  double *y, *dy;        /* output; dE/dy                                       [n_nodes, n_out]     */
  double *difference;    /* output minus mean target                            [n_nodes, n_out]     */
  double *adjoint;       /* dE/da                                               [n_nodes, ld]        */
  double *child_sum;     /* sum of dE/da over several children of a node        [n_sums, ld]         */
  double *drive_adjoint; /* sum of dE/da over the nodes of an input             [n_drives, ld]       */
  double *y_padded;      /* for several outputs                                 [n_nodes, n_out padded] */
  double *rest;          /* zeros                                               [ld]                 */
  const double **row[ESP_RNN_ROWS]; /* rows that are read, by node or drive; set once, see rnn.c     */
  double **sibling_sum, **drive_sum; /* by node: rows that its dE/da is added to, or NULL            */
  int n_sums;            /* nodes with several children                                              */
  struct esp_rnn_tangent *tangent; /* for the exact curvature; NULL: there is none                   */
} esp_rnn_problem;

/** Take what a problem needs from ws. tree is borrowed until the last use.
 *  @return ESP_OK, ESP_ERR_ARG if shape and tree do not fit, ESP_ERR_NOMEM. */
esp_err esp_rnn_problem_take(const esp_rnn_shape *shape, const esp_tree *tree, esp_workspace *ws,
                             esp_rnn_problem *problem);

/** Loss at the weights w [n_weights]; keeps the trajectories (problem->a, rate, y). May be infinite or NaN. */
double esp_rnn_loss(esp_rnn_problem *problem, const double *w);

/** Gradient [n_weights] at the weights of the last esp_rnn_loss(). */
void esp_rnn_gradient(esp_rnn_problem *problem, double *gradient);

/** Give a problem what the exact curvature needs, from ws; its objective then has one.
 *  @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_rnn_tangent_take(esp_rnn_problem *problem, esp_workspace *ws);

/** p'Hp: second derivative of the loss along a direction p [n_weights], exact, at the weights of the last loss and gradient
 *  (Pearlmutter 1994, Neural Computation 6:147-160). The problem must have a tangent. */
double esp_rnn_curvature(esp_rnn_problem *problem, const double *direction);

/** One step of one network from one state, for a task whose next input depends on what the network did:
 *      a = W_rec r + W_in u,   then r = tanh(a),   y = W_out r + b   (latent readout: W_out a + b)
 *  Agrees with esp_rnn_loss() up to rounding, which sums in another order.
 *  @param[in]     w  weights              [n_weights]
 *  @param[in]     u  input of this step   [n_in]
 *  @param[in,out] r  tanh of the state before, and then of the state after [n_hid]; zeros before the first step
 *  @param[out]    a  state after          [n_hid]
 *  @param[out]    y  output               [n_out]; not finite if a network has diverged */
void esp_rnn_step(const esp_rnn_shape *shape, const double *w, const double *u, double *r, double *a, double *y);

/** Loss, gradient and (with a tangent) curvature as an objective (objective.h); borrows problem. */
esp_objective esp_rnn_objective(esp_rnn_problem *problem);

#endif
