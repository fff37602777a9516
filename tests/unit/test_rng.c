/* tests/unit/test_rng.c - Philox against the test vectors of its authors, and what the draws have to look like. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <Random123/philox.h>

#include "espalier/rng.h"

/* File kat_vectors of Random123, lines "philox4x64 10": counter, key, result. */
static void philox_is_the_published_one(void **state)
{
  (void)state;
  static const uint64_t ones = UINT64_MAX;
  static const struct {
    philox4x64_ctr_t counter;
    philox4x64_key_t key;
    uint64_t expected[4];
  } cases[] = {
      {{{0, 0, 0, 0}}, {{0, 0}},
       {0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b, 0x7e68b68aec7ba23b}},
      {{{ones, ones, ones, ones}}, {{ones, ones}},
       {0x87b092c3013fe90b, 0x438c3c67be8d0224, 0x9cc7d7c69cd777b6, 0xa09caebf594f0ba0}},
      {{{0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89}},
       {{0x452821e638d01377, 0xbe5466cf34e90c6c}},
       {0xa528f45403e61d95, 0x38c72dbd566e9788, 0xa5a1610e72fd18b5, 0x57bd43b5e52b7fe6}},
  };
  for (int c = 0; c < 3; c++) {
    const philox4x64_ctr_t got = philox4x64(cases[c].counter, cases[c].key);
    for (int i = 0; i < 4; i++)
      assert_true(got.v[i] == cases[c].expected[i]);
  }
}

/* The same vector through our own door, and the place of every part of a key: changing it would change all results. */
static void keys_map_to_counters_as_ever(void **state)
{
  (void)state;
  const esp_rng_key nobody = {.purpose = (esp_rng_purpose)0};
  assert_true(esp_rng_uniform(&nobody, 0) == ((double)(0x16554d9eca36314c >> 12) + 0.5) * 0x1p-52);
  const esp_rng_key key = {.seed = 2022, .member = 3, .arm = 4, .stage = 5, .purpose = ESP_RNG_INPUT_NOISE};
  const philox4x64_ctr_t counter = {{6, (uint64_t)3 << 32 | 4, 5, 0}};
  const philox4x64_key_t philox_key = {{2022, 3}};
  assert_true(esp_rng_uniform(&key, 6) == ((double)(philox4x64(counter, philox_key).v[0] >> 12) + 0.5) * 0x1p-52);
}

/* Neither end can come, and nothing is rounded: a number and that of the opposite bits add up to 1 exactly. */
static void unit_interval_is_open_and_symmetric(void **state)
{
  (void)state;
  const esp_rng_key key = {.seed = 3};
  assert_true(esp_rng_unit_interval(0) > 0);
  assert_true(esp_rng_unit_interval(UINT64_MAX) < 1);
  assert_true(isfinite(esp_rng_normal(&key, 0)));
  for (int i = 0; i < 200000; i++) {
    const philox4x64_ctr_t counter = {{(uint64_t)i, 0, 0, 0}};
    const philox4x64_key_t philox_key = {{1, 2}};
    const uint64_t random = philox4x64(counter, philox_key).v[0];
    const uint64_t bits = i < 64 ? (uint64_t)1 << i : i < 128 ? UINT64_MAX >> (i - 64) : random >> (i % 3 * 20);
    const double u = esp_rng_unit_interval(bits), opposite = esp_rng_unit_interval(~bits);
    assert_true(u > 0 && u < 1);
    if (u + opposite != 1 || 1 - u != opposite) /* the second: the sum was not rounded to 1 */
      fail_msg("%llx: %a and %a", (unsigned long long)bits, u, opposite);
  }
  for (uint64_t bits = 0; bits < 100; bits++) { /* equal steps at both ends */
    assert_true(esp_rng_unit_interval((bits + 1) << 12) - esp_rng_unit_interval(bits << 12) == 0x1p-52);
    assert_true(esp_rng_unit_interval(~(bits << 12)) - esp_rng_unit_interval(~((bits + 1) << 12)) == 0x1p-52);
  }
}

/* The normal distribution function itself, to check its inverse with. */
static double below(double z)
{
  return 0.5 * erfc(-z / sqrt(2));
}

static void draws_are_uniform_and_normal(void **state)
{
  (void)state;
  enum { N = 200000, N_BINS = 20 };
  const esp_rng_key key = {.seed = 1, .purpose = ESP_RNG_TARGET_NOISE};
  int n_in[N_BINS] = {0};
  double sum = 0, squares = 0, z_sum = 0, z_squares = 0, z_fourth = 0, neighbours = 0, last = 0.5;
  for (uint64_t i = 0; i < N; i++) {
    const double u = esp_rng_uniform(&key, i), z = esp_rng_normal(&key, i);
    assert_true(u > 0 && u < 1);
    assert_true(fabs(below(z) - u) < 1e-12);
    n_in[(int)(u * N_BINS)]++;
    sum += u;
    squares += u * u;
    neighbours += (u - 0.5) * (last - 0.5);
    last = u;
    z_sum += z;
    z_squares += z * z;
    z_fourth += z * z * z * z;
  }
  const double error = 1 / sqrt(N); /* five standard errors in each line */
  assert_true(fabs(sum / N - 0.5) < 5 * sqrt(1 / 12.0) * error);
  assert_true(fabs(squares / N - 1 / 3.0) < 5 * sqrt(4 / 45.0) * error);
  assert_true(fabs(neighbours / N) < 5 / 12.0 * error);
  assert_true(fabs(z_sum / N) < 5 * error);
  assert_true(fabs(z_squares / N - 1) < 5 * sqrt(2) * error);
  assert_true(fabs(z_fourth / N - 3) < 5 * sqrt(96) * error);
  double chi2 = 0;
  for (int b = 0; b < N_BINS; b++)
    chi2 += pow(n_in[b] - (double)N / N_BINS, 2) / ((double)N / N_BINS);
  assert_true(chi2 < 50); /* 19 degrees of freedom: p = 0.0001 */
}

static void every_part_of_a_key_counts(void **state)
{
  (void)state;
  const esp_rng_key key = {.seed = 9, .member = 1, .arm = 1, .stage = 1, .purpose = ESP_RNG_START_WEIGHTS};
  esp_rng_key others[6] = {key, key, key, key, key, key};
  others[0].seed = 10;
  others[1].member = 2;
  others[2].arm = 2;
  others[3].stage = 2;
  others[4].purpose = ESP_RNG_TARGET_NOISE;
  others[5].arm = ESP_RNG_SHARED; /* a value like any other, that no arm has */
  for (uint64_t i = 0; i < 1000; i++) {
    assert_true(esp_rng_uniform(&key, i) == esp_rng_uniform(&key, i));
    assert_true(esp_rng_uniform(&key, i) != esp_rng_uniform(&key, i + 1));
    for (int k = 0; k < 6; k++)
      assert_true(esp_rng_uniform(&key, i) != esp_rng_uniform(&others[k], i));
  }
  const esp_rng_key swapped[] = {{.member = 1, .arm = 2}, {.member = 2, .arm = 1}};
  assert_true(esp_rng_uniform(&swapped[0], 0) != esp_rng_uniform(&swapped[1], 0));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(philox_is_the_published_one),
      cmocka_unit_test(keys_map_to_counters_as_ever),
      cmocka_unit_test(unit_interval_is_open_and_symmetric),
      cmocka_unit_test(draws_are_uniform_and_normal),
      cmocka_unit_test(every_part_of_a_key_counts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
