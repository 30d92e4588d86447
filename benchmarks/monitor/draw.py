"""Figures of monitor.json for docs/monitoring-judged.md: the same file gives the same pictures."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from loop.base.files import write_text
from loop.base.plotting import BAND, BLUE, GREY, INK, ORANGE, canvas, picture

FOLDER = Path(__file__).parent.parent.parent / "docs/figures"
DRAWN = {"days": "days, one by one", "weeks": "weeks", "four weeks": "four weeks at a time"}
RULES = {
    "retrain or alert": ("retrain or alert", BLUE, "o"),
    "reported": ("warning, retrain or alert", BLUE, "s"),
    "bare, ten most used": ("bare PSI > 0.25, ten most important features", ORANGE, "X"),
    "bare, any feature": ("bare PSI > 0.25, any feature", ORANGE, "D"),
}
TITLES = {
    "mean": "mean raised, in standard deviations",
    "variance": "standard deviation multiplied by",
    "category mix": "share of rows with one category",
    "missing": "share of rows without a value",
    "clock": "one station's clock, hours late",
    "labels": "labels flipped in the largest slice",
}


def draw(found: dict[str, Any]) -> None:
    """Write a figure for each part that was measured."""
    for name, figure in {"alarms": _alarms, "power": _power, "months": _months}.items():
        if name in found:
            on_white = figure(found).replace("<svg", '<svg style="background: #fff"', 1)
            write_text(FOLDER / f"monitor-{name}.svg", on_white)


def _alarms(found: dict[str, Any]) -> str:
    svg = io.StringIO()
    with canvas(10.6, 4.2, svg) as (_, axes):
        axes.axvline(0.05, color=GREY, linestyle="--", linewidth=1)
        axes.annotate("5 %", (0.05, 2.52), (3, 0), textcoords="offset points", fontsize=9, color=GREY)
        for place, name in enumerate(reversed(DRAWN)):
            for off, (rule, (label, colour, mark)) in enumerate(RULES.items()):
                one, at = counted(found["alarms"][name], rule), place + 0.27 - 0.18 * off
                axes.plot([one["low"], one["high"]], [at, at], color=INK, linewidth=1)
                text = label if place == 0 else None
                axes.plot(one["share"], at, mark, color=colour, markersize=6, label=text)
                beside = (max(one["high"], 0.05), at)
                axes.annotate(f"{one['share']:.1%}", beside, (6, -3), textcoords="offset points", fontsize=9)
        axes.set_yticks(range(len(DRAWN)), list(DRAWN.values())[::-1])
        axes.set(
            xlabel="share of runs that report something, on resampled training months where nothing changed",
            xlim=(-0.01, 1.06),
            ylim=(-0.5, 2.7),
        )
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1])
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return picture(svg, "false alarms of the monitor and of a bare limit on PSI")


def counted(case: dict[str, Any], rule: str) -> dict[str, float]:
    """The share of a rule, decisions added up."""
    from benchmarks.verdicts.data import share

    told = ("retrain", "alert")
    decisions = {"retrain or alert": told, "reported": ("warning", "loss", *told)}
    if rule not in decisions:
        return dict(case[rule])
    hits = sum(case["decisions"].get(one, {"hits": 0})["hits"] for one in decisions[rule])
    return share(hits, case["decisions"]["nothing"]["of"])


def _power(found: dict[str, Any]) -> str:
    svg = io.StringIO()
    cases = found["power"]["cases"]
    with canvas(10.6, 6.4, svg) as (figure, first):
        first.remove()
        panels = figure.subplots(2, 3, sharey=True).ravel()
        for axes, (name, title) in zip(panels, TITLES.items(), strict=True):
            _panel(axes, cases[name], cases["nothing"]["found"][0])
            axes.set_title(title, fontsize=10)
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        for axes in panels[::3]:
            axes.set_ylabel("share reported")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=4)
    return picture(svg, "share of planted faults that the monitor reports, by size")


def _panel(axes: Axes, case: dict[str, Any], nothing: dict[str, Any]) -> None:
    places = np.arange(len(case["sizes"]))
    for weeks, colour, mark, line in (("four weeks", BLUE, "o", "-"), ("eight weeks", ORANGE, "s", "--")):
        shares = [one[weeks] for one in case["found"]]
        axes.vlines(
            places, [s["low"] for s in shares], [s["high"] for s in shares], color=colour, linewidth=1
        )
        axes.plot(
            places, [s["share"] for s in shares], line, marker=mark, color=colour, label=f"within {weeks}"
        )
    axes.axhspan(0, nothing["eight weeks"]["share"], color=BAND, label="with nothing planted, in eight weeks")
    percent = case["unit"].startswith("of")
    axes.set_xticks(places, [f"{size:.0%}" if percent else f"{size:g}" for size in case["sizes"]])
    axes.set(ylim=(-0.04, 1.04), xlim=(-0.3, len(places) - 0.7))


def _months(found: dict[str, Any]) -> str:
    svg = io.StringIO()
    months, naive = found["months"]["months"], found["months"]["naive"]
    places = np.arange(len(months))
    with canvas(10.6, 4.0, svg) as (_, axes):
        axes.axhline(naive, color=GREY, linestyle="--", linewidth=1, label="mean of the training months")
        kinds = (
            ("expected", "expected from scores alone", BLUE, "o"),
            ("realised", "came true", ORANGE, "s"),
        )
        for off, (kind, label, colour, mark) in enumerate(kinds):
            at = places - 0.08 + 0.16 * off
            axes.vlines(
                at, [m[f"{kind}_low"] for m in months], [m[f"{kind}_high"] for m in months], color=colour
            )
            axes.plot(at, [m[kind] for m in months], mark, color=colour, markersize=7, label=label)
        axes.set_xticks(places, [m["month"] for m in months])
        axes.set_ylabel("log loss of the frozen champion")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return picture(svg, "expected and realised loss of the frozen champion by month")
