"""Rows as they are stored: in CSV or Parquet files, or in a table of a database, with what each column is."""

import csv
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from loop.kit.column_values import Kind, texts, typed
from loop.kit.types import DECIDED_AT

PARQUET = (".parquet", ".pq")
LAKES = {"_delta_log": "Delta Lake", ".hoodie": "Hudi"}  # logs that say which files beside them count
DAYS = pd.Timedelta(days=2)  # that an unknown clock may be off
FILE_DATABASES = ("duckdb", "sqlite")


class SourceError(ValueError):
    """Rows that cannot be read as they are declared; the text says what was found."""

    expected = "rows as src/problem/source.py declares them"
    todo = "fix the rows, or what is declared there"


class UnreadableError(SourceError):
    """A file that is none of its kind, or none at all."""


class LostColumnsError(SourceError):
    """A file without columns that it is declared to have."""


@dataclass(frozen=True)
class Files:
    """CSV or Parquet files at a path or pattern from the repository's root, one below the other.

    `columns` gives the kind of each column by its name here, `names` its name in the files where it differs.
    `row` names a column that is the number of the row. The rest says how texts are read: `dates` gives the
    format of each column that is not ISO 8601 (of strptime, "quarters" as 2024Q1, "weeks" as 2024-W05,
    "seconds since 1970", or "days of a spreadsheet"),
    `zone` where times without one are at home, `forms` how numbers of a column are written that are more
    than digits, such as "$#,###.#" or "# %". `joined` names columns of the files whose texts, with blanks
    between, are one here, as year, month and day. `in_parts` reads one file after the other, each by itself:
    rows that take more memory than there is, of which it then holds one file at a time.
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
    in_parts: bool = False

    def read(self) -> pd.DataFrame:
        """All rows: float64, int64, str, bool and datetime64[us, UTC]. Raises SourceError."""
        whole = pd.concat([self._one(path) for path in self._paths()], ignore_index=True)
        return self._numbered(whole, 0, self.pattern)

    def parts(self) -> Iterator[pd.DataFrame]:
        """The rows of each file, as `read` gives those of all. Raises SourceError."""
        rows = 0
        for path in self._paths():
            part = self._numbered(self._one(path), rows, str(path))
            part.index += rows
            rows += len(part)
            yield part

    def _numbered(self, rows: pd.DataFrame, before: int, where: str) -> pd.DataFrame:
        """The columns as they are declared; `before` are the rows of earlier files."""
        if self.row:
            rows[self.row] = np.arange(before, before + len(rows))
        return _declared(self, rows, where)

    def _paths(self) -> list[Path]:
        paths = sorted(path for path in map(Path, glob(self.pattern)) if path.name[0] not in "._")
        if not paths:
            raise SourceError(f"there is no file at {self.pattern}")
        paths = with_bytes(paths)
        for folder in {path.parent for path in paths}:
            if whose := lake_of(folder):
                raise SourceError(
                    f"{folder} is a table of {whose}: rows that were replaced lie there too; "
                    "read it by a Query, or have it written into files"
                )
        return paths

    def _one(self, path: Path) -> pd.DataFrame:
        inside = self.inside
        try:
            frame = self._stored(path)
        except pd.errors.EmptyDataError:
            raise UnreadableError(f"{path} is empty") from None
        except (ValueError, TypeError, LookupError, OSError, csv.Error) as error:
            raise UnreadableError(f"{path} cannot be read: {_gist(error)}") from None
        if lost := [name for name in self.needed if name not in frame]:
            raise LostColumnsError(
                f"{path} has no column {', '.join(lost)}; it has {', '.join(frame.columns)}"
            )
        made = {name: joined(frame, of) for name, of in self.joined.items() if name in self.columns}
        return frame[list(inside)].rename(columns=inside).assign(**made)

    def _stored(self, path: Path) -> pd.DataFrame:
        """All columns of a file, as it has them. Raises ValueError where a name or a value has two places."""
        if path.suffix.lower() in PARQUET:
            frame = pd.read_parquet(path)
            frame = frame.reset_index() if frame.index.name else frame
            names = [str(name).strip() for name in frame.columns]
        else:
            names, frame = csv_rows(path, self.delimiter, self.encoding)
        if twice := [name for name in self.needed if names.count(name) > 1]:
            raise ValueError(f"it has more than one column {', '.join(twice)}")
        return frame.set_axis(names, axis="columns")

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


def csv_rows(path: Path, delimiter: str, encoding: str) -> tuple[list[str], pd.DataFrame]:
    """The names of a CSV's columns as its first line has them, and its rows as texts.

    Signs behind the last value of each row, as some programs write them, make no column, and rows without any
    value are none.
    Raises ValueError where rows have more values than there are names, EmptyDataError where there is nothing.
    """
    with path.open(encoding=encoding, newline="") as stream:
        lines = filter(None, csv.reader(stream, delimiter=delimiter))
        names, first = [name.strip() for name in next(lines, [])], next(lines, [])
    if not names:
        raise pd.errors.EmptyDataError(f"{path} is empty")
    more = "its rows have more values than the header has names"
    if longer := len(first) == len(names) + 1 and bool(names[-1]):
        names.append("")
    places = range(len(names))
    frame = pd.read_csv(
        path, sep=delimiter, encoding=encoding, header=0, names=places, dtype="str", keep_default_na=False
    )
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError(more)
    while len(names) > 1 and not names[-1]:
        if (frame.iloc[:, -1].fillna("").str.strip() != "").any():
            raise ValueError(more if longer else f"column {len(names)} has values and no name")
        names, frame = names[:-1], frame.iloc[:, :-1]
    silent = frame.iloc[:, 0].fillna("") == ""
    if silent.any():
        silent[silent] = (frame[silent].fillna("") == "").all(axis=1)
        frame = frame[~silent].reset_index(drop=True)
    return names, frame


def joined(frame: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """The texts of some columns with a blank between; missing where one of them is."""
    first, *rest = (texts(frame[name]) for name in columns)
    for one in rest:
        first = first + " " + one
    return first


def lake_of(folder: Path) -> str | None:
    """Whose table a folder is, if a log in it says which of its files count."""
    return next((LAKES[log] for log in LAKES if (folder / log).is_dir()), None)


def with_bytes(parts: Sequence[Path]) -> list[Path]:
    """Without texts of no byte, as Spark leaves for a partition without rows; all where each is one.

    A Parquet file of no byte was cut short: even without rows it has columns.
    """
    found = [one for one in parts if one.suffix.lower() in PARQUET or one.is_dir() or one.stat().st_size]
    return found or list(parts)


def other_text(beginning: str) -> str | None:
    """What a text named as a CSV is instead, by its first signs: a page, or JSON. None for a CSV."""
    first = "".join(beginning.removeprefix("\ufeff").split())[:2]
    if first.startswith("<"):
        return "a page of HTML or XML, as a server answers that refuses a download"
    return "JSON" if first.startswith("{") or first in ("[{", "[[") else None


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
            said = _gist(error)
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


def _gist(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _declared(of: "Files | Query", frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """The columns of a frame as they are declared. Raises SourceError for values that are of another kind."""
    made = {}
    for name, kind in of.columns.items():
        try:
            dates, form = of.dates.get(name, "ISO8601"), of.forms.get(name, "")
            made[name] = typed(kind, frame[name], decimal=of.decimal, dates=dates, zone=of.zone, form=form)
        except (ValueError, TypeError, OverflowError, LookupError, NotImplementedError) as error:
            raise SourceError(f"column {name} of {where} is not all {kind}: {error}") from None
    return pd.DataFrame(made)
