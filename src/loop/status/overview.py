"""How things stand, from git alone: what serves, who ran when, what waits. The rest is unknown."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from loop.base.counted import counted, in_digits
from loop.base.errors import LoopError
from loop.base.markup import plain
from loop.monitor.inputs import past_retrains
from loop.monitor.inputs.past_retrains import Attempt
from loop.production import environments, heartbeats, log, rehearsal, rollout_policy
from loop.production import state as production
from loop.production.heartbeats import Earned, Heartbeat, Schedule
from loop.production.log import Transition
from loop.production.state import EMPTY, Challenger, State, Version
from loop.repo import remote
from loop.repo.commit import Commit


@dataclass(frozen=True)
class Before:
    """An environment before production: what waits there, if anything does, and what it has shown."""

    name: str
    waiting: Challenger | None
    shown: str  # in words
    went_on: str = ""  # the environment that the version has entered since

    def text(self) -> str:
        """In one line."""
        one = self.waiting
        if one is None:
            return self.shown or "no version waits"
        if self.went_on:
            return f"no version waits; version {one.version} went on to {self.went_on}"
        held = f", held: {plain(one.held, 200)}" if one.held else ""
        return f"version {one.version} waits since {one.stage.since:%Y-%m-%d %H:%M}Z{held}; {self.shown}"


@dataclass(frozen=True)
class Overview:
    """How things stood at `now` (UTC), as this clone knows it."""

    now: pd.Timestamp
    state: State
    before: list[Before]  # the environments before production, as the chain has them
    transitions: list[Transition]
    versions: dict[int, Version]
    schedules: list[Schedule]
    monitored: list[Heartbeat]  # runs of the monitor, the oldest first
    retrains: list[Attempt]  # the open ones
    address: str | None  # of the repository, for links

    @property
    def since(self) -> pd.Timestamp | None:
        """Since when the champion is champion."""
        return self.state.champion.since if self.state.champion else None

    @property
    def earned(self) -> Earned | None:
        """What a request came to, by the last monitoring run that came to a decision."""
        return heartbeats.earned(next((one for one in reversed(self.monitored) if one.good), None))

    def evidence(self) -> list[Transition]:
        """The advances of the challenger, the oldest first: each carries what it had shown by then."""
        one = self.state.challenger
        moves = [move for move in self.transitions if one is not None and move.version == one.version]
        return [move for move in moves if move.kind == "advance"]

    def waits_for(self) -> str:
        """What the challenger's stage asks for, as the policy in force says."""
        one = self.state.challenger
        if one is None:
            return ""
        try:
            steps = {step.name: step.needs for step in rollout_policy.in_force().stages}
        except LoopError:
            steps = {}
        if (needs := steps.get(one.stage.name)) is None:
            return "the policy has no such stage any more"
        asked = {"day": needs.days_min, "row": needs.rows_min, "label": needs.labels_min}
        told = ", ".join(counted(number, what) for what, number in asked.items() if number)
        return f"before it goes on it needs {told}" if told else "it needs no evidence to go on"


def view(now: pd.Timestamp) -> Overview:
    """What git says at `now`, with what origin has where it answers."""
    earlier = _earlier()
    for name in (*earlier, production.BRANCH, heartbeats.LOG.branch):
        _bring(name)
    ref = production.ref()
    moves = log.transitions(ref)
    beats = heartbeats.known()
    states = [one.state for one in moves if one.state is not None]
    return Overview(
        now,
        states[-1] if states else EMPTY,
        [_before(name, after) for name, after in pairwise([*earlier, production.BRANCH])],
        moves,
        log.versions(ref),
        heartbeats.schedules(beats, now),
        [one for one in beats if one.schedule == "monitor" and not one.to_come(now)],
        [one for one in past_retrains.in_git(now) if one.outcome == "open"],
        remote.address(),
    )


def _earlier() -> list[str]:
    try:
        return environments.in_force().chain[:-1]
    except LoopError:  # which the command that uses it names
        return []


def _before(name: str, after: str) -> Before:
    """What an environment's branch says, as this clone knows it; what cannot be read is said."""
    try:
        there = production.read(production.ref(name), name)
        one = there.state.challenger
        found = rehearsal.find(there, one.version) if one else None
    except LoopError as error:
        return Before(name, None, error.found)
    shown = f"rehearsed on {found.at:%Y-%m-%d}" if found else "not rehearsed yet"
    return Before(name, one, shown if one else "", after if one and _has(after, one.version) else "")


def _has(name: str, number: int) -> bool:
    """Whether a version has entered an environment."""
    ref = production.ref(name)
    return ref is not None and Commit(ref).file(production.VERSIONS / f"{number}.yaml") is not None


def _bring(name: str) -> None:
    """A branch of origin's; one that is not there, or an origin that does not answer, changes nothing."""
    if remote.remote():
        spec = f"+refs/heads/{name}:refs/remotes/origin/{name}"
        remote.to_remote("fetch", "--quiet", "--no-tags", "origin", spec)


def terminal(found: Overview) -> Iterator[str]:
    """One screen."""
    yield f"serves     {log.described(found.state)}"
    if found.since is not None:
        yield f"           the champion since {found.since:%Y-%m-%d %H:%M}Z"
    if found.state.challenger is not None:
        yield f"           {found.waits_for()}; `loop rollout status` says what it has shown"
    for place in found.before:
        yield f"{place.name:<10} {place.text()}; `loop rollout status --environment {place.name}`"
    for one in found.schedules:
        yield f"{one.name:<10} {one.standing(found.now)}"
    last = found.monitored[-1] if found.monitored else None
    yield f"decision   {plain(last.more.get('Decision', 'none came'), 60) if last else 'unknown'}"
    if found.earned is not None:
        yield f"kpi        {in_words(found.earned)}"
    for attempt in found.retrains:
        yield f"retrain    of {attempt.day} is open: {plain(attempt.where, 80)}"


def in_words(one: Earned) -> str:
    """What a request came to, as "revenue a ride 12.31 EUR (11.9 to 12.7), the week until 2026-11-23"."""
    of = f"{plain(one.title, 60)} {in_digits(one.mean)} {plain(one.unit, 20)}"
    ends = (
        f" ({in_digits(one.low)} to {in_digits(one.high)})"
        if one.low is not None and one.high is not None
        else ""
    )
    return f"{of}{ends}, the week until {one.until:%Y-%m-%d}"


def metrics(found: Overview) -> str:
    """The same for Prometheus, in its text format: instants, so that silence shows by itself."""
    lines = []
    for kind in ("last", "last_good"):
        name = f"loop_schedule_{kind}_timestamp_seconds"
        lines.append(f"# TYPE {name} gauge")
        for one in found.schedules:
            beat = getattr(one, kind)
            if beat is not None:
                lines.append(f'{name}{{schedule="{one.name}"}} {beat.at.timestamp():.0f}')
    name = "loop_schedule_never_good_since_timestamp_seconds"
    lines.append(f"# TYPE {name} gauge")
    for one in found.schedules:
        if one.last_good is None and one.began is not None:
            lines.append(f'{name}{{schedule="{one.name}"}} {one.began.timestamp():.0f}')
    lines.append("# TYPE loop_production_weight_percent gauge")
    for model in found.state.models:
        about = f'role="{model.role}",version="{model.version}"'
        lines.append(f"loop_production_weight_percent{{{about}}} {model.weight}")
    if (earned := found.earned) is not None:
        about = f'kpi="{_label(earned.title)}",unit="{_label(earned.unit)}"'
        values = {"mean": earned.mean, "low": earned.low, "high": earned.high}
        values["until_timestamp_seconds"] = earned.until.timestamp()
        for kind, value in values.items():
            if value is not None:
                lines += [f"# TYPE loop_kpi_{kind} gauge", f"loop_kpi_{kind}{{{about}}} {value!r}"]
    lines += ["# TYPE loop_retrains_open gauge", f"loop_retrains_open {len(found.retrains)}"]
    return "\n".join(lines) + "\n"


def _label(text: str) -> str:
    """A label's value in Prometheus' text format."""
    return plain(text, 100).replace("\\", r"\\").replace('"', r"\"")
