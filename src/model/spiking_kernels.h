/* model/spiking_kernels.h - the hot loops of the spiking network, compiled once for each instruction set like those of kernels.h.
 *
 * Rows are padded to whole vectors of 8 doubles and aligned to 64 bytes. Every output is a fixed order of operations whatever the
 * width of the vectors. */
#ifndef ESPALIER_MODEL_SPIKING_KERNELS_H
#define ESPALIER_MODEL_SPIKING_KERNELS_H
#include <stddef.h>
#include <stdint.h>

enum { ESP_SYNAPSE_GROUP = 32 }; /* pairs, and normal draws, that are worked on together */

/** All neurons, excitatory ones first, each population padded; see espalier/spiking.h for the equations. */
typedef struct {
  int n, n_exc;                                                          /* padded                                      */
  double keep_exc_fall, keep_exc_rise, keep_inh_fall, keep_inh_rise;     /* what a step leaves of a trace               */
  double gain_exc, gain_inh;                                             /* tau_f / (tau_f - tau_r)                     */
  double bias, slope, scale;                                             /* b, c3, c2 dt                                */
  double threshold_step;                                                 /* dt nu0 s, excitatory neurons only           */
  double *exc_fall, *exc_rise, *inh_fall, *inh_rise, *threshold;         /* [n]                                         */
  double *hazard;                                                        /* left until the next spike, inf: no neuron   */
  double *refractory;                                                    /* steps left                                  */
} esp_membranes;

/** One block seen backwards; pairs are cells of one array, the rows of inputs first: row i < n_in begins at i ld_in, row
 *  i >= n_in at n_in ld_in + (i - n_in) ld. */
typedef struct {
  int n_steps, n_in, n_pre, ld_in, ld;
  double keep_fall, keep_rise, gain;
  const double *lam, *kap;      /* [n_steps]                                                */
  const double *post;           /* z - p of the postsynaptic neurons [n_steps, ld]          */
  const int *first, *spike;     /* step m has spikes first[m] .. first[m + 1] - 1, each a presynaptic number;
                                   numbers from n_pre on are no plastic inputs              */
  const double *fall, *rise;    /* traces before the block [n_pre]                          */
  double *scratch;              /* [6 ld]                                                   */
  double *e, *g;                /* out: sums over steps of lam post y and of kap post y     */
} esp_credit;

/** Synapses lie in groups: ESP_SYNAPSE_GROUP pairs times n_slots[group], slot after slot. A synapse that is not functional has
 *  e = g = w = 0. */
typedef struct {
  int n_groups;
  const int *n_slots;           /* [n_groups]                                               */
  const int *cell;              /* of each pair [n_groups, ESP_SYNAPSE_GROUP]               */
  double *theta, *e, *g, *w;    /* [synapse]                                                */
  double *pair_w;               /* out: sum over parallel synapses, by cell                 */
  uint8_t *functional;          /* one bit for each synapse                                */
  double offset;                /* theta0                                                   */
} esp_synapses;

typedef enum { ESP_BELOW_DIFFUSES, ESP_BELOW_WAITS, ESP_FLOOR } esp_below_zero;

typedef struct {
  const double *pair_e, *pair_g;               /* by cell, see esp_credit                             */
  double keep_e, keep_g, e_to_g;               /* le^N, lg^N, A                                       */
  double clip, step;                           /* C / c_g, beta Dt c_g                                */
  double prior_mean, prior_rate, noise;        /* mu, beta Dt / sigma^2, sqrt(2 T beta Dt)            */
  const double *own_mean, *own_rate;           /* the same for each synapse, NULL: all alike          */
  double low, high;                            /* range of theta                                      */
  esp_below_zero below;
  uint32_t key[2], time;                       /* of the draws                                        */
} esp_synapse_step;

typedef struct {
  const char *name;

  /** One step of all membranes: post[k] = z - p of the excitatory neurons, 0 while refractory; bit k of spikes: k fires. */
  void (*membranes)(const esp_membranes *m, double *post, uint8_t *spikes);

  /** hazard[i] -= rate[i], n a multiple of 8; bit i of spikes: nothing is left. */
  void (*inputs)(int n, const double *rate, double *hazard, uint8_t *spikes);

  /** fall[k] += row[k], rise[k] += row[k]. */
  void (*deliver)(int n, const double *row, double *fall, double *rise);

  void (*credit)(const esp_credit *c);

  /** One step of all synapses (espalier/rewiring.h): functional says which were functional before it, and then which are. */
  void (*step)(const esp_synapses *s, const esp_synapse_step *step);

  /** w, pair_w and functional from theta. */
  void (*weights)(const esp_synapses *s);

  /** Standard normal draws out[0 .. 32 n_blocks - 1]. Draws 2 l + h and 16 + 2 l + h of block b, l < 8, h < 2, are polar (Box and
   *  Muller) from word number 2 (b mod 2) + h, of 32 bits, of Philox4x32-7 with counter {8 floor(b / 2) + l, time, 0, 0}:
   *    r = sqrt(-2 log((low 20 bits + 1/2) 2^-20)),  f = (low 31 bits, signed, + 1/2) 2^-30: between -1 and 1
   *    +-r cos(pi f / 2), minus if the highest bit is set;  r sin(pi f / 2)
   *  in single precision, errors below 1e-6. No draw is beyond 5.4, where one in 15 million should be: plenty for steps of a
   *  diffusion. 7 rounds are the fewest that pass BigCrush (Salmon et al. 2011, Table 2). The first block is first_block. */
  void (*normals)(const uint32_t key[2], uint32_t time, uint32_t first_block, int n_blocks, double *out);

  /** out[i] = exp(in[i]) for |in| <= 700, clipped beyond; n is a multiple of 8. */
  void (*exp_all)(size_t n, const double *in, double *out);
} esp_spiking_kernel;

const esp_spiking_kernel *esp_spiking_kernel_in_use(void);

extern const esp_spiking_kernel esp_spiking_kernel_portable;
#ifdef __x86_64__
extern const esp_spiking_kernel esp_spiking_kernel_avx2, esp_spiking_kernel_avx512;
#endif

#endif
