"""A simulated canary at every hour: sums of what `sequential.difference` adds up, cumulative over hours.

Each row is an entity of its own. Blocks are days; within a day its mean is that of the rows so far,
as whoever asks at that hour would take it.
"""

from dataclasses import dataclass

import numpy as np

from loop.stats import sequential

HOURS = 24


@dataclass(frozen=True)
class Hourly:
    """At each hour: the sum, the larger estimate of its variance, the information, and a plain z."""

    total: np.ndarray
    variance: np.ndarray
    information: np.ndarray
    plain_z: np.ndarray

    def worse(self, alpha: float, limit: float = 0.0) -> np.ndarray:
        """Whether the lower bound is beyond the limit, at each hour."""
        found = sequential.margin(self.variance, self.information, alpha)
        return self.total - found > limit * self.information

    def better(self, alpha: float) -> np.ndarray:
        """Whether the upper bound is below zero, at each hour."""
        return self.total + sequential.margin(self.variance, self.information, alpha) < 0

    def plain(self, quantile: float) -> np.ndarray:
        """Whether a test made for one hour says worse, from as many rows on."""
        return (self.plain_z > quantile) & (self.information >= sequential.BURN_IN)

    def msprt(self, alpha: float) -> np.ndarray:
        """Whether a mixture SPRT with the same prior says worse (Johari et al. 2022, two-sided)."""
        prior = self.variance * sequential.BURN_IN / self.information
        grown = np.maximum(self.variance + prior, np.finfo(float).tiny)
        log = 0.5 * np.log(1 / (1 + self.information / sequential.BURN_IN)) + self.total**2 / 2 / grown
        enough = self.information >= sequential.BURN_IN
        return (log > np.log(1 / alpha)) & (self.total > 0) & enough


def hourly(loss: np.ndarray, arm: np.ndarray, share: np.ndarray) -> Hourly:
    """`loss` and `arm` are (days, 24, rows of an hour), `share` is (days,)."""
    p = share[:, None, None]
    draw = arm - p
    rows = np.broadcast_to(np.arange(1, HOURS + 1) * loss.shape[2], loss.shape[:2]).astype(np.float64)
    of_day = {name: _so_far(part) for name, part in _parts(loss, draw).items()}
    mean, alone = of_day["l"] / rows, rows / (rows - 1)
    total = alone * (of_day["dl"] - mean * of_day["d"])
    square = alone**2 * (of_day["ddll"] - 2 * mean * of_day["ddl"] + mean**2 * of_day["dd"])
    overlap = (share * (1 - share))[:, None]
    drawn = alone**2 * overlap * (of_day["ll"] - mean**2 * rows)
    total, square, drawn, cross, weight, weights = (
        _over_days(part)
        for part in (total, square, drawn, overlap * total, overlap * rows, overlap**2 * rows)
    )
    value = total / weight
    seen = square - 2 * value * cross + value**2 * weights
    return Hourly(total, np.maximum(seen, drawn), weight, _plain_z(loss, arm))


def shortfall(arm: np.ndarray, share: np.ndarray) -> Hourly:
    """The same for the share due to the challenger, as `sequential.shortfall` adds it up."""
    p = share[:, None]
    rows, answered = np.full(arm.shape[:2], arm.shape[2]), arm.sum(axis=2)
    parts = (
        p * rows - answered,
        answered * (1 - 2 * p) + rows * p**2,
        rows * p * (1 - p),
        p * (p * rows - answered),
        p * rows,
        p**2 * rows,
    )
    total, square, drawn, cross, weight, weights = (part.ravel().cumsum() for part in parts)
    value = total / weight
    seen = square - 2 * value * cross + value**2 * weights
    return Hourly(total, np.maximum(seen, drawn), weight, np.zeros_like(total))


def _parts(loss: np.ndarray, draw: np.ndarray) -> dict[str, np.ndarray]:
    drawn = draw * loss
    return {
        "l": loss,
        "ll": loss * loss,
        "d": draw,
        "dd": draw * draw,
        "dl": drawn,
        "ddl": draw * drawn,
        "ddll": drawn * drawn,
    }


def _so_far(part: np.ndarray) -> np.ndarray:
    return part.sum(axis=2).cumsum(axis=1)


def _over_days(so_far: np.ndarray) -> np.ndarray:
    before = np.concatenate([[0.0], so_far[:-1, -1].cumsum()])
    return (so_far + before[:, None]).ravel()


def _plain_z(loss: np.ndarray, arm: np.ndarray) -> np.ndarray:
    """The difference of the arms' means over its standard error (Welch), of all rows so far."""
    middle = loss.mean()  # only against cancellation
    means, errors = [], []
    for part in (arm, 1 - arm):
        rows, sums, squares = (
            one.sum(axis=2).ravel().cumsum()
            for one in (part, part * (loss - middle), part * (loss - middle) ** 2)
        )
        rows = np.maximum(rows, 1)
        means.append(sums / rows)
        errors.append((squares / rows - (sums / rows) ** 2) / rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nan_to_num((means[0] - means[1]) / np.sqrt(errors[0] + errors[1]))
