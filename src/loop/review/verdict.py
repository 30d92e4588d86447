"""The verdict as plain values: `review/verdict.json`, and the one rule that turns checks into a verdict.

The report is a function of this file alone, so that whoever posts it need not run the code that
was judged. Its texts come from data, params and branch names: hostile until escaped.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from loop.base import exit_codes
from loop.review.base import Base, judged
from loop.stats import paired

if TYPE_CHECKING:
    from loop.settings.review_policy import Limit  # which loads src/problem: a verdict is read without it

Outcome = Literal["better", "equivalent", "worse", "inconclusive", "no model change"]
SCHEMA_VERSION: Literal[2] = 2
TENTHS = 10
_TODO = {
    "worse": "fix what the check names; a limit that is wrong is changed in a pull request of its own",
    "inconclusive": "a person decides: look at the check that is inconclusive",
}


class Part(BaseModel):
    """A part of the verdict: unknown keys, wrong types and numbers that are none are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Check(Part):
    """One check by its key in `review` of params.yaml: figure, limit and its reason, and what came out."""

    name: str
    result: Literal["pass", "fail", "inconclusive"]
    figure: float | None
    limit: float | None
    finding: str
    reason: str


def held(name: str, figure: float, limit: "Limit", finding: str, ok: bool | None = None) -> Check:
    """A figure held against its limit, from above unless `ok` says; inconclusive where it is undefined."""
    known = bool(np.isfinite(figure))
    passed = figure <= limit.limit if ok is None else ok
    return Check(
        name=name,
        result=("pass" if passed else "fail") if known else "inconclusive",
        figure=round(float(figure), 6) if known else None,
        limit=limit.limit,
        finding=finding,
        reason=limit.reason,
    )


class Metric(Part):
    """A metric of both models on the same rows; `gain` above zero is better, whichever way it points."""

    name: str
    title: str
    role: Literal["primary", "guard", "shown"]
    champion: float | None
    candidate: float | None
    gain: float | None
    low: float | None
    high: float | None
    margin: float | None
    verdict: paired.Outcome


class Slice(Part):
    """A slice that moved in the primary metric; `p` is adjusted for how many slices were compared."""

    cut: str
    name: str
    rows: int
    champion: float | None
    candidate: float | None
    gain: float | None
    low: float | None
    high: float | None
    p: float | None
    worse: bool


class Tenth(Part):
    """Mean prediction and mean outcome of a tenth of the rows."""

    predicted: float
    outcome: float


class Calibration(Part):
    """Tenths of the rows for each model, by its own predictions, the lowest first."""

    champion: list[Tenth] = Field(min_length=TENTHS, max_length=TENTHS)
    candidate: list[Tenth] = Field(min_length=TENTHS, max_length=TENTHS)


class WorstRow(Part):
    """A row that the candidate errs most on: its place in the holdout from 0, its key, its loss.

    What of the key is personal is left out.
    """

    row: int
    key: dict[str, str]
    loss: float


class ErrorSlice(Part):
    """A part that holds `times` as many of the worst rows as its size says; `p` is adjusted (Holm)."""

    cut: str
    name: str
    rows: int
    worst: int
    times: float
    low: float
    high: float
    p: float


class Errors(Part):
    """Where the candidate errs most, by `metric` of each row alone.

    rows: how many are the worst, which hold `share` of all loss; found: parts of `rows_min` rows or more that
    they crowd in, of `looked_at`. The first of the rows, and of the parts, are in `worst` and `slices`.
    """

    metric: str
    rows: int
    share: float | None
    worst: list[WorstRow] = Field(min_length=1)
    slices: list[ErrorSlice]
    found: int
    looked_at: int
    rows_min: int


class Commit(Part):
    """A side of the comparison: a branch's name and its commit; dirty when the tree has more than that."""

    name: str
    commit: str
    dirty: bool


class Holdout(Part):
    """What was judged on: [since, until) in UTC, rows, clusters, and the cluster's name.

    since and until are empty where rows have no time of their own.
    """

    since: str
    until: str
    rows: int
    clusters: int
    cluster: str


class Look(Part):
    """Which look at the holdout this was, for a model (md5) that is not the champion's.

    times: how many times as wide as at the first look the interval of the deciding metric is. shift: the mean
    score less that of `champion` (md5), with classes of each, which is what a rehearsal must show again.
    rows: when those of the holdout were decided, in UTC: the first, each twentieth of them, the last.
    """

    number: int = Field(ge=1)
    model: str
    times: float = Field(ge=1)
    champion: str = Field(default="", pattern=r"^([0-9a-f]{32})?$")
    shift: list[float] = Field(default=[], max_length=1000)
    rows: list[Annotated[str, Field(max_length=17)]] = Field(default=[], max_length=100)


class Change(Part):
    """Something that changed: its name, what it was and what it is; null where there was or is none."""

    name: str
    old: str | None
    new: str | None


class Changes(Part):
    """What the branch changed. code: by stage, files with lines added and removed.

    sources: packages from another place than the base's. unlisted: files that may run or steer, though no
    stage lists them; other: files that nothing runs.
    """

    params: list[Change]
    policy: list[Change]
    judge: list[str]
    code: dict[str, list[str]]
    data: list[Change]
    drift: list[str]
    environment: list[Change]
    training: Change | None
    sources: list[Change] = []
    unlisted: list[str] = []
    other: list[str]


class FeedChange(Part):
    """What changed in the feed from one day to the next, among rows that the champion did not train on."""

    place: str
    since: str
    summary: str
    accepted: str | None  # why a person let it stand


class Verdict(Part):
    """Everything that the report says; a passing verdict is that of all checks and of the primary metric."""

    schema_version: Literal[2]  # SCHEMA_VERSION
    verdict: Outcome
    sentence: str
    todo: str
    confidence: float | None
    base: Commit
    candidate: Commit
    champion: str
    holdout: Holdout | None
    look: Look | None = None
    metrics: list[Metric]
    slices: list[Slice]
    slices_compared: int
    calibration: Calibration | None = None
    errors: Errors | None = None
    feed_changes: list[FeedChange] = []
    checks: list[Check]
    changes: Changes
    notes: list[str]
    reproduce: list[str]

    @model_validator(mode="after")
    def _one_meaning(self) -> "Verdict":
        objects = [check.name for check in self.checks if check.result != "pass"]
        if exit_codes.REVIEW[self.verdict] == 0 and objects:
            raise ValueError(f"{self.verdict}, though {objects[0]} does not pass")
        outcomes = [metric.verdict for metric in self.metrics if metric.role == "primary"]
        if self.verdict in ("better", "equivalent") and (
            not self.checks or outcomes not in ([], [self.verdict])
        ):
            raise ValueError(f"{self.verdict}, though no check says so, or the primary metric says otherwise")
        return self


NO_CHANGES = Changes(
    params=[], policy=[], judge=[], code={}, data=[], drift=[], environment=[], training=None, other=[]
)

_NOTHING: dict[str, Any] = {  # of a verdict that compared no models
    "confidence": None,
    "champion": "",
    "holdout": None,
    "metrics": [],
    "slices": [],
    "slices_compared": 0,
    "checks": [],
    "notes": [],
}


def conclude(base: Base, found: Changes, outcome: Outcome, sentence: str, **known: Any) -> Verdict:
    """A verdict on the working tree with all that is known; what is not is empty."""
    here = judged()
    return Verdict(
        schema_version=SCHEMA_VERSION,
        verdict=outcome,
        sentence=sentence,
        base=Commit(name=base.name, commit=base.commit, dirty=False),
        candidate=Commit(**asdict(here)),
        changes=found,
        reproduce=base.again(here),
        **(_NOTHING | {"todo": _TODO.get(outcome, "")} | known),
    )


def decide(checks: list[Check], primary: Metric | None) -> tuple[Outcome, str]:
    """The verdict and its reason: a failed check makes it worse, an unknown one makes it inconclusive.

    Without a primary metric there is no champion: a candidate that passes is better than none.
    """
    failed = [check for check in checks if check.result == "fail"]
    unknown = [check for check in checks if check.result == "inconclusive"]
    if failed:
        return "worse", _named(failed)
    if unknown:
        return "inconclusive", _named(unknown)
    if primary is None:
        return "better", "there is no champion yet, and every check that needs none passes"
    return primary.verdict, _gained(primary)


def _named(checks: list[Check]) -> str:
    more = f" (and {len(checks) - 1} more)" if len(checks) > 1 else ""
    return f"{checks[0].name}: {checks[0].finding}{more}"


def _gained(primary: Metric) -> str:
    if primary.verdict == "equivalent":
        return f"{primary.title} moves by no more than {primary.margin:g}, and no check objects"
    interval = f"({primary.low:+.4f} to {primary.high:+.4f})"
    return f"{primary.title} gains {primary.gain:.4f} {interval}, and no check objects"
