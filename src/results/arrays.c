/* results/arrays.c - each array becomes a dataset with units and long_name, or an attribute of its group; groups on the way are made as they
 * come.
 *
 * The file is made in memory and saved at once: whole or not at all. It has no times in it, so equal arrays give equal bytes. */
#include "espalier/arrays.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "espalier/file.h"
#include "espalier/results.h"
#include "internal.h"

/* Types, extent and contents of a dataset; space and string are the caller's to drop. */
typedef struct {
  hid_t space, string, file_type, memory_type;
  const void *values;
} contents; /* of a text values points to a pointer, as HDF5 wants it */

static contents contents_of(const esp_array *a)
{
  if (a->n_axes == ESP_ARRAY_TEXT) {
    const hid_t string = esp_h5_string_type(H5T_VARIABLE);
    return (contents){H5Screate(H5S_SCALAR), string, string, string, &a->values};
  }
  hsize_t length[ESP_ARRAY_AXES];
  for (int i = 0; i < a->n_axes; i++)
    length[i] = (hsize_t)a->length[i];
  return (contents){a->n_axes ? H5Screate_simple(a->n_axes, length, NULL) : H5Screate(H5S_SCALAR), -1,
                    esp_h5_file_type(a->type), esp_h5_memory_type(a->type), a->values};
}

static herr_t write_dataset(hid_t file, const esp_array *a, const contents *c, hid_t link)
{
  herr_t done = -1;
  const hid_t create = H5Pcreate(H5P_DATASET_CREATE);
  const hid_t dataset = H5Pset_obj_track_times(create, false) < 0
                            ? -1 : H5Dcreate2(file, a->name, c->file_type, c->space, link, create, H5P_DEFAULT);
  if (dataset >= 0 && H5Dwrite(dataset, c->memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, c->values) >= 0 &&
      esp_h5_set_text(dataset, "units", a->unit) >= 0)
    done = esp_h5_set_text(dataset, "long_name", a->long_name);
  esp_h5_drop(dataset);
  esp_h5_drop(create);
  return done;
}

/* An attribute of the group in its name, which is made if it is not there. */
static herr_t write_attribute(hid_t file, const esp_array *a, const contents *c, hid_t link)
{
  char group_name[128];
  const char *slash = strrchr(a->name, '/');
  if (!slash || (size_t)(slash - a->name) >= sizeof group_name)
    return -1;
  snprintf(group_name, sizeof group_name, "%.*s", (int)(slash - a->name), a->name);
  const hid_t group = H5Lexists(file, group_name, H5P_DEFAULT) > 0 ? H5Gopen2(file, group_name, H5P_DEFAULT)
                                                                   : H5Gcreate2(file, group_name, link, H5P_DEFAULT, H5P_DEFAULT);
  const herr_t done = group < 0 ? -1 : esp_h5_set_attribute(group, slash + 1, c->file_type, c->space, c->memory_type, c->values);
  esp_h5_drop(group);
  return done;
}

static herr_t write_array(hid_t file, const esp_array *a)
{
  const contents c = contents_of(a);
  const hid_t link = H5Pcreate(H5P_LINK_CREATE);
  herr_t done = H5Pset_create_intermediate_group(link, 1);
  if (done >= 0)
    done = a->unit ? write_dataset(file, a, &c, link) : write_attribute(file, a, &c, link);
  esp_h5_drop(link);
  esp_h5_drop(c.string);
  esp_h5_drop(c.space);
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

esp_err esp_arrays_write(const char *path, int n_arrays, const esp_array *arrays)
{
  size_t n_bytes = 0;
  void *image = file_image(n_arrays, arrays, &n_bytes);
  ESP_REQUIRE(image, ESP_ERR_INTERNAL, "%s: HDF5 cannot make it: %s", path, esp_h5_cause());
  const esp_err err = esp_file_save(path, image, n_bytes);
  free(image);
  return err;
}
