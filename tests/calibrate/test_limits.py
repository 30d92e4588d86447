"""Limits are figures that a check can hold, or none: never zero by stillness, and never undefined."""

from types import SimpleNamespace

import numpy as np
import pytest

from loop.calibrate import limits
from loop.calibrate.knowledge import Window
from loop.kit.metrics import BINARY
from loop.review.compare import Rows


def test_golden_scores_that_never_move_set_no_limit():
    (only,) = limits.golden([np.ones(3)] * 5)
    assert (only.value, "never moves" in only.why) == (None, True)
    (moving,) = limits.golden([np.full(3, at) for at in np.linspace(0, 0.1, 11)])
    assert moving.value == pytest.approx(0.0125, rel=0.1)


@pytest.mark.parametrize("known", [(np.nan, 0.1), (0.1, np.nan)])
def test_a_jump_of_an_undefined_metric_has_no_limit(monkeypatch, known):
    monkeypatch.setattr(limits.leak, "strongest", lambda *_: ("a", 0.6))
    frame = limits.pd.DataFrame({"a": [1.0]})
    found = {one.key: one for one in limits.leaks([(frame, frame)], [], *known)}
    assert found["review.leak.jump.limit"].value is None
    assert found["review.leak.feature.limit"].value == 0.8


@pytest.mark.parametrize(("scores", "knows"), [([0.1, 0.9, 0.9, 0.1], True), ([0.9, 0.1, 0.1, 0.9], False)])
def test_a_model_that_is_worse_than_a_naive_guess_sets_no_minimum(monkeypatch, scores, knows):
    monkeypatch.setattr(limits.metrics, "METRICS", {"log_loss": BINARY["log_loss"]})
    wanted = SimpleNamespace(primary=SimpleNamespace(metric="log_loss"), minimum_requirements=["log_loss"])
    windows, guesses = ([Window("w", rows(of))] for of in (scores, [0.5] * 4))
    (only,) = limits.minimum_requirements(wanted, windows, guesses, {"log_loss": 0.01})
    assert (only.value is not None) == knows
    assert knows or "a naive guess 0.693" in only.why


def rows(scores):
    found = np.array(scores)
    return Rows(
        None, np.array([0.0, 1, 1, 0]), (found, found), np.arange(4), np.ones((1, 4)), 1.0, np.arange(4)
    )


def test_intervals_that_are_undefined_ask_for_no_clusters():
    (only,) = limits.holdout(float("nan"), 0.1, 30, 300)
    assert only.value is None
