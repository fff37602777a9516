/* report/explain.c - what lies behind one point of a panel. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "espalier/statistics.h"
#include "internal.h"

static void list_panels(char *text, size_t size)
{
  size_t used = 0;
  for (const esp_series *series = esp_all_series; series->panel; series++)
    if (series == esp_series_of(series->panel))
      used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", series->panel);
}

/* The series of a panel and the file that has it. */
static esp_err find_panel(const esp_report *report, const char *name, const esp_series **series, const esp_source **source)
{
  char names[256];
  const esp_panel *panel = esp_panel_of(name);
  const esp_scatter *scatter = esp_scatter_of(name); /* 5E, 7H and 7I are about the exponents of 5D and 7D */
  *series = esp_series_of(scatter ? scatter->exponent : name);
  list_panels(names, sizeof names);
  ESP_REQUIRE(panel, ESP_ERR_USAGE, "there is no panel '%s'; panels with points to explain are %s", name, names);
  ESP_REQUIRE(*series, ESP_ERR_USAGE, "panel %s has no points to explain (docs/PANELS.md says what it is); panels with points "
              "to explain are %s", name, names);
  *source = esp_report_source(report, panel->experiment);
  ESP_REQUIRE(*source, ESP_ERR_USAGE, "panel %s is of experiment %s, and %s is of experiment %s; give a file of that experiment",
              name, esp_experiment_name(panel->experiment), report->source[0].in.path, report->source[0].plan->experiment);
  ESP_REQUIRE(esp_series_n_points(*series, *source) > 0, ESP_ERR_USAGE, "%s: has nothing for panel %s (%s.from is 0)",
              (*source)->in.path, name, panel->experiment == ESP_EXPERIMENT_BANDIT ? "new_option" : "transfer");
  ESP_REQUIRE(esp_panel_level(name, *source) >= 0, ESP_ERR_USAGE, "%s: has no ladder with the value noise of panel %s",
              (*source)->in.path, name);
  return ESP_OK;
}

static double gap(const esp_series *series, const esp_source *s, int point, double x)
{
  return fabs(esp_series_x(series, s, point) - x);
}

static int nearest_point(const esp_series *series, const esp_source *s, double x)
{
  int nearest = 0;
  for (int i = 1; i < esp_series_n_points(series, s); i++)
    if (gap(series, s, i, x) < gap(series, s, nearest, x))
      nearest = i;
  return nearest;
}

static int nearest_rung(const esp_source *s, double fraction)
{
  int nearest = 0;
  for (int r = 1; r < esp_source_n_rungs(s); r++)
    if (fabs(esp_source_fraction(s, r) - fraction) < fabs(esp_source_fraction(s, nearest) - fraction))
      nearest = r;
  return nearest;
}

static esp_err find_point(const esp_series *series, const esp_source *s, const char *panel, const char *at, int *row, int *point)
{
  char *end;
  const double first = strtod(at, &end);
  *row = 0;
  if (series->axis == ESP_BY_RUNG_AND_CALL) {
    const double call = *end == ',' ? strtod(end + 1, &end) : NAN;
    ESP_REQUIRE(end != at && !*end && isfinite(first) && isfinite(call), ESP_ERR_USAGE,
                "'%s' is no place in panel %s, which has rungs and calls: --at 0.70,3", at, panel);
    *row = nearest_rung(s, first);
    *point = nearest_point(series, s, call);
    return ESP_OK;
  }
  ESP_REQUIRE(end != at && !*end && isfinite(first), ESP_ERR_USAGE, "'%s' is no number; --at is a place on the x axis of panel %s",
              at, panel);
  *point = nearest_point(series, s, first);
  const int last = esp_series_n_points(series, s) - 1;
  const double low = esp_series_x(series, s, 0), high = esp_series_x(series, s, last);
  const double slack = last > 0 ? (high - low) / last : 0.1;
  ESP_REQUIRE(first > low - slack && first < high + slack, ESP_ERR_USAGE,
              "%g is not on the x axis of panel %s, which goes from %g to %g", first, panel, low, high);
  return ESP_OK;
}

static void print_arm(FILE *out, const esp_series *series, const esp_source *s, int level, int side, int row, int point,
                      double *values)
{
  const int arm = esp_source_arm(level, side);
  char slice[160];
  esp_series_values(series, s, arm, row, point, values);
  esp_series_slice(series, s, arm, row, point, slice, sizeof slice);
  const esp_summary summary = esp_summarise(s->plan->n_members, values);
  fprintf(out, "%s\n  from   %s\n  n      %ld\n  mean   %.17g\n  sem    %.17g\n  values", s->plan->arm_name[arm], slice, summary.n,
          summary.mean, summary.sem);
  for (int member = 0; member < s->plan->n_members; member++)
    fprintf(out, " %.6g", values[member]);
  fprintf(out, "\n");
}

/* How to compute one of the cells behind the point again: the first that is there. */
static void print_again(FILE *out, const esp_source *s, int level, int stage, const double *values)
{
  const int n = s->plan->n_members;
  for (int i = 0; i < 2 * n; i++)
    if (!isnan(values[i])) {
      fprintf(out, "\nTo compute one of these cells again and compare all bits:\n  espalier verify --cell %d,%s,%s %s\n", i % n,
              s->plan->arm_name[esp_source_arm(level, i / n)], s->plan->stages[stage].name, s->in.path);
      return;
    }
}

static void print_test(FILE *out, const double *a, const double *b, int n)
{
  const esp_t_test t = esp_t_test_paired(n, a, b);
  fprintf(out, "paired t test\n  n      %ld\n  mean   %.17g (95 %% %.4g to %.4g)\n  p      %.17g\n  t(%g)   %.4g, d_z %.3g\n", t.n,
          t.mean, t.low, t.high, t.p, t.df, t.t, t.d);
}

esp_err esp_report_explain(const esp_report *report, const char *panel, const char *at, FILE *out)
{
  const esp_series *series = NULL;
  const esp_source *s = NULL;
  int row = 0, point = 0;
  char *missing = NULL;
  ESP_TRY(find_panel(report, panel, &series, &s));
  ESP_TRY(find_point(series, s, panel, at, &row, &point));
  const int level = esp_panel_level(panel, s);
  ESP_TRY(esp_series_missing_at(series, s, level, row, point, &missing));
  const int n = s->plan->n_members, stage = esp_series_stage(series, s, row, point);
  double *values = malloc(2 * (size_t)n * sizeof *values);
  if (!values) {
    free(missing);
    return esp_fail(ESP_ERR_NOMEM, "no memory to explain panel %s", panel);
  }
  fprintf(out, "%s, panel %s: %s\n", s->in.path, panel, series->what);
  if (series->axis == ESP_BY_RUNG_AND_CALL)
    fprintf(out, "at rung %g, call %g", esp_source_fraction(s, row), esp_series_x(series, s, point));
  else
    fprintf(out, "at %g", esp_series_x(series, s, point));
  fprintf(out, ", from stage %s; slices are [member, arm, stage, ...], from 0\nnetworks: %s\n\n", s->plan->stages[stage].name,
          missing);
  for (int side = 0; side < 2; side++)
    print_arm(out, series, s, level, side, row, point, values + side * n);
  print_test(out, values, values + n, n);
  print_again(out, s, level, stage, values);
  free(values);
  free(missing);
  return ESP_OK;
}
