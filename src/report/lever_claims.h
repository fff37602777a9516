/* report/lever_claims.h - the quantities of the lever, by the words of their statements in claims.c. Hours and days are the caption's,
 * with the change of the task at hour 24: NaN if it is at another. */
#ifndef ESPALIER_REPORT_LEVER_CLAIMS_H
#define ESPALIER_REPORT_LEVER_CLAIMS_H
#include "statement.h"

esp_quantity esp_claim_lever_time, esp_claim_lever_jump, esp_claim_lever_recovery, esp_claim_lever_undone,
    esp_claim_lever_log_ratio, esp_claim_lever_fixed, esp_claim_lever_turnover_fall, esp_claim_lever_turnover_rise,
    esp_claim_lever_first_share, esp_claim_lever_forgotten, esp_claim_lever_kept, esp_claim_lever_consolidated,
    esp_claim_lever_prevented, esp_claim_lever_likeness, esp_claim_lever_up_rate, esp_claim_lever_goes_on,
    esp_claim_lever_migrates;

#endif
