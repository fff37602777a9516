/* tasks/lever_task.c - the clockwork of the lever task: in every step the window of spikes moves on; every step_ms the lever is moved by
 * it, then the trial goes on, then the reward follows.
 *
 * All that lasts is integers (esp_lever_trial) and two real numbers; the signal D follows from them and from whether reward is given,
 * so whoever loads a state has to call esp_lever_task_resume. */
#include "espalier/lever_task.h"

#include <assert.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <string.h>

enum { UP, DOWN };

int esp_lever_window_steps(const esp_lever_task_options *o, double dt_ms)
{
  return (int)nearbyint(o->window_ms / dt_ms);
}

/* ---- cue ---- */

static double distribution(const esp_lever_task_options *o, double x)
{
  return o->cue == ESP_CUE_GAMMA ? gsl_cdf_gamma_P(x, o->cue_shape_a, o->cue_shape_b) : gsl_cdf_beta_P(x, o->cue_shape_a, o->cue_shape_b);
}

static double quantile(const esp_lever_task_options *o, double p)
{
  return o->cue == ESP_CUE_GAMMA ? gsl_cdf_gamma_Pinv(p, o->cue_shape_a, o->cue_shape_b)
                                 : gsl_cdf_beta_Pinv(p, o->cue_shape_a, o->cue_shape_b);
}

/* What would be clipped is not inverted: far in its tails the inverse is slow and inexact. */
void esp_lever_cue(const esp_lever_task_options *o, const esp_rng_key *key, int n_in, double *rate_hz)
{
  const esp_rng_key k = esp_rng_key_for(key, ESP_RNG_CUE);
  const double lowest = o->cue_min_hz / o->cue_scale_hz, highest = o->cue_max_hz / o->cue_scale_hz;
  const double below = distribution(o, fmax(lowest, 1e-9)), not_above = distribution(o, highest);
  for (int i = 0; i < n_in; i++) {
    const double p = esp_rng_uniform(&k, (uint64_t)i);
    rate_hz[i] = p <= below ? o->cue_min_hz : p >= not_above ? o->cue_max_hz : o->cue_scale_hz * quantile(o, p);
  }
}

bool esp_lever_cue_is_on(const esp_lever_task *task)
{
  return task->trial.phase == ESP_LEVER_DOWN || task->trial.phase == ESP_LEVER_UP;
}

/* ---- reward ---- */

static void set_signal(const esp_lever_task_options *o, bool gives_reward, esp_lever_task *task)
{
  task->rewarded = gives_reward && task->trial.phase == ESP_LEVER_REWARD;
  task->signal = o->alpha + (task->rewarded ? 1 / task->reward_mean : 0);
}

static void follow_reward(const esp_lever_task_options *o, bool gives_reward, esp_lever_task *task)
{
  const double keep = exp(-1e-3 * o->step_ms / o->tau_a_s);
  task->rewarded = gives_reward && task->trial.phase == ESP_LEVER_REWARD;
  task->reward_mean = fmax(o->reward_floor, task->reward_mean * keep + (1 - keep) * task->rewarded);
  set_signal(o, gives_reward, task);
}

/* ---- trials ---- */

void esp_lever_task_start(const esp_lever_task_options *o, double dt_ms, esp_lever_task *task)
{
  int32_t *window = task->window;
  assert(o->step_ms >= dt_ms && o->window_ms >= dt_ms);
  *task = (esp_lever_task){.window = window, .reward_mean = o->reward_floor};
  task->trial.phase = ESP_LEVER_PAUSE;
  task->trial.until_step = (int32_t)nearbyint(o->step_ms / dt_ms);
  memset(window, 0, 2 * (size_t)esp_lever_window_steps(o, dt_ms) * sizeof *window);
  set_signal(o, true, task);
}

void esp_lever_task_clear_scores(esp_lever_task *task)
{
  task->trial.n_completed = task->trial.n_timed_out = task->trial.completion_steps = 0;
}

void esp_lever_task_resume(const esp_lever_task_options *o, bool gives_reward, esp_lever_task *task)
{
  set_signal(o, gives_reward, task);
}

static void enter(esp_lever_trial *trial, esp_lever_phase phase)
{
  trial->phase = phase;
  trial->phase_steps = 0;
}

static double pause_s(const esp_lever_task_options *o, const esp_rng_key *key, int32_t trial)
{
  const esp_rng_key k = esp_rng_key_for(key, ESP_RNG_TRIAL_PAUSE);
  return o->pause_min_s + (o->pause_max_s - o->pause_min_s) * esp_rng_uniform(&k, (uint64_t)trial);
}

static void end_trial(esp_lever_trial *trial, bool completed)
{
  trial->n_completed += completed;
  trial->n_timed_out += !completed;
  trial->completion_steps += completed ? trial->cue_steps : 0;
  trial->trial++;
  enter(trial, completed ? ESP_LEVER_REWARD : ESP_LEVER_PAUSE);
}

static void move_on(const esp_lever_task_options *o, const esp_rng_key *key, double dt_s, esp_lever_task *task)
{
  esp_lever_trial *trial = &task->trial;
  const double in_phase_s = trial->phase_steps * dt_s;
  switch ((esp_lever_phase)trial->phase) {
  case ESP_LEVER_PAUSE:
    if (in_phase_s >= pause_s(o, key, trial->trial)) {
      enter(trial, ESP_LEVER_DOWN);
      trial->cue_steps = 0;
    }
    break;
  case ESP_LEVER_REWARD:
    if (in_phase_s >= o->reward_s)
      enter(trial, ESP_LEVER_PAUSE);
    break;
  case ESP_LEVER_DOWN:
  case ESP_LEVER_UP:
    if (trial->phase == ESP_LEVER_UP && task->lever > o->threshold_hz)
      end_trial(trial, true);
    else if (trial->cue_steps * dt_s > o->timeout_s)
      end_trial(trial, false);
    else if (trial->phase == ESP_LEVER_DOWN && task->lever < -o->threshold_hz)
      enter(trial, ESP_LEVER_UP);
    break;
  }
}

static void count_pool(esp_lever_trial *trial, int pool, int32_t *entry, int spikes)
{
  trial->in_window[pool] += spikes - *entry;
  *entry = spikes;
}

bool esp_lever_task_step(const esp_lever_task_options *o, const esp_rng_key *key, double dt_ms, bool switched, bool gives_reward,
                         int up, int down, esp_lever_task *task)
{
  esp_lever_trial *trial = &task->trial;
  const int window_steps = esp_lever_window_steps(o, dt_ms);
  count_pool(trial, UP, task->window + trial->window_at, up);
  count_pool(trial, DOWN, task->window + window_steps + trial->window_at, down);
  trial->window_at = (trial->window_at + 1) % window_steps;
  trial->phase_steps++;
  trial->cue_steps += esp_lever_cue_is_on(task);
  if (--trial->until_step > 0)
    return false;
  trial->until_step = (int32_t)nearbyint(o->step_ms / dt_ms);
  const double pull = (trial->in_window[UP] - trial->in_window[DOWN]) / (1e-3 * o->window_ms);
  task->lever = o->smoothing * task->lever + (1 - o->smoothing) * (switched ? -pull : pull);
  move_on(o, key, 1e-3 * dt_ms, task);
  follow_reward(o, gives_reward, task);
  return true;
}
