/* report/source.c */
#include "source.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DMS (1u << ESP_EXPERIMENT_DMS)
#define SCRATCH (1u << ESP_EXPERIMENT_SCRATCH)
#define BANDIT (1u << ESP_EXPERIMENT_BANDIT)
#define LEVER (1u << ESP_EXPERIMENT_LEVER)
#define NETWORKS (DMS | SCRATCH) /* of delayed match to sample */
#define ALL (NETWORKS | BANDIT)

static const struct {
  const char *name, *field;
  long element;
  unsigned experiments;
} measures[ESP_N_MEASURES] = {
    [ESP_M_LOSS] = {"loss", "loss", -1, ALL},
    [ESP_M_LOSS_LAST_CALL] = {"loss_last_call", "loss_last_call", -1, ALL},
    [ESP_M_N_CALLS] = {"n_calls", "n_calls", -1, ALL},
    [ESP_M_SPARSITY] = {"sparsity", "sparsity", -1, ALL},
    [ESP_M_UNPROBED_CORRECT] = {"unprobed_correct", "unprobed_correct", -1, NETWORKS},
    [ESP_M_PROBED_CORRECT] = {"probed_correct", "probed_correct", -1, NETWORKS},
    [ESP_M_PROBED_CORRECT_PUBLISHED] = {"probed_correct_published", "probed_correct_published", -1, NETWORKS},
    [ESP_M_LYAPUNOV_MAX] = {"lyapunov_max", "lyapunov_max", -1, ALL},
    [ESP_M_LYAPUNOV_PUBLISHED] = {"lyapunov_published", "lyapunov_published", -1, ALL},
    [ESP_M_VALUE_ERROR] = {"value_error", "value_error", 0, BANDIT},
    [ESP_M_AGREEMENT] = {"agreement", "agreement", 0, BANDIT},
    [ESP_M_REWARD] = {"reward", "reward", 0, BANDIT},
    [ESP_M_VALUE_ERROR_GREEDY] = {"value_error_greedy", "value_error", 1, BANDIT},
    [ESP_M_AGREEMENT_GREEDY] = {"agreement_greedy", "agreement", 1, BANDIT},
    [ESP_M_REWARD_GREEDY] = {"reward_greedy", "reward", 1, BANDIT},
    [ESP_M_SEPARATION] = {"separation", "separation", -1, BANDIT},
    [ESP_M_SEPARATION_CONDITION] = {"separation_condition", "separation_condition", -1, BANDIT},
    [ESP_M_SEPARATION_N_SINGULAR] = {"separation_n_singular", "separation_n_singular", -1, BANDIT},
    [ESP_M_COMPLETION_TIME] = {"completion_time", "completion_time", -1, LEVER},
    [ESP_M_N_COMPLETED] = {"n_completed", "n_completed", -1, LEVER},
    [ESP_M_N_TIMED_OUT] = {"n_timed_out", "n_timed_out", -1, LEVER},
    [ESP_M_N_FUNCTIONAL] = {"n_functional", "n_functional", -1, LEVER},
    [ESP_M_EXC_RATE] = {"exc_rate", "exc_rate", -1, LEVER},
    [ESP_M_LOSS_CURVE] = {"loss_curve", "loss_curve", -1, ALL},
    [ESP_M_LOSS_CURVE_END] = {"loss_curve_end", "loss_curve_end", -1, ALL},
    [ESP_M_PROBE_CORRECT] = {"probe_correct", "probe_correct", -1, NETWORKS},
    [ESP_M_SINGULAR_VALUE] = {"singular_value", "singular_value", -1, ALL},
    [ESP_M_WEIGHT_HISTOGRAM] = {"weight_histogram", "weight_histogram", -1, ALL},
    [ESP_M_CONTRACTION] = {"contraction", "contraction", -1, NETWORKS},
    [ESP_M_CONTRACTION_PUBLISHED] = {"contraction_published", "contraction_published", -1, NETWORKS},
    [ESP_M_PCA_VARIANCE] = {"pca_variance", "pca_variance", -1, BANDIT},
    [ESP_M_WAITS] = {"waits", "waits", -1, LEVER},
};

const char *esp_measure_name(esp_measure measure)
{
  return measures[measure].name;
}

const char *esp_measure_field(esp_measure measure)
{
  return measures[measure].field;
}

long esp_measure_element(esp_measure measure)
{
  return measures[measure].element;
}

bool esp_measure_is_of(esp_measure measure, esp_experiment_id experiment)
{
  return measures[measure].experiments & 1u << experiment;
}

static int field_of(const esp_plan *plan, esp_measure measure)
{
  for (int f = 0; f < plan->record.n_fields; f++)
    if (strcmp(plan->record.field[f].name, measures[measure].field) == 0)
      return f;
  return -1;
}

const char *esp_measure_unit(const esp_source *s, esp_measure measure)
{
  return s->plan->record.field[field_of(s->plan, measure)].unit;
}

static esp_err load(const esp_report_input *in, esp_measure measure, esp_source *s)
{
  const int f = field_of(in->plan, measure);
  ESP_REQUIRE(f >= 0, ESP_ERR_DATA, "%s: has no field '%s', which the report needs; was it made by another version?", in->path,
              measures[measure].field);
  const esp_type type = in->plan->record.field[f].type;
  const long n_slots = esp_plan_n_slots(in->plan), whole = (long)in->plan->record.count[f];
  const long element = measures[measure].element, first = element < 0 ? 0 : element, count = element < 0 ? whole : 1;
  void *stored = malloc((size_t)(n_slots * whole) * esp_type_bytes(type));
  s->count[measure] = count;
  s->value[measure] = malloc((size_t)(n_slots * count) * sizeof(double));
  esp_err err = stored && s->value[measure] ? esp_results_read_field(in->results, f, stored)
                                            : esp_fail(ESP_ERR_NOMEM, "%s: no memory for field '%s'", in->path,
                                                       measures[measure].field);
  for (long i = 0; i < n_slots * count && err == ESP_OK; i++)
    s->value[measure][i] = in->commits[i / count].outcome.state == ESP_CELL_DONE
                               ? esp_element(type, stored, i / count * whole + first + i % count)
                               : NAN;
  free(stored);
  return err;
}

/* A network that diverged on a probe has zeros where its answers would be: they are missing, not wrong. */
static void clear_answers_that_are_not(esp_source *s)
{
  const long count = s->count[ESP_M_PROBE_CORRECT]; /* 0 in the bandit */
  for (long slot = 0; slot < esp_plan_n_slots(s->plan) && count > 0; slot++)
    if (isnan(s->value[ESP_M_PROBED_CORRECT][slot]) && isnan(s->value[ESP_M_UNPROBED_CORRECT][slot]))
      for (long i = 0; i < count; i++)
        s->value[ESP_M_PROBE_CORRECT][slot * count + i] = NAN;
}

/* From here on there are only the first members. */
static esp_err take_some(esp_source *s)
{
  const size_t bytes = (size_t)s->plan->n_stages * sizeof *s->plan->stages;
  s->of_some = *s->plan;
  s->of_some.n_members = s->in.n_members;
  s->of_some.stages = malloc(bytes);
  ESP_REQUIRE(s->of_some.stages, ESP_ERR_NOMEM, "no memory for %d stages", s->plan->n_stages);
  memcpy(s->of_some.stages, s->plan->stages, bytes);
  for (int stage = 0; stage < s->plan->n_stages; stage++)
    if (s->of_some.stages[stage].n_members > s->in.n_members)
      s->of_some.stages[stage].n_members = s->in.n_members;
  s->plan = &s->of_some;
  return ESP_OK;
}

esp_err esp_source_load(const esp_report_input *input, esp_source *source)
{
  *source = (esp_source){.in = *input, .config = &input->config->values, .plan = input->plan};
  for (int m = 0; m < ESP_N_MEASURES; m++)
    if (esp_measure_is_of((esp_measure)m, source->config->experiment))
      ESP_TRY(load(input, (esp_measure)m, source));
  clear_answers_that_are_not(source);
  if (input->n_members > 0 && input->n_members < input->plan->n_members)
    ESP_TRY(take_some(source));
  return source->config->experiment == ESP_EXPERIMENT_LEVER ? esp_lever_numbers_load(source, &source->lever) : ESP_OK;
}

void esp_source_free(esp_source *source)
{
  for (int m = 0; m < ESP_N_MEASURES; m++)
    free(source->value[m]);
  esp_lever_numbers_free(&source->lever);
  free(source->of_some.stages);
  *source = (esp_source){0};
}

double esp_source_value(const esp_source *s, esp_measure measure, int member, int arm, int stage, long element)
{
  if (!s->value[measure])
    return NAN;
  return s->value[measure][esp_cell_slot(s->plan, (esp_cell){member, arm, stage}) * s->count[measure] + element];
}

int esp_source_n_levels(const esp_source *s)
{
  return s->config->experiment == ESP_EXPERIMENT_BANDIT ? s->config->ladder.value_noise.n : 1;
}

int esp_source_level_of(const esp_source *s, double value_noise)
{
  const esp_number_list *levels = &s->config->ladder.value_noise;
  for (int level = 0; level < esp_source_n_levels(s); level++)
    if (fabs(levels->value[level] - value_noise) < 1e-9)
      return level;
  return -1;
}

int esp_source_main_level(const esp_source *s)
{
  if (s->config->experiment != ESP_EXPERIMENT_BANDIT)
    return 0;
  const int published = esp_source_level_of(s, 0.1), learner = esp_source_level_of(s, s->config->new_option.ladder);
  return published >= 0 ? published : learner >= 0 ? learner : 0;
}

void esp_level_name(const esp_source *s, int level, char name[40])
{
  snprintf(name, 40, "level_%.6g", s->config->ladder.value_noise.value[level]);
}

int esp_source_arm(int level, int side)
{
  return 2 * level + side;
}

const char *esp_side_name(const esp_source *s, int side)
{
  if (s->config->experiment != ESP_EXPERIMENT_BANDIT)
    return s->plan->arm_name[side];
  return side == ESP_DMS_PRUNED ? "pruned" : "twin";
}

int esp_source_n_rungs(const esp_source *s)
{
  return s->config->experiment == ESP_EXPERIMENT_SCRATCH ? 0 : s->config->ladder.fractions.n;
}

double esp_source_fraction(const esp_source *s, int rung)
{
  return s->config->ladder.fractions.value[rung];
}

int esp_rung_stage(int rung)
{
  return 1 + rung; /* stage 0 is the start */
}

int esp_source_rung_070(const esp_source *s)
{
  int nearest = 0;
  for (int r = 1; r < esp_source_n_rungs(s); r++)
    if (fabs(esp_source_fraction(s, r) - 0.70) < fabs(esp_source_fraction(s, nearest) - 0.70))
      nearest = r;
  return nearest;
}

int esp_source_transfer(const esp_source *s)
{
  return s->config->transfer.from > 0 ? esp_rung_stage(esp_source_n_rungs(s)) : -1;
}

int esp_source_new_option(const esp_source *s)
{
  const bool there = s->config->experiment == ESP_EXPERIMENT_BANDIT && s->config->new_option.from > 0;
  return there ? esp_rung_stage(esp_source_n_rungs(s)) : -1;
}

int esp_source_first_strength(const esp_source *s)
{
  int i = 0;
  while (i < s->config->probe.strengths.n && !(s->config->probe.strengths.value[i] > 0))
    i++;
  return i;
}

esp_outcome esp_source_outcome(const esp_source *s, int member, int arm, int stage)
{
  return s->in.commits[esp_cell_slot(s->plan, (esp_cell){member, arm, stage})].outcome;
}

const char *esp_source_why_missing(const esp_source *s, int member, int arm, int stage)
{
  const esp_outcome outcome = esp_source_outcome(s, member, arm, stage);
  if (outcome.state == ESP_CELL_EMPTY)
    return "not computed";
  return outcome.state == ESP_CELL_FAILED ? esp_stop_reason_name(outcome.stop) : "no such number";
}
