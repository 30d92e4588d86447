"""How good a model is: metrics, which way is better, and the slices to look at.

A metric is a mean of rows: `rows(label, score)` gives one number or one row of numbers per
example, and `value` turns their means, shape (..., k), into the metric. Any weighting of days
then costs one product of matrices. "roc_auc" is built in, because it compares pairs of rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from problem.source import ORIGIN_ZONE

Array = np.ndarray


@dataclass(frozen=True)
class Metric:
    """A mean of rows, or a built-in; `better` says which way is better (zero: nearer to zero)."""

    title: str
    better: Literal["higher", "lower", "zero"]
    rows: Callable[[Array, Array], Array] | None = None
    value: Callable[[Array], Array] | None = None
    builtin: Literal["roc_auc"] | None = None


def log_loss(label: Array, score: Array) -> Array:
    """Log loss of each row, in nats; scores are kept 1e-15 away from 0 and 1."""
    sure = np.clip(np.where(label == 1, score, 1 - score), 1e-15, 1)
    return np.asarray(-np.log(sure))


def brier(label: Array, score: Array) -> Array:
    """Squared error of each row's probability (Brier 1950)."""
    return np.asarray((score - label) ** 2)


def bias(label: Array, score: Array) -> Array:
    """Score minus label of each row: above zero, the model expects too much."""
    return np.asarray(score - label)


def bias_by_bin(label: Array, score: Array) -> Array:
    """Score minus label of each row, in the column of its score's tenth: shape (rows, 10)."""
    tenth = np.minimum((score * 10).astype(int), 9)
    return np.asarray(np.where(tenth[:, None] == np.arange(10), (score - label)[:, None], 0.0))


def sum_of_gaps(mean_bias_by_bin: Array) -> Array:
    """Expected calibration error: gaps between score and share, weighted by rows (Naeini 2015)."""
    return np.asarray(np.abs(mean_bias_by_bin).sum(axis=-1))


SCORE = "probability of a late arrival"  # what the score and the mean label are, in words
LABEL = "share of flights that were late"
PRIMARY = "log_loss"
METRICS = {
    "log_loss": Metric("log loss", "lower", rows=log_loss),
    "roc_auc": Metric("ROC AUC", "higher", builtin="roc_auc"),
    "brier": Metric("Brier score", "lower", rows=brier),
    "calibration_bias": Metric("calibration bias", "zero", rows=bias),
    "calibration_error": Metric("calibration error", "lower", rows=bias_by_bin, value=sum_of_gaps),
}
SLICE_METRICS = ("log_loss", "roc_auc", "calibration_bias")


def slices(examples: pd.DataFrame) -> dict[str, pd.Series]:
    """Ways to cut the examples: a text per row of `examples`; slices are shown in the order of texts."""
    local = examples["scheduled_departure"].dt.tz_convert(ORIGIN_ZONE)
    part = pd.cut(
        local.dt.hour,
        [0, 9, 12, 15, 18, 24],
        right=False,
        labels=["00-09", "09-12", "12-15", "15-18", "18-24"],
    )
    monday = (local - pd.to_timedelta(local.dt.day_of_week, unit="D")).dt.strftime("%Y-%m-%d")
    return {
        "origin": examples["origin"],
        "carrier": examples["carrier"],
        "hour of day": part.astype("str"),
        "week of": monday,
    }
