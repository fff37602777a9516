/* results/lock.c - one program at a time: the MPI-IO driver of HDF5 1.10 takes no lock of its own.
 *
 * flock() is given back by the kernel however the holder dies, so a lock that can be taken is nobody's - on this host. Some
 * shared file systems keep flock to one host or have none at all; there the text in the file and the time of its last change
 * decide. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "espalier/file.h"
#include "espalier/log.h"
#include "internal.h"

#define REFRESH_SECONDS 5
#define SILENT_SECONDS 90 /* a holder on another host that says nothing for so long is dead */
#define ATTEMPTS 100      /* 10 ms apart: the holder may be between making the file and writing into it, or about to remove it */
#define ENDING_ATTEMPTS 600 /* 100 ms apart: the last start of our own job may still be ending */

typedef struct {
  char host[256], job[64], started[32];
  long pid;
} holder;

static bool is_host_local(const char *host)
{
  char ours[256] = "";
  gethostname(ours, sizeof ours - 1);
  return strcmp(host, ours) == 0;
}

/* Slurm begins a job again under its old number, perhaps before the last of its processes is gone. */
static bool is_our_job(const holder *h)
{
  char job[64];
  esp_environment("SLURM_JOB_ID", "-", job, sizeof job);
  return strcmp(job, "-") != 0 && strcmp(job, h->job) == 0;
}

/* An empty file has no holder (pid 0). */
static esp_err read_holder(const esp_lock *lock, holder *h)
{
  char text[512] = "";
  *h = (holder){.host = "?", .job = "-", .started = "?"};
  const ssize_t n = esp_read_at(lock->fd, text, sizeof text - 1, 0);
  ESP_REQUIRE(n >= 0, ESP_ERR_IO, "%s: cannot be read: %s", lock->path, strerror(errno));
  bool is_text = true;
  for (ssize_t i = 0; i < n; i++)
    is_text = is_text && (isprint((unsigned char)text[i]) || text[i] == '\n');
  ESP_REQUIRE(n == 0 || (is_text && sscanf(text, "host %255s\npid %ld\njob %63s\nstarted %31s\n", h->host, &h->pid, h->job,
                                           h->started) == 4),
              ESP_ERR_UNAVAILABLE, "%s: in the way: not a lock file of this program", lock->path);
  return ESP_OK;
}

static esp_err write_holder(esp_lock *lock)
{
  char text[512], host[256] = "?", job[64], started[32];
  gethostname(host, sizeof host - 1);
  esp_environment("SLURM_JOB_ID", "-", job, sizeof job);
  esp_now_words(started, sizeof started);
  const int n = snprintf(text, sizeof text, "host %s\npid %ld\njob %s\nstarted %s\n", host, (long)getpid(), job, started);
  int emptied;
  do
    emptied = ftruncate(lock->fd, 0);
  while (emptied != 0 && errno == EINTR);
  const int why = emptied != 0 ? errno : esp_write_at(lock->fd, text, (size_t)n, 0);
  if (why == 0)
    return ESP_OK;
  esp_lock_release(lock); /* a lock without a holder is litter */
  return esp_fail(ESP_ERR_IO, "%s: cannot be written: %s%s", lock->path, strerror(why), esp_disk_advice(why));
}

/* Is the holder named in the file alive, as far as can be told without flock? */
static bool holder_lives(const holder *h, const struct stat *st)
{
  if (h->pid <= 0)
    return false;
  if (is_host_local(h->host))
    return h->pid != (long)getpid() && (kill((pid_t)h->pid, 0) == 0 || errno == EPERM);
  if (is_our_job(h))
    return false; /* begun again on another host */
  return time(NULL) - st->st_mtime <= SILENT_SECONDS;
}

static esp_err refuse(const char *path, const holder *h)
{
  char job[96] = "";
  if (strcmp(h->job, "-") != 0)
    snprintf(job, sizeof job, ", Slurm job %s", h->job);
  return esp_fail(ESP_ERR_UNAVAILABLE,
                  "%.*s: another run is writing it: process %ld on %s%s, started %s; wait for it or stop it "
                  "(its lock is %s)",
                  (int)(strlen(path) - strlen(".lock")), path, h->pid, h->host, job, h->started, path);
}

static esp_err open_lock(esp_lock *lock)
{
  struct stat st;
  lock->fd = open(lock->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0644);
  if (lock->fd < 0 && errno == ELOOP)
    return esp_fail(ESP_ERR_UNAVAILABLE, "%s: a symbolic link, which is not followed; remove it", lock->path);
  if (lock->fd < 0)
    return esp_fail(esp_open_error(errno) == ESP_ERR_IO ? ESP_ERR_CANNOT_CREATE : ESP_ERR_UNAVAILABLE,
                    "%s: cannot lock the results: %s%s", lock->path, strerror(errno), esp_disk_advice(errno));
  ESP_REQUIRE(fstat(lock->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink <= 1, ESP_ERR_UNAVAILABLE,
              "%s: in the way: not a lock file of this program", lock->path);
  return ESP_OK;
}

/* The file may have been removed by its last holder, and made anew by somebody else, since it was opened. */
static bool still_there(const esp_lock *lock)
{
  struct stat ours, there;
  return fstat(lock->fd, &ours) == 0 && lstat(lock->path, &there) == 0 && ours.st_dev == there.st_dev &&
         ours.st_ino == there.st_ino;
}

static void drop(esp_lock *lock)
{
  if (lock->fd >= 0)
    close(lock->fd);
  lock->fd = -1;
}

/* Without flock two may take over the same dead lock at once: the last to write has it, the other sees that and leaves. */
static esp_err settle(esp_lock *lock)
{
  holder h;
  usleep(200000);
  ESP_TRY(read_holder(lock, &h));
  if (still_there(lock) && h.pid == (long)getpid() && is_host_local(h.host))
    return ESP_OK;
  return refuse(lock->path, &h);
}

/* One attempt. *again: somebody is in the middle of something, look once more in a moment; *ending: it is our own job. */
static esp_err attempt(esp_lock *lock, bool *again, bool *ending)
{
  holder h;
  struct stat st;
  *again = *ending = false;
  ESP_TRY(open_lock(lock));
  const bool locked = flock(lock->fd, LOCK_EX | LOCK_NB) == 0;
  const bool busy = !locked && errno == EWOULDBLOCK;
  ESP_REQUIRE(locked || busy || errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL,
              ESP_ERR_UNAVAILABLE, "%s: cannot lock the results: %s", lock->path, strerror(errno));
  const esp_err known = read_holder(lock, &h);
  if (fstat(lock->fd, &st) != 0 || !still_there(lock) || (busy && (known == ESP_ERR_UNAVAILABLE || (known == ESP_OK && h.pid == 0)))) {
    *again = true;
    return ESP_ERR_UNAVAILABLE;
  }
  ESP_TRY(known);
  *again = *ending = busy && is_our_job(&h);
  if (busy || (!(locked && is_host_local(h.host)) && holder_lives(&h, &st)))
    return refuse(lock->path, &h);
  ESP_TRY(write_holder(lock));
  return locked ? ESP_OK : settle(lock);
}

esp_err esp_lock_take(const char *results_path, esp_lock *lock)
{
  /* Two names of one file must lead to one lock: a link to the results is followed, a link in place of the lock never. */
  char *real = realpath(results_path, NULL);
  const char *name = real ? real : results_path;
  lock->fd = -1;
  const int n = snprintf(lock->path, sizeof lock->path, "%s.lock", name);
  free(real);
  ESP_REQUIRE(n > 0 && (size_t)n < sizeof lock->path, ESP_ERR_UNAVAILABLE, "%.100s...: the name is too long", results_path);
  lock->refreshed = 0;
  esp_err err = ESP_ERR_UNAVAILABLE;
  bool again = true, ending = false, patient = false; /* once patient, always: its last holder may be about to remove it */
  for (int i = 0; i < (patient ? ENDING_ATTEMPTS : ATTEMPTS) && again; i++) {
    if (i > 0)
      usleep(ending ? 100000 : 10000);
    err = attempt(lock, &again, &ending);
    patient = patient || ending;
    if (err != ESP_OK)
      drop(lock);
  }
  return again && !ending ? esp_fail(ESP_ERR_UNAVAILABLE, "%s: held by another run that does not say who it is", lock->path) : err;
}

void esp_lock_keep(void *context)
{
  esp_lock *lock = context;
  const double now = esp_seconds();
  if (lock->fd < 0 || now - lock->refreshed < REFRESH_SECONDS)
    return;
  lock->refreshed = now;
  futimens(lock->fd, NULL);
}

void esp_lock_release(esp_lock *lock)
{
  /* Removed while it is held: who has it open already will find that it is no longer there, and begin anew. */
  if (lock->fd >= 0 && still_there(lock))
    unlink(lock->path);
  drop(lock);
}
