/* tasks/lever_simulation.c - the loop over steps and intervals, and what is counted on the way.
 *
 * An interval is steps of neurons and task, then one update of all synapses: what they are due for needs the reward signal of the whole
 * interval and is gathered from its spikes (spiking.h). Snapshots are taken between intervals. The trap: counters of a segment and waits
 * are state like theta, a new one must go into lever_state.c too. */
#include "espalier/lever.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { APPEARED, DISAPPEARED };

static double interval_ms(const esp_lever_options *o)
{
  return esp_rewiring_steps(&o->synapses, &o->neurons) * o->neurons.dt_ms;
}

static int snapshot_intervals(const esp_lever_options *o)
{
  return (int)nearbyint(o->snapshot_min * 60000 / interval_ms(o));
}

int esp_lever_n_cells(const esp_lever_options *o)
{
  return o->neurons.n_in + o->neurons.n_exc + o->neurons.n_inh;
}

/* ---- making one ---- */

static esp_err take_arrays(esp_lever_network *net, esp_workspace *ws)
{
  const esp_lever_options *o = &net->options;
  const size_t n_in = (size_t)esp_padded(o->neurons.n_in), n_synapses = (size_t)esp_rewiring_capacity(&o->synapses, &o->neurons);
  const esp_piece list[] = {{&net->cue_hazard, n_in}, {&net->background_hazard, n_in}, {&net->cue_hz, n_in},
                            {&net->signal, (size_t)esp_rewiring_steps(&o->synapses, &o->neurons)}};
  ESP_TRY(esp_workspace_take_int(ws, 2 * (size_t)esp_lever_window_steps(&o->task, o->neurons.dt_ms), &net->task.window));
  ESP_TRY(esp_workspace_take_all(ws, sizeof list / sizeof *list, list));
  ESP_TRY(esp_workspace_take_int(ws, n_synapses, &net->last_seen));
  ESP_TRY(esp_workspace_take_int(ws, (size_t)esp_lever_n_cells(o), &net->spikes));
  ESP_TRY(esp_workspace_take_int(ws, (size_t)o->n_wait_bins, &net->waits));
  return esp_workspace_take_int(ws, (size_t)o->n_sampled, &net->sampled);
}

static void set_rates(esp_lever_network *net)
{
  const esp_lever_options *o = &net->options;
  esp_lever_cue(&o->task, &net->key, o->neurons.n_in, net->cue_hz);
  for (int i = 0; i < esp_padded(o->neurons.n_in); i++) {
    const bool real = i < o->neurons.n_in;
    net->cue_hazard[i] = real ? esp_spiking_input_hazard(&o->neurons, net->cue_hz[i]) : 0;
    net->background_hazard[i] = real ? esp_spiking_input_hazard(&o->neurons, o->task.background_hz) : 0;
  }
}

/* Sampled with replacement: a synapse may come twice. */
static void choose_samples(esp_lever_network *net)
{
  const esp_rng_key key = esp_rng_key_for(&net->key, ESP_RNG_SYNAPSE_SAMPLE);
  for (int i = 0; i < net->options.n_sampled; i++)
    net->sampled[i] = (int)(esp_rng_uniform(&key, (uint64_t)i) * net->synapses.n);
}

esp_err esp_lever_take(const esp_lever_options *options, const esp_rng_key *key, esp_workspace *ws, esp_lever_network *net)
{
  assert(options->neurons.n_receiving + 2 * options->task.n_pool <= options->neurons.n_exc && options->task.n_pool > 0);
  assert(snapshot_intervals(options) > 0 && options->n_wait_bins > 0 && options->n_sampled > 0);
  *net = (esp_lever_network){.options = *options, .key = *key};
  const int block_steps = esp_rewiring_steps(&options->synapses, &options->neurons);
  ESP_TRY(esp_spiking_take(&options->neurons, key, block_steps, ws, &net->neurons));
  ESP_TRY(esp_rewiring_take(&options->synapses, key, &net->neurons, ws, &net->synapses));
  ESP_TRY(take_arrays(net, ws));
  set_rates(net);
  choose_samples(net);
  esp_lever_start(net);
  return ESP_OK;
}

void esp_lever_begin_segment(esp_lever_network *net)
{
  memset(net->spikes, 0, (size_t)esp_lever_n_cells(&net->options) * sizeof *net->spikes);
  memset(net->waits, 0, (size_t)net->options.n_wait_bins * sizeof *net->waits);
  net->turnover[APPEARED] = net->turnover[DISAPPEARED] = 0;
  esp_lever_task_clear_scores(&net->task);
  net->segment_start = net->clock;
}

static void see_now(esp_lever_network *net)
{
  for (int s = 0; s < net->synapses.n; s++)
    net->last_seen[s] = esp_rewiring_is_functional(&net->synapses, s) ? net->clock / snapshot_intervals(&net->options) : -1;
}

void esp_lever_start(esp_lever_network *net)
{
  net->clock = 0;
  esp_spiking_rest(&net->neurons);
  esp_rewiring_start(&net->synapses, &net->neurons);
  esp_lever_task_start(&net->options.task, net->options.neurons.dt_ms, &net->task);
  esp_lever_begin_segment(net);
  see_now(net);
}

/* ---- snapshots ---- */

static void count_waits(esp_lever_network *net)
{
  const int now = net->clock / snapshot_intervals(&net->options), longest = net->options.n_wait_bins;
  for (int s = 0; s < net->synapses.n; s++) {
    if (!esp_rewiring_is_functional(&net->synapses, s))
      continue;
    const int wait = now - net->last_seen[s];
    if (net->last_seen[s] >= 0 && wait > 1) /* it was not there at the snapshot before */
      net->waits[(wait < longest ? wait : longest) - 1]++;
    net->last_seen[s] = now;
  }
}

static double completion_s(const esp_lever_network *net)
{
  return net->task.trial.completion_steps * 1e-3 * net->options.neurons.dt_ms;
}

static void add_row(const esp_lever_network *net, esp_lever_series *series)
{
  const int row = series->n, n_sampled = net->options.n_sampled;
  if (row >= series->capacity)
    return;
  series->n++;
  if (series->n_functional)
    series->n_functional[row] = esp_rewiring_n_functional(&net->synapses);
  if (series->n_completed)
    series->n_completed[row] = net->task.trial.n_completed;
  if (series->n_timed_out)
    series->n_timed_out[row] = net->task.trial.n_timed_out;
  if (series->completion_s)
    series->completion_s[row] = completion_s(net);
  for (int i = 0; series->theta && i < n_sampled; i++)
    series->theta[(size_t)row * (size_t)n_sampled + (size_t)i] = net->synapses.theta[net->synapses.place[net->sampled[i]]];
}

/* ---- steps ---- */

static void record_step(const esp_lever_network *net, int m, bool moved, esp_lever_recording *r)
{
  for (int s = net->neurons.first[m]; s < net->neurons.first[m + 1]; s++, r->n_spikes++)
    if (r->n_spikes < r->spike_capacity) {
      r->spike_step[r->n_spikes] = r->n_steps;
      r->spike_cell[r->n_spikes] = net->neurons.spike[s];
    }
  if (moved && r->n_moves < r->move_capacity) {
    r->move_step[r->n_moves] = r->n_steps;
    r->lever[r->n_moves] = net->task.lever;
    r->phase[r->n_moves++] = (uint8_t)net->task.trial.phase;
  }
  r->n_steps++;
}

/* Spikes of step m: all of them into the counts, those of the pools to the lever. */
static void count_spikes(esp_lever_network *net, int m, int *up, int *down)
{
  const int first_up = net->options.neurons.n_in + net->options.neurons.n_receiving, n_pool = net->options.task.n_pool;
  *up = *down = 0;
  for (int s = net->neurons.first[m]; s < net->neurons.first[m + 1]; s++) {
    const int cell = net->neurons.spike[s];
    net->spikes[cell]++;
    *up += cell >= first_up && cell < first_up + n_pool;
    *down += cell >= first_up + n_pool && cell < first_up + 2 * n_pool;
  }
}

static void run_interval(esp_lever_network *net, const esp_lever_segment *segment, esp_lever_recording *recording)
{
  const double dt_ms = net->options.neurons.dt_ms;
  for (int m = 0; m < net->synapses.n_steps; m++) {
    int up, down;
    esp_spiking_step(&net->neurons, esp_lever_cue_is_on(&net->task) ? net->cue_hazard : net->background_hazard);
    count_spikes(net, m, &up, &down);
    const bool moved = esp_lever_task_step(&net->options.task, &net->key, dt_ms, segment->switched, segment->rewarded, up, down, &net->task);
    net->signal[m] = net->task.signal;
    if (recording && recording->n_steps < recording->steps)
      record_step(net, m, moved, recording);
  }
  esp_rewiring_weigh(&net->synapses, net->signal);
  esp_spiking_credit(&net->neurons, net->synapses.lam, net->synapses.kap);
  const esp_rewiring_turnover turnover = esp_rewiring_update(&net->synapses, segment->rule, net->clock, &net->neurons);
  net->turnover[APPEARED] += turnover.appeared;
  net->turnover[DISAPPEARED] += turnover.disappeared;
  net->clock++;
}

/* Whatever goes wrong ends up in theta. */
static bool all_finite(const esp_lever_network *net)
{
  for (int s = 0; s < net->synapses.n; s++)
    if (!isfinite(net->synapses.theta[net->synapses.place[s]]))
      return false;
  return true;
}

esp_err esp_lever_run(esp_lever_network *net, const esp_lever_segment *segment, int32_t intervals, esp_lever_series *series,
                      esp_lever_recording *recording)
{
  ESP_REQUIRE(segment->rule == ESP_RULE_EXACT || !net->synapses.any_consolidated, ESP_ERR_ARG,
              "consolidated synapses follow the exact rule, not rule %d", (int)segment->rule);
  esp_lever_task_resume(&net->options.task, segment->rewarded, &net->task);
  for (int32_t i = 0; i < intervals; i++) {
    run_interval(net, segment, recording);
    if (net->clock % snapshot_intervals(&net->options) != 0)
      continue;
    count_waits(net);
    if (series)
      add_row(net, series);
  }
  return all_finite(net) ? ESP_OK : ESP_ERR_DIVERGED;
}

esp_err esp_lever_drift(esp_lever_network *net, int32_t intervals)
{
  ESP_TRY(esp_rewiring_drift(&net->synapses, net->clock, intervals, &net->neurons));
  net->clock += intervals;
  see_now(net);
  return ESP_OK;
}

void esp_lever_consolidate(esp_lever_network *net)
{
  esp_rewiring_consolidate(&net->synapses);
}

/* ---- scores ---- */

static double mean_rate(const esp_lever_network *net, int first, int n)
{
  const double seconds = (net->clock - net->segment_start) * 1e-3 * interval_ms(&net->options);
  long sum = 0;
  for (int i = first; i < first + n; i++)
    sum += net->spikes[i];
  return (double)sum / (n * seconds);
}

esp_lever_score esp_lever_scores(const esp_lever_network *net)
{
  const esp_spiking_options *neurons = &net->options.neurons;
  const esp_lever_trial *trial = &net->task.trial;
  const double total_s = completion_s(net) + trial->n_timed_out * net->options.task.timeout_s;
  return (esp_lever_score){.n_completed = trial->n_completed,
                              .n_timed_out = trial->n_timed_out,
                              .mean_s = total_s / (trial->n_completed + trial->n_timed_out), /* 0 / 0: no trials */
                              .input_hz = mean_rate(net, 0, neurons->n_in),
                              .exc_hz = mean_rate(net, neurons->n_in, neurons->n_exc),
                              .inh_hz = mean_rate(net, neurons->n_in + neurons->n_exc, neurons->n_inh),
                              .n_functional = esp_rewiring_n_functional(&net->synapses),
                              .n_synapses = net->synapses.n,
                              .appeared = net->turnover[APPEARED],
                              .disappeared = net->turnover[DISAPPEARED]};
}

void esp_lever_mask(const esp_lever_network *net, uint8_t *mask)
{
  memset(mask, 0, (size_t)esp_rewiring_capacity(&net->options.synapses, &net->options.neurons));
  for (int s = 0; s < net->synapses.n; s++)
    mask[s] = esp_rewiring_is_functional(&net->synapses, s);
}
