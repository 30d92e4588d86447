"""What changed in a feed from one day to the next: change points of its tables, by column, group and day."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from loop.data.feed_tables import Table
from loop.data.leading_point import leading, of_the_world, parted, with_its_day
from loop.data.told_change import Change, told
from loop.settings.monitor_settings import Accepted
from loop.stats import change_points
from loop.stats.change_points import ChangePoint, Sizes
from loop.stats.daily import Daily, daily

FAR = 1.5  # limits, for days that their own weeks are judged by
NEAR = pd.Timedelta(days=3)  # changes of a table that lie so near have one cause


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
    points = [one for one in points if not of_the_world(one, table, found)]
    points = [then for one in points if (then := with_its_day(one, table))]
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
        lead = leading(points, found, sizes)
        change = told(lead, points, table, found)
        by = explained(change, accepted)
        if by is None:
            yield change
            return
        alone = change.group if by.change == change.place else ""
        own = [one for one in points if one.measure.column == lead.measure.column]
        own = [one for one in own if not alone or not parted(one, found, alone)]
        points = [one for one in points if one not in own]
        yield replace(told(lead, own, table, found), accepted=by.reason)


def _near(one: str, other: str) -> bool:
    return bool(abs(pd.Timestamp(one) - pd.Timestamp(other)) <= NEAR)


def _day(at: pd.Timestamp) -> Any:
    return np.datetime64(f"{at:%Y-%m-%d}")
