/* experiment/bandit_networks.c - training sets of the bandit are blocks that the network in training plays itself, so a set depends on
 * the weights at its beginning: they are kept with a half-trained stage, and after an interruption the same block is played again.
 *
 * Finished networks are measured on blocks whose numbers training never reaches, without noise on the values. Sums over agents are in
 * order of agents; one agent whose exponents diverge leaves none. */
#include "bandit_networks.h"

#include <math.h>

#include "espalier/bandit_task.h"
#include "espalier/lyapunov.h"
#include "espalier/pca.h"
#include "espalier/separation.h"
#include "espalier/trajectory.h"

enum { LYAPUNOV_FIRST = 2 }; /* step (from 1) of the first Jacobian; the last is that of the last step */

esp_bandit_options esp_bandit_options_of(const esp_config *config, int n_agents)
{
  return (esp_bandit_options){.n_agents = n_agents,
                              .independent_noise = config->bandit.noise == ESP_VALUE_NOISE_INDEPENDENT,
                              .beta = config->bandit.beta,
                              .learning_rate = config->bandit.learning_rate,
                              .q_start = 0.5};
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

/* A network that plays nonsense is an answer: its block ends with rubbish and the loss is not finite. */
static esp_err make_set(const esp_stage_context *context, const esp_network_task *task, const esp_set_identity *which,
                        esp_trials *trials, esp_workspace *ws)
{
  const esp_config *config = context->config;
  const esp_bandit_training *details = task->details;
  const esp_rnn_shape shape = esp_network_shape(config);
  const esp_rng_key key = esp_network_key(config, context->cell, (uint32_t)context->cell.arm);
  const size_t n = (size_t)config->bandit.agents * ESP_BANDIT_N_STEPS;
  esp_bandit_options options = esp_bandit_options_of(config, config->bandit.agents);
  options.epsilon = epsilon_of(config, details, which->n_calls);
  options.value_noise = details->value_noise;
  options.new_option = details->new_option;
  ESP_TRY(esp_trials_take(options.n_agents, ESP_BANDIT_N_STEPS, ESP_BANDIT_N_IN, ESP_BANDIT_N_OPTIONS, ws, trials));
  const size_t mark = ws->used;
  esp_bandit_block b;
  esp_err err = esp_bandit_block_take(&options, ws, &b);
  if (err == ESP_OK)
    err = esp_bandit_block_play(&shape, which->weights, &key, which->episode, &b, trials, ws);
  ws->used = mark;
  if (err != ESP_ERR_DIVERGED)
    return err;
  for (size_t i = 0; i < n * ESP_BANDIT_N_OPTIONS; i++)
    trials->target[i] = NAN;
  return ESP_OK;
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

/* ---- fields ---- */

static void declare_measures(const esp_config *config, esp_plan *plan)
{
  const double epsilons[2] = {config->evaluation.epsilon, 0};
  const int epsilon = esp_plan_add_axis(plan, "epsilon", 2, "1", "share of random choices in the evaluated block", epsilons);
  const int rank = esp_plan_add_axis(plan, "rank", config->network.n_hid, "1", "place in descending order", NULL);
  const int weight = esp_network_add_weight_bins(&esp_bandit_networks, plan);
  const esp_field fields[NET_BANDIT_N_FIELDS] = {
      [NET_VALUE_ERROR] = {"value_error", ESP_F64, 1, {epsilon}, "1",
                           "squared difference between output and values, summed over options, mean over agents and steps of a "
                           "new block (Fig. 7A)", false},
      [NET_AGREEMENT] = {"agreement", ESP_F64, 1, {epsilon}, "1",
                         "fraction of steps on which network and Q-learner choose alike, given the same draw (Fig. 7B)", false},
      [NET_REWARD] = {"reward", ESP_F64, 1, {epsilon}, "1", "reward of a block, mean over agents (Fig. 7C)", false},
      [NET_MEAN_LYAPUNOV] = {"lyapunov", ESP_F64, 1, {rank}, "1",
                             "Lyapunov exponents per step, steps 2-60, mean over agents; -inf: a direction that is lost", false},
      [NET_MEAN_LYAPUNOV_MAX] = {"lyapunov_max", ESP_F64, 0, {0}, "1",
                                 "largest Lyapunov exponent, mean over agents (Fig. 7D)", true},
      [NET_MEAN_LYAPUNOV_PUBLISHED] = {"lyapunov_published", ESP_F64, 0, {0}, "1",
                                       "the number of the published code: Jacobians multiplied in the other order, divided by "
                                       "one less than their number; mean over agents", false},
      [NET_BANDIT_SINGULAR_VALUE] = {"singular_value", ESP_F64, 1, {rank}, "1", "singular values of W_rec (Fig. 6B)", false},
      [NET_BANDIT_PCA_VARIANCE] = {"pca_variance", ESP_F64, 1, {rank}, "1",
                                   "variances along the principal components of the hidden state, all agents and steps (Figs. "
                                   "6G, 7E)", false},
      [NET_BANDIT_WEIGHT_HISTOGRAM] = {"weight_histogram", ESP_I32, 1, {weight}, "1",
                                       "recurrent weights that are not 0, by bin; the outer bins take all beyond", false},
      [NET_SEPARATION] = {"separation", ESP_F64, 0, {0}, "1",
                          "squared Mahalanobis distance between fixation and choice states, mean over the agents for which it is "
                          "defined (Fig. 7G)", true},
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

esp_err esp_bandit_evaluate(const esp_config *config, esp_cell cell, const double *w, int n_agents, double epsilon, int number,
                            esp_workspace *ws, esp_bandit_block *b, esp_trials *trials)
{
  const esp_rnn_shape shape = esp_network_shape(config);
  const esp_rng_key key = esp_network_key(config, cell, ESP_RNG_SHARED);
  esp_bandit_options options = esp_bandit_options_of(config, n_agents);
  options.epsilon = epsilon;
  ESP_TRY(esp_trials_take(n_agents, ESP_BANDIT_N_STEPS, ESP_BANDIT_N_IN, ESP_BANDIT_N_OPTIONS, ws, trials));
  ESP_TRY(esp_bandit_block_take(&options, ws, b));
  return esp_bandit_block_play(&shape, w, &key, ESP_BANDIT_EVALUATION_BLOCK + number, b, trials, ws);
}

static esp_err scores(const esp_subject *s)
{
  const double epsilons[2] = {s->config->evaluation.epsilon, 0};
  const size_t mark = s->ws->used;
  for (int e = 0; e < 2; e++) {
    esp_trials trials;
    esp_bandit_block b;
    const esp_err err = esp_bandit_evaluate(s->config, s->cell, s->w, s->config->evaluation.agents, epsilons[e], e, s->ws, &b, &trials);
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
static esp_err states(const esp_subject *s, int n_agents, int number, esp_trajectories *t)
{
  esp_trials trials;
  esp_bandit_block b;
  ESP_TRY(esp_trajectories_take(&s->shape, n_agents, ESP_BANDIT_N_STEPS, s->ws, t));
  const size_t mark = s->ws->used;
  const double epsilon = s->config->evaluation.epsilon;
  esp_err err = esp_bandit_evaluate(s->config, s->cell, s->w, n_agents, epsilon, number, s->ws, &b, &trials);
  if (err == ESP_OK)
    err = esp_trajectories_run(&s->shape, s->w, &trials, 0, t, s->ws);
  s->ws->used = mark;
  return err;
}

/* Exponents of one agent, added to the means. */
static esp_err add_exponents(const esp_subject *s, const esp_trajectories *t, int agent, double *spectrum, double *eigenvalue)
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

static void forget_exponents(const esp_subject *s, double value)
{
  for (int i = 0; i < s->shape.n_hid; i++)
    esp_record_f64(s->record, NET_MEAN_LYAPUNOV)[i] = value;
  *esp_record_f64(s->record, NET_MEAN_LYAPUNOV_PUBLISHED) = value;
}

static esp_err exponents(const esp_subject *s, const esp_trajectories *t)
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

static esp_err separation(const esp_subject *s, const esp_trajectories *t)
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

static esp_err dynamics(const esp_subject *s)
{
  esp_trajectories t;
  ESP_TRY(states(s, s->config->evaluation.lyapunov_agents, 2, &t));
  ESP_TRY(exponents(s, &t));
  return separation(s, &t);
}

static esp_err components(const esp_subject *s)
{
  esp_trajectories t;
  ESP_TRY(states(s, s->config->evaluation.agents, 3, &t));
  return esp_pca(&t, 0, t.n_trials, 1, ESP_BANDIT_N_STEPS, esp_record_f64(s->record, NET_BANDIT_PCA_VARIANCE), NULL, s->ws);
}

const esp_network_kind esp_bandit_networks = {
    .n_in = ESP_BANDIT_N_IN,
    .n_out = ESP_BANDIT_N_OPTIONS,
    .bias = true,
    .inputs = "input channel: 1 constant, 2 fixation on, 3-5 targets 1-3 on, 6-9 option chosen before, 10 its reward",
    .outputs = "output: value of option 1-4; option 1 is to keep fixating",
    .make_set = make_set,
    .plain = &(const esp_bandit_training){0},
    .sets_follow_weights = true,
    .criterion = criterion,
    .bins = &ESP_WEIGHT_BINS_BANDIT,
    .histogram = NET_BANDIT_WEIGHT_HISTOGRAM,
    .singular_value = NET_BANDIT_SINGULAR_VALUE,
    .n_revived = NET_BANDIT_N_REVIVED,
    .declare_measures = declare_measures,
    .measures = {scores, dynamics, components},
};
