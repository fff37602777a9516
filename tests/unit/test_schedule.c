/* tests/unit/test_schedule.c - who gets what next, and that everything is handed out once whatever the order of events. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/ensemble/schedule.h"
#include "espalier/experiment.h"

enum { PRUNED, TWIN };
enum { MAX_MEMBERS = 9, MAX_SLOTS = MAX_MEMBERS * 2 * 5, NOBODY = -1 };

/* A plan of dms: start, three rungs, and transfer for the first two members. */
static esp_plan make_plan(int members, const char *experiment)
{
  char set[32];
  const char *const sets[] = {set};
  esp_config_file file;
  esp_plan plan;
  char *problems = NULL;
  snprintf(set, sizeof set, "ensemble.members=%d", members);
  const char *const text = strcmp(experiment, "dms") == 0 ? "experiment: dms\nladder: {fractions: [0.3, 0.5, 0.7]}\n"
                                                            "transfer: {from: 0.5, members: 2}\n"
                                                          : "experiment: scratch\n";
  assert_int_equal(esp_config_parse("test", text, 1, sets, &file, &problems), ESP_OK);
  assert_int_equal(esp_plan_create(&file.values, &plan), ESP_OK);
  esp_config_file_free(&file);
  return plan;
}

static esp_schedule make_share(const esp_plan *plan, esp_members members, const unsigned char *done, int n_workers)
{
  static const unsigned char nothing[MAX_SLOTS];
  esp_schedule s;
  assert_true(esp_plan_n_slots(plan) <= MAX_SLOTS);
  assert_int_equal(esp_schedule_create(plan, members, done ? done : nothing, n_workers, &s), ESP_OK);
  return s;
}

static esp_schedule make_schedule(const esp_plan *plan, const unsigned char *done, int n_workers)
{
  return make_share(plan, (esp_members){0, plan->n_members - 1}, done, n_workers);
}

static esp_cell assert_next(esp_schedule *s, int last_member, int member, int arm, int stage)
{
  esp_cell cell;
  assert_true(esp_schedule_next(s, last_member, &cell));
  if (cell.member != member || cell.arm != arm || cell.stage != stage)
    fail_msg("[%d, %d, %d] was handed out, not [%d, %d, %d]", cell.member, cell.arm, cell.stage, member, arm, stage);
  return cell;
}

static void assert_nothing(esp_schedule *s, int last_member)
{
  esp_cell cell;
  assert_false(esp_schedule_next(s, last_member, &cell));
}

static void strands_with_most_to_do_go_first(void **state)
{
  (void)state;
  esp_plan plan = make_plan(5, "dms");
  esp_schedule s = make_schedule(&plan, NULL, 5);
  for (int member = 0; member < 5; member++) /* the first two have a transfer; equal ones go by number */
    assert_next(&s, NOBODY, member, PRUNED, 0);
  assert_nothing(&s, NOBODY); /* the twins wait for their starts */
  esp_schedule_free(&s);

  unsigned char done[MAX_SLOTS] = {0};
  for (int stage = 0; stage < 2; stage++) /* some of members 0 and 2 is there: they move back */
    for (int arm = 0; arm < 2; arm++) {
      done[esp_cell_slot(&plan, (esp_cell){0, arm, stage})] = 1;
      done[esp_cell_slot(&plan, (esp_cell){2, arm, stage})] = 1;
    }
  s = make_schedule(&plan, done, 5);
  esp_cell cell;
  double cost = INFINITY;
  for (int n = 0; n < 7; n++) {
    assert_true(esp_schedule_next(&s, NOBODY, &cell));
    const double its_cost = s.strands[cell.member * 2 + cell.arm].cost;
    assert_true(its_cost <= cost);
    cost = its_cost;
  }
  assert_nothing(&s, NOBODY);
  esp_schedule_free(&s);
  esp_plan_free(&plan);
}

static void worker_stays_with_its_member_while_there_are_plenty(void **state)
{
  (void)state;
  esp_plan plan = make_plan(5, "dms"); /* one worker: more than one untouched member is plenty */
  esp_schedule s = make_schedule(&plan, NULL, 1);
  int last = NOBODY;
  for (int member = 0; member < 3; member++)
    for (int arm = 0; arm < 2; arm++)
      for (int stage = 0; stage < (member < 2 ? 5 : 4); stage++) {
        esp_schedule_cell_done(&s, assert_next(&s, last, member, arm, stage));
        last = member;
      }
  assert_int_equal(s.n_untouched, 2);
  esp_schedule_cell_done(&s, assert_next(&s, last, 3, PRUNED, 0));
  assert_int_equal(s.n_untouched, 1);
  esp_schedule_cell_done(&s, assert_next(&s, 3, 4, PRUNED, 0)); /* no plenty any more: where most is left */
  esp_schedule_free(&s);
  esp_plan_free(&plan);
}

static void who_falls_behind_is_preferred(void **state)
{
  (void)state;
  esp_plan plan = make_plan(4, "dms");
  esp_schedule s = make_schedule(&plan, NULL, 4);
  for (int member = 0; member < 4; member++)
    assert_next(&s, NOBODY, member, PRUNED, 0);
  esp_schedule_cell_done(&s, (esp_cell){2, PRUNED, 0});
  esp_schedule_cell_done(&s, assert_next(&s, 2, 2, PRUNED, 1));
  esp_schedule_cell_done(&s, (esp_cell){3, PRUNED, 0}); /* one rung behind member 2 */
  assert_next(&s, 2, 3, PRUNED, 1);
  assert_next(&s, 3, 2, PRUNED, 2);
  assert_next(&s, NOBODY, 2, TWIN, 0); /* both arms of a member at once */
  assert_next(&s, NOBODY, 3, TWIN, 0);
  assert_nothing(&s, NOBODY);
  esp_schedule_free(&s);
  esp_plan_free(&plan);
}

static void twin_waits_for_the_start_only(void **state)
{
  (void)state;
  esp_plan plan = make_plan(1, "dms");
  esp_schedule s = make_schedule(&plan, NULL, 2);
  assert_next(&s, NOBODY, 0, PRUNED, 0);
  assert_nothing(&s, NOBODY);
  esp_schedule_cell_done(&s, (esp_cell){0, PRUNED, 0}); /* computed or failed: its child can be dealt with */
  assert_next(&s, 0, 0, PRUNED, 1);
  assert_next(&s, NOBODY, 0, TWIN, 0);
  assert_nothing(&s, NOBODY);
  esp_schedule_free(&s);

  esp_plan scratch = make_plan(1, "scratch"); /* no arm waits for the other there */
  s = make_schedule(&scratch, NULL, 2);
  assert_next(&s, NOBODY, 0, 0, 0);
  assert_next(&s, NOBODY, 0, 1, 0);
  assert_nothing(&s, NOBODY);
  esp_schedule_free(&s);
  esp_plan_free(&scratch);
  esp_plan_free(&plan);
}

/* A cell in the middle that was found damaged is computed again, and what is there behind it is kept. */
static void gaps_are_filled(void **state)
{
  (void)state;
  esp_plan plan = make_plan(1, "dms");
  unsigned char done[MAX_SLOTS];
  memset(done, 1, sizeof done);
  done[esp_cell_slot(&plan, (esp_cell){0, PRUNED, 0})] = 0;
  done[esp_cell_slot(&plan, (esp_cell){0, PRUNED, 3})] = 0;
  done[esp_cell_slot(&plan, (esp_cell){0, TWIN, 0})] = 0;
  esp_schedule s = make_schedule(&plan, done, 1);
  assert_int_equal(s.n_untouched, 0);
  esp_schedule_cell_done(&s, assert_next(&s, NOBODY, 0, PRUNED, 0));
  esp_schedule_cell_done(&s, assert_next(&s, 0, 0, PRUNED, 3));
  esp_schedule_cell_done(&s, assert_next(&s, 0, 0, TWIN, 0));
  assert_nothing(&s, 0);
  assert_int_equal(s.n_done, s.n_cells);
  esp_schedule_free(&s);
  esp_plan_free(&plan);
}

static void transfer_is_for_the_first_members(void **state)
{
  (void)state;
  esp_plan plan = make_plan(4, "dms");
  esp_schedule s = make_schedule(&plan, NULL, 1);
  assert_int_equal(s.n_cells, 4 * 2 * 4 + 2 * 2);
  for (int member = 0; member < 4; member++) {
    assert_int_equal(esp_schedule_missing(&s, (esp_cell){member, PRUNED, 4}), member < 2);
    assert_true(esp_schedule_missing(&s, (esp_cell){member, TWIN, 3}));
  }
  esp_schedule_free(&s);
  esp_plan_free(&plan);
}

static void everything_done_is_nothing_left(void **state)
{
  (void)state;
  esp_plan plan = make_plan(4, "dms");
  unsigned char done[MAX_SLOTS];
  for (int slot = 0; slot < MAX_SLOTS; slot++)
    done[slot] = slot % 3 ? ESP_CELL_DONE : ESP_CELL_FAILED;
  esp_schedule s = make_schedule(&plan, done, 1);
  assert_int_equal(s.n_done, s.n_cells);
  assert_nothing(&s, NOBODY);
  assert_true(esp_schedule_progress(&s) == 1);
  esp_schedule_free(&s);
  esp_plan_free(&plan);
}

static void other_members_are_left_out(void **state)
{
  (void)state;
  esp_plan plan = make_plan(5, "dms");
  unsigned char done[MAX_SLOTS] = {0};
  done[esp_cell_slot(&plan, (esp_cell){0, PRUNED, 0})] = 1; /* of no account: nobody asked for member 0 */
  done[esp_cell_slot(&plan, (esp_cell){1, PRUNED, 0})] = 1;
  esp_schedule s = make_share(&plan, (esp_members){1, 3}, done, 1);
  assert_int_equal(s.n_cells, 10 + 8 + 8);
  assert_int_equal(s.n_done, 1);
  assert_int_equal(s.n_untouched, 2);
  assert_false(esp_schedule_missing(&s, (esp_cell){0, TWIN, 0}));
  assert_false(esp_schedule_missing(&s, (esp_cell){4, PRUNED, 0}));
  esp_cell cell = {.member = NOBODY};
  for (int n = 1; n < 26; n++) {
    assert_true(esp_schedule_next(&s, cell.member, &cell));
    assert_in_range(cell.member, 1, 3);
    esp_schedule_cell_done(&s, cell);
  }
  assert_nothing(&s, cell.member);
  assert_int_equal(s.n_done, s.n_cells);
  assert_true(fabs(esp_schedule_progress(&s) - 1) < 1e-9);
  esp_schedule_free(&s);

  s = make_share(&plan, (esp_members){2, 1}, NULL, 3); /* nobody at all */
  assert_int_equal(s.n_cells, 0);
  assert_nothing(&s, NOBODY);
  assert_true(esp_schedule_progress(&s) == 1);
  esp_schedule_free(&s);
  esp_plan_free(&plan);
}

static void cell_given_back_is_handed_out_again(void **state)
{
  (void)state;
  esp_plan plan = make_plan(2, "dms");
  esp_schedule s = make_schedule(&plan, NULL, 2);
  const esp_cell lost = assert_next(&s, NOBODY, 0, PRUNED, 0);
  assert_next(&s, NOBODY, 1, PRUNED, 0);
  assert_nothing(&s, NOBODY);
  assert_false(esp_schedule_take_again(&s, lost)); /* somebody has it */
  esp_schedule_give_back(&s, lost);
  assert_int_equal(s.n_untouched, 0);
  assert_true(esp_schedule_take_again(&s, lost)); /* who comes back goes on with it */
  assert_nothing(&s, NOBODY);
  esp_schedule_give_back(&s, lost);
  assert_next(&s, 1, 0, PRUNED, 0);
  assert_false(esp_schedule_take_again(&s, lost));
  esp_schedule_cell_done(&s, lost);
  assert_false(esp_schedule_take_again(&s, lost));
  esp_schedule_free(&s);
  esp_plan_free(&plan);
}

/* The second to be ready with a cell changes nothing, least of all for who has its strand by then. */
static void cell_done_twice_counts_once(void **state)
{
  (void)state;
  esp_plan plan = make_plan(1, "dms");
  esp_schedule s = make_schedule(&plan, NULL, 3);
  const esp_cell lost = assert_next(&s, NOBODY, 0, PRUNED, 0);
  esp_schedule_give_back(&s, lost);
  assert_next(&s, NOBODY, 0, PRUNED, 0);
  esp_schedule_cell_done(&s, lost);
  assert_next(&s, 0, 0, PRUNED, 1);
  assert_next(&s, NOBODY, 0, TWIN, 0);
  const double left = s.cost_left, of_strand = s.strands[PRUNED].cost;
  esp_schedule_cell_done(&s, lost);
  esp_schedule_give_back(&s, lost); /* nor does a loss of who has done it in vain */
  assert_int_equal(s.n_done, 1);
  assert_true(s.cost_left == left && s.strands[PRUNED].cost == of_strand);
  assert_nothing(&s, NOBODY);
  esp_schedule_free(&s);
  esp_plan_free(&plan);
}

/* ---- whole runs, event after event in random order ---- */

static uint64_t dice;

static int roll(int n) /* 0 .. n - 1 (Knuth's MMIX generator) */
{
  dice = dice * 6364136223846793005u + 1442695040888963407u;
  return (int)((dice >> 33) % (uint64_t)n);
}

typedef struct {
  bool busy;
  esp_cell cell; /* in work, or the last that was */
} worker;

/* What is there at the start is what some run has left: a parent is never missing. */
static void leave_something_done(const esp_plan *plan, int percent, unsigned char *done)
{
  memset(done, 0, MAX_SLOTS);
  for (int stage = 0; stage < plan->n_stages; stage++)
    for (int member = 0; member < plan->n_members; member++)
      for (int arm = 0; arm < plan->n_arms; arm++) {
        const esp_cell cell = {member, arm, stage};
        esp_cell parent;
        const bool possible = !esp_cell_parent(plan, cell, &parent) || done[esp_cell_slot(plan, parent)];
        if (esp_cell_exists(plan, cell) && possible && roll(100) < percent)
          done[esp_cell_slot(plan, cell)] = roll(5) ? ESP_CELL_DONE : ESP_CELL_FAILED;
      }
}

static void simulate(const esp_plan *plan, int n_workers, const unsigned char *done)
{
  enum { MAX_WORKERS = 8 };
  worker workers[MAX_WORKERS];
  int n_computed[MAX_SLOTS] = {0};
  esp_schedule s = make_schedule(plan, done, n_workers);
  double progress = esp_schedule_progress(&s);
  for (int w = 0; w < n_workers; w++)
    workers[w] = (worker){.cell.member = NOBODY};
  while (s.n_done < s.n_cells) {
    int n_busy = 0, busy[MAX_WORKERS];
    for (int i = 0, first = roll(n_workers); i < n_workers; i++) {
      worker *w = &workers[(first + i) % n_workers];
      if (w->busy || !esp_schedule_next(&s, w->cell.member, &w->cell))
        continue;
      esp_cell parent;
      w->busy = true;
      if (esp_cell_parent(plan, w->cell, &parent)) /* it must be in the file before its child is begun */
        assert_true(done[esp_cell_slot(plan, parent)] || n_computed[esp_cell_slot(plan, parent)] == 1);
      for (int other = 0; other < n_workers; other++) /* a half-trained arm has one state only */
        assert_false(&workers[other] != w && workers[other].busy && workers[other].cell.member == w->cell.member &&
                     workers[other].cell.arm == w->cell.arm);
    }
    for (int w = 0; w < n_workers; w++)
      if (workers[w].busy)
        busy[n_busy++] = w;
    assert_true(n_busy > 0); /* or the run would wait for ever */
    worker *w = &workers[busy[roll(n_busy)]];
    n_computed[esp_cell_slot(plan, w->cell)]++;
    esp_schedule_cell_done(&s, w->cell);
    w->busy = false;
    assert_true(esp_schedule_progress(&s) >= progress);
    progress = esp_schedule_progress(&s);
  }
  assert_nothing(&s, NOBODY);
  for (long slot = 0; slot < esp_plan_n_slots(plan); slot++)
    assert_int_equal(n_computed[slot], esp_cell_exists(plan, esp_slot_cell(plan, slot)) && !done[slot]);
  assert_true(fabs(s.cost_left) <= 1e-9 * (1 + s.cost_at_start));
  assert_true(fabs(esp_schedule_progress(&s) - 1) < 1e-9);
  esp_schedule_free(&s);
}

static void everything_is_handed_out_once(void **state)
{
  (void)state;
  for (int seed = 0; seed < 1500; seed++) {
    unsigned char done[MAX_SLOTS];
    dice = (uint64_t)seed;
    roll(2);
    esp_plan plan = make_plan(1 + roll(MAX_MEMBERS), seed % 5 ? "dms" : "scratch");
    leave_something_done(&plan, seed % 2 ? 0 : roll(101), done);
    simulate(&plan, 1 + roll(8), done);
    esp_plan_free(&plan);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(strands_with_most_to_do_go_first),
      cmocka_unit_test(worker_stays_with_its_member_while_there_are_plenty),
      cmocka_unit_test(who_falls_behind_is_preferred),
      cmocka_unit_test(twin_waits_for_the_start_only),
      cmocka_unit_test(gaps_are_filled),
      cmocka_unit_test(transfer_is_for_the_first_members),
      cmocka_unit_test(everything_done_is_nothing_left),
      cmocka_unit_test(other_members_are_left_out),
      cmocka_unit_test(cell_given_back_is_handed_out_again),
      cmocka_unit_test(cell_done_twice_counts_once),
      cmocka_unit_test(everything_is_handed_out_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
