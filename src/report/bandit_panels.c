/* report/bandit_panels.c - the example's two networks play the block of their stored scores again, from their weights; a Q-learner plays
 * one alone to show the task. */
#include "bandit_panels.h"

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

static void open_by_trial(esp_book *book, const char *panel)
{
  esp_book_open(book, "%s", panel);
  esp_book_put_range(book, "x", "1", "trial of the block, from 1", 1, N_TRIALS);
}

/* Outputs beside the values that the Q-learner has, and what was chosen, at one step of every trial. */
static void add_values(esp_book *book, const char *panel, const esp_bandit_block *b, int step)
{
  double y[N_TRIALS][N_OPTIONS], q[N_TRIALS][N_OPTIONS];
  int32_t choice[N_TRIALS], q_choice[N_TRIALS], reward[N_TRIALS];
  for (int trial = 0; trial < N_TRIALS; trial++) {
    const size_t at = (size_t)AGENT * N_STEPS + (size_t)(2 * trial + step);
    memcpy(y[trial], b->outcome.y + at * N_OPTIONS, sizeof y[trial]);
    memcpy(q[trial], b->outcome.q + at * N_OPTIONS, sizeof q[trial]);
    choice[trial] = b->outcome.choice[at] + 1;
    q_choice[trial] = b->outcome.q_choice[at] + 1;
    reward[trial] = b->outcome.reward[at];
  }
  open_by_trial(book, panel);
  esp_book_put(book, "y", "1", "output of the network by option", y[0], ESP_SHAPE(N_TRIALS, N_OPTIONS));
  esp_book_put(book, "q", "1", "value of the Q-learner by option", q[0], ESP_SHAPE(N_TRIALS, N_OPTIONS));
  esp_book_put_counts(book, "choice", "option that the network chose, from 1", choice, ESP_SHAPE(N_TRIALS));
  esp_book_put_counts(book, "q_choice", "option that the Q-learner would have chosen, from 1", q_choice, ESP_SHAPE(N_TRIALS));
  esp_book_put_counts(book, "reward", "what the network's choice earned", reward, ESP_SHAPE(N_TRIALS));
}

static void add_points(esp_book *book, const char *name, const char *long_name, const esp_trajectories *t, const double *component,
                       int step)
{
  double point[N_TRIALS][2];
  for (int trial = 0; trial < N_TRIALS; trial++)
    for (int c = 0; c < 2; c++)
      point[trial][c] = esp_pca_score(t->n_hid, component, c, esp_trajectory_state(t, AGENT, 2 * trial + step + 1));
  esp_book_put(book, name, "1", long_name, point[0], ESP_SHAPE(N_TRIALS, 2));
}

/* States of the agent on the first two components of all agents and steps. */
static void add_states(esp_book *book, const char *panel, const esp_bandit_block *b, const esp_trajectories *t,
                       const double *component)
{
  int32_t rewarded[N_TRIALS];
  for (int trial = 0; trial < N_TRIALS; trial++)
    rewarded[trial] = b->outcome.reward[(size_t)AGENT * N_STEPS + (size_t)(2 * trial + CHOICE)] > 0;
  open_by_trial(book, panel);
  add_points(book, "fixation", "hidden state at fixation on PC1, PC2 (the mean is not taken off)", t, component, FIXATION);
  add_points(book, "choice", "hidden state at the choice on PC1, PC2 (the mean is not taken off)", t, component, CHOICE);
  esp_book_put_counts(book, "rewarded", "1: the choice of the trial was rewarded", rewarded, ESP_SHAPE(N_TRIALS));
  /* The score of the whole block: equal to the stored one, if it is that block. */
  esp_book_number(book, "value_error", "1", "value error of the block, all agents; as stored for epsilon 0",
                  esp_bandit_scores(b->options.n_agents, &b->outcome).value_error);
}

/* Both networks play the block without random choices that the stored scores at epsilon 0 come from. */
static esp_err fill_side(const esp_source *s, const esp_example *example, int side, esp_bench *bench, esp_book *book)
{
  static const char *const panels[2][3] = {{"6E", "6F", "6I"}, {"6C", "6D", "6H"}}; /* fixation, choice, states */
  esp_sides both;
  esp_sides_of(s, 0, &both);
  const esp_cell cell = {example->member, both.arm[side], esp_rung_stage(example->rung)};
  const esp_rnn_shape shape = esp_network_shape(s->config);
  const int n_agents = s->config->evaluation.agents;
  const size_t n = (size_t)shape.n_hid;
  esp_bandit_block b;
  esp_trials trials;
  esp_trajectories t;
  double *variance, *component;
  esp_workspace *ws = &bench->ws;
  ws->used = 0;
  ESP_TRY(esp_results_read_cell(s->in.results, cell, &bench->record, NULL));
  const double *w = esp_record_f64(&bench->record, 0); /* fields 0-2 are the weights */
  ESP_TRY(esp_bandit_evaluate(s->config, cell, w, n_agents, 0, 1, ws, &b, &trials));
  add_values(book, panels[side][0], &b, FIXATION);
  add_values(book, panels[side][1], &b, CHOICE);
  ESP_TRY(esp_trajectories_take(&shape, n_agents, N_STEPS, ws, &t));
  ESP_TRY(esp_trajectories_run(&shape, w, &trials, 0, &t, ws));
  ESP_TRY(esp_workspace_take(ws, n, &variance));
  ESP_TRY(esp_workspace_take(ws, n * n, &component));
  ESP_TRY(esp_pca(&t, 0, n_agents, 1, N_STEPS, variance, component, ws));
  add_states(book, panels[side][2], &b, &t, component);
  return ESP_OK;
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

static void add_states_of_task(esp_book *book, const double *state_input)
{
  static const double mean_reward[N_STATES][N_OPTIONS] = {{0, -1, -1, -1}, {0, 0.2, 0.8, 0}, {0, 0.2, 0, 0.8}}; /* bandit_task.h */
  esp_book_open(book, "S3");
  esp_book_put(book, "state_input", "1", "inputs 1-5 (constant, fixation, targets 1-3) by state: fixation, choice, new option",
               state_input, ESP_SHAPE(N_STATES, N_TASK_INPUTS));
  esp_book_put(book, "state_reward", "1", "mean reward by state and option, odd agents; for even ones 0.2 and 0.8 change places",
               mean_reward[0], ESP_SHAPE(N_STATES, N_OPTIONS));
}

static void add_block_of_task(const esp_bandit_block *b, const double *state_input, esp_book *book)
{
  double input[N_STEPS][N_IN];
  int32_t choice[N_STEPS], reward[N_STEPS];
  for (int k = 0; k < N_STEPS; k++) {
    choice[k] = b->outcome.choice[k] + 1;
    reward[k] = b->outcome.reward[k];
    for (int i = 0; i < N_IN; i++)
      input[k][i] = i < N_TASK_INPUTS ? state_input[k % 2 * N_TASK_INPUTS + i] : 0;
    if (k == 0)
      continue;
    input[k][N_TASK_INPUTS + choice[k - 1] - 1] = 1;
    input[k][N_IN - 1] = reward[k - 1];
  }
  esp_book_put_range(book, "x", "1", "step of a block, from 1", 1, N_STEPS);
  esp_book_put(book, "input", "1", "input by step and channel", input[0], ESP_SHAPE(N_STEPS, N_IN));
  esp_book_put(book, "q", "1", "value of the Q-learner by step and option", b->outcome.q, ESP_SHAPE(N_STEPS, N_OPTIONS));
  esp_book_put_counts(book, "choice", "option that it chose, from 1", choice, ESP_SHAPE(N_STEPS));
  esp_book_put_counts(book, "reward", "what that earned", reward, ESP_SHAPE(N_STEPS));
}

static esp_err fill_scheme(const esp_source *s, esp_workspace *ws, esp_book *book)
{
  const esp_rng_key key = {.seed = s->config->seed, .arm = ESP_RNG_SHARED};
  const esp_bandit_options options = esp_bandit_options_of(s->config, 1);
  double state_input[N_STATES * N_TASK_INPUTS];
  esp_bandit_block b;
  ESP_TRY(fill_state_inputs(s->config, ws, state_input));
  ESP_TRY(esp_bandit_block_take(&options, ws, &b));
  ESP_TRY(esp_bandit_draw(&b.options, &key, SCHEME_BLOCK, &b.draws));
  ESP_TRY(esp_bandit_play_alone(&b.options, &b.draws, &b.outcome));
  add_states_of_task(book, state_input);
  add_block_of_task(&b, state_input, book);
  return ESP_OK;
}

static esp_err fill_all(const esp_source *s, const esp_example *example, esp_bench *bench, esp_book *book)
{
  static const esp_stored_panel stored[] = {
      {"6A", "weight_bin", "weight_histogram", "share of the weights that are not 0", false},
      {"6B", "rank", "singular_value", "sum of the singular values of W_rec up to this one, over the sum of all", true},
      {"6G", "rank", "pca_variance", "variance of the components up to this one, over all variance", true},
      {0},
  };
  ESP_TRY(fill_scheme(s, &bench->ws, book));
  if (example->member < 0)
    return ESP_OK;
  ESP_TRY(esp_stored_panels_fill(s, example, stored, book));
  for (int side = 0; side < 2; side++)
    ESP_TRY(fill_side(s, example, side, bench, book));
  return ESP_OK;
}

esp_err esp_bandit_panels_fill(const esp_source *s, const esp_example *example, esp_book *book)
{
  esp_bench bench;
  esp_err err = esp_bench_make(s, &bench);
  if (err == ESP_OK)
    err = fill_all(s, example, &bench, book);
  esp_bench_free(&bench);
  return err;
}
