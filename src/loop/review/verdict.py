"""The verdict as plain values: `review/verdict.json`, and the one rule that turns gates into a word.

The report is a function of this file alone, so that whoever posts it need not run the code that
was judged. Its texts come from data, params and branch names: hostile until escaped.
"""

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, model_validator

from loop.base import exit_codes
from loop.settings.review_policy import Limit
from loop.stats import paired

Word = Literal["better", "equivalent", "worse", "cannot tell", "nothing to judge"]


class Part(BaseModel):
    """A part of the verdict: unknown keys, wrong types and numbers that are none are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Gate(Part):
    """One gate by its key in `review` of params.yaml: figure, limit and its reason, and what came out."""

    name: str
    result: Literal["pass", "fail", "cannot tell"]
    figure: float | None
    limit: float | None
    said: str
    reason: str


def held(name: str, figure: float, limit: Limit, said: str, ok: bool | None = None) -> Gate:
    """A figure held against its limit, from above unless `ok` says; undefined, nobody can tell."""
    known = bool(np.isfinite(figure))
    passed = figure <= limit.limit if ok is None else ok
    return Gate(
        name=name,
        result=("pass" if passed else "fail") if known else "cannot tell",
        figure=round(float(figure), 6) if known else None,
        limit=limit.limit,
        said=said,
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
    word: paired.Word


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


class Commit(Part):
    """A side of the comparison: a branch's name and its commit; dirty when the tree has more than that."""

    name: str
    commit: str
    dirty: bool


class Holdout(Part):
    """What was judged on: [since, until) in UTC, rows, clusters, and the cluster's name."""

    since: str
    until: str
    rows: int
    clusters: int
    cluster: str


class Moved(Part):
    """Something that changed: its name, what it was and what it is; null where there was or is none."""

    name: str
    old: str | None
    new: str | None


class Changes(Part):
    """What the branch changed. code: by stage, files with lines added and removed."""

    params: list[Moved]
    policy: list[Moved]
    judge: list[str]
    code: dict[str, list[str]]
    data: list[Moved]
    drift: list[str]
    environment: list[Moved]
    training: Moved | None
    other: list[str]


class Verdict(Part):
    """Everything that the report says; a passing word is that of all gates and of the primary metric."""

    schema_version: Literal[1]
    verdict: Word
    sentence: str
    todo: str
    confidence: float | None
    base: Commit
    candidate: Commit
    champion: str
    holdout: Holdout | None
    metrics: list[Metric]
    slices: list[Slice]
    slices_compared: int
    gates: list[Gate]
    changes: Changes
    notes: list[str]
    reproduce: list[str]

    @model_validator(mode="after")
    def _one_meaning(self) -> "Verdict":
        objects = [gate.name for gate in self.gates if gate.result != "pass"]
        if exit_codes.REVIEW[self.verdict] == 0 and objects:
            raise ValueError(f"{self.verdict}, though {objects[0]} does not pass")
        words = [metric.word for metric in self.metrics if metric.role == "primary"]
        if self.verdict in ("better", "equivalent") and (not self.gates or words not in ([], [self.verdict])):
            raise ValueError(f"{self.verdict}, though no gate or another word of the primary metric says so")
        return self


NO_CHANGES = Changes(
    params=[], policy=[], judge=[], code={}, data=[], drift=[], environment=[], training=None, other=[]
)


def decide(gates: list[Gate], primary: Metric | None) -> tuple[Word, str]:
    """The verdict and its reason: a failed gate makes it worse, an unknown one makes it unknowable.

    Without a primary metric there is no champion: a candidate that passes is better than none.
    """
    failed = [gate for gate in gates if gate.result == "fail"]
    unknown = [gate for gate in gates if gate.result == "cannot tell"]
    if failed:
        return "worse", _named(failed)
    if unknown:
        return "cannot tell", _named(unknown)
    if primary is None:
        return "better", "there is no champion yet, and every gate that needs none passes"
    return primary.word, _gained(primary)


def _named(gates: list[Gate]) -> str:
    more = f" (and {len(gates) - 1} more)" if len(gates) > 1 else ""
    return f"{gates[0].name}: {gates[0].said}{more}"


def _gained(primary: Metric) -> str:
    if primary.word == "equivalent":
        return f"{primary.title} moves by no more than {primary.margin:g}, and no gate objects"
    interval = f"({primary.low:+.4f} to {primary.high:+.4f})"
    return f"{primary.title} gains {primary.gain:.4f} {interval}, and no gate objects"
