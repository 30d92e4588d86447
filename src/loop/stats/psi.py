"""How far a column moved between two sets of rows held in memory: the population stability index."""

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from loop.stats import distance

BINS = 10


def psi(before: pd.Series, after: pd.Series) -> float:
    """`distance.psi` of two columns, exactly, and zero for the same shares.

    Numbers: ten bins of equal rows of `before`, missing a bin of its own; anything else: a bin
    per value. NaN when either side is empty.
    """
    if before.empty or after.empty:
        return float("nan")
    edges = _edges(before)
    old, new = (_counts(values, edges) for values in (before, after))
    bins = old.index.union(new.index)
    return float(distance.psi(*(side.reindex(bins, fill_value=0).to_numpy() for side in (old, new))))


def _edges(before: pd.Series) -> np.ndarray | None:
    if not is_numeric_dtype(before):
        return None
    known = before.dropna().to_numpy(np.float64)
    return np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.array([])


def _counts(values: pd.Series, edges: np.ndarray | None) -> pd.Series:
    if edges is None:
        bins = values.astype("str").to_numpy()
    else:
        numbers = values.to_numpy(np.float64, na_value=np.nan)
        bins = np.where(np.isnan(numbers), -1, np.searchsorted(edges, numbers, "left"))
    counts: pd.Series = pd.Series(bins).value_counts()
    return counts
