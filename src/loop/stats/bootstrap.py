"""Intervals for metrics when rows of one cluster (a day) resemble each other.

Clusters are resampled whole. A metric is turned once into a function of cluster weights, so
that thousands of replicates cost one product of matrices instead of as many passes over rows.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from loop.kit.types import Metric

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]  # (rows,): the number of each row's cluster
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
    quantile = stdtrit(clusters - 1, 1 - (1 - confidence) / 2)
    tail = ndtr(-np.sqrt(clusters / (clusters - 1)) * quantile)
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def statistic(
    metric: Metric,
    label: Floats,
    score: Floats,
    codes: Codes,
    clusters: int,
    *,
    row_weight: Floats | None = None,
) -> Statistic:
    """A metric of the problem as a function of cluster weights; `codes` names each row's cluster.

    A row of `row_weight` 2 counts as two rows; without them each counts as one.
    """
    if metric.rows is None:  # the one that is built in
        return roc_auc(label, score, codes, clusters, row_weight=row_weight)
    return means(metric.rows(label, score), codes, clusters, metric.value, row_weight=row_weight)


def means(
    parts: Floats,
    codes: Codes,
    clusters: int,
    value: Callable[[Floats], Floats] | None = None,
    *,
    row_weight: Floats | None = None,
) -> Statistic:
    """The mean of `parts` (rows,) or (rows, k); `value` turns means (replicates, k) into a metric."""
    columns = np.asarray(parts, dtype=np.float64).reshape(len(codes), -1)
    if row_weight is not None:
        columns = columns * row_weight[:, None]
    sums = np.column_stack([np.bincount(codes, part, clusters) for part in columns.T])
    rows = np.bincount(codes, row_weight, clusters).astype(np.float64)

    def weighted(weight: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            found = (weight @ sums) / (weight @ rows)[:, None]
        return np.asarray(value(found)).reshape(len(weight)) if value else found[:, 0]

    return weighted


def roc_auc(
    label: Floats, score: Floats, codes: Codes, clusters: int, *, row_weight: Floats | None = None
) -> Statistic:
    """ROC AUC as w'Uw / (w'p)(w'n): U counts, for each pair of clusters, the pairs of rows won.

    A positive row (label 1) wins against a negative one with a lower score; a tie is half a win
    (Mann and Whitney 1947), and counts the product of both weights. U has shape (clusters, clusters):
    positives by negatives.
    """
    positive = label == 1
    one = np.ones(len(label)) if row_weight is None else row_weight
    ranks = np.unique(score, return_inverse=True)[1]
    order = np.argsort(ranks[positive], kind="stable")
    sorted_ranks, sorted_codes = ranks[positive][order], codes[positive][order]
    wins = np.zeros((clusters, clusters))
    sorted_weight = one[positive][order]
    for cluster in range(clusters):
        here = ~positive & (codes == cluster)
        by_rank = np.argsort(ranks[here], kind="stable")
        losers, before = ranks[here][by_rank], np.append(0.0, np.cumsum(one[here][by_rank]))
        below = before[np.searchsorted(losers, sorted_ranks, "left")]
        not_above = before[np.searchsorted(losers, sorted_ranks, "right")]
        wins[:, cluster] = np.bincount(sorted_codes, sorted_weight * (below + not_above) / 2, clusters)
    positives = np.bincount(codes[positive], one[positive], clusters).astype(np.float64)
    negatives = np.bincount(codes[~positive], one[~positive], clusters).astype(np.float64)

    def weighted(weight: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            won = ((weight @ wins) * weight).sum(axis=1)
            return np.asarray(won / ((weight @ positives) * (weight @ negatives)))

    return weighted


def estimate(of: Statistic, codes: Codes, weight: Floats, confidence: float) -> Estimate:
    """A statistic of rows with the interval that cluster weights (replicates, clusters) give.

    `codes` may leave out clusters that `weight` has: a slice's rows need not be there every day.
    """
    value = float(of(np.ones((1, weight.shape[1])))[0])
    low, high = interval(of(weight), len(np.unique(codes)), confidence)
    return Estimate(value, low, high, len(codes))
