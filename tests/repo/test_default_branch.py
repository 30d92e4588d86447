"""The default branch may have any name: who says which."""

import ast
import json
import re

import pytest

from conftest import ROOT, Repo
from loop.repo import default_branch, remote
from loop.repo.git import git
from loop.settings.paths import BEGUN


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone of a repository whose default branch is `trunk`, and which has a `main` as well."""
    for name in ("GITHUB_ACTIONS", "GITHUB_EVENT_PATH", "GITHUB_EVENT_NAME", "GITHUB_REF_NAME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "there").mkdir()
    there = Repo(tmp_path / "there")
    there.git("init", "--quiet", "--initial-branch=trunk")
    (there.path / "a").write_text("a")
    there.commit()
    there.git("branch", "main")
    there.git("branch", "production")
    there.git("clone", "--quiet", str(there.path), str(tmp_path / "here"))
    monkeypatch.chdir(tmp_path / "here")
    return Repo(tmp_path / "here")


def test_a_clone_knows_it_by_the_head_of_origin(clone):
    assert (default_branch.name(), remote.main_ref()) == ("trunk", "refs/remotes/origin/trunk")


def test_a_main_from_before_the_problem_began_is_not_its_own(clone):
    (clone.path / BEGUN).write_text("{}")
    clone.commit()
    assert remote.main_ref() == "refs/heads/trunk"
    clone.git("switch", "--quiet", "--create", "work")
    clone.git("branch", "--quiet", "--delete", "--force", "trunk")
    assert remote.main_ref() is None


def test_fetching_brings_what_origin_has_there(clone, tmp_path):
    there = Repo(tmp_path / "there")
    (there.path / "b").write_text("b")
    there.commit()
    remote.fetch_main()
    assert git("rev-parse", "refs/remotes/origin/trunk") == there.git("rev-parse", "trunk")


@pytest.mark.parametrize(
    ("event", "more", "name"),
    [
        ({"repository": {"default_branch": "develop"}}, {}, "develop"),
        (
            {"schedule": "1 1 * * 1"},
            {"GITHUB_EVENT_NAME": "schedule", "GITHUB_REF_NAME": "develop"},
            "develop",
        ),
        ({}, {"GITHUB_EVENT_NAME": "push", "GITHUB_REF_NAME": "a-change"}, "trunk"),
        ("no event", {}, "trunk"),
    ],
)
def test_a_workflow_knows_it_by_its_event(clone, tmp_path, monkeypatch, event, more, name):
    (tmp_path / "event.json").write_text(json.dumps(event))
    for key, value in {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        **more,
    }.items():
        monkeypatch.setenv(key, value)
    assert default_branch.name() == name


@pytest.mark.parametrize(
    ("branches", "name"),
    [
        (["master"], "master"),
        (["main", "a"], "main"),
        (["trunk", "production"], "trunk"),
        (["a", "b"], "main"),
    ],
)
def test_without_origin_the_branches_say_it(tmp_path, monkeypatch, branches, name):
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    repo = Repo(tmp_path)
    repo.git("init", "--quiet", f"--initial-branch={branches[0]}")
    (tmp_path / "a").write_text("a")
    repo.commit()
    for other in branches[1:]:
        repo.git("branch", other)
    monkeypatch.chdir(tmp_path)
    assert default_branch.name() == name


def test_no_code_but_this_module_holds_its_name():
    wrong = re.compile(
        r"^(main|master)$|(origin|heads|blob)/(main|master)\b|(--base|(?<!new_name)=)(main|master)\b"
    )
    found = {
        str(path.relative_to(ROOT))
        for path in ROOT.glob("src/loop/**/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and wrong.search(node.value)
    }
    assert found == {"src/loop/repo/default_branch.py", "src/loop/replay/scratch.py"}  # a branch of its own
