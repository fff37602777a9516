/* model/spiking_kernels.c - one source for all instruction sets; the build defines ESP_KERNEL as the name of this one.
 *
 * In this order: exp, normal draws, membranes, the credit of a block, the update of synapses. That update is
 * most of a run: it goes through memory once, draws as it goes, and passes over what belongs only to functional synapses where a slot
 * has none. As in kernels.c, no output may depend on the width of vectors. */
#include "spiking_kernels.h"

#include <stdbool.h>
#include <string.h>

#include "vector.h"

#define INLINE static inline __attribute__((always_inline))
#define UNROLLED _Pragma("GCC unroll 8")

enum { GROUP = ESP_SYNAPSE_GROUP };

/* ---- exp ---- */

/* For |x| <= 700. exp x = 2^n exp r with |r| <= ln 2 / 2 and exp r = 1 + r + r^2 q(r); q is the best polynomial of its degree (1.7e-17 of exp). */
INLINE v8 exp_near8(v8 x)
{
  static const double q[10] = {0x1.0000000000001p-1,  0x1.5555555555556p-3,  0x1.5555555553d63p-5,  0x1.11111111109b3p-7,
                               0x1.6c16c1788bd90p-10, 0x1.a01a01a7c41d5p-13, 0x1.a019b90d2ae7ap-16, 0x1.71de0dae63bb3p-19,
                               0x1.289185613a3d6p-22, 0x1.af38a9b0ec855p-26};
  const v8 rounder = v_all(0x1.8p52 + 1023); /* adding it rounds to an integer, whose bits end in n + 1023 */
  const v8 shifted = v_fma(x, v_all(0x1.71547652b82fep0), rounder);
  const v8 n = v_sub(shifted, rounder);
  const v8 r = v_fnma(n, v_all(0x1.abc9e3b39803fp-56), v_fnma(n, v_all(0x1.62e42fefa39efp-1), x)); /* ln 2 in two parts */
  const v8 r2 = v_mul(r, r), r4 = v_mul(r2, r2);
  const v8 q0 = v_fma(v_fma(v_all(q[3]), r, v_all(q[2])), r2, v_fma(v_all(q[1]), r, v_all(q[0])));
  const v8 q4 = v_fma(v_fma(v_all(q[7]), r, v_all(q[6])), r2, v_fma(v_all(q[5]), r, v_all(q[4])));
  const v8 q8 = v_fma(v_all(q[9]), r, v_all(q[8]));
  const v8 tail = v_fma(v_fma(v_fma(q8, r4, q4), r4, q0), r2, r);
  const v8 two_n = v_exponent(shifted);
  return v_fma(two_n, tail, two_n);
}

INLINE v8 exp8(v8 x)
{
  return exp_near8(v_max(v_all(-700.0), v_min(v_all(700.0), x)));
}

static void exp_all(size_t n, const double *in, double *out)
{
  for (size_t i = 0; i < n; i += 8)
    v_store(out + i, exp8(v_load(in + i)));
}

/* ---- normal draws ---- */

enum { ROUNDS = 7 }; /* Salmon et al. 2011: the fewest that pass BigCrush */

typedef struct {
  uint64_t k0[ROUNDS], k1[ROUNDS];
} key_schedule;

static key_schedule schedule(const uint32_t key[2])
{
  key_schedule s;
  uint32_t k0 = key[0], k1 = key[1];
  for (int r = 0; r < ROUNDS; r++, k0 += 0x9E3779B9U, k1 += 0xBB67AE85U) {
    s.k0[r] = k0;
    s.k1[r] = k1;
  }
  return s;
}

/* Philox4x32 on two times eight counters, because each round waits for the one before; only the lower half of each lane counts, the
 * upper one is whatever the products left there. In the first round words 2 and 3 are 0. */
INLINE void philox16(const key_schedule *key, uint32_t first, uint32_t time, w8 c[2][4])
{
  static const uint64_t lane[16] __attribute__((aligned(64))) = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const w8 m0 = w_all(0xD2511F53U), m1 = w_all(0xCD9E8D57U);
  UNROLLED for (int h = 0; h < 2; h++)
  {
    c[h][3] = w_multiply_low(w_add(w_all(first), w_load(lane + 8 * h)), m0);
    c[h][2] = w_xor(w_down(c[h][3], 32), w_all(key->k1[0]));
    c[h][1] = w_all(0);
    c[h][0] = w_all(time ^ key->k0[0]);
  }
  for (int r = 1; r < ROUNDS; r++)
    UNROLLED for (int h = 0; h < 2; h++)
    {
      const w8 p0 = w_multiply_low(c[h][0], m0), p1 = w_multiply_low(c[h][2], m1);
      c[h][0] = w_xor(w_xor(w_down(p1, 32), c[h][1]), w_all(key->k0[r]));
      c[h][2] = w_xor(w_xor(w_down(p0, 32), c[h][3]), w_all(key->k1[r]));
      c[h][1] = p1;
      c[h][3] = p0;
    }
}

/* -2 log(a 2^-21) for odd a < 2^21: a 2^-21 = 2^e (1 + t) with 1 + t between sqrt(1/2) and sqrt 2, all of it exact. */
INLINE f16 minus_two_log16(i16 a)
{
  static const float l[9] = {-0x1.0p+1,     0x1.fffff8p-1,  -0x1.555792p-1, 0x1.000570p-1, -0x1.98b748p-2,
                             0x1.5332a4p-2, -0x1.3238f0p-2, 0x1.263ba4p-2,  -0x1.65448cp-3}; /* 3e-8 of the result */
  const uint32_t sqrt_half = 0x3f3504f3U, mantissa = 0x007fffffU, scale = 21U << 23;
  const i16 bits = i_sub(i_of(i_value(a)), i_all(sqrt_half + scale));
  const f16 e = i_value(i_down(bits, 23));
  const f16 t = f_sub(i_to_f(i_add(i_and(bits, i_all(mantissa)), i_all(sqrt_half))), f_all(1.0F));
  const f16 t2 = f_mul(t, t), t4 = f_mul(t2, t2);
  const f16 l0 = f_fma(f_fma(f_all(l[3]), t, f_all(l[2])), t2, f_fma(f_all(l[1]), t, f_all(l[0])));
  const f16 l4 = f_fma(f_fma(f_all(l[7]), t, f_all(l[6])), t2, f_fma(f_all(l[5]), t, f_all(l[4])));
  return f_fma(e, f_all(-0x1.62e430p+0F), f_mul(t, f_fma(f_fma(f_all(l[8]), t4, l4), t4, l0)));
}

/* Two independent normal draws from each word. */
INLINE void polar16(i16 word, float *out)
{
  static const float s[5] = {0x1.921fb6p+0, -0x1.4abbc2p-1, 0x1.4668b0p-4, -0x1.324ccap-8, 0x1.3daff6p-13}; /* 5e-9 */
  static const float c[5] = {0x1.fffffep-1, -0x1.3bd3a6p+0, 0x1.03bd06p-2, -0x1.54f61ap-6, 0x1.c1f066p-11}; /* 5e-8 */
  const i16 twice = i_up(word, 1), sign = i_and(word, i_all(0x80000000U));
  const f16 f = f_fma(i_value(twice), f_all(0x1p-31F), f_all(0x1p-31F));
  const f16 r = f_sqrt(minus_two_log16(i_or(i_and(twice, i_all(0x001fffffU)), i_all(1)))), y = f_mul(f, f), y2 = f_mul(y, y);
  const f16 sine = f_fma(f_fma(f_fma(f_all(s[4]), y, f_all(s[3])), y, f_all(s[2])), y2, f_fma(f_all(s[1]), y, f_all(s[0])));
  const f16 cosine = f_fma(f_fma(f_fma(f_all(c[4]), y, f_all(c[3])), y, f_all(c[2])), y2, f_fma(f_all(c[1]), y, f_all(c[0])));
  f_store(out, f_mul(i_to_f(i_xor(i_of(r), sign)), cosine));
  f_store(out + 16, f_mul(f_mul(r, f), sine));
}

enum { AHEAD = 8 }; /* blocks of draws that are made at once */

static void normals_ahead(const key_schedule *key, uint32_t block, uint32_t time, float *out)
{
  for (int b = 0; b < AHEAD; b += 4) {
    w8 c[2][4];
    philox16(key, 4 * (block + (uint32_t)b), time, c);
    UNROLLED for (int h = 0; h < 2; h++)
      UNROLLED for (int pair = 0; pair < 4; pair += 2, out += GROUP)
        polar16(i_zip(c[h][pair], c[h][pair + 1]), out);
  }
}

static void normals(const uint32_t key[2], uint32_t time, uint32_t first_block, int n_blocks, double *out)
{
  const key_schedule k = schedule(key);
  float z[AHEAD * GROUP] __attribute__((aligned(64)));
  const uint32_t begin = first_block / AHEAD * AHEAD;
  for (uint32_t block = begin; block < first_block + (uint32_t)n_blocks; block++) {
    const float *from = z + block % AHEAD * GROUP;
    if (from == z)
      normals_ahead(&k, block, time, z);
    for (int q = 0; block >= first_block && q < GROUP; q += 8, out += 8)
      v_store(out, v_widen(from + q));
  }
}

/* ---- neurons ---- */

INLINE v8 decayed(double *trace, double keep)
{
  const v8 now = v_mul(v_load(trace), v_all(keep));
  v_store(trace, now);
  return now;
}

INLINE void membranes8(const esp_membranes *m, int k, double threshold_step, double *post, uint8_t *spikes)
{
  const v8 zero = v_all(0.0), one = v_all(1.0);
  const v8 exc = v_sub(decayed(m->exc_fall + k, m->keep_exc_fall), decayed(m->exc_rise + k, m->keep_exc_rise));
  const v8 inh = v_sub(decayed(m->inh_fall + k, m->keep_inh_fall), decayed(m->inh_rise + k, m->keep_inh_rise));
  const v8 threshold = v_sub(v_load(m->threshold + k), v_all(threshold_step));
  v_store(m->threshold + k, threshold);
  const v8 u = v_sub(v_fma(v_all(m->gain_inh), inh, v_fma(v_all(m->gain_exc), exc, v_all(m->bias))), threshold);
  const v8 escape = v_mul(v_all(m->scale), exp8(v_mul(v_all(m->slope), u)));
  const v8 refractory = v_load(m->refractory + k);
  const m8 resting = v_at_least(zero, refractory);
  const v8 hazard = v_sub(v_load(m->hazard + k), v_select(resting, escape, zero));
  const m8 fires = m_and(resting, v_at_least(zero, hazard));
  v_store(m->hazard + k, hazard);
  v_store(m->refractory + k, v_max(zero, v_sub(refractory, one)));
  spikes[k / 8] = (uint8_t)m_bits(fires);
  if (post) {
    const v8 not_p = exp8(v_sub(zero, escape)); /* z - p = z - 1 + exp(-rho dt) */
    v_store(post + k, v_select(resting, v_add(v_select(fires, zero, v_all(-1.0)), not_p), zero));
  }
}

/* A copy of the arguments, because the compiler has to think that storing a trace may change what a pointer leads to. */
static void membranes(const esp_membranes *arguments, double *post, uint8_t *spikes)
{
  const esp_membranes copy = *arguments, *m = &copy;
  for (int k = 0; k < m->n_exc; k += 8)
    membranes8(m, k, m->threshold_step, post, spikes);
  for (int k = m->n_exc; k < m->n; k += 8)
    membranes8(m, k, 0.0, NULL, spikes);
}

static void inputs(int n, const double *rate, double *hazard, uint8_t *spikes)
{
  for (int i = 0; i < n; i += 8) {
    const v8 left = v_sub(v_load(hazard + i), v_load(rate + i));
    v_store(hazard + i, left);
    spikes[i / 8] = (uint8_t)m_bits(v_at_least(v_all(0.0), left));
  }
}

static void deliver(int n, const double *row, double *fall, double *rise)
{
  for (int k = 0; k < n; k += 8) {
    const v8 w = v_load(row + k);
    v_store(fall + k, v_add(v_load(fall + k), w));
    v_store(rise + k, v_add(v_load(rise + k), w));
  }
}

/* ---- credit: which pair would have got how much, for a weight of 1 ---- */

/* sum = weight post + keep sum, for both weights and both traces; before adding, what a spike at this step contributes: gain
 * (keep sum of the fall - keep sum of the rise). */
INLINE void credit_step(const esp_credit *c, int m, double *sum, double *spike_e, double *spike_g)
{
  const int ld = c->ld;
  const double *post = c->post + (size_t)m * (size_t)ld;
  const v8 fall = v_all(c->keep_fall), rise = v_all(c->keep_rise), gain = v_all(c->gain);
  const v8 lam = v_all(c->lam[m]), kap = v_all(c->kap[m]);
  for (int k = 0; k < ld; k += 8, sum += 32) {
    const v8 e_fall = v_mul(fall, v_load(sum)), e_rise = v_mul(rise, v_load(sum + 8));
    const v8 g_fall = v_mul(fall, v_load(sum + 16)), g_rise = v_mul(rise, v_load(sum + 24));
    v_store(spike_e + k, v_mul(gain, v_sub(e_fall, e_rise)));
    v_store(spike_g + k, v_mul(gain, v_sub(g_fall, g_rise)));
    const v8 b = v_load(post + k);
    v_store(sum, v_fma(lam, b, e_fall));
    v_store(sum + 8, v_fma(lam, b, e_rise));
    v_store(sum + 16, v_fma(kap, b, g_fall));
    v_store(sum + 24, v_fma(kap, b, g_rise));
  }
}

INLINE size_t row_of(const esp_credit *c, int pre)
{
  return pre < c->n_in ? (size_t)pre * (size_t)c->ld_in : (size_t)c->n_in * (size_t)c->ld_in + (size_t)(pre - c->n_in) * (size_t)c->ld;
}

INLINE void add_row(int n, const double *row, double *sum)
{
  for (int k = 0; k < n; k += 8)
    v_store(sum + k, v_add(v_load(sum + k), v_load(row + k)));
}

/* The traces that were there before the block. */
INLINE void credit_before(const esp_credit *c, int pre, const double *sum)
{
  const int n = pre < c->n_in ? c->ld_in : c->ld;
  const size_t row = row_of(c, pre);
  const v8 fall = v_all(c->gain * c->keep_fall * c->fall[pre]), rise = v_all(c->gain * c->keep_rise * c->rise[pre]);
  for (int k = 0; k < n; k += 8, sum += 32) {
    v_store(c->e + row + k, v_add(v_load(c->e + row + k), v_fnma(rise, v_load(sum + 8), v_mul(fall, v_load(sum)))));
    v_store(c->g + row + k, v_add(v_load(c->g + row + k), v_fnma(rise, v_load(sum + 24), v_mul(fall, v_load(sum + 16)))));
  }
}

static void credit(const esp_credit *c)
{
  double *sum = c->scratch, *spike_e = sum + 4 * c->ld, *spike_g = spike_e + c->ld;
  const size_t n_cells = row_of(c, c->n_pre);
  memset(sum, 0, 4 * (size_t)c->ld * sizeof *sum);
  memset(c->e, 0, n_cells * sizeof *c->e);
  memset(c->g, 0, n_cells * sizeof *c->g);
  for (int m = c->n_steps - 1; m >= 0; m--) {
    credit_step(c, m, sum, spike_e, spike_g);
    for (int s = c->first[m]; s < c->first[m + 1]; s++) {
      const int pre = c->spike[s], n = pre < c->n_in ? c->ld_in : c->ld;
      if (pre >= c->n_pre)
        continue;
      add_row(n, spike_e, c->e + row_of(c, pre));
      add_row(n, spike_g, c->g + row_of(c, pre));
    }
  }
  for (int pre = 0; pre < c->n_pre; pre++)
    credit_before(c, pre, sum);
}

/* ---- synapses ---- */

INLINE v8 weight8(v8 theta, m8 functional, double offset)
{
  return v_select(functional, exp_near8(v_sub(theta, v_all(offset))), v_all(0.0));
}

INLINE bool any_functional(const esp_synapses *s, size_t slot)
{
  uint32_t bits;
  memcpy(&bits, s->functional + slot / 8, sizeof bits);
  return bits != 0;
}

/* Weights of the n places of a group, which begin at place at, and of its pairs. Slots without functional synapses have 0 already. */
INLINE void weigh(const esp_synapses *s, const int *cell, size_t at, size_t n)
{
  v8 sum[GROUP / 8] = {v_all(0.0), v_all(0.0), v_all(0.0), v_all(0.0)};
  for (const size_t end = at + n; at < end; at += GROUP)
    if (any_functional(s, at))
      UNROLLED for (int q = 0; q < GROUP / 8; q++)
      {
        const v8 theta = v_load(s->theta + at + 8 * q), w = weight8(theta, v_at_least(theta, v_all(0.0)), s->offset);
        v_store(s->w + at + 8 * q, w);
        sum[q] = v_add(sum[q], w);
      }
  UNROLLED for (int q = 0; q < GROUP / 8; q++)
    v_scatter(s->pair_w, cell + 8 * q, sum[q]);
}

/* What a parameter becomes that the prior and the gradient have already moved from before. */
INLINE v8 moved8(esp_below_zero below, const esp_synapse_step *t, v8 before, v8 theta, v8 z)
{
  const v8 zero = v_all(0.0);
  theta = v_fma(v_all(t->noise), z, theta);
  if (below == ESP_FLOOR)
    theta = v_max(theta, v_sub(zero, theta));
  theta = v_max(v_all(t->low), v_min(v_all(t->high), theta));
  return below == ESP_BELOW_DIFFUSES ? theta : v_select(v_at_least(before, zero), theta, before);
}

INLINE v8 towards_prior8(bool own_prior, const esp_synapse_step *t, size_t at, v8 before)
{
  return own_prior ? v_fma(v_sub(v_load(t->own_mean + at), before), v_load(t->own_rate + at), before)
                   : v_fma(before, v_all(1 - t->prior_rate), v_all(t->prior_rate * t->prior_mean));
}

/* Eight synapses of the pairs whose credit is e_pair, g_pair; new weights come later. */
INLINE void step8(esp_below_zero below, bool own_prior, const esp_synapses *s, const esp_synapse_step *t, size_t at, v8 e_pair,
                  v8 g_pair, v8 z)
{
  const v8 zero = v_all(0.0), w = v_load(s->w + at), e = v_load(s->e + at), before = v_load(s->theta + at);
  const v8 g = v_fma(w, g_pair, v_fma(v_all(t->e_to_g), e, v_mul(v_all(t->keep_g), v_load(s->g + at))));
  const v8 slope = v_max(v_all(-t->clip), v_min(v_all(t->clip), g));
  const v8 theta = moved8(below, t, before, v_fma(v_all(t->step), slope, towards_prior8(own_prior, t, at, before)), z);
  const m8 functional = v_at_least(theta, zero);
  v_store(s->theta + at, theta);
  v_store(s->e + at, v_select(functional, v_fma(w, e_pair, v_mul(v_all(t->keep_e), e)), zero));
  v_store(s->g + at, v_select(functional, g, zero));
  s->functional[at / 8] = (uint8_t)m_bits(functional);
  v_store(s->w + at, zero);
}

/* The same if none of them was functional: w = e = g = 0. */
INLINE void idle8(esp_below_zero below, bool own_prior, const esp_synapses *s, const esp_synapse_step *t, size_t at, v8 z)
{
  const v8 before = v_load(s->theta + at), theta = moved8(below, t, before, towards_prior8(own_prior, t, at, before), z);
  v_store(s->theta + at, theta);
  s->functional[at / 8] = (uint8_t)m_bits(v_at_least(theta, v_all(0.0)));
}

/* Copies of the arguments as in membranes. */
INLINE void step_all(esp_below_zero below, bool own_prior, const esp_synapses *all, const esp_synapse_step *how)
{
  const esp_synapses copy_of_all = *all, *s = &copy_of_all;
  const esp_synapse_step copy_of_how = *how, *t = &copy_of_how;
  const key_schedule key = schedule(t->key);
  float z[AHEAD * GROUP] __attribute__((aligned(64)));
  v8 e[GROUP / 8], g[GROUP / 8];
  size_t at = 0;
  for (int group = 0; group < s->n_groups; group++) {
    const int *cell = s->cell + (size_t)group * GROUP;
    const size_t first = at;
    UNROLLED for (int q = 0; q < GROUP / 8; q++)
    {
      e[q] = v_gather(t->pair_e, cell + 8 * q);
      g[q] = v_gather(t->pair_g, cell + 8 * q);
    }
    for (int slot = 0; slot < s->n_slots[group]; slot++, at += GROUP) {
      const float *noise = z + at % (AHEAD * GROUP);
      if (noise == z)
        normals_ahead(&key, (uint32_t)(at / GROUP), t->time, z);
      if (any_functional(s, at))
        UNROLLED for (size_t q = 0; q < GROUP; q += 8)
          step8(below, own_prior, s, t, at + q, e[q / 8], g[q / 8], v_widen(noise + q));
      else
        UNROLLED for (size_t q = 0; q < GROUP; q += 8)
          idle8(below, own_prior, s, t, at + q, v_widen(noise + q));
    }
    weigh(s, cell, first, at - first);
  }
}

static void step(const esp_synapses *s, const esp_synapse_step *t)
{
  if (t->below == ESP_BELOW_WAITS)
    step_all(ESP_BELOW_WAITS, false, s, t);
  else if (t->below == ESP_FLOOR)
    step_all(ESP_FLOOR, false, s, t);
  else if (t->own_mean)
    step_all(ESP_BELOW_DIFFUSES, true, s, t);
  else
    step_all(ESP_BELOW_DIFFUSES, false, s, t);
}

static void weights(const esp_synapses *s)
{
  size_t at = 0;
  for (int group = 0; group < s->n_groups; group++) {
    const size_t n = (size_t)s->n_slots[group] * GROUP;
    for (size_t i = at; i < at + n; i += 8) {
      s->functional[i / 8] = (uint8_t)m_bits(v_at_least(v_load(s->theta + i), v_all(0.0)));
      v_store(s->w + i, v_all(0.0));
    }
    weigh(s, s->cell + (size_t)group * GROUP, at, n);
    at += n;
  }
}

#define PASTE(a, b) a##b
#define NAMED(prefix, name) PASTE(prefix, name)
#define QUOTE(x) #x
#define TEXT(x) QUOTE(x)
const esp_spiking_kernel NAMED(esp_spiking_kernel_, ESP_KERNEL) = {
    .name = TEXT(ESP_KERNEL),
    .membranes = membranes,
    .inputs = inputs,
    .deliver = deliver,
    .credit = credit,
    .step = step,
    .weights = weights,
    .normals = normals,
    .exp_all = exp_all,
};
