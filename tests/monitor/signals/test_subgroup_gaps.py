"""Gaps between subgroups, once labels came: seldom called by luck, and called where they are."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from loop.kit import groups
from loop.kit.metrics import BINARY
from loop.monitor.signals import subgroup_gaps
from loop.settings import params
from problem import metrics

ALPHA, LIMIT = 0.05, 0.02
SETUP = SimpleNamespace(alpha=ALPHA, rows_min=100)


@pytest.fixture(autouse=True)
def _by_shop(monkeypatch):
    """A problem that is to be as well calibrated in each of five shops."""
    asked = SimpleNamespace(metric="calibration_bias", rows_min=50, limit=LIMIT)
    sections = {
        "review": SimpleNamespace(fairness=asked),
        "evaluate": SimpleNamespace(replicates=400, seed=1),
    }
    monkeypatch.setattr(params, "section", lambda name, _: sections[name])
    monkeypatch.setattr(metrics, "METRICS", BINARY)
    monkeypatch.setattr(metrics, "SUBGROUPS", {"shop": groups.column("shop")})


def matured(seed: int, *, gap: float = 0.0, days: int = 28, rows: int = 3000) -> pd.DataFrame:
    """Labels as the scores say, but in shop `e`; rows of a day resemble each other."""
    rng = np.random.default_rng(seed)
    day = rng.integers(0, days, rows)
    shop = rng.choice(list("abcde"), rows)
    score = np.clip(0.3 + rng.normal(0, 0.05, days)[day] + rng.normal(0, 0.05, rows), 0.02, 0.98)
    label = rng.random(rows) < np.clip(score - gap * (shop == "e"), 0, 1)
    at = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(day, unit="D")
    return pd.DataFrame({"decided_at": at, "shop": shop, "score": score, "label": label.astype("float64")})


def test_equal_subgroups_are_called_apart_no_more_often_than_promised(monkeypatch):
    """With a limit of zero each alarm is false; of 100 draws at most 11 (5 % and luck)."""
    asked = SimpleNamespace(metric="calibration_bias", rows_min=50, limit=0.0)
    monkeypatch.setattr(
        params,
        "section",
        lambda name, _: SimpleNamespace(fairness=asked, replicates=400, seed=1),
    )
    alarms = [subgroup_gaps.gaps(matured(seed), SETUP)[0][0].alarm for seed in range(100)]
    assert sum(alarms) <= 11


def test_a_gap_that_is_there_is_called_with_its_subgroups_and_an_interval_that_holds_it():
    ((found,), unknown) = subgroup_gaps.gaps(matured(1, gap=0.2, rows=6000), SETUP)
    assert (found.cut, found.most, found.alarm, unknown) == ("shop", "e", True, [])
    assert found.low < 0.2 < found.high
    (text,) = subgroup_gaps.beyond([found])
    assert "by shop: e less" in text
    assert "review.fairness" in text


def test_a_gap_within_the_limit_is_shown_and_calls_nobody():
    ((found,), _) = subgroup_gaps.gaps(matured(2), SETUP)
    assert not found.alarm
    assert subgroup_gaps.beyond([found]) == []


def test_small_subgroups_and_single_days_say_nothing():
    assert subgroup_gaps.gaps(matured(3, rows=100), SETUP) == ([], [])
    assert subgroup_gaps.gaps(matured(3, days=1), SETUP) == ([], [])


def test_subgroups_of_a_column_that_the_log_does_not_keep_are_named():
    assert subgroup_gaps.gaps(matured(4).drop(columns="shop"), SETUP) == ([], ["shop"])


def test_a_policy_that_asks_for_no_fairness_gets_none(monkeypatch):
    monkeypatch.setattr(params, "section", lambda *_: SimpleNamespace(fairness=None))
    assert subgroup_gaps.gaps(matured(5, gap=0.3), SETUP) == ([], [])
