/* ensemble/stop.c - the handler only notes the signal; everything else happens where it is safe. */
#include "espalier/ensemble.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t signalled, end_signals; /* the number of the first signal; how many INT and TERM */

static void on_signal(int number)
{
  if (!signalled)
    signalled = number;
  if ((number == SIGINT || number == SIGTERM) && end_signals++ > 0) {
    signal(number, SIG_DFL); /* asked twice: end now; committed cells are safe in the file */
    raise(number);
  }
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
