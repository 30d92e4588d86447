"""What the machinery takes from src/problem: a part that it lacks, or has of a wrong type, is named."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any

import pandera.pandas as pa
from pydantic import BaseModel

from loop.base.errors import LoopError
from loop.kit.types import ROW_WEIGHT, Behaviour, BusinessMetric, Kpi, Metric, Repair, View

Holds = Callable[[Any], bool]


def _all(kind: type) -> Holds:
    return lambda found: isinstance(found, list | tuple) and all(isinstance(one, kind) for one in found)


def _by_name(holds: Holds) -> Holds:
    return lambda found: (
        isinstance(found, Mapping)
        and all(isinstance(name, str) and holds(one) for name, one in found.items())
    )


def _is(kind: type) -> Holds:
    return lambda found: isinstance(found, kind)


def _params(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, BaseModel)


TEXTS, CONTRACT = (
    (_all(str), "names of columns"),
    (_is(pa.DataFrameSchema), "a contract (loop.kit.contracts)"),
)
WAYS = (_by_name(callable), "ways to cut the examples by name (loop.kit.groups)")
PARTS: dict[str, dict[str, tuple[Holds, str]]] = {
    "source": {
        "TIME": (_by_name(lambda name: name is None or isinstance(name, str)), "the column of time by table"),
        "KEY": TEXTS,
        "tables": (callable, "a function of since, until and as_of"),
        "requests": (callable, "a function of the tables"),
        "labels": (callable, "a function of the tables and as_of"),
    },
    "features": {"VIEWS": (_all(View), "views (loop.kit.views)")},
    "schema": {
        "Limits": (_params, "a pydantic model"),
        "REPAIRS": (_all(Repair), "repairs (loop.kit.types)"),
        "raw": (callable, "a function of as_of and limits"),
        "rules": (callable, "a function of the tables and limits"),
        **dict.fromkeys(("REQUEST", "EXAMPLE", "PREDICTION", "OUTCOME"), CONTRACT),
        "REQUEST_EXAMPLES": (_all(dict), "at least one request as a caller sends it"),
    },
    "metrics": {
        "SCORE": (_is(str), "what the score is, in words"),
        "LABEL": (_is(str), "what the mean label is, in words"),
        "METRICS": (_by_name(_is(Metric)), "metrics by name (loop.kit.metrics)"),
        "PRIMARY": (_is(str), "the name of a metric"),
        "SLICE_METRICS": (_all(str), "names of metrics"),
        "SLICES": WAYS,
        "SUBGROUPS": WAYS,
        "BEHAVIOURS": (_all(Behaviour), "behaviours (loop.kit.types)"),
        "GOLDEN": (_all(tuple), "pairs of why, and the values of KEY, or of columns by name"),
    },
    "model": {
        "TRUSTED": (_all(str), "names of types that a model file may hold"),
        "Params": (_params, "a pydantic model"),
        "build": (callable, "a function of params and a seed"),
        "score": (callable, "a function of a model and examples"),
    },
}


TAKEN = {"score", "scores", "decision", "label", "label_known_at", ROW_WEIGHT}  # what is put beside a request


def check() -> None:
    """Raise LoopError for what src/problem lacks or has of a wrong type, file by file."""
    wrong = [(file, said) for file in PARTS for said in _wrong(file, import_module(f"problem.{file}"))]
    wrong = wrong or [("metrics", said) for said in _named_persons(import_module("problem.metrics"))]
    if wrong:
        raise LoopError(
            "; ".join(f"src/problem/{file}.py {found}" for file, (found, _) in wrong),
            "; ".join(expected for _, (_, expected) in wrong),
            "add or fix it; docs/problem.md says what each file holds",
        )


def _classes(file: str, module: Any) -> Iterator[tuple[str, str]]:
    """What goes wrong only where a label is one of several classes."""
    from problem import source

    classes = getattr(source, "CLASSES", None)
    if classes is None:
        return
    if file == "source" and not (
        isinstance(classes, list | tuple)
        and all(isinstance(one, str) for one in classes)
        and len(set(classes)) == len(classes) > 1
    ):
        yield f"has `CLASSES` as {classes!r}", "`CLASSES`: two names or more, each once"
    if file == "metrics":
        pairs = [name for name, one in module.METRICS.items() if one.builtin == "roc_auc"]
        if pairs:
            yield f"has the metric {', '.join(pairs)}", "metrics of classes (loop.kit.metrics, MULTICLASS)"
        for one in module.BEHAVIOURS:
            if one.expects != "the same" and one.of not in classes:
                yield f"has a behaviour of {one.of!r}, {one.title!r}", f"`of`: one of {', '.join(classes)}"


def _named_persons(metrics: Any) -> Iterator[tuple[str, str]]:
    """Golden requests that name a person: git would hold it, and every report of them."""
    from loop.data import golden_rows, personal

    persons = {name for _, key in metrics.GOLDEN for name in golden_rows.named(key)} & set(personal.marks())
    if persons:
        told = "no person, who would stay in git: a mapping of columns that are not personal, such as "
        yield f"names {', '.join(sorted(persons))} in `GOLDEN`", told + '("a calm day", {"shop": "north"})'


def _wrong(file: str, module: Any) -> Iterator[tuple[str, str]]:
    """What was found and expected, of each part that is not as it should be."""
    wrong = False
    for name, (holds, words) in PARTS[file].items():
        if not hasattr(module, name):
            wrong = True
            yield f"lacks `{name}`", f"`{name}`: {words}"
        elif not holds(found := getattr(module, name)):
            wrong = True
            yield f"has `{name}` as {type(found).__name__}", f"`{name}`: {words}"
    yield from _classes(file, module) if not wrong else ()
    if file == "schema" and not wrong and (taken := sorted(TAKEN & set(module.REQUEST.columns))):
        yield f"has a column `{taken[0]}` in REQUEST", f"names other than {', '.join(sorted(TAKEN))}"
    if file == "metrics":
        if not wrong:
            for name, one in module.METRICS.items():
                if (one.rows is None) == (one.builtin is None):
                    yield f"has the metric {name}", "`rows`, or else a built-in (loop.kit.types.Metric)"
        business = getattr(module, "BUSINESS", None)
        if business is not None and not isinstance(business, BusinessMetric):
            yield f"has `BUSINESS` as {type(business).__name__}", "`BUSINESS`: a BusinessMetric, or none"
        kpi = getattr(module, "KPI", None)
        if kpi is not None and not isinstance(kpi, Kpi):
            yield f"has `KPI` as {type(kpi).__name__}", "`KPI`: a Kpi, or none"
