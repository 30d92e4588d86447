"""Features that stand still are told at once; those that always did, or often do, are not."""

import numpy as np
import pandas as pd
import pytest

from loop.monitor.stuck import stuck
from monitor.case import DAY, settings

REFERENCE, END = pd.Timestamp("2013-06-01T00:00Z"), pd.Timestamp("2013-07-01T00:00Z")
START = pd.Timestamp("2013-01-01T00:00Z")
PER_DAY = 40
SETTINGS = settings(rows_min=200)


def rows(x, newest, end=END) -> pd.DataFrame:
    """Rows of each day with `x` of the day's number, and `newest` in the last seven days."""
    count = (end - START).days * PER_DAY
    at = START + pd.to_timedelta(np.arange(count) / PER_DAY, unit="D")
    made = pd.Series(x(np.arange(count)))
    last = pd.Series(at) >= end - 7 * DAY
    return pd.DataFrame({"decided_at": at, "x": made.where(~last, pd.Series(newest(np.arange(count))))})


def told(frame, end=END) -> bool:
    return stuck(frame, ["x"], (REFERENCE, end), SETTINGS) == ["x"]


def varied(place):
    return (place * 37 % 101).astype(float)


def constant(value):
    return lambda place: np.full(len(place), value)


@pytest.mark.parametrize("value", [5.0, -1.0, 999.0, np.nan])
def test_a_number_that_became_constant_or_vanished_is_stuck(value):
    assert told(rows(varied, constant(value)))


@pytest.mark.parametrize("value", ["a", "new", None])
def test_a_category_that_became_constant_or_vanished_is_stuck(value):
    assert told(rows(lambda place: np.array(list("abcd"))[place % 4], constant(value)))


def test_a_number_that_still_varies_is_not_however_far_it_has_moved():
    assert not told(rows(varied, lambda place: varied(place) + 1e6))


def test_a_few_other_values_do_not_hide_it_and_many_do():
    assert told(rows(varied, lambda place: np.where(place % 500 == 499, 1.0, 5.0)))
    assert not told(rows(varied, lambda place: np.where(place % 50 == 0, 1.0, 5.0)))


def test_what_stands_still_for_as_long_in_the_reference_is_not_stuck():
    month = lambda place: (place // PER_DAY // 30).astype(float)  # noqa: E731
    assert not told(rows(month, constant(9.0)))


def test_a_value_that_most_rows_had_may_well_be_alone_for_a_week():
    dry = lambda place: np.where(place % 10 == 0, 0.3, 0.0)  # noqa: E731
    assert not told(rows(dry, constant(0.0)))
    assert told(rows(dry, constant(0.3)))


def test_five_rows_in_the_newest_days_tell_nothing():
    frame = rows(varied, constant(5.0))
    last = frame["decided_at"] >= END - 7 * DAY
    assert not told(pd.concat([frame[~last], frame[last].iloc[:5]]))
    assert not told(frame[~last])
