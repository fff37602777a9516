"""The kernels for different CPUs: `run --kernel`, and `bench`. Speed itself is not judged: machines come and go."""
import json
import pathlib
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


if __name__ == "__main__":
    main()
