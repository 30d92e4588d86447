"""The label as a sum of several columns, to the last digit: parts of a total, or yes and no of each kind."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

ROWS = 2000  # on which a line is looked for; all rows must then lie on it
KNOWN = 0.9  # of a column's rows that hold a value
EXACT = 1e-4  # of the label's spread, below which what is left is rounding
ONE = 1e-3  # how far from 1 what a part counts may be, in a plain sum


@dataclass(frozen=True)
class Line:
    """The fewest columns that make the label, what each counts, and what is added."""

    parts: tuple[str, ...]
    counts: tuple[float, ...]
    added: float

    @property
    def plain(self) -> bool:
        """Whether it is a sum or a difference of the columns as they are."""
        return all(abs(abs(one) - 1) < ONE for one in self.counts)

    def __str__(self) -> str:
        added = f"{self.added:.6g}" if abs(self.added) > ONE else ""
        pairs = sorted(zip(self.counts, self.parts, strict=True), key=lambda pair: pair[0] < 0)
        text = added + "".join(f" {'-' if count < 0 else '+'} {name}" for count, name in pairs)
        return text if added else text.removeprefix(" + ").strip()


def find(truth: np.ndarray, numbers: Mapping[str, np.ndarray]) -> Line | None:
    """The line that makes the label of three columns or more; None where none does, or rows are few."""
    usable = {
        name: values
        for name, values in numbers.items()
        if np.isfinite(values).mean() > KNOWN and np.nanstd(values) > 0
    }
    known = np.isfinite(truth)
    for values in usable.values():
        known &= np.isfinite(values)
    names = list(usable)
    if len(names) < 2 or known.sum() < 5 * len(names) or not np.std(truth[known]) > 0:
        return None
    every, label = np.column_stack([usable[name][known] for name in names]), truth[known]
    some, of_some = every[:ROWS], label[:ROWS]
    if _fitted(some, of_some) is None:
        return None
    at = list(range(len(names)))
    for one in range(len(names)):
        fewer = [other for other in at if other != one]
        if fewer and _fitted(some[:, fewer], of_some) is not None:
            at = fewer
    found = _fitted(every[:, at], label)
    if found is None or len(at) < 2:
        return None
    return Line(tuple(names[one] for one in at), tuple(map(float, found[:-1])), float(found[-1]))


def _fitted(columns: np.ndarray, label: np.ndarray) -> np.ndarray | None:
    """What each column counts, and what is added, where they make the label; else None."""
    middle, spread = columns.mean(axis=0), columns.std(axis=0)
    if not (spread > 0).all() or not label.std() > 0:
        return None
    inputs = np.column_stack([(columns - middle) / spread, np.ones(len(label))])
    counts = np.linalg.lstsq(inputs, label, rcond=None)[0]
    if np.abs(inputs @ counts - label).max() > EXACT * label.std():
        return None
    slopes = counts[:-1] / spread
    return np.append(slopes, counts[-1] - slopes @ middle)
