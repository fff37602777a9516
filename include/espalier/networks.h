/* espalier/networks.h - what experiments with rate networks make of a config, for those who let a stored network run again. Pure, local. */
#ifndef ESPALIER_NETWORKS_H
#define ESPALIER_NETWORKS_H
#include "espalier/bandit_task.h"
#include "espalier/config.h"
#include "espalier/plan.h"
#include "espalier/rnn.h"

/** The networks of a config's experiment; not for one without rate networks. */
esp_rnn_shape esp_network_shape(const esp_config *config);

/** A block of the bandit without random choices, noise on the values and the new option. */
esp_bandit_options esp_bandit_options_of(const esp_config *config, int n_agents);

/** Blocks on which finished networks are measured have numbers from here on: 0 and 1 for the scores, with random choices
 *  (evaluation.epsilon) and without, 2 for exponents and separation, 3 for components. */
enum { ESP_BANDIT_EVALUATION_BLOCK = 1 << 21 };

/** Let the network of a cell play such a block. All arms play with the same draws.
 *  @param w       its weights
 *  @param number  see above, from 0
 *  @param ws      the block and its trials stay taken until the caller rewinds it
 *  @return ESP_OK, ESP_ERR_NOMEM, or ESP_ERR_DIVERGED (esp_bandit_play). */
esp_err esp_bandit_evaluate(const esp_config *config, esp_cell cell, const double *w, int n_agents, double epsilon, int number,
                            esp_workspace *ws, esp_bandit_block *block, esp_trials *trials);

#endif
