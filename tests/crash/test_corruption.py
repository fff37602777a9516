"""Damage of every kind: files cut anywhere, bits flipped anywhere. No command crashes, hangs, or takes damage for results.

ESP_TEST_DAMAGE says how many cuts and how many flips of each file ("all": 1000), ESP_TEST_SEED chooses others. Most commands run in
children of the helper program forks (ESP_TEST_FORKS); each tenth runs as the program itself.
"""
import collections
import json
import os
import pathlib
import random
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

FORKS = os.environ.get("ESP_TEST_FORKS") or str(pathlib.Path(ESPALIER).parent / "tests" / "forks")
DAMAGE = os.environ.get("ESP_TEST_DAMAGE") or "20"
N = 1000 if DAMAGE == "all" else int(DAMAGE)
SEED = int(os.environ.get("ESP_TEST_SEED") or 20220)

# Stages of some tenths of a second, so that a run of one second leaves some of them done and one half-trained.
HALF = """\
experiment: dms
seed: 7
ensemble:
  members: 4
  checkpoint_interval: 1
network:
  n_hid: 5
training:
  steps_per_call: 60
  max_calls: 400
  start_episodes: 2
ladder:
  fractions: [0.4, 0.8]
transfer:
  from: 0.8
  calls: 2
  members: 2
"""

Dataset = collections.namedtuple("Dataset", "name offset size")
Damage = collections.namedtuple("Damage", "kind place bit stratum")


def datasets_of(path):
    """What lies where, by h5dump; metadata of HDF5 is in between."""
    text = subprocess.run(["h5dump", "-p", "-H", str(path)], capture_output=True, text=True, timeout=HANGS, check=True).stdout
    found, groups = [], []
    for line in text.splitlines():
        indent, line = (len(line) - len(line.lstrip())) // 3, line.strip()
        if line.startswith("GROUP"):
            groups[indent:] = [line.split('"')[1]]
        elif line.startswith("DATASET"):
            name = "/".join([*groups[1:indent], line.split('"')[1]])
        elif line.startswith("SIZE"):
            size = int(line.split()[1])
        elif line.startswith("OFFSET"):
            found.append(Dataset(name, int(line.split()[1]), size))
    return sorted(found, key=lambda d: d.offset)


class Original:
    """A sound file, what it holds where, and what the commands say of it."""

    def __init__(self, path):
        self.bytes = path.read_bytes()
        self.datasets = datasets_of(path)
        self.n_slots = next(d.size for d in self.datasets if d.name == "commit") // 32
        self.committed = [s for s in range(self.n_slots) if self.entry(s) != bytes(32)]
        self.strata = self.find_strata()

    def dataset(self, name):
        return next(d for d in self.datasets if d.name == name)

    def entry(self, slot):
        at = self.dataset("commit").offset + 32 * slot
        return self.bytes[at:at + 32]

    def holder(self, place):
        return next((d for d in self.datasets if d.offset <= place < d.offset + d.size), None)

    def find_strata(self):
        """Places by kind; each kind gets as many flips as any other, however small it is."""
        strata = {"superblock": list(range(48))}
        for kind, signatures in (("object headers", (b"OHDR", b"OCHK")), ("global heaps", (b"GCOL",)),
                                 ("groups and attributes", (b"FRHP", b"FHDB", b"FHIB", b"BTHD", b"BTLF", b"BTIN"))):
            strata[kind] = [p for s in signatures for m in re.finditer(s, self.bytes) if not self.holder(m.start())
                            for p in range(m.start(), min(m.start() + (4096 if s == b"GCOL" else 400), len(self.bytes)))
                            if not self.holder(p)]
        for kind, prefix in (("payload", "records/"), ("commit", "commit"), ("states", "resume/"), ("provenance", "provenance/"),
                             ("scales", "scales/")):
            strata[kind] = [p for d in self.datasets if d.name.startswith(prefix) for p in range(d.offset, d.offset + d.size)]
        strata["payload of cells"] = [p for p in strata["payload"] if self.slot(p) in self.committed]
        strata["anywhere"] = range(len(self.bytes))
        return {kind: places for kind, places in strata.items() if places}

    def slot(self, place):
        """Which cell a byte belongs to; None outside of records."""
        d = self.holder(place)
        return (place - d.offset) // (d.size // self.n_slots) if d and d.name.startswith("records/") else None

    def damaged(self, damage):
        data = bytearray(self.bytes)
        if damage.kind == "cut":
            return bytes(data[:damage.place])
        data[damage.place] ^= 1 << damage.bit
        return bytes(data)

    def samples(self, n, draw):
        """n cuts, half of them within 64 bytes of where something begins; n flips in strata."""
        edges = [0, len(self.bytes), *(d.offset for d in self.datasets)]
        for i in range(n):
            place = draw.randrange(len(self.bytes)) if i % 2 else draw.choice(edges) + draw.randrange(-64, 65)
            yield Damage("cut", min(max(place, 0), len(self.bytes) - 1), 0, "cut")
        kinds = sorted(self.strata)
        for i in range(n):
            kind = kinds[i % len(kinds)]
            yield Damage("flip", draw.choice(self.strata[kind]), draw.randrange(8), kind)


class Corruption(Case):
    def setUp(self):
        super().setUp()
        if not have("h5dump"):
            self.skipTest("h5dump is not installed")
        self.config()
        self.forks = subprocess.Popen([FORKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=self.dir,
                                      env=self.environment(), start_new_session=True)
        self.addCleanup(self.end_forks)
        self.n_commands = 0
        self.log = print if N >= 1000 else lambda *text, **how: None

    def end_forks(self):
        self.forks.stdin.close()
        self.assertEqual(self.forks.wait(30), 0)
        self.forks.stdout.close()

    def go(self, *words):
        """A command, most often in a child of forks; any that crashes, hangs or trips a sanitizer fails the test."""
        self.n_commands += 1
        if self.n_commands % 10 == 0:
            result = self.run_program(*words)
        else:
            print(*("out", "err", *words), sep="\t", file=self.forks.stdin, flush=True)
            how, number = self.forks.stdout.readline().split()
            texts = [(self.dir / name).read_text(errors="replace") for name in ("out", "err")]
            result = Result(int(number) if how == "exit" else -int(number), *texts, 0)
        self.assertIn(result.status, (OK, DATA, IO, CONFIG, STOPPED), f"{words}: {result}")
        for word in ("HDF5-DIAG", "infinite loop", "Sanitizer", "runtime error"):
            self.assertNotIn(word, result.err)
        return result

    def report(self, path):
        """What a report says, all its bytes; the warnings beside."""
        shutil.rmtree(self.dir / "report", ignore_errors=True)
        result = self.go("report", "--no-figures", "-o", "report", path)
        made = {p.relative_to(self.dir): p.read_bytes() for p in sorted((self.dir / "report").rglob("*")) if p.is_file()}
        return result, made

    def original(self, name):
        o = Original(self.dir / name)
        (self.dir / "bad.h5").write_bytes(o.bytes)  # under the name that the damaged ones will have
        o.report, o.status = self.report("bad.h5")[1], json.loads(self.go("status", "--json", "bad.h5").out)
        self.assertIn("scorecard.json", {p.name for p in o.report})
        return o

    def check_readers(self, o, damage, bad):
        """Whoever accepts the file says what the sound one says, or that it is damaged. Returns what verify says."""
        slot = o.slot(damage.place) if damage.kind == "flip" else None
        verify = self.go("verify", "bad.h5")
        if damage.kind == "cut":
            self.assertEqual(verify.status, DATA, str(verify))
        if slot in o.committed:
            self.assertEqual(verify.status, DATA, str(verify))
            arm, stage = divmod(slot % 8, 4)
            cell = f"member {slot // 8}, {('pruned', 'twin')[arm]}, {('start', 'rung_0.40', 'rung_0.80', 'transfer')[stage]}"
            self.assertIn(f"{cell}: bad.h5: damaged: wrong checksum", verify.out)
        status = self.go("status", "--json", "bad.h5")
        if status.status == OK:
            now = json.loads(status.out)
            if not now["damaged"] and damage.stratum != "provenance":
                self.assertEqual(now, {**o.status, "ranks_of_last_run": now["ranks_of_last_run"]})
        self.go("status", "bad.h5")
        self.go("info", "bad.h5")
        result, made = self.report("bad.h5")
        if result.status == OK and "damaged" not in result.err:
            self.assertEqual(made, o.report, "a report of other numbers, without a word")
        self.assertEqual((self.dir / "bad.h5").read_bytes(), bad, "a reader has changed the file")
        return verify

    def check_run(self, o, damage, bad, verify, *options):
        """A run refuses the file and leaves it alone, or ends with what the sound one has; and writes only where it may."""
        result = self.go("run", "-q", "net.yaml", "-o", "bad.h5", *options)
        after = (self.dir / "bad.h5").read_bytes()
        self.assertFalse((self.dir / "bad.h5.lock").exists())
        if result.status not in (OK, STOPPED):
            self.assertEqual(after, bad, f"refused, but changed: {result}")
            self.assertIn("--repair", result.err)
            self.check_repair(o, damage, bad, *options)
            return
        self.assertEqual(len(after), len(bad))
        for d in o.datasets:
            if d.name == "commit" or d.name.split("/")[0] in ("records", "resume") or d.name.startswith("provenance/runs"):
                after = after[:d.offset] + bad[d.offset:d.offset + d.size] + after[d.offset + d.size:]
        self.assertEqual(after, bad, f"written outside of the numbers: {result}")
        if verify.status == DATA and not verify.err and "entries are damaged" not in verify.out:
            self.assertIn("will be computed again", result.err)
        if not options:  # all is computed that was missing
            self.assertEqual(self.go("verify", "bad.h5").status, OK)

    def check_repair(self, o, damage, bad, *options):
        """Structure is no loss: every cell is saved, as long as the entries are there at all."""
        result = self.go("run", "-q", "--repair", "net.yaml", "-o", "bad.h5", *options)
        entries = o.dataset("commit")
        if damage.kind == "cut" and damage.place < entries.offset + 32 * (o.committed[-1] + 1):
            self.assertIn(result.status, (DATA, OK, STOPPED), str(result))
        else:
            self.assertIn(result.status, (OK, STOPPED), str(result))
        if damage.kind == "flip":
            self.assertIn(f"bad.h5: {len(o.committed)} of 28 cells saved, 0 lost", result.err)
        aside = list(self.dir.glob("bad.h5.old-*"))
        if options and damage.kind == "cut" and not aside:  # no time to compute the cells that show whether it is this config
            self.assertEqual((self.dir / "bad.h5").read_bytes(), bad)
            return
        if result.status == DATA:
            self.assertEqual(((self.dir / "bad.h5").read_bytes(), aside), (bad, []), str(result))
            return
        self.assertEqual([p.read_bytes() for p in aside], [bad])
        aside[0].unlink()
        result = self.go("verify", "bad.h5")
        self.assertEqual(result.status, OK, str(result))

    def campaign(self, o, seed, *options):
        draw, counts = random.Random(seed), collections.Counter()
        for damage in o.samples(N, draw):
            with self.subTest(damage=damage):
                bad = o.damaged(damage)
                (self.dir / "bad.h5").write_bytes(bad)
                verify = self.check_readers(o, damage, bad)
                self.check_run(o, damage, bad, verify, *options)
                if not options and (self.dir / "bad.h5").read_bytes() != bad:
                    result = self.go("verify", "good.h5", "bad.h5")
                    self.assertEqual(result.status, OK, str(result))
                counts[damage.stratum, "refused" if verify.err else "faults" if verify.status else "sound"] += 1
        for (stratum, word), n in sorted(counts.items()):
            self.log(f"{stratum}: {word} {n}", flush=True)

    def test_finished(self):
        self.expect(OK, "run", "-q", "net.yaml", "-o", "good.h5")
        self.campaign(self.original("good.h5"), SEED)

    def test_half_finished(self):
        self.config(HALF)
        for _ in range(200):  # a slow machine needs some
            self.expect(STOPPED, "run", "-q", "net.yaml", "-o", "good.h5", "--max-time", "1s")
            o = self.original("good.h5")
            if o.status["done"] and any(self.bytes_of(self.dir / "good.h5", "/resume/commit")):
                break
        self.assertTrue(o.committed)
        self.assertIn("states", o.strata)
        self.campaign(o, SEED + 1, "--max-time", "0")


if __name__ == "__main__":
    main()
