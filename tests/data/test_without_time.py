"""Pages say what cannot be told of rows without a time."""

from loop.data import without_time
from problem import source


def test_it_is_said_only_where_no_table_has_a_time(monkeypatch):
    monkeypatch.setattr(source, "TIME", {"rides": "decided_at", "places": None})
    assert without_time.notes() == []
    monkeypatch.setattr(source, "TIME", {"rides": None})
    assert without_time.notes() == [
        "rows have no time of their own: drift, and leaks over time, cannot be told from them"
    ]
