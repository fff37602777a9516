/* ensemble/source.c */
#include "source.h"

#include <stdlib.h>
#include <string.h>

esp_err esp_source_open(const char *path, esp_source *s)
{
  *s = (esp_source){.path = path};
  ESP_TRY(esp_results_load_config(path, &s->config));
  ESP_TRY(esp_plan_create(&s->config.values, &s->plan));
  ESP_TRY(esp_results_open(path, &s->plan, ESP_RESULTS_READ, &s->results));
  s->record = (esp_record){.layout = &s->plan.record, .data = aligned_alloc(64, esp_workspace_bytes(s->plan.record.bytes))};
  ESP_REQUIRE(s->record.data, ESP_ERR_NOMEM, "no memory for a record of %zu bytes", s->plan.record.bytes);
  return ESP_OK;
}

void esp_source_close(esp_source *s)
{
  esp_results_close(s->results);
  free(s->record.data);
  esp_plan_free(&s->plan);
  esp_config_file_free(&s->config);
  *s = (esp_source){0};
}

/* Fields of one name and size; the others are measures of another shape, and are taken afresh. */
static void copy_fields(const esp_record *from, esp_record *to)
{
  for (int f = 0; f < to->layout->n_fields; f++)
    for (int g = 0; g < from->layout->n_fields; g++) {
      const esp_field *a = &from->layout->field[g], *b = &to->layout->field[f];
      if (strcmp(a->name, b->name) == 0 && a->type == b->type && from->layout->count[g] == to->layout->count[f])
        memcpy(to->data + to->layout->offset[f], from->data + from->layout->offset[g],
               to->layout->count[f] * esp_type_bytes(b->type));
    }
}

esp_err esp_source_measure(esp_source *s, const esp_config *config, esp_cell cell, esp_record *record, esp_outcome *outcome,
                           esp_workspace *ws)
{
  esp_commit commit;
  ESP_TRY(esp_results_read_cell(s->results, cell, &s->record, &commit));
  esp_record_clear(record);
  *outcome = commit.outcome;
  if (commit.outcome.state != ESP_CELL_DONE)
    return ESP_OK;
  copy_fields(&s->record, record);
  return esp_experiment_of(config)->analyse(config, cell, record, ws);
}
