"""What a local clock and calendar say of instants, as row transforms inside a Pipeline.

All work on a frame and on plain arrays by name (times in UTC), so that a server needs no frame.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from loop.kit.types import Array

if TYPE_CHECKING:  # whoever only checks rows or joins views needs no scikit-learn
    from sklearn.preprocessing import FunctionTransformer

PARTS = ("hour", "weekday", "month", "day")  # of day with its fraction; Monday is 0; of year; of year
TRUSTED = ["loop.kit.clock.names", "loop.kit.clock.parts"]


def transformer(zone: str, wanted: Sequence[str]) -> "FunctionTransformer":
    """Parts of the local time of each column that it reads: COLUMN_hour and so on."""
    from sklearn.preprocessing import FunctionTransformer

    if unknown := set(wanted) - set(PARTS):
        raise ValueError(f"a clock has no {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return FunctionTransformer(parts, kw_args={"zone": zone, "wanted": list(wanted)}, feature_names_out=names)


def parts(rows: Mapping[str, Any], zone: str, wanted: Sequence[str]) -> Array:
    """Parts of the local time of every column of `rows`: shape (rows, columns x parts)."""
    columns = rows.keys()
    return np.column_stack([_part(one, *local(rows[name], zone)) for name in columns for one in wanted])


def names(fitted: "FunctionTransformer", columns: Sequence[str]) -> list[str]:
    """What `parts` calls its columns, for scikit-learn's get_feature_names_out."""
    return [f"{name}_{one}" for name in columns for one in fitted.kw_args["wanted"]]


def local(at: Any, zone: str) -> tuple[Array, Array]:
    """The local minutes and days (since 1970) of instants in UTC."""
    utc = np.asarray(at, "datetime64[us]")
    quarters = utc.astype("datetime64[15m]").tolist()  # no clock changes within a quarter of an hour
    ahead = np.array([_minutes_ahead(quarter, zone) for quarter in quarters], "timedelta64[m]")
    minutes = (utc + ahead).astype("datetime64[m]")
    return minutes, minutes.astype("datetime64[D]")


def hour(minutes: Array, days: Array) -> Array:
    """The hour of the day, with its fraction."""
    of_day = (minutes - days) // np.timedelta64(1, "m")
    return np.asarray(of_day // 60 + of_day % 60 / 60)


def weekday(days: Array) -> Array:
    """The day of the week; Monday is 0."""
    return np.asarray((days.astype("int64") + 3) % 7)  # 1970-01-01 was a Thursday


def _part(name: str, minutes: Array, days: Array) -> Array:
    if name == "hour":
        return hour(minutes, days)
    if name == "weekday":
        return weekday(days)
    if name == "month":
        return np.asarray(days.astype("datetime64[M]").astype("int64") % 12 + 1)
    return np.asarray((days - days.astype("datetime64[Y]")) // np.timedelta64(1, "D") + 1)


@lru_cache(maxsize=2**17)
def _minutes_ahead(utc: datetime, zone: str) -> int:
    offset = utc.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).utcoffset()
    return int(offset.total_seconds() // 60) if offset else 0
