#!/usr/bin/env python3
"""tools/figures.py DIR - draw what `espalier report` left in DIR: every panel as in the figures of the paper, and one page.

Reads DIR/panels.h5 (docs/PANELS.md) and DIR/scorecard.json; writes DIR/figures/figure_1.svg, .png and so on, and
DIR/report.html, a page that needs no other file. Equal input and equal libraries give equal bytes.
"""
import argparse
import html
import json
import math
import pathlib
import re
import sys
import textwrap
import warnings

OK, USAGE, DATA, NO_INPUT, UNAVAILABLE, CANNOT_CREATE = 0, 64, 65, 66, 69, 73
NEEDS = "Debian: apt-get install python3-numpy python3-h5py python3-matplotlib; elsewhere: pip install numpy h5py matplotlib"
AGAIN = "write it again with `espalier report`"
EXAMPLES = """\
Examples:
  espalier report dms_quick.h5           first: panels.h5 and scorecard.json
  tools/figures.py dms_quick_report      then: figures/ and report.html beside them

Exit status: 0 done, 64 usage, 65 bad data, 66 no input, 69 a library is missing, 73 cannot create.
"""

# An arm has the same colour and marker in every panel (Okabe and Ito's colours).
PRUNED, TWIN, GREEN, PURPLE, SKY = "#D55E00", "#0072B2", "#009E73", "#AA3377", "#56B4E9"
ARMS = {
    "pruned": (PRUNED, "o"), "twin": (TWIN, "s"),
    "pruned_first": (PRUNED, "o"), "dense": (TWIN, "s"),
    "plastic": (TWIN, "o"), "approximate": (GREEN, "^"), "fixed": ("#222222", "s"),
    "forgetting": (TWIN, "o"), "consolidated": (PRUNED, "s"),
}
SPARE = ((PURPLE, "D"), ("#E69F00", "v"), (SKY, "P"))  # of arms that are not known here
INK, SOFT = "#222222", "#8A8A8A"
DASHES, LONG = (0, (2, 1)), (0, (4, 1.5))
DASHED, DOTTED = dict(linewidth=0.8, linestyle=LONG), dict(linewidth=0.9, linestyle=":")
WIDTH_CM, FONT_PT = 17.8, 7.5
STYLE = {
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica"], "font.size": FONT_PT,
    "axes.titlesize": FONT_PT, "axes.labelsize": FONT_PT, "xtick.labelsize": 7, "ytick.labelsize": 7, "legend.fontsize": FONT_PT,
    "axes.edgecolor": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "text.color": INK,
    "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6, "xtick.major.size": 2.5, "ytick.major.size": 2.5,
    "axes.spines.top": False, "axes.spines.right": False, "lines.linewidth": 1.1, "lines.markersize": 3, "errorbar.capsize": 0,
    "legend.frameon": False, "svg.fonttype": "none", "svg.hashsalt": "espalier", "savefig.dpi": 200, "figure.dpi": 100,
    "axes.formatter.useoffset": False, "mathtext.default": "regular",
}

# Name, heading, and from top to bottom: height in cm, places of the panels by letter (L: legend of arms,
# K: of trials; O: of options; T: of steps; c: the lower half of C).
FIGURES = [
    ("1", "The task, the network, and retraining at each rung",
     [(4.8, "AAAAAAAAABBBBBBB"), (4.7, "CDEF/cdef"), (0.6, "L"), (5.4, "GGGGGHHHHIIII")]),
    ("2", "Weights of the example, and what a distractor does to it", [(0.6, "L"), (5.0, "AB"), (5.0, "CDEF/cdef")]),
    ("3", "The example in its first two principal components", [(0.6, "K"), (10.0, "ABC/DEF")]),
    ("4", "The flow around the example's trajectory", [(0.6, "K"), (9.0, "AB"), (0.8, "L"), (5.4, "CD")]),
    ("5", "All members with distractors", [(0.6, "L"), (11.0, "ABC/DEF")]),
    ("6", "Reinforcement learning: weights of the example, its values and its states",
     [(0.6, "L"), (4.8, "AB"), (0.6, "O"), (9.0, "CD/EF"), (0.6, "T"), (5.8, "GHI")]),
    ("7", "Reinforcement learning: all members", [(0.6, "L"), (15.5, "ABC/DEF/GHI")]),
    ("S1", "Loss during retraining, rung by rung", [(0.6, "L"), (6.5, "1")]),
    ("S2", "Learning speed of pruned and dense networks", [(0.6, "L"), (6.0, "AB")]),
    ("S3", "The bandit task", [(0.6, "O"), (9.0, "1")]),
    ("S4", "Learning a new option", [(0.6, "L"), (6.5, "1")]),
    ("K5", "The lever: a network that rewires itself while it learns (Kappel et al. 2018, Figure 5)",
     [(7.6, "B"), (5.2, "CCCEE"), (7.6, "D"), (5.4, "FFFFGGG"), (6.4, "HHHHIII")]),
]


class Failure(Exception):
    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


# ---- input ----

def text_of(group, name, default=""):
    """A text is an attribute or a dataset."""
    value = group.attrs.get(name)
    if value is None and name in group:
        value = group[name][()]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return default if value is None else str(value)


class Panel:
    """The arrays of a group by path, panel["x"], panel["pruned/mean"], and by its attributes how it is drawn (docs/PANELS.md)."""

    def __init__(self, path, name, group):
        self.where, self.name, self.arrays = path, name, {}
        self.attributes = {key: text_of(group, key) if isinstance(value, (str, bytes)) else np.ravel(value)
                           for key, value in group.attrs.items()}
        for key in ("title", "caption", "x_label", "y_label"):
            setattr(self, key, text_of(group, key))
        self.kind, self.place = self.says("kind"), self.says("place", "1")
        self.shown = shown_name(self.says("figure", ""), self.place)
        arms = self.words("arms")
        names = self.words("arm_names") or arms
        self.arms = {arm: (*ARMS.get(arm, SPARE[i % len(SPARE)]), called)  # colour, marker, name in legends
                     for i, (arm, called) in enumerate(zip(arms, names)) if arm in group}
        group.visititems(lambda key, item: self.arrays.update({key: item[()]}) if hasattr(item, "dtype") else None)

    def says(self, attribute, default=None):
        return self.attributes.get(attribute, default)

    def words(self, attribute):
        return self.says(attribute, "").split(", ") if self.says(attribute) else []

    def __getitem__(self, key):
        if key not in self.arrays:
            raise Failure(DATA, f"{self.where}: panel {self.name} has no dataset {key}; {AGAIN}")
        return self.arrays[key]

    def get(self, key):
        return self.arrays.get(key)

    def counts(self):
        """How many networks each arm's numbers stand for: 'n = 400', or by arm where they differ or vary."""
        def count(arm):
            if self.get(f"{arm}/point_x") is not None:  # bins say little
                return np.array([np.isfinite(self[f"{arm}/point_x"] + self[f"{arm}/point_y"]).sum()])
            return self.get(f"{arm}/n") if self.get(f"{arm}/n") is not None else self.get(f"{arm}/all_n")
        n = {arm: count(arm) for arm in self.arms}
        n = {arm: values[values > 0] for arm, values in n.items() if values is not None and (values > 0).any()}
        spans = {arm: f"{int(v.min())}" if v.min() == v.max() else f"{int(v.min())} to {int(v.max())}" for arm, v in n.items()}
        if not spans:
            return ""
        if len(set(spans.values())) == 1:
            return f"n = {next(iter(spans.values()))}."
        return "n = " + ", ".join(f"{span} ({arm.replace('_', ' ')})" for arm, span in spans.items()) + "."


class Report:
    def __init__(self, folder):
        self.folder = folder
        self.panels, self.examples = {}, {"example": {}, "example_bandit": {}}
        path = folder / "panels.h5"
        for needed in (path, folder / "scorecard.json"):
            if not needed.is_file():
                raise Failure(NO_INPUT, f"{needed}: there is no such file; `espalier report FILE` writes it, then give the "
                                        f"directory that it names")
        try:
            with h5py.File(path, "r") as file:
                self.texts = {name: text_of(file, name, "not stated") for name in ("program", "experiment", "source", "config")}
                for name, item in file.items():
                    if "kind" in item.attrs:
                        panel = Panel(path, name, item)
                        if panel.get("x") is None or len(panel["x"]):
                            self.panels[panel.shown] = panel
                    elif isinstance(item, h5py.Group) and text_of(item, "title"):
                        raise Failure(DATA, f"{path}: panel {name} does not say how it is drawn (made by an older version?); "
                                            f"{AGAIN}")
                self.others = [text_of(file, name) for name in sorted(file) if name.startswith("source_")]
                for group, example in self.examples.items():
                    if group in file:
                        example.update({key: text_of(file[group], key) for key in ("member", "rule", "prune_fraction")})
        except OSError as error:
            raise Failure(DATA, f"{path}: not readable as HDF5 ({error}); {AGAIN}") from error
        try:
            card = json.loads((folder / "scorecard.json").read_text(encoding="utf-8"))
            self.claims = card["claims"]
            for claim in self.claims:
                claim["claim"], claim["text"], claim["verdict"]  # what nobody can do without
        except (ValueError, KeyError, TypeError) as error:
            raise Failure(DATA, f"{folder / 'scorecard.json'}: not a scorecard ({error!r}); {AGAIN}") from error

    def newer(self):
        """What this program cannot draw: lines to print."""
        places = {panel for name, _, blocks in FIGURES for _, panel in panels_of(name, blocks)}
        for panel in self.panels.values():
            what = unknown(panel) or (None if panel.shown in places else f"the place {panel.shown}")
            if what:
                yield f"{panel.where}: panel {panel.name} has {what}, which is not known here: made by a newer version?"


def shown_name(figure, place):
    return figure if place == "1" else figure + place


def panels_of(name, blocks):
    """Panels of a figure in order: (letter, name)."""
    letters = sorted(letter for letter in set("".join(places for _, places in blocks)) if letter in "ABCDEFGHI1")
    return [(letter, shown_name(name, letter)) for letter in letters]


# ---- what panels have in common ----

def wrapped(text, ax):
    width_pt = ax.get_position().width * WIDTH_CM / 2.54 * 72
    return "\n".join(textwrap.wrap(text, max(12, int(width_pt / 4.3))))


def label(ax, panel):
    ax.set_xlabel(wrapped(panel.x_label, ax))
    ax.set_ylabel(panel.y_label)


def has_bars(panel):
    return not panel.says("spread") and any(panel.get(f"{arm}/sem") is not None for arm in panel.arms)


def arm_line(ax, panel, arm, key="mean", **more):
    """With bars, or in a band, where there is a SEM."""
    colour, marker, name = panel.arms[arm]
    x, y, sem = panel["x"], panel[f"{arm}/{key}"], panel.get(f"{arm}/sem") if key == "mean" else None
    size, edge = panel.says("marker", (3 if has_bars(panel) else 2.5, 0))
    settings = dict(color=colour, marker=marker, linestyle="-", markersize=size, markeredgewidth=edge, label=name)
    settings.update(more)
    if sem is not None and has_bars(panel):
        there = np.isfinite(y)  # a bin may be empty
        ax.errorbar(x[there], y[there], yerr=np.where(np.isfinite(sem), sem, 0)[there], elinewidth=0.8, **settings)
    else:
        ax.plot(x, np.where(np.isfinite(y), y, np.nan), **settings)
        if sem is not None:
            band(ax, x, y, sem, colour, panel.says("spread") == "wedge")


def dashed_line(ax, panel, arm, before=""):
    colour, mean = panel.arms[arm][0], panel[f"{arm}/{before}mean"]
    ax.plot(panel["x"], mean, color=colour, **DASHED)
    band(ax, panel["x"], mean, panel[f"{arm}/{before}sem"], colour, panel.says("spread") == "wedge")


def band(ax, x, mean, sem, colour, wedge=False, **more):
    """It ends where there is no SEM; a wedge narrows to the line there."""
    if wedge:
        sem = np.where(np.isfinite(sem), sem, 0)
    ax.fill_between(x, mean - sem, mean + sem, color=colour, alpha=0.25, linewidth=0, **more)


def significance(ax, x, flags):
    """Bars above the axes over the range where p < 0.01; half a step to either side."""
    x = np.asarray(x, float)
    if len(x) == 0:
        return
    edges = np.concatenate(([x[0]], (x[1:] + x[:-1]) / 2, [x[-1]]))
    half = np.min(np.diff(x)) / 2 if len(x) > 1 else 0.5
    edges[0], edges[-1] = x[0] - half, x[-1] + half
    i, margin = 0, 0.02 * (edges[-1] - edges[0])
    while i < len(x):
        j = i
        while j < len(x) and flags[j] == 1:
            j += 1
        if j > i:
            ax.plot([edges[i], edges[j]], [1.03, 1.03], transform=ax.get_xaxis_transform(), color=INK, linewidth=2.2,
                    solid_capstyle="butt", clip_on=False)
        i = max(j, i + 1)
    ax.set_xlim(edges[0] - margin, edges[-1] + margin)


def log_where_wide(ax, panel):
    values = [panel.get(f"{arm}/{key}") for arm in panel.arms for key in ("mean", "median")]
    values = np.concatenate([np.ravel(v) for v in values if v is not None] or [[]])
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() / values.min() > 20:
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")  # exponents would be too small to read
        ax.yaxis.set_minor_formatter(lambda value, _: "")


# ---- kinds of panels: one function each ----

def line(ax, panel, report):
    """A line for each arm; dashed, with its SEM, the mean beside a median, or the mean of all beside the example."""
    for arm in panel.arms:
        if panel.get(f"{arm}/all_mean") is not None:
            dashed_line(ax, panel, arm, "all_")
            if panel.get(f"{arm}/mean") is None:  # there may be no example
                continue
        if panel.get(f"{arm}/published") is not None:
            arm_line(ax, panel, arm, "published", marker=None, **DOTTED)
        if panel.get(f"{arm}/median") is not None:
            arm_line(ax, panel, arm, "median")
            dashed_line(ax, panel, arm)
        else:
            arm_line(ax, panel, arm)
    if has_bars(panel):
        ax.margins(y=0.1)
    if panel.get("significant") is not None:
        significance(ax, panel["x"], panel["significant"])
    special_times(ax, panel)
    for height in panel.says("level", ()):
        ax.axhline(height, color=SOFT, linewidth=0.6, zorder=0)
    at = float(report.examples.get(panel.says("arrow"), {}).get("prune_fraction") or "nan")
    if math.isfinite(at):
        ax.annotate("", xy=(at, 0.02), xytext=(at, 0.16), xycoords=ax.get_xaxis_transform(),
                    arrowprops=dict(arrowstyle="-|>", color=INK, linewidth=0.8))
    if panel.says("legend") == "inside":
        ax.legend(loc="best", fontsize=7, handlelength=1.6)
    label(ax, panel)


def special_times(ax, panel):
    """Lines upright where something begins."""
    if panel.get("marks") is not None:
        for call, name in zip(panel["marks"], panel.words("mark_names")):
            ax.axvline(call - 0.5, color=SOFT, linewidth=0.6, linestyle=DASHES, zorder=0)
            ax.text(call, 1, name, transform=ax.get_xaxis_transform(), ha="left", va="top", fontsize=7)
    for key, style in (("change", LONG), ("consolidation", ":")):
        if panel.get(key) is not None and np.isfinite(panel[key]):
            ax.axvline(float(panel[key]), color=INK, linewidth=0.7, linestyle=style, zorder=0)


def appended(ax, panel, report):
    """One rung after the other along the axis, each with its first calls."""
    x, rungs = panel["x"], panel["rung"]
    width = len(x) * 1.12
    for i, _ in enumerate(rungs):
        for arm, (colour, marker, _) in panel.arms.items():
            mean, sem = panel[f"{arm}/mean"][i], panel[f"{arm}/sem"][i]
            at = i * width + np.arange(len(x))
            ax.plot(at, mean, color=colour, linewidth=0.9, marker=marker if np.isfinite(mean).sum() == 1 else None)
            band(ax, at, mean, sem, colour, wedge=True)
        if i:
            ax.axvline(i * width - 0.06 * len(x), color="#DDDDDD", linewidth=0.5, zorder=0)
    step = max(1, math.ceil(len(rungs) / 20))
    ax.set_xticks([i * width + (len(x) - 1) / 2 for i in range(0, len(rungs), step)], [f"{f:.2f}" for f in rungs[::step]])
    ax.tick_params(axis="x", length=0)
    ax.set_xlim(-0.06 * len(x), len(rungs) * width - 0.06 * len(x))
    ax.set_xlabel(f"prune fraction; at each the calls {int(x[0])} to {int(x[-1])}")
    ax.set_ylabel(panel.y_label)


def correlation(r, low, high):
    interval = f" [{low:.2f}, {high:.2f}]" if math.isfinite(low) else ""  # three points have none
    return minus(f"r = {r:.2f}{interval}")


def scatter(ax, panel, report):
    notes = []
    for arm, (colour, marker, _) in panel.arms.items():
        ax.plot(panel[f"{arm}/point_x"], panel[f"{arm}/point_y"], linestyle="none", marker=marker, markersize=2.2, color=colour,
                alpha=0.3, markeredgewidth=0)
        arm_line(ax, panel, arm, zorder=3)
        values = [float(np.ravel(panel[f"{arm}/{key}"])[0]) for key in ("r", "r_low", "r_high")]
        if np.isfinite(values[0]):
            notes.append((colour, correlation(*values)))
    if panel.get("r") is not None and np.isfinite(panel["r"]):
        notes.append((INK, correlation(*(float(panel[key]) for key in ("r", "r_low", "r_high"))) + ", both"))
    for i, (colour, note) in enumerate(notes):
        ax.text(1.0, 1.0 - 0.08 * i, note, transform=ax.transAxes, ha="right", va="top", color=colour, fontsize=7,
                bbox=dict(facecolor="white", edgecolor="none", pad=0.4))
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + (0.05 + 0.1 * len(notes)) * (high - low))
    ax.axhline(0, color=SOFT, linewidth=0.6, zorder=0)
    label(ax, panel)


def histogram(ax, panel, report):
    for arm, (colour, *_) in panel.arms.items():
        mean, sem = panel[f"{arm}/mean"], panel.get(f"{arm}/sem")
        ax.plot(panel["x"], mean, color=colour, drawstyle="steps-mid", linewidth=0.9)
        if sem is not None:
            band(ax, panel["x"], mean, sem, colour, step="mid")
    label(ax, panel)


OPTIONS = ("#666666", "#009E73", "#E69F00", "#AA3377")  # 1 (keep fixating) to 4
STEPS = {"fixation": (SKY, "o"), "choice": (PURPLE, "^")}


def values(ax, panel, report):
    for option, colour in enumerate(OPTIONS):
        ax.plot(panel["x"], panel["q"][:, option], color=colour, linewidth=1.6, linestyle=DASHES, alpha=0.7)
        ax.plot(panel["x"], panel["y"][:, option], color=colour, linewidth=1)
    ax.axhline(0, color=SOFT, linewidth=0.5, zorder=0)
    ax.margins(y=0.06)
    label(ax, panel)


def states(ax, panel, report):
    """Fixation and choice of one trial after the other; S is the first, a cross a reward."""
    path = np.stack([panel["fixation"], panel["choice"]], 1).reshape(-1, 2)
    ax.plot(*path.T, color="#CCCCCC", linewidth=0.5, zorder=1)
    for name, (colour, marker) in STEPS.items():
        ax.plot(*panel[name].T, linestyle="none", marker=marker, color=colour, markersize=3.2, markeredgewidth=0, zorder=2)
    ax.plot(*panel["choice"][panel["rewarded"] == 1].T, linestyle="none", marker="+", color=INK, markersize=6, markeredgewidth=0.8,
            zorder=3)
    if np.isfinite(path[0]).all():
        ax.annotate("S", path[0], xytext=(7, 7), textcoords="offset points", ha="center", fontweight="bold", zorder=4,
                    arrowprops=dict(arrowstyle="-", color=INK, linewidth=0.6, shrinkA=0, shrinkB=1))
    ax.set_box_aspect(1)
    ax.margins(0.1)
    label(ax, panel)


CHANNELS = ("constant", "cue 1", "cue 2", "end", "start", "start/resp.")


def trial(top, panel, report, below):
    """Inputs above, one under the other; output and target below."""
    x, inputs = panel["x"], panel["input"]
    drawn = (1, 2, 4, 5) if inputs.shape[1] == 6 else range(inputs.shape[1])
    first = panel.says("y_axis") != "shared"
    for place, channel in enumerate(drawn):
        top.axhline(-2.6 * place, color="#DDDDDD", linewidth=0.5, zorder=0)
        top.step(x, inputs[:, channel] - 2.6 * place, where="mid", color=INK, linewidth=0.8)
    top.set_ylim(-2.6 * (len(drawn) - 1) - 1.4, 1.6)
    top.set_yticks([-2.6 * place for place in range(len(drawn))],
                   [CHANNELS[c] if inputs.shape[1] == 6 else str(c + 1) for c in drawn] if first else [])
    top.tick_params(axis="both", length=0, labelbottom=False)
    for spine in top.spines.values():
        spine.set_visible(False)
    below.step(x, panel["target"], where="mid", color=SOFT, linewidth=0.9, linestyle=DASHES)
    below.plot(x, panel["y"], color=ARMS.get(panel.says("arm"), SPARE[0])[0])
    below.set_ylim(-1.5, 1.5)
    below.set_yticks([-1, 0, 1])
    below.set_xticks([1, 15, 30, 45, 58])
    below.set_xlabel(panel.x_label)
    below.set_ylabel(panel.y_label.split(", ")[-1] if first else "")
    below.tick_params(axis="y", labelleft=first)


TRIALS = {"condition_1": (GREEN, "-", "condition 1 (left, left)"), "condition_4": (INK, "-", "condition 4 (right, left)"),
          "condition_4_probed": (PURPLE, (0, (3, 1.2)), "condition 4, distractor on the left")}


def projection(ax, panel, report):
    for key, (colour, style, _) in TRIALS.items():
        ax.plot(panel["x"], panel[key], color=colour, linestyle=style, linewidth=1.2)
    ax.axhline(0, color=SOFT, linewidth=0.5, zorder=0)
    ax.set_xticks([12, 20, 30, 40, 52])
    for bin_, name in zip(panel["marks"], panel.words("mark_names")):
        ax.plot(bin_, 0.055, marker="^", color=INK, markersize=3.5, transform=ax.get_xaxis_transform(), clip_on=False)
        ax.text(bin_, 0.1, name, transform=ax.get_xaxis_transform(), ha="center", va="bottom", fontsize=7)
    low, high = ax.get_ylim()
    ax.set_ylim(low - 0.22 * (high - low), high)
    label(ax, panel)
    if panel.says("row"):
        ax.set_ylabel(panel.says("row") + "\n" + panel.y_label)


def flow(ax, panel, report):
    start, step = panel["start"].reshape(-1, 2), panel["step"].reshape(-1, 2)
    ends = start + step
    ax.plot(np.stack([start[:, 0], ends[:, 0]]), np.stack([start[:, 1], ends[:, 1]]), color=SKY, linewidth=0.7, zorder=1)
    ax.plot(start[:, 0], start[:, 1], linestyle="none", marker="o", markersize=2.4, markerfacecolor="white", markeredgewidth=0.5,
            markeredgecolor=SOFT, zorder=2)
    for key, trial in (("unprobed", "condition_4"), ("probed", "condition_4_probed")):
        ax.plot(*panel[key].T, color=TRIALS[trial][0], linestyle=TRIALS[trial][1], marker=".", markersize=3.5, zorder=3)
    bins = list(panel["x"])
    for name, bin_ in (("S", bins[0]), ("P", 20)):
        if bin_ in bins:
            ax.annotate(name, panel["unprobed"][bins.index(bin_)], xytext=(-16, 18) if name == "S" else (2, 24), zorder=4,
                        textcoords="offset points", ha="center", fontweight="bold",
                        arrowprops=dict(arrowstyle="-", color=INK, linewidth=0.6, shrinkA=0, shrinkB=1))
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_box_aspect(1)
    label(ax, panel)


RED = "#CC3311"
POPULATIONS = (("input", SOFT), ("hidden", INK), ("U", TWIN), ("D", GREEN), ("inhibitory", PRUNED))


def shown_cells(sizes):
    """Cells of each population that are drawn: some, evenly spaced."""
    n_in, n_receiving, n_pool, n_exc, n_inh = (int(n) for n in sizes)
    first = n_in + n_receiving
    hidden = [*range(n_in, first), *range(first + 2 * n_pool, n_in + n_exc)]
    groups = (range(n_in), hidden, range(first, first + n_pool), range(first + n_pool, first + 2 * n_pool),
              range(n_in + n_exc, n_in + n_exc + n_inh))
    return [[group[i] for i in np.unique(np.linspace(0, len(group) - 1, min(len(group), most)).astype(int))] if len(group) else []
            for group, most in zip(groups, (20, 20, 10, 10, 10))]


def recording(ax, panel, report):
    ax.axis("off")
    groups, times = shown_cells(panel["sizes"]), [name for name in ("early", "late") if panel.get(f"{name}/time") is not None]
    for column, name in enumerate(times):
        raster, lever = (ax.inset_axes((0.06 + 0.49 * column, low, 0.43, high)) for low, high in ((0.36, 0.6), (0.11, 0.22)))
        time, phase = panel[f"{name}/time"], panel[f"{name}/phase"]
        cell, at, row = panel[f"{name}/spike_cell"], panel[f"{name}/spike_time"], 0
        for (population, colour), members in zip(POPULATIONS, groups):
            begin = row
            for member in members:
                fired = at[cell == member]
                raster.plot(fired, np.full(len(fired), row), linestyle="none", marker="|", markersize=2, markeredgewidth=0.5, color=colour)
                row += 1
            raster.text(-0.01, (begin + row - 1) / 2, population, transform=raster.get_yaxis_transform(), ha="right", va="center", fontsize=7,
                        color=colour) if column == 0 and members else None
            row += 2
        step = np.median(np.diff(time)) if len(time) > 1 else 1
        for part in (raster, lever):
            for value, colour, alpha in (((1, 2), SOFT, 0.22), ((3,), RED, 0.35 if part is raster else 0.9)):
                on = np.isin(phase, value)
                part.fill_between(time, 0, 1, where=on, transform=part.get_xaxis_transform(), color=colour, alpha=alpha, linewidth=0, zorder=0,
                                  step="post") if on.any() else None
            part.set_xlim(0, time[-1] + step if len(time) else 1)
        lever.plot(time, panel[f"{name}/lever"], color=INK, linewidth=0.9)
        lever.axhline(0, color=SOFT, linewidth=0.5, zorder=0)
        lever.set_xlabel(panel.x_label)
        lever.set_ylabel("lever (Hz)" if column == 0 else "")
        raster.set_ylim(row, -2)
        raster.set_yticks([])
        raster.tick_params(axis="x", labelbottom=False)
        raster.set_title(f"from hour {float(panel[f'{name}/hour']):g}", pad=3, fontsize=7)


def movements(ax, panel, report):
    """Rates over their highest, a row for each neuron; mean and single movements of the lever."""
    ax.axis("off")
    plots = ((0, 0), (1, 0), (1, 1), (2, 1), (2, 2))  # hour, hour it is sorted by
    finite = panel["trace"][np.isfinite(panel["trace"])]
    limits = (finite.min() - 2, finite.max() + 2) if len(finite) else (-1, 1)
    x, hours = panel["x"], panel["hour"]
    for i, (shown, by) in enumerate(plots):
        rates, lever = (ax.inset_axes((0.06 + 0.19 * i, low, 0.165, high)) for low, high in ((0.36, 0.54), (0.13, 0.2)))
        rates.set_title(f"hour {hours[shown]:g},\nby hour {hours[by]:g}", pad=3, fontsize=7)
        rates.tick_params(axis="both", labelbottom=False, labelleft=i == 0)
        lever.tick_params(axis="y", labelleft=i == 0)
        lever.set_xlim(x[0], x[-1])
        lever.set_ylim(*limits)
        if panel["n_movements"][shown] > 0:
            rate = panel["rate"][shown][panel["order"][by]] if panel["n_movements"][by] > 0 else panel["rate"][shown]
            highest = rate.max(axis=1, keepdims=True)
            rates.imshow(rate / np.where(highest > 0, highest, 1), aspect="auto", cmap="viridis", vmin=0, vmax=1, interpolation="nearest",
                         extent=(x[0], x[-1], len(rate) + 0.5, 0.5))
            rates.axvline(0, color="white", linewidth=0.6)
            lever.plot(x, panel["trace"][shown].T, color="#BBBBBB", linewidth=0.4)
            lever.plot(x, panel["lever"][shown], color=INK, linewidth=1.1)
        else:
            rates.text(0.5, 0.5, "no movements", transform=rates.transAxes, ha="center", va="center", fontsize=7)
            rates.set_xlim(x[0], x[-1])
        lever.annotate("", xy=(0, 0), xytext=(0, -0.22), xycoords=lever.get_xaxis_transform(),
                       arrowprops=dict(arrowstyle="-|>", color=INK, linewidth=0.6, mutation_scale=5))
        lever.set_xticks([0, 1000])
        if i == 0:
            rates.set_ylabel("neuron")
            lever.set_ylabel("lever (Hz)")
        if i == 2:
            lever.set_xlabel(panel.x_label)


def waits(ax, panel, report):
    """The exact rule above, the approximate one below; the last bin, with all longer ones, is left out."""
    ax.axis("off")
    for row, (arm, (colour, _, name)) in enumerate(panel.arms.items()):
        part = ax.inset_axes((0.17, 0.57 - 0.4 * row, 0.8, 0.36))
        part.bar(panel["x"][:-1], panel[f"{arm}/mean"][:-1], width=panel["x"][0], color=colour, linewidth=0)
        part.text(0.98, 0.9, name, transform=part.transAxes, ha="right", va="top", fontsize=7, color=colour)
        if np.nanmax(panel[f"{arm}/mean"][:-1], initial=0) > 0:
            part.set_yscale("log")
        part.tick_params(axis="x", labelbottom=row == len(panel.arms) - 1)
        part.set_xlim(0, panel["x"][-1])
        part.set_ylabel("waits")
        if row == len(panel.arms) - 1:
            part.set_xlabel(panel.x_label)


def fates(ax, panel, report):
    names = ("stably\nnon-\nfunctional", "decaying", "emerging", "stably\nfunctional")
    for arm in panel.arms:
        mean, sem = panel[f"{arm}/mean"], panel[f"{arm}/sem"]
        there = np.isfinite(mean)
        if there.any():
            ax.bar(panel["x"][there], mean[there], yerr=np.where(np.isfinite(sem), sem, 0)[there], width=0.7, error_kw=dict(elinewidth=0.8),
                   color=("#BBBBBB", SKY, GREEN, TWIN))
    ax.set_xticks(panel["x"], names)
    ax.tick_params(axis="x", length=0)
    ax.set_ylabel("share of potential synapses")


def components(ax, panel, report):
    """A path through the first three components, red where the task is solved."""
    ax.axis("off")
    score, solved = panel["score"], panel["completion_time"] < 1
    share = [f" ({100 * s:.0f} %)" if np.isfinite(s) else "" for s in panel["share"]]
    for row, pc in enumerate((1, 2)):
        part = ax.inset_axes((0.17, 0.57 - 0.42 * row, 0.8, 0.38))
        part.plot(score[:, 0], score[:, pc], color="#BBBBBB", linewidth=0.6, zorder=1)
        for which, colour in ((~solved, TWIN), (solved, RED)):
            part.plot(score[which, 0], score[which, pc], linestyle="none", marker="o", markersize=2, markeredgewidth=0, color=colour, zorder=2)
        after = np.flatnonzero(panel["x"] >= float(panel["change"]) - 1e-9)
        if len(after):
            part.plot(score[after[0], 0], score[after[0], pc], marker="x", color=INK, markersize=6, markeredgewidth=1.2, zorder=3)
        part.set_ylabel(f"PC{pc + 1}{share[pc]}")
        part.tick_params(axis="x", labelbottom=row == 1)
        if row == 1:
            part.set_xlabel(f"PC1{share[0]}")


# ---- schemes: drawings, not plots ----

def task_scheme(ax, panel):
    """Screens of the four conditions from left to right."""
    inputs, target = panel["input"], panel["target"]
    def bins(values):
        on = np.flatnonzero(values) + 1
        return (int(on[0]), int(on[-1]))
    cue_1, cue_2, answer = bins(inputs[0, :, 1]), bins(inputs[0, :, 2]), bins(target[0])
    phases = [("start", (1, cue_1[0] - 1)), ("cue 1", cue_1), ("delay", (cue_1[1] + 1, cue_2[0] - 1)), ("cue 2", cue_2),
              ("delay", (cue_2[1] + 1, answer[0] - 1)), ("response", answer)]
    wide = [1] * 5 + [1.7]
    left = np.concatenate(([0], np.cumsum(wide)))
    middle = (left[1:] + left[:-1]) / 2
    bottom = -len(inputs) + 0.54
    def stimulus(column, y, side, **more):
        ax.add_patch(patches.Rectangle((middle[column] - 0.3 * np.sign(side) - 0.09, y - 0.16), 0.18, 0.32, **more))
    for row in range(len(inputs)):
        y = -row
        ax.text(-0.1, y, f"condition {row + 1}", ha="right", va="center", fontsize=7)
        for column, (name, (first, _)) in enumerate(phases):
            ax.add_patch(patches.FancyBboxPatch((left[column] + 0.06, y - 0.38), wide[column] - 0.12, 0.76, linewidth=0.6,
                                                boxstyle="round,pad=0,rounding_size=0.06", facecolor="#F1F1F1", edgecolor=SOFT))
            if name == "response":
                match = target[row, first - 1] > 0
                ax.text(middle[column], y, "match: 1" if match else "non-match: \u22121", ha="center", va="center", fontsize=7)
                continue
            ax.plot(middle[column], y, marker="+", color=SOFT, markersize=3.5, markeredgewidth=0.7)
            if name in ("cue 1", "cue 2"):  # +1 is left
                stimulus(column, y, inputs[row, first - 1, 1 if name == "cue 1" else 2], color=INK, linewidth=0)
            if column == 2:
                stimulus(column, y, -inputs[row, cue_1[0] - 1, 1], facecolor="none", edgecolor=PURPLE, linestyle=DASHES,
                         linewidth=0.9)
    for column, (name, (first, last)) in enumerate(phases):
        ax.text(middle[column], 0.46, name, ha="center", va="bottom", fontsize=7)
        ax.text(middle[column], bottom, f"{first}-{last}", ha="center", va="top", fontsize=7)
    ax.text(-0.1, bottom, "bins", ha="right", va="top", fontsize=7)
    ax.text(middle[2], bottom - 0.38, "dashed: distractor, in probe trials only", ha="center", va="top", fontsize=7, color=PURPLE)
    ax.set_xlim(-1.35, left[-1])
    ax.set_ylim(bottom - 0.75, 0.85)
    ax.axis("off")


def network_scheme(ax, panel):
    n_hidden, n_in, n_out = (int(v) for v in panel["sizes"])
    shown = min(n_hidden, 14)
    ring = [(0.5 + 0.17 * math.cos(2 * math.pi * i / shown + 0.2), 0.52 + 0.36 * math.sin(2 * math.pi * i / shown + 0.2))
            for i in range(shown)]
    def column(x, n):
        return [(x, 0.52 + 0.13 * ((n - 1) / 2 - i)) for i in range(n)]
    inputs, outputs = column(0.2, n_in), column(0.83, n_out)
    left = [i for i in range(shown) if ring[i][0] < 0.47]
    right = [i for i in range(shown) if ring[i][0] > 0.57]
    for i, a in enumerate(inputs):
        for j in (left[i % len(left)], left[(i + 2) % len(left)]):
            ax.plot(*zip(a, ring[j]), color="#BBBBBB", linewidth=0.5, zorder=0)
    for o in outputs:
        for j in right:
            ax.plot(*zip(ring[j], o), color="#BBBBBB", linewidth=0.5, zorder=0)
    for i in range(shown):
        for hop in (3, 5):
            j = (i + hop) % shown
            removed = (i + hop) % 3 == 0
            ax.plot(*zip(ring[i], ring[j]), color="#D9D9D9" if removed else PRUNED, zorder=1, linewidth=0.6,
                    linestyle=(0, (1, 1.5)) if removed else "-", alpha=1 if removed else 0.8)
    for points in (inputs, ring, outputs):
        ax.plot(*zip(*points), linestyle="none", marker="o", markersize=4.5, markerfacecolor="white", markeredgecolor=INK,
                markeredgewidth=0.8, zorder=2)
    if n_in == len(CHANNELS):
        for (x, y), name in zip(inputs, CHANNELS):
            ax.text(x - 0.03, y, name, ha="right", va="center", fontsize=7)
    for x, text in ((0.13, f"{n_in} inputs"), (0.5, f"{n_hidden} recurrent units,\npruned among themselves"),
                    (0.86, f"{n_out} output" + "s" * (n_out > 1))):
        ax.text(x, 0.03, text, ha="center", va="top", fontsize=7, linespacing=1.1)
    ax.set_xlim(-0.05, 0.95)
    ax.set_ylim(-0.16, 0.95)
    ax.axis("off")


def ladder_scheme(ax, panel):
    fractions = [float(f) for f in panel["fractions"]]
    shown = [f for f in fractions if f > 0]
    if len(shown) > 4:
        shown = shown[:2] + [None] + shown[-1:]
    def box(x, y, text, colour):
        ax.text(x, y, text, ha="center", va="center", fontsize=7, linespacing=1.1,
                bbox=dict(boxstyle="round,pad=0.3", facecolor="white", edgecolor=colour, linewidth=1))
    def arrow(a, b, colour):
        ax.annotate("", b, a, arrowprops=dict(arrowstyle="-|>", color=colour, linewidth=0.8, shrinkA=10, shrinkB=10,
                                              mutation_scale=6))
    box(0, 0, "start", INK)
    for y, colour, name in ((1, PRUNED, "pruned"), (-1, TWIN, "twin")):
        before = (0, 0)
        for i, fraction in enumerate(shown):
            here = (i + 1, y)
            arrow(before, here, colour)
            if fraction is None:
                ax.text(*here, "...", ha="center", va="center")
            elif name == "pruned":
                box(*here, f"{fraction:.2f}", colour)
            else:
                ax.plot(*here, marker="s", markersize=8, markerfacecolor="white", markeredgecolor=colour)
            before = here
        ax.text((len(shown) + 1) / 2, y + 0.5 * y, "pruned further, retrained" if y > 0 else "twin: retrained, never pruned",
                ha="center", va="center", color=colour, fontsize=7)
    ax.set_xlim(-0.45, len(shown) + 0.4)
    ax.set_ylim(-1.9, 1.9)
    ax.axis("off")


def bandit_scheme(ax, panel):
    """The states as screens, and below one another what goes in and comes out during a block."""
    ax.axis("off")
    screens, block, learned = (ax.inset_axes(place) for place in ((0, 0.02, 0.3, 0.98), (0.42, 0.36, 0.58, 0.62),
                                                                 (0.42, 0.1, 0.58, 0.24)))
    names = ("fixation", "choice", "choice, new option")
    for row, (inputs, rewards) in enumerate(zip(panel["state_input"], panel["state_reward"])):
        top = -row
        screens.add_patch(patches.Rectangle((0.1, top - 0.62), 0.8, 0.5, facecolor="#F1F1F1", edgecolor=SOFT, linewidth=0.6))
        if inputs[1]:
            screens.plot(0.5, top - 0.37, marker="+", color=INK, markersize=9, markeredgewidth=1.4)
        for target in np.flatnonzero(inputs[2:5]):
            screens.plot(0.27 + 0.23 * target, top - 0.37, marker="s", markersize=8, color=OPTIONS[1 + target], markeredgewidth=0)
        screens.text(0.5, top - 0.07, names[row], ha="center", va="bottom", fontsize=7)
        text = "  ".join(f"{option + 1}: {minus(f'{reward:g}')}" for option, reward in enumerate(rewards))
        screens.text(0.5, top - 0.66, f"mean reward of option  {text}", ha="center", va="top", fontsize=7)
    screens.set_xlim(0, 1)
    screens.set_ylim(-2.85, 0.15)
    screens.axis("off")
    channels = ("constant", "fixation on", "target 1", "target 2", "target 3", "chose option 1", "chose option 2",
                "chose option 3", "chose option 4", "its reward")
    for place in range(panel["input"].shape[1]):
        block.step(panel["x"], 0.7 * panel["input"][:, place] - 1.2 * place, where="mid", color=INK, linewidth=0.7)
    block.set_yticks([0.3 - 1.2 * place for place in range(len(channels))], channels)
    block.tick_params(axis="both", length=0, labelbottom=False)
    for side in block.spines.values():
        side.set_visible(False)
    choice_steps = panel["x"] % 2 == 0
    for option, colour in enumerate(OPTIONS):
        learned.plot(panel["x"][choice_steps], panel["q"][choice_steps, option], color=colour, linestyle=DASHES, linewidth=1.4)
    paid = choice_steps & (panel["reward"] > 0)
    learned.plot(panel["x"][paid], np.full(paid.sum(), 1.12), linestyle="none", marker="+", color=INK, markersize=4, clip_on=False)
    learned.set_ylim(-0.05, 1.15)
    learned.set_xlabel("step; values at the choice steps, + where the choice was rewarded")
    learned.set_ylabel("value")
    for part in (block, learned):
        part.set_xlim(0, len(panel["x"]) + 1)


SCHEMES = {"task": task_scheme, "network": network_scheme, "ladder": ladder_scheme, "bandit": bandit_scheme}


def scheme(ax, panel, report):
    SCHEMES[panel.says("scheme")](ax, panel)


KINDS = {draw.__name__: draw for draw in (line, appended, scatter, histogram, trial, projection, flow, values, states, recording,
                                          movements, waits, fates, components, scheme)}


def unknown(panel):
    """What a newer version may have given it; None: it can be drawn."""
    if panel.kind not in KINDS:
        return f"the kind {panel.kind}"
    return f"the scheme {panel.says('scheme')}" if panel.kind == "scheme" and panel.says("scheme") not in SCHEMES else None


# ---- figures ----

def legend(figure, center, which, panels):
    """What is drawn in these panels: arms and what goes with them (L), trials (K), options (O), or steps (T)."""
    def entry(text, **more):
        return lines.Line2D([], [], label=text, **{"color": INK, "markeredgewidth": 0, **more})
    def any_is(kind):
        return any(panel.kind == kind for panel in panels)
    handles = []
    if which == "L":
        sets = {tuple(panel.arms.values()): panel.place for panel in panels if panel.arms}
        for arms, place in sets.items():
            handles += [entry((f"{place}: " if len(sets) > 1 else "") + name, color=colour, marker=marker)
                        for colour, marker, name in arms]
        if any(panel.get("significant") is not None for panel in panels):
            handles.append(entry("p < 0.01, paired t-test", linewidth=2.2, solid_capstyle="butt"))
        if any_is("trial"):
            handles.append(entry("target", color=SOFT, linewidth=0.9, linestyle=DASHES))
        for panel in panels:
            for name, way in (panel.says("solid"), dict(marker=".")), (panel.says("dashed"), DASHED), (panel.says("dotted"), DOTTED):
                if name:
                    handles.append(entry(name + (f" ({panel.place})" if panel.place != "1" else ""), **way))
    elif which == "O":
        handles = [entry(f"option {i + 1}", color=colour) for i, colour in enumerate(OPTIONS)]
        if any_is("values"):
            handles += [entry("output of the network"), entry("value of the learner", linewidth=1.6, linestyle=DASHES, alpha=0.7)]
    elif which == "T":
        handles = [entry(name, color=colour, marker=marker, linestyle="none") for name, (colour, marker) in STEPS.items()]
        handles.append(entry("rewarded", marker="+", markeredgewidth=0.8, linestyle="none"))
    else:
        handles = [entry(text, color=colour, linestyle=style) for key, (colour, style, text) in TRIALS.items()
                   if any_is("projection") or key != "condition_1"]
        if any_is("flow"):
            handles.append(entry("one step from a grid around it", color=SKY, linewidth=0.7, marker="o", markersize=2.4,
                                 markerfacecolor="white", markeredgecolor=SOFT, markeredgewidth=0.5))
    if handles:
        figure.legend(handles=handles, loc="center", bbox_to_anchor=center, ncol=len(handles), borderpad=0, borderaxespad=0,
                      columnspacing=1.4, handlelength=2.4)


def mosaic(figure, places):
    """Axes by letter, in a grid of its own; a letter that is repeated takes that much of the width."""
    rows = [list(dict.fromkeys(row)) for row in places.split("/")]
    widths = [places.split("/")[0].count(letter) for letter in rows[0]]
    grid = gridspec.GridSpec(len(rows), len(widths), figure=figure, width_ratios=widths)
    return grid, {letter: figure.add_subplot(grid[i, j]) for i, row in enumerate(rows) for j, letter in enumerate(row)}


def draw_figure(report, name, blocks):
    """None where nothing of it was run.

    The layout is tight, not constrained: that one's solver does not repeat itself to the bit.
    """
    wanted = dict(panels_of(name, blocks))
    found = [report.panels[panel] for panel in wanted.values() if panel in report.panels]
    if not found:
        return None
    height = sum(of_block for of_block, _ in blocks)
    figure, top = pyplot.figure(figsize=(WIDTH_CM / 2.54, height / 2.54)), 1.0
    for of_block, places in blocks:
        bottom = top - of_block / height
        if places in "KLOT":
            legend(figure, (0.5, (top + bottom) / 2), places, found)
        else:
            grid, axes = mosaic(figure, places)
            for letter in filter(wanted.get, axes):
                draw_panel(report.panels.get(wanted[letter]), [axes[key] for key in axes if key in (letter, letter.lower())],
                           letter if letter != "1" else "", report)
            with warnings.catch_warnings():  # it complains of the axes of the other grids
                warnings.simplefilter("ignore", UserWarning)
                grid.tight_layout(figure, pad=0.4, h_pad=0.8, w_pad=0.8, rect=(0.012, max(bottom, 0), 0.995, top))
        top = bottom
    return figure


def draw_panel(panel, axes, letter, report):
    """axes: the panel's own, and the one below it of trials."""
    drawn = panel is not None and unknown(panel) is None
    title = wrapped(panel.title if drawn else "not known here" if panel else "not run", axes[0])
    if drawn:
        KINDS[panel.kind](axes[0], panel, report, *axes[1:])
        if panel.says("y_scale") == "log_where_wide":
            log_where_wide(axes[0], panel)
        for limits, limit in ((panel.says("x_limits"), axes[0].set_xlim), (panel.says("y_limits"), axes[0].set_ylim)):
            if limits is not None:
                limit(*(end if np.isfinite(end) else None for end in limits))
    else:
        for ax in axes:
            ax.axis("off")
    pad = 8 if panel and panel.get("significant") is not None else 5
    axes[0].set_title(title, loc="center", pad=pad, color=INK if drawn else SOFT)
    axes[0].set_title(letter, loc="left", pad=pad, fontweight="bold", fontsize=9)


def put(path, write):
    """write(file) makes the file's bytes. It takes the place of an old one when it is whole; a link there leads nowhere."""
    new = path.with_name(path.name + ".tmp")
    new.unlink(missing_ok=True)
    with open(new, "xb") as file:
        write(file)
    new.replace(path)


def draw_all(report):
    """Writes the figures; gives the SVG text by name, None for a figure of which nothing was run."""
    folder, drawn = report.folder / "figures", {}
    try:
        folder.mkdir(exist_ok=True)
        for name, _, blocks in FIGURES:
            files = {kind: folder / f"figure_{name}.{kind}" for kind in ("svg", "png")}
            figure = draw_figure(report, name, blocks)
            if figure is None:
                for file in files.values():  # of an earlier report
                    file.unlink(missing_ok=True)
                drawn[name] = None
                continue
            put(files["svg"], lambda file: figure.savefig(file, format="svg", metadata={"Date": None}))
            put(files["png"], lambda file: figure.savefig(file, format="png"))
            pyplot.close(figure)
            drawn[name] = files["svg"].read_text(encoding="utf-8")
    except OSError as error:
        raise Failure(CANNOT_CREATE, f"{folder}: cannot write ({error.strerror}); copy the report elsewhere") from error
    return drawn


# ---- the page ----

CSS = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1d1d1f;--soft:#5f6368;--line:#d9dbdf;--card:#f6f7f8;--link:#0b57a4;
--yes:#0b6b4b;--yesbg:#dff3ea;--no:#8f2f00;--nobg:#fbe5da;--none:#5f6368;--nonebg:#ececee;--few:#6b5200;--fewbg:#fbf0cf}
@media (prefers-color-scheme:dark){:root{--bg:#16181b;--fg:#e8e8ea;--soft:#a5a9b0;--line:#3a3e45;--card:#1f2226;--link:#8ab8f0;
--yes:#8fe0bf;--yesbg:#12382b;--no:#ffb591;--nobg:#472312;--none:#b4b8be;--nonebg:#2b2f35;--few:#ecd38a;--fewbg:#3d3211}}
*{box-sizing:border-box}html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1060px;margin:0 auto;padding:24px 20px 60px}h1{font-size:1.7rem;line-height:1.25;margin:.2em 0}
h2{font-size:1.25rem;margin:2.2em 0 .5em}h3{font-size:1.05rem;margin:0 0 .6em}a{color:var(--link)}
.soft{color:var(--soft)}nav a{display:inline-block;margin:0 1em .3em 0}
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{padding:.5em .6em;text-align:left;vertical-align:top;
border-bottom:1px solid var(--line)}th{font-weight:600}td.num{font-variant-numeric:tabular-nums;white-space:nowrap}
.verdict{display:inline-block;padding:.05em .6em;border-radius:1em;font-weight:600;white-space:nowrap}
.holds{color:var(--yes);background:var(--yesbg)}.fails{color:var(--no);background:var(--nobg)}.none{color:var(--none);background:var(--nonebg)}
.few{color:var(--few);background:var(--fewbg)}.parts{border:0;background:none;padding:0;margin:.2em 0 0}.parts ul{margin:.3em 0;padding-left:1.2em}
figure{margin:0 0 2.5em;padding:16px;border:1px solid var(--line);border-radius:10px;background:var(--card);scroll-margin-top:8px}
.picture{background:#fff;border-radius:6px;padding:8px;overflow-x:auto}.picture svg{display:block;width:100%;height:auto;min-width:640px;margin:0 auto}
figcaption p{margin:.6em 0 0;font-size:.9rem}.anchor{scroll-margin-top:12px}
details{border:1px solid var(--line);border-radius:8px;padding:.5em .9em;margin:.8em 0;background:var(--card)}summary{cursor:pointer}
pre{overflow-x:auto;font-size:.8rem;line-height:1.4}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2em 1em;margin:.6em 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
@media (max-width:760px){main{padding:16px 12px 40px}figure{padding:10px;margin-left:-4px;margin-right:-4px}
thead{position:absolute;left:-9999px}table,tbody,tr,td{display:block}tr{border:1px solid var(--line);border-radius:8px;margin:0 0 .8em;
padding:.4em .7em;background:var(--card)}td{border:0;padding:.15em 0}td.num{white-space:normal}
td[data-label]::before{content:attr(data-label) " ";color:var(--soft)}td:empty{display:none}}
@media print{figure{break-inside:avoid}}
"""

VERDICTS = {"holds": ("holds", "\u2713"), "does not hold": ("fails", "\u2717"), "too few members": ("few", "?"),
            "not run": ("none", "\u2013")}


def minus(text):
    return text.replace("-", "\u2212")


def number(value, form=".3g"):
    if value is None or isinstance(value, float) and not math.isfinite(value):
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return minus(str(value) if isinstance(value, int) else format(value, form))
    return html.escape(str(value))


def effect(claim):
    low, high = number(claim.get("effect_low")), number(claim.get("effect_high"))
    value, name = number(claim.get("effect")), html.escape(claim.get("effect_name") or "")
    return f"{name} {value}".strip() + (f" [{low}, {high}]" if low and high else "") if value else ""


def verdict(word):
    css, sign = VERDICTS.get(word, ("none", "?"))
    return f'<span class="verdict {css}">{sign} {html.escape(str(word))}</span>'


def findings(claim):
    """The statements that a claim consists of, folded away."""
    items = []
    for part in claim.get("findings") or []:
        words = [html.escape(str(part.get("statement", ""))) + (" (aside)" if part.get("aside") else "")]
        words += [minus_numbers(part.get("statistic")), effect(part),
                  f"p {chance(part.get('p'))}" if chance(part.get("p")) else "",
                  f"n needed: {number(part['n_needed'])}" if part.get("n_needed") else ""]
        items.append(f"<li>{verdict(part.get('verdict'))} {'; '.join(filter(None, words))}</li>")
    if claim.get("note"):
        items.append(f"<li>{minus_numbers(claim['note'])}</li>")
    return f'<details class="parts"><summary>in detail</summary><ul>{"".join(items)}</ul></details>' if items else ""


def minus_numbers(text):
    """Text for the page, with real signs before numbers."""
    return re.sub(r"(?<![\w.])-(?=[\d.])", "\u2212", html.escape(str(text or "")).replace("+-", "\u00b1"))


def chance(p):
    if not number(p):
        return ""
    return "&lt; 0.0001" if p < 1e-4 else number(float(p), ".2g")


def claim_row(claim, anchors):
    panels = [f'<a href="#panel-{p}">{p}</a>' if p in anchors else html.escape(p)
              for p in re.split(r"[,\s]+", str(claim.get("panel") or "").strip()) if p]
    sentence = str(claim["text"])[:1].upper() + str(claim["text"])[1:]
    statistic = f'<div class="soft">{minus_numbers(claim["statistic"])}</div>' if claim.get("statistic") else ""
    cells = [("", "", f'<a id="claim-{claim["claim"]}"></a>{number(claim["claim"])}. {html.escape(sentence)}'
                      f"{statistic}{findings(claim)}"),
             ("", "", verdict(claim["verdict"])), ("", "Panel", ", ".join(panels)),
             ("num", "n =", number(claim.get("n")) if claim["verdict"] != "not run" else ""),
             ("num", "Effect:", effect(claim)), ("num", "p", chance(claim.get("p")))]
    return "<tr>" + "".join(
        "<td" + (f' class="{kind}"' if kind else "") + (f' data-label="{name}"' if name and text else "") + f">{text}</td>"
        for kind, name, text in cells) + "</tr>"


def inline(svg, name):
    """The picture without its XML head, its ids made unique on the page."""
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'\bid="', f'id="f{name}-', svg)
    svg = re.sub(r'(href="|url\()#', rf"\1#f{name}-", svg)
    return svg.replace("<svg ", f'<svg role="img" aria-labelledby="heading-{name}" ', 1)


def figure_block(report, name, heading, blocks, svg):
    wanted = panels_of(name, blocks)
    anchors = "".join(f'<span class="anchor" id="panel-{panel}"></span>' for _, panel in wanted)
    missing = [panel for _, panel in wanted if panel not in report.panels]
    head = f'<figure id="figure-{name}">{anchors}<h3 id="heading-{name}">Figure {name}. {html.escape(heading)}</h3>'
    if svg is None:
        return head + '<p><span class="verdict none">\u2013 not run</span> Nothing of this figure is in panels.h5.</p></figure>'
    captions = {}  # panels that say the same say it once
    for letter, panel_name in wanted:
        panel = report.panels.get(panel_name)
        if panel is None:
            continue
        text = panel.caption.strip() or panel.title
        counts = panel.counts() if not re.search(r"\bn\b", text) else ""
        captions.setdefault(f"{html.escape(text)} {counts}".strip(), []).append(letter)
    blocks = [f"<p>{'' if letters == ['1'] else '<b>' + ', '.join(letters) + '</b> '}{text}</p>"
              for text, letters in captions.items()]
    if missing:
        blocks.append(f'<p class="soft">Not run: {", ".join(missing)}.</p>')
    return f'{head}<div class="picture" tabindex="0">{inline(svg, name)}</div><figcaption>{"".join(blocks)}</figcaption></figure>'


def example_item(example):
    if example.get("member", "-1") == "-1":
        return ""
    fraction = number(float(example["prune_fraction"])) if example["prune_fraction"] else "?"
    return (f"<dt>example</dt><dd>member {html.escape(example['member'])} at prune fraction {fraction}: "
            f"{html.escape(example['rule'])}</dd>")


def page(report, drawn):
    texts = {key: html.escape(value) for key, value in report.texts.items()}
    title = "A network that rewires itself" if report.texts["experiment"] == "lever" else "Pruned networks and their twins"
    anchors = {panel for name, _, blocks in FIGURES for _, panel in panels_of(name, blocks)}
    tally = ", ".join(f"{word}: {sum(c['verdict'] == word for c in report.claims)}" for word in VERDICTS)
    nav = " ".join(f'<a href="#figure-{name}">Figure {name}</a>' for name, *_ in FIGURES)
    example = "".join(map(example_item, report.examples.values()))
    others = "".join(f"<dt>and</dt><dd>{html.escape(name)}</dd>" for name in report.others)
    figures = "\n".join(figure_block(report, name, heading, blocks, drawn[name]) for name, heading, blocks in FIGURES)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{texts["source"]}: {title[0].lower() + title[1:]}</title><style>{CSS}</style></head>
<body><main>
<h1>{title}</h1>
<p class="soft">Experiment {texts["experiment"]} from {texts["source"]}, laid out like the figures of Averbeck, PNAS 2022,
<a href="https://doi.org/10.1073/pnas.2121331119">doi 10.1073/pnas.2121331119</a>, and (K5) Kappel et al., eNeuro 2018,
<a href="https://doi.org/10.1523/ENEURO.0301-17.2018">doi 10.1523/ENEURO.0301-17.2018</a>.</p>
<nav><a href="#scorecard">Scorecard</a> {nav}</nav>
<h2 id="scorecard">Scorecard</h2>
<p>What the papers claim, tested on these networks ({tally}). Effects have 95 % intervals.</p>
<table><thead><tr><th>Claim and statistic</th><th>Verdict</th><th>Panel</th><th>n</th><th>Effect</th><th>p</th></tr></thead>
<tbody>
{chr(10).join(claim_row(claim, anchors) for claim in report.claims)}
</tbody></table>
<h2>Figures</h2>
{figures}
<h2 id="provenance">Where this comes from</h2>
<dl><dt>program</dt><dd>{texts["program"]}</dd><dt>experiment</dt><dd>{texts["experiment"]}</dd>
<dt>source</dt><dd>{texts["source"]}</dd>{others}{example}</dl>
<details><summary>Configuration</summary><pre>{texts["config"]}</pre></details>
</main></body></html>
"""


class Arguments(argparse.ArgumentParser):
    def error(self, message):
        self.exit(USAGE, f"{self.prog}: {message}\nTry '{self.prog} --help'.\n")


def main():
    global gridspec, h5py, lines, np, patches, pyplot
    parser = Arguments(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog=EXAMPLES)
    parser.add_argument("folder", metavar="DIR", type=pathlib.Path, help="directory that `espalier report` wrote")
    folder = parser.parse_args().folder
    try:
        import numpy as np
        import h5py
        import matplotlib
        matplotlib.use("Agg")
        from matplotlib import gridspec, lines, patches, pyplot
    except ImportError as missing:
        print(f"figures.py: {sys.executable} has no {missing.name} ({NEEDS})", file=sys.stderr)
        return UNAVAILABLE
    matplotlib.rcdefaults()  # what a user has set must not change the pictures
    pyplot.rcParams.update(STYLE)
    try:
        report = Report(folder)
        drawn = draw_all(report)
        try:
            put(folder / "report.html", lambda file: file.write(page(report, drawn).encode()))
        except OSError as error:
            raise Failure(CANNOT_CREATE, f"{folder / 'report.html'}: cannot write ({error.strerror})") from error
    except Failure as failure:
        print(f"figures.py: {failure}", file=sys.stderr)
        return failure.status
    for text in report.newer():
        print(f"figures.py: {text}", file=sys.stderr)
    print(f"{folder / 'report.html'}: {len(report.panels)} panels, {len(report.claims)} claims")
    return OK


if __name__ == "__main__":
    sys.exit(main())
