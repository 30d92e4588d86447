"""How a model is judged: metrics, slices, subgroups, and what it must do whatever its figures are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

Array = np.ndarray


@dataclass(frozen=True)
class Metric:
    """A mean of rows, or a built-in; `better` says which way is better (zero: nearer to zero)."""

    title: str
    better: Literal["higher", "lower", "zero"]
    rows: Callable[[Array, Array], Array] | None = None
    value: Callable[[Array], Array] | None = None
    builtin: Literal["roc_auc"] | None = None


@dataclass(frozen=True)
class Behaviour:
    """What becomes of the scores when `change` is done to the examples, all else kept."""

    title: str
    expects: Literal["the same", "not lower", "not higher"]
    change: Callable[[pd.DataFrame], pd.DataFrame]


def error(label: Array, score: Array) -> Array:
    """Score minus label of each row: above zero, the model expects too much."""
    return np.asarray(score - label)


def absolute_error(label: Array, score: Array) -> Array:
    """How far off each row is, either way."""
    return np.asarray(np.abs(error(label, score)))


def squared_error(label: Array, score: Array) -> Array:
    """The square of each row's error."""
    return np.asarray(np.square(error(label, score)))


def root(mean: Array) -> Array:
    """The square root of means, shape (..., 1) in and (...) out."""
    return np.asarray(np.sqrt(mean[..., 0]))


SCORE = "expected progression"  # what the score and the mean label are, in words
LABEL = "mean progression"
PRIMARY = "mae"
METRICS = {
    "mae": Metric("mean absolute error", "lower", rows=absolute_error),
    "rmse": Metric("root mean squared error", "lower", rows=squared_error, value=root),
    "bias": Metric("bias", "zero", rows=error),
}
SLICE_METRICS = ("mae", "bias")


def slices(examples: pd.DataFrame) -> dict[str, pd.Series]:
    """Ways to cut the examples: a text per row of `examples`."""
    return {"clinic": examples["clinic"]}


def subgroups(examples: pd.DataFrame) -> dict[str, pd.Series]:
    """Groups that the model must serve alike: a text per row of `examples`."""
    return {"clinic": examples["clinic"]}


BEHAVIOURS = (
    Behaviour("the clinic does not matter", "the same", lambda visits: visits.assign(clinic="north")),
    Behaviour("a higher BMI", "not lower", lambda visits: visits.assign(bmi=visits["bmi"] + 5)),
)
GOLDEN = (("the first", ("p000",)), ("the second", ("p001",)), ("the third", ("p002",)))
