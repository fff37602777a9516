/* espalier/episode.h - one episode: training calls on one frozen training set until one converges (published code). Pure, local.
 *
 * An episode is resumed at a call boundary: give back the weights, n_calls and the curves it had there, and the rest has the
 * same bits as without the interruption. */
#ifndef ESPALIER_EPISODE_H
#define ESPALIER_EPISODE_H
#include <stdint.h>

#include "espalier/criterion.h"
#include "espalier/error.h"
#include "espalier/scg.h"
#include "espalier/workspace.h"

/** What an episode leaves behind, one entry a call; arrays are the caller's, [max_calls] each. */
typedef struct {
  int n_calls;              /* made so far                                                          */
  double *loss_at_start;    /* E at the start of each call                                          */
  double *loss_at_end;      /* E at its end, computed afresh at the weights it left                 */
  uint8_t *call_end;        /* esp_call_end of each call                                            */
  int32_t *n_steps;         /* SCG steps of each call                                               */
  int64_t n_evaluations;    /* gradients so far                                                     */
} esp_episode;

typedef struct {
  const esp_scg_options *scg;
  const double *mask;       /* [n_weights], 1 = kept                                                */
  long steps_per_call;
  int max_calls;
  bool until_converged;     /* false: all max_calls calls are made                                  */
  int plateau_calls;        /* end when the loss fell by less than 1 % over this many calls; 0: never */
  esp_criterion *criterion; /* reset at each call; NULL: never converges                            */
  bool (*stop)(void *context);            /* asked before every step; NULL: never                   */
  esp_err (*call_made)(void *context);    /* after every call but the last: a good place to save; NULL: nothing */
  void *context;
} esp_episode_options;

/** Did the episode end (or would it) because its loss no longer falls? */
bool esp_episode_on_plateau(const esp_episode_options *options, const esp_episode *episode);

/** Train weights [n_weights] on f from call episode->n_calls on; those before may have been made on another function. Ends early when a
 *  call converges (if until_converged), on a plateau, or when the loss is no longer finite.
 *  @return ESP_OK; ESP_ERR_STOPPED: weights and episode are those of the last call boundary; ESP_ERR_NOMEM; or what call_made
 *          returned. */
esp_err esp_episode_train(const esp_objective *f, const esp_episode_options *options, double *weights, esp_episode *episode,
                          esp_workspace *ws);

#endif
