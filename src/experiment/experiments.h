/* experiment/experiments.h - the experiments there are (ESP_EXPERIMENTS), each defined in a file of its name. */
#ifndef ESPALIER_EXPERIMENT_EXPERIMENTS_H
#define ESPALIER_EXPERIMENT_EXPERIMENTS_H
#include "espalier/experiment.h"

#define X(ID, name, ...) extern const esp_experiment esp_experiment_##name;
ESP_EXPERIMENTS(X)
#undef X

#endif
