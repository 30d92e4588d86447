"""The champion of a review is main's model, until production went back to another."""

import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from loop.production import branch, transitions
from loop.production.rollout_policy import POLICY, read
from loop.production.state import Version
from loop.review import which_champion
from loop.review.base import resolve

NOW = pd.Timestamp("2026-01-05", tz="UTC")


@pytest.fixture
def versions(tmp_path: Path, monkeypatch) -> list[Version]:
    """Two versions on main, the second newer, in a repository that is the working directory."""
    policy = Path(POLICY).read_text()
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet", "--initial-branch=main")
    git("config", "user.name", "t")
    git("config", "user.email", "t@t")
    for path in ("deploy", "models"):
        Path(path).mkdir()
    Path(POLICY).write_text(policy)
    return [release(number) for number in (1, 2)]


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def release(number: int) -> Version:
    """A commit on main with a model of its own."""
    Path("models/lineage.json").write_text(json.dumps({"model": {"sha256": f"{number:064x}"}}))
    git("add", "--all")
    git("commit", "--quiet", "-m", f"model {number}")
    return Version(
        version=number,
        commit=git("rev-parse", "HEAD"),
        model=f"{number:064x}",
        image=None,
        released=NOW,
        lock="0" * 64,
        data={},
        verdict="better",
        pull=None,
        author=None,
        approver=None,
    )


def put(*releases: Version, back_to: Version | None = None) -> None:
    """Release versions straight to champion, then go back if asked to."""
    policy = read().model_copy(update={"stages": []})
    for one in releases:
        branch.change(
            lambda now, one=one: (transitions.enter(now.state, one, policy, NOW), "Release", one),
            lambda _: {},
        )
    if back_to:
        branch.change(
            lambda now: (transitions.back(now.state, back_to, "it hurts", NOW), "Back", None), lambda _: {}
        )


def test_before_anything_was_released_it_is_mains(versions):
    assert which_champion.champion(resolve("main")) == (resolve("main"), [])


def test_while_main_serves_it_is_mains(versions):
    put(*versions)
    assert which_champion.champion(resolve("main")) == (resolve("main"), [])


def test_while_mains_model_is_on_its_way_it_is_mains(versions):
    policy = read()
    put(versions[0])
    branch.change(
        lambda now: (transitions.enter(now.state, versions[1], policy, NOW), "Release", versions[1]),
        lambda _: {},
    )
    assert which_champion.champion(resolve("main")) == (resolve("main"), [])


def test_after_a_rollback_it_is_the_model_that_serves_and_both_are_named(versions):
    put(*versions, back_to=versions[0])
    found, (note,) = which_champion.champion(resolve("main"))
    assert found.commit == versions[0].commit
    assert found.name == "version 1"
    assert "against version 1" in note
    assert "not against version 2, which main holds" in note
    assert "2026-01-05, it hurts" in note


def test_once_the_refused_change_is_reverted_on_main_it_is_mains_again(versions):
    put(*versions, back_to=versions[0])
    git("revert", "--no-edit", "HEAD")
    assert which_champion.champion(resolve("main")) == (resolve("main"), [])


def test_once_main_went_on_to_another_model_it_is_mains_again(versions):
    put(*versions, back_to=versions[0])
    release(3)
    assert which_champion.champion(resolve("main")) == (resolve("main"), [])


def test_a_base_without_a_lineage_is_its_own(versions):
    put(*versions, back_to=versions[0])
    git("rm", "--quiet", "models/lineage.json")
    git("commit", "--quiet", "-m", "no model")
    assert which_champion.champion(resolve("main"))[1] == []
