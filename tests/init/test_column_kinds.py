"""What a column holds is told by its values, whoever wrote the file."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from loop.init import column_kinds


def of(values, name="x"):
    return column_kinds.of(name, pd.Series(values), "UTC")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([[1, 2], [3]], "lists"),
        ([{"a": 1}, {"a": 2}], "records"),
        ([b"ab", b"cd"], "bytes"),
        (pd.to_timedelta([1, 2], unit="h"), "timedelta64"),
        (pd.period_range("2024-01", periods=2, freq="M"), "period"),
        ([1.0, np.inf], "infinite"),
        (pd.Categorical([1, None, 2]), "categories of whole numbers"),
    ],
)
def test_what_is_no_number_text_or_time_is_named_as_that(values, said):
    assert said in of(values).unusable


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([Decimal("1.5"), None], "number"),
        ([True, None, False], "text"),
        ([True, False], "flag"),
        ([datetime.date(2024, 1, 1), None], "instant"),
        ([datetime.time(8), datetime.time(9)], "text"),
        (pd.Categorical(["a", None]), "text"),
        (pd.array([1, None], "Int64"), "number"),
    ],
)
def test_values_of_other_writers_have_a_kind(values, kind):
    found = of(values)
    assert (found.kind, found.unusable) == (kind, "")


@pytest.mark.parametrize("write", [str, int])
def test_a_number_too_long_to_be_exact_is_a_name(write):
    found = of([write(10**17 + at) for at in range(3)])
    assert found.kind == "text"
    assert found.listed == [str(10**17 + at) for at in range(3)]


@pytest.mark.parametrize("write", [str, int])
def test_days_may_be_written_without_a_sign_between_their_parts(write):
    found = of([write(20240131), write(20240201)])
    assert (found.kind, found.dates) == ("instant", "%Y%m%d")
    assert found.values.tolist() == list(pd.to_datetime(["2024-01-31", "2024-02-01"], utc=True))
    assert of([write(20240131), write(20241301)]).kind == "whole", "there is no month 13"


def test_instants_without_a_zone_among_others_are_counted():
    found = of(["2024-01-01T00:00+02:00", "2024-01-01T00:00", "2024-01-01T01:00"])
    assert (found.zoned, found.bare) == (True, 2)
    assert of(["2024-01-01T00:00", "2024-01-01T01:00"]).bare == 0
