"""Features kept ready: of each view and entity the newest row, in a key-value store.

A row that is absent, or became known only after the decision, is missing; one past its view's time
to live is stale. Both are served as nulls, with a note.
"""

import logging
import math
import struct
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from loop.data import columns as arrays
from loop.data.columns import Array, Columns
from loop.data.features import DECIDED_AT
from loop.kit.types import View
from loop.serve.store import Store
from problem.features import VIEWS

LOG = logging.getLogger(__name__)
FRESH, MISSING, STALE = 0, 1, 2
HOUR = 3.6e9  # microseconds
NEVER, LONG_AGO = int(np.iinfo(np.int64).min), 2**62  # microseconds: no row, and further back than any
FEW = 8  # rows that are faster one by one than by numpy
SAID_MAX = 1000  # bad rows that are named
REST = 1.0  # seconds in which a store that failed is not asked again


@dataclass(frozen=True)
class Found:
    """Features of some requests: numbers (rows, names), and by view (rows, views) fresh, missing or stale."""

    numbers: Array
    states: Array
    failed: bool  # the store could not be asked


class _Read:
    """How rows of a view are read: its record in the store, that of no row, and its time to live."""

    def __init__(self, view: View) -> None:
        self.nothing = [math.nan] * len(view.features)
        self.blank = _pack(NEVER, self.nothing)
        self.record = struct.Struct(f"<q{len(view.features)}d")
        self.ttl = view.ttl // pd.Timedelta(microseconds=1)
        self.aged = view.age is not None
        self.ahead = view.ahead


def names(views: Sequence[View] = VIEWS) -> list[str]:
    """The columns of features, then those of ages."""
    return [name for view in views for name in view.features] + [view.age for view in views if view.age]


class Features:
    """The features of requests as of their decisions, from a store, never an error."""

    def __init__(self, store: Store, views: Sequence[View] = VIEWS) -> None:
        self.views = views
        self._store = store
        self._rest_until = 0.0
        self._said: set[str] = set()  # keys of bad rows
        self.names = names(views)
        self._aged = [at for at, view in enumerate(views) if view.age]
        self._read = [_Read(view) for view in views]
        width = [1 + len(view.features) for view in views]
        self._width = sum(width)
        self._known_at = np.cumsum(width) - width  # where in a row's numbers each view begins
        ends = np.cumsum(width).tolist()
        self._places = list(zip(self._read, self._known_at.tolist(), ends, strict=True))
        self._ttl = np.array([view.ttl for view in self._read])
        self._ahead = [at for at, view in enumerate(self._read) if view.ahead]
        self._values = np.setdiff1d(np.arange(sum(width)), self._known_at)
        self._view_of = np.repeat(np.arange(len(views)), [len(view.features) for view in views])

    def of(self, requests: Columns) -> Found:
        """The numbers of all features, one row per request, in the order of `names`."""
        rows = arrays.length(requests)
        if not self.views:
            return Found(np.empty((rows, 0)), np.zeros((rows, 0), np.int8), False)
        keys = _keys(self.views, requests)
        kept, failed = self._ask(keys)
        decided_at = requests[DECIDED_AT].view(np.int64)
        if self._ahead:
            kept = self._at_decision(kept, decided_at)
        look_up = self._few if rows <= FEW else self._many
        try:
            numbers, states = look_up(kept, decided_at)
            bad = bool(np.isinf(numbers).any())
        except (struct.error, ValueError, TypeError):  # rows that are not of these views
            bad = True
        if bad:
            numbers, states = look_up(self._whole(keys, kept), decided_at)
        return Found(numbers, states, failed)

    def _at_decision(self, kept: Sequence[Any], decided_at: Array) -> list[Any]:
        """Of values that hold several rows of a view, the newest that was known at the decision."""
        rows, found = len(decided_at), list(kept)
        for view in self._ahead:
            size = self._read[view].record.size
            for at in range(view * rows, (view + 1) * rows):
                value = found[at]
                if isinstance(value, bytes) and len(value) > size and len(value) % size == 0:
                    known_at = np.frombuffer(value, "<i8")[:: size // 8]
                    row = max(0, int(np.searchsorted(known_at, decided_at[at - view * rows], "right")) - 1)
                    found[at] = value[row * size : (row + 1) * size]
        return found

    def _whole(self, keys: Sequence[str], kept: Sequence[Any]) -> list[bytes | None]:
        """The rows that are of these views, and None for the others, each of which is said once."""
        rows, found = len(keys) // len(self._read), list(kept)
        for at, (key, value) in enumerate(zip(keys, kept, strict=True)):
            record = self._read[at // rows].record
            whole = isinstance(value, bytes) and len(value) == record.size
            if value is None or (whole and not any(map(math.isinf, record.unpack(value)[1:]))):
                continue
            found[at] = None
            if key not in self._said and len(self._said) < SAID_MAX:
                self._said.add(key)
                LOG.warning("the feature store's row %r is not one of its view, and is missing", key[:200])
        return found

    def _few(self, kept: Sequence[bytes | None], decided_at: Array) -> tuple[Array, Array]:
        """What `_many` gives, for rows so few that calling numpy would take longer than the work."""
        numbers, states, rows = [], [], len(decided_at)
        for row, decided in enumerate(decided_at.tolist()):
            values: list[float] = []
            ages: list[float] = []
            for at, view in enumerate(self._read):
                known_at, *given = view.record.unpack(_or(kept[at * rows + row], view.blank))
                age = decided - known_at
                state = MISSING if known_at == NEVER or age < 0 else STALE if age > view.ttl else FRESH
                states.append(state)
                values += given if state == FRESH else view.nothing
                if view.aged:
                    ages.append(age / HOUR if state == FRESH else np.nan)
            numbers.append(values + ages)
        return np.array(numbers), np.array(states, np.int8).reshape(rows, -1)

    def _many(self, kept: Sequence[bytes | None], decided_at: Array) -> tuple[Array, Array]:
        """Numbers (rows, names) and states (rows, views), of what the store keeps, view by view."""
        rows = len(decided_at)
        numbers = np.empty((rows, self._width))
        for at, (view, first, last) in enumerate(self._places):
            blank = view.blank
            records = [_or(found, blank) for found in kept[at * rows : (at + 1) * rows]]
            if set(map(len, records)) != {len(blank)}:  # two of them might make up for each other
                raise ValueError("rows of another length")
            packed = b"".join(records)
            numbers[:, first:last] = np.frombuffer(packed, np.float64).reshape(rows, last - first)
        known_at = numbers[:, self._known_at].view(np.int64)  # the same bits, read as the integers they are
        absent = (known_at == NEVER) | (known_at > decided_at[:, None])
        age = np.where(absent, 0, decided_at[:, None] - np.maximum(known_at, -LONG_AGO))  # no overflow
        states = np.where(absent, MISSING, np.where(age > self._ttl, STALE, FRESH)).astype(np.int8)
        fresh = states == FRESH
        values = np.where(fresh[:, self._view_of], numbers[:, self._values], np.nan)
        if self._aged:
            ages = np.where(fresh[:, self._aged], age[:, self._aged] / HOUR, np.nan)
            values = np.concatenate([values, ages], axis=1)
        return values, states

    def as_of(self) -> str | None:
        """The instant of which the store's rows are; None where there are none, or nobody answers."""
        try:
            return self._store.as_of()
        except Exception as error:
            self._failed(error)
            return None

    @property
    def failing(self) -> bool:
        """Whether the store failed a moment ago."""
        return time.monotonic() < self._rest_until

    def _ask(self, keys: list[str]) -> tuple[list[bytes | None], bool]:
        if self.failing:
            return [None] * len(keys), True
        try:
            return self._store.get(keys), False
        except Exception as error:  # whatever a store does, a request is answered
            self._failed(error)
            return [None] * len(keys), True

    def _failed(self, error: Exception) -> None:
        self._rest_until = time.monotonic() + REST
        LOG.warning("online features cannot be read, and are served as missing: %s", error)


def _or(found: bytes | None, blank: bytes) -> bytes:
    """A row, or that of none; one that is empty is a bad one."""
    return blank if found is None else found


def row(view: View, entity: Iterable[Any], known_at: int, values: Sequence[float]) -> tuple[str, bytes]:
    """What a store keeps of an entity: key, and since when (microseconds since 1970, UTC) with features."""
    return _key(view.name, entity), _pack(known_at, values)


def _pack(known_at: int, values: Sequence[float]) -> bytes:
    return struct.pack(f"<q{len(values)}d", known_at, *values)


def _key(view: str, entity: Iterable[Any]) -> str:
    return "\x1f".join([view, *map(str, entity)])


def _keys(views: Sequence[View], requests: Columns) -> list[str]:
    """The key of each request in the first view, then in the second, and so on."""
    needed = {name for view in views for name in view.entity}
    texts = {name: list(map(str, requests[name].tolist())) for name in needed}
    rows = arrays.length(requests)
    keys: list[str] = []
    for view in views:
        parts = (texts[name] for name in view.entity)
        keys += map("\x1f".join, zip([view.name] * rows, *parts, strict=True))
    return keys
