/* experiment/bandit_networks.h - networks of the two-armed bandit: blocks that they play themselves, and what is measured in every
 * finished one, the numbers behind the paper's Figs. 6 and 7.
 *
 * Measures are a pure function of config, cell and weights, so they can be taken again at any time (espalier analyze). */
#ifndef ESPALIER_EXPERIMENT_BANDIT_NETWORKS_H
#define ESPALIER_EXPERIMENT_BANDIT_NETWORKS_H
#include "network_stage.h"

/** The kind; a task's details are an esp_bandit_training. */
extern const esp_network_kind esp_bandit_networks;

/** How the blocks of a stage are played. */
typedef struct {
  double value_noise; /* variance of the noise on the values that are learned                              */
  int schedule;       /* calls over which the share of random choices falls to 0; 0: it stays as it begins */
  bool new_option;    /* Fig. S4                                                                           */
} esp_bandit_training;

/** Fields of a record behind those of training. */
enum {
  NET_VALUE_ERROR = NET_N_TRAINED,
  NET_AGREEMENT,
  NET_REWARD,
  NET_MEAN_LYAPUNOV,
  NET_MEAN_LYAPUNOV_MAX,
  NET_MEAN_LYAPUNOV_PUBLISHED,
  NET_BANDIT_SINGULAR_VALUE,
  NET_BANDIT_PCA_VARIANCE,
  NET_BANDIT_WEIGHT_HISTOGRAM,
  NET_SEPARATION,
  NET_SEPARATION_CONDITION,
  NET_SEPARATION_N_SINGULAR,
  NET_BANDIT_N_REVIVED,
  NET_BANDIT_N_FIELDS,
};

#endif
