/* report/claims.h - what the paper claims, and when a claim holds. docs/SCIENCE.md, "Verdicts", has the rules in words. */
#ifndef ESPALIER_REPORT_CLAIMS_H
#define ESPALIER_REPORT_CLAIMS_H
#include "example.h"
#include "source.h"

#define ESP_N_CLAIMS 35
#define ESP_CLAIMS_OF_AVERBECK 27 /* the first ones; the others are Kappel et al.'s (2018) */
#define ESP_MAX_PARTS 6

#define ESP_CLAIM_ALPHA 0.01    /* the paper's                                                     */
#define ESP_CLAIM_MIN_MEMBERS 12 /* with fewer, nothing found is "too few members", not a negative */
#define ESP_CLAIM_MIN_RUNS 5     /* the lever's figure has five runs: limits and levels are decided from so many on */

typedef enum { ESP_HOLDS, ESP_NOT_RUN, ESP_TOO_FEW, ESP_DOES_NOT_HOLD } esp_verdict; /* a claim is as good as its worst part */

/** "holds", "does not hold", "too few members", "not run". */
const char *esp_verdict_name(esp_verdict verdict);

/** An effect should have this sign (+1 or -1): holds or not if p < 0.01, by its sign; otherwise it was not found. */
esp_verdict esp_judge_sign(long n, int sign, double effect, double p);

/** A mean should lie above (side +1) or below (-1) a limit: its 95 % interval does as a whole, and n is n_least or more. */
esp_verdict esp_judge_limit(long n, long n_least, int side, double limit, double low, double high);

/** A mean should be 0: its 95 % interval lies within +-bound, and n is n_least or more. */
esp_verdict esp_judge_level(long n, long n_least, double bound, double low, double high);

/** The verdict on one statement of a claim, and the numbers behind it. */
typedef struct {
  const char *words;    /* what is said, static                                                  */
  bool aside;           /* reported, but does not count: a number as the published code has it   */
  esp_verdict verdict;
  long n;
  const char *effect_name; /* "d_z", "r", "mean", "share"                                        */
  double effect, low, high, p; /* 95 % interval; p NaN where there is no test                    */
  double n_needed;      /* for power 0.9, if it does not hold though the sign agrees; else NaN   */
  char numbers[256];    /* the statistic in words                                                */
} esp_finding;

typedef struct {
  int number;
  esp_experiment_id experiment;
  const char *panel, *claim;
  esp_verdict verdict;
  int n_findings, deciding; /* deciding: the first finding that gives the verdict */
  esp_finding finding[ESP_MAX_PARTS];
  char note[128];           /* "" or a word on the example */
} esp_judgement;

/** Judge all claims.
 *  @param sources  by experiment; NULL where there is no such file
 *  @param example  of the dms file
 *  @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_claims_judge(const esp_source *const sources[ESP_N_EXPERIMENTS], const esp_example *example,
                         esp_judgement judgement[ESP_N_CLAIMS]);

#endif
