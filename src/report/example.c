/* report/example.c - which member it is, and the panels that show what is stored of it. What is computed again from its weights is the
 * chapters' business. */
#include "example.h"

#include <stdlib.h>

#include "chapter.h"
#include "espalier/kernel.h"
#include "ladder.h"

/* ---- which member ---- */

static int by_difference(const void *a, const void *b)
{
  const esp_candidate *x = a, *y = b;
  if (x->difference != y->difference)
    return x->difference < y->difference ? -1 : 1;
  return x->member - y->member;
}

static esp_err check_wanted(const esp_source *s, int wanted, int stage)
{
  esp_sides sides;
  ESP_REQUIRE(wanted < s->plan->n_members, ESP_ERR_USAGE, "%s: there is no member %d; they count from 0 to %d", s->in.path, wanted,
              s->plan->n_members - 1);
  esp_sides_of(s, 0, &sides);
  for (int side = 0; side < sides.n; side++) {
    const int arm = sides.arm[side];
    ESP_REQUIRE(esp_source_outcome(s, wanted, arm, stage).state == ESP_CELL_DONE, ESP_ERR_USAGE,
                "%s: member %d has no %s network at %s (%s); take another with --example", s->in.path, wanted,
                s->plan->arm_name[arm], s->plan->stages[stage].name, esp_source_why_missing(s, wanted, arm, stage));
  }
  return ESP_OK;
}

static esp_err choose_by_rule(const esp_source *s, int stage, esp_example *example)
{
  int n = 0;
  esp_candidate *list = calloc((size_t)s->plan->n_members, sizeof *list);
  ESP_REQUIRE(list, ESP_ERR_NOMEM, "no memory for the choice of an example");
  const esp_err err = s->chapter->candidates(s, stage, list, &n, &example->rule);
  qsort(list, (size_t)n, sizeof *list, by_difference);
  if (n > 0)
    example->member = list[(n - 1) / 2].member;
  else
    example->rule = "no member has both networks at this rung";
  free(list);
  return err;
}

esp_err esp_example_choose(const esp_source *s, int wanted, esp_example *example)
{
  *example = (esp_example){.member = -1};
  if (!s->chapter->candidates)
    return ESP_OK;
  *example = (esp_example){.member = wanted, .rung = esp_rung_070(s), .rule = "asked for with --example"};
  const int stage = esp_rung_stage(example->rung);
  return wanted >= 0 ? check_wanted(s, wanted, stage) : choose_by_rule(s, stage, example);
}

void esp_example_describe(const esp_source *s, const esp_example *example, esp_book *book)
{
  esp_book_open(book, "%s", s->chapter->example_group);
  esp_book_count(book, "member", "member of the example panels, from 0; -1: there is none", example->member);
  esp_book_number(book, "prune_fraction", "1", "rung that it is taken from", esp_fraction(s, example->rung));
  esp_book_text(book, "rule", "why this member", example->rule);
}

void esp_tell_example(const esp_source *s, const esp_example *example, FILE *out)
{
  fprintf(out, " Example: member %d at prune fraction %g.", example->member, esp_fraction(s, example->rung));
}

/* ---- stored numbers ---- */

void esp_book_axis(esp_book *book, const char *panel, const esp_axis *axis)
{
  esp_book_open(book, "%s", panel);
  if (axis->values)
    esp_book_put(book, "x", axis->unit, axis->long_name, axis->values, ESP_SHAPE(axis->length));
  else
    esp_book_put_range(book, "x", axis->unit, axis->long_name, 1, axis->length);
}

static esp_err add_stored(esp_book *book, const esp_stored_panel *what, const esp_source *s, esp_cell cell)
{
  const long n = esp_source_count(s, what->field);
  double *mean = esp_book_numbers(book, "mean", "1", what->long_name, ESP_SHAPE(n));
  ESP_TRY(esp_book_error(book));
  for (long i = 0; i < n; i++)
    mean[i] = what->cumulative ? esp_share_in(s, what->field, cell, 0, i + 1) : esp_share_in(s, what->field, cell, i, 1);
  return ESP_OK;
}

esp_err esp_stored_panels_fill(const esp_source *s, const esp_example *example, const esp_stored_panel *panels, esp_book *book)
{
  esp_sides sides;
  esp_sides_of(s, 0, &sides);
  for (const esp_stored_panel *what = panels; what->panel; what++) {
    esp_book_axis(book, what->panel, esp_source_axis(s, what->axis));
    for (int side = 0; side < sides.n; side++) {
      esp_book_open(book, "%s/%s", what->panel, sides.name[side]);
      ESP_TRY(add_stored(book, what, s, (esp_cell){example->member, sides.arm[side], esp_rung_stage(example->rung)}));
    }
  }
  return ESP_OK;
}

/* ---- to compute again ---- */

esp_err esp_bench_make(const esp_source *s, esp_bench *bench)
{
  *bench = (esp_bench){.record = {&s->plan->record, malloc(s->plan->record.bytes)}};
  ESP_REQUIRE(bench->record.data, ESP_ERR_NOMEM, "no memory for a record of %zu bytes", s->plan->record.bytes);
  esp_one_thread();
  return esp_workspace_create(&bench->ws);
}

void esp_bench_free(esp_bench *bench)
{
  free(bench->record.data);
  esp_workspace_free(&bench->ws);
}
