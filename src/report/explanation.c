/* report/explanation.c - what lies behind one point of a panel: the panel's series says where each number is from, and everything that is
 * printed follows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compose.h"
#include "espalier/experiment.h"
#include "espalier/statistics.h"
#include "ladder.h"

/* ---- the panel ---- */

static bool has_points(const esp_chapter *chapter, const char *panel)
{
  const esp_scatter *scatter = esp_scatter_of(chapter, panel);
  return esp_series_in(chapter, scatter ? scatter->exponent : panel);
}

const char *esp_report_explained(void)
{
  static char names[256]; /* made anew, equal each time */
  size_t used = 0;
  for (int e = 0; e < ESP_N_EXPERIMENTS; e++) {
    const esp_chapter *chapter = esp_chapter_of((esp_experiment_id)e);
    for (const esp_panel *panel = chapter ? chapter->panels : NULL; panel && panel->name; panel++)
      if (has_points(chapter, panel->name) && used < sizeof names)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", panel->name);
  }
  return names;
}

/* The experiment that has this panel; ESP_N_EXPERIMENTS: none. */
static int experiment_with(const char *panel)
{
  int e = 0;
  while (e < ESP_N_EXPERIMENTS && !(esp_chapter_of((esp_experiment_id)e) && esp_panel_of(esp_chapter_of((esp_experiment_id)e), panel)))
    e++;
  return e;
}

/* A panel has points, and a file has the panel. */
static esp_err find_source(const esp_report *report, const char *panel, const esp_source **source)
{
  const char *names = esp_report_explained();
  const int e = experiment_with(panel);
  ESP_REQUIRE(e < ESP_N_EXPERIMENTS, ESP_ERR_USAGE, "there is no panel '%s'; panels with points to explain are %s", panel, names);
  ESP_REQUIRE(has_points(esp_chapter_of((esp_experiment_id)e), panel), ESP_ERR_USAGE,
              "panel %s has no points to explain (docs/PANELS.md says what it is); panels with points to explain are %s", panel, names);
  *source = report->of[e];
  ESP_REQUIRE(*source, ESP_ERR_USAGE, "panel %s is of experiment %s, and %s is of experiment %s; give a file of that experiment",
              panel, esp_experiment_name((esp_experiment_id)e), report->source[0].in.path, report->source[0].plan->experiment);
  return ESP_OK;
}

/* ---- the point ---- */

/* The point of a row that is nearest. */
static int nearest(const esp_series *series, const esp_source *s, double wanted)
{
  int at = 0;
  for (int i = 1; i < esp_series_n_points(series, s); i++)
    if (fabs(esp_series_x(series, s, i) - wanted) < fabs(esp_series_x(series, s, at) - wanted))
      at = i;
  return at;
}

static esp_err find_on_axis(const esp_series *series, const esp_source *s, const char *panel, const char *at, int *point)
{
  char *end;
  const int n = esp_series_n_points(series, s);
  const double wanted = strtod(at, &end), first = esp_series_x(series, s, 0), last = esp_series_x(series, s, n - 1);
  ESP_REQUIRE(end != at && !*end && isfinite(wanted), ESP_ERR_USAGE, "'%s' is no number; --at is a place on the x axis of panel %s",
              at, panel);
  const double slack = n > 1 ? (last - first) / (n - 1) : 0.1;
  ESP_REQUIRE(wanted > first - slack && wanted < last + slack, ESP_ERR_USAGE,
              "%g is not on the x axis of panel %s, which goes from %g to %g", wanted, panel, first, last);
  *point = nearest(series, s, wanted);
  return ESP_OK;
}

static esp_err find_rung_and_call(const esp_series *series, const esp_source *s, const char *panel, const char *at, int *point)
{
  char *end;
  const double fraction = strtod(at, &end), call = *end == ',' ? strtod(end + 1, &end) : NAN;
  ESP_REQUIRE(end != at && !*end && isfinite(fraction) && isfinite(call), ESP_ERR_USAGE,
              "'%s' is no place in panel %s, which has rungs and calls: --at 0.70,3", at, panel);
  *point = esp_rung_near(s, fraction) * esp_series_n_points(series, s) + nearest(series, s, call);
  return ESP_OK;
}

/* ---- the numbers there ---- */

/* What is printed of a point. */
typedef struct {
  const esp_series *series;
  const esp_source *s;
  const char *panel;
  int point;
  esp_sides sides; /* that have it   */
  double *value;   /* [side, member] */
} spot;

static const char *arm_name(const spot *p, int side)
{
  return p->s->plan->arm_name[p->sides.arm[side]];
}

static void print_numbers(FILE *out, const spot *p, int side)
{
  char slice[200];
  const int arm = p->sides.arm[side], n_members = p->s->plan->n_members;
  double *value = p->value + side * n_members;
  esp_series_slice(p->series, p->s, arm, p->point, slice, sizeof slice);
  esp_series_values(p->series, p->s, arm, p->point, value);
  const esp_summary summary = esp_summarise(n_members, value);
  fprintf(out, "%s\n  from   %s\n  n      %ld\n  mean   %.17g\n  sem    %.17g\n  values", arm_name(p, side), slice, summary.n,
          summary.mean, summary.sem);
  for (int member = 0; member < n_members; member++)
    fprintf(out, " %.6g", value[member]);
  fprintf(out, "\n");
}

static void print_test(FILE *out, const spot *p, int other)
{
  const int n_members = p->s->plan->n_members;
  const esp_t_test t = esp_t_test_paired(n_members, p->value, p->value + other * n_members);
  fprintf(out, "paired t test, %s less %s\n  n      %ld\n  mean   %.17g (95 %% %.4g to %.4g)\n  p      %.17g\n  t(%g)   %.4g, d_z %.3g\n",
          arm_name(p, 0), arm_name(p, other), t.n, t.mean, t.low, t.high, t.p, t.df, t.t, t.d);
}

/* How to compute one of the cells behind the point again: the first that is there. */
static void print_again(FILE *out, const spot *p)
{
  const esp_plan *plan = p->s->plan;
  for (int i = 0; i < p->sides.n * plan->n_members; i++)
    if (!isnan(p->value[i])) {
      /* One arm may go on from another. */
      const esp_place place = esp_series_place(p->series, p->s, p->sides.arm[i / plan->n_members], p->point);
      fprintf(out, "\nTo compute one of these cells again and compare all bits:\n  espalier verify --cell %d,%s,%s %s\n",
              i % plan->n_members, plan->arm_name[place.arm], plan->stages[place.stage].name, p->s->in.path);
      return;
    }
}

static void print_head(FILE *out, const spot *p)
{
  const esp_points *points = p->series->points;
  const double x = esp_series_x(p->series, p->s, p->point);
  fprintf(out, "%s, panel %s: %s [%s]\n", p->s->in.path, p->panel, p->series->what, esp_source_unit(p->s, p->series->field));
  if (points->row_what)
    fprintf(out, "at rung %g, call %g", esp_fraction(p->s, p->point / esp_series_n_points(p->series, p->s)), x);
  else
    fprintf(out, "at %g [%s], %s", x, points->x_unit, points->x_what);
  if (!points->of_many)
    fprintf(out, ", from stage %s", p->s->plan->stages[esp_series_place(p->series, p->s, p->sides.arm[0], p->point).stage].name);
  fprintf(out, "; slices are [member, arm, stage, ...], from 0\n%s: ", p->s->chapter->members);
  esp_series_tell_missing(p->series, p->s, &p->sides, p->point, out);
  fputs("\n\n", out);
}

/* Arms that begin later have nothing at this point. */
static void leave_out_absent(spot *p)
{
  const esp_sides all = p->sides;
  p->sides.n = 0;
  for (int i = 0; i < all.n; i++) {
    const esp_place place = esp_series_place(p->series, p->s, all.arm[i], p->point);
    if (p->s->plan->stages[place.stage].absent[place.arm])
      continue;
    p->sides.arm[p->sides.n] = all.arm[i];
    p->sides.name[p->sides.n++] = all.name[i];
  }
}

static void print_spot(FILE *out, const spot *p)
{
  print_head(out, p);
  for (int side = 0; side < p->sides.n; side++)
    print_numbers(out, p, side);
  for (int other = 1; other < p->sides.n; other++)
    print_test(out, p, other);
  print_again(out, p);
}

esp_err esp_report_explain(const esp_report *report, const char *panel, const char *at, FILE *out)
{
  int level;
  const esp_source *s = NULL;
  ESP_TRY(find_source(report, panel, &s));
  spot p = {.series = esp_series_behind(s, panel, &level), .s = s, .panel = panel};
  ESP_REQUIRE(esp_series_n_points(p.series, s) > 0, ESP_ERR_USAGE, "%s: has nothing for panel %s; its config leaves that out",
              s->in.path, panel);
  ESP_REQUIRE(esp_sides_of(s, level, &p.sides), ESP_ERR_USAGE,
              "%s: has not the arms that panel %s compares; its config leaves them out", s->in.path, panel);
  ESP_TRY((p.series->points->row_what ? find_rung_and_call : find_on_axis)(p.series, s, panel, at, &p.point));
  leave_out_absent(&p);
  p.value = malloc(ESP_MAX_ARMS * (size_t)s->plan->n_members * sizeof *p.value);
  ESP_REQUIRE(p.value, ESP_ERR_NOMEM, "no memory to explain panel %s", panel);
  print_spot(out, &p);
  free(p.value);
  return esp_source_error(s);
}
