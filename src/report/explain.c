/* report/explain.c - what lies behind one point of a panel. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "espalier/statistics.h"
#include "internal.h"
#include "lever_means.h"
#include "lever_panels.h"

/* ---- the panel ---- */

static void add_name(const char *name, char *text, size_t size)
{
  const size_t used = strlen(text);
  snprintf(text + used, size - used, "%s%s", used ? ", " : "", name);
}

/* 5E, 7H and 7I are about the exponents of 5D and 7D. */
static const esp_series *series_behind(const char *panel)
{
  const esp_scatter *scatter = esp_scatter_of(panel);
  return esp_series_of(scatter ? scatter->exponent : panel);
}

static void list_panels(char *text, size_t size)
{
  text[0] = '\0';
  for (const esp_panel *panel = esp_panels; panel->name; panel++)
    if (series_behind(panel->name) || esp_lever_means_of(panel->name))
      add_name(panel->name, text, size);
}

/* A panel has series of ladders and twins, or means over runs of the lever; and a file has the panel. */
static esp_err find_panel(const esp_report *report, const char *name, const esp_series **series, const esp_lever_means **means,
                          const esp_source **source)
{
  char names[256];
  const esp_panel *panel = esp_panel_of(name);
  *series = series_behind(name);
  *means = esp_lever_means_of(name);
  list_panels(names, sizeof names);
  ESP_REQUIRE(panel, ESP_ERR_USAGE, "there is no panel '%s'; panels with points to explain are %s", name, names);
  ESP_REQUIRE(*series || *means, ESP_ERR_USAGE, "panel %s has no points to explain (docs/PANELS.md says what it is); panels with "
              "points to explain are %s", name, names);
  *source = esp_report_source(report, panel->experiment);
  ESP_REQUIRE(*source, ESP_ERR_USAGE, "panel %s is of experiment %s, and %s is of experiment %s; give a file of that experiment",
              name, esp_experiment_name(panel->experiment), report->source[0].in.path, report->source[0].plan->experiment);
  return ESP_OK;
}

/* ---- the point ---- */

static esp_err take_axis(const char *panel, int n, double **x)
{
  *x = malloc((size_t)(n + 1) * sizeof **x);
  ESP_REQUIRE(*x, ESP_ERR_NOMEM, "no memory to explain panel %s", panel);
  return ESP_OK;
}

static int nearest(int n, const double *x, double wanted)
{
  int at = 0;
  for (int i = 1; i < n; i++)
    if (fabs(x[i] - wanted) < fabs(x[at] - wanted))
      at = i;
  return at;
}

static esp_err find_on_axis(const char *panel, const char *at, int n, const double *x, int *point)
{
  char *end;
  const double wanted = strtod(at, &end);
  ESP_REQUIRE(end != at && !*end && isfinite(wanted), ESP_ERR_USAGE, "'%s' is no number; --at is a place on the x axis of panel %s",
              at, panel);
  const double slack = n > 1 ? (x[n - 1] - x[0]) / (n - 1) : 0.1;
  ESP_REQUIRE(wanted > x[0] - slack && wanted < x[n - 1] + slack, ESP_ERR_USAGE,
              "%g is not on the x axis of panel %s, which goes from %g to %g", wanted, panel, x[0], x[n - 1]);
  *point = nearest(n, x, wanted);
  return ESP_OK;
}

static esp_err find_rung_and_call(const esp_source *s, const char *panel, const char *at, int n, const double *x, int *row, int *point)
{
  char *end;
  const double fraction = strtod(at, &end), call = *end == ',' ? strtod(end + 1, &end) : NAN;
  ESP_REQUIRE(end != at && !*end && isfinite(fraction) && isfinite(call), ESP_ERR_USAGE,
              "'%s' is no place in panel %s, which has rungs and calls: --at 0.70,3", at, panel);
  const int n_rungs = esp_source_n_rungs(s);
  double *rungs;
  ESP_TRY(take_axis(panel, n_rungs, &rungs));
  for (int rung = 0; rung < n_rungs; rung++)
    rungs[rung] = esp_source_fraction(s, rung);
  *row = nearest(n_rungs, rungs, fraction);
  *point = nearest(n, x, call);
  free(rungs);
  return ESP_OK;
}

static esp_err find_in_series(const esp_series *series, const esp_source *s, const char *panel, const char *at, int *row, int *point)
{
  const int n = esp_series_n_points(series, s);
  double *x;
  ESP_TRY(take_axis(panel, n, &x));
  for (int i = 0; i < n; i++)
    x[i] = esp_series_x(series, s, i);
  *row = 0;
  const esp_err err = series->axis == ESP_BY_RUNG_AND_CALL ? find_rung_and_call(s, panel, at, n, x, row, point)
                                                           : find_on_axis(panel, at, n, x, point);
  free(x);
  return err;
}

static esp_err find_in_means(const esp_lever_means *means, const esp_source *s, const char *at, int *point)
{
  const int n = means->n_points(s);
  double *x;
  ESP_TRY(take_axis(means->panel, n, &x));
  for (int i = 0; i < n; i++)
    x[i] = means->x(s, i);
  const esp_err err = find_on_axis(means->panel, at, n, x, point);
  free(x);
  return err;
}

/* ---- the numbers there ---- */

/* Of one arm: where they are from, and one for each member. */
typedef struct {
  int arm;             /* as the panel calls it                                             */
  int its_arm, stage;  /* of the last cell that they are from; one arm may go on from another */
  char slice[200];
  double *value;
} arm_numbers;

static void print_numbers(FILE *out, const esp_source *s, const arm_numbers *numbers)
{
  const esp_summary summary = esp_summarise(s->plan->n_members, numbers->value);
  fprintf(out, "%s\n  from   %s\n  n      %ld\n  mean   %.17g\n  sem    %.17g\n  values", s->plan->arm_name[numbers->arm],
          numbers->slice, summary.n, summary.mean, summary.sem);
  for (int member = 0; member < s->plan->n_members; member++)
    fprintf(out, " %.6g", numbers->value[member]);
  fprintf(out, "\n");
}

static void print_test(FILE *out, const esp_source *s, const arm_numbers *a, const arm_numbers *b)
{
  const esp_t_test t = esp_t_test_paired(s->plan->n_members, a->value, b->value);
  fprintf(out, "paired t test, %s less %s\n  n      %ld\n  mean   %.17g (95 %% %.4g to %.4g)\n  p      %.17g\n  t(%g)   %.4g, d_z %.3g\n",
          s->plan->arm_name[a->arm], s->plan->arm_name[b->arm], t.n, t.mean, t.low, t.high, t.p, t.df, t.t, t.d);
}

/* How to compute one of the cells behind the point again: the first that is there. */
static void print_again(FILE *out, const esp_source *s, int n, const arm_numbers *numbers)
{
  for (int i = 0; i < n; i++)
    for (int member = 0; member < s->plan->n_members; member++)
      if (!isnan(numbers[i].value[member])) {
        fprintf(out, "\nTo compute one of these cells again and compare all bits:\n  espalier verify --cell %d,%s,%s %s\n", member,
                s->plan->arm_name[numbers[i].its_arm], s->plan->stages[numbers[i].stage].name, s->in.path);
        return;
      }
}

static void print_all(FILE *out, const esp_source *s, int n, const arm_numbers *numbers)
{
  for (int i = 0; i < n; i++)
    print_numbers(out, s, &numbers[i]);
  for (int i = 1; i < n; i++)
    print_test(out, s, &numbers[0], &numbers[i]);
  print_again(out, s, n, numbers);
}

static esp_err explain_series(const esp_series *series, const esp_source *s, const char *panel, const char *at, arm_numbers *numbers,
                              FILE *out)
{
  int row, point;
  char *missing = NULL;
  const int level = esp_panel_level(panel, s);
  ESP_REQUIRE(esp_series_n_points(series, s) > 0, ESP_ERR_USAGE, "%s: has nothing for panel %s (%s.from is 0)", s->in.path, panel,
              series->experiment == ESP_EXPERIMENT_BANDIT ? "new_option" : "transfer");
  ESP_REQUIRE(level >= 0, ESP_ERR_USAGE, "%s: has no ladder with the value noise of panel %s", s->in.path, panel);
  ESP_TRY(find_in_series(series, s, panel, at, &row, &point));
  ESP_TRY(esp_series_missing_at(series, s, level, row, point, &missing));
  const int stage = esp_series_stage(series, s, row, point);
  fprintf(out, "%s, panel %s: %s\n", s->in.path, panel, series->what);
  if (series->axis == ESP_BY_RUNG_AND_CALL)
    fprintf(out, "at rung %g, call %g", esp_source_fraction(s, row), esp_series_x(series, s, point));
  else
    fprintf(out, "at %g", esp_series_x(series, s, point));
  fprintf(out, ", from stage %s; slices are [member, arm, stage, ...], from 0\nnetworks: %s\n\n", s->plan->stages[stage].name,
          missing);
  free(missing);
  for (int side = 0; side < 2; side++) {
    numbers[side].arm = numbers[side].its_arm = esp_source_arm(level, side);
    numbers[side].stage = stage;
    esp_series_values(series, s, numbers[side].arm, row, point, numbers[side].value);
    esp_series_slice(series, s, numbers[side].arm, row, point, numbers[side].slice, sizeof numbers[side].slice);
  }
  print_all(out, s, 2, numbers);
  return ESP_OK;
}

/* The stage that a run lacks first. */
static int first_missing(const esp_source *s, int run, const arm_numbers *numbers)
{
  for (int stage = 0; stage < numbers->stage; stage++)
    if (!s->plan->stages[stage].absent[numbers->its_arm] &&
        esp_source_outcome(s, run, numbers->its_arm, stage).state != ESP_CELL_DONE)
      return stage;
  return numbers->stage;
}

/* A number may need several cells: it is missing where it is NaN. */
static esp_err print_missing_runs(FILE *out, const esp_source *s, int n, const arm_numbers *numbers)
{
  const int n_runs = s->plan->n_members;
  int *stage_of_run = malloc((size_t)n_runs * sizeof *stage_of_run);
  ESP_REQUIRE(stage_of_run, ESP_ERR_NOMEM, "no memory to name runs");
  for (int i = 0; i < n; i++) {
    for (int run = 0; run < n_runs; run++)
      stage_of_run[run] = isnan(numbers[i].value[run]) ? first_missing(s, run, &numbers[i]) : -1;
    fputs(i ? "; " : "runs: ", out);
    esp_name_missing(out, s, s->plan->arm_name[numbers[i].arm], numbers[i].its_arm, stage_of_run, n_runs);
  }
  fputs("\n\n", out);
  free(stage_of_run);
  return ESP_OK;
}

static esp_err explain_means(const esp_lever_means *means, const esp_source *s, const char *at, arm_numbers *numbers, FILE *out)
{
  int point, n = 0;
  ESP_REQUIRE(esp_lever_panel_is_there(means->panel, s) && means->n_points(s) > 0, ESP_ERR_USAGE, "%s: has nothing for panel %s",
              s->in.path, means->panel);
  ESP_TRY(find_in_means(means, s, at, &point));
  fprintf(out, "%s, panel %s: %s [%s]\nat %g [%s], %s; slices are [run, arm, stage, ...], from 0\n", s->in.path, means->panel,
          means->what, means->unit, means->x(s, point), means->x_unit, means->x_what);
  for (int arm = means->first_arm; arm <= means->last_arm; arm++)
    if (esp_lever_means_has(means, s, arm)) {
      assert(n < ESP_LEVER_MOST_ARMS);
      arm_numbers *to = &numbers[n];
      to->arm = arm;
      means->from(s, arm, point, &to->its_arm, &to->stage);
      if (s->plan->stages[to->stage].absent[to->its_arm])
        continue; /* it begins later */
      means->slice(s, to->its_arm, to->stage, point, to->slice, sizeof to->slice);
      for (int run = 0; run < s->plan->n_members; run++)
        to->value[run] = means->value(s, run, arm, point);
      n++;
    }
  ESP_TRY(print_missing_runs(out, s, n, numbers));
  print_all(out, s, n, numbers);
  return ESP_OK;
}

esp_err esp_report_explain(const esp_report *report, const char *panel, const char *at, FILE *out)
{
  const esp_series *series = NULL;
  const esp_lever_means *means = NULL;
  const esp_source *s = NULL;
  arm_numbers numbers[ESP_LEVER_MOST_ARMS];
  ESP_TRY(find_panel(report, panel, &series, &means, &s));
  double *values = malloc(ESP_LEVER_MOST_ARMS * (size_t)s->plan->n_members * sizeof *values);
  ESP_REQUIRE(values, ESP_ERR_NOMEM, "no memory to explain panel %s", panel);
  for (int i = 0; i < ESP_LEVER_MOST_ARMS; i++)
    numbers[i].value = values + i * s->plan->n_members;
  const esp_err err = means ? explain_means(means, s, at, numbers, out) : explain_series(series, s, panel, at, numbers, out);
  free(values);
  return err;
}
