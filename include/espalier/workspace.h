/* espalier/workspace.h - one stretch of memory for all scratch of a worker; it grows where it is.
 *
 * Take, use, and rewind to the mark taken before; nothing inside training allocates. Every piece starts on a 64-byte boundary,
 * so equal calls see equal alignment.
 *
 * Nobody says how much will be needed: address space is reserved once, far more than that, and what is taken is made usable in
 * steps of some MiB by a call that can fail. What a stage has needed once stays usable, so only the first of a kind makes such
 * calls. Memory itself comes page by page at first touch, as zeros, and stays too: a process has what it has used, not what it may
 * use. (Touching all of it beforehand would promise nothing: a system that gives out more than it has ends a process at a touch,
 * early or late. One that does not - strict overcommit, ulimit - refuses the step, and then the message says what to change.) */
#ifndef ESPALIER_WORKSPACE_H
#define ESPALIER_WORKSPACE_H
#include <stddef.h>

#include "espalier/error.h"

typedef struct {
  unsigned char *base; /* owned; pieces never move                  */
  size_t size;         /* bytes of address space in all             */
  size_t usable;       /* of these, from base on                    */
  size_t used;         /* bytes handed out; save and restore freely */
  size_t high;         /* most bytes ever handed out                */
} esp_workspace;

/** Length of a row of n doubles in whole vectors of 8, as the kernels read them. */
static inline int esp_padded(int n)
{
  return (n + 7) / 8 * 8;
}

/** Make an empty workspace. Where address space is limited (ulimit -v) it leaves 256 MiB and half of what is beyond to MPI, HDF5 and
 *  OpenBLAS, and where there is little, seven eighths.
 *  @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_workspace_create(esp_workspace *ws);

/** Free it; a zeroed workspace is fine. */
void esp_workspace_free(esp_workspace *ws);

/** Hand out n doubles, 64-byte aligned, contents undefined (NaN in debug builds).
 *  @return ESP_OK, or ESP_ERR_NOMEM (message: what to change); then nothing is taken. */
esp_err esp_workspace_take(esp_workspace *ws, size_t n, double **out);

/** An array of doubles: where its pointer is, and how many it has (0: it stays NULL). */
typedef struct {
  double **at;
  size_t n;
} esp_piece;

/** Hand out several, one after the other; of what was taken before one failed the caller gets rid at its mark. */
esp_err esp_workspace_take_all(esp_workspace *ws, size_t n_pieces, const esp_piece *pieces);

/** The same, filled with zeros. */
esp_err esp_workspace_take_zeros(esp_workspace *ws, size_t n_pieces, const esp_piece *pieces);

/** The same for ints (contents undefined). */
esp_err esp_workspace_take_int(esp_workspace *ws, size_t n, int **out);

/** The same for bytes (contents undefined). */
esp_err esp_workspace_take_bytes(esp_workspace *ws, size_t n, unsigned char **out);

/** The most memory that this process has had resident so far (VmHWM, what Slurm's --mem-per-cpu has to cover), in MiB, rounded
 *  up; 0 if the system does not say. */
int esp_peak_mib(void);

#endif
