/* report/compose.h - a report in memory, and its parts that become files. */
#ifndef ESPALIER_REPORT_COMPOSE_H
#define ESPALIER_REPORT_COMPOSE_H
#include "chapter.h"

struct esp_report {
  int n_sources;
  esp_source source[ESP_N_EXPERIMENTS];    /* the main one first, as in esp_experiment_id */
  const esp_source *of[ESP_N_EXPERIMENTS]; /* by experiment; NULL: no such file           */
  esp_example example[ESP_N_EXPERIMENTS];  /* by experiment; member -1: none              */
  esp_book book;
  int n_claims;
  esp_judgement *judgement; /* [n_claims], by number */
};

esp_err esp_scorecard_write(const esp_report *report, const char *directory); /* scorecard.md, scorecard.json */
esp_err esp_tables_write(const esp_report *report, const char *directory);    /* tables/ *.csv                */

#endif
