"""How a model is judged: metrics, slices, subgroups, and what it must do whatever its figures are.

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


@dataclass(frozen=True)
class Behaviour:
    """What becomes of the scores when `change` is done to the examples, all else kept."""

    title: str
    expects: Literal["the same", "not lower", "not higher"]
    change: Callable[[pd.DataFrame], pd.DataFrame]


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


def subgroups(examples: pd.DataFrame) -> dict[str, pd.Series]:
    """Groups that the model must serve alike: a text per row of `examples`."""
    far = pd.cut(examples["distance_miles"], [0, 500, 1500, 9999], labels=["short", "medium", "long"])
    regional = examples["carrier"].isin(["9E", "EV", "MQ", "OO", "YV"])
    return {
        "origin": examples["origin"],
        "airline": regional.map({True: "regional", False: "mainline"}),
        "distance": far.astype("str"),
    }


def _renumbered(examples: pd.DataFrame) -> pd.DataFrame:
    return examples.assign(flight=examples["flight"] % 9999 + 1)


def _storm(examples: pd.DataFrame) -> pd.DataFrame:
    return examples.assign(
        rain_inches=examples["rain_inches"].clip(lower=0.2),
        visibility_miles=examples["visibility_miles"].clip(upper=1),
        wind_mph=examples["wind_mph"].clip(lower=25),
    )


def _delays(examples: pd.DataFrame) -> pd.DataFrame:
    delay, late = examples["origin_3h_mean_delay"], examples["origin_3h_late_share"]
    return examples.assign(origin_3h_mean_delay=delay + 30, origin_3h_late_share=(late + 0.3).clip(upper=1))


BEHAVIOURS = (
    Behaviour("the flight number does not matter", "the same", _renumbered),
    Behaviour("worse weather at the origin", "not lower", _storm),
    Behaviour("more delay at the origin", "not lower", _delays),
)

# Requests whose score you would notice: why, and the values of KEY. Choose them from the training
# window, so that they stay at hand when the windows move on.
GOLDEN = (
    ("first wave, a clear morning", ("2013-04-05", "DL", 731, "LGA")),
    ("first wave after a bad night", ("2013-02-20", "MQ", 3768, "EWR")),
    ("surest to be in time", ("2013-03-31", "DL", 183, "JFK")),
    ("surest to be late: rain, no sight", ("2013-03-08", "EV", 4135, "EWR")),
    ("fog, all else calm", ("2013-01-13", "AA", 2041, "JFK")),
    ("heavy rain at noon", ("2013-04-12", "B6", 85, "JFK")),
    ("a gale, few arrivals known", ("2013-02-17", "DL", 1108, "JFK")),
    ("a gale in the evening", ("2013-01-31", "EV", 4437, "EWR")),
    ("the long way, to Honolulu", ("2013-04-05", "HA", 51, "JFK")),
    ("a carrier hardly ever seen", ("2013-01-30", "OO", 8500, "LGA")),
    ("an origin in trouble", ("2013-01-25", "EV", 4691, "EWR")),
    ("a flight number without a past", ("2013-04-13", "EV", 4199, "EWR")),
)


@dataclass(frozen=True)
class Business:
    """What decisions cost, as a mean of rows: `rows(label, score, decision)` gives one number per row."""

    title: str
    better: Literal["higher", "lower"]
    rows: Callable[[Array, Array, Array], Array]


def cost(label: Array, score: Array, decision: Array) -> Array:
    """1 for a late arrival that nobody was told of, 2/3 for a warning without one, else 0.

    An assumption, which you replace: 2/3 is what `serve.threshold` 0.4 says if it is set where both cost
    the same (0.4 x 1 = 0.6 x 2/3).
    """
    return np.asarray(np.where(decision, (label == 0) * 2 / 3, (label == 1) * 1.0))


BUSINESS = Business("cost of decisions", "lower", cost)  # leave it out where a score is no decision
