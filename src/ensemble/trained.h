/* ensemble/trained.h - a finished results file whose networks are measured again. Local. */
#ifndef ESPALIER_ENSEMBLE_TRAINED_H
#define ESPALIER_ENSEMBLE_TRAINED_H
#include "espalier/config.h"
#include "espalier/experiment.h"
#include "espalier/results.h"

typedef struct {
  esp_config_file config;
  esp_plan plan;
  esp_results *results;
  esp_record record;
} esp_trained;

/** Open it.
 *  @return ESP_OK, ESP_ERR_DATA, errors of esp_results_open. Close it whatever this returns. */
esp_err esp_trained_open(const char *path, esp_trained *trained);
void esp_trained_close(esp_trained *trained);

/** The record of a cell with the same network, measured as config says; its outcome is that of the file.
 *  @return ESP_OK, ESP_ERR_DATA if the cell is missing or damaged, ESP_ERR_NOMEM, ESP_ERR_INTERNAL. */
esp_err esp_trained_measure(esp_trained *trained, const esp_config *config, esp_cell cell, esp_record *record,
                            esp_outcome *outcome, esp_workspace *ws);

#endif
