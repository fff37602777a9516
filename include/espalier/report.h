/* espalier/report.h - results files in, figures' numbers and verdicts out.
 *
 * A report is made of one to four results files, one of each experiment (dms, scratch, bandit, lever); each may be unfinished. It holds the
 * arrays behind every panel (docs/PANELS.md) and a verdict on each of the paper's claims (docs/SCIENCE.md, "Verdicts").
 * Population numbers come from the stored fields; example panels are computed again from the stored weights. Equal files give
 * equal bytes. Local, no MPI. */
#ifndef ESPALIER_REPORT_H
#define ESPALIER_REPORT_H
#include <stdio.h>

#include "espalier/results.h"

/** A results file that is open for reading; everything is borrowed. */
typedef struct {
  const char *path;
  const esp_config_file *config;
  const esp_plan *plan;
  const esp_results *results;
  const esp_commit *commits; /* [slots of the plan] */
  int n_members;             /* the first so many only; 0: all */
} esp_report_input;

#define ESP_REPORT_EXAMPLE_BY_RULE (-1)

typedef struct esp_report esp_report;

/** Read the files and compute everything. Free with esp_report_free.
 *  @param example  member of the example panels, or ESP_REPORT_EXAMPLE_BY_RULE (docs/PANELS.md has the rule)
 *  @return ESP_OK; ESP_ERR_USAGE: no file, two of one experiment, or no such example; ESP_ERR_DATA, ESP_ERR_IO,
 *          ESP_ERR_NOMEM. */
esp_err esp_report_make(int n_inputs, const esp_report_input *inputs, int example, esp_report **report);
void esp_report_free(esp_report *report);

/** Write panels.h5, scorecard.md, scorecard.json and tables/ *.csv into a directory, which is made if it is not there (its
 *  parent must be). Each file appears whole or not at all and replaces the one of an earlier report.
 *  @return ESP_OK, ESP_ERR_CANNOT_CREATE, ESP_ERR_IO, ESP_ERR_NOMEM, ESP_ERR_INTERNAL. */
esp_err esp_report_write(const esp_report *report, const char *directory);

/** Draw the pictures of a written report with tools/figures.py, which is looked for in $ESPALIER_TOOLS, beside the sources and
 *  where the program was installed. No shell is involved.
 *  @param[out] why_not  NULL: drawn; else what is missing and how to get it, static text */
esp_err esp_report_draw(const char *directory, const char **why_not);

/** Print one line a claim: number, panel, verdict, claim. */
void esp_report_print(const esp_report *report, FILE *out);

/** Print what lies behind one point of a panel: n, who is missing and why, the slices of the file, the numbers, and how to
 *  compute such a cell again.
 *  @param panel  name such as "5A"
 *  @param at     place on the x axis, the nearest point is taken; "0.70,3" for panels by rung and call
 *  @return ESP_OK; ESP_ERR_USAGE: no such panel (message lists those that there are), no such place;
 *          ESP_ERR_NOMEM. */
esp_err esp_report_explain(const esp_report *report, const char *panel, const char *at, FILE *out);

/** The names of the panels that can be explained: "1H, 1I, ..."; static text. */
const char *esp_report_explained(void);

#endif
