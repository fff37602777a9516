/* results/arrays.c */
#include "espalier/arrays.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "espalier/results.h"
#include "internal.h"

static herr_t write_array(hid_t file, const esp_array *a)
{
  hsize_t length[ESP_ARRAY_AXES];
  for (int i = 0; i < a->n_axes; i++)
    length[i] = (hsize_t)a->length[i];
  herr_t done = -1;
  const hid_t space = a->n_axes ? H5Screate_simple(a->n_axes, length, NULL) : H5Screate(H5S_SCALAR);
  const hid_t link = H5Pcreate(H5P_LINK_CREATE);
  const hid_t dataset = H5Pset_create_intermediate_group(link, 1) < 0
                            ? -1
                            : H5Dcreate2(file, a->name, esp_h5_file_type(a->type), space, link, H5P_DEFAULT, H5P_DEFAULT);
  if (dataset >= 0 && H5Dwrite(dataset, esp_h5_memory_type(a->type), H5S_ALL, H5S_ALL, H5P_DEFAULT, a->values) >= 0 &&
      esp_h5_set_text(dataset, "units", a->unit) >= 0)
    done = esp_h5_set_text(dataset, "long_name", a->long_name);
  esp_h5_drop(dataset);
  esp_h5_drop(link);
  esp_h5_drop(space);
  return done;
}

/* The bytes of a file with these arrays; the caller frees them. HDF5 makes it in memory and never sees the disk: version 1.10
 * crashes when the program ends after a write that failed. */
static void *file_image(int n_arrays, const esp_array *arrays, size_t *n_bytes)
{
  void *image = NULL;
  esp_h5_start();
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  const herr_t in_memory = H5Pset_fapl_core(access, 1 << 16, false);
  const hid_t file = in_memory < 0 ? -1 : H5Fcreate("arrays", H5F_ACC_TRUNC, H5P_DEFAULT, access);
  herr_t done = file < 0 ? -1 : esp_h5_set_text(file, "program", esp_program_version());
  for (int i = 0; i < n_arrays && done >= 0; i++)
    done = write_array(file, &arrays[i]);
  if (done >= 0 && H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0) {
    const ssize_t size = H5Fget_file_image(file, NULL, 0);
    *n_bytes = size > 0 ? (size_t)size : 0;
    image = size > 0 ? malloc(*n_bytes) : NULL;
    if (image && H5Fget_file_image(file, image, *n_bytes) != size) {
      free(image);
      image = NULL;
    }
  }
  esp_h5_drop(file);
  esp_h5_drop(access);
  return image;
}

static esp_err save(const char *path, const void *bytes, size_t n_bytes)
{
  FILE *file = fopen(path, "wbx");
  ESP_REQUIRE(file, ESP_ERR_CANNOT_CREATE, "%s: cannot be created: %s", path, strerror(errno));
  int why = fwrite(bytes, 1, n_bytes, file) == n_bytes ? 0 : errno;
  if (fclose(file) != 0 && !why)
    why = errno;
  if (!why)
    return ESP_OK;
  unlink(path);
  return esp_fail(ESP_ERR_IO, "%s: cannot be written: %s", path, strerror(why));
}

esp_err esp_arrays_write(const char *path, int n_arrays, const esp_array *arrays)
{
  size_t n_bytes = 0;
  void *image = file_image(n_arrays, arrays, &n_bytes);
  ESP_REQUIRE(image, ESP_ERR_INTERNAL, "%s: HDF5 cannot make it: %s", path, esp_h5_cause());
  const esp_err err = save(path, image, n_bytes);
  free(image);
  return err;
}
