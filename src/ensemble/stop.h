/* ensemble/stop.h - has anybody asked this process to stop? */
#ifndef ESPALIER_ENSEMBLE_STOP_H
#define ESPALIER_ENSEMBLE_STOP_H
#include <stdbool.h>

/** A signal came (see esp_stop_on_signals). */
bool esp_stop_signalled(void);

#endif
