"""ingest: the source's raw tables, as known at `windows.as_of`, into data/raw by month."""

from typing import Any

import pandas as pd
import pyarrow as pa

from loop.base import files
from loop.base.errors import LoopError, first_line
from loop.settings import params
from loop.settings.paths import RAW
from problem import source


def by_month(frame: pd.DataFrame, time: str | None) -> dict[str, pd.DataFrame]:
    """The frame cut into files: one per UTC month of the column `time`, or one called "all".

    So a new month adds a file and leaves the hashes of the others as they were.
    """
    if time is None or not isinstance(frame[time].dtype, pd.DatetimeTZDtype) or frame.empty:
        return {"all": frame}
    months = frame[time].dt.strftime("%Y-%m")
    return {str(month): part for month, part in frame.groupby(months, sort=True)}


def _checked(tables: Any) -> dict[str, pd.DataFrame]:
    """The source's tables. Raises LoopError where they are not frames by name, each column once."""
    if not isinstance(tables, dict) or set(tables) != set(source.TIME):
        found = ", ".join(map(str, tables)) if isinstance(tables, dict) else type(tables).__name__
        raise _refused(f"source.tables() returned {found}", f"the tables of TIME: {', '.join(source.TIME)}")
    for name, frame in tables.items():
        if not isinstance(frame, pd.DataFrame):
            raise _refused(f"table `{name}` is {type(frame).__name__}", "a pandas DataFrame")
        if twice := sorted({str(column) for column in frame.columns[frame.columns.duplicated()]}):
            raise _refused(f"table `{name}` has the column {', '.join(twice)} twice", "each column once")
        if (time := source.TIME[name]) is not None and time not in frame:
            raise _refused(f"table `{name}` has no column `{time}`", "the column that TIME names")
        for column in frame.select_dtypes(["object", "str"]):
            _storable(name, str(column), frame[column])
    return tables


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
    """Read the source once for all windows and write every table, or none."""
    windows = params.section("windows", params.Windows)
    tables = _checked(source.tables(windows.since, windows.holdout.until, windows.as_of))
    with files.replacing(RAW) as draft:
        for name, frame in tables.items():
            for month, part in by_month(frame, source.TIME[name]).items():
                files.write_table(draft / name / f"{month}.parquet", part)
    rows = ", ".join(f"{len(frame):,} {name}" for name, frame in tables.items())
    print(f"ingest: {rows}, as known at {windows.as_of:%Y-%m-%d %H:%MZ}")
