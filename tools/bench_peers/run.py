#!/usr/bin/env python3
"""tools/bench_peers/run.py - how long NumPy, PyTorch and Octave take for a gradient that Espalier computes too.

Writes the case with `espalier bench --write`: 20 trials x 58 steps of the DMS task, 30 units. Each peer first has to give the
same loss (to 1e-12) and gradient (to 1e-10 of its largest entry), each in the way that is natural to it; then all are timed
in turn, round after round, on one thread. What is not installed is skipped. Prints a table in Markdown.

Debian and Ubuntu have what is needed: apt-get install --no-install-recommends python3-numpy python3-h5py python3-torch octave
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
OK, USAGE, DISAGREE, NO_INPUT, NO_PEER = 0, 64, 65, 66, 69
SHARED, APART = "DMS, dense", "DMS, input noise"  # cases of `espalier bench`


class Arguments(argparse.ArgumentParser):
    def error(self, message):
        self.exit(USAGE, f"{self.prog}: {message}\nTry '{self.prog} --help'.\n")


def parse_arguments():
    parser = Arguments(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog="""\
Examples:
  tools/bench_peers/run.py
  tools/bench_peers/run.py --build build --rounds 5 > peers.md

Exit status: 0 at least one peer ran and all that ran agree, 64 usage, 65 a peer disagrees or fails, 66 no program,
69 no peer is installed.
""")
    parser.add_argument("--build", metavar="DIR", default=ROOT / "build", type=pathlib.Path,
                        help="where espalier was built (default: build/ of the clone)")
    parser.add_argument("--rounds", metavar="N", default=3, type=int, help="rounds, of which medians are printed (default: 3)")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error(f"--rounds: at least 1, not {arguments.rounds}")
    return arguments


def run(command, **keywords):
    return subprocess.run([str(word) for word in command], env={**os.environ, **ONE_THREAD}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600, **keywords)


def say(text):
    print(text, file=sys.stderr, flush=True)


def python_with(*modules):
    """A Python that has these modules; the one of the system has what Debian installs, another on the PATH may not."""
    wanted = f"import importlib.util as i, sys; sys.exit(not all(map(i.find_spec, {modules})))"
    for python in ("python3", "/usr/bin/python3"):
        if shutil.which(python) and run([python, "-c", wanted]).returncode == 0:
            return [python, "-B"]
    return None


def find_peers():
    """Name and command of each peer that is here."""
    octave = shutil.which("octave-cli") or shutil.which("octave")
    known = (("NumPy", python_with("numpy", "h5py"), "peer_numpy.py", "python3-numpy python3-h5py"),
             ("PyTorch", python_with("torch", "numpy", "h5py"), "peer_torch.py", "python3-torch python3-h5py"),
             ("Octave", octave and [octave, "--quiet", "--no-init-file", "--no-history"], "peer_octave.m", "octave"))
    for name, command, script, packages in known:
        if command:
            yield name, [*command, HERE / script]
        else:
            say(f"{name}: skipped, not found here (Debian: apt-get install --no-install-recommends {packages})")


def time_espalier(program):
    """Rows as the peers print them."""
    result = run([program, "bench", "--json"])
    if result.returncode != 0:
        sys.exit(f"espalier bench: status {result.returncode}\n{result.stderr}")
    bench = json.loads(result.stdout)
    seconds = {case["case"]: case["seconds"] for case in bench["gradients"]}
    version = bench["program"].replace("espalier ", "", 1)
    return [{"peer": name, "version": version, "blas": f"kernels {bench['kernel']}", "seconds": seconds[case]}
            for name, case in (("Espalier", SHARED), ("Espalier, noise on the inputs", APART))]


def time_peer(name, command, case):
    """Its rows, or None if it disagrees or fails."""
    result = run([*command, case])
    if result.returncode == 0:
        return [json.loads(line) for line in result.stdout.splitlines()]
    say(result.stderr.strip() or f"{name}: ended with status {result.returncode} and no message")
    return None


def measure(program, peers, case, n_rounds):
    """Rows of each round, and the names of peers that failed."""
    rounds, failed = [], set()
    for i in range(n_rounds):
        say(f"round {i + 1} of {n_rounds}")
        rows = time_espalier(program)
        for name, command in peers:
            if name not in failed:
                mine = time_peer(name, command, case)
                rows += mine or []
                if mine is None:
                    failed.add(name)
        rounds.append({row["peer"]: row for row in rows})
    return rounds, failed


def time_words(seconds):
    return f"{1e6 * seconds:.0f} us" if seconds < 1e-3 else f"{1e3 * seconds:.{1 if seconds < 0.01 else 0}f} ms"


def print_table(rounds):
    print("| program | version | time per gradient | times Espalier's |\n|---|---|---:|---:|")
    for name, row in rounds[0].items():
        there = [r for r in rounds if name in r]
        seconds = statistics.median(r[name]["seconds"] for r in there)
        ratio = statistics.median(r[name]["seconds"] / r["Espalier"]["seconds"] for r in there)
        version = ", ".join(word for word in (row["version"], row["blas"]) if word)
        print(f"| {name} | {version} | {time_words(seconds)} | {ratio:.{0 if ratio >= 10 else 1}f} |")


def value_in(path, key, separator):
    """Of the first line of a file that begins with key; empty if there is none."""
    try:
        for line in pathlib.Path(path).read_text().splitlines():
            if line.startswith(key):
                return line.split(separator, 1)[1].strip(' "')
    except OSError:
        pass
    return ""


def print_machine(n_rounds):
    cpu = value_in("/proc/cpuinfo", "model name", ":") or platform.machine()
    system = value_in("/etc/os-release", "PRETTY_NAME", "=") or platform.system()
    print(f"\n{cpu}, {os.cpu_count()} cores, of which one is used; {system}; {datetime.date.today()}; "
          f"rounds: {n_rounds} (medians).\n"
          "All rows but the second are the same gradient of the same numbers. In the first, Espalier computes trials whose inputs\n"
          "are equal so far as one; with noise on the inputs, the second, it has as many states to compute as the peers.")


def main():
    arguments = parse_arguments()
    program = arguments.build / "espalier"
    if not os.access(program, os.X_OK):
        say(f"{program}: there is no program; build it, or name its directory with --build")
        return NO_INPUT
    peers = list(find_peers())
    if not peers:
        say("No peer is installed, so there is nothing to compare.")
        return NO_PEER
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as directory:
        case = pathlib.Path(directory) / "case.h5"
        written = run([program, "bench", "--write", case])
        if written.returncode != 0:
            say(written.stderr.strip())
            return written.returncode
        rounds, failed = measure(program, peers, case, arguments.rounds)
    print_table(rounds)
    print_machine(arguments.rounds)
    return DISAGREE if failed else OK


if __name__ == "__main__":
    sys.exit(main())
