"""What each column holds: its kind, how it is written, and what that says of its meaning."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from loop.kit.sources import FALSE, TRUE, Kind, typed

DATES = ("ISO8601", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%Y%m%d")
CLOCKS = ("", " %H:%M", " %H:%M:%S")
PERSONAL = re.compile(
    r"(^|_)(e?mail|phone|mobile|tel|(first|last|sur|full)_?name|name|street|address|iban|ssn|passport|birth|dob|ip)(_|$)"
)
MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
CODE = re.compile(r"(^|_)(id|code|zip|postcode|plz|type|class|category|group|no|nr)(_|$)")
FEW, LONG = 60, 40  # values that are listed one by one; characters from which on a text is prose


@dataclass(frozen=True)
class Column:
    """One column: its kind, its values as that kind, and how they were written."""

    name: str
    kind: Kind
    values: pd.Series = field(repr=False)
    decimal: str = "."
    dates: str = "ISO8601"
    zoned: bool = False  # whether its instants name their zone
    odd: tuple[str, ...] = ()  # values that are not of the kind of nearly all others

    @property
    def distinct(self) -> int:
        """How many different values there are, without missing ones."""
        return int(self.values.nunique())

    @property
    def missing(self) -> float:
        """The share of rows without a value."""
        return float(self.values.isna().mean())

    @property
    def listed(self) -> list[str]:
        """The values of a text that has few."""
        return sorted(map(str, self.values.dropna().unique()))

    @property
    def prose(self) -> bool:
        """Whether it is free text: long, and hardly ever the same."""
        known = self.values.dropna()
        return (
            self.kind == "text" and len(known) > 0 and known.str.len().mean() > LONG and self.distinct > FEW
        )

    @property
    def personal(self) -> bool:
        """Whether it names a person, by its own name or by its values."""
        if PERSONAL.search(self.name):
            return self.kind == "text"
        some = self.values.dropna().head(200) if self.kind == "text" else pd.Series([], dtype="str")
        return len(some) > 0 and bool(some.map(lambda text: bool(MAIL.fullmatch(text))).mean() > 0.5)


def every(frame: pd.DataFrame, zone: str) -> dict[str, Column]:
    """Each column of a frame, by name; those without any value are left out."""
    return {str(name): of(str(name), frame[name], zone) for name in frame if frame[name].notna().any()}


def of(name: str, values: pd.Series, zone: str) -> Column:
    """What a column holds."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if not (pd.api.types.is_string_dtype(values.dtype) or values.dtype == object):
        return _stored(name, values, zone)
    plain = values.dropna()
    if not plain.map(lambda one: isinstance(one, str)).all():
        return _objects(name, values, zone)
    return next(_read(name, values, plain.astype("str"), zone))


def _stored(name: str, values: pd.Series, zone: str) -> Column:
    """A column that the file stores as numbers, truths or instants."""
    if pd.api.types.is_bool_dtype(values.dtype):
        kind: Kind = "text" if values.isna().any() else "flag"
    elif pd.api.types.is_datetime64_any_dtype(values.dtype):
        zoned = isinstance(values.dtype, pd.DatetimeTZDtype)
        return Column(name, "instant", typed("instant", values, zone=zone), zoned=zoned)
    elif pd.api.types.is_integer_dtype(values.dtype) and not values.isna().any():
        kind = "text" if _is_code(name, values) else "whole"
    else:
        kind = "number"
    return Column(name, kind, typed(kind, values, zone=zone))


def _objects(name: str, values: pd.Series, zone: str) -> Column:
    """A column of Python's own values: decimals and days are read, lists and the like are texts."""
    first = type(values.dropna().iloc[0]).__name__
    if first == "Decimal":
        return Column(name, "number", values.astype("float64"))
    if first in ("date", "datetime", "Timestamp"):
        return Column(name, "instant", typed("instant", pd.to_datetime(values), zone=zone))
    return Column(name, "text", values.astype("str").mask(values.isna()))


def _read(name: str, values: pd.Series, plain: pd.Series, zone: str) -> Iterator[Column]:
    """What texts are, the first of these that all of them are; in the end, texts."""
    lower = plain.str.lower()
    truths = lower.isin([*TRUE, *FALSE]).all() and not lower.isin(("0", "1")).all()
    if truths and not values.isna().any() and lower.nunique() == 2:
        yield Column(name, "flag", typed("flag", values))
    for decimal in (".", ","):
        numbers = pd.to_numeric(plain.str.replace(decimal, "."), errors="coerce")
        if decimal == "," and plain.str.contains(r"\.").any():
            continue
        good = numbers.notna() & np.isfinite(numbers)
        if good.all():
            yield _number(name, values, decimal)
        elif good.mean() >= 0.95 and not plain[~good].str.fullmatch(r"\d.*").any():
            odd = tuple(sorted(plain[~good].unique())[:3])
            yield Column(name, "text", values, odd=odd)
    for dates in _formats(plain):
        instants = typed("instant", values, dates=dates, zone=zone)
        zoned = bool(plain.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", regex=True).any())
        yield Column(name, "instant", instants, dates=dates, zoned=zoned)
    yield Column(name, "text", values.astype("str").mask(values.isna()))


def _number(name: str, values: pd.Series, decimal: str) -> Column:
    numbers = typed("number", values, decimal=decimal)
    if numbers.notna().all() and (numbers % 1 == 0).all() and numbers.abs().max() < 2**53:
        written = values.str.fullmatch(r"[+-]?\d+").all()
        if written and (_is_code(name, numbers) or values.str.fullmatch(r"0\d+").any()):
            return Column(name, "text", values)
        if written:
            return Column(name, "whole", numbers.astype("int64"))
    return Column(name, "number", numbers, decimal)


def _is_code(name: str, values: pd.Series) -> bool:
    """Whether a number is a name of something: few values that repeat, and a name that says so."""
    return bool(CODE.search(name)) and 2 < values.nunique() <= FEW and values.nunique() < len(values) / 10


def _formats(plain: pd.Series) -> Iterator[str]:
    """The ways to read all texts as dates, the likeliest first."""
    if not plain.str.fullmatch(r".*\d.*[-./T]?.*\d.*").all() or not (plain.str.len() >= 6).all():
        return
    if plain.str.fullmatch(r"[+-]?\d+(\.\d*)?").all() and not plain.str.fullmatch(r"(19|20)\d{6}").all():
        return
    for day in DATES:
        for clock in CLOCKS if day != "ISO8601" else ("",):
            try:
                pd.to_datetime(plain, format=day + clock, utc=True)
            except (ValueError, TypeError):
                continue
            yield day + clock
