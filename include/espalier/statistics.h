/* espalier/statistics.h - the statistics of the report: means, tests and correlations over members. Pure, local.
 *
 * NaN is a missing value: it is left out, in a pair with its partner, and n is what is left. Sums run in index order, so equal
 * calls give equal bits. All p are two-sided and exact under the usual normal assumption (Student's t, Fisher's z for the
 * interval of r, the binomial for a share). What cannot be said from so few values or without any variance is NaN. */
#ifndef ESPALIER_STATISTICS_H
#define ESPALIER_STATISTICS_H

typedef struct {
  long n;
  double mean, sd, sem; /* sd with n - 1; sem = sd / sqrt(n) with this n */
} esp_summary;

/** Mean and its standard error; n = 0: mean NaN, n < 2: sd and sem NaN. */
esp_summary esp_summarise(long n, const double *x);

typedef struct {
  long n;
  double mean;      /* of the values, or of the differences a - b                                     */
  double low, high; /* its 95 % interval                                                              */
  double t, df, p;  /* NaN without variance (sd below 1e-13 of the mean is rounding): there is no test */
  double d, d_low, d_high; /* Cohen's d_z = mean / sd, and the interval of the mean in these units    */
} esp_t_test;

/** Is the mean of x different from expected? mean, low and high are of x - expected. */
esp_t_test esp_t_test_one_sample(long n, const double *x, double expected);

/** Is the mean of a - b different from 0? */
esp_t_test esp_t_test_paired(long n, const double *a, const double *b);

typedef struct {
  long n;
  double r, low, high, p; /* 95 % interval by Fisher's z (n > 3); p of t = r sqrt((n - 2) / (1 - r^2)) (n > 2) */
} esp_correlation;

/** Pearson's correlation; infinite values count as missing. */
esp_correlation esp_correlate(long n, const double *x, const double *y);

typedef struct {
  long n, n_yes;
  double share, low, high; /* 95 % interval of Clopper and Pearson       */
  double p;                /* exact, of a share of 1/2                   */
} esp_share;

/** Share of the values that are not 0. */
esp_share esp_share_of(long n, const double *x);

/** Median (mean of the middle two); scratch [n] is overwritten. NaN if there is no value. */
double esp_median(long n, const double *x, double *scratch);

/** Pairs that a paired t test needs to find an effect d_z with power 0.9 at alpha 0.01, two-sided: the normal approximation
 *  with Guenther's correction, ((z_0.995 + z_0.9) / d)^2 + z_0.995^2 / 2, rounded up; within one of the exact number.
 *  Infinite for d = 0, NaN for NaN. */
double esp_needed_pairs(double d);

/** The same for a correlation r, by Fisher's z: ((z_0.995 + z_0.9) / atanh r)^2 + 3, rounded up. */
double esp_needed_for_correlation(double r);

#endif
