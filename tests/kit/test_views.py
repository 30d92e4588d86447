"""Views that are ready to use, held against what their words say, row by row."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.data.joining import change_log, join
from loop.kit.views import latest, trailing

START = datetime(2024, 3, 1, tzinfo=UTC)
HOURS = st.integers(0, 96)
WINDOW = pd.Timedelta(hours=24)


def at(hours: int) -> pd.Timestamp:
    return pd.Timestamp(START + timedelta(hours=hours)).as_unit("us")


def table(rows: list[tuple[str, int, int]]) -> dict[str, pd.DataFrame]:
    """Rows of shop, hour and amount; at most one per shop and hour."""
    frame = pd.DataFrame(
        {
            "shop": pd.Series([shop for shop, _, _ in rows], dtype="str"),
            "sold_at": pd.Series([at(hour) for _, hour, _ in rows], dtype="datetime64[us, UTC]"),
            "amount": pd.Series([amount for *_, amount in rows], dtype="float64"),
        }
    )
    return {"sales": frame}


def asked(hours: list[int]) -> pd.DataFrame:
    frame = pd.DataFrame({"decided_at": [at(hour) for hour in hours]})
    return frame.assign(shop="north", decided_at=frame["decided_at"].astype("datetime64[us, UTC]"))


def view(until, **more):
    means = {"amount": lambda sales: sales.amount}
    return trailing(
        "day", "sales", ("shop",), "sold_at", WINDOW, count="sales", means=means, until=until, **more
    )


SOME = st.lists(st.tuples(st.sampled_from(["north", "south"]), HOURS, st.integers(-5, 5)), max_size=30)


@settings(max_examples=40)
@given(rows=SOME, hours=st.lists(HOURS, min_size=1, max_size=8))
def test_a_window_up_to_the_decision_holds_the_rows_of_the_hours_before_it(rows, hours):
    found = join(asked(hours), table(rows), [view("decision")])
    for hour, count, mean in zip(hours, found["day_sales"], found["day_amount"], strict=True):
        before = [amount for shop, sold, amount in rows if shop == "north" and hour - 24 < sold <= hour]
        ever = [sold for shop, sold, _ in rows if shop == "north" and sold <= hour]
        if before:
            assert count == len(before)
            assert mean == pytest.approx(sum(before) / len(before))
        else:
            assert not ever or count == 0 or hour - max(ever) > 72, "none is 0, as long as it is fresh"
            assert pd.isna(mean)


@settings(max_examples=40)
@given(rows=SOME, hours=st.lists(HOURS, min_size=1, max_size=8))
def test_a_window_up_to_the_newest_row_does_not_move_between_two_rows(rows, hours):
    found = join(asked(hours), table(rows), [view("newest row")])
    for hour, count in zip(hours, found["day_sales"], strict=True):
        sold = [sold for shop, sold, _ in rows if shop == "north" and sold <= hour]
        if not sold or hour - max(sold) > 24:
            assert pd.isna(count)
        else:
            assert count == len([one for one in sold if one >= max(sold) - 24])


@settings(max_examples=20)
@given(rows=SOME, cut=HOURS)
def test_what_is_said_of_an_instant_does_not_change_by_what_comes_later(rows, cut):
    """Rows of the log past the instant only say what will have left the window by then."""
    for one in (view("decision"), view("newest row")):
        then, now = (change_log(one, table(some)) for some in ([row for row in rows if row[1] <= cut], rows))
        limit = at(cut).tz_localize(None)
        early = [log[log["known_at"] <= limit].sort_values(["shop", "known_at"]) for log in (then, now)]
        pd.testing.assert_frame_equal(*(log.reset_index(drop=True) for log in early))


def test_means_of_fractions_are_as_exact_as_their_digits():
    rows = table([("north", 0, 1), ("north", 1, 2)])
    rows["sales"]["amount"] = [0.125, 0.25]
    found = join(asked([2]), rows, [view("decision", digits=3)])
    assert found["day_amount"].tolist() == [0.1875]


def test_totals_of_all_that_came_before_need_a_time_to_live():
    of = {"amount": lambda sales: sales.amount}
    with pytest.raises(ValueError, match="ttl"):
        trailing("ever", "sales", ("shop",), "sold_at", None, means=of, until="decision")
    ever = trailing(
        "ever", "sales", ("shop",), "sold_at", None, means=of, until="decision", ttl=pd.Timedelta(days=9)
    )
    found = join(asked([50]), table([("north", 0, 1), ("north", 40, 4)]), [ever])
    assert found["ever_amount"].tolist() == [2.5]


def test_the_newest_row_is_known_when_its_hour_is_over():
    newest = latest(
        "sales",
        ("shop",),
        "sold_at",
        ("amount",),
        after=pd.Timedelta(hours=1),
        ttl=pd.Timedelta(hours=6),
        age="age",
    )
    found = join(asked([10, 11, 16, 18]), table([("north", 10, 3)]), [newest])
    assert found["amount"].fillna(-1).tolist() == [-1, 3, 3, -1]
    assert found["age"].fillna(-1).tolist() == [-1, 0, 5, -1]
