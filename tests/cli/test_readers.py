"""tools/read_espalier.py and .m: a trial run outside the program gives the response that the program stored.

ESP_TEST_READER is python or octave.
"""
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

SKIPPED = 77  # SKIP_RETURN_CODE of this test
TOOLS = SOURCE / "tools"
OCTAVE = shutil.which("octave-cli") or shutil.which("octave")
PYTHON = None
NUMBER = r"computed (\S+) stored (\S+)"
TRANSPOSED = {"read_espalier.py": (r"r = np.tanh\(w_rec @ r", "r = np.tanh(w_rec.T @ r"),
              "read_espalier.m": (r"tanh\(w_rec \* r", "tanh(w_rec.' * r")}


class Reader(Case):
    name = None

    def setUp(self):
        super().setUp()
        self.file = self.straight(self.config())

    def read(self, tools, file, member, arm, stage, condition):
        """(status, what it printed, what it complained of) of a reader in the directory tools."""
        raise NotImplementedError

    def outcome(self, command):
        result = subprocess.run([str(word) for word in command], cwd=self.dir, env=self.environment(), capture_output=True,
                                text=True, timeout=HANGS, stdin=subprocess.DEVNULL)
        return Result(result.returncode, result.stdout, result.stderr, 0)

    def difference(self, *args):
        result = self.read(*args)
        self.assertEqual(result.status, OK, f"{args}: {result}")
        computed, stored = map(float, re.search(NUMBER, result.out).groups())
        self.assertGreater(abs(stored), 1e-6)  # a number worth comparing
        return abs(computed - stored)


class Checks:
    def test_responses(self):
        for member, arm, stage in ((0, "pruned", "rung_0.80"), (3, "twin", "rung_0.40"), (1, "pruned", "start")):
            for condition in (1, 2, 3, 4):
                with self.subTest(member=member, arm=arm, stage=stage, condition=condition):
                    self.assertLess(self.difference(TOOLS, self.file, member, arm, stage, condition), 1e-12)

    def test_transposed_is_found(self):
        """What this test is for: W_rec the wrong way round does not give the stored number."""
        old, new = TRANSPOSED[self.name]
        text, n = re.subn(old, new, (TOOLS / self.name).read_text())
        self.assertEqual(n, 1)
        self.write(f"wrong/{self.name}", text)
        for condition in (1, 4):
            self.assertGreater(self.difference(self.dir / "wrong", self.file, 0, "pruned", "rung_0.80", condition), 1e-6)

    def test_one_member(self):
        """Axes of length 1 are axes, too."""
        path = self.dir / "one.h5"
        config = self.config(TINY.replace("members: 4", "members: 1").replace("members: 2", "members: 1"))
        self.expect(OK, "run", "-q", config, "-o", path)
        self.assertLess(self.difference(TOOLS, path, 0, "pruned", "rung_0.40", 3), 1e-12)

    def test_refused(self):
        for key, value in (("readout", "latent"), ("input_lag", "1")):
            path = self.dir / f"{key}.h5"
            config = self.config(TINY.replace("n_hid: 5", f"n_hid: 5\n  {key}: {value}"))
            self.expect(OK, "run", "-q", config, "-o", path)
            result = self.read(TOOLS, path, 0, "pruned", "rung_0.80", 1)
            self.assertNotEqual(result.status, OK, str(result))
            self.assertIn("network.readout: rate and network.input_lag: 0", result.err)
        result = self.read(TOOLS, self.file, 0, "pruned", "rung_0.8", 1)
        self.assertNotEqual(result.status, OK, str(result))
        self.assertIn("rung_0.8", result.err)


class Python(Checks, Reader):
    name = "read_espalier.py"

    def read(self, tools, *args):
        return self.outcome([*PYTHON, pathlib.Path(tools) / self.name, *args])

    def test_not_done(self):
        result = self.read(TOOLS, self.file, 3, "twin", "transfer", 1)  # members 0 and 1 only
        self.assertNotEqual(result.status, OK, str(result))
        self.assertIn("not done", result.err)


class Octave(Checks, Reader):
    name = "read_espalier.m"

    def read(self, tools, file, member, arm, stage, condition):
        call = (f"addpath('{tools}'); [y, stored] = read_espalier('{file}', {member}, '{arm}', '{stage}', {condition}); "
                f"printf('computed %.17g stored %.17g\\n', mean(y(52:53)), stored);")
        return self.outcome([OCTAVE, "--quiet", "--no-init-file", "--no-history", "--no-gui", "--eval", call])


if __name__ == "__main__":
    sys.path.insert(0, str(TOOLS / "bench_peers"))
    sys.dont_write_bytecode = True
    import run
    PYTHON = run.python_with("numpy", "h5py")
    here = {"python": (PYTHON, Python, "no Python here has numpy and h5py (Debian: python3-numpy python3-h5py)"),
            "octave": (OCTAVE and have("h5dump"), Octave, "octave or h5dump is not here (Debian: octave hdf5-tools)")}
    found, case, missing = here[os.environ.get("ESP_TEST_READER", "python")]
    if not found:
        print("skipped:", missing)
        sys.exit(SKIPPED)
    unittest.main(argv=[sys.argv[0], *(sys.argv[1:] or [case.__name__])], verbosity=2)
