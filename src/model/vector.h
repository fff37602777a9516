/* model/vector.h - eight doubles at once, for each instruction set that the kernels are compiled for.
 *
 * Every operation is one IEEE operation on each of the eight lanes, so that AVX2 and AVX-512 give the same bits; only the
 * portable kind has no fused multiply-add. Memory is aligned to 64 bytes. w8 is eight 64-bit integers, m8 a yes or no for each lane.
 * f16 and i16 are sixteen floats and 32-bit integers. */
#ifndef ESPALIER_MODEL_VECTOR_H
#define ESPALIER_MODEL_VECTOR_H
#include <stdbool.h>
#include <stdint.h>

#if defined(__AVX512F__)
#include <immintrin.h>

typedef __m512d v8;

static inline v8 v_load(const double *p) { return _mm512_load_pd(p); }
static inline void v_store(double *p, v8 a) { _mm512_store_pd(p, a); }
/** The same, in a register: the compiler would rather read memory again at each use, and loads are what runs short. */
static inline v8 v_fetch(const double *p)
{
  v8 a = v_load(p);
  __asm__("" : "+v"(a));
  return a;
}
/** The first n <= 8 lanes, to any address. */
static inline void v_store_first(double *p, int n, v8 a) { _mm512_mask_storeu_pd(p, (__mmask8)((1U << n) - 1), a); }
static inline v8 v_all(double a) { return _mm512_set1_pd(a); }
static inline v8 v_add(v8 a, v8 b) { return _mm512_add_pd(a, b); }
static inline v8 v_sub(v8 a, v8 b) { return _mm512_sub_pd(a, b); }
static inline v8 v_mul(v8 a, v8 b) { return _mm512_mul_pd(a, b); }
static inline v8 v_div(v8 a, v8 b) { return _mm512_div_pd(a, b); }
static inline v8 v_fma(v8 a, v8 b, v8 c) { return _mm512_fmadd_pd(a, b, c); }
/** c - a b */
static inline v8 v_fnma(v8 a, v8 b, v8 c) { return _mm512_fnmadd_pd(a, b, c); }
/** The smaller one, the larger one; a NaN in b stays. */
static inline v8 v_min(v8 a, v8 b) { return _mm512_min_pd(a, b); }
static inline v8 v_max(v8 a, v8 b) { return _mm512_max_pd(a, b); }
/** 2^n, where the low bits of a hold n + 1023 as an integer. */
static inline v8 v_exponent(v8 a) { return _mm512_castsi512_pd(_mm512_slli_epi64(_mm512_castpd_si512(a), 52)); }
/** Lane j of row i becomes lane i of row j. */
static inline void v_transpose(v8 a[8])
{
  v8 b[8], c[8];
  for (int i = 0; i < 8; i += 2) { /* pairs of lanes, then pairs of pairs, then halves */
    b[i] = _mm512_unpacklo_pd(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_pd(a[i], a[i + 1]);
  }
  for (int i = 0; i < 8; i += 4)
    for (int k = 0; k < 2; k++) {
      c[i + k] = _mm512_shuffle_f64x2(b[i + k], b[i + k + 2], 0x88);
      c[i + k + 2] = _mm512_shuffle_f64x2(b[i + k], b[i + k + 2], 0xdd);
    }
  for (int k = 0; k < 4; k++) {
    a[k] = _mm512_shuffle_f64x2(c[k], c[k + 4], 0x88);
    a[k + 4] = _mm512_shuffle_f64x2(c[k], c[k + 4], 0xdd);
  }
}

/** from[at[i]], at aligned to 32 bytes. */
static inline v8 v_gather(const double *from, const int *at)
{
  return _mm512_i32gather_pd(_mm256_load_si256((const __m256i *)(const void *)at), from, 8);
}
/** to[at[i]] = lane i. */
static inline void v_scatter(double *to, const int *at, v8 a)
{
  _mm512_i32scatter_pd(to, _mm256_load_si256((const __m256i *)(const void *)at), a, 8);
}

typedef __m512i w8;
typedef __mmask8 m8;

static inline v8 v_sqrt(v8 a) { return _mm512_sqrt_pd(a); }
static inline m8 v_at_least(v8 a, v8 b) { return _mm512_cmp_pd_mask(a, b, _CMP_GE_OQ); }
/** yes ? a : b */
static inline v8 v_select(m8 yes, v8 a, v8 b) { return _mm512_mask_blend_pd(yes, b, a); }
/** Lane i is bit i. */
static inline unsigned m_bits(m8 m) { return (unsigned)m; }
static inline m8 m_and(m8 a, m8 b) { return a & b; }
static inline w8 w_of(v8 a) { return _mm512_castpd_si512(a); }
static inline v8 w_to_v(w8 a) { return _mm512_castsi512_pd(a); }
static inline w8 w_all(uint64_t a) { return _mm512_set1_epi64((long long)a); }
static inline w8 w_load(const uint64_t *p) { return _mm512_load_si512(p); }
/** The 64-bit products of the lower halves. */
static inline w8 w_multiply_low(w8 a, w8 b) { return _mm512_mul_epu32(a, b); }
static inline w8 w_add(w8 a, w8 b) { return _mm512_add_epi64(a, b); }
static inline w8 w_and(w8 a, w8 b) { return _mm512_and_si512(a, b); }
static inline w8 w_or(w8 a, w8 b) { return _mm512_or_si512(a, b); }
static inline w8 w_xor(w8 a, w8 b) { return _mm512_xor_si512(a, b); }
#define w_up(a, n) _mm512_slli_epi64((a), (n))
#define w_down(a, n) _mm512_srli_epi64((a), (n))

typedef __m512 f16;
typedef __m512i i16;

/** Eight floats as doubles. */
static inline v8 v_widen(const float *p) { return _mm512_cvtps_pd(_mm256_load_ps(p)); }
static inline void f_store(float *p, f16 a) { _mm512_store_ps(p, a); }
static inline f16 f_all(float a) { return _mm512_set1_ps(a); }
static inline f16 f_sub(f16 a, f16 b) { return _mm512_sub_ps(a, b); }
static inline f16 f_mul(f16 a, f16 b) { return _mm512_mul_ps(a, b); }
static inline f16 f_fma(f16 a, f16 b, f16 c) { return _mm512_fmadd_ps(a, b, c); }
static inline f16 f_sqrt(f16 a) { return _mm512_sqrt_ps(a); }
static inline i16 i_of(f16 a) { return _mm512_castps_si512(a); }
static inline f16 i_to_f(i16 a) { return _mm512_castsi512_ps(a); }
/** The nearest float to each integer. */
static inline f16 i_value(i16 a) { return _mm512_cvtepi32_ps(a); }
/** Lanes 2 l and 2 l + 1 are the lower halves of lane l of a and of b. */
static inline i16 i_zip(w8 a, w8 b) { return _mm512_mask_shuffle_epi32(a, 0xaaaa, b, _MM_PERM_CCAA); }
static inline i16 i_all(uint32_t a) { return _mm512_set1_epi32((int)a); }
static inline i16 i_add(i16 a, i16 b) { return _mm512_add_epi32(a, b); }
static inline i16 i_sub(i16 a, i16 b) { return _mm512_sub_epi32(a, b); }
static inline i16 i_and(i16 a, i16 b) { return _mm512_and_si512(a, b); }
static inline i16 i_or(i16 a, i16 b) { return _mm512_or_si512(a, b); }
static inline i16 i_xor(i16 a, i16 b) { return _mm512_xor_si512(a, b); }
#define i_up(a, n) _mm512_slli_epi32((a), (n))
/** The sign comes in from above. */
#define i_down(a, n) _mm512_srai_epi32((a), (n))

#elif defined(__AVX2__)
#include <immintrin.h>

typedef struct {
  __m256d lo, hi;
} v8;

static inline v8 v_load(const double *p) { return (v8){_mm256_load_pd(p), _mm256_load_pd(p + 4)}; }
static inline void v_store(double *p, v8 a)
{
  _mm256_store_pd(p, a.lo);
  _mm256_store_pd(p + 4, a.hi);
}
static inline v8 v_fetch(const double *p)
{
  v8 a = v_load(p);
  __asm__("" : "+x"(a.lo), "+x"(a.hi));
  return a;
}
static inline void v_store_first(double *p, int n, v8 a)
{
  if (n == 8) {
    _mm256_storeu_pd(p, a.lo);
    _mm256_storeu_pd(p + 4, a.hi);
  } else {
    double lanes[8] __attribute__((aligned(64)));
    v_store(lanes, a);
    for (int i = 0; i < n; i++)
      p[i] = lanes[i];
  }
}
static inline v8 v_all(double a) { return (v8){_mm256_set1_pd(a), _mm256_set1_pd(a)}; }
static inline v8 v_add(v8 a, v8 b) { return (v8){_mm256_add_pd(a.lo, b.lo), _mm256_add_pd(a.hi, b.hi)}; }
static inline v8 v_sub(v8 a, v8 b) { return (v8){_mm256_sub_pd(a.lo, b.lo), _mm256_sub_pd(a.hi, b.hi)}; }
static inline v8 v_mul(v8 a, v8 b) { return (v8){_mm256_mul_pd(a.lo, b.lo), _mm256_mul_pd(a.hi, b.hi)}; }
static inline v8 v_div(v8 a, v8 b) { return (v8){_mm256_div_pd(a.lo, b.lo), _mm256_div_pd(a.hi, b.hi)}; }
static inline v8 v_fma(v8 a, v8 b, v8 c)
{
  return (v8){_mm256_fmadd_pd(a.lo, b.lo, c.lo), _mm256_fmadd_pd(a.hi, b.hi, c.hi)};
}
static inline v8 v_fnma(v8 a, v8 b, v8 c)
{
  return (v8){_mm256_fnmadd_pd(a.lo, b.lo, c.lo), _mm256_fnmadd_pd(a.hi, b.hi, c.hi)};
}
static inline v8 v_min(v8 a, v8 b) { return (v8){_mm256_min_pd(a.lo, b.lo), _mm256_min_pd(a.hi, b.hi)}; }
static inline v8 v_max(v8 a, v8 b) { return (v8){_mm256_max_pd(a.lo, b.lo), _mm256_max_pd(a.hi, b.hi)}; }
static inline v8 v_exponent(v8 a)
{
  return (v8){_mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(a.lo), 52)),
              _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(a.hi), 52))};
}
static inline void v_transpose4(__m256d a[4])
{
  const __m256d b0 = _mm256_unpacklo_pd(a[0], a[1]), b1 = _mm256_unpackhi_pd(a[0], a[1]);
  const __m256d b2 = _mm256_unpacklo_pd(a[2], a[3]), b3 = _mm256_unpackhi_pd(a[2], a[3]);
  a[0] = _mm256_permute2f128_pd(b0, b2, 0x20);
  a[1] = _mm256_permute2f128_pd(b1, b3, 0x20);
  a[2] = _mm256_permute2f128_pd(b0, b2, 0x31);
  a[3] = _mm256_permute2f128_pd(b1, b3, 0x31);
}
static inline void v_transpose(v8 a[8])
{
  for (int half = 0; half < 8; half += 4) {
    __m256d lo[4] = {a[half].lo, a[half + 1].lo, a[half + 2].lo, a[half + 3].lo};
    __m256d hi[4] = {a[half].hi, a[half + 1].hi, a[half + 2].hi, a[half + 3].hi};
    v_transpose4(lo);
    v_transpose4(hi);
    for (int i = 0; i < 4; i++)
      a[half + i] = (v8){lo[i], hi[i]};
  }
  for (int i = 0; i < 4; i++) {
    const v8 upper = a[i], lower = a[i + 4];
    a[i] = (v8){upper.lo, lower.lo};
    a[i + 4] = (v8){upper.hi, lower.hi};
  }
}

static inline v8 v_gather(const double *from, const int *at)
{
  return (v8){_mm256_i32gather_pd(from, _mm_load_si128((const __m128i *)(const void *)at), 8),
              _mm256_i32gather_pd(from, _mm_load_si128((const __m128i *)(const void *)(at + 4)), 8)};
}
static inline void v_scatter(double *to, const int *at, v8 a)
{
  double lanes[8] __attribute__((aligned(64)));
  v_store(lanes, a);
  for (int i = 0; i < 8; i++)
    to[at[i]] = lanes[i];
}

typedef struct {
  __m256i lo, hi;
} w8;
typedef v8 m8;

static inline v8 v_sqrt(v8 a) { return (v8){_mm256_sqrt_pd(a.lo), _mm256_sqrt_pd(a.hi)}; }
static inline m8 v_at_least(v8 a, v8 b)
{
  return (m8){_mm256_cmp_pd(a.lo, b.lo, _CMP_GE_OQ), _mm256_cmp_pd(a.hi, b.hi, _CMP_GE_OQ)};
}
static inline v8 v_select(m8 yes, v8 a, v8 b)
{
  return (v8){_mm256_blendv_pd(b.lo, a.lo, yes.lo), _mm256_blendv_pd(b.hi, a.hi, yes.hi)};
}
static inline unsigned m_bits(m8 m)
{
  return (unsigned)_mm256_movemask_pd(m.lo) | (unsigned)_mm256_movemask_pd(m.hi) << 4;
}
static inline m8 m_and(m8 a, m8 b) { return (m8){_mm256_and_pd(a.lo, b.lo), _mm256_and_pd(a.hi, b.hi)}; }
static inline w8 w_of(v8 a) { return (w8){_mm256_castpd_si256(a.lo), _mm256_castpd_si256(a.hi)}; }
static inline v8 w_to_v(w8 a) { return (v8){_mm256_castsi256_pd(a.lo), _mm256_castsi256_pd(a.hi)}; }
static inline w8 w_all(uint64_t a) { return (w8){_mm256_set1_epi64x((long long)a), _mm256_set1_epi64x((long long)a)}; }
static inline w8 w_load(const uint64_t *p)
{
  return (w8){_mm256_load_si256((const __m256i *)(const void *)p), _mm256_load_si256((const __m256i *)(const void *)(p + 4))};
}
static inline w8 w_multiply_low(w8 a, w8 b) { return (w8){_mm256_mul_epu32(a.lo, b.lo), _mm256_mul_epu32(a.hi, b.hi)}; }
static inline w8 w_add(w8 a, w8 b) { return (w8){_mm256_add_epi64(a.lo, b.lo), _mm256_add_epi64(a.hi, b.hi)}; }
static inline w8 w_and(w8 a, w8 b) { return (w8){_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)}; }
static inline w8 w_or(w8 a, w8 b) { return (w8){_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)}; }
static inline w8 w_xor(w8 a, w8 b) { return (w8){_mm256_xor_si256(a.lo, b.lo), _mm256_xor_si256(a.hi, b.hi)}; }
static inline w8 w_up(w8 a, int n) { return (w8){_mm256_slli_epi64(a.lo, n), _mm256_slli_epi64(a.hi, n)}; }
static inline w8 w_down(w8 a, int n) { return (w8){_mm256_srli_epi64(a.lo, n), _mm256_srli_epi64(a.hi, n)}; }

typedef struct {
  __m256 lo, hi;
} f16;
typedef w8 i16;

static inline v8 v_widen(const float *p) { return (v8){_mm256_cvtps_pd(_mm_load_ps(p)), _mm256_cvtps_pd(_mm_load_ps(p + 4))}; }
static inline void f_store(float *p, f16 a)
{
  _mm256_store_ps(p, a.lo);
  _mm256_store_ps(p + 8, a.hi);
}
static inline f16 f_all(float a) { return (f16){_mm256_set1_ps(a), _mm256_set1_ps(a)}; }
static inline f16 f_sub(f16 a, f16 b) { return (f16){_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
static inline f16 f_mul(f16 a, f16 b) { return (f16){_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
static inline f16 f_fma(f16 a, f16 b, f16 c)
{
  return (f16){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
static inline f16 f_sqrt(f16 a) { return (f16){_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)}; }
static inline i16 i_of(f16 a) { return (i16){_mm256_castps_si256(a.lo), _mm256_castps_si256(a.hi)}; }
static inline f16 i_to_f(i16 a) { return (f16){_mm256_castsi256_ps(a.lo), _mm256_castsi256_ps(a.hi)}; }
static inline f16 i_value(i16 a) { return (f16){_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)}; }
static inline i16 i_zip(w8 a, w8 b)
{
  return (i16){_mm256_blend_epi32(a.lo, _mm256_slli_epi64(b.lo, 32), 0xaa), _mm256_blend_epi32(a.hi, _mm256_slli_epi64(b.hi, 32), 0xaa)};
}
static inline i16 i_all(uint32_t a) { return (i16){_mm256_set1_epi32((int)a), _mm256_set1_epi32((int)a)}; }
static inline i16 i_add(i16 a, i16 b) { return (i16){_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)}; }
static inline i16 i_sub(i16 a, i16 b) { return (i16){_mm256_sub_epi32(a.lo, b.lo), _mm256_sub_epi32(a.hi, b.hi)}; }
static inline i16 i_and(i16 a, i16 b) { return w_and(a, b); }
static inline i16 i_or(i16 a, i16 b) { return w_or(a, b); }
static inline i16 i_xor(i16 a, i16 b) { return w_xor(a, b); }
static inline i16 i_up(i16 a, int n) { return (i16){_mm256_slli_epi32(a.lo, n), _mm256_slli_epi32(a.hi, n)}; }
static inline i16 i_down(i16 a, int n) { return (i16){_mm256_srai_epi32(a.lo, n), _mm256_srai_epi32(a.hi, n)}; }

#else /* plain C, which the compiler puts into whatever vectors there are */
#include <math.h>
#include <stddef.h>
#include <string.h>

typedef struct {
  double at[8];
} v8;

#define V_EACH(expression)       \
  do {                           \
    v8 result;                   \
    for (int i = 0; i < 8; i++)  \
      result.at[i] = expression; \
    return result;               \
  } while (0)
static inline v8 v_load(const double *p) { V_EACH(p[i]); }
static inline void v_store(double *p, v8 a) { memcpy(p, a.at, sizeof a.at); }
static inline v8 v_fetch(const double *p) { return v_load(p); }
static inline void v_store_first(double *p, int n, v8 a) { memcpy(p, a.at, (size_t)n * sizeof *p); }
static inline v8 v_all(double a) { V_EACH(a); }
static inline v8 v_add(v8 a, v8 b) { V_EACH(a.at[i] + b.at[i]); }
static inline v8 v_sub(v8 a, v8 b) { V_EACH(a.at[i] - b.at[i]); }
static inline v8 v_mul(v8 a, v8 b) { V_EACH(a.at[i] * b.at[i]); }
static inline v8 v_div(v8 a, v8 b) { V_EACH(a.at[i] / b.at[i]); }
static inline v8 v_fma(v8 a, v8 b, v8 c) { V_EACH(a.at[i] * b.at[i] + c.at[i]); }
static inline v8 v_fnma(v8 a, v8 b, v8 c) { V_EACH(c.at[i] - a.at[i] * b.at[i]); }
static inline v8 v_min(v8 a, v8 b) { V_EACH(a.at[i] < b.at[i] ? a.at[i] : b.at[i]); }
static inline v8 v_max(v8 a, v8 b) { V_EACH(a.at[i] > b.at[i] ? a.at[i] : b.at[i]); }
static inline v8 v_exponent(v8 a)
{
  uint64_t bits[8];
  memcpy(bits, a.at, sizeof bits);
  for (int i = 0; i < 8; i++)
    bits[i] <<= 52;
  memcpy(a.at, bits, sizeof bits);
  return a;
}
static inline void v_transpose(v8 a[8])
{
  v8 b[8];
  memcpy(b, a, sizeof b);
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < 8; j++)
      a[j].at[i] = b[i].at[j];
}

static inline v8 v_gather(const double *from, const int *at) { V_EACH(from[at[i]]); }
static inline void v_scatter(double *to, const int *at, v8 a)
{
  for (int i = 0; i < 8; i++)
    to[at[i]] = a.at[i];
}

typedef struct {
  uint64_t at[8];
} w8;
typedef struct {
  bool at[8];
} m8;

#define W_EACH(expression)       \
  do {                           \
    w8 result;                   \
    for (int i = 0; i < 8; i++)  \
      result.at[i] = expression; \
    return result;               \
  } while (0)
static inline v8 v_sqrt(v8 a) { V_EACH(sqrt(a.at[i])); }
static inline m8 v_at_least(v8 a, v8 b)
{
  m8 result;
  for (int i = 0; i < 8; i++)
    result.at[i] = a.at[i] >= b.at[i];
  return result;
}
static inline v8 v_select(m8 yes, v8 a, v8 b) { V_EACH(yes.at[i] ? a.at[i] : b.at[i]); }
static inline unsigned m_bits(m8 m)
{
  unsigned bits = 0;
  for (unsigned i = 0; i < 8; i++)
    bits |= (unsigned)m.at[i] << i;
  return bits;
}
static inline m8 m_and(m8 a, m8 b)
{
  for (int i = 0; i < 8; i++)
    a.at[i] = a.at[i] && b.at[i];
  return a;
}
static inline w8 w_of(v8 a)
{
  w8 result;
  memcpy(result.at, a.at, sizeof result.at);
  return result;
}
static inline v8 w_to_v(w8 a)
{
  v8 result;
  memcpy(result.at, a.at, sizeof result.at);
  return result;
}
static inline w8 w_all(uint64_t a) { W_EACH(a); }
static inline w8 w_load(const uint64_t *p) { W_EACH(p[i]); }
static inline w8 w_multiply_low(w8 a, w8 b) { W_EACH((a.at[i] & UINT32_MAX) * (b.at[i] & UINT32_MAX)); }
static inline w8 w_add(w8 a, w8 b) { W_EACH(a.at[i] + b.at[i]); }
static inline w8 w_and(w8 a, w8 b) { W_EACH(a.at[i] & b.at[i]); }
static inline w8 w_or(w8 a, w8 b) { W_EACH(a.at[i] | b.at[i]); }
static inline w8 w_xor(w8 a, w8 b) { W_EACH(a.at[i] ^ b.at[i]); }
static inline w8 w_up(w8 a, int n) { W_EACH(a.at[i] << n); }
static inline w8 w_down(w8 a, int n) { W_EACH(a.at[i] >> n); }

typedef struct {
  float at[16];
} f16;
typedef struct {
  uint32_t at[16];
} i16;

#define EACH16(type, expression)  \
  do {                            \
    type result;                  \
    for (int i = 0; i < 16; i++)  \
      result.at[i] = expression;  \
    return result;                \
  } while (0)
static inline v8 v_widen(const float *p) { V_EACH((double)p[i]); }
static inline void f_store(float *p, f16 a) { memcpy(p, a.at, sizeof a.at); }
static inline f16 f_all(float a) { EACH16(f16, a); }
static inline f16 f_sub(f16 a, f16 b) { EACH16(f16, a.at[i] - b.at[i]); }
static inline f16 f_mul(f16 a, f16 b) { EACH16(f16, a.at[i] * b.at[i]); }
static inline f16 f_fma(f16 a, f16 b, f16 c) { EACH16(f16, a.at[i] * b.at[i] + c.at[i]); }
static inline f16 f_sqrt(f16 a) { EACH16(f16, sqrtf(a.at[i])); }
static inline i16 i_of(f16 a)
{
  i16 result;
  memcpy(result.at, a.at, sizeof result.at);
  return result;
}
static inline f16 i_to_f(i16 a)
{
  f16 result;
  memcpy(result.at, a.at, sizeof result.at);
  return result;
}
static inline f16 i_value(i16 a) { EACH16(f16, (float)(int32_t)a.at[i]); }
static inline i16 i_zip(w8 a, w8 b) { EACH16(i16, (uint32_t)(i % 2 ? b : a).at[i / 2]); }
static inline i16 i_all(uint32_t a) { EACH16(i16, a); }
static inline i16 i_add(i16 a, i16 b) { EACH16(i16, a.at[i] + b.at[i]); }
static inline i16 i_sub(i16 a, i16 b) { EACH16(i16, a.at[i] - b.at[i]); }
static inline i16 i_and(i16 a, i16 b) { EACH16(i16, a.at[i] & b.at[i]); }
static inline i16 i_or(i16 a, i16 b) { EACH16(i16, a.at[i] | b.at[i]); }
static inline i16 i_xor(i16 a, i16 b) { EACH16(i16, a.at[i] ^ b.at[i]); }
static inline i16 i_up(i16 a, int n) { EACH16(i16, a.at[i] << n); }
static inline i16 i_down(i16 a, int n) { EACH16(i16, (uint32_t)((int32_t)a.at[i] >> n)); }
#endif

#endif
