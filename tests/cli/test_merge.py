"""One ensemble in several files, computed by `espalier run --members` and `--part`, and put together by `espalier merge`."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

# Kills the process in place of the HDF5 write number KILL_AT; or with POISON makes the first random number not a number, so that
# one member has no start; or with SWAP lets the file of this name take the place of a.h5 before the first write.
HOOKS = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
int H5Dwrite(int64_t set, int64_t type, int64_t memory, int64_t file, int64_t list, const void *values)
{
  static int (*real)(int64_t, int64_t, int64_t, int64_t, int64_t, const void *);
  static int calls;
  const char *at = getenv("KILL_AT");
  if (!real)
    real = (int (*)(int64_t, int64_t, int64_t, int64_t, int64_t, const void *))dlsym(RTLD_NEXT, "H5Dwrite");
  if (at && ++calls == atoi(at))
    raise(SIGKILL);
  if (getenv("SWAP"))
    rename(getenv("SWAP"), "a.h5");
  return real(set, type, memory, file, list, values);
}
double gsl_cdf_ugaussian_Pinv(double p)
{
  static double (*real)(double);
  static int calls;
  if (!real)
    real = (double (*)(double))dlsym(RTLD_NEXT, "gsl_cdf_ugaussian_Pinv");
  return getenv("POISON") && calls++ == 0 ? NAN : real(p);
}
"""

CRC32C = 0x11EDC6F41  # the polynomial: added to a message anywhere, it leaves the checksum as it is

# Some seconds of computing in stages of a tenth of a second.
LIVE = TINY.replace("max_calls: 3", "max_calls: 60").replace("steps_per_call: 60", "steps_per_call: 100")


class Merge(Case):
    def setUp(self):
        super().setUp()
        self.config()

    def member_run(self, members, name, status=OK, *more, ranks=1):
        return self.expect(status, "run", "-q", "net.yaml", "--members", members, "-o", name, *more, ranks=ranks)

    def halves(self):
        self.member_run("0:1", "a.h5")
        self.member_run("2:3", "b.h5")

    def merge(self, status, *names, **keywords):
        return self.expect(status, "merge", *names, **keywords)

    def assert_equal_records(self, one, other):
        """Every byte under /records; `verify` looks at committed cells only."""
        if not have("h5ls"):
            self.skipTest("h5ls is not installed")
        names = subprocess.run(["h5ls", f"{self.dir / one}/records"], capture_output=True, text=True, timeout=HANGS).stdout
        datasets = [line.split()[0] for line in names.splitlines()]
        self.assertGreater(len(datasets), 10)
        for name in datasets:
            path = f"/records/{name}"
            self.assertEqual(self.bytes_of(self.dir / one, path), self.bytes_of(self.dir / other, path), path)

    def hooks(self):
        return self.preload(self.write(".mpi/hooks.c", HOOKS))

    def damage(self, name, cell, dataset="/records/w_rec"):
        offset, size = self.extent(self.dir / name, dataset)
        flip(self.dir / name, offset + size // 32 * cell + 1, 3)


class Parts(Merge):
    def test_halves_are_the_whole(self):
        straight = self.straight(self.dir / "net.yaml")
        first = self.member_run("0:1", "a.h5")
        self.assertIn("a.h5 is complete for members 0 to 1 of 4: 16 cells. 'espalier merge' puts parts together.", first.out)
        self.member_run("2:3", "b.h5", ranks=3)
        self.assertEqual([self.status(name)["done"] for name in ("a.h5", "b.h5")], [16, 12])
        most = max(self.status(name)["peak_mib"] for name in ("a.h5", "b.h5"))
        before = [sha256(self.dir / name) for name in ("a.h5", "b.h5")]
        result = self.merge(OK, "whole.h5", "a.h5", "b.h5")
        self.assertEqual(result.out, "a.h5: 16 cells copied\nb.h5: 12 cells copied\nwhole.h5 is complete: 28 cells.\n")
        self.assertEqual(result.err, "")
        self.assertEqual([sha256(self.dir / name) for name in ("a.h5", "b.h5")], before)
        self.assertEqual(self.litter(), ["a.h5", "b.h5", "net.yaml", "straight.h5", "whole.h5"])
        self.assert_sound("whole.h5")
        self.assert_same(straight, "whole.h5")
        self.assertEqual(self.status("whole.h5")["peak_mib"], most)
        self.assert_equal_records("straight.h5", "whole.h5")
        entries = {name: self.bytes_of(self.dir / name, "/commit") for name in ("a.h5", "b.h5", "whole.h5")}
        half = len(entries["a.h5"]) // 2  # times and ranks as they were
        self.assertEqual(entries["whole.h5"], entries["a.h5"][:half] + entries["b.h5"][half:])
        runs = re.findall(r"^run \d+: .*: (espalier .*)$", self.expect(OK, "info", "whole.h5").out, re.M)
        self.assertEqual([" ".join(run.split()[:2]) for run in runs], ["espalier merge", "espalier run", "espalier run"])
        self.assertIn("--members 2:3 -o b.h5", runs[2])
        self.assertEqual(self.expect(OK, "info", "--config", "whole.h5").out, TINY)

    def test_bandit_in_more_parts_than_members(self):
        self.config(BANDIT)
        for part in range(4):
            result = self.expect(OK, "run", "-q", "net.yaml", "--part", f"{part}/4")
        self.assertIn("net.part-3-of-4.h5 is complete for member 2 of 3:", result.out)
        parts = [f"net.part-{part}-of-4.h5" for part in range(4)]
        self.assertEqual(self.litter(), [*parts, "net.yaml"])
        self.assertEqual(self.status(parts[0])["done"], 0)
        self.merge(OK, "net.h5", *parts)
        self.assert_same(self.straight(self.dir / "net.yaml"), "net.h5")
        self.assert_equal_records("straight.h5", "net.h5")

    def test_one_member_stopped_and_continued(self):
        result = self.member_run("1", "one.h5", STOPPED, "--max-time", "0")
        self.assertIn("the same command continues", result.err)
        self.assertIn("complete for member 1 of 4: 8 cells", self.member_run("1", "one.h5").out)
        self.assertEqual(self.status("one.h5")["done"], 8)
        again = self.member_run("1", "one.h5")
        self.assertIn("complete for member 1 of 4: 8 cells", again.out)
        # another share into the same file, and then what is left
        self.member_run("0", "one.h5", ranks=2)
        self.assertEqual(self.status("one.h5")["done"], 16)
        whole = self.expect(OK, "run", "net.yaml", "-o", "one.h5", ranks=3)
        self.assertIn("one.h5 is complete: 28 cells.", whole.out)
        self.assert_same(self.straight(self.dir / "net.yaml"), "one.h5")
        self.assertIn("one.h5 is complete: 28 cells.", self.member_run("0:3", "one.h5").out)

    def test_bad_members(self):
        for text in ("", "x", "1:", ":1", "2:1", "0:4", "4", "-1", "0:-1", "1:2:3", "0-1", " 1", "1 ", "+1", "0x1", "1.0", "0:1,3",
                     "99999999999", "0:99999999999999999999"):
            with self.subTest(members=text):
                result = self.expect(USAGE, "run", "net.yaml", f"--members={text}")
                self.assert_one_line(result, f"--members {text}:", "the members are 0 to 3 (ensemble.members: 4)", "A <= B <= 3")
        self.assertIn("0 to 9 ", self.expect(USAGE, "run", "net.yaml", "--members", "10", "--set", "ensemble.members=10").err)
        for text in ("", "1", "4/4", "-1/4", "0/0", "1/", "/4", "a/b", "1/4/2", "0:4"):
            with self.subTest(part=text):
                result = self.expect(USAGE, "run", "net.yaml", f"--part={text}")
                self.assertIn(f"--part '{text}' is no part; write K/N with 0 <= K < N", result.err)
        self.assertIn("one of them", self.expect(USAGE, "run", "net.yaml", "--members", "1", "--part", "0/2").err)
        result = self.expect(USAGE, "run", "net.yaml", "--members", "7", ranks=2)
        self.assertEqual(result.err.count("the members are 0 to 3"), 1, result.err)
        self.assertEqual(self.litter(), ["net.yaml"])

    def test_dry_run(self):
        whole = self.expect(OK, "run", "--dry-run", "net.yaml").out
        part = self.expect(OK, "run", "--dry-run", "net.yaml", "--members", "1:3", "--ranks", "1,2,3").out
        self.assertIn("members 1 to 3 of 4 x 2 arms, 20 of 28 cells:", part)
        self.assertIn("start        prune fraction 0.00, 3 members:", part)
        self.assertIn("transfer     prune fraction 0.80, 1 members:", part)
        self.assertIn("\n20 of 28 cells to compute", part)
        self.assertIn("results file net.part-0-of-2.h5", self.expect(OK, "run", "--dry-run", "net.yaml", "--part", "0/2").out)
        large = ["run", "--dry-run", "net.yaml", "--set", "network.n_hid=100", "--set", "ensemble.members=40"]
        sizes = [float(re.search(r"results file \S+: (\S+) MB", self.expect(OK, *large, *more).out).group(1))
                 for more in ([], ["--members", "0:9"])]
        self.assertLess(abs(sizes[1] / sizes[0] - 0.25), 0.03, sizes)
        self.assertNotIn(" of 28", whole)
        self.assertEqual(self.litter(), ["net.yaml"])

    def test_room_for_the_part_only(self):
        """What the disk has to have is what the part will write."""
        large = ["run", "--dry-run", "net.yaml", "--set", "network.n_hid=200", "--set", f"ensemble.members={10 ** 6}"]
        result = self.run_program(*large)
        if result.status == OK:
            self.skipTest("this disk has room for everything")
        self.assertIn("free; make room", result.err)
        small = self.expect(OK, *large, "--members", "0")
        self.assertIn("member 0 of 1000000", small.out)

    def test_analyze(self):
        """Measured again in parts, and of a file that is one."""
        more = ["--set", "probe.strengths=[0, 0.2]"]
        self.halves()
        self.expect(OK, "analyze", "-q", "a.h5", "--members", "0:1", *more)
        self.expect(OK, "analyze", "-q", "b.h5", "--part", "1/2", *more)
        self.assertIn("missing", self.expect(DATA, "analyze", "-q", "b.h5", "--members", "1:2", "-o", "c.h5", *more).err)
        self.merge(OK, "whole.h5", "a_analysis.h5", "b_analysis.part-1-of-2.h5")
        self.expect(OK, "run", "-q", "net.yaml", "-o", "trained.h5", *more)
        self.assert_same("trained.h5", "whole.h5")


class Together(Merge):
    def test_overlap(self):
        self.member_run("0:2", "a.h5")
        self.member_run("1:3", "b.h5", ranks=2)
        result = self.merge(OK, "whole.h5", "a.h5", "b.h5")
        self.assertIn("a.h5: 22 cells copied\nb.h5: 6 cells copied, 14 were there already, equal\n", result.out)
        self.assert_same(self.straight(self.dir / "net.yaml"), "whole.h5")

    def test_unfinished_and_late_parts(self):
        straight = self.straight(self.dir / "net.yaml")
        self.halves()
        self.member_run("2:3", "late.h5", STOPPED, "--max-time", "0")
        result = self.merge(STOPPED, "whole.h5", "a.h5", "late.h5")
        self.assertIn("late.h5: 0 cells copied\nwhole.h5: 16 of 28 cells, 12 are missing; 'espalier run' with its config and -o "
                      "whole.h5 computes them.\n", result.out)
        shutil.copy(self.dir / "whole.h5", self.dir / "other.h5")
        self.assertIn("b.h5: 12 cells copied\nwhole.h5 is complete", self.merge(OK, "whole.h5", "b.h5").out)
        self.assert_same(straight, "whole.h5")
        again = self.merge(OK, "whole.h5", "a.h5", "b.h5")
        self.assertIn("a.h5: 0 cells copied, 16 were there already, equal\n", again.out)
        self.assert_same(straight, "whole.h5")
        runs = self.expect(OK, "info", "whole.h5").out.count("--members")
        self.assertEqual(runs, 3, "a row of the table of runs was copied twice, or not at all")
        self.expect(OK, "run", "-q", "net.yaml", "-o", "other.h5")
        self.assert_same(straight, "other.h5")

    def test_while_it_is_computed(self):
        """Inputs may be in the hands of a run; the output may not."""
        self.config(LIVE)
        self.expect(STOPPED, "run", "-q", "net.yaml", "-o", "other.h5", "--max-time", "0")
        process = self.start("run", "-q", "net.yaml", "--part", "0/2", ranks=2)
        self.wait_working(process, self.dir / "net.part-0-of-2.h5", 1)
        result = self.merge(UNAVAILABLE, "net.part-0-of-2.h5", "other.h5")
        self.assertIn("another run is writing it", result.err)
        merged = []
        while process.poll() is None:
            self.merge(STOPPED, "net.h5", "net.part-0-of-2.h5")
            merged.append(self.status("net.h5")["done"])
            self.assert_sound("net.h5")
        self.assertEqual(self.finish(process).status, OK)
        self.assertEqual(merged, sorted(merged))
        self.merge(STOPPED, "net.h5", "net.part-0-of-2.h5")
        self.expect(OK, "run", "-q", "net.yaml", ranks=3)
        self.assert_same(self.straight(self.dir / "net.yaml"), "net.h5")

    def test_killed(self):
        """At any write, those that make the file included: the same command, or a run, goes on from what is there."""
        env = self.hooks()
        straight = self.straight(self.dir / "net.yaml")
        self.halves()
        random = seed_from_environment()
        killed_at, done = [], [0]
        for n in [5] + [random.randrange(20, 500) for _ in range(5)]:
            result = self.run_program("merge", "whole.h5", "a.h5", "b.h5", env={**env, "KILL_AT": n})
            killed_at.append(n)
            self.assertIn(result.status, (-signal.SIGKILL, OK), str(result))
            if not (self.dir / "whole.h5").exists():
                continue
            self.assert_sound("whole.h5")
            done.append(self.status("whole.h5")["done"])
            self.assertGreaterEqual(done[-1], done[-2], f"cells were lost; killed at {killed_at}")
        shutil.copy(self.dir / "whole.h5", self.dir / "other.h5")
        result = self.merge(OK, "whole.h5", "a.h5", "b.h5")
        self.assertEqual(sum(map(int, re.findall(r"(\d+) cells copied", result.out))), 28 - done[-1])
        self.assert_same(straight, "whole.h5")
        self.assert_equal_records("straight.h5", "whole.h5")
        self.assertNotIn("whole.h5.tmp", self.litter())
        self.expect(OK, "run", "-q", "net.yaml", "-o", "other.h5")
        self.assert_same(straight, "other.h5")

    def test_damaged_cell(self):
        """Reported and left out; everything else is copied, and a run computes it."""
        straight = self.straight(self.dir / "net.yaml")
        self.halves()
        shutil.copy(self.dir / "a.h5", self.dir / "good.h5")
        self.damage("a.h5", 9)
        result = self.merge(DATA, "whole.h5", "a.h5", "b.h5")
        self.assertIn("a.h5: damaged: wrong checksum of the numbers of member 1, pruned, rung_0.4", result.err)
        self.assertIn("1 cells are damaged", result.err)
        self.assertIn("a.h5: 15 cells copied, 1 damaged\nb.h5: 12 cells copied\nwhole.h5: 27 of 28 cells, 1 are missing", result.out)
        shutil.copy(self.dir / "whole.h5", self.dir / "other.h5")
        self.expect(OK, "run", "-q", "net.yaml", "-o", "whole.h5")
        self.assert_same(straight, "whole.h5")
        # a good copy elsewhere makes it whole, and the damage is told all the same
        result = self.merge(DATA, "other.h5", "a.h5", "good.h5")
        self.assertIn("good.h5: 1 cells copied, 15 were there already, equal\nother.h5 is complete", result.out)
        self.assert_same(straight, "other.h5")
        # a damaged cell of the output is replaced
        self.damage("other.h5", 21)
        self.assertIn("b.h5: 1 cells copied", self.merge(OK, "other.h5", "b.h5").out)
        self.assert_same(straight, "other.h5")

    def test_damaged_entry(self):
        self.halves()
        offset, _ = self.extent(self.dir / "b.h5", "/commit")
        flip(self.dir / "b.h5", offset + 32 * 16 + 8)
        result = self.merge(DATA, "whole.h5", "a.h5", "b.h5")
        self.assertIn("b.h5: 1 commit entries are damaged", result.err)
        self.assertIn("b.h5: 11 cells copied, 1 damaged\nwhole.h5: 27 of 28 cells", result.out)


    def test_failed_cells(self):
        """They are results like others; a part's limit is that of its own cells."""
        result = self.expect(DATA, "run", "-q", "net.yaml", "--members", "0", "-o", "a.h5", env={**self.hooks(), "POISON": 1})
        self.assertIn("8 of 8 cells failed, more than ensemble.max_failed_fraction", result.err)
        self.member_run("1:3", "b.h5")
        result = self.merge(OK, "whole.h5", "a.h5", "b.h5")
        self.assertIn("whole.h5 is complete: 28 cells", result.out)
        self.assertIn("8 of 28 cells failed; 'espalier status whole.h5' lists them", result.err)
        self.assertEqual(self.status("whole.h5")["failed"], 8)
        # they are not computed again, and do not count for others
        self.member_run("1:3", "whole.h5")
        self.expect(DATA, "run", "-q", "net.yaml", "-o", "whole.h5")


class Refused(Merge):
    def refuse(self, status, *names, unchanged=()):
        before = {name: sha256(self.dir / name) for name in unchanged}
        litter = self.litter()
        result = self.merge(status, *names)
        self.assertEqual(result.out, "")
        self.assertEqual(self.litter(), litter)
        self.assertEqual({name: sha256(self.dir / name) for name in unchanged}, before)
        return result

    def test_differing_cell(self):
        """Other kernels give other bits."""
        self.member_run("0:2", "a.h5")
        self.member_run("1", "b.h5", OK, "--kernel", "portable")
        self.member_run("3", "c.h5")
        if self.run_program("verify", "a.h5", "b.h5").out.count("member 1") < 2:
            self.skipTest("this CPU has the portable kernels only")
        names = ["a.h5", "b.h5", "c.h5"]
        result = self.refuse(DATA, "whole.h5", *names, unchanged=names)
        self.assertIn("a.h5 and b.h5 have different bits for member 1, pruned, start", result.err)
        self.assertRegex(result.err, "warning: a.h5 was computed by .*, b.h5 by .* with portable:")
        # nor into a file that has the cell
        self.merge(OK, "whole.h5", "c.h5", "a.h5")
        result = self.refuse(DATA, "whole.h5", "b.h5", unchanged=["whole.h5", "b.h5"])
        self.assertIn("whole.h5 and b.h5 have different bits for member 1, pruned, start", result.err)

    def test_differing_bits_under_one_checksum(self):
        self.member_run("0:1", "a.h5")
        shutil.copy(self.dir / "a.h5", self.dir / "b.h5")
        offset, size = self.extent(self.dir / "b.h5", "/records/w_rec")
        for i, digit in enumerate(f"{CRC32C:b}"):
            if digit == "1":
                flip(self.dir / "b.h5", offset + size // 32 * 9 + i // 8, i % 8)
        result = self.merge(DATA, "whole.h5", "a.h5", "b.h5")
        self.assertIn("a.h5 and b.h5 have different bits for member 1, pruned, rung_0.40 (w_rec)", result.err)

    def test_other_config(self):
        self.member_run("0:1", "a.h5")
        self.member_run("2:3", "b.h5", OK, "--set", "seed=8", "--set", "training.max_calls=2")
        self.config(BANDIT, "bandit.yaml")
        self.expect(OK, "run", "-q", "bandit.yaml", "--members", "0", "-o", "c.h5")
        result = self.refuse(CONFIG, "whole.h5", "a.h5", "b.h5", unchanged=["a.h5", "b.h5"])
        for words in ("a.h5 and b.h5 were made with different configs", "seed: 7 -> 8", "training.max_calls: 3 -> 2"):
            self.assertIn(words, result.err)
        self.assertIn("experiment: dms -> bandit", self.refuse(CONFIG, "whole.h5", "a.h5", "c.h5").err)
        self.assertIn("seed: 7 -> 8", self.refuse(CONFIG, "b.h5", "a.h5", unchanged=["a.h5", "b.h5"]).err)
        # keys that do not shape results may differ
        self.member_run("2:3", "d.h5", OK, "--set", "ensemble.checkpoint_interval=7")
        self.merge(OK, "whole.h5", "a.h5", "d.h5")

    def test_other_file_meanwhile(self):
        """Between the first look at an input and the copying of its cells another file may have got its name."""
        env = {**self.hooks(), "SWAP": "large.h5"}
        self.halves()
        for more in (["network.n_hid=40"], ["ensemble.members=2000"], ["seed=8"]):
            with self.subTest(more):
                sets = [word for setting in more for word in ("--set", setting)]
                self.expect(OK, "run", "-q", "net.yaml", "--members", "0", "-o", "large.h5", *sets)
                shutil.copy(self.dir / "a.h5", self.dir / "kept.h5")
                result = self.merge(CONFIG, "whole.h5", "b.h5", "a.h5", env=env)
                self.assert_one_line(result, "a.h5: another file has taken its place")
                self.assert_sound("whole.h5")
                os.rename(self.dir / "kept.h5", self.dir / "a.h5")
                (self.dir / "whole.h5").unlink()

    def test_names(self):
        self.member_run("0:1", "a.h5")
        (self.dir / "link.h5").symlink_to("a.h5")
        self.write("text.h5", "no results\n")
        for names in (["a.h5", "a.h5"], ["link.h5", "a.h5"], ["a.h5", "link.h5"]):
            self.assertIn("OUT and input at once", self.refuse(USAGE, *names, unchanged=["a.h5"]).err)
        self.refuse(USAGE)
        self.refuse(USAGE, "whole.h5")
        self.refuse(USAGE, "whole.h5", "a.h5", "--frobnicate")
        self.assert_one_line(self.refuse(NO_INPUT, "whole.h5", "a.h5", "none.h5"), "none.h5")
        self.assert_one_line(self.refuse(DATA, "whole.h5", "a.h5", "text.h5"), "text.h5", "not an HDF5 file")
        self.assert_one_line(self.refuse(DATA, "text.h5", "a.h5", unchanged=["text.h5"]), "text.h5", "not an HDF5 file")
        self.assert_one_line(self.refuse(CANNOT_CREATE, "no/whole.h5", "a.h5"), "there is no directory no")
        self.assertIn("one process", self.run_program("merge", "whole.h5", "a.h5", ranks=2).err)
        self.assertFalse((self.dir / "whole.h5").exists())

    def test_help(self):
        text = self.expect(OK, "merge", "--help").out
        self.assertIn("Usage: espalier merge OUT IN...", text)
        self.assertIn("Examples:\n  ", text)
        self.assertLessEqual(max(map(len, text.splitlines())), 120)
        for status in (0, 64, 65, 66, 69, 73, 74, 75, 78):
            self.assertRegex(text, rf"\b{status}\b")
        text = self.expect(OK, "run", "--help").out
        self.assertIn("--members A:B", text)
        self.assertIn("--part K/N", text)


if __name__ == "__main__":
    main()
