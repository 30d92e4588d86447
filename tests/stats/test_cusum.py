"""A rise in a daily series is found soon, dated, and seldom where there is none."""

import numpy as np
import pytest

from loop.stats.cusum import cusum, limit


def daily(seed, size, *, again=0.0):
    """Standard normal days, each holding on to a share of the day before."""
    noise = np.random.default_rng(seed).normal(size=size)
    for day in range(1, size):
        noise[day] = again * noise[day - 1] + np.sqrt(1 - again**2) * noise[day]
    return noise


def test_the_path_is_that_of_the_recursion():
    found = cusum([1, 3, 0, 4], [-1, 1] * 50, limit=100, slack=0.5)
    sd = np.std([-1, 1] * 50, ddof=1)
    first, second = 1 / sd - 0.5, (1 / sd - 0.5) + 3 / sd - 0.5
    third = max(0.0, second - 0.5)
    assert found.path == pytest.approx([first, second, third, third + 4 / sd - 0.5])
    assert (found.alarm, found.since) == (None, None)


def test_a_rise_is_found_and_dated():
    series = daily(1, 80)
    series[50:] += 1.5
    baseline = daily(2, 200)
    found = cusum(series, baseline, limit(baseline, 365, seed=0))
    assert found.alarm is not None
    assert found.since is not None
    assert 50 <= found.alarm <= 60
    assert 45 <= found.since <= 53


def test_the_rise_began_the_day_after_the_path_was_last_zero():
    found = cusum([0.0, 5.0, -9.0, 2.0, 2.0], [-1, 1] * 50, limit=2.5)
    assert (found.alarm, found.since) == (1, 1)
    found = cusum([0.0, 2.0, -9.0, 2.0, 2.0], [-1, 1] * 50, limit=2.5)
    assert (found.alarm, found.since) == (4, 3)


def test_a_fall_is_no_alarm():
    assert cusum(daily(1, 100) - 2, daily(2, 100), limit=3).alarm is None


def test_undefined_days_are_skipped():
    series = np.array([2.0, np.nan, 2.0])
    found = cusum(series, [-1, 1] * 50, limit=2.5)
    assert np.isnan(found.path[1])
    assert (found.alarm, found.since) == (2, 0)
    assert found.path[2] == cusum(series[[0, 2]], [-1, 1] * 50, limit=2.5).path[1]


@pytest.mark.parametrize("again", [0.0, 0.5])
def test_false_alarms_come_about_as_seldom_as_asked(again):
    baseline = daily(0, 2000, again=again)
    bar = limit(baseline, 100, seed=0)
    waits = []
    for seed in range(1, 151):
        alarm = cusum(daily(seed, 1000, again=again), baseline, bar).alarm
        waits.append(1000 if alarm is None else alarm)
    assert 60 <= np.mean(waits) <= 200


def test_days_that_hold_on_to_the_day_before_need_a_higher_limit():
    assert limit(daily(0, 500, again=0.6), 200, seed=0) > 1.3 * limit(daily(0, 500), 200, seed=0)


def test_a_longer_run_needs_a_higher_limit():
    found = [limit(daily(0, 200), run, seed=0) for run in (30, 100, 400)]
    assert found == sorted(found)
    assert found[0] < found[-1]


def test_the_limit_is_the_same_for_the_same_seed():
    assert limit(daily(0, 60), 100, seed=3) == limit(daily(0, 60), 100, seed=3)


def test_less_than_two_weeks_give_no_limit():
    assert limit(daily(0, 13), 100, seed=0) == float("inf")


@pytest.mark.parametrize("baseline", [[], [1.0], [2.0, 2.0, 2.0], [np.nan, 1.0]])
def test_a_baseline_that_does_not_vary_gives_no_alarm(baseline):
    found = cusum([5.0, 6.0], baseline, limit=0.0)
    assert np.isnan(found.path).all()
    assert found.alarm is None


def test_a_baseline_that_does_not_vary_gives_no_limit():
    assert limit(np.ones(50), 100, seed=0) == float("inf")


def test_no_days_give_no_path():
    assert cusum([], daily(0, 20), limit=3).path.shape == (0,)
