/* model/spiking.c - the kernels do what has to be done for all neurons in each step; here is what happens at a spike.
 *
 * A step: all membranes, all inputs, then the spikes in order of their numbers, inputs before E before I. They change only what the next
 * step reads, so a spike acts from there on. The traces of presynaptic neurons are brought up to date at the end of a block from its
 * list of spikes, not in every step; so the state can be saved only between blocks. */
#include "espalier/spiking.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "spiking_kernels.h"

enum { LANES = 8 };

static double gain(double fall, double rise)
{
  return fall / (fall - rise);
}

/* ---- memory ---- */

typedef struct {
  size_t cells, post, first, spikes, pre, all, to_inh, from_inh, scratch, fired, powers, in;
} sizes;

static sizes sizes_of(const esp_spiking_options *o, int block_steps)
{
  const size_t n = (size_t)block_steps, ld = (size_t)esp_padded(o->n_exc), ld_in = (size_t)esp_padded(o->n_receiving);
  const size_t ld_inh = (size_t)esp_padded(o->n_inh), n_all = (size_t)(o->n_in + o->n_exc + o->n_inh);
  return (sizes){.cells = (size_t)o->n_in * ld_in + (size_t)o->n_exc * ld + 1,
                 .post = n * ld,
                 .first = n + 1,
                 .spikes = n * n_all,
                 .pre = n_all,
                 .all = ld + ld_inh,
                 .to_inh = (size_t)o->n_exc * ld_inh,
                 .from_inh = (size_t)o->n_inh * (ld + ld_inh),
                 .scratch = 6 * ld,
                 .fired = ((size_t)esp_padded(o->n_in) + ld + ld_inh) / LANES,
                 .powers = n + 1,
                 .in = (size_t)esp_padded(o->n_in)};
}

static esp_err take_arrays(esp_spiking *net, esp_workspace *ws)
{
  const sizes s = sizes_of(&net->options, net->block_steps);
  const esp_piece list[] = {
      {&net->w, s.cells},           {&net->pair_e, s.cells},      {&net->pair_g, s.cells},    {&net->post, s.post},
      {&net->to_inh, s.to_inh},     {&net->from_inh, s.from_inh}, {&net->in_fall, s.pre},     {&net->in_rise, s.pre},
      {&net->in_hazard, s.in},      {&net->exc_fall, s.all},      {&net->exc_rise, s.all},    {&net->inh_fall, s.all},
      {&net->inh_rise, s.all},      {&net->threshold, s.all},     {&net->hazard, s.all},      {&net->refractory, s.all},
      {&net->power_fall, s.powers}, {&net->power_rise, s.powers}, {&net->scratch, s.scratch},
  };
  ESP_TRY(esp_workspace_take_zeros(ws, sizeof list / sizeof *list, list));
  ESP_TRY(esp_workspace_take_int(ws, s.first, &net->first));
  ESP_TRY(esp_workspace_take_int(ws, s.spikes, &net->spike));
  ESP_TRY(esp_workspace_take_int(ws, s.pre, &net->draws));
  return esp_workspace_take_bytes(ws, s.fired, &net->fired);
}

/* ---- static connections ---- */

typedef struct {
  esp_rng_key key;
  uint64_t index; /* two draws for each pair */
} static_draws;

static double static_weight(static_draws *d, double p, double mean, double sd)
{
  const uint64_t i = d->index;
  d->index += 2;
  if (esp_rng_uniform(&d->key, i) >= p)
    return 0;
  const double w = mean + sd * esp_rng_normal(&d->key, i + 1);
  return mean > 0 ? fmax(w, 0) : fmin(w, 0); /* signs are fixed */
}

static void draw_static(esp_spiking *net)
{
  const esp_spiking_options *o = &net->options;
  static_draws d = {.key = esp_rng_key_for(&net->key, ESP_RNG_STATIC_WEIGHTS)};
  for (int i = 0; i < o->n_exc; i++)
    for (int l = 0; l < o->n_inh; l++)
      net->to_inh[i * net->ld_inh + l] = static_weight(&d, o->p_exc_to_inh, o->w_exc_to_inh_mean, o->w_exc_to_inh_sd);
  for (int l = 0; l < o->n_inh; l++) {
    double *row = net->from_inh + (size_t)l * (size_t)net->ld_all;
    for (int k = 0; k < o->n_exc; k++)
      row[k] = static_weight(&d, o->p_inh_to_exc, o->w_from_inh_mean, o->w_from_inh_sd);
    for (int k = 0; k < o->n_inh; k++)
      row[net->ld + k] = k == l ? 0 : static_weight(&d, o->p_inh_to_inh, o->w_from_inh_mean, o->w_from_inh_sd);
  }
}

esp_err esp_spiking_take(const esp_spiking_options *options, const esp_rng_key *key, int block_steps, esp_workspace *ws,
                         esp_spiking *net)
{
  const esp_spiking_options *o = options;
  assert(o->n_in > 0 && o->n_exc > 0 && o->n_inh > 0 && o->n_receiving > 0 && o->n_receiving <= o->n_exc && block_steps > 0);
  *net = (esp_spiking){.options = *options,
                       .key = *key,
                       .n_pre = o->n_in + o->n_exc,
                       .n_neurons = o->n_exc + o->n_inh,
                       .ld = esp_padded(o->n_exc),
                       .ld_in = esp_padded(o->n_receiving),
                       .ld_inh = esp_padded(o->n_inh),
                       .ld_all = esp_padded(o->n_exc) + esp_padded(o->n_inh),
                       .block_steps = block_steps};
  net->n_cells = (int)sizes_of(o, block_steps).cells;
  ESP_TRY(take_arrays(net, ws));
  for (int m = 0; m <= block_steps; m++) {
    net->power_fall[m] = exp(-m * o->dt_ms / o->exc_fall_ms);
    net->power_rise[m] = exp(-m * o->dt_ms / o->exc_rise_ms);
  }
  net->keep_inh_fall = exp(-o->dt_ms / o->inh_fall_ms);
  net->keep_inh_rise = exp(-o->dt_ms / o->inh_rise_ms);
  draw_static(net);
  esp_spiking_rest(net);
  return ESP_OK;
}

/* ---- state ---- */

static double new_hazard(esp_spiking *net, int pre)
{
  const esp_rng_key key = esp_rng_key_for(&net->key, ESP_RNG_SPIKES);
  return -log(esp_rng_uniform(&key, (uint64_t)pre << 32 | (uint32_t)net->draws[pre]++));
}

/* Where a neuron lies in the padded arrays. */
static int place_of(const esp_spiking *net, int neuron)
{
  return neuron < net->options.n_exc ? neuron : net->ld + neuron - net->options.n_exc;
}

static void begin_block(esp_spiking *net)
{
  net->n_steps = 0;
  net->first[0] = 0;
}

/* What is padding never fires. */
static void pad(esp_spiking *net)
{
  for (int i = net->options.n_in; i < esp_padded(net->options.n_in); i++)
    net->in_hazard[i] = INFINITY;
  for (int k = 0; k < net->ld_all; k++)
    net->hazard[k] = INFINITY;
}

void esp_spiking_rest(esp_spiking *net)
{
  const int n_in = net->options.n_in;
  double *const neurons[] = {net->exc_fall, net->exc_rise, net->inh_fall, net->inh_rise, net->threshold, net->refractory};
  for (size_t i = 0; i < sizeof neurons / sizeof *neurons; i++)
    memset(neurons[i], 0, (size_t)net->ld_all * sizeof(double));
  memset(net->in_fall, 0, (size_t)net->n_pre * sizeof(double));
  memset(net->in_rise, 0, (size_t)net->n_pre * sizeof(double));
  memset(net->draws, 0, (size_t)(n_in + net->n_neurons) * sizeof *net->draws);
  pad(net);
  for (int i = 0; i < n_in; i++)
    net->in_hazard[i] = new_hazard(net, i);
  for (int k = 0; k < net->n_neurons; k++)
    net->hazard[place_of(net, k)] = new_hazard(net, n_in + k);
  begin_block(net);
}

enum { EXC_FALL, EXC_RISE, INH_FALL, INH_RISE, THRESHOLD, HAZARD, OWN_FALL, OWN_RISE }; /* rows of state->neuron */

void esp_spiking_load(esp_spiking *net, const esp_spiking_state *state)
{
  const int n_in = net->options.n_in, n = net->n_neurons;
  pad(net);
  memcpy(net->in_fall, state->input, (size_t)n_in * sizeof(double));
  memcpy(net->in_rise, state->input + n_in, (size_t)n_in * sizeof(double));
  memcpy(net->in_hazard, state->input + 2 * n_in, (size_t)n_in * sizeof(double));
  for (int i = 0; i < n_in; i++)
    net->draws[i] = state->input_draws[i];
  double *const rows[] = {net->exc_fall, net->exc_rise, net->inh_fall, net->inh_rise, net->threshold, net->hazard};
  for (int k = 0; k < n; k++) {
    for (int r = EXC_FALL; r <= HAZARD; r++)
      rows[r][place_of(net, k)] = state->neuron[r * n + k];
    net->refractory[place_of(net, k)] = state->refractory[k];
    net->draws[n_in + k] = state->neuron_draws[k];
  }
  memcpy(net->in_fall + n_in, state->neuron + OWN_FALL * n, (size_t)net->options.n_exc * sizeof(double));
  memcpy(net->in_rise + n_in, state->neuron + OWN_RISE * n, (size_t)net->options.n_exc * sizeof(double));
  begin_block(net);
}

void esp_spiking_save(const esp_spiking *net, const esp_spiking_state *state)
{
  const int n_in = net->options.n_in, n = net->n_neurons;
  assert(net->n_steps == 0);
  memcpy(state->input, net->in_fall, (size_t)n_in * sizeof(double));
  memcpy(state->input + n_in, net->in_rise, (size_t)n_in * sizeof(double));
  memcpy(state->input + 2 * n_in, net->in_hazard, (size_t)n_in * sizeof(double));
  for (int i = 0; i < n_in; i++)
    state->input_draws[i] = net->draws[i];
  const double *const rows[] = {net->exc_fall, net->exc_rise, net->inh_fall, net->inh_rise, net->threshold, net->hazard};
  for (int k = 0; k < n; k++) {
    const bool excitatory = k < net->options.n_exc;
    for (int r = EXC_FALL; r <= HAZARD; r++)
      state->neuron[r * n + k] = rows[r][place_of(net, k)];
    state->neuron[OWN_FALL * n + k] = excitatory ? net->in_fall[n_in + k] : 0;
    state->neuron[OWN_RISE * n + k] = excitatory ? net->in_rise[n_in + k] : 0;
    state->refractory[k] = (int32_t)net->refractory[place_of(net, k)];
    state->neuron_draws[k] = net->draws[n_in + k];
  }
}

/* ---- steps ---- */

double esp_spiking_input_hazard(const esp_spiking_options *options, double rate_hz)
{
  return -log1p(-fmin(rate_hz * 1e-3 * options->dt_ms, 1));
}

static esp_membranes membranes_of(esp_spiking *net)
{
  const esp_spiking_options *o = &net->options;
  return (esp_membranes){.n = net->ld_all,
                         .n_exc = net->ld,
                         .keep_exc_fall = net->power_fall[1],
                         .keep_exc_rise = net->power_rise[1],
                         .keep_inh_fall = net->keep_inh_fall,
                         .keep_inh_rise = net->keep_inh_rise,
                         .gain_exc = gain(o->exc_fall_ms, o->exc_rise_ms),
                         .gain_inh = gain(o->inh_fall_ms, o->inh_rise_ms),
                         .bias = o->bias,
                         .slope = o->slope,
                         .scale = o->scale_hz * 1e-3 * o->dt_ms,
                         .threshold_step = 1e-3 * o->dt_ms * o->target_hz * o->homeostasis,
                         .exc_fall = net->exc_fall,
                         .exc_rise = net->exc_rise,
                         .inh_fall = net->inh_fall,
                         .inh_rise = net->inh_rise,
                         .threshold = net->threshold,
                         .hazard = net->hazard,
                         .refractory = net->refractory};
}

/* A spike acts when its neuron is done: all membranes have made the step by then. */
static void input_spike(esp_spiking *net, const esp_spiking_kernel *k, int i)
{
  net->in_hazard[i] = new_hazard(net, i);
  k->deliver(net->ld_in, net->w + (size_t)i * (size_t)net->ld_in, net->exc_fall, net->exc_rise);
}

static void exc_spike(esp_spiking *net, const esp_spiking_kernel *k, int i)
{
  const esp_spiking_options *o = &net->options;
  const double *row = net->w + (size_t)o->n_in * (size_t)net->ld_in + (size_t)i * (size_t)net->ld;
  net->hazard[i] = new_hazard(net, o->n_in + i);
  net->refractory[i] = nearbyint(o->dead_exc_ms / o->dt_ms);
  net->threshold[i] += o->homeostasis;
  k->deliver(net->ld, row, net->exc_fall, net->exc_rise);
  k->deliver(net->ld_inh, net->to_inh + (size_t)i * (size_t)net->ld_inh, net->exc_fall + net->ld, net->exc_rise + net->ld);
}

static void inh_spike(esp_spiking *net, const esp_spiking_kernel *k, int l)
{
  const esp_spiking_options *o = &net->options;
  net->hazard[net->ld + l] = new_hazard(net, o->n_in + o->n_exc + l);
  net->refractory[net->ld + l] = nearbyint(o->dead_inh_ms / o->dt_ms);
  k->deliver(net->ld_all, net->from_inh + (size_t)l * (size_t)net->ld_all, net->inh_fall, net->inh_rise);
}

typedef void at_spike(esp_spiking *net, const esp_spiking_kernel *k, int i);

/* In order of their numbers, so that sums have one order. */
static int *for_each_spike(esp_spiking *net, const esp_spiking_kernel *k, int n, const unsigned char *fired, int offset, at_spike *act,
                           int *next)
{
  for (int i = 0; i < n; i += LANES)
    for (unsigned bits = fired[i / LANES]; bits; bits &= bits - 1) {
      const int neuron = i + __builtin_ctz(bits);
      act(net, k, neuron);
      *next++ = offset + neuron;
    }
  return next;
}

void esp_spiking_step(esp_spiking *net, const double *input_hazard)
{
  const esp_spiking_kernel *k = esp_spiking_kernel_in_use();
  const esp_spiking_options *o = &net->options;
  assert(net->n_steps < net->block_steps);
  const int m = net->n_steps++, ld_inputs = esp_padded(o->n_in);
  unsigned char *inputs = net->fired, *exc = inputs + ld_inputs / LANES, *inh = exc + net->ld / LANES;
  const esp_membranes membranes = membranes_of(net);
  k->membranes(&membranes, net->post + (size_t)m * (size_t)net->ld, exc);
  k->inputs(ld_inputs, input_hazard, net->in_hazard, inputs);
  int *next = net->spike + net->first[m];
  next = for_each_spike(net, k, ld_inputs, inputs, 0, input_spike, next);
  next = for_each_spike(net, k, net->ld, exc, o->n_in, exc_spike, next);
  next = for_each_spike(net, k, net->ld_inh, inh, net->n_pre, inh_spike, next);
  net->first[m + 1] = (int)(next - net->spike);
}

/* ---- the end of a block ---- */

static void advance_traces(esp_spiking *net)
{
  const int n = net->n_steps;
  for (int i = 0; i < net->n_pre; i++) {
    net->in_fall[i] *= net->power_fall[n];
    net->in_rise[i] *= net->power_rise[n];
  }
  for (int m = 0; m < n; m++)
    for (int s = net->first[m]; s < net->first[m + 1]; s++)
      if (net->spike[s] < net->n_pre) {
        net->in_fall[net->spike[s]] += net->power_fall[n - 1 - m];
        net->in_rise[net->spike[s]] += net->power_rise[n - 1 - m];
      }
}

void esp_spiking_credit(esp_spiking *net, const double *lam, const double *kap)
{
  const esp_spiking_options *o = &net->options;
  const esp_credit credit = {.n_steps = net->n_steps,
                             .n_in = o->n_in,
                             .n_pre = net->n_pre,
                             .ld_in = net->ld_in,
                             .ld = net->ld,
                             .keep_fall = net->power_fall[1],
                             .keep_rise = net->power_rise[1],
                             .gain = gain(o->exc_fall_ms, o->exc_rise_ms),
                             .lam = lam,
                             .kap = kap,
                             .post = net->post,
                             .first = net->first,
                             .spike = net->spike,
                             .fall = net->in_fall,
                             .rise = net->in_rise,
                             .scratch = net->scratch,
                             .e = net->pair_e,
                             .g = net->pair_g};
  esp_spiking_kernel_in_use()->credit(&credit);
  advance_traces(net);
  net->n_steps = 0; /* first[0] is 0 for ever */
}
