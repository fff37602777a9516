/* ensemble/crew.c - a clock that counts only what the coordinator sees, and what it knows of each worker.
 *
 * The clock goes on at each look, by half a second at most: what is longer was sleep of the coordinator itself, in which it heard
 * nobody. So two kinds of time stand beside each other: `heard`, on this clock, decides; `heard_at` is only printed. */
#include "crew.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "espalier/log.h"

#define LOOK_SECONDS 0.1
#define LONGEST_STEP 0.5 /* of the clock: the rest of a longer one was sleep */

esp_err esp_crew_create(const esp_plan *plan, int n_workers, double timeout, double now, esp_crew *crew)
{
  *crew = (esp_crew){.plan = plan, .n_workers = n_workers, .timeout = timeout, .last_look = now};
  crew->workers = calloc((size_t)n_workers, sizeof *crew->workers);
  ESP_REQUIRE(crew->workers, ESP_ERR_NOMEM, "no memory for a list of %d workers", n_workers);
  for (int i = 0; i < n_workers; i++)
    crew->workers[i] = (esp_crew_worker){.host = "?", .phase = ESP_PHASE_OPENING, .cell.member = -1, .heard_at = now};
  return ESP_OK;
}

void esp_crew_free(esp_crew *crew)
{
  free(crew->workers);
  *crew = (esp_crew){0};
}

bool esp_crew_look(esp_crew *crew, double now)
{
  if (now - crew->last_look < LOOK_SECONDS)
    return false;
  crew->clock += fmin(now - crew->last_look, LONGEST_STEP);
  crew->last_look = now;
  return true;
}

void esp_crew_heard(esp_crew *crew, int i)
{
  crew->workers[i].heard = crew->clock;
  crew->workers[i].heard_at = esp_seconds();
}

bool esp_crew_silent(const esp_crew *crew, int i)
{
  const esp_crew_worker *worker = &crew->workers[i];
  return crew->timeout > 0 && crew->clock - worker->heard > crew->timeout * esp_phase_patience(worker->phase);
}

int esp_crew_n_lost(const esp_crew *crew)
{
  int n = 0;
  for (int i = 0; i < crew->n_workers; i++)
    n += crew->workers[i].lost;
  return n;
}

const char *esp_cell_suffix(const esp_plan *plan, esp_cell cell, char *text, size_t size)
{
  text[0] = '\0';
  if (cell.member >= 0)
    snprintf(text, size, ", %s", esp_cell_words(plan, cell));
  return text;
}

const char *esp_crew_words(const esp_crew *crew, int i)
{
  static char text[320];
  char cell[160];
  const esp_crew_worker *worker = &crew->workers[i];
  const bool in_work = worker->working && worker->phase != ESP_PHASE_WAITING;
  snprintf(text, sizeof text, "rank %d on %s: %s%s", i + 1, worker->host, esp_phase_words(worker->phase),
           in_work ? esp_cell_suffix(crew->plan, worker->cell, cell, sizeof cell) : "");
  return text;
}
