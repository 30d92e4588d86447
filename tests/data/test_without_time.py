"""Pages say what cannot be told of rows without a time."""

import pandas as pd

from loop.data import feed_tables, without_time
from problem import source


def test_it_is_said_only_where_no_table_has_a_time(monkeypatch):
    monkeypatch.setattr(source, "TIME", {"rides": "decided_at", "places": None})
    assert without_time.notes() == []
    monkeypatch.setattr(source, "TIME", {"rides": None})
    assert without_time.notes() == [
        "rows have no time of their own: days are drawn by a hash; drift, and leaks over time, cannot be told"
    ]


def test_days_that_are_draws_have_no_changes_of_a_feed(monkeypatch):
    monkeypatch.setattr(source, "TIME", {"rides": None})
    assert (
        feed_tables.tables({"rides": pd.DataFrame({"row": [1, 2]})}, pd.Timestamp("2024-05-01", tz="UTC"))
        == []
    )
