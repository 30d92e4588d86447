"""Faults planted into rows, each of rising size; a row stays a row, and only what is named changes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from loop.data.features import DECIDED_AT
from problem import schema
from problem.features import WEATHER
from problem.source import WEATHER_PUBLISHED_AFTER

SEED = 7
STATION = "JFK"
SLICE = "carrier"
TOLERANCE = pd.Timedelta(hours=6)  # as in the view: an older reading is missing


@dataclass(frozen=True)
class Fault:
    """A kind of fault: what it does to rows at a size; `scored` where the model sees another input."""

    name: str
    sizes: tuple[float, ...]
    unit: str
    plant: Callable[[pd.DataFrame, float], pd.DataFrame]
    scored: bool = True


def faults(number: str, category: str, readings: pd.DataFrame) -> list[Fault]:
    """Faults in a feature that is a number, in a category, in one station's readings, and in labels."""
    return [
        Fault("mean", (0.1, 0.25, 0.5, 1, 2), "sd", lambda rows, size: shift(rows, number, size)),
        Fault("variance", (1.25, 1.5, 2, 3), "times sd", lambda rows, size: stretch(rows, number, size)),
        Fault("category mix", (0.05, 0.1, 0.2, 0.4), "of rows", lambda rows, size: mix(rows, category, size)),
        Fault("missing", (0.02, 0.05, 0.1, 0.3), "of rows", lambda rows, size: lose(rows, number, size)),
        Fault("clock", (1, 3, 6, 12), "hours late", lambda rows, size: late(rows, readings, size)),
        Fault(
            "labels", (0.1, 0.25, 0.5, 1), "of a slice", lambda rows, size: flip(rows, category, size), False
        ),
    ]


def shift(rows: pd.DataFrame, name: str, size: float) -> pd.DataFrame:
    """The number raised by `size` standard deviations."""
    return rows.assign(**{name: rows[name] + size * rows[name].std()})


def stretch(rows: pd.DataFrame, name: str, size: float) -> pd.DataFrame:
    """The number's distance from its mean times `size`."""
    mean = rows[name].mean()
    return rows.assign(**{name: mean + size * (rows[name] - mean)})


def mix(rows: pd.DataFrame, name: str, size: float) -> pd.DataFrame:
    """A share of `size` of the rows, whatever they were, carries the most frequent category."""
    return rows.assign(**{name: rows[name].where(~_drawn(rows, size), rows[name].mode()[0])})


def lose(rows: pd.DataFrame, name: str, size: float) -> pd.DataFrame:
    """The number missing in a share of `size` of the rows."""
    return rows.assign(**{name: rows[name].where(~_drawn(rows, size))})


def late(rows: pd.DataFrame, readings: pd.DataFrame, size: float) -> pd.DataFrame:
    """One station's clock is slow: each of its readings is joined `size` hours after its time."""
    there = rows["origin"] == STATION
    known = readings.loc[readings["origin"] == STATION, ["observed_at", *WEATHER]].sort_values("observed_at")
    known["known_at"] = known.pop("observed_at") + WEATHER_PUBLISHED_AFTER + pd.Timedelta(hours=size)
    asked = rows.loc[there, [DECIDED_AT]].sort_values(DECIDED_AT, kind="stable")
    joined = pd.merge_asof(
        asked, known, left_on=DECIDED_AT, right_on="known_at", tolerance=TOLERANCE + pd.Timedelta(hours=size)
    ).set_axis(asked.index)
    joined = joined[joined["known_at"].notna()]  # before the first reading a row keeps its own
    planted = rows.copy()
    planted.loc[joined.index, list(WEATHER)] = joined[list(WEATHER)]
    return planted


def flip(rows: pd.DataFrame, name: str, size: float) -> pd.DataFrame:
    """The label turned round in a share of `size` of the rows of the most frequent category."""
    turned = _drawn(rows, size) & (rows[name] == rows[name].mode()[0])
    return rows.assign(label=rows["label"].where(~turned, 1 - rows["label"]))


def columns(rows: pd.DataFrame) -> tuple[list[str], list[str]]:
    """The features of an example that are numbers, and those that are categories."""
    told = [name for name in schema.EXAMPLE.columns if name in rows and name != "label"]
    numbers = [name for name in told if pd.api.types.is_numeric_dtype(rows[name])]
    texts = [name for name in told if not pd.api.types.is_datetime64_any_dtype(rows[name])]
    return numbers, [name for name in texts if name not in numbers]


def _drawn(rows: pd.DataFrame, share: float) -> np.ndarray:
    return np.random.default_rng(SEED).random(len(rows)) < share
