/* analysis/weights.c - the comparison that puts a weight on a boundary into the lower bin is that of MATLAB's hist. */
#include "espalier/weights.h"

#include <math.h>
#include <string.h>

#include "lapack.h"

static double centre(const esp_weight_bins *bins, int bin)
{
  return bins->first + bin * bins->spacing;
}

static int bin_of(const esp_weight_bins *bins, double w)
{
  int bin = 0;
  while (bin < bins->n_bins - 1 && w > centre(bins, bin) + 0.5 * (centre(bins, bin + 1) - centre(bins, bin)))
    bin++;
  return bin;
}

void esp_weight_histogram(int n_hid, const double *w_rec, const esp_weight_bins *bins, int32_t *count)
{
  memset(count, 0, (size_t)bins->n_bins * sizeof *count);
  for (int i = 0; i < n_hid * n_hid; i++)
    if (w_rec[i] != 0.0 && !isnan(w_rec[i]))
      count[bin_of(bins, w_rec[i])]++;
}

static esp_err singular_values(int n, const double *w_rec, double *value, esp_workspace *ws)
{
  const size_t nn = (size_t)n * (size_t)n;
  const int lwork = esp_work_length(n), unused = 1;
  double *copy, *work, none = 0.0;
  ESP_TRY(esp_workspace_take(ws, nn, &copy));
  ESP_TRY(esp_workspace_take(ws, (size_t)lwork, &work));
  memcpy(copy, w_rec, nn * sizeof *copy); /* read as the transpose, which has the same singular values */
  for (int i = 0; i < n; i++)
    value[i] = NAN;
  for (size_t i = 0; i < nn; i++)
    if (!isfinite(copy[i]))
      return ESP_ERR_DIVERGED;
  int info;
  dgesvd_("N", "N", &n, &n, copy, &n, value, &none, &unused, &none, &unused, work, &lwork, &info, 1, 1);
  if (info != 0)
    return esp_fail(ESP_ERR_INTERNAL, "singular values of the recurrent weights did not converge (dgesvd: %d)", info);
  return ESP_OK;
}

esp_err esp_weight_singular_values(int n_hid, const double *w_rec, double *value, esp_workspace *ws)
{
  ESP_REQUIRE(n_hid > 0, ESP_ERR_ARG, "%d units", n_hid);
  const size_t mark = ws->used;
  const esp_err err = singular_values(n_hid, w_rec, value, ws);
  ws->used = mark;
  return err;
}
