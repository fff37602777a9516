/* results/salvage.c - the numbers of a damaged file, read past HDF5 and believed only for their checksums. */
#include "espalier/salvage.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "espalier/file.h"
#include "espalier/watchdog.h"
#include "internal.h"

#define CHUNK (1 << 20) /* bytes that are looked through at once */

/* The damaged file: always as bytes, and through HDF5 as far as that goes (file negative: not at all). */
typedef struct {
  const char *path;
  int fd;
  uint64_t size;
  hid_t file;
} wreck;

/* A disk that cannot be read says nothing of the numbers on it: what is damaged and what is whole, the next repair will see. */
static esp_err cannot_be_read(const wreck *w, const char *cause)
{
  return esp_fail(ESP_ERR_IO, "%s: cannot be read: %s; copy it to a good disk and repair the copy. Nothing was changed.", w->path,
                  cause);
}

/* Bytes at a place; *whole is false if the file ends before. */
static esp_err read_bytes(const wreck *w, uint64_t at, void *bytes, size_t n, bool *whole)
{
  *whole = false;
  esp_watchdog_moved();
  if (at > w->size || n > w->size - at)
    return ESP_OK;
  const ssize_t have = esp_read_at(w->fd, bytes, n, (off_t)at);
  if (have < 0)
    return cannot_be_read(w, strerror(errno));
  *whole = (size_t)have == n;
  return ESP_OK;
}

/* ---- where is what? ---- */

/* An array in the wreck; pieces lie one after the other, as in the new file's table. */
typedef struct {
  const esp_table *table;
  uint64_t at;  /* anything, if a damaged header says so */
  size_t bytes; /* of a piece */
} place;

static esp_err find(const wreck *w, const char *group, const esp_table *table, place *found)
{
  char path[320];
  snprintf(path, sizeof path, "%s/%s", group, table->name);
  haddr_t at = HADDR_UNDEF;
  esp_h5_start();
  const hid_t dataset = w->file < 0 ? -1 : esp_h5_open_dataset(w->file, path);
  if (esp_h5_error(ESP_OK) != ESP_OK)
    return cannot_be_read(w, esp_h5_cause());
  if (dataset >= 0 && H5Dget_storage_size(dataset) == H5Dget_storage_size(table->dataset))
    at = H5Dget_offset(dataset);
  esp_h5_drop(dataset);
  if (at == HADDR_UNDEF)
    at = H5Dget_offset(table->dataset);
  size_t bytes = H5Tget_size(table->type);
  for (int d = 3; d < table->n_dims; d++)
    bytes *= (size_t)table->dims[d];
  *found = (place){table, at, bytes};
  return ESP_OK;
}

static esp_err find_fields(const wreck *w, const char *group, int n_fields, const esp_table *tables, place *found)
{
  for (int f = 0; f < n_fields; f++)
    ESP_TRY(find(w, group, &tables[f], &found[f]));
  return ESP_OK;
}

static esp_err read_piece(const wreck *w, const place *p, int i, int j, int k, void *bytes, bool *whole)
{
  const hsize_t *n = p->table->dims;
  const uint64_t piece = ((hsize_t)i * n[1] + (hsize_t)j) * n[2] + (hsize_t)k;
  return read_bytes(w, p->at + piece * p->bytes, bytes, p->bytes, whole);
}

/* Numbers in the file are little-endian. */
static void to_this_machine(unsigned char *data, size_t count, size_t size)
{
#if __BYTE_ORDER == __BIG_ENDIAN
  for (size_t i = 0; i < count; i++, data += size)
    for (size_t b = 0; b < size / 2; b++) {
      const unsigned char byte = data[b];
      data[b] = data[size - 1 - b];
      data[size - 1 - b] = byte;
    }
#else
  (void)data, (void)count, (void)size;
#endif
}

static esp_err read_record(const wreck *w, const place *fields, int i, int j, int k, esp_record *record, bool *whole)
{
  const esp_layout *layout = record->layout;
  *whole = true;
  for (int f = 0; f < layout->n_fields && *whole; f++) {
    ESP_TRY(read_piece(w, &fields[f], i, j, k, record->data + layout->offset[f], whole));
    to_this_machine(record->data + layout->offset[f], layout->count[f], esp_type_bytes(layout->field[f].type));
  }
  return ESP_OK;
}

/* Is this text in the file, wherever? Read, not mapped: a page that cannot be read would be a signal. */
static esp_err look_for_text(const wreck *w, const char *text, bool *there)
{
  const size_t length = strlen(text) + 1;
  bool whole = true;
  esp_err err = ESP_OK;
  char *bytes = malloc(CHUNK + length);
  ESP_REQUIRE(bytes, ESP_ERR_NOMEM, "no memory to look for the config in %s", w->path);
  *there = false;
  for (uint64_t at = 0; at < w->size && whole && !*there && err == ESP_OK; at += CHUNK) {
    const uint64_t left = w->size - at;
    const size_t n = left < CHUNK + length ? (size_t)left : CHUNK + length; /* also what lies over the border */
    err = read_bytes(w, at, bytes, n, &whole);
    *there = err == ESP_OK && whole && memmem(bytes, n, text, length) != NULL;
  }
  free(bytes);
  return err;
}

/* ---- cells ---- */

static esp_err save_cell(const wreck *w, const place *entries, const place *fields, esp_cell cell, esp_record *record,
                         esp_results *fresh, esp_salvage *found)
{
  static const unsigned char empty[ESP_COMMIT_BYTES];
  unsigned char raw[ESP_COMMIT_BYTES];
  esp_commit entry;
  bool whole;
  ESP_TRY(read_piece(w, entries, cell.member, cell.arm, cell.stage, raw, &whole));
  if (!whole) {
    found->n_cut_off++;
    return ESP_OK;
  }
  if (memcmp(raw, empty, sizeof empty) == 0)
    return ESP_OK; /* never computed */
  whole = esp_commit_decode(raw, esp_cell_slot(fresh->plan, cell), &entry);
  if (whole)
    ESP_TRY(read_record(w, fields, cell.member, cell.arm, cell.stage, record, &whole));
  if (!whole || esp_cell_crc(record, cell, &entry.outcome) != entry.crc) {
    found->n_lost++;
    return ESP_OK;
  }
  found->n_saved++;
  return esp_results_write_cell(fresh, cell, record, &entry);
}

static esp_err save_cells(const wreck *w, esp_results *fresh, esp_salvage *found)
{
  const esp_plan *plan = fresh->plan;
  place entries, fields[ESP_MAX_FIELDS];
  ESP_TRY(find(w, "", &fresh->commit, &entries));
  ESP_TRY(find_fields(w, "/records", plan->record.n_fields, fresh->field, fields));
  esp_record record = {&plan->record, malloc(plan->record.bytes)};
  esp_err err = record.data ? ESP_OK : esp_fail(ESP_ERR_NOMEM, "no memory for a record");
  for (long slot = 0; slot < esp_plan_n_slots(plan) && err == ESP_OK; slot++) {
    const esp_cell cell = esp_slot_cell(plan, slot);
    if (esp_cell_exists(plan, cell))
      err = save_cell(w, &entries, fields, cell, &record, fresh, found);
  }
  free(record.data);
  return err;
}

/* ---- half-trained states ---- */

static esp_err save_state(const wreck *w, const place *entries, const place *fields, int member, int arm, int slot,
                          esp_results *fresh, esp_salvage *found)
{
  unsigned char raw[ESP_RESUME_BYTES];
  esp_resume_entry entry;
  esp_record *state = &fresh->scratch;
  bool whole;
  ESP_TRY(read_piece(w, entries, member, arm, slot, raw, &whole));
  if (!whole)
    return ESP_OK;
  esp_resume_decode(raw, &entry);
  const esp_cell cell = {member, arm, entry.stage};
  if (entry.sequence == 0 || !esp_cell_in_plan(fresh->plan, cell))
    return ESP_OK;
  ESP_TRY(read_record(w, fields, member, arm, slot, state, &whole));
  if (!whole || esp_resume_crc(state, cell, entry.sequence) != entry.crc)
    return ESP_OK;
  found->n_states++;
  herr_t done = 0;
  for (int f = 0; f < state->layout->n_fields && done >= 0; f++)
    done = esp_table_write(&fresh->state[f], member, arm, slot, state->data + state->layout->offset[f]);
  if (done >= 0)
    done = esp_table_write(&fresh->resume_commit, member, arm, slot, raw);
  ESP_REQUIRE(done >= 0, ESP_ERR_IO, "%s: cannot write /resume (HDF5: %s)", fresh->path, esp_h5_cause());
  return ESP_OK;
}

static esp_err save_states(const wreck *w, esp_results *fresh, esp_salvage *found)
{
  const esp_plan *plan = fresh->plan;
  if (plan->resume.n_fields == 0)
    return ESP_OK;
  place entries, fields[ESP_MAX_FIELDS];
  ESP_TRY(find(w, "/resume", &fresh->resume_commit, &entries));
  ESP_TRY(find_fields(w, "/resume", plan->resume.n_fields, fresh->state, fields));
  for (int member = 0; member < plan->n_members; member++)
    for (int arm = 0; arm < plan->n_arms; arm++)
      for (int slot = 0; slot < ESP_RESUME_SLOTS; slot++)
        ESP_TRY(save_state(w, &entries, fields, member, arm, slot, fresh, found));
  return ESP_OK;
}

/* ---- all of it ---- */

static esp_err save_all(wreck *w, const esp_config_file *config, esp_results *fresh, esp_salvage *found)
{
  struct stat st;
  if (fstat(w->fd, &st) != 0)
    return cannot_be_read(w, strerror(errno));
  w->size = (uint64_t)st.st_size;
  ESP_TRY(look_for_text(w, config->resolved, &found->same_config));
  const esp_err opened = esp_h5_open(w->path, false, &w->file);
  if (opened == ESP_ERR_DATA || opened == ESP_ERR_CONFIG)
    w->file = -1; /* then everything is where the new file has it */
  else
    ESP_TRY(opened);
  ESP_TRY(save_cells(w, fresh, found));
  ESP_TRY(save_states(w, fresh, found));
  if (w->file >= 0)
    esp_provenance_copy_runs(w->file, fresh->file);
  return ESP_OK;
}

esp_err esp_salvage_cells(const char *damaged, const esp_config_file *config, esp_results *fresh, esp_salvage *found)
{
  *found = (esp_salvage){0};
  wreck w = {.path = damaged, .fd = open(damaged, O_RDONLY | O_CLOEXEC), .file = -1};
  ESP_REQUIRE(w.fd >= 0, esp_open_error(errno), "%s: cannot be read: %s", damaged, strerror(errno));
  const esp_err err = save_all(&w, config, fresh, found);
  if (w.file >= 0)
    H5Fclose(w.file);
  close(w.fd);
  return err;
}
