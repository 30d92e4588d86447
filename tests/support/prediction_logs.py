"""A prediction log as small as it can be, as `loop collect` would have written it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loop.data import prediction_log
from problem import source
from support.states import NOW, version

START = NOW


def key(number: int) -> dict[str, Any]:
    """An entity: the number in every column of the key."""
    return dict.fromkeys(source.KEY, number)


def rows(number: int, role: str, count: int, *, first: int = 0, minutes: float = 10, **changed: Any):
    """Rows of a version in a role: one entity each, a request every so many minutes since START."""
    at = START + pd.to_timedelta(np.arange(first, first + count) * minutes, unit="min")
    made = {
        "id": [f"r{place}" for place in range(first, first + count)],
        "body": 0,
        "at": at,
        "decided_at": at,
        "commit": version(number).commit,
        "role": role,
        "entity": [json.dumps(key(place)) for place in range(first, first + count)],
        "score": 0.5,
        "decision": True,
        "latency_ms": 10.0,
    }
    frame = pd.DataFrame(made | changed)
    return frame.astype({name: kind for name, kind in prediction_log.TYPES.items() if kind != "object"})


def labels(of: pd.DataFrame, label: Any = 1, known_at: pd.Timestamp = START) -> pd.DataFrame:
    """Labels of all entities of a log."""
    found = pd.DataFrame([json.loads(text) for text in of["entity"].drop_duplicates()], columns=source.KEY)
    return found.assign(label=label, label_known_at=known_at)


def write(folder: Path, log: pd.DataFrame) -> None:
    """The log as files by day."""
    (folder / prediction_log.DAYS).mkdir(parents=True, exist_ok=True)
    for day, some in log.groupby(log["at"].dt.strftime("%Y-%m-%d")):
        some.assign(version="x", request="{}").to_parquet(folder / prediction_log.DAYS / f"{day}.parquet")
