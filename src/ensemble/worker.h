/* ensemble/worker.h - computes cells, one at a time, and writes them into the file. */
#ifndef ESPALIER_ENSEMBLE_WORKER_H
#define ESPALIER_ENSEMBLE_WORKER_H
#include <stdbool.h>

#include "espalier/config.h"
#include "espalier/experiment.h"
#include "espalier/results.h"
#include "trained.h"

typedef struct {
  const esp_config *config;
  const esp_plan *plan;
  esp_results *results;          /* borrowed */
  int rank;
  esp_trained *trained;          /* borrowed; networks that are measured again instead of trained; NULL: train */
  bool (*stop)(void *context);   /* asked often: should the work stop soon? */
  void *context;
  /* own */
  esp_workspace ws;
  esp_record parent, record, resume, saved;
  esp_cell parent_cell;          /* whose record `parent` holds; member -1: nobody's */
  esp_outcome parent_outcome;
  esp_cell cell;                 /* in work */
  bool saved_is_new;             /* `saved` is younger than what the file has */
  double last_save;
} esp_worker;

/** Get workspace and record buffers for a worker whose first part (config to context) is filled.
 *  @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_worker_init(esp_worker *worker);

void esp_worker_free(esp_worker *worker);

/** Compute a cell and commit it.
 *  @return ESP_OK; ESP_ERR_STOPPED with the state of the stage saved; ESP_ERR_IO, ESP_ERR_DATA (its parent in the file is
 *          damaged), ESP_ERR_NOMEM. */
esp_err esp_worker_cell(esp_worker *worker, esp_cell cell, esp_outcome *outcome);

#endif
