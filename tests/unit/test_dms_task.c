/* tests/unit/test_dms_task.c - the task bin by bin, and the noise draw by draw. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/dms_task.h"

enum { MAX_TRIALS = 40, T = ESP_DMS_N_STEPS, M = ESP_DMS_N_IN };

/* A set with room of its own. */
typedef struct {
  esp_trials trials;
  double input[MAX_TRIALS * T * M], target[MAX_TRIALS * T];
} room;

static void open_room(room *r)
{
  for (size_t i = 0; i < sizeof r->input / sizeof *r->input; i++)
    r->input[i] = NAN; /* whatever is not written shows */
  for (size_t i = 0; i < sizeof r->target / sizeof *r->target; i++)
    r->target[i] = NAN;
  r->trials = (esp_trials){.input = r->input, .target = r->target};
}

static int within(int bin, int first, int last)
{
  return bin >= first && bin <= last;
}

typedef struct {
  int cue_1_input, cue_2_input; /* counted from 1 */
  double cue_1, cue_2, answer;
} condition;

static void assert_trial(const room *r, int trial, const condition *c)
{
  for (int bin = 1; bin <= T; bin++) {
    double expected[M + 1] = {0}; /* [0] is not used */
    expected[1] = 1;
    expected[4] = bin == 58;
    expected[5] = within(bin, 1, 10) || bin == 58;
    expected[6] = within(bin, 1, 10) || within(bin, 52, 53) || bin == 58;
    if (within(bin, 13, 14))
      expected[c->cue_1_input] = c->cue_1;
    if (within(bin, 40, 41))
      expected[c->cue_2_input] = c->cue_2;
    for (int input = 1; input <= M; input++)
      if (r->input[(trial * T + bin - 1) * M + input - 1] != expected[input])
        fail_msg("trial %d, bin %d, input %d", trial, bin, input);
    if (r->target[trial * T + bin - 1] != (within(bin, 52, 53) ? c->answer : 0))
      fail_msg("trial %d, bin %d: target", trial, bin);
  }
}

static void every_bin_is_as_described(void **state)
{
  (void)state;
  static const condition old_cues[] = {{2, 3, 1, 1, 1}, {2, 3, -1, -1, 1}, {2, 3, 1, -1, -1}, {2, 3, -1, 1, -1}};
  static const condition both[] = {{2, 3, 1, 1, -1}, {2, 3, 1, -1, 1},  {2, 3, -1, 1, 1},  {2, 3, -1, -1, -1},
                                   {4, 5, 1, 1, 1},  {4, 5, 1, -1, -1}, {4, 5, -1, 1, -1}, {4, 5, -1, -1, 1}};
  static const struct {
    esp_dms_set set;
    int n;
    const condition *conditions;
  } sets[] = {{ESP_DMS_OLD_CUES, 4, old_cues}, {ESP_DMS_NEW_CUES_BOTH, 8, both}, {ESP_DMS_NEW_CUES_ONLY, 4, both + 4}};
  static room r;
  for (int s = 0; s < 3; s++) {
    assert_int_equal(esp_dms_n_conditions(sets[s].set), sets[s].n);
    for (int repeats = 0; repeats <= 5; repeats++) { /* 0: the template itself */
      open_room(&r);
      if (repeats == 0)
        esp_dms_template(sets[s].set, &r.trials);
      else
        esp_dms_repeat(sets[s].set, repeats, &r.trials);
      const int n_trials = sets[s].n * (repeats == 0 ? 1 : repeats);
      assert_int_equal(r.trials.n_trials, n_trials);
      assert_int_equal(r.trials.n_steps, 58);
      assert_int_equal(r.trials.n_in, 6);
      assert_int_equal(r.trials.n_out, 1);
      for (int trial = 0; trial < n_trials; trial++)
        assert_trial(&r, trial, &sets[s].conditions[trial % sets[s].n]);
    }
  }
}

/* Beyond the noise-free value lies sd times the draw that the header names; the value is rounded once. */
static void noise_is_the_draw_of_its_number(void **state)
{
  (void)state;
  static room noisy, clean;
  const esp_dms_noise noise = {5, 0.1, 0.3};
  esp_rng_key key = {.seed = 11, .member = 2, .arm = 1, .stage = 7};
  for (int s = 0; s < 3; s++)
    for (int episode = 0; episode < 4; episode += 3) {
      open_room(&noisy);
      open_room(&clean);
      key.purpose = (esp_rng_purpose)0; /* the purpose of the key that is given does not matter */
      esp_dms_trials((esp_dms_set)s, &noise, &key, episode, &noisy.trials);
      esp_dms_repeat((esp_dms_set)s, 5, &clean.trials);
      const int n_trials = noisy.trials.n_trials;
      assert_int_equal(n_trials, clean.trials.n_trials);
      for (int trial = 0; trial < n_trials; trial++)
        for (int step = 0; step < T; step++) {
          const uint64_t number = ((uint64_t)episode * (uint64_t)n_trials + (uint64_t)trial) * 58 + (uint64_t)step;
          const int at = trial * T + step;
          key.purpose = ESP_RNG_TARGET_NOISE;
          assert_true(noisy.target[at] == clean.target[at] + 0.1 * esp_rng_normal(&key, number));
          key.purpose = ESP_RNG_INPUT_NOISE;
          for (int i = 0; i < M; i++)
            assert_true(noisy.input[at * M + i] ==
                        clean.input[at * M + i] + 0.3 * esp_rng_normal(&key, number * 6 + (uint64_t)i));
        }
    }
}

static void noise_has_its_standard_deviation(void **state)
{
  (void)state;
  static room noisy, clean;
  const esp_dms_noise noise = {5, 0.1, 0.3};
  const esp_rng_key key = {.seed = 12};
  double sum[2] = {0}, squares[2] = {0};
  open_room(&clean);
  esp_dms_repeat(ESP_DMS_OLD_CUES, 5, &clean.trials);
  const int n = 20 * T;
  for (int episode = 0; episode < 10; episode++) {
    open_room(&noisy);
    esp_dms_trials(ESP_DMS_OLD_CUES, &noise, &key, episode, &noisy.trials);
    for (int i = 0; i < n * M; i++) {
      const double d[] = {i < n ? noisy.target[i] - clean.target[i] : 0, noisy.input[i] - clean.input[i]};
      for (int which = 0; which < 2; which++) {
        sum[which] += d[which];
        squares[which] += d[which] * d[which];
      }
    }
  }
  const double n_draws[] = {10.0 * n, 10.0 * n * M}, sd[] = {0.1, 0.3};
  for (int which = 0; which < 2; which++) { /* five standard errors */
    assert_true(fabs(sum[which] / n_draws[which]) < 5 * sd[which] / sqrt(n_draws[which]));
    assert_true(fabs(sqrt(squares[which] / n_draws[which]) / sd[which] - 1) < 5 / sqrt(2 * n_draws[which]));
  }
}

static void targets_do_not_care_about_input_noise(void **state)
{
  (void)state;
  static room with, without;
  const esp_dms_noise both = {5, 0.1, 0.3}, targets_only = {5, 0.1, 0}, inputs_only = {5, 0, 0.3};
  const esp_rng_key key = {.seed = 13};
  open_room(&with);
  open_room(&without);
  esp_dms_trials(ESP_DMS_OLD_CUES, &both, &key, 1, &with.trials);
  esp_dms_trials(ESP_DMS_OLD_CUES, &targets_only, &key, 1, &without.trials);
  assert_memory_equal(with.target, without.target, 20 * T * sizeof(double));
  esp_dms_trials(ESP_DMS_OLD_CUES, &inputs_only, &key, 1, &without.trials);
  assert_memory_equal(with.input, without.input, 20 * T * M * sizeof(double));
}

static void sets_of_different_keys_differ(void **state)
{
  (void)state;
  static room one, other;
  const esp_dms_noise noise = {5, 0.1, 0.3};
  const esp_rng_key key = {.seed = 14, .member = 1, .arm = 1, .stage = 1};
  for (int which = 0; which < 5; which++) {
    esp_rng_key changed = key;
    uint32_t *const parts[] = {&changed.member, &changed.arm, &changed.stage};
    int episode = 1;
    if (which < 3)
      ++*parts[which];
    else if (which == 3)
      changed.seed++;
    else
      episode++;
    open_room(&one);
    open_room(&other);
    esp_dms_trials(ESP_DMS_OLD_CUES, &noise, &key, 1, &one.trials);
    esp_dms_trials(ESP_DMS_OLD_CUES, &noise, &changed, episode, &other.trials);
    for (int i = 0; i < 20 * T; i++)
      assert_true(one.target[i] != other.target[i]);
    for (int i = 0; i < 20 * T * M; i++)
      assert_true(one.input[i] != other.input[i]);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_bin_is_as_described),
      cmocka_unit_test(noise_is_the_draw_of_its_number),
      cmocka_unit_test(noise_has_its_standard_deviation),
      cmocka_unit_test(targets_do_not_care_about_input_noise),
      cmocka_unit_test(sets_of_different_keys_differ),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
