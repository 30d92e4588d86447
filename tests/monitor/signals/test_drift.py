"""How far columns moved, beside how far past windows did; what the model does not use never alarms."""

import numpy as np
import pandas as pd
import pytest

from loop.monitor.signals import drift
from support.monitor_case import DAY, settings

START = pd.Timestamp("2013-01-01T00:00Z")
BASELINE, UNTIL = "2013-06-01", "2013-07-01"
RUNS = ["2013-06-17", "2013-06-24", "2013-07-01"]
PER_DAY = 60
SETTINGS = settings(rows_min=200)


def rows(seed: int = 0, per_day: int = PER_DAY, **newest) -> pd.DataFrame:
    """Half a year of two numbers, a category and a score; `newest` replaces columns of June."""
    rng = np.random.default_rng(seed)
    days = (pd.Timestamp(UNTIL, tz="UTC") - START).days
    day = np.repeat(np.arange(days), per_day)
    luck = rng.normal(0, 0.2, days)[day]
    count = len(day)
    made = pd.DataFrame(
        {
            "decided_at": START + pd.to_timedelta(day + 0.5, unit="D"),
            "a": rng.normal(0, 1, count) + luck,
            "b": rng.normal(0, 1, count) - luck,
            "c": rng.choice(list("xyz"), count, p=[0.6, 0.3, 0.1]),
            "score": rng.beta(2, 4, count),
        }
    )
    made["decision"] = np.where(made["score"] > 0.4, "yes", "no")
    june = made["decided_at"] >= pd.Timestamp(BASELINE, tz="UTC")
    for name, change in newest.items():
        changed = pd.Series(change(made[name]), index=made.index) if name in made else change(made)
        made[name] = changed.where(june, made[name]) if name in made else changed
    return made


def seen(frame, **importance) -> drift.Drift:
    weights = importance or {"a": 0.6, "b": 0.3, "c": 0.1}
    profile = drift.profiled(frame, BASELINE, list(weights))
    return drift.drift(profile, BASELINE, RUNS, weights, SETTINGS)


def alarms(found) -> set[str]:
    return {one.name for one in found.features() if one.alarm}


def series_alarms(found) -> dict[str, bool]:
    return {one.name: bool(one.alarm[-1]) for one in found.series()}


@pytest.fixture(scope="module")
def quiet():
    return seen(rows())


def test_a_quiet_month_alarms_nobody(quiet):
    assert alarms(quiet) == set()
    assert not any(series_alarms(quiet).values())


def test_the_most_used_feature_comes_first_with_a_heat_for_each_run(quiet):
    assert [one.name for one in quiet.features()] == ["a", "b", "c"]
    assert all(len(one.heat) == len(RUNS) for one in quiet.features())
    assert all(heat < 1 for one in quiet.features() for heat in one.heat)


def test_numbers_have_a_ks_and_categories_have_none(quiet):
    names = {one.name: {statistic.name for statistic in one.statistics} for one in quiet.features()}
    assert "ks" in names["a"]
    assert "ks" not in names["c"]
    assert names["c"] >= {"psi", "jensen_shannon", "chi_square", "missing"}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a", lambda values: values + 2),
        ("a", lambda values: values * 4),
        ("a", lambda values: values * np.nan),
        ("a", lambda values: values * 0),
        ("a", lambda values: values.mask(np.arange(len(values)) % 3 == 0)),
        ("c", lambda values: "never seen"),
        ("c", lambda values: np.where(np.arange(len(values)) % 3 == 0, "never seen", values)),
        ("c", lambda values: None),
    ],
    ids=["moved", "wider", "vanished", "constant", "a third missing", "unseen", "a third unseen", "no value"],
)
def test_what_changed_alarms_and_the_others_do_not(name, change):
    found = seen(rows(**{name: change}))
    assert alarms(found) == {name}
    (one,) = [feature for feature in found.features() if feature.alarm]
    assert one.since == RUNS[0]
    assert one.heat[-1] is None or one.heat[-1] > 1 or name == "a"
    assert series_alarms(found)["features"]
    assert not series_alarms(found)["score"]


def test_a_column_that_is_gone_altogether_is_missing_and_alarms():
    frame = rows()
    june = frame["decided_at"] >= pd.Timestamp(BASELINE, tz="UTC")
    gone = pd.concat([frame[~june], frame[june].drop(columns="a")], ignore_index=True)
    assert alarms(seen(gone)) == {"a"}


def test_a_feature_that_the_model_does_not_use_never_alarms():
    found = seen(rows(a=lambda values: values + 100), a=0.0, b=0.9, c=0.1)
    assert alarms(found) == set()
    assert not series_alarms(found)["features"]


def test_the_share_of_use_beyond_limits_is_what_is_shown_of_inputs():
    found = seen(rows(a=lambda values: values + 2))
    (features,) = [one for one in found.series() if one.name == "features"]
    assert features.value.tolist() == pytest.approx([0.6] * 3)


def test_a_correlation_that_appears_is_seen_though_no_feature_moved():
    frame = rows()
    june = frame["decided_at"] >= pd.Timestamp(BASELINE, tz="UTC")
    frame.loc[june, "b"] = np.where(
        np.arange(june.sum()) % 10 == 0, frame.loc[june, "b"], frame.loc[june, "a"]
    )
    found = series_alarms(seen(frame))
    assert found["dependence"]


def test_scores_and_decisions_that_moved_are_predictions_and_no_inputs():
    found = seen(rows(score=lambda values: values**3, decision=lambda values: "no"))
    assert series_alarms(found) == {"features": False, "dependence": False, "score": True, "decision": True}
    assert {one.name for one in found.series() if one.kind == "predictions"} == {"score", "decision"}


def test_without_a_threshold_there_is_no_share_of_decisions():
    assert "decision" not in series_alarms(seen(rows().drop(columns="decision")))


def test_a_run_without_a_row_is_no_alarm_and_no_number():
    frame = rows()
    found = seen(frame[frame["decided_at"] < pd.Timestamp("2013-05-20", tz="UTC")])
    assert alarms(found) == set()
    assert not any(series_alarms(found).values())
    for one in found.series():
        one.signal(RUNS, settings().hysteresis)
    assert [one.heat[-1] for one in found.features()] == [None] * 3


def test_with_less_than_three_windows_of_past_nothing_can_be_told():
    frame = rows(a=lambda values: values + 100)
    young = frame[frame["decided_at"] >= pd.Timestamp(BASELINE, tz="UTC") - 60 * DAY]
    assert alarms(seen(young)) == set()


# Features that stand still


def still(days, name="a", change=lambda values: values * 0 + 0.5) -> list[str]:
    """What is stuck when the newest days hold what `change` makes."""
    frame = rows()
    last = frame["decided_at"] >= pd.Timestamp(UNTIL, tz="UTC") - days * DAY
    changed = pd.Series(change(frame[name]), index=frame.index)
    return seen(frame.assign(**{name: changed.where(last, frame[name])})).constant


@pytest.mark.parametrize(
    ("days", "name", "change"),
    [
        (7, "a", lambda values: values * np.nan),
        (7, "c", lambda values: None),
        (28, "a", lambda values: values * 0 + 0.5),
        (28, "c", lambda values: "z"),
    ],
    ids=["number vanished", "category vanished", "number constant", "category constant"],
)
def test_what_vanished_for_a_step_or_stood_still_for_a_window_is_constant(days, name, change):
    assert still(days, name, change) == [name]


def test_one_value_for_a_week_may_be_the_weather():
    assert still(7) == []


def test_a_few_other_values_do_not_hide_that_it_stands_still_and_many_do():
    assert still(28, change=lambda values: values.where(values.index % 500 == 0, 0.5)) == ["a"]
    assert still(28, change=lambda values: values.where(values.index % 20 == 0, 0.5)) == []


def test_what_the_model_hardly_uses_is_not_called_constant():
    frame = rows(a=lambda values: values * np.nan)
    assert seen(frame, a=0.005, b=0.995).constant == []


def test_five_rows_in_the_newest_days_are_not_constant():
    frame = rows(a=lambda values: values * np.nan)
    last = frame["decided_at"] >= pd.Timestamp(UNTIL, tz="UTC") - 7 * DAY
    assert seen(frame).constant == ["a"]
    assert seen(pd.concat([frame[~last], frame[last].iloc[:5]])).constant == []
    assert seen(frame[~last]).constant == []


# One p-value of several


def test_simes_is_uniform_at_most_for_tests_of_nothing():
    p = drift.simes(np.random.default_rng(1).uniform(size=(5, 20_000)))
    for level in (0.01, 0.05, 0.2):
        assert (p <= level).mean() == pytest.approx(level, abs=4 * np.sqrt(level / 20_000))


def test_simes_of_five_times_the_same_is_that():
    same = np.random.default_rng(1).uniform(size=100)
    np.testing.assert_allclose(drift.simes(np.tile(same, (5, 1))), same)


def test_simes_leaves_out_what_is_not_known():
    p = np.array([[0.04, np.nan, np.nan], [np.nan, 0.3, np.nan], [0.5, 0.1, np.nan]])
    np.testing.assert_allclose(drift.simes(p), [0.08, 0.2, np.nan])


def test_simes_by_hand():
    np.testing.assert_allclose(drift.simes(np.array([[0.01], [0.02], [0.9]])), [0.03])
    np.testing.assert_allclose(drift.simes(np.array([[1.0], [1.0]])), [1.0])
