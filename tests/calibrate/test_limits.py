"""Limits are figures that a check can hold, or none: never zero by stillness, and never undefined."""

import numpy as np
import pytest

from loop.calibrate import limits


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


def test_intervals_that_are_undefined_ask_for_no_clusters():
    (only,) = limits.holdout(float("nan"), 0.1, 30, 300)
    assert only.value is None
