"""What the model may know: feature views over raw tables, and row transforms of a request."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from loop.kit import clock, views
from loop.kit.types import View
from problem import source

HOUR = pd.Timedelta(hours=1)
ARRIVALS = {  # a delay is cut at -60 and 240 minutes, so that one stranded flight does not set the mean
    "mean_delay": lambda flights: flights.arrival_delay_minutes.cast("int64").clip(lower=-60, upper=240),
    "late_share": lambda flights: (flights.arrival_delay_minutes >= source.LATE_MINUTES).cast("int64"),
}


def trailing(name: str, entity: tuple[str, ...], hours: int) -> View:
    """Count, mean delay and late share of arrivals in the `hours` up to the entity's newest one."""
    return views.trailing(
        name,
        "flights",
        entity,
        "arrived_at",
        hours * HOUR,
        count="arrivals",
        means=ARRIVALS,
        until="newest row",
        ranges={"late_share": (0, 1)},
    )


WEATHER = tuple(name for name in source.WEATHER if name != "gust_mph")  # reported only when it gusts
VIEWS = (
    views.latest(
        "weather",
        ("origin",),
        "observed_at",
        WEATHER,
        after=source.WEATHER_PUBLISHED_AFTER,
        ttl=6 * HOUR,
        age="weather_age_hours",
    ),
    trailing("origin_3h", ("origin",), 3),
    trailing("origin_day", ("origin",), 24),
    trailing("carrier_day", ("carrier", "origin"), 24),
    trailing("route_fortnight", ("origin", "dest"), 24 * 14),
    trailing("flight_month", ("carrier", "flight", "origin"), 24 * 30),
)


SCHEDULE = ("hour", "weekday", "block_minutes")


def schedule(requests: Mapping[str, Any]) -> np.ndarray:
    """Local hour and weekday of the scheduled departure, the scheduled block in minutes: shape (rows, 3).

    Works on a frame and on plain arrays by name (times in UTC), so that a server needs no frame.
    """
    minutes, days = clock.local(requests["scheduled_departure"], source.ORIGIN_ZONE)
    block = requests["scheduled_arrival"] - requests["scheduled_departure"]
    block_minutes = np.asarray(block, "timedelta64[us]") / np.timedelta64(1, "s") / 60
    return np.column_stack([clock.hour(minutes, days), clock.weekday(days), block_minutes])


def schedule_names(transformer: object, names: object) -> list[str]:
    """What `schedule` calls its columns, for scikit-learn's get_feature_names_out."""
    return list(SCHEDULE)
