"""`loop rollback`: an earlier version serves again, by one commit on the branch `production`.

Nothing is built and nothing is asked that can wait: names in MLflow, and the pull request that takes the
refused change back from main, come after the commit and never undo it.
"""

import os

import pandas as pd

from loop.base.errors import LoopError
from loop.base.markup import plain
from loop.base.warning import warn
from loop.deploy import render
from loop.github import workflow_output
from loop.production import branch, log, transitions
from loop.production.state import STATE, VERSIONS, Production, State, Version
from loop.repo import remote
from loop.repo.git import git
from loop.rollout import available, follow, revert_pull_request

UNSAID = "not said"


def main(to: int | None, reason: str | None, now: pd.Timestamp, *, commit: bool, pull_request: bool) -> int:
    """Go back, then take the refused change back from main; `commit` or `pull_request` alone do half.

    Raises LoopError, with nothing changed, when there is nothing to go back to or it cannot serve.
    """
    os.chdir(git("rev-parse", "--show-toplevel"))  # whoever is on call may be anywhere in the clone
    if not commit:
        return revert_pull_request.main(branch.fetch())
    after = back(to, plain(reason or "") or UNSAID, now)
    if after.state.champion is not None:
        print(f"version {after.state.champion.version} serves again: {after.commit}", flush=True)
    follow.follow(after)
    return revert_pull_request.main(after) if pull_request else 0


def back(to: int | None, reason: str, now: pd.Timestamp) -> Production:
    """The branch after the one commit that makes `to`, or the champion before, the champion.

    Raises LoopError when the champion is another than at the first try: somebody else was faster.
    """
    champions: list[int | None] = []
    run = workflow_output.run_url()

    def transition(there: Production) -> tuple[State, str, None]:
        """Go back from what production is now, which may be newer than at the first try."""
        champion = there.state.champion
        champions.append(champion.version if champion else None)
        if champions[0] != champions[-1]:
            raise LoopError(
                f"production changed meanwhile: version {champions[-1]} is champion, not {champions[0]}",
                "the champion that you meant to take back",
                "look at `loop rollout status`, then run it again if it is still needed",
            )
        _once(there, run)
        target = _target(there, to)
        state = transitions.back(there.state, target, reason, now)
        if len(champions) == 1:
            available.check(target)
        return state, _message(there.state, target, reason, run), None

    return branch.change(transition, render.rescued)


def _target(there: Production, to: int | None) -> Version:
    """The version to go back to. Raises LoopError when it never was champion, or there is none."""
    champion = there.state.champion
    if champion is None or there.commit is None:
        raise LoopError("nothing serves yet", "a champion to go back from", transitions.STATUS)
    if to is not None:
        target = there.version(to)
        if to not in log.champions(there.commit):
            raise LoopError(
                f"version {to} was never champion",
                "one that has shown what it is worth",
                f"{transitions.STATUS}; `loop rollout advance` is the way of a challenger",
            )
        if edited := _edited(target, there.commit):
            raise LoopError(
                edited,
                "what its callers were answered by",
                f"`git log -p origin/{there.branch} -- {VERSIONS}/{to}.yaml` shows who changed it, and a "
                "pull request brings it back; or `loop rollback --to` another version",
            )
        return target
    passed = {champion.version, *(one.version for one in there.state.refused)}
    for number in log.champions(there.commit):
        if number not in passed and number in there.versions:
            if not (edited := _edited(there.versions[number], there.commit)):
                return there.versions[number]
            passed.add(number)
            warn(f"{edited}: it is passed over")
    once = set(log.champions(there.commit)) & set(there.versions) - {champion.version}
    known = ", ".join(map(str, sorted(once)))
    none = "no other ever was: mend it by a pull request; on one host `loop deploy --down` stops it meanwhile"
    todo = f"name one by --to: {known}" if known else none
    if there.state.challenger is not None:
        number = there.state.challenger.version
        todo = f"`loop rollout abort` takes back version {number}, the challenger; {todo}"
    raise LoopError(
        f"no version before {champion.version} was champion and was not refused", "an earlier champion", todo
    )


def _edited(one: Version, commit: str) -> str:
    """What of a version's record is another than when it served; nothing where it is as it was."""
    then = next(was for was in log.served(commit) if was.version == one.version)
    parts = [part for part in ("commit", "model", "image") if getattr(one, part) != getattr(then, part)]
    path = f"{VERSIONS}/{one.version}.yaml"
    return f"{path} names another {' and another '.join(parts)} than when it served" if parts else ""


def _message(state: State, target: Version, reason: str, run: str | None) -> str:
    champion = state.champion.version if state.champion else None
    gone = state.challenger.version if state.challenger else None
    body = "" if gone in (None, target.version) else f"Version {gone}, the challenger, is refused too."
    trailers = {"Reason": reason, "From": champion, "To": target.version, "By": remote.who(), "Run": run}
    subject = transitions.SUBJECTS["rollback"].format(version=target.version, champion=champion)
    return remote.message(subject, body, **trailers)


def _once(there: Production, run: str | None) -> None:
    """Raise LoopError when this run has gone back already: run again, it would go further back."""
    if run is None or there.commit is None:
        return
    texts = git("log", "--format=%b%x00", "-20", there.commit, "--", str(STATE)).split("\0")
    if any(remote.trailers(text)[1].get("Run") == run for text in texts):
        raise LoopError(
            f"this run has gone back already: {run}",
            "a run that has changed nothing yet",
            "start rollback.yml anew to go back further",
        )
