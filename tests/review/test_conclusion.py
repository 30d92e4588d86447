"""Calibration in the verdict: tenths of the rows for each model, where a prediction is a number."""

import numpy as np
import pandas as pd
import pytest

from loop.review import conclusion
from loop.review.compare import Rows
from loop.settings.params import Resampling
from problem import source

SETTINGS = Resampling(seed=1, cluster="day", replicates=2, confidence=0.95, slice_rows_min=10)
RANDOM = np.random.default_rng(7)


def rows(label, champion, candidate) -> Rows:
    label = np.asarray(label, float)
    scores = (np.asarray(champion, float), np.asarray(candidate, float))
    codes = np.zeros(len(label), np.int64)
    return Rows(
        pd.DataFrame(index=range(len(label))), label, scores, codes, np.ones((1, 1)), 1.0, np.array([0])
    )


def test_each_model_is_cut_by_its_own_predictions_lowest_first():
    score = RANDOM.uniform(size=5000)
    label = RANDOM.uniform(size=5000) < score
    found = conclusion.calibration(rows(label, score, 1 - score))
    good, reverse = found.champion, found.candidate
    assert [one.predicted for one in good] == sorted(one.predicted for one in good)
    assert max(abs(one.predicted - one.outcome) for one in good) < 0.1
    assert reverse[0].predicted < 0.1
    assert reverse[0].outcome > 0.9


def test_the_mean_of_equal_tenths_is_the_mean_of_all():
    """Of a regression too: amounts, not shares."""
    label = RANDOM.normal(150, 40, size=500)
    score = label + RANDOM.normal(5, 10, size=500)
    found = conclusion.calibration(rows(label, score, score))
    assert np.mean([one.predicted for one in found.champion]) == pytest.approx(score.mean(), abs=1e-5)
    assert np.mean([one.outcome for one in found.candidate]) == pytest.approx(label.mean(), abs=1e-5)


CLASSES = RANDOM.integers(0, 3, size=100)
NONE = {
    "classes, of many": (CLASSES, CLASSES, CLASSES[::-1]),
    "decisions of one model": (CLASSES > 0, np.linspace(0, 1, 100), CLASSES > 1),
    "fewer rows than tenths": ([0, 1] * 4, np.linspace(0.1, 0.9, 8), np.linspace(0.1, 0.9, 8)),
}


@pytest.mark.parametrize("case", NONE)
def test_there_is_none_where_it_would_say_nothing(case):
    assert conclusion.calibration(rows(*NONE[case])) is None


@pytest.mark.parametrize(("time", "days"), [("decided_at", ("2024-05-01", "2024-06-01")), (None, ("", ""))])
def test_days_that_are_drawn_for_rows_without_a_time_are_not_said_to_be_judged_on(monkeypatch, time, days):
    monkeypatch.setattr(source, "TIME", {"rides": time})
    found = rows([0.0], [0.1], [0.2])
    found.examples["decided_at"] = pd.Timestamp("2024-05-01", tz="UTC")
    judged = conclusion.holdout(found, "2024-06-01", SETTINGS)
    assert (judged.since, judged.until) == days


@pytest.mark.parametrize(("held", "said"), [(43, True), (50, False)])
def test_a_review_on_a_few_rows_says_that_single_ones_decide(held, said):
    notes = conclusion.few(rows(np.ones(held), np.ones(held), np.ones(held)))
    assert bool(notes) is said
    assert all(f"only {held} rows judge" in one for one in notes)
