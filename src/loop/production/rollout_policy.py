"""deploy/policy.yaml: how a new version takes over, and what it must show on the way.

Read from main. Without stages a new version becomes champion at once; with one stage of weight 0 that
mirrors nothing it is registered and built, and serves nobody until a person says `loop rollout advance`.
"""

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from loop.base.errors import LoopError
from loop.production.state import STAGE_NAME
from loop.repo import default_branch, git
from loop.repo.commit import Commit
from loop.settings.params import Section, parse
from loop.settings.paths import POLICY
from loop.settings.yaml_file import load


class Needed(Section):
    """What a stage must have shown before it may end."""

    days_min: int = Field(ge=0)
    rows_min: int = Field(ge=0)  # answered by the challenger, and in a mirror stage by both
    labels_min: int = Field(ge=0)  # of the challenger's rows, known by now


class Step(Section):
    """A stage: `weight` percent of the requests get the challenger's answer; `mirror` copies all to it."""

    name: str = Field(pattern=STAGE_NAME)
    weight: int = Field(ge=0, le=99)
    mirror: bool = False
    needs: Needed


class Limits(Section):
    """How far the challenger may be from the champion, and no further."""

    score_shift_max: float = Field(ge=0)  # mean of challenger minus champion, either way
    disagreement_max: float = Field(ge=0, le=1)  # share of pairs with another decision
    error_share_max: float = Field(ge=0, le=1)  # share of requests that the challenger left unanswered
    latency_times_max: float = Field(gt=0)  # its median, in times of the champion's
    alpha: float = Field(gt=0, lt=1)  # chance to call an equal challenger worse, however often it is seen
    loss_max: float = Field(ge=0)  # of the primary metric per row, against the champion's arm
    cost_max: float = Field(ge=0)  # of the business metric per row, likewise
    kpi_max: float | None = Field(default=None, ge=0)  # of the KPI per request, in its unit; None: only shown


class Policy(Section):
    """The whole file."""

    approvals: int = Field(default=1, ge=0, le=6)  # by others, of a change that is to be released
    gate_app: str | None = Field(default=None, pattern=r"^[a-z0-9-]+$")  # an App of one's own sets `gate`
    image: str | None  # where images are pushed; None: ghcr.io/OWNER/NAME
    entity_header: str = Field(pattern=r"^[A-Za-z][A-Za-z-]*$")  # requests that share it share a model
    timeout_ms: int = Field(ge=1)  # a challenger that takes longer has its request answered by the champion
    stages: list[Step]
    limits: Limits

    @model_validator(mode="after")
    def _grow(self) -> "Policy":
        names = [step.name for step in self.stages]
        if len(set(names)) != len(names) or "champion" in names:
            raise ValueError(f"stages {', '.join(names)}: each a name of its own, none called champion")
        weights = [step.weight for step in self.stages]
        if weights != sorted(weights):
            raise ValueError(f"stages with weights {weights}: a later stage has no smaller weight")
        return self


def in_force() -> Policy:
    """The policy of main as this clone knows it from `origin`, whatever is checked out or edited here.

    The judge does not belong to the judged. Without origin's main it is that of the checkout.
    """
    values, where = on_main(POLICY)
    return read() if values is None else parse("policy", values, Policy, where)


def on_main(path: Path, absent: Any = None) -> tuple[Any, Path]:
    """What a file of origin's main holds and its name for errors; None where this clone knows no such main.

    Where main has no such file that is `absent`. Raises LoopError for one that is no YAML, or must be there.
    """
    ref = default_branch.at_origin()
    commit = git.commit_of(ref)
    if commit is None:
        return None, path
    main = Commit(commit)
    where = Path(f"{path} on {ref.removeprefix('refs/remotes/')}")
    if absent is not None and main.file(path) is None:
        return absent, where
    try:
        return main.yaml(path) or {}, where
    except LoopError as error:
        raise LoopError(
            f"{where} cannot be read: {error.found}", "the policy of main", "fix it there"
        ) from None


def approvals(commit: str) -> int:
    """How many people must approve a change, as a commit says; one where it says nothing that can be read."""
    try:
        return int(Commit(commit).yaml(POLICY)["approvals"])
    except (LoopError, KeyError, TypeError, ValueError):
        return 1


def gate_app(commit: str) -> str | None:
    """The App that alone sets `gate`, as a commit says; None where workflows set it."""
    try:
        named = Commit(commit).yaml(POLICY)["gate_app"]
    except (LoopError, KeyError, TypeError):
        return None
    return named if isinstance(named, str) else None


def read(path: Path = POLICY) -> Policy:
    """The policy of this checkout. Raises LoopError that names every wrong key."""
    return parse("policy", load(path), Policy, path)
