"""Of change points that lie together, the one that says most; and which are the world's, not a feed's."""

from dataclasses import replace

import numpy as np
import pandas as pd

from loop.data import change_words
from loop.data.feed_tables import Table
from loop.stats import change_points
from loop.stats.change_points import BEFORE, ChangePoint, Sizes
from loop.stats.daily import Daily
from loop.stats.day_columns import CLASS, OF_A_WEEK, ONE_VALUE
from loop.stats.onset import onset

APART = 3.0  # times the step of all other rows that one group must have made to be named
BESIDE_OTHERS = ("level", "missing", "relation")  # measures of a group less those of all other rows
LEAST = 0.1  # weight of a relation whose column looks as ever
OF_LEAD = 4  # of the size of the clearest change, a group's must be at least this part
PLAIN = 3  # a change of what is there counts so much more than one of how it is
DAY = pd.Timedelta(days=1)
GONE = 1.0  # of the logarithm of a group's share: it lost two thirds
WHOLE = ("repeated rows", "time of day")
HOW = ("level", "low end", "high end", "spread", "relation", "daily shape")
OF_CLASSES = (ONE_VALUE, "share of multiples", "distinct values", CLASS)
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


def leading(points: list[ChangePoint], found: Daily, sizes: Sizes) -> ChangePoint:
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
        and abs(one.step) > APART * step_of_others(one, found)
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


def parted(point: ChangePoint, found: Daily, group: str) -> bool:
    """Whether a group other than this one moved by itself, and not as all rows did."""
    own = point.measure
    if not own.group or " ".join(own.group) == group:
        return False
    return abs(point.step) > APART * step_of_others(point, found)


def step_of_others(point: ChangePoint, found: Daily) -> float:
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


def of_the_world(point: ChangePoint, table: Table, found: Daily) -> bool:
    """Whether an outcome is another in all rows, and not for a few days alone."""
    own = point.measure
    if own.group and own.group[0] in table.outcomes:
        return True  # rows of one outcome are more or others, as where a concept turned
    if own.column not in table.outcomes:
        return False
    day = int(np.searchsorted(found.days, np.datetime64(point.day)))
    if own.group:  # a group is told where it parts from all others
        return abs(point.step) <= APART * step_of_others(point, found)
    if own.name == "change between readings":
        return point.step > 0  # the first one after
    classes = table.rows[own.column].nunique() <= CLASSES
    return own.name.startswith((*HOW, *OF_CLASSES) if classes else HOW) and _lasts(point, day, found)


def with_its_day(point: ChangePoint, table: Table) -> ChangePoint | None:
    """The change by its own day, where a measure is of weeks.

    Of a class the one that came no more, since the day after its last; a bad week is none. Of a value that
    comes too often since the day on which it began to.
    """
    own = point.measure
    if own.name == OF_A_WEEK:
        return _since_it_comes(point, table)
    if not own.name.startswith(CLASS):
        return point
    until = pd.Timestamp(point.day, tz="UTC") + point.width * DAY
    named = [*dict.fromkeys([table.time, own.column, *own.group[:1]])]
    rows = table.rows.loc[table.rows[table.time] < until, named]
    its = rows[own.column].astype("str") == own.name.removeprefix(f"{CLASS} ")
    if own.group:
        its &= rows[own.group[0]].astype("str") == own.group[1]
    since = rows.loc[its, table.time].max().floor("D") + DAY
    return replace(point, day=f"{since:%Y-%m-%d}") if until - since >= WEEK else None


def _since_it_comes(point: ChangePoint, table: Table) -> ChangePoint:
    """The change on the first day of the value that comes too often."""
    start = pd.Timestamp(point.day, tz="UTC")
    at = table.rows[table.time]
    rows = table.rows[(at >= start - BEFORE * DAY) & (at < start + point.width * DAY)]
    own = change_words.numbers(point.measure, rows, table.time)
    day = rows[table.time].dt.floor("D")
    by_day = (own == change_words.too_often(own[day < start], own[day >= start])).groupby(day)
    first = onset(by_day.sum().to_numpy(np.float64), by_day.size().to_numpy(np.float64))
    return replace(point, day=f"{by_day.size().index[first]:%Y-%m-%d}") if first else point


def _lasts(point: ChangePoint, day: int, found: Daily) -> bool:
    """Whether most of a step is there still when a mistaken delivery would be over."""
    values = found.values[:, found.measures.index(point.measure)]
    before, after = values[max(day - BEFORE, 0) : day], values[day + BRIEF : day + BRIEF + 7]
    if not np.isfinite(after).any() or not np.isfinite(before).any():
        return True  # it is not known yet
    return bool(abs(np.nanmean(after) - np.nanmean(before)) > abs(point.step) / 2)
