"""What the model may know: feature views over raw tables, and row transforms of a request.

A view is a change log: for each entity, what its features became at each instant at which
a fact about it became known. Training joins the newest row at or before each decision;
serving keeps the newest row per entity in a key-value store. One expression serves both.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from problem.source import LATE_MINUTES, ORIGIN_ZONE, WEATHER_PUBLISHED_AFTER

Tables = Mapping[str, ir.Table]


@dataclass(frozen=True)
class View:
    """Features of an entity as a change log.

    `expression` turns the raw tables into a table of the entity's columns, `known_at` and
    `features`, at most one row per entity and instant. A row older than `ttl` at a decision
    counts as missing. `age` names a feature that holds the row's age in hours.
    """

    name: str
    entity: tuple[str, ...]
    features: tuple[str, ...]
    ttl: pd.Timedelta
    expression: Callable[[Tables], ir.Table]
    age: str | None = None


def weather(tables: Tables) -> ir.Table:
    """The hourly reading at an origin, known when the hour is over."""
    readings = tables["weather"]
    hours = int(WEATHER_PUBLISHED_AFTER / pd.Timedelta(hours=1))
    return readings.select("origin", *WEATHER, known_at=readings.observed_at + ibis.interval(hours=hours))


def trailing(prefix: str, entity: tuple[str, ...], hours: int) -> View:
    """Count, mean delay and late share of an entity's arrivals in the last `hours`.

    A flight counts from the minute it arrived. Delays are cut at -60 and 240 minutes, so
    that one stranded flight does not set the mean.
    """
    names = ("arrivals", "mean_delay", "late_share")
    features = tuple(f"{prefix}_{name}" for name in names)

    def expression(tables: Tables) -> ir.Table:
        """At each arrival, the totals up to it less those up to the start of its window."""
        now = _running_totals(tables["flights"], entity)
        then = now.select(
            *entity, then_at="known_at", then_count="count", then_delay="delay", then_late="late"
        )
        now = now.mutate(start=now.known_at - ibis.interval(hours=hours))
        both = now.asof_join(then, on=now.start > then.then_at, predicates=list(entity), rname="{name}_then")
        count = both["count"] - both.then_count.fill_null(0)
        delay = both.delay - both.then_delay.fill_null(0)
        late = both.late - both.then_late.fill_null(0)
        values = dict(zip(features, (count, delay / count, late / count), strict=True))
        return both.select(*entity, "known_at", **values)

    # Past its time to live, a row's window no longer reaches the decision.
    return View(prefix, entity, features, pd.Timedelta(hours=hours), expression)


def _running_totals(flights: ir.Table, entity: tuple[str, ...]) -> ir.Table:
    """Per entity and minute of arrival, totals from the start: a window is a difference of two.

    All are integers, hence exact in whatever order an engine adds them.
    """
    arrived = flights.filter(flights.arrived_at.notnull()).mutate(
        delay=flights.arrival_delay_minutes.cast("int64").clip(lower=-60, upper=240),
        late=(flights.arrival_delay_minutes >= LATE_MINUTES).cast("int64"),
    )
    minutes = arrived.group_by([*entity, "arrived_at"]).agg(
        count=arrived.count(), delay=arrived.delay.sum(), late=arrived.late.sum()
    )
    so_far = ibis.cumulative_window(group_by=entity, order_by="arrived_at")
    totals = {name: minutes[name].sum().over(so_far) for name in ("count", "delay", "late")}
    return minutes.select(*entity, known_at=minutes.arrived_at, **totals)


WEATHER = (
    "temperature_f",
    "dewpoint_f",
    "humidity_percent",
    "wind_direction_degrees",
    "wind_mph",
    "rain_inches",
    "pressure_millibars",
    "visibility_miles",
)
VIEWS = (
    View(
        name="weather",
        entity=("origin",),
        features=WEATHER,
        ttl=pd.Timedelta(hours=6),
        expression=weather,
        age="weather_age_hours",
    ),
    trailing("origin_3h", ("origin",), hours=3),
    trailing("origin_day", ("origin",), hours=24),
    trailing("carrier_day", ("carrier", "origin"), hours=24),
    trailing("route_fortnight", ("origin", "dest"), hours=24 * 14),
    trailing("flight_month", ("carrier", "flight", "origin"), hours=24 * 30),
)


SCHEDULE = ("hour", "weekday", "block_minutes")


def schedule(requests: Mapping[str, Any]) -> np.ndarray:
    """Local hour and weekday of the scheduled departure, the scheduled block in minutes: shape (rows, 3).

    Works on a frame and on plain arrays by name (times in UTC), so that a server needs no frame.
    """
    departure = np.asarray(requests["scheduled_departure"], "datetime64[us]")
    arrival = np.asarray(requests["scheduled_arrival"], "datetime64[us]")
    minute = np.timedelta64(1, "m")
    local = (departure + _offset(departure)).astype("datetime64[m]")
    day = local.astype("datetime64[D]")
    of_day = (local - day) // minute
    weekday = (day.astype("int64") + 3) % 7  # 1970-01-01 was a Thursday
    block = (arrival - departure) / np.timedelta64(1, "s") / 60
    return np.column_stack([of_day // 60 + of_day % 60 / 60, weekday, block])


def schedule_names(transformer: object, names: object) -> list[str]:
    """What `schedule` calls its columns, for scikit-learn's get_feature_names_out."""
    return list(SCHEDULE)


def _offset(utc: np.ndarray) -> np.ndarray:
    """How far the origins' clocks are ahead of UTC; no clock changes within a quarter of an hour."""
    quarters = utc.astype("datetime64[15m]").tolist()
    return np.array([_minutes_ahead(quarter) for quarter in quarters], "timedelta64[m]")


@lru_cache(maxsize=2**17)
def _minutes_ahead(utc: datetime) -> int:
    offset = utc.replace(tzinfo=UTC).astimezone(ZoneInfo(ORIGIN_ZONE)).utcoffset()
    return int(offset.total_seconds() // 60) if offset else 0
