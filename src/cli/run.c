/* cli/run.c - the options of run, and those of analyze, which are some of them. */
#include <getopt.h>
#include <libgen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "espalier/kernel.h"
#include "session.h"

static void print_run_help(void)
{
  printf("Usage: espalier run [OPTIONS] CONFIG\n"
         "       mpirun -n P espalier run [OPTIONS] CONFIG\n\n"
         "Train the ensemble that CONFIG (YAML) describes, into one HDF5 file. With P > 1 one rank coordinates and P - 1 train;\n"
         "one process alone does everything. The same command again continues where the last one stopped: after a signal, a time\n"
         "limit, a crash. Another config for the same file is refused with the keys that differ.\n\n"
         "Options:\n"
         "  -o, --output FILE    results file (default: name of the config, in this directory, with .h5)\n"
         "      --set A.B=C      use this value for a key of the config; may be given again\n"
         "      --members A:B    compute only members A to B, counted from 0, or the one member A; the file has places for all\n"
         "      --part K/N       the same for part K of N, K from 0 to N - 1; the default FILE is then named so, with\n"
         "                       .part-K-of-N.h5. 'espalier merge' puts parts together\n"
         "      --dry-run        check everything, say what would be computed, how long and how large; write nothing\n"
         "      --ranks LIST     with --dry-run: predict time and efficiency (share of the time in which workers are busy) for\n"
         "                       these numbers of ranks; 1,2,4,...,4096 goes on doubling\n"
         "      --times-from F   with --ranks: results file whose complete members say how long cells take, best of the same\n"
         "                       network and task (default: the results file if ten of its members are complete, else what\n"
         "                       is expected of such networks)\n"
         "      --max-time T     stop after T with the work saved and exit 75 (90s, 30m, 12h, 2d or HH:MM:SS); inside a\n"
         "                       Slurm job it stops a minute before the job's end by itself\n"
         "      --worker-timeout S  give the cell of a worker that says nothing for S seconds to another one (default: 120; five\n"
         "                       times as long while it reads, writes or measures; 0: never)\n"
         "      --watchdog S     end with status 74 and say who was at what, when nothing moves at all for S seconds (default:\n"
         "                       3600; 0: never)\n"
         "      --force          move an existing results file of another config aside and start anew\n"
         "      --repair         move a results file that is damaged beyond opening (cut short, structure broken) aside, take\n"
         "                       every cell whose checksums hold over into a new one, and go on; a file that can be opened is\n"
         "                       used as it is\n"
         "      --kernel NAME    use the avx512, avx2 or portable kernels (default: the fastest that the CPU has; avx2 and\n"
         "                       avx512 give the same bits)\n"
         "      --list-keys      describe every key of the config (Markdown)\n"
         "  -q, --quiet          no progress\n\n"
         "USR1 or USR2 to the process or to mpirun stops the run with all work saved, as INT and TERM do to a single process.\n\n"
         "Exit status: 0 complete (with --members or --part: for these members), 75 stopped early with work left (give the same\n"
         "command again), 65 too many failed cells, 64 usage, 66 no input, 69 in use by another run, 73 cannot create,\n"
         "74 I/O error, all workers silent or nothing moves, 78 config.\n\n"
         "Examples:\n"
         "  espalier run --dry-run config/dms_ensemble.yaml\n"
         "  espalier run --dry-run --ranks 1,2,4,...,4096 config/dms_ensemble.yaml\n"
         "  mpirun -n 3 espalier run config/dms_quick.yaml\n"
         "  mpirun -n 9 espalier run config/dms_ensemble.yaml -o twelve.h5 --set ensemble.members=12 --max-time 8h\n"
         "  mpirun -n 9 espalier run --part 0/2 config/dms_ensemble.yaml\n");
}

bool esp_cli_parse_time(const char *text, double *seconds)
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

static void print_analyze_help(void)
{
  printf("Usage: espalier analyze [OPTIONS] FILE\n"
         "       mpirun -n P espalier analyze [OPTIONS] FILE\n\n"
         "Measure the trained networks of a complete results file again, into a new file with the same networks. Nothing is\n"
         "trained. Distractors are those of probe.onsets and probe.strengths, which can be set; FILE itself stays as it is. The\n"
         "same command again continues.\n\n"
         "Options:\n"
         "  -o, --output NEW     new results file (default: FILE with _analysis.h5 for .h5)\n"
         "      --set A.B=C      probe.onsets or probe.strengths; may be given again\n"
         "      --members A:B, --part K/N, --max-time T, --worker-timeout S, --watchdog S, --force, --kernel NAME, -q, --quiet\n"
         "                       as for espalier run\n\n"
         "Exit status: as for espalier run; 65 if FILE is not complete.\n\n"
         "Examples:\n"
         "  espalier analyze dms_ensemble.h5 --set 'probe.strengths=[0, 0.1, 0.3, 0.5]'\n"
         "  mpirun -n 9 espalier analyze dms_ensemble.h5 -o onsets.h5 --set 'probe.onsets=[15, 18, 21, 24]'\n");
}

/* Of run: in this directory, named like the config. Of analyze: beside the file. Each part has a file of its own. */
static void default_output(esp_session *o)
{
  char copy[4096], part[64] = "";
  snprintf(copy, sizeof copy, "%.4000s", o->source ? o->source : o->config);
  char *name = o->source ? copy : basename(copy), *slash = strrchr(name, '/'), *dot = strrchr(name, '.');
  if (dot && dot > (slash ? slash + 1 : name))
    *dot = '\0';
  if (o->n_parts)
    snprintf(part, sizeof part, ".part-%d-of-%d", o->part, o->n_parts);
  snprintf(o->output, sizeof o->output, "%.4000s%s%s.h5", name, o->source ? "_analysis" : "", part);
}

/* -1: go on; otherwise the exit status to end with. */
static int parse_options(const char *command, int argc, char **argv, esp_session *o)
{
  const bool analyze = strcmp(command, "analyze") == 0;
  enum { SET = 256, DRY_RUN, MAX_TIME, FORCE, LIST_KEYS, KERNEL, RANKS, TIMES_FROM, MEMBERS, PART, REPAIR, WORKER_TIMEOUT, WATCHDOG };
  static const struct option of_run[] = {
      {"dry-run", no_argument, NULL, DRY_RUN},         {"list-keys", no_argument, NULL, LIST_KEYS},
      {"ranks", required_argument, NULL, RANKS},       {"times-from", required_argument, NULL, TIMES_FROM},
      {"repair", no_argument, NULL, REPAIR},
      {"help", no_argument, NULL, 'h'},                {"output", required_argument, NULL, 'o'},
      {"set", required_argument, NULL, SET},           {"max-time", required_argument, NULL, MAX_TIME},
      {"force", no_argument, NULL, FORCE},             {"quiet", no_argument, NULL, 'q'},
      {"kernel", required_argument, NULL, KERNEL},     {"members", required_argument, NULL, MEMBERS},
      {"part", required_argument, NULL, PART},         {"watchdog", required_argument, NULL, WATCHDOG},
      {"worker-timeout", required_argument, NULL, WORKER_TIMEOUT}, {NULL, 0, NULL, 0}};
  const struct option *options = analyze ? of_run + 5 : of_run; /* analyze has those from help on */
  *o = (esp_session){.max_time = INFINITY, .worker_timeout = 120, .watchdog = 3600, .argc = argc,
                     .argv = malloc(((size_t)argc + 1) * sizeof *argv)};
  if (!o->argv)
    return esp_cli_fail(esp_fail(ESP_ERR_NOMEM, "no memory to keep the command line"));
  memcpy(o->argv, argv, ((size_t)argc + 1) * sizeof *argv);
  for (int c; (c = getopt_long(argc, argv, ":ho:q", options, NULL)) != -1;)
    switch (c) {
    case 'h':
      if (esp_cli_is_first())
        analyze ? print_analyze_help() : print_run_help();
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
        return esp_cli_usage_error(command, "-o needs a file name of at most %zu bytes", sizeof o->output - 33);
      snprintf(o->output, sizeof o->output, "%s", optarg);
      break;
    case SET:
      if (o->n_set == ESP_MAX_SET)
        return esp_cli_usage_error(command, "more than %d --set", ESP_MAX_SET);
      o->set[o->n_set++] = optarg;
      break;
    case MAX_TIME:
      if (!esp_cli_parse_time(optarg, &o->max_time))
        return esp_cli_usage_error(command, "--max-time '%s' is no time; write 90s, 30m, 12h, 2d or HH:MM:SS", optarg);
      break;
    case WORKER_TIMEOUT:
      if (!esp_cli_parse_time(optarg, &o->worker_timeout))
        return esp_cli_usage_error(command, "--worker-timeout '%s' is no time; write 120s, 5m or 0 for never", optarg);
      break;
    case WATCHDOG:
      if (!esp_cli_parse_time(optarg, &o->watchdog))
        return esp_cli_usage_error(command, "--watchdog '%s' is no time; write 90s, 30m, 2h or 0 for never", optarg);
      break;
    case KERNEL:
      if (esp_kernel_force(optarg) != ESP_OK)
        return esp_cli_usage_error(command, "%s", esp_err_message(ESP_ERR_USAGE));
      break;
    case MEMBERS:
      o->members_text = optarg;
      break;
    case PART:
      if (!esp_part_parse(optarg, &o->part, &o->n_parts))
        return esp_cli_usage_error(command, "--part '%s' is no part; write K/N with 0 <= K < N, as in 0/4 to 3/4", optarg);
      break;
    case DRY_RUN:
      o->dry_run = true;
      break;
    case RANKS:
      if (!esp_cli_parse_ranks(optarg, &o->what.ranks))
        return esp_cli_usage_error(command, "--ranks '%s' is no list of numbers from 1 to 1000000 that increase, as in 1,2,3 or "
                                   "1,2,4,...,4096", optarg);
      break;
    case TIMES_FROM:
      o->what.times_from = optarg;
      break;
    case FORCE:
      o->force = true;
      break;
    case REPAIR:
      o->repair = true;
      break;
    case 'q':
      o->quiet = true;
      break;
    default:
      return esp_cli_bad_option(command, c, argv);
    }
  if (argc - optind != 1)
    return esp_cli_usage_error(command, "one %s is needed, %d given", analyze ? "results file" : "config", argc - optind);
  if (o->members_text && o->n_parts)
    return esp_cli_usage_error(command, "--members and --part both say which members; give one of them");
  if (o->repair && (o->force || o->dry_run))
    return esp_cli_usage_error(command, "--repair does not go with %s", o->force ? "--force" : "--dry-run");
  if (o->what.ranks.n && !o->dry_run)
    return esp_cli_usage_error(command, "--ranks needs --dry-run: a run itself has as many ranks as mpirun starts");
  if (o->what.times_from && !o->what.ranks.n)
    return esp_cli_usage_error(command, "--times-from needs --ranks");
  *(analyze ? &o->source : &o->config) = argv[optind];
  if (!o->output[0])
    default_output(o);
  return -1;
}

static int parse_and_go(const char *command, int argc, char **argv)
{
  esp_session session;
  int status = parse_options(command, argc, argv, &session);
  if (status < 0)
    status = esp_cli_session(&session, argc, argv);
  free(session.argv);
  return status;
}

int esp_cli_run(int argc, char **argv)
{
  return parse_and_go("run", argc, argv);
}

int esp_cli_analyze(int argc, char **argv)
{
  return parse_and_go("analyze", argc, argv);
}
