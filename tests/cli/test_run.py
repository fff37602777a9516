"""`espalier run` and the command line as a user meets them: what is refused, with which message, and what stays untouched."""
import os
import pathlib
import re
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

# Makes the first random number not a number, so that one member can have no start (and the seven cells after it neither).
POISON = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>
double gsl_cdf_ugaussian_Pinv(double p)
{
  static double (*real)(double);
  static int calls;
  if (!real)
    real = (double (*)(double))dlsym(RTLD_NEXT, "gsl_cdf_ugaussian_Pinv");
  return calls++ == 0 ? NAN : real(p);
}
"""


class Usage(Case):
    def test_help(self):
        for command in ([], ["run"], ["status"], ["verify"], ["info"]):
            with self.subTest(command=command):
                result = self.expect(OK, *command, "--help")
                self.assertIn("Usage: espalier", result.out)
                self.assertIn("Examples:\n  ", result.out)
                self.assertEqual(result.err, "")
                self.assertLessEqual(max(map(len, result.out.splitlines())), 120)
                self.assertEqual(self.expect(OK, *command, "-h").out, result.out)

    def test_help_names_every_exit_status(self):
        text = self.run_program("run", "--help").out
        for status in (0, 64, 65, 66, 69, 73, 74, 75, 78):
            self.assertRegex(text, rf"\b{status}\b")

    def test_version(self):
        text = self.expect(OK, "--version").out
        self.assertRegex(text, r"^espalier \d+\.\d+\.\d+")
        for library in ("Open MPI", "HDF5", "OpenBLAS", "libyaml", "GSL"):
            self.assertRegex(text, rf"(?m)^{library} v?\d+\.\d+")

    def test_no_arguments(self):
        result = self.expect(USAGE)
        self.assertIn("Usage: espalier", result.out + result.err)
        for command in ("run", "status", "verify", "info"):
            self.assertIn("needed", self.expect(USAGE, command).err)

    def test_unknown(self):
        result = self.expect(USAGE, "frobnicate")
        self.assert_one_line(result, "'frobnicate'", "run", "status", "verify", "info", "--help")
        self.config()
        for command in (["run", "net.yaml"], ["status", "x.h5"], ["verify", "x.h5"], ["info", "x.h5"]):
            result = self.expect(USAGE, *command, "--frobnicate")
            self.assertIn("--frobnicate", result.err)
            self.assertIn(f"espalier {command[0]} --help", result.err)
        self.assertEqual(self.litter(), ["net.yaml"])

    def test_option_without_its_value(self):
        for option in ("-o", "--output", "--set", "--max-time", "--ranks", "--times-from", "--members", "--part"):
            result = self.expect(USAGE, "run", option)
            self.assertIn("requires an argument", result.err)
            self.assertNotIn("not known", result.err, "the option is known, its value is missing")

    def test_bad_times(self):
        self.config()
        for text in ("", "soon", "-1", "1w", "1:2", "12h30", "nan", "inf", "1:2:3:4", "1e999", "1:-2:3",
                     "1: 2:3", "4294967296:00:01", "0:2147483648:0", "0:0:99999999999999999999"):
            with self.subTest(time=text):
                result = self.expect(USAGE, "run", "net.yaml", f"--max-time={text}")
                self.assertIn(f"'{text}'", result.err)
                self.assertIn("HH:MM:SS", result.err)
        self.assertEqual(self.litter(), ["net.yaml"])

    def test_bad_ranks(self):
        self.config()
        for text in ("", "x", "0", "-1", "1.5", "2,1", "1,1", "1,", ",1", "1,,2", "...", "...,8", "1,...", "1,...,...,8", "1,2,x",
                     "4,...,2", "1 2", "1000001", "1,...,1000001", "99999999999999999999", ",".join(map(str, range(1, 100)))):
            with self.subTest(ranks=text):
                result = self.expect(USAGE, "run", "net.yaml", "--dry-run", f"--ranks={text}")
                self.assertIn(f"--ranks '{text}' is no list", result.err)
                self.assertEqual(result.out, "")
        self.assertIn("--dry-run", self.expect(USAGE, "run", "net.yaml", "--ranks", "1,2").err)
        self.assertIn("--ranks", self.expect(USAGE, "run", "net.yaml", "--dry-run", "--times-from", "x.h5").err)
        self.assertEqual(self.litter(), ["net.yaml"])

    def test_bad_numbers(self):
        for text in ("-1", "x", "1.5", "", "+1", " 1", "99999999999999999999"):
            for option in ("--recompute", "--seed"):
                with self.subTest(option=option, number=text):
                    self.assertIn(f"{option} '{text}' is not a number of at least 0",
                                  self.expect(USAGE, "verify", f"{option}={text}", "x.h5").err)

    def test_list_keys(self):
        text = self.expect(OK, "run", "--list-keys").out
        for key in ("members", "n_hid", "steps_per_call", "fractions", "prune_fraction"):
            self.assertIn(f"`{key}`", text)


class Configs(Case):
    def test_missing(self):
        result = self.expect(NO_INPUT, "run", "no such.yaml")
        self.assert_one_line(result, "no such.yaml")
        self.assertEqual(self.litter(), [])

    def test_directory(self):
        (self.dir / "d.yaml").mkdir()
        self.assertIn(self.expect(NO_INPUT, "run", "d.yaml").status, (NO_INPUT, DATA))

    def test_all_faults_in_one_pass(self):
        self.config("experiment: dms\nensemble:\n  members: many\nnetwork:\n  n_hidd: 5\n  w_in_sd: -1\ntask: 3\n"
                    "ladder:\n  fractions: [0.8, 0.4]\n")
        result = self.expect(CONFIG, "run", "net.yaml", "--set", "training.max_calls=0", "--set", "nonsense")
        for line, column in ((3, 12), (5, 3), (6, 12), (7, 7)):
            self.assertRegex(result.err, rf"(?m)^net\.yaml:{line}:{column}: ", f"line {line}")
        self.assertRegex(result.err, r"(?m)^net\.yaml:9:")
        self.assertIn("n_hid", result.err)
        self.assertRegex(result.err, r"--set training\.max_calls=0: ")
        self.assertRegex(result.err, r"--set nonsense: ")
        self.assertRegex(result.err, r"espalier: net\.yaml: \d faults in the configuration")
        self.assertEqual(self.litter(), ["net.yaml"])

    def test_not_yaml(self):
        for name, text in (("a.yaml", "experiment: [dms\n"), ("b.yaml", "\tx"), ("c.yaml", ""), ("d.yaml", "- 1\n"),
                           ("e.yaml", "experiment: dms\nexperiment: dms\n"), ("f.yaml", "a: &x 1\nb: *x\n")):
            with self.subTest(text=text):
                self.write(name, text)
                self.assertRegex(self.expect(CONFIG, "run", name).err, rf"(?m)^{name}:\d+:\d+: ")
        (self.dir / "g.yaml").write_bytes(bytes(range(256)))
        self.expect(CONFIG, "run", "g.yaml")

    def test_symlinked_directory(self):
        (self.dir / "real").mkdir()
        self.write("real/net.yaml", TINY)
        (self.dir / "link").symlink_to("real")
        self.expect(OK, "run", "-q", "link/net.yaml")
        self.assertTrue((self.dir / "net.h5").exists(), "the default output is in the working directory")

    def test_spaces_and_unicode(self):
        self.write("mes données/réseau n° 1.yaml", TINY)
        self.expect(OK, "run", "-q", "mes données/réseau n° 1.yaml", ranks=2)
        self.assert_sound("réseau n° 1.h5")
        result = self.expect(OK, "run", "mes données/réseau n° 1.yaml", "-o", "mes données/鬼: 1%.h5", ranks=2)
        self.assertIn("鬼: 1%.h5 is complete", result.out)
        self.assert_same("réseau n° 1.h5", "mes données/鬼: 1%.h5")
        self.assertEqual(self.status("mes données/鬼: 1%.h5")["file"], "mes données/鬼: 1%.h5")

    def test_info_gives_a_config_that_runs(self):
        config = self.config("# a remark\n" + TINY)
        self.expect(OK, "run", "-q", config)
        self.assertEqual(self.expect(OK, "info", "--config", "net.h5").out, config.read_text())
        self.write("again.yaml", self.expect(OK, "info", "--resolved", "net.h5").out)
        self.expect(OK, "run", "-q", "again.yaml", "-o", "net.h5")
        self.expect(OK, "run", "-q", "again.yaml")
        self.assert_same("net.h5", "again.h5")
        text = self.expect(OK, "info", "net.h5").out
        self.assertIn("Open MPI", text)
        self.assertRegex(text, r"(?m)^run 2: .*again\.yaml")


class Existing(Case):
    """A results file that is there already."""

    def setUp(self):
        super().setUp()
        self.config()
        self.expect(OK, "run", "-q", "net.yaml")
        self.file = self.dir / "net.h5"

    def picture(self):
        return sha256(self.file), os.stat(self.file).st_mtime_ns

    def test_other_config(self):
        before = self.picture()
        for ranks in (1, 2):
            result = self.expect(CONFIG, "run", "net.yaml", "--set", "seed=8", "--set", "training.max_calls=4", "--set",
                                 "ladder.fractions=[0.4,0.6,0.8]", "--set", "ensemble.checkpoint_interval=5", ranks=ranks)
            for text in ("net.h5", "seed: 7 -> 8", "training.max_calls: 3 -> 4", "ladder.fractions: [0.4, 0.8] -> ", "--force",
                         "-o FILE"):
                self.assertIn(text, result.err)
            self.assertNotIn("checkpoint_interval", result.err)
            self.assertNotIn("n_hid", result.err)
        self.assertEqual(self.picture(), before)
        self.assertEqual(self.litter(), ["net.h5", "net.yaml"])

    def test_keys_of_the_run_may_differ(self):
        self.expect(OK, "run", "-q", "net.yaml", "--set", "ensemble.checkpoint_interval=5", "--set",
                    "ensemble.max_failed_fraction=0.5")
        self.assertEqual(self.litter(), ["net.h5", "net.yaml"])

    def test_force(self):
        before = sha256(self.file)
        result = self.expect(OK, "run", "-q", "net.yaml", "--set", "seed=8", "--force")
        old = [n for n in self.litter() if n.startswith("net.h5.old-")]
        self.assertEqual(len(old), 1)
        self.assertIn(old[0], result.err)
        self.assertEqual(sha256(self.dir / old[0]), before)
        self.assert_sound("net.h5")

    def test_force_twice_in_a_second(self):
        """What was moved aside is not replaced by what is moved aside next."""
        for seed in (8, 9, 10, 11):
            self.expect(STOPPED, "run", "-q", "net.yaml", "--set", f"seed={seed}", "--force", "--max-time", "0")
        self.assertEqual(len([n for n in self.litter() if n.startswith("net.h5.old-")]), 4)

    def test_force_with_the_same_config_goes_on(self):
        self.expect(OK, "run", "-q", "net.yaml", "--force")
        self.assertEqual(self.litter(), ["net.h5", "net.yaml"])

    def test_one_cell_again(self):
        self.config()
        self.expect(OK, "run", "-q", "net.yaml", "-o", "net.h5")
        self.assertIn("member 1, pruned, rung_0.80: computed again, all bits equal",
                      self.expect(OK, "verify", "--cell", "1,pruned,rung_0.80", "net.h5").out)
        for cell in ("1,pruned", "x,pruned,start", "1,pruned,start,more", ""):
            self.assertIn("MEMBER,ARM,STAGE", self.expect(USAGE, "verify", "--cell", cell, "net.h5").err)
        for cell in ("4,pruned,start", "-1,pruned,start", "4294967297,pruned,start", "99999999999999999999,pruned,start",
                     "1,nobody,start", "1,pruned,nowhere", "3,pruned,transfer"):
            self.assertIn("has no cell", self.expect(USAGE, "verify", "--cell", cell, "net.h5").err)
        self.expect(USAGE, "verify", "--cell", "1,pruned,start", "net.h5", "net.h5")

    def test_dry_run(self):
        before = self.picture()
        result = self.expect(OK, "run", "net.yaml", "--dry-run", "-o", "new.h5")
        for text in ("28 cells", "results file new.h5: 0.3 MB", "time: about", "rung_0.8"):
            self.assertIn(text, result.out)
        self.expect(OK, "run", "net.yaml", "--dry-run")
        self.expect(OK, "run", "net.yaml", "--dry-run", ranks=3)
        self.assertEqual(self.picture(), before)
        self.assertEqual(self.litter(), ["net.h5", "net.yaml"])

    def test_dry_run_checks_what_a_run_checks(self):
        before = self.picture()
        self.write("text.h5", "no results here\n")
        (self.dir / "d").mkdir()
        cases = ((CANNOT_CREATE, "no/such/net.h5", [], "there is no directory no/such"),
                 (CONFIG, "net.h5", ["--set", "seed=8"], "seed: 7 -> 8"),
                 (DATA, "text.h5", [], "not an HDF5 file"),
                 (DATA, "d", [], "d: a directory"),
                 (CANNOT_CREATE, "x" * 300, [], "name"))
        for status, output, more, words in cases:
            for ranks in (1, 2) if output == "net.h5" else (1,):
                for dry in (["--dry-run"], []):  # the same as without
                    with self.subTest(output=output[:20], ranks=ranks, dry=dry):
                        result = self.expect(status, "run", "net.yaml", "-o", output, *more, *dry, ranks=ranks)
                        self.assertIn(words, result.err)
                        self.assertEqual(result.out, "")
        self.assertEqual(self.picture(), before)
        self.assertEqual((self.dir / "text.h5").read_text(), "no results here\n")
        self.assertEqual(self.litter(), ["d", "net.h5", "net.yaml", "text.h5"])


class Ranks(Case):
    """`run --dry-run --ranks`: how long it would take on how many ranks."""

    def setUp(self):
        super().setUp()
        self.config()

    def table(self, *args):
        """What is printed below the cell times, and its rows as (ranks, workers, efficiency in %)."""
        result = self.expect(OK, "run", "net.yaml", "--dry-run", *args)
        text = result.out[result.out.index("cell times "):]
        rows = re.findall(r"(?m)^ +(\d+) +(\d+) .* (\d+\.\d) %$", text)
        return text, [(int(ranks), int(workers), float(efficiency)) for ranks, workers, efficiency in rows]

    def test_expected(self):
        text, rows = self.table("--ranks", "1,2,3,...,20")
        self.assertIn("cell times as expected on this machine", text)
        self.assertEqual([row[:2] for row in rows], [(1, 1), (2, 1), (3, 2), (6, 5), (12, 11), (20, 19)])
        efficiencies = [row[2] for row in rows]
        self.assertIn("28 of 28 cells to compute", text)
        self.assertEqual(efficiencies[:2], [100.0, 100.0])
        self.assertGreater(efficiencies[2], 90)
        self.assertEqual(efficiencies, sorted(efficiencies, reverse=True))
        first = next(ranks for ranks, _, efficiency in rows if efficiency < 80)
        self.assertIn(f"efficiency first drops below 80 % at {first} ranks", text)
        self.assertIn("80 % or more at all", self.table("--ranks", "1,2")[0])
        self.assertEqual(self.litter(), ["net.yaml"])

    def test_times_from_a_file(self):
        self.expect(OK, "run", "-q", "net.yaml", "-o", "old.h5", "--set", "seed=8")
        before = sha256(self.dir / "old.h5")
        args = ("--ranks", "1,2,4,...,64", "--times-from", "old.h5")
        text, rows = self.table(*args)
        self.assertIn("cell times from 4 complete members of old.h5", text)
        self.assertEqual([row[0] for row in rows], [1, 2, 4, 8, 16, 32, 64])
        self.assertEqual(self.table(*args)[0], text, "the draws are the same each time")
        self.assertEqual(self.table(*args, "--set", "ladder.fractions=[0.4, 0.6, 0.8]")[1][0], (1, 1, 100.0))
        self.assertEqual(sha256(self.dir / "old.h5"), before)
        self.assertEqual(self.litter(), ["net.yaml", "old.h5"])

    def test_results_file(self):
        """What is done takes no time; ten complete members are enough to take the times of the rest from."""
        self.expect(OK, "run", "-q", "net.yaml")
        text, rows = self.table("--ranks", "1,3")
        self.assertIn("cell times as expected", text)
        self.assertIn("0 of 28 cells to compute", text)
        self.assertEqual(rows, [(1, 1, 100.0), (3, 2, 100.0)])
        many = ("--set", "ensemble.members=10", "-o", "many.h5")
        self.expect(OK, "run", "-q", "net.yaml", *many)
        self.assertIn("cell times from 10 complete members of many.h5", self.table("--ranks", "1,3", *many)[0])

    def test_bad_files(self):
        self.write("text.h5", "no results here\n")
        self.write("scratch.yaml", SCRATCH)
        self.expect(OK, "run", "-q", "scratch.yaml")
        self.expect(STOPPED, "run", "-q", "net.yaml", "-o", "empty.h5", "--max-time", "0")
        for status, name, words in ((NO_INPUT, "none.h5", "no such results file"), (DATA, "text.h5", "not an HDF5 file"),
                                    (DATA, "scratch.h5", "is of experiment scratch, not dms"),
                                    (DATA, "empty.h5", "no member is complete")):
            with self.subTest(name=name):
                self.assert_one_line(self.expect(status, "run", "net.yaml", "--dry-run", "--ranks=1", "--times-from", name), words)


class Output(Case):
    def setUp(self):
        super().setUp()
        self.config()

    def test_missing_directory(self):
        result = self.expect(CANNOT_CREATE, "run", "net.yaml", "-o", "no/such/net.h5")
        self.assert_one_line(result, "no/such/net.h5")
        self.assertNotIn(".lock: cannot lock", result.err)
        self.assertEqual(self.litter(), ["net.yaml"])

    def test_directory(self):
        (self.dir / "d").mkdir()
        result = self.expect(DATA, "run", "net.yaml", "-o", "d")
        self.assert_one_line(result, "d: a directory")
        self.assertEqual(self.litter(), ["d", "net.yaml"])
        self.expect(DATA, "run", "net.yaml", "-o", "d", "--force")
        self.assertEqual(self.litter(), ["d", "net.yaml"])

    def test_not_a_regular_file(self):
        os.mkfifo(self.dir / "fifo")
        for name in ("/dev/full", "/dev/null", "fifo"):
            for force in ([], ["--force"]):
                with self.subTest(name=name, force=force):
                    result = self.run_program("run", "-q", "net.yaml", "-o", name, *force)
                    self.assertIn(result.status, (DATA, UNAVAILABLE, CANNOT_CREATE), str(result))
                    self.assert_one_line(result, name)
        self.assertTrue(stat.S_ISFIFO(os.stat(self.dir / "fifo").st_mode))
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/full").st_mode))
        self.assertFalse(os.path.exists("/dev/full.lock"))
        self.assertEqual(self.litter(), ["fifo", "net.yaml"])

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_read_only_directory(self):
        (self.dir / "d").mkdir(mode=0o555)
        result = self.run_program("run", "net.yaml", "-o", "d/net.h5")
        self.assertIn(result.status, (UNAVAILABLE, CANNOT_CREATE))
        self.assert_one_line(result, "d/net.h5", "ermission")

    def test_dangling_link(self):
        (self.dir / "link.h5").symlink_to("nowhere.h5")
        result = self.expect(CANNOT_CREATE, "run", "-q", "net.yaml", "-o", "link.h5")
        self.assert_one_line(result, "link.h5")
        self.assertTrue((self.dir / "link.h5").is_symlink())
        self.assertEqual(self.litter(), ["link.h5", "net.yaml"], "the target of the link was made")

    def test_long_name(self):
        result = self.run_program("run", "net.yaml", "-o", "x" * 300)
        self.assertIn(result.status, (USAGE, UNAVAILABLE, CANNOT_CREATE))
        self.assert_one_line(result, "name")

    def test_progress(self):
        result = self.expect(OK, "run", "net.yaml")
        self.assertRegex(result.err, r"0 of 28 cells \(0 %\)")
        self.assertNotIn("\r", result.err, "not a terminal")
        self.assertNotIn("\x1b", result.err)
        self.assertNotIn("ETA", result.out)
        self.assertIn("net.h5 is complete: 28 cells.", result.out)
        most = re.search(r"^A rank had at most (\d+) MiB in memory\.$", result.out, re.M)
        self.assertGreaterEqual(int(most.group(1)), self.status("net.h5")["peak_mib"])

    def test_quiet(self):
        self.assertEqual(self.expect(OK, "run", "-q", "net.yaml").err, "")

    def test_full_stdout(self):
        """Half a table does not look like success; the results are safe."""
        commands = (["run", "-q", "net.yaml"], ["run", "--dry-run", "net.yaml"], ["run", "--list-keys"], ["run", "--help"],
                    ["status", "net.h5"], ["status", "--json", "net.h5"], ["info", "net.h5"], ["info", "--config", "net.h5"],
                    ["info", "--resolved", "net.h5"], ["verify", "net.h5"], ["verify", "net.h5", "net.h5"], ["--version"],
                    ["--help"])
        for command in commands:
            with self.subTest(command=" ".join(command)), open("/dev/full", "w") as full:
                done = subprocess.run(self.command(command), stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE,
                                      text=True, cwd=self.dir, env=self.environment(), timeout=HANGS)
                self.assertEqual(done.returncode, IO, done.stderr)
                self.assertEqual(done.stderr, "espalier: cannot write to standard output\n")
        self.assert_sound("net.h5")
        self.assertTrue(self.status("net.h5")["complete"])


class Failures(Case):
    """Networks that cannot be trained."""

    def setUp(self):
        super().setUp()
        self.poison = self.preload(self.write(".mpi/poison.c", POISON))
        self.config()

    def test_too_many(self):
        result = self.expect(DATA, "run", "-q", "net.yaml", env=self.poison)
        self.assertIn("8 of 28 cells failed", result.err)
        self.assertIn("ensemble.max_failed_fraction = 0.05", result.err)
        self.assertIn("espalier status net.h5", result.err)
        self.assert_sound("net.h5")
        status = self.status("net.h5")
        self.assertEqual((status["done"], status["failed"], status["complete"]), (20, 8, True))
        failed = status["failed_cells"]
        self.assertEqual(len(failed), 8)
        self.assertEqual(len({cell["member"] for cell in failed}), 1, "the other members go on")
        self.assertEqual([c["reason"] for c in failed].count("not_finite"), 1)
        self.assertEqual([c["reason"] for c in failed].count("parent_failed"), 7)
        text = self.expect(OK, "status", "net.h5").out
        self.assertRegex(text, r"failed: member \d, pruned, start: not_finite")
        self.assertRegex(text, r"failed: member \d, twin, rung_0\.80?: parent_failed")
        self.expect(DATA, "run", "-q", "net.yaml")

    def test_allowed(self):
        result = self.expect(OK, "run", "-q", "net.yaml", "--set", "ensemble.max_failed_fraction=1", env=self.poison)
        self.assertIn("8 of 28 cells failed", result.err)
        self.assertIn("net.h5 is complete", result.out)

    def test_allowed_later(self):
        """The fraction counts that is given now, not the one of the first run."""
        self.expect(DATA, "run", "-q", "net.yaml", env=self.poison)
        self.expect(OK, "run", "-q", "net.yaml", "--set", "ensemble.max_failed_fraction=1")

    def test_others_are_not_touched(self):
        self.expect(DATA, "run", "-q", "net.yaml", env=self.poison)
        member = self.status("net.h5")["failed_cells"][0]["member"]
        self.expect(OK, "run", "-q", "net.yaml", "-o", "good.h5")
        result = self.expect(DATA, "verify", "net.h5", "good.h5")
        different = [line for line in result.out.splitlines() if "differs" in line]
        self.assertEqual(len(different), 8)
        self.assertTrue(all(f"member {member}," in line for line in different), result.out)


class Bandit(Case):
    """Four arms, stages that not all of them have, and a number for each arm."""

    def test_shipped_examples(self):
        for name, cells in (("rl_quick", "4 members x 2 arms, 40 cells:"), ("rl_ensemble", "100 members x 6 arms, 3800 cells:")):
            with self.subTest(config=name):
                text = self.expect(OK, "run", "--dry-run", SOURCE / "config" / f"{name}.yaml").out
                self.assertIn(cells, text)
                self.assertRegex(text, r"(?m)^  new_option +prune fraction 0.70, ")
        self.expect(OK, "run", "-q", SOURCE / "config" / "rl_quick.yaml", "--set", "ensemble.members=2", "--set",
                    "training.steps_per_call=20", "--set", "training.start_calls=6", ranks=3)
        self.assert_sound("rl_quick.h5")
        self.assertEqual(self.status("rl_quick.h5")["failed"], 0)

    def test_status(self):
        result = self.expect(OK, "run", self.config(BANDIT))
        self.assertIn("net.h5 is complete: 40 cells.", result.out)
        text = self.expect(OK, "status", "net.h5").out
        self.assertRegex(text, r"(?m)^stage +pruned_0 +twin_0 +pruned_0.1 +twin_0.1$")
        self.assertRegex(text, r"(?m)^new_option +0/0 +0/0 +2/2 +2/2 *$")
        self.assertRegex(text, r"(?m)^ +\| pruned_0 +\| twin_0 *$")  # a table of means for each level
        self.assertRegex(text, r"(?m)^ +\| pruned_0.1 +\| twin_0.1 *$")
        self.assertEqual(len(re.findall(r"(?m)^new_option +\|", text)), 1, "a ladder without new option shows one")
        stages = {(s["stage"], s["arm"]): s for s in self.status("net.h5")["stages"]}
        self.assertEqual(stages["rung_0.3", "twin_0"]["planned"], 3)
        self.assertEqual(stages["new_option", "pruned_0.1"]["planned"], 2)
        self.assertEqual(stages.get(("new_option", "pruned_0"), {"planned": 0})["planned"], 0)

    def test_levels_are_in_the_file(self):
        self.expect(OK, "run", "-q", self.config(BANDIT))
        if not have("h5dump"):
            self.skipTest("h5dump is not installed")
        dump = subprocess.run(["h5dump", "-y", "-w", "0", "-d", "/scales/value_noise", "net.h5"], capture_output=True, text=True,
                              timeout=HANGS, cwd=self.dir)
        self.assertEqual(dump.returncode, 0, dump.stderr)
        self.assertIn("0, 0, 0.1, 0.1", dump.stdout)

    def test_other_levels_are_another_file(self):
        self.expect(STOPPED, "run", "-q", self.config(BANDIT), "--max-time", "0")
        result = self.expect(CONFIG, "run", "net.yaml", "--set", "ladder.value_noise=[0, 0.1, 1]", "--set", "evaluation.agents=9")
        self.assertIn("ladder.value_noise: [0, 0.1] -> [0, 0.1, 1]", result.err)
        self.assertIn("evaluation.agents: 4 -> 9", result.err)


class Lever(Case):
    """Stages in time, arms that begin later, records that cannot be measured again, nothing saved inside a stage."""

    def test_shipped_examples(self):
        for name, cells in (("lever_quick", "2 members x 5 arms, 70 cells:"), ("lever_ensemble", "5 members x 5 arms, 1100 cells:"),
                            ("lever_authors", "5 members x 5 arms, 1100 cells:")):
            with self.subTest(config=name):
                text = self.expect(OK, "run", "--dry-run", SOURCE / "config" / f"{name}.yaml").out
                self.assertIn(cells, text)
                self.assertRegex(text, r"(?m)^  hour_00.*, [25] members: learning")
                self.assertNotIn("prune", text)
                self.assertNotIn("factor of 100", text)

    def test_one_file(self):
        """What every command says of it."""
        result = self.expect(OK, "run", self.config(LEVER))
        self.assertIn("net.h5 is complete: 32 cells.", result.out)
        self.assertRegex(result.out, r"(?m)^ +\| plastic +\| approximate *$")
        self.assertRegex(result.out, r"(?m)^ +\| fixed *$")
        self.assertRegex(result.out, r"(?m)^ +\| forgetting +\| consolidated *$")
        self.assertRegex(result.out, r"(?m)^stage +\| +n completion_time n_functional")
        self.assertNotIn("conv.", result.out)
        text = self.expect(OK, "status", "net.h5").out
        self.assertIn(" updates/s)", text)
        self.assertRegex(text, r"(?m)^hour_000.075 +2/2 +2/2 +2/2 +0/0 +0/0 *$")
        self.assertRegex(text, r"(?m)^unrewarded_000.125 +0/0 +0/0 +0/0 +2/2 +2/2 *$")
        stages = {(s["stage"], s["arm"]): s for s in self.status("net.h5")["stages"]}
        self.assertEqual(stages["unrewarded_000.125", "consolidated"]["planned"], 2)
        self.assertAlmostEqual(stages["unrewarded_000.125", "consolidated"]["hour"], 0.125)
        text = self.expect(OK, "info", "net.h5").out
        self.assertIn("theta ", text)
        self.expect(OK, "run", "--dry-run", "--ranks", "1,2,4", "net.yaml")
        before = sha256(self.dir / "net.h5")
        result = self.expect(DATA, "analyze", "net.h5")
        self.assert_one_line(result, "net.h5", "experiment lever", "nothing in its file can be measured again", "espalier run")
        self.assertEqual(sha256(self.dir / "net.h5"), before)
        self.assertEqual(self.litter(), ["net.h5", "net.yaml"])
        result = self.expect(OK, "report", "net.h5", "--no-figures")
        self.assertIn("not run", result.out)
        rows = (self.dir / "net_report/tables/members.csv").read_text().splitlines()
        self.assertEqual(len(rows), 33)
        self.assertTrue(rows[1].startswith("lever,0,plastic,hour_000.025,,done,simulated,900"), rows[1])
        if have("h5dump"):
            dump = subprocess.run(["h5dump", "-y", "-w", "0", "-d", "/scales/hour", "net.h5"], capture_output=True, text=True, timeout=HANGS,
                                  cwd=self.dir)
            self.assertIn("0.025, 0.05, 0.075, 0.1, 0.075, 0.1, 0.125, 0.15", dump.stdout)
        result = self.expect(CONFIG, "run", "net.yaml", "--set", "neurons.n_in=12")
        self.assertIn("neurons.n_in: 11 -> 12", result.err)


if __name__ == "__main__":
    main()
