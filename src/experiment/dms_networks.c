/* experiment/dms_networks.c - training sets of delayed match to sample, then fields and measures: probes; exponents, components and flow,
 * all from the same four trials without noise; weights.
 *
 * Bins are those of the published scripts, which differ from measure to measure. What the paper says and what its code computes are
 * stored side by side (..._published) where they are not the same. A network that diverges keeps NaN in the fields that it spoils. */
#include "dms_networks.h"

#include <math.h>

#include "espalier/flow.h"
#include "espalier/lyapunov.h"
#include "espalier/pca.h"
#include "espalier/probe.h"
#include "espalier/trajectory.h"

enum {
  CONDITION_4 = 3,                     /* (-,+): the example of Figs. 2-4 and the driven trajectory of the exponents */
  LYAPUNOV_FIRST = 16, LYAPUNOV_LAST = 36, PCA_FIRST = 11, PCA_LAST = 58, /* bins */
  N_FLOW_BINS = ESP_FLOW_LAST_BIN - ESP_FLOW_FIRST_BIN + 1,
  EVALUATION_SET = 1 << 20,            /* number of a frozen set that no training ever reaches */
};

/* ---- training ---- */

esp_dms_set esp_dms_set_of(esp_new_cues cues)
{
  return cues == ESP_NEW_CUES_BOTH ? ESP_DMS_NEW_CUES_BOTH : ESP_DMS_NEW_CUES_ONLY;
}

static esp_err make_set(const esp_stage_context *context, const esp_network_task *task, const esp_set_identity *which,
                        esp_trials *trials, esp_workspace *ws)
{
  const esp_config *config = context->config;
  const esp_dms_training *details = task->details;
  const int n_trials = esp_dms_n_conditions(details->set) * config->task.trials_per_condition;
  const esp_dms_noise noise = {config->task.trials_per_condition, config->task.target_noise_sd, config->task.input_noise_sd};
  const esp_rng_key key = esp_network_key(config, context->cell, details->noise_arm);
  ESP_TRY(esp_trials_take(n_trials, ESP_DMS_N_STEPS, ESP_DMS_N_IN, ESP_DMS_N_OUT, ws, trials));
  esp_dms_trials(details->set, &noise, &key, which->episode, trials);
  return ESP_OK;
}

static esp_err criterion(const esp_config *config, long steps_per_call, esp_workspace *ws, esp_criterion *criterion)
{
  /* As published: the window is no longer than 0.8 of the steps, so that small networks can converge at all. */
  const int window = (int)fmin(config->training.window, ceil(0.8 * (double)steps_per_call));
  const double noise_variance = config->task.target_noise_sd * config->task.target_noise_sd;
  return esp_criterion_take(window, config->training.min_decrease, config->training.loss_factor * noise_variance, ws, criterion);
}

/* ---- fields ---- */

static void declare_measures(const esp_config *config, esp_plan *plan)
{
  const int onset = esp_plan_add_axis(plan, "onset", config->probe.onsets.n, "bin", "first of the two bins of a distractor",
                                      config->probe.onsets.value);
  const int strength = esp_plan_add_axis(plan, "strength", config->probe.strengths.n, "1",
                                         "strength of the distractor, opposite to cue 1; 0: none", config->probe.strengths.value);
  const int condition = esp_plan_add_axis(plan, "condition", ESP_PROBE_N_CONDITIONS, "1",
                                          "old cues: 1 (+,+), 2 (-,-), 3 (+,-), 4 (-,+)", NULL);
  const int weight = esp_network_add_weight_bins(&esp_dms_networks, plan);
  const int flow = esp_plan_add_scale(plan, "flow_bin", N_FLOW_BINS, "bin", "bin of the delay", ESP_FLOW_FIRST_BIN, 1);
  const int rank = esp_plan_add_axis(plan, "rank", config->network.n_hid, "1", "place in descending order", NULL);
  const esp_field fields[NET_N_FIELDS] = {
      [NET_PROBE_RESPONSE] = {"probe_response", ESP_F64, 3, {onset, strength, condition}, "1",
                              "mean output at bins 52 and 53, without noise", false},
      [NET_PROBE_CORRECT] = {"probe_correct", ESP_U8, 3, {onset, strength, condition}, "1",
                             "1: the response has the sign of its target (paper)", false},
      [NET_PROBE_CORRECT_PUBLISHED] = {"probe_correct_published", ESP_U8, 3, {onset, strength, condition}, "1",
                                       "1: the response is nearer than 1 to the mean noisy target of a new set (published "
                                       "code)", false},
      [NET_PROBE_PREMATURE] = {"probe_premature", ESP_U8, 3, {onset, strength, condition}, "1",
                               "1: the output exceeds 0.75 before bin 52 (published code)", false},
      [NET_UNPROBED_CORRECT] = {"unprobed_correct", ESP_F64, 0, {0}, "1",
                                "fraction of conditions answered correctly without a distractor", false},
      [NET_PROBED_CORRECT] = {"probed_correct", ESP_F64, 0, {0}, "1",
                              "fraction of correct responses over all onsets, conditions and strengths above 0 (Fig. 5A)", true},
      [NET_PROBED_CORRECT_PUBLISHED] = {"probed_correct_published", ESP_F64, 0, {0}, "1",
                                        "the same by the test of the published code", false},
      [NET_LYAPUNOV] = {"lyapunov", ESP_F64, 1, {rank}, "1",
                        "Lyapunov exponents per bin, bins 16-36 of condition 4; -inf: a direction that is lost", false},
      [NET_LYAPUNOV_MAX] = {"lyapunov_max", ESP_F64, 0, {0}, "1", "largest Lyapunov exponent (Figs. 5D, E)", false},
      [NET_LYAPUNOV_PUBLISHED] = {"lyapunov_published", ESP_F64, 0, {0}, "1",
                                  "the number of the published code: Jacobians multiplied in the other order, divided by one "
                                  "less than their number", false},
      [NET_SINGULAR_VALUE] = {"singular_value", ESP_F64, 1, {rank}, "1", "singular values of W_rec (Fig. 2B)", false},
      [NET_PCA_VARIANCE] = {"pca_variance", ESP_F64, 1, {rank}, "1",
                            "variances along the principal components of the hidden state, bins 11-58 of the four conditions "
                            "(Fig. 3)", false},
      [NET_WEIGHT_HISTOGRAM] = {"weight_histogram", ESP_I32, 1, {weight}, "1",
                                "recurrent weights that are not 0, by bin; the outer bins take all beyond", false},
      [NET_CONTRACTION] = {"contraction", ESP_F64, 1, {flow}, "1",
                           "distance to condition 4's trajectory after one step over that before (paper, Fig. 4C)", false},
      [NET_CONTRACTION_PUBLISHED] = {"contraction_published", ESP_F64, 1, {flow}, "1",
                                     "the same as the published code weighs it, with W_out as a third axis", false},
      [NET_N_REVIVED] = {"n_revived", ESP_I32, 0, {0}, "1",
                         "recurrent weights that are not 0 although the mask removes them (scg: deposited)", false},
  };
  for (int f = NET_N_TRAINED; f < NET_N_FIELDS; f++)
    esp_layout_add(plan, &plan->record, fields[f]);
}

/* ---- the measures ---- */

/* Mean noisy target at the response of each condition, in a set of its own. */
static esp_err noisy_targets(const esp_subject *s, double mean[ESP_PROBE_N_CONDITIONS])
{
  const esp_dms_noise noise = {s->config->task.trials_per_condition, s->config->task.target_noise_sd, 0};
  const esp_rng_key key = esp_network_key(s->config, s->cell, ESP_RNG_SHARED); /* both arms answer to the same targets */
  const int n_trials = noise.trials_per_condition * ESP_PROBE_N_CONDITIONS;
  esp_trials trials;
  ESP_TRY(esp_trials_take(n_trials, ESP_DMS_N_STEPS, ESP_DMS_N_IN, ESP_DMS_N_OUT, s->ws, &trials));
  esp_dms_trials(ESP_DMS_OLD_CUES, &noise, &key, EVALUATION_SET, &trials);
  for (int c = 0; c < ESP_PROBE_N_CONDITIONS; c++)
    mean[c] = 0;
  for (int trial = 0; trial < n_trials; trial++)
    mean[trial % ESP_PROBE_N_CONDITIONS] +=
        esp_probe_response(trials.target + (size_t)trial * ESP_DMS_N_STEPS, 1) / noise.trials_per_condition;
  return ESP_OK;
}

static double fraction_correct(const esp_config *config, const uint8_t *correct, bool probed)
{
  long n = 0, n_correct = 0;
  for (int onset = 0; onset < config->probe.onsets.n; onset++)
    for (int strength = 0; strength < config->probe.strengths.n; strength++)
      for (int condition = 0; condition < ESP_PROBE_N_CONDITIONS; condition++, correct++)
        if ((config->probe.strengths.value[strength] > 0) == probed) {
          n++;
          n_correct += *correct;
        }
  return n > 0 ? (double)n_correct / (double)n : NAN;
}

static esp_err probe(const esp_subject *s)
{
  const esp_config *config = s->config;
  int onset[ESP_MAX_LIST];
  double noisy_target[ESP_PROBE_N_CONDITIONS];
  for (int i = 0; i < config->probe.onsets.n; i++)
    onset[i] = (int)config->probe.onsets.value[i];
  const esp_probe_grid grid = {config->probe.onsets.n, config->probe.strengths.n, onset, config->probe.strengths.value};
  double *max_before;
  ESP_TRY(noisy_targets(s, noisy_target));
  ESP_TRY(esp_workspace_take(s->ws, s->record->layout->count[NET_PROBE_RESPONSE], &max_before));
  const esp_probe_outcome outcome = {.response = esp_record_f64(s->record, NET_PROBE_RESPONSE),
                                     .max_before = max_before,
                                     .correct_sign = esp_record_u8(s->record, NET_PROBE_CORRECT),
                                     .correct_published = esp_record_u8(s->record, NET_PROBE_CORRECT_PUBLISHED),
                                     .premature = esp_record_u8(s->record, NET_PROBE_PREMATURE)};
  ESP_TRY(esp_probe_run(&s->shape, s->w, config->network.input_lag, &grid, noisy_target, &outcome, s->ws));
  *esp_record_f64(s->record, NET_UNPROBED_CORRECT) = fraction_correct(config, outcome.correct_sign, false);
  *esp_record_f64(s->record, NET_PROBED_CORRECT) = fraction_correct(config, outcome.correct_sign, true);
  *esp_record_f64(s->record, NET_PROBED_CORRECT_PUBLISHED) = fraction_correct(config, outcome.correct_published, true);
  return ESP_OK;
}

static esp_err exponents(const esp_subject *s, const esp_trajectories *t)
{
  const int n = s->shape.n_hid, n_factors = LYAPUNOV_LAST - LYAPUNOV_FIRST + 1;
  const double *a = esp_trajectory_state(t, CONDITION_4, LYAPUNOV_FIRST);
  double *eigenvalue, *spectrum = esp_record_f64(s->record, NET_LYAPUNOV);
  ESP_TRY(esp_workspace_take(s->ws, (size_t)n, &eigenvalue));
  ESP_TRY(esp_unless_diverged(esp_lyapunov_published(n, s->w_rec, n_factors, a, esp_record_f64(s->record, NET_LYAPUNOV_PUBLISHED),
                                                 eigenvalue, s->ws)));
  ESP_TRY(esp_unless_diverged(esp_lyapunov_spectrum(n, s->w_rec, n_factors, a, spectrum, s->ws)));
  *esp_record_f64(s->record, NET_LYAPUNOV_MAX) = spectrum[0];
  return ESP_OK;
}

static esp_err components_and_flow(const esp_subject *s, const esp_trials *trials, const esp_trajectories *t)
{
  const size_t n = (size_t)s->shape.n_hid;
  double *component, *variance = esp_record_f64(s->record, NET_PCA_VARIANCE);
  ESP_TRY(esp_workspace_take(s->ws, n * n, &component));
  ESP_TRY(esp_unless_diverged(
      esp_pca(t, 0, ESP_PROBE_N_CONDITIONS, PCA_FIRST, PCA_LAST, variance, component, s->ws)));
  for (int i = 0; i < N_FLOW_BINS && s->shape.n_hid >= ESP_FLOW_N_AXES; i++) {
    const int bin = ESP_FLOW_FIRST_BIN + i;
    const double *u = trials->input + ((size_t)CONDITION_4 * ESP_DMS_N_STEPS + (size_t)bin - 1) * ESP_DMS_N_IN;
    esp_flow flow;
    ESP_TRY(esp_flow_at(&s->shape, s->w, variance, component, u, esp_trajectory_state(t, CONDITION_4, bin), &flow, s->ws));
    esp_record_f64(s->record, NET_CONTRACTION)[i] = flow.contraction;
    esp_record_f64(s->record, NET_CONTRACTION_PUBLISHED)[i] = flow.contraction_published;
  }
  return ESP_OK;
}

/* What is read off the four trials without noise and distractors. */
static esp_err dynamics(const esp_subject *s)
{
  esp_trials trials;
  esp_trajectories t;
  ESP_TRY(esp_trials_take(ESP_PROBE_N_CONDITIONS, ESP_DMS_N_STEPS, ESP_DMS_N_IN, ESP_DMS_N_OUT, s->ws, &trials));
  esp_dms_template(ESP_DMS_OLD_CUES, &trials);
  ESP_TRY(esp_trajectories_take(&s->shape, ESP_PROBE_N_CONDITIONS, ESP_DMS_N_STEPS, s->ws, &t));
  ESP_TRY(esp_trajectories_run(&s->shape, s->w, &trials, s->config->network.input_lag, &t, s->ws));
  ESP_TRY(exponents(s, &t));
  return components_and_flow(s, &trials, &t);
}

const esp_network_kind esp_dms_networks = {
    .n_in = ESP_DMS_N_IN,
    .n_out = ESP_DMS_N_OUT,
    .inputs = "input channel: 1 constant, 2 cue 1, 3 cue 2, 4 end, 5 start, 6 start and response (new cues: 4 cue 1, 5 cue 2)",
    .outputs = "output: +1 match, -1 non-match",
    .make_set = make_set,
    .plain = &(const esp_dms_training){.set = ESP_DMS_OLD_CUES},
    .criterion = criterion,
    .bins = &ESP_WEIGHT_BINS_DMS,
    .histogram = NET_WEIGHT_HISTOGRAM,
    .singular_value = NET_SINGULAR_VALUE,
    .n_revived = NET_N_REVIVED,
    .declare_measures = declare_measures,
    .measures = {probe, dynamics},
};
