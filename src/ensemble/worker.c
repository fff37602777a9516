/* ensemble/worker.c - a cell: its parent, a state to resume from if there is one, the stage, its record into the file.
 *
 * The record just computed is the likely parent of what comes next, so the two buffers change places instead of reading it back.
 * Of half-trained states the last one is kept in memory and written now and then, and when the work is stopped. */
#include "worker.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "espalier/kernel.h"
#include "espalier/log.h"
#include "espalier/watchdog.h"

static esp_err make_record(const esp_layout *layout, esp_record *record)
{
  const size_t bytes = layout->bytes / 64 * 64 + 64; /* not 0: an experiment may have nothing to resume */
  *record = (esp_record){.layout = layout, .data = aligned_alloc(64, bytes)};
  ESP_REQUIRE(record->data, ESP_ERR_NOMEM, "no memory for a record of %zu bytes", layout->bytes);
  esp_record_clear(record);
  return ESP_OK;
}

esp_err esp_worker_open(esp_worker *w, const char *path, const char *source)
{
  w->cell.member = w->parent_cell.member = -1;
  esp_watchdog_phase(ESP_PHASE_OPENING);
  ESP_TRY(esp_results_open(path, w->plan, ESP_RESULTS_WRITE, &w->results));
  if (source)
    ESP_TRY(esp_trained_open(source, &w->trained));
  esp_one_thread();
  ESP_TRY(esp_workspace_create(&w->ws));
  ESP_TRY(make_record(&w->plan->record, &w->parent));
  ESP_TRY(make_record(&w->plan->record, &w->record));
  ESP_TRY(make_record(&w->plan->resume, &w->resume));
  return make_record(&w->plan->resume, &w->saved);
}

esp_err esp_worker_close(esp_worker *w)
{
  esp_watchdog_phase(ESP_PHASE_CLOSING);
  esp_workspace_free(&w->ws);
  free(w->parent.data);
  free(w->record.data);
  free(w->resume.data);
  free(w->saved.data);
  esp_trained_close(&w->trained);
  return esp_results_close(w->results);
}

/* ---- what a stage asks of its host ---- */

/* Asked at every training step: also a chance to bring to disk what was written a while ago. If that fails, the work ends. */
static bool stop(void *context)
{
  const esp_worker *w = context;
  return esp_results_sync_when_due(w->results) != ESP_OK || (w->stop && w->stop(w->context));
}

static esp_err stopped(const esp_worker *w)
{
  ESP_TRY(esp_results_sync_when_due(w->results));
  return ESP_ERR_STOPPED;
}

static esp_err save(esp_worker *w)
{
  w->saved_is_new = false;
  w->last_save = esp_seconds();
  esp_watchdog_phase(ESP_PHASE_WRITING);
  ESP_TRY(esp_results_write_resume(w->results, w->cell, &w->saved));
  esp_watchdog_phase(ESP_PHASE_TRAINING);
  return ESP_OK;
}

/* Keep every state, write one now and then: the clock decides what is saved, never what is computed. */
static esp_err checkpoint(void *context, const esp_record *state)
{
  esp_worker *w = context;
  memcpy(w->saved.data, state->data, state->layout->bytes);
  w->saved_is_new = true;
  return esp_seconds() - w->last_save < w->config->ensemble.checkpoint_interval ? ESP_OK : save(w);
}

/* ---- one cell ---- */

/* The parent's record: the one just computed, or from the file, where its checksum must hold. */
static esp_err load_parent(esp_worker *w, bool *has_parent)
{
  esp_cell parent;
  *has_parent = esp_cell_parent(w->plan, w->cell, &parent);
  if (!*has_parent || (parent.member == w->parent_cell.member && parent.arm == w->parent_cell.arm &&
                       parent.stage == w->parent_cell.stage))
    return ESP_OK;
  esp_commit commit;
  w->parent_cell.member = -1;
  ESP_TRY(esp_results_read_cell(w->results, parent, &w->parent, &commit));
  w->parent_cell = parent;
  w->parent_outcome = commit.outcome;
  return ESP_OK;
}

static esp_err compute(esp_worker *w, esp_outcome *outcome)
{
  bool has_parent, has_state;
  esp_watchdog_phase(ESP_PHASE_READING);
  if (w->trained.results)
    return esp_trained_measure(&w->trained, w->config, w->cell, &w->record, outcome, &w->ws);
  ESP_TRY(load_parent(w, &has_parent));
  ESP_TRY(esp_results_read_resume(w->results, w->cell, &w->resume, &has_state));
  const esp_stage_host host = {.stop = stop, .checkpoint = checkpoint, .context = w};
  const esp_stage_context context = {.config = w->config,
                                     .plan = w->plan,
                                     .cell = w->cell,
                                     .parent = has_parent ? &w->parent : NULL,
                                     .resume = has_state ? &w->resume : NULL,
                                     .host = &host,
                                     .ws = &w->ws};
  w->saved_is_new = false;
  w->last_save = esp_seconds();
  esp_watchdog_phase(ESP_PHASE_TRAINING);
  const esp_err err = esp_stage_run(&context, &w->parent_outcome, &w->record, outcome);
  if (err == ESP_ERR_STOPPED && w->saved_is_new)
    ESP_TRY(save(w));
  return err == ESP_ERR_STOPPED ? stopped(w) : err;
}

esp_err esp_worker_cell(esp_worker *w, esp_cell cell, esp_outcome *outcome)
{
  const double began = esp_seconds();
  if (stop(w))
    return stopped(w);
  w->cell = cell;
  const esp_err err = compute(w, outcome);
  assert(w->ws.used == 0); /* whoever takes gives back */
  ESP_TRY(err);
  esp_watchdog_phase(ESP_PHASE_WRITING);
  const esp_commit commit = {
      .outcome = *outcome, .seconds = esp_seconds() - began, .rank = w->rank, .peak_mib = esp_peak_mib()};
  ESP_TRY(esp_results_write_cell(w->results, cell, &w->record, &commit));

  const esp_record next = w->parent; /* what was computed is the likely parent of what comes next */
  w->parent = w->record;
  w->record = next;
  w->parent_cell = cell;
  w->parent_outcome = *outcome;
  return ESP_OK;
}
