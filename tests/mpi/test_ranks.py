"""However many processes compute it, a results file has the same bits. ESP_TEST_RANKS limits the numbers tried."""
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

RANKS = [int(n) for n in (os.environ.get("ESP_TEST_RANKS") or "1 2 3 5 7 31").split()]
few = unittest.skipIf(RANKS[-1] > 7, "for fewer ranks: so many take long to start")


class Ranks(Case):
    def same_bits(self, text):
        config = self.config(text)
        straight = self.straight(config)
        for n in RANKS:
            with self.subTest(ranks=n):
                file = self.dir / f"by{n}.h5"
                result = self.expect(OK, "run", config, "-o", file, ranks=n)
                self.assertIn(f"{file} is complete: ", result.out)
                self.assertRegex(result.out, r"stage +\|")
                self.assertNotIn("is complete", result.err)
                self.assert_sound(file)
                self.assert_same(straight, file)
                self.assertEqual(self.status(file)["ranks_of_last_run"], n)
                self.assertFalse(os.path.exists(f"{file}.lock"))

    def test_dms(self):
        self.same_bits(TINY)

    def test_scratch(self):
        self.same_bits(SCRATCH)

    def test_bandit(self):
        self.same_bits(BANDIT)

    def test_lever(self):
        self.same_bits(LEVER)
        result = self.expect(OK, "verify", "--recompute", 4, self.dir / f"by{RANKS[-1]}.h5")
        self.assertEqual(result.out.count("computed again, all bits equal"), 4)
        self.assertIn("32 of 32 cells checked, 0 faults", result.out)

    @few
    def test_bandit_recomputed(self):
        self.expect(OK, "run", self.config(BANDIT), "-q", ranks=RANKS[-1])
        result = self.expect(OK, "verify", "--recompute", 5, self.dir / "net.h5")
        self.assertEqual(result.out.count("computed again, all bits equal"), 5)
        self.assertIn("40 of 40 cells checked, 0 faults", result.out)

    @few
    def test_recomputed(self):
        config = self.config()
        file = self.dir / "net.h5"
        self.expect(OK, "run", config, "-q", ranks=RANKS[-1])
        result = self.expect(OK, "verify", "--recompute", 3, file)
        self.assertEqual(result.out.count("computed again, all bits equal"), 3)
        self.assertIn("28 of 28 cells checked, 0 faults", result.out)

    @few
    def test_other_seed_gives_other_bits(self):
        """Without this the comparisons above could not fail."""
        config = self.config()
        self.straight(config)
        self.expect(OK, "run", "-q", config, "-o", "other.h5", "--set", "seed=8", ranks=RANKS[-1])
        result = self.expect(DATA, "verify", "straight.h5", "other.h5")
        self.assertIn("seed: 7 -> 8", result.err)
        if have("h5dump"):
            self.assertNotEqual(self.bytes_of(self.dir / "straight.h5", "/records/w_rec"),
                                self.bytes_of(self.dir / "other.h5", "/records/w_rec"))

    @few
    def test_again_changes_nothing(self):
        config = self.config()
        n = RANKS[-1]
        self.expect(OK, "run", "-q", config, ranks=n)
        before = {}
        for dataset in ("/commit", "/records/w_rec", "/records/loss_curve", "/records/mask", "/resume/commit"):
            before[dataset] = self.bytes_of(self.dir / "net.h5", dataset)
        result = self.expect(OK, "run", "-q", config, ranks=n)
        self.assertIn("net.h5 is complete: 28 cells", result.out)
        for dataset, value in before.items():
            self.assertEqual(self.bytes_of(self.dir / "net.h5", dataset), value, dataset)

    @unittest.skipUnless(5 in RANKS, "for five ranks")
    def test_more_ranks_than_strands(self):
        config = self.config(TINY.replace("members: 4", "members: 1").replace("  members: 2\n", "  members: 1\n"))
        straight = self.straight(config)
        self.expect(OK, "run", "-q", config, ranks=5)
        self.assert_sound("net.h5")
        self.assert_same(straight, "net.h5")


if __name__ == "__main__":
    main()
