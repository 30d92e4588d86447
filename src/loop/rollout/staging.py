"""An environment before production: its branch holds production's champion, and the version to rehearse.

Both run there (`loop deploy --environment`), so that one day of requests can be sent to both.
"""

from collections.abc import Callable

import pandas as pd

from loop.base.errors import LoopError
from loop.deploy import render
from loop.production import branch, environments, transitions
from loop.production.state import Production, State, Version
from loop.repo import remote


def rendered(name: str) -> Callable[[State], dict[str, str]]:
    """What an environment's branch holds besides a state: manifests of both models, and of no other."""
    return lambda state: render.rendered(state, name)


def follow_production(name: str, live: Production, now: pd.Timestamp) -> Production:
    """An environment whose champion is production's: one commit where it was another."""
    there = branch.fetch(name)
    champion = live.state.champion
    if champion is None or (there.state.champion and there.state.champion.version == champion.version):
        return there
    record = live.version(champion.version)

    def transition(at: Production) -> tuple[State, str, Version | None]:
        state = transitions.mirrored(at.state, record, now)
        text = remote.message(
            f"Follow production: version {record.version} is champion", "", Version=record.version
        )
        return state, text, None if record.version in at.versions else record

    return branch.change(transition, rendered(name), name)


def enter(name: str, live: Production, version: Version, now: pd.Timestamp, text: str) -> Production:
    """A version in an environment, beside production's champion; it takes the place of one that was there."""
    follow_production(name, live, now)

    def transition(at: Production) -> tuple[State, str, Version]:
        if version.version in at.versions:
            raise LoopError(f"version {version.version} is in {name} already", "a new one", "run it again")
        return transitions.rehearsed(at.state, version, now), text, version

    return branch.change(transition, rendered(name), name)


def challenger(there: Production) -> Version:
    """The version that is to be rehearsed in an environment. Raises LoopError where there is none."""
    if there.state.challenger is None:
        raise LoopError(
            f"no version waits in {there.branch}",
            "one that a release or the environment before has brought",
            "the next release enters the first environment of the chain",
        )
    return there.version(there.state.challenger.version)


def champion(there: Production) -> Version:
    """The version that serves. Raises LoopError where none does."""
    if there.state.champion is None:
        raise LoopError(f"nothing serves in {there.branch}", "a champion", branch.first(there.branch))
    return there.version(there.state.champion.version)


def with_waiting(live: Production) -> Production:
    """Production, with the versions that the environments before it hold as well: they have their numbers.

    What was taken back there is taken back, where production never had it.
    """
    versions, newest, refused = dict(live.versions), live.newest, list(live.state.refused)
    for name in environments.in_force().chain[:-1]:
        there = branch.fetch(name)
        versions, newest = there.versions | versions, max(newest, there.newest)
        refused += [one for one in there.state.refused if one.version not in live.versions]
    return Production(live.commit, live.state.model_copy(update={"refused": refused}), versions, newest)
