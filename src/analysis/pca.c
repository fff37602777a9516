/* analysis/pca.c - the mean is taken off before products are summed, so that a large mean costs no digits. */
#include "espalier/pca.h"

#include <math.h>
#include <string.h>

#include "lapack.h"

static int work_length(int n)
{
  return 8 * n;
}

typedef struct {
  const esp_trajectories *t;
  int first_trial, n_trials, first_bin, last_bin;
} sample_range;

static void mean_of(const sample_range *r, int n_samples, double *mean)
{
  const int n = r->t->n_hid;
  memset(mean, 0, (size_t)n * sizeof *mean);
  for (int trial = r->first_trial; trial < r->first_trial + r->n_trials; trial++)
    for (int bin = r->first_bin; bin <= r->last_bin; bin++) {
      const double *a = esp_trajectory_state(r->t, trial, bin);
      for (int i = 0; i < n; i++)
        mean[i] += a[i];
    }
  for (int i = 0; i < n; i++)
    mean[i] /= n_samples;
}

/* Both triangles; sums in sample order. */
static void covariance_of(const sample_range *r, int n_samples, const double *mean, double *deviation, double *covariance)
{
  const int n = r->t->n_hid;
  memset(covariance, 0, (size_t)n * (size_t)n * sizeof *covariance);
  for (int trial = r->first_trial; trial < r->first_trial + r->n_trials; trial++)
    for (int bin = r->first_bin; bin <= r->last_bin; bin++) {
      const double *a = esp_trajectory_state(r->t, trial, bin);
      for (int i = 0; i < n; i++)
        deviation[i] = a[i] - mean[i];
      for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
          covariance[i * n + j] += deviation[i] * deviation[j];
    }
  for (int i = 0; i < n * n; i++)
    covariance[i] /= n_samples - 1;
}

static void set_sign(int n, double *v)
{
  int largest = 0;
  for (int i = 1; i < n; i++)
    if (fabs(v[i]) > fabs(v[largest]))
      largest = i;
  if (v[largest] < 0)
    for (int i = 0; i < n; i++)
      v[i] = -v[i];
}

static esp_err components(const sample_range *r, double *eigenvalue, double *vector, esp_workspace *ws)
{
  const int n = r->t->n_hid, n_samples = r->n_trials * (r->last_bin - r->first_bin + 1), lwork = work_length(n);
  double *covariance, *mean, *deviation, *ascending, *work;
  ESP_TRY(esp_workspace_take(ws, (size_t)n * (size_t)n, &covariance));
  ESP_TRY(esp_workspace_take(ws, (size_t)n, &mean));
  ESP_TRY(esp_workspace_take(ws, (size_t)n, &deviation));
  ESP_TRY(esp_workspace_take(ws, (size_t)n, &ascending));
  ESP_TRY(esp_workspace_take(ws, (size_t)lwork, &work));
  mean_of(r, n_samples, mean);
  covariance_of(r, n_samples, mean, deviation, covariance);
  for (int i = 0; i < n; i++)
    eigenvalue[i] = NAN;
  for (int i = 0; vector && i < n * n; i++)
    vector[i] = NAN;
  for (int i = 0; i < n * n; i++)
    if (!isfinite(covariance[i]))
      return ESP_ERR_DIVERGED;
  int info;
  dsyev_(vector ? "V" : "N", "U", &n, covariance, &n, ascending, work, &lwork, &info, 1, 1);
  if (info != 0)
    return esp_fail(ESP_ERR_INTERNAL, "eigenvalues of a covariance did not converge (dsyev: %d)", info);
  for (int c = 0; c < n; c++) {
    eigenvalue[c] = ascending[n - 1 - c];
    if (vector) {
      memcpy(vector + c * n, covariance + (n - 1 - c) * n, (size_t)n * sizeof *vector);
      set_sign(n, vector + c * n);
    }
  }
  return ESP_OK;
}

esp_err esp_pca(const esp_trajectories *t, int first_trial, int n_trials, int first_bin, int last_bin, double *eigenvalue,
                double *vector, esp_workspace *ws)
{
  ESP_REQUIRE(first_trial >= 0 && n_trials > 0 && first_trial + n_trials <= t->n_trials && first_bin >= 1 &&
                  last_bin <= t->n_steps && n_trials * (last_bin - first_bin + 1) > 1,
              ESP_ERR_ARG, "samples of %d trials from %d, bins %d-%d, where there are %d trials x %d bins", n_trials,
              first_trial, first_bin, last_bin, t->n_trials, t->n_steps);
  const size_t mark = ws->used;
  const sample_range range = {t, first_trial, n_trials, first_bin, last_bin};
  const esp_err err = components(&range, eigenvalue, vector, ws);
  ws->used = mark;
  return err;
}
