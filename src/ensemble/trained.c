/* ensemble/trained.c - networks come from one file, and what is measured of them goes into another.
 *
 * Both files declare the same fields, but what the new config measures may have another length: fields are matched by name, type
 * and size, and the rest is left for the analysis to fill. A cell that failed has no network and stays as it is. */
#include "trained.h"

#include <stdlib.h>
#include <string.h>

esp_err esp_trained_open(const char *path, esp_trained *t)
{
  *t = (esp_trained){0};
  ESP_TRY(esp_results_load_config(path, &t->config));
  ESP_TRY(esp_plan_create(&t->config.values, &t->plan));
  ESP_TRY(esp_results_open(path, &t->plan, ESP_RESULTS_READ, &t->results));
  t->record = (esp_record){.layout = &t->plan.record, .data = aligned_alloc(64, t->plan.record.bytes / 64 * 64 + 64)};
  ESP_REQUIRE(t->record.data, ESP_ERR_NOMEM, "no memory for a record of %zu bytes", t->plan.record.bytes);
  return ESP_OK;
}

void esp_trained_close(esp_trained *t)
{
  esp_results_close(t->results);
  free(t->record.data);
  esp_plan_free(&t->plan);
  esp_config_file_free(&t->config);
  *t = (esp_trained){0};
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

esp_err esp_trained_measure(esp_trained *t, const esp_config *config, esp_cell cell, esp_record *record, esp_outcome *outcome,
                            esp_workspace *ws)
{
  esp_commit commit;
  ESP_TRY(esp_results_read_cell(t->results, cell, &t->record, &commit));
  esp_record_clear(record);
  *outcome = commit.outcome;
  if (commit.outcome.state != ESP_CELL_DONE)
    return ESP_OK;
  copy_fields(&t->record, record);
  return esp_experiment_of(config)->analyse(config, cell, record, ws);
}
