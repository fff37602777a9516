/* fuzz_config.c - any text as a config, any words as --set: refused with reasons, or a config that says itself again.
 *
 * Input: the config up to the first zero byte, then what is given with --set, separated by zero bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "espalier/config.h"
#include "espalier/experiment.h"
#include "fuzz.h"

enum { MAX_SET = 8 };

/* The resolved config is a config, and it is this one. */
static void check_resolved(const esp_config_file *file)
{
  esp_config_file again;
  char *problems = NULL, *difference = NULL;
  if (esp_config_parse("resolved", file->resolved, 0, NULL, &again, &problems) != ESP_OK ||
      esp_config_difference(&file->values, &again.values, ESP_DIFFERENCE_OF_NETWORKS, &difference) != ESP_OK || *difference ||
      strcmp(file->resolved, again.resolved) != 0)
    abort();
  esp_config_file_free(&again);
  free(problems);
  free(difference);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char *text = malloc(size + 1), *problems = NULL;
  const char *set[MAX_SET];
  int n_set = 0;
  esp_config_file file;
  esp_plan plan = {0};
  memcpy(text, data, size);
  text[size] = '\0';
  for (const char *at = text + strlen(text) + 1; at <= text + size && n_set < MAX_SET; at += strlen(at) + 1)
    set[n_set++] = at;
  const esp_err err = esp_config_parse("input", text, n_set, set, &file, &problems);
  if (err == ESP_OK) {
    check_resolved(&file);
    if (esp_plan_create(&file.values, &plan) != ESP_OK)
      abort();
    esp_plan_free(&plan);
  } else if (err != ESP_ERR_CONFIG || !problems || !*problems)
    abort(); /* refused without a reason */
  esp_config_file_free(&file);
  free(problems);
  free(text);
  return 0;
}
