"""Spark: views and joins as jobs of its executors; tables and results are Parquet files that both sides see.

The session starts with the first job, when all expressions are known to run there.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from loop.base import files
from loop.engine import session, translation
from loop.engine.spill import OURS, place

GIVEN = f"{OURS}given"
PART = f"{OURS}part"


class Spark:
    """Tables of a cluster; `folder` is ours alone."""

    def __init__(
        self, tables: Mapping[str, pd.DataFrame | Path], master: str, folder: Path, open_until: ExitStack
    ) -> None:
        self._master, self._folder, self._open_until = master, folder, open_until
        self._session: Any = None
        self._paths: dict[str, Path] = {}
        self._rows: dict[str, int] = {}
        self.tables = {name: self._add(name, table) for name, table in tables.items()}

    def keep(self, expressions: Mapping[str, ir.Table], rows: int = 0) -> list[ir.Table]:
        """Expressions as tables in files, one job after the other; `rows` of them are read at once."""
        wanted = [translation.of(one, f"view `{name}`") for name, one in expressions.items()]
        kind = "slices" if rows else "whole"
        return [self._keep(f"{OURS}{kind}_{at}", one, rows) for at, one in enumerate(wanted)]

    @contextmanager
    def given(self, frame: pd.DataFrame) -> Iterator[ir.Table]:
        """A frame as a table, while it is asked for."""
        yield self._add(GIVEN, frame)
        self._paths.pop(GIVEN).unlink()

    def slice(self, kept: ir.Table, first: int, end: int) -> pd.DataFrame:
        """Of a kept table the rows from one `row_number` to before another, in order, without it."""
        name = kept.get_name()
        parts = [
            path
            for number in range(first // self._rows[name], -(-end // self._rows[name]))
            for path in sorted((self._paths[name] / f"{PART}={number}").glob("*.parquet"))
        ]
        wanted = list(kept.columns)
        if not parts:
            return pd.DataFrame({one: pd.Series(dtype="float64") for one in wanted if one != "row_number"})
        within = (ds.field("row_number") >= first) & (ds.field("row_number") < end)
        rows = ds.dataset(parts).to_table(columns=wanted, filter=within).sort_by("row_number")
        found: pd.DataFrame = rows.drop_columns("row_number").to_pandas()
        return found

    def _keep(self, name: str, expression: ir.Table, rows: int) -> ir.Table:
        running = self._running()
        path = self._folder / name
        with session.told(self._master):
            found = running.sql(str(ibis.to_sql(expression, dialect="pyspark")))
            writer = found.write
            if rows:
                cut = found.withColumn(PART, (found["row_number"] / rows).cast("long")).repartition(PART)
                writer = cut.write.partitionBy(PART)
            writer.mode("overwrite").parquet(f"file:{path}")
            self._paths[name], self._rows[name] = path, rows
            if not rows:
                self._show(name)
        return ibis.table(expression.schema(), name=name)

    def _running(self) -> Any:
        """The session, in which each table is a view by its name."""
        if self._session is None:
            self._session = self._open_until.enter_context(session.started(self._master))
            for name in self._paths:
                self._show(name)
        return self._session

    def _add(self, name: str, table: pd.DataFrame | Path) -> ir.Table:
        if isinstance(table, pd.DataFrame):
            self._folder.mkdir(parents=True, exist_ok=True)
            files.write_table(path := self._folder / f"{name}.parquet", table)
        else:
            files.columns(path := table.absolute())  # a file that was cut short has none
        self._paths[name] = path
        if self._session is not None:
            self._show(name)
        return ibis.table(_schema(path), name=name)

    def _show(self, name: str) -> None:
        """A file as a view of the session, times as instants."""
        with session.told(self._master):
            rows = self._session.read.parquet(f"file:{self._paths[name]}")
            naive = {one: rows[one].cast("timestamp") for one, kind in rows.dtypes if kind == "timestamp_ntz"}
            rows.withColumns(naive).createOrReplaceTempView(name)


def _schema(path: Path) -> ibis.Schema:
    """Columns and types of a file, times as UTC without a zone."""
    found = ibis.Schema.from_pyarrow(pq.read_schema(path))
    plain = {name: dt.Timestamp() if kind.is_timestamp() else kind for name, kind in found.items()}
    return ibis.schema(plain)


@contextmanager
def opened(tables: Mapping[str, pd.DataFrame | Path], master: str) -> Iterator[Spark]:
    """An engine with these tables; its session ends with it. Raises LoopError as `session.started` does."""
    session.require()
    _ = ibis.pyspark  # what Ibis sets for it, without which nothing is translated
    folder = place().absolute()
    try:
        with ExitStack() as until:
            yield Spark(tables, master, folder, until)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
