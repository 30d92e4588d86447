"""score, into a folder of parts: each a file of scores of so many requests, here or by executors of Spark.

Both cut the requests alike and score each piece by the same code, so the parts are the same to the byte.
"""

import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from socket import gethostname

import numpy as np
from threadpoolctl import threadpool_limits

from loop.base.errors import LoopError, first_line
from loop.base.files import replacing
from loop.data.columns import Array
from loop.engine import spill, tasks
from loop.engine.session import NOT_SHARED
from loop.serve import loaded_model, online, score, source_file
from loop.serve.compiled import Compiled
from loop.serve.loaded_model import Model
from loop.serve.predict import Predictor
from loop.serve.request_file import RequestFile
from loop.serve.store import open_store
from loop.settings import engine_settings, serve_settings
from loop.settings.params import Window

ROWS = 2**18  # of a part, at most, where the row groups of the requests allow it
PART = re.compile(r"scores-\d{5,}\.parquet")


@dataclass(frozen=True)
class Piece:
    """Requests that make a part: a file, and those of its row groups that are meant; None for all."""

    path: Path
    groups: list[int] | None


@dataclass(frozen=True)
class Job:
    """All that scores a piece, whichever process does. `own`: features are columns of the requests."""

    pieces: list[Piece]
    target: Path
    zone: str | None
    delimiter: str | None
    own: bool
    features: str
    threshold: float | None
    decided: Window


def main(source_path: Path, target: Path, zone: str | None = None, delimiter: str | None = None) -> None:
    """Score a file, or a folder of parts, into a folder by the engine of params.yaml, whole or not at all."""
    params, where, spark = serve_settings.params(), serve_settings.place(), engine_settings.spark()
    _may_replace(source_path, target)
    requests = source_file.read(source_path, zone, delimiter)
    own, started = score.has_features(requests), time.perf_counter()
    requests.require(score.asked_for(own))
    if requests.rows == 0:
        raise score.nothing(source_path)
    model = loaded_model.load(threads=0 if spark is None else 1)
    with replacing(target) as draft:
        draft.mkdir()
        job = Job(
            pieces=list(pieces(requests)),
            target=draft.absolute(),
            zone=zone,
            delimiter=delimiter,
            own=own,
            features=where.features,
            threshold=params.threshold,
            decided=params.decided_at,
        )
        rows = _here(job, model, requests.rows, started) if spark is None else _on_spark(job, model, spark)
        score.tell(rows, source_path, target, model.version, time.perf_counter() - started)


def pieces(requests: RequestFile) -> Iterator[Piece]:
    """The requests in their order, cut between row groups of Parquet: a CSV is one piece."""
    for part in requests.parts:
        taken: list[int] = []
        for group, rows in enumerate(part.groups):
            if taken and sum(part.groups[at] for at in taken) + rows > ROWS:
                yield Piece(part.path, taken)
                taken = []
            taken.append(group)
        if taken or part.texts:
            yield Piece(part.path, taken or None)


def _may_replace(source_path: Path, target: Path) -> None:
    """Raise LoopError for a target that holds anything but scores, or lies with the requests."""
    source, out = source_path.resolve(), target.resolve()
    found = ""
    if target.is_dir():
        others = sorted(one.name for one in target.iterdir() if not PART.fullmatch(one.name))
        found = f"holds {others[0]}, which is no part of scores" if others else ""
    elif target.exists():
        found = "is a file"
    if out == source or out in source.parents or source in out.parents:
        found = "is a folder of the requests"
    if found:
        raise LoopError(
            f"{target} {found}", "a folder that is not there yet, or one of scores", "name another"
        )


def _here(job: Job, model: Model, of: int | None, started: float) -> int:
    predictor, rows = Predictor(model, online.Features(open_store(job.features))), 0
    for number in range(len(job.pieces)):
        rows += _part(job, predictor, number)
        score.progress(rows, of, time.perf_counter() - started)
    return rows


def _on_spark(job: Job, model: Model, master: str) -> int:
    """Each piece as a task. Executors take our machine code, and are held to our scores of reference rows."""
    if not job.own and online.names():
        try:
            open_store(job.features).get([""])
        except Exception as error:  # whatever a store raises: its executors would meet it, too
            raise score.unreadable(first_line(error)) from None
    with spill.folder("compiled") as libraries:
        if isinstance(model.pipeline, Compiled) and model.pipeline.library:
            shutil.copy(model.pipeline.library, libraries)
        expected = model.scores(model.reference.columns)
        rows = tasks.run(master, partial(_by_executor, job, libraries, expected), len(job.pieces))
    for left in job.target.glob(".*.tmp"):  # of an executor that was lost
        left.unlink()
    there = len(list(job.target.glob("scores-*.parquet")))
    if there != sum(one > 0 for one in rows):
        found = f"of {len(rows)} parts that executors of {master} wrote, {there} are in {job.target.parent}"
        raise LoopError(found, NOT_SHARED, "put the clone and the scores there")
    return sum(rows)


def _by_executor(job: Job, libraries: Path, expected: Array, number: int) -> int:
    path = job.pieces[number].path
    if not path.exists():
        raise LoopError(f"an executor sees no {path}", NOT_SHARED, "put the requests there")
    return _part(job, _predictor(job.features, libraries, expected.tobytes()), number)


@lru_cache(1)
def _predictor(features: str, libraries: Path, expected: bytes) -> Predictor:
    """That of this process, for all its tasks. Raises LoopError where its scores are not the driver's."""
    model = loaded_model.load(threads=1, folder=libraries)
    found = model.scores(model.reference.columns)
    if found.tobytes() != expected:
        gap = np.abs(found - np.frombuffer(expected).reshape(found.shape)).max()
        raise LoopError(
            f"an executor scores the reference rows otherwise than this machine does: {gap:.1e} apart",
            "the same scores, to the bit",
            "give executors the packages and the kind of processor of this machine, or set `engine: duckdb`",
        )
    return Predictor(model, online.Features(open_store(features)))


def _part(job: Job, predictor: Predictor, number: int) -> int:
    """Write a piece's scores; how many. Without any there is no part."""
    piece, rows = job.pieces[number], 0
    requests = source_file.read(piece.path, job.zone, job.delimiter, quiet=True)
    requests = replace(requests, only=piece.groups)
    draft = job.target / f".{gethostname()}.{os.getpid()}.tmp"  # another host may have the same number
    with score.writer(draft, ".parquet") as write, threadpool_limits(1, "blas"):  # as an executor
        for table in score.score(predictor, requests, job.threshold, job.decided, job.own):
            write(table)
            rows += len(table)
    if rows:
        draft.replace(job.target / f"scores-{number:05}.parquet")
    return rows
