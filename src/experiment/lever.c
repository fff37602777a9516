/* experiment/lever.c - a spiking network that rewires itself while it learns to move a lever (Kappel et al. 2018, Fig. 5).
 *
 * A run is a member. Its stages are stretches of simulated time, each named by the hour at which it ends: hours of learning with
 * reward, then time without. The arms are ways to live through them, and nothing is simulated twice:
 *
 *   plastic       synapses come and go by the exact rule; at switch_hour the pools exchange their roles
 *   approximate   the same with waiting times instead of diffusion below 0
 *   fixed         from switch_hour on: plastic's network, in which no synapse comes or goes any more
 *   forgetting    from switch_hour on: plastic's network, no reward, the pools keep their roles
 *   consolidated  from consolidation_hour on: forgetting's network, its synapses consolidated
 *
 * The state goes from stage to stage in single precision where it is large; it is rounded at the end of each stage, whatever comes
 * next. A stage takes seconds, so a stop abandons it and nothing is kept of it. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "espalier/movements.h"
#include "experiments.h"
#include "lever_record.h"

enum { ASK_EVERY_MS = 10000 }; /* simulated time between questions whether to stop: a fraction of a second */

/* ---- the table of stages ---- */

/* "hour_007", "hour_007.5" */
static void name_stage(const char *what, double hour, esp_stage *stage)
{
  char number[16];
  snprintf(number, sizeof number, "%07.3f", hour);
  for (char *c = number + strlen(number) - 1; *c == '0' && c > number + 2; c--)
    *c = '\0';
  if (number[strlen(number) - 1] == '.')
    number[strlen(number) - 1] = '\0';
  snprintf(stage->name, sizeof stage->name, "%s_%s", what, number);
}

static void declare_learning(const esp_config *config, const esp_lever_timetable *t, int s, esp_stage *stage)
{
  const bool switched = s >= t->n_before;
  name_stage("hour", esp_lever_hour_at_end(config, s), stage);
  stage->long_name = switched ? "learning, the pools exchanged; the name is the simulated hour at which the stage ends"
                              : "learning; the name is the simulated hour at which the stage ends";
  for (int arm = ESP_LEVER_ARM_PLASTIC; arm <= ESP_LEVER_ARM_FIXED; arm++) {
    stage->absent[arm] = (arm == ESP_LEVER_ARM_FIXED && !switched) || (arm == ESP_LEVER_ARM_APPROXIMATE && config->synapses.waiting_h == 0);
    if (s > 0)
      stage->parent[arm] = (esp_parent){arm == ESP_LEVER_ARM_FIXED && s == t->n_before ? ESP_LEVER_ARM_PLASTIC : arm, s - 1};
  }
  stage->absent[ESP_LEVER_ARM_FORGETTING] = stage->absent[ESP_LEVER_ARM_CONSOLIDATED] = true;
}

static void declare_unrewarded(const esp_config *config, const esp_lever_timetable *t, int s, esp_stage *stage)
{
  name_stage("unrewarded", esp_lever_hour_at_end(config, s), stage);
  stage->long_name = "no reward: the synapses drift, then there are trials; the name is the simulated hour at which the stage ends";
  stage->absent[ESP_LEVER_ARM_PLASTIC] = stage->absent[ESP_LEVER_ARM_APPROXIMATE] = stage->absent[ESP_LEVER_ARM_FIXED] = true;
  stage->absent[ESP_LEVER_ARM_CONSOLIDATED] = t->consolidated_from < 0 || s < t->consolidated_from;
  stage->parent[ESP_LEVER_ARM_FORGETTING] =
      s == t->n_learning ? (esp_parent){ESP_LEVER_ARM_PLASTIC, t->n_before - 1} : (esp_parent){ESP_LEVER_ARM_FORGETTING, s - 1};
  if (stage->absent[ESP_LEVER_ARM_CONSOLIDATED])
    return;
  stage->parent[ESP_LEVER_ARM_CONSOLIDATED] =
      s == t->consolidated_from ? stage->parent[ESP_LEVER_ARM_FORGETTING] : (esp_parent){ESP_LEVER_ARM_CONSOLIDATED, s - 1};
}

static void declare_stages(const esp_config *config, esp_plan *plan)
{
  const esp_lever_timetable t = esp_lever_timetable_of(config);
  for (int s = 0; s < plan->n_stages; s++) {
    esp_stage *stage = &plan->stages[s];
    *stage = (esp_stage){.n_members = config->ensemble.members, .value = esp_lever_hour_at_end(config, s)};
    for (int arm = 0; arm < ESP_MAX_ARMS; arm++) {
      stage->parent[arm] = (esp_parent){ESP_NO_PARENT, ESP_NO_PARENT};
      stage->expected_cost[arm] = esp_lever_simulated_min(config, s) / 60;
    }
    if (s < t.n_learning)
      declare_learning(config, &t, s, stage);
    else
      declare_unrewarded(config, &t, s, stage);
  }
}

static esp_err declare(const esp_config *config, esp_plan *plan)
{
  static const char *const arms[] = {"plastic", "approximate", "fixed", "forgetting", "consolidated"};
  const esp_lever_timetable t = esp_lever_timetable_of(config);
  plan->n_arms = t.n_unrewarded == 0       ? ESP_LEVER_ARM_FORGETTING
                 : t.consolidated_from < 0 ? ESP_LEVER_ARM_CONSOLIDATED
                                           : ESP_LEVER_ARM_CONSOLIDATED + 1;
  for (int arm = 0; arm < plan->n_arms; arm++)
    snprintf(plan->arm_name[arm], sizeof plan->arm_name[arm], "%s", arms[arm]);
  plan->stage_value.name = "hour";
  plan->stage_value.unit = "h";
  plan->stage_value.long_name = "simulated time from the start of learning to the end of the stage";
  plan->work = "updates";
  plan->fixed_work = true;
  ESP_TRY(esp_plan_take_stages(plan, t.n_learning + t.n_unrewarded));
  declare_stages(config, plan);
  esp_lever_declare_record(config, plan);
  return ESP_OK;
}

/* ---- one stage ---- */

typedef struct {
  const esp_config *config;
  esp_lever_options options;
  esp_lever_segment segment;
  esp_lever_network net;
  esp_lever_series series;
  esp_lever_recording recording;
  double *rate, *lever, *trace; /* averages over movements, in double precision */
} simulation;

static esp_err take_network(const esp_config *config, int member, esp_workspace *ws, simulation *s)
{
  const esp_rng_key key = {
      .seed = config->seed, .member = (uint32_t)member, .arm = ESP_RNG_SHARED, .stage = ESP_RNG_SHARED};
  *s = (simulation){.config = config, .options = esp_lever_options_of(config)};
  return esp_lever_take(&s->options, &key, ws, &s->net);
}

static esp_err take_arrays(esp_workspace *ws, simulation *s)
{
  const esp_config *config = s->config;
  const size_t n_times = (size_t)esp_lever_movement_length(config);
  const double seconds = fmax(config->lever.movement_s, config->lever.recording_s);
  esp_lever_recording *r = &s->recording;
  r->steps = esp_lever_steps(config, 1000 * seconds);
  r->spike_capacity = esp_lever_spike_room(config, seconds);
  r->move_capacity = esp_lever_n_moves(config, 1000 * seconds);
  ESP_TRY(esp_workspace_take(ws, (size_t)esp_lever_n_snapshots(config) * (size_t)s->options.n_sampled, &s->series.theta));
  ESP_TRY(esp_workspace_take_int(ws, (size_t)r->spike_capacity, &r->spike_step));
  ESP_TRY(esp_workspace_take_int(ws, (size_t)r->spike_capacity, &r->spike_cell));
  ESP_TRY(esp_workspace_take_int(ws, (size_t)r->move_capacity, &r->move_step));
  ESP_TRY(esp_workspace_take(ws, (size_t)r->move_capacity, &r->lever));
  ESP_TRY(esp_workspace_take_bytes(ws, (size_t)r->move_capacity, &r->phase));
  ESP_TRY(esp_workspace_take(ws, (size_t)esp_lever_n_cells(&s->options) * n_times, &s->rate));
  ESP_TRY(esp_workspace_take(ws, n_times, &s->lever));
  return esp_workspace_take(ws, LEVER_MAX_TRACES * n_times, &s->trace);
}

/* ---- what is kept of a stage ---- */

static void to_single(const double *from, esp_record *record, int field)
{
  for (size_t i = 0; i < record->layout->count[field]; i++)
    esp_record_f32(record, field)[i] = (float)from[i];
}

static void put_scores(const simulation *s, esp_record *record)
{
  const esp_lever_score score = esp_lever_scores(&s->net);
  *esp_record_i32(record, LEVER_N_COMPLETED) = score.n_completed;
  *esp_record_i32(record, LEVER_N_TIMED_OUT) = score.n_timed_out;
  *esp_record_f64(record, LEVER_COMPLETION_TIME) = isnan(score.mean_s) ? NAN : score.mean_s; /* one NaN, not 0 / 0's */
  *esp_record_f64(record, LEVER_INPUT_RATE) = score.input_hz;
  *esp_record_f64(record, LEVER_EXC_RATE) = score.exc_hz;
  *esp_record_f64(record, LEVER_INH_RATE) = score.inh_hz;
  *esp_record_i32(record, LEVER_N_SYNAPSES) = score.n_synapses;
  memcpy(esp_record_f64(record, LEVER_CUE_RATE), s->net.cue_hz, (size_t)s->options.neurons.n_in * sizeof *s->net.cue_hz);
  memcpy(esp_record_i32(record, LEVER_SAMPLED_SYNAPSE), s->net.sampled, (size_t)s->options.n_sampled * sizeof *s->net.sampled);

  const float *theta = esp_record_f32(record, ESP_STATE_THETA); /* of the record, so that they are one */
  int32_t n_functional = 0;
  for (int i = 0; i < score.n_synapses; i++)
    n_functional += theta[i] >= 0;
  *esp_record_i32(record, LEVER_N_FUNCTIONAL) = n_functional;
}

static void put_snapshots(const simulation *s, int32_t end, esp_record *record)
{
  const double snapshot_hours = s->config->lever.snapshot_min / 60;
  const double end_hour = end * s->config->synapses.update_ms / 3.6e6;
  float *theta = esp_record_f32(record, LEVER_SAMPLED_THETA);
  for (int row = 0; row < s->series.n; row++)
    esp_record_f64(record, LEVER_SNAPSHOT_HOUR)[row] = end_hour - (s->series.n - 1 - row) * snapshot_hours;
  for (int i = 0; i < s->series.n * s->options.n_sampled; i++)
    theta[i] = esp_lever_single_theta(s->series.theta[i]);
}

/* The beginning of what was recorded. */
static void put_recording(const simulation *s, esp_record *record)
{
  const esp_lever_recording *r = &s->recording;
  const int32_t steps = esp_lever_steps(s->config, 1000 * s->config->lever.recording_s);
  const int room = (int)record->layout->count[LEVER_SPIKE_STEP], most_moves = (int)record->layout->count[LEVER_MOVE_STEP];
  int32_t n = 0;
  for (; n < r->n_spikes && n < r->spike_capacity && r->spike_step[n] < steps; n++)
    if (n < room) {
      esp_record_i32(record, LEVER_SPIKE_STEP)[n] = r->spike_step[n];
      esp_record_i32(record, LEVER_SPIKE_CELL)[n] = r->spike_cell[n];
    }
  *esp_record_i32(record, LEVER_N_SPIKES) = n;
  for (int m = 0; m < r->n_moves && m < most_moves && r->move_step[m] < steps; m++) {
    esp_record_i32(record, LEVER_MOVE_STEP)[m] = r->move_step[m];
    esp_record_f32(record, LEVER_POSITION)[m] = (float)r->lever[m];
    esp_record_u8(record, LEVER_PHASE)[m] = r->phase[m];
  }
}

static void put_movements(const simulation *s, esp_record *record)
{
  const esp_config *config = s->config;
  if (s->recording.n_spikes > s->recording.spike_capacity)
    return; /* the last movements would lack spikes */
  const int before = esp_lever_steps(config, config->lever.movement_before_ms),
            after = esp_lever_steps(config, config->lever.movement_after_ms), bin = esp_lever_steps(config, config->trials.step_ms);
  *esp_record_i32(record, LEVER_N_MOVEMENTS) = esp_movements_average(&s->options, &s->recording, before, after, bin, s->rate,
                                                                     s->lever, LEVER_MAX_TRACES, s->trace);
  to_single(s->rate, record, LEVER_MOVEMENT_RATE);
  to_single(s->lever, record, LEVER_MOVEMENT_LEVER);
  to_single(s->trace, record, LEVER_MOVEMENT_TRACE);
}

/* ---- what happens in a stage ---- */

static esp_lever_segment segment_of(const esp_config *config, esp_cell cell)
{
  const esp_lever_timetable t = esp_lever_timetable_of(config);
  const bool learning = cell.stage < t.n_learning;
  const esp_rewiring_rule rule = cell.arm == ESP_LEVER_ARM_APPROXIMATE ? ESP_RULE_WAITING
                                 : cell.arm == ESP_LEVER_ARM_FIXED     ? ESP_RULE_FIXED
                                                                       : ESP_RULE_EXACT;
  return (esp_lever_segment){.rule = rule, .switched = learning && cell.stage >= t.n_before, .rewarded = learning};
}

/* The network as it is when the stage's trials begin. */
static esp_err prepare(simulation *s, const esp_stage_context *context)
{
  const esp_config *config = s->config;
  const esp_lever_timetable t = esp_lever_timetable_of(config);
  if (context->parent)
    ESP_TRY(esp_lever_load(&s->net, context->parent, context->ws));
  else
    esp_lever_start(&s->net);
  if (context->cell.arm == ESP_LEVER_ARM_CONSOLIDATED && context->cell.stage == t.consolidated_from)
    esp_lever_consolidate(&s->net);
  if (context->cell.stage >= t.n_learning)
    ESP_TRY(esp_lever_drift(&s->net, esp_lever_intervals(config, 60 * config->lever.unrewarded_step_hours -
                                                              config->lever.unrewarded_trials_min)));
  esp_lever_begin_segment(&s->net);
  return ESP_OK;
}

static void begin_counts(simulation *s, esp_record *record)
{
  const esp_config *config = s->config;
  s->series.capacity = esp_lever_n_snapshots(config);
  s->series.n_functional = esp_record_i32(record, LEVER_SNAPSHOT_FUNCTIONAL);
  s->series.n_completed = esp_record_i32(record, LEVER_SNAPSHOT_COMPLETED);
  s->series.n_timed_out = esp_record_i32(record, LEVER_SNAPSHOT_TIMED_OUT);
  s->series.completion_s = esp_record_f64(record, LEVER_SNAPSHOT_COMPLETION_TIME);
}

static esp_err simulate(simulation *s, const esp_stage_host *host, int32_t end)
{
  const int32_t most = (int32_t)fmax(1, floor(ASK_EVERY_MS / s->config->synapses.update_ms));
  while (s->net.clock < end) {
    const int32_t left = end - s->net.clock;
    if (host->stop && host->stop(host->context))
      return esp_fail(ESP_ERR_STOPPED, "stopped inside a stage");
    ESP_TRY(esp_lever_run(&s->net, &s->segment, left < most ? left : most, &s->series, &s->recording));
  }
  return ESP_OK;
}

static esp_err run(simulation *s, const esp_stage_context *context, esp_record *record, esp_outcome *outcome)
{
  ESP_TRY(take_network(context->config, context->cell.member, context->ws, s));
  ESP_TRY(take_arrays(context->ws, s));
  s->segment = segment_of(s->config, context->cell);
  ESP_TRY(prepare(s, context));
  begin_counts(s, record);
  const double minutes = esp_lever_simulated_min(s->config, context->cell.stage);
  const int32_t begin = s->net.clock, end = begin + esp_lever_intervals(s->config, minutes);
  const esp_err err = simulate(s, context->host, end);
  *outcome = (esp_outcome){.state = err == ESP_OK ? ESP_CELL_DONE : ESP_CELL_FAILED,
                           .stop = err == ESP_OK ? ESP_STOP_SIMULATED : ESP_STOP_NOT_FINITE,
                           .n_evaluations = s->net.clock - begin};
  if (err != ESP_OK)
    return err == ESP_ERR_DIVERGED ? ESP_OK : err;
  ESP_TRY(esp_lever_save(&s->net, record, context->ws));
  put_scores(s, record);
  put_snapshots(s, end, record);
  put_recording(s, record);
  put_movements(s, record);
  return ESP_OK;
}

static esp_err esp_lever_stage(const esp_stage_context *context, esp_record *record, esp_outcome *outcome)
{
  const size_t mark = context->ws->used;
  simulation s;
  const esp_err err = run(&s, context, record, outcome);
  context->ws->used = mark;
  return err;
}

/* ---- how long it takes here ---- */

/* Seconds of a simulated hour, from a fraction of a second of it. */
static esp_err seconds_per_cost(const esp_config *config, esp_workspace *ws, double *seconds)
{
  simulation s;
  ESP_TRY(take_network(config, 0, ws, &s));
  const esp_lever_segment segment = {.rule = ESP_RULE_EXACT, .rewarded = true};
  const clock_t began = clock(); /* of the CPU: what else the machine has to do now says nothing of a run of hours */
  do
    ESP_TRY(esp_lever_run(&s.net, &segment, 10, NULL, NULL));
  while (clock() - began < CLOCKS_PER_SEC / 3);
  *seconds = (double)(clock() - began) / CLOCKS_PER_SEC / s.net.clock * esp_lever_intervals(config, 60);
  return ESP_OK;
}

const esp_experiment esp_experiment_lever = {
    .declare = declare,
    .seconds_per_cost = seconds_per_cost,
    .stage = esp_lever_stage,
    .analyse = NULL, /* a record does not hold what was measured: the spikes are gone */
    .verify = esp_lever_verify,
};
