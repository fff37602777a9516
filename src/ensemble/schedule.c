/* ensemble/schedule.c - strands stand at their first missing cell; handing out is a search over all of them.
 *
 * What is there and what is missing is counted once; then a cell goes out and comes back as done, or is given back when its
 * worker is lost. A lost worker may finish after all: a cell may be reported done twice, or by somebody who no longer has it,
 * and only the first time counts. */
#include "schedule.h"

#include <stdlib.h>
#include <string.h>

static esp_strand *strand_of(const esp_schedule *s, int member, int arm)
{
  return &s->strands[member * s->plan->n_arms + arm];
}

static bool wanted(const esp_schedule *s, esp_cell cell)
{
  return esp_cell_exists(s->plan, cell) && esp_members_has(s->members, cell.member);
}

bool esp_schedule_missing(const esp_schedule *s, esp_cell cell)
{
  return wanted(s, cell) && !s->done[esp_cell_slot(s->plan, cell)];
}

/* Move on to the first missing cell from where the strand stands. */
static void advance(const esp_schedule *s, int member, int arm)
{
  esp_strand *strand = strand_of(s, member, arm);
  while (strand->next < s->plan->n_stages && !esp_schedule_missing(s, (esp_cell){member, arm, strand->next}))
    strand->next++;
}

/* Note what there is: a cell that is done, or one that is missing. */
static void count(esp_schedule *s, esp_cell cell)
{
  if (!wanted(s, cell))
    return;
  s->n_cells++;
  if (!esp_schedule_missing(s, cell)) {
    s->n_done++;
    s->begun[cell.member] = true;
    return;
  }
  const double cost = s->plan->stages[cell.stage].expected_cost[cell.arm];
  strand_of(s, cell.member, cell.arm)->cost += cost;
  s->cost_left += cost;
}

esp_err esp_schedule_create(const esp_plan *plan, esp_members members, const unsigned char *done, int n_workers,
                            esp_schedule *s)
{
  const size_t n_slots = (size_t)esp_plan_n_slots(plan), n_members = (size_t)plan->n_members;
  *s = (esp_schedule){.plan = plan,
                      .members = members,
                      .n_workers = n_workers,
                      .done = malloc(n_slots),
                      .strands = calloc(n_members * (size_t)plan->n_arms, sizeof *s->strands),
                      .begun = calloc(n_members, sizeof *s->begun)};
  if (!s->done || !s->strands || !s->begun) {
    esp_schedule_free(s);
    return esp_fail(ESP_ERR_NOMEM, "no memory for a schedule of %zu cells", n_slots);
  }
  memcpy(s->done, done, n_slots);
  for (long slot = 0; slot < (long)n_slots; slot++)
    count(s, esp_slot_cell(plan, slot));
  for (int member = 0; member < plan->n_members; member++) {
    s->n_untouched += esp_members_has(members, member) && !s->begun[member];
    for (int arm = 0; arm < plan->n_arms; arm++)
      advance(s, member, arm);
  }
  s->cost_at_start = s->cost_left;
  return ESP_OK;
}

void esp_schedule_free(esp_schedule *s)
{
  free(s->done);
  free(s->strands);
  free(s->begun);
  *s = (esp_schedule){0};
}

static bool ready(const esp_schedule *s, int member, int arm)
{
  const esp_strand *strand = strand_of(s, member, arm);
  if (strand->taken || strand->next == s->plan->n_stages)
    return false;
  esp_cell parent;
  return !esp_cell_parent(s->plan, (esp_cell){member, arm, strand->next}, &parent) || !esp_schedule_missing(s, parent);
}

/* The first strand of this member that is ready; NULL: none. */
static const esp_strand *of_member(const esp_schedule *s, int member)
{
  for (int arm = 0; arm < s->plan->n_arms; arm++)
    if (ready(s, member, arm))
      return strand_of(s, member, arm);
  return NULL;
}

/* The ready strand with most to do; NULL: none. */
static const esp_strand *longest(const esp_schedule *s)
{
  const esp_strand *best = NULL;
  for (int member = 0; member < s->plan->n_members; member++)
    for (int arm = 0; arm < s->plan->n_arms; arm++) {
      const esp_strand *strand = strand_of(s, member, arm);
      if ((!best || strand->cost > best->cost) && ready(s, member, arm))
        best = strand;
    }
  return best;
}

static void take(esp_schedule *s, esp_cell cell)
{
  strand_of(s, cell.member, cell.arm)->taken = true;
  s->n_untouched -= !s->begun[cell.member];
  s->begun[cell.member] = true;
}

bool esp_schedule_next(esp_schedule *s, int last_member, esp_cell *cell)
{
  const bool stays = last_member >= 0 && s->n_untouched > s->n_workers;
  const esp_strand *strand = stays ? of_member(s, last_member) : NULL;
  if (!strand)
    strand = longest(s);
  if (!strand)
    return false;
  const int index = (int)(strand - s->strands);
  *cell = (esp_cell){index / s->plan->n_arms, index % s->plan->n_arms, strand->next};
  take(s, *cell);
  return true;
}

void esp_schedule_cell_done(esp_schedule *s, esp_cell cell)
{
  esp_strand *strand = strand_of(s, cell.member, cell.arm);
  const double cost = s->plan->stages[cell.stage].expected_cost[cell.arm];
  if (!esp_schedule_missing(s, cell))
    return;
  s->done[esp_cell_slot(s->plan, cell)] = 1;
  s->n_done++;
  s->cost_left -= cost;
  strand->cost -= cost;
  strand->taken = false;
  advance(s, cell.member, cell.arm);
}

void esp_schedule_give_back(esp_schedule *s, esp_cell cell)
{
  if (esp_schedule_missing(s, cell))
    strand_of(s, cell.member, cell.arm)->taken = false;
}

bool esp_schedule_take_again(esp_schedule *s, esp_cell cell)
{
  if (!esp_schedule_missing(s, cell) || strand_of(s, cell.member, cell.arm)->taken)
    return false;
  take(s, cell);
  return true;
}

double esp_schedule_progress(const esp_schedule *s)
{
  return s->cost_at_start > 0 ? 1 - s->cost_left / s->cost_at_start : 1;
}
