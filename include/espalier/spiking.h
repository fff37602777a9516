/* espalier/spiking.h - network of stochastically spiking neurons (Kappel et al. 2018, Fig. 5; SRM with escape noise). Pure, local.
 *
 * Populations, each numbered from 0: inputs; excitatory neurons (E), of which the first n_receiving get input; inhibitory ones (I).
 * A neuron's number is that among all neurons, E first; a presynaptic number is that among inputs, E and I, in this order.
 * In steps of dt, all quantities dimensionless but rates (Hz) and times:
 *
 *   u = b + g_e sum over spikes of w (exp(-s/tau_f) - exp(-s/tau_r)) + the same of inhibition - th     s: time since the spike
 *       g_e = tau_f / (tau_f - tau_r) = 1.11, so one spike of weight 1 peaks at 0.774; the paper's printed tau_r / (tau_f - tau_r)
 *       is ten times smaller, and nothing is learned with it (we follow the code of the authors)
 *   rho = c2 exp(c3 u);  p = 1 - exp(-rho dt), z = 1 with probability p;  p = z = 0 for the dead time after a spike; no reset of u
 *   th += s (z - nu0 dt)                          E only: homeostasis towards nu0
 *   y = g_e (sum over own spikes of exp(-s/tau_f) - exp(-s/tau_r))     of inputs and E: what their synapses learn from
 *
 * A spike of step n acts from step n + 1 on, there with s = dt. An input fires in a step with probability rate dt.
 *
 * Spikes cost random numbers, steps do not: each neuron has a hazard, an exponential draw of mean 1, from which rho dt is taken
 * in every step that is not refractory; it fires when nothing is left and gets a new draw. That is the same law. Draw number j
 * of presynaptic neuron i is draw 2^32 i + j of ESP_RNG_SPIKES.
 *
 * A block is up to block_steps steps with constant weights. What its plastic pairs are due for (espalier/rewiring.h) is linear in
 * y, so it is gathered spike by spike instead of step by step: exact, and 50 times less work. */
#ifndef ESPALIER_SPIKING_H
#define ESPALIER_SPIKING_H
#include <stdint.h>

#include "espalier/error.h"
#include "espalier/rng.h"
#include "espalier/workspace.h"

typedef struct {
  int n_in, n_exc, n_receiving, n_inh; /* 200, 60, 30, 20                                                   */
  double dt_ms;                        /* 1                                                                 */
  double exc_fall_ms, exc_rise_ms;     /* tau_f, tau_r of excitation: 20, 2                                 */
  double inh_fall_ms, inh_rise_ms;     /* of inhibition: 10, 1                                              */
  double bias, slope, scale_hz;        /* b = -3, c3 = 1, c2 = 1 Hz                                         */
  double dead_exc_ms, dead_inh_ms;     /* 5, 2                                                              */
  double target_hz, homeostasis;       /* nu0 = 5 Hz, s = 0.02 (published code 0.1)                         */
  double p_exc_to_inh, p_inh_to_exc, p_inh_to_inh;                         /* connected: 0.575, 0.6, 0.55    */
  double w_exc_to_inh_mean, w_exc_to_inh_sd, w_from_inh_mean, w_from_inh_sd; /* 0.5, 0.1 not below 0; -1, 0.2 not above 0 */
} esp_spiking_options;

enum { ESP_SPIKING_INPUT_ARRAYS = 3, ESP_SPIKING_NEURON_ARRAYS = 8 };

/** What a later step needs: plain arrays of the caller, for saving and loading. */
typedef struct {
  double *input;        /* fall and rise of y, hazard                         [3, n_in]                        */
  double *neuron;       /* fall and rise of excitation, of inhibition; th; hazard; fall and rise of y
                           (I: 0)                                             [8, n_exc + n_inh]               */
  int32_t *input_draws; /* hazards drawn so far                               [n_in]                           */
  int32_t *neuron_draws;/*                                                    [n_exc + n_inh]                  */
  int32_t *refractory;  /* steps left                                         [n_exc + n_inh]                  */
} esp_spiking_state;

/** A network in a workspace. Pairs (pre, post) are cells of arrays with padded rows: input i -> E k at i ld_in + k,
 *  E i -> E k at n_in ld_in + i ld + k. One more cell, the last, is nobody's. */
typedef struct {
  esp_spiking_options options;
  esp_rng_key key;
  int n_pre, n_neurons;      /* n_in + n_exc, of plastic synapses; n_exc + n_inh         */
  int ld, ld_in, ld_inh, ld_all, n_cells;
  int block_steps, n_steps;  /* most steps of a block; made in this block                */
  double *w;                 /* total weight by cell, set by the caller        [n_cells] */
  double *pair_e, *pair_g;   /* result of esp_spiking_credit, by cell          [n_cells] */
  double *post;              /* z - p                                  [block_steps, ld] */
  int *first, *spike;        /* spikes of the block: step m has first[m] .. first[m + 1] - 1; each a presynaptic number, I too */
  double *to_inh, *from_inh; /* static weights [n_exc, ld_inh], [n_inh, ld_all]          */
  /* state, padded */
  double *in_fall, *in_rise, *in_hazard; /* traces of presynaptic neurons [n_pre]; hazards of inputs  */
  double *exc_fall, *exc_rise, *inh_fall, *inh_rise, *threshold, *hazard, *refractory; /* [ld_all]     */
  int *draws;                            /* by presynaptic number                                     */
  double *power_fall, *power_rise;       /* exp(-m dt / tau) of excitation, m = 0 .. block_steps      */
  double keep_inh_fall, keep_inh_rise;   /* exp(-dt / tau) of inhibition                              */
  double *scratch;
  unsigned char *fired;
} esp_spiking;

/** Make a network: its static weights are drawn from the key (its purpose is set here), plastic ones are 0. The workspace keeps it.
 *  @return ESP_OK, ESP_ERR_NOMEM. */
esp_err esp_spiking_take(const esp_spiking_options *options, const esp_rng_key *key, int block_steps, esp_workspace *ws,
                         esp_spiking *net);

/** Everything at rest; first hazards drawn. */
void esp_spiking_rest(esp_spiking *net);

/** Copy the state from and to plain arrays; at block boundaries only. */
void esp_spiking_load(esp_spiking *net, const esp_spiking_state *state);
void esp_spiking_save(const esp_spiking *net, const esp_spiking_state *state);

/** The hazard that a rate (Hz) takes from an input in each step: -log(1 - rate dt). */
double esp_spiking_input_hazard(const esp_spiking_options *options, double rate_hz);

/** Make one step of the block; input_hazard is padded to whole vectors of 8 and aligned [n_in]. The block must have room. */
void esp_spiking_step(esp_spiking *net, const double *input_hazard);

/** End the block: pair_e = sum over steps of lam (z - p) y, pair_g with kap instead of lam [n_steps]; begin the next one.
 *  The spikes of the block stay until its first step. */
void esp_spiking_credit(esp_spiking *net, const double *lam, const double *kap);

#endif
