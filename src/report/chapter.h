/* report/chapter.h - what the report has to say of one experiment: its panels, series and claims. The rest of the report knows no
 * experiment.
 *
 * To report on a new experiment write NAME_chapter.c (and NAME_panels.c, if some panels are no series) and name the chapter in the list
 * of chapter.c. */
#ifndef ESPALIER_REPORT_CHAPTER_H
#define ESPALIER_REPORT_CHAPTER_H
#include "claims.h"
#include "example.h"
#include "panels.h"
#include "series.h"

/** A column of tables/members.csv: a number of a cell. */
typedef struct {
  const char *name, *field;
  long element; /* of a field that has several */
} esp_column;

typedef struct esp_chapter {
  /* Tables; each ends with an entry of zeros. */
  const esp_panel *panels;
  const esp_series *series;
  const esp_scatter *scatters; /* NULL: none */
  const esp_claim *claims;
  const esp_column *columns;

  const char *members;         /* "networks", "runs"                           */
  const char *in_the_mean;     /* what n of a mean counts                      */
  bool has_fractions;          /* the value of a stage is its prune fraction   */

  /** Count what fields do not say, into source->counted, and drop it again. NULL: nothing. */
  esp_err (*count)(esp_source *source);
  void (*drop)(esp_source *source);

  /** The arms that are compared at a level; levels are the chapter's, 0 is what panels show unless their series says otherwise.
   *  False: the file does not have them. NULL: the file has two arms. */
  bool (*sides)(const esp_source *s, int level, esp_sides *sides);

  /** The other arms that a panel of this level has in subgroups, and what a text there says. NULL: none. */
  const char *in_others;
  int (*others)(const esp_source *s, int level, esp_sides *others);

  /** Members that could be the example at a stage; see example.h. NULL: no panel shows one. */
  esp_candidates *candidates;
  const char *example_group;   /* in panels.h5 */

  /** Has the file what this panel shows? NULL: if its series has points, and there is an example for a panel of one. */
  bool (*has)(const esp_source *s, const esp_panel *panel, const esp_example *example);

  /** Print what a caption says after its first sentence. NULL: the example, and the networks. */
  void (*caption)(const esp_source *s, const esp_panel *panel, const esp_example *example, FILE *out);

  /** Fill the panels that are neither series nor scatters. ESP_ERR_DIVERGED: networks of the example do not stay finite. NULL: there
   *  are none. */
  esp_err (*fill)(const esp_source *s, const esp_example *example, esp_book *book);
} esp_chapter;

/** The arms of a level, as the chapter says. */
bool esp_sides_of(const esp_source *s, int level, esp_sides *sides);

/** All that a panel of this level shows: those arms, if the file has them, then the others. @return how many. */
int esp_all_sides_of(const esp_source *s, int level, esp_sides all[ESP_MAX_ARMS]);

/** NULL: the experiment has none. */
const esp_chapter *esp_chapter_of(esp_experiment_id experiment);

#endif
