/* espalier/simulate.h - how long would a run take on so many ranks? The schedule of a real run, in virtual time.
 *
 * How long the cells take is drawn: from what a results file has measured (esp_draw_measured), or from what the plan expects
 * and how far single cells lie from it (esp_draw_expected). Then esp_simulate lets workers ask, work and finish as the
 * coordinator would have them. Start, messages and writing count nothing: together a second or two. Pure, local, no MPI, no
 * clock: equal arguments give equal numbers. Times are seconds of one worker, [slots] of the plan. */
#ifndef ESPALIER_SIMULATE_H
#define ESPALIER_SIMULATE_H
#include "espalier/error.h"
#include "espalier/plan.h"
#include "espalier/results.h"

/** Draw times from a file's: each member takes the history of one complete member of the file, so that what belongs together
 *  (a slow start, slow rungs) stays together. A cell's time is its gradients times the seconds per gradient of its stage over
 *  the whole file: so it hardly matters that the seconds of a cell are those of its last session only. They are wall-clock
 *  seconds of the machine as it was: other load, or all its cores at work, slow a file's cells. What that member has not (a
 *  stage that is only for some) takes the file's mean of this stage and arm, and where the file has none, the expected cost times
 *  the file's seconds per unit of it. Stages and arms are paired by name. Of a run that is not complete, the members that are
 *  were the quick ones: 17 of 20 took a seventh less than all.
 *  @param past     plan of the file
 *  @param commits  of the file, [slots of past]
 *  @param draw     number of the draw
 *  @return ESP_OK; ESP_ERR_DATA if no member of the file is complete; ESP_ERR_NOMEM. */
esp_err esp_draw_measured(const esp_plan *plan, const esp_plan *past, const esp_commit *commits, int draw, double *seconds);

/** Draw times from the plan: seconds of one unit x expected cost x a lognormal factor with the spread that the stage declares
 *  (esp_stage.member_log_sd, cell_log_sd), cut off at max_cost and scaled to mean 1. */
void esp_draw_expected(const esp_plan *plan, double seconds_per_unit, int draw, double *seconds);

/** Members of a file that have all their cells, done or failed. */
int esp_complete_members(const esp_plan *plan, const esp_commit *commits);

/** Compute what is missing with so many workers.
 *  @param done       [slots]: not 0 where the cell is in the file already
 *  @param[out] makespan  s until the last cell is done; 0 if nothing is missing
 *  @param[out] work      s of all missing cells together: efficiency is work / (n_workers x makespan)
 *  @return ESP_OK, ESP_ERR_NOMEM; ESP_ERR_INTERNAL if some cell can never be computed. */
esp_err esp_simulate(const esp_plan *plan, const unsigned char *done, const double *seconds, int n_workers, double *makespan,
                     double *work);

#endif
