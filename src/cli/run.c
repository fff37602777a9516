/* cli/run.c - the options of run, and those of analyze, which are some of them. */
#include <libgen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

/* Of run: in this directory, named like the config. Of analyze: beside the file. Each part has a file of its own. */
static void default_output(esp_session *o)
{
  char copy[4096], part[64] = "";
  snprintf(copy, sizeof copy, "%.4000s", o->run.source ? o->run.source : o->config);
  char *name = o->run.source ? copy : basename(copy), *slash = strrchr(name, '/'), *dot = strrchr(name, '.');
  if (dot && dot > (slash ? slash + 1 : name))
    *dot = '\0';
  if (o->n_parts)
    snprintf(part, sizeof part, ".part-%d-of-%d", o->part, o->n_parts);
  snprintf(o->output, sizeof o->output, "%.4000s%s%s.h5", name, o->run.source ? "_analysis" : "", part);
}

/* ---- options that go into the session ---- */

static bool read_output(const char *text, void *to)
{
  esp_session *o = to;
  const size_t most = sizeof o->output - 33, n = strlen(text);
  if (n == 0 || n > most) {
    esp_fail(ESP_ERR_USAGE, "-o needs a file name of at most %zu bytes", most);
    return false;
  }
  memcpy(o->output, text, n + 1);
  return true;
}

static bool read_set(const char *text, void *to)
{
  esp_session *o = to;
  if (o->n_set == ESP_MAX_SET) {
    esp_fail(ESP_ERR_USAGE, "more than %d --set", ESP_MAX_SET);
    return false;
  }
  o->set[o->n_set++] = text;
  return true;
}

static bool read_part(const char *text, void *to)
{
  esp_session *o = to;
  return esp_part_parse(text, &o->part, &o->n_parts);
}

static const char run_usage[] =
    "Usage: espalier run [OPTIONS] CONFIG\n"
    "       mpirun -n P espalier run [OPTIONS] CONFIG\n\n"
    "Train the ensemble that CONFIG (YAML) describes, into one HDF5 file. With P > 1 one rank coordinates and P - 1 train;\n"
    "one process alone does everything. The same command again continues where the last one stopped: after a signal, a time\n"
    "limit, a crash. Another config for the same file is refused with the keys that differ.\n";

static const char run_examples[] =
    "USR1 or USR2 to the process or to mpirun stops the run with all work saved, as INT and TERM do to a single process.\n\n"
    "Exit status: 0 complete (with --members or --part: for these members), 75 stopped early with work left (give the same\n"
    "command again), 65 too many failed cells, 64 usage, 66 no input, 69 in use by another run, 73 cannot create,\n"
    "74 I/O error, all workers silent or nothing moves, 78 config.\n\n"
    "Examples:\n"
    "  espalier run --dry-run config/dms_ensemble.yaml\n"
    "  espalier run --dry-run --ranks 1,2,4,...,4096 config/dms_ensemble.yaml\n"
    "  mpirun -n 3 espalier run config/dms_quick.yaml\n"
    "  mpirun -n 9 espalier run config/dms_ensemble.yaml -o twelve.h5 --set ensemble.members=12 --max-time 8h\n"
    "  mpirun -n 9 espalier run --part 0/2 config/dms_ensemble.yaml\n";

static const char analyze_usage[] =
    "Usage: espalier analyze [OPTIONS] FILE\n"
    "       mpirun -n P espalier analyze [OPTIONS] FILE\n\n"
    "Measure the trained networks of a complete results file again, into a new file with the same networks. Nothing is\n"
    "trained. Distractors are those of probe.onsets and probe.strengths, which can be set; FILE itself stays as it is. The\n"
    "same command again continues.\n";

static const char analyze_examples[] =
    "Exit status: as for espalier run; 65 if FILE is not complete.\n\n"
    "Examples:\n"
    "  espalier analyze dms_ensemble.h5 --set 'probe.strengths=[0, 0.1, 0.3, 0.5]'\n"
    "  mpirun -n 9 espalier analyze dms_ensemble.h5 -o onsets.h5 --set 'probe.onsets=[15, 18, 21, 24]'\n";

/* The table: those that both have, then those of run alone. -1: go on; otherwise the exit status to end with. */
static int read_options(bool analyze, int argc, char **argv, esp_session *o, bool *keys)
{
  enum { OF_RUN_ALONE = 5 };
  const esp_option options[] = {
      {'o', "output", "FILE",
       analyze ? "new results file (default: FILE with _analysis.h5 for .h5)"
               : "results file (default: name of the config, in this directory, with .h5)",
       read_output, o, NULL},
      {0, "set", "A.B=C",
       analyze ? "probe.onsets or probe.strengths; may be given again"
               : "use this value for a key of the config; may be given again",
       read_set, o, NULL},
      {0, "members", "A:B", "compute only members A to B, counted from 0, or the one member A; the file has places for all",
       esp_cli_read_text, &o->members_text, NULL},
      {0, "part", "K/N",
       "the same for part K of N, K from 0 to N - 1; the default FILE is then named so, with .part-K-of-N.h5. 'espalier merge' "
       "puts parts together",
       read_part, o, "no part; write K/N with 0 <= K < N, as in 0/4 to 3/4"},
      {0, "max-time", "T",
       "stop after T with the work saved and exit 75 (90s, 30m, 12h, 2d or HH:MM:SS); inside a Slurm job it stops a minute before "
       "the job's end by itself",
       esp_cli_read_time, &o->max_time, "no time; write 90s, 30m, 12h, 2d or HH:MM:SS"},
      {0, "worker-timeout", "S",
       "give the cell of a worker that says nothing for S seconds to another one (default: 120; five times as long while it "
       "reads, writes or measures; 0: never)",
       esp_cli_read_time, &o->run.worker_timeout, "no time; write 120s, 5m or 0 for never"},
      {0, "watchdog", "S",
       "end with status 74 and say who was at what, when nothing moves at all for S seconds (default: 3600; 0: never)",
       esp_cli_read_time, &o->watchdog, "no time; write 90s, 30m, 2h or 0 for never"},
      {0, "force", NULL, "move an existing results file of another config aside and start anew", esp_cli_read_flag, &o->force,
       NULL},
      esp_option_kernel,
      {'q', "quiet", NULL, "no progress", esp_cli_read_flag, &o->run.quiet, NULL},
      {0, "dry-run", NULL, "check everything, say what would be computed, how long and how large; write nothing",
       esp_cli_read_flag, &o->dry_run, NULL},
      {0, "ranks", "LIST",
       "with --dry-run: predict time and efficiency (share of the time in which workers are busy) for these numbers of ranks; "
       "1,2,4,...,4096 goes on doubling",
       esp_cli_read_ranks, &o->ranks,
       "no list of numbers from 1 to 1000000 that increase, as in 1,2,3 or 1,2,4,...,4096"},
      {0, "times-from", "F",
       "with --ranks: results file whose complete members say how long cells take, best of the same network and task (default: "
       "the results file if ten of its members are complete, else what is expected of such networks)",
       esp_cli_read_text, &o->times_from, NULL},
      {0, "repair", NULL,
       "move a results file that is damaged beyond opening (cut short, structure broken) aside, take every cell whose checksums "
       "hold over into a new one, and go on; a file that can be opened is used as it is",
       esp_cli_read_flag, &o->repair, NULL},
      {0, "list-keys", NULL, "describe every key of the config (Markdown)", esp_cli_read_flag, keys, NULL},
  };
  const int n = sizeof options / sizeof *options;
  const esp_command command = {analyze ? "analyze" : "run", analyze ? analyze_usage : run_usage,
                               analyze ? analyze_examples : run_examples, analyze ? n - OF_RUN_ALONE : n, options};
  return esp_cli_options(&command, argc, argv);
}

/* Do they go together? -1: yes; otherwise the exit status to end with. */
static int check_options(bool analyze, const esp_session *o, int n_operands)
{
  const char *command = analyze ? "analyze" : "run";
  if (n_operands != 1)
    return esp_cli_usage_error(command, "one %s is needed, %d given", analyze ? "results file" : "config", n_operands);
  if (o->members_text && o->n_parts)
    return esp_cli_usage_error(command, "--members and --part both say which members; give one of them");
  if (o->repair && (o->force || o->dry_run))
    return esp_cli_usage_error(command, "--repair does not go with %s", o->force ? "--force" : "--dry-run");
  if (o->ranks.n && !o->dry_run)
    return esp_cli_usage_error(command, "--ranks needs --dry-run: a run itself has as many ranks as mpirun starts");
  if (o->times_from && !o->ranks.n)
    return esp_cli_usage_error(command, "--times-from needs --ranks");
  return -1;
}

static int list_keys(void)
{
  char *markdown;
  const esp_err err = esp_config_describe(&markdown);
  if (err != ESP_OK)
    return esp_cli_end(err);
  fputs(markdown, stdout);
  free(markdown);
  return 0;
}

static int run_or_analyze(bool analyze, int argc, char **argv)
{
  bool keys = false;
  char **as_given = malloc(((size_t)argc + 1) * sizeof *argv); /* before getopt sorts it */
  esp_session o = {.max_time = INFINITY, .watchdog = 3600,
                   .run = {.path = o.output, .worker_timeout = 120, .argc = argc, .argv = as_given}};
  if (!as_given)
    return esp_cli_end(esp_fail(ESP_ERR_NOMEM, "no memory to keep the command line"));
  memcpy(as_given, argv, ((size_t)argc + 1) * sizeof *argv);
  int status = read_options(analyze, argc, argv, &o, &keys);
  if (status < 0 && keys)
    status = list_keys();
  if (status < 0)
    status = check_options(analyze, &o, argc - optind);
  if (status < 0) {
    *(analyze ? &o.run.source : &o.config) = argv[optind];
    if (!o.output[0])
      default_output(&o);
    status = esp_cli_session(&o, argc, argv);
  }
  free(as_given);
  return status;
}

int esp_cli_run(int argc, char **argv)
{
  return run_or_analyze(false, argc, argv);
}

int esp_cli_analyze(int argc, char **argv)
{
  return run_or_analyze(true, argc, argv);
}
