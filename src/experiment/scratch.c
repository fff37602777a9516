/* experiment/scratch.c - pruning before any training (Fig. S2A): a random network with most of its recurrent weights removed
 * learns the task beside a dense one from the same start weights, then both learn new cues. */
#include <string.h>

#include "experiments.h"
#include "dms_networks.h"

enum { ARM_PRUNED_FIRST, ARM_DENSE, N_ARMS };
enum { OLD_CUES, NEW_CUES, N_STAGES };

static esp_err declare(const esp_config *config, esp_plan *plan)
{
  /* Measured over 4 members of config/scratch.yaml: calls make 0.6 and 0.9 of their steps, those on new cues take 1.85 times as
   * long, as there are twice the conditions; the log of a cell's work has an sd of 0.3. */
  const double old_cost = 0.6 * config->scratch.calls, new_cost = 1.7 * config->scratch.calls, log_sd = 0.3;
  plan->n_arms = N_ARMS;
  strcpy(plan->arm_name[ARM_PRUNED_FIRST], "pruned_first");
  strcpy(plan->arm_name[ARM_DENSE], "dense");
  plan->pruned[ARM_PRUNED_FIRST] = true;
  ESP_TRY(esp_plan_take_stages(plan, N_STAGES));
  plan->stages[OLD_CUES] = (esp_stage){.name = "old_cues",
                                       .long_name = "the task learned from random weights; all calls are made",
                                       .value = config->scratch.prune_fraction,
                                       .n_members = plan->n_members,
                                       .parent = {{ESP_NO_PARENT, ESP_NO_PARENT}, {ESP_NO_PARENT, ESP_NO_PARENT}},
                                       .expected_cost = {old_cost, old_cost},
                                       .cell_log_sd = log_sd};
  plan->stages[NEW_CUES] = (esp_stage){.name = "new_cues",
                                       .long_name = "new cues learned from there; all calls are made",
                                       .value = config->scratch.prune_fraction,
                                       .n_members = plan->n_members,
                                       .parent = {{ARM_PRUNED_FIRST, OLD_CUES}, {ARM_DENSE, OLD_CUES}},
                                       .expected_cost = {new_cost, new_cost},
                                       .cell_log_sd = log_sd};
  esp_network_declare(config, config->scratch.calls, 1, plan);
  return ESP_OK;
}

static esp_err esp_scratch_stage(const esp_stage_context *context, esp_record *record, esp_outcome *outcome)
{
  const esp_config *config = context->config;
  const esp_cell cell = context->cell;
  const bool prunes = cell.stage == OLD_CUES && cell.arm == ARM_PRUNED_FIRST;
  const esp_dms_training details = {.noise_arm = (uint32_t)cell.arm,
                                    .set = cell.stage == OLD_CUES ? ESP_DMS_OLD_CUES : esp_dms_set_of(config->scratch.new_cues)};
  const esp_network_task task = {
      .details = &details,
      .prune_fraction = prunes ? config->scratch.prune_fraction : 0,
      .n_episodes = 1,
      .max_calls = config->scratch.calls,
      .until_converged = false,
  };
  return esp_network_stage(context, &task, record, outcome);
}

const esp_experiment esp_experiment_scratch = {
    .networks = &esp_dms_networks,
    .declare = declare,
    .seconds_per_cost = esp_network_seconds_per_cost,
    .stage = esp_scratch_stage,
    .analyse = esp_network_analyse,
    .verify = esp_network_verify,
};
