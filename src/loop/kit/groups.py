"""Ways to cut examples into slices and subgroups: by column, by range, by hour, weekday or week.

A way is a function from examples to one text per row; slices are shown in the order of texts.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import pandas as pd

By = Callable[[pd.DataFrame], pd.Series]
DAYS = ("1 Mon", "2 Tue", "3 Wed", "4 Thu", "5 Fri", "6 Sat", "7 Sun")


def cut(ways: Mapping[str, By], examples: pd.DataFrame) -> dict[str, pd.Series]:
    """The examples cut in each of these ways, by its name."""
    return {name: by(examples) for name, by in ways.items()}


def column(name: str) -> By:
    """By the values of a column; a null is called "missing"."""
    return lambda examples: examples[name].astype("str").fillna("missing")


def among(name: str, values: Sequence[str], one: str, other: str) -> By:
    """By whether a column holds one of these values: `one` where it does, else `other`."""
    return lambda examples: examples[name].isin(list(values)).map({True: one, False: other})


def classes(names: Sequence[str]) -> By:
    """By the true class of a label that is the place of its class among `names`."""
    return lambda examples: examples["label"].astype("int64").map(dict(enumerate(names)))


def ranges(name: str, edges: Sequence[float], labels: Sequence[str]) -> By:
    """By ranges of a number: (edge, next edge], one label each; what lies outside is "missing"."""
    return lambda examples: (
        pd.cut(examples[name], list(edges), labels=list(labels)).astype("str").fillna("missing")
    )


def hours(name: str, edges: Sequence[int], zone: str = "UTC") -> By:
    """By the local hour of an instant: [edge, next edge) of a day, as 09-12."""
    labels = [f"{low:02d}-{high:02d}" for low, high in pairwise(edges)]

    def by(examples: pd.DataFrame) -> pd.Series:
        hour = examples[name].dt.tz_convert(zone).dt.hour
        found: pd.Series = pd.cut(hour, list(edges), right=False, labels=labels).astype("str")
        return found

    return by


def weekday(name: str, zone: str = "UTC") -> By:
    """By the local day of the week of an instant."""
    return lambda examples: examples[name].dt.tz_convert(zone).dt.day_of_week.map(dict(enumerate(DAYS)))


def week(name: str, zone: str = "UTC") -> By:
    """By the local week of an instant, named by its Monday."""

    def by(examples: pd.DataFrame) -> pd.Series:
        local = examples[name].dt.tz_convert(zone)
        monday: pd.Series = (local - pd.to_timedelta(local.dt.day_of_week, unit="D")).dt.strftime("%Y-%m-%d")
        return monday

    return by
