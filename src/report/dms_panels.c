/* report/dms_panels.c - a stored network is loaded, runs the four conditions without noise, with and without the distractor of Figs.
 * 2-4, and its trajectories are drawn, projected and probed with small steps. */
#include "dms_panels.h"

#include <math.h>

#include "espalier/dms_task.h"
#include "espalier/flow.h"
#include "espalier/lyapunov.h"
#include "espalier/networks.h"
#include "espalier/pca.h"
#include "espalier/probe.h"
#include "espalier/trajectory.h"
#include "ladder.h"

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
  esp_rnn_shape shape;
  int input_lag;
  const double *w;
  esp_trials trials, probed_trials;
  esp_trajectories plain, probed;
  double *variance, *component; /* [unit], [component, unit] */
} network;

static esp_err run_conditions(const network *net, bool probed, esp_workspace *ws, esp_trials *trials, esp_trajectories *t)
{
  ESP_TRY(esp_trials_take(N_CONDITIONS, ESP_DMS_N_STEPS, ESP_DMS_N_IN, ESP_DMS_N_OUT, ws, trials));
  esp_dms_template(ESP_DMS_OLD_CUES, trials);
  if (probed)
    esp_probe_put(trials, ESP_PROBE_EXAMPLE_ONSET, ESP_PROBE_EXAMPLE_STRENGTH);
  ESP_TRY(esp_trajectories_take(&net->shape, N_CONDITIONS, ESP_DMS_N_STEPS, ws, t));
  return esp_trajectories_run(&net->shape, net->w, trials, net->input_lag, t, ws);
}

/* Load a stored network and run it. */
static esp_err load_network(const esp_source *s, esp_cell cell, esp_bench *b, network *net)
{
  b->ws.used = 0;
  ESP_TRY(esp_results_read_cell(s->in.results, cell, &b->record, NULL));
  *net = (network){.shape = esp_network_shape(s->config),
                   .input_lag = s->config->network.input_lag,
                   .w = esp_record_f64(&b->record, 0)}; /* fields 0-2 are the weights */
  ESP_TRY(run_conditions(net, false, &b->ws, &net->trials, &net->plain));
  return run_conditions(net, true, &b->ws, &net->probed_trials, &net->probed);
}

static bool resists(const network *net)
{
  const double *y = esp_trajectory_output(&net->probed, CONDITION_4, 1);
  const double *target = net->probed_trials.target + (size_t)CONDITION_4 * ESP_DMS_N_STEPS;
  return esp_probe_response(y, 1) * esp_probe_response(target, 1) > 0;
}

/* ---- which member ---- */

/* Does only the twin fail on the probed condition 4? A network that diverges answers nothing. */
static esp_err is_telling(const esp_source *s, int member, int stage, esp_bench *b, bool *telling)
{
  bool right[2];
  for (int arm = 0; arm < 2; arm++) {
    network net;
    const esp_err err = load_network(s, (esp_cell){member, arm, stage}, b, &net);
    if (err != ESP_ERR_DIVERGED)
      ESP_TRY(err);
    right[arm] = err == ESP_OK && resists(&net);
  }
  *telling = right[ESP_SPARSE] && !right[ESP_DENSE];
  return ESP_OK;
}

/* Telling members come first in the list. */
static esp_err list_members(const esp_source *s, int stage, esp_bench *b, esp_candidate *list, int *n, int *n_telling)
{
  for (int member = 0; member < s->plan->n_members; member++) {
    bool telling;
    const double difference = esp_source_value(s, "probed_correct", member, ESP_SPARSE, stage, 0) -
                              esp_source_value(s, "probed_correct", member, ESP_DENSE, stage, 0);
    if (isnan(difference))
      continue;
    ESP_TRY(is_telling(s, member, stage, b, &telling));
    list[*n] = list[*n_telling];
    list[telling ? *n_telling : *n] = (esp_candidate){member, difference};
    *n_telling += telling;
    (*n)++;
  }
  return ESP_OK;
}

esp_err esp_dms_candidates(const esp_source *s, int stage, esp_candidate *list, int *n, const char **rule)
{
  int n_telling = 0;
  esp_bench b;
  esp_err err = esp_bench_make(s, &b);
  if (err == ESP_OK)
    err = list_members(s, stage, &b, list, n, &n_telling);
  esp_bench_free(&b);
  *rule = n_telling ? "median difference in fraction correct, of the members whose twin fails on the probed condition 4 and whose "
                      "pruned network does not"
                    : "median difference in fraction correct, of all members (in none does only the twin fail on the probed "
                      "condition 4)";
  if (n_telling)
    *n = n_telling; /* the others are not needed */
  return err;
}

/* ---- schemes ---- */

static void fill_schemes(const esp_source *s, esp_book *book)
{
  double input[N_CONDITIONS * ESP_DMS_N_STEPS * ESP_DMS_N_IN], target[N_CONDITIONS * ESP_DMS_N_STEPS];
  esp_dms_template(ESP_DMS_OLD_CUES, &(esp_trials){.input = input, .target = target});
  esp_book_open(book, "1A");
  esp_book_put_range(book, "x", "bin", "bin, from 1", 1, ESP_DMS_N_STEPS);
  esp_book_put(book, "input", "1", "input by condition, bin and channel", input,
               ESP_SHAPE(N_CONDITIONS, ESP_DMS_N_STEPS, ESP_DMS_N_IN));
  esp_book_put(book, "target", "1", "target by condition and bin", target, ESP_SHAPE(N_CONDITIONS, ESP_DMS_N_STEPS));
  const int32_t sizes[] = {s->config->network.n_hid, ESP_DMS_N_IN, ESP_DMS_N_OUT};
  esp_book_open(book, "1B");
  esp_book_put_counts(book, "sizes", "hidden units, inputs, outputs", sizes, ESP_SHAPE(3));
  esp_book_open(book, "1G");
  esp_book_put(book, "fractions", "1", "prune fraction of each rung", s->config->ladder.fractions.value, ESP_SHAPE(esp_n_rungs(s)));
}

/* ---- the example ---- */

/* Input, output and target of one trial. */
static void add_trial(esp_book *book, const char *panel, const esp_trials *trials, const esp_trajectories *t, int condition)
{
  const size_t first = (size_t)condition * ESP_DMS_N_STEPS;
  esp_book_open(book, "%s", panel);
  esp_book_put_range(book, "x", "bin", "bin, from 1", 1, ESP_DMS_N_STEPS);
  esp_book_put(book, "input", "1", "input by channel", trials->input + first * ESP_DMS_N_IN, ESP_SHAPE(ESP_DMS_N_STEPS, ESP_DMS_N_IN));
  esp_book_put(book, "y", "1", "output of the network", esp_trajectory_output(t, condition, 1), ESP_SHAPE(ESP_DMS_N_STEPS));
  esp_book_put(book, "target", "1", "what the output should be", trials->target + first, ESP_SHAPE(ESP_DMS_N_STEPS));
}

/* One curve of Fig. 3: a component of the state (0, 1), or the output (2). */
static void add_curve(esp_book *book, const char *name, const network *net, const esp_trajectories *t, int condition, int what)
{
  double v[N_SHOWN];
  for (int bin = SHOWN_FIRST; bin <= SHOWN_LAST; bin++)
    v[bin - SHOWN_FIRST] =
        what == 2 ? esp_trajectory_output(t, condition, bin)[0]
                  : esp_pca_score(net->shape.n_hid, net->component, what, esp_trajectory_state(t, condition, bin));
  esp_book_put(book, name, "1", what == 2 ? "output of the network" : "hidden state on the component (the mean is not taken off)", v,
               ESP_SHAPE(N_SHOWN));
}

static void add_projections(esp_book *book, const char *const panels[3], const network *net)
{
  static const double marks[] = {13, ESP_PROBE_EXAMPLE_ONSET, 40, 52};
  for (int what = 0; what < 3; what++) {
    esp_book_open(book, "%s", panels[what]);
    esp_book_put_range(book, "x", "bin", "bin, from 1", SHOWN_FIRST, SHOWN_LAST);
    add_curve(book, "condition_1", net, &net->plain, CONDITION_1, what);
    add_curve(book, "condition_4", net, &net->plain, CONDITION_4, what);
    add_curve(book, "condition_4_probed", net, &net->probed, CONDITION_4, what);
    esp_book_put(book, "marks", "bin", "first bins of cue 1, distractor, cue 2, response", marks, ESP_SHAPE(4));
  }
}

static void add_path(esp_book *book, const char *name, const network *net, const esp_trajectories *t)
{
  double v[N_FLOW][2];
  for (int i = 0; i < N_FLOW; i++)
    for (int c = 0; c < 2; c++)
      v[i][c] = esp_pca_score(net->shape.n_hid, net->component, c, esp_trajectory_state(t, CONDITION_4, ESP_FLOW_FIRST_BIN + i));
  esp_book_put(book, name, "1", "hidden state of condition 4 on PC1, PC2 (the mean is not taken off)", v[0], ESP_SHAPE(N_FLOW, 2));
}

/* 4A or 4B, and this arm's curves in 4C. */
static esp_err add_flow(esp_book *book, const char *panel, const char *arm, const network *net, esp_workspace *ws)
{
  esp_book_open(book, "%s", panel);
  esp_book_put_range(book, "x", "bin", "bin, from 1", ESP_FLOW_FIRST_BIN, ESP_FLOW_LAST_BIN);
  add_path(book, "unprobed", net, &net->plain);
  add_path(book, "probed", net, &net->probed);
  double *start = esp_book_numbers(book, "start", "1", "points around condition 4 on PC1, PC2; the fifth is the trajectory itself",
                                   ESP_SHAPE(N_FLOW, ESP_FLOW_N_POINTS, 2));
  double *step =
      esp_book_numbers(book, "step", "1", "what one step of the network adds to them", ESP_SHAPE(N_FLOW, ESP_FLOW_N_POINTS, 2));
  esp_book_open(book, "4C/%s", arm);
  double *contraction = esp_book_numbers(
      book, "mean", "1", "contraction of the example: mean distance after one step over that before", ESP_SHAPE(N_FLOW));
  double *published =
      esp_book_numbers(book, "published", "1", "contraction of the example as the published code weighs it", ESP_SHAPE(N_FLOW));
  ESP_TRY(esp_book_error(book));
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
    published[i] = flow.contraction_published;
  }
  return ESP_OK;
}

static esp_err add_exponents(esp_book *book, const char *arm, const network *net, esp_workspace *ws)
{
  esp_book_open(book, "4D/%s", arm);
  double *exponent =
      esp_book_numbers(book, "mean", "1", "Lyapunov exponents per bin, bins 15-40 of condition 4; -inf: a direction that is lost",
                       ESP_SHAPE(net->shape.n_hid));
  ESP_TRY(esp_book_error(book));
  const esp_err err = esp_lyapunov_spectrum(net->shape.n_hid, net->w + esp_rnn_w_rec_offset(&net->shape),
                                            LYAPUNOV_LAST - LYAPUNOV_FIRST + 1,
                                            esp_trajectory_state(&net->plain, CONDITION_4, LYAPUNOV_FIRST), exponent, ws);
  return err == ESP_ERR_DIVERGED ? ESP_OK : err;
}

static esp_err fill_arm(const esp_source *s, const esp_example *example, int arm, esp_bench *b, esp_book *book)
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
  for (int c = 0; c < N_CONDITIONS && arm == ESP_SPARSE; c++)
    add_trial(book, conditions[c], &net.trials, &net.plain, c);
  add_trial(book, trials[arm][0], &net.trials, &net.plain, CONDITION_4);
  add_trial(book, trials[arm][1], &net.probed_trials, &net.probed, CONDITION_4);
  add_projections(book, projections[arm], &net);
  ESP_TRY(add_flow(book, flows[arm], s->plan->arm_name[arm], &net, &b->ws));
  return add_exponents(book, s->plan->arm_name[arm], &net, &b->ws);
}

static esp_err fill_arms(const esp_source *s, const esp_example *example, esp_book *book)
{
  esp_bench b;
  esp_err err = esp_bench_make(s, &b);
  for (int arm = 0; arm < 2 && err == ESP_OK; arm++)
    err = fill_arm(s, example, arm, &b, book);
  esp_bench_free(&b);
  return err;
}

esp_err esp_dms_panels_fill(const esp_source *s, const esp_example *example, esp_book *book)
{
  static const esp_stored_panel stored[] = {
      {"2A", "weight_bin", "weight_histogram", "share of the weights that are not 0", false},
      {"2B", "rank", "singular_value", "sum of the singular values of W_rec up to this one, over the sum of all", true},
      {0},
  };
  fill_schemes(s, book);
  if (example->member < 0)
    return ESP_OK;
  ESP_TRY(esp_stored_panels_fill(s, example, stored, book));
  esp_book_axis(book, "4D", esp_source_axis(s, "rank"));
  return fill_arms(s, example, book);
}
