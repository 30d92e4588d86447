"""A rise of a daily series: the one-sided cumulative sum (Page 1954, Biometrika 41).

    path[t] = max(0, path[t-1] + z[t] - slack)        z: the day's value, standardised by the baseline

How high the path may go is taken from the baseline itself, its days drawn again in blocks, not from a table
for independent normal days.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

SLACK = 0.5  # in standard deviations: a shift of twice this is found soonest
BLOCK = 7  # days that are drawn together, so that a week's pattern and its autocorrelation stay
REPLICATES = 500  # series that a limit is taken from


def path(series: ArrayLike, baseline: ArrayLike) -> Floats:
    """The path of a daily series (days,), oldest first, standardised by mean and deviation of baseline days.

    NaN where the day was; NaN throughout where the baseline has fewer than two days, or does not vary.
    """
    return np.asarray(_paths(_standard(series, baseline)[None, :])[0])


def limit(baseline: ArrayLike, run_length: int, *, seed: int) -> float:
    """How high the path may go so that false alarms come every `run_length` days on average.

    Long series of baseline days, drawn in weeks that begin on any day (circular block bootstrap: Politis and
    Romano 1992), give the chance of a first crossing by day `run_length`: for the memoryless wait that a
    false alarm is, 1 - 1/e of them, so the limit is the 1/e quantile of their highest points. Infinite where
    the baseline has fewer than two weeks of days, or does not vary.
    """
    known = np.asarray(baseline, np.float64)
    return _limit(known[np.isfinite(known)].tobytes(), run_length, seed)


@lru_cache(maxsize=16)  # the same baseline is asked for at every run
def _limit(baseline: bytes, run_length: int, seed: int) -> float:
    known = np.frombuffer(baseline)
    if len(known) < 2 * BLOCK or known.std() == 0:
        return float("inf")
    blocks = -(-run_length // BLOCK)
    starts = np.random.default_rng(seed).integers(0, len(known), (REPLICATES, blocks))
    days = ((starts[:, :, None] + np.arange(BLOCK)) % len(known)).reshape(REPLICATES, -1)[:, :run_length]
    highest = _paths(_standard(known, known)[days]).max(axis=1)
    return float(np.quantile(highest, np.exp(-1)))


def _standard(series: ArrayLike, baseline: ArrayLike) -> Floats:
    values, known = (np.asarray(side, np.float64) for side in (series, baseline))
    known = known[np.isfinite(known)]
    spread = known.std(ddof=1) if len(known) > 1 else 0.0
    return (values - known.mean()) / spread if spread > 0 else np.full_like(values, np.nan)


def _paths(place: Floats) -> Floats:
    """Paths of many series at once: (series, days)."""
    height = np.zeros(len(place))
    paths = np.full_like(place, np.nan)
    for day in range(place.shape[1]):
        known = np.isfinite(place[:, day])
        height = np.where(known, np.maximum(0, height + place[:, day] - SLACK), height)
        paths[:, day] = np.where(known, height, np.nan)
    return paths
