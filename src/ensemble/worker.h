/* ensemble/worker.h - computes cells, one at a time, and writes them into the file. Local. */
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
  int rank;
  bool (*stop)(void *context);   /* asked often: should the work stop soon? */
  void *context;
  /* own */
  esp_results *results;
  esp_trained trained;           /* networks that are measured again; without results: train */
  esp_workspace ws;
  esp_record parent, record, resume, saved;
  esp_cell parent_cell;          /* whose record `parent` holds; member -1: nobody's */
  esp_outcome parent_outcome;
  esp_cell cell;                 /* in work */
  bool saved_is_new;             /* `saved` is younger than what the file has */
  double last_save;
} esp_worker;

/** Open the files and get workspace and record buffers for a worker of which the first part (config to context) is filled and the
 *  rest zero.
 *  @param path    results file
 *  @param source  results file whose networks are measured again; NULL: train
 *  @return ESP_OK, ESP_ERR_NOMEM, errors of esp_results_open. Close it whatever this returns. */
esp_err esp_worker_open(esp_worker *worker, const char *path, const char *source);

/** @return that of esp_results_close. */
esp_err esp_worker_close(esp_worker *worker);

/** Compute a cell and commit it.
 *  @return ESP_OK; ESP_ERR_STOPPED with the state of the stage saved; ESP_ERR_IO, ESP_ERR_DATA (its parent in the file is
 *          damaged), ESP_ERR_NOMEM. */
esp_err esp_worker_cell(esp_worker *worker, esp_cell cell, esp_outcome *outcome);

#endif
