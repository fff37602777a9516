/* ensemble/messages.h - what coordinator and workers say to each other: two fixed-size messages, sent as bytes.
 *
 *   worker -> coordinator   notice: READY (for its first cell), CELL (one is written; ready for the next), STOPPED or FAILED
 *                                   (nothing more to do), CLOSED (after END: the file is closed; err says how that went), ALIVE
 *                                   (a sign of life: when another phase begins, and after a second without any)
 *   coordinator -> worker   order:  WORK (a cell), STOP (soon, with your state saved), END (close the file), and after CLOSED
 *                                   END once more (with the outcome of the run)
 *
 * A worker that is silent for too long is lost (crew.h): its cell is handed to another rank, and nothing more is expected of it.
 * Should it come back, what it says counts again, and it gets the STOP or END that it has missed.
 *
 * All waiting is polling with short sleeps: Open MPI's blocking calls keep a core busy. */
#ifndef ESPALIER_ENSEMBLE_MESSAGES_H
#define ESPALIER_ENSEMBLE_MESSAGES_H
#include <mpi.h>
#include <stdbool.h>

#include "crew.h"
#include "espalier/plan.h"
#include "schedule.h"

enum { ESP_TAG_NOTICE = 1, ESP_TAG_ORDER = 2 };

typedef enum {
  ESP_NOTICE_READY,
  ESP_NOTICE_CELL,
  ESP_NOTICE_STOPPED,
  ESP_NOTICE_FAILED,
  ESP_NOTICE_CLOSED,
  ESP_NOTICE_ALIVE,
} esp_notice_kind;
typedef enum { ESP_ORDER_WORK, ESP_ORDER_STOP, ESP_ORDER_END } esp_order_kind;

typedef struct {
  esp_notice_kind kind;
  esp_phase phase;     /* of the worker */
  esp_cell cell;       /* CELL   */
  esp_err err;         /* FAILED, CLOSED */
  char message[1024];  /* FAILED, CLOSED; READY: the kernels in use on that rank */
} esp_notice;

typedef struct {
  esp_order_kind kind;
  esp_cell cell; /* WORK                   */
  esp_err err;   /* END: how the run ended */
  bool losses;   /* END once more: somebody is lost */
} esp_order;

/** Sleep a little longer each time nothing came, up to 2 ms; reset *naps to 0 when something did. */
void esp_nap(int *naps);

/** Rank 0: end all workers with the outcome of the run and wait until all that are not lost have closed the file.
 *  @return err, or the first failure of a worker to close. */
esp_err esp_end_workers(esp_crew *crew, esp_err err);

/** Rank 0: hand out all missing work and wait until every worker that is not lost has nothing more to do.
 *  @param tick  called often: progress, lock, time limit; true asks everybody to stop
 *  @return how the run ended; the message is set. ESP_ERR_IO if all workers are lost. */
esp_err esp_coordinate(esp_crew *crew, esp_schedule *schedule, bool (*tick)(void *context, const esp_schedule *), void *context);

#endif
