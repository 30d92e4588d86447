"""Where online features are kept: values by key in a SQLite file, or in Redis by URL.

A store belongs to one definition of the features (`loop.serve.definition`): a model never reads what another
one wrote. A new version replaces the old one whole.
"""

import os
import sqlite3
import stat
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from loop.base.errors import LoopError
from loop.base.files import replacing
from loop.serve.definition import definition

AT_ONCE = 500  # keys of one query
KEPT_MAX = 100_000  # rows of a file that a process remembers
TIMEOUT, ANSWER_MAX = 0.1, 0.3  # seconds that a store on the network may be silent, and take for an answer
READ_MAX, STEPS = 1.0, 100_000  # seconds that a read of a file may take; after how many steps that is asked
TABLE = "CREATE TABLE online (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID"  # a view could take for ever
WRITTEN = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"  # bytes, by its head
CAREFUL = 3600.0  # seconds in which a store that did not answer in time is asked for the length of rows first
LONGEST, MADE_MAX = 2**16, 2**26  # bytes of a row that are read; of what one step may make


class Store(Protocol):
    """Values by key, of one definition of the features; `replace` is all or nothing."""

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """The value of each key; None where there is none."""

    def replace(self, rows: Iterable[tuple[str, bytes]], as_of: str) -> None:
        """Let these be all rows, as of an instant."""

    def as_of(self) -> str | None:
        """The instant of the last `replace`, None before the first."""


def open_store(where: str) -> Store:
    """The store at a path or URL. Raises LoopError for a URL that is not Redis's."""
    scheme = urlsplit(where).scheme
    if scheme in ("redis", "rediss", "unix"):
        try:
            return RedisStore(where, definition())
        except ValueError as error:
            raise LoopError(
                f"LOOP_FEATURES cannot be used: {error}", "redis://HOST:PORT/NUMBER", "fix the URL"
            ) from None
    if len(scheme) > 1:  # one letter is a drive
        raise LoopError(
            f"LOOP_FEATURES is {scheme}:…, a store that is not known",
            "a folder for SQLite files, or redis://HOST:PORT/NUMBER",
            "set LOOP_FEATURES, or unset it for the default folder",
        )
    return SqliteStore(Path(where), definition())


class SqliteStore:
    """A file that never changes: a new version takes its place, and readers see it at the next request."""

    def __init__(self, folder: Path, space: str) -> None:
        self.path = folder / f"{space}.sqlite"
        self._where = str(self.path)
        self._reader: sqlite3.Connection | None = None
        self._version: tuple[int, int] | None = None
        self._until = 0.0  # when a read has taken too long
        self._kept: dict[str, bytes | None] = {}  # of this version; None where it has no row

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """The value of each key; None where there is none."""
        reader = self._open()
        kept = self._kept
        try:
            return [kept[key] for key in keys]
        except KeyError:
            self._read(reader, keys)
        return [self._kept[key] for key in keys]

    def _read(self, reader: sqlite3.Connection, keys: Sequence[str]) -> None:
        """Remember the rows of these keys."""
        if len(self._kept) > KEPT_MAX:
            self._kept = {}
        self._until = time.monotonic() + READ_MAX
        absent = list({key for key in keys if key not in self._kept})
        for start in range(0, len(absent), AT_ONCE):
            some = absent[start : start + AT_ONCE]
            marks = ",".join("?" * len(some))
            value = f"CASE WHEN length(value) > {LONGEST} THEN '' ELSE value END"
            rows = dict(reader.execute(f"SELECT key, {value} FROM online WHERE key IN ({marks})", some))  # noqa: S608
            self._kept.update({key: rows.get(key) for key in some})

    def replace(self, rows: Iterable[tuple[str, bytes]], as_of: str) -> None:
        """Let these be all rows, as of an instant."""
        with replacing(self.path) as draft:
            writer = sqlite3.connect(draft)
            try:
                writer.execute("PRAGMA journal_mode = OFF")  # a draft that fails is dropped whole
                writer.execute(TABLE)
                writer.executemany("INSERT INTO online VALUES (?, ?)", rows)
                writer.execute("INSERT INTO online VALUES ('', ?)", (as_of.encode(),))
                writer.commit()
            finally:
                writer.close()

    def as_of(self) -> str | None:
        """The instant of the last `replace`, None before the first."""
        return _text(self.get([""])) if self.path.is_file() else None

    def _open(self) -> sqlite3.Connection:
        try:
            status = os.stat(self._where)
        except FileNotFoundError:
            raise FileNotFoundError(f"{self.path} is missing: run `loop materialize`") from None
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{self.path} is no file: run `loop materialize`")
        version = (status.st_ino, status.st_mtime_ns)
        if self._reader is None or version != self._version:
            self.close()
            uri = f"{self.path.resolve().as_uri()}?mode=ro&immutable=1"
            self._reader = sqlite3.connect(uri, uri=True, check_same_thread=False)
            self._reader.text_factory = lambda text: text.decode(errors="replace")
            self._reader.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MADE_MAX)
            self._reader.set_progress_handler(lambda: time.monotonic() > self._until, STEPS)
            self._until = time.monotonic() + READ_MAX
            made = self._reader.execute("SELECT sql FROM sqlite_master WHERE name = 'online'").fetchone()
            if made != (TABLE,):
                self.close()
                raise OSError(f"{self.path} holds another table than ours: run `loop materialize`")
            (written,) = self._reader.execute(WRITTEN).fetchone()
            if written not in (status.st_size, os.path.getsize(self._where)):  # what lacks is read as empty
                self.close()
                raise OSError(f"{self.path} was cut short: run `loop materialize`")
            self._version, self._kept = version, {}
        return self._reader

    def close(self) -> None:
        """Let go of the file."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


class RedisStore:
    """A hash in Redis; a new version is written beside it and renamed into its place."""

    def __init__(self, url: str, space: str) -> None:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self._name = f"loop:features:{space}"
        again = Retry(NoBackoff(), 1)
        self._client = redis.Redis.from_url(
            url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=again
        )
        self._writer = redis.Redis.from_url(url, socket_timeout=30, socket_connect_timeout=5)
        self._asker = ThreadPoolExecutor(1, "features")
        self._answer: Future[Any] | None = None
        self._careful_until = 0.0

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """The value of each key; None where there is none.

        Raises TimeoutError where that takes too long in all: a socket's timeout begins anew with each byte.
        """
        if self._answer is not None and not self._answer.done():
            raise TimeoutError("an earlier question is not answered yet")
        self._answer = self._asker.submit(self._ask, list(keys))
        try:
            return list(self._answer.result(ANSWER_MAX))
        except TimeoutError:
            self._client.connection_pool.disconnect()
            raise TimeoutError(f"no whole answer within {ANSWER_MAX} s") from None
        finally:
            if not self._answer.done() or self._answer.exception() is not None:
                self._careful_until = time.monotonic() + CAREFUL

    def _ask(self, keys: list[str]) -> list[bytes | None]:
        """The values; where one may have been too long to come in time, an empty one for each that is."""
        if time.monotonic() > self._careful_until:
            return self._read(keys)
        lengths = self._client.pipeline(transaction=False)
        for key in keys:
            lengths.hstrlen(self._name, key)
        sizes = dict(zip(keys, lengths.execute(), strict=True))
        asked = [key for key in keys if sizes[key] <= LONGEST]
        found = dict(zip(asked, self._read(asked) if asked else [], strict=True))
        return [found.get(key) if sizes[key] <= LONGEST else b"" for key in keys]

    def _read(self, keys: list[str]) -> list[Any]:
        return list(self._client.hmget(self._name, keys))

    def replace(self, rows: Iterable[tuple[str, bytes]], as_of: str) -> None:
        """Let these be all rows, as of an instant."""
        draft = f"{self._name}:draft"
        pipe = self._writer.pipeline()
        pipe.delete(draft)
        pipe.hset(draft, mapping={"": as_of.encode(), **dict(rows)})
        pipe.rename(draft, self._name)
        pipe.execute()

    def as_of(self) -> str | None:
        """The instant of the last `replace`, None before the first."""
        return _text(self.get([""]))


def _text(values: Sequence[Any]) -> str | None:
    """The text of a row; none where it is of another type: of one bad row all others must not be missing."""
    return values[0].decode(errors="replace") if isinstance(values[0], bytes) else None
