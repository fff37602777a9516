/* experiment/lever_state.c - one list of axes, one of fields, and the two functions that go through it.
 *
 * Neurons and most counts are copied to and from the record as they lie there. Synapses go through an array of one entry each, for the
 * network has them in another order (rewiring.c) and in double precision. What follows from the rest (weights, priors' rates, the
 * reward signal) is not kept but computed again where it is loaded. */
#include "espalier/lever_state.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum { LEVER, REWARD_MEAN }; /* ESP_STATE_TASK */

static esp_axis axis_of(const esp_lever_options *o, int axis)
{
  const int n_in = o->neurons.n_in, n_neurons = o->neurons.n_exc + o->neurons.n_inh;
  const esp_axis axes[ESP_LEVER_N_AXES] = {
      [ESP_LEVER_SYNAPSE] = {"synapse", esp_rewiring_capacity(&o->synapses, &o->neurons), "1",
                             "potential synapse, by sender (inputs, then E), receiver, copy; those past n_synapses do not exist "
                             "(NaN, -1)", NULL},
      [ESP_LEVER_INPUT] = {"input", n_in, "1", "input", NULL},
      [ESP_LEVER_NEURON] = {"neuron", n_neurons, "1", "neuron: E (those with input, pool U, pool D, the rest), then I", NULL},
      [ESP_LEVER_CELL] = {"cell", esp_lever_n_cells(o), "1", "cell: inputs, E (those with input, pool U, pool D, the rest), I", NULL},
      [ESP_LEVER_INPUT_TRACE] = {"input_trace", ESP_SPIKING_INPUT_ARRAYS, "1",
                                 "slow part and fast part of the trace; what is left until the next spike", NULL},
      [ESP_LEVER_NEURON_TRACE] = {"neuron_trace", ESP_SPIKING_NEURON_ARRAYS, "1",
                                  "slow and fast part of excitation, of inhibition; threshold; what is left until the next spike; slow "
                                  "and fast part of the trace", NULL},
      [ESP_LEVER_POOL] = {"pool", 2, "1", "pool: U, D", NULL},
      [ESP_LEVER_WINDOW] = {"window_step", esp_lever_window_steps(&o->task, o->neurons.dt_ms), "1",
                            "step of the window in which a pool's spikes count, as a ring", NULL},
      [ESP_LEVER_TRIAL] = {"trial_number", ESP_LEVER_TRIAL_INTS, "1",
                           "phase, its steps, steps since the cue, trial, entry of the window, spikes of U and D in it, steps to the "
                           "next move, completed, timed out, steps to completion", NULL},
      [ESP_LEVER_TASK_VALUE] = {"task_value", 2, "1", "position of the lever in Hz, mean reward", NULL},
      [ESP_LEVER_CHANGE] = {"change", 2, "1", "appeared, disappeared", NULL},
      [ESP_LEVER_WAIT] = {"wait", o->n_wait_bins, "1", "waiting time in snapshots; the last one and longer", NULL},
  };
  return axes[axis];
}

void esp_lever_declare_state(const esp_lever_options *options, esp_type real, esp_plan *plan)
{
  const esp_field fields[ESP_N_STATE] = {
      [ESP_STATE_THETA] = {"theta", real, 1, {ESP_LEVER_SYNAPSE}, "1", "synaptic parameter; functional if not negative", false},
      [ESP_STATE_ELIGIBILITY] = {"eligibility", real, 1, {ESP_LEVER_SYNAPSE}, "1", "eligibility trace of each synapse", false},
      [ESP_STATE_GRADIENT] = {"gradient", real, 1, {ESP_LEVER_SYNAPSE}, "1", "estimated reward gradient, summed per step", false},
      [ESP_STATE_PRIOR_MEAN] = {"prior_mean", real, 1, {ESP_LEVER_SYNAPSE}, "1", "prior mean of consolidated synapses", false},
      [ESP_STATE_CONSOLIDATED] = {"consolidated", ESP_U8, 1, {ESP_LEVER_SYNAPSE}, "1", "1: the synapse is consolidated", false},
      [ESP_STATE_RETURNS] = {"returns", ESP_I32, 1, {ESP_LEVER_SYNAPSE}, "1",
                             "waiting rule: interval at whose end the synapse comes back; -1: none", false},
      [ESP_STATE_LAST_SEEN] = {"last_seen", ESP_I32, 1, {ESP_LEVER_SYNAPSE}, "1",
                               "last snapshot at which the synapse was functional; -1: none", false},
      [ESP_STATE_INPUT] = {"input", ESP_F64, 2, {ESP_LEVER_INPUT_TRACE, ESP_LEVER_INPUT}, "1", "traces and hazard of each input", false},
      [ESP_STATE_NEURON] = {"neuron", ESP_F64, 2, {ESP_LEVER_NEURON_TRACE, ESP_LEVER_NEURON}, "1",
                            "membrane, homeostasis, hazard and traces of each neuron", false},
      [ESP_STATE_INPUT_DRAWS] = {"input_draws", ESP_I32, 1, {ESP_LEVER_INPUT}, "1", "random numbers used by each input", false},
      [ESP_STATE_NEURON_DRAWS] = {"neuron_draws", ESP_I32, 1, {ESP_LEVER_NEURON}, "1", "random numbers used by each neuron", false},
      [ESP_STATE_REFRACTORY] = {"refractory", ESP_I32, 1, {ESP_LEVER_NEURON}, "1", "steps for which the neuron is refractory", false},
      [ESP_STATE_TASK] = {"task", ESP_F64, 1, {ESP_LEVER_TASK_VALUE}, "1", "position of the lever in Hz, mean reward", false},
      [ESP_STATE_TRIAL] = {"trial", ESP_I32, 1, {ESP_LEVER_TRIAL}, "1", "phase, times and counts of the trials", false},
      [ESP_STATE_WINDOW] = {"window", ESP_I32, 2, {ESP_LEVER_POOL, ESP_LEVER_WINDOW}, "1", "spikes of the pools in the last steps", false},
      [ESP_STATE_CLOCK] = {"clock", ESP_I32, 0, {0}, "1", "update intervals since the start", false},
      [ESP_STATE_SEGMENT_START] = {"segment_start", ESP_I32, 0, {0}, "1", "clock at the beginning of the segment", false},
      [ESP_STATE_SPIKES] = {"spikes", ESP_I32, 1, {ESP_LEVER_CELL}, "1", "spikes of each cell in the segment", false},
      [ESP_STATE_TURNOVER] = {"turnover", ESP_I32, 1, {ESP_LEVER_CHANGE}, "1",
                              "synapses that appeared and that disappeared in the segment, every crossing of 0", false},
      [ESP_STATE_WAITS] = {"waits", ESP_I32, 1, {ESP_LEVER_WAIT}, "1",
                           "histogram of the segment's waiting times, from the last snapshot with the synapse to the next, in snapshots",
                           false},
  };
  assert(plan->n_axes == 0 && plan->record.n_fields == 0);
  for (int a = 0; a < ESP_LEVER_N_AXES; a++) {
    const esp_axis axis = axis_of(options, a);
    esp_plan_add_axis(plan, axis.name, axis.length, axis.unit, axis.long_name, NULL);
  }
  for (int f = 0; f < ESP_N_STATE; f++)
    esp_layout_add(plan, &plan->record, fields[f]);
}

/* ---- synapses ---- */

float esp_lever_single_theta(double theta)
{
  const float rounded = (float)theta;
  return theta < 0 && !(rounded < 0) ? -FLT_MIN : rounded;
}

static void put_synapse(const esp_record *record, int i, const esp_synapse_state *s)
{
  const double reals[] = {s->theta, s->e, s->g, s->prior_mean};
  for (int f = ESP_STATE_THETA; f <= ESP_STATE_PRIOR_MEAN; f++)
    if (record->layout->field[f].type == ESP_F32)
      esp_record_f32(record, f)[i] = f == ESP_STATE_THETA ? esp_lever_single_theta(s->theta) : (float)reals[f];
    else
      esp_record_f64(record, f)[i] = reals[f];
  esp_record_u8(record, ESP_STATE_CONSOLIDATED)[i] = s->consolidated;
  esp_record_i32(record, ESP_STATE_RETURNS)[i] = s->returns;
}

static double real_of(const esp_record *record, int field, int i)
{
  return esp_element(record->layout->field[field].type, record->data + record->layout->offset[field], i);
}

static esp_synapse_state synapse_in(const esp_record *record, int i)
{
  return (esp_synapse_state){.theta = real_of(record, ESP_STATE_THETA, i),
                             .e = real_of(record, ESP_STATE_ELIGIBILITY, i),
                             .g = real_of(record, ESP_STATE_GRADIENT, i),
                             .prior_mean = real_of(record, ESP_STATE_PRIOR_MEAN, i),
                             .returns = esp_record_i32(record, ESP_STATE_RETURNS)[i],
                             .consolidated = esp_record_u8(record, ESP_STATE_CONSOLIDATED)[i]};
}

static esp_err take_synapses(const esp_lever_network *net, esp_workspace *ws, esp_synapse_state **synapse)
{
  unsigned char *bytes;
  ESP_TRY(esp_workspace_take_bytes(ws, (size_t)net->synapses.n * sizeof **synapse, &bytes));
  *synapse = (esp_synapse_state *)(void *)bytes;
  return ESP_OK;
}

/* ---- everything ---- */

static esp_spiking_state spiking_part(const esp_record *record)
{
  return (esp_spiking_state){.input = esp_record_f64(record, ESP_STATE_INPUT),
                             .neuron = esp_record_f64(record, ESP_STATE_NEURON),
                             .input_draws = esp_record_i32(record, ESP_STATE_INPUT_DRAWS),
                             .neuron_draws = esp_record_i32(record, ESP_STATE_NEURON_DRAWS),
                             .refractory = esp_record_i32(record, ESP_STATE_REFRACTORY)};
}

static void put_ints(const esp_record *record, int field, const int32_t *from)
{
  memcpy(esp_record_i32(record, field), from, record->layout->count[field] * sizeof *from);
}

static void get_ints(const esp_record *record, int field, int32_t *to)
{
  memcpy(to, esp_record_i32(record, field), record->layout->count[field] * sizeof *to);
}

esp_err esp_lever_save(const esp_lever_network *net, const esp_record *record, esp_workspace *ws)
{
  static const esp_synapse_state nobody = {.theta = NAN, .e = NAN, .g = NAN, .prior_mean = NAN, .returns = -1};
  const esp_spiking_state neurons = spiking_part(record);
  const int n = net->synapses.n, capacity = (int)record->layout->count[ESP_STATE_THETA];
  const size_t mark = ws->used;
  esp_synapse_state *synapse;
  ESP_TRY(take_synapses(net, ws, &synapse));
  esp_rewiring_save(&net->synapses, synapse);
  for (int i = 0; i < capacity; i++) {
    put_synapse(record, i, i < n ? &synapse[i] : &nobody);
    esp_record_i32(record, ESP_STATE_LAST_SEEN)[i] = i < n ? net->last_seen[i] : -1;
  }
  ws->used = mark;
  esp_spiking_save(&net->neurons, &neurons);
  esp_record_f64(record, ESP_STATE_TASK)[LEVER] = net->task.lever;
  esp_record_f64(record, ESP_STATE_TASK)[REWARD_MEAN] = net->task.reward_mean;
  memcpy(esp_record_i32(record, ESP_STATE_TRIAL), &net->task.trial, sizeof net->task.trial);
  put_ints(record, ESP_STATE_WINDOW, net->task.window);
  put_ints(record, ESP_STATE_CLOCK, &net->clock);
  put_ints(record, ESP_STATE_SEGMENT_START, &net->segment_start);
  put_ints(record, ESP_STATE_SPIKES, net->spikes);
  put_ints(record, ESP_STATE_TURNOVER, net->turnover);
  put_ints(record, ESP_STATE_WAITS, net->waits);
  return ESP_OK;
}

esp_err esp_lever_load(esp_lever_network *net, const esp_record *record, esp_workspace *ws)
{
  const esp_spiking_state neurons = spiking_part(record);
  const size_t mark = ws->used;
  esp_synapse_state *synapse;
  ESP_TRY(take_synapses(net, ws, &synapse));
  for (int i = 0; i < net->synapses.n; i++) {
    synapse[i] = synapse_in(record, i);
    net->last_seen[i] = esp_record_i32(record, ESP_STATE_LAST_SEEN)[i];
  }
  esp_spiking_load(&net->neurons, &neurons);
  esp_rewiring_load(&net->synapses, synapse, &net->neurons);
  ws->used = mark;
  net->task.lever = esp_record_f64(record, ESP_STATE_TASK)[LEVER];
  net->task.reward_mean = esp_record_f64(record, ESP_STATE_TASK)[REWARD_MEAN];
  memcpy(&net->task.trial, esp_record_i32(record, ESP_STATE_TRIAL), sizeof net->task.trial);
  get_ints(record, ESP_STATE_WINDOW, net->task.window);
  get_ints(record, ESP_STATE_CLOCK, &net->clock);
  get_ints(record, ESP_STATE_SEGMENT_START, &net->segment_start);
  get_ints(record, ESP_STATE_SPIKES, net->spikes);
  get_ints(record, ESP_STATE_TURNOVER, net->turnover);
  get_ints(record, ESP_STATE_WAITS, net->waits);
  return ESP_OK;
}
