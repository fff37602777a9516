/* espalier/ensemble.h - run all missing cells of a plan on however many ranks there are.
 *
 * Rank 0 coordinates and hands cells to the other ranks: of their own member while there are plenty of others to begin, and then
 * from wherever most is left, so that all end together (src/ensemble/schedule.h). One process alone does everything itself.
 * Workers write their cells straight into the file. A worker that falls silent is presumed lost and its cell given to another
 * (src/ensemble/crew.h). Collective over MPI_COMM_WORLD. */
#ifndef ESPALIER_ENSEMBLE_H
#define ESPALIER_ENSEMBLE_H
#include "espalier/config.h"
#include "espalier/error.h"
#include "espalier/experiment.h"
#include "espalier/members.h"
#include "espalier/results.h"

typedef struct {
  const char *path;          /* results file, created already                                   */
  const char *source;        /* results file whose networks are measured again; NULL: train     */
  esp_members members;       /* the others are left to other runs; rank 0 only                  */
  double stop_at;            /* esp_seconds() at which to stop as if signalled; INFINITY: never */
  double worker_timeout;     /* s of silence after which a worker is lost; 0: never             */
  bool quiet;                /* no progress                                                     */
  int argc;
  char *const *argv;         /* for provenance                                                  */
} esp_ensemble_options;

/** Start MPI (with ROMIO for parallel I/O) and say which rank this is. */
void esp_ensemble_begin(int *argc, char ***argv, int *rank, int *n_ranks);

/** On rank 0: end the whole job with the status of ESP_ERR_IO, and with a list of who was at what, when nothing has moved for so
 *  many seconds (espalier/watchdog.h); 0: never.
 *  @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_ensemble_watch(double seconds);

/** End MPI and the watchdog. On rank 0, when workers are lost, it does not wait for them: the job ends with this exit status here. */
void esp_ensemble_end(int status);

/** Say what happened and end all ranks at once: for a rank that fails alone where the others expect it. What is committed is
 *  safe in the file. */
_Noreturn void esp_ensemble_abort(esp_err err);

/** Rank 0 tells everybody how its preparation went and, if well, a text.
 *  @param err       of rank 0; ignored elsewhere
 *  @param[in,out] text  rank 0: the text; elsewhere: heap copy, the caller frees it
 *  @return rank 0's err on every rank. */
esp_err esp_ensemble_share(esp_err err, char **text);

/** Compute every cell of these members that is not there (or whose checksum fails).
 *  @return on every rank the same: ESP_OK when all of them are there, ESP_ERR_STOPPED with work left, ESP_ERR_IO (also when
 *          all workers are lost), ... */
esp_err esp_ensemble_run(const esp_config_file *config, const esp_plan *plan, const esp_ensemble_options *options);

/** Catch USR1, USR2, INT and TERM: the first asks the run to stop soon with its work saved; after an INT or TERM, an INT or a TERM
 *  more than 3 s later ends the process at once. Call before MPI_Init's children start work. */
void esp_stop_on_signals(void);

/** The number of the first signal that this process got so; 0: none. */
int esp_stop_signal(void);

#endif
