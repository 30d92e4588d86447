"""Features: what a row sees was known at its decision, and is what its definition says."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loop.data.joining import join
from loop.data.raw import repair
from problem.features import SCHEDULE, VIEWS, WEATHER, schedule, trailing
from problem.source import ORIGIN_ZONE, labels, requests, tables

NOON = pd.Timestamp("2013-05-09T12:00", tz="UTC").as_unit("us")
FEATURES = [name for view in VIEWS for name in (*view.features, *([view.age] if view.age else []))]
MINUTE = pd.Timedelta(minutes=1)


def arrivals(*minutes_before_noon: int, delay: float | list[float] = 20.0, **columns) -> pd.DataFrame:
    """Flights of one number that arrived so many minutes before noon (negative: after)."""
    arrived = pd.Series(
        [NOON - minutes * MINUTE for minutes in minutes_before_noon], dtype="datetime64[us, UTC]"
    )
    frame = pd.DataFrame({"arrived_at": arrived, "arrival_delay_minutes": delay})
    return frame.assign(
        **{"carrier": "AA", "flight": 1, "origin": "JFK", "dest": "LAX", "arrived_clock": 0.0} | columns
    )


def readings(*hours_before_noon: int, temperature: float | list[float] = 50.0) -> pd.DataFrame:
    """Weather at JFK, observed so many whole hours before noon."""
    at = pd.Series([NOON - hours * 60 * MINUTE for hours in hours_before_noon], dtype="datetime64[us, UTC]")
    frame = pd.DataFrame({"origin": "JFK", "observed_at": at})
    return frame.assign(**dict.fromkeys(WEATHER, 8.0)).assign(temperature_f=temperature)


def rows(flights: pd.DataFrame, weather: pd.DataFrame, *at: pd.Timestamp) -> pd.DataFrame:
    """The features of one request decided at each instant, from raw tables, repairs included."""
    request = pd.DataFrame({"carrier": "AA", "flight": 1, "origin": "JFK", "dest": "LAX", "decided_at": at})
    request["decided_at"] = request["decided_at"].astype("datetime64[us, UTC]")
    facts = {"flights": repair("flights", flights)[0], "weather": repair("weather", weather)[0]}
    return join(request, facts, VIEWS).sort_values("decided_at")[FEATURES]


def row(flights: pd.DataFrame, weather: pd.DataFrame, at: pd.Timestamp = NOON) -> pd.Series:
    """The features of one request."""
    return rows(flights, weather, at).iloc[0]


def test_an_arrival_counts_from_its_own_minute_on():
    assert row(arrivals(0), readings(2))["origin_3h_arrivals"] == 1
    assert np.isnan(row(arrivals(-1), readings(2))["origin_3h_arrivals"])


def test_a_window_holds_its_first_minute_and_not_the_one_before():
    edge = row(arrivals(180 + 10, 181 + 10, 10), readings(2))
    assert edge["origin_3h_arrivals"] == 2


def test_means_and_shares_are_of_the_window():
    """Delays of 0, 30 and 300 minutes, the last cut at 240: mean 90, two of three late."""
    found = row(arrivals(5, 6, 7, delay=[0.0, 30.0, 300.0]), readings(2))
    assert found["flight_month_arrivals"] == 3
    assert found["flight_month_mean_delay"] == 90
    assert found["flight_month_late_share"] == 2 / 3


def test_each_view_counts_its_own_entity():
    others = [
        arrivals(5, origin="LGA"),
        arrivals(5, carrier="DL"),
        arrivals(5, dest="BOS"),
        arrivals(5, flight=2),
    ]
    found = row(pd.concat([arrivals(5), *others], ignore_index=True), readings(2))
    assert found["origin_3h_arrivals"] == 4
    assert found["carrier_day_arrivals"] == 3
    assert found["route_fortnight_arrivals"] == 3
    assert found["flight_month_arrivals"] == 2


def test_an_entity_that_was_silent_longer_than_its_window_is_missing():
    found = row(arrivals(181), readings(2))
    assert np.isnan(found["origin_3h_arrivals"])
    assert found["origin_day_arrivals"] == 1


def test_weather_is_the_newest_reading_whose_hour_is_over_with_its_age():
    found = row(arrivals(5), readings(0, 1, 2, temperature=[50.0, 51.0, 52.0]))
    assert found["temperature_f"] == 51
    assert found["weather_age_hours"] == 0
    later = row(arrivals(5), readings(0, 1, 2, temperature=[50.0, 51.0, 52.0]), at=NOON + 59 * MINUTE)
    assert later["temperature_f"] == 51
    assert later["weather_age_hours"] == pytest.approx(59 / 60)


def test_stale_weather_is_missing_and_so_is_its_age():
    found = row(arrivals(5), readings(8))
    assert found[["temperature_f", "weather_age_hours"]].isna().all()


def test_the_schedule_is_read_in_the_time_of_the_origin():
    frame = pd.DataFrame(
        {
            "scheduled_departure": pd.to_datetime(["2013-01-07T10:30Z", "2013-07-07T10:30Z"]),
            "scheduled_arrival": pd.to_datetime(["2013-01-07T12:00Z", "2013-07-07T12:00Z"]),
        }
    )
    assert SCHEDULE == ("hour", "weekday", "block_minutes")
    assert schedule(frame).tolist() == [[5.5, 0, 90], [6.5, 6, 90]]


def test_the_schedule_is_the_same_from_arrays_and_as_pandas_reads_the_clock_in_every_hour_of_the_year():
    departure = pd.date_range("2013-01-01", "2014-01-01", freq="37min", tz="UTC", unit="us")
    frame = pd.DataFrame(
        {"scheduled_departure": departure, "scheduled_arrival": departure + pd.Timedelta("71min")}
    )
    arrays = {name: frame[name].to_numpy("datetime64[us]") for name in frame}
    local = departure.tz_convert(ORIGIN_ZONE)
    expected = np.column_stack([local.hour + local.minute / 60, local.day_of_week, np.full(len(local), 71.0)])
    assert np.array_equal(schedule(frame), expected)
    assert np.array_equal(schedule(arrays), expected)


def test_trailing_figures_equal_a_plain_loop_over_real_arrivals():
    """A reference that anyone can check: filter the arrivals, count them, average them."""
    span = [pd.Timestamp(day, tz="UTC") for day in ("2013-01-01", "2013-01-04", "2013-01-05")]
    facts = tables(*span)
    asked = requests(facts).sample(60, random_state=1)
    view = trailing("x", ("carrier", "origin"), hours=5)
    found = join(asked, facts, [view])
    known = facts["flights"].dropna(subset=["arrived_at"])
    seen = 0
    for (_, request), (_, features) in zip(asked.iterrows(), found.iterrows(), strict=True):
        mine = known[(known["carrier"] == request["carrier"]) & (known["origin"] == request["origin"])]
        mine = mine[mine["arrived_at"] <= request["decided_at"]]
        newest = mine["arrived_at"].max()
        window = mine[mine["arrived_at"] >= newest - pd.Timedelta(hours=5)]
        if not len(mine) or newest < request["decided_at"] - view.ttl:
            assert np.isnan(features["x_arrivals"])
            continue
        seen += 1
        delay = window["arrival_delay_minutes"]
        assert features["x_arrivals"] == len(window)
        assert features["x_mean_delay"] == delay.clip(-60, 240).sum() / len(window)
        assert features["x_late_share"] == (delay >= 15).sum() / len(window)
    assert seen > 20


entity = st.fixed_dictionaries(
    {
        "carrier": st.sampled_from(["AA", "DL"]),
        "flight": st.integers(1, 2),
        "origin": st.sampled_from(["JFK", "LGA"]),
        "dest": st.sampled_from(["LAX", "BOS"]),
        "delay": st.integers(-90, 400),
    }
)
past = st.tuples(st.integers(0, 40 * 24 * 60), entity)
future = st.tuples(st.integers(-3 * 24 * 60, -1), entity)
cold = st.integers(-20, 110).map(float)


case = st.fixed_dictionaries(
    {
        "known": st.lists(past, max_size=6),
        "unknown": st.lists(future, max_size=3),
        "changed": st.lists(future, max_size=3),
        "seen": st.dictionaries(st.integers(1, 12), cold, max_size=4),
        "unseen": st.dictionaries(st.integers(-12, 0), cold, max_size=3),
        "forecast": st.dictionaries(st.integers(-12, 0), cold, max_size=3),
    }
)
APART = 100 * 24 * 60  # minutes between two cases of one table: longer than any window


def facts(cases):
    """Both tables of many cases, each of which is decided APART after the one before.

    A repair compares a temperature with the last three: those of the case before come too early to be them.
    """
    frames = [arrivals(10**6)]
    weather = [readings(10**5)]
    for number, (events, hours) in enumerate(cases):
        later = number * APART
        frames += [arrivals(minutes - later, **{**of, "delay": float(of["delay"])}) for minutes, of in events]
        steady = {13: 50.0, 14: 50.0, 15: 50.0, **hours}
        weather += [readings(*(hour - later // 60 for hour in steady), temperature=list(steady.values()))]
    return pd.concat(frames, ignore_index=True), pd.concat(weather, ignore_index=True)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases=st.lists(case, min_size=8, max_size=8))
def test_no_fact_known_after_the_decision_moves_any_feature(cases):
    """Facts that become known later are changed, added and taken away, in both tables.

    A reading counts as known when its hour is over, so that of 12:00 is unknown at 12:00.
    Each table holds eight cases, far apart: a join costs the same for one as for many.
    """
    at = [NOON + number * APART * MINUTE for number in range(len(cases))]
    before = facts([(one["known"] + one["unknown"], one["seen"] | one["unseen"]) for one in cases])
    after = facts([(one["changed"] + one["known"], one["forecast"] | one["seen"]) for one in cases])
    pd.testing.assert_frame_equal(rows(*before, *at), rows(*after, *at))


def test_each_view_is_moved_by_a_fact_that_was_known():
    """The property above could hold by features that see nothing: these do see the past."""
    before = row(arrivals(5, 6), readings(2, temperature=50.0))
    after = row(arrivals(5, 6, 4, delay=90.0), readings(1, temperature=40.0))
    for view in VIEWS:
        assert (before[list(view.features)] != after[list(view.features)]).any(), view.name


def test_no_column_of_a_request_or_feature_is_the_outcome_in_disguise():
    """In the first days of the year no single feature ranks late flights better than 0.85."""
    span = [pd.Timestamp(day, tz="UTC") for day in ("2013-01-01", "2013-01-15", "2013-01-16")]
    raw = tables(*span)
    examples = join(requests(raw), raw, VIEWS).merge(labels(raw, span[2]), how="inner")
    for name in FEATURES:
        rank = examples[name].rank()
        late = examples["label"] == 1
        n1, n0 = (late & rank.notna()).sum(), (~late & rank.notna()).sum()
        auc = (rank[late].sum() - n1 * (n1 + 1) / 2) / (n1 * n0)
        assert max(auc, 1 - auc) < 0.85, name
