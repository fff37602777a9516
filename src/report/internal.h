/* report/internal.h - a report in memory, and what its parts share. */
#ifndef ESPALIER_REPORT_INTERNAL_H
#define ESPALIER_REPORT_INTERNAL_H
#include <stdio.h>

#include "claims.h"
#include "panels.h"

struct esp_report {
  int n_sources;
  esp_source source[ESP_N_EXPERIMENTS];   /* the main one first, as in esp_experiment_id           */
  esp_example example[ESP_N_EXPERIMENTS]; /* by experiment; scratch has none                       */
  esp_book book;
  esp_judgement judgement[ESP_N_CLAIMS];
};

/** The source of an experiment; NULL: there is no such file. */
const esp_source *esp_report_source(const esp_report *report, esp_experiment_id experiment);

/** Last part of a path. */
const char *esp_base_name(const char *path);

/** A text file that is written in memory and then appears as a whole. */
typedef struct {
  FILE *out; /* print here */
  char *text;
  size_t size;
} esp_draft;

esp_err esp_draft_begin(esp_draft *draft);

/** Make the draft the file directory/name, in place of one that is there. Ends the draft whatever this returns. */
esp_err esp_draft_save(esp_draft *draft, const char *directory, const char *name);

/** directory/name and a suffix as heap text; the caller frees it. */
esp_err esp_path_join(const char *directory, const char *name, const char *suffix, char **path);

/** Give a finished file its name; temporary is gone afterwards. */
esp_err esp_file_rename(const char *temporary, const char *path);

/** Make a directory unless it is there. */
esp_err esp_directory_make(const char *path);

esp_err esp_scorecard_write(const esp_report *report, const char *directory); /* scorecard.md, scorecard.json */
esp_err esp_tables_write(const esp_report *report, const char *directory);    /* tables/ *.csv                */

#endif
