/* experiment/network_measures.h - what is measured in every finished network: the numbers behind the paper's Figs. 2-5.
 *
 * Measures are a pure function of config, cell and weights, so they can be taken again at any time (espalier analyze). */
#ifndef ESPALIER_EXPERIMENT_NETWORK_MEASURES_H
#define ESPALIER_EXPERIMENT_NETWORK_MEASURES_H
#include "espalier/experiment.h"
#include "network_stage.h"

/** Fields of a record behind those of training. */
enum {
  NET_PROBE_RESPONSE = NET_N_TRAINED,
  NET_PROBE_CORRECT,
  NET_PROBE_CORRECT_PUBLISHED,
  NET_PROBE_PREMATURE,
  NET_UNPROBED_CORRECT,
  NET_PROBED_CORRECT,
  NET_PROBED_CORRECT_PUBLISHED,
  NET_LYAPUNOV,
  NET_LYAPUNOV_MAX,
  NET_LYAPUNOV_PUBLISHED,
  NET_SINGULAR_VALUE,
  NET_PCA_VARIANCE,
  NET_WEIGHT_HISTOGRAM,
  NET_CONTRACTION,
  NET_CONTRACTION_PUBLISHED,
  NET_N_REVIVED,
  NET_N_FIELDS,
};

/** Declare their axes and fields. */
void esp_network_declare_measures(const esp_config *config, esp_plan *plan);

/** Measure the network in a record whose fields of training are filled. What is not finite stays NaN.
 *  @return ESP_OK, ESP_ERR_NOMEM, ESP_ERR_INTERNAL. */
esp_err esp_network_analyse(const esp_config *config, esp_cell cell, esp_record *record, esp_workspace *ws);

/** Scratch bytes of that. */
size_t esp_network_analyse_workspace_bytes(const esp_config *config);

#endif
