/* experiment/lever_verify.c - what must hold in a finished record of the lever experiment: numbers in their ranges first, then fields that
 * say the same thing twice (rates and spikes, scores and the last snapshot), and last what changed since the parent.
 *
 * Comparisons are written so that NaN fails them. Turnover counts every crossing of 0, so it must explain the change in the number of
 * synapses exactly; not after a drift, whose crossings nobody sees. */
#include <math.h>

#include "lever_record.h"

static esp_err verify_synapses(const esp_config *config, const esp_record *record)
{
  const int n = *esp_record_i32(record, LEVER_N_SYNAPSES), f_theta = ESP_STATE_THETA;
  const int capacity = (int)record->layout->count[f_theta];
  const float *theta = esp_record_f32(record, f_theta), *e = esp_record_f32(record, ESP_STATE_ELIGIBILITY),
              *g = esp_record_f32(record, ESP_STATE_GRADIENT), *prior = esp_record_f32(record, ESP_STATE_PRIOR_MEAN);
  const uint8_t *consolidated = esp_record_u8(record, ESP_STATE_CONSOLIDATED);
  const float least = (float)config->synapses.theta_min, most = (float)config->synapses.theta_max;
  ESP_REQUIRE(n >= 0 && n <= capacity, ESP_ERR_DATA, "n_synapses is %d, not 0 to %d", n, capacity);
  int n_functional = 0;
  for (int i = 0; i < n; i++) {
    ESP_REQUIRE(theta[i] >= least && theta[i] <= most, ESP_ERR_DATA, "theta[%d] is %g, not %g to %g", i, (double)theta[i],
                (double)least, (double)most);
    ESP_REQUIRE(isfinite(e[i]) && isfinite(g[i]) && isfinite(prior[i]), ESP_ERR_DATA,
                "eligibility, gradient or prior_mean of synapse %d is not finite", i);
    ESP_REQUIRE(theta[i] >= 0 || (e[i] == 0 && g[i] == 0), ESP_ERR_DATA,
                "synapse %d is not functional, but its eligibility is %g and its gradient %g, not 0", i, (double)e[i], (double)g[i]);
    ESP_REQUIRE(consolidated[i] <= 1, ESP_ERR_DATA, "consolidated[%d] is %d, not 0 or 1", i, consolidated[i]);
    n_functional += theta[i] >= 0;
  }
  for (int i = n; i < capacity; i++)
    ESP_REQUIRE(isnan(theta[i]) && isnan(e[i]) && isnan(g[i]) && isnan(prior[i]) && !consolidated[i], ESP_ERR_DATA,
                "there is no synapse %d, but it has numbers", i);
  ESP_REQUIRE(n_functional == *esp_record_i32(record, LEVER_N_FUNCTIONAL), ESP_ERR_DATA,
              "n_functional is %d, but %d synapses are functional", *esp_record_i32(record, LEVER_N_FUNCTIONAL), n_functional);
  return ESP_OK;
}

static esp_err verify_rate(const esp_config *config, const esp_record *record, int field, int first, int n, int32_t intervals)
{
  const int32_t *spikes = esp_record_i32(record, ESP_STATE_SPIKES);
  const double rate = *esp_record_f64(record, field), seconds = intervals * 1e-3 * config->synapses.update_ms;
  double sum = 0;
  for (int i = first; i < first + n; i++)
    sum += spikes[i];
  ESP_REQUIRE(fabs(rate - sum / (n * seconds)) <= 1e-9 * rate, ESP_ERR_DATA, "%s is %g Hz, but %g spikes of %d cells in %g s are %g Hz",
              record->layout->field[field].name, rate, sum, n, seconds, sum / (n * seconds));
  return ESP_OK;
}

static esp_err verify_rates(const esp_config *config, const esp_record *record, int32_t intervals)
{
  const esp_spiking_options *n = &config->neurons;
  ESP_TRY(verify_rate(config, record, LEVER_INPUT_RATE, 0, n->n_in, intervals));
  ESP_TRY(verify_rate(config, record, LEVER_EXC_RATE, n->n_in, n->n_exc, intervals));
  return verify_rate(config, record, LEVER_INH_RATE, n->n_in + n->n_exc, n->n_inh, intervals);
}

/* Trials, and what the snapshots have of them: counts only grow, and the last snapshot is at the end of the stage. */
static esp_err verify_counts(const esp_config *config, const esp_record *record, int n_rows)
{
  static const int totals[] = {LEVER_N_COMPLETED, LEVER_N_TIMED_OUT, LEVER_N_FUNCTIONAL},
                   rows[] = {LEVER_SNAPSHOT_COMPLETED, LEVER_SNAPSHOT_TIMED_OUT, LEVER_SNAPSHOT_FUNCTIONAL};
  for (int c = 0; c < 3; c++) {
    const int32_t total = *esp_record_i32(record, totals[c]), *row = esp_record_i32(record, rows[c]);
    const char *name = record->layout->field[rows[c]].name;
    for (int i = 0; i < n_rows; i++)
      ESP_REQUIRE(row[i] >= 0 && (rows[c] == LEVER_SNAPSHOT_FUNCTIONAL || i == 0 || row[i] >= row[i - 1]), ESP_ERR_DATA, "%s[%d] is %d", name,
                  i, row[i]);
    ESP_REQUIRE(row[n_rows - 1] == total, ESP_ERR_DATA, "%s[%d] is %d, but at the end of the stage there are %d", name, n_rows - 1,
                row[n_rows - 1], total);
  }
  const int n_completed = *esp_record_i32(record, LEVER_N_COMPLETED), n_timed_out = *esp_record_i32(record, LEVER_N_TIMED_OUT);
  const double mean = *esp_record_f64(record, LEVER_COMPLETION_TIME);
  const double sum = esp_record_f64(record, LEVER_SNAPSHOT_COMPLETION_TIME)[n_rows - 1] + n_timed_out * config->trials.timeout_s;
  ESP_REQUIRE(n_completed + n_timed_out == 0 ? isnan(mean) : fabs(mean * (n_completed + n_timed_out) - sum) <= 1e-9 * sum, ESP_ERR_DATA,
              "completion_time is %g s, but %d trials took %g s", mean, n_completed + n_timed_out, sum);
  return ESP_OK;
}

static esp_err verify_recording(const esp_config *config, const esp_record *record)
{
  const int32_t n_cells = (int32_t)record->layout->count[ESP_STATE_SPIKES];
  const int32_t *step = esp_record_i32(record, LEVER_SPIKE_STEP), *cell = esp_record_i32(record, LEVER_SPIKE_CELL);
  const int32_t n = *esp_record_i32(record, LEVER_N_SPIKES), room = (int32_t)record->layout->count[LEVER_SPIKE_STEP];
  const int32_t steps = esp_lever_steps(config, 1000 * config->lever.recording_s);
  ESP_REQUIRE(n >= 0, ESP_ERR_DATA, "n_spikes is %d", n);
  for (int32_t i = 0; i < room; i++)
    if (i < n)
      ESP_REQUIRE(step[i] >= (i > 0 ? step[i - 1] : 0) && step[i] < steps && cell[i] >= 0 && cell[i] < n_cells,
                  ESP_ERR_DATA, "spike %d is of cell %d in step %d", i, cell[i], step[i]);
    else
      ESP_REQUIRE(step[i] == -1 && cell[i] == -1, ESP_ERR_DATA, "there are %d spikes, but spike %d is of cell %d in step %d", n, i, cell[i],
                  step[i]);
  return ESP_OK;
}

/* What one record says of another: the connectome of arm fixed, and what came and went. */
static esp_err verify_change(const esp_lever_timetable *t, esp_cell cell, const esp_record *record, const esp_record *parent)
{
  const int f_theta = ESP_STATE_THETA, n = *esp_record_i32(record, LEVER_N_SYNAPSES);
  const float *theta = esp_record_f32(record, f_theta), *before = esp_record_f32(parent, f_theta);
  const int32_t *turnover = esp_record_i32(record, ESP_STATE_TURNOVER);
  ESP_REQUIRE(n == *esp_record_i32(parent, LEVER_N_SYNAPSES), ESP_ERR_DATA, "n_synapses is %d, but %d at the stage before", n,
              *esp_record_i32(parent, LEVER_N_SYNAPSES));
  for (int i = 0; cell.arm == ESP_LEVER_ARM_FIXED && i < n; i++)
    ESP_REQUIRE((theta[i] >= 0) == (before[i] >= 0), ESP_ERR_DATA, "synapse %d %s, but the connectome is fixed", i,
                theta[i] >= 0 ? "appeared" : "disappeared");
  const int was = *esp_record_i32(parent, LEVER_N_FUNCTIONAL), is = *esp_record_i32(record, LEVER_N_FUNCTIONAL);
  ESP_REQUIRE(cell.stage >= t->n_learning || was + turnover[0] - turnover[1] == is, ESP_ERR_DATA,
              "of %d functional synapses %d went and %d came, but there are %d", was, turnover[1], turnover[0], is);
  return ESP_OK;
}

esp_err esp_lever_verify(const esp_config *config, const esp_plan *plan, esp_cell cell, const esp_record *record,
                         const esp_record *parent)
{
  const esp_lever_timetable t = esp_lever_timetable_of(config);
  const double minutes = esp_lever_simulated_min(config, cell.stage);
  const int32_t clock = *esp_record_i32(record, ESP_STATE_CLOCK), start = *esp_record_i32(record, ESP_STATE_SEGMENT_START);
  const int32_t end = esp_lever_intervals(config, 60 * plan->stages[cell.stage].value), intervals = esp_lever_intervals(config, minutes);
  ESP_REQUIRE(clock == end && start == end - intervals, ESP_ERR_DATA, "it goes from update %d to %d, not from %d to %d", start, clock,
              end - intervals, end);
  ESP_TRY(verify_synapses(config, record));
  ESP_TRY(verify_rates(config, record, intervals));
  ESP_TRY(verify_counts(config, record, (int)lround(minutes / config->lever.snapshot_min)));
  ESP_TRY(verify_recording(config, record));
  return parent ? verify_change(&t, cell, record, parent) : ESP_OK;
}
