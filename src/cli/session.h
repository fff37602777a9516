/* cli/session.h - one run of the ensemble, from a request to a finished results file: what run and analyze share. */
#ifndef ESPALIER_CLI_SESSION_H
#define ESPALIER_CLI_SESSION_H
#include "cli.h"
#include "espalier/ensemble.h"

enum { ESP_MAX_SET = 256 };

typedef struct {
  const char *config;       /* YAML file; NULL: measure the networks of run.source again */
  char output[4096];
  esp_ensemble_options run; /* run.members is known to rank 0, once the config is read   */
  int n_set;
  const char *set[ESP_MAX_SET];
  double max_time;          /* s; INFINITY: none                                     */
  double job_end;           /* esp_seconds() at which to stop for Slurm's sake       */
  double watchdog;          /* s; 0: never                                           */
  const char *members_text; /* the members to compute, as written; NULL: all          */
  int part, n_parts;        /* or this part of them; n_parts 0: all                  */
  bool dry_run, force, repair;
  esp_rank_list ranks;      /* of --dry-run; n = 0: no table                         */
  const char *times_from;   /* results file to take cell times from; NULL: see run --help */
} esp_session;

/** Say what a run would compute, how long and how large. What can keep it from starting has been checked. */
esp_err esp_cli_dry_run(const esp_session *session, const esp_config *config, const esp_plan *plan, int n_ranks);

/** Rank 0: give an existing file another name, FILE.old-TIME, and its own name to successor (NULL: to nobody yet). */
esp_err esp_cli_move_aside(const char *output, const char *successor);

/** Rank 0, with the lock of output: replace the damaged output by a new file with every cell that can be saved from it; the old one is
 *  moved aside. Whatever goes wrong, the output stays as it was.
 *  @param config_known  the config in the damaged file was read and is this one; else it is told from its text or from bits
 *  @return ESP_OK; ESP_ERR_DATA: nothing can be saved; ESP_ERR_CONFIG: it is of another config; ESP_ERR_STOPPED; ESP_ERR_IO, ... */
esp_err esp_cli_repair(const esp_session *session, const esp_config_file *config, const esp_plan *plan, bool config_known);

/** All of it, on all ranks; returns the exit status. */
int esp_cli_session(esp_session *session, int argc, char **argv);

#endif
