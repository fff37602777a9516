/* tests/unit/test_criterion.c - the window of decreases, wrap and all; the smoothed decrease step by step. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "espalier/criterion.h"

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

static esp_criterion take(int window)
{
  esp_criterion c;
  ws.used = 0;
  assert_int_equal(esp_criterion_take(window, 1e-8, 0.5, &ws, &c), ESP_OK);
  return c;
}

static void a_full_window_of_steps_is_needed(void **state)
{
  (void)state;
  esp_criterion c = take(300);
  for (int round = 0; round < 2; round++) {
    for (int step = 1; step < 300; step++)
      assert_false(esp_criterion_converged(&c, true, 0.1, 0.1));
    assert_true(esp_criterion_converged(&c, true, 0.1, 0.1));
    esp_criterion_reset(&c); /* and everything is forgotten */
  }
}

static void first_slot_is_written_twice_when_the_window_wraps(void **state)
{
  (void)state;
  static const int slot[] = {0, 1, 2, 0, 0, 1, 2, 0, 0, 1, 2};
  esp_criterion c = take(3);
  for (int step = 0; step < 11; step++) {
    const double decrease = 0.25 + 0.015625 * step; /* exact in binary */
    esp_criterion_converged(&c, true, 1, 1 - decrease);
    assert_true(c.decrease[slot[step]] == decrease);
  }
}

static void loss_before_the_step_has_to_be_small(void **state)
{
  (void)state;
  esp_criterion c = take(1);
  assert_false(esp_criterion_converged(&c, true, 0.5, 0.5)); /* below, not at */
  assert_true(esp_criterion_converged(&c, true, 0.49, 0.49));
  assert_false(esp_criterion_converged(&c, true, 0.6, 0.6));
  assert_true(esp_criterion_converged(&c, true, 0.49, 0.6)); /* the loss after it is not looked at */
}

static void mean_decrease_has_to_be_small(void **state)
{
  (void)state;
  esp_criterion c = take(4);
  for (int step = 0; step < 3; step++)
    esp_criterion_converged(&c, true, 0.25, 0.25);
  assert_false(esp_criterion_converged(&c, true, 0.25, 0.25 - 6e-8)); /* mean 1.5e-8 */
  esp_criterion_reset(&c);
  for (int step = 0; step < 3; step++)
    esp_criterion_converged(&c, true, 0.25, 0.25);
  assert_true(esp_criterion_converged(&c, true, 0.25, 0.25 - 2e-8)); /* mean 0.5e-8 */
}

static void empty_window_is_refused(void **state)
{
  (void)state;
  esp_criterion c;
  assert_int_equal(esp_criterion_take(0, 1e-8, 1, &ws, &c), ESP_ERR_ARG);
  const size_t size = ws.size;
  ws.size = 4096;
  assert_int_equal(esp_criterion_take(100000, 1e-8, 1, &ws, &c), ESP_ERR_NOMEM);
  ws.size = size;
}

static void steps_that_are_not_accepted_do_not_enter_the_window(void **state)
{
  (void)state;
  esp_criterion c = take(2);
  assert_false(esp_criterion_converged(&c, true, 0.25, 0.25));
  for (int step = 0; step < 5; step++)
    assert_false(esp_criterion_converged(&c, false, 0.25, 0.25));
  assert_int_equal(c.next, 1);
  assert_true(esp_criterion_converged(&c, true, 0.25, 0.25));
}

/* ---- smoothed ---- */

static void numbers_of_the_smoothed_criterion(void **state)
{
  (void)state;
  const esp_criterion c = esp_criterion_bandit();
  assert_true(c.good_loss == 0.01 && c.max_loss == 0.015 && c.min_decrease == 1e-8 && c.min_steps == 20);
}

static void good_loss_is_enough_at_any_step(void **state)
{
  (void)state;
  esp_criterion c = esp_criterion_bandit();
  assert_false(esp_criterion_converged(&c, true, 5, 0.01)); /* below, not at; and it is the loss after the step */
  assert_true(esp_criterion_converged(&c, true, 5, 0.0099));
  esp_criterion_reset(&c);
  assert_true(esp_criterion_converged(&c, false, 0.0099, 0.0099)); /* a first step that failed */
}

/* A call of level steps at loss E, the failed-th of them (0: none) not accepted; the step that converges, or 0. */
static int converges_at(double E, int failed, int n_steps)
{
  esp_criterion c = esp_criterion_bandit();
  for (int step = 1; step <= n_steps; step++)
    if (esp_criterion_converged(&c, step != failed, E, E))
      return step;
  return 0;
}

static void level_loss_converges_after_more_than_20_steps(void **state)
{
  (void)state;
  assert_int_equal(converges_at(0.0149, 0, 100), 21);
  assert_int_equal(converges_at(0.015, 0, 100), 0); /* below, not at */
}

static void after_a_failed_step_only_good_loss_counts(void **state)
{
  (void)state;
  assert_int_equal(converges_at(0.0149, 1, 100000), 0);
  assert_int_equal(converges_at(0.0149, 20, 100000), 0);
  assert_int_equal(converges_at(0.0149, 22, 100000), 21);
  esp_criterion c = esp_criterion_bandit();
  esp_criterion_converged(&c, false, 0.014, 0.014);
  assert_true(isinf(c.smoothed));
  assert_true(esp_criterion_converged(&c, true, 0.014, 0.009));
  esp_criterion_reset(&c); /* and a new call begins afresh */
  assert_true(c.smoothed == 0);
  for (int step = 1; step <= 20; step++)
    assert_false(esp_criterion_converged(&c, true, 0.014, 0.014));
  assert_true(esp_criterion_converged(&c, true, 0.014, 0.014));
}

/* s after n equal decreases d is d (1 - 0.999^n): 1e-8 is passed where that is. */
static void decreases_are_smoothed(void **state)
{
  (void)state;
  esp_criterion c = esp_criterion_bandit();
  const double d = 1e-6;
  double E = 0.0149;
  for (int step = 1; step <= 50; step++, E -= d) {
    const double s = d * (1 - pow(0.999, step));
    const bool converged = esp_criterion_converged(&c, true, E, E - d);
    assert_true(fabs(c.smoothed - s) < 1e-9 * d);
    assert_true(converged == (step > 20 && s < 1e-8)); /* never: at step 21 it is 2.1e-8 */
  }
  c = esp_criterion_bandit();
  assert_false(esp_criterion_converged(&c, true, 0.0149, 0.0149 - 1e-4)); /* s = 1e-7, which takes long to fade */
  int step = 2;
  while (!esp_criterion_converged(&c, true, 0.0148, 0.0148))
    step++;
  assert_int_equal(step, 1 + (int)ceil(log(0.1) / log(0.999)));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_full_window_of_steps_is_needed),
      cmocka_unit_test(first_slot_is_written_twice_when_the_window_wraps),
      cmocka_unit_test(loss_before_the_step_has_to_be_small),
      cmocka_unit_test(mean_decrease_has_to_be_small),
      cmocka_unit_test(empty_window_is_refused),
      cmocka_unit_test(steps_that_are_not_accepted_do_not_enter_the_window),
      cmocka_unit_test(numbers_of_the_smoothed_criterion),
      cmocka_unit_test(good_loss_is_enough_at_any_step),
      cmocka_unit_test(level_loss_converges_after_more_than_20_steps),
      cmocka_unit_test(after_a_failed_step_only_good_loss_counts),
      cmocka_unit_test(decreases_are_smoothed),
  };
  return cmocka_run_group_tests(tests, make_workspace, free_workspace);
}
