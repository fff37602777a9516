/* tests/unit/test_experiment.c - what the experiments declare, and what must hold in every cell they compute. */
#include "table.h"

#include "espalier/kernel.h"

enum { PRUNED, TWIN }; /* arms of dms */

static const char *const tiny_dms = "experiment: dms\nseed: 7\nensemble: {members: 3}\nnetwork: {n_hid: 4}\n"
                                    "training: {steps_per_call: 12, max_calls: 2, start_episodes: 2, window: 4}\n"
                                    "ladder: {fractions: [0.3, 0.5, 0.7]}\n"
                                    "transfer: {from: 0.5, calls: 3, members: 2}\n";
static const char *const tiny_scratch = "experiment: scratch\nseed: 7\nensemble: {members: 2}\nnetwork: {n_hid: 4}\n"
                                        "training: {steps_per_call: 12, window: 4}\nscratch: {calls: 2}\n";

/* ---- plans ---- */

static void assert_fields_fit(const esp_plan *plan)
{
  const esp_layout *layouts[] = {&plan->record, &plan->resume};
  for (int l = 0; l < 2; l++) {
    size_t end = 0;
    for (int f = 0; f < layouts[l]->n_fields; f++) {
      const esp_field *field = &layouts[l]->field[f];
      size_t count = 1;
      for (int a = 0; a < field->n_axes; a++)
        count *= (size_t)plan->axes[field->axis[a]].length;
      assert_true(layouts[l]->count[f] == count);
      assert_true(layouts[l]->offset[f] == (end + 7) / 8 * 8);
      assert_true(field->long_name && field->long_name[0] && field->unit);
      end = layouts[l]->offset[f] + count * esp_type_bytes(field->type);
    }
    assert_true(layouts[l]->bytes == (end + 7) / 8 * 8);
  }
  const int n_trained = plan->resume.n_fields - 2; /* the state of a half-trained stage begins like a record */
  for (int f = 0; f < n_trained; f++) {
    assert_string_equal(plan->record.field[f].name, plan->resume.field[f].name);
    assert_true(plan->record.offset[f] == plan->resume.offset[f]);
  }
  assert_string_equal(plan->resume.field[n_trained].name, "episode");
  assert_string_equal(plan->record.field[n_trained].name, "probe_response");
  /* the three weight matrices are one vector */
  const int w_in = field_of(&plan->record, "w_in"), w_rec = field_of(&plan->record, "w_rec");
  const int w_out = field_of(&plan->record, "w_out");
  assert_true(plan->record.offset[w_rec] == plan->record.offset[w_in] + plan->record.count[w_in] * sizeof(double));
  assert_true(plan->record.offset[w_out] == plan->record.offset[w_rec] + plan->record.count[w_rec] * sizeof(double));
}

static void plan_of_dms_is_the_ladder(void **state)
{
  (void)state;
  table t;
  open_table(tiny_dms, NULL, &t);
  static const char *const names[] = {"start", "rung_0.30", "rung_0.50", "rung_0.70", "transfer"};
  static const int parents[] = {ESP_NO_PARENT, 0, 1, 2, 2}; /* transfer grows from rung 0.5 */
  static const double fractions[] = {0, 0.3, 0.5, 0.7, 0.5};
  assert_string_equal(t.plan.experiment, "dms");
  assert_int_equal(t.plan.n_stages, 5);
  assert_int_equal(t.plan.n_members, 3);
  assert_int_equal(t.plan.n_arms, 2);
  assert_string_equal(t.plan.arm_name[PRUNED], "pruned");
  assert_string_equal(t.plan.arm_name[TWIN], "twin");
  for (int stage = 0; stage < 5; stage++) {
    assert_string_equal(t.plan.stages[stage].name, names[stage]);
    assert_true(t.plan.stages[stage].value == fractions[stage]);
    assert_int_equal(t.plan.stages[stage].n_members, stage < 4 ? 3 : 2);
    for (int arm = 0; arm < 2; arm++) {
      esp_cell parent;
      const bool has_parent = esp_cell_parent(&t.plan, (esp_cell){1, arm, stage}, &parent);
      assert_int_equal(has_parent, stage > 0 || arm == TWIN);
      assert_int_equal(t.plan.stages[stage].copy[arm], stage == 0 && arm == TWIN);
      if (has_parent) {
        assert_int_equal(parent.member, 1);
        assert_int_equal(parent.arm, stage == 0 ? PRUNED : arm);
        assert_int_equal(parent.stage, stage == 0 ? 0 : parents[stage]);
      }
    }
  }
  assert_int_equal(esp_plan_n_slots(&t.plan), 30);
  assert_int_equal(esp_plan_n_cells(&t.plan), 28);
  assert_slots_turn_back(&t.plan);
  assert_fields_fit(&t.plan);
  assert_axis(&t.plan, "w_rec", 0, "post", 4);
  assert_axis(&t.plan, "w_rec", 1, "pre", 4);
  assert_axis(&t.plan, "w_in", 1, "input", 6);
  assert_axis(&t.plan, "loss_curve", 0, "call", 3); /* the longest: transfer */
  assert_axis(&t.plan, "episode_loss", 0, "episode", 2);
  close_table(&t);

  open_table("experiment: dms\n", NULL, &t); /* the paper's */
  assert_int_equal(t.plan.n_stages, 20);
  assert_string_equal(t.plan.stages[13].name, "rung_0.70");
  assert_int_equal(t.plan.stages[19].parent[PRUNED].stage, 13);
  assert_int_equal(t.plan.stages[19].n_members, 100);
  close_table(&t);
  open_table(tiny_dms, "transfer.from=0", &t);
  assert_int_equal(t.plan.n_stages, 4);
  close_table(&t);
}

static void plan_of_scratch_is_two_stages(void **state)
{
  (void)state;
  table t;
  esp_cell parent;
  open_table(tiny_scratch, NULL, &t);
  assert_string_equal(t.plan.experiment, "scratch");
  assert_int_equal(t.plan.n_stages, 2);
  assert_string_equal(t.plan.arm_name[0], "pruned_first");
  assert_string_equal(t.plan.arm_name[1], "dense");
  assert_string_equal(t.plan.stages[0].name, "old_cues");
  assert_string_equal(t.plan.stages[1].name, "new_cues");
  for (int arm = 0; arm < 2; arm++) {
    assert_false(esp_cell_parent(&t.plan, (esp_cell){0, arm, 0}, &parent));
    assert_true(esp_cell_parent(&t.plan, (esp_cell){0, arm, 1}, &parent));
    assert_true(parent.arm == arm && parent.stage == 0);
    assert_false(t.plan.stages[0].copy[arm] || t.plan.stages[1].copy[arm]);
  }
  assert_int_equal(esp_plan_n_cells(&t.plan), 8);
  assert_slots_turn_back(&t.plan);
  assert_fields_fit(&t.plan);
  close_table(&t);
}

/* ---- cells ---- */

static void cells_are_pure_functions(void **state)
{
  (void)state;
  const char *const texts[] = {tiny_dms, tiny_scratch};
  for (int which = 0; which < 2; which++) {
    table first, second;
    open_table(texts[which], NULL, &first);
    open_table(texts[which], NULL, &second);
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
}

static void assert_ladder_is_sound(const table *t, int member)
{
  const int n = t->config->network.n_hid, n_weights = n * 6 + n * n + n;
  for (int stage = 0; stage < t->plan.n_stages; stage++)
    for (int arm = 0; arm < 2; arm++) {
      const esp_cell cell = {member, arm, stage};
      esp_cell parent;
      if (!esp_cell_exists(&t->plan, cell))
        continue;
      assert_int_equal(outcome_of(t, cell)->state, ESP_CELL_DONE);
      const double fraction = arm == PRUNED ? t->plan.stages[stage].value : 0;
      assert_int_equal(count_removed(t, cell), (int)floor(fraction * n * n + 1e-9));
      assert_true(*f64(t, cell, "sparsity") == (double)count_removed(t, cell) / (n * n));
      const uint8_t *mask = u8(t, cell, "mask");
      const uint8_t *before = esp_cell_parent(&t->plan, cell, &parent) ? u8(t, parent, "mask") : mask;
      for (int i = 0; i < n * n; i++) {
        assert_true(mask[i] <= before[i]);
        if (mask[i] == 0 && t->config->training.scg != ESP_SCG_DEPOSITED)
          assert_true(f64(t, cell, "w_rec")[i] == 0.0 && !signbit(f64(t, cell, "w_rec")[i]));
      }
      for (int i = 0; i < n_weights; i++)
        assert_true(isfinite(f64(t, cell, "w_in")[i]));
      const int n_calls = *i32(t, cell, "n_calls");
      assert_true(*f64(t, cell, "loss") == f64(t, cell, "loss_curve_end")[n_calls - 1]);
      assert_true(*f64(t, cell, "loss_last_call") == f64(t, cell, "loss_curve")[n_calls - 1]);
      assert_true(*f64(t, cell, "loss") <= f64(t, cell, "loss_curve")[0]);
      if (verify(t, cell) != ESP_OK)
        fail_msg("arm %d, stage %d: %s", arm, stage, esp_err_message(ESP_ERR_DATA));
    }
}

static void ladders_keep_their_promises(void **state)
{
  (void)state;
  static const char *const sets[] = {NULL,
                                     "training.scg=deposited",
                                     "training.scg=moller",
                                     "ladder.criterion=random",
                                     "ladder.ties=column_major",
                                     "network.readout=latent",
                                     "network.input_lag=1",
                                     "task.input_noise_sd=0.1",
                                     "transfer.new_cues=new_only",
                                     "ladder.noise=paired"};
  double losses[sizeof sets / sizeof *sets];
  for (size_t s = 0; s < sizeof sets / sizeof *sets; s++) {
    table t;
    open_table(tiny_dms, sets[s], &t);
    run_member(&t, 1);
    assert_ladder_is_sound(&t, 1);
    const esp_cell start = {1, PRUNED, 0}, twin_start = {1, TWIN, 0}, last = {1, TWIN, 3}, transfer = {1, PRUNED, 4};
    const esp_record a = record_of(&t, start), b = record_of(&t, twin_start);
    assert_memory_equal(a.data, b.data, t.plan.record.bytes);
    assert_int_equal(outcome_of(&t, twin_start)->stop, ESP_STOP_COPIED);
    assert_int_equal(outcome_of(&t, twin_start)->n_evaluations, 0);
    assert_int_equal(outcome_of(&t, last)->stop, ESP_STOP_MAX_CALLS);
    assert_int_equal(*i32(&t, last, "n_calls"), 2);
    assert_int_equal(*i32(&t, transfer, "n_calls"), 3);
    assert_true(isnan(f64(&t, last, "loss_curve")[2]) && i32(&t, last, "call_steps")[2] == -1);
    assert_true(isfinite(f64(&t, start, "episode_loss")[1]) && isnan(f64(&t, last, "episode_loss")[1]));
    losses[s] = *f64(&t, transfer, "loss");
    close_table(&t);
    for (size_t other = 0; other < s; other++) /* here are neither ten failures in a row nor ties; the rest shows */
      if (losses[other] == losses[s] && s != 1 && s != 4)
        fail_msg("%s changes nothing", sets[s]);
  }
}

static void one_shot_pruning_works(void **state)
{
  (void)state;
  table t;
  open_table("experiment: dms\nensemble: {members: 1}\nnetwork: {n_hid: 5}\n"
             "training: {steps_per_call: 10, max_calls: 1, start_episodes: 1, window: 4}\n"
             "ladder: {fractions: [0.7], criterion: random}\ntransfer: {from: 0}\n",
             NULL, &t);
  assert_int_equal(t.plan.n_stages, 2);
  run_member(&t, 0);
  assert_ladder_is_sound(&t, 0);
  assert_int_equal(count_removed(&t, (esp_cell){0, PRUNED, 1}), 17);
  close_table(&t);
}

static void scratch_prunes_a_common_start(void **state)
{
  (void)state;
  table t;
  open_table(tiny_scratch, "training.steps_per_call=1", &t);
  run_member(&t, 0);
  for (int stage = 0; stage < 2; stage++) {
    assert_int_equal(count_removed(&t, (esp_cell){0, 0, stage}), 11);
    assert_int_equal(count_removed(&t, (esp_cell){0, 1, stage}), 0);
    for (int arm = 0; arm < 2; arm++) {
      assert_int_equal(verify(&t, (esp_cell){0, arm, stage}), ESP_OK);
      assert_int_equal(*i32(&t, (esp_cell){0, arm, stage}, "n_calls"), 2); /* all are made */
    }
  }
  close_table(&t);
}

/* Where nothing is removed yet (0.05 of 16 is less than one) both arms begin a rung with equal networks: what their losses
 * tell apart are the training sets. */
static void paired_arms_see_the_same_trials(void **state)
{
  (void)state;
  for (int paired = 0; paired < 2; paired++) {
    table t;
    open_table("experiment: dms\nensemble: {members: 1}\nnetwork: {n_hid: 4}\n"
               "training: {steps_per_call: 10, max_calls: 1, start_episodes: 1, window: 4}\n"
               "ladder: {fractions: [0.05]}\ntransfer: {from: 0}\n",
               paired ? "ladder.noise=paired" : "ladder.noise=independent", &t);
    run_member(&t, 0);
    const esp_cell pruned = {0, PRUNED, 1}, twin = {0, TWIN, 1};
    assert_int_equal(count_removed(&t, pruned), 0);
    assert_int_equal(f64(&t, pruned, "loss_curve")[0] == f64(&t, twin, "loss_curve")[0], paired);
    assert_true(f64(&t, pruned, "loss_curve")[0] != *f64(&t, (esp_cell){0, PRUNED, 0}, "loss")); /* a new set for the rung */
    close_table(&t);
  }
}

/* How arms share noise begins with the first rung: the start is the same either way. */
static void pairing_leaves_the_start_alone(void **state)
{
  (void)state;
  static const char *const text = "experiment: dms\nensemble: {members: 2}\nnetwork: {n_hid: 4}\ntask: {input_noise_sd: 0.1}\n"
                                  "training: {steps_per_call: 10, max_calls: 2, start_episodes: 2, window: 4}\n"
                                  "ladder: {fractions: [0.05, 0.5]}\ntransfer: {from: 0}\n";
  table paired, independent;
  open_table(text, "ladder.noise=paired", &paired);
  open_table(text, "ladder.noise=independent", &independent);
  for (int member = 0; member < 2; member++) {
    const esp_cell first_rung[2] = {{member, PRUNED, 1}, {member, TWIN, 1}};
    run_member(&paired, member);
    run_member(&independent, member);
    for (int arm = 0; arm < 2; arm++) {
      assert_equal_records(&paired, &independent, (esp_cell){member, arm, 0});
      assert_true(*f64(&paired, first_rung[arm], "loss") != *f64(&independent, first_rung[arm], "loss"));
    }
    /* nothing is removed in the first rung: shared sets, inputs too, make equal networks of equal ones */
    const esp_record pruned = record_of(&paired, first_rung[PRUNED]), twin = record_of(&paired, first_rung[TWIN]);
    assert_int_equal(count_removed(&paired, first_rung[PRUNED]), 0);
    assert_memory_equal(pruned.data, twin.data, paired.plan.record.bytes);
    assert_true(*f64(&independent, first_rung[PRUNED], "loss") != *f64(&independent, first_rung[TWIN], "loss"));
  }
  close_table(&paired);
  close_table(&independent);
}

/* ---- failure ---- */

static void failure_is_an_outcome_and_is_inherited(void **state)
{
  (void)state;
  table t;
  open_table(tiny_dms, NULL, &t);
  run_member(&t, 0);
  for (int i = 0; i < 4 * 6 + 4 * 4 + 4; i++)
    f64(&t, (esp_cell){0, PRUNED, 0}, "w_in")[i] *= 1e200;
  for (int stage = 1; stage < t.plan.n_stages; stage++) {
    const esp_cell cell = {0, PRUNED, stage};
    assert_int_equal(run_cell(&t, cell, NULL, NULL), ESP_OK);
    assert_int_equal(outcome_of(&t, cell)->state, ESP_CELL_FAILED);
    assert_int_equal(outcome_of(&t, cell)->stop, stage == 1 ? ESP_STOP_NOT_FINITE : ESP_STOP_PARENT_FAILED);
    assert_int_equal(outcome_of(&t, cell)->n_evaluations > 0, stage == 1);
    assert_empty(&t, cell);
  }
  *outcome_of(&t, (esp_cell){0, PRUNED, 0}) = (esp_outcome){.state = ESP_CELL_FAILED}; /* a copy of it fails as well */
  assert_int_equal(run_cell(&t, (esp_cell){0, TWIN, 0}, NULL, NULL), ESP_OK);
  assert_int_equal(outcome_of(&t, (esp_cell){0, TWIN, 0})->stop, ESP_STOP_PARENT_FAILED);
  assert_empty(&t, (esp_cell){0, TWIN, 0});
  close_table(&t);
}

/* ---- interruptions ---- */

/* Each cell again from each of its boundaries, and stopped at several steps and gone on with. */
static void assert_resumes(const char *text, const char *set, esp_cell cell, int n_boundaries)
{
  table straight, again;
  interruption in = {0};
  const esp_stage_host host = {stop, save, &in};
  open_table(text, set, &straight);
  open_table(text, set, &again);
  run_member(&straight, 0);
  run_member(&again, 0);
  assert_int_equal(run_cell(&again, cell, &host, NULL), ESP_OK);
  assert_equal_records(&straight, &again, cell);
  assert_int_equal(in.n_saved, n_boundaries);
  const int n_steps = in.n_asked;
  for (int boundary = 0; boundary < n_boundaries; boundary++) {
    const esp_record resume = {&again.plan.resume, in.saved[boundary]};
    fill_scratch(&again.ws, 0x5a);
    assert_int_equal(run_cell(&again, cell, NULL, &resume), ESP_OK);
    assert_equal_records(&straight, &again, cell);
  }
  discard(&in);
  for (int stop_at = 1; stop_at <= n_steps; stop_at += 7) {
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
  assert_resumes(tiny_dms, NULL, (esp_cell){0, PRUNED, 0}, 3); /* two episodes of two calls */
  assert_resumes(tiny_dms, NULL, (esp_cell){0, PRUNED, 2}, 1);
  assert_resumes(tiny_dms, NULL, (esp_cell){0, TWIN, 3}, 1);
  assert_resumes(tiny_dms, NULL, (esp_cell){0, PRUNED, 4}, 2);
  assert_resumes(tiny_dms, "training.scg=deposited", (esp_cell){0, PRUNED, 4}, 2);
  assert_resumes(tiny_dms, "task.input_noise_sd=0.1", (esp_cell){0, PRUNED, 0}, 3);
  assert_resumes(tiny_scratch, NULL, (esp_cell){0, 0, 0}, 1);
  assert_resumes(tiny_scratch, NULL, (esp_cell){0, 1, 1}, 1);
}

/* ---- memory ---- */

static void a_member_needs_the_same_again(void **state)
{
  (void)state;
  static const int sizes[] = {1, 2, 3, 5, 7, 8, 9, 13, 16, 17, 24, 30, 33, 40};
  static const char *const sets[] = {"network.input_lag=1", "task.input_noise_sd=0.1", "transfer.new_cues=new_only",
                                     "transfer.from=0", "task.trials_per_condition=1"};
  char text[512];
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
    for (size_t which = 0; which < 2 * sizeof sets / sizeof *sets; which++) {
      const bool dms = which % 2 == 0;
      const char *set = sets[which / 2];
      if (!dms && strncmp(set, "transfer", 8) == 0)
        set = "scratch.new_cues=new_only";
      snprintf(text, sizeof text,
               "experiment: %s\nensemble: {members: 1}\nnetwork: {n_hid: %d}\ntraining: {steps_per_call: 2%s}\n%s",
               dms ? "dms" : "scratch", sizes[s], dms ? ", max_calls: 1, start_episodes: 1" : "",
               dms ? "ladder: {fractions: [0.5]}\ntransfer: {from: 0.5, calls: 2, members: 1}\n" : "scratch: {calls: 1}\n");
      table t;
      open_table(text, set, &t);
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
  open_table(tiny_dms, NULL, &t);
  run_member(&t, 0);
  const esp_cell cell = {0, PRUNED, 3}, parent = {0, PRUNED, 2}, twin = {0, TWIN, 3};
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
  assert_int_equal(verify(&t, cell), ESP_OK);
  for (int fault = 0; fault < 16; fault++) {
    memcpy(record.data, sound, t.plan.record.bytes);
    switch (fault) {
    case 0: mask[kept] = 0, w_rec[kept] = 0; break;             /* one too many is removed      */
    case 1: mask[removed] = 1; break;                           /* one too few                  */
    case 2: mask[kept] = 0, w_rec[kept] = 0, mask[removed_before] = 1; break; /* right number, but not nested */
    case 3: w_rec[removed] = 1e-300; break;
    case 4: w_rec[removed] = -0.0; break;
    case 5: mask[kept] = 2; break;
    case 6: w_rec[kept] = NAN; break;
    case 7: f64(&t, cell, "w_out")[3] = INFINITY; break;
    case 8: *f64(&t, cell, "loss") = NAN; break;
    case 9: f64(&t, cell, "loss_curve")[1] = NAN; break;
    case 10: *i32(&t, cell, "n_calls") = 0; break;
    case 12: *f64(&t, cell, "loss_last_call") = INFINITY; break;
    case 13: f64(&t, cell, "loss_curve_end")[0] = NAN; break;
    case 14: f64(&t, cell, "episode_loss")[0] = NAN; break;
    case 15: *f64(&t, cell, "sparsity") += 0.01; break;
    case 11: *i32(&t, cell, "n_calls") = 4; break;              /* more than there is room for  */
    }
    if (verify(&t, cell) != ESP_ERR_DATA)
      fail_msg("fault %d was not seen", fault);
    assert_string_not_equal(esp_err_message(ESP_ERR_DATA), esp_err_sentence(ESP_ERR_DATA));
  }
  memcpy(record.data, sound, t.plan.record.bytes);
  assert_int_equal(verify(&t, cell), ESP_OK);
  u8(&t, twin, "mask")[5] = 0;
  f64(&t, twin, "w_rec")[5] = 0;
  assert_int_equal(verify(&t, twin), ESP_ERR_DATA); /* a twin keeps everything */
  free(sound);
  close_table(&t);
}

static void measuring_takes_a_moment(void **state)
{
  (void)state;
  const char *const texts[] = {tiny_dms, tiny_scratch};
  for (int which = 0; which < 2; which++) {
    table t;
    double seconds = -1;
    open_table(texts[which], NULL, &t);
    assert_int_equal(esp_seconds_per_cost(t.config, &seconds), ESP_OK);
    assert_true(seconds > 0 && seconds < 10);
    close_table(&t);
  }
}

static void stop_reasons_have_names(void **state)
{
  (void)state;
  assert_string_equal(esp_stop_reason_name(ESP_STOP_CONVERGED), "converged");
  assert_string_equal(esp_stop_reason_name(ESP_STOP_MAX_CALLS), "max_calls");
  assert_string_equal(esp_stop_reason_name(ESP_STOP_COPIED), "copied");
  assert_string_equal(esp_stop_reason_name(ESP_STOP_NOT_FINITE), "not_finite");
  assert_string_equal(esp_stop_reason_name(ESP_STOP_PARENT_FAILED), "parent_failed");
}

static int one_thread(void **state)
{
  (void)state;
  esp_one_thread();
  return 0;
}

/* ---- what is measured in a finished network ---- */

/* Each measure beside what follows from the weights without it. */
static void measures_fit_the_network(void **state)
{
  (void)state;
  enum { N = 6 };
  table t;
  open_table("experiment: dms\nensemble: {members: 2}\nnetwork: {n_hid: 6}\n"
             "training: {steps_per_call: 40, max_calls: 3, start_episodes: 1, window: 4}\n"
             "ladder: {fractions: [0.5]}\ntransfer: {from: 0}\nprobe: {onsets: [20, 30], strengths: [0, 0.5, 3]}\n", NULL, &t);
  for (int member = 0; member < 2; member++) {
    run_member(&t, member);
    const esp_cell cell = {member, PRUNED, 1};
    const double *w = f64(&t, cell, "w_rec"), *singular = f64(&t, cell, "singular_value");
    const uint8_t *correct = u8(&t, cell, "probe_correct");
    const double *response = f64(&t, cell, "probe_response");
    double frobenius = 0, squares = 0, n_probed = 0, n_unprobed = 0;
    int n_left = 0, n_counted = 0;
    for (int i = 0; i < N * N; i++) {
      frobenius += w[i] * w[i];
      n_left += w[i] != 0.0;
    }
    for (int i = 0; i < N; i++) {
      squares += singular[i] * singular[i];
      assert_true(i == 0 || singular[i] <= singular[i - 1]);
      assert_true(i == 0 || f64(&t, cell, "lyapunov")[i] <= f64(&t, cell, "lyapunov")[i - 1]);
      assert_true(i == 0 || f64(&t, cell, "pca_variance")[i] <= f64(&t, cell, "pca_variance")[i - 1]);
    }
    assert_true(fabs(squares / frobenius - 1) <= 1e-12);
    for (int i = 0; i < 61; i++)
      n_counted += i32(&t, cell, "weight_histogram")[i];
    assert_int_equal(n_counted, n_left);
    assert_int_equal(*i32(&t, cell, "n_revived"), 0);
    assert_true(*f64(&t, cell, "lyapunov_max") == f64(&t, cell, "lyapunov")[0]);
    for (int i = 0; i < 13; i++)
      assert_true(f64(&t, cell, "contraction")[i] > 0 && f64(&t, cell, "contraction_published")[i] > 0);
    for (int onset = 0; onset < 2; onset++)
      for (int strength = 0; strength < 3; strength++)
        for (int condition = 0; condition < 4; condition++) {
          const int i = (onset * 3 + strength) * 4 + condition;
          assert_int_equal(correct[i], response[i] * (condition < 2 ? 1 : -1) > 0);
          *(strength ? &n_probed : &n_unprobed) += correct[i];
          if (strength == 0) /* without a distractor its onset does not matter */
            assert_true(response[i] == response[condition]);
        }
    assert_true(*f64(&t, cell, "probed_correct") == n_probed / 16 && *f64(&t, cell, "unprobed_correct") == n_unprobed / 8);
  }
  close_table(&t);
}

/* Measured again with the same config: the same bits; with another grid: only the probes change. */
static void measures_can_be_taken_again(void **state)
{
  (void)state;
  table t, other;
  open_table(tiny_dms, NULL, &t);
  open_table(tiny_dms, "probe.strengths=[0.1, 0.9]", &other);
  run_member(&t, 0);
  const esp_cell cell = {0, PRUNED, 2};
  esp_record record = record_of(&t, cell), again = record_of(&other, cell);
  unsigned char *const before = malloc(t.plan.record.bytes);
  memcpy(before, record.data, t.plan.record.bytes);
  assert_int_equal(t.experiment->analyse(t.config, cell, &record, &t.ws), ESP_OK);
  assert_memory_equal(record.data, before, t.plan.record.bytes);
  esp_record_clear(&again);
  memcpy(again.data, record.data, t.plan.record.offset[field_of(&t.plan.record, "probe_response")]);
  assert_int_equal(other.experiment->analyse(other.config, cell, &again, &other.ws), ESP_OK);
  assert_memory_equal(f64(&other, cell, "lyapunov"), f64(&t, cell, "lyapunov"), 4 * sizeof(double));
  assert_int_equal(other.plan.record.count[field_of(&other.plan.record, "probe_response")], 6 * 2 * 4);
  assert_true(isnan(*f64(&other, cell, "unprobed_correct"))); /* no strength is 0 */
  free(before);
  close_table(&t);
  close_table(&other);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(measures_fit_the_network),
      cmocka_unit_test(measures_can_be_taken_again),
      cmocka_unit_test(plan_of_dms_is_the_ladder),
      cmocka_unit_test(plan_of_scratch_is_two_stages),
      cmocka_unit_test(cells_are_pure_functions),
      cmocka_unit_test(ladders_keep_their_promises),
      cmocka_unit_test(one_shot_pruning_works),
      cmocka_unit_test(scratch_prunes_a_common_start),
      cmocka_unit_test(paired_arms_see_the_same_trials),
      cmocka_unit_test(pairing_leaves_the_start_alone),
      cmocka_unit_test(failure_is_an_outcome_and_is_inherited),
      cmocka_unit_test(interrupted_cells_have_the_bits_of_straight_ones),
      cmocka_unit_test(a_member_needs_the_same_again),
      cmocka_unit_test(verify_sees_tampering),
      cmocka_unit_test(measuring_takes_a_moment),
      cmocka_unit_test(stop_reasons_have_names),
  };
  return cmocka_run_group_tests(tests, one_thread, NULL);
}
