"""Both sides on the same rows: each by the code and lock of its own commit, on rows that neither knew."""

import ast
import sys
from collections.abc import Iterator
from contextlib import ExitStack, chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from loop.base.errors import LoopError
from loop.compare.sides import Side
from loop.data import score_columns
from loop.repo import dvc_lock
from loop.repo.commit import Commit
from loop.repo.worktree import Checkout, checkout
from loop.review import candidate, champion, changes, compare
from loop.review.base import Base
from loop.review.champion import Champion
from loop.review.compare import Rows
from loop.review.verdict import Changes
from loop.settings import params
from loop.settings.paths import PARAMS, PIPELINE_LOCK

SOURCE = "src/problem/source.py"


@dataclass(frozen=True)
class Made:
    """What a side made: its examples of the rows that are compared, their predictions, and how it was had.

    home: where its model can be asked.
    """

    side: Side
    home: Checkout
    md5: str
    holdout: pd.DataFrame
    predictions: pd.DataFrame
    train: pd.DataFrame | None
    windows: params.Windows
    how: str


@dataclass(frozen=True)
class Both:
    """Both sides, in order, what differs between them, and the rows that both scored."""

    first: Made
    second: Made
    changes: Changes
    rows: Rows


@contextmanager
def both(first: Side, second: Side, settings: params.Resampling) -> Iterator[Both]:
    """Both sides while their worktrees last; only the second may be the working tree.

    Judged is on the holdout that ends later, less what either was trained on. Raises LoopError where a side
    cannot be had, and where no row, label or class is that of both.
    """
    sides = (first, second)
    with ExitStack() as stack:
        homes: list[Checkout] = []
        for side in sides:
            homes.append(
                stack.enter_context(checkout(side.commit, Path.cwd())) if side.commit else _here(homes)
            )
        _same_keys([(one.title, _key(home.path)) for one, home in zip(sides, homes, strict=True)])
        base = _base(first)
        with chdir(homes[1].path):  # what changed is read from a tree
            found = changes.in_git(base)
        windows = [_windows(side) for side in sides]
        later = int(second.commit is None or windows[0].holdout.until <= windows[1].holdout.until)
        made = [
            _made(side, home, windows[later], sides[later]) for side, home in zip(sides, homes, strict=True)
        ]
        _same_classes(*made)
        before, after = (compare.scored(one.holdout, one.predictions, one.side.title) for one in made)
        rows = compare.align(after, before, settings)
        with chdir(homes[1].path):
            found = changes.with_results(found, base, made[1], _champion(made[0]), settings.cluster)
        yield Both(made[0], made[1], found, rows)


def _here(homes: list[Checkout]) -> Checkout:
    return Checkout(Path.cwd(), Path(sys.executable), homes[0].group if homes else None)


def _base(side: Side) -> Base:
    """A commit as the base of a comparison: what differs is counted from itself."""
    commit = str(side.commit)
    return Base(side.name, commit, commit)


def _windows(side: Side) -> params.Windows:
    if side.commit is None:
        return params.section("windows", params.Windows)
    where = Path(f"{PARAMS} of {side.title}")
    return params.of_commit("windows", Commit(side.commit).yaml(PARAMS), params.Windows, where)


def _made(side: Side, home: Checkout, windows: params.Windows, judged_by: Side) -> Made:
    """A side on the holdout of `windows`, which are those of `judged_by`."""
    if side.commit is None:
        own = candidate.take()
        how = "its predictions in this tree"
        return Made(side, home, own.md5, own.holdout, own.predictions, own.train, own.windows, how)
    try:
        found = champion.bring(_base(side), home, windows, _lock(judged_by))
    except LoopError as error:
        said = (
            text.replace("the champion", side.title) for text in (error.found, error.expected, error.todo)
        )
        raise LoopError(*said) from None
    return Made(
        side, home, found.md5, found.examples, found.predictions, found.train, found.windows, found.how
    )


def _lock(side: Side) -> dict[str, Any]:
    found = dvc_lock.read() if side.commit is None else Commit(side.commit).yaml(PIPELINE_LOCK)
    return found if isinstance(found, dict) else {}


def _champion(made: Made) -> Champion:
    return Champion(made.md5, made.holdout, made.predictions, made.train, made.windows, made.how)


def _key(tree: Path) -> frozenset[str] | None:
    """KEY of a tree's src/problem/source.py, if it stands there as plain text: its code is not run for it."""
    try:
        for line in ast.parse((tree / SOURCE).read_bytes()).body:
            if isinstance(line, ast.Assign) and [ast.unparse(one) for one in line.targets] == ["KEY"]:
                return frozenset(ast.literal_eval(line.value))
    except (OSError, SyntaxError, ValueError, TypeError):
        return None
    return None


def _same_keys(keys: list[tuple[str, frozenset[str] | None]]) -> None:
    """Raise LoopError where no row of one side can be one of the other's, before either is made."""
    known = [(title, key) for title, key in keys if key is not None]
    if len({key for _, key in known}) > 1:
        told = "; ".join(f"{title} has {', '.join(sorted(key))}" for title, key in known)
        raise LoopError(f"KEY of {SOURCE} differs: {told}", "two models of one problem", "compare others")


def _same_classes(first: Made, second: Made) -> None:
    """Raise LoopError where the sides, or this tree's metrics, know another number of classes."""
    counts = [_classes(one.predictions) for one in (first, second)]
    here = len(score_columns.CLASSES)
    if len({*counts, here}) > 1:
        told = [
            f"{one.side.title} has {count or 'no'}"
            for one, count in zip((first, second), counts, strict=True)
        ]
        raise LoopError(
            f"the classes differ: {', '.join(told)}, this tree {here or 'no'}",
            "two models of the CLASSES of src/problem/source.py that this tree has",
            "compare commits of one target, from a tree of that target",
        )


def _classes(predictions: pd.DataFrame) -> int:
    return len(predictions["scores"].iloc[0]) if "scores" in predictions and len(predictions) else 0
