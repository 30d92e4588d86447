"""A prediction on record, found by its request id: in the days collected and in what still waits."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from loop.base.counted import counted
from loop.base.errors import LoopError, first_line
from loop.serve import collect
from loop.serve.log_writer import DONE, OPEN, SEGMENTS
from loop.settings import serve_settings

OF_LIST = r"[./]\d+"  # the end of an id of one request of a list; with a dot before November 2026

Record = dict[str, Any]  # a row of collect.RECORD


def find(request_id: str, folder: Path | None = None) -> list[Record]:
    """Every prediction under a request id, the earliest of each that was repeated: rows of collect.RECORD.

    Raises LoopError that says where it looked, and how far back the log goes.
    """
    folder = folder or serve_settings.place().predictions
    rows = [*_collected(folder, request_id), *_waiting(folder, request_id)]
    once: dict[tuple[str, str, str], Record] = {}
    for row in sorted(rows, key=lambda row: row["at"]):
        if row["id"] == request_id:
            once.setdefault((row["role"], row["version"], row["request"]), row)
    if once:
        return list(once.values())
    of_list = sorted({row["id"] for row in rows}, key=lambda name: int(re.split("[./]", name)[-1]))
    if of_list:
        raise LoopError(
            f"{request_id} was a list of requests", "one of them", f"name {of_list[0]} to {of_list[-1]}"
        )
    raise LoopError(
        f"no prediction {request_id!r} is on record: the log in {folder} {_reach(folder) or 'is empty'}",
        "the X-Request-Id of an answer by a server that logs there",
        "look at LOOP_PREDICTIONS, and at serve.log.retention_days in params.yaml"
        if _reach(folder)
        else "`make serve`, then the request that it prints; LOOP_PREDICTIONS names a log elsewhere",
    )


def _reach(folder: Path) -> str:
    """How far back the log goes; empty where it is."""
    days = sorted(path.stem for path in (folder / collect.DAYS).glob("*.parquet"))
    waiting = _segments(folder)
    if not (days or waiting):
        return ""
    first = [*days, *(path.stem[:8] for path in waiting)][0]
    much = f"{counted(len(days), 'day')}, {counted(len(waiting), 'segment')} not yet collected"
    return f"goes back to {pd.Timestamp(first):%Y-%m-%d} ({much})"


def _collected(folder: Path, request_id: str) -> list[Record]:
    """Rows with this id, or of a list with this id."""
    files = sorted(map(str, (folder / collect.DAYS).glob("*.parquet")))
    if not files:
        return []
    exactly = ds.field("id") == request_id
    of_list = pa.compute.match_substring_regex(ds.field("id"), rf"^{re.escape(request_id)}{OF_LIST}$")
    try:
        found = ds.dataset(files, schema=collect.RECORD).to_table(filter=exactly | of_list)
    except (pa.ArrowException, OSError) as error:
        raise LoopError(
            f"{folder / collect.DAYS} cannot be read: {first_line(error)}",
            "whole Parquet files",
            "put the file back from a backup, or move it away",
        ) from None
    rows: list[Record] = found.to_pylist()
    return rows


def _waiting(folder: Path, request_id: str) -> list[Record]:
    """The same from segments; one that is being written is read as far as it is."""
    base = re.sub(f"{OF_LIST}$", "", request_id).encode()
    rows: list[Record] = []
    for path in _segments(folder):
        for now in (path, path.with_suffix(DONE)):  # which it may be named meanwhile
            if now.is_file() and base in now.read_bytes():
                rows += collect.read(now)[0].to_pylist()
                break
    wanted = re.compile(f"{re.escape(request_id)}({OF_LIST})?")
    return [row for row in rows if wanted.fullmatch(row["id"])]


def _segments(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / SEGMENTS).glob("*") if path.suffix in (OPEN, DONE))
