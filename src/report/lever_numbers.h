/* report/lever_numbers.h - numbers of each run of the lever experiment that are counted on whole records: connectomes, parameters and
 * rates are compared between stages. Records are read one at a time; the fields of all cells would be gigabytes. */
#ifndef ESPALIER_REPORT_LEVER_NUMBERS_H
#define ESPALIER_REPORT_LEVER_NUMBERS_H
#include "espalier/lever_experiment.h"
#include "example.h"

enum { ESP_LEVER_TURNOVER_ARMS = 2 }; /* plastic, approximate */

/** What became of a potential synapse between the change of the task and the end of learning. */
enum { ESP_FATE_NEVER, ESP_FATE_DECAYS, ESP_FATE_EMERGES, ESP_FATE_STAYS, ESP_N_FATES };

/** Parts of the learning between whose ends parameters are compared. */
enum { ESP_MOVE_BEFORE, ESP_MOVE_SOLVED, ESP_MOVE_CHANGED, ESP_N_MOVES }; /* hours 0-12, 12-24, 24-36 */

/** What the rates around movements at hour 22 are compared with: those at hour 0, and at hour 21. */
enum { ESP_LIKE_THE_START, ESP_LIKE_AN_HOUR_BEFORE, ESP_N_LIKENESSES };

/** [run first]; NaN: not there. */
typedef struct {
  int n_turnover;       /* intervals of turnover                                                              */
  double *turnover;     /* synapses that appeared or disappeared in an interval [run, arm, interval]          */
  double *share;        /* the same over the potential synapses                                               */
  double *fate;         /* share of the potential synapses [run, ESP_N_FATES]                                 */
  double *move;         /* root mean square change of the sampled parameters [run, ESP_N_MOVES]               */
  double *likeness;     /* correlation of rates over the times of the mean movement, mean over E [run, ESP_N_LIKENESSES]    */
  double *up_rate;      /* at hour 22: rate of E in no pool while the lever goes up less that while it goes down, Hz [run] */
} esp_lever_numbers;

/** Room for them, all NaN, in one block. @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_lever_numbers_make(int n_runs, int n_turnover, esp_lever_numbers *numbers);

/** @return ESP_OK, ESP_ERR_NOMEM, ESP_ERR_DATA, ESP_ERR_IO. Free whatever this returns. */
esp_err esp_lever_numbers_load(const esp_source *s, esp_lever_numbers *numbers);
void esp_lever_numbers_free(esp_lever_numbers *numbers);

/** Hours in an interval of turnover: 2 where the task changes at hour 24, in whole stages. */
double esp_lever_turnover_hours(const esp_source *s);

/** Does the task change at hour 24, as in the caption? What is measured at hours of the caption is there only then. */
bool esp_lever_is_timed(const esp_source *s);

/** The last stage of learning that begins at an hour or before. Recordings and movements are of the beginning of their stage. */
int esp_lever_stage_from(const esp_source *s, double hour);

/** The stage of learning whose end is nearest an hour; -1: none lies within half a stage. */
int esp_lever_stage_at(const esp_source *s, double hour);

/** The record of a cell of learning that is done.
 *  @param[out] there  false: it is not, record is untouched */
esp_err esp_lever_read(const esp_source *s, int member, int arm, int stage, esp_record *record, bool *there);

/** Rates of the excitatory neurons around movements, smoothed by a Gaussian of 30 ms [n_exc, n_times], and the bins of their peaks
 *  [n_exc]. peak may be NULL. */
void esp_lever_rates(const esp_source *s, const esp_record *record, double *rate, int *peak);

#endif
