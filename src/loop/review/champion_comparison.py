"""The gates that need a champion: the primary metric, guards, slices, golden requests, latency, a jump."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from loop.review.candidate import Candidate
from loop.review.compare import Rows, Slice
from loop.review.verdict import Gate, held
from loop.settings.review_policy import Limit, Margin, Policy
from loop.stats import paired
from loop.stats.paired import Gain
from problem import metrics, source


@dataclass(frozen=True)
class Contest:
    """What only a champion makes possible.

    gains by metric; slices; golden: its scores of golden requests; md5 of its model; seconds of
    single predictions of champion and candidate, taken in turns.
    """

    gains: dict[str, Gain]
    slices: list[Slice]
    golden: list[dict[str, Any]]
    md5: str
    seconds: tuple[list[float], list[float]]


def gates(policy: Policy, candidate: Candidate, rows: Rows, against: Contest) -> list[Gate]:
    """Every gate that compares the candidate with the champion."""
    return [
        primary(policy, against.gains[policy.primary.metric]),
        *(guard(name, margin, against.gains[name]) for name, margin in policy.guards.items()),
        slices(policy, against.slices),
        _golden(policy, candidate, against),
        _latency(policy, against.seconds),
        _jump(policy, against.gains[policy.leak.jump.metric]),
    ]


def primary(policy: Policy, gain: Gain) -> Gate:
    """The metric that decides: it must be better or equivalent."""
    word = paired.verdict(gain, policy.primary.margin)
    result = {"better": "pass", "equivalent": "pass", "worse": "fail", "cannot tell": "cannot tell"}[word]
    return _compared("primary", policy.primary.metric, policy.primary, gain, result)


def guard(name: str, margin: Margin, gain: Gain) -> Gate:
    """A guard fails only when the loss is certain and larger than its margin."""
    known = bool(np.isfinite([gain.low, gain.high]).all())
    worse = gain.high < 0 and gain.gain < -margin.margin
    result = ("fail" if worse else "pass") if known else "cannot tell"
    return _compared(f"guards.{name}", name, margin, gain, result)


def slices(policy: Policy, compared: list[Slice]) -> Gate:
    """No slice may lose for certain and more than the margin."""
    limit = Limit(limit=policy.slices.margin, reason=policy.slices.reason)
    if not compared:
        return held("slices", float("nan"), limit, "no slice has rows enough to compare")
    worse = [part for part in compared if part.worse]
    worst = min(worse or compared, key=lambda part: np.nan_to_num(part.gain.gain))
    said = f"none of {len(compared)} slices lost for certain and more than {limit.limit:g}"
    if worse:
        others = f", and {len(worse) - 1} more" if len(worse) > 1 else ""
        said = f"{worst.cut} {worst.name} {_moved(worst.gain)}{others}; {limit.limit:g} may be lost"
    return held("slices", -worst.gain.gain, limit, said, not worse)


def _golden(policy: Policy, candidate: Candidate, against: Contest) -> Gate:
    """The champion's golden requests: exact scores of an unchanged model, a tolerance for a new one."""
    same = candidate.md5 == against.md5
    limit = Limit(limit=0.0 if same else policy.golden.limit, reason=policy.golden.reason)
    known = pd.concat([candidate.train, candidate.holdout])
    expected = _expected(against.golden, known)
    rows = expected.merge(known, on=source.KEY, how="inner") if len(expected) else expected
    if len(rows) < policy.golden.rows_min:
        said = f"{len(rows)} golden requests are in the data, at least {policy.golden.rows_min}"
        return held("golden", float("nan"), limit, said)
    scores = candidate.score(rows)
    shifts = np.abs(scores - rows["score"].to_numpy())
    at = int(shifts.argmax())
    said = (
        f"{rows['why'].iloc[at]}: {rows['score'].iloc[at]:.4g} became {scores[at]:.4g}, "
        f"most of {len(rows)}; {'an unchanged' if same else 'a new'} model may move by {limit.limit:g}"
    )
    return held("golden", float(shifts[at]), limit, said)


def _expected(golden: list[dict[str, Any]], known: pd.DataFrame) -> pd.DataFrame:
    """The champion's golden requests, their key of the types in `known`: JSON has no instants."""
    found = pd.DataFrame(golden, columns=["why", *source.KEY, "score"])
    try:
        return found.astype({name: known[name].dtype for name in source.KEY})
    except (ValueError, TypeError):
        return found.iloc[:0]  # the key was of other types then


def _latency(policy: Policy, seconds: tuple[list[float], list[float]]) -> Gate:
    champion, candidate = (float(np.median(values)) for values in seconds)
    said = (
        f"{candidate * 1000:.1f} ms a prediction, the champion's {champion * 1000:.1f} ms in the same run "
        f"(medians of {len(seconds[1])}): {candidate / champion:.2f} times, at most {policy.latency.limit:g}"
    )
    return held("latency", candidate / champion, policy.latency, said)


def _jump(policy: Policy, gain: Gain) -> Gate:
    jump = policy.leak.jump
    said = f"{metrics.METRICS[jump.metric].title} gains {gain.gain:+.4f}, at most {jump.limit:g} is believed"
    return held("leak.jump", gain.gain, jump, said)


def _compared(name: str, metric: str, margin: Margin, gain: Gain, result: Any) -> Gate:
    word = paired.verdict(gain, margin.margin)
    return Gate(
        name=name,
        result=result,
        figure=round(gain.gain, 6) if np.isfinite(gain.gain) else None,
        limit=-margin.margin,
        said=f"{metrics.METRICS[metric].title} {_moved(gain)}: {word}, margin {margin.margin:g}",
        reason=margin.reason,
    )


def _moved(gain: Gain) -> str:
    verb = "loses" if gain.gain < 0 else "gains"
    return f"{verb} {abs(gain.gain):.4f} (gain {gain.low:+.4f} to {gain.high:+.4f})"
