"""The model: params in, an unfitted scikit-learn Pipeline out."""

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from problem.features import VIEWS
from problem.source import MEASURES

TRUSTED = ["numpy.dtype"]  # beside plain scikit-learn; the imputer keeps one


class Params(BaseModel):
    """`train.model` of params.yaml."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    alpha: float = Field(gt=0)


def build(params: Params, seed: int) -> Pipeline:
    """An unfitted Pipeline from the columns of an Example to the expected progression."""
    numbers = [*MEASURES, *(name for view in VIEWS for name in view.features)]
    return Pipeline(
        [
            ("columns", ColumnTransformer([("numbers", "passthrough", numbers)])),
            ("missing", SimpleImputer(keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("ridge", Ridge(alpha=params.alpha, random_state=seed)),
        ]
    )


def score(model: Pipeline, examples: pd.DataFrame) -> np.ndarray:
    """The score that is judged and served, one per row: the expected progression.

    Rounded, because the last bit of a product of matrices depends on how many rows it has.
    """
    return np.asarray(np.round(model.predict(examples), 6))
