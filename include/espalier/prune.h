/* espalier/prune.h - which recurrent weights are removed (paper, Methods "Pruning"; Fig. 1G). Pure, local.
 *
 * At a rung with prune fraction f the floor(f N^2 + 1e-9) smallest |w| of ALL N^2 recurrent weights are removed. Weights
 * removed before are exactly 0.0 and sort first, so masks are nested. W_in and W_out are never pruned. */
#ifndef ESPALIER_PRUNE_H
#define ESPALIER_PRUNE_H
#include <stdint.h>

#include "espalier/error.h"
#include "espalier/rng.h"
#include "espalier/workspace.h"

typedef enum { ESP_PRUNE_MAGNITUDE, ESP_PRUNE_RANDOM } esp_prune_criterion;
typedef enum { ESP_TIES_ROW_MAJOR, ESP_TIES_COLUMN_MAJOR } esp_prune_ties;

/** Number of weights that fraction f removes of n_hid^2: floor(f n_hid^2 + 1e-9). */
int esp_prune_count(int n_hid, double fraction);

/** Number of removed entries of a mask [n_hid, n_hid] (1 = kept) over n_hid^2. */
double esp_mask_sparsity(int n_hid, const uint8_t *mask);

/** Remove weights until esp_prune_count of them are gone.
 *  @param     criterion  magnitude: the smallest |w|; random: drawn with key (a control; beyond the paper)
 *  @param     ties       which of equally small weights goes first: by index in row-major or column-major order
 *  @param     key        draws of criterion random; ignored by magnitude
 *  @param[in,out] mask   [post, pre], 1 = kept: entries already 0 stay 0
 *  @param[in,out] w_rec  [post, pre]: removed entries become exactly 0.0
 *  @param     ws         scratch, given back on return
 *  @return ESP_OK; ESP_ERR_ARG if the mask has more entries removed than the fraction asks for; ESP_ERR_NOMEM. */
esp_err esp_mask_prune(int n_hid, double fraction, esp_prune_criterion criterion, esp_prune_ties ties,
                       const esp_rng_key *key, uint8_t *mask, double *w_rec, esp_workspace *ws);

#endif
