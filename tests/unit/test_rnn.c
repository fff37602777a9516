/* tests/unit/test_rnn.c - the network all trials at once against the obvious one and against differences of its loss. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/dms_task.h"
#include "reference_rnn.h"

enum { MAX_TRIALS = 40, MAX_STEPS = 58, MAX_IN = 6, MAX_OUT = 4, MAX_WEIGHTS = 33 * 6 + 33 * 33 + 4 * 34 };

static esp_workspace ws;
static double input[MAX_TRIALS * MAX_STEPS * MAX_IN], target[MAX_TRIALS * MAX_STEPS * MAX_OUT];
static double weights[MAX_WEIGHTS], fast[MAX_WEIGHTS], obvious[MAX_WEIGHTS], obvious_y[MAX_TRIALS * MAX_STEPS * MAX_OUT];

static int make_workspace(void **state)
{
  (void)state;
  esp_one_thread();
  return esp_workspace_create(64 << 20, &ws) != ESP_OK;
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

static double loss_along(network *net, size_t n, const double *w, const double *direction, double h)
{
  double moved[MAX_WEIGHTS];
  for (size_t i = 0; i < n; i++)
    moved[i] = w[i] + h * direction[i];
  return esp_rnn_loss(&net->problem, moved);
}

/* Error of the difference quotient over steps 10^-1, 10^-1.5, ... 10^-10: a factor 10 less from step to step while the third
 * derivative rules, and more again when rounding does. */
static void assert_second_order(network *net, const esp_rnn_shape *shape, const double *direction)
{
  enum { N_STEPS = 19 };
  const size_t n = esp_rnn_n_weights(shape);
  double slope = 0, error[N_STEPS], least = INFINITY;
  esp_rnn_loss(&net->problem, weights);
  esp_rnn_gradient(&net->problem, fast);
  for (size_t i = 0; i < n; i++)
    slope += fast[i] * direction[i];
  for (int s = 0; s < N_STEPS; s++) {
    const double h = pow(10, -1 - 0.5 * s);
    const double up = loss_along(net, n, weights, direction, h), down = loss_along(net, n, weights, direction, -h);
    error[s] = fabs((up - down) / (2 * h) - slope);
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

static void gradient_is_the_slope_of_the_loss(void **state)
{
  (void)state;
  const esp_trials trials = make_set(OLD_CUES, 1);
  for (int variant = 0; variant < 12; variant++) {
    const size_t mark = ws.used;
    const bool masked = variant & 1;
    const esp_rnn_shape shape = {12, trials.n_in, 1, false, variant & 2 ? ESP_READOUT_LATENT : ESP_READOUT_RATE};
    const size_t n = esp_rnn_n_weights(&shape), w_rec = esp_rnn_w_rec_offset(&shape), w_out = esp_rnn_w_out_offset(&shape);
    double direction[MAX_WEIGHTS], length = 0;
    network net;
    take(&shape, &trials, 0, &net);
    make_weights(&shape, (uint64_t)(300 + variant), masked ? 0.6 : 0);
    normals((uint64_t)(400 + variant), n, 1, direction);
    for (size_t i = 0; i < n; i++) {
      if (i >= w_rec && i < w_out && weights[i] == 0)
        direction[i] = 0; /* removed weights stay where they are */
      length += direction[i] * direction[i];
    }
    for (size_t i = 0; i < n; i++)
      direction[i] /= sqrt(length);
    assert_second_order(&net, &shape, direction);
    ws.used = mark;
  }
}

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

static void workspace_asked_for_is_enough(void **state)
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
      assert_true(ws.used - mark <= esp_tree_workspace_bytes(trials.n_trials, trials.n_steps, trials.n_in, 2));
      const size_t before = ws.used;
      assert_int_equal(esp_rnn_problem_take(&shape, &net.tree, &ws, &net.problem), ESP_OK);
      assert_true(ws.used - before <= esp_rnn_workspace_bytes(&shape, net.tree.n_nodes, net.tree.n_drives));
      const size_t taken = ws.used, high = ws.high;
      esp_rnn_loss(&net.problem, weights);
      esp_rnn_gradient(&net.problem, fast);
      assert_true(ws.used == taken && ws.high == high);
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
      cmocka_unit_test(gradient_is_the_slope_of_the_loss),
      cmocka_unit_test(equal_calls_give_equal_bits),
      cmocka_unit_test(order_of_trials_matters_to_rounding_only),
      cmocka_unit_test(huge_weights_do_no_harm),
      cmocka_unit_test(workspace_asked_for_is_enough),
  };
  return cmocka_run_group_tests(tests, make_workspace, free_workspace);
}
