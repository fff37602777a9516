"""Every global symbol of the libraries begins with esp_, so that they can be linked into other programs."""
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

LIBRARIES = ("esp_kernels", "esp_numerics", "esp_configuration", "esp_results", "esp_report", "esp_program")


class Symbols(unittest.TestCase):
    @unittest.skipUnless(have("nm"), "nm (binutils) is not installed")
    def test_names(self):
        for library in LIBRARIES:
            with self.subTest(library=library):
                path = pathlib.Path(ESPALIER).parent / f"lib{library}.a"
                text = subprocess.run(["nm", "--defined-only", "--extern-only", str(path)], capture_output=True, text=True,
                                      timeout=HANGS, check=True).stdout
                lines = [line.split() for line in text.splitlines()]
                names = [parts[-1] for parts in lines if len(parts) == 3]
                self.assertGreater(len(names), 2, "nm shows nothing")
                other = [n for n in names if not n.startswith(("esp_", "__asan_", "__odr_asan", "__ubsan"))]
                self.assertEqual(other, [])


if __name__ == "__main__":
    main()
