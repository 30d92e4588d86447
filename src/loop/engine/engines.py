"""The engine that params.yaml names, with tables in it."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import ibis.expr.types as ir
import pandas as pd

from loop.engine import spill


class Engine(Protocol):
    """Tables by name, and what is made of them."""

    tables: dict[str, ir.Table]

    def keep(self, expressions: Mapping[str, ir.Table], rows: int = 0) -> list[ir.Table]:
        """Expressions, by their names in messages, as tables of which `rows` are read at once."""

    def given(self, frame: pd.DataFrame) -> AbstractContextManager[ir.Table]:
        """A frame as a table, while it is asked for."""

    def slice(self, kept: ir.Table, first: int, end: int) -> pd.DataFrame:
        """Of a kept table the rows from one `row_number` to before another, in order, without it."""


@contextmanager
def opened(tables: Mapping[str, pd.DataFrame | Path], spark: str | None = None) -> Iterator[Engine]:
    """An engine with these tables: DuckDB, or Spark by its master. Raises LoopError where it fails."""
    spill.remove_strays()
    if spark is None:
        from loop.engine import duckdb_engine

        with duckdb_engine.opened(tables) as engine:
            yield engine
    else:
        from loop.engine import spark_engine

        with spark_engine.opened(tables, spark) as cluster:
            yield cluster
