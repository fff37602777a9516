/* model/rnn.c - all trials at once, level by level down the tree and back up. */
#include "espalier/rnn.h"

#include <cblas.h>
#include <string.h>

#include "kernels.h"

static const esp_kernel *kernel(void)
{
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return &esp_kernel_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return &esp_kernel_avx2;
#endif
  return &esp_kernel_portable;
}

const char *esp_kernel_name(void)
{
  return kernel()->name;
}

void esp_one_thread(void)
{
  openblas_set_num_threads(1);
}

static int padded(int n)
{
  return (n + 7) / 8 * 8;
}

/* Row of a node in a state array; node -1 is rest. */
static double *row(const esp_rnn_problem *p, double *states, int node)
{
  return states + (size_t)(node + 1) * (size_t)p->ld;
}

size_t esp_rnn_w_rec_offset(const esp_rnn_shape *shape)
{
  return (size_t)shape->n_hid * (size_t)shape->n_in;
}

size_t esp_rnn_w_out_offset(const esp_rnn_shape *shape)
{
  return esp_rnn_w_rec_offset(shape) + (size_t)shape->n_hid * (size_t)shape->n_hid;
}

size_t esp_rnn_n_weights(const esp_rnn_shape *shape)
{
  return esp_rnn_w_out_offset(shape) + (size_t)shape->n_out * (size_t)(shape->n_hid + shape->bias);
}

/* How many doubles the arrays of a problem have: the one list that sizing and taking share. */
typedef struct {
  size_t w_out, square, drives, states, outputs;
} sizes;

static sizes problem_sizes(const esp_rnn_shape *shape, long n_nodes, long n_drives)
{
  const size_t ld = (size_t)padded(shape->n_hid), nodes = (size_t)n_nodes;
  return (sizes){.w_out = (size_t)shape->n_out * (size_t)(shape->n_hid + shape->bias),
                 .square = (size_t)shape->n_hid * ld,
                 .drives = (size_t)n_drives * ld,
                 .states = (nodes + 1) * ld,
                 .outputs = nodes * (size_t)shape->n_out};
}

size_t esp_rnn_workspace_bytes(const esp_rnn_shape *shape, long n_nodes, long n_drives)
{
  const sizes s = problem_sizes(shape, n_nodes, n_drives);
  const size_t d = sizeof(double);
  return esp_workspace_bytes(s.w_out * d) + 2 * esp_workspace_bytes(s.square * d) + 2 * esp_workspace_bytes(s.drives * d) +
         5 * esp_workspace_bytes(s.states * d) + 2 * esp_workspace_bytes(s.outputs * d) +
         4 * esp_workspace_bytes((size_t)n_nodes * sizeof(double *));
}

static esp_err take_zeroed(esp_workspace *ws, size_t n, double **out)
{
  ESP_TRY(esp_workspace_take(ws, n, out));
  memset(*out, 0, n * sizeof **out); /* padding and the row of rest stay zero from here on */
  return ESP_OK;
}

static esp_err take_rows(esp_workspace *ws, int n, const double ***out)
{
  unsigned char *bytes;
  ESP_TRY(esp_workspace_take_bytes(ws, (size_t)n * sizeof **out, &bytes));
  *out = (const double **)(void *)bytes;
  return ESP_OK;
}

esp_err esp_rnn_problem_take(const esp_rnn_shape *shape, const esp_tree *tree, esp_workspace *ws, esp_rnn_problem *p)
{
  ESP_REQUIRE(shape->n_hid > 0 && shape->n_in == tree->n_in && shape->n_out == tree->n_out, ESP_ERR_ARG,
              "a network of %d units, %d inputs, %d outputs on trials of %d inputs, %d outputs", shape->n_hid, shape->n_in,
              shape->n_out, tree->n_in, tree->n_out);
  const sizes s = problem_sizes(shape, tree->n_nodes, tree->n_drives);
  *p = (esp_rnn_problem){.shape = *shape, .tree = tree, .ld = padded(shape->n_hid)};
  double **const square[] = {&p->pre_major, &p->post_major}, **const drives[] = {&p->drive, &p->drive_adjoint};
  double **const states[] = {&p->a, &p->rate, &p->own, &p->adjoint, &p->child_sum}, **const outputs[] = {&p->y, &p->dy};
  const double ***const rows[] = {&p->rate_of_parent, &p->drive_of_node, &p->child_sum_of_node, &p->own_of_node};
  ESP_TRY(take_zeroed(ws, s.w_out, &p->w_out));
  for (int i = 0; i < 2; i++) {
    ESP_TRY(take_zeroed(ws, s.square, square[i]));
    ESP_TRY(take_zeroed(ws, s.drives, drives[i]));
    ESP_TRY(take_zeroed(ws, s.outputs, outputs[i]));
  }
  for (int i = 0; i < 5; i++)
    ESP_TRY(take_zeroed(ws, s.states, states[i]));
  for (int i = 0; i < 4; i++)
    ESP_TRY(take_rows(ws, tree->n_nodes, rows[i]));

  const bool latent = shape->readout == ESP_READOUT_LATENT;
  for (int node = 0; node < tree->n_nodes; node++) {
    p->rate_of_parent[node] = row(p, p->rate, tree->parent[node]);
    p->drive_of_node[node] = p->drive + (size_t)tree->drive[node] * (size_t)p->ld;
    p->child_sum_of_node[node] = row(p, p->child_sum, node);
    p->own_of_node[node] = row(p, p->own, latent ? -1 : node); /* latent: added behind the slope of tanh, zeros here */
  }
  return ESP_OK;
}

/* Padded copies of the weights in both orientations, and W_in u of every distinct input. */
static void set_weights(esp_rnn_problem *p, const double *w)
{
  const esp_tree *tree = p->tree;
  const int n = p->shape.n_hid, m = p->shape.n_in, ld = p->ld;
  const double *w_rec = w + esp_rnn_w_rec_offset(&p->shape);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      p->post_major[(size_t)i * (size_t)ld + (size_t)j] = w_rec[(size_t)i * (size_t)n + (size_t)j];
      p->pre_major[(size_t)j * (size_t)ld + (size_t)i] = w_rec[(size_t)i * (size_t)n + (size_t)j];
    }
  memcpy(p->w_out, w + esp_rnn_w_out_offset(&p->shape), (size_t)p->shape.n_out * (size_t)(n + p->shape.bias) * sizeof *w);
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, tree->n_drives, n, m, 1.0, tree->drive_input, m, w, m, 0.0, p->drive,
              ld);
}

/* y = W_out r + b of every node, where r is the rate or, for the latent readout, a itself. */
static void read_out(esp_rnn_problem *p)
{
  const int n = p->shape.n_hid, n_out = p->shape.n_out, ld_out = n + p->shape.bias;
  double *state = p->shape.readout == ESP_READOUT_LATENT ? p->a : p->rate;
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, p->tree->n_nodes, n_out, n, 1.0, row(p, state, 0), p->ld, p->w_out,
              ld_out, 0.0, p->y, n_out);
  if (p->shape.bias)
    for (int node = 0; node < p->tree->n_nodes; node++)
      for (int o = 0; o < n_out; o++)
        p->y[node * n_out + o] += p->w_out[o * ld_out + n];
}

double esp_rnn_loss(esp_rnn_problem *p, const double *w)
{
  const esp_tree *tree = p->tree;
  const esp_kernel *k = kernel();
  const int n_out = p->shape.n_out;
  set_weights(p, w);
  for (int step = 0; step < tree->n_steps; step++) {
    const int first = tree->level[step], count = tree->level[step + 1] - first;
    k->rows_times_matrix(count, p->shape.n_hid, p->ld, p->rate_of_parent + first, p->pre_major, p->drive_of_node + first,
                         row(p, p->a, first));
    k->tanh_all((size_t)count * (size_t)p->ld, row(p, p->a, first), row(p, p->rate, first));
  }
  read_out(p);
  double sum = tree->constant;
  for (int node = 0; node < tree->n_nodes; node++)
    for (int i = node * n_out; i < (node + 1) * n_out; i++) {
      const double difference = p->y[i] - tree->target[i];
      sum += tree->weight[node] * difference * difference;
    }
  return sum / ((double)tree->n_trials * tree->n_steps);
}

/* dE/dy of every node, and W_out' dE/dy. */
static void output_adjoints(esp_rnn_problem *p)
{
  const esp_tree *tree = p->tree;
  const int n_out = p->shape.n_out;
  const double scale = 2.0 / ((double)tree->n_trials * tree->n_steps);
  for (int node = 0; node < tree->n_nodes; node++)
    for (int i = node * n_out; i < (node + 1) * n_out; i++)
      p->dy[i] = scale * tree->weight[node] * (p->y[i] - tree->target[i]);
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, tree->n_nodes, p->shape.n_hid, n_out, 1.0, p->dy, n_out, p->w_out,
              p->shape.n_hid + p->shape.bias, 0.0, row(p, p->own, 0), p->ld);
}

/* dE/da of every node, last step first:
 *   rate readout:    dE/da = (1 - r^2) (W_out' dE/dy + W_rec' sum of dE/da over the children)
 *   latent readout:  dE/da = W_out' dE/dy + (1 - r^2) W_rec' sum of dE/da over the children
 * Children add up in index order before the product, so each node costs one product however many children it has. */
static void sweep_back(esp_rnn_problem *p)
{
  const esp_tree *tree = p->tree;
  const esp_kernel *k = kernel();
  const bool latent = p->shape.readout == ESP_READOUT_LATENT;
  memset(p->child_sum, 0, (size_t)(tree->n_nodes + 1) * (size_t)p->ld * sizeof(double));
  memset(p->drive_adjoint, 0, (size_t)tree->n_drives * (size_t)p->ld * sizeof(double));
  for (int step = tree->n_steps - 1; step >= 0; step--) {
    const int first = tree->level[step], count = tree->level[step + 1] - first;
    k->rows_times_matrix(count, p->shape.n_hid, p->ld, p->child_sum_of_node + first, p->post_major, p->own_of_node + first,
                         row(p, p->adjoint, first));
    for (int node = first; node < first + count; node++) {
      double *restrict adjoint = row(p, p->adjoint, node);
      double *restrict parent = row(p, p->child_sum, tree->parent[node]);
      double *restrict drive = p->drive_adjoint + (size_t)tree->drive[node] * (size_t)p->ld;
      const double *restrict rate = row(p, p->rate, node), *restrict own = row(p, p->own, node);
      for (int i = 0; i < p->ld; i++) {
        adjoint[i] = (1.0 - rate[i] * rate[i]) * adjoint[i] + (latent ? own[i] : 0.0);
        parent[i] += adjoint[i];
        drive[i] += adjoint[i];
      }
    }
  }
}

void esp_rnn_gradient(esp_rnn_problem *p, double *gradient)
{
  const esp_tree *tree = p->tree;
  const int n = p->shape.n_hid, n_in = p->shape.n_in, n_out = p->shape.n_out, ld_out = n + p->shape.bias;
  double *d_in = gradient, *d_rec = gradient + esp_rnn_w_rec_offset(&p->shape);
  double *d_out = gradient + esp_rnn_w_out_offset(&p->shape);
  output_adjoints(p);
  sweep_back(p);
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, n_in, tree->n_drives, 1.0, p->drive_adjoint, p->ld,
              tree->drive_input, n_in, 0.0, d_in, n_in);
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, n, tree->n_nodes, 1.0, row(p, p->child_sum, 0), p->ld,
              row(p, p->rate, 0), p->ld, 0.0, d_rec, n);
  double *state = p->shape.readout == ESP_READOUT_LATENT ? p->a : p->rate;
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n_out, n, tree->n_nodes, 1.0, p->dy, n_out, row(p, state, 0), p->ld,
              0.0, d_out, ld_out);
  if (p->shape.bias)
    for (int o = 0; o < n_out; o++) {
      d_out[o * ld_out + n] = 0.0;
      for (int node = 0; node < tree->n_nodes; node++)
        d_out[o * ld_out + n] += p->dy[node * n_out + o];
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

esp_objective esp_rnn_objective(esp_rnn_problem *p)
{
  return (esp_objective){.n = esp_rnn_n_weights(&p->shape), .loss = loss, .gradient = gradient, .context = p};
}
