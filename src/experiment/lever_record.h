/* experiment/lever_record.h - what lever.c (stages), lever_record.c (fields) and lever_verify.c (what must hold in them) share. */
#ifndef ESPALIER_EXPERIMENT_LEVER_RECORD_H
#define ESPALIER_EXPERIMENT_LEVER_RECORD_H
#include "espalier/experiment.h"
#include "espalier/lever_experiment.h"

enum { LEVER_MAX_TRACES = 10 }; /* single movements kept beside their mean */

/** Fields of a record behind those of the state (espalier/lever_state.h): the measures. */
enum {
  LEVER_N_COMPLETED = ESP_N_STATE,
  LEVER_N_TIMED_OUT,
  LEVER_COMPLETION_TIME,
  LEVER_INPUT_RATE,
  LEVER_EXC_RATE,
  LEVER_INH_RATE,
  LEVER_N_FUNCTIONAL,
  LEVER_N_SYNAPSES,
  LEVER_CUE_RATE,
  LEVER_SNAPSHOT_HOUR,
  LEVER_SNAPSHOT_FUNCTIONAL,
  LEVER_SNAPSHOT_COMPLETED,
  LEVER_SNAPSHOT_TIMED_OUT,
  LEVER_SNAPSHOT_COMPLETION_TIME,
  LEVER_SAMPLED_SYNAPSE,
  LEVER_SAMPLED_THETA,
  LEVER_N_SPIKES,
  LEVER_SPIKE_STEP,
  LEVER_SPIKE_CELL,
  LEVER_MOVE_STEP,
  LEVER_POSITION,
  LEVER_PHASE,
  LEVER_N_MOVEMENTS,
  LEVER_MOVEMENT_RATE,
  LEVER_MOVEMENT_LEVER,
  LEVER_MOVEMENT_TRACE,
  LEVER_N_FIELDS
};

/** Append axes and fields of a record. */
void esp_lever_declare_record(const esp_config *config, esp_plan *plan);

/* ---- times; the config is checked: all of these are whole ---- */

/** Minutes of spikes and trials in a stage. */
double esp_lever_simulated_min(const esp_config *config, int stage);

/** Updates, and steps of dt, in a time. */
int32_t esp_lever_intervals(const esp_config *config, double minutes);
int32_t esp_lever_steps(const esp_config *config, double ms);

/* ---- how much there is room for ---- */

/** Most snapshots of a stage. */
int esp_lever_n_snapshots(const esp_config *config);

/** Spikes of a recording. */
int esp_lever_spike_room(const esp_config *config, double seconds);

/** Moves of the lever in a time. */
int esp_lever_n_moves(const esp_config *config, double ms);

/** The experiment's verify(). */
esp_err esp_lever_verify(const esp_config *config, const esp_plan *plan, esp_cell cell, const esp_record *record,
                         const esp_record *parent);

#endif
