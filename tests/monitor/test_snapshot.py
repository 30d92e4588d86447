"""Which days are monitored, and what is read of the feed and the policy's limits on the way."""

import numpy as np
import pandas as pd
import pytest

from conftest import ROOT
from loop.base.errors import LoopError
from loop.monitor import backtest
from loop.monitor import snapshot as snapshots
from loop.monitor.inputs import feed, importance
from loop.monitor.inputs import rows as of_rows
from loop.monitor.inputs import windows as daily
from loop.monitor.signals import minimum_requirements
from loop.monitor.signals.series import Series, confirmed, since
from loop.settings.monitor_settings import Hysteresis
from loop.settings.params import Resampling
from problem import metrics, source
from support.monitor_case import DAY, NOW, Model, keys, labelled, settings, windows

SETTINGS = settings()


# The days


def test_runs_are_a_week_apart_and_end_today():
    when = daily.days(Model(), NOW, SETTINGS)
    assert when.runs[-1] == when.until == "2013-07-01"
    assert when.runs[-2] == "2013-06-24"
    assert (when.since, when.baseline) == ("2013-01-01", "2013-06-01")


def test_windows_of_labels_end_as_long_ago_as_labels_take():
    assert daily.days(Model(), NOW, SETTINGS).ends[-1] == "2013-06-29"
    assert daily.days(Model(), NOW, settings(labels__delay_days=21)).ends[-1] == "2013-06-08"


def test_the_hour_of_a_run_does_not_matter():
    assert daily.days(Model(), NOW + pd.Timedelta(hours=23), SETTINGS) == daily.days(Model(), NOW, SETTINGS)


def test_years_later_only_the_newest_runs_are_shown():
    when = daily.days(Model(), NOW + 2000 * DAY, SETTINGS)
    assert len(when.runs) == len(when.ends) == daily.RUNS_MAX


@pytest.mark.parametrize("now", ["2013-01-05", "2013-05-31T23:59"])
def test_before_the_champion_was_judged_there_is_nothing_to_look_at(now):
    with pytest.raises(LoopError, match=f"{now[:10]}.*holdout ended on 2013-06-01"):
        daily.days(Model(), pd.Timestamp(now, tz="UTC"), SETTINGS)


def test_a_window_so_long_that_the_past_holds_fewer_than_three_is_refused():
    assert daily.days(Model(), NOW, settings(window_days=50))
    with pytest.raises(LoopError, match=r"hold 2\.5 windows of 60 days"):
        daily.days(Model(), NOW, settings(window_days=60))


# The feed


@pytest.fixture
def here(monkeypatch):
    monkeypatch.chdir(ROOT)


def instants(*days):
    return [pd.Timestamp(day, tz="UTC") for day in days]


def test_a_window_without_any_row_is_no_broken_feed(here, monkeypatch):
    since, until = instants("2031-01-01", "2031-01-08")
    assert feed.broken(since, until, until) == []


def test_a_broken_window_is_not_read_any_further(here, monkeypatch):
    breach = object()
    monkeypatch.setattr(feed, "broken", lambda *_: [breach])
    monkeypatch.setattr(source, "tables", None)
    found = feed.read(*instants("2013-01-01", "2013-02-01", "2013-02-01"), 28)
    assert (found.breaches, len(found.examples), len(found.labels)) == ([breach], 0, 0)


def test_only_the_newest_window_is_held_to_its_contract(here, monkeypatch):
    asked = []
    monkeypatch.setattr(feed, "broken", lambda *window: asked.append(window) or [object()])
    since, until, now = instants("2013-01-01", "2013-02-01", "2013-02-02")
    feed.read(since, until, now, 28)
    feed.read(since, until, now, 99)
    assert asked == [(until - 28 * DAY, until, now), (since, until, now)]


# What the champion was trained on


def test_rows_of_the_training_window_without_a_label_by_its_end_are_as_new_to_the_champion_as_later_ones():
    own = windows()
    at = pd.Series(
        [own.train.since + 5 * DAY, own.train.until - DAY, own.train.until + DAY, own.train.until + DAY]
    )
    rows = keys(4).assign(decided_at=at.astype("datetime64[us, UTC]"), x=1.0)
    labels = labelled(rows.iloc[:3], 3, 1)
    train, later = of_rows.split(feed.Feed(rows, labels.astype({"label": "int64"}), []), own)
    assert train[source.KEY[0]].tolist() == ["0"]
    assert train["label"].dtype == "int64"
    assert later[source.KEY[0]].tolist() == ["1", "2", "3"]
    assert "label" not in later


def test_a_label_that_came_twice_trains_once_by_the_first():
    own = windows()
    rows = keys(1).assign(decided_at=pd.Series([own.train.since], dtype="datetime64[us, UTC]"), x=1.0)
    labels = pd.concat([labelled(rows, 2, 0), labelled(rows, 1, 1)])
    train, later = of_rows.split(feed.Feed(rows, labels, []), own)
    assert (train["label"].tolist(), len(later)) == ([1], 0)


# Features that stand still


@pytest.mark.parametrize(
    ("values", "still"),
    [
        ([5.0] * 4, True),
        ([np.nan] * 4, True),
        ([None] * 4, True),
        ([1e6, 2e6, 3e6, 4e6], False),
        (list("abcd"), False),
    ],
)
def test_what_lies_in_one_bin_is_constant_only_if_it_is_one_value(values, still):
    when = daily.days(Model(), NOW, SETTINGS)
    at = pd.Series([NOW - age * DAY for age in (30, 20, 10, 8, 6, 4, 2, 1)])
    column = pd.Series([1.5, 2.5, 3.5, 4.5, *values], dtype=object).infer_objects()
    assert snapshots._is_constant(column, at, when, SETTINGS) is still


# What the model uses


def used(model, frame, names=("x", "y")):
    return importance.permutation(model, frame, list(names), seed=1)


def frame(count=300):
    rng = np.random.default_rng(0)
    return pd.DataFrame({"x": rng.normal(size=count), "y": rng.normal(size=count)})


def test_a_feature_that_the_model_does_not_look_at_has_no_use_and_all_uses_sum_to_one():
    assert used(Model(), frame()) == {"x": 1.0, "y": 0.0}
    both = used(Model(scored=lambda rows: 3 * rows["x"] + rows["y"]), frame())
    assert sum(both.values()) == pytest.approx(1)
    assert both["x"] > 2 * both["y"] > 0


def test_a_model_that_looks_at_nothing_uses_nothing():
    assert used(Model(scored=lambda rows: rows["x"] * 0), frame()) == {"x": 0.0, "y": 0.0}


def test_of_many_rows_some_are_asked_once():
    asked = []
    model = Model(scored=lambda rows: asked.append(len(rows)) or rows["x"])
    used(model, frame(50_000))
    assert asked == [3 * importance.ROWS]


# Minimum requirements


def judged(good: bool, count: int = 12_000) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    score = rng.beta(1, 2, count)
    label = rng.uniform(size=count) < (score if good else 1 - score)
    at = NOW - pd.to_timedelta(rng.integers(2, 30, count), unit="D")
    return pd.DataFrame({"decided_at": at, "score": score, "label": label.astype(float)})


def test_a_good_model_breaks_no_minimum_and_a_bad_one_says_which(here):
    assert minimum_requirements.breached(judged(good=True), SETTINGS) == []
    texts = minimum_requirements.breached(judged(good=False), SETTINGS)
    assert any(one.startswith(metrics.METRICS[metrics.PRIMARY].title) for one in texts)
    assert all("no model may ship" in one for one in texts)


def test_too_few_rows_break_nothing(here):
    assert minimum_requirements.breached(judged(good=False, count=5), SETTINGS) == []
    assert minimum_requirements.breached(judged(good=False, count=0), SETTINGS) == []


# What a retrain would have gained

MOVED = windows().model_copy(
    update={
        "train": windows().train.model_copy(update={"until": NOW - 30 * DAY}),
        "holdout": windows().holdout.model_copy(update={"since": NOW - 30 * DAY, "until": NOW - 2 * DAY}),
        "as_of": NOW,
    }
)
BY_DAY = Resampling(seed=1, cluster="day", replicates=300, confidence=0.95, slice_rows_min=1)


def examples(per_day: int = 30) -> pd.DataFrame:
    days = pd.date_range("2013-01-01T06:00Z", NOW, freq="D").as_unit("us").repeat(per_day)
    rng = np.random.default_rng(0)
    truth = rng.beta(1, 2, len(days))
    label = (rng.uniform(size=len(days)) < truth).astype(float)
    rows = keys(len(days)).assign(decided_at=days, truth=truth, label=label)
    return rows.assign(label_known_at=rows["decided_at"] + DAY)


def judge(fitted) -> Model:
    """A champion that always says 0.9, and what it becomes when it is fitted again."""
    return Model(scored=lambda rows: rows["truth"] * 0 + 0.9, fitted=fitted)


def gained(model, rows, **changed):
    return backtest.gain(model, rows, MOVED, settings(rows_min=100, **changed), BY_DAY)


def test_a_better_model_gains_for_certain_and_the_same_one_gains_nothing():
    better = gained(judge(lambda fit, asked: asked["truth"]), examples())
    assert better.low > 0
    assert better.challenger < better.champion
    assert better.value == pytest.approx(better.champion - better.challenger)
    same = gained(judge(lambda fit, asked: asked["truth"] * 0 + 0.9), examples())
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_it_is_fitted_on_what_was_known_then_and_never_sees_its_judges():
    model = judge(lambda fit, asked: asked["truth"])
    found = gained(model, examples())
    (fit,) = model.fits
    assert fit["label_known_at"].max() <= MOVED.train.until
    assert "score" not in fit
    assert found.rows == 28 * 30
    assert (found.train_from, found.train_until) == ("2013-01-01", "2013-06-01")


def test_too_few_rows_to_judge_it_tell_nothing_but_how_few_and_cost_no_fit():
    model = Model()
    assert "84 matured rows of 28 days" in gained(model, examples(per_day=3))
    assert "0 matured rows of 0 days" in gained(model, examples().iloc[:0])
    assert model.fits == []


# Series

RUNS = ["2013-06-17", "2013-06-24", "2013-07-01"]


def one(value, alarm=(False, False, True), **more):
    return Series("concept", "loss", "the loss", np.array(value), np.array(alarm), **more).signal(
        RUNS, Hysteresis(runs=2, of=3)
    )


def test_a_signal_is_the_newest_value_beside_its_limit():
    signal = one([0.1, 0.2, 0.3], limit=0.25, p=np.array([0.5, 0.5, 0.01]))
    assert (signal.value, signal.limit, signal.p, signal.alarm, signal.since) == (
        0.3,
        0.25,
        0.01,
        True,
        "2013-07-01",
    )
    assert signal.summary == "the loss is 0.3, past windows stay below 0.25"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_nobody_can_tell_is_no_number(value):
    signal = one([0.1, 0.2, value], (False, False, False), limit=value, p=np.array([np.nan] * 3))
    assert (signal.value, signal.limit, signal.p, signal.summary) == (None, None, None, "is undefined")


@pytest.mark.parametrize(
    ("alarm", "confirmed"),
    [((False, False, True), False), ((True, False, True), True), ((True, True, False), False)],
)
def test_a_signal_is_confirmed_where_enough_of_its_own_runs_alarm(alarm, confirmed):
    assert one([0.1, 0.2, 0.3], alarm, limit=0.05).confirmed is confirmed


def test_a_run_begins_where_it_was_last_unbroken():
    assert since(np.array([True, True, True]), RUNS) == "2013-06-17"
    assert since(np.array([True, False, True]), RUNS) == "2013-07-01"
    assert since(np.array([True, True, False]), RUNS) is None
    assert since(np.array([], bool), []) is None


def test_one_of_one_is_reported_at_once():
    assert confirmed(np.array([False, True]), Hysteresis(runs=1, of=1))
    assert not confirmed(np.array([], bool), Hysteresis(runs=1, of=1))
