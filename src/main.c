/* main.c - dispatch of the sub-commands. From here, three names reach the arithmetic: esp_ensemble_run hands out the work, an
 * experiment's stage function (esp_dms_stage) does one cell of it, esp_scg_minimise trains one network. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const struct {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *summary;
} commands[] = {
    {"run", esp_cli_run, "train an ensemble from a config, or go on with it"},
    {"merge", esp_cli_merge, "put parts of an ensemble, from several jobs, into one file"},
    {"status", esp_cli_status, "how far a results file is, also while it runs"},
    {"analyze", esp_cli_analyze, "measure the networks of a results file again"},
    {"verify", esp_cli_verify, "check a results file, or compare two"},
    {"report", esp_cli_report, "panels, verdicts on the paper's claims, tables, pictures"},
    {"explain", esp_cli_explain, "what lies behind one point of a panel"},
    {"info", esp_cli_info, "config and provenance of a results file"},
    {"bench", esp_cli_bench, "how fast the gradient is on this machine"},
};

static void print_help(void)
{
  printf("espalier trains ensembles of small recurrent networks, prunes them step by step beside an unpruned twin, and keeps\n"
         "everything in one HDF5 file.\n\n"
         "Usage: espalier COMMAND [OPTIONS] ...\n\nCommands:\n");
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    printf("  %-8s %s\n", commands[i].name, commands[i].summary);
  printf("\nOptions:\n"
         "  --help      this text; 'espalier COMMAND --help' has examples\n"
         "  --version   version of the program and of its libraries\n\n"
         "Examples:\n"
         "  mpirun -n 3 espalier run config/dms_quick.yaml   one coordinator and two workers\n"
         "  espalier status dms_quick.h5                     how far is it?\n"
         "  espalier report dms_quick.h5                     what does it say?\n"
         "  sbatch jobs/dms_ensemble.sh                      the whole study on a Slurm cluster\n");
}

/* A standard stream that is closed would give its number to the next file that is opened, say the results, and the table would be
 * printed into them. Something that cannot be read or written takes the place. */
static void occupy_standard_streams(void)
{
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
      return;
}

/* Half a table or half a JSON text must not look like success. */
static int check_output(int status)
{
  if (fflush(stdout) == 0 && !ferror(stdout))
    return status;
  fprintf(stderr, "espalier: cannot write to standard output\n");
  return status ? status : esp_err_exit_status(ESP_ERR_IO);
}

int main(int argc, char **argv)
{
  occupy_standard_streams();
  if (argc < 2) {
    print_help();
    return esp_err_exit_status(ESP_ERR_USAGE);
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
    print_help();
    return check_output(0);
  }
  if (strcmp(argv[1], "--version") == 0) {
    printf("%s\n%s", esp_program_version(), esp_library_versions());
    return check_output(0);
  }
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    if (strcmp(argv[1], commands[i].name) == 0) {
      char name[32];
      snprintf(name, sizeof name, "espalier %s", commands[i].name);
      argv[1] = name; /* what a recorded command line begins with */
      return check_output(commands[i].run(argc - 1, argv + 1));
    }
  fprintf(stderr, "espalier: there is no command '%s'; commands are", argv[1]);
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    fprintf(stderr, "%s %s", i ? "," : "", commands[i].name);
  fprintf(stderr, ". Try 'espalier --help'.\n");
  return esp_err_exit_status(ESP_ERR_USAGE);
}
