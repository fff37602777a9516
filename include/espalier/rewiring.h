/* espalier/rewiring.h - plastic synapses that come, go and drift: reward-based synaptic sampling (Kappel et al. 2018, Eq. 5).
 * Pure, local.
 *
 * Each ordered pair of neurons that may be connected (input -> receiving E, E -> other E) has up to n_repeats potential synapses, each
 * with probability p. A synapse has a parameter theta; it is functional if theta >= 0 and then has the weight
 *     w = exp(theta - theta0),   otherwise w = 0.
 * In each step of dt, with y of the presynaptic and z - p of the postsynaptic neuron (espalier/spiking.h; z - p = 0 while refractory):
 *     e <- e exp(-dt/tau_e) + w y (z - p)            eligibility
 *     g <- g exp(-dt/tau_g) + D e                    estimate of the gradient; D: reward signal, summed per step (published code)
 * and once in an update interval Dt
 *     theta <- theta + beta Dt ((mu - theta) / sigma^2 + d) + sqrt(2 T beta Dt) N(0,1),  d = c_g g clipped to +-C,
 * theta clipped to [theta_min, theta_max]. A synapse with theta < 0 has e = g = 0.
 *
 * Within an interval w is constant, so e and g are advanced by whole intervals, which is exact: with le = exp(-dt/tau_e),
 * lg = exp(-dt/tau_g), lam_m = le^(N-m), kap_m = sum over j >= m of lg^(N-j) D_j le^(j-m),
 *     g' = lg^N g + le kap_1 e + w sum_m kap_m (z - p) y,   e' = le^N e + w sum_m lam_m (z - p) y,
 * and the sums belong to pairs, not to synapses (esp_spiking_credit). The traces y belong to neurons: a synapse that comes back
 * finds the trace of its neuron, where the published code begins at 0 (20 ms of difference in a life of minutes and more).
 *
 * Rules for what happens below 0:
 *   exact       theta diffuses on, and the synapse comes back where it crosses 0
 *   waiting     it is deleted and comes back after an exponential waiting time with theta = return_theta and e = g = 0 (the paper's
 *               approximation; both numbers are ours): at the first update after that time, just before the step. Initially
 *               non-functional ones begin to wait at time 0. theta stays what it was when the synapse was lost
 *   fixed       non-functional ones stay so with the theta they have; theta of functional ones is reflected at 0
 *
 * Synapses are numbered from 0 by presynaptic number (input i: i, E i: n_in + i), then postsynaptic neuron, then copy. Their noise
 * is a function of (seed, member, synapse, time), the same in all arms if the key says so. */
#ifndef ESPALIER_REWIRING_H
#define ESPALIER_REWIRING_H
#include <stdbool.h>
#include <stdint.h>

#include "espalier/error.h"
#include "espalier/rng.h"
#include "espalier/spiking.h"
#include "espalier/workspace.h"

typedef enum { ESP_RULE_EXACT, ESP_RULE_WAITING, ESP_RULE_FIXED } esp_rewiring_rule;

typedef struct {
  int n_repeats;                     /* potential synapses of a pair at most, 10                              */
  double p_potential;                /* each of them is there, 0.5                                            */
  double start_mean, start_sd;       /* theta at the start, -0.5, 0.5                                         */
  double theta0, theta_min, theta_max; /* 3, -2, 5                                                            */
  double prior_mean, prior_sd;       /* mu = 0, sigma = 2                                                     */
  double temperature, learning_rate; /* T = 0.1, beta = 1e-5 / s                                              */
  double tau_e_s, tau_g_s;           /* 1, 50                                                                 */
  double gradient_gain, gradient_clip; /* c_g = 0.05, C = 400 (published code: 1, 40)                         */
  double update_ms;                  /* Dt = 100, a multiple of the step                                      */
  double waiting_h, return_theta;    /* waiting rule: mean waiting time in hours 44, eps0 = 0.1               */
  double consolidated_sd, p_consolidated; /* sigma_c = 0.05, 1                                                */
} esp_rewiring_options;

/** Steps of the neurons from one update to the next. */
int esp_rewiring_steps(const esp_rewiring_options *options, const esp_spiking_options *neurons);

/** Entries that are always enough for the synapses of any network: mean + 8 standard deviations of their number, plus 1. */
int esp_rewiring_capacity(const esp_rewiring_options *options, const esp_spiking_options *neurons);

/** What a later update needs of a synapse. */
typedef struct {
  double theta, e, g;
  double prior_mean;    /* of a consolidated synapse, 0: not consolidated               */
  int32_t returns;      /* waiting rule: interval at whose end it comes back; -1: none */
  uint8_t consolidated; /* 1: its own prior holds it                                    */
} esp_synapse_state;

/** The synapses of one network in a workspace. */
typedef struct {
  esp_rewiring_options options;
  esp_spiking_options neurons;
  esp_rng_key key;
  int n_steps;                       /* of dt in an interval                                  */
  double dt_s;
  int n, n_places, n_groups;         /* synapses; places for them, some empty; groups         */
  int *pre, *post;                   /* of each synapse: presynaptic number, E               [n] */
  int *place;                        /* of each synapse in the arrays below                  [n] */
  int *n_slots, *cell;               /* see model/spiking_kernels.h                              */
  double *theta, *e, *g, *w;         /* by place; empty places have theta = -1e30, w = 0         */
  double *own_mean, *own_rate;       /* priors by place                                          */
  int *returns;                      /* by place                                                 */
  unsigned char *functional, *before; /* a bit for each place; the same before an update         */
  unsigned char *consolidated;       /* a byte for each place                                    */
  int *empty, n_empty;               /* empty places                                             */
  bool any_consolidated, waits;      /* waits: every non-functional synapse has its waiting time */
  int next_return;                   /* interval; none comes back before                         */
  double *lam, *kap, *kept_g;        /* [n_steps]                                                */
  double a;                          /* le kap_1                                                 */
} esp_rewiring;

/** Draw which synapses there are (key's purpose is set here) and their theta at the start, e = g = 0. The workspace keeps it.
 *  @return ESP_OK, ESP_ERR_NOMEM, ESP_ERR_INTERNAL if there are more than the capacity. */
esp_err esp_rewiring_take(const esp_rewiring_options *options, const esp_rng_key *key, const esp_spiking *net, esp_workspace *ws,
                          esp_rewiring *synapses);

/** Everything as at time 0. This, load and drift hand the weights of all pairs to the network, as updates do. */
void esp_rewiring_start(esp_rewiring *synapses, esp_spiking *net);

/** Copy the state from and to an array, by number [synapses->n]; w and what else follows from it is computed. */
void esp_rewiring_load(esp_rewiring *synapses, const esp_synapse_state *state, esp_spiking *net);
void esp_rewiring_save(const esp_rewiring *synapses, esp_synapse_state *state);

/** Set lam and kap for the reward signal of the interval that ends, reward[n_steps]; give them to esp_spiking_credit. */
void esp_rewiring_weigh(esp_rewiring *synapses, const double *reward);

typedef struct {
  int appeared, disappeared; /* synapses that became functional, or non-functional, by this update */
} esp_rewiring_turnover;

/** One update at the end of interval number `interval` (from 0), with net->pair_e and pair_g from esp_spiking_credit; sets net->w. */
esp_rewiring_turnover esp_rewiring_update(esp_rewiring *synapses, esp_rewiring_rule rule, int32_t interval, esp_spiking *net);

/** The time of `intervals` intervals in one step without reward, exact rule: the exact law of an Ornstein-Uhlenbeck process,
 *    theta <- mu + (theta - mu) k + sqrt(T sigma^2 (1 - k^2)) N(0,1),  k = exp(-beta t / sigma^2),
 *  clipped at the end only; e = g = 0. `interval` is the number of the first one.
 *  @return ESP_OK, ESP_ERR_ARG for fewer than 1 interval. */
esp_err esp_rewiring_drift(esp_rewiring *synapses, int32_t interval, int32_t intervals, esp_spiking *net);

/** Consolidate: each synapse, with probability p_consolidated, gets the prior mu = its theta, sigma = consolidated_sd, from now on.
 *  Exact rule only: the others do not look at it. */
void esp_rewiring_consolidate(esp_rewiring *synapses);

/** Number of functional synapses. */
int esp_rewiring_n_functional(const esp_rewiring *synapses);

/** Is this synapse functional? */
bool esp_rewiring_is_functional(const esp_rewiring *synapses, int synapse);

#endif
