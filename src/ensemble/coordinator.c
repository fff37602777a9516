/* ensemble/coordinator.c - hands cells to whoever is ready; sleeps while there is nothing to say. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "espalier/ensemble.h"
#include "espalier/log.h"
#include "espalier/rnn.h"
#include "messages.h"

typedef struct {
  bool waiting; /* has asked for work and got none yet */
  bool gone;    /* has said its last word but for END  */
  bool working;
  int last_member;
} worker_state;

typedef struct {
  esp_schedule *schedule;
  worker_state *workers; /* of rank 1 + index */
  int n_workers;
  bool stopping, kernel_warned;
  esp_err err; /* first failure, or ESP_ERR_STOPPED */
  char message[1024];
} coordinator;

void esp_nap(int *naps)
{
  const long microseconds = *naps < 20 ? 100 : *naps < 40 ? 1000 : 2000;
  const struct timespec pause = {0, microseconds * 1000};
  nanosleep(&pause, NULL);
  ++*naps;
}

static void send_order(int worker, const esp_order *order)
{
  MPI_Send(order, (int)sizeof *order, MPI_BYTE, worker + 1, ESP_TAG_ORDER, MPI_COMM_WORLD);
}

/* The next report, if one is there. */
static bool next_report(esp_report *report, MPI_Status *status)
{
  int there;
  MPI_Iprobe(MPI_ANY_SOURCE, ESP_TAG_REPORT, MPI_COMM_WORLD, &there, status);
  if (there)
    MPI_Recv(report, (int)sizeof *report, MPI_BYTE, status->MPI_SOURCE, ESP_TAG_REPORT, MPI_COMM_WORLD, status);
  return there != 0;
}

static void stop_everybody(coordinator *c, esp_err err, const char *message)
{
  if (c->err == ESP_OK || (c->err == ESP_ERR_STOPPED && err != ESP_ERR_STOPPED)) {
    c->err = err;
    memcpy(c->message, message, strnlen(message, sizeof c->message - 1));
  }
  if (c->stopping)
    return;
  c->stopping = true;
  const esp_order order = {.kind = ESP_ORDER_STOP};
  for (int i = 0; i < c->n_workers; i++) {
    if (c->workers[i].working)
      send_order(i, &order);
    else if (c->workers[i].waiting)
      c->workers[i].gone = true; /* it has nothing to save */
  }
}

/* Give a waiting worker something to do, if there is anything that is ready. */
static bool serve(coordinator *c, int i)
{
  worker_state *worker = &c->workers[i];
  esp_order order = {.kind = ESP_ORDER_WORK};
  if (c->stopping || !esp_schedule_next(c->schedule, worker->last_member, &order.cell))
    return false;
  worker->waiting = false;
  worker->working = true;
  worker->last_member = order.cell.member;
  send_order(i, &order);
  return true;
}

/* A search of the whole table fails for one as for all, so the first in vain is the last. */
static void serve_all(coordinator *c)
{
  for (int i = 0; i < c->n_workers; i++)
    if (c->workers[i].waiting && !serve(c, i))
      return;
}

static void check_kernels(coordinator *c, int rank, const char *kernel)
{
  if (c->kernel_warned || strcmp(kernel, esp_kernel_name()) == 0)
    return;
  c->kernel_warned = true;
  esp_warn("rank %d computes with %s kernels, rank 0 has %s: on mixed CPUs equal bits are not promised", rank, kernel,
           esp_kernel_name());
}

static void now_ready(coordinator *c, int i)
{
  worker_state *worker = &c->workers[i];
  worker->working = false;
  worker->waiting = true;
  worker->gone = c->stopping; /* its STOP order crossed this; nothing is left to save */
  serve(c, i);                /* before others: it has the last record at hand */
}

static void hear(coordinator *c, int i, const esp_report *report)
{
  switch (report->kind) {
  case ESP_REPORT_CELL:
    esp_schedule_cell_done(c->schedule, report->cell);
    now_ready(c, i);
    serve_all(c);
    return;
  case ESP_REPORT_CLOSED:
    return; /* cannot come before END */
  case ESP_REPORT_READY:
    check_kernels(c, i + 1, report->message);
    now_ready(c, i);
    return;
  case ESP_REPORT_STOPPED:
  case ESP_REPORT_FAILED:
    c->workers[i].working = false;
    c->workers[i].gone = true;
    stop_everybody(c, report->kind == ESP_REPORT_FAILED ? report->err : ESP_ERR_STOPPED, report->message);
    return;
  }
}

/* When nobody works and everybody has been served, nothing more will come. */
static bool finished(const coordinator *c)
{
  for (int i = 0; i < c->n_workers; i++)
    if (c->stopping ? !c->workers[i].gone : !c->workers[i].waiting)
      return false;
  return true;
}

static void send_end(int n_workers, esp_err err)
{
  const esp_order end = {.kind = ESP_ORDER_END, .err = err};
  for (int i = 0; i < n_workers; i++)
    send_order(i, &end);
}

esp_err esp_end_workers(int n_workers, esp_err err)
{
  send_end(n_workers, err);
  for (int n_closed = 0, naps = 0; n_closed < n_workers;) {
    esp_report report;
    MPI_Status status;
    if (!next_report(&report, &status)) {
      esp_nap(&naps);
      continue;
    }
    if (report.kind != ESP_REPORT_CLOSED)
      continue; /* said before END came */
    n_closed++;
    if (report.err != ESP_OK && (err == ESP_OK || err == ESP_ERR_STOPPED))
      err = esp_fail(report.err, "rank %d: %s", status.MPI_SOURCE, report.message);
  }
  send_end(n_workers, err); /* launchers report the first status that is not 0: all ranks must end with the same */
  return err;
}

esp_err esp_coordinate(esp_schedule *schedule, int n_workers, bool (*tick)(void *context, const esp_schedule *), void *context)
{
  coordinator c = {.schedule = schedule, .n_workers = n_workers, .workers = calloc((size_t)n_workers, sizeof *c.workers)};
  if (!c.workers)
    esp_ensemble_abort(esp_fail(ESP_ERR_NOMEM, "no memory for a list of %d workers", n_workers));
  for (int i = 0; i < n_workers; i++)
    c.workers[i].last_member = -1;
  for (int naps = 0; !finished(&c);) {
    if (tick(context, schedule))
      stop_everybody(&c, ESP_ERR_STOPPED, "");
    esp_report report;
    MPI_Status status;
    if (!next_report(&report, &status)) {
      esp_nap(&naps);
      continue;
    }
    naps = 0;
    hear(&c, status.MPI_SOURCE - 1, &report);
  }
  /* Everything is in the file: a stop that came with the last cell changes nothing any more. */
  if (c.err == ESP_ERR_STOPPED && schedule->n_done == schedule->n_cells)
    c.err = ESP_OK;
  if (c.err == ESP_OK && schedule->n_done < schedule->n_cells) /* parents that go in a circle */
    stop_everybody(&c, ESP_ERR_INTERNAL, "some cells never became ready");
  free(c.workers);
  return c.err == ESP_OK || c.err == ESP_ERR_STOPPED ? c.err : esp_fail(c.err, "%s", c.message);
}
