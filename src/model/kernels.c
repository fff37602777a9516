/* model/kernels.c - one source for all instruction sets; the build defines ESP_KERNEL as the name of this one. */
#include "kernels.h"

#if defined(__x86_64__)
#include <sleef.h>
#else
#include <math.h>
#endif

typedef double v8 __attribute__((vector_size(64), aligned(64)));

#if defined(__AVX512F__)
enum { WIDE_ROWS = 4, WIDE_VECTORS = 4 }; /* accumulators that stay in registers: 16 of 32 */
#else
enum { WIDE_ROWS = 2, WIDE_VECTORS = 1 }; /* in 256-bit halves: 4 of 16 */
#endif

static inline v8 multiply_add(double a, v8 b, v8 c)
{
#if defined(__FMA__)
  for (int i = 0; i < 8; i++)
    c[i] = __builtin_fma(a, b[i], c[i]);
  return c;
#else
  return a * b + c;
#endif
}

/* R rows by V vectors of the product at once; R and V are constants where this is inlined. */
static inline __attribute__((always_inline)) void block(int R, int V, int n, int ld, const double *const *x, const double *m,
                                                        const double *const *start, double *out, int column)
{
  v8 sum[WIDE_ROWS > 4 ? WIDE_ROWS : 4][4];
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++)
      sum[r][v] = *(const v8 *)(start[r] + column + 8 * v);
  for (int j = 0; j < n; j++, m += ld)
    for (int r = 0; r < R; r++)
      for (int v = 0; v < V; v++)
        sum[r][v] = multiply_add(x[r][j], *(const v8 *)(m + column + 8 * v), sum[r][v]);
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++)
      *(v8 *)(out + (size_t)r * (size_t)ld + column + 8 * v) = sum[r][v];
}

static inline __attribute__((always_inline)) void rows(int R, int n, int ld, const double *const *x, const double *m,
                                                       const double *const *start, double *out)
{
  int column = 0;
  for (; column + 8 * WIDE_VECTORS <= ld; column += 8 * WIDE_VECTORS)
    block(R, WIDE_VECTORS, n, ld, x, m, start, out, column);
  for (; column < ld; column += 8)
    block(R, 1, n, ld, x, m, start, out, column);
}

static void rows_times_matrix(int n_rows, int n, int ld, const double *const *x, const double *m, const double *const *start,
                              double *out)
{
  int r = 0;
  for (; r + WIDE_ROWS <= n_rows; r += WIDE_ROWS)
    rows(WIDE_ROWS, n, ld, x + r, m, start + r, out + (size_t)r * (size_t)ld);
  for (; r + 2 <= n_rows; r += 2)
    rows(2, n, ld, x + r, m, start + r, out + (size_t)r * (size_t)ld);
  for (; r < n_rows; r++)
    rows(1, n, ld, x + r, m, start + r, out + (size_t)r * (size_t)ld);
}

/* SLEEF's deterministic functions (error < 1 ulp): equal bits for every vector width of one family, fused (finz) or not
 * (cinz). */
static void tanh_all(size_t n, const double *in, double *out)
{
#if defined(__AVX512F__)
  for (size_t i = 0; i < n; i += 8)
    _mm512_storeu_pd(out + i, Sleef_finz_tanhd8_u10avx512f(_mm512_loadu_pd(in + i)));
#elif defined(__AVX2__)
  for (size_t i = 0; i < n; i += 4)
    _mm256_storeu_pd(out + i, Sleef_finz_tanhd4_u10avx2(_mm256_loadu_pd(in + i)));
#elif defined(__x86_64__)
  for (size_t i = 0; i < n; i += 2)
    _mm_storeu_pd(out + i, Sleef_cinz_tanhd2_u10sse2(_mm_loadu_pd(in + i)));
#else
  for (size_t i = 0; i < n; i++)
    out[i] = tanh(in[i]);
#endif
}

#define PASTE(a, b) a##b
#define NAMED(prefix, name) PASTE(prefix, name)
#define QUOTE(x) #x
#define TEXT(x) QUOTE(x)
const esp_kernel NAMED(esp_kernel_, ESP_KERNEL) = {
    .name = TEXT(ESP_KERNEL),
    .rows_times_matrix = rows_times_matrix,
    .tanh_all = tanh_all,
};
