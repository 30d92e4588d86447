"""How much of a person a file holds, and the file without: tables, databases, archives, and plain bytes."""

import csv
import gzip
import io
import sqlite3
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from loop.base.files import replacing
from loop.data.columns import Array
from loop.forget import person as persons
from loop.forget.person import Person
from problem import source

PARQUET, SQLITE, ZIP, GZIP = b"PAR1", b"SQLite format 3\x00", b"PK\x03\x04", b"\x1f\x8b"
DELIMITERS = ",;\t|"
ERASED = "(erased)"


def rows(path: Path, who: Person) -> int:
    """How many rows, or other places, of a file are theirs."""
    with path.open("rb") as stream:
        start = stream.read(16)
    if start.startswith(SQLITE):
        return sum(count for _, _, count in cells(path, who))
    return within(path.read_bytes(), who)


def within(content: bytes, who: Person) -> int:
    """The same of bytes; what cannot be unpacked is searched as it is."""
    try:
        if content.startswith(PARQUET):
            return int(theirs(pq.read_table(io.BytesIO(content)), who).sum())
        if content.startswith(ZIP):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return sum(within(archive.read(name), who) for name in archive.namelist())
        if content.startswith(GZIP):
            return within(gzip.decompress(content), who)
    except (pa.ArrowException, zipfile.BadZipFile, OSError, EOFError, zlib.error):
        pass
    return max(sum(mine for _, mine in _records(content, who)), plainly(content, who))


def theirs(table: pa.Table, who: Person) -> Array:
    """Which rows of a table are theirs, a text that names them in any other column included."""
    wanted = {*who.values, *source.KEY}
    for declared in persons.files_of_source():
        wanted |= {declared.names.get(name, name) for name in wanted}
    names = [name for name in table.column_names if name in wanted]
    found = who.of(persons.inside(table.select(names).to_pandas())) if names else np.zeros(len(table), bool)
    for column in table.columns:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            for text in _texts(who):
                found = found | pc.match_substring(column.cast(kind), text).fill_null(False).to_numpy()
    return found


def keys(path: Path, who: Person) -> list[str]:
    """The keys of requests that a table tells of them; none of what is no table, or has no such columns."""
    content = path.read_bytes()
    if content.startswith(PARQUET):
        frame = persons.inside(pq.read_table(io.BytesIO(content)).to_pandas())
    elif lines := list(_records(content, who)):
        frame = persons.inside(_frame(content, [line for line, mine in lines if mine]))
    else:
        return []
    if not {*who.values, *source.KEY} <= set(frame):
        return []
    return persons.keys(frame[who.of(frame)])


def erase(path: Path, who: Person) -> None:
    """Write a table of the source anew without their rows; all other bytes of a CSV stay as they are."""
    content = path.read_bytes()
    with replacing(path) as draft:
        if content.startswith(PARQUET):
            table = pq.read_table(io.BytesIO(content))
            pq.write_table(table.filter(pa.array(~theirs(table, who))), draft, compression="zstd")
        else:
            kept = [line for line, mine in _records(content, who) if not mine]
            head = content[: len(content) - sum(len(line) for line, _ in _records(content, who))]
            draft.write_bytes(head + b"".join(kept))


def cells(path: Path, who: Person) -> Iterator[tuple[str, str, int]]:
    """Table, column and how many cells of a SQLite file hold what names them."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for column in [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]:
                asked = f'SELECT count(*) FROM "{table}" WHERE instr("{column}", ?)'  # noqa: S608 - names of its own
                count = sum(database.execute(asked, (text,)).fetchone()[0] for text in _texts(who))
                if count:
                    yield table, column, count


def clean(path: Path, who: Person) -> None:
    """Put another text in place of what names them in a SQLite file, and give back the pages it lay in."""
    found = list(cells(path, who))
    with closing(sqlite3.connect(path)) as database:
        for table, column, _ in found:
            change = f'UPDATE "{table}" SET "{column}" = replace("{column}", ?, ?) WHERE instr("{column}", ?)'  # noqa: S608
            for text in _texts(who):
                database.execute(change, (text, ERASED, text))
        database.commit()
        database.execute("VACUUM")


def _texts(who: Person) -> list[str]:
    return [needle.decode() for needle in who.needles() if _is_text(needle)]


def _is_text(needle: bytes) -> bool:
    try:
        return "\x00" not in needle.decode()
    except UnicodeDecodeError:
        return False


def plainly(content: bytes, who: Person) -> int:
    """How often what names them stands in bytes as they are."""
    return sum(content.count(needle) for needle in who.needles())


def _dialect(content: bytes) -> tuple[str, str, list[str]] | None:
    """Encoding, delimiter and names of a CSV; None for other bytes."""
    first = content[:65536].split(b"\n", 1)[0]
    declared = list(persons.files_of_source())
    for encoding in dict.fromkeys([*(one.encoding for one in declared), "utf-8-sig", "latin-1"]):
        try:
            line = first.decode(encoding).strip()
        except UnicodeDecodeError:
            continue
        if not line.replace("\t", "").isprintable():  # a lone carriage return would end the reader, too
            return None
        for delimiter in dict.fromkeys([*(one.delimiter for one in declared), *DELIMITERS]):
            names = next(csv.reader([line], delimiter=delimiter), [])
            if len(names) > 1:
                return encoding, delimiter, [name.strip() for name in names]
    return None


def header(path: Path) -> list[str]:
    """The columns of a table, by its own names and by those of the problem; none of what is no table."""
    with path.open("rb") as stream:
        start = stream.read(65536)
    names = pq.read_schema(path).names if start.startswith(PARQUET) else (_dialect(start) or ("", "", []))[2]
    return list(map(str, persons.inside(pd.DataFrame(columns=names))))


def _frame(content: bytes, lines: list[bytes]) -> pd.DataFrame:
    encoding, delimiter, names = _dialect(content) or ("utf-8", ",", [])
    body = b"".join(lines).decode("utf-8" if encoding == "utf-8-sig" else encoding)
    return pd.DataFrame(list(csv.reader(io.StringIO(body, newline=""), delimiter=delimiter)), columns=names)


def _records(content: bytes, who: Person) -> Iterator[tuple[bytes, bool]]:
    """Each record of a CSV as its bytes, and whether it is theirs; nothing where it lacks their columns."""
    found = _dialect(content)
    if found is None:
        return
    encoding, delimiter, names = found
    known = set(persons.inside(pd.DataFrame(columns=names)))
    if not set(who.values) <= known and not set(source.KEY) <= known:
        return
    raw = content.splitlines(keepends=True)[1:]
    used: list[bytes] = []

    def lines() -> Iterator[str]:
        for line in raw:
            used.append(line)
            yield line.decode("utf-8" if encoding == "utf-8-sig" else encoding)

    parsed, pieces = [], []
    for record in csv.reader(lines(), delimiter=delimiter):
        pieces.append(b"".join(used))
        used.clear()
        parsed.append((record + [""] * len(names))[: len(names)])
    frame = persons.inside(pd.DataFrame(parsed, columns=names, dtype="str"))
    yield from zip(pieces, who.of(frame).tolist(), strict=True)
