"""A profile: counts by day that any window is a sum of, from any kind of source, in fixed bins."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.base.errors import LoopError
from loop.stats import binning
from loop.stats.profile import Bins, Profile, bins, past, profile

COLUMNS = ["number", "whole", "category", "flag"]


def rows(seed: int = 0, size: int = 2800, days: int = 28) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    first = np.datetime64("2024-01-01T00:00:00", "us")
    at = first + np.sort(random.integers(0, days * 86_400, size)).astype("timedelta64[s]")
    number = random.normal(size=size)
    number[random.random(size) < 0.1] = np.nan
    category = pd.Series(random.choice(["a", "b", "c"], size, p=[0.6, 0.3, 0.1]))
    return pd.DataFrame(
        {
            "at": pd.Series(at).dt.tz_localize("UTC"),
            "number": number,
            "whole": random.integers(0, 5, size),
            "category": category.mask(random.random(size) < 0.05),
            "flag": random.random(size) < 0.3,
        }
    )


def batch(**columns) -> pa.RecordBatch:
    return pa.record_batch({name: pa.array(values) for name, values in columns.items()})


def profiled(frame: pd.DataFrame, columns: list[str] = COLUMNS) -> Profile:
    return profile(frame, bins(frame, columns), "at")


def same(one: Profile, other: Profile) -> bool:
    counts = all(np.array_equal(one.counts[name], other.counts[name]) for name in one.counts)
    assert one.moments is not None
    assert other.moments is not None
    moments = np.allclose(one.moments, other.moments, rtol=1e-4, atol=1e-3)
    return one.days == other.days and np.array_equal(one.rows, other.rows) and counts and moments


@settings(deadline=None)
@given(
    st.lists(st.floats(allow_nan=False, width=64), max_size=60),
    st.lists(st.floats(width=64), min_size=1, max_size=60),
)
def test_the_bin_of_a_number_is_that_of_a_binary_search(reference, values):
    of = bins(pd.DataFrame({"x": pd.Series(reference, dtype=float)}), ["x"])["x"]
    found = of.codes(batch(x=np.array(values, float)), "x")
    expected = [of.known if np.isnan(value) else np.searchsorted(of.edges, value) for value in values]
    assert found.tolist() == expected


def test_a_skewed_column_is_binned_right_too():
    values = np.exp(np.random.default_rng(0).normal(0, 6, 5000))
    of = bins(pd.DataFrame({"x": values}), ["x"])["x"]
    assert of._table[1] > binning.NEAR, "the table of cells would serve here"
    assert np.array_equal(of.codes(batch(x=values), "x"), np.searchsorted(of.edges, values))


def test_no_bin_of_a_continuous_column_holds_more_than_a_hundredth():
    values = np.random.default_rng(0).normal(size=200_000)
    frame = pd.DataFrame({"x": values, "day": "2024-01-01"})
    counts = profile(frame, bins(frame, ["x"]), "day").window("2024-01-01", "2024-01-02")["x"]
    assert counts.max() / counts.sum() < 0.01


def test_below_and_above_all_that_the_reference_saw_are_bins_of_their_own():
    of = bins(pd.DataFrame({"x": [3.0, 3.0, 3.0]}), ["x"])["x"]
    below, same, above = of.codes(batch(x=[2.9, 3.0, 3.1]), "x")
    assert (below, above) == (0, of.known - 1)
    assert below < same < above


def test_a_category_beyond_the_most_frequent_counts_as_other():
    frame = pd.DataFrame({"x": [f"v{n}" for n in range(150) for _ in range(2 if n < 100 else 1)]})
    of = bins(frame, ["x"])["x"]
    assert of.values is not None
    assert set(of.values) == {f"v{n}" for n in range(100)}
    assert of.codes(batch(x=["v149", "new", None]), "x").tolist() == [100, 100, 101]


def test_a_column_without_a_value_has_one_bin_for_whatever_comes():
    frame = pd.DataFrame({"x": [np.nan, np.nan], "y": pd.Series([None, None], dtype="str")})
    found = bins(frame, ["x", "y"])
    assert found["x"].codes(batch(x=[1.0, None]), "x").tolist() == [0, 1]
    assert found["y"].codes(batch(x=["a", None]), "x").tolist() == [0, 1]


def test_bins_of_a_column_that_the_reference_lacks_are_refused():
    with pytest.raises(LoopError, match="no column nowhere"):
        bins(rows(), ["number", "nowhere"])


def test_a_file_without_a_value_takes_its_type_from_the_others(tmp_path):
    pq.write_table(pa.table({"x": pa.nulls(3)}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": [1.0, 2.0]}), tmp_path / "b.parquet")
    of = bins([tmp_path / "a.parquet", tmp_path / "b.parquet"], ["x"])["x"]
    assert of.ordered
    assert of.codes(batch(x=pa.nulls(2)), "x").tolist() == [of.known] * 2


def test_bins_survive_json():
    found = bins(rows(), COLUMNS)
    again = {name: Bins.from_json(json.loads(json.dumps(of.as_json()))) for name, of in found.items()}
    assert all(of.same(again[name]) for name, of in found.items())


def test_the_counts_of_each_day_are_its_rows():
    frame = rows()
    found = profiled(frame)
    day = frame["at"].dt.strftime("%Y-%m-%d")
    assert found.days == sorted(day.unique())
    assert found.rows.tolist() == day.value_counts().sort_index().tolist()
    for name in COLUMNS:
        assert np.array_equal(found.counts[name].sum(axis=1), found.rows)
        assert np.array_equal(found.counts[name][:, -1], frame[name].isna().groupby(day).sum())
    first = frame[day == "2024-01-01"]
    of = found.bins["category"]
    assert of.values == ("a", "b", "c")
    assert found.counts["category"][0].tolist() == [
        *((first["category"] == value).sum() for value in of.values), 0, first["category"].isna().sum()
    ]  # fmt: skip


def test_moments_are_the_sums_of_products_of_normal_scores():
    frame = rows(size=300, days=3)
    found, table = profiled(frame), batch(**frame[COLUMNS])
    scores = np.stack([np.append(of.scores, 0)[of.codes(table, name)] for name, of in found.bins.items()])
    of_day = scores[:, (frame["at"].dt.day == 2).to_numpy()]
    assert found.moments is not None
    assert np.allclose(found.moments[1], of_day @ of_day.T, atol=1e-3)


def test_a_frame_a_table_and_files_in_any_order_of_rows_give_the_same(tmp_path, monkeypatch):
    frame = rows()
    of = bins(frame, COLUMNS)
    expected = profile(frame, of, "at")
    shuffled = frame.sample(frac=1, random_state=1)
    table = pa.Table.from_pandas(shuffled, preserve_index=False)
    pq.write_table(table.slice(0, 1000), tmp_path / "a.parquet", row_group_size=300)
    pq.write_table(table.slice(1000), tmp_path / "b.parquet", row_group_size=700)
    monkeypatch.setattr("loop.data.batches.BATCH", 250)
    for source in (shuffled, table, [tmp_path / "a.parquet", tmp_path / "b.parquet"]):
        assert same(profile(source, of, "at"), expected)


def test_bins_of_a_file_are_the_same_each_time(tmp_path):
    rows(size=5000).to_parquet(tmp_path / "a.parquet", row_group_size=500)
    first, second = (bins(tmp_path / "a.parquet", COLUMNS) for _ in range(2))
    assert all(of.same(second[name]) for name, of in first.items())


def test_a_column_that_vanished_is_missing_in_every_row():
    frame = rows()
    found = profile(frame.drop(columns="number"), bins(frame, COLUMNS), "at")
    assert np.array_equal(found.counts["number"][:, -1], found.rows)


def test_a_column_that_became_text_is_an_error_or_other_but_never_silence():
    frame = rows()
    of = bins(frame, ["category"])
    found = profile(frame.assign(category=7), of, "at").total()
    assert found.counts["category"][0].tolist() == [0, 0, 0, len(frame), 0]


def test_a_number_that_comes_as_text_is_read_or_refused():
    frame = rows()
    of = bins(frame, ["whole"])
    found = profile(frame.assign(whole=frame["whole"].astype("str")), of, "at")
    assert np.array_equal(found.counts["whole"], profile(frame, of, "at").counts["whole"])
    with pytest.raises(LoopError, match="whole"):
        profile(frame.assign(whole="soon"), of, "at")


def test_the_day_of_an_instant_is_that_in_utc():
    at = pd.Series(pd.to_datetime(["2024-01-01T23:30-05:00", "2024-01-02T00:30Z"], utc=True))
    frame = pd.DataFrame({"x": [1.0, 2.0], "at": at.dt.tz_convert("America/New_York")})
    assert profile(frame, bins(frame, ["x"]), "at").days == ["2024-01-02"]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.date32(), pa.date64(), pa.timestamp("s", "UTC"), pa.timestamp("ns", "UTC")]
)
def test_the_day_may_come_as_text_date_or_instant(kind):
    days = pa.array(["2024-01-02", "2024-01-01", "2024-01-02"])
    days = days.cast(pa.timestamp("s")).cast(kind) if kind != pa.string() else days
    table = pa.table({"x": [1.0, 2.0, 3.0], "day": days})
    found = profile(table, bins(table, ["x"]), "day")
    assert found.days == ["2024-01-01", "2024-01-02"]
    assert found.rows.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("days", "says"),
    [
        (pd.to_datetime(["2024-01-01", "2024-01-02"]), "without a time zone"),
        (["2024-01-01", None], "1 rows without a value"),
        (["2024-01-01", "soon"], "soon"),
    ],
)
def test_a_row_whose_day_cannot_be_told_is_refused(days, says):
    frame = pd.DataFrame({"x": [1.0, 2.0], "day": days})
    with pytest.raises(LoopError, match=says):
        profile(frame, bins(frame, ["x"]), "day")


def test_days_centuries_apart_are_counted():
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0], "day": ["1900-01-01", "2024-01-01", "1900-01-01"]})
    found = profile(frame, bins(frame, ["x"]), "day")
    assert (found.days, found.rows.tolist()) == (["1900-01-01", "2024-01-01"], [2, 1])


def test_no_rows_give_no_days():
    frame = rows()
    found = profile(frame.head(0), bins(frame, COLUMNS), "at")
    assert found.days == []
    assert found.total().counts["number"].tolist() == [[0] * (found.bins["number"].known + 1)]
    assert past(found, 7, 1)[0].days == []


def test_a_window_holds_its_first_day_and_not_the_one_after_its_last():
    found = profiled(rows())
    window = found.window("2024-01-02", "2024-01-04")
    assert np.array_equal(window["number"], found.counts["number"][1:3].sum(axis=0))


def test_two_profiles_add_up_to_that_of_all_rows():
    frame = rows()
    of = bins(frame, COLUMNS)
    parts = [profile(part, of, "at") for part in (frame.iloc[:1500], frame.iloc[1500:])]
    assert same(parts[0] + parts[1], profile(frame, of, "at"))


def test_profiles_with_other_bins_do_not_add_up():
    with pytest.raises(LoopError, match="number"):
        profiled(rows(0)) + profiled(rows(1))


def test_a_resample_of_days_counts_a_day_as_often_as_it_is_drawn():
    found = profiled(rows())
    taken = found.take([3, 3, 0])
    assert taken.days == ["2024-01-04", "2024-01-04", "2024-01-01"]
    weight = np.zeros((1, 28))
    weight[0, [3, 0]] = 2, 1
    weighted = found.weighted(weight, ["drawn"])
    for name in COLUMNS:
        assert np.allclose(taken.counts[name].sum(axis=0), weighted.counts[name][0])


def test_a_profile_survives_json():
    found = profiled(rows())
    assert same(Profile.from_json(json.loads(json.dumps(found.as_json()))), found)


def test_past_windows_roll_over_the_reference_and_leave_the_rest():
    found = profiled(rows())
    windows, rest = past(found, window_days=7, step_days=3)
    assert windows.days[:2] == ["2024-01-01", "2024-01-04"]
    assert windows.days[-1] == "2024-01-22"
    assert np.array_equal(windows.counts["number"][1], found.window("2024-01-04", "2024-01-11")["number"])
    for name in COLUMNS:
        total = found.counts[name].sum(axis=0)
        assert np.array_equal(
            windows.counts[name] + rest.counts[name], np.tile(total, (len(windows.days), 1))
        )


def test_past_windows_are_of_calendar_days_whatever_days_have_rows():
    frame = rows()
    gap = frame[(frame["at"] < "2024-01-05") | (frame["at"] >= "2024-01-12")]
    windows, _ = past(profiled(gap), window_days=7, step_days=1)
    assert "2024-01-05" not in windows.days
    assert (
        windows.rows[windows.days.index("2024-01-06")] == (gap["at"].dt.strftime("%F") == "2024-01-12").sum()
    )


def test_a_file_is_profiled_without_the_start_up_cost_of_pandas_scipy_or_an_engine(tmp_path):
    rows().to_parquet(tmp_path / "a.parquet")
    script = """
import sys
from loop.stats import dependence, distance
from loop.stats.profile import bins, past, profile
path = sys.argv[1]
found = profile(path, bins(path, ["number", "whole", "category"]), "at")
windows, rest = past(found, 7, 7)
for name, of in found.bins.items():
    distance.distances(rest.counts[name], windows.counts[name], ordered=of.ordered)
dependence.distance(rest, windows)
print(sorted({"pandas", "scipy", "duckdb"} & set(sys.modules)))
"""
    command = [sys.executable, "-c", script, str(tmp_path / "a.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
