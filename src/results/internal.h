/* results/internal.h - what the files of this room share. */
#ifndef ESPALIER_RESULTS_INTERNAL_H
#define ESPALIER_RESULTS_INTERNAL_H
#include <hdf5.h>

#include "espalier/results.h"

#define ESP_PROGRAM "espalier"
#define ESP_RESUME_SLOTS 2
#define ESP_RUNS 64       /* rows of /provenance/runs          */
#define ESP_COMMIT_BYTES 32
#define ESP_RESUME_BYTES 16
#define ESP_RUN_BYTES 1024
#define ESP_SYNC_SECONDS 5.0

/* ---- checksums and the two kinds of entries (checksum.c) ---- */

typedef struct {
  int32_t stage;
  uint32_t crc;      /* over the state, then cell and sequence     */
  uint64_t sequence; /* 1, 2, ... in each (member, arm); 0: unused */
} esp_resume_entry;

/** A number of n_bytes as it is in files: little-endian on every machine. */
void esp_put_le(unsigned char *at, size_t n_bytes, uint64_t value);
uint64_t esp_get_le(const unsigned char *at, size_t n_bytes);

uint32_t esp_cell_crc(const esp_record *record, esp_cell cell, const esp_outcome *outcome);
uint32_t esp_resume_crc(const esp_record *state, esp_cell cell, uint64_t sequence);

void esp_commit_encode(const esp_commit *commit, long slot, unsigned char *raw);

/** False if the entry is damaged; commit is then empty. */
bool esp_commit_decode(const unsigned char *raw, long slot, esp_commit *commit);

void esp_resume_encode(const esp_resume_entry *entry, unsigned char *raw);
void esp_resume_decode(const unsigned char *raw, esp_resume_entry *entry);

/* ---- HDF5 made a little shorter (h5.c). herr_t and hid_t: negative is failure, as in HDF5 itself. ---- */

/** Pass a failure of HDF5 up: ESP_TRY where the outcome is a herr_t or a hid_t. */
#define ESP_H5_TRY(call) \
  do {                   \
    if ((call) < 0)      \
      return -1;         \
  } while (0)

/** Call before anything else of HDF5: no lock, nothing printed; the cause of a failure is kept for messages. */
void esp_h5_start(void);

/** What went wrong in HDF5 since esp_h5_start(): its innermost description, never NULL. */
const char *esp_h5_cause(void);

/** errno of the system call that was the cause, as far as HDF5 and MPI-IO have left it; 0: it was none, or it is not known. */
int esp_h5_errno(void);

/** ESP_ERR_IO if a read or write of the file has failed, otherwise what the caller takes a failure for. */
esp_err esp_h5_error(esp_err otherwise);

/** Release an identifier of any kind; a negative one is fine. */
void esp_h5_drop(hid_t id);

/** How to open a file: STRONG closes with it whatever a failure has left open; v18: of that version only, see layout.c. */
hid_t esp_h5_file_access(bool v18);

hid_t esp_h5_string_type(size_t bytes);
hid_t esp_h5_file_type(esp_type type);
hid_t esp_h5_memory_type(esp_type type);

/** Packed little-endian types of /commit, /resume/commit and a row of /provenance/runs. */
hid_t esp_h5_commit_type(void);
hid_t esp_h5_resume_type(void);
hid_t esp_h5_run_type(void);

herr_t esp_h5_set_attribute(hid_t object, const char *name, hid_t file_type, hid_t space, hid_t memory_type, const void *value);

/** Scalar attributes: text for people, a word (of fixed length) that this program reads back, a number. */
herr_t esp_h5_set_text(hid_t object, const char *name, const char *value);
herr_t esp_h5_set_word(hid_t object, const char *name, const char *value);
herr_t esp_h5_set_int(hid_t object, const char *name, hid_t file_type, int64_t value);

/** Negative if it is missing, of another kind, or too long. As it is in the file: see esp_h5_make_plain. */
herr_t esp_h5_get_word(hid_t object, const char *name, char *text, size_t size);
herr_t esp_h5_get_int(hid_t object, const char *name, int64_t *value);

/** Open a dataset that is in this file, its links and its numbers: a file that somebody has prepared may lead into others, which
 *  would then be read, or written. path begins with '/'. */
hid_t esp_h5_open_dataset(hid_t file, const char *path);

/** Would this character steer a terminal? */
bool esp_h5_is_control(char c);

/** Put '?' in place of control characters: for text of a file that goes into a message. */
void esp_h5_make_plain(char *text);

/** Heap text of a scalar string dataset whose checksum attribute holds; NULL otherwise. The caller frees it. */
char *esp_h5_read_text(hid_t file, const char *name, bool *no_memory);

/* ---- an open file ---- */

/** A dataset whose first three axes choose a piece: (member, arm, stage) or (member, arm, slot). */
typedef struct {
  const char *name; /* for messages */
  hid_t dataset, space, memory_space, type;
  int n_dims;
  hsize_t dims[3 + ESP_FIELD_AXES];
} esp_table;

struct esp_results {
  char *path;
  const esp_plan *plan;
  esp_results_mode mode;
  hid_t file;
  int sync_fd;      /* second descriptor, for fsync; -1 when reading */
  double last_sync; /* esp_seconds()                                 */
  bool unsynced;    /* something was written since                   */
  int sync_failure; /* errno of an fsync that failed; 0: none has    */
  esp_table commit, resume_commit;
  esp_table field[ESP_MAX_FIELDS], state[ESP_MAX_FIELDS];
  esp_record scratch; /* of the resume layout: to look at a slot before it is overwritten */
};

/** Open and check that the file is a results file of this layout. Messages as promised for esp_results_config. */
esp_err esp_h5_open(const char *path, bool write, hid_t *file);

/** Lengths of the axes of a field, or of the entries (NULL), of cells or of half-trained states.
 *  @return how many there are. */
int esp_array_dims(const esp_plan *plan, bool resume, const esp_field *field, hsize_t dims[3 + ESP_FIELD_AXES]);

/** Write one piece of an array. */
herr_t esp_table_write(const esp_table *array, int i, int j, int k, const void *values);

/** Is the state in a slot whole? Leaves it in state. */
esp_err esp_resume_load(const esp_results *r, esp_cell cell, int slot, const esp_resume_entry *entry, esp_record *state,
                        bool *valid);
esp_err esp_resume_entries(const esp_results *r, esp_cell cell, esp_resume_entry entry[ESP_RESUME_SLOTS]);

/** True if the plan can hold the cell. */
bool esp_cell_in_plan(const esp_plan *plan, esp_cell cell);

/* ---- what the others take from provenance.c ---- */

herr_t esp_provenance_write(hid_t group);

/** The time now as "2026-03-14T09:26:53Z". */
void esp_now_words(char *text, size_t size);

/** A variable of the environment, or otherwise where it is not set or empty; what does not fit is cut. */
void esp_environment(const char *name, const char *otherwise, char *text, size_t size);

/** Copy the table of runs, if it can be read. */
void esp_provenance_copy_runs(hid_t from, hid_t to);

#endif
