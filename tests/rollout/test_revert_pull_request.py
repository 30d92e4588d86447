"""After a rollback main gets back to what serves, by a branch to merge, or by words for a person."""

from pathlib import Path

import pytest

from conftest import ROOT
from loop.production import branch, transitions
from loop.rollout import available, revert_pull_request, rollback
from production.test_branch import git
from support.states import NOW, at, policy, version

pytestmark = pytest.mark.slow  # clones of a remote

POLICY = (ROOT / "deploy/policy.yaml").read_text()
LATER = at("2026-01-06T03:00")


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    for name in ("GITHUB_RUN_ID", "GITHUB_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(available, "_gone", lambda _: "")
    monkeypatch.setattr("loop.rollout.follow.follow", lambda _: None)


class Main:
    """The main of a clone: commits, some of which are released."""

    def __init__(self, clone: Path) -> None:
        self.clone = clone
        self.released = 0

    def commit(self, subject: str = "change", **files: str) -> str:
        """A commit of main; `__` in a name stands for a slash, `_` for a dot."""
        for name, text in files.items():
            path = self.clone / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git("add", "--all")
        git("commit", "--quiet", "--allow-empty", "-m", subject)
        git("push", "--quiet", "origin", "HEAD:main")
        return git("rev-parse", "HEAD")

    def merge(self, **files: str) -> str:
        """A merge of a branch of two commits."""
        git("switch", "--quiet", "--create", "topic")
        self.commit("half", src__half_py="half")
        self.commit("all", **files)
        git("switch", "--quiet", "-")
        git("merge", "--quiet", "--no-ff", "-m", "Merge topic", "topic")
        git("branch", "--quiet", "-D", "topic")
        git("push", "--quiet", "origin", "HEAD:main")
        return git("rev-parse", "HEAD")

    def release(self, commit: str | None = None) -> None:
        """The next version, champion at once."""
        self.released += 1
        one = version(self.released, commit=commit or git("rev-parse", "HEAD"))
        branch.change(
            lambda now: (transitions.enter(now.state, one, policy(), NOW), f"Release {one.version}", one),
            lambda _: {},
        )


@pytest.fixture
def main(clone) -> Main:
    """Version 1 serves; version 2 changed the model, and docs were written since."""
    made = Main(clone)
    made.commit(
        "first",
        dvc_lock="one",
        params_yaml="one",
        deploy__policy_yaml=(ROOT / "deploy/policy.yaml").read_text(),
    )
    made.release()
    made.commit("a better model", dvc_lock="two", params_yaml="two", src__new_py="new")
    made.release()
    made.commit("docs", docs__a_md="words")
    return made


def back(to: int | None = None, reason: str = "it hurts") -> int:
    return rollback.main(to, reason, LATER, commit=True, pull_request=True)


def on_branch(name: str, path: str) -> str:
    git("fetch", "--quiet", "origin")
    return git("show", f"origin/{name}:{path}")


def branches() -> list[str]:
    listed = git("ls-remote", "--heads", "origin").splitlines()
    return sorted(line.split("refs/heads/")[1] for line in listed)


def test_a_branch_takes_the_model_back_and_keeps_what_is_no_part_of_it(main, capsys):
    assert back() == 0
    assert on_branch("rollback-v2-to-v1", "dvc.lock") == "one"
    assert on_branch("rollback-v2-to-v1", "params.yaml") == "one"
    assert on_branch("rollback-v2-to-v1", "docs/a.md") == "words"
    assert "new.py" not in git("ls-tree", "-r", "--name-only", "origin/rollback-v2-to-v1")
    assert "gh pr create --base main --head rollback-v2-to-v1" in capsys.readouterr().out


def test_the_branch_is_one_commit_on_main_that_says_what_it_reverts_and_starts_checks(main):
    refused = git("rev-parse", "HEAD^")
    back(reason="it\n\nhurts [skip ci]")
    git("fetch", "--quiet", "origin")
    assert git("rev-parse", "origin/rollback-v2-to-v1^") == git("rev-parse", "origin/main")
    output = git("log", "-1", "--format=%an <%ae>%n%B", "origin/rollback-v2-to-v1")
    assert output.startswith("t <t@t>\nTake version 2 back from main\n")
    assert f"This reverts commit {refused}." in output
    assert "Production went back to version 1; its log says why." in output
    assert "[skip ci]" not in output


def test_a_merge_is_taken_back_as_a_whole(clone):
    made = Main(clone)
    made.commit(dvc_lock="one", deploy__policy_yaml=POLICY)
    made.release()
    made.merge(dvc_lock="two", src__new_py="new")
    made.release()
    back()
    assert on_branch("rollback-v2-to-v1", "dvc.lock") == "one"
    assert "src" not in git("ls-tree", "-r", "--name-only", "origin/rollback-v2-to-v1")


def test_of_several_commits_all_that_touch_what_serves_are_taken_back(main):
    main.commit(dvc_lock="two and a half")
    main.commit(dvc_lock="three", params_yaml="three")
    main.release()
    back(1)
    assert on_branch("rollback-v3-to-v1", "dvc.lock") == "one"
    assert on_branch("rollback-v3-to-v1", "params.yaml") == "one"


def test_further_back_is_a_branch_of_its_own_that_takes_everything_back(main):
    main.commit(dvc_lock="three")
    main.release()
    back()
    back()
    assert branches() == ["main", "production", "rollback-v3-to-v1", "rollback-v3-to-v2"]
    assert on_branch("rollback-v3-to-v1", "dvc.lock") == "one"


def test_further_back_after_the_first_branch_was_merged_reverts_only_what_main_still_has(main):
    main.commit(dvc_lock="three")
    main.release()
    back()
    git("fetch", "--quiet", "origin")
    git("merge", "--quiet", "--ff-only", "origin/rollback-v3-to-v2")
    git("push", "--quiet", "origin", "HEAD:main")
    back()
    assert on_branch("rollback-v3-to-v1", "dvc.lock") == "one"


def test_a_main_that_says_what_serves_has_nothing_to_take_back(main, capsys):
    git("revert", "--no-edit", "HEAD^")
    git("push", "--quiet", "origin", "HEAD:main")
    back()
    assert "main holds what version 1 holds" in capsys.readouterr().out
    assert branches() == ["main", "production"]


def test_going_forth_again_takes_nothing_back(main, capsys):
    back()
    capsys.readouterr()
    back(2)
    assert "main holds what version 2 holds" in capsys.readouterr().out


def test_a_conflict_leaves_production_back_and_names_the_commits_to_revert_by_hand(main, capsys):
    refused = git("rev-parse", "HEAD^")
    main.commit(dvc_lock="moved on")
    assert back() == 0
    output = capsys.readouterr().out
    assert (
        "warning: production is back, but the pull request to main is not there: main has moved on" in output
    )
    assert f"git revert --no-edit {refused}" in output
    assert branch.fetch().state.champion.version == 1
    assert branches() == ["main", "production"]


def test_asked_again_for_the_same_rollback_it_pushes_no_second_branch(main, capsys):
    back()
    was = git("ls-remote", "origin", "rollback-v2-to-v1")
    assert rollback.main(None, None, LATER, commit=False, pull_request=True) == 0
    assert "is at origin already" in capsys.readouterr().out
    assert git("ls-remote", "origin", "rollback-v2-to-v1") == was
    assert branches() == ["main", "production", "rollback-v2-to-v1"]


def test_the_clone_it_was_made_from_is_left_as_it_was(main):
    def looks() -> list[str]:
        asked = (
            ("status", "--porcelain"),
            ("worktree", "list"),
            ("branch",),
            ("config", "--local", "--list"),
        )
        return [git(*one) for one in (*asked, ("rev-parse", "HEAD"))]

    before = looks()
    back()
    assert looks() == before


def test_without_a_remote_production_goes_back_and_main_is_left_to_a_person(main, capsys):
    git("branch", "production", "origin/production")
    git("remote", "remove", "origin")
    assert back() == 0
    assert "by `git revert`" in capsys.readouterr().out


def test_words_of_strangers_are_only_words_in_the_pull_request(main):
    main.commit("a `subject` with <img src=x> @team", dvc_lock="three")
    main.release()
    there = rollback.back(None, "because | of [this](http://evil) @everyone $(touch pwned)", LATER)
    body = revert_pull_request._body(revert_pull_request._what(there))
    assert "<img" not in body
    assert "@everyone" not in body
    assert "](http" not in body
    assert "*Approve workflows to run*" in body
