"""A worker that dies or falls silent costs its cell's time, not the run: another rank takes over, to the same bits.

ESP_TEST_LOSSES says how many random moments are tried; ESP_TEST_SEED repeats a sequence (as far as the clock allows).
"""
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

LOSSES = int(os.environ.get("ESP_TEST_LOSSES") or 2)

# Six seconds of computing in stages of a second or less, on a machine that has nothing else to do.
WORK = f"""\
experiment: dms
seed: 5
ensemble:
  members: 2
  checkpoint_interval: 1
network:
  n_hid: 8
training:
  steps_per_call: {100 // SLOWNESS}
  max_calls: 300
  start_episodes: 3
ladder:
  fractions: [0.4, 0.8]
transfer:
  from: 0.8
  calls: 100
  members: 1
"""

# mpirun --enable-recovery: it lets the others go on when a process dies, and says 0 whatever they say.
TOLERANT = {"OMPI_MCA_orte_enable_recovery": "1"}

# So short that a loss is seen soon, so long that a loaded machine loses nobody who lives.
TIMEOUT = 3


class Lost(Case):
    def begin(self, config, *options, ranks=4, timeout=TIMEOUT, **env):
        self.straight(config)
        self.file = self.dir / f"net{len(self.started)}.h5"
        process = self.start("run", "-q", config, "-o", self.file, "--worker-timeout", timeout, *options, ranks=ranks, env=env)
        workers = self.workers_of(process, ranks - 1)
        self.wait_training(process, self.file)
        return process, workers

    def complete(self, process):
        result = self.finish(process)
        self.assertEqual(result.status, OK, str(result))
        self.assertIn("is complete: 14 cells", result.out)
        self.wait_gone(process)
        self.assert_sound(self.file)
        self.assert_same(self.dir / "straight.h5", self.file)
        self.assertFalse(os.path.exists(f"{self.file}.lock"))
        return result

    def test_killed_at_random(self):
        """One worker or two of three, at any moment; nobody tells the others."""
        random = seed_from_environment()
        config = self.config(WORK)
        for i in range(LOSSES):
            n = 1 + i % 2
            process, workers = self.begin(config, **TOLERANT)
            moment = random.uniform(0, 0.5)
            time.sleep(moment)
            killed = random.sample(workers, n)
            for pid in killed:
                send(pid, signal.SIGKILL)
            result = self.complete(process)
            print(f"{n} killed after {moment:.2f} s, {result.seconds:.1f} s in all", flush=True)
            self.assertEqual(result.err.count("presumed lost"), n, str(result))
            for line in result.err.splitlines():
                if "presumed lost" in line:
                    self.assertRegex(line, r"^espalier: warning: rank [123] on \S+: [a-z ]+(, member \d, \w+, \S+)?: ")

    def test_stopped_and_continued(self):
        """Silent for a while, then back: its cell is done twice, the bytes are the same, and it is used again."""
        random = seed_from_environment()
        config = self.config(WORK)
        for n in (2, 1)[:1 if LOSSES < 3 else 2]:
            process, workers = self.begin(config)
            stopped = random.sample(workers, n)
            for pid in stopped:
                send(pid, signal.SIGSTOP)
            self.wait_said(process, "presumed lost")
            for pid in stopped:
                send(pid, signal.SIGCONT)
            result = self.complete(process)
            self.assertIn("is back and used again", result.err)
            self.assertNotIn("not waited for", result.err)

    def test_stopped_for_ever(self):
        """Nothing waits for a process that lives but does not move, not even MPI_Finalize and mpirun."""
        config = self.config(WORK)
        for env in ({}, TOLERANT):
            with self.subTest(env=env):
                process, workers = self.begin(config, **env)
                send(workers[1], signal.SIGSTOP)
                result = self.complete(process)
                self.assertIn("espalier: warning: rank 2 on ", result.err)
                self.assertIn("espalier: 1 of 4 ranks are lost and not waited for", result.err)

    def test_part(self):
        """A run of some members misses nothing when the others are not there."""
        config = self.config(WORK)
        process, workers = self.begin(config, "--members", 1, ranks=3, **TOLERANT)
        send(workers[0], signal.SIGKILL)
        result = self.finish(process)
        self.assertEqual(result.status, OK, str(result))
        self.assertIn("is complete for member 1 of 2: 6 cells", result.out)
        self.assertNotIn("have not reached the file", result.err)
        self.wait_gone(process)
        self.assert_sound(self.file)
        self.expect(OK, "run", "-q", config, "-o", self.file, ranks=2)
        self.assert_same(self.dir / "straight.h5", self.file)

    def test_all_lost(self):
        config = self.config(WORK)
        process, workers = self.begin(config, ranks=3)
        for pid in workers:
            send(pid, signal.SIGSTOP)
        result = self.finish(process)
        self.assertEqual(result.status, IO, str(result))
        self.assertIn("espalier: all workers have fallen silent: ", result.err)
        self.assertNotIn("is complete", result.out)
        self.wait_gone(process)
        self.assert_sound(self.file)
        self.expect(OK, "run", "-q", config, "-o", self.file, ranks=2)
        self.assert_same(self.dir / "straight.h5", self.file)

    def test_whole_job_stopped_and_continued(self):
        """As by closing the lid: nobody has lost any time, and nobody is lost."""
        config = self.config(WORK)
        process, workers = self.begin(config, ranks=3)
        for number, pause in ((signal.SIGSTOP, 4.5), (signal.SIGCONT, 0)):
            for pid in ranks_of(process.pid):
                send(pid, number)
            time.sleep(pause)
        self.assertNotIn("lost", self.complete(process).err)

    def test_stop_with_a_lost_worker(self):
        """Asked to stop, the run waits for those who can save their work, and for the others no longer than the time-out."""
        config = self.config(ENDLESS)
        process = self.start("run", "-q", config, "--worker-timeout", TIMEOUT, ranks=3)
        workers = self.workers_of(process, 2)
        self.wait_training(process, self.dir / "net.h5")
        send(workers[0], signal.SIGSTOP)
        send(process.pid, signal.SIGUSR1)
        result = self.finish(process)
        self.assertEqual(result.status, STOPPED, str(result))
        self.assertIn("rank 1 on ", result.err)
        self.assert_sound("net.h5")

    def test_never(self):
        """--worker-timeout 0 waits."""
        config = self.config(WORK)
        process, workers = self.begin(config, ranks=3, timeout=0)
        send(workers[0], signal.SIGSTOP)
        time.sleep(3)
        send(workers[0], signal.SIGCONT)
        self.assertNotIn("lost", self.complete(process).err)

    def test_options(self):
        config = self.config()
        for option in ("--worker-timeout", "--watchdog"):
            result = self.expect(USAGE, "run", option, "soon", config)
            self.assertIn(f"{option} 'soon' is no time", result.err)


if __name__ == "__main__":
    main()
