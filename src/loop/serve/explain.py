"""Why a score is what it is: what each feature adds to it, by Shapley values.

The base is the mean score of the reference rows. Features are moved from a reference row's value to the
request's in a random order; what the score moves by is the feature's. The mean over many rows and orders,
each order also backwards, is the estimate of Štrumbelj and Kononenko (2014, Knowledge and Information
Systems 41). It holds for any model, and the contributions add up to score minus base by construction.
"""

from dataclasses import dataclass

import numpy as np

from loop.data.columns import Array, Columns
from loop.serve.loaded_model import Model

ORDERS = 64  # orders of the features, half of them drawn, half the same backwards
SEED = 1


@dataclass(frozen=True)
class Explanation:
    """Contributions by feature, in units of the score, and the base that they start from."""

    base: float
    contributions: dict[str, float]


class Explainer:
    """Explains the scores of one model; the same request gets the same explanation."""

    def __init__(self, model: Model) -> None:
        self._model = model
        sample = {name: values[model.reference.golden :] for name, values in model.reference.columns.items()}
        self._background = model.matrix(sample)
        rng = np.random.default_rng(SEED)
        width = self._background.shape[1]
        drawn = [rng.permutation(width) for _ in range(ORDERS // 2)]
        self._orders = [order for some in drawn for order in (some, some[::-1])]
        rows = rng.choice(len(self._background), ORDERS // 2, replace=len(self._background) < ORDERS // 2)
        self._rows = np.repeat(rows, 2)  # an order and its reverse start from the same row
        self._names = model.names or [f"feature {at}" for at in range(width)]

    def explain(self, columns: Columns, row: int) -> Explanation:
        """What each feature adds to the score of a row of `columns`; those that add nothing are left out.

        With classes the score is that of the likeliest.
        """
        asked = self._model.matrix({name: values[row : row + 1] for name, values in columns.items()})[0]
        width = len(asked)
        steps = np.empty((len(self._orders), width + 1, width))
        for at, (order, start) in enumerate(zip(self._orders, self._rows, strict=True)):
            steps[at] = self._background[start]
            for done, feature in enumerate(order, 1):
                steps[at, done:, feature] = asked[feature]
        found = self._model.scores_of(steps.reshape(-1, width))
        if found.ndim > 1:  # the likeliest class of the request, which ends each order
            found = found[:, found[width].argmax()]
        scores = found.reshape(len(self._orders), width + 1)
        moved = np.diff(scores, axis=1)
        added = np.zeros(width)
        for order, shifts in zip(self._orders, moved, strict=True):
            added[order] += shifts
        means: Array = added / len(self._orders)
        named = sorted(zip(self._names, means.tolist(), strict=True), key=lambda pair: -abs(pair[1]))
        return Explanation(float(scores[:, 0].mean()), {name: value for name, value in named if value})
