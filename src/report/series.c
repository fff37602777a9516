/* report/series.c - first what a number is, then means and tests into the book, then who is missing. Sums run in the order of the file,
 * members in theirs, so that equal files give equal bits. */
#include "series.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapter.h"
#include "espalier/statistics.h"
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

/* ---- into the book ---- */

static void name_of(const esp_series *series, const char *what, char name[40])
{
  snprintf(name, 40, "%s%s%s", series->prefix ? series->prefix : "", what, series->suffix ? series->suffix : "");
}

static void open_group(const esp_series *series, const esp_sides *sides, const char *arm, esp_book *book)
{
  esp_book_open(book, "%s%s%s%s%s", series->panel, sides->group[0] ? "/" : "", sides->group, arm[0] ? "/" : "", arm);
}

static esp_err fill_x(const esp_series *series, const esp_source *s, esp_book *book)
{
  const int n = esp_series_n_points(series, s), n_rows = n_rows_of(series, s);
  esp_book_open(book, "%s", series->panel);
  double *x = esp_book_numbers(book, "x", series->points->x_unit, series->points->x_what, ESP_SHAPE(n));
  double *rows = series->points->row_what ? esp_book_numbers(book, "rung", "1", series->points->row_what, ESP_SHAPE(n_rows)) : NULL;
  ESP_TRY(esp_book_error(book));
  for (int i = 0; i < n; i++)
    x[i] = esp_series_x(series, s, i);
  for (int row = 0; row < n_rows && rows; row++)
    rows[row] = esp_fraction(s, row);
  return ESP_OK;
}

static esp_err fill_arm(const esp_series *series, const esp_source *s, int arm, double *values, esp_book *book)
{
  const int n_members = s->plan->n_members;
  const long n_rows = n_rows_of(series, s), n_points = esp_series_n_points(series, s);
  const long both[] = {n_rows, n_points}, *length = series->points->row_what ? both : both + 1;
  const int n_axes = series->points->row_what ? 2 : 1;
  const char *unit = esp_source_unit(s, series->field);
  char mean_name[40], sem_name[40], n_name[40];
  name_of(series, "mean", mean_name);
  name_of(series, "sem", sem_name);
  name_of(series, "n", n_name);
  double *mean = esp_book_numbers(book, mean_name, unit, series->what, n_axes, length);
  double *sem = esp_book_numbers(book, sem_name, unit, "standard error of the mean", n_axes, length);
  int32_t *n = esp_book_counts(book, n_name, s->chapter->in_the_mean, n_axes, length);
  double *median = series->points->median ? esp_book_numbers(book, "median", unit, "median of the same", n_axes, length) : NULL;
  ESP_TRY(esp_book_error(book));
  for (long i = 0; i < n_rows * n_points; i++) {
    esp_series_values(series, s, arm, (int)i, values);
    const esp_summary summary = esp_summarise(n_members, values);
    mean[i] = summary.mean;
    sem[i] = summary.sem;
    n[i] = (int32_t)summary.n;
    if (median)
      median[i] = esp_median(n_members, values, values + n_members);
  }
  return ESP_OK;
}

static esp_err fill_tests(const esp_series *series, const esp_source *s, const esp_sides *sides, double *values, esp_book *book)
{
  const int n_members = s->plan->n_members;
  const long n_points = esp_series_n_points(series, s);
  char p_name[40], pairs_name[40], significant_name[40];
  name_of(series, "p", p_name);
  name_of(series, "n_pairs", pairs_name);
  name_of(series, "significant", significant_name);
  open_group(series, sides, "", book);
  double *p = esp_book_numbers(book, p_name, "1", "two-sided p of the paired t test, pruned against twin", ESP_SHAPE(n_points));
  int32_t *n_pairs = esp_book_counts(book, pairs_name, "members with a number in both arms", ESP_SHAPE(n_points));
  int32_t *significant = esp_book_counts(book, significant_name, "1: p < 0.01", ESP_SHAPE(n_points));
  ESP_TRY(esp_book_error(book));
  for (int point = 0; point < n_points; point++) {
    esp_series_values(series, s, sides->arm[0], point, values);
    esp_series_values(series, s, sides->arm[1], point, values + n_members);
    const esp_t_test test = esp_t_test_paired(n_members, values, values + n_members);
    p[point] = test.p;
    n_pairs[point] = (int32_t)test.n;
    significant[point] = test.p < 0.01;
  }
  return ESP_OK;
}

static esp_err fill_sides(const esp_series *series, const esp_source *s, const esp_sides *sides, double *values, esp_book *book)
{
  for (int i = 0; i < sides->n; i++) {
    open_group(series, sides, sides->name[i], book);
    ESP_TRY(fill_arm(series, s, sides->arm[i], values, book));
  }
  return series->tested ? fill_tests(series, s, sides, values, book) : ESP_OK;
}

static esp_err name_networks(const esp_series *series, const esp_source *s, const esp_sides *sides, esp_book *book)
{
  char *text = esp_series_missing(series, s, sides, ESP_AT_ANY_POINT);
  ESP_REQUIRE(text, ESP_ERR_NOMEM, "no memory for the texts of the report");
  open_group(series, sides, "", book);
  esp_book_text(book, "networks", s->chapter->in_others, text);
  free(text);
  return ESP_OK;
}

static esp_err fill(const esp_series *series, const esp_source *s, double *values, esp_book *book)
{
  const bool first = series == esp_series_of(s, series->panel);
  esp_sides sides, others[ESP_MAX_ARMS];
  if (first)
    ESP_TRY(fill_x(series, s, book));
  if (esp_sides_of(s, series->level, &sides))
    ESP_TRY(fill_sides(series, s, &sides, values, book));
  const int n_others = s->chapter->others ? s->chapter->others(s, series->level, others) : 0;
  for (int i = 0; i < n_others; i++) {
    ESP_TRY(fill_sides(series, s, &others[i], values, book));
    if (first)
      ESP_TRY(name_networks(series, s, &others[i], book));
  }
  return esp_book_error(book);
}

esp_err esp_series_fill(const esp_series *series, const esp_source *s, esp_book *book)
{
  double *values = malloc(2 * (size_t)s->plan->n_members * sizeof *values);
  ESP_REQUIRE(values, ESP_ERR_NOMEM, "no memory for panel %s", series->panel);
  const esp_err err = fill(series, s, values, book);
  free(values);
  return err;
}

/* ---- who is missing ---- */

static bool is_done(const esp_source *s, int member, int arm, int stage)
{
  return esp_source_outcome(s, member, arm, stage).state == ESP_CELL_DONE;
}

/* The stage that a member lacks at a point, -1: none. */
static int missing_stage(const esp_series *series, const esp_source *s, int member, int arm, int point)
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

static int first_missing_stage(const esp_series *series, const esp_source *s, int member, int arm)
{
  for (int point = 0; point < n_rows_of(series, s) * esp_series_n_points(series, s); point++) {
    const int stage = missing_stage(series, s, member, arm, point);
    if (stage >= 0)
      return stage;
  }
  return -1;
}

/* stage_of_member: where each is missing; -1: it is there. */
static void name_missing(FILE *out, const esp_source *s, const char *name, int arm, const int *stage_of_member, int n_planned)
{
  int n_missing = 0, n_named = 0;
  for (int member = 0; member < n_planned; member++)
    n_missing += stage_of_member[member] >= 0;
  if (n_missing == 0) {
    fprintf(out, "%s: all %d", name, n_planned);
    return;
  }
  fprintf(out, "%s: %d of %d (", name, n_planned - n_missing, n_planned);
  for (int member = 0; member < n_planned && n_named < MAX_NAMED; member++)
    if (stage_of_member[member] >= 0)
      fprintf(out, "%smember %d: %s at %s", n_named++ ? ", " : "", member,
              esp_source_why_missing(s, member, arm, stage_of_member[member]), s->plan->stages[stage_of_member[member]].name);
  if (n_missing > n_named)
    fprintf(out, ", and %d more", n_missing - n_named);
  fprintf(out, ")");
}

char *esp_series_missing(const esp_series *series, const esp_source *s, const esp_sides *sides, int point)
{
  char *text = NULL;
  size_t size;
  int *stage_of_member = calloc((size_t)s->plan->n_members, sizeof *stage_of_member);
  FILE *out = stage_of_member ? open_memstream(&text, &size) : NULL;
  for (int i = 0; i < sides->n && out; i++) {
    const esp_place place = esp_series_place(series, s, sides->arm[i], point == ESP_AT_ANY_POINT ? 0 : point);
    const int n_planned = place.stage < 0 ? 0 : s->plan->stages[place.stage].n_members;
    for (int member = 0; member < n_planned; member++)
      stage_of_member[member] = point == ESP_AT_ANY_POINT ? first_missing_stage(series, s, member, sides->arm[i])
                                                          : missing_stage(series, s, member, sides->arm[i], point);
    fputs(i ? "; " : "", out);
    name_missing(out, s, sides->name[i], place.arm, stage_of_member, n_planned);
  }
  const bool whole = out && !ferror(out);
  const bool closed = out && fclose(out) == 0;
  free(stage_of_member);
  if (whole && closed)
    return text;
  free(text);
  esp_fail(ESP_ERR_NOMEM, "no memory for the texts of the report");
  return NULL;
}
