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

static void slice_learning(const esp_source *s, int arm, int point, char *text, size_t size)
{
  (void)s;
  snprintf(text, size, "/records/completion_time[:, %d, %d]", arm, point);
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

static void slice_unrewarded(const esp_source *s, int arm, int point, char *text, size_t size)
{
  int stage;
  from_unrewarded(s, arm, point, &arm, &stage);
  snprintf(text, size, "/records/completion_time[:, %d, %d]", arm, stage);
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

static void slice_turnover(const esp_source *s, int arm, int point, char *text, size_t size)
{
  const int stage = esp_lever_stage_at(s, hour_turnover(s, point));
  char before[64] = "hour 0, drawn again from the seed";
  if (point > 0)
    snprintf(before, sizeof before, "/records/theta[:, %d, %d]", arm, esp_lever_stage_at(s, hour_turnover(s, point - 1)));
  snprintf(text, size, "/records/theta[:, %d, %d] and %s: how many are >= 0 in one of them only", arm, stage, before);
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

static void slice_waits(const esp_source *s, int arm, int point, char *text, size_t size)
{
  snprintf(text, size, "/records/waits[:, %d, :%d, %d], summed over the stages", arm, n_learning(s), point);
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

static void slice_fates(const esp_source *s, int arm, int point, char *text, size_t size)
{
  const esp_lever_timetable t = esp_lever_timetable_of(s->config);
  static const char *const signs[ESP_N_FATES] = {
      [ESP_FATE_NEVER] = "neither", [ESP_FATE_DECAYS] = "the first only", [ESP_FATE_EMERGES] = "the second only",
      [ESP_FATE_STAYS] = "both"};
  snprintf(text, size, "/records/theta[:, %d, %d] and [:, %d, %d]: share with >= 0 in %s", arm, t.n_before - 1, arm,
           t.n_learning - 1, signs[point]);
}

/* ---- the table ---- */

#define TIME "time from cue to completed movement; time-outs count as trials.timeout_s"

const esp_lever_means esp_all_lever_means[] = {
    {"K5C", "h", "simulated hour at which the stage ends", "s", TIME, LEVER_ARM_PLASTIC, LEVER_ARM_FIXED,
     n_learning, hour_learning, time_learning, from_learning, slice_learning},
    {"K5E", "h", "hour at which the interval ends", "1", "synapses that are functional at one end of the interval only",
     LEVER_ARM_PLASTIC, LEVER_ARM_APPROXIMATE, n_turnover, hour_turnover, turnover, from_turnover, slice_turnover},
    {"K5F", "d", "simulated days from the start of learning to the end of the stage", "s", TIME, LEVER_ARM_FORGETTING,
     LEVER_ARM_CONSOLIDATED, n_unrewarded, day_unrewarded, time_unrewarded, from_unrewarded, slice_unrewarded},
    {"K5G", "h", "time from the last snapshot with the synapse to the next; the last one and longer", "1",
     "waits of this length in all hours of learning", LEVER_ARM_PLASTIC, LEVER_ARM_APPROXIMATE, n_waits, hours_of_wait, waits,
     from_end_of_learning, slice_waits},
    {"K5H", "1", "1 never functional at the change and at the end, 2 at the change only, 3 at the end only, 4 at both", "1",
     "share of the potential synapses", LEVER_ARM_PLASTIC, LEVER_ARM_PLASTIC, n_fates, number_of_fate, fate,
     from_end_of_learning, slice_fates},
    {NULL}};

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
  const int last = means->first_arm == LEVER_ARM_FORGETTING ? t.n_learning + t.n_unrewarded - 1 : t.n_learning - 1;
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
