"""The gates: each a figure, its limit with the reason from the policy, and pass, fail or cannot tell.

A gate that needs a champion is left out only when there has never been one. Nothing switches
a gate off: its figure may be undefined, and then nobody can tell.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from loop.review import behaviour_checks, champion_comparison
from loop.review.candidate import Candidate
from loop.review.champion_comparison import Contest
from loop.review.compare import Rows, value
from loop.review.verdict import Gate, held
from loop.settings.minimum import reaches
from loop.settings.review_policy import Limit, Policy
from problem import metrics

CONTRACT = "a model trained on broken data learns the fault; src/problem/schema.py says what it must be"


def gates(policy: Policy, candidate: Candidate, rows: Rows, against: Contest | None) -> list[Gate]:
    """Every gate of the policy; `rows` are those that are judged, with the candidate's score second."""
    found = [*_holdout(policy, rows)]
    if against:
        found += champion_comparison.gates(policy, candidate, rows, against)
    return [
        *found,
        *_minima(policy, rows),
        *behaviour_checks.gates(policy, candidate, rows),
        _size(policy, candidate),
    ]


def contract(breaches: list[dict[str, Any]]) -> Gate:
    """The gate that raw data must pass before anything can be trained."""
    rules = "; ".join(f"{b['table']}.{b['column']}: {b['rule']} ({b['rows']:,} rows)" for b in breaches)
    said = rules or "raw data keep their contract"
    return held("contract", len(breaches), Limit(limit=0.0, reason=CONTRACT), said)


def _holdout(policy: Policy, rows: Rows) -> Iterator[Gate]:
    """What must hold before any figure means something: else nobody can tell."""
    asked, clusters, labels = policy.holdout, rows.weight.shape[1], len(np.unique(rows.label))
    checks = [
        ("rows_min", len(rows.label), asked.rows_min, f"{len(rows.label):,} rows are judged"),
        ("clusters_min", clusters, asked.clusters_min, f"{clusters} clusters are judged"),
        ("shared_min", rows.share, asked.shared_min, f"{rows.share:.2%} of all rows are scored by both"),
        ("labels", labels, 2, f"{labels} different labels are there to be told apart"),
    ]
    for name, figure, least, what in checks:
        yield Gate(
            name=f"holdout.{name}",
            result="pass" if figure >= least else "cannot tell",
            figure=float(figure),
            limit=float(least),
            said=f"{what}, at least {least:,}",
            reason=asked.reason,
        )


def _minima(policy: Policy, rows: Rows) -> Iterator[Gate]:
    for name, minimum in policy.minima.items():
        metric, found = metrics.METRICS[name], value(name, rows)
        side = "least" if metric.better == "higher" else "most"
        said = f"{metric.title} is {found:.4f}, at {side} {minimum.limit:g}"
        yield held(f"minima.{name}", found, minimum, said, reaches(found, metric.better, minimum.limit))


def _size(policy: Policy, candidate: Candidate) -> Gate:
    said = f"{candidate.megabytes:.2f} MB, at most {policy.size.limit:g}"
    return held("size", candidate.megabytes, policy.size, said)
