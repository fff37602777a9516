/* experiment/network_stage.h - the stage that experiments with rate networks share: a network, maybe pruned, is trained on frozen
 * sets and measured.
 *
 * A record is the network (weights, mask) and how its training went. The state of a half-trained stage is the record so far
 * and where it was. */
#ifndef ESPALIER_EXPERIMENT_NETWORK_STAGE_H
#define ESPALIER_EXPERIMENT_NETWORK_STAGE_H
#include "espalier/criterion.h"
#include "espalier/experiment.h"
#include "espalier/networks.h"
#include "espalier/tree.h"
#include "espalier/weights.h"

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
  NET_N_TRAINED, /* the measures of the kind of network follow */
};

typedef struct esp_network_task esp_network_task;

/** Which training set of a stage. */
typedef struct {
  int episode;           /* counted from 0                                                     */
  int n_calls;           /* made before it                                                     */
  const double *weights; /* [n_weights] at its beginning; a set may depend on them             */
} esp_set_identity;

/** A trained network that is measured. */
typedef struct {
  const esp_config *config;
  esp_cell cell;
  esp_record *record;
  esp_workspace *ws;
  esp_rnn_shape shape;
  const double *w, *w_rec;
} esp_subject;

/** What the networks of one kind of task have of their own. */
typedef struct esp_network_kind {
  int n_in, n_out;
  bool bias;
  const char *inputs, *outputs; /* what the channels are: for the file */

  /** Make a frozen training set, in arrays from ws. */
  esp_err (*make_set)(const esp_stage_context *context, const esp_network_task *task, const esp_set_identity *which,
                      esp_trials *trials, esp_workspace *ws);
  bool sets_follow_weights; /* make_set looks at the weights */
  const void *plain;        /* details of a task with an ordinary set: what esp_network_seconds_per_cost trains on */

  /** When a call has converged; from ws. */
  esp_err (*criterion)(const esp_config *config, long steps_per_call, esp_workspace *ws, esp_criterion *criterion);

  /** Fields of what is measured in the weights of every kind: histogram (i32) of the recurrent weights, their singular values (f64), and
   *  the number of those that the mask removes but that are not 0 (i32). */
  const esp_weight_bins *bins;
  int histogram, singular_value, n_revived;

  /** Declare the fields behind those of training; fill in the others, each function some of them, in this order (ws is given back for
   *  it). */
  void (*declare_measures)(const esp_config *config, esp_plan *plan);
  esp_err (*measures[5])(const esp_subject *subject); /* NULL: no more */
} esp_network_kind;

/** What one stage does with the network it starts from. */
struct esp_network_task {
  double prune_fraction; /* removed before training; 0: nothing                                     */
  int n_episodes;        /* training sets, one after the other; with block_calls: at most           */
  int max_calls;         /* of each episode; with block_calls of the stage                          */
  int block_calls;       /* a new set at each call whose number is a multiple of this, and the stage ends with the first call
                            that converges (and is accepted); 0: every episode counts its own calls */
  bool until_converged;  /* else all calls are made                                                 */
  double fresh_loss;     /* with block_calls: a converged network is accepted when its loss on a set that it has not seen is
                            below this, otherwise it goes on with a new set; 0: always              */
  const void *details;   /* for the functions of the experiment's kind of networks                  */
};

/** Declare axes and fields; max_calls and n_episodes are the longest that any stage needs. */
void esp_network_declare(const esp_config *config, int max_calls, int n_episodes, esp_plan *plan);

/** Train: from the parent's network, or from random start weights (shared by the arms of a member) without one; then measure. */
esp_err esp_network_stage(const esp_stage_context *context, const esp_network_task *task, esp_record *record,
                          esp_outcome *outcome);

/** Key of the draws of a cell, or with ESP_RNG_SHARED for arm of the cells of all arms; the purpose is to be set. */
esp_rng_key esp_network_key(const esp_config *config, esp_cell cell, uint32_t arm);

/** Measure the trained network in a record (esp_experiment.analyse): what was measured before is forgotten. */
esp_err esp_network_analyse(const esp_config *config, esp_cell cell, esp_record *record, esp_workspace *ws);

/** For a kind's measures that go on: a number that is not finite is an answer (its field stays NaN); anything else that goes wrong is
 *  not. A measure that ends there just returns it. */
esp_err esp_unless_diverged(esp_err err);

/** For a kind's declaration: the axis of the histogram of weights. */
int esp_network_add_weight_bins(const esp_network_kind *kind, esp_plan *plan);

/** Seconds of one training call on this machine, from a few steps of one (esp_experiment.seconds_per_cost). */
esp_err esp_network_seconds_per_cost(const esp_config *config, esp_workspace *ws, double *seconds);

/** Mask count exact for the stage's value in pruned arms and full in others, nested in the parent's, removed weights exactly
 *  0.0, losses and weights finite, curves filled as far as there were calls (esp_experiment.verify). */
esp_err esp_network_verify(const esp_config *config, const esp_plan *plan, esp_cell cell, const esp_record *record,
                           const esp_record *parent);

#endif
