/* report/example.c */
#include "example.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bandit_panels.h"
#include "espalier/dms_task.h"
#include "espalier/flow.h"
#include "espalier/kernel.h"
#include "espalier/lyapunov.h"
#include "espalier/pca.h"
#include "espalier/probe.h"
#include "espalier/trajectory.h"

enum {
  N_CONDITIONS = ESP_PROBE_N_CONDITIONS, CONDITION_1 = 0, CONDITION_4 = 3,
  PCA_FIRST = 11, PCA_LAST = 58,             /* bins; as for the stored variances */
  SHOWN_FIRST = 12, SHOWN_LAST = 52,         /* bins of Fig. 3                    */
  LYAPUNOV_FIRST = 15, LYAPUNOV_LAST = 40,   /* bins; the published example's     */
  N_SHOWN = SHOWN_LAST - SHOWN_FIRST + 1,
  N_FLOW = ESP_FLOW_LAST_BIN - ESP_FLOW_FIRST_BIN + 1,
};

/* One network and what it does, without noise: the four conditions, and the same with the distractor of Figs. 2-4. */
typedef struct {
  const esp_source *s;
  esp_rnn_shape shape;
  const double *w;
  esp_trials trials, probed_trials;
  esp_trajectories plain, probed;
  double *variance, *component; /* [unit], [component, unit] */
} network;

typedef struct {
  esp_workspace ws;
  esp_record record;
} bench;

static esp_rnn_shape shape_of(const esp_config *config)
{
  return (esp_rnn_shape){
      .n_hid = config->network.n_hid, .n_in = ESP_DMS_N_IN, .n_out = ESP_DMS_N_OUT, .readout = config->network.readout};
}

static size_t bench_bytes(const esp_source *s)
{
  const esp_rnn_shape shape = shape_of(s->config);
  const size_t n = (size_t)shape.n_hid, d = sizeof(double);
  const size_t for_trials = esp_workspace_bytes((size_t)N_CONDITIONS * ESP_DMS_N_STEPS * ESP_DMS_N_IN * d) +
                            esp_workspace_bytes((size_t)N_CONDITIONS * ESP_DMS_N_STEPS * d) +
                            esp_trajectories_bytes(&shape, N_CONDITIONS, ESP_DMS_N_STEPS);
  return 2 * for_trials + esp_trajectories_workspace_bytes(&shape, N_CONDITIONS, ESP_DMS_N_STEPS) +
         esp_workspace_bytes(n * d) + esp_workspace_bytes(n * n * d) + esp_pca_workspace_bytes(shape.n_hid) +
         esp_flow_workspace_bytes(&shape) + esp_lyapunov_workspace_bytes(shape.n_hid, LYAPUNOV_LAST - LYAPUNOV_FIRST + 1) +
         4096;
}

static esp_err make_bench(const esp_source *s, bench *b)
{
  *b = (bench){.record = {&s->plan->record, malloc(s->plan->record.bytes)}};
  ESP_REQUIRE(b->record.data, ESP_ERR_NOMEM, "no memory for a record of %zu bytes", s->plan->record.bytes);
  esp_one_thread();
  return esp_workspace_create(bench_bytes(s), &b->ws);
}

static void free_bench(bench *b)
{
  free(b->record.data);
  esp_workspace_free(&b->ws);
}

static esp_err take_trials(const esp_rnn_shape *shape, esp_workspace *ws, esp_trials *trials, esp_trajectories *t)
{
  ESP_TRY(esp_workspace_take(ws, (size_t)N_CONDITIONS * ESP_DMS_N_STEPS * ESP_DMS_N_IN, &trials->input));
  ESP_TRY(esp_workspace_take(ws, (size_t)N_CONDITIONS * ESP_DMS_N_STEPS, &trials->target));
  esp_dms_template(ESP_DMS_OLD_CUES, trials);
  return esp_trajectories_take(shape, N_CONDITIONS, ESP_DMS_N_STEPS, ws, t);
}

/* Load a stored network and run it. */
static esp_err load_network(const esp_source *s, esp_cell cell, bench *b, network *net)
{
  const int lag = s->config->network.input_lag;
  b->ws.used = 0;
  ESP_TRY(esp_results_read_cell(s->in.results, cell, &b->record, NULL));
  *net = (network){.s = s, .shape = shape_of(s->config), .w = esp_record_f64(&b->record, 0)}; /* fields 0-2 are the weights */
  ESP_TRY(take_trials(&net->shape, &b->ws, &net->trials, &net->plain));
  ESP_TRY(take_trials(&net->shape, &b->ws, &net->probed_trials, &net->probed));
  esp_probe_put(&net->probed_trials, ESP_PROBE_EXAMPLE_ONSET, ESP_PROBE_EXAMPLE_STRENGTH);
  ESP_TRY(esp_trajectories_run(&net->shape, net->w, &net->trials, lag, &net->plain, &b->ws));
  return esp_trajectories_run(&net->shape, net->w, &net->probed_trials, lag, &net->probed, &b->ws);
}

static bool resists(const network *net)
{
  const double *y = esp_trajectory_output(&net->probed, CONDITION_4, 1);
  const double *target = net->probed_trials.target + (size_t)CONDITION_4 * ESP_DMS_N_STEPS;
  return esp_probe_response(y, 1) * esp_probe_response(target, 1) > 0;
}

/* ---- which member ---- */

typedef struct {
  int member;
  bool telling; /* the twin fails on the probed condition 4, the pruned network does not */
  double difference;
} candidate;

static int by_difference(const void *a, const void *b)
{
  const candidate *x = a, *y = b;
  if (x->difference != y->difference)
    return x->difference < y->difference ? -1 : 1;
  return x->member - y->member;
}

/* A network that diverges answers nothing. */
static esp_err answers(const esp_source *s, esp_cell cell, bench *b, bool *right)
{
  network net;
  const esp_err err = load_network(s, cell, b, &net);
  *right = err == ESP_OK && resists(&net);
  return err == ESP_ERR_DIVERGED ? ESP_OK : err;
}

static esp_err list_candidates(const esp_source *s, int stage, bench *b, candidate *list, int *n)
{
  for (int member = 0; member < s->plan->n_members; member++) {
    candidate c = {.member = member};
    bool right[2];
    c.difference = esp_source_value(s, ESP_M_PROBED_CORRECT, member, ESP_DMS_PRUNED, stage, 0) -
                   esp_source_value(s, ESP_M_PROBED_CORRECT, member, ESP_DMS_TWIN, stage, 0);
    if (isnan(c.difference))
      continue;
    for (int arm = 0; arm < 2; arm++)
      ESP_TRY(answers(s, (esp_cell){member, arm, stage}, b, &right[arm]));
    c.telling = right[ESP_DMS_PRUNED] && !right[ESP_DMS_TWIN];
    list[(*n)++] = c;
  }
  return ESP_OK;
}

/* Of the bandit: pruned minus twin in how often the network chooses like the Q-learner; no member is more telling than another. */
static void list_by_agreement(const esp_source *s, int stage, candidate *list, int *n)
{
  const int level = esp_source_main_level(s);
  for (int member = 0; member < s->plan->n_members; member++) {
    const double pruned = esp_source_value(s, ESP_M_AGREEMENT, member, esp_source_arm(level, ESP_DMS_PRUNED), stage, 0),
                 twin = esp_source_value(s, ESP_M_AGREEMENT, member, esp_source_arm(level, ESP_DMS_TWIN), stage, 0);
    if (!isnan(pruned - twin))
      list[(*n)++] = (candidate){.member = member, .difference = pruned - twin};
  }
}

static void choose(candidate *list, int n, bool bandit, esp_example *example)
{
  int n_telling = 0;
  for (int i = 0; i < n; i++)
    if (list[i].telling)
      list[n_telling++] = list[i]; /* the others are not needed if there is one */
  const int n_left = n_telling ? n_telling : n;
  qsort(list, (size_t)n_left, sizeof *list, by_difference);
  if (n_left > 0)
    example->member = list[(n_left - 1) / 2].member;
  example->rule = n_left == 0 ? "no member has both networks at this rung"
                  : bandit    ? "median difference between pruned and twin in how often they choose like the Q-learner"
                  : n_telling ? "median difference in fraction correct, of the members whose twin fails on the probed condition "
                                "4 and whose pruned network does not"
                              : "median difference in fraction correct, of all members (in none does only the twin fail on the "
                                "probed condition 4)";
}

static esp_err check_wanted(const esp_source *s, int wanted, int stage)
{
  ESP_REQUIRE(wanted < s->plan->n_members, ESP_ERR_USAGE, "%s: there is no member %d; they count from 0 to %d", s->in.path, wanted,
              s->plan->n_members - 1);
  for (int side = 0; side < 2; side++) {
    const int arm = esp_source_arm(esp_source_main_level(s), side);
    ESP_REQUIRE(esp_source_outcome(s, wanted, arm, stage).state == ESP_CELL_DONE, ESP_ERR_USAGE,
                "%s: member %d has no %s network at %s (%s); take another with --example", s->in.path, wanted,
                s->plan->arm_name[arm], s->plan->stages[stage].name, esp_source_why_missing(s, wanted, arm, stage));
  }
  return ESP_OK;
}

static esp_err list_by_answers(const esp_source *s, int stage, candidate *list, int *n)
{
  bench b;
  esp_err err = make_bench(s, &b);
  if (err == ESP_OK)
    err = list_candidates(s, stage, &b, list, n);
  free_bench(&b);
  return err;
}

esp_err esp_example_choose(const esp_source *s, int wanted, esp_example *example)
{
  *example = (esp_example){.member = -1, .rung = esp_source_rung_070(s), .rule = "asked for with --example"};
  const int stage = esp_rung_stage(example->rung);
  const bool bandit = s->config->experiment == ESP_EXPERIMENT_BANDIT;
  if (wanted >= 0) {
    ESP_TRY(check_wanted(s, wanted, stage));
    example->member = wanted;
    return ESP_OK;
  }
  int n = 0;
  esp_err err = ESP_OK;
  candidate *list = calloc((size_t)s->plan->n_members, sizeof *list);
  ESP_REQUIRE(list, ESP_ERR_NOMEM, "no memory for the choice of an example");
  if (bandit)
    list_by_agreement(s, stage, list, &n);
  else
    err = list_by_answers(s, stage, list, &n);
  if (err == ESP_OK)
    choose(list, n, bandit, example);
  free(list);
  return err;
}

/* ---- its panels ---- */

static esp_err add_bins(esp_book *book, const char *panel, int first, int last)
{
  double *x;
  const esp_entry entry = {.panel = panel, .name = "x", .unit = "bin", .long_name = "bin, from 1", .n_axes = 1,
                           .length = {last - first + 1}};
  ESP_TRY(esp_book_numbers(book, &entry, &x));
  for (int bin = first; bin <= last; bin++)
    x[bin - first] = bin;
  return ESP_OK;
}

/* Input, output and target of one trial. */
static esp_err add_trial(esp_book *book, const char *panel, const esp_trials *trials, const esp_trajectories *t, int condition)
{
  const esp_entry inputs = {.panel = panel, .name = "input", .unit = "1", .long_name = "input by channel", .n_axes = 2,
                            .length = {ESP_DMS_N_STEPS, ESP_DMS_N_IN}},
                  outputs = {.panel = panel, .name = "y", .unit = "1", .long_name = "output of the network", .n_axes = 1,
                             .length = {ESP_DMS_N_STEPS}},
                  targets = {.panel = panel, .name = "target", .unit = "1", .long_name = "what the output should be",
                             .n_axes = 1, .length = {ESP_DMS_N_STEPS}};
  double *input, *y, *target;
  ESP_TRY(add_bins(book, panel, 1, ESP_DMS_N_STEPS));
  ESP_TRY(esp_book_numbers(book, &inputs, &input));
  ESP_TRY(esp_book_numbers(book, &outputs, &y));
  ESP_TRY(esp_book_numbers(book, &targets, &target));
  const size_t first = (size_t)condition * ESP_DMS_N_STEPS;
  memcpy(input, trials->input + first * ESP_DMS_N_IN, (size_t)ESP_DMS_N_STEPS * ESP_DMS_N_IN * sizeof *input);
  memcpy(target, trials->target + first, (size_t)ESP_DMS_N_STEPS * sizeof *target);
  memcpy(y, esp_trajectory_output(t, condition, 1), (size_t)ESP_DMS_N_STEPS * sizeof *y);
  return ESP_OK;
}

static double on_component(const network *net, int component, const double *a)
{
  if (component >= net->shape.n_hid)
    return NAN; /* one unit has no second component */
  double sum = 0;
  for (int i = 0; i < net->shape.n_hid; i++)
    sum += net->component[component * net->shape.n_hid + i] * a[i];
  return sum;
}

/* One curve of Fig. 3: a component of the state (0, 1), or the output (2). */
static esp_err add_curve(esp_book *book, const char *panel, const char *name, const network *net, const esp_trajectories *t,
                         int condition, int what)
{
  double *v;
  const esp_entry entry = {.panel = panel, .name = name, .unit = "1", .n_axes = 1, .length = {N_SHOWN},
                           .long_name = what == 2 ? "output of the network"
                                                  : "hidden state on the component (the mean is not taken off)"};
  ESP_TRY(esp_book_numbers(book, &entry, &v));
  for (int bin = SHOWN_FIRST; bin <= SHOWN_LAST; bin++)
    v[bin - SHOWN_FIRST] = what == 2 ? esp_trajectory_output(t, condition, bin)[0]
                                     : on_component(net, what, esp_trajectory_state(t, condition, bin));
  return ESP_OK;
}

static esp_err add_projections(esp_book *book, const char *const panels[3], const network *net)
{
  static const double marks[] = {13, ESP_PROBE_EXAMPLE_ONSET, 40, 52};
  for (int what = 0; what < 3; what++) {
    double *mark;
    const esp_entry entry = {.panel = panels[what], .name = "marks", .unit = "bin", .n_axes = 1, .length = {4},
                             .long_name = "first bins of cue 1, distractor, cue 2, response"};
    ESP_TRY(add_bins(book, panels[what], SHOWN_FIRST, SHOWN_LAST));
    ESP_TRY(add_curve(book, panels[what], "condition_1", net, &net->plain, CONDITION_1, what));
    ESP_TRY(add_curve(book, panels[what], "condition_4", net, &net->plain, CONDITION_4, what));
    ESP_TRY(add_curve(book, panels[what], "condition_4_probed", net, &net->probed, CONDITION_4, what));
    ESP_TRY(esp_book_numbers(book, &entry, &mark));
    memcpy(mark, marks, sizeof marks);
  }
  return ESP_OK;
}

static esp_err add_path(esp_book *book, const char *panel, const char *name, const network *net, const esp_trajectories *t)
{
  double *v;
  const esp_entry entry = {.panel = panel, .name = name, .unit = "1", .n_axes = 2, .length = {N_FLOW, 2},
                           .long_name = "hidden state of condition 4 on PC1, PC2 (the mean is not taken off)"};
  ESP_TRY(esp_book_numbers(book, &entry, &v));
  for (int i = 0; i < N_FLOW; i++)
    for (int c = 0; c < 2; c++)
      v[2 * i + c] = on_component(net, c, esp_trajectory_state(t, CONDITION_4, ESP_FLOW_FIRST_BIN + i));
  return ESP_OK;
}

/* 4A or 4B, and this arm's curves in 4C. */
static esp_err add_flow(esp_book *book, const char *panel, const char *arm, const network *net, esp_workspace *ws)
{
  const esp_entry starts = {.panel = panel, .name = "start", .unit = "1", .n_axes = 3, .length = {N_FLOW, ESP_FLOW_N_POINTS, 2},
                            .long_name = "points around condition 4 on PC1, PC2; the fifth is the trajectory itself"},
                  steps = {.panel = panel, .name = "step", .unit = "1", .n_axes = 3, .length = {N_FLOW, ESP_FLOW_N_POINTS, 2},
                           .long_name = "what one step of the network adds to them"},
                  means = {.panel = "4C", .arm = arm, .name = "mean", .unit = "1", .n_axes = 1, .length = {N_FLOW},
                           .long_name = "contraction of the example: mean distance after one step over that before"},
                  published = {.panel = "4C", .arm = arm, .name = "published", .unit = "1", .n_axes = 1, .length = {N_FLOW},
                               .long_name = "contraction of the example as the published code weighs it"};
  double *start, *step, *contraction, *contraction_published;
  ESP_TRY(add_bins(book, panel, ESP_FLOW_FIRST_BIN, ESP_FLOW_LAST_BIN));
  ESP_TRY(add_path(book, panel, "unprobed", net, &net->plain));
  ESP_TRY(add_path(book, panel, "probed", net, &net->probed));
  ESP_TRY(esp_book_numbers(book, &starts, &start));
  ESP_TRY(esp_book_numbers(book, &steps, &step));
  ESP_TRY(esp_book_numbers(book, &means, &contraction));
  ESP_TRY(esp_book_numbers(book, &published, &contraction_published));
  for (int i = 0; i < N_FLOW && net->shape.n_hid >= ESP_FLOW_N_AXES; i++) {
    const int bin = ESP_FLOW_FIRST_BIN + i;
    const double *u = net->trials.input + ((size_t)CONDITION_4 * ESP_DMS_N_STEPS + (size_t)bin - 1) * ESP_DMS_N_IN;
    esp_flow flow;
    ESP_TRY(esp_flow_at(&net->shape, net->w, net->variance, net->component, u,
                        esp_trajectory_state(&net->plain, CONDITION_4, bin), &flow, ws));
    for (int point = 0; point < ESP_FLOW_N_POINTS; point++)
      for (int c = 0; c < 2; c++) {
        start[(i * ESP_FLOW_N_POINTS + point) * 2 + c] = flow.start[point][c];
        step[(i * ESP_FLOW_N_POINTS + point) * 2 + c] = flow.step[point][c];
      }
    contraction[i] = flow.contraction;
    contraction_published[i] = flow.contraction_published;
  }
  return ESP_OK;
}

static esp_err add_exponents(esp_book *book, const char *arm, const network *net, esp_workspace *ws)
{
  double *exponent;
  const esp_entry entry = {.panel = "4D", .arm = arm, .name = "mean", .unit = "1", .n_axes = 1, .length = {net->shape.n_hid},
                           .long_name = "Lyapunov exponents per bin, bins 15-40 of condition 4; -inf: a direction that is lost"};
  ESP_TRY(esp_book_numbers(book, &entry, &exponent));
  const esp_err err = esp_lyapunov_spectrum(net->shape.n_hid, net->w + esp_rnn_w_rec_offset(&net->shape),
                                            LYAPUNOV_LAST - LYAPUNOV_FIRST + 1,
                                            esp_trajectory_state(&net->plain, CONDITION_4, LYAPUNOV_FIRST), exponent, ws);
  return err == ESP_ERR_DIVERGED ? ESP_OK : err;
}

/* A panel of stored numbers, scaled to a sum of 1. */
typedef struct {
  const char *panel, *axis;
  esp_measure measure;
  bool cumulative;
  const char *long_name;
} stored;

static const stored dms_stored[] = {
    {"2A", "weight_bin", ESP_M_WEIGHT_HISTOGRAM, false, "share of the weights that are not 0"},
    {"2B", "rank", ESP_M_SINGULAR_VALUE, true, "sum of the singular values of W_rec up to this one, over the sum of all"},
    {0},
};
static const stored bandit_stored[] = {
    {"6A", "weight_bin", ESP_M_WEIGHT_HISTOGRAM, false, "share of the weights that are not 0"},
    {"6B", "rank", ESP_M_SINGULAR_VALUE, true, "sum of the singular values of W_rec up to this one, over the sum of all"},
    {"6G", "rank", ESP_M_PCA_VARIANCE, true, "variance of the components up to this one, over all variance"},
    {0},
};

static esp_err add_stored(esp_book *book, const stored *what, const esp_source *s, const esp_example *example, int side)
{
  const long n = s->count[what->measure];
  double *mean, sum = 0, whole = 0;
  const esp_entry entry = {.panel = what->panel, .arm = esp_side_name(s, side), .name = "mean", .unit = "1", .n_axes = 1,
                           .length = {n}, .long_name = what->long_name};
  ESP_TRY(esp_book_numbers(book, &entry, &mean));
  const int stage = esp_rung_stage(example->rung), arm = esp_source_arm(esp_source_main_level(s), side);
  for (long i = 0; i < n; i++)
    whole += esp_source_value(s, what->measure, example->member, arm, stage, i);
  for (long i = 0; i < n; i++) {
    const double v = esp_source_value(s, what->measure, example->member, arm, stage, i);
    sum += v;
    mean[i] = (what->cumulative ? sum : v) / whole;
  }
  return ESP_OK;
}

/* The axis of a panel that has a value for every rank or bin of weights. */
static esp_err add_axis(esp_book *book, const char *panel, const esp_source *s, const char *axis_name)
{
  const esp_axis *axis = s->plan->axes;
  while (strcmp(axis->name, axis_name) != 0)
    axis++; /* the fields of this axis are loaded: it is there */
  double *x;
  const esp_entry entry = {.panel = panel, .name = "x", .unit = axis->unit, .long_name = axis->long_name, .n_axes = 1,
                           .length = {axis->length}};
  ESP_TRY(esp_book_numbers(book, &entry, &x));
  for (int i = 0; i < axis->length; i++)
    x[i] = axis->values ? axis->values[i] : i + 1;
  return ESP_OK;
}

static esp_err fill_arm(const esp_source *s, const esp_example *example, int arm, bench *b, esp_book *book)
{
  static const char *const conditions[N_CONDITIONS] = {"1C", "1D", "1E", "1F"};
  static const char *const trials[2][2] = {{"2E", "2F"}, {"2C", "2D"}};                    /* by arm: unprobed, probed */
  static const char *const projections[2][3] = {{"3D", "3E", "3F"}, {"3A", "3B", "3C"}};
  static const char *const flows[2] = {"4B", "4A"};
  network net;
  ESP_TRY(load_network(s, (esp_cell){example->member, arm, esp_rung_stage(example->rung)}, b, &net));
  const size_t n = (size_t)net.shape.n_hid;
  ESP_TRY(esp_workspace_take(&b->ws, n, &net.variance));
  ESP_TRY(esp_workspace_take(&b->ws, n * n, &net.component));
  ESP_TRY(esp_pca(&net.plain, 0, N_CONDITIONS, PCA_FIRST, PCA_LAST, net.variance, net.component, &b->ws));
  for (int c = 0; c < N_CONDITIONS && arm == ESP_DMS_PRUNED; c++)
    ESP_TRY(add_trial(book, conditions[c], &net.trials, &net.plain, c));
  ESP_TRY(add_trial(book, trials[arm][0], &net.trials, &net.plain, CONDITION_4));
  ESP_TRY(add_trial(book, trials[arm][1], &net.probed_trials, &net.probed, CONDITION_4));
  ESP_TRY(add_projections(book, projections[arm], &net));
  ESP_TRY(add_flow(book, flows[arm], s->plan->arm_name[arm], &net, &b->ws));
  return add_exponents(book, s->plan->arm_name[arm], &net, &b->ws);
}

static esp_err fill_stored(const esp_source *s, const esp_example *example, const stored *panels, esp_book *book)
{
  for (const stored *what = panels; what->panel; what++) {
    ESP_TRY(add_axis(book, what->panel, s, what->axis));
    for (int side = 0; side < 2; side++)
      ESP_TRY(add_stored(book, what, s, example, side));
  }
  return ESP_OK;
}

static esp_err describe(const esp_source *s, const esp_example *example, esp_book *book)
{
  int32_t *member;
  double *fraction;
  const char *group = s->config->experiment == ESP_EXPERIMENT_BANDIT ? "example_bandit" : "example";
  const esp_entry members = {.panel = group, .name = "member", .unit = "1",
                             .long_name = "member of the example panels, from 0; -1: there is none"},
                  fractions = {.panel = group, .name = "prune_fraction", .unit = "1",
                               .long_name = "rung that it is taken from"};
  ESP_TRY(esp_book_counts(book, &members, &member));
  ESP_TRY(esp_book_numbers(book, &fractions, &fraction));
  *member = example->member;
  *fraction = esp_source_fraction(s, example->rung);
  return esp_book_text(book, group, "rule", "why this member", example->rule);
}

static esp_err fill_dms(const esp_source *s, const esp_example *example, esp_book *book)
{
  ESP_TRY(fill_stored(s, example, dms_stored, book));
  ESP_TRY(add_axis(book, "4D", s, "rank"));
  bench b;
  esp_err err = make_bench(s, &b);
  for (int arm = 0; arm < 2 && err == ESP_OK; arm++)
    err = fill_arm(s, example, arm, &b, book);
  free_bench(&b);
  return err;
}

static esp_err fill_bandit(const esp_source *s, const esp_example *example, esp_book *book)
{
  ESP_TRY(fill_stored(s, example, bandit_stored, book));
  return esp_bandit_example_fill(s, example->member, example->rung, book);
}

esp_err esp_example_fill(const esp_source *s, const esp_example *example, esp_book *book)
{
  ESP_TRY(describe(s, example, book));
  if (example->member < 0)
    return ESP_OK;
  const esp_err err = s->config->experiment == ESP_EXPERIMENT_BANDIT ? fill_bandit(s, example, book) : fill_dms(s, example, book);
  return err == ESP_ERR_DIVERGED ? esp_fail(ESP_ERR_DATA, "%s: the networks of member %d diverge; take another with --example",
                                            s->in.path, example->member)
                                 : err;
}
