"""`rehearsals/N.yaml`: what a version showed in an environment, on a day of the champion's logged requests.

Figures alone, sealed by a hash of their own: what was edited by hand is refused. Who may push to the branch
can write another file and another seal; the rules of the branch say who that is.
"""

import hashlib
from datetime import date
from typing import Annotated, Any

import pandas as pd
from pydantic import AfterValidator, Field, model_validator

from loop.base.errors import LoopError
from loop.production import environments
from loop.production.state import (
    REHEARSALS,
    STAGE_NAME,
    CommitHash,
    Image,
    Number,
    Production,
    Sha256,
    Version,
)
from loop.repo import remote
from loop.repo.commit import Commit
from loop.settings import yaml_file
from loop.settings.params import Instant, Section, parse

REHEARSE = "`loop rollout rehearse --environment {}`"


def _day(text: str) -> str:
    date.fromisoformat(text)
    return text


Count = Annotated[int, Field(ge=0)]
Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Side(Section):
    """One of both models: which, how many of the comparable requests it answered, and how fast."""

    version: Number
    commit: CommitHash
    model: Sha256
    answered: Count
    median_ms: Milliseconds | None
    p99_ms: Milliseconds | None


class Shift(Section):
    """The mean of the version's score less the champion's, with its interval by hour; or of a class.

    announced: what the reviews between both said; None where they said nothing.
    """

    of: str | None
    value: Finite
    low: Finite | None
    high: Finite | None
    announced: Finite | None


class Rehearsal(Section):
    """The whole file. `asked` of the champion's `rows` of the day; `refused`: not replayable, by cause."""

    environment: str = Field(pattern=STAGE_NAME)
    at: Instant
    day: Annotated[str, AfterValidator(_day)]
    image: Image | None
    rows: Count
    asked: Count
    both: Count
    refused: dict[str, Count]
    champion: Side
    challenger: Side
    as_logged: Finite | None  # the champion's mean score, replayed less logged
    shifts: list[Shift]
    seal: Sha256

    @property
    def comparable(self) -> int:
        """Requests that could be replayed."""
        return self.asked - sum(self.refused.values())

    @model_validator(mode="after")
    def _as_it_was_written(self) -> "Rehearsal":
        if self.seal != sealed(self.model_dump()):
            raise ValueError("is not as `loop rollout rehearse` wrote it: its seal is of other figures")
        if max(self.both, self.champion.answered, self.challenger.answered) > self.comparable:
            raise ValueError("counts more answers than requests")
        return self


def sealed(values: dict[str, Any]) -> str:
    """The hash of all figures but the seal itself."""
    text = yaml_file.dump({key: str(value) for key, value in sorted(values.items()) if key != "seal"})
    return hashlib.sha256(text.encode()).hexdigest()


def made(**figures: Any) -> Rehearsal:
    """A rehearsal of these figures, with its seal."""
    plain = Rehearsal.model_construct(**figures, seal="").model_dump()
    return Rehearsal.model_validate(plain | {"seal": sealed(plain)})


def path(number: int) -> str:
    """Where the evidence of a version is."""
    return f"{REHEARSALS}/{number}.yaml"


def find(there: Production, number: int) -> Rehearsal | None:
    """What a version showed, as a branch holds it; None where it was not rehearsed.

    Raises LoopError for a file that was edited by hand.
    """
    commit = Commit(there.commit) if there.commit else None
    if commit is None or commit.file(path(number)) is None:
        return None
    try:
        return parse("rehearsal", commit.yaml(path(number)), Rehearsal)
    except LoopError as error:
        raise LoopError(
            f"{path(number)} on the branch {there.branch} does not count: {error.found}",
            "the evidence as it was written",
            f"{REHEARSE.format(there.branch)} makes it anew",
        ) from None


def of(there: Production, version: Version, champion: Version, days_max: int, now: pd.Timestamp) -> Rehearsal:
    """The evidence with which a version may leave an environment.

    Raises LoopError where there is none, of another commit, digest or champion, or one that is too old.
    """
    found = find(there, version.version)
    again = f"{REHEARSE.format(there.branch)} makes it, in a checkout that serves {there.branch}"
    if found is None:
        raise LoopError(
            f"version {version.version} was not rehearsed in {there.branch}",
            f"{path(version.version)} on the branch {there.branch}",
            again,
        )
    _same(found, there, version, champion, again)
    age = (now - found.at) / pd.Timedelta(days=1)
    if not -1 <= age <= days_max:
        raise LoopError(
            f"the rehearsal of version {version.version} is of {found.at:%Y-%m-%d %H:%MZ}",
            f"one of the last {days_max} days (deploy/environments.yaml)",
            again,
        )
    return found


def skipped(there: Production) -> list[int]:
    """Versions that serve in production past the environments before it, without evidence that counts.

    Asked of those whose own commit has such a chain, or was never main, where main has one still; the first
    version had no log.
    """
    if len(environments.in_force().chain) == 1:
        return []
    first = min(there.versions, default=0)
    asked = [
        one.version
        for one in there.state.models
        if one.version != first
        and (len(environments.of_commit(one.commit).chain) > 1 or not remote.once_main(one.commit))
    ]
    return [number for number in asked if not _counts(there, number)]


def _counts(there: Production, number: int) -> bool:
    """Whether the evidence on a branch is of its version's commit, model and image."""
    try:
        found = find(there, number)
    except LoopError:
        return False
    record = there.version(number)
    of = found and (found.challenger.commit, found.challenger.model, found.image)
    return of == (record.commit, record.model, record.image)


def past(numbers: list[int], branch: str) -> LoopError:
    """What keeps versions from being brought about that entered production past the chain."""
    named = ", ".join(map(str, numbers))
    return LoopError(
        f"version {named} entered {branch} without a rehearsal that counts",
        f"{path(numbers[0])}, as `loop rollout advance --environment` brings it along",
        "`loop rollout abort` or `loop rollback` takes it back; then let it go through the chain",
    )


def _same(found: Rehearsal, there: Production, version: Version, champion: Version, again: str) -> None:
    """Raise LoopError where the evidence is of something else than is to go on, or than serves."""
    pairs = [
        ("environment", found.environment, there.branch),
        ("version", found.challenger.version, version.version),
        ("commit", found.challenger.commit, version.commit),
        ("model", found.challenger.model, version.model),
        ("image", found.image, version.image),
        ("champion's commit", found.champion.commit, champion.commit),
        ("champion's model", found.champion.model, champion.model),
    ]
    for what, seen, wanted in pairs:
        if seen != wanted:
            raise LoopError(
                f"the rehearsal of version {version.version} is of another {what}: {str(seen)[-64:]}",
                str(wanted)[-64:],
                again,
            )
