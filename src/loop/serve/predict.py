"""From requests to scores: features from the store, the model, the decision, and what was not known.

The one way from a request to a score: an answer over HTTP and a file scored in batch both go through it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from loop.data.columns import Array, Columns
from loop.data.features import DECIDED_AT
from loop.serve.loaded_model import Model
from loop.serve.online import MISSING, STALE, Features, Found


@dataclass(frozen=True)
class Predictions:
    """Of each row: the score, and per view (rows, views) whether its features were fresh, missing or stale.

    `columns` are those that the model saw, `features` (rows, names) those of the store among them;
    `unknown` marks, by column, categories that training never saw.
    """

    columns: Columns
    features: Array
    scores: Array
    states: Array
    unknown: dict[str, Array]
    store_failed: bool = False


class Predictor:
    """A model with its features."""

    def __init__(self, model: Model, features: Features) -> None:
        self.model, self.features = model, features
        self.views = [view.name for view in features.views]

    def predict(self, requests: Columns, given: bool = False) -> Predictions:
        """Score requests, with the features that the store has for them, or that are `given` among them."""
        if given:
            names, rows = self.features.names, len(requests[DECIDED_AT])
            numbers = np.column_stack([requests[name] for name in names]) if names else np.empty((rows, 0))
            found = Found(numbers, np.zeros((rows, len(self.views)), np.int8), False)
        else:
            found = self.features.of(requests)
        columns = requests | dict(zip(self.features.names, found.numbers.T, strict=True))
        scores = self.model.scores(columns)
        if not np.isfinite(scores).all():
            raise FloatingPointError("the model gave a score that is no number")
        return Predictions(columns, found.numbers, scores, found.states, self._unknown(columns), found.failed)

    def _unknown(self, columns: Columns) -> dict[str, Array]:
        marked = {}
        for name, known in self.model.categories.items():
            values = columns[name].tolist()
            if strange := {value for value in set(values) - known if value is not None}:
                marked[name] = np.array([value in strange for value in values])
        return marked


def said_of(found: Predictions, row: int, views: list[str]) -> dict[str, Any]:
    """What an answer says of features that were not there: views missing or stale, columns unknown."""
    states = found.states[row]
    return {
        "missing": [views[at] for at in np.flatnonzero(states == MISSING)],
        "stale": [views[at] for at in np.flatnonzero(states == STALE)],
        "unknown": [name for name, marks in found.unknown.items() if marks[row]],
    }
