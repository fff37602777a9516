/* test_results.c - the results file: what goes in comes out, damage is seen, and nothing of others is touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/results/internal.h"
#include "espalier/log.h"

enum { N_MEMBERS = 3, N_ARMS = 2, N_STAGES = 3, N_HID = 5, N_SLOTS = N_MEMBERS * N_ARMS * N_STAGES };

static esp_plan plan;
static char path[512], directory[480];
static char config_text[] = "experiment: dms\nseed: 1\n";
static char config_resolved[] = "experiment: dms\nseed: 1\nnetwork:\n  n_hid: 5\n";
static const esp_config_file config = {.text = config_text, .resolved = config_resolved};
static int n_syncs, sync_error; /* fsync calls so far; errno with which they fail, 0: they do not */

/* In place of the C library's: to count, and to play a disk that fails. */
int fsync(int fd)
{
  (void)fd;
  n_syncs++;
  errno = sync_error;
  return sync_error ? -1 : 0;
}

/* ---- a small plan ---- */

static void make_plan(esp_plan *p, int n_hid)
{
  *p = (esp_plan){.experiment = "made_up", .n_members = N_MEMBERS, .n_arms = N_ARMS, .n_stages = N_STAGES,
                  .arm_name = {"pruned", "twin"},
                  .stage_value = {"prune_fraction", "1", "share of the weights that is removed"},
                  .work = "gradients"};
  p->stages = calloc(N_STAGES, sizeof *p->stages);
  for (int s = 0; s < N_STAGES; s++) {
    snprintf(p->stages[s].name, sizeof p->stages[s].name, "%s%d", s ? "rung_" : "start_", s);
    p->stages[s].long_name = "a stage";
    p->stages[s].value = 0.1 * s;
    p->stages[s].n_members = s == 2 ? 1 : N_MEMBERS;
    for (int a = 0; a < N_ARMS; a++) {
      p->stages[s].parent[a].arm = a;
      p->stages[s].parent[a].stage = s > 0 ? s - 1 : ESP_NO_PARENT;
    }
  }
  const double times[] = {0.5, 1.0, 1.5};
  const int post = esp_plan_add_axis(p, "post", n_hid, "1", "unit that receives", NULL);
  const int pre = esp_plan_add_axis(p, "pre", n_hid, "1", "unit that sends", NULL);
  const int time = esp_plan_add_axis(p, "time", 3, "s", "time since the cue", times);
  esp_layout_add(p, &p->record, (esp_field){"w_rec", ESP_F64, 2, {post, pre}, "1", "recurrent weights", false});
  esp_layout_add(p, &p->record, (esp_field){"mask", ESP_U8, 2, {post, pre}, "1", "1 where a weight is kept", false});
  esp_layout_add(p, &p->record, (esp_field){"calls", ESP_I32, 1, {time}, "1", "training calls", false});
  esp_layout_add(p, &p->record, (esp_field){"loss", ESP_F64, 0, {0}, "1", "loss at the end", true});
  esp_layout_add(p, &p->record, (esp_field){"lever", ESP_F32, 1, {time}, "Hz", "position of a lever", false});
  esp_layout_add(p, &p->resume, (esp_field){"w_rec", ESP_F64, 2, {post, pre}, "1", "recurrent weights so far", false});
  esp_layout_add(p, &p->resume, (esp_field){"call", ESP_I32, 0, {0}, "1", "calls made", false});
}

/* Any bytes will do, NaNs of all kinds included; padding stays 0 as in esp_record_clear(). */
static esp_record make_record(const esp_layout *layout, unsigned seed)
{
  esp_record record = {layout, malloc(layout->bytes)};
  esp_record_clear(&record);
  for (int f = 0; f < layout->n_fields; f++)
    for (size_t i = 0; i < layout->count[f] * esp_type_bytes(layout->field[f].type); i++) {
      seed = seed * 1664525u + 1013904223u;
      record.data[layout->offset[f] + i] = (unsigned char)(seed >> 24);
    }
  return record;
}

static void assert_same(const esp_record *a, const esp_record *b)
{
  assert_memory_equal(a->data, b->data, a->layout->bytes);
}

/* ---- files ---- */

static void fresh(void)
{
  unlink(path);
  assert_int_equal(esp_results_create(path, &plan, &config), ESP_OK);
}

static void put(const char *name, const void *bytes, size_t n)
{
  FILE *file = fopen(name, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, n, file), n);
  fclose(file);
}

static unsigned char *whole(const char *name, size_t *n)
{
  struct stat st;
  assert_int_equal(stat(name, &st), 0);
  *n = (size_t)st.st_size;
  unsigned char *bytes = malloc(*n + 1);
  FILE *file = fopen(name, "rb");
  assert_int_equal(fread(bytes, 1, *n, file), *n);
  fclose(file);
  return bytes;
}

static long offset_of(const char *dataset)
{
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS), file = H5Fopen(path, H5F_ACC_RDONLY, access);
  const hid_t d = H5Dopen2(file, dataset, H5P_DEFAULT);
  const haddr_t at = H5Dget_offset(d);
  H5Dclose(d);
  H5Fclose(file);
  H5Pclose(access);
  assert_true(at != HADDR_UNDEF);
  return (long)at;
}

static void flip(long at)
{
  const int fd = open(path, O_RDWR);
  unsigned char byte;
  assert_int_equal(pread(fd, &byte, 1, at), 1);
  byte ^= 0x10;
  assert_int_equal(pwrite(fd, &byte, 1, at), 1);
  close(fd);
}

static esp_results *opened(esp_results_mode mode)
{
  esp_results *r = NULL;
  const esp_err err = esp_results_open(path, &plan, mode, &r);
  if (err != ESP_OK)
    print_error("%s\n", esp_err_message(err));
  assert_int_equal(err, ESP_OK);
  return r;
}

static void fill_cells(void)
{
  esp_results *r = opened(ESP_RESULTS_WRITE);
  for (long slot = 0; slot < N_SLOTS; slot++) {
    const esp_cell cell = esp_slot_cell(&plan, slot);
    if (!esp_cell_exists(&plan, cell))
      continue;
    esp_record record = make_record(&plan.record, (unsigned)slot);
    const esp_commit commit = {.outcome = {slot % 5 == 4 ? ESP_CELL_FAILED : ESP_CELL_DONE, ESP_STOP_CONVERGED, 1000 + slot},
                               .seconds = 0.5 * (double)slot,
                               .rank = (int)slot + 1,
                               .peak_mib = slot == 1 ? 70000 : (int)slot};
    assert_int_equal(esp_results_write_cell(r, cell, &record, &commit), ESP_OK);
    free(record.data);
  }
  assert_int_equal(esp_results_close(r), ESP_OK);
}

/* ---- tests ---- */

static void crc_has_its_check_values(void **state)
{
  (void)state;
  unsigned char bytes[32] = {0};
  assert_int_equal(esp_crc32c(0, "123456789", 9), 0xe3069283);
  assert_int_equal(esp_crc32c(esp_crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
  assert_int_equal(esp_crc32c(0, bytes, 32), 0x8a9136aa); /* RFC 3720, B.4: 32 bytes of zeros, of ones, counting up */
  memset(bytes, 0xff, sizeof bytes);
  assert_int_equal(esp_crc32c(0, bytes, 32), 0x62a8ab43);
  for (int i = 0; i < 32; i++)
    bytes[i] = (unsigned char)i;
  assert_int_equal(esp_crc32c(0, bytes, 32), 0x46dd794e);
  assert_int_equal(esp_crc32c(7, bytes, 0), 7);
}

static void new_file_is_empty_and_says_its_config(void **state)
{
  (void)state;
  fresh();
  char *text = NULL;
  long damaged = -1;
  esp_commit commits[N_SLOTS];
  assert_int_equal(esp_results_config(path, &text), ESP_OK);
  assert_string_equal(text, config_resolved);
  free(text);
  esp_results *r = opened(ESP_RESULTS_READ);
  assert_int_equal(esp_results_read_commits(r, commits, &damaged), ESP_OK);
  assert_int_equal(damaged, 0);
  for (int i = 0; i < N_SLOTS; i++)
    assert_int_equal(commits[i].outcome.state, ESP_CELL_EMPTY);
  esp_record record = make_record(&plan.record, 1);
  assert_int_equal(esp_results_read_cell(r, (esp_cell){1, 0, 1}, &record, NULL), ESP_ERR_DATA);
  assert_non_null(strstr(esp_err_message(ESP_ERR_DATA), "member 1, pruned, rung_1 is not computed"));
  assert_int_equal(esp_results_write_cell(r, (esp_cell){0, 0, 0}, &record, &(esp_commit){.outcome.state = ESP_CELL_DONE}),
                   ESP_ERR_ARG);
  assert_int_equal(esp_results_read_cell(r, (esp_cell){N_MEMBERS, 0, 0}, &record, NULL), ESP_ERR_ARG);
  free(record.data);
  assert_int_equal(esp_results_close(r), ESP_OK);
  assert_int_equal(esp_results_close(NULL), ESP_OK);
}

static void what_goes_in_comes_out(void **state)
{
  (void)state;
  fresh();
  fill_cells();
  esp_results *r = opened(ESP_RESULTS_READ);
  esp_commit commits[N_SLOTS];
  assert_int_equal(esp_results_read_commits(r, commits, NULL), ESP_OK);
  double loss[N_SLOTS];
  assert_int_equal(esp_results_read_field(r, 3, loss), ESP_OK);
  for (long slot = 0; slot < N_SLOTS; slot++) {
    const esp_cell cell = esp_slot_cell(&plan, slot);
    if (!esp_cell_exists(&plan, cell)) {
      assert_int_equal(commits[slot].outcome.state, ESP_CELL_EMPTY);
      continue;
    }
    esp_record expected = make_record(&plan.record, (unsigned)slot), found = make_record(&plan.record, 999);
    esp_commit commit;
    esp_record_clear(&found);
    assert_int_equal(esp_results_read_cell(r, cell, &found, &commit), ESP_OK);
    assert_same(&expected, &found);
    assert_memory_equal(&loss[slot], esp_record_f64(&expected, 3), sizeof(double));
    assert_memory_equal(&commit.crc, &commits[slot].crc, sizeof commit.crc);
    assert_int_equal(commit.outcome.state, slot % 5 == 4 ? ESP_CELL_FAILED : ESP_CELL_DONE);
    assert_int_equal(commit.outcome.stop, ESP_STOP_CONVERGED);
    assert_int_equal(commit.outcome.n_evaluations, 1000 + slot);
    assert_true(commit.seconds >= 0.5 * (double)slot && commit.seconds <= 0.5 * (double)slot);
    assert_int_equal(commit.rank, slot + 1);
    assert_int_equal(commit.peak_mib, slot == 1 ? 65535 : slot); /* 64 GiB and more are 64 GiB */
    free(expected.data);
    free(found.data);
  }
  esp_results_close(r);
}

static void a_cell_is_one_range_of_bytes(void **state)
{
  (void)state;
  fresh();
  fill_cells();
  size_t n;
  unsigned char *bytes = whole(path, &n);
  const char *const names[] = {"/records/w_rec", "/records/mask", "/records/calls", "/records/loss"};
  for (int f = 0; f < 4; f++) {
    const long at = offset_of(names[f]);
    const size_t size = plan.record.count[f] * esp_type_bytes(plan.record.field[f].type);
    for (long slot = 0; slot < N_SLOTS; slot++) {
      if (!esp_cell_exists(&plan, esp_slot_cell(&plan, slot)))
        continue;
      esp_record record = make_record(&plan.record, (unsigned)slot);
      assert_memory_equal(bytes + at + slot * (long)size, record.data + plan.record.offset[f], size);
      free(record.data);
    }
  }
  free(bytes);
}

/* A reader that has the file open sees what a writer adds. */
/* Also when nothing more is written for a long time. */
static void what_was_written_is_synced_soon(void **state)
{
  (void)state;
  fresh();
  esp_results *r = opened(ESP_RESULTS_WRITE);
  esp_record record = make_record(&plan.record, 1);
  const esp_commit commit = {.outcome = {ESP_CELL_DONE, ESP_STOP_CONVERGED, 1}, .rank = 1};
  n_syncs = 0;
  r->last_sync -= 2 * ESP_SYNC_SECONDS;
  assert_int_equal(esp_results_sync_when_due(r), ESP_OK); /* there is nothing */
  assert_int_equal(n_syncs, 0);
  r->last_sync = esp_seconds() + 3600;
  assert_int_equal(esp_results_write_cell(r, (esp_cell){0, 0, 0}, &record, &commit), ESP_OK);
  assert_int_equal(esp_results_sync_when_due(r), ESP_OK); /* it is too early */
  assert_int_equal(n_syncs, 0);
  r->last_sync = esp_seconds() - 2 * ESP_SYNC_SECONDS;
  assert_int_equal(esp_results_sync_when_due(r), ESP_OK);
  r->last_sync = esp_seconds() - 2 * ESP_SYNC_SECONDS;
  assert_int_equal(esp_results_sync_when_due(r), ESP_OK);
  assert_int_equal(n_syncs, 1); /* once is enough */
  assert_int_equal(esp_results_sync_when_due(NULL), ESP_OK);

  sync_error = EIO; /* once; the system forgets it, the file does not */
  r->last_sync = esp_seconds() - 2 * ESP_SYNC_SECONDS;
  assert_int_equal(esp_results_write_cell(r, (esp_cell){0, 1, 0}, &record, &commit), ESP_ERR_IO);
  sync_error = 0;
  assert_int_equal(esp_results_sync_when_due(r), ESP_ERR_IO);
  assert_int_equal(esp_results_close(r), ESP_ERR_IO);
  assert_non_null(strstr(esp_err_message(ESP_ERR_IO), strerror(EIO)));
  free(record.data);
}

static void readers_see_new_cells(void **state)
{
  (void)state;
  fresh();
  esp_results *reader = opened(ESP_RESULTS_READ);
  esp_commit commits[N_SLOTS];
  assert_int_equal(esp_results_read_commits(reader, commits, NULL), ESP_OK);
  assert_int_equal(commits[0].outcome.state, ESP_CELL_EMPTY);
  fill_cells();
  assert_int_equal(esp_results_read_commits(reader, commits, NULL), ESP_OK);
  assert_int_equal(commits[0].outcome.state, ESP_CELL_DONE);
  esp_results_close(reader);
}

static void flipped_payload_is_seen_in_its_cell_only(void **state)
{
  (void)state;
  fresh();
  fill_cells();
  const long slot = esp_cell_slot(&plan, (esp_cell){1, 1, 0});
  flip(offset_of("/records/mask") + slot * N_HID * N_HID + 7);
  esp_results *r = opened(ESP_RESULTS_READ);
  esp_record record = make_record(&plan.record, 0);
  for (long s = 0; s < N_SLOTS; s++)
    if (esp_cell_exists(&plan, esp_slot_cell(&plan, s)))
      assert_int_equal(esp_results_read_cell(r, esp_slot_cell(&plan, s), &record, NULL), s == slot ? ESP_ERR_DATA : ESP_OK);
  assert_int_equal(esp_results_read_cell(r, (esp_cell){1, 1, 0}, &record, NULL), ESP_ERR_DATA);
  assert_non_null(strstr(esp_err_message(ESP_ERR_DATA), "wrong checksum of the numbers of member 1, twin, start_0"));
  esp_results_close(r);

  /* Computing it again makes it whole. */
  r = opened(ESP_RESULTS_WRITE);
  const esp_commit commit = {.outcome = {ESP_CELL_DONE, ESP_STOP_MAX_CALLS, 5}, .seconds = 1};
  assert_int_equal(esp_results_write_cell(r, (esp_cell){1, 1, 0}, &record, &commit), ESP_OK);
  assert_int_equal(esp_results_read_cell(r, (esp_cell){1, 1, 0}, &record, NULL), ESP_OK);
  esp_results_close(r);
  free(record.data);
}

static void flipped_entry_is_empty_and_counted(void **state)
{
  (void)state;
  esp_commit commits[N_SLOTS];
  for (int byte = 0; byte < 32; byte++) {
    long damaged = 0;
    fresh();
    fill_cells();
    flip(offset_of("/commit") + 3 * 32 + byte);
    esp_results *r = opened(ESP_RESULTS_READ);
    assert_int_equal(esp_results_read_commits(r, commits, &damaged), ESP_OK);
    assert_int_equal(damaged, 1);
    for (int slot = 0; slot < N_SLOTS; slot++)
      assert_int_equal(commits[slot].outcome.state == ESP_CELL_EMPTY,
                       slot == 3 || !esp_cell_exists(&plan, esp_slot_cell(&plan, slot)));
    esp_results_close(r);
  }
}

/* An entry in the place of another one is as wrong as a flipped one. */
static void misplaced_entry_is_refused(void **state)
{
  (void)state;
  unsigned char entry[32];
  long damaged;
  esp_commit commits[N_SLOTS];
  fresh();
  fill_cells();
  const long at = offset_of("/commit");
  const int fd = open(path, O_RDWR);
  assert_int_equal(pread(fd, entry, 32, at), 32);
  assert_int_equal(pwrite(fd, entry, 32, at + 32), 32);
  close(fd);
  esp_results *r = opened(ESP_RESULTS_READ);
  assert_int_equal(esp_results_read_commits(r, commits, &damaged), ESP_OK);
  assert_int_equal(damaged, 1);
  assert_int_equal(commits[1].outcome.state, ESP_CELL_EMPTY);
  esp_results_close(r);
}

static void write_state(esp_cell cell, unsigned seed)
{
  esp_results *r = opened(ESP_RESULTS_WRITE);
  esp_record record = make_record(&plan.resume, seed);
  assert_int_equal(esp_results_write_resume(r, cell, &record), ESP_OK);
  free(record.data);
  esp_results_close(r);
}

/* seed < 0: there must be none. */
static void expect_state(esp_cell cell, int seed)
{
  bool found = true;
  esp_results *r = opened(ESP_RESULTS_READ);
  esp_record state = make_record(&plan.resume, 12345);
  assert_int_equal(esp_results_read_resume(r, cell, &state, &found), ESP_OK);
  assert_int_equal(found, seed >= 0);
  if (seed >= 0) {
    esp_record expected = make_record(&plan.resume, (unsigned)seed);
    assert_same(&expected, &state);
    free(expected.data);
  }
  free(state.data);
  esp_results_close(r);
}

static void states_alternate_and_outlive_a_torn_one(void **state)
{
  (void)state;
  const esp_cell cell = {1, 1, 1}, other = {1, 0, 1}, later = {1, 1, 2};
  const long slot_bytes = N_HID * N_HID * 8;
  fresh();
  const long at = offset_of("/resume/w_rec") + 3 * 2 * slot_bytes; /* (member 1, arm 1) is the fourth pair */
  expect_state(cell, -1);
  write_state(cell, 1);
  expect_state(cell, 1);
  expect_state(later, -1);
  expect_state(other, -1);
  write_state(cell, 2);
  write_state(other, 7);
  expect_state(cell, 2);
  flip(at + slot_bytes + 11); /* tears the second state, the first is left */
  expect_state(cell, 1);
  write_state(cell, 3);       /* goes where the torn one was ... */
  expect_state(cell, 3);
  flip(at + slot_bytes + 11); /* ... so the first is still there when this one is torn too */
  expect_state(cell, 1);
  write_state(cell, 4);
  write_state(cell, 5);
  expect_state(cell, 5);
  flip(at);
  expect_state(cell, 4);
  flip(at + slot_bytes);
  expect_state(cell, -1);
  write_state(later, 6);
  expect_state(later, 6);
  expect_state(cell, -1);
  flip(offset_of("/resume/commit") + 3 * 2 * 16 + 3); /* a stage that no plan has */
  flip(offset_of("/resume/commit") + 3 * 2 * 16 + 16 + 3);
  expect_state(later, -1);
  write_state(later, 8);
  expect_state(later, 8);
  expect_state(other, 7);
}

/* A file that is not ours: refused with these words, and not a byte or time stamp of it changed. */
static void expect_refused(esp_err err, const char *words)
{
  struct stat before, after;
  size_t n = 0, m = 0;
  char *text = NULL;
  esp_results *r = NULL;
  const bool regular = stat(path, &before) == 0 && S_ISREG(before.st_mode);
  unsigned char *old = regular ? whole(path, &n) : NULL;
  for (int i = 0; i < 4; i++) {
    const esp_err got = i == 0   ? esp_results_config(path, &text)
                        : i == 1 ? esp_results_print_provenance(path)
                                 : esp_results_open(path, &plan, i == 2 ? ESP_RESULTS_READ : ESP_RESULTS_WRITE, &r);
    assert_int_equal(got, err);
    assert_null(text);
    assert_null(r);
    if (!strstr(esp_err_message(err), words) || !strstr(esp_err_message(err), path))
      fail_msg("'%s' is not in '%s'", words, esp_err_message(err));
  }
  if (regular) {
    unsigned char *new = whole(path, &m);
    assert_int_equal(n, m);
    assert_memory_equal(old, new, n);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    free(new);
  }
  free(old);
}

static void foreign_hdf5(const char *program, int layout)
{
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS), file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
  if (program) {
    const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, strlen(program) + 1);
    hid_t attribute = H5Acreate2(file, "program", type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, type, program);
    H5Aclose(attribute);
    attribute = H5Acreate2(file, "layout_version", H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, H5T_NATIVE_INT, &layout);
    H5Aclose(attribute);
    H5Tclose(type);
    H5Sclose(space);
  }
  H5Fclose(file);
  H5Pclose(access);
}

static void other_files_are_refused_and_left_alone(void **state)
{
  (void)state;
  size_t n;
  unlink(path);
  expect_refused(ESP_ERR_NO_INPUT, "No such file");
  assert_int_equal(mkdir(path, 0755), 0);
  expect_refused(ESP_ERR_DATA, "a directory");
  rmdir(path);
  assert_int_equal(mkfifo(path, 0644), 0);
  expect_refused(ESP_ERR_DATA, "not a regular file");
  unlink(path);
  put(path, "", 0);
  expect_refused(ESP_ERR_DATA, "empty");
  put(path, "seed: 1\n", 8);
  expect_refused(ESP_ERR_DATA, "looks like text");
  put(path, "\0\1\2\3", 4);
  expect_refused(ESP_ERR_DATA, "not an HDF5 file");
  foreign_hdf5(NULL, 0);
  expect_refused(ESP_ERR_DATA, "not made by espalier");
  foreign_hdf5("other", ESP_LAYOUT_VERSION);
  expect_refused(ESP_ERR_DATA, "not made by espalier");
  foreign_hdf5("espalier", ESP_LAYOUT_VERSION + 1);
  expect_refused(ESP_ERR_CONFIG, "has file layout 2, this program knows layout 1");
  unlink(path);
  fresh();
  unsigned char *bytes = whole(path, &n);
  const size_t cuts[] = {9, 20, 47, 200, n / 2, n - 1};
  for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
    put(path, bytes, cuts[i]);
    expect_refused(ESP_ERR_DATA, "truncated");
  }
  free(bytes);
}

static void reading_changes_nothing(void **state)
{
  (void)state;
  struct stat before, after;
  size_t n, m;
  fresh();
  fill_cells();
  assert_int_equal(chmod(path, 0444), 0);
  assert_int_equal(stat(path, &before), 0);
  unsigned char *old = whole(path, &n);
  esp_results *r = opened(ESP_RESULTS_READ);
  esp_record record = make_record(&plan.record, 0);
  assert_int_equal(esp_results_read_cell(r, (esp_cell){0, 0, 0}, &record, NULL), ESP_OK);
  assert_int_equal(esp_results_close(r), ESP_OK);
  unsigned char *new = whole(path, &m);
  assert_int_equal(stat(path, &after), 0);
  assert_int_equal(n, m);
  assert_memory_equal(old, new, n);
  assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
  free(record.data);
  free(old);
  free(new);
}

static void other_shape_is_refused(void **state)
{
  (void)state;
  esp_plan other;
  esp_results *r = NULL;
  fresh();
  make_plan(&other, N_HID + 1);
  assert_int_equal(esp_results_open(path, &other, ESP_RESULTS_READ, &r), ESP_ERR_DATA);
  assert_null(r);
  assert_non_null(strstr(esp_err_message(ESP_ERR_DATA), "/records/w_rec"));
  esp_plan_free(&other);
}

static hid_t edited(void)
{
  fresh();
  const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  assert_true(file >= 0);
  return file;
}

/* Our own dataset, moved out of the way, and something else under its name. */
static void another_in_place_of(const char *name, void (*put_there)(hid_t file, const char *name))
{
  const hid_t file = edited();
  assert_true(H5Lmove(file, name, file, "/aside", H5P_DEFAULT, H5P_DEFAULT) >= 0);
  put_there(file, name);
  assert_true(H5Fclose(file) >= 0);
}

static void put_soft_link(hid_t file, const char *name)
{
  assert_true(H5Lcreate_soft("/aside", file, name, H5P_DEFAULT, H5P_DEFAULT) >= 0);
}

static void put_external_link(hid_t file, const char *name)
{
  char other[600];
  snprintf(other, sizeof other, "%s/other.h5", directory);
  assert_true(H5Lcreate_external(other, "/aside", file, name, H5P_DEFAULT, H5P_DEFAULT) >= 0);
}

/* The same type and shape, but the numbers are in a file of somebody else. */
static void put_external_numbers(hid_t file, const char *name)
{
  char victim[600];
  snprintf(victim, sizeof victim, "%s/victim", directory);
  const hid_t aside = H5Dopen2(file, "/aside", H5P_DEFAULT), type = H5Dget_type(aside), space = H5Dget_space(aside);
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  assert_true(H5Pset_external(creation, victim, 0, H5F_UNLIMITED) >= 0);
  const hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  assert_true(dataset >= 0);
  H5Dclose(dataset);
  H5Dclose(aside);
  H5Tclose(type);
  H5Sclose(space);
  H5Pclose(creation);
}

static void nothing_leads_into_other_files(void **state)
{
  (void)state;
  static const char *const names[] = {"/records/w_rec", "/records", "/commit", "/resume/commit"};
  static void (*const things[])(hid_t file, const char *name) = {put_soft_link, put_external_link, put_external_numbers};
  for (size_t t = 0; t < 3; t++)
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
      esp_results *r = NULL;
      if (things[t] == put_external_numbers && strcmp(names[i], "/records") == 0)
        continue; /* a group */
      another_in_place_of(names[i], things[t]);
      for (int mode = 0; mode < 2; mode++) {
        assert_int_equal(esp_results_open(path, &plan, mode ? ESP_RESULTS_WRITE : ESP_RESULTS_READ, &r), ESP_ERR_DATA);
        if (!strstr(esp_err_message(ESP_ERR_DATA), t == 2 ? "in another file" : "a link that leads elsewhere"))
          fail_msg("%s: %s", names[i], esp_err_message(ESP_ERR_DATA));
      }
    }
  for (size_t t = 0; t < 3; t++) {
    char *text = NULL;
    another_in_place_of("/provenance/config_resolved", things[t]);
    assert_int_equal(esp_results_config(path, &text), ESP_ERR_DATA);
    another_in_place_of("/provenance/runs", things[t]);
    esp_results *r = opened(ESP_RESULTS_WRITE);
    char program[] = "espalier", *argv[] = {program};
    assert_int_equal(esp_results_add_run(r, 1, 1, argv), ESP_ERR_IO);
    assert_int_equal(esp_results_close(r), ESP_OK);
  }
}

/* One flipped bit anywhere: an error or none, but never a crash, and never another config. */
static void flipped_metadata_never_crash(void **state)
{
  (void)state;
  size_t n;
  unsigned caught = 0, tried = 0;
  fresh();
  fill_cells();
  unsigned char *bytes = whole(path, &n);
  esp_record record = make_record(&plan.record, 0);
  for (size_t at = 0; at < n; at += 61) {
    put(path, bytes, n);
    flip((long)at);
    char *text = NULL;
    esp_results *r = NULL;
    const esp_err err = esp_results_config(path, &text);
    const esp_err open_err = esp_results_open(path, &plan, ESP_RESULTS_READ, &r);
    if (open_err == ESP_OK)
      esp_results_read_cell(r, (esp_cell){2, 1, 1}, &record, NULL);
    esp_results_close(r);
    if (err == ESP_OK)
      assert_string_equal(text, config_resolved);
    free(text);
    tried++;
    caught += err != ESP_OK || open_err != ESP_OK;
  }
  assert_true(tried > 100 && caught > 50);
  free(record.data);
  free(bytes);
}

/* ---- creation ---- */

static int litter(void)
{
  int n = 0;
  DIR *d = opendir(directory);
  for (struct dirent *e; (e = readdir(d));)
    n += strstr(e->d_name, ".tmp") != NULL;
  closedir(d);
  return n;
}

static void creation_never_replaces(void **state)
{
  (void)state;
  size_t n;
  char target[600], missing[600], long_name[6000];
  put(path, "precious", 8);
  assert_int_equal(esp_results_create(path, &plan, &config), ESP_ERR_CANNOT_CREATE);
  assert_non_null(strstr(esp_err_message(ESP_ERR_CANNOT_CREATE), "exists already"));
  unsigned char *bytes = whole(path, &n);
  assert_memory_equal(bytes, "precious", 8);
  free(bytes);
  unlink(path);

  snprintf(target, sizeof target, "%s/target", directory);
  assert_int_equal(symlink(target, path), 0); /* a link that leads nowhere is not followed either */
  assert_int_equal(esp_results_create(path, &plan, &config), ESP_ERR_CANNOT_CREATE);
  assert_int_not_equal(access(target, F_OK), 0);
  unlink(path);

  /* A link under the temporary name: removed, not followed. */
  char temporary[600];
  put(target, "precious", 8);
  snprintf(temporary, sizeof temporary, "%s.tmp", path);
  assert_int_equal(symlink(target, temporary), 0);
  assert_int_equal(esp_results_create(path, &plan, &config), ESP_OK);
  bytes = whole(target, &n);
  assert_int_equal(n, 8);
  free(bytes);
  unlink(target);

  snprintf(missing, sizeof missing, "%s/no/such/directory.h5", directory);
  assert_int_equal(esp_results_create(missing, &plan, &config), ESP_ERR_CANNOT_CREATE);
  assert_non_null(strstr(esp_err_message(ESP_ERR_CANNOT_CREATE), "No such file or directory; make its directory"));
  memset(long_name, 'x', sizeof long_name - 1);
  long_name[sizeof long_name - 1] = '\0';
  assert_int_equal(esp_results_create(long_name, &plan, &config), ESP_ERR_CANNOT_CREATE);
  assert_int_equal(litter(), 0);
}

static void failed_creation_leaves_nothing(void **state)
{
  (void)state;
  esp_plan twice;
  make_plan(&twice, N_HID);
  esp_layout_add(&twice, &twice.record, twice.record.field[0]); /* a second dataset of one name cannot be made */
  unlink(path);
  assert_int_equal(esp_results_create(path, &twice, &config), ESP_ERR_CANNOT_CREATE);
  assert_non_null(strstr(esp_err_message(ESP_ERR_CANNOT_CREATE), "w_rec"));
  assert_int_not_equal(access(path, F_OK), 0);
  assert_int_equal(litter(), 0);
  esp_plan_free(&twice);
}

static void size_is_known_beforehand(void **state)
{
  (void)state;
  struct stat st;
  fresh();
  stat(path, &st);
  plan.stages[2].n_members = N_MEMBERS; /* the file has room for cells that are not there, too */
  const double small = esp_results_bytes(&plan, plan.n_members) / (double)st.st_size;
  esp_plan big;
  make_plan(&big, 200);
  unlink(path);
  assert_int_equal(esp_results_create(path, &big, &config), ESP_OK);
  stat(path, &st);
  big.stages[2].n_members = N_MEMBERS;
  const double large = esp_results_bytes(&big, big.n_members) / (double)st.st_size;
  esp_plan_free(&big);
  if (small < 0.95 || small > 1.08 || large < 0.995 || large > 1.005)
    fail_msg("predicted / real: %.3f small, %.3f large", small, large);

  /* Each member takes its records and states; their entries are there from the start. */
  const double states = 2 * N_ARMS * (N_HID * N_HID * 8 + 4), record = N_HID * N_HID * 9 + 2 * 3 * 4 + 8;
  const double per_member = esp_results_bytes(&plan, 2) - esp_results_bytes(&plan, 1);
  assert_true(fabs(per_member - states - N_ARMS * N_STAGES * record) < 1e-6);
  assert_true(fabs(esp_results_bytes(&plan, 3) - esp_results_bytes(&plan, 0) - 3 * per_member) < 1e-6);
  plan.stages[2].n_members = 1; /* as it was */
  assert_true(fabs(esp_results_bytes(&plan, 2) - esp_results_bytes(&plan, 1) - per_member + N_ARMS * record) < 1e-6);
  plan.stages[1].absent[0] = true;
  assert_true(fabs(esp_results_bytes(&plan, 2) - esp_results_bytes(&plan, 1) - per_member + (N_ARMS + 1) * record) < 1e-6);
  plan.stages[1].absent[0] = false;
}

static void names_with_colons_are_names(void **state)
{
  (void)state;
  char kept[sizeof path];
  snprintf(kept, sizeof kept, "%s", path);
  snprintf(path, sizeof path, "%s/run:12:30.h5", directory);
  fresh();
  fill_cells();
  unlink(path);
  snprintf(path, sizeof path, "%s", kept);
}

/* ---- provenance ---- */

/* What print_provenance() says, in a static buffer. */
static const char *printed(void)
{
  static char text[65536];
  char name[600];
  snprintf(name, sizeof name, "%s/printed", directory);
  fflush(stdout);
  const int out = dup(STDOUT_FILENO), fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
  dup2(fd, STDOUT_FILENO);
  const esp_err err = esp_results_print_provenance(path);
  fflush(stdout);
  dup2(out, STDOUT_FILENO);
  const ssize_t n = pread(fd, text, sizeof text - 1, 0);
  text[n > 0 ? n : 0] = '\0';
  close(out);
  close(fd);
  unlink(name);
  assert_int_equal(err, ESP_OK);
  return text;
}

static void runs_are_remembered(void **state)
{
  (void)state;
  char number[32], long_argument[3000];
  char program[] = "espalier", escape[] = "\033[2J";
  char *argv[] = {program, number, escape, long_argument};
  memset(long_argument, 'y', sizeof long_argument - 1);
  long_argument[sizeof long_argument - 1] = '\0';
  fresh();
  assert_null(strstr(printed(), "run 1:"));
  esp_results *r = opened(ESP_RESULTS_WRITE);
  for (int i = 0; i < 70; i++) {
    snprintf(number, sizeof number, "number-%d", i);
    assert_int_equal(esp_results_add_run(r, 300, 4, argv), ESP_OK);
  }
  esp_results_close(r);
  const char *text = printed();
  assert_non_null(strstr(text, "libraries: Open MPI"));
  assert_non_null(strstr(text, "run 70:"));
  assert_non_null(strstr(text, "number-69 ?[2J yyy"));
  assert_non_null(strstr(text, "300 ranks"));
  assert_non_null(strstr(text, "run 7:"));
  assert_null(strstr(text, "run 6:"));
  assert_null(strchr(text, '\033'));
  assert_non_null(strstr(esp_library_versions(), "HDF5 "));
}

static void text_steers_no_terminal(void **state)
{
  (void)state;
  static char started[] = "\033[2J\nnow";
  esp_run run;
  char program[] = "espalier", *argv[] = {program}, *text = NULL;
  fresh();
  esp_results *r = opened(ESP_RESULTS_WRITE);
  assert_int_equal(esp_results_add_run(r, 1, 1, argv), ESP_OK);
  assert_int_equal(esp_results_close(r), ESP_OK);
  const int fd = open(path, O_RDWR); /* the row begins with the time */
  assert_int_equal(pwrite(fd, started, sizeof started, offset_of("/provenance/runs")), sizeof started);
  close(fd);
  r = opened(ESP_RESULTS_READ);
  assert_int_equal(esp_results_last_run(r, &run), ESP_OK);
  assert_string_equal(run.started, "?[2J?now");
  esp_results_close(r);

  foreign_hdf5("espalier", ESP_LAYOUT_VERSION + 1);
  const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
  assert_true(esp_h5_set_word(file, "version", started) >= 0);
  H5Fclose(file);
  assert_int_equal(esp_results_config(path, &text), ESP_ERR_CONFIG);
  assert_non_null(strstr(esp_err_message(ESP_ERR_CONFIG), "espalier ?[2J?now that made it"));
}

static int n_runs(const esp_results *r)
{
  esp_run run;
  assert_int_equal(esp_results_last_run(r, &run), ESP_OK);
  return run.n_runs;
}

/* Merges compute nothing: the last run is one that did. */
static void a_merge_is_no_run(void **state)
{
  (void)state;
  char run_command[] = "espalier run", merge_command[] = "espalier merge", *run_argv[] = {run_command}, *merge_argv[] = {merge_command};
  esp_run run;
  fresh();
  esp_results *r = opened(ESP_RESULTS_WRITE);
  assert_int_equal(esp_results_add_run(r, 1, 1, merge_argv), ESP_OK);
  assert_int_equal(esp_results_last_run(r, &run), ESP_OK);
  assert_int_equal(run.n_runs, 0);
  assert_int_equal(esp_results_add_run(r, 7, 1, run_argv), ESP_OK);
  for (int i = 0; i < 63; i++) {
    assert_int_equal(esp_results_add_run(r, 1, 1, merge_argv), ESP_OK);
    assert_int_equal(esp_results_last_run(r, &run), ESP_OK);
    assert_int_equal(run.n_runs, i + 3);
    assert_int_equal(run.n_ranks, 7);
  }
  assert_int_equal(esp_results_add_run(r, 1, 1, merge_argv), ESP_OK); /* in its row */
  assert_int_equal(esp_results_last_run(r, &run), ESP_OK);
  assert_int_equal(run.n_ranks, 0);
  esp_results_close(r);
}

static void add_runs(esp_results *r, int first, int n)
{
  char program[] = "espalier", number[32];
  char *argv[] = {program, number};
  for (int i = first; i < first + n; i++) {
    snprintf(number, sizeof number, "number-%d;", i);
    assert_int_equal(esp_results_add_run(r, 1, 2, argv), ESP_OK);
  }
}

static void runs_of_another_file_are_taken_over_once(void **state)
{
  (void)state;
  char kept[sizeof path];
  snprintf(kept, sizeof kept, "%s", path);
  fresh();
  esp_results *from = opened(ESP_RESULTS_WRITE);
  add_runs(from, 0, 70); /* 6 to 69 are left */
  snprintf(path, sizeof path, "%s/other.h5", directory);
  fresh();
  esp_results *to = opened(ESP_RESULTS_WRITE);
  add_runs(to, 100, 2);
  assert_int_equal(esp_results_copy_runs(to, to), ESP_OK); /* it has them all */
  assert_int_equal(n_runs(to), 2);
  assert_int_equal(esp_results_copy_runs(to, from), ESP_OK);
  assert_int_equal(n_runs(to), 64); /* no room for more, and none is given up */
  assert_int_equal(esp_results_copy_runs(to, from), ESP_OK);
  assert_int_equal(n_runs(to), 64);
  assert_int_equal(n_runs(from), 70);
  esp_results_close(to);
  const char *text = printed();
  assert_non_null(strstr(text, "run 2:"));
  for (int i = 0; i < 70; i++) {
    char number[32];
    snprintf(number, sizeof number, "number-%d;", i);
    assert_int_equal(strstr(text, number) != NULL, i >= 6 && i < 68);
  }
  assert_non_null(strstr(text, "number-100;"));
  assert_true(strstr(text, "number-101;") < strstr(text, "number-6;"));
  unlink(path);
  snprintf(path, sizeof path, "%s", kept);

  to = opened(ESP_RESULTS_READ);
  assert_int_equal(esp_results_copy_runs(to, from), ESP_ERR_ARG);
  esp_results_close(to);
  esp_results_close(from);
}

/* ---- every dataset says what it is ---- */

static herr_t has_words(hid_t root, const char *name, const H5O_info_t *info, void *count)
{
  (void)root;
  if (info->type != H5O_TYPE_DATASET)
    return 0;
  const hid_t d = H5Dopen2(root, name, H5P_DEFAULT), space = H5Dget_space(d);
  if (H5Aexists(d, "units") <= 0 || H5Aexists(d, "long_name") <= 0)
    fail_msg("%s has no units or no long_name", name);
  if (H5Sget_simple_extent_ndims(space) > 0 && H5Aexists(d, "CLASS") <= 0 &&
      (H5Aexists(d, "DIMENSION_LIST") <= 0 || H5Aexists(d, "DIMENSION_LABELS") <= 0))
    fail_msg("%s has axes without names", name);
  H5Sclose(space);
  H5Dclose(d);
  ++*(int *)count;
  return 0;
}

static void datasets_explain_themselves(void **state)
{
  (void)state;
  int count = 0;
  fresh();
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  assert_true(H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, has_words, &count) >= 0);
  H5Fclose(file);
  assert_true(count > 20);
}

int main(int argc, char **argv)
{
  const char *tmp = getenv("ESP_TEST_TMP");
  setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1); /* the test itself opens files before the library under test does */
  setenv("OMPI_MCA_io", "^ompio", 0);
  MPI_Init(&argc, &argv);
  snprintf(directory, sizeof directory, "%s/results.XXXXXX", tmp && strlen(tmp) < 400 ? tmp : "/tmp");
  if (!mkdtemp(directory))
    return 1;
  snprintf(path, sizeof path, "%s/results.h5", directory);
  make_plan(&plan, N_HID);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(crc_has_its_check_values),
      cmocka_unit_test(new_file_is_empty_and_says_its_config),
      cmocka_unit_test(what_goes_in_comes_out),
      cmocka_unit_test(a_cell_is_one_range_of_bytes),
      cmocka_unit_test(what_was_written_is_synced_soon),
      cmocka_unit_test(readers_see_new_cells),
      cmocka_unit_test(flipped_payload_is_seen_in_its_cell_only),
      cmocka_unit_test(flipped_entry_is_empty_and_counted),
      cmocka_unit_test(misplaced_entry_is_refused),
      cmocka_unit_test(states_alternate_and_outlive_a_torn_one),
      cmocka_unit_test(other_files_are_refused_and_left_alone),
      cmocka_unit_test(reading_changes_nothing),
      cmocka_unit_test(other_shape_is_refused),
      cmocka_unit_test(nothing_leads_into_other_files),
      cmocka_unit_test(flipped_metadata_never_crash),
      cmocka_unit_test(creation_never_replaces),
      cmocka_unit_test(failed_creation_leaves_nothing),
      cmocka_unit_test(size_is_known_beforehand),
      cmocka_unit_test(names_with_colons_are_names),
      cmocka_unit_test(runs_are_remembered),
      cmocka_unit_test(a_merge_is_no_run),
      cmocka_unit_test(text_steers_no_terminal),
      cmocka_unit_test(runs_of_another_file_are_taken_over_once),
      cmocka_unit_test(datasets_explain_themselves),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  if (getenv("ESP_TEST_KEEP"))
    printf("kept: %s\n", path);
  else
    unlink(path);
  rmdir(directory);
  esp_plan_free(&plan);
  MPI_Finalize();
  return failed;
}
