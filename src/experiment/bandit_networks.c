/* experiment/bandit_networks.c */
#include "bandit_networks.h"

#include <math.h>
#include <string.h>

#include "espalier/bandit_task.h"
#include "espalier/lyapunov.h"
#include "espalier/pca.h"
#include "espalier/separation.h"
#include "espalier/trajectory.h"
#include "espalier/weights.h"

enum {
  FRESH_BLOCK = 1 << 20,      /* number of the first block that checks a start; training never gets there */
  EVALUATION_BLOCK = 1 << 21, /* of those on which finished networks are measured                         */
  LYAPUNOV_FIRST = 2,         /* step (from 1) of the first Jacobian; the last is that of the last step   */
};

static esp_rnn_shape shape_of(const esp_config *config)
{
  return (esp_rnn_shape){.n_hid = config->network.n_hid,
                         .n_in = ESP_BANDIT_N_IN,
                         .n_out = ESP_BANDIT_N_OPTIONS,
                         .bias = true,
                         .readout = config->network.readout};
}

/* ---- blocks ---- */

/* A block as it is played, with the arrays that a play fills. */
typedef struct {
  esp_bandit_options options;
  esp_bandit_draws draws;
  esp_bandit_outcome outcome;
} block;

static esp_err take_block(const esp_config *config, int n_agents, double epsilon, double value_noise, bool new_option,
                          esp_workspace *ws, block *b)
{
  const size_t n = (size_t)n_agents * ESP_BANDIT_N_STEPS;
  b->options = (esp_bandit_options){.n_agents = n_agents,
                                    .epsilon = epsilon,
                                    .value_noise = value_noise,
                                    .independent_noise = config->bandit.noise == ESP_VALUE_NOISE_INDEPENDENT,
                                    .new_option = new_option,
                                    .beta = config->bandit.beta,
                                    .learning_rate = config->bandit.learning_rate,
                                    .q_start = 0.5};
  unsigned char *reward;
  ESP_TRY(esp_workspace_take(ws, n, &b->draws.choice));
  ESP_TRY(esp_workspace_take(ws, n, &b->draws.explore));
  ESP_TRY(esp_workspace_take(ws, n, &b->draws.reward));
  ESP_TRY(esp_workspace_take(ws, esp_bandit_n_noise(&b->options), &b->draws.noise));
  ESP_TRY(esp_workspace_take(ws, n * ESP_BANDIT_N_OPTIONS, &b->outcome.q));
  ESP_TRY(esp_workspace_take(ws, n * ESP_BANDIT_N_OPTIONS, &b->outcome.y));
  ESP_TRY(esp_workspace_take_bytes(ws, n, &b->outcome.choice));
  ESP_TRY(esp_workspace_take_bytes(ws, n, &b->outcome.q_choice));
  ESP_TRY(esp_workspace_take_bytes(ws, n, &reward));
  b->outcome.reward = (int8_t *)reward;
  return ESP_OK;
}

/* Draw the numbers of a block and let the network play it. */
static esp_err play(const esp_rnn_shape *shape, const double *w, const esp_rng_key *key, int number, esp_trials *trials, block *b,
                    esp_workspace *ws)
{
  ESP_TRY(esp_bandit_draw(&b->options, key, number, &b->draws));
  return esp_bandit_play(shape, w, &b->options, &b->draws, trials, &b->outcome, ws);
}

/* ---- training ---- */

/* Share of random choices in a block (published code): the first is played before any call, others before the call that they are
 * for. */
static double epsilon_of(const esp_config *config, const esp_bandit_training *details, int n_calls)
{
  const int call = n_calls + 1;
  if (n_calls == 0 || details->schedule == 0)
    return config->bandit.epsilon;
  return call < details->schedule ? config->bandit.epsilon * (1 - (double)call / details->schedule) : 0;
}

static esp_rng_key key_of(const esp_config *config, esp_cell cell, uint32_t arm)
{
  return (esp_rng_key){
      .seed = config->seed, .member = (uint32_t)cell.member, .arm = arm, .stage = (uint32_t)cell.stage};
}

/* A network that plays nonsense is an answer: its block ends with rubbish and the loss is not finite. */
static esp_err make_block(const esp_stage_context *context, const esp_network_task *task, int number, const esp_set_identity *which,
                          esp_trials *trials, esp_workspace *ws)
{
  const esp_config *config = context->config;
  const esp_bandit_training *details = task->details;
  const esp_rnn_shape shape = shape_of(config);
  const esp_rng_key key = key_of(config, context->cell, (uint32_t)context->cell.arm);
  const size_t n = (size_t)config->bandit.agents * ESP_BANDIT_N_STEPS;
  ESP_TRY(esp_workspace_take(ws, n * ESP_BANDIT_N_IN, &trials->input));
  ESP_TRY(esp_workspace_take(ws, n * ESP_BANDIT_N_OPTIONS, &trials->target));
  const size_t mark = ws->used;
  block b;
  const double epsilon = epsilon_of(config, details, which->n_calls);
  esp_err err = take_block(config, config->bandit.agents, epsilon, details->value_noise, details->new_option, ws, &b);
  if (err == ESP_OK)
    err = play(&shape, which->weights, &key, number, trials, &b, ws);
  ws->used = mark;
  if (err != ESP_ERR_DIVERGED)
    return err;
  for (size_t i = 0; i < n * ESP_BANDIT_N_OPTIONS; i++)
    trials->target[i] = NAN;
  return ESP_OK;
}

static esp_err make_set(const esp_stage_context *context, const esp_network_task *task, const esp_set_identity *which,
                        esp_trials *trials, esp_workspace *ws)
{
  return make_block(context, task, which->episode, which, trials, ws);
}

static esp_err criterion(const esp_config *config, long steps_per_call, esp_workspace *ws, esp_criterion *criterion)
{
  (void)steps_per_call, (void)ws;
  *criterion = esp_criterion_bandit();
  criterion->good_loss = config->training.low_loss;
  criterion->max_loss = config->training.slow_loss;
  criterion->min_decrease = config->training.min_decrease;
  return ESP_OK;
}

/* Loss on a block that is not trained on. */
static esp_err loss_on_fresh_block(const esp_stage_context *context, const esp_network_task *task, const esp_set_identity *next,
                                   esp_workspace *ws, double *loss)
{
  const esp_rnn_shape shape = shape_of(context->config);
  esp_trials trials;
  esp_tree tree;
  esp_rnn_problem problem;
  ESP_TRY(make_block(context, task, FRESH_BLOCK + next->episode, next, &trials, ws));
  ESP_TRY(esp_tree_build(&trials, 0, ws, &tree));
  ESP_TRY(esp_rnn_problem_take(&shape, &tree, ws, &problem));
  *loss = esp_rnn_loss(&problem, next->weights);
  return ESP_OK;
}

esp_err esp_bandit_accept_on_fresh_block(const esp_stage_context *context, const esp_network_task *task,
                                         const esp_set_identity *next, bool *accepted, esp_workspace *ws)
{
  const size_t mark = ws->used;
  double loss = INFINITY;
  const esp_err err = loss_on_fresh_block(context, task, next, ws, &loss);
  ws->used = mark;
  *accepted = loss < context->config->training.slow_loss;
  return err;
}

/* ---- fields ---- */

static void declare_measures(const esp_config *config, esp_plan *plan)
{
  const esp_weight_bins bins = ESP_WEIGHT_BINS_BANDIT;
  double values[ESP_MAX_LIST] = {0};
  const double epsilons[2] = {config->evaluation.epsilon, 0};
  const int epsilon = esp_plan_add_axis(plan, "epsilon", 2, "1", "share of random choices in the evaluated block", epsilons);
  const int rank = esp_plan_add_axis(plan, "rank", config->network.n_hid, "1", "place in descending order", NULL);
  for (int i = 0; i < bins.n_bins; i++)
    values[i] = bins.first + bins.spacing * i;
  const int weight = esp_plan_add_axis(plan, "weight_bin", bins.n_bins, "1", "centre of a bin of recurrent weights", values);
  const esp_field fields[NET_BANDIT_N_FIELDS] = {
      [NET_VALUE_ERROR] = {"value_error", ESP_F64, 1, {epsilon}, "1",
                           "squared difference between output and values, summed over options, mean over agents and steps of a "
                           "new block (Fig. 7A)", false},
      [NET_AGREEMENT] = {"agreement", ESP_F64, 1, {epsilon}, "1",
                         "fraction of steps on which network and Q-learner choose alike, given the same draw (Fig. 7B)", false},
      [NET_REWARD] = {"reward", ESP_F64, 1, {epsilon}, "1", "reward of a block, mean over agents (Fig. 7C)", false},
      [NET_MEAN_LYAPUNOV] = {"lyapunov", ESP_F64, 1, {rank}, "1",
                             "Lyapunov exponents per step, steps 2-60, mean over agents; -inf: a direction that is lost", false},
      [NET_MEAN_LYAPUNOV_MAX] = {"lyapunov_max", ESP_F64, 0, {0}, "1", "largest Lyapunov exponent, mean over agents (Fig. 7D)",
                                 true},
      [NET_MEAN_LYAPUNOV_PUBLISHED] = {"lyapunov_published", ESP_F64, 0, {0}, "1",
                                       "the number of the published code: Jacobians multiplied in the other order, divided by "
                                       "one less than their number; mean over agents", false},
      [NET_BANDIT_SINGULAR_VALUE] = {"singular_value", ESP_F64, 1, {rank}, "1", "singular values of W_rec (Fig. 6B)", false},
      [NET_BANDIT_PCA_VARIANCE] = {"pca_variance", ESP_F64, 1, {rank}, "1",
                                   "variances along the principal components of the hidden state, all agents and steps "
                                   "(Figs. 6G, 7E)", false},
      [NET_BANDIT_WEIGHT_HISTOGRAM] = {"weight_histogram", ESP_I32, 1, {weight}, "1",
                                       "recurrent weights that are not 0, by bin; the outer bins take all beyond", false},
      [NET_SEPARATION] = {"separation", ESP_F64, 0, {0}, "1",
                          "squared Mahalanobis distance between fixation and choice states, mean over the agents for which it "
                          "is defined (Fig. 7G)", true},
      [NET_SEPARATION_CONDITION] = {"separation_condition", ESP_F64, 0, {0}, "1",
                                    "condition of the pooled covariance, largest over agents: above 1e8 the separation means "
                                    "little", false},
      [NET_SEPARATION_N_SINGULAR] = {"separation_n_singular", ESP_I32, 0, {0}, "1",
                                     "agents whose pooled covariance is singular: they are left out of the mean", false},
      [NET_BANDIT_N_REVIVED] = {"n_revived", ESP_I32, 0, {0}, "1",
                                "recurrent weights that are not 0 although the mask removes them (scg: deposited)", false},
  };
  for (int f = NET_N_TRAINED; f < NET_BANDIT_N_FIELDS; f++)
    esp_layout_add(plan, &plan->record, fields[f]);
}

/* ---- the measures ---- */

typedef struct {
  const esp_config *config;
  esp_rng_key key; /* both arms play with the same draws */
  esp_record *record;
  esp_workspace *ws;
  esp_rnn_shape shape;
  const double *w, *w_rec;
} subject;

static esp_err play_evaluation(const subject *s, int n_agents, double epsilon, int number, esp_trials *trials, block *b)
{
  const size_t n = (size_t)n_agents * ESP_BANDIT_N_STEPS;
  ESP_TRY(esp_workspace_take(s->ws, n * ESP_BANDIT_N_IN, &trials->input));
  ESP_TRY(esp_workspace_take(s->ws, n * ESP_BANDIT_N_OPTIONS, &trials->target));
  ESP_TRY(take_block(s->config, n_agents, epsilon, 0, false, s->ws, b));
  return play(&s->shape, s->w, &s->key, EVALUATION_BLOCK + number, trials, b, s->ws);
}

static esp_err scores(const subject *s)
{
  const double epsilons[2] = {s->config->evaluation.epsilon, 0};
  const size_t mark = s->ws->used;
  for (int e = 0; e < 2; e++) {
    esp_trials trials;
    block b;
    const esp_err err = play_evaluation(s, s->config->evaluation.agents, epsilons[e], e, &trials, &b);
    if (err == ESP_OK) {
      const esp_bandit_score score = esp_bandit_scores(b.options.n_agents, &b.outcome);
      esp_record_f64(s->record, NET_VALUE_ERROR)[e] = score.value_error;
      esp_record_f64(s->record, NET_AGREEMENT)[e] = score.agreement;
      esp_record_f64(s->record, NET_REWARD)[e] = score.reward;
    }
    s->ws->used = mark;
    ESP_TRY(esp_unless_diverged(err));
  }
  return ESP_OK;
}

/* The states of a new block, agent by agent. */
static esp_err states(const subject *s, int n_agents, int number, esp_trajectories *t)
{
  esp_trials trials;
  block b;
  ESP_TRY(esp_trajectories_take(&s->shape, n_agents, ESP_BANDIT_N_STEPS, s->ws, t));
  const size_t mark = s->ws->used;
  esp_err err = play_evaluation(s, n_agents, s->config->evaluation.epsilon, number, &trials, &b);
  if (err == ESP_OK)
    err = esp_trajectories_run(&s->shape, s->w, &trials, 0, t, s->ws);
  s->ws->used = mark;
  return err;
}

/* Exponents of one agent, added to the means. */
static esp_err add_exponents(const subject *s, const esp_trajectories *t, int agent, double *spectrum, double *eigenvalue)
{
  const int n = s->shape.n_hid, n_factors = ESP_BANDIT_N_STEPS - LYAPUNOV_FIRST + 1;
  const double *a = esp_trajectory_state(t, agent, LYAPUNOV_FIRST);
  double published, *mean = esp_record_f64(s->record, NET_MEAN_LYAPUNOV);
  ESP_TRY(esp_lyapunov_published(n, s->w_rec, n_factors, a, &published, eigenvalue, s->ws));
  ESP_TRY(esp_lyapunov_spectrum(n, s->w_rec, n_factors, a, spectrum, s->ws));
  for (int i = 0; i < n; i++)
    mean[i] += spectrum[i] / t->n_trials;
  *esp_record_f64(s->record, NET_MEAN_LYAPUNOV_PUBLISHED) += published / t->n_trials;
  return ESP_OK;
}

static void forget_exponents(const subject *s, double value)
{
  for (int i = 0; i < s->shape.n_hid; i++)
    esp_record_f64(s->record, NET_MEAN_LYAPUNOV)[i] = value;
  *esp_record_f64(s->record, NET_MEAN_LYAPUNOV_PUBLISHED) = value;
}

static esp_err exponents(const subject *s, const esp_trajectories *t)
{
  double *spectrum, *eigenvalue;
  ESP_TRY(esp_workspace_take(s->ws, (size_t)s->shape.n_hid, &spectrum));
  ESP_TRY(esp_workspace_take(s->ws, (size_t)s->shape.n_hid, &eigenvalue));
  forget_exponents(s, 0);
  esp_err err = ESP_OK;
  for (int agent = 0; agent < t->n_trials && err == ESP_OK; agent++)
    err = add_exponents(s, t, agent, spectrum, eigenvalue);
  if (err != ESP_OK)
    forget_exponents(s, NAN);
  *esp_record_f64(s->record, NET_MEAN_LYAPUNOV_MAX) = esp_record_f64(s->record, NET_MEAN_LYAPUNOV)[0];
  return esp_unless_diverged(err);
}

static esp_err separation(const subject *s, const esp_trajectories *t)
{
  double sum = 0, condition = 0;
  int n = 0;
  for (int agent = 0; agent < t->n_trials; agent++) {
    esp_separation one;
    ESP_TRY(esp_unless_diverged(
        esp_separation_of(s->shape.n_hid, ESP_BANDIT_N_STEPS, esp_trajectory_state(t, agent, 1), &one, s->ws)));
    condition = fmax(condition, one.condition);
    if (one.singular || isnan(one.distance))
      continue;
    sum += one.distance;
    n++;
  }
  *esp_record_f64(s->record, NET_SEPARATION) = n ? sum / n : NAN;
  *esp_record_f64(s->record, NET_SEPARATION_CONDITION) = condition;
  *esp_record_i32(s->record, NET_SEPARATION_N_SINGULAR) = t->n_trials - n;
  return ESP_OK;
}

static esp_err dynamics(const subject *s)
{
  esp_trajectories t;
  const esp_err err = states(s, s->config->evaluation.lyapunov_agents, 2, &t);
  if (err != ESP_OK)
    return esp_unless_diverged(err);
  ESP_TRY(exponents(s, &t));
  return separation(s, &t);
}

static esp_err components(const subject *s)
{
  esp_trajectories t;
  const esp_err err = states(s, s->config->evaluation.agents, 3, &t);
  if (err != ESP_OK)
    return esp_unless_diverged(err);
  return esp_unless_diverged(esp_pca(&t, 0, t.n_trials, 1, ESP_BANDIT_N_STEPS, esp_record_f64(s->record, NET_BANDIT_PCA_VARIANCE), NULL, s->ws));
}

static esp_err weights(const subject *s)
{
  const esp_weight_bins bins = ESP_WEIGHT_BINS_BANDIT;
  return esp_network_measure_weights(&s->shape, &bins, s->record, NET_BANDIT_WEIGHT_HISTOGRAM, NET_BANDIT_SINGULAR_VALUE, NET_BANDIT_N_REVIVED,
                                     s->ws);
}

static esp_err analyse(const esp_config *config, esp_cell cell, esp_record *record, esp_workspace *ws)
{
  const subject s = {.config = config,
                     .key = key_of(config, cell, ESP_RNG_SHARED),
                     .record = record,
                     .ws = ws,
                     .shape = shape_of(config),
                     .w = esp_record_f64(record, NET_W_IN),
                     .w_rec = esp_record_f64(record, NET_W_REC)};
  esp_err (*const measures[])(const subject *) = {scores, dynamics, components, weights};
  for (int i = 0; i < 4; i++) {
    const size_t mark = ws->used;
    const esp_err err = measures[i](&s);
    ws->used = mark;
    ESP_TRY(err);
  }
  return ESP_OK;
}

const esp_network_kind esp_bandit_networks = {
    .shape = shape_of,
    .inputs = "input channel: 1 constant, 2 fixation on, 3-5 targets 1-3 on, 6-9 option chosen before, 10 its reward",
    .outputs = "output: value of option 1-4; option 1 is to keep fixating",
    .make_set = make_set,
    .plain = &(const esp_bandit_training){0},
    .sets_follow_weights = true,
    .criterion = criterion,
    .declare_measures = declare_measures,
    .analyse = analyse,
};
