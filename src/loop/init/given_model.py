"""A scikit-learn Pipeline that there is already, taken over: from a skops file, or by name from a module.

Its steps and params become code. It is fitted on some rows before anything is written, so that what does not
fit, gives no score, or cannot be stored without a pickle is refused with the reason.
"""

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import skops.io
from sklearn.base import is_classifier, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from loop.base.errors import LoopError, UsageError, first_line
from loop.data import row_weights
from loop.init import estimator_code, own_steps
from loop.init.column_kinds import Column
from loop.init.estimator_code import Code
from loop.init.guessed import Guess, Said
from loop.init.row_values import decided_at, truth, weights
from loop.kit.column_values import typed

STEPS = "problem.steps"
KNOWN = ("sklearn.", "numpy.dtype", "functools.partial")  # how types that a file may hold begin
ROWS = 5000  # that it is tried on


@dataclass(frozen=True)
class Taken:
    """A Pipeline as code: lines of import, the expression, its params, own steps, and types in its file."""

    imports: tuple[str, ...]
    expression: str
    params: dict[str, estimator_code.Number]
    steps: str | None
    trusted: tuple[str, ...]
    seen_by: str  # what it was taken from


def load(given: str) -> Pipeline:
    """The Pipeline of FILE.skops, or of MODULE:NAME. Raises LoopError, UsageError."""
    file, _, name = given.rpartition(":")
    found = _of_module(file, name) if file and not given.endswith(".skops") else _of_file(Path(given))
    best = getattr(found, "best_estimator_", None)
    if not isinstance(found, Pipeline):
        todo = (
            "its `best_estimator_` is one"
            if isinstance(best, Pipeline)
            else "make one, with its row transforms"
        )
        raise LoopError(f"{given} is a {type(found).__name__}", "a scikit-learn Pipeline", todo)
    return found


def _of_file(path: Path) -> Any:
    if path.suffix != ".skops":
        raise UsageError(
            f"--model {path}",
            "FILE.skops, or module:name of a Pipeline; a pickle runs whatever it holds, and is not opened",
            "store it by `skops.io.dump(pipeline, 'model.skops')`",
        )
    if not path.is_file():
        raise UsageError(f"--model {path}: there is no such file", "a file of skops", "give its path")
    try:
        types = skops.io.get_untrusted_types(file=path)
    except Exception as error:  # whatever skops stumbles over
        raise _unreadable(path, error) from None
    if strange := sorted(name for name in types if not name.startswith(KNOWN)):
        raise LoopError(
            f"{path} holds types that are not scikit-learn's: {', '.join(strange)}",
            "a Pipeline of scikit-learn's parts, or one of a module of yours",
            "name it as module:name: classes and functions of the module come along as code",
        )
    try:
        return skops.io.load(path, trusted=types)
    except Exception as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> LoopError:
    return LoopError(
        f"{path} cannot be read: {first_line(error)}",
        "a file that skops wrote, by a scikit-learn like that of uv.lock",
        "write it anew by `skops.io.dump`, or name the pipeline as module:name",
    )


def _of_module(module: str, name: str) -> Any:
    path = Path(module if module.endswith(".py") else f"{module.replace('.', '/')}.py")
    try:
        found = _imported(path) if path.is_file() else importlib.import_module(module)
    except Exception as error:
        raise LoopError(
            f"{module} cannot be imported: {type(error).__name__}: {first_line(error)}",
            "a module that Python finds from here",
            "look whether `python -c 'import ...'` runs in .venv; `uv add` brings a package",
        ) from None
    if not hasattr(found, name):
        known = [one for one, value in vars(found).items() if isinstance(value, Pipeline)]
        todo = f"name one of {', '.join(known)}" if known else "look at the module"
        raise UsageError(f"--model {module}:{name}: the module has no `{name}`", "a Pipeline of it", todo)
    return getattr(found, name)


def _imported(path: Path) -> ModuleType:
    """A file as a module of its own name, with what lies beside it in reach."""
    sys.path.insert(0, str(path.parent.resolve()))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def onto(found: Guess, model: Pipeline, given: str) -> tuple[Guess, Taken]:
    """The problem with the inputs that the Pipeline reads, and the Pipeline as code.

    Raises LoopError where task or columns are not the problem's, or where it does not fit.
    """
    _hold_task(found, model)
    headers = {header: name for name, header in found.data.names.items()}
    read = _columns(model)
    wanted = {header: headers.get(header, header) for header in read}
    found = _with_inputs(found, list(wanted.values()))
    time = {found.time.name: "decided_at"} if found.time else {}
    code = Code(own_steps.is_own, {header: time.get(name, name) for header, name in wanted.items()})
    params = estimator_code.numbers(model.steps[-1][1])
    whole = model if _names_columns(model) else _wrapped(model, read)
    expression = code.of(whole, params)
    steps = own_steps.source(code.own) if code.own else None
    taken = Taken(tuple(sorted(code.imports)), expression, params, steps, (), Path(given).name)
    names = ", ".join(name for name, _ in model.steps)
    tuned = f"; {', '.join(params)} in params.yaml" if params else ""
    said = Said(f"model: {Path(given).name}", f"steps {names}{tuned}", "sure", "--model")
    types, warned = _tried(found, taken)
    notes = tuple(f"the pipeline warns: {text}" for text in warned)
    found = replace(found, guesses=(*found.guesses, said), suspected=(*found.suspected, *notes))
    return found, replace(taken, trusted=tuple(types))


def _hold_task(found: Guess, model: Pipeline) -> None:
    what, many = found.task, "--task or --positive says otherwise"
    if what == "regression" and not is_regressor(model):
        kind = type(model.steps[-1][1]).__name__
        raise LoopError(
            f"the pipeline ends in {kind}, and {found.label.name} is a number", "a regressor", many
        )
    if what != "regression" and not is_classifier(model):
        kind = type(model.steps[-1][1]).__name__
        raise LoopError(f"the pipeline ends in {kind}, and the task is {what}", "a classifier", many)
    if what != "regression" and not hasattr(model, "predict_proba"):
        raise LoopError(
            f"the pipeline gives no probability: {type(model.steps[-1][1]).__name__} has no predict_proba",
            "a classifier whose score is a probability",
            "wrap its last step into CalibratedClassifierCV",
        )


def _names_columns(model: Pipeline) -> bool:
    return isinstance(model.steps[0][1], ColumnTransformer)


def _columns(model: Pipeline) -> list[str]:
    """The columns that it reads, as the file has them."""
    if _names_columns(model):
        parts = [columns for _, _, columns in estimator_code.resolved(model.steps[0][1])]
        return list(
            dict.fromkeys(one for part in parts for one in ([part] if isinstance(part, str) else part))
        )
    seen = getattr(model, "feature_names_in_", None)
    if seen is None:
        raise estimator_code.unknown_columns("it was fitted on no DataFrame, or not at all")
    return list(map(str, seen))


def _wrapped(model: Pipeline, read: list[str]) -> Pipeline:
    """It after a first step that picks the columns that it reads, still as a DataFrame."""
    pick = ColumnTransformer([("input", "passthrough", read)], verbose_feature_names_out=False)
    return Pipeline([("columns", pick.set_output(transform="pandas")), *model.steps])


def _with_inputs(found: Guess, names: list[str]) -> Guess:
    """The problem with just these inputs, as a DataFrame of a notebook has them."""
    own = {found.label.name: "is the label", found.known: "is known later", found.weight: "weighs rows"}
    for name in names:
        if name not in found.columns or name in own:
            raise LoopError(
                f"the pipeline reads {name!r}, which {own.get(name, 'is no column of the data with values')}",
                f"inputs among {', '.join(found.inputs[:20])}",
                "train it on what is known at the decision",
            )
        reason = found.left_out.get(name, "")
        if found.columns[name].kind == "instant" and not (found.time and name == found.time.name):
            reason = f"is a time: {reason or 'only that of the decision is an input'}"
        if "away" in reason or reason.startswith("is a time"):
            raise LoopError(
                f"the pipeline reads {name}: {reason}", "what is known at the decision", "train it without"
            )
    time = found.time.name if found.time else None
    inputs = tuple(name for name in names if name not in (*found.key, time))
    others = {name: "the pipeline does not read it" for name in found.inputs if name not in inputs}
    left_out = {name: why for name, why in found.left_out.items() if name not in inputs} | others
    notes = tuple(
        f"{name}: the pipeline reads it; {why}" for name, why in found.left_out.items() if name in inputs
    )
    columns = {
        name: _as_read(one, found.data.frame[name]) if name in inputs else one
        for name, one in found.columns.items()
    }
    return replace(
        found, inputs=inputs, left_out=left_out, columns=columns, suspected=(*found.suspected, *notes)
    )


def _as_read(one: Column, values: pd.Series) -> Column:
    """A column as a reader of CSV without further words has it: codes are numbers, yes and no are texts."""
    if one.kind == "text" and not pd.api.types.is_bool_dtype(values.dtype):
        numbers = pd.to_numeric(values, errors="coerce")
        if (numbers.notna() == values.notna()).all():
            whole = bool(numbers.notna().all() and (numbers % 1 == 0).all())
            kind: Any = "whole" if whole else "number"
            return Column(one.name, kind, typed(kind, values))
    if one.kind == "flag" and not values.astype("str").str.lower().isin(("true", "false")).all():
        return Column(one.name, "text", typed("text", values))
    return one


def _tried(found: Guess, taken: Taken) -> tuple[list[str], list[str]]:
    """The types that its file will hold, and what it warns of, once fitted on some rows. Raises LoopError."""
    label = truth(found)
    rows = label.dropna().index
    rows = rows[:: max(1, len(rows) // ROWS)]
    frame = pd.DataFrame({name: found.columns[name].values for name in (*found.inputs, *_keys(found))})
    frame = frame.assign(decided_at=decided_at(found)).loc[rows]
    with _steps(taken.steps), threadpool_limits(1), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            scope: dict[str, Any] = {}
            lines = "\n".join(taken.imports)
            exec(f"{lines}\ndef build(params, seed):\n    return {taken.expression}", scope)  # noqa: S102
            made = scope["build"](_Params(taken.params), 1)
            weight = row_weights.to_fit(made, weights(found, rows))
            made.fit(frame, label.loc[rows].astype("float64"), **weight)
            score = made.predict_proba(frame) if found.task != "regression" else made.predict(frame)
            wrong = not np.isfinite(np.asarray(score, np.float64)).all()
        except LoopError:
            raise
        except Exception as error:
            raise LoopError(
                f"the pipeline does not fit the data: {type(error).__name__}: {first_line(error)}",
                f"one that fits a DataFrame with {', '.join(frame.columns[:20])}",
                "try it in the notebook on the same file; columns are renamed as these are",
            ) from None
        if wrong:
            raise LoopError(
                "the pipeline gives scores that are no numbers", "a number for each row", "look why"
            )
        try:
            types = skops.io.get_untrusted_types(data=skops.io.dumps(made))
        except Exception as error:
            raise LoopError(
                f"the fitted pipeline cannot be stored: {first_line(error)}",
                "parts that skops can write: no pickle is used",
                "look at what the step keeps of its fit",
            ) from None
    warned = dict.fromkeys(
        f"{one.category.__name__}: {str(one.message).splitlines()[0]}"
        + ("; the tests take it for an error" if issubclass(one.category, DeprecationWarning) else "")
        for one in caught
    )
    return sorted(types), list(warned)


def _keys(found: Guess) -> tuple[str, ...]:
    return () if found.row else found.key


class _Params:
    def __init__(self, values: dict[str, Any]) -> None:
        vars(self).update(values)


@contextmanager
def _steps(text: str | None) -> Iterator[None]:
    """The steps of one's own as the module that they will be."""
    if text is None:
        yield
        return
    module = ModuleType(STEPS)
    sys.modules[STEPS] = module
    try:
        exec(text, vars(module))  # noqa: S102
        yield
    finally:
        del sys.modules[STEPS]
