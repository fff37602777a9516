"""Whatever lies where a results file should be: a clear line, the right status, nothing changed, no crash."""
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

READERS = (["status"], ["status", "--json"], ["verify"], ["info"])


class Files(Case):
    def setUp(self):
        super().setUp()
        self.config()

    def assert_no_crash(self, result, allowed):
        self.assertNotIn(result.status, (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE), str(result))
        self.assertIn(result.status, allowed, str(result))
        self.assertNotIn("HDF5-DIAG", result.err)
        self.assertNotIn("Sanitizer", result.err)

    def refused(self, name, status, *words, run_status=None):
        """All commands refuse it in one line that names it, and leave it as it was."""
        path = self.dir / name
        before = sha256(path) if path.is_file() else None
        commands = [[*reader, name] for reader in READERS]
        commands.append(["verify", "good.h5", name])
        if run_status != OK:
            commands.append(["run", "-q", "net.yaml", "-o", name])
        for command in commands:
            with self.subTest(command=" ".join(command)):
                result = self.run_program(*command)
                self.assert_no_crash(result, (run_status or status,) if command[0] == "run" else (status,))
                self.assert_one_line(result, name, *words)
                self.assertEqual(result.out, "")
        if before:
            self.assertEqual(sha256(path), before)

    def good(self):
        self.expect(OK, "run", "-q", "net.yaml", "-o", "good.h5")
        return self.dir / "good.h5"

    def test_not_a_results_file(self):
        self.good()
        self.write("text.h5", "no HDF5 here\n")
        self.write("empty.h5", "")
        (self.dir / "binary.h5").write_bytes(bytes(range(256)) * 16)
        (self.dir / "zero.h5").write_bytes(bytes(4096))
        (self.dir / "signature.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
        (self.dir / "directory.h5").mkdir()
        self.refused("text.h5", DATA, "not an HDF5 file", "text")
        self.refused("empty.h5", DATA, "empty")
        self.refused("binary.h5", DATA, "not an HDF5 file")
        self.refused("zero.h5", DATA, "not an HDF5 file")
        self.refused("signature.h5", DATA, "truncated")
        self.refused("directory.h5", DATA, "directory")
        self.refused("missing.h5", NO_INPUT, run_status=OK)
        self.assertFalse((self.dir / "missing.h5").exists())

    def test_foreign(self):
        if not have("h5mkgrp"):
            self.skipTest("h5mkgrp (hdf5-tools) is not installed; it makes the foreign file")
        self.good()
        subprocess.run(["h5mkgrp", str(self.dir / "foreign.h5"), "records"], check=True, timeout=HANGS, capture_output=True)
        self.refused("foreign.h5", DATA, "not made by espalier")
        subprocess.run(["h5mkgrp", "--latest", str(self.dir / "newer.h5"), "records"], check=True, timeout=HANGS,
                       capture_output=True)
        self.refused("newer.h5", DATA, "not made by espalier")

    def test_truncated(self):
        whole = self.good().read_bytes()
        n = len(whole)
        lengths = [1, 7, 8, 47, 48, 95, 96, 512, 2048, n // 4, n // 2, 3 * n // 4, n - 4096, n - 100, n - 1]
        for length in lengths:
            with self.subTest(length=length):
                path = self.dir / "cut.h5"
                path.write_bytes(whole[:length])
                for command in (["status", "cut.h5"], ["verify", "cut.h5"], ["info", "cut.h5"],
                                ["run", "-q", "net.yaml", "-o", "cut.h5"]):
                    result = self.run_program(*command)
                    self.assert_no_crash(result, (DATA,))
                    self.assert_one_line(result, "cut.h5")
                self.assertEqual(path.read_bytes(), whole[:length])
        self.assertFalse((self.dir / "cut.h5.lock").exists())

    def test_damaged_payload(self):
        """A flipped bit in a record is found, its cell named, and computed again to the bits it had."""
        good = self.good()
        for dataset, cell in (("/records/w_rec", 0), ("/records/loss", 9), ("/records/mask", 21), ("/records/w_in", 31)):
            with self.subTest(dataset=dataset):
                bad = self.dir / "bad.h5"
                shutil.copy(good, bad)
                offset, size = self.extent(bad, dataset)
                exists = {0: "member 0, pruned, start", 9: "member 1, pruned, rung_0.4", 21: "member 2, twin, rung_0.4",
                          31: None}[cell]
                flip(bad, offset + size // 32 * cell + 1, 3)
                result = self.run_program("verify", "bad.h5")
                if exists is None:  # member 3 learns no new cues: its last cell is never written
                    self.assertEqual(result.status, OK, str(result))
                    continue
                self.assertEqual(result.status, DATA, str(result))
                self.assertIn(exists, result.out)
                self.assertIn("checksum", result.out)
                self.expect(DATA, "verify", "good.h5", "bad.h5")
                again = self.expect(OK, "run", "-q", "net.yaml", "-o", "bad.h5", ranks=2)
                self.assertIn("will be computed again", again.err)
                self.assert_sound("bad.h5")
                self.assert_same("good.h5", "bad.h5")

    def test_damaged_commit(self):
        good = self.good()
        bad = self.dir / "bad.h5"
        shutil.copy(good, bad)
        offset, _ = self.extent(bad, "/commit")
        flip(bad, offset + 32 * 9)  # state of member 1, pruned, rung_0.4
        flip(bad, offset + 32 * 16 + 8)  # gradients of member 2, pruned, start
        result = self.expect(DATA, "verify", "bad.h5")
        self.assertIn("2 commit entries are damaged", result.out)
        status = self.status("bad.h5")
        self.assertEqual((status["done"], status["damaged"], status["complete"]), (26, 2, False))
        self.expect(OK, "run", "-q", "net.yaml", "-o", "bad.h5")
        self.assert_same("good.h5", "bad.h5")

    def test_equally_damaged_commits(self):
        """Two files with the same damage have equal bytes, but are not sound."""
        self.good()
        shutil.copy(self.dir / "good.h5", self.dir / "twin.h5")
        result = self.expect(OK, "verify", "good.h5", "twin.h5")
        self.assertIn("good.h5 and twin.h5: 28 of 28 cells compared, 0 differ", result.out)
        for name in ("good.h5", "twin.h5"):
            flip(self.dir / name, self.extent(self.dir / name, "/commit")[0] + 32 * 9 + 1)
        self.assertEqual(sha256(self.dir / "good.h5"), sha256(self.dir / "twin.h5"))
        result = self.expect(DATA, "verify", "good.h5", "twin.h5")
        self.assertIn("1 commit entries of good.h5 and 1 of twin.h5 are damaged", result.out)
        self.assertIn("27 of 28 cells compared", result.out)
        self.assertNotIn(" 0 differ", result.out)

    def test_unfinished_files_are_not_the_same(self):
        """Equal as far as they go: what was compared is said."""
        for name in ("one.h5", "other.h5"):
            self.expect(STOPPED, "run", "-q", "net.yaml", "-o", name, "--max-time", "0")
        result = self.expect(OK, "verify", "one.h5", "other.h5")
        self.assertIn("0 of 28 cells compared, 0 differ", result.out)

    def test_exchanged_cells(self):
        """Two whole cells that have changed places are not where they belong."""
        good = self.good()
        if not have("h5ls"):
            self.skipTest("h5ls is not installed")
        bad = self.dir / "bad.h5"
        shutil.copy(good, bad)
        names = subprocess.run(["h5ls", str(bad) + "/records"], capture_output=True, text=True, timeout=HANGS).stdout
        datasets = ["/records/" + line.split()[0] for line in names.splitlines()] + ["/commit"]
        data = bytearray(bad.read_bytes())
        for dataset in datasets:
            offset, size = self.extent(bad, dataset)
            n = size // 32
            a, b = offset, offset + 8 * n  # member 0 and member 1, pruned, start
            data[a:a + n], data[b:b + n] = data[b:b + n], data[a:a + n]
        bad.write_bytes(data)
        self.expect(DATA, "verify", "bad.h5")
        self.expect(OK, "run", "-q", "net.yaml", "-o", "bad.h5")
        self.assert_same("good.h5", "bad.h5")

    def test_damaged_anywhere(self):
        """A flipped bit anywhere: no crash, no hang; and no run makes another result of it without a word."""
        good = self.good()
        whole = good.read_bytes()
        draw = random.Random(20220)
        # Structure comes first in the file, payload later: half of the positions from the first quarter.
        positions = [draw.randrange(len(whole) // 4) for _ in range(30)] + [draw.randrange(len(whole)) for _ in range(30)]
        for i, position in enumerate(positions):
            bit = draw.randrange(8)
            with self.subTest(position=position, bit=bit):
                bad = self.dir / "bad.h5"
                bad.write_bytes(whole)
                flip(bad, position, bit)
                for command in (["verify"], ["status", "--json"]) if i % 2 else (["verify"], ["info"]):
                    result = self.run_program(*command, "bad.h5")
                    self.assert_no_crash(result, (OK, DATA, IO))
                    if result.status == IO or (result.status == DATA and command != ["verify"]):
                        self.assertIn("bad.h5", result.err)
                if i % 6 == 0:
                    result = self.run_program("run", "-q", "net.yaml", "-o", "bad.h5")
                    self.assert_no_crash(result, (OK, DATA, IO, CONFIG))
                    if result.status == OK:
                        self.assert_same("good.h5", "bad.h5")

    def test_status_adds_up(self):
        config = self.config(LONG, "long.yaml")
        for _ in range(20):  # under load the first cell may take longer
            self.expect(STOPPED, "run", "-q", config, "--max-time", "2s")
            status = self.status("long.h5")
            if status["done"]:
                break
        for key in ("planned", "done", "failed", "converged"):
            total = sum(stage[key] for stage in status["stages"])
            if key != "converged":
                self.assertEqual(total, status["cells" if key == "planned" else key], key)
        self.assertEqual(status["cells"], 12)
        self.assertFalse(status["complete"])
        self.assertEqual(len(status["failed_cells"]), status["failed"])
        self.assertGreater(status["core_seconds"], 0)
        self.assertGreater(status["core_seconds_left"], 0)
        self.assertGreater(status["n_evaluations"], 0)
        self.assertGreater(status["peak_mib"], 5)
        text = self.expect(OK, "status", "long.h5").out
        self.assertIn(f" with up to {status['peak_mib']} MiB of memory", text)
        self.assertIn(f"{status['done']} of 12 cells", text)
        self.assertIn("left with 1 worker", text)

    def test_status_of_an_empty_file(self):
        self.expect(STOPPED, "run", "-q", "net.yaml", "--max-time", "0")
        status = self.status("net.h5")
        self.assertEqual((status["done"], status["core_seconds_left"], status["complete"]), (0, None, False))
        self.assertIsNone(status["peak_mib"])
        self.assertNotIn("MiB", self.expect(OK, "status", "net.h5").out)
        self.assert_sound("net.h5")

    def test_status_while_it_runs(self):
        config = self.config(LONG.replace("400", "1200"), "long.yaml")
        process = self.start("run", "-q", config, ranks=3)
        self.wait_working(process, self.dir / "long.h5")
        done, polls = 0, 0
        while process.poll() is None and polls < 20:
            status = self.status("long.h5")
            self.assertGreaterEqual(status["done"], done)
            self.assertEqual(status["damaged"], 0)
            done, polls = status["done"], polls + 1
            self.expect(OK, "verify", "long.h5")
            time.sleep(0.15)
        self.assertGreaterEqual(polls, 10)
        self.assertEqual(self.finish(process).status, OK)
        self.assertEqual(self.status("long.h5")["done"], 12)

    def test_readers_change_nothing(self):
        good = self.good()
        good.chmod(0o444)
        before = sha256(good), os.stat(good).st_mtime_ns
        for command in (["status", "good.h5"], ["verify", "good.h5"], ["info", "good.h5"], ["info", "--config", "good.h5"],
                        ["verify", "--recompute", "2", "good.h5"], ["verify", "good.h5", "good.h5"]):
            self.expect(OK, *command)
        self.assertEqual((sha256(good), os.stat(good).st_mtime_ns), before)
        self.assertEqual(self.litter(), ["good.h5", "net.yaml"])


if __name__ == "__main__":
    main()
