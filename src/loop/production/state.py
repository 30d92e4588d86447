"""What serves, as the branch `production` says: its files, read and held to their contract.

`rollout.yaml` is the state: each model that serves, in which role, with which share of the requests.
`versions/N.yaml` says of each version that was ever released where it comes from; it is written once.
The log of the branch is the history of every deployment. Environments before production, where there are
any, each have a branch of the same form.
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import pandas as pd
from pydantic import AfterValidator, Field, model_validator

from loop.base.counted import counted
from loop.base.errors import LoopError
from loop.repo.commit import Commit
from loop.repo.git import git
from loop.settings.params import Instant, Section, parse

BRANCH = "production"
STATE, VERSIONS = Path("rollout.yaml"), Path("versions")
REHEARSALS = Path("rehearsals")  # what versions showed in the environment before, as rehearsal.py reads it
RECORD = re.compile(rf"{VERSIONS}/([1-9][0-9]{{0,8}})\.yaml")
STAGE_NAME = r"^[a-z][a-z0-9-]*$"
AHEAD = timedelta(days=1)  # a laptop whose clock is of another zone is off by less, and may roll back


def _fix(path: Path, branch: str) -> str:
    return f"`git log -p origin/{branch} -- {path}` shows who changed it; put back the last right one there"


def _hex(length: int) -> Any:
    def check(text: str) -> str:
        if not re.fullmatch(f"[0-9a-f]{{{length}}}", text):
            raise ValueError(f"is {text[:80]!r}, not {length} hexadecimal digits")
        return text

    return AfterValidator(check)


def _by_digest(image: str) -> str:
    if not re.fullmatch(r"[a-z0-9]\w*(([./:]|-+)\w+)*@sha256:[0-9a-f]{64}", image, re.ASCII):
        raise ValueError(f"is {image[:120]!r}, not an image by its digest, NAME@sha256:…")
    return image


CommitHash = Annotated[str, _hex(40)]
Sha256 = Annotated[str, _hex(64)]
Image = Annotated[str, AfterValidator(_by_digest)]
Number = Annotated[int, Field(ge=1)]


class Version(Section):
    """`versions/N.yaml`: where a version comes from, and who let it in. Hashes: data by path, md5."""

    version: Number
    commit: CommitHash
    model: Sha256
    image: Image | None  # None where none was pushed: processes serve from git alone
    released: Instant
    lock: Sha256  # of dvc.lock
    data: dict[str, str]
    verdict: str
    pull: int | None
    author: str | None
    approver: str | None  # several with commas between

    @property
    def approval(self) -> str:
        """Who approved it, in words that say why nobody had to."""
        nobody = "nobody (`approvals: 0` in deploy/policy.yaml)" if self.pull else "nobody"
        return self.approver or nobody


class Stage(Section):
    """A stage of a rollout that a challenger has entered: its share of the requests, in percent."""

    name: str = Field(pattern=STAGE_NAME)
    weight: int = Field(ge=0, le=99)
    mirror: bool
    since: Instant


class Champion(Section):
    """The model whose answers count."""

    role: Literal["champion"]
    version: Number
    weight: int = Field(ge=0, le=100)
    commit: CommitHash
    model: Sha256
    image: Image | None
    since: Instant


class Challenger(Section):
    """The model that is to show what it is worth; the last of its stages is where it is now."""

    role: Literal["challenger"]
    version: Number
    weight: int = Field(ge=0, le=100)
    commit: CommitHash
    model: Sha256
    image: Image | None
    stages: list[Stage] = Field(min_length=1)
    held: str | None = None  # why it may not go on

    @property
    def stage(self) -> Stage:
        """Where it is now."""
        return self.stages[-1]

    @model_validator(mode="after")
    def _as_its_stage_says(self) -> "Challenger":
        if self.weight != self.stage.weight:
            raise ValueError(f"weight {self.weight} is not that of its stage {self.stage.name}")
        return self


class Refused(Section):
    """A version that was taken back, when and why: no release brings it up again by itself."""

    version: Number
    at: Instant
    reason: str


class State(Section):
    """`rollout.yaml`: at most one champion and one challenger, whose weights add up to 100."""

    models: list[Annotated[Champion | Challenger, Field(discriminator="role")]]
    refused: list[Refused] = Field(default_factory=list)

    @property
    def champion(self) -> Champion | None:
        """The champion; None before the first release."""
        return next((one for one in self.models if isinstance(one, Champion)), None)

    @property
    def challenger(self) -> Challenger | None:
        """The challenger, if one is on its way."""
        return next((one for one in self.models if isinstance(one, Challenger)), None)

    @model_validator(mode="after")
    def _adds_up(self) -> "State":
        roles = [one.role for one in self.models]
        numbers = [one.version for one in self.models]
        if self.models and roles.count("champion") != 1:
            raise ValueError(f"names {roles.count('champion')} champions, not one")
        if roles.count("challenger") > 1:
            raise ValueError(f"names {roles.count('challenger')} challengers, not one at most")
        if len(set(numbers)) != len(numbers):
            raise ValueError(f"names version {numbers[0]} in two roles")
        if back := {one.version for one in self.refused} & set(numbers):
            raise ValueError(f"names version {min(back)}, which it says was taken back")
        if self.models and sum(one.weight for one in self.models) != 100:
            raise ValueError(f"has weights that add up to {sum(one.weight for one in self.models)}, not 100")
        return self


class Production:
    """The branch at one commit: its state, and every version that was ever released, by number.

    `newest` is the highest number that has a record, also one that cannot be read; `branch` is another than
    production's for an environment before it.
    """

    def __init__(
        self,
        commit: str | None,
        state: State,
        versions: dict[int, Version],
        newest: int = 0,
        branch: str = BRANCH,
    ) -> None:
        self.commit, self.state, self.versions, self.branch = commit, state, versions, branch
        self.newest = max(newest, *versions, 0)

    def version(self, number: int) -> Version:
        """The record of a version. Raises LoopError with the versions that there are."""
        return one_of(self.versions, number)

    def of_commit(self, commit: str) -> Version | None:
        """The version that was released from a commit of main; the newest if there are several."""
        found = [one for one in self.versions.values() if one.commit == commit]
        return max(found, key=lambda one: one.version, default=None)


def one_of(versions: dict[int, Version], number: int) -> Version:
    """A version by its number. Raises LoopError with the versions that there are."""
    if number not in versions:
        there = ", ".join(map(str, sorted(versions)[-10:])) or "none"
        raise LoopError(
            f"there is no version {number}",
            f"one that was released: {there}",
            "name one of them; `git fetch origin` if it was released since",
        )
    return versions[number]


EMPTY = State(models=[])


def ref(branch: str = BRANCH) -> str | None:
    """The name by which this clone knows the branch; None where it does not."""
    names = (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}")  # of a clone, or the only one
    known = git("for-each-ref", "--format=%(refname)", *names).split()
    return next((name for name in names if name in known), None)


def read(at: str | None, branch: str = BRANCH) -> Production:
    """The branch at a ref or commit; empty for None, and for a branch on which nothing was released yet.

    Raises LoopError for files that were edited by hand into what cannot serve.
    """
    if at is None:
        return Production(None, EMPTY, {}, branch=branch)
    commit = git("rev-parse", "--verify", f"{at}^{{commit}}")
    listed = Commit(commit).texts(str(STATE), str(VERSIONS))
    numbers = [int(found[1]) for found in map(RECORD.fullmatch, listed) if found]
    if str(STATE) not in listed and not numbers:
        return Production(commit, EMPTY, {}, branch=branch)
    there = str(STATE) in listed
    state = _parsed(commit, STATE, listed[str(STATE)], "rollout", State, branch) if there else EMPTY
    serving = {one.version for one in state.models}
    versions = {}
    for number in numbers:
        try:
            path = VERSIONS / f"{number}.yaml"
            one = _parsed(commit, path, listed[str(path)], "version", Version, branch)
        except LoopError:
            if number in serving:
                raise
            continue  # what was broken of another version stands in nobody's way
        if one.version == number:
            versions[number] = one
    timely(state, pd.Timestamp(git("log", "-1", "--format=%cI", commit)), branch)
    _consistent(state, versions, numbers, branch)
    return Production(commit, state, versions, max(numbers, default=0), branch)


P = TypeVar("P", State, Version)


def _parsed(commit: str, path: Path, text: str, name: str, model: type[P], branch: str) -> P:
    """A file of the branch from its text. Raises LoopError that says where to fix it."""
    try:
        return parse(name, Commit(commit).parsed(path, text), model, path)
    except LoopError as error:
        raise LoopError(
            f"on the branch {branch}, {error.found}", error.expected, _fix(path, branch)
        ) from None


def timely(state: State, at: pd.Timestamp, branch: str = BRANCH) -> None:
    """Raise LoopError for a state that names an instant after that of its own commit, or of now.

    Whoever edits by hand also says when a commit was made.
    """
    at = min(at, pd.Timestamp.now("UTC"))
    named = [one.at for one in state.refused]
    for model in state.models:
        named += [model.since] if isinstance(model, Champion) else [stage.since for stage in model.stages]
    if later := [f"{one:%Y-%m-%dT%H:%MZ}" for one in named if one > at + AHEAD]:
        raise LoopError(
            f"{STATE} on {branch} names {later[0]}, which is after its commit, or still to come",
            "instants of the past",
            _fix(STATE, branch),
        )


def _consistent(state: State, versions: dict[int, Version], numbers: list[int], branch: str) -> None:
    """Raise LoopError for a state without a model beside versions, and for one that no release made.

    `numbers` are of all records, also of those that cannot be read.
    """
    if numbers and not state.models:
        raise LoopError(
            f"{STATE} on {branch} names no model, though {counted(len(numbers), 'version')} were released",
            "a champion",
            _fix(STATE, branch),
        )
    if unknown := {one.version for one in state.refused} - set(numbers):
        raise LoopError(
            f"{STATE} on {branch} refuses version {min(unknown)}, which was never released",
            f"a version with a file in {VERSIONS}/",
            _fix(STATE, branch),
        )
    for one in state.models:
        known = versions.get(one.version)
        if known is None:
            raise LoopError(
                f"{STATE} on {branch} names version {one.version}, which was never released",
                f"a version with a file in {VERSIONS}/",
                _fix(STATE, branch),
            )
        if (one.commit, one.model, one.image) != (known.commit, known.model, known.image):
            raise LoopError(
                f"{STATE} on {branch} says of version {one.version} another commit, model or image "
                f"than {VERSIONS}/{one.version}.yaml",
                "the ones that were released",
                _fix(STATE, branch),
            )
