/* espalier/lever.h - a network that learns to move a lever and rewires itself while it does (Kappel et al. 2018, Fig. 5): neurons
 * (spiking.h), synapses (rewiring.h) and task (lever_task.h) as one simulation. Pure, local, prints nothing, allocates nothing.
 *
 * Time goes in intervals of synapses.update_ms (100 ms); clock counts them. A later part of a run is a function of (options, seed,
 * member, state, segment). What the state is, and how a record keeps it, says lever_state.h; what the seed fixes (connections, static
 * weights, cue, which synapses are sampled) is no part of it but drawn again by esp_lever_take.
 *
 * Excitatory neurons: the first n_receiving get input, then n_pool of U, n_pool of D, then the rest.
 *
 * A typical stage:
 *     esp_lever_take(options, key, ws, net);           key: arm and stage ESP_RNG_SHARED, see there
 *     parent ? esp_lever_load(net, parent, ws) : esp_lever_start(net);
 *     esp_lever_begin_segment(net);
 *     while (net->clock < end) esp_lever_run(net, segment, intervals, series, recording);
 *     scores = esp_lever_scores(net); esp_lever_save(net, record, ws); */
#ifndef ESPALIER_LEVER_H
#define ESPALIER_LEVER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "espalier/error.h"
#include "espalier/lever_task.h"
#include "espalier/rewiring.h"
#include "espalier/rng.h"
#include "espalier/spiking.h"
#include "espalier/workspace.h"

typedef struct {
  esp_spiking_options neurons;
  esp_rewiring_options synapses;
  esp_lever_task_options task;
  double snapshot_min; /* time between snapshots in minutes, a multiple of update_ms: 10          */
  int n_wait_bins;     /* waiting times are counted in units of it, longer ones in the last bin: 288 */
  int n_sampled;       /* synapses whose theta is kept at each snapshot: 2000                      */
} esp_lever_options;

/** Inputs, E and I. */
int esp_lever_n_cells(const esp_lever_options *options);

/** A network in a workspace. Read what you like; change it through the functions below only. */
typedef struct {
  esp_lever_options options;
  esp_rng_key key;
  esp_spiking neurons;
  esp_rewiring synapses;
  esp_lever_task task;
  double *cue_hazard, *background_hazard; /* of the inputs, padded                        */
  double *cue_hz;                         /* [n_in]                                       */
  double *signal;                         /* D in the steps of the interval               */
  int *last_seen, *spikes, *waits, *sampled;
  int32_t turnover[2];
  int32_t clock, segment_start;
} esp_lever_network;

/** Make a network in its state at time 0; the options are those of a config, which are checked. The workspace keeps it.
 *  @param key  seed and member; arm and stage should be ESP_RNG_SHARED: draws are told apart by the clock, so that all segments of
 *              a run continue one another, and arms with the same past have the same future until something differs
 *  @return ESP_OK, ESP_ERR_NOMEM, ESP_ERR_INTERNAL. */
esp_err esp_lever_take(const esp_lever_options *options, const esp_rng_key *key, esp_workspace *ws, esp_lever_network *net);

/** Time 0: theta drawn, everything at rest, counts 0. */
void esp_lever_start(esp_lever_network *net);

/** Counts from 0 again: spikes, trials, turnover, waits. Waits that are under way stay under way. */
void esp_lever_begin_segment(esp_lever_network *net);

/** How a part of the run is simulated. */
typedef struct {
  esp_rewiring_rule rule;
  bool switched;     /* the pools have changed roles   */
  bool rewarded;     /* false: r = 0, cues go on       */
} esp_lever_segment;

/** One row for each snapshot of a segment: arrays of the caller, each may be NULL. Set n to 0 at its beginning. */
typedef struct {
  int n, capacity;       /* rows filled, rows there are: more are dropped                                        */
  int32_t *n_functional; /* [capacity]                                                                           */
  int32_t *n_completed;  /* completed movements since the segment began [capacity]                               */
  int32_t *n_timed_out;  /* [capacity]                                                                           */
  double *completion_s;  /* sum of their times from cue to completion, s [capacity]                              */
  double *theta;         /* of the sampled synapses [capacity, n_sampled]                                        */
} esp_lever_series;

/** Every spike and every move of the lever for a while: arrays of the caller. Set n_steps, n_spikes and n_moves to 0 at
 *  its beginning. About 2,300 spikes a second at full size, most of them of inputs while the cue is on. */
typedef struct {
  int32_t steps;             /* how long, in steps of dt                                                    */
  int32_t n_steps;           /* recorded so far                                                             */
  int32_t n_spikes, spike_capacity; /* n_spikes may be larger: those that did not fit were dropped          */
  int32_t *spike_step;       /* step from the beginning of the recording [spike_capacity]                   */
  int32_t *spike_cell;       /* inputs, E, I in one numbering [spike_capacity]                              */
  int32_t n_moves, move_capacity;
  int32_t *move_step;        /* [move_capacity], every task.step_ms                                         */
  double *lever;             /* Hz [move_capacity]                                                          */
  uint8_t *phase;            /* esp_lever_phase after the move; red bars: REWARD, grey: DOWN, UP [move_capacity] */
} esp_lever_recording;

/** Simulate so many intervals. series and recording may be NULL.
 *  @return ESP_OK; ESP_ERR_ARG if consolidated synapses meet another rule than the exact one; ESP_ERR_DIVERGED if a parameter is not
 *          a number any more. */
esp_err esp_lever_run(esp_lever_network *net, const esp_lever_segment *segment, int32_t intervals, esp_lever_series *series,
                      esp_lever_recording *recording);

/** Let so many intervals pass without reward, spikes and trials (esp_rewiring_drift): the synapses drift, neurons and task wait. Waits
 *  that are under way are forgotten. @return ESP_OK or ESP_ERR_ARG. */
esp_err esp_lever_drift(esp_lever_network *net, int32_t intervals);

/** esp_rewiring_consolidate. */
void esp_lever_consolidate(esp_lever_network *net);

/* ---- measures of the segment so far ---- */

typedef struct {
  int32_t n_completed, n_timed_out;
  double mean_s;           /* from cue to completion, time-outs counted as timeout_s (Fig. 5C); NaN without trials */
  double input_hz, exc_hz, inh_hz; /* mean rates of the populations                                                */
  int32_t n_functional, n_synapses;
  int32_t appeared, disappeared;
} esp_lever_score;

esp_lever_score esp_lever_scores(const esp_lever_network *net);

/** mask[s] = 1 if synapse s is functional, 0 if not or past the last one [capacity]. */
void esp_lever_mask(const esp_lever_network *net, uint8_t *mask);

#endif
