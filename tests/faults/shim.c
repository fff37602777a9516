/* tests/faults/shim.c - preloaded: the n-th call of a kind fails, once or from then on.
 *
 * Counted are calls on files below FAULT_DIR (what Open MPI keeps in .mpi there aside), and requests for memory that come from
 * the program itself or from libyaml; each process counts for itself, from 1. The environment:
 *   FAULT_DIR      directory of the run, an absolute path without links
 *   FAULT_KIND     write, sync, rename, open, read, truncate, close, unlink, mkdir or memory (scratch memory that grows, too)
 *   FAULT_N        number of the call; 0: none fails
 *   FAULT_ERROR    name of an errno, or SHORT: half of the bytes (at least one) are moved
 *   FAULT_FOREVER  1: all later calls of the kind too
 *   FAULT_RANK     only this rank; unset: all
 *   FAULT_CALLERS  beginning of the name of a library: memory that this one asks for, not the program
 *   FAULT_LOG      file that gets a line for each call that counts: kind, function, file; '!' in front of one that fails
 * A program with the sanitizers has its own malloc: with -DWITHOUT_MEMORY the one here stays out of its way. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE, SYNC, RENAME, OPEN, READ, TRUNCATE, CLOSE, UNLINK, MKDIR, MEMORY, N_KINDS };
static const char *const kind_name[N_KINDS] = {"write", "sync",  "rename", "open",  "read",
                                               "truncate", "close", "unlink", "mkdir", "memory"};
static const struct {
  const char *name;
  int number;
} errors[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO},       {"EINTR", EINTR}, {"EDQUOT", EDQUOT}, {"EMFILE", EMFILE},
              {"EACCES", EACCES}, {"ENOMEM", ENOMEM}, {"SHORT", -1}};

static struct {
  bool ready, active, forever;
  int kind, error, log;
  long n, calls[N_KINDS];
  const char *dir;
  size_t dir_length;
} fault;

/* ---- what fails ---- */

__attribute__((constructor)) static void prepare(void)
{
  const char *kind = getenv("FAULT_KIND"), *n = getenv("FAULT_N"), *error = getenv("FAULT_ERROR"), *log = getenv("FAULT_LOG");
  const char *rank = getenv("OMPI_COMM_WORLD_RANK"), *bad = getenv("FAULT_RANK"), *forever = getenv("FAULT_FOREVER");
  fault.dir = getenv("FAULT_DIR");
  fault.dir_length = fault.dir ? strlen(fault.dir) : 0;
  fault.kind = -1;
  for (int k = 0; kind && k < N_KINDS; k++)
    if (strcmp(kind, kind_name[k]) == 0)
      fault.kind = k;
  for (size_t i = 0; error && i < sizeof errors / sizeof *errors; i++)
    if (strcmp(error, errors[i].name) == 0)
      fault.error = errors[i].number;
  fault.n = n ? atol(n) : 0;
  fault.forever = forever && atoi(forever);
  fault.log = log ? (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
  fault.active = fault.dir && strcmp(program_invocation_short_name, "espalier") == 0 &&
                 (!bad || strcmp(rank ? rank : "0", bad) == 0);
  fault.ready = true;
}

static void note(int kind, const char *function, const char *what, bool fails)
{
  char line[PATH_MAX + 128];
  const int n = snprintf(line, sizeof line, "%s%s %s %s\n", fails ? "!" : "", kind_name[kind], function, what);
  if (fault.log >= 0)
    syscall(SYS_write, fault.log, line, n < (int)sizeof line ? n : (int)sizeof line);
}

/* Count a call; 0, or how it fails. */
static int count(int kind, const char *function, const char *what)
{
  const long call = __atomic_add_fetch(&fault.calls[kind], 1, __ATOMIC_RELAXED);
  const bool fails = kind == fault.kind && fault.n > 0 && (call == fault.n || (fault.forever && call > fault.n));
  note(kind, function, what, fails);
  return fails ? fault.error : 0;
}

static int fails_path(int kind, const char *function, int at, const char *path)
{
  char whole[2 * PATH_MAX], link[64];
  if (!fault.active || !path)
    return 0;
  if (path[0] == '/')
    snprintf(whole, sizeof whole, "%s", path);
  else {
    snprintf(link, sizeof link, at == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", at);
    char base[PATH_MAX];
    const ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, base, sizeof base - 1);
    snprintf(whole, sizeof whole, "%.*s/%s", n > 0 ? (int)n : 0, base, path);
  }
  if (strncmp(whole, fault.dir, fault.dir_length) != 0 || whole[fault.dir_length] != '/' || strstr(whole, "/.mpi"))
    return 0;
  return count(kind, function, whole + fault.dir_length + 1);
}

static int fails_fd(int kind, const char *function, int fd)
{
  char link[64], path[PATH_MAX];
  if (!fault.active || fd < 0)
    return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
  if (n <= 0 || path[0] != '/')
    return 0;
  path[n] = '\0';
  return fails_path(kind, function, AT_FDCWD, path);
}

/* Half of it, at least a byte: a write of nothing does not happen on a file. */
static size_t half(size_t size)
{
  return size > 1 ? size / 2 : size;
}

static void *next(const char *name)
{
  return dlsym(RTLD_NEXT, name);
}

#define REAL(name) ((__typeof__(&name))next(#name))
#define FAIL_PATH(kind, at, path)                                   \
  do {                                                              \
    const int fail_error = fails_path(kind, __func__, at, path);    \
    if (fail_error > 0) {                                           \
      errno = fail_error;                                           \
      return -1;                                                    \
    }                                                               \
  } while (0)
#define FAIL_FD(kind, fd, size)                                     \
  do {                                                              \
    const int fail_error = fails_fd(kind, __func__, fd);            \
    if (fail_error > 0) {                                           \
      errno = fail_error;                                           \
      return -1;                                                    \
    }                                                               \
    if (fail_error < 0)                                             \
      size = half(size);                                            \
  } while (0)

/* ---- files ---- */

ssize_t write(int fd, const void *data, size_t n)
{
  FAIL_FD(WRITE, fd, n);
  return syscall(SYS_write, fd, data, n);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
  FAIL_FD(WRITE, fd, n);
  return syscall(SYS_pwrite64, fd, data, n, at);
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at)
{
  FAIL_FD(WRITE, fd, n);
  return syscall(SYS_pwrite64, fd, data, n, at);
}

ssize_t writev(int fd, const struct iovec *pieces, int n_pieces)
{
  size_t n = (size_t)n_pieces;
  FAIL_FD(WRITE, fd, n);
  return syscall(SYS_writev, fd, pieces, n);
}

ssize_t pwritev(int fd, const struct iovec *pieces, int n_pieces, off_t at)
{
  size_t n = (size_t)n_pieces;
  FAIL_FD(WRITE, fd, n);
  return REAL(pwritev)(fd, pieces, (int)n, at);
}

ssize_t read(int fd, void *data, size_t n)
{
  FAIL_FD(READ, fd, n);
  return syscall(SYS_read, fd, data, n);
}

ssize_t pread(int fd, void *data, size_t n, off_t at)
{
  FAIL_FD(READ, fd, n);
  return syscall(SYS_pread64, fd, data, n, at);
}

ssize_t pread64(int fd, void *data, size_t n, off64_t at)
{
  FAIL_FD(READ, fd, n);
  return syscall(SYS_pread64, fd, data, n, at);
}

int fsync(int fd)
{
  size_t unused = 0;
  FAIL_FD(SYNC, fd, unused);
  return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
  size_t unused = 0;
  FAIL_FD(SYNC, fd, unused);
  return (int)syscall(SYS_fdatasync, fd);
}

/* Whatever it says, the descriptor is gone. */
int close(int fd)
{
  const int error = fails_fd(CLOSE, __func__, fd);
  const int done = (int)syscall(SYS_close, fd);
  if (error > 0) {
    errno = error;
    return -1;
  }
  return done;
}

int ftruncate(int fd, off_t size)
{
  size_t unused = 0;
  FAIL_FD(TRUNCATE, fd, unused);
  return (int)syscall(SYS_ftruncate, fd, size);
}

int ftruncate64(int fd, off64_t size)
{
  size_t unused = 0;
  FAIL_FD(TRUNCATE, fd, unused);
  return (int)syscall(SYS_ftruncate, fd, size);
}

int rename(const char *from, const char *to)
{
  FAIL_PATH(RENAME, AT_FDCWD, from);
  return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat2(int at, const char *from, int at_to, const char *to, unsigned flags)
{
  FAIL_PATH(RENAME, at, from);
  return (int)syscall(SYS_renameat2, at, from, at_to, to, flags);
}

int link(const char *from, const char *to)
{
  FAIL_PATH(RENAME, AT_FDCWD, from);
  return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(const char *path)
{
  FAIL_PATH(UNLINK, AT_FDCWD, path);
  return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int mkdir(const char *path, mode_t mode)
{
  FAIL_PATH(MKDIR, AT_FDCWD, path);
  return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

#define OPEN_AT(at, path, flags)                                                    \
  do {                                                                              \
    FAIL_PATH(OPEN, at, path);                                                      \
    va_list args;                                                                   \
    va_start(args, flags);                                                          \
    const mode_t mode = (flags) & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0; \
    va_end(args);                                                                   \
    return (int)syscall(SYS_openat, at, path, flags, mode);                         \
  } while (0)

int open(const char *path, int flags, ...)
{
  OPEN_AT(AT_FDCWD, path, flags);
}

int open64(const char *path, int flags, ...)
{
  OPEN_AT(AT_FDCWD, path, flags);
}

int openat(int at, const char *path, int flags, ...)
{
  OPEN_AT(at, path, flags);
}

int openat64(int at, const char *path, int flags, ...)
{
  OPEN_AT(at, path, flags);
}

/* ---- memory ---- */

#ifndef WITHOUT_MEMORY
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);

static struct {
  uintptr_t from, to;
} ours[8];
static int n_ours;
static uintptr_t program;

static int look(struct dl_phdr_info *info, size_t size, void *unused)
{
  (void)size, (void)unused;
  const char *path = info->dlpi_name ? info->dlpi_name : "", *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  const char *callers = getenv("FAULT_CALLERS");
  if (!*path && !program)
    program = info->dlpi_addr;
  if (callers ? strncmp(name, callers, strlen(callers)) != 0 : *path && strncmp(name, "libyaml", 7) != 0)
    return 0;
  for (int i = 0; i < info->dlpi_phnum && n_ours < 8; i++)
    if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
      ours[n_ours].from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
      ours[n_ours].to = ours[n_ours].from + info->dlpi_phdr[i].p_memsz;
      n_ours++;
    }
  return 0;
}

__attribute__((constructor)) static void find_ours(void)
{
  dl_iterate_phdr(look, NULL);
}

/* Libraries ask for memory of their own: who called decides. */
static bool no_memory(const char *function, const void *caller)
{
  const uintptr_t at = (uintptr_t)caller;
  bool is_ours = false;
  for (int i = 0; i < n_ours; i++)
    is_ours = is_ours || (at >= ours[i].from && at < ours[i].to);
  if (!fault.ready || !fault.active || !is_ours)
    return false;
  char where[32];
  snprintf(where, sizeof where, "%#lx", (unsigned long)(at - program)); /* addr2line -e espalier knows it */
  if (!count(MEMORY, function, where))
    return false;
  errno = ENOMEM;
  return true;
}

#define CALLER __builtin_return_address(0)

void *malloc(size_t n)
{
  return no_memory(__func__, CALLER) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
  return no_memory(__func__, CALLER) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t n)
{
  return no_memory(__func__, CALLER) ? NULL : __libc_realloc(old, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
  return no_memory(__func__, CALLER) ? NULL : __libc_memalign(alignment, n);
}

char *strdup(const char *text)
{
  const size_t n = strlen(text) + 1;
  char *copy = no_memory(__func__, CALLER) ? NULL : __libc_malloc(n);
  return copy ? memcpy(copy, text, n) : NULL;
}

char *strndup(const char *text, size_t most)
{
  const size_t n = strnlen(text, most);
  char *copy = no_memory(__func__, CALLER) ? NULL : __libc_malloc(n + 1);
  if (!copy)
    return NULL;
  copy[n] = '\0';
  return memcpy(copy, text, n);
}

int vasprintf(char **text, const char *format, va_list args)
{
  return no_memory(__func__, CALLER) ? -1 : REAL(vasprintf)(text, format, args);
}

int asprintf(char **text, const char *format, ...)
{
  va_list args;
  if (no_memory(__func__, CALLER))
    return -1;
  va_start(args, format);
  const int n = REAL(vasprintf)(text, format, args);
  va_end(args);
  return n;
}

FILE *open_memstream(char **text, size_t *size)
{
  return no_memory(__func__, CALLER) ? NULL : REAL(open_memstream)(text, size);
}

int mprotect(void *at, size_t n, int how)
{
  return no_memory(__func__, CALLER) ? -1 : (int)syscall(SYS_mprotect, at, n, how);
}

char *realpath(const char *path, char *resolved)
{
  return !resolved && no_memory(__func__, CALLER) ? NULL : ((char *(*)(const char *, char *))dlvsym(RTLD_NEXT, "realpath", "GLIBC_2.3"))(path, resolved);
}
#endif
