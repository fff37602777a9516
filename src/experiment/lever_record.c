/* experiment/lever_record.c - which fields a record of the lever experiment has beyond the state, and how long what they hold is.
 *
 * All lengths are those of the longest stage; what a shorter one does not fill stays NaN or -1. Times of the config are in hours, minutes
 * and ms: they become whole numbers of stages, updates and steps only here, rounded, since 0.1 is no binary fraction. */
#include "lever_record.h"

#include <math.h>

esp_lever_options esp_lever_options_of(const esp_config *config)
{
  return (esp_lever_options){.neurons = config->neurons,
                             .synapses = config->synapses,
                             .task = config->trials,
                             .snapshot_min = config->lever.snapshot_min,
                             .n_wait_bins = config->lever.n_wait_bins,
                             .n_sampled = config->lever.n_sampled};
}

/* ---- times ---- */

esp_lever_timetable esp_lever_timetable_of(const esp_config *config)
{
  const double segment_hours = config->lever.segment_min / 60, step = config->lever.unrewarded_step_hours;
  esp_lever_timetable t = {.n_before = (int)lround(config->lever.switch_hour / segment_hours),
                           .n_learning = (int)lround(config->lever.hours / segment_hours),
                           .n_unrewarded = (int)lround(config->lever.unrewarded_hours / step),
                           .consolidated_from = -1};
  if (t.n_unrewarded > 0 && config->lever.consolidation_hour > 0)
    t.consolidated_from = t.n_learning + (int)lround((config->lever.consolidation_hour - config->lever.switch_hour) / step);
  return t;
}

double esp_lever_hour_at_end(const esp_config *config, int stage)
{
  const esp_lever_timetable t = esp_lever_timetable_of(config);
  return stage < t.n_learning ? (stage + 1) * config->lever.segment_min / 60
                              : config->lever.switch_hour + (stage - t.n_learning + 1) * config->lever.unrewarded_step_hours;
}

int32_t esp_lever_intervals(const esp_config *config, double minutes)
{
  return (int32_t)lround(minutes * 60000 / config->synapses.update_ms);
}

double esp_lever_simulated_min(const esp_config *config, int stage)
{
  return stage < esp_lever_timetable_of(config).n_learning ? config->lever.segment_min : config->lever.unrewarded_trials_min;
}

static double longest_min(const esp_config *config)
{
  return config->lever.unrewarded_hours > 0 ? fmax(config->lever.segment_min, config->lever.unrewarded_trials_min)
                                            : config->lever.segment_min;
}

int esp_lever_n_snapshots(const esp_config *config)
{
  return (int)lround(longest_min(config) / config->lever.snapshot_min);
}

int32_t esp_lever_steps(const esp_config *config, double ms)
{
  return (int32_t)lround(ms / config->neurons.dt_ms);
}

/* ---- fields ---- */

/* Spikes that a recording has room for: 16 a second of each input, 12 of each neuron. Cues have 10 Hz, neurons 5 in the mean. */
int esp_lever_spike_room(const esp_config *config, double seconds)
{
  return (int)ceil(seconds * (16.0 * config->neurons.n_in + 12.0 * (config->neurons.n_exc + config->neurons.n_inh)));
}

int esp_lever_n_moves(const esp_config *config, double ms)
{
  return (int)ceil(ms / config->trials.step_ms);
}

int esp_lever_movement_length(const esp_config *config)
{
  return (int)lround((config->lever.movement_before_ms + config->lever.movement_after_ms) / config->trials.step_ms);
}

void esp_lever_declare_record(const esp_config *config, esp_plan *plan)
{
  const esp_lever_options options = esp_lever_options_of(config);
  esp_lever_declare_state(&options, ESP_F32, plan);
  const int snapshot = esp_plan_add_axis(plan, "snapshot", esp_lever_n_snapshots(config), "1",
                                         "snapshot of the stage; stages without reward have fewer (NaN, -1)", NULL);
  const int sampled = esp_plan_add_axis(plan, "sampled", config->lever.n_sampled, "1", "draw of a synapse that is followed", NULL);
  const int spike = esp_plan_add_axis(plan, "spike", esp_lever_spike_room(config, config->lever.recording_s), "1",
                                      "spike in the recording, in order; past n_spikes there are none (-1)", NULL);
  const int move = esp_plan_add_axis(plan, "move", esp_lever_n_moves(config, 1000 * config->lever.recording_s), "1",
                                     "move of the lever in the recording", NULL);
  const int trace = esp_plan_add_axis(plan, "trace", LEVER_MAX_TRACES, "1", "one of the first movements", NULL);
  const int time = esp_plan_add_scale(plan, "movement_time", esp_lever_movement_length(config), "ms",
                                      "time from the onset of the movement to the beginning of the bin",
                                      -config->lever.movement_before_ms, config->trials.step_ms);
  const esp_field fields[LEVER_N_FIELDS] = {
      [LEVER_N_COMPLETED] = {"n_completed", ESP_I32, 0, {0}, "1", "movements completed in the stage", false},
      [LEVER_N_TIMED_OUT] = {"n_timed_out", ESP_I32, 0, {0}, "1", "trials of the stage that took too long", false},
      [LEVER_COMPLETION_TIME] = {"completion_time", ESP_F64, 0, {0}, "s",
                                 "mean time from cue to completed movement, trials that took too long counted as "
                                 "trials.timeout_s; NaN: no trial ended (Fig. 5C)", true},
      [LEVER_INPUT_RATE] = {"input_rate", ESP_F64, 0, {0}, "Hz", "mean rate of the inputs", false},
      [LEVER_EXC_RATE] = {"exc_rate", ESP_F64, 0, {0}, "Hz", "mean rate of the excitatory neurons", false},
      [LEVER_INH_RATE] = {"inh_rate", ESP_F64, 0, {0}, "Hz", "mean rate of the inhibitory neurons", false},
      [LEVER_N_FUNCTIONAL] = {"n_functional", ESP_I32, 0, {0}, "1", "functional synapses at the end of the stage", true},
      [LEVER_N_SYNAPSES] = {"n_synapses", ESP_I32, 0, {0}, "1", "potential synapses that exist in this run", false},
      [LEVER_CUE_RATE] = {"cue_rate", ESP_F64, 1, {ESP_LEVER_INPUT}, "Hz", "rate of each input while the cue is on", false},
      [LEVER_SNAPSHOT_HOUR] = {"snapshot_hour", ESP_F64, 1, {snapshot}, "h",
                               "simulated time of each snapshot from the start of learning", false},
      [LEVER_SNAPSHOT_FUNCTIONAL] = {"snapshot_functional", ESP_I32, 1, {snapshot}, "1", "functional synapses at each snapshot", false},
      [LEVER_SNAPSHOT_COMPLETED] = {"snapshot_completed", ESP_I32, 1, {snapshot}, "1",
                                    "movements completed from the beginning of the stage to each snapshot", false},
      [LEVER_SNAPSHOT_TIMED_OUT] = {"snapshot_timed_out", ESP_I32, 1, {snapshot}, "1",
                                    "trials that took too long from the beginning of the stage to each snapshot", false},
      [LEVER_SNAPSHOT_COMPLETION_TIME] = {"snapshot_completion_time", ESP_F64, 1, {snapshot}, "s",
                                          "sum of the completed movements' times from the beginning of the stage to each "
                                          "snapshot", false},
      [LEVER_SAMPLED_SYNAPSE] = {"sampled_synapse", ESP_I32, 1, {sampled}, "1",
                                 "which synapse is followed, counted from 0; one may come twice", false},
      [LEVER_SAMPLED_THETA] = {"sampled_theta", ESP_F32, 2, {snapshot, sampled}, "1", "its synaptic parameter at each snapshot", false},
      [LEVER_N_SPIKES] = {"n_spikes", ESP_I32, 0, {0}, "1",
                          "spikes in the first lever.recording_s; as many as there is room for are kept", false},
      [LEVER_SPIKE_STEP] = {"spike_step", ESP_I32, 1, {spike}, "1", "step of neurons.dt_ms since the stage's trials began", false},
      [LEVER_SPIKE_CELL] = {"spike_cell", ESP_I32, 1, {spike}, "1", "which cell fired: inputs, E, I, counted from 0", false},
      [LEVER_MOVE_STEP] = {"move_step", ESP_I32, 1, {move}, "1", "step of neurons.dt_ms since the stage's trials began", false},
      [LEVER_POSITION] = {"lever", ESP_F32, 1, {move}, "Hz", "position of the lever after the move", false},
      [LEVER_PHASE] = {"phase", ESP_U8, 1, {move}, "1", "what goes on after the move: 0 pause, 1 cue, down, 2 cue, up, 3 reward", false},
      [LEVER_N_MOVEMENTS] = {"n_movements", ESP_I32, 0, {0}, "1",
                             "movements in the first lever.movement_s that are averaged (Fig. 5D); -1: too many spikes to "
                             "keep", false},
      [LEVER_MOVEMENT_RATE] = {"movement_rate", ESP_F32, 2, {ESP_LEVER_CELL, time}, "Hz",
                               "mean rate around the onset of movements, not smoothed", false},
      [LEVER_MOVEMENT_LEVER] = {"movement_lever", ESP_F32, 1, {time}, "Hz",
                                "mean position of the lever around the onset of movements", false},
      [LEVER_MOVEMENT_TRACE] = {"movement_trace", ESP_F32, 2, {trace, time}, "Hz", "position of the lever in the first movements", false},
  };
  for (int m = ESP_N_STATE; m < LEVER_N_FIELDS; m++)
    esp_layout_add(plan, &plan->record, fields[m]);
}
