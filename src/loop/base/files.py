"""Files, whole or not at all: written beside their place, then renamed into it.

pyarrow is imported by the functions that need it: a server reads no tables, and its image has none.
"""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loop.base import json_text
from loop.base.errors import LoopError, first_line

ROW_GROUP = 2**20  # rows, as pyarrow has it


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes `path` (a file or a folder) only if all went well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield draft
        if path.is_dir() and draft.is_dir():
            shutil.rmtree(path)
        draft.replace(path)
    finally:
        if draft.is_dir():
            shutil.rmtree(draft)
        draft.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON; NaN is refused, so that any reader can parse it.

    An instant is its ISO text, a number of numpy is that number.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=_plain)
    write_text(path, text + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return None if pd.isna(value) else value.isoformat()
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")


def write_table(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame as Parquet, the same bytes for the same rows; the index is not kept."""
    write_slices(path, [frame])


def write_slices(path: Path, frames: Iterable[pd.DataFrame]) -> None:
    """Write one or more frames, one below the other, as one Parquet file; types are those of the first.

    The bytes are those of `write_table` of them all; memory holds a row group, or the largest of the frames.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rest = iter(frames)
    waiting = pa.Table.from_pandas(next(rest), preserve_index=False).replace_schema_metadata()
    schema = waiting.schema
    with replacing(path) as draft, pq.ParquetWriter(draft, schema, compression="zstd") as writer:
        for frame in rest:
            if len(waiting) >= ROW_GROUP:
                whole = len(waiting) // ROW_GROUP * ROW_GROUP
                writer.write_table(waiting.slice(0, whole), ROW_GROUP)
                waiting = waiting.slice(whole)
            part = pa.Table.from_pandas(frame, schema, preserve_index=False).replace_schema_metadata()
            waiting = pa.concat_tables([waiting, part])
        writer.write_table(waiting, ROW_GROUP)


def columns(path: Path) -> list[str]:
    """The columns of a Parquet file. Raises what `read_table` raises."""
    import pyarrow.parquet as pq

    with _whole(path, path):
        found: list[str] = pq.read_schema(path).names
    return found


def rows(path: Path) -> int:
    """How many rows a Parquet file has. Raises what `read_table` raises."""
    import pyarrow.parquet as pq

    with _whole(path, path):
        found: int = pq.read_metadata(path).num_rows
    return found


def read_table(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Read a Parquet file, or all of a folder in the order of names.

    Raises LoopError that names the file when it is missing, truncated or not Parquet.
    """
    import pyarrow.parquet as pq

    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise LoopError(f"{path} holds no Parquet file", "at least one", "run `dvc repro ingest`")
    frames = []
    for file in files:
        with _whole(file, path):
            frames.append(pq.ParquetFile(file).read(columns=columns).to_pandas())
    whole: pd.DataFrame = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    return whole


class Tables(Mapping[str, pd.DataFrame]):
    """The tables of a folder (a file or a folder each), by these names, as far as they are there.

    Each is read whenever it is asked for. Raises what `read_table` raises.
    """

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self._paths = {name: folder / name for name in names if (folder / name).exists()}

    def __getitem__(self, name: str) -> pd.DataFrame:
        return read_table(self._paths[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def batches(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    """A Parquet file, at most `rows` of it at once. Raises what `read_table` raises."""
    import pyarrow.parquet as pq

    with _whole(path, path):
        for batch in pq.ParquetFile(path).iter_batches(rows):
            yield batch.to_pandas()


def ordered_groups(path: Path, column: str) -> list[tuple[pd.Timestamp, pd.Timestamp]] | None:
    """The first and the last instant of a column (UTC) in each row group of a Parquet file in its order.

    None where groups overlap, the file does not say, or types would be others in a group than in all of them:
    whole numbers and truths have no place for what is missing. Raises what `read_table` raises.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _whole(path, path):
        file = pq.ParquetFile(path)
    kinds = {one.name: one.type for one in file.schema_arrow}
    places = {file.schema.column(place).path: place for place in range(len(file.schema))}
    if not pa.types.is_timestamp(kinds.get(column)):
        return None

    def said(name: str) -> list[Any]:
        groups = range(file.num_row_groups)
        return [file.metadata.row_group(group).column(places[name]).statistics for group in groups]

    full = [name for name, kind in kinds.items() if pa.types.is_integer(kind) or pa.types.is_boolean(kind)]
    if not all(one is not None and one.null_count == 0 for name in full for one in said(name)):
        return None
    if not all(one is not None and one.has_min_max for one in said(column)):
        return None
    found = [(pd.Timestamp(one.min), pd.Timestamp(one.max)) for one in said(column)]
    return found if all(one[1] <= after[0] for one, after in pairwise(found)) else None


def read_group(path: Path, number: int) -> pd.DataFrame:
    """A row group of a Parquet file. Raises what `read_table` raises."""
    import pyarrow.parquet as pq

    with _whole(path, path):
        found: pd.DataFrame = pq.ParquetFile(path).read_row_group(number).to_pandas()
    return found


@contextmanager
def _whole(file: Path, path: Path) -> Iterator[None]:
    """Say of a file that cannot be read what to do; it is `path`, or one of its folder."""
    import pyarrow as pa

    try:
        yield
    except FileNotFoundError:
        raise LoopError(f"{file} is missing", "the output of an earlier stage", "run `dvc repro`") from None
    except (pa.ArrowException, OSError) as error:
        raise LoopError(
            f"{file} cannot be read: {first_line(error)}",
            "a whole Parquet file",
            f"run `dvc checkout --force {path}` for the cached copy, or `dvc repro --force ingest`",
        ) from None


def digest(path: Path, algorithm: str = "md5") -> str:
    """Hash of a file's bytes; md5 is what DVC records, sha256 what a check relies on."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def md5(path: Path) -> str:
    """The hash that dvc.lock holds for a file, or for a folder: its files' hashes, by name.

    Whatever lies in the folder counts, also what DVC was told to ignore; what is no plain file has no hash of
    DVC's, so that the folder has another.
    """
    if not path.is_dir():
        return digest(path)
    entries = [
        {"md5": digest(one) if one.is_file() else "no file", "relpath": one.relative_to(path).as_posix()}
        for one in path.rglob("*")
        if one.is_symlink() or not one.is_dir()
    ]
    listing = json.dumps(sorted(entries, key=lambda entry: entry["relpath"]), sort_keys=True)
    return hashlib.md5(listing.encode(), usedforsecurity=False).hexdigest() + ".dir"


def read_json(path: Path, expected: str, todo: str) -> Any:
    """The values of a JSON file. Raises LoopError, with what to do, where it is none or cannot be read."""
    try:
        return json_text.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LoopError(f"{path} cannot be used: {first_line(error, 100)}", expected, todo) from None


def rounded(value: float) -> float | None:
    """Six decimals, the same on every processor; None for NaN, which JSON does not have."""
    return None if math.isnan(value) else round(float(value), 6)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as plain values, floats rounded."""
    rows = frame.to_dict("records")
    return [{str(k): rounded(v) if isinstance(v, float) else v for k, v in row.items()} for row in rows]
