"""Three problems whose feeds faults are planted into: the example, the second problem, hourly bike rides."""

import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.feed_faults.kinds import Tables, Target
from loop.data import feed_changes, raw
from loop.data.feed_changes import Table
from problem import source

ISLP = "ISLP==0.6.0"


@dataclass(frozen=True)
class Problem:
    """A feed from `since` on; `past` ends what is usual. `tables` are as the source gives them."""

    name: str
    tables: Tables
    targets: tuple[Target, ...]
    since: pd.Timestamp
    past: pd.Timestamp
    until: pd.Timestamp
    watched: Callable[[Tables, pd.Timestamp], list[Table]]


def _at(day: str) -> pd.Timestamp:
    return pd.Timestamp(day, tz="UTC")


def flights() -> Problem:
    """The example, with faults of its weather and of its flights."""
    since, until = _at("2013-01-01"), _at("2014-01-01")
    late = _at("2014-01-03")

    def watched(tables: Tables, end: pd.Timestamp) -> list[Table]:
        valid = {name: raw.repair(name, frame)[0] for name, frame in tables.items()}
        cut = {
            name: frame[frame[time] < end] if (time := source.TIME[name]) else frame
            for name, frame in valid.items()
        }
        return feed_changes.tables(cut, late)

    weather = Target(
        "weather", "observed_at", ("origin", "observed_at"), "temperature_f", "dewpoint_f", "origin",
        ("JFK", "LGA", "EWR"), "humidity_percent", lambda v: 100 - v, (),
    )  # fmt: skip
    flown = Target(
        "flights", "scheduled_departure", tuple(source.KEY), "distance_miles", "arrival_delay_minutes",
        "carrier",
        ("F9", "US", "UA"), "arrival_delay_minutes", lambda v: 29 - v, ("scheduled_arrival", "arrived_at"),
    )  # fmt: skip
    tables = source.tables(since, until, late)
    return Problem("flights", tables, (weather, flown), since, _at("2013-06-01"), until, watched)


def rides() -> Problem:
    """Rides of Washington's bike share by the hour of 2011: ISLP's Bikeshare."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, ISLP]
        subprocess.run(command, check=True)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            rows = pd.read_csv(io.BytesIO(wheel.read("ISLP/data/Bikeshare.csv")))
    at = (
        _at("2011-01-01") + pd.to_timedelta(rows["day"] - 1, unit="D") + pd.to_timedelta(rows["hr"], unit="h")
    )
    kept = rows[["weathersit", "temp", "hum", "windspeed", "casual", "bikers"]].assign(
        at=at.astype("datetime64[us, UTC]")
    )

    def watched(tables: Tables, end: pd.Timestamp) -> list[Table]:
        own = tables["rides"][tables["rides"]["at"] < end]
        labels = own.rename(columns={"bikers": "label"})[["at", "weathersit", "label"]]
        return [
            Table("rides", own, "at", ["at"], outcomes=("bikers", "casual")),
            Table("labels", labels, "at", ["at"], ("label",), (), ("label",)),
        ]

    target = Target(
        "rides", "at", ("at",), "temp", "hum", "weathersit", ("light rain/snow", "cloudy/misty", "clear"),
        "bikers", lambda v: 400 - v, (),
    )  # fmt: skip
    return Problem(
        "rides", {"rides": kept}, (target,), _at("2011-01-01"), _at("2011-06-01"), _at("2012-01-01"), watched
    )


def visits() -> Problem:
    """The second problem's shape, four visits a day, over a year: rows of its 442 are drawn again."""
    from sklearn.datasets import load_diabetes

    found = load_diabetes(as_frame=True, scaled=False).frame
    rng = np.random.default_rng(5)
    drawn = found.iloc[rng.integers(0, len(found), 4 * 365)].reset_index(drop=True)
    at = _at("2020-01-01T09:00") + pd.to_timedelta(drawn.index // 4, unit="D")
    rows = pd.DataFrame(
        {
            "patient": [f"p{place:04d}" for place in drawn.index],
            "visited_at": at.astype("datetime64[us, UTC]"),
            "clinic": np.array(["east", "north", "west"])[drawn.index % 3],
            "age": drawn["age"],
            "bmi": drawn["bmi"],
            "blood_pressure": drawn["bp"],
            "progression": drawn["target"],
        }
    )

    def watched(tables: Tables, end: pd.Timestamp) -> list[Table]:
        own = tables["visits"][tables["visits"]["visited_at"] < end]
        labels = own.rename(columns={"progression": "label"})[["patient", "visited_at", "clinic", "label"]]
        return [
            Table("visits", own, "visited_at", ["patient"], outcomes=("progression",)),
            Table("labels", labels, "visited_at", ["patient"], ("label",), (), ("label",)),
        ]

    target = Target(
        "visits", "visited_at", ("patient",), "bmi", "blood_pressure", "clinic", ("east", "north", "west"),
        "progression", lambda v: 350 - v, (),
    )  # fmt: skip
    return Problem(
        "visits",
        {"visits": rows},
        (target,),
        _at("2020-01-01"),
        _at("2020-06-01"),
        _at("2020-12-31"),
        watched,
    )


PROBLEMS = {"flights": flights, "rides": rides, "visits": visits}
