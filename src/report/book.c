/* report/book.c */
#include "book.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A cleared array at the end of the book, its name set. */
static esp_err append(esp_book *book, const char *panel, const char *arm, const char *name, esp_array **array)
{
  if (book->n == book->capacity) {
    const int capacity = book->capacity ? 2 * book->capacity : 64;
    esp_array *larger = realloc(book->array, (size_t)capacity * sizeof *larger);
    ESP_REQUIRE(larger, ESP_ERR_NOMEM, "no memory for the arrays of the report");
    book->array = larger;
    book->capacity = capacity;
  }
  char *full;
  const int length = panel ? asprintf(&full, "%s/%s%s%s", panel, arm ? arm : "", arm ? "/" : "", name)
                           : asprintf(&full, "%s", name);
  ESP_REQUIRE(length >= 0, ESP_ERR_NOMEM, "no memory for the arrays of the report");
  *array = &book->array[book->n++];
  **array = (esp_array){.name = full};
  return ESP_OK;
}

static esp_err add(esp_book *book, const esp_entry *entry, esp_type type, void **values)
{
  esp_array *array = NULL;
  ESP_TRY(append(book, entry->panel, entry->arm, entry->name, &array));
  array->type = type;
  array->n_axes = entry->n_axes;
  memcpy(array->length, entry->length, sizeof array->length);
  array->unit = entry->unit;
  array->long_name = entry->long_name;
  *values = calloc((size_t)esp_array_size(array) + 1, esp_type_bytes(type)); /* one more: an empty array is no failure */
  ESP_REQUIRE(*values, ESP_ERR_NOMEM, "no memory for the arrays of the report");
  array->values = *values;
  return ESP_OK;
}

esp_err esp_book_numbers(esp_book *book, const esp_entry *entry, double **values)
{
  void *room;
  ESP_TRY(add(book, entry, ESP_F64, &room));
  *values = room;
  for (long i = 0; i < esp_array_size(&book->array[book->n - 1]); i++)
    (*values)[i] = NAN;
  return ESP_OK;
}

esp_err esp_book_counts(esp_book *book, const esp_entry *entry, int32_t **values)
{
  void *room;
  ESP_TRY(add(book, entry, ESP_I32, &room));
  *values = room;
  return ESP_OK;
}

esp_err esp_book_text(esp_book *book, const char *panel, const char *name, const char *long_name, const char *text)
{
  esp_array *array = NULL;
  ESP_TRY(append(book, panel, NULL, name, &array));
  array->unit = "1";
  array->long_name = long_name;
  array->n_axes = ESP_ARRAY_TEXT;
  array->values = strdup(text);
  ESP_REQUIRE(array->values, ESP_ERR_NOMEM, "no memory for the texts of the report");
  return ESP_OK;
}

const esp_array *esp_book_find(const esp_book *book, const char *name)
{
  for (int i = 0; i < book->n; i++)
    if (strcmp(book->array[i].name, name) == 0)
      return &book->array[i];
  return NULL;
}

double esp_array_value(const esp_array *array, long i)
{
  return array->type == ESP_F64 ? ((const double *)array->values)[i] : ((const int32_t *)array->values)[i];
}

long esp_array_size(const esp_array *array)
{
  long n = 1;
  for (int a = 0; a < array->n_axes; a++)
    n *= array->length[a];
  return n;
}

static void drop(const void *owned)
{
  union {
    const void *borrowed;
    void *mine;
  } p = {owned}; /* esp_array promises not to write; the book made it and may free it */
  free(p.mine);
}

void esp_book_free(esp_book *book)
{
  for (int i = 0; i < book->n; i++) {
    drop(book->array[i].name);
    drop(book->array[i].values);
  }
  free(book->array);
  *book = (esp_book){0};
}
