/* report/book.h - the arrays of a report while it is made: named like in panels.h5, owned here. */
#ifndef ESPALIER_REPORT_BOOK_H
#define ESPALIER_REPORT_BOOK_H
#include "espalier/arrays.h"

typedef struct {
  int n, capacity;
  esp_array *array; /* names and values are owned; unit and long_name are static */
} esp_book;

/** Where an array belongs: "5A", "pruned", "mean" is 5A/pruned/mean. arm may be NULL. */
typedef struct {
  const char *panel, *arm, *name;
  const char *unit, *long_name;
  int n_axes;
  long length[ESP_ARRAY_AXES];
} esp_entry;

/** Add an array of doubles (NaN) or of 32-bit integers (0) to fill in. The pointer stays valid.
 *  @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_book_numbers(esp_book *book, const esp_entry *entry, double **values);
esp_err esp_book_counts(esp_book *book, const esp_entry *entry, int32_t **values);

/** Add a text, copied; panel NULL: at the root. */
esp_err esp_book_text(esp_book *book, const char *panel, const char *name, const char *long_name, const char *text);

/** The array of that name, NULL: none. */
const esp_array *esp_book_find(const esp_book *book, const char *name);

/** The number i of an array, whatever its type. */
double esp_array_value(const esp_array *array, long i);
long esp_array_size(const esp_array *array);

void esp_book_free(esp_book *book);

#endif
