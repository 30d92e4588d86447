"""The source: real facts of 2013, as they were known at an instant."""

import pandas as pd
import pytest

from problem import source

JANUARY = [pd.Timestamp(day, tz="UTC") for day in ("2013-01-01", "2013-02-01")]


@pytest.fixture(scope="module")
def year():
    since, until = (pd.Timestamp(day, tz="UTC") for day in ("2013-01-01", "2014-01-02"))
    return source.tables(since, until, pd.Timestamp("2014-02-01", tz="UTC"))


def test_every_row_of_the_year_is_there_once(year):
    assert len(year["flights"]) == 336_776
    assert not year["flights"].duplicated(source.KEY).any()


def test_without_the_origin_the_key_would_repeat(year):
    """24 groups of flights differ in nothing but their origin."""
    short = [name for name in source.KEY if name != "origin"]
    assert year["flights"].groupby(short).size().gt(1).sum() == 24


def test_arrival_instants_agree_with_the_local_clock_of_the_destination(year):
    """One of 327,346 does not: it crossed the change of clocks in March."""
    flights = year["flights"].dropna(subset=["arrived_at"])
    zones = dict(zip(year["airports"]["airport"], year["airports"]["zone"], strict=True))
    wrong = 0
    for zone, group in flights.groupby(flights["dest"].map(zones)):
        local = group["arrived_at"].dt.tz_convert(zone)
        clock = group["arrived_clock"] % 2400
        wrong += int((local.dt.hour * 100 + local.dt.minute != clock)[clock.notna()].sum())
    assert wrong == 1


def test_flights_that_never_arrived_have_no_arrival_clock(year):
    """717 diverted flights report one: it is when they landed somewhere, not an outcome."""
    flights = year["flights"]
    assert flights["arrived_at"].isna().sum() == 9_430
    assert flights.loc[flights["arrived_at"].isna(), "arrived_clock"].isna().all()


def test_flights_of_new_years_eve_depart_in_the_next_year_of_utc(year):
    assert (year["flights"]["scheduled_departure"] >= pd.Timestamp("2014-01-01", tz="UTC")).sum() == 88


def test_the_repeated_hour_of_november_has_two_weather_rows_with_different_instants(year):
    weather = year["weather"]
    assert not weather.duplicated(["origin", "observed_at"]).any()


def test_a_window_is_half_open_by_decision():
    until = pd.Timestamp("2013-01-02T12:00", tz="UTC")
    flights = source.tables(JANUARY[0], until, JANUARY[1])["flights"]
    decided = flights["scheduled_departure"] - source.LEAD
    assert decided.min() >= JANUARY[0]
    assert decided.max() < until
    at_border = source.tables(until, until + pd.Timedelta(minutes=30), JANUARY[1])["flights"]
    assert (at_border["scheduled_departure"] - source.LEAD).min() == until


def test_nothing_known_later_is_in_the_tables():
    noon = pd.Timestamp("2013-01-15T12:00", tz="UTC")
    then, later = (source.tables(*JANUARY, as_of) for as_of in (noon, JANUARY[1]))
    later["flights"] = later["flights"].head(len(then["flights"]))  # those decided by noon
    unknown = later["flights"]["arrived_at"] > noon
    outcome = ["arrived_at", "arrived_clock", "arrival_delay_minutes"]
    assert unknown.any()
    assert then["flights"].loc[unknown, outcome].isna().all(axis=None)
    pd.testing.assert_frame_equal(then["flights"][~unknown], later["flights"][~unknown])
    assert (then["flights"]["scheduled_departure"] - source.LEAD).max() <= noon
    assert (then["weather"]["observed_at"] + source.WEATHER_PUBLISHED_AFTER).max() <= noon


def test_a_window_outside_the_data_is_empty():
    tables = source.tables(
        *(pd.Timestamp(day, tz="UTC") for day in ("2015-01-01", "2015-02-01", "2015-03-01"))
    )
    assert tables["flights"].empty
    assert tables["weather"].empty


def test_late_begins_at_fifteen_minutes_and_is_known_on_arrival():
    arrived = pd.to_datetime(["2013-01-01T10:00Z", "2013-01-01T11:00Z", None, "2013-01-01T12:00Z"])
    flights = pd.DataFrame(
        {
            "flight_date": "2013-01-01",
            "carrier": "AA",
            "flight": [1, 2, 3, 4],
            "origin": "JFK",
            "arrived_at": arrived,
            "arrival_delay_minutes": [14.0, 15.0, None, 90.0],
        }
    )
    labels = source.labels({"flights": flights}, pd.Timestamp("2013-01-01T11:00Z"))
    assert labels[["flight", "label"]].to_dict("list") == {"flight": [1, 2], "label": [0, 1]}
    assert list(labels["label_known_at"]) == list(arrived[:2])
