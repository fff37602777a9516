/* report/claims.c - the table of claims, the quantities in it, and the rules. */
#include "claims.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../experiment/lever_record.h"
#include "espalier/statistics.h"
#include "lever_claims.h"
#include "series.h"
#include "statement.h"

/* ---- the rules ---- */

const char *esp_verdict_name(esp_verdict verdict)
{
  static const char *const names[] = {[ESP_HOLDS] = "holds", [ESP_NOT_RUN] = "not run", [ESP_TOO_FEW] = "too few members",
                                      [ESP_DOES_NOT_HOLD] = "does not hold"};
  return names[verdict];
}

/* Nothing was found: is that an answer? */
static esp_verdict not_found(long n)
{
  return n < ESP_CLAIM_MIN_MEMBERS ? ESP_TOO_FEW : ESP_DOES_NOT_HOLD;
}

esp_verdict esp_judge_sign(long n, int sign, double effect, double p)
{
  if (n == 0)
    return ESP_NOT_RUN;
  if (!(p < ESP_CLAIM_ALPHA))
    return not_found(n);
  return sign * effect > 0 ? ESP_HOLDS : ESP_DOES_NOT_HOLD;
}

esp_verdict esp_judge_limit(long n, long n_least, int side, double limit, double low, double high)
{
  if (n == 0)
    return ESP_NOT_RUN;
  if (n < n_least)
    return ESP_TOO_FEW;
  return (side > 0 ? low > limit : high < limit) ? ESP_HOLDS : ESP_DOES_NOT_HOLD;
}

esp_verdict esp_judge_level(long n, long n_least, double bound, double low, double high)
{
  if (n == 0)
    return ESP_NOT_RUN;
  if (n < n_least)
    return ESP_TOO_FEW;
  return low > -bound && high < bound ? ESP_HOLDS : ESP_DOES_NOT_HOLD;
}

/* ---- the table ---- */

static esp_quantity mean_over_rungs, slope_over_rungs, change_over_rungs, rise_at_first_call, fall_in_first_call, weights_of_size,
    spectrum_distance, share_of_rank, advantage_early, advantage_early_over_late, slope_by_strength, contracts, expands,
    scratch_loss_early, scratch_gap_late, transfer_loss, correct_high_over_best, value_070,
    dimensions, components_of_95, log_separation, new_option_loss_early, new_option_loss_first, new_option_gap, high_over_070;

/* Ranges of the ladder. */
#define LITTLE 0, 0.15
#define INTERMEDIATE 0.30, 0.60
#define HIGHEST 0.90, 1
#define FROM_030 0.30, 1
#define WHOLE 0, 1
#define NONE 0, 0
#define LOG_2 0.69314718055994531

enum { PRUNED = ESP_DMS_PRUNED, TWIN = ESP_DMS_TWIN, BOTH = PRUNED, SIDES = 1, LOW_NOISE = 2, HIGH_NOISE = 4 };
#define DMS ESP_EXPERIMENT_DMS
#define SCRATCH ESP_EXPERIMENT_SCRATCH
#define BANDIT ESP_EXPERIMENT_BANDIT
#define LEVER ESP_EXPERIMENT_LEVER
#define PLASTIC LEVER_ARM_PLASTIC
#define APPROXIMATE LEVER_ARM_APPROXIMATE
#define FIXED LEVER_ARM_FIXED
#define FORGETTING LEVER_ARM_FORGETTING
#define CONSOLIDATED LEVER_ARM_CONSOLIDATED
#define LOWEST_VALUE_NOISE 0.01 /* the paper's levels besides 0.1 */
#define HIGHEST_VALUE_NOISE 1

static const struct {
  int number;
  esp_experiment_id experiment;
  const char *panel, *claim;
  esp_statement part[ESP_MAX_PARTS];
} claims[ESP_N_CLAIMS] = {
    {1, DMS, "5C", "without a distractor both arms answer nearly perfectly",
     {{"correct without distractor, pruned", ABOVE, value_070, ESP_M_UNPROBED_CORRECT, NONE, PRUNED, 0.95, false},
      {"correct without distractor, twin", ABOVE, value_070, ESP_M_UNPROBED_CORRECT, NONE, TWIN, 0.95, false}}},
    {2, DMS, "1H, 1I", "after a little pruning loss and calls are higher than the twin's",
     {{"loss", HIGHER, mean_over_rungs, ESP_M_LOSS, LITTLE, BOTH, 0, false},
      {"calls", HIGHER, mean_over_rungs, ESP_M_N_CALLS, LITTLE, BOTH, 0, false},
      {"loss as published", HIGHER, mean_over_rungs, ESP_M_LOSS_LAST_CALL, LITTLE, BOTH, 0, true}}},
    {3, DMS, "1H, 1I", "at intermediate pruning loss and calls are lower than the twin's",
     {{"loss", LOWER, mean_over_rungs, ESP_M_LOSS, INTERMEDIATE, BOTH, 0, false},
      {"calls", LOWER, mean_over_rungs, ESP_M_N_CALLS, INTERMEDIATE, BOTH, 0, false},
      {"loss as published", LOWER, mean_over_rungs, ESP_M_LOSS_LAST_CALL, INTERMEDIATE, BOTH, 0, true}}},
    {4, DMS, "1H, 1I", "at the highest pruning both are high again",
     {{"loss", HIGHER, mean_over_rungs, ESP_M_LOSS, HIGHEST, BOTH, 0, false},
      {"calls", HIGHER, mean_over_rungs, ESP_M_N_CALLS, HIGHEST, BOTH, 0, false},
      {"loss as published", HIGHER, mean_over_rungs, ESP_M_LOSS_LAST_CALL, HIGHEST, BOTH, 0, true}}},
    {5, DMS, "1H, 1I", "the twin's loss and calls stay level",
     {{"change of loss over the ladder", LEVEL, change_over_rungs, ESP_M_LOSS, WHOLE, TWIN, 0.2, false},
      {"change of calls over the ladder", LEVEL, change_over_rungs, ESP_M_N_CALLS, WHOLE, TWIN, 0.2, false}}},
    {6, DMS, "S1", "the first call after pruning starts at a large loss, which falls fast",
     {{"log of loss after pruning over loss before", ABOVE, rise_at_first_call, ESP_M_LOSS, WHOLE, PRUNED, LOG_2,
       false},
      {"share of the rise that the first call undoes", ABOVE, fall_in_first_call, ESP_M_LOSS, WHOLE, PRUNED, 0.8, false}}},
    {7, DMS, "5F", "at 0.70 fewer small and more large weights than the twin",
     {{"share of weights up to 0.1", LOWER, weights_of_size, ESP_M_WEIGHT_HISTOGRAM, 0, 0.1, BOTH, 0, false},
      {"share of weights from 0.5", HIGHER, weights_of_size, ESP_M_WEIGHT_HISTOGRAM, 0.5, INFINITY, BOTH, 0, false}}},
    {8, DMS, "2B", "singular values fall off alike, no rank is lost",
     {{"largest distance of the cumulative spectra", BELOW, spectrum_distance, ESP_M_SINGULAR_VALUE, NONE, PRUNED, 0.1, false},
      {"singular values above 0.001 of the first, over units", ABOVE, share_of_rank, ESP_M_SINGULAR_VALUE, NONE, PRUNED, 0.95,
       false}}},
    {9, DMS, "5A", "at intermediate pruning more probe trials are answered correctly",
     {{"fraction correct", HIGHER, mean_over_rungs, ESP_M_PROBED_CORRECT, INTERMEDIATE, BOTH, 0, false},
      {"fraction correct as published", HIGHER, mean_over_rungs, ESP_M_PROBED_CORRECT_PUBLISHED, INTERMEDIATE, BOTH, 0, true}}},
    {10, DMS, "5B", "the advantage is largest early in the delay and least at its end",
     {{"advantage at the first two onsets", POSITIVE, advantage_early, ESP_M_PROBE_CORRECT, NONE, BOTH, 0, false},
      {"that minus the advantage at the last two", POSITIVE, advantage_early_over_late, ESP_M_PROBE_CORRECT, NONE, BOTH, 0,
       false}}},
    {11, DMS, "5C", "fraction correct falls with strength, and is above the twin's throughout",
     {{"slope by strength, pruned", NEGATIVE, slope_by_strength, ESP_M_PROBE_CORRECT, NONE, PRUNED, 0, false},
      {"slope by strength, twin", NEGATIVE, slope_by_strength, ESP_M_PROBE_CORRECT, NONE, TWIN, 0, false},
      {"fraction correct, weakest strength", HIGHER_AT_EACH_STRENGTH, NULL, ESP_M_PROBE_CORRECT, NONE, BOTH, 0, false}}},
    {12, DMS, "5D", "the largest Lyapunov exponent is below the twin's and falls with pruning",
     {{"exponent", LOWER, mean_over_rungs, ESP_M_LYAPUNOV_MAX, WHOLE, BOTH, 0, false},
      {"slope by prune fraction, pruned", NEGATIVE, slope_over_rungs, ESP_M_LYAPUNOV_MAX, WHOLE, PRUNED, 0, false},
      {"exponent as published", LOWER, mean_over_rungs, ESP_M_LYAPUNOV_PUBLISHED, WHOLE, BOTH, 0, true}}},
    {13, DMS, "5E", "exponent and fraction correct correlate negatively in both arms",
     {{"pruned", ANTICORRELATED, value_070, ESP_M_LYAPUNOV_MAX, NONE, PRUNED, 0, false},
      {"twin", ANTICORRELATED, value_070, ESP_M_LYAPUNOV_MAX, NONE, TWIN, 0, false},
      {"pruned, exponent as published", ANTICORRELATED, value_070, ESP_M_LYAPUNOV_PUBLISHED, NONE, PRUNED, 0, true},
      {"twin, exponent as published", ANTICORRELATED, value_070, ESP_M_LYAPUNOV_PUBLISHED, NONE, TWIN, 0, true}}},
    {14, DMS, "4C", "through the delay the pruned network contracts and the twin does not",
     {{"members whose mean contraction is below 1, pruned", MOST, contracts, ESP_M_CONTRACTION, NONE, PRUNED, 0, false},
      {"members whose mean contraction is above 1, twin", MOST, expands, ESP_M_CONTRACTION, NONE, TWIN, 0, false},
      {"below 1 as published, pruned", MOST, contracts, ESP_M_CONTRACTION_PUBLISHED, NONE, PRUNED, 0, true},
      {"above 1 as published, twin", MOST, expands, ESP_M_CONTRACTION_PUBLISHED, NONE, TWIN, 0, true}}},
    {15, SCRATCH, "S2A", "pruned before any training a network learns more slowly, and is level after some 20 calls",
     {{"mean loss after calls 1-5", HIGHER, scratch_loss_early, ESP_M_LOSS_CURVE_END, NONE, BOTH, 0, false},
      {"log of mean loss after calls from 21 over the dense network's", LEVEL, scratch_gap_late, ESP_M_LOSS_CURVE_END, NONE,
       BOTH, 0.2, false}}},
    {16, DMS, "S2B", "on new cues the pruned network reaches a lower loss",
     {{"loss", LOWER, transfer_loss, ESP_M_LOSS, NONE, BOTH, 0, false}}},
    {17, DMS, "5A", "beyond about 0.85 the pruned network gets worse",
     {{"fraction correct from 0.90 minus that at 0.70-0.80", NEGATIVE, correct_high_over_best, ESP_M_PROBED_CORRECT, NONE,
       PRUNED, 0, false}}},
    {18, BANDIT, "7A", "from a prune fraction of about 0.3 on, the values are learned with a smaller error",
     {{"error of the values", LOWER, mean_over_rungs, ESP_M_VALUE_ERROR, FROM_030, BOTH, 0, false},
      {"without random choices", LOWER, mean_over_rungs, ESP_M_VALUE_ERROR_GREEDY, FROM_030, BOTH, 0, true},
      {"value noise 0.01", LOWER, mean_over_rungs, ESP_M_VALUE_ERROR, FROM_030, BOTH | LOW_NOISE, 0, true},
      {"value noise 1", LOWER, mean_over_rungs, ESP_M_VALUE_ERROR, FROM_030, BOTH | HIGH_NOISE, 0, true}}},
    {19, BANDIT, "7B", "choices agree with the Q-learner's more often",
     {{"fraction alike", HIGHER, mean_over_rungs, ESP_M_AGREEMENT, FROM_030, BOTH, 0, false},
      {"without random choices", HIGHER, mean_over_rungs, ESP_M_AGREEMENT_GREEDY, FROM_030, BOTH, 0, true},
      {"value noise 0.01", HIGHER, mean_over_rungs, ESP_M_AGREEMENT, FROM_030, BOTH | LOW_NOISE, 0, true},
      {"value noise 1", HIGHER, mean_over_rungs, ESP_M_AGREEMENT, FROM_030, BOTH | HIGH_NOISE, 0, true}}},
    {20, BANDIT, "7C", "more reward is collected",
     {{"reward of a block", HIGHER, mean_over_rungs, ESP_M_REWARD, FROM_030, BOTH, 0, false},
      {"without random choices", HIGHER, mean_over_rungs, ESP_M_REWARD_GREEDY, FROM_030, BOTH, 0, true},
      {"value noise 0.01", HIGHER, mean_over_rungs, ESP_M_REWARD, FROM_030, BOTH | LOW_NOISE, 0, true},
      {"value noise 1", HIGHER, mean_over_rungs, ESP_M_REWARD, FROM_030, BOTH | HIGH_NOISE, 0, true}}},
    {21, BANDIT, "7D", "the largest Lyapunov exponent is below the twin's, and negative on average",
     {{"exponent", LOWER, mean_over_rungs, ESP_M_LYAPUNOV_MAX, WHOLE, BOTH, 0, false},
      {"exponent, pruned", NEGATIVE, mean_over_rungs, ESP_M_LYAPUNOV_MAX, WHOLE, PRUNED, 0, false},
      {"exponent as published", LOWER, mean_over_rungs, ESP_M_LYAPUNOV_PUBLISHED, WHOLE, BOTH, 0, true},
      {"value noise 0.01", LOWER, mean_over_rungs, ESP_M_LYAPUNOV_MAX, WHOLE, BOTH | LOW_NOISE, 0, true},
      {"value noise 1", LOWER, mean_over_rungs, ESP_M_LYAPUNOV_MAX, WHOLE, BOTH | HIGH_NOISE, 0, true}}},
    {22, BANDIT, "7E", "the hidden state uses fewer dimensions",
     {{"participation ratio of the variances", LOWER, dimensions, ESP_M_PCA_VARIANCE, NONE, BOTH, 0, false},
      {"components for 95 % of the variance", LOWER, components_of_95, ESP_M_PCA_VARIANCE, NONE, BOTH, 0, true},
      {"participation ratio, value noise 0.01", LOWER, dimensions, ESP_M_PCA_VARIANCE, NONE, BOTH | LOW_NOISE, 0, true},
      {"participation ratio, value noise 1", LOWER, dimensions, ESP_M_PCA_VARIANCE, NONE, BOTH | HIGH_NOISE, 0, true}}},
    {23, BANDIT, "7F", "more of the weights are large",
     {{"share of weights from 0.5", HIGHER, weights_of_size, ESP_M_WEIGHT_HISTOGRAM, 0.5, INFINITY, BOTH, 0, false},
      {"value noise 0.01", HIGHER, weights_of_size, ESP_M_WEIGHT_HISTOGRAM, 0.5, INFINITY, BOTH | LOW_NOISE, 0, true},
      {"value noise 1", HIGHER, weights_of_size, ESP_M_WEIGHT_HISTOGRAM, 0.5, INFINITY, BOTH | HIGH_NOISE, 0, true}}},
    {24, BANDIT, "7G", "fixation and choice lie farther apart",
     {{"log of the separation", HIGHER, log_separation, ESP_M_SEPARATION, NONE, BOTH, 0, false},
      {"separation itself", HIGHER, value_070, ESP_M_SEPARATION, NONE, BOTH, 0, true},
      {"log, value noise 0.01", HIGHER, log_separation, ESP_M_SEPARATION, NONE, BOTH | LOW_NOISE, 0, true},
      {"log, value noise 1", HIGHER, log_separation, ESP_M_SEPARATION, NONE, BOTH | HIGH_NOISE, 0, true}}},
    {25, BANDIT, "7H, 7I", "exponent and agreement correlate negatively at each level of noise",
     {{"value noise 0.01", ANTICORRELATED_TOGETHER, value_070, ESP_M_AGREEMENT, NONE, BOTH | LOW_NOISE, 0, false},
      {"value noise of the panels (0.1)", ANTICORRELATED_TOGETHER, value_070, ESP_M_AGREEMENT, NONE, BOTH, 0, false},
      {"value noise 1", ANTICORRELATED_TOGETHER, value_070, ESP_M_AGREEMENT, NONE, BOTH | HIGH_NOISE, 0, false},
      {"value noise of the panels, without random choices", ANTICORRELATED_TOGETHER, value_070, ESP_M_AGREEMENT_GREEDY, NONE,
       BOTH, 0, true},
      {"value noise of the panels, pruned only", ANTICORRELATED, value_070, ESP_M_AGREEMENT, NONE, PRUNED, 0, true},
      {"value noise of the panels, twin only", ANTICORRELATED, value_070, ESP_M_AGREEMENT, NONE, TWIN, 0, true}}},
    {26, BANDIT, "S4", "a new option is learned more slowly by the pruned network, which gets there late",
     {{"mean loss after calls 2-10", HIGHER, new_option_loss_early, ESP_M_LOSS_CURVE_END, NONE, BOTH, 0, false},
      {"log of the last loss over the twin's", LEVEL, new_option_gap, ESP_M_LOSS, NONE, BOTH, 0.2, false},
      {"loss after the first call", LOWER, new_option_loss_first, ESP_M_LOSS_CURVE_END, NONE, BOTH, 0, true}}},
    {27, BANDIT, "7A, 7B", "the improvement continues to a prune fraction of 0.90",
     {{"error of the values from 0.90 minus that at 0.70", NEGATIVE, high_over_070, ESP_M_VALUE_ERROR, NONE, PRUNED, 0, false},
      {"the same of the fraction alike", POSITIVE, high_over_070, ESP_M_AGREEMENT, NONE, PRUNED, 0, false},
      {"the same of the reward", POSITIVE, high_over_070, ESP_M_REWARD, NONE, PRUNED, 0, true},
      {"error without random choices", NEGATIVE, high_over_070, ESP_M_VALUE_ERROR_GREEDY, NONE, PRUNED, 0, true},
      {"error, value noise 0.01", NEGATIVE, high_over_070, ESP_M_VALUE_ERROR, NONE, PRUNED | LOW_NOISE, 0, true},
      {"error, value noise 1", NEGATIVE, high_over_070, ESP_M_VALUE_ERROR, NONE, PRUNED | HIGH_NOISE, 0, true}}},
    {28, LEVER, "K5C", "after about 8 h the movement takes less than 1 s on average",
     {{"mean time to completion in hours 9-24 (s)", BELOW, esp_claim_lever_time, ESP_M_COMPLETION_TIME, 8, 24, PLASTIC, 1, false}}},
    {29, LEVER, "K5C", "a change of the task is compensated",
     {{"time in hours 25-26 minus that in hours 23-24 (s)", POSITIVE, esp_claim_lever_jump, ESP_M_COMPLETION_TIME, NONE, PLASTIC, 0, false},
      {"time in hours 43-48 minus that in hours 25-26 (s)", NEGATIVE, esp_claim_lever_recovery, ESP_M_COMPLETION_TIME, NONE, PLASTIC, 0, false},
      {"time in hours 43-48 (s)", BELOW, esp_claim_lever_time, ESP_M_COMPLETION_TIME, 42, 48, PLASTIC, 1, false},
      {"share of the rise undone in hours 29-30", ABOVE, esp_claim_lever_undone, ESP_M_COMPLETION_TIME, NONE, PLASTIC, 0.5, true}}},
    {30, LEVER, "K5C", "the approximate rule gives similar results",
     {{"log of its time over the exact rule's, hours 9-24", LEVEL, esp_claim_lever_log_ratio, ESP_M_COMPLETION_TIME, 8, 24, APPROXIMATE, 0.2, false},
      {"the same in hours 37-48", LEVEL, esp_claim_lever_log_ratio, ESP_M_COMPLETION_TIME, 36, 48, APPROXIMATE, 0.2, false}}},
    {31, LEVER, "K5C", "with a fixed connectome the change is compensated worse",
     {{"time in hours 37-48 minus the plastic network's (s)", POSITIVE, esp_claim_lever_fixed, ESP_M_COMPLETION_TIME, 36, 48, FIXED, 0, false}}},
    {32, LEVER, "K5E", "synapses turn over fastest in the first 2 h, then less, and more again after the change",
     {{"turnover in hours 1-2 minus that in hours 9-24 (a 2 h)", POSITIVE, esp_claim_lever_turnover_fall, ESP_M_N_FUNCTIONAL, NONE, PLASTIC, 0, false},
      {"turnover in hours 25-34 minus that in hours 15-24 (a 2 h)", POSITIVE, esp_claim_lever_turnover_rise, ESP_M_N_FUNCTIONAL, NONE, PLASTIC, 0,
       false},
      {"hours 1-2 over the potential synapses (caption: about 0.25)", ABOVE, esp_claim_lever_first_share, ESP_M_N_FUNCTIONAL, NONE, PLASTIC, 0.2,
       true}}},
    {33, LEVER, "K5F", "without reward the movement is forgotten from day 6 on, unless synapses are consolidated",
     {{"time on days 10-15 minus that on days 2-5 (s)", POSITIVE, esp_claim_lever_forgotten, ESP_M_COMPLETION_TIME, NONE, FORGETTING, 0, false},
      {"time on days 2-5 minus that in hours 19-24 (s)", BELOW, esp_claim_lever_kept, ESP_M_COMPLETION_TIME, NONE, FORGETTING, 0.5, false},
      {"consolidated: time on days 10-15 minus that on days 2-4 (s)", LEVEL, esp_claim_lever_consolidated, ESP_M_COMPLETION_TIME, NONE,
       CONSOLIDATED, 0.5, false},
      {"consolidated: time on days 10-15 minus that without (s)", NEGATIVE, esp_claim_lever_prevented, ESP_M_COMPLETION_TIME, NONE, CONSOLIDATED,
       0, false}}},
    {34, LEVER, "K5D", "learning reorganises the activity, with assemblies for the upward movement",
     {{"correlation of the rates at hours 21 and 22 minus that at 0 and 22", POSITIVE, esp_claim_lever_likeness, ESP_M_EXC_RATE, NONE,
       PLASTIC, 0, false},
      {"E in no pool, hour 22: rate while the lever goes up minus that while it goes down (Hz)", POSITIVE, esp_claim_lever_up_rate,
       ESP_M_EXC_RATE, NONE, PLASTIC, 0, false}}},
    {35, LEVER, "K5I", "parameters keep moving when the task is solved, and to a new region after the change",
     {{"change of the parameters in hours 13-24 over that in hours 1-12", ABOVE, esp_claim_lever_goes_on, ESP_M_N_FUNCTIONAL, NONE, PLASTIC, 0.5,
       false},
      {"log of the change in hours 25-36 over that in hours 13-24", POSITIVE, esp_claim_lever_migrates, ESP_M_N_FUNCTIONAL, NONE, PLASTIC, 0,
       false}}},
};

/* ---- the quantities: one number of one member; NaN: it has none ---- */

static bool within(double fraction, double from, double to)
{
  return fraction > from - 1e-9 && fraction < to + 1e-9;
}

static double at_rung(const esp_source *s, esp_measure measure, int member, int arm, int rung)
{
  return esp_source_value(s, measure, member, arm, esp_rung_stage(rung), 0);
}

static double mean_in(const esp_source *s, esp_measure measure, double from, double to, int member, int arm)
{
  double sum = 0;
  int n = 0;
  for (int r = 0; r < esp_source_n_rungs(s); r++)
    if (within(esp_source_fraction(s, r), from, to)) {
      sum += at_rung(s, measure, member, arm, r);
      n++;
    }
  return n ? sum / n : NAN;
}

static double mean_over_rungs(const esp_source *s, const esp_statement *part, int member, int arm)
{
  return mean_in(s, part->measure, part->from, part->to, member, arm);
}

/* Slope of a least-squares line; fewer than three points say nothing about a trend. */
static double slope(int n, const double *x, const double *y)
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

static double slope_over_rungs(const esp_source *s, const esp_statement *part, int member, int arm)
{
  double y[ESP_MAX_LIST];
  for (int r = 0; r < esp_source_n_rungs(s); r++)
    y[r] = at_rung(s, part->measure, member, arm, r);
  return slope(esp_source_n_rungs(s), s->config->ladder.fractions.value, y);
}

/* What the line says between first and last rung, in units of the member's mean. */
static double change_over_rungs(const esp_source *s, const esp_statement *part, int member, int arm)
{
  const int n = esp_source_n_rungs(s);
  const double length = esp_source_fraction(s, n - 1) - esp_source_fraction(s, 0);
  return slope_over_rungs(s, part, member, arm) * length / mean_over_rungs(s, part, member, arm);
}

static double rise_at_first_call(const esp_source *s, const esp_statement *part, int member, int arm)
{
  double sum = 0;
  const int n = esp_source_n_rungs(s);
  for (int r = 0; r < n; r++) {
    const int stage = esp_rung_stage(r); /* the stage before is its parent */
    sum += log(esp_source_value(s, ESP_M_LOSS_CURVE, member, arm, stage, 0) /
               esp_source_value(s, part->measure, member, arm, stage - 1, 0));
  }
  return sum / n;
}

/* How far the first call goes from the loss after pruning to that at the end of the rung; all rungs together. */
static double fall_in_first_call(const esp_source *s, const esp_statement *part, int member, int arm)
{
  double first = 0, whole = 0;
  for (int r = 0; r < esp_source_n_rungs(s); r++) {
    const int stage = esp_rung_stage(r);
    const double start = esp_source_value(s, ESP_M_LOSS_CURVE, member, arm, stage, 0);
    first += start - esp_source_value(s, ESP_M_LOSS_CURVE_END, member, arm, stage, 0);
    whole += start - esp_source_value(s, part->measure, member, arm, stage, 0);
  }
  return whole > 0 ? first / whole : NAN;
}

static double at_070(const esp_source *s, esp_measure measure, int member, int arm, long element)
{
  return esp_source_value(s, measure, member, arm, esp_rung_stage(esp_source_rung_070(s)), element);
}

static double value_070(const esp_source *s, const esp_statement *part, int member, int arm)
{
  return at_070(s, part->measure, member, arm, 0);
}

static double weights_of_size(const esp_source *s, const esp_statement *part, int member, int arm)
{
  const esp_series *histogram = esp_series_of(s->config->experiment == BANDIT ? "7F" : "5F");
  double sum = 0;
  for (int bin = 0; bin < esp_series_n_points(histogram, s); bin++)
    if (within(fabs(esp_series_x(histogram, s, bin)), part->from, part->to))
      sum += esp_series_value(histogram, s, member, arm, 0, bin);
  return sum;
}

static double spectrum_distance(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)arm;
  const long n = s->count[part->measure];
  double sum[2] = {0, 0}, whole[2] = {0, 0}, distance = 0;
  for (long i = 0; i < n; i++)
    for (int a = 0; a < 2; a++)
      whole[a] += at_070(s, part->measure, member, a, i);
  for (long i = 0; i < n; i++) {
    for (int a = 0; a < 2; a++)
      sum[a] += at_070(s, part->measure, member, a, i) / whole[a];
    distance = fmax(distance, fabs(sum[PRUNED] - sum[TWIN]));
  }
  return isnan(sum[PRUNED] - sum[TWIN]) ? NAN : distance;
}

static double share_of_rank(const esp_source *s, const esp_statement *part, int member, int arm)
{
  const double first = at_070(s, part->measure, member, arm, 0);
  const long n = s->count[part->measure];
  double rank = 0;
  for (long i = 0; i < n; i++)
    rank += at_070(s, part->measure, member, arm, i) > 1e-3 * first;
  return isnan(first) ? NAN : rank / (double)n;
}

/* Pruned minus twin, mean of two onsets. */
static double advantage(const esp_source *s, int member, int first_onset)
{
  const esp_series *by_onset = esp_series_of("5B");
  double sum = 0;
  for (int onset = first_onset; onset < first_onset + 2; onset++)
    sum += esp_series_value(by_onset, s, member, PRUNED, 0, onset) - esp_series_value(by_onset, s, member, TWIN, 0, onset);
  return sum / 2;
}

static double advantage_early(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part, (void)arm;
  return s->config->probe.onsets.n < 4 ? NAN : advantage(s, member, 0);
}

static double advantage_early_over_late(const esp_source *s, const esp_statement *part, int member, int arm)
{
  const int n = s->config->probe.onsets.n;
  return n < 4 ? NAN : advantage_early(s, part, member, arm) - advantage(s, member, n - 2);
}

static double slope_by_strength(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part;
  const esp_series *by_strength = esp_series_of("5C");
  const int first = esp_source_first_strength(s), n = s->config->probe.strengths.n - first;
  double y[ESP_MAX_LIST];
  for (int i = 0; i < n; i++)
    y[i] = esp_series_value(by_strength, s, member, arm, 0, first + i);
  return slope(n, s->config->probe.strengths.value + first, y);
}

static double mean_contraction(const esp_source *s, const esp_statement *part, int member, int arm)
{
  double sum = 0;
  for (long i = 0; i < s->count[part->measure]; i++)
    sum += at_070(s, part->measure, member, arm, i);
  return sum / (double)s->count[part->measure];
}

static double contracts(const esp_source *s, const esp_statement *part, int member, int arm)
{
  const double mean = mean_contraction(s, part, member, arm);
  return isnan(mean) ? NAN : mean < 1;
}

static double expands(const esp_source *s, const esp_statement *part, int member, int arm)
{
  const double mean = mean_contraction(s, part, member, arm);
  return isnan(mean) ? NAN : mean > 1;
}

/* Mean loss after training calls first .. last (from 1) on the old cues. */
static double scratch_loss(const esp_source *s, int first, int last, int member, int arm)
{
  double sum = 0;
  if (first > last || last > s->config->scratch.calls)
    return NAN;
  for (int call = first; call <= last; call++)
    sum += esp_source_value(s, ESP_M_LOSS_CURVE_END, member, arm, ESP_SCRATCH_OLD_CUES, call - 1);
  return sum / (last - first + 1);
}

static double scratch_loss_early(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part;
  return scratch_loss(s, 1, 5, member, arm);
}

static double scratch_gap_late(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part, (void)arm;
  const int calls = s->config->scratch.calls;
  return log(scratch_loss(s, 21, calls, member, PRUNED) / scratch_loss(s, 21, calls, member, TWIN));
}

static double transfer_loss(const esp_source *s, const esp_statement *part, int member, int arm)
{
  const int stage = esp_source_transfer(s);
  return stage < 0 ? NAN : esp_source_value(s, part->measure, member, arm, stage, 0);
}

static double correct_high_over_best(const esp_source *s, const esp_statement *part, int member, int arm)
{
  return mean_in(s, part->measure, 0.90, 1, member, arm) - mean_in(s, part->measure, 0.70, 0.80, member, arm);
}

/* ---- quantities of the bandit ---- */

/* (sum of the variances)^2 / sum of their squares: n for n equal ones, 1 for a line. */
static double dimensions(const esp_source *s, const esp_statement *part, int member, int arm)
{
  double sum = 0, squares = 0;
  for (long i = 0; i < s->count[part->measure]; i++) {
    const double v = fmax(at_070(s, part->measure, member, arm, i), 0); /* rounding may be below 0 */
    sum += v;
    squares += v * v;
  }
  return isnan(at_070(s, part->measure, member, arm, 0)) || !(squares > 0) ? NAN : sum * sum / squares;
}

static double components_of_95(const esp_source *s, const esp_statement *part, int member, int arm)
{
  const esp_series *cumulative = esp_series_of("7E");
  if (isnan(at_070(s, part->measure, member, arm, 0)))
    return NAN;
  int n = 0;
  while (n < esp_series_n_points(cumulative, s) && esp_series_value(cumulative, s, member, arm, 0, n) < 0.95)
    n++;
  return n + 1;
}

static double log_separation(const esp_source *s, const esp_statement *part, int member, int arm)
{
  return log(at_070(s, part->measure, member, arm, 0));
}

static double high_over_070(const esp_source *s, const esp_statement *part, int member, int arm)
{
  return mean_in(s, part->measure, 0.90, 1, member, arm) - at_070(s, part->measure, member, arm, 0);
}

/* Mean loss after calls first .. last (from 1) on the new option; who has converged stays with the loss reached. */
static double new_option_loss(const esp_source *s, int first, int last, int member, int arm)
{
  const int stage = esp_source_new_option(s);
  double sum = 0;
  if (stage < 0 || last > s->config->new_option.calls)
    return NAN;
  for (int call = first; call <= last; call++) {
    const double loss = esp_source_value(s, ESP_M_LOSS_CURVE_END, member, arm, stage, call - 1);
    sum += isnan(loss) ? esp_source_value(s, ESP_M_LOSS, member, arm, stage, 0) : loss;
  }
  return sum / (last - first + 1);
}

static double new_option_loss_early(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part;
  return new_option_loss(s, 2, 10, member, arm);
}

static double new_option_loss_first(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part;
  return new_option_loss(s, 1, 1, member, arm);
}

static double new_option_gap(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part;
  const int last = s->config->new_option.calls;
  const double pruned = new_option_loss(s, last, last, member, arm), twin = new_option_loss(s, last, last, member, arm + 1);
  return log(pruned / twin);
}

/* ---- judging ---- */

typedef struct {
  const esp_source *s;
  long n;             /* members                         */
  double *a, *b;      /* a number of each member; room for two */
  int level;          /* the ladder that a statement is about, -1: there is none */
} cohort;

static int level_of(const esp_source *s, const esp_judgement *j, const esp_statement *part)
{
  if (s->config->experiment == LEVER)
    return 0;
  if (part->arm & (LOW_NOISE | HIGH_NOISE))
    return esp_source_level_of(s, part->arm & LOW_NOISE ? LOWEST_VALUE_NOISE : HIGHEST_VALUE_NOISE);
  const esp_series *series = esp_series_of(j->panel);
  return series ? esp_series_level(series, s) : esp_source_main_level(s);
}

static void collect(const cohort *c, const esp_statement *part, esp_quantity *of, int side, double *values)
{
  for (int member = 0; member < c->n; member++)
    values[member] = of(c->s, part, member, esp_source_arm(c->level, side));
}

static void needs_more(esp_finding *f, bool sign_agrees, double n_needed)
{
  if (f->verdict != ESP_HOLDS && f->verdict != ESP_NOT_RUN && sign_agrees && n_needed <= 1e6) /* beyond, the sign says nothing */
    f->n_needed = n_needed;
}

static void tell_t(esp_finding *f, const esp_t_test *t, int sign)
{
  f->n = t->n;
  f->effect_name = "d_z";
  f->effect = t->d;
  f->low = t->d_low;
  f->high = t->d_high;
  f->p = t->p;
  f->verdict = esp_judge_sign(t->n, sign, t->mean, t->p);
  needs_more(f, sign * t->mean > 0, esp_needed_pairs(t->d));
}

static void find_paired(const cohort *c, int sign, esp_finding *f)
{
  const esp_t_test t = esp_t_test_paired(c->n, c->a, c->b);
  double mean[2] = {0, 0};
  for (long i = 0; i < c->n; i++)
    if (!isnan(c->a[i] - c->b[i])) {
      mean[0] += c->a[i] / (double)t.n;
      mean[1] += c->b[i] / (double)t.n;
    }
  tell_t(f, &t, sign);
  snprintf(f->numbers, sizeof f->numbers, "%s %.4g, %s %.4g, difference %.3g (%.3g to %.3g), t(%g) = %.3g",
           esp_side_name(c->s, PRUNED), mean[0], esp_side_name(c->s, TWIN), mean[1], t.mean, t.low, t.high, t.df, t.t);
}

static void find_against_zero(const cohort *c, int sign, esp_finding *f)
{
  const esp_t_test t = esp_t_test_one_sample(c->n, c->a, 0);
  tell_t(f, &t, sign);
  snprintf(f->numbers, sizeof f->numbers, "mean %.4g (%.3g to %.3g), t(%g) = %.3g", t.mean, t.low, t.high, t.df, t.t);
}

static void find_mean(const cohort *c, const esp_statement *part, esp_finding *f)
{
  const esp_t_test t = esp_t_test_one_sample(c->n, c->a, 0);
  const long n_least = c->s->config->experiment == LEVER ? ESP_CLAIM_MIN_RUNS : ESP_CLAIM_MIN_MEMBERS;
  f->n = t.n;
  f->effect_name = "mean";
  f->effect = t.mean;
  f->low = t.low;
  f->high = t.high;
  f->verdict = part->rule == LEVEL ? esp_judge_level(t.n, n_least, part->limit, t.low, t.high)
                                   : esp_judge_limit(t.n, n_least, part->rule == ABOVE ? 1 : -1, part->limit, t.low, t.high);
  snprintf(f->numbers, sizeof f->numbers, "mean %.4g (%.4g to %.4g), should be %s%.3g", t.mean, t.low, t.high,
           part->rule == LEVEL ? "within +-" : part->rule == ABOVE ? "above " : "below ", part->limit);
}

/* n_arms: how many networks of each member are among the points. */
static void find_correlation(const cohort *c, int n_arms, esp_finding *f)
{
  const esp_correlation r = esp_correlate(n_arms * c->n, c->a, c->b);
  f->n = r.n;
  f->effect_name = "r";
  f->effect = r.r;
  f->low = r.low;
  f->high = r.high;
  f->p = r.p;
  f->verdict = esp_judge_sign((r.n + n_arms - 1) / n_arms, -1, r.r, r.p);
  needs_more(f, r.r < 0, esp_needed_for_correlation(r.r) / n_arms);
  snprintf(f->numbers, sizeof f->numbers, "r(%ld) = %.3f (%.3f to %.3f)", r.n, r.r, r.low, r.high);
}

static void find_share(const cohort *c, esp_finding *f)
{
  const esp_share s = esp_share_of(c->n, c->a);
  f->n = s.n;
  f->effect_name = "share";
  f->effect = s.share;
  f->low = s.low;
  f->high = s.high;
  f->p = s.p;
  f->verdict = esp_judge_sign(s.n, 1, s.share - 0.5, s.p);
  snprintf(f->numbers, sizeof f->numbers, "%ld of %ld (%.3g to %.3g)", s.n_yes, s.n, s.low, s.high);
}

/* The strength at which the advantage is least sure: by verdict, then by p. */
static void find_at_each_strength(const cohort *c, esp_finding *f)
{
  const esp_series *by_strength = esp_series_of("5C");
  const int first = esp_source_first_strength(c->s), n = c->s->config->probe.strengths.n;
  for (int i = first; i < n; i++) {
    esp_finding here = *f;
    esp_series_values(by_strength, c->s, PRUNED, 0, i, c->a);
    esp_series_values(by_strength, c->s, TWIN, 0, i, c->b);
    find_paired(c, 1, &here);
    const size_t used = strlen(here.numbers);
    snprintf(here.numbers + used, sizeof here.numbers - used, ", at strength %g", esp_series_x(by_strength, c->s, i));
    if (i == first || here.verdict > f->verdict || (here.verdict == f->verdict && !(here.p <= f->p)))
      *f = here;
  }
}

static void find(const cohort *c, const esp_statement *part, esp_finding *f)
{
  *f = (esp_finding){.words = part->words, .aside = part->aside, .verdict = ESP_NOT_RUN, .effect_name = "d_z", .effect = NAN,
                     .low = NAN, .high = NAN, .p = NAN, .n_needed = NAN};
  if (part->rule == HIGHER_AT_EACH_STRENGTH) {
    find_at_each_strength(c, f);
    return;
  }
  if (c->level < 0)
    return;
  const int side = part->rule == HIGHER || part->rule == LOWER ? PRUNED : part->arm & SIDES;
  collect(c, part, part->quantity, side, c->a);
  if (part->rule == HIGHER || part->rule == LOWER) {
    collect(c, part, part->quantity, TWIN, c->b);
    find_paired(c, part->rule == HIGHER ? 1 : -1, f);
  } else if (part->rule == POSITIVE || part->rule == NEGATIVE) {
    find_against_zero(c, part->rule == POSITIVE ? 1 : -1, f);
  } else if (part->rule == ANTICORRELATED) {
    const esp_statement other = {.measure = c->s->config->experiment == BANDIT ? ESP_M_LYAPUNOV_MAX : ESP_M_PROBED_CORRECT};
    collect(c, &other, value_070, side, c->b);
    find_correlation(c, 1, f);
  } else if (part->rule == ANTICORRELATED_TOGETHER) {
    const esp_statement other = {.measure = ESP_M_LYAPUNOV_MAX};
    collect(c, part, part->quantity, TWIN, c->a + c->n);
    collect(c, &other, value_070, PRUNED, c->b);
    collect(c, &other, value_070, TWIN, c->b + c->n);
    find_correlation(c, 2, f);
  } else if (part->rule == MOST) {
    find_share(c, f);
  } else {
    find_mean(c, part, f);
  }
  if (f->n == 0)
    f->numbers[0] = '\0';
}

static void judge(cohort *c, const esp_statement *parts, esp_judgement *j)
{
  for (int i = 0; i < ESP_MAX_PARTS && parts[i].rule != NO_RULE; i++) {
    c->level = level_of(c->s, j, &parts[i]);
    find(c, &parts[i], &j->finding[i]);
    j->n_findings++;
    if (!parts[i].aside && (i == 0 || j->finding[i].verdict > j->verdict)) {
      j->verdict = j->finding[i].verdict;
      j->deciding = i;
    }
  }
}

static void mention_example(const esp_source *s, const esp_example *example, esp_judgement *j)
{
  static const esp_statement whole = {.measure = ESP_M_CONTRACTION};
  if (example->member >= 0)
    snprintf(j->note, sizeof j->note, "example, member %d: mean contraction %.3f pruned, %.3f twin", example->member,
             mean_contraction(s, &whole, example->member, PRUNED), mean_contraction(s, &whole, example->member, TWIN));
}

esp_err esp_claims_judge(const esp_source *const sources[ESP_N_EXPERIMENTS], const esp_example *example,
                         esp_judgement judgement[ESP_N_CLAIMS])
{
  long n = 0;
  for (int e = 0; e < ESP_N_EXPERIMENTS; e++)
    if (sources[e] && sources[e]->plan->n_members > n)
      n = sources[e]->plan->n_members;
  double *values = malloc(4 * (size_t)n * sizeof *values);
  ESP_REQUIRE(values, ESP_ERR_NOMEM, "no memory for the claims");
  for (int i = 0; i < ESP_N_CLAIMS; i++) {
    esp_judgement *j = &judgement[i];
    *j = (esp_judgement){.number = claims[i].number, .experiment = claims[i].experiment, .panel = claims[i].panel,
                         .claim = claims[i].claim, .verdict = ESP_NOT_RUN};
    const esp_source *s = sources[claims[i].experiment];
    if (!s)
      continue;
    cohort c = {.s = s, .n = s->plan->n_members, .a = values, .b = values + 2 * n};
    judge(&c, claims[i].part, j);
    if (j->number == 14)
      mention_example(s, example, j);
  }
  free(values);
  return ESP_OK;
}
