/* espalier/watchdog.h - what this process is at, and a thread that ends the program when nothing moves any more.
 *
 * Whoever gets on with something says so: a phase that begins, a training step, a field read or written, a message that came.
 * That costs a store or two, and is all that a process without a watchdog does. The watchdog counts its own wake-ups, not the
 * clock, so a program that was stopped and continued, or whose machine slept, has lost no time. Nothing here computes. */
#ifndef ESPALIER_WATCHDOG_H
#define ESPALIER_WATCHDOG_H
#include "espalier/error.h"

/* What a process is at, in the words of messages, and how many times the usual patience one may need before it says
 * something again: file systems can be slow, and measures of large networks are single calls of LAPACK. */
#define ESP_PHASES(X)                                        \
  X(ESP_PHASE_PREPARING,    5, "preparing the run")          \
  X(ESP_PHASE_MAKING,       5, "making the file")            \
  X(ESP_PHASE_OPENING,      5, "opening the file")           \
  X(ESP_PHASE_CHECKING,     5, "checking what is there")     \
  X(ESP_PHASE_COORDINATING, 1, "handing out work")           \
  X(ESP_PHASE_WAITING,      1, "waiting for work")           \
  X(ESP_PHASE_READING,      5, "reading what it starts from")\
  X(ESP_PHASE_TRAINING,     1, "training")                   \
  X(ESP_PHASE_MEASURING,    5, "measuring")                  \
  X(ESP_PHASE_WRITING,      5, "writing")                    \
  X(ESP_PHASE_CLOSING,      5, "closing the file")           \
  X(ESP_PHASE_ENDING,       5, "ending the run")

typedef enum {
#define X(name, patience, words) name,
  ESP_PHASES(X)
#undef X
} esp_phase;

/** Constant text. */
const char *esp_phase_words(esp_phase phase);
int esp_phase_patience(esp_phase phase);

/** This process now begins something else. */
void esp_watchdog_phase(esp_phase phase);
esp_phase esp_watchdog_phase_now(void);

/** This process got on with it. */
void esp_watchdog_moved(void);

/** This process waits for others and is awake: no move, but the listener hears of it. */
void esp_watchdog_awake(void);

/** Have tell() called at every phase and move from now on, by whoever makes it: a worker passes them on, who holds the lock of a
 *  file shows that it lives. NULL: nobody. */
void esp_watchdog_pass_on(void (*tell)(void *context), void *context);

/** Start the thread (one at most).
 *  @param seconds   without phase or move after which it bites; 0: never, no thread
 *  @param describe  prints what is known; called by a thread of its own while the rest of the program may hang or go on. It may
 *                   read what was written before the last move.
 *  @param end       ends the program and whatever belongs to it with this exit status; likewise. Whatever becomes of the two,
 *                   the process is gone a few seconds later, with the status of ESP_ERR_IO.
 *  @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_watchdog_start(double seconds, void (*describe)(void), void (*end)(int status));

/** End the thread, if there is one. */
void esp_watchdog_stop(void);

#endif
