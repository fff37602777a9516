/* espalier/flow.h - vector field and contraction around a trajectory (paper, Fig. 4A-C). Pure, local.
 *
 * Around the state a(k) of condition 4, unprobed, a 3 x 3 grid is laid on the first two principal components,
 *     s = a(k) + x1 PC1 + x2 PC2,   x1, x2 in {-0.05, 0, 0.05},
 * and every point makes one step with the input of that bin (as published; the network itself would take the next one, which
 * is the same in bins 18-30):
 *     ds = W_rec tanh(s) + W_in u(k) - s.
 * Points and steps are looked at in the coordinates (PC1, PC2, W_out). W_out is neither of unit length nor orthogonal to
 * the others, and the start of a point on it is counted as that of a(k). For each displaced point let D be the difference
 * to the centre point before, D' after the step:
 *   contraction            mean |D'| / mean |D| on (PC1, PC2): the text of the paper
 *   contraction_published  sqrt(sum of f_c D'_c^2) / sqrt(sum of f_c D_c^2) over points and the three coordinates, f_c the
 *                          fraction of variance of component c = 1, 2, 3 (of PC3 for W_out): the published code
 *   approach               mean over the points of (|x| - |D'|) on the three coordinates: "mproj" of the published code
 * Below 1 (approach: above 0), points are pulled towards the trajectory. Dimensionless. */
#ifndef ESPALIER_FLOW_H
#define ESPALIER_FLOW_H
#include "espalier/error.h"
#include "espalier/rnn.h"
#include "espalier/workspace.h"

#define ESP_FLOW_N_POINTS 9   /* x1 slow, x2 fast; the centre is point 4 */
#define ESP_FLOW_N_AXES 3
#define ESP_FLOW_SPACING 0.05 /* published code, probeTrajectories       */
#define ESP_FLOW_FIRST_BIN 18 /* bins of Fig. 4C: two before the probe   */
#define ESP_FLOW_LAST_BIN 30  /* .. to ten after                         */

typedef struct {
  double start[ESP_FLOW_N_POINTS][ESP_FLOW_N_AXES]; /* points on PC1, PC2, W_out    */
  double step[ESP_FLOW_N_POINTS][ESP_FLOW_N_AXES];  /* what one step adds to them   */
  double contraction, contraction_published, approach;
} esp_flow;

/** The flow around one state.
 *  @param w           weights [n_weights]; of W_out the first output is taken, without its bias
 *  @param eigenvalue  of esp_pca, descending [n_hid]
 *  @param component   of esp_pca [component, unit]; the first two are read
 *  @param u           input of the bin [n_in]
 *  @param a           state of the bin [n_hid]
 *  @return ESP_OK, ESP_ERR_ARG (fewer than 3 units), ESP_ERR_NOMEM. Divergence shows as NaN. */
esp_err esp_flow_at(const esp_rnn_shape *shape, const double *w, const double *eigenvalue, const double *component,
                    const double *u, const double *a, esp_flow *flow, esp_workspace *ws);

#endif
