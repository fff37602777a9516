/* results/h5.c - HDF5 made a little shorter: types, text, attributes, and the cause of a failure. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static char cause[512];
static int call_errno;   /* of the call that failed */
static bool call_failed; /* one of the system       */

/* A failed call is described at length and over several lines ("file write failed: time = ..."), or, from MPI-IO, without its
 * reason; the reason is still in errno. */
static void describe_call(int code)
{
  static const char *const details[] = {": time = ", ": name = ", ", errno = ", ": MPI error string is "};
  for (size_t i = 0; i < sizeof details / sizeof *details; i++) {
    char *at = strstr(cause, details[i]);
    if (!at)
      continue;
    call_failed = true;
    call_errno = code;
    if (code != 0)
      snprintf(at, sizeof cause - (size_t)(at - cause), ": %s", strerror(code));
  }
}

static herr_t keep_innermost(unsigned n, const H5E_error2_t *error, void *code)
{
  (void)n;
  if (call_failed)
    return 1; /* whatever fails after it, fails because of it */
  snprintf(cause, sizeof cause, "%s", error->desc ? error->desc : "no description");
  describe_call(*(const int *)code);
  for (char *c = cause; *c; c++)
    *c = *c == '\n' ? ' ' : *c;
  return 1; /* the first one says most */
}

/* Every later call clears HDF5's error stack, clean-up calls too; so what matters is copied at the moment of the failure. */
static herr_t on_error(hid_t stack, void *unused)
{
  int code = errno;
  (void)unused;
  H5Ewalk2(stack, H5E_WALK_UPWARD, keep_innermost, &code);
  return 0;
}

void esp_h5_start(void)
{
  static bool started;
  if (!started) {
    /* A lock of HDF5 would refuse readers of a file that is being written, and fails where the file system has none; the
     * lock of this program is its own. The library reads the variable once, when it starts. */
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);
    /* Nor may it tidy up at the end, when all files are closed: version 1.10 crashes then if one could not be, and complains
     * at length of a loop if it has met a damaged object. */
    H5dont_atexit();
    H5open();
    H5Eset_auto2(H5E_DEFAULT, on_error, NULL);
    started = true;
  }
  cause[0] = '\0';
  errno = call_errno = 0;
  call_failed = false;
}

void esp_results_begin(void)
{
  esp_h5_start();
}

const char *esp_h5_cause(void)
{
  return cause[0] ? cause : "no further description";
}

int esp_h5_errno(void)
{
  return call_errno;
}

/* A place that no file can have (EINVAL) is nonsense in the file, not a fault of the disk. */
esp_err esp_h5_error(esp_err otherwise)
{
  return call_failed && call_errno != EINVAL ? ESP_ERR_IO : otherwise;
}

void esp_h5_drop(hid_t id)
{
  if (id > 0)
    H5Idec_ref(id);
}

hid_t esp_h5_file_access(bool v18)
{
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  if (access >= 0 && H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0 &&
      (!v18 || H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0))
    return access;
  esp_h5_drop(access);
  return -1;
}

hid_t esp_h5_string_type(size_t bytes)
{
  const hid_t type = H5Tcopy(H5T_C_S1);
  if (type >= 0 && H5Tset_size(type, bytes) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0)
    return type;
  esp_h5_drop(type);
  return -1;
}

hid_t esp_h5_file_type(esp_type type)
{
  switch (type) {
  case ESP_F64: return H5T_IEEE_F64LE;
  case ESP_I32: return H5T_STD_I32LE;
  case ESP_U8: return H5T_STD_U8LE;
  case ESP_F32: return H5T_IEEE_F32LE;
  }
  return -1;
}

hid_t esp_h5_memory_type(esp_type type)
{
  switch (type) {
  case ESP_F64: return H5T_NATIVE_DOUBLE;
  case ESP_I32: return H5T_NATIVE_INT32;
  case ESP_U8: return H5T_NATIVE_UINT8;
  case ESP_F32: return H5T_NATIVE_FLOAT;
  }
  return -1;
}

/* ---- compounds ---- */

typedef struct {
  const char *name;
  hid_t type; /* given back to the library when it is in */
} component;

/* Parts one after the other, without gaps. */
static hid_t compound(size_t bytes, size_t n_parts, const component *parts)
{
  const hid_t type = H5Tcreate(H5T_COMPOUND, bytes);
  herr_t done = type < 0 ? -1 : 0;
  size_t at = 0;
  for (size_t i = 0; i < n_parts; i++) {
    if (done >= 0)
      done = H5Tinsert(type, parts[i].name, at, parts[i].type);
    if (done >= 0)
      at += H5Tget_size(parts[i].type);
    esp_h5_drop(parts[i].type);
  }
  if (done >= 0)
    return type;
  esp_h5_drop(type);
  return -1;
}

static hid_t enumeration(uint8_t n, const char *const *names)
{
  const hid_t type = H5Tenum_create(H5T_STD_U8LE);
  for (uint8_t i = 0; type >= 0 && i < n; i++)
    if (H5Tenum_insert(type, names[i], &i) < 0)
      return -1;
  return type;
}

hid_t esp_h5_commit_type(void)
{
  static const char *const states[] = {"empty", "done", "failed"};
  const char *stops[ESP_N_STOP_REASONS];
  for (int i = 0; i < ESP_N_STOP_REASONS; i++)
    stops[i] = esp_stop_reason_name((esp_stop_reason)i);
  const component parts[] = {{"state", enumeration(3, states)},
                             {"stop", enumeration(ESP_N_STOP_REASONS, stops)},
                             {"peak_mib", H5Tcopy(H5T_STD_U16LE)},
                             {"crc", H5Tcopy(H5T_STD_U32LE)},
                             {"n_evaluations", H5Tcopy(H5T_STD_I64LE)},
                             {"seconds", H5Tcopy(H5T_IEEE_F64LE)},
                             {"rank", H5Tcopy(H5T_STD_I32LE)},
                             {"entry_crc", H5Tcopy(H5T_STD_U32LE)}};
  return compound(ESP_COMMIT_BYTES, sizeof parts / sizeof *parts, parts);
}

hid_t esp_h5_resume_type(void)
{
  const component parts[] = {
      {"stage", H5Tcopy(H5T_STD_I32LE)}, {"crc", H5Tcopy(H5T_STD_U32LE)}, {"sequence", H5Tcopy(H5T_STD_U64LE)}};
  return compound(ESP_RESUME_BYTES, sizeof parts / sizeof *parts, parts);
}

/* Widths as in the row that provenance.c fills in. */
hid_t esp_h5_run_type(void)
{
  const component parts[] = {{"started", esp_h5_string_type(24)}, {"host", esp_h5_string_type(64)},
                             {"job", esp_h5_string_type(32)},     {"program", esp_h5_string_type(36)},
                             {"n_ranks", H5Tcopy(H5T_STD_I32LE)}, {"kernel", esp_h5_string_type(16)},
                             {"cpu", esp_h5_string_type(64)},     {"command", esp_h5_string_type(ESP_RUN_BYTES - 240)}};
  return compound(ESP_RUN_BYTES, sizeof parts / sizeof *parts, parts);
}

/* ---- attributes and text ---- */

herr_t esp_h5_set_attribute(hid_t object, const char *name, hid_t file_type, hid_t space, hid_t memory_type, const void *value)
{
  const hid_t attribute = H5Acreate2(object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
  const herr_t done = attribute < 0 ? -1 : H5Awrite(attribute, memory_type, value);
  esp_h5_drop(attribute);
  return done;
}

static herr_t set_scalar(hid_t object, const char *name, hid_t file_type, hid_t memory_type, const void *value)
{
  const hid_t space = H5Screate(H5S_SCALAR);
  const herr_t done = esp_h5_set_attribute(object, name, file_type, space, memory_type, value);
  esp_h5_drop(space);
  return done;
}

/* Of variable length: h5py gives such text as str, one of fixed length as bytes. It lies in HDF5's global heap, the one part
 * of its metadata without checksums: a flipped bit there makes HDF5 1.10 itself crash. So this program never reads such text,
 * and keeps what it does read as words of fixed length. */
herr_t esp_h5_set_text(hid_t object, const char *name, const char *value)
{
  const hid_t type = esp_h5_string_type(H5T_VARIABLE);
  const herr_t done = set_scalar(object, name, type, type, &value);
  esp_h5_drop(type);
  return done;
}

herr_t esp_h5_set_word(hid_t object, const char *name, const char *value)
{
  const hid_t type = esp_h5_string_type(strlen(value) + 1);
  const herr_t done = set_scalar(object, name, type, type, value);
  esp_h5_drop(type);
  return done;
}

herr_t esp_h5_set_int(hid_t object, const char *name, hid_t file_type, int64_t value)
{
  return set_scalar(object, name, file_type, H5T_NATIVE_INT64, &value);
}

/* An attribute that is one value of this class; negative (and no complaint of HDF5) otherwise. */
static hid_t open_attribute(hid_t object, const char *name, H5T_class_t class)
{
  if (H5Aexists(object, name) <= 0)
    return -1;
  const hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
  const hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  const bool fits = type >= 0 && H5Tget_class(type) == class && H5Sget_simple_extent_npoints(space) == 1;
  esp_h5_drop(type);
  esp_h5_drop(space);
  if (fits)
    return attribute;
  esp_h5_drop(attribute);
  return -1;
}

/* A file may come from anywhere: nothing in it gets to steer the terminal. */
bool esp_h5_is_control(char c)
{
  return (unsigned char)c < 32 || c == 127;
}

void esp_h5_make_plain(char *text)
{
  for (char *c = text; *c; c++)
    if (esp_h5_is_control(*c))
      *c = '?';
}

herr_t esp_h5_get_word(hid_t object, const char *name, char *text, size_t size)
{
  herr_t done = -1;
  const hid_t attribute = open_attribute(object, name, H5T_STRING);
  const hid_t type = attribute < 0 ? -1 : H5Aget_type(attribute);
  if (type >= 0 && H5Tis_variable_str(type) == 0 && H5Tget_size(type) < size) {
    text[H5Tget_size(type)] = '\0';
    done = H5Aread(attribute, type, text);
  }
  esp_h5_drop(type);
  esp_h5_drop(attribute);
  return done;
}

herr_t esp_h5_get_int(hid_t object, const char *name, int64_t *value)
{
  const hid_t attribute = open_attribute(object, name, H5T_INTEGER);
  const herr_t done = attribute < 0 ? -1 : H5Aread(attribute, H5T_NATIVE_INT64, value);
  esp_h5_drop(attribute);
  return done;
}

/* Is every step on the way a hard link? Soft ones this program does not make, external ones lead into other files. */
static bool has_hard_links(hid_t file, const char *path)
{
  char part[320];
  for (const char *end = path; *end; ) {
    H5L_info_t link;
    end += 1 + strcspn(end + 1, "/");
    snprintf(part, sizeof part, "%.*s", (int)(end - path), path);
    if (H5Lget_info(file, part, &link, H5P_DEFAULT) < 0)
      return false;
    if (link.type != H5L_TYPE_HARD) {
      snprintf(cause, sizeof cause, "%s is a link that leads elsewhere", part);
      return false;
    }
  }
  return true;
}

hid_t esp_h5_open_dataset(hid_t file, const char *path)
{
  const hid_t dataset = has_hard_links(file, path) ? H5Dopen2(file, path, H5P_DEFAULT) : -1;
  if (dataset < 0)
    return -1;
  const hid_t creation = H5Dget_create_plist(dataset);
  const bool inside = creation >= 0 && H5Pget_layout(creation) != H5D_VIRTUAL && H5Pget_external_count(creation) == 0;
  esp_h5_drop(creation);
  if (inside)
    return dataset;
  esp_h5_drop(dataset);
  snprintf(cause, sizeof cause, "its numbers lie in another file");
  return -1;
}

char *esp_h5_read_text(hid_t file, const char *name, bool *no_memory)
{
  char *text = NULL;
  int64_t crc = -1;
  const hid_t dataset = esp_h5_open_dataset(file, name);
  const hid_t type = dataset < 0 ? -1 : H5Dget_type(dataset), space = dataset < 0 ? -1 : H5Dget_space(dataset);
  const bool fits = type >= 0 && H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 &&
                    H5Sget_simple_extent_npoints(space) == 1 && esp_h5_get_int(dataset, "crc32c", &crc) >= 0;
  const size_t size = fits ? H5Tget_size(type) : 0;
  if (size > 0 && size == H5Dget_storage_size(dataset)) {
    text = malloc(size + 1);
    *no_memory = !text;
  }
  if (text) {
    const herr_t done = H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text);
    text[size] = '\0';
    if (done < 0 || esp_crc32c(0, text, strlen(text)) != (uint32_t)crc) {
      free(text);
      text = NULL;
    }
  }
  esp_h5_drop(type);
  esp_h5_drop(space);
  esp_h5_drop(dataset);
  return text;
}
