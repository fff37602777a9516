/* model/kernels.c - one source for all instruction sets; the build defines ESP_KERNEL as the name of this one.
 *
 * Nearly all time goes into one loop, product_block: one or two nodes by one to four vectors of a matrix, held in registers, and at its
 * end what makes a sweep of the product (tanh, slope, sums over siblings). Sizes and epilogue are constants where it is inlined, which
 * the compiler has to see: hence INLINE and UNROLLED everywhere. The trap: how many nodes and vectors are taken at once may depend on
 * the instruction set, the order in which one output is summed may not. */
#include "kernels.h"

#include "vector.h"

#define INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__)
enum { PRODUCT_VECTORS = 4, SUM_ROWS = 6, SUM_VECTORS = 4 }; /* accumulators: 2 x 2 x 4 and 6 x 4 of 32 registers */
#else
enum { PRODUCT_VECTORS = 1, SUM_ROWS = 3, SUM_VECTORS = 1 }; /* in halves: 2 x 2 x 2 and 3 x 2 of 16 */
#endif

/* ---- tanh ---- */

/* tanh x = m / (m + 1) with m = (exp(2x) - 1) / 2, which loses no digits near 0. 2x = n ln 2 + 2r with |r| <= ln 2 / 4, so
 * m = 2^n h(r) + (2^n - 1) / 2 with h(r) = (exp(2r) - 1) / 2 = r + r^2 q(r); the polynomial q is the best one of its degree with
 * double coefficients (4.2e-17 of h). Beyond |x| = 20 the result is 1 in double precision anyway. */
INLINE v8 tanh8(v8 x)
{
  static const double q[10] = {0x1.0000000000001p0,   0x1.5555555555558p-1, 0x1.5555555553cd1p-2,  0x1.111111110f8d7p-3,
                               0x1.6c16c178af27p-5,   0x1.a01a01afb9e4cp-7, 0x1.a019b8a800141p-9,  0x1.71ddf77e3377fp-11,
                               0x1.2891e5e780ae7p-13, 0x1.af61d383414fdp-16};
  x = v_max(v_all(-20.0), v_min(v_all(20.0), x));
  const v8 rounder = v_all(0x1.8p52 + 1023); /* adding it rounds to an integer, whose bits end in n + 1023 */
  const v8 shifted = v_fma(x, v_all(0x1.71547652b82fep1), rounder); /* 2 / ln 2 */
  const v8 n = v_sub(shifted, rounder);
  const v8 r = v_fnma(n, v_all(0x1.62e42fefa39efp-2), x); /* ln 2 / 2: its rounding error costs less than 1 ulp */
  const v8 two_n = v_exponent(shifted);

  const v8 r2 = v_mul(r, r), r4 = v_mul(r2, r2);
  const v8 q0 = v_fma(v_fma(v_all(q[3]), r, v_all(q[2])), r2, v_fma(v_all(q[1]), r, v_all(q[0])));
  const v8 q4 = v_fma(v_fma(v_all(q[7]), r, v_all(q[6])), r2, v_fma(v_all(q[5]), r, v_all(q[4])));
  const v8 q8 = v_fma(v_all(q[9]), r, v_all(q[8]));
  const v8 h = v_fma(v_fma(v_fma(q8, r4, q4), r4, q0), r2, r);
  const v8 m = v_fma(two_n, h, v_fma(two_n, v_all(0.5), v_all(-0.5)));
  return v_div(m, v_add(m, v_all(1.0)));
}

static void tanh_all(size_t n, const double *in, double *out)
{
  for (size_t i = 0; i < n; i += 8)
    v_store(out + i, tanh8(v_load(in + i)));
}

/* ---- rows times matrix, and what is done to the result ---- */

typedef enum { PLAIN, FORWARD, BACKWARD, BACKWARD_LATENT, TANGENT } epilogue;

/* Loops over the registers of a block have to be unrolled, or the registers become memory. */
#define UNROLLED _Pragma("GCC unroll 8")

/* The arrays of a sweep, see kernels.h; rows are found by the number of their node. */
typedef struct {
  int ld;
  const double *const *x, *m;
  const double *const *start;
  double *out;        /* PLAIN: the product; FORWARD and TANGENT: a and a', or NULL; BACKWARD: the adjoint */
  const double *rate; /* BACKWARD, TANGENT                                                               */
  double *new_rate, *tangent, *bend; /* FORWARD; TANGENT */
  const esp_backward *back;
} sweep;

/* What a node gets through its outputs: W_out' dE/dy. */
INLINE v8 own8(const sweep *s, long node, int column)
{
  const esp_backward *b = s->back;
  const double *dy = b->dy + node * b->n_out, *w_out = b->w_out + column;
  v8 own = v_mul(v_all(dy[0]), v_load(w_out));
  for (int o = 1; o < b->n_out; o++)
    own = v_fma(v_all(dy[o]), v_load(w_out + (long)o * s->ld), own);
  return own;
}

INLINE v8 first_term(epilogue after, const sweep *s, long node, int column)
{
  if (after == BACKWARD)
    return own8(s, node, column);
  return after == BACKWARD_LATENT ? v_all(0.0) : v_load(s->start[node] + column);
}

INLINE void finish(epilogue after, const sweep *s, long node, int column, v8 sum)
{
  const long at = node * s->ld + column;
  if (after == PLAIN)
    v_store(s->out + at, sum);
  if (after == FORWARD)
    v_store(s->new_rate + at, tanh8(sum));
  if ((after == FORWARD || after == TANGENT) && s->out)
    v_store(s->out + at, sum);
  if (after == PLAIN || after == FORWARD)
    return;
  const v8 rate = v_load(s->rate + at), slope = v_fnma(rate, rate, v_all(1.0));
  if (after == BACKWARD)
    v_store(s->out + at, v_mul(slope, sum));
  if (after == BACKWARD_LATENT)
    v_store(s->out + at, v_fma(slope, sum, own8(s, node, column)));
  if (after == TANGENT) {
    v_store(s->tangent + at, v_mul(slope, sum));
    v_store(s->bend + at, v_mul(v_mul(rate, sum), v_sub(v_all(0.0), sum)));
  }
}

INLINE void add_row(int V, const double *row, double *sum)
{
  if (!sum)
    return;
  UNROLLED for (int v = 0; v < V; v++)
    v_store(sum + 8 * v, v_add(v_load(sum + 8 * v), v_load(row + 8 * v)));
}

/* R nodes (1 or 2) by V vectors; these and the epilogue are constants where this is inlined. Two chains of sums for each output,
 * even and odd j, keep both multipliers busy while a single node is worked on. */
INLINE void product_block(epilogue after, int R, int V, int n, const sweep *s, long node, int column)
{
  v8 even[2][4], odd[2][4];
  UNROLLED for (int r = 0; r < R; r++)
    UNROLLED for (int v = 0; v < V; v++) {
      even[r][v] = first_term(after, s, node + r, column + 8 * v);
      odd[r][v] = v_all(0.0);
    }
  const double *x0 = s->x[node], *x1 = s->x[node + R - 1], *m = s->m + column;
  const long ld = s->ld;
  int j = 0;
  for (; j + 2 <= n; j += 2, m += 2 * ld)
    UNROLLED for (int v = 0; v < V; v++) {
      const v8 m_even = v_fetch(m + 8 * v), m_odd = v_fetch(m + ld + 8 * v);
      even[0][v] = v_fma(v_all(x0[j]), m_even, even[0][v]);
      odd[0][v] = v_fma(v_all(x0[j + 1]), m_odd, odd[0][v]);
      if (R == 2) {
        even[1][v] = v_fma(v_all(x1[j]), m_even, even[1][v]);
        odd[1][v] = v_fma(v_all(x1[j + 1]), m_odd, odd[1][v]);
      }
    }
  if (j < n)
    UNROLLED for (int v = 0; v < V; v++) {
      even[0][v] = v_fma(v_all(x0[j]), v_load(m + 8 * v), even[0][v]);
      if (R == 2)
        even[1][v] = v_fma(v_all(x1[j]), v_load(m + 8 * v), even[1][v]);
    }
  UNROLLED for (int r = 0; r < R; r++)
    UNROLLED for (int v = 0; v < V; v++)
      finish(after, s, node + r, column + 8 * v, v_add(even[r][v], odd[r][v]));
  if (after == BACKWARD || after == BACKWARD_LATENT)
    for (long i = node; i < node + R; i++) {
      add_row(V, s->out + i * ld + column, s->back->sibling_sum[i] ? s->back->sibling_sum[i] + column : NULL);
      add_row(V, s->out + i * ld + column, s->back->drive_sum[i] ? s->back->drive_sum[i] + column : NULL);
    }
}

/* All nodes before the next columns, so that these columns of the matrix stay close. */
INLINE void product_columns(epilogue after, int V, int n, const sweep *s, long first, long last, int column)
{
  long node = first;
  for (; node + 2 <= last; node += 2)
    product_block(after, 2, V, n, s, node, column);
  if (node < last)
    product_block(after, 1, V, n, s, node, column);
}

/* How many of the vectors that are left to take at once: as many as there are registers for, but never one alone behind many. */
INLINE int vectors_at_once(int left, int most)
{
  return left <= most ? left : left < 2 * most ? (left + 1) / 2 : most;
}

/* Nodes first .. last - 1. */
INLINE void product(epilogue after, int n, const sweep *s, long first, long last)
{
  for (int column = 0; column < s->ld;) {
    const int V = vectors_at_once((s->ld - column) / 8, PRODUCT_VECTORS);
    if (V == 4)
      product_columns(after, 4, n, s, first, last, column);
    else if (V == 3)
      product_columns(after, 3, n, s, first, last, column);
    else if (V == 2)
      product_columns(after, 2, n, s, first, last, column);
    else
      product_columns(after, 1, n, s, first, last, column);
    column += 8 * V;
  }
}

static void rows_times_matrix(int n_rows, int n, int ld, const double *const *x, const double *m, const double *const *start,
                              double *out)
{
  const sweep s = {.ld = ld, .x = x, .m = m, .start = start, .out = out};
  product(PLAIN, n, &s, 0, n_rows);
}

static void forward(const esp_levels *l, const double *const *rate_of_parent, const double *w_rec_t, const double *const *drive,
                    double *a, double *rate)
{
  const sweep s = {.ld = l->ld, .x = rate_of_parent, .m = w_rec_t, .start = drive, .out = a, .new_rate = rate};
  for (int k = 0; k < l->n_levels; k++)
    product(FORWARD, k == 0 ? 0 : l->n, &s, l->first[k], l->first[k + 1]);
}

static void backward(const esp_levels *l, const double *const *child_sum, const double *w_rec, const double *rate,
                     const esp_backward *back, double *adjoint)
{
  const sweep s = {.ld = l->ld, .x = child_sum, .m = w_rec, .out = adjoint, .rate = rate, .back = back};
  for (int k = l->n_levels - 1; k >= 0; k--) {
    const int n = k == l->n_levels - 1 ? 0 : l->n;
    if (back->latent)
      product(BACKWARD_LATENT, n, &s, l->first[k], l->first[k + 1]);
    else
      product(BACKWARD, n, &s, l->first[k], l->first[k + 1]);
  }
}

static void tangent(const esp_levels *l, const double *const *tangent_of_parent, const double *w_rec_t,
                    const double *const *start, const double *rate, double *a_tangent, double *rate_tangent, double *bend)
{
  const sweep s = {.ld = l->ld, .x = tangent_of_parent, .m = w_rec_t, .start = start, .out = a_tangent,
                   .rate = rate, .tangent = rate_tangent, .bend = bend};
  for (int k = 0; k < l->n_levels; k++)
    product(TANGENT, k == 0 ? 0 : l->n, &s, l->first[k], l->first[k + 1]);
}

/* ---- sum of products: a transposed times b ---- */

/* The last vector of the out rows has `tail` columns. */
INLINE void sum_block(int R, int V, long n_terms, int ld_a, const double *a, const double *const *b, int column, int tail,
                      int stride, double *out)
{
  v8 sum[6][4];
  UNROLLED for (int r = 0; r < R; r++)
    UNROLLED for (int v = 0; v < V; v++)
      sum[r][v] = v_all(0.0);
  for (long k = 0; k < n_terms; k++, a += ld_a)
    UNROLLED for (int v = 0; v < V; v++) {
      const v8 b_v = v_fetch(b[k] + column + 8 * v);
      UNROLLED for (int r = 0; r < R; r++)
        sum[r][v] = v_fma(v_all(a[r]), b_v, sum[r][v]);
    }
  UNROLLED for (int r = 0; r < R; r++)
    UNROLLED for (int v = 0; v < V; v++)
      v_store_first(out + (long)r * stride + column + 8 * v, v == V - 1 ? tail : 8, sum[r][v]);
}

INLINE void sum_columns(int V, long n_terms, int n_rows, int ld_a, const double *a, const double *const *b, int column, int tail,
                        int stride, double *out)
{
  int r = 0;
  for (; r + SUM_ROWS <= n_rows; r += SUM_ROWS)
    sum_block(SUM_ROWS, V, n_terms, ld_a, a + r, b, column, tail, stride, out + (long)r * stride);
  for (; r + 2 <= n_rows; r += 2)
    sum_block(2, V, n_terms, ld_a, a + r, b, column, tail, stride, out + (long)r * stride);
  if (r < n_rows)
    sum_block(1, V, n_terms, ld_a, a + r, b, column, tail, stride, out + (long)r * stride);
}

static void sum_of_products(long n_terms, int n_rows, int ld_a, const double *a, int n_columns, const double *const *b,
                            int stride, double *out)
{
  for (int column = 0; column < n_columns;) {
    const int left = (n_columns - column + 7) / 8, V = vectors_at_once(left, SUM_VECTORS);
    const int tail = V < left ? 8 : n_columns - column - 8 * (V - 1);
    if (V == 4)
      sum_columns(4, n_terms, n_rows, ld_a, a, b, column, tail, stride, out);
    else if (V == 3)
      sum_columns(3, n_terms, n_rows, ld_a, a, b, column, tail, stride, out);
    else if (V == 2)
      sum_columns(2, n_terms, n_rows, ld_a, a, b, column, tail, stride, out);
    else
      sum_columns(1, n_terms, n_rows, ld_a, a, b, column, tail, stride, out);
    column += 8 * V;
  }
}

/* ---- sums over a row ---- */

/* Of each of eight vectors its lanes, pairwise. */
INLINE v8 sums_of_lanes(v8 a[8])
{
  v_transpose(a);
  return v_add(v_add(v_add(a[0], a[4]), v_add(a[2], a[6])), v_add(v_add(a[1], a[5]), v_add(a[3], a[7])));
}

static void rows_times_vector(long n_rows, int ld, const double *rows, const double *v, double *out)
{
  for (long first = 0; first < n_rows; first += 8) {
    const int R = n_rows - first < 8 ? (int)(n_rows - first) : 8;
    v8 sum[8];
    UNROLLED for (int r = 0; r < 8; r++)
    {
      const double *row = rows + (first + (r < R ? r : 0)) * ld;
      sum[r] = v_mul(v_load(row), v_load(v));
      for (int j = 8; j < ld; j += 8)
        sum[r] = v_fma(v_load(row + j), v_load(v + j), sum[r]);
    }
    v_store_first(out + first, R, sums_of_lanes(sum));
  }
}

static void transpose(int n, int ld, const double *m, double *out)
{
  for (int i = 0; i < n; i += 8)
    for (int j = 0; j < n; j += 8) {
      v8 block[8];
      UNROLLED for (int k = 0; k < 8; k++)
        block[k] = v_load(m + (long)(i + k) * ld + j);
      v_transpose(block);
      UNROLLED for (int k = 0; k < 8; k++)
        v_store(out + (long)(j + k) * ld + i, block[k]);
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
  double sum[8] __attribute__((aligned(64)));
  v_store(sum, v_add(v_add(v_load(lane[0]), v_load(lane[1])), v_add(v_load(lane[2]), v_load(lane[3]))));
  return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7])) + rest;
}

static void step(size_t n, const double *from, double length, const double *direction, double *to)
{
  for (size_t i = 0; i < n; i++)
#if defined(__FMA__)
    to[i] = __builtin_fma(length, direction[i], from[i]);
#else
    to[i] = from[i] + length * direction[i];
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
    .sum_of_products = sum_of_products,
    .rows_times_vector = rows_times_vector,
    .transpose = transpose,
    .forward = forward,
    .backward = backward,
    .tangent = tangent,
    .dot = dot,
    .step = step,
};
