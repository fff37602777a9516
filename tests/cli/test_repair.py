"""run --repair: what HDF5 no longer opens is saved by its checksums, and only that."""
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

CELLS = 28


class Repair(Case):
    def setUp(self):
        super().setUp()
        self.config()
        self.good = self.straight(self.dir / "net.yaml", "good.h5")
        self.whole = self.good.read_bytes()
        self.bad = self.dir / "bad.h5"

    def asides(self):
        return sorted(self.dir.glob("bad.h5.old-*"))

    def repair(self, status, *options, config="net.yaml", **keywords):
        return self.expect(status, "run", "-q", "--repair", config, "-o", "bad.h5", *options, **keywords)

    def assert_untouched(self, data):
        self.assertEqual(self.bad.read_bytes(), data)
        self.assertEqual(self.asides(), [])
        self.assertEqual(list(self.dir.glob("bad.h5.repair*")), [])
        self.assertFalse((self.dir / "bad.h5.lock").exists())

    def assert_repaired(self, result, data, saved, lost=0, cut_off=0):
        self.assertIn(f"bad.h5: {saved} of {CELLS} cells saved, {lost} lost, {cut_off} cut off", result.err)
        self.assertEqual([p.read_bytes() for p in self.asides()], [data])
        self.assertEqual(list(self.dir.glob("bad.h5.repair*")), [])
        self.assert_sound("bad.h5")
        self.assert_same("good.h5", "bad.h5")

    def broken(self, *places):
        """The file with the signature gone, so that HDF5 reads nothing of it, and bits flipped in other places."""
        data = bytearray(self.whole)
        for place in (0, *places):
            data[place] ^= 4
        self.bad.write_bytes(data)
        return bytes(data)

    def piece(self, dataset, cell):
        """Where the bytes of a cell begin; there are 32 of them, in order of member, arm, stage."""
        offset, size = self.extent(self.good, dataset)
        return offset + size // 32 * cell

    def test_unreadable(self):
        """Nothing is left of the structure, two cells are damaged: 26 are saved, two computed, all as before."""
        data = self.broken(self.piece("/records/w_rec", 9) + 5, self.piece("/commit", 21) + 4)
        result = self.expect(DATA, "run", "-q", "net.yaml", "-o", "bad.h5")
        self.assert_one_line(result, "bad.h5", "--repair")
        self.assert_untouched(data)
        self.assert_repaired(self.repair(OK, ranks=3), data, 26, lost=2)
        self.assertNotIn("computed again", result.out)  # the config was found

    def test_broken_header(self):
        """One array cannot be opened, the others can; runs are remembered."""
        data = bytearray(self.whole)
        offset, _ = self.extent(self.good, "/records/w_rec")
        header = data.rindex(b"OHDR", 0, data.index(offset.to_bytes(8, "little")))  # of the array: it says where it lies
        data[header + 10] ^= 1
        self.bad.write_bytes(data)
        result = self.expect(DATA, "run", "-q", "net.yaml", "-o", "bad.h5")
        self.assert_one_line(result, "bad.h5", "/records/w_rec", "--repair")
        self.assert_repaired(self.repair(OK), bytes(data), CELLS)
        self.assertIn("run 2: ", self.expect(OK, "info", "bad.h5").out)

    def test_arrays_elsewhere(self):
        """A file whose arrays lie elsewhere than in a new one: HDF5 says where, as long as it can."""
        if not have("h5repack"):
            self.skipTest("h5repack is not installed; it moves the arrays")
        subprocess.run(["h5repack", str(self.good), str(self.bad)], check=True, timeout=HANGS, capture_output=True)
        data = bytearray(self.bad.read_bytes())
        self.assertNotEqual(self.extent(self.bad, "/records/w_rec"), self.extent(self.good, "/records/w_rec"))
        offset, size = self.extent(self.bad, "/provenance/config_resolved")
        data[offset + 5] ^= 1  # the config cannot be read: bits must tell
        self.bad.write_bytes(data)
        result = self.repair(OK)
        self.assert_repaired(result, bytes(data), CELLS)
        self.assertEqual(result.out.count("all bits equal"), 7)

    def test_truncated(self):
        """Cut after the entries all is saved, also without the config; before them nothing can be proved."""
        offset, size = self.extent(self.good, "/commit")
        for length, saved in ((len(self.whole) - 1, CELLS), (offset + size, CELLS), (offset + 32 * 12, 12), (offset, 0), (500, 0)):
            with self.subTest(length=length):
                data = self.whole[:length]
                self.bad.write_bytes(data)
                if saved == 0:
                    self.assertIn("not one cell", self.repair(DATA).err)
                    self.assert_untouched(data)
                    continue
                self.assert_repaired(self.repair(OK), data, saved, cut_off=CELLS - saved)
                self.asides()[0].unlink()

    def test_another_config(self):
        """Cells of another config are not taken, whether its text is there or not."""
        other = self.config(TINY.replace("calls: 2", "calls: 3"), "other.yaml")
        for name, data in (("text", self.broken()), ("bits", self.whole[:sum(self.extent(self.good, "/commit"))]),
                           ("known", self.whole)):
            with self.subTest(name):
                self.bad.write_bytes(data)
                result = self.repair(CONFIG, config=other)
                self.assertIn("2 of 7 cells" if name != "known" else "transfer.calls", result.err)
                self.assert_untouched(data)

    def test_nothing_to_repair(self):
        """A file that opens is used as it is, damaged cells included; one that is not there is made."""
        self.repair(OK)
        self.assert_same("good.h5", "bad.h5")
        data = bytearray(self.whole)
        data[self.piece("/records/loss", 9)] ^= 1
        self.bad.write_bytes(data)
        result = self.repair(OK)
        self.assertIn("nothing to repair", result.err)
        self.assertIn("1 cells are damaged", result.err)
        self.assertEqual(self.asides(), [])
        self.assert_same("good.h5", "bad.h5")

    def test_not_a_results_file(self):
        for data in (b"a letter to somebody\n" * 100, b"", bytes(5000), os.urandom(300000)):
            self.bad.write_bytes(data)
            self.assertIn("not one cell", self.repair(DATA).err)
            self.assert_untouched(data)

    def test_states(self):
        """The state of a half-trained stage is saved too: no call is made again."""
        config = self.config(LONG, "long.yaml")
        for _ in range(20):
            self.expect(STOPPED, "run", "-q", config, "-o", "bad.h5", "--max-time", "1s")
            if any(self.bytes_of(self.bad, "/resume/commit")):
                break
        before = {d: self.bytes_of(self.bad, d) for d in ("/resume/commit", "/commit")}
        data = bytearray(self.bad.read_bytes())
        data[0] ^= 1
        self.bad.write_bytes(data)
        # The config's text is there, so nothing is computed before the time is over.
        self.repair(STOPPED, "--max-time", "0", config=config)
        self.assertEqual(before["/commit"], self.bytes_of(self.bad, "/commit"))
        size = len(before["/resume/commit"]) // 16
        kept = [self.bytes_of(self.bad, "/resume/commit")[16 * i:16 * i + 16] for i in range(size)]
        for i in range(size):
            entry = before["/resume/commit"][16 * i:16 * i + 16]
            self.assertIn(entry, kept, f"the state in slot {i} is gone")

    def test_stopped_and_killed(self):
        """A repair that does not end leaves the damaged file as it was; the next one ends."""
        config = self.config(LONG, "long.yaml")
        self.expect(OK, "run", "-q", config, "-o", "bad.h5")
        shutil.copy(self.bad, self.good)
        data = self.bad.read_bytes()[:sum(self.extent(self.bad, "/commit"))]
        self.bad.write_bytes(data)
        self.repair(STOPPED, "--max-time", "0.3s", config=config)  # while it computes cells again
        self.assert_untouched(data)
        process = self.start("run", "-q", "--repair", config, "-o", "bad.h5")
        self.assertTrue(wait_for(lambda: (self.dir / "bad.h5.repair").exists()))
        time.sleep(0.2)
        self.kill_all(process)
        self.wait_gone(process)
        self.assertEqual((self.bad.read_bytes(), self.asides()), (data, []))
        result = self.repair(OK, config=config)
        self.assertIn("12 of 12 cells saved", result.err)
        self.assert_same("good.h5", "bad.h5")

    def test_options(self):
        self.expect(USAGE, "run", "--repair", "--force", "net.yaml")
        self.expect(USAGE, "run", "--repair", "--dry-run", "net.yaml")
        self.expect(USAGE, "analyze", "--repair", "good.h5")


if __name__ == "__main__":
    main()
