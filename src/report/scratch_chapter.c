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

/* Mean loss after calls .from to .to (from 1; infinite: the last) on the old cues. */
static double mean_loss(const esp_source *s, const esp_statement *part, int member, int arm)
{
  const int n_calls = s->config->scratch.calls, first = (int)part->from;
  const int last = isinf(part->to) ? n_calls : (int)part->to;
  if (first > last || last > n_calls)
    return NAN;
  const esp_place calls = {.arm = arm, .stage = OLD_CUES, .first = first - 1, .length = last - first + 1, .n_blocks = 1};
  return esp_mean_at(s, part->field, member, calls);
}

static double mean_loss_over_dense(const esp_source *s, const esp_statement *part, int member, int arm)
{
  return log(mean_loss(s, part, member, arm) / mean_loss(s, part, member, ESP_DENSE));
}

static const esp_claim claims[] = {
    {15, &esp_averbeck_2022, "S2A", "pruned before any training a network learns more slowly, and is level after some 20 calls",
     .part = {{"mean loss after calls 1-5", ESP_HIGHER, mean_loss, "loss_curve_end", .from = 1, .to = 5},
              {"log of mean loss after calls from 21 over the dense network's", ESP_WITHIN, mean_loss_over_dense,
               "loss_curve_end", .from = 21, .to = INFINITY, .limit = 0.2}}},
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
