"""The log of `production` read back: each transition known by its states, and edits by hand set apart."""

import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.base.errors import LoopError
from loop.production import branch, log, transitions
from loop.production import state as production
from loop.production.state import EMPTY, STATE
from loop.repo import remote
from support.states import NOW, STAGED, at, policy, released, serving, version


def git(*arguments: str, **env: str) -> str:
    done = subprocess.run(
        ["git", *arguments], env=os.environ | env, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def transition(change, message="a transition"):
    branch.change(lambda now: (change(now.state), message, None), lambda _: {})


def by_hand(clone, edit, message="edited"):
    git("switch", "--quiet", "--detach", "origin/production")
    edit()
    git("add", "--all")
    git("commit", "--quiet", "-m", message)
    git("push", "--quiet", "origin", "HEAD:production")
    git("fetch", "--quiet", "origin")


def replace(path, old, new):
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def report():
    return [(one.kind, one.version) for one in log.transitions(production.ref())]


def test_every_move_is_reported_with_the_version_it_is_about(clone):
    released(version(1), version(2))
    transition(lambda state: transitions.advance(state, STAGED, NOW))
    transition(lambda state: transitions.hold(state, "a holiday"))
    transition(lambda state: transitions.hold(state, None))
    transition(lambda state: transitions.advance(state, STAGED, NOW))
    transition(lambda state: transitions.advance(state, STAGED, NOW))
    transition(lambda state: transitions.back(state, version(1), "it hurts", NOW))
    released(version(3))
    transition(lambda state: transitions.abort(state, "it crashes", NOW))
    transition(lambda state: state)
    assert report() == [
        *(("release", 1), ("release", 2), ("advance", 2), ("hold", 2), ("resume", 2), ("advance", 2)),
        *(("advance", 2), ("rollback", 1), ("release", 3), ("abort", 3), ("rendered", None)),
    ]


@given(st.lists(st.sampled_from(["enter", "advance", "hold", "free", "abort", "back"]), max_size=25))
def test_no_move_of_ours_is_taken_for_one_by_hand(steps):
    state, newest = serving(1), 1
    for step in steps:
        before, new = state, set()
        try:
            if step == "enter":
                newest += 1
                new, state = {newest}, transitions.enter(state, version(newest), STAGED, at("2026-02-01"))
            elif step == "back":
                state = transitions.back(state, version(max(1, newest - 1)), "why", NOW)
            elif step == "advance":
                state = transitions.advance(state, STAGED, NOW)
            elif step == "abort":
                state = transitions.abort(state, "why", NOW)
            else:
                state = transitions.hold(state, "why" if step == "hold" else None)
        except LoopError:
            continue
        expected = {"enter": "release", "free": "resume", "back": "rollback"}.get(step, step)
        if before != state:
            assert log.kind_of(before, state, new)[0] == expected


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ("Make version 2 canary-5 (#7)", "pull request #7 says who approved it"),
        ("Merge pull request #12 from team/promote/v2-canary-5", "pull request #12 says who approved it"),
        ("Make version 2 canary-5", "pushed: nobody else approved it"),
        ("Make version 2 canary-5, see #7", "pushed: nobody else approved it"),
    ],
)
def test_a_step_says_by_which_pull_request_another_person_let_it_in(clone, subject, said):
    released(version(1), version(2))
    transition(lambda state: transitions.advance(state, STAGED, NOW), subject)
    assert log.transitions(production.ref())[-1].approved == said


def test_going_back_says_that_it_is_one_persons_right(clone):
    released(version(1), version(2))
    transition(lambda state: transitions.abort(state, "it crashes", NOW))
    assert "one person's right" in log.transitions(production.ref())[-1].approved


def test_a_first_version_and_one_without_stages_are_releases():
    assert log.kind_of(EMPTY, serving(1), {1}) == ("release", 1)
    at_once = transitions.enter(serving(1), version(2), policy(), NOW)
    assert log.kind_of(serving(1), at_once, {2}) == ("release", 2)


def test_a_share_that_was_edited_is_by_hand_though_it_can_serve(clone):
    released(version(1), version(2))
    transition(lambda state: transitions.advance(state, STAGED, NOW))

    def edit():
        replace(clone / STATE, "weight: 5\n", "weight: 50\n")
        replace(clone / STATE, "weight: 95\n", "weight: 50\n")

    by_hand(clone, edit)
    assert report()[-1] == (log.BY_HAND, 2)
    assert log.described(log.transitions(production.ref())[-1].state) == (
        "version 1: 50 % (champion), version 2: 50 % (challenger, canary-5)"
    )


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [("weight: 100", "weight: 70", "add up to 70"), ("models:", "models: [", "not YAML")],
)
def test_a_state_that_cannot_serve_is_reported_as_such_and_so_is_what_fixes_it(clone, old, new, problem):
    released(version(1), version(2))
    by_hand(clone, lambda: replace(clone / STATE, old, new))
    by_hand(clone, lambda: replace(clone / STATE, new, old))
    seen = log.transitions(production.ref())
    assert [one.kind for one in seen] == ["release", "release", log.BY_HAND, log.BY_HAND]
    assert seen[2].state is None
    assert problem in seen[2].problem


def test_a_record_that_was_changed_is_by_hand(clone):
    released(version(1), version(2))
    by_hand(clone, lambda: replace(clone / "versions/1.yaml", "approver: bob", "approver: eve"))
    assert report()[-1][0] == log.BY_HAND


def test_the_log_of_main_below_the_branch_is_no_part_of_it(clone):
    git("commit", "--quiet", "--allow-empty", "-m", "main's")
    git("push", "--quiet", "origin", "HEAD:production")
    assert log.transitions("origin/production") == []
    released(version(1))
    assert report() == [("release", 1)]
    assert log.transitions(None) == []


def test_evidence_and_trailers_are_read_apart(clone):
    text = remote.message("Advance 2", "two lines\nof evidence: 3 days", Verdict="better", Pull_request="#7")
    branch.change(
        lambda now: (transitions.enter(now.state, version(1), STAGED, NOW), text, version(1)), lambda _: {}
    )
    seen = log.transitions(production.ref())[0]
    assert (seen.subject, seen.evidence) == ("Advance 2", "two lines\nof evidence: 3 days")
    assert seen.trailers == {"Verdict": "better", "Pull-request": "#7"}


def test_what_served_at_the_end_of_a_day_is_the_last_state_that_could(clone, monkeypatch):
    for day, one in (("2026-01-05T23:59:59Z", version(1)), ("2026-01-07T00:00:00Z", version(2))):
        monkeypatch.setattr(branch, "identity", lambda day=day: {"GIT_COMMITTER_DATE": day})
        released(one)
    known = log.transitions(production.ref())
    assert log.at_end(known, at("2026-01-04")) is None
    assert log.at_end(known, at("2026-01-05")) == serving(1)
    assert log.at_end(known, at("2026-01-06T15:00")) == serving(1)
    assert log.at_end(known, at("2026-01-07")) == serving(1, 2)
    assert log.described(None) == "nothing"
