/* train/episode.c - call after call from the weights that the last one left, until one of the reasons to end.
 *
 * A call works on a copy, so one that is stopped leaves the weights at the last boundary. The loss at its end is computed afresh:
 * after a fallback step scg's own E is still that from before it (scg.h). */
#include "espalier/episode.h"

#include <math.h>
#include <string.h>

bool esp_episode_on_plateau(const esp_episode_options *options, const esp_episode *episode)
{
  const int last = episode->n_calls - 1, before = last - options->plateau_calls;
  return options->plateau_calls > 0 && before >= 0 && episode->call_end[last] != ESP_CALL_CONVERGED &&
         episode->loss_at_end[last] > 0.99 * episode->loss_at_end[before];
}

/* Is there anything left to do after the calls that were made? Those before `first` belong to an earlier set. */
static bool finished(const esp_episode_options *options, const esp_episode *episode, int first)
{
  const int last = episode->n_calls - 1;
  if (episode->n_calls >= options->max_calls || (last >= 0 && !isfinite(episode->loss_at_end[last])))
    return true;
  return last >= first &&
         ((options->until_converged && episode->call_end[last] == ESP_CALL_CONVERGED) || esp_episode_on_plateau(options, episode));
}

static esp_err train_calls(const esp_objective *f, const esp_episode_options *options, double *weights, esp_episode *episode,
                           esp_scg_state *state)
{
  const esp_scg_watch watch = {
      .converged = options->criterion ? esp_criterion_converged : NULL,
      .context = options->criterion,
      .stop = options->stop,
      .stop_context = options->context,
  };
  const int first = episode->n_calls;
  while (!finished(options, episode, first)) {
    const int call = episode->n_calls;
    if (options->criterion)
      esp_criterion_reset(options->criterion);
    memcpy(state->w, weights, f->n * sizeof *weights);
    state->n_gradients = 0;
    const esp_call_end end = esp_scg_minimise(state, f, options->scg, options->mask, options->steps_per_call, &watch);
    if (end == ESP_CALL_STOPPED)
      return ESP_ERR_STOPPED; /* this call is made again from its beginning */
    memcpy(weights, state->w, f->n * sizeof *weights);
    episode->loss_at_start[call] = state->E_start;
    episode->loss_at_end[call] = f->loss(f->context, weights);
    episode->call_end[call] = (uint8_t)end;
    episode->n_steps[call] = state->step;
    episode->n_evaluations += state->n_gradients;
    episode->n_calls++;
    if (options->call_made && !finished(options, episode, first))
      ESP_TRY(options->call_made(options->context));
  }
  return ESP_OK;
}

esp_err esp_episode_train(const esp_objective *f, const esp_episode_options *options, double *weights, esp_episode *episode,
                          esp_workspace *ws)
{
  const size_t mark = ws->used;
  esp_scg_state state;
  esp_err err = esp_scg_state_take(f->n, ws, &state);
  if (err == ESP_OK)
    err = train_calls(f, options, weights, episode, &state);
  ws->used = mark;
  return err;
}
