/* ensemble/schedule.h - what is left to do, and who should get what next. No MPI in here.
 *
 * The unit that is handed out is a strand: one arm of one member, all its missing stages in the order of the table. A strand
 * is ready when every missing cell in it has its parent in the file or earlier in the same strand. */
#ifndef ESPALIER_ENSEMBLE_SCHEDULE_H
#define ESPALIER_ENSEMBLE_SCHEDULE_H
#include <stdbool.h>

#include "espalier/error.h"
#include "espalier/plan.h"

typedef struct {
  int member, arm;
} esp_strand;

typedef struct {
  const esp_plan *plan;
  unsigned char *done;   /* by slot: the cell is in the file                          */
  unsigned char *strand; /* by member x arm: free, taken or finished                  */
  long n_cells, n_done;  /* of the cells that exist                                   */
  int n_left, n_free;    /* strands that are not finished; that nobody has taken      */
  double cost_left;      /* expected cost of the cells that are missing               */
  double cost_at_start;
} esp_schedule;

/** Make a schedule from what is done, [slots] of the plan (borrowed during the call).
 *  @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_schedule_create(const esp_plan *plan, const unsigned char *done, esp_schedule *schedule);

void esp_schedule_free(esp_schedule *schedule);

/** Choose a strand for a worker that last worked on `last_member` (-1: none) and mark it taken:
 *  the other arm of its own member; else, of the members that nobody works on, the one with most missing work (its first arm
 *  that is ready); else the longest strand of any (so both arms of the last members are worked on at once). Lengths are
 *  expected costs; equal ones go by number.
 *  @return false if nothing is ready now. */
bool esp_schedule_next(esp_schedule *schedule, int last_member, esp_strand *strand);

/** Does this cell of a strand have to be computed? */
bool esp_schedule_missing(const esp_schedule *schedule, esp_cell cell);

/** Note a cell as done (or failed: that is done too). */
void esp_schedule_cell_done(esp_schedule *schedule, esp_cell cell);

/** Note a strand as finished. */
void esp_schedule_finished(esp_schedule *schedule, esp_strand strand);

/** Share of this run's expected work that is done, in [0, 1]. */
double esp_schedule_progress(const esp_schedule *schedule);

#endif
