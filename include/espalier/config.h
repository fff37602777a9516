/* espalier/config.h - what an experiment is asked to do: one plain struct, const after loading.
 *
 * The schema in src/config/schema.c is the one list of keys: path, type, range, default, unit, sentence. Reading,
 * checking, `--help`, docs/CONFIG.md, the resolved text in the results file and the key-by-key difference all follow from
 * it. Keys are named like the members here: network.n_hid in YAML is config.network.n_hid. */
#ifndef ESPALIER_CONFIG_H
#define ESPALIER_CONFIG_H
#include <stdint.h>

#include "espalier/error.h"
#include "espalier/lever_task.h"
#include "espalier/prune.h"
#include "espalier/rewiring.h"
#include "espalier/rnn.h"
#include "espalier/scg.h"
#include "espalier/spiking.h"

#define ESP_MAX_LIST 64

/* The experiments there are: ID; name, in configs and files and of src/experiment/<name>.c; the task that its networks learn,
 * for which experiments share keys (src/config/schema.c); what it does, after its name. The order is that of reports. */
#define ESP_EXPERIMENTS(X)                                                                  \
  X(DMS, dms, DMS_TASK, "trains and prunes step by step beside an unpruned twin")           \
  X(SCRATCH, scratch, DMS_TASK, "prunes before any training (Fig. S2A)")                    \
  X(BANDIT, bandit, BANDIT_TASK, "learns values from reward (Figs. 6, 7)")                  \
  X(LEVER, lever, LEVER_TASK,                                                               \
    "moves a lever with a spiking network that rewires itself while it learns (Kappel et al. 2018, Fig. 5)")

typedef enum {
#define X(ID, ...) ESP_EXPERIMENT_##ID,
  ESP_EXPERIMENTS(X)
#undef X
  ESP_N_EXPERIMENTS
} esp_experiment_id;

/** "dms", and what it does. Constant text. */
const char *esp_experiment_name(esp_experiment_id experiment);
const char *esp_experiment_sentence(esp_experiment_id experiment);

typedef enum { ESP_NOISE_INDEPENDENT, ESP_NOISE_PAIRED } esp_noise_mode;             /* independent | paired   */
typedef enum { ESP_HESSIAN_DIFFERENCE, ESP_HESSIAN_EXACT } esp_hessian;               /* difference | exact     */
typedef enum { ESP_START_DEPOSITED, ESP_START_FRESH_BLOCK } esp_start_check;         /* deposited | fresh_block */
typedef enum { ESP_VALUE_NOISE_SHARED, ESP_VALUE_NOISE_INDEPENDENT } esp_value_noise; /* shared | independent  */
typedef enum { ESP_NEW_CUES_BOTH, ESP_NEW_CUES_NEW_ONLY } esp_new_cues;              /* both | new_only        */

typedef struct {
  int n;
  double value[ESP_MAX_LIST]; /* strictly increasing */
} esp_number_list;

typedef struct {
  esp_experiment_id experiment;
  uint64_t seed;
  struct {
    int members;                 /* starts of the ensemble                                                          */
    double max_failed_fraction;  /* above this share of failed cells a complete run exits 65       [run-only]       */
    double checkpoint_interval;  /* s; a stage that trains longer saves its state at least this often  [run-only]   */
  } ensemble;
  struct {
    int n_hid;              /* hidden units N                                                       */
    esp_readout readout;    /* rate: y = W_out tanh(a) (published code); latent: y = W_out a (Eq. 3) */
    int input_lag;          /* 0: u(k) drives a(k) (published code); 1: u(k-1) (Eq. 1)               */
    double w_in_sd;         /* start weights: sd of W_in                                             */
    double w_rec_sd;        /* sd of W_rec ...                                                       */
    double w_rec_diagonal;  /* ... plus this times the identity                                      */
    double w_out_sd;        /* sd of W_out                                                           */
  } network;
  struct {
    int trials_per_condition; /* repeats of each condition in a training set (paper 5, code 4) */
    double target_noise_sd;   /* frozen noise on the targets                                   */
    double input_noise_sd;    /* frozen noise on the inputs                                    */
  } task;
  struct {
    esp_scg_variant scg;    /* published | deposited | moller                                             */
    esp_hessian hessian;    /* curvature along the direction: difference of gradients (published) | exact */
    double sigma;           /* finite-difference step of the curvature                                    */
    double lambda;          /* first regularisation                                                       */
    double fallback_step;   /* gradient step after max_failures failures in a row (not in moller)         */
    int max_failures;       /* ... this many                                                              */
    int steps_per_call;     /* SCG steps in a training call; 0: as many as weights                        */
    int max_calls;          /* training calls in an episode                                               */
    int plateau_calls;      /* an episode stuck for this many calls ends; 0: never (published)            */
    int start_episodes;     /* episodes (each with new frozen noise) that train the start                 */
    int window;             /* converged: mean decrease of E over this many accepted steps ...            */
    double min_decrease;    /* ... is below this ...                                                      */
    double loss_factor;     /* ... and E < loss_factor * target_noise_sd^2                                */
    int start_calls;        /* bandit: training calls of a start ...                                      */
    int ladder_calls;       /* ... and of each rung                                                       */
    double low_loss;        /* bandit: converged when E is below this ...                                 */
    double slow_loss;       /* ... or below this and falling by less than min_decrease                    */
    esp_start_check start_check; /* bandit: deposited | fresh_block                                       */
  } training;
  struct {
    esp_number_list fractions;   /* prune fraction of each rung                                    */
    esp_number_list value_noise;   /* bandit: variances of the noise on the learned values, a ladder each */
    esp_prune_criterion criterion; /* magnitude | random                                             */
    esp_prune_ties ties;           /* row_major | column_major: which of equal weights goes first    */
    esp_noise_mode noise;          /* independent | paired: own or same training sets for both arms  */
  } ladder;
  struct {
    int agents;             /* of a training block                                                 */
    int block_calls;        /* a new block at each call whose number is a multiple of this         */
    double beta;            /* inverse temperature of the softmax                                  */
    double learning_rate;   /* of the Q-learner                                                    */
    double epsilon;         /* share of random choices in the first block                          */
    int start_schedule, ladder_schedule; /* calls over which it falls to 0                         */
    esp_value_noise noise;  /* shared | independent                                                */
  } bandit;
  struct {
    double from;            /* the rung that learns a new option; 0: none                          */
    double ladder;          /* ... of the ladder with this value noise                             */
    double value_noise;     /* variance of the noise on the values while it learns                 */
    int calls, members;
  } new_option;
  struct {
    int agents, lyapunov_agents; /* on which finished networks are measured             [analysis] */
    double epsilon;              /* share of random choices in one of two evaluations   [analysis] */
  } evaluation;
  struct {
    double from;           /* the rung that learns new cues; must be one of ladder.fractions; 0: no transfer */
    int calls;             /* training calls, all of them made                                              */
    int members;           /* for the first members only                                                    */
    esp_new_cues new_cues; /* both | new_only                                                               */
  } transfer;
  struct {
    esp_number_list onsets;    /* bins at which a distractor of two bins begins, in the delay  [analysis] */
    esp_number_list strengths; /* of it; 0: none                                               [analysis] */
  } probe;
  struct {
    double prune_fraction; /* removed before any training in arm pruned_first            */
    int calls;             /* training calls on the old and again on the new cues        */
    esp_new_cues new_cues; /* both | new_only                                            */
  } scratch;
  struct {
    double hours;                 /* simulated time of learning                                                  */
    double switch_hour;           /* the pools exchange their roles; from here on there is arm fixed             */
    double segment_min;           /* length of a stage                                                           */
    double unrewarded_hours;      /* time without reward after switch_hour in arm forgetting; 0: no such arm      */
    double unrewarded_step_hours; /* length of a stage of it ...                                                 */
    double unrewarded_trials_min; /* ... at whose end there are trials for so long                                */
    double consolidation_hour;    /* synapses are consolidated in arm consolidated; 0: no such arm                */
    double snapshot_min;          /* between snapshots                                                           */
    int n_wait_bins;              /* of the histogram of waiting times, in snapshots                             */
    int n_sampled;                /* synapses whose theta is kept at each snapshot                               */
    double recording_s;           /* kept of the spikes and the lever at the beginning of each stage             */
    double movement_s;            /* recorded for averages over movements                                        */
    double movement_before_ms, movement_after_ms; /* of a movement's onset                                       */
  } lever;
  esp_lever_task_options trials;
  esp_spiking_options neurons;
  esp_rewiring_options synapses;
} esp_config;

typedef struct {
  esp_config values;
  char *text;     /* the file as it was read, with any --set lines appended as comments; owned, NUL-terminated */
  char *resolved; /* every key that the experiment has with the value in force, as YAML that loads again; owned */
} esp_config_file;

/** Read path and apply n_set overrides "a.b=c". Finds every fault in one pass.
 *  @param[out] problems  on ESP_ERR_CONFIG: heap text, one fault a line, each "file:line:col: what is wrong, what is
 *                        allowed (did you mean ...)"; the caller frees it; NULL otherwise. Overrides are named "--set a.b=c".
 *  @return ESP_OK; ESP_ERR_NO_INPUT if path cannot be read (message set); ESP_ERR_CONFIG; ESP_ERR_NOMEM. */
esp_err esp_config_load(const char *path, int n_set, const char *const *set, esp_config_file *out, char **problems);

/** The same from text that is already in memory (name stands for the file in messages). */
esp_err esp_config_parse(const char *name, const char *text, int n_set, const char *const *set, esp_config_file *out,
                         char **problems);

/** Free what a config file owns; a zeroed one is fine. */
void esp_config_file_free(esp_config_file *file);

/** The keys of its experiment that say what is measured in finished networks: "probe.onsets, probe.strengths". */
void esp_config_analysis_keys(const esp_config *config, char *buffer, size_t size);

typedef enum {
  ESP_DIFFERENCE_OF_RESULTS,  /* all keys but those that say how to run                    */
  ESP_DIFFERENCE_OF_NETWORKS, /* all but those and the ones that say what is measured too  */
} esp_difference;

/** Compare two configs of any experiments key by key.
 *  @param[out] difference  heap text, one "  key: old -> new" a line, "" if there is none; the caller frees it.
 *  @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_config_difference(const esp_config *old_config, const esp_config *new_config, esp_difference of,
                              char **difference);

/** All keys as Markdown tables (docs/CONFIG.md is this text).
 *  @param[out] markdown  heap text; the caller frees it
 *  @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_config_describe(char **markdown);

#endif
