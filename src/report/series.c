/* report/series.c */
#include "series.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CALLS_OF_S1 = 30, MAX_NAMED = 8 };

#define DMS ESP_EXPERIMENT_DMS
#define SCRATCH ESP_EXPERIMENT_SCRATCH
#define BANDIT ESP_EXPERIMENT_BANDIT

const esp_series esp_all_series[] = {
    {"1H", DMS, ESP_BY_RUNG, ESP_M_LOSS, "", "", true, "loss at the end of the last training call"},
    {"1H", DMS, ESP_BY_RUNG, ESP_M_LOSS_LAST_CALL, "published_", "", true,
     "loss at the start of the last training call, as the published code plots it"},
    {"1I", DMS, ESP_BY_RUNG, ESP_M_N_CALLS, "", "", true, "number of training calls"},
    {"4C", DMS, ESP_BY_FLOW_BIN, ESP_M_CONTRACTION, "all_", "", false, "contraction of all members"},
    {"5A", DMS, ESP_BY_RUNG, ESP_M_PROBED_CORRECT, "", "", true, "fraction of probe trials answered correctly"},
    {"5B", DMS, ESP_BY_ONSET, ESP_M_PROBE_CORRECT, "", "", true, "fraction of probe trials answered correctly"},
    {"5C", DMS, ESP_BY_STRENGTH, ESP_M_PROBE_CORRECT, "", "", true, "fraction of trials answered correctly"},
    {"5D", DMS, ESP_BY_RUNG, ESP_M_LYAPUNOV_MAX, "", "", true, "largest Lyapunov exponent"},
    {"5F", DMS, ESP_BY_WEIGHT, ESP_M_WEIGHT_HISTOGRAM, "", "", false, "share of the weights that are not 0"},
    {"S1", DMS, ESP_BY_RUNG_AND_CALL, ESP_M_LOSS_CURVE, "", "", false, "loss at the start of the call"},
    {"S2A", SCRATCH, ESP_BY_SCRATCH_CALL, ESP_M_LOSS_CURVE, "", "", false, "loss at the start of the call"},
    {"S2B", DMS, ESP_BY_TRANSFER_CALL, ESP_M_LOSS_CURVE, "", "", false, "loss at the start of the call"},
    {"7A", BANDIT, ESP_BY_RUNG, ESP_M_VALUE_ERROR, "", "", true, "squared difference of output and values, summed over options"},
    {"7A", BANDIT, ESP_BY_RUNG, ESP_M_VALUE_ERROR_GREEDY, "", "_greedy", true, "the same in a block without random choices"},
    {"7B", BANDIT, ESP_BY_RUNG, ESP_M_AGREEMENT, "", "", true, "fraction of steps on which network and Q-learner choose alike"},
    {"7B", BANDIT, ESP_BY_RUNG, ESP_M_AGREEMENT_GREEDY, "", "_greedy", true, "the same in a block without random choices"},
    {"7C", BANDIT, ESP_BY_RUNG, ESP_M_REWARD, "", "", true, "reward of a block"},
    {"7C", BANDIT, ESP_BY_RUNG, ESP_M_REWARD_GREEDY, "", "_greedy", true, "the same in a block without random choices"},
    {"7D", BANDIT, ESP_BY_RUNG, ESP_M_LYAPUNOV_MAX, "", "", true, "largest Lyapunov exponent"},
    {"7D", BANDIT, ESP_BY_RUNG, ESP_M_LYAPUNOV_PUBLISHED, "published_", "", true, "exponent as in the published code"},
    {"7E", BANDIT, ESP_BY_RANK, ESP_M_PCA_VARIANCE, "", "", false, "variance of the components up to this one, over all variance"},
    {"7F", BANDIT, ESP_BY_WEIGHT, ESP_M_WEIGHT_HISTOGRAM, "", "", false, "share of the weights that are not 0"},
    {"7G", BANDIT, ESP_BY_RUNG, ESP_M_SEPARATION, "", "", true, "squared Mahalanobis distance of fixation and choice"},
    {"S4", BANDIT, ESP_BY_NEW_OPTION_CALL, ESP_M_LOSS_CURVE, "", "", false, "loss at the start of the call"},
    {0},
};

const esp_series *esp_series_of(const char *panel)
{
  for (const esp_series *series = esp_all_series; series->panel; series++)
    if (strcmp(series->panel, panel) == 0)
      return series;
  return NULL;
}

/* ---- what a point is ---- */

static const char *const x_names[] = {
    [ESP_BY_RUNG] = "fraction of the recurrent weights removed from the pruned networks",
    [ESP_BY_ONSET] = "first bin of the distractor",
    [ESP_BY_STRENGTH] = "strength of the distractor; 0: none",
    [ESP_BY_RUNG_AND_CALL] = "training call since the rung was begun",
    [ESP_BY_TRANSFER_CALL] = "training call on the new cues",
    [ESP_BY_SCRATCH_CALL] = "training call, on the old cues and then on the new ones",
    [ESP_BY_WEIGHT] = "centre of a bin of recurrent weights",
    [ESP_BY_FLOW_BIN] = "bin of the delay",
    [ESP_BY_RANK] = "number of principal components",
    [ESP_BY_NEW_OPTION_CALL] = "training call on the new option",
};

static const char *x_unit(esp_series_axis axis)
{
  return axis == ESP_BY_ONSET || axis == ESP_BY_FLOW_BIN ? "bin" : "1";
}

/* Values of the axis of a field, from the plan: bins of weights or of the flow. */
static double axis_value(const esp_source *s, const char *name, int i)
{
  for (int a = 0; a < s->plan->n_axes; a++)
    if (strcmp(s->plan->axes[a].name, name) == 0)
      return s->plan->axes[a].values[i];
  return NAN;
}

static int at_most(int n, long limit)
{
  return n < limit ? n : (int)limit;
}

int esp_series_n_rows(const esp_series *series, const esp_source *s)
{
  return series->axis == ESP_BY_RUNG_AND_CALL ? esp_source_n_rungs(s) : 1;
}

int esp_series_n_points(const esp_series *series, const esp_source *s)
{
  switch (series->axis) {
  case ESP_BY_RUNG: return esp_source_n_rungs(s);
  case ESP_BY_ONSET: return s->config->probe.onsets.n;
  case ESP_BY_STRENGTH: return s->config->probe.strengths.n;
  case ESP_BY_RUNG_AND_CALL: return at_most(MAX_CALLS_OF_S1, s->count[ESP_M_LOSS_CURVE]);
  case ESP_BY_TRANSFER_CALL: return esp_source_transfer(s) < 0 ? 0 : s->config->transfer.calls;
  case ESP_BY_SCRATCH_CALL: return 2 * s->config->scratch.calls;
  case ESP_BY_NEW_OPTION_CALL: return esp_source_new_option(s) < 0 ? 0 : s->config->new_option.calls;
  case ESP_BY_WEIGHT:
  case ESP_BY_RANK:
  case ESP_BY_FLOW_BIN: return (int)s->count[series->measure];
  }
  return 0;
}

double esp_series_x(const esp_series *series, const esp_source *s, int point)
{
  switch (series->axis) {
  case ESP_BY_RUNG: return esp_source_fraction(s, point);
  case ESP_BY_ONSET: return s->config->probe.onsets.value[point];
  case ESP_BY_STRENGTH: return s->config->probe.strengths.value[point];
  case ESP_BY_RUNG_AND_CALL:
  case ESP_BY_TRANSFER_CALL:
  case ESP_BY_NEW_OPTION_CALL:
  case ESP_BY_RANK:
  case ESP_BY_SCRATCH_CALL: return point + 1;
  case ESP_BY_WEIGHT: return axis_value(s, "weight_bin", point);
  case ESP_BY_FLOW_BIN: return axis_value(s, "flow_bin", point);
  }
  return NAN;
}

/* Where the numbers of a point lie in a cell: n_blocks blocks of length elements, stride apart. */
typedef struct {
  int stage;
  long first, length, n_blocks, stride;
} place;

static place one_number(int stage, long element)
{
  return (place){stage, element, 1, 1, 0};
}

static place place_of(const esp_series *series, const esp_source *s, int row, int point)
{
  const int n_conditions = 4, n_strengths = s->config->probe.strengths.n, calls = s->config->scratch.calls;
  const int stage_070 = esp_rung_stage(esp_source_rung_070(s)), first = esp_source_first_strength(s);
  switch (series->axis) {
  case ESP_BY_RUNG: return one_number(esp_rung_stage(point), 0);
  case ESP_BY_ONSET:
    return (place){stage_070, (long)(point * n_strengths + first) * n_conditions, (long)(n_strengths - first) * n_conditions, 1, 0};
  case ESP_BY_STRENGTH:
    return (place){stage_070, (long)point * n_conditions, n_conditions, s->config->probe.onsets.n,
                   (long)n_strengths * n_conditions};
  case ESP_BY_RUNG_AND_CALL: return one_number(esp_rung_stage(row), point);
  case ESP_BY_TRANSFER_CALL: return one_number(esp_source_transfer(s), point);
  case ESP_BY_SCRATCH_CALL:
    return point < calls ? one_number(ESP_SCRATCH_OLD_CUES, point) : one_number(ESP_SCRATCH_NEW_CUES, point - calls);
  case ESP_BY_NEW_OPTION_CALL: return one_number(esp_source_new_option(s), point);
  case ESP_BY_RANK: return (place){stage_070, 0, point + 1, 1, 0};
  case ESP_BY_WEIGHT:
  case ESP_BY_FLOW_BIN: return one_number(stage_070, point);
  }
  return one_number(-1, 0);
}

int esp_series_stage(const esp_series *series, const esp_source *s, int row, int point)
{
  return place_of(series, s, row, point).stage;
}

static double sum_of(const esp_series *series, const esp_source *s, int member, int arm, int stage, long first, long n)
{
  double sum = 0;
  for (long i = first; i < first + n; i++)
    sum += esp_source_value(s, series->measure, member, arm, stage, i);
  return sum;
}

int esp_series_level(const esp_series *series, const esp_source *s)
{
  if (series->axis != ESP_BY_NEW_OPTION_CALL)
    return esp_source_main_level(s);
  const int level = esp_source_level_of(s, s->config->new_option.ladder);
  return level < 0 ? 0 : level; /* the config is checked: the ladder is there */
}

/* Is the number a share of all that the cell has in this field? */
static bool is_share(const esp_series *series)
{
  return series->axis == ESP_BY_WEIGHT || series->axis == ESP_BY_RANK;
}

double esp_series_value(const esp_series *series, const esp_source *s, int member, int arm, int row, int point)
{
  const place p = place_of(series, s, row, point);
  double sum = 0;
  for (long block = 0; block < p.n_blocks; block++)
    sum += sum_of(series, s, member, arm, p.stage, p.first + block * p.stride, p.length);
  if (series->axis == ESP_BY_NEW_OPTION_CALL && isnan(sum)) /* converged before this call, on the same frozen block */
    sum = esp_source_value(s, ESP_M_LOSS, member, arm, p.stage, 0);
  const double whole = is_share(series) ? sum_of(series, s, member, arm, p.stage, 0, s->count[series->measure])
                                        : (double)(p.n_blocks * p.length);
  return whole > 0 ? sum / whole : NAN;
}

void esp_series_values(const esp_series *series, const esp_source *s, int arm, int row, int point, double *values)
{
  for (int member = 0; member < s->plan->n_members; member++)
    values[member] = esp_series_value(series, s, member, arm, row, point);
}

void esp_series_slice(const esp_series *series, const esp_source *s, int arm, int row, int point, char *text, size_t size)
{
  const place p = place_of(series, s, row, point);
  char inside[96] = "";
  switch (series->axis) {
  case ESP_BY_RUNG:
    if (esp_measure_element(series->measure) >= 0)
      snprintf(inside, sizeof inside, ", %ld", esp_measure_element(series->measure));
    break;
  case ESP_BY_ONSET:
    snprintf(inside, sizeof inside, ", %d, %d:, :", point, esp_source_first_strength(s));
    break;
  case ESP_BY_RANK: snprintf(inside, sizeof inside, ", :%d", point + 1); break;
  case ESP_BY_STRENGTH: snprintf(inside, sizeof inside, ", :, %d, :", point); break;
  default: snprintf(inside, sizeof inside, ", %ld", p.first);
  }
  const bool averaged = series->axis == ESP_BY_ONSET || series->axis == ESP_BY_STRENGTH;
  snprintf(text, size, "/records/%s[:, %d, %d%s]%s", esp_measure_field(series->measure), arm, p.stage, inside,
           averaged                          ? ", mean of each member"
           : series->axis == ESP_BY_WEIGHT   ? ", over the sum of all bins of the member"
           : series->axis == ESP_BY_RANK     ? ", their sum over that of all of the member"
           : series->axis == ESP_BY_NEW_OPTION_CALL ? ", or /records/loss of a member that has converged before"
                                                    : "");
}

/* ---- into the book ---- */

static esp_entry entry_of(const esp_series *series, const esp_source *s, const char *arm, const char *name, const char *unit,
                          const char *long_name)
{
  const long rows = esp_series_n_rows(series, s), points = esp_series_n_points(series, s);
  const bool two = series->axis == ESP_BY_RUNG_AND_CALL;
  return (esp_entry){.panel = series->panel,
                     .arm = arm,
                     .name = name,
                     .unit = unit,
                     .long_name = long_name,
                     .n_axes = two ? 2 : 1,
                     .length = {two ? rows : points, two ? points : 0}};
}

static esp_err fill_x(const esp_series *series, const esp_source *s, esp_book *book)
{
  double *x;
  esp_entry entry = entry_of(series, s, NULL, "x", x_unit(series->axis), x_names[series->axis]);
  entry.n_axes = 1;
  entry.length[0] = esp_series_n_points(series, s);
  ESP_TRY(esp_book_numbers(book, &entry, &x));
  for (int i = 0; i < esp_series_n_points(series, s); i++)
    x[i] = esp_series_x(series, s, i);
  if (series->axis != ESP_BY_RUNG_AND_CALL)
    return ESP_OK;
  entry.name = "rung";
  entry.unit = "1";
  entry.long_name = x_names[ESP_BY_RUNG];
  entry.length[0] = esp_series_n_rows(series, s);
  ESP_TRY(esp_book_numbers(book, &entry, &x));
  for (int r = 0; r < esp_source_n_rungs(s); r++)
    x[r] = esp_source_fraction(s, r);
  return ESP_OK;
}

/* Where the numbers of one ladder go: the panel itself, or a group of it. */
typedef struct {
  int level;
  char group[40]; /* "" or "level_0.01" */
} ladder;

static void name_of(const esp_series *series, const char *what, char name[40])
{
  snprintf(name, 40, "%s%s%s", series->prefix, what, series->suffix);
}

static void arm_path(const ladder *on, const char *arm, char path[80])
{
  snprintf(path, 80, "%s%s%s", on->group, on->group[0] ? "/" : "", arm);
}

static esp_err fill_medians(const esp_series *series, const esp_source *s, int arm, const char *path, double *values,
                            esp_book *book)
{
  double *median;
  const esp_entry medians = entry_of(series, s, path, "median", esp_measure_unit(s, series->measure), "median of the same");
  ESP_TRY(esp_book_numbers(book, &medians, &median));
  for (int point = 0; point < esp_series_n_points(series, s); point++) {
    esp_series_values(series, s, arm, 0, point, values);
    median[point] = esp_median(s->plan->n_members, values, values + s->plan->n_members);
  }
  return ESP_OK;
}

static esp_err fill_arm(const esp_series *series, const esp_source *s, const ladder *on, int side, double *values, esp_book *book)
{
  const int n_points = esp_series_n_points(series, s), arm = esp_source_arm(on->level, side);
  const char *unit = esp_measure_unit(s, series->measure);
  char path[80], mean_name[40], sem_name[40], n_name[40];
  arm_path(on, esp_side_name(s, side), path);
  name_of(series, "mean", mean_name);
  name_of(series, "sem", sem_name);
  name_of(series, "n", n_name);
  const esp_entry means = entry_of(series, s, path, mean_name, unit, series->what),
                  sems = entry_of(series, s, path, sem_name, unit, "standard error of the mean"),
                  counts = entry_of(series, s, path, n_name, "1", "networks in the mean");
  double *mean, *sem;
  int32_t *n;
  ESP_TRY(esp_book_numbers(book, &means, &mean));
  ESP_TRY(esp_book_numbers(book, &sems, &sem));
  ESP_TRY(esp_book_counts(book, &counts, &n));
  for (int row = 0; row < esp_series_n_rows(series, s); row++)
    for (int point = 0; point < n_points; point++) {
      esp_series_values(series, s, arm, row, point, values);
      const esp_summary summary = esp_summarise(s->plan->n_members, values);
      mean[row * n_points + point] = summary.mean;
      sem[row * n_points + point] = summary.sem;
      n[row * n_points + point] = (int32_t)summary.n;
    }
  return series->axis == ESP_BY_NEW_OPTION_CALL ? fill_medians(series, s, arm, path, values, book) : ESP_OK;
}

static esp_err fill_tests(const esp_series *series, const esp_source *s, const ladder *on, double *values, double *others,
                          esp_book *book)
{
  const char *group = on->group[0] ? on->group : NULL;
  char p_name[40], pairs_name[40], significant_name[40];
  name_of(series, "p", p_name);
  name_of(series, "n_pairs", pairs_name);
  name_of(series, "significant", significant_name);
  const esp_entry ps = entry_of(series, s, group, p_name, "1", "two-sided p of the paired t test, pruned against twin"),
                  pairs = entry_of(series, s, group, pairs_name, "1", "members with a number in both arms"),
                  bars = entry_of(series, s, group, significant_name, "1", "1: p < 0.01");
  double *p;
  int32_t *n_pairs, *significant;
  ESP_TRY(esp_book_numbers(book, &ps, &p));
  ESP_TRY(esp_book_counts(book, &pairs, &n_pairs));
  ESP_TRY(esp_book_counts(book, &bars, &significant));
  for (int point = 0; point < esp_series_n_points(series, s); point++) {
    esp_series_values(series, s, esp_source_arm(on->level, ESP_DMS_PRUNED), 0, point, values);
    esp_series_values(series, s, esp_source_arm(on->level, ESP_DMS_TWIN), 0, point, others);
    const esp_t_test test = esp_t_test_paired(s->plan->n_members, values, others);
    p[point] = test.p;
    n_pairs[point] = (int32_t)test.n;
    significant[point] = test.p < 0.01;
  }
  return ESP_OK;
}

static esp_err fill_ladder(const esp_series *series, const esp_source *s, const ladder *on, double *values, esp_book *book)
{
  for (int side = 0; side < 2; side++)
    ESP_TRY(fill_arm(series, s, on, side, values, book));
  return series->tested ? fill_tests(series, s, on, values, values + s->plan->n_members, book) : ESP_OK;
}

static esp_err name_networks(const esp_series *series, const esp_source *s, const ladder *on, esp_book *book)
{
  char group[64], *text = NULL;
  snprintf(group, sizeof group, "%s/%s", series->panel, on->group);
  ESP_TRY(esp_series_missing(series, s, on->level, &text));
  const esp_err err = esp_book_text(book, group, "networks", "who is there at this level of noise, and who is missing", text);
  free(text);
  return err;
}

static esp_err fill(const esp_series *series, const esp_source *s, double *values, esp_book *book)
{
  const bool first = series == esp_series_of(series->panel);
  if (first)
    ESP_TRY(fill_x(series, s, book));
  ladder on = {.level = esp_series_level(series, s)};
  const int shown = on.level;
  ESP_TRY(fill_ladder(series, s, &on, values, book));
  for (on.level = 0; on.level < esp_source_n_levels(s) && series->axis != ESP_BY_NEW_OPTION_CALL; on.level++) {
    if (on.level == shown)
      continue;
    esp_level_name(s, on.level, on.group);
    ESP_TRY(fill_ladder(series, s, &on, values, book));
    if (first)
      ESP_TRY(name_networks(series, s, &on, book));
  }
  return ESP_OK;
}

esp_err esp_series_fill(const esp_series *series, const esp_source *s, esp_book *book)
{
  double *values = malloc(2 * (size_t)s->plan->n_members * sizeof *values);
  ESP_REQUIRE(values, ESP_ERR_NOMEM, "no memory for panel %s", series->panel);
  const esp_err err = fill(series, s, values, book);
  free(values);
  return err;
}

/* ---- who is missing ---- */

/* The first stage of the points at which a member has no network, -1: it has them all. */
static int missing_stage(const esp_series *series, const esp_source *s, int member, int arm, int row, int point)
{
  const int stage = esp_series_stage(series, s, row, point);
  if (stage < 0 || member >= s->plan->stages[stage].n_members)
    return -1;
  return esp_source_outcome(s, member, arm, stage).state == ESP_CELL_DONE ? -1 : stage;
}

static int first_missing_stage(const esp_series *series, const esp_source *s, int member, int arm)
{
  for (int row = 0; row < esp_series_n_rows(series, s); row++)
    for (int point = 0; point < esp_series_n_points(series, s); point++)
      if (missing_stage(series, s, member, arm, row, point) >= 0)
        return missing_stage(series, s, member, arm, row, point);
  return -1;
}

void esp_name_missing(FILE *out, const esp_source *s, const char *networks, int arm, const int *stage_of_member, int n_planned)
{
  int n_missing = 0;
  for (int member = 0; member < n_planned; member++)
    n_missing += stage_of_member[member] >= 0;
  if (n_missing == 0) {
    fprintf(out, "%s: all %d", networks, n_planned);
    return;
  }
  fprintf(out, "%s: %d of %d (", networks, n_planned - n_missing, n_planned);
  int n_named = 0;
  for (int member = 0; member < n_planned && n_named < MAX_NAMED; member++)
    if (stage_of_member[member] >= 0)
      fprintf(out, "%smember %d: %s at %s", n_named++ ? ", " : "", member,
              esp_source_why_missing(s, member, arm, stage_of_member[member]), s->plan->stages[stage_of_member[member]].name);
  if (n_missing > n_named)
    fprintf(out, ", and %d more", n_missing - n_named);
  fprintf(out, ")");
}

static esp_err missing(const esp_series *series, const esp_source *s, int level, bool everywhere, int row, int point, char **text)
{
  size_t size;
  int *stage_of_member = calloc((size_t)s->plan->n_members, sizeof *stage_of_member);
  FILE *out = stage_of_member ? open_memstream(text, &size) : NULL;
  const int stage = esp_series_stage(series, s, row, point);
  const int n_planned = stage < 0 ? 0 : s->plan->stages[stage].n_members;
  for (int side = 0; side < 2 && out; side++) {
    const int arm = esp_source_arm(level, side);
    for (int member = 0; member < n_planned; member++)
      stage_of_member[member] = everywhere ? first_missing_stage(series, s, member, arm)
                                           : missing_stage(series, s, member, arm, row, point);
    fputs(side ? "; " : "", out);
    esp_name_missing(out, s, esp_side_name(s, side), arm, stage_of_member, n_planned);
  }
  const bool whole = out && !ferror(out);
  const bool closed = out && fclose(out) == 0;
  free(stage_of_member);
  return whole && closed ? ESP_OK : esp_fail(ESP_ERR_NOMEM, "no memory for the texts of the report");
}

esp_err esp_series_missing(const esp_series *series, const esp_source *s, int level, char **text)
{
  return missing(series, s, level, true, 0, 0, text);
}

esp_err esp_series_missing_at(const esp_series *series, const esp_source *s, int level, int row, int point, char **text)
{
  return missing(series, s, level, false, row, point, text);
}
