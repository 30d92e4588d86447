"""Two models on the same rows: how much better the candidate is, and whether that is certain.

A gain is a difference turned so that above zero is better, whichever way the metric points.
Both models see the same resampled clusters, so what a day does to both cancels out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtr

from loop.kit.types import Metric
from loop.stats import bootstrap
from loop.stats.bootstrap import Codes, Floats

Outcome = Literal["better", "equivalent", "worse", "inconclusive"]


@dataclass(frozen=True)
class Gain:
    """A metric of both models on the same rows, the gain with its interval, and a p-value.

    `p` tests a gain of zero, two-sided: the gain over its bootstrap standard error, by Student's t
    with one degree of freedom less than there are clusters. NaN where the rows define nothing.
    """

    champion: float
    candidate: float
    gain: float
    low: float
    high: float
    p: float
    rows: int


def gain(
    metric: Metric,
    label: Floats,
    scores: tuple[Floats, Floats],
    codes: Codes,
    weight: Floats,
    confidence: float,
    *,
    row_weight: Floats | None = None,
) -> Gain:
    """The gain of the second of `scores` over the first, both (rows,), with its interval.

    `codes` (rows,) numbers each row's cluster; `weight` is (replicates, clusters), from
    `bootstrap.weights`. `codes` may leave out clusters that `weight` has. `row_weight`
    (rows,) says how much rows count, where they do not count the same.
    """
    values, found, replicates = drawn(metric, label, scores, codes, weight, row_weight=row_weight)
    clusters = len(np.unique(codes))
    low, high = bootstrap.interval(replicates, clusters, confidence)
    return Gain(values[0], values[1], found, low, high, _p_value(found, replicates, clusters), len(codes))


def drawn(
    metric: Metric,
    label: Floats,
    scores: tuple[Floats, Floats],
    codes: Codes,
    weight: Floats,
    *,
    row_weight: Floats | None = None,
) -> tuple[tuple[float, float], float, Floats]:
    """The metric of both models, the gain of the second, and its bootstrap replicates (replicates,)."""
    one = np.ones((1, weight.shape[1]))
    clusters = weight.shape[1]
    of = [
        bootstrap.statistic(metric, label, score, codes, clusters, row_weight=row_weight) for score in scores
    ]
    values = float(of[0](one)[0]), float(of[1](one)[0])
    losses = [(loss(metric.better, each(one))[0], loss(metric.better, each(weight))) for each in of]
    found = float(losses[0][0] - losses[1][0])
    replicates = losses[0][1] - losses[1][1]
    if metric.value or metric.better == "zero":  # resampling inflates what is not a mean: undo its shift
        defined = replicates[np.isfinite(replicates)]
        replicates = replicates + found - (defined.mean() if len(defined) else 0.0)
    return values, found, replicates


def by_cluster(
    metric: Metric,
    label: Floats,
    scores: tuple[Floats, Floats],
    codes: Codes,
    clusters: int,
    *,
    row_weight: Floats | None = None,
) -> Floats:
    """The gain of the second of `scores` within each cluster alone: (clusters,), NaN where undefined."""
    each = np.eye(clusters)
    losses = [
        loss(
            metric.better,
            bootstrap.statistic(metric, label, score, codes, clusters, row_weight=row_weight)(each),
        )
        for score in scores
    ]
    return np.asarray(losses[0] - losses[1])


def verdict(gain: Gain, margin: float) -> Outcome:
    """One of four outcomes; a difference within `margin`, either way, is nobody's concern.

    better: the interval lies above zero. equivalent: it lies within the margin. worse: it lies
    below zero and reaches beyond the margin. inconclusive: anything else, undefined included.
    """
    if not np.isfinite([gain.low, gain.high]).all():
        return "inconclusive"
    if gain.low > 0:
        return "better"
    if -margin <= gain.low and gain.high <= margin:
        return "equivalent"
    return "worse" if gain.high < 0 else "inconclusive"


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for having looked so often (Holm 1979); NaN stays and does not count."""
    p = np.asarray(p_values, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    stepped = p[order] * np.arange(len(order), 0, -1)
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1)
    return [float(value) for value in adjusted]


def loss(better: str, value: Floats) -> Floats:
    """A metric turned so that less is better, whichever way it points."""
    return {"higher": -value, "lower": value, "zero": np.abs(value)}[better]


def _p_value(found: float, replicates: Floats, clusters: int) -> float:
    defined = replicates[np.isfinite(replicates)]
    if clusters < 2 or len(defined) < 2 or not np.isfinite(found):
        return float("nan")
    error = defined.std(ddof=1) * np.sqrt(clusters / (clusters - 1))
    if error == 0:
        return 1.0 if found == 0 else 0.0
    return float(2 * stdtr(clusters - 1, -abs(found) / error))
