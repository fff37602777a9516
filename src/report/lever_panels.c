/* report/lever_panels.c - what series do not show: marks beside means, and three panels of one run, whose records are read again. */
#include "lever_panels.h"

#include <math.h>

#include "espalier/pca.h"

enum { N_HOURS = 3, N_PCS = 3 };
/* A field of the record, by its name in the file. */
#define FIELD(type, name) esp_record_##type(record, esp_source_field(s, name))

static const double caption_hours[N_HOURS] = {0, 22, 46}; /* with the change of the task at 24 */

/* ---- marks ---- */

static void add_change(const esp_source *s, esp_book *book)
{
  esp_book_number(book, "change", "h", "hour at which the pools exchange their roles", s->config->lever.switch_hour);
}

/* Beside the means: what the picture marks. */
static void add_marks(const esp_source *s, esp_book *book)
{
  const esp_lever_timetable t = esp_lever_timetable_of(s->config);
  esp_book_open(book, "K5C");
  add_change(s, book);
  esp_book_open(book, "K5E");
  add_change(s, book);
  esp_book_number(book, "interval", "h", "length of an interval", esp_lever_turnover_hours(s));
  esp_book_open(book, "K5F");
  if (t.n_unrewarded > 0)
    esp_book_number(book, "consolidation", "d", "day on which the synapses are consolidated; NaN: never",
                    t.consolidated_from < 0 ? NAN : s->config->lever.consolidation_hour / 24);
}

/* ---- the run that is shown ---- */

/* The stages from the caption's hours on, counted so that the change is at 24. */
static int stage_from_caption(const esp_source *s, int i)
{
  return esp_lever_stage_from(s, caption_hours[i] * s->config->lever.switch_hour / 24);
}

static double hour_at_begin(const esp_source *s, int stage)
{
  return stage ? esp_lever_hour_at_end(s->config, stage - 1) : 0;
}

int esp_lever_n_learned(const esp_source *s, int member)
{
  int n = 0;
  while (n < esp_lever_timetable_of(s->config).n_learning &&
         esp_source_outcome(s, member, ESP_LEVER_ARM_PLASTIC, n).state == ESP_CELL_DONE)
    n++;
  return n;
}

int esp_lever_shown_run(const esp_source *s)
{
  int best = -1, most = 0;
  for (int member = 0; member < s->plan->n_members; member++)
    if (esp_lever_n_learned(s, member) > most) {
      most = esp_lever_n_learned(s, member);
      best = member;
    }
  return best;
}

/* ---- K5B ---- */

static void add_times(esp_book *book, const char *name, const char *what, int n, const int32_t *step, double dt_ms)
{
  double *time = esp_book_numbers(book, name, "s", what, ESP_SHAPE(n));
  for (int i = 0; time && i < n; i++)
    time[i] = step[i] * dt_ms / 1000;
}

static esp_err add_recording(const esp_source *s, int stage, const esp_record *record, esp_book *book)
{
  const int32_t *spike_step = FIELD(i32, "spike_step"), *spike_cell = FIELD(i32, "spike_cell"), *move_step = FIELD(i32, "move_step");
  const int room = (int)esp_source_count(s, "spike_step"), most_moves = (int)esp_source_count(s, "move_step");
  const int n_spikes = *FIELD(i32, "n_spikes"), n_kept = n_spikes < room ? n_spikes : room;
  const double dt = s->config->neurons.dt_ms;
  int n_moves = 0;
  while (n_moves < most_moves && move_step[n_moves] >= 0)
    n_moves++;
  esp_book_number(book, "hour", "h", "hour at which the recording begins", hour_at_begin(s, stage));
  add_times(book, "spike_time", "time of each spike", n_kept, spike_step, dt);
  esp_book_put_counts(book, "spike_cell", "which cell fired: inputs, E, I, from 0", spike_cell, ESP_SHAPE(n_kept));
  add_times(book, "time", "time of each move of the lever", n_moves, move_step, dt);
  double *lever = esp_book_numbers(book, "lever", "Hz", "position of the lever", ESP_SHAPE(n_moves));
  int32_t *phase = esp_book_counts(book, "phase", "0 pause, 1 cue, down, 2 cue, up, 3 reward", ESP_SHAPE(n_moves));
  ESP_TRY(esp_book_error(book));
  esp_lever_copy(s, record, "lever", 0, (size_t)n_moves, lever);
  for (int i = 0; i < n_moves; i++)
    phase[i] = FIELD(u8, "phase")[i];
  return ESP_OK;
}

static void add_run(int run, esp_book *book)
{
  const int32_t shown = run;
  esp_book_put_counts(book, "run", "the run that is shown", &shown, ESP_SHAPE(1));
}

static esp_err fill_recordings(const esp_source *s, int run, esp_bench *bench, esp_book *book)
{
  static const char *const groups[] = {"early", "late"};
  const int32_t sizes[] = {s->config->neurons.n_in, s->config->neurons.n_receiving, s->config->trials.n_pool,
                           s->config->neurons.n_exc, s->config->neurons.n_inh};
  esp_book_open(book, "K5B");
  add_run(run, book);
  esp_book_put_counts(book, "sizes", "inputs, E with input, neurons of a pool (U follows E with input, then D), all E, I", sizes,
                      ESP_SHAPE(5));
  for (int i = 0; i < 2; i++) {
    const int stage = stage_from_caption(s, i);
    esp_book_open(book, "K5B/%s", groups[i]);
    if (esp_lever_read(s, run, ESP_LEVER_ARM_PLASTIC, stage, &bench->record))
      ESP_TRY(add_recording(s, stage, &bench->record, book));
  }
  return esp_source_error(s);
}

/* ---- K5D ---- */

/* Cells by the time of their highest rate, ties by number. */
static void sort_by_peak(int n, int n_times, const double *rate, int *peak, int32_t *order)
{
  for (int k = 0; k < n; k++, rate += n_times) {
    peak[k] = 0;
    for (int i = 1; i < n_times; i++)
      if (rate[i] > rate[peak[k]])
        peak[k] = i;
  }
  for (int i = 0; i < n; i++) {
    int place = 0;
    for (int k = 0; k < n; k++)
      place += peak[k] < peak[i] || (peak[k] == peak[i] && k < i);
    order[place] = i;
  }
}

static esp_err fill_activity(const esp_source *s, int run, esp_bench *bench, esp_book *book)
{
  const int n_exc = s->config->neurons.n_exc, n_times = esp_lever_movement_length(s->config);
  const size_t n_rates = (size_t)n_exc * (size_t)n_times, n_traced = (size_t)esp_source_count(s, "movement_trace");
  const esp_record *record = &bench->record;
  int *peak;
  esp_book_open(book, "K5D");
  double *x = esp_book_numbers(book, "x", "ms", "time from the onset of the movement", ESP_SHAPE(n_times));
  add_run(run, book);
  double *hour = esp_book_numbers(book, "hour", "h", "hour from which on the movements were made", ESP_SHAPE(N_HOURS));
  double *rate =
      esp_book_numbers(book, "rate", "Hz", "mean rate of the excitatory neurons around movements, smoothed by a Gaussian of 30 ms",
                       ESP_SHAPE(N_HOURS, n_exc, n_times));
  double *lever = esp_book_numbers(book, "lever", "Hz", "mean position of the lever around the onset of movements",
                                   ESP_SHAPE(N_HOURS, n_times));
  double *trace = esp_book_numbers(book, "trace", "Hz", "position of the lever in the first movements",
                                   ESP_SHAPE(N_HOURS, (long)n_traced / n_times, n_times));
  int32_t *order = esp_book_counts(book, "order", "neurons by the time of their highest rate, from 0", ESP_SHAPE(N_HOURS, n_exc));
  int32_t *n_movements =
      esp_book_counts(book, "n_movements", "movements in the mean; 0: none, nothing is sorted", ESP_SHAPE(N_HOURS));
  ESP_TRY(esp_book_error(book));
  for (int i = 0; i < n_times; i++)
    x[i] = i * s->config->trials.step_ms - s->config->lever.movement_before_ms;
  ESP_TRY(esp_workspace_take_int(&bench->ws, (size_t)n_exc, &peak));
  for (int i = 0; i < N_HOURS; i++) {
    const int stage = stage_from_caption(s, i);
    hour[i] = hour_at_begin(s, stage);
    if (!esp_lever_read(s, run, ESP_LEVER_ARM_PLASTIC, stage, &bench->record) || *FIELD(i32, "n_movements") <= 0)
      continue;
    n_movements[i] = *FIELD(i32, "n_movements");
    esp_lever_rates(s, record, rate + (size_t)i * n_rates);
    sort_by_peak(n_exc, n_times, rate + (size_t)i * n_rates, peak, order + i * n_exc);
    esp_lever_copy(s, record, "movement_lever", 0, (size_t)n_times, lever + i * n_times);
    esp_lever_copy(s, record, "movement_trace", 0, n_traced, trace + (size_t)i * n_traced);
  }
  return esp_source_error(s);
}

/* ---- K5I ---- */

/* Mean completion time between a snapshot and the one before. */
static double time_at_snapshot(const esp_source *s, const esp_record *record, int row)
{
  const int32_t *completed = FIELD(i32, "snapshot_completed"), *late = FIELD(i32, "snapshot_timed_out");
  const double *sum = FIELD(f64, "snapshot_completion_time");
  const int n_completed = completed[row] - (row ? completed[row - 1] : 0), n_late = late[row] - (row ? late[row - 1] : 0);
  const double seconds = sum[row] - (row ? sum[row - 1] : 0);
  return n_completed + n_late ? (seconds + n_late * s->config->trials.timeout_s) / (n_completed + n_late) : NAN;
}

static esp_err fill_components(const esp_source *s, int run, esp_bench *bench, esp_book *book)
{
  const int n_stages = esp_lever_n_learned(s, run), n_rows = (int)esp_source_count(s, "snapshot_hour"), n = n_stages * n_rows;
  const size_t n_of_stage = (size_t)esp_source_count(s, "sampled_theta");
  const esp_record *record = &bench->record;
  double *theta;
  esp_book_open(book, "K5I");
  double *hour = esp_book_numbers(book, "x", "h", "simulated hour of the snapshot", ESP_SHAPE(n));
  add_run(run, book);
  add_change(s, book);
  double *score = esp_book_numbers(book, "score", "1", "sampled parameters on PC1-PC3, their mean over snapshots taken off",
                                   ESP_SHAPE(n, N_PCS));
  double *seconds = esp_book_numbers(book, "completion_time", "s", "mean time from cue to completed movement since the snapshot before",
                                     ESP_SHAPE(n));
  double *share = esp_book_numbers(book, "share", "1", "share of the variance that each component explains", ESP_SHAPE(N_PCS));
  ESP_TRY(esp_book_error(book));
  ESP_TRY(esp_workspace_take(&bench->ws, (size_t)n_stages * n_of_stage, &theta));
  for (int stage = 0; stage < n_stages && esp_lever_read(s, run, ESP_LEVER_ARM_PLASTIC, stage, &bench->record); stage++) {
    for (int row = 0; row < n_rows; row++) {
      hour[stage * n_rows + row] = FIELD(f64, "snapshot_hour")[row];
      seconds[stage * n_rows + row] = time_at_snapshot(s, record, row);
    }
    esp_lever_copy(s, record, "sampled_theta", 0, n_of_stage, theta + (size_t)stage * n_of_stage);
  }
  ESP_TRY(esp_source_error(s));
  return esp_pca_scores(n, s->config->lever.n_sampled, theta, N_PCS, score, share);
}

static esp_err fill_one_run(const esp_source *s, int run, esp_bench *bench, esp_book *book)
{
  ESP_TRY(esp_bench_make(s, bench));
  ESP_TRY(fill_recordings(s, run, bench, book));
  ESP_TRY(fill_activity(s, run, bench, book));
  return fill_components(s, run, bench, book);
}

/* ---- all ---- */

esp_err esp_lever_panels_fill(const esp_source *s, const esp_example *example, esp_book *book)
{
  (void)example;
  const int run = esp_lever_shown_run(s);
  esp_bench bench;
  add_marks(s, book);
  if (run < 0)
    return ESP_OK;
  const esp_err err = fill_one_run(s, run, &bench, book);
  esp_bench_free(&bench);
  return err;
}
