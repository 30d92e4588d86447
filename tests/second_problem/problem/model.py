"""The model: params in, an unfitted scikit-learn Pipeline out."""

from sklearn.pipeline import Pipeline

from loop.kit import models
from loop.kit.models import Linear as Params
from loop.kit.models import expected as score
from problem.features import VIEWS
from problem.source import MEASURES

TRUSTED = models.LINEAR_TRUSTED

__all__ = ["TRUSTED", "Params", "build", "score"]


def build(params: Params, seed: int) -> Pipeline:
    """An unfitted Pipeline from the columns of an Example to the expected progression."""
    numbers = [*MEASURES, *(name for view in VIEWS for name in view.features)]
    return models.linear("regression", params, seed, numbers=numbers)
