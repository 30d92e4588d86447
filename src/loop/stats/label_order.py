"""How well a column alone puts rows in the order of their labels: what tells nearly all of them is a leak."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype
from scipy.stats import rankdata

from loop.stats.bootstrap import Floats

ROWS = 5000  # of each side are looked at, evenly spread
BINS = 20
CLASSES_MAX = 10
BY_TRAINING = ", by its mean label in training"  # how the name of such an order ends
PAIRED_MAX = 60  # numbers whose sums and differences are tried: those that say most alone


def strongest(train: pd.DataFrame, holdout: pd.DataFrame, *, classes: bool) -> tuple[str, float]:
    """The feature, sum or difference of two that best orders the holdout by `label`, and how well.

    The share of pairs of rows in the right order (for two classes the ROC AUC, else half of one
    plus Spearman's rank correlation), the better of both directions. A feature is also tried
    as the mean label that its bin or category, missing included, had in training: so a category
    or a mere absence that tells the label counts. With `classes` each of the most frequent is set against the
    rest, and a feature has the mean of these, weighted by rows.
    """
    train, holdout = some(train), some(holdout)
    if not classes:
        return _best(_orders(train, holdout))
    frequent = holdout["label"].value_counts(normalize=True)[:CLASSES_MAX]
    found: dict[str, float] = {}
    for place, share in frequent.items():
        of_class = [rows.assign(label=(rows["label"] == place).astype("int64")) for rows in (train, holdout)]
        for name, order in _orders(*of_class).items():
            found[name] = found.get(name, 0.0) + order * float(share) / float(frequent.sum())
    return _best(found)


def _best(orders: Mapping[str, float]) -> tuple[str, float]:
    return max(orders.items(), key=lambda item: item[1], default=("no feature", 0.5))


def _orders(train: pd.DataFrame, holdout: pd.DataFrame) -> dict[str, float]:
    """How well each feature, sum and difference puts the holdout's labels in order."""
    label = holdout["label"].to_numpy(np.float64)
    names = [str(name) for name in holdout if name != "label" and name in train]
    numbers = {name: _numbers(holdout[name]) for name in names if _is_number(holdout[name])}
    tried: dict[str, Floats] = {**numbers}
    if len(numbers) > PAIRED_MAX:
        alone = ordered(label, np.column_stack(list(numbers.values())))
        most = {list(numbers)[place] for place in np.argsort(-alone, kind="stable")[:PAIRED_MAX]}
        numbers = {name: values for name, values in numbers.items() if name in most}
    for name in names:
        tried[f"{name}{BY_TRAINING}"] = _by_training(train, holdout, name)
    for one, two in combinations(numbers, 2):
        tried[f"{one} + {two}"] = numbers[one] + numbers[two]
        tried[f"{one} - {two}"] = numbers[one] - numbers[two]
    if not tried:
        return {}
    order = ordered(label, np.column_stack(list(tried.values())))
    return dict(zip(tried, order.tolist(), strict=True))


def ordered(label: Floats, values: Floats) -> Floats:
    """For each column of values (rows, k), the share of pairs in the order of labels: 0.5 to 1.

    Missing values take the middle. A column or a label that never varies gives 0.5.
    """
    middle = np.nanmedian(np.where(np.isnan(values).all(axis=0), 0.0, values), axis=0)
    ranks = rankdata(np.where(np.isnan(values), middle, values), axis=0)
    if set(np.unique(label)) <= {0.0, 1.0}:
        positive = label == 1
        wins, losses = int(positive.sum()), int((~positive).sum())
        if not wins or not losses:
            return np.full(values.shape[1], 0.5)
        found = (ranks[positive].sum(axis=0) - wins * (wins + 1) / 2) / (wins * losses)
    else:
        centred, of_label = ranks - ranks.mean(axis=0), rankdata(label) - (len(label) + 1) / 2
        size = np.sqrt((centred**2).sum(axis=0) * (of_label**2).sum())
        found = (1 + np.divide(of_label @ centred, size, out=np.zeros_like(size), where=size > 0)) / 2
    return np.asarray(np.maximum(found, 1 - found))


def some(frame: pd.DataFrame) -> pd.DataFrame:
    """At most ROWS rows, or one less than twice as many, evenly spread."""
    return frame.iloc[:: max(1, len(frame) // ROWS)]


def _is_number(values: pd.Series) -> bool:
    return bool(is_numeric_dtype(values) or is_datetime64_any_dtype(values))


def _numbers(values: pd.Series) -> Floats:
    """As floats, times as minutes; NaN where there is none."""
    if is_datetime64_any_dtype(values):
        minutes = values.astype("datetime64[s, UTC]").astype("int64") / 60
        return np.asarray(minutes.where(values.notna()), dtype=np.float64)
    return values.to_numpy(np.float64, na_value=np.nan)


def _by_training(train: pd.DataFrame, holdout: pd.DataFrame, name: str) -> Floats:
    """For each row of the holdout, the mean label in training of rows like it in this feature."""
    if _is_number(train[name]):
        known = _numbers(train[name].dropna())
        edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else known
        keys = [
            np.where(np.isnan(values), -1, np.searchsorted(edges, values))
            for values in (_numbers(train[name]), _numbers(holdout[name]))
        ]
    else:
        keys = [values.astype("str").to_numpy() for values in (train[name], holdout[name])]
    means = train["label"].groupby(keys[0]).mean()
    return pd.Series(keys[1]).map(means).fillna(train["label"].mean()).to_numpy(np.float64)
