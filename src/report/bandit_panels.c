/* report/bandit_panels.c - the example's two networks play the block of their stored scores again, from their weights; a Q-learner plays
 * one alone to show the task. */
#include "bandit_panels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "espalier/kernel.h"
#include "espalier/networks.h"
#include "espalier/pca.h"
#include "espalier/trajectory.h"
#include "ladder.h"

enum {
  N_STEPS = ESP_BANDIT_N_STEPS, N_TRIALS = N_STEPS / 2, N_OPTIONS = ESP_BANDIT_N_OPTIONS, N_IN = ESP_BANDIT_N_IN,
  FIXATION = 0, CHOICE = 1, /* step of a trial                                           */
  SCHEME_BLOCK = ESP_BANDIT_EVALUATION_BLOCK + 4, /* of no network                       */
  AGENT = 0,                /* the one shown, agent 1: options 2 and 3 pay 0.2 and 0.8   */
  N_STATES = 3, N_TASK_INPUTS = 5,
};

/* ---- the example ---- */

static esp_err add_trial_numbers(esp_book *book, const char *panel)
{
  esp_book_open(book, "%s", panel);
  double *x = esp_book_numbers(book, "x", "1", "trial of the block, from 1", ESP_SHAPE(N_TRIALS));
  ESP_TRY(esp_book_error(book));
  for (int trial = 0; trial < N_TRIALS; trial++)
    x[trial] = trial + 1;
  return ESP_OK;
}

/* Outputs beside the values that the Q-learner has, and what was chosen, at one step of every trial. */
static esp_err add_values(esp_book *book, const char *panel, const esp_bandit_block *b, int step)
{
  ESP_TRY(add_trial_numbers(book, panel));
  double *y = esp_book_numbers(book, "y", "1", "output of the network by option", ESP_SHAPE(N_TRIALS, N_OPTIONS));
  double *q = esp_book_numbers(book, "q", "1", "value of the Q-learner by option", ESP_SHAPE(N_TRIALS, N_OPTIONS));
  int32_t *choice = esp_book_counts(book, "choice", "option that the network chose, from 1", ESP_SHAPE(N_TRIALS));
  int32_t *q_choice =
      esp_book_counts(book, "q_choice", "option that the Q-learner would have chosen, from 1", ESP_SHAPE(N_TRIALS));
  int32_t *reward = esp_book_counts(book, "reward", "what the network's choice earned", ESP_SHAPE(N_TRIALS));
  ESP_TRY(esp_book_error(book));
  for (int trial = 0; trial < N_TRIALS; trial++) {
    const size_t at = (size_t)AGENT * N_STEPS + (size_t)(2 * trial + step);
    memcpy(y + (size_t)trial * N_OPTIONS, b->outcome.y + at * N_OPTIONS, N_OPTIONS * sizeof *y);
    memcpy(q + (size_t)trial * N_OPTIONS, b->outcome.q + at * N_OPTIONS, N_OPTIONS * sizeof *q);
    choice[trial] = b->outcome.choice[at] + 1;
    q_choice[trial] = b->outcome.q_choice[at] + 1;
    reward[trial] = b->outcome.reward[at];
  }
  return ESP_OK;
}

static double on_component(int n_hid, const double *component, int which, const double *a)
{
  double sum = 0;
  for (int i = 0; i < n_hid && which < n_hid; i++)
    sum += component[which * n_hid + i] * a[i];
  return which < n_hid ? sum : NAN; /* one unit has no second component */
}

static esp_err add_points(esp_book *book, const char *name, const char *long_name, const esp_trajectories *t,
                          const double *component, int step)
{
  double *point = esp_book_numbers(book, name, "1", long_name, ESP_SHAPE(N_TRIALS, 2));
  ESP_TRY(esp_book_error(book));
  for (int trial = 0; trial < N_TRIALS; trial++)
    for (int c = 0; c < 2; c++)
      point[2 * trial + c] = on_component(t->n_hid, component, c, esp_trajectory_state(t, AGENT, 2 * trial + step + 1));
  return ESP_OK;
}

/* States of the agent on the first two components of all agents and steps. */
static esp_err add_states(esp_book *book, const char *panel, const esp_bandit_block *b, const esp_trajectories *t,
                          const double *component)
{
  ESP_TRY(add_trial_numbers(book, panel));
  ESP_TRY(add_points(book, "fixation", "hidden state at fixation on PC1, PC2 (the mean is not taken off)", t, component, FIXATION));
  ESP_TRY(add_points(book, "choice", "hidden state at the choice on PC1, PC2 (the mean is not taken off)", t, component, CHOICE));
  int32_t *rewarded = esp_book_counts(book, "rewarded", "1: the choice of the trial was rewarded", ESP_SHAPE(N_TRIALS));
  ESP_TRY(esp_book_error(book));
  for (int trial = 0; trial < N_TRIALS; trial++)
    rewarded[trial] = b->outcome.reward[(size_t)AGENT * N_STEPS + (size_t)(2 * trial + CHOICE)] > 0;
  /* The score of the whole block: equal to the stored one, if it is that block. */
  esp_book_number(book, "value_error", "1", "value error of the block, all agents; as stored for epsilon 0",
                  esp_bandit_scores(b->options.n_agents, &b->outcome).value_error);
  return ESP_OK;
}

/* Both networks play the block without random choices that the stored scores at epsilon 0 come from. */
static esp_err fill_side(const esp_source *s, int member, int rung, int side, esp_record *record, esp_workspace *ws,
                         esp_book *book)
{
  static const char *const panels[2][3] = {{"6E", "6F", "6I"}, {"6C", "6D", "6H"}}; /* fixation, choice, states */
  esp_sides both;
  esp_sides_of(s, 0, &both);
  const esp_cell cell = {member, both.arm[side], esp_rung_stage(rung)};
  const esp_rnn_shape shape = esp_network_shape(s->config);
  const int n_agents = s->config->evaluation.agents;
  const size_t n = (size_t)shape.n_hid;
  esp_bandit_block b;
  esp_trials trials;
  esp_trajectories t;
  double *variance, *component;
  ws->used = 0;
  ESP_TRY(esp_results_read_cell(s->in.results, cell, record, NULL));
  const double *w = esp_record_f64(record, 0); /* fields 0-2 are the weights */
  ESP_TRY(esp_bandit_evaluate(s->config, cell, w, n_agents, 0, 1, ws, &b, &trials));
  ESP_TRY(add_values(book, panels[side][0], &b, FIXATION));
  ESP_TRY(add_values(book, panels[side][1], &b, CHOICE));
  ESP_TRY(esp_trajectories_take(&shape, n_agents, N_STEPS, ws, &t));
  ESP_TRY(esp_trajectories_run(&shape, w, &trials, 0, &t, ws));
  ESP_TRY(esp_workspace_take(ws, n, &variance));
  ESP_TRY(esp_workspace_take(ws, n * n, &component));
  ESP_TRY(esp_pca(&t, 0, n_agents, 1, N_STEPS, variance, component, ws));
  return add_states(book, panels[side][2], &b, &t, component);
}

static esp_err fill_example(const esp_source *s, int member, int rung, esp_book *book)
{
  esp_record record = {&s->plan->record, malloc(s->plan->record.bytes)};
  esp_workspace ws = {0};
  esp_one_thread();
  esp_err err = record.data ? esp_workspace_create(&ws)
                            : esp_fail(ESP_ERR_NOMEM, "no memory for a record of %zu bytes", s->plan->record.bytes);
  for (int side = 0; side < 2 && err == ESP_OK; side++)
    err = fill_side(s, member, rung, side, &record, &ws, book);
  esp_workspace_free(&ws);
  free(record.data);
  return err;
}

/* ---- the task ---- */

/* Constant, fixation and targets in each state, as the task itself sets them: a network without weights plays. */
static esp_err fill_state_inputs(const esp_config *config, esp_workspace *ws, double *input)
{
  esp_rnn_shape shape = esp_network_shape(config);
  esp_bandit_options options = esp_bandit_options_of(config, 1);
  esp_trials trials;
  double *w;
  shape.n_hid = 1;
  ESP_TRY(esp_workspace_take(ws, (size_t)esp_rnn_n_weights(&shape), &w));
  memset(w, 0, (size_t)esp_rnn_n_weights(&shape) * sizeof *w);
  ESP_TRY(esp_trials_take(1, N_STEPS, N_IN, N_OPTIONS, ws, &trials));
  for (int new_option = 0; new_option < 2; new_option++) {
    const size_t mark = ws->used;
    esp_bandit_block b;
    options.new_option = new_option;
    ESP_TRY(esp_bandit_block_take(&options, ws, &b));
    ESP_TRY(esp_bandit_block_play(&shape, w, &(esp_rng_key){0}, SCHEME_BLOCK, &b, &trials, ws));
    memcpy(input, trials.input, N_TASK_INPUTS * sizeof *input); /* fixation is the same in both */
    memcpy(input + (1 + new_option) * N_TASK_INPUTS, trials.input + N_IN, N_TASK_INPUTS * sizeof *input);
    ws->used = mark;
  }
  return ESP_OK;
}

static esp_err add_states_of_task(const esp_config *config, esp_workspace *ws, esp_book *book, const double **state_input)
{
  static const double mean_reward[N_STATES][N_OPTIONS] = {{0, -1, -1, -1}, {0, 0.2, 0.8, 0}, {0, 0.2, 0, 0.8}}; /* bandit_task.h */
  esp_book_open(book, "S3");
  double *input = esp_book_numbers(book, "state_input", "1",
                                   "inputs 1-5 (constant, fixation, targets 1-3) by state: fixation, choice, new option",
                                   ESP_SHAPE(N_STATES, N_TASK_INPUTS));
  double *reward = esp_book_numbers(book, "state_reward", "1",
                                    "mean reward by state and option, odd agents; for even ones 0.2 and 0.8 change places",
                                    ESP_SHAPE(N_STATES, N_OPTIONS));
  ESP_TRY(esp_book_error(book));
  memcpy(reward, mean_reward, sizeof mean_reward);
  *state_input = input;
  return fill_state_inputs(config, ws, input);
}

static esp_err add_block_of_task(const esp_bandit_block *b, const double *state_input, esp_book *book)
{
  double *x = esp_book_numbers(book, "x", "1", "step of a block, from 1", ESP_SHAPE(N_STEPS));
  double *input = esp_book_numbers(book, "input", "1", "input by step and channel", ESP_SHAPE(N_STEPS, N_IN));
  double *q = esp_book_numbers(book, "q", "1", "value of the Q-learner by step and option", ESP_SHAPE(N_STEPS, N_OPTIONS));
  int32_t *choice = esp_book_counts(book, "choice", "option that it chose, from 1", ESP_SHAPE(N_STEPS));
  int32_t *reward = esp_book_counts(book, "reward", "what that earned", ESP_SHAPE(N_STEPS));
  ESP_TRY(esp_book_error(book));
  memcpy(q, b->outcome.q, (size_t)N_STEPS * N_OPTIONS * sizeof *q);
  for (int k = 0; k < N_STEPS; k++) {
    double *u = input + (size_t)k * N_IN;
    x[k] = k + 1;
    choice[k] = b->outcome.choice[k] + 1;
    reward[k] = b->outcome.reward[k];
    for (int i = 0; i < N_IN; i++)
      u[i] = i < N_TASK_INPUTS ? state_input[k % 2 * N_TASK_INPUTS + i] : 0;
    if (k == 0)
      continue;
    u[N_TASK_INPUTS + choice[k - 1] - 1] = 1;
    u[N_IN - 1] = reward[k - 1];
  }
  return ESP_OK;
}

static esp_err fill_scheme(const esp_source *s, esp_workspace *ws, esp_book *book)
{
  const esp_rng_key key = {.seed = s->config->seed, .arm = ESP_RNG_SHARED};
  const esp_bandit_options options = esp_bandit_options_of(s->config, 1);
  const double *state_input;
  esp_bandit_block b;
  ESP_TRY(add_states_of_task(s->config, ws, book, &state_input));
  ESP_TRY(esp_bandit_block_take(&options, ws, &b));
  ESP_TRY(esp_bandit_draw(&b.options, &key, SCHEME_BLOCK, &b.draws));
  ESP_TRY(esp_bandit_play_alone(&b.options, &b.draws, &b.outcome));
  return add_block_of_task(&b, state_input, book);
}

static esp_err fill_task(const esp_source *s, esp_book *book)
{
  esp_workspace ws;
  esp_one_thread();
  ESP_TRY(esp_workspace_create(&ws));
  const esp_err err = fill_scheme(s, &ws, book);
  esp_workspace_free(&ws);
  return err;
}

esp_err esp_bandit_panels_fill(const esp_source *s, const esp_example *example, esp_book *book)
{
  static const esp_stored_panel stored[] = {
      {"6A", "weight_bin", "weight_histogram", "share of the weights that are not 0", false},
      {"6B", "rank", "singular_value", "sum of the singular values of W_rec up to this one, over the sum of all", true},
      {"6G", "rank", "pca_variance", "variance of the components up to this one, over all variance", true},
      {0},
  };
  ESP_TRY(fill_task(s, book));
  if (example->member < 0)
    return ESP_OK;
  ESP_TRY(esp_stored_panels_fill(s, example, stored, book));
  const esp_err err = fill_example(s, example->member, example->rung, book);
  return err == ESP_ERR_DIVERGED ? esp_fail(ESP_ERR_DATA, "%s: the networks of member %d diverge; take another with --example",
                                            s->in.path, example->member)
                                 : err;
}
