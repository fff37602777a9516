/* report/source.c */
#include "source.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[ESP_N_MEASURES] = {
    [ESP_M_LOSS] = "loss",
    [ESP_M_LOSS_LAST_CALL] = "loss_last_call",
    [ESP_M_N_CALLS] = "n_calls",
    [ESP_M_SPARSITY] = "sparsity",
    [ESP_M_UNPROBED_CORRECT] = "unprobed_correct",
    [ESP_M_PROBED_CORRECT] = "probed_correct",
    [ESP_M_PROBED_CORRECT_PUBLISHED] = "probed_correct_published",
    [ESP_M_LYAPUNOV_MAX] = "lyapunov_max",
    [ESP_M_LYAPUNOV_PUBLISHED] = "lyapunov_published",
    [ESP_M_LOSS_CURVE] = "loss_curve",
    [ESP_M_LOSS_CURVE_END] = "loss_curve_end",
    [ESP_M_PROBE_CORRECT] = "probe_correct",
    [ESP_M_SINGULAR_VALUE] = "singular_value",
    [ESP_M_WEIGHT_HISTOGRAM] = "weight_histogram",
    [ESP_M_CONTRACTION] = "contraction",
    [ESP_M_CONTRACTION_PUBLISHED] = "contraction_published",
};

const char *esp_measure_name(esp_measure measure)
{
  return names[measure];
}

static int field_of(const esp_plan *plan, esp_measure measure)
{
  for (int f = 0; f < plan->record.n_fields; f++)
    if (strcmp(plan->record.field[f].name, names[measure]) == 0)
      return f;
  return -1;
}

const char *esp_measure_unit(const esp_source *s, esp_measure measure)
{
  return s->plan->record.field[field_of(s->plan, measure)].unit;
}

static double as_double(const void *values, esp_type type, long i)
{
  switch (type) {
  case ESP_F64: return ((const double *)values)[i];
  case ESP_I32: return ((const int32_t *)values)[i];
  case ESP_U8: return ((const uint8_t *)values)[i];
  }
  return NAN;
}

static esp_err load(const esp_report_input *in, esp_measure measure, esp_source *s)
{
  const int f = field_of(in->plan, measure);
  ESP_REQUIRE(f >= 0, ESP_ERR_DATA, "%s: has no field '%s', which the report needs; was it made by another version?", in->path,
              names[measure]);
  const esp_type type = in->plan->record.field[f].type;
  const long n_slots = esp_plan_n_slots(in->plan), count = (long)in->plan->record.count[f];
  void *stored = malloc((size_t)(n_slots * count) * esp_type_bytes(type));
  s->count[measure] = count;
  s->value[measure] = malloc((size_t)(n_slots * count) * sizeof(double));
  esp_err err = stored && s->value[measure] ? esp_results_read_field(in->results, f, stored)
                                            : esp_fail(ESP_ERR_NOMEM, "%s: no memory for field '%s'", in->path, names[measure]);
  for (long i = 0; i < n_slots * count && err == ESP_OK; i++)
    s->value[measure][i] = in->commits[i / count].outcome.state == ESP_CELL_DONE ? as_double(stored, type, i) : NAN;
  free(stored);
  return err;
}

/* A network that diverged on a probe has zeros where its answers would be: they are missing, not wrong. */
static void clear_answers_that_are_not(esp_source *s)
{
  const long count = s->count[ESP_M_PROBE_CORRECT];
  for (long slot = 0; slot < esp_plan_n_slots(s->plan); slot++)
    if (isnan(s->value[ESP_M_PROBED_CORRECT][slot]) && isnan(s->value[ESP_M_UNPROBED_CORRECT][slot]))
      for (long i = 0; i < count; i++)
        s->value[ESP_M_PROBE_CORRECT][slot * count + i] = NAN;
}

esp_err esp_source_load(const esp_report_input *input, esp_source *source)
{
  *source = (esp_source){.in = *input, .config = &input->config->values, .plan = input->plan};
  for (int m = 0; m < ESP_N_MEASURES; m++)
    ESP_TRY(load(input, (esp_measure)m, source));
  clear_answers_that_are_not(source);
  return ESP_OK;
}

void esp_source_free(esp_source *source)
{
  for (int m = 0; m < ESP_N_MEASURES; m++)
    free(source->value[m]);
  *source = (esp_source){0};
}

double esp_source_value(const esp_source *s, esp_measure measure, int member, int arm, int stage, long element)
{
  return s->value[measure][esp_cell_slot(s->plan, (esp_cell){member, arm, stage}) * s->count[measure] + element];
}

int esp_source_n_rungs(const esp_source *s)
{
  return s->config->experiment == ESP_EXPERIMENT_DMS ? s->config->ladder.fractions.n : 0;
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
