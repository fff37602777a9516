/* espalier/pca.h - principal components of the hidden states (paper, Figs. 3, 6G, 7E). Pure, local.
 *
 *     C = sum over samples of (a - mean a)(a - mean a)' / (n_samples - 1),   C v = lambda v
 *
 * Samples are the states a(k) of some trials at some bins: bins 11-58 of the four conditions for Fig. 3, all bins of
 * condition 1 for the dimensionality of the published code, all steps of all agents for the bandit task. Dimensionless. */
#ifndef ESPALIER_PCA_H
#define ESPALIER_PCA_H
#include "espalier/error.h"
#include "espalier/trajectory.h"
#include "espalier/workspace.h"

/** Components of the samples trial = first_trial .. first_trial + n_trials - 1 (from 0), bin = first_bin .. last_bin
 *  (from 1).
 *  @param[out] eigenvalue  descending [n_hid]; those below 1e-16 of the first are rounding, also negative
 *  @param[out] vector      [component, unit], unit length, the largest entry positive; NULL if not wanted
 *  @param      ws          scratch, given back on return
 *  @return ESP_OK, ESP_ERR_ARG (fewer than 2 samples, or not in t), ESP_ERR_NOMEM, ESP_ERR_INTERNAL, or ESP_ERR_DIVERGED if
 *          a state is not finite (the outputs are NaN). */
esp_err esp_pca(const esp_trajectories *t, int first_trial, int n_trials, int first_bin, int last_bin, double *eigenvalue,
                double *vector, esp_workspace *ws);

/** The state a [n_hid] on a component of esp_pca(), the mean not taken off; NaN: there are not so many. */
double esp_pca_score(int n_hid, const double *vector, int component, const double *a);

/** Scores of the rows of a table on its first components, where there are fewer rows than columns: eigenvectors of the products
 *  x x' of the rows, times the root of the eigenvalue. A sign means nothing; the score that is largest in size is positive.
 *  @param[in,out] x      [n_rows, n_columns]; the mean over rows is taken off each column
 *  @param[out]    score  [n_rows, n_components]
 *  @param[out]    share  of the variance that each component explains [n_components]
 *  Both keep what they have where there are fewer rows than components, or no variance.
 *  @return ESP_OK, ESP_ERR_NOMEM, ESP_ERR_INTERNAL. */
esp_err esp_pca_scores(int n_rows, int n_columns, double *x, int n_components, double *score, double *share);

#endif
