"""Scores of several classes: one number a row where one is shown, all of them where they are judged."""

import json

import numpy as np
import pandas as pd
import pytest

from loop.data import score_columns
from loop.kit import contracts
from loop.kit.metrics import MULTICLASS, by_class
from loop.kit.models import probabilities
from loop.rollout import shadow
from loop.serve import collect
from loop.stats import bootstrap

NAMES = ("a", "b", 'c "%"')
LABEL = np.array([0.0, 1, 1, 2])
SCORES = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6]])


@pytest.fixture(autouse=True)
def classes(monkeypatch):
    monkeypatch.setattr(score_columns, "CLASSES", NAMES)
    monkeypatch.setattr(score_columns, "NAMES", ["score", "scores"])


def metric(name: str, label=LABEL, score=SCORES) -> float:
    known = MULTICLASS | by_class(NAMES)
    codes = np.zeros(len(label), np.int64)
    return float(bootstrap.statistic(known[name], label, score, codes, 1)(np.ones((1, 1)))[0])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("log_loss", -np.log([0.7, 0.6, 0.3, 0.6]).mean()),
        ("accuracy", 3 / 4),
        ("mean_recall", (1 + 1 / 2 + 1) / 3),
        ("brier", (0.14 + 0.26 + 0.78 + 0.24) / 4),
        ("calibration_bias", (0.7 + 0.6 + 0.5 + 0.6) / 4 - 3 / 4),
        ("recall of b", 1 / 2),
        ("precision of a", 1 / 2),
        ('precision of c "%"', 1),
    ],
)
def test_a_metric_of_classes_is_what_its_name_says(name, value):
    assert metric(name) == pytest.approx(value)


def test_the_precision_of_a_class_that_no_row_is_called_is_undefined_and_a_class_without_rows_is_no_recall():
    assert np.isnan(metric("precision of b", LABEL[[0, 3]], SCORES[[0, 3]]))
    assert metric("mean_recall", LABEL[:2], SCORES[:2]) == 1


def test_a_frame_has_the_likeliest_beside_all_and_gives_them_back():
    frame = score_columns.columns(SCORES, pd.Index([7, 5, 3, 1]))
    assert frame["score"].tolist() == [0.7, 0.6, 0.5, 0.6]
    assert np.array_equal(score_columns.array(frame), SCORES)
    assert score_columns.array(frame.iloc[:0]).shape == (0, 3)
    assert score_columns.likeliest(SCORES) == ["a", "b", "a", NAMES[2]]


def test_what_is_drawn_is_whether_the_likeliest_is_right_and_a_label_that_is_missing_stays_so():
    event, shown = score_columns.event(np.array([0, 1, 1, np.nan]), SCORES)
    assert event[:3].tolist() == [1, 1, 0]
    assert np.isnan(event[3])
    assert shown.tolist() == [0.7, 0.6, 0.5, 0.6]


@pytest.mark.parametrize("bad", [[0.5, 0.5], [0.5, 0.6, 0.1], [-0.1, 0.6, 0.5], [np.nan, 0.5, 0.5]])
def test_probabilities_that_are_none_break_their_contract(bad):
    check = contracts.derived(
        {"id": contracts.text()}, ["id"], [], score=contracts.probability(),
        label=contracts.class_of(NAMES), classes=NAMES,
    ).prediction.columns["scores"].checks[0]  # fmt: skip
    values = pd.Series([np.array(bad)], dtype=object)
    assert not check(values).check_passed
    assert check(pd.Series([SCORES[0]], dtype=object)).check_passed


def test_a_class_that_training_did_not_see_has_the_probability_zero():
    class Model:
        classes_ = np.array([0, 2])

        def predict_proba(self, rows):
            return np.array([[0.4, 0.6]] * len(rows))

    assert probabilities(NAMES)(Model(), pd.DataFrame({"x": [1.0]})).tolist() == [[0.4, 0, 0.6]]


def test_the_log_keeps_all_scores_and_the_likeliest_as_the_decision():
    found = collect._scored(json.loads("[0.2, 0.5, 0.3]"), None)
    assert found == {"score": 0.5, "scores": [0.2, 0.5, 0.3], "decision": "b"}


def test_a_shadow_is_compared_by_the_class_whose_mean_moved_most():
    ours, theirs = score_columns.columns(SCORES), score_columns.columns(np.add(SCORES, [[0.0, 0.1, -0.1]]))
    both = ours.join(theirs.add_suffix("_theirs"))
    of, shift = shadow._shift(both)
    assert of == " of b"
    assert shift == pytest.approx(0.1)
