"""Each transition of a rollout leads from a state that can serve to one that can, or is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.base.errors import LoopError
from loop.production import transitions
from loop.production.state import EMPTY, State
from support.states import NOW, STAGED, at, policy, serving, version


def test_the_first_version_is_champion_at_once():
    state = transitions.enter(EMPTY, version(1), STAGED, NOW)
    assert [(one.role, one.version, one.weight) for one in state.models] == [("champion", 1, 100)]


def test_a_new_version_goes_through_every_stage_and_is_champion_then():
    state, seen = serving(1, 2), []
    while state.challenger is not None:
        seen.append((state.challenger.stage.name, state.challenger.weight, state.champion.weight))
        state = transitions.advance(state, STAGED, NOW)
    assert seen == [("shadow", 0, 100), ("canary-5", 5, 95), ("canary-25", 25, 75)]
    assert [(one.role, one.version) for one in state.models] == [("champion", 2)]


def test_without_stages_a_new_version_is_champion_at_once():
    state = transitions.enter(serving(1), version(2), policy(), NOW)
    assert state.champion.version == 2


def test_a_stage_that_mirrors_nothing_and_weighs_nothing_lets_a_version_wait():
    state = transitions.enter(serving(1), version(2), policy(("off", 0, False)), NOW)
    assert (state.challenger.weight, state.challenger.stage.mirror, state.champion.weight) == (0, False, 100)


def test_a_newer_version_takes_the_challengers_place():
    state = transitions.enter(transitions.advance(serving(1, 2), STAGED, NOW), version(3), STAGED, NOW)
    assert (state.challenger.version, state.challenger.stage.name, state.champion.weight) == (
        3,
        "shadow",
        100,
    )


def test_a_challenger_that_is_held_does_not_go_on_until_it_is_released():
    held = transitions.hold(serving(1, 2), "a holiday")
    with pytest.raises(LoopError, match="version 2 is held: a holiday"):
        transitions.advance(held, STAGED, NOW)
    assert transitions.advance(transitions.hold(held, None), STAGED, NOW).challenger.stage.name == "canary-5"


def test_an_aborted_challenger_is_gone_and_refused():
    state = transitions.abort(transitions.advance(serving(1, 2), STAGED, NOW), "it crashes", NOW)
    assert [(one.role, one.version, one.weight) for one in state.models] == [("champion", 1, 100)]
    assert [(one.version, one.reason) for one in state.refused] == [(2, "it crashes")]


def test_going_back_refuses_the_champion_and_a_challenger():
    state = transitions.back(serving(2, 3), version(1), "it hurts", NOW)
    assert state.champion.version == 1
    assert state.challenger is None
    assert sorted(one.version for one in state.refused) == [2, 3]


def test_going_forth_again_takes_the_refusal_away():
    state = transitions.back(
        transitions.back(serving(2), version(1), "it hurts", NOW), version(2), "it did not", NOW
    )
    assert [one.version for one in state.refused] == [1]


@pytest.mark.parametrize(
    ("move", "found"),
    [
        (lambda: transitions.advance(serving(1), STAGED, NOW), "there is no challenger"),
        (lambda: transitions.hold(serving(1), "why"), "there is no challenger"),
        (lambda: transitions.abort(EMPTY, "why", NOW), "there is no challenger"),
        (lambda: transitions.back(EMPTY, version(1), "why", NOW), "nothing serves yet"),
        (lambda: transitions.back(serving(1), version(1), "why", NOW), "version 1 is the champion"),
    ],
)
def test_a_move_that_cannot_be_made_says_why(move, found):
    with pytest.raises(LoopError, match=found):
        move()


def test_a_stage_that_the_policy_no_longer_has_leads_on_to_a_larger_share():
    state = transitions.advance(serving(1, 2), STAGED, NOW)
    changed = policy(("slow", 1, False), ("half", 50, False))
    assert transitions.advance(state, changed, NOW).challenger.stage.name == "half"


@given(st.lists(st.sampled_from(["enter", "advance", "hold", "abort", "back"]), max_size=30))
def test_whatever_is_done_in_whatever_order_the_state_can_serve(steps):
    state, newest = serving(1), 1
    for step in steps:
        try:
            if step == "enter":
                newest += 1
                state = transitions.enter(state, version(newest), STAGED, at("2026-02-01"))
            elif step == "back":
                state = transitions.back(state, version(max(1, newest - 1)), "why", NOW)
            elif step == "advance":
                state = transitions.advance(state, STAGED, NOW)
            elif step == "hold":
                state = transitions.hold(state, "why")
            else:
                state = transitions.abort(state, "why", NOW)
        except LoopError:
            continue
    assert State.model_validate(state.model_dump()) == state
    assert sum(one.weight for one in state.models) == 100
