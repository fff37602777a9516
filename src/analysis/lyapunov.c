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
  const esp_piece list[] = {{&jacobian, nn}, {&product, nn}, {&next, nn}, {&work, (size_t)lwork}};
  ESP_TRY(esp_workspace_take_all(ws, sizeof list / sizeof *list, list));
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
  int n, lwork;
  int *rank;              /* directions left after a factor                                          [n_factors]       */
  int *pivot;             /*                                                                         [n]               */
  double *factor;         /* F(k) [rank(k), rank(k-1)], later R'(k); leading dimension n             [n_factors, n, n] */
  double *jacobian;       /* row-major                                                               [n, n]            */
  double *q, *next;       /*                                                                         [n, n]            */
  double *tau, *sigma, *work;
} qr_scratch;

static esp_err take_scratch(int n_hid, int n_factors, esp_workspace *ws, qr_scratch *s)
{
  const size_t n = (size_t)n_hid;
  *s = (qr_scratch){.n = n_hid, .lwork = work_length(n_hid)};
  const esp_piece list[] = {{&s->factor, (size_t)n_factors * n * n}, {&s->jacobian, n * n}, {&s->q, n * n}, {&s->next, n * n},
                            {&s->tau, n}, {&s->sigma, n}, {&s->work, (size_t)s->lwork}};
  ESP_TRY(esp_workspace_take_all(ws, sizeof list / sizeof *list, list));
  ESP_TRY(esp_workspace_take_int(ws, (size_t)n_factors, &s->rank));
  return esp_workspace_take_int(ws, n, &s->pivot);
}

static void set_identity(int n, int ld, double *m)
{
  for (int j = 0; j < n; j++)
    for (int i = 0; i < n; i++)
      m[j * ld + i] = i == j;
}

/* J(k) Q(k-1) = Q(k) F(k), F = R P' with column pivoting; Q(k) spans what is left of all directions after k factors. Rows of
 * R that are rounding beside J go, and their directions with them: kept, the noise would pass for a singular value of 1e-16
 * a step. Returns how many directions are left, -1 if some J is too large to compute with. */
static int sweep_forward(qr_scratch *s, const double *w_rec, int n_factors, const double *a)
{
  const int n = s->n;
  int left = n, info;
  set_identity(n, n, s->q);
  for (int k = 0; k < n_factors && left > 0; k++) {
    double *f = s->factor + (size_t)k * (size_t)n * (size_t)n;
    const int columns = left;
    esp_jacobian(n, w_rec, a + (size_t)k * (size_t)n, s->jacobian);
    const double size = cblas_dnrm2(n * n, s->jacobian, 1), negligible = n * DBL_EPSILON * size;
    if (!(size < 1e300))
      return -1;
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, n, columns, n, 1.0, s->jacobian, n, s->q, n, 0.0, s->next, n);
    memset(s->pivot, 0, (size_t)n * sizeof *s->pivot); /* every column is free to move */
    dgeqp3_(&n, &columns, s->next, &n, s->pivot, s->tau, s->work, &s->lwork, &info);
    while (left > 0 && fabs(s->next[(left - 1) * n + left - 1]) <= negligible)
      left--;
    s->rank[k] = left;
    for (int j = 0; j < columns; j++)
      for (int i = 0; i < left; i++)
        f[(s->pivot[j] - 1) * n + i] = i <= j ? s->next[j * n + i] : 0.0;
    if (left > 0)
      dorgqr_(&n, &left, &left, s->next, &n, s->tau, s->work, &s->lwork, &info);
    memcpy(s->q, s->next, (size_t)n * (size_t)left * sizeof *s->q);
  }
  return left;
}

/* F(k)' Q'(k+1) = Q'(k) R'(k), k falling, on the `left` directions that pass all factors; R'(k) replaces F(k). */
static void sweep_back(qr_scratch *s, int n_factors, int left)
{
  const int n = s->n;
  int info;
  set_identity(left, n, s->q);
  for (int k = n_factors - 1; k >= 0; k--) {
    double *f = s->factor + (size_t)k * (size_t)n * (size_t)n;
    const int rows = k > 0 ? s->rank[k - 1] : n;
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, rows, left, s->rank[k], 1.0, f, n, s->q, n, 0.0, s->next, n);
    dgeqrf_(&rows, &left, s->next, &n, s->tau, s->work, &s->lwork, &info);
    for (int j = 0; j < left; j++)
      for (int i = 0; i < left; i++)
        f[j * n + i] = i <= j ? s->next[j * n + i] : 0.0;
    dorgqr_(&rows, &left, &left, s->next, &n, s->tau, s->work, &s->lwork, &info);
    memcpy(s->q, s->next, (size_t)n * (size_t)left * sizeof *s->q);
  }
}

/* s->next exp(result) = R'(K)' ... R'(1)', the transpose of the graded triangular product: lower, its columns graded. */
static double multiply_graded(qr_scratch *s, int n_factors, int left)
{
  const int n = s->n;
  double log_scale = 0.0;
  set_identity(left, n, s->next);
  for (int k = n_factors - 1; k >= 0; k--) {
    cblas_dtrmm(CblasColMajor, CblasRight, CblasUpper, CblasTrans, CblasNonUnit, left, left, 1.0,
                s->factor + (size_t)k * (size_t)n * (size_t)n, n, s->next, n);
    double largest = 0.0;
    for (int j = 0; j < left; j++)
      for (int i = j; i < left; i++)
        largest = fmax(largest, fabs(s->next[j * n + i]));
    log_scale += log(largest);
    for (int j = 0; j < left; j++)
      cblas_dscal(left, 1.0 / largest, s->next + j * n, 1);
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
  fill(n * n, s.q, 0.0);
  fill(n * n, s.next, 0.0);
  const int left = sweep_forward(&s, w_rec, n_factors, a);
  if (left < 0)
    return ESP_ERR_DIVERGED;
  fill(n, exponent, -INFINITY);
  if (left == 0)
    return ESP_OK;
  sweep_back(&s, n_factors, left);
  const double log_scale = multiply_graded(&s, n_factors, left);
  const int no_vectors = 1;
  int info;
  dgesvj_("L", "N", "N", &left, &left, s.next, &n, s.sigma, &no_vectors, s.q, &n, s.work, &s.lwork, &info, 1, 1, 1);
  if (info != 0) {
    fill(n, exponent, NAN);
    return esp_fail(ESP_ERR_INTERNAL, "singular values of a product of Jacobians did not converge (dgesvj: %d)", info);
  }
  for (int i = 0; i < left; i++)
    if (s.sigma[i] > 1e-290 * s.sigma[0])
      exponent[i] = (log(s.work[0]) + log(s.sigma[i]) + log_scale) / n_factors;
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
