/* espalier/bandit_task.h - two-armed bandit, played by a network beside a Q-learner (paper, Figs. 6, 7, S3, S4). Pure, local.
 *
 * A block is 60 steps for each agent: 30 times a fixation step and a choice step. Options, states, inputs, agents and steps
 * are counted from 1 in this text, from 0 in arrays.
 *
 *   inputs   1 constant; 2 fixation on; 3, 4, 5 targets 1, 2, 3 on; 6-9 option chosen at the step before, one-hot; 10 its
 *            reward. Inputs 6-10 are 0 at the first step. At a fixation step 2 is on and no target, at a choice step not 2
 *            but targets 1 and 2 (inputs 3, 4), with the new option (Fig. S4) targets 1 and 3 (inputs 3, 5).
 *   states   1 fixation; 2 choice; 3 choice with the new option.
 *   rewards  fixation: option 1 (keep fixating) 0, any other -1. Choice: 1 with the probability of the option, otherwise 0:
 *                            option  1    2      3        4
 *                          standard  0    p1   1 - p1     0
 *                        new option  0    p1     0      1 - p1       p1 = 0.2 for odd agents, 0.8 for even ones
 *
 * At a step in state s, with the values Q(s, .) of the learner and the output y of the network (the value of each option):
 *   P(option) = exp(beta y_option) / sum of exp(beta y)    network;   Q instead of y: learner
 *   choice    = first option whose cumulative P reaches the choice draw; one draw for both, so that they differ only where
 *               their P do. If the exploration draw is below epsilon, P = 1/4 for both.
 *   target    = Q(s, .) + noise, with Q before it learns from this step
 *   Q(s, c)  <- Q(s, c) + rho (reward - Q(s, c)),   c the choice of the NETWORK; no other value moves
 * All as in the published code; values and rewards are dimensionless. The noise is sqrt(value_noise) times a normal draw:
 * one a step for all four values (published code), or four. */
#ifndef ESPALIER_BANDIT_TASK_H
#define ESPALIER_BANDIT_TASK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "espalier/error.h"
#include "espalier/rng.h"
#include "espalier/rnn.h"
#include "espalier/tree.h"
#include "espalier/workspace.h"

#define ESP_BANDIT_N_STEPS 60
#define ESP_BANDIT_N_IN 10
#define ESP_BANDIT_N_OPTIONS 4 /* and outputs */
#define ESP_BANDIT_MAX_AGENTS 65536

typedef struct {
  int n_agents;           /* published code: 24 in training, 64 in evaluation, 48 for Lyapunov exponents */
  double epsilon;         /* probability of exploring at a step, 0 to 1                                  */
  double value_noise;     /* VARIANCE of the noise on the targets: 0.01, 0.1, 1                          */
  bool independent_noise; /* four draws a step, not one                                                  */
  bool new_option;        /* Fig. S4                                                                     */
  double beta;            /* steepness of the choice, 3                                                  */
  double learning_rate;   /* rho, 0.7                                                                    */
  double q_start;         /* all values at the start of a block, 0.5                                     */
} esp_bandit_options;

/** The random numbers of a block; arrays are the caller's. */
typedef struct {
  double *choice, *explore, *reward; /* uniform in (0, 1)                  [agent, step]                            */
  double *noise;                     /* standard normal                    [agent, step], or [agent, step, option]
                                        if options->independent_noise                                               */
} esp_bandit_draws;

/** Number of entries of draws->noise. */
size_t esp_bandit_n_noise(const esp_bandit_options *options);

/** Draw the numbers of block number `block` (from 0): other numbers, other draws.
 *  @param key  identity of the draws; its purpose is set here
 *  Draw number i = (block 65536 + agent) 60 + step of its purpose, for the noise 4 i + option (a shared one takes option 0),
 *  so that an agent's draws depend neither on how many agents there are nor on the kind of noise.
 *  @return ESP_OK, or ESP_ERR_ARG for fewer than 1 or more than ESP_BANDIT_MAX_AGENTS agents or a negative block. */
esp_err esp_bandit_draw(const esp_bandit_options *options, const esp_rng_key *key, int block, const esp_bandit_draws *draws);

/** What happened in a block; arrays are the caller's. */
typedef struct {
  uint8_t *choice, *q_choice; /* option chosen by the network and by the learner, from 0 [agent, step]         */
  int8_t *reward;             /* of the network's choice: -1, 0 or 1                     [agent, step]         */
  double *q;                  /* values of the step's state, before learning, no noise   [agent, step, option] */
  double *y;                  /* output of the network; not used without one             [agent, step, option] */
} esp_bandit_outcome;

/** Let a network play a block, each agent from rest and beside a learner of its own.
 *  @param shape   10 inputs, 4 outputs
 *  @param w       weights [n_weights]
 *  @param trials  its sizes are set and input [agent, 60, 10] and target [agent, 60, 4], the caller's arrays, filled: a training
 *                 set (esp_tree_build with input_lag 0)
 *  @param ws      scratch, given back on return
 *  @return ESP_OK, ESP_ERR_ARG, ESP_ERR_NOMEM, or ESP_ERR_DIVERGED if an output is not finite: the arrays are then filled up
 *          to the step before, agents in order. */
esp_err esp_bandit_play(const esp_rnn_shape *shape, const double *w, const esp_bandit_options *options,
                        const esp_bandit_draws *draws, esp_trials *trials, const esp_bandit_outcome *outcome,
                        esp_workspace *ws);

/** A block: how it is played, and room for its draws and for what happens in it. */
typedef struct {
  esp_bandit_options options;
  esp_bandit_draws draws;
  esp_bandit_outcome outcome;
} esp_bandit_block;

/** @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_bandit_block_take(const esp_bandit_options *options, esp_workspace *ws, esp_bandit_block *block);

/** Draw the numbers of block `number` and let the network play it: esp_bandit_draw and esp_bandit_play, with their errors. */
esp_err esp_bandit_block_play(const esp_rnn_shape *shape, const double *w, const esp_rng_key *key, int number, esp_bandit_block *block,
                              esp_trials *trials, esp_workspace *ws);

/** Let the learners play a block by themselves, from the same draws: the level of reward to expect of a perfect copy.
 *  outcome->choice and q_choice are equal; y, and the noise among the draws, may be NULL.
 *  @return ESP_OK or ESP_ERR_ARG. */
esp_err esp_bandit_play_alone(const esp_bandit_options *options, const esp_bandit_draws *draws,
                              const esp_bandit_outcome *outcome);

typedef struct {
  double value_error; /* mean over agents and steps of sum over options of (y - Q)^2 (Fig. 7A)                */
  double agreement;   /* fraction of steps on which network and learner choose alike (Fig. 7B)                */
  double reward;      /* sum of the rewards of a block, mean over agents, -1s of fixation included (Fig. 7C)  */
} esp_bandit_score;

/** Scores of a block of n_agents; value_error is NaN if outcome->y is NULL. */
esp_bandit_score esp_bandit_scores(int n_agents, const esp_bandit_outcome *outcome);

#endif
