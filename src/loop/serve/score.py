"""score: a file of requests in, a file of scores out, batch by batch through what answers over HTTP too.

Features come from the store, or from columns of the file if it has them all (as data/examples does).
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from loop.base.counted import counted
from loop.base.errors import LoopError
from loop.base.files import replacing
from loop.data import columns as arrays
from loop.data import contract
from loop.data.columns import Array
from loop.data.features import DECIDED_AT
from loop.serve import loaded_model, online
from loop.serve.online import MISSING, STALE
from loop.serve.predict import Predictions, Predictor
from loop.serve.store import open_store
from loop.settings import serve_settings
from problem import schema, source

ROWS = 2**16  # of one batch
TYPES = {
    datetime: pa.timestamp("us", tz="UTC"),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    str: pa.string(),
}
KINDS = (".parquet", ".csv")


@dataclass(frozen=True)
class Source:
    """A file of requests, read in batches; `rows` is None where only reading it would tell."""

    path: Path
    names: list[str]
    rows: int | None
    batches: Callable[[list[str]], Iterator[pa.Table]]


def score(predictor: Predictor, requests: Source, threshold: float | None) -> Iterator[pa.Table]:
    """Tables of key, decided_at, score, decision, model version and views missing or stale, in order."""
    wanted = schema.REQUEST.columns
    features = predictor.features.names
    own = bool(features) and set(features) <= set(requests.names)
    names = [*wanted, *(features if own else [])]
    absent = [name for name in wanted if name not in requests.names]
    if absent:
        raise LoopError(
            f"{requests.path} lacks {', '.join(absent)}",
            f"the columns of a request: {', '.join(wanted)}",
            "add them; other columns are left alone",
        )
    exact = {n: str(c.dtype) for n, c in wanted.items() if arrays.plain(c) in (int, float, bool)}
    relaxed = pandera.DataFrameSchema(wanted, checks=schema.REQUEST.checks, strict=True)
    for table in requests.batches(names):
        frame = _typed(table, requests.path).to_pandas().astype(exact)
        contract.require(frame[list(wanted)], relaxed, str(requests.path))
        try:
            found = predictor.predict(arrays.of_frame(frame), given=own)
        except FloatingPointError as error:
            raise LoopError(str(error), "numbers", "look at src/problem/model.py") from None
        if found.store_failed:  # a caller is better served without features than not at all; a file is not
            raise LoopError(
                "the feature store cannot be read; its error is above",
                "features for every row",
                "fix LOOP_FEATURES or fill it by `loop materialize`, then score again",
            )
        yield _result(frame, found, predictor, threshold)


def read(path: Path) -> Source:
    """The file as batches. Raises LoopError for one that is missing, or neither Parquet nor CSV."""
    if path.suffix not in KINDS:
        raise LoopError(
            f"{path} is neither Parquet nor CSV", " or ".join(KINDS), "name the file by what it is"
        )
    try:
        return _parquet(path) if path.suffix == ".parquet" else _csv(path)
    except FileNotFoundError:
        raise LoopError(f"{path} is missing", "a file of requests", "fix the path") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from None


def main(source_path: Path, target: Path) -> None:
    """Score a file into another; the target appears only when it is whole."""
    params, place = serve_settings.params(), serve_settings.place()
    if target.suffix not in KINDS:
        raise LoopError(
            f"{target} is neither Parquet nor CSV", " or ".join(KINDS), "name the file by what it is"
        )
    if target.is_dir() or (target.exists() and target.samefile(source_path)):
        found = "a folder" if target.is_dir() else "the file of requests itself"
        raise LoopError(f"{target} is {found}", "a file that may be replaced", "name another")
    requests = read(source_path)
    model = loaded_model.load(threads=0)
    predictor = Predictor(model, online.Features(open_store(place.features)))
    rows, started = 0, time.perf_counter()
    with replacing(target) as draft, _writer(draft, target.suffix) as write:
        for table in score(predictor, requests, params.threshold):
            write(table)
            rows += len(table)
            _progress(rows, requests.rows, time.perf_counter() - started)
        if rows == 0:
            raise LoopError(f"{source_path} holds no rows", "at least one request", "look at what makes it")
    speed = rows / max(time.perf_counter() - started, 1e-9)
    print(f"score: {counted(rows, 'row')} by {model.version} into {target}, {speed:,.0f} a second")


def _result(
    frame: pd.DataFrame, found: Predictions, predictor: Predictor, threshold: float | None
) -> pa.Table:
    kept = frame[[*source.KEY, DECIDED_AT]]
    table = pa.Table.from_pandas(kept, preserve_index=False).replace_schema_metadata()
    decision: Any = (
        pa.nulls(len(kept), pa.bool_()) if threshold is None else pa.array(found.scores >= threshold)
    )
    version = pa.DictionaryArray.from_arrays(np.zeros(len(kept), np.int32), [predictor.model.version])
    more = {
        "score": pa.array(found.scores),
        "decision": decision,
        "model_version": version.cast(pa.string()),
        "missing": _named(found.states == MISSING, predictor.views),
        "stale": _named(found.states == STALE, predictor.views),
    }
    for name, values in more.items():
        table = table.append_column(name, values)
    return table


def _named(marks: Array, views: list[str]) -> pa.Array:
    """The marked views of each row, as one text; rows with the same marks are named once."""
    codes, which = np.unique(marks @ (1 << np.arange(len(views))), return_inverse=True)
    texts = [" ".join(view for at, view in enumerate(views) if code >> at & 1) for code in codes.tolist()]
    return pa.DictionaryArray.from_arrays(which.astype(np.int32), texts).cast(pa.string())


def _typed(table: pa.Table, path: Path) -> pa.Table:
    """The table in the types of the contract; features are numbers."""
    fields = []
    for name in table.column_names:
        column = schema.REQUEST.columns.get(name)
        fields.append(pa.field(name, pa.float64() if column is None else TYPES[arrays.plain(column)]))
    for at, field in enumerate(fields):
        found = table.column(at).type
        column = schema.REQUEST.columns.get(field.name)
        if column is not None and not column.nullable and table.column(at).null_count:
            raise LoopError(
                f"{path}: `{field.name}` holds nulls", "a value in every row", "fill or drop them"
            )
        if pa.types.is_timestamp(found) and found.tz is None:
            raise LoopError(f"{path}: `{field.name}` has times without a zone", "times in UTC", "say which")
        try:
            table = table.set_column(at, field, table.column(at).cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise LoopError(
                f"{path}: `{field.name}` does not hold {field.type}: {str(error).splitlines()[0]}",
                f"values that are, or convert to, {field.type}",
                "fix the column",
            ) from None
    return table


def _parquet(path: Path) -> Source:
    file = pq.ParquetFile(path, pre_buffer=False)  # else it keeps what it has read

    def batches(names: list[str]) -> Iterator[pa.Table]:
        try:
            for batch in file.iter_batches(ROWS, columns=names):
                yield pa.Table.from_batches([batch]).select(names)
        except (pa.ArrowInvalid, OSError) as error:
            raise _unreadable(path, error) from None

    return Source(path, file.schema_arrow.names, file.metadata.num_rows, batches)


def _csv(path: Path) -> Source:
    with path.open("rb") as stream:
        names = pa.csv.read_csv(pa.BufferReader(stream.readline())).column_names

    def batches(wanted: list[str]) -> Iterator[pa.Table]:
        columns = schema.REQUEST.columns
        types = {n: TYPES[arrays.plain(columns[n])] if n in columns else pa.float64() for n in wanted}
        options = pa.csv.ConvertOptions(
            include_columns=wanted, column_types=types, strings_can_be_null=True, null_values=[""]
        )
        try:
            for batch in pa.csv.open_csv(path, convert_options=options):
                yield pa.Table.from_batches([batch])
        except (pa.ArrowInvalid, OSError) as error:
            raise _unreadable(path, error) from None

    return Source(path, names, None, batches)


def _unreadable(path: Path, error: Exception) -> LoopError:
    return LoopError(f"{path} cannot be read: {str(error).splitlines()[0]}", "a whole file", "make it again")


@contextmanager
def _writer(path: Path, kind: str) -> Iterator[Callable[[pa.Table], None]]:
    """Writes tables one after the other; the first one says which columns there are."""
    made: Any = None

    def write(table: pa.Table) -> None:
        nonlocal made
        if made is None:
            options = {"compression": "zstd"} if kind == ".parquet" else {}
            make = pq.ParquetWriter if kind == ".parquet" else pa.csv.CSVWriter
            made = make(path, table.schema, **options)
        made.write_table(table)

    try:
        yield write
    finally:
        if made is not None:
            made.close()


def _progress(rows: int, of: int | None, seconds: float) -> None:
    if sys.stderr.isatty():
        whole = f" of {of:,} ({rows / of:.0%})" if of else ""
        print(f"\r{rows:,}{whole}, {rows / seconds:,.0f} rows a second", end="", file=sys.stderr, flush=True)
