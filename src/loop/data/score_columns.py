"""Scores as arrays and in frames: one number a row, or one for each of the problem's classes.

An array of scores is (rows,), or (rows, classes) in the order of CLASSES. A frame has `score`, one number in
either case: with classes the probability of the likeliest. Beside it, `scores` holds those of all classes.
"""

from typing import Any

import numpy as np
import pandas as pd

from loop.kit.types import Array
from problem import source

CLASSES: tuple[str, ...] = tuple(getattr(source, "CLASSES", ()))
NAMES = ["score", "scores"] if CLASSES else ["score"]


def columns(found: Array, index: Any = None) -> pd.DataFrame:
    """Scores as the columns of a frame, `NAMES`."""
    frame = pd.DataFrame({"score": top(found)}, index)
    return frame.assign(scores=pd.Series(list(found), frame.index, dtype=object)) if found.ndim > 1 else frame


def array(frame: pd.DataFrame) -> Array:
    """The scores of a frame as float64: (rows,), or (rows, classes)."""
    if "scores" not in frame:
        return frame["score"].to_numpy(np.float64)
    return np.array(frame["scores"].tolist(), np.float64) if len(frame) else nothing()


def nothing() -> Array:
    """The scores of no rows."""
    return np.empty((0, len(CLASSES)) if CLASSES else 0)


def top(found: Array) -> Array:
    """One number a row: the score, or that of the likeliest class."""
    return found.max(axis=1) if found.ndim > 1 else found


def likeliest(found: Array) -> list[str]:
    """The name of each row's likeliest class; of several the first."""
    return [CLASSES[place] for place in found.argmax(axis=1).tolist()]


def event(label: Array, found: Array) -> tuple[Array, Array]:
    """Label and score as one number each, whose means are to agree; a label that is missing stays so.

    With classes: whether the likeliest class is the true one, and its probability.
    """
    if found.ndim == 1:
        return label, found
    right = (found.argmax(axis=1) == label).astype(np.float64)
    return np.where(np.isnan(label), np.nan, right), top(found)
