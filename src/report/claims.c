/* report/claims.c - from a statement to a finding: the quantity of every member is collected, the rule's test made of them, and the
 * verdict read off. A claim is as good as its worst statement that counts. */
#include "claims.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chapter.h"
#include "espalier/statistics.h"
#include "ladder.h"

enum { MIN_MEMBERS = 12 }; /* with fewer, nothing found is "too few members", not a negative */

const esp_paper esp_averbeck_2022 = {"Averbeck 2022", MIN_MEMBERS};
const esp_paper esp_kappel_2018 = {"Kappel et al. 2018", 5}; /* its figure has five runs */

/* ---- the rules ---- */

const char *esp_verdict_name(esp_verdict verdict)
{
  static const char *const names[] = {[ESP_HOLDS] = "holds", [ESP_NOT_RUN] = "not run", [ESP_TOO_FEW] = "too few members",
                                      [ESP_DOES_NOT_HOLD] = "does not hold"};
  return names[verdict];
}

/* Nothing was found: is that an answer? */
static esp_verdict not_found(long n)
{
  return n < MIN_MEMBERS ? ESP_TOO_FEW : ESP_DOES_NOT_HOLD;
}

esp_verdict esp_judge_sign(long n, int sign, double effect, double p)
{
  if (n == 0)
    return ESP_NOT_RUN;
  if (!(p < ESP_CLAIM_ALPHA))
    return not_found(n);
  return sign * effect > 0 ? ESP_HOLDS : ESP_DOES_NOT_HOLD;
}

esp_verdict esp_judge_limit(long n, long n_least, int side, double limit, double low, double high)
{
  if (n == 0)
    return ESP_NOT_RUN;
  if (n < n_least)
    return ESP_TOO_FEW;
  return (side > 0 ? low > limit : high < limit) ? ESP_HOLDS : ESP_DOES_NOT_HOLD;
}

esp_verdict esp_judge_level(long n, long n_least, double bound, double low, double high)
{
  const esp_verdict above = esp_judge_limit(n, n_least, 1, -bound, low, high);
  return above == ESP_HOLDS ? esp_judge_limit(n, n_least, -1, bound, low, high) : above;
}

/* ---- findings ---- */

typedef struct {
  const esp_source *s;
  const esp_paper *paper;
  long n;             /* members                               */
  double *a, *b;      /* a number of each member; room for two */
  esp_sides sides;
} cohort;

static void collect(const cohort *c, const esp_statement *part, esp_quantity *of, int side, double *values)
{
  for (int member = 0; member < c->n; member++)
    values[member] = of(c->s, part, member, c->sides.arm[side]);
}

static void needs_more(esp_finding *f, bool sign_agrees, double n_needed)
{
  if (f->verdict != ESP_HOLDS && f->verdict != ESP_NOT_RUN && sign_agrees && n_needed <= 1e6) /* beyond, the sign says nothing */
    f->n_needed = n_needed;
}

/* low, high: 95 % interval of the effect; p NaN: there is no test. */
static void tell(esp_finding *f, long n, const char *effect_name, double effect, double low, double high, double p)
{
  f->n = n;
  f->effect_name = effect_name;
  f->effect = effect;
  f->low = low;
  f->high = high;
  f->p = p;
}

static void tell_t(esp_finding *f, const esp_t_test *t, int sign)
{
  tell(f, t->n, "d_z", t->d, t->d_low, t->d_high, t->p);
  f->verdict = esp_judge_sign(t->n, sign, t->mean, t->p);
  needs_more(f, sign * t->mean > 0, esp_needed_pairs(t->d));
}

static void find_paired(const cohort *c, int sign, esp_finding *f)
{
  const esp_t_test t = esp_t_test_paired(c->n, c->a, c->b);
  double mean[2] = {0, 0};
  for (long i = 0; i < c->n; i++)
    if (!isnan(c->a[i] - c->b[i])) {
      mean[0] += c->a[i] / (double)t.n;
      mean[1] += c->b[i] / (double)t.n;
    }
  tell_t(f, &t, sign);
  snprintf(f->numbers, sizeof f->numbers, "%s %.4g, %s %.4g, difference %.3g (%.3g to %.3g), t(%g) = %.3g", c->sides.name[0], mean[0],
           c->sides.name[1], mean[1], t.mean, t.low, t.high, t.df, t.t);
}

static void find_against_zero(const cohort *c, int sign, esp_finding *f)
{
  const esp_t_test t = esp_t_test_one_sample(c->n, c->a, 0);
  tell_t(f, &t, sign);
  snprintf(f->numbers, sizeof f->numbers, "mean %.4g (%.3g to %.3g), t(%g) = %.3g", t.mean, t.low, t.high, t.df, t.t);
}

static void find_mean(const cohort *c, const esp_statement *part, esp_finding *f)
{
  const esp_t_test t = esp_t_test_one_sample(c->n, c->a, 0);
  const long n_least = c->paper->n_least;
  tell(f, t.n, "mean", t.mean, t.low, t.high, NAN);
  f->verdict = part->rule == ESP_WITHIN
                   ? esp_judge_level(t.n, n_least, part->limit, t.low, t.high)
                   : esp_judge_limit(t.n, n_least, part->rule == ESP_ABOVE ? 1 : -1, part->limit, t.low, t.high);
  snprintf(f->numbers, sizeof f->numbers, "mean %.4g (%.4g to %.4g), should be %s%.3g", t.mean, t.low, t.high,
           part->rule == ESP_WITHIN ? "within +-" : part->rule == ESP_ABOVE ? "above " : "below ", part->limit);
}

/* n_arms: how many networks of each member are among the points. */
static void find_correlation(const cohort *c, int n_arms, esp_finding *f)
{
  const esp_correlation r = esp_correlate(n_arms * c->n, c->a, c->b);
  tell(f, r.n, "r", r.r, r.low, r.high, r.p);
  f->verdict = esp_judge_sign((r.n + n_arms - 1) / n_arms, -1, r.r, r.p);
  needs_more(f, r.r < 0, esp_needed_for_correlation(r.r) / n_arms);
  snprintf(f->numbers, sizeof f->numbers, "r(%ld) = %.3f (%.3f to %.3f)", r.n, r.r, r.low, r.high);
}

static void find_share(const cohort *c, esp_finding *f)
{
  const esp_share s = esp_share_of(c->n, c->a);
  tell(f, s.n, "share", s.share, s.low, s.high, s.p);
  f->verdict = esp_judge_sign(s.n, 1, s.share - 0.5, s.p);
  snprintf(f->numbers, sizeof f->numbers, "%ld of %ld (%.3g to %.3g)", s.n_yes, s.n, s.low, s.high);
}

/* The point at which the advantage is least sure: by verdict, then by p. */
static void find_at_each(const cohort *c, const esp_statement *part, esp_finding *f)
{
  const esp_series *series = esp_series_of(c->s, part->panel);
  bool first = true;
  for (int i = 0; i < esp_series_n_points(series, c->s); i++) {
    esp_finding here = *f;
    if (!(esp_series_x(series, c->s, i) > part->from))
      continue;
    esp_series_values(series, c->s, c->sides.arm[0], i, c->a);
    esp_series_values(series, c->s, c->sides.arm[1], i, c->b);
    find_paired(c, 1, &here);
    const size_t used = strlen(here.numbers);
    snprintf(here.numbers + used, sizeof here.numbers - used, ", at %s %g", part->at, esp_series_x(series, c->s, i));
    if (first || here.verdict > f->verdict || (here.verdict == f->verdict && !(here.p <= f->p)))
      *f = here;
    first = false;
  }
}

static void find(cohort *c, const esp_statement *part, esp_finding *f)
{
  const esp_statement other = {.field = part->with};
  *f = (esp_finding){.words = part->words, .aside = part->aside, .verdict = ESP_NOT_RUN, .effect_name = "d_z", .effect = NAN,
                     .low = NAN, .high = NAN, .p = NAN, .n_needed = NAN};
  if (!esp_sides_of(c->s, part->level, &c->sides))
    return;
  if (part->quantity)
    collect(c, part, part->quantity, part->side, c->a);
  switch (part->rule) {
  case ESP_NO_RULE: break;
  case ESP_HIGHER:
  case ESP_LOWER:
    collect(c, part, part->quantity, 1, c->b);
    find_paired(c, part->rule == ESP_HIGHER ? 1 : -1, f);
    break;
  case ESP_HIGHER_AT_EACH: find_at_each(c, part, f); return;
  case ESP_POSITIVE: find_against_zero(c, 1, f); break;
  case ESP_NEGATIVE: find_against_zero(c, -1, f); break;
  case ESP_ABOVE:
  case ESP_BELOW:
  case ESP_WITHIN: find_mean(c, part, f); break;
  case ESP_ANTICORRELATED:
    collect(c, &other, esp_value_070, part->side, c->b);
    find_correlation(c, 1, f);
    break;
  case ESP_ANTICORRELATED_TOGETHER:
    collect(c, part, part->quantity, 1, c->a + c->n);
    collect(c, &other, esp_value_070, 0, c->b);
    collect(c, &other, esp_value_070, 1, c->b + c->n);
    find_correlation(c, 2, f);
    break;
  case ESP_MOST: find_share(c, f); break;
  }
  if (f->n == 0)
    f->numbers[0] = '\0';
}

static void judge(cohort *c, const esp_statement *parts, esp_judgement *j)
{
  for (int i = 0; i < ESP_MAX_PARTS && parts[i].rule != ESP_NO_RULE; i++) {
    find(c, &parts[i], &j->finding[i]);
    j->n_findings++;
    if (!parts[i].aside && (i == 0 || j->finding[i].verdict > j->verdict)) {
      j->verdict = j->finding[i].verdict;
      j->deciding = i;
    }
  }
}

int esp_n_claims(void)
{
  int n = 0;
  for (int e = 0; e < ESP_N_EXPERIMENTS; e++) {
    const esp_chapter *chapter = esp_chapter_of((esp_experiment_id)e);
    for (const esp_claim *claim = chapter ? chapter->claims : NULL; claim && claim->paper; claim++)
      n++;
  }
  return n;
}

static esp_err judge_chapter(esp_experiment_id experiment, const esp_source *s, const esp_example *example,
                             esp_judgement *judgement)
{
  const esp_chapter *chapter = esp_chapter_of(experiment);
  const long n = s ? s->plan->n_members : 0;
  double *room = malloc((4 * (size_t)n + 1) * sizeof *room); /* one more: no member is no failure */
  ESP_REQUIRE(room, ESP_ERR_NOMEM, "no memory for the claims");
  for (const esp_claim *claim = chapter ? chapter->claims : NULL; claim && claim->paper; claim++) {
    esp_judgement *j = &judgement[claim->number - 1];
    *j = (esp_judgement){.number = claim->number, .experiment = experiment, .paper = claim->paper, .panel = claim->panel,
                         .claim = claim->claim, .verdict = ESP_NOT_RUN};
    if (!s)
      continue;
    cohort c = {.s = s, .paper = claim->paper, .n = n, .a = room, .b = room + 2 * n};
    judge(&c, claim->part, j);
    if (claim->note && example->member >= 0)
      claim->note(s, example, j->note, sizeof j->note);
  }
  free(room);
  return ESP_OK;
}

esp_err esp_claims_judge(const esp_source *const sources[ESP_N_EXPERIMENTS], const esp_example examples[ESP_N_EXPERIMENTS],
                         esp_judgement *judgement)
{
  for (int e = 0; e < ESP_N_EXPERIMENTS; e++)
    ESP_TRY(judge_chapter((esp_experiment_id)e, sources[e], &examples[e], judgement));
  return ESP_OK;
}
