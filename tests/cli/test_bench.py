"""The kernels for different CPUs: `run --kernel`, and `bench`. Speed itself is not judged: machines come and go."""
import array
import json
import math
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *


class Kernels(Case):
    def run_with(self, kernel):
        """The results of the tiny config with these kernels; None if this CPU lacks them."""
        result = self.run_program("run", "-q", "--kernel", kernel, "-o", f"{kernel}.h5", self.config())
        if result.status == USAGE:
            self.assertIn(f"there are no kernels '{kernel}' on this CPU; it has portable", result.err)
            return None
        self.assertEqual(result.status, OK, str(result))
        return f"{kernel}.h5"

    def test_equal_bits(self):
        avx2, avx512 = self.run_with("avx2"), self.run_with("avx512")
        if not avx2 or not avx512:
            self.skipTest("this CPU has not both AVX2 and AVX-512")
        self.assert_same(avx2, avx512)

    def test_provenance_and_warning(self):
        self.run_with("portable")
        self.assertIn("kernel: portable", self.expect(OK, "info", "portable.h5").out)
        result = self.expect(OK, "run", "-q", "-o", "portable.h5", "net.yaml")
        if "has portable" not in result.err:
            self.assertIn("the last run on this file used portable kernels", result.err)

    def test_unknown(self):
        self.assertIn("'sse9'", self.expect(USAGE, "run", "--kernel", "sse9", self.config()).err)
        self.assertIn("'sse9'", self.expect(USAGE, "bench", "--kernel", "sse9").err)


class Bench(Case):
    def test_json(self):
        text = self.expect(OK, "bench", "--json", "--kernel", "portable").out
        bench = json.loads(text)
        self.assertEqual(bench["kernel"], "portable")
        self.assertGreater(bench["dgemm_rate"], 1e8)
        cases = {case["case"]: case for case in bench["gradients"]}
        self.assertEqual(cases["DMS, dense"]["nodes"], 142)
        self.assertEqual(cases["DMS, input noise"]["nodes"], 1160)
        for case in cases.values():
            self.assertGreater(case["seconds"], 0)
            self.assertGreater(case["of_dgemm"], 0)
        self.assertTrue(0 <= bench["scg_step_share_beyond_gradients"] < 1)

    def test_text(self):
        lines = self.expect(OK, "bench").out.splitlines()
        self.assertTrue(any(line.startswith("DMS, 0.90 pruned") for line in lines), lines)


def plain_loss(n_hid, inputs, targets, weights):
    """E as the header of rnn.h has it, trial by trial. inputs [trial][step][input], targets [trial][step]."""
    n_in = len(inputs[0][0])
    w_in = [weights[i * n_in:(i + 1) * n_in] for i in range(n_hid)]
    rest = weights[n_hid * n_in:]
    w_rec = [rest[i * n_hid:(i + 1) * n_hid] for i in range(n_hid)]
    w_out = rest[n_hid * n_hid:]

    def dot(a, b):
        return math.fsum(x * y for x, y in zip(a, b))

    total = 0.0
    for u, target in zip(inputs, targets):
        rate = [0.0] * n_hid
        for k in range(len(u)):
            rate = [math.tanh(dot(w_rec[i], rate) + dot(w_in[i], u[k])) for i in range(n_hid)]
            total += (dot(w_out, rate) - target[k]) ** 2
    return total / (len(inputs) * len(inputs[0]))


class Write(Case):
    """`bench --write`: a case for other programs to compute."""

    def numbers(self, name, code="d"):
        return array.array(code, self.bytes_of(self.dir / "case.h5", name))

    def test_case(self):
        if sys.byteorder != "little":
            self.skipTest("reads the bytes of the file as they are")
        self.assertEqual(self.expect(OK, "bench", "--write", "case.h5").out, "")
        self.assertEqual(list(self.numbers("n_hid", "i")), [30])
        flat, targets = self.numbers("input"), self.numbers("target")
        weights, gradient, (loss,) = self.numbers("weights"), self.numbers("gradient"), self.numbers("loss")
        self.assertEqual([len(flat), len(targets), len(weights), len(gradient)], [20 * 58 * 6, 20 * 58, 1110, 1110])
        inputs = [[flat[(t * 58 + k) * 6:][:6] for k in range(58)] for t in range(20)]
        targets = [targets[t * 58:][:58] for t in range(20)]
        self.assertLess(abs(plain_loss(30, inputs, targets, weights) / loss - 1), 1e-12)

        # One entry of each matrix; by chance none of them is small.
        h = 1e-5
        for i in (1, 30 * 6 + 31, 30 * 6 + 30 * 30 + 4):
            losses = []
            for sign in (1, -1):
                moved = weights[:]
                moved[i] += sign * h
                losses.append(plain_loss(30, inputs, targets, moved))
            self.assertLess(abs((losses[0] - losses[1]) / (2 * h) - gradient[i]), 1e-6 * max(map(abs, gradient)), i)

    @unittest.skipUnless(have("h5dump"), "h5dump is not installed")
    def test_description(self):
        self.expect(OK, "bench", "--write", "case.h5", "--kernel", "portable")
        text = subprocess.run(["h5dump", "-H", str(self.dir / "case.h5")], capture_output=True, text=True, timeout=HANGS,
                              check=True).stdout
        found = {name: shape.strip() for name, shape in
                 re.findall(r'DATASET "(\w+)" \{\s+DATATYPE +\S+\s+DATASPACE +(?:SIMPLE \{ \(([^)]*)\)|SCALAR)', text)}
        self.assertEqual(found, {"input": "20, 58, 6", "target": "20, 58, 1", "weights": "1110", "gradient": "1110",
                                 "loss": "", "n_hid": ""})
        self.assertEqual(text.count('ATTRIBUTE "long_name"'), 6)

    def test_cannot_create(self):
        there = self.write("there.h5", "results of weeks")
        self.assert_one_line(self.expect(CANNOT_CREATE, "bench", "--write", there), "there.h5", "File exists")
        self.assertEqual(there.read_text(), "results of weeks")
        self.assert_one_line(self.expect(CANNOT_CREATE, "bench", "--write", "nowhere/case.h5"), "nowhere/case.h5",
                             "No such file or directory")
        self.assertIn("--write", self.expect(USAGE, "bench", "--json", "--write", "case.h5").err)
        self.assertIn("--write", self.expect(USAGE, "bench", "--write").err)
        self.assertEqual(self.litter(), ["there.h5"])

    def test_disk_full(self):
        limited = 'trap "" XFSZ; ulimit -f 8; exec "$0" bench --write case.h5'
        result = subprocess.run(["sh", "-c", limited, ESPALIER], cwd=self.dir, env=self.environment(), capture_output=True,
                                text=True, timeout=HANGS)
        self.assertEqual(result.returncode, IO, result.stderr)
        self.assert_one_line(Result(result.returncode, "", result.stderr, 0), "case.h5: cannot be written", "too large")
        self.assertEqual(self.litter(), [])


if __name__ == "__main__":
    main()
