"""The model: params in, an unfitted scikit-learn Pipeline out. Row transforms live inside it."""

from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from loop.kit import models
from loop.kit.models import Boosted as Params
from loop.kit.models import probability as score
from problem.features import VIEWS, schedule, schedule_names

CATEGORIES = ["carrier", "origin", "dest"]
# What the model file may hold besides plain scikit-learn: loading it refuses all else.
TRUSTED = [*models.BOOSTED_TRUSTED, "problem.features.schedule", "problem.features.schedule_names"]

__all__ = ["TRUSTED", "Params", "build", "score"]


def build(params: Params, seed: int) -> Pipeline:
    """An unfitted Pipeline from the columns of an Example to the probability of a late arrival."""
    clock = FunctionTransformer(schedule, feature_names_out=schedule_names)
    views = [name for view in VIEWS for name in (*view.features, *([view.age] if view.age else []))]
    return models.boosted(
        "binary",
        params,
        seed,
        early_stopping=False,  # every row trains; `trees` of params.yaml says how many there are
        categories=CATEGORIES,
        steps=[("schedule", clock, ["scheduled_departure", "scheduled_arrival"])],
        numbers=["distance_miles", *views],
    )
