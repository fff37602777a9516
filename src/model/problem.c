/* model/problem.c - the memory of a problem, and the rows that its products read.
 *
 * The kernels find everything by row: where a node's parent, input, siblings are in memory is looked up once, here, and not at every
 * loss. What does not exist (the parent of the first step, padding) is a row of zeros, so that no loop has to ask. The trap: padding
 * must be 0 and stay so, for whole vectors are summed. */
#include "problem.h"

#include <string.h>

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

/* ---- memory: padding and the rows of rest are zero, and stay so ---- */

static esp_err take_weights(const esp_rnn_shape *shape, esp_workspace *ws, esp_rnn_weights *w)
{
  const size_t ld = (size_t)esp_padded(shape->n_hid), n = (size_t)shape->n_hid, n_out = (size_t)shape->n_out;
  const esp_piece list[] = {
      {&w->in_t, (size_t)shape->n_in * ld}, {&w->rec_t, ld * ld}, {&w->rec, ld * ld}, {&w->out, n_out * ld}, {&w->bias, n_out},
      {&w->out_t, n_out > 1 ? n * (size_t)esp_padded(shape->n_out) : 0},
  };
  return esp_workspace_take_zeros(ws, sizeof list / sizeof *list, list);
}

static esp_err take_problem(esp_rnn_problem *p, esp_workspace *ws)
{
  const size_t ld = (size_t)esp_padded(p->shape.n_hid), ld_y = (size_t)esp_padded(p->shape.n_out);
  const size_t n_nodes = (size_t)p->tree->n_nodes, n_out = (size_t)p->shape.n_out;
  const size_t drives = (size_t)p->tree->n_drives * ld, states = n_nodes * ld, outputs = n_nodes * n_out;
  const esp_piece list[] = {
      {&p->drive, drives},     {&p->drive_adjoint, drives}, {&p->a, states},
      {&p->rate, states},      {&p->adjoint, states},       {&p->child_sum, states},
      {&p->y, outputs},        {&p->dy, outputs},           {&p->difference, outputs},
      {&p->rest, ld > ld_y ? ld : ld_y},                    {&p->y_padded, n_out > 1 ? n_nodes * ld_y : 0},
  };
  ESP_TRY(take_weights(&p->shape, ws, &p->weights));
  return esp_workspace_take_zeros(ws, sizeof list / sizeof *list, list);
}

static esp_err take_tangent(const esp_rnn_problem *p, esp_workspace *ws, struct esp_rnn_tangent *t)
{
  const size_t ld = (size_t)esp_padded(p->shape.n_hid), n_nodes = (size_t)p->tree->n_nodes;
  const size_t states = n_nodes * ld, outputs = n_nodes * (size_t)p->shape.n_out;
  const bool latent = p->shape.readout == ESP_READOUT_LATENT;
  const esp_piece list[] = {
      {&t->drive, (size_t)p->tree->n_drives * ld}, {&t->start, states}, {&t->a, latent ? states : 0}, {&t->rate, states},
      {&t->bend, states}, {&t->product, states}, {&t->y[0], outputs}, {&t->y[1], outputs}, {&t->y[2], outputs},
  };
  ESP_TRY(take_weights(&p->shape, ws, &t->direction));
  return esp_workspace_take_zeros(ws, sizeof list / sizeof *list, list);
}

static esp_err take_pointers(long n, esp_workspace *ws, void *out)
{
  unsigned char *bytes;
  ESP_TRY(esp_workspace_take_bytes(ws, (size_t)n * sizeof(double *), &bytes));
  memset(bytes, 0, (size_t)n * sizeof(double *));
  memcpy(out, &bytes, sizeof bytes);
  return ESP_OK;
}

/* ---- rows ---- */

/* Children lie one level further down; a node with one child, as most have, needs no sum. */
static void set_child_sums(esp_rnn_problem *p)
{
  const esp_tree *tree = p->tree;
  const double **sum = p->row[CHILD_SUM];
  p->n_sums = 0;
  for (int node = 0; node < tree->n_nodes; node++)
    sum[node] = p->rest;
  for (int node = 0; node < tree->n_nodes; node++) {
    const int parent = tree->parent[node];
    if (parent < 0)
      continue;
    const bool first = sum[parent] == p->rest, summed = sum[parent] >= p->child_sum && sum[parent] < p->child_sum + (size_t)p->n_sums * (size_t)p->ld;
    if (first)
      sum[parent] = esp_rnn_row(p, p->adjoint, node);
    else if (!summed)
      sum[parent] = esp_rnn_row(p, p->child_sum, p->n_sums++);
  }
}

/* Where a node's adjoint is added up besides: with its siblings', and with those of nodes of the same input. */
static void set_sums(esp_rnn_problem *p)
{
  const esp_tree *tree = p->tree;
  for (int node = 0; node < tree->n_nodes; node++) {
    const int parent = tree->parent[node];
    const double *sum = parent < 0 ? p->rest : p->row[CHILD_SUM][parent];
    const ptrdiff_t at = sum - p->child_sum;
    p->sibling_sum[node] = at >= 0 && at < (ptrdiff_t)p->n_sums * p->ld ? p->child_sum + at : NULL;
    p->drive_sum[node] = tree->n_drives < tree->n_nodes ? esp_rnn_row(p, p->drive_adjoint, tree->drive[node]) : NULL;
  }
}

static void set_rows(esp_rnn_problem *p)
{
  const esp_tree *tree = p->tree;
  for (int node = 0; node < tree->n_nodes; node++) {
    p->row[RATE_OF_PARENT][node] = tree->parent[node] < 0 ? p->rest : esp_rnn_row(p, p->rate, tree->parent[node]);
    p->row[DRIVE_OF_NODE][node] = esp_rnn_row(p, p->drive, tree->drive[node]);
    p->row[STATE][node] = esp_rnn_row(p, p->shape.readout == ESP_READOUT_LATENT ? p->a : p->rate, node);
    p->row[DY][node] = p->dy + (size_t)node * (size_t)p->shape.n_out;
    p->row[REST][node] = p->rest;
  }
  for (int d = 0; d < tree->n_drives; d++)
    p->row[INPUT][d] = tree->drive_input + (size_t)d * (size_t)tree->ld_in;
  set_child_sums(p);
  set_sums(p);
}

esp_err esp_rnn_problem_take(const esp_rnn_shape *shape, const esp_tree *tree, esp_workspace *ws, esp_rnn_problem *p)
{
  ESP_REQUIRE(shape->n_hid > 0 && shape->n_in == tree->n_in && shape->n_out == tree->n_out, ESP_ERR_ARG,
              "a network of %d units, %d inputs, %d outputs on trials of %d inputs, %d outputs", shape->n_hid, shape->n_in,
              shape->n_out, tree->n_in, tree->n_out);
  *p = (esp_rnn_problem){.shape = *shape, .tree = tree, .ld = esp_padded(shape->n_hid)};
  ESP_TRY(take_problem(p, ws));
  for (int i = 0; i < ESP_RNN_ROWS; i++)
    ESP_TRY(take_pointers(i >= INPUT ? tree->n_drives : tree->n_nodes, ws, &p->row[i]));
  ESP_TRY(take_pointers(tree->n_nodes, ws, &p->sibling_sum));
  ESP_TRY(take_pointers(tree->n_nodes, ws, &p->drive_sum));
  set_rows(p);
  return ESP_OK;
}

esp_err esp_rnn_tangent_take(esp_rnn_problem *p, esp_workspace *ws)
{
  const esp_tree *tree = p->tree;
  unsigned char *bytes;
  ESP_TRY(esp_workspace_take_bytes(ws, sizeof *p->tangent, &bytes));
  struct esp_rnn_tangent *t = (struct esp_rnn_tangent *)(void *)bytes;
  ESP_TRY(take_tangent(p, ws, t));
  ESP_TRY(take_pointers(tree->n_nodes, ws, &t->drive_of_node));
  ESP_TRY(take_pointers(tree->n_nodes, ws, &t->start_of_node));
  ESP_TRY(take_pointers(tree->n_nodes, ws, &t->rate_of_parent));
  ESP_TRY(take_pointers(tree->n_nodes, ws, &t->state));
  for (int node = 0; node < tree->n_nodes; node++) {
    t->drive_of_node[node] = esp_rnn_row(p, t->drive, tree->drive[node]);
    t->start_of_node[node] = esp_rnn_row(p, t->start, node);
    t->rate_of_parent[node] = tree->parent[node] < 0 ? p->rest : esp_rnn_row(p, t->rate, tree->parent[node]);
    t->state[node] = esp_rnn_row(p, t->a ? t->a : t->rate, node);
  }
  p->tangent = t;
  return ESP_OK;
}

/* ---- weights ---- */

/* out[j][i] = in[i][j]: n_rows x n_columns numbers, rows of in and out ld_in and ld_out apart. */
static void transpose(int n_rows, int n_columns, const double *in, int ld_in, double *out, int ld_out)
{
  for (int i = 0; i < n_rows; i++)
    for (int j = 0; j < n_columns; j++)
      out[(size_t)j * (size_t)ld_out + (size_t)i] = in[(size_t)i * (size_t)ld_in + (size_t)j];
}

void esp_rnn_set_weights(const esp_rnn_shape *shape, const double *w, esp_rnn_weights *to)
{
  const int n = shape->n_hid, n_in = shape->n_in, ld = esp_padded(n), ld_out = n + shape->bias;
  const double *w_rec = w + esp_rnn_w_rec_offset(shape), *w_out = w + esp_rnn_w_out_offset(shape);
  transpose(n, n_in, w, n_in, to->in_t, ld);
  for (int i = 0; i < n; i++)
    memcpy(to->rec + (size_t)i * (size_t)ld, w_rec + (size_t)i * (size_t)n, (size_t)n * sizeof *w);
  esp_kernel_in_use()->transpose(n, ld, to->rec, to->rec_t);
  for (int o = 0; o < shape->n_out; o++) {
    memcpy(to->out + (size_t)o * (size_t)ld, w_out + (size_t)o * (size_t)ld_out, (size_t)n * sizeof *w);
    to->bias[o] = shape->bias ? w_out[(size_t)o * (size_t)ld_out + (size_t)n] : 0.0;
  }
  if (shape->n_out > 1)
    transpose(shape->n_out, n, w_out, ld_out, to->out_t, esp_padded(shape->n_out));
}
