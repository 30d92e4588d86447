"""How small a loss each check catches: faults of rising size in the champion's scores, on draws of days."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loop.base import files
from loop.calibrate import luck
from loop.calibrate.score_changes import uncalibrated
from loop.calibrate.workshop import Workshop
from loop.data import features
from loop.kit import groups
from loop.kit.types import Array
from loop.review import compare
from loop.settings.review_policy import Policy
from problem import metrics

SIZES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
DRAWS = 10
CAUGHT = 0.9
ANY = "any"  # of the checks
DEALT, IN_SLICE, TOO_HIGH = "dealt", "slice", "high"
FAULTS = {  # by their name in files: what is planted, of a size between 0 and 1
    DEALT: "scores of a share of the rows are dealt out anew among them",
    IN_SLICE: "the same within a slice of about a tenth of the rows",
    TOO_HIGH: "every score is moved a part of the way to one that is too high",
}


@dataclass(frozen=True)
class Point:
    """A size of a fault: the mean loss in a check's metric, and the share of draws that the check refused."""

    loss: float
    caught: float


@dataclass(frozen=True)
class Power:
    """What a check catches of a fault: `smallest` is the loss from which on nine in ten are refused.

    None where the largest that was tried is not. `at_margin` is the share refused of losses as large as the
    margin, None where none was planted.
    """

    check: str
    metric: str
    fault: str
    margin: float
    points: list[Point]

    @property
    def smallest(self) -> float | None:
        """The loss where the curve passes nine in ten for the last time, between two that were tried."""
        known = [Point(0.0, 0.0), *self.points]
        if known[-1].caught < CAUGHT:
            return None
        at = max(place for place, one in enumerate(known) if one.caught < CAUGHT)
        below, above = known[at], known[at + 1]
        part = (CAUGHT - below.caught) / (above.caught - below.caught)
        return below.loss + part * (above.loss - below.loss)

    @property
    def at_margin(self) -> float | None:
        """The curve at the margin."""
        known = [Point(0.0, 0.0), *self.points]
        if self.margin > known[-1].loss:
            return None
        return float(np.interp(self.margin, [one.loss for one in known], [one.caught for one in known]))


Tried = dict[str, list[list[dict[str, Any]]]]  # fault -> size -> draws: the pair, and the loss where it lies


def measure(shop: Workshop) -> Tried:
    """Judge each fault of each size. The shop's folder is a trial's, and holds the champion's scores."""
    found: Tried = {}
    for fault, title in FAULTS.items():
        if fault == IN_SLICE and not metrics.SLICES:
            continue
        names = [f"fault-{fault}-{size}-{draw}.json" for size in SIZES for draw in range(DRAWS)]
        told = [json.loads(path.read_text()) for path in shop.each(f"faults: {title}", planted, names)]
        found[fault] = [told[at * DRAWS : (at + 1) * DRAWS] for at in range(len(SIZES))]
    return found


def of(tried: Tried, policy: Policy, margins: Mapping[str, float]) -> list[Power]:
    """The power of all checks together, then of each, by the fault that moves its metric most."""
    primary = policy.primary.metric
    found = [_power(tried, DEALT, ANY, primary, margins)]
    found.append(_power(tried, DEALT, "primary", primary, margins))
    for guard in policy.guards:
        each = [_power(tried, fault, f"guards.{guard}", guard, margins) for fault in (DEALT, TOO_HIGH)]
        found.append(max(each, key=lambda one: max((point.loss for point in one.points), default=0.0)))
    if IN_SLICE in tried:
        found.append(_power(tried, IN_SLICE, "slices", primary, margins))
    return found


def _power(tried: Tried, fault: str, check: str, metric: str, margins: Mapping[str, float]) -> Power:
    points = []
    for told in tried[fault]:
        pairs = [luck.read(one["pair"]) for one in told]
        losses = [-pair.gains[metric][0] for pair in pairs]
        if check == "slices":
            losses = [np.nan if one["loss"] is None else one["loss"] for one in told]
        names = [*margins] if check == ANY else [check]
        refused = [any(pair.needed.get(name, 0.0) > margins[name] for name in names) for pair in pairs]
        if np.isfinite(losses).any() and np.nanmean(losses) > 0:
            points.append(Point(float(np.nanmean(losses)), float(np.mean(refused))))
    margin = margins["primary" if check == ANY else check]
    return Power(check, metric, FAULTS[fault], margin, sorted(points, key=lambda one: one.loss))


def planted(folder: Path, name: str) -> None:
    """Judge the champion's scores with a fault against themselves, on one draw of clusters."""
    _, fault, size, draw = Path(name).stem.split("-")
    policy, resampling = luck.policy(), luck.resampling()
    judged, scores = luck.judged(folder), np.load(folder / "champion.npy")
    rng = np.random.default_rng([resampling.seed, int(draw)])
    places = list(
        judged.groupby(features.clusters(judged, resampling.cluster).to_numpy(), sort=True).indices.values()
    )
    chosen = rng.integers(0, len(places), len(places))
    at = np.concatenate([places[one] for one in chosen])
    number = np.repeat(np.arange(len(chosen)), [len(places[one]) for one in chosen])
    rows = judged.iloc[at].reset_index(drop=True).assign(**{resampling.cluster: number.astype(str)})
    inside = _slice(rows) if fault == IN_SLICE else np.ones(len(rows), bool)
    champion = scores[at]
    if fault == TOO_HIGH:
        trained = luck.table(folder / "train.parquet")["label"].to_numpy(np.float64)
        moved = champion + float(size) * (uncalibrated(trained)(champion, rows) - champion)
    else:
        moved = _dealt(champion, inside, float(size), rng)
    both = compare.rows(rows, (champion, moved), resampling)
    pair = luck.judge(both, policy, resampling)
    gain = compare.gain_in(both, policy.primary.metric, resampling, np.flatnonzero(inside)).gain
    files.write_json(folder / name, {"pair": luck.plain(pair), "loss": -gain if np.isfinite(gain) else None})


def _dealt(scores: Array, inside: Array, share: float, rng: np.random.Generator) -> Array:
    """The scores of a share of some rows, dealt out anew among them."""
    candidates = np.flatnonzero(inside)
    at = rng.choice(candidates, max(2, round(share * len(candidates))), replace=False)
    found = scores.copy()
    found[at] = scores[rng.permutation(at)]
    return found


def _slice(rows: pd.DataFrame) -> Array:
    """The rows of the slice whose count is nearest to a tenth of all."""
    parts = [
        (values == name).to_numpy()
        for values in groups.cut(metrics.SLICES, rows).values()
        for name in sorted(values.unique(), key=str)
    ]
    return min(parts, key=lambda part: abs(part.mean() - 0.1))
