"""DuckDB in this process: so much memory and no more, the rest on disk while it runs."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from loop.base import files
from loop.base.errors import LoopError, first_line
from loop.engine import spill
from loop.engine.spill import OURS

MEMORY = "1GB"  # that the engine holds; what is more lies on disk meanwhile
THREADS = 4  # at most: each needs a part of that memory


class DuckDB:
    """Tables in one process."""

    def __init__(self, tables: Mapping[str, pd.DataFrame | Path], connection: Any) -> None:
        self._connection = connection
        self.tables = {name: self._load(name, table) for name, table in tables.items()}

    def keep(self, expressions: Mapping[str, ir.Table], rows: int = 0) -> list[ir.Table]:
        """Expressions as tables, which lie on disk where memory ends; `rows` are read at once."""
        kind = "slices" if rows else "whole"
        return [self._keep(f"{OURS}{kind}_{place}", one) for place, one in enumerate(expressions.values())]

    @contextmanager
    def given(self, frame: pd.DataFrame) -> Iterator[ir.Table]:
        """A frame as a table, while it is asked for."""
        yield self._load(f"{OURS}given", frame)
        self._connection.con.unregister(f"{OURS}given")

    def slice(self, kept: ir.Table, first: int, end: int) -> pd.DataFrame:
        """Of a kept table the rows from one `row_number` to before another, in order, without it."""
        rows = self._connection.con.table(kept.get_name())
        rows = rows.filter(f"row_number >= {first} AND row_number < {end}").order("row_number")
        found: pd.DataFrame = rows.to_arrow_table().to_pandas()
        return found.drop(columns="row_number")

    def frame(self, expression: ir.Table) -> pd.DataFrame:
        """What an expression gives."""
        found: pd.DataFrame = self._connection.to_pyarrow(expression).to_pandas()
        return found

    def _keep(self, name: str, expression: ir.Table) -> ir.Table:
        self._connection.con.execute(f'DROP TABLE IF EXISTS "{name}"')
        kept: ir.Table = self._connection.create_table(name, expression, temp=True)
        return kept

    def _load(self, name: str, table: pd.DataFrame | Path) -> ir.Table:
        """A frame or a Parquet file as a table, times as UTC without a zone."""
        import pyarrow as pa

        if isinstance(table, Path):
            files.columns(table)  # a file that was cut short has none
            rows = self._connection.read_parquet(table, table_name=name)
            zoned = [
                column for column, kind in rows.schema().items() if kind.is_timestamp() and kind.timezone
            ]
            return (
                rows.mutate(**{column: rows[column].cast("timestamp") for column in zoned}) if zoned else rows
            )
        instants = table.select_dtypes("datetimetz").columns
        naive = table.assign(**{column: table[column].dt.tz_convert(None) for column in instants})
        self._connection.con.register(name, pa.Table.from_pandas(naive, preserve_index=False))
        loaded: ir.Table = self._connection.table(name)
        return loaded


@contextmanager
def opened(tables: Mapping[str, pd.DataFrame | Path]) -> Iterator[DuckDB]:
    """An engine with these tables. Raises LoopError where a file cannot be read, or the disk has no room."""
    import duckdb

    connection = ibis.duckdb.connect(
        memory_limit=MEMORY, temp_directory=str(spill.place()), threads=min(THREADS, os.cpu_count() or 1)
    )
    try:
        yield DuckDB(tables, connection)
    except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
        raise LoopError(
            f"features cannot be joined: {first_line(error)}",
            f"tables that can be read, {MEMORY} of memory, and room on disk in {spill.SPILL} for more",
            f"make room where {spill.SPILL} lies, then run it again",
        ) from None
    finally:
        connection.disconnect()
