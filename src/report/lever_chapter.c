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
      ESP_DRAWN_WEDGE, X_FROM_0, ESP_DRAWN_FROM_0, LEGEND_INSIDE}},
    {"K5D", ESP_SCHEME, "Activity during movements",
     "Rates of the excitatory neurons around the onset of movements, over the highest of each neuron, sorted by the time of "
     "that at the hour named above, of one run. Below: mean position of the lever and single movements. A movement begins at "
     "the cue where the lever was down already.", "time from onset (ms)", "neurons, lever", "movements", {{0}}},
    {"K5E", ESP_OF_POPULATION, "Turnover", "Synapses that appeared or disappeared between one end of an interval and the other.",
     "time (h)", "synapses", "line", {RULES, ESP_DRAWN_WEDGE, X_FROM_0, ESP_DRAWN_FROM_0, LEGEND_INSIDE}},
    {"K5F", ESP_OF_POPULATION, "Forgetting",
     "Time from the cue to the completed movement while there is no reward, with and without consolidation; the first point "
     "is the end of learning with reward. Dotted line: consolidation.", "time (d)", "time to completion (s)",
     "line", {{"arms", .text = "forgetting, consolidated"}, {"arm_names", .text = "no consolidation, consolidated"},
      ESP_DRAWN_WEDGE, X_FROM_0, ESP_DRAWN_FROM_0, LEGEND_INSIDE}},
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

static void caption(const esp_source *s, const esp_panel *panel, const esp_example *example, FILE *out)
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

static bool sides(const esp_source *s, int level, esp_sides *these)
{
  const int last = (level == UNREWARDED ? s->plan->n_stages : esp_lever_timetable_of(s->config).n_learning) - 1;
  *these = (esp_sides){.n = 0};
  for (int arm = arms_of[level].first; arm <= arms_of[level].last; arm++)
    if (level == ALL_ARMS || (arm < s->plan->n_arms && !s->plan->stages[last].absent[arm])) {
      these->arm[these->n] = arm;
      these->name[these->n++] = s->plan->arm_name[arm];
    }
  return true;
}

/* ---- points ---- */

static esp_lever_numbers *numbers_of(const esp_source *s)
{
  return s->counted;
}

static double hour_at_end(const esp_source *s, int point)
{
  return esp_lever_hour_at_end(s->config, point);
}

static esp_scale stages(const esp_source *s)
{
  return (esp_scale){.n = esp_lever_timetable_of(s->config).n_learning, .of = hour_at_end};
}

static esp_place of_stage(const esp_source *s, int arm, int point)
{
  (void)s;
  return esp_one_number(arm, point, 0);
}

static const esp_points by_stage = {
    .x_unit = "h", .x_what = "simulated hour at which the stage ends", .scale = stages, .place = of_stage, .of_many = true};

/* The first point is the end of learning with reward, from which forgetting comes; consolidated begins at its own hour. */
static esp_place of_unrewarded(const esp_source *s, int arm, int point)
{
  const esp_lever_timetable t = esp_lever_timetable_of(s->config);
  if (point > 0)
    return esp_one_number(arm, t.n_learning + point - 1, 0);
  return esp_one_number(arm == ESP_LEVER_ARM_FORGETTING ? ESP_LEVER_ARM_PLASTIC : arm, t.n_before - 1, 0);
}

static double day_at_end(const esp_source *s, int point)
{
  return esp_lever_hour_at_end(s->config, of_unrewarded(s, ESP_LEVER_ARM_FORGETTING, point).stage) / 24;
}

static esp_scale unrewarded_stages(const esp_source *s)
{
  const int n = esp_lever_timetable_of(s->config).n_unrewarded;
  return (esp_scale){.n = n ? n + 1 : 0, .of = day_at_end};
}

static const esp_points by_unrewarded = {.x_unit = "d",
                                         .x_what = "simulated days from the start of learning to the end of the stage",
                                         .scale = unrewarded_stages,
                                         .place = of_unrewarded,
                                         .of_many = true};

static double hour_of_interval(const esp_source *s, int point)
{
  return (point + 1) * esp_lever_turnover_hours(s);
}

static esp_scale intervals(const esp_source *s)
{
  return (esp_scale){.n = numbers_of(s)->n_turnover, .of = hour_of_interval};
}

static esp_place of_interval(const esp_source *s, int arm, int point)
{
  return esp_one_number(arm, esp_lever_stage_at(s, hour_of_interval(s, point)), point);
}

static double turnover(const esp_source *s, const esp_series *series, int member, esp_place place)
{
  (void)series;
  return esp_lever_turnover(numbers_of(s), member, place.arm)[place.first];
}

static void slice_of_interval(const esp_source *s, esp_place place, char *text, size_t size)
{
  char before[64] = "hour 0, drawn again from the seed";
  if (place.first > 0)
    snprintf(before, sizeof before, "/records/theta[:, %d, %d]", place.arm,
             esp_lever_stage_at(s, hour_of_interval(s, (int)place.first - 1)));
  snprintf(text, size, "/records/theta[:, %d, %d] and %s: how many are >= 0 in one of them only", place.arm, place.stage, before);
}

static const esp_points by_interval = {.x_unit = "h", .x_what = "hour at which the interval ends", .scale = intervals,
                                       .place = of_interval, .value = turnover, .slice = slice_of_interval, .of_many = true};

static int last_stage(const esp_source *s)
{
  return esp_lever_timetable_of(s->config).n_learning - 1;
}

static double hours_of_wait(const esp_source *s, int point)
{
  return (point + 1) * s->config->lever.snapshot_min / 60;
}

static esp_scale wait_bins(const esp_source *s)
{
  return (esp_scale){.n = s->config->lever.n_wait_bins, .of = hours_of_wait};
}

/* In any hour of learning. */
static double waits(const esp_source *s, const esp_series *series, int member, esp_place place)
{
  double sum = 0;
  for (int stage = 0; stage <= place.stage; stage++)
    sum += esp_source_value(s, series->field, member, place.arm, stage, place.first);
  return sum;
}

static void slice_of_wait(const esp_source *s, esp_place place, char *text, size_t size)
{
  (void)s;
  snprintf(text, size, "/records/waits[:, %d, :%d, %ld], summed over the stages", place.arm, place.stage + 1, place.first);
}

static const esp_points by_wait = {.x_unit = "h",
                                   .x_what = "time from the last snapshot with the synapse to the next; the last one and longer",
                                   .scale = wait_bins,
                                   .stage = last_stage,
                                   .value = waits,
                                   .slice = slice_of_wait,
                                   .of_many = true};

static esp_scale fates(const esp_source *s)
{
  (void)s;
  return (esp_scale){.n = ESP_N_FATES};
}

static double fate(const esp_source *s, const esp_series *series, int member, esp_place place)
{
  (void)series;
  return numbers_of(s)->of_run[member][place.first];
}

static void slice_of_fate(const esp_source *s, esp_place place, char *text, size_t size)
{
  static const char *const signs[ESP_N_FATES] = {[ESP_FATE_NEVER] = "neither", [ESP_FATE_DECAYS] = "the first only",
                                                 [ESP_FATE_EMERGES] = "the second only", [ESP_FATE_STAYS] = "both"};
  snprintf(text, size, "/records/theta[:, %d, %d] and [:, %d, %d]: share of those that are numbers with >= 0 in %s", place.arm,
           esp_lever_timetable_of(s->config).n_before - 1, place.arm, place.stage, signs[place.first]);
}

static const esp_points by_fate = {
    .x_unit = "1",
    .x_what = "1 never functional at the change and at the end, 2 at the change only, 3 at the end only, 4 at both",
    .scale = fates,
    .stage = last_stage,
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
  const int n_learning = esp_lever_timetable_of(s->config).n_learning, end = learning ? n_learning : s->plan->n_stages;
  double sum = 0;
  int n = 0;
  for (int stage = learning ? 0 : n_learning; stage < end && arm < s->plan->n_arms; stage++)
    if (s->plan->stages[stage].value > from + 1e-9 && s->plan->stages[stage].value < to + 1e-9) {
      sum += esp_source_value(s, "completion_time", member, arm, stage, 0);
      n++;
    }
  return n && s->plan->stages[end - 1].value > to - 1e-9 && esp_lever_is_timed(s) ? sum / n : NAN; /* a shorter one does not say */
}

static double mean_time(const esp_source *s, const esp_statement *part, int member, int arm)
{
  return time_between(s, member, arm, part->from, part->to);
}

static double mean_time_of_other(const esp_source *s, const esp_statement *part, int member)
{
  return time_between(s, member, part->other.side, part->other.from, part->other.to);
}

static double time_less_other(const esp_source *s, const esp_statement *part, int member, int arm)
{
  return mean_time(s, part, member, arm) - mean_time_of_other(s, part, member);
}

static double log_time_over_other(const esp_source *s, const esp_statement *part, int member, int arm)
{
  return log(mean_time(s, part, member, arm) / mean_time_of_other(s, part, member));
}

static double share_undone(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part;
  const double before = time_between(s, member, arm, 22, 24), after = time_between(s, member, arm, 24, 26), rise = after - before;
  return rise > 0 ? (after - time_between(s, member, arm, 28, 30)) / rise : NAN;
}

/* Mean turnover of the intervals that lie between two hours, a 2 h. */
static double mean_turnover(const esp_source *s, int member, double from, double to)
{
  const double *turnover = esp_lever_turnover(numbers_of(s), member, ESP_LEVER_ARM_PLASTIC), hours = esp_lever_turnover_hours(s);
  const int n_intervals = numbers_of(s)->n_turnover;
  double sum = 0;
  int n = 0;
  for (int k = 0; k < n_intervals; k++)
    if (k * hours > from - 1e-9 && (k + 1) * hours < to + 1e-9) {
      sum += turnover[k] * 2 / hours;
      n++;
    }
  return n && n_intervals * hours > to - 1e-9 && esp_lever_is_timed(s) ? sum / n : NAN;
}

static double turnover_less_other(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)arm;
  return mean_turnover(s, member, part->from, part->to) - mean_turnover(s, member, part->other.from, part->other.to);
}

/* The number .element of the run. */
static double of_run(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)arm;
  return numbers_of(s)->of_run[member][part->element];
}

static double more_alike(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part, (void)arm;
  const double *number = numbers_of(s)->of_run[member];
  return number[ESP_LIKE_AN_HOUR_BEFORE] - number[ESP_LIKE_THE_START];
}

static double goes_on(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part, (void)arm;
  const double *number = numbers_of(s)->of_run[member];
  return number[ESP_MOVE_SOLVED] / number[ESP_MOVE_BEFORE];
}

static double migrates(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part, (void)arm;
  const double *number = numbers_of(s)->of_run[member];
  return log(number[ESP_MOVE_CHANGED] / number[ESP_MOVE_SOLVED]);
}

/* ---- claims ---- */

#define PLASTIC ESP_LEVER_ARM_PLASTIC
#define APPROXIMATE ESP_LEVER_ARM_APPROXIMATE
#define FIXED ESP_LEVER_ARM_FIXED
#define FORGETTING ESP_LEVER_ARM_FORGETTING
#define CONSOLIDATED ESP_LEVER_ARM_CONSOLIDATED
#define HOURS(after, to_) .from = after, .to = to_
#define DAYS(first, last) .from = 24.0 * (first - 1), .to = 24.0 * last
#define AND(arm, ...) .other = {.side = arm, __VA_ARGS__}

static const esp_claim claims[] = {
    {28, &esp_kappel_2018, "K5C", "after about 8 h the movement takes less than 1 s on average",
     .part = {{"mean time to completion in hours 9-24 (s)", ESP_BELOW, mean_time, HOURS(8, 24), .limit = 1}}},
    {29, &esp_kappel_2018, "K5C", "a change of the task is compensated",
     .part = {{"time in hours 25-26 minus that in hours 23-24 (s)", ESP_POSITIVE, time_less_other, HOURS(24, 26),
               AND(PLASTIC, HOURS(22, 24))},
              {"time in hours 43-48 minus that in hours 25-26 (s)", ESP_NEGATIVE, time_less_other, HOURS(42, 48),
               AND(PLASTIC, HOURS(24, 26))},
              {"time in hours 43-48 (s)", ESP_BELOW, mean_time, HOURS(42, 48), .limit = 1},
              {"share of the rise undone in hours 29-30", ESP_ABOVE, share_undone, .limit = 0.5, .aside = true}}},
    {30, &esp_kappel_2018, "K5C", "the approximate rule gives similar results",
     .part = {{"log of its time over the exact rule's, hours 9-24", ESP_WITHIN, log_time_over_other, .side = APPROXIMATE,
               HOURS(8, 24), AND(PLASTIC, HOURS(8, 24)), .limit = 0.2},
              {"the same in hours 37-48", ESP_WITHIN, log_time_over_other, .side = APPROXIMATE, HOURS(36, 48),
               AND(PLASTIC, HOURS(36, 48)), .limit = 0.2}}},
    {31, &esp_kappel_2018, "K5C", "with a fixed connectome the change is compensated worse",
     .part = {{"time in hours 37-48 minus the plastic network's (s)", ESP_POSITIVE, time_less_other, .side = FIXED, HOURS(36, 48),
               AND(PLASTIC, HOURS(36, 48))}}},
    {32, &esp_kappel_2018, "K5E", "synapses turn over fastest in the first 2 h, then less, and more again after the change",
     .part = {{"turnover in hours 1-2 minus that in hours 9-24 (a 2 h)", ESP_POSITIVE, turnover_less_other, HOURS(0, 2),
               AND(PLASTIC, HOURS(8, 24))},
              {"turnover in hours 25-34 minus that in hours 15-24 (a 2 h)", ESP_POSITIVE, turnover_less_other, HOURS(24, 34),
               AND(PLASTIC, HOURS(14, 24))},
              {"hours 1-2 over the potential synapses (caption: about 0.25)", ESP_ABOVE, of_run, .element = ESP_FIRST_SHARE,
               .limit = 0.2, .aside = true}}},
    {33, &esp_kappel_2018, "K5F", "without reward the movement is forgotten from day 6 on, unless synapses are consolidated",
     .part = {{"time on days 10-15 minus that on days 2-5 (s)", ESP_POSITIVE, time_less_other, .side = FORGETTING, DAYS(10, 15),
               AND(FORGETTING, DAYS(2, 5))},
              {"time on days 2-5 minus that in hours 19-24 (s)", ESP_BELOW, time_less_other, .side = FORGETTING, DAYS(2, 5),
               AND(PLASTIC, HOURS(18, 24)), .limit = 0.5},
              /* Both arms are one until the consolidation. */
              {"consolidated: time on days 10-15 minus that on days 2-4 (s)", ESP_WITHIN, time_less_other, .side = CONSOLIDATED,
               DAYS(10, 15), AND(FORGETTING, DAYS(2, 4)), .limit = 0.5},
              {"consolidated: time on days 10-15 minus that without (s)", ESP_NEGATIVE, time_less_other, .side = CONSOLIDATED,
               DAYS(10, 15), AND(FORGETTING, DAYS(10, 15))}}},
    {34, &esp_kappel_2018, "K5D", "learning reorganises the activity, with assemblies for the upward movement",
     .part = {{"correlation of the rates at hours 21 and 22 minus that at 0 and 22", ESP_POSITIVE, more_alike},
              {"E in no pool, hour 22: rate while the lever goes up minus that while it goes down (Hz)", ESP_POSITIVE, of_run,
               .element = ESP_UP_RATE}}},
    {35, &esp_kappel_2018, "K5I", "parameters keep moving when the task is solved, and to a new region after the change",
     .part = {{"change of the parameters in hours 13-24 over that in hours 1-12", ESP_ABOVE, goes_on, .limit = 0.5},
              {"log of the change in hours 25-36 over that in hours 13-24", ESP_POSITIVE, migrates}}},
    {0},
};

static void drop(esp_source *s)
{
  free(s->counted);
}

const esp_chapter esp_lever_chapter = {.panels = panels,
                                       .series = series,
                                       .claims = claims,
                                       .columns = columns,
                                       .members = "runs",
                                       .in_the_mean = "runs in the mean",
                                       .count = esp_lever_count,
                                       .drop = drop,
                                       .sides = sides,
                                       .has = has,
                                       .caption = caption,
                                       .fill = esp_lever_panels_fill};
