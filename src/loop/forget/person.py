"""Who is to be forgotten: values of columns, the keys of their requests, and how to know either again."""

import hashlib
import hmac
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from loop.base.errors import LoopError, UsageError
from loop.data import personal
from loop.data.columns import Array
from loop.data.personal import Personal
from loop.forget import mention
from loop.forget.mention import Mention
from loop.kit.sources import Files
from problem import schema, source

_ZEROS = re.compile(r"\.0+$")


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

    @cached_property
    def mention(self) -> Mention:
        """What mentions them in bytes that are no table."""
        names: dict[str, list[str]] = {name: [] for name in self.values}
        for declared in files_of_source():
            for name, known in names.items():
                known.append(declared.names.get(name, name))
        return mention.of(self.values, self.hashes, names)

    def of(self, frame: pd.DataFrame) -> Array:
        """Which rows are theirs: by their own columns, else by the key of a request."""
        rows = _by_values(frame, self.values, self.hashes)
        if rows is None:
            rows = np.zeros(len(frame), dtype=bool)
            if self.keys and set(source.KEY) <= set(frame):
                rows = np.isin(np.array(keys(frame), dtype=object), list(self.keys))
        return rows

    def logged(self, request: Mapping[str, Any], entity: Mapping[str, Any]) -> bool:
        """Whether a request of the log is theirs: by its columns, else by its key, or by its texts."""
        own = {**self.values, **self.hashes}
        others = {
            name: value for name, value in request.items() if name not in own and isinstance(value, str)
        }
        if others and self.mention.count(json.dumps(others, ensure_ascii=False).encode()):
            return True
        if set(own) <= set(request):
            return all(_equal(_text(request[name]), value) for name, value in own.items())
        return json.dumps([_text(entity.get(name)) for name in source.KEY]) in self.hashed_keys

    def stored(self, view: Sequence[str] | None, parts: Sequence[str]) -> bool:
        """Whether a row of the store is theirs: by the columns of its view's entity, where it is known.

        Of several columns that name them, those marked personal suffice: a clinic alone is of many.
        """
        named = dict(zip(view or [], parts, strict=False))
        shared = {name: value for name, value in named.items() if name in self.values}
        if shared and (set(shared) == set(self.values) or set(shared) & set(personal.marks())):
            return all(_equal(value, self.values[name]) for name, value in shared.items())
        if all(len(one) >= mention.TELLING and not mention.number(one) for one in self.values.values()):
            return all(
                any(_equal(part, value) or part == self.hashes.get(name) for part in parts)
                for name, value in self.values.items()
            )
        return False


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


def _by_values(frame: pd.DataFrame, values: Mapping[str, str], hashes: Mapping[str, str]) -> Array | None:
    """Which rows have all values, or their hashes; None where the frame lacks one of the columns."""
    if not set(values) <= set(frame):
        return None
    same = np.ones(len(frame), dtype=bool)
    for name, value in values.items():
        same = same & _same(frame[name], value, hashes.get(name, value))
    return same


def _same(values: pd.Series, wanted: str, hashed: str) -> Array:
    if pd.api.types.is_bool_dtype(values):
        return values.astype("str").str.lower().eq(wanted.lower()).to_numpy(dtype=bool)
    if pd.api.types.is_numeric_dtype(values):
        number = pd.to_numeric(wanted, errors="coerce")
        return values.eq(number).to_numpy(dtype=bool, na_value=False)
    if pd.api.types.is_datetime64_any_dtype(values):
        at = pd.to_datetime(pd.Series([wanted] * len(values), index=values.index), utc=True, errors="coerce")
        return pd.to_datetime(values, utc=True).eq(at).to_numpy(dtype=bool)
    texts = values.astype("str").str.strip()
    same = texts.isin([wanted, hashed])
    if not wanted.isascii():
        same |= texts.str.normalize("NFC").eq(unicodedata.normalize("NFC", wanted))
    if wanted.lstrip("-").isdecimal():  # a column of whole numbers with gaps is written as 12.0
        same |= texts.str.replace(_ZEROS, "", regex=True).eq(wanted)
    return same.to_numpy(dtype=bool, na_value=False)


def _equal(one: str, other: str) -> bool:
    return one == other or unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


def _text(value: Any) -> str:
    """A value as a text, whatever type its file gave it: 12, 12.0 and "12" are one."""
    if isinstance(value, pd.Timestamp):
        return value.tz_convert("UTC").isoformat() if value.tzinfo else value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
