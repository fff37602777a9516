/* model/curvature.c - the exact second derivative of the loss along one direction (Pearlmutter 1994).
 *
 * With a prime for the derivative along p = (P_in, P_rec, P_out):
 *   a'(k) = P_in u + P_rec r(k-1) + W_rec r'(k-1),   r' = (1 - r^2) a',   y' = W_out r' + P_out r
 *   p'Hp  = sum of weight 2 / (n_trials n_steps) y'^2 + 2 dE/dy P_out r' + 2 dE/da P_rec r'(k-1) + dE/dr (tanh a)'' a'^2
 * One pass forward and no tanh: the trajectories and the adjoints are those of the last loss and gradient. */
#include "problem.h"

/* Second derivative of what a node passes on: tanh'' = -2 r (1 - r^2), and dE/dr (1 - r^2) is dE/da, which for the latent readout
 * has a part of its own that does not come through the rate. */
static double bends(const esp_rnn_problem *p, const esp_kernel *k)
{
  const struct esp_rnn_tangent *t = p->tangent;
  const size_t n_states = (size_t)p->tree->n_nodes * (size_t)p->ld;
  const double all = k->dot(n_states, p->adjoint, t->bend);
  if (p->shape.readout == ESP_READOUT_RATE)
    return 2 * all;
  k->rows_times_matrix(p->tree->n_nodes, p->shape.n_out, p->ld, p->row[DY], p->weights.out, p->row[REST], t->product);
  return 2 * (all - k->dot(n_states, t->product, t->bend));
}

double esp_rnn_curvature(esp_rnn_problem *p, const double *direction)
{
  struct esp_rnn_tangent *t = p->tangent;
  const esp_tree *tree = p->tree;
  const esp_kernel *k = esp_kernel_in_use();
  const esp_levels levels = esp_rnn_levels(p);
  const size_t n_states = (size_t)tree->n_nodes * (size_t)p->ld;
  const int n = p->shape.n_hid, n_out = p->shape.n_out;
  esp_rnn_set_weights(&p->shape, direction, &t->direction);
  k->rows_times_matrix(tree->n_drives, tree->n_in, p->ld, p->row[INPUT], t->direction.in_t, p->row[REST], t->drive);
  k->rows_times_matrix(tree->n_nodes, n, p->ld, p->row[RATE_OF_PARENT], t->direction.rec_t, t->drive_of_node, t->start);
  k->tangent(&levels, t->rate_of_parent, p->weights.rec_t, t->start_of_node, p->rate, t->a, t->rate, t->bend);

  esp_rnn_read_out(p, &p->weights, t->a ? t->a : t->rate, t->state, t->y[0]);
  esp_rnn_read_out(p, &t->direction, p->shape.readout == ESP_READOUT_LATENT ? p->a : p->rate, p->row[STATE], t->y[1]);
  esp_rnn_read_out(p, &t->direction, t->a ? t->a : t->rate, t->state, t->y[2]);
  double sum = bends(p, k);
  k->rows_times_matrix(tree->n_nodes, n, p->ld, t->rate_of_parent, t->direction.rec_t, p->row[REST], t->product);
  sum += 2 * k->dot(n_states, p->adjoint, t->product) + 2 * k->dot((size_t)tree->n_nodes * (size_t)n_out, p->dy, t->y[2]);
  const double scale = 2.0 / ((double)tree->n_trials * tree->n_steps);
  for (int node = 0; node < tree->n_nodes; node++)
    for (int o = 0, i = node * n_out; o < n_out; o++, i++) {
      const double y = t->y[0][i] + t->y[1][i] + t->direction.bias[o];
      sum += scale * tree->weight[node] * y * y;
    }
  return sum;
}
