/* report/statement.h - one statement of a claim: a quantity of each member and the rule that decides about it (claims.c). */
#ifndef ESPALIER_REPORT_STATEMENT_H
#define ESPALIER_REPORT_STATEMENT_H
#include "source.h"

typedef enum {
  NO_RULE,                 /* end of a claim's parts                                                   */
  HIGHER, LOWER,           /* pruned against twin: paired t test                                       */
  HIGHER_AT_EACH_STRENGTH, /* the same at every strength above 0; the weakest of them counts           */
  POSITIVE, NEGATIVE,      /* the quantity of one arm against 0: t test                                */
  ABOVE, BELOW,            /* the 95 % interval of its mean against the limit                          */
  LEVEL,                   /* the 95 % interval of its mean within +-limit                             */
  ANTICORRELATED,          /* fraction correct and exponent over members                               */
  ANTICORRELATED_TOGETHER, /* the same with both arms' networks as points, as in the paper's bandit    */
  MOST,                    /* the quantity is 0 or 1: share above 1/2, exact test                      */
} esp_rule;

struct esp_statement;

/** One number of one member; NaN: it has none. */
typedef double esp_quantity(const esp_source *s, const struct esp_statement *part, int member, int arm);

typedef struct esp_statement {
  const char *words;
  esp_rule rule;
  esp_quantity *quantity;
  esp_measure measure; /* for quantities that are made from one                                                  */
  double from, to;     /* rungs by prune fraction, hours, or as the quantity says                                */
  int arm;             /* for rules about one arm; | LOW_NOISE or HIGH_NOISE: of that ladder; of the lever: any arm */
  double limit;
  bool aside;
} esp_statement;

#endif
