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

/** "dms", "scratch". */
const char *esp_panel_experiment(const esp_panel *panel);

/** Fill the panels that belong to the experiment of this source. example is used for dms only. */
esp_err esp_panels_fill(const esp_source *s, const esp_example *example, esp_book *book);

#endif
