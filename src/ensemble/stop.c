/* ensemble/stop.c - the handler only notes the signal; everything else happens where it is safe. */
#include "stop.h"

#include <signal.h>
#include <string.h>

#include "espalier/ensemble.h"

static volatile sig_atomic_t signalled, end_signals;

static void on_signal(int number)
{
  signalled = 1;
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

bool esp_stop_signalled(void)
{
  return signalled != 0;
}
