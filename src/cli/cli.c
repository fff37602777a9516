/* cli/cli.c - opening files, complaining, and the table that run and status print. */
#include "cli.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int esp_cli_end(esp_err err)
{
  if (err != ESP_OK && err != ESP_ERR_STOPPED)
    fprintf(stderr, "espalier: %s\n", esp_err_message(err));
  return esp_err_exit_status(err);
}

bool esp_cli_is_first(void)
{
  static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *rank = getenv(names[i]);
    if (rank)
      return strcmp(rank, "0") == 0;
  }
  return true;
}

int esp_cli_usage_error(const char *command, const char *format, ...)
{
  if (!esp_cli_is_first())
    return esp_err_exit_status(ESP_ERR_USAGE);
  va_list args;
  va_start(args, format);
  fprintf(stderr, "espalier %s: ", command);
  vfprintf(stderr, format, args);
  fprintf(stderr, "\nTry 'espalier %s --help'.\n", command);
  va_end(args);
  return esp_err_exit_status(ESP_ERR_USAGE);
}

esp_err esp_cli_open(const char *path, esp_cli_file *file)
{
  *file = (esp_cli_file){.path = path};
  ESP_TRY(esp_results_load_config(path, &file->config));
  ESP_TRY(esp_plan_create(&file->config.values, &file->plan));
  ESP_TRY(esp_results_open(path, &file->plan, ESP_RESULTS_READ, &file->results));
  file->commits = calloc((size_t)esp_plan_n_slots(&file->plan), sizeof *file->commits);
  ESP_REQUIRE(file->commits, ESP_ERR_NOMEM, "no memory for the commit entries of %s", path);
  return esp_results_read_commits(file->results, file->commits, &file->n_damaged);
}

void esp_cli_close(esp_cli_file *file)
{
  esp_results_close(file->results);
  free(file->commits);
  esp_plan_free(&file->plan);
  esp_config_file_free(&file->config);
  *file = (esp_cli_file){0};
}

bool esp_cli_has(const esp_cli_file *file, esp_cell cell)
{
  return file->commits[esp_cell_slot(&file->plan, cell)].outcome.state != ESP_CELL_EMPTY;
}

esp_stage_count esp_cli_count(const esp_cli_file *file, int arm, int stage)
{
  esp_stage_count count = {.n_planned = file->plan.stages[stage].absent[arm] ? 0 : file->plan.stages[stage].n_members};
  for (int member = 0; member < count.n_planned; member++) {
    const esp_outcome *outcome = &file->commits[esp_cell_slot(&file->plan, (esp_cell){member, arm, stage})].outcome;
    count.n_done += outcome->state == ESP_CELL_DONE;
    count.n_failed += outcome->state == ESP_CELL_FAILED;
    count.n_converged += outcome->stop == ESP_STOP_CONVERGED;
  }
  return count;
}

int esp_cli_peak_mib(const esp_cli_file *file)
{
  int peak = 0;
  for (long slot = 0; slot < esp_plan_n_slots(&file->plan); slot++)
    peak = file->commits[slot].peak_mib > peak ? file->commits[slot].peak_mib : peak;
  return peak;
}

int esp_cli_stage_width(const esp_plan *plan)
{
  int widest = 12;
  for (int stage = 0; stage < plan->n_stages; stage++)
    if ((int)strlen(plan->stages[stage].name) > widest)
      widest = (int)strlen(plan->stages[stage].name);
  return widest;
}

/* Columns that a field's name and numbers need. */
static int width(const esp_field *field)
{
  const int n = (int)strlen(field->name);
  return n > 9 ? n : 9;
}

/* Over the cells that are done, NaN if there is none; values: the whole field. */
static double mean_of(const esp_cli_file *file, int field, const void *values, int arm, int stage)
{
  const esp_plan *plan = &file->plan;
  double sum = 0;
  long n = 0;
  for (int member = 0; member < plan->stages[stage].n_members; member++) {
    const long slot = esp_cell_slot(plan, (esp_cell){member, arm, stage});
    if (file->commits[slot].outcome.state != ESP_CELL_DONE)
      continue;
    sum += esp_element(plan->record.field[field].type, values, slot);
    n++;
  }
  return n ? sum / (double)n : NAN;
}

/* Numbers of one arm at one stage; a dash where there is nothing to average yet. */
static void print_arm(const esp_cli_file *file, int arm, int stage, int n_fields, const int *fields, void **values)
{
  const esp_stage_count count = esp_cli_count(file, arm, stage);
  printf("  | %5ld", count.n_done);
  if (file->plan.stages[stage].copy[arm])
    printf(" %5s", "same");
  else if (!file->plan.fixed_work)
    printf(" %5ld", count.n_converged);
  for (int i = 0; i < n_fields; i++) {
    const double mean = mean_of(file, fields[i], values[i], arm, stage);
    const esp_field *field = &file->plan.record.field[fields[i]];
    if (isnan(mean))
      printf(" %*s", width(field), "-");
    else
      printf(" %*.*f", width(field), field->type == ESP_F64 ? 5 : 1, mean);
  }
}

/* The arm to show beside this one: the next, if they have a stage in common; otherwise none, that is itself. */
static int beside(const esp_plan *plan, int arm)
{
  for (int stage = 0; arm + 1 < plan->n_arms && stage < plan->n_stages; stage++)
    if (!plan->stages[stage].absent[arm] && !plan->stages[stage].absent[arm + 1])
      return arm + 1;
  return arm;
}

/* The stages of one arm, or of two side by side. */
static void print_arms(const esp_cli_file *file, int first, int last, int n_fields, const int *fields, void **values)
{
  const esp_plan *plan = &file->plan;
  const int stage_width = esp_cli_stage_width(plan);
  int arm_width = plan->fixed_work ? 5 : 11;
  for (int i = 0; i < n_fields; i++)
    arm_width += 1 + width(&plan->record.field[fields[i]]);
  printf("%-*s", stage_width, "");
  for (int arm = first; arm <= last; arm++)
    printf("  | %-*s", arm_width, plan->arm_name[arm]);
  printf("\n%-*s", stage_width, "stage");
  for (int arm = first; arm <= last; arm++) {
    printf("  | %5s%s", "n", plan->fixed_work ? "" : " conv.");
    for (int i = 0; i < n_fields; i++)
      printf(" %*s", width(&plan->record.field[fields[i]]), plan->record.field[fields[i]].name);
  }
  printf("\n");
  for (int stage = 0; stage < plan->n_stages; stage++) {
    if (plan->stages[stage].absent[first] && plan->stages[stage].absent[last])
      continue;
    printf("%-*s", stage_width, plan->stages[stage].name);
    for (int arm = first; arm <= last; arm++)
      print_arm(file, arm, stage, n_fields, fields, values);
    printf("\n");
  }
}

esp_err esp_cli_print_table(const esp_cli_file *file)
{
  const esp_plan *plan = &file->plan;
  int fields[ESP_MAX_FIELDS];
  void *values[ESP_MAX_FIELDS] = {0};
  int n_fields = 0;
  for (int f = 0; f < plan->record.n_fields; f++)
    if (plan->record.field[f].in_summary)
      fields[n_fields++] = f;
  esp_err err = ESP_OK;
  for (int i = 0; i < n_fields && err == ESP_OK; i++) {
    values[i] = malloc((size_t)esp_plan_n_slots(plan) * esp_type_bytes(plan->record.field[fields[i]].type));
    err = values[i] ? esp_results_read_field(file->results, fields[i], values[i])
                    : esp_fail(ESP_ERR_NOMEM, "no memory for the table");
  }
  for (int arm = 0, last; arm < plan->n_arms && err == ESP_OK; arm = last + 1) {
    last = beside(plan, arm);
    print_arms(file, arm, last, n_fields, fields, values);
  }
  if (err == ESP_OK)
    printf("n: networks; %sthe rest are means over the n networks\n", plan->fixed_work ? "" : "conv.: converged; ");
  for (int i = 0; i < n_fields; i++)
    free(values[i]);
  return err;
}
