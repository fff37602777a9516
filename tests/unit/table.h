/* tests/unit/table.h - a results file in memory: cells of an experiment computed by hand, for the tests of experiments. */
#ifndef ESPALIER_TESTS_TABLE_H
#define ESPALIER_TESTS_TABLE_H
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/experiment.h"

typedef struct {
  esp_config_file file;
  const esp_config *config;
  const esp_experiment *experiment;
  esp_plan plan;
  esp_workspace ws;
  unsigned char *data;   /* records, by slot */
  esp_outcome *outcomes; /* by slot          */
} table;

/* From text with one more "section.key=value" (NULL: none). */
static inline void open_table(const char *text, const char *set, table *t)
{
  char *problems = NULL;
  *t = (table){.config = &t->file.values};
  if (esp_config_parse("test", text, set != NULL, &set, &t->file, &problems) != ESP_OK)
    fail_msg("%s", problems);
  t->experiment = esp_experiment_of(t->config);
  assert_int_equal(esp_plan_create(t->config, &t->plan), ESP_OK);
  assert_int_equal(esp_workspace_create(&t->ws), ESP_OK);
  t->data = calloc((size_t)esp_plan_n_slots(&t->plan), t->plan.record.bytes);
  t->outcomes = calloc((size_t)esp_plan_n_slots(&t->plan), sizeof *t->outcomes);
}

/* Leave rubbish in the scratch memory, more of it than a member needs. */
static inline void fill_scratch(esp_workspace *ws, int value)
{
  unsigned char *bytes;
  const size_t n = (size_t)64 << 20, mark = ws->used;
  assert_int_equal(esp_workspace_take_bytes(ws, n, &bytes), ESP_OK);
  memset(bytes, value, n);
  ws->used = mark;
}

static inline void close_table(table *t)
{
  assert_true(t->ws.used == 0);
  esp_workspace_free(&t->ws);
  esp_plan_free(&t->plan);
  esp_config_file_free(&t->file);
  free(t->data);
  free(t->outcomes);
}

static inline esp_record record_of(const table *t, esp_cell cell)
{
  return (esp_record){&t->plan.record, t->data + (size_t)esp_cell_slot(&t->plan, cell) * t->plan.record.bytes};
}

static inline esp_outcome *outcome_of(const table *t, esp_cell cell)
{
  return &t->outcomes[esp_cell_slot(&t->plan, cell)];
}

static inline esp_err run_cell(table *t, esp_cell cell, const esp_stage_host *host, const esp_record *resume)
{
  static const esp_stage_host nobody;
  esp_cell parent_cell = cell;
  const bool has_parent = esp_cell_parent(&t->plan, cell, &parent_cell);
  const esp_record parent = record_of(t, parent_cell);
  esp_record record = record_of(t, cell);
  const esp_stage_context context = {.config = t->config,
                                     .plan = &t->plan,
                                     .cell = cell,
                                     .parent = has_parent ? &parent : NULL,
                                     .resume = resume,
                                     .host = host ? host : &nobody,
                                     .ws = &t->ws};
  return esp_stage_run(&context, has_parent ? outcome_of(t, parent_cell) : NULL, &record, outcome_of(t, cell));
}

static inline void run_member(table *t, int member)
{
  for (int stage = 0; stage < t->plan.n_stages; stage++)
    for (int arm = 0; arm < t->plan.n_arms; arm++)
      if (esp_cell_exists(&t->plan, (esp_cell){member, arm, stage})) {
        assert_int_equal(run_cell(t, (esp_cell){member, arm, stage}, NULL, NULL), ESP_OK);
        assert_true(t->ws.used == 0);
      }
}

/* Of scratch memory, when a member that has been run is run once more. */
static inline void assert_again_takes_nothing_more(table *t)
{
  const esp_workspace once = t->ws;
  run_member(t, 0);
  assert_memory_equal(&t->ws, &once, sizeof once);
}

static inline int field_of(const esp_layout *layout, const char *name)
{
  for (int f = 0; f < layout->n_fields; f++)
    if (strcmp(layout->field[f].name, name) == 0)
      return f;
  fail_msg("there is no field %s", name);
  return -1;
}

static inline double *f64(const table *t, esp_cell cell, const char *name)
{
  const esp_record record = record_of(t, cell);
  return esp_record_f64(&record, field_of(&t->plan.record, name));
}

static inline int32_t *i32(const table *t, esp_cell cell, const char *name)
{
  const esp_record record = record_of(t, cell);
  return esp_record_i32(&record, field_of(&t->plan.record, name));
}

static inline uint8_t *u8(const table *t, esp_cell cell, const char *name)
{
  const esp_record record = record_of(t, cell);
  return esp_record_u8(&record, field_of(&t->plan.record, name));
}

static inline esp_err verify(const table *t, esp_cell cell)
{
  esp_cell parent_cell = cell;
  const bool has_parent = esp_cell_parent(&t->plan, cell, &parent_cell);
  const esp_record record = record_of(t, cell), parent = record_of(t, parent_cell);
  return t->experiment->verify(t->config, &t->plan, cell, &record, has_parent ? &parent : NULL);
}

static inline void assert_equal_records(const table *t, const table *other, esp_cell cell)
{
  const esp_record a = record_of(t, cell), b = record_of(other, cell);
  assert_memory_equal(a.data, b.data, t->plan.record.bytes);
  assert_int_equal(outcome_of(t, cell)->state, outcome_of(other, cell)->state);
  assert_int_equal(outcome_of(t, cell)->stop, outcome_of(other, cell)->stop);
  assert_int_equal(outcome_of(t, cell)->n_evaluations, outcome_of(other, cell)->n_evaluations);
}

static inline int count_removed(const table *t, esp_cell cell)
{
  const uint8_t *mask = u8(t, cell, "mask");
  int n = 0;
  for (int i = 0; i < t->config->network.n_hid * t->config->network.n_hid; i++)
    n += mask[i] == 0;
  return n;
}

static inline void assert_slots_turn_back(const esp_plan *plan)
{
  long n_cells = 0;
  for (long slot = 0; slot < esp_plan_n_slots(plan); slot++) {
    const esp_cell cell = esp_slot_cell(plan, slot);
    assert_int_equal(esp_cell_slot(plan, cell), slot);
    n_cells += esp_cell_exists(plan, cell);
  }
  assert_int_equal(esp_plan_n_cells(plan), n_cells);
}

static inline void assert_axis(const esp_plan *plan, const char *field, int which, const char *name, int length)
{
  const esp_axis *axis = &plan->axes[plan->record.field[field_of(&plan->record, field)].axis[which]];
  assert_string_equal(axis->name, name);
  assert_int_equal(axis->length, length);
}

static inline void assert_empty(const table *t, esp_cell cell)
{
  const esp_record record = record_of(t, cell);
  const esp_layout *layout = &t->plan.record;
  for (int f = 0; f < layout->n_fields; f++)
    for (size_t i = 0; i < layout->count[f]; i++)
      switch (layout->field[f].type) {
      case ESP_F64: assert_true(isnan(esp_record_f64(&record, f)[i])); break;
      case ESP_I32: assert_int_equal(esp_record_i32(&record, f)[i], -1); break;
      case ESP_U8: assert_int_equal(esp_record_u8(&record, f)[i], 0); break;
      case ESP_F32: assert_true(isnan(esp_record_f32(&record, f)[i])); break;
      }
}

/* ---- interruptions ---- */

typedef struct {
  unsigned char *saved[16]; /* states at the boundaries */
  int n_saved, n_asked, stop_at;
  esp_err answer;
} interruption;

static inline esp_err save(void *context, const esp_record *resume)
{
  interruption *in = context;
  unsigned char *copy = malloc(resume->layout->bytes);
  memcpy(copy, resume->data, resume->layout->bytes);
  in->saved[in->n_saved++] = copy;
  return in->answer;
}

static inline bool stop(void *context)
{
  interruption *in = context;
  return ++in->n_asked == in->stop_at;
}

static inline void discard(interruption *in)
{
  for (int i = 0; i < in->n_saved; i++)
    free(in->saved[i]);
  *in = (interruption){0};
}

#endif
