/* espalier/rng.h - random numbers as a function of who asks (Salmon et al. 2011, Philox 4x64-10, from Random123).
 *
 * A draw is a function of (seed, member, arm, stage, purpose, index): no generator state, no rank, no clock, so any cell
 * can be recomputed alone and any number of ranks gives the same bits. A key set to ESP_RNG_SHARED is a draw shared over
 * that key. Pure, local. */
#ifndef ESPALIER_RNG_H
#define ESPALIER_RNG_H
#include <stdint.h>

#define ESP_RNG_SHARED UINT32_MAX

typedef enum { /* the numbers are part of the file format: append, never renumber */
  ESP_RNG_START_WEIGHTS = 1,
  ESP_RNG_TARGET_NOISE = 2,
  ESP_RNG_INPUT_NOISE = 3,
  ESP_RNG_PRUNE_CHOICE = 4,
  ESP_RNG_BANDIT_CHOICE = 5,
  ESP_RNG_BANDIT_EXPLORATION = 6,
  ESP_RNG_BANDIT_REWARD = 7,
  ESP_RNG_VALUE_NOISE = 8,
  ESP_RNG_CONNECTIONS = 9,
  ESP_RNG_STATIC_WEIGHTS = 10,
  ESP_RNG_START_PARAMETERS = 11,
  ESP_RNG_SPIKES = 12,
  ESP_RNG_SYNAPSE_NOISE = 13,
  ESP_RNG_SYNAPSE_DRIFT = 14,
  ESP_RNG_WAITING_TIME = 15,
  ESP_RNG_CONSOLIDATION = 16,
  ESP_RNG_CUE = 17,
  ESP_RNG_TRIAL_PAUSE = 18,
  ESP_RNG_SYNAPSE_SAMPLE = 19,
} esp_rng_purpose;

typedef struct {
  uint64_t seed;
  uint32_t member, arm, stage;
  esp_rng_purpose purpose;
} esp_rng_key;

/** The key for another purpose. */
static inline esp_rng_key esp_rng_key_for(const esp_rng_key *key, esp_rng_purpose purpose)
{
  esp_rng_key k = *key;
  k.purpose = purpose;
  return k;
}

/** A number in the open interval (0, 1) from the upper 52 of 64 random bits; symmetric about 1/2. */
double esp_rng_unit_interval(uint64_t bits);

/** The 64 random bits of draw number index. */
uint64_t esp_rng_bits(const esp_rng_key *key, uint64_t index);

/** Uniform draw number index, in the open interval (0, 1), 52 bits. */
double esp_rng_uniform(const esp_rng_key *key, uint64_t index);

/** Standard normal draw number index: the inverse distribution function (GSL) of esp_rng_uniform. */
double esp_rng_normal(const esp_rng_key *key, uint64_t index);

#endif
