/* report/lever_panels.h - panels of the lever that are no series: one run (Figs. 5 B, D, I of Kappel et al. 2018), and marks. */
#ifndef ESPALIER_REPORT_LEVER_PANELS_H
#define ESPALIER_REPORT_LEVER_PANELS_H
#include "chapter.h"
#include "lever_numbers.h"

/** Stages of learning of a run that are done, one after the other. */
int esp_lever_n_learned(const esp_source *s, int member);

/** The run that is shown: the first that got farthest. -1: none has begun. */
int esp_lever_shown_run(const esp_source *s);

/** @return ESP_OK, ESP_ERR_NOMEM, ESP_ERR_DATA, ESP_ERR_IO. */
esp_err esp_lever_panels_fill(const esp_source *s, const esp_example *example, esp_book *book);

#endif
