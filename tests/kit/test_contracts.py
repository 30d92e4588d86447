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


def test_a_few_rows_of_a_table_may_hold_other_categories_and_a_request_any():
    request = {"id": contracts.text(), "room": contracts.category(["a", "b"], others=0.02, nullable=True)}
    table = contracts.of_requests(request, ["id"], pd.Timestamp("2024-01-01", tz="UTC"), {}, {})

    def broken(room: list[str | None]) -> list[str]:
        rows = pd.DataFrame({"id": [f"r{at}" for at in range(len(room))], "room": room}).astype("str")
        rows["room"] = rows["room"].where([one is not None for one in room])
        at = pd.Series(pd.Timestamp("2023-01-01", tz="UTC"), rows.index, "datetime64[us, UTC]")
        return [one.rule for one in contract.check(rows.assign(decided_at=at, label_known_at=at), table, "t")]

    assert not broken(["a"] * 98 + ["c"] * 2)
    assert not broken(["a"] * 90 + [None] * 10)
    assert broken(["a"] * 97 + ["c"] * 3) == ["known category, but for 2%"]
    score = contracts.number(0, 1)
    derived = contracts.derived(request, ["id"], [], score=score, label=score)
    assert not derived.request.columns["room"].checks
