/* report/book.c - every array is appended with its full name and its own block of memory, which never moves. After a failure nothing
 * more is added; what is there stays, to be freed. */
#include "book.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void esp_book_open(esp_book *book, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(book->group, sizeof book->group, format, arguments);
  va_end(arguments);
}

esp_err esp_book_error(const esp_book *book)
{
  return book->err;
}

static void *fail(esp_book *book)
{
  if (book->err == ESP_OK)
    book->err = esp_fail(ESP_ERR_NOMEM, "no memory for the arrays of the report");
  return NULL;
}

static bool has_room(esp_book *book)
{
  if (book->n < book->capacity)
    return true;
  const int capacity = book->capacity ? 2 * book->capacity : 64;
  esp_array *larger = realloc(book->array, (size_t)capacity * sizeof *larger);
  if (!larger)
    return false;
  book->array = larger;
  book->capacity = capacity;
  return true;
}

/* An array whose name lacks the group. It gets its own n_bytes of values: a copy, or zeros where array.values is NULL. */
static void *append(esp_book *book, esp_array array, size_t n_bytes)
{
  char *name = NULL;
  if (book->err != ESP_OK || !has_room(book))
    return fail(book);
  if (asprintf(&name, "%s%s%s", book->group, book->group[0] ? "/" : "", array.name) < 0)
    return fail(book);
  void *values = calloc(n_bytes + 1, 1); /* one more: an empty array is no failure */
  if (values && array.values)
    memcpy(values, array.values, n_bytes);
  array.name = name;
  array.values = values;
  book->array[book->n++] = array;
  return values ? values : fail(book);
}

static void *append_numbers(esp_book *book, esp_array array, int n_axes, const long *length)
{
  array.n_axes = n_axes;
  for (int a = 0; a < n_axes; a++)
    array.length[a] = length[a];
  return append(book, array, (size_t)esp_array_size(&array) * esp_type_bytes(array.type));
}

double *esp_book_numbers(esp_book *book, const char *name, const char *unit, const char *long_name, int n_axes, const long *length)
{
  double *values =
      append_numbers(book, (esp_array){.name = name, .type = ESP_F64, .unit = unit, .long_name = long_name}, n_axes, length);
  for (long i = 0; values && i < esp_array_size(&book->array[book->n - 1]); i++)
    values[i] = NAN;
  return values;
}

int32_t *esp_book_counts(esp_book *book, const char *name, const char *long_name, int n_axes, const long *length)
{
  return append_numbers(book, (esp_array){.name = name, .type = ESP_I32, .unit = "1", .long_name = long_name}, n_axes, length);
}

void esp_book_put(esp_book *book, const char *name, const char *unit, const char *long_name, const double *values, int n_axes,
                  const long *length)
{
  const esp_array array = {.name = name, .type = ESP_F64, .values = values, .unit = unit, .long_name = long_name};
  append_numbers(book, array, n_axes, length);
}

void esp_book_put_counts(esp_book *book, const char *name, const char *long_name, const int32_t *values, int n_axes,
                         const long *length)
{
  const esp_array array = {.name = name, .type = ESP_I32, .values = values, .unit = "1", .long_name = long_name};
  append_numbers(book, array, n_axes, length);
}

void esp_book_put_range(esp_book *book, const char *name, const char *unit, const char *long_name, int first, int last)
{
  double *x = esp_book_numbers(book, name, unit, long_name, ESP_SHAPE(last - first + 1));
  for (int i = first; i <= last && x; i++)
    x[i - first] = i;
}

void esp_book_number(esp_book *book, const char *name, const char *unit, const char *long_name, double value)
{
  esp_book_put(book, name, unit, long_name, &value, 0, NULL);
}

void esp_book_count(esp_book *book, const char *name, const char *long_name, int value)
{
  const int32_t count = value;
  esp_book_put_counts(book, name, long_name, &count, 0, NULL);
}

void esp_book_text(esp_book *book, const char *name, const char *long_name, const char *text)
{
  const esp_array array = {.name = name, .n_axes = ESP_ARRAY_TEXT, .values = text, .unit = "1", .long_name = long_name};
  append(book, array, strlen(text));
}

void esp_book_attribute(esp_book *book, const char *name, const char *text)
{
  append(book, (esp_array){.name = name, .n_axes = ESP_ARRAY_TEXT, .values = text}, strlen(text));
}

void esp_book_limits(esp_book *book, const char *name, int n, const double *values)
{
  append_numbers(book, (esp_array){.name = name, .type = ESP_F64, .values = values}, ESP_SHAPE(n));
}

const esp_array *esp_book_find(const esp_book *book, const char *name)
{
  for (int i = 0; i < book->n; i++)
    if (book->array[i].unit && strcmp(book->array[i].name, name) == 0)
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
