"""What the model may know: feature views over raw facts, and row transforms of a request.

A view is a change log: for each entity, what its features became at each instant at which
a fact about it became known. Training joins the newest row at or before each decision;
serving keeps the newest row per entity in a key-value store. One expression serves both.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
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


def schedule(requests: pd.DataFrame) -> pd.DataFrame:
    """Local hour and weekday of the scheduled departure, and the scheduled block in minutes."""
    local = requests["scheduled_departure"].dt.tz_convert(ORIGIN_ZONE)
    block = requests["scheduled_arrival"] - requests["scheduled_departure"]
    return pd.DataFrame(
        {
            "hour": local.dt.hour + local.dt.minute / 60,
            "weekday": local.dt.day_of_week,
            "block_minutes": block.dt.total_seconds() / 60,
        },
        index=requests.index,
    )
