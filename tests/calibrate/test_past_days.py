"""Days of the past that are drawn again: a year in which nothing changed."""

import numpy as np
import pytest

from loop.calibrate import past_days


@pytest.mark.parametrize("block", [4, 7, 30])
@pytest.mark.parametrize("seed", range(5))
def test_weekdays_go_on_and_every_block_is_of_days_that_follow_each_other(block, seed):
    drawn = past_days.draw(np.random.default_rng(seed), days=120, length=400, block=block)
    assert len(drawn) == 400
    assert (np.diff(drawn) % 7 == 1).all()
    assert (np.diff(drawn) != 1).sum() <= 400 // max(7, block)
    assert drawn.min() >= 0
    assert drawn.max() < 120


def test_other_draws_begin_on_other_weekdays_and_a_past_shorter_than_a_block_is_repeated():
    starts = {past_days.draw(np.random.default_rng(seed), 120, 7, 7)[0] % 7 for seed in range(50)}
    assert starts == set(range(7))
    assert past_days.draw(np.random.default_rng(1), 5, 12, 7).tolist() == [0, 1, 2, 3, 4, 0, 1, 0, 1, 2, 3, 4]
