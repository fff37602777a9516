/* tests/unit/test_prune.c - exact counts, nested masks, and who goes first. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/prune.h"

enum { MAX_N = 40, N_RUNGS = 18 };

static esp_workspace ws;
static double w[MAX_N * MAX_N];
static uint8_t mask[MAX_N * MAX_N], before[MAX_N * MAX_N];

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

static void make_dense(int n, uint64_t seed)
{
  const esp_rng_key key = {.seed = seed};
  memset(mask, 1, sizeof mask);
  for (int i = 0; i < n * n; i++)
    w[i] = esp_rng_normal(&key, (uint64_t)i);
}

static int n_removed(int n)
{
  int removed = 0;
  for (int i = 0; i < n * n; i++)
    removed += mask[i] == 0;
  return removed;
}

static int is_plus_zero(double v)
{
  static const double zero = 0.0;
  return memcmp(&v, &zero, sizeof v) == 0;
}

static esp_err prune(int n, double fraction, esp_prune_criterion criterion, const esp_rng_key *key)
{
  const esp_err err = esp_mask_prune(n, fraction, criterion, ESP_TIES_ROW_MAJOR, key, mask, w, &ws);
  assert_true(ws.used == 0);
  return err;
}

static void counts_are_exact(void **state)
{
  (void)state;
  for (int n = 1; n <= MAX_N; n++)
    for (int percent = 1; percent <= 99; percent++) { /* in integers nothing is rounded */
      assert_int_equal(esp_prune_count(n, percent / 100.0), percent * n * n / 100);
      assert_int_equal(esp_prune_count(n, 0.01 * percent), percent * n * n / 100); /* 0.35000000000000003 and such */
    }
  assert_true(0.47 * 10 * 10 < 47); /* in doubles */
  assert_int_equal(esp_prune_count(10, 0.47), 47);
}

static void ladder_is_nested_and_removes_the_smallest(void **state)
{
  (void)state;
  for (int criterion = ESP_PRUNE_MAGNITUDE; criterion <= ESP_PRUNE_RANDOM; criterion++)
    for (int n = 1; n <= MAX_N; n++) {
      make_dense(n, (uint64_t)n);
      for (int rung = 0; rung < N_RUNGS; rung++) {
        const double fraction = (10 + 5 * rung) / 100.0;
        const esp_rng_key key = {.seed = 4, .stage = (uint32_t)rung, .purpose = ESP_RNG_PRUNE_CHOICE};
        double kept[MAX_N * MAX_N], smallest_kept = INFINITY, largest_removed = 0;
        memcpy(before, mask, sizeof mask);
        memcpy(kept, w, sizeof kept);
        assert_int_equal(prune(n, fraction, (esp_prune_criterion)criterion, &key), ESP_OK);
        assert_int_equal(n_removed(n), (10 + 5 * rung) * n * n / 100);
        assert_true(esp_mask_sparsity(n, mask) == (double)n_removed(n) / (n * n));
        for (int i = 0; i < n * n; i++) {
          assert_true(mask[i] <= before[i]);
          assert_true(mask[i] ? w[i] == kept[i] : is_plus_zero(w[i]));
          if (mask[i])
            smallest_kept = fmin(smallest_kept, fabs(w[i]));
          else if (before[i])
            largest_removed = fmax(largest_removed, fabs(kept[i]));
        }
        if (criterion == ESP_PRUNE_MAGNITUDE)
          assert_true(largest_removed < smallest_kept);
        for (int i = 0; i < n * n; i++) /* training moves what is left */
          w[i] *= mask[i] ? 1 + 0.5 * sin(rung + i) : 1;
      }
    }
}

static void ties_go_in_the_order_asked_for(void **state)
{
  (void)state;
  for (int ties = ESP_TIES_ROW_MAJOR; ties <= ESP_TIES_COLUMN_MAJOR; ties++) {
    make_dense(3, 1);
    for (int i = 0; i < 9; i++)
      w[i] = i == 1 ? 2 : i % 2 ? -1 : 1; /* all alike in size, but for the one at [0, 1] */
    assert_int_equal(esp_mask_prune(3, 0.45, ESP_PRUNE_MAGNITUDE, (esp_prune_ties)ties, NULL, mask, w, &ws), ESP_OK);
    static const uint8_t rows_first[] = {0, 1, 0, 0, 0, 1, 1, 1, 1}, columns_first[] = {0, 1, 1, 0, 0, 1, 0, 1, 1};
    assert_memory_equal(mask, ties == ESP_TIES_ROW_MAJOR ? rows_first : columns_first, 9);
  }
}

/* A weight that came back to life (variant deposited) is removed again before any that was not yet removed; an exact zero
 * that is kept waits its turn. */
static void removed_weights_go_before_all_others(void **state)
{
  (void)state;
  make_dense(4, 2);
  mask[13] = 0;
  w[13] = 100;
  w[2] = 0.0;
  assert_int_equal(prune(4, 2.0 / 16, ESP_PRUNE_MAGNITUDE, NULL), ESP_OK);
  assert_true(mask[13] == 0 && is_plus_zero(w[13]));
  assert_true(mask[2] == 0);
  assert_int_equal(n_removed(4), 2);
  make_dense(4, 2);
  mask[13] = 0;
  w[13] = 100;
  w[2] = -0.0;
  assert_int_equal(prune(4, 1.0 / 16, ESP_PRUNE_MAGNITUDE, NULL), ESP_OK);
  assert_true(mask[13] == 0 && is_plus_zero(w[13]) && mask[2] == 1);
  assert_int_equal(prune(4, 2.0 / 16, ESP_PRUNE_MAGNITUDE, NULL), ESP_OK);
  assert_true(mask[2] == 0 && is_plus_zero(w[2])); /* a minus goes too */
}

static void random_choice_depends_on_the_key_alone(void **state)
{
  (void)state;
  enum { N = 10, N_DRAWS = 2000 };
  int n_times[N * N] = {0}, n_same = 0;
  for (uint32_t member = 0; member < N_DRAWS; member++) {
    const esp_rng_key key = {.seed = 5, .member = member, .purpose = ESP_RNG_PRUNE_CHOICE};
    make_dense(N, member);
    assert_int_equal(prune(N, 0.3, ESP_PRUNE_RANDOM, &key), ESP_OK);
    memcpy(before, mask, sizeof mask);
    make_dense(N, member + 17); /* other weights, same choice */
    assert_int_equal(prune(N, 0.3, ESP_PRUNE_RANDOM, &key), ESP_OK);
    n_same += memcmp(before, mask, N * N) == 0;
    for (int i = 0; i < N * N; i++)
      n_times[i] += mask[i] == 0;
  }
  assert_int_equal(n_same, N_DRAWS);
  for (int i = 0; i < N * N; i++) /* 600 expected, with a standard deviation of 20 */
    assert_in_range(n_times[i], 500, 700);
}

static void nothing_is_taken_back(void **state)
{
  (void)state;
  make_dense(10, 6);
  assert_int_equal(prune(10, 0.5, ESP_PRUNE_MAGNITUDE, NULL), ESP_OK);
  memcpy(before, mask, sizeof mask);
  assert_int_equal(prune(10, 0.5, ESP_PRUNE_MAGNITUDE, NULL), ESP_OK);
  assert_memory_equal(mask, before, sizeof mask);
  assert_int_equal(prune(10, 0.3, ESP_PRUNE_MAGNITUDE, NULL), ESP_ERR_ARG);
  assert_memory_equal(mask, before, sizeof mask);
  esp_workspace small;
  assert_int_equal(esp_workspace_create(&small), ESP_OK);
  const size_t size = small.size;
  small.size = 64;
  assert_int_equal(esp_mask_prune(10, 0.6, ESP_PRUNE_MAGNITUDE, ESP_TIES_ROW_MAJOR, NULL, mask, w, &small), ESP_ERR_NOMEM);
  small.size = size;
  esp_workspace_free(&small);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_are_exact),
      cmocka_unit_test(ladder_is_nested_and_removes_the_smallest),
      cmocka_unit_test(ties_go_in_the_order_asked_for),
      cmocka_unit_test(removed_weights_go_before_all_others),
      cmocka_unit_test(random_choice_depends_on_the_key_alone),
      cmocka_unit_test(nothing_is_taken_back),
  };
  return cmocka_run_group_tests(tests, make_workspace, free_workspace);
}
