"""score: a file of requests in, a file of scores out, batch by batch through what answers over HTTP too.

Features come from the store, or from columns of the file if it has them all (as data/examples does).
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from loop.base.counted import counted
from loop.base.errors import LoopError
from loop.base.files import replacing
from loop.data import columns as arrays
from loop.data import score_columns, values
from loop.data.columns import Array, Columns
from loop.data.features import DECIDED_AT
from loop.serve import loaded_model, online, source_file
from loop.serve.online import MISSING, STALE
from loop.serve.predict import Predictions, Predictor
from loop.serve.request import in_words
from loop.serve.request_file import KINDS, RequestFile
from loop.serve.store import open_store
from loop.settings import serve_settings
from loop.settings.params import Window
from problem import schema, source

NUMBER = pandera.Column("float64", nullable=True)  # a feature


def has_features(requests: RequestFile) -> bool:
    """Whether the file has a column for each feature, so that the store is not asked."""
    return bool(names := online.names()) and requests.has(names)


def asked_for(own: bool) -> dict[str, pandera.Column]:
    """The columns that are read: those of a request, and the file's own features."""
    return values.columns(schema.REQUEST) | (dict.fromkeys(online.names(), NUMBER) if own else {})


def score(
    predictor: Predictor, requests: RequestFile, threshold: float | None, decided: Window, own: bool
) -> Iterator[pa.Table]:
    """Tables of key, decided_at, score, decision, model version and views missing or stale, in order."""
    asked = values.columns(schema.REQUEST)
    relaxed = pandera.DataFrameSchema(asked, checks=schema.REQUEST.checks).update_columns(
        {name: {"dtype": None} for name in asked}  # which the values have kept already
    )
    within = pandera.Check(
        lambda at: at.between(decided.since, decided.until, "left"),
        name=in_words(decided),
        description="look at the clock of what made it, or widen serve.decided_at in params.yaml",
    )
    relaxed = relaxed.update_column(DECIDED_AT, checks=[*asked[DECIDED_AT].checks, within])
    for columns in requests.batches(asked_for(own), relaxed):
        try:
            found = predictor.predict(columns, given=own)
        except FloatingPointError as error:
            raise LoopError(str(error), "numbers", "look at src/problem/model.py") from None
        if found.store_failed:  # a caller is better served without features than not at all; a file is not
            raise unreadable("the log says why")
        yield _result(columns, found, predictor, threshold)


def main(source_path: Path, target: Path, zone: str | None = None, delimiter: str | None = None) -> None:
    """Score a file into another; the target appears only when it is whole."""
    params, place = serve_settings.params(), serve_settings.place()
    if target.suffix.lower() not in KINDS:
        raise LoopError(
            f"{target} is neither Parquet nor CSV",
            f"{' or '.join(KINDS)}, or a folder of parts, whose name has no dot",
            "name it by what it is",
        )
    requests = source_file.read(source_path, zone, delimiter)
    inside = source_path.is_dir() and source_path.resolve() in target.resolve().parents
    if target.is_dir() or inside or (target.exists() and target.samefile(source_path)):
        found = "a folder" if target.is_dir() else "the file of requests itself"
        raise LoopError(f"{target} is {found}", "a file that may be replaced", "name another")
    model = loaded_model.load(threads=0)
    predictor = Predictor(model, online.Features(open_store(place.features)))
    rows, started, own = 0, time.perf_counter(), has_features(requests)
    with replacing(target) as draft, writer(draft, target.suffix.lower()) as write:
        for table in score(predictor, requests, params.threshold, params.decided_at, own):
            write(table)
            rows += len(table)
            progress(rows, requests.rows, time.perf_counter() - started)
        tell(rows, source_path, target, model.version, time.perf_counter() - started)


def tell(rows: int, source_path: Path, target: Path, version: str, seconds: float) -> None:
    """Say what was scored. Raises LoopError where that is nothing."""
    if rows == 0:
        raise nothing(source_path)
    speed = rows / max(seconds, 1e-9)
    print(f"score: {counted(rows, 'row')} by {version} into {target}, {speed:,.0f} a second")


def unreadable(why: str) -> LoopError:
    """That the feature store does not answer."""
    return LoopError(
        f"the feature store cannot be read: {why}",
        "features for every row",
        "fix LOOP_FEATURES or fill it by `loop materialize`, then score again",
    )


def nothing(source_path: Path) -> LoopError:
    """That there is nothing to score."""
    return LoopError(f"{source_path} holds no rows", "at least one request", "look at what makes it")


def _result(columns: Columns, found: Predictions, predictor: Predictor, threshold: float | None) -> pa.Table:
    kept = arrays.to_frame({name: columns[name] for name in [*source.KEY, DECIDED_AT]})
    table = pa.Table.from_pandas(kept, preserve_index=False).replace_schema_metadata()
    decision: Any = (
        pa.array(score_columns.likeliest(found.scores))
        if score_columns.CLASSES
        else pa.nulls(len(kept), pa.bool_())
        if threshold is None
        else pa.array(found.scores >= threshold)
    )
    version = pa.DictionaryArray.from_arrays(np.zeros(len(kept), np.int32), [predictor.model.version])
    more = {
        "score": pa.array(score_columns.top(found.scores)),
        **{
            f"score of {name}": pa.array(found.scores[:, at]) for at, name in enumerate(score_columns.CLASSES)
        },
        "decision": decision,
        "model_version": version.cast(pa.string()),
        "missing": _named(found.states == MISSING, predictor.views),
        "stale": _named(found.states == STALE, predictor.views),
    }
    for name, column in more.items():
        table = table.append_column(name, column)
    return table


def _named(marks: Array, views: list[str]) -> pa.Array:
    """The marked views of each row, as one text; rows with the same marks are named once."""
    codes, which = np.unique(marks @ (1 << np.arange(len(views))), return_inverse=True)
    texts = [" ".join(view for at, view in enumerate(views) if code >> at & 1) for code in codes.tolist()]
    return pa.DictionaryArray.from_arrays(which.astype(np.int32), texts).cast(pa.string())


@contextmanager
def writer(path: Path, kind: str) -> Iterator[Callable[[pa.Table], None]]:
    """Writes tables one after the other; the first one says which columns there are."""
    made: Any = None

    def write(table: pa.Table) -> None:
        nonlocal made
        table = table if kind == ".parquet" else _with_texts(table)
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


def _with_texts(table: pa.Table) -> pa.Table:
    """Its instants as texts: arrow asks the system for UTC to write one, and a slim image has no zones."""
    for at, column in enumerate(table.columns):
        if pa.types.is_timestamp(column.type):
            texts = column.cast(pa.timestamp(column.type.unit)).cast(pa.string())
            table = table.set_column(at, table.column_names[at], pc.binary_join_element_wise(texts, "Z", ""))
    return table


def progress(rows: int, of: int | None, seconds: float) -> None:
    """Show on a terminal how far it is."""
    if sys.stderr.isatty():
        whole = f" of {of:,} ({rows / of:.0%})" if of else ""
        print(f"\r{rows:,}{whole}, {rows / seconds:,.0f} rows a second", end="", file=sys.stderr, flush=True)
