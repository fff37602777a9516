/* cli/report.c - results files to panels, verdicts, tables and pictures; and where a point of these comes from. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "espalier/log.h"
#include "espalier/number.h"
#include "espalier/report.h"

enum { MAX_FILES = ESP_N_EXPERIMENTS }; /* one of each */

/* Close the files and free the report whatever this returns. */
static esp_err open_report(int n_paths, char *const *paths, int n_members, int example, esp_cli_file *files, esp_report **report)
{
  esp_report_input inputs[MAX_FILES];
  for (int i = 0; i < n_paths; i++) {
    ESP_TRY(esp_cli_open(paths[i], &files[i]));
    ESP_TRY(esp_results_read_sound(files[i].results, files[i].commits, &files[i].n_damaged));
    if (files[i].n_damaged)
      esp_warn("%s: %ld cells are damaged (checksums do not hold) and count as not computed; 'espalier run' with its config "
               "computes them again", paths[i], files[i].n_damaged);
    inputs[i] = (esp_report_input){paths[i], &files[i].config, &files[i].plan, files[i].results, files[i].commits, n_members};
  }
  return esp_report_make(n_paths, inputs, example, report);
}

/* "dms_quick.h5" gives "dms_quick_report". */
static char *default_directory(const char *path)
{
  const size_t length = strlen(path), stem = length > 3 && strcmp(path + length - 3, ".h5") == 0 ? length - 3 : length;
  char *directory;
  return asprintf(&directory, "%.*s_report", (int)stem, path) < 0 ? NULL : directory;
}

static esp_err write_report(const esp_report *report, const char *directory, bool figures)
{
  const char *why_not = NULL;
  ESP_REQUIRE(directory, ESP_ERR_NOMEM, "no memory for a path");
  ESP_TRY(esp_report_write(report, directory));
  esp_report_print(report, stdout);
  printf("\n%s: panels.h5, scorecard.md, scorecard.json, tables/\n", directory);
  if (!figures)
    return ESP_OK;
  ESP_TRY(esp_report_draw(directory, &why_not));
  if (why_not)
    printf("%s\n", why_not);
  return ESP_OK;
}

/* Number of a member. */
static bool read_member(const char *text, void *to)
{
  const char *end = esp_read_count(text, 1000000, to);
  return end && !*end;
}

static bool read_members(const char *text, void *to)
{
  return read_member(text, to) && *(long *)to > 0;
}

int esp_cli_report(int argc, char **argv)
{
  const char *output = NULL;
  long example = ESP_REPORT_EXAMPLE_BY_RULE, n_members = 0;
  bool no_figures = false;
  const esp_option options[] = {
      {'o', "output", "DIR", "where to (default: the first file's name without .h5, and _report)", esp_cli_read_text, &output,
       NULL},
      {0, "example", "M",
       "member of the panels that show one pair of networks, of the dms file or, without one, of the bandit's (default: chosen "
       "by a rule)",
       read_member, &example, "not a member; they count from 0"},
      {0, "members", "N", "only the first N members of each file, to compare with a smaller run", read_members, &n_members,
       "not a number of members"},
      {0, "no-figures", NULL, "numbers only", esp_cli_read_flag, &no_figures, NULL},
  };
  const esp_command command = {
      "report",
      "Usage: espalier report FILE... [-o DIR] [--members N] [--example M] [--no-figures]\n\n"
      "Judge the claims of the paper on one to four results files (at most one of each experiment: dms, scratch, bandit,\n"
      "lever; in any order) and write the numbers behind every panel. A file may be unfinished: who is missing is counted\n"
      "and named.\n\n"
      "DIR gets panels.h5 (docs/PANELS.md), scorecard.md and scorecard.json, tables/*.csv, and, where Python has h5py and\n"
      "matplotlib, pictures. Files of an earlier report are replaced; equal results give equal bytes.\n",
      "Examples:\n"
      "  espalier report dms_quick.h5\n"
      "  espalier report dms_ensemble.h5 scratch.h5 rl_ensemble.h5 -o paper\n"
      "  ESPALIER_TOOLS=tools espalier report dms_quick.h5     with tools/figures.py from there\n",
      sizeof options / sizeof *options, options};
  const int status = esp_cli_options(&command, argc, argv);
  if (status >= 0)
    return status;
  if (argc - optind < 1 || argc - optind > MAX_FILES)
    return esp_cli_usage_error("report", "one to four results files are needed, %d given", argc - optind);
  esp_cli_file files[MAX_FILES] = {0};
  esp_report *report = NULL;
  char *by_name = default_directory(argv[optind]);
  esp_err err = open_report(argc - optind, argv + optind, (int)n_members, (int)example, files, &report);
  if (err == ESP_OK)
    err = write_report(report, output ? output : by_name, !no_figures);
  esp_report_free(report);
  for (int i = 0; i < MAX_FILES; i++)
    esp_cli_close(&files[i]);
  free(by_name);
  return esp_cli_end(err);
}

int esp_cli_explain(int argc, char **argv)
{
  const char *panel = NULL, *at = NULL;
  const esp_option options[] = {
      {0, "panel", "P", esp_report_explained(), esp_cli_read_text, &panel, NULL},
      {0, "at", "X", "place on the x axis, the nearest point is taken; S1 has rungs and calls: --at 0.70,3",
       esp_cli_read_text, &at, NULL},
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
  esp_err err = open_report(1, argv + optind, 0, ESP_REPORT_EXAMPLE_BY_RULE, &file, &report);
  if (err == ESP_OK)
    err = esp_report_explain(report, panel, at, stdout);
  esp_report_free(report);
  esp_cli_close(&file);
  return esp_cli_end(err);
}
