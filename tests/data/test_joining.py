"""The join: the newest row known at each decision, of any view, and none past its time to live."""

import os
import subprocess
from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
import pytest

from loop.base import files
from loop.base.errors import LoopError
from loop.data.joining import join, joining
from loop.engine import duckdb_engine, spill

TIMES = pd.date_range("2020-01-01", periods=10, freq="h", tz="UTC", unit="us")


def view(**changes):
    plain = {
        "name": "v",
        "entity": ("shop",),
        "features": ("price",),
        "ttl": pd.Timedelta(hours=3),
        "expression": lambda tables: tables["prices"],
        "age": None,
    }
    return SimpleNamespace(**(plain | changes))


def requests(*hours: int, shop: str = "a") -> pd.DataFrame:
    return pd.DataFrame({"shop": shop, "decided_at": TIMES[list(hours)]})


PRICES = pd.DataFrame({"shop": ["a", "a", "b"], "known_at": TIMES[[1, 4, 2]], "price": [10, 40, 20]})


def prices(of: pd.DataFrame, **changes) -> list[float]:
    return join(of, {"prices": PRICES}, [view(**changes)])["price"].tolist()


def test_a_row_sees_the_newest_fact_at_or_before_its_decision():
    assert prices(requests(1, 3, 4, 5)) == [10, 10, 40, 40]


def test_before_the_first_fact_there_is_nothing():
    assert np.isnan(prices(requests(0))).all()


def test_the_time_to_live_is_inclusive():
    assert prices(requests(7)) == [40]
    assert np.isnan(prices(requests(8))).all()


def test_an_unknown_entity_is_missing():
    assert np.isnan(prices(requests(5, shop="z"))).all()


def test_age_is_in_hours_and_missing_with_the_fact():
    found = join(requests(5, 0), {"prices": PRICES}, [view(age="price_age")])
    assert found["price_age"].tolist()[0] == 1
    assert np.isnan(found["price_age"].tolist()[1])


@pytest.mark.parametrize("days", [10**5, 3 * 10**5, 8 * 10**5, 10**8])
@pytest.mark.parametrize("unit", ["us", "ns"])
def test_what_lives_longer_than_time_is_counted_never_ends(days, unit):
    asked = requests(9).astype({"decided_at": f"datetime64[{unit}, UTC]"})
    assert prices(asked, ttl=pd.Timedelta(days * 86_400, "s")) == [40]


def test_a_decision_is_an_instant_by_whatever_clock():
    asked = requests(1, 3)
    assert prices(asked.assign(decided_at=asked["decided_at"].dt.tz_convert("Asia/Tokyo"))) == [10, 10]


def test_rows_keep_their_order_index_and_columns():
    asked = requests(5, 1, 3).set_index(pd.Index([30, 10, 20])).assign(note=["x", "y", "z"])
    found = join(asked, {"prices": PRICES}, [view()])
    pd.testing.assert_frame_equal(found[asked.columns.tolist()], asked)
    assert found["price"].tolist() == [40, 10, 10]


def test_an_empty_frame_has_all_columns_and_no_rows():
    found = join(requests(1).iloc[:0], {"prices": PRICES}, [view(age="price_age")])
    assert found.columns.tolist() == ["shop", "decided_at", "price", "price_age"]
    assert found.empty


def test_a_raw_table_may_be_called_as_ours_are():
    found = join(requests(5), {"requests": PRICES}, [view(expression=lambda tables: tables["requests"])])
    assert found["price"].tolist() == [40]


def test_slices_of_stored_tables_are_what_a_plain_join_of_frames_gives(tmp_path):
    rng = np.random.default_rng(1)
    times = pd.date_range("2020-01-01", periods=5000, freq="min", tz="UTC", unit="us")
    shops = np.r_[np.repeat("a", 1000), rng.choice([*"bcdefg"], 1000)]  # one has half of the rows
    log = pd.DataFrame({"shop": shops, "known_at": rng.choice(times, 2000)}).drop_duplicates()
    log = log.assign(price=rng.normal(size=len(log))).sort_values("known_at", ignore_index=True)
    asked = pd.DataFrame({"shop": rng.permutation(shops), "decided_at": np.sort(rng.choice(times, 2000))})
    files.write_table(tmp_path / "prices.parquet", log)
    with joining({"prices": tmp_path / "prices.parquet"}, [view()]) as slices:
        found = pd.concat([*slices(asked[:700], 300), *slices(asked[700:], 300)])
    ours, theirs = {"left_on": "decided_at", "right_on": "known_at"}, {"tolerance": pd.Timedelta(hours=3)}
    expected = pd.merge_asof(asked, log, by="shop", **ours, **theirs).drop(columns="known_at")
    pd.testing.assert_frame_equal(found, expected)
    assert found["price"].notna().mean() > 0.5


def test_a_table_that_was_cut_short_is_named(tmp_path):
    path = tmp_path / "prices.parquet"
    files.write_table(path, PRICES)
    path.write_bytes(path.read_bytes()[:-20])
    with (
        pytest.raises(LoopError, match=r"prices\.parquet cannot be read"),
        joining({"prices": path}, [view()]),
    ):
        pass


def test_a_full_disk_is_one_message_and_leaves_nothing_there(tmp_path, monkeypatch):
    connect = ibis.duckdb.connect
    nowhere = {"temp_directory": "/dev/null/full"}  # DuckDB sorts beyond max_temp_directory_size
    monkeypatch.setattr(ibis.duckdb, "connect", lambda **options: connect(**{**options, **nowhere}))
    monkeypatch.setattr(duckdb_engine, "MEMORY", "30MB")
    monkeypatch.setattr(spill, "SPILL", tmp_path)
    many = pd.concat([PRICES] * 300_000, ignore_index=True)
    many["known_at"] = pd.date_range("1990-01-01", periods=len(many), freq="s", tz="UTC", unit="us")
    with pytest.raises(LoopError, match="cannot be joined") as caught, joining({"prices": many}, [view()]):
        pass
    assert caught.value.todo.startswith(f"make room where {tmp_path} lies")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_join_left_on_disk_is_removed_and_a_running_ones_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(spill, "SPILL", tmp_path)
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    left = [tmp_path / f".features.{pid}.tmp" for pid in (ended.pid, os.getppid())]
    for folder in left:
        folder.mkdir()
        (folder / "block").touch()
    with joining({"prices": PRICES}, [view()]):
        assert [folder.exists() for folder in left] == [False, True]
