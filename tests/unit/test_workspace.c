/* tests/unit/test_workspace.c - pieces are apart and aligned, the whole grows where it is, and each way in which it cannot is an
 * error that takes nothing. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "espalier/workspace.h"

#define MIB ((size_t)1 << 20)

/* ---- the call that makes memory usable: counted, and made to fail ---- */

static long n_steps;
static bool steps_fail;

int mprotect(void *at, size_t n, int how)
{
  n_steps++;
  if (!steps_fail)
    return (int)syscall(SYS_mprotect, at, n, how);
  errno = ENOMEM;
  return -1;
}

/* ---- pieces ---- */

static void pieces_are_aligned_and_apart(void **state)
{
  (void)state;
  esp_workspace ws;
  double *d;
  int *i;
  unsigned char *b;
  assert_int_equal(esp_workspace_create(&ws), ESP_OK);
  assert_true(ws.used == 0 && ws.high == 0);
  assert_int_equal(esp_workspace_take(&ws, 9, &d), ESP_OK);
  assert_int_equal(esp_workspace_take_int(&ws, 3, &i), ESP_OK);
  assert_int_equal(esp_workspace_take_bytes(&ws, 65, &b), ESP_OK);
  assert_true((uintptr_t)d % 64 == 0 && (uintptr_t)i % 64 == 0 && (uintptr_t)b % 64 == 0);
  memset(d, 1, 9 * sizeof *d);
  memset(i, 2, 3 * sizeof *i);
  memset(b, 3, 65);
  assert_true(((unsigned char *)d)[71] == 1 && ((unsigned char *)i)[11] == 2 && b[0] == 3);
  assert_true(ws.used == 128 + 64 + 128 && ws.high == ws.used);
  assert_int_equal(esp_workspace_take_bytes(&ws, 0, &b), ESP_OK);
  assert_int_equal(ws.used, 128 + 64 + 128);
  assert_int_equal(esp_workspace_take_bytes(&ws, 64, &b), ESP_OK);
  assert_int_equal(ws.used, 128 + 64 + 128 + 64);
  esp_workspace_free(&ws);
  assert_true(ws.base == NULL && ws.size == 0);
  esp_workspace_free(&ws); /* a zeroed one is fine */
}

static void rewinding_hands_out_the_same_again(void **state)
{
  (void)state;
  esp_workspace ws;
  double *first, *second;
  assert_int_equal(esp_workspace_create(&ws), ESP_OK);
  const size_t mark = ws.used;
  assert_int_equal(esp_workspace_take(&ws, 100, &first), ESP_OK);
  ws.used = mark;
  assert_int_equal(esp_workspace_take(&ws, 10, &second), ESP_OK);
  assert_ptr_equal(first, second);
  assert_int_equal(ws.high, 832); /* remembered: 800 bytes in whole lines */
  esp_workspace_free(&ws);
}

static void debug_builds_hand_out_nan(void **state)
{
  (void)state;
#ifdef ESP_DEBUG
  esp_workspace ws;
  double *d;
  assert_int_equal(esp_workspace_create(&ws), ESP_OK);
  for (int again = 0; again < 2; again++) {
    assert_int_equal(esp_workspace_take(&ws, 9, &d), ESP_OK);
    for (int i = 0; i < 9; i++) {
      assert_true(isnan(d[i]));
      d[i] = 1;
    }
    ws.used = 0;
  }
  esp_workspace_free(&ws);
#else
  skip();
#endif
}

/* ---- growth ---- */

static void it_grows_where_it_is(void **state)
{
  (void)state;
  esp_workspace ws;
  unsigned char *first, *next;
  assert_int_equal(esp_workspace_create(&ws), ESP_OK);
  const unsigned char *base = ws.base;
  assert_int_equal(esp_workspace_take_bytes(&ws, 100, &first), ESP_OK);
  assert_true(first == base && ws.usable >= MIB && ws.usable <= 16 * MIB); /* not all that there may be */
  memset(first, 7, 100);
  for (int i = 0; i < 20; i++) {
    const size_t n = (size_t)(i % 3 + 1) * MIB + 100, before = ws.used;
    assert_int_equal(esp_workspace_take_bytes(&ws, n, &next), ESP_OK);
    assert_true(next == base + before && ws.base == base && ws.used <= ws.usable && ws.usable <= ws.size);
    for (size_t k = 0; k < n; k += n / 2 - 1)
      assert_int_equal(next[k], 0); /* new memory is zeros */
    next[n - 1] = 1;
  }
  assert_true(first[0] == 7 && first[99] == 7 && ws.high == ws.used);
  esp_workspace_free(&ws);
}

static void what_was_needed_once_costs_no_call(void **state)
{
  (void)state;
  esp_workspace ws;
  unsigned char *bytes;
  assert_int_equal(esp_workspace_create(&ws), ESP_OK);
  for (int round = 0; round < 3; round++) {
    const long before = n_steps;
    ws.used = 0;
    for (int i = 0; i < 1000; i++)
      assert_int_equal(esp_workspace_take_bytes(&ws, 30000, &bytes), ESP_OK);
    assert_true(round == 0 ? n_steps - before <= 10 : n_steps == before); /* 30 MB in steps of some MiB */
  }
  esp_workspace_free(&ws);
}

static void a_large_piece_is_one_step(void **state)
{
  (void)state;
  esp_workspace ws;
  unsigned char *bytes;
  assert_int_equal(esp_workspace_create(&ws), ESP_OK);
  const long before = n_steps;
  assert_int_equal(esp_workspace_take_bytes(&ws, 300 * MIB, &bytes), ESP_OK);
  bytes[300 * MIB - 1] = 1;
  assert_int_equal(n_steps - before, 1);
  esp_workspace_free(&ws);
}

/* ---- failures ---- */

static void asking_too_much_is_an_error_that_takes_nothing(void **state)
{
  (void)state;
  esp_workspace ws;
  double *d;
  assert_int_equal(esp_workspace_create(&ws), ESP_OK);
  assert_int_equal(esp_workspace_take(&ws, 64, &d), ESP_OK);
  const esp_workspace before = ws;
  assert_int_equal(esp_workspace_take(&ws, ws.size / sizeof *d, &d), ESP_ERR_NOMEM);
  assert_memory_equal(&ws, &before, sizeof ws);
  assert_non_null(strstr(esp_err_message(ESP_ERR_NOMEM), "raise the limit (ulimit -v)"));
  assert_int_equal(esp_workspace_take(&ws, 64, &d), ESP_OK); /* what was asked for at first is still there */
  esp_workspace_free(&ws);
}

static void a_step_that_fails_is_an_error_that_takes_nothing(void **state)
{
  (void)state;
  esp_workspace ws;
  double *d;
  assert_int_equal(esp_workspace_create(&ws), ESP_OK);
  assert_int_equal(esp_workspace_take(&ws, 64, &d), ESP_OK);
  const esp_workspace before = ws;
  steps_fail = true;
  const esp_err err = esp_workspace_take(&ws, 100 * MIB / sizeof *d, &d);
  steps_fail = false;
  assert_int_equal(err, ESP_ERR_NOMEM);
  assert_int_equal(esp_err_exit_status(err), 70);
  assert_memory_equal(&ws, &before, sizeof ws);
  assert_non_null(strstr(esp_err_message(ESP_ERR_NOMEM), "no memory for 100 MiB of scratch beyond the 4 MiB in use: Cannot allocate"));
  assert_non_null(strstr(esp_err_message(ESP_ERR_NOMEM), "--mem-per-cpu"));
  assert_int_equal(esp_workspace_take(&ws, 64, &d), ESP_OK); /* within what is there */
  unsigned char *bytes;
  assert_int_equal(esp_workspace_take_bytes(&ws, 100 * MIB, &bytes), ESP_OK); /* and later there may be more */
  esp_workspace_free(&ws);
}

/* ---- little address space ---- */

static size_t address_space_in_use(void)
{
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  assert_non_null(file);
  assert_int_equal(fscanf(file, "%ld", &pages), 1);
  fclose(file);
  return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* In a process that may have so much more. 0: as it should be; otherwise the line of what is not. */
static int check_with(size_t more)
{
#define CHECK(condition) \
  do {                   \
    if (!(condition))    \
      return __LINE__;   \
  } while (0)
  const rlim_t limit = address_space_in_use() + more;
  esp_workspace ws;
  unsigned char *bytes;
  CHECK(setrlimit(RLIMIT_AS, &(struct rlimit){limit, limit}) == 0);
  if (more < MIB) {
    CHECK(esp_workspace_create(&ws) == ESP_ERR_NOMEM && ws.base == NULL && strstr(esp_err_message(ESP_ERR_NOMEM), "ulimit -v"));
    return 0;
  }
  CHECK(esp_workspace_create(&ws) == ESP_OK);
  const size_t share = more > 1000 * MIB ? (more - 256 * MIB) / 2 : more / 8, n = share / 4 * 3;
  CHECK(ws.size >= n && ws.size <= share + MIB);
  CHECK(esp_workspace_take_bytes(&ws, n, &bytes) == ESP_OK);
  memset(bytes, 1, n);
  void *const others = mmap(NULL, more - share - 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(others != MAP_FAILED);
  CHECK(esp_workspace_take_bytes(&ws, more / 2, &bytes) == ESP_ERR_NOMEM);
  CHECK(strstr(esp_err_message(ESP_ERR_NOMEM), "ulimit -v"));
  return 0;
}

static void others_get_their_share_of_little_address_space(void **state)
{
  (void)state;
  static const size_t more[] = {512 * 1024, 64 * MIB, 200 * MIB, 2000 * MIB};
  for (int i = 0; i < 4; i++) {
    int status;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
      _exit(check_with(more[i]) % 256);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
      fail_msg("%zu MiB: status %#x, line %d (modulo 256)", more[i] / MIB, (unsigned)status, WEXITSTATUS(status));
  }
}

/* ---- what the process has ---- */

static void memory_counts_when_it_is_touched(void **state)
{
  (void)state;
  esp_workspace ws;
  unsigned char *bytes;
  assert_int_equal(esp_workspace_create(&ws), ESP_OK);
  const int before = esp_peak_mib();
  assert_int_equal(esp_workspace_take_bytes(&ws, 200 * MIB, &bytes), ESP_OK);
  const int taken = esp_peak_mib();
  memset(bytes, 1, 100 * MIB);
  const int touched = esp_peak_mib();
  esp_workspace_free(&ws);
  assert_true(before > 0 && before < 2000);
  assert_true(taken < before + 50);
  assert_in_range(touched, before + 60, before + 150);
  assert_true(esp_peak_mib() >= touched); /* the most there ever was */
}

/* One after the other, none for nothing, zeros where asked for over what lay there; one that cannot be had is told. */
static void several_are_taken_at_once(void **state)
{
  (void)state;
  esp_workspace ws;
  double *a, *none, *b;
  unsigned char *rubbish;
  const esp_piece list[] = {{&a, 9}, {&none, 0}, {&b, 1}};
  assert_int_equal(esp_workspace_create(&ws), ESP_OK);
  assert_int_equal(esp_workspace_take_bytes(&ws, 4096, &rubbish), ESP_OK);
  memset(rubbish, 7, 4096);
  ws.used = 0;
  none = (double *)(void *)rubbish;
  assert_int_equal(esp_workspace_take_zeros(&ws, 3, list), ESP_OK);
  assert_ptr_equal(a, rubbish);
  assert_ptr_equal(b, a + 16);
  assert_null(none);
  for (int i = 0; i < 9; i++)
    assert_true(a[i] == 0);
  assert_true(b[0] == 0 && ws.used == 192);
  memset(rubbish, 7, 4096);
  ws.used = 0;
  assert_int_equal(esp_workspace_take_all(&ws, 3, list), ESP_OK);
  assert_true(b == a + 16 && a[0] != 0 && ws.used == 192); /* NaN, or what lay there */
  const size_t size = ws.size;
  ws.size = 128;
  ws.used = 0;
  assert_int_equal(esp_workspace_take_all(&ws, 3, list), ESP_ERR_NOMEM);
  ws.size = size;
  esp_workspace_free(&ws);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pieces_are_aligned_and_apart),
      cmocka_unit_test(several_are_taken_at_once),
      cmocka_unit_test(rewinding_hands_out_the_same_again),
      cmocka_unit_test(debug_builds_hand_out_nan),
      cmocka_unit_test(it_grows_where_it_is),
      cmocka_unit_test(what_was_needed_once_costs_no_call),
      cmocka_unit_test(a_large_piece_is_one_step),
      cmocka_unit_test(asking_too_much_is_an_error_that_takes_nothing),
      cmocka_unit_test(a_step_that_fails_is_an_error_that_takes_nothing),
      cmocka_unit_test(others_get_their_share_of_little_address_space),
      cmocka_unit_test(memory_counts_when_it_is_touched),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
