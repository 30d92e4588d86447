"""Where marked rows crowd: parts of all rows that hold more of them than their size says."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

Codes = NDArray[np.int64]  # (rows,): the number of each row's part or cluster


@dataclass(frozen=True)
class Crowd:
    """A part with its rows, those marked, and how many times as often as elsewhere they are marked.

    low, high: of `times`. p: of no more marks than in all rows, one-sided; NaN with fewer than two clusters.
    """

    part: int
    rows: int
    marked: int
    times: float
    low: float
    high: float
    p: float


def crowds(
    parts: Codes, marked: NDArray[np.bool_], clusters: Codes, rows_min: int, confidence: float
) -> list[Crowd]:
    """Each part of at least `rows_min` rows, in order of its number; a part below zero is none.

    The rate of marks in a part is held against that of all rows. Rows of one cluster resemble each other, so
    the error of the difference of the two ratios is that of their sums by cluster, linearised (Cochran 1977,
    "Sampling Techniques", section 6.3), with Student's t by the clusters that the part has.
    """
    counts = np.bincount(parts[parts >= 0])
    large = np.flatnonzero(counts >= max(rows_min, 1))
    if not (len(large) and marked.any()):
        return []
    many = int(clusters.max()) + 1
    place = np.full(len(counts) + 1, -1)  # the last one for parts below zero
    place[large] = np.arange(len(large))
    at = place[parts]
    cells = at[at >= 0] * many + clusters[at >= 0]
    rows, hits = (
        np.bincount(cells, weights, len(large) * many).reshape(len(large), many)
        for weights in (None, marked[at >= 0].astype(np.float64))
    )
    rate, all_rate = hits.sum(axis=1) / rows.sum(axis=1), float(marked.mean())
    every = np.bincount(clusters, marked, many) - all_rate * np.bincount(clusters, minlength=many)
    influence = (hits - rate[:, None] * rows) / rows.sum(axis=1)[:, None] - every / len(marked)
    held = (rows > 0).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(np.square(influence).sum(axis=1) * np.where(held > 1, held / (held - 1), np.nan))
        p = stdtr(held - 1, (all_rate - rate) / error)
        reach = stdtrit(held - 1, (1 + confidence) / 2) * error / all_rate
    times = rate / all_rate
    return [
        Crowd(
            part=int(part),
            rows=int(rows[one].sum()),
            marked=int(hits[one].sum()),
            times=float(times[one]),
            low=max(0.0, float(times[one] - reach[one])),
            high=float(times[one] + reach[one]),
            p=float(p[one]),
        )
        for one, part in enumerate(large)
    ]
