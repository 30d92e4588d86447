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
    svg = io.StringIO()
    with canvas(9.6, 3.4, svg) as (_, axes):
        axes.axhline(power.CAUGHT, color=GREY, linestyle="--", linewidth=1, label="nine in ten")
        styles = (("o", BLUE, "-"), ("s", ORANGE, "--"))
        for (where, points), (mark, colour, line) in zip(found.power.items(), styles, strict=False):
            known = sorted((one.loss, one.caught) for one in points if np.isfinite(one.loss) and one.loss > 0)
            text = where if where == power.EVERYWHERE else f"{where} (loss within it)"
            axes.plot(*zip(*known, strict=True), color=colour, marker=mark, linestyle=line, label=text)
        axes.axvline(found.margin, color=INK, linewidth=1, linestyle=":", label="the primary margin")
        axes.set(xlabel="planted loss in the primary metric", ylabel="share refused", xscale="log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(lambda value, _: "")
        axes.set_ylim(-0.03, 1.03)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.legend(loc="lower right")
    return picture(svg, "share of planted losses that are refused, by size")
