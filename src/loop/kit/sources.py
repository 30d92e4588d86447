"""Sources that are ready to use: rows in CSV or Parquet files or of a database, as known at an instant.

A row is a request, decided at its time. Its label is known later: at an instant that a column holds, or so
long after the decision. What was not known by then is missing in the raw table, as it was that day.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from glob import escape, glob
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from loop.kit.types import ROW_WEIGHT

Kind = Literal["number", "whole", "text", "flag", "instant"]
MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?")
PARQUET = (".parquet", ".pq")
TRUE, FALSE = ("true", "yes", "y", "t", "1", "1.0"), ("false", "no", "n", "f", "0", "0.0")
QUARTERS = "quarters"  # of dates as 2024Q1
SINCE_1970 = " since 1970"  # of counted times, behind the name of a unit
MICROSECONDS = {"seconds": 1e6, "milliseconds": 1e3, "microseconds": 1, "nanoseconds": 1e-3}
LAKES = {"_delta_log": "Delta Lake", ".hoodie": "Hudi"}  # logs that say which files beside them count
DECIDED_AT, KNOWN_AT = "decided_at", "label_known_at"
NOTHING = pd.Timedelta(0)
AT_ONCE = pd.Timedelta(seconds=1)  # after which a label is known that is known at once
MOMENTS: Final = "datetime64[us, UTC]"
EPOCH = pd.Timestamp("2000-01-01", tz="UTC")  # of rows that have no time
DAYS = pd.Timedelta(days=2)  # that an unknown clock may be off
FILE_DATABASES = ("duckdb", "sqlite")
PARTS = 100  # days over which they are spread by the hash of their key
FORM = re.compile(r"([^#]*)#(?:(\D)###)?(?:([.,])#)?([^#]*)")  # before, thousands, decimal sign, behind


class SourceError(ValueError):
    """A file that cannot be read as it is declared; the text says what was found."""


class LostColumnsError(SourceError):
    """A file without columns that it is declared to have."""


@dataclass(frozen=True)
class Files:
    """CSV or Parquet files at a path or pattern from the repository's root, one below the other.

    `columns` gives the kind of each column by its name here, `names` its name in the files where it differs.
    `row` names a column that is the number of the row. The rest says how texts are read: `dates` gives the
    format of each column that is not ISO 8601 (of strptime, "quarters" as 2024Q1, or "seconds since 1970"),
    `zone` where times without one are at home, `forms` how numbers of a column are written that are more
    than digits, such as "$#,###.#" or "# %". `joined` names columns of the files whose texts, with blanks
    between, are one here, as year, month and day.
    """

    pattern: str
    columns: Mapping[str, Kind]
    names: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ","
    decimal: str = "."
    encoding: str = "utf-8-sig"
    dates: Mapping[str, str] = field(default_factory=dict)
    zone: str = "UTC"
    row: str | None = None
    forms: Mapping[str, str] = field(default_factory=dict)
    joined: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def read(self) -> pd.DataFrame:
        """All rows: float64, int64, str, bool and datetime64[us, UTC]. Raises SourceError."""
        paths = sorted(path for path in map(Path, glob(self.pattern)) if path.name[0] not in "._")
        if not paths:
            raise SourceError(f"there is no file at {self.pattern}")
        for folder in {path.parent for path in paths}:
            if whose := lake_of(folder):
                raise SourceError(
                    f"{folder} is a table of {whose}: rows that were replaced lie there too; "
                    "read it by a Query, or have it written into files"
                )
        whole = pd.concat([self._one(path) for path in paths], ignore_index=True)
        if self.row:
            whole[self.row] = np.arange(len(whole))
        return _declared(self, whole, self.pattern)

    def _one(self, path: Path) -> pd.DataFrame:
        inside = self.inside
        if path.suffix.lower() in PARQUET:
            frame = pd.read_parquet(path)
            frame = frame.reset_index() if frame.index.name else frame
        else:
            frame = pd.read_csv(
                path, sep=self.delimiter, encoding=self.encoding, dtype="str", keep_default_na=False
            )
        frame = frame.rename(columns=lambda name: str(name).strip())
        if lost := [name for name in self.needed if name not in frame]:
            raise LostColumnsError(
                f"{path} has no column {', '.join(lost)}; it has {', '.join(frame.columns)}"
            )
        made = {name: joined(frame, of) for name, of in self.joined.items() if name in self.columns}
        return frame[list(inside)].rename(columns=inside).assign(**made)

    @property
    def inside(self) -> dict[str, str]:
        """The columns that are one in the file as well, by their names there."""
        made = {*self.joined, self.row}
        return {self.names.get(name, name): name for name in self.columns if name not in made}

    @property
    def needed(self) -> list[str]:
        """The names of all columns that a file must have."""
        parts = [part for name, of in self.joined.items() if name in self.columns for part in of]
        return list(dict.fromkeys([*self.inside, *parts]))


def joined(frame: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """The texts of some columns with a blank between; missing where one of them is."""
    first, *rest = (_texts(frame[name]) for name in columns)
    for one in rest:
        first = first + " " + one
    return first


def lake_of(folder: Path) -> str | None:
    """Whose table a folder is, if a log in it says which of its files count."""
    return next((LAKES[log] for log in LAKES if (folder / log).is_dir()), None)


@dataclass(frozen=True)
class Query:
    """A table, a view or a SELECT of a database, read through Ibis.

    `url` says where: duckdb://FILE, sqlite://FILE, postgres://USER@HOST/NAME. `${NAME}` in it is a variable
    of the environment, which is where a password belongs. The rest is as in `Files`. Rows have no order of
    their own: they need a key. Where `decided_at` is a time there, only rows of the windows are fetched.
    """

    url: str
    table: str
    columns: Mapping[str, Kind]
    names: Mapping[str, str] = field(default_factory=dict)
    decimal: str = "."
    dates: Mapping[str, str] = field(default_factory=dict)
    zone: str = "UTC"
    forms: Mapping[str, str] = field(default_factory=dict)

    def read(self, since: pd.Timestamp | None = None, until: pd.Timestamp | None = None) -> pd.DataFrame:
        """All rows, or those decided within two days of [since, until): as in `Files`. Raises SourceError."""
        inside = {self.names.get(name, name): name for name in self.columns}
        frame = self.fetch(list(inside), self.names.get(DECIDED_AT, DECIDED_AT), since, until)
        return _declared(self, frame.rename(columns=inside), self.table)

    def fetch(
        self,
        wanted: Sequence[str] | None = None,
        time: str = "",
        since: pd.Timestamp | None = None,
        until: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """Rows as the database has them, of the wanted columns. Raises SourceError without a secret in it."""
        import ibis
        import ibis.expr.types as ir

        url, secrets = _filled(self.url)
        try:
            engine = ibis.connect(_readable(url))
            *place, name = self.table.split(".")
            if re.match(r"\s*(select|with)\b", self.table, re.IGNORECASE):
                place, name = ["temp"] if url.startswith("sqlite") else [], "loop_query"
                engine.raw_sql(f"CREATE TEMPORARY VIEW {name} AS {self.table.rstrip().rstrip(';')}")
            rows = engine.table(name, database=tuple(place) or None)
            if lost := [name for name in wanted or () if name not in rows.columns]:
                raise SourceError(f"it has no column {', '.join(lost)}, but {', '.join(rows.columns)}")
            is_time = time in rows.columns and isinstance(rows[time], ir.TimestampValue | ir.DateValue)
            if is_time and since is not None and until is not None:
                low, high = (ibis.literal(at.tz_localize(None)) for at in (since - DAYS, until + DAYS))
                rows = rows.filter(rows[time].between(low, high))
            found: pd.DataFrame = (rows.select(*wanted) if wanted else rows).to_pandas()
            engine.disconnect()
        except Exception as error:  # each database has errors of its own
            said = (str(error).strip() or type(error).__name__).splitlines()[0]
            said = "there is no such table or view" if type(error).__name__ == "TableNotFound" else said
            text = f"{self.table} of {self.url} cannot be read: {said}"
            for secret in secrets:
                text = text.replace(secret, "…")
            raise SourceError(text) from None
        return found


def _filled(url: str) -> tuple[str, list[str]]:
    """The address with its variables filled in, and what these hold. Raises SourceError for one not set."""
    names = re.findall(r"\$\{(\w+)\}", url)
    if lost := [name for name in names if not os.environ.get(name)]:
        raise SourceError(f"{url} needs {', '.join(lost)}, which the environment does not have: export it")
    values = {name: os.environ[name] for name in names}
    parts = {part for value in (*values.values(), url) for part in (value, urlsplit(value).password) if part}
    return re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], url), sorted(
        parts - {url}, key=len, reverse=True
    )


def _readable(url: str) -> str:
    """The address, of a file that must be there and is not written to."""
    scheme, _, place = url.partition("://")
    if scheme in FILE_DATABASES and not Path(place).is_file():
        raise SourceError(f"there is no file {place}")
    return f"{url}?read_only=True" if scheme == "duckdb" else url


def _declared(of: "Files | Query", frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """The columns of a frame as they are declared. Raises SourceError for values that are of another kind."""
    made = {}
    for name, kind in of.columns.items():
        try:
            dates, form = of.dates.get(name, "ISO8601"), of.forms.get(name, "")
            made[name] = typed(kind, frame[name], decimal=of.decimal, dates=dates, zone=of.zone, form=form)
        except (ValueError, TypeError, OverflowError) as error:
            raise SourceError(f"column {name} of {where} is not all {kind}: {error}") from None
    return pd.DataFrame(made)


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
        return _texts(values)
    if kind == "flag":
        return _flags(values)
    numbers = _numbers(_digits(values, form) if form else values, decimal)
    if kind == "number":
        return numbers
    if numbers.isna().any() or (numbers % 1 != 0).any():
        raise ValueError("it holds a number that is missing or not whole")
    return numbers.astype("int64")


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
    found = texts.str.extract(rf"^([+-]?){before}([+-]?)({whole}){broken}{behind}$")
    if (odd := texts[found[2].isna() & texts.notna()]).size:
        raise ValueError(f"{odd.iloc[0]!r} is not written as {form!r}")
    digits = found[2].str.replace(r"\D", "", regex=True) + "." + found[3].fillna("")
    return found[0].fillna("") + found[1].fillna("") + digits


def _numbers(values: pd.Series, decimal: str) -> pd.Series:
    if not _is_text(values):
        return values.astype("float64")
    texts = _plain(values)
    if decimal != ".":
        texts = texts.str.replace(decimal, ".", regex=False)
    found = pd.to_numeric(texts, errors="raise").astype("float64")
    if np.isinf(found).any():
        raise ValueError("it holds an infinite number")
    return found


def _texts(values: pd.Series) -> pd.Series:
    if pd.api.types.is_float_dtype(values.dtype):  # codes that a writer kept as 7.0
        whole = values.dropna()
        if (whole % 1 == 0).all():
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
        counts = _numbers(values, ".") * MICROSECONDS[dates.removesuffix(SINCE_1970)]
        found = pd.to_datetime(counts.round().astype("Int64"), unit="us", utc=True)
    elif dates == QUARTERS:
        starts = _plain(values).str.replace(r"^(\d{4})\W?Q([1-4])$", r"\1-\2", regex=True)
        months = starts.map(lambda at: f"{at[:5]}{3 * int(at[5:]) - 2}", na_action="ignore")
        found = _at_home(pd.to_datetime(months, format="%Y-%m"), zone)
    elif isinstance(values.dtype, pd.DatetimeTZDtype):
        found = values.dt.tz_convert("UTC")
    elif pd.api.types.is_datetime64_dtype(values.dtype):
        found = _at_home(values, zone)
    else:
        texts = _plain(values)
        zoned = dates == "ISO8601" and texts.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", regex=True).any()
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


@dataclass(frozen=True)
class Beside:
    """A table beside the requests, in the order of its key: what views and rules look up.

    A row is known so long `after` its `time`; one without a time always was. A window also holds what came so
    long `before` it.
    """

    table: str
    files: "Rows"
    key: Sequence[str]
    time: str | None = None
    after: pd.Timedelta = NOTHING
    before: pd.Timedelta = NOTHING

    def read(self, since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp) -> pd.DataFrame:
        """The rows of [since, until) UTC that were known at `as_of`."""
        rows = _read(self.files, since - self.before, until)
        if self.time:
            at = rows[self.time]
            rows = rows[(at >= since - self.before) & (at < until) & (at + self.after <= as_of)]
        return rows.sort_values([*self.key], ignore_index=True)


@dataclass(frozen=True)
class Requests:
    """A table whose rows are requests: when each was decided, and when its label became known.

    Its `files`, a query or a function give them. A row is decided at its `time`, or so long before it as
    `lead` says: then a caller sends that time. Without the column, rows are spread over a hundred days from
    2000 on by the hash of their key: windows then draw rows at random, always the same ones, and nothing can
    be said of time. Rows that are alike, as those of one person, then lie in several windows, unless `group`
    names the columns whose hash is taken instead. The column `known` says when the label became known;
    without it that is so long `after` the decision. `positive` is the text of a label that is 1, or a
    function that tells which labels are; of several `classes`, a label is the place of its text. `outcome`
    names what comes with the label, and `weight` a column that says how much a row counts: no request holds
    them. `beside` are tables beside it.
    """

    table: str
    files: "Rows"
    key: Sequence[str]
    label: str
    after: pd.Timedelta = AT_ONCE
    positive: str | Callable[[pd.Series], pd.Series] | None = None
    classes: Sequence[str] = ()
    group: Sequence[str] = ()
    weight: str | None = None
    time: str = DECIDED_AT
    lead: pd.Timedelta = NOTHING
    known: str = KNOWN_AT
    outcome: Sequence[str] = ()
    beside: Sequence[Beside] = ()

    def tables(
        self, since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp
    ) -> dict[str, pd.DataFrame]:
        """The rows decided in [since, until) UTC, with what was known of their labels at `as_of`."""
        rows = _read(self.files, since, until)
        if self.time not in rows:
            rows[self.time] = spread(rows[list(self.group or self.key)])
        decided = self._decided(rows)
        if self.known not in rows:
            rows[self.known] = (decided + self.after).astype(MOMENTS)
        rows = rows[(decided >= since) & (decided < until) & (decided <= as_of)]
        unknown = rows[self.label].isna() | ~(rows[self.known] <= as_of)
        rows = rows.assign(**{name: rows[name].mask(unknown) for name in self._later})
        rows = rows.sort_values([self.time, *self.key], ignore_index=True)
        return {self.table: rows, **{one.table: one.read(since, until, as_of) for one in self.beside}}

    def requests(self, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """One row per request: what a caller knows, and when the decision is due (UTC)."""
        return self._sent(tables[self.table])

    def of_file(self, path: Path) -> pd.DataFrame:
        """The requests of a file, or a folder of parts, written as `files` are; labels need not be there.

        Raises SourceError for what is written otherwise.
        """
        place = f"{escape(str(path))}{'/*' if path.is_dir() else ''}"
        rows = replace(self.unlabelled, pattern=place).read()
        if self.time not in rows:
            rows[self.time] = spread(rows[list(self.group or self.key)])
        return self._sent(rows)

    @property
    def unlabelled(self) -> Files:
        """The files without what comes with the label. Raises SourceError where rows are in none."""
        if not isinstance(self.files, Files):
            raise SourceError(f"rows of {self.table} are read from no file")
        kept = {name: kind for name, kind in self.files.columns.items() if name not in self._not_sent}
        return replace(self.files, columns=kept)

    def _sent(self, rows: pd.DataFrame) -> pd.DataFrame:
        """What a caller sends, and when it is decided."""
        sent = rows.drop(columns=self._not_sent, errors="ignore")
        if not self.lead:
            return sent.rename(columns={self.time: DECIDED_AT})
        return sent.assign(**{DECIDED_AT: self._decided(rows)})

    def _decided(self, rows: pd.DataFrame) -> pd.Series:
        return (rows[self.time] - self.lead).astype(MOMENTS)

    def labels(self, tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> pd.DataFrame:
        """A row per request whose label was known at `as_of`: key, label, label_known_at (UTC), weight."""
        rows = tables[self.table]
        rows = rows[rows[self.known] <= as_of]
        label: Any = rows[self.label]
        if callable(self.positive):
            label = self.positive(label).astype("int64")
        elif self.positive is not None:
            label = (label == self.positive).astype("int64")
        elif self.classes:
            label = pd.Categorical(label, list(self.classes)).codes.astype("int64")
        found = rows[[*self.key]].assign(label=label, **{KNOWN_AT: rows[self.known]})
        return found.assign(**{ROW_WEIGHT: rows[self.weight]}) if self.weight else found

    @property
    def _later(self) -> list[str]:
        """What is missing until the label is known."""
        return [self.label, *self.outcome, self.known]

    @property
    def _not_sent(self) -> list[str]:
        return [*self._later, *([self.weight] if self.weight else [])]


Rows = Files | Query | Callable[[], pd.DataFrame]


def _read(rows: Rows, since: pd.Timestamp, until: pd.Timestamp) -> pd.DataFrame:
    """All rows there are; of a database, those of about [since, until)."""
    if isinstance(rows, Query):
        return rows.read(since, until)
    return rows.read() if isinstance(rows, Files) else rows()


def spread(keys: pd.DataFrame) -> pd.Series:
    """An instant for each key, by its hash (UTC)."""
    numbers = pd.util.hash_pandas_object(keys, index=False).to_numpy()
    minutes = pd.Series(numbers % np.uint64(PARTS * 24 * 60), index=keys.index).astype("int64")
    spread: pd.Series = EPOCH + pd.to_timedelta(minutes, unit="min")
    return spread.astype(MOMENTS)
