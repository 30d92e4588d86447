"""The monitor's numbers: seldom an alarm where nothing changed, and soon one where something did."""

import numpy as np
import pandas as pd
import pytest

from loop.calibrate import alarms
from loop.calibrate.alarms import Setting
from loop.calibrate.past_days import Runs
from loop.data.features import DECIDED_AT
from loop.monitor.signals.series import Series
from loop.settings import monitor_settings


@pytest.fixture
def setup():
    return monitor_settings.read().model_copy(update={"window_days": 28, "step_days": 7, "alpha": 0.05})


def year(p, alarm=None):
    p = np.array(p, float)
    alarm = p < max(alarms.ALPHAS) if alarm is None else np.array(alarm)
    return Runs(
        [str(run) for run in range(len(p))], [Series("inputs", "x", "x", p, alarm, p=p)], np.zeros((1, 1))
    )


def tried(**other):
    base = {"window_days": 28, "alpha": 0.05, "runs": 2, "of": 3, "alarms": 0.1, "days": 28.0}
    return Setting(**(base | other))


def test_an_alarm_counts_by_level_and_hysteresis(setup):
    found = year([0.5, 0.04, 0.001, 0.3, 0.3])
    rule = {"window": 28, "rule": (2, 3)}
    assert alarms._at(found, alarms._with(setup, alpha=0.05, **rule)).tolist() == [0, 0, 1, 0, 0]
    assert not alarms._at(found, alarms._with(setup, alpha=0.01, **rule)).any()
    assert alarms._at(found, alarms._with(setup, 28, 0.01, (1, 1))).tolist() == [0, 0, 1, 0, 0]


def test_false_alarms_are_counted_as_they_begin_and_by_the_year(setup):
    weeks = [0.5] * 52
    twice = [*weeks]
    twice[3:6] = [0.001] * 3
    twice[20] = 0.001
    now = alarms._with(setup, 28, 0.05, (1, 1))
    assert alarms._alarms([year(weeks), year(twice)], now) == pytest.approx(1.0, rel=0.01)


def test_of_settings_that_seldom_alarm_the_soonest_is_taken_and_what_is_set_stays_where_it_is_as_good(setup):
    loud, slow, soon = tried(alarms=3.0, days=7.0), tried(days=70.0), tried(window_days=14, days=21.0)
    assert alarms._chosen([loud, slow, soon], setup) == soon
    assert alarms._chosen([loud, tried(days=28.0), soon], setup) == tried(days=28.0)
    assert alarms._chosen([loud], setup) is None


def test_windows_are_whole_steps_of_which_three_lie_in_the_past(setup):
    assert alarms._windows(200, setup) == [7, 14, 28, 56]
    assert alarms._windows(100, setup) == [7, 14, 28]
    assert alarms._windows(20, setup) == []


@pytest.mark.parametrize("found", [7, 14, 56])
def test_what_is_tried_next_time_does_not_depend_on_what_was_found(setup, found):
    again = setup.model_copy(update={"window_days": found})
    assert alarms._windows(200, again) == alarms._windows(200, setup)


def test_a_window_needs_a_third_of_its_usual_rows():
    at = pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(np.arange(1000) // 10, unit="D")
    rows = pd.DataFrame({DECIDED_AT: at})
    assert (alarms.rows_min(rows, 30), alarms.rows_min(rows, 7)) == (100, 30)


def test_rows_without_a_time_of_their_own_say_nothing_of_labels(monkeypatch):
    monkeypatch.setattr("problem.source.TIME", {"rows": None})
    assert alarms.labels(pd.DataFrame()) == []


def test_a_label_is_final_a_day_after_the_latest():
    at = pd.Timestamp("2020-01-01", tz="UTC")
    rows = pd.DataFrame({DECIDED_AT: [at, at], "label_known_at": [at, at + pd.Timedelta(hours=36)]})
    (found,) = alarms.labels(rows)
    assert (found.key, found.value) == ("monitor.labels.final_after_days", 2.5)
