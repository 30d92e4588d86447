"""Figures of a finding, each an SVG text: what moved, what is beyond its limit, which labels are known."""

import io
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from loop.base.markup import figure, plain
from loop.base.plotting import BAND, BLUE, GREY, INK, ORANGE, canvas, picture
from loop.monitor.report import timeline
from loop.monitor.report.layout import settle
from loop.monitor.report.phrases import ranked, state
from loop.monitor.schema import Age, Feature, FeedChange, Finding, Signal

ROWS = 30  # of the heat map and of the signals; their tables have all
CHANGES = 6  # that are drawn
MOST = 3.0  # limits at which a bar is cut
DOT: dict[str, Any] = {"marker": "o", "color": "white", "markeredgecolor": INK, "linestyle": "none"}
UNKNOWN: dict[str, Any] = {"facecolor": "#eef0f3", "edgecolor": "#b5bcc9", "hatch": "////", "linewidth": 0}
WORDS = {"alarm": "ALARM  ", "not confirmed": "not confirmed  ", "quiet": ""}
ORDER = ("concept", "predictions", "inputs")
TINTS = ["#ffffff", "#b9d2ec", "#5b93cf", BLUE, "#123a6b"]  # lightness falls evenly
SCALE = LinearSegmentedColormap.from_list("heat", TINTS, N=40)  # of more, the scale would be a bitmap


def draw(finding: Finding) -> dict[str, str]:
    """Each figure's name and its SVG; a figure that would be empty is left out, and a broken feed has none.

    changes: a measure of the feed by day. signals: value beside limit. timeline: what was known when.
    heat: features by runs. ages: labels known.
    """
    if finding.decision == "broken feed":
        return {}
    measured = any(heat is not None for feature in finding.features for heat in feature.heat)
    heated = shown(finding.features) if finding.runs and measured else []
    aged = [age for age in finding.outcomes.ages if age.rows > 0] if finding.outcomes else []
    drawn = {
        "changes": _changes(finding.changes[:CHANGES]) if finding.changes else "",
        "signals": _signals(finding.signals) if finding.signals else "",
        "timeline": timeline.draw(finding) if timeline.days(finding) else "",
        "heat": _heat(heated, finding.runs, finding.since) if heated else "",
        "ages": _ages(aged) if aged else "",
    }
    return {name: svg for name, svg in drawn.items() if svg}


def shown(features: list[Feature]) -> list[Feature]:
    """The features of the heat map, most important first: those that alarm before those that do not."""
    chosen = sorted(range(len(features)), key=lambda place: (not features[place].alarm, place))[:ROWS]
    return [features[place] for place in sorted(chosen)]


def _changes(changes: list[FeedChange]) -> str:
    """The measure of each change, a point per day, with its day marked."""
    svg = io.StringIO()
    with canvas(10.6, 0.4 + 1.5 * len(changes), svg) as (drawing, first):
        first.remove()
        for axes, one in zip(drawing.subplots(len(changes), 1, squeeze=False)[:, 0], changes, strict=True):
            days = np.array(one.days, "datetime64[D]")
            values = np.array([np.nan if value is None else value for value in one.values])
            after = days >= np.datetime64(one.since)
            axes.plot(days[~after], values[~after], "o", color=BLUE, markersize=3)
            axes.plot(days[after], values[after], "o", color=ORANGE, markersize=3)
            axes.axvline(np.datetime64(one.since), color=INK, linewidth=1.2, linestyle="--")
            axes.set_title(plain(f"{one.place}: {one.what}", 110), fontsize=9, loc="left")
            axes.tick_params(labelsize=8)
        settle(drawing)
    return picture(svg, "what changed in the feed, by day")


def _heat(features: list[Feature], runs: list[str], since: str | None) -> str:
    """PSI over its limit: a row per feature, a column per run."""
    cells = np.array([_row(feature, len(runs)) for feature in features])
    svg = io.StringIO()
    with canvas(10.6, 1.5 + 0.28 * len(features), svg) as (drawing, axes):
        axes.remove()
        importance, heat = drawing.subplots(1, 2, width_ratios=[1, 6], sharey=True)
        _importances(importance, features)
        heat.set_facecolor("#eef0f3")
        mesh = heat.pcolormesh(np.ma.masked_invalid(cells), cmap=SCALE, vmin=0, vmax=2)
        mesh.set(edgecolor="#d5dae2", linewidth=0.4)
        for y, x in np.argwhere(np.isnan(cells)):
            heat.add_patch(Rectangle((x, y), 1, 1, **UNKNOWN))
        y, x = np.nonzero(cells > 1)
        heat.plot(x + 0.5, y + 0.5, **DOT)
        _columns(heat, runs, since)
        bar = drawing.colorbar(mesh, ax=heat, pad=0.01, label="PSI over its limit")
        bar.set_ticks([0, 1, 2], labels=["0", "limit", "2+"])
        heat.legend(handles=_legend(), loc="lower left", bbox_to_anchor=(0, 1.01), ncols=2, borderaxespad=0)
        settle(drawing)
    return picture(svg, "how far each feature moved at each run, in times of its limit")


def _row(feature: Feature, runs: int) -> list[float]:
    """A value per run, newest last; not a number where there is none."""
    known = [np.nan if heat is None else heat for heat in feature.heat][-runs:]
    return [np.nan] * (runs - len(known)) + known


def _importances(axes: Any, features: list[Feature]) -> None:
    """Permutation importance of each feature: a bar beside its name, bold where the feature alarms."""
    place, importances = np.arange(len(features)) + 0.5, [feature.importance for feature in features]
    widest = max(importances) or 1.0
    axes.barh(place, importances, height=0.6, color=BAND, edgecolor=BLUE, linewidth=0.6)
    axes.set_yticks(place, [plain(feature.name, 28) for feature in features])
    for name, spot, feature in zip(axes.get_yticklabels(), place, features, strict=True):
        name.set_fontweight("bold" if feature.alarm else "normal")
        axes.text(
            feature.importance + 0.04 * widest, spot, f"{feature.importance:.0%}", va="center", fontsize=8
        )
    axes.set(xlim=(0, 1.45 * widest), ylim=(len(features), 0), xticks=[])
    axes.set_title("importance", fontsize=10)
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)


def _columns(axes: Any, runs: list[str], since: str | None) -> None:
    """Days under the columns; a line before the first run that had the decision's reason."""
    step = max(1, -(-len(runs) // 8))
    places = list(range(len(runs)))[::-1][::step][::-1]
    axes.set_xticks([place + 0.5 for place in places], [plain(runs[place], 10) for place in places])
    axes.tick_params(axis="y", length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    first = next((place for place, run in enumerate(runs) if since and run >= since), None)
    if first is not None:
        axes.axvline(first, color=INK, linewidth=1.6, linestyle="--")


def _legend() -> list[Any]:
    return [Line2D([], [], **DOT, label="beyond its limit"), Patch(**UNKNOWN, label="not measured")]


def _signals(signals: list[Signal]) -> str:
    """Each signal's newest value in times of its limit, with its interval; the concept comes first."""
    signals = sorted(ranked(signals)[:ROWS], key=lambda one: ORDER.index(one.kind))
    svg = io.StringIO()
    with canvas(10.6, 1.2 + 0.4 * len(signals), svg) as (_, axes):
        axes.axvspan(0, 1, color=BAND, label="as the past was")
        axes.axvline(1, color=INK, linewidth=2)
        for place, signal in enumerate(signals):
            _bullet(axes, place, signal)
        axes.set_yticks(range(len(signals)), [_two_lines(f"{one.kind}: {one.title}") for one in signals])
        axes.set_xticks([0, 1, 2, MOST], ["0", "limit", "2 limits", f"{MOST:g} limits"])
        axes.set(xlim=(0, MOST * 1.32), ylim=(len(signals) - 0.4, -0.6))
        axes.tick_params(axis="y", length=0)
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)
    return picture(svg, "each signal beside its limit")


def _two_lines(text: str) -> str:
    return "\n".join(wrap(plain(text, 90), 46, max_lines=2, placeholder="…"))


def _bullet(axes: Any, place: int, signal: Signal) -> None:
    """A bar that ends at the value over its limit, and the numbers to the right."""
    numbers = f"{figure(signal.value)} of {figure(signal.limit)}"
    if signal.value is not None and signal.limit and signal.limit > 0:
        scale = (-1 if signal.value < 0 else 1) / signal.limit
        size = signal.value * scale
        colour = ORANGE if signal.alarm else BLUE
        axes.barh(place, min(size, MOST), height=0.36, color=colour)
        if signal.low is not None and signal.high is not None:
            ends = [min(max(end * scale, 0), MOST) for end in (signal.low, signal.high)]
            axes.plot(ends, [place, place], color=INK, linewidth=1.2, marker="|", markersize=7)
        if size > MOST:
            axes.plot(MOST, place, color=colour, marker=">", markersize=11, clip_on=False)
    else:
        judged = "no limit" if signal.p is None else f"p {figure(signal.p)}"
        numbers = "not measured" if signal.value is None else f"{figure(signal.value)}, {judged}"
    axes.annotate(
        f"{WORDS[state(signal)]}{numbers}",
        (MOST * 1.05, place),
        va="center",
        fontsize=9,
        fontweight="bold" if signal.confirmed else "normal",
    )


def _ages(ages: list[Age]) -> str:
    """Of the decisions that are so many days old, the share whose label is known."""
    svg = io.StringIO()
    with canvas(10.6, 2.8, svg) as (_, axes):
        days = [age.days for age in ages]
        axes.bar(
            days,
            [1.0] * len(ages),
            color="white",
            edgecolor=GREY,
            hatch="////",
            linewidth=0.6,
            label="not known",
        )
        shares = [age.known / age.rows for age in ages]
        axes.bar(days, shares, color=BAND, edgecolor=BLUE, linewidth=0.8, label="label known")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="age of the decision, in days", ylim=(0, 1.02))
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0)
    return picture(svg, "share of labels that are known, by age of the decision")
