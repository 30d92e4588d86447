"""Figures of a comparison: each an SVG text. Shape and place carry the meaning, colour repeats it."""

import io

import numpy as np

from loop.base.plotting import BAND, BLUE, GREY, INK, ORANGE, canvas, picture
from loop.data import score_columns
from loop.review.compare import Rows, Slice
from loop.review.verdict import Calibration, Metric, Tenth
from loop.stats import paired
from problem import metrics

Names = tuple[str, str]  # of both models


def draw(
    table: list[Metric],
    calibration: Calibration | None,
    rows: Rows,
    slices: list[Slice],
    names: Names = ("champion", "candidate"),
) -> dict[str, str]:
    """Each figure's name and its SVG: gains, clusters, slices, scores, and calibration."""
    primary = next(metric for metric in table if metric.role == "primary")
    return {
        "gains": _gains(table),
        "clusters": _clusters(primary, rows, names),
        "slices": _slices(primary, slices),
        "scores": _scores(rows, names),
        **({"calibration": _calibration(calibration, names)} if calibration else {}),
    }


def _gains(table: list[Metric]) -> str:
    """Each judged metric's gain with its interval, in margins."""
    judged = [metric for metric in table if metric.margin and metric.low is not None][::-1]
    svg = io.StringIO()
    with canvas(10.6, 1.1 + 0.42 * len(judged), svg) as (_, axes):
        axes.axvspan(-1, 1, color=BAND, label="within the margin")
        axes.axvline(0, color=GREY, linewidth=1)
        for place, metric in enumerate(judged):
            low, middle, high = (
                (value or 0.0) / (metric.margin or 1) for value in (metric.low, metric.gain, metric.high)
            )
            axes.plot([low, high], [place, place], color=INK, marker="|", markersize=9)
            axes.plot(middle, place, color=BLUE, marker="o")
            axes.annotate(metric.verdict, (high, place), (8, -3), textcoords="offset points", fontsize=9)
        names = [f"{metric.title}{' (decides)' if metric.role == 'primary' else ''}" for metric in judged]
        axes.set_yticks(range(len(judged)), names)
        axes.margins(x=0.12)
        axes.set(xlabel="worse  <   gain, in margins   >  better", ylim=(-0.6, len(judged) - 0.4))
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1))
    return picture(svg, "gain in each judged metric with its interval, in margins")


def _clusters(primary: Metric, rows: Rows, names: Names) -> str:
    """The gain within each cluster, in the primary metric."""
    clusters = rows.weight.shape[1]
    metric = metrics.METRICS[primary.name]
    gains = paired.by_cluster(
        metric, rows.label, rows.scores, rows.codes, clusters, row_weight=rows.row_weight
    )
    svg = io.StringIO()
    with canvas(10.6, 3.0, svg) as (_, axes):
        place = np.arange(clusters)
        better = gains > 0
        axes.bar(place[better], gains[better], color=BLUE, label=f"{names[1]} better")
        axes.bar(
            place[~better],
            gains[~better],
            color="white",
            edgecolor=ORANGE,
            hatch="////",
            label=f"{names[0]} better",
        )
        axes.axhline(0, color=GREY, linewidth=1)
        step = max(1, clusters // 8)
        axes.set_xticks(list(place)[::step], [str(name) for name in rows.names][::step])
        axes.set(ylabel=f"gain in {primary.title}")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return picture(svg, f"gain in {primary.title} within each cluster")


def _slices(primary: Metric, slices: list[Slice]) -> str:
    shown = [part for part in slices if np.isfinite(part.gain.gain)][::-1]
    svg = io.StringIO()
    with canvas(10.6, 1.1 + 0.27 * max(1, len(shown)), svg) as (_, axes):
        axes.axvline(0, color=GREY, linewidth=1)
        for place, part in enumerate(shown):
            gain = part.gain
            axes.plot([gain.low, gain.high], [place, place], color=INK, linewidth=1, marker="|", markersize=6)
            marker, colour = ("X", ORANGE) if part.worse else ("o", BLUE)
            axes.plot(gain.gain, place, color=colour, marker=marker, markersize=8 if part.worse else 5)
        names = [f"{part.cut}: {part.name}  ({part.gain.rows:,})" for part in shown]
        axes.set_yticks(range(len(shown)), names)
        axes.set(xlabel=f"worse  <   gain in {primary.title}   >  better", ylim=(-0.7, len(shown) - 0.3))
        axes.grid(axis="x", color="#e6e9ee")
        axes.set_axisbelow(True)
    return picture(svg, f"gain in {primary.title} of each slice")


def _calibration(found: Calibration, names: Names) -> str:
    svg = io.StringIO()
    with canvas(5.2, 4.2, svg) as (_, axes):
        champion, candidate = _curve(found.champion), _curve(found.candidate)
        ends = [min(champion[0][0], candidate[0][0]), max(champion[0][-1], candidate[0][-1])]
        axes.plot(ends, ends, color=GREY, linestyle="--", linewidth=1, label="perfectly calibrated")
        axes.plot(*champion, color=ORANGE, marker="s", markersize=4, linestyle=":", label=names[0])
        axes.plot(*candidate, color=BLUE, marker="o", markersize=4, label=names[1])
        axes.set(xlabel=f"mean {metrics.SCORE}", ylabel=metrics.LABEL)
        axes.legend(loc="best")
    return picture(svg, f"{metrics.LABEL} against {metrics.SCORE}, of both models")


def _curve(tenths: list[Tenth]) -> tuple[list[float], list[float]]:
    return [one.predicted for one in tenths], [one.outcome for one in tenths]


def _scores(rows: Rows, names: Names) -> str:
    svg = io.StringIO()
    champion, candidate = map(score_columns.top, rows.scores)
    with canvas(5.2, 4.2, svg) as (_, axes):
        low, high = min(champion.min(), candidate.min()), max(champion.max(), candidate.max())
        edges = np.linspace(low, high + 1e-9, 41).tolist()
        axes.hist(candidate, edges, color=BAND, edgecolor=BLUE, linewidth=0.6, label=names[1])
        axes.hist(champion, edges, histtype="step", color=ORANGE, linestyle="--", label=names[0])
        axes.set(xlabel=metrics.SCORE, ylabel="rows")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.legend()
    return picture(svg, f"how many rows get which {metrics.SCORE}, of both models")
