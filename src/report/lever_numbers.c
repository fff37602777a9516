/* report/lever_numbers.c - a run at a time, and of it a record at a time: connectomes at two ends of an interval, parameters at hours that
 * lie apart, rates around movements. */
#include "lever_numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "espalier/statistics.h"

enum { SMOOTHING_MS = 30 };

/* ---- stages and records ---- */

static double segment_hours(const esp_source *s)
{
  return s->config->lever.segment_min / 60;
}

double esp_lever_turnover_hours(const esp_source *s)
{
  const double wanted = 2 * s->config->lever.switch_hour / 24;
  return fmax(1, round(wanted / segment_hours(s))) * segment_hours(s);
}

bool esp_lever_is_timed(const esp_source *s)
{
  return s->config->lever.switch_hour == 24;
}

int esp_lever_stage_from(const esp_source *s, double hour)
{
  const int stage = (int)floor(hour / segment_hours(s) + 1e-6), last = esp_lever_timetable_of(s->config).n_learning - 1;
  return stage < last ? stage : last;
}

int esp_lever_stage_at(const esp_source *s, double hour)
{
  const int stage = (int)lround(hour / segment_hours(s)) - 1;
  return stage >= 0 && stage < esp_lever_timetable_of(s->config).n_learning ? stage : -1;
}

bool esp_lever_read(const esp_source *s, int member, int arm, int stage, esp_record *record)
{
  const esp_cell cell = {member, arm, stage};
  if (esp_source_error(s) != ESP_OK || stage < 0 || !esp_cell_exists(s->plan, cell) ||
      esp_source_outcome(s, member, arm, stage).state != ESP_CELL_DONE)
    return false;
  *s->err = esp_results_read_cell(s->in.results, cell, record, NULL);
  return esp_source_error(s) == ESP_OK;
}

void esp_lever_copy(const esp_source *s, const esp_record *record, const char *field, size_t first, size_t n, double *to)
{
  const float *from = esp_record_f32(record, esp_source_field(s, field)) + first;
  for (size_t i = 0; i < n; i++)
    to[i] = (double)from[i];
}

/* ---- rates around movements ---- */

static double smoothed(const float *rate, int n_times, int at, double step_ms)
{
  double sum = 0, whole = 0;
  for (int i = 0; i < n_times; i++) {
    const double z = (i - at) * step_ms / SMOOTHING_MS, weight = exp(-z * z / 2);
    sum += weight * (double)rate[i];
    whole += weight;
  }
  return sum / whole;
}

void esp_lever_rates(const esp_source *s, const esp_record *record, double *rate)
{
  const int n_times = esp_lever_movement_length(s->config);
  const float *all = esp_record_f32(record, esp_source_field(s, "movement_rate"));
  for (int k = 0; k < s->config->neurons.n_exc; k++)
    for (int i = 0; i < n_times; i++)
      rate[(size_t)k * (size_t)n_times + (size_t)i] =
          smoothed(all + (size_t)(s->config->neurons.n_in + k) * (size_t)n_times, n_times, i, s->config->trials.step_ms);
}

/* ---- what is being counted: a run, and room for it ---- */

typedef struct {
  const esp_source *s;
  esp_lever_numbers *to;
  int n_potential; /* synapses that there is room for */
  int n_there;     /* of them in this run             */
  esp_bench bench;
  unsigned char *start, *mask[2]; /* functional synapses; start: at hour 0 */
  double *theta[2], *rate[2];     /* rates of E around movements           */
} counting;

/* The connectome at hour 0 is in no record; it is drawn again, as a run begins. */
static esp_err draw_start(counting *c, int member)
{
  const esp_lever_options options = esp_lever_options_of(c->s->config);
  const esp_rng_key key = {
      .seed = c->s->config->seed, .member = (uint32_t)member, .arm = ESP_RNG_SHARED, .stage = ESP_RNG_SHARED};
  const size_t mark = c->bench.ws.used;
  esp_lever_network net;
  ESP_TRY(esp_lever_take(&options, &key, &c->bench.ws, &net));
  esp_lever_mask(&net, c->start);
  c->n_there = net.synapses.n;
  c->bench.ws.used = mark;
  return ESP_OK;
}

/* The functional synapses at the end of a stage. False: it is not done. */
static bool read_mask(counting *c, int member, int arm, int stage, uint8_t *mask)
{
  if (!esp_lever_read(c->s, member, arm, stage, &c->bench.record))
    return false;
  const float *theta = esp_record_f32(&c->bench.record, esp_source_field(c->s, "theta"));
  for (int i = 0; i < c->n_potential; i++)
    mask[i] = theta[i] >= 0; /* NaN where there is no synapse */
  return true;
}

static void count_turnover(counting *c, int member, int arm)
{
  double *turnover = esp_lever_turnover(c->to, member, arm);
  bool there[2] = {false, true};
  memcpy(c->mask[1], c->start, (size_t)c->n_potential);
  for (int k = 0; k < c->to->n_turnover; k++) {
    const int stage = esp_lever_stage_at(c->s, (k + 1) * esp_lever_turnover_hours(c->s));
    there[k % 2] = read_mask(c, member, arm, stage, c->mask[k % 2]);
    if (!there[0] || !there[1])
      continue;
    turnover[k] = 0;
    for (int i = 0; i < c->n_potential; i++)
      turnover[k] += c->mask[0][i] != c->mask[1][i];
  }
}

static void count_fates(counting *c, int member)
{
  const esp_lever_timetable t = esp_lever_timetable_of(c->s->config);
  double *fate = c->to->of_run[member];
  if (!read_mask(c, member, ESP_LEVER_ARM_PLASTIC, t.n_before - 1, c->mask[0]) ||
      !read_mask(c, member, ESP_LEVER_ARM_PLASTIC, t.n_learning - 1, c->mask[1]))
    return;
  memset(fate, 0, ESP_N_FATES * sizeof *fate);
  for (int i = 0; i < c->n_there; i++)
    fate[c->mask[0][i] ? (c->mask[1][i] ? ESP_FATE_STAYS : ESP_FATE_DECAYS)
                       : (c->mask[1][i] ? ESP_FATE_EMERGES : ESP_FATE_NEVER)]++;
  for (int f = 0; f < ESP_N_FATES; f++)
    fate[f] /= c->n_there;
}

/* The sampled parameters at the end of the stage that ends at an hour, or at the first snapshot. False: it is not done. */
static bool read_sample(counting *c, int member, double hour, double *theta)
{
  const size_t n = (size_t)c->s->config->lever.n_sampled, last = (size_t)esp_source_count(c->s, "snapshot_hour") - 1;
  const int stage = hour > 0 ? esp_lever_stage_at(c->s, hour) : 0;
  if (!esp_lever_read(c->s, member, ESP_LEVER_ARM_PLASTIC, stage, &c->bench.record))
    return false;
  esp_lever_copy(c->s, &c->bench.record, "sampled_theta", hour > 0 ? last * n : 0, n, theta);
  return true;
}

static void measure_moves(counting *c, int member)
{
  static const double hours[] = {0, 12, 24, 36};
  const int n = c->s->config->lever.n_sampled;
  bool there[2] = {false, read_sample(c, member, hours[0], c->theta[1])};
  for (int i = 0; i < 3; i++) {
    double sum = 0;
    there[i % 2] = read_sample(c, member, hours[i + 1], c->theta[i % 2]);
    if (!there[0] || !there[1])
      continue;
    for (int k = 0; k < n; k++)
      sum += pow(c->theta[0][k] - c->theta[1][k], 2);
    c->to->of_run[member][ESP_MOVE_BEFORE + i] = sqrt(sum / n);
  }
}

/* ---- rates around movements: what they are like, and when the lever goes up ---- */

/* Rates at the beginning of the stage from an hour on. False: it is not done, or there was no movement. */
static bool read_rates(counting *c, int member, double hour, double *rate)
{
  esp_record *record = &c->bench.record;
  if (!esp_lever_read(c->s, member, ESP_LEVER_ARM_PLASTIC, esp_lever_stage_from(c->s, hour), record) ||
      *esp_record_i32(record, esp_source_field(c->s, "n_movements")) <= 0)
    return false;
  esp_lever_rates(c->s, record, rate);
  return true;
}

/* Neurons that never fire have no correlation. */
static double likeness(const counting *c)
{
  const int n_times = esp_lever_movement_length(c->s->config);
  double sum = 0;
  int n = 0;
  for (int k = 0; k < c->s->config->neurons.n_exc; k++) {
    const double r = esp_correlate(n_times, c->rate[0] + (size_t)k * (size_t)n_times, c->rate[1] + (size_t)k * (size_t)n_times).r;
    if (!isnan(r)) {
      sum += r;
      n++;
    }
  }
  return n ? sum / n : NAN;
}

/* From its onset the lever of the record goes down until it is lowest and then up until it is highest. */
static double up_less_down(const counting *c)
{
  const esp_config *config = c->s->config;
  const int n_times = esp_lever_movement_length(config), n_other = config->neurons.n_exc - 2 * config->trials.n_pool,
            onset = (int)lround(config->lever.movement_before_ms / config->trials.step_ms);
  const float *lever = esp_record_f32(&c->bench.record, esp_source_field(c->s, "movement_lever"));
  int lowest = onset;
  for (int i = onset; i < n_times; i++)
    if (lever[i] < lever[lowest])
      lowest = i;
  int highest = lowest;
  for (int i = lowest; i < n_times; i++)
    if (lever[i] > lever[highest])
      highest = i;
  double up = 0, down = 0;
  for (int other = 0; other < n_other; other++) {
    const int k = other < config->neurons.n_receiving ? other : other + 2 * config->trials.n_pool; /* the pools lie between */
    for (int i = onset; i < highest; i++)
      *(i < lowest ? &down : &up) += c->rate[1][(size_t)k * (size_t)n_times + (size_t)i];
  }
  return lowest > onset && highest > lowest ? (up / (highest - lowest) - down / (lowest - onset)) / n_other : NAN;
}

static void compare_rates(counting *c, int member)
{
  double *of_run = c->to->of_run[member];
  if (esp_lever_timetable_of(c->s->config).n_before <= esp_lever_stage_from(c->s, 22) || !read_rates(c, member, 22, c->rate[1]))
    return;
  of_run[ESP_UP_RATE] = up_less_down(c);
  if (read_rates(c, member, 0, c->rate[0]))
    of_run[ESP_LIKE_THE_START] = likeness(c);
  if (read_rates(c, member, 21, c->rate[0]))
    of_run[ESP_LIKE_AN_HOUR_BEFORE] = likeness(c);
}

/* ---- all ---- */

esp_lever_numbers *esp_lever_numbers_make(int n_runs, int n_turnover)
{
  const size_t n_of_turnover = (size_t)n_runs * ESP_LEVER_TURNOVER_ARMS * (size_t)n_turnover;
  const size_t n = n_of_turnover + (size_t)n_runs * ESP_N_OF_RUN;
  esp_lever_numbers *numbers = malloc(sizeof *numbers + n * sizeof *numbers->value);
  if (!numbers) {
    esp_fail(ESP_ERR_NOMEM, "no memory to count synapses of %d runs", n_runs);
    return NULL;
  }
  for (size_t i = 0; i < n; i++)
    numbers->value[i] = NAN;
  numbers->n_turnover = n_turnover;
  numbers->of_run = (double(*)[ESP_N_OF_RUN])(numbers->value + n_of_turnover);
  return numbers;
}

double *esp_lever_turnover(esp_lever_numbers *numbers, int member, int arm)
{
  return numbers->value + (member * ESP_LEVER_TURNOVER_ARMS + arm) * numbers->n_turnover;
}

static esp_err take_room(counting *c)
{
  const esp_config *config = c->s->config;
  const size_t n = (size_t)c->n_potential, n_sampled = (size_t)config->lever.n_sampled,
               n_rates = (size_t)config->neurons.n_exc * (size_t)esp_lever_movement_length(config);
  esp_workspace *ws = &c->bench.ws;
  ESP_TRY(esp_bench_make(c->s, &c->bench));
  ESP_TRY(esp_workspace_take_bytes(ws, n, &c->start));
  for (int i = 0; i < 2; i++) {
    ESP_TRY(esp_workspace_take_bytes(ws, n, &c->mask[i]));
    ESP_TRY(esp_workspace_take(ws, n_sampled, &c->theta[i]));
    ESP_TRY(esp_workspace_take(ws, n_rates, &c->rate[i]));
  }
  return ESP_OK;
}

static esp_err count_run(counting *c, int member)
{
  ESP_TRY(draw_start(c, member));
  for (int arm = 0; arm < ESP_LEVER_TURNOVER_ARMS; arm++)
    count_turnover(c, member, arm);
  count_fates(c, member);
  if (esp_lever_is_timed(c->s)) {
    if (c->to->n_turnover > 0)
      c->to->of_run[member][ESP_FIRST_SHARE] = *esp_lever_turnover(c->to, member, ESP_LEVER_ARM_PLASTIC) / c->n_there;
    measure_moves(c, member);
    compare_rates(c, member);
  }
  return esp_source_error(c->s);
}

esp_err esp_lever_count(esp_source *s)
{
  const esp_lever_options options = esp_lever_options_of(s->config);
  const int n_turnover = (int)floor(s->config->lever.hours / esp_lever_turnover_hours(s) + 1e-9);
  counting c = {.s = s, .to = esp_lever_numbers_make(s->plan->n_members, n_turnover),
                .n_potential = esp_rewiring_capacity(&options.synapses, &options.neurons)};
  if (!c.to)
    return ESP_ERR_NOMEM;
  s->counted = c.to;
  esp_err err = take_room(&c);
  for (int member = 0; member < s->plan->n_members && err == ESP_OK; member++)
    err = count_run(&c, member);
  esp_bench_free(&c.bench);
  return err;
}
