/* tests/unit/test_movements.c - averages over the movements of a recording. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "espalier/movements.h"
#include "lively_lever.h"

static void averages_have_every_spike_and_the_shape_of_a_movement(void **unused)
{
  (void)unused;
  esp_workspace ws;
  const esp_lever_options o = lively();
  esp_lever_network net = make(&o, &ws);
  const esp_lever_recording r = forty_seconds(&net);

  enum { BEFORE = 300, AFTER = 600, BIN = 20, BINS = (BEFORE + AFTER) / BIN, N_MOVES = (BEFORE + AFTER) / 15 };
  static double rate[67 * BINS], mean[N_MOVES], trace[3 * N_MOVES];
  const int n = esp_movements_average(&o, &r, BEFORE, AFTER, BIN, rate, mean, 3, trace);
  assert_in_range(n, 3, esp_lever_scores(&net).n_completed);
  assert_true(esp_lever_scores(&net).n_completed - n <= 2); /* the first and the last may not fit in */
  double sum = 0, overall = 0;
  for (int i = 0; i < 67 * BINS; i++)
    sum += rate[i] / (67 * BINS);
  for (int i = 0; i < 67; i++)
    overall += net.spikes[i] / 40.0 / 67;
  assert_true(fabs(sum / overall - 1) < 0.5);
  for (int t = 0; t < 3; t++) { /* from onset on down: below half of -threshold before it is above half of +threshold */
    int i = BEFORE / 15;
    while (i < N_MOVES && fabs(trace[t * N_MOVES + i]) < 3)
      i++;
    assert_true(i == N_MOVES || trace[t * N_MOVES + i] < 0);
  }
  esp_workspace_free(&ws);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(averages_have_every_spike_and_the_shape_of_a_movement)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
