"""The model that a server answers with: loaded by its hash, held to its reference rows, compiled.

Three things are compared on the reference rows: the Pipeline in this environment with the scores that
`evaluate` wrote, or nothing is served; the compiled model with the Pipeline, or the Pipeline is.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from loop.base.errors import LoopError
from loop.data import columns as arrays
from loop.data.columns import Array, Columns
from loop.model import lineage, model_file
from loop.model import reference_rows as reference
from loop.model.reference_rows import Reference
from loop.serve import compiled
from loop.settings.paths import CARD_JSON, LINEAGE, MODEL, REFERENCE
from problem import model as problem_model

LOG = logging.getLogger(__name__)
SAME = 1e-6  # how far a compiled score may be from the Pipeline's
SAME_PLACE = 1e-5  # how far the Pipeline may be from what it scored where it was evaluated


@dataclass(frozen=True)
class Model:
    """A model and what it is: `pipeline` is a Pipeline on frames, or its compiled form on columns."""

    pipeline: Any
    engine: str
    version: str
    names: list[str]
    categories: dict[str, frozenset[Any]]
    reference: Reference

    def scores(self, columns: Columns) -> Array:
        """The score of each row: shape (rows,)."""
        return np.asarray(problem_model.score(self.pipeline, self._seen(columns)), np.float64)

    def matrix(self, columns: Columns) -> Array:
        """What the last step of the Pipeline sees: shape (rows, names)."""
        if isinstance(self.pipeline, compiled.Compiled):
            return self.pipeline.matrix(columns)
        found = self.pipeline[:-1].transform(self._seen(columns))
        return np.asarray(found.toarray() if hasattr(found, "toarray") else found, np.float64)

    def scores_of(self, matrix: Array) -> Array:
        """The score of each row of a matrix."""
        last = self.pipeline.after if isinstance(self.pipeline, compiled.Compiled) else self.pipeline[-1]
        rows: Any = matrix
        return np.asarray(problem_model.score(last, rows), np.float64)

    def _seen(self, columns: Columns) -> Any:
        return columns if isinstance(self.pipeline, compiled.Compiled) else arrays.to_frame(columns)


def load(*, threads: int = 1, folder: Path | None = None) -> Model:
    """The model of this checkout or image, as fast as it can be shown to be right.

    `threads` share a batch; 0 takes every core.
    """
    sha256 = lineage.load()["model"]["sha256"]
    pipeline = model_file.read(MODEL, sha256, problem_model.TRUSTED)
    return prepare(pipeline, sha256, reference.read(REFERENCE), threads=threads, folder=folder)


def prepare(
    pipeline: Any, sha256: str, rows: Reference, *, threads: int = 1, folder: Path | None = None
) -> Model:
    """A fitted Pipeline as a model to serve; libraries are kept in `folder`. Raises LoopError."""
    known = compiled.categories(pipeline)
    plain = Model(pipeline, "scikit-learn", sha256[:12], _names(pipeline), known, rows)
    scores = plain.scores(rows.columns)
    gap = _gap(scores, rows.scores)
    if gap > SAME_PLACE:
        raise LoopError(
            f"{MODEL} gives other scores here than where it was evaluated: {gap:.1e} apart",
            f"those in {REFERENCE}, within {SAME_PLACE:.0e}",
            "install the environment of uv.lock, or `loop run` to make model and reference anew",
        )
    try:
        quick = compiled.build(pipeline, sha256, threads=threads or os.cpu_count() or 1, folder=folder)
        fast = Model(quick, quick.engine, plain.version, plain.names, known, rows)
        gap = _gap(fast.scores(rows.columns), scores)
        if gap > SAME:
            raise compiled.CannotCompileError(f"compiled, its scores move by {gap:.1e}")
    except compiled.CannotCompileError as error:
        LOG.warning("the model is served as it is, ten times slower or more: %s", error)
        return plain
    except Exception as error:  # a row transform that needs a frame may fail in any way
        LOG.warning("the model is served as it is: compiled, it fails by %s: %s", type(error).__name__, error)
        return plain
    return fast


def about(model: Model, commit: str | None) -> dict[str, Any]:
    """What is served: version, commit, data, windows, metrics, and where its card is."""
    made, card = lineage.load(), lineage.load(CARD_JSON)
    return {
        "name": card["name"],
        "version": model.version,
        "sha256": made["model"]["sha256"],
        "commit": commit,
        "engine": model.engine,
        "data": made["data"],
        "windows": {name: card["data"][name] for name in ("train", "holdout")},
        "metrics": card["metrics"],
        "card": "model/card",  # beside this answer, wherever a proxy mounts it
        "lineage": str(LINEAGE),
    }


def _names(pipeline: Any) -> list[str]:
    try:
        return [str(name) for name in pipeline[:-1].get_feature_names_out()]
    except (AttributeError, ValueError, TypeError):  # a transform that cannot name what it makes
        return []


def _gap(left: Array, right: Array) -> float:
    return float(np.abs(np.asarray(left, np.float64) - right).max(initial=0.0))
