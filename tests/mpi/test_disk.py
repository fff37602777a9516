"""A disk that fails under one worker: the run ends with 74 and says where, it is not called complete."""
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *


# Says that it has written the entry of cell number LOSE, and has not.
LOSER = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
int H5Dwrite(int64_t set, int64_t type, int64_t memory, int64_t file, int64_t list, const void *values)
{
  static int entries;
  size_t (*size)(int64_t) = (size_t (*)(int64_t))dlsym(RTLD_NEXT, "H5Tget_size");
  int (*real)(int64_t, int64_t, int64_t, int64_t, int64_t, const void *) =
      (int (*)(int64_t, int64_t, int64_t, int64_t, int64_t, const void *))dlsym(RTLD_NEXT, "H5Dwrite");
  return file && size(type) == 32 && ++entries == atoi(getenv("LOSE")) ? 0 : real(set, type, memory, file, list, values);
}
"""


class Disk(Case):
    def failing(self, rank):
        """fsync gives EIO on this rank, from the first call on."""
        return {**self.shim(), "FAULT_KIND": "sync", "FAULT_N": 1, "FAULT_ERROR": "EIO", "FAULT_FOREVER": 1, "FAULT_RANK": rank}

    def failed(self, result, rank):
        self.assertEqual(result.status, IO, str(result))
        self.assertNotIn("is complete", result.out + result.err)
        self.assertIn("net.h5: cannot be brought to disk: Input/output error", result.err)
        self.assertEqual(result.err.count("cannot be brought to disk"), 1, result.err)
        if rank:
            self.assertIn(f"rank {rank}", result.err)
        self.assertEqual(self.litter(), ["net.h5", "net.yaml"])

    def test_at_the_end(self):
        """The work takes less than the time between two syncs, so the only one is that of closing."""
        config = self.config()
        for ranks, bad in ((2, 1), (3, 1), (3, 2)):
            with self.subTest(ranks=ranks, bad=bad):
                self.failed(self.run_program("run", config, ranks=ranks, env=self.failing(bad)), bad)
                self.expect(OK, "run", "-q", config, ranks=ranks)
                self.assert_same(self.straight(config), "net.h5")
                (self.dir / "net.h5").unlink()
                (self.dir / "straight.h5").unlink()

    def test_rank_without_fault(self):
        """The shim alone changes nothing."""
        config = self.config()
        result = self.expect(OK, "run", config, ranks=2, env=self.failing(7))
        self.assertIn("is complete: 28 cells", result.out)

    def test_after_a_stop(self):
        """Not saved is not stopped: who waits for 75 must not believe that all is there."""
        config = self.config(LONG)
        self.failed(self.run_program("run", config, "--max-time", "1", ranks=2, env=self.failing(1)), 1)

    def test_an_entry_that_is_not_there(self):
        """The file is looked at before it is called complete."""
        config = self.config()
        env = {**self.preload(self.write(".mpi/loser.c", LOSER)), "LOSE": 28}
        result = self.run_program("run", "-q", config, env=env)
        self.assertEqual(result.status, IO, str(result))
        self.assertIn("net.h5: 1 of 28 cells are missing", result.err)
        self.assertNotIn("is complete", result.out)
        self.expect(OK, "run", "-q", config)
        self.assert_same(self.straight(config), "net.h5")

    def test_nothing_more_to_write(self):
        """What is written is brought to disk within seconds, also when the next cell takes for ever."""
        config = self.config(BANDIT.replace("ladder_calls: 4", "ladder_calls: 1000000"))
        log = self.mpi / "calls"
        env = {**self.failing(0), "FAULT_N": 0, "FAULT_LOG": log}
        process = self.start("run", "-q", config, "--set", "ensemble.checkpoint_interval=1000", "--members", "0", env=env)

        def synced():
            calls = [line for line in log.read_text().splitlines() if line.endswith(" net.h5")] if log.exists() else []
            return process.poll() is not None or (len(calls) > 100 and calls[-1].startswith("sync"))
        self.assertTrue(wait_for(synced, 0.1), "nothing is synced")
        self.assertIsNone(process.poll(), self._texts(process))
        self.kill_all(process)
        self.wait_gone(process)

    def test_in_the_middle(self):
        """The first sync is due after five seconds."""
        began = time.monotonic()
        self.failed(self.run_program("run", self.config(ENDLESS), ranks=3, env=self.failing(1)), 0)
        self.assert_soon(began, 30, "the run does not end when it cannot sync")
        self.assert_sound("net.h5")


class FullDisk(Case):
    """A small file system of its own, on which a filler leaves as much room as it is told."""

    def setUp(self):
        super().setUp()
        self.disk = self.dir / "disk"
        self.disk.mkdir()
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(self.disk)], capture_output=True, text=True) \
            if os.geteuid() == 0 and have("mount") else None
        if made is None or made.returncode:
            self.skipTest(f"needs root and the right to mount a tmpfs {made.stderr.strip() if made else ''}")
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.disk)], timeout=HANGS)
        self.file = self.disk / "net.h5"

    def fill(self, left=0):
        """Take all of the space but so many bytes."""
        self.make_room()
        free = os.statvfs(self.disk).f_bavail * 4096
        with open(self.disk / "filler", "wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, free - left)

    def make_room(self):
        (self.disk / "filler").unlink(missing_ok=True)

    def test_while_it_runs(self):
        config = self.config(LONG.replace("400", "200"))
        straight = self.straight(config)
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                process = self.start("run", "-q", config, "-o", self.file, ranks=ranks)
                self.wait_training(process, self.file)
                self.fill()
                result = self.finish(process)
                self.assertEqual(result.status, IO, str(result))
                self.assertRegex(result.err, "net.h5: cannot write .* No space left on device.*; make room and give the same command")
                self.assert_sound(self.file)
                done = self.status(self.file)["done"]
                self.assertLess(done, 12)
                self.make_room()
                self.expect(OK, "run", "-q", config, "-o", self.file, ranks=ranks)
                self.assert_same(straight, self.file)
                self.file.unlink()

    def test_before_it_starts(self):
        """A new file; one whose blocks are still to come; one that needs none any more."""
        config = self.config()
        self.fill(left=200000)
        result = self.expect(CANNOT_CREATE, "run", "-q", config, "-o", self.file)
        self.assert_one_line(result, "net.h5 needs 0.3 MB", "has 0.2 MB free", "make room")
        self.assertEqual(os.listdir(self.disk), ["filler"])
        self.make_room()
        self.expect(STOPPED, "run", "-q", config, "-o", self.file, "--max-time", "0")
        self.fill(left=20000)
        for dry in ([], ["--dry-run"]):
            result = self.expect(IO, "run", "-q", config, "-o", self.file, *dry)
            self.assert_one_line(result, "what is missing in", "net.h5 needs 0.1 MB", "has 0.0 MB free", "make room")
        self.assertEqual(self.status(self.file)["done"], 0)
        self.make_room()
        self.expect(OK, "run", "-q", config, "-o", self.file)
        self.fill(left=8192)  # for the lock
        self.expect(OK, "run", "-q", config, "-o", self.file)
        self.assert_same(self.straight(config), self.file)


if __name__ == "__main__":
    main()
