"""The behaviour checks: what holds whatever the figures, fairness between subgroups, signs of a leak."""

from collections.abc import Container, Iterator

import numpy as np

from loop.base.counted import counted
from loop.data import score_columns
from loop.kit import groups
from loop.review import leak
from loop.review.candidate import Candidate
from loop.review.compare import Rows, value
from loop.review.verdict import Check, held
from loop.settings.review_policy import Fairness, Policy
from problem import metrics

ROWS = 5000  # of the holdout, evenly spread, are changed to see what the scores do


def checks(
    policy: Policy, candidate: Candidate, rows: Rows, families: Container[str] | None = None
) -> Iterator[Check]:
    """Behaviour, fairness and leaks of the candidate alone; of some `families` only, where they are given."""
    every = {
        "behaviour": _behaviour(policy, candidate),
        "fairness": _fairness(policy.fairness, rows),
        "leak": _leaks(policy, candidate),
    }
    for family, found in every.items():  # each is computed when it is asked
        if families is None or family in families:
            yield from found


def _behaviour(policy: Policy, candidate: Candidate) -> Iterator[Check]:
    """Invariance: the largest shift of one score. Direction: how far the mean score goes the wrong way."""
    examples = candidate.holdout.iloc[:: max(1, len(candidate.holdout) // ROWS)]
    before = candidate.score(examples)
    worst: dict[str, tuple[float, str]] = {}
    for behaviour in metrics.BEHAVIOURS:
        moved = candidate.score(behaviour.change(examples)) - before
        if behaviour.expects == "the same":
            name, figure = "invariance", float(np.abs(moved).max())
            finding = f"{behaviour.title}: one score moves by {figure:.4g}"
        else:
            moved = moved[:, score_columns.CLASSES.index(behaviour.of)] if behaviour.of else moved
            name, figure = "direction", float(moved.mean() * (-1 if behaviour.expects == "not lower" else 1))
            mean = f"the mean score moves by {moved.mean():+.4f}"
            finding = f"{behaviour.title}: {mean}, expected {behaviour.expects}"
        before_it = worst.get(name, (-np.inf, ""))[0]
        if not figure <= before_it and not np.isnan(before_it):  # what is undefined is the worst
            worst[name] = (figure, finding)
    limits = {"invariance": policy.behaviour.invariance, "direction": policy.behaviour.direction}
    for name, limit in limits.items():
        if limit is None:
            continue
        figure, finding = worst.get(name, (np.nan, "src/problem/metrics.py names no such behaviour"))
        yield held(f"behaviour.{name}", figure, limit, f"{finding}; {limit.limit:g} is allowed")


def _fairness(asked: Fairness | None, rows: Rows) -> Iterator[Check]:
    """The largest gap of a metric between two subgroups of one cut."""
    if asked is None:
        return
    gaps: dict[str, float] = {}
    for cut, values in groups.cut(metrics.SUBGROUPS, rows.examples).items():
        places = values.reset_index(drop=True).groupby(values.to_numpy(), sort=True).indices
        enough = {str(name): at for name, at in places.items() if len(at) >= asked.rows_min}
        found = {name: value(asked.metric, rows, np.asarray(at)) for name, at in enough.items()}
        known = sorted((figure, name) for name, figure in found.items() if np.isfinite(figure))
        if len(known) > 1:
            (low, least), (high, most) = known[0], known[-1]
            gaps[f"{cut}: {least} {low:+.4f}, {most} {high:+.4f}"] = high - low
    if not gaps:
        yield held("fairness", float("nan"), asked, "no two subgroups have rows enough")
        return
    worst = max(gaps, key=lambda name: gaps[name])
    title = metrics.METRICS[asked.metric].title
    finding = f"{title} by {worst}; the largest gap of {counted(len(gaps), 'cut')}, at most {asked.limit:g}"
    yield held("fairness", gaps[worst], asked, finding)


def _leaks(policy: Policy, candidate: Candidate) -> Iterator[Check]:
    asked, train, holdout = policy.leak, candidate.train, candidate.holdout
    seen = train.columns.difference(leak.unseen(candidate.score, holdout), sort=False)
    name, order = leak.strongest(train[seen], holdout)
    finding = f"{name} alone puts {order:.1%} of pairs in order, at most {asked.feature.limit:.0%}"
    yield held("leak.feature", order, asked.feature, finding)
    share = leak.shared_rows(train, holdout)
    finding = f"{share:.2%} of the holdout's rows are in training too, at most {asked.shared_rows.limit:.0%}"
    yield held("leak.shared_rows", share, asked.shared_rows, finding)
    if (entities := asked.shared_entities) is None:
        return
    known = [column for column in entities.columns if column in holdout]
    shares = [(leak.shared_entities(train, holdout, column), column) for column in known]
    share, column = max(shares, default=(float("nan"), "no column"))
    what = f"their {column} with training" if shares else "a column that the examples do not have"
    finding = f"{share:.2%} of the holdout's rows share {what}, at most {entities.limit:.0%}"
    yield held("leak.shared_entities", share, entities, finding)
