/* cli/run.c - from a config to a finished results file. Rank 0 prepares, then all ranks compute. */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "espalier/ensemble.h"
#include "espalier/experiment.h"
#include "espalier/log.h"
#include "espalier/rnn.h"

enum { MAX_SET = 256 };

typedef struct {
  const char *config;
  char output[4096];
  int n_set;
  const char *set[MAX_SET];
  double max_time;          /* s; INFINITY: none                     */
  double stop_at, job_end;  /* esp_seconds() at which to stop, and why */
  bool dry_run, force, quiet;
  esp_dry_run what;         /* of --dry-run                          */
  int argc;
  char **argv; /* as given, before getopt sorts it; for provenance; owned */
} run_options;

static void print_help(void)
{
  printf("Usage: espalier run [OPTIONS] CONFIG\n"
         "       mpirun -n P espalier run [OPTIONS] CONFIG\n\n"
         "Train the ensemble that CONFIG (YAML) describes, into one HDF5 file. With P > 1 one rank coordinates and P - 1 train;\n"
         "one process alone does everything. The same command again continues where the last one stopped: after a signal, a time\n"
         "limit, a crash. Another config for the same file is refused with the keys that differ.\n\n"
         "Options:\n"
         "  -o, --output FILE    results file (default: name of the config, in this directory, with .h5)\n"
         "      --set A.B=C      use this value for a key of the config; may be given again\n"
         "      --dry-run        check everything, say what would be computed, how long and how large; write nothing\n"
         "      --ranks LIST     with --dry-run: predict time and efficiency (share of the time in which workers are busy) for\n"
         "                       these numbers of ranks; 1,2,4,...,4096 goes on doubling\n"
         "      --times-from F   with --ranks: results file whose complete members say how long cells take, best of the same\n"
         "                       network and task (default: the results file if ten of its members are complete, else what\n"
         "                       is expected of such networks)\n"
         "      --max-time T     stop after T with the work saved and exit 75 (90s, 30m, 12h, 2d or HH:MM:SS); inside a\n"
         "                       Slurm job it stops a minute before the job's end by itself\n"
         "      --force          move an existing results file of another config aside and start anew\n"
         "      --kernel NAME    use the avx512, avx2 or portable kernels (default: the fastest that the CPU has; avx2 and\n"
         "                       avx512 give the same bits)\n"
         "      --list-keys      describe every key of the config (Markdown)\n"
         "  -q, --quiet          no progress\n\n"
         "USR1 or USR2 to the process or to mpirun stops the run with all work saved, as INT and TERM do to a single process.\n\n"
         "Exit status: 0 complete, 75 stopped early with work left (give the same command again), 65 too many failed cells,\n"
         "64 usage, 66 no input, 69 in use by another run, 73 cannot create, 74 I/O error, 78 config.\n\n"
         "Examples:\n"
         "  espalier run --dry-run config/dms_ensemble.yaml\n"
         "  espalier run --dry-run --ranks 1,2,4,...,4096 config/dms_ensemble.yaml\n"
         "  mpirun -n 3 espalier run config/dms_quick.yaml\n"
         "  mpirun -n 9 espalier run config/dms_ensemble.yaml -o twelve.h5 --set ensemble.members=12 --max-time 8h\n");
}

/* "90s", "30m", "12h", "2d", "HH:MM:SS" or plain seconds. */
static bool parse_time(const char *text, double *seconds)
{
  int hours, minutes, s, used = 0;
  if (sscanf(text, "%d:%d:%d%n", &hours, &minutes, &s, &used) == 3 && !text[used] && hours >= 0 && minutes >= 0 && s >= 0) {
    *seconds = 3600.0 * hours + 60.0 * minutes + s;
    return true;
  }
  char *end;
  const double value = strtod(text, &end);
  const double unit = !strcmp(end, "") || !strcmp(end, "s") ? 1
                      : !strcmp(end, "m")                   ? 60
                      : !strcmp(end, "h")                   ? 3600
                      : !strcmp(end, "d")                   ? 86400
                                                            : NAN;
  *seconds = value * unit;
  return end != text && isfinite(*seconds) && *seconds >= 0;
}

static void default_output(run_options *options)
{
  char copy[4096];
  snprintf(copy, sizeof copy, "%s", options->config);
  char *name = basename(copy), *dot = strrchr(name, '.');
  if (dot && dot != name)
    *dot = '\0';
  snprintf(options->output, sizeof options->output, "%.4000s.h5", name);
}

/* -1: go on; otherwise the exit status to end with. */
static int parse_options(int argc, char **argv, run_options *o)
{
  enum { SET = 256, DRY_RUN, MAX_TIME, FORCE, LIST_KEYS, KERNEL, RANKS, TIMES_FROM };
  static const struct option options[] = {
      {"help", no_argument, NULL, 'h'},          {"output", required_argument, NULL, 'o'},
      {"set", required_argument, NULL, SET},     {"dry-run", no_argument, NULL, DRY_RUN},
      {"max-time", required_argument, NULL, MAX_TIME}, {"force", no_argument, NULL, FORCE},
      {"list-keys", no_argument, NULL, LIST_KEYS},     {"quiet", no_argument, NULL, 'q'},
      {"kernel", required_argument, NULL, KERNEL},     {"ranks", required_argument, NULL, RANKS},
      {"times-from", required_argument, NULL, TIMES_FROM},
      {NULL, 0, NULL, 0}};
  *o = (run_options){.max_time = INFINITY, .argc = argc, .argv = malloc(((size_t)argc + 1) * sizeof *argv)};
  if (!o->argv)
    return esp_cli_fail(ESP_ERR_NOMEM);
  memcpy(o->argv, argv, ((size_t)argc + 1) * sizeof *argv);
  for (int c; (c = getopt_long(argc, argv, ":ho:q", options, NULL)) != -1;)
    switch (c) {
    case 'h':
      if (esp_cli_is_first())
        print_help();
      return 0;
    case LIST_KEYS: {
      char *markdown;
      const esp_err err = esp_config_describe(&markdown);
      if (err != ESP_OK)
        return esp_cli_fail(err);
      fputs(markdown, stdout);
      free(markdown);
      return 0;
    }
    case 'o':
      if (strlen(optarg) >= sizeof o->output - 32 || !*optarg)
        return esp_cli_usage_error("run", "-o needs a file name of at most %zu bytes", sizeof o->output - 33);
      snprintf(o->output, sizeof o->output, "%s", optarg);
      break;
    case SET:
      if (o->n_set == MAX_SET)
        return esp_cli_usage_error("run", "more than %d --set", MAX_SET);
      o->set[o->n_set++] = optarg;
      break;
    case MAX_TIME:
      if (!parse_time(optarg, &o->max_time))
        return esp_cli_usage_error("run", "--max-time '%s' is no time; write 90s, 30m, 12h, 2d or HH:MM:SS", optarg);
      break;
    case KERNEL:
      if (esp_kernel_force(optarg) != ESP_OK)
        return esp_cli_usage_error("run", "%s", esp_err_message(ESP_ERR_USAGE));
      break;
    case DRY_RUN:
      o->dry_run = true;
      break;
    case RANKS:
      if (!esp_cli_parse_ranks(optarg, &o->what.ranks))
        return esp_cli_usage_error("run", "--ranks '%s' is no list of numbers from 1 to 1000000 that increase, as in 1,2,3 or "
                                   "1,2,4,...,4096", optarg);
      break;
    case TIMES_FROM:
      o->what.times_from = optarg;
      break;
    case FORCE:
      o->force = true;
      break;
    case 'q':
      o->quiet = true;
      break;
    default:
      return esp_cli_bad_option("run", c, argv);
    }
  if (argc - optind != 1)
    return esp_cli_usage_error("run", "one config is needed, %d given", argc - optind);
  if (o->what.ranks.n && !o->dry_run)
    return esp_cli_usage_error("run", "--ranks needs --dry-run: a run itself has as many ranks as mpirun starts");
  if (o->what.times_from && !o->what.ranks.n)
    return esp_cli_usage_error("run", "--times-from needs --ranks");
  o->config = argv[optind];
  if (!o->output[0])
    default_output(o);
  return -1;
}

/* ---- what rank 0 does before anything is computed ---- */

static esp_err load_config(const run_options *o, esp_config_file *config)
{
  char *problems = NULL;
  const esp_err err = esp_config_load(o->config, o->n_set, o->set, config, &problems);
  if (err == ESP_ERR_CONFIG)
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
    err = esp_config_difference(&old.values, &config->values, &difference);
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

static esp_err prepare_file(const run_options *o, const esp_config_file *config, const esp_plan *plan)
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
static void set_stop_times(run_options *o)
{
  const char *job_end = getenv("SLURM_JOB_END_TIME"); /* seconds since 1970 */
  const double end = job_end ? strtod(job_end, NULL) : 0;
  const double left = end - (double)time(NULL);
  o->job_end = end > 0 ? esp_seconds() + left - fmin(60, fmax(0, left / 4)) : INFINITY;
  o->stop_at = fmin(esp_seconds() + o->max_time, o->job_end);
}

/* Whatever would keep a run from starting keeps --dry-run from it too. */
static esp_err dry_run(const run_options *o, const esp_config_file *config, const esp_plan *plan, int n_ranks)
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
static esp_err prepare(const run_options *o, esp_config_file *config, esp_plan *plan, esp_lock *lock, int n_ranks)
{
  ESP_TRY(load_config(o, config));
  ESP_TRY(esp_plan_create(&config->values, plan));
  if (o->dry_run)
    return dry_run(o, config, plan, n_ranks);
  ESP_TRY(check_place(o->output));
  ESP_TRY(esp_lock_take(o->output, lock));
  return prepare_file(o, config, plan);
}

static esp_err run_on_all_ranks(const run_options *o, int rank, int n_ranks, esp_lock *lock, esp_config_file *config)
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
        .path = o->output, .stop_at = o->stop_at, .quiet = o->quiet, .lock = lock, .argc = o->argc, .argv = o->argv};
    err = esp_ensemble_run(config, &plan, &options);
  }
  free(problems);
  free(shared);
  esp_plan_free(&plan);
  return err;
}

/* Why did the run stop early? */
static const char *stop_cause(const run_options *o)
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
static esp_err conclude(const run_options *o, double max_failed_fraction, esp_err err)
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

int esp_cli_run(int argc, char **argv)
{
  run_options o;
  const int status = parse_options(argc, argv, &o);
  if (status >= 0) {
    free(o.argv);
    return status;
  }
  int rank, n_ranks;
  esp_lock lock = {.fd = -1};
  esp_config_file config = {0};
  set_stop_times(&o);
  esp_stop_on_signals();
  esp_ensemble_begin(&argc, &argv, &rank, &n_ranks);
  esp_err err = run_on_all_ranks(&o, rank, n_ranks, &lock, &config);
  if (rank == 0) {
    if (!o.dry_run)
      err = conclude(&o, config.values.ensemble.max_failed_fraction, err);
    esp_lock_release(&lock);
    if (err != ESP_OK && err != ESP_ERR_STOPPED)
      esp_cli_fail(err);
  }
  esp_config_file_free(&config);
  esp_ensemble_end();
  free(o.argv);
  return esp_err_exit_status(err);
}
