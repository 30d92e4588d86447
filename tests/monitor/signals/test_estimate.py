"""The loss to expect from scores alone: right while a score keeps its meaning, blind where it does not."""

import numpy as np
import pandas as pd
import pytest

from loop.kit.types import Metric
from loop.monitor.signals import estimate, performance
from loop.monitor.signals.estimate import Estimate
from loop.monitor.signals.performance import loss_metric
from support.monitor_case import settings

SINCE, BASELINE, UNTIL = "2013-01-01", "2013-04-11", "2013-05-09"
DAYS = 128


def world(seed: int, *, scored=lambda truth: truth, shift: float = 0.0, per_day: int = 300) -> pd.DataFrame:
    """Rows whose label is 1 with a chance that the score tells by `told`; the last 28 days are harder."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(DAYS), per_day)
    logit = rng.normal(-1 + shift * (day >= 100), 1.2)
    truth = 1 / (1 + np.exp(-logit))
    return pd.DataFrame(
        {
            "decided_at": pd.Timestamp(SINCE, tz="UTC") + pd.to_timedelta(day + 0.5, unit="D"),
            "score": scored(truth),
            "label": (rng.uniform(size=len(day)) < truth).astype(float),
        }
    )


def past(rows):
    return rows[rows["decided_at"] < pd.Timestamp(BASELINE, tz="UTC")]


def newest(rows):
    return rows[rows["decided_at"] >= pd.Timestamp(BASELINE, tz="UTC")]


def true_loss(rows) -> float:
    return float(loss_metric().rows(rows["label"].to_numpy(), rows["score"].to_numpy()).mean())


def luck(rows) -> float:
    """The standard error of the newest rows' loss by the luck of labels, which no estimate knows."""
    label, score = (newest(rows)[name].to_numpy() for name in ("label", "score"))
    return float(np.std(loss_metric().rows(label, score)) / np.sqrt(len(label)))


def expected(rows):
    """The estimate of the last 28 days, whose labels it does not get."""
    unknown = rows.assign(label=np.nan)
    model = Estimate(past(rows), unknown, seed=1)
    days = np.arange(np.datetime64(SINCE), np.datetime64(UNTIL))
    return model.of(model.daily(unknown, days), (days >= np.datetime64(BASELINE))[None, :])


@pytest.mark.parametrize("shift", [0.0, 1.0, -1.0])
@pytest.mark.parametrize(
    "scored",
    [lambda truth: truth, lambda truth: truth**2 / (truth**2 + (1 - truth) ** 2)],
    ids=["honest", "sure"],
)
def test_it_is_the_loss_that_comes_true_though_inputs_shift_and_scores_are_too_sure(scored, shift):
    rows = world(3, scored=scored, shift=shift)
    found = expected(rows)
    assert found.value[0] == pytest.approx(true_loss(newest(rows)), abs=3 * luck(rows))


def test_the_interval_holds_the_loss_that_comes_true_nearly_always():
    inside = 0
    for seed in range(30):
        rows = world(seed, shift=0.5, per_day=60)
        found = expected(rows)
        room = 2 * luck(rows)
        inside += found.low[0] - room <= true_loss(newest(rows)) <= found.high[0] + room
        assert found.low[0] < found.value[0] < found.high[0]
    assert inside >= 28


def test_it_cannot_see_that_a_score_has_come_to_mean_another_share():
    rows = world(3)
    flipped = rows.assign(label=rows["label"].where(rows.index < len(past(rows)), 1 - rows["label"]))
    assert expected(flipped).value[0] == pytest.approx(expected(rows).value[0])
    assert true_loss(newest(flipped)) > true_loss(newest(rows)) + 0.3
    assert "concept" in estimate.NOTE


def test_labels_that_are_missing_in_the_baseline_are_left_out():
    rows = world(3)
    some = rows.assign(label=rows["label"].where(np.arange(len(rows)) % 4 > 0))
    assert expected(some).value[0] == pytest.approx(expected(rows).value[0], abs=0.01)


def test_a_window_without_rows_is_no_number():
    rows = past(world(3))
    found = expected(rows)
    assert np.isnan([found.value[0], found.low[0], found.high[0]]).all()
    signal = estimate.series(found, np.array([0.4, 0.41, 0.42, 0.4]), 5, settings()).signal(
        ["2013-05-09"], settings().hysteresis
    )
    assert (signal.value, signal.alarm) == (None, False)


def test_scores_that_are_all_the_same_still_give_the_loss_of_that_score():
    rows = world(3).assign(score=0.25)
    share = past(rows)["label"].mean()
    (one, zero) = loss_metric().rows(np.array([1.0, 0.0]), np.array([0.25, 0.25]))
    assert expected(rows).value[0] == pytest.approx(share * one + (1 - share) * zero, abs=1e-3)


@pytest.mark.parametrize(
    ("score", "label", "possible"),
    [
        ([0.1, 0.9], [0, 1], True),
        ([0.0, 1.0], [0, 1], True),
        ([0.1, 0.9, 0.5], [0, 1, np.nan], True),
        ([12.0, 40.0], [13.5, 38.0], False),  # a regression
        ([0.1, 1.2], [0, 1], False),
        ([-3.0, 2.0], [0, 1], False),
        ([0.1, np.nan], [0, 1], False),
        ([0.1, 0.9], [1, 1], False),
        ([0.1, 0.9], [np.nan, np.nan], False),
        ([0.1, 0.9], [0, 2], False),
    ],
)
def test_it_takes_probabilities_of_a_label_that_is_0_or_1(score, label, possible):
    assert estimate.possible(pd.DataFrame({"score": score, "label": label}).astype(float)) is possible


def test_without_a_metric_that_is_a_plain_mean_it_is_not_possible(monkeypatch):
    only = {"roc_auc": Metric("ROC AUC", "higher", builtin="roc_auc")}
    monkeypatch.setattr(performance.metrics, "METRICS", only)
    monkeypatch.setattr(performance.metrics, "PRIMARY", "roc_auc")
    assert not estimate.possible(pd.DataFrame({"score": [0.1, 0.9], "label": [0.0, 1.0]}))
