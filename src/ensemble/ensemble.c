/* ensemble/ensemble.c - who is who: one process alone, or a coordinator and its workers. */
#include "espalier/ensemble.h"

#include <math.h>
#include <mpi.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "espalier/kernel.h"
#include "espalier/log.h"
#include "espalier/watchdog.h"
#include "job.h"
#include "messages.h"
#include "worker.h"

/* ---- what rank 0 has prepared ---- */

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
  esp_schedule schedule;
  esp_progress progress;
  double last_look;
} housekeeping;

static void start_house(housekeeping *h)
{
  esp_watchdog_phase(ESP_PHASE_COORDINATING);
  esp_progress_start(&h->progress, !h->options->quiet, h->schedule.n_cells, h->schedule.n_done);
}

static bool tick(void *context, const esp_schedule *schedule)
{
  housekeeping *h = context;
  const double now = esp_seconds();
  if (now - h->last_look >= 0.1) {
    h->last_look = now;
    esp_progress_update(&h->progress, schedule->n_done, esp_schedule_progress(schedule));
  }
  return esp_stop_signal() != 0 || now >= h->options->stop_at;
}

/* ---- one process alone ---- */

static bool alone_stop(void *context)
{
  housekeeping *h = context;
  esp_watchdog_moved();
  return tick(h, &h->schedule);
}

static esp_err work_alone(esp_worker *worker, esp_schedule *schedule)
{
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
  double sign_every; /* s */
  bool stop_ordered;
  double last_look;
  double last_sign;    /* when the coordinator last heard of this rank */
  esp_phase last_phase;
} hand;

static void send_notice(hand *h, esp_notice *notice, size_t bytes)
{
  notice->phase = h->last_phase = esp_watchdog_phase_now();
  h->last_sign = esp_seconds();
  MPI_Send(notice, (int)bytes, MPI_BYTE, 0, ESP_TAG_NOTICE, MPI_COMM_WORLD);
}

/* A message cut short: it comes often. */
static void sign_of_life(hand *h)
{
  esp_notice notice;
  notice.kind = ESP_NOTICE_ALIVE;
  send_notice(h, &notice, offsetof(esp_notice, cell));
}

/* Told of every phase and of every field that is read or written. */
static void hand_moved(void *context)
{
  hand *h = context;
  if (esp_watchdog_phase_now() != h->last_phase || esp_seconds() - h->last_sign >= h->sign_every)
    sign_of_life(h);
}

static bool order_there(void)
{
  int there;
  MPI_Iprobe(0, ESP_TAG_ORDER, MPI_COMM_WORLD, &there, MPI_STATUS_IGNORE);
  return there != 0;
}

/* Asked at every training step: the only orders that can come now are STOP, and END for who computes what another rank has done
 * meanwhile. They are left for await_order to receive. */
static bool hand_stop(void *context)
{
  hand *h = context;
  const double now = esp_seconds();
  if (!h->stop_ordered && now - h->last_look >= 0.02) {
    h->last_look = now;
    h->stop_ordered = order_there();
    if (now - h->last_sign >= h->sign_every)
      sign_of_life(h);
  }
  return h->stop_ordered || esp_stop_signal() != 0;
}

/* What it has written is brought to disk meanwhile; a failure comes up again at the next cell, or when the file is closed. */
static void await_order(esp_order *order, esp_results *results)
{
  for (int naps = 0; !order_there(); esp_nap(&naps))
    esp_results_sync_when_due(results);
  MPI_Recv(order, (int)sizeof *order, MPI_BYTE, 0, ESP_TAG_ORDER, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void say(hand *h, esp_notice_kind kind, esp_err err, const char *message)
{
  esp_notice notice = {.kind = kind, .err = err};
  memcpy(notice.message, message, strnlen(message, sizeof notice.message - 1));
  send_notice(h, &notice, sizeof notice);
}

static void report_failure(hand *h, esp_err err)
{
  say(h, err == ESP_ERR_STOPPED ? ESP_NOTICE_STOPPED : ESP_NOTICE_FAILED, err, esp_err_message(err));
}

/* Ask, work, ask again, until the coordinator says END. */
static void work_for_coordinator(esp_worker *worker, hand *h)
{
  for (;;) {
    esp_order order;
    esp_watchdog_phase(ESP_PHASE_WAITING);
    await_order(&order, worker->results);
    if (order.kind == ESP_ORDER_END)
      return;
    if (order.kind == ESP_ORDER_STOP)
      continue; /* the work was interrupted, and that has been said */
    esp_notice done = {.kind = ESP_NOTICE_CELL, .cell = order.cell};
    esp_outcome outcome;
    const esp_err err = esp_worker_cell(worker, order.cell, &outcome);
    if (err == ESP_OK)
      send_notice(h, &done, sizeof done);
    else
      report_failure(h, err);
  }
}

/* ---- what rank 0 asks of the file, before and after ---- */

/* Which cells can be trusted: committed, and with the payload that was committed. */
static esp_err find_done(const esp_plan *plan, const esp_results *results, unsigned char *done)
{
  const long n = esp_plan_n_slots(plan);
  esp_watchdog_phase(ESP_PHASE_CHECKING);
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

/* A rank that died may have taken along what it had written last: a host with its cache, for instance. */
static esp_err check_after_losses(const esp_plan *plan, esp_members members, const char *path)
{
  esp_results *results = NULL;
  long n_missing = 0, n_damaged;
  esp_commit *commits = calloc((size_t)esp_plan_n_slots(plan), sizeof *commits);
  esp_watchdog_phase(ESP_PHASE_CHECKING);
  esp_err err = commits ? esp_results_open(path, plan, ESP_RESULTS_READ, &results)
                        : esp_fail(ESP_ERR_NOMEM, "no memory for a list of cells");
  if (err == ESP_OK)
    err = esp_results_read_sound(results, commits, &n_damaged);
  if (err == ESP_OK)
    n_missing = esp_commits_count(plan, commits, members.first, members.last, ESP_CELL_EMPTY);
  esp_results_close(results);
  free(commits);
  ESP_REQUIRE(err != ESP_OK || n_missing == 0, ESP_ERR_IO,
              "%s: %ld cells that a lost rank has computed have not reached the file; give the same command again", path, n_missing);
  return err;
}

/* What is left to do, and this run in the table of runs. */
static esp_err begin(const esp_plan *plan, esp_results *results, int n_ranks, const esp_ensemble_options *options,
                     esp_schedule *schedule)
{
  unsigned char *done = calloc((size_t)esp_plan_n_slots(plan), 1);
  ESP_REQUIRE(done, ESP_ERR_NOMEM, "no memory for a list of cells");
  esp_err err = find_done(plan, results, done);
  if (err == ESP_OK)
    err = esp_schedule_create(plan, options->members, done, n_ranks > 1 ? n_ranks - 1 : 1, schedule);
  free(done);
  ESP_TRY(err);
  ESP_TRY(check_last_run(results));
  return esp_results_add_run(results, n_ranks, options->argc, options->argv);
}

/* ---- what the watchdog says at the end ---- */

/* Of this process; NULL where there is none. */
static struct {
  double seconds;
  const esp_crew *crew;
  const esp_worker *alone; /* one process that does everything */
} watched;

static void describe(void)
{
  char seconds[32], cell[160] = "";
  const esp_phase phase = esp_watchdog_phase_now();
  esp_log("nothing has moved for %s (--watchdog): no training step, no message, no field read or written; what is committed is "
          "safe in the file", esp_duration(watched.seconds, seconds, sizeof seconds));
  if (watched.alone && phase >= ESP_PHASE_READING && phase <= ESP_PHASE_WRITING)
    esp_cell_suffix(watched.alone->plan, watched.alone->cell, cell, sizeof cell);
  esp_log("rank 0 on %s: %s%s", esp_job_host(0), esp_phase_words(phase), cell);
  for (int rank = 1; rank < esp_job_size(); rank++)
    if (watched.crew)
      esp_log("%s, last heard %s ago%s", esp_crew_words(watched.crew, rank - 1),
              esp_duration(esp_seconds() - watched.crew->workers[rank - 1].heard_at, seconds, sizeof seconds),
              watched.crew->workers[rank - 1].lost ? " (lost)" : "");
    else
      esp_log("rank %d on %s: waiting for rank 0", rank, esp_job_host(rank));
}

esp_err esp_ensemble_watch(double seconds)
{
  watched.seconds = seconds;
  return esp_watchdog_start(seconds, describe, esp_job_abort);
}

/* ---- alone, coordinator, worker ---- */

/* How a run ended whose file was then closed so: a failure of the work says more. */
static esp_err with_closed(esp_err err, esp_err closed)
{
  return closed != ESP_OK && (err == ESP_OK || err == ESP_ERR_STOPPED) ? closed : err;
}

static esp_err run_alone(const esp_config *config, const esp_plan *plan, const esp_ensemble_options *options)
{
  housekeeping house = {.options = options};
  esp_worker worker = {.config = config, .plan = plan, .stop = alone_stop, .context = &house};
  watched.alone = &worker;
  esp_err err = esp_worker_open(&worker, options->path, options->source);
  if (err == ESP_OK)
    err = begin(plan, worker.results, 1, options, &house.schedule);
  if (err == ESP_OK) {
    start_house(&house);
    err = work_alone(&worker, &house.schedule);
    esp_progress_finish(&house.progress, house.schedule.n_done);
  }
  err = with_closed(err, esp_worker_close(&worker));
  watched.alone = NULL;
  esp_schedule_free(&house.schedule);
  return err;
}

/* The workers close the file too, and those that do not answer are left behind. */
static esp_err end_crew(esp_crew *crew, const esp_plan *plan, const esp_ensemble_options *options, esp_err err)
{
  err = esp_end_workers(crew, err);
  for (int i = 0; i < crew->n_workers; i++)
    if (crew->workers[i].lost)
      esp_job_lost(i + 1);
  return err == ESP_OK && esp_crew_n_lost(crew) > 0 ? check_after_losses(plan, options->members, options->path) : err;
}

static esp_err run_coordinator(int n_ranks, const esp_plan *plan, const esp_ensemble_options *options)
{
  housekeeping house = {.options = options};
  esp_results *results = NULL;
  esp_crew crew;
  if (esp_crew_create(plan, n_ranks - 1, options->worker_timeout, esp_seconds(), &crew) != ESP_OK)
    esp_ensemble_abort(ESP_ERR_NOMEM);
  for (int i = 0; i < crew.n_workers; i++)
    crew.workers[i].host = esp_job_host(i + 1);
  watched.crew = &crew;
  esp_watchdog_phase(ESP_PHASE_OPENING);
  esp_err err = esp_results_open(options->path, plan, ESP_RESULTS_WRITE, &results);
  if (err == ESP_OK)
    err = begin(plan, results, n_ranks, options, &house.schedule);
  if (err == ESP_OK) {
    start_house(&house);
    err = esp_coordinate(&crew, &house.schedule, tick, &house);
    esp_progress_finish(&house.progress, house.schedule.n_done);
  }
  esp_watchdog_phase(ESP_PHASE_CLOSING);
  err = with_closed(err, esp_results_close(results));
  err = end_crew(&crew, plan, options, err);
  watched.crew = NULL;
  esp_crew_free(&crew);
  esp_schedule_free(&house.schedule);
  return err;
}

/* How the file was closed, and then the last word of the coordinator. */
static esp_err say_closed(hand *h, esp_err closed)
{
  esp_order end;
  esp_watchdog_pass_on(NULL, NULL); /* the last word is CLOSED */
  say(h, ESP_NOTICE_CLOSED, closed, esp_err_message(closed));
  await_order(&end, NULL);
  if (end.losses)
    esp_job_somebody_lost();
  return end.err;
}

static esp_err run_worker(int rank, const esp_config *config, const esp_plan *plan, const esp_ensemble_options *options)
{
  hand h = {.sign_every = options->worker_timeout > 0 ? fmin(1, options->worker_timeout / 4) : 1};
  esp_worker worker = {.config = config, .plan = plan, .rank = rank, .stop = hand_stop, .context = &h};
  esp_watchdog_pass_on(hand_moved, &h);
  const esp_err err = esp_worker_open(&worker, options->path, options->source);
  if (err == ESP_OK)
    say(&h, ESP_NOTICE_READY, ESP_OK, esp_kernel_name());
  else
    report_failure(&h, err);
  work_for_coordinator(&worker, &h);
  return say_closed(&h, esp_worker_close(&worker));
}

esp_err esp_ensemble_run(const esp_config_file *config, const esp_plan *plan, const esp_ensemble_options *options)
{
  int rank, n_ranks;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
  if (rank > 0)
    return run_worker(rank, &config->values, plan, options);
  const esp_err err = n_ranks > 1 ? run_coordinator(n_ranks, plan, options) : run_alone(&config->values, plan, options);
  esp_watchdog_phase(ESP_PHASE_ENDING);
  return err;
}
