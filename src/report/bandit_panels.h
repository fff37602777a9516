/* report/bandit_panels.h - panels of the bandit that are no series: what the example's two networks play (Figs. 6A-I), and the task (S3). */
#ifndef ESPALIER_REPORT_BANDIT_PANELS_H
#define ESPALIER_REPORT_BANDIT_PANELS_H
#include "chapter.h"

/** @return ESP_OK, ESP_ERR_NOMEM, ESP_ERR_DATA, ESP_ERR_IO. */
esp_err esp_bandit_panels_fill(const esp_source *s, const esp_example *example, esp_book *book);

#endif
