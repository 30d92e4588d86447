"""A problem that lacks a part, or has one of a wrong type, hears of it by file, part and what is expected."""

import pytest

from loop.base.errors import LoopError
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
    with pytest.raises(LoopError, match=r"lacks `SLICES`; .*has `BUSINESS` as str"):
        problem_parts.check()
