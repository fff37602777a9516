/* report/lever_means.c */
#include "lever_means.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../experiment/lever_record.h"
#include "espalier/statistics.h"

/* ---- K5C: completion times of the stages of learning ---- */

static int n_learning(const esp_source *s)
{
  return esp_lever_timetable_of(s->config).n_learning;
}

static double hour_learning(const esp_source *s, int point)
{
  return esp_lever_hour_at_end(s->config, point);
}

static void from_learning(const esp_source *s, int arm, int point, int *its_arm, int *stage)
{
  (void)s;
  *its_arm = arm;
  *stage = point;
}

static double time_learning(const esp_source *s, int member, int arm, int point)
{
  return esp_source_value(s, ESP_M_COMPLETION_TIME, member, arm, point, 0);
}

static void slice_time(const esp_source *s, int its_arm, int stage, int point, char *text, size_t size)
{
  (void)s, (void)point;
  snprintf(text, size, "/records/completion_time[:, %d, %d]", its_arm, stage);
}

/* ---- K5F: and of those without reward ----
 * The first point is the end of learning with reward, from which forgetting comes; consolidated begins at its own hour. */

static int n_unrewarded(const esp_source *s)
{
  return esp_lever_timetable_of(s->config).n_unrewarded + 1;
}

static void from_unrewarded(const esp_source *s, int arm, int point, int *its_arm, int *stage)
{
  const esp_lever_timetable t = esp_lever_timetable_of(s->config);
  *its_arm = point == 0 && arm == LEVER_ARM_FORGETTING ? LEVER_ARM_PLASTIC : arm;
  *stage = point == 0 ? t.n_before - 1 : t.n_learning + point - 1;
}

static double day_unrewarded(const esp_source *s, int point)
{
  int arm, stage;
  from_unrewarded(s, LEVER_ARM_FORGETTING, point, &arm, &stage);
  return esp_lever_hour_at_end(s->config, stage) / 24;
}

static double time_unrewarded(const esp_source *s, int member, int arm, int point)
{
  int stage;
  from_unrewarded(s, arm, point, &arm, &stage);
  return esp_source_value(s, ESP_M_COMPLETION_TIME, member, arm, stage, 0);
}

/* ---- K5E: turnover ---- */

static int n_turnover(const esp_source *s)
{
  return s->lever.n_turnover;
}

static double hour_turnover(const esp_source *s, int point)
{
  return (point + 1) * esp_lever_turnover_hours(s);
}

static double turnover(const esp_source *s, int member, int arm, int point)
{
  const esp_lever_numbers *l = &s->lever;
  return l->turnover[(member * ESP_LEVER_TURNOVER_ARMS + arm) * l->n_turnover + point];
}

static void from_turnover(const esp_source *s, int arm, int point, int *its_arm, int *stage)
{
  *its_arm = arm;
  *stage = esp_lever_stage_at(s, hour_turnover(s, point));
}

static void slice_turnover(const esp_source *s, int its_arm, int stage, int point, char *text, size_t size)
{
  char before[64] = "hour 0, drawn again from the seed";
  if (point > 0)
    snprintf(before, sizeof before, "/records/theta[:, %d, %d]", its_arm, esp_lever_stage_at(s, hour_turnover(s, point - 1)));
  snprintf(text, size, "/records/theta[:, %d, %d] and %s: how many are >= 0 in one of them only", its_arm, stage, before);
}

/* ---- K5G: waits, in any hour of learning ---- */

static int n_waits(const esp_source *s)
{
  return s->config->lever.n_wait_bins;
}

static double hours_of_wait(const esp_source *s, int point)
{
  return (point + 1) * s->config->lever.snapshot_min / 60;
}

static double waits(const esp_source *s, int member, int arm, int point)
{
  double sum = 0;
  for (int stage = 0; stage < n_learning(s); stage++)
    sum += esp_source_value(s, ESP_M_WAITS, member, arm, stage, point);
  return sum;
}

static void from_end_of_learning(const esp_source *s, int arm, int point, int *its_arm, int *stage)
{
  (void)point;
  *its_arm = arm;
  *stage = n_learning(s) - 1;
}

static void slice_waits(const esp_source *s, int its_arm, int stage, int point, char *text, size_t size)
{
  (void)s;
  snprintf(text, size, "/records/waits[:, %d, :%d, %d], summed over the stages", its_arm, stage + 1, point);
}

/* ---- K5H: fates of the potential synapses ---- */

static int n_fates(const esp_source *s)
{
  (void)s;
  return ESP_N_FATES;
}

static double number_of_fate(const esp_source *s, int point)
{
  (void)s;
  return point + 1;
}

static double fate(const esp_source *s, int member, int arm, int point)
{
  (void)arm;
  return s->lever.fate[member * ESP_N_FATES + point];
}

static void slice_fates(const esp_source *s, int its_arm, int stage, int point, char *text, size_t size)
{
  static const char *const signs[ESP_N_FATES] = {
      [ESP_FATE_NEVER] = "neither", [ESP_FATE_DECAYS] = "the first only", [ESP_FATE_EMERGES] = "the second only",
      [ESP_FATE_STAYS] = "both"};
  snprintf(text, size, "/records/theta[:, %d, %d] and [:, %d, %d]: share of those that are numbers with >= 0 in %s", its_arm,
           esp_lever_timetable_of(s->config).n_before - 1, its_arm, stage, signs[point]);
}

/* ---- the table ---- */

#define TIME "time from cue to completed movement; time-outs count as trials.timeout_s"

const esp_lever_means esp_all_lever_means[] = {
    {.panel = "K5C",
     .x_unit = "h",
     .x_what = "simulated hour at which the stage ends",
     .unit = "s",
     .what = TIME,
     .first_arm = LEVER_ARM_PLASTIC,
     .last_arm = LEVER_ARM_FIXED,
     .n_points = n_learning,
     .x = hour_learning,
     .value = time_learning,
     .from = from_learning,
     .slice = slice_time},
    {.panel = "K5E",
     .x_unit = "h",
     .x_what = "hour at which the interval ends",
     .unit = "1",
     .what = "synapses that are functional at one end of the interval only",
     .first_arm = LEVER_ARM_PLASTIC,
     .last_arm = LEVER_ARM_APPROXIMATE,
     .n_points = n_turnover,
     .x = hour_turnover,
     .value = turnover,
     .from = from_turnover,
     .slice = slice_turnover},
    {.panel = "K5F",
     .x_unit = "d",
     .x_what = "simulated days from the start of learning to the end of the stage",
     .unit = "s",
     .what = TIME,
     .first_arm = LEVER_ARM_FORGETTING,
     .last_arm = LEVER_ARM_CONSOLIDATED,
     .unrewarded = true,
     .n_points = n_unrewarded,
     .x = day_unrewarded,
     .value = time_unrewarded,
     .from = from_unrewarded,
     .slice = slice_time},
    {.panel = "K5G",
     .x_unit = "h",
     .x_what = "time from the last snapshot with the synapse to the next; the last one and longer",
     .unit = "1",
     .what = "waits of this length in all hours of learning",
     .first_arm = LEVER_ARM_PLASTIC,
     .last_arm = LEVER_ARM_APPROXIMATE,
     .n_points = n_waits,
     .x = hours_of_wait,
     .value = waits,
     .from = from_end_of_learning,
     .slice = slice_waits},
    {.panel = "K5H",
     .x_unit = "1",
     .x_what = "1 never functional at the change and at the end, 2 at the change only, 3 at the end only, 4 at both",
     .unit = "1",
     .what = "share of the potential synapses",
     .first_arm = LEVER_ARM_PLASTIC,
     .last_arm = LEVER_ARM_PLASTIC,
     .n_points = n_fates,
     .x = number_of_fate,
     .value = fate,
     .from = from_end_of_learning,
     .slice = slice_fates},
    {.panel = NULL}};

const esp_lever_means *esp_lever_means_of(const char *panel)
{
  for (const esp_lever_means *means = esp_all_lever_means; means->panel; means++)
    if (strcmp(means->panel, panel) == 0)
      return means;
  return NULL;
}

bool esp_lever_means_has(const esp_lever_means *means, const esp_source *s, int arm)
{
  const esp_lever_timetable t = esp_lever_timetable_of(s->config);
  const int last = means->unrewarded ? t.n_learning + t.n_unrewarded - 1 : t.n_learning - 1;
  return arm < s->plan->n_arms && !s->plan->stages[last].absent[arm];
}

/* ---- into the book ---- */

static esp_err fill_arm(const esp_lever_means *means, const esp_source *s, int arm, esp_book *book)
{
  const char *panel = means->panel, *name = s->plan->arm_name[arm];
  const int n_runs = s->plan->n_members, n_points = means->n_points(s);
  const esp_entry a_mean = {.panel = panel, .arm = name, .name = "mean", .unit = means->unit, .long_name = means->what,
                            .n_axes = 1, .length = {n_points}},
                  a_sem = {.panel = panel, .arm = name, .name = "sem", .unit = means->unit,
                           .long_name = "standard error of the mean", .n_axes = 1, .length = {n_points}},
                  an_n = {.panel = panel, .arm = name, .name = "n", .unit = "1", .long_name = "runs in the mean", .n_axes = 1,
                          .length = {n_points}};
  double *mean, *sem;
  int32_t *n;
  ESP_TRY(esp_book_numbers(book, &a_mean, &mean));
  ESP_TRY(esp_book_numbers(book, &a_sem, &sem));
  ESP_TRY(esp_book_counts(book, &an_n, &n));
  double *values = malloc((size_t)n_runs * sizeof *values);
  ESP_REQUIRE(values, ESP_ERR_NOMEM, "no memory for panel %s", panel);
  for (int point = 0; point < n_points; point++) {
    for (int member = 0; member < n_runs; member++)
      values[member] = means->value(s, member, arm, point);
    const esp_summary summary = esp_summarise(n_runs, values);
    mean[point] = summary.mean;
    sem[point] = summary.sem;
    n[point] = (int32_t)summary.n;
  }
  free(values);
  return ESP_OK;
}

esp_err esp_lever_means_fill(const esp_lever_means *means, const esp_source *s, esp_book *book)
{
  const int n = means->n_points(s);
  const esp_entry entry = {.panel = means->panel, .name = "x", .unit = means->x_unit, .long_name = means->x_what, .n_axes = 1,
                           .length = {n}};
  double *x;
  ESP_TRY(esp_book_numbers(book, &entry, &x));
  for (int point = 0; point < n; point++)
    x[point] = means->x(s, point);
  for (int arm = means->first_arm; arm <= means->last_arm; arm++)
    if (esp_lever_means_has(means, s, arm))
      ESP_TRY(fill_arm(means, s, arm, book));
  return ESP_OK;
}
