"""Joins feature views to requests as of each decision: the one definition for every phase.

Nothing here knows when a fact became known; the views say that. The join only promises that
a row sees, of each view, the newest row with `known_at <= decided_at`, and none past its
time to live.

pyarrow is imported where frames are handed over: a server only looks up what was joined before, and
its image has none.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from loop.base import files
from loop.base.errors import LoopError, first_line
from loop.kit.types import ROW_WEIGHT, View
from problem import source

MEMORY = "1GB"  # that the engine holds; what is more lies on disk meanwhile
THREADS = 4  # at most: each needs a part of that memory
SPILL = Path("data")
OURS = "loop_join_"  # begins the names of our own tables in the engine: no raw table is called so
DECIDED_AT = "decided_at"
OUTCOME = ["label", "label_known_at", ROW_WEIGHT]
PART = "part"
Slices = Callable[[pd.DataFrame, int], Iterator[pd.DataFrame]]  # requests and rows at once
UNITS = {"hour": "%Y-%m-%d %H", "day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m", "year": "%Y"}


def join(requests: pd.DataFrame, tables: Mapping[str, pd.DataFrame], views: Iterable[View]) -> pd.DataFrame:
    """`requests` with the features (numbers) of all views as of `decided_at` (UTC).

    Grain: one row per request. A missing or stale entity gives nulls; an empty frame gives an
    empty frame with all columns.
    """
    with joining(tables, views) as slices:
        joined: pd.DataFrame = pd.concat(slices(requests, max(len(requests), 1)))
    return joined


@contextmanager
def joining(tables: Mapping[str, pd.DataFrame | Path], views: Iterable[View]) -> Iterator[Slices]:
    """What `join` gives, so many rows at once; a table may be a Parquet file, which is not read whole.

    Views are computed once, whatever is joined. Raises LoopError where a file cannot be read, or where the
    disk has no room for what memory does not hold.
    """
    views = list(views)
    asked = list(dict.fromkeys([DECIDED_AT, *(name for view in views for name in view.entity)]))
    with _engine(tables) as (engine, stored):
        logs = [_keep(engine, f"log_{place}", view.expression(stored)) for place, view in enumerate(views)]

        def slices(requests: pd.DataFrame, rows: int) -> Iterator[pd.DataFrame]:
            numbered = requests[asked].reset_index(drop=True).rename_axis("row_number").reset_index()
            loaded = _load(engine, f"{OURS}requests", numbered)
            del numbered  # the engine has a copy
            found = [
                _keep(engine, f"features_{place}", _as_of(loaded, log, view))
                for place, (log, view) in enumerate(zip(logs, views, strict=True))
            ]
            engine.con.unregister(f"{OURS}requests")
            for start in range(0, max(len(requests), 1), rows):
                part = requests.iloc[start : start + rows]
                frames = [_read(engine, of, start, start + rows) for of in found]
                parts = [frame.set_index(part.index) for frame in frames]
                yield pd.concat([part, *parts], axis="columns")

        yield slices


def _keep(engine: Any, name: str, expression: ir.Table) -> ir.Table:
    """An expression as a table of the engine, which lies on disk where memory does not hold it."""
    engine.con.execute(f'DROP TABLE IF EXISTS "{OURS}{name}"')
    kept: ir.Table = engine.create_table(f"{OURS}{name}", expression, temp=True)
    return kept


def _read(engine: Any, of: ir.Table, first: int, end: int) -> pd.DataFrame:
    """Features of the rows of a kept table from one number to before another, in order."""
    rows = engine.con.table(of.get_name()).filter(f"row_number >= {first} AND row_number < {end}")
    found: pd.DataFrame = rows.order("row_number").to_arrow_table().to_pandas()
    return found.drop(columns="row_number")


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
def _engine(tables: Mapping[str, pd.DataFrame | Path]) -> Iterator[tuple[Any, dict[str, ir.Table]]]:
    import duckdb

    _remove_strays()
    spill = SPILL / f".features.{os.getpid()}.tmp"
    engine = ibis.duckdb.connect(
        memory_limit=MEMORY, temp_directory=str(spill), threads=min(THREADS, os.cpu_count() or 1)
    )
    try:
        yield engine, {name: _load(engine, name, table) for name, table in tables.items()}
    except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
        raise LoopError(
            f"features cannot be joined: {first_line(error)}",
            f"tables that can be read, {MEMORY} of memory, and room on disk in {SPILL} for what is more",
            f"make room where {SPILL} lies, then run it again",
        ) from None
    finally:
        engine.disconnect()


def _remove_strays() -> None:
    """Remove what the engine of a process left that was killed: as much as the joined rows may lie there."""
    for left in SPILL.glob(".features.*.tmp"):
        try:
            os.kill(int(left.name.split(".")[2]), 0)
        except ProcessLookupError:
            shutil.rmtree(left, ignore_errors=True)
        except (ValueError, OSError):
            continue  # another's, or none of ours


def _load(engine: Any, name: str, table: pd.DataFrame | Path) -> ir.Table:
    """A frame or a Parquet file as a table of the engine, times as UTC without a zone."""
    import pyarrow as pa

    if isinstance(table, Path):
        files.columns(table)  # a file that was cut short has none
        rows = engine.read_parquet(table, table_name=name)
        zoned = [column for column, kind in rows.schema().items() if kind.is_timestamp() and kind.timezone]
        return rows.mutate(**{column: rows[column].cast("timestamp") for column in zoned}) if zoned else rows
    instants = table.select_dtypes("datetimetz").columns
    naive = table.assign(**{column: table[column].dt.tz_localize(None) for column in instants})
    engine.con.register(name, pa.Table.from_pandas(naive, preserve_index=False))
    return engine.table(name)


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
