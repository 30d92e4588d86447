"""Of more rows than a fit may take, the same are chosen every time, and none has a better chance."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.base import files
from loop.data import training_sample


def frame(rows: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "day": pd.date_range("2020-01-01", periods=rows, freq="h", tz="UTC"),
            "shop": [f"shop {row % 7}" for row in range(rows)],
            "value": np.arange(rows),
        }
    )


KEY = ["day", "shop"]


@given(rows=st.integers(1, 60), most=st.integers(1, 60), seed=st.integers(0, 9))
def test_the_same_rows_are_chosen_whatever_their_order_and_they_keep_it(rows, most, seed):
    whole = frame(rows)
    mixed = whole.sample(frac=1, random_state=seed)
    chosen = training_sample.of(mixed, KEY, most)
    assert len(chosen) == min(rows, most)
    assert sorted(chosen["value"]) == sorted(training_sample.of(whole, KEY, most)["value"])
    kept = mixed[mixed["value"].isin(chosen["value"])]
    assert list(chosen["value"]) == list(kept["value"])


@given(rows=st.integers(2, 60), most=st.integers(1, 58))
def test_a_larger_sample_holds_the_smaller_one(rows, most):
    few, more = (set(training_sample.of(frame(rows), KEY, n)["value"]) for n in (most, most + 1))
    assert few <= more


def test_no_limit_means_all():
    assert training_sample.of(frame(5), KEY, None).equals(frame(5))


def test_each_part_of_the_rows_keeps_its_share():
    whole = frame(20_000)
    chosen = training_sample.of(whole, KEY, 5_000)
    for column in (
        whole["shop"],
        whole["day"].dt.hour,
        pd.util.hash_pandas_object(whole[KEY], index=False) % 100,
    ):
        share = column.value_counts(normalize=True)
        found = column[chosen["value"]].value_counts(normalize=True).reindex(share.index)
        assert (abs(found - share) < 5 * np.sqrt(share * (1 - share) / 5_000)).all()


@pytest.mark.parametrize("most", [None, 1, 299, 700, 701, 9_000])
def test_a_file_is_read_in_pieces_and_gives_the_same_rows(tmp_path, monkeypatch, most):
    monkeypatch.setattr(training_sample, "ROWS", 100)
    files.write_table(tmp_path / "train.parquet", frame(700))
    found = training_sample.Stored(tmp_path / "train.parquet", KEY, most)
    expected = training_sample.of(frame(700), KEY, most)
    assert (found.there, len(found), found.columns) == (700, len(expected), [*expected])
    places = np.unique([0, len(expected) // 2, len(expected) - 1])
    pd.testing.assert_frame_equal(found.read(), expected)
    pd.testing.assert_frame_equal(pd.concat(found.slices(), ignore_index=True), expected)
    pd.testing.assert_frame_equal(found[["value", "shop"]], expected[["value", "shop"]])
    pd.testing.assert_frame_equal(found.take(places), expected.take(places).reset_index(drop=True))
