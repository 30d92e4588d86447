"""Parts of the training window that judge, each by a model of what was known before it began.

The holdout is never touched: it judges the one change that comes of a search.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loop.base.errors import LoopError
from loop.data import features
from loop.data.features import DECIDED_AT
from problem import source

Places = NDArray[np.int64]
ROWS_MIN = 10


@dataclass(frozen=True)
class Fold:
    """Places of the rows that fit a model, and of the later ones that judge it."""

    fit: Places
    judge: Places


def of(examples: pd.DataFrame, count: int) -> list[Fold]:
    """So many folds of training examples, the oldest first; (rows,) each.

    Parts follow each other in time, with about as many rows each, from when one share in `count` + 1 has a
    known label. A row fits the model of a part if it was decided, and its label known, before the part began.
    Rows without a time of their own are dealt to parts by the hash of their key, and all others fit. Raises
    LoopError where rows are too few.
    """
    found = _by_time(examples, count) if any(source.TIME.values()) else _by_hash(examples, count)
    for number, fold in enumerate(found, 1):
        fewest, side = min((len(fold.fit), "fit"), (len(fold.judge), "judge"))
        if fewest < ROWS_MIN or examples["label"].iloc[fold.fit].nunique() < 2:
            raise LoopError(
                f"fold {number} of {count} has {fewest:,} rows to {side}, or one label to learn",
                f"at least {ROWS_MIN} rows on each side, whose labels were known when the fold began",
                f"set {'fewer search.folds, or ' if count > 2 else ''}a longer windows.train in params.yaml",
            )
    return found


def _by_time(examples: pd.DataFrame, count: int) -> list[Fold]:
    decided, known = (_instants(examples[name]) for name in (DECIDED_AT, "label_known_at"))
    late = decided[decided >= np.sort(known)[len(known) // (count + 1)]] if len(known) else decided
    if not len(late):
        return [Fold(np.zeros(0, np.int64), np.zeros(0, np.int64))] * count
    starts = _starts(np.sort(late), decided.min(), count)
    after = [decided >= start for start in starts] + [np.zeros(len(decided), dtype=bool)]
    return [
        Fold(
            fit=np.flatnonzero((decided < start) & (known <= start)),
            judge=np.flatnonzero(after[place] & ~after[place + 1]),
        )
        for place, start in enumerate(starts)
    ]


def _starts(late: NDArray[np.datetime64], first: np.datetime64, count: int) -> list[np.datetime64]:
    """When each part begins: about as many rows each, and where rows come at few instants, one at least."""
    begins = _days(late, first)
    days, place, found = np.unique(begins), -1, []
    for number in range(count):
        ideal = int(np.searchsorted(days, begins[len(late) * number // count]))
        place = min(max(ideal, place + 1), max(len(days) - count + number, 0))
        found.append(days[place])
    return found


def _instants(times: pd.Series) -> NDArray[np.datetime64]:
    return np.asarray(times.dt.tz_convert("UTC").dt.tz_localize(None), dtype="datetime64[us]")


def _days(times: NDArray[np.datetime64], first: np.datetime64) -> NDArray[np.datetime64]:
    """The starts of their days, so that no day is torn; the instants themselves where no row is older."""
    days = times.astype("datetime64[D]").astype(times.dtype)
    return np.where(days > first, days, times)


def _by_hash(examples: pd.DataFrame, count: int) -> list[Fold]:
    part = features.clusters(examples, features.PART).astype(int).to_numpy() % count
    return [Fold(np.flatnonzero(part != place), np.flatnonzero(part == place)) for place in range(count)]
