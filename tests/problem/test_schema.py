"""Known faults are repaired by name; what cannot be repaired is refused, with what to do."""

import re

import pandas as pd
import pytest

from loop.data import contract
from loop.data.raw import repair
from problem import schema
from problem.source import LEAD, tables

SINCE, UNTIL, AS_OF = (pd.Timestamp(f"2013-01-{day}", tz="UTC") for day in ("10", "13", "15"))
LIMITS = schema.Limits(
    flights_per_day_min=500,
    weather_hours_per_day_min=12,
    short_days_max=1,
    no_outcome_share_max=0.1,
    weather_null_share_max={"default": 0.05, "gust_mph": 0.95, "pressure_millibars": 0.25},
)


@pytest.fixture(scope="module")
def real():
    """Three days of January, repaired."""
    raw = tables(SINCE, UNTIL, AS_OF)
    return {name: repair(name, frame)[0] for name, frame in raw.items()}


def weather(*temperatures: float, **columns) -> pd.DataFrame:
    hours = pd.date_range("2013-05-09", periods=len(temperatures), freq="h", tz="UTC", unit="us")
    frame = pd.DataFrame({"origin": "JFK", "observed_at": hours, "temperature_f": temperatures})
    return frame.assign(**{"dewpoint_f": 12.0, "wind_mph": 8.0} | columns)


def rows_changed(table: str, frame: pd.DataFrame) -> dict[str, int]:
    return {entry["rule"]: entry["rows"] for entry in repair(table, frame)[1]}


def test_a_flight_date_is_a_day_that_there_is():
    days = {
        f"{year}-{month:02}-{day:02}"
        for year in (1900, 2000, 2012, 2013)
        for month in range(14)
        for day in range(33)
    }
    known = {
        f"{day:%Y-%m-%d}"
        for year in (1900, 2000, 2012, 2013)
        for day in pd.date_range(f"{year}", periods=366)
        if day.year == year
    }
    texts = pd.Series(
        [*sorted(days), "2013-6-02", "2013-06-02 ", "\u0662\u0660\u0661\u0663-06-02"], dtype="str"
    )
    found = schema.REQUEST.columns["flight_date"].checks[0](texts).check_output
    assert set(texts[found]) == known


def test_real_days_keep_their_contract(real):
    for name, expected in schema.raw(AS_OF, LIMITS).items():
        assert contract.check(real[name], expected, name) == []
    rules = schema.rules(real, LIMITS, since=SINCE, until=UNTIL, as_of=AS_OF)
    assert [rule.name for rule in rules if len(rule.offenders)] == []


def test_a_wind_of_a_thousand_miles_an_hour_is_missing():
    fixed, _ = repair("weather", weather(39.0, 39.0, wind_mph=[1048.36, 150.0]))
    assert fixed["wind_mph"].isna().tolist() == [True, False]


def test_a_thermometer_that_jumps_thirty_degrees_is_missing_for_that_hour():
    fixed, _ = repair("weather", weather(57.02, 57.02, 13.1, 57.2))
    assert fixed["temperature_f"].isna().tolist() == [False, False, True, False]
    assert fixed["dewpoint_f"].isna().tolist() == [False, False, True, False]


def test_a_repair_of_the_thermometer_does_not_look_ahead():
    """What comes after a reading must not change what is made of it."""
    sudden = weather(57.0, 57.0, 13.1)
    calm = weather(57.0, 57.0, 13.1, 13.0, 13.0, 13.0)
    both = [repair("weather", frame)[0]["temperature_f"].iloc[:3] for frame in (sudden, calm)]
    pd.testing.assert_series_equal(*both)


def test_the_order_of_rows_does_not_matter_to_the_thermometer():
    frame = weather(57.02, 57.02, 13.1, 57.2)
    backwards = frame.iloc[::-1].reset_index(drop=True)
    assert rows_changed("weather", backwards)["temperature_jump_of_30_f"] == 1


def test_the_clock_2400_is_midnight(real):
    flights = real["flights"].head(3).assign(arrived_clock=[2400.0, 2359.0, None])
    fixed, _ = repair("flights", flights)
    assert fixed["arrived_clock"].tolist()[:2] == [0.0, 2359.0]


def test_a_ferry_flight_between_own_airports_is_left_out(real):
    flights = real["flights"].head(3).assign(dest=["LGA", "BOS", "BOS"])
    assert rows_changed("flights", flights)["no_flight_between_own_airports"] == 1


def test_repairs_of_the_whole_year_are_these():
    """The real bad values of 2013, each found by its own rule and by no other row."""
    span = [pd.Timestamp(day, tz="UTC") for day in ("2013-01-01", "2014-01-02", "2014-02-01")]
    found = {}
    for name, frame in tables(*span).items():
        found |= rows_changed(name, frame)
    assert found == {
        "midnight_is_0000": 150,
        "no_flight_between_own_airports": 1,
        "wind_above_150_mph": 1,
        "temperature_jump_of_30_f": 1,
    }


BROKEN = {
    "unknown category": ("flights", {"carrier": "XX"}, "known category", "carrier"),
    "distance": ("flights", {"distance_miles": 9}, "50 to 6000", "distance_miles"),
    "block": (
        "flights",
        {"scheduled_arrival": pd.Timestamp("2013-02-01", tz="UTC")},
        "scheduled block of 15 minutes to 18 hours",
        "",
    ),
    "half-written": (
        "flights",
        {"arrival_delay_minutes": None},
        "arrival_delay_minutes and arrived_at come together",
        "",
    ),
    "clock": ("flights", {"arrived_clock": 1275.0}, "minutes below 60", "arrived_clock"),
    "wind": ("weather", {"wind_mph": -1.0}, "0 to 150", "wind_mph"),
    "all null": ("weather", {"visibility_miles": None}, "at most 5% null", "visibility_miles"),
    "future": (
        "weather",
        {"observed_at": pd.Timestamp("2013-01-15T00:30", tz="UTC")},
        "known_at_as_of",
        "observed_at",
    ),
}


@pytest.mark.parametrize(("table", "change", "rule", "column"), BROKEN.values(), ids=BROKEN)
def test_a_breach_names_rule_column_rows_and_what_to_do(real, table, change, rule, column):
    frame = real[table].copy()
    (name, value), count = next(iter(change.items())), len(frame) if None in change.values() else 7
    frame.loc[frame.index[:count], name] = value
    breaches = contract.check(frame, schema.raw(AS_OF, LIMITS)[table], table)
    found = {breach.rule: breach for breach in breaches}
    assert rule in found, found
    assert found[rule].column == column or not column
    assert found[rule].rows == (
        frame["arrived_at"].notna().sum() if name == "arrival_delay_minutes" else count
    )
    assert found[rule].todo


def test_an_arrival_after_as_of_is_refused(real):
    early = pd.Timestamp("2013-01-12T00:00", tz="UTC")
    breaches = contract.check(real["flights"], schema.raw(early, LIMITS)["flights"], "flights")
    assert {breach.rule for breach in breaches} == {"known_at_as_of"}


def offenders(tables: dict[str, pd.DataFrame]) -> dict[str, list[str]]:
    rules = schema.rules(tables, LIMITS, since=SINCE, until=UNTIL, as_of=AS_OF)
    return {rule.column: list(rule.offenders) for rule in rules if len(rule.offenders)}


def test_a_day_without_flights_is_named(real):
    flights = real["flights"]
    gap = flights[(flights["scheduled_departure"] - LEAD).dt.day != 11]
    assert offenders({**real, "flights": gap})["scheduled_departure"] == ["2013-01-11 (0)"]


def test_a_station_that_is_silent_for_two_days_is_named(real):
    weather = real["weather"]
    silent = weather[~((weather["origin"] == "LGA") & (weather["observed_at"] >= SINCE))]
    assert offenders({**real, "weather": silent})["observed_at"] == [
        "2013-01-10 (0)",
        "2013-01-11 (0)",
        "2013-01-12 (0)",
    ]


def test_a_destination_that_is_no_airport_is_named(real):
    flights = real["flights"].copy()
    flights.loc[flights.index[0], "dest"] = "ZZZ"
    assert offenders({**real, "flights": flights})["dest"] == ["ZZZ"]


def test_labels_that_stop_coming_are_a_broken_feed(real):
    outcome = ["arrived_at", "arrived_clock", "arrival_delay_minutes"]
    flights = real["flights"].assign(
        **{name: real["flights"][name].where(real["flights"].index % 2 == 0) for name in outcome}
    )
    assert len(offenders({**real, "flights": flights})["arrived_at"]) > 100


@pytest.mark.parametrize(
    ("shares", "output"),
    [
        ({"default": 0.1, "pressure_milibars": 0.2}, "did you mean `pressure_millibars`?"),
        ({"gust_mph": 0.9}, "lacks `default`"),
        ({"default": 5.0}, "a share lies between 0 and 1"),
    ],
)
def test_limits_name_columns_that_there_are(shares, output):
    limits = schema.Limits(**(LIMITS.model_dump() | {"weather_null_share_max": shares}))
    with pytest.raises(ValueError, match=re.escape(output)):
        schema.raw(AS_OF, limits)
