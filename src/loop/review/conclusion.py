"""Findings as the plain values of a verdict, and verdicts that need no comparison."""

from typing import Any

import numpy as np

from loop.base import files
from loop.base.errors import LoopError
from loop.data import row_weights, score_columns, without_time
from loop.review.base import Base
from loop.review.compare import Rows
from loop.review.compare import Slice as Compared
from loop.review.verdict import (
    TENTHS,
    Calibration,
    Changes,
    Check,
    Holdout,
    Metric,
    Slice,
    Tenth,
    Verdict,
    conclude,
)
from loop.settings import params
from loop.settings.review_policy import Policy
from loop.stats import paired
from loop.stats.bootstrap import Floats
from problem import metrics

FEW = 50  # rows of a holdout: of 43, a fifth of all looks in vain ended in "better" (benchmarks/looks.json)
_FIGURES = ("champion", "candidate", "gain", "low", "high")


def refused(base: Base, found: Changes, broken: Check) -> Verdict:
    """Raw data broke their contract: there is no candidate to look at."""
    todo = "nothing was trained: fix the data at its source, see reports/validation.json"
    return conclude(base, found, "worse", f"contract: {broken.finding}", todo=todo, checks=[broken])


def nothing(base: Base, found: Changes) -> Verdict:
    """The change leaves the model as it is."""
    what = "the policy, not the model" if found.policy else "nothing that a stage reads"
    return conclude(base, found, "no model change", f"this change touches {what}", notes=behind(base))


def inconclusive(base: Base, found: Changes, error: LoopError) -> Verdict:
    """Something kept the comparison from being made."""
    todo = f"{error.todo} (expected: {error.expected})"
    return conclude(base, found, "inconclusive", error.found, todo=todo)


def behind(base: Base) -> list[str]:
    """A note when the base has commits that the working tree's history lacks."""
    count = base.behind()
    commits = f"{count} commit{'s' if count > 1 else ''}"
    return [f"{base.name} has moved on by {commits}: merge it to be judged as it will be"] if count else []


def older(base: params.Windows, own: params.Windows) -> list[str]:
    """A note when the holdout is older or shorter than the base's: whoever picks it may pick a kind one."""
    ends = [f"{w.holdout.since:%Y-%m-%d} until {w.holdout.until:%Y-%m-%d}" for w in (own, base)]
    lengths = [w.holdout.until - w.holdout.since for w in (own, base)]
    if own.holdout.until >= base.holdout.until and lengths[0] >= lengths[1] * 0.9:  # months differ by days
        return []
    return [f"the holdout, {ends[0]}, is older or shorter than the base's, {ends[1]}"]


def few(rows: Rows) -> list[str]:
    """A note where so few rows judge that single ones decide: no interval knows of the others."""
    held = len(rows.examples)
    if held >= FEW:
        return []
    return [f"only {held} rows judge: single ones decide, and luck passes more often than intervals say"]


def holdout(rows: Rows, until: str, settings: params.Resampling) -> Holdout:
    """What was judged on."""
    timed = not without_time.notes()
    return Holdout(
        since=f"{rows.examples['decided_at'].min():%Y-%m-%d}" if timed else "",
        until=until if timed else "",
        rows=len(rows.label),
        clusters=rows.weight.shape[1],
        cluster=settings.cluster,
    )


def table(policy: Policy, gains: dict[str, paired.Gain]) -> list[Metric]:
    """Every metric: the primary first, then guards, then the rest."""
    margins = {policy.primary.metric: policy.primary.margin}
    margins |= {name: guard.margin for name, guard in policy.guards.items()}
    return [
        Metric(
            name=name,
            title=metrics.METRICS[name].title,
            role="primary" if name == policy.primary.metric else "guard" if name in margins else "shown",
            margin=margins.get(name),
            verdict=paired.verdict(gains[name], margins.get(name, 0.0)),
            **_figures(gains[name]),
        )
        for name in [*margins, *(name for name in gains if name not in margins)]
    ]


def calibration(rows: Rows) -> Calibration | None:
    """Both models by tenths of the rows; none where there are too few, or where a score is a class."""
    drawn = [score_columns.event(rows.label, scores) for scores in rows.scores]
    if len(rows.label) < TENTHS or any(np.isin(scores, label).all() for label, scores in drawn):
        return None
    champion, candidate = (_tenths(scores, label, rows.row_weight) for label, scores in drawn)
    return Calibration(champion=champion, candidate=candidate)


def _tenths(scores: Floats, label: Floats, weight: Floats | None) -> list[Tenth]:
    order = np.argsort(scores, kind="stable")
    parts = np.array_split(order if weight is None else order[weight[order] > 0], TENTHS)
    means = [
        [
            round(row_weights.mean(values[at], None if weight is None else weight[at]), 6)
            for values in (scores, label)
        ]
        for at in parts
        if len(at)
    ]
    return [Tenth(predicted=predicted, outcome=outcome) for predicted, outcome in means]


def moved(compared: list[Compared], alpha: float) -> list[Slice]:
    """The slices that moved for certain, given how many were compared."""
    return [
        Slice(
            cut=part.cut,
            name=part.name,
            rows=part.gain.rows,
            p=files.rounded(part.p),
            worse=part.worse,
            **_figures(part.gain),
        )
        for part in compared
        if part.p < alpha
    ]


def _figures(gain: paired.Gain) -> dict[str, Any]:
    return {name: files.rounded(getattr(gain, name)) for name in _FIGURES}
