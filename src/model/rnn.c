/* model/rnn.c - all trials at once, level by level down the tree and back up. */
#include "espalier/rnn.h"

#include <string.h>

#include "kernels.h"

static int padded(int n)
{
  return (n + 7) / 8 * 8;
}

/* Row of a node in a state array. */
static double *row(const esp_rnn_problem *p, double *states, int node)
{
  return states + (size_t)node * (size_t)p->ld;
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

/* ---- memory ---- */

/* Which rows p->row holds. */
enum {
  RATE_OF_PARENT, /* by node: rate of the node one step earlier                                                  */
  DRIVE_OF_NODE,  /* by node: W_in u                                                                             */
  CHILD_SUM,      /* by node: the adjoint of its only child, or the row where several are added up              */
  OWN,            /* by node; for the latent readout zeros, because there it is added behind the slope of tanh   */
  STATE,          /* by node: what the readout reads, the rate or a                                              */
  DY,             /* by node: dE/dy                                                                              */
  REST,           /* by node: zeros                                                                              */
  INPUT,          /* by drive: the input itself                                                                  */
  DRIVE_SUM,      /* by drive: sum of dE/da over its nodes                                                       */
};

/* An array of a problem: where its pointer is, and how many doubles it has. */
typedef struct {
  double **at;
  size_t n;
} piece;

enum { N_PIECES = 20 };

/* All arrays of a problem: the one list that sizing and taking share. */
static void list_pieces(esp_rnn_problem *p, long n_nodes, long n_drives, piece pieces[N_PIECES])
{
  const size_t ld = (size_t)padded(p->shape.n_hid), n = (size_t)p->shape.n_hid, n_out = (size_t)p->shape.n_out;
  const size_t ld_y = (size_t)padded(p->shape.n_out);
  const size_t drives = (size_t)n_drives * ld, states = (size_t)n_nodes * ld, outputs = (size_t)n_nodes * n_out;
  const piece list[N_PIECES] = {
      {&p->w_in_t, (size_t)p->shape.n_in * ld}, {&p->w_rec_t, n * ld},    {&p->w_rec, n * ld},       {&p->w_out, n_out * ld},
      {&p->bias, n_out},                        {&p->drive, drives},      {&p->drive_adjoint, drives}, {&p->a, states},
      {&p->rate, states},                       {&p->own, states},        {&p->adjoint, states},     {&p->child_sum, states},
      {&p->y, outputs},                         {&p->dy, outputs},        {&p->d_rec, n * ld},       {&p->d_out, n_out * ld},
      {&p->d_in_t, (size_t)p->shape.n_in * ld}, {&p->rest, ld > ld_y ? ld : ld_y},
      {&p->w_out_t, n_out > 1 ? n * ld_y : 0},  {&p->y_padded, n_out > 1 ? (size_t)n_nodes * ld_y : 0},
  };
  memcpy(pieces, list, sizeof list);
}

size_t esp_rnn_workspace_bytes(const esp_rnn_shape *shape, long n_nodes, long n_drives)
{
  esp_rnn_problem p = {.shape = *shape};
  piece pieces[N_PIECES];
  list_pieces(&p, n_nodes, n_drives, pieces);
  size_t bytes = 0;
  for (int i = 0; i < N_PIECES; i++)
    bytes += esp_workspace_bytes(pieces[i].n * sizeof(double));
  for (int i = 0; i < ESP_RNN_ROWS; i++)
    bytes += esp_workspace_bytes((size_t)(i >= INPUT ? n_drives : n_nodes) * sizeof(double *));
  bytes += esp_workspace_bytes((size_t)n_nodes * sizeof(int));
  return bytes;
}

/* Children lie one level further down; a node with one child, as most have, needs no sum. */
static void set_child_sums(esp_rnn_problem *p)
{
  const esp_tree *tree = p->tree;
  p->n_sums = 0;
  for (int node = 0; node < tree->n_nodes; node++) {
    p->row[CHILD_SUM][node] = p->rest;
    p->sum_of[node] = -1;
  }
  for (int node = 0; node < tree->n_nodes; node++) {
    const int parent = tree->parent[node];
    if (parent < 0)
      continue;
    const bool first = p->row[CHILD_SUM][parent] == p->rest;
    if (!first && p->sum_of[parent] < 0) { /* a second child: add up, in a row of its own */
      p->sum_of[parent] = p->n_sums;
      p->row[CHILD_SUM][parent] = p->child_sum + (size_t)p->n_sums++ * (size_t)p->ld;
    } else if (first) {
      p->row[CHILD_SUM][parent] = row(p, p->adjoint, node);
    }
  }
}

static void set_rows(esp_rnn_problem *p)
{
  const esp_tree *tree = p->tree;
  const size_t ld = (size_t)p->ld;
  const bool latent = p->shape.readout == ESP_READOUT_LATENT;
  for (int node = 0; node < tree->n_nodes; node++) {
    p->row[RATE_OF_PARENT][node] = tree->parent[node] < 0 ? p->rest : row(p, p->rate, tree->parent[node]);
    p->row[DRIVE_OF_NODE][node] = p->drive + (size_t)tree->drive[node] * ld;
    p->row[OWN][node] = latent ? p->rest : row(p, p->own, node);
    p->row[STATE][node] = row(p, latent ? p->a : p->rate, node);
    p->row[DY][node] = p->dy + (size_t)node * (size_t)p->shape.n_out;
    p->row[REST][node] = p->rest;
  }
  const bool shared = tree->n_drives < tree->n_nodes; /* otherwise drive d is that of node d, and there is nothing to add up */
  for (int d = 0; d < tree->n_drives; d++) {
    p->row[INPUT][d] = tree->drive_input + (size_t)d * (size_t)tree->n_in;
    p->row[DRIVE_SUM][d] = shared ? p->drive_adjoint + (size_t)d * ld : row(p, p->adjoint, d);
  }
  set_child_sums(p);
}

esp_err esp_rnn_problem_take(const esp_rnn_shape *shape, const esp_tree *tree, esp_workspace *ws, esp_rnn_problem *p)
{
  ESP_REQUIRE(shape->n_hid > 0 && shape->n_in == tree->n_in && shape->n_out == tree->n_out, ESP_ERR_ARG,
              "a network of %d units, %d inputs, %d outputs on trials of %d inputs, %d outputs", shape->n_hid, shape->n_in,
              shape->n_out, tree->n_in, tree->n_out);
  *p = (esp_rnn_problem){.shape = *shape, .tree = tree, .ld = padded(shape->n_hid)};
  piece pieces[N_PIECES];
  list_pieces(p, tree->n_nodes, tree->n_drives, pieces);
  for (int i = 0; i < N_PIECES; i++) {
    ESP_TRY(esp_workspace_take(ws, pieces[i].n, pieces[i].at));
    memset(*pieces[i].at, 0, pieces[i].n * sizeof(double)); /* padding and the rows of rest stay zero from here on */
  }
  for (int i = 0; i < ESP_RNN_ROWS; i++) {
    unsigned char *bytes;
    ESP_TRY(esp_workspace_take_bytes(ws, (size_t)(i >= INPUT ? tree->n_drives : tree->n_nodes) * sizeof(double *), &bytes));
    p->row[i] = (const double **)(void *)bytes;
  }
  ESP_TRY(esp_workspace_take_int(ws, (size_t)tree->n_nodes, &p->sum_of));
  set_rows(p);
  return ESP_OK;
}

/* ---- forward ---- */

/* out[j][i] = in[i][j]: n_rows x n_columns numbers, rows of in and out ld_in and ld_out apart. */
static void transpose(int n_rows, int n_columns, const double *in, int ld_in, double *out, int ld_out)
{
  for (int i = 0; i < n_rows; i++)
    for (int j = 0; j < n_columns; j++)
      out[(size_t)j * (size_t)ld_out + (size_t)i] = in[(size_t)i * (size_t)ld_in + (size_t)j];
}

/* Padded copies of the weights in the orientations that the products want. */
static void set_weights(esp_rnn_problem *p, const double *w)
{
  const int n = p->shape.n_hid, n_in = p->shape.n_in, ld_out = n + p->shape.bias;
  const double *w_rec = w + esp_rnn_w_rec_offset(&p->shape), *w_out = w + esp_rnn_w_out_offset(&p->shape);
  transpose(n, n_in, w, n_in, p->w_in_t, p->ld);
  transpose(n, n, w_rec, n, p->w_rec_t, p->ld);
  for (int i = 0; i < n; i++)
    memcpy(p->w_rec + (size_t)i * (size_t)p->ld, w_rec + (size_t)i * (size_t)n, (size_t)n * sizeof *w);
  for (int o = 0; o < p->shape.n_out; o++) {
    memcpy(p->w_out + (size_t)o * (size_t)p->ld, w_out + (size_t)o * (size_t)ld_out, (size_t)n * sizeof *w);
    p->bias[o] = p->shape.bias ? w_out[(size_t)o * (size_t)ld_out + (size_t)n] : 0.0;
  }
  if (p->shape.n_out > 1)
    transpose(p->shape.n_out, n, w_out, ld_out, p->w_out_t, padded(p->shape.n_out));
}

/* y of every node, still without its bias: a dot product of each row, or for several outputs one product with W_out'. */
static void read_out(esp_rnn_problem *p, const esp_kernel *k)
{
  const int n_nodes = p->tree->n_nodes, n_out = p->shape.n_out, ld_y = padded(n_out);
  if (n_out == 1) {
    k->rows_times_vector(n_nodes, p->ld, p->shape.readout == ESP_READOUT_LATENT ? p->a : p->rate, p->w_out, p->y, 1);
    return;
  }
  k->rows_times_matrix(n_nodes, p->shape.n_hid, ld_y, p->row[STATE], p->w_out_t, p->row[REST], p->y_padded);
  for (int node = 0; node < n_nodes; node++)
    memcpy(p->y + (size_t)node * (size_t)n_out, p->y_padded + (size_t)node * (size_t)ld_y, (size_t)n_out * sizeof(double));
}

double esp_rnn_loss(esp_rnn_problem *p, const double *w)
{
  const esp_tree *tree = p->tree;
  const esp_kernel *k = esp_kernel_in_use();
  const int n_out = p->shape.n_out, ld = p->ld;
  set_weights(p, w);
  k->rows_times_matrix(tree->n_drives, p->shape.n_in, ld, p->row[INPUT], p->w_in_t, p->row[REST], p->drive);
  k->forward(tree->n_steps, tree->level, p->shape.n_hid, ld, p->row[RATE_OF_PARENT], p->w_rec_t, p->row[DRIVE_OF_NODE], p->a,
             p->rate);
  read_out(p, k);
  double sum = tree->constant;
  for (int node = 0; node < tree->n_nodes; node++)
    for (int o = 0; o < n_out; o++) {
      const int i = node * n_out + o;
      p->y[i] += p->bias[o];
      const double difference = p->y[i] - tree->target[i];
      sum += tree->weight[node] * difference * difference;
    }
  return sum / ((double)tree->n_trials * tree->n_steps);
}

/* ---- backward ---- */

static void add(int n, const double *from, double *to)
{
  for (int i = 0; i < n; i++)
    to[i] += from[i];
}

/* dE/da of every node, last step first:
 *   rate readout:    dE/da = (1 - r^2) (W_out' dE/dy + W_rec' sum of dE/da over the children)
 *   latent readout:  dE/da = W_out' dE/dy + (1 - r^2) W_rec' sum of dE/da over the children
 * Children add up in index order before the product, so each node costs one product however many children it has. */
static void sweep_back(esp_rnn_problem *p)
{
  const esp_tree *tree = p->tree;
  const esp_kernel *k = esp_kernel_in_use();
  const int n_out = p->shape.n_out, ld = p->ld;
  const bool latent = p->shape.readout == ESP_READOUT_LATENT;
  const double scale = 2.0 / ((double)tree->n_trials * tree->n_steps);
  for (int node = 0; node < tree->n_nodes; node++)
    for (int i = node * n_out; i < (node + 1) * n_out; i++)
      p->dy[i] = scale * tree->weight[node] * (p->y[i] - tree->target[i]);
  k->rows_times_matrix(tree->n_nodes, n_out, ld, p->row[DY], p->w_out, p->row[REST], p->own);

  memset(p->child_sum, 0, (size_t)p->n_sums * (size_t)ld * sizeof(double));
  for (int step = tree->n_steps - 1; step >= 0; step--) {
    const int first = tree->level[step], last = tree->level[step + 1];
    const int n = step == tree->n_steps - 1 ? 0 : p->shape.n_hid; /* the last step has no children: nothing to multiply */
    k->backward(last - first, n, ld, p->row[CHILD_SUM] + first, p->w_rec, p->row[OWN] + first, row(p, p->rate, first),
                row(p, p->adjoint, first));
    for (int node = first; node < last; node++) {
      if (latent)
        add(p->ld, row(p, p->own, node), row(p, p->adjoint, node));
      if (tree->parent[node] >= 0 && p->sum_of[tree->parent[node]] >= 0)
        add(p->ld, row(p, p->adjoint, node), p->child_sum + (size_t)p->sum_of[tree->parent[node]] * (size_t)ld);
    }
  }
}

void esp_rnn_gradient(esp_rnn_problem *p, double *gradient)
{
  const esp_tree *tree = p->tree;
  const esp_kernel *k = esp_kernel_in_use();
  const int n = p->shape.n_hid, n_in = p->shape.n_in, n_out = p->shape.n_out, ld = p->ld, ld_out = n + p->shape.bias;
  double *d_rec = gradient + esp_rnn_w_rec_offset(&p->shape), *d_out = gradient + esp_rnn_w_out_offset(&p->shape);
  sweep_back(p);
  const int roots = tree->level[1]; /* at the first step the rate before is zero: nothing for W_rec */
  if (tree->n_drives < tree->n_nodes) {
    memset(p->drive_adjoint, 0, (size_t)tree->n_drives * (size_t)ld * sizeof(double));
    k->add_rows(tree->n_nodes, ld, p->adjoint, tree->drive, p->drive_adjoint);
  }
  k->sum_of_products(tree->n_drives, n_in, n_in, tree->drive_input, p->row[DRIVE_SUM], ld, p->d_in_t);
  k->sum_of_products(tree->n_nodes - roots, n, ld, row(p, p->adjoint, roots), p->row[RATE_OF_PARENT] + roots, ld, p->d_rec);
  k->sum_of_products(tree->n_nodes, n_out, n_out, p->dy, p->row[STATE], ld, p->d_out);
  transpose(n_in, n, p->d_in_t, ld, gradient, n_in);
  for (int i = 0; i < n; i++)
    memcpy(d_rec + (size_t)i * (size_t)n, p->d_rec + (size_t)i * (size_t)ld, (size_t)n * sizeof *d_rec);
  for (int o = 0; o < n_out; o++) {
    memcpy(d_out + (size_t)o * (size_t)ld_out, p->d_out + (size_t)o * (size_t)ld, (size_t)n * sizeof *d_out);
    if (!p->shape.bias)
      continue;
    double sum = 0.0;
    for (int node = 0; node < tree->n_nodes; node++)
      sum += p->dy[node * n_out + o];
    d_out[(size_t)o * (size_t)ld_out + (size_t)n] = sum;
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
