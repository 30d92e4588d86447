"""How much the dependence among features moved, which no single feature shows.

Each row's values are turned into normal scores: the standard normal quantile of the mid-rank that a value's
bin has in the baseline; categories rank by how frequent they are there, a missing value scores zero. Of
the scores a profile keeps sums of products by day, so the correlations of any window are at hand. A
correlation does not see a feature's own shift of mean or spread.
"""

import numpy as np
from numpy.typing import NDArray

from loop.stats.profile import Profile

Floats = NDArray[np.float64]

ROUNDING = 1e-6  # a standard deviation below this is zero


def correlations(profile: Profile) -> Floats:
    """Correlations of normal scores within each day or window: (windows, columns, columns).

    A column that does not vary correlates with nothing: zero. NaN for a window without a row.
    """
    rows = np.where(profile.rows > 0, profile.rows, np.nan)[:, None]
    known = [(profile.counts[name][:, :-1], of.scores) for name, of in profile.bins.items()]
    means = np.stack([counts @ scores for counts, scores in known], axis=1) / rows
    squares = np.stack([counts @ scores**2 for counts, scores in known], axis=1) / rows
    covariance = profile.moments / rows[:, :, None] - means[:, :, None] * means[:, None, :]
    spread = np.sqrt(np.maximum(squares - means**2, 0))  # not the diagonal: its sums are of float32
    scale = spread[:, :, None] * spread[:, None, :]
    varies = ~(spread < ROUNDING)
    there = varies[:, :, None] & varies[:, None, :]
    return np.asarray(np.divide(covariance, scale, out=np.zeros_like(covariance), where=there))


def distance(baseline: Profile, window: Profile) -> Floats:
    """Root mean square of the differences of correlations, over pairs of columns: (windows,), in [0, 2].

    Either side may have one window, then it is set against each of the other's. Zero for the same rows and
    where there is no pair; NaN for a window without a row.
    """
    moved = correlations(window) - correlations(baseline)
    pairs = np.triu_indices(len(window.bins), 1)
    if not len(pairs[0]):
        return np.zeros(len(moved))
    return np.asarray(np.sqrt((moved[:, pairs[0], pairs[1]] ** 2).mean(axis=1)))
