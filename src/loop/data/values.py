"""Which values a column of the contract takes, by its type: the one rule of JSON, CSV and Parquet.

whole number   no fraction, within its type; one written 5.0 up to 2**53, where floats are exact
number         finite
truth          true or false, not 0 and 1
text           as it is, spaces and all
time           an instant in ISO 8601 with a zone, to the microsecond, from 1900 until 2262; no bare number

A text is a number only in a CSV, where all is text, with the digits 0 to 9 and no grouping.
pyarrow is not imported: a server has none.
"""

import re
from copy import copy
from datetime import datetime

import numpy as np
import pandera.pandas as pa

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


def is_whole(value: float) -> bool:
    """Whether a float is one whole number and no other."""
    return value.is_integer() and abs(value) <= EXACT


def integers(column: pa.Column) -> tuple[int, int]:
    """The least and the greatest whole number of the column's type."""
    limits = np.iinfo(str(column.dtype).lower())
    return max(int(limits.min), -(2**63)), min(int(limits.max), 2**63 - 1)


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
