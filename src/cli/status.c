/* cli/status.c - how far is it? Reads only; a run that writes to the file at the same time is not disturbed. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "espalier/log.h"

typedef struct {
  long n_cells, n_done, n_failed;
  double seconds;           /* of computing in all done cells            */
  double cost_done, cost;   /* expected work that is done, and in all    */
  long n_evaluations;
} overview;

static overview look_over(const esp_cli_file *file)
{
  overview o = {0};
  for (long slot = 0; slot < esp_plan_n_slots(&file->plan); slot++) {
    const esp_cell cell = esp_slot_cell(&file->plan, slot);
    if (!esp_cell_exists(&file->plan, cell))
      continue;
    const esp_commit *commit = &file->commits[slot];
    const double cost = file->plan.stages[cell.stage].expected_cost[cell.arm];
    o.n_cells++;
    o.cost += cost;
    if (commit->outcome.state == ESP_CELL_EMPTY)
      continue;
    o.n_done += commit->outcome.state == ESP_CELL_DONE;
    o.n_failed += commit->outcome.state == ESP_CELL_FAILED;
    o.cost_done += cost;
    o.seconds += commit->seconds;
    o.n_evaluations += commit->outcome.n_evaluations;
  }
  return o;
}

/* Seconds of one core that the missing work is expected to take, from what the finished work took. */
static double core_seconds_left(const overview *o)
{
  return o->cost_done > 0 ? o->seconds * (o->cost - o->cost_done) / o->cost_done : NAN;
}

static void print_failures(const esp_cli_file *file)
{
  for (long slot = 0; slot < esp_plan_n_slots(&file->plan); slot++) {
    const esp_cell cell = esp_slot_cell(&file->plan, slot);
    if (file->commits[slot].outcome.state == ESP_CELL_FAILED)
      printf("failed: %s: %s\n", esp_cell_words(&file->plan, cell), esp_stop_reason_name(file->commits[slot].outcome.stop));
  }
}

static esp_err print_text(const esp_cli_file *file, const esp_run *run)
{
  char spent[64], left[64];
  const overview o = look_over(file);
  const long there = o.n_done + o.n_failed;
  printf("%s: %s, %ld of %ld cells (%.1f %%), %ld failed", file->path, file->plan.experiment, there, o.n_cells,
         100.0 * (double)there / (double)o.n_cells, o.n_failed);
  if (file->n_damaged)
    printf(", %ld commit entries damaged", file->n_damaged);
  printf("\ncomputed for %s of one core", esp_duration(o.seconds, spent, sizeof spent));
  if (o.seconds > 0)
    printf(" (%.0f %s/s)", (double)o.n_evaluations / o.seconds, file->plan.work);
  if (esp_cli_peak_mib(file) > 0)
    printf(" with up to %d MiB of memory", esp_cli_peak_mib(file));
  if (there < o.n_cells && isfinite(core_seconds_left(&o))) {
    const int workers = run->n_ranks > 1 ? run->n_ranks - 1 : 1;
    printf("; about %s left with %d worker%s", esp_duration(core_seconds_left(&o) / workers, left, sizeof left), workers,
           workers > 1 ? "s" : "");
  }
  if (run->n_runs > 0)
    printf("\nlast of %d run%s: started %s on %s with %d rank%s", run->n_runs, run->n_runs > 1 ? "s" : "", run->started,
           run->host, run->n_ranks, run->n_ranks > 1 ? "s" : "");
  const int width = esp_cli_stage_width(&file->plan);
  printf("\n\ncells done of planned\n%-*s", width, "stage");
  for (int arm = 0; arm < file->plan.n_arms; arm++)
    printf(" %14s", file->plan.arm_name[arm]);
  printf("\n");
  for (int stage = 0; stage < file->plan.n_stages; stage++) {
    printf("%-*s", width, file->plan.stages[stage].name);
    for (int arm = 0; arm < file->plan.n_arms; arm++) {
      const esp_stage_count count = esp_cli_count(file, arm, stage);
      printf(" %7ld/%-6ld", count.n_done + count.n_failed, count.n_planned);
    }
    printf("\n");
  }
  printf("\n");
  ESP_TRY(esp_cli_print_table(file));
  print_failures(file);
  return ESP_OK;
}

static json_t *stage_json(const esp_cli_file *file, int arm, int stage)
{
  const esp_stage_count count = esp_cli_count(file, arm, stage);
  return json_pack("{s:s, s:s, s:f, s:I, s:I, s:I, s:I}", "stage", file->plan.stages[stage].name, "arm",
                   file->plan.arm_name[arm], file->plan.stage_value.name, file->plan.stages[stage].value, "planned",
                   (json_int_t)count.n_planned, "done", (json_int_t)count.n_done, "failed", (json_int_t)count.n_failed,
                   "converged", (json_int_t)count.n_converged);
}

static json_t *failures_json(const esp_cli_file *file)
{
  json_t *list = json_array();
  for (long slot = 0; slot < esp_plan_n_slots(&file->plan); slot++) {
    const esp_cell cell = esp_slot_cell(&file->plan, slot);
    if (file->commits[slot].outcome.state == ESP_CELL_FAILED)
      json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:s}", "member", cell.member, "arm",
                                            file->plan.arm_name[cell.arm], "stage", file->plan.stages[cell.stage].name, "reason",
                                            esp_stop_reason_name(file->commits[slot].outcome.stop)));
  }
  return list;
}

static esp_err print_json(const esp_cli_file *file, const esp_run *run)
{
  const overview o = look_over(file);
  const double left = core_seconds_left(&o);
  const int peak = esp_cli_peak_mib(file);
  json_t *stages = json_array();
  for (int stage = 0; stage < file->plan.n_stages; stage++)
    for (int arm = 0; arm < file->plan.n_arms; arm++)
      json_array_append_new(stages, stage_json(file, arm, stage));
  json_t *root = json_pack(
      "{s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:b, s:f, s:I, s:o, s:o, s:i, s:o, s:o}", "file", file->path, "experiment",
      file->plan.experiment, "members", file->plan.n_members, "cells", (json_int_t)o.n_cells, "done", (json_int_t)o.n_done,
      "failed", (json_int_t)o.n_failed, "damaged", (json_int_t)file->n_damaged, "complete",
      (int)(o.n_done + o.n_failed == o.n_cells), "core_seconds", o.seconds, "n_evaluations", (json_int_t)o.n_evaluations,
      "core_seconds_left", isfinite(left) ? json_real(left) : json_null(), "peak_mib",
      peak > 0 ? json_integer(peak) : json_null(),
      "ranks_of_last_run", run->n_ranks, "stages", stages, "failed_cells", failures_json(file));
  ESP_REQUIRE(root, ESP_ERR_NOMEM, "no memory for the JSON text");
  json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
  printf("\n");
  json_decref(root);
  return ESP_OK;
}

int esp_cli_status(int argc, char **argv)
{
  bool json = false;
  const esp_option options[] = {{0, "json", NULL, "the same for programs, as JSON", esp_cli_read_flag, &json, NULL}};
  const esp_command command = {
      "status",
      "Usage: espalier status [--json] FILE\n\n"
      "Say how far a results file is: cells done per stage and arm, rate, time left, the most memory that a rank had when it\n"
      "wrote a cell (peak_mib, for Slurm's --mem-per-cpu), failed cells with their reasons. Works at any moment, also while\n"
      "the file is being written. Quick: it reads the commit entries and takes the numbers as they are; 'espalier verify'\n"
      "checks these too.\n",
      "Examples:\n"
      "  espalier status dms_quick.h5\n"
      "  espalier status --json dms_quick.h5 | python3 -m json.tool\n",
      sizeof options / sizeof *options, options};
  const int status = esp_cli_options(&command, argc, argv);
  if (status >= 0)
    return status;
  if (argc - optind != 1)
    return esp_cli_usage_error("status", "one results file is needed, %d given", argc - optind);
  esp_cli_file file;
  esp_run run = {0};
  esp_err err = esp_cli_open(argv[optind], &file);
  if (err == ESP_OK)
    err = esp_results_last_run(file.results, &run);
  if (err == ESP_OK)
    err = json ? print_json(&file, &run) : print_text(&file, &run);
  esp_cli_close(&file);
  return esp_cli_end(err);
}
