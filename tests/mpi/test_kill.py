"""Killed at random moments and begun again by the same command, a run ends with the bits of one that was never disturbed.

ESP_TEST_KILLS says how often; ESP_TEST_SEED repeats a sequence (as far as the clock allows).
"""
import os
import pathlib
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

KILLS = int(os.environ.get("ESP_TEST_KILLS") or 20)

# Some seconds of computing in stages of 0.2 to 1.5 s.
WORK = """\
experiment: dms
seed: 5
ensemble:
  members: 4
  checkpoint_interval: 1
network:
  n_hid: 5
training:
  steps_per_call: 60
  max_calls: 60
  start_episodes: 3
ladder:
  fractions: [0.4, 0.8]
transfer:
  from: 0.8
  calls: 20
  members: 2
"""


class Kill(Case):
    def strike(self, process, random):
        """Kill all of it, one rank, or the launcher alone; then wait until everything is gone."""
        ranks = ranks_of(process.pid)
        how = random.choice(["all", "all", "one rank", "launcher"])
        if how == "all" or process.pid in ranks or not ranks:
            self.kill_all(process)
        elif how == "one rank":
            send(random.choice(ranks), signal.SIGKILL)
        else:
            send(process.pid, signal.SIGKILL)
        self.wait_gone(process)
        return how

    def check_after_kill(self, file, done_before):
        if not file.exists():
            self.assertEqual(done_before, 0, "the file has vanished")
            return 0
        self.assert_sound(file)
        status = self.status(file)
        self.assertEqual(status["damaged"], 0)
        self.assertGreaterEqual(status["done"], done_before, "committed cells were lost")
        if have("h5dump"):
            dump = subprocess.run(["h5dump", "-H", str(file)], capture_output=True, timeout=30)
            self.assertEqual(dump.returncode, 0, dump.stderr)
        return status["done"]

    def test_random_kills(self):
        self.kill_at_random(WORK, KILLS)

    def test_random_kills_of_bandit(self):
        self.kill_at_random(LONG_BANDIT.replace("start_calls: 240", "start_calls: 100"), max(1, KILLS // 4))

    def test_random_kills_of_lever(self):
        """Its stages save nothing: one that was interrupted begins anew."""
        self.kill_at_random(LEVER.replace("members: 2", "members: 5"), max(1, KILLS // 5))

    def kill_at_random(self, text, n_kills):
        random = seed_from_environment()
        config = self.config(text)
        straight = self.straight(config)
        file, done, kills, completed = self.dir / "killed.h5", 0, 0, 0
        while kills < n_kills:
            process = self.start("run", "-q", config, "-o", file, ranks=random.choice([1, 2, 3, 5]))
            moment = random.uniform(0.1, 1.6)
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                how = self.strike(process, random)
                kills += 1
                done = self.check_after_kill(file, done)
                print(f"kill {kills} ({how}) after {moment:.2f} s: {done} cells", flush=True)
                continue
            result = self.finish(process)
            self.assertEqual(result.status, OK, str(result))
            self.assert_same(straight, file)
            file.unlink()
            done, completed = 0, completed + 1
        self.expect(OK, "run", "-q", config, "-o", file, ranks=3)
        self.assert_sound(file)
        self.assert_same(straight, file)
        print(f"{kills} kills, {completed + 1} times complete", flush=True)

    def test_killed_in_the_first_moments(self):
        """While it starts and makes the file: there is none, or a whole one."""
        random = seed_from_environment()
        config = self.config(TINY)
        straight = self.straight(config)
        file = self.dir / "new.h5"
        for i in range(12):
            process = self.start("run", "-q", config, "-o", file, ranks=1 if i % 3 else 3)
            if i % 4 == 1:
                time.sleep(random.uniform(0, 0.1))
            elif i % 4 == 3:  # as soon as there is a lock, and a little later
                wait_for((self.dir / "new.h5.lock").exists, 10, 0.0005)
                time.sleep(random.uniform(0, 0.02))
            else:  # as soon as the new file appears under a first name
                file.unlink(missing_ok=True)
                wait_for(lambda: any(".tmp" in n for n in os.listdir(self.dir)) or process.poll() is not None, 10, 0)
            self.kill_all(process)
            self.wait_gone(process)
            self.check_after_kill(file, 0)
            if i % 4 == 3 and file.exists():
                file.unlink()
        self.expect(OK, "run", "-q", config, "-o", file)
        self.assert_same(straight, file)
        left = [name for name in self.litter() if name.startswith("new.h5") and name != "new.h5"]
        self.assertEqual(left, [], "files of killed runs are left beside the results")

    def sequence(self, file, member=0, arm=0):
        """The newest sequence number of a member's saved states; 0: nothing is saved."""
        if file not in self.resume:
            self.resume[file], _ = self.extent(file, "/resume/commit")
        with open(file, "rb") as f:
            f.seek(self.resume[file] + 32 * (2 * member + arm))  # two slots of stage, checksum, sequence
            return max(struct.unpack("<IIQIIQ", f.read(32))[2::3])

    def test_resumes_inside_a_stage(self):
        """A stage of seconds, killed each time that a state of it is saved, after about a second: it can only end if each
        session goes on where the last one was."""
        self.resume = {}
        config = self.config(LONG.replace("members: 3", "members: 1").replace("start_episodes: 1", "start_episodes: 4"))
        straight = self.straight(config)
        file = self.dir / "net.h5"
        self.expect(STOPPED, "run", "-q", config, "--max-time", "0")
        sessions, sequence = 0, 0
        while self.status(file)["done"] == 0:
            sessions += 1
            self.assertLess(sessions, 12, "the stage begins at its beginning each time")
            process = self.start("run", "-q", config)
            more = wait_for(lambda: self.sequence(file) > sequence or process.poll() is not None, 30, 0.01)
            self.kill_all(process)
            self.wait_gone(process)
            self.assertTrue(more, "nothing is saved in a long stage")
            if self.status(file)["done"] == 0:  # otherwise the rest was too short to be saved
                self.assertGreater(self.sequence(file), sequence)
            sequence = self.sequence(file)
        self.assertGreater(sessions, 2, "the stage is too short for this test")
        self.assert_sound(file)
        self.expect(OK, "run", "-q", config)
        self.assert_sound(file)
        self.assert_same(straight, file)
        self.assertEqual(self.status(file)["n_evaluations"], self.status(straight)["n_evaluations"])


if __name__ == "__main__":
    main()
