"""Feature views that are ready to use: the newest row of an entity, and totals of its last hours or days.

A view is a change log: for each entity, what its features became at each instant at which something about it
became known. Training joins the newest row at or before each decision; serving keeps what that needs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import ibis
import ibis.expr.types as ir
import pandas as pd

from loop.kit.types import Tables, View

Of = Callable[[ir.Table], ir.Value]
NOTHING = pd.Timedelta(0)


def latest(
    table: str,
    entity: Sequence[str],
    time: str,
    columns: Sequence[str],
    *,
    ttl: pd.Timedelta,
    after: pd.Timedelta = NOTHING,
    name: str | None = None,
    age: str | None = None,
) -> View:
    """Columns of the entity's newest row, known so long `after` its `time`; one row per instant of each."""

    def expression(tables: Tables) -> ir.Table:
        rows = tables[table]
        return rows.select(*entity, *columns, known_at=rows[time] + _interval(after))

    return View(name or table, tuple(entity), tuple(columns), ttl, expression, age)


def trailing(
    name: str,
    table: str,
    entity: Sequence[str],
    time: str,
    window: pd.Timedelta | None,
    *,
    means: Mapping[str, Of],
    until: Literal["decision", "newest row"],
    count: str | None = None,
    digits: int = 0,
    ttl: pd.Timedelta | None = None,
    age: str | None = None,
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> View:
    """Means over an entity's rows of a window, and how many these are, as NAME_mean and NAME_count.

    A row is known from its `time`; one without a time is not. The window is (end - window, end], or all that
    came before where it is None. It ends at the `decision`; or at the entity's `newest row` before that:
    then nothing changes between two rows, and an entity of whom nothing came for a whole window (`ttl`) has
    no features. `means` gives a number per row; sums are kept exact, as integers of so many decimal `digits`,
    in whatever order an engine adds.
    """
    names = {**({_COUNT: f"{name}_{count}"} if count else {}), **{one: f"{name}_{one}" for one in means}}
    at_decision = until == "decision" and window is not None
    fresh = ttl or (window * 2 if window is not None and at_decision else window)
    if fresh is None:
        raise ValueError(f"view {name}: totals of all that came before need a ttl")

    def expression(tables: Tables) -> ir.Table:
        """At each instant, the totals up to it less those up to the start of its window."""
        now = totals = _running_totals(tables[table], entity, time, means, digits)
        if window is None:
            return now.select(*entity, "known_at", **_values(now, {}, names, digits))
        if at_decision:  # what a row adds is there from its time, and gone a window later
            at = now.select(*entity, "known_at")
            at = ibis.union(at, at.mutate(known_at=at.known_at + _interval(window)), distinct=True)
            newest = at.known_at >= totals.known_at
            now = at.asof_join(totals, on=newest, predicates=list(entity), rname="{name}_now")
        now = now.mutate(start=now.known_at - _interval(window))
        then = totals.select(*entity, then_at="known_at", **{f"then_{one}": one for one in (_COUNT, *means)})
        gone = now.start >= then.then_at if at_decision else now.start > then.then_at
        both = now.asof_join(then, on=gone, predicates=list(entity), rname="{name}_then")
        before = {one: both[f"then_{one}"].fill_null(0) for one in (_COUNT, *means)}
        return both.select(*entity, "known_at", **_values(both, before, names, digits))

    limits = {f"{name}_{one}": both for one, both in (ranges or {}).items()}
    return View(name, tuple(entity), tuple(names.values()), fresh, expression, age, limits, at_decision)


def _values(
    rows: ir.Table, before: Mapping[str, ir.Value], names: Mapping[str, str], digits: int
) -> dict[str, ir.Value]:
    """The features of a window: totals at its end less those `before` it."""
    totals = {one: rows[one] - before[one] if before else rows[one] for one in {_COUNT: None, **names}}
    count = totals[_COUNT]
    found = {}
    for one, feature in names.items():
        mean = totals[one] / count / 10**digits if digits else totals[one] / count
        found[feature] = count if one == _COUNT else ibis.ifelse(count > 0, mean, ibis.null("float64"))
    return found


_COUNT = "rows_so_far"


def _running_totals(
    rows: ir.Table, entity: Sequence[str], time: str, means: Mapping[str, Of], digits: int
) -> ir.Table:
    """Per entity and instant, totals from the start: a window is a difference of two."""
    known = rows.filter(rows[time].notnull())
    numbers = {one: of(known) for one, of in means.items()}
    if digits:
        numbers = {one: (number * 10**digits).round() for one, number in numbers.items()}
    known = known.mutate(**{one: number.cast("int64") for one, number in numbers.items()})
    instants = known.group_by([*entity, time]).agg(
        **{_COUNT: known.count()}, **{one: known[one].sum() for one in means}
    )
    so_far = ibis.cumulative_window(group_by=list(entity), order_by=time)
    totals = {one: instants[one].sum().over(so_far) for one in (_COUNT, *means)}
    return instants.select(*entity, known_at=instants[time], **totals)


def _interval(of: pd.Timedelta) -> Any:
    return ibis.interval(seconds=int(of.total_seconds()))
