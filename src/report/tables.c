/* report/tables.c - comma-separated tables: the population panels as they are in the book, and one row for each cell. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compose.h"
#include "files.h"

/* As few digits as read back to the same bits; missing numbers are empty. */
static void print_cell(FILE *out, double value)
{
  char text[32] = "";
  for (int digits = 15; digits <= 17 && !isnan(value) && (digits == 15 || strtod(text, NULL) != value); digits++)
    snprintf(text, sizeof text, "%.*g", digits, value);
  fputs(text, out);
}

/* ---- a panel ---- */

/* The arrays of a panel that have a number for every row: all but the bins of the first axis where there are two. */
static bool is_column(const esp_array *array, const char *panel, long n_rows)
{
  const size_t length = strlen(panel);
  return strncmp(array->name, panel, length) == 0 && array->name[length] == '/' && array->unit && array->n_axes > 0 &&
         esp_array_size(array) == n_rows;
}

enum { HEADER = -1 }; /* in place of a row */

static void print_entry(FILE *out, const esp_array *array, const char *panel, long i)
{
  if (i == HEADER)
    fprintf(out, "%s [%s]", array->name + strlen(panel) + 1, array->unit);
  else
    print_cell(out, esp_array_value(array, i));
}

/* rung: NULL where there is only one axis. */
static void print_row(FILE *out, const esp_book *book, const char *panel, long n_rows, const esp_array *rung, const esp_array *x,
                      long row)
{
  if (rung) {
    print_entry(out, rung, panel, row == HEADER ? HEADER : row / esp_array_size(x));
    fputs(",", out);
    print_entry(out, x, panel, row == HEADER ? HEADER : row % esp_array_size(x));
  }
  for (int i = 0, n = 0; i < book->n; i++)
    if (is_column(&book->array[i], panel, n_rows)) {
      fputs(rung || n++ ? "," : "", out);
      print_entry(out, &book->array[i], panel, row);
    }
  fputs("\n", out);
}

static const esp_array *find_in(const esp_book *book, const char *panel, const char *array)
{
  char name[32];
  snprintf(name, sizeof name, "%s/%s", panel, array);
  return esp_book_find(book, name);
}

static esp_err write_panel(const esp_book *book, const char *panel, const char *directory)
{
  const esp_array *x = find_in(book, panel, "x"), *rung = find_in(book, panel, "rung");
  const long n_rows = esp_array_size(x) * (rung ? esp_array_size(rung) : 1);
  char name[32];
  esp_draft draft;
  ESP_TRY(esp_draft_begin(&draft));
  for (long row = HEADER; row < n_rows; row++)
    print_row(draft.out, book, panel, n_rows, rung, x, row);
  snprintf(name, sizeof name, "%s.csv", panel);
  return esp_draft_save(&draft, directory, name);
}

/* A table of an earlier report from other files must not lie beside these. */
static esp_err remove_panel(const char *panel, const char *directory)
{
  char *path;
  ESP_TRY(esp_path_join(directory, panel, ".csv", &path));
  unlink(path);
  free(path);
  return ESP_OK;
}

/* ---- all cells ---- */

/* Columns of all chapters in the order of the files, each once. */
typedef struct {
  int n;
  const char *name[64], *unit[64];
} column_list;

static const esp_column *column_of(const esp_source *s, const char *name)
{
  for (const esp_column *column = s->chapter->columns; column->name; column++)
    if (strcmp(column->name, name) == 0)
      return column;
  return NULL;
}

/* Reads the fields too: afterwards nothing can fail. */
static esp_err list_columns(const esp_report *report, column_list *list)
{
  list->n = 0;
  for (int i = 0; i < report->n_sources; i++) {
    const esp_source *s = &report->source[i];
    for (const esp_column *column = s->chapter->columns; column->name; column++) {
      int k = 0;
      while (k < list->n && strcmp(list->name[k], column->name) != 0)
        k++;
      assert(k < (int)(sizeof list->name / sizeof *list->name));
      if (k == list->n) {
        list->name[k] = column->name;
        list->unit[k] = esp_source_unit(s, column->field);
        list->n++;
      }
      esp_source_numbers(s, column->field, (esp_cell){0, 0, 0});
    }
    ESP_TRY(esp_source_error(s));
  }
  return ESP_OK;
}

static void print_network(FILE *out, const column_list *columns, const esp_source *s, esp_cell cell)
{
  static const char *const states[] = {[ESP_CELL_EMPTY] = "empty", [ESP_CELL_DONE] = "done", [ESP_CELL_FAILED] = "failed"};
  const esp_outcome outcome = esp_source_outcome(s, cell.member, cell.arm, cell.stage);
  fprintf(out, "%s,%d,%s,%s,", s->plan->experiment, cell.member, s->plan->arm_name[cell.arm], s->plan->stages[cell.stage].name);
  print_cell(out, s->chapter->has_fractions ? s->plan->stages[cell.stage].value : NAN);
  fprintf(out, ",%s,%s,%lld", states[outcome.state], esp_stop_reason_name(outcome.stop), (long long)outcome.n_evaluations);
  for (int k = 0; k < columns->n; k++) {
    const esp_column *c = column_of(s, columns->name[k]);
    fputs(",", out);
    print_cell(out, c ? esp_source_value(s, c->field, cell.member, cell.arm, cell.stage, c->element) : NAN);
  }
  fputs("\n", out);
}

static esp_err write_members(const esp_report *report, const char *directory)
{
  esp_draft draft;
  column_list columns;
  ESP_TRY(list_columns(report, &columns));
  ESP_TRY(esp_draft_begin(&draft));
  fprintf(draft.out, "experiment,member,arm,stage,prune_fraction [1],state,stop,n_evaluations [1]");
  for (int k = 0; k < columns.n; k++)
    fprintf(draft.out, ",%s [%s]", columns.name[k], columns.unit[k]);
  fputs("\n", draft.out);
  for (int i = 0; i < report->n_sources; i++) {
    const esp_source *s = &report->source[i];
    for (long slot = 0; slot < esp_plan_n_slots(s->plan); slot++)
      if (esp_cell_exists(s->plan, esp_slot_cell(s->plan, slot)))
        print_network(draft.out, &columns, s, esp_slot_cell(s->plan, slot));
  }
  return esp_draft_save(&draft, directory, "members.csv");
}

esp_err esp_tables_write(const esp_report *report, const char *directory)
{
  char *tables;
  ESP_TRY(esp_path_join(directory, "tables", "", &tables));
  esp_err err = esp_directory_make(tables);
  for (int e = 0; e < ESP_N_EXPERIMENTS; e++) {
    const esp_chapter *chapter = esp_chapter_of((esp_experiment_id)e);
    for (const esp_panel *panel = chapter ? chapter->panels : NULL; panel && panel->name && err == ESP_OK; panel++)
      if (panel->subject == ESP_OF_POPULATION || esp_series_in(chapter, panel->name))
        err = find_in(&report->book, panel->name, "x") ? write_panel(&report->book, panel->name, tables)
                                                       : remove_panel(panel->name, tables);
  }
  if (err == ESP_OK)
    err = write_members(report, tables);
  free(tables);
  return err;
}
