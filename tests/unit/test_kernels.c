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

enum { MAX_N = 40, MAX_ROWS = 13, MAX_LD = 48, WIDE = 72, GUARD = 16 }; /* WIDE: more vectors than are worked on at once */
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
  double *const m = make(MAX_N * WIDE), *const starts = make(ROWS * WIDE), *const out = make(ROWS * WIDE);
  double *const expected = make(ROWS * WIDE), *const alone = make(WIDE), *const vectors = make(ROWS * MAX_N);
  const double *x[ROWS], *start[ROWS];
  for (int n = 1; n <= MAX_N; n++)
    for (int ld = 8; ld <= WIDE; ld += 8) {
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
          fill_with(out, ROWS * WIDE, guard);
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

/* What lies between the rows of out, before and behind it, is not to be written. */
static void assert_sum_of_products(const candidate *c, int n_terms, int n_rows, int ld_a, int n_columns, int stride,
                                   const double *a, const double *const *b, double *out)
{
  fill_with(out, MAX_ROWS * (WIDE + 8), guard);
  c->kernel->sum_of_products(n_terms, n_rows, ld_a, a, n_columns, b, stride, out + 1); /* at any alignment */
  for (int i = 0; i < MAX_ROWS * (WIDE + 8); i++) {
    const int row = (i - 1) / stride, column = (i - 1) % stride;
    double expected = 0.0;
    if (i == 0 || row >= n_rows || column >= n_columns) {
      if (out[i] != guard)
        fail_msg("%s, sum_of_products: %d x %d numbers, rows %d apart: wrote to %d", c->kernel->name, n_rows, n_columns, stride,
                 i - 1);
      continue;
    }
    for (int k = 0; k < n_terms; k++)
      expected = multiply_add(c, a[k * ld_a + row], b[k][column], expected);
    assert_bits(c, "sum_of_products", out + i, &expected, 1);
  }
}

static void sum_of_products_is_the_plain_loop(void **state)
{
  (void)state;
  static const int terms[] = {0, 1, 2, 7, 40}, beyond[] = {0, 1, 3, 8};
  double *const a = make(MAX_N * 16), *const b = make(MAX_N * WIDE), *const out = make(MAX_ROWS * (WIDE + 8));
  for (int n_columns = 1; n_columns <= WIDE; n_columns += n_columns < MAX_N ? 1 : 8)
    for (int n_rows = 1; n_rows <= MAX_ROWS; n_rows++)
      for (int variant = 0; variant < 5; variant++) {
        const int n_terms = terms[variant], ld_b = (n_columns + 7) / 8 * 8;
        const int ld_a = variant % 2 ? n_rows : 16, stride = n_columns + beyond[(variant + n_rows) % 4];
        const double *rows[MAX_N];
        fill(a, MAX_N * 16);
        fill(b, (size_t)(MAX_N * ld_b));
        for (int k = 0; k < n_terms; k++)
          rows[k] = b + (long)(k * 7 % n_terms) * ld_b; /* in any order, some twice */
        for (int c = 0; c < n_candidates; c++)
          assert_sum_of_products(&candidates[c], n_terms, n_rows, ld_a, n_columns, stride, a, rows, out);
      }
  free(a), free(b), free(out);
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

/* Eight lanes, added up in halves. */
static double plain_lanes(const candidate *c, int ld, const double *row, const double *v)
{
  double lane[8];
  for (int l = 0; l < 8; l++)
    lane[l] = row[l] * v[l];
  for (int j = 8; j < ld; j++)
    lane[j % 8] = multiply_add(c, row[j], v[j], lane[j % 8]);
  for (int half = 4; half > 0; half /= 2)
    for (int l = 0; l < half; l++)
      lane[l] += lane[l + half];
  return lane[0];
}

static void rows_times_vector_is_the_plain_loop(void **state)
{
  (void)state;
  enum { ROWS = 20 };
  double *const rows = make(ROWS * MAX_LD), *const v = make(MAX_LD), *const out = make(ROWS + 1), expected[ROWS];
  for (int n = 1; n <= MAX_N; n++)
    for (int n_rows = 1; n_rows <= ROWS; n_rows++) {
      const int ld = (n + 7) / 8 * 8;
      fill(rows, (size_t)(n_rows * ld));
      fill(v, (size_t)n);
      fill_with(v + n, (size_t)(ld - n), 0.0);
      for (int c = 0; c < n_candidates; c++) {
        fill_with(out, ROWS + 1, guard);
        candidates[c].kernel->rows_times_vector(n_rows, ld, rows, v, out + 1); /* at any alignment */
        for (int r = 0; r < n_rows; r++) {
          expected[r] = plain_lanes(&candidates[c], ld, rows + (long)r * ld, v);
          assert_near_sum(&candidates[c], "rows_times_vector", out[1 + r], (size_t)n, rows + (long)r * ld, v);
        }
        assert_bits(&candidates[c], "rows_times_vector", out + 1, expected, (size_t)n_rows);
        assert_true(out[0] == guard);
        assert_guarded(out, (size_t)(1 + n_rows));
      }
    }
  free(rows), free(v), free(out);
}

static void transpose_turns_and_keeps_the_padding(void **state)
{
  (void)state;
  double *const m = make(MAX_N * MAX_LD), *const out = make(MAX_N * MAX_LD);
  for (int n = 1; n <= MAX_N; n++)
    for (int ld = (n + 7) / 8 * 8, n_padded = ld, last = ld + 8; ld <= last; ld += 8) {
      fill_with(m, (size_t)(n_padded * ld), 0.0);
      for (int i = 0; i < n; i++)
        fill(m + i * ld, (size_t)n);
      for (int c = 0; c < n_candidates; c++) {
        fill_with(out, MAX_N * MAX_LD, guard);
        candidates[c].kernel->transpose(n, ld, m, out);
        for (int i = 0; i < n_padded; i++)
          for (int j = 0; j < ld; j++) {
            const double expected = j < n_padded ? m[j * ld + i] : guard;
            assert_bits(&candidates[c], "transpose", out + i * ld + j, &expected, 1);
          }
        assert_guarded(out, (size_t)(n_padded * ld));
      }
    }
  free(m), free(out);
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

enum { MAX_NODES = 2 + 3 + 9, MAX_STATES = MAX_NODES * MAX_LD };
#define ALIGNED __attribute__((aligned(64)))
static double matrix[MAX_N * MAX_LD] ALIGNED, starts[MAX_STATES] ALIGNED, rates[MAX_STATES] ALIGNED;

/* Two nodes without parents, three under them, up to nine under these: or the last one or two of these levels. */
typedef struct {
  int n_levels, n_nodes, first[4], parent[MAX_NODES], n_children[MAX_NODES];
} family;

static family make_family(int n_levels, int n_last)
{
  static const int size[] = {3, 2};
  family f = {.n_levels = n_levels};
  for (int k = 0; k < n_levels; k++) {
    const int n = k == n_levels - 1 ? n_last : size[n_levels - 2 - k];
    for (int i = 0; i < n; i++) {
      const int node = f.first[k] + i;
      f.parent[node] = k == 0 ? -1 : f.first[k - 1] + 2 * i % (f.first[k] - f.first[k - 1]);
      if (k > 0)
        f.n_children[f.parent[node]]++;
    }
    f.n_nodes = f.first[k + 1] = f.first[k] + n;
  }
  return f;
}

/* What test_sweeps() calls, for each number of units, levels and nodes in the last level. */
typedef void sweep_test(const family *f, int n, int ld);

static void test_sweeps(sweep_test *test)
{
  for (int n = 1; n <= MAX_N; n++)
    for (int n_levels = 1; n_levels <= 3; n_levels++)
      for (int n_last = 1; n_last <= 9; n_last++) {
        const family f = make_family(n_levels, n_last);
        test(&f, n, (n + 7) / 8 * 8);
      }
}

static esp_levels levels_of(const family *f, int n, int ld)
{
  return (esp_levels){.n_levels = f->n_levels, .first = f->first, .n = n, .ld = ld};
}

/* A node's row is its parent's one among these; without a parent one that is not to be read. */
static void find_parents(const family *f, int ld, const double *rows, const double **out)
{
  for (int i = 0; i < f->n_nodes; i++)
    out[i] = f->parent[i] < 0 ? NULL : rows + f->parent[i] * ld;
}

static void forward_sweep(const family *f, int n, int ld)
{
  static double a[MAX_STATES + GUARD] ALIGNED, rate[MAX_STATES + GUARD] ALIGNED;
  static double expected_a[MAX_STATES] ALIGNED, expected_rate[MAX_STATES] ALIGNED;
  const size_t size = (size_t)(f->n_nodes * ld);
  const esp_levels levels = levels_of(f, n, ld);
  const double *parent[MAX_NODES], *expected_parent[MAX_NODES], *drive[MAX_NODES];
  fill(matrix, (size_t)(n * ld));
  fill(starts, size);
  find_parents(f, ld, rate, parent);
  find_parents(f, ld, expected_rate, expected_parent);
  for (int i = 0; i < f->n_nodes; i++)
    drive[i] = starts + i / 2 * ld; /* two nodes share one */
  for (int c = 0; c < n_candidates; c++) {
    const esp_kernel *kernel = candidates[c].kernel;
    for (int k = 0; k < f->n_levels; k++) {
      const int first = f->first[k], n_here = f->first[k + 1] - first;
      plain_product(&candidates[c], n_here, k == 0 ? 0 : n, ld, expected_parent + first, matrix, drive + first,
                    expected_a + first * ld);
      kernel->tanh_all((size_t)(n_here * ld), expected_a + first * ld, expected_rate + first * ld);
    }
    for (int kept = 0; kept < 2; kept++) {
      fill_with(a, MAX_STATES + GUARD, guard);
      fill_with(rate, MAX_STATES + GUARD, guard);
      kernel->forward(&levels, parent, matrix, drive, kept ? a : NULL, rate);
      assert_bits(&candidates[c], "forward: rate", rate, expected_rate, size);
      assert_guarded(rate, size);
      if (kept)
        assert_bits(&candidates[c], "forward: a", a, expected_a, size);
      assert_guarded(a, kept ? size : 0);
    }
  }
}

static void forward_is_product_and_tanh_by_levels(void **state)
{
  (void)state;
  test_sweeps(forward_sweep);
}

/* Rates of nodes are between -1 and 1. */
static void fill_rates(double *rate, size_t n)
{
  fill(rate, n);
  for (size_t i = 0; i < n; i++)
    rate[i] = tanh(rate[i]);
}

static void tangent_sweep(const family *f, int n, int ld)
{
  static const char *const names[] = {"tangent: a'", "tangent: rate'", "tangent: bend"};
  static double got[3][MAX_STATES + GUARD] ALIGNED, expected[3][MAX_STATES] ALIGNED;
  const size_t size = (size_t)(f->n_nodes * ld);
  const esp_levels levels = levels_of(f, n, ld);
  const double *parent[MAX_NODES], *expected_parent[MAX_NODES], *start[MAX_NODES];
  fill(matrix, (size_t)(n * ld));
  fill(starts, size);
  fill_rates(rates, size);
  find_parents(f, ld, got[1], parent);
  find_parents(f, ld, expected[1], expected_parent);
  for (int i = 0; i < f->n_nodes; i++)
    start[i] = starts + i / 2 * ld;
  for (int c = 0; c < n_candidates; c++) {
    for (int k = 0; k < f->n_levels; k++) {
      const int first = f->first[k], n_here = f->first[k + 1] - first;
      plain_product(&candidates[c], n_here, k == 0 ? 0 : n, ld, expected_parent + first, matrix, start + first,
                    expected[0] + first * ld);
      for (int i = first * ld; i < f->first[k + 1] * ld; i++) {
        const double r = rates[i], a_tangent = expected[0][i];
        expected[1][i] = multiply_add(&candidates[c], -r, r, 1.0) * a_tangent;
        expected[2][i] = r * a_tangent * -a_tangent;
      }
    }
    for (int kept = 0; kept < 2; kept++) {
      fill_with(got[0], 3 * (MAX_STATES + GUARD), guard);
      candidates[c].kernel->tangent(&levels, parent, matrix, start, rates, kept ? got[0] : NULL, got[1], got[2]);
      for (int i = 0; i < 3; i++) {
        if (i > 0 || kept)
          assert_bits(&candidates[c], names[i], got[i], expected[i], size);
        assert_guarded(got[i], i > 0 || kept ? size : 0);
      }
    }
  }
}

static void tangent_is_product_slope_and_bend(void **state)
{
  (void)state;
  test_sweeps(tangent_sweep);
}

/* What a backward sweep writes, and where it adds: a node of several children has a row in which they add up, and two nodes
 * out of three add to one of four rows by drive. */
enum { N_DRIVES = 4, MAX_OUT = 4 };
typedef struct {
  double adjoint[MAX_STATES] ALIGNED, siblings[MAX_STATES] ALIGNED, drives[N_DRIVES * MAX_LD] ALIGNED, behind[GUARD];
  const double *child_sum[MAX_NODES];
  double *sibling_sum[MAX_NODES], *drive_sum[MAX_NODES];
} backward_arrays;

/* Rows that are added to hold something already: `before`. */
static void link_backward(const family *f, int ld, const double *childless, const double *before, backward_arrays *b)
{
  fill_with(b->adjoint, MAX_STATES, guard);
  fill_with(b->behind, GUARD, guard);
  memcpy(b->siblings, before, sizeof b->siblings);
  memcpy(b->drives, before, sizeof b->drives);
  for (int i = 0; i < f->n_nodes; i++)
    b->child_sum[i] = i < f->first[f->n_levels - 1] ? childless : NULL; /* of the last level: not to be read */
  for (int i = 0; i < f->n_nodes; i++) {
    const int parent = f->parent[i];
    const bool several = parent >= 0 && f->n_children[parent] > 1;
    b->sibling_sum[i] = several ? b->siblings + parent * ld : NULL;
    b->drive_sum[i] = i % 3 == 1 ? NULL : b->drives + i * i % N_DRIVES * ld;
    if (parent >= 0)
      b->child_sum[parent] = several ? b->siblings + parent * ld : b->adjoint + i * ld;
  }
}

static double plain_own(const candidate *c, int ld, const esp_backward *back, int node, int j)
{
  const double *dy = back->dy + node * back->n_out;
  double own = dy[0] * back->w_out[j];
  for (int o = 1; o < back->n_out; o++)
    own = multiply_add(c, dy[o], back->w_out[o * ld + j], own);
  return own;
}

static void plain_backward(const candidate *c, const family *f, int n, int ld, const esp_backward *back, backward_arrays *b)
{
  for (int k = f->n_levels - 1; k >= 0; k--)
    for (int node = f->first[k]; node < f->first[k + 1]; node++) {
      double own[MAX_LD], sum[MAX_LD], start[MAX_LD] = {0};
      const double *const start_row = start;
      for (int j = 0; j < ld; j++) {
        own[j] = plain_own(c, ld, back, node, j);
        if (!back->latent)
          start[j] = own[j];
      }
      plain_product(c, 1, k == f->n_levels - 1 ? 0 : n, ld, &b->child_sum[node], matrix, &start_row, sum);
      for (int j = 0; j < ld; j++) {
        const double rate = rates[node * ld + j], slope = multiply_add(c, -rate, rate, 1.0);
        const double adjoint = back->latent ? multiply_add(c, slope, sum[j], own[j]) : slope * sum[j];
        b->adjoint[node * ld + j] = adjoint;
        if (b->sibling_sum[node])
          b->sibling_sum[node][j] += adjoint;
        if (b->drive_sum[node])
          b->drive_sum[node][j] += adjoint;
      }
    }
}

static void backward_sweep(const family *f, int n, int ld)
{
  static double same_rates[MAX_STATES], dy[MAX_NODES * MAX_OUT], w_out[MAX_OUT * MAX_LD] ALIGNED;
  static double childless[MAX_LD] ALIGNED, before[MAX_STATES] ALIGNED;
  static backward_arrays got, expected;
  const esp_levels levels = levels_of(f, n, ld);
  fill(matrix, (size_t)(n * ld));
  fill(dy, MAX_NODES * MAX_OUT);
  fill(w_out, (size_t)(MAX_OUT * ld));
  fill(childless, (size_t)ld);
  fill(before, MAX_STATES);
  fill_rates(rates, (size_t)(f->n_nodes * ld));
  memcpy(same_rates, rates, sizeof rates);
  for (int c = 0; c < n_candidates; c++)
    for (int variant = 0; variant < 2 * MAX_OUT; variant++) {
      esp_backward back = {.n_out = 1 + variant / 2, .dy = dy, .w_out = w_out, .latent = variant % 2};
      link_backward(f, ld, childless, before, &expected);
      plain_backward(&candidates[c], f, n, ld, &back, &expected);
      link_backward(f, ld, childless, before, &got);
      back.sibling_sum = got.sibling_sum;
      back.drive_sum = got.drive_sum;
      candidates[c].kernel->backward(&levels, got.child_sum, matrix, rates, &back, got.adjoint);
      /* all of them, also what was not to be written */
      assert_bits(&candidates[c], "backward", got.adjoint, expected.adjoint, MAX_STATES);
      assert_bits(&candidates[c], "backward: sums of siblings", got.siblings, expected.siblings, MAX_STATES);
      assert_bits(&candidates[c], "backward: sums by drive", got.drives, expected.drives, N_DRIVES * MAX_LD);
      assert_bits(&candidates[c], "backward: behind its arrays", got.behind, expected.behind, GUARD);
      assert_bits(&candidates[c], "backward: rate", rates, same_rates, MAX_STATES);
    }
}

static void backward_is_own_part_product_and_slope(void **state)
{
  (void)state;
  test_sweeps(backward_sweep);
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
      assert_true(out[i] == 0 ? in[i] == 0 : signbit(out[i]) == signbit(in[i])); /* odd but for rounding, and the sign of 0 */
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

/* In every lane, and without a word to its neighbours. tanh(0.0) and tanh(-0.0) are 0.0 or -0.0: they compare equal to 0. */
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
          if (isnan(x) ? !isnan(out[lane]) : out[lane] != y)
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
      cmocka_unit_test(transpose_turns_and_keeps_the_padding),
      cmocka_unit_test(dot_is_the_plain_loop),
      cmocka_unit_test(forward_is_product_and_tanh_by_levels),
      cmocka_unit_test(tangent_is_product_slope_and_bend),
      cmocka_unit_test(backward_is_own_part_product_and_slope),
      cmocka_unit_test(tanh_is_good_to_three_ulp),
      cmocka_unit_test(tanh_of_special_numbers),
      cmocka_unit_test(tanh_stays_in_its_place),
      cmocka_unit_test(best_kernels_are_in_use),
  };
  return cmocka_run_group_tests(tests, find_kernels, NULL);
}
