/* espalier/criterion.h - when a training call has converged (published code; paper, Methods). Pure, local.
 *
 * Mean of the last `window` accepted decreases of E < min_decrease, and E < max_loss. The window starts filled with 0.01, so
 * at least `window` accepted steps are made. As in the published code E is the loss before the last accepted step, and the
 * slot after the last one is the first again, written twice in a row when the window wraps. */
#ifndef ESPALIER_CRITERION_H
#define ESPALIER_CRITERION_H
#include <stdbool.h>

#include "espalier/error.h"
#include "espalier/workspace.h"

typedef struct {
  int window;
  double min_decrease, max_loss;
  double *decrease; /* the last accepted decreases [window], borrowed from a workspace */
  int next;         /* slot that is written next; == window: wrap first                */
} esp_criterion;

/** Take a criterion's window from ws.
 *  @return ESP_OK, ESP_ERR_ARG for an empty window, ESP_ERR_NOMEM. */
esp_err esp_criterion_take(int window, double min_decrease, double max_loss, esp_workspace *ws, esp_criterion *criterion);

/** Forget everything: at the start of each training call. */
void esp_criterion_reset(esp_criterion *criterion);

/** Note an accepted step from E_previous to E; true if the call has converged. context is an esp_criterion (so that it can be
 *  an esp_scg_watch). */
bool esp_criterion_converged(void *context, double E_previous, double E);

#endif
