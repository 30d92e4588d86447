"""The transitions of a rollout: from one state of production to the next. Pure: no clock, no file, no git."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from loop.base.errors import LoopError
from loop.production.rollout_policy import Policy, Step
from loop.production.state import Challenger, Champion, Refused, Stage, State, Version

STATUS = "`loop rollout status` shows what serves"
SUBJECTS = {  # the first line of a move's commit on `production`, by its kind
    "release": "Release version {version}: {role}",
    "advance": "Make version {version} {goal}",
    "hold": "Hold version {version} in {stage}",
    "resume": "Let version {version} leave {stage}",
    "abort": "Abort version {version} in {stage}",
    "rollback": "Roll back to version {version} from {champion}",
}


def enter(state: State, new: Version, policy: Policy, now: pd.Timestamp) -> State:
    """A new version at the first stage; champion at once where nothing else is.

    A challenger that gets no requests gives way; one that is on its way does not (`on_its_way`).
    """
    if state.champion is None or not policy.stages:
        return State(models=[_champion(new, now)], refused=state.refused)
    stages = [_stage(policy.stages[0], now)]
    challenger = Challenger(role="challenger", weight=stages[-1].weight, stages=stages, **_what(new))
    return _with(state, challenger)


def rehearsed(state: State, new: Version, now: pd.Timestamp) -> State:
    """A version beside the champion of an environment before production, where it answers nobody yet."""
    stages = [Stage(name="rehearsal", weight=0, mirror=True, since=now)]
    return _with(state, Challenger(role="challenger", weight=0, stages=stages, **_what(new)))


def mirrored(state: State, champion: Version, now: pd.Timestamp) -> State:
    """An environment before production with production's champion; a version that waits there stays."""
    waits = [one for one in [state.challenger] if one is not None and one.version != champion.version]
    return State(models=[_champion(champion, now), *waits], refused=state.refused)


def on_its_way(state: State) -> Challenger | None:
    """The challenger in whose place nothing enters, since it gets requests and has evidence to lose."""
    one = state.challenger
    return one if one is not None and (one.weight > 0 or one.stage.mirror) else None


def advance(state: State, policy: Policy, now: pd.Timestamp) -> State:
    """The challenger at its next stage, or champion after the last."""
    challenger = _challenger(state)
    free(challenger)
    step = following(challenger, policy)
    if step is None:
        return State(models=[_champion(challenger, now)], refused=state.refused)
    return _with(
        state,
        challenger.model_copy(
            update={"weight": step.weight, "stages": [*challenger.stages, _stage(step, now)]}
        ),
    )


def free(challenger: Challenger, option: str = "") -> None:
    """Raise LoopError for one that is held; `option` is what the command says of its environment."""
    if challenger.held is not None:
        raise LoopError(
            f"version {challenger.version} is held: {challenger.held}",
            "a challenger that may go on",
            f"`loop rollout hold --release{option}` lets it go on",
        )


def hold(state: State, reason: str | None) -> State:
    """The challenger stays where it is, for a reason; without one it may go on again."""
    return _with(state, _challenger(state).model_copy(update={"held": reason}))


def abort(state: State, reason: str, now: pd.Timestamp) -> State:
    """The challenger is gone, and refused."""
    challenger = _challenger(state)
    champion = _full(state)
    refused = Refused(version=challenger.version, at=now, reason=reason)
    return State(models=[champion], refused=[*state.refused, refused])


def back(state: State, to: Version, reason: str, now: pd.Timestamp) -> State:
    """An earlier version is champion; the one that was and a challenger are refused."""
    champion = state.champion
    if champion is None:
        raise LoopError("nothing serves yet", "a champion to go back from", STATUS)
    if to.version == champion.version:
        raise LoopError(f"version {to.version} is the champion", "another version to go back to", STATUS)
    gone = [one.version for one in state.models if one.version != to.version]
    refused = [Refused(version=number, at=now, reason=reason) for number in gone]
    kept = [one for one in state.refused if one.version not in {to.version, *gone}]
    return State(models=[_champion(to, now)], refused=[*kept, *refused])


def following(challenger: Challenger, policy: Policy) -> Step | None:
    """The stage after the one that a challenger is in, by the policy as it is now; None for champion."""
    names = [step.name for step in policy.stages]
    if challenger.stage.name in names:
        rest: Sequence[Step] = policy.stages[names.index(challenger.stage.name) + 1 :]
    else:  # the policy was changed meanwhile: on to what is not smaller
        rest = [step for step in policy.stages if step.weight > challenger.weight]
    return rest[0] if rest else None


def _challenger(state: State) -> Challenger:
    if state.challenger is None:
        raise LoopError("there is no challenger", "a version on its way to champion", STATUS)
    return state.challenger


def _full(state: State) -> Champion:
    if state.champion is None:
        raise LoopError("there is no champion", "a model that serves", STATUS)
    return state.champion.model_copy(update={"weight": 100})


def _with(state: State, challenger: Challenger) -> State:
    champion = _full(state).model_copy(update={"weight": 100 - challenger.weight})
    return State(models=[champion, challenger], refused=state.refused)


def _stage(step: Step, now: pd.Timestamp) -> Stage:
    return Stage(name=step.name, weight=step.weight, mirror=step.mirror, since=now)


def _champion(one: Version | Challenger, now: pd.Timestamp) -> Champion:
    return Champion(role="champion", weight=100, since=now, **_what(one))


def _what(one: Version | Challenger) -> dict[str, Any]:
    return {"version": one.version, "commit": one.commit, "model": one.model, "image": one.image}
