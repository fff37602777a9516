/* report/report.c - from open files to a report, and from a report to a directory. */
#include "espalier/report.h"

#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

const esp_source *esp_report_source(const esp_report *report, esp_experiment_id experiment)
{
  for (int i = 0; i < report->n_sources; i++)
    if (report->source[i].config->experiment == experiment)
      return &report->source[i];
  return NULL;
}

static esp_err load(int n_inputs, const esp_report_input *inputs, esp_report *report)
{
  ESP_REQUIRE(n_inputs == 1 || n_inputs == 2, ESP_ERR_USAGE, "a report is made of one or two results files, not of %d", n_inputs);
  ESP_REQUIRE(n_inputs == 1 || inputs[0].config->values.experiment != inputs[1].config->values.experiment, ESP_ERR_USAGE,
              "%s and %s are both of experiment %s; a report takes one of each experiment", inputs[0].path,
              inputs[n_inputs - 1].path, inputs[0].plan->experiment);
  const int first = n_inputs == 2 && inputs[1].config->values.experiment == ESP_EXPERIMENT_DMS; /* the main one */
  for (int i = 0; i < n_inputs; i++) {
    report->n_sources++;
    ESP_TRY(esp_source_load(&inputs[i ? 1 - first : first], &report->source[i]));
  }
  return ESP_OK;
}

/* What the root says of the files: the main one's by the plain names. */
static esp_err fill_root(esp_report *report)
{
  const esp_report_input *in = &report->source[0].in;
  ESP_TRY(esp_book_text(&report->book, NULL, "experiment", "experiment of the results file", in->plan->experiment));
  ESP_TRY(esp_book_text(&report->book, NULL, "source", "name of the results file", esp_base_name(in->path)));
  ESP_TRY(esp_book_text(&report->book, NULL, "config", "its config, every key", in->config->resolved));
  if (report->n_sources == 1)
    return ESP_OK;
  in = &report->source[1].in;
  ESP_TRY(esp_book_text(&report->book, NULL, "source_scratch", "name of the results file behind S2A", esp_base_name(in->path)));
  return esp_book_text(&report->book, NULL, "config_scratch", "its config, every key", in->config->resolved);
}

static esp_err make(int n_inputs, const esp_report_input *inputs, int example, esp_report *report)
{
  ESP_TRY(load(n_inputs, inputs, report));
  const esp_source *dms = esp_report_source(report, ESP_EXPERIMENT_DMS);
  const esp_source *scratch = esp_report_source(report, ESP_EXPERIMENT_SCRATCH);
  report->example.member = -1;
  if (dms)
    ESP_TRY(esp_example_choose(dms, example, &report->example));
  ESP_TRY(fill_root(report));
  for (int i = 0; i < report->n_sources; i++)
    ESP_TRY(esp_panels_fill(&report->source[i], &report->example, &report->book));
  return esp_claims_judge(dms, scratch, &report->example, report->judgement);
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
  free(report);
}

static esp_err write_panels(const esp_report *report, const char *directory)
{
  char *path = NULL, *temporary = NULL;
  esp_err err = esp_path_join(directory, "panels.h5", "", &path);
  if (err == ESP_OK)
    err = esp_path_join(directory, "panels.h5", ".tmp", &temporary);
  if (err == ESP_OK) {
    unlink(temporary); /* of a report that was killed */
    err = esp_arrays_write(temporary, report->book.n, report->book.array);
  }
  if (err == ESP_OK)
    err = esp_file_rename(temporary, path);
  free(temporary);
  free(path);
  return err;
}

esp_err esp_report_write(const esp_report *report, const char *directory)
{
  ESP_TRY(esp_directory_make(directory));
  ESP_TRY(write_panels(report, directory));
  ESP_TRY(esp_scorecard_write(report, directory));
  return esp_tables_write(report, directory);
}
