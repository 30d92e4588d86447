"""Columns: a frame's columns as plain arrays by name, for code that must not pay for a frame.

Times are datetime64[us] in UTC, numbers int64 or float64, texts objects. A row transform or a check
that asks of its rows no more than `rows["name"]` and numpy works on both.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from loop.base.errors import LoopError

Array = np.ndarray[Any, Any]
Columns = dict[str, Array]
TIME = "datetime64[us]"
PLAIN: dict[str, type] = {
    r"datetime64": datetime,
    r"u?int\d+$": int,
    r"float\d+$": float,
    r"bool": bool,
    r"(large_)?str|object|category": str,
}


def plain(column: pa.Column) -> type:
    """What a value of the column is in Python: datetime, int, float, bool or str. Raises LoopError."""
    dtype = str(column.dtype).lower()
    for pattern, found in PLAIN.items():
        if re.match(pattern, dtype):
            return found
    raise LoopError(
        f"src/problem/schema.py: `{column.name}` is {column.dtype}, which a request cannot hold",
        "a time, a number, a truth or a text",
        "take another type for it",
    )


def kind(column: pa.Column) -> str:
    """The type of a column's array: datetime64[us], int64, float64, bool or object; with room for null."""
    found = plain(column)
    if found is int:
        return "float64" if column.nullable else "int64"
    if found is bool:
        return "object" if column.nullable else "bool"
    return {datetime: TIME, float: "float64", str: "object"}[found]


def plain_type(column: pa.Column) -> str:
    """`plain` by name, with room for null: an integer that may be missing is a float."""
    found = plain(column)
    return "float" if found is int and column.nullable else found.__name__


def of_rows(rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, str]) -> Columns:
    """Rows of plain values as columns; None is missing, times are texts as `instants` reads them."""
    return {name: array([row[name] for row in rows], kind) for name, kind in kinds.items()}


def instants(texts: Sequence[str | None]) -> Array:
    """Instants in ISO 8601 with a zone (`Z` or an offset) in UTC, NaT for None.

    Raises ValueError or OverflowError for one that there is not.
    """
    if all(text is None or text[-1] == "Z" for text in texts):
        try:
            return np.array([text and text[:-1] for text in texts], TIME)
        except ValueError:  # more than six digits of a second, which the way below reads
            pass
    aware = [text and datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None) for text in texts]
    return np.array(aware, TIME)


def of_frame(frame: pd.DataFrame) -> Columns:
    """A frame as columns; its times must be in UTC."""
    return {str(name): _of_series(frame[name]) for name in frame}


def to_frame(columns: Columns) -> pd.DataFrame:
    """The frame that the same columns make: times in UTC, texts as `str`."""
    return pd.DataFrame({name: _series(values) for name, values in columns.items()})


def length(columns: Columns) -> int:
    """How many rows the columns have."""
    return len(next(iter(columns.values())))


def array(values: list[Any], kind: str) -> Array:
    """Plain values as a column's array; None is missing, times are texts as `instants` reads them."""
    if kind == TIME:
        return instants(values)
    if kind == "object":
        found = np.empty(len(values), object)
        found[:] = values
        return found
    return np.array(values, kind)  # None becomes NaN


def _of_series(series: pd.Series) -> Array:
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        return np.asarray(series, TIME)
    if pd.api.types.is_numeric_dtype(series.dtype):
        missing = series.isna().any()
        return series.to_numpy(np.float64, na_value=np.nan) if missing else np.asarray(series.to_numpy())
    return series.astype(object).where(series.notna(), None).to_numpy(object)


def _series(values: Array) -> pd.Series:
    if values.dtype.kind == "M":
        return pd.Series(pd.DatetimeIndex(values).tz_localize("UTC"))
    if values.dtype != object:
        return pd.Series(values)
    truths = pd.api.types.infer_dtype(values, skipna=True) == "boolean"  # null beside true and false
    return pd.Series(values, dtype="boolean" if truths else "str")
