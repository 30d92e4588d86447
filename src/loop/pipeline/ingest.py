"""ingest: the source's raw tables, as known at `windows.as_of`, into data/raw by month.

A table that comes in parts is never in memory whole: each part is cut by month and stored, and what is of one
month is put together at the end.
"""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from loop.base import files
from loop.base.errors import LoopError, first_line
from loop.kit.types import RawTable
from loop.settings import params
from loop.settings.paths import RAW
from problem import source


def by_month(frame: pd.DataFrame, time: str | None) -> Iterator[tuple[str, pd.DataFrame]]:
    """The frame cut into files: one per UTC month of the column `time`, or one called "all".

    So a new month adds a file and leaves the hashes of the others as they were. Rows without a time are
    "undated", for the contract to refuse.
    """
    if time is None or not isinstance(frame[time].dtype, pd.DatetimeTZDtype) or frame.empty:
        yield "all", frame
        return
    for month, part in frame.groupby(frame[time].dt.strftime("%Y-%m").fillna("undated"), sort=True):
        yield str(month), part


def _tables() -> dict[str, RawTable]:
    """The source's tables, read once for all windows. Raises LoopError where they are not those of TIME."""
    windows = params.section("windows", params.Windows)
    tables: Any = source.tables(windows.since, windows.holdout.until, windows.as_of)
    if not isinstance(tables, dict) or set(tables) != set(source.TIME):
        found = ", ".join(map(str, tables)) if isinstance(tables, dict) else type(tables).__name__
        raise _refused(f"source.tables() returned {found}", f"the tables of TIME: {', '.join(source.TIME)}")
    return tables


def stored(folder: Path, name: str, table: RawTable) -> int:
    """Write a table into a folder, a file for each month; how many rows it has.

    The files are those of the whole table, whatever its parts. Raises LoopError where a part is no frame that
    can be stored with the others, each column once.
    """
    rows, first = 0, None
    for number, part in enumerate(_parts(name, table)):
        _checked(name, part)
        first = part.iloc[:0] if first is None else first
        rows += len(part)
        own = _alike(name, number, part, first)
        for month, of_month in by_month(own, source.TIME[name]) if len(own) else ():
            files.write_table(folder / month / f"{number:09}.parquet", of_month)
    if first is None:
        raise _refused(f"table `{name}` has no part", "a pandas DataFrame at least, with or without rows")
    if not rows:
        files.write_table(folder / "all.parquet", first)
    else:
        for pieces in sorted(folder.iterdir()):
            _put_together(name, pieces)
    return rows


def _put_together(name: str, pieces: Path) -> None:
    """One file in place of a folder of those that were stored of a month."""
    found, whole = sorted(pieces.iterdir()), pieces.with_name(f"{pieces.name}.parquet")
    if len(found) == 1:
        found[0].rename(whole)
    else:
        try:
            files.write_slices(whole, map(files.read_table, found))
        except (pa.ArrowException, TypeError) as error:
            raise _refused(
                f"parts of table `{name}` do not fit each other: {first_line(error, 200)}",
                "columns that hold values of one type in all parts",
            ) from None
    shutil.rmtree(pieces)


def _parts(name: str, table: Any) -> Iterable[Any]:
    if isinstance(table, pd.DataFrame):
        return (table,)
    if isinstance(table, Iterable) and not isinstance(table, str | dict):
        return table
    raise _refused(f"table `{name}` is {type(table).__name__}", "a pandas DataFrame, or an iterator of such")


def _checked(name: str, frame: Any) -> None:
    """Raise LoopError where it is no frame that can be stored."""
    if not isinstance(frame, pd.DataFrame):
        raise _refused(f"a part of table `{name}` is {type(frame).__name__}", "a pandas DataFrame")
    if twice := sorted({str(column) for column in frame.columns[frame.columns.duplicated()]}):
        raise _refused(f"table `{name}` has the column {', '.join(twice)} twice", "each column once")
    if (time := source.TIME[name]) is not None and time not in frame:
        raise _refused(f"table `{name}` has no column `{time}`", "the column that TIME names")
    for column in frame.select_dtypes(["object", "str"]):
        _storable(name, str(column), frame[column])


def _alike(name: str, number: int, part: pd.DataFrame, first: pd.DataFrame) -> pd.DataFrame:
    """The part with its columns in the order of the first one's. Raises LoopError where they are others."""
    was, now = ({str(column): str(kind) for column, kind in one.dtypes.items()} for one in (first, part))
    for column in {**was, **now}:
        if was.get(column) != now.get(column):
            raise _refused(
                f"part {number + 1} of table `{name}` has `{column}` as {now.get(column, 'no column')}",
                f"{was.get(column, 'no column')}, as in its first part",
            )
    return part[[*first]]


def _storable(name: str, column: str, values: pd.Series) -> None:
    """Raise LoopError for objects of several types, which would make a file of each month another type."""
    try:
        pa.array(values, from_pandas=True).validate(full=True)
    except (pa.ArrowException, UnicodeError) as error:
        raise _refused(
            f"table `{name}`, column `{column}` cannot be stored: {first_line(error, 200)}",
            "values of one type, texts of whole characters",
        ) from None


def _refused(found: str, expected: str) -> LoopError:
    return LoopError(found, expected, "fix src/problem/source.py")


def main() -> None:
    """Write every table, or none."""
    tables = _tables()
    with files.replacing(RAW) as draft:
        rows = {name: stored(draft / name, name, table) for name, table in tables.items()}
    counts = ", ".join(f"{many:,} {name}" for name, many in rows.items())
    as_of = params.section("windows", params.Windows).as_of
    print(f"ingest: {counts}, as known at {as_of:%Y-%m-%d %H:%MZ}")
