/* test_lever_experiment.c - the lever as an experiment: its table of stages, every cell against a simulation by hand, equal bits in any
 * order, stops, and what verify() finds. */
#include "table.h"

#include "espalier/lever_experiment.h"

enum { PLASTIC, APPROXIMATE, FIXED, FORGETTING, CONSOLIDATED, N_ARMS };
enum { UNREWARDED = 4, CONSOLIDATION = 6, N_STAGES = 8 }; /* of SMALL: four stages of learning, the last two of them switched */

/* Fast synapses, so that many come and go in minutes. The recordings are as long as the stages of learning. */
#define SMALL                                                                                                               \
  "experiment: lever\nseed: 3\nensemble:\n  members: 2\n"                                                                   \
  "lever:\n  hours: 0.2\n  switch_hour: 0.1\n  segment_min: 3\n  unrewarded_hours: 0.2\n  unrewarded_step_hours: 0.05\n"   \
  "  unrewarded_trials_min: 1\n  consolidation_hour: 0.2\n  snapshot_min: 0.5\n  n_wait_bins: 5\n  n_sampled: 7\n"           \
  "  recording_s: 180\n  movement_s: 170\n"                                                                                 \
  "trials:\n  n_pool: 4\n  threshold_hz: 3\n  timeout_s: 4\n"                                                               \
  "neurons:\n  n_in: 11\n  n_exc: 15\n  n_receiving: 6\n  n_inh: 5\n"                                                       \
  "synapses:\n  n_repeats: 3\n  learning_rate: 1e-3\n  update_ms: 100\n  waiting_h: 0.02\n  consolidated_sd: 0.05\n"

static esp_err plan_of(const char *text, esp_config_file *file, esp_plan *plan)
{
  char *problems = NULL;
  if (esp_config_parse("test", text, 0, NULL, file, &problems) != ESP_OK)
    fail_msg("%s", problems);
  return esp_plan_create(&file->values, plan);
}

static int stage_named(const esp_plan *plan, const char *name)
{
  int stage = 0;
  while (stage < plan->n_stages && strcmp(plan->stages[stage].name, name) != 0)
    stage++;
  if (stage == plan->n_stages)
    fail_msg("there is no stage %s", name);
  return stage;
}

/* "arm/stage" of the parent; "-": it has none; NULL: the cell does not exist. */
static void assert_parent(const esp_plan *plan, int arm, const char *stage, const char *expected)
{
  const esp_cell cell = {0, arm, stage_named(plan, stage)};
  esp_cell parent;
  char found[80] = "-";
  assert_int_equal(esp_cell_exists(plan, cell), expected != NULL);
  if (expected == NULL)
    return;
  if (esp_cell_parent(plan, cell, &parent)) {
    assert_true(esp_cell_exists(plan, parent));
    snprintf(found, sizeof found, "%s/%s", plan->arm_name[parent.arm], plan->stages[parent.stage].name);
  }
  assert_string_equal(found, expected);
}

/* ---- the table ---- */

static void test_table_of_the_figure(void **state)
{
  (void)state;
  esp_config_file file;
  esp_plan plan;
  assert_int_equal(plan_of("experiment: lever\n", &file, &plan), ESP_OK);
  assert_int_equal(plan.n_members, 5);
  assert_int_equal(plan.n_arms, N_ARMS);
  assert_int_equal(plan.n_stages, 48 + 56);
  assert_int_equal(esp_plan_n_cells(&plan), 5 * (48 + 48 + 24 + 56 + 44));
  assert_int_equal(plan.resume.n_fields, 0);
  assert_string_equal(plan.stage_value.name, "hour");
  assert_slots_turn_back(&plan);

  assert_parent(&plan, PLASTIC, "hour_001", "-");
  assert_parent(&plan, PLASTIC, "hour_048", "plastic/hour_047");
  assert_parent(&plan, APPROXIMATE, "hour_001", "-");
  assert_parent(&plan, APPROXIMATE, "hour_025", "approximate/hour_024");
  assert_parent(&plan, FIXED, "hour_024", NULL);
  assert_parent(&plan, FIXED, "hour_025", "plastic/hour_024");
  assert_parent(&plan, FIXED, "hour_026", "fixed/hour_025");
  assert_parent(&plan, FORGETTING, "hour_025", NULL);
  assert_parent(&plan, PLASTIC, "unrewarded_030", NULL);
  assert_parent(&plan, FORGETTING, "unrewarded_030", "plastic/hour_024");
  assert_parent(&plan, FORGETTING, "unrewarded_360", "forgetting/unrewarded_354");
  assert_parent(&plan, CONSOLIDATED, "unrewarded_096", NULL);
  assert_parent(&plan, CONSOLIDATED, "unrewarded_102", "forgetting/unrewarded_096");
  assert_parent(&plan, CONSOLIDATED, "unrewarded_108", "consolidated/unrewarded_102");

  assert_true(plan.stages[stage_named(&plan, "hour_007")].value == 7);
  assert_true(plan.stages[stage_named(&plan, "unrewarded_102")].value == 102);
  assert_true(plan.stages[0].expected_cost[PLASTIC] == 1);
  assert_true(fabs(plan.stages[stage_named(&plan, "unrewarded_102")].expected_cost[FORGETTING] - 1.0 / 3) < 1e-12);
  assert_axis(&plan, "theta", 0, "synapse", 48937);
  assert_axis(&plan, "movement_rate", 0, "cell", 280);
  assert_axis(&plan, "movement_rate", 1, "movement_time", 140);
  assert_axis(&plan, "sampled_theta", 0, "snapshot", 6);
  assert_int_equal(plan.record.field[field_of(&plan.record, "theta")].type, ESP_F32);
  assert_int_equal(plan.record.field[field_of(&plan.record, "neuron")].type, ESP_F64);
  esp_plan_free(&plan);
  esp_config_file_free(&file);
}

/* Stages without which the experiment can do. */
static void test_shorter_tables(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    int n_arms, n_stages;
  } cases[] = {
      {"experiment: lever\nlever:\n  unrewarded_hours: 0\n", 3, 48},
      {"experiment: lever\nlever:\n  consolidation_hour: 0\n", 4, 48 + 56},
      {"experiment: lever\nlever:\n  segment_min: 30\n  unrewarded_step_hours: 12\n", 5, 96 + 28},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    esp_config_file file;
    esp_plan plan;
    assert_int_equal(plan_of(cases[i].text, &file, &plan), ESP_OK);
    assert_int_equal(plan.n_arms, cases[i].n_arms);
    assert_int_equal(plan.n_stages, cases[i].n_stages);
    esp_plan_free(&plan);
    esp_config_file_free(&file);
  }
  esp_config_file file;
  esp_plan plan;
  assert_int_equal(plan_of("experiment: lever\nlever:\n  segment_min: 30\n  consolidation_hour: 24\n", &file, &plan), ESP_OK);
  assert_parent(&plan, FIXED, "hour_024.5", "plastic/hour_024");
  assert_parent(&plan, CONSOLIDATED, "unrewarded_030", "plastic/hour_024"); /* at once */
  esp_plan_free(&plan);
  esp_config_file_free(&file);
  assert_int_equal(plan_of("experiment: lever\nsynapses:\n  waiting_h: 0\n", &file, &plan), ESP_OK);
  assert_parent(&plan, APPROXIMATE, "hour_001", NULL);
  assert_parent(&plan, APPROXIMATE, "hour_048", NULL);
  assert_parent(&plan, FIXED, "hour_025", "plastic/hour_024");
  esp_plan_free(&plan);
  esp_config_file_free(&file);
}

/* ---- every cell against a simulation by hand ---- */

typedef struct {
  esp_workspace ws;
  esp_lever_network net;
  esp_plan plan;
  esp_record state;
} by_hand;

static void start_by_hand(const esp_config *config, int member, by_hand *h)
{
  const esp_lever_options options = esp_lever_options_of(config);
  const esp_rng_key key = {.seed = config->seed, .member = (uint32_t)member, .arm = ESP_RNG_SHARED, .stage = ESP_RNG_SHARED};
  assert_int_equal(esp_workspace_create(&h->ws), ESP_OK);
  assert_int_equal(esp_lever_take(&options, &key, &h->ws, &h->net), ESP_OK);
  h->plan = (esp_plan){0};
  esp_lever_declare_state(&options, ESP_F64, &h->plan);
  h->state = (esp_record){&h->plan.record, calloc(1, h->plan.record.bytes)};
}

static void end_by_hand(by_hand *h)
{
  free(h->state.data);
  esp_plan_free(&h->plan);
  esp_workspace_free(&h->ws);
}

static double *reals(const by_hand *h, int field)
{
  return esp_record_f64(&h->state, field);
}

static int32_t *ints(const by_hand *h, int field)
{
  return esp_record_i32(&h->state, field);
}

/* What the file keeps of it: single precision. */
static void round_by_hand(by_hand *h)
{
  static const int single[] = {ESP_STATE_THETA, ESP_STATE_ELIGIBILITY, ESP_STATE_GRADIENT, ESP_STATE_PRIOR_MEAN};
  assert_int_equal(esp_lever_save(&h->net, &h->state, &h->ws), ESP_OK);
  for (int a = 0; a < 4; a++)
    for (int i = 0; i < h->net.synapses.n; i++)
      reals(h, single[a])[i] = (double)(float)reals(h, single[a])[i];
  assert_int_equal(esp_lever_load(&h->net, &h->state, &h->ws), ESP_OK);
}

static void simulate_by_hand(by_hand *h, int arm, int stage)
{
  static const esp_rewiring_rule rules[] = {ESP_RULE_EXACT, ESP_RULE_WAITING, ESP_RULE_FIXED, ESP_RULE_EXACT, ESP_RULE_EXACT};
  const bool rewarded = stage < UNREWARDED;
  const esp_lever_segment segment = {.rule = rules[arm], .switched = rewarded && stage >= 2, .rewarded = rewarded};
  if (arm == CONSOLIDATED && stage == CONSOLIDATION)
    esp_lever_consolidate(&h->net);
  if (!rewarded)
    assert_int_equal(esp_lever_drift(&h->net, 2 * 600), ESP_OK); /* 2 of 3 minutes */
  esp_lever_begin_segment(&h->net);
  assert_int_equal(esp_lever_run(&h->net, &segment, rewarded ? 1800 : 600, NULL, NULL), ESP_OK);
}

static void assert_is_by_hand(const table *t, esp_cell cell, const by_hand *h)
{
  const esp_record record = record_of(t, cell);
  const esp_lever_score score = esp_lever_scores(&h->net);
  const int n = h->net.synapses.n;
  int n_functional = 0;
  for (int i = 0; i < n; i++) {
    const float *theta = esp_record_f32(&record, field_of(&t->plan.record, "theta"));
    assert_true(theta[i] == (float)reals(h, ESP_STATE_THETA)[i]);
    assert_true(esp_record_f32(&record, field_of(&t->plan.record, "eligibility"))[i] == (float)reals(h, ESP_STATE_ELIGIBILITY)[i]);
    assert_true(esp_record_f32(&record, field_of(&t->plan.record, "gradient"))[i] == (float)reals(h, ESP_STATE_GRADIENT)[i]);
    n_functional += theta[i] >= 0;
  }
  assert_memory_equal(i32(t, cell, "last_seen"), ints(h, ESP_STATE_LAST_SEEN), (size_t)n * sizeof(int32_t));
  assert_memory_equal(i32(t, cell, "waits"), ints(h, ESP_STATE_WAITS), 5 * sizeof(int32_t));
  assert_memory_equal(i32(t, cell, "trial"), ints(h, ESP_STATE_TRIAL), sizeof(esp_lever_trial));
  assert_memory_equal(f64(t, cell, "task"), reals(h, ESP_STATE_TASK), 2 * sizeof(double));
  assert_int_equal(*i32(t, cell, "n_completed"), score.n_completed);
  assert_int_equal(*i32(t, cell, "n_timed_out"), score.n_timed_out);
  assert_int_equal(*i32(t, cell, "n_synapses"), n);
  assert_int_equal(*i32(t, cell, "n_functional"), n_functional);
  assert_true(isnan(score.mean_s) ? isnan(*f64(t, cell, "completion_time")) : *f64(t, cell, "completion_time") == score.mean_s);
  assert_true(*f64(t, cell, "exc_rate") == score.exc_hz && *f64(t, cell, "inh_rate") == score.inh_hz &&
              *f64(t, cell, "input_rate") == score.input_hz);
  assert_memory_equal(f64(t, cell, "cue_rate"), h->net.cue_hz, 11 * sizeof(double));
  assert_memory_equal(i32(t, cell, "sampled_synapse"), h->net.sampled, 7 * sizeof(int32_t));
  assert_int_equal(outcome_of(t, cell)->state, ESP_CELL_DONE);
  assert_int_equal(outcome_of(t, cell)->stop, ESP_STOP_SIMULATED);
  assert_int_equal(outcome_of(t, cell)->n_evaluations, cell.stage < UNREWARDED ? 1800 : 600);
}

/* The arm from its beginning to its end; before, with_arm up to stage `from`. */
static void assert_arm(const table *t, int member, int arm, int with_arm, int from, int to)
{
  by_hand h;
  start_by_hand(t->config, member, &h);
  for (int stage = 0; stage < to; stage++) {
    int now = stage < from ? with_arm : arm;
    if (arm >= FORGETTING && stage < UNREWARDED)
      now = PLASTIC;
    if (arm >= FORGETTING && (stage == 2 || stage == 3))
      continue; /* no reward from the switch on */
    simulate_by_hand(&h, now, stage);
    round_by_hand(&h);
    assert_is_by_hand(t, (esp_cell){member, now, stage}, &h);
  }
  end_by_hand(&h);
}

static void test_every_cell_is_what_the_modules_compute(void **state)
{
  (void)state;
  table t;
  open_table(SMALL, NULL, &t);
  assert_int_equal(t.plan.n_stages, N_STAGES);
  run_member(&t, 1);
  assert_arm(&t, 1, PLASTIC, PLASTIC, 0, UNREWARDED);
  assert_arm(&t, 1, APPROXIMATE, APPROXIMATE, 0, UNREWARDED);
  assert_arm(&t, 1, FIXED, PLASTIC, 2, UNREWARDED);
  assert_arm(&t, 1, FORGETTING, PLASTIC, 0, N_STAGES);
  assert_arm(&t, 1, CONSOLIDATED, FORGETTING, CONSOLIDATION, N_STAGES);
  const esp_cell last = {1, PLASTIC, UNREWARDED - 1}, plastic = {1, PLASTIC, 2}, fixed = {1, FIXED, 2}, held = {1, CONSOLIDATED, 7};
  assert_true(*i32(&t, last, "n_completed") > 0); /* otherwise this would be a test of nothing */
  assert_true(i32(&t, plastic, "turnover")[0] > 0 && i32(&t, fixed, "turnover")[0] == 0);
  assert_int_equal(u8(&t, held, "consolidated")[0], 1);
  for (int arm = 0; arm < N_ARMS; arm++)
    for (int stage = 0; stage < N_STAGES; stage++)
      if (esp_cell_exists(&t.plan, (esp_cell){1, arm, stage}))
        assert_int_equal(verify(&t, (esp_cell){1, arm, stage}), ESP_OK);
  close_table(&t);
}

/* ---- what is measured ---- */

/* The recording is as long as the stage: it must have what the counts have. */
static void test_recording_and_snapshots(void **state)
{
  (void)state;
  table t;
  open_table(SMALL, NULL, &t);
  const esp_cell cell = {0, PLASTIC, 0};
  assert_int_equal(run_cell(&t, cell, NULL, NULL), ESP_OK);
  int32_t counted[31] = {0};
  const int32_t n = *i32(&t, cell, "n_spikes");
  assert_true(n > 0 && n <= (int32_t)t.plan.record.count[field_of(&t.plan.record, "spike_step")]);
  for (int32_t i = 0; i < n; i++)
    counted[i32(&t, cell, "spike_cell")[i]]++;
  assert_memory_equal(counted, i32(&t, cell, "spikes"), sizeof counted);
  assert_true(i32(&t, cell, "spike_step")[n - 1] >= 179000 && i32(&t, cell, "spike_step")[n - 1] < 180000);

  int n_completed = 0;
  assert_axis(&t.plan, "lever", 0, "move", 12000);
  for (int m = 1; m < 12000; m++)
    n_completed += u8(&t, cell, "phase")[m] == ESP_LEVER_REWARD && u8(&t, cell, "phase")[m - 1] == ESP_LEVER_UP;
  assert_true(n_completed > 2);
  assert_int_equal(n_completed, *i32(&t, cell, "n_completed"));
  assert_int_equal(i32(&t, cell, "move_step")[11999], 179999);

  const esp_record record = record_of(&t, cell);
  const float *rate = esp_record_f32(&record, field_of(&t.plan.record, "movement_rate"));
  const int n_movements = *i32(&t, cell, "n_movements");
  assert_true(n_movements > 0 && n_movements <= n_completed);
  assert_true(isfinite(rate[0]) && rate[0] >= 0);

  assert_axis(&t.plan, "snapshot_functional", 0, "snapshot", 6);
  for (int row = 0; row < 6; row++)
    assert_true(fabs(f64(&t, cell, "snapshot_hour")[row] - (row + 1) / 120.0) < 1e-12);
  assert_int_equal(i32(&t, cell, "snapshot_completed")[5], n_completed);
  assert_int_equal(i32(&t, cell, "snapshot_functional")[5], *i32(&t, cell, "n_functional"));
  for (int i = 0; i < 7; i++)
    assert_true(esp_record_f32(&record, field_of(&t.plan.record, "sampled_theta"))[5 * 7 + i] ==
                esp_record_f32(&record, field_of(&t.plan.record, "theta"))[i32(&t, cell, "sampled_synapse")[i]]);
  close_table(&t);
}

/* Without reward the trials are shorter: rows that are not there are empty. */
static void test_short_stages(void **state)
{
  (void)state;
  table t;
  open_table(SMALL, NULL, &t);
  for (int stage = 0; stage < 2; stage++)
    assert_int_equal(run_cell(&t, (esp_cell){0, PLASTIC, stage}, NULL, NULL), ESP_OK);
  const esp_cell cell = {0, FORGETTING, UNREWARDED};
  assert_int_equal(run_cell(&t, cell, NULL, NULL), ESP_OK);
  const double *hour = f64(&t, cell, "snapshot_hour");
  assert_true(fabs(hour[0] - (0.15 - 0.5 / 60)) < 1e-12 && fabs(hour[1] - 0.15) < 1e-12 && isnan(hour[2]));
  assert_int_equal(i32(&t, cell, "snapshot_completed")[2], -1);
  assert_int_equal(i32(&t, cell, "move_step")[3999], 59999);
  assert_int_equal(i32(&t, cell, "move_step")[4000], -1);
  assert_true(isnan(esp_record_f32(&(esp_record){&t.plan.record, record_of(&t, cell).data}, field_of(&t.plan.record, "lever"))[4000]));
  close_table(&t);
}

/* ---- bits ---- */

/* One arm after the other instead of one stage after the other, in a workspace full of rubbish. */
static void test_order_does_not_matter(void **state)
{
  (void)state;
  table t, other;
  open_table(SMALL, NULL, &t);
  open_table(SMALL, NULL, &other);
  run_member(&t, 0);
  for (int arm = 0; arm < N_ARMS; arm++)
    for (int stage = 0; stage < N_STAGES; stage++) {
      const esp_cell cell = {0, arm, stage};
      if (!esp_cell_exists(&other.plan, cell))
        continue;
      fill_scratch(&other.ws, 0xA5);
      assert_int_equal(run_cell(&other, cell, NULL, NULL), ESP_OK);
      assert_equal_records(&t, &other, cell);
    }
  const esp_cell cell = {0, PLASTIC, 1};
  assert_int_equal(run_cell(&other, (esp_cell){1, PLASTIC, 0}, NULL, NULL), ESP_OK); /* members differ */
  assert_memory_not_equal(record_of(&t, (esp_cell){0, PLASTIC, 0}).data, record_of(&other, (esp_cell){1, PLASTIC, 0}).data, 4000);
  assert_memory_not_equal(record_of(&t, cell).data, record_of(&t, (esp_cell){0, PLASTIC, 0}).data, 4000);
  close_table(&t);
  close_table(&other);
}

static void test_a_stop_abandons_the_stage(void **state)
{
  (void)state;
  table t, straight;
  open_table(SMALL, NULL, &t);
  open_table(SMALL, NULL, &straight);
  const esp_cell cell = {0, PLASTIC, 0};
  assert_int_equal(run_cell(&straight, cell, NULL, NULL), ESP_OK);
  interruption in = {.stop_at = -1};
  const esp_stage_host host = {.stop = stop, .checkpoint = save, .context = &in};
  assert_int_equal(run_cell(&t, cell, &host, NULL), ESP_OK);
  assert_int_equal(in.n_asked, 18); /* every 10 s of 3 min */
  assert_int_equal(in.n_saved, 0);
  assert_equal_records(&straight, &t, cell);
  for (int at = 1; at <= 18; at += 8) {
    in = (interruption){.stop_at = at};
    assert_int_equal(run_cell(&t, cell, &host, NULL), ESP_ERR_STOPPED);
    assert_int_equal(in.n_asked, at);
    assert_true(t.ws.used == 0);
  }
  assert_int_equal(run_cell(&t, cell, NULL, NULL), ESP_OK);
  assert_equal_records(&straight, &t, cell);
  close_table(&t);
  close_table(&straight);
}

/* ---- what goes wrong ---- */

static void test_a_network_that_diverges_is_data(void **state)
{
  (void)state;
  table t;
  open_table(SMALL, NULL, &t);
  const esp_cell first = {0, PLASTIC, 0}, second = {0, PLASTIC, 1}, third = {0, PLASTIC, 2};
  assert_int_equal(run_cell(&t, first, NULL, NULL), ESP_OK);
  const esp_record parent = record_of(&t, first);
  float *theta = esp_record_f32(&parent, field_of(&t.plan.record, "theta"));
  int i = 0;
  while (theta[i] < 0)
    i++;
  theta[i] = NAN;
  assert_int_equal(run_cell(&t, second, NULL, NULL), ESP_OK);
  assert_int_equal(outcome_of(&t, second)->state, ESP_CELL_FAILED);
  assert_int_equal(outcome_of(&t, second)->stop, ESP_STOP_NOT_FINITE);
  assert_empty(&t, second);
  assert_int_equal(run_cell(&t, third, NULL, NULL), ESP_OK);
  assert_int_equal(outcome_of(&t, third)->stop, ESP_STOP_PARENT_FAILED);
  close_table(&t);
}

static void *element(const table *t, esp_cell cell, const char *name, int i)
{
  const int f = field_of(&t->plan.record, name);
  return record_of(t, cell).data + t->plan.record.offset[f] + (size_t)i * esp_type_bytes(t->plan.record.field[f].type);
}

/* Put a number where it does not belong, look, and put the old one back. */
static void assert_found(const table *t, esp_cell cell, const char *name, int i, double value, const char *words)
{
  const int f = field_of(&t->plan.record, name);
  void *at = element(t, cell, name, i);
  unsigned char old[8];
  const size_t bytes = esp_type_bytes(t->plan.record.field[f].type);
  memcpy(old, at, bytes);
  switch (t->plan.record.field[f].type) {
  case ESP_F64: *(double *)at = value; break;
  case ESP_F32: *(float *)at = (float)value; break;
  case ESP_I32: *(int32_t *)at = (int32_t)value; break;
  case ESP_U8: *(uint8_t *)at = (uint8_t)value; break;
  }
  if (verify(t, cell) != ESP_ERR_DATA)
    fail_msg("%s[%d] = %g is not found", name, i, value);
  if (strstr(esp_err_message(ESP_ERR_DATA), words) == NULL)
    fail_msg("%s[%d] = %g: '%s' does not say '%s'", name, i, value, esp_err_message(ESP_ERR_DATA), words);
  memcpy(at, old, bytes);
  assert_int_equal(verify(t, cell), ESP_OK);
}

static void test_verify_finds_what_is_broken(void **state)
{
  (void)state;
  table t;
  open_table(SMALL, NULL, &t);
  for (int stage = 0; stage < 2; stage++)
    assert_int_equal(run_cell(&t, (esp_cell){0, PLASTIC, stage}, NULL, NULL), ESP_OK);
  assert_int_equal(run_cell(&t, (esp_cell){0, FIXED, 2}, NULL, NULL), ESP_OK);
  const esp_cell cell = {0, PLASTIC, 1}, fixed = {0, FIXED, 2};
  const esp_record record = record_of(&t, cell);
  const float *theta = esp_record_f32(&record, field_of(&t.plan.record, "theta"));
  const int n = *i32(&t, cell, "n_synapses"), capacity = (int)t.plan.record.count[field_of(&t.plan.record, "theta")];
  int on = 0, off = 0;
  while (theta[on] < 0)
    on++;
  while (theta[off] >= 0)
    off++;
  assert_true(n < capacity);
  assert_found(&t, cell, "theta", on, 5.01, "theta[");
  assert_found(&t, cell, "theta", on, -2.01, "theta[");
  assert_found(&t, cell, "theta", on, NAN, "theta[");
  assert_found(&t, cell, "theta", on, -0.1, "not functional");
  assert_found(&t, cell, "theta", off, 0.1, "n_functional");
  assert_found(&t, cell, "theta", capacity - 1, 0, "there is no synapse");
  assert_found(&t, cell, "eligibility", off, 1e-3, "not functional");
  assert_found(&t, cell, "gradient", off, -1e-3, "not functional");
  assert_found(&t, cell, "gradient", on, INFINITY, "not finite");
  assert_found(&t, cell, "prior_mean", on, NAN, "not finite");
  assert_found(&t, cell, "consolidated", on, 2, "consolidated[");
  assert_found(&t, cell, "n_synapses", 0, n - 1, "n");
  assert_found(&t, cell, "n_synapses", 0, capacity + 1, "n_synapses");
  assert_found(&t, cell, "n_functional", 0, 3, "n_functional");
  assert_found(&t, cell, "clock", 0, 3599, "update");
  assert_found(&t, cell, "segment_start", 0, 0, "update");
  assert_found(&t, cell, "spikes", 3, 1, "input_rate");
  assert_found(&t, cell, "exc_rate", 0, NAN, "exc_rate");
  assert_found(&t, cell, "inh_rate", 0, 100, "inh_rate");
  assert_found(&t, cell, "n_completed", 0, 1000, "snapshot_completed");
  assert_found(&t, cell, "snapshot_completed", 2, 1000, "snapshot_completed");
  assert_found(&t, cell, "snapshot_timed_out", 5, -1, "snapshot_timed_out");
  assert_found(&t, cell, "snapshot_functional", 5, 0, "snapshot_functional");
  assert_found(&t, cell, "completion_time", 0, 9.9, "completion_time");
  assert_found(&t, cell, "completion_time", 0, NAN, "completion_time");
  assert_found(&t, cell, "turnover", 0, 0, "functional synapses");
  assert_found(&t, cell, "n_spikes", 0, -1, "n_spikes");
  assert_found(&t, cell, "n_spikes", 0, 10, "there are 10 spikes");
  assert_found(&t, cell, "spike_cell", 5, 31, "spike 5");
  assert_found(&t, cell, "spike_step", 5, 180001, "spike 5");
  float *change = element(&t, fixed, "theta", on); /* one goes and another comes: the numbers stay the same */
  float *other = element(&t, fixed, "theta", off);
  const float was = *change, other_was = *other;
  if (was >= 0 && other_was < 0) {
    *change = other_was;
    *other = was;
    memset(element(&t, fixed, "eligibility", on), 0, sizeof(float));
    memset(element(&t, fixed, "gradient", on), 0, sizeof(float));
    assert_int_equal(verify(&t, fixed), ESP_ERR_DATA);
    assert_non_null(strstr(esp_err_message(ESP_ERR_DATA), "fixed"));
  } else {
    fail_msg("synapses %d and %d changed although the connectome is fixed", on, off);
  }
  close_table(&t);
}

static void test_its_time_can_be_measured(void **state)
{
  (void)state;
  table t;
  double seconds = -1;
  open_table(SMALL, NULL, &t);
  assert_int_equal(esp_seconds_per_cost(t.config, &seconds), ESP_OK);
  assert_true(seconds > 0 && seconds < 3600);
  assert_null(t.experiment->analyse);
  close_table(&t);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_table_of_the_figure),
      cmocka_unit_test(test_shorter_tables),
      cmocka_unit_test(test_every_cell_is_what_the_modules_compute),
      cmocka_unit_test(test_recording_and_snapshots),
      cmocka_unit_test(test_short_stages),
      cmocka_unit_test(test_order_does_not_matter),
      cmocka_unit_test(test_a_stop_abandons_the_stage),
      cmocka_unit_test(test_a_network_that_diverges_is_data),
      cmocka_unit_test(test_verify_finds_what_is_broken),
      cmocka_unit_test(test_its_time_can_be_measured),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
