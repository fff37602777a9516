/* tests/unit/lever_options.h - options of the lever's numerical modules, from a config: it is the only place with defaults. */
#ifndef ESPALIER_TESTS_LEVER_OPTIONS_H
#define ESPALIER_TESTS_LEVER_OPTIONS_H
#include <stdio.h>
#include <stdlib.h>

#include "espalier/config.h"
#include "espalier/lever.h"

static inline esp_lever_options lever_options_of(const esp_config *config)
{
  return (esp_lever_options){.neurons = config->neurons,
                             .synapses = config->synapses,
                             .task = config->trials,
                             .snapshot_min = config->lever.snapshot_min,
                             .n_wait_bins = config->lever.n_wait_bins,
                             .n_sampled = config->lever.n_sampled};
}

static inline esp_lever_options lever_defaults(void)
{
  esp_config_file file;
  char *problems;
  if (esp_config_parse("defaults", "experiment: lever\n", 0, NULL, &file, &problems) != ESP_OK) {
    fputs(problems, stderr);
    abort();
  }
  const esp_lever_options options = lever_options_of(&file.values);
  esp_config_file_free(&file);
  return options;
}

#endif
