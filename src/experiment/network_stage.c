/* experiment/network_stage.c */
#include "network_stage.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "espalier/episode.h"
#include "network_measures.h"

/* Beyond the fields of the record, the state of a half-trained stage says where it was. */
enum { RESUME_EPISODE = NET_N_TRAINED, RESUME_EVALUATIONS };

esp_rnn_shape esp_network_shape(const esp_config *config)
{
  return (esp_rnn_shape){.n_hid = config->network.n_hid,
                         .n_in = ESP_DMS_N_IN,
                         .n_out = ESP_DMS_N_OUT,
                         .readout = config->network.readout};
}

void esp_network_declare(const esp_config *config, int max_calls, int n_episodes, esp_plan *plan)
{
  const int n = config->network.n_hid;
  const int post = esp_plan_add_axis(plan, "post", n, "1", "hidden unit that receives (row of W_rec and W_in)", NULL);
  const int pre = esp_plan_add_axis(plan, "pre", n, "1", "hidden unit that sends (column of W_rec)", NULL);
  const int unit = esp_plan_add_axis(plan, "unit", n, "1", "hidden unit that is read out", NULL);
  const int input = esp_plan_add_axis(
      plan, "input", ESP_DMS_N_IN, "1",
      "input channel: 1 constant, 2 cue 1, 3 cue 2, 4 end, 5 start, 6 start and response (new cues: 4 cue 1, 5 cue 2)", NULL);
  const int output = esp_plan_add_axis(plan, "output", ESP_DMS_N_OUT, "1", "output: +1 match, -1 non-match", NULL);
  const int call = esp_plan_add_axis(plan, "call", max_calls, "1", "training call of the last episode", NULL);
  const int episode = esp_plan_add_axis(plan, "episode", n_episodes, "1", "episode: training on one frozen set", NULL);

  const esp_field fields[NET_N_TRAINED] = {
      [NET_W_IN] = {"w_in", ESP_F64, 2, {post, input}, "1", "input weights W_in (paper: B)", false},
      [NET_W_REC] = {"w_rec", ESP_F64, 2, {post, pre}, "1", "recurrent weights W_rec (paper: A); removed ones are exactly 0, but scg: deposited can revive some",
                     false},
      [NET_W_OUT] = {"w_out", ESP_F64, 2, {output, unit}, "1", "readout weights W_out (paper: C)", false},
      [NET_MASK] = {"mask", ESP_U8, 2, {post, pre}, "1", "1: recurrent weight kept, 0: removed by pruning", false},
      [NET_LOSS] = {"loss", ESP_F64, 0, {0}, "1", "loss E on the training set at the end of the last call", true},
      [NET_LOSS_LAST_CALL] = {"loss_last_call", ESP_F64, 0, {0}, "1",
                              "loss E at the start of the last call (the final loss of the published analysis)", false},
      [NET_N_CALLS] = {"n_calls", ESP_I32, 0, {0}, "1",
                       "training calls of the last episode (the CG iterations of the paper's Fig. 1I)", true},
      [NET_SPARSITY] = {"sparsity", ESP_F64, 0, {0}, "1", "fraction of recurrent weights that the mask removes", false},
      [NET_LOSS_CURVE] = {"loss_curve", ESP_F64, 1, {call}, "1", "loss E at the start of each call; NaN: no such call", false},
      [NET_LOSS_CURVE_END] = {"loss_curve_end", ESP_F64, 1, {call}, "1",
                              "loss E at the end of each call; NaN: no such call", false},
      [NET_CALL_END] = {"call_end", ESP_U8, 1, {call}, "1",
                        "why each call ended: 0 no call, 1 converged, 2 all steps made, 3 not finite, 4 stationary", false},
      [NET_CALL_STEPS] = {"call_steps", ESP_I32, 1, {call}, "1", "SCG steps of each call; -1: no such call", false},
      [NET_EPISODE_LOSS] = {"episode_loss", ESP_F64, 1, {episode}, "1",
                            "loss E at the end of each episode; NaN: no such episode", false},
      [NET_EPISODE_N_CALLS] = {"episode_n_calls", ESP_I32, 1, {episode}, "1",
                               "training calls of each episode; -1: no such episode", false},
  };
  for (int f = 0; f < NET_N_TRAINED; f++) {
    esp_layout_add(plan, &plan->record, fields[f]);
    esp_layout_add(plan, &plan->resume, fields[f]);
  }
  esp_network_declare_measures(config, plan);
  esp_layout_add(plan, &plan->resume,
                 (esp_field){"episode", ESP_I32, 0, {0}, "1", "episode in training, counted from 0", false});
  esp_layout_add(plan, &plan->resume,
                 (esp_field){"n_evaluations", ESP_F64, 0, {0}, "1", "gradients computed so far", false});
}

/* ---- the network a stage starts from ---- */

/* Start weights of the published code: W_in 0.2 randn, W_rec 0.1 randn + 0.5 I, W_out 0.2 randn. */
static void random_start(const esp_stage_context *context, esp_record *record)
{
  const esp_config *config = context->config;
  const esp_rnn_shape shape = esp_network_shape(config);
  const esp_rng_key key = {.seed = config->seed,
                           .member = (uint32_t)context->cell.member,
                           .arm = ESP_RNG_SHARED,
                           .stage = ESP_RNG_SHARED,
                           .purpose = ESP_RNG_START_WEIGHTS};
  double *w = esp_record_f64(record, NET_W_IN);
  const size_t w_rec = esp_rnn_w_rec_offset(&shape), w_out = esp_rnn_w_out_offset(&shape);
  for (size_t i = 0; i < esp_rnn_n_weights(&shape); i++) {
    const double sd = i < w_rec   ? config->network.w_in_sd
                      : i < w_out ? config->network.w_rec_sd
                                  : config->network.w_out_sd;
    w[i] = sd * esp_rng_normal(&key, i);
  }
  for (int i = 0; i < shape.n_hid; i++)
    w[w_rec + (size_t)i * (size_t)(shape.n_hid + 1)] += config->network.w_rec_diagonal;
  memset(esp_record_u8(record, NET_MASK), 1, (size_t)shape.n_hid * (size_t)shape.n_hid);
}

static void copy_field(const esp_record *from, esp_record *to, int field)
{
  memcpy(to->data + to->layout->offset[field], from->data + from->layout->offset[field],
         from->layout->count[field] * esp_type_bytes(from->layout->field[field].type));
}

static esp_err begin_network(const esp_stage_context *context, const esp_network_task *task, esp_record *record)
{
  const int n = context->config->network.n_hid;
  if (context->parent)
    for (int f = NET_W_IN; f <= NET_MASK; f++)
      copy_field(context->parent, record, f);
  else
    random_start(context, record);
  if (task->prune_fraction <= 0)
    return ESP_OK;
  const esp_rng_key key = {.seed = context->config->seed,
                           .member = (uint32_t)context->cell.member,
                           .arm = (uint32_t)context->cell.arm,
                           .stage = (uint32_t)context->cell.stage,
                           .purpose = ESP_RNG_PRUNE_CHOICE};
  return esp_mask_prune(n, task->prune_fraction, context->config->ladder.criterion, context->config->ladder.ties, &key,
                        esp_record_u8(record, NET_MASK), esp_record_f64(record, NET_W_REC), context->ws);
}

/* ---- training it ---- */

/* A stage at work: what the episode's callbacks need. */
typedef struct {
  const esp_stage_context *context;
  const esp_network_task *task;
  esp_record *record;
  esp_record resume; /* buffer for checkpoints */
  double *weights;   /* in training, [n_weights] */
  double *mask;      /* of all weights as 0.0 and 1.0, [n_weights] */
  int episode;
  esp_episode progress;
  bool on_plateau; /* why the last episode ended */
} training;

static bool stop(void *context)
{
  const esp_stage_host *host = ((training *)context)->context->host;
  return host->stop && host->stop(host->context);
}

static size_t bytes_of_training(const esp_layout *record)
{
  return record->offset[NET_N_TRAINED];
}

static esp_err call_made(void *context)
{
  training *t = context;
  const esp_stage_host *host = t->context->host;
  if (!host->checkpoint)
    return ESP_OK;
  memcpy(t->resume.data, t->record->data, bytes_of_training(t->record->layout)); /* the layouts begin alike */
  const esp_rnn_shape shape = esp_network_shape(t->context->config);
  memcpy(esp_record_f64(&t->resume, NET_W_IN), t->weights, esp_rnn_n_weights(&shape) * sizeof(double));
  *esp_record_i32(&t->resume, NET_N_CALLS) = t->progress.n_calls;
  *esp_record_i32(&t->resume, RESUME_EPISODE) = t->episode;
  *esp_record_f64(&t->resume, RESUME_EVALUATIONS) = (double)t->progress.n_evaluations;
  return host->checkpoint(host->context, &t->resume);
}

/* Take up the state that an earlier session left. */
static void restore(training *t, const esp_record *state)
{
  memcpy(t->record->data, state->data, bytes_of_training(t->record->layout));
  t->episode = *esp_record_i32(state, RESUME_EPISODE);
  t->progress.n_calls = *esp_record_i32(state, NET_N_CALLS);
  t->progress.n_evaluations = (int64_t)*esp_record_f64(state, RESUME_EVALUATIONS);
}

static void clear_curves(training *t)
{
  for (int call = 0; call < (int)t->record->layout->count[NET_LOSS_CURVE]; call++) {
    t->progress.loss_at_start[call] = t->progress.loss_at_end[call] = NAN;
    t->progress.call_end[call] = ESP_CALL_NONE;
    t->progress.n_steps[call] = -1;
  }
  t->progress.n_calls = 0;
}

/* A frozen training set and the loss on it. */
typedef struct {
  esp_trials trials;
  esp_tree tree;
  esp_rnn_problem problem;
} training_set;

static esp_err take_set(const esp_config *config, esp_dms_set which, const esp_rng_key *key, int episode, esp_workspace *ws,
                        training_set *set)
{
  const esp_rnn_shape shape = esp_network_shape(config);
  const esp_dms_noise noise = {config->task.trials_per_condition, config->task.target_noise_sd, config->task.input_noise_sd};
  const size_t n_steps = (size_t)esp_dms_n_conditions(which) * (size_t)noise.trials_per_condition * ESP_DMS_N_STEPS;
  ESP_TRY(esp_workspace_take(ws, n_steps * ESP_DMS_N_IN, &set->trials.input));
  ESP_TRY(esp_workspace_take(ws, n_steps * ESP_DMS_N_OUT, &set->trials.target));
  esp_dms_trials(which, &noise, key, episode, &set->trials);
  ESP_TRY(esp_tree_build(&set->trials, config->network.input_lag, ws, &set->tree));
  ESP_TRY(esp_rnn_problem_take(&shape, &set->tree, ws, &set->problem));
  return config->training.hessian == ESP_HESSIAN_EXACT ? esp_rnn_tangent_take(&set->problem, ws) : ESP_OK;
}

static esp_scg_options scg_options(const esp_config *config)
{
  return (esp_scg_options){.variant = config->training.scg,
                           .sigma = config->training.sigma,
                           .lambda = config->training.lambda,
                           .fallback_step = config->training.fallback_step,
                           .max_failures = config->training.max_failures};
}

static long steps_per_call(const esp_config *config)
{
  const esp_rnn_shape shape = esp_network_shape(config);
  return config->training.steps_per_call ? config->training.steps_per_call : (long)esp_rnn_n_weights(&shape);
}

static esp_err train_episode(training *t)
{
  const esp_config *config = t->context->config;
  const esp_cell cell = t->context->cell;
  esp_workspace *ws = t->context->ws;
  const esp_rng_key key = {
      .seed = config->seed, .member = (uint32_t)cell.member, .arm = t->task->noise_arm, .stage = (uint32_t)cell.stage};
  training_set set;
  esp_criterion criterion;
  ESP_TRY(take_set(config, t->task->set, &key, t->episode, ws, &set));
  const long steps = steps_per_call(config);
  /* As published: the window is no longer than 0.8 of the steps, so that small networks can converge at all. */
  const int window = (int)fmin(config->training.window, ceil(0.8 * (double)steps));
  const double noise_variance = config->task.target_noise_sd * config->task.target_noise_sd;
  ESP_TRY(esp_criterion_take(window, config->training.min_decrease, config->training.loss_factor * noise_variance, ws,
                             &criterion));
  const esp_objective objective = esp_rnn_objective(&set.problem);
  const esp_scg_options scg = scg_options(config);
  const esp_episode_options options = {.scg = &scg,
                                       .mask = t->mask,
                                       .steps_per_call = steps,
                                       .max_calls = t->task->max_calls,
                                       .until_converged = t->task->until_converged,
                                       .plateau_calls = t->task->until_converged ? config->training.plateau_calls : 0,
                                       .criterion = &criterion,
                                       .stop = stop,
                                       .call_made = call_made,
                                       .context = t};
  const esp_err err = esp_episode_train(&objective, &options, t->weights, &t->progress, ws);
  t->on_plateau = esp_episode_on_plateau(&options, &t->progress);
  return err;
}

/* All episodes from the one in which the stage stands. */
static esp_err train(training *t)
{
  while (t->episode < t->task->n_episodes) {
    const size_t mark = t->context->ws->used;
    const esp_err err = train_episode(t);
    t->context->ws->used = mark;
    ESP_TRY(err);
    const int n_calls = t->progress.n_calls;
    const double loss = t->progress.loss_at_end[n_calls - 1];
    esp_record_f64(t->record, NET_EPISODE_LOSS)[t->episode] = loss;
    esp_record_i32(t->record, NET_EPISODE_N_CALLS)[t->episode] = n_calls;
    if (!isfinite(loss) || ++t->episode == t->task->n_episodes)
      break;
    clear_curves(t);
    ESP_TRY(call_made(t));
  }
  return ESP_OK;
}

static void conclude(const training *t, esp_record *record, esp_outcome *outcome)
{
  const int n = t->context->config->network.n_hid, last = t->progress.n_calls - 1;
  const esp_rnn_shape shape = esp_network_shape(t->context->config);
  memcpy(esp_record_f64(record, NET_W_IN), t->weights, esp_rnn_n_weights(&shape) * sizeof(double));
  *esp_record_f64(record, NET_LOSS) = t->progress.loss_at_end[last];
  *esp_record_f64(record, NET_LOSS_LAST_CALL) = t->progress.loss_at_start[last];
  *esp_record_i32(record, NET_N_CALLS) = t->progress.n_calls;
  *esp_record_f64(record, NET_SPARSITY) = esp_mask_sparsity(n, esp_record_u8(record, NET_MASK));
  outcome->n_evaluations = t->progress.n_evaluations;
  if (!isfinite(t->progress.loss_at_end[last])) {
    outcome->state = ESP_CELL_FAILED;
    outcome->stop = ESP_STOP_NOT_FINITE;
  } else {
    outcome->state = ESP_CELL_DONE;
    outcome->stop = t->progress.call_end[last] == ESP_CALL_CONVERGED ? ESP_STOP_CONVERGED
                    : t->on_plateau                                  ? ESP_STOP_PLATEAU
                                                                     : ESP_STOP_MAX_CALLS;
  }
}

static esp_err run(training *t)
{
  const esp_stage_context *context = t->context;
  esp_workspace *ws = context->ws;
  const esp_rnn_shape shape = esp_network_shape(context->config);
  const size_t n_weights = esp_rnn_n_weights(&shape), w_rec = esp_rnn_w_rec_offset(&shape);
  ESP_TRY(esp_workspace_take(ws, n_weights, &t->weights));
  ESP_TRY(esp_workspace_take(ws, n_weights, &t->mask));
  ESP_TRY(esp_workspace_take_bytes(ws, context->plan->resume.bytes, &t->resume.data));
  t->resume.layout = &context->plan->resume;
  esp_record_clear(&t->resume);
  t->progress = (esp_episode){.loss_at_start = esp_record_f64(t->record, NET_LOSS_CURVE),
                              .loss_at_end = esp_record_f64(t->record, NET_LOSS_CURVE_END),
                              .call_end = esp_record_u8(t->record, NET_CALL_END),
                              .n_steps = esp_record_i32(t->record, NET_CALL_STEPS)};
  if (context->resume)
    restore(t, context->resume);
  else
    ESP_TRY(begin_network(context, t->task, t->record));

  memcpy(t->weights, esp_record_f64(t->record, NET_W_IN), n_weights * sizeof(double));
  const uint8_t *kept = esp_record_u8(t->record, NET_MASK);
  for (size_t i = 0; i < n_weights; i++) /* only W_rec has a mask */
    t->mask[i] = i >= w_rec && i < esp_rnn_w_out_offset(&shape) ? kept[i - w_rec] : 1.0;
  return train(t);
}

esp_err esp_network_stage(const esp_stage_context *context, const esp_network_task *task, esp_record *record,
                          esp_outcome *outcome)
{
  const size_t mark = context->ws->used;
  training t = {.context = context, .task = task, .record = record};
  esp_err err = run(&t);
  if (err == ESP_OK)
    conclude(&t, record, outcome);
  context->ws->used = mark;
  if (err == ESP_OK && outcome->state == ESP_CELL_DONE)
    err = esp_network_analyse(context->config, context->cell, record, context->ws);
  return err;
}

size_t esp_network_workspace_bytes(const esp_config *config, int n_conditions, int max_calls, int n_episodes)
{
  const esp_rnn_shape shape = esp_network_shape(config);
  const int n_trials = n_conditions * config->task.trials_per_condition;
  const int n_paths = config->task.input_noise_sd > 0 ? n_trials : n_conditions; /* trials that can differ in their inputs */
  const size_t d = sizeof(double), n_weights = esp_rnn_n_weights(&shape), n_steps = (size_t)n_trials * ESP_DMS_N_STEPS;
  const size_t record = (n_weights + 3 * (size_t)max_calls + 2 * (size_t)n_episodes + 32) * d +
                        (size_t)config->network.n_hid * (size_t)config->network.n_hid + 64;
  const size_t for_training = 2 * esp_workspace_bytes(n_weights * d) + esp_workspace_bytes(record) + esp_prune_workspace_bytes(shape.n_hid) +
         esp_workspace_bytes(n_steps * ESP_DMS_N_IN * d) + esp_workspace_bytes(n_steps * ESP_DMS_N_OUT * d) +
         esp_tree_workspace_bytes(n_trials, ESP_DMS_N_STEPS, ESP_DMS_N_IN, ESP_DMS_N_OUT) +
         esp_rnn_workspace_bytes(&shape, (long)n_paths * ESP_DMS_N_STEPS, (long)n_paths * ESP_DMS_N_STEPS) +
         esp_rnn_tangent_workspace_bytes(&shape, (long)n_paths * ESP_DMS_N_STEPS, (long)n_paths * ESP_DMS_N_STEPS) +
         esp_workspace_bytes((size_t)config->training.window * d) + esp_episode_workspace_bytes(n_weights) + 1024;
  const size_t for_measures = esp_network_analyse_workspace_bytes(config);
  return for_training > for_measures ? for_training : for_measures;
}

/* ---- how long it takes here ---- */

static esp_err measure(const esp_config *config, esp_workspace *ws, double *seconds)
{
  enum { N_STEPS = 100 };
  const esp_rng_key key = {.seed = config->seed};
  training_set set;
  esp_scg_state state;
  ESP_TRY(take_set(config, ESP_DMS_OLD_CUES, &key, 0, ws, &set));
  const esp_objective objective = esp_rnn_objective(&set.problem);
  const esp_scg_options scg = scg_options(config);
  ESP_TRY(esp_scg_state_take(objective.n, ws, &state));
  for (size_t i = 0; i < objective.n; i++)
    state.w[i] = 0.1 * esp_rng_normal(&key, i);
  const esp_scg_watch nobody = {0};
  const clock_t began = clock(); /* of the CPU: what else the machine has to do now says nothing of a run of hours */
  long n = 0;
  do {
    esp_scg_minimise(&state, &objective, &scg, NULL, N_STEPS, &nobody);
    n += state.step;
  } while (clock() - began < CLOCKS_PER_SEC / 5 && state.step > 0);
  *seconds = (double)(clock() - began) / CLOCKS_PER_SEC / (double)n * (double)steps_per_call(config);
  return ESP_OK;
}

esp_err esp_network_measure(const esp_config *config, double *seconds)
{
  esp_workspace ws;
  esp_one_thread();
  ESP_TRY(esp_workspace_create(esp_network_workspace_bytes(config, ESP_DMS_MAX_CONDITIONS, 1, 1), &ws));
  const esp_err err = measure(config, &ws, seconds);
  esp_workspace_free(&ws);
  return err;
}

/* ---- what must hold in a finished record ---- */

esp_err esp_network_verify(const esp_config *config, double prune_fraction, const esp_record *record,
                           const esp_record *parent)
{
  const int n = config->network.n_hid;
  const uint8_t *mask = esp_record_u8(record, NET_MASK);
  const double *w = esp_record_f64(record, NET_W_IN), *w_rec = esp_record_f64(record, NET_W_REC);
  const esp_rnn_shape shape = esp_network_shape(config);
  int removed = 0;
  for (int i = 0; i < n * n; i++) {
    ESP_REQUIRE(mask[i] <= 1, ESP_ERR_DATA, "mask[%d, %d] is %d, not 0 or 1", i / n, i % n, mask[i]);
    ESP_REQUIRE(mask[i] || (w_rec[i] == 0.0 && !signbit(w_rec[i])) || config->training.scg == ESP_SCG_DEPOSITED, ESP_ERR_DATA,
                "w_rec[%d, %d] was removed but is %g, not 0", i / n, i % n, w_rec[i]);
    ESP_REQUIRE(!parent || mask[i] <= esp_record_u8(parent, NET_MASK)[i], ESP_ERR_DATA,
                "mask[%d, %d] is kept but was removed at the stage before", i / n, i % n);
    removed += mask[i] == 0;
  }
  const int expected = prune_fraction < 0 ? 0 : esp_prune_count(n, prune_fraction);
  ESP_REQUIRE(removed == expected, ESP_ERR_DATA, "%d recurrent weights are removed, not %d", removed, expected);
  for (size_t i = 0; i < esp_rnn_n_weights(&shape); i++)
    ESP_REQUIRE(isfinite(w[i]), ESP_ERR_DATA, "weight %zu is not finite", i);
  const int n_calls = *esp_record_i32(record, NET_N_CALLS);
  ESP_REQUIRE(n_calls >= 1 && n_calls <= (int)record->layout->count[NET_LOSS_CURVE], ESP_ERR_DATA, "n_calls is %d", n_calls);
  static const int losses[] = {NET_LOSS, NET_LOSS_LAST_CALL}, curves[] = {NET_LOSS_CURVE, NET_LOSS_CURVE_END};
  for (int i = 0; i < 2; i++) {
    const char *name = record->layout->field[losses[i]].name, *curve = record->layout->field[curves[i]].name;
    ESP_REQUIRE(isfinite(*esp_record_f64(record, losses[i])), ESP_ERR_DATA, "%s is not finite", name);
    for (int call = 0; call < n_calls; call++)
      ESP_REQUIRE(isfinite(esp_record_f64(record, curves[i])[call]), ESP_ERR_DATA, "%s[%d] is not finite", curve, call);
  }
  ESP_REQUIRE(isfinite(esp_record_f64(record, NET_EPISODE_LOSS)[0]), ESP_ERR_DATA, "episode_loss[0] is not finite");
  ESP_REQUIRE(*esp_record_f64(record, NET_SPARSITY) == esp_mask_sparsity(n, mask), ESP_ERR_DATA,
              "sparsity is %g, but the mask has %g", *esp_record_f64(record, NET_SPARSITY), esp_mask_sparsity(n, mask));
  return ESP_OK;
}
