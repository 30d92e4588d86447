"""Reads the file that a problem begins with, in whatever way it is written, and says how that is.

Nothing is decided here of what a column means: values stay texts where the file has texts.
"""

import codecs
import csv
import keyword
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from loop.base.errors import LoopError, first_line
from loop.kit.column_values import MISSING
from loop.kit.stored_rows import PARQUET, Query, csv_rows, other_text, with_bytes

CSV = (".csv", ".tsv", ".txt")
SIGNS = (",", ";", "\t", "|")
COLUMNS_MAX = 500
HEAD = 2**16  # characters in which the sign between columns shows
ROW, UNNAMED = "row", "Unnamed: 0"  # the index that pandas and R write first, and what pandas calls it
VALUE = re.compile(r"[+-]?\d+(?:[.,]\d+)?")  # a number, where the name of a column should be
TOTAL = re.compile(r"(grand )?total|(gesamt)?summe|gesamt|insgesamt|totale|suma|sum", re.IGNORECASE)
TAKEN = {  # names of columns that the machinery puts beside a problem's, and of a method's first argument
    ROW, "decided_at", "label", "label_known_at", "score", "scores", "decision", "model_version",
    "request_id", "cluster", "code", "part", "why", "of", "self",
}  # fmt: skip


@dataclass(frozen=True)
class DataFile:
    """The rows of a file or of a folder of parts, and how they are written.

    `frame` has the names that code can use; `names` gives, for those that differ, the name in the file.
    """

    path: Path
    frame: pd.DataFrame
    names: dict[str, str]
    delimiter: str = ","
    encoding: str = "utf-8-sig"
    texts: bool = True  # a CSV, whose values are all texts
    query: Query | None = None  # of a database; then there is no file
    joined: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # columns made of several of the file
    dates: str = ""  # how a time among them is written


def read(path: Path) -> DataFile:
    """The file's rows. Raises LoopError for what cannot be one, with the way out."""
    parts = _parts(path)
    kinds = {part.suffix.lower() in PARQUET for part in parts}
    if len(kinds) > 1:
        raise LoopError(f"{path} holds CSV and Parquet", "parts of one kind", "name a folder of one kind")
    try:
        found = _parquet(path, parts) if kinds == {True} else _csv(path, parts)
    except (OSError, pa.ArrowException, pd.errors.ParserError, csv.Error) as error:
        expected = "a whole file of CSV or Parquet"
        raise LoopError(f"{path} cannot be read: {first_line(error, 200)}", expected, "look at it") from None
    if found.frame.empty:
        raise LoopError(f"{path} holds no row", "rows, one per request", "look at the file")
    return found


def _parts(path: Path) -> list[Path]:
    if not path.exists():
        raise LoopError(f"{path} is missing", "a CSV, a Parquet file, or a folder of them", "fix the path")
    inside = sorted(one for one in path.iterdir() if one.name[0] not in "._") if path.is_dir() else [path]
    if not inside or any(one.suffix.lower() not in (*CSV, *PARQUET) for one in inside):
        odd = next((one.name for one in inside if one.suffix.lower() not in (*CSV, *PARQUET)), "nothing")
        raise LoopError(
            f"{path} holds {odd}" if path.is_dir() else f"{path} is neither CSV nor Parquet",
            f"files named {', '.join((*CSV, *PARQUET))}",
            "name the file by what it is; of a spreadsheet save the sheet as CSV",
        )
    return with_bytes(inside)


def _parquet(path: Path, parts: list[Path]) -> DataFile:
    frames = [_part(part) for part in parts]
    first = list(frames[0].columns)
    if "" in first:
        raise LoopError(f"{path}: column {first.index('') + 1} has no name", "a name for each", "add it")
    names = named(path, first)
    for part, frame in zip(parts, frames, strict=True):
        _alike(part, list(frame.columns), first)
    whole = pd.concat(frames, ignore_index=True)
    whole.columns = pd.Index(list(names))
    return DataFile(path, whole, _renamed(names), texts=False)


def _part(path: Path) -> pd.DataFrame:
    """One Parquet file, with an index that has a name as a column. Raises LoopError for another index."""
    named(path, pq.read_schema(path).names)  # names that are there twice cannot be read
    frame = pd.read_parquet(path)
    index = frame.index
    if index.nlevels > 1 or index.name in frame or not (index.name or index.inferred_type == "integer"):
        raise LoopError(
            f"{path} has an index that is no column of one name ({', '.join(map(str, index.names))})",
            "columns alone",
            "in pandas, write it again after `frame.reset_index()`",
        )
    frame = frame.reset_index() if index.name else frame
    return frame.rename(columns=lambda name: str(name).strip())


def _csv(path: Path, parts: list[Path]) -> DataFile:
    encoding = _encoding(parts[0])
    sign = _sign(parts[0], encoding)
    first = _header(parts[0], encoding, sign)
    if not first:
        raise LoopError(f"{parts[0]} holds no row", "rows, one per request", "look at the file")
    if other := other_text(sign.join(first)):
        raise LoopError(f"{parts[0]} is {other}", "a CSV", "save it as CSV, or fetch it again")
    if above := _above(parts[0], encoding, first):
        raise LoopError(
            f"{parts[0]} has lines above the names of its columns: {above}",
            "the names of the columns in its first line",
            "delete the lines above them",
        )
    values = [name for name in first if VALUE.fullmatch(name)]
    if 2 * len(values) >= len(first) and values and _of_rows(values):
        raise LoopError(
            f"the first line of {parts[0]} holds values ({', '.join(first[:5])})",
            "the names of the columns in it",
            "write a line of names above",
        )
    if len(first) == 1 and len(first[0].split()) > 1:
        raise LoopError(
            f"{parts[0]} has one column alone: {first[0]}",
            "commas, semicolons, tabs or bars between columns",
            "save it so, or rename the column if it is one",
        )
    try:
        read = [csv_rows(part, sign, encoding) for part in parts]
    except ValueError as error:
        raise csv.Error(first_line(error)) from None
    for part, (header, _) in zip(parts, read, strict=True):
        _alike(part, header, read[0][0])
    names, frames = named(path, read[0][0]), [frame for _, frame in read]
    whole = pd.concat(frames, ignore_index=True)
    whole.columns = pd.Index(list(names))
    whole = whole.apply(lambda values: values.str.strip())
    if below := _below(whole):
        raise LoopError(
            f"the last line of {parts[-1]} is no row: {below}", "rows alone, one per request", "delete it"
        )
    return DataFile(path, whole.mask(whole.isin(MISSING)), _renamed(names), sign, encoding)


def _of_rows(numbers: Sequence[str]) -> bool:
    """Whether these are values, and not the numbers or years that columns may be called by."""
    if not all(number.isdecimal() for number in numbers):
        return True
    first = int(numbers[0])
    return list(map(int, numbers)) != list(range(first, first + len(numbers)))


def _above(path: Path, encoding: str, first: Sequence[str]) -> str:
    """The first line, where it is a title or tells a program how to read what follows; else nothing."""
    with path.open(encoding=encoding, newline="") as stream:
        lines = [line.strip() for _, line in zip(range(10), stream, strict=False)]
    alone = [name for name in first if name]
    told = lines[0].lower().startswith("sep=") or (lines[0].startswith("#") and len(alone) == 1)
    if len(alone) > 1 and not told:
        return ""
    signs = max(lines[-1].count(sign) for sign in SIGNS)
    return alone[0] if told or (signs and (len(first) > 2 or len(alone[0].split()) > 1)) else ""


def _below(frame: pd.DataFrame) -> str:
    """What the last line says, where it is a sum or a remark; nothing where it is a row like others."""
    if len(frame) < 3 or len(frame.columns) < 3:
        return ""
    last = frame.iloc[-1].fillna("")
    said = [str(value) for value in last if value]
    word: str = next((value for value in said if TOTAL.fullmatch(value.rstrip(":"))), "")
    if word and not frame.iloc[:-1].isin([word]).any(axis=None):
        return word
    if len(said) == 1 and re.search(r"[^\W\d_]{3}.*\s", said[0]) and said[0] == last.iloc[0]:
        return said[0]
    numbers = frame.apply(pd.to_numeric, errors="coerce")
    sums = numbers.iloc[:-1].sum()
    whole = frame.columns[(frame.iloc[:-1].fillna("") != "").all()]
    found = [
        str(name)
        for name in frame.columns
        if numbers[name].notna().sum() > 2
        and abs(numbers[name].iloc[-1] - sums[name]) <= 1e-4 * abs(sums[name]) != 0
    ]
    return f"{found[0]} is the sum of all others" if found and (last[whole] == "").any() else ""


def _encoding(path: Path) -> str:
    raw = path.read_bytes()
    if raw.startswith((b"\x1f\x8b", b"PK\x03\x04")):
        todo = "unpack it first; of a spreadsheet save the sheet as CSV"
        raise LoopError(f"{path} is packed, by gzip or as a spreadsheet is", "a CSV", todo)
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    if b"\0" in raw[:HEAD]:
        raise LoopError(f"{path} is not a text", "a CSV", "name the file by what it is")
    return "utf-8-sig"


def _sign(path: Path, encoding: str) -> str:
    """What stands between columns: of the signs that cut each line alike, the one that cuts most."""
    with path.open(encoding=encoding, newline="") as stream:
        lines = stream.read(HEAD).splitlines(keepends=True)[:100]
    best, most = ",", 1
    for sign in SIGNS:
        widths = [len(row) for row in csv.reader(lines, delimiter=sign) if row]
        if widths and widths[0] > most and widths.count(widths[0]) >= 0.9 * len(widths):
            best, most = sign, widths[0]
    return best


def _header(path: Path, encoding: str, sign: str) -> list[str]:
    with path.open(encoding=encoding, newline="") as stream:
        return [name.strip() for name in next(csv.reader(stream, delimiter=sign), [])]


def _alike(part: Path, names: list[str], wanted: list[str]) -> None:
    if names != wanted:
        odd = ", ".join(sorted(set(names) ^ set(wanted))[:5]) or "the same names in another order"
        raise LoopError(
            f"{part} has other columns than the first part: {odd}",
            "the same columns in the same order",
            "write a column that came later into each part, empty where it was not there, or drop it",
        )


def named(path: Path, header: Sequence[str]) -> dict[str, str]:
    """The file's columns by a name that code can use. Raises LoopError for what names none."""
    names = list(header)
    if len(names) > COLUMNS_MAX:
        raise LoopError(
            f"{path} has {len(names):,} columns", f"at most {COLUMNS_MAX}", "keep those that may matter"
        )
    found: dict[str, str] = {}
    if names and not names[0]:
        found[ROW], names = UNNAMED, names[1:]
    if empty := [str(at) for at, name in enumerate(header, 1) if at > 1 and not name]:
        raise LoopError(f"{path}: column {', '.join(empty)} has no name", "a name for each column", "add it")
    for name in names:
        plain = in_code(name)
        if plain in found:
            twice = f"`{found[plain]}` and `{name}`" if found[plain] != name else f"`{name}` twice"
            raise LoopError(f"{path} has the columns {twice}", "each column once", "rename or drop one")
        found[plain] = name
    return found


def in_code(name: str) -> str:
    """The name of a column in code, from that in a file."""
    normal = unicodedata.normalize("NFKC", name)  # as Python reads names: m² is m2
    plain = re.sub(r"\W+", "_", normal).strip("_").lower()
    plain = "".join(sign if f"_{sign}".isidentifier() else "_" for sign in plain).strip("_") or "column"
    plain = plain if plain.isidentifier() else f"column_{plain}"
    return f"{plain}_" if keyword.iskeyword(plain) or plain in TAKEN else plain


def _renamed(names: dict[str, str]) -> dict[str, str]:
    return {plain: name for plain, name in names.items() if plain != name}
