/* espalier/dms_task.h - delayed match to sample (paper, Fig. 1A, B and Methods). Pure, local.
 *
 * 58 bins of 50 ms, here counted from 1: 1-10 start, 11-12 blank, 13-14 cue 1, 15-39 delay, 40-41 cue 2, 42-51 delay,
 * 52-53 response, 54-58 end. Inputs: 1 constant, 2 cue 1, 3 cue 2, 4 end (bin 58), 5 start (1-10, 58), 6 start and response
 * (1-10, 52, 53, 58). Target: +1 (match) or -1 (non-match) at the response, 0 elsewhere. */
#ifndef ESPALIER_DMS_TASK_H
#define ESPALIER_DMS_TASK_H
#include "espalier/error.h"
#include "espalier/rng.h"
#include "espalier/tree.h"

#define ESP_DMS_N_STEPS 58
#define ESP_DMS_N_IN 6
#define ESP_DMS_N_OUT 1

typedef enum {
  ESP_DMS_OLD_CUES,      /* conditions (+,+) (-,-) -> +1, (+,-) (-,+) -> -1 (cue 1, cue 2)                             */
  ESP_DMS_NEW_CUES_BOTH, /* 1-4: old cues in the order ++ +- -+ -- with reversed answers; 5-8: new cues on inputs 4
                            (bins 13-14) and 5 (bins 40-41), same order, match rule (Fig. S2B, published code)        */
  ESP_DMS_NEW_CUES_ONLY, /* the last four of those                                                                    */
} esp_dms_set;

/** Number of conditions of a set. */
int esp_dms_n_conditions(esp_dms_set set);

/** The noise-free trials, one a condition; trials->input and ->target are filled, sizes are set.
 *  input [condition, 58, 6], target [condition, 58, 1], provided by the caller. */
void esp_dms_template(esp_dms_set set, esp_trials *trials);

/** The noise-free trials repeated: order repeat-major, condition fastest; n_trials = repeats x conditions.
 *  input [n_trials, 58, 6], target [n_trials, 58, 1], provided by the caller. */
void esp_dms_repeat(esp_dms_set set, int trials_per_condition, esp_trials *trials);

typedef struct {
  int trials_per_condition;
  double target_noise_sd, input_noise_sd;
} esp_dms_noise;

/** A training set with frozen noise: esp_dms_repeat plus noise.
 *  @param key       identity of the draws; its purpose is set here
 *  @param episode   which of a stage's training sets: other numbers, other noise
 *  @param trials    input and target provided by the caller: [n_trials, 58, 6], [n_trials, 58, 1]
 *  Draw number ((episode n_trials + trial) 58 + step) (x 6 + input for the inputs), so a set does not depend on others. */
void esp_dms_trials(esp_dms_set set, const esp_dms_noise *noise, const esp_rng_key *key, int episode, esp_trials *trials);

#endif
