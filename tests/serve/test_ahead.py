"""Windows that end at the decision: the store answers as the join does, however long after it was filled."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.base.errors import LoopError
from loop.data.joining import join
from loop.kit.views import trailing
from loop.serve.materialize import kept, materialize, newest
from loop.serve.online import Features
from loop.serve.store import SqliteStore

pytestmark = pytest.mark.slow  # a store filled many times

START = pd.Timestamp(datetime(2024, 3, 1, tzinfo=UTC)).as_unit("us")
HOUR = pd.Timedelta(hours=1)
VIEW = trailing(
    "day", "sales", ("shop",), "sold_at", 24 * HOUR, count="sales", means={"amount": lambda t: t.amount},
    until="decision",
)  # fmt: skip
FILLED = START + 48 * HOUR


def table(sold: list[tuple[str, int]]) -> dict[str, pd.DataFrame]:
    at = [START + hour * HOUR for _, hour in sold]
    return {
        "sales": pd.DataFrame(
            {
                "shop": pd.Series([shop for shop, _ in sold], dtype="str"),
                "sold_at": pd.Series(at, dtype="datetime64[us, UTC]"),
                "amount": pd.Series(range(len(sold)), dtype="int64"),
            }
        )
    }


@settings(max_examples=30, deadline=None)
@given(
    sold=st.lists(st.tuples(st.sampled_from(["north", "south"]), st.integers(0, 48)), max_size=25),
    after=st.lists(st.integers(0, 60), min_size=1, max_size=12),
)
def test_what_leaves_the_window_after_the_store_was_filled_has_left_it_there_too(
    tmp_path_factory, sold, after
):
    tables = table(sold)
    store = SqliteStore(tmp_path_factory.mktemp("store") / "features.db", "one")
    materialize(tables, store, FILLED, [VIEW])
    decided = [FILLED + hour * HOUR for hour in after]
    asked = pd.DataFrame({"shop": "north", "decided_at": pd.Series(decided, dtype="datetime64[us, UTC]")})
    expected = join(asked, tables, [VIEW])[list(VIEW.features)].to_numpy(np.float64)
    plain = {
        "shop": np.array(["north"] * len(after), object),
        "decided_at": asked["decided_at"].dt.tz_localize(None).to_numpy("datetime64[us]"),
    }
    found = Features(store, [VIEW]).of(plain)
    np.testing.assert_array_equal(found.numbers, expected)


def test_more_changes_to_come_than_are_read_are_refused():
    minutes = pd.date_range(START, periods=4000, freq="s")
    frame = pd.DataFrame({"shop": "north", "sold_at": minutes.as_unit("us"), "amount": range(4000)})
    with pytest.raises(LoopError, match="changes to come"):
        kept(VIEW, newest(VIEW, {"sales": frame}, minutes[-1]))
