"""The gates: each a figure, its limit with the reason from the policy, and pass, fail or cannot tell.

A gate that needs a champion is left out only when there has never been one. Nothing switches
a gate off: its figure may be undefined, and then nobody can tell.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from loop import policy as policies
from loop.params import Resampling
from loop.policy import Policy
from loop.review import leak
from loop.review.candidate import Candidate
from loop.review.compare import Rows, Slice
from loop.review.verdict import Gate
from loop.stats import bootstrap, paired
from loop.stats.paired import Gain
from problem import metrics, source

BEHAVIOUR_ROWS = 5000


@dataclass(frozen=True)
class Contest:
    """What only a champion makes possible: gains, slices, its golden scores, its hash, and both latencies."""

    rows: Rows
    gains: dict[str, Gain]
    slices: list[Slice]
    golden: list[dict[str, Any]]
    md5: str
    seconds: tuple[list[float], list[float]]


def gates(
    policy: Policy, settings: Resampling, candidate: Candidate, rows: Rows, contest: Contest | None
) -> list[Gate]:
    """Every gate of the policy; `rows` are those that are judged, with the candidate's score second."""
    found = [*_holdout(policy, rows)]
    if contest:
        found += [*_contest(policy, candidate, contest)]
    found += [*_minima(policy, rows), *_behaviour(policy, candidate), _fairness(policy, rows)]
    found += [_size(policy, candidate), *_leaks(policy, candidate)]
    return found


def contract(breaches: list[dict[str, Any]]) -> Gate:
    """The gate that raw data must pass before anything can be trained."""
    rules = "; ".join(f"{b['table']}.{b['column']}: {b['rule']} ({b['rows']:,} rows)" for b in breaches)
    return Gate(
        name="contract",
        result="fail" if breaches else "pass",
        figure=float(len(breaches)),
        limit=0.0,
        said=rules or "raw data keep their contract",
        reason="a model trained on broken data learns the fault; src/problem/schema.py says what it must be",
    )


def _gate(name: str, figure: float, limit: float, reason: str, said: str, ok: bool | None = None) -> Gate:
    known = bool(np.isfinite(figure))
    passed = figure <= limit if ok is None else ok
    return Gate(
        name=name,
        result=("pass" if passed else "fail") if known else "cannot tell",
        figure=round(float(figure), 6) if known else None,
        limit=limit,
        said=said,
        reason=reason,
    )


def _holdout(policy: Policy, rows: Rows) -> Iterator[Gate]:
    """What must hold before any figure means something: else nobody can tell."""
    asked = policy.holdout
    clusters, classes = rows.weight.shape[1], np.unique(rows.label)
    checks = [
        ("rows_min", len(rows.label), asked.rows_min, f"{len(rows.label):,} rows are judged"),
        ("clusters_min", clusters, asked.clusters_min, f"{clusters} clusters are judged"),
        ("shared_min", rows.share, asked.shared_min, f"{rows.share:.2%} of all rows are scored by both"),
    ]
    for name, figure, least, what in checks:
        said = f"{what}, at least {least:,}"
        result = "pass" if figure >= least else "cannot tell"
        yield Gate(
            name=f"holdout.{name}",
            result=result,  # type: ignore[arg-type]
            figure=float(figure),
            limit=float(least),
            said=said,
            reason=asked.reason,
        )
    if len(classes) < 2:
        yield Gate(
            name="holdout.label",
            result="cannot tell",
            figure=1.0,
            limit=2.0,
            said=f"every label of the holdout is {classes[0] if len(classes) else 'missing'}",
            reason="a label that never varies cannot tell models apart",
        )


def _contest(policy: Policy, candidate: Candidate, contest: Contest) -> Iterator[Gate]:
    yield _primary(policy, contest.gains)
    for name, guard in policy.guards.items():
        yield _guard(name, guard, contest.gains[name])
    yield _slices(policy, contest.slices)
    yield _golden(policy, candidate, contest)
    yield _latency(policy, contest.seconds)
    jump = policy.leak.jump
    gained = contest.gains[jump.metric].gain
    said = f"{metrics.METRICS[jump.metric].title} gains {gained:+.4f}, at most {jump.limit:g} is believed"
    yield _gate("leak.jump", gained, jump.limit, jump.reason, said)


def _primary(policy: Policy, gains: dict[str, Gain]) -> Gate:
    metric, gain = policy.primary.metric, gains[policy.primary.metric]
    word = paired.verdict(gain, policy.primary.margin)
    told = {"better": "pass", "equivalent": "pass", "worse": "fail", "cannot tell": "cannot tell"}
    return Gate(
        name="primary",
        result=told[word],  # type: ignore[arg-type]
        figure=_known(gain.gain),
        limit=-policy.primary.margin,
        said=f"{metrics.METRICS[metric].title} {_moved(gain)}: {word}, margin {policy.primary.margin:g}",
        reason=policy.primary.reason,
    )


def _guard(name: str, guard: policies.Margin, gain: Gain) -> Gate:
    """A guard fails only when the loss is certain and larger than its margin."""
    word = paired.verdict(gain, guard.margin)
    known = np.isfinite([gain.low, gain.high]).all()
    return Gate(
        name=f"guards.{name}",
        result=("fail" if word == "worse" else "pass") if known else "cannot tell",
        figure=_known(gain.gain),
        limit=-guard.margin,
        said=f"{metrics.METRICS[name].title} {_moved(gain)}: {word}, margin {guard.margin:g}",
        reason=guard.reason,
    )


def _slices(policy: Policy, slices: list[Slice]) -> Gate:
    worst = min(slices, key=lambda part: (not part.worse, part.gain.gain), default=None)
    worse = [part for part in slices if part.worse]
    said = f"none of {len(slices)} slices is certain to lose more than {policy.slices.margin:g}"
    if worst and worse:
        others = f", and {len(worse) - 1} more" if len(worse) > 1 else ""
        said = f"{worst.cut} {worst.name} {_moved(worst.gain)}{others}; {policy.slices.margin:g} may be lost"
    return Gate(
        name="slices",
        result="fail" if worse else "pass" if slices else "cannot tell",
        figure=_known(worst.gain.gain) if worst else None,
        limit=-policy.slices.margin,
        said=said if slices else "no slice has rows enough to compare",
        reason=policy.slices.reason,
    )


def _golden(policy: Policy, candidate: Candidate, contest: Contest) -> Gate:
    asked = policy.golden
    expected = {tuple(row[name] for name in source.KEY): row for row in contest.golden}
    found = {tuple(row[name] for name in source.KEY): row for row in candidate.golden}
    shifts = {key: abs(found[key]["score"] - expected[key]["score"]) for key in expected if key in found}
    if len(shifts) < asked.rows_min:
        said = f"{len(shifts)} golden requests are in the data of both, at least {asked.rows_min}"
        return _gate("golden", float("nan"), asked.limit, asked.reason, said)
    worst = max(shifts, key=lambda key: shifts[key])
    same = candidate.md5 == contest.md5
    limit = 0.0 if same else asked.limit
    what = "an unchanged model" if same else "a new model"
    said = (
        f"{found[worst]['why']}: {expected[worst]['score']:.4g} became {found[worst]['score']:.4g}, most of "
        f"{len(shifts)}; {what} may move by {limit:g}"
    )
    return _gate("golden", shifts[worst], limit, asked.reason, said)


def _latency(policy: Policy, seconds: tuple[list[float], list[float]]) -> Gate:
    champion, candidate = (float(np.median(values)) for values in seconds)
    said = (
        f"{candidate * 1000:.1f} ms a prediction, the champion's {champion * 1000:.1f} ms in the same run "
        f"(medians of {len(seconds[1])}): {candidate / champion:.2f} times, at most {policy.latency.limit:g}"
    )
    return _gate("latency", candidate / champion, policy.latency.limit, policy.latency.reason, said)


def _minima(policy: Policy, rows: Rows) -> Iterator[Gate]:
    for name, minimum in policy.minima.items():
        metric = metrics.METRICS[name]
        value = _value(name, rows, np.arange(len(rows.label)))
        ok = policies.reaches(value, metric.better, minimum.limit)
        side = "least" if metric.better == "higher" else "most"
        said = f"{metric.title} is {value:.4f}, at {side} {minimum.limit:g}"
        yield _gate(f"minima.{name}", value, minimum.limit, minimum.reason, said, ok)


def _behaviour(policy: Policy, candidate: Candidate) -> Iterator[Gate]:
    """Invariance: the largest shift of one score. Direction: how far the mean score goes the wrong way."""
    examples = candidate.holdout.iloc[:: max(1, len(candidate.holdout) // BEHAVIOUR_ROWS)]
    before = candidate.score(examples)
    worst: dict[str, tuple[float, str]] = {}
    for behaviour in metrics.BEHAVIOURS:
        moved = candidate.score(behaviour.change(examples)) - before
        if behaviour.expects == "the same":
            name, figure = "invariance", float(np.abs(moved).max())
            said = f"{behaviour.title}: one score moves by {figure:.4g}"
        else:
            name, figure = "direction", float(moved.mean() * (-1 if behaviour.expects == "not lower" else 1))
            mean = f"the mean score moves by {moved.mean():+.4f}"
            said = f"{behaviour.title}: {mean}, expected {behaviour.expects}"
        worst[name] = max(worst.get(name, (-np.inf, "")), (figure, said))
    for name, limit in (
        ("invariance", policy.behaviour.invariance),
        ("direction", policy.behaviour.direction),
    ):
        figure, said = worst.get(name, (np.nan, "src/problem/metrics.py names no such behaviour"))
        yield _gate(
            f"behaviour.{name}", figure, limit.limit, limit.reason, f"{said}; {limit.limit:g} is allowed"
        )


def _fairness(policy: Policy, rows: Rows) -> Gate:
    asked = policy.fairness
    gaps: dict[str, float] = {}
    for cut, values in metrics.cohorts(rows.examples).items():
        groups = values.reset_index(drop=True).groupby(values.to_numpy(), sort=True).indices
        found = {
            str(name): _value(asked.metric, rows, np.asarray(at))
            for name, at in groups.items()
            if len(at) >= asked.rows_min
        }
        known = {name: value for name, value in found.items() if np.isfinite(value)}
        if len(known) > 1:
            low, high = min(known, key=lambda n: known[n]), max(known, key=lambda n: known[n])
            gaps[f"{cut}: {low} {known[low]:+.4f}, {high} {known[high]:+.4f}"] = known[high] - known[low]
    title = metrics.METRICS[asked.metric].title
    worst = max(gaps, key=lambda name: gaps[name], default=None)
    said = f"{title} by {worst}; the largest gap of {len(gaps)}, at most {asked.limit:g}"
    if worst is None:
        return _gate("fairness", float("nan"), asked.limit, asked.reason, "no two cohorts have rows enough")
    return _gate("fairness", gaps[worst], asked.limit, asked.reason, said)


def _size(policy: Policy, candidate: Candidate) -> Gate:
    said = f"{candidate.megabytes:.2f} MB, at most {policy.size.limit:g}"
    return _gate("size", candidate.megabytes, policy.size.limit, policy.size.reason, said)


def _leaks(policy: Policy, candidate: Candidate) -> Iterator[Gate]:
    asked, train, holdout = policy.leak, candidate.train, candidate.holdout
    name, order = leak.strongest(train, holdout)
    said = f"{name} alone puts {order:.1%} of pairs in order, at most {asked.feature.limit:.0%}"
    yield _gate("leak.feature", order, asked.feature.limit, asked.feature.reason, said)
    share = leak.shared_rows(train, holdout)
    said = f"{share:.2%} of the holdout's rows are in training too, at most {asked.shared_rows.limit:.0%}"
    yield _gate("leak.shared_rows", share, asked.shared_rows.limit, asked.shared_rows.reason, said)
    entities = asked.shared_entities
    shares = {
        column: leak.shared_entities(train, holdout, column) if column in holdout else float("nan")
        for column in entities.columns
    }
    worst = max(shares, key=lambda column: shares[column], default="nothing")
    share = shares.get(worst, 0.0)
    said = (
        f"{share:.2%} of the holdout's rows share their {worst} with training, at most {entities.limit:.0%}"
    )
    yield _gate("leak.shared_entities", share, entities.limit, entities.reason, said)


def _value(name: str, rows: Rows, at: Any) -> float:
    """The candidate's metric on some rows."""
    clusters = rows.weight.shape[1]
    of = bootstrap.statistic(
        metrics.METRICS[name], rows.label[at], rows.scores[1][at], rows.codes[at], clusters
    )
    return float(of(np.ones((1, clusters)))[0])


def _moved(gain: Gain) -> str:
    return f"gains {gain.gain:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"


def _known(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None
