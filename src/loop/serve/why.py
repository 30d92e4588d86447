"""`loop explain`: why a request on record got its score, by the model that gave it.

The model runs by the code of its own commit: here where that is the code of this checkout, else in a
worktree, as `python -m loop.serve.why RECORD ANSWER`. What is personal was not kept; where the model
needs it, the explanation speaks of another's value, and the gap between the scores says so.
"""

import json
import math
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loop.base.errors import LoopError, guard
from loop.base.files import write_json
from loop.base.markup import plain
from loop.base.template import fill
from loop.data import columns as arrays
from loop.data import personal, score_columns
from loop.data.columns import Columns
from loop.data.features import DECIDED_AT
from loop.model import lineage
from loop.model.artifacts import Stored
from loop.repo.commit import CHANGED, Commit, of_model
from loop.repo.git import git, has
from loop.repo.worktree import checkout
from loop.serve import find, loaded_model, online
from loop.serve.explain import Explainer
from loop.settings import serve_settings
from loop.settings.paths import ENVIRONMENT_LOCK, LINEAGE, MODEL, PARAMS, REFERENCE
from problem import features as problem_features
from problem import schema

SAME = 1e-6  # how far a score may be from the one on record
CODE = ["src", str(LINEAGE), str(ENVIRONMENT_LOCK), str(PARAMS)]
SHOWN = 12


def main(request_id: str, brief: Callable[[dict[str, Any]], str]) -> str:
    """Why each prediction of a request is what it is; `brief` says which version made it.

    Raises LoopError for a request that is not on record, and a model that cannot be had.
    """
    parts = []
    for record in find.find(request_id):
        parts.append(f"{brief(record)}\n{_text(record, explained(record))}")
    return "\n\n".join(parts)


def explained(record: dict[str, Any]) -> dict[str, Any]:
    """The explanation of a record, made by the code of its commit; see `explain`."""
    asked, commit = _plain(record), _elsewhere(record)
    if commit is None:
        return explain(asked)
    with tempfile.TemporaryDirectory() as folder, checkout(commit, Path.cwd()) as home:
        question, answer = Path(folder, "record.json"), Path(folder, "answer.json")
        write_json(question, asked)
        stored = Stored(commit, home.path)
        for path in (MODEL, REFERENCE):
            stored.need(path)
        home.ask("why", str(question), str(answer))
        found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return found


def explain(record: dict[str, Any]) -> dict[str, Any]:
    """Score, threshold, base and contributions of a record by this checkout's model, and what it saw.

    `values` are the features that contributed, `unseen` the views of which nothing was known.
    """
    model = loaded_model.load()
    columns = columns_of(record, model)
    found = Explainer(model).explain(columns, 0)
    matrix = dict(zip(model.names, model.matrix(columns)[0].tolist(), strict=False))
    return {
        "score": float(score_columns.top(model.scores(columns))[0]),
        "threshold": serve_settings.params().threshold,
        "base": found.base,
        "contributions": found.contributions,
        "values": {name: _value(name, columns, matrix) for name in found.contributions},
        "unseen": [
            view.name
            for view in problem_features.VIEWS
            if all(math.isnan(columns[name][0]) for name in view.features)
        ],
    }


def columns_of(record: dict[str, Any], model: loaded_model.Model) -> Columns:
    """What the model saw of a record: its request and the features on record, as columns of one row.

    Personal columns hold what the reference rows hold: nothing, or another's.
    """
    request = {DECIDED_AT: record[DECIDED_AT]} | json.loads(record["request"])
    kinds = {name: arrays.kind(column) for name, column in schema.REQUEST.columns.items()}
    known = {name: kind for name, kind in kinds.items() if name not in personal.marks()}
    columns = arrays.of_rows([dict.fromkeys(known) | request], known)
    columns |= {name: model.reference.columns[name][:1] for name in kinds if name not in known}
    numbers = dict(record["features"])
    return columns | {name: np.array([numbers.get(name, np.nan)], np.float64) for name in online.names()}


def _elsewhere(record: dict[str, Any]) -> str | None:
    """The commit whose code and model explain a record; None where this checkout's do, changed or not.

    A model that no commit had when it answered may have been committed since.
    """
    version, said = record["version"], record["commit"] or ""
    commit = said.removesuffix(CHANGED)
    here = LINEAGE.is_file() and lineage.load()["model"]["sha256"].startswith(version)
    if here and (commit != said or not commit):
        return None
    if commit and not has(commit):
        raise LoopError(
            f"commit {commit[:12]}, whose model gave the score, is not in this clone",
            "the whole history",
            "`git fetch origin`, or `git fetch --unshallow origin` in a shallow clone",
        )
    if here and not git("diff", "--name-only", commit, "--", *CODE):
        return None
    if commit and (Commit(commit).model() or "").startswith(version):
        return commit
    if found := of_model(version):
        return found[-1]
    raise LoopError(
        f"model {version}, which gave the score, is neither in {MODEL.parent} nor of any commit here",
        "a model that is still here, or was committed",
        f"edit params and code as they were, on {commit[:12] or 'its commit'}; `make run` makes it again",
    )


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    decided_at = pd.Timestamp(record[DECIDED_AT]).tz_convert("UTC")
    return {
        "version": record["version"],
        DECIDED_AT: decided_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "request": record["request"],
        "features": dict(record["features"]),
    }


def _value(name: str, columns: Columns, matrix: dict[str, float]) -> Any:
    """A feature's value as it was asked, or as the model sees what was made of it; None for none."""
    value = columns[name][0] if name in columns else matrix.get(name)
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    plain_value = value.item() if isinstance(value, np.generic) else value
    return plain_value if isinstance(plain_value, bool | int | float | str) else f"{plain_value} UTC"


def _text(record: dict[str, Any], why: dict[str, Any]) -> str:
    values = {"record": record, "why": why, "shown": _shown, "most": SHOWN, "same": SAME}
    return fill("loop.serve", "why.txt.j2", **values).rstrip("\n")


def _shown(value: Any) -> str:
    if value is None:
        return "not known"
    return format(value, ".6g") if isinstance(value, float) else plain(value, 60)


def _answer(question: str, answer: str) -> None:
    write_json(Path(answer), explain(json.loads(Path(question).read_text(encoding="utf-8"))))


if __name__ == "__main__":
    guard(lambda: _answer(*sys.argv[1:]))
