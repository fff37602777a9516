/* report/source.c - fields are read whole, for all cells, and only those that somebody asks for: all of a lever's would be gigabytes. */
#include "source.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chapter.h"

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

esp_err esp_source_open(const esp_report_input *input, esp_source *source)
{
  *source = (esp_source){.in = *input,
                         .config = &input->config->values,
                         .plan = input->plan,
                         .chapter = esp_chapter_of(input->config->values.experiment),
                         .value = calloc(ESP_MAX_FIELDS, sizeof *source->value),
                         .err = calloc(1, sizeof *source->err)};
  ESP_REQUIRE(source->value && source->err, ESP_ERR_NOMEM, "%s: no memory to read it", input->path);
  ESP_REQUIRE(source->chapter, ESP_ERR_USAGE, "%s: there is no report on experiment %s", input->path, input->plan->experiment);
  if (input->n_members > 0 && input->n_members < input->plan->n_members)
    ESP_TRY(take_some(source));
  return source->chapter->count ? source->chapter->count(source) : ESP_OK;
}

void esp_source_free(esp_source *source)
{
  if (source->counted)
    source->chapter->drop(source);
  for (int f = 0; source->value && f < ESP_MAX_FIELDS; f++)
    free(source->value[f]);
  free(source->value);
  free(source->err);
  free(source->of_some.stages);
  *source = (esp_source){0};
}

esp_err esp_source_error(const esp_source *s)
{
  return *s->err;
}

int esp_source_field(const esp_source *s, const char *field)
{
  for (int f = 0; field && f < s->plan->record.n_fields; f++)
    if (strcmp(s->plan->record.field[f].name, field) == 0)
      return f;
  return -1;
}

const char *esp_source_unit(const esp_source *s, const char *field)
{
  const int f = esp_source_field(s, field);
  return f < 0 ? "1" : s->plan->record.field[f].unit;
}

long esp_source_count(const esp_source *s, const char *field)
{
  const int f = esp_source_field(s, field);
  return f < 0 ? 0 : (long)s->plan->record.count[f];
}

const esp_axis *esp_source_axis(const esp_source *s, const char *name)
{
  const esp_axis *axis = s->plan->axes;
  while (axis < s->plan->axes + s->plan->n_axes && strcmp(axis->name, name) != 0)
    axis++;
  assert(axis < s->plan->axes + s->plan->n_axes);
  return axis;
}

static esp_err read_field(const esp_report_input *in, int f, double *values)
{
  const esp_type type = in->plan->record.field[f].type;
  const long n_slots = esp_plan_n_slots(in->plan), count = (long)in->plan->record.count[f];
  void *stored = malloc((size_t)(n_slots * count) * esp_type_bytes(type));
  ESP_REQUIRE(stored, ESP_ERR_NOMEM, "%s: no memory for field '%s'", in->path, in->plan->record.field[f].name);
  const esp_err err = esp_results_read_field(in->results, f, stored);
  for (long i = 0; i < n_slots * count && err == ESP_OK; i++)
    values[i] = in->commits[i / count].outcome.state == ESP_CELL_DONE ? esp_element(type, stored, i) : NAN;
  free(stored);
  return err;
}

/* All of a field; NaN if it cannot be read. NULL: there is not even room for that. */
static const double *field_of(const esp_source *s, int f)
{
  if (s->value[f])
    return s->value[f];
  const long n = esp_plan_n_slots(s->in.plan) * (long)s->plan->record.count[f];
  double *values = malloc((size_t)n * sizeof *values);
  esp_err err = *s->err; /* after a failure nothing more is read: its message has to last */
  if (err == ESP_OK)
    err = values ? read_field(&s->in, f, values)
                 : esp_fail(ESP_ERR_NOMEM, "%s: no memory for field '%s'", s->in.path, s->plan->record.field[f].name);
  for (long i = 0; values && err != ESP_OK && i < n; i++)
    values[i] = NAN;
  *s->err = err;
  return s->value[f] = values;
}

const double *esp_source_numbers(const esp_source *s, const char *field, esp_cell cell)
{
  const int f = esp_source_field(s, field);
  if (f < 0 && *s->err == ESP_OK)
    *s->err = esp_fail(ESP_ERR_INTERNAL, "%s: the report asks for a field '%s', which the file does not have", s->in.path, field);
  const double *values = f < 0 ? NULL : field_of(s, f);
  return values ? values + esp_cell_slot(s->plan, cell) * (long)s->plan->record.count[f] : NULL;
}

double esp_source_value(const esp_source *s, const char *field, int member, int arm, int stage, long element)
{
  const double *numbers = esp_source_numbers(s, field, (esp_cell){member, arm, stage});
  return numbers ? numbers[element] : NAN;
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
