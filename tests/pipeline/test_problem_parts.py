"""A problem that lacks a part, or has one of a wrong type, hears of it by file, part and what is expected."""

import pytest

from loop.base.errors import LoopError
from loop.kit import contracts
from loop.kit.metrics import BINARY, MULTICLASS
from loop.kit.types import Behaviour, Metric
from loop.pipeline import problem_parts
from problem import features, metrics, model, schema, source

MODULES = {"source": source, "features": features, "schema": schema, "metrics": metrics, "model": model}
PARTS = [(file, name) for file, parts in problem_parts.PARTS.items() for name in parts]


def test_the_problem_here_has_every_part():
    problem_parts.check()


@pytest.mark.parametrize(("file", "name"), PARTS)
def test_a_part_that_is_not_there_is_named(file, name, monkeypatch):
    monkeypatch.delattr(MODULES[file], name)
    with pytest.raises(LoopError, match=f"src/problem/{file}.py lacks `{name}`"):
        problem_parts.check()


@pytest.mark.parametrize(("file", "name"), PARTS)
def test_a_part_of_a_wrong_type_is_named(file, name, monkeypatch):
    monkeypatch.setattr(MODULES[file], name, [42])
    with pytest.raises(LoopError, match=f"src/problem/{file}.py has `{name}` as list"):
        problem_parts.check()


def test_all_that_is_wrong_is_said_at_once(monkeypatch):
    monkeypatch.delattr(metrics, "SLICES")
    monkeypatch.setattr(metrics, "BUSINESS", "cheap", raising=False)
    monkeypatch.setattr(metrics, "KPI", "dear", raising=False)
    with pytest.raises(LoopError, match=r"lacks `SLICES`; .*has `BUSINESS` as str; .*has `KPI` as str"):
        problem_parts.check()


@pytest.mark.parametrize("name", sorted(problem_parts.TAKEN - {"label"}))
def test_a_request_has_no_column_of_a_name_that_is_put_beside_it(name, monkeypatch):
    monkeypatch.setattr(schema, "REQUEST", schema.REQUEST.add_columns({name: contracts.number(0, 1)}))
    with pytest.raises(LoopError, match=f"has a column `{name}` in REQUEST"):
        problem_parts.check()


@pytest.mark.parametrize("classes", [(), ("a",), ("a", "a"), (1, 2), "ab"])
def test_classes_are_two_names_or_more(classes, monkeypatch):
    monkeypatch.setattr(source, "CLASSES", classes, raising=False)
    monkeypatch.setattr(metrics, "METRICS", MULTICLASS)
    monkeypatch.setattr(metrics, "BEHAVIOURS", ())
    with pytest.raises(LoopError, match="has `CLASSES` as"):
        problem_parts.check()


def test_of_classes_a_metric_of_pairs_is_refused_and_a_direction_names_its_class(monkeypatch):
    monkeypatch.setattr(source, "CLASSES", ("a", "b", "c"), raising=False)
    monkeypatch.setattr(metrics, "METRICS", MULTICLASS | {"auc": BINARY["roc_auc"]})
    monkeypatch.setattr(metrics, "BEHAVIOURS", (Behaviour("more", "not lower", lambda rows: rows),))
    with pytest.raises(LoopError, match=r"has the metric auc; .*has a behaviour of None, 'more'"):
        problem_parts.check()
    right = (Behaviour("more", "not lower", lambda rows: rows, of="b"),)
    monkeypatch.setattr(metrics, "METRICS", MULTICLASS)
    monkeypatch.setattr(metrics, "BEHAVIOURS", right)
    problem_parts.check()


def test_a_metric_that_says_nothing_of_rows_is_refused(monkeypatch):
    monkeypatch.setattr(metrics, "METRICS", dict(metrics.METRICS) | {"empty": Metric("empty", "lower")})
    with pytest.raises(LoopError, match="has the metric empty"):
        problem_parts.check()
