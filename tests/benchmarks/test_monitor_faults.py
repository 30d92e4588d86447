"""The faults that the monitor is judged by: a row stays a row, and only what is named changes."""

import numpy as np
import pandas as pd
import pytest
from benchmarks.monitor import faults
from benchmarks.monitor.simulate import draw

from problem.features import WEATHER

AT = pd.date_range("2013-01-02T12:00Z", periods=48, freq="30min")


@pytest.fixture
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "decided_at": AT,
            "origin": np.where(np.arange(48) % 2, faults.STATION, "LGA"),
            faults.SLICE: np.where(np.arange(48) % 3, "A", "B"),
            "number": rng.normal(size=48),
            "label": rng.integers(0, 2, 48).astype(float),
            **dict.fromkeys(WEATHER, 1.0),
        }
    )


@pytest.fixture
def readings() -> pd.DataFrame:
    hours = pd.date_range("2013-01-01T00:00Z", periods=72, freq="1h")
    return pd.DataFrame(
        {
            "origin": faults.STATION,
            "observed_at": hours,
            **{name: np.arange(72, dtype=float) for name in WEATHER},
        }
    )


def test_a_fault_keeps_rows_and_leaves_its_input_alone(rows, readings):
    before = rows.copy()
    for fault in faults.faults("number", faults.SLICE, readings):
        for size in fault.sizes:
            planted = fault.plant(rows, size)
            assert len(planted) == len(rows)
            pd.testing.assert_series_equal(planted["decided_at"], rows["decided_at"])
            assert not planted.equals(rows), fault.name
    pd.testing.assert_frame_equal(rows, before)


def test_a_slow_clock_gives_its_station_older_readings_and_no_other(rows, readings):
    known, slow = faults.late(rows, readings, 0), faults.late(rows, readings, 3)
    there = rows["origin"] == faults.STATION
    assert (known.loc[there, WEATHER[0]] - slow.loc[there, WEATHER[0]] == 3).all()
    pd.testing.assert_frame_equal(slow[~there], rows[~there])


def test_labels_are_flipped_in_the_largest_slice_alone(rows):
    planted = faults.flip(rows, faults.SLICE, 1)
    turned = planted["label"] != rows["label"]
    assert (turned == (rows[faults.SLICE] == "A")).all()


def test_a_block_of_days_stays_together():
    places = draw(np.random.default_rng(0), 30, 14, 7)
    assert len(places) == 14
    assert ((np.diff(places[:7]) % 30) == 1).all()
