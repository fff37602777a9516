/* espalier/probe.h - distractors during the delay of the DMS task (paper, Figs. 2, 5A-C, 5E). Pure, local.
 *
 * A probe of strength s with onset t sets input 2 to s at bins t and t + 1, with the sign opposite to cue 1 of the trial; it
 * replaces what was there. The response is the mean output at bins 52 and 53. Dimensionless; bins of 50 ms count from 1.
 *
 * Two tests of a correct response are kept, because text and published code differ:
 *   sign       response and target have the same sign (paper; 0 is wrong)
 *   published  |response - mean noisy target at 52-53| < 1 (code; forgives a wrong sign if it is small)
 * A response is premature if max y(1..51) > 0.75 (published code). */
#ifndef ESPALIER_PROBE_H
#define ESPALIER_PROBE_H
#include <stdint.h>

#include "espalier/dms_task.h"
#include "espalier/error.h"
#include "espalier/rnn.h"
#include "espalier/workspace.h"

#define ESP_PROBE_N_CONDITIONS 4          /* the old cues: (+,+) (-,-) (+,-) (-,+)        */
#define ESP_PROBE_N_BINS 2                /* length of a probe, bins                      */
#define ESP_PROBE_PREMATURE_THRESHOLD 0.75 /* published code, outputPredictions           */
#define ESP_PROBE_EXAMPLE_ONSET 20        /* bin; Figs. 2C-F, 3, 4                        */
#define ESP_PROBE_EXAMPLE_STRENGTH 0.2    /* Figs. 2C-F, 3, 4                             */

/** The grid of Fig. 5: onsets 16, 20, .. 36 and strengths 0, 0.2, .. 1. */
#define ESP_PROBE_N_ONSETS 6
#define ESP_PROBE_N_STRENGTHS 6
extern const int esp_probe_onsets[ESP_PROBE_N_ONSETS];
extern const double esp_probe_strengths[ESP_PROBE_N_STRENGTHS];

typedef struct { /* borrowed */
  int n_onsets, n_strengths;
  const int *onset;       /* bins          [n_onsets]    */
  const double *strength; /* dimensionless [n_strengths] */
} esp_probe_grid;

/** Outcomes, provided by the caller, each [onset, strength, condition]. */
typedef struct {
  double *response;           /* mean y at bins 52, 53                                    */
  double *max_before;         /* max y over bins 1..51                                    */
  uint8_t *correct_sign;      /* test of the paper, 0 or 1                                */
  uint8_t *correct_published; /* test of the published code, 0 or 1                       */
  uint8_t *premature;         /* max_before > 0.75, 0 or 1                                */
} esp_probe_outcome;

/** Put a probe on every one of the trials (old cues, DMS shape), sign against input 2 at bins 13, 14. */
void esp_probe_put(const esp_trials *trials, int onset, double strength);

/** Response of one trial: mean over bins 52, 53 of output y [58, n_out], first output; of a target the same. */
double esp_probe_response(const double *y, int n_out);

/** Give every probe of the grid in every condition, without noise, to the network with weights w [n_weights].
 *  @param input_lag     as in esp_tree_build
 *  @param noisy_target  mean noisy target at bins 52, 53 of each condition [4] for the published test, which the author
 *                       takes from a new training set; NULL: the noise-free target
 *  @param ws            scratch, given back on return
 *  @return ESP_OK, ESP_ERR_ARG (not a DMS network, onset outside the delay 15..38), ESP_ERR_NOMEM, or ESP_ERR_DIVERGED if
 *          an output is not finite. */
esp_err esp_probe_run(const esp_rnn_shape *shape, const double *w, int input_lag, const esp_probe_grid *grid,
                      const double *noisy_target, const esp_probe_outcome *outcome, esp_workspace *ws);

#endif
