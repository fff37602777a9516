/* model/kernels.h - the hot loops, compiled once for each instruction set from kernels.c and chosen at run time.
 *
 * Rows are padded to whole vectors of 8 doubles (`ld`), aligned to 64 bytes, padding 0. Every output is one chain of sums
 * in index order, whatever the width of the vectors, so the kernels of one source differ in bits only where one fuses
 * multiply and add and another cannot. */
#ifndef ESPALIER_MODEL_KERNELS_H
#define ESPALIER_MODEL_KERNELS_H
#include <stddef.h>

typedef struct {
  const char *name;

  /** Rows out[r] = start[r] + sum over j < n of x[r][j] m[j]: m is [n, ld], out is [n_rows, ld], x and start point to rows. */
  void (*rows_times_matrix)(int n_rows, int n, int ld, const double *const *x, const double *m, const double *const *start,
                            double *out);

  /** out[i] = tanh(in[i]); n is a multiple of 8. */
  void (*tanh_all)(size_t n, const double *in, double *out);
} esp_kernel;

extern const esp_kernel esp_kernel_portable;
#ifdef __x86_64__
extern const esp_kernel esp_kernel_avx2, esp_kernel_avx512;
#endif

#endif
