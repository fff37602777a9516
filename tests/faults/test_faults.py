"""No failing call of the system loses a finished cell or makes a wrong one.

The shim (shim.c) lets the n-th call of a kind fail. Whatever n is: the command succeeds with the right bytes, or ends with the
status of its failure and a line that names file and cause; what was committed before is still there; and the same command without
the shim goes on to the bytes of a run that was never disturbed.

A sample of all n is tried, the same each time; ESP_TEST_FAULTS=all tries every one (half an hour), ESP_TEST_JOBS so many at once.
"""
import concurrent.futures
import os
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

ALL = os.environ.get("ESP_TEST_FAULTS") == "all"
JOBS = int(os.environ.get("ESP_TEST_JOBS") or 2)

# 28 cells in the least time: what is computed does not matter here.
QUICK = TINY.replace("steps_per_call: 60", "steps_per_call: 10").replace("max_calls: 3", "max_calls: 1").replace(
    "start_episodes: 2", "start_episodes: 1").replace("calls: 2", "calls: 1")
CAUSES = {"EMFILE": "Too many open files", "ENOSPC": "No space left on device", "EIO": "Input/output error", "EINTR": "Interrupted system call"}

REPORT = ("report", "net.h5", "--no-figures", "-o", "paper")
PLAN = (("write", (("ENOSPC", True), ("EIO", False), ("EINTR", False), ("SHORT", True))),
        ("read", (("EIO", False), ("EIO", True), ("EINTR", False), ("SHORT", False), ("SHORT", True))),
        ("sync", (("ENOSPC", True), ("EIO", False), ("EINTR", False))),
        ("rename", (("ENOSPC", True), ("EIO", False), ("EIO", True))),
        ("open", (("ENOSPC", False), ("EIO", True), ("EMFILE", False), ("EINTR", False))),
        ("truncate", (("ENOSPC", True), ("EIO", False), ("EINTR", False))),
        ("close", (("EIO", False), ("EINTR", False))),
        ("unlink", (("EIO", False),)),
        ("mkdir", (("ENOSPC", False), ("EIO", False))))


class Trial:
    """A kind of call, the number of the one that fails, how, and whether all later ones do too."""

    def __init__(self, kind, n, error, forever=False, rank=None):
        self.kind, self.n, self.error, self.forever, self.rank = kind, n, error, forever, rank

    def __str__(self):
        whose = "" if self.rank is None else f" of rank {self.rank}"
        return f"{self.kind} {self.n}{whose}: {self.error}{' for ever' if self.forever else ''}"

    def environment(self):
        env = {"FAULT_KIND": self.kind, "FAULT_N": self.n, "FAULT_ERROR": self.error, "FAULT_FOREVER": int(self.forever)}
        return env if self.rank is None else {**env, "FAULT_RANK": self.rank}


class Faults(Case):
    def setUp(self):
        super().setUp()
        self.shimmed = self.shim()
        self.config(QUICK)

    def command_under(self, trial, place, *args, ranks=1):
        """Run a command in a directory of its own; gives its result and the calls that were counted, as lines of the shim."""
        log = place / ".mpi" / "calls"
        env = {**self.shimmed, "FAULT_DIR": place, "FAULT_LOG": log, **(trial.environment() if trial else {})}
        result = self.command_in(place, *args, ranks=ranks, env=env)
        return result, log.read_text().splitlines() if log.exists() else []

    def command_in(self, place, *args, ranks=1, env=None):
        """The same without the shim. Open MPI gets along without its daemon, in half the time, and has a place of its own."""
        mpi = place / ".mpi"
        mpi.mkdir(exist_ok=True)
        own = {"TMPDIR": mpi, "OMPI_MCA_btl_vader_backing_directory": mpi, "OMPI_MCA_ess_singleton_isolated": int(ranks == 1)}
        return self.run_program(*args, ranks=ranks, cwd=place, env={**own, **(env or {})})

    def place(self, name, *files):
        place = self.dir / name
        place.mkdir()
        for file in files:
            shutil.copy(self.dir / file, place)
        return place

    def calls(self, *args, files=("net.yaml",), ranks=1, rank=None):
        """What a command that nothing disturbs calls, as lines of the shim."""
        place = self.place("count", *files)
        trial = Trial("write", 0, "EIO", rank=rank) if rank is not None else None
        result, calls = self.command_under(trial, place, *args, ranks=ranks)
        self.assertEqual(result.status, OK, str(result))
        self.assertFalse([call for call in calls if call.startswith("!")])
        shutil.rmtree(place)
        return calls

    def counts(self, *args, **where):
        """How often each kind of call is made by it."""
        counts = {}
        for call in self.calls(*args, **where):
            counts[call.split()[0]] = counts.get(call.split()[0], 0) + 1
        return counts

    def numbers(self, count, few, many=None):
        """Which calls to let fail: all (or so many of them), or the first, the last and some in between."""
        few = (many or count) if ALL else few
        if count <= few:
            return range(1, count + 1)
        return sorted({1 + round(i * (count - 1) / (few - 1)) for i in range(few)})

    def try_all(self, trials, one):
        """one(trial, place) says what went wrong, or nothing."""
        random.Random(1).shuffle(trials)  # so that a campaign that is cut short has seen something of everything
        name, wrong = self.id().split(".")[-1], []

        def attempt(number):
            place = self.dir / f"t{number}"
            try:
                outcome = one(trials[number], place)
            except AssertionError as error:
                outcome = str(error)
            if outcome:
                wrong.append((trials[number], outcome))
                print(f"{trials[number]}: {outcome}", flush=True)
            shutil.rmtree(place, ignore_errors=True)
            if number % 100 == 99:
                print(f"{name}: {number + 1} of {len(trials)} trials, {len(wrong)} wrong", flush=True)
        with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
            list(pool.map(attempt, range(len(trials))))
        print(f"{name}: {len(trials)} trials, {len(wrong)} wrong", flush=True)
        for trial, outcome in wrong:
            with self.subTest(str(trial)):
                self.fail(outcome)

    # ---- what is asked of each ----

    def fault_of(self, result, calls, trial, statuses):
        """What is wrong with the way in which a command ended, or ''."""
        hit = [call for call in calls if call.startswith("!")]
        if not hit:
            return f"no call failed: {result}" if result.status != OK or trial.rank is None else ""
        if result.status == OK:
            return ""
        call, _, file = hit[0][1:].split()
        if trial.error in ("EINTR", "SHORT") and call in ("write", "read", "sync", "truncate") and not file.startswith("net.h5.tmp") \
                and file != "net.h5":
            return f"this call is the program's own and is made again: {hit[0]}: {result}"  # the others are HDF5's or MPI-IO's
        if result.status not in statuses:
            return f"after {hit[0]}: {result}"
        said = [line for line in result.err.splitlines() if line.startswith("espalier")]
        if not said:
            return f"nothing is said after {hit[0]}: {result}"
        if trial.kind == "memory":
            what = said[-1].removeprefix("espalier: ")
            return "" if "memory" in what and what != "memory is exhausted" else f"memory for what? {hit[0]}: {result}"
        file = file.split("/")[-1].removesuffix(".tmp")
        if file not in said[-1] or CAUSES.get(trial.error, "") not in said[-1]:
            return f"file or cause is missing after {hit[0]}: {result}"
        return ""

    def run_fails(self, trial, place, ranks=1, start=None, crashes=None, options=()):
        place.mkdir()
        shutil.copy(self.dir / "net.yaml", place)
        before = 0
        if start:
            shutil.copy(start, place / "net.h5")
            before = self.status(place / "net.h5")["done"]
        result, calls = self.command_under(trial, place, "run", "-q", *options, "net.yaml", ranks=ranks)
        wrong = self.fault_of(result, calls, trial, (NO_MEMORY,) if trial.kind == "memory" else (IO, CANNOT_CREATE))
        if wrong and (crashes is None or result.status == OK):
            return wrong
        if wrong and result.status < 0:
            crashes.append(trial)
        file, straight = place / "net.h5", self.dir / "straight.h5"
        if result.status != OK and file.exists():
            self.assert_sound(file)
            self.assertGreaterEqual(self.status(file)["done"], before, "committed cells were lost")
        elif start:
            self.assertTrue(file.exists(), "the file has vanished")
        if result.status != OK:
            again = self.command_in(place, "run", "-q", "net.yaml")
            self.assertEqual(again.status, OK, f"{result}\nand then {again}")
        self.assert_same(straight, file)
        left = sorted(p.name for p in place.iterdir() if p.name != ".mpi" and not (
            trial.kind == "unlink" and p.suffix in (".lock", ".tmp")))
        self.assertEqual(left, ["net.h5", "net.yaml"], str(result))

    # ---- run ----

    def trials(self, counts, few, rank=None):
        """A call that comes back short changes nothing but the number of calls, and reads leave nothing behind: of those, some."""
        found = []
        for kind, errors in PLAN:
            for i, (error, forever) in enumerate(errors):
                numbers = self.numbers(counts.get(kind, 0), few * (2 if kind == "write" else 1), 40 if error == "SHORT" or (i and kind == "read") else None)
                found += [Trial(kind, n, error, forever, rank) for n in numbers]
        return found

    def test_new_run(self):
        self.straight(self.dir / "net.yaml")
        trials = self.trials(self.counts("run", "-q", "net.yaml"), 2)
        if not ALL:  # HDF5 writes small datasets when they are closed; the lock is read first of all
            trials += [Trial("write", n, "EIO") for n in range(3, 12, 2)] + [Trial("read", n, "EIO") for n in (2, 3)]
        self.try_all(trials, self.run_fails)

    def half(self):
        """A file with some of its cells."""
        self.straight(self.dir / "net.yaml")
        self.command_under(Trial("write", 500, "EIO"), self.place("half", "net.yaml"), "run", "-q", "net.yaml")
        start = self.dir / "half" / "net.h5"
        self.assertGreater(self.status(start)["done"], 8)
        shutil.copy(start, self.dir / "net.h5")
        return start

    def test_continued_run(self):
        start = self.half()
        counts = self.counts("run", "-q", "net.yaml", files=("net.yaml", "net.h5"))
        trials = [trial for trial in self.trials(counts, 2) if ALL or (trial.kind in ("write", "sync") and trial.error != "SHORT")]
        self.try_all(trials, lambda trial, place: self.run_fails(trial, place, start=start))

    def test_force(self):
        """A file that cannot be read just now is not a file to be moved aside."""
        start = self.half()
        trials = [Trial(kind, n, error, forever) for kind, error, forever in (("open", "EIO", False), ("open", "EMFILE", True), ("read", "EIO", False))
                  for n in range(2, 40 if ALL else 8, 1 if ALL else 2)]
        self.try_all(trials, lambda trial, place: self.run_fails(trial, place, start=start, options=["--force"]))

    def test_three_ranks(self):
        self.straight(self.dir / "net.yaml")
        trials = []
        for rank in (0, 1):
            counts = self.counts("run", "-q", "net.yaml", ranks=3, rank=rank)
            self.assertGreater(counts["write"], 100)
            trials += [Trial(kind, n, error, error == "ENOSPC", rank)
                       for kind, error, few in (("write", "ENOSPC", 3), ("write", "EIO", 3), ("sync", "EIO", 2), ("read", "EIO", 2))
                       for n in self.numbers(counts[kind] * 3 // 4, few, 40)]  # a worker may get less to do than the other
        self.try_all(trials, lambda trial, place: self.run_fails(trial, place, ranks=3))

    def test_memory(self):
        if SANITIZED or GCOV:
            self.skipTest("the sanitizers have a malloc of their own; gcov crashes without memory")
        self.straight(self.dir / "net.yaml")
        count = self.counts("run", "-q", "net.yaml")["memory"]
        self.try_all([Trial("memory", n, "ENOMEM") for n in sorted({2, 3, *self.numbers(count, 16)})], self.run_fails)

    def test_scratch_memory(self):
        """The scratch memory of a worker grows while it trains."""
        if SANITIZED or GCOV:
            self.skipTest("the sanitizers have a malloc of their own; gcov crashes without memory")
        self.straight(self.dir / "net.yaml")
        memory = [call.split()[1] for call in self.calls("run", "-q", "net.yaml") if call.startswith("memory ")]
        grows = [n for n, function in enumerate(memory, 1) if function == "mprotect"]
        self.assertTrue(grows)
        trials = [Trial("memory", n, "ENOMEM") for n in grows]
        for trial in trials:
            result, _ = self.command_under(trial, self.place(f"grow{trial.n}", "net.yaml"), "run", "-q", "net.yaml")
            self.assertEqual(result.status, NO_MEMORY, str(result))
            self.assertRegex(result.err, "no memory for .* MiB of scratch .*--mem-per-cpu")
        self.try_all(trials, self.run_fails)

    def test_memory_of_continued_run(self):
        """Too little memory to read what is in the file says nothing of the file."""
        if SANITIZED or GCOV:
            self.skipTest("the sanitizers have a malloc of their own; gcov crashes without memory")
        start = self.half()
        count = self.counts("run", "-q", "net.yaml", files=("net.yaml", "net.h5"))["memory"]
        self.try_all([Trial("memory", n, "ENOMEM") for n in self.numbers(count, 12)],
                     lambda trial, place: self.run_fails(trial, place, start=start, options=["--force"] if trial.n % 2 else []))

    def test_memory_of_libraries(self):
        """HDF5 and jansson may crash without memory, that is theirs; but no wrong number may come of it."""
        if SANITIZED or GCOV:
            self.skipTest("the sanitizers have a malloc of their own; gcov crashes without memory")
        self.straight(self.dir / "net.yaml")
        crashes = []
        self.shimmed["FAULT_CALLERS"] = "libhdf5"
        count = self.counts("run", "-q", "net.yaml")["memory"]
        self.assertGreater(count, 1000)

        def one(trial, place):
            return self.run_fails(trial, place, crashes=crashes)
        self.try_all([Trial("memory", n, "ENOMEM") for n in self.numbers(count, 6, 400)], one)
        print(f"{len(crashes)} crashes inside HDF5", flush=True)

    # ---- repair ----

    def repair_fails(self, trial, place):
        """What cannot be read is not lost: the damaged file stays as it is, and the next repair saves every cell."""
        place.mkdir()
        shutil.copy(self.dir / "net.yaml", place)
        file = place / "net.h5"
        file.write_bytes(self.damaged)
        result, calls = self.command_under(trial, place, "run", "-q", "--repair", "net.yaml")
        wrong = self.fault_of(result, calls, trial, (IO, CANNOT_CREATE))
        if wrong:
            return wrong
        asides = list(place.glob("net.h5.old-*"))
        self.assertEqual((asides[0] if asides else file).read_bytes(), self.damaged, str(result))
        self.assertFalse(list(place.glob("*.repair*")), str(result))
        again = self.command_in(place, "run", "-q", "--repair", "net.yaml")
        self.assertEqual(again.status, OK, f"{result}\nand then {again}")
        self.assertIn("28 of 28 cells saved", result.err + again.err, f"{result}\nand then {again}")
        self.assert_same(self.dir / "straight.h5", file)

    def test_repair(self):
        data = bytearray(self.straight(self.dir / "net.yaml").read_bytes())
        data[0] ^= 4  # HDF5 reads nothing of it
        self.damaged = bytes(data)
        (self.dir / "net.h5").write_bytes(self.damaged)
        counts = self.counts("run", "-q", "--repair", "net.yaml", files=("net.yaml", "net.h5"))
        self.assertGreater(counts["read"], 500)
        trials = [Trial("read", n, "EIO", forever) for forever in (False, True) for n in self.numbers(counts["read"], 6, 200)]
        self.try_all(trials, self.repair_fails)

    # ---- report ----

    def report_fails(self, trial, place):
        shutil.copytree(self.dir / "whole", place)
        shutil.rmtree(place / "paper")
        result, calls = self.command_under(trial, place, *REPORT)
        wrong = self.fault_of(result, calls, trial, (NO_MEMORY,) if trial.kind == "memory" else (IO, CANNOT_CREATE))
        if wrong:
            return wrong
        straight, made = self.files_in(self.dir / "whole" / "paper"), self.files_in(place / "paper")
        for name in made:
            self.assertEqual(made[name], straight.get(name), f"{name} is not whole: {result}")
        if result.status == OK:
            self.assertEqual(sorted(made), sorted(straight))
        again = self.command_in(place, *REPORT)
        self.assertEqual(again.status, OK, f"{result}\nand then {again}")
        self.assertEqual(self.files_in(place / "paper"), straight)

    @staticmethod
    def files_in(folder):
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    def test_report(self):
        shutil.copy(self.straight(self.dir / "net.yaml"), self.dir / "net.h5")
        place = self.place("whole", "net.h5")
        self.assertEqual(self.command_in(place, *REPORT).status, OK)
        counts = self.counts(*REPORT, files=("net.h5",))
        self.assertGreater(counts["rename"], 5)
        trials = [trial for trial in self.trials(counts, 2) if trial.kind not in ("read", "truncate")]
        if not ALL:
            trials = trials[::2]
        if not (SANITIZED or GCOV):
            trials += [Trial("memory", n, "ENOMEM") for n in self.numbers(counts["memory"], 6, 400)]
        self.try_all(trials, self.report_fails)


if __name__ == "__main__":
    main()
