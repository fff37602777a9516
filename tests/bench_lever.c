/* tests/bench_lever.c - how long an hour of the lever experiment takes, beside the plain loop of unit/reference_lever.h.
 *
 *   build/tests/bench_lever [ROUNDS]
 *
 * Both are timed in turn, ROUNDS times (5), a minute and two seconds of simulated time each; the least CPU time counts. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "espalier/lever.h"
#include "unit/lever_options.h"
#include "unit/reference_lever.h"

enum { INTERVALS = 600, PLAIN_INTERVALS = 20, INTERVALS_PER_HOUR = 36000 };

static double cpu_seconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* n_repeats times as many synapses of each pair; more are functional from the beginning with a higher start_mean. */
static int bench(int n_repeats, double start_mean, int n_rounds)
{
  const esp_rng_key key = {.seed = 3, .member = 1, .arm = ESP_RNG_SHARED, .stage = ESP_RNG_SHARED};
  const esp_lever_segment segment = {ESP_RULE_EXACT, false, true};
  esp_lever_options options = lever_defaults();
  options.synapses.n_repeats = n_repeats;
  options.synapses.start_mean = start_mean;
  esp_workspace ws;
  esp_lever_network net;
  if (esp_workspace_create(&ws) != ESP_OK || esp_lever_take(&options, &key, &ws, &net) != ESP_OK)
    return EXIT_FAILURE;
  reference plain = reference_start(&net);
  double least = 1e300, least_plain = 1e300;
  for (int round = 0; round < n_rounds; round++) {
    const double begin = cpu_seconds();
    if (esp_lever_run(&net, &segment, INTERVALS, NULL, NULL) != ESP_OK)
      return EXIT_FAILURE;
    const double between = cpu_seconds();
    reference_run(&plain, &segment, PLAIN_INTERVALS);
    const double end = cpu_seconds();
    least = fmin(least, (between - begin) / INTERVALS);
    least_plain = fmin(least_plain, (end - between) / PLAIN_INTERVALS);
  }
  const int n = net.synapses.n;
  printf("%8d %11.2f %12.2f %14.2f %12.1f %7.1f\n", n, (double)esp_rewiring_n_functional(&net.synapses) / n,
         least * INTERVALS_PER_HOUR, least / n * 1e9, least_plain * INTERVALS_PER_HOUR, least_plain / least);
  reference_free(&plain);
  esp_workspace_free(&ws);
  return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
  static const struct {
    int n_repeats;
    double start_mean;
  } cases[] = {{10, -0.5}, {10, 0.3}, {40, -0.5}, {160, -0.5}};
  const int n_rounds = argc > 1 ? atoi(argv[1]) : 5;
  if (n_rounds < 1) {
    fprintf(stderr, "usage: bench_lever [ROUNDS]\n");
    return 64;
  }
  printf("%8s %11s %12s %14s %12s %7s\n", "synapses", "functional", "s per hour", "ns per synapse", "plain loop", "ratio");
  printf("%8s %11s %12s %14s %12s %7s\n", "", "", "", "and update", "s per hour", "");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (bench(cases[i].n_repeats, cases[i].start_mean, n_rounds) != EXIT_SUCCESS)
      return EXIT_FAILURE;
  return EXIT_SUCCESS;
}
