"""The rows of a batch, counted by day and bin; and such counts, added up."""

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from loop.base.errors import LoopError
from loop.stats import arrays
from loop.stats.binning import Bins

Ints = NDArray[np.int64]


class Tally:
    """Counts by day, added up in place; `days` since 1970, sorted.

    `counts` (days, 1 + bins of all columns): the rows, then the columns side by side. `moments` as in a
    profile, or None.
    """

    def __init__(self, bins: dict[str, Bins], dependence: bool) -> None:
        self.bins = bins
        self.edges = np.cumsum([1, *(of.known + 1 for of in bins.values())])  # column 0: the rows
        self.days: Ints = np.empty(0, np.int64)
        self.counts: Ints = np.empty((0, int(self.edges[-1])), np.int64)
        self.moments = np.empty((0, len(bins), len(bins))) if dependence else None

    def add(self, other: "Tally") -> None:
        """Add the days of another; its days are sorted, as these are."""
        days = np.union1d(self.days, other.days)
        if len(days) > len(self.days):
            where = np.searchsorted(days, self.days)
            self.counts = _spread(self.counts, where, len(days))
            if self.moments is not None:
                self.moments = _spread(self.moments, where, len(days))
            self.days = days
        where = np.searchsorted(self.days, other.days)
        self.counts[where] += other.counts
        if self.moments is not None and other.moments is not None:
            self.moments[where] += other.moments

    def of_columns(self) -> dict[str, Ints]:
        """The counts of each column: (days, known bins + 1)."""
        ends = zip(self.bins, self.edges[:-1], self.edges[1:], strict=True)
        return {name: self.counts[:, start:end] for name, start, end in ends}


def tally(batch: Any, bins: dict[str, Bins], day: str, dependence: bool) -> Tally:
    """Count the rows of one record batch. Raises LoopError for a row without a day."""
    found = Tally(bins, dependence)
    found.days, order, ends = _by_day(_days(batch.column(day), day))
    columns = [np.diff(ends)[:, None]]
    scores = np.empty((len(bins), batch.num_rows), np.float32) if dependence else None
    for place, (name, of) in enumerate(bins.items()):
        codes = _codes(of, batch, name)
        if order is not None:
            codes = codes[order]
        columns.append(np.array([np.bincount(codes[rows], minlength=of.known + 1) for rows in _slices(ends)]))
        if scores is not None:
            np.append(of.scores, 0).astype(np.float32).take(codes, out=scores[place], mode="clip")
    found.counts = np.concatenate(columns, axis=1)
    if scores is not None:
        parts = [scores[:, rows] for rows in _slices(ends)]
        found.moments = np.array([part @ part.T for part in parts], np.float64)
    return found


def _by_day(days: Ints) -> tuple[Ints, Ints | None, Ints]:
    """The days that occur, sorted; the order that sorts the rows, None if they are; where each day ends."""
    order = None
    if (days[1:] < days[:-1]).any():
        order = np.argsort(days, kind="stable")
        days = days[order]
    starts = np.flatnonzero(np.diff(days, prepend=days[0] - 1))
    return days[starts], order, np.append(starts, len(days))


def _slices(ends: Ints) -> list[slice]:
    return [slice(start, end) for start, end in pairwise(ends.tolist())]


def _days(column: Any, name: str) -> Ints:
    """Days since 1970 in UTC."""
    kind = column.type
    if column.null_count:
        raise _no_day(name, f"{column.null_count} rows without a value")
    if pa.types.is_timestamp(kind):
        if kind.tz is None:
            raise _no_day(name, "times without a time zone")
        ticks = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit] * 86_400
        return np.asarray(arrays.plain(column)[0] // ticks, np.int64)
    if pa.types.is_date(kind):
        ticks = 1 if kind.bit_width == 32 else 86_400_000
        return np.asarray(arrays.plain(column)[0] // ticks, np.int64)
    names, where = arrays.categories(column)
    texts = names[:-1]
    try:
        days = np.array(texts, "datetime64[D]").astype(np.int64)
    except ValueError as error:
        raise _no_day(name, f"what is no day ({error})") from None
    return np.asarray(days.take(where))


def _codes(bins: Bins, batch: Any, name: str) -> NDArray[np.uint8]:
    if name not in batch.schema.names:
        return np.full(batch.num_rows, bins.known, np.uint8)
    return bins.codes(batch, name)


def _no_day(name: str, found: str) -> LoopError:
    return LoopError(
        f"column {name}, which says the day of a row, holds {found}",
        "instants with a time zone, dates, or ISO days such as 2026-01-31",
        f"write {name} in UTC, with its zone, in every row",
    )


def _spread(rows: NDArray[Any], where: Ints, size: int) -> NDArray[Any]:
    found = np.zeros((size, *rows.shape[1:]), rows.dtype)
    found[where] = rows
    return found
