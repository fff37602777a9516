/* cli/bench.c - how fast is the gradient here? Everything is measured in turn, round after round, beside a large matrix product,
 * so that the ratios hold on a machine whose speed comes and goes. */
#include <cblas.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "espalier/arrays.h"
#include "espalier/dms_task.h"
#include "espalier/kernel.h"
#include "espalier/log.h"
#include "espalier/prune.h"
#include "espalier/rnn.h"
#include "espalier/scg.h"

enum { N_ROUNDS = 15, DGEMM_SIZE = 512 }; /* --help says both */

/* What is measured: a network, pruned or not, on a training set. */
typedef struct {
  const char *name;
  int n_hid, n_in, n_out;
  bool bias;
  int n_trials, n_steps; /* of a set with nothing to share; 0: a DMS set */
  esp_dms_set set;
  double input_noise_sd, prune_fraction;
} bench_case;

static const bench_case cases[] = {
    {"DMS, dense", 30, 6, 1, false, 0, 0, ESP_DMS_OLD_CUES, 0, 0},
    {"DMS, 0.70 pruned", 30, 6, 1, false, 0, 0, ESP_DMS_OLD_CUES, 0, 0.70},
    {"DMS, 0.90 pruned", 30, 6, 1, false, 0, 0, ESP_DMS_OLD_CUES, 0, 0.90},
    {"DMS, new cues", 30, 6, 1, false, 0, 0, ESP_DMS_NEW_CUES_BOTH, 0, 0},
    {"DMS, input noise", 30, 6, 1, false, 0, 0, ESP_DMS_OLD_CUES, 0.1, 0},
    {"DMS, N = 100", 100, 6, 1, false, 0, 0, ESP_DMS_OLD_CUES, 0, 0},
    {"DMS, N = 100, input noise", 100, 6, 1, false, 0, 0, ESP_DMS_OLD_CUES, 0.1, 0},
    {"DMS, N = 300", 300, 6, 1, false, 0, 0, ESP_DMS_OLD_CUES, 0, 0},
    {"24 agents x 60 steps, N = 20", 20, 10, 4, true, 24, 60, ESP_DMS_OLD_CUES, 0, 0},
};
enum { N_CASES = sizeof cases / sizeof *cases };

/* A case made ready, and what was measured of it. */
typedef struct {
  esp_workspace *ws; /* of all cases */
  esp_trials trials;
  esp_tree tree;
  esp_rnn_problem problem;
  double *w, *gradient;
  double operations; /* of the plain algorithm, for one gradient */
  double seconds[N_ROUNDS], of_dgemm[N_ROUNDS];
} bench;

static const esp_rng_key bench_key = {.seed = 1, .purpose = ESP_RNG_START_WEIGHTS};

static esp_err make_trials(const bench_case *c, bench *b)
{
  const esp_dms_noise noise = {5, 0.1, c->input_noise_sd};
  const int n_trials = c->n_trials ? c->n_trials : 5 * esp_dms_n_conditions(c->set);
  const int n_steps = c->n_steps ? c->n_steps : ESP_DMS_N_STEPS;
  const size_t n = (size_t)n_trials * (size_t)n_steps;
  ESP_TRY(esp_trials_take(n_trials, n_steps, c->n_in, c->n_out, b->ws, &b->trials));
  if (!c->n_trials) {
    esp_dms_trials(c->set, &noise, &bench_key, 0, &b->trials);
    return ESP_OK;
  }
  for (size_t i = 0; i < n * (size_t)c->n_in; i++)
    b->trials.input[i] = esp_rng_normal(&bench_key, i);
  for (size_t i = 0; i < n * (size_t)c->n_out; i++)
    b->trials.target[i] = esp_rng_normal(&bench_key, i);
  return ESP_OK;
}

static esp_err make_network(const bench_case *c, const esp_rnn_shape *shape, bench *b)
{
  const size_t n = esp_rnn_n_weights(shape);
  const double sd = 1 / sqrt(c->n_hid);
  uint8_t *mask;
  ESP_TRY(esp_workspace_take(b->ws, n, &b->w));
  ESP_TRY(esp_workspace_take(b->ws, n, &b->gradient));
  ESP_TRY(esp_workspace_take_bytes(b->ws, (size_t)c->n_hid * (size_t)c->n_hid, &mask));
  for (size_t i = 0; i < n; i++)
    b->w[i] = sd * esp_rng_normal(&bench_key, i);
  memset(mask, 1, (size_t)c->n_hid * (size_t)c->n_hid);
  return esp_mask_prune(c->n_hid, c->prune_fraction, ESP_PRUNE_MAGNITUDE, ESP_TIES_ROW_MAJOR, NULL, mask,
                        b->w + esp_rnn_w_rec_offset(shape), b->ws);
}

static esp_err make_bench(const bench_case *c, bench *b)
{
  const esp_rnn_shape shape = {.n_hid = c->n_hid, .n_in = c->n_in, .n_out = c->n_out, .bias = c->bias};
  ESP_TRY(make_trials(c, b));
  ESP_TRY(esp_tree_build(&b->trials, 0, b->ws, &b->tree));
  ESP_TRY(esp_rnn_problem_take(&shape, &b->tree, b->ws, &b->problem));
  ESP_TRY(make_network(c, &shape, b));
  b->operations = 6.0 * (double)esp_rnn_n_weights(&shape) * b->trials.n_trials * b->trials.n_steps;
  return ESP_OK;
}

/* Seconds since then, which becomes now. */
static double lap(double *since)
{
  const double then = *since;
  *since = esp_seconds();
  return *since - then;
}

/* Seconds of one gradient: the fastest of three tries of about 2 ms. */
static double time_gradient(bench *b)
{
  double best = INFINITY;
  for (int attempt = 0; attempt < 3; attempt++) {
    const double began = esp_seconds();
    double took;
    int n = 0;
    do {
      esp_rnn_loss(&b->problem, b->w);
      esp_rnn_gradient(&b->problem, b->gradient);
      n++;
      took = esp_seconds() - began;
    } while (took < 0.002);
    best = fmin(best, took / n);
  }
  return best;
}

static double time_dgemm(const double *a, double *c)
{
  double best = INFINITY;
  for (int attempt = 0; attempt < 3; attempt++) {
    double at = esp_seconds();
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, DGEMM_SIZE, DGEMM_SIZE, DGEMM_SIZE, 1.0, a, DGEMM_SIZE, a, DGEMM_SIZE,
                0.0, c, DGEMM_SIZE);
    best = fmin(best, lap(&at));
  }
  return best;
}

/* Seconds of an SCG step, and the share of it that is neither loss, gradient nor curvature: of 200 steps on the first case. */
static esp_err time_step(bench *b, bool exact, double *seconds, double *share)
{
  enum { N_STEPS = 200 };
  const size_t mark = b->ws->used;
  if (exact)
    ESP_TRY(esp_rnn_tangent_take(&b->problem, b->ws));
  const esp_objective f = esp_rnn_objective(&b->problem);
  const esp_scg_options options = {ESP_SCG_PUBLISHED, 5e-5, 5e-7, 0.001, 10};
  const esp_scg_watch nobody = {0};
  esp_scg_state state;
  ESP_TRY(esp_scg_state_take(f.n, b->ws, &state));
  double best = INFINITY, losses = INFINITY, gradients = INFINITY, curvatures = INFINITY;
  for (int attempt = 0; attempt < 5; attempt++) {
    memcpy(state.w, b->w, f.n * sizeof *state.w);
    state.n_losses = state.n_gradients = state.n_curvatures = 0;
    double at = esp_seconds();
    esp_scg_minimise(&state, &f, &options, NULL, N_STEPS, &nobody);
    best = fmin(best, lap(&at));
    for (long i = 0; i < state.n_losses; i++)
      esp_rnn_loss(&b->problem, b->w);
    losses = fmin(losses, lap(&at));
    for (long i = 0; i < state.n_gradients; i++)
      esp_rnn_gradient(&b->problem, b->gradient);
    gradients = fmin(gradients, lap(&at));
    for (long i = 0; i < state.n_curvatures; i++)
      esp_rnn_curvature(&b->problem, b->w);
    curvatures = fmin(curvatures, lap(&at));
  }
  *seconds = best / N_STEPS;
  *share = fmax(0, 1 - (losses + gradients + curvatures) / best);
  b->problem.tangent = NULL;
  b->ws->used = mark;
  return ESP_OK;
}

static double median(const double *values)
{
  double sorted[N_ROUNDS];
  memcpy(sorted, values, sizeof sorted);
  gsl_sort(sorted, 1, N_ROUNDS);
  return gsl_stats_median_from_sorted_data(sorted, 1, N_ROUNDS);
}

static void measure(bench *benches, const double *a, double *c, double *dgemm_rate)
{
  const double operations = 2.0 * DGEMM_SIZE * DGEMM_SIZE * DGEMM_SIZE;
  for (int round = 0; round < N_ROUNDS; round++)
    for (int i = 0; i < N_CASES; i++) {
      const double dgemm = operations / time_dgemm(a, c);
      benches[i].seconds[round] = time_gradient(&benches[i]);
      benches[i].of_dgemm[round] = benches[i].operations / benches[i].seconds[round] / dgemm;
      if (i == 0)
        dgemm_rate[round] = dgemm;
    }
}

/* SCG steps on the first case: [0] as published, [1] with hessian: exact. */
typedef struct {
  double seconds[2], share[2];
} step_times;

static void print_text(const bench *benches, const double *dgemm_rate, const step_times *step)
{
  printf("%s, kernels %s\nDGEMM %d^3 (OpenBLAS, one thread): %.1f GFLOP/s\n\n", esp_program_version(), esp_kernel_name(),
         DGEMM_SIZE, median(dgemm_rate) / 1e9);
  printf("%-30s %8s %8s %12s %10s %9s %9s\n", "gradient", "trials", "nodes", "time", "effective", "of DGEMM", "of dense");
  for (int i = 0; i < N_CASES; i++) {
    const bench *b = &benches[i];
    const double seconds = median(b->seconds);
    printf("%-30s %8d %8d %9.2f us %6.1f GF/s %9.2f", cases[i].name, b->tree.n_trials, b->tree.n_nodes, 1e6 * seconds,
           b->operations / seconds / 1e9, median(b->of_dgemm));
    if (cases[i].prune_fraction > 0)
      printf(" %9.2f", median(benches[0].of_dgemm) / median(b->of_dgemm));
    printf("\n");
  }
  static const char *const names[] = {"", ", hessian: exact"};
  printf("\n");
  for (int i = 0; i < 2; i++)
    printf("SCG step, DMS dense%s: %.2f us, of which %.1f %% beyond losses, gradients and curvatures\n", names[i],
           1e6 * step->seconds[i], 100 * step->share[i]);
}

static esp_err print_json(const bench *benches, const double *dgemm_rate, const step_times *step)
{
  json_t *list = json_array();
  for (int i = 0; i < N_CASES; i++) {
    const bench *b = &benches[i];
    json_array_append_new(list, json_pack("{s:s, s:i, s:i, s:i, s:f, s:f, s:f, s:f}", "case", cases[i].name, "n_hid",
                                          cases[i].n_hid, "trials", b->tree.n_trials, "nodes", b->tree.n_nodes,
                                          "prune_fraction", cases[i].prune_fraction, "seconds", median(b->seconds),
                                          "effective_rate", b->operations / median(b->seconds), "of_dgemm",
                                          median(b->of_dgemm)));
  }
  json_t *root = json_pack("{s:s, s:s, s:f, s:o, s:f, s:f, s:f}", "program", esp_program_version(), "kernel", esp_kernel_name(),
                           "dgemm_rate", median(dgemm_rate), "gradients", list, "scg_step_seconds", step->seconds[0],
                           "scg_step_share_beyond_gradients", step->share[0], "scg_step_seconds_exact", step->seconds[1]);
  ESP_REQUIRE(root, ESP_ERR_NOMEM, "no memory for the JSON text");
  json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
  printf("\n");
  json_decref(root);
  return ESP_OK;
}

/* ---- --write ---- */

static esp_err write_case(const char *path, const bench_case *c, bench *b)
{
  ESP_TRY(make_bench(c, b));
  const double loss = esp_rnn_loss(&b->problem, b->w);
  esp_rnn_gradient(&b->problem, b->gradient);
  const int32_t n_hid = c->n_hid;
  const long n_trials = b->trials.n_trials, n_steps = b->trials.n_steps, n_weights = (long)esp_rnn_n_weights(&b->problem.shape);
  const esp_array arrays[] = {
      {"input", ESP_F64, 3, {n_trials, n_steps, c->n_in}, b->trials.input, "1", "u(k) of each trial [trial, step, input]"},
      {"target", ESP_F64, 3, {n_trials, n_steps, c->n_out}, b->trials.target, "1", "what y(k) should be [trial, step, output]"},
      {"weights", ESP_F64, 1, {n_weights}, b->w, "1",
       "W_in [post, input], W_rec [post, pre], W_out [output, unit], row-major"},
      {"gradient", ESP_F64, 1, {n_weights}, b->gradient, "1", "dE/dw at these weights, in their order"},
      {"loss", ESP_F64, 0, {0}, &loss, "1", "E = sum of (y - target)^2 / (n_trials n_steps)"},
      {"n_hid", ESP_I32, 0, {0}, &n_hid, "1", "hidden units"},
  };
  return esp_arrays_write(path, sizeof arrays / sizeof *arrays, arrays);
}

static esp_err run_bench(bool json, bench *benches)
{
  const size_t n = DGEMM_SIZE * DGEMM_SIZE;
  double dgemm_rate[N_ROUNDS];
  step_times step;
  double *a = aligned_alloc(64, 2 * n * sizeof *a);
  ESP_REQUIRE(a, ESP_ERR_NOMEM, "no memory for the matrices of DGEMM");
  for (size_t i = 0; i < n; i++)
    a[i] = esp_rng_uniform(&bench_key, i);
  esp_err err = ESP_OK;
  for (int i = 0; i < N_CASES && err == ESP_OK; i++)
    err = make_bench(&cases[i], &benches[i]);
  if (err == ESP_OK) {
    measure(benches, a, a + n, dgemm_rate);
    for (int i = 0; i < 2 && err == ESP_OK; i++)
      err = time_step(&benches[0], i == 1, &step.seconds[i], &step.share[i]);
  }
  if (err == ESP_OK && json)
    err = print_json(benches, dgemm_rate, &step);
  else if (err == ESP_OK)
    print_text(benches, dgemm_rate, &step);
  free(a);
  return err;
}

int esp_cli_bench(int argc, char **argv)
{
  bool json = false;
  const char *path = NULL;
  const esp_option options[] = {
      {0, "json", NULL, "print the medians as JSON", esp_cli_read_flag, &json, NULL},
      esp_option_kernel,
      {0, "write", "FILE.h5",
       "measure nothing: put the numbers of the first case, with its loss and gradient, into a new HDF5 file, for other programs to "
       "compute the same and compare (tools/bench_peers)",
       esp_cli_read_text, &path, NULL},
  };
  const esp_command command = {
      "bench",
      "Usage: espalier bench [--json] [--kernel NAME]\n"
      "       espalier bench --write FILE.h5 [--kernel NAME]\n\n"
      "Measure on one core: a large OpenBLAS product (DGEMM 512^3), the gradient of several networks and training sets, and a\n"
      "step of scaled conjugate gradient. All cases are measured in turn, 15 times; medians are printed.\n\n"
      "  effective rate   operations of the plain algorithm (6 x weights x steps x trials) over the time\n"
      "  of DGEMM         that rate over the rate of DGEMM in the same round\n",
      "Examples:\n"
      "  espalier bench\n"
      "  espalier bench --json > bench.json\n"
      "  espalier bench --kernel avx2\n"
      "  espalier bench --write dms_dense.h5\n",
      sizeof options / sizeof *options, options};
  const int status = esp_cli_options(&command, argc, argv);
  if (status >= 0)
    return status;
  if (argc != optind)
    return esp_cli_usage_error("bench", "it takes no file, '%s' given", argv[optind]);
  if (json && path)
    return esp_cli_usage_error("bench", "--write measures nothing, so there is nothing for --json to print");
  esp_one_thread();
  static bench benches[N_CASES];
  esp_workspace ws;
  esp_err err = esp_workspace_create(&ws);
  for (int i = 0; i < N_CASES; i++)
    benches[i].ws = &ws;
  if (err == ESP_OK)
    err = path ? write_case(path, &cases[0], &benches[0]) : run_bench(json, benches);
  esp_workspace_free(&ws);
  return esp_cli_end(err);
}
