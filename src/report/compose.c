/* report/compose.c - from open files to a report: sources, examples, then panels and verdicts; and from a report to a directory. */
#include "espalier/report.h"

#include <stdlib.h>

#include "compose.h"
#include "files.h"

static esp_err load(int n_inputs, const esp_report_input *inputs, esp_report *report)
{
  const esp_report_input *of[ESP_N_EXPERIMENTS] = {0};
  ESP_REQUIRE(n_inputs >= 1 && n_inputs <= ESP_N_EXPERIMENTS, ESP_ERR_USAGE,
              "a report is made of one to four results files, not of %d", n_inputs);
  for (int i = 0; i < n_inputs; i++) {
    const esp_report_input **one = &of[inputs[i].config->values.experiment];
    ESP_REQUIRE(!*one, ESP_ERR_USAGE, "%s and %s are both of experiment %s; a report takes one of each experiment", (*one)->path,
                inputs[i].path, inputs[i].plan->experiment);
    *one = &inputs[i];
  }
  for (int e = 0; e < ESP_N_EXPERIMENTS; e++)
    if (of[e]) {
      esp_source *source = &report->source[report->n_sources++];
      report->of[e] = source;
      ESP_TRY(esp_source_open(of[e], source));
    }
  return ESP_OK;
}

/* What the root says of the files: the main one's by the plain names, the others' with the experiment behind. */
static void fill_root(esp_report *report)
{
  esp_book *book = &report->book;
  esp_book_open(book, "%s", "");
  esp_book_text(book, "experiment", "experiment of the results file", report->source[0].in.plan->experiment);
  for (int i = 0; i < report->n_sources; i++) {
    const esp_report_input *in = &report->source[i].in;
    char source[40], config[40];
    snprintf(source, sizeof source, "source%s%s", i ? "_" : "", i ? in->plan->experiment : "");
    snprintf(config, sizeof config, "config%s%s", i ? "_" : "", i ? in->plan->experiment : "");
    esp_book_text(book, source, "name of the results file", esp_base_name(in->path));
    esp_book_text(book, config, "its config, every key", in->config->resolved);
  }
}

/* The one asked for is a member of the first file that has examples. */
static esp_err choose_examples(esp_report *report, int wanted)
{
  for (int e = 0; e < ESP_N_EXPERIMENTS; e++) {
    const esp_source *s = report->of[e];
    report->example[e].member = -1;
    if (!s || !s->chapter->candidates)
      continue;
    ESP_TRY(esp_example_choose(s, wanted, &report->example[e]));
    ESP_TRY(esp_source_error(s));
    wanted = ESP_REPORT_EXAMPLE_BY_RULE;
  }
  return ESP_OK;
}

static esp_err make(int n_inputs, const esp_report_input *inputs, int example, esp_report *report)
{
  report->n_claims = esp_n_claims();
  report->judgement = calloc((size_t)report->n_claims, sizeof *report->judgement);
  ESP_REQUIRE(report->judgement, ESP_ERR_NOMEM, "no memory for the claims");
  ESP_TRY(load(n_inputs, inputs, report));
  ESP_TRY(choose_examples(report, example));
  fill_root(report);
  for (int i = 0; i < report->n_sources; i++)
    ESP_TRY(esp_panels_fill(&report->source[i], &report->example[report->source[i].config->experiment], &report->book));
  ESP_TRY(esp_claims_judge(report->of, report->example, report->judgement));
  for (int i = 0; i < report->n_sources; i++)
    ESP_TRY(esp_source_error(&report->source[i]));
  return ESP_OK;
}

esp_err esp_report_make(int n_inputs, const esp_report_input *inputs, int example, esp_report **report)
{
  *report = calloc(1, sizeof **report);
  ESP_REQUIRE(*report, ESP_ERR_NOMEM, "no memory for a report");
  const esp_err err = make(n_inputs, inputs, example, *report);
  if (err != ESP_OK) {
    esp_report_free(*report);
    *report = NULL;
  }
  return err;
}

void esp_report_free(esp_report *report)
{
  if (!report)
    return;
  for (int i = 0; i < report->n_sources; i++)
    esp_source_free(&report->source[i]);
  esp_book_free(&report->book);
  free(report->judgement);
  free(report);
}

static esp_err write_panels(const esp_report *report, const char *directory)
{
  esp_replacement r;
  esp_err err = esp_replacement_begin(directory, "panels.h5", &r);
  if (err == ESP_OK)
    err = esp_arrays_write(r.temporary, report->book.n, report->book.array);
  return esp_replacement_end(&r, err);
}

esp_err esp_report_write(const esp_report *report, const char *directory)
{
  ESP_TRY(esp_directory_make(directory));
  ESP_TRY(write_panels(report, directory));
  ESP_TRY(esp_scorecard_write(report, directory));
  return esp_tables_write(report, directory);
}
