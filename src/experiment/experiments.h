/* experiment/experiments.h - the experiments there are; the registry in experiment.c lists them. */
#ifndef ESPALIER_EXPERIMENT_EXPERIMENTS_H
#define ESPALIER_EXPERIMENT_EXPERIMENTS_H
#include "espalier/experiment.h"

extern const esp_experiment esp_experiment_dms, esp_experiment_scratch, esp_experiment_bandit, esp_experiment_lever;

#endif
