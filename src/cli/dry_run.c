/* cli/dry_run.c - what a run would compute, how large the file would be, and how long it would take on how many ranks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "espalier/log.h"
#include "espalier/number.h"
#include "espalier/simulate.h"
#include "session.h"

enum { MAX_RANKS = 1000000 };
enum { N_DRAWS = 8 };         /* of cell times: the table shows means over them                   */
enum { ENOUGH_MEMBERS = 10 }; /* complete in the results file, to believe it rather than the plan */
#define GOOD_EFFICIENCY 0.8

/* ---- the list of ranks ---- */

static bool append(esp_rank_list *list, long ranks)
{
  if (list->n == ESP_MAX_RANK_LIST || ranks <= (list->n ? list->ranks[list->n - 1] : 0))
    return false;
  list->ranks[list->n++] = (int)ranks;
  return true;
}

bool esp_cli_read_ranks(const char *text, void *to)
{
  esp_rank_list *list = to;
  *list = (esp_rank_list){0};
  for (bool doubling = false;;) {
    if (strncmp(text, "...,", 4) == 0 && list->n > 0 && !doubling) {
      doubling = true;
      text += 4;
      continue;
    }
    long ranks;
    const char *end = esp_read_count(text, MAX_RANKS, &ranks);
    if (!end)
      return false;
    for (long between = doubling ? 2L * list->ranks[list->n - 1] : ranks; between < ranks; between *= 2)
      if (!append(list, between))
        return false;
    if (!append(list, ranks))
      return false;
    if (*end != ',')
      return *end == '\0';
    doubling = false;
    text = end + 1;
  }
}

/* ---- how long on so many ranks ---- */

/* What the predictions are made from. */
typedef struct {
  const esp_plan *plan;
  unsigned char *done; /* [slots]          */
  double *seconds;     /* [N_DRAWS, slots] */
} forecast;

static double *draw_of(const forecast *f, int draw)
{
  return f->seconds + (size_t)draw * (size_t)esp_plan_n_slots(f->plan);
}

static esp_err draw_from_file(const forecast *f, const esp_cli_file *file)
{
  for (int draw = 0; draw < N_DRAWS; draw++)
    ESP_TRY(esp_draw_measured(f->plan, &file->plan, file->commits, draw, draw_of(f, draw)));
  printf("\ncell times from %d complete members of %s\n", esp_complete_members(&file->plan, file->commits), file->path);
  return ESP_OK;
}

static void draw_from_plan(const forecast *f, double seconds_per_unit)
{
  for (int draw = 0; draw < N_DRAWS; draw++)
    esp_draw_expected(f->plan, seconds_per_unit, draw, draw_of(f, draw));
  printf("\ncell times as expected on this machine\n");
}

/* The file that was named, or the results file if it has enough, or what the plan expects. */
static esp_err draw_times(forecast *f, const char *output, const char *times_from, double seconds_per_unit)
{
  const bool has_output = access(output, F_OK) == 0;
  esp_cli_file there = {0}, file = {0};
  esp_err err = has_output ? esp_cli_open(output, &there) : ESP_OK;
  for (long slot = 0; err == ESP_OK && has_output && slot < esp_plan_n_slots(f->plan); slot++)
    f->done[slot] = there.commits[slot].outcome.state != ESP_CELL_EMPTY;
  if (err == ESP_OK && times_from)
    err = esp_cli_open(times_from, &file);
  if (err == ESP_OK && times_from)
    err = strcmp(file.plan.experiment, f->plan->experiment) == 0
              ? draw_from_file(f, &file)
              : esp_fail(ESP_ERR_DATA, "%s is of experiment %s, not %s", times_from, file.plan.experiment, f->plan->experiment);
  else if (err == ESP_OK && has_output && esp_complete_members(&there.plan, there.commits) >= ENOUGH_MEMBERS)
    err = draw_from_file(f, &there);
  else if (err == ESP_OK)
    draw_from_plan(f, seconds_per_unit);
  esp_cli_close(&there);
  esp_cli_close(&file);
  return err;
}

/* One line of the table. */
static esp_err predict(const forecast *f, int n_ranks, double *efficiency)
{
  const int n_workers = n_ranks > 1 ? n_ranks - 1 : 1;
  double sum = 0, squares = 0, sum_of_work = 0;
  char text[64];
  for (int draw = 0; draw < N_DRAWS; draw++) {
    double makespan, work;
    ESP_TRY(esp_simulate(f->plan, f->done, draw_of(f, draw), n_workers, &makespan, &work));
    sum += makespan;
    squares += makespan * makespan;
    sum_of_work += work;
  }
  const double mean = sum / N_DRAWS, sd = sqrt(fmax(0, squares / N_DRAWS - mean * mean));
  *efficiency = sum > 0 ? sum_of_work / (n_workers * sum) : 1;
  printf("%7d %8d %13s  %3.0f %% %10.1f %%\n", n_ranks, n_workers, esp_duration(mean, text, sizeof text),
         sum > 0 ? 100 * sd / mean : 0, 100 * *efficiency);
  return ESP_OK;
}

static esp_err print_forecast(const forecast *f, const esp_rank_list *list)
{
  int too_many = 0;
  long n_missing = 0;
  for (long slot = 0; slot < esp_plan_n_slots(f->plan); slot++)
    n_missing += esp_cell_exists(f->plan, esp_slot_cell(f->plan, slot)) && !f->done[slot];
  printf("%ld of %ld cells to compute, means of %d draws (+-: sd of single ones):\n%7s %8s %13s  %5s %12s\n", n_missing,
         esp_plan_n_cells(f->plan), N_DRAWS, "ranks", "workers", "time", "+-", "efficiency");
  for (int i = 0; i < list->n; i++) {
    double efficiency;
    ESP_TRY(predict(f, list->ranks[i], &efficiency));
    if (efficiency < GOOD_EFFICIENCY && !too_many)
      too_many = list->ranks[i];
  }
  if (too_many)
    printf("efficiency first drops below %.0f %% at %d ranks\n", 100 * GOOD_EFFICIENCY, too_many);
  else
    printf("efficiency is %.0f %% or more at all of them\n", 100 * GOOD_EFFICIENCY);
  return ESP_OK;
}

static esp_err predict_ranks(const esp_session *o, const esp_plan *plan, double seconds_per_unit)
{
  const size_t n_slots = (size_t)esp_plan_n_slots(plan);
  forecast f = {.plan = plan, .done = calloc(n_slots, 1), .seconds = malloc(N_DRAWS * n_slots * sizeof *f.seconds)};
  esp_err err = f.done && f.seconds ? ESP_OK : esp_fail(ESP_ERR_NOMEM, "no memory for the times of %zu cells", n_slots);
  if (err == ESP_OK)
    err = draw_times(&f, o->output, o->times_from, seconds_per_unit);
  for (long slot = 0; err == ESP_OK && slot < (long)n_slots; slot++) /* the others are as good as done */
    f.done[slot] |= !esp_members_has(o->run.members, esp_slot_cell(plan, slot).member);
  if (err == ESP_OK)
    err = print_forecast(&f, &o->ranks);
  free(f.done);
  free(f.seconds);
  return err;
}

/* ---- all of it ---- */

/* The last of the stages from here on that say the same of themselves. */
static int last_alike(const esp_plan *plan, int stage)
{
  const esp_stage *first = &plan->stages[stage];
  while (stage + 1 < plan->n_stages && plan->stages[stage + 1].n_members == first->n_members &&
         strcmp(plan->stages[stage + 1].long_name, first->long_name) == 0)
    stage++;
  return stage;
}

/* One line for each; many that are alike are one line, with the names of the first and the last. */
static void print_stages(const esp_plan *plan, esp_members members)
{
  enum { MANY = 32 };
  char value[32];
  snprintf(value, sizeof value, "%s", plan->stage_value.name);
  for (char *c = value; *c; c++)
    *c = *c == '_' ? ' ' : *c;
  for (int first = 0, last; first < plan->n_stages; first = last + 1) {
    last = plan->n_stages > MANY ? last_alike(plan, first) : first;
    const esp_stage *s = &plan->stages[first], *end = &plan->stages[last];
    if (last > first)
      printf("  %s .. %s %s %.2f .. %.2f", s->name, end->name, value, s->value, end->value);
    else
      printf("  %-12s %s %.2f", s->name, value, s->value);
    printf(", %d members: %s\n", esp_members_below(members, s->n_members), s->long_name);
  }
}

esp_err esp_cli_dry_run(const esp_session *o, const esp_config *config, const esp_plan *plan, int n_ranks)
{
  char text[64];
  const esp_members members = o->run.members;
  const int n_members = esp_members_below(members, plan->n_members);
  printf("%s: %s\n", plan->experiment, esp_experiment_sentence(config->experiment));
  if (n_members < plan->n_members)
    printf("%s x %d arms, %ld of %ld cells:\n", esp_members_words(members, plan->n_members, text, sizeof text), plan->n_arms,
           esp_plan_n_cells_of(plan, members.first, members.last), esp_plan_n_cells(plan));
  else
    printf("%d members x %d arms, %ld cells:\n", n_members, plan->n_arms, esp_plan_n_cells(plan));
  double cost = 0;
  for (int stage = 0; stage < plan->n_stages; stage++)
    for (int arm = 0; arm < plan->n_arms; arm++)
      if (!plan->stages[stage].absent[arm])
        cost += esp_members_below(members, plan->stages[stage].n_members) * plan->stages[stage].expected_cost[arm];
  print_stages(plan, members);
  double seconds;
  ESP_TRY(esp_seconds_per_cost(config, &seconds));
  const int workers = n_ranks > 1 ? n_ranks - 1 : 1;
  printf("results file %s: %.1f MB\n", o->output, esp_results_bytes(plan, n_members) / 1e6);
  printf("time: about %s on this machine with %d worker%s", esp_duration(cost * seconds / workers, text, sizeof text), workers,
         workers > 1 ? "s" : "");
  printf(" (%s of one core)%s\n", esp_duration(cost * seconds, text, sizeof text),
         plan->fixed_work ? "" : "; single members differ by a factor of 100");
  return o->ranks.n ? predict_ranks(o, plan, seconds) : ESP_OK;
}
