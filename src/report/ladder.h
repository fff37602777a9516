/* report/ladder.h - what experiments with ladders share: rungs, points along them, panels of all networks at one rung. */
#ifndef ESPALIER_REPORT_LADDER_H
#define ESPALIER_REPORT_LADDER_H
#include "claims.h"
#include "series.h"

enum { ESP_SPARSE, ESP_DENSE }; /* sides of a ladder: pruned and twin */

/** The rungs: prune fraction, and the stage in the table. */
int esp_n_rungs(const esp_source *s);
double esp_fraction(const esp_source *s, int rung);
int esp_rung_stage(int rung);

int esp_rung_near(const esp_source *s, double fraction);

/** The rung nearest 0.70, which the paper's examples and panels by onset and strength are taken from, and its stage. */
int esp_rung_070(const esp_source *s);
int esp_stage_070(const esp_source *s);

/** The stage that comes after the ladder: new cues, a new option; -1: none. */
int esp_stage_after(const esp_source *s);

/** One number, or one element of a field, at each rung. */
extern const esp_points esp_by_rung;

/** A bin of weights, as share, at the rung nearest 0.70. */
extern const esp_points esp_by_weight;

/* ---- quantities of claims: of a statement's field ---- */

extern esp_quantity esp_mean_over_rungs;  /* over those from .from to .to; NaN: there is none                                  */
extern esp_quantity esp_slope_over_rungs; /* by prune fraction                                                                 */
extern esp_quantity esp_value_070;        /* at the rung nearest 0.70                                                          */
extern esp_quantity esp_weights_of_size;  /* there: share of the weights whose size is from .from to .to; the field is a histogram */

/** A number at the rung nearest 0.70. */
double esp_at_070(const esp_source *s, const char *field, int member, int arm, long element);

/** Slope of a least-squares line; NaN for fewer than three points, which say nothing about a trend. */
double esp_slope(int n, const double *x, const double *y);

#endif
