/* model/kernels.c - one source for all instruction sets; the build defines ESP_KERNEL as the name of this one. */
#include "kernels.h"

#include "vector.h"

#define INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__)
enum { PRODUCT_VECTORS = 4, SUM_ROWS = 6, SUM_VECTORS = 4 }; /* accumulators: 2 x 2 x 4 and 6 x 4 of 32 registers */
#else
enum { PRODUCT_VECTORS = 1, SUM_ROWS = 3, SUM_VECTORS = 1 }; /* in halves: 2 x 2 x 2 and 3 x 2 of 16 */
#endif

/* ---- tanh ---- */

/* tanh |x| = m / (2 - m) with m = -expm1(-2 |x|), which loses no digits near 0. -2 |x| = n ln 2 + r with |r| <= ln 2 / 2;
 * expm1(r) is its Taylor series to r^13 (remainder below 2^-56 of it), expm1(-2 |x|) = 2^n expm1(r) + (2^n - 1). Beyond
 * |x| = 20 the result is 1 in double precision anyway. */
INLINE v8 tanh8(v8 x)
{
  static const double c[14] = {0,          0,           1.0 / 2,      1.0 / 6,       1.0 / 24,       1.0 / 120,      1.0 / 720,
                               1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600,
                               1.0 / 6227020800};
  const v8 y = v_mul(v_all(-2.0), v_min(v_all(20.0), v_abs(x)));
  const v8 rounder = v_all(0x1.8p52 + 1023); /* adding it rounds to an integer, whose bits end in n + 1023 */
  const v8 shifted = v_fma(y, v_all(0x1.71547652b82fep0), rounder);
  const v8 n = v_sub(shifted, rounder);
  const v8 r = v_fma(n, v_all(-0x1.abc9e3b39803fp-56), v_fma(n, v_all(-0x1.62e42fefa39efp-1), y));
  const v8 two_n = v_exponent(shifted);

  const v8 r2 = v_mul(r, r), r4 = v_mul(r2, r2), r8 = v_mul(r4, r4);
  const v8 q0 = v_fma(v_fma(v_all(c[5]), r, v_all(c[4])), r2, v_fma(v_all(c[3]), r, v_all(c[2])));
  const v8 q4 = v_fma(v_fma(v_all(c[9]), r, v_all(c[8])), r2, v_fma(v_all(c[7]), r, v_all(c[6])));
  const v8 q8 = v_fma(v_fma(v_all(c[13]), r, v_all(c[12])), r2, v_fma(v_all(c[11]), r, v_all(c[10])));
  const v8 q = v_fma(q8, r8, v_fma(q4, r4, q0));
  const v8 expm1_r = v_fma(q, r2, r);
  const v8 m = v_fnma(two_n, expm1_r, v_sub(v_all(1.0), two_n));
  return v_with_sign(v_div(m, v_sub(v_all(2.0), m)), x);
}

static void tanh_all(size_t n, const double *in, double *out)
{
  for (size_t i = 0; i < n; i += 8)
    v_store(out + i, tanh8(v_load(in + i)));
}

/* ---- rows times matrix, and what is done to the result ---- */

typedef enum { PLAIN, FORWARD, BACKWARD } epilogue;

/* R rows (1 or 2) by V vectors; these and the epilogue are constants where this is inlined. Two chains of sums for each output,
 * even and odd j, keep both multipliers busy while a single row is worked on. */
INLINE void product_block(epilogue after, int R, int V, int n, int ld, const double *const *x, const double *m,
                          const double *const *start, double *out, double *rate, int column)
{
  v8 even[2][4], odd[2][4];
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++) {
      even[r][v] = v_load(start[r] + column + 8 * v);
      odd[r][v] = v_all(0.0);
    }
  const double *x0 = x[0], *x1 = x[R - 1];
  m += column;
  int j = 0;
  for (; j + 2 <= n; j += 2, m += 2 * (long)ld)
    for (int v = 0; v < V; v++) {
      const v8 m_even = v_fetch(m + 8 * v), m_odd = v_fetch(m + ld + 8 * v);
      even[0][v] = v_fma(v_all(x0[j]), m_even, even[0][v]);
      odd[0][v] = v_fma(v_all(x0[j + 1]), m_odd, odd[0][v]);
      if (R == 2) {
        even[1][v] = v_fma(v_all(x1[j]), m_even, even[1][v]);
        odd[1][v] = v_fma(v_all(x1[j + 1]), m_odd, odd[1][v]);
      }
    }
  if (j < n)
    for (int v = 0; v < V; v++) {
      even[0][v] = v_fma(v_all(x0[j]), v_load(m + 8 * v), even[0][v]);
      if (R == 2)
        even[1][v] = v_fma(v_all(x1[j]), v_load(m + 8 * v), even[1][v]);
    }
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++) {
      const long at = (long)r * ld + column + 8 * v;
      const v8 sum = v_add(even[r][v], odd[r][v]);
      if (after == BACKWARD) {
        const v8 f = v_load(rate + at);
        v_store(out + at, v_mul(v_fnma(f, f, v_all(1.0)), sum));
      } else {
        v_store(out + at, sum);
      }
      if (after == FORWARD)
        v_store(rate + at, tanh8(sum));
    }
}

/* All rows before the next columns, so that these columns of the matrix stay close. */
INLINE void product_columns(epilogue after, int V, int n_rows, int n, int ld, const double *const *x, const double *m,
                            const double *const *start, double *out, double *rate, int column)
{
  int r = 0;
  for (; r + 2 <= n_rows; r += 2)
    product_block(after, 2, V, n, ld, x + r, m, start + r, out + (long)r * ld, rate + (long)r * ld, column);
  if (r < n_rows)
    product_block(after, 1, V, n, ld, x + r, m, start + r, out + (long)r * ld, rate + (long)r * ld, column);
}

/* How many of the vectors that are left to take at once: as many as there are registers for, but never one alone behind many. */
INLINE int vectors_at_once(int left, int most)
{
  return left <= most ? left : left < 2 * most ? (left + 1) / 2 : most;
}

INLINE void product(epilogue after, int n_rows, int n, int ld, const double *const *x, const double *m,
                    const double *const *start, double *out, double *rate)
{
  for (int column = 0; column < ld;) {
    const int V = vectors_at_once((ld - column) / 8, PRODUCT_VECTORS);
    if (V == 4)
      product_columns(after, 4, n_rows, n, ld, x, m, start, out, rate, column);
    else if (V == 3)
      product_columns(after, 3, n_rows, n, ld, x, m, start, out, rate, column);
    else if (V == 2)
      product_columns(after, 2, n_rows, n, ld, x, m, start, out, rate, column);
    else
      product_columns(after, 1, n_rows, n, ld, x, m, start, out, rate, column);
    column += 8 * V;
  }
}

static void rows_times_matrix(int n_rows, int n, int ld, const double *const *x, const double *m, const double *const *start,
                              double *out)
{
  product(PLAIN, n_rows, n, ld, x, m, start, out, out);
}

static void forward(int n_levels, const int *level, int n, int ld, const double *const *rate_of_parent, const double *w_rec_t,
                    const double *const *drive, double *a, double *rate)
{
  for (int k = 0; k < n_levels; k++) {
    const int first = level[k];
    const long at = (long)first * ld;
    product(FORWARD, level[k + 1] - first, k == 0 ? 0 : n, ld, rate_of_parent + first, w_rec_t, drive + first, a + at, rate + at);
  }
}

static void backward(int n_rows, int n, int ld, const double *const *child_sum, const double *w_rec, const double *const *own,
                     double *rate, double *adjoint)
{
  product(BACKWARD, n_rows, n, ld, child_sum, w_rec, own, adjoint, rate);
}

/* ---- sum of products: a transposed times b ---- */

INLINE void sum_block(int R, int V, long n_terms, int ld_a, const double *a, const double *const *b, int column, int ld_out,
                      double *out)
{
  v8 sum[6][4];
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++)
      sum[r][v] = v_all(0.0);
  for (long k = 0; k < n_terms; k++, a += ld_a)
    for (int v = 0; v < V; v++) {
      const v8 b_v = v_fetch(b[k] + column + 8 * v);
      for (int r = 0; r < R; r++)
        sum[r][v] = v_fma(v_all(a[r]), b_v, sum[r][v]);
    }
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++)
      v_store(out + (long)r * ld_out + column + 8 * v, sum[r][v]);
}

INLINE void sum_columns(int V, long n_terms, int n_rows, int ld_a, const double *a, const double *const *b, int column,
                        int ld_out, double *out)
{
  int r = 0;
  for (; r + SUM_ROWS <= n_rows; r += SUM_ROWS)
    sum_block(SUM_ROWS, V, n_terms, ld_a, a + r, b, column, ld_out, out + (long)r * ld_out);
  for (; r + 2 <= n_rows; r += 2)
    sum_block(2, V, n_terms, ld_a, a + r, b, column, ld_out, out + (long)r * ld_out);
  if (r < n_rows)
    sum_block(1, V, n_terms, ld_a, a + r, b, column, ld_out, out + (long)r * ld_out);
}

static void sum_of_products(long n_terms, int n_rows, int ld_a, const double *a, const double *const *b, int ld_out, double *out)
{
  for (int column = 0; column < ld_out;) {
    const int V = vectors_at_once((ld_out - column) / 8, SUM_VECTORS);
    if (V == 4)
      sum_columns(4, n_terms, n_rows, ld_a, a, b, column, ld_out, out);
    else if (V == 3)
      sum_columns(3, n_terms, n_rows, ld_a, a, b, column, ld_out, out);
    else if (V == 2)
      sum_columns(2, n_terms, n_rows, ld_a, a, b, column, ld_out, out);
    else
      sum_columns(1, n_terms, n_rows, ld_a, a, b, column, ld_out, out);
    column += 8 * V;
  }
}

/* ---- sums of rows ---- */

static void add_rows(int n_rows, int ld, const double *rows, const int *to, double *sums)
{
  for (int r = 0; r < n_rows;) {
    int end = r + 1; /* most neighbours go to one place, whose sum then stays in a register */
    while (end < n_rows && to[end] == to[r])
      end++;
    for (int column = 0; column < ld; column += 8) {
      double *sum = sums + (long)to[r] * ld + column;
      v8 total = v_load(sum);
      for (int i = r; i < end; i++)
        total = v_add(total, v_load(rows + (long)i * ld + column));
      v_store(sum, total);
    }
    r = end;
  }
}

/* ---- sums over a row ---- */

INLINE double sum_of_lanes(v8 a)
{
  double lane[8] __attribute__((aligned(64)));
  v_store(lane, a);
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

static void rows_times_vector(long n_rows, int ld, const double *rows, const double *v, double *out, int stride)
{
  for (long r = 0; r < n_rows; r++, rows += ld) {
    v8 sum = v_mul(v_load(rows), v_load(v));
    for (int j = 8; j < ld; j += 8)
      sum = v_fma(v_load(rows + j), v_load(v + j), sum);
    out[r * stride] = sum_of_lanes(sum);
  }
}

static double dot(size_t n, const double *a, const double *b)
{
  double lane[4][8] __attribute__((aligned(64))) = {{0}};
  size_t i = 0;
  for (; i + 32 <= n; i += 32) /* plain C: the compiler makes vectors of it, lane by lane */
    for (int v = 0; v < 4; v++)
      for (int l = 0; l < 8; l++)
#if defined(__FMA__)
        lane[v][l] = __builtin_fma(a[i + 8 * (size_t)v + (size_t)l], b[i + 8 * (size_t)v + (size_t)l], lane[v][l]);
#else
        lane[v][l] += a[i + 8 * (size_t)v + (size_t)l] * b[i + 8 * (size_t)v + (size_t)l];
#endif
  double rest = 0;
  for (; i < n; i++)
    rest += a[i] * b[i];
  const v8 sum = v_add(v_add(v_load(lane[0]), v_load(lane[1])), v_add(v_load(lane[2]), v_load(lane[3])));
  return sum_of_lanes(sum) + rest;
}

#define PASTE(a, b) a##b
#define NAMED(prefix, name) PASTE(prefix, name)
#define QUOTE(x) #x
#define TEXT(x) QUOTE(x)
const esp_kernel NAMED(esp_kernel_, ESP_KERNEL) = {
    .name = TEXT(ESP_KERNEL),
    .rows_times_matrix = rows_times_matrix,
    .tanh_all = tanh_all,
    .sum_of_products = sum_of_products,
    .rows_times_vector = rows_times_vector,
    .forward = forward,
    .backward = backward,
    .add_rows = add_rows,
    .dot = dot,
};
