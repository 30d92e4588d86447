"""The branch `production`: written whole, pushed or nothing, and never trusted when it was edited by hand."""

import subprocess
from pathlib import Path

import pytest

from loop.base.errors import LoopError
from loop.history import audit, reproduce
from loop.production import branch, log, transitions
from loop.production import state as production
from loop.production.state import STATE
from loop.rollout import rollout
from support.states import NOW, STAGED, released, serving, version

pytestmark = pytest.mark.slow  # clones of a remote


def git(*arguments: str, cwd: Path | None = None) -> str:
    done = subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_what_is_written_is_what_is_read_by_whoever_fetches(clone):
    released(version(1), version(2))
    seen = branch.fetch()
    assert seen.state == serving(1, 2)
    assert seen.versions == {1: version(1), 2: version(2)}


def test_the_branch_holds_the_state_the_versions_and_what_was_rendered_and_nothing_else(clone):
    (clone / "file").write_text("main's")
    git("add", "file")
    git("commit", "--quiet", "-m", "a file")
    git("push", "--quiet", "origin", "HEAD:production")
    branch.change(
        lambda now: (transitions.enter(now.state, version(1), STAGED, NOW), "Release 1", version(1)),
        lambda state: {"kubernetes/a.yaml": f"{len(state.models)} models"},
    )
    assert git("ls-tree", "-r", "--name-only", "origin/production").split() == [
        "kubernetes/a.yaml",
        "rollout.yaml",
        "versions/1.yaml",
    ]
    assert git("show", "origin/production:kubernetes/a.yaml") == "1 models"


def test_without_a_remote_the_branch_is_a_local_one(clone):
    git("remote", "remove", "origin")
    released(version(1))
    assert production.read(production.ref()).state.champion.version == 1


def test_when_another_commit_comes_first_the_move_is_made_again_on_what_is_there(clone):
    released(version(1))
    seen = []

    def transition(now):
        seen.append(now.state.challenger and now.state.challenger.version)
        if len(seen) == 1:  # somebody else releases meanwhile
            released(version(2))
        return transitions.enter(now.state, version(3), STAGED, NOW), "Release 3", version(3)

    after = branch.change(transition, lambda _: {})
    assert seen == [None, 2]
    assert (after.state.challenger.version, sorted(after.versions)) == (3, [1, 2, 3])


def test_a_move_that_no_longer_holds_changes_nothing(clone):
    released(version(1), version(2))
    before = git("ls-remote", "origin", "production")

    def transition(now):
        raise LoopError("it moved", "", "")

    with pytest.raises(LoopError, match="it moved"):
        branch.change(transition, lambda _: {})
    assert git("ls-remote", "origin", "production") == before


def test_a_push_that_is_refused_says_so_and_changes_nothing(clone):
    released(version(1))
    hook = clone.parent / "origin.git/hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'rules of production' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(LoopError, match=r"could not be pushed: .*rules of production"):
        released(version(2))
    assert branch.fetch().state == serving(1)


def test_a_remote_that_never_had_the_branch_is_one_without_a_release(clone):
    git("push", "--quiet", "origin", "--delete", "production")
    assert branch.fetch().commit is None
    assert "`loop setup github --apply` makes it; on a laptop a clone without origin" in branch.nothing()
    with pytest.raises(LoopError, match="nothing was released yet"):
        branch.serving()
    git("remote", "remove", "origin")
    assert "`loop release record` releases the model of HEAD" in branch.nothing()


def test_a_remote_that_lost_the_branch_names_the_command_that_makes_it(clone):
    released(version(1))
    git("-C", str(clone.parent / "origin.git"), "update-ref", "-d", "refs/heads/production")
    with pytest.raises(LoopError, match="loop setup github --apply"):
        branch.fetch()


def test_without_the_branch_every_command_that_asks_gives_the_same_answer(clone, capsys):
    git("push", "--quiet", "origin", "--delete", "production")
    audit.main(None, None, None, NOW)
    assert reproduce.main(reproduce.CHAMPION, with_issue=False) == 0
    rollout.status(rollout.View(STAGED, [], NOW))
    assert capsys.readouterr().out.splitlines() == [branch.nothing()] * 3


@pytest.mark.parametrize("name", ["\u00b2", "\u0663", "9" * 200, "03", "x"])
def test_a_record_of_no_number_is_none(clone, name):
    released(version(1))
    git("switch", "--quiet", "production")
    (clone / f"versions/{name}.yaml").write_text("version: 3\n")
    git("add", "--all")
    git("commit", "--quiet", "-m", "by hand")
    git("push", "--quiet", "origin", "production")
    assert branch.fetch().newest == 1
    assert sorted(log.versions(production.ref())) == [1]


def test_a_broken_record_of_another_version_stands_in_nobodys_way_and_is_kept(clone):
    released(version(1), version(2), version(3))
    branch.change(lambda now: (transitions.abort(now.state, "it hurts", NOW), "Abort", None), lambda _: {})
    git("switch", "--quiet", "production")
    (clone / "versions/3.yaml").write_text("version: [")
    (clone / "versions/README.md").write_text("by hand")
    git("add", "--all")
    git("commit", "--quiet", "-m", "by hand")
    git("push", "--quiet", "origin", "production")
    now = branch.fetch()
    assert (sorted(now.versions), now.newest) == ([1, 2], 3)
    released(version(4))
    assert git("show", "origin/production:versions/3.yaml") == "version: ["


REFUSED = "refused:\n- {version: 1, at: '2026-01-01T00:00:00Z', reason: because}"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("weight: 95", "weight: 96", "add up to 101"),
        ("weight: 5\n", "weight: 500\n", "less than or equal to 100"),
        ("role: challenger", "role: champion", "extra|champions|not a key"),
        ("version: 2", "version: 9", "version 9, which was never released"),
        ("version: 2", "version: 1", "in two roles"),
        ("models:", "modles:", "did you mean `models`"),
        ("models:", "models: [", "is not YAML"),
        (f"{2:040x}", f"{3:040x}", "another commit, model or image"),
        ("ghcr.io/team/model@sha256", "ghcr.io/team/model:latest", "by its digest"),
        ("role: challenger", "role: king", "rollout.yaml"),
        ("team/model@sha256", "team/mod\u0435l@sha256", "by its digest"),
        ("since: '2026", "since: '2262", "which is after its commit"),
        ("refused: []", REFUSED, "names version 1, which it says was taken back"),
        ("refused: []", REFUSED.replace("version: 1", "version: 9"), "refuses version 9, which was never"),
    ],
)
def test_a_state_that_was_edited_into_what_cannot_serve_is_refused_with_its_place(clone, old, new, found):
    released(version(1), version(2))
    branch.change(lambda now: (transitions.advance(now.state, STAGED, NOW), "Advance", None), lambda _: {})
    git("switch", "--quiet", "production")
    text = (clone / STATE).read_text()
    assert old in text
    (clone / STATE).write_text(text.replace(old, new))
    git("commit", "--quiet", "-am", "by hand")
    git("push", "--quiet", "origin", "production")
    with pytest.raises(LoopError, match=found) as error:
        branch.fetch()
    assert str(STATE) in str(error.value)


@pytest.mark.parametrize("text", ["models: []\nrefused: []\n", None])
def test_a_champion_that_was_taken_out_by_hand_is_no_state_in_which_nothing_was_released(clone, text):
    """The next release would be champion at once, under a number that was given already."""
    released(version(1), version(2))
    git("switch", "--quiet", "production")
    (clone / STATE).write_text(text) if text else (clone / STATE).unlink()
    git("commit", "--quiet", "-am", "by hand")
    git("push", "--quiet", "origin", "production")
    with pytest.raises(LoopError, match="names no model, though 2 versions were released"):
        branch.fetch()


def test_an_instant_of_the_future_is_refused_in_a_commit_that_says_to_be_of_the_future_too(
    clone, monkeypatch
):
    released(version(1))
    git("switch", "--quiet", "production")
    (clone / STATE).write_text((clone / STATE).read_text().replace("since: '2026", "since: '2090"))
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2090-12-31T00:00:00+00:00")
    git("commit", "--quiet", "-am", "by hand")
    git("push", "--quiet", "origin", "production")
    with pytest.raises(LoopError, match=r"names 2090-.*, which is after"):
        branch.fetch()
    assert log.transitions(production.ref())[-1].problem is not None


def test_a_remote_of_another_name_is_reported_and_nothing_seems_to_serve(clone):
    released(version(1))
    git("remote", "rename", "origin", "upstream")
    with pytest.raises(LoopError, match="only upstream"):
        branch.fetch()
