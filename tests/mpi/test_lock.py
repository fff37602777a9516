"""One run at a time writes to a file; a dead one does not stand in the way."""
import pathlib
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *


# A day passes in a second, and LOG gets a byte for each sign of life.
HURRY = """
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *now)
{
  const long done = syscall(SYS_clock_gettime, id, now);
  if (id == CLOCK_MONOTONIC && strcmp(program_invocation_short_name, "espalier") == 0) {
    const long part = now->tv_nsec * 86400;
    now->tv_sec = now->tv_sec * 86400 + part / 1000000000;
    now->tv_nsec = part % 1000000000;
  }
  return (int)done;
}
int futimens(int fd, const struct timespec times[2])
{
  const int log = open(getenv("LOG"), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (write(log, "x", 1) != 1)
    abort();
  close(log);
  return (int)syscall(SYS_utimensat, fd, NULL, times, 0);
}
"""


class Lock(Case):
    def second_run(self, ranks):
        config = self.config(ENDLESS)
        file = self.dir / "net.h5"
        first = self.start("run", "-q", config, ranks=ranks)
        self.wait_working(first, file)
        for args in ([], ["--force"], ["--set", "seed=12", "--force"]):
            result = self.expect(UNAVAILABLE, "run", "-q", config, *args)
            self.assert_one_line(result, "net.h5", "another run is writing it", socket.gethostname())
            self.assertTrue(any(f"process {pid} " in result.err for pid in ranks_of(first.pid)), result.err)
        result = self.expect(UNAVAILABLE, "run", "-q", config, ranks=2)
        self.assertEqual(result.err.count("another run is writing it"), 1, result.err)
        self.assertIsNone(first.poll(), "the first run was disturbed")
        self.assertEqual([n for n in self.litter() if ".old-" in n], [])

        self.kill_all(first)
        self.wait_gone(first)
        self.assertTrue((self.dir / "net.h5.lock").exists())
        began = time.monotonic()
        self.expect(STOPPED, "run", "-q", config, "--max-time", "0.2")
        self.assert_soon(began, 10, "the lock of a dead run stood in the way")
        self.assertFalse((self.dir / "net.h5.lock").exists())
        self.assert_sound(file)

    def test_one_process(self):
        self.second_run(1)

    def test_three_ranks(self):
        self.second_run(3)

    def test_signs_of_life(self):
        """Also while nothing is computed: here all that happens is that cells are read and counted."""
        config, log = self.config(), self.mpi / "signs"
        self.expect(OK, "run", "-q", config)
        env = {**self.preload(self.write(".mpi/hurry.c", HURRY)), "LOG": log, "OMPI_MCA_ess_singleton_isolated": 1}
        for args in (["run", "-q", config], ["merge", "net.h5", "part.h5"]):
            log.write_text("")
            if args[0] == "merge":
                self.expect(STOPPED, "run", "-q", config, "-o", "part.h5", "--max-time", "0")  # there is nothing to be copied
            self.expect(OK, *args, env=env)
            self.assertGreater(log.stat().st_size, 10, args)

    def test_by_another_name(self):
        """A link to the results leads to the same lock."""
        config = self.config(ENDLESS)
        first = self.start("run", "-q", config)
        self.wait_working(first, self.dir / "net.h5")
        (self.dir / "link.h5").symlink_to("net.h5")
        result = self.expect(UNAVAILABLE, "run", "-q", config, "-o", "link.h5")
        self.assert_one_line(result, f"process {first.pid} ")

    def test_two_at_once(self):
        """Begun in the same moment, exactly one of two works; afterwards the file is whole."""
        config = self.config(TINY)
        both = [self.start("run", "-q", config) for _ in range(2)]
        results = [self.finish(p) for p in both]
        self.assertIn(OK, [r.status for r in results])
        for result in results:
            self.assertIn(result.status, (OK, UNAVAILABLE), str(result))
        self.assert_sound("net.h5")
        self.assertEqual(self.litter(), ["net.h5", "net.yaml"])

    def test_nothing_is_left(self):
        config = self.config()
        for ranks in (1, 3):
            self.expect(OK, "run", "-q", config, ranks=ranks)
            self.assertEqual(self.litter(), ["net.h5", "net.yaml"])


if __name__ == "__main__":
    main()
