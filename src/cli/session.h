/* cli/session.h - one run of the ensemble, from a request to a finished results file: what run and analyze share. */
#ifndef ESPALIER_CLI_SESSION_H
#define ESPALIER_CLI_SESSION_H
#include "cli.h"

enum { ESP_MAX_SET = 256 };

typedef struct {
  const char *config;       /* YAML file; NULL: measure the networks of source again */
  const char *source;       /* results file; NULL: train                             */
  char output[4096];
  int n_set;
  const char *set[ESP_MAX_SET];
  double max_time;          /* s; INFINITY: none                                     */
  double stop_at, job_end;  /* esp_seconds() at which to stop, and why               */
  double worker_timeout, watchdog; /* s; 0: never                                    */
  bool dry_run, force, quiet;
  esp_dry_run what;         /* of --dry-run                                          */
  int argc;
  char **argv;              /* as given, before getopt sorts it; for provenance; owned by the caller */
} esp_session;

/** All of it, on all ranks; returns the exit status. */
int esp_cli_session(esp_session *session, int argc, char **argv);

#endif
