/* tests/unit/lever_options.h - options of the lever's numerical modules, from a config: it is the only place with defaults. */
#ifndef ESPALIER_TESTS_LEVER_OPTIONS_H
#define ESPALIER_TESTS_LEVER_OPTIONS_H
#include <stdio.h>
#include <stdlib.h>

#include "espalier/config.h"
#include "espalier/lever_experiment.h"

static inline esp_lever_options lever_defaults(void)
{
  esp_config_file file;
  char *problems;
  if (esp_config_parse("defaults", "experiment: lever\n", 0, NULL, &file, &problems) != ESP_OK) {
    fputs(problems, stderr);
    abort();
  }
  const esp_lever_options options = esp_lever_options_of(&file.values);
  esp_config_file_free(&file);
  return options;
}

#endif
