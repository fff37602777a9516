/* tests/unit/test_number.c - whole numbers that somebody has typed: what is read, what is left, what is refused. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "espalier/number.h"

static void good_ones(void **state)
{
  static const struct {
    const char *text;
    long max, count;
    const char *rest;
  } cases[] = {{"0", LONG_MAX, 0, ""},      {"007", LONG_MAX, 7, ""},  {"12:30", LONG_MAX, 12, ":30"}, {"5 ", LONG_MAX, 5, " "},
               {"1e3", LONG_MAX, 1, "e3"},  {"0x10", LONG_MAX, 0, "x10"}, {"3", 3, 3, ""},               {"0", 0, 0, ""},
               {"2147483647", INT_MAX, INT_MAX, ""}, {"1000000", 1000000, 1000000, ""}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    long count = -1;
    const char *rest = esp_read_count(cases[i].text, cases[i].max, &count);
    assert_non_null(rest);
    assert_string_equal(rest, cases[i].rest);
    assert_true(count == cases[i].count);
  }
  (void)state;
}

static void bad_ones(void **state)
{
  static const struct {
    const char *text;
    long max;
  } cases[] = {{"", LONG_MAX},   {"x", LONG_MAX},  {"-1", LONG_MAX}, {"+1", LONG_MAX}, {" 1", LONG_MAX}, {".5", LONG_MAX},
               {"4", 3},         {"9", 5},         {"1", 0},         {"10", 9},        {"2147483648", INT_MAX},
               {"1000001", 1000000}, {"4294967296", INT_MAX}, {"99999999999999999999", LONG_MAX}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    long count;
    assert_null(esp_read_count(cases[i].text, cases[i].max, &count));
  }
  (void)state;
}

/* The largest of all is read, and the next one is not. */
static void the_largest(void **state)
{
  char text[32];
  long count = 0;
  snprintf(text, sizeof text, "%ld", LONG_MAX);
  assert_non_null(esp_read_count(text, LONG_MAX, &count));
  assert_true(count == LONG_MAX);
  snprintf(text, sizeof text, "%lu", (unsigned long)LONG_MAX + 1);
  assert_null(esp_read_count(text, LONG_MAX, &count));
  (void)state;
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(good_ones), cmocka_unit_test(bad_ones), cmocka_unit_test(the_largest)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
