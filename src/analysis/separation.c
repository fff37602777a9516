/* analysis/separation.c - mean and pooled covariance of the two kinds of steps, its Cholesky factor, and the distance of the means in
 * its terms. Sums run over the steps of a kind in order. The trap is a covariance that is singular: it is counted, not inverted. */
#include "espalier/separation.h"

#include <cblas.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "lapack.h"

/* Add half the covariance of steps first, first + 2, .. (from 0) to `pooled`, both triangles; mean is filled. */
static void pool(int n, int n_steps, const double *a, int first, double *mean, double *deviation, double *pooled)
{
  const int n_samples = (n_steps - first + 1) / 2;
  memset(mean, 0, (size_t)n * sizeof *mean);
  for (int k = first; k < n_steps; k += 2)
    for (int i = 0; i < n; i++)
      mean[i] += a[k * n + i];
  for (int i = 0; i < n; i++)
    mean[i] /= n_samples;
  for (int k = first; k < n_steps; k += 2) {
    for (int i = 0; i < n; i++)
      deviation[i] = a[k * n + i] - mean[i];
    for (int i = 0; i < n; i++)
      for (int j = 0; j < n; j++)
        pooled[i * n + j] += 0.5 * deviation[i] * deviation[j] / (n_samples - 1);
  }
}

/* Ratio of the outer eigenvalues of S, INFINITY if the smallest is zero for all we know; S is overwritten. */
static esp_err condition_of(int n, double *S, double *eigenvalue, double *work, double *condition)
{
  const int lwork = esp_work_length(n);
  int info;
  dsyev_("N", "U", &n, S, &n, eigenvalue, work, &lwork, &info, 1, 1); /* ascending */
  if (info != 0)
    return esp_fail(ESP_ERR_INTERNAL, "eigenvalues of a covariance did not converge (dsyev: %d)", info);
  const double smallest = eigenvalue[0], largest = eigenvalue[n - 1];
  *condition = smallest > n * DBL_EPSILON * largest ? largest / smallest : INFINITY;
  return ESP_OK;
}

/* With S = L L', d^2 = |L^-1 difference|^2; both are overwritten. False if S has no L. */
static bool distance_of(int n, double *S, double *difference, double *distance)
{
  int info;
  dpotrf_("L", &n, S, &n, &info, 1);
  if (info != 0)
    return false;
  cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, S, n, difference, 1);
  *distance = 0.0;
  for (int i = 0; i < n; i++)
    *distance += difference[i] * difference[i];
  return true;
}

static esp_err separate(int n, int n_steps, const double *a, esp_separation *out, esp_workspace *ws)
{
  const size_t nn = (size_t)n * (size_t)n;
  double *S, *copy, *fixation, *choice, *deviation, *eigenvalue, *work;
  const esp_piece list[] = {{&S, nn}, {&copy, nn}, {&fixation, (size_t)n}, {&choice, (size_t)n}, {&deviation, (size_t)n},
                            {&eigenvalue, (size_t)n}, {&work, (size_t)esp_work_length(n)}};
  ESP_TRY(esp_workspace_take_all(ws, sizeof list / sizeof *list, list));
  memset(S, 0, nn * sizeof *S);
  pool(n, n_steps, a, 0, fixation, deviation, S);
  pool(n, n_steps, a, 1, choice, deviation, S);
  *out = (esp_separation){.distance = NAN, .condition = NAN};
  for (size_t i = 0; i < nn; i++)
    if (!isfinite(S[i]))
      return ESP_ERR_DIVERGED; /* a state that is not finite ends up here too */
  memcpy(copy, S, nn * sizeof *S);
  ESP_TRY(condition_of(n, copy, eigenvalue, work, &out->condition));
  for (int i = 0; i < n; i++)
    fixation[i] -= choice[i];
  out->singular = isinf(out->condition) || !distance_of(n, S, fixation, &out->distance);
  if (out->singular)
    out->condition = INFINITY;
  return ESP_OK;
}

esp_err esp_separation_of(int n_hid, int n_steps, const double *a, esp_separation *separation, esp_workspace *ws)
{
  ESP_REQUIRE(n_hid > 0 && n_steps >= 4, ESP_ERR_ARG, "%d units, %d steps", n_hid, n_steps);
  const size_t mark = ws->used;
  const esp_err err = separate(n_hid, n_steps, a, separation, ws);
  ws->used = mark;
  return err;
}
