/* train/criterion.c - two criteria of the published code, with its order of things: note the step first, then judge.
 *
 * Both keep what looks like a slip there, because it decides after which step a call ends: the window's slot 0 that is written
 * twice when it wraps, the loss before the step instead of after it, and the infinity that a refused step leaves for good. */
#include "espalier/criterion.h"

#include <math.h>

esp_err esp_criterion_take(int window, double min_decrease, double max_loss, esp_workspace *ws, esp_criterion *criterion)
{
  ESP_REQUIRE(window > 0, ESP_ERR_ARG, "a window of %d steps", window);
  *criterion = (esp_criterion){
      .kind = ESP_CRITERION_WINDOW, .window = window, .min_decrease = min_decrease, .max_loss = max_loss};
  ESP_TRY(esp_workspace_take(ws, (size_t)window, &criterion->decrease));
  esp_criterion_reset(criterion);
  return ESP_OK;
}

esp_criterion esp_criterion_bandit(void)
{
  return (esp_criterion){
      .kind = ESP_CRITERION_SMOOTHED, .good_loss = 0.01, .max_loss = 0.015, .min_decrease = 1e-8, .min_steps = 20};
}

void esp_criterion_reset(esp_criterion *criterion)
{
  criterion->next = 0;
  for (int i = 0; i < criterion->window; i++)
    criterion->decrease[i] = 0.01;
  criterion->smoothed = 0.0;
  criterion->n_steps = 0;
}

static bool window_converged(esp_criterion *c, double E_before, double E)
{
  if (c->next < c->window) {
    c->decrease[c->next++] = E_before - E;
  } else {
    c->next = 0; /* not advanced: the next step writes slot 0 once more */
    c->decrease[0] = E_before - E;
  }
  double sum = 0.0; /* summed afresh: a running sum would carry the 0.01s' rounding errors along */
  for (int i = 0; i < c->window; i++)
    sum += c->decrease[i];
  return sum / c->window < c->min_decrease && E_before < c->max_loss;
}

static bool smoothed_converged(esp_criterion *c, bool accepted, double E_before, double E)
{
  c->n_steps++;
  c->smoothed = accepted ? 0.999 * c->smoothed + 0.001 * (E_before - E) : INFINITY; /* and 0.999 infinity is infinity */
  const bool level = c->smoothed < c->min_decrease; /* never after a step that was not accepted */
  return E < c->good_loss || (E < c->max_loss && level && c->n_steps > c->min_steps);
}

bool esp_criterion_converged(void *context, bool accepted, double E_before, double E)
{
  esp_criterion *c = context;
  if (c->kind == ESP_CRITERION_SMOOTHED)
    return smoothed_converged(c, accepted, E_before, E);
  return accepted && window_converged(c, E_before, E);
}
