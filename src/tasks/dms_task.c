/* tasks/dms_task.c - one trial of each condition without noise, then repeats of all of them, then noise on top.
 *
 * Repeats are the slow index, so trial t is of condition t mod n_conditions. Bins are counted from 1 in names and comments, from 0 in
 * indices. */
#include "espalier/dms_task.h"

#include <string.h>

enum { CONSTANT, CUE_1, CUE_2, END, START, START_AND_RESPONSE }; /* inputs */

int esp_dms_n_conditions(esp_dms_set set)
{
  return set == ESP_DMS_NEW_CUES_BOTH ? 8 : 4;
}

/* Value v on one input during the bins first .. last. */
static void put(double *trial, int input, int first, int last, double v)
{
  for (int bin = first; bin <= last; bin++)
    trial[(bin - 1) * ESP_DMS_N_IN + input] = v;
}

typedef struct {
  int cue_1_input, cue_2_input;
  double cue_1, cue_2, answer;
} dms_condition;

/* Old task: both matches, then both non-matches. The new-cue set lists the cue pairs in another order, as the published
 * code does; which trial is which matters to nobody but readers who compare with it. */
static dms_condition condition_of(esp_dms_set set, int c)
{
  static const double old_cues[4][2] = {{1, 1}, {-1, -1}, {1, -1}, {-1, 1}};
  static const double new_cues[4][2] = {{1, 1}, {1, -1}, {-1, 1}, {-1, -1}};
  const double *cue = set == ESP_DMS_OLD_CUES ? old_cues[c] : new_cues[c % 4];
  const double match = cue[0] * cue[1]; /* +1 for a match, -1 for a non-match */
  if (set == ESP_DMS_OLD_CUES)
    return (dms_condition){CUE_1, CUE_2, cue[0], cue[1], match};
  if (set == ESP_DMS_NEW_CUES_BOTH && c < 4)
    return (dms_condition){CUE_1, CUE_2, cue[0], cue[1], -match};
  return (dms_condition){END, START, cue[0], cue[1], match};
}

void esp_dms_template(esp_dms_set set, esp_trials *trials)
{
  const int n = esp_dms_n_conditions(set);
  trials->n_trials = n;
  trials->n_steps = ESP_DMS_N_STEPS;
  trials->n_in = ESP_DMS_N_IN;
  trials->n_out = ESP_DMS_N_OUT;
  memset(trials->input, 0, (size_t)n * ESP_DMS_N_STEPS * ESP_DMS_N_IN * sizeof *trials->input);
  memset(trials->target, 0, (size_t)n * ESP_DMS_N_STEPS * sizeof *trials->target);
  for (int c = 0; c < n; c++) {
    const dms_condition condition = condition_of(set, c);
    double *input = trials->input + (size_t)c * ESP_DMS_N_STEPS * ESP_DMS_N_IN;
    put(input, CONSTANT, 1, 58, 1);
    put(input, END, 58, 58, 1);
    put(input, START, 1, 10, 1);
    put(input, START, 58, 58, 1);
    put(input, START_AND_RESPONSE, 1, 10, 1);
    put(input, START_AND_RESPONSE, 52, 53, 1);
    put(input, START_AND_RESPONSE, 58, 58, 1);
    put(input, condition.cue_1_input, 13, 14, condition.cue_1);
    put(input, condition.cue_2_input, 40, 41, condition.cue_2);
    for (int bin = 52; bin <= 53; bin++)
      trials->target[(size_t)c * ESP_DMS_N_STEPS + (size_t)bin - 1] = condition.answer;
  }
}

static void add_noise(const esp_rng_key *key, esp_rng_purpose purpose, double sd, uint64_t first_draw, size_t n, double *values)
{
  const esp_rng_key drawn = esp_rng_key_for(key, purpose);
  for (size_t i = 0; i < n && sd > 0; i++)
    values[i] += sd * esp_rng_normal(&drawn, first_draw + i);
}

void esp_dms_repeat(esp_dms_set set, int trials_per_condition, esp_trials *trials)
{
  const size_t n_conditions = (size_t)esp_dms_n_conditions(set), repeats = (size_t)trials_per_condition;
  const size_t n_inputs = n_conditions * ESP_DMS_N_STEPS * ESP_DMS_N_IN, n_targets = n_conditions * ESP_DMS_N_STEPS;
  esp_dms_template(set, trials);
  for (size_t r = 1; r < repeats; r++) {
    memcpy(trials->input + r * n_inputs, trials->input, n_inputs * sizeof *trials->input);
    memcpy(trials->target + r * n_targets, trials->target, n_targets * sizeof *trials->target);
  }
  trials->n_trials = (int)(repeats * n_conditions);
}

void esp_dms_trials(esp_dms_set set, const esp_dms_noise *noise, const esp_rng_key *key, int episode, esp_trials *trials)
{
  esp_dms_repeat(set, noise->trials_per_condition, trials);
  const size_t n_targets = (size_t)trials->n_trials * ESP_DMS_N_STEPS, n_inputs = n_targets * ESP_DMS_N_IN;
  const uint64_t before = (uint64_t)episode;
  add_noise(key, ESP_RNG_TARGET_NOISE, noise->target_noise_sd, before * n_targets, n_targets, trials->target);
  add_noise(key, ESP_RNG_INPUT_NOISE, noise->input_noise_sd, before * n_inputs, n_inputs, trials->input);
}
