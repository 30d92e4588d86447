"""How far a column moved between two sets of rows: the population stability index."""

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

BINS = 10
FLOOR = 1e-4  # share of an empty bin, so that the logarithm stays finite


def psi(before: pd.Series, after: pd.Series) -> float:
    """Sum over bins of (share after - share before) * ln(share after / share before).

    Numbers: ten bins of equal rows of `before`, missing a bin of its own; anything else: a bin
    per value. Zero for the same shares; NaN when either side is empty (Siddiqi 2006, "Credit
    Risk Scorecards", chapter 8).
    """
    if before.empty or after.empty:
        return float("nan")
    old, new = (_shares(values, _edges(before)) for values in (before, after))
    bins = old.index.union(new.index)
    was, now = (np.maximum(shares.reindex(bins, fill_value=0.0), FLOOR) for shares in (old, new))
    return float(((now - was) * np.log(now / was)).sum())


def _edges(before: pd.Series) -> np.ndarray | None:
    if not is_numeric_dtype(before):
        return None
    known = before.dropna().to_numpy(np.float64)
    return np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.array([])


def _shares(values: pd.Series, edges: np.ndarray | None) -> pd.Series:
    if edges is None:
        bins = values.astype("str").to_numpy()
    else:
        numbers = values.to_numpy(np.float64, na_value=np.nan)
        bins = np.where(np.isnan(numbers), -1, np.searchsorted(edges, numbers, "left"))
    shares: pd.Series = pd.Series(bins).value_counts(normalize=True)
    return shares
