"""A fault of a feed begins between two days: it is named by its place and its day; a season is none."""

import re
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from loop.data import change_words, day_hashes, feed_changes, feed_tables
from loop.data.feed_tables import Table
from loop.data.told_change import Change
from loop.settings.monitor_settings import Accepted
from loop.stats.daily import Measure
from support.readings import PAST, SINCE, UNTIL, readings

ONE = pd.Timedelta(days=1)

FAULT = pd.Timestamp("2024-05-03", tz="UTC")
HOUR = pd.Timedelta(hours=1)
Fault = Callable[[pd.DataFrame, pd.Series], pd.DataFrame]


def found(
    rows: pd.DataFrame, late: set[str] | None = None, late_days: int = 0, accepted: tuple[str, ...] = ()
) -> list[Change]:
    table = Table("weather", rows, "at", ["station", "at"], late=late or set())
    by = [Accepted(change=one, since=f"{FAULT:%Y-%m-%d}", reason="is right") for one in accepted]
    return feed_changes.find([table], SINCE, PAST, UNTIL, late_days, by)


def unexplained(rows: pd.DataFrame, *accepted: str) -> list[str]:
    """Places that changed on the day of the fault, less those accepted."""
    told = [one for one in found(rows, accepted=accepted) if one.since == f"{FAULT:%Y-%m-%d}"]
    return [one.place for one in told if one.accepted is None]


def of(station: str, rows: pd.DataFrame, after: pd.Series) -> pd.Series:
    return after & (rows["station"] == station)


def changed(column: str, change: Callable[[pd.Series], pd.Series], station: str | None = None) -> Fault:
    def fault(rows: pd.DataFrame, after: pd.Series) -> pd.DataFrame:
        where = after if station is None else of(station, rows, after)
        return rows.assign(**{column: rows[column].mask(where, change(rows[column]))})

    return fault


def shuffled(values: pd.Series) -> pd.Series:
    return values.sample(frac=1, random_state=1).set_axis(values.index)


FAULTS: dict[str, tuple[Fault, str]] = {
    "another unit": (changed("temperature", lambda v: 32 + 1.8 * v), "weather.temperature"),
    "another unit at one station": (
        changed("temperature", lambda v: 32 + 1.8 * v, "north"),
        "weather.temperature of station north",
    ),
    "knots for miles": (changed("wind", lambda v: v * 0.869), "weather.wind"),
    "whole numbers": (changed("temperature", lambda v: v.round()), "weather.temperature"),
    "missing": (changed("humidity", lambda v: v * float("nan")), "weather.humidity"),
    "missing at one station": (
        changed("humidity", lambda v: v * float("nan"), "west"),
        "weather.humidity of station west",
    ),
    "a sensor that is stuck": (
        changed("temperature", lambda v: v * 0 + 12.3, "east"),
        "weather.temperature of station east",
    ),
    "rows of others": (changed("temperature", shuffled), "weather.temperature"),
    "a station that is gone": (
        lambda rows, after: rows[~of("west", rows, after)],
        "weather of station west",
    ),
    "half of the rows": (lambda rows, after: rows[~after | (rows["at"].dt.hour % 2 == 0)], "weather"),
    "rows twice": (
        lambda rows, after: pd.concat([rows, rows[after].assign(station="copy")], ignore_index=True),
        "weather",
    ),
    "a slow clock": (
        lambda rows, after: rows.assign(at=rows["at"].mask(after, rows["at"] + 6 * HOUR)),
        "weather",
    ),
    "a slow clock of one station": (
        lambda rows, after: rows.assign(
            at=rows["at"].mask(of("north", rows, after), rows["at"] - 6 * HOUR)
        ).drop_duplicates(["station", "at"]),
        "weather",
    ),
    "a value that is new": (changed("sky", lambda v: v.replace("rain", "RAIN")), "weather.sky"),
}


def test_a_season_is_no_change():
    assert found(readings()) == []


@pytest.mark.parametrize(("fault", "place"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_named_by_its_place_and_its_day(fault, place):
    rows = readings()
    changes = found(fault(rows, rows["at"] >= FAULT).reset_index(drop=True))
    first = max(changes, key=lambda one: one.size)
    assert first.place.startswith(place)
    assert abs(pd.Timestamp(first.since, tz="UTC") - FAULT) <= pd.Timedelta(days=2)
    assert first.summary.startswith(f"{first.place}, since {first.since}: ")
    assert first.before != first.after or "no longer fits" in first.what


def test_a_rare_value_that_gets_another_name_is_told_by_that_name():
    rows = readings()
    rare = pd.Series(np.arange(len(rows)) % 57 == 0)  # a row or two a day, too few to be a group
    sky = rows["sky"].mask(rare, "fog")
    assert found(rows.assign(sky=sky)) == []
    renamed = sky.mask(rare & (rows["at"] >= FAULT), "mist")
    (told,) = found(rows.assign(sky=renamed))
    assert (told.place, told.since, told.before) == ("weather.sky", "2024-05-03", "none of them")
    assert told.after.startswith("mist in ")


@pytest.mark.parametrize("past", [PAST, None], ids=["monitor", "at the door"])
def test_values_that_come_now_and_then_are_no_change(past):
    """A new customer every tenth day stays for good, in a past that had such as well."""
    rows = readings()
    day = (rows["at"] - SINCE).dt.days
    places = np.random.default_rng(3).random(len(rows))
    customer = "c" + (places * (60 + day // 10)).astype("int64").astype("str")
    table = Table("weather", rows.assign(customer=customer), "at", ["station", "at"])
    assert feed_changes.find([table], SINCE, past, UNTIL) == []


def sales(rows_of_day: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """So many sales on each day, at any hour."""
    at = SINCE + pd.to_timedelta(np.repeat(np.arange(len(rows_of_day)), rows_of_day), unit="D")
    at += pd.to_timedelta(rng.integers(0, 1440, len(at)), unit="min")
    frame = pd.DataFrame({"at": at.astype("datetime64[us, UTC]"), "price": rng.normal(size=len(at)).round(2)})
    return frame.sort_values("at", ignore_index=True).assign(sale=lambda own: own.index.astype("str"))


def test_rows_that_are_cut_at_a_limit_are_told():
    rng = np.random.default_rng(8)
    days = (UNTIL - SINCE).days
    many = rng.poisson(100, days)
    cut = np.where(np.arange(days) >= (FAULT - SINCE).days, np.minimum(many, 95), many)
    asked = ["at", "price", "sale"]
    usual, limited = (
        feed_changes.find([Table("sales", sales(one, rng)[asked], "at", ["sale"])], SINCE, PAST, UNTIL)
        for one in (many, cut)
    )
    assert usual == []
    assert [one.what for one in limited] == ["how often a day has as many rows as the day before"]


def outcomes_of(turned: Callable[[pd.DataFrame], pd.Series]) -> list[Change]:
    """What is told of labels, a fifth of them 1, that are turned where it is said."""
    rows = readings()
    late = (np.random.default_rng(7).random(len(rows)) < 0.2) * 1.0
    rows = rows.assign(to=np.where(rows["station"] == "west", "far", "near"))
    labels = rows[["at", "station", "to"]].assign(label=np.where(turned(rows), 1 - late, late))
    table = Table("labels", labels, "at", ["station", "at"], ["label"], outcomes=["label"])
    return feed_changes.find([table], SINCE, PAST, UNTIL)


def test_half_of_the_labels_of_one_group_that_turned_round_are_told_by_it():
    half = np.random.default_rng(9).random(len(readings())) < 0.5
    (told,) = outcomes_of(lambda rows: half & of("west", rows, rows["at"] >= FAULT))
    assert (told.place, told.since) == ("labels.label of station west", "2024-05-03")


def test_labels_of_a_group_that_most_rows_belong_to_are_told_by_it_and_those_of_all_are_the_worlds():
    (told,) = outcomes_of(lambda rows: (rows["station"] != "west") & (rows["at"] >= FAULT))
    assert (told.place, told.since) == ("labels.label of to near", "2024-05-03")
    assert outcomes_of(lambda rows: rows["at"] >= FAULT) == []


def test_a_class_that_comes_no_more_in_one_group_is_told_with_the_day_after_its_last():
    rare = np.random.default_rng(8).random(len(readings())) < 0.1

    def labels(text: bool, kept: Callable[[pd.DataFrame], pd.Series]) -> list[Change]:
        rows = readings()
        late = rare & (kept(rows) | (rows["station"] != "west") | (rows["at"] < FAULT))
        own = rows[["at", "station"]].assign(label=np.where(late, "late", "on time") if text else 1.0 * late)
        table = Table("labels", own, "at", ["station", "at"], ["label"], outcomes=["label"])
        return feed_changes.find([table], SINCE, PAST, UNTIL)

    for text in (False, True):
        (told,) = labels(text, lambda rows: rows["at"] < SINCE)
        assert (told.place, told.since) == ("labels.label of station west", "2024-05-03")
        assert labels(text, lambda rows: rows["at"] >= FAULT + pd.Timedelta(days=5)) == []  # a good week
        assert labels(text, lambda rows: rows["at"].dt.day % 4 == 0) == []  # fewer are the world's


def test_classes_that_come_more_often_for_all_are_the_worlds():
    rows = readings()
    drawn = np.random.default_rng(6).random(len(rows))
    share = np.where(rows["at"] >= FAULT, 0.6, 0.2)
    broken = np.where(drawn < share, "broken", np.where(drawn < 0.8, "worn", "whole"))
    price = rows["wind"] + 5 * (broken == "broken") * (rows["at"] >= FAULT)
    table = rows[["at", "station"]].assign(state=broken, price=price)
    machines = Table("machines", table, "at", ["station", "at"], outcomes=["state"])
    assert [one.place for one in feed_changes.find([machines], SINCE, PAST, UNTIL)] == ["machines.price"]
    steady = Table("machines", table.drop(columns="price"), "at", ["station", "at"], outcomes=["state"])
    assert feed_changes.find([steady], SINCE, PAST, UNTIL) == []


def test_rows_without_a_time_of_their_own_have_no_day_and_no_change(monkeypatch):
    rows = pd.DataFrame({"row": range(200), "alcohol": np.linspace(10, 14, 200)})
    monkeypatch.setattr(feed_tables.source, "TIME", {"wine": None})
    monkeypatch.setattr(day_hashes.source, "TIME", {"wine": None})
    assert feed_tables.tables({"wine": rows}, UNTIL) == []


def test_days_without_a_row_have_no_number_of_different_values():
    """Two rows every other day or so, whose column has one value: of a longer pause rows alone are told."""
    rng = np.random.default_rng(1)
    rows = sales(2 * (rng.random((UNTIL - SINCE).days) < 0.5), rng).assign(price=1.0)
    assert {one.what for one in found_of(rows, None)} <= {"the number of rows"}


def found_of(rows: pd.DataFrame, past: pd.Timestamp | None) -> list[Change]:
    return feed_changes.find([Table("sales", rows, "at", ["sale"])], SINCE, past, UNTIL)


def test_a_step_is_told_by_its_very_day_also_where_its_window_begins_before():
    rows = readings()
    for days in range(4):
        day = FAULT + pd.Timedelta(days=days)
        changes = found(FAULTS["another unit"][0](rows, rows["at"] >= day))
        assert max(changes, key=lambda one: one.size).since == f"{day:%Y-%m-%d}"


def test_two_faults_at_once_are_both_named():
    rows = readings()
    after = rows["at"] >= FAULT
    both = FAULTS["missing at one station"][0](FAULTS["knots for miles"][0](rows, after), after)
    named = " ".join(name for one in found(both) for name in (one.place, *one.others))
    assert "humidity" in named
    assert "wind" in named


def test_what_a_person_accepted_explains_no_other_column_of_that_day():
    rows = readings()
    after = rows["at"] >= FAULT
    both = FAULTS["missing at one station"][0](FAULTS["knots for miles"][0](rows, after), after)
    told = found(both)[0]
    places = [told.place, *(f"weather.{name}" for name in told.others)]
    assert unexplained(both, *places) == []
    for left in places:
        open_ones = unexplained(both, *(place for place in places if place != left))
        assert len(open_ones) == 1
        assert open_ones[0].startswith(left.partition(" of ")[0])


def test_what_was_accepted_of_one_group_explains_no_other_group():
    rows = readings()
    rows = rows.assign(station=rows["station"] + (rows["at"].dt.hour % 2).astype("str"))
    after = rows["at"] >= FAULT
    west, both = (
        rows.assign(humidity=rows["humidity"].mask(after & rows["station"].isin(stations)))
        for stations in (["west0"], ["west0", "east1"])
    )
    named = ["weather.humidity of station west0", "weather.temperature"]
    assert unexplained(west, *named) == []
    assert unexplained(both, *named) == ["weather.humidity of station east1"]
    assert unexplained(both, "weather.humidity", "weather.temperature") == []


def test_labels_that_changed_beside_what_was_accepted_are_told():
    rows = readings()
    after = rows["at"] >= FAULT
    broken = FAULTS["knots for miles"][0](rows, after)
    labels = rows[["at", "station"]].assign(label=rows["sky"].eq("rain") * 1.0)
    labels.loc[of("west", rows, after), "label"] = 1.0

    def told(*accepted: Accepted) -> list[str]:
        tables = [
            Table("weather", broken, "at", ["station", "at"]),
            Table("labels", labels, "at", ["station", "at"], ["label"], outcomes=["label"]),
        ]
        found = feed_changes.find(tables, SINCE, PAST, UNTIL, accepted=accepted)
        return [one.place for one in found if one.accepted is None]

    assert told() == ["weather.wind"]
    assert told(Accepted(change="weather.wind", since="2024-05-03", reason="in knots from now on")) == [
        "labels.label of station west"
    ]


def test_a_fault_that_heals_itself_is_named_all_the_same():
    rows = readings()
    sick = (rows["at"] >= FAULT) & (rows["at"] < FAULT + pd.Timedelta(days=3))
    changes = found(FAULTS["another unit"][0](rows, sick))
    assert ("weather.temperature", "2024-05-03") in {(one.place, one.since) for one in changes}


def test_a_day_without_rows_is_named():
    rows = readings()
    (change,) = found(rows[rows["at"].dt.floor("D") != FAULT])
    assert (change.place, change.since, change.what) == ("weather", "2024-05-03", "the number of rows")
    assert (change.before, change.after) == ("72 a day", "0 a day")


def test_of_what_fills_in_later_the_newest_days_say_nothing():
    rows = readings()
    unripe = rows["at"] >= UNTIL - pd.Timedelta(days=2)
    rows = rows.assign(humidity=rows["humidity"].mask(unripe))
    assert [one.place for one in found(rows)] == ["weather.humidity"]
    assert found(rows, {"humidity"}, 2) == []


def test_what_was_null_then_and_is_not_now_is_late():
    now = readings(SINCE + pd.Timedelta(days=3))
    then = now.assign(humidity=now["humidity"].mask(now["at"] >= SINCE + pd.Timedelta(days=2)))
    assert feed_tables.late(then, now, "at") == {"humidity"}
    assert feed_tables.late(now, now, "at") == set()
    assert "" in feed_tables.late(now[now["at"].dt.hour % 2 == 0], now, "at")


def test_without_eight_weeks_of_past_nothing_is_said():
    rows = readings()
    rows = FAULTS["missing"][0](rows, rows["at"] >= FAULT)
    table = Table("weather", rows, "at", ["station", "at"])
    assert feed_changes.find([table], PAST, PAST, UNTIL) == []
    assert feed_changes.find([table], PAST, PAST + pd.Timedelta(days=7), UNTIL) == []


def test_a_source_with_a_row_a_day_is_watched_as_well():
    rows = readings()
    daily = rows[(rows["at"].dt.hour == 9) & (rows["station"] == "east")].reset_index(drop=True)
    assert found(daily) == []
    broken = FAULTS["another unit"][0](daily, daily["at"] >= FAULT)
    assert "weather.temperature" in {one.place for one in found(broken)}


def test_columns_of_every_kind_are_taken_and_the_one_that_changed_is_named():
    """Booleans, decimals, lists, texts, instants with and without a zone, nothing at all, one value alone."""
    rows = readings()
    after = rows["at"] >= FAULT
    count = np.arange(len(rows))
    rows = rows.assign(
        flag=count % 3 == 0,
        price=[Decimal(int(place % 7)) / 4 for place in count],
        parts=[["a"] * (place % 4) for place in count.tolist()],
        words=[f"a note of {place * 7919 % 10007}" for place in count.tolist()],
        naive=rows["at"].dt.tz_localize(None) + HOUR,
        nothing=None,
        same=1.0,
    )
    assert found(rows) == []
    turned = rows.assign(flag=rows["flag"] ^ after)
    assert [one.place for one in found(turned)] == ["weather.flag"]
    longer = rows.assign(
        words=rows["words"].mask(after, rows["words"] + " and a long text that nobody wrote before")
    )
    assert "words (length)" in " ".join(one.place for one in found(longer))
    other = rows.assign(same=rows["same"].mask(after, 2.0))
    assert [one.place for one in found(other)] == ["weather.same"]


@pytest.mark.parametrize(
    "day", ["2024-02-29", "2024-03-31", "2024-10-27"], ids=["leap day", "spring", "autumn"]
)
def test_a_day_of_the_calendar_is_no_change(day):
    """Rows that come by a local clock move by an hour in UTC, twice a year."""
    start = pd.Timestamp(day, tz="UTC") - pd.Timedelta(days=110)
    rows = readings()
    shift = start - SINCE
    local = rows["at"] + shift
    clock = local.dt.tz_convert(None).dt.tz_localize(
        "Europe/Berlin", ambiguous=False, nonexistent="shift_forward"
    )
    rows = rows.assign(at=clock.dt.tz_convert("UTC")).drop_duplicates(["station", "at"], ignore_index=True)
    table = Table("weather", rows, "at", ["station", "at"])
    assert feed_changes.find([table], SINCE + shift, PAST + shift, UNTIL + shift) == []


def of_a_shop(zone: str, opens: int) -> pd.DataFrame:
    """Two sales an hour in four hours of a day by the clock of a zone, until May."""
    days = pd.date_range(SINCE, UNTIL, freq="D", inclusive="left", unit="us").tz_convert(None)
    at = pd.DatetimeIndex([day + (opens + place / 2) * HOUR for day in days for place in range(8)])
    number = np.arange(len(at))
    return pd.DataFrame(
        {"at": at.tz_localize(zone).tz_convert("UTC"), "sale": number.astype("str"), "price": number % 7}
    )


def shop_changes(rows: pd.DataFrame, past: pd.Timestamp | None) -> list[Change]:
    return feed_changes.find([Table("sales", rows, "at", ["sale"])], SINCE, past, UNTIL)


@pytest.mark.parametrize(
    ("zone", "opens"),
    [
        ("America/New_York", 9),
        ("Europe/Berlin", 9),
        ("America/Santiago", 9),
        ("Australia/Sydney", 14),
        ("UTC", 9),
    ],
)
def test_clocks_that_are_put_on_or_back_change_no_feed_at_the_door_or_later(zone, opens):
    rows = of_a_shop(zone, opens)
    assert shop_changes(rows, None) == []
    assert shop_changes(rows, pd.Timestamp("2024-03-08", tz="UTC")) == []


def test_a_clock_that_is_an_hour_off_is_told_after_clocks_were_put_on():
    rows = of_a_shop("America/New_York", 9)
    slow = rows.assign(at=rows["at"].mask(rows["at"] >= FAULT, rows["at"] - HOUR))
    (told,) = shop_changes(slow, PAST)
    assert (told.place, told.what, told.since) == ("sales.at", "the time of day", "2024-05-03")
    assert (told.before, told.after) == ("a median of 14.75", "a median of 13.75")


def test_a_default_in_a_few_rows_is_told_by_its_value():
    rows = readings()
    some = (rows["at"] >= FAULT) & (np.random.default_rng(1).random(len(rows)) < 0.04)
    changes = found(rows.assign(temperature=rows["temperature"].mask(some, -99.0)))
    told = max(changes, key=lambda one: one.size)
    assert (told.place, told.since) == ("weather.temperature", "2024-05-03")
    assert "-99 in 0%" in told.before
    assert "-99 in 5.1%" in told.after


def test_a_level_that_moved_is_not_told_by_one_of_its_many_values():
    rows = readings()
    moved = rows.assign(
        temperature=(rows["temperature"].round() * 24).where(rows["at"] >= FAULT, rows["temperature"])
    )
    told = max(found(moved), key=lambda one: one.size)
    assert (told.place, told.since) == ("weather.temperature", "2024-05-03")
    assert re.fullmatch(r"a \w+ of -?[\d.]+", told.after)


@pytest.mark.parametrize("group", ["east", "north", "west"])
def test_labels_of_one_group_that_turned_round_among_the_training_rows_are_told_by_that_group(group):
    """Many destinations belong to one station: the station is what turned."""
    rows = readings()
    late = (np.random.default_rng(7).random(len(rows)) < 0.2) * 1.0
    turned = of(group, rows, rows["at"] >= pd.Timestamp("2024-04-10", tz="UTC"))
    labels = rows[["at", "station"]].assign(
        to=rows["station"] + (rows["at"].dt.hour % 2).astype("str"),
        label=np.where(turned, 1 - late, late),
    )
    table = Table("labels", labels, "at", ["station", "at"], ["label"], outcomes=["label"])
    told = max(feed_changes.find([table], SINCE, None, UNTIL), key=lambda one: one.size)
    assert told.place == f"labels.label of station {group}"
    assert abs(pd.Timestamp(told.since, tz="UTC") - pd.Timestamp("2024-04-10", tz="UTC")) <= pd.Timedelta(
        days=2
    )


def test_a_holiday_like_one_before_is_no_change():
    rows = readings()
    day = rows["at"].dt.strftime("%Y-%m-%d")
    kept = rows["at"].dt.hour % 4 == 0
    assert found(rows[~day.isin(["2024-03-29", "2024-05-09"]) | kept]) == []


def test_a_group_that_exists_once_is_no_change():
    rows = readings()
    once = rows.index[rows["at"] == FAULT][0]
    rows.loc[once, "station"] = "on trial"
    assert found(rows) == []


def test_a_fault_that_begins_on_the_first_day_is_told_with_that_day():
    rows = readings()
    changes = found(FAULTS["another unit"][0](rows, rows["at"] >= PAST))
    assert [(one.place, one.since) for one in changes] == [("weather.temperature", f"{PAST:%Y-%m-%d}")]


def test_a_feed_that_is_late_for_once_is_told_while_rows_lack_and_not_when_they_have_come():
    rows = readings()
    last = UNTIL - pd.Timedelta(days=1)
    assert [(one.place, one.since) for one in found(rows[rows["at"] < last + 5 * HOUR])] == [
        ("weather", f"{last:%Y-%m-%d}")
    ]
    assert found(rows) == []


def test_an_outcome_that_moves_for_all_and_stays_is_the_worlds():
    """A concept that turned must lead to a retrain; a mistaken delivery, and one group alone, may not."""
    rows = readings()
    after = rows["at"] >= FAULT
    brief = after & (rows["at"] < FAULT + pd.Timedelta(days=2))

    def told(where: pd.Series) -> list[str]:
        moved = rows.assign(temperature=rows["temperature"].mask(where, rows["temperature"] + 30))
        table = Table("weather", moved, "at", ["station", "at"], outcomes=["temperature"])
        return [one.place for one in feed_changes.find([table], SINCE, PAST, UNTIL)]

    assert told(after) == []
    assert told(brief) == ["weather.temperature"]
    assert told(of("north", rows, after)) == ["weather.temperature of station north"]


def few_a_day() -> pd.DataFrame:
    """Four rows a day, so few that of a clinic no more is watched than its share of them."""
    rng = np.random.default_rng(2)
    days = pd.date_range(SINCE, UNTIL, freq="D", inclusive="left", unit="us")
    at = days.repeat(4) + 9 * HOUR
    rows = pd.DataFrame(
        {
            "at": at,
            "visit": np.arange(len(at)).astype("str"),
            "weight": rng.normal(size=len(at)),
            "height": rng.normal(size=len(at)),
            "note": [f"patient said {number}" for number in rng.permutation(len(at))],
        }
    )
    return rows.assign(clinic=np.array(["east", "north", "west"])[np.arange(len(at)) % 3])


@pytest.mark.parametrize(
    ("fault", "place"),
    [
        (lambda rows, own: rows[~own], "weather of clinic west"),
        (lambda rows, own: rows.assign(weight=rows["weight"].mask(own)), "weather.weight of clinic west"),
        (lambda rows, own: rows.assign(note=rows["note"].mask(own)), "weather.note (length) of clinic west"),
    ],
    ids=["rows", "values", "texts"],
)
def test_of_few_rows_a_day_a_group_that_alone_makes_a_change_is_named(fault, place):
    rows = few_a_day()
    table = fault(rows, (rows["clinic"] == "west") & (rows["at"] >= FAULT)).reset_index(drop=True)
    changes = feed_changes.find([Table("weather", table, "at", ["visit"])], SINCE, PAST, UNTIL)
    assert [one.place for one in changes] == [place]
    assert changes[0].since in ("2024-05-03", "2024-05-04")


def test_readings_that_are_filled_with_the_one_before_are_told_by_how_often():
    rows = readings()
    lost = (rows["at"] >= FAULT) & (np.random.default_rng(7).random(len(rows)) < 0.4)
    filled = rows["temperature"].mask(lost).groupby(rows["station"]).ffill()
    (told,) = found(rows.assign(temperature=filled))
    assert (told.place, told.since) == ("weather.temperature", "2024-05-03")
    assert told.what == "how often a reading is the one before"
    assert told.before != told.after
    assert told.after.endswith("% of them")


def test_of_few_rows_a_day_a_sensor_of_one_group_that_is_stuck_is_told_with_its_group_and_day():
    rows = few_a_day()
    stuck = (rows["at"] >= FAULT) & (rows["clinic"] == "north")
    rows["weight"] = (60 + 15 * rows["weight"]).round().mask(stuck, 52.0)
    (told,) = feed_changes.find([Table("weather", rows, "at", ["visit"])], SINCE, PAST, UNTIL)
    assert told.place == "weather.weight of clinic north"
    assert abs(pd.Timestamp(told.since, tz="UTC") - FAULT) <= pd.Timedelta(days=2), (
        "52 comes by itself as well"
    )
    assert told.what == "how often one value comes"
    assert told.after.startswith("52 in ")


@pytest.mark.parametrize("clinic", ["north", "west"])
def test_of_few_rows_a_day_a_group_that_is_booked_as_another_is_told(clinic):
    rows = few_a_day()
    booked = (rows["clinic"] == "east") & (rows["at"] >= FAULT)
    for where in (booked, rows["at"] >= FAULT):
        table = Table("visits", rows.assign(clinic=rows["clinic"].mask(where, clinic)), "at", ["visit"])
        (told,) = feed_changes.find([table], SINCE, PAST, UNTIL)
        assert told.place.startswith("visits of clinic ")
        assert abs(pd.Timestamp(told.since, tz="UTC") - FAULT) <= pd.Timedelta(days=2)


def test_a_group_of_most_rows_is_named_when_it_is_gone_and_no_group_when_rows_of_all_are():
    rows = few_a_day().assign(clinic=lambda frame: np.where(frame.index % 4 < 3, "west", "east"))
    gone = rows[~((rows["clinic"] == "west") & (rows["at"] >= FAULT))]
    fewer = rows[(rows["at"] < FAULT) | (rows.index % 8 < 2) | (rows.index % 8 == 3)]
    told = [
        feed_changes.find([Table("visits", of.reset_index(drop=True), "at", ["visit"])], SINCE, PAST, UNTIL)
        for of in (gone, fewer)
    ]
    assert [one[0].place for one in told] == ["visits of clinic west", "visits"]


def test_a_shape_that_moved_beside_other_columns_is_said_to_be_a_clocks():
    moved = Measure("weather", "temperature", (), "relation to other columns: daily shape (sin)")
    assert "clock" in change_words.what(moved)


def test_a_value_that_comes_too_often_is_told():
    rows = readings()
    often = (rows["at"] >= FAULT) & (np.random.default_rng(1).random(len(rows)) < 0.4)
    shop = rows.rename(columns={"temperature": "price"})[["at", "price"]].assign(
        order=rows.index.astype("str")
    )
    usual = shop["price"].median()
    shop = shop.assign(price=shop["price"].mask(often, usual))
    told = feed_changes.find([Table("sales", shop, "at", ["order"])], SINCE, PAST, UNTIL)
    assert [(one.column, one.since) for one in told] == [("price", "2024-05-03")]
    assert told[0].after.startswith(f"{usual:.4g} in ")


def of_few_rows(seed: int, days: int) -> pd.DataFrame:
    """A dozen rows a day on average, at any time; nothing in them depends on the day."""
    rng = np.random.default_rng(seed)
    count = days * 12
    at = SINCE + pd.to_timedelta(np.sort(rng.integers(0, days * 86400, count)), "s")
    some = np.where(rng.random(count) < 0.02, 0.5, rng.normal(size=count))
    yes = (rng.random(count) < 0.3).astype("int64")
    columns = {"at": pd.Series(at).astype("datetime64[us, UTC]"), "key": np.arange(count).astype(str)}
    return pd.DataFrame({**columns, "some": some, "yes": yes})


def looked_back(rows: pd.DataFrame, days: int) -> list[str]:
    table = Table("visits", rows, "at", ["key"])
    return [one.place for one in feed_changes.find([table], SINCE, None, SINCE + pd.Timedelta(days=days))]


@pytest.mark.parametrize(("seed", "days"), [(0, 120), (2, 120), (9, 120), (5, 160), (7, 160), (8, 160)])
def test_what_luck_does_to_days_of_few_rows_is_no_change(seed, days):
    assert not looked_back(of_few_rows(seed, days), days)


def test_a_column_of_yes_and_no_that_says_no_alone_is_told_though_rows_are_few():
    rows = of_few_rows(1, 120)
    rows["yes"] = rows["yes"].mask(rows["at"] >= pd.Timestamp("2024-03-20", tz="UTC"), 0)
    assert looked_back(rows, 120) == ["visits.yes"]


def test_as_many_rows_as_the_day_before_are_no_news_where_a_day_has_one_or_two():
    rng = np.random.default_rng(1)
    count = np.r_[rng.integers(1, 4, 100), np.ones(60, int)]
    rows = sales(count, rng)
    table = Table("shop", rows, "at", ["sale"])
    found = feed_changes.find([table], SINCE, SINCE + 70 * ONE, SINCE + 160 * ONE)
    assert "how often a day has as many rows as the day before" not in {one.what for one in found}


def test_a_value_whose_first_rows_came_the_day_before_a_change_is_named():
    was, comes = pd.Series(["a"] * 60 + ["b"]), pd.Series(["a"] * 4 + ["b"] * 6)
    assert change_words.new_texts(was, comes) == ("1.6% of them", "b in 60%")


def test_an_end_of_a_column_with_few_values_that_moves_by_one_of_them_is_no_change():
    rng = np.random.default_rng(3)
    rows = sales(np.full(160, 140), rng)
    rows["floor"] = rng.choice([1.0, 2.0, 3.0, 4.0, 5.0], len(rows), p=[0.2, 0.25, 0.2, 0.19, 0.16])
    day = (rows["at"] - SINCE) // ONE
    rows.loc[day.between(100, 102) & (rows["floor"] == 5) & (rng.random(len(rows)) < 0.5), "floor"] = 4.0
    found = feed_changes.find(
        [Table("shop", rows, "at", ["sale"])], SINCE, SINCE + 70 * ONE, SINCE + 160 * ONE
    )
    assert not [one.summary for one in found if one.column == "floor"]
