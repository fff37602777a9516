/* espalier/workspace.h - one block of memory for all scratch of a worker.
 *
 * A worker makes one workspace when it starts, sized from the config; nothing inside training allocates. Take, use, and
 * rewind to the mark taken before. Every piece starts on a 64-byte boundary, so equal calls see equal alignment. */
#ifndef ESPALIER_WORKSPACE_H
#define ESPALIER_WORKSPACE_H
#include <stddef.h>

#include "espalier/error.h"

typedef struct {
  unsigned char *base; /* owned                                    */
  size_t size;         /* bytes in all                             */
  size_t used;         /* bytes handed out; save and restore freely */
  size_t high;         /* most bytes ever handed out               */
} esp_workspace;

/** Bytes that n_bytes take up in a workspace: rounded up to whole 64-byte lines. Add these up to size one. */
size_t esp_workspace_bytes(size_t n_bytes);

/** Make a workspace of at least size bytes, touched once so that it is really there.
 *  @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_workspace_create(size_t size, esp_workspace *ws);

/** Free it; a zeroed workspace is fine. */
void esp_workspace_free(esp_workspace *ws);

/** Hand out n doubles, 64-byte aligned, contents undefined (NaN in debug builds).
 *  @return ESP_OK, or ESP_ERR_NOMEM if the workspace was made too small (a fault of ours, not of the user). */
esp_err esp_workspace_take(esp_workspace *ws, size_t n, double **out);

/** The same for ints (contents undefined). */
esp_err esp_workspace_take_int(esp_workspace *ws, size_t n, int **out);

/** The same for bytes (contents undefined). */
esp_err esp_workspace_take_bytes(esp_workspace *ws, size_t n, unsigned char **out);

#endif
