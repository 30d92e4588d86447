"""Every prediction on record, without an answer ever waiting for the disk.

Lines of JSON, one per body answered, go to a queue; a thread appends them to a file four times a second.
What the contract calls personal is dropped or hashed before it is queued. A disk that is full or gone
costs records, never requests: they wait, then they are dropped and counted.

`bentoml.monitor` is not used: it knows nothing of personal values or of a bound on what waits, never
deletes a file, and costs a call of Python's logging per record.
"""

import base64
import fcntl
import logging
import os
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from pydantic_core import to_json

from loop.base.counted import counted
from loop.data.columns import Array
from loop.serve.counters import Counters

LOG = logging.getLogger(__name__)
EVERY = 0.25  # seconds between two writes, unless much waits
MUCH, BYTES_MAX = 4 * 2**20, 32 * 2**20  # bytes of lines that wait: written at once, and no more than that
PIECE = 2**20  # bytes written by one call
ROTATE_SECONDS, ROTATE_BYTES = 60.0, 64 * 2**20
SEGMENTS = "log"  # the folder of segments, within that of predictions
OPEN, DONE = ".open", ".jsonl"


def row_id(request_id: str, row: int) -> str:
    """The id of one request of a list: with a sign that no id of a caller has, or it could be given twice."""
    return f"{request_id}/{row}"


def line(
    request_id: str,
    at: datetime,
    requests: bytes,
    features: Array,
    scores: Sequence[float],
    latency_ms: float,
    many: bool,
) -> bytes:
    """One body answered, as a line: `requests` is its JSON; features (rows, names) are packed float64."""
    packed = base64.b64encode(np.ascontiguousarray(features, "<f8").tobytes())
    return b"".join(
        [
            b'{"id":"%b","at":"%b","many":%b,"latency_ms":%.3f,"scores":'
            % (request_id.encode(), at.isoformat().encode(), b"true" if many else b"false", latency_ms),
            to_json(scores),
            b',"requests":',
            requests.replace(b"\n", b" ").replace(b"\r", b" "),  # line ends are only spaces in JSON
            b',"features":"',
            packed,
            b'"}\n',
        ]
    )


class PredictionLog:
    """Appends lines to segments in a folder; a segment being written is locked, and ends in `.open`."""

    def __init__(
        self, folder: Path, head: Mapping[str, Any], rows_max: int, counters: Counters, every: float = EVERY
    ) -> None:
        self._counters, self._every = counters, every
        self._folder, self._head, self._rows_max = folder, to_json(dict(head)) + b"\n", rows_max
        self._queue: deque[tuple[bytes, int]] = deque()
        self._waiting = self._bytes = 0
        self._lock = threading.Lock()  # of those above
        self._writing = threading.Lock()  # a line is written once, whoever asks for it
        self._segment: _Segment | None = None
        self._failing = False
        self._end, self._wake = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def append(self, text: bytes, rows: int) -> None:
        """Queue a line; when too much waits, drop it and count its rows."""
        with self._lock:
            if self._waiting + rows > self._rows_max or self._bytes + len(text) > BYTES_MAX:
                self._counters.dropped.inc(rows)
                return
            self._queue.append((text, rows))
            self._waiting += rows
            before, self._bytes = self._bytes, self._bytes + len(text)
        self._counters.waiting.set(self._waiting)
        if before < MUCH <= self._bytes:
            self._wake.set()

    def close(self) -> None:
        """Write what waits, and end the segment; what cannot be written is counted, and said."""
        self._end.set()
        self._wake.set()
        self._thread.join(timeout=5)
        with self._lock:
            lost, self._waiting = self._waiting, 0
            self._queue.clear()
        if lost:
            self._counters.dropped.inc(lost)
            LOG.error("the prediction log lost %s that waited for it", counted(lost, "prediction"))

    def _run(self) -> None:
        while not self._end.is_set():
            self._wake.wait(self._every)
            self._wake.clear()
            self._flush()
        self._flush()
        if self._segment is not None:
            try:
                self._segment.finish()
            except OSError as error:
                self._failed(error)

    def _flush(self) -> None:
        """Write what waits; when it returns, all of that is in the segment."""
        with self._writing:
            self._write()

    def _write(self) -> None:
        with self._lock:
            lines = list(self._queue)
        rows, size = sum(rows for _, rows in lines), sum(len(text) for text, _ in lines)
        try:
            if self._segment is not None and self._segment.is_old():
                segment, self._segment = self._segment, None
                segment.finish()
            if lines:
                if self._segment is not None and not self._segment.is_whole():
                    self._failed(OSError(f"{self._segment.path} was taken away, or changed by another"))
                if self._segment is None:
                    self._segment = _Segment(self._folder, self._head)
                self._segment.write(text for text, _ in lines)
        except OSError as error:
            self._failed(error)
            return
        with self._lock:
            for _ in range(min(len(lines), len(self._queue))):  # none where it was closed meanwhile
                self._queue.popleft()
            self._waiting = max(self._waiting - rows, 0)
            self._bytes -= size
        self._counters.waiting.set(self._waiting)
        if self._failing and lines:
            self._failing = False
            LOG.warning("the prediction log is written again")

    def _failed(self, error: OSError) -> None:
        self._counters.failures.inc()
        if not self._failing:
            self._failing = True
            LOG.error("the prediction log cannot be written, answers go on: %s", error)
        if self._segment is not None and not self._segment.is_whole():
            self._segment.close()  # what it holds yet is whoever collects'
            self._segment = None


class _Segment:
    """A file of lines under a name and a lock of its own; the first line says what is the same for all."""

    def __init__(self, folder: Path, head: bytes) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        self.path = folder / f"{stamp}-{uuid.uuid4().hex[:12]}{OPEN}"
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
        self._size, self._started = 0, time.monotonic()
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)  # some network disks have no locks
            self.write([head])
        except OSError:
            self.close()
            self.path.unlink(missing_ok=True)
            raise

    def write(self, lines: Iterable[bytes]) -> None:
        """Append all of them, or nothing."""
        done = 0
        try:
            for piece in _pieces(lines):
                left = memoryview(piece)
                while left:
                    left = left[os.write(self._file, left) :]
                done += len(piece)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += done

    def is_whole(self) -> bool:
        """Whether its file is where it was made, and as long as what was written."""
        try:
            there, here = os.stat(self.path), os.fstat(self._file)
        except OSError:
            return False
        return os.path.samestat(there, here) and here.st_size == self._size

    def is_old(self) -> bool:
        """Whether it is time for another."""
        return time.monotonic() - self._started > ROTATE_SECONDS or self._size > ROTATE_BYTES

    def finish(self) -> None:
        """Give it its final name, and let go."""
        try:
            self.path.rename(self.path.with_suffix(DONE))
        finally:
            self.close()

    def close(self) -> None:
        """Let go of it; whoever collects takes it as it is."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines, joined to pieces of some size: all at once would be a second copy of what waits."""
    some: list[bytes] = []
    size = 0
    for text in lines:
        some.append(text)
        size += len(text)
        if size >= PIECE:
            yield b"".join(some)
            some, size = [], 0
    yield b"".join(some)
