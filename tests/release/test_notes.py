"""Release notes name an owner, the known limits, and the way back; what others wrote is only words."""

import json

import pytest

from loop.production import branch, transitions
from loop.release import record
from loop.repo import remote
from loop.settings.paths import CARD, CARD_JSON, PARAMS, PIPELINE_LOCK
from support.states import NOW, STAGED, clone, released, version  # noqa: F401 - clone is a fixture
from support.template import Home

HOSTILE = "@team <img src=x> [a](http://b)"


@pytest.fixture
def commits(clone):  # noqa: F811
    """Two commits of main with a card; the second's owner and limits are hostile."""
    home = Home.__new__(Home)
    home.path = clone
    found = []
    for owner in ("the owners", HOSTILE):
        card = {"owner": owner, "limits": [f"a limit of {owner}"], "metrics": {}, "data": {}}
        files = {
            str(CARD_JSON): json.dumps(card),
            str(CARD): "# The card\n",
            str(PARAMS): f"a: {len(found)}\n",
            str(PIPELINE_LOCK): "stages: {}\n",
        }
        found.append(home.commit(files))
    return found


@pytest.fixture
def notes(commits, monkeypatch):
    monkeypatch.setattr(record, "contents", contents)
    monkeypatch.setattr(remote, "address", lambda: "https://github.com/o/r")
    made = [version(number, commit=commit) for number, commit in enumerate(commits, 1)]
    released(*made)
    return lambda number: record.notes(branch.fetch(), made[number - 1])


def contents(commit: str) -> record.Contents:
    card = json.loads(record.Commit(commit).text(CARD_JSON))
    return record.Contents(card, {}, {}, {})


def test_the_first_version_has_an_owner_and_no_way_back(notes):
    text = notes(1)
    assert "**Owner**: the owners" in text
    assert "- a limit of the owners" in text
    assert "there is no earlier version" in text
    assert "the challenger" not in text
    assert "https://github.com/o/r/pull/7" in text


def test_a_challenger_can_be_taken_back_and_a_champion_replaced_by_the_one_before(notes, commits):
    text = notes(2)
    assert '`loop rollout abort --reason "..."`' in text
    assert '`loop rollback --to 1 --reason "..."`' in text
    assert f"Version 1 (commit `{commits[0][:12]}`" in text
    assert "That undoes the model" in text
    assert f"https://github.com/o/r/blob/{commits[1]}/models/card.md" in text
    assert "<img" not in text
    assert "@team" not in text


def test_the_way_back_skips_a_version_that_was_taken_back(notes):
    branch.change(
        lambda now: (transitions.abort(now.state, "late", NOW), "Abort version 2", None), lambda _: {}
    )
    released(version(3))
    assert '`loop rollback --to 1 --reason "..."`' in notes(2)
