/* base/workspace.c - a bump allocator; debug builds fill what they hand out with NaN. */
#include "espalier/workspace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 64 };

size_t esp_workspace_bytes(size_t n_bytes)
{
  return (n_bytes + LINE - 1) / LINE * LINE;
}

esp_err esp_workspace_create(size_t size, esp_workspace *ws)
{
  size = esp_workspace_bytes(size) + LINE;
  *ws = (esp_workspace){.base = aligned_alloc(LINE, size), .size = size};
  ESP_REQUIRE(ws->base != NULL, ESP_ERR_NOMEM, "cannot get %zu bytes of scratch memory for training", size);
  memset(ws->base, 0, size);
  return ESP_OK;
}

void esp_workspace_free(esp_workspace *ws)
{
  free(ws->base);
  *ws = (esp_workspace){0};
}

esp_err esp_workspace_take_bytes(esp_workspace *ws, size_t n, unsigned char **out)
{
  const size_t bytes = esp_workspace_bytes(n);
  ESP_REQUIRE(bytes <= ws->size - ws->used, ESP_ERR_NOMEM, "the workspace of %zu bytes is too small: %zu used, %zu more asked",
              ws->size, ws->used, bytes);
  *out = ws->base + ws->used;
  ws->used += bytes;
  if (ws->used > ws->high)
    ws->high = ws->used;
  return ESP_OK;
}

esp_err esp_workspace_take(esp_workspace *ws, size_t n, double **out)
{
  unsigned char *bytes = NULL;
  ESP_TRY(esp_workspace_take_bytes(ws, n * sizeof(double), &bytes));
  *out = (double *)(void *)bytes;
#ifdef ESP_DEBUG
  for (size_t i = 0; i < n; i++)
    (*out)[i] = NAN;
#endif
  return ESP_OK;
}

esp_err esp_workspace_take_int(esp_workspace *ws, size_t n, int **out)
{
  unsigned char *bytes = NULL;
  ESP_TRY(esp_workspace_take_bytes(ws, n * sizeof(int), &bytes));
  *out = (int *)(void *)bytes;
  return ESP_OK;
}
