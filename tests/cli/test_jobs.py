"""The job templates under a fake Slurm: what they pass on to the launcher, what its status becomes, and when they go back
into the queue.

mpirun, srun, scontrol and date are scripts that stand first on PATH. The launcher is told by files in the test's directory what
to do, and notes what it was given.
"""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

JOB = "4711"
FAR = "/nonexistent-espalier/x.h5"  # neither made nor looked at, but not in a place that jobs refuse

# Ends with the status in the file 'status': at a signal, when the file 'end' appears, or at once if 'at_once' is there.
LAUNCHER = """\
#!/bin/bash
trap 'echo USR1 >> "$FAKE/log"; signalled=1' USR1
trap 'echo TERM >> "$FAKE/log"; signalled=1' TERM
echo "$(basename "$0") $*" >> "$FAKE/log"
sleep 0.2
touch "$FAKE/ready"
for i in {1..600}; do
  [ -z "$signalled" ] && [ ! -e "$FAKE/end" ] && [ ! -e "$FAKE/at_once" ] || break
  sleep 0.05
done
exit "$(cat "$FAKE/status")"
"""

SCONTROL = """\
#!/bin/bash
echo "scontrol $*" >> "$FAKE/log"
[ ! -e "$FAKE/broken" ]
"""

# With the file 'slow': lets the launcher end, and takes its time.
DATE = """\
#!/bin/bash
if [ -e "$FAKE/slow" ]; then
  touch "$FAKE/end"
  sleep 1
fi
echo now
"""


class Jobs(Case):
    def setUp(self):
        super().setUp()
        if not have("bash"):
            self.skipTest("bash is not installed")
        for name, text in (("mpirun", LAUNCHER), ("srun", LAUNCHER), ("scontrol", SCONTROL), ("date", DATE)):
            self.write(f"bin/{name}", text).chmod(0o755)
        self.config()

    def place(self, name="fake"):
        """The files of one job."""
        place = self.dir / f"{name}{len(self.started)}"  # one for each job
        place.mkdir()
        (place / "log").touch()
        return place

    def submit(self, place, status=OK, script="dms_ensemble.sh", **settings):
        (place / "status").write_text(str(int(status)))
        out, err = (tempfile.TemporaryFile(dir=self.mpi) for _ in range(2))
        env = self.environment(FAKE=place, PATH=f"{self.dir}/bin:{os.environ['PATH']}", SLURM_JOB_ID=JOB, SLURM_JOB_NAME="net",
                               SLURM_SUBMIT_DIR=SOURCE, CONFIG=self.dir / "net.yaml", OUTPUT=FAR, ESPALIER=ESPALIER)
        for name in ("LAUNCHER", "MODULES", "RUN_OPTIONS", "PARTS", "ESP_DRY", "SECONDS"):
            env.pop(name, None)
        env.update({k: str(v) for k, v in settings.items()})
        command = ["bash", str(SOURCE / "jobs" / script)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=self.dir, env=env,
                                   start_new_session=True)
        process.began, process.out_file, process.err_file = time.monotonic(), out, err
        self.started.append(process)
        return process

    def job(self, status, **settings):
        """A job whose launcher ends at once."""
        place = self.place()
        (place / "at_once").touch()
        return place, self.finish(self.submit(place, status, **settings))

    def wait_launched(self, process, place):
        self.assertTrue(wait_for(lambda: (place / "ready").exists() or process.poll() is not None))
        self.assertIsNone(process.poll(), self._texts(process))

    @staticmethod
    def log(place):
        return (place / "log").read_text().splitlines()

    def refused(self, status, *words, **settings):
        place = self.place()
        result = self.finish(self.submit(place, **settings))
        self.assertEqual(result.status, status, str(result))
        for word in words:
            self.assertIn(word, result.err)
        self.assertEqual(self.log(place), [], "something was started")
        return result

    def test_complete(self):
        place, result = self.job(OK)
        self.assertEqual(result.status, OK, str(result))
        self.assertIn(f"complete: {FAR}", result.out)
        self.assertEqual(self.log(place), [f"mpirun {ESPALIER} run {self.dir}/net.yaml -o {FAR}"])

    def test_every_job(self):
        """The other studies' jobs: their own config and results file unless told otherwise, and the same launcher."""
        for name in ("dms_ensemble", "scratch", "rl_ensemble", "lever_ensemble"):
            with self.subTest(job=name):
                place, result = self.job(OK, script=f"{name}.sh")
                self.assertEqual(result.status, OK, str(result))
                self.assertIn(f"complete: {FAR}", result.out)
                self.assertEqual(self.log(place), [f"mpirun {ESPALIER} run {self.dir}/net.yaml -o {FAR}"])
                text = (SOURCE / "jobs" / f"{name}.sh").read_text()
                self.assertIn(f"\n#SBATCH --job-name={name}\n", text)
                self.assertTrue(text.startswith(f"#!/bin/bash\n# jobs/{name}.sh - "))
                if str(SOURCE).startswith(("/tmp/", "/var/tmp/", "/dev/shm/", "/lscratch/")):
                    continue  # a clone there is no place for results, and the job says so
                result = self.refused(OK, ESP_DRY=1, CONFIG="", OUTPUT="", script=f"{name}.sh")
                self.assertEqual(result.out, f"mpirun {ESPALIER} run config/{name}.yaml -o {name}.h5\n")

    def test_other_launcher_and_options(self):
        place, result = self.job(OK, LAUNCHER="srun", RUN_OPTIONS="--set ensemble.members=100 -q")
        self.assertEqual(result.status, OK, str(result))
        self.assertEqual(self.log(place), [f"srun --mpi=pmix {ESPALIER} run {self.dir}/net.yaml -o {FAR} "
                                           "--set ensemble.members=100 -q"])

    def test_failure(self):
        for status in (IO, CONFIG, 1, 137):
            with self.subTest(status=status):
                place, result = self.job(status)
                self.assertEqual(result.status, status, str(result))
                self.assertIn(f"ended with status {status}", result.out)
                self.assertNotIn("complete:", result.out)
                self.assertEqual(len(self.log(place)), 1, "requeued")

    def test_stopped_at_once(self):
        """A job that stops within seconds would come back for ever."""
        place, result = self.job(STOPPED)
        self.assertEqual(result.status, STOPPED, str(result))
        self.assertRegex(result.err, r"not requeued: it ran for \d s only; .*--signal")
        self.assertEqual(len(self.log(place)), 1, "requeued")

    def test_without_slurm(self):
        place, result = self.job(STOPPED, SLURM_JOB_ID="")
        self.assertEqual(result.status, STOPPED, str(result))
        self.assertEqual(result.err, "")
        self.assertEqual(len(self.log(place)), 1)

    def test_after_more_than_ten_seconds(self):
        """Side by side: signalled, ended by itself, signalled with a queue that takes nothing back, cancelled, a task of an array."""
        places = {name: self.place(name) for name in ("signalled", "by_itself", "broken", "cancelled", "task")}
        jobs = {name: self.submit(place, STOPPED, **(self.task(3) if name == "task" else {})) for name, place in places.items()}
        (places["broken"] / "broken").touch()
        for name in jobs:
            self.wait_launched(jobs[name], places[name])
        time.sleep(max(0.0, max(job.began for job in jobs.values()) + 11 - time.monotonic()))
        send(jobs["signalled"].pid, signal.SIGUSR1)
        send(jobs["broken"].pid, signal.SIGUSR1)
        send(jobs["task"].pid, signal.SIGUSR1)
        send(jobs["cancelled"].pid, signal.SIGTERM)
        (places["by_itself"] / "end").touch()
        results = {name: self.finish(job) for name, job in jobs.items()}
        for name, result in results.items():
            with self.subTest(job=name):
                self.assertEqual(result.status, STOPPED, str(result))
                self.assertNotIn("complete:", result.out)
                log = self.log(places[name])
                self.assertEqual("USR1" in log, name != "by_itself", log)
                self.assertNotIn("TERM", log)
                job = "4700_3" if name == "task" else JOB  # of an array this task only, whatever its job number
                self.assertEqual(log.count(f"scontrol requeue {job}"), name != "cancelled", log)
                self.assertEqual("back into the queue" in result.out, name in ("signalled", "by_itself", "task"), str(result))
        self.assertIn("'sbatch' it again to continue", results["broken"].err)
        self.assertIn("cancelled; work is being saved", results["cancelled"].out)
        self.assertIn("asked to stop; work is being saved", results["signalled"].out)

    def test_cancelled_early(self):
        place = self.place()
        process = self.submit(place, STOPPED)
        self.wait_launched(process, place)
        send(process.pid, signal.SIGTERM)
        result = self.finish(process)
        self.assertEqual(result.status, STOPPED, str(result))
        self.assertIn("cancelled", result.out)
        self.assertNotIn("requeued", result.out + result.err)
        self.assertEqual(self.log(place)[1:], ["USR1"])

    def test_signal_at_the_end_of_the_launcher(self):
        """The launcher ends while the shell is in its trap: its status is still what counts."""
        for status in (STOPPED, IO, OK):
            with self.subTest(status=status):
                place = self.place()
                process = self.submit(place, status)
                self.wait_launched(process, place)
                (place / "slow").touch()
                send(process.pid, signal.SIGUSR1)
                self.assertTrue(wait_for((place / "end").exists), "the trap did not run")
                (place / "slow").unlink()
                result = self.finish(process)
                self.assertEqual(result.status, status, str(result))
                self.assertEqual("complete:" in result.out, status == OK, str(result))

    def test_refused(self):
        for output in ("/tmp/x", "/tmp/../tmp/x.h5", "/var/tmp/x", "/dev/shm/x", "/lscratch/1/x"):
            with self.subTest(output=output):
                self.refused(CANNOT_CREATE, f"OUTPUT={output}", "shared storage", OUTPUT=output)
        self.refused(NO_INPUT, f"CONFIG={self.dir}/none.yaml", CONFIG=self.dir / "none.yaml")
        self.refused(NO_INPUT, f"ESPALIER={self.dir}/none", ESPALIER=self.dir / "none")
        self.refused(NO_INPUT, f"ESPALIER={self.dir}/net.yaml", ESPALIER=self.dir / "net.yaml")
        self.refused(USAGE, "LAUNCHER=foo", LAUNCHER="foo")

    @staticmethod
    def task(number, tasks=range(4), **settings):
        """What Slurm tells a task of an array."""
        return {"SLURM_ARRAY_JOB_ID": "4700", "SLURM_ARRAY_TASK_ID": number, "SLURM_ARRAY_TASK_COUNT": len(tasks),
                "SLURM_ARRAY_TASK_MIN": min(tasks), "SLURM_ARRAY_TASK_MAX": max(tasks), **settings}

    def shown(self, **settings):
        """The command of a job, less the launcher and the config."""
        out = self.refused(OK, ESP_DRY=1, **settings).out
        begin = f"mpirun {ESPALIER} run {self.dir}/net.yaml "
        self.assertIn(begin, out)
        return out.split(begin)[1].strip()

    def test_array(self):
        """Each task has a part and a file of its own."""
        for script in ("dms_ensemble", "scratch", "rl_ensemble", "lever_ensemble"):
            for tasks in (range(4), range(1, 5)):
                for part, number in enumerate(tasks):
                    command = self.shown(script=f"{script}.sh", OUTPUT="/nonexistent-espalier/", **self.task(number, tasks))
                    self.assertEqual(command, f"-o /nonexistent-espalier/{script}.part-{part}-of-4.h5 --part {part}/4")
        home = SOURCE / "jobs"  # a directory that is there needs no / at its end
        if not str(SOURCE).startswith(("/tmp/", "/var/tmp/", "/dev/shm/", "/lscratch/")):
            self.assertEqual(self.shown(OUTPUT="", **self.task(3)), "-o dms_ensemble.part-3-of-4.h5 --part 3/4")
            self.assertEqual(self.shown(OUTPUT=home, **self.task(0)), f"-o {home}/dms_ensemble.part-0-of-4.h5 --part 0/4")
            self.assertEqual(self.shown(OUTPUT=home), f"-o {home}/dms_ensemble.h5")
        place, result = self.job(OK, OUTPUT="/nonexistent-espalier/", LAUNCHER="srun", **self.task(2))
        self.assertEqual(self.log(place), [f"srun --mpi=pmix {ESPALIER} run {self.dir}/net.yaml -o "
                                           "/nonexistent-espalier/dms_ensemble.part-2-of-4.h5 --part 2/4"])
        whole = "/nonexistent-espalier/dms_ensemble"
        self.assertIn(f"complete: {whole}.part-2-of-4.h5", result.out)
        self.assertIn(f"{ESPALIER} merge {whole}.h5 {whole}.part-*-of-4.h5", result.out)

    def test_array_on_one_file(self):
        """A file that is named is that file: every task works on all of it, and the lock lets in one at a time."""
        self.assertEqual(self.shown(**self.task(2)), f"-o {FAR}")
        place, result = self.job(UNAVAILABLE, **self.task(2))
        self.assertEqual(result.status, UNAVAILABLE, str(result))
        self.assertIn(f"the whole ensemble into {FAR}; for parts let OUTPUT name a directory", result.out)
        self.assertEqual(len(self.log(place)), 1, "requeued")

    def test_one_task_of_an_array_again(self):
        """Alone it must not take itself for the whole."""
        there = {"OUTPUT": "/nonexistent-espalier/"}
        for tasks in ([2], [0], [0, 2], [1, 2, 5]):
            with self.subTest(tasks=tasks):
                self.refused(USAGE, "of how many parts?", "set PARTS", **there, **self.task(tasks[0], tasks))
                self.assertEqual(self.shown(PARTS=6, **there, **self.task(tasks[-1], tasks)),
                                 f"-o /nonexistent-espalier/dms_ensemble.part-{tasks[-1]}-of-6.h5 --part {tasks[-1]}/6")
        self.refused(USAGE, "PARTS=4 needs a job array", PARTS=4, **there)
        self.refused(USAGE, "PARTS=4", f"OUTPUT={FAR} is one", PARTS=4, **self.task(2))

    def test_missing_module_command(self):
        place, result = self.job(OK, MODULES="openmpi hdf5", BASH_ENV="/dev/null")
        if "there is no 'module' command" not in result.err:
            self.skipTest("this machine has environment modules")
        self.assertEqual(result.status, OK, str(result))
        self.assertEqual(len(self.log(place)), 1)

    def test_dry(self):
        for launcher, words in (("mpirun", "mpirun"), ("srun", "srun --mpi=pmix")):
            with self.subTest(launcher=launcher):
                result = self.refused(OK, LAUNCHER=launcher, ESP_DRY=1)
                self.assertEqual(result.out, f"{words} {ESPALIER} run {self.dir}/net.yaml -o {FAR}\n")
        self.refused(OK, ESP_DRY=1, ESPALIER=self.dir / "none")  # not built yet
        self.refused(CANNOT_CREATE, "OUTPUT=/tmp/x", ESP_DRY=1, OUTPUT="/tmp/x")
        self.refused(NO_INPUT, "none.yaml", ESP_DRY=1, CONFIG=self.dir / "none.yaml")
        self.refused(USAGE, "LAUNCHER=foo", ESP_DRY=1, LAUNCHER="foo")


if __name__ == "__main__":
    main()
