/* report/claims.h - what the papers claim, and when a claim holds. docs/SCIENCE.md, "Verdicts", has the rules in words. */
#ifndef ESPALIER_REPORT_CLAIMS_H
#define ESPALIER_REPORT_CLAIMS_H
#include "example.h"
#include "source.h"

#define ESP_MAX_PARTS 6

#define ESP_CLAIM_ALPHA 0.01 /* the papers' */

/** Limits and levels are decided from n_least members on. */
typedef struct {
  const char *name;
  long n_least;
} esp_paper;

extern const esp_paper esp_averbeck_2022, esp_kappel_2018;

typedef enum { ESP_HOLDS, ESP_NOT_RUN, ESP_TOO_FEW, ESP_DOES_NOT_HOLD } esp_verdict; /* a claim is as good as its worst part */

/** "holds", "does not hold", "too few members", "not run". */
const char *esp_verdict_name(esp_verdict verdict);

/** An effect should have this sign (+1 or -1): holds or not if p < 0.01, by its sign; otherwise it was not found. */
esp_verdict esp_judge_sign(long n, int sign, double effect, double p);

/** A mean should lie above (side +1) or below (-1) a limit: its 95 % interval does as a whole, and n is n_least or more. */
esp_verdict esp_judge_limit(long n, long n_least, int side, double limit, double low, double high);

/** A mean should be 0: its 95 % interval lies within +-bound, and n is n_least or more. */
esp_verdict esp_judge_level(long n, long n_least, double bound, double low, double high);

/* ---- the table of a chapter ---- */

typedef enum {
  ESP_NO_RULE,                     /* end of a claim's parts                                                      */
  ESP_HIGHER, ESP_LOWER,           /* first side against second: paired t test                                    */
  ESP_HIGHER_AT_EACH,              /* the same at every point of a series above .from; the weakest of them counts */
  ESP_POSITIVE, ESP_NEGATIVE,      /* the quantity of one side against 0: t test                                  */
  ESP_ABOVE, ESP_BELOW,            /* the 95 % interval of its mean against the limit                             */
  ESP_WITHIN,                       /* the 95 % interval of its mean within +-limit                                */
  ESP_ANTICORRELATED,              /* with another field over members                                             */
  ESP_ANTICORRELATED_TOGETHER,     /* the same with both sides' networks as points, as in the paper's bandit      */
  ESP_MOST,                        /* the quantity is 0 or 1: share above 1/2, exact test                         */
} esp_rule;

struct esp_statement;

/** One number of one member; NaN: it has none. */
typedef double esp_quantity(const esp_source *s, const struct esp_statement *part, int member, int arm);

/** One statement of a claim: a quantity of each member and the rule that decides about it. */
typedef struct esp_statement {
  const char *words;
  esp_rule rule;
  esp_quantity *quantity;
  const char *field; /* as in the file, for quantities that are made of one       */
  long element;      /* of a field that has several                               */
  double from, to;   /* rungs by prune fraction, hours, or as the quantity says   */
  int side;          /* for rules about one of them                               */
  struct {
    int side;
    double from, to;
  } other;           /* what it is compared with, for quantities that are differences */
  int level;         /* which arms are compared, as the chapter counts            */
  double limit;
  const char *with;  /* anticorrelated: the other field, at the rung nearest 0.70 */
  const char *panel, *at; /* at each: whose points, and what x is called          */
  bool aside;        /* reported, but does not count                              */
} esp_statement;

typedef struct {
  int number;
  const esp_paper *paper; /* NULL: end of the table */
  const char *panel, *claim;
  esp_statement part[ESP_MAX_PARTS];
  void (*note)(const esp_source *s, const esp_example *example, char *text, size_t size); /* a word on the example; NULL: none */
} esp_claim;

/* ---- what was found ---- */

/** The verdict on one statement of a claim, and the numbers behind it. */
typedef struct {
  const char *words;    /* what is said, static                                                  */
  bool aside;           /* reported, but does not count                                          */
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
  const esp_paper *paper;
  const char *panel, *claim;
  esp_verdict verdict;
  int n_findings, deciding; /* deciding: the first finding that gives the verdict */
  esp_finding finding[ESP_MAX_PARTS];
  char note[128];           /* "" or a word on the example */
} esp_judgement;

/** How many claims there are in all chapters; they are numbered from 1 without gaps. */
int esp_n_claims(void);

/** Judge all claims.
 *  @param sources    by experiment; NULL where there is no such file
 *  @param examples   by experiment
 *  @param judgement  [esp_n_claims()], by number
 *  @return ESP_OK or ESP_ERR_NOMEM. */
esp_err esp_claims_judge(const esp_source *const sources[ESP_N_EXPERIMENTS], const esp_example examples[ESP_N_EXPERIMENTS],
                         esp_judgement *judgement);

#endif
