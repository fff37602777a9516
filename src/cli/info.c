/* cli/info.c - what made this file? */
#include <getopt.h>
#include <stdlib.h>

#include "cli.h"

static void print_help(void)
{
  printf("Usage: espalier info [--config | --resolved] FILE\n\n"
         "Print what a results file is: experiment, size, provenance (versions, machine, every run that wrote to it).\n\n"
         "Options:\n"
         "  --config     print the config file as it was given, comments and all\n"
         "  --resolved   print every key with the value in force, as a config that runs\n\n"
         "Examples:\n"
         "  espalier info dms_quick.h5\n"
         "  espalier info --resolved dms_quick.h5 > again.yaml && espalier run again.yaml\n");
}

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
  static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                          {"config", no_argument, NULL, 'c'},
                                          {"resolved", no_argument, NULL, 'r'},
                                          {NULL, 0, NULL, 0}};
  char what = 'i';
  for (int c; (c = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
    if (c == 'h') {
      print_help();
      return 0;
    }
    if (c == '?' || c == ':')
      return esp_cli_bad_option("info", c, argv);
    what = (char)c;
  }
  if (argc - optind != 1)
    return esp_cli_usage_error("info", "one results file is needed, %d given", argc - optind);
  esp_cli_file file;
  esp_err err = esp_cli_open(argv[optind], &file);
  if (err == ESP_OK && what == 'r')
    fputs(file.config.resolved, stdout);
  char *text = NULL;
  if (err == ESP_OK && what == 'c')
    err = esp_results_config_text(argv[optind], &text);
  if (text)
    fputs(text, stdout);
  free(text);
  if (err == ESP_OK && what == 'i') {
    print_overview(&file);
    err = esp_results_print_provenance(argv[optind]);
  }
  esp_cli_close(&file);
  return err == ESP_OK ? 0 : esp_cli_fail(err);
}
