"""What `loop monitor` adds to a monitoring run: which model it is of, and whether another is on its way."""

import json
import subprocess
from types import SimpleNamespace

import pytest

from loop.monitor import monitor
from loop.monitor.inputs import champion_model
from loop.settings.paths import LINEAGE
from support.states import released, version

SERVES = SimpleNamespace(sha256="a" * 64)
OTHER = json.dumps({"model": {"sha256": "b" * 64}})


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def commit(lineage: str) -> str:
    """A commit of the branch that is checked out, with this text as its lineage."""
    LINEAGE.parent.mkdir(exist_ok=True)
    LINEAGE.write_text(lineage)
    git("add", "--all")
    git("commit", "--quiet", "-m", "a model")
    return git("rev-parse", "HEAD")


def test_the_model_is_that_of_the_champion_once_one_is_released(clone):
    released(version(1))
    assert champion_model.which() == ("version 1", version(1).commit)


def test_before_the_first_release_it_is_mains_whatever_branch_is_checked_out(clone):
    main = git("rev-parse", "HEAD")
    git("switch", "--quiet", "-c", "mine")
    commit(OTHER)
    assert champion_model.which() == ("origin/main", main)
    git("remote", "remove", "origin")
    assert champion_model.which() == ("main", main)


def test_without_a_main_it_is_that_of_the_commit_that_is_checked_out(clone):
    git("remote", "remove", "origin")
    git("branch", "--move", "trunk")
    assert champion_model.which() == ("trunk", git("rev-parse", "HEAD"))


def test_while_main_holds_a_model_that_does_not_serve_yet_no_retrain_is_proposed_beside_it(clone):
    commit(OTHER)
    git("push", "--quiet", "origin", "HEAD:main")
    (note,) = monitor._newer(SERVES)
    assert "b" * 12 in note


def test_what_this_tree_and_its_branch_hold_is_not_on_its_way(clone):
    git("switch", "--quiet", "-c", "mine")
    commit(OTHER)
    assert monitor._newer(SERVES) == []


@pytest.mark.parametrize("held", [json.dumps({"model": {"sha256": "a" * 64}}), "no JSON", "{}"])
def test_the_model_that_serves_or_none_is_no_news(clone, held):
    commit(held)
    git("push", "--quiet", "origin", "HEAD:main")
    assert monitor._newer(SERVES) == []
