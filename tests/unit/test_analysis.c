/* tests/unit/test_analysis.c - measures of finished networks against cases that can be solved by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/flow.h"
#include "espalier/lyapunov.h"
#include "espalier/pca.h"
#include "espalier/probe.h"
#include "espalier/trajectory.h"
#include "espalier/weights.h"

static esp_workspace ws;

static int make_workspace(void **state)
{
  (void)state;
  return esp_workspace_create(&ws) != ESP_OK;
}

static int free_workspace(void **state)
{
  (void)state;
  esp_workspace_free(&ws);
  return 0;
}

/* Every function gives back what it took. */
static int workspace_is_empty(void **state)
{
  (void)state;
  const int left = ws.used != 0;
  ws.used = 0;
  return left;
}

static void assert_close(double got, double expected, double tolerance)
{
  if (!(fabs(got - expected) <= tolerance))
    fail_msg("%.17g is not %.17g within %g", got, expected, tolerance);
}

/* Numbers between -1 and 1 that look random. */
static double scatter(int i)
{
  const double x = sin(12.9898 * (i + 1)) * 43758.5453;
  return 2 * (x - floor(x)) - 1;
}

static void scatter_all(int n, int first, double scale, double *v)
{
  for (int i = 0; i < n; i++)
    v[i] = scale * scatter(first + i);
}

static void multiply(int n, const double *a, const double *b, double *product)
{
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      product[i * n + j] = 0;
      for (int k = 0; k < n; k++)
        product[i * n + j] += a[i * n + k] * b[k * n + j];
    }
}

/* log |det| by elimination with pivoting; destroys m. */
static double log_det(int n, double *m)
{
  double sum = 0;
  for (int c = 0; c < n; c++) {
    int pivot = c;
    for (int r = c + 1; r < n; r++)
      if (fabs(m[r * n + c]) > fabs(m[pivot * n + c]))
        pivot = r;
    for (int j = 0; j < n; j++) {
      const double swap = m[c * n + j];
      m[c * n + j] = m[pivot * n + j];
      m[pivot * n + j] = swap;
    }
    sum += log(fabs(m[c * n + c]));
    for (int r = c + 1; r < n; r++)
      for (int j = n - 1; j >= c; j--)
        m[r * n + j] -= m[r * n + c] / m[c * n + c] * m[c * n + j];
  }
  return sum;
}

/* ---- Lyapunov exponents ---- */

static void jacobian_is_the_derivative_of_a_step(void **state)
{
  (void)state;
  enum { N = 5 };
  double w[N * N], a[N], jacobian[N * N];
  scatter_all(N * N, 0, 1, w);
  scatter_all(N, 50, 2, a);
  esp_jacobian(N, w, a, jacobian);
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      const double h = 1e-5, expected = w[i * N + j] * (tanh(a[j] + h) - tanh(a[j] - h)) / (2 * h);
      assert_close(jacobian[i * N + j], expected, 1e-9);
    }
}

static void diagonal_weights_at_rest(void **state)
{
  (void)state;
  enum { N = 4, K = 21 };
  const double d[N] = {0.5, -1.25, 1e-9, 0.9}, falling[N] = {1.25, 0.9, 0.5, 1e-9};
  double w[N * N] = {0}, a[K * N] = {0}, exponent[N], published, eigenvalue[N];
  for (int i = 0; i < N; i++)
    w[i * N + i] = d[i];
  assert_int_equal(esp_lyapunov_spectrum(N, w, K, a, exponent, &ws), ESP_OK);
  assert_int_equal(esp_lyapunov_published(N, w, K, a, &published, eigenvalue, &ws), ESP_OK);
  for (int i = 0; i < N; i++)
    assert_close(exponent[i], log(falling[i]), 1e-13);
  assert_close(published, K * log(1.25) / (K - 1), 1e-13);
  assert_close(eigenvalue[0] / pow(1.25, 2 * K), 1, 1e-12);
  assert_close(eigenvalue[1] / pow(0.9, 2 * K), 1, 1e-12);
}

static void rotation_neither_grows_nor_shrinks(void **state)
{
  (void)state;
  enum { N = 3, K = 40 };
  const double c = cos(0.7), s = sin(0.7), w[N * N] = {c, -s, 0, s, c, 0, 0, 0, 1};
  double a[K * N] = {0}, exponent[N], published, eigenvalue[N];
  assert_int_equal(esp_lyapunov_spectrum(N, w, K, a, exponent, &ws), ESP_OK);
  assert_int_equal(esp_lyapunov_published(N, w, K, a, &published, eigenvalue, &ws), ESP_OK);
  for (int i = 0; i < N; i++)
    assert_close(exponent[i], 0, 1e-14);
  assert_close(published, 0, 1e-14);
}

static void multiple_of_the_identity(void **state)
{
  (void)state;
  enum { N = 6, K = 300 };
  static double a[K * N];
  double w[N * N] = {0}, exponent[N];
  for (int i = 0; i < N; i++)
    w[i * N + i] = 0.01; /* 0.01^300 is far below the smallest double */
  assert_int_equal(esp_lyapunov_spectrum(N, w, K, a, exponent, &ws), ESP_OK);
  for (int i = 0; i < N; i++)
    assert_close(exponent[i], log(0.01), 1e-13);
}

/* W = Q D Q' with a reflection Q: singular values d^K spread over 80 decades, where a Gram matrix would keep eight. */
static void small_exponents_are_as_accurate_as_large_ones(void **state)
{
  (void)state;
  enum { N = 5, K = 59 };
  const double d[N] = {1.2, 0.999, 0.998, 0.3, 0.05};
  double v[N], square = 0, q[N * N], dq[N * N], w[N * N], a[K * N] = {0}, exponent[N];
  scatter_all(N, 7, 1, v);
  for (int i = 0; i < N; i++)
    square += v[i] * v[i];
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      q[i * N + j] = (i == j) - 2 * v[i] * v[j] / square;
      dq[i * N + j] = d[i] * q[i * N + j];
    }
  multiply(N, q, dq, w); /* Q is symmetric */
  assert_int_equal(esp_lyapunov_spectrum(N, w, K, a, exponent, &ws), ESP_OK);
  for (int i = 0; i < N; i++)
    assert_close(exponent[i], log(d[i]), 1e-12);
}

static void exponents_add_up_to_the_mean_log_determinant(void **state)
{
  (void)state;
  enum { N = 9, K = 21 };
  double w[N * N], a[K * N], jacobian[N * N], exponent[N], mean = 0, sum = 0;
  scatter_all(N * N, 100, 0.6, w);
  scatter_all(K * N, 500, 1.5, a);
  for (int k = 0; k < K; k++) {
    esp_jacobian(N, w, a + k * N, jacobian);
    mean += log_det(N, jacobian) / K;
  }
  assert_int_equal(esp_lyapunov_spectrum(N, w, K, a, exponent, &ws), ESP_OK);
  for (int i = 0; i < N; i++)
    sum += exponent[i];
  assert_close(sum, mean, 1e-12);
}

static void short_product_has_the_plain_singular_values(void **state)
{
  (void)state;
  enum { N = 6, K = 3 };
  double w[N * N], a[K * N], j[K][N * N], j21[N * N], product[N * N], sigma[N], exponent[N];
  scatter_all(N * N, 900, 1, w);
  scatter_all(K * N, 1000, 1, a);
  for (int k = 0; k < K; k++)
    esp_jacobian(N, w, a + k * N, j[k]);

  multiply(N, j[1], j[0], j21); /* chain rule: the last step stands on the left */
  multiply(N, j[2], j21, product);
  assert_int_equal(esp_weight_singular_values(N, product, sigma, &ws), ESP_OK);
  assert_int_equal(esp_lyapunov_spectrum(N, w, K, a, exponent, &ws), ESP_OK);
  for (int i = 0; i < N; i++)
    assert_close(exponent[i], log(sigma[i]) / K, 1e-11);

  double published, eigenvalue[N];
  multiply(N, j[0], j[1], j21); /* the author's order */
  multiply(N, j21, j[2], product);
  assert_int_equal(esp_weight_singular_values(N, product, sigma, &ws), ESP_OK);
  assert_int_equal(esp_lyapunov_published(N, w, K, a, &published, eigenvalue, &ws), ESP_OK);
  assert_close(published, log(sigma[0]) / (K - 1), 1e-12);
  for (int i = 0; i < N; i++)
    assert_close(eigenvalue[i], sigma[i] * sigma[i], 1e-13 * eigenvalue[0]);
}

static void lost_directions_are_minus_infinity(void **state)
{
  (void)state;
  enum { N = 5, K = 12 };
  double w[N * N], a[K * N], exponent[N];
  scatter_all(N * N, 1500, 1, w);
  scatter_all(K * N, 1600, 1, a);
  for (int j = 0; j < N; j++)
    w[3 * N + j] = w[1 * N + j] - 2 * w[2 * N + j]; /* rank one less, no column is zero */
  assert_int_equal(esp_lyapunov_spectrum(N, w, K, a, exponent, &ws), ESP_OK);
  for (int i = 0; i < N - 1; i++)
    assert_true(isfinite(exponent[i]) && exponent[i] > -5);
  assert_true(exponent[N - 1] == -INFINITY);

  for (int i = 0; i < N; i++)
    w[i * N] = 0; /* unit 0 projects to nothing besides */
  assert_int_equal(esp_lyapunov_spectrum(N, w, K, a, exponent, &ws), ESP_OK);
  assert_true(isfinite(exponent[N - 3]));
  assert_true(exponent[N - 2] == -INFINITY && exponent[N - 1] == -INFINITY);

  for (int i = 0; i < N; i++)
    for (int j = i; j < N; j++)
      w[i * N + j] = 0; /* no loops: nothing lasts N steps */
  assert_int_equal(esp_lyapunov_spectrum(N, w, K, a, exponent, &ws), ESP_OK);
  for (int i = 0; i < N; i++)
    assert_true(exponent[i] == -INFINITY);
}

static void lyapunov_refuses_what_it_cannot_do(void **state)
{
  (void)state;
  double w[1] = {1}, a[2] = {0, NAN}, exponent = 0, eigenvalue = 0;
  assert_int_equal(esp_lyapunov_published(1, w, 1, a, &exponent, &eigenvalue, &ws), ESP_ERR_ARG);
  assert_int_equal(esp_lyapunov_published(1, w, 2, a, &exponent, &eigenvalue, &ws), ESP_ERR_DIVERGED);
  assert_true(isnan(exponent) && isnan(eigenvalue));
  exponent = 0;
  assert_int_equal(esp_lyapunov_spectrum(1, w, 0, a, &exponent, &ws), ESP_ERR_ARG);
  assert_int_equal(esp_lyapunov_spectrum(1, w, 2, a, &exponent, &ws), ESP_ERR_DIVERGED);
  assert_true(isnan(exponent));
  const double huge[4] = {1.7e308, 1.7e308, 1.7e308, -1.7e308}, rest[4] = {0};
  double exponents[2];
  assert_int_equal(esp_lyapunov_spectrum(2, huge, 2, rest, exponents, &ws), ESP_ERR_DIVERGED);
  assert_true(isnan(exponents[0]));
}

/* ---- principal components ---- */

/* Samples m +- s_i v_i along orthogonal v_i, with states that must not count before, after and in other trials. */
static void components_of_a_known_covariance(void **state)
{
  (void)state;
  enum { N = 3, STEPS = 5, TRIALS = 4 }; /* samples: trials 1, 2, bins 2-4 */
  const double v[N][N] = {{0, 0.6, -0.8}, {0, 0.8, 0.6}, {1, 0, 0}}, s[N] = {0.5, 3, 1.5}, m[N] = {100, -7, 2};
  double a[TRIALS * STEPS * N], eigenvalue[N], vector[N * N];
  scatter_all(TRIALS * STEPS * N, 0, 1e3, a);
  for (int i = 0; i < N; i++)
    for (int c = 0; c < N; c++) {
      a[(1 * STEPS + 1 + i) * N + c] = m[c] + s[i] * v[i][c];
      a[(2 * STEPS + 1 + i) * N + c] = m[c] - s[i] * v[i][c];
    }
  const esp_trajectories t = {.n_trials = TRIALS, .n_steps = STEPS, .n_hid = N, .n_out = 1, .a = a};
  assert_int_equal(esp_pca(&t, 1, 2, 2, 4, eigenvalue, vector, &ws), ESP_OK);
  const int order[N] = {1, 2, 0};
  const double sign[N] = {1, 1, -1}; /* the largest entry is positive */
  for (int c = 0; c < N; c++) {
    assert_close(eigenvalue[c], 2 * s[order[c]] * s[order[c]] / 5, 1e-12);
    for (int i = 0; i < N; i++)
      assert_close(vector[c * N + i], sign[c] * v[order[c]][i], 1e-12);
  }
  double alone[N];
  assert_int_equal(esp_pca(&t, 1, 2, 2, 4, alone, NULL, &ws), ESP_OK);
  for (int c = 0; c < N; c++)
    assert_close(alone[c], eigenvalue[c], 1e-13);
  assert_int_equal(esp_pca(&t, 0, 1, 2, 2, alone, NULL, &ws), ESP_ERR_ARG);
  assert_int_equal(esp_pca(&t, 3, 2, 1, 5, alone, NULL, &ws), ESP_ERR_ARG);
  assert_int_equal(esp_pca(&t, 0, 1, 1, 6, alone, NULL, &ws), ESP_ERR_ARG);
}

/* ---- weights ---- */

static void histogram_edges(void **state)
{
  (void)state;
  const esp_weight_bins bins = {5, -1, 0.5}; /* -1, -0.5, 0, 0.5, 1; every boundary is exact */
  const double w[16] = {0.0,  -0.0, 1e-300, 0.25, 0.25 + 1e-15, -0.25, -0.75, 0.75,
                        0.76, 1,    99,     -99,  NAN,          0.5,   -1,    INFINITY};
  int32_t count[5];
  esp_weight_histogram(4, w, &bins, count);
  const int32_t expected[5] = {3, 1, 2, 3, 4}; /* -0.75 -99 -1 | -0.25 | 1e-300 0.25 | .25+ .75 .5 | .76 1 99 inf */
  for (int i = 0; i < 5; i++)
    assert_int_equal(count[i], expected[i]);

  const esp_weight_bins dms = ESP_WEIGHT_BINS_DMS;
  const double ends[4] = {-1.5, 1.5, 0.0249, 0.0251};
  int32_t wide[61];
  esp_weight_histogram(2, ends, &dms, wide);
  assert_int_equal(wide[0], 1);
  assert_int_equal(wide[60], 1);
  assert_int_equal(wide[30], 1);
  assert_int_equal(wide[31], 1);
}

static void singular_values_of_known_weights(void **state)
{
  (void)state;
  const double w[9] = {0, -2, 0, 0, 0, 0.5, 7, 0, 0}, expected[3] = {7, 2, 0.5}, broken[1] = {INFINITY};
  double value[3];
  assert_int_equal(esp_weight_singular_values(3, w, value, &ws), ESP_OK);
  for (int i = 0; i < 3; i++)
    assert_close(value[i], expected[i], 1e-14);
  assert_int_equal(esp_weight_singular_values(1, broken, value, &ws), ESP_ERR_DIVERGED);
  assert_true(isnan(value[0]));
}

/* ---- probes ---- */

enum { CONDITIONS = ESP_PROBE_N_CONDITIONS, STEPS = ESP_DMS_N_STEPS, INPUTS = ESP_DMS_N_IN, MAX_PROBES = 64 * CONDITIONS };

static double response[MAX_PROBES], largest[MAX_PROBES];
static uint8_t correct_sign[MAX_PROBES], correct_published[MAX_PROBES], premature[MAX_PROBES];
static const esp_probe_outcome outcome = {response, largest, correct_sign, correct_published, premature};

static void probe_of_strength_0_is_no_probe(void **state)
{
  (void)state;
  const esp_rnn_shape shape = {.n_hid = 11, .n_in = INPUTS, .n_out = 1};
  double w[11 * (6 + 11 + 1)], input[CONDITIONS * STEPS * INPUTS], target[CONDITIONS * STEPS];
  scatter_all(11 * 18, 0, 0.7, w);
  esp_trials trials = {.input = input, .target = target};
  esp_dms_template(ESP_DMS_OLD_CUES, &trials);
  const double strengths[] = {0, 0.4};
  const esp_probe_grid grid = {ESP_PROBE_N_ONSETS, 2, esp_probe_onsets, strengths};
  const size_t mark = ws.used;
  for (int input_lag = 0; input_lag < 2; input_lag++) {
    esp_trajectories t;
    assert_int_equal(esp_trajectories_take(&shape, CONDITIONS, STEPS, &ws, &t), ESP_OK);
    assert_int_equal(esp_trajectories_run(&shape, w, &trials, input_lag, &t, &ws), ESP_OK);
    assert_int_equal(esp_probe_run(&shape, w, input_lag, &grid, NULL, &outcome, &ws), ESP_OK);
    for (int onset = 0; onset < grid.n_onsets; onset++)
      for (int c = 0; c < CONDITIONS; c++) {
        const int i = onset * 2 * CONDITIONS + c;
        const double *y = esp_trajectory_output(&t, c, 1);
        assert_true(response[i] == esp_probe_response(y, 1));
        assert_true(response[i] == 0.5 * (y[51] + y[52]));
        assert_true(response[i + CONDITIONS] != response[i]); /* strength 0.4 is felt */
      }
    ws.used = mark;
  }
}

/* Fills a with what the recursion says, one step after the other. */
static void run_plainly(const esp_rnn_shape *shape, const double *w, const double *u, double *a)
{
  const int n = shape->n_hid, m = shape->n_in;
  for (int k = 0; k < STEPS; k++)
    for (int i = 0; i < n; i++) {
      double sum = 0;
      for (int j = 0; j < m; j++)
        sum += w[i * m + j] * u[k * m + j];
      for (int j = 0; j < n && k > 0; j++)
        sum += w[n * m + i * n + j] * tanh(a[(k - 1) * n + j]);
      a[k * n + i] = sum;
    }
}

static void trajectories_follow_the_recursion(void **state)
{
  (void)state;
  enum { N = 3 };
  const esp_rnn_shape shape = {.n_hid = N, .n_in = INPUTS, .n_out = 1};
  double w[N * (INPUTS + N + 1)], input[CONDITIONS * STEPS * INPUTS], target[CONDITIONS * STEPS], a[STEPS * N];
  scatter_all(N * (INPUTS + N + 1), 40, 0.8, w);
  esp_trials trials = {.input = input, .target = target};
  esp_dms_template(ESP_DMS_OLD_CUES, &trials);
  esp_trajectories t;
  assert_int_equal(esp_trajectories_take(&shape, CONDITIONS, STEPS, &ws, &t), ESP_OK);
  assert_int_equal(esp_trajectories_run(&shape, w, &trials, 0, &t, &ws), ESP_OK);
  for (int c = 0; c < CONDITIONS; c++) {
    run_plainly(&shape, w, input + c * STEPS * INPUTS, a);
    for (int bin = 1; bin <= STEPS; bin++) {
      double y = 0;
      for (int i = 0; i < N; i++) {
        assert_close(esp_trajectory_state(&t, c, bin)[i], a[(bin - 1) * N + i], 1e-13);
        y += w[N * (INPUTS + N) + i] * tanh(a[(bin - 1) * N + i]);
      }
      assert_close(*esp_trajectory_output(&t, c, bin), y, 1e-13);
    }
  }
  ws.used = 0;
}

/* One unit that shows what is on input 2, and another that shows the response cue and the start: y = 2 tanh(u2) +
 * r tanh(u6), so that every outcome can be said beforehand. */
static void outcomes_of_a_transparent_network(void **state)
{
  (void)state;
  const esp_rnn_shape shape = {.n_hid = 2, .n_in = INPUTS, .n_out = 1};
  double w[2 * 6 + 4 + 2] = {0};
  w[1] = 1;               /* unit 0 from input 2 */
  w[6 + 5] = 1;           /* unit 1 from input 6 */
  w[16] = 2;
  w[17] = -0.5 / tanh(1); /* answer -0.5 to everything */
  const double strengths[] = {0, 0.35, 0.4, 1};
  const int onsets[] = {15, 38};
  const esp_probe_grid grid = {2, 4, onsets, strengths};
  assert_int_equal(esp_probe_run(&shape, w, 0, &grid, NULL, &outcome, &ws), ESP_OK);
  for (int i = 0; i < 2 * 4 * CONDITIONS; i++) {
    const int condition = i % CONDITIONS;
    const double s = strengths[i / CONDITIONS % 4], cue = condition % 2 == 0 ? 1 : -1;
    assert_close(response[i], -0.5, 1e-15);
    assert_int_equal(correct_sign[i], condition >= 2);
    assert_int_equal(correct_published[i], condition >= 2);
    const double expected = cue > 0 ? 2 * tanh(1) : 2 * tanh(s); /* 0.67 for 0.35, 0.76 for 0.4 */
    assert_close(largest[i], expected, 1e-15);
    assert_int_equal(premature[i], expected > 0.75);
  }
  /* the published test forgives a small answer of the wrong sign if the noise happens to help */
  const double noisy[CONDITIONS] = {0.4, 1.1, 0.6, -1.1};
  assert_int_equal(esp_probe_run(&shape, w, 0, &grid, noisy, &outcome, &ws), ESP_OK);
  const int expected[CONDITIONS] = {1, 0, 0, 1};
  for (int i = 0; i < 2 * 4 * CONDITIONS; i++) {
    assert_int_equal(correct_published[i], expected[i % CONDITIONS]);
    assert_int_equal(correct_sign[i], i % CONDITIONS >= 2);
  }
  w[17] = 0; /* no answer at all */
  assert_int_equal(esp_probe_run(&shape, w, 0, &grid, NULL, &outcome, &ws), ESP_OK);
  for (int i = 0; i < 2 * 4 * CONDITIONS; i++)
    assert_int_equal(correct_sign[i], 0);
}

static void probe_replaces_input_2_at_two_bins(void **state)
{
  (void)state;
  double before[CONDITIONS * STEPS * INPUTS], after[CONDITIONS * STEPS * INPUTS], target[CONDITIONS * STEPS];
  esp_trials trials = {.input = before, .target = target};
  esp_dms_template(ESP_DMS_OLD_CUES, &trials);
  trials.input = after;
  esp_dms_template(ESP_DMS_OLD_CUES, &trials);
  for (int c = 0; c < CONDITIONS; c++)
    after[(c * STEPS + 20) * INPUTS + 1] = 77; /* noise, as it may be */
  esp_probe_put(&trials, 20, 0.2);
  const double value[CONDITIONS] = {-0.2, 0.2, -0.2, 0.2};
  for (int c = 0; c < CONDITIONS; c++)
    for (int bin = 1; bin <= STEPS; bin++)
      for (int i = 0; i < INPUTS; i++) {
        const int at = (c * STEPS + bin - 1) * INPUTS + i;
        const int probed = i == 1 && (bin == 20 || bin == 21);
        assert_true(after[at] == (probed ? value[c] : before[at]));
      }
}

static void probe_refuses_what_it_cannot_do(void **state)
{
  (void)state;
  const esp_rnn_shape shape = {.n_hid = 1, .n_in = INPUTS, .n_out = 1}, other = {.n_hid = 1, .n_in = 5, .n_out = 1};
  double w[8] = {0};
  const double strength = 1;
  const int too_early = 14, too_late = 39, fine = 20;
  esp_probe_grid grid = {1, 1, &too_early, &strength};
  assert_int_equal(esp_probe_run(&shape, w, 0, &grid, NULL, &outcome, &ws), ESP_ERR_ARG);
  grid.onset = &too_late;
  assert_int_equal(esp_probe_run(&shape, w, 0, &grid, NULL, &outcome, &ws), ESP_ERR_ARG);
  grid.onset = &fine;
  assert_int_equal(esp_probe_run(&other, w, 0, &grid, NULL, &outcome, &ws), ESP_ERR_ARG);
  w[7] = INFINITY;
  assert_int_equal(esp_probe_run(&shape, w, 0, &grid, NULL, &outcome, &ws), ESP_ERR_DIVERGED);
}

static void assert_given_back(esp_workspace *own)
{
  assert_true(own->used == 0 && own->high > 0 && own->high <= own->size);
  own->high = 0;
}

/* Every measure gives back all that it takes, and takes it from the workspace alone. */
static void scratch_is_given_back(void **state)
{
  (void)state;
  const esp_rnn_shape shape = {.n_hid = 11, .n_in = INPUTS, .n_out = 1};
  static double w[11 * 18], a[30 * 11], u[INPUTS], number[11 * 11], vector[11 * 11];
  scatter_all(11 * 18, 0, 0.7, w);
  scatter_all(30 * 11, 300, 1, a);
  const esp_probe_grid grid = {1, ESP_PROBE_N_STRENGTHS, esp_probe_onsets, esp_probe_strengths};
  const esp_trajectories t = {.n_trials = 1, .n_steps = 30, .n_hid = 11, .n_out = 1, .a = a};
  esp_workspace own;
  esp_flow flow;
  double published;
  assert_int_equal(esp_workspace_create(&own), ESP_OK);
  assert_int_equal(esp_probe_run(&shape, w, 0, &grid, NULL, &outcome, &own), ESP_OK);
  assert_given_back(&own);
  assert_int_equal(esp_lyapunov_spectrum(11, w + 66, 30, a, number, &own), ESP_OK);
  assert_int_equal(esp_lyapunov_published(11, w + 66, 30, a, &published, number, &own), ESP_OK);
  assert_given_back(&own);
  assert_int_equal(esp_pca(&t, 0, 1, 1, 30, number, vector, &own), ESP_OK);
  assert_given_back(&own);
  assert_int_equal(esp_weight_singular_values(11, w + 66, vector, &own), ESP_OK);
  assert_given_back(&own);
  assert_int_equal(esp_flow_at(&shape, w, number, vector, u, a, &flow, &own), ESP_OK);
  assert_given_back(&own);
  esp_workspace_free(&own);
}

/* ---- flow ---- */

static void flow_of_networks_solved_by_hand(void **state)
{
  (void)state;
  enum { N = 4, M = 2 };
  const esp_rnn_shape shape = {.n_hid = N, .n_in = M, .n_out = 1};
  const double eigenvalue[N] = {3, 3, 1, 1}, u[M] = {1, -1}, rest[N] = {0}, h = ESP_FLOW_SPACING;
  double component[N * N] = {0}, w[N * M + N * N + N] = {0};
  component[1] = 1;     /* PC1 is unit 1, PC2 unit 0 */
  component[N + 0] = 1;
  double *w_in = w, *w_rec = w + N * M, *w_out = w_rec + N * N;
  w_out[2] = 2;
  esp_flow flow;

  /* no weights: all points meet at the origin */
  assert_int_equal(esp_flow_at(&shape, w, eigenvalue, component, u, rest, &flow, &ws), ESP_OK);
  assert_close(flow.contraction, 0, 1e-15);
  assert_close(flow.contraction_published, 0, 1e-15);
  assert_close(flow.approach, 0.5 * h * (1 + sqrt(2)), 1e-15);

  /* W_rec = 1.5 I, and input to unit 1: every coordinate becomes 1.5 tanh */
  for (int i = 0; i < N; i++)
    w_rec[i * N + i] = 1.5;
  w_in[1 * M + 0] = 0.3;
  w_in[1 * M + 1] = 0.1;
  const double f = 1.5 * tanh(h);
  assert_int_equal(esp_flow_at(&shape, w, eigenvalue, component, u, rest, &flow, &ws), ESP_OK);
  assert_close(flow.contraction, f / h, 1e-14);
  assert_close(flow.contraction_published, f / h, 1e-14);
  assert_close(flow.approach, 0.5 * (h - f) * (1 + sqrt(2)), 1e-15);
  assert_close(flow.start[0][0], -h, 1e-16);
  assert_close(flow.start[1][1], 0, 1e-16);
  assert_close(flow.step[0][0], 0.2 - f + h, 1e-15);
  assert_close(flow.step[5][1], f - h, 1e-15);
  assert_close(flow.step[4][0], 0.2, 1e-15);

  /* PC2 leaks into W_out and PC1 dies: the two definitions part */
  memset(w_rec, 0, N * N * sizeof *w_rec);
  w_rec[0 * N + 0] = 1;
  w_rec[2 * N + 0] = 0.5; /* on W_out: 2 x 0.5 tanh, with the variance of PC3: 1 in 8 against 3 in 8 */
  const double g = tanh(h);
  assert_int_equal(esp_flow_at(&shape, w, eigenvalue, component, u, rest, &flow, &ws), ESP_OK);
  assert_close(flow.contraction, 6 * g / (4 * h * (1 + sqrt(2))), 1e-14);
  assert_close(flow.contraction_published, sqrt(6 * g * g * (3 + 1) / (12 * h * h * 3)), 1e-14);
  assert_close(flow.approach, 0.5 * h * (1 + sqrt(2)) - 0.75 * sqrt(2) * g, 1e-14);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, workspace_is_empty)
  const struct CMUnitTest tests[] = {
      TEST(jacobian_is_the_derivative_of_a_step),
      TEST(diagonal_weights_at_rest),
      TEST(rotation_neither_grows_nor_shrinks),
      TEST(multiple_of_the_identity),
      TEST(small_exponents_are_as_accurate_as_large_ones),
      TEST(exponents_add_up_to_the_mean_log_determinant),
      TEST(short_product_has_the_plain_singular_values),
      TEST(lost_directions_are_minus_infinity),
      TEST(lyapunov_refuses_what_it_cannot_do),
      TEST(components_of_a_known_covariance),
      TEST(histogram_edges),
      TEST(singular_values_of_known_weights),
      TEST(trajectories_follow_the_recursion),
      TEST(probe_of_strength_0_is_no_probe),
      TEST(outcomes_of_a_transparent_network),
      TEST(probe_replaces_input_2_at_two_bins),
      TEST(probe_refuses_what_it_cannot_do),
      TEST(scratch_is_given_back),
      TEST(flow_of_networks_solved_by_hand),
  };
  return cmocka_run_group_tests(tests, make_workspace, free_workspace);
}
