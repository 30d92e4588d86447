"""What the data must be at every boundary, and how known faults are repaired by name.

Raw tables are repaired first, each rule looking only at a row and at rows known before it
(a repair that looked ahead would leak the future), then held against their contract.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pydantic import BaseModel, ConfigDict, Field

from loop.kit import contracts, repairs
from loop.kit import rules as rules_of
from loop.kit.types import Repair, Rule
from problem.features import VIEWS
from problem.source import KEY, LEAD, WEATHER_PUBLISHED_AFTER

CARRIERS = ["9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV"]
ORIGINS = ["EWR", "JFK", "LGA"]
_WEATHER_RANGES = {
    "temperature_f": (-40, 120),
    "dewpoint_f": (-60, 90),
    "humidity_percent": (0, 100),
    "wind_direction_degrees": (0, 360),
    "wind_mph": (0, 150),
    "gust_mph": (0, 200),
    "rain_inches": (0, 10),
    "pressure_millibars": (900, 1080),
    "visibility_miles": (0, 10),
}


class Limits(BaseModel):
    """`validate.limits` of params.yaml: how much may be missing before the feed counts as broken."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    flights_per_day_min: int = Field(ge=0)
    weather_hours_per_day_min: int = Field(ge=0, le=24)
    short_days_max: int = Field(ge=0)
    no_outcome_share_max: float = Field(ge=0, le=1)
    weather_null_share_max: dict[str, float]


REPAIRS = (
    Repair(
        "midnight_is_0000",
        "flights",
        "the clock 2400 means 0000",
        lambda flights: flights.assign(arrived_clock=flights["arrived_clock"].replace(2400, 0)),
    ),
    Repair(
        "no_flight_between_own_airports",
        "flights",
        "a ferry flight, not a service",
        lambda flights: flights[~flights["dest"].isin(ORIGINS)],
    ),
    repairs.missing(
        "wind_above_150_mph",
        "weather",
        "no such wind was ever measured there; missing",
        "wind_mph",
        lambda wind: wind > 150,
    ),
    repairs.jumps(
        "temperature_jump_of_30_f",
        "weather",
        "30 °F off the last three readings; missing",
        ["temperature_f", "dewpoint_f"],
        entity="origin",
        time="observed_at",
        more_than=30,
    ),
)


def raw(as_of: pd.Timestamp, limits: Limits) -> dict[str, pa.DataFrameSchema]:
    """The contracts of the raw tables, as known at `as_of` (UTC)."""
    later = {
        "arrived_clock": contracts.number(0, 2359, _CLOCK, nullable=True),
        "arrival_delay_minutes": contracts.number(-180, 3000, nullable=True),
    }
    shares = limits.weather_null_share_max
    weather = {
        "origin": contracts.category(ORIGINS),
        "observed_at": contracts.instant(contracts.known_by(as_of, WEATHER_PUBLISHED_AFTER)),
        **contracts.measures(_WEATHER_RANGES, shares, "validate.limits.weather_null_share_max"),
    }
    airports = {"airport": contracts.text(), "zone": contracts.text(nullable=True)}
    return {
        "flights": contracts.of_requests(
            _REQUEST,
            KEY,
            as_of,
            later,
            {},
            time="scheduled_departure",
            known="arrived_at",
            checks=[_BLOCK, *_ARRIVAL],
        ),
        "weather": contracts.table(weather, ["origin", "observed_at"]),
        "airports": contracts.table(airports, ["airport"]),
    }


def rules(
    tables: dict[str, pd.DataFrame],
    limits: Limits,
    *,
    since: pd.Timestamp,
    until: pd.Timestamp,
    as_of: pd.Timestamp,
) -> Iterator[Rule]:
    """Rules over absent rows and across tables, for rows decided in [since, until) UTC."""
    flights, weather, airports = tables["flights"], tables["weather"], tables["airports"]
    decided, least = flights["scheduled_departure"] - LEAD, limits.flights_per_day_min
    yield rules_of.quiet_days(
        "flights", "scheduled_departure", decided, (since, until), least, rows="flights"
    )
    for origin in ORIGINS:
        yield rules_of.quiet_days(
            "weather",
            "observed_at",
            weather.loc[weather["origin"] == origin, "observed_at"],
            (since, until),
            limits.weather_hours_per_day_min,
            limits.short_days_max,
            rows=f"hours of weather at {origin}",
        )
    yield Rule(
        "every destination is an airport with a time zone",
        "flights",
        "dest",
        "add it to UNLISTED_AIRPORTS in src/problem/source.py, with its time zone",
        flights.loc[~flights["dest"].isin(airports.loc[airports["zone"].notna(), "airport"]), "dest"],
    )
    ended = flights["scheduled_arrival"] < as_of - pd.Timedelta(days=2)
    due = flights.loc[ended, ["flight_date", "arrived_at"]]
    yield rules_of.outcomes(
        f"at most {limits.no_outcome_share_max:.0%} of flights without an outcome (cancelled, diverted)",
        "flights",
        "arrived_at",
        due.set_index("flight_date")["arrived_at"].isna(),
        limits.no_outcome_share_max,
    )


def _block(rows: Mapping[str, Any]) -> Any:
    """On a frame or on plain arrays by name: a server asks it of each request, without a frame."""
    block = rows["scheduled_arrival"] - rows["scheduled_departure"]
    return (block >= np.timedelta64(15, "m")) & (block <= np.timedelta64(18, "h"))


_BLOCK = pa.Check(
    _block,
    name="scheduled block of 15 minutes to 18 hours",
    description="a wrong date or time zone: see next_clock in src/problem/source.py",
)
_ARRIVAL = contracts.of_outcome("arrival_delay_minutes", "arrived_at", "scheduled_departure", LEAD)
_CLOCK = pa.Check(lambda clock: clock % 100 < 60, name="minutes below 60", description="not an hhmm clock")
_AIRPORT = (r"^[A-Z]{3}$", "three letters")
_REQUEST = {  # what a caller sends; `personal="drop"` (or "hash") keeps a column out of the log
    "flight_date": contracts.day(about="day of departure, local"),
    "carrier": contracts.category(CARRIERS, about="two-letter code of the carrier"),
    "flight": contracts.number(1, 9999, whole=True, about="flight number"),
    "origin": contracts.category(ORIGINS, about="airport of departure"),
    "dest": contracts.text(*_AIRPORT, about="airport of arrival"),
    "distance_miles": contracts.number(50, 6000, whole=True, about="from origin to dest"),
    "scheduled_departure": contracts.instant(about="instant of departure by schedule"),
    "scheduled_arrival": contracts.instant(about="instant of arrival by schedule"),
}
REQUEST, EXAMPLE, PREDICTION, OUTCOME = contracts.derived(
    _REQUEST, KEY, VIEWS, score=contracts.probability(), label=contracts.yes_or_no(), checks=[_BLOCK]
)
REQUEST_EXAMPLES = (  # as a caller sends them; the documentation shows these
    {
        "flight_date": "2013-06-02",
        "carrier": "EV",
        "flight": 5215,
        "origin": "LGA",
        "dest": "SYR",
        "distance_miles": 198,
        "scheduled_departure": "2013-06-03T02:25:00Z",
        "scheduled_arrival": "2013-06-03T03:37:00Z",
        "decided_at": "2013-06-03T00:25:00Z",
    },
)
