"""A column's values as they are declared: texts, or a file's own types, as one of five kinds."""

import re
from typing import Final, Literal

import numpy as np
import pandas as pd

Kind = Literal["number", "whole", "text", "flag", "instant"]
MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "null", "NULL", "None", "?", "\\N")
TRUE, FALSE = ("true", "yes", "y", "t", "1", "1.0"), ("false", "no", "n", "f", "0", "0.0")
QUARTERS = "quarters"  # of dates as 2024Q1, Q1 2024 or Q1-24
QUARTER = r"(?:\d{4}\W?Q[1-4]|(?:Q[1-4]\W?|[1-4]Q\W?)(?:\d{4}|\d\d))"
WEEKS = "weeks"  # of dates as 2024-W05, by ISO 8601: from Monday
WEEK = r"\d{4}\W?W\d\d(?:-?[1-7])?"
SHEET = "days of a spreadsheet"  # since 1899-12-30, as spreadsheets count from 1 March 1900 on
SINCE_1970 = " since 1970"  # of counted times, behind the name of a unit
MICROSECONDS = {"seconds": 1e6, "milliseconds": 1e3, "microseconds": 1, "nanoseconds": 1e-3}
EXACT = 2**53  # below which a float holds every whole number
ROUNDED = "it holds a number of 2**53 or more that is kept as a float, and so may have been another"
MOMENTS: Final = "datetime64[us, UTC]"
ZONED = (
    r"(?:Z|[+-]\d\d:?\d\d|:\d\d(?:\.\d+)?[+-]\d\d)$"  # of a clock that names its zone; Postgres writes +00
)
FORM = re.compile(r"([^#]*)#(?:(\D)###)?(?:([.,])#)?([^#]*)")  # before, thousands, decimal sign, behind


def typed(
    kind: Kind,
    values: pd.Series,
    *,
    decimal: str = ".",
    dates: str = "ISO8601",
    zone: str = "UTC",
    form: str = "",
) -> pd.Series:
    """Values, texts or of a file's own types, as a column of a kind. Raises ValueError where they are not."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if kind == "instant":
        return _instants(values, dates, zone)
    if kind == "text":
        return texts(values)
    if kind == "flag":
        return _flags(values)
    found = _parsed(_digits(values, form) if form else values, decimal)
    return _floats(found) if kind == "number" else _whole(found)


def _plain(values: pd.Series) -> pd.Series:
    """Texts without blanks around them, missing where nothing is said."""
    texts = values.astype("str").str.strip()
    return texts.mask(values.isna() | texts.isin(MISSING))


def _is_text(values: pd.Series) -> bool:
    return pd.api.types.is_string_dtype(values.dtype) or values.dtype == object


def _digits(values: pd.Series, form: str) -> pd.Series:
    """Numbers as plain digits, of texts that are written in a form. Raises ValueError for one that is not."""
    parts = FORM.fullmatch(form)
    if parts is None:
        raise ValueError(f"{form!r} is no form such as '$#,###.#' or '# %'")
    before, thousands, sign, behind = (re.escape(part) for part in parts.groups(""))
    whole = rf"\d{{1,3}}(?:{thousands}\d{{3}})*" if thousands else r"\d+"
    broken = rf"(?:{sign}(\d+))?" if sign else "()"
    texts = _plain(values)
    found = signed(texts).str.extract(rf"^([+-]?){before}([+-]?)({whole}){broken}{behind}$")
    if (odd := texts[found[2].isna() & texts.notna()]).size:
        raise ValueError(f"{odd.iloc[0]!r} is not written as {form!r}")
    digits = found[2].str.replace(r"\D", "", regex=True) + "." + found[3].fillna("")
    return found[0].fillna("") + found[1].fillna("") + digits


def signed(texts: pd.Series) -> pd.Series:
    """Numbers as texts, those below zero with a - in front: also (12), $(12), 12- and one of typography."""
    plain = texts.str.replace("\N{MINUS SIGN}", "-", regex=False)
    plain = plain.str.replace(r"^([^\d(]*)\(([^()+-]*\d[^()]*)\)(\D*)$", r"-\1\2\3", regex=True)
    return plain.str.replace(r"^([^\d+-]*\d[\d.,' ]*)-$", r"-\1", regex=True)


def _parsed(values: pd.Series, decimal: str) -> pd.Series:
    """Numbers as a file has them, or as its texts say; whole ones are no floats, which might round them."""
    if not _is_text(values):
        return values
    texts = _plain(values)
    if decimal != ".":
        texts = texts.str.replace(decimal, ".", regex=False)
    return pd.to_numeric(texts, errors="raise")


def _floats(values: pd.Series) -> pd.Series:
    found = values.astype("float64")
    if np.isinf(found).any():
        raise ValueError("it holds an infinite number")
    return found


def _whole(values: pd.Series) -> pd.Series:
    found = values if pd.api.types.is_integer_dtype(values.dtype) else _floats(values)
    if found.isna().any() or (found % 1 != 0).any():
        raise ValueError("it holds a number that is missing or not whole")
    if found is not values and (found.abs() >= EXACT).any():
        raise ValueError(ROUNDED)
    if (found > np.iinfo("int64").max).any():
        raise ValueError("it holds a number that 64 bits do not hold")
    return found.astype("int64")


def texts(values: pd.Series) -> pd.Series:
    """Values as texts without blanks around them; whole numbers as such, though a writer kept them as 7.0.

    Raises ValueError for one that a float may have rounded.
    """
    if pd.api.types.is_float_dtype(values.dtype):  # codes that a writer kept as 7.0
        if (values.abs() >= EXACT).any():
            raise ValueError(ROUNDED)
        if (values.dropna() % 1 == 0).all():
            values = values.astype("Int64")
    return _plain(values).astype("str")


def _flags(values: pd.Series) -> pd.Series:
    if pd.api.types.is_bool_dtype(values.dtype) and not values.isna().any():
        return values.astype("bool")
    texts = _plain(values).str.lower()
    if not texts.isin([*TRUE, *FALSE]).all():
        raise ValueError("it holds something other than true and false")
    return texts.isin(TRUE)


def _instants(values: pd.Series, dates: str, zone: str) -> pd.Series:
    if dates.endswith(SINCE_1970):
        counts = _floats(_parsed(values, ".")) * MICROSECONDS[dates.removesuffix(SINCE_1970)]
        found = pd.to_datetime(counts.round().astype("Int64"), unit="us", utc=True)
    elif dates == SHEET:
        seconds = (_floats(_parsed(values, ".")) * 86400).round()  # finer than that, they are rounded
        found = _at_home(pd.to_datetime(seconds.astype("Int64"), unit="s", origin="1899-12-30"), zone)
    elif dates == QUARTERS:
        starts = _plain(values).str.replace(
            r"^(?:Q([1-4])\W?|([1-4])Q\W?)(\d\d|\d{4})$", r"\3Q\1\2", regex=True
        )
        short = starts.str.fullmatch(r"\d\dQ[1-4]").fillna(False).astype("bool")
        century = starts.str[:2].lt("69").map({True: "20", False: "19"})  # as strptime's %y
        starts = starts.where(~short, century + starts)
        starts = starts.str.replace(r"^(\d{4})\W?Q([1-4])$", r"\1-\2", regex=True)
        months = starts.map(lambda at: f"{at[:5]}{3 * int(at[5:]) - 2}", na_action="ignore")
        found = _at_home(pd.to_datetime(months, format="%Y-%m"), zone)
    elif dates == WEEKS:
        parts = _plain(values).str.extract(r"^(\d{4})\W?W(\d\d)-?([1-7])?$")
        days = parts[0] + "-" + parts[1] + "-" + parts[2].fillna("1")
        if (odd := _plain(values)[days.isna()].dropna()).size:
            raise ValueError(f"{odd.iloc[0]!r} is no week such as 2024-W05")
        found = _at_home(pd.to_datetime(days, format="%G-%V-%u"), zone)
    elif isinstance(values.dtype, pd.DatetimeTZDtype):
        found = values.dt.tz_convert("UTC")
    elif pd.api.types.is_datetime64_dtype(values.dtype):
        found = _at_home(values, zone)
    else:
        texts = _plain(values)
        zoned = dates == "ISO8601" and texts.str.contains(ZONED, regex=True).any()
        found = pd.to_datetime(texts, format=dates, utc=bool(zoned) or "%z" in dates)
        found = found if isinstance(found.dtype, pd.DatetimeTZDtype) else _at_home(found, zone)
    instants: pd.Series = found.astype(MOMENTS)
    return instants


def next_clock(start: pd.Series, clock: pd.Series, zones: pd.Series) -> pd.Series:
    """The first instant at or after `start` (UTC) at which the clock of the row's zone says `clock` (hhmm).

    A repeated hour means its first pass, one that is skipped the hour after. Without a zone there is none.
    """
    of_day = pd.to_timedelta(clock // 100 * 60 + clock % 100, unit="min")
    found = pd.Series(pd.NaT, index=start.index, dtype=MOMENTS)
    for zone, rows in start.groupby(zones):
        local = rows.dt.tz_convert(zone).dt.tz_localize(None)
        wall = local.dt.normalize() + of_day[rows.index]
        found[rows.index] = _at_home(wall.mask(wall < local, wall + pd.Timedelta(days=1)), str(zone))
    return found


def _at_home(values: pd.Series, zone: str) -> pd.Series:
    """Local times as instants: a repeated hour means its first pass, one that is skipped the hour after."""
    first = np.ones(len(values), dtype=bool)
    home = values.dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    found: pd.Series = home.dt.tz_convert("UTC")
    return found
