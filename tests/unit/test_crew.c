/* tests/unit/test_crew.c - who is silent for too long, in time in which the coordinator was awake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/ensemble/crew.h"

static esp_stage stages[] = {{.name = "start"}, {.name = "rung_0.70"}};
static const esp_plan plan = {.n_members = 3, .n_arms = 1, .n_stages = 2, .arm_name = {"pruned"}, .stages = stages};

static esp_crew make_crew(double timeout)
{
  esp_crew crew;
  assert_int_equal(esp_crew_create(&plan, 3, timeout, 1000, &crew), ESP_OK);
  for (int i = 0; i < 3; i++)
    crew.workers[i].phase = ESP_PHASE_TRAINING;
  return crew;
}

/* As the coordinator's loop does it, every few milliseconds; returns the new time. */
static double sleep_awake(esp_crew *crew, double now, double seconds)
{
  for (const double end = now + seconds; now < end; now += 1.0 / 64)
    esp_crew_look(crew, now);
  return now;
}

static void silence_is_measured_since_the_last_word(void **state)
{
  (void)state;
  esp_crew crew = make_crew(10);
  double now = sleep_awake(&crew, 1000, 6);
  esp_crew_heard(&crew, 1);
  now = sleep_awake(&crew, now, 5);
  assert_true(esp_crew_silent(&crew, 0));
  assert_false(esp_crew_silent(&crew, 1));
  sleep_awake(&crew, now, 6);
  assert_true(esp_crew_silent(&crew, 1));
  esp_crew_free(&crew);
}

static void a_clock_that_jumps_is_no_silence(void **state)
{
  (void)state;
  esp_crew crew = make_crew(10);
  double now = sleep_awake(&crew, 1000, 8);
  now = sleep_awake(&crew, now + 86400, 1); /* the lid was closed for a day */
  assert_false(esp_crew_silent(&crew, 0));
  sleep_awake(&crew, now, 2);
  assert_true(esp_crew_silent(&crew, 0));
  esp_crew_free(&crew);
}

static void files_get_more_patience(void **state)
{
  (void)state;
  esp_crew crew = make_crew(10);
  crew.workers[1].phase = ESP_PHASE_WRITING;
  double now = sleep_awake(&crew, 1000, 45);
  assert_true(esp_crew_silent(&crew, 0));
  assert_false(esp_crew_silent(&crew, 1));
  sleep_awake(&crew, now, 8);
  assert_true(esp_crew_silent(&crew, 1));
  esp_crew_free(&crew);
}

static void without_a_timeout_nobody_is_lost(void **state)
{
  (void)state;
  esp_crew crew = make_crew(0);
  sleep_awake(&crew, 1000, 1000);
  for (int i = 0; i < 3; i++)
    assert_false(esp_crew_silent(&crew, i));
  assert_int_equal(esp_crew_n_lost(&crew), 0);
  crew.workers[2].lost = true;
  assert_int_equal(esp_crew_n_lost(&crew), 1);
  esp_crew_free(&crew);
}

static void words_say_who_where_and_what(void **state)
{
  (void)state;
  esp_crew crew = make_crew(10);
  crew.workers[2] = (esp_crew_worker){
      .host = "node7", .working = true, .phase = ESP_PHASE_WRITING, .cell = {.member = 2, .arm = 0, .stage = 1}};
  assert_string_equal(esp_crew_words(&crew, 2), "rank 3 on node7: writing, member 2, pruned, rung_0.70");
  crew.workers[2].working = false; /* what it did last is of no interest then */
  crew.workers[2].phase = ESP_PHASE_CLOSING;
  assert_string_equal(esp_crew_words(&crew, 2), "rank 3 on node7: closing the file");
  esp_crew_free(&crew);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(silence_is_measured_since_the_last_word),
      cmocka_unit_test(a_clock_that_jumps_is_no_silence),
      cmocka_unit_test(files_get_more_patience),
      cmocka_unit_test(without_a_timeout_nobody_is_lost),
      cmocka_unit_test(words_say_who_where_and_what),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
