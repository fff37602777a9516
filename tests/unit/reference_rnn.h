/* tests/unit/reference_rnn.h - the network of espalier/rnn.h the obvious way: trial by trial, step by step, unit by unit. */
#ifndef ESPALIER_TESTS_REFERENCE_RNN_H
#define ESPALIER_TESTS_REFERENCE_RNN_H
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "espalier/rnn.h"

/** Loss at the weights w; y [trial, step, output] and gradient [n_weights] as well. */
static double reference_rnn(const esp_rnn_shape *shape, int input_lag, const esp_trials *trials, const double *w, double *y,
                            double *gradient)
{
  const int n = shape->n_hid, m = shape->n_in, n_out = shape->n_out, n_steps = trials->n_steps, row = n + shape->bias;
  const int latent = shape->readout == ESP_READOUT_LATENT;
  const double *w_in = w, *w_rec = w + n * m, *w_out = w + n * m + n * n;
  double *d_in = gradient, *d_rec = gradient + n * m, *d_out = gradient + n * m + n * n;
  double *a = calloc((size_t)(n_steps + 1) * (size_t)n, sizeof *a); /* a(k) in row k, the state of rest in row 0 */
  double *r = calloc((size_t)(n_steps + 1) * (size_t)n, sizeof *r);
  double *rest = calloc((size_t)m, sizeof *rest), *da = calloc((size_t)n, sizeof *da), *dr = calloc((size_t)n, sizeof *dr);
  double E = 0;
  memset(gradient, 0, (size_t)(n * m + n * n + n_out * row) * sizeof *gradient);
  for (int t = 0; t < trials->n_trials; t++) {
    const double *input = trials->input + t * n_steps * m, *target = trials->target + t * n_steps * n_out;
    double *out = y + t * n_steps * n_out;
    for (int k = 1; k <= n_steps; k++) {
      const double *u = k - input_lag < 1 ? rest : input + (k - 1 - input_lag) * m;
      for (int i = 0; i < n; i++) {
        a[k * n + i] = 0;
        for (int j = 0; j < n; j++)
          a[k * n + i] += w_rec[i * n + j] * r[(k - 1) * n + j];
        for (int j = 0; j < m; j++)
          a[k * n + i] += w_in[i * m + j] * u[j];
        r[k * n + i] = tanh(a[k * n + i]);
      }
      for (int o = 0; o < n_out; o++) {
        double sum = shape->bias ? w_out[o * row + n] : 0;
        for (int j = 0; j < n; j++)
          sum += w_out[o * row + j] * (latent ? a : r)[k * n + j];
        out[(k - 1) * n_out + o] = sum;
        E += (sum - target[(k - 1) * n_out + o]) * (sum - target[(k - 1) * n_out + o]);
      }
    }
    memset(da, 0, (size_t)n * sizeof *da);
    for (int k = n_steps; k >= 1; k--) {
      const double *u = k - input_lag < 1 ? rest : input + (k - 1 - input_lag) * m;
      for (int j = 0; j < n; j++) { /* what r(k) does to the rest of the trial: through a(k + 1) */
        dr[j] = 0;
        for (int i = 0; i < n; i++)
          dr[j] += w_rec[i * n + j] * da[i];
      }
      for (int j = 0; j < n; j++)
        da[j] = 0;
      for (int o = 0; o < n_out; o++) { /* and through y(k) */
        const double dy = 2 * (out[(k - 1) * n_out + o] - target[(k - 1) * n_out + o]) / (trials->n_trials * n_steps);
        for (int j = 0; j < n; j++) {
          (latent ? da : dr)[j] += dy * w_out[o * row + j];
          d_out[o * row + j] += dy * (latent ? a : r)[k * n + j];
        }
        if (shape->bias)
          d_out[o * row + n] += dy;
      }
      for (int i = 0; i < n; i++) {
        da[i] += (1 - r[k * n + i] * r[k * n + i]) * dr[i];
        for (int j = 0; j < n; j++)
          d_rec[i * n + j] += da[i] * r[(k - 1) * n + j];
        for (int j = 0; j < m; j++)
          d_in[i * m + j] += da[i] * u[j];
      }
    }
  }
  free(a);
  free(r);
  free(rest);
  free(da);
  free(dr);
  return E / (trials->n_trials * n_steps);
}

#endif
