/* report/panels.h - what a panel is, and how all panels of a report are filled: texts, series, scatters, then what a chapter fills
 * itself. */
#ifndef ESPALIER_REPORT_PANELS_H
#define ESPALIER_REPORT_PANELS_H
#include <math.h>

#include "book.h"
#include "example.h"
#include "series.h"

typedef enum { ESP_SCHEME, ESP_OF_EXAMPLE, ESP_OF_POPULATION } esp_panel_subject;

/** An attribute of a panel's group that says how it is drawn (docs/PANELS.md lists them): a text, or one or two numbers. */
typedef struct {
  const char *name; /* NULL: end of the list */
  const char *text; /* NULL: numbers         */
  int n;
  double number[2];
} esp_attribute;

enum { ESP_PANEL_ATTRIBUTES = 7 }; /* at most 6 */

typedef struct {
  const char *name;              /* figure and letter: "5A", "S2B", "S1" */
  esp_panel_subject subject;
  const char *title, *shows;     /* shows: the first sentence of the caption */
  const char *x_label, *y_label; /* NULL: there are no axes                  */
  const char *kind;              /* of drawing                               */
  esp_attribute drawn[ESP_PANEL_ATTRIBUTES];
} esp_panel;

/* Attributes that several chapters use. */
#define ESP_DRAWN_PAIR {"arms", .text = "pruned, twin"}, {"arm_names", .text = "pruned, twin (never pruned)"}
#define ESP_DRAWN_BAND {"spread", .text = "band"}
#define ESP_DRAWN_WEDGE {"spread", .text = "wedge"}
#define ESP_DRAWN_MARKER(size, edge) {"marker", .n = 2, .number = {size, edge}}
#define ESP_DRAWN_LEVEL(y) {"level", .n = 1, .number = {y}}
#define ESP_DRAWN_FROM_0 {"y_limits", .n = 2, .number = {0, NAN}}
#define ESP_DRAWN_LOG_WHERE_WIDE {"y_scale", .text = "log_where_wide"}

/** The largest Lyapunov exponent of every network at the rung nearest 0.70 by another number of it. */
typedef struct {
  const char *panel;
  const char *x_field, *x_what;
  long x_element;
  int level;            /* as the chapter counts                                      */
  bool together;        /* correlated over the networks of both arms, too             */
  const char *exponent; /* the panel that has the exponents by rung                   */
} esp_scatter;

/** NULL: the chapter has no such panel. */
const esp_panel *esp_panel_of(const struct esp_chapter *chapter, const char *name);

/** NULL: the panel is none of them. */
const esp_scatter *esp_scatter_of(const struct esp_chapter *chapter, const char *panel);

/** The series behind a panel: its own, or of a scatter that of the exponents; and the level that the panel shows. */
const esp_series *esp_series_behind(const esp_source *s, const char *panel, int *level);

/** Add bins of the x, every network as a point, and correlations. @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_scatter_fill(const esp_scatter *scatter, const esp_source *s, esp_book *book);

/** For captions: " Mean and SEM over networks. Networks: pruned: all 6; twin: 5 of 6 (...)." */
void esp_tell_networks(const esp_source *s, const esp_panel *panel, FILE *out);

/** Fill the panels of a source. @return ESP_OK, ESP_ERR_NOMEM, ESP_ERR_DATA, ESP_ERR_IO. */
esp_err esp_panels_fill(const esp_source *s, const esp_example *example, esp_book *book);

#endif
