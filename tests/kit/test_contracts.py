"""Contracts of what the kit declares: what they refuse."""

import numpy as np
import pandas as pd
import pytest

from loop.data import contract
from loop.kit import contracts


@pytest.mark.parametrize(
    ("weights", "rule"),
    [
        ([1.0, 0.0, 2.5], None),
        ([1.0, -0.5, 1.0], "a weight: finite, 0 or more"),
        ([1.0, np.inf, 1.0], "a weight: finite, 0 or more"),
        ([1.0, np.nan, 1.0], "not null"),
        ([0.0, 0.0, 0.0], "not all weights are 0"),
    ],
)
def test_a_weight_is_finite_0_or_more_never_null_and_not_always_0(weights, rule):
    rows = pd.DataFrame({"id": ["a", "b", "c"], "w": weights}).astype({"id": "str"})
    found = contract.check(
        rows, contracts.table({"id": contracts.text(), "w": contracts.weight()}, ["id"]), "t"
    )
    assert [one.rule for one in found] == ([rule] if rule else [])


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"temprature": 0.2}, r"has no column `temprature`; did you mean `temperature`\?"),
        ({"x": 20}, "20 for"),
    ],
)
def test_a_share_of_missing_values_names_a_column_that_there_is_and_the_key_is_said(shares, said):
    request = {"temperature": contracts.number(-50, 60, nullable=True), "x": contracts.number(0, 1)}
    with pytest.raises(ValueError, match=rf"validate\.limits\.null_share_max .*{said}"):
        contracts.of_requests(request, ["x"], pd.Timestamp("2024-01-01", tz="UTC"), {}, shares)
