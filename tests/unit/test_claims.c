/* tests/unit/test_claims.c - the rules of the verdicts, and every claim on networks made so that it holds or does not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/experiment.h"
#include "report/chapter.h"
#include "report/lever_numbers.h"

/* ---- the rules ---- */

static void test_sign(void **state)
{
  (void)state;
  assert_int_equal(esp_judge_sign(0, 1, NAN, NAN), ESP_NOT_RUN);
  assert_int_equal(esp_judge_sign(400, 1, 0.1, 0.009), ESP_HOLDS);
  assert_int_equal(esp_judge_sign(400, 1, 0.1, 0.01), ESP_DOES_NOT_HOLD);
  assert_int_equal(esp_judge_sign(400, -1, 0.1, 0.0001), ESP_DOES_NOT_HOLD);
  assert_int_equal(esp_judge_sign(400, -1, -0.1, 0.0001), ESP_HOLDS);
  assert_int_equal(esp_judge_sign(11, 1, 0.1, 0.02), ESP_TOO_FEW);
  assert_int_equal(esp_judge_sign(12, 1, 0.1, 0.02), ESP_DOES_NOT_HOLD);
  assert_int_equal(esp_judge_sign(5, 1, 0.1, 0.009), ESP_HOLDS);           /* few, but enough */
  assert_int_equal(esp_judge_sign(5, 1, -0.1, 0.009), ESP_DOES_NOT_HOLD);  /* few, but the other way */
  assert_int_equal(esp_judge_sign(400, 1, 0.1, NAN), ESP_DOES_NOT_HOLD);   /* no variance: no test */
  assert_int_equal(esp_judge_sign(2, 1, 0.1, NAN), ESP_TOO_FEW);
}

static void test_limit(void **state)
{
  (void)state;
  assert_int_equal(esp_judge_limit(0, 12, 1, 0.95, NAN, NAN), ESP_NOT_RUN);
  assert_int_equal(esp_judge_limit(11, 12, 1, 0.95, 1, 1), ESP_TOO_FEW);
  assert_int_equal(esp_judge_limit(12, 12, 1, 0.95, 0.96, 0.99), ESP_HOLDS);
  assert_int_equal(esp_judge_limit(12, 12, 1, 0.95, 0.94, 0.99), ESP_DOES_NOT_HOLD);
  assert_int_equal(esp_judge_limit(12, 12, -1, 0.1, 0.02, 0.09), ESP_HOLDS);
  assert_int_equal(esp_judge_limit(12, 12, -1, 0.1, 0.02, 0.11), ESP_DOES_NOT_HOLD);
}

static void test_level(void **state)
{
  (void)state;
  assert_int_equal(esp_judge_level(0, 12, 0.2, NAN, NAN), ESP_NOT_RUN);
  assert_int_equal(esp_judge_level(11, 12, 0.2, -0.01, 0.01), ESP_TOO_FEW);
  assert_int_equal(esp_judge_level(12, 12, 0.2, -0.1, 0.19), ESP_HOLDS);
  assert_int_equal(esp_judge_level(12, 12, 0.2, -0.1, 0.21), ESP_DOES_NOT_HOLD);
  assert_int_equal(esp_judge_level(12, 12, 0.2, -0.21, 0.1), ESP_DOES_NOT_HOLD);
}

/* ---- networks as the paper describes them ---- */

enum { N_CLAIMS = 35, N_MEMBERS = 20, N_STRENGTHS = 6, N_CONDITIONS = 4, PRUNED = 0 };

static const char dms_yaml[] = "experiment: dms\nensemble: {members: 20}\nnetwork: {n_hid: 5}\n"
                               "ladder: {fractions: [0.1, 0.15, 0.3, 0.5, 0.7, 0.75, 0.9, 0.95]}\n"
                               "transfer: {from: 0.7, members: 20}\n";
static const char scratch_yaml[] = "experiment: scratch\nensemble: {members: 20}\nnetwork: {n_hid: 5}\nscratch: {calls: 30}\n";
static const char bandit_yaml[] = "experiment: bandit\nensemble: {members: 20}\nnetwork: {n_hid: 5}\n"
                                  "ladder: {fractions: [0.1, 0.3, 0.5, 0.7, 0.9], value_noise: [0.01, 0.1, 1]}\n"
                                  "new_option: {from: 0.7, ladder: 0.1, calls: 39, members: 20}\n";
static const char one_level_yaml[] = "experiment: bandit\nensemble: {members: 20}\nnetwork: {n_hid: 5}\n"
                                     "ladder: {fractions: [0.3, 0.7], value_noise: [0.1]}\n"
                                     "new_option: {from: 0.7, ladder: 0.1, calls: 39, members: 20}\n";

static const char lever_yaml[] = "experiment: lever\nensemble: {members: 5}\n"; /* 48 h and 14 days, as in the caption */

typedef struct {
  esp_config_file config;
  esp_plan plan;
  esp_commit *commits;
  esp_source source;
} fake;

/* Between -1 and 1, different for every pair of numbers. */
static double scatter(int i, int j)
{
  const double x = sin(12.9898 * (i + 1) + 78.233 * (j + 1)) * 43758.5453;
  return 2 * (x - floor(x)) - 1;
}

static double by_amount(double fraction, double little, double intermediate, double high)
{
  return fraction < 0.2 ? little : fraction < 0.8 ? intermediate : high;
}

static bool is(const char *field, const char *name)
{
  return strcmp(field, name) == 0;
}

/* Fields that chapters read, and the number that makes the noise of each its own; others of an experiment are not filled in. */
static const struct {
  const char *field;
  int noise;
} filled[] = {{"loss", 0}, {"loss_last_call", 1}, {"n_calls", 2}, {"unprobed_correct", 4}, {"probed_correct", 5},
              {"probed_correct_published", 6}, {"lyapunov_max", 7}, {"lyapunov_published", 8}, {"value_error", 9}, {"agreement", 10},
              {"reward", 11}, {"separation", 15}, {"completion_time", 18}, {"loss_curve", 23}, {"loss_curve_end", 24},
              {"probe_correct", 25}, {"singular_value", 26}, {"weight_histogram", 27}, {"contraction", 28},
              {"contraction_published", 29}, {"pca_variance", 30}};

static double dms_value(const char *f, int arm, double fraction, bool transfer, long i)
{
  const bool pruned = arm == PRUNED;
  if (is(f, "loss") || is(f, "loss_last_call"))
    return transfer ? (pruned ? 0.01 : 0.02) : pruned ? by_amount(fraction, 0.02, 0.009, 0.03) : 0.012;
  if (is(f, "n_calls"))
    return pruned ? by_amount(fraction, 30, 10, 40) : 20;
  if (is(f, "unprobed_correct"))
    return 0.99;
  if (is(f, "probed_correct") || is(f, "probed_correct_published"))
    return pruned ? by_amount(fraction, 0.8, 0.9, 0.6) : 0.8;
  if (is(f, "lyapunov_max") || is(f, "lyapunov_published"))
    return pruned ? 0.1 - 0.2 * fraction : 0.15;
  if (is(f, "loss_curve"))
    return pruned && i == 0 ? 0.2 : 0.015;
  if (is(f, "loss_curve_end"))
    return 0.02;
  if (is(f, "probe_correct")) {
    const double onset = (double)(i / (N_STRENGTHS * N_CONDITIONS)), strength = 0.2 * (double)(i / N_CONDITIONS % N_STRENGTHS);
    return 0.7 - 0.3 * strength + (pruned ? 0.2 - 0.03 * onset : 0);
  }
  if (is(f, "singular_value"))
    return 5 - (double)i;
  if (is(f, "weight_histogram")) {
    const double centre = fabs(-1.5 + 0.05 * (double)i);
    return pruned ? (centre < 0.12 ? 3 : centre > 0.48 ? 3 : 1) : (centre < 0.12 ? 10 : 1);
  }
  return pruned ? 0.9 : 1.1; /* contractions */
}

static double scratch_value(const char *f, int arm, long i)
{
  return is(f, "loss_curve_end") && i < 5 ? (arm == PRUNED ? 0.1 : 0.05) : 0.01;
}

static double bandit_value(const char *f, int arm, double fraction, bool new_option, long i)
{
  const bool pruned = arm % 2 == PRUNED;
  if (is(f, "value_error"))
    return pruned ? 0.12 - 0.05 * fraction : 0.13;
  if (is(f, "agreement"))
    return pruned ? 0.8 + 0.1 * fraction : 0.75;
  if (is(f, "reward"))
    return pruned ? 3 + fraction : 2.9;
  if (is(f, "lyapunov_max") || is(f, "lyapunov_published"))
    return pruned ? -0.05 - 0.1 * fraction : 0.05;
  if (is(f, "pca_variance"))
    return pruned ? (i == 0 ? 10 : 0.1) : 5 - (double)i;
  if (is(f, "weight_histogram"))
    return fabs(-1.5 + 0.1 * (double)i) > 0.48 ? (pruned ? 3 : 1) : 2;
  if (is(f, "separation"))
    return pruned ? 300 : 100;
  if (is(f, "loss"))
    return new_option ? 0.01 : 0.1;
  if (is(f, "loss_curve_end"))
    return i < 15 ? (pruned == (i > 0) ? 0.2 : 0.1) : NAN; /* then it has converged */
  return 1;
}

/* Time to completion: learned in 8 h, again after the change, forgotten from day 6 on unless consolidated. */
static double lever_value(const char *f, int arm, double hour)
{
  enum { FIXED = 2, FORGETTING = 3 };
  if (!is(f, "completion_time"))
    return 1;
  if (arm == FORGETTING)
    return hour > 144 ? 6 : 0.8;
  if (arm > FORGETTING)
    return 0.8;
  return hour < 8.5 ? 4 : hour < 24.5 ? 0.7 : hour < 30 ? 3 : arm == FIXED ? 1.6 : 0.8;
}

/* Each member differs a little; the more so where two quantities go together over members. */
static double of_member(const char *f, int number, int member, int arm, long i, double value)
{
  const double own = scatter(member, 100 * arm), noise = scatter(member + 37 * (int)i, 100 * arm + number + 1);
  if (is(f, "probed_correct") || is(f, "agreement"))
    return value + 0.05 * own + 0.005 * noise;
  if (is(f, "lyapunov_max") || is(f, "lyapunov_published"))
    return value - 0.05 * own + 0.005 * noise;
  return value * (1 + 0.01 * noise);
}

static double value_of(const fake *f, const char *field, esp_cell cell, long i)
{
  const bool last = cell.stage == f->plan.n_stages - 1; /* new cues, a new option */
  const double fraction = f->plan.stages[cell.stage].value;
  switch (f->config.values.experiment) {
  case ESP_EXPERIMENT_DMS: return dms_value(field, cell.arm, fraction, last, i);
  case ESP_EXPERIMENT_BANDIT: return bandit_value(field, cell.arm, fraction, last, i);
  case ESP_EXPERIMENT_LEVER: return lever_value(field, cell.arm, fraction); /* the value of its stages is the hour */
  default: return scratch_value(field, cell.arm, i);
  }
}

/* All numbers of a field, [slot, element]; NULL: the experiment does not have it, or it is not filled in. */
static double *values_of(fake *f, const char *field)
{
  const int of_record = esp_source_field(&f->source, field);
  return of_record < 0 ? NULL : f->source.value[of_record];
}

static void fill(fake *f)
{
  for (size_t m = 0; m < sizeof filled / sizeof *filled; m++) {
    const char *field = filled[m].field;
    const long count = esp_source_count(&f->source, field);
    if (count == 0)
      continue;
    double *values = malloc((size_t)(esp_plan_n_slots(&f->plan) * count) * sizeof *values);
    f->source.value[esp_source_field(&f->source, field)] = values;
    for (long at = 0; at < esp_plan_n_slots(&f->plan) * count; at++) {
      const esp_cell cell = esp_slot_cell(&f->plan, at / count);
      const long i = at % count;
      values[at] = of_member(field, filled[m].noise, cell.member, cell.arm, i + 7 * cell.stage, value_of(f, field, cell, i));
    }
  }
}

/* What is counted on records, each run a little different. */
static void count(int n, int n_each, const double *value, double *numbers)
{
  for (int i = 0; i < n * n_each; i++)
    numbers[i] = value[i % n_each] * (1 + 0.01 * scatter(i, 3));
}

static void count_synapses(fake *f)
{
  enum { N_INTERVALS = 24, N_ARMS = ESP_LEVER_TURNOVER_ARMS };
  const int n = f->plan.n_members;
  double turnover[N_ARMS * N_INTERVALS];
  for (int i = 0; i < N_ARMS * N_INTERVALS; i++)
    turnover[i] = i % N_INTERVALS == 0 ? 12000 : i % N_INTERVALS < 12 ? 2200 : 2700;
  static const double of_run[ESP_N_OF_RUN] = {
      [ESP_FATE_NEVER] = 0.6,  [ESP_FATE_DECAYS] = 0.1,  [ESP_FATE_EMERGES] = 0.1,    [ESP_FATE_STAYS] = 0.2,
      [ESP_MOVE_BEFORE] = 0.4, [ESP_MOVE_SOLVED] = 0.35, [ESP_MOVE_CHANGED] = 0.45,   [ESP_LIKE_THE_START] = 0.1,
      [ESP_UP_RATE] = 9,       [ESP_FIRST_SHARE] = 0.25, [ESP_LIKE_AN_HOUR_BEFORE] = 0.7};
  esp_lever_numbers *numbers = esp_lever_numbers_make(n, N_INTERVALS);
  assert_non_null(numbers);
  count(n, N_ARMS * N_INTERVALS, turnover, esp_lever_turnover(numbers, 0, 0));
  count(n, ESP_N_OF_RUN, of_run, *numbers->of_run);
  f->source.counted = numbers;
}

static void make(const char *yaml, fake *f)
{
  char *problems = NULL;
  assert_int_equal(esp_config_parse("test", yaml, 0, NULL, &f->config, &problems), ESP_OK);
  assert_int_equal(esp_plan_create(&f->config.values, &f->plan), ESP_OK);
  f->commits = calloc((size_t)esp_plan_n_slots(&f->plan), sizeof *f->commits);
  f->source = (esp_source){.in = {.path = "test", .config = &f->config, .plan = &f->plan, .commits = f->commits},
                           .config = &f->config.values,
                           .plan = &f->plan,
                           .chapter = esp_chapter_of(f->config.values.experiment),
                           .value = calloc(ESP_MAX_FIELDS, sizeof(double *)),
                           .err = calloc(1, sizeof(esp_err))};
  fill(f);
  if (f->config.values.experiment == ESP_EXPERIMENT_LEVER)
    count_synapses(f);
}

static fake dms, scratch, bandit, lever;
static const esp_example examples[ESP_N_EXPERIMENTS] = {[ESP_EXPERIMENT_DMS] = {.member = 3, .rung = 4, .rule = "test"}},
                         none[ESP_N_EXPERIMENTS] = {[ESP_EXPERIMENT_DMS] = {.member = -1}};

static const esp_source *const all[ESP_N_EXPERIMENTS] = {[ESP_EXPERIMENT_DMS] = &dms.source,
                                                         [ESP_EXPERIMENT_SCRATCH] = &scratch.source,
                                                         [ESP_EXPERIMENT_BANDIT] = &bandit.source,
                                                         [ESP_EXPERIMENT_LEVER] = &lever.source};
static const esp_source *const lever_only[ESP_N_EXPERIMENTS] = {[ESP_EXPERIMENT_LEVER] = &lever.source};
static const esp_source *const dms_only[ESP_N_EXPERIMENTS] = {[ESP_EXPERIMENT_DMS] = &dms.source};
static const esp_source *const bandit_only[ESP_N_EXPERIMENTS] = {[ESP_EXPERIMENT_BANDIT] = &bandit.source};

static int make_all(void **state)
{
  (void)state;
  make(dms_yaml, &dms);
  make(scratch_yaml, &scratch);
  make(bandit_yaml, &bandit);
  make(lever_yaml, &lever);
  return 0;
}

static void drop(fake *f)
{
  esp_source_free(&f->source);
  esp_plan_free(&f->plan);
  esp_config_file_free(&f->config);
  free(f->commits);
}

static int drop_all(void **state)
{
  (void)state;
  drop(&dms);
  drop(&scratch);
  drop(&bandit);
  drop(&lever);
  return 0;
}

static void expect(const esp_judgement *judgement, int claim, esp_verdict verdict)
{
  const esp_judgement *j = &judgement[claim - 1];
  assert_int_equal(j->number, claim);
  if (j->verdict != verdict)
    fail_msg("claim %d: %s, expected %s (%s: %s)", claim, esp_verdict_name(j->verdict), esp_verdict_name(verdict),
             j->finding[j->deciding].words, j->finding[j->deciding].numbers);
}

static void test_all_hold(void **state)
{
  (void)state;
  esp_judgement judgement[N_CLAIMS];
  assert_int_equal(esp_claims_judge(all, examples, judgement), ESP_OK);
  for (int claim = 1; claim <= N_CLAIMS; claim++)
    expect(judgement, claim, ESP_HOLDS);
  assert_float_equal(judgement[5].finding[0].effect, 2.651, 0.01); /* log 0.2/0.02 thrice, 0.2/0.009 four times, 0.2/0.03 */
  assert_float_equal(judgement[4].finding[1].effect, 0, 0.02);
  assert_string_equal(judgement[13].note, "example, member 3: mean contraction 0.899 pruned, 1.100 twin");
}

/* The arms exchanged: what says how they differ does not hold, with many members and with few. */
static void test_exchanged(void **state)
{
  (void)state;
  static const int differ[] = {2, 3, 4, 7, 9, 10, 11, 12, 14, 15, 16, 18, 19, 20, 21, 22, 23, 24, 26};
  esp_judgement judgement[N_CLAIMS];
  fake *files[] = {&dms, &scratch, &bandit};
  for (int b = 0; b < 3; b++)
    for (int f = 0; f < files[b]->plan.record.n_fields; f++) {
      double *values = files[b]->source.value[f];
      const long count = (long)files[b]->plan.record.count[f], n = count * files[b]->plan.n_stages; /* of one arm */
      for (long at = 0; values && at < esp_plan_n_slots(&files[b]->plan) * count; at++)
        if (at / n % 2 == 0) {
          const double first = values[at];
          values[at] = values[at + n];
          values[at + n] = first;
        }
    }
  assert_int_equal(esp_claims_judge(all, examples, judgement), ESP_OK);
  for (size_t i = 0; i < sizeof differ / sizeof *differ; i++)
    expect(judgement, differ[i], ESP_DOES_NOT_HOLD);
}

static void lose(fake *f, int first_member)
{
  for (int field = 0; field < f->plan.record.n_fields; field++) {
    double *values = f->source.value[field];
    const long count = (long)f->plan.record.count[field];
    for (long at = 0; values && at < esp_plan_n_slots(&f->plan) * count; at++)
      if (esp_slot_cell(&f->plan, at / count).member >= first_member)
        values[at] = NAN;
  }
}

/* Six members: large effects are found, limits are not decided. */
static void test_few(void **state)
{
  (void)state;
  static const int tests[] = {2, 3, 4, 7, 9, 10, 11, 12, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 27},
                   limits[] = {1, 5, 6, 8, 14, 15, 26};
  esp_judgement judgement[N_CLAIMS];
  lose(&dms, 6);
  lose(&scratch, 6);
  lose(&bandit, 6);
  assert_int_equal(esp_claims_judge(all, examples, judgement), ESP_OK);
  for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
    expect(judgement, tests[i], ESP_HOLDS);
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
    expect(judgement, limits[i], ESP_TOO_FEW);
  assert_int_equal(judgement[8].finding[0].n, 6);
}

static void test_nobody(void **state)
{
  (void)state;
  esp_judgement judgement[N_CLAIMS];
  lose(&dms, 0);
  assert_int_equal(esp_claims_judge(dms_only, none, judgement), ESP_OK);
  for (int claim = 1; claim <= N_CLAIMS; claim++)
    expect(judgement, claim, ESP_NOT_RUN);
}

/* An effect too small for twenty members: how many would show it? */
static void test_needed(void **state)
{
  (void)state;
  esp_judgement judgement[N_CLAIMS];
  esp_source *s = &dms.source;
  const int transfer = s->plan->n_stages - 1;
  for (int member = 0; member < N_MEMBERS; member++)
    for (int arm = 0; arm < 2; arm++)
      values_of(&dms, "loss")[esp_cell_slot(s->plan, (esp_cell){member, arm, transfer})] =
          arm == PRUNED ? 0 : 0.3 + (member % 2 ? 1 : -1); /* mean 0.3, sd 1.026 */
  assert_int_equal(esp_claims_judge(dms_only, examples, judgement), ESP_OK);
  expect(judgement, 16, ESP_DOES_NOT_HOLD);
  assert_float_equal(judgement[15].finding[0].effect, -0.2924, 1e-4);
  assert_float_equal(judgement[15].finding[0].n_needed, 178, 0.5); /* (3.857 / 0.2924)^2 + 3.3 = 177.3 */
  expect(judgement, 9, ESP_HOLDS);
  assert_true(isnan(judgement[8].finding[0].n_needed));
}

/* Which numbers of the bandit decide, and that others do not. */
static void test_bandit(void **state)
{
  (void)state;
  esp_judgement judgement[N_CLAIMS];
  assert_int_equal(esp_claims_judge(bandit_only, examples, judgement), ESP_OK);
  expect(judgement, 17, ESP_NOT_RUN);
  assert_int_equal(judgement[24].finding[1].n, 2 * N_MEMBERS); /* networks of both arms */
  assert_int_equal(judgement[24].finding[4].n, N_MEMBERS);
  assert_float_equal(judgement[25].finding[1].effect, 0, 0.02); /* both at 0.01, though only the loss at the end says so */
  assert_true(judgement[25].finding[2].aside && judgement[25].finding[2].verdict == ESP_HOLDS);
  esp_source *s = &bandit.source;
  for (int member = 0; member < N_MEMBERS; member++)
    for (int stage = 0; stage < s->plan->n_stages; stage++) {
      values_of(&bandit, "value_error")[2 * esp_cell_slot(s->plan, (esp_cell){member, 0, stage})] = 0.5;    /* pruned at 0.01 */
      values_of(&bandit, "value_error")[2 * esp_cell_slot(s->plan, (esp_cell){member, 2, stage}) + 1] = 0.5; /* pruned at 0.1 */
      values_of(&bandit, "lyapunov_max")[esp_cell_slot(s->plan, (esp_cell){member, 4, stage})] = 0.1;   /* pruned at 1 */
      values_of(&bandit, "lyapunov_max")[esp_cell_slot(s->plan, (esp_cell){member, 5, stage})] = 0.1;
    }
  assert_int_equal(esp_claims_judge(bandit_only, examples, judgement), ESP_OK);
  expect(judgement, 18, ESP_HOLDS);
  assert_int_equal(judgement[17].finding[1].verdict, ESP_DOES_NOT_HOLD);
  assert_int_equal(judgement[17].finding[2].verdict, ESP_DOES_NOT_HOLD);
  assert_int_equal(judgement[17].finding[3].verdict, ESP_HOLDS);
  expect(judgement, 21, ESP_HOLDS);
  expect(judgement, 25, ESP_DOES_NOT_HOLD); /* at one level there is nothing that could correlate */
}

static void test_one_level(void **state)
{
  (void)state;
  esp_judgement judgement[N_CLAIMS];
  drop(&bandit);
  make(one_level_yaml, &bandit);
  assert_int_equal(esp_claims_judge(bandit_only, examples, judgement), ESP_OK);
  expect(judgement, 18, ESP_HOLDS);
  assert_int_equal(judgement[17].finding[2].verdict, ESP_NOT_RUN);
  expect(judgement, 25, ESP_NOT_RUN);
  assert_int_equal(judgement[24].finding[1].verdict, ESP_HOLDS);
  expect(judgement, 27, ESP_NOT_RUN);
}

/* Five runs decide, four do not; and each statement fails when what it is about is spoilt. */
static void test_lever(void **state)
{
  (void)state;
  enum { FIRST = 28, LAST = 35 };
  esp_judgement judgement[N_CLAIMS];
  esp_source *s = &lever.source;
  assert_int_equal(esp_claims_judge(lever_only, examples, judgement), ESP_OK);
  for (int claim = 1; claim <= LAST; claim++)
    expect(judgement, claim, claim < FIRST ? ESP_NOT_RUN : ESP_HOLDS);
  assert_int_equal(judgement[FIRST - 1].finding[0].n, 5);
  assert_float_equal(judgement[FIRST - 1].finding[0].effect, 0.7, 0.01);
  static const int arms[] = {0, 0, 1, 0, -1, 3, -1, -1}; /* whose times decide; -1: none does */
  for (int claim = FIRST; claim <= LAST; claim++) {
    const int arm = arms[claim - FIRST];
    for (long slot = 0; slot < esp_plan_n_slots(s->plan); slot++)
      if (arm >= 0 && esp_slot_cell(s->plan, slot).arm == arm)
        values_of(&lever, "completion_time")[slot] = claim == 33 ? 0.8 : 2 + 0.01 * (double)(slot % 7);
    if (arm < 0) {
      esp_lever_numbers *numbers = s->counted;
      for (int member = 0; member < 5; member++) {
        *esp_lever_turnover(numbers, member, ESP_LEVER_ARM_PLASTIC) = 1000 + member;
        numbers->of_run[member][ESP_LIKE_THE_START] = 0.68 + 0.01 * member;
        numbers->of_run[member][ESP_MOVE_SOLVED] = 0.1 + 0.01 * member;
      }
    }
    assert_int_equal(esp_claims_judge(lever_only, examples, judgement), ESP_OK);
    if (judgement[claim - 1].verdict == ESP_HOLDS)
      fail_msg("claim %d holds", claim);
    drop(&lever);
    make(lever_yaml, &lever);
  }
  lose(&lever, 4);
  assert_int_equal(esp_claims_judge(lever_only, examples, judgement), ESP_OK);
  expect(judgement, 28, ESP_TOO_FEW);
  expect(judgement, 31, ESP_HOLDS);
}

/* ---- the tables of the chapters ---- */

static void expect_field(const fake *f, const char *field)
{
  if (field && esp_source_field(&f->source, field) < 0)
    fail_msg("%s has no field %s", f->plan.experiment, field);
}

static void expect_panel(const fake *f, const char *panel)
{
  if (!esp_panel_of(f->source.chapter, panel))
    fail_msg("%s has no panel %s", f->plan.experiment, panel);
}

/* Every name in a table is one of the file, or of another table. */
static void test_names(void **state)
{
  (void)state;
  const fake *const files[] = {&dms, &scratch, &bandit, &lever};
  for (int i = 0; i < 4; i++) {
    const fake *f = files[i];
    const esp_chapter *chapter = f->source.chapter;
    for (const esp_series *series = chapter->series; series->panel; series++) {
      expect_panel(f, series->panel);
      expect_field(f, series->field);
    }
    for (const esp_scatter *scatter = chapter->scatters; scatter && scatter->panel; scatter++) {
      expect_panel(f, scatter->panel);
      expect_field(f, scatter->x_field);
      assert_non_null(esp_series_of(&f->source, scatter->exponent));
    }
    for (const esp_column *column = chapter->columns; column->name; column++)
      expect_field(f, column->field);
    for (const esp_claim *claim = chapter->claims; claim->paper; claim++)
      for (const esp_statement *part = claim->part; part < claim->part + ESP_MAX_PARTS && part->rule != ESP_NO_RULE; part++) {
        expect_field(f, part->field);
        expect_field(f, part->with);
        assert_true(part->quantity || esp_series_of(&f->source, part->panel));
      }
  }
}

/* A field that is not there is a fault of the report, which is said once and stays. */
static void test_no_such_field(void **state)
{
  (void)state;
  assert_int_equal(esp_source_error(&dms.source), ESP_OK);
  assert_true(isnan(esp_source_value(&dms.source, "los", 0, 0, 0, 0)));
  assert_int_equal(esp_source_error(&dms.source), ESP_ERR_INTERNAL);
  assert_non_null(strstr(esp_err_message(ESP_ERR_INTERNAL), "'los'"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sign),
      cmocka_unit_test(test_limit),
      cmocka_unit_test(test_level),
      cmocka_unit_test_setup_teardown(test_all_hold, make_all, drop_all),
      cmocka_unit_test_setup_teardown(test_exchanged, make_all, drop_all),
      cmocka_unit_test_setup_teardown(test_few, make_all, drop_all),
      cmocka_unit_test_setup_teardown(test_nobody, make_all, drop_all),
      cmocka_unit_test_setup_teardown(test_needed, make_all, drop_all),
      cmocka_unit_test_setup_teardown(test_bandit, make_all, drop_all),
      cmocka_unit_test_setup_teardown(test_one_level, make_all, drop_all),
      cmocka_unit_test_setup_teardown(test_lever, make_all, drop_all),
      cmocka_unit_test_setup_teardown(test_names, make_all, drop_all),
      cmocka_unit_test_setup_teardown(test_no_such_field, make_all, drop_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
