"""The rows whose score changed most, and why: what each column adds to the score of either model.

Both models are asked through `loop.scorer`, by their own code: columns of the examples are moved one by
one from other rows' values to the row's own, in the same orders for both, so that what differs is the models.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loop.base import files
from loop.compare.same_rows import Both, Made
from loop.data import features, personal, score_columns
from loop.review import error_slices
from loop.stats import shapley
from loop.stats.bootstrap import Floats
from problem import source

SHOWN, EXPLAINED, REASONS = 10, 5, 5  # rows; of these with reasons; reasons of each
CELLS = 50_000_000  # of the rows that are asked about: 400 MB
BACKGROUND = 256  # rows that others' values come from
SEED = 1


@dataclass(frozen=True)
class Reason:
    """A column, its value in the row, and what it adds to the score of either model."""

    column: str
    value: str
    first: float
    second: float


@dataclass(frozen=True)
class ChangedRow:
    """A row by its place in the second side's holdout and its key, its scores, its losses, and the reasons.

    With classes a score is that of the class which is likeliest by the second side.
    """

    place: int
    key: dict[str, str]
    of: str | None  # class
    label: str
    scores: tuple[float, float]
    losses: tuple[float, float] | None
    bases: tuple[float, float] | None = None
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class Asked:
    """A model's contributions to the score of each row (rows, columns), and the base that they start from."""

    rows: pd.DataFrame
    bases: list[float]
    added: list[Floats]


def find(found: Both) -> list[ChangedRow]:
    """The rows that changed most, the largest change first; none where no score changed."""
    rows = found.rows
    moves = moved(*rows.scores)
    order = np.argsort(-moves, kind="stable")[:SHOWN]
    order = order[moves[order] > 0]
    if not len(order):
        return []
    examples = rows.examples.iloc[order]
    classes = [int(one.argmax()) if one.ndim else None for one in rows.scores[1][order]]
    losses = [error_slices.losses(rows.label, scores) for scores in rows.scores]
    places = error_slices.place(examples, found.second.holdout)
    told = [
        ChangedRow(
            place=place,
            key=error_slices.shown(row, source.KEY),
            of=None if of is None else score_columns.CLASSES[of],
            label=_label(rows.label[at]),
            scores=_pair([_of(scores[at], of) for scores in rows.scores]),
            losses=_pair([one[1][at] for one in losses if one]) if all(losses) else None,
        )
        for at, of, place, (_, row) in zip(order, classes, places, examples.iterrows(), strict=True)
    ]
    sides = (found.first, found.second)
    width = max(features.known(side.holdout).shape[1] for side in sides)
    many = max(1, min(EXPLAINED, CELLS // (shapley.ORDERS * width * (width + 1))))
    asked = [_asked(side, examples.iloc[:many], rows.examples, classes) for side in sides]
    return [explained(row, at, asked) if at < many else row for at, row in enumerate(told)]


def moved(first: Floats, second: Floats) -> Floats:
    """How far each row's score moved; with classes, how much probability went to another class."""
    gap = np.abs(second - first)
    return gap if gap.ndim == 1 else np.asarray(gap.sum(axis=1) / 2)


def explained(row: ChangedRow, at: int, asked: list[Asked]) -> ChangedRow:
    """A row with the columns that its change rests on, the largest difference first.

    A value is that of the second side, or of the first for a column that it alone has.
    """
    added = [dict(zip(side.rows, side.added[at].tolist(), strict=True)) for side in asked]
    values = dict(asked[0].rows.iloc[at].items()) | dict(asked[1].rows.iloc[at].items())
    both = [(name, *(side.get(name, 0.0) for side in added)) for name in {**added[1], **added[0]}]
    both = sorted((one for one in both if one[1] != one[2]), key=lambda one: -abs(one[2] - one[1]))
    reasons = tuple(
        Reason(name, _shown(name, values), first, second) for name, first, second in both[:REASONS]
    )
    bases = _pair([side.bases[at] for side in asked])
    return ChangedRow(**{**vars(row), "bases": bases, "reasons": reasons})


def _asked(side: Made, rows: pd.DataFrame, every: pd.DataFrame, classes: list[int | None]) -> Asked:
    """The model of a side asked about some rows, against others among `every`; each as the side has it."""
    keyed = features.known(side.holdout).set_index(source.KEY, drop=False)
    own = keyed.loc[_keys(rows)]
    step = max(1, len(every) // BACKGROUND)
    background = keyed.loc[_keys(every.iloc[::step])]
    walks = shapley.walks(own.shape[1], len(background), SEED)
    steps = pd.concat(
        [stepped(own.iloc[[at]], background, walks) for at in range(len(own))], ignore_index=True
    )
    with tempfile.TemporaryDirectory() as folder, side.home.scorer() as scorer:
        question, answer = Path(folder, "rows.parquet"), Path(folder, "scores.parquet")
        files.write_table(question, steps)
        scorer.ask(score=str(question), to=str(answer))
        scores = score_columns.array(files.read_table(answer))
    parts = np.split(scores, len(own))
    told = [_of(part, of) for part, of in zip(parts, classes, strict=False)]
    found = [walks.contributions(part.reshape(len(walks.orders), -1)) for part in told]
    return Asked(own, [base for base, _ in found], [added for _, added in found])


def stepped(row: pd.DataFrame, background: pd.DataFrame, walks: shapley.Walks) -> pd.DataFrame:
    """The rows of all walks to a row, walk by walk, step by step: each column its own type."""
    both = pd.concat([background, row], ignore_index=True)
    places = np.where(walks.own(), len(background), walks.starts[:, None, None]).reshape(-1, row.shape[1])
    columns = {name: both[name].take(places[:, at]).array for at, name in enumerate(both)}
    return pd.DataFrame(columns)


def _keys(rows: pd.DataFrame) -> pd.Index:
    return rows.set_index(source.KEY).index


def _of(scores: Any, of: int | None) -> Any:
    """Scores as they are, or of a class."""
    return scores if of is None else scores[..., of]


def _pair(values: list[float]) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def _label(value: float) -> str:
    return score_columns.CLASSES[int(value)] if score_columns.CLASSES else f"{value:.6g}"


def _shown(name: str, values: dict[Any, Any]) -> str:
    if name in personal.marks():
        return "personal"
    value = values.get(name)
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return "not known"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
