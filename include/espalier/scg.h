/* espalier/scg.h - scaled conjugate gradient (Moller 1993, Neural Networks 6:525-533) on any smooth function.
 *
 * Knows a vector and a callback, not networks. Three variants:
 *   published  arithmetic of the published code (Averbeck 2022): after a failed step delta keeps accumulating
 *              lambda |p|^2 and is not recomputed, beta uses the full residual (masked entries included), lambda has no
 *              floor, and after max_failures failures in a row a step along the residual is taken without refreshing
 *              residual, E or delta. Departures: every update is masked, so a removed weight stays exactly 0.0, and a
 *              delta or lambda that is not finite ends the call.
 *   deposited  the same with nothing changed: its fallback step is not masked and revives removed weights, and it goes
 *              on with infinite lambda to the last step. (A loss that is not finite at the start ends any call.)
 *   moller     the textbook algorithm in the subspace of kept weights: gradient, residual, direction and update masked.
 * Local, pure; all quantities dimensionless. Every sum has a fixed order: equal calls, equal bits. */
#ifndef ESPALIER_SCG_H
#define ESPALIER_SCG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "espalier/error.h"
#include "espalier/objective.h"
#include "espalier/workspace.h"

typedef enum { ESP_SCG_PUBLISHED, ESP_SCG_DEPOSITED, ESP_SCG_MOLLER } esp_scg_variant;

typedef struct {
  esp_scg_variant variant;
  double sigma;         /* finite-difference step 5e-5: curvature along p from w + sigma/|p| p (paper's code) */
  double lambda;        /* first regularisation 5e-7                                                          */
  double fallback_step; /* 0.001, length of the step along the residual after too many failures               */
  int max_failures;     /* 10                                                                                 */
} esp_scg_options;

typedef enum {           /* why a call ended; stored in the results file: append, never renumber */
  ESP_CALL_NONE = 0,     /* no call was made                                                     */
  ESP_CALL_CONVERGED,    /* the criterion was met                                                */
  ESP_CALL_STEPS,        /* all steps were made                                                  */
  ESP_CALL_NOT_FINITE,   /* delta or lambda stopped being finite                                 */
  ESP_CALL_STATIONARY,   /* the (masked) gradient is exactly zero                                */
  ESP_CALL_STOPPED,      /* stopped on request; the call has to be made again                    */
} esp_call_end;

/** Everything that one step reads and writes; vectors are borrowed from the workspace, [n] each. The scalars of the last
 *  step are kept for traces and tests. */
typedef struct {
  double *w, *p, *r, *g, *trial, *step_g; /* weights, direction, residual, gradient at w, trial point, gradient there */
  double E, lambda, lambda_bar, delta;    /* lambda_bar is Moller's (variant moller only)                             */
  bool success;                           /* the last step was accepted                                               */
  int failures;                           /* in a row, counted as the published code does (1 after a success)         */
  size_t n_kept;                          /* weights that are not masked: dimension of Moller's subspace              */
  int step;                               /* steps made                                                               */
  double E_start;                         /* E at the start of the call                                               */
  double norm_p, mu, alpha, trial_E, comparison, beta; /* of the last step; beta is NaN if it failed                  */
  bool negative_curvature, fallback;                   /* of the last step                                            */
  long n_losses, n_gradients, n_curvatures;            /* evaluations so far                                          */
} esp_scg_state;

/** Take the vectors of a state from ws (they stay taken until the caller rewinds). */
esp_err esp_scg_state_take(size_t n, esp_workspace *ws, esp_scg_state *state);

/** Begin a call at state->w (filled by the caller): loss, gradient, p = r = -g masked.
 *  @param mask  [n], 1 = kept, 0 = removed; NULL: all kept. */
void esp_scg_begin(esp_scg_state *state, const esp_objective *f, const esp_scg_options *options, const double *mask);

/** One step. Returns ESP_CALL_NONE while the call goes on, or why it has to end. */
esp_call_end esp_scg_step(esp_scg_state *state, const esp_objective *f, const esp_scg_options *options,
                          const double *mask);

/** When to end a call (NULL function: never). */
typedef struct {
  /* asked after every step, from E_before to E; a step that was not accepted leaves the loss as it was */
  bool (*converged)(void *context, bool accepted, double E_before, double E);
  void *context;
  bool (*stop)(void *context); /* asked before every step: true abandons the call (ESP_CALL_STOPPED)        */
  void *stop_context;
} esp_scg_watch;

/** One training call: at most n_steps steps from state->w. Allocates nothing.
 *  @return why it ended; state->w holds the weights (of no use after ESP_CALL_STOPPED). */
esp_call_end esp_scg_minimise(esp_scg_state *state, const esp_objective *f, const esp_scg_options *options,
                              const double *mask, long n_steps, const esp_scg_watch *watch);

#endif
