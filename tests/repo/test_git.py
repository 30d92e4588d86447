"""What git could not do is one message; a lock is named by its file: only a person knows whose it is."""

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from dulwich.errors import ChecksumMismatch
from dulwich.ignore import IgnoreFilterManager
from dulwich.repo import Repo

from loop import stage
from loop.base.errors import LoopError
from loop.repo import git, remote


@pytest.fixture
def place(tmp_path):
    for part in ("init -q", "config user.name a", "config user.email a@b", "commit -q --allow-empty -m one"):
        git.git(*part.split(), cwd=tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("lock", "call"),
    [
        ("index.lock", ("add", "--all")),
        ("HEAD.lock", ("commit", "--quiet", "--allow-empty", "--message=two")),
        ("refs/heads/here.lock", ("update-ref", "refs/heads/here", "HEAD")),
    ],
)
def test_a_lock_that_a_killed_git_left_is_named_with_the_way_out(place, lock, call):
    path = place / ".git" / lock
    path.touch()
    (place / "a").touch()
    with pytest.raises(git.LockedError) as caught:
        git.git(*call, cwd=place)
    held = Path(caught.value.found.removeprefix("git is locked by "))
    assert (place / held).samefile(path)
    assert "if no git is at work, `rm " in caught.value.todo


@pytest.mark.parametrize(("workflow", "name"), [("", "ada"), ("true", remote.BOT[0])])
def test_who_has_no_name_in_git_commits_by_the_machines_and_only_a_workflow_as_the_bot(
    place, monkeypatch, workflow, name
):
    monkeypatch.chdir(place)
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    monkeypatch.setenv("GITHUB_ACTIONS", workflow)
    for setting in ("user.name", "user.email"):
        git.git("config", setting, "")  # which git refuses
    for variable in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(variable, raising=False)
    assert remote.identity()["GIT_AUTHOR_NAME"] == remote.committer()[0] == name


def test_who_names_themselves_to_git_is_on_record_in_a_workflow_too(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ada@example.com")
    assert (remote.identity(), remote.committer()) == ({}, ("Ada", "ada@example.com"))
    monkeypatch.delenv("GIT_AUTHOR_NAME")
    assert remote.identity() == {"GIT_AUTHOR_NAME": remote.BOT[0]}


def test_what_git_refuses_is_said_by_its_first_line(place):
    with pytest.raises(LoopError, match="git failed: fatal: ambiguous argument 'none'"):
        git.git("log", "none", cwd=place)


@pytest.mark.parametrize(
    ("damage", "todo"),
    [
        (lambda place: shutil.rmtree(place / ".git/refs/heads"), "git commit -m"),
        (lambda place: (place / ".git/config").write_text("[core\n"), "fix that line"),
        (lambda place: shutil.rmtree(place / ".git"), "run from a clone's root"),
        (lambda place: [path.unlink() for path in (place / ".git/objects").glob("??/*")], "git fsck"),
    ],
    ids=["no commit", "settings", "no repository", "objects"],
)
@pytest.mark.parametrize("call", [("log", "-1", "HEAD"), ("rev-list", "HEAD"), ("show", "HEAD:x")])
def test_what_is_wrong_with_a_repository_is_told_with_what_to_do(place, damage, todo, call):
    damage(place)
    with pytest.raises(LoopError) as refused:
        git.git(*call, cwd=place)
    assert todo in refused.value.todo


def test_whom_git_does_not_know_is_told_how_to_say_it(place):
    git.git("config", "user.name", "", cwd=place)  # which git refuses
    for call in (("commit", "--allow-empty", "-m", "two"), ("var", "GIT_AUTHOR_IDENT")):
        with pytest.raises(LoopError, match="does not know who commits") as refused:
            git.git(*call, cwd=place, env={"GIT_AUTHOR_NAME": "", "GIT_COMMITTER_NAME": ""})
        assert "git config --global user.name" in refused.value.todo


@pytest.mark.parametrize("kind", ["clone", "worktree", "submodule"])
def test_an_index_in_two_files_is_made_one_that_dvc_can_read(place, kind):
    home = place if kind == "clone" else place / "beside"
    if kind == "worktree":
        git.git("worktree", "add", "-q", str(home), cwd=place)
    elif kind == "submodule":
        git.git(
            "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(place), "beside", cwd=place
        )
    (home / "a").touch()
    git.git("update-index", "--split-index", "--add", "a", cwd=home)
    with pytest.raises(ChecksumMismatch):
        list(Repo(str(home)).open_index())
    git.whole_index(home)
    assert list(Repo(str(home)).open_index()) == [b"a"]


@pytest.mark.parametrize("kind", ["clone", "worktree"])
def test_a_stage_that_dvc_runs_names_an_index_in_two_files_before_it_works(place, monkeypatch, kind):
    """`dvc repro` without loop: the stage ran for minutes, then DVC failed by its checksum."""
    home = place / "beside" if kind == "worktree" else place
    if kind == "worktree":
        git.git("worktree", "add", "-q", str(home), cwd=place)
    (home / "dvc.yaml").write_text("stages: {}\n")
    git.git("update-index", "--split-index", "--add", "dvc.yaml", cwd=home)
    ran = []
    monkeypatch.chdir(home)
    monkeypatch.setenv("DVC_STAGE", "dvc.yaml:one")
    monkeypatch.setitem(sys.modules, "loop.pipeline.one", SimpleNamespace(main=lambda: ran.append(1)))
    with pytest.raises(LoopError, match=r"core\.splitIndex"):
        stage.run("one")
    assert not ran
    git.git("update-index", "--no-split-index")  # git leaves the second file for two weeks
    stage.run("one")
    assert ran


def test_what_a_person_ignores_everywhere_is_kept_here_and_what_is_made_by_running_is_not(place, monkeypatch):
    """Git would leave data and results out of a commit, and DVC refuses a pipeline that is ignored."""
    shutil.copy(Path(__file__).parents[2] / ".gitignore", place)
    (place / "mine").write_text("*.csv\n*.json\n*.lock\n*.md\n*.toml\n*.yaml\n*.py\n*.parquet\n")
    with (place / "mine").open("a") as ignored:
        ignored.write("data/\nmodels/\nreports/\nsrc/\ndeploy/\ntests/\n.idea/\n")
    git.git("config", "core.excludesFile", str(place / "mine"), cwd=place)
    kept = ["dvc.yaml", "dvc.lock", "params.yaml", "data/source/rides.csv", "models/card.json"]
    kept += ["loop-version.json", "reports/plots/a.csv", "src/problem/model.py", "deploy/policy.yaml"]
    made = ["mlflow.db", "mlruns/0", ".venv/bin", "src/loop/__pycache__/a.pyc", "review/a", ".idea/a"]
    assert git.ask("check-ignore", "--no-index", *kept, *made, cwd=place).out.split() == made
    as_dvc = IgnoreFilterManager.from_repo(Repo(str(place)))
    assert [one for one in kept + made if as_dvc.is_ignored(one)] == made


def test_neither_a_replacement_nor_a_graft_stands_for_what_a_commit_holds(place):
    def commit(text: str, *parents: str) -> str:
        blob = git.git("hash-object", "-w", "--stdin", cwd=place, text=text)
        tree = git.git("mktree", cwd=place, text=f"100644 blob {blob}\tfile\n")
        return git.git("commit-tree", tree, *(f"-p{one}" for one in parents), "-mone", cwd=place)

    first = git.git("rev-parse", "HEAD", cwd=place)
    true, other = commit("true", first), commit("other")
    for of in ("", "^{tree}", ":file"):
        git.git(
            "replace", "-f", *(git.git("rev-parse", one + of, cwd=place) for one in (true, other)), cwd=place
        )
        (place / ".git/info/grafts").write_text(f"{true}\n")
        assert git.git("show", f"{true}:file", cwd=place) == "true"
        assert git.git("rev-list", true, cwd=place).split() == [true, first]


def test_no_program_of_a_person_s_settings_says_which_files_changed(place):
    hook = place / "hook"
    hook.write_text(f"#!/bin/sh\ntouch {place}/ran\nprintf '\\0'\n")
    hook.chmod(0o755)
    git.git("config", "core.fsmonitor", str(hook), cwd=place)
    assert "hook" in git.git("status", "--porcelain", cwd=place)
    assert not (place / "ran").exists()
