"""A disk that fails under one worker: the run ends with 74 and says where, it is not called complete."""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

# fsync of rank BAD_RANK gives EIO from call number BAD_FROM on.
SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
int fsync(int fd)
{
  static int (*real)(int);
  static int calls;
  const char *rank = getenv("OMPI_COMM_WORLD_RANK"), *bad = getenv("BAD_RANK"), *from = getenv("BAD_FROM");
  if (!real)
    real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  calls++;
  if (bad && atoi(rank ? rank : "0") == atoi(bad) && calls >= atoi(from ? from : "1")) {
    errno = EIO;
    return -1;
  }
  return real(fd);
}
"""


class Disk(Case):
    def setUp(self):
        super().setUp()
        compiler = os.environ.get("CC") or "cc"
        if not have(compiler):
            self.skipTest("needs a C compiler")
        source = self.write(".mpi/shim.c", SHIM)
        made = subprocess.run([compiler, "-shared", "-fPIC", "-o", str(self.mpi / "shim.so"), str(source), "-ldl"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(made.returncode, 0, made.stderr)

    def shim(self, rank):
        return {"LD_PRELOAD": self.mpi / "shim.so", "ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0", "BAD_RANK": rank}

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
                self.failed(self.run_program("run", config, ranks=ranks, env=self.shim(bad)), bad)
                self.expect(OK, "run", "-q", config, ranks=ranks)
                self.assert_same(self.straight(config), "net.h5")
                (self.dir / "net.h5").unlink()
                (self.dir / "straight.h5").unlink()

    def test_rank_without_fault(self):
        """The shim alone changes nothing."""
        config = self.config()
        result = self.expect(OK, "run", config, ranks=2, env=self.shim(7))
        self.assertIn("is complete: 28 cells", result.out)

    def test_after_a_stop(self):
        """Not saved is not stopped: who waits for 75 must not believe that all is there."""
        config = self.config(LONG)
        self.failed(self.run_program("run", config, "--max-time", "1", ranks=2, env=self.shim(1)), 1)

    def test_in_the_middle(self):
        """The first sync is due after five seconds."""
        config = self.config(LONG.replace("400", "2000"))
        result = self.run_program("run", config, ranks=3, env=self.shim(1))
        self.failed(result, 0)
        self.assertLess(result.seconds, 30)
        self.assert_sound("net.h5")


if __name__ == "__main__":
    main()
