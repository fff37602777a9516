/* experiment/experiment.c - the registry, and the rules that hold for the cells of every experiment: a copy is the parent's record bit for
 * bit, the child of a failed cell has failed, and a failed cell keeps nothing but its reason. The experiment itself is asked last. */
#include "espalier/experiment.h"

#include <assert.h>
#include <string.h>

#include "espalier/kernel.h"
#include "experiments.h"

static const struct {
  const char *name;
  const esp_experiment *functions;
} experiments[ESP_N_EXPERIMENTS] = {
#define X(ID, name, ...) [ESP_EXPERIMENT_##ID] = {#name, &esp_experiment_##name},
    ESP_EXPERIMENTS(X)
#undef X
};

const esp_experiment *esp_experiment_of(const esp_config *config)
{
  assert((size_t)config->experiment < ESP_N_EXPERIMENTS);
  return experiments[config->experiment].functions;
}

esp_err esp_plan_create(const esp_config *config, esp_plan *plan)
{
  *plan = (esp_plan){.experiment = experiments[config->experiment].name, .n_members = config->ensemble.members};
  esp_err err = esp_experiment_of(config)->declare(config, plan);
  if (err == ESP_OK && plan->no_memory)
    err = esp_fail(ESP_ERR_NOMEM, "no memory for the axes of the results");
  if (err != ESP_OK)
    esp_plan_free(plan);
  return err;
}

esp_err esp_seconds_per_cost(const esp_config *config, double *seconds)
{
  esp_workspace ws;
  esp_one_thread();
  ESP_TRY(esp_workspace_create(&ws));
  const esp_err err = esp_experiment_of(config)->seconds_per_cost(config, &ws, seconds);
  esp_workspace_free(&ws);
  return err;
}

esp_err esp_stage_run(const esp_stage_context *context, const esp_outcome *parent_outcome, esp_record *record,
                      esp_outcome *outcome)
{
  const esp_cell cell = context->cell;
  *outcome = (esp_outcome){0};
  esp_record_clear(record);
  if (context->parent && parent_outcome->state == ESP_CELL_FAILED) {
    *outcome = (esp_outcome){.state = ESP_CELL_FAILED, .stop = ESP_STOP_PARENT_FAILED};
    return ESP_OK;
  }
  if (context->plan->stages[cell.stage].copy[cell.arm]) {
    memcpy(record->data, context->parent->data, record->layout->bytes);
    *outcome = (esp_outcome){.state = ESP_CELL_DONE, .stop = ESP_STOP_COPIED};
    return ESP_OK;
  }
  ESP_TRY(esp_experiment_of(context->config)->stage(context, record, outcome));
  if (outcome->state == ESP_CELL_FAILED)
    esp_record_clear(record); /* half a network misleads; the reason is in the outcome */
  return ESP_OK;
}
