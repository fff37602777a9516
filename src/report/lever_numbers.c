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

esp_err esp_lever_read(const esp_source *s, int member, int arm, int stage, esp_record *record, bool *there)
{
  const esp_cell cell = {member, arm, stage};
  *there = stage >= 0 && esp_cell_exists(s->plan, cell) && esp_source_outcome(s, member, arm, stage).state == ESP_CELL_DONE;
  return *there ? esp_results_read_cell(s->in.results, cell, record, NULL) : ESP_OK;
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

void esp_lever_rates(const esp_source *s, const esp_record *record, double *rate, int *peak)
{
  const int n_exc = s->config->neurons.n_exc, n_times = esp_lever_movement_length(s->config);
  const float *all = esp_record_f32(record, esp_source_field(s, "movement_rate"));
  for (int k = 0; k < n_exc; k++) {
    const float *from = all + (size_t)(s->config->neurons.n_in + k) * (size_t)n_times;
    double *to = rate + (size_t)k * (size_t)n_times;
    int largest = 0;
    for (int i = 0; i < n_times; i++) {
      to[i] = smoothed(from, n_times, i, s->config->trials.step_ms);
      if (to[i] > to[largest])
        largest = i;
    }
    if (peak)
      peak[k] = largest;
  }
}

/* ---- what is being counted: a run, and room for it ---- */

typedef struct {
  const esp_source *s;
  esp_lever_numbers *to;
  esp_lever_timetable table;
  int n_potential; /* synapses that there is room for */
  int n_there;     /* of them in this run             */
  esp_bench bench;
  unsigned char *start, *before, *after, *at_change; /* functional synapses; start: at hour 0 */
  double *rate[2]; /* of E around movements */
  float *theta[2];
} counting;

static void take_mask(const counting *c, uint8_t *mask)
{
  const float *theta = esp_record_f32(&c->bench.record, esp_source_field(c->s, "theta"));
  for (int i = 0; i < c->n_potential; i++)
    mask[i] = theta[i] >= 0; /* NaN where there is no synapse */
}

static int n_changes(const counting *c, const uint8_t *before, const uint8_t *after)
{
  int n = 0;
  for (int i = 0; i < c->n_potential; i++)
    n += before[i] != after[i];
  return n;
}

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

static esp_err count_turnover(counting *c, int member, int arm)
{
  const double hours = esp_lever_turnover_hours(c->s);
  bool before = true, after = false;
  memcpy(c->before, c->start, (size_t)c->n_potential);
  for (int k = 0; k < c->to->n_turnover; k++) {
    const int stage = esp_lever_stage_at(c->s, (k + 1) * hours);
    ESP_TRY(esp_lever_read(c->s, member, arm, stage, &c->bench.record, &after));
    if (after)
      take_mask(c, c->after);
    if (before && after) {
      const size_t at = ((size_t)member * ESP_LEVER_TURNOVER_ARMS + (size_t)arm) * (size_t)c->to->n_turnover + (size_t)k;
      const int n = n_changes(c, c->before, c->after);
      c->to->turnover[at] = n;
      c->to->share[at] = (double)n / c->n_there;
    }
    uint8_t *last = c->before;
    c->before = c->after;
    c->after = last;
    before = after;
  }
  return ESP_OK;
}

static esp_err count_fates(counting *c, int member)
{
  bool before, after;
  double *fate = c->to->fate + (size_t)member * ESP_N_FATES;
  ESP_TRY(esp_lever_read(c->s, member, ESP_LEVER_ARM_PLASTIC, c->table.n_before - 1, &c->bench.record, &before));
  if (before)
    take_mask(c, c->at_change);
  ESP_TRY(esp_lever_read(c->s, member, ESP_LEVER_ARM_PLASTIC, c->table.n_learning - 1, &c->bench.record, &after));
  if (!before || !after)
    return ESP_OK;
  take_mask(c, c->after);
  memset(fate, 0, ESP_N_FATES * sizeof *fate);
  for (int i = 0; i < c->n_there; i++)
    fate[c->at_change[i] ? (c->after[i] ? ESP_FATE_STAYS : ESP_FATE_DECAYS) : c->after[i] ? ESP_FATE_EMERGES : ESP_FATE_NEVER]++;
  for (int f = 0; f < ESP_N_FATES; f++)
    fate[f] /= c->n_there;
  return ESP_OK;
}

/* The sampled parameters at the end of a stage, or at the first snapshot. */
static void take_sample(const counting *c, bool first, float *theta)
{
  const size_t n = (size_t)c->s->config->lever.n_sampled;
  const int row = first ? 0 : (int)lround(c->s->config->lever.segment_min / c->s->config->lever.snapshot_min) - 1;
  memcpy(theta, esp_record_f32(&c->bench.record, esp_source_field(c->s, "sampled_theta")) + (size_t)row * n, n * sizeof *theta);
}

static esp_err measure_moves(counting *c, int member)
{
  static const double hours[ESP_N_MOVES + 1] = {0, 12, 24, 36};
  const int n = c->s->config->lever.n_sampled;
  bool before = false, after;
  if (!esp_lever_is_timed(c->s))
    return ESP_OK;
  for (int i = 0; i <= ESP_N_MOVES; i++) {
    ESP_TRY(esp_lever_read(c->s, member, ESP_LEVER_ARM_PLASTIC, i ? esp_lever_stage_at(c->s, hours[i]) : 0, &c->bench.record, &after));
    if (after)
      take_sample(c, i == 0, c->theta[i % 2]);
    if (before && after) {
      double sum = 0;
      for (int k = 0; k < n; k++)
        sum += pow((double)c->theta[0][k] - (double)c->theta[1][k], 2);
      c->to->move[member * ESP_N_MOVES + i - 1] = sqrt(sum / n);
    }
    before = after;
  }
  return ESP_OK;
}

/* ---- rates around movements: what they are like, and when the lever goes up ---- */

/* Rates at the beginning of the stage from an hour on. False: it is not done, or there was no movement. */
static esp_err read_rates(counting *c, int member, double hour, double *rate, bool *there)
{
  ESP_TRY(esp_lever_read(c->s, member, ESP_LEVER_ARM_PLASTIC, esp_lever_stage_from(c->s, hour), &c->bench.record, there));
  *there = *there && *esp_record_i32(&c->bench.record, esp_source_field(c->s, "n_movements")) > 0;
  if (*there)
    esp_lever_rates(c->s, &c->bench.record, rate, NULL);
  return ESP_OK;
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

static esp_err compare_rates(counting *c, int member)
{
  static const double hours[ESP_N_LIKENESSES] = {0, 21};
  bool there, late;
  if (!esp_lever_is_timed(c->s) || esp_lever_timetable_of(c->s->config).n_before <= esp_lever_stage_from(c->s, 22))
    return ESP_OK;
  ESP_TRY(read_rates(c, member, 22, c->rate[1], &late));
  if (late)
    c->to->up_rate[member] = up_less_down(c);
  for (int i = 0; i < ESP_N_LIKENESSES && late; i++) {
    ESP_TRY(read_rates(c, member, hours[i], c->rate[0], &there));
    if (there)
      c->to->likeness[member * ESP_N_LIKENESSES + i] = likeness(c);
  }
  return ESP_OK;
}

/* ---- all ---- */

esp_err esp_lever_numbers_make(int n_runs, int n_turnover, esp_lever_numbers *numbers)
{
  const size_t runs = (size_t)n_runs, turnovers = runs * ESP_LEVER_TURNOVER_ARMS * (size_t)n_turnover;
  const size_t n = 2 * turnovers + runs * (ESP_N_FATES + ESP_N_MOVES + ESP_N_LIKENESSES + 1);
  double *all = malloc((n + 1) * sizeof *all); /* one more: none is no failure */
  ESP_REQUIRE(all, ESP_ERR_NOMEM, "no memory to count synapses of %d runs", n_runs);
  for (size_t i = 0; i < n; i++)
    all[i] = NAN;
  *numbers = (esp_lever_numbers){.n_turnover = n_turnover, .turnover = all, .share = all + turnovers, .fate = all + 2 * turnovers};
  numbers->move = numbers->fate + runs * ESP_N_FATES;
  numbers->likeness = numbers->move + runs * ESP_N_MOVES;
  numbers->up_rate = numbers->likeness + runs * ESP_N_LIKENESSES;
  return ESP_OK;
}

static esp_err take_room(counting *c)
{
  const esp_config *config = c->s->config;
  const size_t n = (size_t)c->n_potential, n_sampled = (size_t)config->lever.n_sampled * sizeof(float),
               n_rates = (size_t)config->neurons.n_exc * (size_t)esp_lever_movement_length(config);
  esp_workspace *ws = &c->bench.ws;
  unsigned char *theta[2];
  ESP_TRY(esp_bench_make(c->s, &c->bench));
  ESP_TRY(esp_workspace_take_bytes(ws, n, &c->start));
  ESP_TRY(esp_workspace_take_bytes(ws, n, &c->before));
  ESP_TRY(esp_workspace_take_bytes(ws, n, &c->after));
  ESP_TRY(esp_workspace_take_bytes(ws, n, &c->at_change));
  for (int i = 0; i < 2; i++) {
    ESP_TRY(esp_workspace_take(ws, n_rates, &c->rate[i]));
    ESP_TRY(esp_workspace_take_bytes(ws, n_sampled, &theta[i]));
    c->theta[i] = (float *)(void *)theta[i];
  }
  return ESP_OK;
}

static esp_err count_run(counting *c, int member)
{
  ESP_TRY(draw_start(c, member));
  for (int arm = 0; arm < ESP_LEVER_TURNOVER_ARMS; arm++)
    ESP_TRY(count_turnover(c, member, arm));
  ESP_TRY(count_fates(c, member));
  ESP_TRY(measure_moves(c, member));
  return compare_rates(c, member);
}

esp_err esp_lever_numbers_load(const esp_source *s, esp_lever_numbers *numbers)
{
  const esp_lever_options options = esp_lever_options_of(s->config);
  const int n_turnover = (int)floor(s->config->lever.hours / esp_lever_turnover_hours(s) + 1e-9);
  counting c = {.s = s, .to = numbers, .table = esp_lever_timetable_of(s->config),
                .n_potential = esp_rewiring_capacity(&options.synapses, &options.neurons)};
  ESP_TRY(esp_lever_numbers_make(s->plan->n_members, n_turnover, numbers));
  esp_err err = take_room(&c);
  for (int member = 0; member < s->plan->n_members && err == ESP_OK; member++)
    err = count_run(&c, member);
  esp_bench_free(&c.bench);
  return err;
}

void esp_lever_numbers_free(esp_lever_numbers *numbers)
{
  free(numbers->turnover); /* and all the others */
  *numbers = (esp_lever_numbers){0};
}
