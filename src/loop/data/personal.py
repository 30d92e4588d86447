"""What of a request may be kept, before anything reaches a disk; and how a label finds it again."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from loop.base.errors import LoopError
from loop.data import columns
from problem import schema


def marks() -> dict[str, str]:
    """What the contract of requests calls personal: how each column is to be kept (drop or hash)."""
    found = {name: (column.metadata or {}).get("personal") for name, column in schema.REQUEST.columns.items()}
    return {name: mark for name, mark in found.items() if mark}


class Personal:
    """What of a request may be kept: columns marked `drop` are left out, `hash` are keyed hashes."""

    def __init__(self, marks: Mapping[str, str], key: bytes | None) -> None:
        unknown = {name: mark for name, mark in marks.items() if mark not in ("drop", "hash")}
        if unknown:
            raise LoopError(
                f"src/problem/schema.py marks {unknown} as personal",
                'metadata={"personal": "drop"} or {"personal": "hash"}',
                "fix the mark in REQUEST",
            )
        hashed = sorted(name for name, mark in marks.items() if mark == "hash")
        if hashed and key is None:
            raise LoopError(
                f"the contract hashes {', '.join(hashed)}, and there is no key",
                "LOOP_PERSONAL_KEY_FILE, a file with a secret of its own",
                "`openssl rand -hex 32 > FILE`, and keep it: with another key, hashes no longer join",
            )
        self._marks, self._key = dict(marks), key

    def __bool__(self) -> bool:
        return bool(self._marks)

    def kept(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The request as it may be kept."""
        kept = {name: value for name, value in request.items() if self._marks.get(name) != "drop"}
        for name, mark in self._marks.items():
            if mark == "hash" and kept.get(name) is not None:
                kept[name] = self.hashed(_parsed(name, kept[name]))
        return kept

    def hidden(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A frame of the source with its hashed columns as the log has them."""
        names = [name for name, mark in self._marks.items() if mark == "hash" and name in frame]
        return frame.assign(**{name: self.hashes(frame[name]) for name in names})

    def hashes(self, values: pd.Series) -> pd.Series:
        """The hash of each value, None where it is missing."""
        known = values.dropna()
        texts = pd.Series(list(map(self.hashed, known)), index=known.index, dtype="object")
        return texts.reindex(values.index)

    def hashed(self, value: Any) -> str:
        """The keyed hash (HMAC-SHA256) of a value's text, the same for a request and for a column."""
        return hmac.new(self._key or b"", _text(value).encode(), hashlib.sha256).hexdigest()


def _parsed(name: str, value: Any) -> Any:
    """A value of a request, an instant as one: callers write the same in several ways."""
    column = schema.REQUEST.columns.get(name)
    is_time = column is not None and columns.plain(column) is datetime
    return datetime.fromisoformat(value) if is_time else value


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)
