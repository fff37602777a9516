/* test_lock.c - one holder at a time; a dead one is taken over; nothing of others is followed or overwritten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "espalier/results.h"
#include "espalier/watchdog.h"

static char directory[480], path[512], lock_path[520];
static int flock_fails_with; /* 0: the system's own */
static int busy_calls;       /* 0: as above; else so many calls find another holder, who then removes the file */

/* In place of the C library's: to play a file system that has no flock. */
int flock(int fd, int operation)
{
  if (busy_calls > 0 && --busy_calls >= 0) {
    if (busy_calls == 0)
      unlink(lock_path);
    errno = EWOULDBLOCK;
    return -1;
  }
  if (flock_fails_with) {
    errno = flock_fails_with;
    return -1;
  }
  return (int)syscall(SYS_flock, fd, operation);
}

/* Nobody sleeps through a minute of attempts. */
int usleep(useconds_t microseconds)
{
  const struct timespec pause = {microseconds / 1000000, microseconds % 1000000 * 1000};
  return busy_calls > 0 ? 0 : nanosleep(&pause, NULL);
}

static int begin(void **state)
{
  (void)state;
  unlink(lock_path);
  unsetenv("SLURM_JOB_ID");
  flock_fails_with = 0;
  return 0;
}

static void put(const char *text, long age)
{
  FILE *file = fopen(lock_path, "w");
  fputs(text, file);
  fclose(file);
  const struct timespec times[2] = {{time(NULL) - age, 0}, {time(NULL) - age, 0}};
  utimensat(AT_FDCWD, lock_path, times, 0);
}

static void expect_refused(const char *words)
{
  esp_lock lock;
  assert_int_equal(esp_lock_take(path, &lock), ESP_ERR_UNAVAILABLE);
  assert_int_equal(lock.fd, -1);
  if (!strstr(esp_err_message(ESP_ERR_UNAVAILABLE), words))
    fail_msg("'%s' is not in '%s'", words, esp_err_message(ESP_ERR_UNAVAILABLE));
}

static void expect_taken(void)
{
  esp_lock lock;
  const esp_err err = esp_lock_take(path, &lock);
  if (err != ESP_OK)
    fail_msg("%s", esp_err_message(err));
  esp_lock_release(&lock);
  assert_int_equal(lock.fd, -1);
  assert_int_not_equal(access(lock_path, F_OK), 0);
}

/* A child that holds the lock until it is killed. */
static pid_t start_holder(const char *job)
{
  int ready[2];
  char byte;
  assert_int_equal(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    esp_lock lock;
    setenv("SLURM_JOB_ID", job, 1);
    const bool held = esp_lock_take(path, &lock) == ESP_OK;
    if (write(ready[1], held ? "y" : "n", 1) == 1)
      pause();
    _exit(0);
  }
  assert_int_equal(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  close(ready[1]);
  assert_int_equal(byte, 'y');
  return child;
}

static void end_holder(pid_t child)
{
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}

static void free_lock_is_taken_and_removed(void **state)
{
  (void)state;
  expect_taken();
  expect_taken();
  esp_lock none = {.fd = -1};
  esp_lock_keep(&none);
  esp_lock_release(&none);
}

/* A job that Slurm has begun again finds its last start still ending. */
static void our_own_job_is_waited_for(void **state)
{
  (void)state;
  const pid_t child = start_holder("4711");
  setenv("SLURM_JOB_ID", "4711", 1);
  const pid_t killer = fork();
  if (killer == 0) {
    usleep(1500000);
    kill(child, SIGKILL);
    _exit(0);
  }
  expect_taken();
  waitpid(killer, NULL, 0);
  waitpid(child, NULL, 0);
}

/* However long that took: at the moment when its lock goes away, too. */
static void our_own_job_may_end_late(void **state)
{
  (void)state;
  put("host another-host\npid 12\njob 4711\nstarted 2020-01-01T00:00:00Z\n", 5);
  setenv("SLURM_JOB_ID", "4711", 1);
  busy_calls = 150;
  expect_taken();
  assert_int_equal(busy_calls, 0);
}

static void second_taker_hears_of_the_first(void **state)
{
  (void)state;
  char words[64], host[256] = "";
  gethostname(host, sizeof host - 1);
  const pid_t child = start_holder("4711");
  snprintf(words, sizeof words, "process %ld on", (long)child);
  expect_refused(words);
  expect_refused(host);
  expect_refused("Slurm job 4711, started 20");
  end_holder(child);
  assert_int_equal(access(lock_path, F_OK), 0); /* left behind, and nobody's */
  expect_taken();
}

/* Does the lock file get a new time from this? */
static bool renewed_by(void (*call)(void))
{
  struct stat st;
  const struct timespec old[2] = {{1000, 0}, {1000, 0}};
  assert_int_equal(utimensat(AT_FDCWD, lock_path, old, 0), 0);
  call();
  assert_int_equal(stat(lock_path, &st), 0);
  return time(NULL) - st.st_mtime < 60;
}

static void whatever_moves_keeps_the_lock(void **state)
{
  (void)state;
  esp_lock lock;
  assert_int_equal(esp_lock_take(path, &lock), ESP_OK);
  esp_watchdog_pass_on(esp_lock_keep, &lock);
  assert_true(renewed_by(esp_watchdog_moved));
  lock.refreshed += 3600; /* not so soon again */
  assert_false(renewed_by(esp_watchdog_moved));
  lock.refreshed -= 3606;
  assert_true(renewed_by(esp_watchdog_awake));
  esp_watchdog_pass_on(NULL, NULL);
  esp_lock_release(&lock);
}

static void things_in_the_way_are_left_alone(void **state)
{
  (void)state;
  char target[600], text[16] = "";
  snprintf(target, sizeof target, "%s/target", directory);
  assert_int_equal(symlink(target, lock_path), 0);
  expect_refused("symbolic link");
  assert_int_not_equal(access(target, F_OK), 0);
  unlink(lock_path);
  put("precious", 0);
  expect_refused("not a lock file of this program");
  assert_int_equal(rename(lock_path, target), 0);
  assert_int_equal(link(target, lock_path), 0);
  expect_refused("not a lock file of this program");
  unlink(lock_path);
  FILE *file = fopen(target, "r");
  assert_non_null(fgets(text, sizeof text, file));
  fclose(file);
  assert_string_equal(text, "precious");
  unlink(target);
  assert_int_equal(mkdir(lock_path, 0755), 0);
  expect_refused(lock_path);
  rmdir(lock_path);
  put("", 0); /* its maker died before it wrote */
  expect_taken();
}

static void holder_elsewhere_counts_while_it_is_heard_of(void **state)
{
  (void)state;
  const char *text = "host another-host\npid 12\njob 99\nstarted 2020-01-01T00:00:00Z\n";
  for (int i = 0; i < 2; i++) {
    flock_fails_with = i == 0 ? 0 : ENOLCK;
    put(text, 30);
    expect_refused("process 12 on another-host, Slurm job 99, started 2020-01-01T00:00:00Z");
    setenv("SLURM_JOB_ID", "98", 1);
    expect_refused("another-host");
    put(text, 100);
    expect_taken();
    put(text, 5);
    setenv("SLURM_JOB_ID", "99", 1); /* our own job, begun again elsewhere */
    expect_taken();
    unsetenv("SLURM_JOB_ID");
  }
}

static void without_flock_the_process_decides(void **state)
{
  (void)state;
  const int causes[] = {ENOLCK, EOPNOTSUPP, ENOSYS};
  for (int i = 0; i < 3; i++) {
    flock_fails_with = causes[i];
    const pid_t child = start_holder("-");
    expect_refused("process");
    end_holder(child);
    expect_taken();
  }
  flock_fails_with = EIO;
  expect_refused("cannot lock the results");
}

/* Many at once: exactly one holds it at any time. */
static void only_one_of_many(void **state)
{
  (void)state;
  char inside[600];
  int took = 0;
  snprintf(inside, sizeof inside, "%s/inside", directory);
  for (int c = 0; c < 6; c++)
    if (fork() == 0) {
      int n = 0;
      for (int i = 0; i < 300; i++) {
        esp_lock lock;
        if (esp_lock_take(path, &lock) != ESP_OK)
          continue;
        const int fd = open(inside, O_CREAT | O_EXCL | O_WRONLY, 0600);
        if (fd < 0)
          _exit(255);
        usleep(50);
        close(fd);
        unlink(inside);
        esp_lock_release(&lock);
        n = 1;
      }
      _exit(n);
    }
  for (int c = 0; c < 6; c++) {
    int status;
    wait(&status);
    assert_true(WIFEXITED(status));
    assert_int_not_equal(WEXITSTATUS(status), 255);
    took += WEXITSTATUS(status);
  }
  assert_true(took > 0);
}

static void two_names_of_a_file_have_one_lock(void **state)
{
  (void)state;
  esp_lock lock, second;
  char other[600];
  snprintf(other, sizeof other, "%s/other.h5", directory);
  close(open(path, O_CREAT | O_WRONLY, 0644));
  assert_int_equal(symlink(path, other), 0);
  assert_int_equal(esp_lock_take(path, &lock), ESP_OK);
  assert_int_equal(esp_lock_take(other, &second), ESP_ERR_UNAVAILABLE);
  esp_lock_release(&lock);
  unlink(other);
  unlink(path);
}

int main(void)
{
  const char *tmp = getenv("ESP_TEST_TMP");
  snprintf(directory, sizeof directory, "%s/lock.XXXXXX", tmp && strlen(tmp) < 400 ? tmp : "/tmp");
  if (!mkdtemp(directory))
    return 1;
  snprintf(path, sizeof path, "%s/results.h5", directory);
  snprintf(lock_path, sizeof lock_path, "%s.lock", path);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(free_lock_is_taken_and_removed, begin),
      cmocka_unit_test_setup(our_own_job_is_waited_for, begin),
      cmocka_unit_test_setup(our_own_job_may_end_late, begin),
      cmocka_unit_test_setup(second_taker_hears_of_the_first, begin),
      cmocka_unit_test_setup(whatever_moves_keeps_the_lock, begin),
      cmocka_unit_test_setup(things_in_the_way_are_left_alone, begin),
      cmocka_unit_test_setup(holder_elsewhere_counts_while_it_is_heard_of, begin),
      cmocka_unit_test_setup(without_flock_the_process_decides, begin),
      cmocka_unit_test_setup(only_one_of_many, begin),
      cmocka_unit_test_setup(two_names_of_a_file_have_one_lock, begin),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  unlink(lock_path);
  rmdir(directory);
  return failed;
}
