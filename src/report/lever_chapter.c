/* report/lever_chapter.c - the lever (Kappel et al. 2018, Fig. 5): panels that are means over runs, and what is claimed of them. What
 * is counted on whole records is in lever_numbers.c, panels of one run are in lever_panels.c. Hours and days of claims are the caption's,
 * with the change of the task at hour 24: a quantity is NaN if it is at another. */
#include <math.h>
#include <stdlib.h>

#include "chapter.h"
#include "ladder.h"
#include "lever_panels.h"

/* ---- panels ---- */

#define RULES {"arms", .text = "plastic, approximate"}, {"arm_names", .text = "exact rule, approximate rule"}
#define X_FROM_0 {"x_limits", .n = 2, .number = {0, NAN}}
#define LEGEND_INSIDE {"legend", .text = "inside"}

static const esp_panel panels[] = {
    {"K5B", ESP_SCHEME, "Spikes and lever",
     "Spikes of some inputs, hidden neurons (E in no pool), pools U and D and inhibitory neurons, and the position of the "
     "lever, at the onset of learning and before the task changes, of one run. Grey: cue; red: reward.",
     "time (s)", "cells, lever", "recording", {{0}}},
    {"K5C", ESP_OF_POPULATION, "Time to completion",
     "Time from the cue to the completed movement; trials that took too long count with the time after which they end. "
     "Dashed line: the pools exchange their roles.", "time (h)", "time to completion (s)",
     "line", {{"arms", .text = "plastic, approximate, fixed"}, {"arm_names", .text = "exact rule, approximate rule, fixed connectome"},
      ESP_DRAWN_BAND, X_FROM_0, ESP_DRAWN_FROM_0, LEGEND_INSIDE}},
    {"K5D", ESP_SCHEME, "Activity during movements",
     "Rates of the excitatory neurons around the onset of movements, over the highest of each neuron, sorted by the time of "
     "that at the hour named above, of one run. Below: mean position of the lever and single movements. A movement begins at "
     "the cue where the lever was down already.", "time from onset (ms)", "neurons, lever", "movements", {{0}}},
    {"K5E", ESP_OF_POPULATION, "Turnover", "Synapses that appeared or disappeared between one end of an interval and the other.",
     "time (h)", "synapses", "line", {RULES, ESP_DRAWN_BAND, X_FROM_0, ESP_DRAWN_FROM_0, LEGEND_INSIDE}},
    {"K5F", ESP_OF_POPULATION, "Forgetting",
     "Time from the cue to the completed movement while there is no reward, with and without consolidation; the first point "
     "is the end of learning with reward. Dotted line: consolidation.", "time (d)", "time to completion (s)",
     "line", {{"arms", .text = "forgetting, consolidated"}, {"arm_names", .text = "no consolidation, consolidated"},
      ESP_DRAWN_BAND, X_FROM_0, ESP_DRAWN_FROM_0, LEGEND_INSIDE}},
    {"K5G", ESP_OF_POPULATION, "Waiting times",
     "Time from the disappearance of a synapse until it is back, on snapshots, in all hours of learning.",
     "waiting time (h)", "waits of a run", "waits", {RULES}},
    {"K5H", ESP_OF_POPULATION, "Fates of synapses",
     "Potential synapses by whether they are functional when the task changes and at the end of learning.", "", "share",
     "fates", {{"arms", .text = "plastic"}, {"arm_names", .text = "exact rule"}}},
    {"K5I", ESP_SCHEME, "Principal components",
     "A random subset of the synaptic parameters of one run at each snapshot on their first principal components. Red: the "
     "mean time to completion is below 1 s; cross: the task changes.", "PC1", "PC2", "components", {{0}}},
    {0},
};

static bool has(const esp_source *s, const esp_panel *panel, const esp_example *example)
{
  (void)example;
  const esp_series *of_panel = esp_series_of(s, panel->name);
  return of_panel ? esp_series_n_points(of_panel, s) > 0 : esp_lever_shown_run(s) >= 0;
}

static esp_err caption(const esp_source *s, const esp_panel *panel, const esp_example *example, FILE *out)
{
  (void)example;
  int n_unfinished = 0;
  for (int member = 0; member < s->plan->n_members; member++)
    n_unfinished += esp_lever_n_learned(s, member) < esp_lever_timetable_of(s->config).n_learning;
  if (panel->subject == ESP_SCHEME)
    fprintf(out, " Run %d.", esp_lever_shown_run(s));
  else if (n_unfinished > 0)
    fprintf(out, " Mean and SEM over runs, of which %d of %d are unfinished.", n_unfinished, s->plan->n_members);
  else
    fputs(" Mean and SEM over runs.", out);
  return ESP_OK;
}

/* ---- arms ---- */

enum { ALL_ARMS, LEARNING, BOTH_RULES, EXACT_RULE, UNREWARDED }; /* levels; claims name one arm or another of all */

static const struct {
  int first, last; /* of those that the file has: synapses.waiting_h 0 leaves approximate out, lever.consolidation_hour 0 consolidated */
} arms_of[] = {[ALL_ARMS] = {ESP_LEVER_ARM_PLASTIC, ESP_LEVER_ARM_CONSOLIDATED},
               [LEARNING] = {ESP_LEVER_ARM_PLASTIC, ESP_LEVER_ARM_FIXED},
               [BOTH_RULES] = {ESP_LEVER_ARM_PLASTIC, ESP_LEVER_ARM_APPROXIMATE},
               [EXACT_RULE] = {ESP_LEVER_ARM_PLASTIC, ESP_LEVER_ARM_PLASTIC},
               [UNREWARDED] = {ESP_LEVER_ARM_FORGETTING, ESP_LEVER_ARM_CONSOLIDATED}};

static bool has_arm(const esp_source *s, int level, int arm)
{
  const esp_lever_timetable t = esp_lever_timetable_of(s->config);
  const int last = level == UNREWARDED ? t.n_learning + t.n_unrewarded - 1 : t.n_learning - 1;
  return level == ALL_ARMS || (arm < s->plan->n_arms && !s->plan->stages[last].absent[arm]);
}

static bool sides(const esp_source *s, int level, esp_sides *these)
{
  *these = (esp_sides){.n = 0};
  for (int arm = arms_of[level].first; arm <= arms_of[level].last; arm++)
    if (has_arm(s, level, arm)) {
      these->arm[these->n] = arm;
      these->name[these->n++] = s->plan->arm_name[arm];
    }
  return true;
}

/* ---- points ---- */

static int n_learning(const esp_source *s, const esp_series *series)
{
  (void)series;
  return esp_lever_timetable_of(s->config).n_learning;
}

static double hour_at_end(const esp_source *s, const esp_series *series, int point)
{
  (void)series;
  return esp_lever_hour_at_end(s->config, point);
}

static esp_place of_stage(const esp_source *s, const esp_series *series, int arm, int row, int point)
{
  (void)s, (void)series, (void)row;
  return esp_one_number(arm, point, 0);
}

static const esp_points by_stage = {.x_unit = "h",
                                    .x_what = "simulated hour at which the stage ends",
                                    .n = n_learning,
                                    .x = hour_at_end,
                                    .place = of_stage,
                                    .of_many = true};

static int n_unrewarded(const esp_source *s, const esp_series *series)
{
  (void)series;
  const int n = esp_lever_timetable_of(s->config).n_unrewarded;
  return n ? n + 1 : 0;
}

/* The first point is the end of learning with reward, from which forgetting comes; consolidated begins at its own hour. */
static esp_place of_unrewarded(const esp_source *s, const esp_series *series, int arm, int row, int point)
{
  (void)series, (void)row;
  const esp_lever_timetable t = esp_lever_timetable_of(s->config);
  if (point > 0)
    return esp_one_number(arm, t.n_learning + point - 1, 0);
  return esp_one_number(arm == ESP_LEVER_ARM_FORGETTING ? ESP_LEVER_ARM_PLASTIC : arm, t.n_before - 1, 0);
}

static double day_at_end(const esp_source *s, const esp_series *series, int point)
{
  return esp_lever_hour_at_end(s->config, of_unrewarded(s, series, ESP_LEVER_ARM_FORGETTING, 0, point).stage) / 24;
}

static const esp_points by_unrewarded = {.x_unit = "d",
                                         .x_what = "simulated days from the start of learning to the end of the stage",
                                         .n = n_unrewarded,
                                         .x = day_at_end,
                                         .place = of_unrewarded,
                                         .of_many = true};

static int n_intervals(const esp_source *s, const esp_series *series)
{
  (void)series;
  return esp_lever_counted(s)->n_turnover;
}

static double hour_of_interval(const esp_source *s, const esp_series *series, int point)
{
  (void)series;
  return (point + 1) * esp_lever_turnover_hours(s);
}

static esp_place of_interval(const esp_source *s, const esp_series *series, int arm, int row, int point)
{
  (void)row;
  return esp_one_number(arm, esp_lever_stage_at(s, hour_of_interval(s, series, point)), 0);
}

static double turnover(const esp_source *s, const esp_series *series, int member, esp_place place, int arm, int point)
{
  (void)series, (void)place;
  const esp_lever_numbers *l = s->counted;
  return l->turnover[(member * ESP_LEVER_TURNOVER_ARMS + arm) * l->n_turnover + point];
}

static void slice_of_interval(const esp_source *s, const esp_series *series, esp_place place, int point, char *text, size_t size)
{
  char before[64] = "hour 0, drawn again from the seed";
  if (point > 0)
    snprintf(before, sizeof before, "/records/theta[:, %d, %d]", place.arm,
             esp_lever_stage_at(s, hour_of_interval(s, series, point - 1)));
  snprintf(text, size, "/records/theta[:, %d, %d] and %s: how many are >= 0 in one of them only", place.arm, place.stage, before);
}

static const esp_points by_interval = {.x_unit = "h",
                                       .x_what = "hour at which the interval ends",
                                       .n = n_intervals,
                                       .x = hour_of_interval,
                                       .place = of_interval,
                                       .value = turnover,
                                       .slice = slice_of_interval,
                                       .of_many = true};

static int n_waits(const esp_source *s, const esp_series *series)
{
  (void)series;
  return s->config->lever.n_wait_bins;
}

static double hours_of_wait(const esp_source *s, const esp_series *series, int point)
{
  (void)series;
  return (point + 1) * s->config->lever.snapshot_min / 60;
}

static esp_place of_end(const esp_source *s, const esp_series *series, int arm, int row, int point)
{
  (void)row;
  return esp_one_number(arm, n_learning(s, series) - 1, point);
}

/* In any hour of learning. */
static double waits(const esp_source *s, const esp_series *series, int member, esp_place place, int arm, int point)
{
  double sum = 0;
  for (int stage = 0; stage <= place.stage; stage++)
    sum += esp_source_value(s, series->field, member, arm, stage, point);
  return sum;
}

static void slice_of_wait(const esp_source *s, const esp_series *series, esp_place place, int point, char *text, size_t size)
{
  (void)s;
  snprintf(text, size, "/records/%s[:, %d, :%d, %d], summed over the stages", series->field, place.arm, place.stage + 1, point);
}

static const esp_points by_wait = {.x_unit = "h",
                                   .x_what = "time from the last snapshot with the synapse to the next; the last one and longer",
                                   .n = n_waits,
                                   .x = hours_of_wait,
                                   .place = of_end,
                                   .value = waits,
                                   .slice = slice_of_wait,
                                   .of_many = true};

static int n_fates(const esp_source *s, const esp_series *series)
{
  (void)s, (void)series;
  return ESP_N_FATES;
}

static double number_of_fate(const esp_source *s, const esp_series *series, int point)
{
  (void)s, (void)series;
  return point + 1;
}

static double fate(const esp_source *s, const esp_series *series, int member, esp_place place, int arm, int point)
{
  (void)series, (void)place, (void)arm;
  return esp_lever_counted(s)->fate[member * ESP_N_FATES + point];
}

static void slice_of_fate(const esp_source *s, const esp_series *series, esp_place place, int point, char *text, size_t size)
{
  (void)series;
  static const char *const signs[ESP_N_FATES] = {[ESP_FATE_NEVER] = "neither", [ESP_FATE_DECAYS] = "the first only",
                                                 [ESP_FATE_EMERGES] = "the second only", [ESP_FATE_STAYS] = "both"};
  snprintf(text, size, "/records/theta[:, %d, %d] and [:, %d, %d]: share of those that are numbers with >= 0 in %s", place.arm,
           esp_lever_timetable_of(s->config).n_before - 1, place.arm, place.stage, signs[point]);
}

static const esp_points by_fate = {
    .x_unit = "1",
    .x_what = "1 never functional at the change and at the end, 2 at the change only, 3 at the end only, 4 at both",
    .n = n_fates,
    .x = number_of_fate,
    .place = of_end,
    .value = fate,
    .slice = slice_of_fate,
    .of_many = true};

#define TIME "completion_time", .what = "time from cue to completed movement; time-outs count as trials.timeout_s"

static const esp_series series[] = {
    {"K5C", &by_stage, TIME, .level = LEARNING},
    {"K5E", &by_interval, NULL, .what = "synapses that are functional at one end of the interval only", .level = BOTH_RULES},
    {"K5F", &by_unrewarded, TIME, .level = UNREWARDED},
    {"K5G", &by_wait, "waits", .what = "waits of this length in all hours of learning", .level = BOTH_RULES},
    {"K5H", &by_fate, NULL, .what = "share of the potential synapses", .level = EXACT_RULE},
    {0},
};

static const esp_column columns[] = {
    {"completion_time", "completion_time", 0},
    {"n_completed", "n_completed", 0},
    {"n_timed_out", "n_timed_out", 0},
    {"n_functional", "n_functional", 0},
    {"exc_rate", "exc_rate", 0},
    {0},
};

/* ---- quantities of claims ---- */

/* Mean time to completion over the stages that lie between two hours; with reward those of learning, without it the others. */
static double time_between(const esp_source *s, int member, int arm, double from, double to)
{
  const bool learning = arm < ESP_LEVER_ARM_FORGETTING;
  double sum = 0, last = 0;
  int n = 0;
  for (int stage = 0; stage < s->plan->n_stages; stage++) {
    const double end = s->plan->stages[stage].value;
    if (s->plan->stages[stage].absent[learning ? ESP_LEVER_ARM_PLASTIC : ESP_LEVER_ARM_FORGETTING])
      continue;
    if (end > from + 1e-9 && end < to + 1e-9) {
      sum += esp_source_value(s, "completion_time", member, arm, stage, 0);
      n++;
    }
    last = end;
  }
  return n && last > to - 1e-9 && esp_lever_is_timed(s) ? sum / n : NAN; /* a shorter experiment does not say */
}

static double mean_time(const esp_source *s, const esp_statement *part, int member, int arm)
{
  return time_between(s, member, arm, part->from, part->to);
}

static double jump(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part;
  return time_between(s, member, arm, 24, 26) - time_between(s, member, arm, 22, 24);
}

static double recovery(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part;
  return time_between(s, member, arm, 42, 48) - time_between(s, member, arm, 24, 26);
}

static double undone(const esp_source *s, const esp_statement *part, int member, int arm)
{
  const double rise = jump(s, part, member, arm);
  return rise > 0 ? (time_between(s, member, arm, 24, 26) - time_between(s, member, arm, 28, 30)) / rise : NAN;
}

static double log_ratio(const esp_source *s, const esp_statement *part, int member, int arm)
{
  return log(mean_time(s, part, member, arm) / time_between(s, member, ESP_LEVER_ARM_PLASTIC, part->from, part->to));
}

static double fixed(const esp_source *s, const esp_statement *part, int member, int arm)
{
  return mean_time(s, part, member, arm) - time_between(s, member, ESP_LEVER_ARM_PLASTIC, part->from, part->to);
}

/* Mean turnover of the intervals that lie between two hours, a 2 h. */
static double mean_turnover(const esp_source *s, int member, double from, double to)
{
  const esp_lever_numbers *l = s->counted;
  const double hours = esp_lever_turnover_hours(s);
  double sum = 0;
  int n = 0;
  for (int k = 0; k < l->n_turnover; k++)
    if (k * hours > from - 1e-9 && (k + 1) * hours < to + 1e-9) {
      sum += l->turnover[member * ESP_LEVER_TURNOVER_ARMS * l->n_turnover + k] * 2 / hours;
      n++;
    }
  return n && l->n_turnover * hours > to - 1e-9 && esp_lever_is_timed(s) ? sum / n : NAN;
}

static double turnover_fall(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part, (void)arm;
  return mean_turnover(s, member, 0, 2) - mean_turnover(s, member, 8, 24);
}

static double turnover_rise(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part, (void)arm;
  return mean_turnover(s, member, 24, 34) - mean_turnover(s, member, 14, 24);
}

static double first_share(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part, (void)arm;
  const esp_lever_numbers *l = s->counted;
  return l->n_turnover && esp_lever_is_timed(s) ? l->share[member * ESP_LEVER_TURNOVER_ARMS * l->n_turnover] : NAN;
}

static double on_days(const esp_source *s, int member, int arm, int first, int last)
{
  return s->plan->n_arms > arm ? time_between(s, member, arm, 24.0 * (first - 1), 24.0 * last) : NAN;
}

static double forgotten(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part;
  return on_days(s, member, arm, 10, 15) - on_days(s, member, arm, 2, 5);
}

static double kept(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part;
  return on_days(s, member, arm, 2, 5) - time_between(s, member, ESP_LEVER_ARM_PLASTIC, 18, 24);
}

/* Both arms are one until the consolidation. */
static double consolidated(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part;
  return on_days(s, member, arm, 10, 15) - on_days(s, member, ESP_LEVER_ARM_FORGETTING, 2, 4);
}

static double prevented(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part;
  return on_days(s, member, arm, 10, 15) - on_days(s, member, ESP_LEVER_ARM_FORGETTING, 10, 15);
}

static double likeness(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part, (void)arm;
  return esp_lever_counted(s)->likeness[member * ESP_N_LIKENESSES + ESP_LIKE_AN_HOUR_BEFORE] -
         esp_lever_counted(s)->likeness[member * ESP_N_LIKENESSES + ESP_LIKE_THE_START];
}

static double up_rate(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part, (void)arm;
  return esp_lever_counted(s)->up_rate[member];
}

static double goes_on(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part, (void)arm;
  const double *move = esp_lever_counted(s)->move + member * ESP_N_MOVES;
  return move[ESP_MOVE_SOLVED] / move[ESP_MOVE_BEFORE];
}

static double migrates(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part, (void)arm;
  const double *move = esp_lever_counted(s)->move + member * ESP_N_MOVES;
  return log(move[ESP_MOVE_CHANGED] / move[ESP_MOVE_SOLVED]);
}

/* ---- claims ---- */

static const esp_claim claims[] = {
    {28, &esp_kappel_2018, "K5C", "after about 8 h the movement takes less than 1 s on average",
     .part = {{"mean time to completion in hours 9-24 (s)", ESP_BELOW, .quantity = mean_time, .from = 8, .to = 24, .limit = 1}}},
    {29, &esp_kappel_2018, "K5C", "a change of the task is compensated",
     .part = {{"time in hours 25-26 minus that in hours 23-24 (s)", ESP_POSITIVE, .quantity = jump},
               {"time in hours 43-48 minus that in hours 25-26 (s)", ESP_NEGATIVE, .quantity = recovery},
               {"time in hours 43-48 (s)", ESP_BELOW, .quantity = mean_time, .from = 42, .to = 48, .limit = 1},
               {"share of the rise undone in hours 29-30", ESP_ABOVE, .quantity = undone, .limit = 0.5, .aside = true}}},
    {30, &esp_kappel_2018, "K5C", "the approximate rule gives similar results",
     .part = {{"log of its time over the exact rule's, hours 9-24", ESP_LEVEL, .quantity = log_ratio, .from = 8, .to = 24,
                .side = ESP_LEVER_ARM_APPROXIMATE, .limit = 0.2},
               {"the same in hours 37-48", ESP_LEVEL, .quantity = log_ratio, .from = 36, .to = 48,
                .side = ESP_LEVER_ARM_APPROXIMATE, .limit = 0.2}}},
    {31, &esp_kappel_2018, "K5C", "with a fixed connectome the change is compensated worse",
     .part = {{"time in hours 37-48 minus the plastic network's (s)", ESP_POSITIVE, .quantity = fixed, .from = 36, .to = 48,
                .side = ESP_LEVER_ARM_FIXED}}},
    {32, &esp_kappel_2018, "K5E", "synapses turn over fastest in the first 2 h, then less, and more again after the change",
     .part = {{"turnover in hours 1-2 minus that in hours 9-24 (a 2 h)", ESP_POSITIVE, .quantity = turnover_fall},
               {"turnover in hours 25-34 minus that in hours 15-24 (a 2 h)", ESP_POSITIVE, .quantity = turnover_rise},
               {"hours 1-2 over the potential synapses (caption: about 0.25)", ESP_ABOVE, .quantity = first_share, .limit = 0.2,
                .aside = true}}},
    {33, &esp_kappel_2018, "K5F", "without reward the movement is forgotten from day 6 on, unless synapses are consolidated",
     .part = {{"time on days 10-15 minus that on days 2-5 (s)", ESP_POSITIVE, .quantity = forgotten,
                .side = ESP_LEVER_ARM_FORGETTING},
               {"time on days 2-5 minus that in hours 19-24 (s)", ESP_BELOW, .quantity = kept, .side = ESP_LEVER_ARM_FORGETTING,
                .limit = 0.5},
               {"consolidated: time on days 10-15 minus that on days 2-4 (s)", ESP_LEVEL, .quantity = consolidated,
                .side = ESP_LEVER_ARM_CONSOLIDATED, .limit = 0.5},
               {"consolidated: time on days 10-15 minus that without (s)", ESP_NEGATIVE, .quantity = prevented,
                .side = ESP_LEVER_ARM_CONSOLIDATED}}},
    {34, &esp_kappel_2018, "K5D", "learning reorganises the activity, with assemblies for the upward movement",
     .part = {{"correlation of the rates at hours 21 and 22 minus that at 0 and 22", ESP_POSITIVE, .quantity = likeness},
               {"E in no pool, hour 22: rate while the lever goes up minus that while it goes down (Hz)", ESP_POSITIVE,
                .quantity = up_rate}}},
    {35, &esp_kappel_2018, "K5I", "parameters keep moving when the task is solved, and to a new region after the change",
     .part = {{"change of the parameters in hours 13-24 over that in hours 1-12", ESP_ABOVE, .quantity = goes_on, .limit = 0.5},
               {"log of the change in hours 25-36 over that in hours 13-24", ESP_POSITIVE, .quantity = migrates}}},
    {0},
};

static esp_err count(esp_source *s)
{
  esp_lever_numbers *numbers = calloc(1, sizeof *numbers);
  ESP_REQUIRE(numbers, ESP_ERR_NOMEM, "%s: no memory to count synapses", s->in.path);
  s->counted = numbers;
  return esp_lever_numbers_load(s, numbers);
}

static void drop(esp_source *s)
{
  esp_lever_numbers_free(s->counted);
  free(s->counted);
}

const esp_chapter esp_lever_chapter = {.panels = panels,
                                       .series = series,
                                       .claims = claims,
                                       .columns = columns,
                                       .members = "runs",
                                       .in_the_mean = "runs in the mean",
                                       .count = count,
                                       .drop = drop,
                                       .sides = sides,
                                       .has = has,
                                       .caption = caption,
                                       .fill = esp_lever_panels_fill};
