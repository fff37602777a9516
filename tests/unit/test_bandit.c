/* tests/unit/test_bandit.c - the bandit experiment: what it declares, what holds in its cells, and that their numbers follow from
 * blocks played again here, by hand, from the documented draws. */
#include "table.h"

#include "espalier/bandit_task.h"
#include "espalier/kernel.h"
#include "espalier/separation.h"
#include "espalier/trajectory.h"

enum { PRUNED_0, TWIN_0, PRUNED_1, TWIN_1, N_ARMS }; /* arms of tiny: two levels */
enum { START, RUNG_1, RUNG_2, NEW_OPTION, N_STAGES };
enum { FRESH_BLOCK = 1 << 20, EVALUATION_BLOCK = 1 << 21 }; /* numbers of blocks that no training has */
enum { STEPS = ESP_BANDIT_N_STEPS, OPTIONS = ESP_BANDIT_N_OPTIONS };

/* Blocks of a start: call 1; calls 2, 3; calls 4, 5. Of a rung: call 1; calls 2, 3; call 4. */
static const char *const tiny = "experiment: bandit\nseed: 7\nensemble: {members: 3}\nnetwork: {n_hid: 4}\n"
                                "training: {steps_per_call: 12, start_calls: 5, ladder_calls: 4}\n"
                                "ladder: {fractions: [0.3, 0.7], value_noise: [0, 0.1]}\n"
                                "bandit: {agents: 6, block_calls: 2, start_schedule: 4, ladder_schedule: 3}\n"
                                "new_option: {from: 0.7, ladder: 0.1, calls: 3, members: 2}\n"
                                "evaluation: {agents: 5, lyapunov_agents: 3}\n";

static bool prunes(int arm)
{
  return arm % 2 == 0;
}

/* ---- the plan ---- */

static void assert_parent(const esp_plan *plan, int arm, int stage, int parent_arm, int parent_stage)
{
  esp_cell parent = {-1, -1, -1};
  assert_true(esp_cell_parent(plan, (esp_cell){1, arm, stage}, &parent));
  assert_true(parent.member == 1 && parent.arm == parent_arm && parent.stage == parent_stage);
}

static void assert_names(const esp_plan *plan, int n_stages, const char *const stages[], int n_arms, const char *const arms[])
{
  assert_int_equal(plan->n_stages, n_stages);
  assert_int_equal(plan->n_arms, n_arms);
  for (int stage = 0; stage < n_stages; stage++)
    assert_string_equal(plan->stages[stage].name, stages[stage]);
  for (int arm = 0; arm < n_arms; arm++)
    assert_string_equal(plan->arm_name[arm], arms[arm]);
}

static void plan_is_a_ladder_for_each_level(void **state)
{
  (void)state;
  static const char *const stages[] = {"start", "rung_0.3", "rung_0.7", "new_option"};
  static const char *const arms[] = {"pruned_0", "twin_0", "pruned_0.1", "twin_0.1"};
  table t;
  open_table(tiny, NULL, &t);
  const esp_plan *plan = &t.plan;
  assert_string_equal(plan->experiment, "bandit");
  assert_int_equal(plan->n_members, 3);
  assert_names(plan, N_STAGES, stages, N_ARMS, arms);
  assert_string_equal(plan->arm_value.name, "value_noise");
  esp_cell none;
  assert_false(esp_cell_parent(plan, (esp_cell){1, 0, START}, &none));
  for (int arm = 0; arm < N_ARMS; arm++) {
    assert_true(plan->arm_value.value[arm] == (arm < 2 ? 0 : 0.1));
    assert_int_equal(plan->stages[START].copy[arm], arm > 0);
    if (arm > 0)
      assert_parent(plan, arm, START, 0, START);
    assert_parent(plan, arm, RUNG_1, arm, START);
    assert_parent(plan, arm, RUNG_2, arm, RUNG_1);
    assert_int_equal(esp_cell_exists(plan, (esp_cell){1, arm, NEW_OPTION}), arm >= 2); /* of one ladder only */
    assert_false(esp_cell_exists(plan, (esp_cell){2, arm, NEW_OPTION}));               /* and of two members */
    if (arm >= 2)
      assert_parent(plan, arm, NEW_OPTION, arm, RUNG_2);
    for (int stage = RUNG_1; stage < N_STAGES; stage++) {
      assert_false(plan->stages[stage].copy[arm] || (stage < NEW_OPTION && plan->stages[stage].absent[arm]));
      assert_true(plan->stages[stage].expected_cost[arm] > 0);
    }
  }
  static const double fractions[] = {0, 0.3, 0.7, 0.7};
  for (int stage = 0; stage < N_STAGES; stage++)
    assert_true(plan->stages[stage].value == fractions[stage]);
  assert_int_equal(esp_plan_n_slots(plan), 3 * 4 * 4);
  assert_int_equal(esp_plan_n_cells(plan), 3 * 4 * 3 + 2 * 2);
  assert_slots_turn_back(plan);
  close_table(&t);
}

static void plan_follows_the_config(void **state)
{
  (void)state;
  static const char *const stages[] = {"start", "rung_0.1", "rung_0.3", "rung_0.5", "rung_0.7", "rung_0.9", "new_option"};
  static const char *const arms[] = {"pruned_0.01", "twin_0.01", "pruned_0.1", "twin_0.1", "pruned_1", "twin_1"};
  static const char *const four[] = {"pruned_1e-05", "twin_1e-05", "pruned_0.1", "twin_0.1",
                                     "pruned_2.5",   "twin_2.5",   "pruned_100", "twin_100"};
  static const char *const two[] = {"pruned_0.1", "twin_0.1"};
  table t;
  open_table("experiment: bandit\nevaluation: {agents: 2, lyapunov_agents: 2}\n", NULL, &t); /* the paper's */
  assert_names(&t.plan, 7, stages, 6, arms);
  assert_int_equal(t.plan.stages[6].parent[2].stage, 4);
  assert_true(t.plan.stages[6].absent[0] && !t.plan.stages[6].absent[2] && !t.plan.stages[6].absent[3] && t.plan.stages[6].absent[4]);
  assert_int_equal(esp_plan_n_cells(&t.plan), 100 * 6 * 6 + 100 * 2);
  assert_axis(&t.plan, "loss_curve", 0, "call", 1000);
  assert_axis(&t.plan, "episode_loss", 0, "episode", 51);
  assert_axis(&t.plan, "w_in", 0, "post", 20);
  close_table(&t);
  open_table(tiny, "ladder.value_noise=[0.00001, 0.1, 2.5, 100]", &t);
  assert_names(&t.plan, N_STAGES, (const char *const[]){"start", "rung_0.3", "rung_0.7", "new_option"}, 8, four);
  close_table(&t);
  open_table(tiny, "ladder.value_noise=[0.1]", &t);
  assert_names(&t.plan, N_STAGES, (const char *const[]){"start", "rung_0.3", "rung_0.7", "new_option"}, 2, two);
  assert_int_equal(esp_plan_n_cells(&t.plan), 3 * 2 * 3 + 2 * 2);
  close_table(&t);
  open_table(tiny, "new_option.from=0", &t);
  assert_int_equal(t.plan.n_stages, 3);
  close_table(&t);
  open_table(tiny, "new_option.from=0.3", &t);
  assert_int_equal(t.plan.stages[NEW_OPTION].parent[PRUNED_1].stage, RUNG_1);
  assert_true(t.plan.stages[NEW_OPTION].value == 0.3);
  close_table(&t);
  open_table(tiny, "new_option.calls=9", &t); /* the longest stage; no more blocks than the start has calls for */
  assert_axis(&t.plan, "loss_curve", 0, "call", 9);
  close_table(&t);
}

static void fields_fit_the_network(void **state)
{
  (void)state;
  table t;
  open_table(tiny, NULL, &t);
  const esp_plan *plan = &t.plan;
  const int n_trained = plan->resume.n_fields - 4; /* the state of a half-trained stage begins like a record */
  for (int f = 0; f < n_trained; f++) {
    assert_string_equal(plan->record.field[f].name, plan->resume.field[f].name);
    assert_true(plan->record.offset[f] == plan->resume.offset[f] && plan->record.count[f] == plan->resume.count[f]);
  }
  assert_string_equal(plan->record.field[n_trained].name, "value_error");
  assert_string_equal(plan->resume.field[n_trained].name, "episode");
  assert_string_equal(plan->resume.field[n_trained + 1].name, "n_evaluations");
  assert_string_equal(plan->resume.field[n_trained + 2].name, "set_calls");
  assert_string_equal(plan->resume.field[n_trained + 3].name, "set_weights");
  assert_int_equal(plan->resume.count[n_trained + 3], 4 * 10 + 4 * 4 + 4 * 5);
  const int w_in = field_of(&plan->record, "w_in"), w_rec = field_of(&plan->record, "w_rec"), w_out = field_of(&plan->record, "w_out");
  assert_true(plan->record.offset[w_rec] == plan->record.offset[w_in] + 4 * 10 * sizeof(double)); /* one vector */
  assert_true(plan->record.offset[w_out] == plan->record.offset[w_rec] + 4 * 4 * sizeof(double));
  assert_axis(plan, "w_in", 1, "input", 10);
  assert_axis(plan, "w_rec", 0, "post", 4);
  assert_axis(plan, "w_rec", 1, "pre", 4);
  assert_axis(plan, "w_out", 0, "output", 4);
  assert_axis(plan, "w_out", 1, "unit", 5); /* the last is the bias */
  assert_axis(plan, "loss_curve", 0, "call", 5);
  assert_axis(plan, "episode_loss", 0, "episode", 3);
  assert_axis(plan, "reward", 0, "epsilon", 2);
  const esp_axis *epsilon = &plan->axes[plan->record.field[field_of(&plan->record, "reward")].axis[0]];
  assert_true(epsilon->values[0] == 0.15 && epsilon->values[1] == 0);
  for (int l = 0; l < 2; l++) {
    const esp_layout *layout = l ? &plan->resume : &plan->record;
    for (int f = 0; f < layout->n_fields; f++)
      assert_true(layout->field[f].long_name && layout->field[f].long_name[0] && layout->field[f].unit);
  }
  close_table(&t);
}

/* ---- cells ---- */

static void cells_are_pure_functions(void **state)
{
  (void)state;
  table first, second;
  open_table(tiny, NULL, &first);
  open_table(tiny, NULL, &second);
  fill_scratch(&second.ws, 0xa5); /* whatever lay in the scratch memory */
  run_member(&first, 0);
  run_member(&first, 1);
  run_member(&second, 1); /* nor does the order count */
  run_member(&second, 0);
  for (long slot = 0; slot < esp_plan_n_slots(&first.plan); slot++) {
    const esp_cell cell = esp_slot_cell(&first.plan, slot);
    if (cell.member < 2)
      assert_equal_records(&first, &second, cell);
  }
  close_table(&first);
  close_table(&second);
}

static bool is_call_of_new_block(const table *t, esp_cell cell, int call)
{
  return cell.stage != NEW_OPTION && call % t->config->bandit.block_calls == 0;
}

/* Curves are filled up to n_calls and no further; calls are counted from 1 here. */
static void assert_curves_are_sound(const table *t, esp_cell cell)
{
  const int n_calls = *i32(t, cell, "n_calls"), n_room = (int)t->plan.record.count[field_of(&t->plan.record, "loss_curve")];
  const double *start = f64(t, cell, "loss_curve"), *end = f64(t, cell, "loss_curve_end");
  assert_in_range(n_calls, 1, n_room);
  for (int call = 1; call <= n_room; call++) {
    const int made = call <= n_calls;
    assert_int_equal(isfinite(start[call - 1]), made);
    assert_int_equal(isfinite(end[call - 1]), made);
    assert_int_equal(isnan(start[call - 1]), !made);
    assert_int_equal(u8(t, cell, "call_end")[call - 1] != 0, made);
    assert_int_equal(i32(t, cell, "call_steps")[call - 1] == -1, !made);
    if (made && call > 1) /* the same set: one loss for the same weights */
      assert_int_equal(start[call - 1] == end[call - 2], !is_call_of_new_block(t, cell, call));
  }
  assert_true(*f64(t, cell, "loss") == end[n_calls - 1] && *f64(t, cell, "loss_last_call") == start[n_calls - 1]);
  int episode = 0;
  for (int call = 1; call <= n_calls; call++)
    if (call == n_calls || is_call_of_new_block(t, cell, call + 1)) { /* the last of its block */
      assert_int_equal(i32(t, cell, "episode_n_calls")[episode], call);
      assert_true(f64(t, cell, "episode_loss")[episode] == end[call - 1]);
      episode++;
    }
  for (; episode < (int)t->plan.record.count[field_of(&t->plan.record, "episode_loss")]; episode++) {
    assert_int_equal(i32(t, cell, "episode_n_calls")[episode], -1);
    assert_true(isnan(f64(t, cell, "episode_loss")[episode]));
  }
}

static void assert_network_is_sound(const table *t, esp_cell cell)
{
  enum { N = 4 };
  esp_cell parent;
  const double fraction = prunes(cell.arm) ? t->plan.stages[cell.stage].value : 0;
  const int expected = (int)floor(fraction * N * N + 1e-9);
  assert_int_equal(count_removed(t, cell), expected);
  assert_true(*f64(t, cell, "sparsity") == expected / 16.0);
  const uint8_t *mask = u8(t, cell, "mask"), *before = esp_cell_parent(&t->plan, cell, &parent) ? u8(t, parent, "mask") : mask;
  for (int i = 0; i < N * N; i++) {
    assert_true(mask[i] <= before[i]);
    if (mask[i] == 0 && t->config->training.scg != ESP_SCG_DEPOSITED)
      assert_true(f64(t, cell, "w_rec")[i] == 0.0 && !signbit(f64(t, cell, "w_rec")[i]));
  }
  for (int i = 0; i < N * 10 + N * N + OPTIONS * (N + 1); i++)
    assert_true(isfinite(f64(t, cell, "w_in")[i]));
  for (int o = 0; o < OPTIONS; o++)
    assert_true(f64(t, cell, "w_out")[o * (N + 1) + N] != 0);
}

static void assert_member_is_sound(const table *t, int member)
{
  for (int stage = 0; stage < t->plan.n_stages; stage++)
    for (int arm = 0; arm < t->plan.n_arms; arm++) {
      const esp_cell cell = {member, arm, stage}, start = {member, 0, START};
      if (!esp_cell_exists(&t->plan, cell))
        continue;
      assert_int_equal(outcome_of(t, cell)->state, ESP_CELL_DONE);
      assert_network_is_sound(t, cell);
      assert_curves_are_sound(t, cell);
      if (verify(t, cell) != ESP_OK)
        fail_msg("arm %d, stage %d: %s", arm, stage, esp_err_message(ESP_ERR_DATA));
      if (stage == START && arm > 0) {
        const esp_record a = record_of(t, start), b = record_of(t, cell);
        assert_memory_equal(a.data, b.data, t->plan.record.bytes);
        assert_int_equal(outcome_of(t, cell)->stop, ESP_STOP_COPIED);
        assert_int_equal(outcome_of(t, cell)->n_evaluations, 0);
      } else {
        assert_int_equal(outcome_of(t, cell)->stop, ESP_STOP_MAX_CALLS);
        assert_int_equal(*i32(t, cell, "n_calls"), stage == START ? 5 : stage == NEW_OPTION ? 3 : 4);
        assert_true(outcome_of(t, cell)->n_evaluations > 0);
      }
    }
}

static void ladders_keep_their_promises(void **state)
{
  (void)state;
  static const char *const sets[] = {NULL,
                                     "training.scg=deposited", /* two that change nothing here: no ten failures in a row, */
                                     "ladder.ties=column_major", /* no ties                                               */
                                     "training.start_check=fresh_block", /* and no start that converges                   */
                                     "training.scg=moller",
                                     "training.hessian=exact",
                                     "ladder.criterion=random",
                                     "network.readout=latent",
                                     "bandit.noise=independent",
                                     "bandit.beta=1",
                                     "bandit.learning_rate=0.2",
                                     "bandit.epsilon=0.9",
                                     "bandit.start_schedule=3",
                                     "bandit.ladder_schedule=100",
                                     "new_option.value_noise=0.5",
                                     "seed=8"};
  double losses[sizeof sets / sizeof *sets];
  for (size_t s = 0; s < sizeof sets / sizeof *sets; s++) {
    table t;
    open_table(tiny, sets[s], &t);
    run_member(&t, 1);
    assert_member_is_sound(&t, 1);
    losses[s] = *f64(&t, (esp_cell){1, PRUNED_1, NEW_OPTION}, "loss");
    close_table(&t);
    for (size_t other = 0; other < s; other++)
      if (losses[other] == losses[s] && (other > 3 || s > 3))
        fail_msg("%s changes nothing", sets[s]);
  }
}

static void one_block_for_all_calls(void **state)
{
  (void)state;
  table t;
  open_table(tiny, "bandit.block_calls=9", &t); /* longer than any stage */
  run_member(&t, 1);
  for (int arm = 0; arm < N_ARMS; arm++) {
    assert_curves_are_sound(&t, (esp_cell){1, arm, RUNG_1});
    assert_int_equal(i32(&t, (esp_cell){1, arm, RUNG_1}, "episode_n_calls")[0], 4);
  }
  assert_axis(&t.plan, "episode_loss", 0, "episode", 1);
  close_table(&t);
}

/* ---- blocks played again ---- */

/* A block, from scratch, with arrays of its own. */
typedef struct {
  esp_bandit_options options;
  esp_bandit_draws draws;
  esp_bandit_outcome outcome;
  esp_trials trials;
  esp_workspace ws;
} replay;

static void play_again(const esp_config *config, esp_rng_key key, int number, esp_bandit_options options, const double *w, replay *r)
{
  const esp_rnn_shape shape = {.n_hid = config->network.n_hid, .n_in = 10, .n_out = 4, .bias = true, .readout = config->network.readout};
  const size_t n = (size_t)options.n_agents * STEPS;
  *r = (replay){.options = options};
  r->options.beta = config->bandit.beta;
  r->options.learning_rate = config->bandit.learning_rate;
  r->options.q_start = 0.5;
  r->options.independent_noise = config->bandit.noise == ESP_VALUE_NOISE_INDEPENDENT;
  r->draws = (esp_bandit_draws){.choice = calloc(n, sizeof(double)),
                                .explore = calloc(n, sizeof(double)),
                                .reward = calloc(n, sizeof(double)),
                                .noise = calloc(n * OPTIONS, sizeof(double))};
  r->outcome = (esp_bandit_outcome){.choice = calloc(n, 1),
                                    .q_choice = calloc(n, 1),
                                    .reward = calloc(n, 1),
                                    .q = calloc(n * OPTIONS, sizeof(double)),
                                    .y = calloc(n * OPTIONS, sizeof(double))};
  r->trials.input = calloc(n * 10, sizeof(double));
  r->trials.target = calloc(n * OPTIONS, sizeof(double));
  assert_int_equal(esp_workspace_create(&r->ws), ESP_OK);
  assert_int_equal(esp_bandit_draw(&r->options, &key, number, &r->draws), ESP_OK);
  assert_int_equal(esp_bandit_play(&shape, w, &r->options, &r->draws, &r->trials, &r->outcome, &r->ws), ESP_OK);
}

static void end_replay(replay *r)
{
  void *const owned[] = {r->draws.choice,  r->draws.explore, r->draws.reward, r->draws.noise,  r->outcome.choice, r->outcome.q_choice,
                         r->outcome.reward, r->outcome.q,    r->outcome.y,    r->trials.input, r->trials.target};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
    free(owned[i]);
  esp_workspace_free(&r->ws);
}

/* Loss on the block as a training set, from what the network answered while it played. */
static double loss_of_replay(const replay *r)
{
  const size_t n = (size_t)r->options.n_agents * STEPS;
  double E = 0;
  for (size_t i = 0; i < n * OPTIONS; i++)
    E += pow(r->outcome.y[i] - r->trials.target[i], 2);
  return E / (double)n;
}

/* The loss at the beginning of a training block. */
static double loss_of_block(const table *t, esp_cell cell, int number, double epsilon, const double *w)
{
  const esp_config *c = t->config;
  const esp_rng_key key = {
      .seed = c->seed, .member = (uint32_t)cell.member, .arm = (uint32_t)cell.arm, .stage = (uint32_t)cell.stage};
  esp_bandit_options options = {.n_agents = c->bandit.agents, .epsilon = epsilon};
  if (cell.stage != START)
    options.value_noise = cell.stage == NEW_OPTION ? c->new_option.value_noise : t->plan.arm_value.value[cell.arm];
  options.new_option = cell.stage == NEW_OPTION;
  replay r;
  play_again(c, key, number, options, w, &r);
  const double loss = loss_of_replay(&r);
  end_replay(&r);
  return loss;
}

static void assert_close(double a, double b, double tolerance)
{
  if (!(fabs(a - b) <= tolerance * fabs(b)))
    fail_msg("%.17g is not %.17g", a, b);
}

/* The first block of a stage is played by the network of the stage before (the twin's: nothing is removed), every later one by
 * the network as it is then, at the epsilon that the schedule has come to. */
static void blocks_are_those_of_the_documented_draws(void **state)
{
  (void)state;
  static const char *const sets[] = {NULL, "bandit.noise=independent", "new_option.value_noise=0.5", "network.readout=latent"};
  for (int s = 0; s < 4; s++) {
    table t;
    open_table(tiny, sets[s], &t);
    run_member(&t, 1);
    for (int stage = RUNG_1; stage < N_STAGES; stage++)
      for (int arm = 1; arm < N_ARMS; arm += 2) {
        const esp_cell cell = {1, arm, stage}, parent = {1, arm, stage - 1};
        if (esp_cell_exists(&t.plan, cell))
          assert_close(f64(&t, cell, "loss_curve")[0], loss_of_block(&t, cell, 0, 0.15, f64(&t, parent, "w_in")), 1e-10);
      }
    static const double start[] = {0.15, 0.15 * (1 - 2.0 / 4), 0}, rung[] = {0.15, 0.15 * (1 - 2.0 / 3), 0};
    const esp_cell cells[] = {{1, 0, START}, {1, PRUNED_1, RUNG_2}, {1, TWIN_0, RUNG_1}};
    for (int c = 0; c < 3; c++) {
      interruption in = {0};
      const esp_stage_host host = {NULL, save, &in};
      assert_int_equal(run_cell(&t, cells[c], &host, NULL), ESP_OK);
      for (int block = 1; block <= 2; block++) { /* the states saved at ends of blocks: after calls 1 and 3 */
        const esp_record at = {&t.plan.resume, in.saved[2 * block - 2]};
        const double *w = esp_record_f64(&at, field_of(at.layout, "w_in"));
        const double epsilon = (c == 0 ? start : rung)[block];
        assert_int_equal(*esp_record_i32(&at, field_of(at.layout, "episode")), block);
        assert_int_equal(*esp_record_i32(&at, field_of(at.layout, "n_calls")), 2 * block - 1);
        assert_close(f64(&t, cells[c], "loss_curve")[2 * block - 1], loss_of_block(&t, cells[c], block, epsilon, w), 1e-10);
      }
      discard(&in);
    }
    close_table(&t);
  }
}

/* Where nothing is removed yet (0.05 of 16 is less than one) all arms begin the first rung with one network: what their losses tell
 * apart are the draws. A noise of variance 1e-30 is none. */
static void every_arm_has_draws_of_its_own(void **state)
{
  (void)state;
  table t;
  open_table("experiment: bandit\nensemble: {members: 2}\nnetwork: {n_hid: 4}\n"
             "training: {steps_per_call: 5, start_calls: 3, ladder_calls: 1}\n"
             "ladder: {fractions: [0.05], value_noise: [0, 1e-30]}\nbandit: {agents: 6}\nnew_option: {from: 0}\n"
             "evaluation: {agents: 4, lyapunov_agents: 2}\n",
             NULL, &t);
  double losses[2][N_ARMS + 1];
  for (int member = 0; member < 2; member++) {
    run_member(&t, member);
    for (int arm = 0; arm < N_ARMS; arm++) {
      assert_int_equal(count_removed(&t, (esp_cell){member, arm, RUNG_1}), 0);
      losses[member][arm] = f64(&t, (esp_cell){member, arm, RUNG_1}, "loss_curve")[0];
    }
    losses[member][N_ARMS] = *f64(&t, (esp_cell){member, 0, START}, "loss");
  }
  for (int i = 0; i < 2 * (N_ARMS + 1); i++)
    for (int j = 0; j < i; j++)
      assert_true(fabs((&losses[0][0])[i] / (&losses[0][0])[j] - 1) > 1e-6);
  close_table(&t);
}

/* One draw of variance v for four values raises the loss by 4 v; so do four draws. */
static void noise_of_a_level_raises_the_loss(void **state)
{
  (void)state;
  static const double level[] = {0, 0.01, 0.1, 1};
  for (int independent = 0; independent < 2; independent++) {
    table t;
    open_table("experiment: bandit\nensemble: {members: 1}\nnetwork: {n_hid: 4}\n"
               "training: {steps_per_call: 30, start_calls: 3, ladder_calls: 1}\n"
               "ladder: {fractions: [0.05], value_noise: [0, 0.01, 0.1, 1]}\nbandit: {agents: 100}\nnew_option: {from: 0}\n"
               "evaluation: {agents: 4, lyapunov_agents: 2}\n",
               independent ? "bandit.noise=independent" : NULL, &t);
    run_member(&t, 0);
    for (int arm = 0; arm < 8; arm++) { /* nothing is removed: the start plays */
      const esp_cell cell = {0, arm, RUNG_1};
      const double loss = f64(&t, cell, "loss_curve")[0], more = 4 * level[arm / 2];
      assert_true(t.plan.arm_value.value[arm] == level[arm / 2]);
      t.plan.arm_value.value[arm] = 0; /* the same block without noise */
      const double without = loss_of_block(&t, cell, 0, 0.15, f64(&t, (esp_cell){0, arm, START}, "w_in"));
      if (fabs(loss - without - more) > 0.2 * more + 1e-10)
        fail_msg("variance %g: loss %g, without noise %g", level[arm / 2], loss, without);
    }
    close_table(&t);
  }
}

/* As many calls as there are, and every one on the block that was played before the first. */
static void new_option_is_learned_on_one_frozen_block(void **state)
{
  (void)state;
  table t;
  open_table(tiny, "new_option.calls=9", &t);
  run_member(&t, 0);
  for (int arm = PRUNED_1; arm <= TWIN_1; arm++) {
    const esp_cell cell = {0, arm, NEW_OPTION};
    assert_int_equal(*i32(&t, cell, "n_calls"), 9);
    assert_curves_are_sound(&t, cell);
    for (int call = 1; call < 9; call++)
      assert_true(f64(&t, cell, "loss_curve")[call] == f64(&t, cell, "loss_curve_end")[call - 1]);
    assert_true(f64(&t, cell, "loss_curve")[8] < f64(&t, cell, "loss_curve")[0]);
  }
  close_table(&t);
}

/* ---- the end of a stage ---- */

static void a_stage_ends_with_its_first_converged_call(void **state)
{
  (void)state;
  const esp_cell cells[] = {{0, 0, START}, {0, TWIN_0, RUNG_1}, {0, PRUNED_1, RUNG_2}, {0, PRUNED_1, NEW_OPTION}};
  table straight;
  int n_later = 0;
  open_table(tiny, "training.slow_loss=1e-300", &straight);
  run_member(&straight, 0);
  for (int c = 0; c < 4; c++) {
    const double *end = f64(&straight, cells[c], "loss_curve_end");
    int last = 0; /* the call that ends lowest */
    for (int call = 1; call < *i32(&straight, cells[c], "n_calls"); call++)
      if (end[call] < end[last])
        last = call;
    n_later += last > 0;
    table t;
    open_table(tiny, "training.slow_loss=1e-300", &t);
    t.file.values.training.low_loss = nextafter(end[last], 1e9);
    memcpy(t.data, straight.data, (size_t)esp_plan_n_slots(&t.plan) * t.plan.record.bytes); /* the stages before */
    memcpy(t.outcomes, straight.outcomes, (size_t)esp_plan_n_slots(&t.plan) * sizeof *t.outcomes);
    assert_int_equal(run_cell(&t, cells[c], NULL, NULL), ESP_OK);
    assert_int_equal(outcome_of(&t, cells[c])->stop, ESP_STOP_CONVERGED);
    assert_int_equal(outcome_of(&t, cells[c])->state, ESP_CELL_DONE);
    assert_int_equal(*i32(&t, cells[c], "n_calls"), last + 1);
    assert_true(*f64(&t, cells[c], "loss") <= t.config->training.low_loss);
    assert_curves_are_sound(&t, cells[c]);
    assert_int_equal(u8(&t, cells[c], "call_end")[last], 1);
    for (int call = 0; call < last; call++)
      assert_int_not_equal(u8(&t, cells[c], "call_end")[call], 1);
    assert_int_equal(verify(&t, cells[c]), ESP_OK);
    close_table(&t);
  }
  assert_true(n_later >= 2); /* else this tests little */
  close_table(&straight);
}

/* With a limit that every call meets at once. */
static void start_check_looks_at_a_fresh_block(void **state)
{
  (void)state;
  char text[1024];
  snprintf(text, sizeof text, "%s", tiny);
  char *at = strstr(text, "training: {");
  assert_non_null(at);
  snprintf(text + (at - text), sizeof text - (size_t)(at - text), "training: {low_loss: 1000, start_check: fresh_block, %s",
           strstr(tiny, "training: {") + strlen("training: {"));
  const esp_cell start = {0, 0, START};
  table good, bad, edge;
  open_table(text, "training.slow_loss=1000", &good);
  run_member(&good, 0);
  for (int stage = START; stage < N_STAGES; stage++)
    for (int arm = 0; arm < N_ARMS; arm++) {
      const esp_cell cell = {0, arm, stage};
      if (!esp_cell_exists(&good.plan, cell))
        continue;
      assert_int_equal(*i32(&good, cell, "n_calls"), 1);
      assert_int_equal(outcome_of(&good, cell)->stop, stage == START && arm > 0 ? ESP_STOP_COPIED : ESP_STOP_CONVERGED);
    }

  open_table(text, "training.slow_loss=1e-9", &bad); /* no network is as good as that: every block ends at once */
  run_member(&bad, 0);
  const double *loss = f64(&bad, start, "loss_curve"), *end = f64(&bad, start, "loss_curve_end");
  assert_true(loss[0] == f64(&good, start, "loss_curve")[0] && end[0] == f64(&good, start, "loss_curve_end")[0]);
  assert_int_equal(*i32(&bad, start, "n_calls"), bad.config->training.start_calls); /* none is accepted */
  assert_int_equal(outcome_of(&bad, start)->stop, ESP_STOP_MAX_CALLS);
  for (int call = 0; call < bad.config->training.start_calls; call++)
    assert_int_equal(i32(&bad, start, "episode_n_calls")[call], call + 1);
  assert_true(isfinite(loss[1]) && loss[1] != end[0]); /* goes on, on another block */
  for (int arm = 0; arm < N_ARMS; arm++)
    assert_int_equal(*i32(&bad, (esp_cell){0, arm, RUNG_1}, "n_calls"), 1); /* only starts are checked */

  /* the loss that decides, on block 2^20 + 1 of the start's draws, played by the network that has converged */
  const double limit = loss_of_block(&good, start, FRESH_BLOCK + 1, 0.15 * (1 - 2.0 / 4), f64(&good, start, "w_in"));
  assert_true(limit > 0.01 && limit < 1000);
  for (int above = 0; above < 2; above++) {
    open_table(text, NULL, &edge);
    edge.file.values.training.slow_loss = limit * (above ? 1.000001 : 0.999999);
    assert_int_equal(run_cell(&edge, start, NULL, NULL), ESP_OK);
    assert_int_equal(*i32(&edge, start, "n_calls") == 1, above);
    if (above)
      assert_equal_records(&good, &edge, start);
    close_table(&edge);
  }

  open_table(text, "training.start_check=deposited", &edge); /* which believes the block it has */
  edge.file.values.training.slow_loss = 1e-9;
  assert_int_equal(run_cell(&edge, start, NULL, NULL), ESP_OK);
  assert_int_equal(*i32(&edge, start, "n_calls"), 1);
  assert_memory_equal(f64(&good, start, "w_rec"), f64(&edge, start, "w_rec"),
                      good.plan.record.count[field_of(&good.plan.record, "w_rec")] * sizeof(double));
  close_table(&edge);
  close_table(&good);
  close_table(&bad);
}

/* ---- failure ---- */

static void failure_is_an_outcome_and_is_inherited(void **state)
{
  (void)state;
  table t;
  open_table(tiny, NULL, &t);
  run_member(&t, 0);
  for (int i = 0; i < 4 * 10 + 4 * 4 + 4 * 5; i++) /* outputs overflow while the first block is played */
    f64(&t, (esp_cell){0, TWIN_1, START}, "w_in")[i] = 1e308;
  for (int stage = RUNG_1; stage < N_STAGES; stage++) {
    const esp_cell cell = {0, TWIN_1, stage};
    assert_int_equal(run_cell(&t, cell, NULL, NULL), ESP_OK);
    assert_int_equal(outcome_of(&t, cell)->state, ESP_CELL_FAILED);
    assert_int_equal(outcome_of(&t, cell)->stop, stage == RUNG_1 ? ESP_STOP_NOT_FINITE : ESP_STOP_PARENT_FAILED);
    assert_empty(&t, cell);
  }
  *outcome_of(&t, (esp_cell){0, 0, START}) = (esp_outcome){.state = ESP_CELL_FAILED};
  for (int arm = 1; arm < N_ARMS; arm++) { /* a copy of it fails as well */
    assert_int_equal(run_cell(&t, (esp_cell){0, arm, START}, NULL, NULL), ESP_OK);
    assert_int_equal(outcome_of(&t, (esp_cell){0, arm, START})->stop, ESP_STOP_PARENT_FAILED);
    assert_empty(&t, (esp_cell){0, arm, START});
  }
  close_table(&t);
}

/* ---- interruptions ---- */

/* Each cell again from each of its boundaries, and stopped at several steps and gone on with. */
static void assert_resumes(const char *set, esp_cell cell, double low_loss, int n_boundaries)
{
  table straight, again;
  interruption in = {0};
  const esp_stage_host host = {stop, save, &in};
  open_table(tiny, set, &straight);
  open_table(tiny, set, &again);
  if (low_loss > 0) {
    straight.file.values.training.low_loss = again.file.values.training.low_loss = low_loss;
    straight.file.values.training.slow_loss = again.file.values.training.slow_loss = 1e-9;
  }
  run_member(&straight, 0);
  run_member(&again, 0);
  assert_int_equal(run_cell(&again, cell, &host, NULL), ESP_OK);
  assert_equal_records(&straight, &again, cell);
  assert_int_equal(in.n_saved, n_boundaries);
  const int n_steps = in.n_asked;
  for (int boundary = 0; boundary < n_boundaries; boundary++) {
    const esp_record resume = {&again.plan.resume, in.saved[boundary]};
    fill_scratch(&again.ws, 0x5a);
    assert_int_equal(*esp_record_i32(&resume, field_of(resume.layout, "n_calls")), boundary + 1);
    assert_int_equal(run_cell(&again, cell, NULL, &resume), ESP_OK);
    assert_equal_records(&straight, &again, cell);
  }
  discard(&in);
  for (int stop_at = 1; stop_at <= n_steps; stop_at += 5) {
    in.stop_at = stop_at;
    assert_int_equal(run_cell(&again, cell, &host, NULL), ESP_ERR_STOPPED);
    const esp_record resume = {&again.plan.resume, in.n_saved ? in.saved[in.n_saved - 1] : NULL};
    assert_int_equal(run_cell(&again, cell, NULL, in.n_saved ? &resume : NULL), ESP_OK);
    assert_equal_records(&straight, &again, cell);
    discard(&in);
  }
  in.answer = ESP_ERR_IO;
  assert_int_equal(run_cell(&again, cell, &host, NULL), ESP_ERR_IO);
  discard(&in);
  close_table(&straight);
  close_table(&again);
}

static void interrupted_cells_have_the_bits_of_straight_ones(void **state)
{
  (void)state;
  assert_resumes(NULL, (esp_cell){0, 0, START}, 0, 4); /* ends of blocks: after calls 1 and 3 */
  assert_resumes(NULL, (esp_cell){0, PRUNED_0, RUNG_1}, 0, 3);
  assert_resumes(NULL, (esp_cell){0, TWIN_1, RUNG_2}, 0, 3);
  assert_resumes(NULL, (esp_cell){0, PRUNED_1, NEW_OPTION}, 0, 2); /* inside its only block */
  assert_resumes("bandit.noise=independent", (esp_cell){0, PRUNED_1, RUNG_2}, 0, 3);
  assert_resumes("training.scg=deposited", (esp_cell){0, PRUNED_1, RUNG_2}, 0, 3);
  assert_resumes("training.hessian=exact", (esp_cell){0, 0, START}, 0, 4);
  assert_resumes("bandit.block_calls=3", (esp_cell){0, 0, START}, 0, 4); /* two calls inside the first */
}

/* A start that converges at once and is refused goes on; interrupted where it was refused, too. */
static void refused_starts_resume(void **state)
{
  (void)state;
  table t;
  open_table(tiny, "training.start_check=fresh_block", &t);
  t.file.values.training.low_loss = 1000;
  t.file.values.training.slow_loss = 1e-9;
  assert_int_equal(run_cell(&t, (esp_cell){0, 0, START}, NULL, NULL), ESP_OK);
  const int n_calls = *i32(&t, (esp_cell){0, 0, START}, "n_calls");
  close_table(&t);
  assert_true(n_calls > 1);
  assert_resumes("training.start_check=fresh_block", (esp_cell){0, 0, START}, 1000, n_calls - 1);
}

/* What is saved are the weights that the block was made with: those of its beginning, not those of now; and they are used. */
static void the_block_in_work_is_played_again_as_it_was(void **state)
{
  (void)state;
  table t;
  interruption in = {0};
  const esp_stage_host host = {NULL, save, &in};
  const esp_cell cell = {0, 0, START};
  const size_t bytes = (4 * 10 + 4 * 4 + 4 * 5) * sizeof(double);
  open_table(tiny, NULL, &t);
  assert_int_equal(run_cell(&t, cell, &host, NULL), ESP_OK);
  const double loss = *f64(&t, cell, "loss");
  const int w_in = field_of(&t.plan.resume, "w_in"), set_weights = field_of(&t.plan.resume, "set_weights");
  double *w[4], *set[4];
  for (int i = 0; i < 4; i++) {
    const esp_record at = {&t.plan.resume, in.saved[i]};
    w[i] = esp_record_f64(&at, w_in);
    set[i] = esp_record_f64(&at, set_weights);
  }
  assert_memory_equal(set[0], w[0], bytes); /* a new block is about to be played */
  assert_memory_equal(set[1], w[0], bytes); /* inside it */
  assert_memory_not_equal(set[1], w[1], bytes);
  assert_memory_equal(set[2], w[2], bytes);
  assert_memory_equal(set[3], w[2], bytes);
  memcpy(set[3], w[3], bytes); /* a block played by another network is another block */
  const esp_record resume = {&t.plan.resume, in.saved[3]};
  assert_int_equal(run_cell(&t, cell, NULL, &resume), ESP_OK);
  assert_true(*f64(&t, cell, "loss") != loss);
  discard(&in);
  close_table(&t);
}

/* ---- memory ---- */

static void a_member_needs_the_same_again(void **state)
{
  (void)state;
  static const int sizes[] = {1, 2, 3, 7, 8, 9, 16, 20, 30};
  static const char *const sets[] = {NULL, "bandit.noise=independent", "training.hessian=exact", "evaluation.agents=2",
                                     "evaluation.lyapunov_agents=40", "bandit.agents=50", "training.start_check=fresh_block"};
  char text[512];
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
    for (size_t which = 0; which < sizeof sets / sizeof *sets; which++) {
      snprintf(text, sizeof text,
               "experiment: bandit\nensemble: {members: 1}\nnetwork: {n_hid: %d}\n"
               "training: {steps_per_call: 2, start_calls: 2, ladder_calls: 2, low_loss: 1000}\n"
               "ladder: {fractions: [0.5], value_noise: [0.1]}\nbandit: {agents: 3, block_calls: 2}\n"
               "new_option: {from: 0.5, calls: 2}\nevaluation: {agents: 40, lyapunov_agents: 2}\n",
               sizes[s]);
      table t;
      open_table(text, sets[which], &t);
      run_member(&t, 0);
      assert_true(t.ws.used == 0 && t.ws.high > 0 && t.ws.high <= t.ws.size);
      if (sizes[s] == 8)
        assert_again_takes_nothing_more(&t);
      close_table(&t);
    }
}

/* ---- verify ---- */

static void verify_sees_tampering(void **state)
{
  (void)state;
  table t;
  open_table(tiny, NULL, &t);
  run_member(&t, 0);
  const esp_cell cell = {0, PRUNED_1, RUNG_2}, parent = {0, PRUNED_1, RUNG_1};
  uint8_t *mask = u8(&t, cell, "mask");
  double *w_rec = f64(&t, cell, "w_rec");
  const esp_record record = record_of(&t, cell);
  unsigned char *const sound = malloc(t.plan.record.bytes);
  memcpy(sound, record.data, t.plan.record.bytes);
  int removed = 0, kept = 0, removed_before = 0;
  while (mask[removed] != 0)
    removed++;
  while (mask[kept] == 0)
    kept++;
  while (u8(&t, parent, "mask")[removed_before] != 0)
    removed_before++;
  for (int fault = 0; fault < 15; fault++) {
    memcpy(record.data, sound, t.plan.record.bytes);
    assert_int_equal(verify(&t, cell), ESP_OK);
    switch (fault) {
    case 0: mask[kept] = 0, w_rec[kept] = 0; break;                                           /* one too many is removed */
    case 1: mask[removed] = 1; break;                                                         /* one too few             */
    case 2: mask[kept] = 0, w_rec[kept] = 0, mask[removed_before] = 1; break;                 /* not nested              */
    case 3: w_rec[removed] = 1e-300; break;
    case 4: w_rec[removed] = -0.0; break;
    case 5: mask[kept] = 2; break;
    case 6: w_rec[kept] = NAN; break;
    case 7: f64(&t, cell, "w_out")[4 * 5 - 1] = INFINITY; break; /* the last bias */
    case 8: *f64(&t, cell, "loss") = NAN; break;
    case 9: f64(&t, cell, "loss_curve")[3] = NAN; break;
    case 10: *i32(&t, cell, "n_calls") = 0; break;
    case 11: *i32(&t, cell, "n_calls") = 6; break; /* more than there is room for */
    case 12: *i32(&t, cell, "n_calls") = 5; break; /* more than were made         */
    case 13: f64(&t, cell, "episode_loss")[0] = NAN; break;
    case 14: *f64(&t, cell, "sparsity") += 0.01; break;
    }
    if (verify(&t, cell) != ESP_ERR_DATA)
      fail_msg("fault %d was not seen", fault);
  }
  for (int arm = TWIN_0; arm <= TWIN_1; arm += 2) { /* a twin keeps everything; so does a start */
    u8(&t, (esp_cell){0, arm, RUNG_1}, "mask")[5] = 0;
    f64(&t, (esp_cell){0, arm, RUNG_1}, "w_rec")[5] = 0;
    assert_int_equal(verify(&t, (esp_cell){0, arm, RUNG_1}), ESP_ERR_DATA);
  }
  u8(&t, (esp_cell){0, 0, START}, "mask")[5] = 0;
  f64(&t, (esp_cell){0, 0, START}, "w_rec")[5] = 0;
  assert_int_equal(verify(&t, (esp_cell){0, 0, START}), ESP_ERR_DATA);
  free(sound);
  close_table(&t);
}

static void measuring_takes_a_moment(void **state)
{
  (void)state;
  table t;
  double seconds = -1;
  open_table(tiny, NULL, &t);
  assert_int_equal(esp_seconds_per_cost(t.config, &seconds), ESP_OK);
  assert_true(seconds > 0 && seconds < 10);
  close_table(&t);
}

/* ---- what is measured in a finished network ---- */

static esp_bandit_options evaluation(const table *t, int n_agents, int which)
{
  return (esp_bandit_options){.n_agents = n_agents, .epsilon = which == 1 ? 0 : t->config->evaluation.epsilon};
}

static esp_rng_key evaluation_key(const table *t, esp_cell cell)
{
  return (esp_rng_key){
      .seed = t->config->seed, .member = (uint32_t)cell.member, .arm = ESP_RNG_SHARED, .stage = (uint32_t)cell.stage};
}

static void assert_scores(const table *t, esp_cell cell)
{
  for (int e = 0; e < 2; e++) { /* without noise on the values, on the options of the ladder */
    replay r;
    play_again(t->config, evaluation_key(t, cell), EVALUATION_BLOCK + e, evaluation(t, t->config->evaluation.agents, e),
               f64(t, cell, "w_in"), &r);
    const esp_bandit_score score = esp_bandit_scores(r.options.n_agents, &r.outcome);
    assert_true(f64(t, cell, "value_error")[e] == score.value_error);
    assert_true(f64(t, cell, "agreement")[e] == score.agreement);
    assert_true(f64(t, cell, "reward")[e] == score.reward);
    assert_close(score.value_error, loss_of_replay(&r), 1e-12); /* no noise: targets are values */
    end_replay(&r);
  }
}

/* States of a block that is played again: [agent, step, unit], to be freed. */
static double *states_again(const table *t, esp_cell cell, int number, int n_agents)
{
  const int n = t->config->network.n_hid;
  const esp_rnn_shape shape = {.n_hid = n, .n_in = 10, .n_out = 4, .bias = true, .readout = t->config->network.readout};
  const size_t n_values = (size_t)n_agents * STEPS * (size_t)n;
  double *a = malloc(n_values * sizeof *a);
  replay r;
  esp_trajectories all;
  esp_workspace ws;
  assert_int_equal(esp_workspace_create(&ws), ESP_OK);
  play_again(t->config, evaluation_key(t, cell), EVALUATION_BLOCK + number, evaluation(t, n_agents, number), f64(t, cell, "w_in"), &r);
  assert_int_equal(esp_trajectories_take(&shape, n_agents, STEPS, &ws, &all), ESP_OK);
  assert_int_equal(esp_trajectories_run(&shape, f64(t, cell, "w_in"), &r.trials, 0, &all, &ws), ESP_OK);
  memcpy(a, all.a, n_values * sizeof *a);
  end_replay(&r);
  esp_workspace_free(&ws);
  return a;
}

/* The exponents add up to the mean of log |det J(k)|, steps 2 to 60, J(k) = W_rec diag(1 - tanh(a(k))^2). */
static void assert_exponents(const table *t, esp_cell cell, const double *a)
{
  const int n = t->config->network.n_hid, n_agents = t->config->evaluation.lyapunov_agents;
  const double *singular = f64(t, cell, "singular_value"), *exponent = f64(t, cell, "lyapunov");
  double expected = 0, sum = 0;
  for (int agent = 0; agent < n_agents; agent++)
    for (int step = 2; step <= STEPS; step++)
      for (int i = 0; i < n; i++)
        expected += log(1 - pow(tanh(a[((size_t)agent * STEPS + (size_t)step - 1) * (size_t)n + (size_t)i]), 2)) / (n_agents * 59.0);
  for (int i = 0; i < n; i++) {
    expected += log(singular[i]);
    sum += exponent[i];
    assert_true(i == 0 || exponent[i] <= exponent[i - 1]);
  }
  assert_close(sum, expected, 1e-9);
  assert_true(*f64(t, cell, "lyapunov_max") == exponent[0]);
  assert_true(isfinite(*f64(t, cell, "lyapunov_published")));
}

static void assert_separation(const table *t, esp_cell cell, const double *a)
{
  const int n = t->config->network.n_hid, n_agents = t->config->evaluation.lyapunov_agents;
  esp_workspace ws;
  assert_int_equal(esp_workspace_create(&ws), ESP_OK);
  double sum = 0, condition = 0;
  int n_singular = 0;
  for (int agent = 0; agent < n_agents; agent++) {
    esp_separation one;
    assert_int_equal(esp_separation_of(n, STEPS, a + (size_t)agent * STEPS * (size_t)n, &one, &ws), ESP_OK);
    sum += one.singular ? 0 : one.distance;
    n_singular += one.singular;
    condition = fmax(condition, one.condition);
  }
  assert_int_equal(*i32(t, cell, "separation_n_singular"), n_singular);
  assert_true(*f64(t, cell, "separation_condition") == condition);
  if (n_singular < n_agents)
    assert_close(*f64(t, cell, "separation"), sum / (n_agents - n_singular), 1e-12);
  else
    assert_true(isnan(*f64(t, cell, "separation")));
  esp_workspace_free(&ws);
}

/* Variances along the components add up to those of the units, over all agents and steps. */
static void assert_components(const table *t, esp_cell cell)
{
  const int n = t->config->network.n_hid, n_states = t->config->evaluation.agents * STEPS;
  double *a = states_again(t, cell, 3, t->config->evaluation.agents), total = 0, sum = 0;
  for (int i = 0; i < n; i++) {
    double mean = 0, squares = 0;
    for (int k = 0; k < n_states; k++)
      mean += a[k * n + i] / n_states;
    for (int k = 0; k < n_states; k++)
      squares += pow(a[k * n + i] - mean, 2);
    total += squares / (n_states - 1);
    sum += f64(t, cell, "pca_variance")[i];
    assert_true(i == 0 || f64(t, cell, "pca_variance")[i] <= f64(t, cell, "pca_variance")[i - 1]);
  }
  assert_close(sum, total, 1e-10);
  free(a);
}

static void assert_weights(const table *t, esp_cell cell)
{
  const int n = t->config->network.n_hid;
  const double *w = f64(t, cell, "w_rec"), *singular = f64(t, cell, "singular_value");
  double frobenius = 0, squares = 0;
  int n_left = 0, n_counted = 0;
  for (int i = 0; i < n * n; i++) {
    frobenius += w[i] * w[i];
    n_left += w[i] != 0.0;
  }
  for (int i = 0; i < n; i++) {
    squares += singular[i] * singular[i];
    assert_true(singular[i] >= 0 && (i == 0 || singular[i] <= singular[i - 1]));
  }
  assert_close(squares, frobenius, 1e-12);
  const int n_bins = (int)t->plan.record.count[field_of(&t->plan.record, "weight_histogram")];
  for (int i = 0; i < n_bins; i++)
    n_counted += i32(t, cell, "weight_histogram")[i];
  assert_int_equal(n_counted, n_left);
  assert_int_equal(*i32(t, cell, "n_revived"), 0);
}

static void measures_fit_the_network(void **state)
{
  (void)state;
  table t;
  open_table(tiny, "evaluation.lyapunov_agents=4", &t);
  for (int member = 0; member < 2; member++) {
    run_member(&t, member);
    for (int stage = START; stage < N_STAGES; stage++)
      for (int arm = 0; arm < N_ARMS; arm++) {
        const esp_cell cell = {member, arm, stage};
        if (!esp_cell_exists(&t.plan, cell) || (stage == START && arm > 0))
          continue;
        double *a = states_again(&t, cell, 2, 4);
        assert_scores(&t, cell);
        assert_weights(&t, cell);
        assert_components(&t, cell);
        assert_separation(&t, cell, a);
        if (!prunes(arm)) /* a pruned W_rec of four units may have no inverse */
          assert_exponents(&t, cell, a);
        free(a);
      }
  }
  close_table(&t);
}

static const double *measure_again(table *t, esp_cell cell)
{
  esp_record record = record_of(t, cell);
  assert_int_equal(t->experiment->analyse(t->config, cell, &record, &t->ws), ESP_OK);
  assert_true(t->ws.used == 0);
  return f64(t, cell, "value_error");
}

/* Measured again with the same config: the same bits. In the place of another arm: too, because all of them get the same draws. With
 * other agents: only the measures change, and they are what a run with these keys would have stored. */
static void measures_can_be_taken_again(void **state)
{
  (void)state;
  table t, other;
  open_table(tiny, NULL, &t);
  open_table(tiny, "evaluation.agents=9", &other);
  run_member(&t, 0);
  run_member(&other, 0);
  const size_t measures = t.plan.record.offset[field_of(&t.plan.record, "value_error")];
  const esp_cell cell = {0, PRUNED_1, RUNG_2}, twin = {0, TWIN_0, RUNG_2}, start = {0, 0, START};
  const esp_record record = record_of(&t, cell);
  unsigned char *const before = malloc(t.plan.record.bytes);
  memcpy(before, record.data, t.plan.record.bytes);
  measure_again(&t, cell);
  assert_memory_equal(record.data, before, t.plan.record.bytes);
  memcpy(record_of(&t, twin).data, before, t.plan.record.bytes);
  measure_again(&t, twin);
  assert_memory_equal(record_of(&t, twin).data, before, t.plan.record.bytes);
  memcpy(record_of(&t, start).data, before, t.plan.record.bytes); /* another stage: other draws */
  assert_true(*measure_again(&t, start) != *f64(&t, cell, "value_error"));

  assert_memory_equal(record_of(&other, cell).data, before, measures); /* training knows nothing of it */
  assert_true(*f64(&other, cell, "value_error") != *f64(&t, cell, "value_error"));
  assert_true(*f64(&other, cell, "lyapunov_max") == *f64(&t, cell, "lyapunov_max"));
  assert_true(*f64(&other, cell, "pca_variance") != *f64(&t, cell, "pca_variance"));
  unsigned char *const trained = malloc(t.plan.record.bytes);
  memcpy(trained, record_of(&other, cell).data, t.plan.record.bytes);
  memcpy(record_of(&other, cell).data, before, t.plan.record.bytes);
  measure_again(&other, cell);
  assert_memory_equal(record_of(&other, cell).data, trained, t.plan.record.bytes);
  free(trained);
  free(before);
  close_table(&t);
  close_table(&other);
}

/* What cannot be measured is NaN, also where a number was before. */
static void a_network_that_diverges_has_no_measures(void **state)
{
  (void)state;
  static const char *const names[] = {"value_error", "agreement",          "reward",       "lyapunov",  "lyapunov_max",
                                      "separation",  "lyapunov_published", "pca_variance", "separation_condition"};
  table t;
  open_table(tiny, NULL, &t);
  run_member(&t, 0);
  const esp_cell cell = {0, TWIN_1, RUNG_1};
  for (int i = 0; i < 4 * 10 + 4 * 4 + 4 * 5; i++)
    f64(&t, cell, "w_in")[i] = 1e308; /* the output overflows at the first step */
  measure_again(&t, cell);
  for (size_t m = 0; m < sizeof names / sizeof *names; m++) {
    const size_t count = t.plan.record.count[field_of(&t.plan.record, names[m])];
    for (size_t i = 0; i < count; i++)
      if (!isnan(f64(&t, cell, names[m])[i]))
        fail_msg("%s[%zu] is %g", names[m], i, f64(&t, cell, names[m])[i]);
  }
  assert_int_equal(*i32(&t, cell, "separation_n_singular"), -1);
  assert_int_equal(*i32(&t, cell, "n_revived"), 0); /* the weights are there to be looked at */
  close_table(&t);
}

static int one_thread(void **state)
{
  (void)state;
  esp_one_thread();
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plan_is_a_ladder_for_each_level),
      cmocka_unit_test(plan_follows_the_config),
      cmocka_unit_test(fields_fit_the_network),
      cmocka_unit_test(cells_are_pure_functions),
      cmocka_unit_test(ladders_keep_their_promises),
      cmocka_unit_test(one_block_for_all_calls),
      cmocka_unit_test(blocks_are_those_of_the_documented_draws),
      cmocka_unit_test(every_arm_has_draws_of_its_own),
      cmocka_unit_test(noise_of_a_level_raises_the_loss),
      cmocka_unit_test(new_option_is_learned_on_one_frozen_block),
      cmocka_unit_test(a_stage_ends_with_its_first_converged_call),
      cmocka_unit_test(start_check_looks_at_a_fresh_block),
      cmocka_unit_test(failure_is_an_outcome_and_is_inherited),
      cmocka_unit_test(interrupted_cells_have_the_bits_of_straight_ones),
      cmocka_unit_test(refused_starts_resume),
      cmocka_unit_test(the_block_in_work_is_played_again_as_it_was),
      cmocka_unit_test(a_member_needs_the_same_again),
      cmocka_unit_test(verify_sees_tampering),
      cmocka_unit_test(measuring_takes_a_moment),
      cmocka_unit_test(measures_fit_the_network),
      cmocka_unit_test(measures_can_be_taken_again),
      cmocka_unit_test(a_network_that_diverges_has_no_measures),
  };
  return cmocka_run_group_tests_name("bandit", tests, one_thread, NULL);
}
