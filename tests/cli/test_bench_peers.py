"""tools/bench_peers: the peers that are here agree with Espalier, and one that does not is found out. Speed is not judged."""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

SKIPPED = 77  # SKIP_RETURN_CODE of this test
RUN = SOURCE / "tools" / "bench_peers" / "run.py"

# Stands in for the program: what it writes has one byte changed, somewhere in a dataset.
LIAR = """\
#!{python}
import subprocess, sys
status = subprocess.run(["{program}", *sys.argv[1:]]).returncode
if "--write" in sys.argv:
    with open(sys.argv[-1], "r+b") as file:
        file.seek({offset})
        byte = file.read(1)[0]
        file.seek({offset})
        file.write(bytes([byte ^ 1]))
sys.exit(status)
"""


class Peers(Case):
    def run_peers(self, *args, build=pathlib.Path(ESPALIER).parent, **env):
        result = subprocess.run([sys.executable, "-B", str(RUN), "--rounds", "1", "--build", str(build), *args], cwd=self.dir,
                                env=self.environment(**env), capture_output=True, text=True, timeout=HANGS)
        return Result(result.returncode, result.stdout, result.stderr, 0)

    def test_agree(self):
        result = self.run_peers()
        self.assertEqual(result.status, OK, str(result))
        times = dict(re.findall(r"^\| ([^|]+) \| [^|]+ \| [\d.]+ [mu]s \| ([\d.]+) \|$", result.out, re.M))
        self.assertEqual(times.pop("Espalier", None), "1.0", str(result))
        for name in ("NumPy", "PyTorch", "Octave"):
            skipped = f"{name}: skipped, not found here" in result.err
            self.assertNotEqual(skipped, any(peer.startswith(name) for peer in times), f"{name}: {result}")
        self.assertIn("NumPy, all trials at once", times)
        self.assertEqual(self.litter(), [])

    def test_disagree(self):
        self.expect(OK, "bench", "--write", "case.h5")
        for dataset, entry in (("loss", "loss"), ("gradient", "gradient"), ("weights", "loss")):
            with self.subTest(dataset=dataset):
                offset, size = self.extent(self.dir / "case.h5", dataset)
                middle = offset + size - 4  # of the last number: changes about its eighth digit
                liar = self.write(f"{dataset}/espalier", LIAR.format(python=sys.executable, program=ESPALIER, offset=middle))
                liar.chmod(0o755)
                result = self.run_peers(build=liar.parent)
                self.assertEqual(result.status, DATA, str(result))
                self.assertRegex(result.err, f"NumPy: the {entry} differs from Espalier's by")
                self.assertNotIn("| NumPy", result.out)

    def test_mistakes(self):
        result = self.run_peers(build=self.dir)
        self.assertEqual(result.status, NO_INPUT, str(result))
        self.assertIn("there is no program", result.err)
        self.assertEqual(self.run_peers("--rounds", "0").status, USAGE)
        self.assertEqual(self.run_peers("--round-robin", "7").status, USAGE)


if __name__ == "__main__":
    sys.path.insert(0, str(RUN.parent))
    sys.dont_write_bytecode = True
    import run
    if not run.python_with("numpy", "h5py"):
        print("skipped: no Python here has numpy and h5py (Debian: apt-get install python3-numpy python3-h5py)")
        sys.exit(SKIPPED)
    main()
