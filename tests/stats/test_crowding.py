"""Where marked rows crowd: what is planted is found, luck is not, and days that share their luck are one."""

import numpy as np
import pytest

from loop.stats import paired
from loop.stats.crowding import crowds

DAYS = np.repeat(np.arange(20), 100)  # the cluster of each of 2,000 rows
PARTS = np.tile(np.arange(4), 500)


def worst(seed: int, odds: np.ndarray) -> np.ndarray:
    """A hundred rows, drawn by these odds."""
    chosen = np.random.default_rng(seed).choice(len(odds), 100, replace=False, p=odds / odds.sum())
    return np.isin(np.arange(len(odds)), chosen)


def test_a_part_is_counted_by_hand():
    marked = np.zeros(2000, bool)
    marked[PARTS == 1] = np.arange(500) % 5 == 0  # a fifth of one part in four: a twentieth of all
    one, two, *_ = crowds(PARTS, marked, DAYS, 100, 0.95)
    assert (one.rows, one.marked, one.times) == (500, 0, 0.0)
    assert (two.part, two.rows, two.marked, two.times) == (1, 500, 100, pytest.approx(4.0))


def test_a_part_that_errs_more_is_found_with_an_interval_that_holds_the_truth():
    held = 0
    for seed in range(40):
        found = crowds(PARTS, worst(seed, np.where(PARTS == 2, 3.0, 1.0)), DAYS, 100, 0.95)
        assert np.argmin([one.p for one in found]) == 2
        held += found[2].low <= 2 <= found[2].high  # three times the odds of the other three: twice the mean
    assert held >= 35


@pytest.mark.parametrize("luck", [0.0, 1.0], ids=["rows alone", "days that share their luck"])
def test_luck_is_rarely_taken_for_a_part(luck):
    """Two of the four cuts are of whole days: counted by rows, their luck would be found most of the time."""
    false = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        by_day = [rng.integers(0, 3, 20)[DAYS] for _ in range(2)]
        marked = worst(seed, np.exp(luck * rng.normal(size=20))[DAYS])
        cuts = [*by_day, rng.integers(0, 5, 2000), PARTS]
        found = [one.p for parts in cuts for one in crowds(parts, marked, DAYS, 100, 0.95)]
        false += min(p for p in paired.holm(found) if np.isfinite(p)) < 0.05
    assert false <= 6


def test_parts_that_are_too_small_or_none_are_left_out():
    parts = np.where(np.arange(2000) < 99, 0, np.where(np.arange(2000) < 300, -1, 1))
    assert [one.part for one in crowds(parts, worst(1, np.ones(2000)), DAYS, 100, 0.95)] == [1]
    assert crowds(parts, np.zeros(2000, bool), DAYS, 100, 0.95) == []


def test_one_cluster_tells_nothing():
    found = crowds(PARTS, worst(1, np.ones(2000)), np.zeros(2000, np.int64), 100, 0.95)
    assert np.isnan([one.p for one in found]).all()
