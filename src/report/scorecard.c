/* report/scorecard.c - the verdicts for people (Markdown) and for programs (JSON). */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "compose.h"
#include "espalier/experiment.h"
#include "files.h"

/* ---- Markdown ---- */

static void print_number(FILE *out, const char *format, double value)
{
  if (isnan(value))
    fputs("-", out);
  else
    fprintf(out, format, value);
}

static void print_effect(FILE *out, const esp_finding *f)
{
  if (isnan(f->effect)) {
    fputs("-", out);
    return;
  }
  fprintf(out, "%s %.3g", f->effect_name, f->effect);
  if (!isnan(f->low))
    fprintf(out, " [%.3g, %.3g]", f->low, f->high);
}

static void print_claim(FILE *out, const esp_judgement *j)
{
  fprintf(out, "## %d. %s\n\nPanel %s: **%s**", j->number, j->claim, j->panel, esp_verdict_name(j->verdict));
  fprintf(out, j->note[0] ? " (%s)\n\n" : "%s\n\n", j->note);
  if (j->n_findings == 0) {
    fprintf(out, "There is no results file of experiment %s.\n\n", esp_experiment_name(j->experiment));
    return;
  }
  fprintf(out, "| statement | verdict | numbers | n | effect, 95 %% | p | n needed |\n|---|---|---|---:|---|---:|---:|\n");
  for (int i = 0; i < j->n_findings; i++) {
    const esp_finding *f = &j->finding[i];
    fprintf(out, "| %s%s | %s | %s | %ld | ", f->words, f->aside ? " (aside)" : "", esp_verdict_name(f->verdict),
            f->numbers[0] ? f->numbers : "-", f->n);
    print_effect(out, f);
    fputs(" | ", out);
    print_number(out, "%.2g", f->p);
    fputs(" | ", out);
    print_number(out, "%.0f", f->n_needed);
    fputs(" |\n", out);
  }
  fputs("\n", out);
}

static void print_sources(FILE *out, const esp_report *report)
{
  for (int i = 0; i < report->n_sources; i++) {
    const esp_source *s = &report->source[i];
    const long n_cells = esp_plan_n_cells(s->plan);
    const long n_there = n_cells - esp_commits_count(s->plan, s->in.commits, 0, s->plan->n_members - 1, ESP_CELL_EMPTY);
    fprintf(out, "- `%s`: experiment %s, %d members, %ld of %ld cells%s\n", esp_base_name(s->in.path), s->plan->experiment,
            s->plan->n_members, n_there, n_cells, n_there < n_cells ? " (unfinished)" : "");
  }
}

static esp_err write_markdown(const esp_report *report, const char *directory)
{
  esp_draft draft;
  ESP_TRY(esp_draft_begin(&draft));
  const esp_judgement *j = report->judgement;
  int of_first_paper = 1;
  while (of_first_paper < report->n_claims && j[of_first_paper].paper == j[0].paper)
    of_first_paper++;
  fprintf(draft.out, "# Scorecard\n\nWhat the papers claim (1-%d %s, the others %s), judged by rules that were fixed\nbeforehand "
                     "(docs/SCIENCE.md, \"Verdicts\").\n\n", of_first_paper, j[0].paper->name, j[report->n_claims - 1].paper->name);
  print_sources(draft.out, report);
  fprintf(draft.out, "\n| | panel | claim, in brief | verdict |\n|---:|---|---|---|\n");
  for (int i = 0; i < report->n_claims; i++)
    fprintf(draft.out, "| %d | %s | %s | %s |\n", j[i].number, j[i].panel, j[i].claim, esp_verdict_name(j[i].verdict));
  fprintf(draft.out, "\nA claim is as good as its worst statement. \"aside\": reported, but not counted. \"n needed\": members for\n"
                     "power 0.9 at alpha 0.01 if the effect is as large as seen here.\n\n");
  for (int i = 0; i < report->n_claims; i++)
    print_claim(draft.out, &report->judgement[i]);
  return esp_draft_save(&draft, directory, "scorecard.md");
}

/* ---- JSON ---- */

static json_t *number_json(double value)
{
  return isfinite(value) ? json_real(value) : json_null();
}

/* What a claim and each of its findings have in common. */
static void add_numbers(json_t *to, const esp_finding *f, const char *statistic)
{
  json_t *numbers = json_pack("{s:s, s:I, s:s, s:o, s:o, s:o, s:o, s:o}", "statistic", statistic, "n", (json_int_t)f->n, "effect_name",
                   f->effect_name, "effect", number_json(f->effect), "effect_low", number_json(f->low), "effect_high",
                   number_json(f->high), "p", number_json(f->p), "n_needed", number_json(f->n_needed));
  json_object_update(to, numbers);
  json_decref(numbers);
}

static json_t *finding_json(const esp_finding *f)
{
  json_t *finding = json_pack("{s:s, s:s, s:b}", "statement", f->words, "verdict", esp_verdict_name(f->verdict), "aside", (int)f->aside);
  add_numbers(finding, f, f->numbers);
  return finding;
}

static json_t *claim_json(const esp_judgement *j)
{
  static const esp_finding none = {.words = "", .effect_name = "", .effect = NAN, .low = NAN, .high = NAN, .p = NAN, .n_needed = NAN};
  const esp_finding *f = j->n_findings ? &j->finding[j->deciding] : &none;
  char statistic[400] = "";
  json_t *findings = json_array(), *claim = json_pack("{s:i, s:s, s:s, s:s}", "claim", j->number, "panel", j->panel, "text", j->claim,
                                                      "verdict", esp_verdict_name(j->verdict));
  for (int i = 0; i < j->n_findings; i++)
    json_array_append_new(findings, finding_json(&j->finding[i]));
  if (f->numbers[0])
    snprintf(statistic, sizeof statistic, "%s: %s", f->words, f->numbers);
  add_numbers(claim, f, statistic);
  json_object_set_new(claim, "note", json_string(j->note));
  json_object_set_new(claim, "findings", findings);
  return claim;
}

static esp_err write_json(const esp_report *report, const char *directory)
{
  json_t *claims = json_array(), *sources = json_array();
  for (int i = 0; i < report->n_claims; i++)
    json_array_append_new(claims, claim_json(&report->judgement[i]));
  for (int i = 0; i < report->n_sources; i++)
    json_array_append_new(sources, json_pack("{s:s, s:s, s:i}", "file", esp_base_name(report->source[i].in.path), "experiment",
                                             report->source[i].plan->experiment, "members", report->source[i].plan->n_members));
  json_t *root = json_pack("{s:s, s:o, s:o}", "program", esp_program_version(), "sources", sources, "claims", claims);
  char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) : NULL;
  json_decref(root);
  ESP_REQUIRE(text, ESP_ERR_NOMEM, "no memory for scorecard.json");
  esp_draft draft;
  esp_err err = esp_draft_begin(&draft);
  if (err == ESP_OK) {
    fprintf(draft.out, "%s\n", text);
    err = esp_draft_save(&draft, directory, "scorecard.json");
  }
  free(text);
  return err;
}

esp_err esp_scorecard_write(const esp_report *report, const char *directory)
{
  ESP_TRY(write_markdown(report, directory));
  return write_json(report, directory);
}

/* ---- on the terminal ---- */

void esp_report_print(const esp_report *report, FILE *out)
{
  fprintf(out, "%2s  %-7s %-16s %s\n", "", "panel", "verdict", "claim, in brief");
  for (int i = 0; i < report->n_claims; i++) {
    const esp_judgement *j = &report->judgement[i];
    fprintf(out, "%2d  %-7s %-16s %s\n", j->number, j->panel, esp_verdict_name(j->verdict), j->claim);
  }
}
