"""A scikit-learn estimator as the Python expression that a person would write for it.

What is left at its default is not written. A random state is the run's seed; the numbers of the last step are
params. What has no name to import, such as a lambda, cannot be written.
"""

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from loop.base.errors import LoopError

Number = int | float
TECHNICAL = ("n_jobs", "verbose", "tol")
TUNED = (
    "learning_rate",
    "n_estimators",
    "max_iter",
    "alpha",
    "C",
    "n_neighbors",
    "max_depth",
)  # if all is default


@dataclass
class Code:
    """Lines of import, an expression, and the classes and functions of the user's own that it names."""

    is_own: Callable[[str], bool]  # whether a module is the user's own
    renamed: Mapping[str, str]  # columns as the file has them, to columns as the problem has them
    imports: set[str] = field(default_factory=set)
    own: list[Any] = field(default_factory=list)

    def of(self, one: Any, tuned: Mapping[str, Number] | None = None) -> str:
        """The expression of a value; `tuned` are numbers of an estimator that become params."""
        if isinstance(one, np.generic | np.ndarray | pd.Index):
            one = one.tolist()
        if isinstance(one, float) and not math.isfinite(one):
            return self._numpy("nan" if math.isnan(one) else "inf", one)
        if one is None or isinstance(one, bool | str | int | float):
            return repr(one)
        if isinstance(one, list | tuple | set | dict):
            return self._collection(one)
        if isinstance(one, functools.partial | type | FunctionType | np.ufunc):
            return self._partial(one) if isinstance(one, functools.partial) else self.named(one)
        return self._pipeline(one, tuned) if isinstance(one, Pipeline) else self._estimator(one, tuned or {})

    def named(self, one: Any) -> str:
        """A class or a function by the name under which it is imported, from the shortest public place."""
        if isinstance(one, np.ufunc):
            return self._numpy(one.__name__)
        name, module = getattr(one, "__qualname__", ""), getattr(one, "__module__", None) or "builtins"
        if not name.isidentifier():
            raise unwritable(name or repr(one), "a lambda or a function inside of another")
        if module == "builtins":
            return name
        if self.is_own(module):
            if one not in self.own:
                self.own.append(one)
            self.imports.add(f"from problem.steps import {name}")
            return name
        if module.split(".")[0] == "numpy":
            return self._numpy(name)
        parts = module.split(".")
        places = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
        public = next((one_place for one_place in places if _has(one_place, name, one)), module)
        self.imports.add(f"from {public} import {name}")
        return name

    def _partial(self, one: functools.partial[Any]) -> str:
        self.imports.add("from functools import partial")
        words = [f"{name}={self.of(value)}" for name, value in one.keywords.items()]
        return f"partial({', '.join([self.named(one.func), *map(self.of, one.args), *words])})"

    def _numpy(self, name: str, minus: float = 1.0) -> str:
        self.imports.add("import numpy as np")
        return f"{'-' if minus < 0 else ''}np.{name}"

    def _collection(self, one: Any) -> str:
        if isinstance(one, dict):
            return f"{{{', '.join(f'{self.of(key)}: {self.of(value)}' for key, value in one.items())}}}"
        parts = ", ".join(map(self.of, sorted(one) if isinstance(one, set) else one))
        if isinstance(one, tuple):
            return f"({parts},)" if len(one) == 1 else f"({parts})"
        return f"[{parts}]" if isinstance(one, list) else f"{{{parts}}}" if one else "set()"

    def _pipeline(self, one: Pipeline, tuned: Mapping[str, Number] | None) -> str:
        *first, (last, estimator) = one.steps
        steps = [f"({name!r}, {self.of(step)})" for name, step in first]
        steps.append(f"({last!r}, {self.of(estimator, tuned)})")
        options = {name: value for name, value in _written(one).items() if name != "steps"}
        words = [f"{name}={self.of(value)}" for name, value in options.items()]
        listed = f"[{', '.join(steps)}]"
        return f"{self.named(type(one))}({', '.join([listed, *words])})"

    def _estimator(self, one: Any, tuned: Mapping[str, Number]) -> str:
        if not (hasattr(one, "get_params") or type(one).__module__.startswith("sklearn.")):
            raise unwritable(f"{one!r}"[:100], f"a value of type {type(one).__name__}")
        of_columns = isinstance(one, ColumnTransformer)
        apart = {"random_state", *(("transformers", "remainder") if of_columns else ())}
        words = [
            f"{name}=params.{name}" if name in tuned else f"{name}={self.of(value)}"
            for name, value in {**_written(one), **tuned}.items()
            if name not in apart
        ]
        if of_columns:
            words.insert(0, self._columns(one))
        if "random_state" in _defaults(one):
            words.append("random_state=seed")
        made = f"{self.named(type(one))}({', '.join(words)})"
        form = getattr(one, "_sklearn_output_config", {}).get("transform")
        return f"{made}.set_output(transform={form!r})" if form else made

    def _columns(self, one: ColumnTransformer) -> str:
        parts = [
            f"({name!r}, {self.of(step)}, {self._names(columns)})"
            for name, step, columns in resolved(one)
            if isinstance(columns, str) or len(columns)
        ]
        return f"[{', '.join(parts)}]"

    def _names(self, columns: str | Sequence[str]) -> str:
        if isinstance(columns, str):
            return repr(self.renamed.get(columns, columns))
        return repr([self.renamed.get(name, name) for name in columns])


def resolved(one: ColumnTransformer) -> list[tuple[str, Any, str | list[str]]]:
    """Its parts with the names of their columns; what remains is a part of its own.

    Raises LoopError where only a fit could say which columns these are.
    """
    seen = getattr(one, "feature_names_in_", None)
    fitted = {name: columns for name, _, columns in getattr(one, "transformers_", ())}
    parts: list[tuple[str, Any, str | list[str]]] = []
    for name, step, told in one.transformers:
        columns = fitted.get(name) if callable(told) else told
        if isinstance(columns, str):
            parts.append((name, step, columns))
            continue
        if not isinstance(columns, slice | type(None)) and all(isinstance(at, str) for at in columns):
            parts.append((name, step, list(columns)))
        elif seen is None or columns is None:
            raise unknown_columns(f"the columns of step `{name}` are no names")
        else:
            parts.append((name, step, [str(at) for at in np.asarray(seen)[columns]]))
    if not (isinstance(one.remainder, str) and one.remainder == "drop"):
        if seen is None:
            raise unknown_columns("it takes whatever columns remain")
        used = {at for _, _, columns in parts for at in ([columns] if isinstance(columns, str) else columns)}
        parts.append(("rest", one.remainder, [str(at) for at in seen if at not in used]))
    return parts


def unknown_columns(why: str) -> LoopError:
    """Why it cannot be told which columns a Pipeline reads."""
    return LoopError(
        f"which columns the pipeline reads is not known: {why}",
        "a pipeline fitted on a DataFrame, or one whose ColumnTransformer names its columns",
        "fit it on the DataFrame of your notebook, then give it again",
    )


def unwritable(what: str, why: str) -> LoopError:
    """Why a part of a Pipeline cannot be written as code."""
    return LoopError(
        f"the pipeline cannot be written as code: {what} is {why}",
        "estimators, plain values, and classes and functions at the top of a module",
        "give it a name in a module, and name the pipeline as module:pipeline",
    )


def numbers(one: BaseEstimator) -> dict[str, Number]:
    """The numbers of an estimator that are not its defaults; else the one that is tuned first, if any."""
    plain = {name: value for name, value in one.get_params(deep=False).items() if _is_number(value)}
    plain.pop("random_state", None)
    given = {name: value for name, value in plain.items() if name in _written(one) and name not in TECHNICAL}
    first = next((name for name in TUNED if name in plain), None)
    return given or ({first: plain[first]} if first else {})


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _written(one: Any) -> dict[str, Any]:
    """The params of an estimator that are not their defaults, in the order of its signature."""
    defaults, params = _defaults(one), one.get_params(deep=False) if hasattr(one, "get_params") else vars(one)
    return {
        name: params[name]
        for name, default in defaults.items()
        if name in params and not _same(params[name], default)
    }


def _defaults(one: Any) -> dict[str, Any]:
    return {name: spec.default for name, spec in inspect.signature(type(one)).parameters.items()}


def _same(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and repr(value) == repr(default))


def _has(module: str, name: str, one: Any) -> bool:
    if any(part.startswith("_") for part in module.split(".")):
        return False
    try:
        return getattr(import_module(module), name, None) is one
    except ImportError:
        return False
