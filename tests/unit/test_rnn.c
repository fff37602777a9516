/* tests/unit/test_rnn.c - the network all trials at once against the obvious one and against differences of its loss and of its
 * gradient. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/dms_task.h"
#include "espalier/kernel.h"
#include "reference_rnn.h"

enum { MAX_TRIALS = 40, MAX_STEPS = 58, MAX_IN = 6, MAX_OUT = 4, MAX_WEIGHTS = 33 * 6 + 33 * 33 + 4 * 34 };

static esp_workspace ws;
static double input[MAX_TRIALS * MAX_STEPS * MAX_IN], target[MAX_TRIALS * MAX_STEPS * MAX_OUT];
static double weights[MAX_WEIGHTS], direction[MAX_WEIGHTS], fast[MAX_WEIGHTS], obvious[MAX_WEIGHTS];
static double obvious_y[MAX_TRIALS * MAX_STEPS * MAX_OUT];

static int make_workspace(void **state)
{
  (void)state;
  esp_one_thread();
  return esp_workspace_create(&ws) != ESP_OK;
}

static int free_workspace(void **state)
{
  (void)state;
  esp_workspace_free(&ws);
  return 0;
}

static void normals(uint64_t seed, size_t n, double sd, double *out)
{
  const esp_rng_key key = {.seed = seed};
  for (size_t i = 0; i < n; i++)
    out[i] = sd * esp_rng_normal(&key, i);
}

/* Weights as a start has them; a random share of W_rec is removed. */
static void make_weights(const esp_rnn_shape *shape, uint64_t seed, double removed)
{
  const size_t n = (size_t)shape->n_hid, w_rec = esp_rnn_w_rec_offset(shape);
  const esp_rng_key key = {.seed = seed, .purpose = ESP_RNG_PRUNE_CHOICE};
  normals(seed, esp_rnn_n_weights(shape), 0.2, weights);
  for (size_t i = 0; i < n * n; i++)
    weights[w_rec + i] = esp_rng_uniform(&key, i) < removed ? 0 : 0.5 * weights[w_rec + i] + 0.5 * (i % (n + 1) == 0);
}

typedef enum { OLD_CUES, NEW_CUES, RANDOM_INPUTS, ONE_TRIAL, ONE_STEP, REPEATED_RANDOM, N_SETS } set_kind;

static esp_trials make_set(set_kind kind, int n_out)
{
  esp_trials t = {.input = input, .target = target};
  if (kind == OLD_CUES || kind == NEW_CUES) {
    esp_dms_repeat(kind == OLD_CUES ? ESP_DMS_OLD_CUES : ESP_DMS_NEW_CUES_BOTH, 3, &t);
  } else {
    t.n_trials = kind == ONE_TRIAL ? 1 : kind == REPEATED_RANDOM ? 40 : 5;
    t.n_steps = kind == ONE_STEP ? 1 : 13;
    t.n_in = 3;
    normals(77, (size_t)(t.n_trials * t.n_steps * t.n_in), 1, input);
    if (kind == REPEATED_RANDOM) /* twenty trials twice: many different inputs, and yet some are equal */
      memcpy(input + 20 * 13 * 3, input, 20 * 13 * 3 * sizeof *input);
  }
  t.n_out = n_out;
  normals(78, (size_t)(t.n_trials * t.n_steps * t.n_out), 1, target);
  return t;
}

typedef struct {
  esp_tree tree;
  esp_rnn_problem problem;
} network;

static void take(const esp_rnn_shape *shape, const esp_trials *trials, int input_lag, network *net)
{
  assert_int_equal(esp_tree_build(trials, input_lag, &ws, &net->tree), ESP_OK);
  assert_int_equal(esp_rnn_problem_take(shape, &net->tree, &ws, &net->problem), ESP_OK);
}

static void fill_nan(size_t n, double *out)
{
  for (size_t i = 0; i < n; i++)
    out[i] = NAN;
}

static double largest(size_t n, const double *v)
{
  double most = 0;
  for (size_t i = 0; i < n; i++)
    most = fmax(most, fabs(v[i]));
  return most;
}

static void assert_as_obvious(const esp_rnn_shape *shape, const esp_trials *trials, int input_lag)
{
  const size_t mark = ws.used;
  network net;
  take(shape, trials, input_lag, &net);
  const double E = esp_rnn_loss(&net.problem, weights);
  esp_rnn_gradient(&net.problem, fast);
  const double expected = reference_rnn(shape, input_lag, trials, weights, obvious_y, obvious);
  const size_t n = esp_rnn_n_weights(shape);
  const double scale = largest(n, obvious);
  if (!(fabs(E - expected) <= 1e-12 * expected))
    fail_msg("N %d: loss %.17g, not %.17g", shape->n_hid, E, expected);
  for (size_t i = 0; i < n; i++)
    if (!(fabs(fast[i] - obvious[i]) <= 1e-12 * scale))
      fail_msg("N %d, bias %d, readout %d, lag %d: gradient[%zu] is %.17g, not %.17g", shape->n_hid, shape->bias,
               shape->readout, input_lag, i, fast[i], obvious[i]);
  for (int i = 0; i < trials->n_trials * trials->n_steps * trials->n_out; i++) {
    const double y = net.problem.y[net.tree.node[i / trials->n_out] * trials->n_out + i % trials->n_out];
    if (!(fabs(y - obvious_y[i]) <= 1e-12 * fmax(1, fabs(obvious_y[i]))))
      fail_msg("N %d: y[%d] is %.17g, not %.17g", shape->n_hid, i, y, obvious_y[i]);
  }
  ws.used = mark;
}

static void fast_network_is_the_obvious_one(void **state)
{
  (void)state;
  static const int sizes[] = {1, 2, 7, 8, 30, 33};
  for (set_kind kind = 0; kind < N_SETS; kind++)
    for (int s = 0; s < 6; s++)
      for (int variant = 0; variant < 8; variant++) {
        const bool bias = variant & 1;
        const int n_out = s % 2 == 0 ? 1 : bias ? 4 : 3, input_lag = variant >> 2 & 1;
        const esp_trials trials = make_set(kind, n_out);
        const esp_readout readout = variant & 2 ? ESP_READOUT_LATENT : ESP_READOUT_RATE;
        const esp_rnn_shape shape = {sizes[s], trials.n_in, n_out, bias, readout};
        make_weights(&shape, (uint64_t)(100 + s), variant & 4 ? 0.7 : 0);
        assert_as_obvious(&shape, &trials, input_lag);
        make_weights(&shape, (uint64_t)(200 + s), variant & 4 ? 0 : 0.7);
        assert_as_obvious(&shape, &trials, input_lag);
      }
}

/* ---- derivatives against differences ---- */

/* A function of the way h from the weights along the direction. */
typedef double along(network *net, size_t n, double h);

static double loss_along(network *net, size_t n, double h)
{
  double moved[MAX_WEIGHTS];
  for (size_t i = 0; i < n; i++)
    moved[i] = weights[i] + h * direction[i];
  return esp_rnn_loss(&net->problem, moved);
}

static double slope_along(network *net, size_t n, double h)
{
  double slope = 0;
  loss_along(net, n, h);
  esp_rnn_gradient(&net->problem, fast);
  for (size_t i = 0; i < n; i++)
    slope += fast[i] * direction[i];
  return slope;
}

static double curvature_along(network *net, size_t n, double h)
{
  slope_along(net, n, h);
  return esp_rnn_curvature(&net->problem, direction);
}

/* Error of the difference quotient over steps 10^-1, 10^-1.5, ... 10^-10: a factor 10 less from step to step while the third
 * derivative rules, and more again when rounding does. */
static void assert_second_order(network *net, size_t n, along *f, along *derivative)
{
  enum { N_STEPS = 19 };
  const double exact = derivative(net, n, 0);
  double error[N_STEPS], least = INFINITY;
  for (int s = 0; s < N_STEPS; s++) {
    const double h = pow(10, -1 - 0.5 * s);
    error[s] = fabs((f(net, n, h) - f(net, n, -h)) / (2 * h) - exact);
    least = fmin(least, error[s]);
  }
  int n_falls = 0;
  for (int s = 2; s < 7; s++) /* from 10^-2 to 10^-4.5 */
    n_falls += error[s] / error[s + 1] > 8.5 && error[s] / error[s + 1] < 11.5;
  if (n_falls < 3 || !(error[2] / error[3] > 8.5 && error[2] / error[3] < 11.5))
    fail_msg("errors %g %g %g %g %g %g do not fall as h^2", error[2], error[3], error[4], error[5], error[6], error[7]);
  assert_true(least < 1e-8);
  assert_true(error[N_STEPS - 1] > 30 * least);
}

/* Of length 1; removed weights stay where they are. */
static void make_direction(const esp_rnn_shape *shape, uint64_t seed)
{
  const size_t n = esp_rnn_n_weights(shape), w_rec = esp_rnn_w_rec_offset(shape), w_out = esp_rnn_w_out_offset(shape);
  double length = 0;
  normals(seed, n, 1, direction);
  for (size_t i = 0; i < n; i++) {
    if (i >= w_rec && i < w_out && weights[i] == 0)
      direction[i] = 0;
    length += direction[i] * direction[i];
  }
  for (size_t i = 0; i < n; i++)
    direction[i] /= sqrt(length);
}

static void assert_derivatives(const esp_rnn_shape *shape, const esp_trials *trials, int input_lag, double removed, uint64_t seed)
{
  const size_t mark = ws.used, n = esp_rnn_n_weights(shape);
  network net;
  take(shape, trials, input_lag, &net);
  assert_int_equal(esp_rnn_tangent_take(&net.problem, &ws), ESP_OK);
  make_weights(shape, seed, removed);
  make_direction(shape, seed + 100);
  assert_second_order(&net, n, loss_along, slope_along);
  assert_second_order(&net, n, slope_along, curvature_along);
  ws.used = mark;
}

/* Gradient and curvature; dense and masked. */
static void derivatives_are_limits_of_differences(void **state)
{
  (void)state;
  for (int variant = 0; variant < 12; variant++) {
    const esp_trials trials = make_set(OLD_CUES, 1);
    const esp_rnn_shape shape = {12, trials.n_in, 1, false, variant & 2 ? ESP_READOUT_LATENT : ESP_READOUT_RATE};
    assert_derivatives(&shape, &trials, 0, variant & 1 ? 0.6 : 0, (uint64_t)(300 + variant));
  }
  for (int variant = 0; variant < 8; variant++) { /* trials that share nothing, a bias, several outputs */
    const esp_trials trials = make_set(RANDOM_INPUTS, 3);
    const esp_rnn_shape shape = {7, trials.n_in, 3, true, variant & 2 ? ESP_READOUT_LATENT : ESP_READOUT_RATE};
    assert_derivatives(&shape, &trials, variant >> 2, variant & 1 ? 0.6 : 0, (uint64_t)(350 + variant));
  }
}

/* ---- curvature ---- */

/* With ' and '' for derivatives along p = (P_in, P_rec, P_out):  a'' = W_rec r'' + 2 P_rec r',  r'' = (1 - r^2) (a'' - 2 r a'^2),
 * y'' = W_out r'' + 2 P_out r',  E'' = 2 / (n_trials n_steps) sum of y'^2 + (y - target) y''. Forward only, trial by trial; no
 * adjoint, which is what it has to agree with. The size of the terms goes to *scale. */
static double obvious_curvature(const esp_rnn_shape *shape, int input_lag, const esp_trials *trials, const double *w,
                                const double *p, double *scale)
{
  enum { MAX_N = 33 };
  const int n = shape->n_hid, m = shape->n_in, n_out = shape->n_out, n_steps = trials->n_steps, row = n + shape->bias;
  const bool latent = shape->readout == ESP_READOUT_LATENT;
  const double *w_rec = w + n * m, *w_out = w_rec + n * n, *p_rec = p + n * m, *p_out = p_rec + n * n;
  double curvature = 0;
  *scale = 0;
  for (int t = 0; t < trials->n_trials; t++) {
    double a[3][MAX_N], r[3][MAX_N] = {{0}}; /* value, first and second derivative */
    for (int k = 0; k < n_steps; k++) {
      for (int i = 0; i < n; i++) {
        a[0][i] = a[1][i] = a[2][i] = 0;
        for (int j = 0; j < n; j++) {
          a[0][i] += w_rec[i * n + j] * r[0][j];
          a[1][i] += w_rec[i * n + j] * r[1][j] + p_rec[i * n + j] * r[0][j];
          a[2][i] += w_rec[i * n + j] * r[2][j] + 2 * p_rec[i * n + j] * r[1][j];
        }
        for (int j = 0; j < m && k >= input_lag; j++) {
          const double u = trials->input[(t * n_steps + k - input_lag) * m + j];
          a[0][i] += w[i * m + j] * u;
          a[1][i] += p[i * m + j] * u;
        }
      }
      for (int i = 0; i < n; i++) {
        r[0][i] = tanh(a[0][i]);
        const double slope = 1 - r[0][i] * r[0][i];
        r[1][i] = slope * a[1][i];
        r[2][i] = slope * (a[2][i] - 2 * r[0][i] * a[1][i] * a[1][i]);
      }
      double(*const s)[MAX_N] = latent ? a : r;
      for (int o = 0; o < n_out; o++) {
        double y[3] = {shape->bias ? w_out[o * row + n] : 0, shape->bias ? p_out[o * row + n] : 0, 0};
        for (int j = 0; j < n; j++) {
          y[0] += w_out[o * row + j] * s[0][j];
          y[1] += w_out[o * row + j] * s[1][j] + p_out[o * row + j] * s[0][j];
          y[2] += w_out[o * row + j] * s[2][j] + 2 * p_out[o * row + j] * s[1][j];
        }
        const double error = y[0] - trials->target[(t * n_steps + k) * n_out + o];
        curvature += y[1] * y[1] + error * y[2];
        *scale += y[1] * y[1] + fabs(error * y[2]);
      }
    }
  }
  *scale *= 2.0 / (trials->n_trials * n_steps);
  return curvature * 2 / (trials->n_trials * n_steps);
}

/* Of what fast_network_is_the_obvious_one() goes through: one network on one set of trials. */
typedef void test_of_network(const esp_rnn_shape *shape, const esp_trials *trials, int input_lag);

static void test_networks(test_of_network *test)
{
  static const int sizes[] = {1, 2, 7, 8, 30, 33};
  for (set_kind kind = 0; kind < N_SETS; kind++)
    for (int s = 0; s < 6; s++)
      for (int variant = 0; variant < 16; variant++) {
        const bool bias = variant & 1;
        const int n_out = (s + variant / 8) % 2 == 0 ? 1 : bias ? 4 : 3;
        const esp_trials trials = make_set(kind, n_out);
        const esp_rnn_shape shape = {sizes[s], trials.n_in, n_out, bias, variant & 2 ? ESP_READOUT_LATENT : ESP_READOUT_RATE};
        make_weights(&shape, (uint64_t)(500 + 16 * s + variant), variant & 8 ? 0.7 : 0);
        normals((uint64_t)(600 + variant), esp_rnn_n_weights(&shape), 0.1, direction);
        test(&shape, &trials, variant >> 2 & 1);
      }
}

/* Loss and gradient at the weights. */
static void evaluate(network *net)
{
  esp_rnn_loss(&net->problem, weights);
  esp_rnn_gradient(&net->problem, fast);
}

static void take_with_tangent(const esp_rnn_shape *shape, const esp_trials *trials, int input_lag, network *net)
{
  take(shape, trials, input_lag, net);
  assert_int_equal(esp_rnn_tangent_take(&net->problem, &ws), ESP_OK);
}

static void assert_obvious_curvature(const esp_rnn_shape *shape, const esp_trials *trials, int input_lag)
{
  const size_t mark = ws.used;
  double scale;
  network net;
  take_with_tangent(shape, trials, input_lag, &net);
  evaluate(&net);
  const double got = esp_rnn_curvature(&net.problem, direction);
  const double expected = obvious_curvature(shape, input_lag, trials, weights, direction, &scale);
  if (!(fabs(got - expected) <= 1e-12 * scale))
    fail_msg("N %d, %d outputs, bias %d, readout %d, lag %d: curvature %.17g, not %.17g (of terms that make %g)", shape->n_hid,
             shape->n_out, shape->bias, shape->readout, input_lag, got, expected, scale);
  ws.used = mark;
}

static void curvature_is_the_obvious_one(void **state)
{
  (void)state;
  test_networks(assert_obvious_curvature);
}

static double curvature_at(network *net, size_t n, double factor)
{
  double stretched[MAX_WEIGHTS];
  for (size_t i = 0; i < n; i++)
    stretched[i] = factor * direction[i];
  return esp_rnn_curvature(&net->problem, stretched);
}

/* By a power of two nothing is rounded otherwise. */
static void assert_homogeneous(const esp_rnn_shape *shape, const esp_trials *trials, int input_lag)
{
  const size_t mark = ws.used, n = esp_rnn_n_weights(shape);
  double scale;
  network net;
  take_with_tangent(shape, trials, input_lag, &net);
  evaluate(&net);
  obvious_curvature(shape, input_lag, trials, weights, direction, &scale);
  const double once = curvature_at(&net, n, 1);
  assert_true(fabs(once) > 1e-9 * scale || scale == 0); /* one step without input or bias: nothing at all */
  assert_true(curvature_at(&net, n, 0.125) == once / 64);
  assert_true(curvature_at(&net, n, -2) == 4 * once);
  assert_true(fabs(curvature_at(&net, n, 3.7) - 3.7 * 3.7 * once) <= 1e-12 * 3.7 * 3.7 * scale);
  assert_true(curvature_at(&net, n, 0) == 0);
  ws.used = mark;
}

static void curvature_is_a_quadratic_form(void **state)
{
  (void)state;
  test_networks(assert_homogeneous);
}

/* Asking for the curvature changes neither loss nor gradient nor the next curvature, whatever the direction was. */
static void assert_undisturbed(const esp_rnn_shape *shape, const esp_trials *trials, int input_lag)
{
  const size_t mark = ws.used, n = esp_rnn_n_weights(shape);
  double before[MAX_WEIGHTS], plain[MAX_WEIGHTS];
  network net, without;
  take(shape, trials, input_lag, &without);
  evaluate(&without);
  memcpy(plain, fast, n * sizeof *fast);
  take_with_tangent(shape, trials, input_lag, &net);
  const double E = esp_rnn_loss(&net.problem, weights);
  esp_rnn_gradient(&net.problem, before);
  assert_memory_equal(before, plain, n * sizeof *before);
  const size_t used = ws.used;
  const double curvature = esp_rnn_curvature(&net.problem, direction);
  for (int i = 0; i < 3; i++) {
    fill_nan(n, fast);
    esp_rnn_gradient(&net.problem, fast);
    assert_memory_equal(fast, before, n * sizeof *fast);
    const double again = esp_rnn_curvature(&net.problem, direction);
    assert_memory_equal(&again, &curvature, sizeof again);
    curvature_at(&net, n, i == 0 ? NAN : i == 1 ? INFINITY : 1e200);
  }
  const double E_again = esp_rnn_loss(&net.problem, weights);
  assert_memory_equal(&E_again, &E, sizeof E);
  assert_true(ws.used == used);
  ws.used = mark;
}

static void curvature_leaves_everything_as_it_was(void **state)
{
  (void)state;
  test_networks(assert_undisturbed);
}

/* AVX2 and AVX-512, where the CPU has both. */
static void wide_vectors_give_the_bits_of_narrow_ones(const esp_rnn_shape *shape, const esp_trials *trials, int input_lag)
{
  static const char *const names[] = {"avx2", "avx512"};
  const char *const in_use = esp_kernel_name();
  const size_t mark = ws.used, n = esp_rnn_n_weights(shape);
  double gradient[2][MAX_WEIGHTS], E[2], curvature[2];
  network net;
  take_with_tangent(shape, trials, input_lag, &net);
  for (int i = 0; i < 2; i++) {
    if (esp_kernel_force(names[i]) != ESP_OK)
      break;
    E[i] = esp_rnn_loss(&net.problem, weights);
    esp_rnn_gradient(&net.problem, gradient[i]);
    curvature[i] = esp_rnn_curvature(&net.problem, direction);
    if (i == 1) {
      assert_memory_equal(&E[1], &E[0], sizeof *E);
      assert_memory_equal(gradient[1], gradient[0], n * sizeof **gradient);
      assert_memory_equal(&curvature[1], &curvature[0], sizeof *curvature);
    }
  }
  assert_int_equal(esp_kernel_force(in_use), ESP_OK);
  ws.used = mark;
}

static void instruction_sets_give_equal_bits(void **state)
{
  (void)state;
  test_networks(wide_vectors_give_the_bits_of_narrow_ones);
}

static void objective_has_a_curvature_with_a_tangent(void **state)
{
  (void)state;
  const esp_trials trials = make_set(ONE_TRIAL, 1);
  const esp_rnn_shape shape = {5, trials.n_in, 1, false, ESP_READOUT_RATE};
  const size_t mark = ws.used, n = esp_rnn_n_weights(&shape);
  network net;
  take(&shape, &trials, 0, &net);
  assert_null(esp_rnn_objective(&net.problem).curvature);
  assert_int_equal(esp_rnn_tangent_take(&net.problem, &ws), ESP_OK);
  const esp_objective f = esp_rnn_objective(&net.problem);
  make_weights(&shape, 11, 0);
  normals(12, n, 1, direction);
  assert_true(f.n == n);
  const double E = f.loss(f.context, weights);
  f.gradient(f.context, fast);
  const double curvature = f.curvature(f.context, direction);
  assert_true(E == esp_rnn_loss(&net.problem, weights));
  esp_rnn_gradient(&net.problem, obvious);
  assert_memory_equal(fast, obvious, n * sizeof *fast);
  assert_true(curvature == esp_rnn_curvature(&net.problem, direction));
  ws.used = mark;
}

/* ---- bits, and what numbers must not do ---- */

static void equal_calls_give_equal_bits(void **state)
{
  (void)state;
  const esp_trials trials = make_set(NEW_CUES, 1);
  const esp_rnn_shape shape = {30, trials.n_in, 1, false, ESP_READOUT_RATE};
  const size_t n = esp_rnn_n_weights(&shape), mark = ws.used;
  double before[MAX_WEIGHTS];
  network first, second;
  take(&shape, &trials, 0, &first);
  make_weights(&shape, 5, 0);
  const double E = esp_rnn_loss(&first.problem, weights);
  esp_rnn_gradient(&first.problem, before);
  make_weights(&shape, 6, 0.5); /* something else in between */
  assert_true(esp_rnn_loss(&first.problem, weights) != E);
  esp_rnn_gradient(&first.problem, fast);
  make_weights(&shape, 5, 0);
  take(&shape, &trials, 0, &second); /* elsewhere in memory */
  network *const nets[] = {&first, &second};
  for (int i = 0; i < 2; i++) {
    const double again = esp_rnn_loss(&nets[i]->problem, weights);
    esp_rnn_gradient(&nets[i]->problem, fast);
    assert_memory_equal(&again, &E, sizeof E);
    assert_memory_equal(fast, before, n * sizeof *fast);
  }
  ws.used = mark;
}

static void order_of_trials_matters_to_rounding_only(void **state)
{
  (void)state;
  const esp_trials trials = make_set(OLD_CUES, 1);
  const esp_rnn_shape shape = {8, trials.n_in, 1, false, ESP_READOUT_RATE};
  const int n = trials.n_trials;
  double turned_input[MAX_TRIALS * MAX_STEPS * MAX_IN], turned_target[MAX_TRIALS * MAX_STEPS];
  esp_trials turned = trials;
  turned.input = turned_input;
  turned.target = turned_target;
  for (int t = 0; t < n; t++) {
    const int from = (5 * t + 3) % n; /* 5 and 12 have no common factor */
    memcpy(turned_input + t * 58 * 6, input + from * 58 * 6, 58 * 6 * sizeof *input);
    memcpy(turned_target + t * 58, target + from * 58, 58 * sizeof *target);
  }
  const size_t mark = ws.used;
  network net, turned_net;
  take(&shape, &trials, 0, &net);
  take(&shape, &turned, 0, &turned_net);
  make_weights(&shape, 9, 0);
  const double E = esp_rnn_loss(&net.problem, weights), turned_E = esp_rnn_loss(&turned_net.problem, weights);
  assert_true(fabs(E - turned_E) <= 1e-13 * E);
  ws.used = mark;
}

static void huge_weights_do_no_harm(void **state)
{
  (void)state;
  const esp_trials trials = make_set(OLD_CUES, 1);
  for (int latent = 0; latent < 2; latent++) {
    const esp_rnn_shape shape = {30, trials.n_in, 1, false, latent ? ESP_READOUT_LATENT : ESP_READOUT_RATE};
    const size_t n = esp_rnn_n_weights(&shape), mark = ws.used;
    network net;
    take(&shape, &trials, 0, &net);
    make_weights(&shape, 10, 0);
    const double E = esp_rnn_loss(&net.problem, weights);
    for (size_t i = 0; i < n; i++)
      fast[i] = 1e200 * weights[i];
    assert_false(isfinite(esp_rnn_loss(&net.problem, fast))); /* (1e200)^2 is too large for a double */
    esp_rnn_gradient(&net.problem, fast);
    for (size_t i = 0; i < n; i++)
      fast[i] = NAN;
    assert_true(isnan(esp_rnn_loss(&net.problem, fast)));
    esp_rnn_gradient(&net.problem, fast);
    assert_true(esp_rnn_loss(&net.problem, weights) == E); /* and nothing of it is left behind */
    ws.used = mark;
  }
}

static void evaluating_takes_nothing(void **state)
{
  (void)state;
  static const int sizes[] = {1, 7, 8, 33};
  for (set_kind kind = 0; kind < N_SETS; kind++)
    for (int s = 0; s < 4; s++) {
      const esp_trials trials = make_set(kind, 2);
      const esp_rnn_shape shape = {sizes[s], trials.n_in, 2, true, ESP_READOUT_RATE};
      const size_t mark = ws.used;
      network net;
      assert_int_equal(esp_tree_build(&trials, 0, &ws, &net.tree), ESP_OK);
      assert_int_equal(esp_rnn_problem_take(&shape, &net.tree, &ws, &net.problem), ESP_OK);
      const size_t taken = ws.used, high = ws.high;
      esp_rnn_loss(&net.problem, weights);
      esp_rnn_gradient(&net.problem, fast);
      assert_true(ws.used == taken && ws.high == high && high <= ws.size);
      ws.used = mark;
    }
  const esp_trials trials = make_set(OLD_CUES, 1);
  const esp_rnn_shape shape = {30, trials.n_in + 1, 1, false, ESP_READOUT_RATE};
  const size_t mark = ws.used;
  network net;
  assert_int_equal(esp_tree_build(&trials, 0, &ws, &net.tree), ESP_OK);
  assert_int_equal(esp_rnn_problem_take(&shape, &net.tree, &ws, &net.problem), ESP_ERR_ARG);
  ws.used = mark;
}

/* A workspace of so many bytes within ours, behind what is in use; what lies behind it is marked. */
enum { BEHIND = 256, MARK = 0x5a };
static esp_workspace workspace_of(size_t size)
{
  const size_t mark = ws.used;
  unsigned char *bytes;
  assert_int_equal(esp_workspace_take_bytes(&ws, size + BEHIND, &bytes), ESP_OK);
  ws.used = mark;
  memset(bytes + size, MARK, BEHIND);
  return (esp_workspace){.base = bytes, .size = size, .usable = size};
}

static void assert_kept_within(const esp_workspace *small)
{
  assert_true(small->used <= small->size && small->high <= small->size);
  for (size_t i = 0; i < BEHIND; i++)
    assert_true(small->base[small->size + i] == MARK);
}

/* The tangent in exactly the bytes that it takes, and in none less. */
static void assert_tangent_bytes_are_enough(const esp_rnn_shape *shape, const esp_trials *trials, int input_lag)
{
  const size_t mark = ws.used, n = esp_rnn_n_weights(shape);
  double before[MAX_WEIGHTS];
  network net;
  take(shape, trials, input_lag, &net);
  const double E = esp_rnn_loss(&net.problem, weights);
  esp_rnn_gradient(&net.problem, before);
  const size_t without = ws.used;
  assert_int_equal(esp_rnn_tangent_take(&net.problem, &ws), ESP_OK);
  const size_t bytes = ws.used - without;
  ws.used = without;
  net.problem.tangent = NULL;
  for (int i = 0; i <= 16; i++) { /* nothing, parts of it, all but a line or a byte */
    const size_t too_few = i == 16 ? bytes - 1 : i == 15 ? bytes - 64 : bytes * (size_t)i / 15;
    esp_workspace small = workspace_of(too_few);
    assert_int_equal(esp_rnn_tangent_take(&net.problem, &small), ESP_ERR_NOMEM);
    assert_null(net.problem.tangent);
    assert_null(esp_rnn_objective(&net.problem).curvature);
    assert_kept_within(&small);
  }
  const double again = esp_rnn_loss(&net.problem, weights); /* the problem is none the worse */
  esp_rnn_gradient(&net.problem, fast);
  assert_memory_equal(&again, &E, sizeof E);
  assert_memory_equal(fast, before, n * sizeof *fast);
  esp_workspace enough = workspace_of(bytes);
  assert_int_equal(esp_rnn_tangent_take(&net.problem, &enough), ESP_OK);
  const size_t taken = enough.used;
  assert_true(isfinite(esp_rnn_curvature(&net.problem, direction)));
  assert_true(enough.used == taken && enough.high == taken);
  assert_kept_within(&enough);
  ws.used = mark;
}

/* The problem likewise. */
static void assert_problem_bytes_are_enough(const esp_rnn_shape *shape, const esp_trials *trials, int input_lag)
{
  const size_t mark = ws.used;
  network net;
  assert_int_equal(esp_tree_build(trials, input_lag, &ws, &net.tree), ESP_OK);
  const size_t without = ws.used;
  assert_int_equal(esp_rnn_problem_take(shape, &net.tree, &ws, &net.problem), ESP_OK);
  const size_t bytes = ws.used - without;
  ws.used = without;
  for (int i = 0; i <= 16; i++) {
    esp_workspace small = workspace_of(i == 16 ? bytes - 1 : i == 15 ? bytes - 64 : bytes * (size_t)i / 15);
    assert_int_equal(esp_rnn_problem_take(shape, &net.tree, &small, &net.problem), ESP_ERR_NOMEM);
    assert_kept_within(&small);
  }
  esp_workspace enough = workspace_of(bytes);
  assert_int_equal(esp_rnn_problem_take(shape, &net.tree, &enough, &net.problem), ESP_OK);
  evaluate(&net);
  assert_kept_within(&enough);
  ws.used = mark;
}

static void what_does_not_fit_is_refused(void **state)
{
  (void)state;
  test_networks(assert_tangent_bytes_are_enough);
  test_networks(assert_problem_bytes_are_enough);
}

static void weights_lie_where_the_header_says(void **state)
{
  (void)state;
  const esp_rnn_shape dms = {30, 6, 1, false, ESP_READOUT_RATE}, bandit = {20, 10, 4, true, ESP_READOUT_RATE};
  assert_int_equal(esp_rnn_n_weights(&dms), 1110);
  assert_int_equal(esp_rnn_w_rec_offset(&dms), 180);
  assert_int_equal(esp_rnn_w_out_offset(&dms), 1080);
  assert_int_equal(esp_rnn_n_weights(&bandit), 684);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(weights_lie_where_the_header_says),
      cmocka_unit_test(fast_network_is_the_obvious_one),
      cmocka_unit_test(derivatives_are_limits_of_differences),
      cmocka_unit_test(curvature_is_the_obvious_one),
      cmocka_unit_test(curvature_is_a_quadratic_form),
      cmocka_unit_test(curvature_leaves_everything_as_it_was),
      cmocka_unit_test(instruction_sets_give_equal_bits),
      cmocka_unit_test(objective_has_a_curvature_with_a_tangent),
      cmocka_unit_test(equal_calls_give_equal_bits),
      cmocka_unit_test(order_of_trials_matters_to_rounding_only),
      cmocka_unit_test(huge_weights_do_no_harm),
      cmocka_unit_test(evaluating_takes_nothing),
      cmocka_unit_test(what_does_not_fit_is_refused),
  };
  return cmocka_run_group_tests(tests, make_workspace, free_workspace);
}
