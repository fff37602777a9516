/* cli/merge.c - the cells of several files of one config into one file.
 *
 * Inputs are opened one after another, twice: first all entries are compared, so that nothing is written when two files
 * disagree, then the cells are copied. Each is written as a run writes it, payload before entry: a merge that is killed leaves a
 * file that the same command, or a run, goes on with. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "espalier/ensemble.h"
#include "espalier/log.h"
#include "espalier/watchdog.h"

enum { NOBODY = -1, OUTPUT = -2 }; /* who has a cell, if no input */

typedef struct {
  const char *path;
  long n_copied, n_equal; /* cells that were taken from it; that the output had already, with the same bits */
  long n_damaged;
} input;

typedef struct {
  const char *output;
  int n_inputs;
  input *inputs;
  esp_cli_file first;     /* input 0: its config and plan are those of all files */
  int *owner;             /* [slots]: the first file that has the cell            */
  esp_commit *commits;    /* [slots]: its entry                                  */
  bool *there;            /* [slots]: the output has it                          */
  esp_run run;            /* the last one of input 0                             */
  esp_record theirs, ours;
  esp_results *results;   /* the output                                          */
  esp_lock lock;
} merge;

static const esp_plan *plan_of(const merge *m)
{
  return &m->first.plan;
}

/* Who has this cell? */
static const char *owner_path(const merge *m, long slot)
{
  return m->owner[slot] == OUTPUT ? m->output : m->inputs[m->owner[slot]].path;
}

static esp_err differs(const merge *m, long slot, const char *other, const char *what)
{
  return esp_fail(ESP_ERR_DATA,
                  "%s and %s have different bits for %s (%s); were they made by one program on one kind of CPU? "
                  "'espalier info' tells", owner_path(m, slot), other,
                  esp_cell_words(plan_of(m), esp_slot_cell(plan_of(m), slot)), what);
}

/* ---- first look: one config, and no two entries of a cell that disagree ---- */

/* Close the file whatever this returns. */
static esp_err open_one(const merge *m, const char *path, esp_cli_file *file)
{
  char *difference = NULL;
  ESP_TRY(esp_cli_open(path, file));
  esp_err err = esp_config_difference(&m->first.config.values, &file->config.values, ESP_DIFFERENCE_OF_RESULTS, &difference);
  if (err == ESP_OK && *difference)
    err = esp_fail(ESP_ERR_CONFIG,
                   "%s and %s were made with different configs (first -> second):\n%sOnly files of one config can be merged. "
                   "Nothing was changed.", m->first.path, file->path, difference);
  free(difference);
  return err;
}

static bool same_entry(const esp_commit *a, const esp_commit *b) /* time, rank and memory aside */
{
  return esp_outcome_same(&a->outcome, &b->outcome) && a->crc == b->crc;
}

static esp_err compare_entries(merge *m, int index, const esp_cli_file *file)
{
  for (long slot = 0; slot < esp_plan_n_slots(plan_of(m)); slot++) {
    const esp_commit *commit = &file->commits[slot];
    if (commit->outcome.state == ESP_CELL_EMPTY)
      continue;
    if (m->owner[slot] != NOBODY && !same_entry(&m->commits[slot], commit))
      return differs(m, slot, file->path, "the checksums");
    if (m->owner[slot] == NOBODY) {
      m->owner[slot] = index;
      m->commits[slot] = *commit;
    }
  }
  return ESP_OK;
}

/* Parts from other programs or CPUs may be merged, but the whole may then differ in bits from one run, and somebody should know. */
static esp_err compare_runs(const merge *m, const esp_cli_file *file)
{
  esp_run run;
  ESP_TRY(esp_results_last_run(file->results, &run));
  if (run.n_runs > 0 && m->run.n_runs > 0 && (strcmp(run.program, m->run.program) != 0 || strcmp(run.kernel, m->run.kernel) != 0))
    esp_warn("%s was computed by version %s with %s kernels, %s by %s with %s: the bits of a single run are not promised",
             m->first.path, m->run.program, m->run.kernel, file->path, run.program, run.kernel);
  return ESP_OK;
}

static esp_err look_at_input(merge *m, int index)
{
  esp_cli_file file;
  esp_err err = open_one(m, m->inputs[index].path, &file);
  if (err == ESP_OK)
    err = compare_runs(m, &file);
  if (err == ESP_OK)
    err = compare_entries(m, index, &file);
  esp_cli_close(&file);
  return err;
}

/* What the output has already. A cell of it that is damaged counts as missing: a good one takes its place. */
static esp_err look_at_output(merge *m)
{
  esp_cli_file file;
  esp_err err = open_one(m, m->output, &file);
  for (long slot = 0; err == ESP_OK && slot < esp_plan_n_slots(plan_of(m)); slot++) {
    if (file.commits[slot].outcome.state == ESP_CELL_EMPTY)
      continue;
    err = esp_results_read_cell(file.results, esp_slot_cell(plan_of(m), slot), &m->ours, &m->commits[slot]);
    m->there[slot] = err == ESP_OK;
    m->owner[slot] = err == ESP_OK ? OUTPUT : NOBODY;
    err = err == ESP_ERR_DATA ? ESP_OK : err;
  }
  esp_cli_close(&file);
  return err;
}

/* ---- the output ---- */

static int members_to_come(const merge *m)
{
  const esp_plan *plan = plan_of(m);
  int n = 0, last = -1;
  for (long slot = 0; slot < esp_plan_n_slots(plan); slot++) { /* member by member */
    const int member = esp_slot_cell(plan, slot).member;
    if (m->owner[slot] != NOBODY && member != last) {
      n++;
      last = member;
    }
  }
  return n;
}

/* With the config as it was written for the first input. */
static esp_err create_output(const merge *m)
{
  esp_config_file config = m->first.config;
  ESP_TRY(esp_cli_check_space(m->output, esp_results_bytes(plan_of(m), members_to_come(m))));
  ESP_TRY(esp_results_config_text(m->first.path, &config.text));
  const esp_err err = esp_results_create(m->output, plan_of(m), &config);
  free(config.text);
  return err;
}

/* ---- copying ---- */

/* The output has this cell: are all its bits those of `theirs`? */
static esp_err compare_cell(merge *m, int index, long slot, const esp_commit *commit)
{
  const char *path = m->inputs[index].path;
  esp_commit our_commit;
  ESP_TRY(esp_results_read_cell(m->results, esp_slot_cell(plan_of(m), slot), &m->ours, &our_commit));
  const char *field = same_entry(&our_commit, commit) ? NULL : "the outcome";
  if (!field)
    field = esp_cli_first_difference(&m->ours, &m->theirs);
  if (field)
    return differs(m, slot, path, field);
  m->inputs[index].n_equal++;
  return ESP_OK;
}

static esp_err copy_cell(merge *m, int index, const esp_cli_file *file, long slot)
{
  esp_commit commit;
  const esp_cell cell = esp_slot_cell(plan_of(m), slot);
  const esp_err err = esp_results_read_cell(file->results, cell, &m->theirs, &commit);
  if (err == ESP_ERR_DATA) {
    esp_warn("%s; it is not copied", esp_err_message(err));
    m->inputs[index].n_damaged++;
    return ESP_OK;
  }
  ESP_TRY(err);
  if (m->there[slot])
    return compare_cell(m, index, slot, &commit);
  ESP_TRY(esp_results_write_cell(m->results, cell, &m->theirs, &commit));
  m->there[slot] = true;
  m->owner[slot] = index;
  m->commits[slot] = commit;
  m->inputs[index].n_copied++;
  return ESP_OK;
}

static esp_err copy_input(merge *m, int index)
{
  esp_cli_file file;
  esp_err err = open_one(m, m->inputs[index].path, &file);
  if (err == ESP_ERR_CONFIG)
    err = esp_fail(err, "%s: another file has taken its place since this merge began; what was copied until then stays in %s",
                   m->inputs[index].path, m->output);
  if (err == ESP_OK)
    err = esp_results_copy_runs(m->results, file.results);
  if (err == ESP_OK && file.n_damaged) {
    esp_warn("%s: %ld commit entries are damaged; their cells are not copied", file.path, file.n_damaged);
    m->inputs[index].n_damaged += file.n_damaged;
  }
  for (long slot = 0; err == ESP_OK && slot < esp_plan_n_slots(plan_of(m)); slot++)
    if (file.commits[slot].outcome.state != ESP_CELL_EMPTY)
      err = copy_cell(m, index, &file, slot);
  esp_cli_close(&file);
  return err;
}

/* ---- all of it ---- */

static esp_err begin(merge *m)
{
  ESP_TRY(esp_cli_open(m->inputs[0].path, &m->first));
  ESP_TRY(esp_results_last_run(m->first.results, &m->run));
  const esp_plan *plan = plan_of(m);
  const size_t n_slots = (size_t)esp_plan_n_slots(plan);
  m->owner = malloc(n_slots * sizeof *m->owner);
  m->commits = calloc(n_slots, sizeof *m->commits);
  m->there = calloc(n_slots, sizeof *m->there);
  m->theirs = (esp_record){&plan->record, malloc(plan->record.bytes)};
  m->ours = (esp_record){&plan->record, malloc(plan->record.bytes)};
  ESP_REQUIRE(m->owner && m->commits && m->there && m->theirs.data && m->ours.data, ESP_ERR_NOMEM, "no memory for %zu cells",
              n_slots);
  for (size_t slot = 0; slot < n_slots; slot++)
    m->owner[slot] = NOBODY;
  return ESP_OK;
}

static void end(merge *m)
{
  esp_watchdog_pass_on(NULL, NULL);
  esp_lock_release(&m->lock);
  free(m->theirs.data);
  free(m->ours.data);
  free(m->there);
  free(m->commits);
  free(m->owner);
  esp_cli_close(&m->first);
}

/* In the table of runs the merge is before those whose cells it copies. */
static esp_err copy_all(merge *m, int argc, char **argv)
{
  ESP_TRY(esp_results_open(m->output, plan_of(m), ESP_RESULTS_WRITE, &m->results));
  esp_err err = esp_results_add_run(m->results, 1, argc, argv);
  for (int i = 0; err == ESP_OK && i < m->n_inputs; i++)
    err = copy_input(m, i);
  const esp_err closed = esp_results_close(m->results);
  return err == ESP_OK ? closed : err;
}

static esp_err do_merge(merge *m, int argc, char **argv)
{
  struct stat there;
  ESP_TRY(begin(m));
  ESP_TRY(esp_cli_check_place(m->output));
  ESP_TRY(esp_lock_take(m->output, &m->lock));
  esp_watchdog_pass_on(esp_lock_keep, &m->lock);
  const bool exists = stat(m->output, &there) == 0;
  if (exists)
    ESP_TRY(look_at_output(m));
  for (int i = 0; i < m->n_inputs; i++)
    ESP_TRY(look_at_input(m, i));
  if (!exists)
    ESP_TRY(create_output(m));
  return copy_all(m, argc, argv);
}

/* What came from where, and what is missing. */
static esp_err conclude(const merge *m)
{
  const long n_cells = esp_plan_n_cells(plan_of(m));
  long n_there = 0, n_damaged = 0, n_failed = 0;
  for (int i = 0; i < m->n_inputs; i++) {
    const input *in = &m->inputs[i];
    printf("%s: %ld cells copied", in->path, in->n_copied);
    if (in->n_equal)
      printf(", %ld were there already, equal", in->n_equal);
    if (in->n_damaged)
      printf(", %ld damaged", in->n_damaged);
    printf("\n");
    n_damaged += in->n_damaged;
  }
  for (long slot = 0; slot < esp_plan_n_slots(plan_of(m)); slot++) {
    n_there += m->there[slot];
    n_failed += m->there[slot] && m->commits[slot].outcome.state == ESP_CELL_FAILED;
  }
  if (n_failed)
    esp_warn("%ld of %ld cells failed; 'espalier status %s' lists them", n_failed, n_cells, m->output);
  if (n_there == n_cells)
    printf("%s is complete: %ld cells.\n", m->output, n_cells);
  else
    printf("%s: %ld of %ld cells, %ld are missing; 'espalier run' with its config and -o %s computes them.\n", m->output, n_there,
           n_cells, n_cells - n_there, m->output);
  ESP_REQUIRE(n_damaged == 0, ESP_ERR_DATA, "%ld cells are damaged in the inputs and were not copied from there", n_damaged);
  return n_there == n_cells ? ESP_OK : ESP_ERR_STOPPED;
}

static int merge_alone(merge *m, int argc, char **argv)
{
  for (int i = 0; i < m->n_inputs; i++)
    if (esp_cli_same_file(m->inputs[i].path, m->output))
      return esp_cli_usage_error("merge", "%s is OUT and input at once; the parts go into a file of their own", m->output);
  esp_err err = do_merge(m, argc, argv);
  if (err == ESP_OK)
    err = conclude(m);
  const int status = esp_cli_end(err);
  end(m);
  return status;
}

int esp_cli_merge(int argc, char **argv)
{
  static const esp_command command = {
      "merge",
      "Usage: espalier merge OUT IN...\n\n"
      "Put the parts of one ensemble together, as 'espalier run --part' or '--members' has made them: every cell that is\n"
      "complete in some IN is copied into OUT, bit for bit. OUT is made; if it is there, of the same config, it is added to.\n"
      "So a merge that was interrupted continues with the same command, and late parts can be added. The inputs stay as they\n"
      "are and may be written to by a run meanwhile.\n\n"
      "All files must be of one config, and a cell that two of them have must have the same bits in both; otherwise nothing\n"
      "is written. A damaged cell is reported and left out. States of half-trained networks stay in the inputs.\n",
      "Exit status: 0 OUT has all cells of its config, 75 some are missing, 65 a cell is damaged or differs between two\n"
      "files, 64 usage, 66 no input, 69 OUT is in use by a run, 73 cannot create, 74 I/O error, 78 other config.\n\n"
      "Examples:\n"
      "  espalier merge dms_ensemble.h5 dms_ensemble.part-*-of-4.h5\n"
      "  espalier run --members 0:199 net.yaml -o a.h5      on one machine,\n"
      "  espalier run --members 200:399 net.yaml -o b.h5    on another, and then\n"
      "  espalier merge net.h5 a.h5 b.h5\n",
      0, NULL};
  int status = esp_cli_options(&command, argc, argv);
  if (status >= 0)
    return status;
  const int n_inputs = argc - optind - 1;
  if (n_inputs < 1)
    return esp_cli_usage_error("merge", "the file to make and at least one input are needed, %d names given", argc - optind);
  merge m = {.output = argv[optind], .n_inputs = n_inputs, .lock = {.fd = -1}, .inputs = calloc((size_t)n_inputs, sizeof(input))};
  if (!m.inputs)
    return esp_cli_end(esp_fail(ESP_ERR_NOMEM, "no memory for a list of %d files", n_inputs));
  for (int i = 0; i < n_inputs; i++)
    m.inputs[i].path = argv[optind + 1 + i];
  int rank, n_ranks;
  esp_ensemble_begin(&argc, &argv, &rank, &n_ranks);
  status = n_ranks == 1 ? merge_alone(&m, argc, argv)
                        : esp_cli_usage_error("merge", "one process does it; start it without mpirun or srun");
  esp_ensemble_end(status);
  free(m.inputs);
  return status;
}
