/* tests/unit/test_members.c - every member is in just one part, and a range is what was written or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/experiment.h"
#include "espalier/members.h"

static void ranges_are_read(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    int n_members, first, last;
  } good[] = {{"0", 1, 0, 0},      {"3", 4, 3, 3},     {"0:3", 4, 0, 3},
              {"1:2", 4, 1, 2},    {"2:2", 4, 2, 2},   {"100:399", 400, 100, 399},
              {"007", 8, 7, 7},    {"0:0", 9, 0, 0},   {"2147483645", 2147483646, 2147483645, 2147483645}};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    esp_members members = {-7, -7};
    if (esp_members_parse(good[i].text, good[i].n_members, &members) != ESP_OK || members.first != good[i].first ||
        members.last != good[i].last)
      fail_msg("'%s' became %d to %d", good[i].text, members.first, members.last);
  }
  static const char *const bad[] = {"",    ":",   "1:",   ":1",   "2:1", "4",     "0:4",   "-1",   "0:-1", "1:2:3",
                                    "1-2", " 1",  "1 ",   "1: 2", "+1",  "0x1",   "1.0",   "a",    "1:a",  "1,2",
                                    "1/2", "0:3x", "4294967296", "4294967297:3", "0:99999999999999999999"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    esp_members members;
    if (esp_members_parse(bad[i], 4, &members) != ESP_ERR_USAGE)
      fail_msg("'%s' was taken for %d to %d", bad[i], members.first, members.last);
    const char *message = esp_err_message(ESP_ERR_USAGE);
    if (!strstr(message, bad[i]) || !strstr(message, "0 to 3") || !strstr(message, "ensemble.members: 4"))
      fail_msg("'%s' got the message: %s", bad[i], message);
  }
}

static void parts_are_read(void **state)
{
  (void)state;
  int part, n_parts;
  assert_true(esp_part_parse("0/1", &part, &n_parts) && part == 0 && n_parts == 1);
  assert_true(esp_part_parse("3/4", &part, &n_parts) && part == 3 && n_parts == 4);
  assert_true(esp_part_parse("99/1000000", &part, &n_parts) && part == 99 && n_parts == 1000000);
  static const char *const bad[] = {"", "/", "1", "1/", "/4", "4/4", "5/4", "0/0", "-1/4", "1/-4", "1:4", "1/4/2", " 1/4", "1/4 ", "a/4",
                                    "1/b", "4294967297/2", "0/4294967296"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (esp_part_parse(bad[i], &part, &n_parts))
      fail_msg("'%s' was taken for %d of %d", bad[i], part, n_parts);
}

static void every_member_is_in_one_part(void **state)
{
  (void)state;
  for (int n_members = 1; n_members <= 70; n_members++)
    for (int n_parts = 1; n_parts <= 90; n_parts++) {
      int next = 0;
      for (int part = 0; part < n_parts; part++) {
        const esp_members m = esp_part_members(part, n_parts, n_members);
        const int n = m.last - m.first + 1;
        if (m.first != next || n < n_members / n_parts || n > (n_members + n_parts - 1) / n_parts)
          fail_msg("part %d of %d of %d members is %d to %d, begins after %d", part, n_parts, n_members, m.first, m.last, next - 1);
        assert_int_equal(esp_members_below(m, n_members), n);
        next += n;
      }
      assert_int_equal(next, n_members);
    }
  const esp_members last = esp_part_members(999999, 1000000, 2000000000); /* products beyond 32 bits */
  assert_int_equal(last.first, 1999998000);
  assert_int_equal(last.last, 1999999999);
}

static void members_are_counted(void **state)
{
  (void)state;
  const esp_members some = {2, 5}, nobody = {3, 2};
  static const int below[] = {0, 0, 0, 1, 2, 3, 4, 4, 4};
  for (int n = 0; n < 9; n++) {
    assert_int_equal(esp_members_below(some, n), below[n]);
    assert_int_equal(esp_members_below(nobody, n), 0);
    assert_int_equal(esp_members_has(some, n), n >= 2 && n <= 5);
    assert_false(esp_members_has(nobody, n));
  }
}

static void cells_are_counted(void **state)
{
  (void)state;
  esp_config_file file;
  esp_plan plan;
  char *problems = NULL;
  const char *const text = "experiment: dms\nensemble: {members: 5}\nladder: {fractions: [0.3, 0.5]}\ntransfer: {from: 0.5, members: 3}\n";
  assert_int_equal(esp_config_parse("test", text, 0, NULL, &file, &problems), ESP_OK);
  assert_int_equal(esp_plan_create(&file.values, &plan), ESP_OK);
  for (int first = 0; first < 5; first++)
    for (int last = first - 1; last < 5; last++) {
      long n = 0;
      for (long slot = 0; slot < esp_plan_n_slots(&plan); slot++) {
        const esp_cell cell = esp_slot_cell(&plan, slot);
        n += esp_cell_exists(&plan, cell) && cell.member >= first && cell.member <= last;
      }
      assert_int_equal(esp_plan_n_cells_of(&plan, first, last), n);
    }
  assert_int_equal(esp_plan_n_cells_of(&plan, 0, 4), esp_plan_n_cells(&plan));
  esp_plan_free(&plan);
  esp_config_file_free(&file);
}

static void members_have_words(void **state)
{
  (void)state;
  char text[64];
  assert_string_equal(esp_members_words((esp_members){0, 99}, 400, text, sizeof text), "members 0 to 99 of 400");
  assert_string_equal(esp_members_words((esp_members){3, 3}, 4, text, sizeof text), "member 3 of 4");
  assert_string_equal(esp_members_words((esp_members){3, 2}, 4, text, sizeof text), "none of 4 members");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranges_are_read),   cmocka_unit_test(parts_are_read),    cmocka_unit_test(every_member_is_in_one_part),
      cmocka_unit_test(members_are_counted), cmocka_unit_test(cells_are_counted), cmocka_unit_test(members_have_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
