/* tests/unit/lively_lever.h - a small lever network in which much happens: for the tests of simulation, state and movements. */
#ifndef ESPALIER_TESTS_LIVELY_LEVER_H
#define ESPALIER_TESTS_LIVELY_LEVER_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "espalier/lever.h"
#include "lever_options.h"

/* Odd sizes everywhere, and so lively that a few seconds have spikes, rewards, time-outs, and synapses that come and go. */
static inline esp_lever_options lively(void)
{
  esp_lever_options o = lever_defaults();
  o.neurons.n_in = 37;
  o.neurons.n_exc = 23;
  o.neurons.n_receiving = 9;
  o.neurons.n_inh = 7;
  o.neurons.bias = -1;
  o.neurons.homeostasis = 0.03;
  o.neurons.target_hz = 15;
  o.synapses.n_repeats = 4;
  o.synapses.theta0 = 2;
  o.synapses.learning_rate = 1e-3;
  o.synapses.prior_mean = 0.1;
  o.synapses.waiting_h = 20 / 3600.0;
  o.task.n_pool = 5;
  o.task.threshold_hz = 5;
  o.task.smoothing = 0.8;
  o.task.timeout_s = 3;
  o.task.pause_min_s = 0.1;
  o.task.pause_max_s = 0.3;
  o.snapshot_min = 1.0 / 60;
  o.n_wait_bins = 5;
  o.n_sampled = 11;
  return o;
}

static inline esp_lever_network make(const esp_lever_options *o, esp_workspace *ws)
{
  const esp_rng_key key = {.seed = 7, .member = 2, .arm = ESP_RNG_SHARED, .stage = ESP_RNG_SHARED};
  esp_lever_network net;
  assert_int_equal(esp_workspace_create(ws), ESP_OK);
  assert_int_equal(esp_lever_take(o, &key, ws, &net), ESP_OK);
  return net;
}

/* 40 s of a network from make, in memory that stays: one recording at a time. */
static inline esp_lever_recording forty_seconds(esp_lever_network *net)
{
  enum { SPIKES = 60000, MOVES = 2700 };
  const esp_lever_segment segment = {ESP_RULE_EXACT, false, true};
  static int32_t step[SPIKES], cell[SPIKES], move_step[MOVES];
  static double lever[MOVES];
  static uint8_t phase[MOVES];
  esp_lever_recording r = {.steps = 40000, .spike_capacity = SPIKES, .spike_step = step, .spike_cell = cell, .move_capacity = MOVES,
                           .move_step = move_step, .lever = lever, .phase = phase};
  for (int i = 0; i < 40; i++)
    assert_int_equal(esp_lever_run(net, &segment, 10, NULL, &r), ESP_OK);
  return r;
}

#endif
