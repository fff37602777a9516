"""tools/figures.py on panels made here by docs/PANELS.md: all files, every claim and panel, equal bytes, mistakes."""
import importlib.util
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from espalier_test import *

SKIPPED = 77  # SKIP_RETURN_CODE of this test
FIGURES = SOURCE / "tools" / "figures.py"
NEEDED = ("numpy", "h5py", "matplotlib")
FILES = ["1", "2", "3", "4", "5", "6", "7", "S1", "S2", "S3", "S4", "K5"]
PANELS = ([f"1{c}" for c in "ABCDEFGHI"] + [f"2{c}" for c in "ABCDEF"] + [f"3{c}" for c in "ABCDEF"] +
          [f"4{c}" for c in "ABCD"] + [f"5{c}" for c in "ABCDEF"] + [f"{i}{c}" for i in "67" for c in "ABCDEFGHI"] +
          ["S1", "S2A", "S2B", "S3", "S4"] + [f"K5{c}" for c in "BCDEFGHI"])
BOTH = {"arms": "pruned, twin", "arm_names": "pruned, twin (never pruned)"}
CALLS = {"spread": "band", "marker": [2.0, 1.0], "y_scale": "log_where_wide"}
PATHS = {"x_limits": [10.5, 53.5], "mark_names": "C1, P, C2, R"}
LEVER = {"spread": "wedge", "x_limits": [0, float("nan")], "y_limits": [0, float("nan")], "legend": "inside"}
RULES = {"arms": "plastic, approximate", "arm_names": "exact rule, approximate rule"}
HOW = {name: {"kind": kind, **more} for names, kind, more in (  # panels, kind, other attributes
    ("1A", "scheme", {"scheme": "task"}), ("1B", "scheme", {"scheme": "network"}), ("1G", "scheme", {"scheme": "ladder"}),
    ("S3", "scheme", {"scheme": "bandit"}),
    ("1H 1I 2B 5B 5C 6B 6G 7A 7B 7C 7E", "line", BOTH), ("5A", "line", {**BOTH, "arrow": "example"}),
    ("4D 5D 7D", "line", {**BOTH, "level": 0.0}), ("7G", "line", {**BOTH, "y_scale": "log_where_wide"}),
    ("4C", "line", {**BOTH, "level": [1.0], "marker": [3.0, 0.0], "dashed": "all", "dotted": "weighed as published"}),
    ("S4", "line", {**BOTH, "spread": "wedge", "y_scale": "log_where_wide", "solid": "median", "dashed": "mean and SEM"}),
    ("S2A", "line", {**CALLS, "arms": "pruned_first, dense", "arm_names": "pruned before training, dense", "mark_names": "new cues"}),
    ("S2B", "line", {**BOTH, **CALLS}),
    ("K5C", "line", {**LEVER, "arms": "plastic, approximate, fixed", "arm_names": "exact rule, approximate rule, fixed connectome"}),
    ("K5E", "line", {**LEVER, **RULES}),
    ("K5F", "line", {**LEVER, "arms": "forgetting, consolidated", "arm_names": "no consolidation, consolidated"}),
    ("S1", "appended", {**BOTH, "y_scale": "log_where_wide"}), ("5E 7H 7I", "scatter", BOTH),
    ("2A 5F 6A 7F", "histogram", {**BOTH, "y_limits": [0, float("nan")]}),
    ("1C", "trial", {"arm": "pruned"}), ("1D 1E 1F 2E 2F", "trial", {"arm": "pruned", "y_axis": "shared"}),
    ("2C", "trial", {"arm": "twin"}), ("2D", "trial", {"arm": "twin", "y_axis": "shared"}),
    ("3A", "projection", {**PATHS, "row": "twin"}), ("3D", "projection", {**PATHS, "row": "pruned"}),
    ("3B 3C 3E 3F", "projection", PATHS), ("4A 4B", "flow", {}), ("6C 6D 6E 6F", "values", {}), ("6H 6I", "states", {}),
    ("K5B", "recording", {}), ("K5D", "movements", {}), ("K5G", "waits", RULES), ("K5H", "fates", {"arms": "plastic"}),
    ("K5I", "components", {}),
) for name in names.split()}
LADDER = [0.10 + 0.05 * i for i in range(18)]


def synthetic_panels(path, without=(), texts_as="attributes"):
    """A file as docs/PANELS.md says, with numbers of about the right size."""
    import h5py
    import numpy as np
    rng = np.random.default_rng(3)
    bins = np.arange(1, 59)

    def put(group, name, values, units="1"):
        dataset = group.create_dataset(name, data=values)
        dataset.attrs["units"], dataset.attrs["long_name"] = units, name

    def say(group, **texts):
        for name, text in texts.items():
            if texts_as == "attributes":
                group.attrs[name] = text
            else:
                group[name] = text

    def panel(name, title, x_label="", y_label="", x=None, **arms):
        group = file.create_group(name)
        say(group, title=title, caption=f"Caption of {name} <synthetic> & made up.", x_label=x_label, y_label=y_label)
        if x is not None:
            put(group, "x", x)
        for arm, fields in arms.items():
            for field, values in fields.items():
                put(group, f"{arm}/{field}", values)
        return group

    def compared(name, title, x_label, y_label, x, pruned, twin, spread):
        x, n = np.asarray(x, float), len(x)
        arms = {arm: {"mean": np.asarray(mean) + 0.1 * spread * rng.standard_normal(n), "sem": np.full(n, spread / 3),
                      "n": np.full(n, 400) if arm == "twin" else 400 - np.arange(n)}
                for arm, mean in (("pruned", pruned), ("twin", twin))}
        group = panel(name, title, x_label, y_label, x, **arms)
        p = np.where(np.abs(arms["pruned"]["mean"] - arms["twin"]["mean"]) > spread, 0.001, 0.4)
        put(group, "p", p)
        put(group, "n_pairs", np.full(n, 380))
        put(group, "significant", (p < 0.01).astype("i4"))

    def inputs(cue_1, cue_2):
        u = np.zeros((58, 6))
        u[:, 0], u[12:14, 1], u[39:41, 2], u[57, 3] = 1, cue_1, cue_2, 1
        u[:10, 4:], u[51:53, 5], u[57, 4:] = 1, 1, 1
        target = np.zeros(58)
        target[51:53] = cue_1 * cue_2
        return u, target

    cues = ((1, 1), (-1, -1), (1, -1), (-1, 1))
    with h5py.File(path, "w") as file:
        say(file, program="espalier 0.1.0", experiment="dms", source="made_up.h5", config="experiment: dms\nseed: 1 # <&>\n")
        say(file.create_group("example"), rule="twin fails, pruned does not; median difference")
        put(file["example"], "member", 17)
        put(file["example"], "prune_fraction", 0.7)
        f = np.array(LADDER)
        task = panel("1A", "Task")
        put(task, "input", np.stack([inputs(*c)[0] for c in cues]))
        put(task, "target", np.stack([inputs(*c)[1] for c in cues]))
        put(panel("1B", "Network"), "sizes", np.array([30, 6, 1]))
        put(panel("1G", "Training and pruning"), "fractions", f)
        u = (f - 0.55) ** 2
        compared("1H", "Final loss", "prune fraction", "loss", f, 0.0105 + 0.04 * u, np.full(18, 0.0125), 0.001)
        compared("1I", "Training calls", "prune fraction", "calls", f, 15 + 180 * u, np.full(18, 30.0), 3)
        compared("5A", "Trials with a distractor", "prune fraction", "fraction correct", f,
                 0.85 + 0.1 * f - 0.9 * np.clip(f - 0.8, 0, 1), np.full(18, 0.84), 0.02)
        compared("5D", "Largest Lyapunov exponent", "prune fraction", "Lyapunov exponent (per bin)", f, 0.12 - 0.13 * f,
                 np.full(18, 0.12), 0.01)
        onset = np.arange(16, 37, 4)
        compared("5B", "By onset", "onset (bin)", "fraction correct", onset, 0.88 + 0.005 * (onset - 16),
                 0.78 + 0.01 * (onset - 16), 0.02)
        strength = np.arange(6) / 5
        compared("5C", "By strength", "strength of the distractor", "fraction correct", strength, 1 - 0.12 * strength,
                 1 - 0.25 * strength, 0.02)
        for i, name in enumerate(("1C", "1D", "1E", "1F", "2C", "2D", "2E", "2F")):
            condition = cues[i] if i < 4 else cues[3]
            title = ("Match" if i < 2 else "Non-match") if i < 4 else ("Twin" if i < 6 else "Pruned") + ", distractor" * (i % 2)
            group = panel(name, title, "bin (50 ms)", "output", bins)
            trial, target = inputs(*condition)
            if name in ("2D", "2F"):
                trial[19:21, 1] = 0.2
            y = target * (-1 if name == "2D" else 1) + 0.05 * rng.standard_normal(58)
            for key, values in (("input", trial), ("y", y), ("target", target)):
                put(group, key, values)
        weights = np.round(np.arange(-1.5, 1.51, 0.05), 2)
        wide, narrow = np.exp(-0.5 * (weights / 0.5) ** 2), np.exp(-0.5 * (weights / 0.22) ** 2)
        wide[np.abs(weights) < 0.2] *= 0.2
        for name, more in (("2A", 0), ("5F", 1)):
            shapes = {arm: {"mean": v / v.sum()} for arm, v in (("pruned", wide), ("twin", narrow))}
            for shape in shapes.values() if more else ():
                shape.update(sem=0.05 * shape["mean"] + 1e-4, n=np.full(len(weights), 400))
            panel(name, "Recurrent weights", "weight", "fraction of weights", weights, **shapes)
        rank = np.arange(1, 31)
        panel("2B", "Singular values", "rank", "cumulative fraction", rank,
              pruned={"mean": 1 - np.exp(-rank / 9.0)}, twin={"mean": 1 - np.exp(-rank / 10.0)})
        exponents = -0.1 * (rank - 1.0)
        panel("4D", "Lyapunov spectrum", "rank", "Lyapunov exponent (per bin)", rank,
              pruned={"mean": np.where(rank > 28, -np.inf, exponents - 0.02)}, twin={"mean": exponents + 0.27})
        k = np.arange(12, 53)
        for i, name in enumerate(("3A", "3B", "3C", "3D", "3E", "3F")):
            what = ("PC1", "PC2", "output")[i % 3]
            group = panel(name, ("Twin, " if i < 3 else "Pruned, ") + what, "bin (50 ms)", what, k)
            apart = (1 if i < 3 else 0.1) * np.clip(k - 20, 0, None) / 20
            put(group, "condition_1", np.tanh((k - 14) / 4))
            put(group, "condition_4", -np.tanh((k - 14) / 4))
            put(group, "condition_4_probed", -np.tanh((k - 14) / 4) + apart)
            put(group, "marks", np.array([13, 20, 40, 52]), "bin")
        d = np.arange(18, 31)
        grid = np.array([(a, b) for a in (-0.05, 0, 0.05) for b in (-0.05, 0, 0.05)])
        for name, gain in (("4A", 1.2), ("4B", 0.7)):
            path_ = np.stack([0.25 * (d - 18), 0.6 * np.sin((d - 18) / 6)], 1)
            group = panel(name, "Twin" if name == "4A" else "Pruned", "PC1", "PC2", d)
            put(group, "unprobed", path_)
            put(group, "probed", path_ + np.where(d > 20, (d - 20) * (gain - 0.6) * 0.15, 0)[:, None])
            start = path_[:, None, :] + grid
            following = np.concatenate([path_[1:], path_[-1:] + path_[-1:] - path_[-2:-1]])
            put(group, "start", start)
            put(group, "step", following[:, None, :] + gain * grid - start)
        panel("4C", "Contraction", "bin (50 ms)", "spread after / before", d, **{
            arm: {"mean": level + 0.02 * np.sin(d), "published": level + 0.05 + 0.02 * np.cos(d),
                  "all_mean": np.full(13, 0.9 * level + 0.1), "all_sem": np.full(13, 0.02), "all_n": np.full(13, 400)}
            for arm, level in (("pruned", 0.9), ("twin", 1.12))})
        center = np.linspace(0.35, 0.95, 7)
        panel("5E", "Exponent and performance", "fraction correct with distractors", "Lyapunov exponent (per bin)", center, **{
            arm: {"mean": level - 0.1 * center, "sem": np.full(7, 0.01), "n": np.arange(5, 12),
                  "point_x": rng.uniform(0.3, 1, 400), "point_y": level + 0.08 * rng.standard_normal(400),
                  "r": -0.31, "r_low": -0.4, "r_high": -0.22, "r_p": 1e-6}
            for arm, level in (("pruned", 0.08), ("twin", 0.18))})
        call = np.arange(1, 31)
        for name, arms in (("S2A", ("pruned_first", "dense")), ("S2B", ("pruned", "twin"))):
            x = np.arange(1, 51)
            panel(name, "Learning", "call", "loss", x, **{
                arm: {"mean": 0.3 * np.exp(-x / (6.0 + 3 * i)) + 0.012, "sem": np.full(50, 0.002), "n": np.full(50, 200)}
                for i, arm in enumerate(arms)})
        put(file["S2A"], "marks", np.array([26.0]))
        s1 = panel("S1", "Loss after pruning", "call", "loss", call, **{
            arm: {"mean": 0.012 + np.outer(0.03 + (0.3 * f if i == 0 else 0 * f), np.exp(-call / 1.5)),
                  "sem": np.full((18, 30), 0.0008), "n": np.maximum(400 - 13 * np.arange(540).reshape(18, 30) % 300, 1)}
            for i, arm in enumerate(("pruned", "twin"))})
        put(s1, "rung", f)
        bandit_panels(file, panel, put, compared, rng, (weights, wide, narrow))
        for name, attributes in HOW.items():
            figure, place = (name, "1") if name in ("S1", "S3", "S4") else (name[:-1], name[-1])
            file[name].attrs.update({"figure": figure, "place": place, **attributes})
        for name in without:
            del file[name]


def bandit_panels(file, panel, put, compared, rng, shapes):
    """Figures 6, 7, S3 and S4; the other levels of noise must not disturb."""
    import numpy as np
    weights, wide, narrow = shapes
    f, rank, trial = np.array([0.1, 0.3, 0.5, 0.7, 0.9]), np.arange(1, 21), np.arange(1, 31)
    compared("7A", "Error of the values", "prune fraction", "squared error", f, 0.12 - 0.08 * f, np.full(5, 0.12), 0.01)
    compared("7B", "Choices", "prune fraction", "fraction alike", f, 0.85 + 0.1 * f, np.full(5, 0.86), 0.01)
    compared("7C", "Reward", "prune fraction", "reward a block", f, 2.5 + 0.5 * f, np.full(5, 2.5), 0.1)
    compared("7D", "Lyapunov exponent", "prune fraction", "exponent per step", f, -0.1 * f, np.full(5, 0.05), 0.02)
    compared("7G", "Separation", "prune fraction", "squared distance", f, 500 * np.exp(4 * f), np.full(5, 600), 30)
    for arm in ("pruned", "twin"):
        for key in ("mean", "sem", "n"):
            put(file["7A"], f"level_0.01/{arm}/{key}", np.full(5, 1e6))
        put(file["7A"], f"{arm}/mean_greedy", np.full(5, 1e6))
    rises = {"pruned": 1 - np.exp(-rank / 2.0), "twin": 1 - np.exp(-rank / 3.0)}
    for name, more in (("6B", {}), ("6G", {}), ("7E", {"sem": np.full(20, 0.01), "n": np.full(20, 100)})):
        panel(name, "Share", "rank", "cumulative share", rank, **{arm: {"mean": v, **more} for arm, v in rises.items()})
    for name, more in (("6A", {}), ("7F", {"sem": np.full(len(weights), 1e-3), "n": np.full(len(weights), 100)})):
        panel(name, "Weights", "weight", "share", weights, **{
            arm: {"mean": v / v.sum(), **more} for arm, v in (("pruned", wide), ("twin", narrow))})
    for i, name in enumerate("CDEF"):
        group = panel(f"6{name}", ("Twin" if i < 2 else "Pruned") + (", fixation", ", choice")[i % 2], "trial", "value", trial)
        q = np.stack([0.5 * np.exp(-trial / (3.0 + k)) + (k == 2) * (1 - np.exp(-trial / 4)) for k in range(4)], 1)
        put(group, "q", q)
        put(group, "y", q + (0.2 if i < 2 else 0.05) * rng.standard_normal(q.shape))
        for key in ("choice", "q_choice", "reward"):
            put(group, key, rng.integers(1, 4, 30))
    for name, apart in (("6H", 1.0), ("6I", 4.0)):
        group = panel(name, "States", "PC1", "PC2", trial)
        put(group, "fixation", rng.standard_normal((30, 2)))
        put(group, "choice", rng.standard_normal((30, 2)) + apart)
        put(group, "rewarded", rng.integers(0, 2, 30))
    center = np.linspace(0, 1, 21)
    for name in ("7H", "7I"):
        group = panel(name, "Exponent and choices", "fraction alike", "exponent per step", center, **{
            arm: {"mean": np.where(center > 0.7, level - 0.3 * center, np.nan), "sem": np.full(21, 0.01), "n": 5 * (center > 0.7),
                  "point_x": rng.uniform(0.7, 1, 100), "point_y": level - 0.2 + 0.05 * rng.standard_normal(100), "r": -0.5,
                  "r_low": -0.6, "r_high": -0.4, "r_p": 1e-6} for arm, level in (("pruned", 0.1), ("twin", 0.3))})
        for key, value in (("r", -0.873), ("r_low", -0.9), ("r_high", -0.84), ("r_p", 1e-9)):
            put(group, key, value)
    step = np.arange(1, 61)
    task = panel("S3", "Task", "step", "input", step)
    put(task, "state_input", np.array([[1, 1, 0, 0, 0], [1, 0, 1, 1, 0], [1, 0, 1, 0, 1.0]]))
    put(task, "state_reward", np.array([[0, -1, -1, -1], [0, 0.2, 0.8, 0], [0, 0.2, 0, 0.8]]))
    put(task, "input", rng.integers(0, 2, (60, 10)).astype(float))
    put(task, "q", rng.uniform(0, 1, (60, 4)))
    put(task, "choice", rng.integers(1, 5, 60))
    put(task, "reward", rng.integers(-1, 2, 60))
    call = np.arange(1, 40)
    panel("S4", "New option", "call", "loss", call, **{
        arm: {"mean": np.exp(-call / slow) + 0.012, "median": np.exp(-call / slow) + 0.01, "sem": np.full(39, 0.002),
              "n": np.full(39, 100)} for arm, slow in (("pruned", 4.0), ("twin", 3.0))})

    hour, runs = np.arange(1.0, 49), {"n": np.full(48, 5), "sem": np.full(48, 0.05)}
    for name, arms, more in (("K5C", ("plastic", "approximate", "fixed"), "change"), ("K5E", ("plastic", "approximate"), "change"),
                             ("K5F", ("forgetting", "consolidated"), "consolidation"), ("K5G", ("plastic", "approximate"), None)):
        group = panel(name, "Of the lever", "time (h)", "time to completion (s)", hour, **{
            arm: {"mean": 1 + 6 * np.exp(-hour / (3 + i)), **runs} for i, arm in enumerate(arms)})
        if more:
            put(group, more, 24.0)
    panel("K5H", "Fates", "", "share", np.arange(1, 5), plastic={"mean": [0.6, 0.1, 0.1, 0.2], "sem": [0.01] * 4, "n": [5] * 4})
    recording = panel("K5B", "Spikes", "time (s)", "lever")
    put(recording, "sizes", np.array([50, 30, 10, 60, 20]))
    for name in ("early", "late"):
        move = np.arange(0.015, 10, 0.015)
        for key, values in (("hour", 22.0), ("spike_time", rng.uniform(0, 10, 500)), ("spike_cell", rng.integers(0, 130, 500)),
                            ("time", move), ("lever", 20 * np.sin(move)), ("phase", (move / 2).astype(int) % 4)):
            put(recording, f"{name}/{key}", values)
    moved = panel("K5D", "Movements", "time from onset (ms)", "neurons, lever", np.arange(-600, 1500, 15))
    for key, values in (("hour", [0.0, 22, 46]), ("n_movements", [0, 40, 90]), ("rate", rng.uniform(0, 50, (3, 60, 140))),
                        ("order", np.stack([rng.permutation(60) for _ in range(3)])), ("lever", rng.standard_normal((3, 140))),
                        ("trace", 20 * rng.standard_normal((3, 10, 140)))):
        put(moved, key, np.array(values))
    path_ = panel("K5I", "Components", "PC1", "PC2", hour)
    for key, values in (("score", np.cumsum(rng.standard_normal((48, 3)), 0)), ("share", [0.4, 0.2, 0.1]), ("change", 24.0),
                        ("completion_time", 1 + 6 * np.exp(-hour / 3) - 0.1)):
        put(path_, key, np.array(values))


def synthetic_claims():
    text = "Claim number {} with a <tag> & an ampersand: the pruned networks do something that the others do not do"
    places = ["5C", "1H, 1I", "1H", "1H", "1H", "S1", "5F", "2B", "5A", "5B", "5C", "5D", "5E", "4C", "S2A", "S2B", "1H", "7A", "7B", "7C",
              "7D", "7E", "7F", "7G", "7H, 7I", "S4", "7A, 7B", "K5C"]
    verdicts = ["holds", "does not hold", "not run", "too few members"]
    part = {"statement": "a <part>", "aside": True, "verdict": "holds", "statistic": "difference -0.5", "n": 12,
            "effect_name": "d_z", "effect": 0.5, "effect_low": None, "effect_high": None, "p": 0.02, "n_needed": 40}
    some = {"statistic": "pruned 1, twin -2, t(399) = 3.1", "n": 400, "effect_name": "d_z", "effect": -0.00123,
            "effect_low": -0.002, "effect_high": -0.0005, "p": 1e-9, "n_needed": None, "note": "", "findings": [part]}
    none = {**{key: None for key in some}, "findings": []}
    return {"program": "espalier", "claims": [
        {"claim": i + 1, "panel": panel, "text": text.format(i + 1), "verdict": verdicts[i % 4],
         **(none if verdicts[i % 4] == "not run" else some)} for i, panel in enumerate(places)]}


def rows_of(text, head):
    """Rows of the tables whose first heading this is: their cells."""
    tables = re.findall(rf"^\| {head} \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.M)
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for table in tables for row in table.splitlines()]


class Figures(Case):
    def report(self, name="report", **keywords):
        folder = self.dir / name
        folder.mkdir()
        synthetic_panels(folder / "panels.h5", **keywords)
        (folder / "scorecard.json").write_text(json.dumps(synthetic_claims()))
        return folder

    def draw(self, *args):
        result = subprocess.run([sys.executable, "-B", str(FIGURES), *map(str, args)], cwd=self.dir, env=self.environment(),
                                capture_output=True, text=True, timeout=HANGS)
        return Result(result.returncode, result.stdout, result.stderr, 0)

    def assert_drawn(self, folder):
        result = self.draw(folder)
        self.assertEqual(result.status, OK, str(result))
        self.assertEqual(result.err, "")
        return (folder / "report.html").read_text()

    def svg(self, folder, name):
        """The words of a figure; fails unless it is well formed."""
        root = xml.etree.ElementTree.parse(folder / "figures" / f"figure_{name}.svg").getroot()
        return " ".join("".join(e.itertext()).strip() for e in root.iter("{http://www.w3.org/2000/svg}text"))

    def test_all(self):
        folder = self.report()
        page = self.assert_drawn(folder)
        self.assertEqual(sorted(p.name for p in (folder / "figures").iterdir()),
                         sorted(f"figure_{name}.{kind}" for name in FILES for kind in ("svg", "png")))
        for name in FILES:
            with self.subTest(figure=name):
                words = self.svg(folder, name).split()
                for panel in PANELS:
                    if panel[:-1] == name:
                        self.assertIn(panel[-1], words)
                self.assertNotIn("run", words)
                self.assertTrue((folder / "figures" / f"figure_{name}.png").read_bytes().startswith(b"\x89PNG"))
                self.assertIn(f'id="figure-{name}"', page)
        for panel in PANELS:
            self.assertEqual(page.count(f'id="panel-{panel}"'), 1, panel)
            self.assertIn(f"Caption of {panel} &lt;synthetic&gt; &amp; made up.", page)
        self.assertIn("new cues", self.svg(folder, "S2"))
        for name, words in (("6", "value of the learner"), ("7", "r = \u22120.87 [\u22120.90, \u22120.84], both"),
                            ("S3", "choice, new option"), ("S4", "median"), ("K5", "fixed connectome")):
            self.assertIn(words, self.svg(folder, name))
        self.assertNotRegex(self.svg(folder, "7"), r"\d{6}")  # nothing of other levels or of epsilon 0
        self.assertIn("n = 200.", page)
        self.assertIn("n = 383 to 400 (pruned), 400 (twin).", page)
        for claim in synthetic_claims()["claims"]:
            row = re.search(rf'<tr><td><a id="claim-{claim["claim"]}">.*?</tr>', page, re.S).group()
            self.assertIn(claim["verdict"], row)
            for panel in claim["panel"].split(", "):
                self.assertIn(f'href="#panel-{panel}"', row)
            self.assertIn(f"Claim number {claim['claim']} with a &lt;tag&gt; &amp; an ampersand", row)
            for words in ("d_z \u22120.00123 [\u22120.002, \u22120.0005]", "t(399) = 3.1", "a &lt;part&gt; (aside)",
                          "n needed: 40", "&lt; 0.0001"):
                self.assertEqual(words in row, claim["effect"] is not None, row)
        self.assertIn("seed: 1 # &lt;&amp;&gt;", page)

        with self.subTest("links lead somewhere, ids are there once, nothing comes from outside"):
            ids = re.findall(r'\bid="([^"]+)"', page)
            self.assertEqual(len(ids), len(set(ids)))
            for target in set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page)):
                self.assertIn("".join(target), ids)
            self.assertEqual(set(re.findall(r'(?<!xmlns=")(?<!xmlns:xlink=")https?://[^"<\s]+', page)),
                             {"https://doi.org/10.1073/pnas.2121331119", "https://doi.org/10.1523/ENEURO.0301-17.2018"})
            self.assertNotRegex(page, r"<script|<img|<link|@import|NaN|None")
        with self.subTest("the same again gives the same bytes, and so do texts that are datasets"):
            again = self.report("again", texts_as="datasets")
            self.assert_drawn(again)
            for path in sorted(folder.rglob("*.*")):
                if path.name != "panels.h5":
                    self.assertEqual(sha256(path), sha256(again / path.relative_to(folder)), path.name)

    def test_missing_panels(self):
        folder = self.report(without=["1H", "2D", "S2A", "5A", "5B", "5C", "5D", "5E", "5F"])
        (folder / "figures").mkdir()
        stale = folder / "figures" / "figure_5.png"
        stale.write_text("of an earlier report")
        page = self.assert_drawn(folder)
        for name, missing in (("1", 1), ("2", 1), ("3", 0), ("S2", 1)):
            self.assertEqual(self.svg(folder, name).count("not run"), missing, name)
        self.assertFalse(stale.exists())
        self.assertIn("Not run: 1H.", page)
        self.assertRegex(page, r'id="figure-5".{0,400}not run')
        self.assertIn('href="#panel-5A"', page)

    def test_no_numbers(self):
        """An arm without a single network is drawn empty, not an error."""
        import h5py
        folder = self.report()
        with h5py.File(folder / "panels.h5", "r+") as file:
            for panel in ("1H", "5A", "5E", "S1", "S2B", "4C", "3A", "6C", "6H", "7A", "7E", "7G", "7H", "S4", "K5C", "K5D", "K5E", "K5F", "K5G",
                          "K5H", "K5I"):
                arrays = []
                file[panel].visititems(lambda key, item: arrays.append(item) if hasattr(item, "dtype") else None)
                for array in arrays:
                    if array.dtype.kind == "f" and array.name.split("/")[-1] not in ("x", "rung", "marks"):
                        array[...] = float("nan")
        self.assertNotRegex(re.sub(r"<svg.*?</svg>", "", self.assert_drawn(folder), flags=re.S), r"\bnan\b")

    def test_links(self):
        """What a link leads to is not overwritten, and nothing half-written stays behind."""
        folder, victim = self.report(without=[p for p in PANELS if p != "S1"]), self.dir / "victim"
        victim.write_text("mine")
        (folder / "figures").mkdir()
        for name in ("report.html", "report.html.tmp", "figures/figure_S1.svg", "figures/figure_S1.png", "figures/figure_S1.png.tmp"):
            (folder / name).symlink_to(victim)
        self.assert_drawn(folder)
        self.assertEqual(victim.read_text(), "mine")
        self.assertFalse([p for p in folder.rglob("*") if p.is_symlink() or p.suffix == ".tmp"])

    def test_mistakes(self):
        empty = self.dir / "empty"
        empty.mkdir()
        for args, status, words in (
                ([empty], NO_INPUT, ["empty/panels.h5", "espalier report"]),
                (["nowhere"], NO_INPUT, ["nowhere/panels.h5", "espalier report"]),
                ([], USAGE, ["DIR", "--help"]), (["a", "b"], USAGE, ["--help"])):
            result = self.draw(*args)
            self.assertEqual(result.status, status, str(result))
            for word in words:
                self.assertIn(word, result.err)
            self.assertNotIn("Traceback", result.err)
        result = self.draw("--help")
        self.assertEqual(result.status, OK)
        self.assertIn("Examples:", result.out)

        folder = self.report("without_scores")
        (folder / "scorecard.json").unlink()
        self.assertIn("scorecard.json", self.draw(folder).err)
        for text in ("{", "{}", '{"claims": [{"claim": 1}]}', "[]"):
            (folder / "scorecard.json").write_text(text)
            result = self.draw(folder)
            self.assertEqual(result.status, DATA, str(result))
            self.assert_names(result, "scorecard.json", "espalier report")
        (folder / "scorecard.json").write_text(json.dumps(synthetic_claims()))
        import h5py
        with h5py.File(folder / "panels.h5", "r+") as file:
            del file["5B/twin/mean"]
        result = self.draw(folder)
        self.assertEqual(result.status, DATA, str(result))
        self.assert_names(result, "panels.h5", "5B", "twin/mean")
        (folder / "panels.h5").write_text("no HDF5")
        result = self.draw(folder)
        self.assertEqual(result.status, DATA, str(result))
        self.assert_names(result, "panels.h5", "espalier report")

    def test_documented(self):
        """docs/PANELS.md has the kinds and attributes that the program knows, and no others."""
        spec = importlib.util.spec_from_file_location("figures", FIGURES)
        figures = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(figures)
        text = (SOURCE / "docs" / "PANELS.md").read_text()
        name = r"\b(?:K5[B-I]|S[1-4][AB]?|[1-7][A-I])\b"
        panels = [(panel, row[0]) for row in rows_of(text, "kind") for panel in re.findall(name, row[1])]
        self.assertEqual({row[0] for row in rows_of(text, "kind")}, set(figures.KINDS))
        self.assertEqual(sorted(panels), sorted((name, how["kind"]) for name, how in HOW.items()))
        documented = {row[0].strip("`"): row[1] for row in rows_of(text, "attribute")}
        self.assertEqual(set(documented), set(re.findall(r'\.(?:says|words)\("(\w+)"', FIGURES.read_text())))
        self.assertEqual(set(documented) - {"figure", "place"}, {attribute for how in HOW.values() for attribute in how})
        self.assertEqual(set(re.findall(r"`(\w+)`", documented["scheme"])), set(figures.SCHEMES))

    def test_newer(self):
        """What a newer version may write is left out and named; the rest is drawn."""
        import h5py
        folder = self.report()
        with h5py.File(folder / "panels.h5", "r+") as file:
            file.copy("5A", "8A")
            file["8A"].attrs["figure"] = "8"
            file["5B"].attrs["kind"], file["1B"].attrs["scheme"], file["5C"].attrs["novelty"] = "hologram", "brain", "red"
            file["5D"].move("twin", "novel")
            file["5D"].attrs["arms"], file["5D"].attrs["arm_names"] = "pruned, novel", "pruned, something new"
        result = self.draw(folder)
        self.assertEqual(result.status, OK, str(result))
        told = sorted(result.err.splitlines())
        self.assertEqual(len(told), 3, result.err)
        for line, words in zip(told, (("1B", "scheme brain"), ("5B", "kind hologram"), ("8A", "place 8A"))):
            for word in ("panels.h5", "newer version?", *words):
                self.assertIn(word, line)
        for name, n in (("1", 1), ("5", 1), ("7", 0)):
            self.assertEqual(self.svg(folder, name).count("not known here"), n, name)
        self.assertIn("something new", self.svg(folder, "5"))

    def test_older(self):
        import h5py
        folder = self.report()
        with h5py.File(folder / "panels.h5", "r+") as file:
            for name in PANELS:
                del file[name].attrs["kind"]
        result = self.draw(folder)
        self.assertEqual(result.status, DATA, str(result))
        self.assert_names(result, "panels.h5", "older version", "espalier report")

    def assert_names(self, result, *words):
        self.assertEqual(len(result.err.strip().splitlines()), 1, str(result))
        for word in words:
            self.assertIn(word, result.err)


if __name__ == "__main__":
    sys.path.insert(0, str(SOURCE / "tools" / "bench_peers"))
    sys.dont_write_bytecode = True
    import run
    python = run.python_with(*NEEDED)
    if not python:
        print(f"skipped: no Python here has {', '.join(NEEDED)} (Debian: apt-get install "
              f"{' '.join('python3-' + name for name in NEEDED)})")
        sys.exit(SKIPPED)
    if os.path.realpath(shutil.which(python[0])) != os.path.realpath(sys.executable) and not os.environ.get("ESP_TEST_PYTHON"):
        os.environ["ESP_TEST_PYTHON"] = python[0]
        os.execvp(python[0], [*python, *sys.argv])
    main()
