/* ensemble/stop.c - the handler only notes the signal; everything else happens where it is safe. */
#include "espalier/ensemble.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

enum { LAUNCHER_REPEATS = 3 }; /* s; Slurm and mpirun each send a TERM of their own: that is one request, not two */

static volatile sig_atomic_t signalled; /* the number of the first signal */
static time_t first_end;                /* when the first INT or TERM came; 0: none; only the handler uses it */

static void on_signal(int number)
{
  if (!signalled)
    signalled = number;
  if (number != SIGINT && number != SIGTERM)
    return;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const bool again = first_end != 0 && (number == SIGINT || now.tv_sec - first_end > LAUNCHER_REPEATS);
  if (again) {
    signal(number, SIG_DFL); /* asked twice: end now; committed cells are safe in the file */
    raise(number);
  }
  if (first_end == 0)
    first_end = now.tv_sec;
}

void esp_stop_on_signals(void)
{
  static const int numbers[] = {SIGUSR1, SIGUSR2, SIGINT, SIGTERM};
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART; /* a write in progress goes on */
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    sigaction(numbers[i], &action, NULL);
}

int esp_stop_signal(void)
{
  return signalled;
}
