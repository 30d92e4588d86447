"""The model: params in, an unfitted scikit-learn Pipeline out. Row transforms live inside it."""

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

from problem.features import VIEWS, schedule, schedule_names

CATEGORIES = ["carrier", "origin", "dest"]
# What the model file may hold besides plain scikit-learn: loading it refuses all else.
TRUSTED = [
    "functools.partial",
    "problem.features.schedule",
    "problem.features.schedule_names",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
]


class Params(BaseModel):
    """`train.model` of params.yaml."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    learning_rate: float = Field(gt=0)
    trees: int = Field(ge=1)
    leaves: int = Field(ge=2)
    rows_per_leaf: int = Field(ge=1)
    l2: float = Field(ge=0)
    features_per_split: float = Field(gt=0, le=1)


def build(params: Params, seed: int) -> Pipeline:
    """An unfitted Pipeline from the columns of an Example to the probability of a late arrival.

    A category that training did not see, and any missing number, follow the branch that
    training found best for missing values.
    """
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan
    )
    clock = FunctionTransformer(schedule, feature_names_out=schedule_names)
    views = [name for view in VIEWS for name in (*view.features, *([view.age] if view.age else []))]
    columns = ColumnTransformer(
        [
            ("category", encoder, CATEGORIES),
            ("schedule", clock, ["scheduled_departure", "scheduled_arrival"]),
            ("number", "passthrough", ["distance_miles", *views]),
        ],
        verbose_feature_names_out=False,
    )
    booster = HistGradientBoostingClassifier(
        learning_rate=params.learning_rate,
        max_iter=params.trees,
        max_leaf_nodes=params.leaves,
        min_samples_leaf=params.rows_per_leaf,
        l2_regularization=params.l2,
        max_features=params.features_per_split,
        categorical_features=list(range(len(CATEGORIES))),
        early_stopping=False,
        random_state=seed,
    )
    return Pipeline([("columns", columns), ("booster", booster)])


def score(model: Pipeline, examples: pd.DataFrame) -> np.ndarray:
    """The score that is judged and served, one per row: the probability of a late arrival."""
    return np.asarray(model.predict_proba(examples)[:, 1])
