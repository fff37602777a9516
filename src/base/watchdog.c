/* base/watchdog.c - the thread touches nothing but a counter, until it bites. */
#include "espalier/watchdog.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

static const struct {
  int patience;
  const char *words;
} phases[] = {
#define X(name, patience, words) [name] = {patience, words},
    ESP_PHASES(X)
#undef X
};

static atomic_int phase_now;
static atomic_ulong n_moves; /* written by the working thread alone */
static struct {
  void (*tell)(void *context);
  void *context;
} listener;

const char *esp_phase_words(esp_phase phase)
{
  return phases[phase].words;
}

int esp_phase_patience(esp_phase phase)
{
  return phases[phase].patience;
}

void esp_watchdog_moved(void)
{
  /* With one writer a load and a store do, which take no lock of the bus; what was written before is seen with it. */
  atomic_store_explicit(&n_moves, atomic_load_explicit(&n_moves, memory_order_relaxed) + 1, memory_order_release);
  esp_watchdog_awake();
}

void esp_watchdog_awake(void)
{
  if (listener.tell)
    listener.tell(listener.context);
}

void esp_watchdog_phase(esp_phase phase)
{
  atomic_store_explicit(&phase_now, (int)phase, memory_order_relaxed);
  esp_watchdog_moved();
}

esp_phase esp_watchdog_phase_now(void)
{
  return (esp_phase)atomic_load_explicit(&phase_now, memory_order_relaxed);
}

void esp_watchdog_pass_on(void (*tell)(void *context), void *context)
{
  listener.tell = tell;
  listener.context = context;
}

/* ---- the thread ---- */

enum { PRINTING = 2, ENDING = 5 }; /* s that these may take */

static struct {
  pthread_t thread;
  bool there;
  double limit;
  void (*describe)(void);
  void (*end)(int status);
} dog;

static void *call_describe(void *unused)
{
  dog.describe();
  return unused;
}

static void *call_end(void *unused)
{
  dog.end(esp_err_exit_status(ESP_ERR_IO));
  return unused;
}

/* Both may hang: what they need may be held by the thread that hangs, or standard error be a pipe that nobody reads. */
static void attempt(void *(*call)(void *), int seconds)
{
  pthread_t thread;
  struct timespec deadline;
  if (pthread_create(&thread, NULL, call, NULL) != 0)
    return;
  clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_sec += seconds;
  pthread_timedjoin_np(thread, NULL, &deadline);
}

static void *watch(void *unused)
{
  const double pause = fmin(1, dog.limit / 8);
  const struct timespec nap = {(time_t)pause, (long)(1e9 * fmod(pause, 1))};
  unsigned long last = atomic_load_explicit(&n_moves, memory_order_acquire);
  for (double silent = 0; silent < dog.limit;) {
    nanosleep(&nap, NULL); /* where esp_watchdog_stop cancels it */
    const unsigned long now = atomic_load_explicit(&n_moves, memory_order_acquire);
    silent = now == last ? silent + pause : 0;
    last = now;
  }
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  attempt(call_describe, PRINTING);
  attempt(call_end, ENDING);
  _exit(esp_err_exit_status(ESP_ERR_IO));
  return unused;
}

esp_err esp_watchdog_start(double seconds, void (*describe)(void), void (*end)(int status))
{
  if (seconds <= 0)
    return ESP_OK;
  dog.limit = seconds;
  dog.describe = describe;
  dog.end = end;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the thread that works */
  dog.there = pthread_create(&dog.thread, NULL, watch, NULL) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  ESP_REQUIRE(dog.there, ESP_ERR_NOMEM, "cannot start the thread of --watchdog; --watchdog 0 does without");
  return ESP_OK;
}

void esp_watchdog_stop(void)
{
  if (!dog.there)
    return;
  pthread_cancel(dog.thread);
  pthread_join(dog.thread, NULL);
  dog.there = false;
}
