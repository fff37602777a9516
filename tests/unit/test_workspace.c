/* tests/unit/test_workspace.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/workspace.h"

static void pieces_are_aligned_and_apart(void **state)
{
  (void)state;
  esp_workspace ws;
  double *d;
  int *i;
  unsigned char *b;
  const size_t bytes = esp_workspace_bytes(9 * sizeof *d) + esp_workspace_bytes(3 * sizeof *i) + esp_workspace_bytes(65);
  assert_int_equal(bytes, 128 + 64 + 128);
  assert_int_equal(esp_workspace_bytes(0), 0);
  assert_int_equal(esp_workspace_bytes(64), 64);
  assert_int_equal(esp_workspace_create(bytes, &ws), ESP_OK);
  assert_int_equal(esp_workspace_take(&ws, 9, &d), ESP_OK);
  assert_int_equal(esp_workspace_take_int(&ws, 3, &i), ESP_OK);
  assert_int_equal(esp_workspace_take_bytes(&ws, 65, &b), ESP_OK);
  assert_true((uintptr_t)d % 64 == 0 && (uintptr_t)i % 64 == 0 && (uintptr_t)b % 64 == 0);
  memset(d, 1, 9 * sizeof *d);
  memset(i, 2, 3 * sizeof *i);
  memset(b, 3, 65);
  assert_true(((unsigned char *)d)[71] == 1 && ((unsigned char *)i)[11] == 2 && b[0] == 3);
  assert_true(ws.used == bytes && ws.high == bytes);
  esp_workspace_free(&ws);
  assert_true(ws.base == NULL && ws.size == 0);
  esp_workspace_free(&ws); /* a zeroed one is fine */
}

static void rewinding_hands_out_the_same_again(void **state)
{
  (void)state;
  esp_workspace ws;
  double *first, *second;
  assert_int_equal(esp_workspace_create(1024, &ws), ESP_OK);
  const size_t mark = ws.used;
  assert_int_equal(esp_workspace_take(&ws, 100, &first), ESP_OK);
  ws.used = mark;
  assert_int_equal(esp_workspace_take(&ws, 10, &second), ESP_OK);
  assert_ptr_equal(first, second);
  assert_true(ws.high == esp_workspace_bytes(100 * sizeof *first)); /* remembered */
  esp_workspace_free(&ws);
}

static void asking_too_much_is_an_error_that_takes_nothing(void **state)
{
  (void)state;
  esp_workspace ws;
  double *d;
  assert_int_equal(esp_workspace_create(1024, &ws), ESP_OK);
  assert_int_equal(esp_workspace_take(&ws, 64, &d), ESP_OK);
  const size_t used = ws.used;
  assert_int_equal(esp_workspace_take(&ws, 1024, &d), ESP_ERR_NOMEM);
  assert_true(ws.used == used);
  assert_non_null(strstr(esp_err_message(ESP_ERR_NOMEM), "8192 more asked"));
  assert_int_equal(esp_workspace_take(&ws, 64, &d), ESP_OK); /* what was asked for at first is still there */
  esp_workspace_free(&ws);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pieces_are_aligned_and_apart),
      cmocka_unit_test(rewinding_hands_out_the_same_again),
      cmocka_unit_test(asking_too_much_is_an_error_that_takes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
