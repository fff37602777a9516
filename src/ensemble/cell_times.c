/* ensemble/cell_times.c - draws of how long each cell of a plan takes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "espalier/rng.h"
#include "espalier/simulate.h"

/* Purpose 0 is nobody else's, and the seed no config's: the numbers are the same for every call, whatever is simulated. */
static esp_rng_key key_of(int draw, int member)
{
  return (esp_rng_key){.seed = 80, .arm = (uint32_t)draw, .member = (uint32_t)member};
}

/* ---- from what the plan expects ---- */

static double normal_cdf(double x)
{
  return erfc(-x / sqrt(2)) / 2;
}

/* Mean of min(X, limit) for a lognormal X of mean 1. */
static double mean_below(double limit, double log_sd)
{
  const double z = log(limit) / log_sd;
  return normal_cdf(z - log_sd / 2) + limit * normal_cdf(-z - log_sd / 2);
}

static double draw_factor(const esp_stage *stage, int arm, const esp_rng_key *of_member, const esp_rng_key *of_cell)
{
  const double log_sd = hypot(stage->member_log_sd, stage->cell_log_sd);
  const double x = exp(stage->member_log_sd * esp_rng_normal(of_member, 0) + stage->cell_log_sd * esp_rng_normal(of_cell, 0) -
                       log_sd * log_sd / 2);
  if (log_sd == 0 || stage->max_cost == 0 || stage->expected_cost[arm] == 0)
    return x;
  const double limit = stage->max_cost / stage->expected_cost[arm];
  return fmin(x, limit) / mean_below(limit, log_sd);
}

void esp_draw_expected(const esp_plan *plan, double seconds_per_unit, int draw, double *seconds)
{
  for (long slot = 0; slot < esp_plan_n_slots(plan); slot++) {
    const esp_cell cell = esp_slot_cell(plan, slot);
    const esp_stage *stage = &plan->stages[cell.stage];
    const esp_rng_key of_member = key_of(draw, cell.member);
    esp_rng_key of_cell = of_member;
    of_cell.stage = 1 + (uint32_t)(cell.stage * plan->n_arms + cell.arm);
    seconds[slot] = seconds_per_unit * stage->expected_cost[cell.arm] * draw_factor(stage, cell.arm, &of_member, &of_cell);
  }
}

/* ---- from what a file has measured ---- */

/* The other plan's stage or arm of this name; -1: it has none. */
static int stage_named(const esp_plan *plan, const char *name)
{
  for (int stage = 0; stage < plan->n_stages; stage++)
    if (strcmp(plan->stages[stage].name, name) == 0)
      return stage;
  return -1;
}

static int arm_named(const esp_plan *plan, const char *name)
{
  for (int arm = 0; arm < plan->n_arms; arm++)
    if (strcmp(plan->arm_name[arm], name) == 0)
      return arm;
  return -1;
}

static bool complete(const esp_plan *plan, const esp_commit *commits, int member)
{
  for (int arm = 0; arm < plan->n_arms; arm++)
    for (int stage = 0; stage < plan->n_stages; stage++) {
      const esp_cell cell = {member, arm, stage};
      if (esp_cell_exists(plan, cell) && commits[esp_cell_slot(plan, cell)].outcome.state == ESP_CELL_EMPTY)
        return false;
    }
  return true;
}

int esp_complete_members(const esp_plan *plan, const esp_commit *commits)
{
  int n = 0;
  for (int member = 0; member < plan->n_members; member++)
    n += complete(plan, commits, member);
  return n;
}

/* The members of a file that are complete, and what their cells took in the mean. */
typedef struct {
  const esp_plan *plan;
  const esp_commit *commits;
  int *member, n_members;    /* the complete ones                                                         */
  double *per_gradient;      /* s, [stage]                                                                */
  double *mean;              /* s, [arm, stage]; -1: no such cell                                           */
  double per_unit;           /* s of one unit of expected cost                                              */
} history;

static double seconds_of(const history *h, esp_cell cell)
{
  return h->per_gradient[cell.stage] * (double)h->commits[esp_cell_slot(h->plan, cell)].outcome.n_evaluations;
}

static void time_gradients(history *h)
{
  for (int stage = 0; stage < h->plan->n_stages; stage++) {
    double seconds = 0, n = 0;
    for (int i = 0; i < h->n_members; i++)
      for (int arm = 0; arm < h->plan->n_arms; arm++) {
        const esp_commit *commit = &h->commits[esp_cell_slot(h->plan, (esp_cell){h->member[i], arm, stage})];
        seconds += commit->seconds * (commit->outcome.n_evaluations > 0);
        n += (double)commit->outcome.n_evaluations;
      }
    h->per_gradient[stage] = n > 0 ? seconds / n : 0;
  }
}

static void take_means(history *h)
{
  double seconds = 0, cost = 0;
  for (int arm = 0; arm < h->plan->n_arms; arm++)
    for (int stage = 0; stage < h->plan->n_stages; stage++) {
      double sum = 0;
      int n = 0;
      for (int i = 0; i < h->n_members; i++) {
        const esp_cell cell = {h->member[i], arm, stage};
        if (!esp_cell_exists(h->plan, cell))
          continue;
        sum += seconds_of(h, cell);
        n++;
      }
      h->mean[arm * h->plan->n_stages + stage] = n ? sum / n : -1;
      seconds += sum;
      cost += n * h->plan->stages[stage].expected_cost[arm];
    }
  h->per_unit = cost > 0 ? seconds / cost : 0;
}

static void free_history(history *h)
{
  free(h->member);
  free(h->per_gradient);
  free(h->mean);
}

static esp_err make_history(const esp_plan *plan, const esp_commit *commits, history *h)
{
  const size_t n_stages = (size_t)plan->n_stages;
  *h = (history){.plan = plan,
                 .commits = commits,
                 .member = malloc((size_t)plan->n_members * sizeof *h->member),
                 .per_gradient = malloc(n_stages * sizeof *h->per_gradient),
                 .mean = malloc((size_t)plan->n_arms * n_stages * sizeof *h->mean)};
  ESP_REQUIRE(h->member && h->per_gradient && h->mean, ESP_ERR_NOMEM, "no memory for the times of %zu stages", n_stages);
  for (int member = 0; member < plan->n_members; member++)
    if (complete(plan, commits, member))
      h->member[h->n_members++] = member;
  ESP_REQUIRE(h->n_members > 0, ESP_ERR_DATA, "no member is complete in the file that the times should come from");
  time_gradients(h);
  take_means(h);
  return ESP_OK;
}

static double drawn_time(const history *h, const esp_plan *plan, esp_cell cell, int member)
{
  const esp_cell there = {member, arm_named(h->plan, plan->arm_name[cell.arm]),
                          stage_named(h->plan, plan->stages[cell.stage].name)}; /* of the past */
  const bool found = there.arm >= 0 && there.stage >= 0;
  if (found && esp_cell_exists(h->plan, there))
    return seconds_of(h, there);
  const double mean = found ? h->mean[there.arm * h->plan->n_stages + there.stage] : -1;
  return mean >= 0 ? mean : h->per_unit * plan->stages[cell.stage].expected_cost[cell.arm];
}

esp_err esp_draw_measured(const esp_plan *plan, const esp_plan *past, const esp_commit *commits, int draw, double *seconds)
{
  history h;
  const esp_err err = make_history(past, commits, &h);
  for (long slot = 0; err == ESP_OK && slot < esp_plan_n_slots(plan); slot++) {
    const esp_cell cell = esp_slot_cell(plan, slot);
    const esp_rng_key key = key_of(draw, cell.member);
    seconds[slot] = drawn_time(&h, plan, cell, h.member[(int)(esp_rng_uniform(&key, 0) * h.n_members)]);
  }
  free_history(&h);
  return err;
}
