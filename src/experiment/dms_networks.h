/* experiment/dms_networks.h - networks of the delayed-match-to-sample task: their training sets, and what is measured in every
 * finished one, the numbers behind the paper's Figs. 2-5.
 *
 * Measures are a pure function of config, cell and weights, so they can be taken again at any time (espalier analyze). */
#ifndef ESPALIER_EXPERIMENT_DMS_NETWORKS_H
#define ESPALIER_EXPERIMENT_DMS_NETWORKS_H
#include "espalier/dms_task.h"
#include "network_stage.h"

/** The kind; a task's details are an esp_dms_training. */
extern const esp_network_kind esp_dms_networks;

typedef struct {
  uint32_t noise_arm; /* arm in the key of the training set: ESP_RNG_SHARED for paired sets */
  esp_dms_set set;
} esp_dms_training;

/** The set of a stage that learns these new cues. */
esp_dms_set esp_dms_set_of(esp_new_cues cues);

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

#endif
