/* ensemble/ensemble.c - who is who: one process alone, or a coordinator and its workers. */
#include "espalier/ensemble.h"

#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "espalier/log.h"
#include "espalier/rnn.h"
#include "messages.h"
#include "worker.h"

/* ---- start and end of the program's MPI part ---- */

void esp_ensemble_begin(int *argc, char ***argv, int *rank, int *n_ranks)
{
  setenv("OMPI_MCA_io", "^ompio", 0); /* ROMIO: equal speed, leaves no lock files behind when killed */
  MPI_Init(argc, argv);
  MPI_Comm_rank(MPI_COMM_WORLD, rank);
  MPI_Comm_size(MPI_COMM_WORLD, n_ranks);
}

void esp_ensemble_end(void)
{
  MPI_Finalize();
}

void esp_ensemble_abort(esp_err err)
{
  esp_log("%s", esp_err_message(err));
  MPI_Abort(MPI_COMM_WORLD, esp_err_exit_status(err));
}

esp_err esp_ensemble_share(esp_err err, char **text)
{
  int code = (int)err, rank;
  long length = err == ESP_OK && *text ? (long)strlen(*text) : 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Bcast(&code, 1, MPI_INT, 0, MPI_COMM_WORLD);
  if (code != ESP_OK)
    return (esp_err)code;
  MPI_Bcast(&length, 1, MPI_LONG, 0, MPI_COMM_WORLD);
  if (rank != 0) {
    *text = calloc((size_t)length + 1, 1);
    if (!*text)
      esp_ensemble_abort(esp_fail(ESP_ERR_NOMEM, "no memory for the config of rank 0"));
  }
  MPI_Bcast(*text, (int)length, MPI_CHAR, 0, MPI_COMM_WORLD);
  return ESP_OK;
}

/* ---- what rank 0 looks after while the work goes on ---- */

typedef struct {
  const esp_ensemble_options *options;
  esp_progress progress;
  double last_look, last_sign_of_life;
} housekeeping;

static bool tick(void *context, const esp_schedule *schedule)
{
  housekeeping *h = context;
  const double now = esp_seconds();
  if (now - h->last_look >= 0.1) {
    h->last_look = now;
    esp_progress_update(&h->progress, schedule->n_done, esp_schedule_progress(schedule));
  }
  if (now - h->last_sign_of_life >= 5) {
    h->last_sign_of_life = now;
    esp_lock_refresh(h->options->lock);
  }
  return esp_stop_signal() != 0 || now >= h->options->stop_at;
}

/* ---- one process alone ---- */

typedef struct {
  esp_schedule *schedule;
  housekeeping *house;
} loner;

static bool loner_stop(void *context)
{
  const loner *l = context;
  return tick(l->house, l->schedule);
}

static esp_err work_alone(esp_worker *worker, esp_schedule *schedule, housekeeping *house)
{
  loner l = {schedule, house};
  worker->stop = loner_stop;
  worker->context = &l;
  esp_outcome outcome;
  for (esp_cell cell = {.member = -1}; esp_schedule_next(schedule, cell.member, &cell);) {
    ESP_TRY(esp_worker_cell(worker, cell, &outcome));
    esp_schedule_cell_done(schedule, cell);
  }
  ESP_REQUIRE(schedule->n_done == schedule->n_cells, ESP_ERR_INTERNAL, "some cells never became ready");
  return ESP_OK;
}

/* ---- a worker rank ---- */

typedef struct {
  bool stop_ordered;
  double last_look;
} hand;

static void send_report(const esp_report *report)
{
  MPI_Send(report, (int)sizeof *report, MPI_BYTE, 0, ESP_TAG_REPORT, MPI_COMM_WORLD);
}

static bool order_there(void)
{
  int there;
  MPI_Iprobe(0, ESP_TAG_ORDER, MPI_COMM_WORLD, &there, MPI_STATUS_IGNORE);
  return there != 0;
}

/* Asked at every training step: the only order that can come now is STOP. It is left for await_order to receive. */
static bool hand_stop(void *context)
{
  hand *h = context;
  const double now = esp_seconds();
  if (!h->stop_ordered && now - h->last_look >= 0.02) {
    h->last_look = now;
    h->stop_ordered = order_there();
  }
  return h->stop_ordered || esp_stop_signal() != 0;
}

static void await_order(esp_order *order)
{
  for (int naps = 0; !order_there();)
    esp_nap(&naps);
  MPI_Recv(order, (int)sizeof *order, MPI_BYTE, 0, ESP_TAG_ORDER, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void report_end(esp_report_kind kind, esp_err err)
{
  esp_report report = {.kind = kind, .err = err};
  const char *message = esp_err_message(err);
  memcpy(report.message, message, strnlen(message, sizeof report.message - 1));
  send_report(&report);
}

static void report_failure(esp_err err)
{
  report_end(err == ESP_ERR_STOPPED ? ESP_REPORT_STOPPED : ESP_REPORT_FAILED, err);
}

/* Ask, work, ask again, until the coordinator says END. */
static esp_err work_for_coordinator(esp_worker *worker, esp_err err)
{
  hand h = {0};
  if (worker) {
    worker->stop = hand_stop;
    worker->context = &h;
  }
  esp_report ready = {.kind = ESP_REPORT_READY};
  snprintf(ready.message, sizeof ready.message, "%s", esp_kernel_name());
  if (err == ESP_OK)
    send_report(&ready);
  else
    report_failure(err);
  for (;;) {
    esp_order order;
    await_order(&order);
    if (order.kind == ESP_ORDER_END)
      return order.err;
    if (order.kind == ESP_ORDER_STOP)
      continue; /* the work was interrupted and reported already */
    esp_report done = {.kind = ESP_REPORT_CELL, .cell = order.cell};
    esp_outcome outcome;
    err = esp_worker_cell(worker, order.cell, &outcome);
    if (err == ESP_OK)
      send_report(&done);
    else
      report_failure(err);
  }
}

/* ---- all of them ---- */

/* Which cells can be trusted: committed, and with the payload that was committed. */
static esp_err find_done(const esp_plan *plan, const esp_results *results, unsigned char *done)
{
  const long n = esp_plan_n_slots(plan);
  esp_commit *commits = calloc((size_t)n, sizeof *commits);
  esp_err err = commits ? ESP_OK : esp_fail(ESP_ERR_NOMEM, "no memory for %ld commit entries", n);
  long n_damaged = 0;
  if (err == ESP_OK)
    err = esp_results_read_sound(results, commits, &n_damaged);
  for (long slot = 0; slot < n && err == ESP_OK; slot++)
    done[slot] = commits[slot].outcome.state != ESP_CELL_EMPTY;
  if (n_damaged)
    esp_warn("%ld cells are damaged (checksums do not hold) and will be computed again", n_damaged);
  free(commits);
  return err;
}

/* Another program or another kind of CPU may continue a file, but its bits may differ, and somebody should know. */
static esp_err check_last_run(const esp_results *results)
{
  esp_run last;
  ESP_TRY(esp_results_last_run(results, &last));
  if (last.n_runs > 0 && strncmp(last.program, esp_program_revision(), sizeof last.program - 1) != 0)
    esp_warn("the last run on this file was version %s, this is %s: new cells may differ in bits from what that one would "
             "have computed", last.program, esp_program_revision());
  if (last.n_runs > 0 && strcmp(last.kernel, esp_kernel_name()) != 0)
    esp_warn("the last run on this file used %s kernels, this machine has %s: equal bits are not promised", last.kernel,
             esp_kernel_name());
  return ESP_OK;
}

static esp_err run_rank_0(const esp_plan *plan, esp_results *results, esp_worker *worker, int n_ranks, esp_err err,
                          const esp_ensemble_options *options)
{
  esp_schedule schedule = {0};
  unsigned char *done = calloc((size_t)esp_plan_n_slots(plan), 1);
  if (err == ESP_OK && !done)
    err = esp_fail(ESP_ERR_NOMEM, "no memory for a list of cells");
  if (err == ESP_OK)
    err = find_done(plan, results, done);
  if (err == ESP_OK)
    err = esp_schedule_create(plan, options->members, done, n_ranks > 1 ? n_ranks - 1 : 1, &schedule);
  if (err == ESP_OK)
    err = check_last_run(results);
  if (err == ESP_OK)
    err = esp_results_add_run(results, n_ranks, options->argc, options->argv);
  if (err == ESP_OK) {
    housekeeping house = {.options = options};
    esp_progress_start(&house.progress, !options->quiet, schedule.n_cells, schedule.n_done);
    err = n_ranks > 1 ? esp_coordinate(&schedule, n_ranks - 1, tick, &house) : work_alone(worker, &schedule, &house);
    esp_progress_finish(&house.progress, schedule.n_done);
  }
  esp_schedule_free(&schedule);
  free(done);
  return err;
}

esp_err esp_ensemble_run(const esp_config_file *config, const esp_plan *plan, const esp_ensemble_options *options)
{
  int rank, n_ranks;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
  const bool works = rank > 0 || n_ranks == 1;
  esp_results *results = NULL;
  esp_worker worker = {.config = &config->values, .plan = plan, .rank = rank};
  esp_source source = {0};
  esp_err err = esp_results_open(options->path, plan, ESP_RESULTS_WRITE, &results);
  worker.results = results;
  if (err == ESP_OK && options->source)
    err = esp_source_open(options->source, &source);
  worker.source = options->source ? &source : NULL;
  if (err == ESP_OK && works)
    err = esp_worker_init(&worker);
  err = rank == 0 ? run_rank_0(plan, results, &worker, n_ranks, err, options) : work_for_coordinator(&worker, err);
  esp_worker_free(&worker);
  esp_source_close(&source);
  const esp_err closed = esp_results_close(results);
  if (rank > 0) {
    esp_order end;
    report_end(ESP_REPORT_CLOSED, closed);
    await_order(&end);
    return end.err;
  }
  if (err == ESP_OK || err == ESP_ERR_STOPPED)
    err = closed == ESP_OK ? err : closed;
  return esp_end_workers(n_ranks - 1, err);
}
