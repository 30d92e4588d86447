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


def of_groups(name: str) -> Daily:
    """An outcome of twelve groups. One had three days of its own, and has three more, thrice as far off."""
    rng = np.random.default_rng(4)
    values = rng.normal(scale=0.05, size=(DAYS, 12))
    values[40:43, 5] += 1.0
    values[120:123, 5] += 3.0
    measures = [Measure("labels", "label", ("station", str(one)), name) for one in range(12)]
    day = np.datetime64("2024-01-01") + np.arange(DAYS)
    return Daily(day, measures, values, np.full(12, 1000.0), DAYS)


def test_a_group_whose_outcomes_turn_is_judged_by_its_likes_and_one_that_lacks_them_by_itself():
    turned, lacking = of_groups("level"), of_groups("missing")
    size = {
        one: change_points.sizes(daily, 100, ["label"]).size[:, 5].max()
        for one, daily in (("turned", turned), ("lacking", lacking))
    }
    assert size["turned"] > 1
    assert size["lacking"] < 1


def test_a_group_that_stood_still_is_judged_by_what_its_likes_do():
    rng = np.random.default_rng(2)
    rows = np.array([3.0, 3.0, 3.0, 6.0, 12.0, 24.0])
    values = np.array([rng.binomial(int(many), 0.05, DAYS) / many for many in rows]).T
    values[:, 0] = 0.0  # none by chance, until two rows of one day have it
    values[120, 0] = 2 / 3
    measures = [Measure("bookings", "cancelled", ("agent", str(one)), "level") for one in range(6)]
    day = np.datetime64("2024-01-01") + np.arange(DAYS)
    unharmed = Daily(day, measures, values, rows, DAYS)
    assert not change_points.points(unharmed, change_points.sizes(unharmed, 100))
    values[120:, 0] = 5.0  # another unit
    (found,) = change_points.points(unharmed, change_points.sizes(unharmed, 100))
    assert (found.measure.group, found.day) == (("agent", "0"), "2024-04-30")
