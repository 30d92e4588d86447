"""What the estimator of a fitted Pipeline looks at: the columns that its transforms make of an example.

An input that is one column of the example, whatever was done to it, goes by that column's name. One that is
made of an instant, or of several columns, is a column of its own: an hour of the day, a duration.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from loop.data import features
from loop.stats.arrays import Floats
from problem import model as problem_model

ROWS, FEW = 2000, 200  # that importance is taken on; that show which input is made of which column
MADE_MAX = 50  # columns of their own; beyond, those of the same columns count as one


@dataclass(frozen=True)
class Looked:
    """`weights`: permutation importance by column, which adds up to 1; `made`: those that no example has."""

    weights: dict[str, float]
    made: dict[str, list[int]]


def looked_at(model: Any, examples: pd.DataFrame, seed: int) -> Looked | None:
    """Every input of the estimator with its share of the moves of the score; None for a model that has none.

    Permutation importance on the score itself (Fisher, Rudin and Dominici 2019), so it needs no label.
    """
    if len(getattr(model, "steps", [])) < 2 or examples.empty:
        return None
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(examples), min(ROWS, len(examples)), replace=False))
    rows = features.known(examples.iloc[chosen].reset_index(drop=True))
    inputs = _inputs(model, rows)
    columns = _columns(model, rows[:FEW], inputs[:FEW], rng)
    score: Any = problem_model.score  # of the estimator alone, which takes what the transforms made
    try:
        base = score(model[-1:], inputs)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None
    shifts = {}
    for name, places in columns.items():
        shuffled = inputs.copy()
        shuffled[:, places] = inputs[rng.permutation(len(rows))][:, places]
        shifts[name] = float(np.abs(score(model[-1:], shuffled) - base).mean())
    total = sum(shifts.values())
    weights = {name: shift / total if total else 0.0 for name, shift in shifts.items()}
    return Looked(weights, {name: places for name, places in columns.items() if name not in rows})


def made(model: Any, examples: pd.DataFrame, columns: dict[str, list[int]]) -> pd.DataFrame:
    """The columns that the Pipeline makes, a row per example; of several inputs their sum."""
    inputs = _inputs(model, features.known(examples))
    return pd.DataFrame(
        {name: inputs[:, places].sum(axis=1) for name, places in columns.items()}, examples.index
    )


def _inputs(model: Any, rows: pd.DataFrame) -> Floats:
    found = model[:-1].transform(rows)
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found, np.float64)


def _columns(
    model: Any, rows: pd.DataFrame, inputs: Floats, rng: np.random.Generator
) -> dict[str, list[int]]:
    """Name -> places of the inputs that are that column, found by shuffling one column after the other."""
    of: list[list[str]] = [[] for _ in range(inputs.shape[1])]
    for name in map(str, rows):
        shuffled = rows.assign(**{name: rows[name].iloc[rng.permutation(len(rows))].array})
        other = _inputs(model, shuffled)
        same = (other == inputs) | (np.isnan(other) & np.isnan(inputs))
        for changed in np.flatnonzero(~same.all(axis=0)).tolist():
            of[changed].append(name)
    names, found = _names(model, len(of)), dict[str, list[int]]()
    own = [place for place, source in enumerate(of) if source and not _plain(source, rows)]
    for place, source in enumerate(of):
        if not source:
            continue  # the same for all
        if _plain(source, rows):
            name = source[0]
        else:
            name = names[place] if len(own) <= MADE_MAX else " and ".join(source)
            name = f"{name} (made)" if name in rows else name
        found.setdefault(name, []).append(place)
    return found


def _plain(source: list[str], rows: pd.DataFrame) -> bool:
    return len(source) == 1 and not pd.api.types.is_datetime64_any_dtype(rows[source[0]])


def _names(model: Any, count: int) -> list[str]:
    try:
        return [str(name) for name in model[:-1].get_feature_names_out()]
    except (AttributeError, ValueError):
        return [f"input {place}" for place in range(1, count + 1)]
