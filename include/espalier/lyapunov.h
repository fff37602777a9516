/* espalier/lyapunov.h - growth of small deviations along a driven trajectory (paper, Figs. 4D, 5D, 7D). Pure, local.
 *
 * One step of the network, a(k + 1) = W_rec tanh(a(k)) + drive, has the Jacobian
 *     J(k) = W_rec diag(1 - tanh(a(k))^2),
 * and a deviation passes K steps as J(K) ... J(1). Input: states a [n_factors, n_hid] of consecutive steps (bins 16-36 of
 * condition 4 for the DMS population, 15-40 for the example network, steps 2-60 of each agent for the bandit task), W_rec
 * [post, pre]. Exponents are natural logarithms per step, dimensionless; -INFINITY is a direction that is lost altogether.
 *
 * Two readings are kept:
 *   spectrum   exponent i = log(sigma_i) / K, sigma_i the singular values of J(K) ... J(1): chain rule, divided by the
 *              number of factors. The sum of the exponents is the mean over steps of log |det J(k)|.
 *   published  the code multiplies in the other order, P = J(1) J(2) ... J(K), and divides by one less than the number of
 *              factors: log |largest eigenvalue of P'P| / (2 (K - 1)). */
#ifndef ESPALIER_LYAPUNOV_H
#define ESPALIER_LYAPUNOV_H
#include "espalier/error.h"
#include "espalier/workspace.h"

/** J [post, pre] at one state a [n_hid]. */
void esp_jacobian(int n_hid, const double *w_rec, const double *a, double *jacobian);

/** The published exponent.
 *  @param[out] eigenvalue  of P'P, descending [n_hid]; those below 1e-16 of the first are rounding, also negative
 *  @return ESP_OK, ESP_ERR_ARG (fewer than 2 factors), ESP_ERR_NOMEM, or ESP_ERR_DIVERGED if a product is not finite (the
 *          outputs are NaN). */
esp_err esp_lyapunov_published(int n_hid, const double *w_rec, int n_factors, const double *a, double *exponent,
                               double *eigenvalue, esp_workspace *ws);

/** The spectrum, by accumulating QR factors, so that all exponents are accurate and not only the largest:
 *  a sweep forward, J(k) Q(k-1) = Q(k) F(k) with Q(0) = I and column pivoting, follows what is left of all directions and
 *  drops those that are lost; a sweep back, F(k)' Q'(k+1) = Q'(k) R'(k), leaves triangular factors, ordered and graded,
 *  whose product has the singular values of J(K) ... J(1); one-sided Jacobi rotations find these. (The mean of log |R_ii(k)|,
 *  the usual estimate for many factors, still depends on Q(0) after some 20 of them; its sum over i does not.)
 *  A diagonal entry of F(k) below n_hid eps |J(k)| (Frobenius) counts as 0, and so does a singular value below 1e-290 of the
 *  largest: the exponent is -INFINITY, as in pruned networks where units project to nothing that lasts.
 *  @param[out] exponent  descending [n_hid]
 *  @return ESP_OK, ESP_ERR_ARG, ESP_ERR_NOMEM, ESP_ERR_INTERNAL if the rotations do not converge, or ESP_ERR_DIVERGED if a
 *          state or weight is not finite or some |J(k)| is above 1e300 (exponents are NaN). */
esp_err esp_lyapunov_spectrum(int n_hid, const double *w_rec, int n_factors, const double *a, double *exponent,
                              esp_workspace *ws);

#endif
