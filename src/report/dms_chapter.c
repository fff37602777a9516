/* report/dms_chapter.c - delayed match to sample: which panels there are, what their points are, and what the paper claims of them. What
 * is computed again from the weights of one pair of networks is in dms_panels.c. */
#include <math.h>

#include "chapter.h"
#include "dms_panels.h"
#include "ladder.h"

enum { N_CONDITIONS = 4, MOST_CALLS_SHOWN = 30, PRUNED = ESP_SPARSE, TWIN = ESP_DENSE };

/* ---- panels ---- */

#define OF_PRUNED {"arm", .text = "pruned"}
#define OF_TWIN {"arm", .text = "twin"}
#define SHARED_AXIS {"y_axis", .text = "shared"}
#define SHOWN_BINS {"x_limits", .n = 2, .number = {10.5, 53.5}}
#define MARKS {"mark_names", .text = "C1, P, C2, R"}
#define TRIAL(name, title, shows, ...) \
  {name, ESP_OF_EXAMPLE, title, shows, "bin", "input, output", "trial", {__VA_ARGS__}}

static const esp_panel panels[] = {
    {"1A", ESP_SCHEME, "Task", "Inputs and target of the four conditions (+,+), (-,-), (+,-), (-,+).", "bin", "input, target",
     "scheme", {{"scheme", .text = "task"}}},
    {"1B", ESP_SCHEME, "Network", "Hidden units, inputs and outputs.", NULL, NULL, "scheme", {{"scheme", .text = "network"}}},
    TRIAL("1C", "Condition 1 (+,+)", "Inputs and output of the pruned example network.", OF_PRUNED),
    TRIAL("1D", "Condition 2 (-,-)", "Inputs and output of the pruned example network.", OF_PRUNED, SHARED_AXIS),
    TRIAL("1E", "Condition 3 (+,-)", "Inputs and output of the pruned example network.", OF_PRUNED, SHARED_AXIS),
    TRIAL("1F", "Condition 4 (-,+)", "Inputs and output of the pruned example network.", OF_PRUNED, SHARED_AXIS),
    {"1G", ESP_SCHEME, "Ladder", "Fractions of the recurrent weights that are removed, one rung after the other.",
     "rung", "prune fraction", "scheme", {{"scheme", .text = "ladder"}}},
    {"1H", ESP_OF_POPULATION, "Final loss", "Loss at the end of training at each rung.", "prune fraction", "loss",
     "line", {ESP_DRAWN_PAIR}},
    {"1I", ESP_OF_POPULATION, "Training calls", "Training calls at each rung (the paper's CG iterations).",
     "prune fraction", "calls", "line", {ESP_DRAWN_PAIR}},
    {"2A", ESP_OF_EXAMPLE, "Recurrent weights", "Distribution of the recurrent weights that are not 0.", "weight", "share",
     "histogram", {ESP_DRAWN_PAIR, ESP_DRAWN_FROM_0}},
    {"2B", ESP_OF_EXAMPLE, "Singular values", "Cumulative singular values of the recurrent weights, over their sum.",
     "rank", "cumulative share", "line", {ESP_DRAWN_PAIR}},
    TRIAL("2C", "Twin, condition 4", "Inputs and output without a distractor.", OF_TWIN),
    TRIAL("2D", "Twin, condition 4 probed", "Inputs and output with a distractor.", OF_TWIN, SHARED_AXIS),
    TRIAL("2E", "Pruned, condition 4", "Inputs and output without a distractor.", OF_PRUNED, SHARED_AXIS),
    TRIAL("2F", "Pruned, condition 4 probed", "Inputs and output with a distractor.", OF_PRUNED, SHARED_AXIS),
    {"3A", ESP_OF_EXAMPLE, "Twin, PC1", "Hidden state on the first principal component.", "bin", "PC1",
     "projection", {SHOWN_BINS, MARKS, {"row", .text = "twin"}}},
    {"3B", ESP_OF_EXAMPLE, "Twin, PC2", "Hidden state on the second principal component.", "bin", "PC2",
     "projection", {SHOWN_BINS, MARKS}},
    {"3C", ESP_OF_EXAMPLE, "Twin, output", "Output of the same trials.", "bin", "output", "projection", {SHOWN_BINS, MARKS}},
    {"3D", ESP_OF_EXAMPLE, "Pruned, PC1", "Hidden state on the first principal component.", "bin", "PC1",
     "projection", {SHOWN_BINS, MARKS, {"row", .text = "pruned"}}},
    {"3E", ESP_OF_EXAMPLE, "Pruned, PC2", "Hidden state on the second principal component.", "bin", "PC2",
     "projection", {SHOWN_BINS, MARKS}},
    {"3F", ESP_OF_EXAMPLE, "Pruned, output", "Output of the same trials.", "bin", "output", "projection", {SHOWN_BINS, MARKS}},
    {"4A", ESP_OF_EXAMPLE, "Twin, flow", "Trajectories of condition 4 and what one step does to points around them.",
     "PC1", "PC2", "flow", {{0}}},
    {"4B", ESP_OF_EXAMPLE, "Pruned, flow", "Trajectories of condition 4 and what one step does to points around them.",
     "PC1", "PC2", "flow", {{0}}},
    {"4C", ESP_OF_EXAMPLE, "Contraction",
     "Distance to the trajectory after one step over that before, of the example and of all.", "bin", "contraction",
     "line", {ESP_DRAWN_PAIR, ESP_DRAWN_LEVEL(1), ESP_DRAWN_MARKER(3, 0), {"dashed", .text = "all"}, {"dotted",
      .text = "weighed as published"}}},
    {"4D", ESP_OF_EXAMPLE, "Lyapunov spectrum", "Lyapunov exponents along condition 4, bins 15-40.", "rank", "exponent per bin",
     "line", {ESP_DRAWN_PAIR, ESP_DRAWN_LEVEL(0)}},
    {"5A", ESP_OF_POPULATION, "Resistance to distractors",
     "Fraction of probe trials answered correctly, all onsets and strengths above 0.", "prune fraction", "fraction correct",
     "line", {ESP_DRAWN_PAIR, {"arrow", .text = "example"}}},
    {"5B", ESP_OF_POPULATION, "By onset",
     "Fraction of probe trials answered correctly, all strengths above 0, at the rung nearest 0.70.",
     "onset (bin)", "fraction correct", "line", {ESP_DRAWN_PAIR}},
    {"5C", ESP_OF_POPULATION, "By strength", "Fraction of trials answered correctly, all onsets, at the rung nearest 0.70.",
     "strength", "fraction correct", "line", {ESP_DRAWN_PAIR}},
    {"5D", ESP_OF_POPULATION, "Lyapunov exponent", "Largest Lyapunov exponent along condition 4, bins 16-36.",
     "prune fraction", "exponent per bin", "line", {ESP_DRAWN_PAIR, ESP_DRAWN_LEVEL(0)}},
    {"5E", ESP_OF_POPULATION, "Exponent and resistance",
     "Largest Lyapunov exponent of the networks by the fraction of probe trials they answer correctly, at the rung nearest "
     "0.70.", "fraction correct", "exponent per bin", "scatter", {ESP_DRAWN_PAIR}},
    {"5F", ESP_OF_POPULATION, "Recurrent weights",
     "Distribution of the recurrent weights that are not 0, at the rung nearest 0.70.", "weight", "share",
     "histogram", {ESP_DRAWN_PAIR, ESP_DRAWN_FROM_0}},
    {"S1", ESP_OF_POPULATION, "Training at each rung",
     "Loss at the start of each training call; a network that has converged makes no more calls and leaves the mean.",
     "call", "loss", "appended", {ESP_DRAWN_PAIR, ESP_DRAWN_LOG_WHERE_WIDE}},
    {"S2B", ESP_OF_POPULATION, "New cues", "Loss at the start of each training call on the new cues.", "call", "loss",
     "line", {ESP_DRAWN_PAIR, ESP_DRAWN_BAND, ESP_DRAWN_MARKER(2, 1), ESP_DRAWN_LOG_WHERE_WIDE}},
    {0},
};

/* ---- points ---- */

static int first_strength(const esp_source *s)
{
  int i = 0;
  while (i < s->config->probe.strengths.n && !(s->config->probe.strengths.value[i] > 0))
    i++;
  return i;
}

static esp_scale onsets(const esp_source *s)
{
  return (esp_scale){.n = s->config->probe.onsets.n, .value = s->config->probe.onsets.value};
}

static esp_scale strengths(const esp_source *s)
{
  return (esp_scale){.n = s->config->probe.strengths.n, .value = s->config->probe.strengths.value};
}

/* All strengths above 0 and conditions. */
static esp_place at_onset(const esp_source *s, int arm, int point)
{
  const long n_strengths = s->config->probe.strengths.n, first = first_strength(s);
  return (esp_place){.arm = arm, .stage = esp_stage_070(s), .first = (point * n_strengths + first) * N_CONDITIONS,
                     .length = (n_strengths - first) * N_CONDITIONS, .n_blocks = 1, .index = point};
}

/* All onsets and conditions. */
static esp_place at_strength(const esp_source *s, int arm, int point)
{
  return (esp_place){.arm = arm, .stage = esp_stage_070(s), .first = (long)point * N_CONDITIONS, .length = N_CONDITIONS,
                     .n_blocks = s->config->probe.onsets.n, .stride = (long)s->config->probe.strengths.n * N_CONDITIONS,
                     .index = point};
}

/* A network that diverged on a probe has zeros where its answers would be: they are missing, not wrong. */
static double share_answered(const esp_source *s, const esp_series *series, int member, esp_place place)
{
  const bool answers =
      !isnan(esp_at_070(s, "probed_correct", member, place.arm, 0)) || !isnan(esp_at_070(s, "unprobed_correct", member, place.arm, 0));
  return answers ? esp_mean_at(s, series->field, member, place) : NAN;
}

static void slice_of_onset(const esp_source *s, esp_place place, char *text, size_t size)
{
  snprintf(text, size, "/records/probe_correct[:, %d, %d, %ld, %d:, :], mean of each member", place.arm, place.stage, place.index,
           first_strength(s));
}

static const esp_points by_onset = {.x_unit = "bin", .x_what = "first bin of the distractor", .scale = onsets,
                                    .place = at_onset, .value = share_answered, .slice = slice_of_onset};
static const esp_points by_strength = {.x_unit = "1", .x_what = "strength of the distractor; 0: none", .scale = strengths,
                                       .place = at_strength, .value = share_answered, .before = ":, ", .after = ", :",
                                       .done = ", mean of each member"};

static esp_scale calls_shown(const esp_source *s)
{
  const long n = esp_source_count(s, "loss_curve");
  return (esp_scale){.n = n < MOST_CALLS_SHOWN ? (int)n : MOST_CALLS_SHOWN};
}

static esp_place at_rung_and_call(const esp_source *s, int arm, int point)
{
  const int n = calls_shown(s).n;
  return esp_one_number(arm, esp_rung_stage(point / n), point % n);
}

static esp_scale transfer_calls(const esp_source *s)
{
  return (esp_scale){.n = esp_stage_after(s) < 0 ? 0 : s->config->transfer.calls};
}

static const esp_points by_rung_and_call = {.x_unit = "1",
                                            .x_what = "training call since the rung was begun",
                                            .row_what = "fraction of the recurrent weights removed from the pruned networks",
                                            .scale = calls_shown,
                                            .place = at_rung_and_call};
static const esp_points by_transfer_call = {
    .x_unit = "1", .x_what = "training call on the new cues", .scale = transfer_calls, .stage = esp_stage_after};
static const esp_points by_flow_bin = {.x_unit = "bin", .x_what = "bin of the delay", .stage = esp_stage_070};

static const esp_series series[] = {
    {"1H", &esp_by_rung, "loss", .what = "loss at the end of the last training call", .tested = true},
    {"1H", &esp_by_rung, "loss_last_call", .prefix = "published_", .tested = true,
     .what = "loss at the start of the last training call, as the published code plots it"},
    {"1I", &esp_by_rung, "n_calls", .what = "number of training calls", .tested = true},
    {"4C", &by_flow_bin, "contraction", .prefix = "all_", .what = "contraction of all members"},
    {"5A", &esp_by_rung, "probed_correct", .what = "fraction of probe trials answered correctly", .tested = true},
    {"5B", &by_onset, "probe_correct", .what = "fraction of probe trials answered correctly", .tested = true},
    {"5C", &by_strength, "probe_correct", .what = "fraction of trials answered correctly", .tested = true},
    {"5D", &esp_by_rung, "lyapunov_max", .what = "largest Lyapunov exponent", .tested = true},
    {"5F", &esp_by_weight, "weight_histogram", .what = "share of the weights that are not 0"},
    {"S1", &by_rung_and_call, "loss_curve", .what = "loss at the start of the call"},
    {"S2B", &by_transfer_call, "loss_curve", .what = "loss at the start of the call"},
    {0},
};

static const esp_scatter scatters[] = {
    {"5E", "probed_correct", "fraction of probe trials answered correctly", .exponent = "5D"},
    {0},
};

const esp_column esp_dms_columns[] = {
    {"loss", "loss", 0},
    {"loss_last_call", "loss_last_call", 0},
    {"n_calls", "n_calls", 0},
    {"sparsity", "sparsity", 0},
    {"unprobed_correct", "unprobed_correct", 0},
    {"probed_correct", "probed_correct", 0},
    {"probed_correct_published", "probed_correct_published", 0},
    {"lyapunov_max", "lyapunov_max", 0},
    {"lyapunov_published", "lyapunov_published", 0},
    {0},
};

/* ---- quantities of claims: one number of one member; NaN: it has none ---- */

/* What the line says between first and last rung, in units of the member's mean. */
static double change_over_rungs(const esp_source *s, const esp_statement *part, int member, int arm)
{
  const double length = esp_fraction(s, esp_n_rungs(s) - 1) - esp_fraction(s, 0);
  return esp_slope_over_rungs(s, part, member, arm) * length / esp_mean_over_rungs(s, part, member, arm);
}

static double rise_at_first_call(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part;
  double sum = 0;
  const int n = esp_n_rungs(s);
  for (int r = 0; r < n; r++) {
    const int stage = esp_rung_stage(r); /* the stage before is its parent */
    sum += log(esp_source_value(s, "loss_curve", member, arm, stage, 0) / esp_source_value(s, "loss", member, arm, stage - 1, 0));
  }
  return sum / n;
}

/* How far the first call goes from the loss after pruning to that at the end of the rung; all rungs together. */
static double fall_in_first_call(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part;
  double first = 0, whole = 0;
  for (int r = 0; r < esp_n_rungs(s); r++) {
    const int stage = esp_rung_stage(r);
    const double start = esp_source_value(s, "loss_curve", member, arm, stage, 0);
    first += start - esp_source_value(s, "loss_curve_end", member, arm, stage, 0);
    whole += start - esp_source_value(s, "loss", member, arm, stage, 0);
  }
  return whole > 0 ? first / whole : NAN;
}

static double spectrum_distance(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)arm;
  const long n = esp_source_count(s, part->field);
  double sum[2] = {0, 0}, whole[2] = {0, 0}, distance = 0;
  for (long i = 0; i < n; i++)
    for (int a = 0; a < 2; a++)
      whole[a] += esp_at_070(s, part->field, member, a, i);
  for (long i = 0; i < n; i++) {
    for (int a = 0; a < 2; a++)
      sum[a] += esp_at_070(s, part->field, member, a, i) / whole[a];
    distance = fmax(distance, fabs(sum[PRUNED] - sum[TWIN]));
  }
  return isnan(sum[PRUNED] - sum[TWIN]) ? NAN : distance;
}

static double share_of_rank(const esp_source *s, const esp_statement *part, int member, int arm)
{
  const double first = esp_at_070(s, part->field, member, arm, 0);
  const long n = esp_source_count(s, part->field);
  double rank = 0;
  for (long i = 0; i < n; i++)
    rank += esp_at_070(s, part->field, member, arm, i) > 1e-3 * first;
  return isnan(first) ? NAN : rank / (double)n;
}

/* Pruned minus twin, mean of onsets .from to .to (from 1). With fewer than four the first two and the last two are not apart. */
static double advantage(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)arm;
  const esp_series *correct = esp_series_of(s, "5B");
  double sum = 0;
  if (s->config->probe.onsets.n < 4)
    return NAN;
  for (int onset = (int)part->from; onset <= part->to; onset++)
    sum += esp_series_value(correct, s, member, PRUNED, onset - 1) - esp_series_value(correct, s, member, TWIN, onset - 1);
  return sum / (part->to - part->from + 1);
}

static double advantage_over_late(const esp_source *s, const esp_statement *part, int member, int arm)
{
  const double n = s->config->probe.onsets.n;
  const esp_statement last_two = {.from = n - 1, .to = n};
  return advantage(s, part, member, arm) - advantage(s, &last_two, member, arm);
}

static double slope_by_strength(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part;
  const esp_series *correct = esp_series_of(s, "5C");
  const int first = first_strength(s), n = s->config->probe.strengths.n - first;
  double y[ESP_MAX_LIST];
  for (int i = 0; i < n; i++)
    y[i] = esp_series_value(correct, s, member, arm, first + i);
  return esp_slope(n, s->config->probe.strengths.value + first, y);
}

static double mean_contraction(const esp_source *s, const char *field, int member, int arm)
{
  const esp_place delay = {.arm = arm, .stage = esp_stage_070(s), .length = esp_source_count(s, field), .n_blocks = 1};
  return esp_mean_at(s, field, member, delay);
}

/* Is the pruned network's below 1, or the twin's above it? */
static double contracts_if_pruned(const esp_source *s, const esp_statement *part, int member, int arm)
{
  const double mean = mean_contraction(s, part->field, member, arm);
  return isnan(mean) ? NAN : arm == PRUNED ? mean < 1 : mean > 1;
}

static void tell_contraction(const esp_source *s, const esp_example *example, char *text, size_t size)
{
  snprintf(text, size, "example, member %d: mean contraction %.3f pruned, %.3f twin", example->member,
           mean_contraction(s, "contraction", example->member, PRUNED), mean_contraction(s, "contraction", example->member, TWIN));
}

static double transfer_loss(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part;
  const int stage = esp_stage_after(s);
  return stage < 0 ? NAN : esp_source_value(s, "loss", member, arm, stage, 0);
}

static double over_other_rungs(const esp_source *s, const esp_statement *part, int member, int arm)
{
  const esp_statement other = {.field = part->field, .element = part->element, .from = part->other.from, .to = part->other.to};
  return esp_mean_over_rungs(s, part, member, arm) - esp_mean_over_rungs(s, &other, member, arm);
}

/* ---- claims ---- */

/* Ranges of the ladder. */
#define LITTLE .from = 0, .to = 0.15
#define INTERMEDIATE .from = 0.30, .to = 0.60
#define HIGHEST .from = 0.90, .to = 1
#define WHOLE .from = 0, .to = 1
#define LOG_2 0.69314718055994531
#define LOSS_AND_CALLS(rule, ...)                               \
  {"loss", rule, esp_mean_over_rungs, "loss", __VA_ARGS__},     \
  {"calls", rule, esp_mean_over_rungs, "n_calls", __VA_ARGS__}, \
  {"loss as published", rule, esp_mean_over_rungs, "loss_last_call", __VA_ARGS__, .aside = true}

static const esp_claim claims[] = {
    {1, &esp_averbeck_2022, "5C", "without a distractor both arms answer nearly perfectly",
     .part = {{"correct without distractor, pruned", ESP_ABOVE, esp_value_070, "unprobed_correct", .limit = 0.95},
              {"correct without distractor, twin", ESP_ABOVE, esp_value_070, "unprobed_correct", .side = TWIN, .limit = 0.95}}},
    {2, &esp_averbeck_2022, "1H, 1I", "after a little pruning loss and calls are higher than the twin's",
     .part = {LOSS_AND_CALLS(ESP_HIGHER, LITTLE)}},
    {3, &esp_averbeck_2022, "1H, 1I", "at intermediate pruning loss and calls are lower than the twin's",
     .part = {LOSS_AND_CALLS(ESP_LOWER, INTERMEDIATE)}},
    {4, &esp_averbeck_2022, "1H, 1I", "at the highest pruning both are high again",
     .part = {LOSS_AND_CALLS(ESP_HIGHER, HIGHEST)}},
    {5, &esp_averbeck_2022, "1H, 1I", "the twin's loss and calls stay level",
     .part = {{"change of loss over the ladder", ESP_WITHIN, change_over_rungs, "loss", WHOLE, .side = TWIN, .limit = 0.2},
              {"change of calls over the ladder", ESP_WITHIN, change_over_rungs, "n_calls", WHOLE, .side = TWIN, .limit = 0.2}}},
    {6, &esp_averbeck_2022, "S1", "the first call after pruning starts at a large loss, which falls fast",
     .part = {{"log of loss after pruning over loss before", ESP_ABOVE, .quantity = rise_at_first_call, .limit = LOG_2},
              {"share of the rise that the first call undoes", ESP_ABOVE, .quantity = fall_in_first_call, .limit = 0.8}}},
    {7, &esp_averbeck_2022, "5F", "at 0.70 fewer small and more large weights than the twin",
     .part = {{"share of weights up to 0.1", ESP_LOWER, esp_weights_of_size, "weight_histogram", .from = 0, .to = 0.1},
              {"share of weights from 0.5", ESP_HIGHER, esp_weights_of_size, "weight_histogram", .from = 0.5, .to = INFINITY}}},
    {8, &esp_averbeck_2022, "2B", "singular values fall off alike, no rank is lost",
     .part = {{"largest distance of the cumulative spectra", ESP_BELOW, spectrum_distance, "singular_value", .limit = 0.1},
              {"singular values above 0.001 of the first, over units", ESP_ABOVE, share_of_rank, "singular_value",
               .limit = 0.95}}},
    {9, &esp_averbeck_2022, "5A", "at intermediate pruning more probe trials are answered correctly",
     .part = {{"fraction correct", ESP_HIGHER, esp_mean_over_rungs, "probed_correct", INTERMEDIATE},
              {"fraction correct as published", ESP_HIGHER, esp_mean_over_rungs, "probed_correct_published", INTERMEDIATE,
               .aside = true}}},
    {10, &esp_averbeck_2022, "5B", "the advantage is largest early in the delay and least at its end",
     .part = {{"advantage at the first two onsets", ESP_POSITIVE, .quantity = advantage, .from = 1, .to = 2},
              {"that minus the advantage at the last two", ESP_POSITIVE, .quantity = advantage_over_late, .from = 1, .to = 2}}},
    {11, &esp_averbeck_2022, "5C", "fraction correct falls with strength, and is above the twin's throughout",
     .part = {{"slope by strength, pruned", ESP_NEGATIVE, .quantity = slope_by_strength},
              {"slope by strength, twin", ESP_NEGATIVE, .quantity = slope_by_strength, .side = TWIN},
              {"fraction correct, weakest strength", ESP_HIGHER_AT_EACH, .panel = "5C", .at = "strength"}}},
    {12, &esp_averbeck_2022, "5D", "the largest Lyapunov exponent is below the twin's and falls with pruning",
     .part = {{"exponent", ESP_LOWER, esp_mean_over_rungs, "lyapunov_max", WHOLE},
              {"slope by prune fraction, pruned", ESP_NEGATIVE, esp_slope_over_rungs, "lyapunov_max", WHOLE},
              {"exponent as published", ESP_LOWER, esp_mean_over_rungs, "lyapunov_published", WHOLE, .aside = true}}},
    {13, &esp_averbeck_2022, "5E", "exponent and fraction correct correlate negatively in both arms",
     .part = {{"pruned", ESP_ANTICORRELATED, esp_value_070, "lyapunov_max", .with = "probed_correct"},
              {"twin", ESP_ANTICORRELATED, esp_value_070, "lyapunov_max", .side = TWIN, .with = "probed_correct"},
              {"pruned, exponent as published", ESP_ANTICORRELATED, esp_value_070, "lyapunov_published",
               .with = "probed_correct", .aside = true},
              {"twin, exponent as published", ESP_ANTICORRELATED, esp_value_070, "lyapunov_published", .side = TWIN,
               .with = "probed_correct", .aside = true}}},
    {14, &esp_averbeck_2022, "4C", "through the delay the pruned network contracts and the twin does not",
     .part = {{"members whose mean contraction is below 1, pruned", ESP_MOST, contracts_if_pruned, "contraction"},
              {"members whose mean contraction is above 1, twin", ESP_MOST, contracts_if_pruned, "contraction", .side = TWIN},
              {"below 1 as published, pruned", ESP_MOST, contracts_if_pruned, "contraction_published", .aside = true},
              {"above 1 as published, twin", ESP_MOST, contracts_if_pruned, "contraction_published", .side = TWIN,
               .aside = true}},
     .note = tell_contraction},
    {16, &esp_averbeck_2022, "S2B", "on new cues the pruned network reaches a lower loss",
     .part = {{"loss", ESP_LOWER, .quantity = transfer_loss}}},
    {17, &esp_averbeck_2022, "5A", "beyond about 0.85 the pruned network gets worse",
     .part = {{"fraction correct from 0.90 minus that at 0.70-0.80", ESP_NEGATIVE, over_other_rungs, "probed_correct", HIGHEST,
               .other = {.from = 0.70, .to = 0.80}}}},
    {0},
};

const esp_chapter esp_dms_chapter = {.panels = panels,
                                     .series = series,
                                     .scatters = scatters,
                                     .claims = claims,
                                     .columns = esp_dms_columns,
                                     .members = "networks",
                                     .in_the_mean = "networks in the mean",
                                     .has_fractions = true,
                                     .candidates = esp_dms_candidates,
                                     .example_group = "example",
                                     .fill = esp_dms_panels_fill};
