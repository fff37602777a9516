"""Asked to stop, a run saves its work and exits 75 within ten seconds; the same command then gives the undisturbed bits."""
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

SOON = 10.0  # s

# While there is a file ASKED, an fsync makes a file SAVING and takes for ever.
SLOW = r"""
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
int fsync(int fd)
{
  if (access(getenv("ASKED"), F_OK) == 0) {
    close(open(getenv("SAVING"), O_WRONLY | O_CREAT, 0600));
    for (;;)
      pause();
  }
  return (int)syscall(SYS_fsync, fd);
}
"""


class Stop(Case):
    def assert_stopped_by(self, result, cause):
        self.assertIn(f"espalier: stopped by {cause} with work left; the same command continues it (exit status 75)\n",
                      result.err)
        self.assertEqual(result.err.count("with work left"), 1)
        self.assertNotIn("is complete", result.out)

    def stop(self, config, number, ranks, whom="launcher", seconds=0.3):
        """Start or continue, signal after so many seconds of computing; how many cells are done."""
        file = self.dir / "net.h5"
        process = self.start("run", config, "-o", file, ranks=ranks)
        self.wait_training(process, file, seconds, n=2 if whom == "all ranks" else 1)
        asked = time.monotonic()
        for pid in [process.pid] if whom == "launcher" else ranks_of(process.pid):
            send(pid, number)
        result = self.finish(process)
        took = self.assert_soon(asked, SOON, result)
        if whom == "launcher" and ranks > 1 and number in (signal.SIGTERM, signal.SIGINT):  # see test_launcher
            self.assertNotEqual(result.status, OK, str(result))
            name = "15 (Terminated)"  # whatever mpirun gets of the two
        else:
            self.assertEqual(result.status, STOPPED, str(result))
            name = f"{int(number)} ({signal.strsignal(number)})"
        self.assert_stopped_by(result, f"signal {name}")
        self.assertFalse(os.path.exists(f"{file}.lock"))
        self.assert_sound(file)
        status = self.status(file)
        self.assertFalse(status["complete"])
        print(f"{name}, {ranks} ranks: {took:.2f} s; {status['done']} cells", flush=True)
        return status["done"]

    def go_on(self, config, ranks, straight):
        self.expect(OK, "run", "-q", config, "-o", "net.h5", ranks=ranks)
        self.assert_sound("net.h5")
        self.assert_same(straight, "net.h5")
        self.assertEqual(self.status("net.h5")["n_evaluations"], self.status(straight)["n_evaluations"])

    def stop_inside(self, config, stops):
        """Stops of one long stage. Its state is saved then, at no other time, and serves the next session: the first one lasts much
        longer than the second, which would have less to save if it had begun at the beginning."""
        config, work = self.config(config.replace("checkpoint_interval: 1", "checkpoint_interval: 86400")), 0
        straight = self.straight(config)
        for number, ranks in stops:
            with self.subTest(signal=number.name, ranks=ranks):
                done, before = self.stop(config, number, ranks, seconds=0.2 if work else 0.6), work
                self.assertEqual(done, 0, "the stage is too short for this test")
                work = self.work_saved(self.dir / "net.h5")
                self.assertGreater(work, before)
        self.go_on(config, ranks, straight)

    def test_one_process(self):
        self.stop_inside(LONG.replace("members: 3", "members: 1").replace("start_episodes: 1", "start_episodes: 6"),
                         [(number, 1) for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGINT)])

    def test_launcher(self):
        """mpirun passes USR1 and USR2 on and returns the program's status. TERM and INT it makes an end of its own: a second
        later a TERM to the ranks, and its own status."""
        config = self.config(ENDLESS)
        for number in (signal.SIGUSR1, signal.SIGINT):
            with self.subTest(signal=number.name):
                self.stop(config, number, 3)
        config = self.config(LONG, "long.yaml")
        (self.dir / "net.h5").unlink()
        self.stop(config, signal.SIGTERM, 3)
        self.go_on(config, 3, self.straight(config))

    def test_all_ranks(self):
        """As Slurm does it: every rank gets the signal itself."""
        config = self.config(LONG)
        straight = self.straight(config)
        for number in (signal.SIGUSR2, signal.SIGTERM):
            with self.subTest(signal=number.name):
                self.stop(config, number, 3, "all ranks")
        self.go_on(config, 2, straight)

    def test_inside_a_bandit_stage(self):
        """With blocks that the network plays itself: the one in work is played again as it was."""
        self.stop_inside(LONG_BANDIT.replace("members: 2", "members: 1").replace("start_calls: 240", "start_calls: 2000"),
                         [(signal.SIGUSR1, ranks) for ranks in (1, 3)])

    def test_inside_a_lever_stage(self):
        """It saves nothing inside a stage: the one in work is abandoned, at once, and begun again."""
        text = LEVER.replace("members: 2", "members: 1").replace("unrewarded_hours: 0.1", "unrewarded_hours: 0")
        for short, long in (("hours: 0.1", "hours: 0.6"), ("switch_hour: 0.05", "switch_hour: 0.3"), ("segment_min: 1.5", "segment_min: 18")):
            text = text.replace(f"  {short}\n", f"  {long}\n")
        config = self.config(text)
        straight = self.straight(config)
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                self.stop(config, signal.SIGUSR1, ranks)
        self.go_on(config, 3, straight)

    def test_second_signal_ends_at_once(self):
        """Also while the first one has it save its work."""
        config = self.config(ENDLESS)
        file, asked, saving = self.dir / "net.h5", self.dir / "asked", self.dir / "saving"
        slow = {**self.preload(self.write(".mpi/slow.c", SLOW)), "ASKED": asked, "SAVING": saving}
        for first in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(first=first.name):
                process = self.start("run", config, env=slow)
                self.wait_training(process, file)
                asked.touch()
                send(process.pid, first)
                self.assertTrue(wait_for(saving.exists), "nothing is saved")
                send(process.pid, signal.SIGINT)
                result = self.finish(process)
                self.assertEqual(result.status, -signal.SIGINT, str(result))
                self.assert_sound(file)
                asked.unlink()
                saving.unlink()
                self.expect(STOPPED, "run", "-q", config, "--max-time", 0)

    def test_max_time(self):
        config = self.config(ENDLESS)
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                began = time.monotonic()
                result = self.expect(STOPPED, "run", config, "-o", f"{ranks}.h5", "--max-time", "1s", ranks=ranks)
                self.assert_soon(began, 1 + SOON, result)
                self.assert_stopped_by(result, "--max-time")

    def test_signal_to_another_rank(self):
        """A worker that is told to stop ends the run for all of them."""
        config = self.config(ENDLESS)
        file = self.dir / "net.h5"
        process = self.start("run", config, "-o", file, ranks=3)
        self.wait_training(process, file)
        asked = time.monotonic()
        send(self.workers_of(process, 2)[0], signal.SIGUSR2)
        result = self.finish(process)
        self.assert_soon(asked, SOON, result)
        self.assertEqual(result.status, STOPPED, str(result))
        self.assert_stopped_by(result, "a signal to another rank")
        self.assert_sound(file)

    def test_end_of_the_slurm_job(self):
        """It stops a minute before the end; a quarter of what is left before it, if that is less."""
        config = self.config(ENDLESS)
        for left in (20, 242):
            with self.subTest(left=left):
                end = int(time.time()) + left
                process = self.start("run", config, "-o", f"{left}.h5", env={"SLURM_JOB_END_TIME": end})
                if left == 242:  # too long to wait for: not at once, that is all
                    self.wait_training(process, self.dir / f"{left}.h5")  # fails if it ends
                    self.kill_all(process)
                    self.wait_gone(process)
                    continue
                result = self.finish(process)
                self.assertEqual(result.status, STOPPED, str(result))
                self.assert_stopped_by(result, "the coming end of the Slurm job")
                self.assertGreater(result.seconds, (left - 1) * 3 / 4 - 0.1)  # the clock of the environment has whole seconds
                self.assert_soon(process.began + left * 3 / 4, left / 4, "later than the end of the job")
        result = self.expect(STOPPED, "run", config, "-o", "both.h5", "--max-time", "0.5",
                             env={"SLURM_JOB_END_TIME": int(time.time()) + 3600})
        self.assert_stopped_by(result, "--max-time")
        result = self.expect(STOPPED, "run", config, "-o", "past.h5", env={"SLURM_JOB_END_TIME": int(time.time()) - 5})
        self.assert_stopped_by(result, "the coming end of the Slurm job")
        self.expect(OK, "run", "-q", self.config(TINY, "short.yaml"), env={"SLURM_JOB_END_TIME": int(time.time()) + 3600})

    def test_end_of_the_slurm_job_that_is_none(self):
        """A number of seconds since 1970, or nothing: half a number is no reason to stop at once."""
        config = self.config(TINY)
        for n, text in enumerate(("12h", "-5", "1e3", "99999999999999999999")):
            result = self.expect(OK, "run", "-q", config, "-o", f"{n}.h5", env={"SLURM_JOB_END_TIME": text}, ranks=1 + n % 2)
            self.assertEqual(result.err.count(f"SLURM_JOB_END_TIME '{text}' is no time"), 1, result.err)
        self.assertEqual(self.expect(OK, "run", "-q", config, "-o", "4.h5", env={"SLURM_JOB_END_TIME": ""}).err, "")

    def test_nothing_left(self):
        """A stop that comes when everything is there changes nothing."""
        config = self.config()
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                self.expect(OK, "run", "-q", config, "-o", f"{ranks}.h5", ranks=ranks)
                result = self.expect(OK, "run", "-q", config, "-o", f"{ranks}.h5", "--max-time", "0", ranks=ranks)
                self.assertIn("is complete: 28 cells", result.out)


if __name__ == "__main__":
    main()
