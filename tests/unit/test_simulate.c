/* tests/unit/test_simulate.c - plans small enough to be worked out by hand, and what must hold for any. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/experiment.h"
#include "espalier/simulate.h"

enum { PRUNED, TWIN };
enum { START, RUNG, TRANSFER };
enum { MAX_SLOTS = 40 * 2 * 20 };

static const unsigned char nothing[MAX_SLOTS];

static esp_plan make_plan(const char *config)
{
  esp_config_file file;
  esp_plan plan;
  char *problems = NULL, text[256];
  snprintf(text, sizeof text, "experiment: dms\n%s", config);
  assert_int_equal(esp_config_parse("test", text, 0, NULL, &file, &problems), ESP_OK);
  assert_int_equal(esp_plan_create(&file.values, &plan), ESP_OK);
  assert_true(esp_plan_n_slots(&plan) <= MAX_SLOTS);
  esp_config_file_free(&file);
  return plan;
}

#define ONE_RUNG "ladder: {fractions: [0.5]}\ntransfer: {from: 0}\n"
#define ONE_TRANSFER "ladder: {fractions: [0.5]}\ntransfer: {from: 0.5, members: 1}\n"

/* start, rung of the pruned arm, rung of the twin (its start is a copy and takes no time) */
static void set_member(const esp_plan *plan, int member, double start, double pruned, double twin, double *seconds)
{
  seconds[esp_cell_slot(plan, (esp_cell){member, PRUNED, START})] = start;
  seconds[esp_cell_slot(plan, (esp_cell){member, TWIN, START})] = 0;
  seconds[esp_cell_slot(plan, (esp_cell){member, PRUNED, RUNG})] = pruned;
  seconds[esp_cell_slot(plan, (esp_cell){member, TWIN, RUNG})] = twin;
}

static void assert_simulated(const esp_plan *plan, const unsigned char *done, const double *seconds, int n_workers,
                             double makespan, double work)
{
  double m, w;
  assert_int_equal(esp_simulate(plan, done, seconds, n_workers, &m, &w), ESP_OK);
  if (fabs(m - makespan) > 1e-9 || fabs(w - work) > 1e-9)
    fail_msg("%d workers: makespan %g, work %g, not %g, %g", n_workers, m, w, makespan, work);
}

static void one_member(void **state)
{
  (void)state;
  esp_plan plan = make_plan("ensemble: {members: 1}\n" ONE_RUNG);
  double seconds[4];
  set_member(&plan, 0, 4, 3, 2, seconds);
  assert_simulated(&plan, nothing, seconds, 1, 9, 9);
  assert_simulated(&plan, nothing, seconds, 2, 7, 9); /* the twin's rung waits for the start: 4 to 6 */
  set_member(&plan, 0, 4, 3, 5, seconds);
  assert_simulated(&plan, nothing, seconds, 2, 9, 12);
  assert_simulated(&plan, nothing, seconds, 1000, 9, 12);
  esp_plan_free(&plan);
}

/* Two workers:  first:   0 start of member 0  4 its pruned rung  7
 *               second:  0 start of member 1  1 its pruned rung  4 twin of member 0  6 twin of member 1  8 */
static void two_members(void **state)
{
  (void)state;
  esp_plan plan = make_plan("ensemble: {members: 2}\n" ONE_RUNG);
  double seconds[8];
  set_member(&plan, 0, 4, 3, 2, seconds);
  set_member(&plan, 1, 1, 3, 2, seconds);
  assert_simulated(&plan, nothing, seconds, 1, 15, 15);
  assert_simulated(&plan, nothing, seconds, 2, 8, 15);
  assert_simulated(&plan, nothing, seconds, 3, 7, 15);
  esp_plan_free(&plan);
}

static void what_is_done_takes_no_time(void **state)
{
  (void)state;
  esp_plan plan = make_plan("ensemble: {members: 2}\n" ONE_RUNG);
  double seconds[8];
  unsigned char done[8] = {0};
  set_member(&plan, 0, 4, 3, 2, seconds);
  set_member(&plan, 1, 1, 3, 2, seconds);
  done[esp_cell_slot(&plan, (esp_cell){0, PRUNED, START})] = 1;
  assert_simulated(&plan, done, seconds, 1, 11, 11);
  assert_simulated(&plan, done, seconds, 2, 6, 11); /* member 1: 0-1, 1-4, twin 4-6; member 0: 0-3, twin 3-5 */
  memset(done, 1, sizeof done);
  assert_simulated(&plan, done, seconds, 2, 0, 0);
  esp_plan_free(&plan);
}

/* ---- any plan ---- */

static double longest_chain(const esp_plan *plan, const double *seconds)
{
  double longest = 0;
  for (int member = 0; member < plan->n_members; member++) {
    double until[2][20] = {0};
    for (int stage = 0; stage < plan->n_stages; stage++)
      for (int arm = 0; arm < 2; arm++) {
        const esp_cell cell = {member, arm, stage};
        if (!esp_cell_exists(plan, cell))
          continue;
        esp_cell parent;
        const double before = stage ? until[arm][stage - 1] : 0;
        const double ready = esp_cell_parent(plan, cell, &parent) ? until[parent.arm][parent.stage] : 0;
        until[arm][stage] = fmax(before, ready) + seconds[esp_cell_slot(plan, cell)];
        longest = fmax(longest, until[arm][stage]);
      }
  }
  return longest;
}

static void bounds_hold(void **state)
{
  (void)state;
  esp_plan plan = make_plan("ensemble: {members: 40}\ntransfer: {members: 10}\n");
  double seconds[MAX_SLOTS], total, makespan, work, before = INFINITY;
  for (int draw = 0; draw < 5; draw++) {
    esp_draw_expected(&plan, 0.1, draw, seconds);
    assert_int_equal(esp_simulate(&plan, nothing, seconds, 1, &makespan, &total), ESP_OK);
    assert_true(fabs(makespan - total) < 1e-9 * total);
    for (int n_workers = 1; n_workers <= 256; n_workers *= 2) {
      assert_int_equal(esp_simulate(&plan, nothing, seconds, n_workers, &makespan, &work), ESP_OK);
      assert_true(work == total);
      assert_true(makespan * n_workers >= total * (1 - 1e-12)); /* efficiency is 1 at most */
      assert_true(makespan >= longest_chain(&plan, seconds) * (1 - 1e-12));
      if (n_workers >= 80)
        assert_true(makespan <= longest_chain(&plan, seconds) * (1 + 1e-12)); /* one worker for each strand */
      if (n_workers <= 4)
        assert_true(total / (n_workers * makespan) > 0.97);
      assert_true(n_workers == 1 || makespan <= before * (1 + 1e-12));
      before = makespan;
    }
  }
  esp_plan_free(&plan);
}

static void equal_calls_give_equal_numbers(void **state)
{
  (void)state;
  esp_plan plan = make_plan("ensemble: {members: 40}\n");
  double one[MAX_SLOTS], two[MAX_SLOTS], expected = 0, sum = 0;
  const long n = esp_plan_n_slots(&plan);
  for (int draw = 0; draw < 100; draw++) {
    esp_draw_expected(&plan, 0.1, draw, one);
    esp_draw_expected(&plan, 0.1, draw, two);
    assert_memory_equal(one, two, (size_t)n * sizeof *one);
    esp_draw_expected(&plan, 0.1, draw + 1, two);
    assert_memory_not_equal(one, two, (size_t)n * sizeof *one);
    for (long slot = 0; slot < n; slot++) {
      const esp_cell cell = esp_slot_cell(&plan, slot);
      expected += 0.1 * plan.stages[cell.stage].expected_cost[cell.arm];
      sum += one[slot];
    }
  }
  assert_true(fabs(sum / expected - 1) < 0.05);
  esp_plan_free(&plan);
}

/* ---- times from a file ---- */

static void set_commit(const esp_plan *plan, esp_cell cell, long n_evaluations, double seconds, esp_commit *commits)
{
  commits[esp_cell_slot(plan, cell)] =
      (esp_commit){.outcome = {.state = ESP_CELL_DONE, .n_evaluations = n_evaluations}, .seconds = seconds};
}

/* Three members, the last one incomplete; transfer of the first only. */
static void make_past(const esp_plan *past, esp_commit *commits)
{
  memset(commits, 0, (size_t)esp_plan_n_slots(past) * sizeof *commits);
  for (int member = 0; member < 3; member++) {
    set_commit(past, (esp_cell){member, PRUNED, START}, 100 + 200 * member, 1 + 2 * member, commits); /* 0.01 s each */
    set_commit(past, (esp_cell){member, TWIN, START}, 0, 0.5, commits);                                /* a copy */
    set_commit(past, (esp_cell){member, PRUNED, RUNG}, 1000 - 400 * member, 2, commits); /* 4 s for 1600, by both members */
    set_commit(past, (esp_cell){member, TWIN, RUNG}, 0, 0, commits);
  }
  set_commit(past, (esp_cell){0, PRUNED, TRANSFER}, 10, 7, commits);
  set_commit(past, (esp_cell){0, TWIN, TRANSFER}, 10, 9, commits);
  commits[esp_cell_slot(past, (esp_cell){2, TWIN, RUNG})] = (esp_commit){0};
}

static void members_take_whole_histories(void **state)
{
  (void)state;
  esp_plan past = make_plan("ensemble: {members: 3}\n" ONE_TRANSFER);
  esp_plan plan = make_plan("ensemble: {members: 40}\nladder: {fractions: [0.5, 0.6]}\ntransfer: {from: 0.5, members: 40}\n");
  esp_commit commits[18];
  double seconds[MAX_SLOTS], again[MAX_SLOTS];
  make_past(&past, commits);
  assert_int_equal(esp_complete_members(&past, commits), 2);
  assert_int_equal(esp_draw_measured(&plan, &past, commits, 3, seconds), ESP_OK);
  int n_second = 0;
  /* the file's seconds per unit of cost, for the rung that it has not */
  double cost = 0;
  for (int arm = 0; arm < 2; arm++)
    cost += 2 * (past.stages[START].expected_cost[arm] + past.stages[RUNG].expected_cost[arm]) +
            past.stages[TRANSFER].expected_cost[arm];
  const double per_unit = (1 + 3 + 4 + 7 + 9) / cost;
  for (int member = 0; member < 40; member++) {
    const double *of = seconds + esp_cell_slot(&plan, (esp_cell){member, PRUNED, 0}), *of_twin = of + plan.n_stages;
    const bool second = of[0] > 2;
    n_second += second;
    assert_true(fabs(of[0] - (second ? 3 : 1)) < 1e-12);
    assert_true(fabs(of[1] - (second ? 600 : 1000) * 4 / 1600.) < 1e-12);
    assert_true(fabs(of[2] - per_unit * plan.stages[2].expected_cost[PRUNED]) < 1e-12);
    assert_true(fabs(of[3] - 8) < 1e-12); /* both arms of a stage have the same time per gradient */
    assert_true(of_twin[0] == 0 && of_twin[1] == 0 && fabs(of_twin[3] - 8) < 1e-12);
  }
  assert_in_range(n_second, 10, 30);
  assert_int_equal(esp_draw_measured(&plan, &past, commits, 3, again), ESP_OK);
  assert_memory_equal(seconds, again, (size_t)esp_plan_n_slots(&plan) * sizeof *seconds);
  assert_int_equal(esp_draw_measured(&plan, &past, commits, 4, again), ESP_OK);
  assert_memory_not_equal(seconds, again, (size_t)esp_plan_n_slots(&plan) * sizeof *seconds);
  esp_plan_free(&plan);
  esp_plan_free(&past);
}

static void a_file_without_complete_members_says_nothing(void **state)
{
  (void)state;
  esp_plan plan = make_plan("ensemble: {members: 2}\n" ONE_RUNG);
  esp_commit commits[8] = {0};
  double seconds[8];
  assert_int_equal(esp_complete_members(&plan, commits), 0);
  assert_int_equal(esp_draw_measured(&plan, &plan, commits, 0, seconds), ESP_ERR_DATA);
  esp_plan_free(&plan);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_member),
      cmocka_unit_test(two_members),
      cmocka_unit_test(what_is_done_takes_no_time),
      cmocka_unit_test(bounds_hold),
      cmocka_unit_test(equal_calls_give_equal_numbers),
      cmocka_unit_test(members_take_whole_histories),
      cmocka_unit_test(a_file_without_complete_members_says_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
