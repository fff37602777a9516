/* espalier/separation.h - how far apart a network keeps fixation and choice (paper, Figs. 6H, 6I, 7G). Pure, local.
 *
 * For one agent of the bandit task, with a(k) at fixation steps k = 1, 3, .. and at choice steps k = 2, 4, ..:
 *     d^2 = (m_f - m_c)' S^-1 (m_f - m_c),   S = (C_f + C_c) / 2,
 * m and C mean and covariance (n - 1) of a over the steps of a kind: squared Mahalanobis distance, dimensionless. As in the
 * published code, which takes the mean over 48 agents (here the caller's); its explicit inverse is a Cholesky solution here.
 *
 * S comes from 30 + 30 steps. A network that lives in fewer than n_hid dimensions (few different inputs, strong pruning) has
 * an S without an inverse; the distance is then not defined, rather than as large as rounding makes it. */
#ifndef ESPALIER_SEPARATION_H
#define ESPALIER_SEPARATION_H
#include <stdbool.h>
#include <stddef.h>

#include "espalier/error.h"
#include "espalier/workspace.h"

typedef struct {
  double distance;  /* d^2; NaN if S is singular. Its relative error by rounding is about 1e-16 condition           */
  double condition; /* largest over smallest eigenvalue of S; INFINITY if S is singular                             */
  bool singular;    /* S has an eigenvalue below n_hid 2^-52 of its largest (zero, for all we know), or no Cholesky
                       factor                                                                                       */
} esp_separation;

/** Separation of one agent.
 *  @param a   states a [n_steps, n_hid], first step first; at least 4 steps
 *  @param ws  scratch, given back on return
 *  @return ESP_OK (also if S is singular), ESP_ERR_ARG, ESP_ERR_NOMEM, ESP_ERR_INTERNAL, or ESP_ERR_DIVERGED if a state or S
 *          is not finite (distance and condition are NaN). */
esp_err esp_separation_of(int n_hid, int n_steps, const double *a, esp_separation *separation, esp_workspace *ws);

#endif
