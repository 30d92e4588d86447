"""Joins feature views to requests as of each decision: the one definition for every phase.

Nothing here knows when a fact became known; the views say that. The join only promises that
a row sees, of each view, the newest row with `known_at <= decided_at`, and none past its
time to live.

pyarrow is imported where frames are handed over: a server only looks up what was joined before, and
its image has none.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from loop.kit.types import ROW_WEIGHT, View
from problem import source

DECIDED_AT = "decided_at"
OUTCOME = ["label", "label_known_at", ROW_WEIGHT]
PART = "part"
UNITS = {"hour": "%Y-%m-%d %H", "day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m", "year": "%Y"}


def join(requests: pd.DataFrame, tables: Mapping[str, pd.DataFrame], views: Iterable[View]) -> pd.DataFrame:
    """`requests` with the features (numbers) of all views as of `decided_at` (UTC).

    Grain: one row per request. A missing or stale entity gives nulls; an empty frame gives an
    empty frame with all columns.
    """
    with _engine(tables) as (engine, stored):
        numbered = requests.reset_index(drop=True).rename_axis("row_number").reset_index()
        rows = _load(engine, "requests", numbered)
        asked = [_as_of(rows, view.expression(stored), view) for view in views]
        frames = [engine.to_pyarrow(expression).to_pandas() for expression in asked]
    parts = [frame.drop(columns="row_number").set_index(requests.index) for frame in frames]
    joined: pd.DataFrame = pd.concat([requests, *parts], axis="columns")
    return joined


def known(examples: pd.DataFrame) -> pd.DataFrame:
    """The examples as a model may see them when it scores: without what is known only later."""
    return examples.drop(columns=OUTCOME, errors="ignore")


def clusters(examples: pd.DataFrame, name: str) -> pd.Series:
    """What rows of one cluster have in common: a column, or the UTC hour, day, week and so on.

    A "part" is one of a hundred, by the hash of the key: where nothing says which rows are alike.
    """
    if name == PART and name not in examples:
        keys = pd.util.hash_pandas_object(examples[source.KEY], index=False).to_numpy()
        return pd.Series([f"{key % 100:02d}" for key in keys.tolist()], index=examples.index)
    if name in examples or name not in UNITS:
        return examples[name]
    found: pd.Series = examples[DECIDED_AT].dt.tz_convert("UTC").dt.strftime(UNITS[name])
    return found


def change_log(view: View, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A view as it is: entity, `known_at` (UTC, without a zone) and features, one row per change."""
    with _engine(tables) as (engine, stored):
        log: pd.DataFrame = engine.to_pyarrow(view.expression(stored)).to_pandas()
    return log


@contextmanager
def _engine(tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[Any, dict[str, ir.Table]]]:
    engine = ibis.duckdb.connect()
    try:
        yield engine, {name: _load(engine, name, frame) for name, frame in tables.items()}
    finally:
        engine.disconnect()


def _load(engine: Any, name: str, frame: pd.DataFrame) -> ir.Table:
    """The frame as a table of the engine, times as UTC without a zone."""
    import pyarrow as pa

    zoned = frame.select_dtypes("datetimetz").columns
    naive = frame.assign(**{name: frame[name].dt.tz_localize(None) for name in zoned})
    engine.con.register(name, pa.Table.from_pandas(naive, preserve_index=False))
    return engine.table(name)


def _as_of(rows: ir.Table, log: ir.Table, view: View) -> ir.Table:
    """Row number and the view's features, in the order of rows."""
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
    return joined.select("row_number", **kept).order_by("row_number")
