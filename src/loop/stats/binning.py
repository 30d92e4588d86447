"""Bins of a column, taken from a baseline: so fine that distances between counts are those of the values."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loop.stats import arrays
from loop.stats.arrays import Floats

Codes = NDArray[np.uint8]

FINE = 128  # a bin holds less than 1 % of the baseline: KS of counts is within 0.01 of that of values
VALUES = 100  # categories with a bin of their own; the rest share one
SAMPLE = 50_000  # rows that edges and values are taken from
BATCH = 131_072  # rows that are turned into bins at once
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

    def codes(self, column: Any) -> Codes:
        """The bin of each row of an arrow array: (rows,)."""
        return self.of_numbers(arrays.numbers(column)) if self.ordered else self._of_categories(column)

    def of_numbers(self, values: Floats) -> Codes:
        """The bin of each number: (rows,)."""
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


def bins(rows: pd.DataFrame, columns: Sequence[str]) -> dict[str, Bins]:
    """Bins of columns of a baseline, from about 50,000 of its rows: every n-th of each batch, or all.

    Numbers, booleans and times get edges at 128 quantiles, equal ones once; all else is categories. A column
    without a value has one bin for whatever comes.
    """
    step = max(1, len(rows) // SAMPLE)
    sample = arrays.table(rows[np.arange(len(rows)) % BATCH % step == 0], columns)
    return {name: _bins(sample[name].combine_chunks()) for name in columns}


def _bins(column: Any) -> Bins:
    if arrays.is_number(column.type):
        values = arrays.numbers(column)
        return of_numbers(np.sort(values[~np.isnan(values)]))
    names, where = arrays.categories(column)
    rows = np.bincount(where, minlength=len(names)).tolist()
    return _of_values({name: count for name, count in zip(names, rows, strict=True) if name is not None})


def of_numbers(ordered: Floats) -> Bins:
    """Bins of numbers that are in order, without NaN."""
    if not len(ordered):
        return Bins(np.empty(0), None, np.zeros(1))
    inner = ordered[np.ceil(np.arange(1, FINE) / FINE * len(ordered)).astype(int) - 1]
    with np.errstate(over="ignore"):
        below = np.nextafter(ordered[0], -np.inf)
    edges = np.unique([below, *inner, ordered[-1]])
    edges = edges[np.isfinite(edges)]
    shares = np.diff(np.searchsorted(ordered, edges, "right"), prepend=0, append=len(ordered)) / len(ordered)
    return Bins(edges, None, _scores(shares))


def _of_values(counts: dict[str, int]) -> Bins:
    order = sorted(counts, key=lambda value: (-counts[value], value))
    rows = max(sum(counts.values()), 1)
    kept, rest = order[:VALUES], sum(counts[value] for value in order[VALUES:])
    shares = np.array([*(counts[value] for value in kept), rest], np.float64) / rows
    return Bins(None, tuple(kept), _scores(shares))


def _scores(shares: Floats) -> Floats:
    """Normal quantiles of the mid-ranks of bins with these shares; an empty one at the end stays finite."""
    ranks = np.clip(np.cumsum(shares) - shares / 2, 0.5 / FINE, 1 - 0.5 / FINE)
    return np.array([NormalDist().inv_cdf(rank) for rank in ranks])
