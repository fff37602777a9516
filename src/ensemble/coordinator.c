/* ensemble/coordinator.c - hands cells to whoever is ready; sleeps while there is nothing to say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "espalier/ensemble.h"
#include "espalier/kernel.h"
#include "espalier/log.h"
#include "messages.h"

typedef struct {
  esp_schedule *schedule;
  esp_crew *crew;
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

/* ---- orders ---- */

/* Nothing waits until an order has arrived: over TCP a send to a worker that died would wait for ever. */
typedef struct sent_order {
  esp_order order;
  MPI_Request request;
  struct sent_order *next;
} sent_order;

static sent_order *on_their_way;

static void forget_delivered(void)
{
  for (sent_order **at = &on_their_way; *at;) {
    sent_order *sent = *at;
    int delivered;
    MPI_Test(&sent->request, &delivered, MPI_STATUS_IGNORE);
    if (delivered) {
      *at = sent->next;
      free(sent);
    } else {
      at = &sent->next;
    }
  }
}

static void send_order(int worker, const esp_order *order)
{
  sent_order *sent = malloc(sizeof *sent);
  if (!sent)
    esp_ensemble_abort(ESP_ERR_NOMEM);
  *sent = (sent_order){.order = *order, .next = on_their_way};
  on_their_way = sent;
  MPI_Isend(&sent->order, (int)sizeof sent->order, MPI_BYTE, worker + 1, ESP_TAG_ORDER, MPI_COMM_WORLD, &sent->request);
  forget_delivered();
}

/* Before the last process leaves; not for long, since what was sent to the lost never arrives. */
static void wait_for_delivery(void)
{
  const double end = esp_seconds() + 2;
  forget_delivered();
  for (int naps = 0; on_their_way && esp_seconds() < end; forget_delivered())
    esp_nap(&naps);
}

/* ---- the state of things ---- */

/* The next notice, if one is there, and the worker that it is from. */
static bool next_notice(esp_crew *crew, esp_notice *notice, int *worker)
{
  int there;
  MPI_Status status;
  esp_watchdog_awake();
  MPI_Iprobe(MPI_ANY_SOURCE, ESP_TAG_NOTICE, MPI_COMM_WORLD, &there, &status);
  if (!there)
    return false;
  MPI_Recv(notice, (int)sizeof *notice, MPI_BYTE, status.MPI_SOURCE, ESP_TAG_NOTICE, MPI_COMM_WORLD, &status);
  *worker = status.MPI_SOURCE - 1;
  esp_crew_heard(crew, *worker);
  esp_watchdog_moved();
  return true;
}

static void stop_everybody(coordinator *c, esp_err err, const char *message)
{
  if (c->err == ESP_OK || (c->err == ESP_ERR_STOPPED && err != ESP_ERR_STOPPED)) {
    c->err = err;
    snprintf(c->message, sizeof c->message, "%s", message);
  }
  if (c->stopping)
    return;
  c->stopping = true;
  const esp_order order = {.kind = ESP_ORDER_STOP};
  for (int i = 0; i < c->crew->n_workers; i++) {
    esp_crew_worker *worker = &c->crew->workers[i];
    if (worker->working && !worker->lost)
      send_order(i, &order);
    else if (worker->waiting)
      worker->gone = true; /* it has nothing to save */
  }
}

/* Give a waiting worker something to do, if there is anything that is ready. */
static bool serve(coordinator *c, int i)
{
  esp_crew_worker *worker = &c->crew->workers[i];
  esp_order order = {.kind = ESP_ORDER_WORK};
  if (c->stopping || !esp_schedule_next(c->schedule, worker->cell.member, &order.cell))
    return false;
  worker->waiting = false;
  worker->working = worker->owns = true;
  worker->cell = order.cell;
  esp_crew_heard(c->crew, i); /* its silence begins now */
  send_order(i, &order);
  return true;
}

/* A search of the whole table fails for one as for all, so the first in vain is the last. */
static void serve_all(coordinator *c)
{
  for (int i = 0; i < c->crew->n_workers; i++)
    if (c->crew->workers[i].waiting && !serve(c, i))
      return;
}

/* ---- workers that fall silent, and come back ---- */

static void lose(coordinator *c, int i)
{
  char silence[32];
  esp_crew_worker *worker = &c->crew->workers[i];
  esp_duration(c->crew->clock - worker->heard, silence, sizeof silence);
  esp_warn("%s: silent for %s, presumed lost%s", esp_crew_words(c->crew, i), silence,
           worker->working ? "; another rank gets its cell" : "");
  worker->lost = true;
  if (worker->owns)
    esp_schedule_give_back(c->schedule, worker->cell);
  worker->owns = false;
  if (!c->stopping && esp_crew_n_lost(c->crew) == c->crew->n_workers)
    stop_everybody(c, ESP_ERR_IO, "all workers have fallen silent: look at their hosts and the file system, then give the same "
                                  "command again; what is committed is safe in the file");
  serve_all(c);
}

static void look_for_lost(coordinator *c)
{
  if (!esp_crew_look(c->crew, esp_seconds()))
    return;
  for (int i = 0; i < c->crew->n_workers; i++) {
    const esp_crew_worker *worker = &c->crew->workers[i];
    if (!worker->waiting && !worker->gone && !worker->lost && esp_crew_silent(c->crew, i))
      lose(c, i);
  }
}

/* It goes on with its cell, which may be done twice then: the bytes are the same. */
static void welcome_back(coordinator *c, int i)
{
  esp_crew_worker *worker = &c->crew->workers[i];
  esp_log("%s: is back and used again", esp_crew_words(c->crew, i));
  worker->lost = false;
  worker->owns = worker->working && esp_schedule_take_again(c->schedule, worker->cell);
  if (c->stopping && worker->working)
    send_order(i, &(esp_order){.kind = ESP_ORDER_STOP});
}

/* ---- what workers say ---- */

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
  esp_crew_worker *worker = &c->crew->workers[i];
  worker->working = worker->owns = false;
  worker->waiting = true;
  worker->phase = ESP_PHASE_WAITING;
  worker->gone = c->stopping; /* its STOP order crossed this; nothing is left to save */
  serve(c, i);                /* before others: it has the last record at hand */
}

static void hear(coordinator *c, int i, const esp_notice *notice)
{
  if (c->crew->workers[i].lost)
    welcome_back(c, i);
  c->crew->workers[i].phase = notice->phase;
  switch (notice->kind) {
  case ESP_NOTICE_ALIVE:
    return;
  case ESP_NOTICE_CELL:
    esp_schedule_cell_done(c->schedule, notice->cell);
    now_ready(c, i);
    serve_all(c);
    return;
  case ESP_NOTICE_CLOSED:
    return; /* cannot come before END */
  case ESP_NOTICE_READY:
    check_kernels(c, i + 1, notice->message);
    now_ready(c, i);
    return;
  case ESP_NOTICE_STOPPED:
  case ESP_NOTICE_FAILED:
    c->crew->workers[i].working = false;
    c->crew->workers[i].gone = true;
    stop_everybody(c, notice->kind == ESP_NOTICE_FAILED ? notice->err : ESP_ERR_STOPPED, notice->message);
    return;
  }
}

/* When nobody works and everybody has been served, nothing more will come. Who computes a cell that another rank has done
 * meanwhile, END interrupts. */
static bool finished(const coordinator *c)
{
  const bool all_done = c->schedule->n_done == c->schedule->n_cells;
  for (int i = 0; i < c->crew->n_workers; i++) {
    const esp_crew_worker *worker = &c->crew->workers[i];
    const bool idle = c->stopping ? worker->gone : worker->waiting || (worker->working && all_done);
    if (!idle && !worker->lost)
      return false;
  }
  return true;
}

esp_err esp_coordinate(esp_crew *crew, esp_schedule *schedule, bool (*tick)(void *context, const esp_schedule *), void *context)
{
  coordinator c = {.schedule = schedule, .crew = crew};
  for (int naps = 0; !finished(&c);) {
    if (tick(context, schedule))
      stop_everybody(&c, ESP_ERR_STOPPED, "");
    esp_notice notice;
    int worker;
    if (!next_notice(crew, &notice, &worker)) {
      look_for_lost(&c); /* only now: what was said is heard first */
      esp_nap(&naps);
      continue;
    }
    if (notice.kind != ESP_NOTICE_ALIVE) /* which asks for no answer */
      naps = 0;
    hear(&c, worker, &notice);
  }
  /* Everything is in the file: a stop that came with the last cell changes nothing any more. */
  if (c.err == ESP_ERR_STOPPED && schedule->n_done == schedule->n_cells)
    c.err = ESP_OK;
  if (c.err == ESP_OK && schedule->n_done < schedule->n_cells) /* parents that go in a circle */
    stop_everybody(&c, ESP_ERR_INTERNAL, "some cells never became ready");
  return c.err == ESP_OK || c.err == ESP_ERR_STOPPED ? c.err : esp_fail(c.err, "%s", c.message);
}

/* ---- the end ---- */

static void send_end(esp_crew *crew, int i, esp_err err)
{
  crew->workers[i].ended = true;
  esp_crew_heard(crew, i); /* its silence begins now */
  send_order(i, &(esp_order){.kind = ESP_ORDER_END, .err = err, .losses = esp_crew_n_lost(crew) > 0});
}

/* Has everybody closed the file from whom that can be expected? */
static bool all_closed(esp_crew *crew)
{
  const bool look = esp_crew_look(crew, esp_seconds());
  bool all = true;
  for (int i = 0; i < crew->n_workers; i++) {
    esp_crew_worker *worker = &crew->workers[i];
    if (look && !worker->closed && !worker->lost && esp_crew_silent(crew, i)) {
      worker->lost = true;
      esp_warn("%s: does not answer at the end, presumed lost", esp_crew_words(crew, i));
    }
    all = all && (worker->closed || worker->lost);
  }
  return all;
}

esp_err esp_end_workers(esp_crew *crew, esp_err err)
{
  for (int i = 0; i < crew->n_workers; i++)
    if (!crew->workers[i].lost)
      send_end(crew, i, err);
  for (int naps = 0; !all_closed(crew);) {
    esp_notice notice;
    int i;
    if (!next_notice(crew, &notice, &i)) {
      esp_nap(&naps);
      continue;
    }
    esp_crew_worker *worker = &crew->workers[i];
    if (!worker->ended)
      send_end(crew, i, err); /* it was lost and is back */
    worker->lost = false;
    worker->phase = notice.phase;
    if (notice.kind != ESP_NOTICE_CLOSED)
      continue; /* said before END came, or on the way to close */
    worker->closed = true;
    if (notice.err != ESP_OK && (err == ESP_OK || err == ESP_ERR_STOPPED))
      err = esp_fail(notice.err, "rank %d: %s", i + 1, notice.message);
  }
  for (int i = 0; i < crew->n_workers; i++)
    if (crew->workers[i].closed)
      send_end(crew, i, err); /* launchers report the first status that is not 0: all ranks must end with the same */
  wait_for_delivery();
  return err;
}
