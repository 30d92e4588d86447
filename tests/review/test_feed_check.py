"""A change of the feed among new training rows is a check, until the base branch says that it is right."""

from dataclasses import replace

import pandas as pd
import pytest

from loop.data import feed_changes
from loop.data.told_change import Change
from loop.review import feed_check
from loop.settings import params
from loop.settings.params import Windows

CHANGE = Change(
    table="weather",
    column="temperature",
    group="station north",
    since="2024-06-10",
    what="the level",
    before="a median of 20",
    after="a median of 68",
    size=3.0,
    others=(),
)


def windows(train_until: str, holdout_until: str) -> Windows:
    values = {
        "since": "2024-01-01T00:00Z",
        "train": {"from": "2024-01-01T00:00Z", "until": f"{train_until}T00:00Z"},
        "holdout": {"from": f"{train_until}T00:00Z", "until": f"{holdout_until}T00:00Z"},
        "as_of": f"{holdout_until}T00:00Z",
    }
    return params.parse("windows", values, Windows)


CHAMPION, CANDIDATE = windows("2024-05-01", "2024-06-01"), windows("2024-07-01", "2024-08-01")


@pytest.fixture
def asked(monkeypatch) -> list[tuple]:
    """The questions to `feed_changes.find`, which finds one change."""
    questions: list[tuple] = []

    def find(_tables, *span, accepted):
        questions.append(span)
        by = feed_changes.explained(CHANGE, accepted)
        return [replace(CHANGE, accepted=by and by.reason)]

    monkeypatch.setattr(feed_check.files, "read_table", lambda _: pd.DataFrame())
    monkeypatch.setattr(feed_check.feed_tables, "tables", lambda *_: [])
    monkeypatch.setattr(feed_check.feed_changes, "find", find)
    return questions


def test_new_rows_that_train_or_judge_are_asked_from_the_end_of_what_judged_the_champion(asked):
    found = feed_check.changes(CHAMPION, CANDIDATE, {})
    assert asked == [(CANDIDATE.since, CHAMPION.holdout.until, CANDIDATE.holdout.until)]
    check = feed_check.check(found)
    assert (check.result, check.figure) == ("inconclusive", 1.0)
    assert "weather.temperature of station north, since 2024-06-10" in check.finding


def test_the_line_of_the_check_names_the_first_changes_and_counts_the_others(asked):
    found = feed_check.changes(CHAMPION, CANDIDATE, {}) * 5
    finding = feed_check.check(found).finding
    assert finding.endswith("; and 2 more changes")
    assert len(finding) < 500  # what a line of the comment holds


def test_a_change_of_code_alone_asks_nothing(asked):
    assert feed_check.changes(CHAMPION, CHAMPION, {}) == []
    assert asked == []
    assert feed_check.check([]).result == "pass"


@pytest.mark.parametrize(
    ("change", "since", "explained"),
    [
        ("weather.temperature of station north", "2024-06-10", True),
        ("weather.temperature", "2024-06-12", True),
        ("weather.temperature", "2024-06-14", False),
        ("weather.temperature of station south", "2024-06-10", False),
        ("weather", "2024-06-10", False),
        ("weather.temperature", "no day", False),
    ],
)
@pytest.mark.usefixtures("asked")
def test_what_the_base_branch_accepted_passes_by_place_and_day(change, since, explained):
    base = {"monitor": {"accepted": [{"change": change, "since": since, "reason": "new sensors"}]}}
    found = feed_check.changes(CHAMPION, CANDIDATE, base)
    assert [one.accepted for one in found] == ["new sensors" if explained else None]
    assert feed_check.check(found).result == ("pass" if explained else "inconclusive")


@pytest.mark.parametrize("accepted", [None, [], ["x", {"change": 1}]])
@pytest.mark.usefixtures("asked")
def test_params_of_the_base_that_accept_nothing_are_no_error(accepted):
    for base in (None, {}, {"monitor": None}, {"monitor": {"accepted": accepted}}):
        assert [one.accepted for one in feed_check.changes(CHAMPION, CANDIDATE, base)] == [None]
