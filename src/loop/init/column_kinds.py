"""What each column holds: its kind, how it is written, and what that says of its meaning."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from loop.kit.column_values import FALSE, QUARTER, QUARTERS, TRUE, WEEK, WEEKS, ZONED, Kind, signed, typed

DATES = (
    *(
        "ISO8601",
        "%d.%m.%Y",
        "%d/%m/%Y",
        "%m/%d/%Y",
        "%Y/%m/%d",
        "%d-%m-%Y",
        "%d.%m.%y",
        "%d/%m/%y",
        "%m/%d/%y",
    ),
    *("%b %d %Y", "%b %d, %Y", "%d %b %Y", "%b-%d-%Y", "%d-%b-%Y", "%d-%b-%y", "%b %Y", "%b-%Y"),
    *("%B %d %Y", "%B %d, %Y", "%d %B %Y", "%B %Y", "%m/%Y", "%m.%Y", "%b-%y", "%Y %b", "%Y-%b", "%Y %B"),
    *("%YM%m", "%a, %d %b %Y", "%a %d %b %Y", "%A, %B %d, %Y", "%A, %d %B %Y"),
)
OF_CLOCK = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p", "%I:%M:%S%p")
CLOCKS = (
    "",
    *(f"{sign} {clock}" for sign in ("", ",") for clock in OF_CLOCK),
)
OF_UTC = ("%Y-%m-%d %H:%M:%S %Z", "%Y-%m-%d %H:%M:%S.%f %Z")  # as BigQuery writes times
HALVES = ("%Y-%m-%d %I:%M %p", "%Y-%m-%d %I:%M:%S %p", "%a %b %d %H:%M:%S %Y")  # no ISO 8601
OF_TIME = re.compile(
    r"(^|_)(date|time|timestamp|datetime|day|month|year|quarter|week|period|datum|jahr|monat)(_|$)"
)
DATED = re.compile(r"(^|_)(date|timestamp|datetime|datum)(_|$)")
_NAMES_PERSON = (
    r"e?mail|phone|mobile|tel|(first|last|sur|full|user|customer)_?name|street|address|iban|ssn|passport|birth|dob|ip"
    r"|(vor|nach|familien|kunden)_?name|kundin|patientin|stra(ß|ss)e|anschrift|telefon\w*|handy\w*|geburt\w*"
    r"|pr[ée]nom|nom_de_famille|adresse|t[ée]l[ée]phone|naissance|nombres?|apellidos?|direcci[óo]n|tel[ée]fono|nacimiento"
    r"|cognome|indirizzo|nascita|sobrenome|endere[çc]o|nascimento|(voor|achter)_?naam|straat|adres|geboorte\w*"
)
PERSONAL = re.compile(rf"(^|_)({_NAMES_PERSON})(_|$)")
NAME = re.compile(r"(^|_)name\d*(_|$)")
OF_A_PERSON = re.compile(
    r"[^@\s]+@[^@\s]+\.[^@\s]+|[A-Z]{2}\d{2} ?([A-Z0-9]{4} ?){2,7}[A-Z0-9]{1,4}"
)  # a mail, an IBAN
CODE = re.compile(r"(^|_)(id|code|zip|postcode|plz|type|class|category|group|no|nr)(_|$)")
CURRENCY = "R[$]|[$€£¥₹₩₽₺]|USD|EUR|GBP|CHF|JPY|INR|CAD|AUD|SEK|NOK|DKK|PLN|BRL"
NUMBER = re.compile(
    rf"[+-]?((?:(?:{CURRENCY})\s?)?)[+-]?(\d[\d.,' ]*?)(\s?[^\d\s.,][^\d.,]{{0,11}})?"
)  # with its unit
ID = re.compile(r"id(_|$)|(^|_)(no|nr|num|number|code|key|index|row|row_?names?)(_|$)")
ROW_NAMES = re.compile("row(_?names?)?")
OF_MANY = re.compile(
    r"(^|_)(id|uid|nr|individual|subject|patient|customer|household)(_(no|nr|number))?$"
    r"|(account|client|customer|device|driver|invoice|item|machine|member|order|patient|person|product|sensor"
    r"|shop|station|store|user)_?(id|no|nr|number)$"
)
COMPACT = {
    8: "%Y%m%d",
    10: "%Y%m%d%H",
    12: "%Y%m%d%H%M",
    14: "%Y%m%d%H%M%S",
}  # times without a sign, by their digits
MONTHS = "jan|feb|mar|apr|may|mai|jun|jul|aug|sept?|o[ck]t|nov|de[cz]"
MEASURED = re.compile(  # a clock, a date, an amount, a month or a year: what a text may mean
    rf".*(\d:\d\d|\d/\d|\d[.,]\d|[$€£¥]).*|\D{{0,9}}(19|20)\d\d\W?\w{{0,3}}|(.*\W|\d*)({MONTHS})([\W\d].*|$)",
    re.IGNORECASE,
)
NESTED = {"ndarray": "lists", "list": "lists", "tuple": "lists", "dict": "records", "bytes": "bytes"}
EXACT = 2**53  # from which on a number loses digits
FEW, LONG = 60, 40  # values that are listed one by one; characters from which on a text is prose


@dataclass(frozen=True)
class Column:
    """One column: its kind, its values as that kind, and how they were written."""

    name: str
    kind: Kind
    values: pd.Series = field(repr=False)
    decimal: str = "."
    form: str = ""  # how numbers are written that are more than digits
    dates: str = "ISO8601"
    zoned: bool = False  # whether its instants name their zone
    odd: tuple[str, ...] = ()  # values that are not of the kind of nearly all others
    other_dates: str = ""  # a second way to read its dates, which fits as well
    bare: int = 0  # how many of its instants name no zone, where others do
    unusable: str = ""  # why nothing can be made of its values

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
    def alike(self) -> list[str]:
        """Values of a text that differ in case alone, the first ones; none of many different values."""
        if self.distinct > FEW:
            return []
        same = pd.Series(self.listed, dtype="str").groupby(lambda at: self.listed[at].strip().casefold())
        return next((list(some) for _, some in same if len(some) > 1), [])

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
        many = self.distinct > min(FEW, len(self.values) / 2)  # what repeats, as of a region, names no person
        if PERSONAL.search(self.name) or (NAME.search(self.name) and many):
            return self.kind == "text"
        some = self.values.dropna().head(200) if self.kind == "text" else pd.Series([], dtype="str")
        return len(some) > 0 and bool(some.map(lambda text: bool(OF_A_PERSON.fullmatch(text))).mean() > 0.5)


def every(frame: pd.DataFrame, zone: str) -> dict[str, Column]:
    """Each column of a frame, by name; those without any value are left out."""
    known = [str(name) for name in frame if frame[name].notna().any()]
    found = {name: of(name, frame[name], zone) for name in known}
    if not any(one.decimal == "," for one in found.values()):
        return found
    unsure = [name for name, one in found.items() if one.form == "#,###"]  # 1,250 may be a thousand or one
    return found | {name: of(name, frame[name], zone, commas=True) for name in unsure}


def of(name: str, values: pd.Series, zone: str, *, commas: bool = False) -> Column:
    """What a column holds; `commas` says that a comma alone stands before decimals."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        of = values.cat.categories.dtype
        if values.isna().any() and not pd.api.types.is_string_dtype(of) and of.kind in "iub":
            return _unusable(
                name, values, "it holds categories of whole numbers, some missing: write numbers"
            )
        values = values.astype(of)
    if not (pd.api.types.is_string_dtype(values.dtype) or values.dtype == object):
        return _stored(name, values, zone)
    plain = values.dropna()
    if not plain.map(lambda one: isinstance(one, str)).all():
        return _objects(name, values, zone)
    return next(_read(name, values, plain.astype("str"), zone, commas=commas))


def _stored(name: str, values: pd.Series, zone: str) -> Column:
    """A column that the file stores as numbers, truths or instants."""
    compact = _compact(values.dropna().astype("str")) if pd.api.types.is_integer_dtype(values.dtype) else ""
    if compact:
        return Column(name, "instant", typed("instant", values, dates=compact, zone=zone), dates=compact)
    if pd.api.types.is_bool_dtype(values.dtype):
        kind: Kind = "text" if values.isna().any() else "flag"
    elif pd.api.types.is_datetime64_any_dtype(values.dtype):
        zoned = isinstance(values.dtype, pd.DatetimeTZDtype)
        return Column(name, "instant", typed("instant", values, zone=zone), zoned=zoned)
    elif pd.api.types.is_integer_dtype(values.dtype) and not values.isna().any():
        large = bool((values >= EXACT).any() or (values <= -EXACT).any())
        kind = "text" if large or _is_code(name, values) else "whole"
    elif not pd.api.types.is_numeric_dtype(values.dtype):
        return _unusable(name, values, f"its type is {values.dtype}: write it as numbers, texts or times")
    elif np.isinf(values.dropna().astype("float64")).any():
        return _unusable(name, values, "it holds infinite numbers: make them missing")
    else:
        kind = "number"
    return Column(name, kind, typed(kind, values, zone=zone))


def _unusable(name: str, values: pd.Series, reason: str) -> Column:
    return Column(name, "text", values.astype("str").mask(values.isna()), unusable=reason)


def _compact(plain: pd.Series) -> str:
    """How texts are times without a sign between their parts, such as 20240131; empty where they are not."""
    digits = int(plain.str.len().iloc[0]) if len(plain) else 0
    dates = COMPACT.get(digits, "")
    if not dates or not plain.str.fullmatch(rf"(19|20)\d{{{digits - 2}}}").all():
        return ""
    return dates if pd.to_datetime(plain, format=dates, errors="coerce").notna().all() else ""


def _objects(name: str, values: pd.Series, zone: str) -> Column:
    """A column of Python's own values: decimals, days and clocks are read, lists and the like are not."""
    first = type(values.dropna().iloc[0]).__name__
    if first == "Decimal":
        return Column(name, "number", values.astype("float64"))
    if first in ("date", "datetime", "Timestamp"):
        return Column(name, "instant", typed("instant", pd.to_datetime(values), zone=zone))
    if first in NESTED:
        return _unusable(
            name, values, f"it holds {NESTED[first]}: bring it into columns of numbers, texts or times"
        )
    return Column(name, "text", values.astype("str").mask(values.isna()))


def _read(name: str, values: pd.Series, plain: pd.Series, zone: str, *, commas: bool) -> Iterator[Column]:
    """What texts are, the first of these that all of them are; in the end, texts."""
    lower = plain.str.lower()
    truths = lower.isin([*TRUE, *FALSE]).all() and not lower.isin(("0", "1")).all()
    if truths and not values.isna().any() and lower.nunique() == 2:
        yield Column(name, "flag", typed("flag", values))
    if compact := _compact(plain):
        yield Column(name, "instant", typed("instant", values, dates=compact, zone=zone), dates=compact)
    for dates, written in ((QUARTERS, QUARTER), (WEEKS, WEEK)):
        if plain.str.fullmatch(written).all():
            yield Column(name, "instant", typed("instant", values, dates=dates, zone=zone), dates=dates)
    for decimal in (".", ","):
        numbers = pd.to_numeric(plain.str.replace(decimal, "."), errors="coerce")
        if decimal == "," and (plain.str.contains(r"\.").any() or (_grouped(plain, ",") and not commas)):
            continue
        good = numbers.notna() & np.isfinite(numbers)
        if good.all():
            yield _number(name, values, decimal)
        elif odd := _odd(plain, good):
            yield Column(name, "text", values, odd=odd)
    digits = signed(plain)
    numeric = digits.str.fullmatch(NUMBER)
    odd = () if numeric.all() else _odd(plain, numeric)
    if (numeric.all() or odd) and (form := _form(digits[numeric], plain[numeric], commas=commas)):
        if odd:
            yield Column(name, "text", values, odd=odd)
        yield Column(name, "number", typed("number", values, form=form), form=form)
    if forms := list(_formats(plain)):
        ways = {form: typed("instant", values, dates=form, zone=zone) for form in forms[:2]}
        dates = next((form for form, at in ways.items() if at.dropna().is_monotonic_increasing), forms[0])
        other = next((form for form, at in ways.items() if not at.equals(ways[dates])), "")
        zoned = (plain.str.contains(ZONED, regex=True) & (dates == "ISO8601")) | (dates in OF_UTC)
        bare = int((~zoned).sum()) if zoned.any() else 0
        yield Column(
            name, "instant", ways[dates], dates=dates, other_dates=other, zoned=bool(zoned.any()), bare=bare
        )
    yield Column(name, "text", values.astype("str").mask(values.isna()))


def _odd(plain: pd.Series, numbers: pd.Series) -> tuple[str, ...]:
    """Some of the texts among numbers, where most are numbers and differ as measurements do; else nothing."""
    others = plain[~numbers]
    many = numbers.mean() >= 0.95 or (numbers.mean() > 0.5 and plain[numbers].nunique() > FEW)
    return tuple(sorted(others.unique())[:3]) if many and not others.str.match(r"\d").any() else ()


def _number(name: str, values: pd.Series, decimal: str) -> Column:
    numbers = typed("number", values, decimal=decimal)
    if numbers.notna().all() and (numbers % 1 == 0).all():
        written = values.str.fullmatch(r"[+-]?\d+").all()
        if written and numbers.abs().max() >= EXACT:
            return Column(name, "text", values)
        if written and (_is_code(name, numbers) or values.str.fullmatch(r"0\d+").any()):
            return Column(name, "text", values)
        if written:
            return Column(name, "whole", numbers.astype("int64"))
    return Column(name, "number", numbers, decimal)


def _form(digits: pd.Series, plain: pd.Series, *, commas: bool) -> str:
    """How numbers are written that are more than digits, as "$#,###.#" or "# %"; else nothing.

    `digits` has their signs in front; "#" says that some stood elsewhere, as the brackets of (12).
    """
    parts = digits.str.extract(rf"^{NUMBER.pattern}$").fillna("")
    if any(parts[at].nunique() > 1 for at in (0, 2)):
        return ""
    before, behind = parts[0].iloc[0], parts[2].iloc[0]
    separated = _separated(parts[1], commas=commas)
    form = "" if separated is None else f"{before}#{separated}{behind}"
    try:
        typed("number", plain, form=form)
    except ValueError:
        return ""
    return "" if (form == "#" and digits.equals(plain)) or (digits != plain).all() else form


def _separated(digits: pd.Series, *, commas: bool) -> str | None:
    """The signs within numbers: of thousands, of decimals, both or none; None where they have no order."""
    signs = sorted(set("".join(digits)) - set("0123456789"))
    if digits.str.match(r"0\d").any() or len(signs) > 2:
        return None
    if len(signs) == 2:
        last = [digits[digits.map(lambda one: set(signs) <= set(one))].str.rfind(sign) for sign in signs]
        point = signs[int((last[1] > last[0]).all())]
        return f"{signs[1 - signs.index(point)]}###{point}#"
    if not signs:
        return ""
    (sign,) = signs
    if (
        _grouped(digits, sign)
        and not (sign == "," and commas)
        and (sign != "." or digits.str.count(r"\.").max() > 1)
    ):
        return f"{sign}###"
    return f"{sign}#" if sign in ".," else None


def _grouped(digits: pd.Series, sign: str) -> bool:
    """Whether a sign stands before three digits wherever it does, as in 1,200: of thousands, it seems."""
    cut = digits[digits.str.contains(sign, regex=False)]
    return len(cut) > 0 and bool(
        cut.str.fullmatch(rf"[+-]?[1-9]\d{{0,2}}(?:{re.escape(sign)}\d{{3}})+").all()
    )


def unread(one: Column) -> str:
    """A value of a text that looks like a time or an amount in each row; nothing where they do not."""
    known = one.values.dropna()
    if one.kind != "text" or one.prose or one.odd or one.distinct <= 10:
        return ""
    looks = known.str.fullmatch(MEASURED) & known.str.contains(r"\d")
    return str(known[looks].iloc[0]) if looks.mean() > 0.95 else ""


def counts(one: Column) -> bool:
    """Whether whole numbers are all of a stretch, or nearly."""
    return bool(one.values.max() - one.values.min() < 1.1 * len(one.values))


def named_id(one: Column) -> bool:
    """Whether a column is called as what names a row."""
    return bool(ID.search(one.name))


def named_row(one: Column) -> bool:
    """Whether a column is called as what names one row: an id, or the names of R's rows."""
    return bool(CODE.search(one.name) or ROW_NAMES.fullmatch(one.name))


def named_of_many(one: Column) -> bool:
    """Whether a column is called as what names a thing or a person, and its values come again."""
    whole = one.kind in ("text", "whole") or bool((one.values.dropna() % 1 == 0).all())  # with gaps a number
    return whole and bool(OF_MANY.search(one.name)) and one.distinct < len(one.values)


def _is_code(name: str, values: pd.Series) -> bool:
    """Whether a number is a name of something: few values that repeat, and a name that says so."""
    return bool(CODE.search(name)) and 2 < values.nunique() <= FEW and values.nunique() < len(values) / 10


def _formats(plain: pd.Series) -> Iterator[str]:
    """The ways to read all texts as dates, the likeliest first."""
    if not plain.str.fullmatch(r".*\d.*[-./T]?.*\d.*").all() or not (plain.str.len() >= 6).all():
        return
    if plain.str.fullmatch(r"[+-]?\d+(\.\d*)?").all():
        return
    clocks = [day + clock for day in DATES for clock in (CLOCKS if day != "ISO8601" else ("",))]
    for form in [*clocks, *HALVES, *(OF_UTC if plain.str.endswith(" UTC").all() else ())]:
        try:
            pd.to_datetime(plain, format=form, utc=True)
        except (ValueError, TypeError):
            continue
        yield form
