"""How much of a person a file holds, and the file without: tables, databases, archives, and plain bytes."""

import csv
import io
import json
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from loop.base.files import replacing
from loop.data.columns import Array
from loop.forget import cells, packed
from loop.forget import person as persons
from loop.forget.person import Person
from problem import source

PARQUET = b"PAR1"
DELIMITERS = ",;\t|"
TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)


def rows(path: Path, who: Person) -> int:
    """How many rows, or other places, of a file are theirs."""
    with path.open("rb") as stream:
        start = stream.read(16)
    if start.startswith(cells.SQLITE):
        with suppress(sqlite3.DatabaseError):  # it is cut short, or none
            return sum(count for _, _, count in cells.holding(path, who))
    return within(path.read_bytes(), who)


def within(content: bytes, who: Person) -> int:
    """The same of bytes; what cannot be unpacked is searched as it is."""
    try:
        if content.startswith(PARQUET):
            return int(theirs(pq.read_table(io.BytesIO(content)), who).sum())
        if content.startswith(packed.ZIP):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                return sum(within(archive.read(name), who) for name in archive.namelist())
    except packed.FAULTS:
        pass
    if (inside := packed.inside(content)) is not None:
        return within(inside, who)
    records = _records(content, who)
    return who.mention.count(content) if records is None else sum(mine for _, mine in records)


def theirs(table: pa.Table, who: Person) -> Array:
    """Which rows of a table are theirs, one that mentions them in any other column included."""
    wanted = {*who.values, *source.KEY}
    for declared in persons.files_of_source():
        wanted |= {declared.names.get(name, name) for name in wanted}
    names = [name for name in table.column_names if name in wanted]
    found = who.of(persons.inside(table.select(names).to_pandas())) if names else np.zeros(len(table), bool)
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name not in _own(who):
            found = found | _mentioned(column, who)
    return found


def _own(who: Person) -> set[str]:
    """Columns that name them, also as files call them: there a whole value tells, and a part does not."""
    declared = persons.files_of_source()
    return {*who.values, *(one.names.get(name, name) for one in declared for name in who.values)}


def _mentioned(column: pa.ChunkedArray, who: Person) -> Array:
    """Which values of a column mention them: texts, bytes, and those that hold others, by their JSON."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_nested(kind):
        texts = [json.dumps(one, ensure_ascii=False, default=str) for one in column.to_pylist()]
    elif any(test(kind) for test in TEXTS):
        texts = column.to_pandas()
    else:
        return np.zeros(len(column), bool)
    places, known = pd.factorize(pd.Series(texts, dtype="object"))
    found = [one if isinstance(one, bytes) else str(one).encode() for one in known]
    if not who.mention.count(b"\n".join(found)):
        return np.zeros(len(column), bool)
    mine = [bool(who.mention.count(one)) for one in found]
    return np.array([*mine, False])[places]  # the last is of what is missing


def keys(path: Path, who: Person) -> list[str]:
    """The keys of requests that a table tells of them; none of what is no table, or has no such columns."""
    frame = _rows_of(path.read_bytes(), who)
    if frame is None or not {*who.values, *source.KEY} <= set(frame):
        return []
    return persons.keys(frame[who.of(frame)])


def _rows_of(content: bytes, who: Person) -> pd.DataFrame | None:
    if (inside := packed.inside(content)) is not None:
        return _rows_of(inside, who)
    if content.startswith(PARQUET):
        return persons.inside(pq.read_table(io.BytesIO(content)).to_pandas())
    mine = [line for line, theirs in _records(content, who) or [] if theirs]
    return persons.inside(_frame(content, mine)) if mine else None


def erase(path: Path, who: Person) -> None:
    """Write a table of the source anew without their rows; all other bytes of a CSV stay as they are."""
    content = packed.edit(path.read_bytes(), partial(_without, who=who))
    with replacing(path) as draft:
        draft.write_bytes(content)


def _without(content: bytes, who: Person) -> bytes:
    if content.startswith(PARQUET):
        table, target = pq.read_table(io.BytesIO(content)), io.BytesIO()
        pq.write_table(table.filter(pa.array(~theirs(table, who))), target, compression="zstd")
        return target.getvalue()
    if (records := _records(content, who)) is None:
        return content
    head = content[: len(content) - sum(len(line) for line, _ in records)]
    return head + b"".join(line for line, mine in records if not mine)


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
    if any(start.startswith(magic) for magic in packed.PACKED):
        start = packed.inside(path.read_bytes()) or b""
    names = pq.read_schema(path).names if start.startswith(PARQUET) else (_dialect(start) or ("", "", []))[2]
    return list(map(str, persons.inside(pd.DataFrame(columns=names))))


def _frame(content: bytes, lines: list[bytes]) -> pd.DataFrame:
    encoding, delimiter, names = _dialect(content) or ("utf-8", ",", [])
    body = b"".join(lines).decode("utf-8" if encoding == "utf-8-sig" else encoding)
    return pd.DataFrame(list(csv.reader(io.StringIO(body, newline=""), delimiter=delimiter)), columns=names)


def _records(content: bytes, who: Person) -> list[tuple[bytes, bool]] | None:
    """Each record of a CSV as its bytes, and whether it is theirs; None where it lacks their columns."""
    found = _dialect(content)
    if found is None:
        return None
    encoding, delimiter, names = found
    known = set(persons.inside(pd.DataFrame(columns=names)))
    if not set(who.values) <= known and not set(source.KEY) <= known:
        return None
    raw = content.splitlines(keepends=True)[1:]
    used: list[bytes] = []

    def lines() -> Iterator[str]:
        for line in raw:
            used.append(line)
            yield line.decode("utf-8" if encoding == "utf-8-sig" else encoding, "replace")

    parsed, pieces = [], []
    try:
        for record in csv.reader(lines(), delimiter=delimiter):
            pieces.append(b"".join(used))
            used.clear()
            parsed.append((record + [""] * len(names))[: len(names)])
    except csv.Error:  # a field without end
        return None
    frame = persons.inside(pd.DataFrame(parsed, columns=names, dtype="str"))
    mine = who.of(frame)
    if who.mention.count(b"".join(piece for piece, found in zip(pieces, mine, strict=True) if not found)):
        for name in [name for name in names if name not in _own(who)]:
            mine = mine | _mentioned(pa.chunked_array([pa.array(frame[name], pa.string())]), who)
    return list(zip(pieces, mine.tolist(), strict=True))
