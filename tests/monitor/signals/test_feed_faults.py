"""What the monitor says of a feed: faults since the holdout, history rewritten, and what was accepted."""

from types import SimpleNamespace

import pandas as pd
import pytest

from loop.data import day_hashes
from loop.monitor.signals import feed_faults
from loop.settings import params
from loop.settings.params import Windows
from support.monitor_case import settings
from support.readings import PAST, SINCE, UNTIL, readings

FAULT = "2024-05-03"
AS_OF = PAST + pd.Timedelta(days=1)


def windows(until: pd.Timestamp = PAST) -> Windows:
    def day(at: pd.Timestamp) -> str:
        return f"{at:%Y-%m-%dT%H:%MZ}"

    split = PAST - pd.Timedelta(days=20)
    values = {
        "since": day(SINCE),
        "train": {"from": day(SINCE), "until": day(split)},
        "holdout": {"from": day(split), "until": day(until)},
        "as_of": day(AS_OF),
    }
    return params.parse("windows", values, Windows)


class Feed:
    """A source of one table whose rows are published an hour late; `rows` may be changed by a test."""

    def __init__(self) -> None:
        self.rows = readings().rename(columns={"wind": "label_of_wind"})

    def tables(self, since, until, as_of):
        at = self.rows["at"]
        known = (at >= since) & (at < until) & (at + pd.Timedelta(hours=1) <= as_of)
        return {"readings": self.rows[known].reset_index(drop=True)}

    def requests(self, tables):
        return tables["readings"][["at", "station"]].assign(decided_at=tables["readings"]["at"])

    def labels(self, tables, _as_of):
        rows = tables["readings"]
        known_at = rows["at"] + pd.Timedelta(hours=2)
        return rows[["at", "station"]].assign(label=rows["label_of_wind"], label_known_at=known_at)


@pytest.fixture
def feed(monkeypatch) -> Feed:
    made = Feed()
    for name in ("tables", "requests", "labels"):
        for module in (feed_faults.raw, feed_faults.feed_tables, day_hashes):
            monkeypatch.setattr(module.source, name, getattr(made, name))
    monkeypatch.setattr(feed_faults.raw.source, "TIME", {"readings": "at"})
    monkeypatch.setattr(feed_faults.raw.source, "KEY", ["station", "at"])
    names, nobody = ("at", "station", "temperature", "humidity", "sky"), SimpleNamespace(metadata=None)
    asked = SimpleNamespace(columns=dict.fromkeys(names, nobody))
    monkeypatch.setattr(feed_faults.feed_tables.schema, "REQUEST", asked)
    monkeypatch.setattr(feed_faults, "git", lambda *_: "")
    first = {"days": day_hashes.of(made.tables(SINCE, PAST, AS_OF))}
    monkeypatch.setattr(feed_faults, "Commit", lambda _: SimpleNamespace(json=lambda _: first))
    return made


def changes(accepted=(), now=UNTIL, until=PAST):
    setup = settings(labels={"final_after_days": 1, "delay_days": 0}, accepted=list(accepted))
    return feed_faults.changes(SimpleNamespace(windows=windows(until), commit="c0ffee"), now, setup)


@pytest.mark.usefixtures("feed")
def test_a_feed_that_is_as_ever_is_told_nothing():
    assert changes() == []
    assert changes(now=UNTIL - pd.Timedelta(hours=7)) == [], "the day that is not over says nothing"


def test_a_holdout_that_ends_with_the_data_within_a_day_leaves_no_change_of_that_day(feed):
    end, day = PAST + pd.Timedelta(hours=9), PAST + pd.Timedelta(days=1)
    feed.rows = feed.rows[feed.rows["at"] < end]
    assert changes(now=day, until=end) == []
    assert changes(now=day + pd.Timedelta(days=1), until=end), "a whole day without rows is one"


def test_a_fault_is_told_until_it_is_accepted_by_place_and_day(feed):
    after = feed.rows["at"] >= pd.Timestamp(FAULT, tz="UTC")
    feed.rows["temperature"] = feed.rows["temperature"].mask(after, 32 + 1.8 * feed.rows["temperature"])
    (one,) = changes()
    assert (one.place, one.since, one.accepted) == ("readings.temperature", FAULT, None)
    assert len(one.days) == len(one.values)
    right = {"change": "readings.temperature", "since": FAULT, "reason": "new sensors"}
    with_it = right | {"change": "readings.humidity"}
    assert one.others == ["humidity"]
    assert [(each.place, each.accepted) for each in changes([right])] == [
        ("readings.humidity", None),  # was told with it, and is not explained
        ("readings.temperature", "new sensors"),
    ]
    assert {each.accepted for each in changes([right, with_it])} == {"new sensors"}
    assert [each.accepted for each in changes([with_it])] == [None]
    assert [each.accepted for each in changes([right | {"since": "2024-05-10"}, with_it])] == [None]


def test_days_that_trained_the_champion_and_read_differently_now_are_named(feed):
    week = (feed.rows["at"] >= "2024-02-05") & (feed.rows["at"] < "2024-02-12")
    feed.rows.loc[week, "humidity"] += 1
    (one,) = changes()
    assert (one.place, one.since) == ("readings.humidity", "2024-02-05")
    assert one.after == "others on 7 days"
    week_ago = {"change": "readings.humidity", "since": "2024-02-05", "reason": "the owner mended the week"}
    assert [each.accepted for each in changes([week_ago])] == ["the owner mended the week"]


def test_of_history_that_is_rewritten_one_column_that_is_accepted_explains_no_other(feed):
    week = (feed.rows["at"] >= "2024-02-05") & (feed.rows["at"] < "2024-02-12")
    feed.rows.loc[week, ["humidity", "temperature"]] += 1
    (one,) = changes()
    last = one.others[0]
    told = {"change": one.place, "since": "2024-02-05", "reason": "the owner mended it"}
    left, accepted = changes([told])
    assert (left.place, left.accepted) == (f"readings.{last}", None)
    assert (accepted.place, accepted.accepted) == (one.place, "the owner mended it")


def test_of_days_that_lost_rows_the_rows_are_named_and_not_each_column(feed):
    week = (feed.rows["at"] >= "2024-02-05") & (feed.rows["at"] < "2024-02-12")
    feed.rows = feed.rows[~week | (feed.rows["station"] != "west")]
    (one,) = changes()
    assert (one.place, one.after, one.others) == ("readings", "others on 7 days", [])


def test_where_another_code_reads_the_feed_history_is_not_compared(feed, monkeypatch):
    feed.rows["humidity"] += 1
    monkeypatch.setattr(feed_faults, "git", lambda *_: "src/problem/source.py")
    assert changes() == []
