"""One small run under valgrind: no invalid access, nothing read that was not set, no memory of ours left behind."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

FOUND = 99


class Memory(Case):
    def command(self, args, ranks=1):
        return ["valgrind", "-q", f"--error-exitcode={FOUND}", "--leak-check=full", "--errors-for-leak-kinds=definite,possible",
                "--num-callers=30", f"--suppressions={SOURCE / 'tests' / 'valgrind.supp'}", *super().command(args, ranks)]

    def test_run(self):
        self.config()
        result = self.run_program("run", "-q", "net.yaml", "--set", "ensemble.members=1", "--set", "transfer.members=1")
        self.assertEqual(result.status, OK, result.err[-8000:])


if __name__ == "__main__":
    if not have("valgrind"):
        print("valgrind is not installed")
        sys.exit(77)
    main()
