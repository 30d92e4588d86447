"""The join: the newest row known at each decision, of any view, and none past its time to live."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from loop.data.features import join

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


def test_rows_keep_their_order_index_and_columns():
    asked = requests(5, 1, 3).set_index(pd.Index([30, 10, 20])).assign(note=["x", "y", "z"])
    found = join(asked, {"prices": PRICES}, [view()])
    pd.testing.assert_frame_equal(found[asked.columns.tolist()], asked)
    assert found["price"].tolist() == [40, 10, 10]


def test_an_empty_frame_has_all_columns_and_no_rows():
    found = join(requests(1).iloc[:0], {"prices": PRICES}, [view(age="price_age")])
    assert found.columns.tolist() == ["shop", "decided_at", "price", "price_age"]
    assert found.empty
