"""The day on which something began to come, or to come far more often."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

TWICE = 2.0  # as often as before, below which nothing began


def onset(events: NDArray[Any], rows: NDArray[Any]) -> int:
    """The place of the first day from which on events came at least twice as often; 0 where there is none.

    Both are (days,): how often it came, and in how many rows it could. Of all splits of the days in two it is
    the one under which two Poisson rates are likeliest: the largest sum over both of k log(k / n), with k
    events in n rows.
    """
    best, found = -np.inf, 0
    total, whole = np.cumsum(events), np.cumsum(rows)
    for place in range(1, len(events)):
        early, late = (
            (total[place - 1], whole[place - 1]),
            (total[-1] - total[place - 1], whole[-1] - whole[place - 1]),
        )
        if late[0] * early[1] < TWICE * early[0] * late[1] or not late[0]:
            continue
        gain = sum(many * np.log(many / of) for many, of in (early, late) if many)
        if gain > best:
            best, found = gain, place
    return found
