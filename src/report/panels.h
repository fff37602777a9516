/* report/panels.h - all panels of a report: their texts, and the order in which they are filled. */
#ifndef ESPALIER_REPORT_PANELS_H
#define ESPALIER_REPORT_PANELS_H
#include "book.h"
#include "example.h"
#include "series.h"

typedef enum { ESP_PANEL_SCHEME, ESP_PANEL_EXAMPLE, ESP_PANEL_POPULATION } esp_panel_kind;

typedef struct {
  const char *name;
  esp_experiment_id experiment;
  esp_panel_kind kind;
  const char *title, *shows;     /* shows: the first sentence of the caption */
  const char *x_label, *y_label; /* NULL: there are no axes                  */
} esp_panel;

/** The table; ends with name NULL. */
extern const esp_panel esp_panels[];

/** NULL: there is no such panel. */
const esp_panel *esp_panel_of(const char *name);

/** A panel that shows the largest Lyapunov exponent of every network at the rung nearest 0.70 by a fraction. */
typedef struct {
  const char *panel;
  esp_experiment_id experiment;
  esp_measure x_measure;
  double value_noise;   /* of the ladder that it shows, 0: the main one; its others lie in subgroups */
  const char *exponent; /* the panel that has the exponents by rung                                  */
  const char *x_name;
} esp_scatter;

/** The table; ends with panel NULL. */
extern const esp_scatter esp_scatters[];

/** NULL: the panel is none of them. */
const esp_scatter *esp_scatter_of(const char *panel);

/** The level of noise that a panel shows; -1: the file does not have it. */
int esp_panel_level(const char *panel, const esp_source *s);

/** Fill the panels that belong to the experiment of this source. example: of this source; not used for scratch. */
esp_err esp_panels_fill(const esp_source *s, const esp_example *example, esp_book *book);

#endif
