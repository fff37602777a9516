/* espalier/experiment.h - the interface that every experiment fills: one declaration and one function.
 *
 * To add one: declare its arms, stages and fields and write the stage function in a new src/experiment/NAME.c, which ends with
 * esp_experiment_NAME, and add a line to ESP_EXPERIMENTS in config.h. Coordinator, file, resume, status and verify need nothing
 * else (docs/DESIGN.md, "A new experiment"). */
#ifndef ESPALIER_EXPERIMENT_H
#define ESPALIER_EXPERIMENT_H
#include "espalier/config.h"
#include "espalier/error.h"
#include "espalier/plan.h"
#include "espalier/workspace.h"

/** What surrounds a stage while it runs: how to learn that it should stop and where to leave a half-trained state. */
typedef struct {
  bool (*stop)(void *context); /* asked often; cheap; NULL: never                                                 */
  /* Called at every training-call boundary with the state so far (borrowed during the call); the host saves it when
   * it wants to. NULL: nothing is kept. */
  esp_err (*checkpoint)(void *context, const esp_record *resume);
  void *context;
} esp_stage_host;

typedef struct {
  const esp_config *config;
  const esp_plan *plan;
  esp_cell cell;
  const esp_record *parent;         /* NULL: none                                                                 */
  const esp_record *resume;         /* state to go on from, NULL: begin at the beginning; equal bits either way    */
  const esp_stage_host *host;
  esp_workspace *ws;                /* scratch, given back on return                                               */
} esp_stage_context;

typedef struct esp_experiment {
  const struct esp_network_kind *networks; /* of those with rate networks (src/experiment/network_stage.h); NULL: others */

  /** Fill a zeroed plan from the config: arms, stages, axes, record and resume fields. */
  esp_err (*declare)(const esp_config *config, esp_plan *plan);

  /** Measure the seconds that one unit of expected cost (esp_stage.expected_cost) takes on this machine: a fraction of a
   *  second of work whose results are thrown away. ws is the call's own. */
  esp_err (*seconds_per_cost)(const esp_config *config, esp_workspace *ws, double *seconds);

  /** Compute one cell: a pure function of config, cell and parent. A network that diverges is an outcome, not an error.
   *  @param[out] record   cleared by the caller
   *  @param[out] outcome  state, stop reason, evaluations
   *  @return ESP_OK, ESP_ERR_STOPPED if host->stop said so (the last checkpoint holds the state), ESP_ERR_NOMEM, or what
   *          host->checkpoint returned. */
  esp_err (*stage)(const esp_stage_context *context, esp_record *record, esp_outcome *outcome);

  /** Measure the network in a finished record again: everything that the config's analysis keys shape (see schema), and nothing
   *  else changes. A pure function of config, cell and the rest of the record. NULL: nothing can be measured again.
   *  @return ESP_OK, ESP_ERR_NOMEM, ESP_ERR_INTERNAL. */
  esp_err (*analyse)(const esp_config *config, esp_cell cell, esp_record *record, esp_workspace *ws);

  /** Check what must hold in a record that is done, beside its parent's (NULL: none): mask counts, nesting, exact zeros,
   *  finite losses.
   *  @return ESP_OK, or ESP_ERR_DATA with the message set. */
  esp_err (*verify)(const esp_config *config, const esp_plan *plan, esp_cell cell, const esp_record *record,
                    const esp_record *parent);
} esp_experiment;

/** The experiment that a config asks for; never NULL. */
const esp_experiment *esp_experiment_of(const esp_config *config);

/** Make the plan of a config. Free with esp_plan_free.
 *  @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_plan_create(const esp_config *config, esp_plan *plan);

/** Seconds of one unit of expected cost on this machine. ESP_OK, ESP_ERR_NOMEM, or an error of the work. */
esp_err esp_seconds_per_cost(const esp_config *config, double *seconds);

/** Compute one cell with the rules common to all experiments: copies of the parent, children of failed parents, NaN
 *  records of failures; otherwise the experiment's stage function. record is cleared first. Errors as stage(). */
esp_err esp_stage_run(const esp_stage_context *context, const esp_outcome *parent_outcome, esp_record *record,
                      esp_outcome *outcome);

#endif
