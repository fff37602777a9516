/* report/example.h - the member whose pair of networks stands for all in the panels of one pair. docs/PANELS.md has the rules. */
#ifndef ESPALIER_REPORT_EXAMPLE_H
#define ESPALIER_REPORT_EXAMPLE_H
#include "book.h"
#include "espalier/workspace.h"
#include "source.h"

typedef struct {
  int member, rung;   /* member -1: no member has both networks at that rung */
  const char *rule;   /* why this one; static text                           */
} esp_example;

typedef struct {
  int member;
  double difference; /* between pruned and twin; the member with the median one is taken */
} esp_candidate;

/** List the members that come into question.
 *  @param[out] list  [members]
 *  @param[out] rule  of which members, in words; static text
 *  @return ESP_OK, ESP_ERR_NOMEM, ESP_ERR_DATA, ESP_ERR_IO. */
typedef esp_err esp_candidates(const esp_source *s, int stage, esp_candidate *list, int *n, const char **rule);

/** Choose the member: the one asked for (wanted >= 0), or by the chapter's rule, at the rung nearest 0.70; none where a chapter has no
 *  examples.
 *  @return ESP_OK, ESP_ERR_USAGE if the member asked for is not there, ESP_ERR_NOMEM, ESP_ERR_DATA, ESP_ERR_IO. */
esp_err esp_example_choose(const esp_source *s, int wanted, esp_example *example);

/** Say in the book which it is. */
void esp_example_describe(const esp_source *s, const esp_example *example, esp_book *book);

/** " Example: member 2 at prune fraction 0.7.", for captions. */
void esp_tell_example(const esp_source *s, const esp_example *example, FILE *out);

/** A panel of stored numbers of both networks of the example, scaled to a sum of 1, by an axis of theirs. */
typedef struct {
  const char *panel, *axis, *field, *long_name;
  bool cumulative;
} esp_stored_panel;

/** Fill such panels; the table ends with panel NULL. */
esp_err esp_stored_panels_fill(const esp_source *s, const esp_example *example, const esp_stored_panel *panels, esp_book *book);

/** The x of a panel, which is opened: the values of an axis of the file. */
void esp_book_axis(esp_book *book, const char *panel, const esp_axis *axis);

/** What is needed to compute panels from stored records again: room for one, and scratch. */
typedef struct {
  esp_workspace ws;
  esp_record record;
} esp_bench;

/** Free it whatever this returns. @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_bench_make(const esp_source *s, esp_bench *bench);
void esp_bench_free(esp_bench *bench);

#endif
