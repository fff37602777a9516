/* tests/unit/test_separation.c - distances known by hand, what must not matter to them, and states in too few dimensions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "espalier/rng.h"
#include "espalier/separation.h"

enum { N = 20, STEPS = 60 };

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

static esp_separation separation_of(int n_hid, int n_steps, const double *a)
{
  esp_separation s;
  assert_int_equal(esp_separation_of(n_hid, n_steps, a, &s, &ws), ESP_OK);
  assert_int_equal(ws.used, 0);
  return s;
}

/* Fixation at 0, 2, 4 and choice at 10, 12: means 2 and 11, variances 4 and 2, so 81 / 3. */
static void one_unit_by_hand(void **state)
{
  (void)state;
  const double a[] = {0, 10, 2, 12, 4};
  const esp_separation s = separation_of(1, 5, a);
  assert_false(s.singular);
  assert_true(fabs(s.distance - 27) < 1e-12);
  assert_true(s.condition == 1);
}

/* Fixation (+-1, 0), (0, +-1), choice the same moved by (3, 1): C_f = C_c = (2/3) I, so 10 / (2/3) = 15.
 * Then the same with unit 2 ten times as large: the distance stays, the condition is that of diag(1, 100). */
static void two_units_by_hand(void **state)
{
  (void)state;
  double a[] = {1, 0, 4, 1, -1, 0, 2, 1, 0, 1, 3, 2, 0, -1, 3, 0};
  esp_separation s = separation_of(2, 8, a);
  assert_true(fabs(s.distance - 15) < 1e-12);
  assert_true(fabs(s.condition - 1) < 1e-12);
  for (int k = 0; k < 8; k++)
    a[2 * k + 1] *= 10;
  s = separation_of(2, 8, a);
  assert_true(fabs(s.distance - 15) < 1e-12);
  assert_true(fabs(s.condition - 100) < 1e-9);
}

/* Unit j at fixation and choice; the means differ by 0.1 j. */
static void draw_states(double *a)
{
  const esp_rng_key key = {.seed = 3};
  for (int k = 0; k < STEPS; k++)
    for (int j = 0; j < N; j++)
      a[k * N + j] = esp_rng_normal(&key, (uint64_t)(k * N + j)) + (k % 2 ? 0.1 * j : 0);
}

/* An invertible map of all states, and a shift, change nothing. */
static void coordinates_do_not_matter(void **state)
{
  (void)state;
  static double a[STEPS * N], mapped[STEPS * N];
  draw_states(a);
  for (int k = 0; k < STEPS; k++)
    for (int i = 0; i < N; i++) {
      mapped[k * N + i] = 5 + (1 + i) * a[k * N + i];
      for (int j = 0; j < i; j++) /* triangular */
        mapped[k * N + i] += sin(i + 3 * j) * a[k * N + j];
    }
  const esp_separation s = separation_of(N, STEPS, a), m = separation_of(N, STEPS, mapped);
  assert_false(s.singular || m.singular);
  assert_true(s.distance > 20); /* 0.01 sum of j^2 = 24.7 and what chance adds */
  assert_true(fabs(m.distance / s.distance - 1) < 1e-9);
  assert_true(m.condition > s.condition);
}

/* 0.1 (0, .., 19) off along the diagonal of unit covariances: 24.7, but S is estimated from 58 degrees of freedom in 20
 * dimensions, which makes the mean of the inverse 58 / (58 - 21) as large, and the means add 2 / 30 a dimension. */
static void size_is_as_expected(void **state)
{
  (void)state;
  static double a[STEPS * N];
  double sum = 0;
  enum { REPEATS = 400 };
  for (uint32_t repeat = 0; repeat < REPEATS; repeat++) {
    const esp_rng_key key = {.seed = 4, .member = repeat};
    for (int k = 0; k < STEPS; k++)
      for (int j = 0; j < N; j++)
        a[k * N + j] = esp_rng_normal(&key, (uint64_t)(k * N + j)) + (k % 2 ? 0.1 * j : 0);
    sum += separation_of(N, STEPS, a).distance;
  }
  const double expected = (24.7 + N * 2.0 / 30) * 58 / (58 - N - 1);
  assert_true(fabs(sum / REPEATS / expected - 1) < 0.05);
}

static void assert_singular(const double *a)
{
  const esp_separation s = separation_of(N, STEPS, a);
  assert_true(s.singular && isnan(s.distance) && isinf(s.condition));
}

static void too_few_dimensions_are_singular(void **state)
{
  (void)state;
  static double a[STEPS * N];
  draw_states(a);
  for (int k = 0; k < STEPS; k++) /* one unit that never moves */
    a[k * N + 7] = 0.25;
  assert_singular(a);
  draw_states(a);
  for (int k = 0; k < STEPS; k++) /* one that is a sum of two others: rounding leaves a tiny positive eigenvalue or none */
    a[k * N + 7] = a[k * N + 3] - 0.3 * a[k * N + 11];
  assert_singular(a);
  for (int k = 0; k < STEPS; k++) /* only three different states of each kind */
    for (int j = 0; j < N; j++)
      a[k * N + j] = sin(1 + j * (k % 6 + 1));
  assert_singular(a);
  for (int i = 0; i < STEPS * N; i++)
    a[i] = 1;
  assert_singular(a); /* nothing moves at all */
}

/* As many steps as it takes for full rank, and one pair less: each kind loses one dimension to its mean. */
static void rank_follows_the_number_of_steps(void **state)
{
  (void)state;
  static double a[STEPS * N];
  draw_states(a);
  assert_false(separation_of(N, N + 2, a).singular);
  assert_true(separation_of(N, N, a).singular);
}

static void faults_are_told(void **state)
{
  (void)state;
  static double a[STEPS * N];
  esp_separation s;
  draw_states(a);
  assert_int_equal(esp_separation_of(0, STEPS, a, &s, &ws), ESP_ERR_ARG);
  assert_int_equal(esp_separation_of(N, 3, a, &s, &ws), ESP_ERR_ARG);
  for (int which = 0; which < 2; which++) {
    draw_states(a);
    a[17] = which ? NAN : INFINITY;
    assert_int_equal(esp_separation_of(N, STEPS, a, &s, &ws), ESP_ERR_DIVERGED);
    assert_true(isnan(s.distance) && isnan(s.condition));
  }
  esp_workspace none = {0};
  assert_int_equal(esp_separation_of(N, STEPS, a, &s, &none), ESP_ERR_NOMEM);
  assert_int_equal(ws.used, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_unit_by_hand),
      cmocka_unit_test(two_units_by_hand),
      cmocka_unit_test(coordinates_do_not_matter),
      cmocka_unit_test(size_is_as_expected),
      cmocka_unit_test(too_few_dimensions_are_singular),
      cmocka_unit_test(rank_follows_the_number_of_steps),
      cmocka_unit_test(faults_are_told),
  };
  return cmocka_run_group_tests(tests, make_workspace, free_workspace);
}
