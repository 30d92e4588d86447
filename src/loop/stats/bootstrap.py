"""Intervals for metrics when rows of one cluster (a day) resemble each other.

Clusters are resampled whole. A metric is turned once into a function of cluster weights, so
that thousands of replicates cost one product of matrices instead of as many passes over rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]  # weights (replicates, clusters) -> values (replicates,)


@dataclass(frozen=True)
class Estimate:
    """A metric on some rows, with its interval; NaN where the rows do not define it."""

    value: float
    low: float
    high: float
    rows: int


def weights(clusters: int, replicates: int, seed: int) -> Floats:
    """How often each cluster is drawn: shape (replicates, clusters), rows sum to `clusters`."""
    draws = np.random.default_rng(seed).multinomial(clusters, np.full(clusters, 1 / clusters), replicates)
    return draws.astype(np.float64)


def interval(values: Floats, clusters: int, confidence: float) -> tuple[float, float]:
    """Expanded percentile interval of bootstrap replicates.

    The tails are widened so that few clusters do not give too short an interval:
    alpha/2 becomes Phi(-sqrt(n / (n - 1)) * t_{1 - alpha/2, n - 1}) (Hesterberg 2015, "What
    Teachers Should Know About the Bootstrap", section 5.3). Replicates that are not defined
    are left out; with fewer than two clusters the interval is NaN.
    """
    defined = values[np.isfinite(values)]
    if clusters < 2 or len(defined) == 0:
        return float("nan"), float("nan")
    quantile = t.ppf(1 - (1 - confidence) / 2, clusters - 1)
    tail = norm.cdf(-np.sqrt(clusters / (clusters - 1)) * quantile)
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def statistic(
    metric: Any, label: Floats, score: Floats, codes: NDArray[np.int64], clusters: int
) -> Statistic:
    """`metric` as a function of cluster weights; `codes` (rows,) names each row's cluster."""
    if metric.builtin == "roc_auc":
        return _roc_auc(label, score, codes, clusters)
    parts = np.asarray(metric.rows(label, score), dtype=np.float64).reshape(len(label), -1)
    sums = np.column_stack([np.bincount(codes, part, clusters) for part in parts.T])
    rows = np.bincount(codes, minlength=clusters).astype(np.float64)

    def value(weight: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            means = (weight @ sums) / (weight @ rows)[:, None]
        return np.asarray(metric.value(means) if metric.value else means[:, 0], dtype=np.float64)

    return value


def _roc_auc(label: Floats, score: Floats, codes: NDArray[np.int64], clusters: int) -> Statistic:
    """ROC AUC as w'Uw / (w'p)(w'n): U counts, for each pair of clusters, the pairs of rows won.

    A positive row wins against a negative one with a lower score; a tie is half a win
    (Mann and Whitney 1947). U has shape (clusters, clusters): positives by negatives.
    """
    positive = label == 1
    ranks = np.unique(score, return_inverse=True)[1]
    order = np.argsort(ranks[positive], kind="stable")
    sorted_ranks, sorted_codes = ranks[positive][order], codes[positive][order]
    wins = np.zeros((clusters, clusters))
    for cluster in range(clusters):
        losers = np.sort(ranks[~positive & (codes == cluster)])
        below = np.searchsorted(losers, sorted_ranks, "left")
        not_above = np.searchsorted(losers, sorted_ranks, "right")
        wins[:, cluster] = np.bincount(sorted_codes, (below + not_above) / 2, clusters)
    positives = np.bincount(codes[positive], minlength=clusters).astype(np.float64)
    negatives = np.bincount(codes[~positive], minlength=clusters).astype(np.float64)

    def value(weight: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            won = ((weight @ wins) * weight).sum(axis=1)
            return np.asarray(won / ((weight @ positives) * (weight @ negatives)))

    return value


def estimate(
    metric: Any,
    label: Floats,
    score: Floats,
    codes: NDArray[np.int64],
    *,
    weight: Floats,
    confidence: float,
) -> Estimate:
    """`metric` on the rows, with the interval that the cluster weights give.

    `codes` may leave out clusters that `weight` has: a slice's rows need not be there every day.
    """
    clusters = weight.shape[1]
    of = statistic(metric, label, score, codes, clusters)
    value = float(of(np.ones((1, clusters)))[0])
    present = len(np.unique(codes))
    low, high = interval(of(weight), present, confidence)
    return Estimate(value, low, high, len(label))
