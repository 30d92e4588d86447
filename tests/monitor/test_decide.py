"""One word from what was seen: what outranks what, who waits for how long, and why."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st

from loop.base import exit_codes
from loop.monitor.decide import NEXT, Case, asks, cooling, decide, due, suspects
from loop.monitor.schema import Gain
from loop.monitor.signals.series import Series
from support.monitor_case import NOW, settings

TRAINED = NOW - pd.Timedelta(days=21)  # so that no check-up falls on NOW
RUNS = ["2013-06-10", "2013-06-17", "2013-06-24", "2013-07-01"]
SETTINGS = settings(retrain__check_up_days=28)  # told by 2 of the last 3 runs; 28 days of cool-down
DRIFTED, QUIET = [0, 0, 1, 1], [0, 0, 0, 0]


def series(alarm, name="loss") -> Series:
    alarms = np.array(alarm, bool)
    return Series("concept", name, f"the {name}", alarms * 1.0, alarms)


def case(*alarms, **changed) -> Case:
    watched = [series(alarm, f"s{place}") for place, alarm in enumerate(alarms or [QUIET])]
    made = Case(
        breaches=[], rows=20_000, labels=20_000, series=watched, constant=[], breached=[],
        changes=[], changed=None, attempts=[],
        trained=TRAINED, now=NOW,
    )  # fmt: skip
    return replace(made, **changed)


def gain(low: float) -> Gain:
    return Gain(
        value=low + 0.01, low=low, high=low + 0.02, confidence=0.9, rows=20_000,
        train_from="2013-01-01", train_until="2013-06-01", champion=0.45, challenger=0.44,
    )  # fmt: skip


def decision(found: Case, gained: Gain | str = "") -> str:
    return decide(found, gained if asks(found, SETTINGS) else "", RUNS, SETTINGS).decision


HURTS, NO_IMPORTANCE = gain(0.001), gain(-0.001)


@pytest.mark.parametrize(
    ("found", "gained", "expected"),
    [
        (case(QUIET), "", "nothing"),
        (case(QUIET), HURTS, "nothing"),
        (case(DRIFTED), HURTS, "retrain"),
        (case(DRIFTED, changes=["weather"]), HURTS, "suspected feed fault"),
        (case(QUIET, changes=["weather"]), "", "suspected feed fault"),
        (case(QUIET, changes=["weather"], constant=["wind"]), "", "alert"),
        (case(DRIFTED), NO_IMPORTANCE, "warning"),
        (case(DRIFTED), gain(0.0), "warning"),
        (case(DRIFTED), "", "warning"),
        (case(DRIFTED, attempts=["2013-06-20"]), HURTS, "warning"),
        (case(QUIET, breached=["AUC is bad"]), "", "alert"),
        (case(DRIFTED, breached=["AUC is bad"]), HURTS, "alert"),
        (case(QUIET, constant=["wind"]), "", "alert"),
        (case(DRIFTED, constant=["wind"], attempts=["2013-06-20"]), HURTS, "alert"),
        (case(DRIFTED, rows=5, constant=["wind"], breached=["AUC is bad"]), HURTS, "no data"),
        (case(QUIET, rows=0), "", "no data"),
        (
            case(DRIFTED, breaches=["weather"], rows=0, constant=["wind"], breached=["AUC is bad"]),
            HURTS,
            "broken feed",
        ),
        (replace(case(), series=[], breaches=["weather", "orders"], rows=0), "", "broken feed"),
        (replace(case(), series=[]), "", "nothing"),
    ],
)
def test_what_comes_first_rules(found, gained, expected):
    assert decision(found, gained) == expected


def test_labels_that_do_not_come_are_missed_in_a_window_that_is_named():
    found = decide(case(labels=3, judged="the 28 days 2012-06-02 until 2012-06-30"), "", RUNS, SETTINGS)
    assert found.reason.startswith("3 labels of the 28 days 2012-06-02 until 2012-06-30, which must have")


def test_every_decision_says_what_to_do_and_has_an_exit_code():
    assert NEXT.keys() == exit_codes.MONITOR.keys()
    assert len({exit_codes.MONITOR[one] for one in ("nothing", "alert", "broken feed", "no data")}) == 4


@pytest.mark.parametrize(
    ("alarm", "confirmed"),
    [
        ([0, 0, 0, 1], False),  # one run alone
        ([0, 0, 1, 1], True),
        ([0, 1, 0, 1], True),
        ([1, 0, 0, 1], False),  # the other is too old
        ([1, 1, 1, 0], False),  # the newest does not see it
        ([1, 1, 1, 1], True),
    ],
)
def test_an_alarm_counts_when_two_of_the_last_three_runs_alarm_the_newest_among_them(alarm, confirmed):
    assert suspects(case(alarm), SETTINGS) is confirmed
    assert (decision(case(alarm), HURTS) == "retrain") is confirmed


def test_fewer_looks_than_are_asked_for_tell_what_they_can():
    assert not suspects(case([1]), SETTINGS)
    assert suspects(case([1, 1]), SETTINGS)
    assert not suspects(case([]), SETTINGS)


def test_since_is_the_first_day_of_consecutive_runs_or_of_the_runs_that_count():
    assert decide(case(DRIFTED), HURTS, RUNS, SETTINGS).since == "2013-06-24"
    assert decide(case([0, 1, 0, 1]), HURTS, RUNS, SETTINGS).since == "2013-06-17"
    assert decide(case([1, 1, 1, 1]), HURTS, RUNS, SETTINGS).since == "2013-06-10"
    assert decide(case([1, 1, 1, 0], [0, 0, 0, 1]), HURTS, RUNS, SETTINGS).since == "2013-06-10"
    assert decide(case(QUIET), "", RUNS, SETTINGS).since is None


@pytest.mark.parametrize(
    ("attempts", "last"),
    [
        ([], None),
        (["2013-06-03"], None),  # 28 days ago
        (["2013-06-04"], "2013-06-04"),
        (["2013-07-01"], "2013-07-01"),
        (["2013-06-20", "2013-02-01"], "2013-06-20"),
        (["2013-07-02"], None),  # a run of another day says nothing of this one
        (["2013-06-20", "2013-07-02"], "2013-06-20"),
    ],
)
def test_after_a_retrain_there_is_none_for_28_days(attempts, last):
    assert cooling(case(attempts=attempts), SETTINGS) == last
    assert cooling(case(attempts=attempts, now=NOW + pd.Timedelta(hours=23)), SETTINGS) == last


def test_without_a_cool_down_only_the_drift_decides():
    eager = settings(retrain__cool_down_days=0)
    assert decide(case(DRIFTED, attempts=["2013-07-01"]), HURTS, RUNS, eager).decision == "retrain"


def month(days: int, *alarms, **changed) -> Case:
    """A case so many days after training."""
    return case(*alarms, trained=NOW - pd.Timedelta(days=days), **changed)


@pytest.mark.parametrize(
    ("days", "falls"), [(0, False), (27, False), (28, True), (34, True), (35, False), (55, False), (56, True)]
)
def test_every_four_weeks_a_run_is_a_check_up(days, falls):
    assert due(month(days), SETTINGS) is falls
    assert asks(month(days), SETTINGS) is falls
    assert decision(month(days), HURTS) == ("retrain" if falls else "nothing")
    assert decision(month(days), NO_IMPORTANCE) == "nothing"


def test_the_hour_at_which_a_schedule_starts_moves_no_check_up():
    trained = NOW - pd.Timedelta(days=28) + pd.Timedelta(minutes=37)
    assert due(case(trained=trained), SETTINGS)
    assert not due(case(trained=trained + pd.Timedelta(days=-7)), SETTINGS)


def test_labels_that_stop_coming_are_no_data():
    found = decide(case(QUIET, labels=0), "", RUNS, SETTINGS)
    assert found.decision == "no data"
    assert "labels" in found.reason


def test_a_check_up_that_would_gain_says_so_and_since_today():
    found = decide(month(28), HURTS, RUNS, SETTINGS)
    assert "check-up" in found.reason
    assert found.since == RUNS[-1]


@pytest.mark.parametrize(
    "changed",
    [
        {"breaches": ["x"]},
        {"rows": 5},
        {"constant": ["wind"]},
        {"breached": ["x"]},
        {"attempts": ["2013-06-20"]},
    ],
)
def test_no_fit_is_spent_where_its_gain_would_not_count(changed):
    assert asks(case(DRIFTED), SETTINGS)
    assert not asks(case(DRIFTED, **changed), SETTINGS)
    assert not asks(month(28, **changed), SETTINGS)


def test_the_reason_names_what_was_seen_and_counts_the_rest():
    alarms = decide(case(*[DRIFTED] * 5, QUIET), HURTS, RUNS, SETTINGS).reason
    assert "the s0, the s1, the s2 and 2 more" in alarms
    assert "+0.0110 [+0.0010, +0.0210]" in alarms
    assert "the s1" not in decide(case(DRIFTED, QUIET), HURTS, RUNS, SETTINGS).reason


def test_a_cause_is_what_enough_runs_confirm_and_else_what_took_turns():
    once = [0, 0, 0, 1]
    assert decide(case(DRIFTED, once), "", RUNS, SETTINGS).reason.startswith("the s0: beyond past windows")
    turns = decide(case([0, 0, 1, 0], once), "", RUNS, SETTINGS)
    assert turns.reason.startswith("in turn the s0, the s1: beyond past windows")
    assert turns.since == "2013-06-24"


def test_a_quiet_decision_says_whether_the_newest_run_alone_is_beyond():
    assert "within what past windows showed" in decide(case(QUIET), "", RUNS, SETTINGS).reason
    assert "within what past windows showed" in decide(case([1, 1, 1, 0]), "", RUNS, SETTINGS).reason
    assert "but not 2 of the last 3 runs" in decide(case([0, 0, 0, 1]), "", RUNS, SETTINGS).reason


@pytest.mark.parametrize(
    "why", ["a retrain has nothing new to learn from yet: x", "too few rows", "another model is on its way"]
)
def test_where_a_gain_cannot_be_told_the_reason_is_the_one_that_was_found(why):
    found = decide(case(DRIFTED), why, RUNS, SETTINGS)
    assert (found.decision, found.reason) == ("warning", f"the s0: beyond past windows; {why}")
    found = decide(month(28), why, RUNS, SETTINGS)
    assert found.decision == "nothing"
    assert found.reason.endswith(f"; at the check-up {why}")


def test_a_broken_rule_is_named_with_its_place_and_its_day():
    place = "weather.wind of origin JFK, since 2013-06-20"
    found = decide(case(breaches=[place], changed="2013-06-20"), "", RUNS, SETTINGS)
    assert found.reason == f"the newest rows break 1 rule of their contract: {place}"
    assert found.since == "2013-06-20"
    assert "3 rules " in decide(case(breaches=["a", "b", "c"]), "", RUNS, SETTINGS).reason


def test_where_the_loss_is_beyond_its_limit_no_decision_says_that_nothing_is_lost():
    lossy = replace(case(), series=[series(DRIFTED, "loss")])
    assert decision(lossy, NO_IMPORTANCE) == decision(replace(lossy, attempts=["2013-06-20"])) == "loss"
    assert decision(lossy, HURTS) == "retrain"
    assert decision(replace(lossy, series=[series(DRIFTED, "bias")]), NO_IMPORTANCE) == "warning"
    assert exit_codes.MONITOR["loss"] == exit_codes.MONITOR["alert"] != 0


def test_the_reason_of_a_suspected_fault_is_the_change_itself():
    found = decide(
        case(changes=["weather.wind, since 2013-06-12", "x"], changed="2013-06-12"), "", RUNS, SETTINGS
    )
    assert (found.since, found.reason) == (
        "2013-06-12",
        "the feed changed: weather.wind, since 2013-06-12; and 1 more change",
    )


def test_an_alert_names_the_change_of_the_feed_beside_it_and_sends_to_its_owner_first():
    change = "orders.adults, since 2013-06-12"
    found = decide(case(changes=[change], changed="2013-06-12", breached=["AUC is bad"]), "", RUNS, SETTINGS)
    assert (found.decision, found.since) == ("alert", "2013-06-12")
    assert found.reason == f"AUC is bad; the feed changed: {change}"
    assert found.todo.startswith("ask the owner of the feed")
    alone = decide(case(breached=["AUC is bad"]), "", RUNS, SETTINGS)
    assert alone.todo.startswith("decide now whether to go back")


ORDER = ["nothing", "warning", "retrain", "alert", "no data", "broken feed"]
alarm = st.lists(st.booleans(), min_size=4, max_size=4)


@tried(deadline=None)
@given(
    st.lists(alarm, min_size=1, max_size=4),
    st.lists(alarm, min_size=1, max_size=4),
    st.sampled_from(["", "why", HURTS, NO_IMPORTANCE]),
    st.booleans(),
    st.integers(0, 60),
)
def test_more_alarms_never_turn_a_decision_into_a_lesser_one(some, more, gained, tried_lately, days):
    attempts = ["2013-06-20"] * tried_lately
    before = decision(month(days, *some, attempts=attempts), gained)
    after = decision(month(days, *some, *more, attempts=attempts), gained)
    assert ORDER.index(after) >= ORDER.index(before)
