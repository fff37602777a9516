/* report/figures.c - pictures are Python's business: find the script and an interpreter that can run it, and let it work. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "espalier/report.h"

/* Run a program and return its exit status; 127: it is not there. */
static int run(const char *const *argv, bool quiet)
{
  const pid_t child = fork();
  if (child < 0)
    return 127;
  if (child == 0) {
    const int nowhere = quiet ? open("/dev/null", O_WRONLY) : -1;
    if (nowhere >= 0) {
      dup2(nowhere, STDOUT_FILENO);
      dup2(nowhere, STDERR_FILENO);
    }
    union {
      const char *const *ours;
      char *const *theirs;
    } arguments = {argv}; /* execvp does not write to them */
    execvp(argv[0], arguments.theirs);
    _exit(127);
  }
  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      return 127;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

/* tools/figures.py: named by the environment, beside the build directory, or where the program was installed. */
static bool find_script(char *path, size_t size)
{
  const char *tools = getenv("ESPALIER_TOOLS");
  if (tools)
    return snprintf(path, size, "%s/figures.py", tools) < (int)size && access(path, R_OK) == 0;
  static const char *const places[] = {"/../tools/figures.py", "/../share/espalier/tools/figures.py"};
  char program[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  if (length < 0)
    return false;
  program[length] = '\0';
  char *slash = strrchr(program, '/');
  *slash = '\0';
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    if (snprintf(path, size, "%s%s", program, places[i]) < (int)size && access(path, R_OK) == 0)
      return true;
  return false;
}

/* The one of the system has what Debian installs, another that comes first may not. */
static const char *find_python(void)
{
  static const char *const pythons[] = {"python3", "/usr/bin/python3"};
  for (size_t i = 0; i < sizeof pythons / sizeof *pythons; i++) {
    /* With -c Python looks for modules in the working directory first, where anything may lie. */
    const char *const probe[] = {pythons[i], "-c", "import sys; sys.path = [p for p in sys.path if p]; import h5py, matplotlib, numpy",
                                 NULL};
    if (run(probe, true) == 0)
      return pythons[i];
  }
  return NULL;
}

esp_err esp_report_draw(const char *directory, const char **why_not)
{
  char script[2 * PATH_MAX];
  *why_not = NULL;
  if (!find_script(script, sizeof script)) {
    *why_not = "no pictures: tools/figures.py was not found; set ESPALIER_TOOLS to the directory that has it";
    return ESP_OK;
  }
  const char *python = find_python();
  if (!python) {
    *why_not = "no pictures: they need python3 with numpy, h5py and matplotlib (Debian: apt-get install python3-h5py "
               "python3-matplotlib); then run tools/figures.py on the directory";
    return ESP_OK;
  }
  fflush(stdout);
  const char *const draw[] = {python, script, "--", directory, NULL};
  const int status = run(draw, false);
  ESP_REQUIRE(status == 0, ESP_ERR_UNAVAILABLE, "%s failed with status %d on %s; the report itself is complete", script, status,
              directory);
  return ESP_OK;
}
