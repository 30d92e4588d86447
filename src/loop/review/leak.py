"""Signs of a leak: a feature that alone nearly tells the label, and what training and holdout share."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from loop.data import features, score_columns
from loop.stats import label_order
from problem import source

NO_FEATURES = [features.DECIDED_AT, *(name for name in features.OUTCOME if name != "label")]


def strongest(train: pd.DataFrame, holdout: pd.DataFrame) -> tuple[str, float]:
    """The feature that best orders the holdout by label, and the share of pairs that it puts in order."""
    learnt, judged = (frame.drop(columns=NO_FEATURES, errors="ignore") for frame in (train, holdout))
    return label_order.strongest(learnt, judged, classes=bool(score_columns.CLASSES))


def unseen(score: Callable[[pd.DataFrame], Any], examples: pd.DataFrame) -> list[str]:
    """The columns of the key that scores do not depend on: they name a row, and tell a model nothing."""
    rows = label_order.some(examples)
    before = np.asarray(score(rows))

    def moved(name: str) -> bool:
        other = rows.assign(**{name: rows[name].iloc[::-1].set_axis(rows.index)})
        return not np.array_equal(np.asarray(score(other)), before, equal_nan=True)

    return [name for name in source.KEY if name in rows and not moved(name)]


def shared_rows(train: pd.DataFrame, holdout: pd.DataFrame) -> float:
    """The share of holdout rows whose key is in training too."""
    known = pd.MultiIndex.from_frame(train[source.KEY])
    return float(pd.MultiIndex.from_frame(holdout[source.KEY]).isin(known).mean())


def shared_entities(train: pd.DataFrame, holdout: pd.DataFrame, column: str) -> float:
    """The share of holdout rows whose value of `column` is in training too."""
    return float(holdout[column].isin(train[column].unique()).mean())
