/* model/vector.h - eight doubles at once, for each instruction set that kernels.c is compiled for.
 *
 * Every operation is one IEEE operation on each of the eight lanes, so that AVX2 and AVX-512 give the same bits; only the
 * portable kind has no fused multiply-add. Memory is aligned to 64 bytes. */
#ifndef ESPALIER_MODEL_VECTOR_H
#define ESPALIER_MODEL_VECTOR_H
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

#else /* plain C, which the compiler puts into whatever vectors there are */
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
#endif

#endif
