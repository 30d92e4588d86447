"""The checks: each a figure, its limit with the reason from the policy, and pass, fail or inconclusive.

A check that needs a champion is left out only when there has never been one. Nothing switches
a check off: where its figure is undefined, it is inconclusive.
"""

from collections.abc import Container, Iterator
from typing import Any

import numpy as np

from loop.base.counted import counted
from loop.review import behaviour_checks, champion_comparison
from loop.review.candidate import Candidate
from loop.review.champion_comparison import Comparison
from loop.review.compare import Rows, value
from loop.review.verdict import Check, held
from loop.settings.minimum import reaches
from loop.settings.review_policy import Limit, Policy
from problem import metrics

CONTRACT = "a model trained on broken data learns the fault; src/problem/schema.py says what it must be"


def every(
    policy: Policy,
    candidate: Candidate,
    rows: Rows,
    against: Comparison | None,
    families: Container[str] | None = None,
) -> list[Check]:
    """Every check of the policy; `rows` are those that are judged, with the candidate's score second.

    Of the costly ones (behaviour, fairness, leak) only those of `families`, where they are given.
    """
    found = [*_holdout(policy, rows)]
    if against:
        found += champion_comparison.checks(policy, candidate, rows, against)
    return [
        *found,
        *_minimum_requirements(policy, rows),
        *behaviour_checks.checks(policy, candidate, rows, families),
        _size(policy, candidate),
    ]


def contract(breaches: list[dict[str, Any]]) -> Check:
    """The check that raw data must pass before anything can be trained."""
    rules = "; ".join(
        f"{b['table']}.{b['column']}: {b['rule']} ({counted(b['rows'], 'row')})" for b in breaches
    )
    finding = rules or "raw data keep their contract"
    return held("contract", len(breaches), Limit(limit=0.0, reason=CONTRACT), finding)


def _holdout(policy: Policy, rows: Rows) -> Iterator[Check]:
    """What must hold before any figure means something: else all is inconclusive."""
    asked, clusters, labels = policy.holdout, rows.weight.shape[1], len(np.unique(rows.label))
    conditions = [
        ("rows_min", len(rows.label), asked.rows_min, f"{counted(len(rows.label), 'row')} judged"),
        ("clusters_min", clusters, asked.clusters_min, f"{counted(clusters, 'cluster')} judged"),
        ("shared_min", rows.share, asked.shared_min, f"{rows.share:.2%} of all rows are scored by both"),
        ("labels", labels, 2, f"{labels} different labels are there"),
    ]
    for name, figure, least, what in conditions:
        yield Check(
            name=f"holdout.{name}",
            result="pass" if figure >= least else "inconclusive",
            figure=float(figure),
            limit=float(least),
            finding=f"{what}, at least {least:,}",
            reason=asked.reason,
        )


def _minimum_requirements(policy: Policy, rows: Rows) -> Iterator[Check]:
    for name, minimum in policy.minimum_requirements.items():
        metric, found = metrics.METRICS[name], value(name, rows)
        side = "least" if metric.better == "higher" else "most"
        finding = f"{metric.title} is {found:.4f}, at {side} {minimum.limit:g}"
        good = reaches(found, metric.better, minimum.limit)
        yield held(f"minimum_requirements.{name}", found, minimum, finding, good)


def _size(policy: Policy, candidate: Candidate) -> Check:
    finding = f"{candidate.megabytes:.2f} MB, at most {policy.size.limit:g}"
    return held("size", candidate.megabytes, policy.size, finding)
