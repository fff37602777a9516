/* espalier/lever_task.h - a lever that two pools of neurons pull up and down, and the trials in which it has to be moved first down, then
 * up (Kappel et al. 2018, Fig. 5). Pure, local.
 *
 * Every step_ms the lever, its position in Hz, the trial and the reward signal are brought up to date:
 *     L <- smoothing L + (1 - smoothing) (R_U - R_D)     R: spikes of the pool in the last window_ms, over window_ms; the lever
 *                                                        is not reset between trials. Switched task: R_D - R_U
 *   pause      background input for U(pause_min, pause_max)
 *   down       cue on; until L < -threshold
 *   up         cue on; until L > threshold: the movement is complete
 *   reward     cue off, r = 1, for reward_s
 *   down and up together longer than timeout_s: the trial fails, no reward, pause. It counts as timeout_s.
 *     rhat <- rhat k + (1 - k) r, k = exp(-step_ms / tau_a), not below reward_floor;   D = (r / rhat if r > 0) + alpha
 *
 * The cue is one rate for each input, drawn once; without it all inputs have background_hz.
 *     gamma   cue_scale_hz G, G from a gamma distribution of shape cue_shape_a and scale cue_shape_b, clipped to cue_min_hz .. cue_max_hz
 *             (published example: 60 Hz, 0.2, 0.8, 2 to 60 Hz)
 *     beta    the same with a beta distribution (cue_shape_a, cue_shape_b) (the paper, as remembered: 80 Hz, 0.2, 0.8, 0 to 80 Hz) */
#ifndef ESPALIER_LEVER_TASK_H
#define ESPALIER_LEVER_TASK_H
#include <stdbool.h>
#include <stdint.h>

#include "espalier/error.h"
#include "espalier/rng.h"

typedef enum { ESP_CUE_GAMMA, ESP_CUE_BETA } esp_cue_kind;

typedef struct {
  int n_pool;                        /* neurons of each pool, 10                                   */
  double step_ms, window_ms, smoothing; /* 15, 500, 0.95                                           */
  double threshold_hz;               /* 15                                                         */
  double reward_s, pause_min_s, pause_max_s, timeout_s; /* 0.3, 0.5, 1, 10                         */
  double background_hz;              /* 2                                                          */
  esp_cue_kind cue;                  /* gamma                                                      */
  double cue_scale_hz, cue_shape_a, cue_shape_b, cue_min_hz, cue_max_hz; /* 60, 0.2, 0.8, 2, 60    */
  double tau_a_s, alpha, reward_floor; /* 50 (published code: 750), 0.02, 0.02                     */
} esp_lever_task_options;

typedef enum { ESP_LEVER_PAUSE, ESP_LEVER_DOWN, ESP_LEVER_UP, ESP_LEVER_REWARD } esp_lever_phase;

/** Integers of a trial; times in steps of dt. */
typedef struct {
  int32_t phase;
  int32_t phase_steps, cue_steps;   /* since the phase began, since the cue came on              */
  int32_t trial;                    /* number of the trial that runs or comes next, from 0       */
  int32_t window_at;                /* entry of the window that is written next                  */
  int32_t in_window[2];             /* spikes of U and D in the window                           */
  int32_t until_step;               /* steps until the task is brought up to date                */
  int32_t n_completed, n_timed_out; /* since esp_lever_task_clear_scores                          */
  int32_t completion_steps;         /* sum over completed trials of the time from cue to completion */
} esp_lever_trial;

enum { ESP_LEVER_TRIAL_INTS = sizeof(esp_lever_trial) / sizeof(int32_t) };

/** State of the task; the window is the caller's. */
typedef struct {
  esp_lever_trial trial;
  double lever, reward_mean;        /* L, rhat                                                   */
  int32_t *window;                  /* spikes in each of the last steps [2: U, D, window_steps]  */
  double signal;                    /* D; follows from the rest                                  */
  bool rewarded;                    /* r                                                         */
} esp_lever_task;

/** Steps of the window. */
int esp_lever_window_steps(const esp_lever_task_options *options, double dt_ms);

/** Rate of each input while the cue is on [n_in], Hz. */
void esp_lever_cue(const esp_lever_task_options *options, const esp_rng_key *key, int n_in, double *rate_hz);

/** The beginning: a pause, the lever at 0. task->window is given. */
void esp_lever_task_start(const esp_lever_task_options *options, double dt_ms, esp_lever_task *task);

/** n_completed, n_timed_out and completion_steps from 0 on again. */
void esp_lever_task_clear_scores(esp_lever_task *task);

/** What follows from the state: after loading trial, lever, reward_mean and window. */
void esp_lever_task_resume(const esp_lever_task_options *options, bool gives_reward, esp_lever_task *task);

/** One step of dt in which the pools fired up and down spikes; afterwards task->signal is the D of this step.
 *  @param switched      U and D are exchanged
 *  @param gives_reward  false: r = 0 always (forgetting); the phase of reward comes all the same
 *  @return true if the lever was moved (each step_ms). */
bool esp_lever_task_step(const esp_lever_task_options *options, const esp_rng_key *key, double dt_ms, bool switched,
                         bool gives_reward, int up, int down, esp_lever_task *task);

/** Is the cue on? */
bool esp_lever_cue_is_on(const esp_lever_task *task);

#endif
