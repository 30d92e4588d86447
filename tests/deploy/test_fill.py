"""The feature store of each version that runs, filled by its own code."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loop.base.errors import LoopError, UsageError
from loop.commands.command_line import app
from loop.deploy import fill
from loop.production import branch, transitions
from loop.repo.protocol import FILE
from loop.repo.worktree import Checkout
from production.test_branch import git
from support.states import NOW, STAGED, clone, version  # noqa: F401 - clone is a fixture

pytestmark = pytest.mark.slow  # worktrees

SAY = "import os, sys; print('{name}:', *sys.argv[1:], os.environ['LOOP_FEATURES'])"


def speaks(code: str) -> str:
    """A commit whose `loop` is this code; its hash."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps({"version": 2, "entries": {"loop": ["-c", code]}}))
    git("add", str(FILE))
    git("commit", "--quiet", "-m", "other code")
    git("push", "--quiet", "origin", "HEAD:main")
    return git("rev-parse", "HEAD")


def serve(*commits: str) -> None:
    """Versions of these commits: a champion, then a challenger who mirrors."""
    for number, commit in enumerate(commits, 1):
        one = version(number, commit=commit)
        branch.change(
            lambda now, one=one: (transitions.enter(now.state, one, STAGED, NOW), "Release", one),
            lambda _: {},
        )


@pytest.fixture
def elsewhere(clone, monkeypatch):  # noqa: F811
    """A clone that fills a store of another host's."""
    monkeypatch.setenv("LOOP_FEATURES", "redis://store:6379/0")
    monkeypatch.setenv("LOOP_ROLE", "shadow")  # no business of the version's
    return clone


def test_each_version_fills_by_its_own_code_as_of_the_same_instant(elsewhere, capfd):
    first, second = speaks(SAY.format(name="first")), speaks(SAY.format(name="second"))
    serve(first, second)
    fill.main("production", NOW)
    assert capfd.readouterr().out.splitlines() == [
        f"version 1, commit {first[:12]}",
        f"first: materialize --as-of {NOW:%Y-%m-%dT%H:%MZ} redis://store:6379/0",
        f"version 2, commit {second[:12]}",
        f"second: materialize --as-of {NOW:%Y-%m-%dT%H:%MZ} redis://store:6379/0",
    ]
    assert git("worktree", "list").count("\n") == 0


def test_a_version_reads_the_tables_that_dvc_keeps_here_and_is_left_as_it_was(elsewhere, capfd):
    """No commit holds them, so no worktree does."""
    for name, text in {
        "data/source/visits.csv.dvc": "outs: []",
        ".gitignore": "/data/source/visits.csv",
    }.items():
        (elsewhere / name).parent.mkdir(parents=True, exist_ok=True)
        (elsewhere / name).write_text(text)
    git("add", "data", ".gitignore")
    (elsewhere / "data/source/visits.csv").write_text("a table")
    reads = "import os, pathlib; print(pathlib.Path('data/source/visits.csv').read_text(), os.getcwd())"
    serve(speaks(reads))
    fill.main("production", NOW)
    assert capfd.readouterr().out.splitlines()[1].startswith("a table /")
    home = elsewhere.parent / "home"
    git("worktree", "add", "--quiet", str(home))
    with Checkout(home, Path("python"), None).lent():
        assert (home / "data/source/visits.csv").read_text() == "a table"
    assert not os.path.lexists(home / "data/source/visits.csv")
    assert (elsewhere / "data/source/visits.csv").read_text() == "a table"


def test_versions_of_one_commit_are_filled_once(elsewhere, capfd):
    commit = speaks(SAY.format(name="only"))
    serve(commit, commit)
    fill.main("production", NOW)
    assert capfd.readouterr().out.splitlines()[0] == f"version 1, version 2, commit {commit[:12]}"


def test_a_version_that_cannot_be_filled_is_named_and_the_others_are_filled(elsewhere, capfd):
    fault = "raise SystemExit('error: no source\\n  table visits')"
    first, second = speaks(fault), speaks(SAY.format(name="second"))
    serve(first, second)
    with pytest.raises(LoopError, match="`loop materialize` of version 1 failed: no source"):
        fill.main("production", NOW)
    told = capfd.readouterr()
    assert "second: materialize" in told.out
    assert "table visits" in told.err  # all that it said, for whoever has the log alone


@pytest.mark.parametrize("options", [["--environment", "staging"], ["--served", "--if-empty"]])
def test_what_says_nothing_of_the_versions_that_run_is_refused(options):
    done = CliRunner().invoke(app, ["materialize", *options])
    assert isinstance(done.exception, UsageError)
    assert "leave one of them out" in str(done.exception)
