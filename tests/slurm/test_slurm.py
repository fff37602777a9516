"""The job templates, unedited, in a real Slurm: complete runs, time limits, cancelled and requeued jobs, a node that goes down.

The Slurm is private (private_slurm.py) and ends with this test. Every test is a process of its own, so that their jobs run side
by side: most of the time is waiting. ESP_TEST_SLURM=all runs every job script with every launcher through every interruption.
Names of tests as arguments run only these.
"""
import fcntl
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import private_slurm
from espalier_test import *

ALL = os.environ.get("ESP_TEST_SLURM") == "all"
AT_ONCE = 10            # tests
SAVED_SECONDS = 10      # between a signal and the end of a run
WORTH_COMING_BACK = 11  # s; shorter starts are not requeued
SKIPPED = 77            # SKIP_RETURN_CODE of this test

SCRIPTS = {"dms": ("dms_ensemble.sh", TINY, LONG), "rl": ("rl_ensemble.sh", BANDIT, LONG_BANDIT)}
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL")
NODES = {1: ["--partition=host"], 2: ["--partition=nodes", "--nodes=2", "--nodelist=virtual[1-2]"]}


class Slurm(Case):
    def setUp(self):
        super().setUp()
        self.jobs = []
        self.addCleanup(lambda: self.slurm("scancel", "-f", "-s", "KILL", *self.jobs, check=False) if self.jobs else None)

    def straight(self, config):
        """Computed by the first test that wants it, for all of them."""
        kept = pathlib.Path(os.environ["SLURM_CONF"]).parent / f"{sha256(config)}.h5"
        with open(f"{kept}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                shutil.move(super().straight(config), kept)
        return kept

    # ---- jobs ----

    def slurm(self, *command, check=True, **settings):
        settings = {"SLURM_CONF": os.environ["SLURM_CONF"], **settings}
        done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=SOURCE,
                              env=self.environment(**settings), timeout=HANGS)
        if check:
            self.assertEqual(done.returncode, 0, f"{command}: {done.stderr}")
        return done.stdout.strip()

    def submit(self, script, config, file, *options, nodes=1, launcher="mpirun", name="job"):
        """sbatch, with settings from the environment and options of sbatch only. The job's number."""
        settings = {} if nodes == 1 else {"OMPI_MCA_btl": "self,tcp"}
        job = self.slurm("sbatch", "--parsable", f"--output={self.dir}/{name}.log", "--ntasks=3", *NODES[nodes], *options,
                         SOURCE / "jobs" / script, CONFIG=config, OUTPUT=file, ESPALIER=ESPALIER, LAUNCHER=launcher,
                         RUN_OPTIONS="-q", MODULES="", **settings)
        self.jobs.append(job)
        return job

    def log(self, name="job"):
        path = self.dir / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def show(self, job):
        return dict(word.split("=", 1) for word in self.slurm("scontrol", "-o", "show", "job", job).split() if "=" in word)

    def wait_state(self, job, *states, log="job"):
        self.assertTrue(wait_for(lambda: self.show(job)["JobState"] in states, 0.2),
                        f"job {job} is still {self.show(job)['JobState']}, not {states}\n{self.log(log)}")

    def wait_end(self, job, status, log="job"):
        """Wait until the job has ended for good, with this exit status."""
        self.wait_state(job, *ENDED, log=log)
        shown = self.show(job)
        self.assertEqual((shown["JobState"], shown["ExitCode"]), ("COMPLETED" if status == OK else "FAILED", f"{status}:0"),
                         self.log(log))
        return shown

    def wait_said(self, job, text, n):
        """Wait until the log says it for the n-th time."""
        for _ in range(HANGS):  # seconds, or more
            if wait_for(lambda: self.log().count(text) >= n, 0.02, 1):
                return
            self.assertNotIn(self.show(job)["JobState"], ENDED, self.log())
        self.fail(f"job {job} does not say '{text}'\n{self.log()}")

    def wait_cells(self, job, file, n=2):
        def working():
            return file.exists() and len(self.committed(file)) >= n or self.show(job)["JobState"] in ENDED
        self.assertTrue(wait_for(working, 0.05), f"job {job} does not get going\n{self.log()}")
        self.assertEqual(self.show(job)["JobState"], "RUNNING", self.log())

    @staticmethod
    def ranks_on(file):
        """All processes of the program that work on this file."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if (os.path.samefile(f"/proc/{pid}/exe", ESPALIER) and
                        os.fsencode(file) in pathlib.Path("/proc", pid, "cmdline").read_bytes().split(b"\0")):
                    found.append(int(pid))
            except OSError:
                pass
        return found

    def wait_saved(self, file, what, began):
        """Wait until the ranks are gone; it must not take longer than promised."""
        self.assertTrue(wait_for(lambda: not self.ranks_on(file), 0.02), f"{what}: ranks stay\n{self.log()}")
        self.check_saved(what, began)

    def check_saved(self, what, began):
        print(f"{what}: ended {time.monotonic() - began:.1f} s after the signal", flush=True)
        self.assert_soon(began, SAVED_SECONDS, self.log())

    # ---- a run without interruption ----

    def complete(self, study, launcher, nodes):
        script, text, _ = SCRIPTS[study]
        config, file = self.config(text), self.dir / "net.h5"
        straight = self.straight(config)
        job = self.submit(script, config, file, nodes=nodes, launcher=launcher)
        shown = self.wait_end(job, OK)
        self.assertEqual((shown["NumNodes"], shown["NumTasks"]), (str(nodes), "3"))
        self.assertIn(f"complete: {file}\n", self.log())
        self.assertIn(f": {'mpirun' if launcher == 'mpirun' else 'srun --mpi=pmix'} {ESPALIER} run ", self.log())
        self.assertEqual(self.status(file)["ranks_of_last_run"], 3)
        self.assert_same(straight, file)
        self.assertEqual(self.litter(), ["job.log", "net.h5", "net.yaml"])

    # ---- the early signal ----

    def send_ranks(self, file, number):
        for pid in self.ranks_on(file):
            send(pid, number)

    def requeues_itself(self, how, study, launcher, nodes):
        """Asked to stop by the early signal, it saves its work and comes back, until it is complete. Until it has been asked twice
        (once, if the test asks) its ranks are stopped as soon as they have done something: a little work lasts for minutes so.

        Slurm looks after time limits every half minute: the signal comes 15 to 45 s before the end of the minute."""
        script, _, text = SCRIPTS[study]
        config, file, what = self.config(text), self.dir / "net.h5", f"{how}, {study}, {launcher}, {nodes} nodes"
        straight = self.straight(config)
        options = ["--time=1", "--signal=B:USR1@15"] if how == "time limit" else []
        job = self.submit(script, config, file, "--ntasks=2", *options, nodes=nodes, launcher=launcher)
        known, n_asked, paused = {}, 0, None
        while self.show(job)["JobState"] not in ENDED:
            if self.log().count("asked to stop") > n_asked:
                n_asked += 1
                began, paused = time.monotonic(), None
                self.send_ranks(file, signal.SIGCONT)
                self.wait_said(job, "back into the queue", n_asked)
                self.check_saved(what, began)
                known = self.check_kept(file, known)
            elif n_asked < (2 if options else 1) and not paused and file.exists() and len(self.committed(file)) > len(known):
                paused = time.monotonic()
                self.send_ranks(file, signal.SIGSTOP)
            elif paused and not options and time.monotonic() > paused + WORTH_COMING_BACK:
                self.slurm("scancel", "-b", "-s", "USR1", job)
                self.wait_said(job, "asked to stop", 1)
            time.sleep(0.1)
        shown = self.wait_end(job, OK)
        print(f"{what}: complete after {int(shown['Restarts']) + 1} starts", flush=True)
        self.assertEqual(int(shown["Restarts"]), n_asked, self.log())
        self.assertGreaterEqual(n_asked, 2 if options else 1, "the work is too small for this test")
        self.assertIn(f"complete: {file}\n", self.log())
        self.check_kept(file, known)
        self.assert_same(straight, file)

    # ---- interruptions ----

    def interrupt(self, how, study, launcher, nodes, pair=(3, 4)):
        """Interrupted in the middle of the work, a job loses nothing that is committed; its next start completes it."""
        script, _, text = SCRIPTS[study]
        config, file = self.config(text), self.dir / "net.h5"
        straight = self.straight(config)
        options = [f"--nodelist=virtual[{pair[0]}-{pair[1]}]"] if how == "down" else []  # on these it disturbs no other test
        job = self.submit(script, config, file, *options, nodes=nodes, launcher=launcher)
        self.wait_cells(job, file)
        known, began, what = self.committed(file), time.monotonic(), f"{how}, {study}, {launcher}, {nodes} nodes"
        if how == "scancel":
            self.slurm("scancel", job)
            self.wait_saved(file, what, began)
            known = self.check_kept(file, known)
            self.assertFalse(self.status(file)["complete"], "the work is too short for this test")
            self.wait_state(job, "CANCELLED")
            job = self.submit(script, config, file, nodes=nodes, launcher=launcher, name="next")
            self.wait_end(job, OK, "next")
        else:
            if how == "requeue":
                self.slurm("scontrol", "requeue", job)
            else:
                self.slurm("scontrol", "update", f"NodeName=virtual{pair[1]}", "State=DOWN", "Reason=test")
            self.wait_saved(file, what, began)
            known = self.check_kept(file, known)
            self.assertFalse(self.status(file)["complete"], "the work is too short for this test")
            if how == "down":
                self.wait_state(job, "PENDING")
                self.slurm("scontrol", "update", f"NodeName=virtual{pair[1]}", "State=RESUME")
            shown = self.wait_end(job, OK)
            self.assertEqual(shown["Restarts"], "1", self.log())
        self.check_kept(file, known)
        self.assert_same(straight, file)
        self.assertFalse(os.path.exists(f"{file}.lock"))

    # ---- two jobs on one file ----

    def kill_job(self, job, file):
        """All ranks with -9; the lock stays."""
        self.send_ranks(file, signal.SIGSTOP)  # so that none has time to react to the death of another
        self.send_ranks(file, signal.SIGKILL)
        self.wait_state(job, *ENDED)
        self.assertEqual(self.ranks_on(file), [])
        self.assertTrue(os.path.exists(f"{file}.lock"), "the work is too short for this test")

    def pretend(self, lock, job, silent):
        """Write the lock as a holder on another host would have left it."""
        text = lock.read_text()
        self.assertIn(f"host {socket.gethostname()}\n", text)
        text = text.replace(f"host {socket.gethostname()}\n", "host elsewhere\n")
        lock.write_text(re.sub(r"\njob .*\n", f"\njob {job}\n", text))
        os.utime(lock, (time.time() - silent,) * 2)
        return text

    def test_two_jobs_on_one_file(self):
        script, _, text = SCRIPTS["dms"]
        config, file, lock = self.config(text), self.dir / "net.h5", self.dir / "net.h5.lock"
        straight = self.straight(config)
        first = self.submit(script, config, file, name="first")
        self.wait_cells(first, file, 1)
        self.send_ranks(file, signal.SIGSTOP)  # so that it is not complete too soon
        second = self.submit(script, config, file, name="second")
        self.wait_end(second, UNAVAILABLE, "second")
        self.assertRegex(self.log("second"), f"{file}: another run is writing it: process [0-9]+ on {socket.gethostname()}, "
                                             f"Slurm job {first}, started ")
        self.assertEqual(self.show(first)["JobState"], "RUNNING", "the first job was disturbed")

        self.kill_job(first, file)
        known = self.check_kept(file, {})
        holder = self.pretend(lock, first, silent=0)
        third = self.submit(script, config, file, name="third")
        self.wait_end(third, UNAVAILABLE, "third")
        self.assertIn(f" on elsewhere, Slurm job {first}, started ", self.log("third"))

        lock.write_text(holder)  # silent for long enough: dead
        os.utime(lock, (time.time() - 100,) * 2)
        fourth = self.submit(script, config, file, name="fourth")
        self.wait_cells(fourth, file, len(known) + 1)
        self.kill_job(fourth, file)
        known = self.check_kept(file, known)

        fifth = self.submit(script, config, file, "--hold", name="fifth")  # an earlier start of the job itself: dead at once
        self.pretend(lock, fifth, silent=0)
        self.slurm("scontrol", "release", fifth)
        self.wait_end(fifth, OK, "fifth")
        self.check_kept(file, known)
        self.assert_same(straight, file)
        self.assertFalse(lock.exists())


def add(name, method, *args, **keywords):
    setattr(Slurm, f"test_{name}", lambda self: getattr(self, method)(*args, **keywords))


# The longest first.
for study in SCRIPTS:
    for launcher in ("mpirun", "srun"):
        if ALL or (study, launcher) == ("dms", "mpirun"):
            add(f"1_time_limit_{study}_{launcher}", "requeues_itself", "time limit", study, launcher, 1)
        if ALL or (study, launcher) == ("rl", "srun"):
            add(f"1_signal_{study}_{launcher}", "requeues_itself", "signal", study, launcher, 2)
pair = 3
for how, nodes, chosen in (("scancel", 1, ("dms", "mpirun")), ("requeue", 2, ("rl", "srun")), ("down", 2, ("dms", "mpirun"))):
    for study in SCRIPTS:
        for launcher in ("mpirun", "srun"):
            if ALL or (study, launcher) == chosen:
                add(f"2_{how}_{study}_{launcher}", "interrupt", how, study, launcher, nodes, (pair, pair + 1))
                pair += 2 * (how == "down")
for study in SCRIPTS:
    for launcher in ("mpirun", "srun"):
        for nodes in (1, 2):
            if ALL or (study == "rl") == ((launcher == "srun") == (nodes == 1)):
                add(f"3_complete_{study}_{launcher}_{nodes}", "complete", study, launcher, nodes)


# ---- all of them side by side ----

def run_side_by_side(names, conf):
    env = {**os.environ, "ESP_TEST_SLURM_CONF": conf}
    waiting, running, failed = list(names), {}, []
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            name, out = waiting.pop(0), tempfile.TemporaryFile()
            running[name] = subprocess.Popen([sys.executable, "-B", __file__, name], stdin=subprocess.DEVNULL, stdout=out,
                                             stderr=out, env=env,
                                             preexec_fn=private_slurm.end_with_parent(signal.SIGTERM)), out, time.monotonic()
        time.sleep(0.1)
        for name, (process, out, began) in list(running.items()):
            if process.poll() is None:
                continue
            out.seek(0)
            print(f"==== {name}: status {process.returncode} after {time.monotonic() - began:.0f} s\n"
                  f"{out.read().decode(errors='replace')}", flush=True)
            out.close()
            del running[name]
            failed += [name] if process.returncode else []
    print(f"{len(names)} tests, failed: {' '.join(failed) or 'none'}")
    return 1 if failed or not names else 0


def place_for_results():
    """Jobs refuse places that are lost with the node, and the clone may be in one."""
    if os.path.realpath(TMP).startswith(("/tmp/", "/var/tmp/", "/dev/shm/", "/lscratch/")):
        return tempfile.mkdtemp(prefix="espalier-slurm-", dir=pathlib.Path.home())
    return None


def run_all():
    starter = private_slurm.__file__
    place = pathlib.Path(tempfile.gettempdir(), f"{private_slurm.FIRST}-{os.getpid()}")
    done = subprocess.run([sys.executable, "-B", starter, "start", "--dir", place, "--nodes", str(max(4, pair - 1)), "--owner",
                           str(os.getpid())], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr)
        return SKIPPED if done.returncode == private_slurm.UNAVAILABLE else 1
    elsewhere = place_for_results()
    if elsewhere:
        os.environ["ESP_TEST_TMP"] = elsewhere
    try:
        return run_side_by_side(sys.argv[1:] or [f"Slurm.{n}" for n in unittest.TestLoader().getTestCaseNames(Slurm)],
                                f"{place}/slurm.conf")
    finally:
        subprocess.run([sys.executable, "-B", starter, "stop", "--dir", place], stdin=subprocess.DEVNULL)
        if elsewhere:
            shutil.rmtree(elsewhere, ignore_errors=True)


if __name__ == "__main__":
    if "ESP_TEST_SLURM_CONF" in os.environ:
        os.environ["SLURM_CONF"] = os.environ["ESP_TEST_SLURM_CONF"]
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the error of a test, which cleans up after itself
        main()
    sys.exit(run_all())
