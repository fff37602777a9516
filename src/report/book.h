/* report/book.h - the arrays of a report while it is made: named like in panels.h5, owned here.
 *
 * A failure sticks. Who adds arrays asks esp_book_error() once, before the first of them is written to: if all is well, every pointer
 * handed out since is good. Units and long names are static texts. */
#ifndef ESPALIER_REPORT_BOOK_H
#define ESPALIER_REPORT_BOOK_H
#include "espalier/arrays.h"

typedef struct {
  int n, capacity;
  esp_array *array; /* names and values are owned                               */
  char group[96];   /* where the next ones lie: "5A", "5A/pruned"; "": the root */
  esp_err err;
} esp_book;

/** From here on arrays are added to this group. */
void esp_book_open(esp_book *book, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Number and lengths of axes, slow to fast. */
#define ESP_SHAPE(...) (int)(sizeof((const long[]){__VA_ARGS__}) / sizeof(long)), (const long[]){__VA_ARGS__}

/** Add an array of doubles (NaN) or of 32-bit integers (0) to fill in. */
double *esp_book_numbers(esp_book *book, const char *name, const char *unit, const char *long_name, int n_axes, const long *length);
int32_t *esp_book_counts(esp_book *book, const char *name, const char *long_name, int n_axes, const long *length);

/** Add one with these values, copied; or the numbers from first to last. */
void esp_book_put(esp_book *book, const char *name, const char *unit, const char *long_name, const double *values, int n_axes,
                  const long *length);
void esp_book_put_counts(esp_book *book, const char *name, const char *long_name, const int32_t *values, int n_axes,
                         const long *length);
void esp_book_put_range(esp_book *book, const char *name, const char *unit, const char *long_name, int first, int last);

/** Add a single one. */
void esp_book_number(esp_book *book, const char *name, const char *unit, const char *long_name, double value);
void esp_book_count(esp_book *book, const char *name, const char *long_name, int value);

/** Add a text, copied. */
void esp_book_text(esp_book *book, const char *name, const char *long_name, const char *text);

/** Say of the group itself how it is drawn: a text, or numbers; copied. */
void esp_book_attribute(esp_book *book, const char *name, const char *text);
void esp_book_limits(esp_book *book, const char *name, int n, const double *values);

/** What went wrong first. */
esp_err esp_book_error(const esp_book *book);

/** The array of that name, NULL: none. */
const esp_array *esp_book_find(const esp_book *book, const char *name);

/** The number i of an array, whatever its type. */
double esp_array_value(const esp_array *array, long i);
long esp_array_size(const esp_array *array);

void esp_book_free(esp_book *book);

#endif
