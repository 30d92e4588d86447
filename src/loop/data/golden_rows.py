"""Golden requests, found among rows: each by its KEY, or by other columns where the key names a person."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from loop.base.errors import LoopError
from loop.data import personal
from problem import source


def named(key: Any) -> dict[str, Any]:
    """The columns and values that name a request: those of KEY, or those of a mapping."""
    return dict(key) if isinstance(key, Mapping) else dict(zip(source.KEY, key, strict=True))


def find(rows: pd.DataFrame, names: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Place among `names` -> place of the first row that has these values, of those that are there.

    Raises LoopError where values name several requests: which is the golden one would be luck. One request
    may stand twice, as where a window is in both training and holdout.
    """
    found: dict[int, int] = {}
    for at, name in enumerate(names):
        same = np.ones(len(rows), dtype=bool)
        for column, value in name.items():
            same &= _equals(rows, column, value)
        places = np.flatnonzero(same)
        if len(rows.iloc[places][source.KEY].drop_duplicates()) > 1:
            shown = ", ".join(column for column in name if column not in personal.marks())
            raise LoopError(
                f"a golden request names {len(places)} rows by {shown}",
                "one row",
                "name more columns of it in GOLDEN of src/problem/metrics.py",
            )
        if len(places):
            found[at] = int(places[0])
    return found


def _equals(rows: pd.DataFrame, column: str, value: Any) -> Any:
    """Which rows have a value, given in whatever form: JSON has no instants."""
    if column not in rows:
        return False
    try:
        return rows[column].eq(pd.Series([value]).astype(rows[column].dtype).iloc[0]).to_numpy()
    except (ValueError, TypeError):
        return False  # it was of another type then
