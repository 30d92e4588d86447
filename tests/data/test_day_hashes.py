"""Days that a source delivers anew: seen by column and day, whatever the order of rows."""

import pandas as pd
import pytest

from loop.data import day_hashes
from loop.data.day_hashes import ROWS, Rewritten
from loop.stats import day_rows

DAYS = 5


@pytest.fixture(autouse=True)
def _two_tables(monkeypatch):
    monkeypatch.setattr(day_hashes.source, "TIME", {"readings": "at", "places": None})
    monkeypatch.setattr(day_hashes.source, "KEY", ["place"])


def readings() -> pd.DataFrame:
    at = pd.date_range("2024-02-27", periods=DAYS, freq="D", tz="UTC").repeat(2)
    return pd.DataFrame(
        {"at": at, "place": ["a", "b"] * DAYS, "warm": range(2 * DAYS), "wet": [0.5, None] * DAYS}
    )


def told(now: pd.DataFrame) -> list[Rewritten]:
    before = day_hashes.of({"readings": readings(), "places": pd.DataFrame()})
    return sorted(day_hashes.differ(before, day_hashes.of({"readings": now})), key=lambda one: one.column)


@pytest.mark.parametrize("at_once", [1, 3, 2 * DAYS])
def test_rows_have_the_same_hashes_however_many_are_taken_at_once(monkeypatch, at_once):
    whole = day_hashes.of({"readings": readings()})
    monkeypatch.setattr(day_rows, "AT_ONCE", at_once)
    assert day_hashes.of({"readings": readings()}) == whole


def test_the_same_rows_in_another_order_are_the_same_days():
    assert told(readings().sample(frac=1, random_state=3)) == []
    assert list(day_hashes.of({"readings": readings(), "places": pd.DataFrame()})) == ["readings"]


def test_a_value_that_is_another_now_is_named_by_its_column_and_its_first_day():
    now = readings()
    now.loc[4:7, "warm"] += 1
    assert told(now) == [Rewritten("readings", "warm", "2024-02-29", 2)]
    now = readings()
    now.loc[1, "wet"] = 0.5  # was null
    assert told(now) == [Rewritten("readings", "wet", "2024-02-27", 1)]


def test_a_personal_column_has_no_hash_and_names_no_row(monkeypatch):
    monkeypatch.setattr(day_hashes.personal, "marks", lambda: {"warm": "drop", "place": "hash"})
    (made,) = day_hashes.of({"readings": readings(), "places": pd.DataFrame()}).values()
    assert set(made["columns"]) == {ROWS, "wet"}
    other = readings().assign(place="somebody")
    assert day_hashes.of({"readings": other, "places": pd.DataFrame()})["readings"] == made


def test_values_that_changed_places_are_seen():
    now = readings()
    now.loc[[2, 3], "warm"] = [3, 2]
    assert told(now) == [Rewritten("readings", "warm", "2024-02-28", 1)]


def test_rows_that_are_gone_or_new_are_seen_and_later_days_are_no_change():
    gone = {one.column for one in told(readings().drop(index=[9]))}
    assert ROWS in gone
    later = readings().assign(at=lambda rows: rows["at"] + pd.Timedelta(days=DAYS))
    assert told(pd.concat([readings(), later])) == []


def test_a_column_that_only_one_side_has_is_a_change_of_code():
    assert told(readings().drop(columns="wet").assign(new=1)) == []
