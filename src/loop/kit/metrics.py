"""Metrics by name for each task, as means of rows; your own go beside them."""

from collections.abc import Callable, Sequence

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


def cost(missed: float, needless: float) -> Callable[[Array, Array, Array], Array]:
    """What decisions cost, for a BusinessMetric: so much for a 1 that was missed, and for a needless yes."""

    def rows(label: Array, score: Array, decision: Array) -> Array:
        return np.asarray(np.where(decision, (label == 0) * needless, (label == 1) * missed))

    return rows


def class_log_loss(label: Array, score: Array) -> Array:
    """Log loss of each row, in nats, by the probability of its class; `score` is (rows, classes)."""
    of_label = np.take_along_axis(score, label.astype(np.int64)[:, None], axis=1)[:, 0]
    return np.asarray(-np.log(np.clip(of_label, 1e-15, 1)))


def right(label: Array, score: Array) -> Array:
    """1 where the likeliest class is the true one, else 0."""
    return np.asarray((score.argmax(axis=1) == label).astype(np.float64))


def class_squared_error(label: Array, score: Array) -> Array:
    """Brier's score (1950) of each row: squared errors, summed over classes; 0 to 2."""
    return np.asarray(np.square(score - _is(label, score)).sum(axis=1))


def overconfidence(label: Array, score: Array) -> Array:
    """The likeliest class's probability, less 1 where it is the true one."""
    return np.asarray(score.max(axis=1) - right(label, score))


def overconfidence_by_bin(label: Array, score: Array) -> Array:
    """The same in the column of the probability's tenth: shape (rows, 10)."""
    return error_by_bin(right(label, score), score.max(axis=1))


def hits_by_class(label: Array, score: Array) -> Array:
    """Of each row's class, 1 where it was found; then 1 for the class itself: shape (rows, 2 x classes)."""
    true = _is(label, score)
    return np.asarray(np.hstack([true * right(label, score)[:, None], true]))


def mean_recall(means: Array) -> Array:
    """The mean over classes of the share of their rows that was found; classes without rows are left out."""
    hit, true = np.split(means, 2, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.nanmean(np.where(true > 0, hit / true, np.nan), axis=-1))


def _is(label: Array, score: Array) -> Array:
    """1 in the column of each row's class, else 0: shape (rows, classes)."""
    return np.asarray((label[:, None] == np.arange(score.shape[1])).astype(np.float64))


def by_class(classes: Sequence[str]) -> dict[str, Metric]:
    """Recall and precision of each class, by its name."""

    def of(place: int, name: str) -> dict[str, Metric]:
        def recall(label: Array, score: Array) -> Array:
            true = (label == place).astype(np.float64)
            return np.column_stack([true * (score.argmax(axis=1) == place), true])

        def precision(label: Array, score: Array) -> Array:
            called = (score.argmax(axis=1) == place).astype(np.float64)
            return np.column_stack([called * (label == place), called])

        return {
            f"recall of {name}": Metric(f"recall of {name}", "higher", rows=recall, value=ratio),
            f"precision of {name}": Metric(f"precision of {name}", "higher", rows=precision, value=ratio),
        }

    return {key: metric for place, name in enumerate(classes) for key, metric in of(place, name).items()}


def ratio(means: Array) -> Array:
    """The first of two means over the second: shape (..., 2) in, (...) out; NaN over nothing."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(means[..., 0] / means[..., 1])


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
MULTICLASS = {
    "log_loss": Metric("log loss", "lower", rows=class_log_loss),
    "accuracy": Metric("accuracy", "higher", rows=right),
    "mean_recall": Metric("mean recall of classes", "higher", rows=hits_by_class, value=mean_recall),
    "brier": Metric("Brier score", "lower", rows=class_squared_error),
    "calibration_bias": Metric("calibration bias", "zero", rows=overconfidence),
    "calibration_error": Metric("calibration error", "lower", rows=overconfidence_by_bin, value=sum_of_gaps),
}
