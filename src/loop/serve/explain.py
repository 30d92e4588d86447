"""Why a score is what it is: what each feature adds to it, by Shapley values.

The base is the mean score of the reference rows, from which features are moved to the request's: see
`loop.stats.shapley`. It holds for any model.
"""

from dataclasses import dataclass

import numpy as np

from loop.data.columns import Columns
from loop.serve.loaded_model import Model
from loop.stats import shapley

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
        background = model.matrix(sample)
        self._walks = shapley.walks(background.shape[1], len(background), SEED)
        self._own, self._starts = self._walks.own(), background[self._walks.starts][:, None, :]
        self._names = model.names or [f"feature {at}" for at in range(background.shape[1])]

    def explain(self, columns: Columns, row: int) -> Explanation:
        """What each feature adds to the score of a row of `columns`; those that add nothing are left out.

        With classes the score is that of the likeliest.
        """
        asked = self._model.matrix({name: values[row : row + 1] for name, values in columns.items()})[0]
        steps = np.where(self._own, asked, self._starts)
        found = self._model.scores_of(steps.reshape(-1, len(asked)))
        if found.ndim > 1:  # the likeliest class of the request, which ends each order
            found = found[:, found[len(asked)].argmax()]
        base, means = self._walks.contributions(found.reshape(steps.shape[:2]))
        named = sorted(zip(self._names, means.tolist(), strict=True), key=lambda pair: -abs(pair[1]))
        return Explanation(base, {name: value for name, value in named if value})
