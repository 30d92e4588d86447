"""Bins of a column, taken from a baseline: so fine that distances between counts are those of the values."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from loop.base.errors import LoopError
from loop.data import batches
from loop.stats import arrays

Floats = NDArray[np.float64]
Codes = NDArray[np.uint8]

FINE = 128  # a bin holds less than 1 % of the baseline: KS of counts is within 0.01 of that of values
VALUES = 100  # categories with a bin of their own; the rest share one
SAMPLE = 50_000  # rows that edges and values are taken from
GRID = 8192  # cells of the table that finds a number's bin
CHUNK = 32_768  # numbers that are binned at once: they stay in the cache
NEAR = 8  # edges in one cell, above which a binary search is faster


@dataclass(frozen=True, eq=False)
class Bins:
    """The bins of one column: `edges` of numbers or `values` of categories, the other is None.

    Numbers: bin i holds (edges[i-1], edges[i]], the first all that is below the baseline's least, the last
    all above its largest. Categories: a bin per value, most frequent first, then one for all others. After
    these `known` bins comes one for missing (null, NaN). `scores` (known,): the standard normal quantile of
    the baseline's mid-rank of each bin.
    """

    edges: Floats | None
    values: tuple[str, ...] | None
    scores: Floats

    @property
    def ordered(self) -> bool:
        """Whether the order of the bins means something: numbers."""
        return self.edges is not None

    @property
    def known(self) -> int:
        """How many bins there are without that of the missing."""
        return len(self.scores)

    def codes(self, batch: Any, name: str) -> Codes:
        """The bin of each row of a column of a record batch or table: (rows,). LoopError as of `numbers`."""
        return (
            self._of_numbers(numbers(batch, name))
            if self.ordered
            else self._of_categories(batch.column(name))
        )

    def as_json(self) -> dict[str, Any]:
        """A mapping that JSON can hold."""
        edges = None if self.edges is None else self.edges.tolist()
        values = None if self.values is None else list(self.values)
        return {"edges": edges, "values": values, "scores": self.scores.tolist()}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> "Bins":
        """The bins that `as_json` wrote."""
        edges, values = found["edges"], found["values"]
        return cls(
            None if edges is None else np.array(edges, np.float64),
            None if values is None else tuple(values),
            np.array(found["scores"], np.float64),
        )

    def same(self, other: "Bins") -> bool:
        """Whether counts in these bins and in the others may be added or compared."""
        return json.dumps(self.as_json()) == json.dumps(other.as_json())

    def _of_numbers(self, values: Floats) -> Codes:
        codes = np.empty(len(values), np.uint8)
        for start in range(0, len(values), CHUNK):
            part = values[start : start + CHUNK]
            found = self._search(part)
            np.putmask(found, part != part, self.known)  # noqa: PLR0124 - NaN alone differs from itself
            codes[start : start + CHUNK] = found
        return codes

    def _search(self, values: Floats) -> Codes:
        """`np.searchsorted(edges, values)`, by a table of cells: 15 times as fast as by halves."""
        edges, (starts, rounds) = self.edges, self._table
        assert edges is not None  # noqa: S101 - only numbers come here
        if rounds > NEAR:
            return np.searchsorted(edges, values).astype(np.uint8)
        found = starts.take(self._cells(values), mode="clip")
        for _ in range(rounds):
            found += values > self._bounds.take(found, mode="clip")
        return found

    def _cells(self, values: Floats) -> NDArray[np.int32]:
        low, scale = self._grid
        with np.errstate(over="ignore", invalid="ignore"):
            place = values - low
            place *= scale
        np.fmax(place, 0, out=place)  # not clip: a NaN must become a number, or its cell would be anywhere
        np.fmin(place, GRID, out=place)
        return place.astype(np.int32)

    @cached_property
    def _bounds(self) -> Floats:
        return np.append(np.asarray(self.edges), np.inf)

    @cached_property
    def _grid(self) -> tuple[float, float]:
        edges = np.asarray(self.edges)
        low, high = (
            (edges[1], edges[-2]) if len(edges) > 3 else (edges[0], edges[-1]) if len(edges) else (0, 0)
        )
        width = float(high) - float(low)
        return float(low), GRID / width if 0 < width < np.inf and GRID / width < np.inf else 1.0

    @cached_property
    def _table(self) -> tuple[Codes, int]:
        """Per cell, how many edges lie in the cells before it; and the most edges within one cell."""
        within = np.bincount(self._cells(np.asarray(self.edges)), minlength=GRID + 1)
        return (np.cumsum(within) - within).astype(np.uint8), int(within.max())

    def _of_categories(self, column: Any) -> Codes:
        names, where = arrays.categories(column)
        other, missing = self.known - 1, self.known
        place = [self._places.get(name, other) if name is not None else missing for name in names]
        return np.array(place, np.uint8).take(where)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {value: place for place, value in enumerate(self.values or ())}


def bins(source: Any, columns: Sequence[str]) -> dict[str, Bins]:
    """Bins of each column of a baseline: paths of Parquet, a frame or an arrow table.

    From about 50,000 of its rows, or all: every n-th row of some row groups at even steps, so the same
    source gives the same bins. Numbers, booleans and times get edges at 128 quantiles, equal ones once; all
    else is categories. A column without a value has one bin for whatever comes. Raises
    LoopError for a column that the baseline lacks.
    """
    wanted = list(columns)
    kinds = batches.kinds(source)
    if absent := [name for name in wanted if name not in kinds]:
        raise LoopError(
            f"the baseline has no column {', '.join(absent)}",
            "every column that is to be compared",
            f"name columns that it has: {', '.join(kinds)}",
        )
    of = {name: kinds[name] for name in wanted}
    parts = batches.spread(batches.pieces(source, wanted), SAMPLE)
    step = max(1, sum(part.rows for part in parts) // SAMPLE)
    found = list(batches.each(parts, lambda batch: _strided(batch, of, step)))
    return {name: _bins(kinds[name], [part[name] for part in found if name in part]) for name in wanted}


def numbers(batch: Any, name: str) -> Floats:
    """A column of a batch as numbers, missing as NaN; text is read. Raises LoopError where that fails."""
    try:
        return arrays.numbers(batch.column(name))
    except pa.ArrowInvalid as error:
        raise LoopError(
            f"column {name} holds what is no number ({error})",
            f"numbers, as {name} held before",
            "fix the feed: check the rows against their contract first",
        ) from None


def _strided(batch: Any, kinds: dict[str, Any], step: int) -> dict[str, Any]:
    return {
        name: _every(batch, name, kind, step) for name, kind in kinds.items() if name in batch.schema.names
    }


def _every(batch: Any, name: str, kind: Any, step: int) -> Any:
    if arrays.is_number(kind):
        return numbers(batch, name)[::step].copy()
    names, where = arrays.categories(batch.column(name))
    rows = np.bincount(where[::step], minlength=len(names))
    return Counter({one: int(count) for one, count in zip(names, rows, strict=True) if one is not None})


def _bins(kind: Any, found: list[Any]) -> Bins:
    if arrays.is_number(kind):
        values = np.concatenate([np.empty(0), *found])
        return _of_numbers(np.sort(values[~np.isnan(values)]))
    together: Counter[str] = sum(found, Counter())
    return _of_values(together)


def _of_numbers(ordered: Floats) -> Bins:
    if not len(ordered):
        return Bins(np.empty(0), None, np.zeros(1))
    inner = ordered[np.ceil(np.arange(1, FINE) / FINE * len(ordered)).astype(int) - 1]
    with np.errstate(over="ignore"):
        below = np.nextafter(ordered[0], -np.inf)
    edges = np.unique([below, *inner, ordered[-1]])
    edges = edges[np.isfinite(edges)]
    shares = np.diff(np.searchsorted(ordered, edges, "right"), prepend=0, append=len(ordered)) / len(ordered)
    return Bins(edges, None, _scores(shares))


def _of_values(counts: "Counter[str]") -> Bins:
    order = sorted(counts, key=lambda value: (-counts[value], value))
    rows = max(sum(counts.values()), 1)
    kept, rest = order[:VALUES], sum(counts[value] for value in order[VALUES:])
    shares = np.array([*(counts[value] for value in kept), rest], np.float64) / rows
    return Bins(None, tuple(kept), _scores(shares))


def _scores(shares: Floats) -> Floats:
    """Normal quantiles of the mid-ranks of bins with these shares; an empty one at the end stays finite."""
    ranks = np.clip(np.cumsum(shares) - shares / 2, 0.5 / FINE, 1 - 0.5 / FINE)
    return np.array([NormalDist().inv_cdf(rank) for rank in ranks])
