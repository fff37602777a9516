/* espalier/results.h - one HDF5 file that is results and checkpoint at once.
 *
 * Created under a temporary name with everything it will ever contain (groups, fixed-size contiguous early-allocated
 * datasets, dimension scales, attributes, provenance, the config), closed, fsynced, renamed. Then each writer opens it
 * through MPI-IO on MPI_COMM_SELF and makes independent raw writes only: payload first, then the cell's commit entry. So a
 * kill at any moment loses at most the cell being written, a lost rank stops no other, and h5ls, h5py or MATLAB can read
 * the file while it grows. Nothing here is collective. Layout:
 *
 *   /records/<field>  [member, arm, stage, axes of the field...]   payload
 *   /commit           [member, arm, stage] compound                what is done, why it ended, checksums
 *   /resume/<field>   [member, arm, slot, ...], /resume/commit     half-trained stages, two alternating slots
 *   /scales/<axis>    dimension scales, attached and labelled      member, arm, stage, prune_fraction, post, pre, ...
 *   /provenance       config_text, config_resolved, attributes, runs [64] (start, host, ranks, command line of each run)
 *
 * Every dataset has `units` and `long_name`. */
#ifndef ESPALIER_RESULTS_H
#define ESPALIER_RESULTS_H
#include <stdbool.h>
#include <stdint.h>

#include "espalier/config.h"
#include "espalier/error.h"
#include "espalier/plan.h"

#define ESP_LAYOUT_VERSION 1

typedef struct esp_results esp_results;

typedef enum {
  ESP_RESULTS_READ,  /* serial driver, no lock; may be used while writers run, needs no MPI_Init */
  ESP_RESULTS_WRITE, /* MPI-IO on MPI_COMM_SELF; MPI must be initialised                          */
} esp_results_mode;

/** A commit entry as stored: what is known of a cell. */
typedef struct {
  esp_outcome outcome;
  uint32_t crc;   /* CRC-32C over the record's fields in order, then cell and outcome; 0 while empty  */
  double seconds; /* wall clock of the stage in the session that finished it (earlier ones not counted) */
  int32_t rank;   /* that finished it                                                                  */
  int peak_mib;   /* most memory that this process had had by then, esp_peak_mib(); 0: not known       */
} esp_commit;

/** Call before MPI_Init: HDF5 would have MPI_Finalize call it, and crash there if a file could not be closed. */
void esp_results_begin(void);

/** Create path complete and empty (see above), by way of PATH.tmp; one that a killed creation has left is replaced. An existing
 *  file is not touched. The caller holds the lock of path.
 *  @return ESP_OK; ESP_ERR_CANNOT_CREATE (message: path, cause, way out), ESP_ERR_NOMEM. */
esp_err esp_results_create(const char *path, const esp_plan *plan, const esp_config_file *config);

/** Bytes that the file which esp_results_create would make takes on disk once n_members of its members are there (within a few
 *  per cent; the file is sparse). */
double esp_results_bytes(const esp_plan *plan, int n_members);

/** Read the resolved config out of a results file before anything else is known of it.
 *  @param[out] config  heap text, the caller frees it
 *  @return ESP_OK; ESP_ERR_NO_INPUT if it is not there; ESP_ERR_DATA if it is not HDF5, is truncated, was not made by this
 *          program; ESP_ERR_CONFIG if it has another layout version (message says which, and the way out). The file is not
 *          modified. */
esp_err esp_results_config(const char *path, char **config);

/** The same, parsed. Free it with esp_config_file_free if this returns ESP_OK.
 *  @return also ESP_ERR_NOMEM, and ESP_ERR_DATA if this program has no such config (message: its faults). */
esp_err esp_results_load_config(const char *path, esp_config_file *config);

/** Open a file whose config has given this plan (borrowed until close). Checks that datasets have the shapes of the plan.
 *  @return ESP_OK, ESP_ERR_NO_INPUT, ESP_ERR_DATA, ESP_ERR_IO, ESP_ERR_NOMEM. */
esp_err esp_results_open(const char *path, const esp_plan *plan, esp_results_mode mode, esp_results **out);

/** Close; NULL is fine. With ESP_RESULTS_WRITE also fsyncs. Frees r whatever it returns. */
esp_err esp_results_close(esp_results *r);

/** Read all commit entries, [member, arm, stage]. An entry whose own checksum is wrong comes back as ESP_CELL_EMPTY and is
 *  counted in n_damaged (may be NULL). Those of cells that the experiment never fills mean nothing and come back empty. */
esp_err esp_results_read_commits(const esp_results *r, esp_commit *commits, long *n_damaged);

/** The same for who uses the numbers: reads every committed cell, and one whose checksum is wrong is empty and counted too. */
esp_err esp_results_read_sound(const esp_results *r, esp_commit *commits, long *n_damaged);

/** How many cells of the members from first to last are in this state? */
long esp_commits_count(const esp_plan *plan, const esp_commit *commits, int first, int last, esp_cell_state state);

/** Write a cell: payload, then its commit entry (whose crc is computed here). At most every 5 s the file is fsynced too, or
 *  by esp_results_sync_when_due. */
esp_err esp_results_write_cell(esp_results *r, esp_cell cell, const esp_record *record, const esp_commit *commit);

/** Read a cell and check its CRC.
 *  @param commit  may be NULL
 *  @return ESP_OK; ESP_ERR_DATA if the cell is not committed or its checksum is wrong (message says which cell); ESP_ERR_IO. */
esp_err esp_results_read_cell(const esp_results *r, esp_cell cell, esp_record *record, esp_commit *commit);

/** Read one field of all cells, [member, arm, stage, ...] (no checksum is checked: for tables of committed cells). */
esp_err esp_results_read_field(const esp_results *r, int field, void *values);

/** Save the state of a half-trained cell into the older of the two slots of its (member, arm). */
esp_err esp_results_write_resume(esp_results *r, esp_cell cell, const esp_record *state);

/** The newest saved state of this cell whose checksum holds.
 *  @param[out] found  false if there is none for this stage: begin at the beginning. */
esp_err esp_results_read_resume(const esp_results *r, esp_cell cell, esp_record *state, bool *found);

/** Make what was written survive a machine crash, through a second descriptor. A failure is kept: after it the system may take
 *  for written what is not, so every later sync fails too, and the close. */
esp_err esp_results_sync(esp_results *r);

/** The same if something was written since the last time and that was 5 s ago; call it often. NULL is fine. */
esp_err esp_results_sync_when_due(esp_results *r);

/** Append one line to the fixed table of runs (the last 64 are kept). Call on one rank. */
esp_err esp_results_add_run(esp_results *r, int n_ranks, int argc, char *const *argv);

/** Append the lines of another file's table of runs that are not in this one yet, oldest first, as far as there is room without
 *  giving one up. */
esp_err esp_results_copy_runs(esp_results *to, const esp_results *from);

/** The newest entry of the table of runs that is none of a merge; all zero if there is none. */
typedef struct {
  int n_runs, n_ranks; /* in all; of this one */
  char started[40], host[256], program[64], kernel[32]; /* program: version and revision */
} esp_run;
esp_err esp_results_last_run(const esp_results *r, esp_run *run);

/** The config file that made a results file, verbatim: heap text, the caller frees it. Errors as esp_results_config. */
esp_err esp_results_config_text(const char *path, char **text);

/** Write "name: value" lines of everything under /provenance to standard output (for `espalier info`). */
esp_err esp_results_print_provenance(const char *path);

/** "VERSION REVISION" as the table of runs has it; constant text. */
const char *esp_program_revision(void);

/** "espalier VERSION (REVISION)"; constant text. */
const char *esp_program_version(void);

/** Versions of the libraries in use, one "name version" a line; constant text made at first call. */
const char *esp_library_versions(void);

/* ---- checksum ---- */

/** CRC-32C (Castagnoli, as in iSCSI; check value of "123456789" is e3069283); chain by passing the last result, 0 first. */
uint32_t esp_crc32c(uint32_t crc, const void *data, size_t n_bytes);

/* ---- lock ---- */

typedef struct {
  int fd;           /* -1: none                                    */
  double refreshed; /* esp_seconds() of the last sign of life */
  char path[4096];
} esp_lock;

/** Take the lock of a results file: FILE.lock beside it, held with flock and kept alive by esp_lock_keep. A second
 *  program gets ESP_ERR_UNAVAILABLE with host, process, job and start time of the holder. A holder that is dead (its flock is
 *  gone; on another host: silent for more than 90 s, or the same Slurm job id as ours) is taken over. One that lives and has
 *  our Slurm job id is given a minute to end: it is the start of the job before this one. Never follows a symbolic link. */
esp_err esp_lock_take(const char *results_path, esp_lock *lock);

/** Tell other hosts that the holder lives, if that was 5 s ago; call it often, as by
 *  esp_watchdog_pass_on(esp_lock_keep, lock). */
void esp_lock_keep(void *lock);

/** Release and remove it; fine if none is held. */
void esp_lock_release(esp_lock *lock);

#endif
