"""deploy/environments.yaml: through which environments a version goes, by one digest, and on what evidence.

Read from main, as the policy is. Each environment is a branch of its name, of the same form as `production`,
which is the last of every chain. Without the file there is `production` alone.
"""

import re
from pathlib import Path

from pydantic import Field, model_validator

from loop.base.errors import LoopError
from loop.production import rollout_policy
from loop.production.state import BRANCH, STAGE_NAME
from loop.repo import default_branch
from loop.repo.commit import Commit
from loop.settings.params import Section, parse
from loop.settings.yaml_file import load

ENVIRONMENTS = Path("deploy/environments.yaml")
TAKEN = {*default_branch.USUAL, "looks", "heartbeats", "HEAD"}  # branches of another use


class Rehearsal(Section):
    """What a version must show in one environment before it enters the next."""

    rows_min: int = Field(default=1000, ge=1)  # requests of the day that both models answered
    rows_max: int = Field(default=20_000, ge=1)  # of a longer day so many, evenly over it
    days_max: int = Field(default=7, ge=1)  # how old the evidence may be

    @model_validator(mode="after")
    def _can_be_met(self) -> "Rehearsal":
        if self.rows_max < self.rows_min:
            raise ValueError(f"rows_max {self.rows_max} is below rows_min {self.rows_min}")
        return self


class Environments(Section):
    """The whole file."""

    chain: list[str] = Field(min_length=1, max_length=9)
    rehearsal: Rehearsal = Rehearsal()

    @property
    def first(self) -> str:
        """Where a release enters."""
        return self.chain[0]

    def after(self, name: str) -> str:
        """The environment that follows one before production."""
        return self.chain[self.chain.index(name) + 1]

    def before_production(self, name: str | None) -> str:
        """An environment of the chain by its name, the first by default; production is none of them.

        Raises LoopError for a name that is not in the chain, and for a chain of production alone.
        """
        earlier = self.chain[:-1]
        name = name or next(iter(earlier), BRANCH)
        if not earlier:
            raise LoopError(
                f"there is no environment before {BRANCH}{f', such as {name}' if name != BRANCH else ''}",
                f"a chain such as [staging, {BRANCH}] in {ENVIRONMENTS} on main",
                "add one by a pull request (docs/environments.md)",
            )
        if name not in earlier:
            raise LoopError(
                f"{name} is no environment before {BRANCH}",
                f"one of the chain in {ENVIRONMENTS} on main: {', '.join(earlier)}",
                f"name one of them, or add it to `chain` in {ENVIRONMENTS}",
            )
        return name

    @model_validator(mode="after")
    def _ends_in_production(self) -> "Environments":
        named = f"chain {', '.join(self.chain)}"
        if self.chain[-1] != BRANCH:
            raise ValueError(f"{named}: {BRANCH} is the last of every chain")
        if doubled := next((name for name in self.chain if self.chain.count(name) > 1), None):
            raise ValueError(f"{named}: {doubled} is there twice")
        taken = TAKEN | {default_branch.name()} if self.chain[1:] else TAKEN
        if bad := next(
            (one for one in self.chain if one in taken or not re.fullmatch(STAGE_NAME, one)), None
        ):
            raise ValueError(f"{named}: {bad} cannot be the branch of an environment")
        return self


ALONE = Environments(chain=[BRANCH])


def in_force() -> Environments:
    """The chain of main as this clone knows it from `origin`; without origin's main that of the checkout."""
    alone = ALONE.model_dump()
    values, where = rollout_policy.on_main(ENVIRONMENTS, absent=alone)
    if values is None:
        values = load(ENVIRONMENTS) if ENVIRONMENTS.is_file() else alone
    return parse("environments", values, Environments, where)


def of_commit(commit: str) -> Environments:
    """The chain as a commit says; production alone where it says nothing that can be read."""
    try:
        return Environments.model_validate(Commit(commit).yaml(ENVIRONMENTS))
    except (LoopError, ValueError):
        return ALONE


def known(name: str) -> str:
    """An environment of the chain by its name. Raises LoopError with those that there are."""
    chain = in_force()
    return name if name in chain.chain else chain.before_production(name)
