"""What a model knows in past windows: how far it is from a naive guess, and from its best."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from loop.data import score_columns
from loop.kit.types import Array, Metric
from loop.review.compare import Rows, value
from problem import metrics


@dataclass(frozen=True)
class Window:
    """Rows of a past window with the scores of a model that had not seen them."""

    name: str
    rows: Rows


def naive(train: pd.DataFrame, rows: int) -> Array:
    """The scores of a guess that knows the labels' mean alone: (rows,), or with classes (rows, classes)."""
    label = train["label"].to_numpy(np.float64)
    if classes := len(score_columns.CLASSES):
        shares = np.bincount(label.astype(np.int64), minlength=classes) / max(1, len(label))
        return np.tile(shares, (rows, 1))
    return np.full(rows, label.mean())


def knowledge(windows: Sequence[Window], guesses: Sequence[Window]) -> dict[str, float]:
    """By metric, how much better than a naive guess a model was on average; above zero is better."""
    return {
        name: _mean(
            loss(metric, value(name, guess.rows)) - loss(metric, value(name, window.rows))
            for window, guess in zip(windows, guesses, strict=True)
        )
        for name, metric in metrics.METRICS.items()
    }


def lacks(name: str, windows: Sequence[Window]) -> float:
    """How far a metric is from its best, on average; of one without a best, its own size."""
    metric = metrics.METRICS[name]
    figures = [value(name, one.rows) for one in windows]
    return _mean(1 - figure if metric.better == "higher" else abs(figure) for figure in figures)


def loss(metric: Metric, figure: float) -> float:
    """Turned so that less is better."""
    return {"higher": -figure, "lower": figure, "zero": abs(figure)}[metric.better]


def _mean(values: Iterable[float]) -> float:
    """Of those that are defined; NaN of none."""
    known = [one for one in values if np.isfinite(one)]
    return float(np.mean(known)) if known else float("nan")
