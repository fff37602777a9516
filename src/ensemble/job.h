/* ensemble/job.h - the processes of the job: where they are, and how it ends when some of them no longer answer. What is for other
 * rooms is in espalier/ensemble.h. */
#ifndef ESPALIER_ENSEMBLE_JOB_H
#define ESPALIER_ENSEMBLE_JOB_H

/** The number of ranks. */
int esp_job_size(void);

/** Rank 0: the host of a rank; borrowed until esp_ensemble_end. */
const char *esp_job_host(int rank);

/** Rank 0: do not wait for this rank at the end. */
void esp_job_lost(int rank);

/** The other ranks: rank 0 says that somebody is lost. */
void esp_job_somebody_lost(void);

/** End all processes of the job with this exit status, from any thread. */
_Noreturn void esp_job_abort(int status);

#endif
