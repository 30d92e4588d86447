"""A clone without `origin`: releases go to its own branch, so that all of it can be tried on a laptop."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from conftest import ROOT
from loop.base.errors import LoopError
from loop.production import branch
from loop.production import state as production
from loop.release import record
from production.test_branch import git
from support.states import NOW

CARD = json.loads((ROOT / "models/card.json").read_text())


@pytest.fixture
def trial(clone: Path, monkeypatch) -> Path:
    """A clone that has lost its origin, with what the pipeline leaves."""
    git("remote", "remove", "origin")
    monkeypatch.setattr("loop.rollout.follow.follow", lambda _: None)
    for name in ("deploy", "models"):
        (clone / name).mkdir()
    for name in ("deploy/policy.yaml", "params.yaml", "bentofile.yaml", "models/card.md"):
        (clone / name).write_text((ROOT / name).read_text())
    return clone


def model(digit: str) -> None:
    """A commit on main whose model has this digit for a hash."""
    sha256 = digit * 64
    lock = {
        "stages": {"train": {"cmd": "train", "outs": [{"path": "models/model.skops", "md5": digit * 32}]}}
    }
    Path("models/lineage.json").write_text(json.dumps({"model": {"sha256": sha256}}))
    Path("models/card.json").write_text(json.dumps(CARD | {"model": CARD["model"] | {"sha256": sha256}}))
    Path("dvc.lock").write_text(yaml.safe_dump(lock))
    git("add", "--all")
    git("commit", "--quiet", "-m", f"model {digit}")


def released(at: pd.Timestamp = NOW) -> production.State:
    """The state after `loop release record`."""
    assert record.main("", at) == 0
    return branch.fetch().state


def test_the_first_version_is_champion_and_the_next_one_enters_the_rollout(trial):
    model("1")
    assert released().champion.version == 1
    model("2")
    state = released()
    assert (state.champion.version, state.challenger.version) == (1, 2)
    assert state.challenger.stage.name == "shadow"


def test_a_version_says_that_nobody_has_judged_it_and_that_no_image_was_made(trial, capsys):
    model("1")
    released()
    made = branch.fetch().version(1)
    assert (made.verdict, made.approver, made.pull, made.image) == ("not judged", None, None, None)
    assert "approved by nobody" in capsys.readouterr().out


def test_the_same_commit_twice_changes_nothing(trial):
    model("1")
    released()
    before = git("rev-parse", "production")
    released()
    assert git("rev-parse", "production") == before


def test_a_card_that_is_incomplete_is_refused_here_too(trial):
    model("1")
    card = json.loads(Path("models/card.json").read_text())
    Path("models/card.json").write_text(json.dumps(card | {"owner": ""}))
    git("commit", "--quiet", "-am", "no owner")
    with pytest.raises(LoopError, match="owner"):
        released()
    assert branch.fetch().commit is None


def test_with_staging_a_version_waits_there_and_the_next_one_takes_its_place(trial):
    (trial / "deploy/environments.yaml").write_text("chain: [staging, production]\n")
    model("1")
    assert released().champion.version == 1  # there is no log yet that could be replayed
    model("2")
    assert released().challenger is None
    staged = branch.fetch("staging")
    assert (staged.state.champion.version, staged.state.challenger.version) == (1, 2)
    assert staged.version(1) == branch.fetch().version(1)
    assert released() == branch.fetch().state  # again: it is there
    assert branch.fetch("staging").commit == staged.commit
    model("3")
    assert released().challenger is None
    assert branch.fetch("staging").state.challenger.version == 3
    notes = record.notes(branch.fetch(), branch.fetch("staging").version(3))
    assert "staging → production: the same commit, model and image in each." in notes
