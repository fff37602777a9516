"""A run in which nothing moves any more ends with 74 and says who was at what; one that is only slow goes on.

With ESP_TEST_CAMPAIGN set there are more places to hang in.
"""
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

CAMPAIGN = bool(os.environ.get("ESP_TEST_CAMPAIGN"))

# Call number HANG_FROM and later ones of function HANG_CALL, on a file whose name has HANG_NAME in it, never return in rank
# HANG_RANK (-1: in all but rank 0), or return after HANG_SECONDS.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
static void maybe(const char *call, const char *name)
{
  static int calls;
  const char *rank = getenv("OMPI_COMM_WORLD_RANK"), *seconds = getenv("HANG_SECONDS");
  const int ours = atoi(rank ? rank : "0"), bad = atoi(getenv("HANG_RANK"));
  if (strcmp(call, getenv("HANG_CALL")) != 0 || !strstr(name, getenv("HANG_NAME")) || !(bad < 0 ? ours > 0 : ours == bad) ||
      ++calls < atoi(getenv("HANG_FROM")))
    return;
  if (seconds)
    usleep((useconds_t)(1e6 * atof(seconds)));
  else
    for (;;)
      pause();
}
static void maybe_fd(const char *call, int fd)
{
  char link[64], name[4096] = "";
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  if (readlink(link, name, sizeof name - 1) > 0)
    maybe(call, name);
}
#define REAL(type, name, ...) ((type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))
ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
  maybe_fd("pwrite", fd);
  return REAL(ssize_t, "pwrite", int, const void *, size_t, off_t)(fd, p, n, at);
}
ssize_t pwrite64(int fd, const void *p, size_t n, off_t at)
{
  maybe_fd("pwrite", fd);
  return REAL(ssize_t, "pwrite64", int, const void *, size_t, off_t)(fd, p, n, at);
}
ssize_t write(int fd, const void *p, size_t n)
{
  maybe_fd("pwrite", fd);
  return REAL(ssize_t, "write", int, const void *, size_t)(fd, p, n);
}
ssize_t pread(int fd, void *p, size_t n, off_t at)
{
  maybe_fd("pread", fd);
  return REAL(ssize_t, "pread", int, void *, size_t, off_t)(fd, p, n, at);
}
ssize_t pread64(int fd, void *p, size_t n, off_t at)
{
  maybe_fd("pread", fd);
  return REAL(ssize_t, "pread64", int, void *, size_t, off_t)(fd, p, n, at);
}
int fsync(int fd)
{
  maybe_fd("fsync", fd);
  return REAL(int, "fsync", int)(fd);
}
int renameat2(int from, const char *a, int to, const char *b, unsigned flags)
{
  maybe("rename", b);
  return REAL(int, "renameat2", int, const char *, int, const char *, unsigned)(from, a, to, b, flags);
}
static int open_as(const char *name, const char *path, int flags, int mode)
{
  maybe("open", path);
  return REAL(int, name, const char *, int, ...)(path, flags, mode);
}
#define OPEN(name)                               \
  int name(const char *path, int flags, ...)     \
  {                                              \
    va_list args;                                \
    va_start(args, flags);                       \
    const int mode = va_arg(args, int);          \
    va_end(args);                                \
    return open_as(#name, path, flags, mode);    \
  }
OPEN(open)
OPEN(open64)
"""

PATIENCE = 4  # s; a machine that is slow today moves more often than that

RANK = r"espalier: rank {} on \S+: {}"


class Watchdog(Case):
    def setUp(self):
        super().setUp()
        self.hanging = self.preload(self.write(".mpi/shim.c", SHIM))

    def hang(self, rank, call, start=1, name="net.h5", **more):
        return {**self.hanging, "HANG_RANK": rank, "HANG_CALL": call, "HANG_FROM": start, "HANG_NAME": name, **more}

    def bitten(self, env, *lines, ranks=1, options=()):
        """The run ends with 74, says who was at what, and leaves no process behind."""
        process = self.start("run", "-q", self.config(), "--watchdog", PATIENCE, *options, ranks=ranks, env=env)
        result = self.finish(process)
        self.wait_gone(process)
        self.assertEqual(result.status, IO, str(result))
        self.assertIn(f"espalier: nothing has moved for {PATIENCE:.1f} s (--watchdog)", result.err)
        for line in lines:
            self.assertRegex(result.err, line)
        self.assertNotIn("is complete", result.out)
        for name in ("net.h5", "net.h5.tmp"):
            (self.dir / name).unlink(missing_ok=True)

    def test_one_process(self):
        cell = r", member \d, \w+, \w+"
        self.bitten(self.hang(0, "fsync", 2), RANK.format(0, "(closing the file|writing)"))  # one is for making it
        self.bitten(self.hang(0, "rename"), RANK.format(0, "making the file"))
        if CAMPAIGN:
            self.bitten(self.hang(0, "fsync", 1, "net.h5.tmp"), RANK.format(0, "making the file"))
            self.bitten(self.hang(0, "open", 1, "net.yaml"), RANK.format(0, "preparing the run"))
        self.expect(STOPPED, "run", "-q", self.config(), "--max-time", 0)
        self.bitten(self.hang(0, "pwrite", 30), RANK.format(0, "writing" + cell))
        if CAMPAIGN:
            self.expect(STOPPED, "run", "-q", self.config(), "--max-time", 0)
            self.bitten(self.hang(0, "pread", 40), RANK.format(0, ""))

    def test_rank_0(self):
        for call, name, phase in (("rename", "net.h5", "making the file"), ("open", "net.yaml", "preparing the run"))[:2 if CAMPAIGN else 1]:
            self.bitten(self.hang(0, call, 1, name), RANK.format(0, phase), RANK.format(2, "waiting for rank 0"), ranks=3)

    def test_all_workers_hang(self):
        self.bitten(self.hang(-1, "pwrite", 30), RANK.format(0, "handing out work"),
                    RANK.format(1, r"writing, member \d, \w+, \w+, last heard .* ago"), RANK.format(2, "writing"),
                    ranks=3, options=("--worker-timeout", "0"))

    def test_all_workers_stopped(self):
        process = self.start("run", "-q", self.config(ENDLESS), "--watchdog", PATIENCE, "--worker-timeout", 0, ranks=3)
        workers = self.workers_of(process, 2)
        self.wait_training(process, self.dir / "net.h5", n=2)
        for pid in workers:
            send(pid, signal.SIGSTOP)
        result = self.finish(process)
        self.wait_gone(process)
        self.assertEqual(result.status, IO, str(result))
        for rank in (1, 2):
            self.assertRegex(result.err, RANK.format(rank, r"training, member \d, pruned, start, last heard"))
        self.assert_sound("net.h5")

    def test_one_worker_hangs(self):
        """That is no case for the watchdog: it is lost, and the others go on."""
        config = self.config()
        for call, start in (("pwrite", 30), ("fsync", 1), ("open", 1))[:3 if CAMPAIGN else 2]:
            with self.subTest(call=call):
                result = self.run_program("run", "-q", config, "--watchdog", 60, "--worker-timeout", PATIENCE, ranks=4,
                                          env=self.hang(1, call, start))
                self.assertEqual(result.status, OK, str(result))
                self.assertRegex(result.err, r"warning: rank 1 on \S+: \w+ing.*presumed lost")
                self.assert_same(self.straight(config), "net.h5")
                (self.dir / "net.h5").unlink()

    def test_slow_is_not_silent(self):
        """Every write takes longer than it should, the run several times the watchdog's patience."""
        config = self.config(TINY.replace("members: 4", "members: 1").replace("  members: 2\n", "  members: 1\n"))
        for ranks in (1, 3):
            self.expect(STOPPED, "run", "-q", config, "-o", f"net.h5-{ranks}", "--max-time", 0)
            result = self.expect(OK, "run", "-q", config, "-o", f"net.h5-{ranks}", "--watchdog", PATIENCE, "--worker-timeout", PATIENCE,
                                 ranks=ranks, env=self.hang(-1 if ranks > 1 else 0, "pwrite", 1, HANG_SECONDS=0.08))
            self.assertGreater(result.seconds, 2 * PATIENCE, "not slow enough for this test")
            self.assertNotIn("lost", result.err)

    def test_stopped_and_continued(self):
        """A program that was stopped has lost no time."""
        process = self.start("run", "-q", self.config(LONG.replace("400", "200")), "--watchdog", PATIENCE)
        self.wait_training(process, self.dir / "net.h5")
        send(process.pid, signal.SIGSTOP)
        time.sleep(PATIENCE + 2)
        send(process.pid, signal.SIGCONT)
        self.assertEqual(self.finish(process).status, OK)

    def test_never(self):
        process = self.start("run", "-q", self.config(), "--watchdog", 0, env=self.hang(0, "rename"))
        time.sleep(3)
        self.assertIsNone(process.poll())


if __name__ == "__main__":
    main()
