/* model/kernels.h - the hot loops, compiled once for each instruction set from kernels.c and chosen at run time.
 *
 * Rows are padded to whole vectors of 8 doubles (`ld`), aligned to 64 bytes, padding 0. Every output is a fixed order of
 * operations whatever the width of the vectors and however many rows are worked on at once, so AVX2 and AVX-512 give the same
 * bits; the portable kernels differ in the last place, because they have no fused multiply-add. */
#ifndef ESPALIER_MODEL_KERNELS_H
#define ESPALIER_MODEL_KERNELS_H
#include <stddef.h>

typedef struct {
  const char *name;

  /** Rows out[r] = start[r] + sum over j < n of x[r][j] m[j]: m is [n, ld], out is [n_rows, ld], x and start point to rows.
   *  Even and odd j are summed apart and then added. */
  void (*rows_times_matrix)(int n_rows, int n, int ld, const double *const *x, const double *m, const double *const *start,
                            double *out);

  /** The forward sweep. Level k holds nodes level[k] .. level[k + 1] - 1; by node: a = drive + W_rec rate of the parent,
   *  rate = tanh a. At level 0 there is no parent. w_rec_t is W_rec transposed [n, ld]; a and rate are [n_nodes, ld]. */
  void (*forward)(int n_levels, const int *level, int n, int ld, const double *const *rate_of_parent, const double *w_rec_t,
                  const double *const *drive, double *a, double *rate);

  /** A level of the backward sweep: adjoint[r] = (1 - rate[r]^2) (own[r] + sum over j < n of child_sum[r][j] w_rec[j]). */
  void (*backward)(int n_rows, int n, int ld, const double *const *child_sum, const double *w_rec, const double *const *own,
                   double *rate, double *adjoint);

  /** sums[to[r]] += rows[r], in order; rows [n_rows, ld], sums [any, ld]. */
  void (*add_rows)(int n_rows, int ld, const double *rows, const int *to, double *sums);

  /** out[i] = tanh(in[i]), error below 3 ulp (tests/unit/test_kernels.c); NaN stays; n is a multiple of 8. */
  void (*tanh_all)(size_t n, const double *in, double *out);

  /** out[i][j] = sum over k < n_terms of a[k][i] b[k][j], i < n_rows: a is [n_terms, ld_a], b points to rows of ld_out, out is
   *  [n_rows, ld_out]. Terms are added in order. */
  void (*sum_of_products)(long n_terms, int n_rows, int ld_a, const double *a, const double *const *b, int ld_out, double *out);

  /** out[r * stride] = sum over j of rows[r][j] v[j], rows [n_rows, ld], v [ld]. Lanes are summed apart, then pairwise. */
  void (*rows_times_vector)(long n_rows, int ld, const double *rows, const double *v, double *out, int stride);

  /** Dot product of two plain vectors of any length and alignment. */
  double (*dot)(size_t n, const double *a, const double *b);
} esp_kernel;

/** The fastest kernels that this CPU has. */
const esp_kernel *esp_kernel_in_use(void);

extern const esp_kernel esp_kernel_portable;
#ifdef __x86_64__
extern const esp_kernel esp_kernel_avx2, esp_kernel_avx512;
#endif

#endif
