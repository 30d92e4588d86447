"""From an environment to the next one: the same version, commit, model and image, by what it showed.

Nothing is built. Into production a version enters as any release does, at the first stage of the policy.
"""

import json
from collections.abc import Callable

from loop.base.errors import LoopError
from loop.deploy import render
from loop.production import branch, environments, image_origin, promotion, rehearsal, transitions
from loop.production.rehearsal import REHEARSE, Rehearsal
from loop.production.state import BRANCH, Challenger, Production, State, Version
from loop.repo import remote
from loop.rollout import follow, promote, rehearsal_check, staging
from loop.rollout.rollout import View


def status(name: str, at: View, *, as_json: bool = False) -> None:
    """Print what an environment before production holds, what its rehearsal showed, and what to do next."""
    chain = environments.in_force()
    there = branch.fetch(chain.before_production(name))
    waiting = there.state.challenger
    shown = rehearsal.find(there, waiting.version) if waiting else None
    following = f"{REHEARSE.format(name)}, in a checkout that serves {name}"
    if waiting is None or waiting.version in branch.fetch(chain.after(name)).versions:
        earlier = chain.chain[: chain.chain.index(name)]
        following = f"the next {f'version of {earlier[-1]}' if earlier else 'release'} enters {name}"
    elif waiting.held is not None:
        following = (
            f"it is held: {waiting.held}; `loop rollout hold --release --environment {name}` lets it go on"
        )
    elif shown is not None:
        try:
            _evidence(there, at)
            following = f"`loop rollout advance --environment {name}` lets it enter {chain.after(name)}"
        except LoopError as error:
            following = error.todo
    if as_json:
        state = json.loads(json.dumps(there.state.model_dump(), default=str))
        seen = json.loads(json.dumps(shown.model_dump(), default=str)) if shown else None
        print(json.dumps({"state": state, "rehearsal": seen, "next": following}, indent=2, allow_nan=False))
        return
    for one in there.state.models:
        held = f", held: {one.held}" if isinstance(one, Challenger) and one.held else ""
        print(f"{one.role:<11} version {one.version}, commit {one.commit[:12]}{held}")
    if shown is not None:
        print(rehearsal_check.text(shown, at.policy.limits, chain.rehearsal))
    print(f"next: {following}")


def advance(name: str, at: View) -> None:
    """Let the version that waits in an environment enter the next. Raises LoopError if its evidence does not.

    Into production where another person must approve: a pull request is opened, and nothing else is done.
    """
    chain = environments.in_force()
    there = branch.fetch(chain.before_production(name))
    if there.state.challenger is not None:
        transitions.free(there.state.challenger, f" --environment {name}")
    version, shown, text = _evidence(there, at)
    image_origin.hold(version, there)
    target = chain.after(name)
    if target != BRANCH:
        subject = f"Release version {version.version}: rehearsal in {target}"
        message = remote.message(subject, text, **_trailers(version, shown))
        follow.follow(staging.enter(target, branch.serving(), version, at.now, message))
        print(f"{target}: version {version.version}; {REHEARSE.format(target)} comes next")
        return

    def transition(now: Production) -> tuple[State, str, Version]:
        _free(now, version)
        state = transitions.enter(now.state, version, at.policy, at.now)
        entered = next(one for one in state.models if one.version == version.version)
        stage = entered.stage.name if isinstance(entered, Challenger) else "champion"
        subject = transitions.SUBJECTS["release"].format(
            version=version.version, role=f"from {name}, {stage}"
        )
        return state, remote.message(subject, text, **_trailers(version, shown), Stage=stage), version

    evidence = {rehearsal.path(version.version): branch.dump(shown)}
    files: Callable[[State], dict[str, str]] = lambda state: render.rendered(state) | evidence  # noqa: E731
    if promotion.asked():
        promote.propose(*branch.prepared(transition, files)[:2])
        return
    after = branch.change(transition, files)
    print(f"{BRANCH}: version {version.version}, commit {str(after.commit)[:12]}", flush=True)
    follow.follow(after)


def _evidence(there: Production, at: View) -> tuple[Version, Rehearsal, str]:
    """The version that waits, with evidence that lets it go on, and the evidence as text."""
    rules, version = environments.in_force().rehearsal, staging.challenger(there)
    shown = rehearsal.of(there, version, staging.champion(branch.serving()), rules.days_max, at.now)
    rehearsal_check.sufficient(shown, at.policy.limits, rules)
    return version, shown, rehearsal_check.text(shown, at.policy.limits, rules)


def _free(now: Production, version: Version) -> None:
    """Raise LoopError where production has the version already, a newer one, or a challenger on its way."""
    if version.version in now.versions:
        raise LoopError(
            f"version {version.version} has entered {BRANCH} already", "a new one", transitions.STATUS
        )
    if now.newest > version.version:
        raise LoopError(
            f"{BRANCH} knows version {now.newest}, which is newer than {version.version}",
            "a version later than those",
            "the next release enters the first environment of the chain",
        )
    if (ahead := transitions.on_its_way(now.state)) is not None:
        raise LoopError(
            f"version {ahead.version} is on its way in {BRANCH}, in {ahead.stage.name}",
            "no challenger with evidence to lose",
            "wait until it is champion or taken back, then rehearse again beside the new champion",
        )


def _trailers(version: Version, shown: Rehearsal) -> dict[str, object]:
    return {
        "Version": version.version,
        "Commit": version.commit,
        "Model": version.model,
        "Image": version.image,
        "Rehearsal": shown.seal,
        "Pull_request": version.pull and f"#{version.pull}",
        "Author": version.author,
        "Approved_by": version.pull and version.approval,
        "Verdict": version.verdict,
        "By": remote.who(),
    }
