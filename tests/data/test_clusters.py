"""Which rows resemble each other: a column says it, a unit of time, or nothing but the hash of the key."""

import pandas as pd
import pytest

from loop.data.features import clusters
from problem import source


def examples(*decided: str) -> pd.DataFrame:
    at = pd.to_datetime(list(decided), utc=True, format="ISO8601").astype("datetime64[us, UTC]")
    return pd.DataFrame({"decided_at": at, "shop": "north"})


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("hour", ["2024-12-30 23", "2024-12-31 00", "2025-01-01 00"]),
        ("day", ["2024-12-30", "2024-12-31", "2025-01-01"]),
        ("week", ["2025-W01"] * 3),
        ("month", ["2024-12", "2024-12", "2025-01"]),
        ("year", ["2024", "2024", "2025"]),
        ("shop", ["north"] * 3),
    ],
)
def test_a_cluster_is_a_column_or_the_utc_unit_of_the_decision(unit, expected):
    found = clusters(examples("2024-12-30T23:59Z", "2024-12-31T00:00Z", "2025-01-01T00:30Z"), unit)
    assert found.tolist() == expected


def test_a_column_of_that_name_comes_before_the_unit():
    assert clusters(examples("2024-12-30T23:59Z").assign(day="mine"), "day").tolist() == ["mine"]


def test_a_part_is_drawn_by_the_key_alone():
    keys = {name: [f"{name}{at}" for at in range(500)] for name in source.KEY}
    rows = pd.DataFrame({**keys, "label": range(500)})
    found = clusters(rows, "part")
    assert found.nunique() > 90
    assert clusters(rows.iloc[::-1].assign(label=0), "part").tolist() == found.tolist()[::-1]
