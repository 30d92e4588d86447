"""A time that a file holds in several columns, as year, month and day, or a date and an hour."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import pandas as pd

from loop.base.errors import UsageError
from loop.init.column_kinds import DATES, Column
from loop.init.data_file import DataFile, in_code
from loop.init.guessed import Options, column
from loop.kit.column_values import typed
from loop.kit.stored_rows import joined

PARTS = {  # names of a column, and how it may be written
    ("year", "yr", "jahr"): ("%Y",),
    ("month", "mon", "mnth", "monat"): ("%m", "%b", "%B"),
    ("day", "mday", "dom", "day_of_month", "tag"): ("%d",),
    ("hour", "hr", "stunde"): ("%H",),
    ("minute", "min", "mins"): ("%M",),
}
CLOCKS = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%H")
OF_DAY = ("time", "clock", "time_of_day", "hour", "hr")
DAYS = ("%Y-%m-%d", *(form for form in DATES if form != "ISO8601"))


def find(data: DataFile, found: dict[str, Column], label: Column, options: Options) -> tuple[DataFile, str]:
    """The data with a column more that its parts make, and that column's name; no name where none do.

    Raises UsageError for parts that `--time` names and that make no time.
    """
    if options.time and "," in options.time:
        names = [column(found, name.strip(), "--time").name for name in options.time.split(",")]
        every = (*DAYS, *CLOCKS, *(form for forms in PARTS.values() for form in forms))
        made = _made(data, names, [_forms(name) or every for name in names])
        if made is None:
            first = ", ".join(map(str, data.frame[names].iloc[0]))
            raise UsageError(
                f"--time {options.time}: together these make no time in each row ({first})",
                "such as year,month,day or date,hour",
                "bring them into one column, such as 2024-05-31T12:00Z",
            )
        return made
    if options.time or data.query:  # in a database one column is easily made
        return data, ""
    found = {name: one for name, one in found.items() if name != label.name}
    instants = [one for one in found.values() if one.kind == "instant" and not one.missing]
    if not instants:
        chain = list(_named(found))
        return (len(chain) > 1 and _made(data, chain, [_forms(name) for name in chain])) or (data, "")
    clock = next((name for name in OF_DAY if name in found and found[name].kind in ("whole", "text")), "")
    days = [
        one for one in instants if _whole_days(one) and pd.api.types.is_string_dtype(data.frame[one.name])
    ]
    if len(instants) == len(days) == 1 and clock:
        day = days[0]
        form = "%Y-%m-%d" if day.dates == "ISO8601" else day.dates
        return _made(data, [day.name, clock], [(form,), CLOCKS]) or (data, "")
    return data, ""


def read(data: DataFile, made: str, zone: str) -> Column:
    """The column that the parts make, as instants."""
    at = typed("instant", data.frame[made], dates=data.dates, zone=zone)
    return Column(made, "instant", at, dates=data.dates)


def names(data: DataFile, made: str) -> list[str]:
    """What the parts of that column are called in code."""
    return [in_code(part) for part in data.joined[made]]


def _named(found: dict[str, Column]) -> Iterator[str]:
    """The columns called year, month and so on, until one is not there."""
    for names in PARTS:
        name = next((one for one in names if one in found and not found[one].missing), None)
        if name is None:
            return
        yield name


def _forms(name: str) -> tuple[str, ...]:
    return next((forms for names, forms in PARTS.items() if name in names), ())


def _made(
    data: DataFile, names: Sequence[str], forms: Sequence[tuple[str, ...]]
) -> tuple[DataFile, str] | None:
    """The column of these parts, in the first way that reads each row; nothing where none does."""
    texts = joined(data.frame, names)
    if texts.isna().any():
        return None
    name = "_".join(names)
    for one in product(*forms):
        dates = " ".join(one)
        try:
            typed("instant", texts, dates=dates)
        except (ValueError, re.error):  # of a form that says a part twice
            continue
        parts = tuple(data.names.get(part, part) for part in names)
        frame = data.frame.assign(**{name: texts})
        return replace(data, frame=frame, joined={name: parts}, dates=dates), name
    return None


def _whole_days(one: Column) -> bool:
    return bool((one.values == one.values.dt.normalize()).all()) and not one.zoned
