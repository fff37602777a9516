/* report/example.h - panels of one pair of networks (Figs. 1C-F, 2, 3, 4; 6), computed again from the stored weights. */
#ifndef ESPALIER_REPORT_EXAMPLE_H
#define ESPALIER_REPORT_EXAMPLE_H
#include "book.h"
#include "source.h"

typedef struct {
  int member, rung;   /* member -1: no member has both networks at that rung */
  const char *rule;   /* why this one; static text                           */
} esp_example;

/** Choose the member: the one asked for (wanted >= 0), or by the rule of docs/PANELS.md, at the rung nearest 0.70.
 *  @return ESP_OK, ESP_ERR_USAGE if the member asked for is not there, ESP_ERR_NOMEM, ESP_ERR_DATA, ESP_ERR_IO. */
esp_err esp_example_choose(const esp_source *s, int wanted, esp_example *example);

/** Add its panels to the book. */
esp_err esp_example_fill(const esp_source *s, const esp_example *example, esp_book *book);

#endif
