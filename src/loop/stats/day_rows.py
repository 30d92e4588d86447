"""A table's rows in order of their day, as numbers and as texts: what measures of days are made of."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loop.stats import day_clock
from loop.stats.arrays import Floats

AT_ONCE = 2**17  # rows that are hashed at once
SOME = 3  # rows of a day below which it has no level, where a day has more


@dataclass(frozen=True, eq=False)
class DayRows:
    """`rows` in order of the `day` (rows,) that each belongs to, counted from the first of `days`.

    `ends` (days + 1,) are the places where days begin; `known` rows are of the `past` first days. `hours`
    (rows,) are of the day, by the clock that the rows keep to. `key` names rows, `time` is their column of
    instants; columns `apart` tell nothing of the others.
    """

    name: str
    rows: pd.DataFrame
    time: str
    key: Sequence[str]
    apart: Collection[str]
    days: NDArray[np.datetime64]
    day: NDArray[np.int64]
    count: Floats
    ends: NDArray[np.int64]
    past: int
    hours: Floats

    @property
    def known(self) -> int:
        """Rows of the past."""
        return int(self.ends[self.past])

    def by_day(self, weights: "NDArray[np.bool_] | Floats") -> Floats:
        """Sums of a weight of each row."""
        return np.bincount(self.day, weights, len(self.days)).astype(np.float64)

    def enough(self, rows: Floats) -> Floats:
        """So many rows of each day; NaN where they are too few."""
        usual = float(np.median(self.count[: self.past]))
        return np.where(rows >= max(min(SOME, usual), 1.0), rows, np.nan)


def in_order(
    name: str,
    rows: pd.DataFrame,
    time: str,
    key: Sequence[str],
    days: NDArray[np.datetime64],
    past: int,
    apart: Collection[str],
) -> DayRows:
    """The rows of `days`, by their instants in UTC."""
    of = rows[time].dt.tz_convert(None).to_numpy().astype("datetime64[D]")
    place = (of - days[0]).astype(int) if len(days) else np.zeros(len(rows), int)
    inside = np.flatnonzero((place >= 0) & (place < len(days)))
    order = inside[np.argsort(place[inside], kind="stable")]
    day = place[order]
    count = np.bincount(day, minlength=len(days)).astype(np.float64)
    ends = np.concatenate([[0], np.cumsum(count).astype(int)])
    rows = _taken(rows, order).reset_index(drop=True)
    hours = day_clock.hours(_of_the_day(rows[time]), day, days)
    return DayRows(name, rows, time, key, apart, days, day, count, ends, past, hours)


def _taken(rows: pd.DataFrame, order: NDArray[np.int64]) -> pd.DataFrame:
    """The rows at these places; rows that lie together in this order already are no copy."""
    if len(order) and (np.diff(order) == 1).all():
        return rows.iloc[order[0] : order[-1] + 1]
    return rows.iloc[order]


def number(rows: pd.DataFrame, name: str, time: str) -> Floats | None:
    """A column as numbers, if it is such: an instant in hours after the row's, `time` in hours of the day."""
    column, at = rows[name], rows[time]
    if name == time:
        return _of_the_day(at)
    if pd.api.types.is_datetime64_any_dtype(column):
        column = column if column.dt.tz is not None else column.dt.tz_localize("UTC")
        return np.asarray((column - at).dt.total_seconds() / 3600, np.float64)
    if column.dtype == np.float64:
        return np.asarray(column)  # no copy
    if pd.api.types.is_numeric_dtype(column):
        return np.asarray(column.to_numpy(np.float64, na_value=np.nan))
    return None


def _of_the_day(at: pd.Series) -> Floats:
    return np.asarray((at - at.dt.floor("D")).dt.total_seconds() / 3600, np.float64)


def content(rows: pd.DataFrame, key: Sequence[str], time: str) -> NDArray[np.uint64]:
    """A hash of each row without its key and its instants."""
    names = [
        name
        for name in rows
        if name not in (*key, time) and not pd.api.types.is_datetime64_any_dtype(rows[name])
    ]
    return hashes(rows[names])


def hashes(rows: pd.DataFrame) -> NDArray[np.uint64]:
    """A hash of each row by the texts of its values; so many rows at once are made texts."""
    found = np.empty(len(rows), np.uint64)
    for start in range(0, len(rows), AT_ONCE):
        part = rows.iloc[start : start + AT_ONCE].astype("str")
        found[start : start + AT_ONCE] = pd.util.hash_pandas_object(part, index=False)
    return found
