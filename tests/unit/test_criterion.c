/* tests/unit/test_criterion.c - the window of decreases, wrap and all. */
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
  return esp_workspace_create(4096, &ws) != ESP_OK;
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
      assert_false(esp_criterion_converged(&c, 0.1, 0.1));
    assert_true(esp_criterion_converged(&c, 0.1, 0.1));
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
    esp_criterion_converged(&c, 1, 1 - decrease);
    assert_true(c.decrease[slot[step]] == decrease);
  }
}

static void loss_before_the_step_has_to_be_small(void **state)
{
  (void)state;
  esp_criterion c = take(1);
  assert_false(esp_criterion_converged(&c, 0.5, 0.5)); /* below, not at */
  assert_true(esp_criterion_converged(&c, 0.49, 0.49));
  assert_false(esp_criterion_converged(&c, 0.6, 0.6));
  assert_true(esp_criterion_converged(&c, 0.49, 0.6)); /* the loss after it is not looked at */
}

static void mean_decrease_has_to_be_small(void **state)
{
  (void)state;
  esp_criterion c = take(4);
  for (int step = 0; step < 3; step++)
    esp_criterion_converged(&c, 0.25, 0.25);
  assert_false(esp_criterion_converged(&c, 0.25, 0.25 - 6e-8)); /* mean 1.5e-8 */
  esp_criterion_reset(&c);
  for (int step = 0; step < 3; step++)
    esp_criterion_converged(&c, 0.25, 0.25);
  assert_true(esp_criterion_converged(&c, 0.25, 0.25 - 2e-8)); /* mean 0.5e-8 */
}

static void empty_window_is_refused(void **state)
{
  (void)state;
  esp_criterion c;
  assert_int_equal(esp_criterion_take(0, 1e-8, 1, &ws, &c), ESP_ERR_ARG);
  assert_int_equal(esp_criterion_take(100000, 1e-8, 1, &ws, &c), ESP_ERR_NOMEM);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_full_window_of_steps_is_needed),
      cmocka_unit_test(first_slot_is_written_twice_when_the_window_wraps),
      cmocka_unit_test(loss_before_the_step_has_to_be_small),
      cmocka_unit_test(mean_decrease_has_to_be_small),
      cmocka_unit_test(empty_window_is_refused),
  };
  return cmocka_run_group_tests(tests, make_workspace, free_workspace);
}
