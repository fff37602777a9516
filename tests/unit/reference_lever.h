/* tests/unit/reference_lever.h - the lever experiment written from its equations, synapse by synapse and step by step: what
 * espalier/lever.h is held against. It shares the draws, the clockwork of the task and the list of connections, nothing else:
 * a synapse within rounding of 0 weighs something or nothing, so that draws with other rounding would soon be another run. */
#ifndef ESPALIER_TESTS_REFERENCE_LEVER_H
#define ESPALIER_TESTS_REFERENCE_LEVER_H
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <Random123/philox.h>

#include "espalier/lever.h"
#include "model/spiking_kernels.h"

/* The normal draw of a place at a time, as spiking_kernels.h defines it: what the draws are held against. */
static inline double reference_normal(const uint32_t key[2], uint32_t time, uint32_t place)
{
  const uint32_t block = place / 32;
  const philox4x32_ctr_t counter = {{8 * (block / 2) + place % 16 / 2, time, 0, 0}};
  const philox4x32_key_t philox_key = {{key[0], key[1]}};
  const uint32_t word = philox4x32_R(7, counter, philox_key).v[2 * (block % 2) + place % 2];
  const double r = sqrt(-2 * log(((word & 0xfffff) + 0.5) / 1048576.0)), low = word & 0x7fffffff;
  const double f = (low + 0.5 - (low < 1073741824 ? 0 : 2147483648.0)) / 1073741824.0, angle = acos(-1) / 2 * f;
  if (place % 32 >= 16)
    return r * sin(angle);
  return (word >> 31 ? -1 : 1) * r * cos(angle);
}

typedef struct {
  const esp_lever_network *net; /* options, draws, connections */
  int n_in, n_exc, n_inh, n_pre, n_neurons;
  double *theta, *w, *e, *g;    /* by synapse                  */
  double *noise;                /* by place                    */
  int *returns;
  double *y_fall, *y_rise, *hazard_in;                                   /* presynaptic; inputs */
  double *exc_fall, *exc_rise, *inh_fall, *inh_rise, *threshold, *hazard; /* E, I                */
  int *refractory, *draws;
  bool *in_fired, *fired;
  double *learn;                /* z - p of E                  */
  esp_lever_task task;
  int clock;
} reference;

static inline void *reference_zeros(size_t n, size_t bytes)
{
  void *p = calloc(n, bytes);
  if (!p)
    abort();
  return p;
}

static inline double reference_new_hazard(reference *r, int cell)
{
  esp_rng_key key = r->net->key;
  key.purpose = ESP_RNG_SPIKES;
  return -log(esp_rng_uniform(&key, (uint64_t)cell << 32 | (uint32_t)r->draws[cell]++));
}

static inline void reference_set_theta(reference *r, int s, double theta)
{
  r->theta[s] = theta;
  r->w[s] = theta >= 0 ? exp(theta - r->net->options.synapses.theta0) : 0;
  if (theta < 0)
    r->e[s] = r->g[s] = 0;
}

/* At time 0, with the theta of the network. */
static inline reference reference_start(const esp_lever_network *net)
{
  const esp_spiking_options *o = &net->options.neurons;
  reference r = {.net = net, .n_in = o->n_in, .n_exc = o->n_exc, .n_inh = o->n_inh, .n_pre = o->n_in + o->n_exc,
                 .n_neurons = o->n_exc + o->n_inh};
  const size_t n = (size_t)net->synapses.n, n_all = (size_t)(r.n_in + r.n_neurons);
  double **const by_synapse[] = {&r.theta, &r.w, &r.e, &r.g};
  double **const by_cell[] = {&r.y_fall, &r.y_rise, &r.hazard_in, &r.exc_fall, &r.exc_rise, &r.inh_fall, &r.inh_rise, &r.threshold,
                              &r.hazard, &r.learn};
  for (size_t i = 0; i < sizeof by_synapse / sizeof *by_synapse; i++)
    *by_synapse[i] = reference_zeros(n, sizeof(double));
  for (size_t i = 0; i < sizeof by_cell / sizeof *by_cell; i++)
    *by_cell[i] = reference_zeros(n_all, sizeof(double));
  r.returns = reference_zeros(n, sizeof(int));
  r.noise = aligned_alloc(64, (size_t)net->synapses.n_places * sizeof(double));
  if (!r.noise)
    abort();
  r.refractory = reference_zeros(n_all, sizeof(int));
  r.draws = reference_zeros(n_all, sizeof(int));
  r.in_fired = reference_zeros(n_all, sizeof(bool));
  r.fired = reference_zeros(n_all, sizeof(bool));
  for (size_t s = 0; s < n; s++) {
    reference_set_theta(&r, (int)s, net->synapses.theta[net->synapses.place[s]]);
    r.returns[s] = -1;
  }
  for (int i = 0; i < r.n_in; i++)
    r.hazard_in[i] = reference_new_hazard(&r, i);
  for (int k = 0; k < r.n_neurons; k++)
    r.hazard[k] = reference_new_hazard(&r, r.n_in + k);
  r.task.window = reference_zeros(2 * (size_t)esp_lever_window_steps(&net->options.task, o->dt_ms), sizeof(int32_t));
  esp_lever_task_start(&net->options.task, o->dt_ms, &r.task);
  return r;
}

static inline void reference_free(reference *r)
{
  void *const all[] = {r->noise,    r->theta,    r->w,        r->e,         r->g,      r->returns,    r->y_fall, r->y_rise,   r->hazard_in, r->exc_fall,
                       r->exc_rise, r->inh_fall, r->inh_rise,  r->threshold, r->hazard,  r->learn,  r->refractory, r->draws,   r->in_fired,
                       r->fired,    r->task.window};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    free(all[i]);
}

static inline void reference_neurons(reference *r)
{
  const esp_spiking_options *o = &r->net->options.neurons;
  const double dt_s = 1e-3 * o->dt_ms;
  const double g_exc = o->exc_fall_ms / (o->exc_fall_ms - o->exc_rise_ms), g_inh = o->inh_fall_ms / (o->inh_fall_ms - o->inh_rise_ms);
  for (int k = 0; k < r->n_neurons; k++) {
    const bool excitatory = k < r->n_exc;
    r->exc_fall[k] *= exp(-o->dt_ms / o->exc_fall_ms);
    r->exc_rise[k] *= exp(-o->dt_ms / o->exc_rise_ms);
    r->inh_fall[k] *= exp(-o->dt_ms / o->inh_fall_ms);
    r->inh_rise[k] *= exp(-o->dt_ms / o->inh_rise_ms);
    if (excitatory)
      r->threshold[k] -= dt_s * o->target_hz * o->homeostasis;
    const double u = o->bias + g_exc * (r->exc_fall[k] - r->exc_rise[k]) + g_inh * (r->inh_fall[k] - r->inh_rise[k]) - r->threshold[k];
    const double escape = o->scale_hz * exp(o->slope * u) * dt_s, p = 1 - exp(-escape);
    r->fired[k] = false;
    r->learn[k] = 0;
    if (r->refractory[k] > 0) {
      r->refractory[k]--;
      continue;
    }
    r->hazard[k] -= escape;
    r->fired[k] = r->hazard[k] <= 0;
    r->learn[k] = r->fired[k] - p;
  }
}

/* e and g of the step, with the traces y before its spikes. */
static inline void reference_synapses(reference *r, double signal)
{
  const esp_rewiring_options *o = &r->net->options.synapses;
  const esp_spiking_options *neurons = &r->net->options.neurons;
  const double dt_s = 1e-3 * neurons->dt_ms, keep_e = exp(-dt_s / o->tau_e_s), keep_g = exp(-dt_s / o->tau_g_s);
  const double gain = neurons->exc_fall_ms / (neurons->exc_fall_ms - neurons->exc_rise_ms);
  for (int s = 0; s < r->net->synapses.n; s++) {
    const int pre = r->net->synapses.pre[s];
    const double y = gain * (r->y_fall[pre] - r->y_rise[pre]);
    r->e[s] = r->e[s] * keep_e + r->w[s] * y * r->learn[r->net->synapses.post[s]];
    r->g[s] = r->g[s] * keep_g + signal * r->e[s];
  }
}

static inline void reference_deliver(reference *r)
{
  const esp_spiking_options *o = &r->net->options.neurons;
  const esp_spiking *net = &r->net->neurons;
  for (int s = 0; s < r->net->synapses.n; s++) {
    const int pre = r->net->synapses.pre[s], post = r->net->synapses.post[s];
    if (pre < r->n_in ? r->in_fired[pre] : r->fired[pre - r->n_in]) {
      r->exc_fall[post] += r->w[s];
      r->exc_rise[post] += r->w[s];
    }
  }
  for (int i = 0; i < r->n_neurons; i++) {
    if (!r->fired[i])
      continue;
    const bool excitatory = i < r->n_exc;
    r->hazard[i] = reference_new_hazard(r, r->n_in + i);
    r->refractory[i] = (int)nearbyint((excitatory ? o->dead_exc_ms : o->dead_inh_ms) / o->dt_ms);
    if (excitatory)
      r->threshold[i] += o->homeostasis;
    for (int k = 0; k < r->n_neurons; k++) { /* static ones; rows of the network are padded */
      const int column = k < r->n_exc ? k : net->ld + k - r->n_exc;
      const double w = !excitatory ? net->from_inh[(i - r->n_exc) * net->ld_all + column] : k < r->n_exc ? 0 : net->to_inh[i * net->ld_inh + k - r->n_exc];
      (excitatory ? r->exc_fall : r->inh_fall)[k] += w;
      (excitatory ? r->exc_rise : r->inh_rise)[k] += w;
    }
  }
  for (int i = 0; i < r->n_in; i++)
    if (r->in_fired[i])
      r->hazard_in[i] = reference_new_hazard(r, i);
}

static inline void reference_traces(reference *r)
{
  const esp_spiking_options *o = &r->net->options.neurons;
  for (int i = 0; i < r->n_pre; i++) {
    const bool fired = i < r->n_in ? r->in_fired[i] : r->fired[i - r->n_in];
    r->y_fall[i] += fired;
    r->y_rise[i] += fired;
    r->y_fall[i] *= exp(-o->dt_ms / o->exc_fall_ms); /* for the next step */
    r->y_rise[i] *= exp(-o->dt_ms / o->exc_rise_ms);
  }
}

static inline void reference_step(reference *r, const esp_lever_segment *segment)
{
  const esp_lever_options *o = &r->net->options;
  int pool[2] = {0, 0};
  reference_neurons(r);
  const bool cue = esp_lever_cue_is_on(&r->task);
  for (int i = 0; i < r->n_in; i++) {
    r->hazard_in[i] += log(1 - (cue ? r->net->cue_hz[i] : o->task.background_hz) * 1e-3 * o->neurons.dt_ms);
    r->in_fired[i] = r->hazard_in[i] <= 0;
  }
  for (int k = o->neurons.n_receiving; k < o->neurons.n_receiving + 2 * o->task.n_pool; k++)
    pool[k >= o->neurons.n_receiving + o->task.n_pool] += r->fired[k];
  esp_lever_task_step(&o->task, &r->net->key, o->neurons.dt_ms, segment->switched, segment->rewarded, pool[0], pool[1], &r->task);
  reference_synapses(r, r->task.signal);
  reference_deliver(r);
  reference_traces(r);
}

static inline void reference_wait(reference *r, int s, int interval)
{
  const esp_lever_options *o = &r->net->options;
  esp_rng_key key = r->net->key;
  key.purpose = ESP_RNG_WAITING_TIME;
  const double u = esp_rng_uniform(&key, (uint64_t)r->net->synapses.place[s] << 32 | (uint32_t)interval);
  r->returns[s] = interval - 1 + (int)ceil(-log(u) * o->synapses.waiting_h * 3.6e6 / o->synapses.update_ms);
}

static inline void reference_update(reference *r, esp_rewiring_rule rule)
{
  const esp_rewiring_options *o = &r->net->options.synapses;
  const double step = o->learning_rate * 1e-3 * o->update_ms;
  esp_rng_key key = r->net->key;
  key.purpose = ESP_RNG_SYNAPSE_NOISE;
  const uint64_t bits = esp_rng_bits(&key, 0);
  const uint32_t words[2] = {(uint32_t)bits, (uint32_t)(bits >> 32)};
  esp_spiking_kernel_in_use()->normals(words, (uint32_t)r->clock, 0, r->net->synapses.n_places / 32, r->noise);
  for (int s = 0; s < r->net->synapses.n; s++) {
    if (rule == ESP_RULE_WAITING && r->theta[s] < 0 && r->returns[s] < 0)
      reference_wait(r, s, r->clock);
    if (rule == ESP_RULE_WAITING && r->returns[s] >= 0 && r->returns[s] <= r->clock) {
      r->theta[s] = o->return_theta; /* e, g and w are 0 */
      r->returns[s] = -1;
    }
    if (rule != ESP_RULE_EXACT && r->theta[s] < 0)
      continue;
    const double d = fmax(-o->gradient_clip, fmin(o->gradient_clip, o->gradient_gain * r->g[s]));
    double theta = r->theta[s] + step * ((o->prior_mean - r->theta[s]) / (o->prior_sd * o->prior_sd) + d) +
                   sqrt(2 * o->temperature * step) * r->noise[r->net->synapses.place[s]];
    if (rule == ESP_RULE_FIXED)
      theta = fabs(theta);
    reference_set_theta(r, s, fmax(o->theta_min, fmin(o->theta_max, theta)));
    if (rule == ESP_RULE_WAITING && r->theta[s] < 0)
      reference_wait(r, s, r->clock + 1);
  }
  r->clock++;
}

static inline void reference_run(reference *r, const esp_lever_segment *segment, int intervals)
{
  for (int i = 0; i < intervals; i++) {
    for (int m = 0; m < r->net->synapses.n_steps; m++)
      reference_step(r, segment);
    reference_update(r, segment->rule);
  }
}

#endif
