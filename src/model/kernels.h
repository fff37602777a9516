/* model/kernels.h - the hot loops, compiled once for each instruction set from kernels.c and chosen at run time.
 *
 * Rows are padded to whole vectors of 8 doubles (`ld`), aligned to 64 bytes, padding 0. Every output is a fixed order of
 * operations whatever the width of the vectors and however many rows are worked on at once, so AVX2 and AVX-512 give the same
 * bits; the portable kernels differ in the last place, because they have no fused multiply-add. */
#ifndef ESPALIER_MODEL_KERNELS_H
#define ESPALIER_MODEL_KERNELS_H
#include <stdbool.h>
#include <stddef.h>

/** Level k holds nodes first[k] .. first[k + 1] - 1, which depend on those of the level before; n units, rows of ld. */
typedef struct {
  int n_levels;
  const int *first;
  int n, ld;
} esp_levels;

/** What the backward sweep has besides the product, by node: own = sum over o of dy[o] w_out[o];
 *    adjoint = (1 - rate^2) (own + sum over j < n of child_sum[j] w_rec[j])
 *    latent:   own + (1 - rate^2) (sum over j < n of child_sum[j] w_rec[j])
 *  and the adjoint is added to sibling_sum and to drive_sum, where they are not NULL. The last level has no children. */
typedef struct {
  int n_out;
  const double *dy, *w_out; /* [n_nodes, n_out], [n_out, ld] */
  bool latent;
  double *const *sibling_sum, *const *drive_sum;
} esp_backward;

typedef struct {
  const char *name;

  /** Rows out[r] = start[r] + sum over j < n of x[r][j] m[j]: m is [n, ld], out is [n_rows, ld], x and start point to rows.
   *  Even and odd j are summed apart and then added. */
  void (*rows_times_matrix)(int n_rows, int n, int ld, const double *const *x, const double *m, const double *const *start,
                            double *out);

  /** The forward sweep; by node: a = drive + W_rec rate of the parent, rate = tanh a. At the first level there is no parent.
   *  w_rec_t is W_rec transposed [n, ld]; a (NULL: not kept) and rate are [n_nodes, ld]. */
  void (*forward)(const esp_levels *levels, const double *const *rate_of_parent, const double *w_rec_t,
                  const double *const *drive, double *a, double *rate);

  /** The backward sweep, last level first; see esp_backward. adjoint is [n_nodes, ld]. */
  void (*backward)(const esp_levels *levels, const double *const *child_sum, const double *w_rec, const double *rate,
                   const esp_backward *back, double *adjoint);

  /** The forward sweep of a directional derivative; by node: a' = start + W_rec rate' of the parent, rate' = (1 - rate^2) a',
   *  bend = -rate a'^2; all [n_nodes, ld], a' may be NULL. */
  void (*tangent)(const esp_levels *levels, const double *const *tangent_of_parent, const double *w_rec_t,
                  const double *const *start, const double *rate, double *a_tangent, double *rate_tangent, double *bend);

  /** out[i] = tanh(in[i]), error below 3 ulp (tests/unit/test_kernels.c); NaN stays; n is a multiple of 8. */
  void (*tanh_all)(size_t n, const double *in, double *out);

  /** out[i][j] = sum over k < n_terms of a[k][i] b[k][j], i < n_rows, j < n_columns: a is [n_terms, ld_a], b points to rows
   *  that are padded to whole vectors, rows of out lie stride apart and have no padding. Terms are added in order. */
  void (*sum_of_products)(long n_terms, int n_rows, int ld_a, const double *a, int n_columns, const double *const *b, int stride,
                          double *out);

  /** out[r] = sum over j of rows[r][j] v[j], rows [n_rows, ld], v [ld]. Lanes are summed apart, then pairwise. */
  void (*rows_times_vector)(long n_rows, int ld, const double *rows, const double *v, double *out);

  /** out[j][i] = m[i][j], i, j < n; both [n padded, ld]. */
  void (*transpose)(int n, int ld, const double *m, double *out);

  /** Dot product of two plain vectors of any length and alignment. */
  double (*dot)(size_t n, const double *a, const double *b);

  /** to[i] = from[i] + length direction[i], for plain vectors; to may be one of the others. */
  void (*step)(size_t n, const double *from, double length, const double *direction, double *to);
} esp_kernel;

/** The fastest kernels that this CPU has. */
const esp_kernel *esp_kernel_in_use(void);

extern const esp_kernel esp_kernel_portable;
#ifdef __x86_64__
extern const esp_kernel esp_kernel_avx2, esp_kernel_avx512;
#endif

#endif
