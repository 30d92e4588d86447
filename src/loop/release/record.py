"""register: a version that was built enters `production`, the registry and GitHub's release notes.

The commit on `production` is the release; the other two follow it, and can be made again.
"""

import hashlib
from dataclasses import dataclass

import pandas as pd

from loop.base import markup
from loop.base.errors import LoopError
from loop.base.warning import warn
from loop.deploy import render
from loop.github import workflow_output
from loop.github.client import GitHub, RefusalError
from loop.production import branch, content, environments, log, rehearsal, transitions
from loop.production import rollout_policy as policy
from loop.production import state as production
from loop.production.rollout_policy import Policy
from loop.production.state import Challenger, Production, State, Version
from loop.release import plan, release_notes
from loop.release.changelog import Contents, changelog
from loop.release.needs_release import NeedsRelease, before, needs_release
from loop.release.plan import Plan
from loop.repo import dvc_lock, remote
from loop.repo.commit import Commit
from loop.rollout import follow, rehearsal_check, staging
from loop.settings import renamed
from loop.settings.paths import CARD, CARD_JSON, PARAMS, PIPELINE_LOCK


class _NothingToDo(Exception):  # noqa: N818 - it is no error
    """Why nothing is written."""


@dataclass(frozen=True)
class Release:
    """What a transition needs to know: the plan, the image, the policy and the time."""

    plan: Plan
    image: str
    policy: Policy
    now: pd.Timestamp


def main(image: str, now: pd.Timestamp) -> int:
    """Bring the plan's version about; a version that is on record already is only published again.

    Without `origin` the version enters this clone's own branch, with no image and no release notes.
    Raises LoopError when `production` cannot be written, or GitHub's release not be made.
    """
    made = plan.make()
    if not made.go:
        print(f"nothing to release: {made.needs_release.reason}")
        return 0
    try:
        version = made.unpublished or _write(Release(made, image, policy.read(), now.floor("s")))
    except _NothingToDo as reason:
        print(f"nothing to release: {reason}")
        return 0
    there = branch.fetch()
    if made.unpublished:
        follow.follow(there)
    if not remote.remote():
        print(f"version {version.version} is on a branch of this clone's own, approved by nobody")
        return 0
    _show(version, notes(there, version))
    return 0


def _show(version: Version, text: str) -> None:
    """The release notes, on GitHub and on the run's page; a release that GitHub refuses is a warning."""
    try:
        address = release_notes.put(GitHub.of_this_run(), version, text)
    except release_notes.NoTagError as error:
        address, command = "", release_notes.by_hand(version)
        warn(
            f"version {version.version} is released, but its page on GitHub is not there: {error.found}. "
            "GitHub lets no workflow tag a commit whose .github/workflows differ from the default branch's. "
            f"A person may: `{command}`; then run this job again, for notes and packages"
        )
        text = f"Its page on GitHub is not there. To do, then run this job again:\n\n    {command}\n\n{text}"
    except RefusalError as error:
        if error.status not in release_notes.NO:
            raise
        address = ""
        warn(
            f"version {version.version} is released, but its page on GitHub lacks something: {error.found}. "
            f"To do: {error.todo}; then run this job again, for notes and packages"
        )
    print(f"version {version.version} is released{address and f': {address}'}")
    workflow_output.put(version=version.version, page=address)
    workflow_output.summary(f"## Version {version.version} is released\n\n{text}")


def _write(release: Release) -> Version:
    """One commit on `production`; the version as it is there."""
    if not release.image and remote.remote():
        raise LoopError("no --image is given", "NAME@sha256:… of what was pushed", "`loop image --push`")
    live, first = branch.fetch(), environments.in_force().first
    if (
        first == production.BRANCH or live.state.champion is None
    ):  # without a champion there is no log to replay
        after = branch.change(lambda now: _transition(now, release), render.rendered)
    else:
        found, version = _new(live, release)
        text = _message(version, f"rehearsal in {first}", found.last)
        after = staging.enter(first, live, version, release.now, text)
    follow.follow(after)
    written = after.of_commit(release.plan.commit)
    if written is None:
        raise LoopError(
            f"{after.branch} lacks the version that was just written", "the version", "run it again"
        )
    print(f"{after.branch}: version {written.version}, commit {str(after.commit)[:12]}")
    return written


def _transition(now: Production, release: Release) -> tuple[State, str, Version]:
    """The version entered on what is there now: others may have released meanwhile."""
    found, version = _new(now, release)
    state = transitions.enter(now.state, version, release.policy, release.now)
    entered = next(one for one in state.models if one.version == version.version)
    role = f"challenger, {entered.stage.name}" if isinstance(entered, Challenger) else "champion"
    return state, _message(version, role, found.last), version


def _new(now: Production, release: Release) -> tuple[NeedsRelease, Version]:
    """The version to make, with the number after all that production and the environments before it have."""
    found = needs_release(staging.with_waiting(now), release.plan.commit)
    if found.number is None:
        raise _NothingToDo(found.reason)
    return found, _version(found.number, release)


def _message(version: Version, role: str, last: Version | None) -> str:
    return remote.message(
        transitions.SUBJECTS["release"].format(version=version.version, role=role),
        _since(last, version),
        Version=version.version,
        Commit=version.commit,
        Model=version.model,
        Image=version.image,
        Pull_request=version.pull and f"#{version.pull}",
        Author=version.author,
        Approved_by=version.pull and version.approval,
        Verdict=version.verdict,
    )


def _version(number: int, release: Release) -> Version:
    commit, came = release.plan.commit, release.plan.evidence[0]
    outs = dvc_lock.outs(Commit(commit).yaml(PIPELINE_LOCK))
    return Version.model_validate(
        {
            "version": number,
            "commit": commit,
            "model": content.of(commit).model,
            "image": release.image or None,
            "released": release.now,
            "lock": hashlib.sha256(Commit(commit).file(PIPELINE_LOCK) or b"").hexdigest(),
            "data": {path: md5 for path, md5 in outs.items() if path.startswith("data/")},
            "verdict": came.verdict,
            "pull": came.pull,
            "author": came.author,
            "approver": came.approver,
        }
    )


def notes(now: Production, version: Version) -> str:
    """The release notes of a version: what changed, where it comes from, and its model card."""
    last = before(now, version.commit)
    made, back = contents(version.commit).card, _back(now, version)
    rehearsed = rehearsal.find(now, version.version)
    values = {
        "address": markup.ready(remote.address() or ""),  # of letters, digits, dots and dashes
        "owner": made.get("owner") or "nobody named",
        "limits": made.get("limits") or [],
        "back": back,
        "undone": _undone(back, version),
        "chain": environments.in_force().chain,
        "rehearsal": rehearsed,
        "shown": markup.fenced(rehearsal_check.shown(now, version.version).splitlines()) if rehearsed else "",
        "version": version,
        "last": last,
        "changes": markup.ready(_since(last, version)),
        "card": markup.ready(Commit(version.commit).text(CARD)),
    }
    return markup.render("loop.release", "release_notes.md.j2", values)


def _back(now: Production, version: Version) -> Version | None:
    """The version that `loop rollback` would let serve again once this one is champion."""
    earlier = log.champions(now.commit) if now.commit else iter(())
    taken = {version.version, *(one.version for one in now.state.refused)}
    return next((now.versions[one] for one in earlier if one not in taken and one in now.versions), None)


def _undone(back: Version | None, version: Version) -> str:
    """What going back takes away."""
    if back is not None and back.model == version.model:
        return "what serves the model, which stays the same"
    return "the model, and what serves it"


def _since(last: Version | None, version: Version) -> str:
    return changelog(contents(last.commit) if last else None, contents(version.commit))


def contents(commit: str) -> Contents:
    """What a changelog compares, of a commit that git has."""
    card, params, made = (Commit(commit).yaml(path) or {} for path in (CARD_JSON, PARAMS, PIPELINE_LOCK))
    return Contents(card, renamed.current(params), made, dict(content.of(commit).served))
