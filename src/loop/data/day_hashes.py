"""Hashes of each column and day of the tables, so that days which a source delivers anew are seen.

Kept in git with the results: a source that gives other rows for days which trained a model rewrites history.
Personal columns have none: of a day with one row, whoever knows the others could try values.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from loop.data import personal
from loop.stats.day_rows import hashes
from problem import source

LONG = 6  # signs of a hash: of 16 million days one is missed
ROWS = "(rows)"  # which rows there are, by their key


@dataclass(frozen=True)
class Rewritten:
    """A column whose values of so many `days` are others now; `since` is the first."""

    table: str
    column: str
    since: str
    days: int


def of(tables: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, Any]]:
    """Table -> its first day, and of each column the hashes of the days from it on, in one text.

    The order of rows does not matter. A table without a time has none.
    """
    return {name: _of(frame, time) for name, frame in tables.items() if (time := dated(name, frame))}


def dated(name: str, frame: pd.DataFrame) -> str | None:
    """The column of instants that says the day of a table's rows; None where it has none, or no rows."""
    time: str | None = source.TIME[name]
    zoned = time is not None and not frame.empty and isinstance(frame[time].dtype, pd.DatetimeTZDtype)
    return time if zoned else None


def differ(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Rewritten]:
    """What reads differently now, the days of `before` alone; tables and columns of one side are left out.

    Of a day that has other rows no column is asked.
    """
    for table in before.keys() & now.keys():
        old, new = (_days(side[table]) for side in (before, now))
        other = {day for day, value in old[ROWS].items() if new[ROWS].get(day) != value}
        for column in old.keys() & new.keys():
            days = [day for day, value in old[column].items() if new[column].get(day) != value]
            days = [day for day in days if column == ROWS or day not in other]
            if days:
                yield Rewritten(table, column, min(days), len(days))


def _of(frame: pd.DataFrame, time: str) -> dict[str, Any]:
    frame = frame.drop(columns=list(personal.marks()), errors="ignore")
    day = frame[time].dt.tz_convert(None).to_numpy().astype("datetime64[D]")
    place = (day - day.min()).astype(int)
    key = [name for name in frame if name in (*source.KEY, time)]
    rows = hashes(frame[key])
    others = [name for name in frame if name not in key]
    return {
        "first": str(day.min()),
        "columns": {
            ROWS: _by_day(place, rows),
            **{str(name): _by_day(place, rows ^ hashes(frame[[name]])) for name in others},
        },
    }


def _by_day(place: Any, of_rows: Any) -> str:
    total = np.zeros(int(place.max()) + 1, np.uint64)
    mixed = of_rows * np.uint64(0x9E3779B97F4A7C15)  # so that two values that swap rows do not cancel out
    np.add.at(total, place, mixed ^ (mixed >> np.uint64(29)))
    return " ".join(f"{value:016x}"[:LONG] for value in total.tolist())


def _days(table: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    first = table["first"]
    return {
        column: {str(np.datetime64(first) + place): value for place, value in enumerate(text.split(" "))}
        for column, text in table["columns"].items()
    }
