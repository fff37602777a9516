/* report/ladder.c - stages of a ladder are the start, then a stage for each rung, then what comes after. */
#include "ladder.h"

#include <math.h>

int esp_n_rungs(const esp_source *s)
{
  return s->config->ladder.fractions.n;
}

double esp_fraction(const esp_source *s, int rung)
{
  return s->config->ladder.fractions.value[rung];
}

int esp_rung_stage(int rung)
{
  return 1 + rung; /* stage 0 is the start */
}

int esp_rung_near(const esp_source *s, double fraction)
{
  int nearest = 0;
  for (int r = 1; r < esp_n_rungs(s); r++)
    if (fabs(esp_fraction(s, r) - fraction) < fabs(esp_fraction(s, nearest) - fraction))
      nearest = r;
  return nearest;
}

int esp_rung_070(const esp_source *s)
{
  return esp_rung_near(s, 0.70);
}

int esp_stage_070(const esp_source *s)
{
  return esp_rung_stage(esp_rung_070(s));
}

int esp_stage_after(const esp_source *s)
{
  const int stage = esp_rung_stage(esp_n_rungs(s));
  return stage < s->plan->n_stages ? stage : -1;
}

/* ---- points ---- */

static esp_scale rungs(const esp_source *s)
{
  return (esp_scale){.n = esp_n_rungs(s), .value = s->config->ladder.fractions.value};
}

static esp_place at_rung(const esp_source *s, int arm, int point)
{
  (void)s;
  return esp_one_number(arm, esp_rung_stage(point), 0);
}

const esp_points esp_by_rung = {.x_unit = "1",
                                .x_what = "fraction of the recurrent weights removed from the pruned networks",
                                .scale = rungs,
                                .place = at_rung};

static double share_of_bin(const esp_source *s, const esp_series *series, int member, esp_place place)
{
  return esp_share_in(s, series->field, (esp_cell){member, place.arm, place.stage}, place.first, 1);
}

const esp_points esp_by_weight = {.x_unit = "1",
                                  .x_what = "centre of a bin of recurrent weights",
                                  .stage = esp_stage_070,
                                  .value = share_of_bin,
                                  .done = ", over the sum of all bins of the member"};

/* ---- quantities ---- */

static bool within(double value, double from, double to)
{
  return value > from - 1e-9 && value < to + 1e-9;
}

double esp_mean_over_rungs(const esp_source *s, const esp_statement *part, int member, int arm)
{
  double sum = 0;
  int n = 0;
  for (int r = 0; r < esp_n_rungs(s); r++)
    if (within(esp_fraction(s, r), part->from, part->to)) {
      sum += esp_source_value(s, part->field, member, arm, esp_rung_stage(r), part->element);
      n++;
    }
  return n ? sum / n : NAN;
}

double esp_slope(int n, const double *x, const double *y)
{
  double mean_x = 0, mean_y = 0, xx = 0, xy = 0;
  for (int i = 0; i < n; i++) {
    mean_x += x[i] / n;
    mean_y += y[i] / n;
  }
  for (int i = 0; i < n; i++) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  return n < 3 ? NAN : xy / xx;
}

double esp_slope_over_rungs(const esp_source *s, const esp_statement *part, int member, int arm)
{
  double y[ESP_MAX_LIST];
  for (int r = 0; r < esp_n_rungs(s); r++)
    y[r] = esp_source_value(s, part->field, member, arm, esp_rung_stage(r), part->element);
  return esp_slope(esp_n_rungs(s), s->config->ladder.fractions.value, y);
}

double esp_at_070(const esp_source *s, const char *field, int member, int arm, long element)
{
  return esp_source_value(s, field, member, arm, esp_stage_070(s), element);
}

double esp_value_070(const esp_source *s, const esp_statement *part, int member, int arm)
{
  return esp_at_070(s, part->field, member, arm, part->element);
}

double esp_weights_of_size(const esp_source *s, const esp_statement *part, int member, int arm)
{
  const esp_axis *bins = esp_source_axis(s, "weight_bin");
  const esp_cell cell = {member, arm, esp_stage_070(s)};
  double sum = 0;
  for (int bin = 0; bin < bins->length; bin++)
    if (within(fabs(bins->values[bin]), part->from, part->to))
      sum += esp_share_in(s, part->field, cell, bin, 1);
  return sum;
}
