/* ensemble/crew.h - what the coordinator knows of its workers: who is at what, and who has been silent for too long. No MPI.
 *
 * A worker that has something to do gives a sign of life whenever it begins another phase, and about once a second in between
 * (messages.h). One that has been silent for longer than the time-out, times the patience that its phase may need, is lost:
 * nothing is expected of it any more. Should it come back, it is used again. Silence is measured in time in which the coordinator
 * was awake: a whole job that was stopped and continued, or a machine that slept, loses nobody. */
#ifndef ESPALIER_ENSEMBLE_CREW_H
#define ESPALIER_ENSEMBLE_CREW_H
#include <stdbool.h>

#include "espalier/error.h"
#include "espalier/plan.h"
#include "espalier/watchdog.h"

typedef struct {
  const char *host;  /* borrowed                                                                  */
  bool waiting;      /* has asked for work and got none yet                                       */
  bool working;
  bool owns;         /* and nobody else has been given its cell                                   */
  bool gone;         /* has said its last word but for what END asks of it                        */
  bool ended;        /* has been sent END: once more, it would take that for the last word        */
  bool closed;       /* and has closed the file                                                   */
  bool lost;
  esp_phase phase;
  esp_cell cell;     /* in work, or the last that was; member -1: none yet                        */
  double heard;      /* on the crew's clock                                                       */
  double heard_at;   /* esp_seconds(), for people                                                 */
} esp_crew_worker;

typedef struct {
  const esp_plan *plan; /* borrowed */
  esp_crew_worker *workers; /* of rank 1 + index */
  int n_workers;
  double timeout;       /* s; 0: nobody is ever lost */
  double clock;         /* s in which the coordinator was awake */
  double last_look;     /* esp_seconds() */
} esp_crew;

/** All are opening the file.
 *  @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_crew_create(const esp_plan *plan, int n_workers, double timeout, double now, esp_crew *crew);
void esp_crew_free(esp_crew *crew);

/** Let the clock go on to now = esp_seconds(); call it often.
 *  @return true about ten times a second: time to look who is lost. */
bool esp_crew_look(esp_crew *crew, double now);

/** Worker i has said something, or has just been told to do something. */
void esp_crew_heard(esp_crew *crew, int i);

/** Has worker i, which has something to do, been silent for too long? */
bool esp_crew_silent(const esp_crew *crew, int i);

int esp_crew_n_lost(const esp_crew *crew);

/** "rank 3 on node7: training, member 3, pruned, rung_0.70" in a static buffer. */
const char *esp_crew_words(const esp_crew *crew, int i);

/** ", member 3, pruned, rung_0.70"; nothing for member -1. Returns text. */
const char *esp_cell_suffix(const esp_plan *plan, esp_cell cell, char *text, size_t size);

#endif
