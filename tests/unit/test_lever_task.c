/* tests/unit/test_lever_task.c - the clockwork of the lever task with spikes put in by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/lever_task.h"
#include "lever_options.h"

static const esp_rng_key key = {.seed = 3, .arm = ESP_RNG_SHARED, .stage = ESP_RNG_SHARED};

enum { WINDOW = 500 };

static esp_lever_task start(const esp_lever_task_options *o, int32_t *window)
{
  esp_lever_task task = {.window = window};
  assert_int_equal(esp_lever_window_steps(o, 1), WINDOW);
  esp_lever_task_start(o, 1, &task);
  return task;
}

/* Steps until the phase changes, at most 20 s; fired[0] spikes of U and fired[1] of D in each. */
static int steps_in_phase(const esp_lever_task_options *o, bool switched, bool gives_reward, const int fired[2], esp_lever_task *task)
{
  const int32_t phase = task->trial.phase;
  for (int n = 1; n <= 20000; n++) {
    esp_lever_task_step(o, &key, 1, switched, gives_reward, fired[0], fired[1], task);
    if (task->trial.phase != phase)
      return n;
  }
  fail_msg("phase %d does not end", phase);
  return 0;
}

static const int nothing[2] = {0, 0}, up[2] = {1, 0}, down[2] = {0, 1};

/* A constant rate from one moment on: the window fills in 500 ms, then the lever follows with its own time constant. */
static void the_lever_is_the_smoothed_window(void **state)
{
  (void)state;
  static int32_t window[2 * WINDOW];
  const esp_lever_task_options o = lever_defaults().task;
  esp_lever_task task = start(&o, window);
  int fired[2000][2];
  double lever = 0;
  for (int n = 0; n < 2000; n++) {
    fired[n][0] = n % 7 == 0 ? 2 : 0;
    fired[n][1] = n % 11 == 3;
    const bool moved = esp_lever_task_step(&o, &key, 1, false, true, fired[n][0], fired[n][1], &task);
    assert_int_equal(moved, (n + 1) % 15 == 0);
    if (!moved)
      continue;
    int count = 0;
    for (int i = n; i > n - WINDOW && i >= 0; i--)
      count += fired[i][0] - fired[i][1];
    lever = 0.95 * lever + 0.05 * count / 0.5;
    assert_true(fabs(task.lever - lever) < 1e-12);
  }
  assert_true(lever > 10);
}

static void a_movement_goes_down_then_up(void **state)
{
  (void)state;
  static int32_t window[2 * WINDOW];
  const esp_lever_task_options o = lever_defaults().task;
  esp_lever_task task = start(&o, window);
  assert_true(task.signal == 0.02 && !esp_lever_cue_is_on(&task));
  const int pause = steps_in_phase(&o, false, true, nothing, &task);
  assert_in_range(pause, 500, 1000 + 15);
  assert_int_equal(pause % 15, 0);
  assert_int_equal(task.trial.phase, ESP_LEVER_DOWN);
  assert_true(esp_lever_cue_is_on(&task));

  int cue = 0; /* up does not help before down */
  for (; cue < 1500; cue++)
    esp_lever_task_step(&o, &key, 1, false, true, 1, 0, &task);
  assert_int_equal(task.trial.phase, ESP_LEVER_DOWN);
  assert_true(task.lever > 15);
  cue += steps_in_phase(&o, false, true, down, &task);
  assert_int_equal(task.trial.phase, ESP_LEVER_UP);
  assert_true(task.lever < -15 && esp_lever_cue_is_on(&task) && task.signal == 0.02);
  cue += steps_in_phase(&o, false, true, up, &task);
  assert_int_equal(task.trial.phase, ESP_LEVER_REWARD);
  assert_true(task.lever > 15 && !esp_lever_cue_is_on(&task));
  assert_int_equal(task.trial.n_completed, 1);
  assert_int_equal(task.trial.completion_steps, cue);

  /* reward: the mean follows from its floor on, and D with it */
  const double keep = exp(-0.015 / 50);
  double mean = 0.02;
  for (int move = 0; move < 20; move++) { /* 300 ms */
    mean = fmax(0.02, mean * keep + (1 - keep));
    assert_int_equal(task.trial.phase, ESP_LEVER_REWARD);
    assert_true(fabs(task.reward_mean - mean) < 1e-15 && fabs(task.signal - (1 / mean + 0.02)) < 1e-12);
    assert_true(task.rewarded);
    for (int n = 0; n < 15; n++)
      esp_lever_task_step(&o, &key, 1, false, true, 0, 0, &task);
  }
  assert_int_equal(task.trial.phase, ESP_LEVER_PAUSE);
  assert_true(task.signal == 0.02 && !task.rewarded);
  assert_int_equal(task.trial.trial, 1);

  esp_lever_task_clear_scores(&task);
  assert_true(task.trial.n_completed == 0 && task.trial.completion_steps == 0 && task.trial.trial == 1);
}

static void trials_time_out(void **state)
{
  (void)state;
  static int32_t window[2 * WINDOW];
  const esp_lever_task_options o = lever_defaults().task;
  for (int reach_up = 0; reach_up < 2; reach_up++) {
    esp_lever_task task = start(&o, window);
    steps_in_phase(&o, false, true, nothing, &task);
    int cue = reach_up ? steps_in_phase(&o, false, true, down, &task) : 0;
    assert_int_equal(task.trial.phase, reach_up ? ESP_LEVER_UP : ESP_LEVER_DOWN);
    cue += steps_in_phase(&o, false, true, nothing, &task);
    assert_int_equal(task.trial.phase, ESP_LEVER_PAUSE);
    assert_in_range(cue, 10001, 10015);
    assert_int_equal(task.trial.n_timed_out, 1);
    assert_int_equal(task.trial.n_completed, 0);
  }
}

static void a_switch_exchanges_the_pools(void **state)
{
  (void)state;
  static int32_t window[2 * WINDOW];
  const esp_lever_task_options o = lever_defaults().task;
  esp_lever_task task = start(&o, window);
  steps_in_phase(&o, true, false, nothing, &task);
  steps_in_phase(&o, true, false, up, &task);
  assert_int_equal(task.trial.phase, ESP_LEVER_UP);
  steps_in_phase(&o, true, false, down, &task);
  assert_int_equal(task.trial.phase, ESP_LEVER_REWARD); /* without reward, too */
  assert_true(task.signal == 0.02 && !task.rewarded);
  steps_in_phase(&o, true, false, nothing, &task);
  assert_true(task.reward_mean == 0.02);
}

/* The mean reward of rewards far apart decays to its floor. */
static void the_signal_is_bounded(void **state)
{
  (void)state;
  static int32_t window[2 * WINDOW];
  esp_lever_task_options o = lever_defaults().task;
  o.tau_a_s = 1;
  esp_lever_task task = start(&o, window);
  double largest = 0;
  for (int trial = 0; trial < 3; trial++) {
    steps_in_phase(&o, false, true, nothing, &task);
    steps_in_phase(&o, false, true, down, &task);
    steps_in_phase(&o, false, true, up, &task);
    largest = fmax(largest, task.signal);
    steps_in_phase(&o, false, true, nothing, &task);
    for (int n = 0; n < 100; n++) /* time passes */
      assert_true(task.reward_mean >= 0.02);
  }
  assert_true(largest <= 50.02);
}

static void pauses_are_uniform(void **state)
{
  (void)state;
  enum { N = 2000 };
  static int32_t window[2 * WINDOW];
  esp_lever_task_options o = lever_defaults().task;
  o.timeout_s = 0.015; /* trials are over at once */
  o.step_ms = 1;
  esp_lever_task task = start(&o, window);
  double sum = 0, squares = 0;
  for (int i = 0; i < N; i++) {
    const int pause = steps_in_phase(&o, false, true, nothing, &task);
    assert_in_range(pause, 500, 1001);
    sum += pause - 0.5;
    squares += (pause - 0.5) * (pause - 0.5);
    steps_in_phase(&o, false, true, nothing, &task);
  }
  const double sd = 500 / sqrt(12);
  assert_true(fabs(sum / N - 750) < 4.5 * sd / sqrt(N));
  assert_true(fabs(sqrt(squares / N - sum / N * sum / N) / sd - 1) < 0.06);
}

static void cues_have_their_distribution(void **state)
{
  (void)state;
  enum { N = 20000 };
  esp_lever_task_options o = lever_defaults().task;
  static double rate[N], again[10];
  esp_lever_cue(&o, &key, N, rate);
  esp_lever_cue(&o, &key, 10, again);
  assert_memory_equal(rate, again, sizeof again);
  int lowest = 0, highest = 0, below_20 = 0;
  for (int i = 0; i < N; i++) {
    assert_true(rate[i] >= 2 && rate[i] <= 60);
    lowest += rate[i] == 2;
    highest += rate[i] == 60;
    below_20 += rate[i] < 20;
  }
  /* gamma(0.2, 0.8): below 1/30, 1/3, 1 (SciPy 1.10) */
  const double p[3] = {0.572853, 0.857279, 0.963859};
  const int count[3] = {lowest, below_20, N - highest};
  for (int i = 0; i < 3; i++)
    if (fabs(count[i] / (double)N - p[i]) > 4.5 * sqrt(p[i] * (1 - p[i]) / N) + 1e-4)
      fail_msg("%d of %d, expected a fraction of %g", count[i], N, p[i]);
  o.cue = ESP_CUE_BETA;
  o.cue_scale_hz = 80;
  o.cue_min_hz = 0;
  o.cue_max_hz = 80;
  esp_lever_cue(&o, &key, N, rate);
  double sum = 0, squares = 0;
  for (int i = 0; i < N; i++) {
    assert_true(rate[i] >= 0 && rate[i] <= 80);
    sum += rate[i] / 80;
    squares += rate[i] / 80 * rate[i] / 80;
  }
  assert_true(fabs(sum / N - 0.2) < 0.01); /* a / (a + b), and a b / (a + b + 1) for a + b = 1 */
  assert_true(fabs(squares / N - sum / N * sum / N - 0.08) < 0.005);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_lever_is_the_smoothed_window), cmocka_unit_test(a_movement_goes_down_then_up),
      cmocka_unit_test(trials_time_out),                  cmocka_unit_test(a_switch_exchanges_the_pools),
      cmocka_unit_test(the_signal_is_bounded),            cmocka_unit_test(pauses_are_uniform),
      cmocka_unit_test(cues_have_their_distribution),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
