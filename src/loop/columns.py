"""Columns: a frame's columns as plain arrays by name, for code that must not pay for a frame.

Times are datetime64[us] in UTC, numbers int64 or float64, texts objects. A row transform or a check
that asks of its rows no more than `rows["name"]` and numpy works on both.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

Array = np.ndarray[Any, Any]
Columns = dict[str, Array]
TIME = "datetime64[us]"


def kind(column: pa.Column) -> str:
    """The type of a column's array: datetime64[us], int64, float64, bool or object."""
    dtype = str(column.dtype)
    if dtype.startswith("datetime64"):
        return TIME
    return dtype if dtype in ("int64", "float64", "bool") else "object"


def of_rows(rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, str]) -> Columns:
    """Rows of plain values as columns; None is missing, times are texts as `instants` reads them."""
    return {name: _array([row[name] for row in rows], kind) for name, kind in kinds.items()}


def instants(texts: Sequence[str | None]) -> Array:
    """Instants in ISO 8601 with a zone (`Z` or an offset) in UTC, NaT for None. Raises ValueError."""
    if all(text is None or text[-1] == "Z" for text in texts):
        return np.array([text and text[:-1] for text in texts], TIME)
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


def _array(values: list[Any], kind: str) -> Array:
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
        return np.asarray(series)
    return series.astype(object).where(series.notna(), None).to_numpy(object)


def _series(values: Array) -> pd.Series:
    if values.dtype.kind == "M":
        return pd.Series(pd.DatetimeIndex(values).tz_localize("UTC"))
    return pd.Series(values, dtype="str") if values.dtype == object else pd.Series(values)
