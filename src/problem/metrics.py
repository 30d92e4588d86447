"""How a model is judged: metrics, slices, subgroups, and what it must do whatever its figures are."""

import pandas as pd

from loop.kit import groups
from loop.kit.metrics import BINARY, cost
from loop.kit.types import Behaviour, BusinessMetric
from problem.source import ORIGIN_ZONE

SCORE = "probability of a late arrival"  # what the score and the mean label are, in words
LABEL = "share of flights that were late"
PRIMARY = "log_loss"
METRICS = BINARY
SLICE_METRICS = ("log_loss", "roc_auc", "calibration_bias")


SLICES = {
    "origin": groups.column("origin"),
    "carrier": groups.column("carrier"),
    "hour of day": groups.hours("scheduled_departure", (0, 9, 12, 15, 18, 24), ORIGIN_ZONE),
    "week of": groups.week("scheduled_departure", ORIGIN_ZONE),
}
REGIONAL = ("9E", "EV", "MQ", "OO", "YV")
SUBGROUPS = {  # groups that the model must serve alike
    "origin": groups.column("origin"),
    "airline": groups.among("carrier", REGIONAL, "regional", "mainline"),
    "distance": groups.ranges("distance_miles", (0, 500, 1500, 9999), ("short", "medium", "long")),
}


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
    Behaviour(
        "the flight number does not matter",
        "the same",
        lambda rows: rows.assign(flight=rows["flight"] % 9999 + 1),
    ),
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


# An assumption, which you replace: a needless warning costs 2/3 of a late arrival that nobody was told of, as
# `serve.threshold` 0.4 says if it is set where both cost the same (0.4 x 1 = 0.6 x 2/3). Leave it out where a
# score is no decision.
BUSINESS = BusinessMetric("cost of decisions", "lower", cost(missed=1, needless=2 / 3))
