/* experiment/network_stage.h - the stage that DMS and scratch share: a network, maybe pruned, trained on frozen sets.
 *
 * A record is the network (weights, mask) and how its training went. The state of a half-trained stage is the record so far
 * and where it was. */
#ifndef ESPALIER_EXPERIMENT_NETWORK_STAGE_H
#define ESPALIER_EXPERIMENT_NETWORK_STAGE_H
#include "espalier/dms_task.h"
#include "espalier/experiment.h"

/** Fields of a record, in the order of declaration. */
enum {
  NET_W_IN, /* the three weight matrices lie one behind the other: together they are the vector of weights */
  NET_W_REC,
  NET_W_OUT,
  NET_MASK,
  NET_LOSS,
  NET_LOSS_LAST_CALL,
  NET_N_CALLS,
  NET_SPARSITY,
  NET_LOSS_CURVE,
  NET_LOSS_CURVE_END,
  NET_CALL_END,
  NET_CALL_STEPS,
  NET_EPISODE_LOSS,
  NET_EPISODE_N_CALLS,
  NET_N_TRAINED, /* those of network_measures.h follow */
};

/** Sizes of the network that a config asks for. */
esp_rnn_shape esp_network_shape(const esp_config *config);

/** Declare axes and fields; max_calls and n_episodes are the longest that any stage needs. */
void esp_network_declare(const esp_config *config, int max_calls, int n_episodes, esp_plan *plan);

/** What one stage does with the network it starts from. */
typedef struct {
  double prune_fraction; /* removed before training; 0: nothing                               */
  uint32_t noise_arm;    /* arm in the key of the training set: ESP_RNG_SHARED for paired sets */
  esp_dms_set set;
  int n_episodes, max_calls;
  bool until_converged;  /* else all calls are made                                            */
} esp_network_task;

/** Train: from the parent's network, or from random start weights (shared by the arms of a member) without one. */
esp_err esp_network_stage(const esp_stage_context *context, const esp_network_task *task, esp_record *record,
                          esp_outcome *outcome);

/** Workspace bytes of esp_network_stage for any of the sets up to n_conditions. */
size_t esp_network_workspace_bytes(const esp_config *config, int n_conditions, int max_calls, int n_episodes);

/** Seconds of one training call on this machine, from a few steps of one (see esp_experiment.measure). */
esp_err esp_network_measure(const esp_config *config, double *seconds);

/** Mask count exact for prune_fraction (negative: mask full), nested in the parent's, removed weights exactly 0.0, losses and
 *  weights finite, curves filled as far as there were calls. */
esp_err esp_network_verify(const esp_config *config, double prune_fraction, const esp_record *record,
                           const esp_record *parent);

#endif
