/* train/criterion.c */
#include "espalier/criterion.h"

esp_err esp_criterion_take(int window, double min_decrease, double max_loss, esp_workspace *ws, esp_criterion *criterion)
{
  ESP_REQUIRE(window > 0, ESP_ERR_ARG, "a window of %d steps", window);
  *criterion = (esp_criterion){.window = window, .min_decrease = min_decrease, .max_loss = max_loss};
  ESP_TRY(esp_workspace_take(ws, (size_t)window, &criterion->decrease));
  esp_criterion_reset(criterion);
  return ESP_OK;
}

void esp_criterion_reset(esp_criterion *criterion)
{
  criterion->next = 0;
  for (int i = 0; i < criterion->window; i++)
    criterion->decrease[i] = 0.01;
}

bool esp_criterion_converged(void *context, double E_previous, double E)
{
  esp_criterion *c = context;
  if (c->next < c->window) {
    c->decrease[c->next++] = E_previous - E;
  } else {
    c->next = 0; /* not advanced: the next step writes slot 0 once more */
    c->decrease[0] = E_previous - E;
  }
  double sum = 0.0; /* summed afresh: a running sum would carry the 0.01s' rounding errors along */
  for (int i = 0; i < c->window; i++)
    sum += c->decrease[i];
  return sum / c->window < c->min_decrease && E_previous < c->max_loss;
}
