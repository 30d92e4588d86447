"""A step is told where a series stepped by more than it ever did, once enough days have taught how much."""

import numpy as np
import pytest

from loop.stats import change_points
from loop.stats.daily import Daily, Measure

DAYS = 150


def series(seeds: range, days: int) -> Daily:
    """Levels of days that remember the days before, of unharmed feeds."""
    noise = np.array([np.random.default_rng(seed).normal(size=days) for seed in seeds]).T
    values = np.zeros_like(noise)
    for day in range(1, days):
        values[day] = 0.6 * values[day - 1] + noise[day]
    measures = [Measure("table", f"column {seed}", (), "level") for seed in seeds]
    day = np.datetime64("2024-01-01") + np.arange(days)
    return Daily(day, measures, values, np.full(len(seeds), 100.0), days)


@pytest.mark.parametrize("days", [57, 90, 120, 365])
def test_at_the_door_few_days_tell_no_more_false_steps_than_many(days):
    feeds = series(range(300), days)
    sizes = change_points.sizes(feeds, None)
    told = {one.measure.column for one in change_points.points(feeds, sizes) if one.size > 1.5}
    assert len(told) <= 6  # 2 %


@pytest.mark.parametrize("first", [60, 90, 120])
def test_few_days_before_the_first_tell_no_more_false_steps_than_many(first):
    feeds = series(range(300), first + 30)
    told = {one.measure.column for one in change_points.points(feeds, change_points.sizes(feeds, first))}
    assert len(told) <= 6


def test_a_step_is_told_by_its_day():
    feeds = series(range(20), DAYS)
    feeds.values[110:, 3] += 9
    (found,) = change_points.points(feeds, change_points.sizes(feeds, 100))
    assert (found.measure.column, found.day) == ("column 3", "2024-04-20")
