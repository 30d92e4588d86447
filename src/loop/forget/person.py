"""Who is to be forgotten: values of columns, the keys of their requests, and how to know either again."""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from loop.base.errors import LoopError, UsageError
from loop.data import personal
from loop.data.columns import Array
from loop.data.personal import Personal
from loop.kit.sources import Files
from problem import schema, source

TELLING = 4  # characters from which on a text is looked for wherever it stands


@dataclass(frozen=True)
class Person:
    """Values by column, as texts; their hashes in the log; keys of requests; a keyed hash of all."""

    values: Mapping[str, str]
    hashes: Mapping[str, str]
    id: str
    keys: frozenset[str] = frozenset()
    hashed_keys: frozenset[str] = frozenset()

    def knowing(self, keys: Sequence[str], hider: Personal) -> "Person":
        """The same person with more keys of their requests; each a JSON list of texts."""
        every = self.keys | frozenset(keys)
        marks = personal.marks()
        hidden = {
            json.dumps(
                [
                    hider.hashed(value) if marks.get(name) == "hash" else value
                    for name, value in zip(source.KEY, json.loads(key), strict=True)
                ]
            )
            for key in every
        }
        return replace(self, keys=every, hashed_keys=frozenset(hidden))

    def needles(self) -> list[bytes]:
        """What is looked for wherever it stands: texts that are long enough to mean them, and hashes."""
        texts = [text for text in self.values.values() if len(text) >= TELLING and not _number(text)]
        found: set[bytes] = {one.encode() for one in self.hashes.values()}
        for text in texts:
            found |= {text.encode(), json.dumps(text)[1:-1].encode(), text.encode("utf-16-le")}
            found.add(text.encode("latin-1", "replace") if _latin(text) else text.encode())
        return sorted(found)

    def of(self, frame: pd.DataFrame) -> Array:
        """Which rows are theirs: by their own columns, else by the key of a request."""
        rows = _by_values(frame, self.values)
        if rows is None:
            rows = np.zeros(len(frame), dtype=bool)
            if self.keys and set(source.KEY) <= set(frame):
                rows = np.isin(np.array(keys(frame), dtype=object), list(self.keys))
        return rows

    def logged(self, request: Mapping[str, Any], entity: Mapping[str, Any]) -> bool:
        """Whether a request of the prediction log is theirs: by its columns, else by its key."""
        own = {**self.values, **self.hashes}
        if set(own) <= set(request):
            return all(_text(request[name]) == value for name, value in own.items())
        return json.dumps([_text(entity.get(name)) for name in source.KEY]) in self.hashed_keys


def read(pairs: Sequence[str], columns: Sequence[str], key: bytes | None) -> tuple[Person, Personal]:
    """The person of `COLUMN=VALUE ...`, and what hides values as servers do.

    Raises UsageError for a column that nothing has, LoopError without the key.
    """
    values: dict[str, str] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not value:
            raise UsageError(f"{pair!r} names no column", "COLUMN=VALUE, such as patient=p042", "write it so")
        if name not in columns:
            near = get_close_matches(name, columns, n=1)
            todo = f"did you mean `{near[0]}`?" if near else f"the columns are {', '.join(sorted(columns))}"
            raise UsageError(f"no table and no request has a column {name!r}", "a column of the data", todo)
        values[name] = value
    if key is None:
        raise LoopError(
            "there is no key by which the record of an erasure names nobody",
            "LOOP_PERSONAL_KEY_FILE, a file with a secret; the servers' own, where the contract hashes",
            "`openssl rand -hex 32 > FILE`, keep it outside of the repository, and set it",
        )
    marks = {name: mark for name, mark in personal.marks().items() if mark == "hash"}
    hider = Personal(marks, key)
    said = json.dumps(values, sort_keys=True).encode()
    own = hmac.new(key, b"loop forget\x00" + said, hashlib.sha256).hexdigest()
    hashes = {name: hider.hashed(value) for name, value in values.items() if name in marks}
    return Person(values, hashes, own), hider


def known_columns(tables: Mapping[str, Sequence[str]]) -> list[str]:
    """Columns that a person may be named by: of the contract, and of the tables that the source reads."""
    return sorted({*schema.REQUEST.columns, *(name for names in tables.values() for name in names)})


def keys(frame: pd.DataFrame) -> list[str]:
    """The key of each row as a JSON list of texts."""
    parts = [[_text(value) for value in frame[name].tolist()] for name in source.KEY]
    return [json.dumps(list(key)) for key in zip(*parts, strict=True)]


def files_of_source() -> Iterator[Files]:
    """How the problem declares the files that it reads."""
    return (one for one in vars(source).values() if isinstance(one, Files))


def inside(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame of a file with the names that the problem has for its columns, beside the file's own."""
    for declared in files_of_source():
        for here, there in declared.names.items():
            if there in frame and here not in frame:
                frame = frame.assign(**{here: frame[there]})
    return frame


def _by_values(frame: pd.DataFrame, values: Mapping[str, str]) -> Array | None:
    """Which rows have all values; None where the frame lacks one of the columns."""
    if not set(values) <= set(frame):
        return None
    same = np.ones(len(frame), dtype=bool)
    for name, value in values.items():
        same &= _same(frame[name], value)
    return same


def _same(values: pd.Series, wanted: str) -> Array:
    if pd.api.types.is_bool_dtype(values):
        return values.astype("str").str.lower().eq(wanted.lower()).to_numpy(dtype=bool)
    if pd.api.types.is_numeric_dtype(values):
        number = pd.to_numeric(wanted, errors="coerce")
        return values.eq(number).to_numpy(dtype=bool, na_value=False)
    if pd.api.types.is_datetime64_any_dtype(values):
        at = pd.to_datetime(pd.Series([wanted] * len(values), index=values.index), utc=True, errors="coerce")
        return pd.to_datetime(values, utc=True).eq(at).to_numpy(dtype=bool)
    return values.astype("str").str.strip().eq(wanted).to_numpy(dtype=bool, na_value=False)


def _text(value: Any) -> str:
    """A value as a text, whatever type its file gave it: 12, 12.0 and "12" are one."""
    if isinstance(value, pd.Timestamp):
        return value.tz_convert("UTC").isoformat() if value.tzinfo else value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _number(text: str) -> bool:
    return bool(pd.notna(pd.to_numeric(text, errors="coerce")))


def _latin(text: str) -> bool:
    return all(ord(sign) < 256 for sign in text)
