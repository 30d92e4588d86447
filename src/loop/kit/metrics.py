"""Metrics by name for each task, as means of rows; your own go beside them."""

import numpy as np

from loop.kit.types import Array, Metric


def log_loss(label: Array, score: Array) -> Array:
    """Log loss of each row, in nats; scores are kept 1e-15 away from 0 and 1."""
    sure = np.clip(np.where(label == 1, score, 1 - score), 1e-15, 1)
    return np.asarray(-np.log(sure))


def error(label: Array, score: Array) -> Array:
    """Score minus label of each row: above zero, the model expects too much."""
    return np.asarray(score - label)


def absolute_error(label: Array, score: Array) -> Array:
    """How far off each row is, either way."""
    return np.asarray(np.abs(score - label))


def squared_error(label: Array, score: Array) -> Array:
    """The square of each row's error; of a probability this is Brier's score (1950)."""
    return np.asarray(np.square(score - label))


def error_by_bin(label: Array, score: Array) -> Array:
    """Score minus label of each row, in the column of its score's tenth: shape (rows, 10)."""
    tenth = np.minimum((score * 10).astype(int), 9)
    return np.asarray(np.where(tenth[:, None] == np.arange(10), (score - label)[:, None], 0.0))


def sum_of_gaps(mean_error_by_bin: Array) -> Array:
    """Expected calibration error: gaps between score and share, weighted by rows (Naeini 2015)."""
    return np.asarray(np.abs(mean_error_by_bin).sum(axis=-1))


def root(mean: Array) -> Array:
    """The square root of means: shape (..., 1) in, (...) out."""
    return np.asarray(np.sqrt(mean[..., 0]))


BINARY = {
    "log_loss": Metric("log loss", "lower", rows=log_loss),
    "roc_auc": Metric("ROC AUC", "higher", builtin="roc_auc"),
    "brier": Metric("Brier score", "lower", rows=squared_error),
    "calibration_bias": Metric("calibration bias", "zero", rows=error),
    "calibration_error": Metric("calibration error", "lower", rows=error_by_bin, value=sum_of_gaps),
}
REGRESSION = {
    "mae": Metric("mean absolute error", "lower", rows=absolute_error),
    "rmse": Metric("root mean squared error", "lower", rows=squared_error, value=root),
    "bias": Metric("bias", "zero", rows=error),
}
