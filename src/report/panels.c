/* report/panels.c */
#include "panels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "espalier/dms_task.h"

#define DMS ESP_EXPERIMENT_DMS
#define SCRATCH ESP_EXPERIMENT_SCRATCH
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
    {0},
};

const esp_panel *esp_panel_of(const char *name)
{
  for (const esp_panel *panel = esp_panels; panel->name; panel++)
    if (strcmp(panel->name, name) == 0)
      return panel;
  return NULL;
}

const char *esp_panel_experiment(const esp_panel *panel)
{
  return panel->experiment == DMS ? "dms" : "scratch";
}

/* ---- texts ---- */

static esp_err caption_of(const esp_panel *panel, const esp_source *s, const esp_example *example, char **caption)
{
  char *missing = NULL;
  const char *series_name = strcmp(panel->name, "5E") == 0 ? "5D" : panel->name; /* the same networks */
  const esp_series *series = esp_series_of(series_name);
  if (series)
    ESP_TRY(esp_series_missing(series, s, &missing));
  char of_example[96] = "";
  if (panel->kind == EXAMPLE)
    snprintf(of_example, sizeof of_example, " Example: member %d at prune fraction %g.", example->member,
             esp_source_fraction(s, example->rung));
  const int length = asprintf(caption, "%s%s%s%s%s%s", panel->shows, of_example,
                              panel->kind == POPULATION ? " Mean and SEM over networks." : "", missing ? " Networks: " : "",
                              missing ? missing : "", missing ? "." : "");
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

/* ---- 5E ---- */

enum { N_BINS_5E = 21 }; /* of fraction correct: 0, 0.05, ..., 1 */

static esp_err fill_bins(const esp_source *s, const char *arm, const double *x, const double *y, double *values, esp_book *book)
{
  const esp_entry means = {.panel = "5E", .arm = arm, .name = "mean", .unit = "1", .n_axes = 1, .length = {N_BINS_5E},
                           .long_name = "largest Lyapunov exponent of the networks in the bin"},
                  sems = {.panel = "5E", .arm = arm, .name = "sem", .unit = "1", .n_axes = 1, .length = {N_BINS_5E},
                          .long_name = "standard error of the mean"},
                  counts = {.panel = "5E", .arm = arm, .name = "n", .unit = "1", .n_axes = 1, .length = {N_BINS_5E},
                            .long_name = "networks in the bin"};
  double *mean, *sem;
  int32_t *n;
  ESP_TRY(esp_book_numbers(book, &means, &mean));
  ESP_TRY(esp_book_numbers(book, &sems, &sem));
  ESP_TRY(esp_book_counts(book, &counts, &n));
  for (int bin = 0; bin < N_BINS_5E; bin++) {
    for (int member = 0; member < s->plan->n_members; member++)
      values[member] = lround(x[member] * (N_BINS_5E - 1)) == bin && !isnan(x[member]) ? y[member] : NAN;
    const esp_summary summary = esp_summarise(s->plan->n_members, values);
    mean[bin] = summary.mean;
    sem[bin] = summary.sem;
    n[bin] = (int32_t)summary.n;
  }
  return ESP_OK;
}

static esp_err add_number(esp_book *book, const char *arm, const char *name, const char *long_name, double value)
{
  double *number;
  const esp_entry entry = {.panel = "5E", .arm = arm, .name = name, .unit = "1", .long_name = long_name};
  ESP_TRY(esp_book_numbers(book, &entry, &number));
  *number = value;
  return ESP_OK;
}

static esp_err fill_scatter_arm(const esp_source *s, int arm, double *values, esp_book *book)
{
  const char *name = s->plan->arm_name[arm];
  const int rung = esp_source_rung_070(s), n_members = s->plan->n_members;
  const esp_entry xs = {.panel = "5E", .arm = name, .name = "point_x", .unit = "1", .n_axes = 1, .length = {n_members},
                        .long_name = "fraction of probe trials answered correctly, by member"},
                  ys = {.panel = "5E", .arm = name, .name = "point_y", .unit = "1", .n_axes = 1, .length = {n_members},
                        .long_name = "largest Lyapunov exponent, by member"};
  double *x, *y;
  ESP_TRY(esp_book_numbers(book, &xs, &x));
  ESP_TRY(esp_book_numbers(book, &ys, &y));
  esp_series_values(esp_series_of("5A"), s, arm, 0, rung, x);
  esp_series_values(esp_series_of("5D"), s, arm, 0, rung, y);
  ESP_TRY(fill_bins(s, name, x, y, values, book));
  const esp_correlation c = esp_correlate(n_members, x, y);
  ESP_TRY(add_number(book, name, "r", "Pearson's correlation over members", c.r));
  ESP_TRY(add_number(book, name, "r_low", "lower end of its 95 % interval", c.low));
  ESP_TRY(add_number(book, name, "r_high", "upper end of its 95 % interval", c.high));
  return add_number(book, name, "r_p", "its two-sided p", c.p);
}

static esp_err fill_scatter(const esp_source *s, esp_book *book)
{
  double *x;
  const esp_entry bins = {.panel = "5E", .name = "x", .unit = "1", .n_axes = 1, .length = {N_BINS_5E},
                          .long_name = "centre of a bin of the fraction of probe trials answered correctly"};
  ESP_TRY(esp_book_numbers(book, &bins, &x));
  for (int i = 0; i < N_BINS_5E; i++)
    x[i] = (double)i / (N_BINS_5E - 1);
  double *values = malloc((size_t)s->plan->n_members * sizeof *values);
  ESP_REQUIRE(values, ESP_ERR_NOMEM, "no memory for panel 5E");
  esp_err err = ESP_OK;
  for (int arm = 0; arm < s->plan->n_arms && err == ESP_OK; arm++)
    err = fill_scatter_arm(s, arm, values, book);
  free(values);
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
  return panel->kind != EXAMPLE || example->member >= 0;
}

esp_err esp_panels_fill(const esp_source *s, const esp_example *example, esp_book *book)
{
  for (const esp_panel *panel = esp_panels; panel->name; panel++)
    if (is_there(panel, s, example)) {
      ESP_TRY(add_texts(panel, s, example, book));
      for (const esp_series *series = esp_all_series; series->panel; series++)
        if (strcmp(series->panel, panel->name) == 0)
          ESP_TRY(esp_series_fill(series, s, book));
    }
  if (s->config->experiment == SCRATCH)
    return mark_new_cues(s, book);
  ESP_TRY(fill_task(book));
  ESP_TRY(fill_network_and_ladder(s, book));
  ESP_TRY(fill_scatter(s, book));
  return esp_example_fill(s, example, book);
}
