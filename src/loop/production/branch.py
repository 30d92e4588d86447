"""The branch `production`, fetched and written: each transition is one commit, pushed or nothing.

Where `origin` has the branch, that one counts; without a remote, the local one. A push that another one
came before is not forced: the move is made again on the state that is there now, or refused by it. Another
environment's branch is fetched and written in the same way, by its name.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from loop.base.errors import LoopError
from loop.production import state as production
from loop.production.state import BRANCH, REHEARSALS, STATE, VERSIONS, Production, State, Version
from loop.repo.commit_log import FASTER, NO_BRANCH, TRIES
from loop.repo.git import LockedError, git
from loop.repo.remote import identity, remote, to_remote
from loop.settings import yaml_file
from loop.settings.params import Section

HEAD_OF_STATE = "# What serves. Made by `loop`: change it by `loop rollout` and `loop rollback`.\n"
AGAIN = "it may be there all the same: look at `loop rollout status` before you run it again"


Transition = Callable[[Production], tuple[State, str, Version | None]]


class _MovedError(Exception):
    """Another commit came first."""


def fetch(branch: str = BRANCH) -> Production:
    """The branch as it is now, at `origin` if there is one; empty where it was never made.

    Raises LoopError when `origin` does not answer, or lacks a branch that this clone knows.
    """
    if not remote():
        _alone(branch)
        return production.read(production.ref(branch), branch)
    local, there = _refs(branch)
    done = to_remote("fetch", "--quiet", "--no-tags", "origin", f"+{local}:{there}")
    if done.code and NO_BRANCH in done.errors and production.ref(branch) is None:
        return production.read(None, branch)
    if done.code:
        todo = "look at the network and at your rights"
        if branch == BRANCH:
            todo += "; `loop setup github --apply` makes a branch that is gone"
        raise LoopError(
            f"the branch {branch} cannot be fetched: {done.gist()}", f"a branch {branch} at origin", todo
        )
    return production.read(there, branch)


def _refs(branch: str) -> tuple[str, str]:
    """The branch here or at origin, and what this clone knows of origin's."""
    return f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"


def serving(branch: str = BRANCH) -> Production:
    """The branch with what serves now. Raises LoopError where nothing was released yet."""
    there = fetch(branch)
    if there.state.champion is None:
        raise LoopError("nothing was released yet", f"a champion on the branch {branch}", first(branch))
    return there


def nothing() -> str:
    """The one answer of commands that ask, where nothing was released yet."""
    return f"nothing was released yet: {first()}"


def first(branch: str = BRANCH) -> str:
    """What leads to the first release."""
    if branch != BRANCH:
        return f"the next release enters {branch}, once a champion serves in {BRANCH}"
    if not remote():
        return "`loop release record` releases the model of HEAD to this clone's own branch"
    if production.ref() is not None:
        return "the next merge to main releases its model"
    return (
        f"origin has no branch `{BRANCH}`, `loop setup github --apply` makes it; "
        "on a laptop a clone without origin has its own (docs/deploy.md)"
    )


def _alone(branch: str) -> None:
    """Raise LoopError for a clone whose remote has another name, and that has no such branch of its own."""
    if (others := git("remote").split()) and production.ref(branch) is None:
        raise LoopError(
            f"no remote is called origin, only {', '.join(others)}",
            f"the remote that has {branch}, as origin",
            f"`git remote rename {others[0]} origin`",
        )


def change(
    transition: Transition,
    files: Callable[[State], dict[str, str]],
    branch: str = BRANCH,
) -> Production:
    """Make one commit of a transition: from the branch as it is to a state, a message, a new version if any.

    `files` gives what else the commit holds, by path: what is rendered from the state. Raises LoopError
    when the move does, and when others were faster five times.
    """
    for _ in range(TRIES):
        _, commit, now = prepared(transition, files, branch)
        try:
            _push(commit, now)
        except _MovedError:
            continue
        return production.read(production.ref(branch), branch)
    raise LoopError(
        f"{branch} moved {TRIES} times while it was to be changed", "a branch at rest", "run it again"
    )


def prepared(
    transition: Transition, files: Callable[[State], dict[str, str]], branch: str = BRANCH
) -> tuple[str, str, Production]:
    """A transition as a commit that is nowhere yet: its message, its hash, the branch that it is made on."""
    now = fetch(branch)
    state, message, version = transition(now)
    return message, _commit(now, state, message, version, files(state)), now


def dump(section: Section) -> str:
    """A state, a version or a rehearsal as YAML; instants as ISO texts in UTC."""
    return yaml_file.dump(_plain(section.model_dump()))


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value


def _commit(
    now: Production, state: State, message: str, version: Version | None, files: dict[str, str]
) -> str:
    """A commit of the state, the records as they are, a new one and what is rendered, and nothing else."""
    texts = {str(STATE): HEAD_OF_STATE + dump(state), **files}
    if version is not None:
        texts[f"{VERSIONS}/{version.version}.yaml"] = dump(version)
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        written = [Path(folder, str(place)) for place in range(len(texts))]
        for place, text in zip(written, texts.values(), strict=True):
            place.write_text(text, encoding="utf-8", newline="")
        names = "".join(f"{place}\n" for place in written)
        blobs = git("hash-object", "-w", "--no-filters", "--stdin-paths", text=names).split()
        lines = _records(now.commit).splitlines() if now.commit else []
        lines += [f"100644 {blob}\t{path}" for blob, path in zip(blobs, texts, strict=True)]
        git("update-index", "--index-info", text="".join(f"{line}\n" for line in lines), env=index)
        tree = git("write-tree", env=index)
    parents = ["-p", now.commit] if now.commit else []
    return git("commit-tree", tree, *parents, text=message + "\n", env=identity())


def _records(commit: str) -> str:
    """What of a commit the next one keeps as it is, as git's index takes it."""
    return git("ls-tree", "-r", "--full-tree", commit, "--", str(VERSIONS), str(REHEARSALS))


def _push(commit: str, now: Production) -> None:
    local, there = _refs(now.branch)
    if not remote():
        try:
            git("update-ref", local, commit, now.commit or "0" * 40)
        except LockedError:
            raise
        except LoopError:
            raise _MovedError from None
        return
    try:
        done = to_remote("push", "--quiet", "--porcelain", "origin", f"{commit}:{local}")
        output = f"{done.out}\n{done.errors}" if done.code else ""
        refused = LoopError(
            f"{now.branch} could not be pushed: {_why(output)}",
            f"the right to push to {now.branch}",
            f"look at your rights, the rules of the branch and the network; {AGAIN}",
        )
    except LoopError as error:
        output, refused = "no answer", LoopError(error.found, error.expected, AGAIN)
    if any(sign in output for sign in FASTER):
        raise _MovedError
    if output and not _arrived(commit, local):
        raise refused
    git("update-ref", there, commit)


def _arrived(commit: str, branch: str) -> bool:
    """Whether a push whose answer was lost has arrived: a rollback made again goes a step further."""
    try:
        return commit in to_remote("ls-remote", "origin", branch).out.split()
    except LoopError:
        return False


def _why(output: str) -> str:
    """What a server said to a push, before git's own last line, which says nothing."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    reasons = [line for line in lines if line.startswith(("remote:", "!", "fatal:"))]
    return "; ".join(reasons or lines[-1:]) or "it said nothing"
