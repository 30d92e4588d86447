"""Figures of an evaluation, each an SVG text."""

import io
from typing import Any

from loop.base.plotting import BAND, BLUE, GREY, INK, ORANGE, canvas, picture
from problem import metrics


def draw(found: Any, confidence: float) -> dict[str, str]:
    """Each figure's name and its SVG: calibration, scores, clusters, slices."""
    return {
        "calibration": _calibration(found.calibration, confidence),
        "scores": _scores(found.scores),
        "clusters": _clusters(found.clusters),
        "slices": _slices(found.slices, found.metrics[metrics.PRIMARY]),
    }


def _calibration(bins: Any, confidence: float) -> str:
    svg = io.StringIO()
    with canvas(5.2, 4.2, svg) as (_, axes):
        low, high = bins["mean_score"].min(), bins["mean_score"].max()
        axes.plot(
            [low, high], [low, high], color=GREY, linestyle="--", linewidth=1, label="perfectly calibrated"
        )
        gaps = [bins["mean_label"] - bins["low"], bins["high"] - bins["mean_label"]]
        axes.errorbar(
            bins["mean_score"],
            bins["mean_label"],
            yerr=[gap.clip(lower=0) for gap in gaps],
            fmt="o",
            color=BLUE,
            capsize=3,
            label=f"a tenth of the rows, {confidence:.0%} interval",
        )
        axes.set(xlabel=f"mean {metrics.SCORE}", ylabel=metrics.LABEL)
        axes.legend(loc="best")
    return picture(svg, f"{metrics.LABEL} against {metrics.SCORE}, in ten bins")


def _scores(scores: Any) -> str:
    svg = io.StringIO()
    with canvas(5.2, 4.2, svg) as (_, axes):
        width = (scores["score"].iloc[1] - scores["score"].iloc[0]) * 0.92
        axes.bar(scores["score"], scores["rows"], width=width, color=BAND, edgecolor=BLUE, linewidth=0.6)
        axes.set(xlabel=metrics.SCORE, ylabel="rows")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        share = axes.twinx()
        enough = scores[scores["rows"] >= min(20, scores["rows"].max() / 2)]
        share.plot(
            enough["score"], enough["labels"] / enough["rows"], color=ORANGE, marker=".", label=metrics.LABEL
        )
        share.set(ylabel=metrics.LABEL)
        share.spines["right"].set_visible(True)
        share.legend(loc="lower left", bbox_to_anchor=(0, 1))
    return picture(svg, f"how many rows have which {metrics.SCORE}")


def _clusters(days: Any) -> str:
    svg = io.StringIO()
    with canvas(10.6, 3.2, svg) as (_, axes):
        place = range(len(days))
        axes.plot(place, days["mean_label"], color=ORANGE, marker="o", markersize=4, label=metrics.LABEL)
        axes.plot(
            place,
            days["mean_score"],
            color=BLUE,
            marker="s",
            markersize=4,
            linestyle="--",
            label=f"mean {metrics.SCORE}",
        )
        axes.fill_between(place, days["mean_label"], days["mean_score"], color=BAND)
        step = max(1, len(days) // 8)
        axes.set_xticks(list(place)[::step], [str(name) for name in days["cluster"]][::step])
        axes.legend(loc="upper left", ncols=2, bbox_to_anchor=(0, 1.15))
    return picture(svg, f"{metrics.LABEL} and mean {metrics.SCORE}, by cluster")


def _slices(slices: Any, overall: Any) -> str:
    rows = slices[(slices["metric"] == metrics.PRIMARY) & slices["value"].notna()].iloc[::-1]
    svg = io.StringIO()
    with canvas(10.6, 1.0 + 0.27 * len(rows), svg) as (_, axes):
        axes.axvspan(overall.low, overall.high, color=BAND, label="all rows, with interval")
        axes.axvline(overall.value, color=BLUE, linewidth=1)
        place = range(len(rows))
        gaps = [rows["value"] - rows["low"], rows["high"] - rows["value"]]
        axes.errorbar(
            rows["value"],
            place,
            xerr=[gap.fillna(0).clip(lower=0) for gap in gaps],
            fmt="o",
            color=INK,
            markersize=4,
            capsize=2,
        )
        names = [
            f"{cut}: {name}  ({n:,})"
            for cut, name, n in zip(rows["cut"], rows["slice"], rows["rows"], strict=True)
        ]
        axes.set_yticks(list(place), names)
        axes.set(xlabel=metrics.METRICS[metrics.PRIMARY].title, ylim=(-0.7, len(rows) - 0.3))
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1))
        axes.grid(axis="x", color="#e6e9ee")
        axes.set_axisbelow(True)
    return picture(svg, f"{metrics.METRICS[metrics.PRIMARY].title} by slice")
