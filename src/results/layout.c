/* results/layout.c - make the whole file at once: after this nothing but numbers is written into it.
 *
 * A kill while a file is being made leaves rubbish, so it is made under another name. A kill while only raw data are written
 * into datasets that exist leaves every other byte alone; that is why everything is made here. Metadata of HDF5 1.8 on
 * (libver v18) carry checksums of their own, so that a flipped bit is reported and not followed. */
#include <errno.h>
#include <fcntl.h>
#include <hdf5_hl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build.h"
#include "espalier/file.h"
#include "espalier/watchdog.h"
#include "internal.h"

#define TEXT_BYTES 3000 /* a config in words, when only the size of the file is asked for */

typedef struct {
  const esp_plan *plan;
  hid_t file;
  hid_t payload, zeroed; /* dataset creation: never filled; filled with zero */
  hid_t member, arm, stage, stage_value, slot, run, axis[ESP_MAX_AXES];
  char at[320];   /* what is being made */
  bool no_memory; /* for it             */
} builder;

static void now_at(builder *b, const char *name)
{
  snprintf(b->at, sizeof b->at, "%s", name);
}

/* Zeroed; NULL, and noted, if there is no memory. */
static void *room(builder *b, size_t n, size_t size)
{
  void *made = calloc(n, size);
  b->no_memory = b->no_memory || !made;
  return made;
}

/* ---- datasets ---- */

static herr_t describe(hid_t dataset, const char *units, const char *long_name)
{
  ESP_H5_TRY(dataset);
  ESP_H5_TRY(esp_h5_set_text(dataset, "units", units));
  return esp_h5_set_text(dataset, "long_name", long_name);
}

/* n_dims 0 makes a scalar. */
static hid_t make(builder *b, const char *name, hid_t type, int n_dims, const hsize_t *dims, hid_t creation,
                  const char *units, const char *long_name)
{
  now_at(b, name);
  esp_watchdog_moved();
  const hid_t space = n_dims > 0 ? H5Screate_simple(n_dims, dims, NULL) : H5Screate(H5S_SCALAR);
  const hid_t dataset = H5Dcreate2(b->file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  esp_h5_drop(space);
  if (describe(dataset, units, long_name) >= 0)
    return dataset;
  esp_h5_drop(dataset);
  return -1;
}

static hid_t make_filled(builder *b, const char *name, hid_t type, hid_t memory_type, int n_dims, const hsize_t *dims,
                         const void *values, const char *units, const char *long_name)
{
  const hid_t dataset = make(b, name, type, n_dims, dims, b->payload, units, long_name);
  if (dataset >= 0 && H5Dwrite(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0)
    return dataset;
  esp_h5_drop(dataset);
  return -1;
}

/* Words in a dataset: fixed length, zero-terminated, which h5py, MATLAB and h5dump all read. words are count pieces of
 * width bytes. */
static hid_t make_words(builder *b, const char *name, int n_dims, const hsize_t *dims, size_t width, const char *words,
                        const char *long_name)
{
  const hid_t type = esp_h5_string_type(width);
  const hid_t dataset = make_filled(b, name, type, type, n_dims, dims, words, "none", long_name);
  esp_h5_drop(type);
  return dataset;
}

static herr_t attach(hid_t dataset, int dim, hid_t scale, const char *label)
{
  ESP_H5_TRY(dataset);
  ESP_H5_TRY(H5DSattach_scale(dataset, scale, (unsigned)dim));
  return H5DSset_label(dataset, (unsigned)dim, label);
}

static hid_t finish_scale(hid_t dataset, const char *name)
{
  if (dataset >= 0 && H5DSset_scale(dataset, name) >= 0)
    return dataset;
  esp_h5_drop(dataset);
  return -1;
}

/* Numbers about the positions along an axis, /scales/NAME. */
static hid_t make_numbers(builder *b, const char *name, esp_type type, int length, const void *values, const char *units,
                          const char *long_name)
{
  char path[64];
  snprintf(path, sizeof path, "/scales/%s", name);
  return make_filled(b, path, esp_h5_file_type(type), esp_h5_memory_type(type), 1, &(hsize_t){(hsize_t)length}, values, units,
                     long_name);
}

/* Scale of whole numbers first, first + 1, ... */
static hid_t make_count(builder *b, const char *name, int length, int first, const char *units, const char *long_name)
{
  int32_t *values = room(b, (size_t)length, sizeof *values);
  if (!values)
    return -1;
  for (int i = 0; i < length; i++)
    values[i] = first + i;
  const hid_t scale = make_numbers(b, name, ESP_I32, length, values, units, long_name);
  free(values);
  return finish_scale(scale, name);
}

/* ---- scales ---- */

/* One table of words [n_stages] or [n_stages, n_arms] about the stages; word() gives each. */
static hid_t stage_words(builder *b, const char *name, bool by_arm, const char *long_name,
                         void (*word)(const esp_plan *plan, int stage, int arm, char *text, size_t size))
{
  const size_t n_arms = by_arm ? (size_t)b->plan->n_arms : 1, n = (size_t)b->plan->n_stages * n_arms;
  size_t width = 1;
  for (size_t i = 0; i < n; i++) {
    char text[256];
    word(b->plan, (int)(i / n_arms), (int)(i % n_arms), text, sizeof text);
    width = strlen(text) >= width ? strlen(text) + 1 : width;
  }
  char *words = room(b, n, width);
  if (!words)
    return -1;
  for (size_t i = 0; i < n; i++)
    word(b->plan, (int)(i / n_arms), (int)(i % n_arms), words + i * width, width);
  const hsize_t dims[2] = {(hsize_t)b->plan->n_stages, (hsize_t)n_arms};
  const hid_t dataset = make_words(b, name, by_arm ? 2 : 1, dims, width, words, long_name);
  free(words);
  return dataset;
}

static void name_of_stage(const esp_plan *plan, int stage, int arm, char *text, size_t size)
{
  (void)arm;
  snprintf(text, size, "%s", plan->stages[stage].name);
}

static void sentence_of_stage(const esp_plan *plan, int stage, int arm, char *text, size_t size)
{
  (void)arm;
  snprintf(text, size, "%s", plan->stages[stage].long_name ? plan->stages[stage].long_name : "");
}

static void parent_of_stage(const esp_plan *plan, int stage, int arm, char *text, size_t size)
{
  esp_cell parent;
  if (esp_cell_parent(plan, (esp_cell){0, arm, stage}, &parent))
    snprintf(text, size, "%s/%s", plan->arm_name[parent.arm], plan->stages[parent.stage].name);
  else
    snprintf(text, size, "%s", "");
}

static herr_t make_arm_scale(builder *b)
{
  const esp_plan *plan = b->plan;
  const hsize_t length = (hsize_t)plan->n_arms;
  b->arm = finish_scale(make_words(b, "/scales/arm", 1, &length, sizeof plan->arm_name[0], plan->arm_name[0],
                                   "arm of the experiment: what is done to a member"), "arm");
  ESP_H5_TRY(b->arm);
  if (!plan->arm_value.name)
    return 0;
  const hid_t value = make_numbers(b, plan->arm_value.name, ESP_F64, plan->n_arms, plan->arm_value.value, plan->arm_value.unit,
                                   plan->arm_value.long_name);
  const herr_t done = attach(value, 0, b->arm, "arm");
  esp_h5_drop(value);
  return done;
}

/* The stage axis has two scales, the names and a number of each, and three tables. */
static herr_t make_stage_scales(builder *b)
{
  const esp_plan *plan = b->plan;
  herr_t done = -1;
  hid_t about = -1, parent = -1, members = -1;
  double *value = room(b, (size_t)plan->n_stages, sizeof *value);
  int32_t *n_members = room(b, (size_t)plan->n_stages, sizeof *n_members);
  for (int s = 0; value && n_members && s < plan->n_stages; s++) {
    value[s] = plan->stages[s].value;
    n_members[s] = plan->stages[s].n_members;
  }
  if (!value || !n_members)
    goto done;
  b->stage = finish_scale(stage_words(b, "/scales/stage", false, "name of the stage", name_of_stage), "stage");
  b->stage_value = finish_scale(make_numbers(b, plan->stage_value.name, ESP_F64, plan->n_stages, value, plan->stage_value.unit,
                                             plan->stage_value.long_name),
                                plan->stage_value.name);
  about = stage_words(b, "/scales/stage_description", false, "what happens in the stage, one sentence", sentence_of_stage);
  parent = stage_words(b, "/scales/stage_parent", true,
                       "cell of the same member that this one starts from, as arm/stage; empty: from the beginning",
                       parent_of_stage);
  members = make_numbers(b, "stage_n_members", ESP_I32, plan->n_stages, n_members, "1",
                         "the stage exists for members 0 to this number less one; other cells stay empty");
  if (b->stage >= 0 && b->stage_value >= 0 && attach(about, 0, b->stage, "stage") >= 0 &&
      attach(parent, 0, b->stage, "stage") >= 0 && attach(parent, 1, b->arm, "arm") >= 0 &&
      attach(members, 0, b->stage, "stage") >= 0)
    done = 0;
done:
  esp_h5_drop(about);
  esp_h5_drop(parent);
  esp_h5_drop(members);
  free(value);
  free(n_members);
  return done;
}

static hid_t make_axis(builder *b, const esp_axis *axis)
{
  if (!axis->values)
    return make_count(b, axis->name, axis->length, 1, axis->unit, axis->long_name);
  return finish_scale(make_numbers(b, axis->name, ESP_F64, axis->length, axis->values, axis->unit, axis->long_name), axis->name);
}

static herr_t make_scales(builder *b)
{
  b->member = make_count(b, "member", b->plan->n_members, 0, "1", "start of the ensemble, counted from 0");
  ESP_H5_TRY(b->member);
  ESP_H5_TRY(make_arm_scale(b));
  ESP_H5_TRY(make_stage_scales(b));
  for (int i = 0; i < b->plan->n_axes; i++)
    if ((b->axis[i] = make_axis(b, &b->plan->axes[i])) < 0)
      return -1;
  b->run = make_count(b, "run", ESP_RUNS, 0, "1", "row of the table of runs; run number n, from 0, is in row n modulo 64");
  ESP_H5_TRY(b->run);
  if (b->plan->resume.n_fields > 0)
    b->slot = make_count(b, "slot", ESP_RESUME_SLOTS, 0, "1", "one of two places that are written in turn");
  ESP_H5_TRY(b->slot);
  return 0;
}

/* ---- arrays of cells ---- */

int esp_array_dims(const esp_plan *plan, bool resume, const esp_field *field, hsize_t dims[3 + ESP_FIELD_AXES])
{
  const int n_axes = field ? field->n_axes : 0;
  dims[0] = (hsize_t)plan->n_members;
  dims[1] = (hsize_t)plan->n_arms;
  dims[2] = resume ? ESP_RESUME_SLOTS : (hsize_t)plan->n_stages;
  for (int a = 0; a < n_axes; a++)
    dims[3 + a] = (hsize_t)plan->axes[field->axis[a]].length;
  return 3 + n_axes;
}

static herr_t attach_cell(const builder *b, hid_t dataset, bool resume)
{
  ESP_H5_TRY(attach(dataset, 0, b->member, "member"));
  ESP_H5_TRY(attach(dataset, 1, b->arm, "arm"));
  if (resume)
    return attach(dataset, 2, b->slot, "slot");
  ESP_H5_TRY(attach(dataset, 2, b->stage, "stage"));
  return H5DSattach_scale(dataset, b->stage_value, 2);
}

static herr_t make_field(builder *b, const esp_field *field, bool resume)
{
  const esp_plan *plan = b->plan;
  char path[320];
  hsize_t dims[3 + ESP_FIELD_AXES];
  const int n_dims = esp_array_dims(plan, resume, field, dims);
  snprintf(path, sizeof path, "/%s/%s", resume ? "resume" : "records", field->name);
  const hid_t dataset = make(b, path, esp_h5_file_type(field->type), n_dims, dims, b->payload, field->unit,
                             field->long_name);
  now_at(b, field->name);
  herr_t done = attach_cell(b, dataset, resume);
  for (int a = 0; a < field->n_axes && done >= 0; a++)
    done = attach(dataset, 3 + a, b->axis[field->axis[a]], plan->axes[field->axis[a]].name);
  esp_h5_drop(dataset);
  return done;
}

static herr_t make_commit(builder *b, bool resume)
{
  hsize_t dims[3 + ESP_FIELD_AXES];
  const int n_dims = esp_array_dims(b->plan, resume, NULL, dims);
  const hid_t type = resume ? esp_h5_resume_type() : esp_h5_commit_type();
  char about[640];
  snprintf(about, sizeof about,
           "what is known of each cell: trust its records only if its state is done or failed here. "
           "stop: why its training ended; crc: CRC-32C of its fields in the order of order_in_crc, then member, "
           "arm, stage as int32, state and stop as uint8, n_evaluations as int64; n_evaluations: %s "
           "computed; seconds: wall clock of the session that finished it; rank: that did; peak_mib: peak memory of it, in MiB; "
           "entry_crc: CRC-32C of the 28 bytes before it and of the cell's position in this array as int64", b->plan->work);
  const hid_t dataset =
      resume ? make(b, "/resume/commit", type, n_dims, dims, b->zeroed, "none",
                    "what each slot holds: stage, checksum (CRC-32C of the fields of /resume in the order of order_in_crc, "
                    "then member, arm, stage as int32, then sequence), and a sequence number (0: never used; higher: newer)")
             : make(b, "/commit", type, n_dims, dims, b->zeroed, "none", about);
  herr_t done = attach_cell(b, dataset, resume);
  const esp_layout *layout = resume ? &b->plan->resume : &b->plan->record;
  char order[ESP_MAX_FIELDS * 64] = "";
  for (int f = 0; f < layout->n_fields; f++)
    snprintf(order + strlen(order), sizeof order - strlen(order), "%s%s", f ? " " : "", layout->field[f].name);
  if (done >= 0)
    done = esp_h5_set_text(dataset, "order_in_crc", order);
  esp_h5_drop(dataset);
  esp_h5_drop(type);
  return done;
}

static herr_t make_cells(builder *b)
{
  for (int f = 0; f < b->plan->record.n_fields; f++)
    ESP_H5_TRY(make_field(b, &b->plan->record.field[f], false));
  ESP_H5_TRY(make_commit(b, false));
  for (int f = 0; f < b->plan->resume.n_fields; f++)
    ESP_H5_TRY(make_field(b, &b->plan->resume.field[f], true));
  return b->plan->resume.n_fields > 0 ? make_commit(b, true) : 0;
}

/* ---- groups and provenance ---- */

static herr_t make_group(builder *b, const char *name, const char *long_name)
{
  now_at(b, name);
  const hid_t group = H5Gcreate2(b->file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const herr_t done = group < 0 ? -1 : esp_h5_set_text(group, "long_name", long_name);
  esp_h5_drop(group);
  return done;
}

static herr_t make_groups(builder *b)
{
  ESP_H5_TRY(make_group(b, "/records", "numbers of every cell, [member, arm, stage, ...]; see /commit for which are there"));
  ESP_H5_TRY(make_group(b, "/scales", "what the positions along each axis mean"));
  ESP_H5_TRY(make_group(b, "/provenance", "how this file was made"));
  if (b->plan->resume.n_fields > 0)
    ESP_H5_TRY(make_group(b, "/resume", "states of half-trained cells, for the program itself; not results"));
  return 0;
}

static herr_t make_config_text(builder *b, const char *name, const char *text, const char *long_name)
{
  char blank[TEXT_BYTES + 1];
  memset(blank, ' ', TEXT_BYTES);
  blank[TEXT_BYTES] = '\0';
  text = text ? text : blank;
  const hid_t dataset = make_words(b, name, 0, NULL, strlen(text) + 1, text, long_name);
  const herr_t done =
      dataset < 0 ? -1 : esp_h5_set_int(dataset, "crc32c", H5T_STD_U32LE, (int64_t)esp_crc32c(0, text, strlen(text)));
  esp_h5_drop(dataset);
  return done;
}

static herr_t make_provenance(builder *b, const esp_config_file *config)
{
  ESP_H5_TRY(make_config_text(b, "/provenance/config_text", config ? config->text : NULL,
                              "the configuration as it was written"));
  ESP_H5_TRY(make_config_text(b, "/provenance/config_resolved", config ? config->resolved : NULL,
                              "the configuration in force, every key with its value"));
  const hid_t group = H5Gopen2(b->file, "/provenance", H5P_DEFAULT), type = esp_h5_run_type();
  const hid_t count = make(b, "/provenance/runs_count", H5T_STD_I64LE, 0, NULL, b->zeroed, "1",
                           "number of runs that wrote into this file");
  const hsize_t length = ESP_RUNS;
  const hid_t runs = make(b, "/provenance/runs", type, 1, &length, b->zeroed, "none",
                          "the last 64 runs; long command lines are cut");
  herr_t done = group < 0 || count < 0 ? -1 : attach(runs, 0, b->run, "run");
  if (done >= 0)
    done = esp_provenance_write(group);
  esp_h5_drop(runs);
  esp_h5_drop(count);
  esp_h5_drop(type);
  esp_h5_drop(group);
  return done;
}

static herr_t make_root(builder *b)
{
  now_at(b, "/");
  ESP_H5_TRY(esp_h5_set_text(b->file, "title", "Ensembles of small recurrent networks: trained, pruned, measured"));
  ESP_H5_TRY(esp_h5_set_word(b->file, "program", ESP_PROGRAM));
  ESP_H5_TRY(esp_h5_set_word(b->file, "version", ESP_VERSION));
  ESP_H5_TRY(esp_h5_set_text(b->file, "experiment", b->plan->experiment));
  ESP_H5_TRY(esp_h5_set_int(b->file, "layout_version", H5T_STD_I32LE, ESP_LAYOUT_VERSION));
  return esp_h5_set_text(b->file, "how_to_read",
                         "records/<field>[member, arm, stage, ...] holds the numbers of a cell; they count only where "
                         "commit[member, arm, stage].state is done (1) or failed (2), elsewhere they are undefined. "
                         "Matrices are [post, pre]. Every dataset has units and long_name; every axis has a name and, "
                         "in /scales, its values (HDF5 dimension scales). Floating point is float64, NaN is missing; "
                         "a missing int32 is -1.");
}

/* ---- the whole file ---- */

/* How a dataset is made: contiguous, and without times of its own. */
static hid_t creation(H5D_alloc_time_t alloc, H5D_fill_time_t fill)
{
  const hid_t made = H5Pcreate(H5P_DATASET_CREATE);
  if (made >= 0 && H5Pset_layout(made, H5D_CONTIGUOUS) >= 0 && H5Pset_alloc_time(made, alloc) >= 0 &&
      H5Pset_fill_time(made, fill) >= 0 && H5Pset_obj_track_times(made, false) >= 0)
    return made;
  esp_h5_drop(made);
  return -1;
}

static herr_t build_parts(builder *b, const esp_config_file *config, H5D_alloc_time_t alloc)
{
  b->payload = creation(alloc, H5D_FILL_TIME_NEVER);
  b->zeroed = creation(alloc, H5D_FILL_TIME_ALLOC);
  ESP_H5_TRY(b->payload);
  ESP_H5_TRY(b->zeroed);
  ESP_H5_TRY(make_root(b));
  ESP_H5_TRY(make_groups(b));
  ESP_H5_TRY(make_scales(b));
  ESP_H5_TRY(make_cells(b));
  return make_provenance(b, config);
}

static herr_t build(builder *b, const esp_config_file *config, H5D_alloc_time_t alloc)
{
  const herr_t done = build_parts(b, config, alloc);
  for (int i = 0; i < ESP_MAX_AXES; i++)
    esp_h5_drop(b->axis[i]);
  const hid_t ids[] = {b->payload, b->zeroed, b->member, b->arm, b->stage, b->stage_value, b->slot, b->run};
  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
    esp_h5_drop(ids[i]);
  return done;
}

double esp_results_bytes(const esp_plan *plan, int n_members)
{
  /* Entries are filled with zeros for all slots, payload is written for cells that are there. */
  const double pairs = (double)n_members * plan->n_arms, n_cells = (double)esp_plan_n_cells_of(plan, 0, n_members - 1);
  const double all_pairs = (double)plan->n_members * plan->n_arms;
  double payload = (double)esp_plan_n_slots(plan) * ESP_COMMIT_BYTES + ESP_RUNS * ESP_RUN_BYTES;
  for (int f = 0; f < plan->record.n_fields; f++)
    payload += n_cells * (double)(plan->record.count[f] * esp_type_bytes(plan->record.field[f].type));
  for (int f = 0; f < plan->resume.n_fields; f++)
    payload += pairs * ESP_RESUME_SLOTS * (double)(plan->resume.count[f] * esp_type_bytes(plan->resume.field[f].type));
  if (plan->resume.n_fields > 0)
    payload += all_pairs * ESP_RESUME_SLOTS * ESP_RESUME_BYTES;

  /* What HDF5 itself takes is measured: the same file in memory, its datasets without storage. */
  esp_h5_start();
  hsize_t metadata = 0;
  const hid_t access = esp_h5_file_access(true);
  if (access >= 0 && H5Pset_fapl_core(access, 1024, false) >= 0) {
    const hid_t file = H5Fcreate(ESP_PROGRAM, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    builder b = {.plan = plan, .file = file};
    if (file >= 0 && (build(&b, NULL, H5D_ALLOC_TIME_LATE) < 0 || H5Fget_filesize(file, &metadata) < 0))
      metadata = 0;
    if (file >= 0)
      H5Fclose(file);
  }
  esp_h5_drop(access);
  return payload + (double)metadata;
}

static esp_err write_file(const char *temporary, const char *path, const esp_plan *plan, const esp_config_file *config)
{
  const double needed = esp_results_bytes(plan, plan->n_members); /* after a failure HDF5 is better left alone */
  herr_t done = -1;
  const hid_t access = esp_h5_file_access(true);
  const hid_t file = access < 0 ? -1 : H5Fcreate(temporary, H5F_ACC_EXCL, H5P_DEFAULT, access);
  builder b = {.plan = plan, .file = file, .at = "the file itself"};
  if (file >= 0) {
    done = build(&b, config, H5D_ALLOC_TIME_EARLY);
    if (H5Fclose(file) < 0 || esp_h5_error(ESP_OK) != ESP_OK) /* a small dataset is written when it is closed, where nobody asks */
      done = -1;
  }
  esp_h5_drop(access);
  if (done >= 0)
    return ESP_OK;
  ESP_REQUIRE(!b.no_memory, ESP_ERR_NOMEM, "%s: no memory to make %s", path, b.at);
  return esp_fail(ESP_ERR_CANNOT_CREATE, "%s: cannot be created (HDF5, at %s: %s)%s; it needs %.1f MB", path, b.at, esp_h5_cause(),
                  esp_disk_advice(esp_h5_errno()), needed / 1e6);
}

/* fsync of a file or directory by name; 0 or errno. */
static int sync_path(const char *path)
{
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return errno;
  const int why = esp_sync(fd);
  close(fd);
  return why;
}

/* Give the finished file its name, without ever replacing another one. */
static int rename_new(const char *temporary, const char *path)
{
  struct stat there;
  if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
    return 0;
  if (errno == EEXIST)
    return -1;
  if (link(temporary, path) == 0)
    return unlink(temporary);
  if (errno == EEXIST)
    return -1;
  /* Neither is known to this file system: look first; the lock of the results file keeps other runs away meanwhile. */
  if (lstat(path, &there) == 0) {
    errno = EEXIST;
    return -1;
  }
  return rename(temporary, path);
}

/* Can a file be made there at all? Asked of the system, because its answer is clearer than that of HDF5. */
static esp_err probe(const char *temporary, const char *path, const char *directory)
{
  /* Left by a creation that was killed; the caller has the lock, so nobody is at it now. */
  ESP_REQUIRE(unlink(temporary) == 0 || errno == ENOENT, ESP_ERR_CANNOT_CREATE,
              "%s: in the way of %s and cannot be removed: %s", temporary, path, strerror(errno));
  const int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (fd < 0)
    return esp_fail(ESP_ERR_CANNOT_CREATE, "%s: cannot be created: %s; %s", path, strerror(errno),
                    errno == ENOENT    ? "make its directory first, or choose another place"
                    : errno == ENOSPC || errno == EDQUOT ? "make room, or choose another file system"
                                                         : "choose another place");
  close(fd);
  ESP_REQUIRE(unlink(temporary) == 0, ESP_ERR_CANNOT_CREATE, "%s: cannot be removed again: %s", temporary, strerror(errno));
  ESP_REQUIRE(access(directory, W_OK | X_OK) == 0, ESP_ERR_CANNOT_CREATE, "%s: cannot be created: %s: %s", path, directory,
              strerror(errno));
  return ESP_OK;
}

esp_err esp_results_create(const char *path, const esp_plan *plan, const esp_config_file *config)
{
  struct stat there;
  ESP_REQUIRE(lstat(path, &there) != 0, ESP_ERR_CANNOT_CREATE,
              "%s: %s; choose another name, or move it away", path,
              S_ISLNK(there.st_mode) && stat(path, &there) != 0 ? "a symbolic link to nothing" : "exists already and is left as it is");
  ESP_REQUIRE(strlen(path) < PATH_MAX - 32, ESP_ERR_CANNOT_CREATE, "%.100s...: the name is too long", path);
  char temporary[PATH_MAX], copy[PATH_MAX];
  snprintf(temporary, sizeof temporary, "%s.tmp", path);
  snprintf(copy, sizeof copy, "%s", path);
  const char *directory = dirname(copy);
  esp_h5_start();
  ESP_TRY(probe(temporary, path, directory));
  esp_err err = write_file(temporary, path, plan, config);
  int why = err == ESP_OK ? sync_path(temporary) : 0;
  if (err == ESP_OK && why == 0)
    why = sync_path(directory);
  if (why != 0)
    err = esp_fail(ESP_ERR_CANNOT_CREATE, "%s: cannot be brought to disk: %s%s", path, strerror(why), esp_disk_advice(why));
  if (err == ESP_OK && rename_new(temporary, path) != 0)
    err = errno == EEXIST
              ? esp_fail(ESP_ERR_CANNOT_CREATE, "%s: was made by somebody else just now and is left as it is", path)
              : esp_fail(ESP_ERR_CANNOT_CREATE, "%s: cannot get its name: %s", path, strerror(errno));
  if (err != ESP_OK)
    unlink(temporary);
  else
    sync_path(directory); /* the name itself; the file is complete whatever comes of it */
  return err;
}
