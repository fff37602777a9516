/* analysis/trajectory.c - trials share their trajectories in the tree; here each gets its own copy. */
#include "espalier/trajectory.h"

#include <math.h>
#include <string.h>

esp_err esp_trajectories_take(const esp_rnn_shape *shape, int n_trials, int n_steps, esp_workspace *ws, esp_trajectories *t)
{
  *t = (esp_trajectories){.n_trials = n_trials, .n_steps = n_steps, .n_hid = shape->n_hid, .n_out = shape->n_out};
  const size_t rows = (size_t)n_trials * (size_t)n_steps;
  ESP_TRY(esp_workspace_take(ws, rows * (size_t)shape->n_hid, &t->a));
  return esp_workspace_take(ws, rows * (size_t)shape->n_out, &t->y);
}

static esp_err run(const esp_rnn_shape *shape, const double *w, const esp_trials *trials, int input_lag,
                   const esp_trajectories *t, esp_workspace *ws)
{
  const size_t n = (size_t)shape->n_hid, n_out = (size_t)shape->n_out, rows = (size_t)t->n_trials * (size_t)t->n_steps;
  esp_tree tree;
  esp_rnn_problem p;
  ESP_TRY(esp_tree_build(trials, input_lag, ws, &tree));
  ESP_TRY(esp_rnn_problem_take(shape, &tree, ws, &p));
  esp_rnn_loss(&p, w);
  for (size_t i = 0; i < rows; i++) {
    const size_t node = (size_t)tree.node[i];
    memcpy(t->a + i * n, p.a + node * (size_t)p.ld, n * sizeof(double));
    memcpy(t->y + i * n_out, p.y + node * n_out, n_out * sizeof(double));
  }
  bool finite = true;
  for (size_t i = 0; i < rows * n; i++)
    finite = finite && isfinite(t->a[i]);
  for (size_t i = 0; i < rows * n_out; i++)
    finite = finite && isfinite(t->y[i]);
  return finite ? ESP_OK : ESP_ERR_DIVERGED;
}

esp_err esp_trajectories_run(const esp_rnn_shape *shape, const double *w, const esp_trials *trials, int input_lag,
                             const esp_trajectories *t, esp_workspace *ws)
{
  ESP_REQUIRE(t->n_trials == trials->n_trials && t->n_steps == trials->n_steps && t->n_hid == shape->n_hid &&
                  t->n_out == shape->n_out,
              ESP_ERR_ARG, "trajectories of %d trials x %d steps for %d x %d", t->n_trials, t->n_steps, trials->n_trials,
              trials->n_steps);
  const size_t mark = ws->used;
  const esp_err err = run(shape, w, trials, input_lag, t, ws);
  ws->used = mark;
  return err;
}

static size_t row_of(const esp_trajectories *t, int trial, int bin)
{
  return (size_t)trial * (size_t)t->n_steps + (size_t)(bin - 1);
}

const double *esp_trajectory_state(const esp_trajectories *t, int trial, int bin)
{
  return t->a + row_of(t, trial, bin) * (size_t)t->n_hid;
}

const double *esp_trajectory_output(const esp_trajectories *t, int trial, int bin)
{
  return t->y + row_of(t, trial, bin) * (size_t)t->n_out;
}
