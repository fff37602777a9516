/* report/panels.c - the order in which panels are filled, which tables follow: first those of the chapter's table, each with its texts
 * and its means over members, then what the chapter fills itself. */
#include "panels.h"

#include <stdlib.h>
#include <string.h>

#include "chapter.h"
#include "files.h"

const esp_panel *esp_panel_of(const esp_chapter *chapter, const char *name)
{
  for (const esp_panel *panel = chapter->panels; panel->name; panel++)
    if (strcmp(panel->name, name) == 0)
      return panel;
  return NULL;
}

const esp_scatter *esp_scatter_of(const esp_chapter *chapter, const char *panel)
{
  for (const esp_scatter *scatter = chapter->scatters; scatter && scatter->panel; scatter++)
    if (strcmp(scatter->panel, panel) == 0)
      return scatter;
  return NULL;
}

const esp_series *esp_series_behind(const esp_source *s, const char *panel, int *level)
{
  const esp_scatter *scatter = esp_scatter_of(s->chapter, panel);
  const esp_series *series = esp_series_of(s, scatter ? scatter->exponent : panel);
  *level = scatter ? scatter->level : series ? series->level : 0;
  return series;
}

/* ---- texts ---- */

void esp_tell_networks(const esp_source *s, const esp_panel *panel, FILE *out)
{
  int level;
  esp_sides sides;
  const esp_series *series = esp_series_behind(s, panel->name, &level);
  if (panel->subject == ESP_OF_POPULATION)
    fputs(" Mean and SEM over networks.", out);
  if (!series || !esp_sides_of(s, level, &sides))
    return;
  fputs(" Networks: ", out);
  esp_series_tell_missing(series, s, &sides, ESP_AT_ANY_POINT, out);
  fputs(".", out);
}

static void tell(const esp_source *s, const esp_panel *panel, const esp_example *example, FILE *out)
{
  if (panel->subject == ESP_OF_EXAMPLE)
    esp_tell_example(s, example, out);
  esp_tell_networks(s, panel, out);
}

static esp_err add_caption(const esp_source *s, const esp_panel *panel, const esp_example *example, esp_book *book)
{
  esp_draft draft;
  ESP_TRY(esp_draft_begin(&draft));
  fputs(panel->shows, draft.out);
  (s->chapter->caption ? s->chapter->caption : tell)(s, panel, example, draft.out);
  const esp_err ended = esp_draft_end(&draft);
  if (ended == ESP_OK)
    esp_book_text(book, "caption", "what is shown, of which networks, and who is missing", draft.text);
  free(draft.text);
  return ended;
}

static esp_err add_texts(const esp_source *s, const esp_panel *panel, const esp_example *example, esp_book *book)
{
  esp_book_open(book, "%s", panel->name);
  esp_book_text(book, "title", "what the panel shows, in a few words", panel->title);
  if (panel->x_label) {
    esp_book_text(book, "x_label", "label of the x axis", panel->x_label);
    esp_book_text(book, "y_label", "label of the y axis", panel->y_label);
  }
  return add_caption(s, panel, example, book);
}

/* ---- how it is drawn ---- */

/* "5A" is panel A of figure 5, "S1" the only one of figure S1. */
static void add_place(const char *name, esp_book *book)
{
  const size_t last = strlen(name) - 1;
  const bool has_letter = name[last] >= 'A' && name[last] <= 'Z';
  char figure[8];
  snprintf(figure, sizeof figure, "%.*s", (int)(has_letter ? last : last + 1), name);
  esp_book_attribute(book, "figure", figure);
  esp_book_attribute(book, "place", has_letter ? name + last : "1");
}

static void add_drawing(const esp_panel *panel, esp_book *book)
{
  add_place(panel->name, book);
  esp_book_attribute(book, "kind", panel->kind);
  for (const esp_attribute *drawn = panel->drawn; drawn->name; drawn++)
    if (drawn->text)
      esp_book_attribute(book, drawn->name, drawn->text);
    else
      esp_book_limits(book, drawn->name, drawn->n, drawn->number);
}

/* ---- all ---- */

static bool is_there(const esp_source *s, const esp_panel *panel, const esp_example *example)
{
  const esp_series *series = esp_series_of(s, panel->name);
  if (s->chapter->has)
    return s->chapter->has(s, panel, example);
  return panel->subject == ESP_OF_EXAMPLE ? example->member >= 0 : !series || esp_series_n_points(series, s) > 0;
}

static esp_err fill_numbers(const esp_source *s, const esp_panel *panel, esp_book *book)
{
  const esp_scatter *scatter = esp_scatter_of(s->chapter, panel->name);
  for (const esp_series *series = s->chapter->series; series->panel; series++)
    if (strcmp(series->panel, panel->name) == 0)
      ESP_TRY(esp_series_fill(series, s, book));
  return scatter ? esp_scatter_fill(scatter, s, book) : ESP_OK;
}

esp_err esp_panels_fill(const esp_source *s, const esp_example *example, esp_book *book)
{
  const esp_chapter *chapter = s->chapter;
  for (const esp_panel *panel = chapter->panels; panel->name; panel++)
    if (is_there(s, panel, example)) {
      ESP_TRY(add_texts(s, panel, example, book));
      add_drawing(panel, book);
      ESP_TRY(fill_numbers(s, panel, book));
    }
  if (chapter->candidates)
    esp_example_describe(s, example, book);
  ESP_TRY(esp_source_error(s));
  ESP_TRY(esp_book_error(book));
  const esp_err err = chapter->fill ? chapter->fill(s, example, book) : ESP_OK;
  ESP_REQUIRE(err != ESP_ERR_DIVERGED, ESP_ERR_DATA, "%s: the networks of member %d diverge; take another with --example", s->in.path,
              example->member);
  return err == ESP_OK ? esp_book_error(book) : err;
}
