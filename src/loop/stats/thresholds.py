"""Whether a window differs more from the baseline than past windows differed among themselves.

Past windows overlap, so they count for fewer than they are: as many as fit into the baseline side by side.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

FLOOR = 1e-4  # added before the logarithm: a difference of this size or less concerns nobody
SPREAD = 0.1  # least standard deviation on the log scale: past windows that are all alike cannot tell
TINY = 1e-12  # the same for plain values, whose unit nobody knows
FEWEST = 3  # independent windows below which nothing can be judged


def p_value(value: ArrayLike, past: ArrayLike, independent: float) -> Floats:
    """Chance of at least this value in a new window, if it is like the past ones; one-sided.

    `past` (..., windows) holds the statistic of each past window against the rest of the baseline, `value`
    (...) that of the new one; a sign is dropped. On the log scale (value + FLOOR) the new value over the past
    mean has Student's t with `independent` - 1 degrees of freedom and a standard deviation larger by
    sqrt(1 + 1/independent): the predictive distribution of a normal sample (Geisser 1993, "Predictive
    Inference", 2.2). NaN for fewer than three independent windows, or where the value is.
    """
    return _tail(_place(_log(value), _log(past), independent, SPREAD), independent)


def above(value: ArrayLike, past: ArrayLike, independent: float) -> Floats:
    """As `p_value`, on the scale of the values themselves: for a mean, such as a loss."""
    return _tail(_place(value, past, independent), independent)


def either(value: ArrayLike, past: ArrayLike, independent: float) -> Floats:
    """The two-sided p-value of a mean that may be off either way, such as a bias."""
    return 2 * _tail(np.abs(_place(value, past, independent)), independent)


def limit(past: ArrayLike, independent: float, alpha: float) -> Floats:
    """The value whose p-value is `alpha`: the threshold to draw. Shapes and NaN as in `p_value`."""
    mean, reach = _reach(_log(past), independent, alpha, SPREAD)
    return np.asarray(np.maximum(np.exp(mean + reach) - FLOOR, 0))


def band(past: ArrayLike, independent: float, tail: float) -> tuple[float, float]:
    """The mean of past windows, and how far above it a value has `tail` as its chance, by `above`."""
    mean, reach = _reach(past, independent, tail)
    return float(mean), float(reach)


def benjamini_hochberg(p_values: ArrayLike, weights: ArrayLike) -> Floats:
    """P-values adjusted for having looked at many features: the share of false alarms among the alarms.

    Weighted (Genovese, Roeder and Wasserman 2006, Biometrika 93(3)): p / w with weights of mean 1, then the
    steps of Benjamini and Hochberg (1995). A weight of zero never alarms: its value is 1. NaN stays and does
    not count.
    """
    p, weight = (np.asarray(side, np.float64) for side in (p_values, weights))
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(np.isfinite(p))
    if not len(known) or weight[known].sum() == 0:
        adjusted[known] = 1
        return adjusted
    share = weight[known] / weight[known].mean()
    ratio = np.divide(p[known], share, out=np.full(len(known), np.inf), where=share > 0)
    order = np.argsort(ratio, kind="stable")
    stepped = ratio[order] * len(known) / np.arange(1, len(known) + 1)
    adjusted[known[order]] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1)
    return adjusted


def _tail(place: Floats, independent: float) -> Floats:
    from scipy.special import stdtr

    enough = independent >= FEWEST
    return np.asarray(stdtr(independent - 1, -place)) if enough else np.full_like(place, np.nan)


def _reach(past: ArrayLike, independent: float, tail: float, least: float = TINY) -> tuple[Floats, Floats]:
    """The mean of past windows, and how far above it the chance of a new one is `tail`."""
    from scipy.special import stdtrit

    mean, spread = _normal(past, independent, least)
    if independent < FEWEST:
        return np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    return mean, np.asarray(-stdtrit(independent - 1, tail) * spread)


def _place(value: ArrayLike, past: ArrayLike, independent: float, least: float = TINY) -> Floats:
    """How many standard deviations a value lies above past windows."""
    mean, spread = _normal(past, independent, least)
    return np.asarray((np.asarray(value, np.float64) - mean) / spread)


def _normal(past: ArrayLike, independent: float, least: float) -> tuple[Floats, Floats]:
    """Mean and standard deviation, of a new one too; overlapping windows show too little by (n - 1) / n."""
    values = np.asarray(past, np.float64)
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=-1), 1)
    mean = np.where(known, values, 0).sum(axis=-1) / count
    squares = np.where(known, values - mean[..., None], 0) ** 2
    wider = independent / max(independent - 1, 1)
    spread = np.maximum(np.sqrt(squares.sum(axis=-1) / count * wider), least)
    none = np.where(known.any(axis=-1), 0, np.nan)
    return mean + none, spread * np.sqrt(1 + 1 / max(independent, 1)) + none


def _log(values: ArrayLike) -> Floats:
    return np.asarray(np.log(np.abs(np.asarray(values, np.float64)) + FLOOR))
