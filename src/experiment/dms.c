/* experiment/dms.c - the paper's main experiment (Figs. 1-5): start, a ladder of prune rungs beside an unpruned twin that sees
 * as many examples, and new cues learned from one rung. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "experiments.h"
#include "dms_networks.h"

enum { ARM_PRUNED, ARM_TWIN, N_ARMS };
enum { START = 0 };

/* What a stage costs, in training calls of all their steps, measured over 26 members of config/dms_ensemble.yaml (6 of seed 2022,
 * 20 of seed 1) as gradients over the 2220 of such a call. Only hand-out order, ETA and simulations use it.
 * Transfer: its calls make 0.68 of their steps, each 1.85 times as long, as there are twice the conditions. */
static const double calls_of_start = 130, calls_of_rung[N_ARMS] = {30, 18}, cost_of_transfer_call = 1.25;
/* The sd of the log of it. Members that are slow at one rung are slow at most: they share 0.53 in the pruned arm, whose ladder is
 * the longest thing to wait for, and 0.94 in the twin; 1.1 is each cell's own. In transfer all calls are made: 0.3. */
static const double member_log_sd = 0.55, cell_log_sd = 1.1, transfer_log_sd = 0.3;

static int transfer_stage(const esp_config *config)
{
  return config->transfer.from > 0 ? 1 + config->ladder.fractions.n : -1;
}

static int longest_stage(const esp_config *config)
{
  return transfer_stage(config) >= 0 && config->transfer.calls > config->training.max_calls ? config->transfer.calls
                                                                                            : config->training.max_calls;
}

static void declare_start(const esp_config *config, esp_stage *stage)
{
  const int max_calls = config->training.start_episodes * config->training.max_calls;
  *stage = (esp_stage){.name = "start",
                       .long_name = "trained from random weights; shared by both arms",
                       .n_members = config->ensemble.members,
                       .parent = {[ARM_PRUNED] = {ESP_NO_PARENT, ESP_NO_PARENT}, [ARM_TWIN] = {ARM_PRUNED, START}},
                       .copy = {[ARM_TWIN] = true},
                       .expected_cost = {fmin(calls_of_start, max_calls), 0},
                       .member_log_sd = member_log_sd,
                       .cell_log_sd = cell_log_sd,
                       .max_cost = max_calls};
}

static void declare_rung(const esp_config *config, int rung, esp_stage *stage)
{
  const double fraction = config->ladder.fractions.value[rung];
  *stage = (esp_stage){.long_name = "pruned to this fraction and retrained; the twin is retrained only",
                       .value = fraction,
                       .n_members = config->ensemble.members,
                       .parent = {{ARM_PRUNED, rung}, {ARM_TWIN, rung}}, /* the stage before: start is stage 0 */
                       .expected_cost = {fmin(calls_of_rung[ARM_PRUNED], config->training.max_calls),
                                         fmin(calls_of_rung[ARM_TWIN], config->training.max_calls)},
                       .member_log_sd = member_log_sd,
                       .cell_log_sd = cell_log_sd,
                       .max_cost = config->training.max_calls};
  const bool in_percent = fabs(100 * fraction - round(100 * fraction)) < 1e-9; /* rung_0.70, but rung_0.125 */
  snprintf(stage->name, sizeof stage->name, in_percent ? "rung_%.2f" : "rung_%.6g", fraction);
}

static void declare_transfer(const esp_config *config, esp_stage *stage)
{
  int from = 0;
  while (config->ladder.fractions.value[from] != config->transfer.from)
    from++; /* the config is checked: the rung is there */
  *stage = (esp_stage){.name = "transfer",
                       .long_name = "new cues learned from a rung of the ladder (Fig. S2B); all calls are made",
                       .value = config->transfer.from,
                       .n_members = config->transfer.members,
                       .parent = {{ARM_PRUNED, 1 + from}, {ARM_TWIN, 1 + from}},
                       .expected_cost = {cost_of_transfer_call * config->transfer.calls,
                                         cost_of_transfer_call * config->transfer.calls},
                       .cell_log_sd = transfer_log_sd};
}

static esp_err declare(const esp_config *config, esp_plan *plan)
{
  plan->n_arms = N_ARMS;
  strcpy(plan->arm_name[ARM_PRUNED], "pruned");
  strcpy(plan->arm_name[ARM_TWIN], "twin");
  plan->pruned[ARM_PRUNED] = true;
  ESP_TRY(esp_plan_take_stages(plan, 1 + config->ladder.fractions.n + (transfer_stage(config) >= 0)));
  declare_start(config, &plan->stages[START]);
  for (int rung = 0; rung < config->ladder.fractions.n; rung++)
    declare_rung(config, rung, &plan->stages[1 + rung]);
  if (transfer_stage(config) >= 0)
    declare_transfer(config, &plan->stages[transfer_stage(config)]);
  esp_network_declare(config, longest_stage(config), config->training.start_episodes, plan);
  return ESP_OK;
}

static esp_err esp_dms_stage(const esp_stage_context *context, esp_record *record, esp_outcome *outcome)
{
  const esp_config *config = context->config;
  const esp_cell cell = context->cell;
  const bool paired = config->ladder.noise == ESP_NOISE_PAIRED && cell.stage != START; /* the start is the same either way */
  esp_dms_training details = {.noise_arm = paired ? ESP_RNG_SHARED : (uint32_t)cell.arm, .set = ESP_DMS_OLD_CUES};
  esp_network_task task = {
      .details = &details,
      .n_episodes = 1,
      .max_calls = config->training.max_calls,
      .until_converged = true,
  };
  if (cell.stage == START) {
    task.n_episodes = config->training.start_episodes;
  } else if (cell.stage == transfer_stage(config)) {
    details.set = esp_dms_set_of(config->transfer.new_cues);
    task.max_calls = config->transfer.calls;
    task.until_converged = false;
  } else if (cell.arm == ARM_PRUNED) {
    task.prune_fraction = context->plan->stages[cell.stage].value;
  }
  return esp_network_stage(context, &task, record, outcome);
}

const esp_experiment esp_experiment_dms = {
    .networks = &esp_dms_networks,
    .declare = declare,
    .seconds_per_cost = esp_network_seconds_per_cost,
    .stage = esp_dms_stage,
    .analyse = esp_network_analyse,
    .verify = esp_network_verify,
};
