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
static inline v8 v_all(double a) { return _mm512_set1_pd(a); }
static inline v8 v_add(v8 a, v8 b) { return _mm512_add_pd(a, b); }
static inline v8 v_sub(v8 a, v8 b) { return _mm512_sub_pd(a, b); }
static inline v8 v_mul(v8 a, v8 b) { return _mm512_mul_pd(a, b); }
static inline v8 v_div(v8 a, v8 b) { return _mm512_div_pd(a, b); }
static inline v8 v_fma(v8 a, v8 b, v8 c) { return _mm512_fmadd_pd(a, b, c); }
/** c - a b */
static inline v8 v_fnma(v8 a, v8 b, v8 c) { return _mm512_fnmadd_pd(a, b, c); }
/** The smaller one; a NaN in b stays. */
static inline v8 v_min(v8 a, v8 b) { return _mm512_min_pd(a, b); }
static inline v8 v_abs(v8 a) { return _mm512_abs_pd(a); }
/** a >= 0 with the sign of b. */
static inline v8 v_with_sign(v8 a, v8 b)
{
  const __m512i sign = _mm512_and_epi64(_mm512_castpd_si512(b), _mm512_set1_epi64(INT64_MIN));
  return _mm512_castsi512_pd(_mm512_or_epi64(_mm512_castpd_si512(a), sign));
}
/** 2^n, where the low bits of a hold n + 1023 as an integer. */
static inline v8 v_exponent(v8 a) { return _mm512_castsi512_pd(_mm512_slli_epi64(_mm512_castpd_si512(a), 52)); }

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
static inline v8 v_abs(v8 a)
{
  const __m256d sign = _mm256_set1_pd(-0.0);
  return (v8){_mm256_andnot_pd(sign, a.lo), _mm256_andnot_pd(sign, a.hi)};
}
static inline v8 v_with_sign(v8 a, v8 b)
{
  const __m256d sign = _mm256_set1_pd(-0.0);
  return (v8){_mm256_or_pd(a.lo, _mm256_and_pd(sign, b.lo)), _mm256_or_pd(a.hi, _mm256_and_pd(sign, b.hi))};
}
static inline v8 v_exponent(v8 a)
{
  return (v8){_mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(a.lo), 52)),
              _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(a.hi), 52))};
}

#else /* plain C, which the compiler puts into whatever vectors there are */
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
static inline v8 v_all(double a) { V_EACH(a); }
static inline v8 v_add(v8 a, v8 b) { V_EACH(a.at[i] + b.at[i]); }
static inline v8 v_sub(v8 a, v8 b) { V_EACH(a.at[i] - b.at[i]); }
static inline v8 v_mul(v8 a, v8 b) { V_EACH(a.at[i] * b.at[i]); }
static inline v8 v_div(v8 a, v8 b) { V_EACH(a.at[i] / b.at[i]); }
static inline v8 v_fma(v8 a, v8 b, v8 c) { V_EACH(a.at[i] * b.at[i] + c.at[i]); }
static inline v8 v_fnma(v8 a, v8 b, v8 c) { V_EACH(c.at[i] - a.at[i] * b.at[i]); }
static inline v8 v_min(v8 a, v8 b) { V_EACH(a.at[i] < b.at[i] ? a.at[i] : b.at[i]); }
static inline v8 v_abs(v8 a) { V_EACH(__builtin_fabs(a.at[i])); }
static inline v8 v_with_sign(v8 a, v8 b) { V_EACH(__builtin_copysign(a.at[i], b.at[i])); }
static inline v8 v_exponent(v8 a)
{
  uint64_t bits[8];
  memcpy(bits, a.at, sizeof bits);
  for (int i = 0; i < 8; i++)
    bits[i] <<= 52;
  memcpy(a.at, bits, sizeof bits);
  return a;
}
#endif

#endif
