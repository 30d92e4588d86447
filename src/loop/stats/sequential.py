"""Two arms of a canary compared while it runs: bounds that hold at every interim analysis.

Asymptotic confidence sequences (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, "Time-uniform
central limit theory and asymptotic confidence sequences", Annals of Statistics 52(6)), with the one-sided
mixture boundary of Robbins (1970) in the closed form of Howard et al. (2021), "Time-uniform, nonparametric,
nonasymptotic confidence sequences", Annals of Statistics 49(2), eq. 14. What is summed is

    (a - p) (loss - m)        a: 1 if the challenger answered, p: the share it was given, known beforehand

whose mean is p (1 - p) times the challenger's excess loss. So rows of stages with different shares are
pooled by what each tells (overlap weights: Li, Morgan and Zaslavsky 2018). `m` is the mean of the other
entities of the same block, of both arms: it takes out what a day does to both, and because it knows
nothing of the row's own draw the estimate stays unbiased. Rows of one entity go to one arm and
resemble each other: the variance is that of sums by entity. Of two estimates of it the larger is taken:
what was seen, and what drawing arms afresh would give, which is right too where few of one arm are
seen and losses are rare and large.

The bounds are about the mean over the requests seen so far, not about days still to come.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.stats.bootstrap import Codes, Floats

BURN_IN = 50  # rows of information before the first bounds: a mean of fewer is not normal yet


@dataclass(frozen=True)
class Bounds:
    """An estimate with a lower and an upper bound, each of which holds at all times with 1 - alpha.

    `information` is counted in rows of the challenger. NaN bounds before the burn-in is over.
    """

    value: float
    low: float
    high: float
    information: float


def difference(
    loss: Floats, challenger: Floats, share: Floats, *, entity: Codes, block: Codes, alpha: float
) -> Bounds:
    """The challenger's mean loss minus the champion's; every argument (rows,), in any order.

    `challenger` is 1 where it answered, else 0; `share`, within (0, 1), is the chance that it would.
    """
    others, alone = _mean_of_others(loss, entity, block)
    excess, weight = np.where(alone, 0.0, loss - others), np.where(alone, 0.0, share * (1 - share))
    return _bounds((challenger - share) * excess, weight, entity, alpha, np.sqrt(weight) * excess)


def shortfall(challenger: Floats, share: Floats, *, entity: Codes, alpha: float) -> Bounds:
    """The part of the rows due to the challenger that it did not answer; every argument (rows,)."""
    return _bounds(share - challenger, share, entity, alpha, np.sqrt(share * (1 - share)))


def margin(variance: Floats, information: Floats, alpha: float) -> Floats:
    """How far a sum of `variance` strays from its expectation, at any time, with chance alpha at most.

    Any shape. NaN below the burn-in, after which the boundary starts to count; it is tightest at about
    seven times the burn-in.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        prior = variance * BURN_IN / information
        grown = (variance + prior) / prior
        found = np.sqrt(2 * (variance + prior) * np.log1p(np.sqrt(grown) / (2 * alpha)))
    found = np.where(variance > 0, found, 0.0)  # all losses are equal
    return np.where(information >= BURN_IN, found, np.nan)


def _bounds(part: Floats, weight: Floats, entity: Codes, alpha: float, drawn: Floats) -> Bounds:
    """Bounds of the sum of `part` over that of `weight`; `drawn` is what a row adds if drawn afresh."""
    information = float(weight.sum())
    if information == 0:
        return Bounds(float("nan"), float("nan"), float("nan"), 0.0)
    value = float(part.sum()) / information
    variance = max(np.square(np.bincount(entity, one)).sum() for one in (part - value * weight, drawn))
    off = float(margin(np.asarray(variance), np.asarray(information), alpha)) / information
    return Bounds(value, value - off, value + off, information)


def _mean_of_others(loss: Floats, entity: Codes, block: Codes) -> tuple[Floats, NDArray[np.bool_]]:
    """For each row the mean loss of its block's other entities, and whether there are none."""
    size = int(entity.max(initial=0)) + 1
    own = np.unique(block * size + entity, return_inverse=True)[1]
    rows, sums = (np.bincount(block, by)[block] - np.bincount(own, by)[own] for by in (None, loss))
    alone = rows == 0
    return np.asarray(sums / np.where(alone, 1, rows)), alone
