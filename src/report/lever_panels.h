/* report/lever_panels.h - panels of the lever experiment (Kappel et al. 2018, Fig. 5 B-I). */
#ifndef ESPALIER_REPORT_LEVER_PANELS_H
#define ESPALIER_REPORT_LEVER_PANELS_H
#include "book.h"
#include "source.h"

/** All panels of the file. @return ESP_OK, ESP_ERR_NOMEM, ESP_ERR_DATA, ESP_ERR_IO. */
esp_err esp_lever_panels_fill(const esp_source *s, esp_book *book);

/** Does the file have stages without reward? */
bool esp_lever_has_unrewarded(const esp_source *s);

#endif
