"""What a name of a side means: a commit, branch or tag, a version of production, or a run of MLflow."""

import re
from dataclasses import dataclass

from loop.base.errors import LoopError, UsageError
from loop.base.markup import plain
from loop.compare import recorded_run
from loop.model.run_file import CLAIM
from loop.production import log, state
from loop.repo.commit import Commit, of_model, require
from loop.review import base
from loop.settings.paths import PIPELINE_LOCK


@dataclass(frozen=True)
class Side:
    """A side as it was named, and its commit; None is the working tree."""

    name: str
    commit: str | None

    @property
    def title(self) -> str:
        """The side for people."""
        short = (self.commit or "")[:12]
        return self.name if short in ("", self.name) else f"{plain(self.name, 40)} ({short})"


TREE = Side("this tree", None)


def named(name: str) -> Side:
    """The side of that name. Raises LoopError for a commit without a dvc.lock, UsageError for no name."""
    commit = _version(name) or base.commit_named(name) or _run(name) or _version(name, bare=True)
    if commit is None:
        raise UsageError(
            f"{name}: git knows no such name{base.near(name)}, and MLflow no such run",
            'a branch, a tag, a commit, "version 3" of production, or a run of MLflow by its id or name',
            "`git log --oneline --all` lists commits, `loop audit` versions, `make ui` runs",
        )
    if Commit(commit).file(PIPELINE_LOCK) is None:
        raise LoopError(
            f"{name} is commit {commit[:12]}, which has no {PIPELINE_LOCK}",
            "a commit whose pipeline has run",
            f"name a later one; `git log --oneline -- {PIPELINE_LOCK}` lists those that wrote one",
        )
    return Side(name, commit)


def _version(name: str, bare: bool = False) -> str | None:
    """The commit of a version of production, named in full or by its bare number; None for another name."""
    found = re.fullmatch(rf"{'' if bare else 'version '}(\d{{1,9}})", " ".join(name.split()), re.IGNORECASE)
    if found is None:
        return None
    known = log.versions(state.ref())
    if bare and int(found[1]) not in known:
        return None
    if int(found[1]) not in known:
        there = ", ".join(map(str, known)) or "none"
        raise UsageError(
            f"production has no version {int(found[1])}",
            f"one of its versions: {there}",
            "`git fetch origin` brings what others released",
        )
    commit = known[int(found[1])].commit
    require(commit, name)
    return commit


def _run(name: str) -> str | None:
    """The commit that holds the model of a run of MLflow; None where there is no such run."""
    run = recorded_run.named(name)
    if run is None:
        return None
    tags = run.data.tags  # those of a run that was taken in claim its model: its commit says whether it holds
    sha256, started = str(tags.get("model_sha256", tags.get(CLAIM, ""))), str(tags.get("git_commit", ""))
    if sha256 and base.commit_named(started) and Commit(started).model() == sha256:
        return started
    if sha256 and (found := of_model(sha256)):
        return found[0]
    raise LoopError(
        f"run {run.info.run_id[:12]} made model {sha256[:12] or 'unknown'}, which no commit here holds",
        "a run whose model was committed",
        "commit what it was made from with its dvc.lock, or `git fetch origin` where another clone has it",
    )
