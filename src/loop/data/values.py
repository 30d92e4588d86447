"""Which values a column of the contract takes, by its type: the one rule of JSON, CSV and Parquet.

whole number   no fraction, within its type; one written 5.0 up to 2**53, where floats are exact
number         finite
truth          true or false, not 0 and 1
text           as it is, spaces and all
time           an instant in ISO 8601 with a zone, to the microsecond, from 1900 until 2262; no bare number

A text is a number or a truth only in a CSV, where all is text: a number as JSON writes it, a truth in small
or large letters. pyarrow is not imported: a server has none.
"""

import math
import re
from collections.abc import Callable, Sequence
from copy import copy
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandera.pandas as pa

from loop.data import columns as arrays
from loop.data.columns import Array

EARLIEST, LATEST = np.datetime64("1900-01-01", "us"), np.datetime64("2262-01-01", "us")
EXACT = 2**53  # the largest whole number up to which a float holds every one
WORDS = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
    datetime: "an instant such as 2013-06-03T00:25:00Z, with a zone, from 1900 until 2262",
}
_DAY = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6}0*)?)?"
LOCAL = rf"^{_DAY}[T ]{_CLOCK}$"  # an instant that lacks its zone
INSTANT = rf"^{_DAY}[T ]{_CLOCK}(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)$"
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_DIGITS = re.compile(r"-?[0-9]{1,19}")  # more are beyond every type
_TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INSTANT = re.compile(INSTANT)


def is_whole(value: float) -> bool:
    """Whether a float is one whole number and no other."""
    return value.is_integer() and abs(value) <= EXACT


def integers(column: pa.Column) -> tuple[int, int]:
    """The least and the greatest whole number of the column's type."""
    limits = np.iinfo(str(column.dtype).lower())
    return max(int(limits.min), -(2**63)), min(int(limits.max), 2**63 - 1)


def words(column: pa.Column) -> str:
    """What a value of the column must be, by its type alone."""
    found = WORDS[arrays.plain(column)]
    narrow = arrays.plain(column) is int and integers(column) != (-(2**63), 2**63 - 1)
    return "{} from {} to {}".format(found, *integers(column)) if narrow else found


def taken(column: pa.Column, given: Sequence[object]) -> tuple[Array, Array]:
    """Values of JSON, or decimals, as an array of the column; and which of them it does not take.

    None is missing, and taken: whether it may be is another question.
    """
    if arrays.plain(column) is datetime:
        return _times(given)
    take = _TAKE[arrays.plain(column)]
    limits = integers(column) if arrays.plain(column) is int else (0, 0)
    found = [take(value, *limits) for value in given]
    wrong = np.array([new is None and old is not None for new, old in zip(found, given, strict=True)], bool)
    kind = arrays.kind(column)
    if kind in ("int64", "bool"):
        found = [value or 0 for value in found]
    return arrays.array(found, kind), wrong


def _whole(value: Any, low: int, high: int) -> int | None:
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() else None
    elif isinstance(value, float):
        value = int(value) if is_whole(value) else None
    return value if type(value) is int and low <= value <= high else None


def _number(value: Any, *_: int) -> float | None:
    found = float(value) if type(value) in (int, float, Decimal) else math.inf
    return found if math.isfinite(found) else None


def _same(kind: type) -> Callable[..., Any]:
    return lambda value, *_: value if type(value) is kind else None


_TAKE: dict[type, Callable[..., Any]] = {
    int: _whole,
    float: _number,
    bool: _same(bool),
    str: _same(str),
}


def _times(given: Sequence[object]) -> tuple[Array, Array]:
    texts = [value if isinstance(value, str) and _INSTANT.fullmatch(value) else None for value in given]
    try:
        found = arrays.instants(texts)
    except (ValueError, OverflowError):  # one that there is not, such as on the 30th of February
        found = arrays.instants([text if there(text) else None for text in texts])
    found[outside(found)] = "NaT"
    return found, np.isnat(found) & np.array([value is not None for value in given], bool)


def outside(times: Array) -> Array:
    """Which instants lie beyond the years that a timestamp holds; NaT does not."""
    return np.asarray((times < EARLIEST) | (times >= LATEST))


def of_texts(column: pa.Column, texts: Sequence[str | None]) -> Sequence[Any]:
    """What a CSV's cells say in a column: numbers, truths, or the texts that they are."""
    plain = arrays.plain(column)
    if plain is bool:
        return [_TRUTHS.get(text or "", text) for text in texts]
    if plain in (int, float):
        return [_number_of(text) if text and _NUMBER.fullmatch(text) else text for text in texts]
    return texts


def _number_of(text: str) -> float:
    return int(text) if _DIGITS.fullmatch(text) else float(text)


def there(text: str | None) -> bool:
    """Whether there is such an instant, in the years that a timestamp holds."""
    if text is None:
        return True
    try:
        return not outside(arrays.instants([text]))[0]
    except (ValueError, OverflowError):
        return False


def columns(contract: pa.DataFrameSchema) -> dict[str, pa.Column]:
    """The contract's columns, their patterns strict: what a text must match has one meaning everywhere."""
    return {name: _strict(column) for name, column in contract.columns.items()}


def _strict(column: pa.Column) -> pa.Column:
    made = copy(column)
    made.checks = [_strict_check(check) for check in column.checks]
    return made


def _strict_check(check: pa.Check) -> pa.Check:
    pattern = (check.statistics or {}).get("pattern")
    if getattr(check._check_fn, "__name__", "") != "str_matches" or not isinstance(pattern, str):
        return check
    return pa.Check.str_matches(strict(pattern), name=check.name, description=check.description)


def strict(pattern: str) -> str:
    r"""The pattern with 0 to 9 alone for `\d`, and the very end for `$`, not one before a line end."""
    return re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", _strict_part, pattern, flags=re.DOTALL)


def _strict_part(found: re.Match[str]) -> str:
    if found[0].startswith("["):
        return re.sub(r"\\.", lambda one: "0-9" if one[0] == r"\d" else one[0], found[0], flags=re.DOTALL)
    return {"$": r"\Z", r"\d": "[0-9]"}.get(found[0], found[0])
