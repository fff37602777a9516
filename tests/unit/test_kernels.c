/* tests/unit/test_kernels.c - the hot loops of every instruction set that this CPU has, against plain loops.
 *
 * Where kernels.h states the order of operations the bits are compared, otherwise the rounding errors are bounded. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/rng.h"
#include "model/kernels.h"

enum { MAX_N = 40, MAX_ROWS = 13, MAX_LD = 48, GUARD = 16 };
static const double guard = -7.25e77; /* around what a kernel may write */

typedef struct {
  const esp_kernel *kernel;
  bool fused; /* has fused multiply-add */
} candidate;

static candidate candidates[3];
static int n_candidates;

static int find_kernels(void **state)
{
  (void)state;
  candidates[n_candidates++] = (candidate){&esp_kernel_portable, false};
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    candidates[n_candidates++] = (candidate){&esp_kernel_avx2, true};
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    candidates[n_candidates++] = (candidate){&esp_kernel_avx512, true};
#endif
  for (int c = 0; c < n_candidates; c++)
    print_message("kernels: %s\n", candidates[c].kernel->name);
  return 0;
}

/* ---- numbers and memory ---- */

static double draw(void)
{
  static const esp_rng_key key = {.seed = 1, .purpose = ESP_RNG_START_WEIGHTS};
  static uint64_t index;
  return esp_rng_normal(&key, index++);
}

static void fill(double *a, size_t n)
{
  for (size_t i = 0; i < n; i++)
    a[i] = draw();
}

static void fill_with(double *a, size_t n, double value)
{
  for (size_t i = 0; i < n; i++)
    a[i] = value;
}

/* Aligned and with a guard behind it. */
static double *make(size_t n)
{
  double *const a = aligned_alloc(64, (n + GUARD + 7) / 8 * 8 * sizeof *a);
  assert_non_null(a);
  fill_with(a, n + GUARD, guard);
  return a;
}

static void assert_guarded(const double *a, size_t n)
{
  for (size_t i = n; i < n + GUARD; i++)
    assert_true(a[i] == guard);
}

static void assert_bits(const candidate *c, const char *what, const double *got, const double *expected, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (memcmp(&got[i], &expected[i], sizeof *got) != 0)
      fail_msg("%s, %s: number %zu of %zu is %a, not %a", c->kernel->name, what, i, n, got[i], expected[i]);
}

static double multiply_add(const candidate *c, double a, double b, double sum)
{
  return c->fused ? fma(a, b, sum) : a * b + sum;
}

/* ---- rows times matrix ---- */

static void plain_product(const candidate *c, int n_rows, int n, int ld, const double *const *x, const double *m,
                          const double *const *start, double *out)
{
  for (int r = 0; r < n_rows; r++)
    for (int i = 0; i < ld; i++) {
      double even = start[r][i], odd = 0.0;
      for (int j = 0; j < n; j++)
        if (j % 2 == 0)
          even = multiply_add(c, x[r][j], m[(long)j * ld + i], even);
        else
          odd = multiply_add(c, x[r][j], m[(long)j * ld + i], odd);
      out[(long)r * ld + i] = even + odd;
    }
}

static void rows_times_matrix_is_the_plain_loop(void **state)
{
  (void)state;
  enum { ROWS = 9 };
  double *const m = make(MAX_N * MAX_LD), *const starts = make(ROWS * MAX_LD), *const out = make(ROWS * MAX_LD);
  double *const expected = make(ROWS * MAX_LD), *const alone = make(MAX_LD), *const vectors = make(ROWS * MAX_N);
  const double *x[ROWS], *start[ROWS];
  for (int n = 1; n <= MAX_N; n++)
    for (int ld = 8; ld <= MAX_LD; ld += 8) {
      fill(m, (size_t)(n * ld));
      fill(starts, (size_t)(ROWS * ld));
      fill(vectors, (size_t)(ROWS * n));
      for (int r = 0; r < ROWS; r++) {
        x[r] = vectors + (long)(ROWS - 1 - r) * n; /* in any order, at any alignment */
        start[r] = starts + (long)(r / 2) * ld;    /* two rows share one             */
      }
      for (int c = 0; c < n_candidates; c++)
        for (int n_rows = 1; n_rows <= ROWS; n_rows++) {
          const esp_kernel *kernel = candidates[c].kernel;
          const size_t size = (size_t)(n_rows * ld);
          plain_product(&candidates[c], n_rows, n, ld, x, m, start, expected);
          fill_with(out, ROWS * MAX_LD, guard);
          kernel->rows_times_matrix(n_rows, n, ld, x, m, start, out);
          assert_bits(&candidates[c], "rows_times_matrix", out, expected, size);
          assert_guarded(out, size);
          for (int r = 0; r < n_rows; r++) { /* alone as among others */
            kernel->rows_times_matrix(1, n, ld, x + r, m, start + r, alone);
            assert_bits(&candidates[c], "a row alone", alone, out + (long)r * ld, (size_t)ld);
          }
        }
    }
  free(m), free(starts), free(out), free(expected), free(alone), free(vectors);
}

/* ---- sum of products ---- */

static void sum_of_products_is_the_plain_loop(void **state)
{
  (void)state;
  double *const a = make(MAX_N * 16), *const b = make(MAX_N * MAX_LD), *const out = make(MAX_ROWS * MAX_LD);
  double *const expected = make(MAX_ROWS * MAX_LD);
  for (int n_terms = 1; n_terms <= MAX_N; n_terms++)
    for (int ld_b = 8; ld_b <= MAX_LD; ld_b += 8)
      for (int n_rows = 1; n_rows <= MAX_ROWS; n_rows++) {
        const int ld_a = n_rows <= 8 ? 8 : 16;
        const size_t size = (size_t)(n_rows * ld_b);
        const double *rows[MAX_N];
        fill(a, (size_t)(n_terms * ld_a));
        fill(b, (size_t)(n_terms * ld_b));
        for (int k = 0; k < n_terms; k++)
          rows[k] = b + (long)(k * 7 % n_terms) * ld_b; /* in any order, some twice */
        for (int c = 0; c < n_candidates; c++) {
          fill_with(expected, size, 0.0);
          for (int k = 0; k < n_terms; k++)
            for (int i = 0; i < n_rows; i++)
              for (int j = 0; j < ld_b; j++)
                expected[i * ld_b + j] =
                    multiply_add(&candidates[c], a[k * ld_a + i], rows[k][j], expected[i * ld_b + j]);
          fill_with(out, MAX_ROWS * MAX_LD, guard);
          candidates[c].kernel->sum_of_products(n_terms, n_rows, ld_a, a, rows, ld_b, out);
          assert_bits(&candidates[c], "sum_of_products", out, expected, size);
          assert_guarded(out, size);
        }
      }
  free(a), free(b), free(out), free(expected);
}

/* ---- sums over a row ---- */

/* n products, each rounded, in sums of any order. */
static void assert_near_sum(const candidate *c, const char *what, double got, size_t n, const double *a, const double *b)
{
  long double sum = 0, size = 0;
  for (size_t i = 0; i < n; i++) {
    sum += (long double)a[i] * b[i];
    size += fabsl((long double)a[i] * b[i]);
  }
  if (!(fabsl(got - sum) <= (long double)(n + 2) * DBL_EPSILON / 2 * size))
    fail_msg("%s, %s of %zu: %.17g is not %.17Lg", c->kernel->name, what, n, got, sum);
}

static void assert_as_first_fused(int c, double got, double *first)
{
  if (!candidates[c].fused)
    return;
  if (c == 1)
    *first = got;
  assert_memory_equal(&got, first, sizeof got);
}

static void rows_times_vector_is_the_plain_loop(void **state)
{
  (void)state;
  enum { ROWS = 9 };
  double *const rows = make(ROWS * MAX_LD), *const v = make(MAX_LD), *const out = make(ROWS * 3);
  double first[ROWS];
  for (int n = 1; n <= MAX_N; n++)
    for (int n_rows = 1; n_rows <= ROWS; n_rows++)
      for (int stride = 1; stride <= 3; stride += 2) {
        const int ld = (n + 7) / 8 * 8;
        fill(rows, (size_t)(n_rows * ld));
        fill(v, (size_t)n);
        fill_with(v + n, (size_t)(ld - n), 0.0);
        for (int c = 0; c < n_candidates; c++) {
          fill_with(out, ROWS * 3, guard);
          candidates[c].kernel->rows_times_vector(n_rows, ld, rows, v, out, stride);
          for (int r = 0; r < n_rows; r++) {
            assert_near_sum(&candidates[c], "rows_times_vector", out[r * stride], (size_t)n, rows + (long)r * ld, v);
            assert_as_first_fused(c, out[r * stride], &first[r]);
          }
          for (int i = 0; i < ROWS * 3; i++)
            assert_true(out[i] == guard || (i % stride == 0 && i < n_rows * stride));
        }
      }
  free(rows), free(v), free(out);
}

static void dot_is_the_plain_loop(void **state)
{
  (void)state;
  enum { LONGEST = 300 };
  double *const a = make(LONGEST + 8), *const b = make(LONGEST + 8);
  double first = 0;
  for (size_t n = 0; n <= LONGEST; n++)
    for (size_t offset = 0; offset < 8; offset += 3) {
      fill_with(a, LONGEST + 8, NAN); /* not to be read */
      fill_with(b, LONGEST + 8, NAN);
      fill(a + offset, n);
      fill(b + 7 - offset, n);
      for (int c = 0; c < n_candidates; c++) {
        const double got = candidates[c].kernel->dot(n, a + offset, b + 7 - offset);
        assert_near_sum(&candidates[c], "dot", got, n, a + offset, b + 7 - offset);
        assert_as_first_fused(c, got, &first);
        assert_true(got == candidates[c].kernel->dot(n, a + offset, b + 7 - offset));
      }
    }
  free(a), free(b);
}

/* ---- the sweeps ---- */

/* Two nodes without parents, three under them, up to nine under these. */
static void forward_is_product_and_tanh_by_levels(void **state)
{
  (void)state;
  enum { NODES = 2 + 3 + 9 };
  double *const m = make(MAX_N * MAX_LD), *const drives = make(NODES * MAX_LD);
  double *const a = make(NODES * MAX_LD), *const rate = make(NODES * MAX_LD);
  double *const expected_a = make(NODES * MAX_LD), *const expected_rate = make(NODES * MAX_LD);
  for (int n = 1; n <= MAX_N; n++)
    for (int n_last = 1; n_last <= 9; n_last++) {
      const int ld = (n + 7) / 8 * 8, level[] = {0, 2, 5, 5 + n_last};
      const size_t size = (size_t)((5 + n_last) * ld);
      const double *parent[NODES], *expected_parent[NODES], *drive[NODES];
      fill(m, (size_t)(n * ld));
      fill(drives, NODES * MAX_LD);
      for (int i = 0; i < 5 + n_last; i++) {
        const int p = i < 2 ? i : i < 5 ? i % 2 : 2 + i * 2 % 3;
        parent[i] = rate + p * ld;
        expected_parent[i] = expected_rate + p * ld;
        drive[i] = drives + i / 2 * ld; /* two nodes share one */
      }
      for (int c = 0; c < n_candidates; c++) {
        fill_with(a, NODES * MAX_LD, guard);
        fill_with(rate, NODES * MAX_LD, guard);
        for (int k = 0; k < 3; k++) {
          const int first = level[k], n_here = level[k + 1] - level[k];
          plain_product(&candidates[c], n_here, k == 0 ? 0 : n, ld, expected_parent + first, m, drive + first,
                        expected_a + first * ld);
          candidates[c].kernel->tanh_all((size_t)(n_here * ld), expected_a + first * ld, expected_rate + first * ld);
        }
        candidates[c].kernel->forward(3, level, n, ld, parent, m, drive, a, rate);
        assert_bits(&candidates[c], "forward: a", a, expected_a, size);
        assert_bits(&candidates[c], "forward: rate", rate, expected_rate, size);
        assert_guarded(a, size);
        assert_guarded(rate, size);
      }
    }
  free(m), free(drives), free(a), free(rate), free(expected_a), free(expected_rate);
}

static void backward_is_product_and_slope(void **state)
{
  (void)state;
  enum { ROWS = 9 };
  double *const m = make(MAX_N * MAX_LD), *const sums = make(ROWS * MAX_LD), *const owns = make(ROWS * MAX_LD);
  double *const rate = make(ROWS * MAX_LD), *const same_rate = make(ROWS * MAX_LD), *const adjoint = make(ROWS * MAX_LD);
  double *const expected = make(ROWS * MAX_LD);
  for (int n = 1; n <= MAX_N; n++)
    for (int n_rows = 1; n_rows <= ROWS; n_rows++) {
      const int ld = (n + 7) / 8 * 8;
      const size_t size = (size_t)(n_rows * ld);
      const double *sum[ROWS], *own[ROWS];
      fill(m, (size_t)(n * ld));
      fill(sums, size);
      fill(owns, size);
      fill(rate, size);
      memcpy(same_rate, rate, (size + GUARD) * sizeof *rate);
      for (int r = 0; r < n_rows; r++) {
        sum[r] = sums + (n_rows - 1 - r) * ld;
        own[r] = owns + r / 2 * ld;
      }
      for (int c = 0; c < n_candidates; c++) {
        plain_product(&candidates[c], n_rows, n, ld, sum, m, own, expected);
        for (size_t i = 0; i < size; i++)
          expected[i] *= multiply_add(&candidates[c], -rate[i], rate[i], 1.0);
        fill_with(adjoint, ROWS * MAX_LD, guard);
        candidates[c].kernel->backward(n_rows, n, ld, sum, m, own, rate, adjoint);
        assert_bits(&candidates[c], "backward", adjoint, expected, size);
        assert_bits(&candidates[c], "backward: rate", rate, same_rate, size + GUARD);
        assert_guarded(adjoint, size);
      }
    }
  free(m), free(sums), free(owns), free(rate), free(same_rate), free(adjoint), free(expected);
}

static void add_rows_is_the_plain_loop(void **state)
{
  (void)state;
  enum { ROWS = 9, PLACES = 4 };
  static const int to[3][ROWS] = {{0, 0, 0, 1, 1, 2, 2, 2, 2}, {3, 0, 3, 0, 1, 1, 3, 3, 0}, {2, 2, 2, 2, 2, 2, 2, 2, 2}};
  double *const rows = make(ROWS * MAX_LD), *const sums = make(PLACES * MAX_LD), *const expected = make(PLACES * MAX_LD);
  for (int ld = 8; ld <= MAX_LD; ld += 8)
    for (int n_rows = 1; n_rows <= ROWS; n_rows++)
      for (int where = 0; where < 3; where++)
        for (int c = 0; c < n_candidates; c++) {
          const size_t size = (size_t)(PLACES * ld);
          fill(rows, (size_t)(n_rows * ld));
          fill(sums, size);
          memcpy(expected, sums, size * sizeof *sums);
          for (int r = 0; r < n_rows; r++)
            for (int i = 0; i < ld; i++)
              expected[to[where][r] * ld + i] += rows[r * ld + i];
          candidates[c].kernel->add_rows(n_rows, ld, rows, to[where], sums);
          assert_bits(&candidates[c], "add_rows", sums, expected, size);
        }
  free(rows), free(sums), free(expected);
}

/* ---- tanh ---- */

static double worst[3]; /* error in ulp, by candidate */

/* Eight arguments and their negatives at a time. */
static void check_tanh(const double *x)
{
  double in[16] __attribute__((aligned(64))), out[16] __attribute__((aligned(64))), first[16];
  for (int i = 0; i < 8; i++) {
    in[2 * i] = x[i];
    in[2 * i + 1] = -x[i];
  }
  for (int c = 0; c < n_candidates; c++) {
    candidates[c].kernel->tanh_all(16, in, out);
    for (int i = 0; i < 16; i++) {
      const long double exact = tanhl(in[i]);
      const int exponent = exact == 0 ? -1022 : (int)fmaxl(-1022, logbl(fabsl(exact)));
      const double error = (double)(fabsl(out[i] - exact) / ldexpl(1, exponent - 52));
      if (!(error < 3 && fabs(out[i]) <= 1))
        fail_msg("%s: tanh(%a) = %a, off by %g ulp", candidates[c].kernel->name, in[i], out[i], error);
      worst[c] = fmax(worst[c], error);
      assert_true(signbit(out[i]) == signbit(in[i]));
      assert_true(i % 2 == 0 || out[i] == -out[i - 1]);
    }
    if (candidates[c].fused && c > 1)
      assert_bits(&candidates[c], "tanh_all", out, first, 16);
    if (c == 1)
      memcpy(first, out, sizeof first);
  }
}

static void check_tanh_range(double low, double high, int n)
{
  for (int i = 0; i < n; i += 8) {
    double x[8];
    for (int j = 0; j < 8; j++)
      x[j] = low + (high - low) * (i + j) / n;
    check_tanh(x);
  }
}

static void check_tanh_decades(double low, double high, int n) /* logarithms to base 10 */
{
  for (int i = 0; i < n; i += 8) {
    double x[8];
    for (int j = 0; j < 8; j++)
      x[j] = pow(10, low + (high - low) * (i + j) / n);
    check_tanh(x);
  }
}

static void tanh_is_good_to_three_ulp(void **state)
{
  (void)state;
  const double half_ln2 = 0.5 * log(2);
  check_tanh_decades(-323, -300, 8000);
  check_tanh_decades(-300, -12, 40000);
  check_tanh_decades(-12, 1.5, 200000);
  check_tanh_decades(1.3, 308, 8000);
  check_tanh_range(0, 1, 200000);
  check_tanh_range(0.17, 0.22, 200000); /* where the first power of two changes */
  check_tanh_range(1, 22, 200000);
  for (int k = 1; k <= 120; k++) { /* multiples of ln2 / 2 and the points half way between them */
    const double at = 0.5 * k * half_ln2;
    double x[8];
    check_tanh_range(at * (1 - 1e-6), at * (1 + 1e-6), 400);
    x[0] = at;
    for (int j = 1; j < 8; j++) /* and their very neighbours */
      x[j] = nextafter(j % 2 ? x[j - 1] : at - (x[j - 1] - at), j % 2 ? INFINITY : -INFINITY);
    check_tanh(x);
  }
  for (int c = 0; c < n_candidates; c++)
    print_message("%s: tanh is off by at most %.2f ulp\n", candidates[c].kernel->name, worst[c]);
}

/* In every lane, and without a word to its neighbours. */
static void tanh_of_special_numbers(void **state)
{
  (void)state;
  static const struct {
    double in, out;
  } cases[] = {{0.0, 0.0},
               {INFINITY, 1.0},
               {DBL_MAX, 1.0},
               {1000, 1.0},
               {20, 1.0},
               {DBL_TRUE_MIN, DBL_TRUE_MIN},
               {0x0.8p-1022, 0x0.8p-1022},
               {0x0.fffffffffffffp-1022, 0x0.fffffffffffffp-1022},
               {DBL_MIN, DBL_MIN},
               {NAN, NAN}};
  double in[16] __attribute__((aligned(64))), out[16] __attribute__((aligned(64))), plain[16] __attribute__((aligned(64)));
  for (int c = 0; c < n_candidates; c++) {
    for (int i = 0; i < 16; i++)
      in[i] = 0.1 * (i - 8) + 0.03;
    candidates[c].kernel->tanh_all(16, in, plain);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
      for (int sign = -1; sign <= 1; sign += 2)
        for (int lane = 0; lane < 16; lane++) {
          const double x = copysign(cases[k].in, sign), y = copysign(cases[k].out, sign), old = in[lane];
          in[lane] = x;
          candidates[c].kernel->tanh_all(16, in, out);
          if (isnan(x) ? !isnan(out[lane]) : memcmp(&out[lane], &y, sizeof y) != 0)
            fail_msg("%s: tanh(%a) = %a in lane %d", candidates[c].kernel->name, x, out[lane], lane);
          out[lane] = plain[lane];
          assert_bits(&candidates[c], "neighbours of a special number", out, plain, 16);
          in[lane] = old;
        }
  }
}

static void tanh_stays_in_its_place(void **state)
{
  (void)state;
  double *const in = make(MAX_LD), *const out = make(MAX_LD), *const expected = make(MAX_LD);
  for (size_t n = 8; n <= MAX_LD; n += 8)
    for (int c = 0; c < n_candidates; c++) {
      fill(in, n);
      fill_with(out, MAX_LD, guard);
      candidates[c].kernel->tanh_all(n, in, out);
      assert_guarded(out, n);
      for (size_t i = 0; i < n; i += 8)
        candidates[c].kernel->tanh_all(8, in + i, expected + i);
      assert_bits(&candidates[c], "tanh_all by eights", out, expected, n);
    }
  free(in), free(out), free(expected);
}

/* ---- which of them ---- */

static void best_kernels_are_in_use(void **state)
{
  (void)state;
  assert_ptr_equal(esp_kernel_in_use(), candidates[n_candidates - 1].kernel);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_times_matrix_is_the_plain_loop),
      cmocka_unit_test(sum_of_products_is_the_plain_loop),
      cmocka_unit_test(rows_times_vector_is_the_plain_loop),
      cmocka_unit_test(dot_is_the_plain_loop),
      cmocka_unit_test(forward_is_product_and_tanh_by_levels),
      cmocka_unit_test(backward_is_product_and_slope),
      cmocka_unit_test(add_rows_is_the_plain_loop),
      cmocka_unit_test(tanh_is_good_to_three_ulp),
      cmocka_unit_test(tanh_of_special_numbers),
      cmocka_unit_test(tanh_stays_in_its_place),
      cmocka_unit_test(best_kernels_are_in_use),
  };
  return cmocka_run_group_tests(tests, find_kernels, NULL);
}
