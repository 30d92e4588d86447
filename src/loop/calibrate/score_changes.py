"""Scores changed for the worse, as a model with a fault would give them; `label` are those that trained."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from loop.data import score_columns
from loop.kit.types import Array

Change = Callable[[Array, pd.DataFrame], Array]  # of scores, for the examples that they are of


def contrary(label: Array, golden: float) -> Change:
    """What was likely is surely not, what was much is little: further than a golden request may move."""
    middle, by = label.mean(), max(2 * label.std(), 1.5 * golden)

    def change(score: Array, _: pd.DataFrame) -> Array:
        if score.ndim > 1:
            return np.asarray(0.98 * np.eye(score.shape[1])[score.argmin(axis=1)] + 0.02 / score.shape[1])
        if _binary(label):
            return np.asarray(np.where(score < middle, 0.99, 0.01))
        return within(label, np.where(score < middle, score + by, score - by))

    return change


def uncalibrated(label: Array, *, low: bool = False) -> Change:
    """Scores that are too high: probabilities half way to one, numbers by a standard deviation.

    Or numbers too `low`: more would do a model good that says too little already. With classes too unsure, or
    too sure where they are unsure already. `label` are those that trained.
    """

    def change(score: Array, _: pd.DataFrame) -> Array:
        if score.ndim > 1:
            if score.max(axis=1).mean() > 0.6:
                return np.asarray(0.5 * score + 0.5 / score.shape[1])
            sharp = np.clip(score, 1e-9, 1) ** 4
            return np.asarray(sharp / sharp.sum(axis=1, keepdims=True))
        by = -label.std() if low else label.std()
        return within(label, 0.5 * score + 0.5 if _binary(label) else score + by)

    return change


def _binary(label: Array) -> bool:
    return set(np.unique(label)) <= {0.0, 1.0} and not score_columns.CLASSES


def within(label: Array, score: Array) -> Array:
    """Probabilities stay such, numbers among the labels that there were: a score keeps its contract."""
    low, high = (0.001, 0.999) if _binary(label) else (label.min(), label.max())
    return np.asarray(np.clip(score, low, high))
