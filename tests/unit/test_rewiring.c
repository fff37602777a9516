/* tests/unit/test_rewiring.c - synapses without a task: their laws in closed form, and the rules for coming and going. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "espalier/rewiring.h"
#include "lever_options.h"

static const esp_rng_key key = {.seed = 5, .arm = ESP_RNG_SHARED, .stage = ESP_RNG_SHARED};

typedef struct {
  esp_workspace ws;
  esp_spiking net;
  esp_rewiring synapses;
} fixture;

static void make(const esp_rewiring_options *o, const esp_spiking_options *neurons, fixture *f)
{
  const int block = (int)(o->update_ms / neurons->dt_ms + 0.5);
  assert_int_equal(esp_workspace_create(&f->ws), ESP_OK);
  assert_int_equal(esp_spiking_take(neurons, &key, block, &f->ws, &f->net), ESP_OK);
  assert_int_equal(esp_rewiring_take(o, &key, &f->net, &f->ws, &f->synapses), ESP_OK);
  esp_rewiring_start(&f->synapses, &f->net);
}

static double theta(const fixture *f, int s)
{
  return f->synapses.theta[f->synapses.place[s]];
}

typedef struct {
  double mean, variance;
} moments;

static moments moments_of(const fixture *f)
{
  double sum = 0, squares = 0;
  for (int s = 0; s < f->synapses.n; s++) {
    sum += theta(f, s);
    squares += theta(f, s) * theta(f, s);
  }
  const double n = f->synapses.n;
  return (moments){sum / n, squares / n - sum / n * sum / n};
}

static void update(fixture *f, esp_rewiring_rule rule, int first, int n)
{
  for (int i = first; i < first + n; i++)
    esp_rewiring_update(&f->synapses, rule, i, &f->net);
}

/* Fast, and with nothing in the way; nobody fires, so the gradient is 0. */
static esp_rewiring_options free_diffusion(double rate)
{
  esp_rewiring_options o = lever_defaults().synapses;
  o.theta_min = -50;
  o.theta_max = 50;
  o.learning_rate = rate / 0.1 * o.prior_sd * o.prior_sd; /* rate = beta Dt / sigma^2 */
  o.consolidated_sd = 10;
  return o;
}

/* ---- the start ---- */

static void networks_have_the_synapses_of_the_paper(void **state)
{
  (void)state;
  fixture f;
  const esp_rewiring_options o = lever_defaults().synapses;
  const esp_spiking_options neurons = lever_defaults().neurons;
  make(&o, &neurons, &f);
  const esp_rewiring *s = &f.synapses;
  assert_in_range(s->n, 47400, 48000);
  const moments start = moments_of(&f);
  assert_true(fabs(start.mean + 0.5) < 4.5 * 0.5 / sqrt(47700) && fabs(sqrt(start.variance) - 0.5) < 0.008);
  assert_true(fabs((double)esp_rewiring_n_functional(s) / s->n - 0.1587) < 4.5 * sqrt(0.1587 * 0.8413 / 47700));
  int *many = calloc(260 * 60, sizeof *many), histogram[11] = {0}, *used = calloc((size_t)s->n_places, sizeof *used);
  assert_true(many && used);
  for (int i = 0; i < s->n; i++) {
    assert_true(s->pre[i] < 200 ? s->post[i] < 30 : s->pre[i] - 200 != s->post[i]);
    assert_true(i == 0 || s->pre[i - 1] * 60 + s->post[i - 1] <= s->pre[i] * 60 + s->post[i]);
    many[s->pre[i] * 60 + s->post[i]]++;
    assert_int_equal(used[s->place[i]]++, 0);
  }
  for (int pair = 0; pair < 260 * 60; pair++)
    histogram[many[pair]]++;
  for (int k = 1; k <= 10; k++) { /* binomial (10, 1/2) over 9540 pairs */
    const double p = exp(lgamma(11) - lgamma(k + 1) - lgamma(11 - k)) / 1024;
    assert_true(fabs(histogram[k] - 9540 * p) < 4.5 * sqrt(9540 * p));
  }
  int busy = 0; /* slots of 32 places: functional synapses lie together, which is what makes updates fast */
  for (int place = 0; place < s->n_places; place += 32)
    busy += s->functional[place / 8] || s->functional[place / 8 + 1] || s->functional[place / 8 + 2] || s->functional[place / 8 + 3];
  assert_true(busy < 0.25 * s->n_places / 32);
  for (int i = 0; i < 9; i++) { /* total weights of some pairs */
    const int wanted = i * s->n / 9, pre = s->pre[wanted], post = s->post[wanted];
    double sum = 0;
    for (int j = 0; j < s->n; j++)
      if (s->pre[j] == pre && s->post[j] == post && theta(&f, j) >= 0)
        sum += exp(theta(&f, j) - 3);
    const double got = f.net.w[pre < 200 ? pre * f.net.ld_in + post : 200 * f.net.ld_in + (pre - 200) * f.net.ld + post];
    assert_true(fabs(got - sum) < 1e-14);
  }
  free(many);
  free(used);
  esp_workspace_free(&f.ws);
}

static void members_differ_and_repeat(void **state)
{
  (void)state;
  fixture a, b;
  const esp_rewiring_options o = lever_defaults().synapses;
  const esp_spiking_options neurons = lever_defaults().neurons;
  make(&o, &neurons, &a);
  make(&o, &neurons, &b);
  update(&a, ESP_RULE_EXACT, 0, 3);
  update(&b, ESP_RULE_EXACT, 0, 3);
  assert_memory_equal(a.synapses.theta, b.synapses.theta, (size_t)a.synapses.n_places * sizeof(double));
  esp_rng_key other = key;
  other.member = 1;
  esp_rewiring c;
  assert_int_equal(esp_rewiring_take(&o, &other, &a.net, &b.ws, &c), ESP_OK);
  assert_int_not_equal(c.n, a.synapses.n);
  esp_workspace_free(&a.ws);
  esp_workspace_free(&b.ws);
}

/* ---- the law without reward ---- */

static void parameters_relax_to_their_prior(void **state)
{
  (void)state;
  fixture f;
  esp_rewiring_options o = free_diffusion(0.02);
  o.start_mean = 1.5;
  o.start_sd = 0;
  o.prior_mean = -0.3;
  const esp_spiking_options neurons = lever_defaults().neurons;
  make(&o, &neurons, &f);
  const double stationary = 0.4, error = 4.5 / sqrt(f.synapses.n);
  int done = 0;
  for (int i = 1; i <= 5; i++) { /* t = 20 i Dt: Euler's mean and variance are known exactly */
    update(&f, ESP_RULE_EXACT, done, 20);
    done += 20;
    const double kept = pow(1 - 0.02, done), variance = stationary / (1 - 0.01) * (1 - kept * kept);
    const moments now = moments_of(&f);
    assert_true(fabs(now.mean - (-0.3 + 1.8 * kept)) < error * sqrt(variance));
    assert_true(fabs(now.variance / variance - 1) < error * sqrt(2));
  }
  update(&f, ESP_RULE_EXACT, done, 250);
  const moments end = moments_of(&f);
  assert_true(fabs(end.mean + 0.3) < 0.3 * 0.02 + error * sqrt(stationary)); /* sigma^2 = 4, T = 0.1: sd 0.63 */
  assert_true(fabs(end.variance / stationary - 1) < 0.01 + error * sqrt(2));
  esp_workspace_free(&f.ws);
}

/* Euler's stationary variance is T sigma^2 / (1 - rate / 2): too large by half the step, so its weak error falls with the step. */
static void the_error_of_the_integrator_falls_with_the_step(void **state)
{
  (void)state;
  static const double rates[] = {0.8, 0.4, 0.2, 0.1};
  double last = INFINITY;
  for (int i = 0; i < 4; i++) {
    fixture f;
    const esp_rewiring_options o = free_diffusion(rates[i]);
    const esp_spiking_options neurons = lever_defaults().neurons;
    make(&o, &neurons, &f);
    update(&f, ESP_RULE_EXACT, 0, (int)(10 / rates[i]));
    const double error = moments_of(&f).variance / 0.4 - 1, expected = 1 / (1 - rates[i] / 2) - 1;
    assert_true(fabs(error - expected) < (1 + expected) * 4.5 * sqrt(2.0 / f.synapses.n));
    assert_true(error < 0.6 * last);
    last = error;
    esp_workspace_free(&f.ws);
  }
}

static void drift_is_the_exact_law(void **state)
{
  (void)state;
  fixture f;
  esp_rewiring_options o = lever_defaults().synapses;
  o.theta_min = -50;
  o.start_mean = 2;
  o.start_sd = 0;
  const esp_spiking_options neurons = lever_defaults().neurons;
  make(&o, &neurons, &f);
  const double error = 4.5 / sqrt(f.synapses.n), k = exp(-1e-5 * 2e5 / 4), variance = 0.4 * (1 - k * k);
  f.synapses.e[f.synapses.place[0]] = 1;
  assert_int_equal(esp_rewiring_drift(&f.synapses, 0, 2000000, &f.net), ESP_OK);
  moments now = moments_of(&f);
  assert_true(fabs(now.mean - 2 * k) < error * sqrt(variance) && fabs(now.variance / variance - 1) < error * sqrt(2));
  assert_true(f.synapses.e[f.synapses.place[0]] == 0);
  assert_int_equal(esp_rewiring_drift(&f.synapses, 2000000, 100000000, &f.net), ESP_OK);
  now = moments_of(&f);
  assert_true(fabs(now.mean) < error * sqrt(0.4) && fabs(now.variance / 0.4 - 1) < error * sqrt(2));
  assert_true(fabs((double)esp_rewiring_n_functional(&f.synapses) / f.synapses.n - 0.5) < error / 2);
  assert_int_equal(esp_rewiring_drift(&f.synapses, 0, 0, &f.net), ESP_ERR_ARG);
  esp_workspace_free(&f.ws);
}

/* ---- eligibility ---- */

static esp_spiking_options busy(void)
{
  esp_spiking_options o = lever_defaults().neurons;
  o.n_in = 10;
  o.n_exc = 12;
  o.n_receiving = 6;
  o.n_inh = 2;
  o.bias = 2.5;
  return o;
}

/* beta = 0, so that the weights stay: e and g of each synapse step by step, over five updates. */
static void eligibility_is_the_direct_sum(void **state)
{
  (void)state;
  enum { N = 100 };
  fixture f;
  esp_rewiring_options o = lever_defaults().synapses;
  o.learning_rate = 0;
  o.start_mean = 0.5;
  const esp_spiking_options neurons = busy();
  make(&o, &neurons, &f);
  const int n = f.synapses.n;
  double hazard[16] __attribute__((aligned(64))) = {0}, reward[N], fall[22] = {0}, rise[22] = {0}, most = 0;
  double *e = calloc((size_t)n, sizeof *e), *g = calloc((size_t)n, sizeof *g);
  assert_true(e && g);
  for (int i = 0; i < 10; i++)
    hazard[i] = esp_spiking_input_hazard(&neurons, 30);
  for (int interval = 0; interval < 5; interval++) {
    for (int m = 0; m < N; m++) {
      esp_spiking_step(&f.net, hazard);
      reward[m] = m % 30 < 10 ? 3 : 0.02;
      for (int i = 0; i < 22; i++) {
        fall[i] *= exp(-1 / 20.0);
        rise[i] *= exp(-1 / 2.0);
      }
      for (int s = 0; s < n; s++) {
        const int pre = f.synapses.pre[s];
        const double w = theta(&f, s) >= 0 ? exp(theta(&f, s) - 3) : 0;
        e[s] = e[s] * exp(-1e-3) + w * 20 / 18 * (fall[pre] - rise[pre]) * f.net.post[m * f.net.ld + f.synapses.post[s]];
        g[s] = g[s] * exp(-1e-3 / 50) + reward[m] * e[s];
      }
      for (int i = f.net.first[m]; i < f.net.first[m + 1]; i++)
        if (f.net.spike[i] < 22) {
          fall[f.net.spike[i]] += 1;
          rise[f.net.spike[i]] += 1;
        }
    }
    esp_rewiring_weigh(&f.synapses, reward);
    esp_spiking_credit(&f.net, f.synapses.lam, f.synapses.kap);
    esp_rewiring_update(&f.synapses, ESP_RULE_EXACT, interval, &f.net);
    for (int s = 0; s < n; s++) {
      const int place = f.synapses.place[s];
      assert_true(fabs(f.synapses.e[place] - e[s]) < 1e-12 && fabs(f.synapses.g[place] - g[s]) < 1e-10);
      most = fmax(most, fabs(g[s]));
    }
  }
  assert_true(most > 0.1);
  free(e);
  free(g);
  esp_workspace_free(&f.ws);
}

/* Whatever is put into e and g: below 0 nothing of it stays, and w belongs to theta. */
static void non_functional_synapses_have_nothing(void **state)
{
  (void)state;
  fixture f;
  esp_rewiring_options o = free_diffusion(0.02);
  const esp_spiking_options neurons = lever_defaults().neurons;
  make(&o, &neurons, &f);
  esp_rewiring *s = &f.synapses;
  for (int i = 0; i < s->n; i++)
    s->e[s->place[i]] = s->g[s->place[i]] = theta(&f, i) >= 0 ? 1 : 0;
  s->a = 0.5;
  for (int interval = 0; interval < 5; interval++) {
    double *before = malloc((size_t)s->n * sizeof *before);
    assert_non_null(before);
    for (int i = 0; i < s->n; i++)
      before[i] = theta(&f, i);
    const esp_rewiring_turnover turnover = esp_rewiring_update(s, ESP_RULE_EXACT, interval, &f.net);
    int appeared = 0, disappeared = 0;
    for (int i = 0; i < s->n; i++) {
      const int place = s->place[i];
      const double t = theta(&f, i);
      assert_true(t >= 0 ? fabs(s->w[place] / exp(t - 3) - 1) < 1e-14 : s->w[place] == 0);
      if (t < 0 || before[i] < 0)
        assert_true(s->e[place] == 0 && s->g[place] == 0);
      else
        assert_true(s->e[place] > 0 || interval == 0 || s->e[place] == 0);
      appeared += before[i] < 0 && t >= 0;
      disappeared += before[i] >= 0 && t < 0;
      assert_int_equal(esp_rewiring_is_functional(s, i), t >= 0);
    }
    assert_int_equal(turnover.appeared, appeared);
    assert_int_equal(turnover.disappeared, disappeared);
    assert_true(appeared > 100 && disappeared > 100);
    free(before);
  }
  esp_workspace_free(&f.ws);
}

static void parameters_stay_in_their_range(void **state)
{
  (void)state;
  fixture f;
  esp_rewiring_options o = free_diffusion(0.2);
  o.theta_min = -0.2;
  o.theta_max = 0.3;
  const esp_spiking_options neurons = lever_defaults().neurons;
  make(&o, &neurons, &f);
  update(&f, ESP_RULE_EXACT, 0, 5);
  int at_min = 0, at_max = 0;
  for (int s = 0; s < f.synapses.n; s++) {
    assert_true(theta(&f, s) >= -0.2 && theta(&f, s) <= 0.3);
    at_min += theta(&f, s) == -0.2;
    at_max += theta(&f, s) == 0.3;
  }
  assert_true(at_min > 1000 && at_max > 1000);
  esp_workspace_free(&f.ws);
}

/* ---- the other rules ---- */

static int by_size(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void waiting_times_are_exponential(void **state)
{
  (void)state;
  fixture f;
  esp_rewiring_options o = lever_defaults().synapses;
  o.waiting_h = 2;
  const esp_spiking_options neurons = lever_defaults().neurons;
  make(&o, &neurons, &f);
  update(&f, ESP_RULE_WAITING, 0, 1);
  double *wait = malloc((size_t)f.synapses.n * sizeof *wait), distance = 0;
  assert_non_null(wait);
  int n = 0;
  for (int s = 0; s < f.synapses.n; s++)
    if (f.synapses.returns[f.synapses.place[s]] >= 0)
      wait[n++] = (f.synapses.returns[f.synapses.place[s]] + 0.5) * 0.1;
  assert_true(n > 39000);
  qsort(wait, (size_t)n, sizeof *wait, by_size);
  for (int i = 0; i < n; i++)
    distance = fmax(distance, fabs(1 - exp(-wait[i] / 7200) - (i + 0.5) / n));
  assert_true(distance * sqrt(n) < 1.95); /* Kolmogorov-Smirnov, p = 0.001 */
  free(wait);
  esp_workspace_free(&f.ws);
}

/* Each comes back in its interval and not before, and every loss begins a new wait, also one in that same interval. */
static void come_back_on_time(double return_theta)
{
  fixture f;
  esp_rewiring_options o = lever_defaults().synapses;
  o.waiting_h = 2 / 3600.0;
  o.learning_rate = 1e-3;
  o.return_theta = return_theta;
  const esp_spiking_options neurons = busy();
  make(&o, &neurons, &f);
  int all_appeared = 0, all_lost = 0, all_lost_at_once = 0;
  update(&f, ESP_RULE_WAITING, 0, 1);
  for (int interval = 1; interval < 100; interval++) {
    int due[2000];
    double before[2000];
    for (int s = 0; s < f.synapses.n; s++) {
      due[s] = f.synapses.returns[f.synapses.place[s]];
      before[s] = theta(&f, s);
      assert_int_equal(due[s] >= 0, before[s] < 0);
      assert_true(due[s] < 0 || due[s] >= interval);
    }
    const esp_rewiring_turnover turnover = esp_rewiring_update(&f.synapses, ESP_RULE_WAITING, interval, &f.net);
    int appeared = 0, lost = 0, lost_at_once = 0;
    for (int s = 0; s < f.synapses.n; s++)
      if (due[s] == interval) {
        assert_true(fabs(theta(&f, s) - return_theta) < 0.05);
        appeared++;
        lost_at_once += theta(&f, s) < 0;
      } else if (before[s] < 0) {
        assert_true(theta(&f, s) == before[s]);
      } else if (theta(&f, s) < 0) {
        assert_true(f.synapses.returns[f.synapses.place[s]] > interval);
        lost++;
      }
    assert_int_equal(turnover.appeared, appeared);
    assert_int_equal(turnover.disappeared, lost + lost_at_once);
    all_appeared += appeared;
    all_lost += lost;
    all_lost_at_once += lost_at_once;
  }
  assert_true(all_appeared > 200 && all_lost > 5);
  assert_true(return_theta > 0 ? all_lost_at_once == 0 : all_lost_at_once > 50);
  esp_workspace_free(&f.ws);
}

static void waiting_synapses_come_back_on_time(void **state)
{
  (void)state;
  come_back_on_time(0.1);
  come_back_on_time(0);
}

/* Reflected at 0: the stationary law is that of |theta|, mean sqrt(2 / pi) 0.63; what was non-functional stays as it is. */
static void fixed_connections_keep_their_mask(void **state)
{
  (void)state;
  fixture f;
  const esp_rewiring_options o = free_diffusion(0.01);
  const esp_spiking_options neurons = lever_defaults().neurons;
  make(&o, &neurons, &f);
  double *start = malloc((size_t)f.synapses.n * sizeof *start), sum = 0;
  assert_non_null(start);
  int n = 0;
  for (int s = 0; s < f.synapses.n; s++)
    start[s] = theta(&f, s);
  update(&f, ESP_RULE_FIXED, 0, 500);
  for (int s = 0; s < f.synapses.n; s++) {
    if (start[s] < 0) {
      assert_true(theta(&f, s) == start[s]);
      continue;
    }
    assert_true(theta(&f, s) >= 0 && theta(&f, s) != start[s]);
    sum += theta(&f, s);
    n++;
  }
  const double mean = sqrt(2 / acos(-1)) * sqrt(0.4);
  assert_true(fabs(sum / n / mean - 1) < 0.02 + 4.5 * 0.76 / sqrt(n)); /* Euler's reflection errs by less than 2 % */
  free(start);
  esp_workspace_free(&f.ws);
}

static void consolidated_synapses_are_held(void **state)
{
  (void)state;
  fixture f;
  esp_rewiring_options o = lever_defaults().synapses;
  o.learning_rate = 1e-3; /* rate 4e-2 at 0.05, 2.5e-5 at 2 */
  o.p_consolidated = 0.75;
  const esp_spiking_options neurons = lever_defaults().neurons;
  make(&o, &neurons, &f);
  double *start = malloc((size_t)f.synapses.n * sizeof *start), squares[2] = {0};
  assert_non_null(start);
  int n[2] = {0};
  for (int s = 0; s < f.synapses.n; s++)
    start[s] = theta(&f, s);
  esp_rewiring_consolidate(&f.synapses);
  update(&f, ESP_RULE_EXACT, 0, 200);
  for (int s = 0; s < f.synapses.n; s++) {
    const int held = f.synapses.consolidated[f.synapses.place[s]];
    squares[held] += (theta(&f, s) - start[s]) * (theta(&f, s) - start[s]);
    n[held]++;
  }
  assert_true(fabs(n[1] / (double)f.synapses.n - 0.75) < 0.01);
  const double held = 0.1 * 0.05 * 0.05 / (1 - 0.02), loose = 2 * 0.1 * 1e-3 * 0.1 * 200;
  assert_true(fabs(squares[1] / n[1] / held - 1) < 0.04 && fabs(squares[0] / n[0] / loose - 1) < 0.08);
  assert_int_equal(esp_rewiring_drift(&f.synapses, 200, 100000, &f.net), ESP_OK);
  double drifted = 0;
  for (int s = 0; s < f.synapses.n; s++)
    if (f.synapses.consolidated[f.synapses.place[s]])
      drifted += (theta(&f, s) - start[s]) * (theta(&f, s) - start[s]);
  assert_true(fabs(drifted / n[1] / (0.1 * 0.05 * 0.05) - 1) < 0.04);
  free(start);
  esp_workspace_free(&f.ws);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(networks_have_the_synapses_of_the_paper),
      cmocka_unit_test(members_differ_and_repeat),
      cmocka_unit_test(parameters_relax_to_their_prior),
      cmocka_unit_test(the_error_of_the_integrator_falls_with_the_step),
      cmocka_unit_test(drift_is_the_exact_law),
      cmocka_unit_test(eligibility_is_the_direct_sum),
      cmocka_unit_test(non_functional_synapses_have_nothing),
      cmocka_unit_test(parameters_stay_in_their_range),
      cmocka_unit_test(waiting_times_are_exponential),
      cmocka_unit_test(waiting_synapses_come_back_on_time),
      cmocka_unit_test(fixed_connections_keep_their_mask),
      cmocka_unit_test(consolidated_synapses_are_held),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
