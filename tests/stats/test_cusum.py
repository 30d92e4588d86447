"""A rise in a daily series is found soon, and seldom where there is none."""

import numpy as np
import pytest

from loop.stats.cusum import limit, path


def daily(seed, size, *, again=0.0):
    """Standard normal days, each holding on to a share of the day before."""
    noise = np.random.default_rng(seed).normal(size=size)
    for day in range(1, size):
        noise[day] = again * noise[day - 1] + np.sqrt(1 - again**2) * noise[day]
    return noise


def crossed(series, baseline, limit):
    """The first day on which the path is over the limit, or None."""
    over = np.flatnonzero(path(series, baseline) > limit)
    return over[0] if len(over) else None


def test_the_path_is_that_of_the_recursion():
    found = path([1, 3, 0, 4], [-1, 1] * 50)
    sd = np.std([-1, 1] * 50, ddof=1)
    first, second = 1 / sd - 0.5, (1 / sd - 0.5) + 3 / sd - 0.5
    third = max(0.0, second - 0.5)
    assert found == pytest.approx([first, second, third, third + 4 / sd - 0.5])


def test_a_rise_is_found_soon():
    series = daily(1, 80)
    series[50:] += 1.5
    baseline = daily(2, 200)
    assert 50 <= crossed(series, baseline, limit(baseline, 365, seed=0)) <= 60


def test_a_fall_is_no_alarm():
    assert crossed(daily(1, 100) - 2, daily(2, 100), 3) is None


def test_undefined_days_are_skipped():
    series = np.array([2.0, np.nan, 2.0])
    found = path(series, [-1, 1] * 50)
    assert np.isnan(found[1])
    assert found[[0, 2]].tolist() == path(series[[0, 2]], [-1, 1] * 50).tolist()


@pytest.mark.parametrize("again", [0.0, 0.5])
def test_false_alarms_come_about_as_seldom_as_asked(again):
    baseline = daily(0, 2000, again=again)
    bar = limit(baseline, 100, seed=0)
    waits = []
    for seed in range(1, 151):
        alarm = crossed(daily(seed, 1000, again=again), baseline, bar)
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
def test_a_reference_that_does_not_vary_gives_no_path(baseline):
    assert np.isnan(path([5.0, 6.0], baseline)).all()


def test_a_baseline_that_does_not_vary_gives_no_limit():
    assert limit(np.ones(50), 100, seed=0) == float("inf")


def test_no_days_give_no_path():
    assert path([], daily(0, 20)).shape == (0,)
