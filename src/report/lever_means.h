/* report/lever_means.h - panels of the lever experiment that are means over runs: one table says what each point is, and mean, SEM
 * and explanations follow from it (as series.h says of ladders and their twins). */
#ifndef ESPALIER_REPORT_LEVER_MEANS_H
#define ESPALIER_REPORT_LEVER_MEANS_H
#include <stddef.h>

#include "book.h"
#include "source.h"

enum { ESP_LEVER_MOST_ARMS = 3 }; /* in a panel */

typedef struct {
  const char *panel;
  const char *x_unit, *x_what;
  const char *unit, *what; /* of the number of a run */
  int first_arm, last_arm; /* of those that the file has */
  bool unrewarded;         /* in the stages without reward, else in those of learning */
  int (*n_points)(const esp_source *s);
  double (*x)(const esp_source *s, int point);
  double (*value)(const esp_source *s, int member, int arm, int point);       /* of a run; NaN: missing */
  void (*from)(const esp_source *s, int arm, int point, int *its_arm, int *stage); /* the last cell that it is taken from */
  void (*slice)(const esp_source *s, int its_arm, int stage, int point, char *text, size_t size); /* as h5py writes it */
} esp_lever_means;

/** The table; ends with panel NULL. */
extern const esp_lever_means esp_all_lever_means[];

/** NULL: the panel has none. */
const esp_lever_means *esp_lever_means_of(const char *panel);

/** Does the file have that arm? synapses.waiting_h 0 leaves approximate out, lever.consolidation_hour 0 consolidated. */
bool esp_lever_means_has(const esp_lever_means *means, const esp_source *s, int arm);

/** Add x, ARM/mean, ARM/sem, ARM/n to the book. @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_lever_means_fill(const esp_lever_means *means, const esp_source *s, esp_book *book);

#endif
