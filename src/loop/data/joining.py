"""Joins feature views to requests as of each decision: the one definition for every phase.

Nothing here knows when a fact became known; the views say that. The join only promises that
a row sees, of each view, the newest row with `known_at <= decided_at`, and none past its
time to live.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pandas as pd

from loop.base.errors import LoopError, first_line
from loop.data.features import DECIDED_AT
from loop.engine import duckdb_engine, engines
from loop.kit.types import View

Slices = Callable[[pd.DataFrame, int], Iterator[pd.DataFrame]]  # requests and rows at once


def join(
    requests: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    views: Iterable[View],
    spark: str | None = None,
) -> pd.DataFrame:
    """`requests` with the features (numbers) of all views as of `decided_at` (UTC), by DuckDB or a `spark`.

    Grain: one row per request. A missing or stale entity gives nulls; an empty frame gives an
    empty frame with all columns.
    """
    with joining(tables, views, spark) as slices:
        joined: pd.DataFrame = pd.concat(slices(requests, max(len(requests), 1)))
    return joined


@contextmanager
def joining(
    tables: Mapping[str, pd.DataFrame | Path], views: Iterable[View], spark: str | None = None
) -> Iterator[Slices]:
    """What `join` gives, so many rows at once; a table may be a Parquet file, which is not read whole.

    Views are computed once, whatever is joined: by DuckDB, or by a `spark` of this master. Raises LoopError
    where a file cannot be read, the disk has no room, or Spark would not compute the same.
    """
    views = list(views)
    asked = list(dict.fromkeys([DECIDED_AT, *(name for view in views for name in view.entity)]))
    names = [view.name for view in views]
    with engines.opened(tables, spark) as engine:
        said = [
            _expression(view, engine.tables).order_by("known_at") for view in views
        ]  # so that _seen reads few
        logs = engine.keep(dict(zip(names, said, strict=True)))

        def slices(requests: pd.DataFrame, rows: int) -> Iterator[pd.DataFrame]:
            numbered = requests[asked].reset_index(drop=True).rename_axis("row_number").reset_index()
            ends = pd.to_datetime(numbered[DECIDED_AT], utc=True).agg(["min", "max"])
            with engine.given(numbered) as loaded:
                del numbered  # the engine has a copy
                seen = [_seen(*both, *ends) for both in zip(logs, views, strict=True)]
                joined = [_as_of(loaded, log, view) for log, view in zip(seen, views, strict=True)]
                found = engine.keep(dict(zip(names, joined, strict=True)), rows)
            for start in range(0, max(len(requests), 1), rows):
                part = requests.iloc[start : start + rows]
                frames = [engine.slice(of, start, start + rows) for of in found]
                parts = [_indexed(*both, part) for both in zip(frames, views, strict=True)]
                yield pd.concat([part, *parts], axis="columns")

        yield slices


def _expression(view: View, tables: Mapping[str, ir.Table]) -> ir.Table:
    """What a view says of these tables. Raises LoopError where it asks for rows while it says it."""
    try:
        return view.expression(tables)
    except ibis.common.exceptions.IbisError as error:
        raise LoopError(
            f"view `{view.name}` is no expression of its tables: {first_line(error)}",
            "an expression of Ibis without SQL of its own, that reads no rows while it is written",
            "change it in src/problem/features.py",
        ) from None


def _indexed(found: pd.DataFrame, view: View, part: pd.DataFrame) -> pd.DataFrame:
    if len(found) != len(part):
        raise LoopError(
            f"view `{view.name}` has {len(found):,} rows for {len(part):,} requests",
            "one row of an entity at each instant",
            "aggregate what is known at one instant in src/problem/features.py",
        )
    return found.set_index(part.index)


def change_log(view: View, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A view as it is: entity, `known_at` (UTC, without a zone) and features, one row per change."""
    with duckdb_engine.opened(tables) as engine:
        return engine.frame(view.expression(engine.tables))


def _seen(log: ir.Table, view: View, first: pd.Timestamp, last: pd.Timestamp) -> ir.Table:
    """The rows of a view that requests decided from `first` to `last` (UTC) may see, and few others.

    To the second: a literal is no finer than a microsecond, and an instant may be.
    """
    if pd.isna(first):
        return log
    seen = log.filter(log["known_at"] <= ibis.literal(last.tz_localize(None).ceil("s")))
    with suppress(ValueError, OverflowError):  # no such instant: what lives that long does not end
        since = (first.tz_localize(None) - view.ttl).floor("s")
        seen = seen.filter(seen["known_at"] >= ibis.literal(since))
    return seen


def _as_of(rows: ir.Table, log: ir.Table, view: View) -> ir.Table:
    """Row number and the view's features."""
    asked = rows.select("row_number", DECIDED_AT, *view.entity)
    joined = asked.asof_join(
        log, on=asked[DECIDED_AT] >= log["known_at"], predicates=list(view.entity), rname="{name}_of_log"
    )
    age = joined[DECIDED_AT].delta(joined["known_at"], unit="microsecond")
    fresh = age <= int(view.ttl / pd.Timedelta(microseconds=1))
    values = {name: joined[name].cast("float64") for name in view.features}
    if view.age:
        values[view.age] = age / 3.6e9
    kept = {name: ibis.ifelse(fresh, value, ibis.null("float64")) for name, value in values.items()}
    return joined.select("row_number", **kept).order_by("row_number")  # so that a slice reads its own part
