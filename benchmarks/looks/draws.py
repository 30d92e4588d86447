"""Worlds in which no candidate is better, and who passes in them all the same.

Two kinds of candidates. Those of a list are chosen before any figure is seen: models trained alike, another
seed or another draw of the training clusters. Those of somebody who climbs go by the figures of each report:
the best so far, moved a little towards or away from another of the models, is kept whenever its gain rose.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from loop.stats import bootstrap, spending

SEED, DRAWS, STEPS, STRIDE = 20260101, 400, 50, 0.5
AT = (1, 2, 5, 10, 20, 50, 100, 200)
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class World:
    """Another holdout like this one: its clusters, drawn anew, and how reviews resample them."""

    drawn: Array  # (clusters,): of the holdout's clusters
    rows: Array  # (clusters,): of each that was drawn
    weight: Array  # (replicates, clusters)
    confidence: float

    @classmethod
    def of(cls, rows: Array, replicates: int, confidence: float, rng: np.random.Generator) -> "World":
        """Drawn from a holdout whose clusters have so many rows."""
        count = len(rows)
        drawn = rng.integers(0, count, count)
        weight = bootstrap.weights(count, replicates, int(rng.integers(1 << 31)))
        return cls(drawn, rows[drawn], weight, confidence)

    def judged(self, gain: Array) -> tuple[float, float, float]:
        """A gain (clusters,) as a first look's review sees it: a mean of rows, and its interval."""
        here = gain[self.drawn]
        means = here @ self.weight.T / (self.weight @ self.rows)
        return float(here.sum() / self.rows.sum()), *bootstrap.interval(means, len(here), self.confidence)


def simulated(
    scores: list[Array],
    loss: Callable[[Array], Array],
    clusters: Array,
    confidence: float,
    replicates: int,
    margin: float,
) -> dict[str, Any]:
    """Shares of draws in which any look up to each of AT passes; (rows,) `scores` of each model, `clusters`.

    "better" and "let_through" are of the list, uncounted and counted; "climbed" of who climbs, counted. In
    truth no candidate is better, or each is worse by the margin. "told" is what is just enough at a look.
    """
    rng = np.random.default_rng(SEED)
    rows = np.bincount(clusters)

    def sums(one: Array) -> Array:
        return np.bincount(clusters, loss(one))

    def fair(gain: Array) -> Array:
        """A gain by clusters, shifted so that in truth there is none."""
        return gain - gain.sum() / rows.sum() * rows

    losses = [sums(one) for one in scores]
    half = len(losses) // 2
    wide = np.array([spending.times(look, len(rows), confidence) for look in range(1, len(losses) + 1)])
    listed, climbed, least, most = [], [], [], 0
    for _ in range(DRAWS):
        world = World.of(rows, replicates, confidence, rng)
        gains = []
        for kind in (losses[:half], losses[half:]):  # by seed, and by draw: each is compared with its like
            rival = rng.integers(half)
            gains += [fair(kind[rival] - one) for one in kind if (kind[rival] != one).any()]
        told = np.array([world.judged(gains[place]) for place in rng.permutation(len(gains))])
        plain, counted = (_until(_passes(told, by, margin)) for by in (np.ones(len(told)), wide[: len(told)]))
        listed.append((plain, counted))
        least.extend(told[:, 0] - told[:, 1])
        most = max(most, len(told))

        champion = int(rng.integers(len(scores)))
        best, top, seen = scores[champion], 0.0, []
        for _look in range(min(STEPS, len(scores))):
            step = rng.uniform(-STRIDE, STRIDE)
            moved = best + step * (scores[rng.integers(len(scores))] - best)
            moved = np.clip(moved, scores[champion].min(), scores[champion].max())
            if np.array_equal(moved, scores[champion]):
                continue  # the same model is no new look
            seen.append(world.judged(fair(losses[champion] - sums(moved))))
            if seen[-1][0] > top:
                best, top = moved, seen[-1][0]
        climbed.append(_until(_passes(np.array(seen), wide[: len(seen)], margin)))
    shares = np.mean(listed, axis=0)
    return {
        "looks": most,
        "at": AT,
        "better": shares[:, 0].tolist(),
        "let_through": shares[:, 1].tolist(),
        "climbed": np.mean(climbed, axis=0).tolist(),
        "told": [float(np.median(least) * wide[min(at, len(wide)) - 1]) for at in AT],
        "margin": margin,
    }


def _passes(told: Array, by: Array, margin: float) -> Array:
    """(2, looks): whether each is "better" where none is; let through where each is worse by the margin."""
    at, low, high = told.T
    below, above = at + (low - at) * by, at + (high - at) * by
    lost, kept = below - margin, above - margin
    return np.array([below > 0, (lost > 0) | ((lost >= -margin) & (kept <= margin))])


def _until(passes: Array) -> Array:
    """(2, len(AT)): whether any of the first looks passes."""
    any_yet = np.maximum.accumulate(passes, axis=1)
    return any_yet[:, [min(at, any_yet.shape[1]) - 1 for at in AT]]
