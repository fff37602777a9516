/* report/scratch_chapter.c - pruned before any training: one panel, one claim. */
#include <math.h>

#include "chapter.h"
#include "dms_panels.h"
#include "ladder.h"

enum { OLD_CUES, NEW_CUES }; /* stages */

static const esp_panel panels[] = {
    {"S2A", ESP_OF_POPULATION, "Pruned before training", "Loss at the start of each training call, old cues and then new ones.",
     "call", "loss",
     "line", {{"arms", .text = "pruned_first, dense"}, {"arm_names", .text = "pruned before training, dense"}, ESP_DRAWN_BAND,
      ESP_DRAWN_MARKER(2, 1), ESP_DRAWN_LOG_WHERE_WIDE, {"mark_names", .text = "new cues"}}},
    {0},
};

static esp_scale calls(const esp_source *s)
{
  return (esp_scale){.n = 2 * s->config->scratch.calls};
}

static esp_place at_call(const esp_source *s, int arm, int point)
{
  const int n = s->config->scratch.calls;
  return point < n ? esp_one_number(arm, OLD_CUES, point) : esp_one_number(arm, NEW_CUES, point - n);
}

static const esp_points by_call = {.x_unit = "1",
                                   .x_what = "training call, on the old cues and then on the new ones",
                                   .scale = calls,
                                   .place = at_call};

static const esp_series series[] = {
    {"S2A", &by_call, "loss_curve", .what = "loss at the start of the call"},
    {0},
};

static esp_err mark_new_cues(const esp_source *s, const esp_example *example, esp_book *book)
{
  (void)example;
  const double first = s->config->scratch.calls + 1;
  esp_book_open(book, "S2A");
  esp_book_put(book, "marks", "1", "first call on the new cues", &first, ESP_SHAPE(1));
  return ESP_OK;
}

/* ---- claims ---- */

/* Mean loss after training calls first .. last (from 1) on the old cues. */
static double mean_loss(const esp_source *s, int first, int last, int member, int arm)
{
  double sum = 0;
  if (first > last || last > s->config->scratch.calls)
    return NAN;
  for (int call = first; call <= last; call++)
    sum += esp_source_value(s, "loss_curve_end", member, arm, OLD_CUES, call - 1);
  return sum / (last - first + 1);
}

static double loss_early(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part;
  return mean_loss(s, 1, 5, member, arm);
}

static double gap_late(const esp_source *s, const esp_statement *part, int member, int arm)
{
  (void)part, (void)arm;
  const int last = s->config->scratch.calls;
  return log(mean_loss(s, 21, last, member, ESP_SPARSE) / mean_loss(s, 21, last, member, ESP_DENSE));
}

static const esp_claim claims[] = {
    {15, &esp_averbeck_2022, "S2A", "pruned before any training a network learns more slowly, and is level after some 20 calls",
     .part = {{"mean loss after calls 1-5", ESP_HIGHER, .quantity = loss_early},
              {"log of mean loss after calls from 21 over the dense network's", ESP_WITHIN, .quantity = gap_late, .limit = 0.2}}},
    {0},
};

const esp_chapter esp_scratch_chapter = {.panels = panels,
                                         .series = series,
                                         .claims = claims,
                                         .columns = esp_dms_columns,
                                         .members = "networks",
                                         .in_the_mean = "networks in the mean",
                                         .has_fractions = true,
                                         .fill = mark_new_cues};
