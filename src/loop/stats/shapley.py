"""What each column adds to a score, by Shapley values, for any model that can be asked.

Columns are moved from a background row's value to the row's own in a random order; what the score moves by
is the column's. The mean over many background rows and orders, each order also backwards, is the estimate of
Štrumbelj and Kononenko (2014, Knowledge and Information Systems 41). Contributions add up to score minus base
by construction.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ORDERS = 64  # orders of the columns, half of them drawn, half the same backwards


@dataclass(frozen=True)
class Walks:
    """Ways from background rows, the places `starts` (walks,), to a row, by `orders` (walks, width)."""

    orders: NDArray[np.int64]
    starts: NDArray[np.int64]

    def own(self) -> NDArray[np.bool_]:
        """Which columns have the row's own value after each step: (walks, width + 1, width)."""
        walks, width = self.orders.shape
        rank = np.argsort(self.orders, axis=1)
        return np.asarray(rank[:, None, :] < np.arange(width + 1)[None, :, None]).reshape(
            walks, width + 1, width
        )

    def contributions(self, scores: Floats) -> tuple[float, Floats]:
        """Base, and what each column adds (width,), from the score after each step: (walks, width + 1)."""
        added = np.zeros(self.orders.shape[1])
        for order, shifts in zip(self.orders, np.diff(scores, axis=1), strict=True):
            added[order] += shifts
        return float(scores[:, 0].mean()), added / len(self.orders)


def walks(width: int, background: int, seed: int) -> Walks:
    """ORDERS ways through `width` columns, from some of so many background rows; a seed gives the same."""
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(width) for _ in range(ORDERS // 2)]
    rows = rng.choice(background, ORDERS // 2, replace=background < ORDERS // 2)
    orders = np.array([order for some in drawn for order in (some, some[::-1])], np.int64)
    return Walks(orders, np.repeat(rows, 2))  # an order and its reverse start from the same row
