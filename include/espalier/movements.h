/* espalier/movements.h - what cells and lever do around the onset of movements (Kappel et al. 2018, Fig. 5D). Pure, local. */
#ifndef ESPALIER_MOVEMENTS_H
#define ESPALIER_MOVEMENTS_H
#include "espalier/lever.h"

/** Averages over the movements of a recording, aligned to movement onset: the last move before the lever crossed -threshold after
 *  which it stayed below -5 % of the threshold, or cue onset if that is later. Movements that do not lie in the recording from before
 *  to after the onset are left out.
 *  @param before, after  steps of dt; a multiple of bin_steps
 *  @param[out] rate   Hz, not smoothed [cell, (before + after) / bin_steps]
 *  @param[out] lever  mean lever [n_moves], n_moves = (before + after) / steps of a move; the move at or after each time
 *  @param[out] trace  levers of the first max_traces movements [max_traces, n_moves], NaN where there are fewer; may be NULL
 *  @return number of movements averaged; with none, rate and lever are NaN. */
int esp_movements_average(const esp_lever_options *options, const esp_lever_recording *recording, int before, int after, int bin_steps,
                          double *rate, double *lever, int max_traces, double *trace);

#endif
