/* report/series.h - panels that are means over members: one table says what each point is, and mean, SEM, tests, tables and
 * explanations all follow from it.
 *
 * A point of a series is one number per member and arm: the mean of a block of stored numbers of one cell. Where a file has
 * several ladders (the bandit's levels of noise), a panel shows one of them, and the others lie in subgroups. */
#ifndef ESPALIER_REPORT_SERIES_H
#define ESPALIER_REPORT_SERIES_H
#include <stddef.h>
#include <stdio.h>

#include "book.h"
#include "espalier/statistics.h"
#include "source.h"

typedef enum {
  ESP_BY_RUNG,
  ESP_BY_ONSET,         /* at the rung nearest 0.70; all strengths above 0 and conditions */
  ESP_BY_STRENGTH,      /* there; all onsets and conditions                               */
  ESP_BY_RUNG_AND_CALL, /* one row of points for each rung                                */
  ESP_BY_TRANSFER_CALL,
  ESP_BY_SCRATCH_CALL,  /* old cues, then new cues                                        */
  ESP_BY_WEIGHT,        /* at the rung nearest 0.70; share of the weights in a bin        */
  ESP_BY_FLOW_BIN,      /* there                                                          */
  ESP_BY_RANK,          /* there; cumulative share                                        */
  ESP_BY_NEW_OPTION_CALL, /* a network that has converged stays with the loss it reached  */
} esp_series_axis;

typedef struct {
  const char *panel;
  esp_experiment_id experiment;
  esp_series_axis axis;
  esp_measure measure;
  const char *prefix;  /* of the dataset names: "" or "all_"              */
  const char *suffix;  /* of the same: "" or "_greedy"                    */
  bool tested;         /* pruned against twin at every point              */
  const char *what;    /* the number of one member: start of the long name */
} esp_series;

/** The table; ends with panel NULL. */
extern const esp_series esp_all_series[];

/** The series that a panel shows first; NULL: the panel has none. */
const esp_series *esp_series_of(const char *panel);

int esp_series_n_rows(const esp_series *series, const esp_source *s); /* 1, but by rung and call */
int esp_series_n_points(const esp_series *series, const esp_source *s);
double esp_series_x(const esp_series *series, const esp_source *s, int point);

/** The stage that a point is taken from, -1: the file has none. */
int esp_series_stage(const esp_series *series, const esp_source *s, int row, int point);

/** The level of noise that the panel shows. */
int esp_series_level(const esp_series *series, const esp_source *s);

/** The number of one member; NaN: missing. */
double esp_series_value(const esp_series *series, const esp_source *s, int member, int arm, int row, int point);

/** The numbers of all members [n_members]. */
void esp_series_values(const esp_series *series, const esp_source *s, int arm, int row, int point, double *values);

/** The slice of the file that they come from, as h5py writes it: "/records/loss[:, 0, 3]", and what is done with it. */
void esp_series_slice(const esp_series *series, const esp_source *s, int arm, int row, int point, char *text, size_t size);

/** Add x, ARM/mean, ARM/sem, ARM/n and, if tested, p, n_pairs, significant to the book; for other levels of noise the same in
 *  level_L, with a text that names the networks. */
esp_err esp_series_fill(const esp_series *series, const esp_source *s, esp_book *book);

/** "twin: 5 of 6 (member 3: not_finite at rung_0.70)". stage_of_member: where each is missing [n_planned]; -1: it is there. */
void esp_name_missing(FILE *out, const esp_source *s, const char *networks, int arm, const int *stage_of_member, int n_planned);

/** Which members a panel misses: "pruned: all 6; twin: 5 of 6 (member 3: not_finite)"; heap text, the caller frees it. */
esp_err esp_series_missing(const esp_series *series, const esp_source *s, int level, char **text);

/** The same for one point. */
esp_err esp_series_missing_at(const esp_series *series, const esp_source *s, int level, int row, int point, char **text);

#endif
