/* tasks/bandit_task.c - the draws of a block, then the rules at one step, then agents that play: each from rest, one after the other.
 *
 * Network and learner use the same draws, and the learner learns from what the network chose; so the order within a step matters: both
 * choose, the reward is paid, the values are noted for the target, the learner learns. Options, states, inputs, agents and steps are
 * counted from 1 in names and comments, from 0 in indices. */
#include "espalier/bandit_task.h"

#include <math.h>
#include <string.h>

enum { STEPS = ESP_BANDIT_N_STEPS, N_IN = ESP_BANDIT_N_IN, OPTIONS = ESP_BANDIT_N_OPTIONS };
enum { CONSTANT, FIXATION_ON, TARGET_1_ON, TARGET_2_ON, TARGET_3_ON, PREVIOUS_CHOICE, PREVIOUS_REWARD = 9 }; /* inputs */
enum { FIXATION, CHOICE, NEW_CHOICE, STATES };
enum { FIXATE }; /* option 1 */

static int state_of(const esp_bandit_options *options, int step)
{
  if (step % 2 == 0)
    return FIXATION;
  return options->new_option ? NEW_CHOICE : CHOICE;
}

/* ---- draws ---- */

static esp_err check_agents(const esp_bandit_options *options)
{
  ESP_REQUIRE(options->n_agents > 0 && options->n_agents <= ESP_BANDIT_MAX_AGENTS, ESP_ERR_ARG, "%d agents, from 1 to %d can play",
              options->n_agents, ESP_BANDIT_MAX_AGENTS);
  return ESP_OK;
}

static int noise_per_step(const esp_bandit_options *options)
{
  return options->independent_noise ? OPTIONS : 1;
}

size_t esp_bandit_n_noise(const esp_bandit_options *options)
{
  return (size_t)options->n_agents * STEPS * (size_t)noise_per_step(options);
}

esp_err esp_bandit_draw(const esp_bandit_options *options, const esp_rng_key *key, int block, const esp_bandit_draws *draws)
{
  ESP_TRY(check_agents(options));
  ESP_REQUIRE(block >= 0, ESP_ERR_ARG, "block %d", block);
  const esp_rng_key choice = esp_rng_key_for(key, ESP_RNG_BANDIT_CHOICE);
  const esp_rng_key explore = esp_rng_key_for(key, ESP_RNG_BANDIT_EXPLORATION);
  const esp_rng_key reward = esp_rng_key_for(key, ESP_RNG_BANDIT_REWARD);
  const esp_rng_key noise = esp_rng_key_for(key, ESP_RNG_VALUE_NOISE);
  const uint64_t first = (uint64_t)block * ESP_BANDIT_MAX_AGENTS * STEPS;
  const size_t n = (size_t)options->n_agents * STEPS, per_step = (size_t)noise_per_step(options);
  for (size_t i = 0; i < n; i++) {
    draws->choice[i] = esp_rng_uniform(&choice, first + i);
    draws->explore[i] = esp_rng_uniform(&explore, first + i);
    draws->reward[i] = esp_rng_uniform(&reward, first + i);
    for (size_t o = 0; o < per_step; o++)
      draws->noise[i * per_step + o] = esp_rng_normal(&noise, (first + i) * OPTIONS + o);
  }
  return ESP_OK;
}

/* ---- rules ---- */

/* P from values; the largest is taken off first, so that no exponential overflows. */
static void softmax(double beta, const double *value, double *p)
{
  double largest = value[0], sum = 0.0;
  for (int o = 1; o < OPTIONS; o++)
    largest = fmax(largest, value[o]);
  for (int o = 0; o < OPTIONS; o++)
    sum += p[o] = exp(beta * (value[o] - largest));
  for (int o = 0; o < OPTIONS; o++)
    p[o] /= sum;
}

/* The last option takes what rounding leaves between the sum of all P and 1. */
static int choose(const esp_bandit_options *options, bool explore, const double *value, double draw)
{
  double p[OPTIONS] = {0.25, 0.25, 0.25, 0.25}, cumulative = 0.0;
  if (!explore)
    softmax(options->beta, value, p);
  for (int o = 0; o < OPTIONS - 1; o++) {
    cumulative += p[o];
    if (cumulative >= draw)
      return o;
  }
  return OPTIONS - 1;
}

static int reward_of(int state, int agent, int option, double draw)
{
  if (state == FIXATION)
    return option == FIXATE ? 0 : -1;
  const double p1 = agent % 2 == 0 ? 0.2 : 0.8; /* agents 1, 3, ..; 2, 4, .. */
  const double standard[OPTIONS] = {0, p1, 1 - p1, 0}, with_new[OPTIONS] = {0, p1, 0, 1 - p1};
  return draw < (state == NEW_CHOICE ? with_new : standard)[option];
}

/* ---- one agent ---- */

typedef struct {
  const esp_bandit_options *options;
  const esp_bandit_draws *draws;
  const esp_bandit_outcome *outcome;
  int agent;
  double q[STATES][OPTIONS];
} player;

static player begin(const esp_bandit_options *options, const esp_bandit_draws *draws, const esp_bandit_outcome *outcome, int agent)
{
  player p = {.options = options, .draws = draws, .outcome = outcome, .agent = agent};
  for (int s = 0; s < STATES; s++)
    for (int o = 0; o < OPTIONS; o++)
      p.q[s][o] = options->q_start;
  return p;
}

static size_t row_of(const player *p, int step)
{
  return (size_t)p->agent * STEPS + (size_t)step;
}

/* One step: the learner's choice, that of whoever plays (by y, or NULL: the learner itself), its reward, what is learned. */
static void play_step(player *p, int step, const double *y)
{
  const size_t row = row_of(p, step);
  const esp_bandit_outcome *out = p->outcome;
  const int state = state_of(p->options, step);
  double *q = p->q[state];
  const bool explore = p->draws->explore[row] < p->options->epsilon;
  const int q_choice = choose(p->options, explore, q, p->draws->choice[row]);
  const int choice = y ? choose(p->options, explore, y, p->draws->choice[row]) : q_choice;
  const int reward = reward_of(state, p->agent, choice, p->draws->reward[row]);
  memcpy(out->q + row * OPTIONS, q, sizeof p->q[state]);
  out->choice[row] = (uint8_t)choice;
  out->q_choice[row] = (uint8_t)q_choice;
  out->reward[row] = (int8_t)reward;
  q[choice] += p->options->learning_rate * (reward - q[choice]);
}

static void set_input(const player *p, int step, double *u)
{
  const int state = state_of(p->options, step);
  memset(u, 0, N_IN * sizeof *u);
  u[CONSTANT] = 1;
  u[FIXATION_ON] = state == FIXATION;
  u[TARGET_1_ON] = state != FIXATION;
  u[TARGET_2_ON] = state == CHOICE;
  u[TARGET_3_ON] = state == NEW_CHOICE;
  if (step == 0)
    return;
  const size_t before = row_of(p, step - 1);
  u[PREVIOUS_CHOICE + p->outcome->choice[before]] = 1;
  u[PREVIOUS_REWARD] = p->outcome->reward[before];
}

static void set_target(const player *p, int step, double *target)
{
  const size_t row = row_of(p, step);
  const double sd = sqrt(p->options->value_noise);
  for (int o = 0; o < OPTIONS; o++) {
    const double draw = p->options->independent_noise ? p->draws->noise[row * OPTIONS + (size_t)o] : p->draws->noise[row];
    target[o] = p->outcome->q[row * OPTIONS + (size_t)o] + sd * draw;
  }
}

/* ---- blocks ---- */

/* The state of the network goes along with the game: one step of the one for each step of the other. */
static esp_err play_agent(const esp_rnn_shape *shape, const double *w, player *p, const esp_trials *trials, double *r, double *a)
{
  memset(r, 0, (size_t)shape->n_hid * sizeof *r);
  for (int step = 0; step < STEPS; step++) {
    const size_t row = row_of(p, step);
    double *u = trials->input + row * N_IN, *y = p->outcome->y + row * OPTIONS;
    set_input(p, step, u);
    esp_rnn_step(shape, w, u, r, a, y);
    for (int o = 0; o < OPTIONS; o++)
      if (!isfinite(y[o]))
        return ESP_ERR_DIVERGED; /* an outcome to record, not a fault */
    play_step(p, step, y);
    set_target(p, step, trials->target + row * OPTIONS);
  }
  return ESP_OK;
}

esp_err esp_bandit_play(const esp_rnn_shape *shape, const double *w, const esp_bandit_options *options,
                        const esp_bandit_draws *draws, esp_trials *trials, const esp_bandit_outcome *outcome, esp_workspace *ws)
{
  ESP_TRY(check_agents(options));
  ESP_REQUIRE(shape->n_hid > 0 && shape->n_in == N_IN && shape->n_out == OPTIONS, ESP_ERR_ARG,
              "a network of %d units, %d inputs and %d outputs, the task has %d and %d", shape->n_hid, shape->n_in, shape->n_out,
              N_IN, OPTIONS);
  trials->n_trials = options->n_agents;
  trials->n_steps = STEPS;
  trials->n_in = N_IN;
  trials->n_out = OPTIONS;
  const size_t mark = ws->used;
  double *r, *a = NULL;
  esp_err err = esp_workspace_take(ws, (size_t)shape->n_hid, &r);
  if (err == ESP_OK)
    err = esp_workspace_take(ws, (size_t)shape->n_hid, &a);
  for (int agent = 0; agent < options->n_agents && err == ESP_OK; agent++) {
    player p = begin(options, draws, outcome, agent);
    err = play_agent(shape, w, &p, trials, r, a);
  }
  ws->used = mark;
  return err;
}

esp_err esp_bandit_block_take(const esp_bandit_options *options, esp_workspace *ws, esp_bandit_block *b)
{
  const size_t n = (size_t)options->n_agents * STEPS;
  unsigned char *reward;
  const esp_piece list[] = {{&b->draws.choice, n}, {&b->draws.explore, n}, {&b->draws.reward, n},
                            {&b->draws.noise, esp_bandit_n_noise(options)}, {&b->outcome.q, n * OPTIONS},
                            {&b->outcome.y, n * OPTIONS}};
  *b = (esp_bandit_block){.options = *options};
  ESP_TRY(esp_workspace_take_all(ws, sizeof list / sizeof *list, list));
  ESP_TRY(esp_workspace_take_bytes(ws, n, &b->outcome.choice));
  ESP_TRY(esp_workspace_take_bytes(ws, n, &b->outcome.q_choice));
  ESP_TRY(esp_workspace_take_bytes(ws, n, &reward));
  b->outcome.reward = (int8_t *)reward;
  return ESP_OK;
}

esp_err esp_bandit_block_play(const esp_rnn_shape *shape, const double *w, const esp_rng_key *key, int number, esp_bandit_block *b,
                              esp_trials *trials, esp_workspace *ws)
{
  ESP_TRY(esp_bandit_draw(&b->options, key, number, &b->draws));
  return esp_bandit_play(shape, w, &b->options, &b->draws, trials, &b->outcome, ws);
}

esp_err esp_bandit_play_alone(const esp_bandit_options *options, const esp_bandit_draws *draws,
                              const esp_bandit_outcome *outcome)
{
  ESP_TRY(check_agents(options));
  for (int agent = 0; agent < options->n_agents; agent++) {
    player p = begin(options, draws, outcome, agent);
    for (int step = 0; step < STEPS; step++)
      play_step(&p, step, NULL);
  }
  return ESP_OK;
}

esp_bandit_score esp_bandit_scores(int n_agents, const esp_bandit_outcome *outcome)
{
  const size_t n = (size_t)n_agents * STEPS;
  double squares = outcome->y ? 0.0 : NAN;
  long alike = 0, reward = 0;
  for (size_t i = 0; i < n; i++) {
    alike += outcome->choice[i] == outcome->q_choice[i];
    reward += outcome->reward[i];
  }
  for (size_t i = 0; outcome->y && i < n * OPTIONS; i++)
    squares += (outcome->y[i] - outcome->q[i]) * (outcome->y[i] - outcome->q[i]);
  return (esp_bandit_score){.value_error = squares / (double)n,
                            .agreement = (double)alike / (double)n,
                            .reward = (double)reward / n_agents};
}
