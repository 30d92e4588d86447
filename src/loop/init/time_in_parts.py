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
from loop.kit.column_values import texts as as_texts
from loop.kit.column_values import typed
from loop.kit.stored_rows import joined

PARTS = {  # names of a column, and how it may be written
    ("year", "yr", "jahr"): ("%Y",),
    ("month", "mon", "mnth", "monat"): ("%m", "%b", "%B"),
    ("day", "mday", "dom", "day_of_month", "tag"): ("%d",),
    ("hour", "hr", "stunde"): ("%H",),
    ("minute", "min", "mins"): ("%M",),
}
CLOCKS = (
    *("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%H", "%H%M"),
    *("%H.%M.%S", "%H:%M Uhr", "%Hh%M"),
)
HALF = "%p"
BY_HALVES = ("%I:%M", "%I:%M:%S", "%I", "%I%M")  # clocks that AM or PM in another column makes whole
OF_DAY = ("time", "clock", "time_of_day", "hour", "hr", "hhmm")
OF_ISO = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d")  # days that are read as ISO 8601
DAYS = (*OF_ISO, *(form for form in DATES if form != "ISO8601"))
CLOCK = r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[aApP][mM]| Uhr)?|\d{1,2}h\d\d|\d{1,2}\.\d\d\.\d\d"


def find(data: DataFile, found: dict[str, Column], label: Column, options: Options) -> tuple[DataFile, str]:
    """The data with a column more that its parts make, and that column's name; no name where none do.

    Raises UsageError for parts that `--time` names and that make no time.
    """
    if options.time and "," in options.time:
        names = [column(found, name.strip(), "--time").name for name in options.time.split(",")]
        halves = any(_is_half(found[name]) for name in names)
        clocks = BY_HALVES if halves else CLOCKS
        every = (*DAYS, *clocks, HALF, *(form for forms in PARTS.values() for form in forms))
        own = {name: _forms(name, halves=halves) for name in names}
        made = _made(data, names, [(*own[name], *DAYS) if own[name] else every for name in names])
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
    for names, forms in _ways({name: one for name, one in found.items() if name != label.name}, data):
        if made := _made(data, names, forms):
            return made
    return data, ""


def _ways(found: dict[str, Column], data: DataFile) -> Iterator[tuple[list[str], list[tuple[str, ...]]]]:
    """Columns that may make a time together, with how each may be written; the likeliest first."""
    half = [name for name, one in found.items() if _is_half(one)]
    instants = [one for one in found.values() if one.kind == "instant" and not one.missing]
    if not instants:
        chain = list(_named(found))
        if len(chain) > 3 and len(half) == 1:
            yield [*chain, *half], [*(_forms(name, halves=True) for name in chain), (HALF,)]
        if len(chain) > 1:
            yield chain, [_forms(name) for name in chain]
        return
    days = _days(found, data)
    if not len(instants) == len(days) == 1:
        return
    (day,) = days
    forms = OF_ISO if day.dates == "ISO8601" else (day.dates,)
    named = [name for name in OF_DAY if name in found and found[name].kind in ("whole", "text")]
    told = [name for name, one in found.items() if _is_clock(one)]
    for clock in [*named, *(told if len(told) == 1 else [])]:
        if len(half) == 1:
            yield [day.name, clock, *half], [forms, BY_HALVES, (HALF,)]
        yield [day.name, clock], [forms, CLOCKS]


def unsure(data: DataFile, found: dict[str, Column], made: str) -> list[str]:
    """What a person should look at: clocks that no time was made of, and one that may lack AM or PM."""
    parts = set(names(data, made)) if made else set()
    clocks = [one for one in found.values() if _is_clock(one) and not one.missing]
    told = []
    for one in clocks:
        hours = one.values.str.extract(r"^(\d+)")[0].astype("int64")
        halved = one.values.str.contains(r"[aApP][mM]$").any() or any(_is_half(found[part]) for part in parts)
        if one.name not in parts and (days := _days(found, data)):
            told.append(
                f"{one.name} says a time of day: --time {days[0].name},{one.name} makes one time of both"
            )
        if one.name in parts and not halved and hours.between(1, 12).all() and hours.nunique() > 6:
            told.append(
                f"no hour of {one.name} is above 12: if another column says which half of the day it is, "
                "write AM or PM there"
            )
    return told


def _days(found: dict[str, Column], data: DataFile) -> list[Column]:
    """Columns of days, written as texts."""
    instants = [one for one in found.values() if one.kind == "instant" and not one.missing]
    texts = (one for one in instants if one.name in data.frame and one.name not in data.joined)
    return [one for one in texts if _whole_days(one) and pd.api.types.is_string_dtype(data.frame[one.name])]


def _is_clock(one: Column) -> bool:
    """Whether each value says a time of day, and no day."""
    known = one.values.dropna()
    return one.kind == "text" and len(known) > 0 and bool(known.str.fullmatch(CLOCK).all())


def _is_half(one: Column) -> bool:
    """Whether each value says AM or PM."""
    return one.kind == "text" and not one.missing and bool(one.values.str.lower().isin(("am", "pm")).all())


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


def _forms(name: str, *, halves: bool = False) -> tuple[str, ...]:
    forms = next((forms for names, forms in PARTS.items() if name in names), ())
    return tuple(form.replace("%H", "%I") for form in forms) if halves else forms


def _made(
    data: DataFile, names: Sequence[str], forms: Sequence[tuple[str, ...]]
) -> tuple[DataFile, str] | None:
    """The column of these parts, in the first way that reads each row; nothing where none does."""
    texts = joined(data.frame, names)
    if texts.isna().any():
        return None
    name = "_".join(names)
    alone = [
        [form for form in ways if _reads(data.frame[part], form)]
        for part, ways in zip(names, forms, strict=True)
    ]
    for one in product(*alone):
        dates = " ".join(one)
        if _reads(texts, dates):
            parts = tuple(data.names.get(part, part) for part in names)
            frame = data.frame.assign(**{name: texts})
            return replace(data, frame=frame, joined={name: parts}, dates=dates), name
    return None


def _reads(values: pd.Series, form: str) -> bool:
    """Whether each value is written in this form."""
    try:
        typed("instant", as_texts(values.drop_duplicates()), dates=form)
    except (ValueError, re.error):  # of a form that says a part twice
        return False
    return True


def _whole_days(one: Column) -> bool:
    return bool((one.values == one.values.dt.normalize()).all()) and not one.zoned
