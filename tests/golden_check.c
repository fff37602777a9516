/* tests/golden_check.c - hold the numerics against numbers of the published code.
 *
 *     golden_check DIRECTORY
 *
 * Reads every dms_*.txt and rl_*.txt in DIRECTORY (format: tests/golden/README.md), prints one line a case, and exits 1 if any
 * fails or if there is none. The kind of a case is in its name; sizes, trials and weights come from the file, so cases with
 * other seeds or sizes can be given to it. Tolerances are relative to the largest entry of what is compared. */
#include <dirent.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "espalier/bandit_task.h"
#include "espalier/criterion.h"
#include "espalier/dms_task.h"
#include "espalier/episode.h"
#include "espalier/flow.h"
#include "espalier/lyapunov.h"
#include "espalier/pca.h"
#include "espalier/probe.h"
#include "espalier/prune.h"
#include "espalier/rnn.h"
#include "espalier/scg.h"
#include "espalier/separation.h"
#include "espalier/trajectory.h"
#include "espalier/weights.h"

/* ---- a case file: named arrays ---- */

typedef struct {
  char name[64];
  int n_dims, dim[5];
  size_t count;
  double *value;
} array;

typedef struct {
  const char *name;
  int n_arrays;
  array arrays[64];
  bool failed;
  int n_compared;
  double worst; /* largest difference over its tolerance */
  char worst_name[128], message[512];
} golden_case;

static void fail(golden_case *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail(golden_case *c, const char *format, ...)
{
  if (c->failed)
    return; /* the first fault tells most */
  c->failed = true;
  va_list args;
  va_start(args, format);
  vsnprintf(c->message, sizeof c->message, format, args);
  va_end(args);
}

static void die(const char *what, const char *name)
{
  fprintf(stderr, "golden_check: %s: %s\n", name, what);
  exit(1);
}

static void *get_memory(size_t bytes)
{
  void *p = calloc(bytes ? bytes : 1, 1);
  if (!p)
    die("memory is exhausted", "calloc");
  return p;
}

static void read_case(const char *path, golden_case *c)
{
  FILE *f = fopen(path, "r");
  if (!f)
    die("cannot be opened", path);
  char word[128];
  while (fscanf(f, "%127s", word) == 1) {
    if (word[0] == '#') {
      for (int ch = fgetc(f); ch != '\n' && ch != EOF; ch = fgetc(f))
        ;
      continue;
    }
    if (strcmp(word, "@") != 0 || c->n_arrays == 64)
      die("is not a golden file (expected '@')", path);
    array *a = &c->arrays[c->n_arrays++];
    if (fscanf(f, "%63s %d", a->name, &a->n_dims) != 2 || a->n_dims < 1 || a->n_dims > 5)
      die("has a broken array header", path);
    a->count = 1;
    for (int d = 0; d < a->n_dims; d++) {
      if (fscanf(f, "%d", &a->dim[d]) != 1 || a->dim[d] < 1 || a->dim[d] > 1000000)
        die("has a broken array header", path);
      a->count *= (size_t)a->dim[d];
    }
    if (a->count > 100000000)
      die("has an array that is too large", path);
    a->value = get_memory(a->count * sizeof *a->value);
    for (size_t i = 0; i < a->count; i++) {
      if (fscanf(f, "%127s", word) != 1)
        die("ends inside an array", path);
      char *end;
      a->value[i] = strtod(word, &end);
      if (*end)
        die("has something that is not a number", path);
    }
  }
  fclose(f);
}

static const array *find(const golden_case *c, const char *name)
{
  for (int i = 0; i < c->n_arrays; i++)
    if (strcmp(c->arrays[i].name, name) == 0)
      return &c->arrays[i];
  return NULL;
}

static const array *need(golden_case *c, const char *name)
{
  const array *a = find(c, name);
  if (!a) {
    fprintf(stderr, "golden_check: %s has no array '%s'\n", c->name, name);
    exit(1);
  }
  return a;
}

static double scalar(golden_case *c, const char *name)
{
  return need(c, name)->value[0];
}

/* Compare n numbers; the tolerance is relative to the largest of `expected`. NaN and infinity must agree. */
static void compare(golden_case *c, const char *name, size_t n, const double *expected, const double *got, double tolerance)
{
  double largest = 0;
  for (size_t i = 0; i < n; i++)
    if (isfinite(expected[i]))
      largest = fmax(largest, fabs(expected[i]));
  if (largest == 0)
    largest = 1;
  c->n_compared++;
  for (size_t i = 0; i < n; i++) {
    const bool same_kind = isfinite(expected[i]) ? isfinite(got[i])
                           : isnan(expected[i])  ? isnan(got[i])
                                                 : got[i] == expected[i];
    const double off = isfinite(expected[i]) && isfinite(got[i]) ? fabs(got[i] - expected[i]) / largest : 0;
    if (!same_kind || off > tolerance)
      fail(c, "%s[%zu] is %.17g, not %.17g (relative difference %.1e, allowed %.1e)", name, i, got[i], expected[i], off,
           tolerance);
    if (tolerance > 0 && off / tolerance > c->worst) {
      c->worst = off / tolerance;
      snprintf(c->worst_name, sizeof c->worst_name, "%s %.1e of %.0e", name, off, tolerance);
    }
  }
}

static void compare_one(golden_case *c, const char *name, double expected, double got, double tolerance)
{
  compare(c, name, 1, &expected, &got, tolerance);
}

/* ---- from the file's order to ours ---- */

/* [block, row, column] as [block, column, row], in memory of its own. */
static double *turned(int n_blocks, int n_rows, int n_columns, const double *in)
{
  const size_t rows = (size_t)n_rows, columns = (size_t)n_columns;
  double *out = get_memory((size_t)n_blocks * rows * columns * sizeof *out);
  for (size_t b = 0; b < (size_t)n_blocks; b++)
    for (size_t i = 0; i < rows; i++)
      for (size_t j = 0; j < columns; j++)
        out[(b * columns + j) * rows + i] = in[(b * rows + i) * columns + j];
  return out;
}

/* X [trial, input, step] and Y [trial, step] or [trial, output, step] as a set of trials [trial, step, input], [trial, step,
 * output]. */
static esp_trials trials_of(const array *X, const array *Y)
{
  esp_trials t = {.n_trials = X->dim[0], .n_steps = X->dim[2], .n_in = X->dim[1], .n_out = Y->n_dims == 3 ? Y->dim[1] : 1};
  t.input = turned(t.n_trials, t.n_in, t.n_steps, X->value);
  t.target = turned(t.n_trials, t.n_out, t.n_steps, Y->value);
  return t;
}

/* Position in our vector of weights of entry i of the published one: the same three matrices, there column by column. */
static size_t ours(const esp_rnn_shape *s, size_t i)
{
  const size_t n = (size_t)s->n_hid, n_in = (size_t)s->n_in, n_out = (size_t)s->n_out;
  if (i < n * n_in)
    return i % n * n_in + i / n;
  i -= n * n_in;
  if (i < n * n)
    return esp_rnn_w_rec_offset(s) + i % n * n + i / n;
  i -= n * n;
  return esp_rnn_w_out_offset(s) + i % n_out * (n + s->bias) + i / n_out;
}

static void to_ours(const esp_rnn_shape *s, const double *theirs, double *out)
{
  for (size_t i = 0; i < esp_rnn_n_weights(s); i++)
    out[ours(s, i)] = theirs[i];
}

static void to_theirs(const esp_rnn_shape *s, const double *w, double *out)
{
  for (size_t i = 0; i < esp_rnn_n_weights(s); i++)
    out[i] = w[ours(s, i)];
}

/* The bandit's networks have a last column of W_out for the bias. */
static esp_rnn_shape shape_of(const array *Wi, const array *Wo)
{
  return (esp_rnn_shape){.n_hid = Wi->dim[0], .n_in = Wi->dim[1], .n_out = Wo->dim[0], .bias = Wo->dim[1] == Wi->dim[0] + 1};
}

/* A network on the trials of a case, in a workspace of its own. */
typedef struct {
  esp_rnn_shape shape;
  size_t n;
  esp_trials trials;
  esp_workspace ws;
  esp_tree tree;
  esp_rnn_problem problem;
  esp_objective f;
  double *w, *theirs; /* [n] */
} bench;

static void must(golden_case *c, esp_err err)
{
  if (err != ESP_OK)
    die(esp_err_message(err), c->name);
}

static bench make_bench(golden_case *c, esp_trials trials)
{
  bench b = {.shape = shape_of(need(c, "Wi"), need(c, "Wo")), .trials = trials};
  b.n = esp_rnn_n_weights(&b.shape);
  must(c, esp_workspace_create(&b.ws));
  must(c, esp_tree_build(&b.trials, 0, &b.ws, &b.tree));
  b.w = get_memory(b.n * sizeof *b.w);
  b.theirs = get_memory(b.n * sizeof *b.theirs);
  return b;
}

static void ready(golden_case *c, bench *b)
{
  must(c, esp_rnn_problem_take(&b->shape, &b->tree, &b->ws, &b->problem));
  b->f = esp_rnn_objective(&b->problem);
}

static void free_bench(bench *b)
{
  esp_workspace_free(&b->ws);
  free(b->w);
  free(b->theirs);
  free(b->trials.input);
  free(b->trials.target);
}

/* ---- the kinds of cases ---- */

static esp_dms_set set_of(int n_conditions)
{
  return n_conditions == 8 ? ESP_DMS_NEW_CUES_BOTH : ESP_DMS_OLD_CUES;
}

static void check_trials(golden_case *c, int n_conditions, int repeats, double sigma_x, double sigma_y)
{
  const esp_trials expected = trials_of(need(c, "X"), need(c, "Y"));
  esp_trials got = {.input = get_memory((size_t)(n_conditions * repeats) * ESP_DMS_N_STEPS * ESP_DMS_N_IN * sizeof(double)),
                    .target = get_memory((size_t)(n_conditions * repeats) * ESP_DMS_N_STEPS * sizeof(double))};
  esp_dms_repeat(set_of(n_conditions), repeats, &got);
  if (got.n_trials != expected.n_trials || got.n_steps != expected.n_steps || got.n_in != expected.n_in)
    fail(c, "%d trials x %d steps x %d inputs, not %d x %d x %d", got.n_trials, got.n_steps, got.n_in, expected.n_trials,
         expected.n_steps, expected.n_in);
  else {
    const size_t n = (size_t)got.n_trials * (size_t)got.n_steps;
    const array *draw_x = find(c, "drawX"), *draw_y = find(c, "drawY");
    if (draw_x && sigma_x > 0) {
      const esp_trials draws = trials_of(draw_x, need(c, "Y"));
      for (size_t i = 0; i < n * (size_t)got.n_in; i++)
        got.input[i] += sigma_x * draws.input[i];
      free(draws.input);
      free(draws.target);
    }
    for (size_t i = 0; draw_y && i < n; i++)
      got.target[i] += sigma_y * draw_y->value[i];
    compare(c, "X", n * (size_t)got.n_in, expected.input, got.input, 1e-15);
    compare(c, "Y", n, expected.target, got.target, 1e-15);
  }
  free(expected.input);
  free(expected.target);
  free(got.input);
  free(got.target);
}

static void check_template(golden_case *c)
{
  check_trials(c, need(c, "X")->dim[0], 1, 0, 0);
}

static void check_buildtrials(golden_case *c)
{
  const int repeats = (int)scalar(c, "trialRepeats");
  check_trials(c, need(c, "X")->dim[0] / repeats, repeats, scalar(c, "sigmax"), scalar(c, "sigmay"));
}

/* Gradient of one matrix in the file (row-major, n_rows x n_cols) against the part of ours that begins at offset. */
static void compare_matrix(golden_case *c, const char *name, const double *gradient, size_t offset, double scale)
{
  const array *a = need(c, name);
  double *got = get_memory(a->count * sizeof *got);
  for (size_t i = 0; i < a->count; i++)
    got[i] = scale * gradient[offset + i];
  compare(c, name, a->count, a->value, got, 1e-12);
  free(got);
}

static void check_fwdgrad(golden_case *c)
{
  bench b = make_bench(c, trials_of(need(c, "X"), need(c, "Y")));
  ready(c, &b);
  to_ours(&b.shape, need(c, "theta")->value, b.w);
  compare_one(c, "sse", scalar(c, "sse"), esp_rnn_loss(&b.problem, b.w), 1e-12);

  const array *yhat = need(c, "yhat"), *A = need(c, "A");
  double *y = get_memory(yhat->count * sizeof *y), *a = get_memory(A->count * sizeof *a);
  for (size_t i = 0; i < yhat->count; i++)
    y[i] = b.problem.y[b.tree.node[i]];
  for (int trial = 0; trial < A->dim[0]; trial++)
    for (int i = 0; i < A->dim[1]; i++)
      for (int k = 0; k < A->dim[2]; k++)
        a[((size_t)trial * (size_t)A->dim[1] + (size_t)i) * (size_t)A->dim[2] + (size_t)k] =
            b.problem.a[(size_t)b.tree.node[trial * b.trials.n_steps + k] * (size_t)b.problem.ld + (size_t)i];
  compare(c, "yhat", yhat->count, yhat->value, y, 1e-12);
  compare(c, "A", A->count, A->value, a, 1e-12);

  double *g = get_memory(b.n * sizeof *g);
  esp_rnn_gradient(&b.problem, g);
  to_theirs(&b.shape, g, b.theirs);
  compare(c, "grad", b.n, need(c, "grad")->value, b.theirs, 1e-12);
  compare_matrix(c, "dWi", g, 0, 1);
  compare_matrix(c, "dWr", g, esp_rnn_w_rec_offset(&b.shape), 1);
  compare_matrix(c, "dWo", g, esp_rnn_w_out_offset(&b.shape), 1);

  if (find(c, "trial1_dWi")) { /* one trial alone, not divided by the number of steps */
    b.trials.n_trials = 1;
    b.ws.used = 0;
    must(c, esp_tree_build(&b.trials, 0, &b.ws, &b.tree));
    ready(c, &b);
    esp_rnn_loss(&b.problem, b.w);
    esp_rnn_gradient(&b.problem, g);
    compare_matrix(c, "trial1_dWi", g, 0, b.trials.n_steps);
    compare_matrix(c, "trial1_dWr", g, esp_rnn_w_rec_offset(&b.shape), b.trials.n_steps);
    compare_matrix(c, "trial1_dWo", g, esp_rnn_w_out_offset(&b.shape), b.trials.n_steps);
  }
  free(y);
  free(a);
  free(g);
  free_bench(&b);
}

static void compare_mask(golden_case *c, const char *name, int rung, size_t n, const uint8_t *mask)
{
  const array *expected = need(c, name);
  double *got = get_memory(n * sizeof *got);
  for (size_t i = 0; i < n; i++)
    got[i] = mask[i];
  char label[64];
  snprintf(label, sizeof label, "%s of rung %d", name, rung + 1);
  compare(c, label, n, expected->value + (size_t)rung * n, got, 0);
  free(got);
}

static void check_prune(golden_case *c)
{
  const array *fractions = need(c, "prunevs"), *Wr = need(c, "Wr");
  const int n_hid = Wr->dim[0];
  const size_t n = Wr->count;
  uint8_t *mask = get_memory(n), *ladder_mask = get_memory(n);
  double *w = get_memory(n * sizeof *w), *ladder_w = get_memory(n * sizeof *ladder_w);
  esp_workspace ws;
  must(c, esp_workspace_create(&ws));
  memset(ladder_mask, 1, n);
  memcpy(ladder_w, Wr->value, n * sizeof *w);
  for (int rung = 0; rung < (int)fractions->count; rung++) {
    const double fraction = fractions->value[rung];
    compare_one(c, "nPrune", need(c, "nPrune")->value[rung], esp_prune_count(n_hid, fraction), 0);
    memset(mask, 1, n);
    memcpy(w, Wr->value, n * sizeof *w);
    must(c, esp_mask_prune(n_hid, fraction, ESP_PRUNE_MAGNITUDE, ESP_TIES_COLUMN_MAJOR, NULL, mask, w, &ws));
    compare_mask(c, "mask", rung, n, mask);
    must(c, esp_mask_prune(n_hid, fraction, ESP_PRUNE_MAGNITUDE, ESP_TIES_COLUMN_MAJOR, NULL, ladder_mask, ladder_w, &ws));
    compare_mask(c, "ladder_mask", rung, n, ladder_mask);
    for (int i = 0; i < n_hid; i++)
      for (int j = 0; j < n_hid; j++)
        ladder_w[i * n_hid + j] *= 1 + 0.5 * sin((double)(i + 1) * (j + 1) * (rung + 1));
  }
  compare(c, "ladder_Wr_final", n, need(c, "ladder_Wr_final")->value, ladder_w, 1e-12);
  free(mask);
  free(ladder_mask);
  free(w);
  free(ladder_w);
  esp_workspace_free(&ws);
}

static const esp_scg_options deposited = {
    .variant = ESP_SCG_DEPOSITED, .sigma = 5e-5, .lambda = 5e-7, .fallback_step = 0.001, .max_failures = 10};

/* Columns of `cg`, one row a step. */
enum { CG_STEP, CG_NORM_P, CG_NEGATIVE, CG_DELTA, CG_MU, CG_ALPHA, CG_TRIAL_E, CG_COMPARISON, CG_SUCCESS, CG_BETA,
       CG_FAILURES, CG_FALLBACK, CG_LAMBDA, CG_E, CG_NORM_P_NEW, CG_NORM_R, CG_NORM_W, CG_COLUMNS };

static double norm(size_t n, const double *v)
{
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += v[i] * v[i];
  return sqrt(sum);
}

static void put_in_state(const bench *b, const double *w, const double *p, const double *r, const double *g,
                         esp_scg_state *state)
{
  to_ours(&b->shape, w, state->w);
  to_ours(&b->shape, p, state->p);
  to_ours(&b->shape, r, state->r);
  to_ours(&b->shape, g, state->g);
  state->success = true;
}

/* What the published call starts from: the gradient and the loss as they were handed to it. */
static void begin_as_published(golden_case *c, const bench *b, esp_scg_state *state)
{
  const double *grad = need(c, "grad")->value, *clamp = need(c, "clamp")->value;
  double *r = get_memory(b->n * sizeof *r);
  for (size_t i = 0; i < b->n; i++)
    r[i] = -grad[i] * clamp[i];
  put_in_state(b, need(c, "theta")->value, r, r, grad, state);
  state->E = scalar(c, "sse0");
  state->lambda = deposited.lambda;
  state->lambda_bar = 0;
  state->failures = 0;
  state->step = 0;
  free(r);
}

/* The whole call, as far as rounding lets traces be compared. */
static void check_trace(golden_case *c, const bench *b, const double *mask, bool all_fail, esp_scg_state *state)
{
  const array *cg = need(c, "cg");
  const int rows = cg->dim[0];
  begin_as_published(c, b, state);
  for (int k = 0; k < rows; k++) {
    const double *row = cg->value + (size_t)k * CG_COLUMNS;
    esp_scg_step(state, &b->f, &deposited, mask);
    const double tolerance = all_fail ? 1e-9 : k < 10 ? 1e-7 : 1e-5;
    if (k >= (all_fail ? 7 : 20) && k < rows - 1)
      continue;
    char at[32];
    snprintf(at, sizeof at, "step %d ", k + 1);
    char label[64];
    if (k < (all_fail ? 7 : 20)) {
      snprintf(label, sizeof label, "%sE", at);
      compare_one(c, label, row[CG_E], state->E, tolerance);
      snprintf(label, sizeof label, "%s|W|", at);
      compare_one(c, label, row[CG_NORM_W], norm(b->n, state->w), all_fail || k >= 10 ? tolerance : 1e-8);
      snprintf(label, sizeof label, "%ssuccess", at);
      compare_one(c, label, row[CG_SUCCESS], state->success, 0);
      snprintf(label, sizeof label, "%sfailures", at);
      compare_one(c, label, row[CG_FAILURES], state->failures, 0);
    }
    if (all_fail && k < 7) {
      snprintf(label, sizeof label, "%slambda", at);
      compare_one(c, label, row[CG_LAMBDA], state->lambda, 1e-9);
      snprintf(label, sizeof label, "%sdelta", at);
      compare_one(c, label, row[CG_DELTA], state->delta, 1e-9);
    }
  }
  if (all_fail) {
    to_theirs(&b->shape, state->w, b->theirs);
    compare(c, "theta_final", b->n, need(c, "theta_final")->value, b->theirs, 1e-15);
  } else if (rows == (int)b->n) { /* a whole call: paths part by rounding, what they reach does not */
    const double expected = cg->value[(size_t)(rows - 1) * CG_COLUMNS + CG_E];
    if (!(state->E < 2 * expected && state->E > expected / 2))
      fail(c, "E after the whole call is %g, the published code reached %g", state->E, expected);
  }
}

/* From each stored state one step: the sharpest test, because no rounding has grown yet. */
static int check_single_steps(golden_case *c, const bench *b, const double *mask, esp_scg_state *state)
{
  const array *cg = need(c, "cg"), *stored = need(c, "Witer");
  const double *W = need(c, "W")->value, *P = need(c, "P")->value, *R = need(c, "R")->value;
  double *g = get_memory(b->n * sizeof *g);
  int n_steps = 0;
  for (size_t s = 0; s < stored->count; s++) {
    const int k = (int)stored->value[s]; /* the state at the end of step k, and before it */
    const double *after = cg->value + (size_t)(k - 1) * CG_COLUMNS;
    if (k == 1) {
      begin_as_published(c, b, state);
    } else {
      const double *before = after - CG_COLUMNS;
      if (s == 0 || (int)stored->value[s - 1] != k - 1 || before[CG_SUCCESS] != 1)
        continue;
      for (size_t i = 0; i < b->n; i++)
        g[i] = -R[(s - 1) * b->n + i];
      put_in_state(b, W + (s - 1) * b->n, P + (s - 1) * b->n, R + (s - 1) * b->n, g, state);
      state->E = before[CG_E];
      state->lambda = before[CG_LAMBDA];
      state->failures = 1;
    }
    if (after[CG_SUCCESS] != 1)
      continue;
    esp_scg_step(state, &b->f, &deposited, mask);
    char label[64];
    snprintf(label, sizeof label, "single step %d: success", k);
    compare_one(c, label, 1, state->success, 0);
    snprintf(label, sizeof label, "single step %d: delta", k);
    compare_one(c, label, after[CG_DELTA], state->delta, 1e-8);
    snprintf(label, sizeof label, "single step %d: E", k);
    compare_one(c, label, after[CG_E], state->E, 1e-10);
    to_theirs(&b->shape, state->w, b->theirs);
    snprintf(label, sizeof label, "single step %d: W", k);
    compare(c, label, b->n, W + s * b->n, b->theirs, 1e-10);
    to_theirs(&b->shape, state->p, b->theirs);
    snprintf(label, sizeof label, "single step %d: p", k);
    compare(c, label, b->n, P + s * b->n, b->theirs, 1e-7);
    n_steps++;
  }
  free(g);
  return n_steps;
}

static void check_cg(golden_case *c)
{
  bench b = make_bench(c, trials_of(need(c, "X"), need(c, "Y")));
  ready(c, &b);
  const bool all_fail = scalar(c, "sse0") < 0; /* called with an impossible loss, so that every step fails */
  double *mask = get_memory(b.n * sizeof *mask);
  to_ours(&b.shape, need(c, "clamp")->value, mask);
  esp_scg_state state;
  must(c, esp_scg_state_take(b.n, &b.ws, &state));
  check_trace(c, &b, mask, all_fail, &state);
  const int n_steps = check_single_steps(c, &b, mask, &state);
  if (n_steps == 0 && !all_fail)
    fail(c, "no single step could be compared");
  free(mask);
  free_bench(&b);
}

static void check_episode(golden_case *c)
{
  enum { MAX_CALLS = 100 };
  bench b = make_bench(c, trials_of(need(c, "X"), need(c, "Y")));
  ready(c, &b);
  to_ours(&b.shape, need(c, "theta")->value, b.w);
  double *mask = get_memory(b.n * sizeof *mask);
  for (size_t i = 0; i < b.n; i++)
    mask[i] = 1;
  const double sigma_y = scalar(c, "sigmay");
  esp_criterion criterion;
  const int window = (int)fmin(300, ceil(0.8 * (double)b.n));
  must(c, esp_criterion_take(window, 1e-8, 1.05 * sigma_y * sigma_y, &b.ws, &criterion));
  double at_start[MAX_CALLS], at_end[MAX_CALLS];
  uint8_t call_end[MAX_CALLS];
  int32_t n_steps[MAX_CALLS];
  esp_episode episode = {.loss_at_start = at_start, .loss_at_end = at_end, .call_end = call_end, .n_steps = n_steps};
  const esp_episode_options options = {.scg = &deposited,
                                       .mask = mask,
                                       .steps_per_call = (long)b.n,
                                       .max_calls = MAX_CALLS,
                                       .until_converged = true,
                                       .criterion = &criterion};
  must(c, esp_episode_train(&b.f, &options, b.w, &episode, &b.ws));

  /* Long runs amplify rounding: the first loss is exact, the rest agrees as far as two runs of one code would. */
  compare_one(c, "ssefo(1)", need(c, "ssefo")->value[0], at_start[0], 1e-12);
  const int expected = (int)scalar(c, "iter");
  if (call_end[episode.n_calls - 1] != ESP_CALL_CONVERGED || episode.n_calls > 3 * expected + 2 ||
      3 * episode.n_calls + 2 < expected)
    fail(c, "%d calls, the last one ending for reason %d; the published code converged after %d", episode.n_calls,
         call_end[episode.n_calls - 1], expected);
  const double loss = at_end[episode.n_calls - 1], loss_expected = scalar(c, "sse_end");
  if (fabs(loss / loss_expected - 1) > 0.15)
    fail(c, "loss at the end is %g, the published code reached %g", loss, loss_expected);
  free(mask);
  free_bench(&b);
}

/* ---- analyses of a pair of finished networks ---- */

/* One network of the pair: its three matrices are row-major in the file and follow each other in our order. */
typedef struct {
  esp_rnn_shape shape;
  double *w;
} finished_network;

static finished_network network_of(golden_case *c, const char *w_in, const char *w_rec, const char *w_out)
{
  const array *parts[] = {need(c, w_in), need(c, w_rec), need(c, w_out)};
  finished_network net = {.shape = shape_of(parts[0], parts[2])};
  if (parts[0]->count + parts[1]->count + parts[2]->count != esp_rnn_n_weights(&net.shape))
    die("has weight matrices that do not fit together", c->name);
  net.w = get_memory(esp_rnn_n_weights(&net.shape) * sizeof *net.w);
  double *next = net.w;
  for (int p = 0; p < 3; p++) {
    memcpy(next, parts[p]->value, parts[p]->count * sizeof *next);
    next += parts[p]->count;
  }
  return net;
}

static const double *w_rec_of(const finished_network *net)
{
  return net->w + esp_rnn_w_rec_offset(&net->shape);
}

/* Entry [.., net] of an array that has the two networks as its last index. */
static void compare_of_net(golden_case *c, const char *name, int net, size_t n, const double *got, double tolerance)
{
  const array *both = need(c, name);
  if (both->count != 2 * n || both->dim[both->n_dims - 1] != 2) {
    fail(c, "%s has %zu entries, not 2 x %zu with the network as the last index", name, both->count, n);
    return;
  }
  double *expected = get_memory(n * sizeof *expected);
  for (size_t i = 0; i < n; i++)
    expected[i] = both->value[2 * i + (size_t)net];
  char label[64];
  snprintf(label, sizeof label, "%s, network %d", name, net + 1);
  compare(c, label, n, expected, got, tolerance);
  free(expected);
}

/* Mean target at the response over the repeats of each condition. */
static void mean_targets(const array *Y, double *mean)
{
  const int n_trials = Y->dim[0], n_steps = Y->dim[1];
  for (int condition = 0; condition < ESP_PROBE_N_CONDITIONS; condition++) {
    mean[condition] = 0;
    for (int trial = condition; trial < n_trials; trial += ESP_PROBE_N_CONDITIONS)
      mean[condition] += esp_probe_response(Y->value + (size_t)trial * (size_t)n_steps, 1);
    mean[condition] /= n_trials / ESP_PROBE_N_CONDITIONS;
  }
}

/* The published grid, as large as the file says: onsets 16, 20, .., strengths 0, 0.2, ..; results there are [condition,]
 * onset, strength, network. */
static void check_probe_grid(golden_case *c, const finished_network *net, int which, const esp_probe_grid *grid,
                             esp_workspace *ws)
{
  enum { N = ESP_PROBE_N_CONDITIONS };
  const size_t n_probes = (size_t)grid->n_onsets * (size_t)grid->n_strengths, n = n_probes * N;
  double target[N];
  mean_targets(need(c, "Y"), target);
  uint8_t *correct_sign = get_memory(n), *correct = get_memory(n), *premature = get_memory(n);
  double *response = get_memory(n * sizeof *response), *largest = get_memory(n * sizeof *largest);
  const esp_probe_outcome outcome = {response, largest, correct_sign, correct, premature};
  must(c, esp_probe_run(&net->shape, net->w, 0, grid, target, &outcome, ws));

  double *resp = get_memory(n * sizeof *resp), *maxout = get_memory(n * sizeof *maxout);
  double *crct = get_memory(n_probes * sizeof *crct), *err = get_memory(n_probes * sizeof *err);
  for (size_t probe = 0; probe < n_probes; probe++)
    for (size_t condition = 0; condition < N; condition++) {
      resp[condition * n_probes + probe] = response[probe * N + condition];
      maxout[condition * n_probes + probe] = largest[probe * N + condition];
      crct[probe] += (double)correct[probe * N + condition] / N;
      err[probe] += (double)premature[probe * N + condition] / N;
    }
  compare_of_net(c, "resp", which, n, resp, 1e-12);
  compare_of_net(c, "maxout", which, n, maxout, 1e-12);
  compare_of_net(c, "crct", which, n_probes, crct, 0);
  compare_of_net(c, "err", which, n_probes, err, 0);
  free(correct_sign);
  free(correct);
  free(premature);
  free(response);
  free(largest);
  free(resp);
  free(maxout);
  free(crct);
  free(err);
}

/* The exponent of the author, and that of the chain rule, divided by one less than the number of factors and by it. */
static void check_lyapunov(golden_case *c, const finished_network *net, int which, int first_bin, int last_bin,
                           const esp_trajectories *t, esp_workspace *ws)
{
  const int n = net->shape.n_hid, n_factors = last_bin - first_bin + 1;
  const double *a = esp_trajectory_state(t, ESP_PROBE_N_CONDITIONS - 1, first_bin);
  double exponent, *eigenvalue = get_memory((size_t)n * sizeof *eigenvalue);
  double *spectrum = get_memory((size_t)n * sizeof *spectrum);
  must(c, esp_lyapunov_published(n, w_rec_of(net), n_factors, a, &exponent, eigenvalue, ws));
  must(c, esp_lyapunov_spectrum(n, w_rec_of(net), n_factors, a, spectrum, ws));
  compare_one(c, "lyap", need(c, "lyap")->value[which], exponent, 1e-9);
  const double *alt = need(c, "lyap_alt")->value + 2 * which;
  compare_one(c, "lyap_alt, one less", alt[0], spectrum[0] * n_factors / (n_factors - 1), 1e-9);
  compare_one(c, "lyap_alt", alt[1], spectrum[0], 1e-9);
  free(eigenvalue);
  free(spectrum);
}

static void check_histogram(golden_case *c, const char *name, const finished_network *net)
{
  const esp_weight_bins bins = ESP_WEIGHT_BINS_DMS;
  const array *expected = need(c, name);
  if (expected->count != (size_t)bins.n_bins) {
    fail(c, "%s has %zu bins, not %d", name, expected->count, bins.n_bins);
    return;
  }
  int32_t *count = get_memory(expected->count * sizeof *count);
  double *got = get_memory(expected->count * sizeof *got);
  esp_weight_histogram(net->shape.n_hid, w_rec_of(net), &bins, count);
  for (size_t i = 0; i < expected->count; i++)
    got[i] = count[i];
  compare(c, name, expected->count, expected->value, got, 0);
  free(count);
  free(got);
}

static void check_probe_of_net(golden_case *c, const finished_network *net, int which)
{
  enum { N = ESP_PROBE_N_CONDITIONS, STEPS = ESP_DMS_N_STEPS };
  const array *resp = need(c, "resp");
  if (resp->n_dims != 4 || resp->dim[0] != N || resp->dim[1] > ESP_PROBE_N_ONSETS || resp->dim[2] > 32) {
    fail(c, "resp is not [condition, onset, strength, network] as expected");
    return;
  }
  const int n_onsets = resp->dim[1];
  double strength[32];
  for (int s = 0; s < resp->dim[2]; s++)
    strength[s] = 0.2 * s;
  const esp_probe_grid grid = {n_onsets, resp->dim[2], esp_probe_onsets, strength};
  esp_workspace ws;
  must(c, esp_workspace_create(&ws));
  check_probe_grid(c, net, which, &grid, &ws);

  esp_trials trials = {.input = get_memory(sizeof(double) * N * STEPS * ESP_DMS_N_IN),
                       .target = get_memory(sizeof(double) * N * STEPS)};
  esp_dms_template(ESP_DMS_OLD_CUES, &trials);
  esp_trajectories t;
  must(c, esp_trajectories_take(&net->shape, N, STEPS, &ws, &t));
  must(c, esp_trajectories_run(&net->shape, net->w, &trials, 0, &t, &ws));
  const double *yhat = need(c, "yhat0")->value; /* [condition, network, step] */
  for (int condition = 0; condition < N; condition++)
    compare(c, "yhat0", STEPS, yhat + (size_t)(2 * condition + which) * STEPS, esp_trajectory_output(&t, condition, 1),
            1e-12);

  check_lyapunov(c, net, which, grid.onset[0], grid.onset[n_onsets - 1], &t, &ws);
  const char *spectrum = which == 0 ? "dimp" : "dimu"; /* the author's names are swapped */
  double *eigenvalue = get_memory((size_t)net->shape.n_hid * sizeof *eigenvalue);
  must(c, esp_pca(&t, 0, 1, 1, STEPS, eigenvalue, NULL, &ws));
  compare(c, spectrum, (size_t)net->shape.n_hid, need(c, spectrum)->value, eigenvalue, 1e-9);
  check_histogram(c, which == 0 ? "Nn" : "Np", net);
  free(eigenvalue);
  free(trials.input);
  free(trials.target);
  esp_workspace_free(&ws);
}

static void check_probe(golden_case *c)
{
  finished_network nets[] = {network_of(c, "Wi", "Wr", "Wo"), network_of(c, "Wip", "Wrp", "Wop")};
  for (int which = 0; which < 2; which++) {
    check_probe_of_net(c, &nets[which], which);
    free(nets[which].w);
  }
}

/* Array NAME_u or NAME_p. */
static const array *of_arm(golden_case *c, const char *name, char arm)
{
  char full[64];
  snprintf(full, sizeof full, "%s_%c", name, arm);
  return need(c, full);
}

static void check_probed_answers(golden_case *c, const finished_network *net, char arm, const esp_trials *trials,
                                 const esp_trajectories *probed)
{
  const array *expected = of_arm(c, "correct", arm);
  double *got = get_memory(expected->count * sizeof *got);
  for (int trial = 0; trial < trials->n_trials; trial++) {
    const double target = esp_probe_response(trials->target + (size_t)trial * (size_t)trials->n_steps, 1);
    got[trial] = 1 - fabs(esp_probe_response(esp_trajectory_output(probed, trial, 1), net->shape.n_out) - target);
  }
  compare(c, expected->name, expected->count, expected->value, got, 1e-12);
  free(got);
}

static int descending(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x < y) - (x > y);
}

/* Eigenvalues down to 1e-12 of the largest; below, those of the published code are rounding. */
static void check_delay_spectrum(golden_case *c, const finished_network *net, char arm, const double *a)
{
  enum { FIRST_BIN = 15, LAST_BIN = 40 };
  const int n = net->shape.n_hid;
  const array *lyap = of_arm(c, "lyap", arm);
  double exponent, *eigenvalue = get_memory((size_t)n * sizeof *eigenvalue);
  double *expected = get_memory(lyap->count * sizeof *expected);
  esp_workspace ws;
  must(c, esp_workspace_create(&ws));
  must(c, esp_lyapunov_published(n, w_rec_of(net), LAST_BIN - FIRST_BIN + 1, a + (size_t)(FIRST_BIN - 1) * (size_t)n,
                                 &exponent, eigenvalue, &ws));
  memcpy(expected, lyap->value, lyap->count * sizeof *expected);
  qsort(expected, lyap->count, sizeof *expected, descending);
  size_t n_meant = 0;
  while (n_meant < lyap->count && expected[n_meant] > 1e-12 * expected[0])
    n_meant++;
  compare(c, lyap->name, n_meant, expected, eigenvalue, 1e-9);
  free(eigenvalue);
  free(expected);
  esp_workspace_free(&ws);
}

/* The published arrays run to the last bin and mean something from the first bin of the flow on: nothing but 0/0 and 0
 * before. */
static void check_flow(golden_case *c, const finished_network *net, char arm, const esp_trials *trials,
                       const esp_trajectories *t, const double *eigenvalue, const double *component, esp_workspace *ws)
{
  const array *contraction = of_arm(c, "contraction", arm), *mproj = of_arm(c, "mproj", arm);
  const int condition = ESP_PROBE_N_CONDITIONS - 1, last = (int)contraction->count;
  if (last > t->n_steps || mproj->count != contraction->count) {
    fail(c, "%s and %s do not fit the trials", contraction->name, mproj->name);
    return;
  }
  double *ratio = get_memory((size_t)last * sizeof *ratio), *approach = get_memory((size_t)last * sizeof *approach);
  for (int bin = 1; bin <= last; bin++) {
    ratio[bin - 1] = NAN;
    if (bin < ESP_FLOW_FIRST_BIN)
      continue;
    const double *u = trials->input + ((size_t)condition * (size_t)trials->n_steps + (size_t)bin - 1) * (size_t)trials->n_in;
    esp_flow flow;
    must(c, esp_flow_at(&net->shape, net->w, eigenvalue, component, u, esp_trajectory_state(t, condition, bin), &flow, ws));
    ratio[bin - 1] = flow.contraction_published;
    approach[bin - 1] = flow.approach;
  }
  compare(c, contraction->name, contraction->count, contraction->value, ratio, 1e-10);
  compare(c, mproj->name, mproj->count, mproj->value, approach, 1e-9);
  free(ratio);
  free(approach);
}

static void check_probetraj_of_net(golden_case *c, const finished_network *net, char arm)
{
  enum { FIRST_PCA_BIN = 11 };
  const size_t n = (size_t)net->shape.n_hid;
  esp_trials trials = trials_of(need(c, "X"), need(c, "Y"));
  if (trials.n_trials < ESP_PROBE_N_CONDITIONS || trials.n_steps != ESP_DMS_N_STEPS || trials.n_in != ESP_DMS_N_IN ||
      of_arm(c, "correct", arm)->count != ESP_PROBE_N_CONDITIONS)
    die("has trials that are not of the DMS task", c->name);
  trials.n_trials = ESP_PROBE_N_CONDITIONS; /* the first repeat */
  esp_workspace ws;
  must(c, esp_workspace_create(&ws));
  esp_trajectories t, probed;
  must(c, esp_trajectories_take(&net->shape, trials.n_trials, trials.n_steps, &ws, &t));
  must(c, esp_trajectories_take(&net->shape, trials.n_trials, trials.n_steps, &ws, &probed));
  must(c, esp_trajectories_run(&net->shape, net->w, &trials, 0, &t, &ws));

  double *eigenvalue = get_memory(n * sizeof *eigenvalue), *component = get_memory(n * n * sizeof *component);
  must(c, esp_pca(&t, 0, t.n_trials, FIRST_PCA_BIN, t.n_steps, eigenvalue, component, &ws));
  compare(c, of_arm(c, "d", arm)->name, n, of_arm(c, "d", arm)->value, eigenvalue, 1e-9);
  check_flow(c, net, arm, &trials, &t, eigenvalue, component, &ws);
  check_delay_spectrum(c, net, arm, esp_trajectory_state(&t, ESP_PROBE_N_CONDITIONS - 1, 1));

  esp_probe_put(&trials, ESP_PROBE_EXAMPLE_ONSET, ESP_PROBE_EXAMPLE_STRENGTH);
  must(c, esp_trajectories_run(&net->shape, net->w, &trials, 0, &probed, &ws));
  check_probed_answers(c, net, arm, &trials, &probed);
  free(eigenvalue);
  free(component);
  free(trials.input);
  free(trials.target);
  esp_workspace_free(&ws);
}

static void check_probetraj(golden_case *c)
{
  finished_network unpruned = network_of(c, "Wi", "Wr", "Wo"), pruned = network_of(c, "Wip", "Wrp", "Wop");
  check_probetraj_of_net(c, &unpruned, 'u');
  check_probetraj_of_net(c, &pruned, 'p');
  free(unpruned.w);
  free(pruned.w);
}

/* ---- the two-armed bandit ---- */

static esp_bandit_options bandit_options(golden_case *c)
{
  return (esp_bandit_options){.n_agents = need(c, "choice")->dim[0],
                              .epsilon = scalar(c, "epsilon"),
                              .value_noise = scalar(c, "Qeta"),
                              .new_option = scalar(c, "explore") != 0,
                              .beta = scalar(c, "beta"),
                              .learning_rate = scalar(c, "rho"),
                              .q_start = 0.5};
}

/* A block with room of its own. */
typedef struct {
  size_t n; /* steps of all agents */
  esp_trials trials;
  esp_bandit_outcome outcome;
} block;

static block make_block(int n_agents)
{
  const size_t n = (size_t)n_agents * ESP_BANDIT_N_STEPS, d = sizeof(double);
  return (block){.n = n,
                 .trials = {.input = get_memory(n * ESP_BANDIT_N_IN * d), .target = get_memory(n * ESP_BANDIT_N_OPTIONS * d)},
                 .outcome = {.choice = get_memory(n),
                             .q_choice = get_memory(n),
                             .reward = get_memory(n),
                             .q = get_memory(n * ESP_BANDIT_N_OPTIONS * d),
                             .y = get_memory(n * ESP_BANDIT_N_OPTIONS * d)}};
}

/* The outcome; the trials belong to the bench. */
static void free_outcome(block *b)
{
  free(b->outcome.choice);
  free(b->outcome.q_choice);
  free(b->outcome.reward);
  free(b->outcome.q);
  free(b->outcome.y);
}

/* [agent, step, column] against the file's [agent, column, step]. */
static void compare_turned(golden_case *c, const char *name, const double *got, double tolerance)
{
  const array *expected = need(c, name);
  double *theirs = turned(expected->dim[0], expected->dim[2], expected->dim[1], got);
  compare(c, name, expected->count, expected->value, theirs, tolerance);
  free(theirs);
}

/* Options count from 1 in the file. */
static void compare_choices(golden_case *c, const char *name, const uint8_t *choice)
{
  const array *expected = need(c, name);
  double *got = get_memory(expected->count * sizeof *got);
  for (size_t i = 0; i < expected->count; i++)
    got[i] = choice[i] + 1;
  compare(c, name, expected->count, expected->value, got, 0);
  free(got);
}

static void compare_rewards(golden_case *c, const int8_t *reward)
{
  const array *expected = need(c, "rew");
  double *got = get_memory(expected->count * sizeof *got);
  for (size_t i = 0; i < expected->count; i++)
    got[i] = reward[i];
  compare(c, "rew", expected->count, expected->value, got, 0);
  free(got);
}

/* Q [agent, state, option, step, one more] of all states; ours are those of the state that each step is in. */
static void compare_values(golden_case *c, const block *b, bool new_option)
{
  const array *Q = find(c, "Q");
  if (!Q)
    return;
  double *expected = get_memory(b->n * ESP_BANDIT_N_OPTIONS * sizeof *expected);
  for (size_t i = 0; i < b->n * ESP_BANDIT_N_OPTIONS; i++) {
    const size_t option = i % ESP_BANDIT_N_OPTIONS, row = i / ESP_BANDIT_N_OPTIONS;
    const size_t step = row % ESP_BANDIT_N_STEPS, agent = row / ESP_BANDIT_N_STEPS;
    const size_t state = step % 2 == 0 ? 0 : new_option ? 2 : 1;
    expected[i] = Q->value[((agent * (size_t)Q->dim[1] + state) * (size_t)Q->dim[2] + option) * (size_t)Q->dim[3] + step];
  }
  compare(c, "Q", b->n * ESP_BANDIT_N_OPTIONS, expected, b->outcome.q, 1e-12);
  free(expected);
}

static void play_as_recorded(golden_case *c, const finished_network *net, block *b)
{
  const esp_bandit_options options = bandit_options(c);
  const esp_bandit_draws draws = {need(c, "choiceRand")->value, need(c, "exploreRand")->value, need(c, "rewardRand")->value,
                                  need(c, "etaN_used")->value};
  esp_workspace ws;
  must(c, esp_workspace_create(&ws));
  must(c, esp_bandit_play(&net->shape, net->w, &options, &draws, &b->trials, &b->outcome, &ws));
  esp_workspace_free(&ws);
  compare_turned(c, "X", b->trials.input, 0);
  compare_choices(c, "choice", b->outcome.choice);
  compare_choices(c, "qchoice", b->outcome.q_choice);
  compare_rewards(c, b->outcome.reward);
  compare_turned(c, "Y", b->trials.target, 1e-12);
  compare_turned(c, "yhat", b->outcome.y, 1e-12);
  compare_values(c, b, options.new_option);
  const esp_bandit_score score = esp_bandit_scores(options.n_agents, &b->outcome);
  compare_one(c, "mnSSa", scalar(c, "mnSSa"), score.value_error, 1e-12);
  compare_one(c, "mnxAgent", scalar(c, "mnxAgent"), score.agreement, 1e-12);
  compare_one(c, "mnRew", scalar(c, "mnRew"), score.reward, 1e-12);
}

/* States of the first agents: [agent, unit, step] in the file. */
static void compare_states(golden_case *c, const bench *b)
{
  const array *A = need(c, "A");
  const size_t n = (size_t)b->shape.n_hid, rows = (size_t)A->dim[0] * (size_t)A->dim[2];
  double *a = get_memory(rows * n * sizeof *a);
  for (size_t i = 0; i < rows; i++)
    memcpy(a + i * n, b->problem.a + (size_t)b->tree.node[i] * (size_t)b->problem.ld, n * sizeof *a);
  compare_turned(c, "A", a, 1e-12);
  free(a);
}

static void check_runqsa(golden_case *c)
{
  const array *choice = need(c, "choice");
  if (choice->dim[1] != ESP_BANDIT_N_STEPS)
    die("has blocks of another length", c->name);
  finished_network net = network_of(c, "Wi", "Wr", "Wo");
  block played = make_block(choice->dim[0]);
  play_as_recorded(c, &net, &played);

  bench b = make_bench(c, played.trials); /* what was played can be trained on */
  ready(c, &b);
  compare_one(c, "sse", scalar(c, "sse"), esp_rnn_loss(&b.problem, net.w), 1e-12);
  compare_states(c, &b);
  double *g = get_memory(b.n * sizeof *g);
  esp_rnn_gradient(&b.problem, g);
  to_theirs(&b.shape, g, b.theirs);
  compare(c, "grad", b.n, need(c, "grad")->value, b.theirs, 1e-12);
  compare_matrix(c, "dWi", g, 0, 1);
  compare_matrix(c, "dWr", g, esp_rnn_w_rec_offset(&b.shape), 1);
  compare_matrix(c, "dWo", g, esp_rnn_w_out_offset(&b.shape), 1);
  free(g);
  free(net.w);
  free_outcome(&played);
  free_bench(&b);
}

/* Trials of inputs alone: [agent, input, step]. */
static esp_trials inputs_of(const array *X, int n_out)
{
  const size_t n = (size_t)X->dim[0] * (size_t)X->dim[2];
  return (esp_trials){.n_trials = X->dim[0],
                      .n_steps = X->dim[2],
                      .n_in = X->dim[1],
                      .n_out = n_out,
                      .input = turned(X->dim[0], X->dim[1], X->dim[2], X->value),
                      .target = get_memory(n * (size_t)n_out * sizeof(double))};
}

/* Run the network through inputs X; the trajectories stay in ws. */
static esp_trajectories run_through(golden_case *c, const finished_network *net, const char *X, esp_workspace *ws)
{
  esp_trials trials = inputs_of(need(c, X), net->shape.n_out);
  esp_trajectories t;
  must(c, esp_workspace_create(ws));
  must(c, esp_trajectories_take(&net->shape, trials.n_trials, trials.n_steps, ws, &t));
  must(c, esp_trajectories_run(&net->shape, net->w, &trials, 0, &t, ws));
  free(trials.input);
  free(trials.target);
  return t;
}

/* Steps 2 to the last of each agent: the published exponent, and that of the chain rule, in the file divided by one less than
 * the number of factors as well. */
static void check_agents_exponents(golden_case *c, const finished_network *net, const esp_trajectories *t, esp_workspace *ws)
{
  enum { FIRST_STEP = 2 };
  const int n = net->shape.n_hid, n_factors = t->n_steps - FIRST_STEP + 1;
  const double *per_agent = need(c, "per_agent")->value, *alternative = need(c, "lyap_alt")->value;
  double exponent, sum = 0, *eigenvalue = get_memory((size_t)n * sizeof *eigenvalue);
  double *spectrum = get_memory((size_t)n * sizeof *spectrum);
  for (int agent = 0; agent < t->n_trials; agent++) {
    const double *a = esp_trajectory_state(t, agent, FIRST_STEP);
    must(c, esp_lyapunov_published(n, w_rec_of(net), n_factors, a, &exponent, eigenvalue, ws));
    must(c, esp_lyapunov_spectrum(n, w_rec_of(net), n_factors, a, spectrum, ws));
    compare_one(c, "per_agent, exponent", per_agent[2 * agent], exponent, 1e-9);
    compare_one(c, "lyap_alt", alternative[agent], spectrum[0] * n_factors / (n_factors - 1), 1e-9);
    sum += exponent;
  }
  compare_one(c, "lyapunov", scalar(c, "lyapunov"), sum / t->n_trials, 1e-9);
  free(eigenvalue);
  free(spectrum);
}

static void check_agents_separations(golden_case *c, const finished_network *net, const esp_trajectories *t)
{
  const double *per_agent = need(c, "per_agent")->value, *condition = need(c, "cond_cov")->value;
  double sum = 0;
  esp_workspace ws;
  must(c, esp_workspace_create(&ws));
  for (int agent = 0; agent < t->n_trials; agent++) {
    esp_separation s;
    must(c, esp_separation_of(net->shape.n_hid, t->n_steps, esp_trajectory_state(t, agent, 1), &s, &ws));
    compare_one(c, "per_agent, separation", per_agent[2 * agent + 1], s.distance, 1e-8);
    compare_one(c, "cond_cov", condition[agent], s.condition, 1e-8);
    sum += s.distance;
  }
  compare_one(c, "eDist", scalar(c, "eDist"), sum / t->n_trials, 1e-8);
  esp_workspace_free(&ws);
}

static void check_lyap_mahal(golden_case *c)
{
  finished_network net = network_of(c, "Wi", "Wr", "Wo");
  esp_workspace ws;
  esp_trajectories t = run_through(c, &net, "X", &ws);
  check_agents_exponents(c, &net, &t, &ws);
  check_agents_separations(c, &net, &t);
  esp_workspace_free(&ws);

  t = run_through(c, &net, "X3", &ws);
  double *eigenvalue = get_memory((size_t)net.shape.n_hid * sizeof *eigenvalue);
  must(c, esp_pca(&t, 0, t.n_trials, 1, t.n_steps, eigenvalue, NULL, &ws));
  compare(c, "pcad", need(c, "pcad")->count, need(c, "pcad")->value, eigenvalue, 1e-9);
  free(eigenvalue);
  free(net.w);
  esp_workspace_free(&ws);
}

/* Calls on one block: the first loss is exact; the later ones follow hundreds of steps that amplify rounding. */
static void check_trainnetwork(golden_case *c)
{
  enum { MAX_CALLS = 50 };
  const array *losses = need(c, "ssefo");
  const int n_calls = (int)losses->count;
  if (n_calls > MAX_CALLS)
    die("has too many calls", c->name);
  bench b = make_bench(c, trials_of(need(c, "X"), need(c, "Y")));
  ready(c, &b);
  to_ours(&b.shape, need(c, "theta")->value, b.w);
  esp_criterion criterion = esp_criterion_bandit();
  double at_start[MAX_CALLS], at_end[MAX_CALLS];
  uint8_t call_end[MAX_CALLS];
  int32_t n_steps[MAX_CALLS];
  esp_episode episode = {.loss_at_start = at_start, .loss_at_end = at_end, .call_end = call_end, .n_steps = n_steps};
  const esp_episode_options options = {
      .scg = &deposited, .steps_per_call = (long)b.n, .max_calls = n_calls, .until_converged = true, .criterion = &criterion};
  must(c, esp_episode_train(&b.f, &options, b.w, &episode, &b.ws));
  if (episode.n_calls != n_calls)
    fail(c, "%d calls, not %d", episode.n_calls, n_calls);
  compare_one(c, "ssefo(1)", losses->value[0], at_start[0], 1e-12);
  for (int call = 1; call < episode.n_calls; call++)
    compare_one(c, "ssefo, later calls", losses->value[call], at_start[call], 0.15);
  const array *end = need(c, "theta_final");
  to_ours(&b.shape, end->value, b.w);
  compare_one(c, "loss of theta_final", esp_rnn_loss(&b.problem, b.w), at_end[episode.n_calls - 1], 0.15);
  free_bench(&b);
}

static const struct {
  const char *prefix;
  void (*check)(golden_case *);
} kinds[] = {
    {"dms_template_", check_template}, {"dms_buildtrials_", check_buildtrials}, {"dms_fwdgrad_", check_fwdgrad},
    {"dms_prune_", check_prune},       {"dms_cg_", check_cg},                   {"dms_episode_", check_episode},
    {"dms_probe_", check_probe},       {"dms_probetraj_", check_probetraj},     {"rl_runqsa_", check_runqsa},
    {"rl_cg_", check_cg},              {"rl_lyap_", check_lyap_mahal},          {"rl_trainnetwork_", check_trainnetwork},
};

static int is_case(const struct dirent *entry)
{
  const size_t length = strlen(entry->d_name);
  return length > 4 && strcmp(entry->d_name + length - 4, ".txt") == 0;
}

int main(int argc, char **argv)
{
  if (argc != 2) {
    fprintf(stderr, "usage: golden_check DIRECTORY\n");
    return 64;
  }
  struct dirent **entries;
  const int n = scandir(argv[1], &entries, is_case, alphasort);
  if (n < 0)
    die("cannot be read", argv[1]);
  int checked = 0, failed = 0;
  for (int i = 0; i < n; i++) {
    const char *name = entries[i]->d_name;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", argv[1], name);
    bool known = false;
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
      if (strncmp(name, kinds[kind].prefix, strlen(kinds[kind].prefix)) != 0)
        continue;
      known = true;
      golden_case *c = get_memory(sizeof *c);
      c->name = name;
      read_case(path, c);
      kinds[kind].check(c);
      checked++;
      failed += c->failed;
      if (c->failed)
        printf("FAIL %s: %s\n", name, c->message);
      else
        printf("ok   %s: %d comparisons, closest to its tolerance: %s\n", name, c->n_compared,
               c->worst_name[0] ? c->worst_name : "none, all exact");
      for (int a = 0; a < c->n_arrays; a++)
        free(c->arrays[a].value);
      free(c);
    }
    if (!known)
      printf("skip %s: no check for this kind of case\n", name);
    free(entries[i]);
  }
  free(entries);
  printf("%d cases, %d failed\n", checked, failed);
  return checked == 0 || failed > 0;
}
