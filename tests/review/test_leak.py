"""The leak alarm: sees a tell-tale alone, in a sum, in a category and in an absence; is calm else."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from loop.review import leak
from loop.stats import label_order

ROWS = 2000


def world(seed: int = 1, **columns) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and holdout with a label and columns made of (label, rng)."""
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(2):
        label = rng.integers(0, 2, ROWS)
        made = {name: make(label, rng) for name, make in columns.items()}
        frames.append(pd.DataFrame({"label": label, "noise": rng.normal(0, 1, ROWS), **made}))
    return frames[0], frames[1]


def secret(label, rng):
    """A number that says nothing alone: the same stream of chance for both parts of a sum."""
    return np.random.default_rng(99).normal(0, 50, len(label))


TELLING = {
    "a number": {"told": lambda label, rng: label + rng.normal(0, 0.2, ROWS)},
    "a number that falls": {"told": lambda label, rng: -label + rng.normal(0, 0.2, ROWS)},
    "a category": {"told": lambda label, rng: np.where(label == 1, "x", "y").astype(object)},
    "an absence": {"told": lambda label, rng: np.where(label == 1, np.nan, rng.normal(0, 1, ROWS))},
    "a middle": {"told": lambda label, rng: np.where(label == 1, 0, rng.choice([-5, 5], ROWS)) * 1.0},
    "a time": {
        "told": lambda label, rng: (
            pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(label * 60, unit="min")
        )
    },
    "a sum": {
        "one": lambda label, rng: secret(label, rng) + label,
        "two": lambda label, rng: -secret(label, rng),
    },
    "a difference": {
        "one": lambda label, rng: secret(label, rng) + label,
        "two": secret,
    },
}


@pytest.mark.parametrize("columns", TELLING.values(), ids=TELLING)
def test_what_tells_the_label_is_found_by_name(columns):
    name, order = leak.strongest(*world(**columns))
    assert order > 0.95
    assert next(iter(columns)) in name


def test_chance_alone_is_calm():
    _, order = leak.strongest(*world())
    assert order < 0.6


def test_the_order_of_two_classes_is_the_roc_auc():
    rng = np.random.default_rng(1)
    label, values = rng.integers(0, 2, 500).astype(float), rng.normal(0, 1, (500, 3)).round(1)
    expected = [max(a, 1 - a) for a in (roc_auc_score(label, column) for column in values.T)]
    assert label_order.ordered(label, values) == pytest.approx(expected)


def test_the_order_of_a_number_is_one_when_it_is_followed_and_half_by_chance():
    label = np.random.default_rng(1).normal(0, 1, 500)
    other = np.random.default_rng(2).normal(0, 1, 500)
    found = label_order.ordered(label, np.column_stack([label**3, -label, other, np.ones(500)]))
    assert found[:2] == pytest.approx([1, 1])
    assert found[2] < 0.6
    assert found[3] == 0.5


@pytest.mark.parametrize("label", [np.ones(50), np.zeros(50)])
def test_one_class_orders_nothing(label):
    assert label_order.ordered(label, np.random.default_rng(1).normal(0, 1, (50, 2))).tolist() == [0.5, 0.5]


def test_a_column_without_any_value_is_no_fault():
    train, holdout = world(empty=lambda label, rng: np.full(ROWS, np.nan))
    assert leak.strongest(train, holdout)[1] < 0.6


def test_shared_entities_are_counted_by_rows_of_the_holdout():
    train, holdout = pd.DataFrame({"day": ["a", "b"]}), pd.DataFrame({"day": ["b", "b", "c", "d"]})
    assert leak.shared_entities(train, holdout, "day") == 0.5


def test_a_column_of_the_key_that_no_score_minds_is_unseen(monkeypatch):
    monkeypatch.setattr("problem.source.KEY", ["row", "entity"])
    rows = pd.DataFrame({"row": range(50), "entity": list("ab") * 25, "x": 1.0})
    assert leak.unseen(lambda frame: frame["entity"].eq("a") + frame["x"], rows) == ["row"]


def test_of_very_many_numbers_those_that_say_most_alone_are_added_up(monkeypatch):
    monkeypatch.setattr(label_order, "PAIRED_MAX", 3)
    strong = {"one": lambda label, rng: label + rng.normal(0, 2, ROWS)}
    strong["two"] = strong["three"] = strong["one"]
    weak = {f"weak {place}": lambda label, rng: rng.normal(0, 1, ROWS) for place in range(5)}
    tried = label_order._orders(*world(**weak, **strong))
    assert sorted(name for name in tried if " + " in name) == ["one + three", "one + two", "two + three"]
