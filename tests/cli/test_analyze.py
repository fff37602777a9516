"""espalier analyze: the networks of a results file measured again, with the same distractors and with others."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *


class Analyze(Case):
    def setUp(self):
        super().setUp()
        self.config()
        self.file = self.dir / "net.h5"
        self.expect(OK, "run", "-q", "net.yaml", "-o", "net.h5")

    def test_same_measures_are_the_same_bits(self):
        before = sha256(self.file)
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                name = f"same_{ranks}.h5"
                self.expect(OK, "analyze", "-q", "net.h5", "-o", name, ranks=ranks)
                self.assert_same(self.file, self.dir / name)
        self.assertEqual(sha256(self.file), before)

    def test_other_distractors(self):
        before = sha256(self.file)
        self.expect(OK, "analyze", "-q", "net.h5", "--set", "probe.strengths=[0, 0.1, 2]", "--set", "probe.onsets=[15, 38]")
        self.assertEqual(sha256(self.file), before)
        self.assertEqual(self.status("net_analysis.h5")["failed"], 0)
        # what comes out is what training with these keys would have stored
        self.expect(OK, "run", "-q", "net.yaml", "-o", "trained.h5", "--set", "probe.strengths=[0, 0.1, 2]",
                    "--set", "probe.onsets=[15, 38]")
        self.assert_same(self.dir / "trained.h5", self.dir / "net_analysis.h5")
        # and the same command again has nothing left to do
        again = sha256(self.dir / "net_analysis.h5")
        self.expect(OK, "analyze", "-q", "net.h5", "--set", "probe.strengths=[0, 0.1, 2]", "--set", "probe.onsets=[15, 38]")
        self.expect(OK, "verify", "net_analysis.h5", "trained.h5")
        self.assertTrue(again)

    def test_networks_cannot_be_changed(self):
        result = self.expect(CONFIG, "analyze", "net.h5", "--set", "network.n_hid=9", "--set", "seed=1", "-o", "new.h5")
        self.assertIn("network.n_hid: 5 -> 9", result.err)
        self.assertIn("seed: 7 -> 1", result.err)
        self.assertIn("probe.strengths", result.err)
        self.assertFalse((self.dir / "new.h5").exists())

    def test_unfinished_file(self):
        self.expect(STOPPED, "run", "-q", "net.yaml", "-o", "part.h5", "--max-time", "0")
        result = self.expect(DATA, "analyze", "-q", "part.h5")
        self.assertIn("part.h5", result.err)
        self.assertIn("missing", result.err)
        self.assertFalse((self.dir / "part_analysis.h5").exists())

    def test_not_over_itself(self):
        before = sha256(self.file)
        self.expect(CANNOT_CREATE, "analyze", "net.h5", "-o", "./net.h5", "--force")
        self.assertEqual(sha256(self.file), before)

    def test_command_line(self):
        self.assertIn("--set", self.expect(OK, "analyze", "--help").out)
        self.expect(USAGE, "analyze")
        self.expect(USAGE, "analyze", "net.h5", "--dry-run")
        self.expect(NO_INPUT, "analyze", "nothing.h5")
        self.expect(CONFIG, "analyze", "net.h5", "--set", "probe.strengths=[2, 1]", "-o", "new.h5")


class AnalyzeBandit(Case):
    def setUp(self):
        super().setUp()
        self.config(BANDIT)
        self.file = self.dir / "net.h5"
        self.expect(OK, "run", "-q", "net.yaml", "-o", "net.h5")

    def test_same_measures_are_the_same_bits(self):
        before = sha256(self.file)
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                self.expect(OK, "analyze", "-q", "net.h5", "-o", f"same_{ranks}.h5", ranks=ranks)
                self.assert_same(self.file, self.dir / f"same_{ranks}.h5")
        self.assertEqual(sha256(self.file), before)

    def test_other_evaluations(self):
        """What comes out is what training with these keys would have stored."""
        before = sha256(self.file)
        for key, value in (("agents", 9), ("lyapunov_agents", 5), ("epsilon", 0.5)):
            with self.subTest(key=key):
                self.expect(OK, "analyze", "-q", "net.h5", "-o", f"{key}.h5", "--set", f"evaluation.{key}={value}")
                self.expect(OK, "run", "-q", "net.yaml", "-o", f"trained_{key}.h5", "--set", f"evaluation.{key}={value}")
                self.assert_same(self.dir / f"trained_{key}.h5", self.dir / f"{key}.h5")
                self.assert_sound(self.dir / f"{key}.h5")
                self.expect(DATA, "verify", "net.h5", f"{key}.h5")
        self.assertEqual(sha256(self.file), before)

    def test_networks_cannot_be_changed(self):
        result = self.expect(CONFIG, "analyze", "net.h5", "--set", "bandit.agents=9", "--set", "training.low_loss=1", "-o", "new.h5")
        self.assertIn("bandit.agents: 6 -> 9", result.err)
        self.assertIn("training.low_loss: 0.01 -> 1", result.err)
        self.assertIn("evaluation.agents, evaluation.lyapunov_agents, evaluation.epsilon", result.err)
        self.assertNotIn("probe.strengths", result.err)
        self.assertFalse((self.dir / "new.h5").exists())

    def test_other_experiment(self):
        result = self.expect(CONFIG, "analyze", "net.h5", "--set", "probe.strengths=[0, 1]", "-o", "new.h5")
        self.assertIn("probe", result.err)
        self.assertFalse((self.dir / "new.h5").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
