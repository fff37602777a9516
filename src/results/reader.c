/* results/reader.c - open with suspicion: whatever is there may be another file, half a file, or a damaged one. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "espalier/file.h"
#include "espalier/log.h"
#include "espalier/watchdog.h"
#include "internal.h"

#define WAY_OUT "choose another file, or move this one away"

/* ---- what kind of file is it? ---- */

static esp_err not_hdf5(const char *path, const unsigned char *head, size_t n)
{
  bool text = true;
  for (size_t i = 0; i < n; i++)
    text = text && (head[i] >= 32 || head[i] == '\n' || head[i] == '\r' || head[i] == '\t');
  if (H5Fis_hdf5(path) > 0) /* the signature may stand further on, as in files of MATLAB */
    return esp_fail(ESP_ERR_DATA, "%s: an HDF5 file, but not made by %s; " WAY_OUT, path, ESP_PROGRAM);
  return esp_fail(ESP_ERR_DATA, "%s: not an HDF5 file%s; " WAY_OUT, path, text ? " (it looks like text)" : "");
}

/* The superblock says how long the file has to be; versions 2 and 3 are ours, 0 and 1 are older. */
static esp_err check_head(const char *path, const unsigned char *head, size_t n, uint64_t size)
{
  static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
  if (n < sizeof signature || memcmp(head, signature, sizeof signature) != 0)
    return not_hdf5(path, head, n);
  const bool new = head[8] >= 2;
  const size_t end_at = new ? 28 : head[8] == 1 ? 44 : 40;
  const bool known = n >= end_at + 8 && (new ? head[9] : head[13]) == 8; /* bytes of an address */
  ESP_REQUIRE(n >= end_at + 8 && (!known || esp_get_le(head + end_at, 8) <= size), ESP_ERR_DATA,
              "%s: truncated: %" PRIu64 " bytes are left%s; fetch a whole copy, or move it away and begin again", path,
              size, known ? "" : " of an HDF5 file");
  return ESP_OK;
}

static esp_err examine(const char *path)
{
  struct stat st;
  ESP_REQUIRE(stat(path, &st) == 0, esp_open_error(errno), "%s: there is no such results file (%s); 'espalier run' makes one", path,
              strerror(errno));
  ESP_REQUIRE(!S_ISDIR(st.st_mode), ESP_ERR_DATA, "%s: a directory, not a results file", path);
  ESP_REQUIRE(S_ISREG(st.st_mode), ESP_ERR_DATA, "%s: not a regular file", path);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  ESP_REQUIRE(fd >= 0, esp_open_error(errno), "%s: cannot be read: %s", path, strerror(errno));
  unsigned char head[64];
  const ssize_t n = esp_read_at(fd, head, sizeof head, 0);
  const int cause = errno;
  close(fd);
  ESP_REQUIRE(n >= 0, ESP_ERR_IO, "%s: cannot be read: %s", path, strerror(cause));
  ESP_REQUIRE(n > 0, ESP_ERR_DATA, "%s: empty (0 bytes); " WAY_OUT, path);
  return check_head(path, head, (size_t)n, (uint64_t)st.st_size);
}

static esp_err check_identity(hid_t file, const char *path)
{
  int64_t layout = 0;
  char program[32] = "", version[64] = "?";
  const bool ours = esp_h5_get_word(file, "program", program, sizeof program) >= 0 && strcmp(program, ESP_PROGRAM) == 0;
  ESP_REQUIRE(esp_h5_error(ESP_OK) == ESP_OK, ESP_ERR_IO, "%s: cannot be read (HDF5: %s)", path, esp_h5_cause());
  ESP_REQUIRE(ours && esp_h5_get_int(file, "layout_version", &layout) >= 0, ESP_ERR_DATA,
              "%s: an HDF5 file, but not made by %s; " WAY_OUT, path, ESP_PROGRAM);
  esp_h5_get_word(file, "version", version, sizeof version);
  esp_h5_make_plain(version);
  ESP_REQUIRE(layout == ESP_LAYOUT_VERSION, ESP_ERR_CONFIG,
              "%s: has file layout %" PRId64 ", this program knows layout %d; use %s %s that made it, or " WAY_OUT, path, layout,
              ESP_LAYOUT_VERSION, ESP_PROGRAM, version);
  return ESP_OK;
}

static hid_t open_properties(bool write)
{
  const hid_t access = esp_h5_file_access(write); /* a reader takes any version, say of a copy that h5repack made */
  /* Without the sieve buffer a reader sees what writers have added since it last looked. */
  if (access >= 0 &&
      (write ? H5Pset_fapl_mpio(access, MPI_COMM_SELF, MPI_INFO_NULL) : H5Pset_sieve_buf_size(access, 0)) >= 0)
    return access;
  esp_h5_drop(access);
  return -1;
}

/* MPI-IO reads "word:" at the start of a name as the kind of file system; say one, and the rest is taken as it is. */
static hid_t open_as(const char *path, bool write, hid_t access)
{
  if (!write || !strchr(path, ':'))
    return H5Fopen(path, write ? H5F_ACC_RDWR : H5F_ACC_RDONLY, access);
  char *name = NULL;
  if (asprintf(&name, "ufs:%s", path) < 0)
    return -1;
  const hid_t file = H5Fopen(name, H5F_ACC_RDWR, access);
  free(name);
  return file;
}

esp_err esp_h5_open(const char *path, bool write, hid_t *file)
{
  esp_h5_start();
  ESP_TRY(examine(path));
  ESP_REQUIRE(!write || access(path, W_OK) == 0, ESP_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
  int mpi_runs = 0;
  MPI_Initialized(&mpi_runs);
  ESP_REQUIRE(!write || mpi_runs, ESP_ERR_INTERNAL, "%s: opened for writing before MPI_Init", path);
  const hid_t properties = open_properties(write);
  *file = properties < 0 ? -1 : open_as(path, write, properties);
  esp_h5_drop(properties);
  ESP_REQUIRE(*file >= 0, esp_h5_error(ESP_ERR_DATA), "%s: damaged or unreadable (HDF5: %s)", path, esp_h5_cause());
  const esp_err err = check_identity(*file, path);
  if (err != ESP_OK) {
    H5Fclose(*file);
    *file = -1;
  }
  return err;
}

static esp_err read_text(const char *path, const char *name, char **text)
{
  hid_t file;
  *text = NULL;
  ESP_TRY(esp_h5_open(path, false, &file));
  bool no_memory = false;
  *text = esp_h5_read_text(file, name, &no_memory);
  H5Fclose(file);
  ESP_REQUIRE(!no_memory, ESP_ERR_NOMEM, "%s: no memory for %s", path, name);
  ESP_REQUIRE(*text, esp_h5_error(ESP_ERR_DATA), "%s: damaged: %s is missing or its checksum is wrong (HDF5: %s)", path, name,
              esp_h5_cause());
  return ESP_OK;
}

esp_err esp_results_config(const char *path, char **config)
{
  return read_text(path, "/provenance/config_resolved", config);
}

esp_err esp_results_load_config(const char *path, esp_config_file *config)
{
  char *text = NULL, *problems = NULL;
  ESP_TRY(esp_results_config(path, &text));
  esp_err err = esp_config_parse(path, text, 0, NULL, config, &problems);
  if (err == ESP_ERR_CONFIG)
    err = esp_fail(ESP_ERR_DATA, "%s: the config inside it is not valid; was it made by another version?\n%s", path, problems);
  free(problems);
  free(text);
  return err;
}

esp_err esp_results_config_text(const char *path, char **text)
{
  return read_text(path, "/provenance/config_text", text);
}

/* ---- arrays of cells ---- */

static herr_t transfer(const esp_table *array, int i, int j, int k, void *in, const void *out)
{
  hsize_t start[3 + ESP_FIELD_AXES] = {(hsize_t)i, (hsize_t)j, (hsize_t)k}, count[3 + ESP_FIELD_AXES] = {1, 1, 1};
  memcpy(count + 3, array->dims + 3, (size_t)(array->n_dims - 3) * sizeof *count);
  if (H5Sselect_hyperslab(array->space, H5S_SELECT_SET, start, NULL, count, NULL) < 0)
    return -1;
  const herr_t done = in ? H5Dread(array->dataset, array->type, array->memory_space, array->space, H5P_DEFAULT, in)
                         : H5Dwrite(array->dataset, array->type, array->memory_space, array->space, H5P_DEFAULT, out);
  esp_watchdog_moved();
  return done;
}

herr_t esp_table_write(const esp_table *array, int i, int j, int k, const void *values)
{
  return transfer(array, i, j, k, NULL, values);
}

/* The dataset must be what esp_results_create made: contiguous, this type, these lengths. */
static bool has_shape(const esp_table *array, hid_t expected_type)
{
  hsize_t dims[3 + ESP_FIELD_AXES];
  const hid_t type = H5Dget_type(array->dataset), creation = H5Dget_create_plist(array->dataset);
  bool same = H5Sget_simple_extent_ndims(array->space) == array->n_dims && H5Pget_layout(creation) == H5D_CONTIGUOUS &&
              H5Tget_class(type) == H5Tget_class(expected_type) && H5Tget_size(type) == H5Tget_size(expected_type) &&
              (H5Tget_class(type) == H5T_COMPOUND || H5Tequal(type, expected_type) > 0) &&
              H5Sget_simple_extent_dims(array->space, dims, NULL) >= 0;
  for (int d = 0; same && d < array->n_dims; d++)
    same = dims[d] == array->dims[d];
  esp_h5_drop(type);
  esp_h5_drop(creation);
  return same;
}

/* Open the array whose lengths are already in it. Entries (memory_type negative) are moved as raw bytes. */
static esp_err open_array(const esp_results *r, const char *group, const char *name, hid_t file_type, hid_t memory_type,
                          esp_table *array)
{
  char path[320];
  snprintf(path, sizeof path, "%s/%s", group, name);
  array->name = name;
  array->dataset = esp_h5_open_dataset(r->file, path);
  ESP_REQUIRE(array->dataset >= 0, esp_h5_error(ESP_ERR_DATA), "%s: %s is missing or damaged (HDF5: %s)", r->path, path,
              esp_h5_cause());
  array->space = H5Dget_space(array->dataset);
  array->type = memory_type < 0 ? H5Dget_type(array->dataset) : H5Tcopy(memory_type);
  hsize_t count = 1;
  for (int d = 3; d < array->n_dims; d++)
    count *= array->dims[d];
  array->memory_space = H5Screate_simple(1, &count, NULL);
  ESP_REQUIRE(array->space >= 0 && array->type >= 0 && array->memory_space >= 0, esp_h5_error(ESP_ERR_DATA),
              "%s: %s is damaged (HDF5: %s)", r->path, path, esp_h5_cause());
  ESP_REQUIRE(has_shape(array, file_type), ESP_ERR_DATA, "%s: %s has not the shape or type that the configuration asks for",
              r->path, path);
  return ESP_OK;
}

static esp_err open_fields(const esp_results *r, bool resume, esp_table *arrays)
{
  const esp_layout *layout = resume ? &r->plan->resume : &r->plan->record;
  for (int f = 0; f < layout->n_fields; f++) {
    const esp_field *field = &layout->field[f];
    arrays[f].n_dims = esp_array_dims(r->plan, resume, field, arrays[f].dims);
    ESP_TRY(open_array(r, resume ? "/resume" : "/records", field->name, esp_h5_file_type(field->type),
                       esp_h5_memory_type(field->type), &arrays[f]));
  }
  return ESP_OK;
}

static esp_err open_entries(const esp_results *r, bool resume, esp_table *array)
{
  const hid_t type = resume ? esp_h5_resume_type() : esp_h5_commit_type();
  array->n_dims = esp_array_dims(r->plan, resume, NULL, array->dims);
  const esp_err err = open_array(r, resume ? "/resume" : "", "commit", type, -1, array);
  esp_h5_drop(type);
  return err;
}

static esp_err open_arrays(esp_results *r)
{
  ESP_TRY(open_fields(r, false, r->field));
  ESP_TRY(open_entries(r, false, &r->commit));
  if (r->plan->resume.n_fields == 0)
    return ESP_OK;
  ESP_TRY(open_fields(r, true, r->state));
  return open_entries(r, true, &r->resume_commit);
}

esp_err esp_results_open(const char *path, const esp_plan *plan, esp_results_mode mode, esp_results **out)
{
  *out = NULL;
  if (mode == ESP_RESULTS_WRITE) {
    /* HDF5 rewrites the first bytes of what it closes; a file that is to be refused must not get so far. */
    esp_results *look = NULL;
    ESP_TRY(esp_results_open(path, plan, ESP_RESULTS_READ, &look));
    ESP_TRY(esp_results_close(look));
  }
  esp_results *r = calloc(1, sizeof *r);
  ESP_REQUIRE(r, ESP_ERR_NOMEM, "%s: no memory to open it", path);
  r->plan = plan;
  r->mode = mode;
  r->file = r->sync_fd = -1;
  r->last_sync = esp_seconds();
  r->path = strdup(path);
  r->scratch = (esp_record){&plan->resume, plan->resume.bytes > 0 ? malloc(plan->resume.bytes) : NULL};
  esp_err err = r->path && (r->scratch.data || plan->resume.bytes == 0)
                    ? ESP_OK
                    : esp_fail(ESP_ERR_NOMEM, "%s: no memory to open it", path);
  if (err == ESP_OK)
    err = esp_h5_open(path, mode == ESP_RESULTS_WRITE, &r->file);
  if (err == ESP_OK)
    err = open_arrays(r);
  if (err == ESP_OK && mode == ESP_RESULTS_WRITE && (r->sync_fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
    err = esp_fail(ESP_ERR_IO, "%s: cannot be opened a second time: %s", path, strerror(errno));
  if (err == ESP_OK)
    *out = r;
  else
    esp_results_close(r);
  return err;
}

static void close_array(esp_table *array)
{
  esp_h5_drop(array->dataset);
  esp_h5_drop(array->space);
  esp_h5_drop(array->memory_space);
  esp_h5_drop(array->type);
}

esp_err esp_results_close(esp_results *r)
{
  esp_err err = ESP_OK;
  if (!r)
    return ESP_OK;
  for (int f = 0; f < ESP_MAX_FIELDS; f++) {
    close_array(&r->field[f]);
    close_array(&r->state[f]);
  }
  close_array(&r->commit);
  close_array(&r->resume_commit);
  esp_h5_start();
  if (r->file >= 0 && H5Fclose(r->file) < 0)
    err = esp_fail(ESP_ERR_IO, "%s: cannot be closed (HDF5: %s)%s", r->path, esp_h5_cause(), esp_disk_advice(esp_h5_errno()));
  if (err == ESP_OK)
    err = esp_results_sync(r);
  if (r->sync_fd >= 0)
    close(r->sync_fd);
  free(r->scratch.data);
  free(r->path);
  free(r);
  return err;
}

/* ---- cells ---- */

bool esp_cell_in_plan(const esp_plan *plan, esp_cell cell)
{
  return cell.member >= 0 && cell.member < plan->n_members && cell.arm >= 0 && cell.arm < plan->n_arms && cell.stage >= 0 &&
         cell.stage < plan->n_stages;
}

/* The piece of a cell: of its stage, or of a slot. */
static esp_err read_piece(const esp_results *r, const esp_table *array, esp_cell cell, int k, void *values)
{
  ESP_REQUIRE(transfer(array, cell.member, cell.arm, k, values, NULL) >= 0, ESP_ERR_IO, "%s: cannot read %s of %s (HDF5: %s)",
              r->path, array->name, esp_cell_words(r->plan, cell), esp_h5_cause());
  return ESP_OK;
}

static esp_err read_fields(const esp_results *r, const esp_table *arrays, esp_cell cell, int k, esp_record *record)
{
  for (int f = 0; f < record->layout->n_fields; f++)
    ESP_TRY(read_piece(r, &arrays[f], cell, k, record->data + record->layout->offset[f]));
  return ESP_OK;
}

esp_err esp_results_read_commits(const esp_results *r, esp_commit *commits, long *n_damaged)
{
  const long n = esp_plan_n_slots(r->plan);
  long damaged = 0;
  unsigned char *raw = malloc((size_t)n * ESP_COMMIT_BYTES);
  ESP_REQUIRE(raw, ESP_ERR_NOMEM, "%s: no memory for %ld entries", r->path, n);
  esp_h5_start();
  const herr_t done = H5Dread(r->commit.dataset, r->commit.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw);
  esp_watchdog_moved();
  for (long slot = 0; done >= 0 && slot < n; slot++) {
    commits[slot] = (esp_commit){0};
    if (esp_cell_exists(r->plan, esp_slot_cell(r->plan, slot))) /* nobody would ever mend the entry of another */
      damaged += !esp_commit_decode(raw + slot * ESP_COMMIT_BYTES, slot, &commits[slot]);
  }
  free(raw);
  ESP_REQUIRE(done >= 0, ESP_ERR_IO, "%s: cannot read /commit (HDF5: %s)", r->path, esp_h5_cause());
  if (n_damaged)
    *n_damaged = damaged;
  return ESP_OK;
}

esp_err esp_results_read_cell(const esp_results *r, esp_cell cell, esp_record *record, esp_commit *commit)
{
  ESP_REQUIRE(esp_cell_in_plan(r->plan, cell), ESP_ERR_ARG, "%s: there is no cell (%d, %d, %d)", r->path, cell.member,
              cell.arm, cell.stage);
  unsigned char raw[ESP_COMMIT_BYTES];
  esp_commit entry;
  esp_h5_start();
  ESP_TRY(read_piece(r, &r->commit, cell, cell.stage, raw));
  ESP_REQUIRE(esp_commit_decode(raw, esp_cell_slot(r->plan, cell), &entry), ESP_ERR_DATA,
              "%s: damaged: wrong checksum of the commit entry of %s", r->path, esp_cell_words(r->plan, cell));
  ESP_REQUIRE(entry.outcome.state != ESP_CELL_EMPTY, ESP_ERR_DATA, "%s: %s is not computed yet", r->path,
              esp_cell_words(r->plan, cell));
  ESP_TRY(read_fields(r, r->field, cell, cell.stage, record));
  ESP_REQUIRE(esp_cell_crc(record, cell, &entry.outcome) == entry.crc, ESP_ERR_DATA,
              "%s: damaged: wrong checksum of the numbers of %s", r->path, esp_cell_words(r->plan, cell));
  if (commit)
    *commit = entry;
  return ESP_OK;
}

esp_err esp_results_read_sound(const esp_results *r, esp_commit *commits, long *n_damaged)
{
  ESP_TRY(esp_results_read_commits(r, commits, n_damaged));
  esp_record record = {&r->plan->record, malloc(r->plan->record.bytes)};
  esp_err err = record.data ? ESP_OK : esp_fail(ESP_ERR_NOMEM, "%s: no memory for a record", r->path);
  for (long slot = 0; slot < esp_plan_n_slots(r->plan) && err == ESP_OK; slot++) {
    if (commits[slot].outcome.state == ESP_CELL_EMPTY)
      continue;
    err = esp_results_read_cell(r, esp_slot_cell(r->plan, slot), &record, &commits[slot]);
    if (err == ESP_ERR_DATA) {
      commits[slot] = (esp_commit){0};
      ++*n_damaged;
      err = ESP_OK;
    }
  }
  free(record.data);
  return err;
}

long esp_commits_count(const esp_plan *plan, const esp_commit *commits, int first, int last, esp_cell_state state)
{
  long n = 0;
  for (long slot = 0; slot < esp_plan_n_slots(plan); slot++) {
    const esp_cell cell = esp_slot_cell(plan, slot);
    n += cell.member >= first && cell.member <= last && esp_cell_exists(plan, cell) && commits[slot].outcome.state == state;
  }
  return n;
}

esp_err esp_results_read_field(const esp_results *r, int field, void *values)
{
  ESP_REQUIRE(field >= 0 && field < r->plan->record.n_fields, ESP_ERR_ARG, "%s: there is no field %d", r->path, field);
  const esp_table *array = &r->field[field];
  esp_h5_start();
  esp_watchdog_moved();
  ESP_REQUIRE(H5Dread(array->dataset, array->type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0, ESP_ERR_IO,
              "%s: cannot read %s (HDF5: %s)", r->path, array->name, esp_h5_cause());
  return ESP_OK;
}

/* ---- half-trained states ---- */

esp_err esp_resume_entries(const esp_results *r, esp_cell cell, esp_resume_entry entry[ESP_RESUME_SLOTS])
{
  for (int slot = 0; slot < ESP_RESUME_SLOTS; slot++) {
    unsigned char raw[ESP_RESUME_BYTES];
    ESP_TRY(read_piece(r, &r->resume_commit, cell, slot, raw));
    esp_resume_decode(raw, &entry[slot]);
  }
  return ESP_OK;
}

esp_err esp_resume_load(const esp_results *r, esp_cell cell, int slot, const esp_resume_entry *entry, esp_record *state,
                        bool *valid)
{
  *valid = false;
  if (entry->sequence == 0 || entry->stage != cell.stage || !esp_cell_in_plan(r->plan, cell))
    return ESP_OK; /* unused, of another stage, or of a stage number that no plan has: damaged */
  ESP_TRY(read_fields(r, r->state, cell, slot, state));
  *valid = esp_resume_crc(state, cell, entry->sequence) == entry->crc;
  return ESP_OK;
}

esp_err esp_results_read_resume(const esp_results *r, esp_cell cell, esp_record *state, bool *found)
{
  ESP_REQUIRE(esp_cell_in_plan(r->plan, cell), ESP_ERR_ARG, "%s: there is no cell (%d, %d, %d)", r->path, cell.member,
              cell.arm, cell.stage);
  *found = false;
  if (r->plan->resume.n_fields == 0)
    return ESP_OK;
  esp_resume_entry entry[ESP_RESUME_SLOTS];
  esp_h5_start();
  ESP_TRY(esp_resume_entries(r, cell, entry));
  const int newest = entry[1].sequence > entry[0].sequence;
  ESP_TRY(esp_resume_load(r, cell, newest, &entry[newest], state, found));
  if (!*found)
    ESP_TRY(esp_resume_load(r, cell, !newest, &entry[!newest], state, found));
  if (!*found)
    esp_record_clear(state);
  return ESP_OK;
}
