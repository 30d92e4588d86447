"""The checks that need a champion: the primary metric, guards, slices, golden requests, latency, a jump."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from loop.data import golden_rows, score_columns
from loop.review.candidate import Candidate
from loop.review.compare import Rows, Slice
from loop.review.verdict import Check, held
from loop.settings.review_policy import Limit, Margin, Policy
from loop.stats import paired
from loop.stats.paired import Gain
from problem import metrics


@dataclass(frozen=True)
class Comparison:
    """What only a champion makes possible.

    gains by metric; slices; golden: its scores of golden requests; md5 of its model; seconds of
    single predictions of champion and candidate, taken in turns.
    """

    gains: dict[str, Gain]
    slices: list[Slice]
    golden: list[dict[str, Any]]
    md5: str
    seconds: tuple[list[float], list[float]]


def checks(policy: Policy, candidate: Candidate, rows: Rows, against: Comparison) -> list[Check]:
    """Every check that compares the candidate with the champion."""
    return [
        primary(policy, against.gains[policy.primary.metric]),
        *(guard(name, margin, against.gains[name]) for name, margin in policy.guards.items()),
        slices(policy, against.slices),
        _golden(policy, candidate, against),
        _latency(policy, against.seconds),
        _jump(policy, against.gains[policy.leak.jump.metric]),
    ]


def primary(policy: Policy, gain: Gain) -> Check:
    """The metric that decides: it must be better or equivalent."""
    outcome = paired.verdict(gain, policy.primary.margin)
    results = {"better": "pass", "equivalent": "pass", "worse": "fail", "inconclusive": "inconclusive"}
    return _compared("primary", policy.primary.metric, policy.primary, gain, results[outcome])


def guard(name: str, margin: Margin, gain: Gain) -> Check:
    """A guard fails only when the loss is certain and larger than its margin."""
    known = bool(np.isfinite([gain.low, gain.high]).all())
    worse = gain.high < 0 and gain.gain < -margin.margin
    result = ("fail" if worse else "pass") if known else "inconclusive"
    return _compared(f"guards.{name}", name, margin, gain, result)


def slices(policy: Policy, compared: list[Slice]) -> Check:
    """No slice may lose for certain and more than the margin."""
    limit = Limit(limit=policy.slices.margin, reason=policy.slices.reason)
    if not compared:
        return held("slices", float("nan"), limit, "no slice has rows enough to compare")
    worse = [part for part in compared if part.worse]
    worst = min(worse or compared, key=lambda part: np.nan_to_num(part.gain.gain))
    finding = f"none of {len(compared)} slices lost for certain and more than {limit.limit:g}"
    if worse:
        others = f", and {len(worse) - 1} more" if len(worse) > 1 else ""
        finding = f"{worst.cut} {worst.name} {_moved(worst.gain)}{others}; {limit.limit:g} may be lost"
    return held("slices", -worst.gain.gain, limit, finding, not worse)


def _golden(policy: Policy, candidate: Candidate, against: Comparison) -> Check:
    """The champion's golden requests: exact scores of an unchanged model, a tolerance for a new one."""
    same = candidate.md5 == against.md5
    limit = Limit(limit=0.0 if same else policy.golden.limit, reason=policy.golden.reason)
    known = pd.concat([candidate.train, candidate.holdout])
    rows = _expected(against.golden, known)
    if len(rows) < policy.golden.rows_min:
        finding = f"{len(rows)} golden requests are in the data, at least {policy.golden.rows_min}"
        return held("golden", float("nan"), limit, finding)
    scores = candidate.score(rows)
    before = score_columns.array(rows)
    of = min(before.shape[-1], scores.shape[-1])  # of classes that both know
    shifts = np.abs(scores[..., :of] - before[..., :of]).reshape(len(rows), -1)
    at, which = np.unravel_index(shifts.argmax(), shifts.shape)
    was, became = (found.reshape(len(rows), -1)[at, which] for found in (before, scores))
    finding = (
        f"{rows['why'].iloc[at]}: {was:.4g} became {became:.4g}, "
        f"most of {len(rows)}; {'an unchanged' if same else 'a new'} model may move by {limit.limit:g}"
    )
    return held("golden", float(shifts[at, which]), limit, finding)


def _expected(golden: list[dict[str, Any]], known: pd.DataFrame) -> pd.DataFrame:
    """The champion's golden requests that are known here, why each is one, and its scores of them."""
    scored = {"why", *score_columns.NAMES}
    names = [{name: value for name, value in row.items() if name not in scored} for row in golden]
    places = golden_rows.find(known, names)
    found = known.iloc[list(places.values())].reset_index(drop=True)
    told = pd.DataFrame([golden[at] for at in places], columns=["why", *score_columns.NAMES])
    return pd.concat([found, told], axis="columns")


def _latency(policy: Policy, seconds: tuple[list[float], list[float]]) -> Check:
    champion, candidate = (float(np.median(values)) for values in seconds)
    finding = (
        f"{candidate * 1000:.1f} ms a prediction, the champion's {champion * 1000:.1f} ms in the same run "
        f"(medians of {len(seconds[1])}): {candidate / champion:.2f} times, at most {policy.latency.limit:g}"
    )
    return held("latency", candidate / champion, policy.latency, finding)


def _jump(policy: Policy, gain: Gain) -> Check:
    jump = policy.leak.jump
    finding = (
        f"{metrics.METRICS[jump.metric].title} gains {gain.gain:+.4f}, at most {jump.limit:g} is believed"
    )
    return held("leak.jump", gain.gain, jump, finding)


def _compared(name: str, metric: str, margin: Margin, gain: Gain, result: Any) -> Check:
    outcome = paired.verdict(gain, margin.margin)
    return Check(
        name=name,
        result=result,
        figure=round(gain.gain, 6) if np.isfinite(gain.gain) else None,
        limit=-margin.margin,
        finding=f"{metrics.METRICS[metric].title} {_moved(gain)}: {outcome}, margin {margin.margin:g}",
        reason=margin.reason,
    )


def _moved(gain: Gain) -> str:
    command = "loses" if gain.gain < 0 else "gains"
    return f"{command} {abs(gain.gain):.4f} (gain {gain.low:+.4f} to {gain.high:+.4f})"
