"""Reference rows: what a model sees of a few requests and the score it gave each, to the bit.

A server holds itself to them before it answers, and explains its answers against them. They are
the golden requests and a sample of the training rows, without the values of columns that the contract
calls personal; where the model needs those, they are shuffled among the rows.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loop.base import files
from loop.base.errors import LoopError
from loop.data import columns, features, personal
from loop.data.columns import Array, Columns
from loop.data.training_sample import Stored
from problem import model as problem_model
from problem import schema

LOG = logging.getLogger(__name__)
SAMPLE = 256


@dataclass(frozen=True)
class Reference:
    """Columns of the rows and the score of each; the last SAMPLE rows, or fewer, are the sample."""

    columns: Columns
    scores: Array
    golden: int


def of(model: Any, golden: pd.DataFrame, train: pd.DataFrame | Stored, seed: int) -> dict[str, Any]:
    """The reference as plain values: golden examples first, then a sample of `train` by the seed."""
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(train), min(SAMPLE, len(train)), replace=False))
    rows = features.known(pd.concat([golden[train.columns], train.take(chosen)], ignore_index=True))
    for name in personal.marks():
        rows[name] = _nobodys(model, rows, name, rng)
    return {
        "golden": len(golden),
        "types": {str(name): columns.plain_type(schema.EXAMPLE.columns[name]) for name in rows},
        "columns": {str(name): [_plain(value) for value in rows[name]] for name in rows},
        "scores": np.asarray(problem_model.score(model, rows), np.float64).tolist(),
    }


def _nobodys(model: Any, rows: pd.DataFrame, name: str, rng: np.random.Generator) -> pd.Series:
    """A personal column without its values; shuffled among the rows if the model needs them."""
    scores = problem_model.score(model, rows)
    blank = pd.Series([None] * len(rows), index=rows.index, dtype=object)
    try:
        if np.array_equal(problem_model.score(model, rows.assign(**{name: blank})), scores):
            return blank
    except Exception as error:
        LOG.info("the model needs `%s`: %s", name, type(error).__name__)
    shuffled = rows[name].iloc[rng.permutation(len(rows))]
    return shuffled.set_axis(rows.index)


def read(path: Path) -> Reference:
    """The reference in a file. Raises LoopError when it is missing or not one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        values = {name: _array(name, values) for name, values in found["columns"].items()}
        return Reference(values, np.array(found["scores"], np.float64), found["golden"])
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
        raise LoopError(
            f"{path} cannot be used: {type(error).__name__}",
            "the reference rows that `evaluate` writes beside the model",
            f"`dvc checkout {path}` for the cached one, or `dvc repro --force evaluate`",
        ) from None


def write(path: Path, reference: dict[str, Any]) -> None:
    """Write the reference as JSON; NaN is refused."""
    files.write_text(path, json.dumps(reference, ensure_ascii=False, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, pd.Timestamp):
        return value.tz_convert("UTC").tz_localize(None).isoformat()
    return value.item() if isinstance(value, np.generic) else value


def _array(name: str, values: list[Any]) -> Array:
    kind = columns.kind(schema.EXAMPLE.columns[name])
    if kind == columns.TIME:
        return np.array(values, columns.TIME)
    if kind == "float64":
        return np.array([np.nan if value is None else value for value in values], np.float64)
    found = np.empty(len(values), object)
    found[:] = values
    return found if kind == "object" else found.astype(kind)
