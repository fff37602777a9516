/* espalier/lever_state.h - what is kept of a lever network (lever.h), so that a later part of its run can begin with it: the first
 * fields of a record, like every other field declared in a plan and stored by name. Pure, local.
 *
 * Everything counted since esp_lever_begin_segment belongs to it. Real numbers of synapses, most of a record, can be kept in single
 * precision: the run then goes on from rounded numbers. In double precision nothing is lost: stopping after any interval, saving,
 * loading into another network and going on gives the same bits as going on at once. */
#ifndef ESPALIER_LEVER_STATE_H
#define ESPALIER_LEVER_STATE_H
#include "espalier/lever.h"
#include "espalier/plan.h"

/** Axes of the state: the first of a plan, so that these are their indices in it. */
enum {
  ESP_LEVER_SYNAPSE, /* potential synapse; there is room for esp_rewiring_capacity of them */
  ESP_LEVER_INPUT,
  ESP_LEVER_NEURON,  /* E, then I       */
  ESP_LEVER_CELL,    /* inputs, E, I    */
  ESP_LEVER_INPUT_TRACE,
  ESP_LEVER_NEURON_TRACE,
  ESP_LEVER_POOL,
  ESP_LEVER_WINDOW,
  ESP_LEVER_TRIAL,
  ESP_LEVER_TASK_VALUE,
  ESP_LEVER_CHANGE,
  ESP_LEVER_WAIT,
  ESP_LEVER_N_AXES
};

/** Fields of the state: the first of a record. Those of synapses are NaN, -1 or 0 past the last one. */
enum {
  ESP_STATE_THETA,
  ESP_STATE_ELIGIBILITY,
  ESP_STATE_GRADIENT,
  ESP_STATE_PRIOR_MEAN,
  ESP_STATE_CONSOLIDATED,
  ESP_STATE_RETURNS,
  ESP_STATE_LAST_SEEN,
  ESP_STATE_INPUT,
  ESP_STATE_NEURON,
  ESP_STATE_INPUT_DRAWS,
  ESP_STATE_NEURON_DRAWS,
  ESP_STATE_REFRACTORY,
  ESP_STATE_TASK,
  ESP_STATE_TRIAL,
  ESP_STATE_WINDOW,
  ESP_STATE_CLOCK,
  ESP_STATE_SEGMENT_START,
  ESP_STATE_SPIKES,
  ESP_STATE_TURNOVER,
  ESP_STATE_WAITS,
  ESP_N_STATE
};

/** Append axes and fields to a plan that has none yet.
 *  @param real  type of the real numbers of synapses: ESP_F32 or ESP_F64 */
void esp_lever_declare_state(const esp_lever_options *options, esp_type real, esp_plan *plan);

/** Network to record and back. A negative theta never becomes 0 by rounding: that would make its synapse functional.
 *  @param ws  scratch, given back on return
 *  @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_lever_save(const esp_lever_network *net, const esp_record *record, esp_workspace *ws);
esp_err esp_lever_load(esp_lever_network *net, const esp_record *record, esp_workspace *ws);

/** theta in single precision, rounded as in a record. */
float esp_lever_single_theta(double theta);

#endif
