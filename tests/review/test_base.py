"""The base: found by its name as a branch first, and what the tree changed since it parted."""

import pytest

from conftest import Repo
from loop.base.errors import UsageError
from loop.review.base import Base, Judged, judged, resolve


@pytest.fixture
def repo(tmp_path, monkeypatch) -> Repo:
    """A branch with one commit more than main."""
    (tmp_path / "repo").mkdir()
    repo = Repo(tmp_path / "repo")
    repo.git("init", "--quiet", "--initial-branch=main")
    (repo.path / "a").write_text("old")
    repo.commit()
    repo.commit("change")
    monkeypatch.chdir(repo.path)
    return repo


def test_a_branch_comes_before_a_tag_of_its_name(repo):
    repo.git("tag", "main", "change")
    assert resolve("main").commit == repo.git("rev-parse", "refs/heads/main")


@pytest.mark.parametrize("name", ["HEAD~1", "main"])
def test_a_base_may_be_any_commit(repo, name):
    assert resolve(name).commit == repo.git("rev-parse", "refs/heads/main")


@pytest.mark.parametrize("name", ["HEAD", "HEAD~1", "HEAD^"])
def test_head_is_what_is_checked_out_and_not_origins(repo, name):
    """A clone has `origin/HEAD` too, and what it points to may be older."""
    repo.git("update-ref", "refs/remotes/origin/main", "main")
    repo.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    repo.commit()
    assert resolve(name).commit == repo.git("rev-parse", name)


@pytest.mark.parametrize("name", ["nothing", "", "-x", "a..b", "x\ny"])
def test_what_is_no_commit_is_reported(repo, name):
    with pytest.raises(UsageError, match="git knows no such name") as error:
        resolve(name)
    assert error.value.found.startswith(f"--against {name}")


def test_edited_new_deleted_and_committed_files_all_count_as_changed(repo):
    (repo.path / "c").write_text("committed")
    repo.commit()
    (repo.path / "a").unlink()
    (repo.path / "new é 'name'").write_text("new")
    assert resolve("main").changed() == ["a", "c", "new é 'name'"]


def test_commits_that_the_base_has_more_are_counted(repo):
    repo.git("switch", "--quiet", "main")
    (repo.path / "b").write_text("newer")
    repo.commit()
    repo.git("switch", "--quiet", "change")
    assert resolve("main").behind() == 1


STAGES = "stages:\n  train:\n    cmd: x\n    metrics: [{m.json: {cache: false}}]\n"


def test_what_is_committed_is_reviewed_again_from_its_commit(repo):
    """Whatever the run itself has written."""
    (repo.path / "dvc.yaml").write_text(STAGES)
    repo.commit()
    (repo.path / "dvc.lock").write_text("made")
    (repo.path / "m.json").write_text("made")
    base, tree = resolve("main"), judged()
    assert base.again(tree) == [
        f"git switch --detach {tree.commit[:12]}",
        f"make review BASE={base.commit[:12]}",
    ]
    assert (tree.name, tree.commit, tree.dirty) == ("change", repo.git("rev-parse", "HEAD"), False)


@pytest.mark.parametrize("change", ["new", "a", "dvc.yaml"])
def test_what_is_not_committed_is_reviewed_again_where_it_is(repo, change):
    """A commit without the changes would give another verdict, or none."""
    (repo.path / "dvc.yaml").write_text(STAGES)
    repo.commit()
    (repo.path / change).write_text("stages: [not committed]")
    base, tree = resolve("main"), judged()
    assert tree.dirty
    assert base.again(tree) == [f"make review BASE={base.commit[:12]}"]


def test_against_a_base_that_is_not_there_nothing_can_be_done_again():
    assert Base("nope", "", "").again(Judged("mine", "a" * 40, dirty=False)) == []


def test_without_git_there_is_no_commit_to_go_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert (judged().commit, judged().dirty) == ("", True)
