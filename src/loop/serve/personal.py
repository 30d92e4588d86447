"""What of a request may be kept, before anything reaches a queue or a disk."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from loop.base.errors import LoopError


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
                kept[name] = self.hashed(kept[name])
        return kept

    def hashed(self, value: Any) -> str:
        """The keyed hash (HMAC-SHA256) of a value's text."""
        return hmac.new(self._key or b"", str(value).encode(), hashlib.sha256).hexdigest()
