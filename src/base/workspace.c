/* base/workspace.c - a bump allocator over reserved address space; debug builds fill what they hand out with NaN. */
#include "espalier/workspace.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MIB ((size_t)1 << 20)
#define LINE ((size_t)64)
#define MOST (MIB << 18) /* more than any machine has for one process, and little of 47 bits */
#define LEAST (4 * MIB)
#define OTHERS (256 * MIB)
#define STEP (4 * MIB) /* with strict overcommit a rank pays for what is usable: at most this much in vain */

static size_t rounded_up(size_t n, size_t unit)
{
  return (n + unit - 1) / unit * unit;
}

/* Not MAP_NORESERVE: what nobody may touch is not counted anyway, and with it the system would not look whether it has the memory
 * for a step. */
static void *reserve(size_t size)
{
  return mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Of all that there is. OpenBLAS asks for 128 MiB at its first product, and without them it waits for ever. */
static size_t fair_share(size_t all)
{
  const size_t beyond = all > OTHERS ? (all - OTHERS) / 2 : 0;
  return rounded_up(beyond > all / 8 ? beyond : all / 8, MIB);
}

esp_err esp_workspace_create(esp_workspace *ws)
{
  size_t size = MOST;
  void *base = reserve(size);
  while (base == MAP_FAILED && size > LEAST) {
    size = (size - size / 8) / MIB * MIB;
    base = reserve(size);
  }
  *ws = (esp_workspace){0};
  ESP_REQUIRE(base != MAP_FAILED, ESP_ERR_NOMEM, "no address space for scratch memory: %s; raise the limit (ulimit -v)",
              strerror(errno));
  const size_t own = size < MOST ? fair_share(size) : size;
  if (own < size)
    munmap((unsigned char *)base + own, size - own);
  *ws = (esp_workspace){.base = base, .size = own};
  return ESP_OK;
}

void esp_workspace_free(esp_workspace *ws)
{
  if (ws->base)
    munmap(ws->base, ws->size);
  *ws = (esp_workspace){0};
}

/* Make the first `needed` bytes usable, which are not yet. */
static esp_err grow(esp_workspace *ws, size_t needed)
{
  const size_t whole = rounded_up(needed, STEP), usable = whole < ws->size ? whole : ws->size;
  ESP_REQUIRE(mprotect(ws->base + ws->usable, usable - ws->usable, PROT_READ | PROT_WRITE) == 0, ESP_ERR_NOMEM,
              "no memory for %zu MiB of scratch beyond the %zu MiB in use: %s; give each rank more memory (Slurm: "
              "--mem-per-cpu), raise its limits (ulimit), or start fewer ranks on a machine", (usable - ws->usable) / MIB,
              ws->usable / MIB, strerror(errno));
  ws->usable = usable;
  return ESP_OK;
}

esp_err esp_workspace_take_bytes(esp_workspace *ws, size_t n, unsigned char **out)
{
  const size_t used = ws->used + rounded_up(n, LINE);
  ESP_REQUIRE(used <= ws->size, ESP_ERR_NOMEM, "%zu MiB of scratch memory are needed, and there are %zu MiB of address space for it; "
              "raise the limit (ulimit -v)", rounded_up(used, MIB) / MIB, ws->size / MIB);
  if (used > ws->usable)
    ESP_TRY(grow(ws, used));
  *out = ws->base + ws->used;
  ws->used = used;
  if (used > ws->high)
    ws->high = used;
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

esp_err esp_workspace_take_all(esp_workspace *ws, size_t n_pieces, const esp_piece *pieces)
{
  for (size_t i = 0; i < n_pieces; i++) {
    *pieces[i].at = NULL;
    if (pieces[i].n > 0)
      ESP_TRY(esp_workspace_take(ws, pieces[i].n, pieces[i].at));
  }
  return ESP_OK;
}

esp_err esp_workspace_take_zeros(esp_workspace *ws, size_t n_pieces, const esp_piece *pieces)
{
  ESP_TRY(esp_workspace_take_all(ws, n_pieces, pieces));
  for (size_t i = 0; i < n_pieces; i++)
    if (pieces[i].n > 0)
      memset(*pieces[i].at, 0, pieces[i].n * sizeof(double));
  return ESP_OK;
}

esp_err esp_workspace_take_int(esp_workspace *ws, size_t n, int **out)
{
  unsigned char *bytes = NULL;
  ESP_TRY(esp_workspace_take_bytes(ws, n * sizeof(int), &bytes));
  *out = (int *)(void *)bytes;
  return ESP_OK;
}

int esp_peak_mib(void)
{
  char line[256];
  long kib = 0;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && kib == 0 && fgets(line, sizeof line, file))
    if (strncmp(line, "VmHWM:", 6) == 0)
      kib = strtol(line + 6, NULL, 10);
  if (file)
    fclose(file);
  return (int)((kib + 1023) / 1024);
}
