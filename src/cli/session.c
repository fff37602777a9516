/* cli/session.c - what run and analyze do. Rank 0 prepares: it reads the config, takes the lock, makes the file or checks that what is
 * there belongs to this config, and tells the other ranks how that went, who have nothing to do until then. Then all ranks compute; in
 * the end rank 0 prints the table and says with which status all of them end. The lock is given back last, on every way out. */
#include "session.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "espalier/log.h"
#include "espalier/number.h"
#include "espalier/watchdog.h"

/* ---- what rank 0 does before anything is computed ---- */

/* The config of a results file with other measures: nothing else may differ. */
static esp_err load_source(const esp_session *o, esp_config_file *config, char **problems)
{
  char *difference = NULL;
  esp_config_file old = {0};
  ESP_TRY(esp_results_load_config(o->run.source, &old));
  esp_err err = esp_config_parse(o->run.source, old.text, o->n_set, o->set, config, problems);
  if (err == ESP_OK)
    err = esp_config_difference(&old.values, &config->values, ESP_DIFFERENCE_OF_NETWORKS, &difference);
  char measures[256];
  esp_config_analysis_keys(&old.values, measures, sizeof measures);
  if (err == ESP_OK && *difference)
    err = esp_fail(ESP_ERR_CONFIG,
                   "these keys shape the networks of %s, which are not trained again (file -> now):\n%sOnly how they are "
                   "measured can be set: %s.", o->run.source, difference, measures);
  free(difference);
  esp_config_file_free(&old);
  return err;
}

/* Cells of these members that are missing, or have failed. */
static long count_cells(const esp_cli_file *file, esp_members members, esp_cell_state state)
{
  return esp_commits_count(&file->plan, file->commits, members.first, members.last, state);
}

/* Measuring needs all networks that are to be measured. */
static esp_err check_source(const esp_session *o)
{
  esp_cli_file file;
  esp_err err = esp_cli_open(o->run.source, &file);
  if (err == ESP_OK && !esp_experiment_of(&file.config.values)->analyse)
    err = esp_fail(ESP_ERR_DATA, "%s: experiment %s is measured while it is simulated, and nothing in its file can be measured again; set "
                   "other keys in the config and give 'espalier run' another -o FILE", o->run.source, file.plan.experiment);
  const long n_missing = err == ESP_OK ? count_cells(&file, o->run.members, ESP_CELL_EMPTY) : 0;
  if (n_missing)
    err = esp_fail(ESP_ERR_DATA, "%s: %ld cells are missing; finish it with espalier run first", o->run.source, n_missing);
  esp_cli_close(&file);
  return err;
}

static esp_err load_config(const esp_session *o, esp_config_file *config)
{
  char *problems = NULL;
  const esp_err err =
      o->run.source ? load_source(o, config, &problems) : esp_config_load(o->config, o->n_set, o->set, config, &problems);
  if (err == ESP_ERR_CONFIG && problems)
    fputs(problems, stderr);
  free(problems);
  return err;
}

bool esp_cli_same_file(const char *a, const char *b)
{
  struct stat left, right;
  return stat(a, &left) == 0 && stat(b, &right) == 0 && left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}

esp_err esp_cli_check_place(const char *output)
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

/* A sparse file that runs out of space later loses nothing, but wastes the wait until then. */
esp_err esp_cli_check_space(const char *output, double needed)
{
  char copy[4096];
  struct statvfs fs;
  snprintf(copy, sizeof copy, "%s", output);
  const char *directory = dirname(copy);
  ESP_REQUIRE(statvfs(directory, &fs) == 0, ESP_ERR_CANNOT_CREATE, "%s: cannot use directory %s: %s", output, directory,
              strerror(errno));
  const double there = (double)fs.f_bavail * (double)fs.f_frsize;
  ESP_REQUIRE(needed <= there, ESP_ERR_CANNOT_CREATE,
              "%s needs %.1f MB but %s has %.1f MB free; make room, or name another place with -o", output, needed / 1e6,
              directory, there / 1e6);
  return ESP_OK;
}

/* What the cells that are left can take in blocks that the file has not got yet: each field begins and ends inside a block. */
static double bytes_left(const esp_cli_file *file, esp_members members, const struct stat *there)
{
  const double block = there->st_blksize, holes = (double)there->st_size - 512.0 * (double)there->st_blocks;
  const esp_layout *layout[] = {&file->plan.record, &file->plan.resume};
  double cell = 0;
  for (int l = 0; l < 2; l++)
    for (int f = 0; f < layout[l]->n_fields; f++)
      cell += block + ceil((double)(layout[l]->count[f] * esp_type_bytes(layout[l]->field[f].type)) / block) * block;
  return fmax(0, fmin(holes, (double)count_cells(file, members, ESP_CELL_EMPTY) * cell));
}

/* Is everything there that a run needs of it? Asked here, so that no rank begins on a file that it cannot use. And is there
 * room? A results file has its whole length from the beginning, its blocks only where numbers are. */
static esp_err check_contents(const esp_session *o, const struct stat *there)
{
  esp_cli_file file;
  esp_run last;
  esp_err err = esp_cli_open(o->output, &file);
  if (err == ESP_OK)
    err = esp_results_last_run(file.results, &last);
  if (err == ESP_OK && o->repair)
    esp_log("%s: nothing to repair; cells that are damaged are computed again as in any run", o->output);
  if (err == ESP_OK && esp_cli_check_space(o->output, bytes_left(&file, o->run.members, there)) != ESP_OK)
    err = esp_fail(ESP_ERR_IO, "what is missing in %s", esp_err_message(ESP_ERR_CANNOT_CREATE));
  esp_cli_close(&file);
  return err;
}

/* The results file is there: is it of this config? */
static esp_err check_existing(const char *output, const esp_config_file *config)
{
  char *difference = NULL;
  esp_config_file old = {0};
  ESP_TRY(esp_results_load_config(output, &old));
  esp_err err = esp_config_difference(&old.values, &config->values, ESP_DIFFERENCE_OF_RESULTS, &difference);
  if (err == ESP_OK && *difference)
    err = esp_fail(ESP_ERR_CONFIG,
                   "%s was made with another config (file -> now):\n%sGive the config it was made with, another -o FILE, or "
                   "--force to move it aside. Nothing was changed.",
                   output, difference);
  free(difference);
  esp_config_file_free(&old);
  return err;
}

static double bytes_of_members(const esp_session *o, const esp_plan *plan)
{
  return esp_results_bytes(plan, esp_members_below(o->run.members, plan->n_members));
}

static esp_err make_file(const esp_session *o, const esp_config_file *config, const esp_plan *plan)
{
  ESP_TRY(esp_cli_check_space(o->output, bytes_of_members(o, plan)));
  esp_watchdog_phase(ESP_PHASE_MAKING);
  return esp_results_create(o->output, plan, config);
}

static esp_err prepare_file(const esp_session *o, const esp_config_file *config, const esp_plan *plan)
{
  struct stat there;
  if (stat(o->output, &there) != 0)
    return make_file(o, config, plan);
  esp_err err = check_existing(o->output, config);
  const bool config_known = err == ESP_OK;
  if (config_known)
    err = check_contents(o, &there);
  if (err == ESP_OK || !S_ISREG(there.st_mode))
    return err;
  if (o->force && (err == ESP_ERR_CONFIG || err == ESP_ERR_DATA)) { /* what cannot be read now may be whole */
    ESP_TRY(esp_cli_move_aside(o->output, NULL));
    return make_file(o, config, plan);
  }
  if (o->run.source || err != ESP_ERR_DATA)
    return err;
  if (!o->repair)
    return esp_fail(err, "%s; --repair saves what is whole if it is a damaged results file", esp_err_message(err));
  esp_log("%s", esp_err_message(err));
  ESP_TRY(esp_cli_check_space(o->output, esp_results_bytes(plan, plan->n_members)));
  return esp_cli_repair(o, config, plan, config_known);
}

/* Seconds since 1970 at which the Slurm job ends; INFINITY: there is none, or nothing that says so. */
static double job_end(void)
{
  long end;
  const char *text = getenv("SLURM_JOB_END_TIME");
  const char *rest = text && *text ? esp_read_count(text, LONG_MAX, &end) : NULL;
  if (rest && !*rest && end > 0)
    return (double)end;
  if (text && *text && esp_cli_is_first())
    esp_warn("SLURM_JOB_END_TIME '%s' is no time in seconds since 1970 and is not heeded", text);
  return INFINITY;
}

/* The moments at which to stop: --max-time, and a minute before Slurm ends the job (a quarter of what is left, if that is less). */
static void set_stop_times(esp_session *o)
{
  const double left = job_end() - (double)time(NULL);
  o->job_end = esp_seconds() + left - fmin(60, fmax(0, left / 4));
  o->run.stop_at = fmin(esp_seconds() + o->max_time, o->job_end);
}

/* Whatever would keep a run from starting keeps --dry-run from it too. */
static esp_err dry_run(const esp_session *o, const esp_config_file *config, const esp_plan *plan, int n_ranks)
{
  struct stat there;
  if (stat(o->output, &there) == 0) {
    ESP_TRY(check_existing(o->output, config));
    ESP_TRY(check_contents(o, &there));
  } else {
    ESP_TRY(esp_cli_check_space(o->output, bytes_of_members(o, plan)));
  }
  return esp_cli_dry_run(o, &config->values, plan, n_ranks);
}

/* ---- the whole of it ---- */

static esp_err choose_members(esp_session *o, int n_members)
{
  o->run.members = o->n_parts ? esp_part_members(o->part, o->n_parts, n_members) : (esp_members){0, n_members - 1};
  return o->members_text ? esp_members_parse(o->members_text, n_members, &o->run.members) : ESP_OK;
}

/* Everything that can be found wrong before work begins is found here, by rank 0 alone. */
static esp_err prepare(esp_session *o, esp_config_file *config, esp_plan *plan, esp_lock *lock, int n_ranks)
{
  if (!o->dry_run)
    ESP_TRY(esp_ensemble_watch(o->watchdog));
  ESP_REQUIRE(!o->run.source || !esp_cli_same_file(o->run.source, o->output), ESP_ERR_CANNOT_CREATE,
              "%s: the new measures need a file of their own; name another one with -o", o->output);
  ESP_TRY(load_config(o, config));
  ESP_TRY(esp_plan_create(&config->values, plan));
  ESP_TRY(choose_members(o, plan->n_members));
  if (o->run.source)
    ESP_TRY(check_source(o));
  ESP_TRY(esp_cli_check_place(o->output));
  if (o->dry_run)
    return dry_run(o, config, plan, n_ranks);
  ESP_TRY(esp_lock_take(o->output, lock));
  esp_watchdog_pass_on(esp_lock_keep, lock);
  return prepare_file(o, config, plan);
}

static esp_err run_on_all_ranks(esp_session *o, int rank, int n_ranks, esp_lock *lock, esp_config_file *config)
{
  esp_plan plan = {0};
  char *problems = NULL;
  esp_err err = rank == 0 ? prepare(o, config, &plan, lock, n_ranks) : ESP_OK;
  char *shared = config->resolved;
  err = esp_ensemble_share(err, &shared);
  if (err == ESP_OK && rank != 0) {
    err = esp_config_parse("the config of rank 0", shared, 0, NULL, config, &problems);
    if (err == ESP_OK)
      err = esp_plan_create(&config->values, &plan);
    if (err != ESP_OK)
      esp_ensemble_abort(err); /* rank 0 has read the same text without fault */
  }
  if (err == ESP_OK && !o->dry_run)
    err = esp_ensemble_run(config, &plan, &o->run);
  free(problems);
  if (rank != 0)
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
  else if (esp_seconds() >= o->run.stop_at)
    snprintf(text, sizeof text, "--max-time");
  else
    snprintf(text, sizeof text, "a signal to another rank");
  return text;
}

static void print_complete(const esp_session *o, int n_members, long n_cells)
{
  char words[64];
  if (esp_members_below(o->run.members, n_members) == n_members)
    printf("%s is complete: %ld cells.\n", o->output, n_cells);
  else
    printf("%s is complete for %s: %ld cells. 'espalier merge' puts parts together.\n", o->output,
           esp_members_words(o->run.members, n_members, words, sizeof words), n_cells);
}

/* Of all ranks: the others' is in the file, with their cells. */
static void print_peak(const esp_cli_file *file)
{
  const int theirs = esp_cli_peak_mib(file), own = esp_peak_mib();
  if (theirs > 0 || own > 0) /* else the system does not say */
    printf("A rank had at most %d MiB in memory.\n", theirs > own ? theirs : own);
}

/* The table, and what became of failed cells. */
static esp_err tell(const esp_session *o, const esp_cli_file *file, double max_failed_fraction, bool stopped)
{
  ESP_TRY(esp_cli_print_table(file));
  const long cells = esp_plan_n_cells_of(&file->plan, o->run.members.first, o->run.members.last);
  const long missing = stopped ? 0 : count_cells(file, o->run.members, ESP_CELL_EMPTY);
  const long failed = count_cells(file, o->run.members, ESP_CELL_FAILED);
  if (!missing && !stopped)
    print_complete(o, file->plan.n_members, cells);
  if (!missing)
    print_peak(file);
  if (failed)
    esp_warn("%ld of %ld cells failed; 'espalier status %s' lists them", failed, cells, o->output);
  ESP_REQUIRE(!missing, ESP_ERR_IO, "%s: %ld of %ld cells are missing, though all were computed and written; look at the file system, "
              "then give the same command again", o->output, missing, cells);
  ESP_REQUIRE(stopped || (double)failed <= max_failed_fraction * (double)cells, ESP_ERR_DATA,
              "%ld of %ld cells failed, more than ensemble.max_failed_fraction = %g allows", failed, cells, max_failed_fraction);
  return ESP_OK;
}

/* After the work. */
static esp_err conclude(const esp_session *o, double max_failed_fraction, esp_err err)
{
  const bool stopped = err == ESP_ERR_STOPPED;
  if (err != ESP_OK && !stopped)
    return err;
  if (stopped)
    esp_log("stopped by %s with work left; the same command continues it (exit status 75)", stop_cause(o));
  esp_cli_file file;
  esp_err read = esp_cli_open(o->output, &file);
  if (read == ESP_OK)
    read = tell(o, &file, max_failed_fraction, stopped);
  else if (o->repair && stopped)
    read = ESP_OK; /* before it was repaired */
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
    esp_watchdog_pass_on(NULL, NULL);
    esp_lock_release(&lock);
    esp_cli_end(err);
  }
  esp_config_file_free(&config);
  esp_ensemble_end(esp_err_exit_status(err));
  return esp_err_exit_status(err);
}
