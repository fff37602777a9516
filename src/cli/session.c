/* cli/session.c - rank 0 prepares, then all ranks compute. */
#include "session.h"

#include <errno.h>
#include <libgen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "espalier/ensemble.h"
#include "espalier/experiment.h"
#include "espalier/log.h"

/* ---- what rank 0 does before anything is computed ---- */

/* The config of a results file with other measures: nothing else may differ. */
static esp_err load_source(const esp_session *o, esp_config_file *config, char **problems)
{
  char *text = NULL, *difference = NULL;
  esp_config_file old = {0};
  ESP_TRY(esp_results_config(o->source, &text));
  esp_err err = esp_config_parse(o->source, text, 0, NULL, &old, problems);
  if (err == ESP_OK)
    err = esp_config_parse(o->source, text, o->n_set, o->set, config, problems);
  if (err == ESP_OK)
    err = esp_config_difference(&old.values, &config->values, ESP_DIFFERENCE_OF_NETWORKS, &difference);
  char measures[256];
  esp_config_analysis_keys(&old.values, measures, sizeof measures);
  if (err == ESP_OK && *difference)
    err = esp_fail(ESP_ERR_CONFIG,
                   "these keys shape the networks of %s, which are not trained again (file -> now):\n%sOnly how they are "
                   "measured can be set: %s.", o->source, difference, measures);
  free(text);
  free(difference);
  esp_config_file_free(&old);
  return err;
}

/* Measuring needs all networks to be there, and another file to go to. */
static esp_err check_source(const esp_session *o)
{
  struct stat from, to;
  ESP_REQUIRE(stat(o->source, &from) != 0 || stat(o->output, &to) != 0 || from.st_dev != to.st_dev || from.st_ino != to.st_ino,
              ESP_ERR_CANNOT_CREATE, "%s: the new measures need a file of their own; name another one with -o", o->output);
  esp_cli_file file;
  esp_err err = esp_cli_open(o->source, &file);
  long n_missing = 0;
  if (err == ESP_OK && !esp_experiment_of(&file.config.values)->analyse)
    err = esp_fail(ESP_ERR_DATA, "%s: experiment %s is measured while it is simulated, and nothing in its file can be measured again; set "
                   "other keys in the config and give 'espalier run' another -o FILE", o->source, file.plan.experiment);
  for (int stage = 0; err == ESP_OK && stage < file.plan.n_stages; stage++)
    for (int arm = 0; arm < file.plan.n_arms; arm++) {
      const esp_stage_count count = esp_cli_count(&file, arm, stage);
      n_missing += count.n_planned - count.n_done - count.n_failed;
    }
  if (err == ESP_OK && n_missing)
    err = esp_fail(ESP_ERR_DATA, "%s: %ld cells are missing; finish it with espalier run first", o->source, n_missing);
  esp_cli_close(&file);
  return err;
}

static esp_err load_config(const esp_session *o, esp_config_file *config)
{
  char *problems = NULL;
  const esp_err err =
      o->source ? load_source(o, config, &problems) : esp_config_load(o->config, o->n_set, o->set, config, &problems);
  if (err == ESP_ERR_CONFIG && problems)
    fputs(problems, stderr);
  free(problems);
  return err;
}

/* Can the results be there at all? Asked before the lock, whose file is beside them. */
static esp_err check_place(const char *output)
{
  char copy[4096];
  struct stat there;
  snprintf(copy, sizeof copy, "%s", output);
  const char *directory = dirname(copy);
  ESP_REQUIRE(stat(directory, &there) == 0 && S_ISDIR(there.st_mode), ESP_ERR_CANNOT_CREATE,
              "%s: there is no directory %s; make it, or name another place with -o", output, directory);
  ESP_REQUIRE(stat(output, &there) == 0 || errno != ENAMETOOLONG, ESP_ERR_CANNOT_CREATE, "%.60s...: %s; use a shorter one", output,
              strerror(errno));
  ESP_REQUIRE(stat(output, &there) == 0 || access(directory, W_OK | X_OK) == 0, ESP_ERR_CANNOT_CREATE,
              "%s: directory %s: %s; name another place with -o", output, directory, strerror(errno));
  return ESP_OK;
}

/* Is there room for a new file? A sparse file that runs out of space later loses nothing, but wastes the wait until then. */
static esp_err check_space(const char *output, const esp_plan *plan)
{
  char copy[4096];
  struct statvfs fs;
  snprintf(copy, sizeof copy, "%s", output);
  const char *directory = dirname(copy);
  ESP_REQUIRE(statvfs(directory, &fs) == 0, ESP_ERR_CANNOT_CREATE, "%s: cannot use directory %s: %s", output, directory,
              strerror(errno));
  const double there = (double)fs.f_bavail * (double)fs.f_frsize, needed = esp_results_bytes(plan);
  ESP_REQUIRE(needed <= there, ESP_ERR_CANNOT_CREATE,
              "%s needs %.1f MB but %s has %.1f MB free; make room, or name another place with -o", output, needed / 1e6,
              directory, there / 1e6);
  return ESP_OK;
}

/* The results file is there: is it of this config? */
static esp_err check_existing(const char *output, const esp_config_file *config)
{
  char *text = NULL, *problems = NULL, *difference = NULL;
  esp_config_file old = {0};
  ESP_TRY(esp_results_config(output, &text));
  esp_err err = esp_config_parse(output, text, 0, NULL, &old, &problems);
  if (err == ESP_OK)
    err = esp_config_difference(&old.values, &config->values, ESP_DIFFERENCE_OF_RESULTS, &difference);
  else
    err = esp_fail(ESP_ERR_DATA, "%s: the config inside it is not valid: %s", output, problems ? problems : "");
  if (err == ESP_OK && *difference)
    err = esp_fail(ESP_ERR_CONFIG,
                   "%s was made with another config (file -> now):\n%sGive the config it was made with, another -o FILE, or "
                   "--force to move it aside. Nothing was changed.",
                   output, difference);
  free(text);
  free(problems);
  free(difference);
  esp_config_file_free(&old);
  return err;
}

static esp_err move_aside(const char *output)
{
  char aside[4224], stamp[32];
  const time_t now = time(NULL);
  struct tm tm;
  strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", localtime_r(&now, &tm));
  snprintf(aside, sizeof aside, "%s.old-%s", output, stamp);
  for (int i = 1; access(aside, F_OK) == 0; i++) /* never over an earlier one; we have the lock, so nobody else makes them */
    snprintf(aside, sizeof aside, "%s.old-%s.%d", output, stamp, i);
  ESP_REQUIRE(rename(output, aside) == 0, ESP_ERR_CANNOT_CREATE, "cannot move %s to %s: %s", output, aside, strerror(errno));
  esp_log("moved the old %s to %s", output, aside);
  return ESP_OK;
}

static esp_err prepare_file(const esp_session *o, const esp_config_file *config, const esp_plan *plan)
{
  struct stat there;
  if (stat(o->output, &there) == 0) {
    const esp_err err = check_existing(o->output, config);
    if (err == ESP_OK || !o->force || !S_ISREG(there.st_mode))
      return err;
    ESP_TRY(move_aside(o->output));
  }
  ESP_TRY(check_space(o->output, plan));
  return esp_results_create(o->output, plan, config);
}

/* The moments at which to stop: --max-time, and a minute before Slurm ends the job (a quarter of what is left, if that is less). */
static void set_stop_times(esp_session *o)
{
  const char *job_end = getenv("SLURM_JOB_END_TIME"); /* seconds since 1970 */
  const double end = job_end ? strtod(job_end, NULL) : 0;
  const double left = end - (double)time(NULL);
  o->job_end = end > 0 ? esp_seconds() + left - fmin(60, fmax(0, left / 4)) : INFINITY;
  o->stop_at = fmin(esp_seconds() + o->max_time, o->job_end);
}

/* Whatever would keep a run from starting keeps --dry-run from it too. */
static esp_err dry_run(const esp_session *o, const esp_config_file *config, const esp_plan *plan, int n_ranks)
{
  struct stat there;
  ESP_TRY(check_place(o->output));
  if (stat(o->output, &there) == 0)
    ESP_TRY(check_existing(o->output, config));
  else
    ESP_TRY(check_space(o->output, plan));
  return esp_cli_dry_run(o->output, &o->what, &config->values, plan, n_ranks);
}

/* ---- the whole of it ---- */

/* Everything that can be found wrong before work begins is found here, by rank 0 alone. */
static esp_err prepare(const esp_session *o, esp_config_file *config, esp_plan *plan, esp_lock *lock, int n_ranks)
{
  if (o->source)
    ESP_TRY(check_source(o));
  ESP_TRY(load_config(o, config));
  ESP_TRY(esp_plan_create(&config->values, plan));
  if (o->dry_run)
    return dry_run(o, config, plan, n_ranks);
  ESP_TRY(check_place(o->output));
  ESP_TRY(esp_lock_take(o->output, lock));
  return prepare_file(o, config, plan);
}

static esp_err run_on_all_ranks(const esp_session *o, int rank, int n_ranks, esp_lock *lock, esp_config_file *config)
{
  esp_plan plan = {0};
  char *problems = NULL, *shared = NULL;
  esp_err err = rank == 0 ? prepare(o, config, &plan, lock, n_ranks) : ESP_OK;
  if (rank == 0 && err == ESP_OK)
    shared = strdup(config->resolved);
  if (rank == 0 && err == ESP_OK && !shared)
    err = ESP_ERR_NOMEM;
  err = esp_ensemble_share(err, &shared);
  if (err == ESP_OK && rank != 0) {
    err = esp_config_parse("the config of rank 0", shared, 0, NULL, config, &problems);
    if (err == ESP_OK)
      err = esp_plan_create(&config->values, &plan);
    if (err != ESP_OK)
      esp_ensemble_abort(err); /* rank 0 has read the same text without fault */
  }
  if (err == ESP_OK && !o->dry_run) {
    const esp_ensemble_options options = {
        .path = o->output, .source = o->source, .stop_at = o->stop_at, .quiet = o->quiet, .lock = lock, .argc = o->argc, .argv = o->argv};
    err = esp_ensemble_run(config, &plan, &options);
  }
  free(problems);
  free(shared);
  esp_plan_free(&plan);
  return err;
}

/* Why did the run stop early? */
static const char *stop_cause(const esp_session *o)
{
  static char text[64];
  const int number = esp_stop_signal();
  if (number)
    snprintf(text, sizeof text, "signal %d (%s)", number, strsignal(number));
  else if (esp_seconds() >= o->job_end)
    snprintf(text, sizeof text, "the coming end of the Slurm job");
  else if (esp_seconds() >= o->stop_at)
    snprintf(text, sizeof text, "--max-time");
  else
    snprintf(text, sizeof text, "a signal to another rank");
  return text;
}

/* After the work: the table, and what became of failed cells. */
static esp_err conclude(const esp_session *o, double max_failed_fraction, esp_err err)
{
  if (err == ESP_ERR_STOPPED)
    esp_log("stopped by %s with work left; the same command continues it (exit status 75)", stop_cause(o));
  if (err != ESP_OK && err != ESP_ERR_STOPPED)
    return err;
  esp_cli_file file;
  esp_err read = esp_cli_open(o->output, &file);
  if (read == ESP_OK)
    read = esp_cli_print_table(stdout, &file);
  long failed = 0, cells = 0;
  for (int stage = 0; read == ESP_OK && stage < file.plan.n_stages; stage++)
    for (int arm = 0; arm < file.plan.n_arms; arm++) {
      const esp_stage_count count = esp_cli_count(&file, arm, stage);
      failed += count.n_failed;
      cells += count.n_planned;
    }
  if (read == ESP_OK && err == ESP_OK)
    printf("%s is complete: %ld cells.\n", o->output, cells);
  if (failed)
    esp_warn("%ld of %ld cells failed; 'espalier status %s' lists them", failed, cells, o->output);
  if (read == ESP_OK && err == ESP_OK && (double)failed > max_failed_fraction * (double)cells)
    read = esp_fail(ESP_ERR_DATA, "%ld of %ld cells failed, more than ensemble.max_failed_fraction = %g allows", failed, cells,
                    max_failed_fraction);
  esp_cli_close(&file);
  return read == ESP_OK ? err : read;
}

int esp_cli_session(esp_session *o, int argc, char **argv)
{
  int rank, n_ranks;
  esp_lock lock = {.fd = -1};
  esp_config_file config = {0};
  set_stop_times(o);
  esp_stop_on_signals();
  esp_ensemble_begin(&argc, &argv, &rank, &n_ranks);
  esp_err err = run_on_all_ranks(o, rank, n_ranks, &lock, &config);
  if (rank == 0) {
    if (!o->dry_run)
      err = conclude(o, config.values.ensemble.max_failed_fraction, err);
    esp_lock_release(&lock);
    if (err != ESP_OK && err != ESP_ERR_STOPPED)
      esp_cli_fail(err);
  }
  esp_config_file_free(&config);
  esp_ensemble_end();
  return esp_err_exit_status(err);
}
