/* results/provenance.c - who made the numbers: program, libraries, machine, and a fixed table of the runs. */
#include <cblas.h>
#include <gsl/gsl_version.h>
#include <inttypes.h>
#include <isa-l.h>
#include <jansson.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include <yaml.h>

#include "build.h"
#include "espalier/file.h"
#include "espalier/kernel.h"
#include "internal.h"
#include "revision.h"

/* A row of /provenance/runs; esp_h5_run_type() describes the same bytes. */
typedef struct {
  char started[24], host[64], job[32], program[36];
  unsigned char n_ranks[4]; /* little-endian */
  char kernel[16], cpu[64], command[ESP_RUN_BYTES - 240];
} run_row;

_Static_assert(sizeof(run_row) == ESP_RUN_BYTES, "the row has no padding");

const char *esp_program_revision(void)
{
  return ESP_VERSION " " ESP_REVISION;
}

const char *esp_program_version(void)
{
  return "espalier " ESP_VERSION " (" ESP_REVISION ")";
}

const char *esp_library_versions(void)
{
  static char text[1024];
  if (text[0])
    return text;
  char mpi[MPI_MAX_LIBRARY_VERSION_STRING];
  int length;
  unsigned hdf5[3];
  MPI_Get_library_version(mpi, &length); /* allowed before MPI_Init */
  mpi[strcspn(mpi, ",\n")] = '\0';       /* "Open MPI v4.1.4, package: ..." */
  H5get_libversion(&hdf5[0], &hdf5[1], &hdf5[2]);
  /* OpenBLAS names itself first; then how it was built, and the kernels that it chose for this CPU. */
  snprintf(text, sizeof text,
           "%s\nHDF5 %u.%u.%u\n%s, core %s\nlibyaml %s\nGSL %s\nisa-l %d.%d.%d\njansson %s\n"
           "Random123 (headers only)\n",
           mpi, hdf5[0], hdf5[1], hdf5[2], openblas_get_config(), openblas_get_corename(), yaml_get_version_string(),
           gsl_version, ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION, ISAL_PATCH_VERSION, jansson_version_str());
  return text;
}

/* Copy what fits. */
static void cut(char *text, size_t size, const char *from)
{
  const size_t n = strnlen(from, size - 1);
  memcpy(text, from, n);
  text[n] = '\0';
}

static void cpu_model(char *text, size_t size)
{
  struct utsname machine;
  char line[512];
  cut(text, size, uname(&machine) == 0 ? machine.machine : "unknown");
  FILE *file = fopen("/proc/cpuinfo", "r");
  while (file && fgets(line, sizeof line, file)) {
    const char *value = strchr(line, ':');
    if (strncmp(line, "model name", 10) == 0 && value) {
      line[strcspn(line, "\n")] = '\0';
      cut(text, size, value + 1 + strspn(value + 1, " "));
      break;
    }
  }
  if (file)
    fclose(file);
}

void esp_now_words(char *text, size_t size)
{
  const time_t now = time(NULL);
  struct tm utc;
  gmtime_r(&now, &utc);
  strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

void esp_environment(const char *name, const char *otherwise, char *text, size_t size)
{
  const char *value = getenv(name);
  cut(text, size, value && *value ? value : otherwise);
}

herr_t esp_provenance_write(hid_t group)
{
  char cpu[128], created[24], host[256] = "unknown", libraries[1200] = "";
  cpu_model(cpu, sizeof cpu);
  esp_now_words(created, sizeof created);
  gethostname(host, sizeof host - 1);
  for (const char *line = esp_library_versions(); *line; line += strcspn(line, "\n") + 1) {
    const size_t used = strlen(libraries);
    snprintf(libraries + used, sizeof libraries - used, "%s%.*s", used ? "; " : "", (int)strcspn(line, "\n"), line);
  }
  const struct {
    const char *name, *value;
  } facts[] = {
      {"version", ESP_VERSION},        {"git_revision", ESP_REVISION}, {"compiler", ESP_COMPILER},
      {"build_flags", ESP_BUILD_FLAGS}, {"libraries", libraries},       {"cpu", cpu},
      {"kernel", esp_kernel_name()},   {"created", created},           {"created_on_host", host},
  };
  for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
    if (esp_h5_set_word(group, facts[i].name, facts[i].value) < 0)
      return -1;
  return 0;
}

/* ---- the table of runs ---- */

/* The command as one line; what does not fit is cut. */
static void join(int argc, char *const *argv, char *text, size_t size)
{
  size_t used = 0;
  text[0] = '\0';
  for (int i = 0; i < argc && used < size; i++) {
    const int n = snprintf(text + used, size - used, "%s%s", i > 0 ? " " : "", argv[i]);
    used += n > 0 ? (size_t)n : 0;
  }
}

static void fill_row(run_row *row, int n_ranks, int argc, char *const *argv)
{
  char host[256] = "unknown";
  *row = (run_row){0};
  gethostname(host, sizeof host - 1);
  esp_now_words(row->started, sizeof row->started);
  esp_environment("SLURM_JOB_NODELIST", host, row->host, sizeof row->host); /* all of them, as in "node[1-4]" */
  esp_environment("SLURM_JOB_ID", "-", row->job, sizeof row->job);
  cut(row->program, sizeof row->program, esp_program_revision());
  cut(row->kernel, sizeof row->kernel, esp_kernel_name());
  cpu_model(row->cpu, sizeof row->cpu);
  join(argc, argv, row->command, sizeof row->command);
  esp_put_le(row->n_ranks, sizeof row->n_ranks, (uint64_t)n_ranks);
}

/* The count has no checksum; one that cannot be is damaged, and the table begins anew. */
static int64_t believable(int64_t n)
{
  return n < 0 || n > INT32_MAX ? 0 : n;
}

/* Row first, then the count, so that a kill in between leaves the table as it was (its oldest row aside). */
static herr_t append_row(hid_t runs, hid_t count, const run_row *row)
{
  int64_t n = 0;
  const hid_t type = H5Dget_type(runs), space = H5Dget_space(runs), one = H5Screate(H5S_SCALAR);
  herr_t done = -1;
  if (H5Dread(count, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &n) >= 0 && H5Tget_size(type) == sizeof *row) {
    n = believable(n);
    const hsize_t at = (hsize_t)(n % ESP_RUNS);
    n++;
    if (H5Sselect_elements(space, H5S_SELECT_SET, 1, &at) >= 0 &&
        H5Dwrite(runs, type, one, space, H5P_DEFAULT, row) >= 0)
      done = H5Dwrite(count, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &n);
  }
  esp_h5_drop(type);
  esp_h5_drop(space);
  esp_h5_drop(one);
  return done;
}

static esp_err add_row(const esp_results *r, const run_row *row)
{
  const hid_t runs = esp_h5_open_dataset(r->file, "/provenance/runs");
  const hid_t count = esp_h5_open_dataset(r->file, "/provenance/runs_count");
  const herr_t done = runs < 0 || count < 0 ? -1 : append_row(runs, count, row);
  esp_h5_drop(runs);
  esp_h5_drop(count);
  ESP_REQUIRE(done >= 0, ESP_ERR_IO, "%s: cannot write /provenance/runs (HDF5: %s)%s", r->path, esp_h5_cause(),
              esp_disk_advice(esp_h5_errno()));
  return ESP_OK;
}

esp_err esp_results_add_run(esp_results *r, int n_ranks, int argc, char *const *argv)
{
  run_row row;
  ESP_REQUIRE(r->mode == ESP_RESULTS_WRITE, ESP_ERR_ARG, "%s: open for reading only", r->path);
  fill_row(&row, n_ranks, argc, argv);
  esp_h5_start();
  return add_row(r, &row);
}

/* The table as it is; n is the number of runs so far. */
static herr_t read_runs(hid_t file, int64_t *n, run_row rows[ESP_RUNS])
{
  herr_t done = -1;
  const hid_t runs = esp_h5_open_dataset(file, "/provenance/runs");
  const hid_t count = esp_h5_open_dataset(file, "/provenance/runs_count");
  const hid_t type = runs < 0 ? -1 : H5Dget_type(runs), space = runs < 0 ? -1 : H5Dget_space(runs);
  if (count >= 0 && type >= 0 && H5Tget_size(type) == sizeof *rows && H5Sget_simple_extent_npoints(space) == ESP_RUNS &&
      H5Dread(count, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, n) >= 0)
    done = H5Dread(runs, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows);
  *n = believable(*n);
  esp_h5_drop(type);
  esp_h5_drop(space);
  esp_h5_drop(runs);
  esp_h5_drop(count);
  return done;
}

void esp_provenance_copy_runs(hid_t from, hid_t to)
{
  static run_row rows[ESP_RUNS];
  int64_t n = 0;
  const hid_t runs = esp_h5_open_dataset(to, "/provenance/runs"), count = esp_h5_open_dataset(to, "/provenance/runs_count");
  const hid_t type = runs < 0 ? -1 : H5Dget_type(runs);
  if (type >= 0 && count >= 0 && read_runs(from, &n, rows) >= 0 &&
      H5Dwrite(runs, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows) >= 0)
    H5Dwrite(count, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &n);
  esp_h5_drop(type);
  esp_h5_drop(runs);
  esp_h5_drop(count);
}

static bool has_row(const run_row *rows, int64_t n, const run_row *row)
{
  for (int64_t i = 0; i < n && i < ESP_RUNS; i++)
    if (memcmp(&rows[i], row, sizeof *row) == 0)
      return true;
  return false;
}

esp_err esp_results_copy_runs(esp_results *to, const esp_results *from)
{
  static run_row ours[ESP_RUNS], theirs[ESP_RUNS];
  int64_t n_ours = 0, n_theirs = 0;
  ESP_REQUIRE(to->mode == ESP_RESULTS_WRITE, ESP_ERR_ARG, "%s: open for reading only", to->path);
  esp_h5_start();
  ESP_REQUIRE(read_runs(from->file, &n_theirs, theirs) >= 0, ESP_ERR_DATA, "%s: /provenance/runs is damaged (HDF5: %s)",
              from->path, esp_h5_cause());
  ESP_REQUIRE(read_runs(to->file, &n_ours, ours) >= 0, ESP_ERR_DATA, "%s: /provenance/runs is damaged (HDF5: %s)", to->path,
              esp_h5_cause());
  for (int64_t i = n_theirs > ESP_RUNS ? n_theirs - ESP_RUNS : 0; i < n_theirs && n_ours < ESP_RUNS; i++) {
    const run_row *row = &theirs[i % ESP_RUNS];
    if (has_row(ours, n_ours, row))
      continue;
    ESP_TRY(add_row(to, row));
    ours[n_ours++] = *row;
  }
  return ESP_OK;
}

/* ---- for people ---- */

/* "name: text", without control characters. Of several lines each is on its own, indented. */
static void print_fact(const char *name, const char *text)
{
  const size_t n = strlen(text);
  bool line_begins = strcspn(text, "\n") + 1 < n;
  printf("%s:%s", name, line_begins ? "\n" : " ");
  for (size_t i = 0; i < n; i++) {
    const char c = text[i];
    if (line_begins)
      fputs("  ", stdout);
    line_begins = c == '\n';
    putchar(line_begins || c == '\t' || !esp_h5_is_control(c) ? c : '?');
  }
  if (!line_begins)
    putchar('\n');
}

static herr_t print_attribute(hid_t group, const char *name, const H5A_info_t *info, void *unused)
{
  char text[8192];
  (void)info, (void)unused;
  if (strcmp(name, "long_name") != 0 && esp_h5_get_word(group, name, text, sizeof text) >= 0)
    print_fact(name, text);
  return 0;
}

static int row_ranks(const run_row *row)
{
  return (int)esp_get_le(row->n_ranks, sizeof row->n_ranks);
}

static void print_row(int64_t number, const run_row *row)
{
  char name[32], line[2 * ESP_RUN_BYTES];
  const int n_ranks = row_ranks(row);
  snprintf(line, sizeof line, "%.24s on %.64s, job %.32s, %d rank%s, %.36s, %.16s on %.64s: %.784s", row->started,
           row->host, row->job, n_ranks, n_ranks == 1 ? "" : "s", row->program, row->kernel, row->cpu, row->command);
  snprintf(name, sizeof name, "run %" PRId64, number + 1);
  print_fact(name, line);
}

static herr_t print_runs(hid_t file)
{
  static run_row rows[ESP_RUNS];
  int64_t n = 0;
  const herr_t done = read_runs(file, &n, rows);
  for (int64_t i = n > ESP_RUNS ? n - ESP_RUNS : 0; done >= 0 && i < n; i++)
    print_row(i, &rows[i % ESP_RUNS]);
  return done;
}

/* It has computed nothing. */
static bool is_merge(const run_row *row)
{
  static const char command[] = ESP_PROGRAM " merge";
  return strncmp(row->command, command, sizeof command - 1) == 0;
}

esp_err esp_results_last_run(const esp_results *r, esp_run *run)
{
  static run_row rows[ESP_RUNS];
  int64_t n = 0;
  *run = (esp_run){0};
  esp_h5_start();
  ESP_REQUIRE(read_runs(r->file, &n, rows) >= 0, esp_h5_error(ESP_ERR_DATA),
              "%s: /provenance/runs is damaged or cannot be read (HDF5: %s)", r->path, esp_h5_cause());
  int64_t at = n - 1;
  while (at >= 0 && at >= n - ESP_RUNS && is_merge(&rows[at % ESP_RUNS]))
    at--;
  if (at < 0 || at < n - ESP_RUNS)
    return ESP_OK;
  const run_row *last = &rows[at % ESP_RUNS];
  run->n_runs = (int)n;
  run->n_ranks = row_ranks(last);
  snprintf(run->started, sizeof run->started, "%.*s", (int)sizeof last->started, last->started);
  snprintf(run->host, sizeof run->host, "%.*s", (int)sizeof last->host, last->host);
  snprintf(run->program, sizeof run->program, "%.*s", (int)sizeof last->program, last->program);
  snprintf(run->kernel, sizeof run->kernel, "%.*s", (int)sizeof last->kernel, last->kernel);
  char *const words[] = {run->started, run->host, run->program, run->kernel};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    esp_h5_make_plain(words[i]);
  return ESP_OK;
}

esp_err esp_results_print_provenance(const char *path)
{
  hid_t file;
  ESP_TRY(esp_h5_open(path, false, &file));
  const hid_t group = H5Gopen2(file, "/provenance", H5P_DEFAULT);
  hsize_t at = 0;
  herr_t done = group < 0 ? -1 : H5Aiterate2(group, H5_INDEX_NAME, H5_ITER_INC, &at, print_attribute, NULL);
  if (done >= 0)
    done = print_runs(file);
  esp_h5_drop(group);
  H5Fclose(file);
  ESP_REQUIRE(done >= 0, esp_h5_error(ESP_ERR_DATA), "%s: /provenance is damaged or cannot be read (HDF5: %s)", path,
              esp_h5_cause());
  return ESP_OK;
}
