/* tests/unit/test_spiking.c - neurons against their closed forms, credit against a direct sum, draws against their law. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/spiking.h"
#include "lever_options.h"
#include "model/spiking_kernels.h"
#include "reference_lever.h"

static const esp_rng_key key = {.seed = 11, .arm = ESP_RNG_SHARED, .stage = ESP_RNG_SHARED};

enum { BLOCK = 50 };

static esp_spiking make(const esp_spiking_options *o, esp_workspace *ws)
{
  esp_spiking net;
  assert_int_equal(esp_workspace_create(ws), ESP_OK);
  assert_int_equal(esp_spiking_take(o, &key, BLOCK, ws, &net), ESP_OK);
  return net;
}

static double lam[BLOCK], kap[BLOCK], no_input[256] __attribute__((aligned(64)));

/* A step; at the end of a block the next one begins. */
static void step(esp_spiking *net, const double *input)
{
  if (net->n_steps == BLOCK)
    esp_spiking_credit(net, lam, kap);
  esp_spiking_step(net, input);
}

/* ---- membranes ---- */

static void one_spike_has_the_shape_of_the_kernel(void **state)
{
  (void)state;
  esp_workspace ws;
  esp_spiking_options o = lever_defaults().neurons;
  o.bias = -60; /* nobody fires */
  esp_spiking net = make(&o, &ws);
  double once[256] __attribute__((aligned(64))) = {[3] = INFINITY};
  net.w[3 * net.ld_in + 5] = 1;
  double peak = 0;
  step(&net, once);
  for (int s = 1; s < 200; s++) {
    step(&net, no_input);
    const double psp = 20 / 18.0 * (net.exc_fall[5] - net.exc_rise[5]), expected = 20 / 18.0 * (exp(-s / 20.0) - exp(-s / 2.0));
    assert_true(fabs(psp - expected) < 1e-14);
    assert_true(net.exc_fall[6] == 0);
    peak = fmax(peak, psp);
  }
  assert_true(fabs(peak - 0.774) < 0.0005);
  esp_workspace_free(&ws);
}

/* A renewal process: one spike in every dead time + 1 / p steps. Four standard errors; the escape rate is the integral's, exactly. */
static void rates_follow_the_escape_rate(void **state)
{
  (void)state;
  static const double potentials[] = {-1, 1, 3, 4.5, 6};
  for (int i = 0; i < 5; i++) {
    esp_workspace ws;
    esp_spiking_options o = lever_defaults().neurons;
    o.n_exc = 96;
    o.n_inh = 48;
    o.bias = potentials[i];
    o.homeostasis = 0;
    o.p_exc_to_inh = o.p_inh_to_exc = o.p_inh_to_inh = 0;
    esp_spiking net = make(&o, &ws);
    const int n_steps = 30000;
    long spikes[2] = {0, 0};
    for (int m = 0; m < n_steps; m++) {
      step(&net, no_input);
      for (int s = net.first[net.n_steps - 1]; s < net.first[net.n_steps]; s++)
        spikes[net.spike[s] >= net.n_pre]++;
    }
    const double p = 1 - exp(-1e-3 * exp(potentials[i])), dead[2] = {5, 2}, n[2] = {96, 48};
    for (int population = 0; population < 2; population++) {
      const double interval = dead[population] + 1 / p, expected = n[population] * n_steps / interval;
      const double sd = sqrt(expected * (1 - p) / (p * p)) / interval;
      if (fabs((double)spikes[population] - expected) > 4 * sd + n[population]) /* the start: nobody is refractory */
        fail_msg("u = %g, population %d: %ld spikes, expected %g +- %g", potentials[i], population, spikes[population], expected, sd);
    }
    esp_workspace_free(&ws);
  }
}

static void homeostasis_sets_the_rate(void **state)
{
  (void)state;
  esp_workspace ws;
  esp_spiking_options o = lever_defaults().neurons;
  o.homeostasis = 0.1;
  esp_spiking net = make(&o, &ws);
  long spikes = 0;
  for (int m = 0; m < 130000; m++) {
    step(&net, no_input);
    for (int s = net.first[net.n_steps - 1]; m >= 30000 && s < net.first[net.n_steps]; s++)
      spikes += net.spike[s] < net.n_pre;
  }
  assert_true(fabs((double)spikes / (100 * 60) - 5) < 0.1);
  esp_workspace_free(&ws);
}

static void inputs_fire_at_their_rates(void **state)
{
  (void)state;
  esp_workspace ws;
  esp_spiking_options o = lever_defaults().neurons;
  o.bias = -60;
  esp_spiking net = make(&o, &ws);
  double hazard[256] __attribute__((aligned(64))) = {0};
  int count[200] = {0};
  for (int i = 0; i < 200; i++)
    hazard[i] = esp_spiking_input_hazard(&o, i < 100 ? 2 : 60);
  const int n_steps = 50000;
  for (int m = 0; m < n_steps; m++) {
    step(&net, hazard);
    for (int s = net.first[net.n_steps - 1]; s < net.first[net.n_steps]; s++)
      count[net.spike[s]]++;
  }
  for (int half = 0; half < 2; half++) {
    const double p = half ? 0.06 : 0.002, n = 100.0 * n_steps;
    double sum = 0, squares = 0;
    for (int i = 100 * half; i < 100 * half + 100; i++) {
      sum += count[i];
      squares += (double)count[i] * count[i];
    }
    const double variance = squares / 100 - sum / 100 * sum / 100;
    assert_true(fabs(sum - n * p) < 4 * sqrt(n * p * (1 - p)));
    assert_true(fabs(variance / (n_steps * p * (1 - p)) - 1) < 0.6); /* binomial: sd of this ratio is 0.14 */
  }
  esp_workspace_free(&ws);
}

/* ---- credit ---- */

/* Over three blocks of different length, from the spikes themselves. */
static void credit_is_the_direct_sum(void **state)
{
  (void)state;
  enum { N_IN = 13, N_EXC = 11, N_RECEIVING = 5, LONGEST = 3 * BLOCK };
  esp_workspace ws;
  esp_spiking_options o = lever_defaults().neurons;
  o.n_in = N_IN;
  o.n_exc = N_EXC;
  o.n_receiving = N_RECEIVING;
  o.n_inh = 3;
  o.bias = 3;
  esp_spiking net = make(&o, &ws);
  double hazard[16] __attribute__((aligned(64))) = {0};
  for (int i = 0; i < N_IN; i++)
    hazard[i] = esp_spiking_input_hazard(&o, 40);
  static double y_fall[N_IN + N_EXC], y_rise[N_IN + N_EXC];
  long n_spikes = 0;
  static const int lengths[3] = {BLOCK, 7, BLOCK - 1};
  for (int block = 0; block < 3; block++) {
    static double e[N_IN + N_EXC][N_EXC], g[N_IN + N_EXC][N_EXC];
    memset(e, 0, sizeof e);
    memset(g, 0, sizeof g);
    for (int m = 0; m < lengths[block]; m++) {
      lam[m] = 0.3 + 0.01 * m;
      kap[m] = sin(m + block);
      esp_spiking_step(&net, hazard);
      for (int i = 0; i < N_IN + N_EXC; i++) {
        y_fall[i] *= exp(-1 / 20.0);
        y_rise[i] *= exp(-1 / 2.0);
        for (int k = 0; k < N_EXC; k++) {
          const double term = 20 / 18.0 * (y_fall[i] - y_rise[i]) * net.post[m * net.ld + k];
          e[i][k] += lam[m] * term;
          g[i][k] += kap[m] * term;
        }
      }
      for (int s = net.first[m]; s < net.first[m + 1]; s++)
        if (net.spike[s] < N_IN + N_EXC) {
          y_fall[net.spike[s]] += 1;
          y_rise[net.spike[s]] += 1;
          n_spikes++;
        }
    }
    esp_spiking_credit(&net, lam, kap);
    for (int i = 0; i < N_IN + N_EXC; i++)
      for (int k = 0; k < (i < N_IN ? N_RECEIVING : N_EXC); k++) {
        const int cell = i < N_IN ? i * net.ld_in + k : N_IN * net.ld_in + (i - N_IN) * net.ld + k;
        if (fabs(net.pair_e[cell] - e[i][k]) > 1e-12 || fabs(net.pair_g[cell] - g[i][k]) > 1e-12)
          fail_msg("block %d, %d -> %d: %g and %g, directly %g and %g", block, i, k, net.pair_e[cell], net.pair_g[cell], e[i][k], g[i][k]);
      }
  }
  assert_true(n_spikes > 50);
  esp_workspace_free(&ws);
}

/* ---- connections ---- */

static void static_connections_have_their_law(void **state)
{
  (void)state;
  esp_workspace ws;
  esp_spiking_options o = lever_defaults().neurons;
  o.n_exc = 200;
  o.n_inh = 100;
  esp_spiking net = make(&o, &ws);
  double n[3] = {0}, sum[3] = {0}, squares[3] = {0};
  for (int i = 0; i < 200; i++)
    for (int l = 0; l < 100; l++) {
      const double w[2] = {net.to_inh[i * net.ld_inh + l], net.from_inh[l * net.ld_all + i]};
      assert_true(w[0] >= 0 && w[1] <= 0);
      for (int kind = 0; kind < 2; kind++) {
        n[kind] += w[kind] != 0;
        sum[kind] += w[kind];
        squares[kind] += w[kind] * w[kind];
      }
    }
  for (int i = 0; i < 100; i++) {
    assert_true(net.from_inh[i * net.ld_all + net.ld + i] == 0);
    for (int l = 0; l < 100; l++)
      n[2] += net.from_inh[i * net.ld_all + net.ld + l] != 0;
  }
  assert_true(fabs(n[0] / 20000 - 0.575) < 0.015 && fabs(n[1] / 20000 - 0.6) < 0.015 && fabs(n[2] / 9900 - 0.55) < 0.02);
  assert_true(fabs(sum[0] / n[0] - 0.5) < 0.005 && fabs(sum[1] / n[1] + 1) < 0.01);
  assert_true(fabs(sqrt(squares[0] / n[0] - pow(sum[0] / n[0], 2)) - 0.1) < 0.004);
  assert_true(fabs(sqrt(squares[1] / n[1] - pow(sum[1] / n[1], 2)) - 0.2) < 0.008);
  esp_workspace_free(&ws);
}

/* ---- kernels ---- */

static const esp_spiking_kernel *kernels[3];
static int n_kernels;

static int find_kernels(void **state)
{
  (void)state;
  kernels[n_kernels++] = &esp_spiking_kernel_portable;
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    kernels[n_kernels++] = &esp_spiking_kernel_avx2;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    kernels[n_kernels++] = &esp_spiking_kernel_avx512;
#endif
  return 0;
}

static void exponentials_are_exact(void **state)
{
  (void)state;
  enum { N = 4000 };
  static double x[N] __attribute__((aligned(64))), y[N] __attribute__((aligned(64)));
  for (int i = 0; i < N; i++)
    x[i] = i < N / 2 ? -700 + 1400.0 * i / (N / 2.0 - 1) : -8 + 16.0 * (i - N / 2) / (N / 2.0 - 1);
  x[0] = -1e30;
  for (int k = 0; k < n_kernels; k++) {
    kernels[k]->exp_all(N, x, y);
    assert_true(y[0] == y[0] && y[0] < 1e-300);
    for (int i = 1; i < N; i++)
      if (fabs(y[i] / exp(x[i]) - 1) > (k == 0 ? 5e-16 + 2e-16 * fabs(x[i]) : 5e-16)) /* portable: no fused multiply-add */
        fail_msg("%s: exp(%.17g) = %.17g", kernels[k]->name, x[i], y[i]);
  }
}

enum { N_TIMES = 8, N_PLACES = 1 << 17, N_DRAWS = N_TIMES * N_PLACES };
static double draws[N_DRAWS] __attribute__((aligned(64)));
static const uint32_t words[2] = {123, 456};

static void draws_are_those_of_the_definition(void **state)
{
  (void)state;
  static const uint32_t firsts[] = {0, 1, 7, 8, 1001}, times[] = {0, 9, UINT32_MAX};
  enum { N_BLOCKS = 19 };
  for (int k = 0; k < n_kernels; k++)
    for (int first = 0; first < 5; first++)
      for (int time = 0; time < 3; time++) {
        draws[32 * N_BLOCKS] = 77; /* nothing is written beyond */
        kernels[k]->normals(words, times[time], firsts[first], N_BLOCKS, draws);
        for (uint32_t i = 0; i < 32 * N_BLOCKS; i++)
          if (!(fabs(draws[i] - reference_normal(words, times[time], 32 * firsts[first] + i)) < 1e-6))
            fail_msg("%s: draw %u of block %u on is %.9g", kernels[k]->name, i, firsts[first], draws[i]);
        assert_true(draws[32 * N_BLOCKS] == 77);
      }
}

static void vectors_give_the_same_draws(void **state)
{
  (void)state;
#ifdef __x86_64__
  if (n_kernels < 3)
    return;
  esp_spiking_kernel_avx2.normals(words, 1, 0, 1000, draws);
  esp_spiking_kernel_avx512.normals(words, 1, 0, 1000, draws + 32000);
  assert_memory_equal(draws, draws + 32000, 32000 * sizeof *draws);
#endif
}

static int by_size(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Sum over draws of (a b)^power with the one that lies so many further, in standard deviations of that sum for independent draws. */
static double correlation(int distance, int power)
{
  double sum = 0;
  for (int i = 0; i < N_DRAWS; i++) {
    const double a = draws[i], b = draws[(i + distance) % N_DRAWS];
    sum += power == 1 ? a * b : (a * a - 1) * (b * b - 1) / 2;
  }
  return sum / sqrt(N_DRAWS);
}

/* Many synapses at a few times. Bounds are 4.5 standard deviations of each number. */
static void draws_are_normal(void **state)
{
  (void)state;
  for (uint32_t time = 0; time < N_TIMES; time++)
    esp_spiking_kernel_in_use()->normals(words, time, 0, N_PLACES / 32, draws + time * N_PLACES);
  static const double mean[5] = {0, 0, 1, 0, 3}, variance[5] = {0, 1, 2, 15, 96};
  double moment[5] = {0};
  for (int i = 0; i < N_DRAWS; i++) {
    double power = 1;
    for (int m = 1; m <= 4; m++)
      moment[m] += (power *= draws[i]) / N_DRAWS;
  }
  for (int m = 1; m <= 4; m++)
    if (fabs(moment[m] - mean[m]) > 4.5 * sqrt(variance[m] / N_DRAWS))
      fail_msg("moment %d is %g", m, moment[m]);
  /* neighbours, the two of a word (16), of a counter and of a block, of a group (32 to 64), the same synapse at the next time */
  static const int distances[] = {1, 2, 8, 15, 16, 17, 31, 32, 33, 48, 64, 256, N_PLACES, N_PLACES + 1, N_PLACES + 16};
  for (size_t d = 0; d < sizeof distances / sizeof *distances; d++)
    for (int power = 1; power <= 2; power++)
      if (fabs(correlation(distances[d], power)) > 4.5)
        fail_msg("draws %d apart, power %d: %g standard deviations", distances[d], power, correlation(distances[d], power));
  static const double beyond[] = {3, 4, 4.5};
  for (int t = 0; t < 3; t++)
    for (int sign = -1; sign <= 1; sign += 2) {
      const double expected = N_DRAWS * 0.5 * erfc(beyond[t] / sqrt(2));
      int n = 0;
      for (int i = 0; i < N_DRAWS; i++)
        n += sign * draws[i] > beyond[t];
      if (fabs(n - expected) > 4.5 * sqrt(expected) + 1)
        fail_msg("%d draws beyond %g, expected %g", n, sign * beyond[t], expected);
    }
  qsort(draws, N_DRAWS, sizeof *draws, by_size);
  double distance = 0;
  for (int i = 0; i < N_DRAWS; i++)
    distance = fmax(distance, fabs(0.5 * erfc(-draws[i] / sqrt(2)) - (i + 0.5) / N_DRAWS));
  assert_true(distance * sqrt(N_DRAWS) < 1.95); /* Kolmogorov-Smirnov, p = 0.001 */
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_spike_has_the_shape_of_the_kernel),
      cmocka_unit_test(rates_follow_the_escape_rate),
      cmocka_unit_test(homeostasis_sets_the_rate),
      cmocka_unit_test(inputs_fire_at_their_rates),
      cmocka_unit_test(credit_is_the_direct_sum),
      cmocka_unit_test(static_connections_have_their_law),
      cmocka_unit_test(exponentials_are_exact),
      cmocka_unit_test(draws_are_those_of_the_definition),
      cmocka_unit_test(vectors_give_the_same_draws),
      cmocka_unit_test(draws_are_normal),
  };
  return cmocka_run_group_tests(tests, find_kernels, NULL);
}
