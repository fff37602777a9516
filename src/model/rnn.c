/* model/rnn.c - all trials at once: loss level by level down the tree (inputs, states, outputs), gradient back up (adjoints, then one sum
 * of products for each weight matrix). The gradient is that of the last loss, whose states it reads.
 *
 * Nodes stand for many trials, so their errors carry weights; what the tree keeps as a constant belongs to the loss and to no
 * derivative. */
#include "espalier/rnn.h"

#include <math.h>
#include <string.h>

#include "problem.h"

/* A dot product of each row, or for several outputs one product with W_out'. */
void esp_rnn_read_out(const esp_rnn_problem *p, const esp_rnn_weights *weights, const double *states, const double *const *rows,
                      double *y)
{
  const esp_kernel *k = esp_kernel_in_use();
  const int n_nodes = p->tree->n_nodes, n_out = p->shape.n_out, ld_y = esp_padded(n_out);
  if (n_out == 1) {
    k->rows_times_vector(n_nodes, p->ld, states, weights->out, y);
    return;
  }
  k->rows_times_matrix(n_nodes, p->shape.n_hid, ld_y, rows, weights->out_t, p->row[REST], p->y_padded);
  for (int node = 0; node < n_nodes; node++)
    memcpy(y + (size_t)node * (size_t)n_out, p->y_padded + (size_t)node * (size_t)ld_y, (size_t)n_out * sizeof *y);
}

double esp_rnn_loss(esp_rnn_problem *p, const double *w)
{
  const esp_tree *tree = p->tree;
  const esp_kernel *k = esp_kernel_in_use();
  const esp_levels levels = esp_rnn_levels(p);
  const double n_samples = (double)tree->n_trials * tree->n_steps;
  esp_rnn_set_weights(&p->shape, w, &p->weights);
  k->rows_times_matrix(tree->n_drives, tree->n_in, p->ld, p->row[INPUT], p->weights.in_t, p->row[REST], p->drive);
  k->forward(&levels, p->row[RATE_OF_PARENT], p->weights.rec_t, p->row[DRIVE_OF_NODE], p->a, p->rate);
  esp_rnn_read_out(p, &p->weights, p->shape.readout == ESP_READOUT_LATENT ? p->a : p->rate, p->row[STATE], p->y);
  const int n_out = p->shape.n_out;
  for (int node = 0; node < tree->n_nodes; node++)
    for (int o = 0, i = node * n_out; o < n_out; o++, i++) {
      p->y[i] += p->weights.bias[o];
      p->difference[i] = p->y[i] - tree->target[i];
      p->dy[i] = 2 / n_samples * tree->weight[node] * p->difference[i];
    }
  return tree->constant / n_samples + 0.5 * k->dot((size_t)tree->n_nodes * (size_t)n_out, p->dy, p->difference);
}

/* dE/da of every node, last step first:
 *   rate readout:    dE/da = (1 - r^2) (W_out' dE/dy + W_rec' sum of dE/da over the children)
 *   latent readout:  dE/da = W_out' dE/dy + (1 - r^2) W_rec' sum of dE/da over the children
 * Children add up before the product, so each node costs one product however many children it has. */
static void sweep_back(esp_rnn_problem *p, const esp_kernel *k)
{
  const esp_levels levels = esp_rnn_levels(p);
  const esp_backward back = {.n_out = p->shape.n_out,
                             .dy = p->dy,
                             .w_out = p->weights.out,
                             .latent = p->shape.readout == ESP_READOUT_LATENT,
                             .sibling_sum = p->sibling_sum,
                             .drive_sum = p->drive_sum};
  memset(p->child_sum, 0, (size_t)p->n_sums * (size_t)p->ld * sizeof(double));
  if (p->drive_sum[0])
    memset(p->drive_adjoint, 0, (size_t)p->tree->n_drives * (size_t)p->ld * sizeof(double));
  k->backward(&levels, p->row[CHILD_SUM], p->weights.rec, p->rate, &back, p->adjoint);
}

void esp_rnn_gradient(esp_rnn_problem *p, double *gradient)
{
  const esp_tree *tree = p->tree;
  const esp_kernel *k = esp_kernel_in_use();
  const int n = p->shape.n_hid, n_out = p->shape.n_out, ld = p->ld, stride_out = n + p->shape.bias;
  double *d_rec = gradient + esp_rnn_w_rec_offset(&p->shape), *d_out = gradient + esp_rnn_w_out_offset(&p->shape);
  const int roots = tree->level[1]; /* at the first step the rate before is zero: nothing for W_rec */
  sweep_back(p, k);
  k->sum_of_products(tree->n_drives, n, ld, p->drive_sum[0] ? p->drive_adjoint : p->adjoint, tree->n_in, p->row[INPUT],
                     tree->n_in, gradient);
  k->sum_of_products(tree->n_nodes - roots, n, ld, esp_rnn_row(p, p->adjoint, roots), n, p->row[RATE_OF_PARENT] + roots, n,
                     d_rec);
  k->sum_of_products(tree->n_nodes, n_out, n_out, p->dy, n, p->row[STATE], stride_out, d_out);
  for (int o = 0; p->shape.bias && o < n_out; o++) {
    double sum = 0.0;
    for (int node = 0; node < tree->n_nodes; node++)
      sum += p->dy[node * n_out + o];
    d_out[(size_t)o * (size_t)stride_out + (size_t)n] = sum;
  }
}

static double dot_in_order(int n, const double *a, const double *b)
{
  double sum = 0.0;
  for (int i = 0; i < n; i++)
    sum += a[i] * b[i];
  return sum;
}

/* A block of the bandit task is played once and then trained on for many calls: no need for the kernels. */
void esp_rnn_step(const esp_rnn_shape *shape, const double *w, const double *u, double *r, double *a, double *y)
{
  const int n = shape->n_hid, n_in = shape->n_in, stride_out = n + shape->bias;
  const double *w_rec = w + esp_rnn_w_rec_offset(shape), *w_out = w + esp_rnn_w_out_offset(shape);
  for (int i = 0; i < n; i++)
    a[i] = dot_in_order(n, w_rec + i * n, r) + dot_in_order(n_in, w + i * n_in, u);
  for (int i = 0; i < n; i++)
    r[i] = tanh(a[i]);
  for (int o = 0; o < shape->n_out; o++) {
    const double *row = w_out + o * stride_out;
    y[o] = dot_in_order(n, row, shape->readout == ESP_READOUT_LATENT ? a : r) + (shape->bias ? row[n] : 0.0);
  }
}

static double loss(void *context, const double *w)
{
  return esp_rnn_loss(context, w);
}

static void gradient(void *context, double *g)
{
  esp_rnn_gradient(context, g);
}

static double curvature(void *context, const double *p)
{
  return esp_rnn_curvature(context, p);
}

esp_objective esp_rnn_objective(esp_rnn_problem *p)
{
  return (esp_objective){.n = esp_rnn_n_weights(&p->shape),
                         .loss = loss,
                         .gradient = gradient,
                         .curvature = p->tangent ? curvature : NULL,
                         .context = p};
}
