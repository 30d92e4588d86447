"""collect: segments of the prediction log into Parquet by day, each prediction once, none kept too long.

A segment is taken when its writer has ended it, or is gone (its lock is free). Days are written whole
before segments are deleted, so a run that was cut off is simply run again. Grain: one row per request
answered; one repeated with the same id, role, version and request counts once, the earliest.
"""

import base64
import fcntl
import json
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from loop.base.counted import counted
from loop.base.errors import LoopError
from loop.base.files import replacing, write_text
from loop.data import score_columns
from loop.data.features import DECIDED_AT
from loop.serve.log_writer import DONE, OPEN, SEGMENTS, row_id
from loop.settings import serve_settings
from problem import source

DAYS = "days"  # the folder of Parquet files, one per day (UTC) on which predictions were made
AT_ONCE = 500_000  # records held in memory
HEAD = ("features", "threshold", "version", "commit", "role")  # what a segment's first line says
REJECTED = "rejected"  # the folder of lines that are no records, as long as days are kept
UTC = pa.timestamp("us", tz="UTC")
RECORD = pa.schema(
    [
        ("id", pa.string()),
        ("at", UTC),
        (DECIDED_AT, UTC),
        ("version", pa.string()),
        ("commit", pa.string()),
        ("role", pa.string()),
        ("entity", pa.string()),
        ("request", pa.string()),
        ("features", pa.map_(pa.string(), pa.float64())),
        ("score", pa.float64()),
        *([("scores", pa.list_(pa.float64()))] if score_columns.CLASSES else []),
        ("decision", pa.string() if score_columns.CLASSES else pa.bool_()),
        ("latency_ms", pa.float64()),
    ]
)


@dataclass
class Collected:
    """What a run did: rows read from segments, lines that are no records, days written and deleted.

    And how many segments living servers still write.
    """

    rows: int = 0
    open: int = 0
    rejected: int = 0
    days: int = 0
    deleted: int = 0


def collect(folder: Path, now: pd.Timestamp, retention_days: int) -> Collected:
    """Compact the log in `folder`, as of `now` (UTC)."""
    done, waiting = Collected(), []
    days: set[str] = set()
    bad: dict[str, list[bytes]] = {}
    with _alone(folder), _segments(folder / SEGMENTS) as (segments, done.open):
        for segment in segments:
            table, rejected = read(segment)
            waiting.append(table)
            done.rows, done.rejected = done.rows + len(table), done.rejected + len(rejected)
            bad[segment.stem] = rejected
            if segment == segments[-1] or sum(map(len, waiting)) > AT_ONCE:
                days |= _merge_by_day(folder / DAYS, pa.concat_tables(waiting))
                waiting = []
        for name, lines in bad.items():
            if lines:
                write_text(folder / REJECTED / f"{name}.txt", b"".join(lines).decode("utf-8", "replace"))
        for segment in segments:
            segment.unlink()
    done.days = len(days)
    first = str((now - pd.Timedelta(days=retention_days)).date())
    for path in sorted([*(folder / DAYS).glob("*.parquet"), *(folder / REJECTED).glob("*.txt")]):
        named = re.match(r"(\d{4})-?(\d\d)-?(\d\d)(?:$|T)", path.stem)
        if named and "-".join(named.groups()) < first:
            path.unlink()
            done.deleted += 1
    return done


def read(segment: Path, each: bool = False) -> tuple[pa.Table, list[bytes]]:
    """The records of a segment, and the lines that are none (the last, if its writer was killed).

    `each` makes a table of each line first, which takes longer, and tells one whose values have other types.
    """
    records: list[dict[str, Any]] = []
    rejected: list[bytes] = []
    head: dict[str, Any] | None = None
    with segment.open("rb") as stream:
        for line in stream:
            try:
                found = json.loads(line)
                if head is None:
                    head = {name: found[name] for name in HEAD}
                    continue
                made = _records(found, head)
                if each:
                    pa.Table.from_pylist(made, schema=RECORD)
                records += made
            except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
                rejected.append(line)
    try:
        return pa.Table.from_pylist(records, schema=RECORD), rejected
    except (ValueError, TypeError, OverflowError):
        if each:
            raise
        return read(segment, each=True)


def _records(found: dict[str, Any], head: dict[str, Any]) -> list[dict[str, Any]]:
    """One record per request of a line."""
    names, threshold, requests = head["features"], head["threshold"], found["requests"]
    packed = np.frombuffer(base64.b64decode(found["features"]), "<f8")
    features = packed.reshape(len(requests), len(names)).tolist()
    at = pd.Timestamp(found["at"]).to_pydatetime()
    return [
        {
            "id": row_id(found["id"], row) if found["many"] else found["id"],
            "at": at,
            DECIDED_AT: pd.Timestamp(request.get(DECIDED_AT, found["at"])).tz_convert("UTC").to_pydatetime(),
            **{name: head[name] for name in ("version", "commit", "role")},
            "entity": json.dumps({name: request[name] for name in source.KEY if name in request}),
            "request": json.dumps(request, ensure_ascii=False).encode().decode(),  # refuses half characters
            "features": [pair for pair in zip(names, values, strict=True) if not math.isnan(pair[1])],
            **_scored(score, threshold),
            "latency_ms": found["latency_ms"],
        }
        for row, (request, values, score) in enumerate(zip(requests, features, found["scores"], strict=True))
    ]


def _scored(score: Any, threshold: float | None) -> dict[str, Any]:
    if not isinstance(score, list):
        return {"score": score, "decision": None if threshold is None else score >= threshold}
    most = max(score)
    return {"score": most, "scores": score, "decision": score_columns.CLASSES[score.index(most)]}


def _merge_by_day(folder: Path, table: pa.Table) -> set[str]:
    """Add records to the files of their days (UTC); which days those are."""
    days = table["at"].cast(pa.date32())
    found = {day.isoformat() for day in days.unique().to_pylist()}
    for day in sorted(found):
        _merge(folder / f"{day}.parquet", table.filter(pc.equal(days, date.fromisoformat(day))))
    return found


def _merge(path: Path, new: pa.Table) -> None:
    """Add rows to a day's file, each prediction once; memory is DuckDB's, which spills."""
    with duckdb.connect() as engine, replacing(path) as draft:
        engine.register("fresh", new)
        if path.is_file():
            engine.read_parquet(str(path)).create_view("known")
        else:
            engine.register("known", new.slice(0, 0))
        engine.sql(
            "SELECT * FROM (SELECT * FROM known UNION ALL BY NAME SELECT * FROM fresh)"
            " QUALIFY row_number() OVER (PARTITION BY id, role, version, request"
            ' ORDER BY "at") = 1 ORDER BY "at", id'
        ).write_parquet(str(draft), compression="zstd")


@contextmanager
def _segments(folder: Path) -> Iterator[tuple[list[Path], int]]:
    """Segments that nobody writes to any more, held until the work is done, and how many others there are."""
    held: list[int] = []
    living = 0
    found: list[Path] = sorted(folder.glob(f"*{DONE}"))
    try:
        for path in sorted(folder.glob(f"*{OPEN}")):
            file = os.open(path, os.O_RDONLY)
            held.append(file)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                living += 1  # its writer
                continue
            if path.exists():
                found.append(path)
        yield sorted(found), living
    finally:
        for file in held:
            os.close(file)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LoopError(f"{folder} is being collected already", "one at a time", "wait for it") from None
        yield


def main(now: pd.Timestamp) -> None:
    """Compact the log of the place that the environment names."""
    if now.year < 2000:
        raise LoopError(f"--now {now} is before there were predictions", "an instant in UTC", "leave it out")
    folder = serve_settings.place().predictions
    found = collect(folder, now, serve_settings.params().log.retention_days)
    print(
        f"collect: {counted(found.rows, 'prediction')} into {counted(found.days, 'day')} of {folder / DAYS},"
        f" {counted(found.deleted, 'day')} deleted"
    )
    if found.open:
        print(
            f"  {counted(found.open, 'segment')} still open: a server closes what it writes within a minute"
        )
    if found.rejected:
        print(f"  {counted(found.rejected, 'line')} without a record (a killed server): {folder / REJECTED}")
