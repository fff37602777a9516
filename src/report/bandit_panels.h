/* report/bandit_panels.h - panels of the bandit that are played again: the example's block (Figs. 6C-F, 6H, 6I), the task (S3). */
#ifndef ESPALIER_REPORT_BANDIT_PANELS_H
#define ESPALIER_REPORT_BANDIT_PANELS_H
#include "book.h"
#include "source.h"

/** Both networks of a member at a rung, on the block without random choices that the stored scores at epsilon 0 come from: the
 *  draws are those of block 2^21 + 1 of (seed, member, stage), shared by the arms. Agent 1 is shown.
 *  @return ESP_OK, ESP_ERR_DIVERGED if a network does not stay finite, ESP_ERR_NOMEM, ESP_ERR_DATA, ESP_ERR_IO. */
esp_err esp_bandit_example_fill(const esp_source *s, int member, int rung, esp_book *book);

/** S3: states, inputs and rewards, and a block that a Q-learner plays by itself; no network is needed. */
esp_err esp_bandit_scheme_fill(const esp_source *s, esp_book *book);

#endif
