"""Columns of arrow as arrays of numpy, read from their buffers: pyarrow's own way imports all of pandas."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
FLOATS = {"double": "f8", "float": "f4", "halffloat": "f2"}  # `float` of arrow is not that of numpy


def is_number(kind: Any) -> bool:
    """Whether a column of this arrow type is ordered: numbers, booleans, times."""
    of = pa.types
    tests = (of.is_integer, of.is_floating, of.is_boolean, of.is_decimal, of.is_temporal)
    return any(test(kind) for test in tests)


def numbers(column: Any) -> Floats:
    """A column of numbers as float64 (rows,), missing as NaN."""
    values, missing = plain(column)
    if missing is None:
        return values.astype(np.float64, copy=False)
    found = values.astype(np.float64)
    np.putmask(found, missing, np.nan)
    return found


def categories(column: Any) -> tuple[list[str | None], NDArray[Any]]:
    """The values that occur, then None for missing; and for each row the place of its value among them."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    names = [None if name is None else str(name) for name in encoded.dictionary.to_pylist()]
    where, missing = plain(encoded.indices)
    if missing is not None:
        where = np.where(missing, len(names), where)
    return [*names, None], where


def plain(column: Any) -> tuple[NDArray[Any], Mask | None]:
    """The values of a column of numbers or times, (rows,), and which are missing; None if none is."""
    kind = column.type
    if pa.types.is_temporal(kind):
        column = column.view(pa.int32() if kind.bit_width == 32 else pa.int64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        column = column.cast(pa.float64())
    bits, data = column.buffers()
    name = str(column.type)
    part = slice(column.offset, column.offset + len(column))
    values = np.frombuffer(data, FLOATS.get(name, name))[part] if data else np.empty(0)
    if not column.null_count:
        return values, None
    return values, np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")[part] == 0
