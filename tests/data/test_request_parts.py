"""Requests are read in parts where each is a row, in the order of time; else all tables come at once."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loop.base import files
from loop.base.errors import LoopError
from loop.data import request_parts
from loop.kit.sources import Requests
from loop.settings.params import Window
from problem import source

HOUR = pd.Timedelta(hours=1)
BEGIN = pd.Timestamp("2024-01-01", tz="UTC")
LEAD = 2 * HOUR
FOREVER = pd.Timestamp("2100-01-01", tz="UTC")


def shop(hours: list[int], **columns) -> tuple[Requests, pd.DataFrame]:
    """Orders that come at these hours, in the order of their time, and what reads them."""
    at = (BEGIN + pd.to_timedelta(np.sort(np.array(hours, "int64")), unit="h")).astype("datetime64[us, UTC]")
    orders = pd.DataFrame({"order": np.arange(len(at)), "at": at, "late": 1, "known_at": at + HOUR})
    orders = orders.assign(**columns)
    return Requests(
        "orders", lambda: orders, ["order"], "late", time="at", lead=LEAD, known="known_at"
    ), orders


def window(since: int, until: int) -> Window:
    ends = (f"{BEGIN + hours * HOUR:%Y-%m-%dT%H:%MZ}" for hours in (since, until))
    return Window.model_validate(dict(zip(("from", "until"), ends, strict=True)))


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Path]]:
    """Tables as `validate` leaves them, so many rows in a group, of a problem that reads them."""
    monkeypatch.chdir(tmp_path)

    def store(own: Requests, rows: pd.DataFrame, group: int) -> dict[str, Path]:
        monkeypatch.setattr(files, "ROW_GROUP", group)
        monkeypatch.setattr(source, "KEY", own.key)
        for name in ("requests", "labels"):
            monkeypatch.setattr(source, name, getattr(own, name))
        found = {"orders": tmp_path / "orders.parquet", "weather": tmp_path / "weather.parquet"}
        files.write_table(found["orders"], rows)
        files.write_table(found["weather"], pd.DataFrame({"rain": [0.5]}))
        return found

    return store


def parts(tables: dict[str, Path], since: int, until: int) -> list[dict[str, pd.DataFrame]]:
    return list(request_parts.parts(tables, window(since, until), FOREVER))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
    max_examples=50,
)
@given(
    hours=st.lists(st.integers(0, 20), min_size=1, max_size=60),
    group=st.integers(1, 20),
    since=st.integers(-4, 22),
    length=st.integers(1, 24),
)
def test_parts_follow_the_time_and_lose_nothing_of_the_window(stored, hours, group, since, length):
    own, orders = shop(hours)
    found = [one["orders"] for one in parts(stored(own, orders, group), since, since + length)]
    for earlier, later in pairwise(found):
        assert earlier["at"].max() < later["at"].min()
    both = pd.concat(found)
    assert both["order"].is_monotonic_increasing
    assert both["order"].is_unique
    decided = (orders["at"] - LEAD - BEGIN) / HOUR
    assert set(orders["order"][(decided >= since) & (decided < since + length)]) <= set(both["order"])


def test_a_part_is_a_row_group_and_groups_outside_of_the_window_are_not_read(stored):
    own, orders = shop([*range(100)], items=[[1, 2]] * 100)
    orders = orders[["items", *orders.columns[:-1]]]  # a column before the time that holds several
    found = parts(stored(own, orders, 10), 28, 48)
    assert [one["orders"]["order"].tolist() for one in found] == [[*range(30, 40)], [*range(40, 50)]]
    assert [list(one) for one in found] == [["orders"], ["orders"]]


SOME, MISSING = pd.Series([None] + [1] * 99, dtype="Int64"), pd.Series([None] + [True] * 99, dtype="boolean")


@pytest.mark.parametrize("of", ["requests", "label", "order", "count", "truth", "day", "table"])
def test_what_cannot_be_cut_comes_at_once(stored, monkeypatch, of):
    """Functions of the problem's own, rows in no order, or types that another row may change."""
    own, orders = shop([*range(100)], **{"count": {"items": SOME}, "truth": {"paid": MISSING}}.get(of, {}))
    if of == "day":
        orders["at"] = orders["at"].dt.date
    tables = stored(own, orders.iloc[::-1] if of == "order" else orders, 10)
    if of == "requests":
        monkeypatch.setattr(source, "requests", partial(Requests.requests, own))
    if of == "label":
        monkeypatch.setattr(source, "labels", shop([1])[0].labels)
    if of == "table":
        tables["bills"] = tables.pop("orders")
    (found,) = parts(tables, 28, 48)
    assert sorted(map(len, found.values())) == [1, 100]


@pytest.mark.parametrize(
    ("twice", "known", "found"),
    [
        ({5: 35}, 1, "labels of .*: 1"),  # one of them is decided before the window, and in another part
        ({31: 45, 32: 46}, 1, "requests of .*: 2"),
        ({5: 35}, None, None),  # one that never had a label is no request of the window
    ],
)
def test_a_key_of_two_parts_is_found_as_one_of_a_part_is(stored, twice, known, found):
    own, orders = shop([*range(100)])
    orders["order"] = orders["order"].replace(twice)
    orders.loc[[*twice], "known_at"] = orders["known_at"] if known else pd.NaT
    tables = stored(own, orders, 10)
    if found is None:
        assert len(parts(tables, 28, 48)) == 2
    else:
        with pytest.raises(LoopError, match=found):
            parts(tables, 28, 48)
