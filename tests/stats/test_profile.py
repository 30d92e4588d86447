"""A profile: counts by day that any window is a sum of, in fixed bins."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.stats import binning
from loop.stats.profile import Profile, bins, past, profile

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


def profiled(frame: pd.DataFrame, columns: list[str] = COLUMNS) -> Profile:
    return profile(frame, bins(frame, columns), "at")


def same(one: Profile, other: Profile) -> bool:
    counts = all(np.array_equal(one.counts[name], other.counts[name]) for name in one.counts)
    moments = np.allclose(one.moments, other.moments, rtol=1e-4, atol=1e-3)
    return one.days == other.days and np.array_equal(one.rows, other.rows) and counts and moments


@settings(deadline=None)
@given(
    st.lists(st.floats(allow_nan=False, width=64), max_size=60),
    st.lists(st.floats(width=64), min_size=1, max_size=60),
)
def test_the_bin_of_a_number_is_that_of_a_binary_search(reference, values):
    of = bins(pd.DataFrame({"x": pd.Series(reference, dtype=float)}), ["x"])["x"]
    found = of.codes(pa.array(np.array(values, float)))
    expected = [of.known if np.isnan(value) else np.searchsorted(of.edges, value) for value in values]
    assert found.tolist() == expected


def test_a_skewed_column_is_binned_right_too():
    values = np.exp(np.random.default_rng(0).normal(0, 6, 5000))
    of = bins(pd.DataFrame({"x": values}), ["x"])["x"]
    assert of._table[1] > binning.NEAR, "the table of cells would serve here"
    assert np.array_equal(of.codes(pa.array(values)), np.searchsorted(of.edges, values))


def test_no_bin_of_a_continuous_column_holds_more_than_a_hundredth():
    values = np.sort(np.random.default_rng(0).normal(size=200_000))
    frame = pd.DataFrame({"x": values, "at": pd.Timestamp("2024-01-01", tz="UTC")})
    counts = profiled(frame, ["x"]).counts["x"]
    assert counts.max() / counts.sum() < 0.01


def test_below_and_above_all_that_the_baseline_saw_are_bins_of_their_own():
    of = bins(pd.DataFrame({"x": [3.0, 3.0, 3.0]}), ["x"])["x"]
    below, same, above = of.codes(pa.array([2.9, 3.0, 3.1]))
    assert (below, above) == (0, of.known - 1)
    assert below < same < above


def test_a_category_beyond_the_most_frequent_counts_as_other():
    frame = pd.DataFrame({"x": [f"v{n}" for n in range(150) for _ in range(2 if n < 100 else 1)]})
    of = bins(frame, ["x"])["x"]
    assert of.values is not None
    assert set(of.values) == {f"v{n}" for n in range(100)}
    assert of.codes(pa.array(["v149", "new", None])).tolist() == [100, 100, 101]


def test_a_column_without_a_value_has_one_bin_for_whatever_comes():
    frame = pd.DataFrame({"x": [np.nan, np.nan], "y": pd.Series([None, None], dtype="str")})
    found = bins(frame, ["x", "y"])
    assert found["x"].codes(pa.array([1.0, None])).tolist() == [0, 1]
    assert found["y"].codes(pa.array(["a", None])).tolist() == [0, 1]


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
    found = profiled(frame)
    codes = {name: of.codes(pa.array(frame[name])) for name, of in found.bins.items()}
    scores = np.stack([np.append(of.scores, 0)[codes[name]] for name, of in found.bins.items()])
    of_day = scores[:, (frame["at"].dt.day == 2).to_numpy()]
    assert np.allclose(found.moments[1], of_day @ of_day.T, atol=1e-3)


def test_rows_in_any_order_and_in_any_batches_give_the_same(monkeypatch):
    frame = rows()
    of = bins(frame, COLUMNS)
    expected = profile(frame, of, "at")
    monkeypatch.setattr("loop.stats.profile.BATCH", 250)
    assert same(profile(frame.sample(frac=1, random_state=1), of, "at"), expected)


@pytest.mark.parametrize(
    "values",
    [
        pd.array([0, 1, None], dtype="Int64"),
        pd.array([False, True, None], dtype="boolean"),
        pd.Series([False, True, None], dtype=object),
        [Decimal("0.5"), Decimal("1.5"), None],
        [datetime.date(2024, 1, 1), datetime.date(2024, 1, 2), None],
        pd.to_timedelta([0, 1, None], unit="h"),
        pd.to_datetime(["2024-01-01T00:00Z", "2024-01-01T01:00Z", None]),
    ],
    ids=["integers", "booleans", "objects", "decimals", "dates", "durations", "instants"],
)
def test_numbers_booleans_and_times_are_ordered_however_a_frame_holds_them(values):
    frame = pd.DataFrame({"x": values, "at": pd.Timestamp("2024-01-01", tz="UTC")})
    found = profiled(frame, ["x"])
    assert found.bins["x"].ordered
    assert found.counts["x"].tolist() == [[0, 1, 1, 0, 1]]


def test_values_of_a_categorical_column_are_counted_as_those_of_text():
    frame = rows()
    found, expected = profiled(frame.astype({"category": "category"})), profiled(frame)
    assert np.array_equal(found.counts["category"], expected.counts["category"])


def test_values_of_another_type_than_the_reference_s_count_as_other():
    frame = rows()
    of = bins(frame, ["category"])
    found = profile(frame.assign(category=7), of, "at").total()
    assert found.counts["category"][0].tolist() == [0, 0, 0, len(frame), 0]


def test_the_day_of_an_instant_is_that_in_utc():
    at = pd.Series(pd.to_datetime(["2024-01-01T23:30-05:00", "2024-01-02T00:30Z"], utc=True))
    frame = pd.DataFrame({"x": [1.0, 2.0], "at": at.dt.tz_convert("America/New_York")})
    assert profile(frame, bins(frame, ["x"]), "at").days == ["2024-01-02"]


def test_days_centuries_apart_are_counted():
    at = pd.to_datetime(["1900-01-01T12:00Z", "2024-01-01T12:00Z", "1900-01-01T00:00Z"])
    found = profiled(pd.DataFrame({"x": [1.0, 2.0, 3.0], "at": at}), ["x"])
    assert (found.days, found.rows.tolist()) == (["1900-01-01", "2024-01-01"], [2, 1])


def test_no_rows_give_no_days():
    frame = rows()
    found = profile(frame.head(0), bins(frame, COLUMNS), "at")
    assert found.days == []
    assert found.total().counts["number"].tolist() == [[0] * (found.bins["number"].known + 1)]
    assert past(found, 7, 1)[0].days == []


def test_a_resample_of_days_counts_a_day_as_often_as_it_is_drawn():
    found = profiled(rows())
    taken = found.take([3, 3, 0])
    assert taken.days == ["2024-01-04", "2024-01-04", "2024-01-01"]
    weight = np.zeros((1, 28))
    weight[0, [3, 0]] = 2, 1
    weighted = found.weighted(weight, ["drawn"])
    for name in COLUMNS:
        assert np.allclose(taken.counts[name].sum(axis=0), weighted.counts[name][0])


def test_a_stretch_holds_its_first_day_and_not_the_one_after_its_last():
    found = profiled(rows()).between("2024-01-02", "2024-01-04")
    assert found.days == ["2024-01-02", "2024-01-03"]


def test_past_windows_roll_over_the_baseline_and_leave_the_rest():
    found = profiled(rows())
    windows, rest = past(found, window_days=7, step_days=3)
    assert windows.days[:2] == ["2024-01-01", "2024-01-04"]
    assert windows.days[-1] == "2024-01-22"
    assert np.array_equal(windows.counts["number"][1], found.counts["number"][3:10].sum(axis=0))
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
