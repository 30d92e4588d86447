"""Parts of a local clock are those that pandas tells, on frames and on plain arrays."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.kit import clock

INSTANTS = st.lists(st.integers(0, 2**31), min_size=1, max_size=20)


@given(INSTANTS, st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]))
def test_parts_are_those_of_the_local_time(seconds, zone):
    at = pd.Series(pd.to_datetime(seconds, unit="s", utc=True)).astype("datetime64[us, UTC]")
    local = at.dt.tz_convert(zone)
    wanted = ["hour", "weekday", "month", "day"]
    expected = np.column_stack(
        [local.dt.hour + local.dt.minute / 60, local.dt.day_of_week, local.dt.month, local.dt.day_of_year]
    )
    frame = pd.DataFrame({"at": at})
    plain = {"at": at.dt.tz_localize(None).to_numpy("datetime64[us]")}
    for rows in (frame, plain):
        np.testing.assert_allclose(clock.parts(rows, zone, wanted), expected)


def test_a_transformer_names_its_columns_and_refuses_a_part_that_there_is_not():
    made = clock.transformer("UTC", ["hour", "weekday"])
    frame = pd.DataFrame({"at": pd.to_datetime(["2024-05-01T06:30Z"])})
    assert made.fit(frame).get_feature_names_out().tolist() == ["at_hour", "at_weekday"]
    assert made.transform(frame).tolist() == [[6.5, 2.0]]
    with pytest.raises(ValueError, match="second"):
        clock.transformer("UTC", ["second"])
