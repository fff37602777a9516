/* report/lever_numbers.h - numbers of each run of the lever experiment that are counted on whole records: connectomes, parameters and
 * rates are compared between stages. Records are read one at a time; the fields of all cells would be gigabytes. */
#ifndef ESPALIER_REPORT_LEVER_NUMBERS_H
#define ESPALIER_REPORT_LEVER_NUMBERS_H
#include "espalier/lever_experiment.h"
#include "example.h"

enum { ESP_LEVER_TURNOVER_ARMS = 2 }; /* plastic, approximate */

/** Numbers of a run; NaN: not there. */
enum {
  /* Share of the potential synapses that are functional when the task changes, at the end of learning, at both or neither. */
  ESP_FATE_NEVER, ESP_FATE_DECAYS, ESP_FATE_EMERGES, ESP_FATE_STAYS, ESP_N_FATES,
  /* Root mean square change of the sampled parameters in hours 0-12, 12-24, 24-36. */
  ESP_MOVE_BEFORE = ESP_N_FATES, ESP_MOVE_SOLVED, ESP_MOVE_CHANGED,
  /* Correlation of the rates around movements at hour 22 with those at hour 0, and at hour 21, over times, mean over E. */
  ESP_LIKE_THE_START, ESP_LIKE_AN_HOUR_BEFORE,
  ESP_UP_RATE,     /* at hour 22: rate of E in no pool while the lever goes up less that while it goes down, Hz */
  ESP_FIRST_SHARE, /* turnover in hours 0-2 over the potential synapses                                         */
  ESP_N_OF_RUN
};

typedef struct {
  int n_turnover; /* intervals of turnover */
  double (*of_run)[ESP_N_OF_RUN];
  double value[]; /* of turnover and of_run */
} esp_lever_numbers;

/** Room for them, all NaN, to be freed by the caller. NULL: no memory, which has been said. */
esp_lever_numbers *esp_lever_numbers_make(int n_runs, int n_turnover);

/** Synapses that appeared or disappeared in each interval [n_turnover]. */
double *esp_lever_turnover(esp_lever_numbers *numbers, int member, int arm);

/** Count them into the source. @return ESP_OK, ESP_ERR_NOMEM, ESP_ERR_DATA, ESP_ERR_IO. */
esp_err esp_lever_count(esp_source *s);

/** Hours in an interval of turnover: 2 where the task changes at hour 24, in whole stages. */
double esp_lever_turnover_hours(const esp_source *s);

/** Does the task change at hour 24, as in the caption? What is measured at hours of the caption is there only then. */
bool esp_lever_is_timed(const esp_source *s);

/** The last stage of learning that begins at an hour or before. Recordings and movements are of the beginning of their stage. */
int esp_lever_stage_from(const esp_source *s, double hour);

/** The stage of learning whose end is nearest an hour; -1: none lies within half a stage. */
int esp_lever_stage_at(const esp_source *s, double hour);

/** Read the record of a cell of learning. False: it is not done, or esp_source_error() says what went wrong. */
bool esp_lever_read(const esp_source *s, int member, int arm, int stage, esp_record *record);

/** Numbers of a field of floats, from one of them on. */
void esp_lever_copy(const esp_source *s, const esp_record *record, const char *field, size_t first, size_t n, double *to);

/** Rates of the excitatory neurons around movements, smoothed by a Gaussian of 30 ms [n_exc, n_times]. */
void esp_lever_rates(const esp_source *s, const esp_record *record, double *rate);

#endif
