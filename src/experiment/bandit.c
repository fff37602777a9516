/* experiment/bandit.c - reinforcement learning (Figs. 6, 7, S3, S4): a start that learns the values of two options, then for each level
 * of noise on the values a ladder of prune rungs beside an unpruned twin, and a new option learned from one rung.
 *
 * An arm is one side of one ladder: pruned_0.1 and twin_0.1 are the ladder with value noise 0.1. All begin with the same start. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bandit_networks.h"
#include "experiments.h"

enum { START = 0 };

static bool is_pruned(int arm)
{
  return arm % 2 == 0;
}

static int level_of(int arm)
{
  return arm / 2;
}

static int new_option_stage(const esp_config *config)
{
  return config->new_option.from > 0 ? 1 + config->ladder.fractions.n : -1;
}

static int larger(int a, int b)
{
  return a > b ? a : b;
}

static int longest_stage(const esp_config *config)
{
  const int trained = larger(config->training.start_calls, config->training.ladder_calls);
  return new_option_stage(config) >= 0 ? larger(trained, config->new_option.calls) : trained;
}

/* Most training sets of a stage: a start that is refused gets a new one at once. */
static int n_blocks(const esp_config *config, int n_calls)
{
  return config->training.start_check == ESP_START_FRESH_BLOCK ? n_calls : 1 + n_calls / config->bandit.block_calls;
}

static void declare_arms(const esp_config *config, esp_plan *plan)
{
  const esp_number_list *levels = &config->ladder.value_noise;
  plan->n_arms = 2 * levels->n;
  plan->arm_value.name = "value_noise";
  plan->arm_value.unit = "1";
  plan->arm_value.long_name = "variance of the noise on the values that the arm learns at the rungs";
  for (int arm = 0; arm < plan->n_arms; arm++) {
    plan->pruned[arm] = is_pruned(arm);
    plan->arm_value.value[arm] = levels->value[level_of(arm)];
    snprintf(plan->arm_name[arm], sizeof plan->arm_name[arm], "%s_%.15g", is_pruned(arm) ? "pruned" : "twin",
             plan->arm_value.value[arm]);
  }
}

static void declare_start(const esp_config *config, int n_arms, esp_stage *stage)
{
  *stage = (esp_stage){.name = "start",
                       .long_name = "trained from random weights without noise on the values; shared by all arms",
                       .n_members = config->ensemble.members,
                       .parent = {{ESP_NO_PARENT, ESP_NO_PARENT}},
                       .expected_cost = {fmin(150, config->training.start_calls)}};
  for (int arm = 1; arm < n_arms; arm++) {
    stage->parent[arm] = (esp_parent){0, START};
    stage->copy[arm] = true;
  }
}

static void declare_rung(const esp_config *config, int n_arms, int rung, esp_stage *stage)
{
  *stage = (esp_stage){.long_name = "pruned to this fraction and retrained; the twin is retrained only",
                       .value = config->ladder.fractions.value[rung],
                       .n_members = config->ensemble.members};
  snprintf(stage->name, sizeof stage->name, "rung_%.15g", stage->value);
  for (int arm = 0; arm < n_arms; arm++) {
    stage->parent[arm] = (esp_parent){arm, rung}; /* the stage before: start is stage 0 */
    stage->expected_cost[arm] = config->training.ladder_calls;
  }
}

static void declare_new_option(const esp_config *config, int n_arms, esp_stage *stage)
{
  int from = 0;
  while (config->ladder.fractions.value[from] != config->new_option.from)
    from++; /* the config is checked: the rung is there */
  *stage = (esp_stage){.name = "new_option",
                       .long_name = "options 1 and 3 learned from a rung of one ladder, on one frozen block (Fig. S4)",
                       .value = config->new_option.from,
                       .n_members = config->new_option.members};
  for (int arm = 0; arm < n_arms; arm++) {
    stage->absent[arm] = config->ladder.value_noise.value[level_of(arm)] != config->new_option.ladder;
    stage->parent[arm] = (esp_parent){arm, 1 + from};
    stage->expected_cost[arm] = config->new_option.calls;
  }
}

static esp_err declare(const esp_config *config, esp_plan *plan)
{
  declare_arms(config, plan);
  ESP_TRY(esp_plan_take_stages(plan, 1 + config->ladder.fractions.n + (new_option_stage(config) >= 0)));
  declare_start(config, plan->n_arms, &plan->stages[START]);
  for (int rung = 0; rung < config->ladder.fractions.n; rung++)
    declare_rung(config, plan->n_arms, rung, &plan->stages[1 + rung]);
  if (new_option_stage(config) >= 0)
    declare_new_option(config, plan->n_arms, &plan->stages[new_option_stage(config)]);
  const int longest = longest_stage(config);
  esp_network_declare(config, longest, n_blocks(config, longest), plan);
  return ESP_OK;
}

static esp_err esp_bandit_stage(const esp_stage_context *context, esp_record *record, esp_outcome *outcome)
{
  const esp_config *config = context->config;
  const esp_cell cell = context->cell;
  esp_bandit_training details = {.schedule = config->bandit.start_schedule};
  esp_network_task task = {
      .details = &details,
      .max_calls = config->training.start_calls,
      .block_calls = config->bandit.block_calls,
      .until_converged = true,
  };
  if (cell.stage == START && config->training.start_check == ESP_START_FRESH_BLOCK)
    task.fresh_loss = config->training.slow_loss;
  if (cell.stage == new_option_stage(config)) {
    details = (esp_bandit_training){.value_noise = config->new_option.value_noise, .new_option = true};
    task.max_calls = config->new_option.calls;
    task.block_calls = config->new_option.calls + 1; /* one block for all of them */
  } else if (cell.stage != START) {
    details.value_noise = config->ladder.value_noise.value[level_of(cell.arm)];
    details.schedule = config->bandit.ladder_schedule;
    task.max_calls = config->training.ladder_calls;
    task.prune_fraction = is_pruned(cell.arm) ? context->plan->stages[cell.stage].value : 0;
  }
  task.n_episodes = n_blocks(config, task.max_calls);
  return esp_network_stage(context, &task, record, outcome);
}

const esp_experiment esp_experiment_bandit = {
    .networks = &esp_bandit_networks,
    .declare = declare,
    .seconds_per_cost = esp_network_seconds_per_cost,
    .stage = esp_bandit_stage,
    .analyse = esp_network_analyse,
    .verify = esp_network_verify,
};
