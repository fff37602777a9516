/* tests/unit/test_lever.c - the simulation: against the plain loop, what it counts and records, and what it has to show. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/kernel.h"
#include "espalier/lever.h"
#include "lively_lever.h"
#include "reference_lever.h"

/* ---- the plain loop ---- */

static void assert_near(const char *what, double got, double expected, double tolerance)
{
  if (!(fabs(got - expected) <= tolerance * (1 + fabs(expected))))
    fail_msg("%s: %.17g, the plain loop has %.17g", what, got, expected);
}

/* What is driven by all synapses of a lively network together errs by more than they do. */
static void compare(const esp_lever_network *net, const reference *r, double tolerance)
{
  const esp_rewiring *s = &net->synapses;
  for (int i = 0; i < s->n; i++) {
    const int place = s->place[i];
    assert_near("theta", s->theta[place], r->theta[i], tolerance);
    assert_near("weight", s->w[place], r->w[i], tolerance);
    assert_near("eligibility", s->e[place], r->e[i], 1000 * tolerance);
    assert_near("gradient", s->g[place], r->g[i], 1000 * tolerance);
    assert_int_equal(s->returns[place], r->returns[i]);
  }
  for (int k = 0; k < r->n_neurons; k++) {
    const int at = k < r->n_exc ? k : net->neurons.ld + k - r->n_exc;
    assert_near("excitation", net->neurons.exc_fall[at], r->exc_fall[k], 1000 * tolerance);
    assert_near("inhibition", net->neurons.inh_rise[at], r->inh_rise[k], 1e-12);
    assert_near("threshold", net->neurons.threshold[at], r->threshold[k], 1e-11);
    assert_near("hazard", net->neurons.hazard[at], r->hazard[k], 1000 * tolerance);
  }
  for (int i = 0; i < r->n_in + r->n_neurons; i++)
    assert_int_equal(net->neurons.draws[i], r->draws[i]); /* every spike so far */
  assert_memory_equal(&net->task.trial, &r->task.trial, sizeof r->task.trial);
}

static void agrees_with_the_plain_loop(esp_rewiring_rule rule, bool switched, bool rewarded, double temperature)
{
  esp_workspace ws;
  esp_lever_options o = lively();
  o.synapses.temperature = temperature;
  esp_lever_network net = make(&o, &ws);
  reference r = reference_start(&net);
  const esp_lever_segment segment = {rule, switched, rewarded};
  for (int second = 0; second < 15; second++) {
    assert_int_equal(esp_lever_run(&net, &segment, 10, NULL, NULL), ESP_OK);
    reference_run(&r, &segment, 10);
    compare(&net, &r, 1e-11);
  }
  const esp_lever_score score = esp_lever_scores(&net);
  if (score.n_completed < 3 || score.n_completed + score.n_timed_out < 5 || score.exc_hz < 5 || score.inh_hz < 1)
    fail_msg("a dull test: %d movements, %d time-outs, rates %g and %g Hz", score.n_completed, score.n_timed_out, score.exc_hz,
             score.inh_hz);
  if (rule != ESP_RULE_FIXED && temperature > 0)
    assert_true(score.appeared > 10 && score.disappeared > 10);
  else if (rule == ESP_RULE_FIXED)
    assert_true(score.appeared == 0 && score.disappeared == 0);
  reference_free(&r);
  esp_workspace_free(&ws);
}

static void exact_rule_is_the_plain_loop(void **state)
{
  (void)state;
  agrees_with_the_plain_loop(ESP_RULE_EXACT, false, true, 0.1);
}

static void waiting_rule_is_the_plain_loop(void **state)
{
  (void)state;
  agrees_with_the_plain_loop(ESP_RULE_WAITING, true, true, 0.1);
}

static void fixed_rule_is_the_plain_loop(void **state)
{
  (void)state;
  agrees_with_the_plain_loop(ESP_RULE_FIXED, false, false, 0.1);
}

static void without_noise_only_rounding_is_left(void **state)
{
  (void)state;
  agrees_with_the_plain_loop(ESP_RULE_EXACT, false, true, 0);
}

/* Not only the kernels that this CPU would choose. */
static void other_kernels_are_the_plain_loop(void **state)
{
  (void)state;
  const char *const chosen = esp_kernel_name();
  static const char *const names[] = {"portable", "avx2"};
  for (int i = 0; i < 2; i++)
    if (esp_kernel_force(names[i]) == ESP_OK)
      agrees_with_the_plain_loop(ESP_RULE_EXACT, true, true, 0.1);
  assert_int_equal(esp_kernel_force(chosen), ESP_OK);
}

/* ---- what is counted ---- */

/* Snapshots every second: masks seen from outside have to give the same rows, turnover and histogram. */
static void counts_are_what_the_masks_say(void **unused)
{
  (void)unused;
  esp_workspace ws;
  const esp_lever_options o = lively();
  esp_lever_network net = make(&o, &ws);
  const esp_lever_segment segment = {ESP_RULE_EXACT, false, true};
  const int n = net.synapses.n, capacity = esp_rewiring_capacity(&o.synapses, &o.neurons);
  uint8_t *mask = malloc((size_t)capacity);
  int *seen = malloc((size_t)n * sizeof *seen), waits[5] = {0}, changes = 0;
  assert_true(mask && seen);
  esp_lever_mask(&net, mask);
  for (int s = 0; s < n; s++)
    seen[s] = mask[s] ? 0 : -1;
  int32_t n_functional[40];
  esp_lever_series series = {.capacity = 40, .n_functional = n_functional};
  for (int snapshot = 1; snapshot <= 40; snapshot++) {
    assert_int_equal(esp_lever_run(&net, &segment, 10, &series, NULL), ESP_OK);
    esp_lever_mask(&net, mask);
    int functional = 0;
    for (int s = 0; s < n; s++) {
      functional += mask[s];
      assert_int_equal(mask[s], net.synapses.theta[net.synapses.place[s]] >= 0);
      changes += mask[s] != (seen[s] == snapshot - 1);
      if (!mask[s])
        continue;
      if (seen[s] >= 0 && snapshot - seen[s] > 1)
        waits[(snapshot - seen[s] < 5 ? snapshot - seen[s] : 5) - 1]++;
      seen[s] = snapshot;
    }
    assert_int_equal(series.n, snapshot);
    assert_int_equal(n_functional[snapshot - 1], functional);
  }
  for (int s = n; s < capacity; s++)
    assert_int_equal(mask[s], 0);
  assert_true(waits[1] > 0 && waits[4] > 0 && waits[0] == 0);
  assert_memory_equal(waits, net.waits, sizeof waits);
  const esp_lever_score score = esp_lever_scores(&net);
  assert_true(score.appeared + score.disappeared >= changes); /* snapshots miss what comes and goes in between */
  assert_int_equal(score.n_functional, n_functional[39]);
  free(mask);
  free(seen);
  esp_workspace_free(&ws);
}

/* ---- a recording ---- */

static void recordings_have_every_spike(void **unused)
{
  (void)unused;
  esp_workspace ws;
  const esp_lever_options o = lively();
  esp_lever_network net = make(&o, &ws);
  const esp_lever_recording r = forty_seconds(&net);
  assert_int_equal(r.n_steps, 40000);
  assert_true(r.n_spikes <= r.spike_capacity);
  assert_int_equal(r.n_moves, 40000 / 15);
  int counted[67] = {0};
  for (int i = 0; i < r.n_spikes; i++) {
    assert_true(i == 0 || r.spike_step[i] >= r.spike_step[i - 1]);
    counted[r.spike_cell[i]]++;
  }
  assert_memory_equal(counted, net.spikes, sizeof counted);
  esp_workspace_free(&ws);
}

/* ---- forgetting ---- */

static void drift_takes_the_place_of_time(void **unused)
{
  (void)unused;
  esp_workspace ws;
  const esp_lever_options o = lively();
  esp_lever_network net = make(&o, &ws);
  const esp_lever_segment segment = {ESP_RULE_EXACT, false, false}, waiting = {ESP_RULE_WAITING, false, false};
  assert_int_equal(esp_lever_run(&net, &segment, 7, NULL, NULL), ESP_OK);
  const double before = net.synapses.theta[0];
  assert_int_equal(esp_lever_drift(&net, 3000), ESP_OK);
  assert_int_equal(net.clock, 3007);
  assert_true(net.synapses.theta[0] != before);
  assert_int_equal(esp_lever_run(&net, &segment, 3, NULL, NULL), ESP_OK);
  assert_int_equal(net.waits[4], 0); /* nobody has waited 300 snapshots */
  esp_lever_consolidate(&net);
  assert_int_equal(esp_lever_run(&net, &segment, 3, NULL, NULL), ESP_OK);
  assert_int_equal(esp_lever_run(&net, &waiting, 3, NULL, NULL), ESP_ERR_ARG);
  esp_workspace_free(&ws);
}

/* ---- what the experiment is known to show ---- */

/* Without learning, so that the synapses cost nothing: an update a second. */
static void untrained_networks_succeed_half_the_time(void **unused)
{
  (void)unused;
  esp_workspace ws;
  esp_lever_options o = lever_defaults();
  o.synapses.learning_rate = 0;
  o.synapses.update_ms = 1000;
  esp_lever_network net = make(&o, &ws);
  const esp_lever_segment segment = {ESP_RULE_EXACT, false, true};
  assert_int_equal(esp_lever_run(&net, &segment, 300, NULL, NULL), ESP_OK);
  esp_lever_begin_segment(&net);
  assert_int_equal(esp_lever_run(&net, &segment, 3600, NULL, NULL), ESP_OK);
  const esp_lever_score score = esp_lever_scores(&net);
  const double successes = (double)score.n_completed / (score.n_completed + score.n_timed_out);
  print_message("untrained: %.2f s, %.0f %%, E %.2f Hz, I %.2f Hz\n", score.mean_s, 100 * successes, score.exc_hz, score.inh_hz);
  assert_true(score.mean_s > 7 && score.mean_s < 8.4); /* of about 430 trials: 7.7 +- 0.15 (standard error) */
  assert_true(successes > 0.4 && successes < 0.6);
  assert_true(fabs(score.exc_hz - 5) < 0.05);
  assert_true(score.inh_hz > 0.2 && score.inh_hz < 0.6);
  esp_workspace_free(&ws);
}

/* The authors' smaller example: two hours of its time. */
static void small_networks_learn(void **unused)
{
  (void)unused;
  esp_workspace ws;
  esp_lever_options o = lever_defaults();
  o.neurons.n_in = 50;
  o.synapses.learning_rate = 5e-5;
  o.synapses.gradient_gain = 0.1;
  o.synapses.gradient_clip = 40;
  o.synapses.update_ms = 200;
  esp_lever_network net = make(&o, &ws);
  const esp_lever_segment segment = {ESP_RULE_EXACT, false, true};
  double mean_s[8];
  for (int quarter = 0; quarter < 8; quarter++) {
    esp_lever_begin_segment(&net);
    assert_int_equal(esp_lever_run(&net, &segment, 4500, NULL, NULL), ESP_OK);
    mean_s[quarter] = esp_lever_scores(&net).mean_s;
  }
  print_message("quarters of an hour: %.2f ... %.2f s\n", mean_s[0], mean_s[7]);
  assert_true(mean_s[0] > 6);
  assert_true(mean_s[7] < 2);
  esp_workspace_free(&ws);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(exact_rule_is_the_plain_loop),
      cmocka_unit_test(waiting_rule_is_the_plain_loop),
      cmocka_unit_test(fixed_rule_is_the_plain_loop),
      cmocka_unit_test(without_noise_only_rounding_is_left),
      cmocka_unit_test(other_kernels_are_the_plain_loop),
      cmocka_unit_test(counts_are_what_the_masks_say),
      cmocka_unit_test(recordings_have_every_spike),
      cmocka_unit_test(drift_takes_the_place_of_time),
      cmocka_unit_test(untrained_networks_succeed_half_the_time),
      cmocka_unit_test(small_networks_learn),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
