/* base/log.c - everything on stderr, so that tables on stdout can be piped. */
#include "espalier/log.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool line_open; /* a progress line without its line end is on the terminal */

double esp_seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void say(const char *prefix, const char *format, va_list args)
{
  if (line_open)
    fputs("\r\033[K", stderr);
  line_open = false;
  fputs(prefix, stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
}

void esp_log(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  say("espalier: ", format, args);
  va_end(args);
}

void esp_warn(const char *format, ...)
{
  va_list args;
  va_start(args, format);
  say("espalier: warning: ", format, args);
  va_end(args);
}

const char *esp_duration(double seconds, char *text, size_t size)
{
  if (!isfinite(seconds) || seconds < 0)
    snprintf(text, size, "?");
  else if (seconds < 9.95)
    snprintf(text, size, "%.1f s", seconds);
  else if (seconds < 59.5)
    snprintf(text, size, "%.0f s", seconds);
  else if (seconds < 3600)
    snprintf(text, size, "%d min %02d s", (int)seconds / 60, (int)seconds % 60);
  else if (seconds < 86400)
    snprintf(text, size, "%d h %02d min", (int)seconds / 3600, (int)seconds / 60 % 60);
  else
    snprintf(text, size, "%.0f d %d h", floor(seconds / 86400), (int)fmod(seconds / 3600, 24));
  return text;
}

void esp_progress_start(esp_progress *p, bool enabled, long total, long done_at_start)
{
  const char *term = getenv("TERM");
  const char *no_color = getenv("NO_COLOR"); /* asks for plain text: no cursor control either */
  *p = (esp_progress){
      .total = total,
      .done_at_start = done_at_start,
      .started = esp_seconds(),
      .last = -INFINITY,
      .last_step = -1,
      .enabled = enabled,
      .redraw = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0 && !(no_color && *no_color),
  };
}

static void print_state(esp_progress *p, long done, double work_done)
{
  char elapsed[32], eta[32];
  const double seconds = esp_seconds() - p->started;
  /* The first per cent says little; a guess from it would only jump about. */
  const double left = work_done >= 1 ? 0 : work_done > 0.01 ? seconds * (1 - work_done) / work_done : NAN;
  fprintf(stderr, "%sespalier: %ld of %ld cells (%.0f %%), %s, %.2f cells/s, ETA %s%s", p->redraw ? "\r\033[K" : "", done,
          p->total, 100.0 * (double)done / (double)p->total, esp_duration(seconds, elapsed, sizeof elapsed),
          (double)(done - p->done_at_start) / fmax(seconds, 1e-3), esp_duration(left, eta, sizeof eta), p->redraw ? "" : "\n");
  fflush(stderr);
  line_open = p->redraw;
}

void esp_progress_update(esp_progress *p, long done, double work_done)
{
  if (!p->enabled || p->total == 0)
    return;
  const double now = esp_seconds();
  const int step = (int)(20 * done / p->total);
  if (p->redraw ? now - p->last < 0.25 : now - p->last < 60 && step == p->last_step)
    return;
  p->last = now;
  p->last_step = step;
  print_state(p, done, work_done);
}

void esp_progress_finish(esp_progress *p, long done)
{
  if (!p->enabled || p->total == 0)
    return;
  if (p->redraw)
    print_state(p, done, done >= p->total ? 1 : NAN);
  if (line_open)
    fputc('\n', stderr);
  line_open = false;
}
