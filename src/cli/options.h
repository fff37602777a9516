/* cli/options.h - the options of a sub-command as one table. How they are read, what is said of one that is unknown or wrong, and
 * their part of --help follow from it. */
#ifndef ESPALIER_CLI_OPTIONS_H
#define ESPALIER_CLI_OPTIONS_H
#include <getopt.h> /* optind */
#include <stdbool.h>

/** One option. */
typedef struct {
  char letter;       /* short form; 0: none                                                                  */
  const char *name;  /* long form                                                                            */
  const char *value; /* what --help calls its value; NULL: it has none                                       */
  const char *help;  /* one line, broken by --help where it has to be                                        */
  bool (*read)(const char *text, void *to); /* keep the value (NULL for one without); false: it is refused   */
  void *to;          /* where: a variable of the type that read() says                                       */
  const char *wrong; /* why it is refused, after "--name 'text' is "; NULL: read() has said it with esp_fail */
} esp_option;

enum { ESP_MAX_OPTIONS = 24 };

/** A sub-command; --help (-h), which all have, prints usage, options and examples. */
typedef struct {
  const char *name;
  const char *usage;    /* and what it does                           */
  const char *examples; /* and what else stands after the options     */
  int n_options;
  const esp_option *options;
} esp_command;

/** Read the options of a command line; operands, argv[optind] and further, may stand between them.
 *  @return -1: go on; otherwise the exit status to end with: 0 after --help, 64 after a complaint. */
int esp_cli_options(const esp_command *command, int argc, char **argv);

/* ---- to read values with ---- */

/** Numbers of ranks to predict for: 1,2,3 or 1,2,4,...,4096. */
enum { ESP_MAX_RANK_LIST = 64 };
typedef struct {
  int n, ranks[ESP_MAX_RANK_LIST];
} esp_rank_list;

bool esp_cli_read_flag(const char *text, void *to);  /* bool, set to true                                          */
bool esp_cli_read_text(const char *text, void *to);  /* const char *, borrowed                                     */
bool esp_cli_read_count(const char *text, void *to); /* long, from 0                                               */
bool esp_cli_read_time(const char *text, void *to);  /* double, in s: "90s", "30m", "12h", "2d", HH:MM:SS or plain */
bool esp_cli_read_ranks(const char *text, void *to); /* esp_rank_list: numbers that increase, at most a million, separated by
                                                        commas; "..." between two goes on doubling                 */

/** --kernel, for all commands that compute. */
extern const esp_option esp_option_kernel;

#endif
