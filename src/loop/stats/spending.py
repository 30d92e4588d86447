"""What one more look at the same rows may cost: all looks together err no more often than is allowed.

Whoever tries fifty candidates on one holdout finds one that luck made "better". Each further look gets a
smaller share of the chance to err, so that the shares of any number of looks add up to one budget: alpha
spending (Lan and DeMets 1983, Biometrika 70). Shares fall as the square of the number of looks, since nobody
knows how many there will be (as in Foster and Stine 2008, J. R. Stat. Soc. B 70).
"""

from dataclasses import replace

import numpy as np
from scipy.special import stdtrit

from loop.stats.paired import Gain


def tail(look: int, confidence: float) -> float:
    """The chance to err on one side that a look may take, counted from 1.

    The first takes what a single one always has, (1 - confidence) / 2; all others together half as much. The
    quarter that is left is for intervals of few clusters, which err somewhat more often than they say.
    """
    single = (1 - confidence) / 2
    return single if look <= 1 else single * 3 / np.pi**2 / (look - 1) ** 2


def times(look: int, clusters: int, confidence: float) -> float:
    """How many times as wide as at the first look an interval is, by Student's t of the clusters."""
    if look <= 1 or clusters < 2:
        return 1.0
    first, now = (-stdtrit(clusters - 1, tail(at, confidence)) for at in (1, look))
    return float(now / first)


def widened(gain: Gain, by: float) -> Gain:
    """The same gain with an interval so many times as wide, to either side of it."""
    if by == 1:
        return gain
    return replace(
        gain, low=gain.gain + (gain.low - gain.gain) * by, high=gain.gain + (gain.high - gain.gain) * by
    )
