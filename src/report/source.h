/* report/source.h - one results file as the report sees it: stored numbers as doubles, NaN where there is no network.
 *
 * A field is named as in the file, and read when it is first asked for. If that fails its numbers are NaN, and esp_source_error() says
 * so: it is asked when a part of the report has been computed, before anything else can fail. To ask for a field that the file does not
 * have is such a failure, too. */
#ifndef ESPALIER_REPORT_SOURCE_H
#define ESPALIER_REPORT_SOURCE_H
#include "espalier/report.h"

struct esp_chapter;

typedef struct esp_source {
  esp_report_input in; /* its copy; what it points to is borrowed */
  const esp_config *config;
  const esp_plan *plan;
  const struct esp_chapter *chapter; /* what the report has to say of its experiment */
  esp_plan of_some;  /* the plan with fewer members, where only the first are asked for */
  double **value;    /* by field of the record: [slot, element]; NULL: not read yet     */
  esp_err *err;      /* of reading                                                      */
  void *counted;     /* what the chapter has counted for itself                         */
} esp_source;

/** Read nothing yet. Free whatever this returns. @return ESP_OK, ESP_ERR_NOMEM, ESP_ERR_USAGE: the experiment has no chapter. */
esp_err esp_source_open(const esp_report_input *input, esp_source *source);
void esp_source_free(esp_source *source);
esp_err esp_source_error(const esp_source *s);

/** Number of a field in the record; -1: there is none of that name. */
int esp_source_field(const esp_source *s, const char *field);
const char *esp_source_unit(const esp_source *s, const char *field);

/** Elements of a field in a cell; 0: there is no such field. */
long esp_source_count(const esp_source *s, const char *field);

/** An axis of the plan; there must be one of that name. */
const esp_axis *esp_source_axis(const esp_source *s, const char *name);

/** The numbers of a cell [esp_source_count()], NaN if it is not done; NULL: there is no such field. */
const double *esp_source_numbers(const esp_source *s, const char *field, esp_cell cell);

/** One of them; NaN also if there is no such field. */
double esp_source_value(const esp_source *s, const char *field, int member, int arm, int stage, long element);

esp_outcome esp_source_outcome(const esp_source *s, int member, int arm, int stage);

/** "not computed", or the reason of a failure. */
const char *esp_source_why_missing(const esp_source *s, int member, int arm, int stage);

#endif
