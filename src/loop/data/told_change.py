"""A change of a feed in words: where, since when, what it was and is, and its days to be drawn."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from loop.data import change_words, personal
from loop.data.feed_tables import Table
from loop.stats.change_points import BEFORE, MISSING, ChangePoint
from loop.stats.daily import Daily, Measure
from loop.stats.day_columns import ONE_VALUE, UNMOVED

SHOWN = 60  # days before and after a change that are drawn
DAY = pd.Timedelta(days=1)
ALONE = 0.8  # of a change of what is there, from which on one value of a column makes it
BESIDE = 4  # times more than all others together it must have moved


@dataclass(frozen=True)
class Change:
    """A change of a table on the day `since`, in its clearest measure; `others` changed with it.

    `column` and `group` ("origin JFK") are empty where it is in all of them. A `size` of 1 is at its limit.
    `days` and `values` are that measure's, around it, to be drawn. `accepted` is why a person let it stand.
    """

    table: str
    column: str
    group: str
    since: str
    what: str
    before: str
    after: str
    size: float
    others: tuple[str, ...]
    days: tuple[str, ...] = ()
    values: tuple[float, ...] = ()
    accepted: str | None = None

    @property
    def place(self) -> str:
        """Table, column and group."""
        name = f"{self.table}.{self.column}" if self.column else self.table
        return f"{name} of {self.group}" if self.group else name

    def as_json(self) -> dict[str, str]:
        """Plain values, for a report."""
        return {"place": self.place, "since": self.since, "summary": self.summary}

    @property
    def summary(self) -> str:
        """One line: where, since when, what, how it was and is."""
        also = f"; with it {', '.join(self.others)}" if self.others else ""
        return f"{self.place}, since {self.since}: {self.what}: was {self.before}, is {self.after}{also}"


def told(lead: ChangePoint, points: list[ChangePoint], table: Table, found: Daily) -> Change:
    """The change that a point leads, of all that lie together with it."""
    own = lead.measure
    day = pd.Timestamp(lead.day, tz="UTC")
    at = table.rows[table.time]
    old = table.rows[(at >= day - BEFORE * DAY) & (at < day)]
    new = table.rows[(at >= day) & (at < day + lead.width * DAY)]
    alone = replace(own, group=own.group or _alone(own, old, new, lead.width, table.time))
    before, after = (
        change_words.said(alone, rows, days, table.time, table.key)
        for rows, days in ((old, BEFORE), (new, lead.width))
    )
    if own.name == "new values":
        before, after = change_words.new_texts(old[own.column], new[own.column])
    if own.column in old and pd.api.types.is_numeric_dtype(old[own.column]):
        before, after = change_words.with_new_value(before, after, old[own.column], new[own.column])
    values = found.values[:, found.measures.index(own)]
    if own.name == UNMOVED:
        place = int(np.searchsorted(found.days, np.datetime64(lead.day)))
        before, after = change_words.unmoved(values, place, lead.width, BEFORE)
    names = [one.measure.column or table.name for one in points]
    others = dict.fromkeys(name for name in names if name != (own.column or table.name))
    near = abs(found.days - np.datetime64(lead.day)) <= np.timedelta64(SHOWN, "D")
    return Change(
        table.name,
        own.column,
        " ".join(alone.group),
        lead.day,
        change_words.what(own),
        before,
        after,
        round(lead.size, 2),
        tuple(others),
        tuple(map(str, found.days[near])),
        tuple(values[near].tolist()),
    )


def _alone(measure: Measure, old: pd.DataFrame, new: pd.DataFrame, days: int, time: str) -> tuple[str, ...]:
    """Column and value whose rows alone make a change of rows, missing values or one value, if one does."""
    best = ALONE
    found: tuple[str, ...] = ()
    if not measure.name.startswith(("rows", MISSING, ONE_VALUE)):
        return found
    was, comes = _parts(measure, old, new, time)
    for name in map(str, old):
        if pd.api.types.is_numeric_dtype(old[name]) or pd.api.types.is_datetime64_any_dtype(old[name]):
            continue
        if name in personal.marks():  # a change is named in reports, which are in git
            continue
        before, after = _counts(was, old, name) / BEFORE, _counts(comes, new, name) / days
        before, after = before.align(after, fill_value=0.0)
        base = before["rows"] if measure.name == "rows" else after["rows"]
        moved = after["part"] / base - before["part"] / before["rows"]
        rest = _but_each(after["part"]) / _but_each(base) - _but_each(before["part"]) / _but_each(
            before["rows"]
        )
        change = after["part"] - before["part"]
        share = (change / change.sum())[rest.abs() < moved.abs() / BESIDE]
        if len(share) and share.max() >= best:
            best, found = share.max(), (name, str(share.idxmax()))
    return found


def _parts(
    measure: Measure, old: pd.DataFrame, new: pd.DataFrame, time: str
) -> "tuple[pd.Series | bool, pd.Series | bool]":
    """The rows that a measure counts: all, those without a value, or with the one that comes too often."""
    if measure.name.startswith(ONE_VALUE):
        was, comes = (change_words.numbers(measure, rows, time) for rows in (old, new))
        value = change_words.too_often(was, comes)
        return was == value, comes == value
    if measure.name == MISSING:
        column = measure.column.removesuffix(" (length)")
        return old[column].isna(), new[column].isna()
    return True, True


def _counts(part: "pd.Series | bool", rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Of each value of a column the `rows`, and the `part` of them that a measure counts."""
    counted = pd.DataFrame({"value": rows[name].astype("str"), "rows": 1.0, "part": part})
    return counted.groupby("value")[["rows", "part"]].sum().astype("float64")


def _but_each(values: pd.Series) -> pd.Series:
    """The sum of all others."""
    return values.sum() - values
