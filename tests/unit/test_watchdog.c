/* tests/unit/test_watchdog.c - it bites when nothing moves, and the process is gone even if everything hangs. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "espalier/watchdog.h"

static void nap(double seconds)
{
  const struct timespec pause = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
  nanosleep(&pause, NULL);
}

static void hang(void)
{
  for (;;)
    pause();
}

static void hang_at_the_end(int status)
{
  (void)status;
  hang();
}

static void say_phase(void)
{
  const char *words = esp_phase_words(esp_watchdog_phase_now());
  if (write(STDOUT_FILENO, words, strlen(words)) < 0)
    _exit(1);
}

static void end(int status)
{
  _exit(status + 1);
}

/* Run body in a child; its exit status, and the signal that ended it below 0. What it wrote to standard output goes to said. */
static int child(void (*body)(void), char said[64])
{
  int ends[2], status;
  assert_int_equal(pipe(ends), 0);
  fflush(NULL);
  const pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    dup2(ends[1], STDOUT_FILENO);
    alarm(60);
    body();
    _exit(0);
  }
  close(ends[1]);
  memset(said, 0, 64);
  ssize_t n = 0;
  for (ssize_t more; (more = read(ends[0], said + n, (size_t)(63 - n))) > 0; n += more)
    ;
  close(ends[0]);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void stand_still(void)
{
  if (esp_watchdog_start(0.3, say_phase, end) == ESP_OK) {
    esp_watchdog_phase(ESP_PHASE_WRITING);
    hang();
  }
}

static void stand_still_for_good(void)
{
  if (esp_watchdog_start(0.3, hang, hang_at_the_end) == ESP_OK)
    hang();
}

static void move_slowly(void)
{
  if (esp_watchdog_start(2, say_phase, end) != ESP_OK)
    _exit(9);
  for (int i = 0; i < 8; i++) {
    nap(0.5);
    esp_watchdog_moved();
  }
  esp_watchdog_stop();
  nap(2.5);
}

static void be_stopped(void)
{
  if (esp_watchdog_start(2, say_phase, end) != ESP_OK)
    _exit(9);
  const pid_t pid = getpid();
  if (fork() == 0) {
    nap(4);
    kill(pid, SIGCONT);
    _exit(0);
  }
  raise(SIGSTOP);
  esp_watchdog_moved();
}

static void have_none(void)
{
  if (esp_watchdog_start(0, say_phase, end) == ESP_OK)
    nap(1);
  esp_watchdog_stop();
}

static void told(void *context)
{
  ++*(int *)context;
}

static void it_bites_and_says_what_was_done(void **state)
{
  (void)state;
  char said[64];
  assert_int_equal(child(stand_still, said), 75); /* the callback has added one */
  assert_string_equal(said, "writing");
}

static void the_process_ends_even_if_everything_hangs(void **state)
{
  (void)state;
  char said[64];
  assert_int_equal(child(stand_still_for_good, said), 74);
}

static void who_moves_is_left_alone(void **state)
{
  (void)state;
  char said[64];
  assert_int_equal(child(move_slowly, said), 0);
  assert_int_equal(child(be_stopped, said), 0);
  assert_int_equal(child(have_none, said), 0);
}

static void moves_are_passed_on(void **state)
{
  (void)state;
  int n = 0;
  esp_watchdog_pass_on(told, &n);
  esp_watchdog_phase(ESP_PHASE_TRAINING);
  esp_watchdog_moved();
  assert_int_equal(n, 2);
  esp_watchdog_awake();
  assert_int_equal(n, 3);
  esp_watchdog_pass_on(NULL, NULL);
  esp_watchdog_moved();
  esp_watchdog_awake();
  assert_int_equal(n, 3);
  assert_int_equal(esp_watchdog_phase_now(), ESP_PHASE_TRAINING);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_bites_and_says_what_was_done),
      cmocka_unit_test(the_process_ends_even_if_everything_hangs),
      cmocka_unit_test(who_moves_is_left_alone),
      cmocka_unit_test(moves_are_passed_on),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
