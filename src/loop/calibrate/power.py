"""How small a loss the checks catch: faults of rising size in the champion's scores, on draws of days."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loop.base import files
from loop.calibrate import luck, margins
from loop.calibrate.luck import Pair
from loop.calibrate.workshop import Workshop
from loop.data import features
from loop.kit import groups
from loop.kit.types import Array
from loop.review import compare
from loop.settings.review_policy import Policy
from problem import metrics

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)  # of the rows, whose scores are dealt out anew among them
DRAWS = 10
CAUGHT = 0.9
EVERYWHERE, IN_SLICE = "all rows", "one slice"


@dataclass(frozen=True)
class Point:
    """A planted fault: the mean loss in the primary metric where it lies, and the share that was refused."""

    share: float
    loss: float
    caught: float


def curves(shop: Workshop, policy: Policy, limits: Mapping[str, float]) -> dict[str, list[Point]]:
    """Where the fault lies -> its sizes. The shop's folder is a trial's, and holds the champion's scores."""
    found = {}
    for where in (EVERYWHERE, IN_SLICE) if metrics.SLICES else (EVERYWHERE,):
        names = [f"fault-{where}-{share}-{draw}.json" for share in SHARES for draw in range(DRAWS)]
        told = [json.loads(path.read_text()) for path in shop.each(f"faults in {where}", planted, names)]
        found[where] = [
            _point(share, told[at * DRAWS : (at + 1) * DRAWS], policy, limits)
            for at, share in enumerate(SHARES)
        ]
    return found


def smallest(points: Sequence[Point]) -> float | None:
    """The smallest loss from which on nine in ten are caught; None where the largest fault is not."""
    least = None
    for point in sorted(points, key=lambda one: -one.share):
        if point.caught < CAUGHT:
            break
        least = point.loss
    return least


def planted(folder: Path, name: str) -> None:
    """Judge the champion's scores with a fault against themselves, on one draw of clusters."""
    _, where, share, draw = Path(name).stem.split("-")
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
    inside = np.ones(len(rows), bool) if where == EVERYWHERE else _slice(rows)
    champion = scores[at]
    both = compare.rows(rows, (champion, _dealt(champion, inside, float(share), rng)), resampling)
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


def _point(share: float, told: list[dict[str, Any]], policy: Policy, limits: Mapping[str, float]) -> Point:
    pairs: list[Pair] = [luck.read(one["pair"]) for one in told]
    found = margins.rates(pairs, policy, limits)
    losses = [one["loss"] for one in told if one["loss"] is not None]
    return Point(share, float(np.mean(losses)) if losses else float("nan"), found.verdicts["worse"])
