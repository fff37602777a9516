/* cli/verify.c - is the file what it claims to be? Checksums, what must hold in every record, bits on recomputation. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "espalier/kernel.h"
#include "espalier/rng.h"

static void print_cell(const esp_cli_file *file, esp_cell cell)
{
  printf("%s: %s: ", file->path, esp_cell_words(&file->plan, cell));
}

/* A cell that was read, and the one that it continues from. */
typedef struct {
  esp_record record, parent;
  esp_commit commit, parent_commit;
  bool has_parent;
} buffers;

static esp_err get_buffers(const esp_plan *plan, buffers *b)
{
  *b = (buffers){.record = {&plan->record, malloc(plan->record.bytes)}, .parent = {&plan->record, malloc(plan->record.bytes)}};
  ESP_REQUIRE(b->record.data && b->parent.data, ESP_ERR_NOMEM, "no memory for two records of %zu bytes", plan->record.bytes);
  return ESP_OK;
}

static void free_buffers(buffers *b)
{
  free(b->record.data);
  free(b->parent.data);
}

const char *esp_cli_first_difference(const esp_record *a, const esp_record *b)
{
  const esp_layout *layout = a->layout;
  for (int f = 0; f < layout->n_fields; f++)
    if (memcmp(a->data + layout->offset[f], b->data + layout->offset[f],
               layout->count[f] * esp_type_bytes(layout->field[f].type)) != 0)
      return layout->field[f].name;
  return NULL;
}

/* ESP_ERR_DATA with the message set: a checksum does not hold, or there is no parent. */
static esp_err read_with_parent(const esp_cli_file *file, esp_cell cell, buffers *b)
{
  esp_cell parent;
  ESP_TRY(esp_results_read_cell(file->results, cell, &b->record, &b->commit));
  b->has_parent = esp_cell_parent(&file->plan, cell, &parent);
  if (!b->has_parent)
    return ESP_OK;
  ESP_REQUIRE(esp_cli_has(file, parent), ESP_ERR_DATA, "it is there, but the stage it continues from is not");
  return esp_results_read_cell(file->results, parent, &b->parent, &b->parent_commit);
}

/* ---- one file ---- */

/* One committed cell. Returns ESP_ERR_DATA with the message set if something is wrong with it. */
static esp_err check_cell(const esp_cli_file *file, esp_cell cell, buffers *b)
{
  const esp_plan *plan = &file->plan;
  ESP_TRY(read_with_parent(file, cell, b));
  if (b->commit.outcome.state == ESP_CELL_FAILED)
    return ESP_OK;
  if (plan->stages[cell.stage].copy[cell.arm]) {
    const char *field = esp_cli_first_difference(&b->record, &b->parent);
    ESP_REQUIRE(!field, ESP_ERR_DATA, "the shared start differs from the other arm's in '%s'", field);
    return ESP_OK;
  }
  return esp_experiment_of(&file->config.values)
      ->verify(&file->config.values, plan, cell, &b->record, b->has_parent ? &b->parent : NULL);
}

static esp_err check_file(const esp_cli_file *file, buffers *b, long *n_checked, long *n_faults)
{
  for (long slot = 0; slot < esp_plan_n_slots(&file->plan); slot++) {
    const esp_cell cell = esp_slot_cell(&file->plan, slot);
    if (file->commits[slot].outcome.state == ESP_CELL_EMPTY)
      continue;
    const esp_err err = check_cell(file, cell, b);
    ++*n_checked;
    if (err == ESP_ERR_DATA) {
      print_cell(file, cell);
      printf("%s\n", esp_err_message(err));
      ++*n_faults;
    } else {
      ESP_TRY(err);
    }
  }
  return ESP_OK;
}

/* ---- recomputing ---- */

static const esp_stage_host never; /* to be stopped */

static esp_err recompute_cell(const esp_cli_file *file, const esp_stage_host *host, esp_cell cell, esp_workspace *ws,
                              buffers *b, esp_record *again, const char **field)
{
  esp_outcome outcome;
  ESP_TRY(read_with_parent(file, cell, b));
  const esp_stage_context context = {.config = &file->config.values,
                                     .plan = &file->plan,
                                     .cell = cell,
                                     .parent = b->has_parent ? &b->parent : NULL,
                                     .host = host,
                                     .ws = ws};
  ESP_TRY(esp_stage_run(&context, &b->parent_commit.outcome, again, &outcome));
  *field = esp_cli_first_difference(&b->record, again);
  if (!*field && !esp_outcome_same(&outcome, &b->commit.outcome))
    *field = "the outcome";
  return ESP_OK;
}

esp_err esp_cli_recompute(const esp_cli_file *file, const esp_stage_host *host, const long *slots, long n, long *n_faults)
{
  const esp_plan *plan = &file->plan;
  esp_workspace ws = {0};
  buffers b;
  esp_record again = {&plan->record, malloc(plan->record.bytes)};
  esp_err err = get_buffers(plan, &b);
  if (err == ESP_OK && !again.data)
    err = esp_fail(ESP_ERR_NOMEM, "no memory for recomputing");
  esp_one_thread();
  if (err == ESP_OK)
    err = esp_workspace_create(&ws);
  for (long i = 0; i < n && err == ESP_OK; i++) {
    const esp_cell cell = esp_slot_cell(plan, slots[i]);
    const char *field = NULL;
    err = recompute_cell(file, host, cell, &ws, &b, &again, &field);
    if (err == ESP_ERR_DATA) { /* its checksum does not hold: counted already, there is nothing to compare */
      err = ESP_OK;
      continue;
    }
    if (err != ESP_OK)
      break;
    print_cell(file, cell);
    printf(field ? "computed again, differs in %s\n" : "computed again, all bits equal%s\n", field ? field : "");
    *n_faults += field != NULL;
  }
  esp_workspace_free(&ws);
  free_buffers(&b);
  free(again.data);
  return err;
}

/* Some of the cells that are there, each at most once. */
static esp_err recompute_some(const esp_cli_file *file, long count, uint64_t seed, long *n_faults)
{
  const long n = esp_plan_n_slots(&file->plan);
  const esp_rng_key key = {.seed = seed};
  long *slots = malloc((size_t)n * sizeof *slots), n_there = 0;
  ESP_REQUIRE(slots, ESP_ERR_NOMEM, "no memory for a list of cells");
  for (long slot = 0; slot < n; slot++)
    if (file->commits[slot].outcome.state != ESP_CELL_EMPTY)
      slots[n_there++] = slot;
  if (count > n_there)
    count = n_there;
  for (long i = 0; i < count; i++) {
    const long j = i + (long)(esp_rng_uniform(&key, (uint64_t)i) * (double)(n_there - i)), chosen = slots[j];
    slots[j] = slots[i];
    slots[i] = chosen;
  }
  const esp_err err = esp_cli_recompute(file, &never, slots, count, n_faults);
  free(slots);
  return err;
}

/* The cell "3,pruned,rung_0.70". */
static esp_err recompute_named(const esp_cli_file *file, const char *text, long *n_faults)
{
  const esp_plan *plan = &file->plan;
  char arm[32] = "", stage[32] = "", *rest;
  int used = 0;
  const long member = strtol(text, &rest, 10); /* too large a number stays larger than any member's */
  if (rest == text || sscanf(rest, ",%31[^,],%31[^,]%n", arm, stage, &used) != 2 || rest[used])
    return esp_fail(ESP_ERR_USAGE, "--cell '%s' is not MEMBER,ARM,STAGE, such as 0,%s,%s", text, plan->arm_name[0],
                    plan->stages[0].name);
  esp_cell cell = {.member = member >= 0 && member < plan->n_members ? (int)member : -1};
  while (cell.arm < plan->n_arms && strcmp(plan->arm_name[cell.arm], arm) != 0)
    cell.arm++;
  while (cell.stage < plan->n_stages && strcmp(plan->stages[cell.stage].name, stage) != 0)
    cell.stage++;
  ESP_REQUIRE(cell.member >= 0 && cell.arm < plan->n_arms && cell.stage < plan->n_stages && esp_cell_exists(plan, cell),
              ESP_ERR_USAGE, "%s has no cell %s; 'h5dump -d /scales/arm' and '-d /scales/stage' list the names", file->path, text);
  ESP_REQUIRE(esp_cli_has(file, cell), ESP_ERR_DATA, "%s: cell %s is not computed yet", file->path, text);
  const long slot = esp_cell_slot(plan, cell);
  return esp_cli_recompute(file, &never, &slot, 1, n_faults);
}

static int verify_one(const char *path, long n_recompute, uint64_t seed, const char *cell)
{
  esp_cli_file file;
  buffers b = {0};
  long n_checked = 0, n_faults = 0;
  esp_err err = esp_cli_open(path, &file);
  if (err == ESP_OK)
    err = get_buffers(&file.plan, &b);
  if (err == ESP_OK)
    err = check_file(&file, &b, &n_checked, &n_faults);
  if (err == ESP_OK && n_recompute > 0)
    err = recompute_some(&file, n_recompute, seed, &n_faults);
  if (err == ESP_OK && cell)
    err = recompute_named(&file, cell, &n_faults);
  if (err == ESP_OK && file.n_damaged) {
    printf("%s: %ld commit entries are damaged\n", path, file.n_damaged);
    n_faults += file.n_damaged;
  }
  if (err == ESP_OK)
    printf("%s: %ld of %ld cells checked, %ld faults%s\n", path, n_checked, esp_plan_n_cells(&file.plan), n_faults,
           n_faults ? "; 'espalier run' with its config computes damaged cells again" : "");
  free_buffers(&b);
  esp_cli_close(&file);
  return err != ESP_OK ? esp_cli_end(err) : n_faults ? esp_err_exit_status(ESP_ERR_DATA) : 0;
}

/* ---- two files ---- */

static esp_err compare_cells(const esp_cli_file *a, const esp_cli_file *b, buffers *buffer, long *n_compared, long *n_faults)
{
  for (long slot = 0; slot < esp_plan_n_slots(&a->plan); slot++) {
    const esp_cell cell = esp_slot_cell(&a->plan, slot);
    const esp_outcome *left = &a->commits[slot].outcome, *right = &b->commits[slot].outcome;
    if (left->state == ESP_CELL_EMPTY && right->state == ESP_CELL_EMPTY)
      continue;
    ++*n_compared;
    const char *field = NULL;
    if (!esp_outcome_same(left, right)) {
      field = left->state == ESP_CELL_EMPTY || right->state == ESP_CELL_EMPTY ? "being there at all" : "the outcome";
    } else {
      ESP_TRY(esp_results_read_cell(a->results, cell, &buffer->record, NULL));
      ESP_TRY(esp_results_read_cell(b->results, cell, &buffer->parent, NULL));
      field = esp_cli_first_difference(&buffer->record, &buffer->parent);
    }
    if (field) {
      print_cell(a, cell);
      printf("differs from %s in %s\n", b->path, field);
      ++*n_faults;
    }
  }
  return ESP_OK;
}

static int verify_two(const char *path_a, const char *path_b)
{
  esp_cli_file a, b = {0};
  buffers buffer = {0};
  char *difference = NULL;
  long n_compared = 0, n_faults = 0;
  esp_err err = esp_cli_open(path_a, &a);
  if (err == ESP_OK)
    err = esp_cli_open(path_b, &b);
  if (err == ESP_OK)
    err = esp_config_difference(&a.config.values, &b.config.values, ESP_DIFFERENCE_OF_RESULTS, &difference);
  if (err == ESP_OK && *difference)
    err = esp_fail(ESP_ERR_DATA, "%s and %s have different configs:\n%s", path_a, path_b, difference);
  if (err == ESP_OK)
    err = get_buffers(&a.plan, &buffer);
  if (err == ESP_OK)
    err = compare_cells(&a, &b, &buffer, &n_compared, &n_faults);
  if (err == ESP_OK && a.n_damaged + b.n_damaged) {
    printf("%ld commit entries of %s and %ld of %s are damaged\n", a.n_damaged, path_a, b.n_damaged, path_b);
    n_faults += a.n_damaged + b.n_damaged;
  }
  if (err == ESP_OK)
    printf("%s and %s: %ld of %ld cells compared, %ld differ\n", path_a, path_b, n_compared, esp_plan_n_cells(&a.plan), n_faults);
  free(difference);
  free_buffers(&buffer);
  esp_cli_close(&a);
  esp_cli_close(&b);
  return err != ESP_OK ? esp_cli_end(err) : n_faults ? esp_err_exit_status(ESP_ERR_DATA) : 0;
}

int esp_cli_verify(int argc, char **argv)
{
  long n_recompute = 0, seed = 1;
  const char *cell = NULL;
  static const char no_count[] = "not a number of at least 0";
  const esp_option options[] = {
      {0, "recompute", "K",
       "also compute K random cells again from their parents and compare all bits (same binary, same kind of CPU)",
       esp_cli_read_count, &n_recompute, no_count},
      {0, "seed", "S", "choose other random cells (default 1)", esp_cli_read_count, &seed, no_count},
      {0, "cell", "M,A,S", "compute the cell of member M, arm A and stage S again and compare all bits", esp_cli_read_text, &cell,
       NULL},
  };
  const esp_command command = {
      "verify",
      "Usage: espalier verify [--recompute K [--seed S]] [--cell MEMBER,ARM,STAGE] FILE\n"
      "       espalier verify FILE OTHER\n\n"
      "Check a results file: the checksum of every committed cell; mask counts exact and nested, removed weights exactly 0,\n"
      "twins unpruned, the shared start equal bit for bit, losses finite. With OTHER: are the records of both files equal\n"
      "byte for byte (provenance, times and ranks aside)?\n",
      "Exit status: 0 all is well, 65 something is not (each fault is printed).\n\n"
      "Examples:\n"
      "  espalier verify dms_quick.h5\n"
      "  espalier verify --recompute 5 dms_quick.h5\n"
      "  espalier verify --cell 3,pruned,rung_0.70 dms_quick.h5\n"
      "  espalier verify one_rank.h5 five_ranks.h5\n",
      sizeof options / sizeof *options, options};
  const int status = esp_cli_options(&command, argc, argv);
  if (status >= 0)
    return status;
  if (argc - optind == 1)
    return verify_one(argv[optind], n_recompute, (uint64_t)seed, cell);
  if (argc - optind == 2 && n_recompute == 0 && !cell)
    return verify_two(argv[optind], argv[optind + 1]);
  return esp_cli_usage_error("verify", argc - optind == 2 ? "--recompute and --cell take one file" : "one or two results files are needed");
}
