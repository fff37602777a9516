/* espalier/salvage.h - save the cells of a results file that can no longer be opened.
 *
 * All arrays are contiguous and were given their place when the file was made, and files of one config and one program have
 * one layout. So the numbers of a damaged file are read past HDF5, as bytes: where HDF5 still says the array is, else where a
 * new file has it. Nothing is believed because of where it lay. A commit entry has a checksum over itself and its position,
 * and it has the checksum of the cell's numbers, outcome, member, arm and stage; only a cell with both is taken.
 *
 * What the checksums do not hold is the config. If the damaged file still has its text, it is the same; else the caller must
 * find out in another way, say by computing some cells again. */
#ifndef ESPALIER_SALVAGE_H
#define ESPALIER_SALVAGE_H
#include <stdbool.h>

#include "espalier/config.h"
#include "espalier/error.h"
#include "espalier/results.h"

typedef struct {
  long n_saved;     /* cells taken over                                                                   */
  long n_lost;      /* cells of which there is something, but not an entry and numbers that belong together */
  long n_cut_off;   /* cells whose entry is not there: the file is too short                                */
  long n_states;    /* half-trained states taken over; a lost one costs time, not bits                   */
  bool same_config; /* the resolved config is in the damaged file, word for word                           */
} esp_salvage;

/** Take over from the file `damaged` every cell and every half-trained state whose checksums hold, and the table of runs if HDF5
 *  still finds it.
 *  @param fresh   a new, empty file of config, open for writing
 *  @param[out] found  what came of it; no cell at all is not an error
 *  @return ESP_OK; ESP_ERR_NO_INPUT if damaged cannot be opened, ESP_ERR_IO if it cannot be read to its end or fresh cannot be
 *          written, ESP_ERR_NOMEM. The damaged file is only read. */
esp_err esp_salvage_cells(const char *damaged, const esp_config_file *config, esp_results *fresh, esp_salvage *found);

#endif
