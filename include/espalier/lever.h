/* espalier/lever.h - a network that learns to move a lever and rewires itself while it does (Kappel et al. 2018, Fig. 5): neurons
 * (spiking.h), synapses (rewiring.h) and task (lever_task.h) as one simulation. Pure, local, prints nothing, allocates nothing.
 *
 * Time goes in intervals of synapses.update_ms (100 ms); clock counts them. A later part of a run is a function of (options, seed,
 * member, state, segment): the state is a handful of plain arrays, listed by name in esp_lever_fields so that they can be declared,
 * saved and loaded in a loop. Stopping after any interval, saving, loading into another network and going on gives the same bits. What
 * the seed fixes (connections, static weights, cue, which synapses are sampled) is not saved but drawn again by esp_lever_take.
 *
 * Everything counted since esp_lever_begin_segment is part of the state, so that a segment can be interrupted, too.
 *
 * Excitatory neurons: the first n_receiving get input, then n_pool of U, n_pool of D, then the rest.
 *
 * A typical stage:
 *     esp_lever_take(options, key, ws, net);           key: arm and stage ESP_RNG_SHARED, see there
 *     parent ? esp_lever_load(net, state of the parent) : esp_lever_start(net);
 *     esp_lever_begin_segment(net);                    not when it goes on from a checkpoint: load that instead
 *     while (net->clock < end) { esp_lever_run(net, segment, intervals, series, NULL); checkpoint: esp_lever_save(net, state); }
 *     scores = esp_lever_scores(net); esp_lever_mask(net, mask); esp_lever_save(net, state); */
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

/* ---- state ---- */

typedef enum { ESP_LEVER_F64, ESP_LEVER_I32, ESP_LEVER_U8 } esp_lever_type;

typedef enum {
  ESP_LEVER_SYNAPSE,     /* potential synapse; padded to esp_rewiring_capacity              */
  ESP_LEVER_INPUT,       /* input                                                           */
  ESP_LEVER_NEURON,      /* E, then I                                                       */
  ESP_LEVER_CELL,        /* inputs, E, I                                                    */
  ESP_LEVER_INPUT_TRACE, /* 3, see esp_spiking_state                                        */
  ESP_LEVER_NEURON_TRACE,/* 8                                                               */
  ESP_LEVER_POOL,        /* 2: U, D                                                         */
  ESP_LEVER_WINDOW,      /* step of the lever's window                                      */
  ESP_LEVER_TRIAL,       /* see esp_lever_trial                                             */
  ESP_LEVER_TASK_VALUE,  /* 2: lever, mean reward                                           */
  ESP_LEVER_CHANGE,      /* 2: appeared, disappeared                                        */
  ESP_LEVER_WAIT,        /* length of a wait in snapshots, from 1                           */
  ESP_LEVER_ONE,         /* 1                                                               */
  ESP_LEVER_NO_AXIS
} esp_lever_axis;

#define ESP_LEVER_STATE(X) /* name, C type, type, axes slow to fast, unit, sentence */                                          \
  X(theta, double, ESP_LEVER_F64, ESP_LEVER_SYNAPSE, ESP_LEVER_NO_AXIS, "1", "synaptic parameter; functional if not negative")  \
  X(eligibility, double, ESP_LEVER_F64, ESP_LEVER_SYNAPSE, ESP_LEVER_NO_AXIS, "1", "eligibility trace of each synapse")         \
  X(gradient, double, ESP_LEVER_F64, ESP_LEVER_SYNAPSE, ESP_LEVER_NO_AXIS, "1", "estimated reward gradient, summed per step")   \
  X(prior_mean, double, ESP_LEVER_F64, ESP_LEVER_SYNAPSE, ESP_LEVER_NO_AXIS, "1", "prior mean of consolidated synapses")        \
  X(consolidated, uint8_t, ESP_LEVER_U8, ESP_LEVER_SYNAPSE, ESP_LEVER_NO_AXIS, "1", "1: the synapse is consolidated")           \
  X(returns, int32_t, ESP_LEVER_I32, ESP_LEVER_SYNAPSE, ESP_LEVER_NO_AXIS, "1",                                                 \
    "waiting rule: interval at whose end the synapse comes back; -1: none")                                                     \
  X(last_seen, int32_t, ESP_LEVER_I32, ESP_LEVER_SYNAPSE, ESP_LEVER_NO_AXIS, "1",                                               \
    "last snapshot at which the synapse was functional; -1: none")                                                              \
  X(input, double, ESP_LEVER_F64, ESP_LEVER_INPUT_TRACE, ESP_LEVER_INPUT, "1", "traces and hazard of each input")               \
  X(neuron, double, ESP_LEVER_F64, ESP_LEVER_NEURON_TRACE, ESP_LEVER_NEURON, "1",                                               \
    "membrane, homeostasis, hazard and traces of each neuron")                                                                  \
  X(input_draws, int32_t, ESP_LEVER_I32, ESP_LEVER_INPUT, ESP_LEVER_NO_AXIS, "1", "random numbers used by each input")          \
  X(neuron_draws, int32_t, ESP_LEVER_I32, ESP_LEVER_NEURON, ESP_LEVER_NO_AXIS, "1", "random numbers used by each neuron")       \
  X(refractory, int32_t, ESP_LEVER_I32, ESP_LEVER_NEURON, ESP_LEVER_NO_AXIS, "1", "steps for which the neuron is refractory")   \
  X(task, double, ESP_LEVER_F64, ESP_LEVER_TASK_VALUE, ESP_LEVER_NO_AXIS, "1", "position of the lever in Hz, mean reward")      \
  X(trial, int32_t, ESP_LEVER_I32, ESP_LEVER_TRIAL, ESP_LEVER_NO_AXIS, "1", "phase, times and counts of the trials")            \
  X(window, int32_t, ESP_LEVER_I32, ESP_LEVER_POOL, ESP_LEVER_WINDOW, "1", "spikes of the pools in the last steps")             \
  X(clock, int32_t, ESP_LEVER_I32, ESP_LEVER_ONE, ESP_LEVER_NO_AXIS, "1", "update intervals since the start")                   \
  X(segment_start, int32_t, ESP_LEVER_I32, ESP_LEVER_ONE, ESP_LEVER_NO_AXIS, "1", "clock at the beginning of the segment")      \
  X(spikes, int32_t, ESP_LEVER_I32, ESP_LEVER_CELL, ESP_LEVER_NO_AXIS, "1", "spikes of each cell in the segment")               \
  X(turnover, int32_t, ESP_LEVER_I32, ESP_LEVER_CHANGE, ESP_LEVER_NO_AXIS, "1",                                                 \
    "synapses that appeared and that disappeared in the segment, every crossing of 0")                                          \
  X(waits, int32_t, ESP_LEVER_I32, ESP_LEVER_WAIT, ESP_LEVER_NO_AXIS, "1",                                                      \
    "histogram of the segment's waiting times, from the last snapshot with the synapse to the next, in snapshots")

/** Arrays of the caller; aligned for their type. */
typedef struct {
#define X(name, ctype, type, slow, fast, unit, sentence) ctype *name;
  ESP_LEVER_STATE(X)
#undef X
} esp_lever_state;

typedef struct {
  const char *name;
  esp_lever_type type;
  esp_lever_axis axis[2]; /* slow to fast; the second may be ESP_LEVER_NO_AXIS */
  const char *unit, *long_name;
  size_t offset;          /* of the pointer in esp_lever_state                 */
} esp_lever_field;

int esp_lever_n_fields(void);
const esp_lever_field *esp_lever_field_of(int i);

/** Where field i of a state points to; to be set by the caller. */
void **esp_lever_pointer(esp_lever_state *state, int i);

int esp_lever_axis_length(const esp_lever_options *options, esp_lever_axis axis);

/** Number of elements of field i. */
size_t esp_lever_field_count(const esp_lever_options *options, int i);

/* ---- the simulation ---- */

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

void esp_lever_load(esp_lever_network *net, const esp_lever_state *state);
void esp_lever_save(const esp_lever_network *net, const esp_lever_state *state);

/** Counts from 0 again: spikes, trials, turnover, waits. Waits that are under way stay under way. */
void esp_lever_begin_segment(esp_lever_network *net);

/** How a part of the run is simulated. */
typedef struct {
  esp_rewiring_rule rule;
  bool switched;     /* the pools have changed roles   */
  bool rewarded;     /* false: r = 0, cues go on       */
} esp_lever_segment;

/** One row for each snapshot of a segment: arrays of the caller, each may be NULL. Set n to 0 at its beginning; to go on from a
 *  checkpoint, give back n and the rows. */
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

/** Averages over movements of a recording (Fig. 5D), aligned to movement onset: the last move before the lever crossed -threshold
 *  after which it stayed below -5 % of the threshold, or cue onset if that is later. Movements that do not lie in the
 *  recording from before to after the onset are left out.
 *  @param before, after  steps of dt; a multiple of bin_steps
 *  @param[out] rate   Hz, not smoothed [cell, (before + after) / bin_steps]
 *  @param[out] lever  mean lever [n_moves], n_moves = (before + after) / steps of a move; the move at or after each time
 *  @param[out] trace  levers of the first max_traces movements [max_traces, n_moves], NaN where there are fewer; may be NULL
 *  @return number of movements averaged; with none, rate and lever are NaN. */
int esp_lever_align(const esp_lever_options *options, const esp_lever_recording *recording, int before, int after, int bin_steps,
                    double *rate, double *lever, int max_traces, double *trace);

#endif
