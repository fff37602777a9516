/* analysis/movements.c - a movement is found at its end (a move in phase REWARD after one in UP) and followed back to its onset; then its
 * spikes and moves are added to sums, which are divided at last. */
#include "espalier/movements.h"

#include <math.h>
#include <string.h>

/* The move at which movement number `completed` (a move in phase REWARD after one in UP) began. */
static int onset_of(const esp_lever_recording *r, double threshold_hz, int completed)
{
  int crossed = completed - 1; /* the first move of phase UP: the lever was below -threshold */
  while (crossed > 0 && r->phase[crossed - 1] == ESP_LEVER_UP)
    crossed--;
  int onset = crossed;
  while (onset > 0 && r->phase[onset - 1] == ESP_LEVER_DOWN && r->lever[onset - 1] < -0.05 * threshold_hz)
    onset--;
  return onset;
}

static void add_spikes(const esp_lever_recording *r, int32_t from, int n_bins, int bin_steps, double *rate)
{
  const int32_t n = r->n_spikes < r->spike_capacity ? r->n_spikes : r->spike_capacity;
  for (int32_t s = 0; s < n; s++) {
    const int32_t step = r->spike_step[s] - from;
    if (step >= 0 && step < n_bins * bin_steps)
      rate[r->spike_cell[s] * n_bins + step / bin_steps] += 1;
  }
}

static void scale(double *values, int n, double factor)
{
  for (int i = 0; i < n; i++)
    values[i] *= factor;
}

int esp_movements_average(const esp_lever_options *o, const esp_lever_recording *r, int before, int after, int bin_steps,
                          double *rate, double *lever, int max_traces, double *trace)
{
  const int move_steps = (int)nearbyint(o->task.step_ms / o->neurons.dt_ms);
  const int n_bins = (before + after) / bin_steps, n_moves = (before + after) / move_steps, moves_before = before / move_steps;
  int n = 0;
  memset(rate, 0, (size_t)esp_lever_n_cells(o) * (size_t)n_bins * sizeof *rate);
  memset(lever, 0, (size_t)n_moves * sizeof *lever);
  for (int i = 0; trace && i < max_traces * n_moves; i++)
    trace[i] = NAN;
  for (int move = 1; move < r->n_moves; move++) {
    if (r->phase[move] != ESP_LEVER_REWARD || r->phase[move - 1] != ESP_LEVER_UP)
      continue;
    const int onset = onset_of(r, o->task.threshold_hz, move), first = onset - moves_before;
    const int32_t from = r->move_step[onset] - before;
    if (first < 0 || first + n_moves > r->n_moves || from < 0 || from + before + after > r->n_steps)
      continue;
    add_spikes(r, from, n_bins, bin_steps, rate);
    for (int i = 0; i < n_moves; i++) {
      lever[i] += r->lever[first + i];
      if (trace && n < max_traces)
        trace[n * n_moves + i] = r->lever[first + i];
    }
    n++;
  }
  const double per_movement = n > 0 ? 1.0 / n : NAN;
  scale(rate, esp_lever_n_cells(o) * n_bins, per_movement / (bin_steps * 1e-3 * o->neurons.dt_ms));
  scale(lever, n_moves, per_movement);
  return n;
}
