/* report/lever_claims.c - the quantities in claims 28 to 35, about the lever. */
#include "lever_claims.h"

#include <math.h>

#include "../experiment/lever_record.h"

/* Mean time to completion over the stages that lie between two hours; with reward those of learning, without it the others. */
static double mean_time(const esp_source *s, int member, int arm, double from, double to)
{
  const bool learning = arm < LEVER_ARM_FORGETTING;
  double sum = 0, last = 0;
  int n = 0;
  for (int stage = 0; stage < s->plan->n_stages; stage++) {
    const double end = s->plan->stages[stage].value;
    if (s->plan->stages[stage].absent[learning ? LEVER_ARM_PLASTIC : LEVER_ARM_FORGETTING])
      continue;
    if (end > from + 1e-9 && end < to + 1e-9) {
      sum += esp_source_value(s, ESP_M_COMPLETION_TIME, member, arm, stage, 0);
      n++;
    }
    last = end;
  }
  return n && last > to - 1e-9 && esp_lever_is_timed(s) ? sum / n : NAN; /* a shorter experiment does not say */
}

double esp_claim_lever_time(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)arm;
  return mean_time(s, member, part->arm, part->from, part->to);
}

double esp_claim_lever_jump(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)arm;
  return mean_time(s, member, part->arm, 24, 26) - mean_time(s, member, part->arm, 22, 24);
}

double esp_claim_lever_recovery(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)arm;
  return mean_time(s, member, part->arm, 42, 48) - mean_time(s, member, part->arm, 24, 26);
}

double esp_claim_lever_undone(const esp_source *s, const esp_statement *part, int member, int arm)
{
  const double rise = esp_claim_lever_jump(s, part, member, arm);
  return rise > 0 ? (mean_time(s, member, part->arm, 24, 26) - mean_time(s, member, part->arm, 28, 30)) / rise : NAN;
}

double esp_claim_lever_log_ratio(const esp_source *s, const esp_statement *part, int member, int arm)
{
  return log(esp_claim_lever_time(s, part, member, arm) / mean_time(s, member, LEVER_ARM_PLASTIC, part->from, part->to));
}

double esp_claim_lever_fixed(const esp_source *s, const esp_statement *part, int member, int arm)
{
  return esp_claim_lever_time(s, part, member, arm) - mean_time(s, member, LEVER_ARM_PLASTIC, part->from, part->to);
}

/* Mean turnover of the intervals that lie between two hours, a 2 h. */
static double mean_turnover(const esp_source *s, int member, double from, double to)
{
  const esp_lever_numbers *l = &s->lever;
  const double hours = esp_lever_turnover_hours(s);
  double sum = 0;
  int n = 0;
  for (int k = 0; k < l->n_turnover; k++)
    if (k * hours > from - 1e-9 && (k + 1) * hours < to + 1e-9) {
      sum += l->turnover[member * ESP_LEVER_TURNOVER_ARMS * l->n_turnover + k] * 2 / hours;
      n++;
    }
  return n && l->n_turnover * hours > to - 1e-9 && esp_lever_is_timed(s) ? sum / n : NAN;
}

double esp_claim_lever_turnover_fall(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part, (void)arm;
  return mean_turnover(s, member, 0, 2) - mean_turnover(s, member, 8, 24);
}

double esp_claim_lever_turnover_rise(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part, (void)arm;
  return mean_turnover(s, member, 24, 34) - mean_turnover(s, member, 14, 24);
}

double esp_claim_lever_first_share(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part, (void)arm;
  const esp_lever_numbers *l = &s->lever;
  return l->n_turnover && esp_lever_is_timed(s) ? l->share[member * ESP_LEVER_TURNOVER_ARMS * l->n_turnover] : NAN;
}

static double on_days(const esp_source *s, int member, int arm, int first, int last)
{
  return s->plan->n_arms > arm ? mean_time(s, member, arm, 24.0 * (first - 1), 24.0 * last) : NAN;
}

double esp_claim_lever_forgotten(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)arm;
  return on_days(s, member, part->arm, 10, 15) - on_days(s, member, part->arm, 2, 5);
}

double esp_claim_lever_kept(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)arm;
  return on_days(s, member, part->arm, 2, 5) - mean_time(s, member, LEVER_ARM_PLASTIC, 18, 24);
}

/* Both arms are one until the consolidation. */
double esp_claim_lever_consolidated(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)arm;
  return on_days(s, member, part->arm, 10, 15) - on_days(s, member, LEVER_ARM_FORGETTING, 2, 4);
}

double esp_claim_lever_prevented(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)arm;
  return on_days(s, member, part->arm, 10, 15) - on_days(s, member, LEVER_ARM_FORGETTING, 10, 15);
}

double esp_claim_lever_likeness(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part, (void)arm;
  return s->lever.likeness[member * ESP_N_LIKENESSES + ESP_LIKE_AN_HOUR_BEFORE] -
         s->lever.likeness[member * ESP_N_LIKENESSES + ESP_LIKE_THE_START];
}

double esp_claim_lever_up_rate(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part, (void)arm;
  return s->lever.up_rate[member];
}

double esp_claim_lever_goes_on(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part, (void)arm;
  const double *move = s->lever.move + member * ESP_N_MOVES;
  return move[ESP_MOVE_SOLVED] / move[ESP_MOVE_BEFORE];
}

double esp_claim_lever_migrates(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part, (void)arm;
  const double *move = s->lever.move + member * ESP_N_MOVES;
  return log(move[ESP_MOVE_CHANGED] / move[ESP_MOVE_SOLVED]);
}
