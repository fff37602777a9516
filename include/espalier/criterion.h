/* espalier/criterion.h - when a training call has converged (published code; paper, Methods). Pure, local.
 *
 * Two criteria, one for each task. Both are asked after every step of a call; losses are dimensionless.
 *
 *   window (delayed match to sample)   mean of the last `window` accepted decreases of E < min_decrease, and E < max_loss.
 *     The window starts filled with 0.01, so at least `window` accepted steps are made. As in the published code E is the
 *     loss before the last accepted step, and the slot after the last one is the first again, written twice in a row when
 *     the window wraps. Steps that were not accepted do not count.
 *
 *   smoothed (two-armed bandit)   E < good_loss; or E < max_loss, s < min_decrease, the step was accepted, and more than
 *     min_steps steps were made, accepted or not. E is the loss after the step. At each step
 *         s <- 0.999 s + 0.001 (E before - E),   s = 0 at the start of a call,
 *     and a step that was not accepted makes s infinite for the rest of the call, as in the published code: from then on
 *     only E < good_loss ends it. A call that starts below good_loss ends after its first step. */
#ifndef ESPALIER_CRITERION_H
#define ESPALIER_CRITERION_H
#include <stdbool.h>

#include "espalier/error.h"
#include "espalier/workspace.h"

typedef enum { ESP_CRITERION_WINDOW, ESP_CRITERION_SMOOTHED } esp_criterion_kind;

typedef struct {
  esp_criterion_kind kind;
  double min_decrease, max_loss;
  /* window */
  int window;
  double *decrease; /* the last accepted decreases [window], borrowed from a workspace */
  int next;         /* slot that is written next; == window: wrap first                */
  /* smoothed */
  double good_loss;
  int min_steps;
  double smoothed;  /* s                                                               */
  long n_steps;     /* in this call                                                    */
} esp_criterion;

/** Make a window criterion; its window is taken from ws.
 *  @return ESP_OK, ESP_ERR_ARG for an empty window, ESP_ERR_NOMEM. */
esp_err esp_criterion_take(int window, double min_decrease, double max_loss, esp_workspace *ws, esp_criterion *criterion);

/** The smoothed criterion with the numbers of the published code: good_loss 0.01, max_loss 0.015, min_decrease 1e-8,
 *  min_steps 20. It owns and borrows nothing; the fields may be changed before use. */
esp_criterion esp_criterion_bandit(void);

/** Forget everything: at the start of each training call. */
void esp_criterion_reset(esp_criterion *criterion);

/** Note a step from E_before to E; true if the call has converged. context is an esp_criterion (so that it can be an
 *  esp_scg_watch). */
bool esp_criterion_converged(void *context, bool accepted, double E_before, double E);

#endif
