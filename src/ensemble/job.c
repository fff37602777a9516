/* ensemble/job.c - MPI_Finalize waits for every process that the launcher believes alive, so it is no end for a job in which one
 * is stopped or hangs. MPI_Abort is, whatever the status: mpirun kills what is left on all hosts and ends with it. But not under
 * mpirun --enable-recovery, where it ends its caller alone, and mpirun waits until the others are gone and then says 0. */
#include "job.h"

#include <mpi.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "espalier/ensemble.h"
#include "espalier/log.h"
#include "espalier/results.h"
#include "espalier/watchdog.h"

typedef struct {
  char host[64];
  long pid;
} place;

static struct {
  int rank, n_ranks;
  place *places; /* rank 0: [n_ranks] */
  bool *lost;    /* rank 0: [n_ranks] */
  int n_lost;
} job;

static void gather_places(void)
{
  place here = {.pid = (long)getpid()};
  gethostname(here.host, sizeof here.host - 1);
  if (job.rank == 0) {
    job.places = calloc((size_t)job.n_ranks, sizeof *job.places);
    job.lost = calloc((size_t)job.n_ranks, sizeof *job.lost);
    if (!job.places || !job.lost)
      esp_ensemble_abort(esp_fail(ESP_ERR_NOMEM, "no memory for a list of %d ranks", job.n_ranks));
  }
  MPI_Gather(&here, (int)sizeof here, MPI_BYTE, job.places, (int)sizeof here, MPI_BYTE, 0, MPI_COMM_WORLD);
}

void esp_ensemble_begin(int *argc, char ***argv, int *rank, int *n_ranks)
{
  int level; /* whatever it is: the watchdog's thread calls MPI only to end the job, which is better than not to end it */
  esp_results_begin();
  setenv("OMPI_MCA_io", "^ompio", 0); /* ROMIO: equal speed, leaves no lock files behind when killed */
  MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &level);
  MPI_Comm_rank(MPI_COMM_WORLD, rank);
  MPI_Comm_size(MPI_COMM_WORLD, n_ranks);
  job.rank = *rank;
  job.n_ranks = *n_ranks;
  gather_places();
}

int esp_job_size(void)
{
  return job.n_ranks;
}

const char *esp_job_host(int rank)
{
  return job.places[rank].host;
}

void esp_job_lost(int rank)
{
  job.n_lost += !job.lost[rank];
  job.lost[rank] = true;
}

void esp_job_somebody_lost(void)
{
  job.n_lost = 1;
}

/* ---- the end ---- */

static bool launcher_tolerates_losses(void)
{
  const char *value = getenv("OMPI_MCA_orte_enable_recovery");
  return value && *value && strchr("1ty", *value);
}

/* A process of this number that has our launcher for its parent is the one that MPI_Gather told of, and no later one. */
static bool is_sibling(long pid)
{
  char path[64], text[512] = "";
  long parent = 0;
  snprintf(path, sizeof path, "/proc/%ld/stat", pid);
  FILE *file = fopen(path, "r");
  if (!file)
    return false;
  const char *name_end = fgets(text, sizeof text, file) ? strrchr(text, ')') : NULL;
  fclose(file);
  return name_end && sscanf(name_end, ") %*c %ld", &parent) == 1 && parent == (long)getppid();
}

/* As far as they are on this host; somebody else has to end the others. */
static void kill_siblings(bool lost_only)
{
  for (int rank = 1; rank < job.n_ranks; rank++)
    if ((!lost_only || job.lost[rank]) && strcmp(job.places[rank].host, job.places[0].host) == 0 &&
        is_sibling(job.places[rank].pid))
      kill((pid_t)job.places[rank].pid, SIGKILL);
}

_Noreturn void esp_job_abort(int status)
{
  if (job.n_ranks == 1)
    _exit(status); /* at once: what is called at exit might touch the file that hangs */
  if (job.rank == 0 && job.places && launcher_tolerates_losses())
    kill_siblings(false);
  MPI_Abort(MPI_COMM_WORLD, status);
  _exit(status);
}

_Noreturn void esp_ensemble_abort(esp_err err)
{
  esp_log("%s", esp_err_message(err));
  esp_job_abort(esp_err_exit_status(err));
}

/* Not in MPI_Finalize: mpirun can crash when it kills processes that wait for each other there. */
static void wait_to_be_killed(void)
{
  const double end = esp_seconds() + 60;
  while (esp_seconds() < end)
    usleep(100000);
}

static void end_without_the_lost(int status)
{
  const bool tolerant = launcher_tolerates_losses();
  if (job.rank > 0) {
    if (!tolerant)
      wait_to_be_killed();
    _exit(status);
  }
  esp_log("%d of %d ranks are lost and not waited for: their processes are ended%s", job.n_lost, job.n_ranks,
          tolerant ? "" : ", which Open MPI calls an abort");
  if (fflush(stdout) != 0 && status == 0)
    status = esp_err_exit_status(ESP_ERR_IO);
  if (!tolerant)
    MPI_Abort(MPI_COMM_WORLD, status);
  kill_siblings(true);
  _exit(status);
}

void esp_ensemble_end(int status)
{
  if (job.n_lost > 0)
    end_without_the_lost(status);
  MPI_Finalize();
  esp_watchdog_stop();
  free(job.places);
  free(job.lost);
}
