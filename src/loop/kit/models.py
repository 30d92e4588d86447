"""Pipelines that are ready to use, for each task: boosted trees, and a linear model.

Row transforms live inside the Pipeline. A category that training did not see, and any number that is
missing, are values like others.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

Task = Literal["binary", "multiclass", "regression"]
Step = tuple[str, Any, list[str]]  # name, transformer, the columns that it reads
# What a model file may hold besides plain scikit-learn: loading it refuses all else.
BOOSTED_TRUSTED = [
    "functools.partial",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
]
LINEAR_TRUSTED = ["numpy.dtype"]
PAIRWISE = 8  # numbers of a row, from which on numpy's sum has an order of its own where they lie together
MIDDLE = "absolute_error"  # the loss that the median has least of
MANY = 250  # categories of a column that trees tell apart; rarer ones are one


class Boosted(BaseModel):
    """`train.model` of params.yaml, for boosted trees."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    learning_rate: float = Field(gt=0)
    trees: int = Field(ge=1, le=100_000)
    leaves: int = Field(ge=2)
    rows_per_leaf: int = Field(ge=1)
    l2: float = Field(ge=0)
    features_per_split: float = Field(gt=0, le=1)


class Linear(BaseModel):
    """`train.model` of params.yaml, for a linear model: `alpha` is the weight of the penalty (L2)."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    alpha: float = Field(gt=0)


def boosted(
    task: Task,
    params: Boosted,
    seed: int,
    *,
    categories: Sequence[str] = (),
    flags: Sequence[str] = (),
    numbers: Sequence[str] = (),
    steps: Sequence[Step] = (),
    many: bool = False,
    middle: bool = False,
    early_stopping: bool = False,
) -> Pipeline:
    """Histogram-based gradient boosting (Ke et al. 2017) on categories, then what steps make, then numbers.

    With `many`, a column may have more than 255 categories: its rare ones are taken together. With `middle`,
    a number is the median of like rows instead of their mean, which few very large ones move. With
    `early_stopping`, a random tenth of the rows does not train, and says when there are trees enough.
    """
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=MANY if many else None,
    )
    first: list[Step] = [("category", encoder, list(categories))] if categories else []
    first += _flags(flags)
    columns = ColumnTransformer(
        [*first, *steps, ("number", "passthrough", list(numbers))], verbose_feature_names_out=False
    )
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    booster = kind(
        learning_rate=params.learning_rate,
        max_iter=params.trees,
        max_leaf_nodes=params.leaves,
        min_samples_leaf=params.rows_per_leaf,
        l2_regularization=params.l2,
        max_features=params.features_per_split,
        categorical_features=list(range(len(categories))),
        early_stopping=early_stopping,
        random_state=seed,
        **({"loss": MIDDLE} if middle else {}),
    )
    return Pipeline([("columns", columns), ("booster", booster)])


def linear(
    task: Task,
    params: Linear,
    seed: int,
    *,
    categories: Sequence[str] = (),
    flags: Sequence[str] = (),
    numbers: Sequence[str] = (),
    steps: Sequence[Step] = (),
) -> Pipeline:
    """Ridge or logistic regression of scaled numbers, a missing one the mean, and a column per category."""
    encoder = OneHotEncoder(handle_unknown="ignore", min_frequency=10, sparse_output=False)
    first: list[Step] = [("category", encoder, list(categories))] if categories else []
    first += _flags(flags)
    columns = ColumnTransformer([*first, *steps, ("numbers", "passthrough", list(numbers))])
    line = (
        ("ridge", Ridge(alpha=params.alpha, random_state=seed))
        if task == "regression"
        else ("logistic", LogisticRegression(C=1 / params.alpha, max_iter=1000, random_state=seed))
    )
    missing = SimpleImputer(keep_empty_features=True)
    return Pipeline([("columns", columns), ("missing", missing), ("scale", StandardScaler()), line])


def _flags(names: Sequence[str]) -> list[Step]:
    """True and false as 1 and 0: beside numbers, truths would make of all of them objects."""
    return [("flag", OrdinalEncoder(categories=[[False, True]] * len(names)), list(names))] if names else []


def probability(model: Pipeline, examples: pd.DataFrame) -> np.ndarray:
    """The probability of label 1, one per row."""
    return _steady(model, model.predict_proba(examples)[:, 1])


def probabilities(classes: Sequence[str]) -> Callable[[Any, pd.DataFrame], np.ndarray]:
    """A function that gives the probability of each class, (rows, classes); 0 of one not seen in training.

    To ten decimals from eight classes on: numpy sums so many in another order for one row than for several.
    """

    def score(model: Any, examples: pd.DataFrame) -> np.ndarray:
        found = _steady(model, model.predict_proba(examples))
        found = np.round(found, 10) if found.shape[1] >= PAIRWISE else found
        whole = np.zeros((len(found), len(classes)))
        whole[:, np.asarray(model.classes_, np.int64)] = found
        return whole

    return score


def _steady(model: Any, found: Any) -> np.ndarray:
    """Probabilities to ten decimals where they come from a product of matrices: see `expected`."""
    last = model[-1] if isinstance(model, Pipeline) else model
    product = hasattr(last, "coef_") or hasattr(last, "coefs_")  # of a line, of a network
    return np.asarray(np.round(found, 10) if product else found)


def expected(model: Pipeline, examples: pd.DataFrame) -> np.ndarray:
    """The expected label, one per row.

    Rounded to six decimals, because the last bit of a product of matrices depends on how many rows it has.
    """
    return np.asarray(np.round(model.predict(examples), 6))
