"""kill -9 at random moments: after every kill the file is whole and nothing committed is lost; begun again by the same command on
any number of ranks, the run ends with the bits of one that was never disturbed.

ESP_TEST_KILLS says how many kills, ESP_TEST_SEED repeats a sequence (as far as the clock allows); kill_campaign.sh sets both.
"""
import collections
import os
import pathlib
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

KILLS = int(os.environ.get("ESP_TEST_KILLS") or 25)

# The moments of a run, in their order; every round of the campaign passes through all of them.
MOMENTS = ("creation", "first write", "in between", "last second", "close")
KINDS = ("all ranks", "one worker", "rank 0", "mpirun")
RANKS = (1, 2, 3, 5)

# Two seconds of computing in 21 cells, of which the first of each member takes long enough to be saved half-way.
WORK = """\
experiment: dms
seed: 5
ensemble:
  members: 3
  checkpoint_interval: 1
network:
  n_hid: 5
training:
  steps_per_call: 60
  max_calls: 60
  start_episodes: 8
ladder:
  fractions: [0.4, 0.8]
transfer:
  from: 0.8
  calls: 20
  members: 2
"""
BANDIT_WORK = LONG_BANDIT.replace("start_calls: 240", "start_calls: 100")
LEVER_WORK = LEVER.replace("members: 2", "members: 5")  # its stages save nothing: one that was interrupted begins anew

# Opens every file that it reads the name of, and all that is in it.
H5PY_READER = """\
import sys, h5py
print("ready", flush=True)
for line in sys.stdin:
    with h5py.File(line.rstrip("\\n"), "r") as f:
        f.visititems(lambda name, item: item[...] if isinstance(item, h5py.Dataset) and name.startswith(("commit", "resume/commit"))
                     else dict(item.attrs) and None)
        print("opened", int((f["commit"]["state"] != 0).sum()), flush=True)
"""


class H5py:
    """A Python that has h5py and opens files with it, if there is one."""
    def __init__(self):
        self.process = None
        for python in (sys.executable, "/usr/bin/python3"):
            process = subprocess.Popen([python, "-B", "-c", H5PY_READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, text=True)
            if process.stdout.readline() == "ready\n":
                self.process = process
                return
            self.end(process)

    def n_committed(self, path):
        """What it finds in a file; None: it cannot open it."""
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        words = self.process.stdout.readline().split()
        return int(words[1]) if words else None

    @staticmethod
    def end(process):
        if process:
            process.stdin.close()
            process.stdout.close()
            process.wait(20)


class Campaign:
    """What was done, for the last line."""
    def __init__(self):
        self.kills = collections.Counter()  # (moment, kind)
        self.complete = self.verified = self.faults = self.hung = 0
        self.begun = collections.Counter()  # number of ranks

    def n_at(self, moment):
        return sum(n for (there, _), n in self.kills.items() if there == moment)

    def n_of(self, kind):
        return sum(n for (_, how), n in self.kills.items() if how == kind)

    def __str__(self):
        kinds = ", ".join(f"{kind} {self.n_of(kind)}" for kind in KINDS)
        moments = ", ".join(f"{moment} {self.n_at(moment)}" for moment in MOMENTS)
        return (f"{sum(self.kills.values())} kills ({kinds}; {moments}), "
                f"runs on {', '.join(f'{n} ranks: {self.begun[n]}' for n in RANKS)}; {self.complete} times complete with equal "
                f"bits, {self.verified} cells verified, mpirun itself hung {self.hung} times, {self.faults} faults")


class Kill(Case):
    # ---- one kill ----

    def watch(self, file, process, moment, random):
        """Wait for the moment. False: the run ended first."""
        lock, temporary = f"{file}.lock", f"{file}.tmp"
        def seen(condition):
            return wait_for(lambda: condition() or process.poll() is not None, 0.0002)
        n_cells = len(self.reference)
        if moment == "creation":
            sign = random.choice(["nothing", "lock", "temporary file"])
            if sign == "nothing":
                time.sleep(random.uniform(0, 0.3))
            else:
                there = lock if sign == "lock" else temporary
                seen(lambda: os.path.exists(there) or file.exists())
                time.sleep(random.choice([0, random.uniform(0, 0.02)]))
        elif moment == "first write":
            before = self.tables(file)
            seen(lambda: self.tables(file) not in (None, before))
            time.sleep(random.choice([0, random.uniform(0, 0.01)]))
        elif moment == "in between":
            n = random.randint(1, n_cells - 2)
            seen(lambda: self.n_there(file) >= n)
            time.sleep(random.uniform(0, 0.1))
        elif moment == "last second":
            n = n_cells - random.randint(1, 3)
            seen(lambda: self.n_there(file) >= n)
            time.sleep(random.uniform(0, 0.02))
        else:
            seen(lambda: self.n_there(file) == n_cells)
            time.sleep(random.uniform(0, 0.02))
        return process.poll() is None

    def tables(self, file):
        """The bytes of /commit and /resume/commit, at once: asking a program would take too long. None: no file yet."""
        try:
            with open(file, "rb") as f:
                return [os.pread(f.fileno(), size, offset) for offset, size in self.extents]
        except FileNotFoundError:
            return None

    def n_there(self, file):
        tables = self.tables(file)
        return sum(map(bool, tables[0][::32])) if tables else 0

    def strike(self, process, campaign, random):
        """Kill all of it, one worker, rank 0, or the launcher alone, whichever is behind its share; then wait until everything is
        gone."""
        ranks = {rank_of(pid): pid for pid in ranks_of(process.pid)}
        workers = [pid for rank, pid in ranks.items() if rank]
        kinds = random.sample(KINDS, len(KINDS))
        if process.pid in ranks.values() or not workers or 0 not in ranks:
            kinds = ["all ranks"]  # there is only one, or they are not all there yet
        kind = min(kinds, key=campaign.n_of)
        if kind == "all ranks":
            self.kill_all(process)
        else:
            send({"one worker": random.choice(workers), "rank 0": ranks[0], "mpirun": process.pid}[kind], signal.SIGKILL)
            campaign.hung += self.end_hung_launcher(process)
        self.wait_gone(process)
        return kind

    def end_hung_launcher(self, process):
        """mpirun 4.1 can lock itself up when a rank dies while the others start (in PMIx_server_finalize): no rank is left, but it
        stays."""
        self.assertTrue(wait_for(lambda: not ranks_of(process.pid)), "ranks outlive the one that was killed")
        if wait_for(lambda: process.poll() is not None, seconds=30):
            return False
        self.assertEqual(processes_of(process.pid), [process.pid])
        process.kill()
        return True

    # ---- what has to hold after it ----

    def check(self, file, known, campaign):
        if not file.exists():
            self.assertEqual(known, {}, "the file has vanished")
            return {}
        if have("h5dump"):
            dump = subprocess.run(["h5dump", "-H", str(file)], capture_output=True, timeout=HANGS)
            self.assertEqual(dump.returncode, 0, dump.stderr)
        there = self.check_kept(file, known)
        campaign.verified += len(there)
        if self.h5py.process:
            self.assertEqual(self.h5py.n_committed(file), len(there), "h5py cannot open it")
        return there

    # ---- the campaign ----

    def round(self, config, file, n_kills, campaign, random):
        """From no file to a complete one, with a kill at each moment that is behind its share."""
        known = {}
        for moment in MOMENTS:
            if sum(campaign.kills.values()) == n_kills or campaign.n_at(moment) > min(map(campaign.n_at, MOMENTS)):
                continue
            ranks = random.choice(RANKS)
            campaign.begun[ranks] += 1
            process = self.start("run", "-q", config, "-o", file, ranks=ranks)
            if not self.watch(file, process, moment, random):
                result = self.finish(process)
                self.assertEqual(result.status, OK, str(result))
                break
            kind = self.strike(process, campaign, random)
            campaign.kills[moment, kind] += 1
            known = self.check(file, known, campaign)
            print(f"kill {sum(campaign.kills.values())}: {kind} of {ranks}, {moment}: {len(known)} cells", flush=True)
        ranks = random.choice(RANKS)
        campaign.begun[ranks] += 1
        self.expect(OK, "run", "-q", config, "-o", file, ranks=ranks)
        self.check(file, known, campaign)
        self.assert_same(self.straight_file, file)
        self.assertEqual([self.extent(file, name) for name in self.tables_there], self.extents)
        left = [name for name in self.litter() if name.startswith(file.name) and name != file.name]
        self.assertEqual(left, [], "files of killed runs are left beside the results")
        campaign.complete += 1
        file.unlink()

    def test_campaign(self):
        random, campaign = seed_from_environment(), Campaign()
        self.h5py = H5py()
        self.addCleanup(lambda: H5py.end(self.h5py.process))
        configs = [self.config(WORK, "dms.yaml"), self.config(BANDIT_WORK, "bandit.yaml"), self.config(LEVER_WORK, "lever.yaml")]
        straight = [self.straight(config, f"{config.stem}_straight.h5") for config in configs]
        try:
            while sum(campaign.kills.values()) < KILLS:
                config, self.straight_file = configs[campaign.complete % 3], straight[campaign.complete % 3]
                self.reference = self.committed(self.straight_file)
                self.tables_there = ("/commit",) if config == configs[2] else ("/commit", "/resume/commit")
                self.extents = [self.extent(self.straight_file, dataset) for dataset in self.tables_there]
                self.round(config, self.dir / "killed.h5", KILLS, campaign, random)
        except BaseException:
            campaign.faults += 1
            raise
        finally:
            print(campaign, flush=True)
        self.assertGreaterEqual(min(map(campaign.n_at, MOMENTS)), KILLS // len(MOMENTS) - 1, "moments are missed")

    # ---- inside a stage ----

    @staticmethod
    def n_saved(path, extent):
        """How often the state of an unfinished stage was saved; extent: that of /resume/commit, in any file of the config."""
        with open(path, "rb") as file:
            entries = os.pread(file.fileno(), extent[1], extent[0])
        two_states = struct.iter_unpack("<IIQIIQ", entries)  # stage, checksum, number of the save; twice
        return sum(max(entry[2], entry[5]) for entry in two_states)

    def test_resumes_inside_a_stage(self):
        """A stage of seconds, killed when a state of it has been saved, as happens each second: each session goes on where the last one
        was. The first one lasts longer than the others, which would have less to save if they had begun at the beginning."""
        config = self.config(LONG.replace("members: 3", "members: 1").replace("start_episodes: 1", "start_episodes: 8"))
        straight = self.straight(config)
        file, table = self.dir / "net.h5", self.extent(straight, "/resume/commit")
        self.expect(STOPPED, "run", "-q", config, "--max-time", "0")
        saved = work = 0
        for n_more in (2, 1, 1):
            process = self.start("run", "-q", config)
            self.assertTrue(wait_for(lambda: self.n_saved(file, table) >= saved + n_more or process.poll() is not None, 0.01))
            self.kill_all(process)
            self.wait_gone(process)
            self.assertEqual(self.status(file)["done"], 0, "the stage is too short for this test")
            before, saved = saved, self.n_saved(file, table)
            self.assertGreaterEqual(saved, before + n_more, "nothing is saved in a long stage")
            before, work = work, self.work_saved(file)
            self.assertGreater(work, before, "the stage began at its beginning again")
        self.assert_sound(file)
        self.expect(OK, "run", "-q", config)
        self.assert_sound(file)
        self.assert_same(straight, file)
        self.assertEqual(self.status(file)["n_evaluations"], self.status(straight)["n_evaluations"])


if __name__ == "__main__":
    main()
