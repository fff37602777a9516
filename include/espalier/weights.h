/* espalier/weights.h - distribution and singular values of the recurrent weights (paper, Figs. 2A, 2B, 5F, 6A, 6B, 7F).
 * Pure, local. Dimensionless. */
#ifndef ESPALIER_WEIGHTS_H
#define ESPALIER_WEIGHTS_H
#include <stdint.h>

#include "espalier/error.h"
#include "espalier/workspace.h"

/** Bins of a histogram by their centres: first, first + spacing, .. */
typedef struct {
  int n_bins;
  double first, spacing;
} esp_weight_bins;

/** Bins of the published code: -1.5 .. 1.5 by 0.05 for the DMS task, by 0.1 for the bandit task. */
#define ESP_WEIGHT_BINS_DMS ((esp_weight_bins){61, -1.5, 0.05})
#define ESP_WEIGHT_BINS_BANDIT ((esp_weight_bins){31, -1.5, 0.1})

/** Count the weights of w_rec [post, pre] that are not exactly 0.0. Bins part halfway between their centres, a weight on the
 *  boundary counts in the lower bin, the two outer bins take all that lies outside; NaN is not counted.
 *  @param[out] count  [n_bins]; sums to the number of remaining weights */
void esp_weight_histogram(int n_hid, const double *w_rec, const esp_weight_bins *bins, int32_t *count);

/** Singular values of w_rec [post, pre], descending [n_hid].
 *  @return ESP_OK, ESP_ERR_ARG, ESP_ERR_NOMEM, ESP_ERR_INTERNAL, or ESP_ERR_DIVERGED if a weight is not finite (values are
 *          NaN). */
esp_err esp_weight_singular_values(int n_hid, const double *w_rec, double *value, esp_workspace *ws);

#endif
