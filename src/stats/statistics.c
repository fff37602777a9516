/* stats/statistics.c - two passes, mean first: deviations are small, so squares of large numbers are never subtracted. */
#include "espalier/statistics.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdbool.h>

static const double power_z = 1.2815515655446004;  /* normal quantile of 0.9   */
static const double alpha_z = 2.5758293035489004;  /* ... of 1 - 0.01 / 2      */
static const double interval_z = 1.9599639845400540; /* ... of 1 - 0.05 / 2    */

/* The i-th value, or difference of a pair; b is NULL for values alone. */
static double value(const double *a, const double *b, long i)
{
  return b ? a[i] - b[i] : a[i];
}

static esp_summary summarise(long n, const double *a, const double *b)
{
  esp_summary s = {0, NAN, NAN, NAN};
  double sum = 0, squares = 0;
  for (long i = 0; i < n; i++)
    if (!isnan(value(a, b, i))) {
      sum += value(a, b, i);
      s.n++;
    }
  if (s.n == 0)
    return s;
  s.mean = sum / (double)s.n;
  for (long i = 0; i < n; i++)
    if (!isnan(value(a, b, i)))
      squares += (value(a, b, i) - s.mean) * (value(a, b, i) - s.mean);
  if (s.n > 1) {
    s.sd = sqrt(squares / (double)(s.n - 1));
    s.sem = s.sd / sqrt((double)s.n);
  }
  return s;
}

esp_summary esp_summarise(long n, const double *x)
{
  return summarise(n, x, NULL);
}

static esp_t_test t_test(const esp_summary *s, double expected)
{
  const double mean = s->mean - expected;
  esp_t_test test = {s->n, mean, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
  if (s->n < 2)
    return test;
  test.df = (double)(s->n - 1);
  const double reach = gsl_cdf_tdist_Pinv(0.975, test.df) * s->sem;
  test.low = mean - reach;
  test.high = mean + reach;
  if (!(s->sd > 1e-13 * fabs(s->mean)))
    return test;
  test.t = mean / s->sem;
  test.p = 2 * gsl_cdf_tdist_Q(fabs(test.t), test.df);
  test.d = mean / s->sd;
  test.d_low = test.low / s->sd;
  test.d_high = test.high / s->sd;
  return test;
}

esp_t_test esp_t_test_one_sample(long n, const double *x, double expected)
{
  const esp_summary s = esp_summarise(n, x);
  return t_test(&s, expected);
}

esp_t_test esp_t_test_paired(long n, const double *a, const double *b)
{
  const esp_summary s = summarise(n, a, b);
  return t_test(&s, 0);
}

static bool is_pair(const double *x, const double *y, long i)
{
  return isfinite(x[i]) && isfinite(y[i]);
}

esp_correlation esp_correlate(long n, const double *x, const double *y)
{
  esp_correlation c = {0, NAN, NAN, NAN, NAN};
  double sum_x = 0, sum_y = 0, xx = 0, yy = 0, xy = 0;
  for (long i = 0; i < n; i++)
    if (is_pair(x, y, i)) {
      sum_x += x[i];
      sum_y += y[i];
      c.n++;
    }
  for (long i = 0; i < n; i++)
    if (is_pair(x, y, i)) {
      const double dx = x[i] - sum_x / (double)c.n, dy = y[i] - sum_y / (double)c.n;
      xx += dx * dx;
      yy += dy * dy;
      xy += dx * dy;
    }
  if (c.n < 2 || !(xx > 0) || !(yy > 0))
    return c;
  c.r = fmax(-1, fmin(1, xy / sqrt(xx) / sqrt(yy)));
  if (c.n > 2) {
    const double df = (double)(c.n - 2);
    c.p = fabs(c.r) < 1 ? 2 * gsl_cdf_tdist_Q(fabs(c.r) * sqrt(df / ((1 - c.r) * (1 + c.r))), df) : 0;
  }
  if (c.n > 3) {
    const double reach = interval_z / sqrt((double)(c.n - 3));
    c.low = tanh(atanh(c.r) - reach);
    c.high = tanh(atanh(c.r) + reach);
  }
  return c;
}

esp_share esp_share_of(long n, const double *x)
{
  esp_share s = {0, 0, NAN, NAN, NAN, NAN};
  for (long i = 0; i < n; i++) {
    s.n += !isnan(x[i]);
    s.n_yes += !isnan(x[i]) && x[i] != 0;
  }
  if (s.n == 0)
    return s;
  const double yes = (double)s.n_yes, no = (double)(s.n - s.n_yes);
  s.share = yes / (double)s.n;
  s.low = yes > 0 ? gsl_cdf_beta_Pinv(0.025, yes, no + 1) : 0;
  s.high = no > 0 ? gsl_cdf_beta_Pinv(0.975, yes + 1, no) : 1;
  const unsigned fewer = (unsigned)fmin(yes, no);
  s.p = fmin(1, 2 * gsl_cdf_binomial_P(fewer, 0.5, (unsigned)s.n));
  return s;
}

double esp_median(long n, const double *x, double *scratch)
{
  size_t m = 0;
  for (long i = 0; i < n; i++)
    if (!isnan(x[i]))
      scratch[m++] = x[i];
  if (m == 0)
    return NAN;
  gsl_sort(scratch, 1, m);
  return m % 2 ? scratch[m / 2] : 0.5 * (scratch[m / 2 - 1] + scratch[m / 2]);
}

double esp_needed_pairs(double d)
{
  const double z = (alpha_z + power_z) / d;
  return ceil(z * z + alpha_z * alpha_z / 2);
}

double esp_needed_for_correlation(double r)
{
  const double z = (alpha_z + power_z) / atanh(r);
  return ceil(z * z + 3);
}
