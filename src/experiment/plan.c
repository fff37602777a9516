/* experiment/plan.c - where every number of a record lies, and which cells there are.
 *
 * A field's place follows from the fields declared before it, so the order of esp_layout_add is part of what makes records of two runs
 * comparable. Axes of a field must be there before it. Padding between fields is 0: checksums and comparisons see equal bytes. */
#include "espalier/plan.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t esp_type_bytes(esp_type type)
{
  switch (type) {
  case ESP_F64: return sizeof(double);
  case ESP_I32: return sizeof(int32_t);
  case ESP_U8: return sizeof(uint8_t);
  case ESP_F32: return sizeof(float);
  }
  return 0;
}

double esp_element(esp_type type, const void *values, long i)
{
  switch (type) {
  case ESP_F64: return ((const double *)values)[i];
  case ESP_I32: return ((const int32_t *)values)[i];
  case ESP_U8: return ((const uint8_t *)values)[i];
  case ESP_F32: return (double)((const float *)values)[i];
  }
  return NAN;
}

static void *field_data(const esp_record *record, int field, esp_type type)
{
  assert(field >= 0 && field < record->layout->n_fields && record->layout->field[field].type == type);
  (void)type;
  return record->data + record->layout->offset[field];
}

double *esp_record_f64(const esp_record *record, int field)
{
  return field_data(record, field, ESP_F64);
}

float *esp_record_f32(const esp_record *record, int field)
{
  return field_data(record, field, ESP_F32);
}

int32_t *esp_record_i32(const esp_record *record, int field)
{
  return field_data(record, field, ESP_I32);
}

uint8_t *esp_record_u8(const esp_record *record, int field)
{
  return field_data(record, field, ESP_U8);
}

void esp_record_clear(esp_record *record)
{
  const esp_layout *layout = record->layout;
  memset(record->data, 0, layout->bytes);
  for (int f = 0; f < layout->n_fields; f++)
    for (size_t i = 0; i < layout->count[f]; i++)
      if (layout->field[f].type == ESP_F64)
        esp_record_f64(record, f)[i] = NAN;
      else if (layout->field[f].type == ESP_F32)
        esp_record_f32(record, f)[i] = NAN;
      else if (layout->field[f].type == ESP_I32)
        esp_record_i32(record, f)[i] = -1;
}

esp_err esp_plan_take_stages(esp_plan *plan, int n_stages)
{
  plan->n_stages = n_stages;
  plan->stages = calloc((size_t)n_stages, sizeof *plan->stages);
  ESP_REQUIRE(plan->stages, ESP_ERR_NOMEM, "no memory for %d stages", n_stages);
  return ESP_OK;
}

int esp_plan_add_axis(esp_plan *plan, const char *name, int length, const char *unit, const char *long_name,
                      const double *values)
{
  assert(plan->n_axes < ESP_MAX_AXES && length > 0);
  esp_axis *axis = &plan->axes[plan->n_axes];
  *axis = (esp_axis){.length = length, .unit = unit, .long_name = long_name};
  snprintf(axis->name, sizeof axis->name, "%s", name);
  if (values) {
    axis->values = malloc((size_t)length * sizeof *axis->values);
    if (axis->values)
      memcpy(axis->values, values, (size_t)length * sizeof *axis->values);
    else
      plan->no_memory = true;
  }
  return plan->n_axes++;
}

int esp_plan_add_scale(esp_plan *plan, const char *name, int length, const char *unit, const char *long_name, double first,
                       double spacing)
{
  const int axis = esp_plan_add_axis(plan, name, length, unit, long_name, NULL);
  double *values = malloc((size_t)length * sizeof *values);
  for (int i = 0; values && i < length; i++)
    values[i] = first + spacing * i;
  plan->axes[axis].values = values;
  plan->no_memory |= !values;
  return axis;
}

int esp_layout_add(const esp_plan *plan, esp_layout *layout, esp_field field)
{
  assert(layout->n_fields < ESP_MAX_FIELDS && field.n_axes <= ESP_FIELD_AXES);
  const int f = layout->n_fields++;
  size_t count = 1;
  for (int a = 0; a < field.n_axes; a++)
    count *= (size_t)plan->axes[field.axis[a]].length;
  layout->field[f] = field;
  layout->offset[f] = layout->bytes;
  layout->count[f] = count;
  layout->bytes += (count * esp_type_bytes(field.type) + 7) / 8 * 8;
  return f;
}

long esp_plan_n_slots(const esp_plan *plan)
{
  return (long)plan->n_members * plan->n_arms * plan->n_stages;
}

long esp_cell_slot(const esp_plan *plan, esp_cell cell)
{
  return ((long)cell.member * plan->n_arms + cell.arm) * plan->n_stages + cell.stage;
}

esp_cell esp_slot_cell(const esp_plan *plan, long slot)
{
  return (esp_cell){.member = (int)(slot / plan->n_stages / plan->n_arms),
                    .arm = (int)(slot / plan->n_stages % plan->n_arms),
                    .stage = (int)(slot % plan->n_stages)};
}

bool esp_cell_exists(const esp_plan *plan, esp_cell cell)
{
  const esp_stage *stage = &plan->stages[cell.stage];
  return cell.member < stage->n_members && !stage->absent[cell.arm];
}

long esp_plan_n_cells_of(const esp_plan *plan, int first, int last)
{
  long n = 0;
  for (int s = 0; s < plan->n_stages; s++) {
    const int end = last + 1 < plan->stages[s].n_members ? last + 1 : plan->stages[s].n_members;
    for (int arm = 0; arm < plan->n_arms; arm++)
      n += plan->stages[s].absent[arm] || end < first ? 0 : end - first;
  }
  return n;
}

long esp_plan_n_cells(const esp_plan *plan)
{
  return esp_plan_n_cells_of(plan, 0, plan->n_members - 1);
}

bool esp_cell_parent(const esp_plan *plan, esp_cell cell, esp_cell *parent)
{
  const esp_stage *stage = &plan->stages[cell.stage];
  if (stage->parent[cell.arm].stage == ESP_NO_PARENT)
    return false;
  *parent = (esp_cell){cell.member, stage->parent[cell.arm].arm, stage->parent[cell.arm].stage};
  return true;
}

const char *esp_cell_words(const esp_plan *plan, esp_cell cell)
{
  static _Thread_local char text[96];
  snprintf(text, sizeof text, "member %d, %s, %s", cell.member, plan->arm_name[cell.arm], plan->stages[cell.stage].name);
  return text;
}

void esp_plan_free(esp_plan *plan)
{
  for (int a = 0; a < plan->n_axes; a++)
    free(plan->axes[a].values);
  free(plan->stages);
  *plan = (esp_plan){0};
}

bool esp_outcome_same(const esp_outcome *a, const esp_outcome *b)
{
  return a->state == b->state && a->stop == b->stop && a->n_evaluations == b->n_evaluations;
}

const char *esp_stop_reason_name(esp_stop_reason reason)
{
  static const char *const names[] = {
      [ESP_STOP_NONE] = "none",           [ESP_STOP_CONVERGED] = "converged",
      [ESP_STOP_MAX_CALLS] = "max_calls", [ESP_STOP_COPIED] = "copied",
      [ESP_STOP_NOT_FINITE] = "not_finite", [ESP_STOP_PARENT_FAILED] = "parent_failed",
      [ESP_STOP_PLATEAU] = "plateau",     [ESP_STOP_SIMULATED] = "simulated",
  };
  return reason < ESP_N_STOP_REASONS ? names[reason] : "unknown";
}
