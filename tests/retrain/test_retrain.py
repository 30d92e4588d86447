"""`loop retrain` on a laptop: what it acts on and what it refuses, and where the branch is kept."""

import json
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from typer.testing import CliRunner

from conftest import Repo, copy, copy_sources
from loop.base.errors import LoopError
from loop.commands.command_line import app
from loop.model import tracking
from loop.model.run_entries import Entries
from loop.monitor.inputs import past_retrains
from loop.repo.worktree import Checkout
from loop.retrain import challenger, retrain
from support import literal
from support.light import Light

pytestmark = pytest.mark.slow  # clones of a remote

NOW = pd.Timestamp(literal.NOW)


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Repo:
    """The sources as one commit; its results are those that git has."""
    return copy_sources(tmp_path_factory.mktemp("sources") / "repo")


@pytest.fixture
def laptop(sources, tmp_path, monkeypatch) -> Repo:
    """A repository without a remote, in which a monitoring run asked for a retrain; a light commit is one."""
    for name in [name for name in os.environ if name.startswith("GITHUB_")]:
        monkeypatch.delenv(name)
    repo = copy(sources, tmp_path / "repo")
    repo.light = Light(repo.path)
    literal.write(repo.path)
    monkeypatch.setattr(challenger, "make", repo.light.make)
    monkeypatch.chdir(repo.path)
    return repo


def branches(repo: Repo) -> list[str]:
    return repo.git("for-each-ref", "--format=%(refname:short)", "refs/heads/retrain/").split()


def test_it_is_kept_as_a_branch_named_by_its_day_with_the_next_command(laptop, capfd):
    laptop.git("branch", "--move", "main", "release/2.x")
    assert retrain.main(None, proposed=False) == 0
    assert branches(laptop) == ["retrain/2013-09-02"]
    output = capfd.readouterr().out
    assert "in a worktree of release/2.x\n" in output
    assert "git switch release/2.x && git merge retrain/2013-09-02" in output


def test_with_a_remote_the_next_commands_push_it_and_open_its_pull_request(laptop, tmp_path, capfd):
    laptop.git("clone", "--quiet", "--bare", ".", str(tmp_path / "origin.git"))
    laptop.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    retrain.main(None, proposed=False)
    output = capfd.readouterr().out
    assert "git push origin retrain/2013-09-02" in output
    assert "gh pr create --base main --head retrain/2013-09-02 --label retrain" in output


def test_a_refused_one_is_kept_by_a_name_that_the_cool_down_remembers(laptop, capfd):
    laptop.light.verdict = "worse"
    assert retrain.main(None, proposed=False) == 0
    assert branches(laptop) == ["retrain/2013-09-02-refused"]
    assert "not to be proposed" in capfd.readouterr().out
    assert [one.outcome for one in past_retrains.attempts(NOW)] == ["refused"]


def test_a_day_is_the_instant_at_which_it_starts(laptop):
    assert CliRunner().invoke(app, ["retrain", "--now", "2013-09-02"]).exit_code == 0
    assert branches(laptop) == ["retrain/2013-09-02"]
    refused = CliRunner().invoke(app, ["retrain", "--now", "2013-09-09"]).exception
    assert refused.todo == "`loop monitor --now 2013-09-09T00:00Z`"


@pytest.mark.parametrize("verdict", ["better", "worse"])
def test_the_same_is_not_made_twice(laptop, verdict, capfd):
    laptop.light.verdict = verdict
    for _ in range(2):
        assert retrain.main(None, proposed=False) == 0
    assert laptop.light.made == 1
    assert "nothing to do" in capfd.readouterr().out


def test_it_starts_from_main_whatever_is_checked_out(laptop):
    laptop.commit("elsewhere")
    retrain.main(None, proposed=False)
    assert laptop.git("rev-parse", "retrain/2013-09-02^") == laptop.git("rev-parse", "main")


@pytest.mark.parametrize(
    ("prepare", "now", "message"),
    [
        (lambda repo: (repo.path / "monitor/finding.json").unlink(), None, "finding.json is missing"),
        (
            lambda repo: (repo.path / "monitor/finding.json").write_text("{}"),
            None,
            "is no finding: `.*` is missing, expected",
        ),
        (
            lambda repo: (repo.path / "monitor/finding.json").write_text("{"),
            None,
            "no JSON, expected",
        ),
        (lambda repo: literal.write(repo.path, schema_version=1), None, "is of another version of loop"),
        (lambda _: None, NOW + pd.Timedelta(days=7), "is of 2013-09-02T00:00Z"),
        (lambda repo: repo.git("branch", "retrain"), None, "a branch is called retrain"),
        (lambda repo: literal.write(repo.path, now="2013-05-20T00:00Z"), None, "trained until 2013-05-01"),
        (
            lambda repo: [repo.git("branch", *one) for one in (("--move", "trunk"), ("other",))],
            None,
            "there is no branch main",
        ),
    ],
    ids=[
        "no finding",
        "a broken one",
        "another schema",
        "an older version",
        "another instant",
        "no room",
        "no newer rows",
        "no main",
    ],
)
def test_what_cannot_be_acted_on_says_what_to_do_and_changes_nothing(laptop, prepare, now, message):
    prepare(laptop)
    before = laptop.git("for-each-ref")
    with pytest.raises(LoopError, match=message) as caught:
        retrain.main(now, proposed=False)
    assert caught.value.todo
    assert laptop.git("for-each-ref") == before


def test_a_finding_about_another_model_than_mains_is_stale(laptop):
    (laptop.path / "monitor/finding.json").write_text(json.dumps(literal.finding("f" * 64)))
    with pytest.raises(LoopError, match="main's champion is"):
        retrain.main(None, proposed=False)


def test_a_pull_request_is_opened_in_a_workflow_alone(laptop):
    with pytest.raises(LoopError, match="not in a workflow"):
        retrain.main(None, proposed=True)


def test_a_pipeline_that_fails_leaves_no_branch_and_no_worktree(laptop, monkeypatch):
    monkeypatch.undo()
    monkeypatch.chdir(laptop.path)
    laptop.append("params.yaml", "a_typo: 1\n")
    laptop.commit()
    with pytest.raises(LoopError, match=r"does not run on the new windows: .*a_typo"):
        retrain.main(None, proposed=False)
    assert branches(laptop) == []
    assert len(laptop.git("worktree", "list").split("\n")) == 1


def test_the_run_of_a_worktree_is_left_beside_its_review_and_logged_from_there(
    empty_runs, tracker, tmp_path, monkeypatch
):
    home, model = Checkout(tmp_path / "home", Path(sys.executable), None), "ab" * 32
    monkeypatch.setattr(challenger, "Commit", lambda _: SimpleNamespace(model=lambda: model))
    (home.path / "review").mkdir(parents=True)
    challenger._leave_run(home, "c" * 40, "better")
    assert not list((home.path / "review").iterdir()), "nothing was trained: it came from a cache"
    shutil.copy(empty_runs, home.path / "mlflow.db")
    with monkeypatch.context() as there:
        there.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{home.path}/mlflow.db")
        tracking.record(model, Entries(metrics={"loss": 0.5}), start=True)
    challenger._leave_run(home, "c" * 40, "better")
    shutil.copytree(home.path / "review", challenger.REPORTS)
    verdict = challenger.Verdict(schema_version=2, verdict="better", sentence="")
    challenger.keep_run(challenger.Challenger("c" * 40, None, verdict, ""), pull_request="7", review=None)
    (run,) = tracker.search_runs([tracker.get_experiment_by_name("loop").experiment_id])
    tags = run.data.tags
    assert (tags["verdict"], tags["review_of"], tags["pull_request"]) == ("better", "c" * 40, "7")
    assert run.data.metrics == {"loss": 0.5}
