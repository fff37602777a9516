/* model/tree.c - trials walk down together until their inputs part. */
#include "espalier/tree.h"

#include <stdbool.h>

size_t esp_tree_workspace_bytes(int n_trials, int n_steps, int n_in, int n_out)
{
  const size_t n = (size_t)n_trials * (size_t)n_steps; /* nodes, and distinct inputs, if nothing is shared */
  return esp_workspace_bytes(((size_t)n_steps + 1) * sizeof(int)) + 3 * esp_workspace_bytes(n * sizeof(int)) +
         esp_workspace_bytes(n * sizeof(double)) + esp_workspace_bytes(n * (size_t)n_out * sizeof(double)) +
         esp_workspace_bytes(n * (size_t)n_in * sizeof(double));
}

static bool equal(int n, const double *a, const double *b)
{
  for (int i = 0; i < n; i++)
    if (a[i] != b[i])
      return false;
  return true;
}

/* Index of input u among the distinct ones, appended if it is new. Sets have either few distinct inputs (a designed task)
 * or nothing but distinct ones (input noise), where comparing with all would cost a square: `search` says which. */
static int drive_of(esp_tree *tree, const double *u, bool search)
{
  for (int d = tree->n_drives - 1; search && d >= 0; d--)
    if (equal(tree->n_in, tree->drive_input + (size_t)d * (size_t)tree->n_in, u))
      return d;
  double *slot = tree->drive_input + (size_t)tree->n_drives * (size_t)tree->n_in;
  for (int c = 0; c < tree->n_in; c++)
    slot[c] = u[c];
  return tree->n_drives++;
}

/* Node of one trial at step k: the one of an earlier trial with the same parent and input, or a new one. */
static int node_of(esp_tree *tree, int k, int parent, int drive)
{
  for (int node = tree->level[k]; node < tree->n_nodes; node++)
    if (tree->parent[node] == parent && tree->drive[node] == drive)
      return node;
  const int node = tree->n_nodes++;
  tree->parent[node] = parent;
  tree->drive[node] = drive;
  tree->weight[node] = 0.0;
  return node;
}

static void grow(const esp_trials *trials, int input_lag, const double *rest, esp_tree *tree)
{
  const int n_steps = trials->n_steps, n_in = trials->n_in;
  bool search = true;
  for (int k = 0; k < n_steps; k++) {
    tree->level[k] = tree->n_nodes;
    for (int t = 0; t < trials->n_trials; t++) {
      const int from = k - input_lag; /* the step whose input arrives here; before the first step there is none */
      const double *u = from < 0 ? rest : trials->input + ((size_t)t * (size_t)n_steps + (size_t)from) * (size_t)n_in;
      const int parent = k == 0 ? -1 : tree->node[(size_t)t * (size_t)n_steps + (size_t)k - 1];
      const int node = node_of(tree, k, parent, drive_of(tree, u, search));
      tree->node[(size_t)t * (size_t)n_steps + (size_t)k] = node;
      tree->weight[node] += 1.0;
      search = tree->n_drives <= 64 || tree->n_drives * 4 < tree->n_nodes;
    }
  }
  tree->level[n_steps] = tree->n_nodes;
}

/* Mean target of each node, and what the loss has beyond it. Two passes, so that the constant does not cancel. */
static void average_targets(const esp_trials *trials, esp_tree *tree)
{
  const size_t n = (size_t)trials->n_trials * (size_t)trials->n_steps, n_out = (size_t)trials->n_out;
  for (size_t i = 0; i < (size_t)tree->n_nodes * n_out; i++)
    tree->target[i] = 0.0;
  for (size_t i = 0; i < n; i++)
    for (size_t o = 0; o < n_out; o++)
      tree->target[(size_t)tree->node[i] * n_out + o] += trials->target[i * n_out + o];
  for (size_t i = 0; i < (size_t)tree->n_nodes * n_out; i++)
    tree->target[i] /= tree->weight[i / n_out];
  tree->constant = 0.0;
  for (size_t i = 0; i < n; i++)
    for (size_t o = 0; o < n_out; o++) {
      const double d = trials->target[i * n_out + o] - tree->target[(size_t)tree->node[i] * n_out + o];
      tree->constant += d * d;
    }
}

esp_err esp_tree_build(const esp_trials *trials, int input_lag, esp_workspace *ws, esp_tree *tree)
{
  const size_t n = (size_t)trials->n_trials * (size_t)trials->n_steps;
  ESP_REQUIRE(trials->n_trials > 0 && trials->n_steps > 0 && trials->n_in > 0 && trials->n_out > 0 && input_lag >= 0,
              ESP_ERR_ARG, "a set of %d trials, %d steps, %d inputs, %d outputs, input lag %d", trials->n_trials,
              trials->n_steps, trials->n_in, trials->n_out, input_lag);
  *tree = (esp_tree){.n_trials = trials->n_trials, .n_steps = trials->n_steps, .n_in = trials->n_in, .n_out = trials->n_out};
  ESP_TRY(esp_workspace_take_int(ws, (size_t)trials->n_steps + 1, &tree->level));
  ESP_TRY(esp_workspace_take_int(ws, n, &tree->parent));
  ESP_TRY(esp_workspace_take_int(ws, n, &tree->drive));
  ESP_TRY(esp_workspace_take_int(ws, n, &tree->node));
  ESP_TRY(esp_workspace_take(ws, n, &tree->weight));
  ESP_TRY(esp_workspace_take(ws, n * (size_t)trials->n_out, &tree->target));
  ESP_TRY(esp_workspace_take(ws, n * (size_t)trials->n_in, &tree->drive_input));
  const size_t mark = ws->used;
  double *rest;
  ESP_TRY(esp_workspace_take(ws, (size_t)trials->n_in, &rest));
  for (int c = 0; c < trials->n_in; c++)
    rest[c] = 0.0;
  grow(trials, input_lag, rest, tree);
  average_targets(trials, tree);
  ws->used = mark;
  return ESP_OK;
}
