/* cli/report.c - results files to panels, verdicts, tables and pictures. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "espalier/log.h"

enum { MAX_FILES = ESP_N_EXPERIMENTS }; /* one of each */

static void print_help(void)
{
  printf("Usage: espalier report FILE... [-o DIR] [--members N] [--example M] [--no-figures]\n\n"
         "Judge the claims of the paper on one to four results files (at most one of each experiment: dms, scratch, bandit,\n"
         "lever; in any order) and write the numbers behind every panel. A file may be unfinished: who is missing is counted and named.\n\n"
         "DIR gets panels.h5 (docs/PANELS.md), scorecard.md and scorecard.json, tables/*.csv, and, where Python has h5py and\n"
         "matplotlib, pictures. Files of an earlier report are replaced; equal results give equal bytes.\n\n"
         "Options:\n"
         "  -o, --output DIR   where to (default: the first file's name without .h5, and _report)\n"
         "      --example M    member of the panels that show one pair of networks, of the dms file or, without one, of the\n"
         "                     bandit's (default: chosen by a rule)\n"
         "      --members N    only the first N members of each file, to compare with a smaller run\n"
         "      --no-figures   numbers only\n\n"
         "Examples:\n"
         "  espalier report dms_quick.h5\n"
         "  espalier report dms_ensemble.h5 scratch.h5 rl_ensemble.h5 -o paper\n"
         "  ESPALIER_TOOLS=tools espalier report dms_quick.h5     with tools/figures.py from there\n");
}

esp_err esp_cli_open_report(int n_paths, char *const *paths, int n_members, int example, esp_cli_file *files,
                            esp_report **report)
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

static bool parse_count(const char *text, long *value)
{
  char *end;
  *value = strtol(text, &end, 10);
  return end != text && !*end && *value >= 0 && *value <= 1000000;
}

int esp_cli_report(int argc, char **argv)
{
  static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                          {"output", required_argument, NULL, 'o'},
                                          {"example", required_argument, NULL, 'e'},
                                          {"members", required_argument, NULL, 'm'},
                                          {"no-figures", no_argument, NULL, 'n'},
                                          {NULL, 0, NULL, 0}};
  const char *output = NULL;
  long example = ESP_REPORT_EXAMPLE_BY_RULE, n_members = 0;
  bool figures = true;
  for (int c; (c = getopt_long(argc, argv, ":ho:", options, NULL)) != -1;)
    switch (c) {
    case 'h': print_help(); return 0;
    case 'o': output = optarg; break;
    case 'n': figures = false; break;
    case 'e':
      if (!parse_count(optarg, &example))
        return esp_cli_usage_error("report", "'%s' is not a member; they count from 0", optarg);
      break;
    case 'm':
      if (!parse_count(optarg, &n_members) || n_members == 0)
        return esp_cli_usage_error("report", "'%s' is not a number of members", optarg);
      break;
    default: return esp_cli_bad_option("report", c, argv);
    }
  if (argc - optind < 1 || argc - optind > MAX_FILES)
    return esp_cli_usage_error("report", "one to four results files are needed, %d given", argc - optind);
  esp_cli_file files[MAX_FILES] = {0};
  esp_report *report = NULL;
  char *by_name = default_directory(argv[optind]);
  esp_err err = esp_cli_open_report(argc - optind, argv + optind, (int)n_members, (int)example, files, &report);
  if (err == ESP_OK)
    err = write_report(report, output ? output : by_name, figures);
  esp_report_free(report);
  for (int i = 0; i < MAX_FILES; i++)
    esp_cli_close(&files[i]);
  free(by_name);
  return err == ESP_OK ? 0 : esp_cli_fail(err);
}
