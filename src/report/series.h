/* report/series.h - panels that are means over members: a line in a table says what each point is, and mean, SEM, tests, tables and
 * explanations all follow from it.
 *
 * A point of a series is one number per member and arm. Which arms a panel sets side by side, and in which subgroups others lie, is the
 * chapter's business (chapter.h). */
#ifndef ESPALIER_REPORT_SERIES_H
#define ESPALIER_REPORT_SERIES_H
#include "book.h"
#include "source.h"

/** Arms that are compared, the first with each of the others, and what the panel calls them. */
typedef struct {
  int n, arm[ESP_MAX_ARMS];
  const char *name[ESP_MAX_ARMS];
  char group[40]; /* of a panel; "": the panel itself */
} esp_sides;

/** Where the number of a member lies: in blocks of elements of one cell, whose mean it is. */
typedef struct {
  int arm, stage; /* stage -1: nowhere */
  long first, length, n_blocks, stride;
  long index; /* that names the point in a slice           */
} esp_place;

struct esp_series;

/** The x of the points: n values; value NULL: 1, 2, ..., or what of() says. */
typedef struct {
  int n; /* 0: the file has nothing of it */
  const double *value;
  double (*of)(const esp_source *s, int point);
} esp_scale;

/** What the points of a panel are, and where their numbers lie. A point is counted on through all rows. */
typedef struct {
  const char *x_unit, *x_what;
  esp_scale (*scale)(const esp_source *s); /* of a row; NULL: the elements of the field, with the values of their axis */
  int (*stage)(const esp_source *s);       /* points are the elements of a cell of this stage; or ...                  */
  esp_place (*place)(const esp_source *s, int arm, int point); /* first goes on to the series' own element              */
  /* The number of a member; NaN: missing. NULL: the mean at its place. */
  double (*value)(const esp_source *s, const struct esp_series *series, int member, esp_place place);
  /* What the slice of the file has before and after the place's index, as h5py writes it, and what is done with it; NULL: nothing. */
  const char *before, *after, *done;
  void (*slice)(const esp_source *s, esp_place place, char *text, size_t size); /* or the whole of it; NULL: as the texts say */
  bool of_many;  /* a number is made of all stages up to its place's: it is missing where it is NaN */
  bool median;   /* is shown too                                                                    */
  const char *row_what; /* there is a row of points for each rung; NULL: one row                    */
} esp_points;

typedef struct esp_series {
  const char *panel;
  const esp_points *points;
  const char *field; /* as in the file; NULL: of none in particular                     */
  long element;      /* of a field that has several, where the points do not say which  */
  const char *what;  /* the number of one member: start of the long name                */
  const char *prefix, *suffix; /* of the dataset names: "all_", "_greedy"; NULL: none   */
  bool tested;       /* the first arm against the second at every point                 */
  int level;         /* which arms are compared, as the chapter counts; 0: as usual     */
} esp_series;

/** The series that a panel shows first; NULL: it has none. */
const esp_series *esp_series_in(const struct esp_chapter *chapter, const char *panel);
const esp_series *esp_series_of(const esp_source *s, const char *panel);

/** Points of a row. */
int esp_series_n_points(const esp_series *series, const esp_source *s);
double esp_series_x(const esp_series *series, const esp_source *s, int point);

/** The number of one member; NaN: missing. */
double esp_series_value(const esp_series *series, const esp_source *s, int member, int arm, int point);

/** The numbers of all members [n_members]. */
void esp_series_values(const esp_series *series, const esp_source *s, int arm, int point, double *values);

/** Where the number of an arm lies. */
esp_place esp_series_place(const esp_series *series, const esp_source *s, int arm, int point);

/** For esp_points.place: one element of a cell. */
esp_place esp_one_number(int arm, int stage, long element);

/** "/records/loss[:, 0, 3]", and what is done with it. */
void esp_series_slice(const esp_series *series, const esp_source *s, int arm, int point, char *text, size_t size);

/** The mean of the numbers at a place; NaN: there are none. */
double esp_mean_at(const esp_source *s, const char *field, int member, esp_place place);

/** The sum of n numbers of a cell over that of all of them, in the order of the file; NaN: there are none. */
double esp_share_in(const esp_source *s, const char *field, esp_cell cell, long first, long n);

/** Add x, ARM/mean, ARM/sem, ARM/n and, if tested, p, n_pairs, significant to the book; for other arms the same in subgroups, with a
 *  text that names the networks. @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_series_fill(const esp_series *series, const esp_source *s, esp_book *book);

/** Open the group of these sides in a panel, or that of one arm there. */
void esp_sides_open(const esp_sides *sides, const char *panel, const char *arm, esp_book *book);

enum { ESP_AT_ANY_POINT = -1 };

/** Which members are missing, at one point or at any: "pruned: all 6; twin: 5 of 6 (member 3: not_finite at rung_0.70)". */
void esp_series_tell_missing(const esp_series *series, const esp_source *s, const esp_sides *sides, int point, FILE *out);

#endif
