/* forks.c - run many commands of the program without starting it each time: what takes long is loading its libraries.
 *
 * A line on standard input is one command: the file that gets its output, the file that gets its messages, then its words, all
 * separated by tabs. Each runs in a child of its own, as main() would run it in a fresh process; the answer is one line,
 * "exit STATUS" or "signal NUMBER". One that hangs gets a signal: after CPU_LIMIT of work, or TIME_LIMIT on a machine that may
 * have other things to do. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"

enum { CPU_LIMIT = 20, TIME_LIMIT = 300, MAX_WORDS = 32 }; /* s */

static const struct {
  const char *name;
  int (*run)(int argc, char **argv);
} commands[] = {{"run", esp_cli_run},       {"status", esp_cli_status}, {"verify", esp_cli_verify},
                {"report", esp_cli_report}, {"info", esp_cli_info},     {"explain", esp_cli_explain}};

static void redirect(const char *path, int fd)
{
  const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (file < 0 || dup2(file, fd) < 0)
    _exit(127);
  close(file);
}

/* The child. Ends with exit(), as a program does: what a library does then is part of the test. */
static void run(int argc, char **argv)
{
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    if (strcmp(argv[0], commands[i].name) == 0) {
      alarm(TIME_LIMIT);
      setrlimit(RLIMIT_CPU, &(struct rlimit){CPU_LIMIT, CPU_LIMIT});
      exit(commands[i].run(argc, argv));
    }
  _exit(127);
}

int main(void)
{
  char line[8192];
  while (fgets(line, sizeof line, stdin)) {
    char *word[MAX_WORDS] = {0};
    int n = 0, status;
    line[strcspn(line, "\n")] = '\0';
    for (char *at = strtok(line, "\t"); at && n < MAX_WORDS - 1; at = strtok(NULL, "\t"))
      word[n++] = at;
    if (n < 3)
      return 2;
    const pid_t child = fork();
    if (child == 0) {
      redirect("/dev/null", STDIN_FILENO);
      redirect(word[0], STDOUT_FILENO);
      redirect(word[1], STDERR_FILENO);
      run(n - 2, word + 2);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
      return 2;
    if (WIFSIGNALED(status))
      printf("signal %d\n", WTERMSIG(status));
    else
      printf("exit %d\n", WEXITSTATUS(status));
    fflush(stdout);
  }
  return 0;
}
