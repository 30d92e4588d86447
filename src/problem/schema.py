"""What the data must be at every boundary, and how known faults are repaired by name.

Raw tables are repaired first, each rule looking only at a row and at rows known before it
(a repair that looked ahead would leak the future), then held against their contract.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pydantic import BaseModel, ConfigDict, Field, field_validator

from problem.features import VIEWS
from problem.source import KEY, LEAD, UNLISTED_AIRPORTS, WEATHER_PUBLISHED_AFTER

UTC = "datetime64[us, UTC]"
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

    @field_validator("weather_null_share_max")
    @classmethod
    def _names_columns(cls, shares: dict[str, float]) -> dict[str, float]:
        known = ["default", *_WEATHER_RANGES]
        for name, share in shares.items():
            if name not in known:
                near = get_close_matches(name, known, n=1)
                raise ValueError(f"has no column `{name}`" + (f"; did you mean `{near[0]}`?" if near else ""))
            if not 0 <= share <= 1:
                raise ValueError(f"says {share} for `{name}`; a share lies between 0 and 1")
        if "default" not in shares:
            raise ValueError("lacks `default`, the share for columns that it does not name")
        return shares


@dataclass(frozen=True)
class Repair:
    """A known fault and its repair: a table in, the same table fixed."""

    name: str
    table: str
    why: str
    fix: Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Rule:
    """What one table's schema cannot see: rows that are absent, or that another table must have.

    `offenders` holds one value per offending thing: a day, a key, a name.
    """

    name: str
    table: str
    column: str
    todo: str
    offenders: pd.Series


def _midnight(flights: pd.DataFrame) -> pd.DataFrame:
    return flights.assign(arrived_clock=flights["arrived_clock"].where(flights["arrived_clock"] != 2400, 0.0))


def _between_own_airports(flights: pd.DataFrame) -> pd.DataFrame:
    return flights[~flights["dest"].isin(ORIGINS)]


def _wind(weather: pd.DataFrame) -> pd.DataFrame:
    return weather.assign(wind_mph=weather["wind_mph"].mask(weather["wind_mph"] > 150))


def _thermometer(weather: pd.DataFrame) -> pd.DataFrame:
    in_time = weather.sort_values(["origin", "observed_at"])
    earlier = in_time.groupby("origin")["temperature_f"].shift(1)
    before = earlier.groupby(in_time["origin"]).rolling(3, min_periods=1).median().droplevel(0)
    jumped = (in_time["temperature_f"] - before).abs().reindex(weather.index) > 30
    return weather.assign(**{name: weather[name].mask(jumped) for name in ("temperature_f", "dewpoint_f")})


def _unlisted(airports: pd.DataFrame) -> pd.DataFrame:
    missing = {k: v for k, v in UNLISTED_AIRPORTS.items() if k not in set(airports["airport"])}
    extra = pd.DataFrame({"airport": list(missing), "zone": list(missing.values())}, dtype="str")
    return pd.concat([airports, extra], ignore_index=True)


REPAIRS = (
    Repair("midnight_is_0000", "flights", "the clock 2400 means 0000", _midnight),
    Repair(
        "no_flight_between_own_airports", "flights", "a ferry flight, not a service", _between_own_airports
    ),
    Repair("wind_above_150_mph", "weather", "no such wind was ever measured there; missing", _wind),
    Repair("temperature_jump_of_30_f", "weather", "30 °F off the last three readings; missing", _thermometer),
    Repair("unlisted_airport", "airports", "a destination that the list leaves out; added", _unlisted),
)


def raw(as_of: pd.Timestamp, limits: Limits) -> dict[str, pa.DataFrameSchema]:
    """The contracts of the raw tables, as known at `as_of` (UTC)."""
    known = pa.Check(
        lambda at: at <= as_of,
        name="known_at_as_of",
        description="the source must leave out what became known after windows.as_of",
    )
    published = pa.Check(
        lambda at: at + WEATHER_PUBLISHED_AFTER <= as_of,
        name="known_at_as_of",
        description="the source must leave out what became known after windows.as_of",
    )
    return {
        "flights": pa.DataFrameSchema(
            {
                **_request_columns(),
                "arrived_at": pa.Column(UTC, known, nullable=True),
                "arrived_clock": pa.Column("float64", [_within(0, 2359), _CLOCK], nullable=True),
                "arrival_delay_minutes": pa.Column("float64", _within(-180, 3000), nullable=True),
            },
            checks=[_BLOCK, _TOGETHER, _ARRIVES_AFTER_DECISION],
            unique=KEY,
            strict=True,
        ),
        "weather": pa.DataFrameSchema(
            {
                "origin": pa.Column("str", _one_of(ORIGINS)),
                "observed_at": pa.Column(UTC, published),
                **{
                    name: pa.Column("float64", [_within(low, high), _nulls(limits, name)], nullable=True)
                    for name, (low, high) in _WEATHER_RANGES.items()
                },
            },
            unique=["origin", "observed_at"],
            strict=True,
        ),
        "airports": pa.DataFrameSchema(
            {"airport": pa.Column("str"), "zone": pa.Column("str", nullable=True)},
            unique=["airport"],
            strict=True,
        ),
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
    days = pd.date_range(since.floor("D"), until, freq="D", inclusive="left", unit="us")
    per_day = _per_day(flights["scheduled_departure"] - LEAD, days)
    yield Rule(
        f"at least {limits.flights_per_day_min} flights on every day",
        "flights",
        "scheduled_departure",
        "ask the source for these days again; do not train on a feed with holes",
        _days(per_day[per_day < limits.flights_per_day_min]),
    )
    for origin in ORIGINS:
        hours = _per_day(weather.loc[weather["origin"] == origin, "observed_at"], days)
        short = hours[hours < limits.weather_hours_per_day_min]
        yield Rule(
            f"at most {limits.short_days_max} days with fewer than "
            f"{limits.weather_hours_per_day_min} hours of weather at {origin}",
            "weather",
            "observed_at",
            "ask the source for these days again",
            _days(short) if len(short) > limits.short_days_max else _days(short.iloc[:0]),
        )
    yield Rule(
        "every destination is an airport with a time zone",
        "flights",
        "dest",
        "add it to UNLISTED_AIRPORTS in src/problem/source.py, with its time zone",
        flights.loc[~flights["dest"].isin(airports.loc[airports["zone"].notna(), "airport"]), "dest"],
    )
    missing = flights["arrived_at"].isna()
    matured = flights["scheduled_arrival"] < as_of - pd.Timedelta(days=2)
    share = missing[matured].mean() if matured.any() else 0.0
    yield Rule(
        f"at most {limits.no_outcome_share_max:.0%} of flights without an outcome (cancelled, diverted)",
        "flights",
        "arrived_at",
        "labels stopped coming, or the airports closed: look before training",
        flights.loc[missing & matured, "flight_date"] if share > limits.no_outcome_share_max else _none(),
    )


def _per_day(at: pd.Series, days: pd.DatetimeIndex) -> pd.Series:
    counts: pd.Series = at.dt.floor("D").value_counts().reindex(days, fill_value=0)
    return counts


def _days(counts: pd.Series) -> pd.Series:
    return pd.Series([f"{day:%Y-%m-%d} ({n})" for day, n in counts.items()], dtype="str")


def _none() -> pd.Series:
    return pd.Series([], dtype="str")


def _within(low: float, high: float) -> pa.Check:
    return pa.Check.in_range(
        low,
        high,
        name=f"{low:g} to {high:g}",
        description="repair it by a named rule in src/problem/schema.py, or ask the source",
    )


def _one_of(values: list[str]) -> pa.Check:
    return pa.Check.isin(
        values,
        name="known category",
        description="a new one? add it in src/problem/schema.py in a pull request of its own",
    )


def _nulls(limits: Limits, name: str) -> pa.Check:
    allowed = limits.weather_null_share_max.get(name, limits.weather_null_share_max["default"])
    return pa.Check(
        lambda values: values.notna() | (values.isna().mean() <= allowed),
        name=f"at most {allowed:.0%} null",
        description="a sensor or a feed is down: ask the source, do not train on it",
        ignore_na=False,
    )


_CLOCK = pa.Check(lambda clock: clock % 100 < 60, name="minutes below 60", description="not an hhmm clock")


def _block(rows: Mapping[str, Any]) -> Any:
    """On a frame or on plain arrays by name: a server asks it of each request, without a frame."""
    block = rows["scheduled_arrival"] - rows["scheduled_departure"]
    return (block >= np.timedelta64(15, "m")) & (block <= np.timedelta64(18, "h"))


_BLOCK = pa.Check(
    _block,
    name="scheduled block of 15 minutes to 18 hours",
    description="a wrong date or time zone: see _next_clock in src/problem/source.py",
)
_TOGETHER = pa.Check(
    lambda f: f["arrived_at"].notna() == f["arrival_delay_minutes"].notna(),
    name="arrival and delay are known together",
    description="one without the other is a half-written row at the source",
)
_ARRIVES_AFTER_DECISION = pa.Check(
    lambda f: ~(f["arrived_at"] <= f["scheduled_departure"] - LEAD),
    name="arrives after the decision",
    description="a wrong date or time zone at the source",
)


_DATE = (  # of 1000 to 2999: every month has its days, and every fourth year its 29th of February
    r"^([12][0-9]{3}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)"
    r"|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29)$"
)


def _request_columns() -> dict[str, pa.Column]:
    """What a caller sends. `metadata={"personal": "drop"}` (or "hash") keeps a column out of the log."""
    date = pa.Check.str_matches(_DATE, name="a day that there is, as YYYY-MM-DD")
    airport = pa.Check.str_matches(r"^[A-Z]{3}$", name="three letters")
    return {
        "flight_date": pa.Column("str", date, description="day of departure, local"),
        "carrier": pa.Column("str", _one_of(CARRIERS), description="two-letter code of the carrier"),
        "flight": pa.Column("int64", _within(1, 9999), description="flight number"),
        "origin": pa.Column("str", _one_of(ORIGINS), description="airport of departure"),
        "dest": pa.Column("str", airport, description="airport of arrival"),
        "distance_miles": pa.Column("int64", _within(50, 6000), description="from origin to dest"),
        "scheduled_departure": pa.Column(UTC, description="instant of departure by schedule"),
        "scheduled_arrival": pa.Column(UTC, description="instant of arrival by schedule"),
    }


def _feature_columns() -> dict[str, pa.Column]:
    columns = {}
    for view in VIEWS:
        for name in view.features:
            check = [_within(0, 1)] if name.endswith("_share") else None
            columns[name] = pa.Column("float64", check, nullable=True)
        if view.age:
            columns[view.age] = pa.Column(
                "float64", _within(0, view.ttl.total_seconds() / 3600), nullable=True
            )
    return columns


_DECIDED = {"decided_at": pa.Column(UTC, description="instant of the decision, of which features are read")}
_KEY = {name: column for name, column in _request_columns().items() if name in KEY}
_SCORE = {"score": pa.Column("float64", _within(0, 1))}
_LABEL = {"label": pa.Column("int64", pa.Check.isin([0, 1])), "label_known_at": pa.Column(UTC)}
_LATER = pa.Check(
    lambda f: f["label_known_at"] > f["decided_at"],
    name="label known after the decision",
    description="a label known at decision time is a leak",
)

REQUEST = pa.DataFrameSchema({**_request_columns(), **_DECIDED}, checks=[_BLOCK], unique=KEY, strict=True)
EXAMPLE = pa.DataFrameSchema(
    {**_request_columns(), **_DECIDED, **_feature_columns(), **_LABEL},
    checks=[_BLOCK, _LATER],
    unique=KEY,
    strict=True,
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
PREDICTION = pa.DataFrameSchema({**_KEY, **_DECIDED, **_SCORE}, unique=KEY, strict=True)
OUTCOME = pa.DataFrameSchema(
    {**_KEY, **_DECIDED, **_SCORE, **_LABEL}, checks=[_LATER], unique=KEY, strict=True
)
