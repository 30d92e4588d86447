"""Figures of a calibration: the same numbers give the same pictures."""

import io
from typing import TYPE_CHECKING

import numpy as np

from loop.base.plotting import BAND, BLUE, GREY, INK, ORANGE, canvas, picture
from loop.calibrate import power
from problem import metrics

if TYPE_CHECKING:
    from loop.calibrate.calibrate import Calibration

REACH = 3.0  # margins to either side that are drawn


def drawn(found: "Calibration") -> dict[str, str]:
    """Name -> SVG, on white."""
    figures = {"luck": _luck(found), "power": _power(found)}
    return {name: svg.replace("<svg", '<svg style="background: #fff"', 1) for name, svg in figures.items()}


def _luck(found: "Calibration") -> str:
    """Each pair's gain in the primary metric and the guards, in margins of its own."""
    svg = io.StringIO()
    with canvas(9.6, 1.0 + 0.5 * len(found.luck), svg) as (_, axes):
        axes.axvspan(-1, 1, color=BAND, label="within the margin")
        axes.axvline(0, color=GREY, linewidth=1)
        for place, gains in enumerate(reversed(found.luck.values())):
            spread = place + np.linspace(-0.25, 0.25, max(1, len(gains)))
            axes.plot(np.clip(gains, -REACH, REACH), spread, "o", color=BLUE, markersize=3, alpha=0.5)
        names = [metrics.METRICS[name].title for name in reversed(found.luck)]
        axes.set_yticks(range(len(names)), names)
        axes.set(
            xlabel="worse  <   gain between models that were trained alike, in margins   >  better",
            xlim=(-REACH, REACH),
            ylim=(-0.6, len(names) - 0.4),
        )
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1))
    return picture(svg, "gains between models that were trained alike, by metric, in margins")


def _power(found: "Calibration") -> str:
    """Each check's curve, over the loss in margins of its own."""
    svg = io.StringIO()
    with canvas(9.6, 3.4, svg) as (_, axes):
        axes.axhline(power.CAUGHT, color=GREY, linestyle="--", linewidth=1, label="nine in ten")
        axes.axvline(1, color=INK, linewidth=1, linestyle=":", label="the margin")
        drawn = [one for one in found.power[1:] if one.points and one.margin > 0]
        for at, one in enumerate(drawn):
            losses = [point.loss / one.margin for point in one.points]
            axes.plot(
                losses,
                [point.caught for point in one.points],
                color=(BLUE, ORANGE, INK)[at % 3],
                linestyle=("-", "--", "-.", ":")[at // 3 % 4],
                marker="osD^v"[at % 5],
                label=one.check,
            )
        axes.set(xlabel="planted loss in the check's metric, in margins", ylabel="share refused")
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(lambda value, _: "")
        axes.set_ylim(-0.03, 1.03)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return picture(svg, "share of planted losses that each check refuses, by size in margins")
