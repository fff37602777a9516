/* tests/unit/test_error.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/error.h"

static const struct {
  esp_err err;
  int status;
} outcomes[] = {
#define X(name, status, sentence) {name, status},
    ESP_ERRORS(X)
#undef X
};
enum { N = sizeof outcomes / sizeof outcomes[0] };

static void outcomes_have_a_status_and_a_sentence(void **state)
{
  (void)state;
  for (int i = 0; i < N; i++) {
    assert_int_equal(esp_err_exit_status(outcomes[i].err), outcomes[i].status);
    assert_true(strlen(esp_err_sentence(outcomes[i].err)) > 3);
    assert_true(i == 0 ? outcomes[i].status == 0 : outcomes[i].status >= 64 && outcomes[i].status <= 78);
  }
  assert_int_equal(esp_err_exit_status(ESP_ERR_STOPPED), 75);
  assert_int_equal(esp_err_exit_status(ESP_ERR_CONFIG), 78);
}

static esp_err refuse_odd(int n)
{
  ESP_REQUIRE(n % 2 == 0, ESP_ERR_ARG, "%d is odd", n);
  return ESP_OK;
}

static esp_err pass_up(int n, int *reached)
{
  ESP_TRY(refuse_odd(n));
  *reached = 1;
  return ESP_OK;
}

static void messages_belong_to_their_error(void **state)
{
  (void)state;
  int reached = 0;
  assert_string_equal(esp_err_message(ESP_ERR_IO), esp_err_sentence(ESP_ERR_IO)); /* nothing was said yet */
  assert_int_equal(pass_up(7, &reached), ESP_ERR_ARG);
  assert_int_equal(reached, 0);
  assert_string_equal(esp_err_message(ESP_ERR_ARG), "7 is odd");
  assert_string_equal(esp_err_message(ESP_ERR_IO), esp_err_sentence(ESP_ERR_IO));
  assert_int_equal(pass_up(8, &reached), ESP_OK);
  assert_int_equal(reached, 1);
  assert_string_equal(esp_err_message(ESP_OK), "done");
}

static void message_can_be_part_of_the_next(void **state)
{
  (void)state;
  esp_fail(ESP_ERR_DATA, "no end mark");
  assert_int_equal(esp_fail(ESP_ERR_IO, "file.h5: %s", esp_err_message(ESP_ERR_DATA)), ESP_ERR_IO);
  assert_string_equal(esp_err_message(ESP_ERR_IO), "file.h5: no end mark");
}

static void long_messages_are_cut(void **state)
{
  (void)state;
  char text[6000];
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = '\0';
  esp_fail(ESP_ERR_DATA, "%s", text);
  assert_int_equal(strlen(esp_err_message(ESP_ERR_DATA)), 4095);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(outcomes_have_a_status_and_a_sentence),
      cmocka_unit_test(messages_belong_to_their_error),
      cmocka_unit_test(message_can_be_part_of_the_next),
      cmocka_unit_test(long_messages_are_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
