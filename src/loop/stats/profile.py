"""What a table of rows looks like, day by day: counts in fixed bins.

Any window, any set of past windows and any resampling of days is a sum of days afterwards.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loop.stats import arrays
from loop.stats.arrays import Floats
from loop.stats.binning import BATCH, Bins, bins

__all__ = ["Bins", "Profile", "bins", "past", "profile"]

Ints = NDArray[np.int64]
THREADS = 2


@dataclass(frozen=True, eq=False)
class Profile:
    """Counts per day, in the bins of a baseline; days with no row are absent.

    `rows` (days,); `counts` of a column (days, known bins + 1), missing last; `moments` (days, columns,
    columns), the sums of products of the normal scores of two columns, in the order of `bins`. The first
    axis holds windows instead of days after `weighted` and `past`, `days` their names.
    """

    bins: dict[str, Bins]
    days: list[str]
    rows: NDArray[Any]
    counts: dict[str, NDArray[Any]]
    moments: Floats

    def between(self, first_day: str, until_day: str) -> "Profile":
        """The days from `first_day` to before `until_day`."""
        return self.take([place for place, day in enumerate(self.days) if first_day <= day < until_day])

    def take(self, places: "Sequence[int] | Ints") -> "Profile":
        """The days at these places, with repeats if they repeat: a resample of days."""
        where = np.asarray(places, np.int64)
        return replace(
            self,
            days=[self.days[place] for place in where],
            rows=self.rows[where],
            counts={name: counts[where] for name, counts in self.counts.items()},
            moments=self.moments[where],
        )

    def weighted(self, weight: NDArray[Any], names: Sequence[str]) -> "Profile":
        """Sums over days by `weight` (windows, days): a profile of windows with these names."""
        size = len(self.bins)
        flat = self.moments.reshape(len(self.days), size * size)
        return replace(
            self,
            days=list(names),
            rows=_product(weight, self.rows),
            counts={name: _product(weight, counts) for name, counts in self.counts.items()},
            moments=(weight @ flat).reshape(len(names), size, size),
        )

    def total(self) -> "Profile":
        """All days as one window."""
        return self.weighted(np.ones((1, len(self.days)), np.int64), ["total"])


def profile(rows: pd.DataFrame, bins: dict[str, Bins], day: str) -> Profile:
    """Count rows by day and bin; `day` is a column of instants with a time zone, and their day that in UTC.

    Two threads count a batch of rows each, so that bins and scores of all rows are never held at once.
    """
    table = arrays.table(rows, bins)
    days = rows[day].dt.tz_convert(None).to_numpy().astype("datetime64[D]")
    known = np.unique(days)
    ends = np.cumsum([1, *(of.known + 1 for of in bins.values())])  # column 0: the rows
    counts = np.zeros((len(known), ends[-1]), np.int64)
    moments = np.zeros((len(known), len(bins), len(bins)))

    def counted(start: int) -> tuple[NDArray[Any], Ints, Floats]:
        return _tally(table.slice(start, BATCH), days[start : start + BATCH], bins)

    with ThreadPoolExecutor(THREADS) as pool:
        for found, part, products in pool.map(counted, range(0, len(rows), BATCH)):
            where = np.searchsorted(known, found)
            counts[where] += part
            moments[where] += products
    of_columns = dict(zip(bins, np.split(counts, ends[:-1], axis=1)[1:], strict=True))
    return Profile(bins, known.astype(str).tolist(), counts[:, 0], of_columns, moments)


def past(profile: Profile, window_days: int, step_days: int) -> tuple[Profile, Profile]:
    """Every past window of so many calendar days, and for each the baseline's other days.

    Two profiles whose first axis is the windows, named by their first days, each `step_days` after the
    one before; windows without a row are left out.
    """
    days = np.array(profile.days, "datetime64[D]")
    if not len(days):
        return profile, profile
    starts = np.arange(days[0], days[-1] - np.timedelta64(window_days - 2, "D"), step_days)
    inside = (days >= starts[:, None]) & (days < starts[:, None] + window_days)
    kept = inside @ profile.rows > 0
    weight = inside[kept].astype(np.int64)
    names = [str(start) for start in starts[kept]]
    return profile.weighted(weight, names), profile.weighted(1 - weight, names)


def _product(weight: NDArray[Any], counts: NDArray[Any]) -> NDArray[Any]:
    """`weight @ counts`; of whole numbers by way of floats, which BLAS adds, exact up to 2**53."""
    found = weight.astype(np.float64) @ counts.astype(np.float64)
    whole = np.issubdtype(weight.dtype, np.integer) and np.issubdtype(counts.dtype, np.integer)
    return np.asarray(found.astype(np.int64) if whole else found)


def _tally(batch: Any, days: NDArray[Any], bins: dict[str, Bins]) -> tuple[NDArray[Any], Ints, Floats]:
    """The days of some rows, sorted; per day the rows and the counts of all columns side by side; moments."""
    order = np.argsort(days, kind="stable")
    found, starts = np.unique(days[order], return_index=True)
    of_day = [slice(start, end) for start, end in pairwise([*starts.tolist(), len(days)])]
    columns = [np.diff(starts, append=len(days))[:, None]]
    scores = np.empty((len(bins), len(days)), np.float32)
    for place, (name, of) in enumerate(bins.items()):
        codes = of.codes(batch[name].combine_chunks())[order]
        columns.append(np.array([np.bincount(codes[rows], minlength=of.known + 1) for rows in of_day]))
        np.append(of.scores, 0).astype(np.float32).take(codes, out=scores[place], mode="clip")
    parts = [scores[:, rows] for rows in of_day]
    return found, np.concatenate(columns, axis=1), np.array([part @ part.T for part in parts], np.float64)
