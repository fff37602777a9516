"""What the end-to-end tests share: a directory per test, running the program under a time limit, killing what is left.

The environment says what is tested: ESPALIER (the program), ESP_SOURCE (root of the sources), ESP_TEST_TMP (where to make
directories), MPIEXEC. Only the standard library is needed; tools of HDF5 are used where they are installed.
"""
import array
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = pathlib.Path(os.environ.get("ESP_SOURCE") or pathlib.Path(__file__).resolve().parents[2])
ESPALIER = os.path.abspath(os.environ.get("ESPALIER") or SOURCE / "build" / "espalier")
MPIEXEC = os.environ.get("MPIEXEC") or "mpirun"
TMP = os.environ.get("ESP_TEST_TMP") or tempfile.gettempdir()

OK, USAGE, DATA, NO_INPUT, UNAVAILABLE, NO_MEMORY, CANNOT_CREATE, IO, STOPPED, CONFIG = 0, 64, 65, 66, 69, 70, 73, 74, 75, 78
GCOV = b"__gcov_" in pathlib.Path(ESPALIER).read_bytes() if os.path.exists(ESPALIER) else False
SANITIZED = b"__asan_init" in pathlib.Path(ESPALIER).read_bytes() if os.path.exists(ESPALIER) else False
HANGS = 600  # s: who takes that long, does; the machine may be slow, and nothing is judged by the clock
SLOWNESS = 10 if SANITIZED else 1  # of training: configs that are to last some seconds are as much shorter

SETTINGS = {  # Open MPI as root, with more ranks than cores, on one machine
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_mpi_yield_when_idle": "1", "OMPI_MCA_hwloc_base_binding_policy": "none",
    "OMPI_MCA_btl_vader_single_copy_mechanism": "none", "OMPI_MCA_oob_tcp_if_include": "lo",
    "OMPI_MCA_btl_tcp_if_include": "lo", "OPENBLAS_NUM_THREADS": "1",
}

# Half a second of computing, 28 cells: members 0 and 1 also learn new cues.
TINY = """\
experiment: dms
seed: 7
ensemble:
  members: 4
network:
  n_hid: 5
training:
  steps_per_call: 60
  max_calls: 3
  start_episodes: 2
ladder:
  fractions: [0.4, 0.8]
transfer:
  from: 0.8
  calls: 2
  members: 2
"""

SCRATCH = """\
experiment: scratch
seed: 7
ensemble:
  members: 4
network:
  n_hid: 5
training:
  steps_per_call: 60
scratch:
  calls: 3
"""

# The bandit: 40 cells, two levels of noise; blocks change inside every stage but the last, which members 0 and 1 have.
BANDIT = """\
experiment: bandit
seed: 7
ensemble:
  members: 3
network:
  n_hid: 4
training:
  steps_per_call: 15
  start_calls: 5
  ladder_calls: 4
ladder:
  fractions: [0.3, 0.7]
  value_noise: [0, 0.1]
bandit:
  agents: 6
  block_calls: 2
  start_schedule: 4
  ladder_schedule: 2
new_option:
  from: 0.7
  calls: 3
  members: 2
evaluation:
  agents: 4
  lyapunov_agents: 3
"""

# The lever: 32 cells in five arms, of which three begin later; a minute and a half of simulated time in each.
LEVER = """\
experiment: lever
seed: 7
ensemble:
  members: 2
lever:
  hours: 0.1
  switch_hour: 0.05
  segment_min: 1.5
  unrewarded_hours: 0.1
  unrewarded_step_hours: 0.025
  unrewarded_trials_min: 0.5
  consolidation_hour: 0.1
  snapshot_min: 0.5
  n_wait_bins: 4
  n_sampled: 9
  recording_s: 3
  movement_s: 60
trials:
  n_pool: 4
  threshold_hz: 3
  timeout_s: 4
neurons:
  n_in: 11
  n_exc: 15
  n_receiving: 6
  n_inh: 5
synapses:
  n_repeats: 3
  learning_rate: 1e-3
  waiting_h: 0.02
"""

# A day and an hour of a small network in coarse steps: some seconds.
LEVER_DAY = """\
experiment: lever
seed: 5
ensemble:
  members: 2
lever:
  hours: 25
  unrewarded_hours: 0
  n_sampled: 9
  movement_s: 60
  recording_s: 3
trials:
  n_pool: 4
  threshold_hz: 3
  timeout_s: 4
  window_ms: 510
neurons:
  n_in: 11
  n_exc: 15
  n_receiving: 6
  n_inh: 5
  dt_ms: 15
synapses:
  n_repeats: 3
  update_ms: 1500
  waiting_h: 0
"""

# Some seconds of it in stages of about a second; the start has 240 calls in blocks of seven.
LONG_BANDIT = f"""\
experiment: bandit
seed: 11
ensemble:
  members: 2
  checkpoint_interval: 1
network:
  n_hid: 5
training:
  steps_per_call: {40 // SLOWNESS}
  start_calls: 240
  ladder_calls: 80
ladder:
  fractions: [0.4]
  value_noise: [0, 0.1]
bandit:
  agents: 12
  block_calls: 7
new_option:
  from: 0.4
  calls: 60
  members: 1
evaluation:
  agents: 6
  lyapunov_agents: 3
"""

# Eight seconds of computing, and some more, in 12 cells, of which 3 are copies: a signal meets it inside a stage.
LONG = f"""\
experiment: dms
seed: 11
ensemble:
  members: 3
  checkpoint_interval: 1
network:
  n_hid: 5
training:
  steps_per_call: {160 // SLOWNESS}
  max_calls: 400
  start_episodes: 1
ladder:
  fractions: [0.4]
transfer:
  from: 0
"""

ENDLESS = LONG.replace("400", "40000")  # for runs that are stopped or killed


class Result:
    def __init__(self, status, out, err, seconds):
        self.status, self.out, self.err, self.seconds = status, out, err, seconds

    def __str__(self):
        return f"status {self.status} after {self.seconds:.1f} s\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def processes_of(session):
    """Process numbers of a session that are alive."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            text = pathlib.Path("/proc", entry, "stat").read_text()
        except OSError:
            continue
        state, _, _, its_session = text[text.rindex(")") + 2:].split()[:4]
        if int(its_session) == session and state not in "ZX":
            found.append(int(entry))
    return found


def ranks_of(session):
    """Those of them that are the program itself, not its launcher."""
    found = []
    for pid in processes_of(session):
        try:
            if os.path.samefile(f"/proc/{pid}/exe", ESPALIER):
                found.append(pid)
        except OSError:
            pass
    return sorted(found)


def rank_of(pid):
    """Number of a process among the ranks; None if it is not or no longer one."""
    try:
        environ = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    numbers = [int(v.split(b"=")[1]) for v in environ if v.startswith(b"OMPI_COMM_WORLD_RANK=")]
    return numbers[0] if numbers else None


def cpu_seconds(pid):
    """Of a process, so far; 0 when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    return sum(map(int, text[text.rindex(")") + 2:].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def wait_for(condition, pause=0.005, seconds=HANGS):
    """True as soon as condition() is; False after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(pause)
    return bool(condition())


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def have(tool):
    return shutil.which(tool) is not None


class Case(unittest.TestCase):
    maxDiff = None
    straight_files = {}

    def setUp(self):
        os.makedirs(TMP, exist_ok=True)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="e2e-", dir=TMP))
        self.addCleanup(self._clean)
        self.started = []
        self.mpi = self.dir / ".mpi"  # what Open MPI leaves behind when it is killed
        self.mpi.mkdir()

    def _clean(self):
        for process in self.started:
            for pid in processes_of(process.pid):
                send(pid, signal.SIGKILL)
            process.kill()
            process.wait()
            process.out_file.close()
            process.err_file.close()
        wait_for(lambda: not any(processes_of(p.pid) for p in self.started), seconds=5)
        shutil.rmtree(self.dir, ignore_errors=True)

    def environment(self, **extra):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "PMIX_", "OMPI_COMM"))}
        env.update(SETTINGS)
        env.update(TMPDIR=str(self.mpi), OMPI_MCA_btl_vader_backing_directory=str(self.mpi), LC_ALL="C.UTF-8")
        env.update({k: str(v) for k, v in extra.items()})
        return env

    def write(self, name, text):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def config(self, text=TINY, name="net.yaml"):
        return self.write(name, text)

    def preload(self, source, *options):
        """Compile a library to be loaded in front of all others; gives the environment that loads it."""
        compiler = os.environ.get("CC") or "cc"
        if not have(compiler):
            self.skipTest("needs a C compiler")
        library = self.mpi / "preload.so"
        made = subprocess.run([compiler, "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", *options, "-o", str(library), str(source),
                               "-ldl"], capture_output=True, text=True, timeout=HANGS)
        self.assertEqual(made.returncode, 0, made.stderr)
        return {"LD_PRELOAD": library, "ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0"}

    def shim(self):
        """The environment of a program whose calls can fail, see tests/faults/shim.c."""
        options = ["-DWITHOUT_MEMORY"] if SANITIZED else []
        return {**self.preload(SOURCE / "tests/faults/shim.c", *options), "FAULT_DIR": os.path.realpath(self.dir)}

    def command(self, args, ranks=1):
        launcher = [MPIEXEC, "-n", str(ranks)] if ranks > 1 else []
        return [*launcher, ESPALIER, *map(str, args)]

    def start(self, *args, ranks=1, env=None, cwd=None):
        """Begin a command in a session of its own; finish() waits for it."""
        out, err = (tempfile.TemporaryFile(dir=self.mpi) for _ in range(2))
        process = subprocess.Popen(self.command(args, ranks), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   cwd=cwd or self.dir, env=self.environment(**(env or {})), start_new_session=True)
        process.began, process.out_file, process.err_file = time.monotonic(), out, err
        self.started.append(process)
        return process

    def finish(self, process):
        try:
            process.wait(HANGS)
        except subprocess.TimeoutExpired:
            self.kill_all(process)
            process.wait(10)
            self.fail(f"still running after {HANGS} s: {process.args}\n{self._texts(process)}")
        return Result(process.returncode, *self._texts(process), time.monotonic() - process.began)

    @staticmethod
    def _texts(process):
        texts = []
        for file in (process.out_file, process.err_file):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
        return texts

    def run_program(self, *args, ranks=1, env=None, cwd=None):
        process = self.start(*args, ranks=ranks, env=env, cwd=cwd)
        result = self.finish(process)
        if not processes_of(process.pid):  # a campaign has thousands, with two open files each
            process.out_file.close()
            process.err_file.close()
            self.started.remove(process)
        return result

    def expect(self, status, *args, **keywords):
        result = self.run_program(*args, **keywords)
        self.assertEqual(result.status, status, f"{args}: {result}")
        return result

    def kill_all(self, process, number=signal.SIGKILL):
        """Launcher and ranks at once, as far as that goes."""
        if process.poll() is None:
            send(process.pid, number)
        for pid in processes_of(process.pid):
            send(pid, number)

    def err_so_far(self, process):
        """What a running command has written to stderr."""
        return os.pread(process.err_file.fileno(), 1 << 20, 0).decode(errors="replace")

    def wait_said(self, process, text):
        self.assertTrue(wait_for(lambda: text in self.err_so_far(process) or process.poll() is not None, 0.02),
                        f"'{text}' is not said: {self.err_so_far(process)}")
        self.assertIn(text, self.err_so_far(process))

    def workers_of(self, process, n):
        """Process numbers of ranks 1 to n, once all of them are there; [] if the run ends first."""
        def found():
            return {rank_of(pid): pid for pid in ranks_of(process.pid)}
        wait_for(lambda: set(range(n + 1)) <= set(found()) or process.poll() is not None, 0.02)
        return [pid for rank, pid in sorted((r, p) for r, p in found().items() if r)]

    def wait_gone(self, process):
        """Wait until launcher and ranks are gone, also those whose launcher was killed."""
        process.wait(HANGS)
        self.assertTrue(wait_for(lambda: not processes_of(process.pid)), "ranks outlive their launcher")

    def wait_working(self, process, path, cells=0):
        """Wait until the run has a file with this many cells in it."""
        def working():
            if process.poll() is not None:
                return True
            return os.path.exists(path) and self.status(path)["done"] >= cells
        self.assertTrue(wait_for(working, 0.05), "the run does not get going")
        self.assertIsNone(process.poll(), f"ended too early: {self._texts(process)}")

    def wait_training(self, process, path, seconds=0.3, n=1):
        """Wait until n ranks of the run have computed for so long, by their own clocks: the machine may be slow."""
        def begun():
            return process.poll() is not None or (os.path.exists(path) and os.path.exists(f"{path}.lock"))
        def trained():
            return process.poll() is not None or sum(cpu_seconds(pid) - before[pid] >= seconds for pid in before) >= n
        self.assertTrue(wait_for(begun), "the run does not get going")
        before = {pid: cpu_seconds(pid) for pid in ranks_of(process.pid)}
        self.assertTrue(wait_for(trained), "nothing is computed")
        self.assertIsNone(process.poll(), f"ended too early: {self._texts(process)}")

    def assert_soon(self, began, seconds, what):
        """Not more than so many seconds have passed; on a machine that is slow now, fifty starts of the program more."""
        took = time.monotonic() - began
        self.assertLess(took, seconds + 50 * self.run_program("--version").seconds, what)
        return took

    def status(self, path):
        result = self.run_program("status", "--json", path)
        self.assertEqual(result.status, OK, str(result))
        return json.loads(result.out)

    def assert_sound(self, path):
        result = self.run_program("verify", path)
        self.assertEqual(result.status, OK, str(result))
        self.assertIn(" 0 faults", result.out)

    def assert_same(self, one, other):
        result = self.run_program("verify", one, other)
        self.assertEqual(result.status, OK, str(result))
        compared = re.search(r": (\d+) of (\d+) cells compared, 0 differ$", result.out.strip())
        self.assertTrue(compared, str(result))
        self.assertEqual(compared.group(1), compared.group(2), "cells are missing in both files")

    def assert_one_line(self, result, *words):
        """A message of one line on stderr, which begins with the program's name and contains these words."""
        lines = result.err.strip().splitlines()
        self.assertEqual(len(lines), 1, str(result))
        self.assertTrue(lines[0].startswith("espalier"), lines[0])
        for word in words:
            self.assertIn(str(word), lines[0])

    def straight(self, config, name="straight.h5"):
        """The same work in one go by one process, to compare with; computed once for equal configs."""
        path, text = self.dir / name, pathlib.Path(config).read_text()
        if text in Case.straight_files:
            path.write_bytes(Case.straight_files[text])
        else:
            self.expect(OK, "run", "-q", config, "-o", path)
            Case.straight_files[text] = path.read_bytes()
        return path

    def litter(self):
        return sorted(p.name for p in self.dir.iterdir() if p.name != ".mpi")

    def extent(self, path, dataset):
        """Where a dataset lies in the file: (offset, bytes); skips the test without h5dump."""
        if not have("h5dump"):
            self.skipTest("h5dump is not installed")
        text = subprocess.run(["h5dump", "-p", "-H", "-d", dataset, str(path)], capture_output=True, text=True, timeout=HANGS,
                              check=True).stdout
        return int(re.search(r"OFFSET (\d+)", text).group(1)), int(re.search(r"SIZE (\d+)", text).group(1))

    def bytes_of(self, path, dataset):
        offset, size = self.extent(path, dataset)
        return pathlib.Path(path).read_bytes()[offset:offset + size]

    def work_saved(self, path):
        """Losses and gradients behind the state of the longest unfinished stage that is saved."""
        return max(array.array("d", self.bytes_of(path, "/resume/n_evaluations")))

    def committed(self, path):
        """{slot: entry} of the cells that are done or failed, with state, reason and checksums as /commit has them."""
        entries = self.bytes_of(path, "/commit")
        return {i // 32: entries[i:i + 32] for i in range(0, len(entries), 32) if entries[i]}

    def check_kept(self, path, known):
        """Every cell of the file verifies, and those that were committed before are there as they were. All that are."""
        result, there = self.run_program("verify", path), self.committed(path)
        self.assertEqual(result.status, OK, str(result))
        self.assertIn(f": {len(there)} of ", result.out)
        self.assertIn(" cells checked, 0 faults", result.out)
        lost = [slot for slot, entry in known.items() if there.get(slot) != entry]
        self.assertEqual(lost, [], f"committed cells are lost or changed; there are {len(there)}")
        return there


def flip(path, offset, bit=0):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))


def seed_from_environment():
    seed = int(os.environ.get("ESP_TEST_SEED") or time.time())
    print(f"seed {seed} (repeat with ESP_TEST_SEED={seed})", flush=True)
    return random.Random(seed)


def main():
    unittest.main(verbosity=2)
