/* report/panels.c */
#include "panels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bandit_panels.h"
#include "espalier/dms_task.h"
#include "lever_panels.h"

#define DMS ESP_EXPERIMENT_DMS
#define SCRATCH ESP_EXPERIMENT_SCRATCH
#define BANDIT ESP_EXPERIMENT_BANDIT
#define LEVER ESP_EXPERIMENT_LEVER
#define SCHEME ESP_PANEL_SCHEME
#define EXAMPLE ESP_PANEL_EXAMPLE
#define POPULATION ESP_PANEL_POPULATION

const esp_panel esp_panels[] = {
    {"1A", DMS, SCHEME, "Task", "Inputs and target of the four conditions (+,+), (-,-), (+,-), (-,+).", "bin", "input, target"},
    {"1B", DMS, SCHEME, "Network", "Hidden units, inputs and outputs.", NULL, NULL},
    {"1C", DMS, EXAMPLE, "Condition 1 (+,+)", "Inputs and output of the pruned example network.", "bin", "input, output"},
    {"1D", DMS, EXAMPLE, "Condition 2 (-,-)", "Inputs and output of the pruned example network.", "bin", "input, output"},
    {"1E", DMS, EXAMPLE, "Condition 3 (+,-)", "Inputs and output of the pruned example network.", "bin", "input, output"},
    {"1F", DMS, EXAMPLE, "Condition 4 (-,+)", "Inputs and output of the pruned example network.", "bin", "input, output"},
    {"1G", DMS, SCHEME, "Ladder", "Fractions of the recurrent weights that are removed, one rung after the other.", "rung",
     "prune fraction"},
    {"1H", DMS, POPULATION, "Final loss", "Loss at the end of training at each rung.", "prune fraction", "loss"},
    {"1I", DMS, POPULATION, "Training calls", "Training calls at each rung (the paper's CG iterations).", "prune fraction",
     "calls"},
    {"2A", DMS, EXAMPLE, "Recurrent weights", "Distribution of the recurrent weights that are not 0.", "weight", "share"},
    {"2B", DMS, EXAMPLE, "Singular values", "Cumulative singular values of the recurrent weights, over their sum.", "rank",
     "cumulative share"},
    {"2C", DMS, EXAMPLE, "Twin, condition 4", "Inputs and output without a distractor.", "bin", "input, output"},
    {"2D", DMS, EXAMPLE, "Twin, condition 4 probed", "Inputs and output with a distractor.", "bin", "input, output"},
    {"2E", DMS, EXAMPLE, "Pruned, condition 4", "Inputs and output without a distractor.", "bin", "input, output"},
    {"2F", DMS, EXAMPLE, "Pruned, condition 4 probed", "Inputs and output with a distractor.", "bin", "input, output"},
    {"3A", DMS, EXAMPLE, "Twin, PC1", "Hidden state on the first principal component.", "bin", "PC1"},
    {"3B", DMS, EXAMPLE, "Twin, PC2", "Hidden state on the second principal component.", "bin", "PC2"},
    {"3C", DMS, EXAMPLE, "Twin, output", "Output of the same trials.", "bin", "output"},
    {"3D", DMS, EXAMPLE, "Pruned, PC1", "Hidden state on the first principal component.", "bin", "PC1"},
    {"3E", DMS, EXAMPLE, "Pruned, PC2", "Hidden state on the second principal component.", "bin", "PC2"},
    {"3F", DMS, EXAMPLE, "Pruned, output", "Output of the same trials.", "bin", "output"},
    {"4A", DMS, EXAMPLE, "Twin, flow", "Trajectories of condition 4 and what one step does to points around them.", "PC1", "PC2"},
    {"4B", DMS, EXAMPLE, "Pruned, flow", "Trajectories of condition 4 and what one step does to points around them.", "PC1", "PC2"},
    {"4C", DMS, EXAMPLE, "Contraction", "Distance to the trajectory after one step over that before, of the example and of all.",
     "bin", "contraction"},
    {"4D", DMS, EXAMPLE, "Lyapunov spectrum", "Lyapunov exponents along condition 4, bins 15-40.", "rank", "exponent per bin"},
    {"5A", DMS, POPULATION, "Resistance to distractors", "Fraction of probe trials answered correctly, all onsets and strengths "
     "above 0.", "prune fraction", "fraction correct"},
    {"5B", DMS, POPULATION, "By onset", "Fraction of probe trials answered correctly, all strengths above 0, at the rung nearest "
     "0.70.", "onset (bin)", "fraction correct"},
    {"5C", DMS, POPULATION, "By strength", "Fraction of trials answered correctly, all onsets, at the rung nearest 0.70.",
     "strength", "fraction correct"},
    {"5D", DMS, POPULATION, "Lyapunov exponent", "Largest Lyapunov exponent along condition 4, bins 16-36.", "prune fraction",
     "exponent per bin"},
    {"5E", DMS, POPULATION, "Exponent and resistance", "Largest Lyapunov exponent of the networks by the fraction of probe trials "
     "they answer correctly, at the rung nearest 0.70.", "fraction correct", "exponent per bin"},
    {"5F", DMS, POPULATION, "Recurrent weights", "Distribution of the recurrent weights that are not 0, at the rung nearest 0.70.",
     "weight", "share"},
    {"S1", DMS, POPULATION, "Training at each rung", "Loss at the start of each training call; a network that has converged makes "
     "no more calls and leaves the mean.", "call", "loss"},
    {"S2A", SCRATCH, POPULATION, "Pruned before training", "Loss at the start of each training call, old cues and then new ones.",
     "call", "loss"},
    {"S2B", DMS, POPULATION, "New cues", "Loss at the start of each training call on the new cues.", "call", "loss"},
    {"6A", BANDIT, EXAMPLE, "Recurrent weights", "Distribution of the recurrent weights that are not 0.", "weight", "share"},
    {"6B", BANDIT, EXAMPLE, "Singular values", "Cumulative singular values of the recurrent weights, over their sum.", "rank",
     "cumulative share"},
    {"6C", BANDIT, EXAMPLE, "Twin, fixation", "Outputs and the values of the Q-learner at the fixation steps of agent 1, without "
     "random choices.", "trial", "value"},
    {"6D", BANDIT, EXAMPLE, "Twin, choice", "The same at the choice steps.", "trial", "value"},
    {"6E", BANDIT, EXAMPLE, "Pruned, fixation", "Outputs and the values of the Q-learner at the fixation steps of agent 1, without "
     "random choices.", "trial", "value"},
    {"6F", BANDIT, EXAMPLE, "Pruned, choice", "The same at the choice steps.", "trial", "value"},
    {"6G", BANDIT, EXAMPLE, "Dimensions", "Share of the variance of the hidden state in the first principal components, all agents "
     "and steps.", "components", "cumulative share"},
    {"6H", BANDIT, EXAMPLE, "Twin, states", "Hidden states of agent 1 at fixation and choice on the components of all agents and "
     "steps, without random choices; S marks the first trial, + a choice that was rewarded.", "PC1", "PC2"},
    {"6I", BANDIT, EXAMPLE, "Pruned, states", "Hidden states of agent 1 at fixation and choice on the components of all agents and "
     "steps, without random choices; S marks the first trial, + a choice that was rewarded.", "PC1", "PC2"},
    {"7A", BANDIT, POPULATION, "Error of the values", "Squared difference between outputs and the values of the Q-learner, summed "
     "over options, on new blocks.", "prune fraction", "squared error"},
    {"7B", BANDIT, POPULATION, "Choices like the Q-learner", "Fraction of steps on which network and Q-learner choose alike, given "
     "the same draw, on new blocks.", "prune fraction", "fraction alike"},
    {"7C", BANDIT, POPULATION, "Reward", "Reward of a new block, mean over agents.", "prune fraction", "reward a block"},
    {"7D", BANDIT, POPULATION, "Lyapunov exponent", "Largest Lyapunov exponent over steps 2-60 of new blocks, mean over agents.",
     "prune fraction", "exponent per step"},
    {"7E", BANDIT, POPULATION, "Dimensions", "Share of the variance of the hidden state in the first principal components, at the "
     "rung nearest 0.70.", "components", "cumulative share"},
    {"7F", BANDIT, POPULATION, "Recurrent weights", "Distribution of the recurrent weights that are not 0, at the rung nearest "
     "0.70.", "weight", "share"},
    {"7G", BANDIT, POPULATION, "Separation", "Squared Mahalanobis distance between the states of fixation and choice, mean over the "
     "agents for which it is defined; a network without one leaves the mean.", "prune fraction", "squared distance"},
    {"7H", BANDIT, POPULATION, "Exponent and choices", "Largest Lyapunov exponent of the networks by the fraction of steps on which "
     "they choose like the Q-learner, at the rung nearest 0.70; r of both arms together.", "fraction alike", "exponent per step"},
    {"7I", BANDIT, POPULATION, "The same at value noise 1", "Largest Lyapunov exponent of the networks by the fraction of "
     "steps on which they choose like the Q-learner, at the rung nearest 0.70; r of both arms together.", "fraction alike",
     "exponent per step"},
    {"S3", BANDIT, SCHEME, "Task", "Inputs and mean rewards of the three states (of odd agents), and a block that a Q-learner "
     "plays by itself.",
     "step", "input"},
    {"S4", BANDIT, POPULATION, "New option", "Loss at the start of each training call on the new option, median (lines with markers) "
     "and mean; a network that has converged stays with the loss it reached.", "call", "loss"},
    {"K5B", LEVER, SCHEME, "Spikes and lever", "Spikes of some inputs, hidden neurons (E in no pool), pools U and D and inhibitory neurons, "
     "and the position of the lever, at the onset of learning and before the task changes, of one run. Grey: cue; red: reward.", "time (s)",
     "cells, lever"},
    {"K5C", LEVER, POPULATION, "Time to completion", "Time from the cue to the completed movement; trials that took too long count with the "
     "time after which they end. Dashed line: the pools exchange their roles.", "time (h)", "time to completion (s)"},
    {"K5D", LEVER, SCHEME, "Activity during movements", "Rates of the excitatory neurons around the onset of movements, over the highest of "
     "each neuron, sorted by the time of that at the hour named above, of one run. Below: mean position of the lever and single "
     "movements. A movement begins at the cue where the lever was down already.", "time from onset (ms)", "neurons, lever"},
    {"K5E", LEVER, POPULATION, "Turnover", "Synapses that appeared or disappeared between one end of an interval and the other.",
     "time (h)", "synapses"},
    {"K5F", LEVER, POPULATION, "Forgetting", "Time from the cue to the completed movement while there is no reward, with and without "
     "consolidation; the first point is the end of learning with reward. Dotted line: consolidation.", "time (d)",
     "time to completion (s)"},
    {"K5G", LEVER, POPULATION, "Waiting times", "Time from the disappearance of a synapse until it is back, on snapshots, in all hours of "
     "learning.", "waiting time (h)", "waits of a run"},
    {"K5H", LEVER, POPULATION, "Fates of synapses", "Potential synapses by whether they are functional when the task changes and at the end "
     "of learning.", "", "share"},
    {"K5I", LEVER, SCHEME, "Principal components", "A random subset of the synaptic parameters of one run at each snapshot on their first "
     "principal components. Red: the mean time to completion is below 1 s; cross: the task changes.", "PC1", "PC2"},
    {0},
};

const esp_panel *esp_panel_of(const char *name)
{
  for (const esp_panel *panel = esp_panels; panel->name; panel++)
    if (strcmp(panel->name, name) == 0)
      return panel;
  return NULL;
}

const esp_scatter esp_scatters[] = {
    {"5E", DMS, ESP_M_PROBED_CORRECT, 0, "5D", "fraction of probe trials answered correctly"},
    {"7H", BANDIT, ESP_M_AGREEMENT, 0, "7D", "fraction of steps on which network and Q-learner choose alike"},
    {"7I", BANDIT, ESP_M_AGREEMENT, 1, "7D", "fraction of steps on which network and Q-learner choose alike"},
    {0},
};

const esp_scatter *esp_scatter_of(const char *panel)
{
  for (const esp_scatter *scatter = esp_scatters; scatter->panel; scatter++)
    if (strcmp(scatter->panel, panel) == 0)
      return scatter;
  return NULL;
}

int esp_panel_level(const char *panel, const esp_source *s)
{
  const esp_scatter *scatter = esp_scatter_of(panel);
  const esp_series *series = esp_series_of(panel);
  if (scatter && scatter->value_noise > 0)
    return esp_source_level_of(s, scatter->value_noise);
  return series ? esp_series_level(series, s) : esp_source_main_level(s);
}

/* ---- texts ---- */

/* Is it measured on the blocks that finished networks play at evaluation.epsilon? */
static bool is_played(const esp_panel *panel)
{
  const bool weights = strcmp(panel->name, "7F") == 0 || strcmp(panel->name, "S4") == 0;
  return panel->experiment == BANDIT && ((panel->kind == POPULATION && !weights) || strcmp(panel->name, "6G") == 0);
}

static esp_err caption_of(const esp_panel *panel, const esp_source *s, const esp_example *example, char **caption)
{
  char *missing = NULL;
  const esp_scatter *scatter = esp_scatter_of(panel->name);
  const esp_series *series = esp_series_of(scatter ? scatter->exponent : panel->name); /* the same networks */
  const int level = esp_panel_level(panel->name, s);
  if (series)
    ESP_TRY(esp_series_missing(series, s, level, &missing));
  char of_example[96] = "", of_level[64] = "", of_block[64] = "", of_networks[160] = "";
  if (panel->kind == EXAMPLE)
    snprintf(of_example, sizeof of_example, " Example: member %d at prune fraction %g.", example->member,
             esp_source_fraction(s, example->rung));
  if (panel->experiment == BANDIT && panel->kind != SCHEME)
    snprintf(of_level, sizeof of_level, " Value noise %g.", s->config->ladder.value_noise.value[level]);
  if (is_played(panel))
    snprintf(of_block, sizeof of_block, " Share of random choices %g.", s->config->evaluation.epsilon);
  if (panel->experiment == LEVER)
    esp_lever_runs_in_words(panel->name, s, of_networks, sizeof of_networks);
  else if (panel->kind == POPULATION)
    snprintf(of_networks, sizeof of_networks, " Mean and SEM over networks.");
  const int length = asprintf(caption, "%s%s%s%s%s%s%s%s", panel->shows, of_example, of_level, of_block, of_networks,
                              missing ? " Networks: " : "", missing ? missing : "", missing ? "." : "");
  free(missing);
  ESP_REQUIRE(length >= 0, ESP_ERR_NOMEM, "no memory for the texts of the report");
  return ESP_OK;
}

static esp_err add_texts(const esp_panel *panel, const esp_source *s, const esp_example *example, esp_book *book)
{
  char *caption;
  ESP_TRY(esp_book_text(book, panel->name, "title", "what the panel shows, in a few words", panel->title));
  if (panel->x_label) {
    ESP_TRY(esp_book_text(book, panel->name, "x_label", "label of the x axis", panel->x_label));
    ESP_TRY(esp_book_text(book, panel->name, "y_label", "label of the y axis", panel->y_label));
  }
  ESP_TRY(caption_of(panel, s, example, &caption));
  const esp_err err = esp_book_text(book, panel->name, "caption", "what is shown, of which networks, and who is missing", caption);
  free(caption);
  return err;
}

/* ---- schemes ---- */

static esp_err fill_task(esp_book *book)
{
  enum { N_CONDITIONS = 4 };
  double *input, *target, *x;
  const esp_entry bins = {.panel = "1A", .name = "x", .unit = "bin", .long_name = "bin, from 1", .n_axes = 1,
                          .length = {ESP_DMS_N_STEPS}},
                  inputs = {.panel = "1A", .name = "input", .unit = "1", .long_name = "input by condition, bin and channel",
                            .n_axes = 3, .length = {N_CONDITIONS, ESP_DMS_N_STEPS, ESP_DMS_N_IN}},
                  targets = {.panel = "1A", .name = "target", .unit = "1", .long_name = "target by condition and bin", .n_axes = 2,
                             .length = {N_CONDITIONS, ESP_DMS_N_STEPS}};
  ESP_TRY(esp_book_numbers(book, &bins, &x));
  ESP_TRY(esp_book_numbers(book, &inputs, &input));
  ESP_TRY(esp_book_numbers(book, &targets, &target));
  for (int bin = 1; bin <= ESP_DMS_N_STEPS; bin++)
    x[bin - 1] = bin;
  esp_trials trials = {.input = input, .target = target};
  esp_dms_template(ESP_DMS_OLD_CUES, &trials);
  return ESP_OK;
}

static esp_err fill_network_and_ladder(const esp_source *s, esp_book *book)
{
  int32_t *size;
  double *fraction;
  const int n = esp_source_n_rungs(s);
  const esp_entry sizes = {.panel = "1B", .name = "sizes", .unit = "1", .long_name = "hidden units, inputs, outputs", .n_axes = 1,
                           .length = {3}},
                  fractions = {.panel = "1G", .name = "fractions", .unit = "1", .long_name = "prune fraction of each rung",
                               .n_axes = 1, .length = {n}};
  ESP_TRY(esp_book_counts(book, &sizes, &size));
  ESP_TRY(esp_book_numbers(book, &fractions, &fraction));
  size[0] = s->config->network.n_hid;
  size[1] = ESP_DMS_N_IN;
  size[2] = ESP_DMS_N_OUT;
  for (int r = 0; r < n; r++)
    fraction[r] = esp_source_fraction(s, r);
  return ESP_OK;
}

/* ---- 5E, 7H, 7I ---- */

enum { N_BINS = 21 }; /* of the fraction: 0, 0.05, ..., 1 */

static esp_err fill_bins(const esp_scatter *scatter, const esp_source *s, const char *arm, const double *x, const double *y,
                         double *values, esp_book *book)
{
  const esp_entry means = {.panel = scatter->panel, .arm = arm, .name = "mean", .unit = "1", .n_axes = 1, .length = {N_BINS},
                           .long_name = "largest Lyapunov exponent of the networks in the bin"},
                  sems = {.panel = scatter->panel, .arm = arm, .name = "sem", .unit = "1", .n_axes = 1, .length = {N_BINS},
                          .long_name = "standard error of the mean"},
                  counts = {.panel = scatter->panel, .arm = arm, .name = "n", .unit = "1", .n_axes = 1, .length = {N_BINS},
                            .long_name = "networks in the bin"};
  double *mean, *sem;
  int32_t *n;
  ESP_TRY(esp_book_numbers(book, &means, &mean));
  ESP_TRY(esp_book_numbers(book, &sems, &sem));
  ESP_TRY(esp_book_counts(book, &counts, &n));
  for (int bin = 0; bin < N_BINS; bin++) {
    for (int member = 0; member < s->plan->n_members; member++)
      values[member] = lround(x[member] * (N_BINS - 1)) == bin && !isnan(x[member]) ? y[member] : NAN;
    const esp_summary summary = esp_summarise(s->plan->n_members, values);
    mean[bin] = summary.mean;
    sem[bin] = summary.sem;
    n[bin] = (int32_t)summary.n;
  }
  return ESP_OK;
}

static esp_err add_number(esp_book *book, const char *panel, const char *arm, const char *name, const char *long_name, double value)
{
  double *number;
  const esp_entry entry = {.panel = panel, .arm = arm, .name = name, .unit = "1", .long_name = long_name};
  ESP_TRY(esp_book_numbers(book, &entry, &number));
  *number = value;
  return ESP_OK;
}

static esp_err add_correlation(esp_book *book, const char *panel, const char *group, long n, const double *x, const double *y)
{
  const esp_correlation c = esp_correlate(n, x, y);
  ESP_TRY(add_number(book, panel, group, "r", "Pearson's correlation over networks", c.r));
  ESP_TRY(add_number(book, panel, group, "r_low", "lower end of its 95 % interval", c.low));
  ESP_TRY(add_number(book, panel, group, "r_high", "upper end of its 95 % interval", c.high));
  return add_number(book, panel, group, "r_p", "its two-sided p", c.p);
}

static esp_err fill_scatter_arm(const esp_scatter *scatter, const esp_source *s, int arm, const char *path, double *x, double *y,
                                double *values, esp_book *book)
{
  const int stage = esp_rung_stage(esp_source_rung_070(s)), n_members = s->plan->n_members;
  const esp_entry xs = {.panel = scatter->panel, .arm = path, .name = "point_x", .unit = "1", .n_axes = 1, .length = {n_members},
                        .long_name = scatter->x_name},
                  ys = {.panel = scatter->panel, .arm = path, .name = "point_y", .unit = "1", .n_axes = 1, .length = {n_members},
                        .long_name = "largest Lyapunov exponent, by member"};
  double *point_x, *point_y;
  ESP_TRY(esp_book_numbers(book, &xs, &point_x));
  ESP_TRY(esp_book_numbers(book, &ys, &point_y));
  for (int member = 0; member < n_members; member++) {
    x[member] = point_x[member] = esp_source_value(s, scatter->x_measure, member, arm, stage, 0);
    y[member] = point_y[member] = esp_source_value(s, ESP_M_LYAPUNOV_MAX, member, arm, stage, 0);
  }
  ESP_TRY(fill_bins(scatter, s, path, x, y, values, book));
  return add_correlation(book, scatter->panel, path, n_members, x, y);
}

/* Both arms of one ladder, in a group of the panel or (NULL) in the panel itself. The bandit's arms are also taken together. */
static esp_err fill_scatter_level(const esp_scatter *scatter, const esp_source *s, int level, const char *group, double *room,
                                  esp_book *book)
{
  const int n = s->plan->n_members;
  double *x = room, *y = room + 2 * n, *values = room + 4 * n; /* [side, member]; [member] */
  for (int side = 0; side < 2; side++) {
    char path[80];
    snprintf(path, sizeof path, "%s%s%s", group ? group : "", group ? "/" : "", esp_side_name(s, side));
    ESP_TRY(fill_scatter_arm(scatter, s, esp_source_arm(level, side), path, x + side * n, y + side * n, values, book));
  }
  return scatter->experiment == BANDIT ? add_correlation(book, scatter->panel, group, 2L * n, x, y) : ESP_OK;
}

static esp_err fill_levels(const esp_scatter *scatter, const esp_source *s, double *room, esp_book *book)
{
  const int shown = esp_panel_level(scatter->panel, s);
  ESP_TRY(fill_scatter_level(scatter, s, shown, NULL, room, book));
  for (int level = 0; level < esp_source_n_levels(s) && scatter->value_noise == 0; level++) {
    char group[40];
    if (level == shown)
      continue;
    esp_level_name(s, level, group);
    ESP_TRY(fill_scatter_level(scatter, s, level, group, room, book));
  }
  return ESP_OK;
}

static esp_err fill_scatter(const esp_scatter *scatter, const esp_source *s, esp_book *book)
{
  double *x;
  const esp_entry bins = {.panel = scatter->panel, .name = "x", .unit = "1", .n_axes = 1, .length = {N_BINS},
                          .long_name = "centre of a bin of the fraction"};
  ESP_TRY(esp_book_numbers(book, &bins, &x));
  for (int i = 0; i < N_BINS; i++)
    x[i] = (double)i / (N_BINS - 1);
  double *room = malloc(5 * (size_t)s->plan->n_members * sizeof *room);
  ESP_REQUIRE(room, ESP_ERR_NOMEM, "no memory for panel %s", scatter->panel);
  const esp_err err = fill_levels(scatter, s, room, book);
  free(room);
  return err;
}

/* ---- S2A ---- */

static esp_err mark_new_cues(const esp_source *s, esp_book *book)
{
  double *mark;
  const esp_entry entry = {.panel = "S2A", .name = "marks", .unit = "1", .n_axes = 1, .length = {1},
                           .long_name = "first call on the new cues"};
  ESP_TRY(esp_book_numbers(book, &entry, &mark));
  mark[0] = s->config->scratch.calls + 1;
  return ESP_OK;
}

/* ---- all ---- */

static bool is_there(const esp_panel *panel, const esp_source *s, const esp_example *example)
{
  if (panel->experiment != s->config->experiment)
    return false;
  if (strcmp(panel->name, "S2B") == 0)
    return esp_source_transfer(s) >= 0;
  if (panel->experiment == LEVER)
    return esp_lever_panel_is_there(panel->name, s);
  if (strcmp(panel->name, "S4") == 0)
    return esp_source_new_option(s) >= 0;
  return esp_panel_level(panel->name, s) >= 0 && (panel->kind != EXAMPLE || example->member >= 0);
}

static esp_err fill_numbers(const esp_panel *panel, const esp_source *s, esp_book *book)
{
  const esp_scatter *scatter = esp_scatter_of(panel->name);
  for (const esp_series *series = esp_all_series; series->panel; series++)
    if (strcmp(series->panel, panel->name) == 0)
      ESP_TRY(esp_series_fill(series, s, book));
  return scatter ? fill_scatter(scatter, s, book) : ESP_OK;
}

esp_err esp_panels_fill(const esp_source *s, const esp_example *example, esp_book *book)
{
  for (const esp_panel *panel = esp_panels; panel->name; panel++)
    if (is_there(panel, s, example)) {
      ESP_TRY(add_texts(panel, s, example, book));
      ESP_TRY(fill_numbers(panel, s, book));
    }
  if (s->config->experiment == LEVER)
    return esp_lever_panels_fill(s, book);
  if (s->config->experiment == SCRATCH)
    return mark_new_cues(s, book);
  if (s->config->experiment == BANDIT) {
    ESP_TRY(esp_bandit_scheme_fill(s, book));
  } else {
    ESP_TRY(fill_task(book));
    ESP_TRY(fill_network_and_ladder(s, book));
  }
  return esp_example_fill(s, example, book);
}
