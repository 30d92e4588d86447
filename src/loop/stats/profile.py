"""What a table of rows looks like, day by day: counts in fixed bins, from one pass over the rows.

Any window, any set of past windows and any resampling of days is a sum of days afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from loop import batches
from loop.errors import LoopError
from loop.stats import arrays
from loop.stats.binning import Bins, Floats, bins

__all__ = ["Bins", "Profile", "bins", "past", "profile"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Profile:
    """Counts per day, in the bins of a reference; days with no row are absent.

    `rows` (days,); `counts` of a column (days, known bins + 1), missing last; `moments` (days, columns,
    columns), the sums of products of the normal scores of two columns, in the order of `bins`, or None. The
    first axis holds windows instead of days after `weighted` and `past`, `days` their names.
    """

    bins: dict[str, Bins]
    days: list[str]
    rows: NDArray[Any]
    counts: dict[str, NDArray[Any]]
    moments: Floats | None = None

    def window(self, first_day: str, until_day: str) -> dict[str, NDArray[Any]]:
        """The counts of each column, (bins,), over the days from `first_day` to before `until_day`."""
        return {
            name: counts.sum(axis=0) for name, counts in self.between(first_day, until_day).counts.items()
        }

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
            moments=None if self.moments is None else self.moments[where],
        )

    def weighted(self, weight: NDArray[Any], names: Sequence[str]) -> "Profile":
        """Sums over days by `weight` (windows, days): a profile of windows with these names."""
        size = len(self.bins)
        flat = None if self.moments is None else self.moments.reshape(len(self.days), size * size)
        return replace(
            self,
            days=list(names),
            rows=_product(weight, self.rows),
            counts={name: _product(weight, counts) for name, counts in self.counts.items()},
            moments=None if flat is None else (weight @ flat).reshape(len(names), size, size),
        )

    def total(self, name: str = "total") -> "Profile":
        """All days as one window."""
        return self.weighted(np.ones((1, len(self.days)), np.int64), [name])

    def __add__(self, other: "Profile") -> "Profile":
        differ = [name for name in self.bins if not (name in other.bins and _same(self, other, name))]
        if differ or len(self.bins) != len(other.bins):
            raise LoopError(
                f"two profiles have other bins, of {', '.join(differ) or 'other columns'}",
                "profiles made with the same bins",
                "profile both with the bins of one reference",
            )
        days = sorted({*self.days, *other.days})
        parts = [part.weighted(_places(part.days, days), days) for part in (self, other)]
        moments = [part.moments for part in parts]
        return replace(
            self,
            days=days,
            rows=parts[0].rows + parts[1].rows,
            counts={name: parts[0].counts[name] + parts[1].counts[name] for name in self.counts},
            moments=None if moments[0] is None or moments[1] is None else moments[0] + moments[1],
        )

    def as_json(self) -> dict[str, Any]:
        """A mapping that JSON can hold: counts exactly, moments to six digits."""
        upper = np.triu_indices(len(self.bins))
        moments = None if self.moments is None else self.moments[:, upper[0], upper[1]]
        return {
            "bins": {name: of.as_json() for name, of in self.bins.items()},
            "days": self.days,
            "rows": self.rows.tolist(),
            "counts": {name: counts.tolist() for name, counts in self.counts.items()},
            "moments": None if moments is None else [[float(f"{x:.6g}") for x in day] for day in moments],
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> "Profile":
        """The profile that `as_json` wrote."""
        of = {name: Bins.from_json(one) for name, one in found["bins"].items()}
        days, size = found["days"], len(of)
        moments = None
        if found["moments"] is not None:
            rows, columns = np.triu_indices(size)
            moments = np.zeros((len(days), size, size))
            moments[:, rows, columns] = moments[:, columns, rows] = np.reshape(
                found["moments"], (len(days), -1)
            )
        counts = {
            name: np.array(counts, np.int64).reshape(len(days), of[name].known + 1)
            for name, counts in found["counts"].items()
        }
        return cls(of, days, np.array(found["rows"], np.int64), counts, moments)


def profile(source: Any, bins: dict[str, Bins], day: str, *, dependence: bool = True) -> Profile:
    """Count the rows of a source (paths of Parquet, a frame, an arrow table) by day and bin.

    `day` is a column of instants with a time zone (their day is that in UTC), of dates or of ISO days. A
    column that the source lacks is missing in every row. One pass; memory holds a few batches. Without
    `dependence` the moments are left out. Raises LoopError for a day that cannot be told.
    """
    parts = batches.pieces(source, [*bins, day])
    found = _Tally(bins, dependence)
    for part in batches.each(parts, lambda batch: _tally(batch, bins, day, dependence)):
        found.add(part)
    return found.profile()


def past(profile: Profile, window_days: int, step_days: int) -> tuple[Profile, Profile]:
    """Every past window of so many calendar days, and for each the reference's other days.

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


class _Tally:
    """Counts by day, all columns side by side in one array, added up in place."""

    def __init__(self, bins: dict[str, Bins], dependence: bool) -> None:
        self.bins = bins
        self.edges = np.cumsum([1, *(of.known + 1 for of in bins.values())])  # column 0: the rows
        self.days: Ints = np.empty(0, np.int64)
        self.counts: Ints = np.empty((0, int(self.edges[-1])), np.int64)
        self.moments = np.empty((0, len(bins), len(bins))) if dependence else None

    def add(self, other: "_Tally") -> None:
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

    def profile(self) -> Profile:
        days = np.array(self.days, "datetime64[D]").astype(str).tolist()
        ends = zip(self.bins, self.edges[:-1], self.edges[1:], strict=True)
        counts = {name: self.counts[:, start:end] for name, start, end in ends}
        return Profile(self.bins, days, self.counts[:, 0], counts, self.moments)


def _tally(batch: Any, bins: dict[str, Bins], day: str, dependence: bool) -> _Tally:
    found = _Tally(bins, dependence)
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


def _product(weight: NDArray[Any], counts: NDArray[Any]) -> NDArray[Any]:
    """`weight @ counts`; of whole numbers by way of floats, which BLAS adds, exact up to 2**53."""
    found = weight.astype(np.float64) @ counts.astype(np.float64)
    whole = np.issubdtype(weight.dtype, np.integer) and np.issubdtype(counts.dtype, np.integer)
    return np.asarray(found.astype(np.int64) if whole else found)


def _places(days: list[str], among: list[str]) -> Ints:
    same = np.equal(np.array(among, np.str_)[:, None], np.array(days, np.str_)[None, :])
    return np.asarray(same, np.int64)


def _same(one: Profile, other: Profile, name: str) -> bool:
    return one.bins[name] is other.bins[name] or one.bins[name].same(other.bins[name])


def _spread(rows: NDArray[Any], where: Ints, size: int) -> NDArray[Any]:
    found = np.zeros((size, *rows.shape[1:]), rows.dtype)
    found[where] = rows
    return found
