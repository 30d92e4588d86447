"""Margins from pairs of models that were trained alike: so wide that luck alone is seldom called worse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from loop.calibrate.limits import UNDEFINED, UNMOVED, USUAL
from loop.calibrate.luck import Pair
from loop.calibrate.proposal import Proposal
from loop.calibrate.rounding import up
from loop.settings.review_policy import Policy
from loop.stats import paired
from loop.stats.paired import Gain

WORSE = 0.05  # share of equal retrains that may be called worse
CHOSEN = 0.02  # the same among the pairs that margins are chosen by: fresh ones come out higher
CONCLUDES = 0.8  # share of equal retrains whose primary metric is to be conclusive
SLICES = 2.0  # times the primary margin, at least: a slice has fewer rows
KNOWLEDGE = 0.5  # of what a model gains over a naive guess, at most
PAIRS_MIN = 20


@dataclass(frozen=True)
class Rates:
    """Of so many pairs of models trained alike: shares of each verdict, and of each check's refusals."""

    pairs: int
    verdicts: dict[str, float]
    failed: dict[str, float]


def proposed(
    pairs: Sequence[Pair], policy: Policy, knowledge: Mapping[str, float], clusters: int
) -> list[Proposal]:
    """The margins of primary metric, guards and slices.

    `knowledge` is what a model gains over a naive guess in each metric; `clusters` are those that judged.
    """
    found = _least(pairs, [*pairs[0].needed]) if len(pairs) >= PAIRS_MIN else {}
    if not found:
        return [Proposal("review.primary.margin", None, "no two models could be compared: take more rows")]
    name, of = policy.primary.metric, f"{len(pairs)} pairs of models that were trained alike"
    wide = usual([max(-pair.gains[name][1], pair.gains[name][2]) for pair in pairs], CONCLUDES)
    primary = _primary(up(max(found["primary"], wide)), knowledge[name], clusters, of)
    proposals = [primary]
    for guard in policy.guards:
        moved = usual([abs(pair.gains[guard][0]) for pair in pairs], USUAL)
        key = f"review.guards.{guard}.margin"
        if not moved or not np.isfinite(moved):
            proposals.append(Proposal(key, None, UNDEFINED if moved else UNMOVED))
            continue
        margin = up(max(found[f"guards.{guard}"], moved))
        why = f"luck moves it by less in {USUAL:.0%} of {of}"
        proposals.append(Proposal(key, margin, why, explained=True))
    if "slices" in found:
        twice = SLICES * (policy.primary.margin if primary.value is None else primary.value)
        why = f"no slice lost more in {1 - CHOSEN:.0%} of {of}; at least twice the primary margin"
        proposals.append(
            Proposal("review.slices.margin", up(max(found["slices"], twice)), why, explained=True)
        )
    return proposals


def _primary(luck: float, known: float, clusters: int, of: str) -> Proposal:
    """As wide as luck, unless that lets a model pass that knows half as much, or nothing."""
    key, most = "review.primary.margin", KNOWLEDGE * known
    if not luck or not np.isfinite(known):
        return Proposal(key, None, UNMOVED if np.isfinite(known) else UNDEFINED)
    if luck <= most:
        return Proposal(key, luck, f"luck moves it by less in {CONCLUDES:.0%} of {of}", explained=True)
    why = f"luck moves it by {luck:g}, over half of what the model knows ({known:.3g})"
    if most <= 0:
        return Proposal(
            key, None, f"{why}: the model does no better than the naive guess: no number of rows helps it"
        )
    enough = int(np.ceil(clusters * (luck / most) ** 2))
    return Proposal(key, None, f"{why}: about {enough:,} clusters to judge by would do, not {clusters:,}")


def usual(values: Sequence[float], share: float) -> float:
    """The value that so many of those that are defined do not exceed; NaN of none."""
    known = [one for one in values if np.isfinite(one)]
    return float(np.quantile(known, share)) if known else float("nan")


def rates(pairs: Sequence[Pair], policy: Policy, margins: Mapping[str, float]) -> Rates:
    """How pairs come out with these margins, by check: "primary", "guards.NAME" and "slices"."""
    verdicts = dict.fromkeys(("better", "equivalent", "worse", "inconclusive"), 0)
    failed = dict.fromkeys(margins, 0)
    for pair in pairs:
        gain, low, high = pair.gains[policy.primary.metric]
        outcome = paired.verdict(Gain(0.0, 0.0, gain, low, high, 0.0, 0), margins["primary"])
        refused = [
            name for name in margins if name != "primary" and pair.needed.get(name, 0.0) > margins[name]
        ]
        refused += ["primary"] if outcome == "worse" else []
        for name in refused:
            failed[name] += 1
        verdicts["worse" if refused else outcome] += 1
    count = max(1, len(pairs))
    return Rates(
        len(pairs),
        {name: hits / count for name, hits in verdicts.items()},
        {name: hits / count for name, hits in failed.items()},
    )


def _least(pairs: Sequence[Pair], names: Sequence[str]) -> dict[str, float]:
    """The smallest margins, of one level for all checks, by which at most CHOSEN of the pairs are refused."""
    needed = np.array([[pair.needed.get(name, 0.0) for name in names] for pair in pairs])
    ordered = np.sort(needed, axis=0)[::-1]
    best = ordered[0]
    for exceeded in range(1, len(pairs)):
        level = ordered[exceeded]
        if (needed > level).any(axis=1).mean() > CHOSEN:
            break
        best = level
    return dict(zip(names, best.tolist(), strict=True))
