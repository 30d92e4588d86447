"""What a table of rows looks like, day by day: counts in fixed bins, from one pass over the rows.

Any window, any set of past windows and any resampling of days is a sum of days afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loop.base.errors import LoopError
from loop.data import batches
from loop.stats.binning import Bins, Floats, bins
from loop.stats.tally import Ints, Tally, tally

__all__ = ["Bins", "Profile", "bins", "past", "profile"]


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
    found = Tally(bins, dependence)
    for part in batches.each(parts, lambda batch: tally(batch, bins, day, dependence)):
        found.add(part)
    days = np.array(found.days, "datetime64[D]").astype(str).tolist()
    return Profile(bins, days, found.counts[:, 0], found.of_columns(), found.moments)


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
