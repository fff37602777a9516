/* base/rng.c - Philox counter = who asks and for which draw, key = seed and purpose. */
#include "espalier/rng.h"

#include <Random123/philox.h>
#include <gsl/gsl_cdf.h>

double esp_rng_unit_interval(uint64_t bits)
{
  /* 52 bits and a half: exact in a double, so never 0 and never 1, and the normal draw is finite. */
  return ((double)(bits >> 12) + 0.5) * 0x1p-52;
}

uint64_t esp_rng_bits(const esp_rng_key *key, uint64_t index)
{
  const philox4x64_ctr_t counter = {{index, (uint64_t)key->member << 32 | key->arm, key->stage, 0}};
  const philox4x64_key_t philox_key = {{key->seed, (uint64_t)key->purpose}};
  return philox4x64(counter, philox_key).v[0];
}

double esp_rng_uniform(const esp_rng_key *key, uint64_t index)
{
  return esp_rng_unit_interval(esp_rng_bits(key, index));
}

double esp_rng_normal(const esp_rng_key *key, uint64_t index)
{
  return gsl_cdf_ugaussian_Pinv(esp_rng_uniform(key, index));
}
