/* analysis/lyapunov.c - products of Jacobians. Scratch matrices are column-major where LAPACK works on them. */
#include "espalier/lyapunov.h"

#include <cblas.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "lapack.h"

void esp_jacobian(int n, const double *w_rec, const double *a, double *jacobian)
{
  for (int j = 0; j < n; j++) {
    const double rate = tanh(a[j]), slope = 1.0 - rate * rate;
    for (int i = 0; i < n; i++)
      jacobian[i * n + j] = w_rec[i * n + j] * slope;
  }
}

static int work_length(int n)
{
  return 5 * n + 6;
}

size_t esp_lyapunov_workspace_bytes(int n_hid, int n_factors)
{
  const size_t n = (size_t)n_hid, d = sizeof(double);
  return esp_workspace_bytes((size_t)n_factors * n * n * d) + 3 * esp_workspace_bytes(n * n * d) +
         2 * esp_workspace_bytes(n * d) + esp_workspace_bytes((size_t)work_length(n_hid) * d) +
         esp_workspace_bytes(n * sizeof(int));
}

static bool all_finite(size_t n, const double *v)
{
  for (size_t i = 0; i < n; i++)
    if (!isfinite(v[i]))
      return false;
  return true;
}

static void fill(int n, double *v, double value)
{
  for (int i = 0; i < n; i++)
    v[i] = value;
}

/* ---- as published ---- */

static esp_err published(int n, const double *w_rec, int n_factors, const double *a, double *exponent, double *eigenvalue,
                         esp_workspace *ws)
{
  const size_t nn = (size_t)n * (size_t)n;
  const int lwork = work_length(n);
  double *jacobian, *product, *next, *work;
  ESP_TRY(esp_workspace_take(ws, nn, &jacobian));
  ESP_TRY(esp_workspace_take(ws, nn, &product));
  ESP_TRY(esp_workspace_take(ws, nn, &next));
  ESP_TRY(esp_workspace_take(ws, (size_t)lwork, &work));
  esp_jacobian(n, w_rec, a, product);
  for (int k = 1; k < n_factors; k++) {
    esp_jacobian(n, w_rec, a + (size_t)k * (size_t)n, jacobian);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1.0, product, n, jacobian, n, 0.0, next, n);
    double *const swap = product;
    product = next;
    next = swap;
  }
  double *gram = jacobian;
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, n, n, 1.0, product, n, product, n, 0.0, gram, n);
  *exponent = NAN;
  fill(n, eigenvalue, NAN);
  if (!all_finite(nn, gram))
    return ESP_ERR_DIVERGED;
  double *const ascending = next;
  int info;
  dsyev_("N", "U", &n, gram, &n, ascending, work, &lwork, &info, 1, 1);
  if (info != 0)
    return esp_fail(ESP_ERR_INTERNAL, "eigenvalues of a product of Jacobians did not converge (dsyev: %d)", info);
  for (int i = 0; i < n; i++)
    eigenvalue[i] = ascending[n - 1 - i];
  *exponent = log(fabs(eigenvalue[0])) / (2.0 * (n_factors - 1));
  return ESP_OK;
}

esp_err esp_lyapunov_published(int n_hid, const double *w_rec, int n_factors, const double *a, double *exponent,
                               double *eigenvalue, esp_workspace *ws)
{
  ESP_REQUIRE(n_hid > 0 && n_factors > 1, ESP_ERR_ARG, "%d units, %d factors", n_hid, n_factors);
  const size_t mark = ws->used;
  const esp_err err = published(n_hid, w_rec, n_factors, a, exponent, eigenvalue, ws);
  ws->used = mark;
  return err;
}

/* ---- spectrum ---- */

typedef struct {
  int n, lwork, *pivot;
  double *factor;         /* R(k), upper triangles, zeros below [n_factors, n, n] */
  double *jacobian;       /* row-major                          [n, n]            */
  double *q, *next;       /*                                    [n, n]            */
  double *tau, *sigma, *work;
} qr_scratch;

static esp_err take_scratch(int n_hid, int n_factors, esp_workspace *ws, qr_scratch *s)
{
  const size_t n = (size_t)n_hid;
  *s = (qr_scratch){.n = n_hid, .lwork = work_length(n_hid)};
  ESP_TRY(esp_workspace_take(ws, (size_t)n_factors * n * n, &s->factor));
  ESP_TRY(esp_workspace_take(ws, n * n, &s->jacobian));
  ESP_TRY(esp_workspace_take(ws, n * n, &s->q));
  ESP_TRY(esp_workspace_take(ws, n * n, &s->next));
  ESP_TRY(esp_workspace_take(ws, n, &s->tau));
  ESP_TRY(esp_workspace_take(ws, n, &s->sigma));
  ESP_TRY(esp_workspace_take(ws, (size_t)s->lwork, &s->work));
  return esp_workspace_take_int(ws, n, &s->pivot);
}

/* s->next = Q R: R goes to r, Q to s->q. What is zero up to rounding becomes zero: the noise in its place would else pass
 * for a singular value of some 1e-17 a step. */
static void split(qr_scratch *s, bool pivoted, double *r)
{
  const int n = s->n;
  int info;
  if (pivoted) {
    memset(s->pivot, 0, (size_t)n * sizeof *s->pivot); /* every column is free to move */
    dgeqp3_(&n, &n, s->next, &n, s->pivot, s->tau, s->work, &s->lwork, &info);
  } else {
    dgeqrf_(&n, &n, s->next, &n, s->tau, s->work, &s->lwork, &info);
  }
  double largest = 0.0;
  for (int j = 0; j < n; j++)
    for (int i = 0; i < n; i++) {
      r[j * n + i] = i <= j ? s->next[j * n + i] : 0.0;
      largest = fmax(largest, fabs(r[j * n + i]));
    }
  for (int i = 0; i < n; i++)
    if (fabs(r[i * n + i]) <= n * DBL_EPSILON * largest)
      r[i * n + i] = 0.0;
  dorgqr_(&n, &n, &n, s->next, &n, s->tau, s->work, &s->lwork, &info);
  memcpy(s->q, s->next, (size_t)n * (size_t)n * sizeof *s->q);
}

/* J(k) Q(k - 1) = Q(k) R(k), k rising. Pivoting in the first factor sends units that project to nothing to the end. */
static void sweep_forward(qr_scratch *s, const double *w_rec, int n_factors, const double *a)
{
  const int n = s->n;
  const size_t nn = (size_t)n * (size_t)n;
  fill(n * n, s->q, 0.0);
  for (int i = 0; i < n; i++)
    s->q[i * n + i] = 1.0;
  for (int k = 0; k < n_factors; k++) {
    esp_jacobian(n, w_rec, a + (size_t)k * (size_t)n, s->jacobian);
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, n, n, n, 1.0, s->jacobian, n, s->q, n, 0.0, s->next, n);
    split(s, k == 0, s->factor + (size_t)k * nn);
  }
}

/* R(k)' Q(k + 1) = Q(k) R'(k), k falling; R'(k) replaces R(k). */
static void sweep_back(qr_scratch *s, int n_factors)
{
  const int n = s->n;
  const size_t nn = (size_t)n * (size_t)n;
  fill(n * n, s->q, 0.0);
  for (int i = 0; i < n; i++)
    s->q[i * n + i] = 1.0;
  for (int k = n_factors - 1; k >= 0; k--) {
    memcpy(s->next, s->q, nn * sizeof *s->next);
    cblas_dtrmm(CblasColMajor, CblasLeft, CblasUpper, CblasTrans, CblasNonUnit, n, n, 1.0, s->factor + (size_t)k * nn, n,
                s->next, n);
    split(s, false, s->factor + (size_t)k * nn);
  }
}

/* s->next exp(result) = R'(K)' ... R'(1)', the transpose of the graded triangular product: lower, its columns graded. */
static double multiply_graded(qr_scratch *s, int n_factors)
{
  const int n = s->n;
  const size_t nn = (size_t)n * (size_t)n;
  double log_scale = 0.0;
  fill(n * n, s->next, 0.0);
  for (int i = 0; i < n; i++)
    s->next[i * n + i] = 1.0;
  for (int k = n_factors - 1; k >= 0; k--) {
    cblas_dtrmm(CblasColMajor, CblasRight, CblasUpper, CblasTrans, CblasNonUnit, n, n, 1.0, s->factor + (size_t)k * nn, n,
                s->next, n);
    double largest = 0.0;
    for (size_t i = 0; i < nn; i++)
      largest = fmax(largest, fabs(s->next[i]));
    if (largest == 0.0)
      break; /* nothing passes all steps */
    log_scale += log(largest);
    cblas_dscal(n * n, 1.0 / largest, s->next, 1);
  }
  return log_scale;
}

static esp_err spectrum(int n, const double *w_rec, int n_factors, const double *a, double *exponent, esp_workspace *ws)
{
  qr_scratch s;
  ESP_TRY(take_scratch(n, n_factors, ws, &s));
  fill(n, exponent, NAN);
  if (!all_finite((size_t)n * (size_t)n, w_rec) || !all_finite((size_t)n_factors * (size_t)n, a))
    return ESP_ERR_DIVERGED;
  sweep_forward(&s, w_rec, n_factors, a);
  sweep_back(&s, n_factors);
  const double log_scale = multiply_graded(&s, n_factors);
  const int no_vectors = 1;
  int info;
  dgesvj_("L", "N", "N", &n, &n, s.next, &n, s.sigma, &no_vectors, s.q, &n, s.work, &s.lwork, &info, 1, 1, 1);
  if (info != 0)
    return esp_fail(ESP_ERR_INTERNAL, "singular values of a product of Jacobians did not converge (dgesvj: %d)", info);
  for (int i = 0; i < n; i++) {
    const bool lost = !(s.sigma[i] > 1e-290 * s.sigma[0]);
    exponent[i] = lost ? -INFINITY : (log(s.work[0]) + log(s.sigma[i]) + log_scale) / n_factors;
  }
  return ESP_OK;
}

esp_err esp_lyapunov_spectrum(int n_hid, const double *w_rec, int n_factors, const double *a, double *exponent,
                              esp_workspace *ws)
{
  ESP_REQUIRE(n_hid > 0 && n_factors > 0, ESP_ERR_ARG, "%d units, %d factors", n_hid, n_factors);
  const size_t mark = ws->used;
  const esp_err err = spectrum(n_hid, w_rec, n_factors, a, exponent, ws);
  ws->used = mark;
  return err;
}
