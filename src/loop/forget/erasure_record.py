"""The record of an erasure: it proves to a holder of the key that it was done, and names nobody.

`person` is a keyed hash (HMAC-SHA256): without the key nobody can try names. It is none that the prediction
log has, so a copy of the log and the record do not meet.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loop.base import files
from loop.history.registry import FORGOTTEN, erasures
from loop.settings.yaml_file import load


def known(person: str) -> dict[str, Any] | None:
    """What the record says of a person, by their keyed hash."""
    return next((one for one in erasures() if one["person"] == person), None)


def add(
    person: str,
    day: str,
    columns: Sequence[str],
    rows: Mapping[str, int],
    models: Sequence[str],
    left: Sequence[str],
) -> None:
    """Write or renew the entry of a person."""
    entry = {
        "person": person,
        "day": day,
        "columns": sorted(columns),
        "erased": dict(rows),
        "trained models": list(models),
        "left": list(left),
    }
    others = [one for one in erasures() if one["person"] != person]
    files.write_json(FORGOTTEN, [*others, entry])


class Begun:
    """What an erasure knew when it began, outside of git, until it is done: a run that was killed goes on."""

    def __init__(self, person: str) -> None:
        self.path = Path(f".dvc/tmp/forget-{person[:16]}.json")

    def read(self) -> dict[str, Any] | None:
        """What was kept; None where nothing was begun."""
        return load(self.path) if self.path.is_file() else None

    def write(self, what: Mapping[str, Any]) -> None:
        """Keep it."""
        files.write_text(self.path, json.dumps(what))

    def end(self) -> None:
        """The erasure is done: nothing of it is kept."""
        self.path.unlink(missing_ok=True)
