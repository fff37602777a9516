/* tests/unit/test_bandit_task.c - hand-made blocks, the rules that every block keeps, and the level of reward. Options, agents
 * and steps are counted from 1 in comments, from 0 in indices. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/bandit_task.h"
#include "espalier/kernel.h"

enum { T = ESP_BANDIT_N_STEPS, M = ESP_BANDIT_N_IN, K = ESP_BANDIT_N_OPTIONS };
enum { MAX_AGENTS = 4000, MAX_HID = 20, MAX_WEIGHTS = MAX_HID * (MAX_HID + M + K) + K };

static esp_workspace ws;

static int make_workspace(void **state)
{
  (void)state;
  esp_one_thread();
  return esp_workspace_create(&ws) != ESP_OK;
}

static int free_workspace(void **state)
{
  (void)state;
  esp_workspace_free(&ws);
  return 0;
}

/* ---- a block with room of its own ---- */

typedef struct {
  esp_bandit_draws draws;
  esp_trials trials;
  esp_bandit_outcome outcome;
} room;

static double *doubles(size_t n)
{
  double *p = malloc(n * sizeof *p);
  assert_non_null(p);
  for (size_t i = 0; i < n; i++)
    p[i] = NAN; /* whatever is not written shows */
  return p;
}

static void *bytes(size_t n)
{
  void *p = malloc(n);
  assert_non_null(p);
  return memset(p, 0x55, n);
}

static room open_room(int n_agents)
{
  const size_t n = (size_t)n_agents * T;
  return (room){.draws = {doubles(n), doubles(n), doubles(n), doubles(n * K)},
                .trials = {.input = doubles(n * M), .target = doubles(n * K)},
                .outcome = {bytes(n), bytes(n), bytes(n), doubles(n * K), doubles(n * K)}};
}

static void close_room(room *r)
{
  void *const all[] = {r->draws.choice,   r->draws.explore,  r->draws.reward,     r->draws.noise,    r->trials.input,
                       r->trials.target,  r->outcome.choice, r->outcome.q_choice, r->outcome.reward, r->outcome.q,
                       r->outcome.y};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    free(all[i]);
}

static esp_bandit_options published(int n_agents)
{
  return (esp_bandit_options){
      .n_agents = n_agents, .epsilon = 0.15, .value_noise = 0.1, .beta = 3, .learning_rate = 0.7, .q_start = 0.5};
}

/* ---- networks ---- */

static double weights[MAX_WEIGHTS];

static const esp_rnn_shape usual = {.n_hid = 20, .n_in = M, .n_out = K, .bias = true};

static void random_weights(const esp_rnn_shape *shape, uint64_t seed)
{
  const esp_rng_key key = {.seed = seed};
  for (size_t i = 0; i < esp_rnn_n_weights(shape); i++)
    weights[i] = 0.3 * esp_rng_normal(&key, i);
}

/* A network of one unit whose outputs are always these four. */
static const esp_rnn_shape constant_shape = {.n_hid = 1, .n_in = M, .n_out = K, .bias = true};

static void constant_outputs(double y1, double y2, double y3, double y4)
{
  const double y[K] = {y1, y2, y3, y4};
  memset(weights, 0, sizeof weights);
  for (size_t o = 0; o < K; o++)
    weights[esp_rnn_w_out_offset(&constant_shape) + 2 * o + 1] = y[o];
}

static void play(const esp_rnn_shape *shape, const esp_bandit_options *options, room *r)
{
  assert_int_equal(esp_bandit_play(shape, weights, options, &r->draws, &r->trials, &r->outcome, &ws), ESP_OK);
  assert_int_equal(ws.used, 0);
}

static void draw_and_play(const esp_bandit_options *options, uint64_t seed, room *r)
{
  const esp_rng_key key = {.seed = seed, .member = 1, .arm = 1, .stage = 3};
  random_weights(&usual, seed);
  assert_int_equal(esp_bandit_draw(options, &key, 2, &r->draws), ESP_OK);
  play(&usual, options, r);
}

/* ---- draws ---- */

static void draws_have_the_numbers_that_the_header_names(void **state)
{
  (void)state;
  room r = open_room(5);
  esp_rng_key key = {.seed = 9, .member = 4, .arm = 1, .stage = 6, .purpose = ESP_RNG_TARGET_NOISE};
  for (int independent = 0; independent < 2; independent++) {
    esp_bandit_options options = published(5);
    options.independent_noise = independent;
    key.purpose = ESP_RNG_TARGET_NOISE; /* the purpose of the key that is given does not matter */
    assert_int_equal(esp_bandit_draw(&options, &key, 7, &r.draws), ESP_OK);
    assert_int_equal(esp_bandit_n_noise(&options), independent ? 1200 : 300);
    for (uint64_t agent = 0; agent < 5; agent++)
      for (uint64_t step = 0; step < T; step++) {
        const uint64_t number = (7 * UINT64_C(65536) + agent) * 60 + step;
        const size_t at = agent * T + step;
        key.purpose = ESP_RNG_BANDIT_CHOICE;
        assert_true(r.draws.choice[at] == esp_rng_uniform(&key, number));
        key.purpose = ESP_RNG_BANDIT_EXPLORATION;
        assert_true(r.draws.explore[at] == esp_rng_uniform(&key, number));
        key.purpose = ESP_RNG_BANDIT_REWARD;
        assert_true(r.draws.reward[at] == esp_rng_uniform(&key, number));
        key.purpose = ESP_RNG_VALUE_NOISE;
        for (size_t o = 0; o < (independent ? K : 1); o++)
          assert_true(r.draws.noise[independent ? at * K + o : at] == esp_rng_normal(&key, 4 * number + o));
      }
  }
  close_room(&r);
}

static void purposes_keep_their_numbers(void **state)
{
  (void)state;
  assert_int_equal(ESP_RNG_BANDIT_CHOICE, 5);
  assert_int_equal(ESP_RNG_BANDIT_EXPLORATION, 6);
  assert_int_equal(ESP_RNG_BANDIT_REWARD, 7);
  assert_int_equal(ESP_RNG_VALUE_NOISE, 8);
}

static void an_agent_does_not_care_how_many_there_are(void **state)
{
  (void)state;
  room many = open_room(24), few = open_room(7);
  for (int independent = 0; independent < 2; independent++) {
    esp_bandit_options of_many = published(24), of_few = published(7);
    of_many.independent_noise = of_few.independent_noise = independent;
    draw_and_play(&of_many, 21, &many);
    draw_and_play(&of_few, 21, &few);
    const size_t n = 7 * T, d = sizeof(double);
    assert_memory_equal(many.draws.noise, few.draws.noise, esp_bandit_n_noise(&of_few) * d);
    assert_memory_equal(many.trials.input, few.trials.input, n * M * d);
    assert_memory_equal(many.trials.target, few.trials.target, n * K * d);
    assert_memory_equal(many.outcome.choice, few.outcome.choice, n);
    assert_memory_equal(many.outcome.q_choice, few.outcome.q_choice, n);
    assert_memory_equal(many.outcome.reward, few.outcome.reward, n);
    assert_memory_equal(many.outcome.q, few.outcome.q, n * K * d);
    assert_memory_equal(many.outcome.y, few.outcome.y, n * K * d);
  }
  close_room(&many);
  close_room(&few);
}

/* Two agents of a block, or one in two blocks, share no draw. */
static void agents_and_blocks_draw_apart(void **state)
{
  (void)state;
  room one = open_room(2), other = open_room(2);
  const esp_bandit_options options = published(2);
  const esp_rng_key key = {.seed = 5};
  assert_int_equal(esp_bandit_draw(&options, &key, 0, &one.draws), ESP_OK);
  assert_int_equal(esp_bandit_draw(&options, &key, 1, &other.draws), ESP_OK);
  for (int i = 0; i < 2 * T; i++) {
    assert_true(one.draws.choice[i] != other.draws.choice[i] && one.draws.noise[i] != other.draws.noise[i]);
    assert_true(one.draws.choice[i] != one.draws.explore[i] && one.draws.choice[i] != one.draws.reward[i]);
    assert_true(i >= T || one.draws.choice[i] != one.draws.choice[i + T]);
  }
  close_room(&one);
  close_room(&other);
}

/* ---- a block by hand ---- */

/* All outputs equal: the choice draw alone decides, a quarter for each option. Two agents; the reward draw is always 0.5, below
 * 0.8 and not below 0.2. Values by hand, Q(new) = Q + 0.7 (reward - Q) from 0.5:
 *   0 -> 0.15, 1 -> 0.85, -1 -> -0.55; twice 1 -> 0.955; 0 after 1 -> 0.255; -1 after -1 -> -0.865. */
static void a_short_story(void **state)
{
  (void)state;
  static const int choices[] = {0, 2, 1, 2, 1, 1, 0, 0, 3, 3}; /* both agents; the rest of the block: option 1 */
  static const int rewards[2][10] = {{0, 1, -1, 1, -1, 0, 0, 0, -1, 0}, {0, 0, -1, 0, -1, 1, 0, 0, -1, 0}};
  static const double fixation[5][K] = {{0.5, 0.5, 0.5, 0.5},
                                        {0.15, 0.5, 0.5, 0.5},
                                        {0.15, -0.55, 0.5, 0.5},
                                        {0.15, -0.865, 0.5, 0.5},
                                        {0.045, -0.865, 0.5, 0.5}};
  static const double choice[2][5][K] = {{{0.5, 0.5, 0.5, 0.5},
                                          {0.5, 0.5, 0.85, 0.5},
                                          {0.5, 0.5, 0.955, 0.5},
                                          {0.5, 0.15, 0.955, 0.5},
                                          {0.15, 0.15, 0.955, 0.5}},
                                         {{0.5, 0.5, 0.5, 0.5},
                                          {0.5, 0.5, 0.15, 0.5},
                                          {0.5, 0.5, 0.045, 0.5},
                                          {0.5, 0.85, 0.045, 0.5},
                                          {0.15, 0.85, 0.045, 0.5}}};
  esp_bandit_options options = published(2);
  options.value_noise = 0.04;
  room r = open_room(2);
  for (int i = 0; i < 2 * T; i++) {
    r.draws.choice[i] = i % T < 10 ? 0.25 * choices[i % T] + 0.1 : 0.1;
    r.draws.explore[i] = 0.9;
    r.draws.reward[i] = 0.5;
    r.draws.noise[i] = i % 2 ? 1 : -2;
  }
  constant_outputs(2, 2, 2, 2);
  play(&constant_shape, &options, &r);
  for (int agent = 0; agent < 2; agent++)
    for (int step = 0; step < 10; step++) {
      const int i = agent * T + step;
      assert_int_equal(r.outcome.choice[i], choices[step]);
      assert_int_equal(r.outcome.reward[i], rewards[agent][step]);
      const double *q = step % 2 == 0 ? fixation[step / 2] : choice[agent][step / 2];
      for (int o = 0; o < K; o++) {
        assert_true(fabs(r.outcome.q[i * K + o] - q[o]) < 1e-12);
        assert_true(fabs(r.trials.target[i * K + o] - (q[o] + 0.2 * (i % 2 ? 1 : -2))) < 1e-12);
        assert_true(r.outcome.y[i * K + o] == 2);
      }
    }
  close_room(&r);
}

/* The whole table of rewards: each option at both kinds of steps, both kinds of agents, both tasks, draws around 0.2 and 0.8. */
static void rewards_are_as_in_the_table(void **state)
{
  (void)state;
  static const double draws[] = {0.1, 0.1999, 0.2001, 0.5, 0.7999, 0.8001, 0.9}; /* 1 - 0.8 is not quite 0.2 */
  static const double probability[2][2][K] = {{{0, 0.2, 0.8, 0}, {0, 0.8, 0.2, 0}}, {{0, 0.2, 0, 0.8}, {0, 0.8, 0, 0.2}}};
  room r = open_room(2);
  constant_outputs(0, 0, 0, 0);
  for (int new_option = 0; new_option < 2; new_option++)
    for (int option = 0; option < K; option++)
      for (int d = 0; d < 7; d++) {
        esp_bandit_options options = published(2);
        options.new_option = new_option;
        for (int i = 0; i < 2 * T; i++) {
          r.draws.choice[i] = 0.25 * option + 0.1;
          r.draws.explore[i] = 0.9;
          r.draws.reward[i] = draws[d];
          r.draws.noise[i] = 0;
        }
        play(&constant_shape, &options, &r);
        for (int i = 0; i < 2 * T; i++) {
          const int expected = i % 2 == 0 ? (option == 0 ? 0 : -1) : draws[d] < probability[new_option][i / T][option];
          assert_int_equal(r.outcome.reward[i], expected);
        }
      }
  close_room(&r);
}

/* ---- choices ---- */

/* What a network of these outputs chooses at the first step, given a draw; exploring or not. */
static int choice_of(const double *y, double draw, double explore)
{
  const esp_bandit_options options = published(1);
  room r = open_room(1);
  for (int i = 0; i < T; i++) {
    r.draws.choice[i] = draw;
    r.draws.explore[i] = explore;
    r.draws.reward[i] = 0.5;
    r.draws.noise[i] = 0;
  }
  constant_outputs(y[0], y[1], y[2], y[3]);
  play(&constant_shape, &options, &r);
  const int choice = r.outcome.choice[0];
  close_room(&r);
  return choice;
}

/* Outputs log(1), log(2), log(3), log(4), a third each, times beta 3: P = 0.1, 0.2, 0.3, 0.4. */
static void choice_is_the_first_option_that_reaches_the_draw(void **state)
{
  (void)state;
  const double y[K] = {0, log(2) / 3, log(3) / 3, log(4) / 3};
  static const struct {
    double draw;
    int choice;
  } cases[] = {{1e-300, 0}, {0.0999, 0}, {0.1001, 1}, {0.2999, 1}, {0.3001, 2}, {0.5999, 2}, {0.6001, 3}, {1 - 0x1p-53, 3}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_int_equal(choice_of(y, cases[i].draw, 0.5), cases[i].choice);
}

static void exploring_is_a_quarter_each(void **state)
{
  (void)state;
  const double y[K] = {9, 0, 0, 0}; /* without exploring: always option 1 */
  static const struct {
    double draw;
    int choice;
  } cases[] = {{0.25, 0}, {0.2500001, 1}, {0.5, 1}, {0.5000001, 2}, {0.75, 2}, {0.7500001, 3}, {1 - 0x1p-53, 3}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(choice_of(y, cases[i].draw, 0.1499), cases[i].choice);
    assert_int_equal(choice_of(y, fmin(cases[i].draw, 0.999), 0.15), 0); /* below epsilon, not at */
  }
}

static void extreme_outputs_are_no_trouble(void **state)
{
  (void)state;
  for (int best = 0; best < K; best++)
    for (int sign = -1; sign <= 1; sign += 2) {
      double y[K];
      for (int o = 0; o < K; o++)
        y[o] = sign * 1e300 + (o == best ? 1e290 : 0);
      for (int o = 0; o < K; o++)
        assert_int_equal(choice_of(y, 0.25 * o + 0.1, 0.5), best);
      for (int o = 0; o < K; o++)
        y[o] = o == best ? 0 : -1e6;
      assert_int_equal(choice_of(y, 0x1p-53, 0.5), best);
      assert_int_equal(choice_of(y, 1 - 0x1p-53, 0.5), best);
    }
}

/* A sum of four P that rounds to less than 1 may not let a draw fall through. */
static void a_draw_next_to_one_finds_an_option(void **state)
{
  (void)state;
  const esp_rng_key key = {.seed = 77};
  for (uint64_t i = 0; i < 2000; i++) {
    double y[K];
    for (uint64_t o = 0; o < K; o++)
      y[o] = 0.1 * esp_rng_normal(&key, K * i + o);
    assert_int_equal(choice_of(y, 1 - 0x1p-53, 0.5), 3);
  }
}

/* Network and learner with equal values and the same draw choose alike; here those of the learner's first step. */
static void learner_uses_the_same_draw(void **state)
{
  (void)state;
  const esp_bandit_options options = published(300);
  room r = open_room(300);
  const esp_rng_key key = {.seed = 31};
  assert_int_equal(esp_bandit_draw(&options, &key, 0, &r.draws), ESP_OK);
  constant_outputs(0.5, 0.5, 0.5, 0.5);
  play(&constant_shape, &options, &r);
  int n_explored = 0;
  for (size_t i = 0; i < 300 * T; i++) {
    const bool explored = r.draws.explore[i] < 0.15;
    n_explored += explored;
    if (i % T < 2 || explored)
      assert_int_equal(r.outcome.choice[i], r.outcome.q_choice[i]);
    double p[K], sum = 0; /* and elsewhere it is a softmax of its own values */
    for (size_t o = 0; o < K; o++)
      sum += p[o] = exp(3 * r.outcome.q[i * K + o]);
    double below = 0;
    for (size_t o = 0; o < r.outcome.q_choice[i]; o++)
      below += explored ? 0.25 : p[o] / sum;
    const double above = below + (explored ? 0.25 : p[r.outcome.q_choice[i]] / sum);
    assert_true(below < r.draws.choice[i] + 1e-12 && r.draws.choice[i] < above + 1e-12);
  }
  assert_in_range(n_explored, 2500, 2900); /* of 18000, sd 48 */
  close_room(&r);
}

/* ---- rules that every block keeps ---- */

static void inputs_are_those_of_the_step(void **state)
{
  (void)state;
  room r = open_room(24);
  for (int new_option = 0; new_option < 2; new_option++) {
    esp_bandit_options options = published(24);
    options.new_option = new_option;
    draw_and_play(&options, 41, &r);
    assert_int_equal(r.trials.n_trials, 24);
    assert_int_equal(r.trials.n_steps, 60);
    assert_int_equal(r.trials.n_in, 10);
    assert_int_equal(r.trials.n_out, 4);
    int seen[K] = {0};
    for (int i = 0; i < 24 * T; i++) {
      const bool fixation = i % 2 == 0;
      double u[M + 1] = {0}; /* [0] is not used */
      u[1] = 1;
      u[2] = fixation;
      u[3] = !fixation;
      u[4] = !fixation && !new_option;
      u[5] = !fixation && new_option;
      if (i % T > 0) {
        u[6 + r.outcome.choice[i - 1]] = 1;
        u[10] = r.outcome.reward[i - 1];
      }
      assert_memory_equal(r.trials.input + i * M, u + 1, M * sizeof(double));
      assert_true(r.outcome.choice[i] < K && r.outcome.q_choice[i] < K);
      seen[r.outcome.choice[i]]++;
    }
    for (int o = 0; o < K; o++)
      assert_true(seen[o] > 20); /* or this test would show little */
  }
  close_room(&r);
}

static void only_the_chosen_value_moves(void **state)
{
  (void)state;
  room r = open_room(24);
  esp_bandit_options options = published(24);
  options.q_start = 0.375;
  options.learning_rate = 0.25;
  draw_and_play(&options, 42, &r);
  for (int agent = 0; agent < 24; agent++)
    for (int step = 0; step < T; step++)
      for (int o = 0; o < K; o++) {
        const int now = agent * T + step;
        const double q = r.outcome.q[now * K + o];
        if (step < 2)
          assert_true(q == 0.375);
        if (step >= T - 2)
          continue;
        const double next = r.outcome.q[(now + 2) * K + o]; /* the state comes again two steps later */
        if (o == r.outcome.choice[now])
          assert_true(fabs(next - (q + 0.25 * (r.outcome.reward[now] - q))) < 1e-15);
        else
          assert_true(next == q);
      }
  close_room(&r);
}

static void targets_are_values_and_noise(void **state)
{
  (void)state;
  room r = open_room(24);
  for (int which = 0; which < 3; which++) {
    esp_bandit_options options = published(24);
    options.independent_noise = which == 1;
    options.value_noise = which == 2 ? 0 : 0.09;
    draw_and_play(&options, 43, &r);
    for (int i = 0; i < 24 * T; i++)
      for (int o = 0; o < K; o++) {
        const double noise = which == 2 ? 0 : 0.3 * r.draws.noise[which == 1 ? i * K + o : i];
        assert_true(fabs(r.trials.target[i * K + o] - (r.outcome.q[i * K + o] + noise)) < 1e-15);
      }
  }
  close_room(&r);
}

static void noise_changes_nothing_but_targets(void **state)
{
  (void)state;
  room loud = open_room(24), silent = open_room(24);
  esp_bandit_options options = published(24);
  draw_and_play(&options, 44, &loud);
  options.value_noise = 0;
  options.independent_noise = true;
  draw_and_play(&options, 44, &silent);
  assert_memory_equal(loud.trials.input, silent.trials.input, 24 * T * M * sizeof(double));
  assert_memory_equal(loud.outcome.y, silent.outcome.y, 24 * T * K * sizeof(double));
  assert_memory_equal(silent.trials.target, silent.outcome.q, 24 * T * K * sizeof(double));
  close_room(&loud);
  close_room(&silent);
}

static void equal_plays_give_equal_bits(void **state)
{
  (void)state;
  room one = open_room(24), other = open_room(24);
  const esp_bandit_options options = published(24);
  draw_and_play(&options, 45, &one);
  draw_and_play(&options, 45, &other);
  assert_memory_equal(one.trials.input, other.trials.input, 24 * T * M * sizeof(double));
  assert_memory_equal(one.trials.target, other.trials.target, 24 * T * K * sizeof(double));
  assert_memory_equal(one.outcome.y, other.outcome.y, 24 * T * K * sizeof(double));
  close_room(&one);
  close_room(&other);
}

/* What was played step by step is what the network does when the finished block is given to it. */
static void play_agrees_with_training(void **state)
{
  (void)state;
  room r = open_room(24);
  for (int which = 0; which < 8; which++) {
    const esp_rnn_shape shape = {.n_hid = which & 4 ? 13 : 20,
                                 .n_in = M,
                                 .n_out = K,
                                 .bias = which & 1,
                                 .readout = which & 2 ? ESP_READOUT_LATENT : ESP_READOUT_RATE};
    const esp_bandit_options options = published(24);
    const esp_rng_key key = {.seed = 46};
    random_weights(&shape, 46);
    assert_int_equal(esp_bandit_draw(&options, &key, 0, &r.draws), ESP_OK);
    play(&shape, &options, &r);

    esp_tree tree;
    esp_rnn_problem p;
    assert_int_equal(esp_tree_build(&r.trials, 0, &ws, &tree), ESP_OK);
    assert_int_equal(esp_rnn_problem_take(&shape, &tree, &ws, &p), ESP_OK);
    const double loss = esp_rnn_loss(&p, weights);
    double largest = 0, off = 0, sum = 0;
    for (int i = 0; i < 24 * T; i++)
      for (int o = 0; o < K; o++) {
        const double y = r.outcome.y[i * K + o], d = y - r.trials.target[i * K + o];
        largest = fmax(largest, fabs(y));
        off = fmax(off, fabs(y - p.y[tree.node[i] * K + o]));
        sum += d * d;
      }
    assert_true(largest > 0.1 && off < 1e-12 * largest);
    assert_true(fabs(loss / (sum / (24 * T)) - 1) < 1e-12);
    ws.used = 0;
  }
  close_room(&r);
}

/* ---- scores ---- */

static void scores_by_hand(void **state)
{
  (void)state;
  room r = open_room(2);
  for (int i = 0; i < 2 * T; i++) {
    r.outcome.choice[i] = (uint8_t)(i % K);
    r.outcome.q_choice[i] = (uint8_t)(i % 3 == 0 ? i % K : (i + 1) % K); /* a third alike */
    r.outcome.reward[i] = (int8_t)(i < T ? 1 : i % 2 ? -1 : 0);          /* 60 and -30 */
    for (int o = 0; o < K; o++) {
      r.outcome.q[i * K + o] = o;
      r.outcome.y[i * K + o] = o + (i < T ? 0.5 : o == 3 ? -3 : 0); /* 4 / 4 and 9 a step */
    }
  }
  esp_bandit_score s = esp_bandit_scores(2, &r.outcome);
  assert_true(s.value_error == 5 && s.reward == 15);
  assert_true(fabs(s.agreement - 1.0 / 3) < 1e-15);
  double *const y = r.outcome.y;
  r.outcome.y = NULL;
  s = esp_bandit_scores(2, &r.outcome);
  assert_true(isnan(s.value_error) && s.reward == 15);
  r.outcome.y = y;
  close_room(&r);
}

/* ---- the learner alone ---- */

static double reward_alone(double epsilon, bool new_option, room *r)
{
  esp_bandit_options options = published(MAX_AGENTS);
  options.epsilon = epsilon;
  options.new_option = new_option;
  const esp_rng_key key = {.seed = 51};
  assert_int_equal(esp_bandit_draw(&options, &key, 0, &r->draws), ESP_OK);
  esp_bandit_outcome alone = r->outcome;
  alone.y = NULL;
  assert_int_equal(esp_bandit_play_alone(&options, &r->draws, &alone), ESP_OK);
  assert_memory_equal(alone.choice, alone.q_choice, (size_t)MAX_AGENTS * T);
  return esp_bandit_scores(MAX_AGENTS, &alone).reward;
}

static void learners_earn_what_the_published_constants_give(void **state)
{
  (void)state;
  room r = open_room(MAX_AGENTS);
  for (int new_option = 0; new_option < 2; new_option++) { /* the options are others, the odds are the same */
    assert_true(fabs(reward_alone(0.15, new_option, &r) - 3.2) < 0.1);
    assert_true(fabs(reward_alone(0, new_option, &r) - 6.0) < 0.1);
  }
  close_room(&r);
}

/* A learner alone is a network that outputs what it has learned: the same values follow from its choices. */
static void learner_alone_learns_by_the_same_rules(void **state)
{
  (void)state;
  room r = open_room(24);
  const esp_bandit_options options = published(24);
  const esp_rng_key key = {.seed = 52};
  assert_int_equal(esp_bandit_draw(&options, &key, 0, &r.draws), ESP_OK);
  free(r.draws.noise);
  r.draws.noise = NULL;
  assert_int_equal(esp_bandit_play_alone(&options, &r.draws, &r.outcome), ESP_OK);
  for (int i = 0; i < 24 * T; i++)
    for (int o = 0; o < K; o++) {
      const double q = r.outcome.q[i * K + o];
      assert_true(i % T >= 2 || q == 0.5);
      if (i % T < T - 2)
        assert_true(fabs(r.outcome.q[(i + 2) * K + o] - (q + (o == r.outcome.choice[i] ? 0.7 * (r.outcome.reward[i] - q) : 0))) <
                    1e-15);
    }
  close_room(&r);
}

/* ---- faults ---- */

static void faults_are_told(void **state)
{
  (void)state;
  room r = open_room(2);
  esp_bandit_options options = published(2);
  const esp_rng_key key = {.seed = 61};
  assert_int_equal(esp_bandit_draw(&options, &key, -1, &r.draws), ESP_ERR_ARG);
  assert_int_equal(esp_bandit_draw(&options, &key, 0, &r.draws), ESP_OK);
  const esp_rnn_shape wrong[] = {{.n_hid = 20, .n_in = 6, .n_out = K}, {.n_hid = 20, .n_in = M, .n_out = 1}};
  for (int i = 0; i < 2; i++)
    assert_int_equal(esp_bandit_play(&wrong[i], weights, &options, &r.draws, &r.trials, &r.outcome, &ws), ESP_ERR_ARG);
  random_weights(&usual, 61);
  weights[esp_rnn_w_out_offset(&usual) + 3] = INFINITY;
  assert_int_equal(esp_bandit_play(&usual, weights, &options, &r.draws, &r.trials, &r.outcome, &ws), ESP_ERR_DIVERGED);
  esp_workspace none = {0};
  assert_int_equal(esp_bandit_play(&usual, weights, &options, &r.draws, &r.trials, &r.outcome, &none), ESP_ERR_NOMEM);
  static const int n_agents[] = {0, -1, 65537};
  for (int i = 0; i < 3; i++) {
    options.n_agents = n_agents[i];
    assert_int_equal(esp_bandit_draw(&options, &key, 0, &r.draws), ESP_ERR_ARG);
    assert_int_equal(esp_bandit_play(&usual, weights, &options, &r.draws, &r.trials, &r.outcome, &ws), ESP_ERR_ARG);
    assert_int_equal(esp_bandit_play_alone(&options, &r.draws, &r.outcome), ESP_ERR_ARG);
  }
  assert_int_equal(ws.used, 0);
  close_room(&r);
}

static void workspace_is_as_large_as_is_said(void **state)
{
  (void)state;
  room r = open_room(2);
  const esp_bandit_options options = published(2);
  const esp_rng_key key = {.seed = 62};
  esp_workspace own;
  random_weights(&usual, 62);
  assert_int_equal(esp_bandit_draw(&options, &key, 0, &r.draws), ESP_OK);
  assert_int_equal(esp_workspace_create(&own), ESP_OK);
  assert_int_equal(esp_bandit_play(&usual, weights, &options, &r.draws, &r.trials, &r.outcome, &own), ESP_OK);
  assert_true(own.used == 0 && own.high > 0 && own.high <= own.size);
  esp_workspace_free(&own);
  close_room(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(draws_have_the_numbers_that_the_header_names),
      cmocka_unit_test(purposes_keep_their_numbers),
      cmocka_unit_test(an_agent_does_not_care_how_many_there_are),
      cmocka_unit_test(agents_and_blocks_draw_apart),
      cmocka_unit_test(a_short_story),
      cmocka_unit_test(rewards_are_as_in_the_table),
      cmocka_unit_test(choice_is_the_first_option_that_reaches_the_draw),
      cmocka_unit_test(exploring_is_a_quarter_each),
      cmocka_unit_test(extreme_outputs_are_no_trouble),
      cmocka_unit_test(a_draw_next_to_one_finds_an_option),
      cmocka_unit_test(learner_uses_the_same_draw),
      cmocka_unit_test(inputs_are_those_of_the_step),
      cmocka_unit_test(only_the_chosen_value_moves),
      cmocka_unit_test(targets_are_values_and_noise),
      cmocka_unit_test(noise_changes_nothing_but_targets),
      cmocka_unit_test(equal_plays_give_equal_bits),
      cmocka_unit_test(play_agrees_with_training),
      cmocka_unit_test(scores_by_hand),
      cmocka_unit_test(learners_earn_what_the_published_constants_give),
      cmocka_unit_test(learner_alone_learns_by_the_same_rules),
      cmocka_unit_test(faults_are_told),
      cmocka_unit_test(workspace_is_as_large_as_is_said),
  };
  return cmocka_run_group_tests(tests, make_workspace, free_workspace);
}
