"""A checkout is there while it is needed, and gone after, whatever happened in between."""

import sys
import time
from pathlib import Path

import pytest

from conftest import Repo
from loop.base.errors import LoopError
from loop.repo.git import git
from loop.repo.worktree import Checkout, checkout


@pytest.fixture
def repo(tmp_path, monkeypatch) -> Repo:
    """A repository of two commits, and temporary files of its own."""
    path, temporary = tmp_path / "repo", tmp_path / "tmp"
    path.mkdir()
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    repo = Repo(path)
    repo.git("init", "--quiet", "--initial-branch=main")
    for text in ("old", "new"):
        (path / "file").write_text(text)
        repo.commit()
    return repo


def left(repo: Repo) -> list[str]:
    """What is left of a checkout: folders, and worktrees that git knows."""
    folders = [str(path) for path in (repo.path.parent / "tmp").iterdir()]
    return folders + repo.git("worktree", "list").splitlines()[1:]


def test_it_holds_the_files_of_its_commit_and_is_gone_after(repo):
    with checkout(git("rev-parse", "HEAD~1", cwd=repo.path), repo.path) as home:
        assert (home.path / "file").read_text() == "old"
        assert home.python == Path(sys.executable)
        assert left(repo)
    assert not left(repo)
    assert repo.text("file") == "new"


def test_it_is_gone_after_an_error_too(repo):
    with pytest.raises(RuntimeError, match="in the middle"), checkout("HEAD", repo.path):
        raise RuntimeError("in the middle")
    assert not left(repo)


def test_a_commit_that_is_not_there_leaves_nothing(repo):
    with pytest.raises(LoopError, match="git failed"), checkout("f" * 40, repo.path):
        pass
    assert not left(repo)


def test_hooks_do_not_run(repo):
    hook = repo.path / ".git/hooks/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {repo.path}/ran\n")
    hook.chmod(0o755)
    with checkout("HEAD", repo.path):
        assert not (repo.path / "ran").exists()


def test_within_a_hook_the_commit_being_made_stays_as_it_is(repo, monkeypatch):
    """Git tells a hook by a variable which index it is filling: a worktree made there would fill it too."""
    index = repo.path / ".git/index"
    before = index.read_bytes()
    monkeypatch.setenv("GIT_INDEX_FILE", str(index))
    with checkout("HEAD~1", repo.path) as home:
        assert (home.path / "file").read_text() == "old"
    assert index.read_bytes() == before


def test_what_still_runs_there_is_ended(repo):
    with checkout("HEAD", repo.path) as home:
        home.run("sh", "-c", "sleep 300 > /dev/null 2>&1 & echo $! > pid")
        pid = int((home.path / "pid").read_text())
    end = time.monotonic() + 120
    while Path(f"/proc/{pid}").exists() and "sleep" in Path(f"/proc/{pid}/cmdline").read_text():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_command_that_fails_is_reported_by_its_own_error(repo):
    with checkout("HEAD", repo.path) as home:
        command = "echo noise; echo 'error: no disk' >&2; echo '  to do: buy one'; exit 3"
        with pytest.raises(LoopError, match="failed: no disk"):
            home.run("sh", "-c", command)
        with pytest.raises(LoopError, match="it said nothing"):
            home.run("false")


def test_its_work_sees_no_secret_tracker_and_no_git_of_another(monkeypatch):
    for name in ("MLFLOW_TRACKING_URI", "GIT_DIR", "LOOP_DEBUG", "VIRTUAL_ENV"):
        monkeypatch.setenv(name, "somewhere")
    found = Checkout(Path("/there"), Path("/venv/bin/python"), None).environment()
    assert not {"MLFLOW_TRACKING_URI", "GIT_DIR", "LOOP_DEBUG", "VIRTUAL_ENV"} & found.keys()
    assert found["PYTHONPATH"] == "/there/src"
    assert found["PATH"].startswith("/venv/bin:")


def test_its_work_is_not_steered_by_a_shell_and_writes_no_bytecode_where_its_files_are_held(monkeypatch):
    steering = {"PYTHONPYCACHEPREFIX", "PYTHONHOME", "PYTHONOPTIMIZE", "PYTHONINSPECT", "BENTOML_CONFIG"}
    for name in steering | {"PYTHONUTF8"}:
        monkeypatch.setenv(name, "1")
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    for held in (True, False):
        found = Checkout(Path("/there"), Path("/venv/bin/python"), None, held=held).environment()
        assert not steering & found.keys()
        assert found["PYTHONUTF8"] == "1"
        assert ("PYTHONDONTWRITEBYTECODE" in found) is held


def test_its_work_inherits_no_token_of_a_workflow(repo, monkeypatch):
    for name in ("GITHUB_TOKEN", "GITHUB_OUTPUT", "ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"):
        monkeypatch.setenv(name, "secret")
    with checkout("HEAD", repo.path) as home:
        home.run("sh", "-c", "env > seen")
        assert "secret" not in (home.path / "seen").read_text()


def test_a_model_that_cannot_be_asked_says_so(repo):
    refused = pytest.raises(LoopError, match="the model could not be asked")
    with checkout("HEAD", repo.path) as home, home.scorer() as scorer, refused:
        scorer.ask(time="nothing", rows=1)
