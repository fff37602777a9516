/* results/salvage.c - the numbers of a damaged file, read past HDF5 and believed only for their checksums. */
#include "espalier/salvage.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "espalier/file.h"
#include "internal.h"

/* The damaged file: always as bytes, and through HDF5 as far as that goes (file negative: not at all). */
typedef struct {
  int fd;
  hid_t file;
} wreck;

/* ---- where is what? ---- */

/* An array in the wreck; pieces lie one after the other, as in the new file's table. */
typedef struct {
  const esp_table *table;
  off_t at;
  size_t bytes; /* of a piece */
} place;

static place find(const wreck *w, const char *group, const esp_table *table)
{
  char path[320];
  snprintf(path, sizeof path, "%s/%s", group, table->name);
  haddr_t at = HADDR_UNDEF;
  const hid_t dataset = w->file < 0 ? -1 : H5Dopen2(w->file, path, H5P_DEFAULT);
  if (dataset >= 0 && H5Dget_storage_size(dataset) == H5Dget_storage_size(table->dataset))
    at = H5Dget_offset(dataset);
  esp_h5_drop(dataset);
  if (at == HADDR_UNDEF)
    at = H5Dget_offset(table->dataset);
  size_t bytes = H5Tget_size(table->type);
  for (int d = 3; d < table->n_dims; d++)
    bytes *= (size_t)table->dims[d];
  return (place){table, (off_t)at, bytes};
}

/* False if the file ends before, or cannot be read there. */
static bool read_piece(const wreck *w, const place *p, int i, int j, int k, void *bytes)
{
  const hsize_t *n = p->table->dims;
  const off_t piece = (off_t)(((hsize_t)i * n[1] + (hsize_t)j) * n[2] + (hsize_t)k);
  return esp_read_at(w->fd, bytes, p->bytes, p->at + piece * (off_t)p->bytes) == (ssize_t)p->bytes;
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

static bool read_record(const wreck *w, const place *fields, int i, int j, int k, esp_record *record)
{
  const esp_layout *layout = record->layout;
  for (int f = 0; f < layout->n_fields; f++) {
    if (!read_piece(w, &fields[f], i, j, k, record->data + layout->offset[f]))
      return false;
    to_this_machine(record->data + layout->offset[f], layout->count[f], esp_type_bytes(layout->field[f].type));
  }
  return true;
}

/* Is this text in the file, wherever? */
static bool holds_text(const wreck *w, const char *text)
{
  struct stat st;
  if (fstat(w->fd, &st) != 0 || st.st_size == 0)
    return false;
  void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, w->fd, 0);
  if (bytes == MAP_FAILED)
    return false;
  const bool there = memmem(bytes, (size_t)st.st_size, text, strlen(text) + 1) != NULL;
  munmap(bytes, (size_t)st.st_size);
  return there;
}

/* ---- cells ---- */

static esp_err save_cell(const wreck *w, const place *entries, const place *fields, esp_cell cell, esp_record *record,
                         esp_results *fresh, esp_salvage *found)
{
  static const unsigned char empty[ESP_COMMIT_BYTES];
  unsigned char raw[ESP_COMMIT_BYTES];
  esp_commit entry;
  if (!read_piece(w, entries, cell.member, cell.arm, cell.stage, raw)) {
    found->n_cut_off++;
    return ESP_OK;
  }
  if (memcmp(raw, empty, sizeof empty) == 0)
    return ESP_OK; /* never computed */
  if (!esp_commit_decode(raw, esp_cell_slot(fresh->plan, cell), &entry) ||
      !read_record(w, fields, cell.member, cell.arm, cell.stage, record) ||
      esp_cell_crc(record, cell, &entry.outcome) != entry.crc) {
    found->n_lost++;
    return ESP_OK;
  }
  found->n_saved++;
  return esp_results_write_cell(fresh, cell, record, &entry.outcome, entry.seconds, entry.rank);
}

static esp_err save_cells(const wreck *w, esp_results *fresh, esp_salvage *found)
{
  const esp_plan *plan = fresh->plan;
  place fields[ESP_MAX_FIELDS];
  const place entries = find(w, "", &fresh->commit);
  for (int f = 0; f < plan->record.n_fields; f++)
    fields[f] = find(w, "/records", &fresh->field[f]);
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
  if (!read_piece(w, entries, member, arm, slot, raw))
    return ESP_OK;
  esp_resume_decode(raw, &entry);
  const esp_cell cell = {member, arm, entry.stage};
  if (entry.sequence == 0 || !esp_cell_in_plan(fresh->plan, cell) || !read_record(w, fields, member, arm, slot, state) ||
      esp_resume_crc(state, cell, entry.sequence) != entry.crc)
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
  place fields[ESP_MAX_FIELDS];
  const place entries = find(w, "/resume", &fresh->resume_commit);
  for (int f = 0; f < plan->resume.n_fields; f++)
    fields[f] = find(w, "/resume", &fresh->state[f]);
  for (int member = 0; member < plan->n_members; member++)
    for (int arm = 0; arm < plan->n_arms; arm++)
      for (int slot = 0; slot < ESP_RESUME_SLOTS; slot++)
        ESP_TRY(save_state(w, &entries, fields, member, arm, slot, fresh, found));
  return ESP_OK;
}

/* ---- all of it ---- */

esp_err esp_salvage_cells(const char *damaged, const esp_config_file *config, esp_results *fresh, esp_salvage *found)
{
  *found = (esp_salvage){0};
  wreck w = {.fd = open(damaged, O_RDONLY | O_CLOEXEC), .file = -1};
  ESP_REQUIRE(w.fd >= 0, ESP_ERR_NO_INPUT, "%s: cannot be read: %s", damaged, strerror(errno));
  found->same_config = holds_text(&w, config->resolved);
  if (esp_h5_open(damaged, false, &w.file) != ESP_OK)
    w.file = -1; /* then everything is where the new file has it */
  esp_err err = save_cells(&w, fresh, found);
  if (err == ESP_OK)
    err = save_states(&w, fresh, found);
  if (err == ESP_OK && w.file >= 0)
    esp_provenance_copy_runs(w.file, fresh->file);
  if (w.file >= 0)
    H5Fclose(w.file);
  close(w.fd);
  return err;
}
