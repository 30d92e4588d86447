"""The hour of the day of rows, by the clock that they keep to: one that is put on in summer, or none.

Rows that come by a local clock move by an hour in UTC, twice a year, and no feed is to blame for it.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loop.stats.arrays import Floats

CLOCKS = (
    "America/New_York",
    "Europe/Berlin",
    "America/Santiago",
    "Australia/Sydney",
)  # each changes on days of its own
WEEK = 7
LESS = 0.5  # of what rows move in UTC when clocks change: they keep to a clock by which they move less
EVEN = 0.1  # length of the mean of hours as directions, below which no hour is the middle of the day


def hours(utc: Floats, day: NDArray[np.int64], days: NDArray[np.datetime64]) -> Floats:
    """Hours `utc` (rows,) on the `day` (rows,), counted from the first of `days`, by the rows' own clock."""
    rows = np.bincount(day, minlength=len(days)).astype(np.float64)
    start = begin(utc)

    def moved(clock: Floats, changes: NDArray[np.int64]) -> float:
        total = np.bincount(day, (utc + clock[day] - start) % 24, len(days))
        mean = np.divide(total, rows, out=np.full(len(days), np.nan), where=rows > 0)
        return sum(
            abs(_mean(mean[one : one + WEEK] - mean[one - WEEK : one][: len(days) - one])) for one in changes
        )

    found, utc_alone = utc, np.zeros(len(days))
    least = np.inf
    for clock in _clocks(days):
        changes = np.flatnonzero(np.diff(clock)) + 1
        changes = changes[changes >= WEEK]
        by = moved(clock, changes)
        if len(changes) and by < LESS * moved(utc_alone, changes) and by < least:
            found, least = (utc + clock[day]) % 24, by
    return found


def begin(of: Floats) -> float:
    """The hour that a day begins with: opposite the middle of its rows; 0 where these are spread evenly."""
    if not len(of):
        return 0.0
    middle = np.exp(2j * np.pi * of / 24).mean()
    return float(np.angle(middle) / (2 * np.pi) * 24 + 12) % 24 if abs(middle) > EVEN else 0.0


def _clocks(days: NDArray[np.datetime64]) -> Iterator[Floats]:
    """By how many hours each clock is put on, on each day."""
    noon = pd.DatetimeIndex(days.astype("datetime64[s]") + np.timedelta64(12, "h"), tz="UTC")
    for name in CLOCKS:
        ahead = (noon.tz_convert(name).tz_localize(None) - noon.tz_localize(None)) / pd.Timedelta(hours=1)
        yield np.asarray(ahead - ahead.min() if len(ahead) else ahead, np.float64)


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else 0.0
