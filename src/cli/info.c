/* cli/info.c - what made this file? Everything is printed from the file's own attributes and texts, whatever version wrote them; --config
 * and --resolved print one text verbatim, to be run again. */
#include <stdlib.h>

#include "cli.h"

static void print_overview(const esp_cli_file *file)
{
  const esp_plan *plan = &file->plan;
  printf("file: %s\nexperiment: %s, %d members x %d arms x %d stages, %ld cells\narms:", file->path, plan->experiment,
         plan->n_members, plan->n_arms, plan->n_stages, esp_plan_n_cells(plan));
  for (int arm = 0; arm < plan->n_arms; arm++)
    printf(" %s", plan->arm_name[arm]);
  printf("\nstages:");
  for (int stage = 0; stage < plan->n_stages; stage++)
    printf(" %s", plan->stages[stage].name);
  printf("\nfields (/records):\n");
  for (int f = 0; f < plan->record.n_fields; f++) {
    const esp_field *field = &plan->record.field[f];
    printf("  %-18s [member, arm, stage", field->name);
    for (int a = 0; a < field->n_axes; a++)
      printf(", %s", plan->axes[field->axis[a]].name);
    printf("]  %s\n", field->long_name);
  }
}

int esp_cli_info(int argc, char **argv)
{
  bool as_given = false, resolved = false;
  const esp_option options[] = {
      {0, "config", NULL, "print the config file as it was given, comments and all", esp_cli_read_flag, &as_given, NULL},
      {0, "resolved", NULL, "print every key with the value in force, as a config that runs", esp_cli_read_flag, &resolved, NULL},
  };
  const esp_command command = {
      "info",
      "Usage: espalier info [--config | --resolved] FILE\n\n"
      "Print what a results file is: experiment, size, provenance (versions, machine, every run that wrote to it).\n",
      "Examples:\n"
      "  espalier info dms_quick.h5\n"
      "  espalier info --resolved dms_quick.h5 > again.yaml && espalier run again.yaml\n",
      sizeof options / sizeof *options, options};
  const int status = esp_cli_options(&command, argc, argv);
  if (status >= 0)
    return status;
  if (as_given && resolved)
    return esp_cli_usage_error("info", "--config and --resolved print different texts; give one of them");
  if (argc - optind != 1)
    return esp_cli_usage_error("info", "one results file is needed, %d given", argc - optind);
  esp_cli_file file;
  esp_err err = esp_cli_open(argv[optind], &file);
  if (err == ESP_OK && resolved)
    fputs(file.config.resolved, stdout);
  char *text = NULL;
  if (err == ESP_OK && as_given)
    err = esp_results_config_text(argv[optind], &text);
  if (text)
    fputs(text, stdout);
  free(text);
  if (err == ESP_OK && !as_given && !resolved) {
    print_overview(&file);
    err = esp_results_print_provenance(argv[optind]);
  }
  esp_cli_close(&file);
  return esp_cli_end(err);
}
