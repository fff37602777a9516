/* experiment/network_stage.c - a stage: take the parent's network (or a random one), prune it, train it episode by episode on frozen
 * sets, and measure it.
 *
 * After every training call the record so far and the place in the stage can be saved; a resumed stage takes both back and makes the
 * set of its episode again, where sets follow the weights from those of its first time (set_weights). The traps: record and resume
 * state begin with the same fields, which are copied as one piece of memory; and in a record W_in, W_rec and W_out lie one behind the
 * other, so that NET_W_IN is also the vector of all weights. */
#include "network_stage.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "espalier/episode.h"
#include "espalier/watchdog.h"

/* Beyond the fields of the record, the state of a half-trained stage says where it was. */
enum { RESUME_EPISODE = NET_N_TRAINED, RESUME_EVALUATIONS, RESUME_SET_CALLS, RESUME_SET_WEIGHTS };

enum { FRESH_SET = 1 << 20 }; /* number of the first set that checks a converged network; training never gets there */

static const esp_network_kind *kind_of(const esp_config *config)
{
  return esp_experiment_of(config)->networks;
}

esp_rnn_shape esp_network_shape(const esp_config *config)
{
  const esp_network_kind *kind = kind_of(config);
  return (esp_rnn_shape){.n_hid = config->network.n_hid,
                         .n_in = kind->n_in,
                         .n_out = kind->n_out,
                         .bias = kind->bias,
                         .readout = config->network.readout};
}

esp_rng_key esp_network_key(const esp_config *config, esp_cell cell, uint32_t arm)
{
  return (esp_rng_key){.seed = config->seed, .member = (uint32_t)cell.member, .arm = arm, .stage = (uint32_t)cell.stage};
}

void esp_network_declare(const esp_config *config, int max_calls, int n_episodes, esp_plan *plan)
{
  const esp_network_kind *kind = kind_of(config);
  const esp_rnn_shape shape = esp_network_shape(config);
  const int n = shape.n_hid;
  plan->stage_value.name = "prune_fraction";
  plan->stage_value.unit = "1";
  plan->stage_value.long_name = "share of the recurrent weights that is removed in the pruned arm";
  plan->work = "gradients";
  const int post = esp_plan_add_axis(plan, "post", n, "1", "hidden unit that receives (row of W_rec and W_in)", NULL);
  const int pre = esp_plan_add_axis(plan, "pre", n, "1", "hidden unit that sends (column of W_rec)", NULL);
  const int unit = esp_plan_add_axis(plan, "unit", n + shape.bias, "1",
                                     shape.bias ? "hidden unit that is read out; the last is the bias" : "hidden unit that is read out",
                                     NULL);
  const int input = esp_plan_add_axis(plan, "input", shape.n_in, "1", kind->inputs, NULL);
  const int output = esp_plan_add_axis(plan, "output", shape.n_out, "1", kind->outputs, NULL);
  const int call = esp_plan_add_axis(plan, "call", max_calls, "1", "training call (of the last episode, where each counts its own)", NULL);
  const int episode = esp_plan_add_axis(plan, "episode", n_episodes, "1", "episode: training on one frozen set", NULL);

  const esp_field fields[NET_N_TRAINED] = {
      [NET_W_IN] = {"w_in", ESP_F64, 2, {post, input}, "1", "input weights W_in (paper: B)", false},
      [NET_W_REC] = {"w_rec", ESP_F64, 2, {post, pre}, "1",
                     "recurrent weights W_rec (paper: A); removed ones are exactly 0, but scg: deposited can revive some", false},
      [NET_W_OUT] = {"w_out", ESP_F64, 2, {output, unit}, "1", "readout weights W_out (paper: C)", false},
      [NET_MASK] = {"mask", ESP_U8, 2, {post, pre}, "1", "1: recurrent weight kept, 0: removed by pruning", false},
      [NET_LOSS] = {"loss", ESP_F64, 0, {0}, "1", "loss E on the training set at the end of the last call", true},
      [NET_LOSS_LAST_CALL] = {"loss_last_call", ESP_F64, 0, {0}, "1",
                              "loss E at the start of the last call (the final loss of the published analysis)", false},
      [NET_N_CALLS] = {"n_calls", ESP_I32, 0, {0}, "1",
                       "training calls of the last episode (the CG iterations of the paper's Fig. 1I); bandit: of the stage", true},
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
                               "training calls of each episode (bandit: made when its block ended); -1: no such episode", false},
  };
  for (int f = 0; f < NET_N_TRAINED; f++) {
    esp_layout_add(plan, &plan->record, fields[f]);
    esp_layout_add(plan, &plan->resume, fields[f]);
  }
  kind->declare_measures(config, plan);
  esp_layout_add(plan, &plan->resume,
                 (esp_field){"episode", ESP_I32, 0, {0}, "1", "episode in training, counted from 0", false});
  esp_layout_add(plan, &plan->resume,
                 (esp_field){"n_evaluations", ESP_F64, 0, {0}, "1", "gradients computed so far", false});
  if (!kind->sets_follow_weights)
    return;
  esp_layout_add(plan, &plan->resume,
                 (esp_field){"set_calls", ESP_I32, 0, {0}, "1", "calls made before the training set was made", false});
  const int weight = esp_plan_add_axis(plan, "weight", (int)esp_rnn_n_weights(&shape), "1", "weight: W_in, W_rec, W_out", NULL);
  esp_layout_add(plan, &plan->resume,
                 (esp_field){"set_weights", ESP_F64, 1, {weight}, "1", "weights that the training set was made with", false});
}

/* ---- the network a stage starts from ---- */

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

static esp_err begin_network(const esp_stage_context *context, const esp_network_task *task, esp_record *record)
{
  const int n = context->config->network.n_hid;
  if (context->parent)
    memcpy(record->data, context->parent->data, record->layout->offset[NET_MASK + 1]); /* weights and mask are the first fields */
  else
    random_start(context, record);
  if (task->prune_fraction <= 0)
    return ESP_OK;
  esp_rng_key key = esp_network_key(context->config, context->cell, (uint32_t)context->cell.arm);
  key.purpose = ESP_RNG_PRUNE_CHOICE;
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
  double *set_weights; /* that the training set was made with, [n_weights]; after so many calls: */
  int set_calls;
  bool refused; /* the last call converged, but the network was not accepted */
  esp_rnn_shape shape;
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
  const size_t n_bytes = esp_rnn_n_weights(&t->shape) * sizeof(double);
  memcpy(esp_record_f64(&t->resume, NET_W_IN), t->weights, n_bytes);
  *esp_record_i32(&t->resume, NET_N_CALLS) = t->progress.n_calls;
  *esp_record_i32(&t->resume, RESUME_EPISODE) = t->episode;
  *esp_record_f64(&t->resume, RESUME_EVALUATIONS) = (double)t->progress.n_evaluations;
  if (kind_of(t->context->config)->sets_follow_weights) {
    *esp_record_i32(&t->resume, RESUME_SET_CALLS) = t->set_calls;
    memcpy(esp_record_f64(&t->resume, RESUME_SET_WEIGHTS), t->set_weights, n_bytes);
  }
  return host->checkpoint(host->context, &t->resume);
}

/* Take up the state that an earlier session left. */
static void restore(training *t, const esp_record *state)
{
  memcpy(t->record->data, state->data, bytes_of_training(t->record->layout));
  t->episode = *esp_record_i32(state, RESUME_EPISODE);
  t->progress.n_calls = *esp_record_i32(state, NET_N_CALLS);
  t->progress.n_evaluations = (int64_t)*esp_record_f64(state, RESUME_EVALUATIONS);
  if (kind_of(t->context->config)->sets_follow_weights) {
    t->set_calls = *esp_record_i32(state, RESUME_SET_CALLS);
    memcpy(t->set_weights, esp_record_f64(state, RESUME_SET_WEIGHTS), esp_rnn_n_weights(&t->shape) * sizeof(double));
  }
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

static esp_err take_set(const esp_stage_context *context, const esp_network_task *task, const esp_set_identity *which,
                        esp_workspace *ws, training_set *set)
{
  const esp_network_kind *kind = kind_of(context->config);
  const esp_rnn_shape shape = esp_network_shape(context->config);
  ESP_TRY(kind->make_set(context, task, which, &set->trials, ws));
  ESP_TRY(esp_tree_build(&set->trials, context->config->network.input_lag, ws, &set->tree));
  ESP_TRY(esp_rnn_problem_take(&shape, &set->tree, ws, &set->problem));
  return context->config->training.hessian == ESP_HESSIAN_EXACT ? esp_rnn_tangent_take(&set->problem, ws) : ESP_OK;
}

static esp_scg_options scg_options(const esp_config *config)
{
  return (esp_scg_options){.variant = config->training.scg,
                           .sigma = config->training.sigma,
                           .lambda = config->training.lambda,
                           .fallback_step = config->training.fallback_step,
                           .max_failures = config->training.max_failures};
}

static long steps_per_call(const esp_config *config, const esp_rnn_shape *shape)
{
  return config->training.steps_per_call ? config->training.steps_per_call : (long)esp_rnn_n_weights(shape);
}

/* The call up to which the set in use goes, after n_calls. */
static int last_call(const esp_network_task *task, int n_calls)
{
  if (!task->block_calls)
    return task->max_calls;
  const int before_next_set = task->block_calls * ((n_calls + 1) / task->block_calls + 1) - 1;
  return before_next_set < task->max_calls ? before_next_set : task->max_calls;
}

static esp_err train_episode(training *t)
{
  const esp_config *config = t->context->config;
  const esp_network_kind *kind = kind_of(config);
  esp_workspace *ws = t->context->ws;
  training_set set;
  esp_criterion criterion;
  const esp_set_identity which = {t->episode, t->set_calls, t->set_weights};
  ESP_TRY(take_set(t->context, t->task, &which, ws, &set));
  const long steps = steps_per_call(config, &t->shape);
  ESP_TRY(kind->criterion(config, steps, ws, &criterion));
  const esp_objective objective = esp_rnn_objective(&set.problem);
  const esp_scg_options scg = scg_options(config);
  const esp_episode_options options = {.scg = &scg,
                                       .mask = t->mask,
                                       .steps_per_call = steps,
                                       .max_calls = last_call(t->task, t->progress.n_calls),
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

/* Loss on a set that is not trained on. */
static esp_err loss_on_fresh_set(const training *t, double *loss)
{
  const size_t mark = t->context->ws->used;
  const esp_set_identity fresh = {FRESH_SET + t->episode + 1, t->progress.n_calls, t->weights};
  training_set set;
  const esp_err err = take_set(t->context, t->task, &fresh, t->context->ws, &set);
  if (err == ESP_OK)
    *loss = esp_rnn_loss(&set.problem, t->weights);
  t->context->ws->used = mark;
  return err;
}

/* Is the stage over with the episode that has just ended? */
static esp_err is_trained(training *t, bool *over)
{
  const esp_network_task *task = t->task;
  const int last = t->progress.n_calls - 1;
  const bool out_of_calls = task->block_calls ? t->progress.n_calls == task->max_calls : t->episode + 1 == task->n_episodes;
  *over = out_of_calls || !isfinite(t->progress.loss_at_end[last]);
  t->refused = false;
  if (!task->block_calls || !task->until_converged || t->progress.call_end[last] != ESP_CALL_CONVERGED)
    return ESP_OK;
  double loss = 0;
  if (task->fresh_loss > 0)
    ESP_TRY(loss_on_fresh_set(t, &loss));
  t->refused = task->fresh_loss > 0 && !(loss < task->fresh_loss);
  *over = !t->refused || out_of_calls;
  return ESP_OK;
}

/* All episodes from the one in which the stage stands. */
static esp_err train(training *t)
{
  for (;;) {
    const size_t mark = t->context->ws->used;
    const esp_err err = train_episode(t);
    t->context->ws->used = mark;
    ESP_TRY(err);
    const int n_calls = t->progress.n_calls;
    esp_record_f64(t->record, NET_EPISODE_LOSS)[t->episode] = t->progress.loss_at_end[n_calls - 1];
    esp_record_i32(t->record, NET_EPISODE_N_CALLS)[t->episode] = n_calls;
    bool over;
    ESP_TRY(is_trained(t, &over));
    if (over)
      return ESP_OK;
    t->episode++;
    memcpy(t->set_weights, t->weights, esp_rnn_n_weights(&t->shape) * sizeof(double));
    if (!t->task->block_calls)
      clear_curves(t);
    t->set_calls = t->progress.n_calls;
    ESP_TRY(call_made(t));
  }
}

static void conclude(const training *t, esp_record *record, esp_outcome *outcome)
{
  const int n = t->shape.n_hid, last = t->progress.n_calls - 1;
  memcpy(esp_record_f64(record, NET_W_IN), t->weights, esp_rnn_n_weights(&t->shape) * sizeof(double));
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
    const bool converged = t->progress.call_end[last] == ESP_CALL_CONVERGED && !t->refused;
    outcome->stop = converged ? ESP_STOP_CONVERGED : t->on_plateau ? ESP_STOP_PLATEAU : ESP_STOP_MAX_CALLS;
  }
}

static esp_err run(training *t)
{
  const esp_stage_context *context = t->context;
  esp_workspace *ws = context->ws;
  const size_t n_weights = esp_rnn_n_weights(&t->shape), w_rec = esp_rnn_w_rec_offset(&t->shape);
  ESP_TRY(esp_workspace_take(ws, n_weights, &t->weights));
  ESP_TRY(esp_workspace_take(ws, n_weights, &t->set_weights));
  ESP_TRY(esp_workspace_take(ws, n_weights, &t->mask));
  ESP_TRY(esp_workspace_take_bytes(ws, context->plan->resume.bytes, &t->resume.data));
  t->resume.layout = &context->plan->resume;
  esp_record_clear(&t->resume);
  t->progress = (esp_episode){.loss_at_start = esp_record_f64(t->record, NET_LOSS_CURVE),
                              .loss_at_end = esp_record_f64(t->record, NET_LOSS_CURVE_END),
                              .call_end = esp_record_u8(t->record, NET_CALL_END),
                              .n_steps = esp_record_i32(t->record, NET_CALL_STEPS)};
  if (!context->resume) {
    ESP_TRY(begin_network(context, t->task, t->record));
    memcpy(t->set_weights, esp_record_f64(t->record, NET_W_IN), n_weights * sizeof(double));
  } else {
    restore(t, context->resume);
  }
  memcpy(t->weights, esp_record_f64(t->record, NET_W_IN), n_weights * sizeof(double));
  const uint8_t *kept = esp_record_u8(t->record, NET_MASK);
  for (size_t i = 0; i < n_weights; i++) /* only W_rec has a mask */
    t->mask[i] = i >= w_rec && i < esp_rnn_w_out_offset(&t->shape) ? kept[i - w_rec] : 1.0;
  return train(t);
}

esp_err esp_network_stage(const esp_stage_context *context, const esp_network_task *task, esp_record *record,
                          esp_outcome *outcome)
{
  const size_t mark = context->ws->used;
  training t = {.context = context, .task = task, .record = record, .shape = esp_network_shape(context->config)};
  esp_err err = run(&t);
  if (err == ESP_OK)
    conclude(&t, record, outcome);
  context->ws->used = mark;
  if (err == ESP_OK && outcome->state == ESP_CELL_DONE)
    err = esp_network_analyse(context->config, context->cell, record, context->ws);
  return err;
}

/* ---- measuring it ---- */

esp_err esp_unless_diverged(esp_err err)
{
  return err == ESP_ERR_DIVERGED ? ESP_OK : err;
}

static esp_err measure_weights(const esp_subject *s)
{
  const esp_network_kind *kind = kind_of(s->config);
  const int n = s->shape.n_hid;
  const uint8_t *mask = esp_record_u8(s->record, NET_MASK);
  int32_t revived = 0;
  for (int i = 0; i < n * n; i++)
    revived += !mask[i] && s->w_rec[i] != 0.0;
  *esp_record_i32(s->record, kind->n_revived) = revived;
  esp_weight_histogram(n, s->w_rec, kind->bins, esp_record_i32(s->record, kind->histogram));
  return esp_weight_singular_values(n, s->w_rec, esp_record_f64(s->record, kind->singular_value), s->ws);
}

esp_err esp_network_analyse(const esp_config *config, esp_cell cell, esp_record *record, esp_workspace *ws)
{
  const size_t trained = bytes_of_training(record->layout);
  unsigned char *keep;
  esp_watchdog_phase(ESP_PHASE_MEASURING);
  const size_t mark = ws->used;
  ESP_TRY(esp_workspace_take_bytes(ws, trained, &keep));
  memcpy(keep, record->data, trained);
  esp_record_clear(record); /* only numbers that are there are written: what was measured before has to go */
  memcpy(record->data, keep, trained);
  ws->used = mark;
  const esp_subject subject = {.config = config,
                               .cell = cell,
                               .record = record,
                               .ws = ws,
                               .shape = esp_network_shape(config),
                               .w = esp_record_f64(record, NET_W_IN),
                               .w_rec = esp_record_f64(record, NET_W_REC)};
  for (int m = 0; kind_of(config)->measures[m]; m++) {
    const esp_err err = esp_unless_diverged(kind_of(config)->measures[m](&subject));
    ws->used = mark;
    ESP_TRY(err);
  }
  const esp_err err = esp_unless_diverged(measure_weights(&subject));
  ws->used = mark;
  return err;
}

int esp_network_add_weight_bins(const esp_network_kind *kind, esp_plan *plan)
{
  const esp_weight_bins *b = kind->bins;
  return esp_plan_add_scale(plan, "weight_bin", b->n_bins, "1", "centre of a bin of recurrent weights", b->first, b->spacing);
}

/* ---- how long it takes here ---- */

esp_err esp_network_seconds_per_cost(const esp_config *config, esp_workspace *ws, double *seconds)
{
  enum { N_STEPS = 100 };
  const esp_network_task task = {.n_episodes = 1, .max_calls = 1, .details = kind_of(config)->plain};
  const esp_stage_context context = {.config = config, .ws = ws};
  const esp_rnn_shape shape = esp_network_shape(config);
  const esp_rng_key key = {.seed = config->seed};
  training_set set;
  esp_scg_state state;
  ESP_TRY(esp_scg_state_take(esp_rnn_n_weights(&shape), ws, &state));
  for (size_t i = 0; i < esp_rnn_n_weights(&shape); i++)
    state.w[i] = 0.1 * esp_rng_normal(&key, i);
  const esp_set_identity first = {0, 0, state.w};
  ESP_TRY(take_set(&context, &task, &first, ws, &set));
  const esp_objective objective = esp_rnn_objective(&set.problem);
  const esp_scg_options scg = scg_options(config);
  const esp_scg_watch nobody = {0};
  const clock_t began = clock(); /* of the CPU: what else the machine has to do now says nothing of a run of hours */
  long n = 0;
  do {
    esp_scg_minimise(&state, &objective, &scg, NULL, N_STEPS, &nobody);
    n += state.step;
  } while (clock() - began < CLOCKS_PER_SEC / 5 && state.step > 0);
  *seconds = (double)(clock() - began) / CLOCKS_PER_SEC / (double)(n > 0 ? n : 1) * (double)steps_per_call(config, &shape);
  return ESP_OK;
}

/* ---- what must hold in a finished record ---- */

esp_err esp_network_verify(const esp_config *config, const esp_plan *plan, esp_cell cell, const esp_record *record,
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
  const int expected = plan->pruned[cell.arm] ? esp_prune_count(n, plan->stages[cell.stage].value) : 0;
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
