"""The day on which something began to come is that of the clearest split, and none where it never rose."""

import numpy as np
import pytest

from loop.stats.onset import onset


@pytest.mark.parametrize(
    ("events", "day"),
    [
        ([0, 0, 0, 5, 5, 5], 3),
        ([0, 0, 0, 9, 0, 0], 3),  # it healed
        ([1, 0, 0, 0, 8, 9], 4),  # a stray before
        ([4, 4, 4, 4, 4, 4], 0),
        ([9, 9, 0, 0, 0, 0], 0),  # it was there before, and ends
        ([2, 3, 2, 3, 3, 3], 0),  # not twice as often
        ([0, 0, 0, 0, 0, 0], 0),
        ([3], 0),
        ([], 0),
    ],
)
def test_the_first_day(events, day):
    assert onset(np.array(events, float), np.full(len(events), 10.0)) == day


def test_more_rows_are_no_onset():
    assert onset(np.array([1.0, 1.0, 8.0, 8.0]), np.array([10.0, 10.0, 80.0, 80.0])) == 0
