/* ensemble/messages.h - what coordinator and workers say to each other: two fixed-size messages, sent as bytes.
 *
 *   worker -> coordinator   report: READY (for its first cell), CELL (one is written; ready for the next), STOPPED or FAILED
 *                                   (nothing more to do), CLOSED (after END: the file is closed; err says how that went)
 *   coordinator -> worker   order:  WORK (a cell), STOP (soon, with your state saved), END (close the file), and after CLOSED
 *                                   END once more (with the outcome of the run)
 *
 * All waiting is polling with short sleeps: Open MPI's blocking calls keep a core busy. */
#ifndef ESPALIER_ENSEMBLE_MESSAGES_H
#define ESPALIER_ENSEMBLE_MESSAGES_H
#include <mpi.h>
#include <stdbool.h>

#include "espalier/plan.h"
#include "schedule.h"

enum { ESP_TAG_REPORT = 1, ESP_TAG_ORDER = 2 };

typedef enum { ESP_REPORT_READY, ESP_REPORT_CELL, ESP_REPORT_STOPPED, ESP_REPORT_FAILED, ESP_REPORT_CLOSED } esp_report_kind;
typedef enum { ESP_ORDER_WORK, ESP_ORDER_STOP, ESP_ORDER_END } esp_order_kind;

typedef struct {
  esp_report_kind kind;
  esp_cell cell;       /* CELL   */
  esp_err err;         /* FAILED, CLOSED */
  char message[1024];  /* FAILED, CLOSED; READY: the kernels in use on that rank */
} esp_report;

typedef struct {
  esp_order_kind kind;
  esp_cell cell; /* WORK                   */
  esp_err err;   /* END: how the run ended */
} esp_order;

/** Sleep a little longer each time nothing came, up to 2 ms; reset *naps to 0 when something did. */
void esp_nap(int *naps);

/** Rank 0: end all workers with the outcome of the run and wait until they have closed the file.
 *  @return err, or the first failure of a worker to close. */
esp_err esp_end_workers(int n_workers, esp_err err);

/** Rank 0: hand out all missing work and wait until every worker has nothing more to do.
 *  @param tick  called often: progress, lock, time limit; true asks everybody to stop
 *  @return how the run ended; the message is set. */
esp_err esp_coordinate(esp_schedule *schedule, int n_workers, bool (*tick)(void *context, const esp_schedule *), void *context);

#endif
