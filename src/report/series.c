/* report/series.c - first what a number is, then who is missing, then means and tests into the book. Sums run in the order of the file,
 * members in theirs, so that equal files give equal bits. */
#include "series.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapter.h"
#include "espalier/statistics.h"
#include "files.h"
#include "ladder.h"

enum { MAX_NAMED = 8 };

const esp_series *esp_series_in(const esp_chapter *chapter, const char *panel)
{
  for (const esp_series *series = chapter->series; series->panel; series++)
    if (strcmp(series->panel, panel) == 0)
      return series;
  return NULL;
}

const esp_series *esp_series_of(const esp_source *s, const char *panel)
{
  return esp_series_in(s->chapter, panel);
}

/* ---- what a point is ---- */

static esp_scale scale_of(const esp_series *series, const esp_source *s)
{
  if (series->points->scale)
    return series->points->scale(s);
  const esp_axis *axis = &s->plan->axes[s->plan->record.field[esp_source_field(s, series->field)].axis[0]];
  return (esp_scale){.n = axis->length, .value = axis->values};
}

int esp_series_n_points(const esp_series *series, const esp_source *s)
{
  return scale_of(series, s).n;
}

static int n_rows_of(const esp_series *series, const esp_source *s)
{
  return series->points->row_what ? esp_n_rungs(s) : 1;
}

double esp_series_x(const esp_series *series, const esp_source *s, int point)
{
  const esp_scale scale = scale_of(series, s);
  const int i = point % scale.n;
  return scale.value ? scale.value[i] : scale.of ? scale.of(s, i) : i + 1;
}

esp_place esp_one_number(int arm, int stage, long element)
{
  return (esp_place){.arm = arm, .stage = stage, .first = element, .length = 1, .n_blocks = 1, .index = element};
}

esp_place esp_series_place(const esp_series *series, const esp_source *s, int arm, int point)
{
  const esp_points *points = series->points;
  esp_place place = points->place ? points->place(s, arm, point) : esp_one_number(arm, points->stage(s), point);
  place.first += series->element;
  place.index += series->element;
  return place;
}

double esp_mean_at(const esp_source *s, const char *field, int member, esp_place p)
{
  const double *numbers = esp_source_numbers(s, field, (esp_cell){member, p.arm, p.stage});
  double sum = 0;
  for (long block = 0; block < p.n_blocks && numbers; block++) {
    double of_block = 0;
    for (long i = 0; i < p.length; i++)
      of_block += numbers[p.first + block * p.stride + i];
    sum += of_block;
  }
  return numbers ? sum / (double)(p.n_blocks * p.length) : NAN;
}

double esp_series_value(const esp_series *series, const esp_source *s, int member, int arm, int point)
{
  const esp_place place = esp_series_place(series, s, arm, point);
  return series->points->value ? series->points->value(s, series, member, place)
                               : esp_mean_at(s, series->field, member, place);
}

void esp_series_values(const esp_series *series, const esp_source *s, int arm, int point, double *values)
{
  for (int member = 0; member < s->plan->n_members; member++)
    values[member] = esp_series_value(series, s, member, arm, point);
}

void esp_series_slice(const esp_series *series, const esp_source *s, int arm, int point, char *text, size_t size)
{
  const esp_points *points = series->points;
  const esp_place place = esp_series_place(series, s, arm, point);
  char inside[40] = "";
  if (points->slice) {
    points->slice(s, place, text, size);
    return;
  }
  if (s->plan->record.field[esp_source_field(s, series->field)].n_axes > 0)
    snprintf(inside, sizeof inside, ", %s%ld%s", points->before ? points->before : "", place.index,
             points->after ? points->after : "");
  snprintf(text, size, "/records/%s[:, %d, %d%s]%s", series->field, place.arm, place.stage, inside, points->done ? points->done : "");
}

double esp_share_in(const esp_source *s, const char *field, esp_cell cell, long first, long n)
{
  const double *numbers = esp_source_numbers(s, field, cell);
  double sum = 0, whole = 0;
  for (long i = 0; i < esp_source_count(s, field) && numbers; i++) {
    if (i >= first && i < first + n)
      sum += numbers[i];
    whole += numbers[i];
  }
  return whole > 0 ? sum / whole : NAN;
}

/* ---- who is missing ---- */

static bool is_done(const esp_source *s, int member, int arm, int stage)
{
  return esp_source_outcome(s, member, arm, stage).state == ESP_CELL_DONE;
}

/* The stage that a member lacks at a point, -1: none. */
static int missing_at(const esp_series *series, const esp_source *s, int member, int arm, int point)
{
  const esp_place place = esp_series_place(series, s, arm, point);
  if (place.stage < 0 || member >= s->plan->stages[place.stage].n_members)
    return -1;
  if (!series->points->of_many)
    return is_done(s, member, place.arm, place.stage) ? -1 : place.stage;
  if (!isnan(esp_series_value(series, s, member, arm, point)))
    return -1;
  int stage = 0;
  while (stage < place.stage && (s->plan->stages[stage].absent[place.arm] || is_done(s, member, place.arm, stage)))
    stage++;
  return stage;
}

/* The first at any point, if none is named. */
static int missing_stage(const esp_series *series, const esp_source *s, int member, int arm, int point)
{
  if (point != ESP_AT_ANY_POINT)
    return missing_at(series, s, member, arm, point);
  int stage = -1;
  for (int i = 0; i < n_rows_of(series, s) * esp_series_n_points(series, s) && stage < 0; i++)
    stage = missing_at(series, s, member, arm, i);
  return stage;
}

static void tell_missing(const esp_series *series, const esp_source *s, int arm, const char *name, int point, FILE *out)
{
  const esp_place place = esp_series_place(series, s, arm, point == ESP_AT_ANY_POINT ? 0 : point);
  const int n_planned = place.stage < 0 ? 0 : s->plan->stages[place.stage].n_members;
  int n_missing = 0, n_named = 0;
  for (int member = 0; member < n_planned; member++)
    n_missing += missing_stage(series, s, member, arm, point) >= 0;
  if (n_missing == 0) {
    fprintf(out, "%s: all %d", name, n_planned);
    return;
  }
  fprintf(out, "%s: %d of %d (", name, n_planned - n_missing, n_planned);
  for (int member = 0; member < n_planned && n_named < MAX_NAMED; member++) {
    const int stage = missing_stage(series, s, member, arm, point);
    if (stage >= 0)
      fprintf(out, "%smember %d: %s at %s", n_named++ ? ", " : "", member, esp_source_why_missing(s, member, place.arm, stage),
              s->plan->stages[stage].name);
  }
  if (n_missing > n_named)
    fprintf(out, ", and %d more", n_missing - n_named);
  fprintf(out, ")");
}

void esp_series_tell_missing(const esp_series *series, const esp_source *s, const esp_sides *sides, int point, FILE *out)
{
  for (int i = 0; i < sides->n; i++) {
    fputs(i ? "; " : "", out);
    tell_missing(series, s, sides->arm[i], sides->name[i], point, out);
  }
}

/* ---- into the book ---- */

typedef char dataset_name[40];

static const char *name_of(const esp_series *series, const char *what, dataset_name name)
{
  snprintf(name, sizeof(dataset_name), "%s%s%s", series->prefix ? series->prefix : "", what,
           series->suffix ? series->suffix : "");
  return name;
}

void esp_sides_open(const esp_sides *sides, const char *panel, const char *arm, esp_book *book)
{
  esp_book_open(book, "%s%s%s%s%s", panel, sides->group[0] ? "/" : "", sides->group, arm[0] ? "/" : "", arm);
}

static void fill_x(const esp_series *series, const esp_source *s, esp_book *book)
{
  const int n = esp_series_n_points(series, s), n_rows = n_rows_of(series, s);
  esp_book_open(book, "%s", series->panel);
  double *x = esp_book_numbers(book, "x", series->points->x_unit, series->points->x_what, ESP_SHAPE(n));
  double *rows = series->points->row_what ? esp_book_numbers(book, "rung", "1", series->points->row_what, ESP_SHAPE(n_rows)) : NULL;
  if (esp_book_error(book) != ESP_OK)
    return;
  for (int i = 0; i < n; i++)
    x[i] = esp_series_x(series, s, i);
  for (int row = 0; row < n_rows && rows; row++)
    rows[row] = esp_fraction(s, row);
}

static void fill_arm(const esp_series *series, const esp_source *s, int arm, double *values, esp_book *book)
{
  const int n_members = s->plan->n_members;
  const long n_rows = n_rows_of(series, s), n_points = esp_series_n_points(series, s);
  const long both[] = {n_rows, n_points}, *length = series->points->row_what ? both : both + 1;
  const int n_axes = series->points->row_what ? 2 : 1;
  const char *unit = esp_source_unit(s, series->field);
  dataset_name name; /* the book has a copy */
  double *mean = esp_book_numbers(book, name_of(series, "mean", name), unit, series->what, n_axes, length);
  double *sem = esp_book_numbers(book, name_of(series, "sem", name), unit, "standard error of the mean", n_axes, length);
  int32_t *n = esp_book_counts(book, name_of(series, "n", name), s->chapter->in_the_mean, n_axes, length);
  double *median = series->points->median ? esp_book_numbers(book, "median", unit, "median of the same", n_axes, length) : NULL;
  if (esp_book_error(book) != ESP_OK)
    return;
  for (long i = 0; i < n_rows * n_points; i++) {
    esp_series_values(series, s, arm, (int)i, values);
    const esp_summary summary = esp_summarise(n_members, values);
    mean[i] = summary.mean;
    sem[i] = summary.sem;
    n[i] = (int32_t)summary.n;
    if (median)
      median[i] = esp_median(n_members, values, values + n_members);
  }
}

static void fill_tests(const esp_series *series, const esp_source *s, const esp_sides *sides, double *values, esp_book *book)
{
  const int n_members = s->plan->n_members;
  const long n_points = esp_series_n_points(series, s);
  dataset_name name;
  esp_sides_open(sides, series->panel, "", book);
  double *p = esp_book_numbers(book, name_of(series, "p", name), "1", "two-sided p of the paired t test, pruned against twin",
                               ESP_SHAPE(n_points));
  int32_t *n_pairs = esp_book_counts(book, name_of(series, "n_pairs", name), "members with a number in both arms",
                                     ESP_SHAPE(n_points));
  int32_t *significant = esp_book_counts(book, name_of(series, "significant", name), "1: p < 0.01", ESP_SHAPE(n_points));
  if (esp_book_error(book) != ESP_OK)
    return;
  for (int point = 0; point < n_points; point++) {
    esp_series_values(series, s, sides->arm[0], point, values);
    esp_series_values(series, s, sides->arm[1], point, values + n_members);
    const esp_t_test test = esp_t_test_paired(n_members, values, values + n_members);
    p[point] = test.p;
    n_pairs[point] = (int32_t)test.n;
    significant[point] = test.p < ESP_CLAIM_ALPHA;
  }
}

static void fill_sides(const esp_series *series, const esp_source *s, const esp_sides *sides, double *values, esp_book *book)
{
  for (int i = 0; i < sides->n; i++) {
    esp_sides_open(sides, series->panel, sides->name[i], book);
    fill_arm(series, s, sides->arm[i], values, book);
  }
  if (series->tested)
    fill_tests(series, s, sides, values, book);
}

static esp_err name_networks(const esp_series *series, const esp_source *s, const esp_sides *sides, esp_book *book)
{
  esp_draft draft;
  ESP_TRY(esp_draft_begin(&draft));
  esp_series_tell_missing(series, s, sides, ESP_AT_ANY_POINT, draft.out);
  const esp_err err = esp_draft_end(&draft);
  esp_sides_open(sides, series->panel, "", book);
  if (err == ESP_OK)
    esp_book_text(book, "networks", s->chapter->in_others, draft.text);
  free(draft.text);
  return err;
}

esp_err esp_series_fill(const esp_series *series, const esp_source *s, esp_book *book)
{
  const bool first = series == esp_series_of(s, series->panel);
  esp_sides all[ESP_MAX_ARMS];
  const int n = esp_all_sides_of(s, series->level, all);
  double *values = malloc(2 * (size_t)s->plan->n_members * sizeof *values);
  ESP_REQUIRE(values, ESP_ERR_NOMEM, "no memory for panel %s", series->panel);
  esp_err err = ESP_OK;
  if (first)
    fill_x(series, s, book);
  for (int i = 0; i < n && err == ESP_OK; i++) {
    fill_sides(series, s, &all[i], values, book);
    if (first && all[i].group[0])
      err = name_networks(series, s, &all[i], book);
  }
  free(values);
  return err == ESP_OK ? esp_book_error(book) : err;
}
