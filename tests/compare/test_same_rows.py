"""Sides that cannot be compared are refused in one message each."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from loop.base.errors import LoopError
from loop.compare import same_rows
from loop.compare.sides import Side
from loop.data import score_columns

NUMBER = pd.DataFrame({"score": [0.1, 0.2]})


def side(name: str, classes: int) -> SimpleNamespace:
    scores = {"scores": [[1 / classes] * classes] * 2} if classes else {}
    return SimpleNamespace(side=Side(name, name * 40), predictions=NUMBER.assign(**scores))


@pytest.mark.parametrize(("first", "second", "here"), [(3, 4, 4), (0, 3, 3), (3, 3, 0), (3, 3, 4)])
def test_classes_that_differ_are_refused(monkeypatch, first, second, here):
    monkeypatch.setattr(score_columns, "CLASSES", ("x",) * here)
    with pytest.raises(LoopError, match=r"the classes differ: a .* has .*, b .* has .*, this tree"):
        same_rows._same_classes(side("a", first), side("b", second))


def test_classes_that_are_the_same_are_not(monkeypatch):
    for count in (0, 3):
        monkeypatch.setattr(score_columns, "CLASSES", ("x",) * count)
        same_rows._same_classes(side("a", count), side("b", count))


def test_keys_that_differ_are_refused_before_anything_is_made(tmp_path):
    found = []
    for name, text in (
        ("a", 'KEY = ["visit"]'),
        ("b", 'import x\nKEY = ["day", "shop"]'),
        ("c", "KEY = x"),
    ):
        source = tmp_path / name / same_rows.SOURCE
        source.parent.mkdir(parents=True)
        source.write_text(text)
        found.append((name, same_rows._key(tmp_path / name)))
    with pytest.raises(LoopError, match="differs: a has visit; b has day, shop"):
        same_rows._same_keys(found)
    same_rows._same_keys(found[1:])  # what is no plain text is not known before its code runs


def test_what_a_champion_cannot_be_is_said_of_the_side(monkeypatch):
    def refuse(*_) -> None:
        raise LoopError("the champion was trained until later", "rows", "look at the champion")

    monkeypatch.setattr(same_rows.champion, "bring", refuse)
    monkeypatch.setattr(same_rows, "_lock", lambda _: {})
    one = Side("v2", "a" * 40)
    home = SimpleNamespace(path=Path())
    with pytest.raises(LoopError, match=r"v2 \(aaaaaaaaaaaa\) was trained until later"):
        same_rows._made(one, home, None, one)
