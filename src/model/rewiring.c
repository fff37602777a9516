/* model/rewiring.c - where synapses lie, so that an update is one loop over memory, and what happens to single ones.
 *
 * Pairs are sorted by how many synapses they have, most first, and cut into groups of 32; a group has as many slots of 32 places as its
 * first pair has synapses. Only where the number changes within a group are there empty places, 1 % of all.
 *
 * A slot without functional synapses costs an update a third of one with them (spiking_kernels.c). So pairs with as many synapses
 * are sorted by how many of these are functional at the start, and the synapses of a pair by their theta at the start: those that are
 * functional lie together then, and for as long as theta remembers its beginning, which is days. */
#include "espalier/rewiring.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "spiking_kernels.h"

enum { GROUP = ESP_SYNAPSE_GROUP, LANES = 8 };
static const double nothing = -1e30; /* theta of an empty place: one step up from here still ends at theta_min */

int esp_rewiring_steps(const esp_rewiring_options *o, const esp_spiking_options *neurons)
{
  return (int)nearbyint(o->update_ms / neurons->dt_ms);
}

/* ---- memory ---- */

static int n_pairs_at_most(const esp_spiking_options *neurons)
{
  return neurons->n_in * neurons->n_receiving + neurons->n_exc * (neurons->n_exc - 1);
}

int esp_rewiring_capacity(const esp_rewiring_options *o, const esp_spiking_options *neurons)
{
  const double trials = (double)n_pairs_at_most(neurons) * o->n_repeats, mean = trials * o->p_potential;
  return (int)fmin(trials, ceil(mean + 8 * sqrt(mean * (1 - o->p_potential)))) + 1;
}

typedef struct {
  size_t synapses, pairs, groups, places, empty, steps;
} sizes;

static sizes sizes_of(const esp_rewiring_options *o, const esp_spiking_options *neurons)
{
  const size_t n = (size_t)esp_rewiring_capacity(o, neurons), pairs = (size_t)n_pairs_at_most(neurons);
  const size_t empty = (size_t)o->n_repeats * (GROUP - 1); /* the last group of each slot may be partly filled */
  return (sizes){.synapses = n,
                 .pairs = pairs,
                 .groups = (pairs + GROUP - 1) / GROUP,
                 .places = (n + empty + GROUP - 1) / GROUP * GROUP,
                 .empty = empty,
                 .steps = (size_t)esp_rewiring_steps(o, neurons)};
}

static esp_err take_arrays(esp_rewiring *s, const sizes *z, esp_workspace *ws)
{
  const esp_piece doubles[] = {{&s->theta, z->places},    {&s->e, z->places},        {&s->g, z->places},
                               {&s->w, z->places},        {&s->own_mean, z->places}, {&s->own_rate, z->places},
                               {&s->lam, z->steps},       {&s->kap, z->steps},       {&s->kept_g, z->steps}};
  const struct {
    int **array;
    size_t n;
  } ints[] = {{&s->pre, z->synapses}, {&s->post, z->synapses}, {&s->place, z->synapses}, {&s->n_slots, z->groups},
              {&s->cell, z->groups * GROUP}, {&s->returns, z->places}, {&s->empty, z->empty}};
  const struct {
    unsigned char **array;
    size_t n;
  } bytes[] = {{&s->functional, z->places / LANES + sizeof(uint64_t)}, {&s->before, z->places / LANES + sizeof(uint64_t)},
               {&s->consolidated, z->places}};
  ESP_TRY(esp_workspace_take_all(ws, sizeof doubles / sizeof *doubles, doubles));
  for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
    ESP_TRY(esp_workspace_take_int(ws, ints[i].n, ints[i].array));
  for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
    ESP_TRY(esp_workspace_take_bytes(ws, bytes[i].n, bytes[i].array));
    memset(*bytes[i].array, 0, bytes[i].n); /* bits past the last place are compared, too */
  }
  return ESP_OK;
}

/* ---- which synapses there are, and where ---- */

static bool is_pair(const esp_spiking *net, int pre, int post)
{
  return pre < net->options.n_in ? post < net->options.n_receiving : pre - net->options.n_in != post;
}

static int cell_of(const esp_spiking *net, int pre, int post)
{
  const int n_in = net->options.n_in;
  return pre < n_in ? pre * net->ld_in + post : n_in * net->ld_in + (pre - n_in) * net->ld + post;
}

/* Number the synapses; how_many of each pair, pairs in the same order. */
static esp_err draw_synapses(esp_rewiring *s, const esp_spiking *net, int capacity, int *how_many)
{
  const esp_rewiring_options *o = &s->options;
  const esp_rng_key key = esp_rng_key_for(&s->key, ESP_RNG_CONNECTIONS);
  uint64_t pair = 0;
  for (int pre = 0; pre < net->n_pre; pre++)
    for (int post = 0; post < net->options.n_exc; post++) {
      if (!is_pair(net, pre, post))
        continue;
      how_many[pair] = 0;
      for (int copy = 0; copy < o->n_repeats; copy++) {
        if (esp_rng_uniform(&key, pair * (uint64_t)o->n_repeats + (uint64_t)copy) >= o->p_potential)
          continue;
        ESP_REQUIRE(s->n < capacity, ESP_ERR_INTERNAL, "more than %d synapses were drawn, 8 standard deviations above the mean",
                    capacity);
        s->pre[s->n] = pre;
        s->post[s->n++] = post;
        how_many[pair]++;
      }
      pair++;
    }
  return ESP_OK;
}

static double clipped(const esp_rewiring *s, double theta)
{
  return fmax(s->options.theta_min, fmin(s->options.theta_max, theta));
}

static double start_theta(const esp_rewiring *s, int synapse)
{
  const esp_rng_key key = esp_rng_key_for(&s->key, ESP_RNG_START_PARAMETERS);
  return clipped(s, s->options.start_mean + s->options.start_sd * esp_rng_normal(&key, (uint64_t)synapse));
}

/* functional[p]: how many synapses of a pair are functional at the start. */
static void count_functional(int n_pairs, const int *how_many, const double *start, int *functional)
{
  for (int p = 0; p < n_pairs; p++) {
    functional[p] = 0;
    for (int copy = 0; copy < how_many[p]; copy++)
      functional[p] += *start++ >= 0;
  }
}

/* Rank of each pair when sorted by how many synapses it has, most first, then by how many are functional, otherwise in order. */
static int rank_pairs(int n_pairs, int n_repeats, const int *how_many, const int *functional, int *rank)
{
  int next = 0;
  for (int many = n_repeats; many > 0; many--)
    for (int most = many; most >= 0; most--)
      for (int p = 0; p < n_pairs; p++)
        if (how_many[p] == many && functional[p] == most)
          rank[p] = next++;
  return next;
}

/* The place of a synapse among those of its pair when sorted by theta at the start, highest first. */
static int slot_of(const double *start, int first, int how_many, int synapse)
{
  int slot = 0;
  for (int i = first; i < first + how_many; i++)
    slot += start[i] > start[synapse] || (start[i] == start[synapse] && i < synapse);
  return slot;
}

/* Synapses of a pair follow each other, so its rank and group are found while going through them. */
static void place_synapses(esp_rewiring *s, const esp_spiking *net, int n_pairs, const int *how_many, const int *rank, const double *start,
                           int *group_start)
{
  for (int p = 0; p < n_pairs; p++)
    if (how_many[p] > 0 && rank[p] % GROUP == 0)
      s->n_slots[rank[p] / GROUP] = how_many[p];
  s->n_places = 0;
  for (int group = 0; group < s->n_groups; group++) {
    group_start[group] = s->n_places;
    s->n_places += GROUP * s->n_slots[group];
  }
  for (int i = 0; i < s->n_groups * GROUP; i++)
    s->cell[i] = net->n_cells - 1;
  for (int p = 0, first = 0; p < n_pairs; first += how_many[p++])
    for (int i = first; i < first + how_many[p]; i++) {
      s->cell[rank[p]] = cell_of(net, s->pre[i], s->post[i]);
      s->place[i] = group_start[rank[p] / GROUP] + GROUP * slot_of(start, first, how_many[p], i) + rank[p] % GROUP;
    }
}

static void list_empty_places(esp_rewiring *s)
{
  memset(s->consolidated, 0, (size_t)s->n_places); /* for a moment: occupied */
  for (int i = 0; i < s->n; i++)
    s->consolidated[s->place[i]] = 1;
  s->n_empty = 0;
  for (int place = 0; place < s->n_places; place++)
    if (!s->consolidated[place])
      s->empty[s->n_empty++] = place;
  memset(s->consolidated, 0, (size_t)s->n_places);
}

static void set_factors(esp_rewiring *s)
{
  const esp_rewiring_options *o = &s->options;
  for (int m = 0; m < s->n_steps; m++) {
    s->lam[m] = exp(-(s->n_steps - 1 - m) * s->dt_s / o->tau_e_s);
    s->kept_g[m] = exp(-(s->n_steps - 1 - m) * s->dt_s / o->tau_g_s);
  }
}

esp_err esp_rewiring_take(const esp_rewiring_options *options, const esp_rng_key *key, const esp_spiking *net, esp_workspace *ws,
                          esp_rewiring *s)
{
  const esp_spiking_options *neurons = &net->options;
  const sizes z = sizes_of(options, neurons);
  assert(options->n_repeats > 0 && z.steps > 0 && (int)z.steps <= net->block_steps);
  assert(options->p_potential >= 0 && options->p_potential <= 1 && options->theta_min < 0); /* empty places stay empty */
  *s = (esp_rewiring){.options = *options, .neurons = *neurons, .key = *key, .n_steps = (int)z.steps, .dt_s = 1e-3 * neurons->dt_ms};
  ESP_TRY(take_arrays(s, &z, ws));
  const size_t mark = ws->used;
  int *how_many, *functional, *rank;
  ESP_TRY(esp_workspace_take_int(ws, z.pairs, &how_many));
  ESP_TRY(esp_workspace_take_int(ws, z.pairs, &functional));
  ESP_TRY(esp_workspace_take_int(ws, z.pairs, &rank));
  ESP_TRY(draw_synapses(s, net, (int)z.synapses, how_many));
  for (int i = 0; i < s->n; i++)
    s->theta[i] = start_theta(s, i); /* by synapse, and below group_start by group: places have their values later */
  count_functional((int)z.pairs, how_many, s->theta, functional);
  const int occupied = rank_pairs((int)z.pairs, options->n_repeats, how_many, functional, rank);
  s->n_groups = (occupied + GROUP - 1) / GROUP;
  place_synapses(s, net, (int)z.pairs, how_many, rank, s->theta, s->returns);
  list_empty_places(s);
  set_factors(s);
  ws->used = mark;
  return ESP_OK;
}

/* ---- state ---- */

static esp_synapses synapses_of(esp_rewiring *s, const esp_spiking *net)
{
  return (esp_synapses){.n_groups = s->n_groups,
                        .n_slots = s->n_slots,
                        .cell = s->cell,
                        .theta = s->theta,
                        .e = s->e,
                        .g = s->g,
                        .w = s->w,
                        .pair_w = net->w,
                        .functional = s->functional,
                        .offset = s->options.theta0};
}

static double interval_s(const esp_rewiring *s)
{
  return s->n_steps * s->dt_s;
}

static double prior_rate(const esp_rewiring *s, double sd)
{
  return s->options.learning_rate * interval_s(s) / (sd * sd);
}

static void empty_places(esp_rewiring *s)
{
  for (int i = 0; i < s->n_empty; i++)
    s->theta[s->empty[i]] = nothing;
}

static void clear(esp_rewiring *s)
{
  for (int place = 0; place < s->n_places; place++) {
    s->e[place] = s->g[place] = 0;
    s->own_mean[place] = s->options.prior_mean;
    s->own_rate[place] = prior_rate(s, s->options.prior_sd);
    s->returns[place] = -1;
  }
  memset(s->consolidated, 0, (size_t)s->n_places);
  s->any_consolidated = s->waits = false;
  s->next_return = 0;
  empty_places(s);
}

static void set_weights(esp_rewiring *s, esp_spiking *net)
{
  const esp_synapses synapses = synapses_of(s, net);
  esp_spiking_kernel_in_use()->weights(&synapses);
}

void esp_rewiring_start(esp_rewiring *s, esp_spiking *net)
{
  clear(s);
  for (int i = 0; i < s->n; i++)
    s->theta[s->place[i]] = start_theta(s, i);
  set_weights(s, net);
}

static void consolidate_at(esp_rewiring *s, int place, double mean)
{
  s->consolidated[place] = 1;
  s->own_mean[place] = mean;
  s->own_rate[place] = prior_rate(s, s->options.consolidated_sd);
  s->any_consolidated = true;
}

void esp_rewiring_load(esp_rewiring *s, const esp_synapse_state *state, esp_spiking *net)
{
  clear(s);
  for (int i = 0; i < s->n; i++) {
    const int place = s->place[i];
    s->theta[place] = state[i].theta;
    s->e[place] = state[i].e;
    s->g[place] = state[i].g;
    s->returns[place] = state[i].returns;
    if (state[i].consolidated)
      consolidate_at(s, place, state[i].prior_mean);
  }
  set_weights(s, net);
}

void esp_rewiring_save(const esp_rewiring *s, esp_synapse_state *state)
{
  for (int i = 0; i < s->n; i++) {
    const int place = s->place[i];
    state[i] = (esp_synapse_state){.theta = s->theta[place],
                                   .e = s->e[place],
                                   .g = s->g[place],
                                   .prior_mean = s->consolidated[place] ? s->own_mean[place] : 0,
                                   .returns = s->returns[place],
                                   .consolidated = s->consolidated[place]};
  }
}

/* ---- updates ---- */

void esp_rewiring_weigh(esp_rewiring *s, const double *reward)
{
  const double keep = exp(-s->dt_s / s->options.tau_e_s);
  double kap = 0;
  for (int m = s->n_steps - 1; m >= 0; m--)
    s->kap[m] = kap = s->kept_g[m] * reward[m] + keep * kap;
  s->a = keep * kap;
}

static esp_synapse_step step_of(const esp_rewiring *s, esp_rewiring_rule rule, int32_t interval, const esp_spiking *net)
{
  const esp_rewiring_options *o = &s->options;
  const double step = o->learning_rate * interval_s(s);
  const esp_rng_key key = esp_rng_key_for(&s->key, ESP_RNG_SYNAPSE_NOISE);
  const uint64_t bits = esp_rng_bits(&key, 0);
  return (esp_synapse_step){.pair_e = net->pair_e,
                            .pair_g = net->pair_g,
                            .keep_e = exp(-interval_s(s) / o->tau_e_s),
                            .keep_g = exp(-interval_s(s) / o->tau_g_s),
                            .e_to_g = s->a,
                            .clip = o->gradient_clip / o->gradient_gain,
                            .step = step * o->gradient_gain,
                            .prior_mean = o->prior_mean,
                            .prior_rate = prior_rate(s, o->prior_sd),
                            .noise = sqrt(2 * o->temperature * step),
                            .own_mean = s->any_consolidated ? s->own_mean : NULL,
                            .own_rate = s->any_consolidated ? s->own_rate : NULL,
                            .low = o->theta_min,
                            .high = o->theta_max,
                            .below = rule == ESP_RULE_EXACT     ? ESP_BELOW_DIFFUSES
                                     : rule == ESP_RULE_WAITING ? ESP_BELOW_WAITS
                                                                : ESP_FLOOR,
                            .key = {(uint32_t)bits, (uint32_t)(bits >> 32)},
                            .time = (uint32_t)interval};
}

/* ---- waiting ---- */

/* The draw of a synapse that begins to wait after interval - 1. */
static void begin_to_wait(esp_rewiring *s, int place, int32_t interval)
{
  const esp_rng_key key = esp_rng_key_for(&s->key, ESP_RNG_WAITING_TIME);
  const double u = esp_rng_uniform(&key, (uint64_t)place << 32 | (uint32_t)interval);
  const double intervals = ceil(-log(u) * s->options.waiting_h * 3600 / interval_s(s));
  s->returns[place] = (int)fmin(interval - 1 + intervals, INT32_MAX);
  if (s->returns[place] < s->next_return)
    s->next_return = s->returns[place];
}

static bool is_functional_at(const unsigned char *functional, int place)
{
  return functional[place / LANES] >> (place % LANES) & 1;
}

static void all_wait(esp_rewiring *s, int32_t interval)
{
  s->next_return = INT32_MAX;
  for (int i = 0; i < s->n; i++) {
    const int place = s->place[i];
    if (is_functional_at(s->functional, place))
      continue;
    if (s->returns[place] < 0)
      begin_to_wait(s, place, interval);
    else if (s->returns[place] < s->next_return)
      s->next_return = s->returns[place];
  }
  s->waits = true;
}

/* They count as functional before this update, so that one which falls below 0 in it waits again. Returns how many came. */
static int come_back(esp_rewiring *s, int32_t interval)
{
  int n = 0;
  if (s->next_return > interval)
    return 0;
  s->next_return = INT32_MAX;
  for (int place = 0; place < s->n_places; place++) {
    if (s->returns[place] < 0)
      continue;
    if (s->returns[place] <= interval) {
      s->theta[place] = s->options.return_theta;
      s->returns[place] = -1;
      s->before[place / LANES] |= (unsigned char)(1 << place % LANES);
      n++;
    } else if (s->returns[place] < s->next_return) {
      s->next_return = s->returns[place];
    }
  }
  return n;
}

/* ---- turnover ---- */

static uint64_t word_at(const unsigned char *bits, int word)
{
  uint64_t w;
  memcpy(&w, bits + sizeof w * (size_t)word, sizeof w);
  return w;
}

static int n_words(const esp_rewiring *s)
{
  return (s->n_places + 63) / 64;
}

/* Places whose bit went from 1 to 0 begin to wait, if they have to. */
static esp_rewiring_turnover count_turnover(esp_rewiring *s, bool wait, int32_t interval)
{
  esp_rewiring_turnover turnover = {0, 0};
  for (int word = 0; word < n_words(s); word++) {
    const uint64_t before = word_at(s->before, word), now = word_at(s->functional, word);
    if (before == now)
      continue;
    turnover.appeared += __builtin_popcountll(now & ~before);
    turnover.disappeared += __builtin_popcountll(before & ~now);
  }
  if (wait)
    for (int word = 0; word < n_words(s); word++)
      for (uint64_t lost = word_at(s->before, word) & ~word_at(s->functional, word); lost; lost &= lost - 1)
        begin_to_wait(s, 64 * word + __builtin_ctzll(lost), interval + 1);
  return turnover;
}

esp_rewiring_turnover esp_rewiring_update(esp_rewiring *s, esp_rewiring_rule rule, int32_t interval, esp_spiking *net)
{
  const esp_synapses synapses = synapses_of(s, net);
  const esp_synapse_step step = step_of(s, rule, interval, net);
  const bool waiting = rule == ESP_RULE_WAITING;
  if (waiting && !s->waits)
    all_wait(s, interval);
  memcpy(s->before, s->functional, sizeof(uint64_t) * (size_t)n_words(s));
  const int n_back = waiting ? come_back(s, interval) : 0;
  esp_spiking_kernel_in_use()->step(&synapses, &step);
  empty_places(s);
  esp_rewiring_turnover turnover = count_turnover(s, waiting, interval);
  turnover.appeared += n_back;
  return turnover;
}

esp_err esp_rewiring_drift(esp_rewiring *s, int32_t interval, int32_t intervals, esp_spiking *net)
{
  ESP_REQUIRE(intervals > 0, ESP_ERR_ARG, "a drift over %d intervals", intervals);
  const esp_rng_key key = esp_rng_key_for(&s->key, ESP_RNG_SYNAPSE_DRIFT);
  const uint64_t bits = esp_rng_bits(&key, 0);
  const uint32_t words[2] = {(uint32_t)bits, (uint32_t)(bits >> 32)};
  const double step = s->options.learning_rate * interval_s(s), temperature = s->options.temperature;
  double z[GROUP] __attribute__((aligned(64)));
  for (int place = 0; place < s->n_places; place++) {
    if (place % GROUP == 0)
      esp_spiking_kernel_in_use()->normals(words, (uint32_t)interval, (uint32_t)(place / GROUP), 1, z);
    const double rate = s->own_rate[place], mean = s->own_mean[place], kept = exp(-rate * intervals);
    const double sd = rate > 0 ? sqrt(temperature * step / rate * (1 - kept * kept)) : 0; /* step / rate = sigma^2 */
    s->theta[place] = clipped(s, mean + (s->theta[place] - mean) * kept + sd * z[place % GROUP]);
    s->e[place] = s->g[place] = 0;
  }
  empty_places(s);
  set_weights(s, net);
  return ESP_OK;
}

void esp_rewiring_consolidate(esp_rewiring *s)
{
  const esp_rng_key key = esp_rng_key_for(&s->key, ESP_RNG_CONSOLIDATION);
  for (int i = 0; i < s->n; i++)
    if (esp_rng_uniform(&key, (uint64_t)i) < s->options.p_consolidated)
      consolidate_at(s, s->place[i], s->theta[s->place[i]]);
}

/* ---- what there is ---- */

bool esp_rewiring_is_functional(const esp_rewiring *s, int synapse)
{
  return is_functional_at(s->functional, s->place[synapse]);
}

int esp_rewiring_n_functional(const esp_rewiring *s)
{
  int n = 0;
  for (int word = 0; word < n_words(s); word++)
    n += __builtin_popcountll(word_at(s->functional, word));
  return n;
}
