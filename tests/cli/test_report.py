"""espalier report and explain: panels.h5, tables and scorecard against the results file, read with HDF5's own tools."""
import csv
import functools
import json
import math
import pathlib
import re
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

RUNGS, N_MEMBERS, CALLS = [0.1, 0.4, 0.7, 0.9], 5, 3
SMALL = ("--set", "ensemble.members=5", "--set", "network.n_hid=5", "--set", "training.steps_per_call=60", "--set",
         "training.max_calls=3", "--set", "training.start_episodes=1", "--set", "ladder.fractions=[0.1, 0.4, 0.7, 0.9]",
         "--set", "transfer.calls=2", "--set", "transfer.members=4")
SMALL_SCRATCH = ("--set", "ensemble.members=3", "--set", "network.n_hid=5", "--set", "training.steps_per_call=60", "--set",
                 "scratch.calls=6")
LEVELS, BANDIT_RUNGS = [0.01, 0.1, 1], [0.3, 0.7]
SMALL_BANDIT = ("--set", "ensemble.members=4", "--set", "network.n_hid=5", "--set", "training.steps_per_call=40", "--set",
                "training.start_calls=4", "--set", "training.ladder_calls=3", "--set", "ladder.fractions=[0.3, 0.7]", "--set",
                "ladder.value_noise=[0.01, 0.1, 1]", "--set", "bandit.agents=4", "--set", "evaluation.agents=6", "--set",
                "evaluation.lyapunov_agents=4", "--set", "new_option.calls=6", "--set", "new_option.members=3", "--set",
                "training.low_loss=0.3")
BY_RUNG = {"1H": "loss", "1I": "n_calls", "5A": "probed_correct", "5D": "lyapunov_max"}
DMS_PANELS = ["1A", "1B", "1C", "1D", "1E", "1F", "1G", "1H", "1I", "2A", "2B", "2C", "2D", "2E", "2F", "3A", "3B", "3C", "3D",
              "3E", "3F", "4A", "4B", "4C", "4D", "5A", "5B", "5C", "5D", "5E", "5F", "S1", "S2B"]


def shape(path, name):
    header = subprocess.run(["h5dump", "-H", "-d", name, str(path)], capture_output=True, text=True, timeout=HANGS).stdout
    found = re.search(r"DATASPACE +(SCALAR|SIMPLE \{ \( ([\d, ]+) \))", header)
    return None if not found else tuple(int(n) for n in (found.group(2) or "").split(",") if n.strip())


def numbers(path, name):
    """A dataset as a flat list of numbers."""
    seen = pathlib.Path(path).stat()
    return list(read_numbers(path, name, seen.st_mtime_ns, seen.st_ino))


@functools.lru_cache(maxsize=None)
def read_numbers(path, name, *version):
    header = subprocess.run(["h5dump", "-H", "-d", name, str(path)], capture_output=True, text=True, timeout=HANGS, check=True).stdout
    kind = {"H5T_IEEE_F64LE": "d", "H5T_IEEE_F32LE": "f", "H5T_STD_I32LE": "i", "H5T_STD_U8LE": "B"}[re.search(r"DATATYPE +(\w+)", header).group(1)]
    raw = pathlib.Path(str(path) + ".raw")
    subprocess.run(["h5dump", "-d", name, "-b", "LE", "-o", str(raw), str(path)], capture_output=True, timeout=HANGS, check=True)
    data = raw.read_bytes()
    raw.unlink()
    return list(struct.unpack(f"<{len(data) // struct.calcsize('<' + kind)}{kind}", data))


def text(path, name):
    out = subprocess.run(["h5dump", "-y", "-w", "0", "-d", name, str(path)], capture_output=True, text=True, timeout=HANGS,
                         check=True).stdout
    return re.search(r'DATA \{\s*"(.*?)"\s*\}', out, re.S).group(1)


def names_in(path):
    out = subprocess.run(["h5dump", "-n", str(path)], capture_output=True, text=True, timeout=HANGS, check=True).stdout
    return re.findall(r"^ (?:group|dataset) +/(\S+)", out, re.M)


def mean_sem(values):
    n = len(values)
    mean = sum(values) / n
    return mean, math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / n)


def pearson(x, y):
    mx, my = sum(x) / len(x), sum(y) / len(y)
    return sum((a - mx) * (b - my) for a, b in zip(x, y)) / math.sqrt(sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y))


def determinant(matrix):
    """By expansion: exact enough for a handful of rows."""
    if len(matrix) == 1:
        return matrix[0][0]
    return sum((-1) ** j * matrix[0][j] * determinant([row[:j] + row[j + 1:] for row in matrix[1:]]) for j in range(len(matrix)))


@unittest.skipUnless(have("h5dump"), "h5dump (hdf5-tools) is not installed")
class Report(Case):
    files = {}

    def assert_close(self, got, expected, what=""):
        self.assertTrue(got == expected or abs(got - expected) <= 1e-12 * max(1, abs(expected)), f"{what}: {got!r}, not {expected!r}")

    def make(self, config, name, *settings):
        """A finished results file, computed once."""
        path = self.dir / name
        if name not in Report.files:
            self.expect(OK, "run", "-q", SOURCE / "config" / config, "-o", path, *settings)
            Report.files[name] = path.read_bytes()
        path.write_bytes(Report.files[name])
        return path

    def dms(self):
        return self.make("dms_quick.yaml", "dms.h5", *SMALL)

    def scratch(self):
        return self.make("scratch.yaml", "scratch.h5", *SMALL_SCRATCH)

    def report(self, *args, directory="out"):
        self.expect(OK, "report", *args, "-o", directory, "--no-figures")
        return self.dir / directory

    def bandit(self):
        return self.make("rl_quick.yaml", "bandit.h5", *SMALL_BANDIT)

    def of_bandit(self, path, field, level, side, stage, element=0, count=1):
        """One number of every member; three levels, two sides, start, two rungs and a new option."""
        values = numbers(path, "/records/" + field)
        return [values[((m * 6 + 2 * level + side) * 4 + stage) * count + element] for m in range(4)]

    def assert_mean(self, panels, where, values, suffix=""):
        """n, mean and SEM at one point: where is (panel/arm, point)."""
        values = [v for v in values if not math.isnan(v)]
        arm, point = where
        self.assertEqual(numbers(panels, f"/{arm}/n{suffix}")[point], len(values), arm)
        self.assert_close(numbers(panels, f"/{arm}/mean{suffix}")[point], sum(values) / len(values) if values else math.nan, arm)
        if len(values) > 1:
            self.assert_close(numbers(panels, f"/{arm}/sem{suffix}")[point], mean_sem(values)[1], arm)

    def cells(self, path, field):
        """[member][arm][stage] of a single-number field."""
        values, n_stages = numbers(path, "/records/" + field), len(RUNGS) + 2
        return [[values[(m * 2 + a) * n_stages:(m * 2 + a + 1) * n_stages] for a in range(2)] for m in range(N_MEMBERS)]

    def scorecard(self, out):
        return {c["claim"]: c for c in json.loads((out / "scorecard.json").read_text())["claims"]}

    def test_panels(self):
        path, out = self.dms(), self.report("dms.h5")
        panels = out / "panels.h5"
        names = names_in(panels)
        self.assertEqual(sorted(n for n in names if re.fullmatch(r"S?\d[A-Z]?", n)), sorted(DMS_PANELS))
        for name in DMS_PANELS:
            for part in ("title", "caption"):
                self.assertIn(f"{name}/{part}", names)
        self.assertEqual(text(panels, "/experiment"), "dms")
        self.assertEqual(text(panels, "/source"), "dms.h5")
        self.assertIn("n_hid: 5", text(panels, "/config"))
        for panel, field in BY_RUNG.items():
            stored = self.cells(path, field)
            self.assertEqual(numbers(panels, f"/{panel}/x"), RUNGS)
            for a, arm in enumerate(("pruned", "twin")):
                mean, sem, n = (numbers(panels, f"/{panel}/{arm}/{what}") for what in ("mean", "sem", "n"))
                for r in range(len(RUNGS)):
                    values = [stored[m][a][1 + r] for m in range(N_MEMBERS)]
                    values = [v for v in values if not math.isnan(v)]
                    self.assertEqual(n[r], len(values))
                    expected = mean_sem(values)
                    self.assert_close(mean[r], expected[0], f"{panel} {arm} mean")
                    self.assert_close(sem[r], expected[1], f"{panel} {arm} sem")
        p, significant, pairs = (numbers(panels, "/5D/" + what) for what in ("p", "significant", "n_pairs"))
        self.assertEqual(significant, [int(v < 0.01) for v in p])
        self.assertTrue(all(0 <= v <= 1 for v in p))
        self.assertEqual(pairs, [N_MEMBERS] * len(RUNGS))

    def test_drawn(self):
        """Every panel says where it belongs and how it is drawn, in words of docs/PANELS.md."""
        self.dms(), self.bandit()
        panels = self.report("dms.h5", "bandit.h5") / "panels.h5"
        dump = subprocess.run(["h5dump", "-A", str(panels)], capture_output=True, text=True, timeout=HANGS, check=True).stdout
        groups = re.split(r'^   GROUP "', dump, flags=re.M)[1:]
        said = {group.split('"')[0]: dict(re.findall(r'^      ATTRIBUTE "(\w+)".*?\(0\): "?(.*?)"?\n', group, re.M | re.S)) for group in groups}
        documented = (SOURCE / "docs/PANELS.md").read_text()
        drawn = [name for name in said if re.fullmatch(r"S?\d[A-Z]?", name)]
        self.assertEqual(len(drawn), len(DMS_PANELS) + 20)
        for name in drawn:
            letter = name[-1] if name[-1].isupper() else "1"
            self.assertEqual((said[name]["figure"], said[name]["place"]), (name.rstrip(letter) if letter != "1" else name, letter))
            self.assertRegex(documented, rf"(?m)^\| {said[name]['kind']} \|")
            for attribute in said[name]:
                self.assertIn(f"`{attribute}`", documented, name)
        self.assertEqual(said["5D"]["level"], "0")
        self.assertEqual(said["5F"]["y_limits"], "0, nan")
        self.assertEqual(said["S4"]["solid"], "median")

    def test_probes_and_weights(self):
        path, out = self.dms(), self.report("dms.h5")
        correct, histogram = numbers(path, "/records/probe_correct"), numbers(path, "/records/weight_histogram")
        n_stages, stage = len(RUNGS) + 2, 3  # start, 0.1, 0.4, 0.7

        def answers(m, a, onset, strength):
            start = ((((m * 2 + a) * n_stages + stage) * 6 + onset) * 6 + strength) * 4
            return correct[start:start + 4]

        for a, arm in enumerate(("pruned", "twin")):
            by_onset, by_strength, by_weight = (numbers(out / "panels.h5", f"/{p}/{arm}/mean") for p in ("5B", "5C", "5F"))
            for i in range(6):
                onset = [sum(sum(answers(m, a, i, s)) for s in range(1, 6)) / 20 for m in range(N_MEMBERS)]
                strength = [sum(sum(answers(m, a, o, i)) for o in range(6)) / 24 for m in range(N_MEMBERS)]
                self.assert_close(by_onset[i], sum(onset) / N_MEMBERS, "5B")
                self.assert_close(by_strength[i], sum(strength) / N_MEMBERS, "5C")
            self.assert_close(sum(by_weight), 1, "5F")
            for b in range(61):
                shares = []
                for m in range(N_MEMBERS):
                    start = ((m * 2 + a) * n_stages + stage) * 61
                    shares.append(histogram[start + b] / sum(histogram[start:start + 61]))
                self.assert_close(by_weight[b], sum(shares) / N_MEMBERS, "5F")

    def test_curves(self):
        path, panels = self.dms(), self.report("dms.h5") / "panels.h5"
        curve, n_stages = numbers(path, "/records/loss_curve"), len(RUNGS) + 2
        self.assertEqual(shape(panels, "/S1/pruned/mean"), (len(RUNGS), CALLS))
        self.assertEqual(numbers(panels, "/S1/rung"), RUNGS)
        mean, n = numbers(panels, "/S1/twin/mean"), numbers(panels, "/S1/twin/n")
        for r in range(len(RUNGS)):
            for call in range(CALLS):
                values = [curve[((m * 2 + 1) * n_stages + 1 + r) * CALLS + call] for m in range(N_MEMBERS)]
                values = [v for v in values if not math.isnan(v)]
                self.assertEqual(n[r * CALLS + call], len(values))
                if values:
                    self.assert_close(mean[r * CALLS + call], sum(values) / len(values), "S1")
        self.assertEqual(numbers(panels, "/S2B/pruned/n"), [4, 4])  # transfer.members, transfer.calls

    def test_example(self):
        """What is computed again from the weights is what was stored when the network was trained."""
        path, panels = self.dms(), self.report("dms.h5", "--example", "2") / "panels.h5"
        n_stages, stage, member = len(RUNGS) + 2, 3, 2
        self.assertEqual(numbers(panels, "/example/member"), [member])
        self.assertEqual(numbers(panels, "/example/prune_fraction"), [0.7])
        for a, arm in enumerate(("pruned", "twin")):
            cell = (member * 2 + a) * n_stages + stage
            for name, field in (("mean", "contraction"), ("published", "contraction_published")):
                got, stored = numbers(panels, f"/4C/{arm}/{name}"), numbers(path, f"/records/{field}")[cell * 13:cell * 13 + 13]
                for g, s in zip(got, stored):
                    self.assert_close(g, s, field)
            response = numbers(path, "/records/probe_response")  # onset 20, strength 0.2, condition 4
            y = numbers(panels, "/2F/y" if arm == "pruned" else "/2D/y")
            self.assert_close((y[51] + y[52]) / 2, response[((cell * 6 + 1) * 6 + 1) * 4 + 3], "response")
            y = numbers(panels, "/2E/y" if arm == "pruned" else "/2C/y")
            self.assert_close((y[51] + y[52]) / 2, response[((cell * 6 + 1) * 6 + 0) * 4 + 3], "response")
            values = numbers(path, "/records/singular_value")[cell * 5:cell * 5 + 5]
            for i, got in enumerate(numbers(panels, f"/2B/{arm}/mean")):
                self.assert_close(got, sum(values[:i + 1]) / sum(values), "2B")
            self.assertEqual(len(numbers(panels, f"/4D/{arm}/mean")), 5)
        for panel in ("4A", "4B"):
            self.assertEqual(shape(panels, f"/{panel}/start"), (13, 9, 2))
            path_of, start = numbers(panels, f"/{panel}/unprobed"), numbers(panels, f"/{panel}/start")
            for bin_ in range(13):  # the fifth point is the trajectory
                self.assert_close(start[(bin_ * 9 + 4) * 2], path_of[bin_ * 2], panel)
        probe = [numbers(panels, "/2F/input")[bin_ * 6 + 1] for bin_ in range(58)]
        self.assertEqual([(i + 1, v) for i, v in enumerate(probe) if v], [(13, -1), (14, -1), (20, 0.2), (21, 0.2)])
        self.assertEqual(numbers(panels, "/3A/marks"), [13, 20, 40, 52])
        self.assertEqual(numbers(panels, "/3C/condition_4"), numbers(panels, "/2C/y")[11:52])
        self.assertEqual(shape(panels, "/1A/input"), (4, 58, 6))
        self.assertEqual(numbers(panels, "/1B/sizes"), [5, 6, 1])

    def test_choice_of_example(self):
        """In one of the two files there are members of which only the twin fails on the probed condition 4."""
        changed = {"network.n_hid=5": "network.n_hid=8", "training.max_calls=3": "training.max_calls=4",
                   "training.steps_per_call=60": "training.steps_per_call=0"}
        settings = [changed.get(word, word) for word in SMALL]
        for seed, telling in ((1, False), (3, True)):
            path = self.make("dms_quick.yaml", f"seed_{seed}.h5", *settings, "--set", f"seed={seed}")
            self.assertEqual(self.check_choice(path), telling)

    def check_choice(self, path):
        panels = self.report(path.name) / "panels.h5"
        correct, response = self.cells(path, "probed_correct"), numbers(path, "/records/probe_response")
        candidates = []
        for m in range(N_MEMBERS):
            pruned, twin = (response[((((m * 2 + a) * 6 + 3) * 6 + 1) * 6 + 1) * 4 + 3] for a in range(2))
            candidates.append((not (pruned < 0 <= twin), correct[m][0][3] - correct[m][1][3], m))  # right is -1
        telling = sorted(c for c in candidates if not c[0]) or sorted(candidates)
        self.assertEqual(numbers(panels, "/example/member"), [telling[(len(telling) - 1) // 2][2]])
        self.assertEqual("of all members" in text(panels, "/example/rule"), telling[0][0])
        return not telling[0][0]

    def test_example_by_hand(self):
        """The twin's output and the sum of its exponents (mean log |det J|), from the weights by the equations."""
        path, panels = self.dms(), self.report("dms.h5", "--example", "1") / "panels.h5"
        n, cell = 5, (1 * 2 + 1) * (len(RUNGS) + 2) + 3
        w_rec = [numbers(path, "/records/w_rec")[cell * n * n + i * n:cell * n * n + i * n + n] for i in range(n)]
        w_in = [numbers(path, "/records/w_in")[(cell * n + i) * 6:(cell * n + i) * 6 + 6] for i in range(n)]
        w_out = numbers(path, "/records/w_out")[cell * n:cell * n + n]
        inputs, y = numbers(panels, "/2C/input"), numbers(panels, "/2C/y")
        rate, log_slopes = [0.0] * n, []
        for k in range(58):
            u = inputs[k * 6:k * 6 + 6]
            a = [sum(w * r for w, r in zip(w_rec[i], rate)) + sum(w * v for w, v in zip(w_in[i], u)) for i in range(n)]
            rate = [math.tanh(v) for v in a]
            self.assertAlmostEqual(y[k], sum(w * r for w, r in zip(w_out, rate)), delta=1e-9)
            log_slopes.append(sum(math.log(1 - r * r) for r in rate))
        expected = math.log(abs(determinant(w_rec))) + sum(log_slopes[14:40]) / 26  # bins 15-40
        self.assertAlmostEqual(sum(numbers(panels, "/4D/twin/mean")), expected, delta=1e-9)

    def test_scatter(self):
        path, panels = self.dms(), self.report("dms.h5") / "panels.h5"
        correct, exponent = self.cells(path, "probed_correct"), self.cells(path, "lyapunov_max")
        for a, arm in enumerate(("pruned", "twin")):
            x, y = ([values[m][a][3] for m in range(N_MEMBERS)] for values in (correct, exponent))
            self.assertEqual(numbers(panels, f"/5E/{arm}/point_x"), x)
            self.assertEqual(numbers(panels, f"/5E/{arm}/point_y"), y)
            mean, n = numbers(panels, f"/5E/{arm}/mean"), numbers(panels, f"/5E/{arm}/n")
            for bin_ in range(21):
                inside = [e for c, e in zip(x, y) if abs(c - 0.05 * bin_) < 0.025]
                self.assertEqual(n[bin_], len(inside))
                if inside:
                    self.assert_close(mean[bin_], sum(inside) / len(inside), "5E")
            (mx, _), (my, _) = mean_sem(x), mean_sem(y)
            xy, xx, yy = (sum((p - mp) * (q - mq) for p, q in zip(u, v)) for u, v, mp, mq in
                          ((x, y, mx, my), (x, x, mx, mx), (y, y, my, my)))
            self.assert_close(numbers(panels, f"/5E/{arm}/r")[0], xy / math.sqrt(xx * yy), "r")

    def test_tables(self):
        self.dms()
        out = self.report("dms.h5")

        def table(name):
            return (out / "tables" / name).read_text().splitlines()

        tables = sorted(p.name for p in (out / "tables").iterdir())
        self.assertEqual(tables, sorted(["1H.csv", "1I.csv", "4C.csv", "5A.csv", "5B.csv", "5C.csv", "5D.csv", "5E.csv", "5F.csv",
                                         "S1.csv", "S2B.csv", "members.csv"]))
        for panel in ("1H", "4C", "5B", "5D", "5E", "5F"):
            rows = list(csv.reader(table(f"{panel}.csv")))
            for column, name in enumerate(rows[0]):
                stored = numbers(out / "panels.h5", f"/{panel}/" + name.split(" [")[0])
                written = [float(row[column]) if row[column] else math.nan for row in rows[1:]]
                self.assertEqual([repr(float(v)) for v in stored], [repr(v) for v in written], f"{panel} {name}")
        rows = list(csv.DictReader(table("S1.csv")))
        self.assertEqual([float(r["pruned/mean [1]"] or "nan") for r in rows][0], numbers(out / "panels.h5", "/S1/pruned/mean")[0])
        members = list(csv.DictReader(table("members.csv")))
        self.assertEqual(len(members), N_MEMBERS * 2 * 5 + 4 * 2)
        stored = self.cells(self.dir / "dms.h5", "loss")
        for row in members:
            stage = ["start", "rung_0.10", "rung_0.40", "rung_0.70", "rung_0.90", "transfer"].index(row["stage"])
            self.assertEqual(float(row["loss [1]"]), stored[int(row["member"])][row["arm"] == "twin"][stage])

    def test_scorecard(self):
        self.dms(), self.scratch()
        claims = self.scorecard(self.report("dms.h5"))
        self.assertEqual(sorted(claims), list(range(1, 36)))
        for number, claim in claims.items():
            self.assertIn(claim["verdict"], ("holds", "does not hold", "too few members", "not run"))
            self.assertTrue(claim["text"] and claim["panel"])
            self.assertEqual(claim["verdict"] == "not run", number == 15 or number > 17, claim)
            self.assertIn(f"| {number} | {claim['panel']} | {claim['text']} | {claim['verdict']} |",
                          (self.dir / "out" / "scorecard.md").read_text())
        claims = self.scorecard(self.report("scratch.h5", directory="of_scratch"))
        self.assertTrue(all(c["verdict"] == "not run" for n, c in claims.items() if n != 15))
        self.assertEqual([f["n"] for f in claims[15]["findings"]], [3, 0])  # six calls say nothing about the time after 20
        both = self.report("scratch.h5", "dms.h5", directory="both")
        self.assertEqual(self.scorecard(both)[15]["findings"], claims[15]["findings"])
        self.assertEqual(text(both / "panels.h5", "/source"), "dms.h5")
        self.assertEqual(text(both / "panels.h5", "/source_scratch"), "scratch.h5")
        self.assertEqual(numbers(both / "panels.h5", "/S2A/dense/mean"), numbers(self.dir / "of_scratch/panels.h5", "/S2A/dense/mean"))

    def test_scratch(self):
        path, out = self.scratch(), self.report("scratch.h5")
        self.assertEqual([n for n in names_in(out / "panels.h5") if "/" not in n], ["S2A", "config", "experiment", "source"])
        curve = numbers(path, "/records/loss_curve")  # [3 members, 2 arms, 2 stages, 6 calls]
        mean = numbers(out / "panels.h5", "/S2A/pruned_first/mean")
        self.assertEqual(len(mean), 12)
        for call in range(12):
            values = [curve[m * 24 + call] for m in range(3)]
            self.assert_close(mean[call], sum(values) / 3, "S2A")
        self.assertEqual(numbers(out / "panels.h5", "/S2A/marks"), [7])
        self.assertEqual(sorted(p.name for p in (out / "tables").iterdir()), ["S2A.csv", "members.csv"])

    def test_bandit_by_rung(self):
        """Every panel by rung, both epsilons, all levels, from the records."""
        path, panels = self.bandit(), self.report("bandit.h5") / "panels.h5"
        self.assertEqual([n for n in names_in(panels) if re.fullmatch(r"S?\d[A-Z]?", n)],
                         [f"6{c}" for c in "ABCDEFGHI"] + [f"7{c}" for c in "ABCDEFGHI"] + ["S3", "S4"])
        for panel, field, count in (("7A", "value_error", 2), ("7B", "agreement", 2), ("7C", "reward", 2), ("7D", "lyapunov_max", 1),
                                    ("7G", "separation", 1)):
            self.assertEqual(numbers(panels, f"/{panel}/x"), BANDIT_RUNGS)
            for level, group in ((0, "/level_0.01"), (1, ""), (2, "/level_1")):
                for side, arm in enumerate(("pruned", "twin")):
                    for point in range(2):
                        for element in range(count):
                            values = self.of_bandit(path, field, level, side, 1 + point, element, count)
                            self.assert_mean(panels, (f"{panel}{group}/{arm}", point), values, ("", "_greedy")[element])
                p = numbers(panels, f"/{panel}{group}/p")
                self.assertEqual(numbers(panels, f"/{panel}{group}/significant"), [int(v < 0.01) for v in p])
        self.assertEqual(len(numbers(panels, "/7D/pruned/published_mean")), 2)
        self.assertIn("Value noise 0.1. Share of random choices 0.15.", text(panels, "/7A/caption"))
        self.assertEqual(text(panels, "/7A/level_1/networks"), "pruned: all 4; twin: all 4")

    def test_bandit_at_070(self):
        path, panels = self.bandit(), self.report("bandit.h5") / "panels.h5"
        for side, arm in enumerate(("pruned", "twin")):
            def of(member_values):
                return [[v[m] for v in member_values] for m in range(4)]
            variance = of([self.of_bandit(path, "pca_variance", 1, side, 2, i, 5) for i in range(5)])
            histogram = of([self.of_bandit(path, "weight_histogram", 1, side, 2, i, 31) for i in range(31)])
            for i in range(5):
                self.assert_mean(panels, (f"7E/{arm}", i), [sum(v[:i + 1]) / sum(v) for v in variance])
            for i in range(31):
                self.assert_mean(panels, (f"7F/{arm}", i), [h[i] / sum(h) for h in histogram])
        for panel, group, level in (("7H", "", 1), ("7H", "/level_0.01", 0), ("7H", "/level_1", 2), ("7I", "", 2)):
            x = [self.of_bandit(path, "agreement", level, side, 2, 0, 2) for side in range(2)]
            y = [self.of_bandit(path, "lyapunov_max", level, side, 2) for side in range(2)]
            for side, arm in enumerate(("pruned", "twin")):
                self.assertEqual(numbers(panels, f"/{panel}{group}/{arm}/point_x"), x[side])
                self.assertEqual(numbers(panels, f"/{panel}{group}/{arm}/point_y"), y[side])
            x, y = x[0] + x[1], y[0] + y[1]
            mx, my = sum(x) / 8, sum(y) / 8
            xy, xx, yy = (sum((p - mp) * (q - mq) for p, q in zip(u, v)) for u, v, mp, mq in
                          ((x, y, mx, my), (x, x, mx, mx), (y, y, my, my)))
            self.assert_close(numbers(panels, f"/{panel}{group}/r")[0], xy / math.sqrt(xx * yy), panel)

    def test_bandit_new_option(self):
        """Who has converged stays with the loss reached; one ladder, three members."""
        path, panels = self.bandit(), self.report("bandit.h5") / "panels.h5"
        n_stored = shape(path, "/records/loss_curve")[3]
        gone = 0
        for side, arm in enumerate(("pruned", "twin")):
            last = self.of_bandit(path, "loss", 1, side, 3)[:3]
            for call in range(6):
                curve = self.of_bandit(path, "loss_curve", 1, side, 3, call, n_stored)[:3]
                gone += sum(math.isnan(v) for v in curve)
                values = [end if math.isnan(v) else v for v, end in zip(curve, last)]
                self.assert_mean(panels, (f"S4/{arm}", call), values)
                self.assert_close(numbers(panels, f"/S4/{arm}/median")[call], sorted(values)[1], "median")
        self.assertGreater(gone, 0, "nobody converged: the test says nothing")
        self.assertLess(gone, 36, "nobody trained: the test says nothing")
        self.assertNotIn("S4/level_1", names_in(panels))

    def test_bandit_example(self):
        """The member of the rule; its block played again has the scores that are stored."""
        path, panels = self.bandit(), self.report("bandit.h5") / "panels.h5"
        agree = [self.of_bandit(path, "agreement", 1, side, 2, 0, 2) for side in range(2)]
        member = sorted((p - t, m) for m, (p, t) in enumerate(zip(*agree)))[1][1]  # the lower of the middle two
        self.assertEqual(numbers(panels, "/example_bandit/member"), [member])
        for panel, field, side, arm in (("6A", "weight_histogram", 0, "pruned"), ("6B", "singular_value", 1, "twin"),
                                        ("6G", "pca_variance", 0, "pruned")):
            n = shape(path, f"/records/{field}")[3]
            stored = [self.of_bandit(path, field, 1, side, 2, i, n)[member] for i in range(n)]
            shown = [v / sum(stored) for v in stored] if panel == "6A" else [sum(stored[:i + 1]) / sum(stored) for i in range(n)]
            for a, b in zip(numbers(panels, f"/{panel}/{arm}/mean"), shown):
                self.assert_close(a, b, panel)
        self.expect(OK, "report", "bandit.h5", "-o", "one", "--no-figures", "--example", "2")
        self.assertEqual(numbers(self.dir / "one/panels.h5", "/example_bandit/member"), [2])
        for side, panel in enumerate(("6I", "6H")):  # the block is the one that was scored
            stored = self.of_bandit(path, "value_error", 1, side, 2, 1, 2)[member]
            self.assert_close(numbers(panels, f"/{panel}/value_error")[0], stored, panel)

    def test_bandit_values_by_hand(self):
        """The outputs of agent 1 from weights, choices and rewards by the equations, and the values that they should be."""
        path = self.bandit()
        panels, n = self.report("bandit.h5", "--example", "1") / "panels.h5", 5
        for side, names in enumerate((("6E", "6F"), ("6C", "6D"))):
            cell = (1 * 6 + 2 + side) * 4 + 2
            w_rec, w_in, w_out = (numbers(path, f"/records/{w}")[cell * k:cell * k + k]
                                  for w, k in (("w_rec", n * n), ("w_in", n * 10), ("w_out", 4 * (n + 1))))
            shown = [{what: numbers(panels, f"/{name}/{what}") for what in ("y", "q", "choice", "reward")} for name in names]
            rate, values, before = [0.0] * n, [[0.5] * 4, [0.5] * 4], [0.0] * 5
            for k in range(60):
                now, trial = shown[k % 2], k // 2
                u = [1.0] + ([1.0, 0.0, 0.0, 0.0] if k % 2 == 0 else [0.0, 1.0, 1.0, 0.0]) + before
                rate = [math.tanh(sum(w * r for w, r in zip(w_rec[i * n:], rate)) + sum(w * v for w, v in zip(w_in[i * 10:], u)))
                        for i in range(n)]
                for option in range(4):
                    row = w_out[option * (n + 1):(option + 1) * (n + 1)]
                    y = sum(w * r for w, r in zip(row, rate)) + row[n]
                    self.assertAlmostEqual(now["y"][4 * trial + option], y, delta=1e-9)
                    self.assertAlmostEqual(now["q"][4 * trial + option], values[k % 2][option], delta=1e-12)
                c = now["choice"][trial] - 1
                before = [float(c == i) for i in range(4)] + [float(now["reward"][trial])]
                values[k % 2][c] += 0.7 * (now["reward"][trial] - values[k % 2][c])

    def test_bandit_task(self):
        """The task's states and the learner's block by their definition."""
        self.bandit()
        panels = self.report("bandit.h5") / "panels.h5"
        for panel, choices in (("6H", "6D"), ("6I", "6F")):
            self.assertEqual(shape(panels, f"/{panel}/fixation"), (30, 2))
            self.assertEqual(numbers(panels, f"/{panel}/rewarded"), [int(r > 0) for r in numbers(panels, f"/{choices}/reward")])
        self.assertEqual(numbers(panels, "/S3/state_input"), [1, 1, 0, 0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1])
        self.assertEqual(numbers(panels, "/S3/state_reward"), [0, -1, -1, -1, 0, 0.2, 0.8, 0, 0, 0.2, 0, 0.8])
        choice, reward, q, inputs = (numbers(panels, f"/S3/{name}") for name in ("choice", "reward", "q", "input"))
        values = [[0.5] * 4, [0.5] * 4]
        for k in range(60):
            for option in range(4):
                self.assertAlmostEqual(q[4 * k + option], values[k % 2][option], delta=1e-12)
            c = choice[k] - 1
            values[k % 2][c] += 0.7 * (reward[k] - values[k % 2][c])
            self.assertIn(reward[k], ((0,) if c == 0 else (-1,)) if k % 2 == 0 else (0, 1) if c in (1, 2) else (0,))
            history = [float(k > 0 and choice[k - 1] == i + 1) for i in range(4)] + [float(reward[k - 1] if k else 0)]
            self.assertEqual(inputs[10 * k + 5:10 * k + 10], history)

    def test_bandit_with_others(self):
        """One file of each experiment in any order; cards and tables have all of them."""
        self.dms(), self.scratch(), self.bandit()
        alone, out = self.report("bandit.h5"), self.report("bandit.h5", "scratch.h5", "dms.h5", directory="all")
        panels = out / "panels.h5"
        self.assertEqual(text(panels, "/source"), "dms.h5")
        self.assertEqual(text(panels, "/source_bandit"), "bandit.h5")
        self.assertEqual(numbers(panels, "/7A/pruned/mean"), numbers(alone / "panels.h5", "/7A/pruned/mean"))
        cards = self.scorecard(out), self.scorecard(alone)
        for n in range(18, 28):
            self.assertEqual(cards[0][n], cards[1][n])
            self.assertEqual(cards[0][n]["verdict"] == "not run", n == 27, cards[0][n])  # there is no rung from 0.90 on
        self.assertTrue(all(c["verdict"] == "not run" for n, c in cards[1].items() if n < 18))
        self.assertEqual(cards[1][25]["findings"][1]["n"], 8)
        self.assertEqual(sorted(p.name for p in (alone / "tables").iterdir()),
                         sorted([f"7{c}.csv" for c in "ABCDEFGHI"] + ["S4.csv", "members.csv"]))
        for panel in ("7A", "7E", "7H", "S4"):
            rows = list(csv.reader((alone / "tables" / f"{panel}.csv").read_text().splitlines()))
            self.assertGreater(len(rows[0]), 5)
            for column, name in enumerate(rows[0]):
                stored = numbers(alone / "panels.h5", f"/{panel}/" + name.split(" [")[0])
                written = [float(row[column]) if row[column] else math.nan for row in rows[1:]]
                self.assertEqual([repr(float(v)) for v in stored], [repr(v) for v in written], f"{panel} {name}")
        members = list(csv.DictReader((out / "tables/members.csv").read_text().splitlines()))
        for row in members:
            self.assertEqual(row["experiment"] == "bandit", row["value_error_greedy [1]"] != "")
            self.assertFalse(row["experiment"] == "bandit" and row["probed_correct [1]"])
        row = next(r for r in members if (r["experiment"], r["member"], r["arm"], r["stage"]) == ("bandit", "1", "twin_1", "rung_0.7"))
        stored = self.of_bandit(self.dir / "bandit.h5", "reward", 2, 1, 2, 1, 2)
        self.assertEqual(float(row["reward_greedy [1]"]), stored[1])

    def test_bandit_explained(self):
        self.bandit()
        panels = self.report("bandit.h5") / "panels.h5"
        for panel, at, point, slices, cell in (
                ("7A", "0.70", 1, "/records/value_error[:, 2, 2, 0]", "0,pruned_0.1,rung_0.7"),
                ("7D", "0.3", 0, "/records/lyapunov_max[:, 2, 1]\n", "0,pruned_0.1,rung_0.3"),
                ("7E", "2", 1, "/records/pca_variance[:, 2, 2, :2]", "0,pruned_0.1,rung_0.7"),
                ("S4", "3", 2, "/records/loss_curve[:, 2, 3, 2]", "0,pruned_0.1,new_option")):
            explained = self.expect(OK, "explain", "bandit.h5", "--panel", panel, "--at", at).out
            self.assertIn(slices, explained)
            self.assertTrue(explained.endswith(f"espalier verify --cell {cell} bandit.h5\n"), explained)
            for arm, mean in zip(("pruned", "twin"), re.findall(r"^  mean +(\S+)$", explained, re.M)):
                self.assertEqual(float(mean), numbers(panels, f"/{panel}/{arm}/mean")[point])
        self.assertIn("/records/lyapunov_max[:, 4, 2]", self.expect(OK, "explain", "bandit.h5", "--panel", "7I", "--at", "0.7").out)

    def test_again(self):
        """Equal files give equal bytes; an earlier report is replaced."""
        self.dms(), self.scratch()
        first = self.report("dms.h5")
        time.sleep(1.1)  # a date would have changed
        second = self.report("dms.h5", directory="again")
        names = sorted(str(p.relative_to(first)) for p in first.rglob("*") if p.is_file())
        for name in names:
            self.assertEqual((first / name).read_bytes(), (second / name).read_bytes(), name)
        self.report("scratch.h5", directory="again")
        self.assertFalse((second / "tables" / "5A.csv").exists())
        self.report("dms.h5", directory="again")
        self.assertEqual(names, sorted(str(p.relative_to(second)) for p in second.rglob("*") if p.is_file()))
        for name in names:
            self.assertEqual((first / name).read_bytes(), (second / name).read_bytes(), name)
        self.expect(OK, "report", "--no-figures", "dms.h5")
        self.assertEqual(sha256(self.dir / "dms_report/panels.h5"), sha256(first / "panels.h5"))

    def test_unfinished(self):
        """Cells that are not there are counted and named, and their payload is not read."""
        path = self.dms()
        offset, size = self.extent(path, "/commit")
        with open(path, "r+b") as file:  # member 1, twin, rung_0.70
            file.seek(offset + size // (N_MEMBERS * 2 * 6) * ((1 * 2 + 1) * 6 + 3))
            file.write(bytes(size // (N_MEMBERS * 2 * 6)))
        out = self.report("dms.h5")
        self.assertEqual(numbers(out / "panels.h5", "/5A/twin/n"), [5, 5, 4, 5])
        self.assertEqual(numbers(out / "panels.h5", "/5A/n_pairs"), [5, 5, 4, 5])
        self.assertIn("twin: 4 of 5 (member 1: not computed at rung_0.70)", text(out / "panels.h5", "/5A/caption"))
        self.assertIn("(unfinished)", (out / "scorecard.md").read_text())
        explained = self.expect(OK, "explain", "dms.h5", "--panel", "5A", "--at", "0.7").out
        self.assertIn("pruned: all 5; twin: 4 of 5 (member 1: not computed at rung_0.70)", explained)
        self.assertIn("nan", re.findall(r"values(.*)", explained)[1])
        self.expect(STOPPED, "run", "-q", SOURCE / "config" / "dms_quick.yaml", "-o", "empty.h5", "--max-time", "0", *SMALL)
        empty = self.report("empty.h5", directory="of_nothing")
        self.assertTrue(all(c["verdict"] == "not run" for c in self.scorecard(empty).values()))
        self.assertEqual(numbers(empty / "panels.h5", "/5A/pruned/n"), [0] * len(RUNGS))
        self.assertEqual(numbers(empty / "panels.h5", "/example/member"), [-1])

    def test_explain(self):
        path, out = self.dms(), self.report("dms.h5")
        for panel, at, slices in (("5A", "0.70", ("/records/probed_correct[:, 0, 3]", "/records/probed_correct[:, 1, 3]")),
                                  ("1I", "0.9", ("/records/n_calls[:, 0, 4]", "/records/n_calls[:, 1, 4]")),
                                  ("5B", "20", ("/records/probe_correct[:, 0, 3, 1, 1:, :]",)),
                                  ("5C", "0.4", ("/records/probe_correct[:, 0, 3, :, 2, :]",)),
                                  ("S1", "0.4,2", ("/records/loss_curve[:, 0, 2, 1]",)),
                                  ("S2B", "1", ("/records/loss_curve[:, 0, 5, 0]",)),
                                  ("5F", "0", ("/records/weight_histogram[:, 0, 3, 30]",)),
                                  ("4C", "18", ("/records/contraction[:, 0, 3, 0]",))):
            with self.subTest(panel=panel):
                explained = self.expect(OK, "explain", "dms.h5", "--panel", panel, "--at", at).out
                for piece in slices + ("espalier verify --cell 0,pruned,", "networks: pruned: all"):
                    self.assertIn(piece, explained)
                means = [float(v) for v in re.findall(r"^  mean +(\S+)$", explained, re.M)]
                x = numbers(out / "panels.h5", f"/{panel}/x")
                point = min(range(len(x)), key=lambda i: abs(x[i] - float(at.split(",")[-1])))
                if panel == "S1":
                    point += RUNGS.index(0.4) * len(x)
                for arm, mean in zip(("pruned", "twin"), means):
                    name = "all_mean" if panel == "4C" else "mean"
                    self.assertEqual(mean, numbers(out / "panels.h5", f"/{panel}/{arm}/{name}")[point])
                if panel in ("5A", "1I", "5B", "5C"):
                    p = float(re.search(r"^  p +(\S+)$", explained, re.M).group(1))
                    self.assertEqual(repr(p), repr(numbers(out / "panels.h5", f"/{panel}/p")[point]))

    def test_first_members_only(self):
        """As if the file had never had the others."""
        few = self.make("dms_quick.yaml", "few.h5", *SMALL, "--set", "ensemble.members=3")
        with_all = self.report(self.dms(), "--members", 3, directory="of_all")
        alone = self.report(few, directory="alone")
        for name in ("5A.csv", "1H.csv", "S2B.csv", "members.csv"):
            self.assertEqual((with_all / "tables" / name).read_text(), (alone / "tables" / name).read_text(), name)
        claims = [json.loads((d / "scorecard.json").read_text())["claims"] for d in (with_all, alone)]
        self.assertEqual(*claims)
        self.expect(USAGE, "report", few, "--members", 0)

    def lever(self):
        """Two runs: two stages before the change and two after it, then four without reward, of which two are consolidated."""
        path = self.dir / "lever.h5"
        if "lever" not in Report.files:
            self.expect(OK, "run", "-q", self.config(LEVER), "-o", path)
            Report.files["lever"] = path.read_bytes()
        path.write_bytes(Report.files["lever"])
        return path

    def of_lever(self, path, field):
        """[run][arm][stage], each a list of the cell's numbers."""
        values = numbers(path, "/records/" + field)
        n = len(values) // (2 * 5 * 8)
        return [[[values[((m * 5 + a) * 8 + s) * n:][:n] for s in range(8)] for a in range(5)] for m in range(2)]

    def assert_means(self, panels, panel, arm, of_run):
        """of_run: the numbers of a run, one for each point."""
        runs = [of_run(m) for m in range(2)]
        for i, (mean, sem, n) in enumerate(zip(*(numbers(panels, f"/{panel}/{arm}/{what}") for what in ("mean", "sem", "n")))):
            values = [run[i] for run in runs if not math.isnan(run[i])]
            self.assertEqual(n, len(values), f"{panel} {arm} {i}")
            if len(values) == 2:
                self.assert_close(mean, mean_sem(values)[0], f"{panel} {arm} {i}")
                self.assert_close(sem, mean_sem(values)[1], f"{panel} {arm} {i}")
        self.assertEqual(i + 1, len(runs[0]), panel)

    def test_lever_means(self):
        path, out = self.lever(), self.report(self.lever())
        panels, arms, nan = out / "panels.h5", ("plastic", "approximate", "fixed"), math.nan
        time, waits, theta = (self.of_lever(path, field) for field in ("completion_time", "waits", "theta"))
        for a, arm in enumerate(arms):
            self.assert_means(panels, "K5C", arm, lambda m: [time[m][a][s][0] if a < 2 or s > 1 else nan for s in range(4)])
        self.assertEqual([round(x, 9) for x in numbers(panels, "/K5C/x")], [0.025, 0.05, 0.075, 0.1])
        self.assert_means(panels, "K5F", "forgetting", lambda m: [time[m][0][1][0]] + [time[m][3][s][0] for s in range(4, 8)])
        self.assert_means(panels, "K5F", "consolidated", lambda m: [nan] * 3 + [time[m][4][s][0] for s in (6, 7)])
        for a, arm in enumerate(arms[:2]):
            self.assert_means(panels, "K5G", arm, lambda m: [sum(waits[m][a][s][w] for s in range(4)) for w in range(4)])

        def mask(m, a, s):
            return [t >= 0 for t in theta[m][a][s]]

        def changes(m, a, s):
            return sum(x != y for x, y in zip(mask(m, a, s - 1), mask(m, a, s)))

        turnover = self.of_lever(path, "turnover")
        for a, arm in enumerate(arms[:2]):
            first = numbers(panels, f"/K5E/{arm}/mean")[0] * 2  # what was there at hour 0 is not in the file
            crossings = sum(sum(turnover[m][a][0]) for m in range(2))
            self.assertEqual(first % 2, crossings % 2)  # a synapse has changed if it has crossed an odd number of times
            self.assertTrue(0 < first <= crossings)
            for s in range(1, 4):
                self.assert_close(numbers(panels, f"/K5E/{arm}/mean")[s], (changes(0, a, s) + changes(1, a, s)) / 2, "K5E")
        there = self.of_lever(path, "n_synapses")

        def fates(m):
            pairs = list(zip(mask(m, 0, 1), mask(m, 0, 3)))[:there[m][0][0][0]]
            return [pairs.count(pair) / len(pairs) for pair in ((False, False), (True, False), (False, True), (True, True))]

        self.assert_means(panels, "K5H", "plastic", fates)
        with open(out / "tables/K5C.csv", newline="") as table:
            rows = list(csv.DictReader(table))
        self.assertEqual([float(r["plastic/mean [s]"]) for r in rows], numbers(panels, "/K5C/plastic/mean"))
        verdicts = {c["claim"]: c["verdict"] for c in json.loads((out / "scorecard.json").read_text())["claims"]}
        self.assertEqual(set(verdicts.values()), {"not run"})  # its hours are no test of the caption's

    def test_lever_explained(self):
        panels = self.report(self.lever()) / "panels.h5"
        for panel, at, point, arms, slices, cell in (
                ("K5C", "0.05", 1, ("plastic", "approximate"), ("/records/completion_time[:, 1, 1]\n",), "0,plastic,hour_000.05"),
                ("K5C", "0.1", 3, ("plastic", "approximate", "fixed"), ("/records/completion_time[:, 2, 3]\n",), "0,plastic,hour_000.1"),
                ("K5E", "0.025", 0, ("plastic", "approximate"), ("/records/theta[:, 0, 0] and hour 0, drawn again",),
                 "0,plastic,hour_000.025"),
                ("K5E", "0.1", 3, ("plastic", "approximate"), ("/records/theta[:, 1, 3] and /records/theta[:, 1, 2]",),
                 "0,plastic,hour_000.1"),
                ("K5F", "0.002", 0, ("forgetting",), ("forgetting\n  from   /records/completion_time[:, 0, 1]\n",), "0,plastic,hour_000.05"),
                ("K5F", "0.0063", 4, ("forgetting", "consolidated"), ("/records/completion_time[:, 4, 7]\n",),
                 "0,forgetting,unrewarded_000.15"),
                ("K5G", "0.01", 0, ("plastic", "approximate"), ("/records/waits[:, 0, :4, 0], summed",), "0,plastic,hour_000.1"),
                ("K5H", "2", 1, ("plastic",), ("/records/theta[:, 0, 1] and [:, 0, 3]: share of those that are numbers with >= 0 in the first only",),
                 "0,plastic,hour_000.1")):
            with self.subTest(panel=panel, at=at):
                explained = self.expect(OK, "explain", "lever.h5", "--panel", panel, "--at", at).out
                for piece in slices:
                    self.assertIn(piece, explained)
                self.assertTrue(explained.endswith(f"espalier verify --cell {cell} lever.h5\n"), explained)
                means = re.findall(r"^  mean +(\S+)$", explained, re.M)
                self.assertEqual([float(mean) for mean in means],
                                 [numbers(panels, f"/{panel}/{arm}/mean")[point] for arm in arms])
                self.assertEqual(explained.count("paired t test, "), len(arms) - 1)
                self.assertEqual(explained.count(": all 2"), len(arms))
                self.expect(OK, "verify", "--cell", cell, "lever.h5")
        self.expect(STOPPED, "run", "-q", self.config(LEVER), "-o", "none.h5", "--max-time", 0)
        explained = self.expect(OK, "explain", "none.h5", "--panel", "K5C", "--at", "0.05").out
        self.assertIn("runs: plastic: 0 of 2 (member 0: not computed at hour_000.025, member 1: not computed at hour_000.025); approx", explained)

    def test_lever_one_run(self):
        path, out = self.lever(), self.report(self.lever())
        panels = out / "panels.h5"
        cells, steps, n_spikes = (self.of_lever(path, field) for field in ("spike_cell", "spike_step", "n_spikes"))
        for group, stage in (("early", 0), ("late", 1)):
            n = min(n_spikes[0][0][stage][0], len(cells[0][0][stage]))
            self.assertEqual(numbers(panels, f"/K5B/{group}/spike_cell"), cells[0][0][stage][:n])
            self.assertEqual(numbers(panels, f"/K5B/{group}/spike_time"), [s / 1000 for s in steps[0][0][stage][:n]])
            self.assertEqual(numbers(panels, f"/K5B/{group}/phase"),
                             [p for p, s in zip(self.of_lever(path, "phase")[0][0][stage],
                                                self.of_lever(path, "move_step")[0][0][stage]) if s >= 0])
        theta = self.of_lever(path, "sampled_theta")[0][0]
        rows = [theta[s][i * 9:i * 9 + 9] for s in range(4) for i in range(3)]
        mean = [sum(column) / len(rows) for column in zip(*rows)]
        rows = [[v - m for v, m in zip(row, mean)] for row in rows]
        score, share = numbers(panels, "/K5I/score"), numbers(panels, "/K5I/share")
        scores = [score[i::3] for i in range(3)]
        whole = sum(v * v for row in rows for v in row)
        for i, values in enumerate(scores):  # C t = lambda t, C the products of the snapshots
            length = sum(v * v for v in values)
            self.assertAlmostEqual(share[i], length / whole, 9)
            products = [[sum(a * b for a, b in zip(x, y)) for y in rows] for x in rows]
            for row, value in zip(products, values):
                self.assertAlmostEqual(sum(p * v for p, v in zip(row, values)), length * value, 7)
        self.assertTrue(share[0] > share[1] > share[2] > 0)
        movements = self.of_lever(path, "n_movements")[0][0]
        self.assertEqual(numbers(panels, "/K5D/n_movements"), [max(movements[s][0], 0) for s in (0, 1, 3)])
        rates, order, n_exc = numbers(panels, "/K5D/rate"), numbers(panels, "/K5D/order"), shape(panels, "/K5D/order")[1]
        n_times = len(rates) // 3 // n_exc
        self.assertTrue(any(movements[s][0] > 0 for s in (0, 1, 3)))
        for plot, stage in enumerate((0, 1, 3)):
            if movements[stage][0] > 0:
                peaks = []
                for k in range(n_exc):
                    row = rates[(plot * n_exc + k) * n_times:][:n_times]
                    peaks.append(row.index(max(row)))
                self.assertEqual(order[plot * n_exc:][:n_exc], sorted(range(n_exc), key=lambda k: (peaks[k], k)))

    def test_lever_activity(self):
        """Claim 34 on a small network with the caption's hours, and without the arm that waits."""
        self.expect(OK, "run", "-q", self.config(LEVER_DAY), "-o", "day.h5")
        out = self.report("day.h5")
        n_in, n_exc, n_pool, n_receiving, n_times, onset = 11, 15, 4, 6, 140, 40
        rates, levers, counts = (numbers(self.dir / "day.h5", "/records/" + name)
                                 for name in ("movement_rate", "movement_lever", "n_movements"))
        kernel = [math.exp(-(15 * lag / 30) ** 2 / 2) for lag in range(n_times)]

        def smooth(row):
            weights = [[kernel[abs(i - k)] for k in range(n_times)] for i in range(n_times)]
            return [sum(w * v for w, v in zip(ws, row)) / sum(ws) for ws in weights]

        def of_hour(m, hour):
            cell = m * 3 * 25 + hour
            self.assertGreater(counts[cell], 0)
            per_cell = (n_in + n_exc + 5) * n_times
            rows = rates[cell * per_cell + n_in * n_times:][:n_exc * n_times]
            return [smooth(rows[k * n_times:][:n_times]) for k in range(n_exc)], levers[cell * n_times:][:n_times]

        alike, up_less_down = [], []
        for m in range(2):
            start, before, (late, lever) = of_hour(m, 0)[0], of_hour(m, 21)[0], of_hour(m, 22)
            alike.append(mean_sem([pearson(x, y) for x, y in zip(before, late) if any(x) and any(y)])[0] -
                         mean_sem([pearson(x, y) for x, y in zip(start, late) if any(x) and any(y)])[0])
            lowest = min(range(onset, n_times), key=lambda i: lever[i])
            highest = max(range(lowest, n_times), key=lambda i: lever[i])
            others = [late[k] for k in range(n_exc) if not n_receiving <= k < n_receiving + 2 * n_pool]
            up_less_down.append(mean_sem([sum(row[lowest:highest]) / (highest - lowest) -
                                          sum(row[onset:lowest]) / (lowest - onset) for row in others])[0])
        found = {c["claim"]: c for c in json.loads((out / "scorecard.json").read_text())["claims"]}[34]["findings"]
        for finding, values in zip(found, (alike, up_less_down)):
            self.assertEqual(finding["n"], 2)
            self.assertRegex(finding["statistic"], "mean %s " % re.escape("%.4g" % mean_sem(values)[0]))
        self.assertEqual(numbers(out / "panels.h5", "/K5D/hour"), [0, 22, 24])
        self.assertNotIn("K5C/approximate/mean", names_in(out / "panels.h5"))

    def test_lever_unfinished(self):
        """Any part of the cells is a report; the first run alone is one, too."""
        self.lever()
        few = self.report("lever.h5", "--members", 1, directory="one")
        self.assertEqual(numbers(few / "panels.h5", "/K5C/plastic/n"), [1] * 4)
        self.assertEqual(numbers(few / "panels.h5", "/K5E/plastic/n"), [1] * 4)
        self.expect(STOPPED, "run", "-q", self.config(LEVER), "-o", "begun.h5", "--max-time", "0")
        begun = self.report("begun.h5", directory="begun")
        self.assertEqual(numbers(begun / "panels.h5", "/K5H/plastic/n"), [0] * 4)
        self.assertFalse([name for name in names_in(begun / "panels.h5") if name.startswith(("K5B", "K5D", "K5I"))])
        caption = text(begun / "panels.h5", "/K5C/caption")
        self.assertIn("of which 2 of 2 are unfinished", caption)

    def test_mistakes(self):
        self.dms(), self.scratch()
        for status, words, *command in (
                (USAGE, ("one to four results files",), "report"),
                (USAGE, ("dms.h5", "both of experiment dms"), "report", "dms.h5", "dms.h5"),
                (USAGE, ("member 7", "from 0 to 4"), "report", "dms.h5", "--example", "7"),
                (USAGE, ("'x' is not a member",), "report", "dms.h5", "--example", "x"),
                (NO_INPUT, ("none.h5",), "report", "none.h5"),
                (CANNOT_CREATE, ("no/such", "-o"), "report", "dms.h5", "-o", "no/such"),
                (USAGE, ("no panel '9Z'", "5A"), "explain", "dms.h5", "--panel", "9Z", "--at", "1"),
                (USAGE, ("K5B has no points", "K5C"), "explain", "dms.h5", "--panel", "K5B", "--at", "1"),
                (USAGE, ("K5C is of experiment lever",), "explain", "dms.h5", "--panel", "K5C", "--at", "1"),
                (USAGE, ("S2A", "scratch"), "explain", "dms.h5", "--panel", "S2A", "--at", "1"),
                (USAGE, ("5A", "experiment dms"), "explain", "scratch.h5", "--panel", "5A", "--at", "1"),
                (USAGE, ("2A", "5A"), "explain", "dms.h5", "--panel", "2A", "--at", "1"),
                (USAGE, ("7", "from 0.1 to 0.9"), "explain", "dms.h5", "--panel", "5A", "--at", "7"),
                (USAGE, ("'x'",), "explain", "dms.h5", "--panel", "5A", "--at", "x"),
                (USAGE, ("--panel",), "explain", "dms.h5")):
            with self.subTest(command=command):
                result = self.expect(status, *command)
                for word in words:
                    self.assertIn(word, result.err)
                self.assertEqual(result.out, "")
        for command in ("report", "explain"):
            self.assertIn("Examples:", self.expect(OK, command, "--help").out)

    def test_figures_are_optional(self):
        """Without the script the report is complete and says how to get pictures; with it, it is called on the directory."""
        self.dms()
        result = self.expect(OK, "report", "dms.h5", env={"ESPALIER_TOOLS": self.dir / "nowhere"})
        self.assertIn("no pictures", result.out)
        self.assertIn("ESPALIER_TOOLS", result.out)
        self.write("tools/figures.py", "import sys\nopen(sys.argv[-1] + '/drawn', 'w').write('yes')\n")
        self.write("bin/python3", '#!/bin/sh\n[ "$1" = -c ] && exit 0\nexec ' + sys.executable + ' "$@"\n').chmod(0o755)
        settings = {"ESPALIER_TOOLS": self.dir / "tools", "PATH": f"{self.dir / 'bin'}:{os.environ['PATH']}"}
        self.expect(OK, "report", "dms.h5", env=settings)
        self.assertTrue((self.dir / "dms_report/drawn").exists())
        self.write("tools/figures.py", "import sys\nsys.exit(3)\n")
        result = self.expect(UNAVAILABLE, "report", "dms.h5", env=settings)
        self.assert_one_line(result, "figures.py", "status 3", "complete")


if __name__ == "__main__":
    main()
