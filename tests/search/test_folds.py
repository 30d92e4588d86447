import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.base.errors import LoopError
from loop.search import folds
from problem import source

START = pd.Timestamp("2024-01-01", tz="UTC")


def examples(rows: int, hours: float, wait_days: float = 0) -> pd.DataFrame:
    decided = START + pd.to_timedelta(np.arange(rows) * hours, unit="h")
    return pd.DataFrame(
        {
            "decided_at": decided,
            "label_known_at": decided + pd.Timedelta(days=wait_days),
            "label": np.arange(rows) % 2,
        }
    )


@given(count=st.integers(2, 5), rows=st.integers(300, 900), wait=st.floats(0, 10))
def test_every_part_is_judged_by_what_was_known_before_it_began(count, rows, wait):
    found = examples(rows, 6, wait)
    parts = folds.of(found, count)
    assert len(parts) == count
    for part in parts:
        begun = found["decided_at"].iloc[part.judge].min().floor("D")
        assert (found["label_known_at"].iloc[part.fit] <= begun).all()
        assert (found["decided_at"].iloc[part.fit] < begun).all()
    judged = np.concatenate([part.judge for part in parts])
    assert len(np.unique(judged)) == len(judged)
    assert (np.diff([found["decided_at"].iloc[part.judge].min() for part in parts]) > pd.Timedelta(0)).all()


def test_parts_have_about_as_many_rows_and_no_day_is_torn():
    found = examples(1000, 1)
    parts = folds.of(found, 3)
    sizes = [len(part.judge) for part in parts]
    assert max(sizes) - min(sizes) < 48
    days = [set(found["decided_at"].iloc[part.judge].dt.floor("D")) for part in parts]
    assert not days[0] & days[1]
    assert not days[1] & days[2]


def test_rows_of_few_instants_are_parted_between_them():
    """As of a survey that comes once a year, whose labels are known at the next one."""
    years = pd.to_datetime(np.repeat(["2003", "2004", "2005", "2006", "2007"], 40), utc=True)
    known, label = years + pd.DateOffset(years=1), np.arange(len(years)) % 2
    found = pd.DataFrame({"decided_at": years, "label_known_at": known, "label": label})
    parts = folds.of(found, 3)
    assert [set(years[part.judge].year) for part in parts] == [{2005}, {2006}, {2007}]
    assert [len(part.fit) for part in parts] == [80, 120, 160]


def test_labels_that_come_late_leave_fewer_rows_to_fit():
    soon, late = folds.of(examples(600, 6), 3), folds.of(examples(600, 6, wait_days=30), 3)
    assert all(len(a.judge) > len(b.judge) for a, b in zip(soon, late, strict=True))


@pytest.mark.parametrize("found", [examples(0, 1), examples(12, 1), examples(100, 24, wait_days=400)])
def test_too_few_rows_are_an_error_that_says_what_to_do(found):
    with pytest.raises(LoopError, match=r"fold 1 of 3 has \d+ rows") as error:
        folds.of(found, 3)
    assert "search.folds" in error.value.todo
    with pytest.raises(LoopError) as fewest:
        folds.of(found, 2)
    assert fewest.value.todo == "set a longer windows.train in params.yaml"  # two folds are the fewest


def test_one_label_to_learn_is_an_error():
    with pytest.raises(LoopError, match="one label to learn"):
        folds.of(examples(300, 6).assign(label=1), 2)


def test_rows_without_a_time_are_dealt_by_the_hash_of_their_key(monkeypatch):
    monkeypatch.setattr(source, "TIME", {"rows": None})
    monkeypatch.setattr(source, "KEY", ["id"])
    found = examples(400, 0).assign(id=np.arange(400))
    parts = folds.of(found, 4)
    for part in parts:
        assert not set(part.fit) & set(part.judge)
        assert len(part.fit) + len(part.judge) == 400
    again = folds.of(found.sample(frac=1, random_state=1, ignore_index=True), 4)
    shuffled = found.sample(frac=1, random_state=1, ignore_index=True)
    assert set(found["id"].iloc[parts[0].judge]) == set(shuffled["id"].iloc[again[0].judge])
