/* ensemble/schedule.c */
#include "schedule.h"

#include <stdlib.h>
#include <string.h>

enum { FREE, TAKEN, FINISHED };

static unsigned char *strand_of(const esp_schedule *s, int member, int arm)
{
  return &s->strand[(size_t)member * (size_t)s->plan->n_arms + (size_t)arm];
}

bool esp_schedule_missing(const esp_schedule *s, esp_cell cell)
{
  return esp_cell_exists(s->plan, cell) && !s->done[esp_cell_slot(s->plan, cell)];
}

/* Expected cost of what is missing in a strand. */
static double cost_of(const esp_schedule *s, int member, int arm)
{
  double cost = 0;
  for (int stage = 0; stage < s->plan->n_stages; stage++)
    if (esp_schedule_missing(s, (esp_cell){member, arm, stage}))
      cost += s->plan->stages[stage].expected_cost[arm];
  return cost;
}

static bool complete(const esp_schedule *s, int member, int arm)
{
  for (int stage = 0; stage < s->plan->n_stages; stage++)
    if (esp_schedule_missing(s, (esp_cell){member, arm, stage}))
      return false;
  return true;
}

/* Parents lie earlier in the table, so one in the same strand will be there in time. */
static bool ready(const esp_schedule *s, int member, int arm)
{
  for (int stage = 0; stage < s->plan->n_stages; stage++) {
    const esp_cell cell = {member, arm, stage};
    esp_cell parent;
    if (esp_schedule_missing(s, cell) && esp_cell_parent(s->plan, cell, &parent) && parent.arm != arm &&
        esp_schedule_missing(s, parent))
      return false;
  }
  return true;
}

esp_err esp_schedule_create(const esp_plan *plan, const unsigned char *done, esp_schedule *s)
{
  const size_t n_slots = (size_t)esp_plan_n_slots(plan), n_strands = (size_t)plan->n_members * (size_t)plan->n_arms;
  *s = (esp_schedule){.plan = plan, .done = malloc(n_slots), .strand = calloc(n_strands, 1)};
  if (!s->done || !s->strand) {
    esp_schedule_free(s);
    return esp_fail(ESP_ERR_NOMEM, "no memory for a schedule of %zu cells", n_slots);
  }
  memcpy(s->done, done, n_slots);
  for (long slot = 0; slot < (long)n_slots; slot++)
    if (esp_cell_exists(plan, esp_slot_cell(plan, slot))) {
      s->n_cells++;
      s->n_done += s->done[slot] != 0;
    }
  for (int member = 0; member < plan->n_members; member++)
    for (int arm = 0; arm < plan->n_arms; arm++) {
      const bool is_complete = complete(s, member, arm);
      *strand_of(s, member, arm) = is_complete ? FINISHED : FREE;
      s->n_left += !is_complete;
      s->n_free += !is_complete;
      s->cost_left += cost_of(s, member, arm);
    }
  s->cost_at_start = s->cost_left;
  return ESP_OK;
}

void esp_schedule_free(esp_schedule *s)
{
  free(s->done);
  free(s->strand);
  *s = (esp_schedule){0};
}

static bool begun(const esp_schedule *s, int member)
{
  for (int arm = 0; arm < s->plan->n_arms; arm++)
    if (*strand_of(s, member, arm) == TAKEN)
      return true;
  return false;
}

static int other_arm(const esp_schedule *s, int member)
{
  for (int arm = 0; member >= 0 && arm < s->plan->n_arms; arm++)
    if (*strand_of(s, member, arm) == FREE && ready(s, member, arm))
      return arm;
  return -1;
}

/* The longest free strand that is ready, of members that nobody works on or of all. A member's whole missing work counts, not
 * only the strand's: who begins a member usually does the rest of it too. */
static bool longest(const esp_schedule *s, bool untouched_only, esp_strand *best)
{
  double best_cost = -1;
  for (int member = 0; member < s->plan->n_members; member++) {
    if (untouched_only && begun(s, member))
      continue;
    double member_cost = 0;
    for (int arm = 0; untouched_only && arm < s->plan->n_arms; arm++)
      member_cost += cost_of(s, member, arm);
    for (int arm = 0; arm < s->plan->n_arms; arm++) {
      if (*strand_of(s, member, arm) != FREE || !ready(s, member, arm))
        continue;
      const double cost = untouched_only ? member_cost : cost_of(s, member, arm);
      if (cost > best_cost) {
        best_cost = cost;
        *best = (esp_strand){member, arm};
      }
    }
  }
  return best_cost >= 0;
}

bool esp_schedule_next(esp_schedule *s, int last_member, esp_strand *strand)
{
  if (s->n_free == 0)
    return false;
  const int arm = other_arm(s, last_member);
  if (arm >= 0)
    *strand = (esp_strand){last_member, arm};
  else if (!longest(s, true, strand) && !longest(s, false, strand))
    return false;
  *strand_of(s, strand->member, strand->arm) = TAKEN;
  s->n_free--;
  return true;
}

void esp_schedule_cell_done(esp_schedule *s, esp_cell cell)
{
  if (!esp_schedule_missing(s, cell))
    return;
  s->done[esp_cell_slot(s->plan, cell)] = 1;
  s->n_done++;
  s->cost_left -= s->plan->stages[cell.stage].expected_cost[cell.arm];
}

void esp_schedule_finished(esp_schedule *s, esp_strand strand)
{
  *strand_of(s, strand.member, strand.arm) = FINISHED;
  s->n_left--;
}

double esp_schedule_progress(const esp_schedule *s)
{
  return s->cost_at_start > 0 ? 1 - s->cost_left / s->cost_at_start : 1;
}
