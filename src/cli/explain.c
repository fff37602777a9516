/* cli/explain.c - where does this point come from? */
#include "cli.h"

int esp_cli_explain(int argc, char **argv)
{
  const char *panel = NULL, *at = NULL;
  const esp_option options[] = {
      {0, "panel", "P", esp_report_explained(), esp_cli_read_text, &panel, NULL},
      {0, "at", "X", "place on the x axis, the nearest point is taken; S1 has rungs and calls: --at 0.70,3", esp_cli_read_text, &at,
       NULL},
  };
  const esp_command command = {
      "explain",
      "Usage: espalier explain FILE --panel P --at X\n\n"
      "Say what lies behind one point of a panel of 'espalier report': how many networks or runs, who is missing and why, the\n"
      "slices of the results file, every member's number, mean, SEM and test, and how to compute such a cell again.\n",
      "Examples:\n"
      "  espalier explain dms_quick.h5 --panel 5A --at 0.70\n"
      "  espalier explain dms_quick.h5 --panel 5B --at 20\n"
      "  espalier explain scratch.h5 --panel S2A --at 1\n"
      "  espalier explain rl_ensemble.h5 --panel 7A --at 0.70\n"
      "  espalier explain lever_ensemble.h5 --panel K5C --at 24\n",
      sizeof options / sizeof *options, options};
  const int status = esp_cli_options(&command, argc, argv);
  if (status >= 0)
    return status;
  if (argc - optind != 1)
    return esp_cli_usage_error("explain", "one results file is needed, %d given", argc - optind);
  if (!panel || !at)
    return esp_cli_usage_error("explain", "--panel and --at are needed");
  esp_cli_file file = {0};
  esp_report *report = NULL;
  esp_err err = esp_cli_open_report(1, argv + optind, 0, ESP_REPORT_EXAMPLE_BY_RULE, &file, &report);
  if (err == ESP_OK)
    err = esp_report_explain(report, panel, at, stdout);
  esp_report_free(report);
  esp_cli_close(&file);
  return esp_cli_end(err);
}
