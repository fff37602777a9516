/* tests/unit/test_statistics.c - against scipy.stats 1.10.1, and what is said when there is little to say.
 *
 * The expected numbers are printed with 17 digits by scipy from the arrays below: numpy mean, stats.sem, ttest_rel,
 * ttest_1samp, t.interval, pearsonr and its confidence_interval, binomtest and its proportion_ci(method='exact'). The needed
 * pairs come from the noncentral t distribution (stats.nct): the smallest n with power 0.9 at alpha 0.01, two-sided. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/statistics.h"

enum { N = 10 };
static const double a[N] = {0.81, 0.92, 0.77, 0.95, 0.88, 0.69, 0.91, 0.84, 0.90, 0.73};
static const double b[N] = {0.75, 0.78, 0.79, 0.81, 0.80, 0.66, 0.85, 0.70, 0.83, 0.74};

static void assert_close(double got, double expected)
{
  if (!(fabs(got - expected) <= 1e-12 * fabs(expected)))
    fail_msg("%.17g is not %.17g", got, expected);
}

static void assert_nan(double got)
{
  if (!isnan(got))
    fail_msg("%.17g is not NaN", got);
}

static void test_summary(void **state)
{
  (void)state;
  const esp_summary s = esp_summarise(N, a);
  assert_int_equal(s.n, N);
  assert_close(s.mean, 0.84000000000000008);
  assert_close(s.sem, 0.02768874620972692);
}

static void test_paired(void **state)
{
  (void)state;
  const esp_t_test t = esp_t_test_paired(N, a, b);
  assert_int_equal(t.n, N);
  assert_close(t.t, 3.7124446251608672);
  assert_close(t.df, 9);
  assert_close(t.p, 0.0048266926784697149);
  assert_close(t.mean, 0.068999999999999992);
  assert_true(fabs(t.low / 0.026955239743848086 - 1) < 1e-9); /* GSL's quantile is good for some ten digits */
  assert_true(fabs(t.high / 0.1110447602561519 - 1) < 1e-9);
  assert_close(t.d, 1.1739780702758384);
  assert_close(t.d_low / t.d, t.low / t.mean);
  assert_close(t.d_high / t.d, t.high / t.mean);
  const esp_t_test reversed = esp_t_test_paired(N, b, a);
  assert_close(reversed.t, -t.t);
  assert_close(reversed.p, t.p);
}

static void test_one_sample(void **state)
{
  (void)state;
  const esp_t_test far = esp_t_test_one_sample(N, a, 0.5), near = esp_t_test_one_sample(N, a, 0.85);
  assert_close(far.t, 12.279357014748459);
  assert_close(far.p, 6.3277043148212766e-07);
  assert_close(far.mean, 0.34000000000000008);
  assert_true(fabs(near.t + 0.36115755925730386) < 1e-12); /* 0.84 - 0.85 has lost two digits */
  assert_true(fabs(near.p - 0.72631421088872861) < 1e-12);
}

static void test_correlation(void **state)
{
  (void)state;
  const esp_correlation c = esp_correlate(N, a, b), four = esp_correlate(4, a, b);
  assert_int_equal(c.n, N);
  assert_close(c.r, 0.74464413260922568);
  assert_close(c.p, 0.01348626201370931);
  assert_close(c.low, 0.21654390930409365);
  assert_close(c.high, 0.93561135831271491);
  assert_close(four.r, 0.50675939844880891);
  assert_close(four.p, 0.4932406015511912);
  assert_close(four.low, -0.88569792187870533);
  assert_close(four.high, 0.98709286102317162);
}

static void test_share(void **state)
{
  (void)state;
  static const struct {
    long n_yes, n;
    double low, high, p;
  } cases[] = {{7, 10, 0.34754714993999208, 0.93326048882226553, 0.34375},
               {0, 5, 0, 0.52182375010498139, 0.0625},
               {12, 12, 0.73535153060294878, 1, 0.00048828125},
               {250, 400, 0.57552178866141478, 0.67261376127048, 6.5318192128384774e-07}};
  double x[400];
  for (int i = 0; i < 4; i++) {
    for (long j = 0; j < cases[i].n; j++)
      x[j] = j < cases[i].n_yes;
    const esp_share s = esp_share_of(cases[i].n, x);
    assert_int_equal(s.n_yes, cases[i].n_yes);
    assert_true(fabs(s.low - cases[i].low) < 1e-10);
    assert_true(fabs(s.high - cases[i].high) < 1e-10);
    assert_true(fabs(s.p / cases[i].p - 1) < 1e-10);
  }
}

static void test_needed(void **state)
{
  (void)state;
  static const double d[] = {0.1, 0.3, 0.5, 0.8, 1.2}, n[] = {1492, 169, 63, 27, 14};
  for (int i = 0; i < 5; i++) {
    assert_close(esp_needed_pairs(d[i]), n[i]);
    assert_close(esp_needed_pairs(-d[i]), n[i]);
  }
  assert_true(isinf(esp_needed_pairs(0)));
  assert_nan(esp_needed_pairs(NAN));
  assert_close(esp_needed_for_correlation(-0.3), 159); /* ((2.5758 + 1.2816) / 0.3095)^2 + 3 = 158.3 */
}

/* A missing value takes its partner along; what is left is counted. */
static void test_missing(void **state)
{
  (void)state;
  double x[N + 2], y[N + 2], scratch[N + 2];
  memcpy(x + 1, a, sizeof a);
  memcpy(y + 1, b, sizeof b);
  x[0] = NAN, y[0] = 100, x[N + 1] = 100, y[N + 1] = NAN;
  const esp_t_test t = esp_t_test_paired(N + 2, x, y), whole = esp_t_test_paired(N, a, b);
  assert_memory_equal(&t, &whole, sizeof t);
  const esp_correlation c = esp_correlate(N + 2, x, y), all = esp_correlate(N, a, b);
  assert_memory_equal(&c, &all, sizeof c);
  assert_int_equal(esp_summarise(N + 2, x).n, N + 1);
  assert_close(esp_median(N + 2, x, scratch), 0.88);
  x[1] = -INFINITY;
  assert_int_equal(esp_correlate(N + 2, x, y).n, N - 1);
}

static void test_few(void **state)
{
  (void)state;
  static const double x[] = {1, 2, 4}, y[] = {0, 0.5, 1};
  double scratch[3];
  assert_int_equal(esp_summarise(0, x).n, 0);
  assert_nan(esp_summarise(0, x).mean);
  assert_close(esp_summarise(1, x).mean, 1);
  assert_nan(esp_summarise(1, x).sem);
  assert_nan(esp_t_test_paired(0, x, y).mean);
  assert_nan(esp_t_test_paired(1, x, y).p);
  assert_nan(esp_t_test_paired(1, x, y).low);
  assert_close(esp_t_test_paired(2, x, y).t, 5);
  assert_close(esp_t_test_paired(2, x, y).p, 0.12566591637800234);
  assert_nan(esp_correlate(0, x, y).r);
  assert_nan(esp_correlate(1, x, y).r);
  assert_close(esp_correlate(2, x, y).r, 1);
  assert_nan(esp_correlate(2, x, y).p);
  assert_nan(esp_correlate(3, x, y).low);
  assert_nan(esp_share_of(0, x).share);
  assert_nan(esp_median(0, x, scratch));
  assert_close(esp_median(2, x, scratch), 1.5);
  assert_close(esp_median(3, x, scratch), 2);
}

/* Equal values say how large they are, but no test can be made of them. */
static void test_no_variance(void **state)
{
  (void)state;
  static const double x[] = {0.9, 0.8, 0.7}, y[] = {0.6, 0.5, 0.4}, same[] = {3, 3, 3};
  const esp_t_test t = esp_t_test_paired(3, x, y); /* differences of 0.3, but for rounding */
  assert_true(fabs(t.mean - 0.3) < 1e-15);
  assert_nan(t.p);
  assert_nan(t.d);
  assert_nan(esp_t_test_paired(3, x, x).p);
  assert_close(esp_t_test_one_sample(3, same, 1).low, 2);
  assert_nan(esp_t_test_one_sample(3, same, 1).p);
  assert_nan(esp_correlate(3, x, same).r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_summary), cmocka_unit_test(test_paired), cmocka_unit_test(test_one_sample),
      cmocka_unit_test(test_correlation), cmocka_unit_test(test_share), cmocka_unit_test(test_needed),
      cmocka_unit_test(test_missing), cmocka_unit_test(test_few), cmocka_unit_test(test_no_variance),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
