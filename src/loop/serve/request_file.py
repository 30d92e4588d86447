"""A file of requests: CSV or Parquet, or a folder of such parts, read in batches.

What pandas wrote beside the values, such as an index or a local zone, decides nothing. What could mean two
things is refused with the way out: a column that is there twice, another encoding than UTF-8, a time without
a zone where `zone` does not say it, columns that something else separates than `delimiter`, or Excel's line
`sep=;` above the header, says.
"""

import codecs
import csv
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from zoneinfo import ZoneInfo

import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from loop.base.errors import LoopError, UsageError, first_line
from loop.base.warning import warn
from loop.data import columns as arrays
from loop.data import contract
from loop.data.columns import Columns
from loop.data.contract import Breach, ContractError, quoted
from loop.kit.stored_rows import lake_of, other_text, with_bytes
from loop.serve import file_values
from loop.settings import time_zone

ROWS, BLOCK = 2**16, 2**23  # of one batch: rows of Parquet, bytes of a CSV
LARGEST = 2**27  # bytes of a batch's values: a text that a Parquet file holds once may be that of each row
KINDS = (".parquet", ".csv")
TAB = "\t"
SEPARATORS = (",", ";", TAB, "|")
PACKED = (  # how gzip, zip and so a spreadsheet, zstd, xz and bzip2 begin
    *(b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh"),
)
PARQUETS = b"PAR1"
PACKS = (".gz", ".bz2", ".xz", ".zst", ".zip", ".xls", ".xlsx", ".ods")
UNPACK = "unpack it first; of a spreadsheet save the sheet as CSV"
EXCELS = re.compile(rb'(?:\xef\xbb\xbf)?"?sep=([!#-~\t ])"?\r?\n', re.IGNORECASE)  # a line above the header
WIDE = {  # by the mark that a file begins with, the longer ones first
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
TEXTS = (pa.string(), pa.large_string(), pa.string_view())
BYTES = (pa.binary(), pa.large_binary(), pa.binary_view())
HEAD = 2**16  # bytes of a CSV in which its encoding shows


@dataclass(frozen=True)
class Part:
    """One file: its columns, and what reads them. `groups` are the rows of each row group of Parquet.

    Of a CSV there are none: only reading it tells how many rows it has.
    """

    path: Path
    names: list[str]
    groups: list[int]
    texts: bool  # all its values are texts, as a CSV's are
    batches: Callable[[list[str], list[int] | None], Iterator[pa.Table]]


@dataclass(frozen=True)
class RequestFile:
    """A file of requests, or the parts of one, and the zone of times that name none.

    Of a part's row groups those are read that `only` names; None for all.
    """

    path: Path
    parts: list[Part]
    zone: ZoneInfo | None = None
    only: list[int] | None = None

    @property
    def rows(self) -> int | None:
        """How many there are; None where only reading them tells."""
        if any(part.texts for part in self.parts):
            return None
        return sum(sum(part.groups) for part in self.parts)

    def has(self, names: list[str]) -> bool:
        """Whether each part has all of these columns."""
        return all(set(names) <= set(part.names) for part in self.parts)

    def require(self, wanted: Iterable[str]) -> None:
        """Raise LoopError for a part that has not each of these columns once."""
        for part in self.parts:
            _each_once(part, list(wanted))

    def batches(
        self, wanted: dict[str, pandera.Column], rules: pandera.DataFrameSchema | None = None
    ) -> Iterator[Columns]:
        """These columns, batch by batch, whose values keep the rules.

        Raises LoopError for what lacks a column, ContractError for all that is wrong with a batch.
        """
        self.require(wanted)
        for part in self.parts:
            for table in part.batches(list(wanted), self.only):
                where = str(part.path)
                found, wrong = file_values.columns(table, wanted, where, texts=part.texts, zone=self.zone)
                if broken := [*wrong, *_broken(found, rules, {one.column for one in wrong}, where)]:
                    raise ContractError(broken, where)
                yield found


def _broken(
    found: Columns, rules: pandera.DataFrameSchema | None, wrong: set[str], where: str
) -> list[Breach]:
    """What breaks the rules, in columns whose values are none that is wrong by its type."""
    names = [name for name in rules.columns if name not in wrong] if rules else []
    if not names or rules is None:
        return []
    if wrong:  # a rule of whole rows may ask for those columns
        rules = pandera.DataFrameSchema({name: rules.columns[name] for name in names})
    return contract.check(arrays.to_frame({name: found[name] for name in names}), rules, where)


def read(path: Path, zone: str | None = None, delimiter: str | None = None) -> RequestFile:
    """The file, or a folder of parts as Spark writes it. Raises LoopError for what cannot be one."""
    home, sign = time_zone.of_option(zone) if zone else None, None if delimiter is None else _sign(delimiter)
    files = _files(path)
    kinds = {file.suffix.lower() for file in files}
    kind = files[0].suffix.lower()
    if kinds - {kind}:
        found = f"{path} holds files of several kinds: {', '.join(sorted(kinds))}"
        raise LoopError(found, "parts of one kind", "put those of another kind elsewhere")
    if kind not in KINDS:
        todo = "name the file by what it is" if kind not in PACKS else UNPACK
        raise LoopError(f"{path} is neither Parquet nor CSV", " or ".join(KINDS), todo)
    parts = []
    for file in files:
        try:
            parts.append(_parquet(file) if kind == ".parquet" else _csv(file, sign))
        except FileNotFoundError:
            raise LoopError(f"{file} is missing", "a file of requests", "fix the path") from None
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _unreadable(file, error) from None
    return RequestFile(path, parts, home)


def _sign(given: str) -> str:
    found = {"tab": TAB, r"\t": TAB}.get(given, given)
    if len(found) != 1 or not (found == TAB or " " <= found <= "~") or found == '"':
        expected = "one sign of ASCII that is no quotation mark, or tab"
        raise UsageError(
            f"--delimiter {given!r} cannot separate columns", expected, "such as --delimiter ';'"
        )
    return found


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        if path.exists() and not path.is_file():  # a pipe is read once, and may never be written
            raise LoopError(f"{path} is no regular file", "a file of requests", "write it to a file first")
        return [path]
    if whose := lake_of(path):
        raise LoopError(
            f"{path} is a table of {whose}: rows that were replaced lie there too",
            "a file of requests, or a folder of its parts",
            "have what reads such tables write it into a folder of Parquet",
        )
    found = sorted(one for one in path.iterdir() if not one.name.startswith(("_", ".")))
    if not found or any(one.is_dir() for one in found):
        holds = "a folder of folders" if found else "an empty folder"
        raise LoopError(f"{path} is {holds}", "a file of requests, or a folder of its parts", "name that")
    parts = with_bytes(found)
    for one in found:
        if one not in parts:
            warn(f"{one} has no byte, and so no request: if rows are missing, make it again")
    return parts


def _parquet(path: Path) -> Part:
    # Without pre_buffer it does not keep what it has read; nanoseconds would turn other centuries into ours.
    file = pq.ParquetFile(path, pre_buffer=False, coerce_int96_timestamp_unit="us")

    def batches(names: list[str], only: list[int] | None) -> Iterator[pa.Table]:
        left = sum(groups if only is None else [groups[at] for at in only])
        columns = [one for one in file.schema_arrow if one.name in names]
        _of_values(columns, left, path)
        texts = [one.name for one in columns if one.type in TEXTS]
        coded = pq.ParquetFile(
            path, pre_buffer=False, coerce_int96_timestamp_unit="us", read_dictionary=texts
        )
        try:
            for batch in coded.iter_batches(_rows(file.metadata), only, columns=names):
                batch.validate(full=True)  # texts of another encoding, for one
                left -= batch.num_rows
                for part in _bounded(batch, path):
                    yield pa.Table.from_batches([part]).select(names)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(path, error) from None
        if left:
            raise _contradiction(path, f"{left:,} of the rows that it says it has are not there")

    about = file.metadata
    groups = [about.row_group(at).num_rows for at in range(about.num_row_groups)]
    _of_one_length(about, path)
    return Part(path, file.schema_arrow.names, groups, False, batches)


def _of_one_length(about: pq.FileMetaData, path: Path) -> None:
    """Raise LoopError where a column has another number of values than its group has rows."""
    flat = [at for at in range(about.num_columns) if about.schema.column(at).max_repetition_level == 0]
    for number in range(about.num_row_groups):
        group = about.row_group(number)
        for at in flat:
            if (found := group.column(at).num_values) != group.num_rows:
                name = about.schema.column(at).path
                rows = (
                    f"row group {number} has {group.num_rows:,} rows, and {found:,} values of {quoted(name)}"
                )
                raise _contradiction(path, rows)


def _contradiction(path: Path, what: str) -> LoopError:
    return LoopError(f"{path} contradicts itself: {what}", "a value of each column a row", "make it again")


def _of_values(columns: list[pa.Field], rows: int, path: Path) -> None:
    """Raise ContractError for columns of lists, records or bytes, which no contract takes.

    They are not read at all: a row of them may unpack to any size.
    """
    kinds = [(one.type.value_type if pa.types.is_dictionary(one.type) else one.type) for one in columns]
    odd = [
        Breach(
            str(path),
            "a value a row",
            one.name,
            rows,
            (f"found {one.type}",),
            "write numbers, texts or times",
        )
        for one, kind in zip(columns, kinds, strict=True)
        if pa.types.is_nested(kind) or pa.types.is_fixed_size_binary(kind) or kind in BYTES
    ]
    if odd:
        raise ContractError(odd, str(path))


def _rows(about: pq.FileMetaData) -> int:
    """How many rows a batch may have, by the bytes that their groups say they take once unpacked."""
    groups = [about.row_group(at) for at in range(about.num_row_groups)]
    widest = max((one.total_byte_size / one.num_rows for one in groups if one.num_rows), default=0)
    return max(1, min(ROWS, int(LARGEST / max(widest, 1))))


def _bounded(batch: pa.RecordBatch, path: Path) -> Iterator[pa.RecordBatch]:
    """A batch in parts, none of which takes more than LARGEST once each row has its own texts."""
    coded = [one for one in batch.columns if pa.types.is_dictionary(one.type)]
    lengths = (pc.take(pc.binary_length(one.dictionary), one.indices) for one in coded)
    size = sum(pc.sum(one.cast(pa.int64())).as_py() or 0 for one in lengths)
    if size <= LARGEST:
        yield batch
    elif batch.num_rows == 1:
        found = f"{path} holds a row of {size:,} bytes"
        raise LoopError(found, f"at most {LARGEST:,}", "look at what writes the file")
    else:
        half = batch.num_rows // 2
        yield from _bounded(batch.slice(0, half), path)
        yield from _bounded(batch.slice(half), path)


def _csv(path: Path, delimiter: str | None) -> Part:
    head = _of_text(path)
    told = EXCELS.match(head)
    sign = delimiter or (told[1].decode() if told else ",")
    above = 1 if told else 0
    options = pa.csv.ParseOptions(delimiter=sign, newlines_in_values=True)
    header = head[told.end() if told else 0 :].decode("utf-8-sig", "ignore").strip("\r\n")
    if len(head) < HEAD and not re.search("[\r\n]", header):  # Arrow takes no header alone
        return Part(path, next(csv.reader([header], delimiter=sign)), [], True, lambda _, __: iter(()))
    with pa.csv.open_csv(path, pa.csv.ReadOptions(skip_rows=above), options) as reader:
        names = reader.schema.names

    def batches(wanted: list[str], only: list[int] | None) -> Iterator[pa.Table]:
        """The columns that are wanted, as texts, some rows at a time."""
        convert = pa.csv.ConvertOptions(
            include_columns=wanted,
            column_types=dict.fromkeys(wanted, pa.string()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        )
        try:
            for batch in pa.csv.open_csv(
                path, pa.csv.ReadOptions(block_size=BLOCK, skip_rows=above), options, convert
            ):
                yield pa.Table.from_batches([batch])
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(path, error) from None

    return Part(path, names, [], True, batches)


def _of_text(path: Path) -> bytes:
    """The beginning. Raises LoopError for another encoding than UTF-8, as far as that shows it."""
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    if head.startswith(PACKED):
        raise LoopError(f"{path} is packed, as by gzip or as a spreadsheet is", "a CSV in UTF-8", UNPACK)
    if head.startswith(PARQUETS):
        raise LoopError(f"{path} is Parquet", "a CSV in UTF-8", "name it .parquet")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError as error:
        if wide := next((name for mark, name in WIDE.items() if head.startswith(mark)), None):
            raise _not_utf8(f"{path} is {wide}", path, wide) from None
        found = f"not UTF-8: it holds the byte {error.object[error.start]:#04x}"
    else:
        if b"\0" not in head:
            return _of_columns(path, head)
        found = "no text: it holds zero bytes, as UTF-16 does"
    raise _not_utf8(f"{path} is {found}", path)


def _of_columns(path: Path, head: bytes) -> bytes:
    """The same beginning. Raises LoopError for that of a text without columns."""
    text = head.decode("utf-8-sig", "ignore")
    if not text.strip():
        raise LoopError(f"{path} is empty", "a header, and rows", "make it again")
    if other := other_text(text):
        raise LoopError(f"{path} is {other}", "a CSV", "look at it; save it as CSV, or fetch it again")
    return head


def _not_utf8(found: str, path: Path, wide: str = "") -> LoopError:
    todo = f"save it as UTF-8, or run `iconv -f {wide or 'ENCODING'} -t UTF-8 {shlex.quote(str(path))}`"
    todo += "" if wide else " with the encoding that it has"
    return LoopError(found, "a CSV in UTF-8", todo)


def _unreadable(path: Path, error: Exception) -> LoopError:
    found = f"{path} cannot be read: {first_line(error)}"
    if "UTF8" in found and path.suffix.lower() == ".parquet":
        return LoopError(found, "texts in UTF-8", "let what writes the file say which encoding they have")
    if "UTF8" in found:
        return _not_utf8(found, path)
    return LoopError(found, "a whole file; of a CSV a header, and rows of as many columns", "make it again")


def _each_once(part: Part, wanted: list[str]) -> None:
    if twice := [name for name in wanted if part.names.count(name) > 1]:
        raise LoopError(
            f"{part.path} has more than one column {', '.join(twice)}",
            "each column once",
            "drop or rename the others",
        )
    if absent := [name for name in wanted if name not in part.names]:
        raise LoopError(
            f"{part.path} lacks {', '.join(absent)}",
            f"the columns of a request: {', '.join(wanted)}",
            _of_absent(part, absent, [name for name in part.names if name not in wanted]),
        )


def _of_absent(part: Part, absent: list[str], others: list[str]) -> str:
    """What to do about columns that are not there."""
    alike = {_letters(name): name for name in others}
    near = {name: get_close_matches(_letters(name), alike, n=1, cutoff=0.8) for name in absent}
    if renamed := [f"{quoted(alike[old])} to {name}" for name, found in near.items() for old in found]:
        return f"rename {', '.join(renamed)}"
    if not part.texts:
        return "add them (an index of pandas by `reset_index()`); other columns are left alone"
    for sign in SEPARATORS:
        if set(absent) & {one.strip('"') for name in part.names for one in name.split(sign)}:
            return f"say what separates the columns: `--delimiter {'tab' if sign == TAB else repr(sign)}`"
    return "add them; other columns are left alone"


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()
