"""`loop rollout`: what serves and what it has shown, and the transitions of a challenger, each one commit."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from loop.base.errors import LoopError, first_line
from loop.base.markup import plain
from loop.data import kpi, prediction_log
from loop.deploy import render
from loop.production import branch, image_origin, log, promotion, rehearsal, transitions
from loop.production import rollout_policy as policy
from loop.production.rollout_policy import Policy
from loop.production.state import BRANCH, Production, State
from loop.repo import remote
from loop.rollout import evidence, follow, promote, rehearsal_check
from loop.rollout.evidence import Evidence
from loop.settings import serve_settings

GO_ON = "`loop rollout advance`"
END = "`loop rollout abort --reason TEXT`"


@dataclass(frozen=True)
class View:
    """What a command works on: the policy of main, the folders of the prediction log, the instant."""

    policy: Policy
    folders: Sequence[Path]
    now: pd.Timestamp


def view(folders: Sequence[Path], now: pd.Timestamp) -> View:
    """The view by main's policy; without folders that of LOOP_PREDICTIONS."""
    remote.fetch_main()
    return View(policy.in_force(), folders or [serve_settings.place().predictions], now)


def gathered(state: State, at: View) -> Evidence | None:
    """The evidence of the challenger; None where there is none."""
    if state.champion is None or state.challenger is None:
        return None
    log = prediction_log.read(at.folders, evidence.began(state.challenger), at.now)
    labels = prediction_log.known_labels(log, at.now)
    values = kpi.of_log(log, at.now) if state.challenger.stage.weight else None
    return evidence.gather(state.champion, state.challenger, at.policy, log, labels, at.now, values)


def status(at: View, *, as_json: bool = False) -> None:
    """Print what serves, what the challenger has shown, and what to do next."""
    state = branch.fetch().state
    shown = gathered(state, at)
    if as_json:
        record: dict[str, Any] = {
            "state": json.loads(json.dumps(state.model_dump(), default=str)),
            "evidence": shown.as_json() if shown else None,
            "next": following(state, shown, at.policy),
        }
        print(json.dumps(record, indent=2, allow_nan=False))
        return
    if state.champion is None:
        print(branch.nothing())
        return
    told = shown.text().splitlines()[1:] if shown else []  # the challenger's own line says the first
    print("\n".join([*_models(state), *told, *_before(state, at.policy)]))
    print(f"next: {following(state, shown, at.policy)}")


def following(state: State, shown: Evidence | None, policy: Policy) -> str:
    """What a person may do next, in one sentence."""
    challenger = state.challenger
    if challenger is None or shown is None:
        return (
            "a release brings the next challenger, at a merge or the day after"
            if state.champion
            else branch.first()
        )
    if shown.worse:
        return f"{END} takes it back; it may not go on"
    if challenger.held is not None:
        return f"it is held: {challenger.held}; `loop rollout hold --release` lets it go on"
    if shown.unjoinable:
        return "it cannot go on, since labels cannot be joined"
    if shown.missing:
        return "wait for what is missing, and `loop collect` what was answered"
    opens = "opens the pull request that" if promotion.asked() else ""
    return " ".join(filter(None, [GO_ON, opens, f"makes it {_goal(state, policy)}"]))


def advance(at: View) -> None:
    """Take the challenger on to its next stage, if the evidence is there. Raises LoopError if not.

    Where another person must approve it, a pull request to `production` is opened, and nothing else is done.
    """

    def transition(now: Production) -> tuple[State, str, None]:
        state = transitions.advance(now.state, at.policy, at.now)
        shown = gathered(now.state, at)
        if shown is not None:  # else the move has refused
            _sufficient(shown)
        if now.state.challenger is not None:
            image_origin.hold(now.state.challenger, now)
        number, goal = _where(now.state)[0], _goal(now.state, at.policy)
        told = [shown.text()] if shown else []
        body = "\n".join([*told, *_before(now.state, at.policy)])
        return state, _message("advance", body, number, goal), None

    if promotion.asked():
        promote.propose(*branch.prepared(transition, render.rendered)[:2])
    else:
        _change(transition, render.rendered)


def verify() -> int:
    """Print who gave each version its share.

    Raises LoopError where an approval, a rehearsal or the release that made an image is missing.
    """
    there = branch.fetch()
    if there.state.champion is None:
        print(branch.nothing())
        return 0
    asks = promotion.asked()  # brings main, which names the chain
    if past := rehearsal.skipped(there):
        raise rehearsal.past(past, there.branch)
    if not asks:
        print("nobody's approval is asked for: " + promotion.WHY)
        return 0
    transitions = log.transitions(there.commit)
    asked = promotion.Approvals(transitions, {})
    for one in there.state.models:
        if one.weight and (who := asked.by_whom(one)):
            print(f"version {one.version:<4} {one.weight:>3} %  {who}")
    if lacks := asked.lacking(there.state):
        raise promotion.refusal(lacks)
    if lacks := image_origin.Origins(transitions, set()).lacking(there.state):
        raise image_origin.refusal(lacks)
    return 0


def hold(reason: str | None, name: str = BRANCH) -> None:
    """Keep the challenger of an environment where it is, for a reason; None lets it go on again."""
    reason = plain(reason) if reason else None

    def transition(now: Production) -> tuple[State, str, None]:
        state = transitions.hold(now.state, reason)
        number, stage = _where(now.state)
        return state, _message("hold" if reason else "resume", reason or "", number, stage), None

    _change(transition, render.rendered, name)


def abort(folders: Sequence[Path], at: pd.Timestamp, reason: str, name: str = BRANCH) -> None:
    """Take the challenger of an environment back, whatever its evidence says: the commit has it if it can."""
    reason = plain(reason)

    def transition(now: Production) -> tuple[State, str, None]:
        state = transitions.abort(now.state, reason, at)
        number, stage = _where(now.state)
        body = f"{reason}\n\n{_evidence_text(now, folders, at)}"
        return state, _message("abort", body, number, stage), None

    _change(transition, render.rescued, name)


def _change(
    transition: Callable[[Production], tuple[State, str, None]],
    files: Callable[[State, str], dict[str, str]],
    name: str = BRANCH,
) -> None:
    """Make the commit and say what serves now. What must follow every transition is called here."""
    after = branch.change(transition, lambda state: files(state, name), name)
    print("\n".join(_models(after.state)), flush=True)
    follow.follow(after)


def _sufficient(shown: Evidence) -> None:
    """Raise LoopError for evidence that does not let a challenger go on."""
    where = f"version {shown.version} may not leave {shown.stage}"
    if shown.worse:
        raise LoopError(
            f"{where}: {'; '.join(shown.worse)}",
            "a challenger within the limits of deploy/policy.yaml",
            f"{END} takes it back",
        )
    if shown.unjoinable:
        raise LoopError(
            f"{where}: its labels cannot be joined: {shown.unjoinable}",
            f"{shown.needs.labels_min:,} labels, joined to the prediction log by KEY",
            f"fix that, then `loop rollout status`; or {END}",
        )
    if shown.missing:
        raise LoopError(
            f"{where} yet: it has {', '.join(shown.missing)}",
            "what the stage needs by deploy/policy.yaml",
            "wait, `loop collect`, then `loop rollout status`",
        )


def _evidence_text(now: Production, folders: Sequence[Path], at: pd.Timestamp) -> str:
    try:
        if now.branch != BRANCH and now.state.challenger:
            return rehearsal_check.shown(now, now.state.challenger.version)
        shown = gathered(now.state, view(folders, at))
    except Exception as error:  # whatever is broken may not keep a bad model in production
        return f"No evidence: {first_line(error)}"
    return shown.text() if shown else ""


def _message(kind: str, body: str, version: int, stage: str) -> str:
    subject = transitions.SUBJECTS[kind].format(version=version, stage=stage, goal=stage)
    return remote.message(subject, body, Version=version, Stage=stage, By=remote.who())


def _where(state: State) -> tuple[int, str]:
    """Number and stage of a challenger that a transition has found."""
    return (state.challenger.version, state.challenger.stage.name) if state.challenger else (0, "")


def _before(state: State, policy: Policy) -> list[str]:
    """What is to be known before a canary begins."""
    found = render.before_canary(state, policy)
    return [f"before: {found}"] if found else []


def _goal(state: State, policy: Policy) -> str:
    step = transitions.following(state.challenger, policy) if state.challenger else None
    return step.name if step else "champion"


def _models(state: State) -> list[str]:
    lines = []
    for one in state.models:
        since = one.since if one.role == "champion" else one.stage.since
        stage = "" if one.role == "champion" else f", {one.stage.name}{', held' if one.held else ''}"
        lines.append(
            f"{one.role:<11} version {one.version}, {one.weight} %{stage}, since {since:%Y-%m-%d %H:%MZ},"
            f" commit {one.commit[:12]}"
        )
    refused = [f"{one.version} ({one.reason})" for one in state.refused[-3:]]
    return [*lines, *([f"{'refused':<11} version {', '.join(refused)}"] if refused else [])]
