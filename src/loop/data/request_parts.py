"""Stored tables, some of the requests at a time, where each row of one table is a request of its own.

Memory then holds a part of them, however many there are. A source that makes requests otherwise gets all rows
at once, and so does one whose rows are not stored in the order of their time.
"""

from collections.abc import Iterator, Mapping
from inspect import ismethod
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pandas as pd

from loop.base import files
from loop.base.errors import LoopError
from loop.engine import duckdb_engine
from loop.kit.sources import Requests
from loop.settings.params import Window
from problem import source

Parts = Iterator[dict[str, pd.DataFrame]]


def parts(stored: Mapping[str, Path], window: Window, known_by: pd.Timestamp) -> Parts:
    """What `requests` and `labels` of the problem need for a window: all tables, or their own in parts.

    Parts follow the time of decision, one at least; rows of one instant, to the microsecond, are in one part.
    Raises LoopError before the first where a key is in several.
    """
    own = _of_rows()
    groups = files.ordered_groups(stored[own.table], own.time) if own and own.table in stored else None
    if own is None or not groups:
        return _whole(stored)
    _require_once(stored[own.table], own, window, known_by)
    return _cut(stored[own.table], own, groups, window)


def _whole(stored: Mapping[str, Path]) -> Parts:
    yield {name: files.read_table(path) for name, path in stored.items()}


def _cut(path: Path, own: Requests, groups: list[tuple[pd.Timestamp, pd.Timestamp]], window: Window) -> Parts:
    """The row groups of a window; the rows of a group's last instant come with those that follow of it."""
    since, until = window.since + own.lead, window.until + own.lead
    wanted = [place for place, (least, most) in enumerate(groups) if most >= since and least < until] or [0]
    held: list[pd.DataFrame] = []
    for place in wanted:
        rows = pd.concat([*held, files.read_group(path, place)], ignore_index=True)
        border = groups[place][1].floor("us")
        goes_on = place != wanted[-1] and groups[place + 1][0].floor("us") == border
        last = (rows[own.time] >= border) & goes_on
        held = [rows[last]]
        if not last.all():
            yield {own.table: rows[~last]}


def _require_once(path: Path, own: Requests, window: Window, known_by: pd.Timestamp) -> None:
    """Raise `came_before` where rows that are read at once do: a window or its labels have a key twice."""
    with duckdb_engine.opened({own.table: path}) as engine:
        rows = engine.tables[own.table]

        def again(of: ir.Table) -> int:
            keys = of.group_by(source.KEY).agg(times=of.count())
            return int(engine.frame(keys.aggregate(again=(keys["times"] - 1).sum()))["again"].fillna(0).sum())

        if not again(rows):
            return
        since, until, then = (
            ibis.literal(at.tz_localize(None))
            for at in (window.since + own.lead, window.until + own.lead, known_by)
        )
        asked = rows.filter(rows[own.time] >= since, rows[own.time] < until)
        for what, of in {"requests": asked, "labels": rows.filter(rows[own.known] <= then)}.items():
            if many := again(of):
                raise came_before(what, many)


def came_before(what: str, rows: int) -> LoopError:
    """What is said of requests or labels that have a key twice."""
    return LoopError(
        f"{what} of src/problem/source.py has keys that came before, in rows: {rows:,}",
        f"each {', '.join(source.KEY)} once",
        "keep one of them there, or name in KEY what tells them apart",
    )


def _of_rows() -> Requests | None:
    """The kit's requests, where the problem's own functions are theirs: a row says nothing of another."""
    made, known = source.requests, source.labels
    if not (ismethod(made) and ismethod(known) and made.__self__ is known.__self__):
        return None
    as_they_are = made.__func__ is Requests.requests and known.__func__ is Requests.labels
    return made.__self__ if as_they_are and isinstance(made.__self__, Requests) else None
