/* analysis/probe.c - one onset at a time: its strengths and conditions are one set of trials with a shared beginning. */
#include "espalier/probe.h"

#include <math.h>
#include <string.h>

#include "espalier/trajectory.h"

enum { CUE_INPUT = 1, CUE_BIN = 13, DELAY_FIRST = 15, DELAY_LAST = 39, RESPONSE_BIN = 52 }; /* input from 0, bins from 1 */
enum { INPUTS_PER_TRIAL = ESP_DMS_N_STEPS * ESP_DMS_N_IN };

const int esp_probe_onsets[ESP_PROBE_N_ONSETS] = {16, 20, 24, 28, 32, 36};
const double esp_probe_strengths[ESP_PROBE_N_STRENGTHS] = {0.0, 0.2, 0.4, 0.6, 0.8, 1.0};

static double *cue_input(double *trial, int bin)
{
  return trial + (size_t)(bin - 1) * ESP_DMS_N_IN + CUE_INPUT;
}

void esp_probe_put(const esp_trials *trials, int onset, double strength)
{
  for (int i = 0; i < trials->n_trials; i++) {
    double *trial = trials->input + (size_t)i * INPUTS_PER_TRIAL;
    const double cue = *cue_input(trial, CUE_BIN) + *cue_input(trial, CUE_BIN + 1); /* its sign survives input noise */
    for (int bin = onset; bin < onset + ESP_PROBE_N_BINS; bin++)
      *cue_input(trial, bin) = cue > 0 ? -strength : strength;
  }
}

double esp_probe_response(const double *y, int n_out)
{
  return 0.5 * (y[(RESPONSE_BIN - 1) * n_out] + y[RESPONSE_BIN * n_out]);
}

/* All strengths at one onset, [strength, condition]. */
static void probed_trials(int onset, const esp_probe_grid *grid, esp_trials *trials)
{
  esp_dms_repeat(ESP_DMS_OLD_CUES, grid->n_strengths, trials);
  for (int s = 0; s < grid->n_strengths; s++) {
    const esp_trials of_strength = {.n_trials = ESP_PROBE_N_CONDITIONS,
                                    .input = trials->input + (size_t)s * ESP_PROBE_N_CONDITIONS * INPUTS_PER_TRIAL};
    esp_probe_put(&of_strength, onset, grid->strength[s]);
  }
}

static double max_before_response(const double *y)
{
  double largest = y[0];
  for (int bin = 2; bin < RESPONSE_BIN; bin++)
    largest = fmax(largest, y[bin - 1]);
  return largest;
}

static esp_err run(const esp_rnn_shape *shape, const double *w, int input_lag, const esp_probe_grid *grid,
                   const double *noisy_target, const esp_probe_outcome *out, esp_workspace *ws)
{
  const int n_trials = grid->n_strengths * ESP_PROBE_N_CONDITIONS;
  esp_trials trials;
  esp_trajectories t;
  ESP_TRY(esp_trials_take(n_trials, ESP_DMS_N_STEPS, ESP_DMS_N_IN, ESP_DMS_N_OUT, ws, &trials));
  ESP_TRY(esp_trajectories_take(shape, n_trials, ESP_DMS_N_STEPS, ws, &t));
  for (int onset = 0; onset < grid->n_onsets; onset++) {
    probed_trials(grid->onset[onset], grid, &trials);
    ESP_TRY(esp_trajectories_run(shape, w, &trials, input_lag, &t, ws));
    for (int trial = 0; trial < n_trials; trial++) {
      const size_t i = (size_t)onset * (size_t)n_trials + (size_t)trial;
      const double *y = esp_trajectory_output(&t, trial, 1);
      const double target = esp_probe_response(trials.target + (size_t)trial * ESP_DMS_N_STEPS, 1);
      const double mean_target = noisy_target ? noisy_target[trial % ESP_PROBE_N_CONDITIONS] : target;
      out->response[i] = esp_probe_response(y, 1);
      out->max_before[i] = max_before_response(y);
      out->correct_sign[i] = out->response[i] * target > 0;
      out->correct_published[i] = fabs(out->response[i] - mean_target) < 1;
      out->premature[i] = out->max_before[i] > ESP_PROBE_PREMATURE_THRESHOLD;
    }
  }
  return ESP_OK;
}

esp_err esp_probe_run(const esp_rnn_shape *shape, const double *w, int input_lag, const esp_probe_grid *grid,
                      const double *noisy_target, const esp_probe_outcome *outcome, esp_workspace *ws)
{
  ESP_REQUIRE(shape->n_in == ESP_DMS_N_IN && shape->n_out == ESP_DMS_N_OUT, ESP_ERR_ARG,
              "probes of a network of %d inputs and %d outputs, the task has %d and %d", shape->n_in, shape->n_out,
              ESP_DMS_N_IN, ESP_DMS_N_OUT);
  ESP_REQUIRE(grid->n_onsets > 0 && grid->n_strengths > 0, ESP_ERR_ARG, "%d onsets, %d strengths", grid->n_onsets,
              grid->n_strengths);
  for (int i = 0; i < grid->n_onsets; i++)
    ESP_REQUIRE(grid->onset[i] >= DELAY_FIRST && grid->onset[i] + ESP_PROBE_N_BINS - 1 <= DELAY_LAST, ESP_ERR_ARG,
                "a probe at bin %d is not in the delay", grid->onset[i]);
  const size_t mark = ws->used;
  const esp_err err = run(shape, w, input_lag, grid, noisy_target, outcome, ws);
  ws->used = mark;
  return err;
}
