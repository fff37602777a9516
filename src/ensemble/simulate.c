/* ensemble/simulate.c - the same schedule and the same order of events as in coordinator.c; only the waiting is left out. */
#include "espalier/simulate.h"

#include <math.h>
#include <stdlib.h>

#include "schedule.h"

typedef struct {
  double until;  /* when its cell is done; INFINITY: it waits */
  esp_cell cell; /* in work, or the last that was             */
} worker;

typedef struct {
  esp_schedule schedule;
  const double *seconds;
  worker *workers;
  int n_workers;
  double now;
} simulation;

static bool serve(simulation *s, worker *w)
{
  if (!esp_schedule_next(&s->schedule, w->cell.member, &w->cell))
    return false;
  w->until = s->now + s->seconds[esp_cell_slot(s->schedule.plan, w->cell)];
  return true;
}

static void serve_all(simulation *s)
{
  for (int i = 0; i < s->n_workers; i++)
    if (isinf(s->workers[i].until) && !serve(s, &s->workers[i]))
      return;
}

/* Whose cell is done next? Of several at the same moment, the lowest rank's. NULL: everybody waits. */
static worker *next_to_finish(const simulation *s)
{
  worker *next = NULL;
  for (int i = 0; i < s->n_workers; i++)
    if (s->workers[i].until < (next ? next->until : INFINITY))
      next = &s->workers[i];
  return next;
}

static void finish_cell(simulation *s, worker *w)
{
  s->now = w->until;
  w->until = INFINITY;
  esp_schedule_cell_done(&s->schedule, w->cell);
  serve(s, w);
  serve_all(s);
}

static double missing_work(const simulation *s)
{
  double work = 0;
  for (long slot = 0; slot < esp_plan_n_slots(s->schedule.plan); slot++)
    if (esp_schedule_missing(&s->schedule, esp_slot_cell(s->schedule.plan, slot)))
      work += s->seconds[slot];
  return work;
}

esp_err esp_simulate(const esp_plan *plan, const unsigned char *done, const double *seconds, int n_workers, double *makespan,
                     double *work)
{
  const int n_strands = plan->n_members * plan->n_arms;
  simulation s = {.seconds = seconds, .n_workers = n_workers < n_strands ? n_workers : n_strands}; /* more have nothing to do */
  const esp_members all = {0, plan->n_members - 1};
  ESP_TRY(esp_schedule_create(plan, all, done, n_workers, &s.schedule));
  s.workers = malloc((size_t)s.n_workers * sizeof *s.workers);
  if (!s.workers) {
    esp_schedule_free(&s.schedule);
    return esp_fail(ESP_ERR_NOMEM, "no memory for %d workers", s.n_workers);
  }
  *work = missing_work(&s);
  for (int i = 0; i < s.n_workers; i++)
    s.workers[i] = (worker){.until = INFINITY, .cell.member = -1};
  serve_all(&s);
  for (worker *w; (w = next_to_finish(&s));)
    finish_cell(&s, w);
  *makespan = s.now;
  const long n_left = s.schedule.n_cells - s.schedule.n_done;
  free(s.workers);
  esp_schedule_free(&s.schedule);
  ESP_REQUIRE(n_left == 0, ESP_ERR_INTERNAL, "%ld cells never became ready", n_left);
  return ESP_OK;
}
