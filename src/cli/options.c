/* cli/options.c - a table of options becomes what getopt_long wants, a value goes where its row says, and --help is the same
 * table once more, broken at a width that fits a terminal.
 *
 * getopt_long sorts argv, options first: who wants the command line as it was typed keeps a copy. It also takes any beginning
 * of a long option that is clear. */
#include "options.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "espalier/kernel.h"
#include "espalier/number.h"

/* ---- values ---- */

bool esp_cli_read_flag(const char *text, void *to)
{
  (void)text;
  *(bool *)to = true;
  return true;
}

bool esp_cli_read_text(const char *text, void *to)
{
  *(const char **)to = text;
  return true;
}

bool esp_cli_read_count(const char *text, void *to)
{
  const char *end = esp_read_count(text, LONG_MAX, to);
  return end && !*end;
}

/* HH:MM:SS; hours, minutes and seconds may be as many as an int holds. */
static bool read_clock(const char *text, double *seconds)
{
  long part[3] = {0};
  for (int i = 0; i < 3 && text; i++) {
    text = esp_read_count(text, INT_MAX, &part[i]);
    if (text && i < 2)
      text = *text == ':' ? text + 1 : NULL;
  }
  *seconds = 3600.0 * (double)part[0] + 60.0 * (double)part[1] + (double)part[2];
  return text && !*text;
}

bool esp_cli_read_time(const char *text, void *to)
{
  double *seconds = to;
  if (read_clock(text, seconds))
    return true;
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

static bool read_kernel(const char *text, void *to)
{
  (void)to;
  return esp_kernel_force(text) == ESP_OK;
}

const esp_option esp_option_kernel = {
    .name = "kernel", .value = "NAME", .read = read_kernel,
    .help = "use the avx512, avx2 or portable kernels (default: the fastest that the CPU has; avx2 and avx512 give the same "
            "bits)"};

/* ---- --help ---- */

enum { LINE = 118, LETTER = 6 }; /* columns */

/* Words of a text from a column on; further lines begin there too. */
static void print_words(const char *text, int column)
{
  for (int at = column; *text;) {
    const int length = (int)strcspn(text, " ");
    if (at > column && at + 1 + length > LINE) {
      printf("\n%*s", column, "");
      at = column;
    } else if (at > column) {
      printf(" ");
      at++;
    }
    printf("%.*s", length, text);
    at += length;
    text += length + (text[length] == ' ');
  }
  printf("\n");
}

static int long_width(const esp_option *o)
{
  return (int)(strlen(o->name) + (o->value ? 1 + strlen(o->value) : 0)) + 2;
}

static void print_help(const esp_command *command)
{
  int width = 0;
  for (int i = 0; i < command->n_options; i++)
    width = long_width(&command->options[i]) > width ? long_width(&command->options[i]) : width;
  printf("%s\n", command->usage);
  if (command->n_options > 0)
    printf("Options:\n");
  for (int i = 0; i < command->n_options; i++) {
    const esp_option *o = &command->options[i];
    const char *value = o->value ? o->value : "";
    if (o->letter)
      printf("  -%c, ", o->letter);
    else
      printf("%*s", LETTER, "");
    printf("--%s%s%-*s", o->name, o->value ? " " : "", width - long_width(o) + (int)strlen(value) + 2, value);
    print_words(o->help, LETTER + width + 2);
  }
  printf("%s%s", command->n_options > 0 ? "\n" : "", command->examples);
}

/* ---- the command line ---- */

enum { ROW = 256 }; /* what getopt_long returns for the first row; letters are below */

static const esp_option *row_of(const esp_command *command, int found)
{
  for (int i = 0; i < command->n_options; i++)
    if (found == ROW + i || found == command->options[i].letter)
      return &command->options[i];
  return NULL;
}

static int bad_value(const esp_command *command, const esp_option *option, const char *text)
{
  if (option->wrong)
    return esp_cli_usage_error(command->name, "--%s '%s' is %s", option->name, text, option->wrong);
  return esp_cli_usage_error(command->name, "%s", esp_err_message(ESP_ERR_USAGE));
}

int esp_cli_options(const esp_command *command, int argc, char **argv)
{
  struct option longs[ESP_MAX_OPTIONS + 2] = {{"help", no_argument, NULL, 'h'}};
  char shorts[2 * ESP_MAX_OPTIONS + 3] = ":h", *end = shorts + 2; /* ':': tell a missing value from an unknown option */
  for (int i = 0; i < command->n_options; i++) {
    const esp_option *o = &command->options[i];
    longs[i + 1] = (struct option){o->name, o->value ? required_argument : no_argument, NULL, ROW + i};
    if (o->letter)
      end += sprintf(end, "%c%s", o->letter, o->value ? ":" : "");
  }
  for (int found; (found = getopt_long(argc, argv, shorts, longs, NULL)) != -1;) {
    const esp_option *option = row_of(command, found);
    if (found == 'h') {
      if (esp_cli_is_first())
        print_help(command);
      return 0;
    }
    if (!option)
      return esp_cli_usage_error(command->name, "option '%s' %s", argv[optind - 1],
                                 found == ':' ? "requires an argument" : "is not known");
    if (!option->read(optarg, option->to))
      return bad_value(command, option, optarg);
  }
  return -1;
}
