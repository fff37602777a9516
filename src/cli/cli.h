/* cli/cli.h - the sub-commands, and what they share. Each returns the exit status of the program. */
#ifndef ESPALIER_CLI_CLI_H
#define ESPALIER_CLI_CLI_H
#include <stdbool.h>
#include <stdio.h>

#include "espalier/config.h"
#include "espalier/experiment.h"
#include "espalier/members.h"
#include "espalier/plan.h"
#include "espalier/results.h"
#include "options.h"

int esp_cli_run(int argc, char **argv);
int esp_cli_merge(int argc, char **argv);
int esp_cli_analyze(int argc, char **argv);
int esp_cli_status(int argc, char **argv);
int esp_cli_verify(int argc, char **argv);
int esp_cli_report(int argc, char **argv);
int esp_cli_explain(int argc, char **argv);
int esp_cli_info(int argc, char **argv);
int esp_cli_bench(int argc, char **argv);

/** The exit status to end with; what is wrong is said on stderr first (of ESP_ERR_STOPPED the caller has told). */
int esp_cli_end(esp_err err);

/** Complain about the command line, point to --help, and return 64. Under a launcher only the first rank speaks. */
int esp_cli_usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** False on all but the first of the processes that a launcher has started; known before MPI is. */
bool esp_cli_is_first(void);

/** Are these two names of one file that is there? */
bool esp_cli_same_file(const char *a, const char *b);

/** Can results be there at all? Ask before the lock, whose file is beside them.
 *  @return ESP_OK or ESP_ERR_CANNOT_CREATE. */
esp_err esp_cli_check_place(const char *output);

/** Is there room for so many bytes more beside this file?
 *  @return ESP_OK or ESP_ERR_CANNOT_CREATE. */
esp_err esp_cli_check_space(const char *output, double needed);

/** A results file opened from nothing but its path. */
typedef struct {
  const char *path;
  esp_config_file config;
  esp_plan plan;
  esp_results *results;
  esp_commit *commits; /* [slots of the plan] */
  long n_damaged;      /* commit entries that cannot be read */
} esp_cli_file;

/** Open for reading: the config in the file gives the plan, the plan gives the layout. Close it whatever this returns. */
esp_err esp_cli_open(const char *path, esp_cli_file *file);
void esp_cli_close(esp_cli_file *file);

/** Is this cell there, done or failed? */
bool esp_cli_has(const esp_cli_file *file, esp_cell cell);

/** The name of the first field in which two records differ; NULL: they are equal, bit for bit (padding does not count). */
const char *esp_cli_first_difference(const esp_record *a, const esp_record *b);

/** Compute the cells in these slots again from their parents and print for each whether all bits are equal.
 *  @param host        may ask to stop
 *  @param n_faults    gets one more for each that differs
 *  @return ESP_OK, ESP_ERR_STOPPED, ESP_ERR_IO, ESP_ERR_NOMEM */
esp_err esp_cli_recompute(const esp_cli_file *file, const esp_stage_host *host, const long *slots, long n, long *n_faults);

/** Counts of one stage in one arm. */
typedef struct {
  long n_planned, n_done, n_failed, n_converged;
} esp_stage_count;

esp_stage_count esp_cli_count(const esp_cli_file *file, int arm, int stage);

/** Most memory, in MiB, that a process had when it wrote one of the cells; 0: not known. */
int esp_cli_peak_mib(const esp_cli_file *file);

/** Columns that the names of the stages need. */
int esp_cli_stage_width(const esp_plan *plan);

/** Print the table of a file: per stage and arm how many cells there are, how many converged, and the mean over members of
 *  every field that its experiment declares as summary. */
esp_err esp_cli_print_table(const esp_cli_file *file);

#endif
