"""The fitted Pipeline without a frame: columns prepared once, trees compiled.

Exact, or not at all: what cannot be shown to be the same is refused here, and then the Pipeline is
served as it is. Understood are a ColumnTransformer of columns passed through, encoders of categories and
functions of columns, followed by trees that Treelite reads, or by whatever works on numbers alone.
"""

import logging
import math
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder

from loop.data import columns as arrays
from loop.data.columns import Array, Columns
from loop.serve import native

LOG = logging.getLogger(__name__)
Step = Callable[[Columns, Array], None]  # fills its columns of the matrix
REFUSED = "`{}` holds a category that the model's encoder refuses"


class CannotCompileError(Exception):
    """What of a Pipeline is beyond this module."""


class Compiled:
    """Like the Pipeline, for columns in place of a frame: the same `predict` and `predict_proba`.

    `after` is its last step, on a ready matrix; `library` the machine code of its trees, where there is one.
    """

    def __init__(self, pipeline: Pipeline, after: Any, engine: str, library: Path | None = None) -> None:
        transformer: ColumnTransformer = pipeline[0]
        self._steps = _steps(transformer)
        self._width = max((place.stop for place in transformer.output_indices_.values()), default=0)
        self._between = pipeline[1:-1] if len(pipeline) > 2 else None
        self.library, self.engine, self.after = library, engine, after
        self.classes_ = getattr(after, "classes_", None)
        for name in ("coef_", "coefs_"):  # by which a score knows that it comes from a product of matrices
            if hasattr(after, name):
                setattr(self, name, getattr(after, name))

    def matrix(self, columns: Columns) -> Array:
        """What the last step sees: shape (rows, features)."""
        found = np.empty((arrays.length(columns), self._width))
        for step in self._steps:
            step(columns, found)
        return found if self._between is None else np.asarray(self._between.transform(found))

    def predict_proba(self, columns: Columns) -> Array:
        """The probability of each class: shape (rows, classes)."""
        return np.asarray(self.after.predict_proba(self.matrix(columns)))

    def predict(self, columns: Columns) -> Array:
        """What a regression expects: shape (rows,)."""
        return np.asarray(self.after.predict(self.matrix(columns)))


class Trees:
    """Compiled trees as the Pipeline's last step."""

    def __init__(self, trees: Callable[[Array], Array], estimator: Any) -> None:
        self._trees = trees
        self.classes_ = getattr(estimator, "classes_", None)

    def predict_proba(self, matrix: Array) -> Array:
        """The probability of each class: shape (rows, classes)."""
        found = self._trees(matrix)
        return np.column_stack([1 - found[:, 0], found[:, 0]]) if found.shape[1] == 1 else found

    def predict(self, matrix: Array) -> Array:
        """What a regression expects: shape (rows,)."""
        return np.asarray(self._trees(matrix)[:, 0])


def build(pipeline: Any, sha256: str, *, threads: int = 1, folder: Path | None = None) -> Compiled:
    """The compiled Pipeline whose file has this hash. Raises CannotCompileError."""
    if not (isinstance(pipeline, Pipeline) and len(pipeline) > 1):
        raise CannotCompileError("it is not a Pipeline of two steps or more")
    first, last = pipeline[0], pipeline[-1]
    if not isinstance(first, ColumnTransformer):
        raise CannotCompileError(f"its first step is a {type(first).__name__}, no ColumnTransformer")
    if first.sparse_output_ or hasattr(pipeline[1], "feature_names_in_"):
        raise CannotCompileError("its first step makes a sparse matrix, or a frame")
    if len(pipeline) == 2 and _of_trees(last):
        try:
            _same_categories(first, last)
            trees, path = _trees(last, sha256, threads, folder)
        except CannotCompileError as error:
            LOG.warning("its trees are interpreted, which takes several times as long: %s", error)
        else:
            return Compiled(pipeline, Trees(trees, last), "machine code" if path else "treelite", path)
    return Compiled(pipeline, last, "scikit-learn on arrays")


def _of_trees(estimator: Any) -> bool:
    """Whether Treelite may read it: what a forest or a booster has."""
    return hasattr(estimator, "_predictors") or hasattr(estimator, "estimators_")


def categories(pipeline: Any) -> dict[str, frozenset[Any]]:
    """Of each column that the Pipeline encodes, the values that training saw."""
    first = pipeline[0] if isinstance(pipeline, Pipeline) else None
    if not isinstance(first, ColumnTransformer):
        return {}
    return {
        str(name): frozenset(known)
        for _, encoder, names in first.transformers_
        if hasattr(encoder, "categories_")
        for name, known in zip(names, encoder.categories_, strict=True)
    }


def _trees(
    estimator: Any, sha256: str, threads: int, folder: Path | None
) -> tuple[Callable[[Array], Array], Path | None]:
    import treelite
    from treelite import gtil

    try:
        model = treelite.sklearn.import_model(_readable(estimator))
    except Exception as error:  # Treelite says by many types that it does not know an estimator
        raise CannotCompileError(f"Treelite does not read {type(estimator).__name__}: {error}") from None
    path = native.library(model, sha256, folder)
    if path is None:
        return lambda rows: gtil.predict(model, rows, nthread=threads).reshape(len(rows), -1), None
    return native.scorer(path, threads), path


def _readable(estimator: Any) -> Any:
    """The estimator as Treelite reads it rightly: missing is none of the categories that a booster knows."""
    inner = getattr(estimator, "_preprocessor", None)
    if inner is None:
        return estimator
    (name, encoder, places), *others = inner.transformers_
    known, outer, found = copy(encoder), copy(inner), copy(estimator)
    known.categories_ = [one[~np.isnan(one)] for one in encoder.categories_]
    outer.transformers_ = [(name, known, places), *others]
    found._preprocessor = outer
    return found


def _steps(transformer: ColumnTransformer) -> list[Step]:
    steps = []
    for name, fitted, names in transformer.transformers_:
        place = transformer.output_indices_[name]
        if place.stop == place.start:
            continue
        if isinstance(fitted, OrdinalEncoder):
            steps += [_encode(place.start + i, *pair) for i, pair in enumerate(_tables(fitted, names))]
        elif isinstance(fitted, OneHotEncoder):
            steps += _one_hot(place, fitted, names)
        elif isinstance(fitted, FunctionTransformer) and fitted.func is not None:
            steps.append(_apply(place, fitted, list(names)))
        elif isinstance(fitted, FunctionTransformer) or fitted == "passthrough":
            steps += [_copy(place.start + i, column) for i, column in enumerate(names)]
        else:
            raise CannotCompileError(f"`{name}` of its ColumnTransformer is a {type(fitted).__name__}")
    return steps


def _tables(encoder: OrdinalEncoder, names: Any) -> list[tuple[str, dict[Any, float], float | None]]:
    """Of each column: its name, the code of each known value (None: missing), the code of all others.

    Where others have none, the encoder raises an error. Rare values, which it takes together, have one code.
    """
    rare = getattr(encoder, "infrequent_categories_", [None] * len(encoder.categories_))
    others = encoder.unknown_value if encoder.handle_unknown == "use_encoded_value" else None
    tables = []
    for name, known, few in zip(names, encoder.categories_, rare, strict=True):
        together = [] if few is None else [_key(value) for value in few.tolist()]
        values = [_key(value) for value in known.tolist()]
        usual = [value for value in values if value is not None and value not in together]
        codes: dict[Any, float] = {value: float(code) for code, value in enumerate(usual)}
        codes |= dict.fromkeys(together, float(len(usual)))
        if None in values:
            codes[None] = encoder.encoded_missing_value
        tables.append((str(name), codes, others))
    return tables


def _one_hot(place: slice, encoder: OneHotEncoder, names: Any) -> list[Step]:
    """A step for each column: a one where its value is, in as many columns as it has values or groups."""
    if encoder.drop_idx_ is not None:
        raise CannotCompileError("a OneHotEncoder drops values")
    rare, at, steps = getattr(encoder, "infrequent_categories_", None), place.start, []
    for name, known, few in zip(names, encoder.categories_, rare or [None] * len(names), strict=True):
        together = [] if few is None else [_key(value) for value in few.tolist()]
        usual = [value for value in map(_key, known.tolist()) if value not in together]
        codes = {value: code for code, value in enumerate(usual)} | dict.fromkeys(together, len(usual))
        width = len(usual) + bool(together)
        grouped = together and encoder.handle_unknown in {"infrequent_if_exist", "warn"}
        unknown = width - 1 if grouped else -1
        steps.append(
            _mark(slice(at, at + width), str(name), codes, unknown, encoder.handle_unknown == "error")
        )
        at += width
    return steps


def _mark(place: slice, column: str, codes: dict[Any, int], unknown: int, refuses: bool) -> Step:
    def step(columns: Columns, found: Array) -> None:
        at = np.array([codes.get(_key(value), unknown) for value in columns[column].tolist()], np.int64)
        if refuses and (at < 0).any():
            raise ValueError(REFUSED.format(column))
        found[:, place] = at[:, None] == np.arange(place.stop - place.start)

    return step


def _key(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _encode(at: int, column: str, table: dict[Any, float], unknown: float | None) -> Step:
    def step(columns: Columns, found: Array) -> None:
        values: Any = columns[column].tolist()
        if columns[column].dtype.kind == "f":  # a number that is missing is NaN, which equals nothing
            values = map(_key, values)
        codes = [table.get(value, unknown) for value in values]
        if None in codes:
            raise ValueError(REFUSED.format(column))
        found[:, at] = codes

    return step


def _copy(at: int, column: str) -> Step:
    def step(columns: Columns, found: Array) -> None:
        found[:, at] = columns[column]

    return step


def _apply(place: slice, transformer: FunctionTransformer, names: list[str]) -> Step:
    settings = transformer.kw_args or {}

    def step(columns: Columns, found: Array) -> None:
        found[:, place] = transformer.func({name: columns[name] for name in names}, **settings)

    return step


def _same_categories(transformer: ColumnTransformer, estimator: Any) -> None:
    """Refuse a booster that would renumber the codes it gets: Treelite does not do that."""
    inner = getattr(estimator, "_preprocessor", None)
    if inner is None:
        return
    encoder = inner.named_transformers_["encoder"]
    first = np.flatnonzero(estimator.is_categorical_)
    if not np.array_equal(first, np.arange(len(first))):
        raise CannotCompileError("the booster's categorical features are not its first ones")
    outer = _codes(transformer)
    inside = [known[~np.isnan(known)] for known in encoder.categories_]
    if [len(known) for known in inside] != outer[: len(inside)] or any(
        not np.array_equal(known, np.arange(len(known))) for known in inside
    ):
        raise CannotCompileError("the booster numbers its categories otherwise than the encoder before it")


def _codes(transformer: ColumnTransformer) -> list[int]:
    """How many codes each encoded column has, without that of what is missing."""
    fitted = [
        (step, names) for _, step, names in transformer.transformers_ if isinstance(step, OrdinalEncoder)
    ]
    tables = (table for step, names in fitted for _, table, _ in _tables(step, names))
    return [len({code for value, code in table.items() if value is not None}) for table in tables]
