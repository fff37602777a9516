/* report/lever_panels.c */
#include "lever_panels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../analysis/lapack.h"
#include "../experiment/lever_record.h"
#include "espalier/kernel.h"
#include "lever_means.h"

enum { N_HOURS = 3, N_PCS = 3 };
static const double caption_hours[N_HOURS] = {0, 22, 46}; /* with the change of the task at 24 */

/* ---- single numbers of a panel ---- */

static esp_err add_x(const char *panel, const char *unit, const char *what, int n, double **x, esp_book *book)
{
  const esp_entry entry = {.panel = panel, .name = "x", .unit = unit, .long_name = what, .n_axes = 1, .length = {n}};
  return esp_book_numbers(book, &entry, x);
}

static esp_err add_one(const char *panel, const char *name, const char *unit, const char *what, double value, esp_book *book)
{
  double *number_;
  const esp_entry entry = {.panel = panel, .name = name, .unit = unit, .long_name = what};
  ESP_TRY(esp_book_numbers(book, &entry, &number_));
  *number_ = value;
  return ESP_OK;
}

static esp_err add_change(const esp_source *s, const char *panel, esp_book *book)
{
  return add_one(panel, "change", "h", "hour at which the pools exchange their roles", s->config->lever.switch_hour, book);
}

/* Beside the means: what the picture marks. */
static esp_err add_marks(const esp_source *s, esp_book *book)
{
  ESP_TRY(add_change(s, "K5C", book));
  ESP_TRY(add_change(s, "K5E", book));
  ESP_TRY(add_one("K5E", "interval", "h", "length of an interval", esp_lever_turnover_hours(s), book));
  if (!esp_lever_panel_is_there("K5F", s))
    return ESP_OK;
  return add_one("K5F", "consolidation", "d", "day on which the synapses are consolidated; NaN: never",
                 esp_lever_timetable_of(s->config).consolidated_from < 0 ? NAN : s->config->lever.consolidation_hour / 24, book);
}

/* ---- one run: K5B, K5D, K5I ---- */

/* The stages from the caption's hours on, counted so that the change is at 24. */
static int stage_from_caption(const esp_source *s, int i)
{
  return esp_lever_stage_from(s, caption_hours[i] * s->config->lever.switch_hour / 24);
}

static double hour_at_begin(const esp_source *s, int stage)
{
  return stage ? esp_lever_hour_at_end(s->config, stage - 1) : 0;
}

static bool is_done(const esp_source *s, int member, int stage)
{
  return esp_source_outcome(s, member, LEVER_ARM_PLASTIC, stage).state == ESP_CELL_DONE;
}

/* Stages of learning of a run that are done, one after the other. */
static int n_learned(const esp_source *s, int member)
{
  int n = 0;
  while (n < esp_lever_timetable_of(s->config).n_learning && is_done(s, member, n))
    n++;
  return n;
}

/* The run that is shown: the first that got farthest. -1: none has begun. */
static int shown_run(const esp_source *s)
{
  int best = -1, most = 0;
  for (int member = 0; member < s->plan->n_members; member++)
    if (n_learned(s, member) > most) {
      most = n_learned(s, member);
      best = member;
    }
  return best;
}

static bool is_of_one_run(const char *panel)
{
  return strcmp(panel, "K5B") == 0 || strcmp(panel, "K5D") == 0 || strcmp(panel, "K5I") == 0;
}

bool esp_lever_panel_is_there(const char *panel, const esp_source *s)
{
  if (strcmp(panel, "K5F") == 0)
    return esp_lever_timetable_of(s->config).n_unrewarded > 0;
  return !is_of_one_run(panel) || shown_run(s) >= 0;
}

void esp_lever_runs_in_words(const char *panel, const esp_source *s, char *words, size_t size)
{
  int n_unfinished = 0;
  for (int member = 0; member < s->plan->n_members; member++)
    n_unfinished += n_learned(s, member) < esp_lever_timetable_of(s->config).n_learning;
  if (is_of_one_run(panel))
    snprintf(words, size, " Run %d.", shown_run(s));
  else if (n_unfinished > 0)
    snprintf(words, size, " Mean and SEM over runs, of which %d of %d are unfinished.", n_unfinished, s->plan->n_members);
  else
    snprintf(words, size, " Mean and SEM over runs.");
}

static esp_err add_counts(const char *panel, const char *group, const char *name, const char *what, int n, const int32_t *from,
                          esp_book *book)
{
  int32_t *to;
  const esp_entry entry = {.panel = panel, .arm = group, .name = name, .unit = "1", .long_name = what, .n_axes = 1, .length = {n}};
  ESP_TRY(esp_book_counts(book, &entry, &to));
  memcpy(to, from, (size_t)n * sizeof *to);
  return ESP_OK;
}

static esp_err add_times(const char *group, const char *name, const char *what, int n, const int32_t *step, double dt_ms,
                         esp_book *book)
{
  double *to;
  const esp_entry entry = {.panel = "K5B", .arm = group, .name = name, .unit = "s", .long_name = what, .n_axes = 1, .length = {n}};
  ESP_TRY(esp_book_numbers(book, &entry, &to));
  for (int i = 0; i < n; i++)
    to[i] = step[i] * dt_ms / 1000;
  return ESP_OK;
}

static esp_err add_recording(const esp_source *s, const char *group, int stage, const esp_record *record, esp_book *book)
{
  const int room = (int)record->layout->count[LEVER_SPIKE_STEP], most_moves = (int)record->layout->count[LEVER_MOVE_STEP];
  const int n_spikes = *esp_record_i32(record, LEVER_N_SPIKES), n_kept = n_spikes < room ? n_spikes : room;
  const double dt = s->config->neurons.dt_ms;
  int n_moves = 0;
  while (n_moves < most_moves && esp_record_i32(record, LEVER_MOVE_STEP)[n_moves] >= 0)
    n_moves++;
  int32_t *phase;
  double *lever, *hour;
  const esp_entry hours = {.panel = "K5B", .arm = group, .name = "hour", .unit = "h", .long_name = "hour at which the recording begins"},
                  levers = {.panel = "K5B", .arm = group, .name = "lever", .unit = "Hz", .long_name = "position of the lever",
                            .n_axes = 1, .length = {n_moves}},
                  phases = {.panel = "K5B", .arm = group, .name = "phase", .unit = "1", .n_axes = 1, .length = {n_moves},
                            .long_name = "0 pause, 1 cue, down, 2 cue, up, 3 reward"};
  ESP_TRY(esp_book_numbers(book, &hours, &hour));
  *hour = hour_at_begin(s, stage);
  ESP_TRY(add_times(group, "spike_time", "time of each spike", n_kept, esp_record_i32(record, LEVER_SPIKE_STEP), dt, book));
  ESP_TRY(add_counts("K5B", group, "spike_cell", "which cell fired: inputs, E, I, from 0", n_kept,
                     esp_record_i32(record, LEVER_SPIKE_CELL), book));
  ESP_TRY(add_times(group, "time", "time of each move of the lever", n_moves, esp_record_i32(record, LEVER_MOVE_STEP), dt, book));
  ESP_TRY(esp_book_numbers(book, &levers, &lever));
  ESP_TRY(esp_book_counts(book, &phases, &phase));
  for (int i = 0; i < n_moves; i++) {
    lever[i] = (double)esp_record_f32(record, LEVER_POSITION)[i];
    phase[i] = esp_record_u8(record, LEVER_PHASE)[i];
  }
  return ESP_OK;
}

static esp_err fill_recordings(const esp_source *s, int run, esp_record *record, esp_book *book)
{
  static const char *const groups[] = {"early", "late"};
  const int32_t sizes[] = {s->config->neurons.n_in, s->config->neurons.n_receiving, s->config->trials.n_pool,
                           s->config->neurons.n_exc, s->config->neurons.n_inh}, of_run = run;
  bool there;
  ESP_TRY(add_counts("K5B", NULL, "run", "the run that is shown", 1, &of_run, book));
  ESP_TRY(add_counts("K5B", NULL, "sizes", "inputs, E with input, neurons of a pool (U follows E with input, then D), all E, I", 5, sizes,
                     book));
  for (int i = 0; i < 2; i++) {
    const int stage = stage_from_caption(s, i);
    ESP_TRY(esp_lever_read(s, run, LEVER_ARM_PLASTIC, stage, record, &there));
    if (there)
      ESP_TRY(add_recording(s, groups[i], stage, record, book));
  }
  return ESP_OK;
}

/* Cells by the time of their peak, ties by number. */
static void sort_by_peak(int n, const int *peak, int32_t *order)
{
  for (int i = 0; i < n; i++) {
    int place = 0;
    for (int k = 0; k < n; k++)
      place += peak[k] < peak[i] || (peak[k] == peak[i] && k < i);
    order[place] = i;
  }
}

typedef struct {
  double *hour, *rate, *lever, *trace;
  int32_t *order, *n_movements;
} activity;

static esp_err add_activity(const esp_source *s, activity *a, esp_book *book)
{
  const long n_exc = s->config->neurons.n_exc, n_times = esp_lever_movement_length(s->config);
  const esp_entry hours = {.panel = "K5D", .name = "hour", .unit = "h", .n_axes = 1, .length = {N_HOURS},
                           .long_name = "hour from which on the movements were made"},
                  rates = {.panel = "K5D", .name = "rate", .unit = "Hz", .n_axes = 3, .length = {N_HOURS, n_exc, n_times},
                           .long_name = "mean rate of the excitatory neurons around movements, smoothed by a Gaussian of 30 ms"},
                  levers = {.panel = "K5D", .name = "lever", .unit = "Hz", .n_axes = 2, .length = {N_HOURS, n_times},
                            .long_name = "mean position of the lever around the onset of movements"},
                  traces = {.panel = "K5D", .name = "trace", .unit = "Hz", .n_axes = 3, .length = {N_HOURS, LEVER_MAX_TRACES, n_times},
                            .long_name = "position of the lever in the first movements"},
                  orders = {.panel = "K5D", .name = "order", .unit = "1", .n_axes = 2, .length = {N_HOURS, n_exc},
                            .long_name = "neurons by the time of their highest rate, from 0"},
                  counts = {.panel = "K5D", .name = "n_movements", .unit = "1", .n_axes = 1, .length = {N_HOURS},
                            .long_name = "movements in the mean; 0: none, nothing is sorted"};
  ESP_TRY(esp_book_numbers(book, &hours, &a->hour));
  ESP_TRY(esp_book_numbers(book, &rates, &a->rate));
  ESP_TRY(esp_book_numbers(book, &levers, &a->lever));
  ESP_TRY(esp_book_numbers(book, &traces, &a->trace));
  ESP_TRY(esp_book_counts(book, &orders, &a->order));
  return esp_book_counts(book, &counts, &a->n_movements);
}

static esp_err fill_activity(const esp_source *s, int run, esp_record *record, esp_book *book)
{
  const int n_exc = s->config->neurons.n_exc, n_times = esp_lever_movement_length(s->config);
  const int32_t of_run = run;
  activity a;
  double *x;
  bool there;
  ESP_TRY(add_x("K5D", "ms", "time from the onset of the movement", n_times, &x, book));
  for (int i = 0; i < n_times; i++)
    x[i] = i * s->config->trials.step_ms - s->config->lever.movement_before_ms;
  ESP_TRY(add_counts("K5D", NULL, "run", "the run that is shown", 1, &of_run, book));
  ESP_TRY(add_activity(s, &a, book));
  int *peak = malloc((size_t)n_exc * sizeof *peak);
  ESP_REQUIRE(peak, ESP_ERR_NOMEM, "no memory for panel K5D");
  esp_err err = ESP_OK;
  for (int i = 0; i < N_HOURS && err == ESP_OK; i++) {
    const int stage = stage_from_caption(s, i);
    a.hour[i] = hour_at_begin(s, stage);
    err = esp_lever_read(s, run, LEVER_ARM_PLASTIC, stage, record, &there);
    if (err != ESP_OK || !there || *esp_record_i32(record, LEVER_N_MOVEMENTS) <= 0)
      continue;
    a.n_movements[i] = *esp_record_i32(record, LEVER_N_MOVEMENTS);
    esp_lever_rates(s, record, a.rate + (size_t)i * (size_t)n_exc * (size_t)n_times, peak);
    sort_by_peak(n_exc, peak, a.order + (size_t)i * (size_t)n_exc);
    for (int k = 0; k < n_times; k++)
      a.lever[i * n_times + k] = (double)esp_record_f32(record, LEVER_MOVEMENT_LEVER)[k];
    for (int k = 0; k < LEVER_MAX_TRACES * n_times; k++)
      a.trace[i * LEVER_MAX_TRACES * n_times + k] = (double)esp_record_f32(record, LEVER_MOVEMENT_TRACE)[k];
  }
  free(peak);
  return err;
}

/* ---- K5I ---- */

/* Snapshots of a stage of learning. */
static int n_snapshots(const esp_source *s)
{
  return (int)lround(s->config->lever.segment_min / s->config->lever.snapshot_min);
}

/* Mean completion time between a snapshot and the one before. */
static double time_at_snapshot(const esp_source *s, const esp_record *record, int row)
{
  const int32_t *completed = esp_record_i32(record, LEVER_SNAPSHOT_COMPLETED), *late = esp_record_i32(record, LEVER_SNAPSHOT_TIMED_OUT);
  const double *sum = esp_record_f64(record, LEVER_SNAPSHOT_COMPLETION_TIME);
  const int n_completed = completed[row] - (row ? completed[row - 1] : 0), n_late = late[row] - (row ? late[row - 1] : 0);
  const double seconds = sum[row] - (row ? sum[row - 1] : 0);
  return n_completed + n_late ? (seconds + n_late * s->config->trials.timeout_s) / (n_completed + n_late) : NAN;
}

/* Take the mean over snapshots off each parameter. */
static void centre(int n, int n_sampled, double *theta)
{
  for (int k = 0; k < n_sampled; k++) {
    double mean = 0;
    for (int i = 0; i < n; i++)
      mean += theta[(size_t)i * (size_t)n_sampled + (size_t)k] / n;
    for (int i = 0; i < n; i++)
      theta[(size_t)i * (size_t)n_sampled + (size_t)k] -= mean;
  }
}

/* There are fewer snapshots than parameters: scores are the eigenvectors of the snapshots' products, times sqrt(eigenvalue). A sign
 * means nothing; the score that is largest in size is made positive. */
static esp_err project(int n, int n_sampled, const double *theta, double *score, double *share)
{
  const int n_work = 8 * n + 8;
  int info = 0;
  double whole = 0;
  double *product = malloc(((size_t)n * (size_t)n + (size_t)n + (size_t)n_work) * sizeof *product);
  ESP_REQUIRE(product, ESP_ERR_NOMEM, "no memory for panel K5I");
  double *value = product + (size_t)n * (size_t)n;
  for (int i = 0; i < n; i++)
    for (int j = 0; j <= i; j++) {
      double sum = 0;
      for (int k = 0; k < n_sampled; k++)
        sum += theta[(size_t)i * (size_t)n_sampled + (size_t)k] * theta[(size_t)j * (size_t)n_sampled + (size_t)k];
      product[(size_t)i * (size_t)n + (size_t)j] = product[(size_t)j * (size_t)n + (size_t)i] = sum;
    }
  for (int i = 0; i < n; i++)
    whole += product[(size_t)i * (size_t)n + (size_t)i];
  dsyev_("V", "L", &n, product, &n, value, value + n, &n_work, &info, 1, 1);
  for (int pc = 0; pc < N_PCS && pc < n && info == 0 && whole > 0; pc++) {
    const double *vector = product + (size_t)(n - 1 - pc) * (size_t)n, lambda = fmax(value[n - 1 - pc], 0);
    int largest = 0;
    for (int i = 0; i < n; i++)
      if (fabs(vector[i]) > fabs(vector[largest]))
        largest = i;
    share[pc] = lambda / whole;
    for (int i = 0; i < n; i++)
      score[i * N_PCS + pc] = vector[i] * sqrt(lambda) * (vector[largest] < 0 ? -1 : 1);
  }
  free(product);
  ESP_REQUIRE(info == 0, ESP_ERR_INTERNAL, "the eigenvalues of panel K5I were not found (dsyev: %d)", info);
  return ESP_OK;
}

static esp_err read_snapshots(const esp_source *s, int run, int n_stages, esp_record *record, double *hour, double *seconds,
                              double *theta)
{
  const int n_sampled = s->config->lever.n_sampled, n = n_snapshots(s);
  bool there;
  for (int stage = 0; stage < n_stages; stage++) {
    ESP_TRY(esp_lever_read(s, run, LEVER_ARM_PLASTIC, stage, record, &there));
    for (int row = 0; row < n; row++) {
      hour[stage * n + row] = esp_record_f64(record, LEVER_SNAPSHOT_HOUR)[row];
      seconds[stage * n + row] = time_at_snapshot(s, record, row);
    }
    for (size_t i = 0; i < (size_t)n * (size_t)n_sampled; i++)
      theta[(size_t)stage * (size_t)n * (size_t)n_sampled + i] = (double)esp_record_f32(record, LEVER_SAMPLED_THETA)[i];
  }
  return ESP_OK;
}

static esp_err fill_components(const esp_source *s, int run, esp_record *record, esp_book *book)
{
  int n_stages = 0;
  while (n_stages < esp_lever_timetable_of(s->config).n_learning && is_done(s, run, n_stages))
    n_stages++;
  const int n = n_stages * n_snapshots(s), n_sampled = s->config->lever.n_sampled;
  const int32_t of_run = run;
  const esp_entry scores = {.panel = "K5I", .name = "score", .unit = "1", .n_axes = 2, .length = {n, N_PCS},
                            .long_name = "sampled parameters on PC1-PC3, their mean over snapshots taken off"},
                  times = {.panel = "K5I", .name = "completion_time", .unit = "s", .n_axes = 1, .length = {n},
                           .long_name = "mean time from cue to completed movement since the snapshot before"},
                  shares = {.panel = "K5I", .name = "share", .unit = "1", .n_axes = 1, .length = {N_PCS},
                            .long_name = "share of the variance that each component explains"};
  double *hour, *score, *seconds, *share;
  ESP_TRY(add_x("K5I", "h", "simulated hour of the snapshot", n, &hour, book));
  ESP_TRY(add_counts("K5I", NULL, "run", "the run that is shown", 1, &of_run, book));
  ESP_TRY(add_change(s, "K5I", book));
  ESP_TRY(esp_book_numbers(book, &scores, &score));
  ESP_TRY(esp_book_numbers(book, &times, &seconds));
  ESP_TRY(esp_book_numbers(book, &shares, &share));
  double *theta = malloc((size_t)n * (size_t)n_sampled * sizeof *theta);
  ESP_REQUIRE(theta, ESP_ERR_NOMEM, "no memory for panel K5I");
  esp_err err = read_snapshots(s, run, n_stages, record, hour, seconds, theta);
  if (err == ESP_OK) {
    esp_one_thread();
    centre(n, n_sampled, theta);
    err = project(n, n_sampled, theta, score, share);
  }
  free(theta);
  return err;
}

static esp_err fill_one_run(const esp_source *s, int run, esp_book *book)
{
  esp_record record = {&s->plan->record, malloc(s->plan->record.bytes)};
  ESP_REQUIRE(record.data, ESP_ERR_NOMEM, "no memory for a record of %zu bytes", s->plan->record.bytes);
  esp_err err = fill_recordings(s, run, &record, book);
  if (err == ESP_OK)
    err = fill_activity(s, run, &record, book);
  if (err == ESP_OK)
    err = fill_components(s, run, &record, book);
  free(record.data);
  return err;
}

/* ---- all ---- */

esp_err esp_lever_panels_fill(const esp_source *s, esp_book *book)
{
  const int run = shown_run(s);
  for (const esp_lever_means *means = esp_all_lever_means; means->panel; means++)
    if (esp_lever_panel_is_there(means->panel, s))
      ESP_TRY(esp_lever_means_fill(means, s, book));
  ESP_TRY(add_marks(s, book));
  return run < 0 ? ESP_OK : fill_one_run(s, run, book);
}
