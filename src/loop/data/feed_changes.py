"""What changed in a feed from one day to the next: change points of its tables, by column, group and day."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from loop.data import change_words, personal, score_columns
from loop.data.day_hashes import dated
from loop.data.features import DECIDED_AT
from loop.settings.monitor_settings import Accepted
from loop.stats import change_points
from loop.stats.change_points import BEFORE, ChangePoint, Sizes
from loop.stats.daily import Daily, Measure, daily
from loop.stats.day_columns import CLASS
from problem import schema, source

FAR = 1.5  # limits, for days that their own weeks are judged by
NEAR = pd.Timedelta(days=3)  # changes of a table that lie so near have one cause
APART = 3.0  # times the step of all other rows that one group must have made to be named
BESIDE_OTHERS = ("level", "missing", "relation")  # measures of a group less those of all other rows
LEAST = 0.1  # weight of a relation whose column looks as ever
OF_LEAD = 4  # of the size of the clearest change, a group's must be at least this part
PLAIN = 3  # a change of what is there counts so much more than one of how it is
SHOWN = 60  # days before and after a change that are drawn
DAY = pd.Timedelta(days=1)
ALONE = 0.8  # of a change of what is there, from which on one value of a column makes it
BESIDE = 4  # times more than all others together it must have moved
GONE = 1.0  # of the logarithm of a group's share: it lost two thirds
WHOLE = ("repeated rows", "time of day")
HOW = ("level", "low end", "high end", "spread", "relation", "daily shape")
OF_CLASSES = ("one value", "share of multiples", "distinct values", CLASS)
CLASSES = 10  # different values of an outcome up to which these say how often each comes
WEEK = pd.Timedelta(days=7)  # from which on it counts that a class is gone
BRIEF = 3  # days that a mistaken delivery lasts; what stays longer may be the world
PRESENCE = (
    "rows",
    "same number of rows",
    "repeated rows",
    "time of day",
    "missing",
    "unseen values",
    "new values",
    "share of rows",
)


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


@dataclass(frozen=True, eq=False)
class Table:
    """A table of a feed: the column of instants that says a row's day, what names a row, and what is judged.

    `columns` are those whose changes are told, all by default. `late` are those that fill in later ("" for
    rows that come later), which are not final in the newest days. A level of `outcomes` that moves in all
    rows, and stays, is the world's: a concept that turned, and no feed is to blame for it.
    """

    name: str
    rows: pd.DataFrame
    time: str
    key: Sequence[str]
    columns: Collection[str] | None = None
    late: Collection[str] = ()
    outcomes: Collection[str] = ()


def tables(
    valid: Mapping[str, pd.DataFrame], as_of: pd.Timestamp, then: Mapping[str, pd.DataFrame] | None = None
) -> list[Table]:
    """The repaired tables of the problem as known at `as_of` (UTC), and the labels that are made of them.

    `then` are tables of days before as they were known at the end of these days: what they lacked is late.
    """
    found = [
        Table(
            name,
            frame,
            time,
            source.KEY,
            late=late(then[name], frame, time) if then else (),
            outcomes={*map(str, frame)} - {*schema.REQUEST.columns} if set(source.KEY) <= set(frame) else (),
        )
        for name, frame in valid.items()
        if (time := dated(name, frame))
    ]
    if not found:  # a day of rows without a time is a draw
        return []
    requests = source.requests(dict(valid))
    labels = source.labels(dict(valid), as_of)
    rows = requests.merge(labels, on=source.KEY, how="inner")
    texts = [name for name in requests if not pd.api.types.is_numeric_dtype(requests[name])]
    kept = rows[[*dict.fromkeys([*texts, DECIDED_AT]), "label", "label_known_at"]]
    of_labels = ("label", "label_known_at")
    if score_columns.CLASSES:  # shares of classes: their places have no mean
        kept = kept.assign(label=kept["label"].map(dict(enumerate(score_columns.CLASSES))))
    return [*found, Table("labels", kept, DECIDED_AT, source.KEY, of_labels, ("",), of_labels)]


def find(
    tables: Sequence[Table],
    since: pd.Timestamp,
    past: pd.Timestamp | None,
    until: pd.Timestamp,
    late_days: int = 0,
    accepted: Sequence[Accepted] = (),
) -> list[Change]:
    """What changed from `past` on in the whole days of [since, until), in UTC; oldest first.

    Without `past` every day is asked, all of them say what is usual, and only what is far beyond its limit is
    told. Of what is late the newest `late_days` are left out. A change of a table that is made of others
    (`columns`) is told only where these have none of about that day that is not `accepted`.
    """
    days = np.arange(_day(since), _day(until))
    found: list[Change] = []
    for table in sorted(tables, key=lambda one: one.columns is not None):
        before = len(days) if past is None else int(np.searchsorted(days, _day(past)))
        own = _of_table(table, days, before, None if past is None else before, late_days, accepted)
        if table.columns is not None:
            causes = [one.since for one in found if one.accepted is None]
            own = [one for one in own if not any(_near(one.since, day) for day in causes)]
        found += own
    return sorted(found, key=lambda one: (one.since, -one.size))


def explained(change: Change, by: Sequence[Accepted]) -> Accepted | None:
    """Where a person named this place and about this day; a column's name stands for all its groups."""
    names = (change.place, change.place.partition(" of ")[0])
    return next((one for one in by if one.change in names and _near(one.since, change.since)), None)


def named(one: Accepted, tables: Sequence[Table]) -> bool:
    """Whether a table, or a column of one, is called what a person accepted."""
    return one.change.partition(" of ")[0] in _names(tables)


def nearest(one: Accepted, tables: Sequence[Table]) -> str:
    """The name that was meant, as the end of a sentence; nothing where none is like it."""
    found = get_close_matches(one.change.partition(" of ")[0], _names(tables), 1)
    return f"; did you mean {found[0]}?" if found else ""


def _names(tables: Sequence[Table]) -> list[str]:
    columns = [f"{one.name}.{column}" for one in tables for column in one.rows]
    return [*(one.name for one in tables), *columns, *(f"{name} (length)" for name in columns)]


def late(then: pd.DataFrame, now: pd.DataFrame, time: str) -> set[str]:
    """Columns that lacked values as known `then`, which the same rows have `now`; "" where rows lacked."""
    if then.empty:
        return set()
    now = now[(now[time] >= then[time].min()) & (now[time] <= then[time].max())]
    filled = {str(name) for name in then if then[name].notna().sum() < now[name].notna().sum()}
    return filled if len(then) >= len(now) else {"", *map(str, then)}


def _of_table(
    table: Table,
    days: np.ndarray,
    past: int,
    first: int | None,
    late_days: int,
    accepted: Sequence[Accepted],
) -> list[Change]:
    if not past:
        return []
    apart = {*table.late, *table.outcomes}
    found = daily(table.name, table.rows, table.time, table.key, days, past, apart)
    if late_days:
        unripe = [
            place for place, one in enumerate(found.measures) if one.column in table.late or "" in table.late
        ]
        found.values[-late_days:, unripe] = np.nan
    sizes = change_points.sizes(found, first, table.outcomes)
    least = FAR if first is None else 1.0
    points = change_points.points(found, sizes, looking_back=first is None)
    points = [one for one in points if one.size >= least]
    points = [one for one in points if not _of_the_world(one, table, found)]
    points = [then for one in points if (then := _with_its_day(one, table))]
    if table.columns is not None:
        points = [one for one in points if one.measure.column in table.columns]
    changes: list[Change] = []
    while points:
        together = [one for one in points if _near(one.day, points[0].day)]
        points = [one for one in points if one not in together]
        changes += _changes(together, table, found, sizes, accepted)
    return changes


def _changes(
    points: list[ChangePoint], table: Table, found: Daily, sizes: Sizes, accepted: Sequence[Accepted]
) -> Iterator[Change]:
    """What changed at one time, as one change; what a person accepted of it is that place alone."""
    while points:
        lead = _lead(points, found, sizes)
        change = _told(lead, points, table, found)
        by = explained(change, accepted)
        if by is None:
            yield change
            return
        alone = change.group if by.change == change.place else ""
        own = [one for one in points if one.measure.column == lead.measure.column]
        own = [one for one in own if not alone or not _parted(one, found, alone)]
        points = [one for one in points if one not in own]
        yield replace(_told(lead, own, table, found), accepted=by.reason)


def _parted(point: ChangePoint, found: Daily, group: str) -> bool:
    """Whether a group other than this one moved by itself, and not as all rows did."""
    own = point.measure
    if not own.group or " ".join(own.group) == group:
        return False
    return abs(point.step) > APART * _step_of_others(point, found)


def _step_of_others(point: ChangePoint, found: Daily) -> float:
    """How far all rows but a group's own moved by its measure on its day; 0 where they have none."""
    own = point.measure
    places = {one: place for place, one in enumerate(found.measures) if one.column == own.column}
    whole = places.get(replace(own, group=()))
    if whole is None:
        return 0.0
    day = int(np.searchsorted(found.days, np.datetime64(point.day)))
    step, of_all = np.nan_to_num(
        change_points.steps(found.values[:, [places[own], whole]], point.width)[day]
    ).tolist()
    if own.name.startswith(BESIDE_OTHERS):  # all rows are the group and the others
        of_all -= step * found.rows[places[own]] / found.rows[whole]
    return abs(float(of_all))


def _of_the_world(point: ChangePoint, table: Table, found: Daily) -> bool:
    """Whether an outcome is another in all rows, and not for a few days alone."""
    own = point.measure
    if own.group and own.group[0] in table.outcomes:
        return True  # rows of one outcome are more or others, as where a concept turned
    if own.column not in table.outcomes:
        return False
    day = int(np.searchsorted(found.days, np.datetime64(point.day)))
    if own.group:  # a group is told where it parts from all others
        return abs(point.step) <= APART * _step_of_others(point, found)
    if own.name == "change between readings":
        return point.step > 0  # the first one after
    classes = table.rows[own.column].nunique() <= CLASSES
    return own.name.startswith((*HOW, *OF_CLASSES) if classes else HOW) and _lasts(point, day, found)


def _with_its_day(point: ChangePoint, table: Table) -> ChangePoint | None:
    """The change; of a class the one that came no more, since the day after its last; a bad week is none."""
    own = point.measure
    if not own.name.startswith(CLASS):
        return point
    until = pd.Timestamp(point.day, tz="UTC") + point.width * DAY
    rows = table.rows[table.rows[table.time] < until]
    its = rows[own.column].astype("str") == own.name.removeprefix(f"{CLASS} ")
    if own.group:
        its &= rows[own.group[0]].astype("str") == own.group[1]
    since = rows.loc[its, table.time].max().floor("D") + DAY
    return replace(point, day=f"{since:%Y-%m-%d}") if until - since >= WEEK else None


def _lasts(point: ChangePoint, day: int, found: Daily) -> bool:
    """Whether most of a step is there still when a mistaken delivery would be over."""
    values = found.values[:, found.measures.index(point.measure)]
    before, after = values[max(day - BEFORE, 0) : day], values[day + BRIEF : day + BRIEF + 7]
    if not np.isfinite(after).any() or not np.isfinite(before).any():
        return True  # it is not known yet
    return bool(abs(np.nanmean(after) - np.nanmean(before)) > abs(point.step) / 2)


def _lead(points: list[ChangePoint], found: Daily, sizes: Sizes) -> ChangePoint:
    """The change that says most: rows or values that come or go before those that look different.

    Of columns that no longer fit each other it is the one that also looks different by itself; of groups of
    one measure the one that moved most, for so many rows.
    """

    def weight(one: ChangePoint) -> float:
        """How much a change says, in limits."""
        name = one.measure.name
        if name.startswith(PRESENCE):
            return PLAIN * one.size
        if not name.startswith("relation"):
            return one.size
        day = int(np.searchsorted(found.days, np.datetime64(one.day)))
        own = [
            sizes.size[max(day - 2, 0) : day + 3, place].max()
            for place, other in enumerate(found.measures)
            if other.column == one.measure.column
            and not other.group
            and not other.name.startswith("relation")
        ]
        return float(one.size * min(max([LEAST, *own]), 1.0))

    best = max(points, key=weight)
    if best.measure.name == "rows":  # because one group does not come?
        gone = [one for one in points if one.measure.name == "share of rows" and one.step < -GONE]
        return min(gone, key=lambda one: one.step, default=best)
    if best.measure.name in WHOLE and not best.measure.group:
        return best
    groups = [
        one
        for one in points
        if one.measure.group
        and one.measure.column == best.measure.column
        and one.size > best.size / OF_LEAD
        and abs(one.step) > APART * _step_of_others(one, found)
    ]
    name = best.measure.name if best.measure.group else next((one.measure.name for one in groups), "")
    rows = dict(zip(found.measures, found.rows, strict=True))
    return max(
        (one for one in groups if one.measure.name == name),
        key=lambda one: (
            abs(one.step) * np.sqrt(rows[one.measure])
        ),  # of groups within groups the one that is whole
        default=best,
    )


def _told(lead: ChangePoint, points: list[ChangePoint], table: Table, found: Daily) -> Change:
    own = lead.measure
    day = pd.Timestamp(lead.day, tz="UTC")
    at = table.rows[table.time]
    old = table.rows[(at >= day - BEFORE * DAY) & (at < day)]
    new = table.rows[(at >= day) & (at < day + lead.width * DAY)]
    alone = replace(own, group=own.group or _alone(own, old, new, lead.width))
    before, after = (
        change_words.said(alone, rows, days, table.time, table.key)
        for rows, days in ((old, BEFORE), (new, lead.width))
    )
    if own.name == "new values":
        before, after = change_words.new_texts(old[own.column], new[own.column])
    if own.column in old and pd.api.types.is_numeric_dtype(old[own.column]):
        before, after = change_words.with_new_value(before, after, old[own.column], new[own.column])
    names = [one.measure.column or table.name for one in points]
    others = dict.fromkeys(name for name in names if name != (own.column or table.name))
    near = abs(found.days - np.datetime64(lead.day)) <= np.timedelta64(SHOWN, "D")
    series = found.values[near, found.measures.index(own)]
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
        tuple(series.tolist()),
    )


def _alone(measure: Measure, old: pd.DataFrame, new: pd.DataFrame, days: int) -> tuple[str, ...]:
    """Column and value whose rows alone make a change of rows or of missing values, if one does."""
    best = ALONE
    found: tuple[str, ...] = ()
    for name in map(str, old) if measure.name in ("rows", "missing") else []:
        if pd.api.types.is_numeric_dtype(old[name]) or pd.api.types.is_datetime64_any_dtype(old[name]):
            continue
        if name in personal.marks():  # a change is named in reports, which are in git
            continue
        before, after = _counts(measure, old, name) / BEFORE, _counts(measure, new, name) / days
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


def _counts(measure: Measure, rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Of each value of a column the `rows`, and the `part` of them that a measure counts."""
    column = measure.column.removesuffix(" (length)")
    part = rows[column].isna() if measure.name == "missing" else True
    counted = pd.DataFrame({"value": rows[name].astype("str"), "rows": 1.0, "part": part})
    return counted.groupby("value")[["rows", "part"]].sum().astype("float64")


def _but_each(values: pd.Series) -> pd.Series:
    """The sum of all others."""
    return values.sum() - values


def _near(one: str, other: str) -> bool:
    return bool(abs(pd.Timestamp(one) - pd.Timestamp(other)) <= NEAR)


def _day(at: pd.Timestamp) -> Any:
    return np.datetime64(f"{at:%Y-%m-%d}")
