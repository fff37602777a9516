/* analysis/lapack.h - the LAPACK routines in use. Arrays are column-major; OpenBLAS brings no header for these. The trailing
 * size_t are the lengths of the character arguments, which Fortran compilers pass behind all others. */
#ifndef ESPALIER_ANALYSIS_LAPACK_H
#define ESPALIER_ANALYSIS_LAPACK_H
#include <stddef.h>

/* An lwork that is enough for dsyev and dgesvd of an n x n matrix; their bits may depend on it. */
static inline int esp_work_length(int n)
{
  return 8 * n;
}

/* Eigenvalues (ascending) and, jobz 'V', vectors of a symmetric matrix; lwork >= 3 n. */
void dsyev_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work,
            const int *lwork, int *info, size_t jobz_length, size_t uplo_length);

/* Cholesky factor of a symmetric positive definite matrix, in place; info > 0: it is not positive definite. */
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t uplo_length);

/* Singular values (descending) and vectors; with neither vectors lwork >= 5 n for a square matrix. */
void dgesvd_(const char *jobu, const char *jobvt, const int *m, const int *n, double *a, const int *lda, double *s, double *u,
             const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork, int *info, size_t jobu_length,
             size_t jobvt_length);

/* Singular values by one-sided Jacobi rotations: work[0] sva (descending), each to high relative accuracy if the columns
 * are badly scaled but otherwise well conditioned; lwork >= max(6, m + n). */
void dgesvj_(const char *joba, const char *jobu, const char *jobv, const int *m, const int *n, double *a, const int *lda,
             double *sva, const int *mv, double *v, const int *ldv, double *work, const int *lwork, int *info,
             size_t joba_length, size_t jobu_length, size_t jobv_length);

/* A = Q R, and with column pivoting A P = Q R; lwork >= n, 3 n + 1. */
void dgeqrf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work, const int *lwork, int *info);
void dgeqp3_(const int *m, const int *n, double *a, const int *lda, int *jpvt, double *tau, double *work, const int *lwork,
             int *info);

/* Q of either, in place; lwork >= n. */
void dorgqr_(const int *m, const int *n, const int *k, double *a, const int *lda, const double *tau, double *work,
             const int *lwork, int *info);

#endif
