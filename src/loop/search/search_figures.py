"""Figures of a search: the same numbers give the same pictures."""

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from loop.base.plotting import BAND, BLUE, GREY, INK, ORANGE, canvas, picture
from loop.settings.search_settings import Value
from problem import metrics

if TYPE_CHECKING:
    from loop.search.ranking import Ranked
    from loop.search.search import Outcome

LINES_MAX = 200  # of parallel coordinates: the best


def drawn(found: "Outcome") -> dict[str, str]:
    """Name -> SVG."""
    figures = {"history": _history(found), "parallel": _parallel(found)}
    return figures | ({"importance": _importance(found)} if found.importance else {})


def _history(found: "Outcome") -> str:
    """Gain over the params as they are, trial by trial, with its interval; and the best so far."""
    svg = io.StringIO()
    ranked = sorted(found.ranking.ranked, key=lambda one: one.trial.number)
    numbers = np.array([one.trial.number for one in ranked])
    gains = np.array([[one.gain.low, one.gain.gain, one.gain.high] for one in ranked])
    with canvas(9.6, 3.4, svg) as (_, axes):
        axes.axhline(0, color=GREY, linewidth=1, linestyle="--", label="the params as they are")
        axes.vlines(numbers, gains[:, 0], gains[:, 2], color=BAND, linewidth=4, label="interval of one alone")
        axes.plot(numbers, gains[:, 1], "o", color=BLUE, markersize=4, label="gain of a trial")
        best = np.fmax.accumulate(gains[:, 1])
        axes.step(numbers, best, where="post", color=ORANGE, linewidth=1.5, label="the best so far")
        shown = gains[:, 1][np.isfinite(gains[:, 1])]
        low, high = np.quantile(shown, 0.1), gains[np.isfinite(gains[:, 2]), 2].max(initial=shown.max())
        room = max(high - low, 1e-9) * 0.15
        end = min(low, 0) - room  # a trial that is far worse need not be seen whole
        axes.set_ylim(end, high + room)
        if len(far := numbers[gains[:, 1] < end]):
            axes.plot(far, np.full(len(far), end), "v", color=BLUE, clip_on=False, label="far below")
        axes.set(xlabel="trial", ylabel=f"gain in {metrics.METRICS[metrics.PRIMARY].title}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=5, fontsize=9)
    return picture(svg, "gain of each trial over the params as they are")


def _importance(found: "Outcome") -> str:
    svg = io.StringIO()
    names = [*found.importance][::-1]
    with canvas(9.6, 0.9 + 0.34 * len(names), svg) as (_, axes):
        shares = [found.importance[name] for name in names]
        axes.barh(names, shares, color=BLUE, height=0.6)
        for place, share in enumerate(shares):
            axes.text(share, place, f" {share:.0%}", va="center")
        axes.set(xlabel="share of what moved the loss", xlim=(0, max([*shares, 1e-9]) * 1.15))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    return picture(svg, "how much each param matters")


def _parallel(found: "Outcome") -> str:
    """A line for each complete trial through its values to its gain; the better, the darker."""
    svg = io.StringIO()
    keys = [*found.settings.space]
    ranked = found.ranking.ranked[:LINES_MAX]
    usual = found.ranking.usual.number
    with canvas(9.6, 4.0, svg) as (_, axes):
        scales = [_scale(ranked, key) for key in keys]
        for place, one in reversed([*enumerate(ranked)]):
            height = [scale[repr(one.trial.values[key])] for key, scale in zip(keys, scales, strict=True)]
            share = 1 - place / max(1, len(ranked) - 1)
            height.append(share)
            style: dict[str, Any] = {"color": BLUE, "linewidth": 1.0, "alpha": 0.1 + 0.5 * share**2}
            if place == 0:
                style = {"color": ORANGE, "linewidth": 2.5, "label": "the best"}
            if one.trial.number == usual:
                style = {"color": INK, "linewidth": 2, "linestyle": "--", "label": "the params as they are"}
            axes.plot(range(len(height)), height, **style)
        for place, (key, scale) in enumerate(zip(keys, scales, strict=True)):
            axes.axvline(place, color=GREY, linewidth=1)
            for value, at in _ends(ranked, key, scale):
                axes.annotate(value, (place, at), (4, -3), textcoords="offset points", fontsize=9)
        axes.axvline(len(keys), color=GREY, linewidth=1)
        worst = len(ranked) - 1
        for place in {0, worst // 2, worst}:
            gain, at = f"{ranked[place].gain.gain:+.2g}", 1 - place / max(1, worst)
            axes.annotate(gain, (len(keys), at), (4, -3), textcoords="offset points", fontsize=9)
        axes.set_xticks(range(len(keys) + 1), [*keys, "gain"])
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set(ylim=(-0.06, 1.06), xlim=(-0.3, len(keys) + 0.6))
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.13), ncols=2)
    return picture(svg, "the values of each trial, and which were the best")


def _scale(ranked: list["Ranked"], key: str) -> dict[str, float]:
    """Where each value stands between the smallest (0) and the largest (1): by rank, so that all are seen."""
    values = {repr(one.trial.values[key]): one.trial.values[key] for one in ranked}
    ordered = sorted(values, key=lambda name: (isinstance(values[name], str), values[name]))
    return {name: place / max(1, len(ordered) - 1) for place, name in enumerate(ordered)}


def _ends(ranked: list["Ranked"], key: str, scale: dict[str, float]) -> list[tuple[str, float]]:
    """The smallest, the largest and up to three between, as labels of an axis."""
    names = sorted(scale, key=lambda name: scale[name])
    chosen = names if len(names) <= 6 else [names[len(names) * part // 5] for part in range(5)] + names[-1:]
    values = {repr(one.trial.values[key]): one.trial.values[key] for one in ranked}
    return [(_short(values[name]), scale[name]) for name in chosen]


def _short(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
