/* espalier/log.h - what a person reads while a run goes on: messages and one progress line, all on stderr. */
#ifndef ESPALIER_LOG_H
#define ESPALIER_LOG_H
#include <stdbool.h>
#include <stddef.h>

/** Print "espalier: ..." and a line end; a progress line on the terminal is cleared first. */
void esp_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Print "espalier: warning: ...". */
void esp_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Write a duration as people say it, for example "45 s", "3 min 20 s", "5 h 12 min", "3 d 4 h"; "?" if it is not finite
 *  or negative. Returns text. */
const char *esp_duration(double seconds, char *text, size_t size);

typedef struct {
  long total, done_at_start; /* cells                                                  */
  double started, last;      /* monotonic seconds                                       */
  int last_step;             /* last printed multiple of 5 %                            */
  bool enabled, redraw;      /* quiet on ranks > 0; redraw one line only on a terminal  */
} esp_progress;

/** Start a progress display: done_at_start of total cells are there already.
 *  On a terminal one redrawn line, otherwise one plain line a minute and at each 5 %. */
void esp_progress_start(esp_progress *p, bool enabled, long total, long done_at_start);

/** Tell it where things stand. work_done in [0, 1] is the share of the expected work of this run that is finished; the
 *  remaining time follows from it. Cheap: prints only when due (at most 4 times a second on a terminal). */
void esp_progress_update(esp_progress *p, long done, double work_done);

/** Print the last state and end the line. */
void esp_progress_finish(esp_progress *p, long done);

/** Monotonic seconds; for displays and time limits only, never for numbers. */
double esp_seconds(void);

#endif
