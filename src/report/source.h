/* report/source.h - one results file as the report sees it: stored numbers as doubles, NaN where there is no network. */
#ifndef ESPALIER_REPORT_SOURCE_H
#define ESPALIER_REPORT_SOURCE_H
#include "espalier/report.h"
#include "lever_numbers.h"

/** What the report reads: fields of a record, or one number of a field. An experiment has some of them. */
typedef enum {
  ESP_M_LOSS,
  ESP_M_LOSS_LAST_CALL,
  ESP_M_N_CALLS,
  ESP_M_SPARSITY,
  ESP_M_UNPROBED_CORRECT,
  ESP_M_PROBED_CORRECT,
  ESP_M_PROBED_CORRECT_PUBLISHED,
  ESP_M_LYAPUNOV_MAX,
  ESP_M_LYAPUNOV_PUBLISHED,
  ESP_M_VALUE_ERROR, /* of the bandit, at evaluation.epsilon ... */
  ESP_M_AGREEMENT,
  ESP_M_REWARD,
  ESP_M_VALUE_ERROR_GREEDY, /* ... and at epsilon 0 */
  ESP_M_AGREEMENT_GREEDY,
  ESP_M_REWARD_GREEDY,
  ESP_M_SEPARATION,
  ESP_M_SEPARATION_CONDITION,
  ESP_M_SEPARATION_N_SINGULAR,
  ESP_M_COMPLETION_TIME, /* of the lever */
  ESP_M_N_COMPLETED,
  ESP_M_N_TIMED_OUT,
  ESP_M_N_FUNCTIONAL,
  ESP_M_EXC_RATE,
  ESP_M_N_NUMBERS, /* those above are single numbers */
  ESP_M_LOSS_CURVE = ESP_M_N_NUMBERS,
  ESP_M_LOSS_CURVE_END,
  ESP_M_PROBE_CORRECT,
  ESP_M_SINGULAR_VALUE,
  ESP_M_WEIGHT_HISTOGRAM,
  ESP_M_CONTRACTION,
  ESP_M_CONTRACTION_PUBLISHED,
  ESP_M_PCA_VARIANCE,
  ESP_M_WAITS,
  ESP_N_MEASURES,
} esp_measure;

enum { ESP_DMS_PRUNED, ESP_DMS_TWIN };         /* sides of all experiments: the sparse one is the first */
enum { ESP_SCRATCH_OLD_CUES, ESP_SCRATCH_NEW_CUES }; /* stages of scratch */

typedef struct esp_source {
  esp_report_input in; /* its copy; what it points to is borrowed */
  const esp_config *config;
  const esp_plan *plan;
  esp_plan of_some; /* the plan with fewer members, where only the first are asked for */
  double *value[ESP_N_MEASURES]; /* [slot, element]; NULL: the experiment does not have it */
  long count[ESP_N_MEASURES];    /* elements                                               */
  esp_lever_numbers lever;       /* of that experiment                                     */
} esp_source;

/** Load all measures that the experiment has. Free whatever this returns. */
esp_err esp_source_load(const esp_report_input *input, esp_source *source);
void esp_source_free(esp_source *source);

const char *esp_measure_name(esp_measure measure);
const char *esp_measure_field(esp_measure measure);  /* the field that it lies in              */
long esp_measure_element(esp_measure measure);       /* of that field; -1: all of it           */
bool esp_measure_is_of(esp_measure measure, esp_experiment_id experiment);
const char *esp_measure_unit(const esp_source *s, esp_measure measure);

/** One stored number; NaN if the cell is not done or the number is not there. */
double esp_source_value(const esp_source *s, esp_measure measure, int member, int arm, int stage, long element);

/** Ladders: the bandit has one for each level of noise on the values, the others have one. The main one has value noise 0.1 (the
 *  paper's), without that new_option.ladder's, without that the first. */
int esp_source_n_levels(const esp_source *s);
int esp_source_main_level(const esp_source *s);
int esp_source_level_of(const esp_source *s, double value_noise); /* -1: there is none */

/** The name of a level as a group: "level_0.01". */
void esp_level_name(const esp_source *s, int level, char name[40]);

/** The arm of the file that is one side of a ladder, and the name of a side: "pruned", "twin"; "pruned_first", "dense". */
int esp_source_arm(int level, int side);
const char *esp_side_name(const esp_source *s, int side);

/** The rungs of the ladder: prune fraction, and the stage in the table. */
int esp_source_n_rungs(const esp_source *s);
double esp_source_fraction(const esp_source *s, int rung);
int esp_rung_stage(int rung);

/** The rung nearest 0.70, which the paper's examples and panels by onset and strength are taken from. */
int esp_source_rung_070(const esp_source *s);

/** The stage that learns new cues, -1: none. */
int esp_source_transfer(const esp_source *s);

/** The bandit's stage that learns a new option, -1: none. */
int esp_source_new_option(const esp_source *s);

/** Index of the first strength above 0. */
int esp_source_first_strength(const esp_source *s);

esp_outcome esp_source_outcome(const esp_source *s, int member, int arm, int stage);

/** "not computed", or the reason of a failure. */
const char *esp_source_why_missing(const esp_source *s, int member, int arm, int stage);

#endif
