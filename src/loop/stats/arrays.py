"""Columns of a frame as arrays of numpy, by way of arrow: it says what a column of objects holds."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def table(rows: pd.DataFrame, columns: Iterable[str]) -> Any:
    """Columns of a frame as an arrow table."""
    return pa.Table.from_pandas(rows, columns=list(columns), preserve_index=False)


def is_number(kind: Any) -> bool:
    """Whether a column of this arrow type is ordered: numbers, booleans, times."""
    of = pa.types
    tests = (of.is_integer, of.is_floating, of.is_boolean, of.is_decimal, of.is_temporal)
    return any(test(kind) for test in tests)


def numbers(column: Any) -> Floats:
    """An arrow array of numbers as float64 (rows,), missing as NaN."""
    if pa.types.is_temporal(column.type):
        column = column.view(pa.int32() if column.type.bit_width == 32 else pa.int64())
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))


def categories(column: Any) -> tuple[list[str | None], NDArray[Any]]:
    """The values that occur, then None for missing; and for each row the place of its value among them."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    names = [None if name is None else str(name) for name in encoded.dictionary.to_pylist()]
    return [*names, None], encoded.indices.fill_null(len(names)).to_numpy()
