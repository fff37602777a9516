/* espalier/arrays.h - a few named arrays in an HDF5 file of their own, for other programs to read. Local, no MPI. */
#ifndef ESPALIER_ARRAYS_H
#define ESPALIER_ARRAYS_H
#include "espalier/error.h"
#include "espalier/plan.h"

#define ESP_ARRAY_AXES 4
#define ESP_ARRAY_TEXT (-1) /* n_axes of a text: values is a string, UTF-8, and the type is not looked at */

/** One dataset: an array of numbers, or a text; without a unit an attribute of the group that it would lie in. All texts and values
 *  are borrowed. */
typedef struct {
  const char *name;           /* may lie in groups: "panel_5A/mean"; groups are made */
  esp_type type;
  int n_axes;                 /* 0: one number; ESP_ARRAY_TEXT                       */
  long length[ESP_ARRAY_AXES]; /* slow to fast                                       */
  const void *values;
  const char *unit;           /* "1" if dimensionless; NULL: an attribute            */
  const char *long_name;      /* one sentence                                        */
} esp_array;

/** Write a new file: equal arrays give equal bytes. Never over one that is there.
 *  @return ESP_OK; ESP_ERR_CANNOT_CREATE (it exists, no such directory, ...); ESP_ERR_IO: it could not be written whole and is
 *          gone again; ESP_ERR_INTERNAL if HDF5 fails; ESP_ERR_NOMEM. */
esp_err esp_arrays_write(const char *path, int n_arrays, const esp_array *arrays);

#endif
