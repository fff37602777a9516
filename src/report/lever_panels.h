/* report/lever_panels.h - panels of the lever experiment (Kappel et al. 2018, Fig. 5 B-I). */
#ifndef ESPALIER_REPORT_LEVER_PANELS_H
#define ESPALIER_REPORT_LEVER_PANELS_H
#include "book.h"
#include "source.h"

/** All panels of the file. @return ESP_OK, ESP_ERR_NOMEM, ESP_ERR_DATA, ESP_ERR_IO. */
esp_err esp_lever_panels_fill(const esp_source *s, esp_book *book);

/** K5F needs stages without reward; K5B, K5D and K5I a run that has begun. */
bool esp_lever_panel_is_there(const char *panel, const esp_source *s);

/** Which runs a panel shows, for its caption: " Run 3.", " Mean and SEM over runs, of which 2 of 5 are unfinished." */
void esp_lever_runs_in_words(const char *panel, const esp_source *s, char *words, size_t size);

#endif
