/* tests/unit/test_coordinator.c - what workers are told at the end, whatever they say and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/ensemble/messages.h"
#include "espalier/log.h"

enum { N_WORKERS = 2 };

static const esp_plan plan = {.n_members = 2, .n_arms = 1, .n_stages = 1, .arm_name = {"pruned"}};
static esp_crew crew;
static bool (*next)(esp_notice *report, int *worker); /* what comes next, if anything does */
static esp_notice coming;
static int coming_from;
static int n_ends[N_WORKERS];
static esp_order last_order[N_WORKERS];

/* ---- in place of MPI: nothing is sent anywhere ---- */

int MPI_Iprobe(int source, int tag, MPI_Comm comm, int *there, MPI_Status *status)
{
  (void)source, (void)tag, (void)comm;
  *there = next(&coming, &coming_from);
  status->MPI_SOURCE = coming_from + 1;
  return MPI_SUCCESS;
}

int MPI_Recv(void *report, int n, MPI_Datatype type, int source, int tag, MPI_Comm comm, MPI_Status *status)
{
  (void)n, (void)type, (void)source, (void)tag, (void)comm, (void)status;
  memcpy(report, &coming, sizeof coming);
  return MPI_SUCCESS;
}

int MPI_Isend(const void *order, int n, MPI_Datatype type, int rank, int tag, MPI_Comm comm, MPI_Request *request)
{
  (void)n, (void)type, (void)tag, (void)comm, (void)request;
  memcpy(&last_order[rank - 1], order, sizeof *last_order);
  n_ends[rank - 1] += last_order[rank - 1].kind == ESP_ORDER_END;
  return MPI_SUCCESS;
}

int MPI_Test(MPI_Request *request, int *delivered, MPI_Status *status)
{
  (void)request, (void)status;
  *delivered = true;
  return MPI_SUCCESS;
}

/* ---- stories ---- */

static int step; /* of the story that is told */

static int begin(void **state)
{
  (void)state;
  step = 0;
  memset(n_ends, 0, sizeof n_ends);
  return esp_crew_create(&plan, N_WORKERS, 0.2, esp_seconds(), &crew) != ESP_OK;
}

static int end(void **state)
{
  (void)state;
  esp_crew_free(&crew);
  return 0;
}

static bool say(esp_notice *report, int *worker, int i, esp_notice_kind kind)
{
  *report = (esp_notice){.kind = kind, .phase = ESP_PHASE_CLOSING};
  *worker = i;
  return true;
}

/* The first worker is silent until it counts as lost; the other keeps talking, or it would be lost too. */
static bool back_before_the_end(esp_notice *report, int *worker)
{
  if (step == 0 && !crew.workers[0].lost)
    return say(report, worker, 1, ESP_NOTICE_ALIVE);
  step++;
  return step == 1 ? say(report, worker, 0, ESP_NOTICE_ALIVE) : say(report, worker, step - 2, ESP_NOTICE_CLOSED);
}

static void who_comes_back_closes_once(void **state)
{
  (void)state;
  next = back_before_the_end;
  assert_int_equal(esp_end_workers(&crew, ESP_OK), ESP_OK);
  for (int i = 0; i < N_WORKERS; i++) {
    assert_int_equal(n_ends[i], 2); /* close the file; and the last word */
    assert_false(last_order[i].losses);
    assert_false(crew.workers[i].lost);
  }
}

static bool back_after_the_work(esp_notice *report, int *worker)
{
  step++;
  return step == 1 ? say(report, worker, 0, ESP_NOTICE_ALIVE) : say(report, worker, step - 2, ESP_NOTICE_CLOSED);
}

static void who_was_lost_before_is_told_when_it_speaks(void **state)
{
  (void)state;
  crew.workers[0].lost = true;
  next = back_after_the_work;
  assert_int_equal(esp_end_workers(&crew, ESP_OK), ESP_OK);
  for (int i = 0; i < N_WORKERS; i++) {
    assert_int_equal(n_ends[i], 2);
    assert_false(last_order[i].losses);
  }
}

static bool stopped_and_failed(esp_notice *report, int *worker)
{
  *worker = step++;
  *report = *worker == 0 ? (esp_notice){.kind = ESP_NOTICE_STOPPED, .message = "stopped early, and with many words"}
                         : (esp_notice){.kind = ESP_NOTICE_FAILED, .err = ESP_ERR_IO, .message = "no room"};
  return true;
}

static bool never(void *context, const esp_schedule *schedule)
{
  (void)context, (void)schedule;
  return false;
}

static void a_failure_has_its_own_words(void **state)
{
  (void)state;
  esp_schedule schedule = {.plan = &plan, .n_cells = 2};
  next = stopped_and_failed;
  assert_int_equal(esp_coordinate(&crew, &schedule, never, NULL), ESP_ERR_IO);
  assert_string_equal(esp_err_message(ESP_ERR_IO), "no room");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(who_comes_back_closes_once, begin, end),
      cmocka_unit_test_setup_teardown(who_was_lost_before_is_told_when_it_speaks, begin, end),
      cmocka_unit_test_setup_teardown(a_failure_has_its_own_words, begin, end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
