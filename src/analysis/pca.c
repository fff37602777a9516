/* analysis/pca.c - the mean is taken off before products are summed, so that a large mean costs no digits. */
#include "espalier/pca.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lapack.h"

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
  const int n = r->t->n_hid, n_samples = r->n_trials * (r->last_bin - r->first_bin + 1), lwork = esp_work_length(n);
  double *covariance, *mean, *deviation, *ascending, *work;
  const esp_piece list[] = {{&covariance, (size_t)n * (size_t)n}, {&mean, (size_t)n}, {&deviation, (size_t)n},
                            {&ascending, (size_t)n}, {&work, (size_t)lwork}};
  ESP_TRY(esp_workspace_take_all(ws, sizeof list / sizeof *list, list));
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

double esp_pca_score(int n_hid, const double *vector, int component, const double *a)
{
  double sum = 0;
  for (int i = 0; i < n_hid && component < n_hid; i++)
    sum += vector[component * n_hid + i] * a[i];
  return component < n_hid ? sum : NAN; /* one unit has no second component */
}

/* ---- of a table with fewer rows than columns ---- */

/* Take the mean over rows off each column. */
static void centre(int n_rows, int n_columns, double *x)
{
  for (int k = 0; k < n_columns; k++) {
    double mean = 0;
    for (int i = 0; i < n_rows; i++)
      mean += x[(size_t)i * (size_t)n_columns + (size_t)k] / n_rows;
    for (int i = 0; i < n_rows; i++)
      x[(size_t)i * (size_t)n_columns + (size_t)k] -= mean;
  }
}

static void products_of(int n_rows, int n_columns, const double *x, double *product)
{
  const size_t n = (size_t)n_rows;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      double sum = 0;
      for (size_t k = 0; k < (size_t)n_columns; k++)
        sum += x[i * (size_t)n_columns + k] * x[j * (size_t)n_columns + k];
      product[i * n + j] = product[j * n + i] = sum;
    }
}

esp_err esp_pca_scores(int n_rows, int n_columns, double *x, int n_components, double *score, double *share)
{
  const size_t n = (size_t)n_rows;
  const int n_work = esp_work_length(n_rows) + 8;
  int info = 0;
  double whole = 0;
  double *product = malloc((n * n + n + (size_t)n_work) * sizeof *product);
  ESP_REQUIRE(product, ESP_ERR_NOMEM, "no memory for the principal components of %d rows", n_rows);
  double *value = product + n * n;
  centre(n_rows, n_columns, x);
  products_of(n_rows, n_columns, x, product);
  for (size_t i = 0; i < n; i++)
    whole += product[i * n + i];
  dsyev_("V", "L", &n_rows, product, &n_rows, value, value + n, &n_work, &info, 1, 1);
  for (int c = 0; c < n_components && c < n_rows && info == 0 && whole > 0; c++) {
    double *vector = product + (n - 1 - (size_t)c) * n;
    const double lambda = fmax(value[n_rows - 1 - c], 0);
    share[c] = lambda / whole;
    set_sign(n_rows, vector);
    for (int i = 0; i < n_rows; i++)
      score[i * n_components + c] = vector[i] * sqrt(lambda);
  }
  free(product);
  ESP_REQUIRE(info == 0, ESP_ERR_INTERNAL, "eigenvalues of products did not converge (dsyev: %d)", info);
  return ESP_OK;
}
