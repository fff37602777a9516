/* fuzz_results.c - a results file with anything in it, opened and read as status, info and verify do.
 *
 * Input: either a whole file (it begins as HDF5 does) or changes to a small sound one, which is made at the start: one byte of
 * flags, three bytes that say where to cut it (zero: nowhere), then four bytes for each change: three say where, modulo the length,
 * the last is what the byte there becomes. With flag 1 the commit entries get checksums that fit, as a forger would give them, so that what lies behind
 * the checksums is reached too. HDF5's own metadata cannot be forged so: their checksums are its business. */
#include <fcntl.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "espalier/ensemble.h"
#include "fuzz.h"
#include "results/internal.h"

static const char config_text[] = "experiment: dms\nensemble: {members: 1}\nnetwork: {n_hid: 2}\nladder: {fractions: [0.5]}\ntransfer: {from: 0}\n";

static struct {
  esp_config_file config;
  esp_plan plan;
  uint8_t *bytes; /* of a sound file */
  size_t size, commit_at;
  char directory[32], path[64]; /* where the damaged ones are put; HDF5 opens nothing that has no name */
} base;

static void need(bool condition, const char *what)
{
  if (condition)
    return;
  fprintf(stderr, "fuzz_results: %s: %s\n", what, esp_err_message(ESP_ERR_INTERNAL));
  abort();
}

/* In a child, because MPI cannot begin twice, and brings its own handlers of signals. Every second cell is done, and there is a state. */
static void make_file(const char *path)
{
  int rank, n_ranks;
  esp_results *results;
  esp_ensemble_begin(NULL, NULL, &rank, &n_ranks);
  need(esp_results_create(path, &base.plan, &base.config) == ESP_OK, "create");
  need(esp_results_open(path, &base.plan, ESP_RESULTS_WRITE, &results) == ESP_OK, "open");
  esp_record record = {&base.plan.record, malloc(base.plan.record.bytes)}, state = {&base.plan.resume, malloc(base.plan.resume.bytes)};
  esp_record_clear(&record);
  esp_record_clear(&state);
  for (long slot = 0; slot < esp_plan_n_slots(&base.plan); slot += 2)
    need(esp_results_write_cell(results, esp_slot_cell(&base.plan, slot), &record,
                                &(esp_commit){.outcome = {ESP_CELL_DONE, ESP_STOP_CONVERGED, 9}, .seconds = 0.5}) == ESP_OK, "write");
  need(esp_results_write_resume(results, esp_slot_cell(&base.plan, 1), &state) == ESP_OK, "write a state");
  need(esp_results_add_run(results, 1, 0, NULL) == ESP_OK && esp_results_close(results) == ESP_OK, "close");
  esp_ensemble_end(0);
  _exit(0);
}

static void load(const char *path)
{
  FILE *file = fopen(path, "rb");
  need(file && fseek(file, 0, SEEK_END) == 0, "read");
  base.size = (size_t)ftell(file);
  base.bytes = malloc(base.size);
  rewind(file);
  need(fread(base.bytes, 1, base.size, file) == base.size, "read");
  fclose(file);
  esp_results *results;
  need(esp_results_open(path, &base.plan, ESP_RESULTS_READ, &results) == ESP_OK, "open again");
  base.commit_at = (size_t)H5Dget_offset(results->commit.dataset);
  esp_results_close(results);
}

static void end(void)
{
  unlink(base.path);
  rmdir(base.directory);
}

static void put(const uint8_t *bytes, size_t length)
{
  const int fd = open(base.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  need(fd >= 0 && write(fd, bytes, length) == (ssize_t)length, "write a damaged file");
  close(fd);
}

static bool read_all(const char *path);

static void begin(void)
{
  char *problems = NULL;
  int status;
  snprintf(base.directory, sizeof base.directory, "/tmp/fuzz_results.XXXXXX");
  need(esp_config_parse("base", config_text, 0, NULL, &base.config, &problems) == ESP_OK, "config");
  need(esp_plan_create(&base.config.values, &base.plan) == ESP_OK && mkdtemp(base.directory), "plan");
  snprintf(base.path, sizeof base.path, "%s/file.h5", base.directory);
  const pid_t child = fork();
  if (child == 0)
    make_file(base.path);
  need(child > 0 && waitpid(child, &status, 0) == child && status == 0, "child");
  atexit(end);
  load(base.path);
  need(freopen("/dev/null", "w", stdout) != NULL, "/dev/null"); /* the table of status, the words of info */
  need(read_all(base.path), "the sound file");
}

/* ---- one input ---- */

static size_t number(const uint8_t *at)
{
  return (size_t)at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16;
}

static void reseal(uint8_t *bytes, size_t size)
{
  for (long slot = 0; slot < esp_plan_n_slots(&base.plan); slot++) {
    uint8_t *raw = bytes + base.commit_at + slot * ESP_COMMIT_BYTES, place[8] = {0};
    if (base.commit_at + (size_t)(slot + 1) * ESP_COMMIT_BYTES > size)
      return;
    for (int b = 0; b < 8; b++)
      place[b] = (uint8_t)((uint64_t)slot >> (8 * b));
    const uint32_t crc = esp_crc32c(esp_crc32c(0, raw, ESP_COMMIT_BYTES - 4), place, sizeof place);
    for (int b = 0; b < 4; b++)
      raw[ESP_COMMIT_BYTES - 4 + b] = (uint8_t)(crc >> (8 * b));
  }
}

/* The file that the input stands for; returns its length. */
static size_t make_bytes(const uint8_t *data, size_t size, uint8_t *bytes)
{
  if (size < 4)
    return 0;
  const size_t cut = number(data + 1) % base.size, length = cut ? cut : base.size;
  memcpy(bytes, base.bytes, length);
  for (size_t i = 4; i + 4 <= size; i += 4)
    bytes[number(data + i) % length] = data[i + 3];
  if (data[0] & 1)
    reseal(bytes, length);
  return length;
}

/* Whatever can be asked of a file without MPI. True if it opens. */
static bool read_all(const char *path)
{
  esp_cli_file file;
  const bool opens = esp_cli_open(path, &file) == ESP_OK;
  esp_run run;
  bool found;
  char *text = NULL;
  if (opens) {
    const esp_plan *plan = &file.plan;
    esp_record record = {&plan->record, malloc(plan->record.bytes)}, state = {&plan->resume, malloc(plan->resume.bytes)};
    esp_results_last_run(file.results, &run);
    esp_cli_print_table(&file);
    for (long slot = 0; slot < esp_plan_n_slots(plan); slot++) {
      const esp_cell cell = esp_slot_cell(plan, slot);
      if (esp_stop_reason_name(file.commits[slot].outcome.stop)[0] == '\0')
        abort();
      esp_results_read_cell(file.results, cell, &record, NULL);
      esp_results_read_resume(file.results, cell, &state, &found);
    }
    long n_damaged;
    esp_results_read_sound(file.results, file.commits, &n_damaged);
    free(record.data);
    free(state.data);
  }
  esp_cli_close(&file);
  esp_results_print_provenance(path);
  esp_results_config_text(path, &text);
  free(text);
  return opens;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (!base.bytes)
    begin();
  const bool whole = size > 4 && memcmp(data, "\x89HDF", 4) == 0;
  uint8_t *bytes = whole ? NULL : malloc(base.size);
  const size_t length = whole ? size : make_bytes(data, size, bytes);
  put(whole ? data : bytes, length);
  read_all(base.path);
  free(bytes);
  return 0;
}
