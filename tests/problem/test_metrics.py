"""Metrics: what scikit-learn says, and slices that an adopter would expect."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from loop.kit import groups
from loop.stats import bootstrap
from problem import metrics

RNG = np.random.default_rng(3)
SCORE = RNG.random(500)
LABEL = (RNG.random(500) < SCORE).astype(float)


def value(name: str, label=LABEL, score=SCORE) -> float:
    codes = np.arange(len(label)) % 10
    return float(bootstrap.statistic(metrics.METRICS[name], label, score, codes, 10)(np.ones((1, 10)))[0])


def test_they_are_what_scikit_learn_says():
    assert value("log_loss") == pytest.approx(log_loss(LABEL, SCORE))
    assert value("roc_auc") == pytest.approx(roc_auc_score(LABEL, SCORE))
    assert value("brier") == pytest.approx(brier_score_loss(LABEL, SCORE))
    assert value("calibration_bias") == pytest.approx(SCORE.mean() - LABEL.mean())


def test_calibration_error_adds_the_gaps_of_the_tenths():
    """Half the rows score 0.25 and half 0.95; a half and all of them come true: 0.25/2 + 0.05/2."""
    score, label = np.array([0.25, 0.25, 0.95, 0.95]), np.array([0.0, 1.0, 1.0, 1.0])
    assert value("calibration_error", label, score) == pytest.approx(0.15)


def test_a_sure_mistake_costs_much_and_not_everything():
    assert 30 < value("log_loss", np.array([1.0, 0.0]), np.array([0.0, 1.0])) < 40


def test_slices_are_by_local_time_of_the_origin():
    at = pd.to_datetime(["2013-05-06T12:59Z", "2013-05-06T13:00Z", "2013-05-07T03:00Z"])
    frame = pd.DataFrame({"scheduled_departure": at, "origin": "JFK", "carrier": "AA"})
    found = groups.cut(metrics.SLICES, frame)
    assert found["hour of day"].tolist() == ["00-09", "09-12", "18-24"]
    assert found["week of"].tolist() == ["2013-05-06"] * 3
