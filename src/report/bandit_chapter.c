/* report/bandit_chapter.c - the bandit: a ladder for each level of noise on the values, of which panels show one and have the others in
 * subgroups. What the example's networks play is in bandit_panels.c. */
#include "bandit_panels.h"

#include <math.h>
#include <string.h>

#include "ladder.h"

enum { SHOWN, LOW_NOISE, HIGH_NOISE, NEW_OPTION }; /* levels; NEW_OPTION: that of the networks that learn one */
enum { TWIN = ESP_DENSE };

/* ---- levels of noise ---- */

/* The ladder with this value noise, -1: there is none. */
static int ladder_of(const esp_source *s, double value_noise)
{
  const esp_number_list *levels = &s->config->ladder.value_noise;
  for (int ladder = 0; ladder < levels->n; ladder++)
    if (fabs(levels->value[ladder] - value_noise) < 1e-9)
      return ladder;
  return -1;
}

/* The main ladder has value noise 0.1 (the paper's); without that it is new_option.ladder's, without that the first. */
static int shown_ladder(const esp_source *s)
{
  const int published = ladder_of(s, 0.1), learner = ladder_of(s, s->config->new_option.ladder);
  return published >= 0 ? published : learner >= 0 ? learner : 0;
}

static int ladder_at(const esp_source *s, int level)
{
  const int learner = ladder_of(s, s->config->new_option.ladder);
  switch (level) {
  case LOW_NOISE: return ladder_of(s, 0.01); /* the paper's levels besides 0.1 */
  case HIGH_NOISE: return ladder_of(s, 1);
  case NEW_OPTION: return learner >= 0 ? learner : 0; /* without a new option any will do */
  default: return shown_ladder(s);
  }
}

static esp_sides sides_of(int ladder)
{
  return (esp_sides){.n = 2, .arm = {2 * ladder, 2 * ladder + 1}, .name = {"pruned", "twin"}};
}

static bool sides(const esp_source *s, int level, esp_sides *both)
{
  const int ladder = ladder_at(s, level);
  *both = sides_of(ladder);
  return ladder >= 0;
}

static int others(const esp_source *s, int level, esp_sides all[ESP_MAX_ARMS])
{
  const esp_number_list *levels = &s->config->ladder.value_noise;
  int n = 0;
  for (int ladder = 0; ladder < levels->n && level == SHOWN; ladder++)
    if (ladder != shown_ladder(s)) {
      all[n] = sides_of(ladder);
      snprintf(all[n].group, sizeof all[n].group, "level_%.6g", levels->value[ladder]);
      n++;
    }
  return n;
}

/* ---- panels ---- */

#define VALUES_SHOWN "Outputs and the values of the Q-learner at the fixation steps of agent 1, without random choices."
#define STATES_SHOWN                                                                                                      \
  "Hidden states of agent 1 at fixation and choice on the components of all agents and steps, without random choices; S " \
  "marks the first trial, + a choice that was rewarded."
#define EXPONENTS_SHOWN                                                                                                 \
  "Largest Lyapunov exponent of the networks by the fraction of steps on which they choose like the Q-learner, at the " \
  "rung nearest 0.70; r of both arms together."

static const esp_panel panels[] = {
    {"6A", ESP_OF_EXAMPLE, "Recurrent weights", "Distribution of the recurrent weights that are not 0.", "weight", "share",
     "histogram", {ESP_DRAWN_PAIR, ESP_DRAWN_FROM_0}},
    {"6B", ESP_OF_EXAMPLE, "Singular values", "Cumulative singular values of the recurrent weights, over their sum.",
     "rank", "cumulative share", "line", {ESP_DRAWN_PAIR}},
    {"6C", ESP_OF_EXAMPLE, "Twin, fixation", VALUES_SHOWN, "trial", "value", "values", {{0}}},
    {"6D", ESP_OF_EXAMPLE, "Twin, choice", "The same at the choice steps.", "trial", "value", "values", {{0}}},
    {"6E", ESP_OF_EXAMPLE, "Pruned, fixation", VALUES_SHOWN, "trial", "value", "values", {{0}}},
    {"6F", ESP_OF_EXAMPLE, "Pruned, choice", "The same at the choice steps.", "trial", "value", "values", {{0}}},
    {"6G", ESP_OF_EXAMPLE, "Dimensions",
     "Share of the variance of the hidden state in the first principal components, all agents and steps.",
     "components", "cumulative share", "line", {ESP_DRAWN_PAIR}},
    {"6H", ESP_OF_EXAMPLE, "Twin, states", STATES_SHOWN, "PC1", "PC2", "states", {{0}}},
    {"6I", ESP_OF_EXAMPLE, "Pruned, states", STATES_SHOWN, "PC1", "PC2", "states", {{0}}},
    {"7A", ESP_OF_POPULATION, "Error of the values",
     "Squared difference between outputs and the values of the Q-learner, summed over options, on new blocks.",
     "prune fraction", "squared error", "line", {ESP_DRAWN_PAIR}},
    {"7B", ESP_OF_POPULATION, "Choices like the Q-learner",
     "Fraction of steps on which network and Q-learner choose alike, given the same draw, on new blocks.",
     "prune fraction", "fraction alike", "line", {ESP_DRAWN_PAIR}},
    {"7C", ESP_OF_POPULATION, "Reward", "Reward of a new block, mean over agents.", "prune fraction", "reward a block",
     "line", {ESP_DRAWN_PAIR}},
    {"7D", ESP_OF_POPULATION, "Lyapunov exponent", "Largest Lyapunov exponent over steps 2-60 of new blocks, mean over agents.",
     "prune fraction", "exponent per step", "line", {ESP_DRAWN_PAIR, ESP_DRAWN_LEVEL(0)}},
    {"7E", ESP_OF_POPULATION, "Dimensions",
     "Share of the variance of the hidden state in the first principal components, at the rung nearest 0.70.",
     "components", "cumulative share", "line", {ESP_DRAWN_PAIR}},
    {"7F", ESP_OF_POPULATION, "Recurrent weights",
     "Distribution of the recurrent weights that are not 0, at the rung nearest 0.70.", "weight", "share",
     "histogram", {ESP_DRAWN_PAIR, ESP_DRAWN_FROM_0}},
    {"7G", ESP_OF_POPULATION, "Separation",
     "Squared Mahalanobis distance between the states of fixation and choice, mean over the agents for which it is defined; "
     "a network without one leaves the mean.", "prune fraction", "squared distance", "line", {ESP_DRAWN_PAIR,
      ESP_DRAWN_LOG_WHERE_WIDE}},
    {"7H", ESP_OF_POPULATION, "Exponent and choices", EXPONENTS_SHOWN, "fraction alike", "exponent per step", "scatter",
     {ESP_DRAWN_PAIR}},
    {"7I", ESP_OF_POPULATION, "The same at value noise 1", EXPONENTS_SHOWN, "fraction alike", "exponent per step", "scatter",
     {ESP_DRAWN_PAIR}},
    {"S3", ESP_SCHEME, "Task",
     "Inputs and mean rewards of the three states (of odd agents), and a block that a Q-learner plays by itself.",
     "step", "input", "scheme", {{"scheme", .text = "bandit"}}},
    {"S4", ESP_OF_POPULATION, "New option",
     "Loss at the start of each training call on the new option, median (lines with markers) and mean; a network that has "
     "converged stays with the loss it reached.", "call", "loss",
     "line", {ESP_DRAWN_PAIR, ESP_DRAWN_WEDGE, ESP_DRAWN_LOG_WHERE_WIDE, {"solid", .text = "median"}, {"dashed", .text = "mean and SEM"}}},
    {0},
};

static int level_of(const esp_source *s, const esp_panel *panel)
{
  int level;
  esp_series_behind(s, panel->name, &level);
  return level;
}

static bool has(const esp_source *s, const esp_panel *panel, const esp_example *example)
{
  const int level = level_of(s, panel);
  if (level == NEW_OPTION)
    return esp_stage_after(s) >= 0;
  return ladder_at(s, level) >= 0 && (panel->subject != ESP_OF_EXAMPLE || example->member >= 0);
}

/* Is it measured on the blocks that finished networks play at evaluation.epsilon? */
static bool is_played(const esp_panel *panel)
{
  const bool weights = strcmp(panel->name, "7F") == 0 || strcmp(panel->name, "S4") == 0;
  return (panel->subject == ESP_OF_POPULATION && !weights) || strcmp(panel->name, "6G") == 0;
}

static void caption(const esp_source *s, const esp_panel *panel, const esp_example *example, FILE *out)
{
  if (panel->subject == ESP_SCHEME)
    return;
  if (panel->subject == ESP_OF_EXAMPLE)
    esp_tell_example(s, example, out);
  fprintf(out, " Value noise %g.", s->config->ladder.value_noise.value[ladder_at(s, level_of(s, panel))]);
  if (is_played(panel))
    fprintf(out, " Share of random choices %g.", s->config->evaluation.epsilon);
  esp_tell_networks(s, panel, out);
}

/* ---- points ---- */

static esp_place up_to_rank(const esp_source *s, int arm, int point)
{
  return (esp_place){.arm = arm, .stage = esp_stage_070(s), .length = point + 1, .n_blocks = 1, .index = point + 1};
}

static double share_up_to(const esp_source *s, const esp_series *series, int member, esp_place place)
{
  return esp_share_in(s, series->field, (esp_cell){member, place.arm, place.stage}, 0, place.length);
}

static const esp_points by_rank = {.x_unit = "1",
                                   .x_what = "number of principal components",
                                   .place = up_to_rank,
                                   .value = share_up_to,
                                   .before = ":",
                                   .done = ", their sum over that of all of the member"};

static esp_scale new_option_calls(const esp_source *s)
{
  return (esp_scale){.n = esp_stage_after(s) < 0 ? 0 : s->config->new_option.calls};
}

/* A network that has converged before this call, on the same frozen block, stays with the loss that it reached. */
static double loss_or_last(const esp_source *s, const char *field, int member, int arm, int stage, long call)
{
  const double loss = esp_source_value(s, field, member, arm, stage, call);
  return isnan(loss) ? esp_source_value(s, "loss", member, arm, stage, 0) : loss;
}

static double loss_at_call(const esp_source *s, const esp_series *series, int member, esp_place place)
{
  return loss_or_last(s, series->field, member, place.arm, place.stage, place.first);
}

static const esp_points by_new_option_call = {.x_unit = "1",
                                              .x_what = "training call on the new option",
                                              .scale = new_option_calls,
                                              .stage = esp_stage_after,
                                              .value = loss_at_call,
                                              .done = ", or /records/loss of a member that has converged before",
                                              .median = true};

#define GREEDY .element = 1, .suffix = "_greedy", .tested = true, .what = "the same in a block without random choices"

static const esp_series series[] = {
    {"7A", &esp_by_rung, "value_error", .what = "squared difference of output and values, summed over options", .tested = true},
    {"7A", &esp_by_rung, "value_error", GREEDY},
    {"7B", &esp_by_rung, "agreement", .what = "fraction of steps on which network and Q-learner choose alike", .tested = true},
    {"7B", &esp_by_rung, "agreement", GREEDY},
    {"7C", &esp_by_rung, "reward", .what = "reward of a block", .tested = true},
    {"7C", &esp_by_rung, "reward", GREEDY},
    {"7D", &esp_by_rung, "lyapunov_max", .what = "largest Lyapunov exponent", .tested = true},
    {"7D", &esp_by_rung, "lyapunov_published", .prefix = "published_", .what = "exponent as in the published code", .tested = true},
    {"7E", &by_rank, "pca_variance", .what = "variance of the components up to this one, over all variance"},
    {"7F", &esp_by_weight, "weight_histogram", .what = "share of the weights that are not 0"},
    {"7G", &esp_by_rung, "separation", .what = "squared Mahalanobis distance of fixation and choice", .tested = true},
    {"S4", &by_new_option_call, "loss_curve", .what = "loss at the start of the call", .level = NEW_OPTION},
    {0},
};

#define ALIKE "agreement", "fraction of steps on which network and Q-learner choose alike"

static const esp_scatter scatters[] = {
    {"7H", ALIKE, .together = true, .exponent = "7D"},
    {"7I", ALIKE, .together = true, .exponent = "7D", .level = HIGH_NOISE},
    {0},
};

static const esp_column columns[] = {
    {"loss", "loss", 0},
    {"loss_last_call", "loss_last_call", 0},
    {"n_calls", "n_calls", 0},
    {"sparsity", "sparsity", 0},
    {"lyapunov_max", "lyapunov_max", 0},
    {"lyapunov_published", "lyapunov_published", 0},
    {"value_error", "value_error", 0},
    {"agreement", "agreement", 0},
    {"reward", "reward", 0},
    {"value_error_greedy", "value_error", 1},
    {"agreement_greedy", "agreement", 1},
    {"reward_greedy", "reward", 1},
    {"separation", "separation", 0},
    {"separation_condition", "separation_condition", 0},
    {"separation_n_singular", "separation_n_singular", 0},
    {0},
};

/* ---- the example: pruned minus twin in how often the network chooses like the Q-learner ---- */

static esp_err candidates(const esp_source *s, int stage, esp_candidate *list, int *n, const char **rule)
{
  const esp_sides both = sides_of(shown_ladder(s));
  *rule = "median difference between pruned and twin in how often they choose like the Q-learner";
  for (int member = 0; member < s->plan->n_members; member++) {
    const double pruned = esp_source_value(s, "agreement", member, both.arm[0], stage, 0),
                 twin = esp_source_value(s, "agreement", member, both.arm[1], stage, 0);
    if (!isnan(pruned - twin))
      list[(*n)++] = (esp_candidate){member, pruned - twin};
  }
  return ESP_OK;
}

/* ---- quantities of claims ---- */

/* (sum of the variances)^2 / sum of their squares: n for n equal ones, 1 for a line. */
static double dimensions(const esp_source *s, const esp_statement *part, int member, int arm)
{
  double sum = 0, squares = 0;
  for (long i = 0; i < esp_source_count(s, part->field); i++) {
    const double v = fmax(esp_at_070(s, part->field, member, arm, i), 0); /* rounding may be below 0 */
    sum += v;
    squares += v * v;
  }
  return isnan(esp_at_070(s, part->field, member, arm, 0)) || !(squares > 0) ? NAN : sum * sum / squares;
}

static double components_of_95(const esp_source *s, const esp_statement *part, int member, int arm)
{
  const esp_series *cumulative = esp_series_of(s, "7E");
  if (isnan(esp_at_070(s, part->field, member, arm, 0)))
    return NAN;
  int n = 0;
  while (n < esp_series_n_points(cumulative, s) && esp_series_value(cumulative, s, member, arm, n) < 0.95)
    n++;
  return n + 1;
}

static double log_separation(const esp_source *s, const esp_statement *part, int member, int arm)
{
  return log(esp_at_070(s, part->field, member, arm, 0));
}

static double over_070(const esp_source *s, const esp_statement *part, int member, int arm)
{
  return esp_mean_over_rungs(s, part, member, arm) - esp_value_070(s, part, member, arm);
}

/* Mean loss after calls .from to .to (from 1) on the new option. */
static double new_option_loss(const esp_source *s, const esp_statement *part, int member, int arm)
{
  const int stage = esp_stage_after(s);
  double sum = 0;
  if (stage < 0 || part->to > s->config->new_option.calls)
    return NAN;
  for (int call = (int)part->from; call <= part->to; call++)
    sum += loss_or_last(s, part->field, member, arm, stage, call - 1);
  return sum / (part->to - part->from + 1);
}

/* The same after the last call, over the twin's. */
static double new_option_gap(const esp_source *s, const esp_statement *part, int member, int arm)
{
  const double n_calls = s->config->new_option.calls;
  const esp_statement last = {.field = part->field, .from = n_calls, .to = n_calls};
  return log(new_option_loss(s, &last, member, arm) / new_option_loss(s, &last, member, arm + 1));
}

/* ---- claims ---- */

#define FROM_030 .from = 0.30, .to = 1
#define HIGHEST .from = 0.90, .to = 1
#define WHOLE .from = 0, .to = 1
#define WITH_EXPONENT .with = "lyapunov_max"
#define AT_OTHER_NOISE(words, rule, quantity, ...)                                            \
  {words "value noise 0.01", rule, quantity, __VA_ARGS__, .level = LOW_NOISE, .aside = true}, \
  {words "value noise 1", rule, quantity, __VA_ARGS__, .level = HIGH_NOISE, .aside = true}
#define BETTER_FROM_030(words, rule, field)                                                            \
  {words, rule, esp_mean_over_rungs, field, FROM_030},                                                 \
  {"without random choices", rule, esp_mean_over_rungs, field, .element = 1, FROM_030, .aside = true}, \
  AT_OTHER_NOISE("", rule, esp_mean_over_rungs, field, FROM_030)

static const esp_claim claims[] = {
    {18, &esp_averbeck_2022, "7A", "from a prune fraction of about 0.3 on, the values are learned with a smaller error",
     .part = {BETTER_FROM_030("error of the values", ESP_LOWER, "value_error")}},
    {19, &esp_averbeck_2022, "7B", "choices agree with the Q-learner's more often",
     .part = {BETTER_FROM_030("fraction alike", ESP_HIGHER, "agreement")}},
    {20, &esp_averbeck_2022, "7C", "more reward is collected",
     .part = {BETTER_FROM_030("reward of a block", ESP_HIGHER, "reward")}},
    {21, &esp_averbeck_2022, "7D", "the largest Lyapunov exponent is below the twin's, and negative on average",
     .part = {{"exponent", ESP_LOWER, esp_mean_over_rungs, "lyapunov_max", WHOLE},
              {"exponent, pruned", ESP_NEGATIVE, esp_mean_over_rungs, "lyapunov_max", WHOLE},
              {"exponent as published", ESP_LOWER, esp_mean_over_rungs, "lyapunov_published", WHOLE, .aside = true},
              AT_OTHER_NOISE("", ESP_LOWER, esp_mean_over_rungs, "lyapunov_max", WHOLE)}},
    {22, &esp_averbeck_2022, "7E", "the hidden state uses fewer dimensions",
     .part = {{"participation ratio of the variances", ESP_LOWER, dimensions, "pca_variance"},
              {"components for 95 % of the variance", ESP_LOWER, components_of_95, "pca_variance", .aside = true},
              AT_OTHER_NOISE("participation ratio, ", ESP_LOWER, dimensions, "pca_variance")}},
    {23, &esp_averbeck_2022, "7F", "more of the weights are large",
     .part = {{"share of weights from 0.5", ESP_HIGHER, esp_weights_of_size, "weight_histogram", .from = 0.5, .to = INFINITY},
              AT_OTHER_NOISE("", ESP_HIGHER, esp_weights_of_size, "weight_histogram", .from = 0.5, .to = INFINITY)}},
    {24, &esp_averbeck_2022, "7G", "fixation and choice lie farther apart",
     .part = {{"log of the separation", ESP_HIGHER, log_separation, "separation"},
              {"separation itself", ESP_HIGHER, esp_value_070, "separation", .aside = true},
              AT_OTHER_NOISE("log, ", ESP_HIGHER, log_separation, "separation")}},
    {25, &esp_averbeck_2022, "7H, 7I", "exponent and agreement correlate negatively at each level of noise",
     .part = {{"value noise 0.01", ESP_ANTICORRELATED_TOGETHER, esp_value_070, "agreement", .level = LOW_NOISE, WITH_EXPONENT},
              {"value noise of the panels (0.1)", ESP_ANTICORRELATED_TOGETHER, esp_value_070, "agreement", WITH_EXPONENT},
              {"value noise 1", ESP_ANTICORRELATED_TOGETHER, esp_value_070, "agreement", .level = HIGH_NOISE, WITH_EXPONENT},
              {"value noise of the panels, without random choices", ESP_ANTICORRELATED_TOGETHER, esp_value_070, "agreement",
               .element = 1, WITH_EXPONENT, .aside = true},
              {"value noise of the panels, pruned only", ESP_ANTICORRELATED, esp_value_070, "agreement", WITH_EXPONENT,
               .aside = true},
              {"value noise of the panels, twin only", ESP_ANTICORRELATED, esp_value_070, "agreement", .side = TWIN,
               WITH_EXPONENT, .aside = true}}},
    {26, &esp_averbeck_2022, "S4", "a new option is learned more slowly by the pruned network, which gets there late",
     .part = {{"mean loss after calls 2-10", ESP_HIGHER, new_option_loss, "loss_curve_end", .from = 2, .to = 10,
               .level = NEW_OPTION},
              {"log of the last loss over the twin's", ESP_WITHIN, new_option_gap, "loss_curve_end", .level = NEW_OPTION,
               .limit = 0.2},
              {"loss after the first call", ESP_LOWER, new_option_loss, "loss_curve_end", .from = 1, .to = 1,
               .level = NEW_OPTION, .aside = true}}},
    {27, &esp_averbeck_2022, "7A, 7B", "the improvement continues to a prune fraction of 0.90",
     .part = {{"error of the values from 0.90 minus that at 0.70", ESP_NEGATIVE, over_070, "value_error", HIGHEST},
              {"the same of the fraction alike", ESP_POSITIVE, over_070, "agreement", HIGHEST},
              {"the same of the reward", ESP_POSITIVE, over_070, "reward", HIGHEST, .aside = true},
              {"error without random choices", ESP_NEGATIVE, over_070, "value_error", HIGHEST, .element = 1, .aside = true},
              AT_OTHER_NOISE("error, ", ESP_NEGATIVE, over_070, "value_error", HIGHEST)}},
    {0},
};

const esp_chapter esp_bandit_chapter = {.panels = panels,
                                        .series = series,
                                        .scatters = scatters,
                                        .claims = claims,
                                        .columns = columns,
                                        .members = "networks",
                                        .in_the_mean = "networks in the mean",
                                        .has_fractions = true,
                                        .sides = sides,
                                        .others = others,
                                        .in_others = "who is there at this level of noise, and who is missing",
                                        .candidates = candidates,
                                        .example_group = "example_bandit",
                                        .has = has,
                                        .caption = caption,
                                        .fill = esp_bandit_panels_fill};
