/* ensemble/schedule.h - what is left to do, and who should do what next. No MPI in here.
 *
 * A strand is one arm of one member: its missing cells are computed one after the other, in the order of the table. It is ready
 * when nobody works on it and its next cell has its parent in the file. What is handed out is one cell, so that at every cell's
 * end a worker can turn to where most is left:
 *
 *   - While there are more members that nobody has begun than workers, a worker stays with its member, the first arm first: what
 *     it computed last is the parent of what comes next, and members are complete early.
 *   - After that the strand with most expected work left goes first; equal ones go by number. Members that train slowly fall
 *     behind and so are preferred, all end at nearly the same time, and no worker begins a long member when the others have
 *     nothing left.
 *
 * Simulated for 400 members of config/dms_ensemble.yaml this keeps 99 workers busy for 98.8 % of the time, 199 for 97.8 % (whole
 * strands, of a worker's own member first: 84 % and 73 %). To scale what a member has left by what it took so far gains
 * nothing, and loses where workers are many. */
#ifndef ESPALIER_ENSEMBLE_SCHEDULE_H
#define ESPALIER_ENSEMBLE_SCHEDULE_H
#include <stdbool.h>

#include "espalier/error.h"
#include "espalier/members.h"
#include "espalier/plan.h"

typedef struct {
  int next;    /* stage of its first missing cell; n_stages: it is complete */
  bool taken;  /* somebody computes that cell                               */
  double cost; /* expected, of its missing cells                            */
} esp_strand;

typedef struct {
  const esp_plan *plan;
  esp_members members;   /* the others are left out, as if there were no such cells */
  int n_workers;
  unsigned char *done;   /* by slot: the cell is in the file                */
  esp_strand *strands;   /* [member, arm]                                   */
  bool *begun;           /* [member]: some cell of it is done or in work    */
  int n_untouched;       /* members that nobody has begun                   */
  long n_cells, n_done;  /* of the cells that these members have            */
  double cost_left;      /* expected cost of the cells that are missing     */
  double cost_at_start;
} esp_schedule;

/** Make a schedule for these members from what is done, [slots] of the plan (borrowed during the call).
 *  @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_schedule_create(const esp_plan *plan, esp_members members, const unsigned char *done, int n_workers,
                            esp_schedule *schedule);

void esp_schedule_free(esp_schedule *schedule);

/** Choose a cell for a worker that last worked on `last_member` (-1: none) and mark its strand taken.
 *  @return false if nothing is ready now. */
bool esp_schedule_next(esp_schedule *schedule, int last_member, esp_cell *cell);

/** Does this cell have to be computed? */
bool esp_schedule_missing(const esp_schedule *schedule, esp_cell cell);

/** Note a cell that was handed out as done (or failed: that is done too). Its strand, and strands of other arms, may be ready
 *  now: whoever waits should ask again. One that is done already stays so: two have computed it, after the first was given up. */
void esp_schedule_cell_done(esp_schedule *schedule, esp_cell cell);

/** Nobody computes this cell any more: it can be handed out again. Nothing happens if it is done meanwhile. */
void esp_schedule_give_back(esp_schedule *schedule, esp_cell cell);

/** Mark a cell that was given back as taken again.
 *  @return false if somebody else has it, or it is done. */
bool esp_schedule_take_again(esp_schedule *schedule, esp_cell cell);

/** Share of this run's expected work that is done, in [0, 1]. */
double esp_schedule_progress(const esp_schedule *schedule);

#endif
