/* report/dms_panels.h - panels of delayed match to sample that are no series: schemes, and what the example's two networks do, computed
 * again from their weights (Figs. 1-4). */
#ifndef ESPALIER_REPORT_DMS_PANELS_H
#define ESPALIER_REPORT_DMS_PANELS_H
#include "chapter.h"

/** Members with both networks; where there are such whose twin fails on the probed condition 4 and whose pruned network does not, only
 *  they. */
extern esp_candidates esp_dms_candidates;

/** @return ESP_OK, ESP_ERR_NOMEM, ESP_ERR_DATA, ESP_ERR_IO. */
esp_err esp_dms_panels_fill(const esp_source *s, const esp_example *example, esp_book *book);

/** Columns of tables/members.csv; pruned-before-training networks have the same. */
extern const esp_column esp_dms_columns[];

#endif
