/* model/tree.c - trials walk down together until their inputs part: step by step each trial goes from its node to the child with its
 * input, or makes one; then the targets of those at a node are averaged.
 *
 * Nodes are numbered level by level, trials in order, so that a level is one stretch of memory and sums have one order. Different inputs
 * are told from another by comparison with the last few only: a noisy set would otherwise cost the square of its size. */
#include "espalier/tree.h"

#include <stdbool.h>
#include <string.h>

enum { RECENT_DRIVES = 64 }; /* a designed task has fewer distinct inputs; with input noise looking further finds nothing */

esp_err esp_trials_take(int n_trials, int n_steps, int n_in, int n_out, esp_workspace *ws, esp_trials *trials)
{
  const size_t n = (size_t)n_trials * (size_t)n_steps;
  *trials = (esp_trials){.n_trials = n_trials, .n_steps = n_steps, .n_in = n_in, .n_out = n_out};
  ESP_TRY(esp_workspace_take(ws, n * (size_t)n_in, &trials->input));
  return esp_workspace_take(ws, n * (size_t)n_out, &trials->target);
}

/* Scratch while a tree grows. */
typedef struct {
  int *first_child;  /* of a node, at its index + 1; of the root at 0; -1: none */
  int *next_sibling;
  double *rest;      /* input before the first step: zeros */
} growth;

static bool equal(int n, const double *a, const double *b)
{
  for (int i = 0; i < n; i++)
    if (a[i] != b[i])
      return false;
  return true;
}

static double *drive_input(const esp_tree *tree, int drive)
{
  return tree->drive_input + (size_t)drive * (size_t)tree->ld_in;
}

/* Index of input u among the distinct ones, appended if it is not among the last few. */
static int drive_of(esp_tree *tree, const double *u)
{
  for (int d = tree->n_drives - 1; d >= 0 && d >= tree->n_drives - RECENT_DRIVES; d--)
    if (equal(tree->n_in, drive_input(tree, d), u))
      return d;
  double *input = memset(drive_input(tree, tree->n_drives), 0, (size_t)tree->ld_in * sizeof *u);
  memcpy(input, u, (size_t)tree->n_in * sizeof *u);
  return tree->n_drives++;
}

/* The child of parent (-1: the root) whose input is u: the one of an earlier trial, or a new one. */
static int child_of(esp_tree *tree, growth *g, int parent, const double *u)
{
  int *link = &g->first_child[parent + 1];
  for (; *link >= 0; link = &g->next_sibling[*link])
    if (equal(tree->n_in, drive_input(tree, tree->drive[*link]), u))
      return *link;
  const int node = tree->n_nodes++;
  *link = node;
  tree->parent[node] = parent;
  tree->drive[node] = drive_of(tree, u);
  tree->weight[node] = 0.0;
  g->first_child[node + 1] = g->next_sibling[node] = -1;
  return node;
}

static void grow(const esp_trials *trials, int input_lag, growth *g, esp_tree *tree)
{
  const size_t n_steps = (size_t)trials->n_steps, n_in = (size_t)trials->n_in;
  g->first_child[0] = -1;
  for (int k = 0; k < trials->n_steps; k++) {
    tree->level[k] = tree->n_nodes;
    for (size_t t = 0; t < (size_t)trials->n_trials; t++) {
      const int from = k - input_lag; /* the step whose input arrives here */
      const double *u = from < 0 ? g->rest : trials->input + (t * n_steps + (size_t)from) * n_in;
      int *node = tree->node + t * n_steps + (size_t)k;
      *node = child_of(tree, g, k == 0 ? -1 : node[-1], u);
      tree->weight[*node] += 1.0;
    }
  }
  tree->level[trials->n_steps] = tree->n_nodes;
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
  *tree = (esp_tree){.n_trials = trials->n_trials,
                     .n_steps = trials->n_steps,
                     .n_in = trials->n_in,
                     .n_out = trials->n_out,
                     .ld_in = esp_padded(trials->n_in)};
  ESP_TRY(esp_workspace_take_int(ws, (size_t)trials->n_steps + 1, &tree->level));
  ESP_TRY(esp_workspace_take_int(ws, n, &tree->parent));
  ESP_TRY(esp_workspace_take_int(ws, n, &tree->drive));
  ESP_TRY(esp_workspace_take_int(ws, n, &tree->node));
  ESP_TRY(esp_workspace_take(ws, n, &tree->weight));
  ESP_TRY(esp_workspace_take(ws, n * (size_t)trials->n_out, &tree->target));
  ESP_TRY(esp_workspace_take(ws, n * (size_t)tree->ld_in, &tree->drive_input));
  const size_t mark = ws->used;
  growth g;
  ESP_TRY(esp_workspace_take_int(ws, n + 1, &g.first_child));
  ESP_TRY(esp_workspace_take_int(ws, n, &g.next_sibling));
  ESP_TRY(esp_workspace_take(ws, (size_t)trials->n_in, &g.rest));
  memset(g.rest, 0, (size_t)trials->n_in * sizeof *g.rest);
  grow(trials, input_lag, &g, tree);
  average_targets(trials, tree);
  ws->used = mark;
  return ESP_OK;
}
